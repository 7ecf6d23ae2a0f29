# SPDX-License-Identifier: Apache-2.0
"""The conformance runner: what it counts, and that each of its gates closes."""
import html.parser
import json
import pathlib
import re
import signal
import subprocess
import sys
import xml.etree.ElementTree

from support import Skipped, case, compiled, compiler, expect, place, variants

SUMMARY = ["declared", "executed", "passed", "unsupported", "xfail", "skipped", "failed"]


def report(t, name="report.json"):
    return json.loads(t.path(name).read_text())


def cases(t, verdict=None, name="report.json"):
    """The cases of the first device of a report, of one verdict or all."""
    return [c for c in report(t, name)["devices"][0]["cases"] if verdict in (None, c["verdict"])]


@case
def matrix_report_has_the_documented_summary(t):
    t.good("hal-matrix", "run", "--op", "softmax", "--json", t.path("report.json"))
    summary = report(t)["summary"]
    expect(list(summary) == SUMMARY, f"{list(summary)}")
    expect(summary["executed"] == summary["passed"] > 20 and summary["failed"] == 0, f"{summary}")
    expect(len(cases(t)) == summary["declared"], "cases and summary disagree")


@variants(
    ("unknown operator", 3, ["\"nope\""], "run", "--op", "nope"),
    ("unknown dtype", 3, ["\"f12\""], "run", "--dtype", "f12"),
    ("unknown backend", 3, ["\"nope\""], "run", "--backend", "nope"),
    ("unknown device", 3, ["\"nope7\""], "run", "--device", "nope7"),
    ("unknown list", 2, ["--list some"], "run", "--list", "some"),
    ("floor in words", 2, ["--floor many"], "run", "--floor", "many"),
    ("missing list of expected failures", 3, ["nowhere"], "run", "--expect", "nowhere"),
    ("no case", 2, ["name a case"], "explain"),
    ("unknown case", 3, ["softmax/f32/nothing"], "repro", "softmax/f32/nothing"),
)
def matrix_refuses(t, code, says, *words):
    t.bad(code, says, "hal-matrix", *words)


# --- the gates: each one is seen to close ---


def wrong_backend(t):
    """The directory of the backend that runs the reference, or spoils it."""
    directory = t.root / "wrong"
    if not directory.exists():
        directory.mkdir(mode=0o755)
        plugin = compiled(t, (t.source / "tests/cli/wrong.c").read_text())
        place(t, plugin, "libhal_wrong.so").rename(directory / "libhal_wrong.so")
    return f"{directory}:{t.plugins}"


def on_wrong(t, mode, code, says, *words):
    """Runs the matrix on the device that is wrong in this mode; its summary, or None where nothing was reported."""
    words = ("run", "--device", "wrong0", "--json", t.path("report.json"), *words)
    extra = {"HAL_PLUGIN_PATH": wrong_backend(t), "HAL_WRONG": mode}
    if code == 0:
        t.good("hal-matrix", *words, **extra)
    else:
        t.bad(code, says, "hal-matrix", *words, **extra)
    root = report(t)
    expect(root["green"] == (code == 0), f"exit {code}, but green is {root['green']}")
    return root["summary"]


@case
def gates_are_open_for_a_right_kernel(t):
    for op in ("copy", "matmul", "softmax", "attention"):
        summary = on_wrong(t, None, 0, [], "--op", op, "--floor", 20)
        expect(summary["passed"] == summary["executed"] >= 20, f"{op}: {summary}")


@variants(
    ("one bit of an exact row", "bit 0", "copy", None),
    ("the highest bit of a mantissa", "bit 22", "matmul", "f32"),
    ("a low bit beyond the bound", "bit 9", "softmax", "f32"),
    ("one bit of bf16", "bit 5", "matmul", "bf16"),
    ("a sign", "bit 31", "layer_norm", "f32"),
    ("an exponent", "bit 30", "adamw", "f32"),
    ("an element that is not written", "last", "attention", "f32"),
    ("a byte beyond the tensor", "beyond", "softmax", "f32"),
)
def gate_closes_on_a_mutated_kernel(t, mode, op, dtype):
    words = ("--op", op, *(("--dtype", dtype) if dtype else ()))
    summary = on_wrong(t, mode, 1, ["cases failed"], *words)
    expect(summary["failed"] > 0, f"{summary}")
    reasons = [c["reason"] for c in cases(t, "failed")]
    said = "outside the tensor" if mode == "beyond" else "the reference says"
    expect(reasons and all(said in reason for reason in reasons), f"{reasons[:3]}")


@case
def gate_names_the_one_mutated_operator(t):
    on_wrong(t, "one softmax", 0, [], "--op", "matmul")
    on_wrong(t, "one softmax", 1, ["cases failed"], "--op", "softmax", "--dtype", "bf16")


@case
def gate_closes_on_a_loosened_tolerance(t):
    """What the bound turns red would be green beyond it; such a run says so and is red all the same."""
    words = ("--op", "softmax", "--dtype", "f32")
    on_wrong(t, "bit 9", 1, ["cases failed"], *words)
    summary = on_wrong(t, "bit 9", 4, ["multiplied by 1e+06", "never green"], *words, "--loosen", "1e6")
    expect(summary["failed"] == 0 and report(t)["devices"][0]["loosen"] == 1e6, f"{summary}")
    t.bad(1, ["cases failed"], "hal-matrix", "run", "--op", "matmul", "--loosen", "0")


TOLERANCES = {"EXACT": (0, 0, 0, 0), "ROUNDED": (1, 1, 1, 0), "POINTWISE": (32, 8, 4, 0), "SUM": (2, 2, 2, 1), "SOFTMAX": (20, 4, 4, 1),
              "NORM": (16, 8, 4, 1), "MATMUL": (2, 2, 2, 1), "ATTENTION": (16, 8, 8, 1)}


@case
def bounds_are_those_of_the_contract(t):
    """A bound that is loosened where it stands is seen here, by the documentation and by this list."""
    rows = re.findall(r"^HAL_TOLERANCE\((\w+), *([\d.]+), *([\d.]+), *([\d.]+), *(\d)", (t.source / "ops/tolerance.def").read_text(), re.M)
    found = {name: tuple(float(x) for x in figures) for name, *figures in rows}
    expect(found == TOLERANCES, f"ops/tolerance.def says {found}")
    text = (t.source / "docs/numerics.md").read_text()
    rows = re.findall(r"^\| ([A-Z]+) \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \| (yes)? ?\|", text, re.M)
    found = {name: (float(a), float(b), float(c), int(bool(grows))) for name, a, b, c, grows in rows}
    expect(found == TOLERANCES, f"docs/numerics.md says {found}")


@case
def gate_closes_below_the_floor(t):
    executed = on_wrong(t, None, 0, [], "--op", "softmax")["executed"]
    on_wrong(t, None, 0, [], "--op", "softmax", "--floor", executed)
    on_wrong(t, None, 4, [f"{executed} cases executed", f"floor is {executed + 1}"], "--op", "softmax", "--floor", executed + 1)


@case
def gate_closes_when_nothing_is_executed(t):
    summary = on_wrong(t, "refuse", 4, ["0 cases executed"], "--op", "softmax")
    expect(summary["executed"] == 0 and summary["unsupported"] == summary["declared"] > 0, f"{summary}")
    t.bad(4, ["0 cases executed"], "hal-matrix", "run", "--op", "softmax", "--dtype", "i32")


@case
def gate_closes_on_a_kernel_for_each_shape(t):
    on_wrong(t, "kernels 300", 0, [], "--op", "softmax")
    on_wrong(t, "kernels 301", 4, ["301 distinct kernels", "at most 300"], "--op", "softmax")
    expect("301 distinct kernels" in report(t)["devices"][0]["level_missing"], report(t)["devices"][0]["level_missing"])


@case
def gate_closes_on_an_unexpected_pass(t):
    words = ("--op", "softmax", "--dtype", "f32", "--expect", t.path("expected"))
    on_wrong(t, "last", 1, ["cases failed"], "--op", "softmax", "--dtype", "f32")
    known = [c["case"] for c in cases(t, "failed")]
    t.path("expected").write_text("# known\n" + "".join(f"{case_} | wrong | mutated | issue 7 | 2026-11-21\n" for case_ in known))
    summary = on_wrong(t, "last", 0, [], *words)
    expect(summary["xfail"] == len(known) and summary["failed"] == 0, f"{summary}")
    on_wrong(t, None, 1, [f"{len(known)} passed against expectation"], *words)


@case
def summary_of_the_checks_is_red_where_the_runner_is(t):
    def judged():
        done = subprocess.run([sys.executable, t.source / "tests/matrix-summary.py", t.path("report.json")], capture_output=True,
                              text=True, check=False)
        return done.returncode, done.stdout.splitlines()[-1]

    count = on_wrong(t, None, 0, [], "--op", "softmax")["passed"]
    expect(judged() == (0, f"{count} passed, 0 failed, 0 skipped"), f"{judged()}")
    for mode, code, words in ((None, 4, ("--floor", 10**6)), ("refuse", 4, ()), ("bit 9", 4, ("--loosen", "1e9")), ("last", 1, ())):
        on_wrong(t, mode, code, [], "--op", "softmax", *words)
        expect(judged()[0] == 1 and ", 0 failed" not in judged()[1], f"{mode}: {judged()}")


# --- one case ---


@case
def names_of_cases_are_unique(t):
    t.good("hal-matrix", "run", "--op", "pointwise", "--json", t.path("report.json"))
    names = [c["case"] for c in cases(t)]
    expect(len(set(names)) == len(names) > 100, f"{len(names) - len(set(names))} of {len(names)} are named twice")


def built(t, case_, *words):
    """A reproducer's program, built as its first lines say."""
    source = t.good("hal-matrix", "repro", case_, *words, HAL_PLUGIN_PATH=wrong_backend(t)).out
    t.path("include").mkdir(exist_ok=True)
    if not t.path("include/hal").exists():
        t.path("include/hal").mkdir()
        for header in (*(t.source / "hal").glob("*.[hd]*"), *(t.source / "ops").glob("*.def")):
            t.path("include/hal").joinpath(header.name).symlink_to(header)
    t.path("repro.c").write_text(source)
    command = [*compiler(), "-Wall", "-Wextra", f"-I{t.path('include')}", "repro.c", "-o", "repro", f"-L{t.build}/.libs", "-lhal", "-lm"]
    done = subprocess.run(command, cwd=t.directory, capture_output=True, text=True, check=False)
    expect(done.returncode == 0 and "warning" not in done.stderr, f"{case_}: {done.stderr}")
    return t.path("repro")


def run_built(t, program, **extra):
    environment = t.environment(LD_LIBRARY_PATH=t.build / ".libs", **extra)
    return subprocess.run([program], capture_output=True, text=True, env=environment, check=False, timeout=60)


@case
def repro_is_a_program_that_passes_where_the_case_does(t):
    for op, layout in (("matmul", "permuted"), ("reduce", "broadcast"), ("attention", "sliced"), ("cast", "contiguous"), ("fill", "contiguous"),
                       ("pointwise", "broadcast"), ("layer_norm", "permuted"), ("adamw", "contiguous")):
        t.good("hal-matrix", "run", "--op", op, "--json", t.path("report.json"))
        names = [c["case"] for c in cases(t, "passed") if c["case"].endswith(layout)]
        expect(names, f"{op} has no case that is {layout}")
        done = run_built(t, built(t, names[len(names) // 2]))
        expect(done.returncode == 0 and done.stdout == "passed\n", f"{names[len(names) // 2]}: exit {done.returncode}: {done.stdout}")


@case
def repro_fails_where_the_case_does(t):
    on_wrong(t, "bit 22", 1, [], "--op", "softmax", "--dtype", "f32")
    name = cases(t, "failed")[0]["case"]
    program = built(t, name, "--device", "wrong0")
    search = wrong_backend(t)
    for mode, code, says in (("bit 22", 1, "the reference says"), ("beyond", 1, "outside the tensor"), (None, 0, "passed")):
        done = run_built(t, program, HAL_PLUGIN_PATH=search, HAL_WRONG=mode)
        expect(done.returncode == code and says in done.stdout, f"{mode}: exit {done.returncode}: {done.stdout}")
    explained = t.good("hal-matrix", "explain", name, "--device", "wrong0", HAL_PLUGIN_PATH=search, HAL_WRONG="bit 22").out
    expect("failed: " in explained and "tolerance SOFTMAX" in explained, explained)


# --- the second gate, and records of failures ---


def recorded(t, *words):
    """A baseline of the right backend, whose results are those of the reference."""
    on_wrong(t, None, 0, [], *words, "--write-baseline", t.path("baseline"))
    return t.path("baseline").read_text()


@case
def gate_closes_beyond_the_baseline_inside_the_contract(t):
    words = ("--op", "softmax", "--dtype", "f32")
    text = recorded(t, *words)
    expect("backend wrong" in text and "softmax f32 0.0000" in text, text)
    on_wrong(t, None, 0, [], *words, "--baseline", t.path("baseline"))
    summary = on_wrong(t, "bit 3", 0, [], *words)
    expect(summary["failed"] == 0, f"the contract does not allow bit 3: {summary}")
    on_wrong(t, "bit 3", 1, ["beyond the baseline"], *words, "--baseline", t.path("baseline"))
    reasons = [c["reason"] for c in cases(t, "failed")]
    expect(reasons and all("inside the contract, but the recorded maximum" in reason for reason in reasons), f"{reasons[:2]}")
    expect(report(t)["devices"][0]["beyond_baseline"] == len(reasons), "the count of the second gate")


@case
def baseline_has_a_record_of_everything_or_the_run_is_red(t):
    recorded(t, "--op", "softmax", "--dtype", "f32")
    on_wrong(t, None, 1, ["beyond the baseline"], "--op", "softmax", "--dtype", "bf16", "--baseline", t.path("baseline"))
    expect("no record of softmax/bf16" in cases(t, "failed")[0]["reason"], cases(t, "failed")[0]["reason"])


@case
def gate_of_another_machine_is_open_and_says_so(t):
    """Other instructions round differently: maxima of one machine say nothing of another, and a file is of one of them."""
    words = ("--op", "softmax", "--dtype", "f32")
    text = recorded(t, *words)
    expect("\nmachine the reference, or not\n" in text, text)
    t.path("baseline").write_text(text.replace("the reference, or not", "another processor"))
    on_wrong(t, "bit 3", 0, [], *words, "--baseline", t.path("baseline"))
    expect(report(t)["devices"][0]["baseline"] is None, "the report names a gate that was open")
    done = t.good("hal-matrix", "run", "--device", "wrong0", *words, "--baseline", t.path("baseline"), HAL_PLUGIN_PATH=wrong_backend(t))
    expect('recorded on "another processor"' in done.out and "gate is open" in done.out, done.out)
    t.bad(2, ["recorded on \"another processor\"", "remove it"], "hal-matrix", "run", "--device", "wrong0", *words, "--write-baseline",
          t.path("baseline"), HAL_PLUGIN_PATH=wrong_backend(t))
    t.path("baseline").write_text(text.replace("machine the reference, or not\n", ""))
    on_wrong(t, "bit 3", 1, ["beyond the baseline"], *words, "--baseline", t.path("baseline"))


@case
def baseline_rises_and_never_sinks(t):
    words = ("--op", "softmax", "--dtype", "f32", "--write-baseline", t.path("baseline"))
    on_wrong(t, None, 0, [], *words)
    on_wrong(t, "bit 3", 0, [], *words)
    raised = t.path("baseline").read_text()
    share = float(re.search(r"softmax f32 ([\d.]+)", raised).group(1))
    expect(share > 0.1, raised)
    on_wrong(t, None, 0, [], *words)
    expect(t.path("baseline").read_text() == raised, "a better run lowered the record")
    on_wrong(t, "bit 3", 0, [], *words[:4], "--baseline", t.path("baseline"))


@variants(
    ("no backend", "softmax f32 0.1\n", "no line"),
    ("no number", "backend cpu\nsoftmax f32 much\n", "line 2"),
    ("beyond the bound", "backend cpu\nsoftmax f32 1.5\n", "from 0 to 1"),
    ("twice", "backend cpu\nsoftmax f32 0.1\nsoftmax f32 0.2\n", "twice"),
    ("another backend", "backend acme\nsoftmax f32 0.1\n", "no device here"),
    ("binary", "backend cpu\nfill f32\0 0\n", "not text"),
)
def matrix_refuses_a_baseline(t, text, says):
    t.path("baseline").write_text(text)
    t.bad(2, ["baseline", says], "hal-matrix", "run", "--op", "softmax", "--baseline", t.path("baseline"))


@case
def baseline_is_for_the_numbers_of_one_seed(t):
    t.path("baseline").write_text("backend cpu\nfill f32 0\n")
    t.bad(2, ["seed 0"], "hal-matrix", "run", "--op", "fill", "--seed", 3, "--baseline", t.path("baseline"))


@case
def records_match_by_star_and_backend(t):
    words = ("--op", "softmax", "--dtype", "f32", "--expect", t.path("expected"))
    t.path("expected").write_text("softmax/*/*/* | other | another backend | 1 | 2026-01-01\n"
                                  "  # a word\n\n softmax/f32/*/* | wr*g | by star | issue 8 | 2026-11-21 \n")
    summary = on_wrong(t, "last", 1, ["passed against expectation"], *words)
    expect(summary["xfail"] > 5 and report(t)["devices"][0]["unexpected_passes"] == summary["failed"], f"{summary}")
    expect(cases(t, "xfail")[0]["reason"] == "by star (issue 8, 2026-11-21)", cases(t, "xfail")[0]["reason"])
    expect("remove line 4" in cases(t, "failed")[0]["reason"], cases(t, "failed")[0]["reason"])


@variants(
    ("a field is missing", "softmax/* | cpu | why | 2026-11-21\n", "DATE is missing"),
    ("a field is empty", "softmax/* | cpu | | issue 1 | 2026-11-21\n", "REASON is missing"),
    ("a field too many", "a/b | cpu | why | 1 | 2026-11-21 | more\n", "more than 5"),
    ("no date", "softmax/* | cpu | why | issue 1 | soon\n", "no date"),
    ("a long field", f"{'x' * 300} | cpu | why | issue 1 | 2026-11-21\n", "longer than"),
)
def matrix_refuses_a_record(t, text, says):
    t.path("expected").write_text("# one\n" + text)
    t.bad(2, ["expected: line 2", says], "hal-matrix", "run", "--op", "fill", "--expect", t.path("expected"))


# --- runs ---


@case
def drivers_are_asked_by_the_run_itself(t):
    """Nothing is kept in a fresh cache: one command runs on what the drivers have; a second one finds what was answered."""
    words = ("run", "--backend", "opencl", "--op", "fill", "--dtype", "i32", "--json", t.path("report.json"))
    if t.run("hal-matrix", *words).code == 3:
        devices = json.loads(t.good("hal-run", "devices", "--json", XDG_CACHE_HOME=t.path("asked")).out)["devices"]
        expect("opencl" not in {d["backend"] for d in devices}, "hal-run finds a device of opencl, and hal-matrix does not")
        raise Skipped("no OpenCL driver answers (Debian: pocl-opencl-icd)")
    drivers = []
    for _ in range(2):
        t.good("hal-matrix", *words)
        expect(report(t)["devices"][0]["backend"] == "opencl" and report(t)["summary"]["passed"] > 0, f"{report(t)['summary']}")
        drivers.append(report(t)["devices"][0]["driver"])
    expect(drivers[0] and drivers[0] == drivers[1], f"the reports are of the drivers {drivers}")


@case
def without_halves_and_doubles_the_contract_holds(t):
    """On PoCL behind a driver that hides both, where functions are made in other ways: what those that use doubles come to."""
    shim = t.build / ".libs/libshim_icd.so"
    if not shim.exists() or not pathlib.Path("/etc/OpenCL/vendors/pocl.icd").exists():
        raise Skipped("no shim around PoCL (make check-programs; Debian: pocl-opencl-icd)")
    vendors = t.path("vendors")
    vendors.mkdir()
    (vendors / "shim.icd").write_text(f"{shim}\n")
    t.good("hal-matrix", "run", "--backend", "opencl", "--list", "tiny", "--op", "random", "--op", "dropout", "--op", "gated",
           "--dtype", "f32", "--dtype", "f16", "--dtype", "f64", "--json", t.path("report.json"),
           OCL_ICD_VENDORS=vendors, HAL_TEST_ICD="fp16=0,fp64=0")
    found = {(c["case"].split("/")[1], c["verdict"]) for c in cases(t)}
    expect(found == {("f32", "passed"), ("f16", "passed"), ("f64", "unsupported")}, f"{found}")


@case
def jobs_change_neither_results_nor_order(t):
    words = ("run", "--op", "softmax", "--op", "matmul", "--device", "cpu0")
    t.good("hal-matrix", *words, "--json", t.path("one.json"))
    t.good("hal-matrix", *words, "--json", t.path("many.json"), "--jobs", 5)
    one, many = cases(t, name="one.json"), cases(t, name="many.json")
    expect(one == many and len(one) > 100, "results differ between one thread and five")


@case
def devices_and_backends_are_columns_in_order(t):
    t.good("hal-matrix", "--backend", "mock-npu", "--device", "cpu0", "--device", "cpu0", "--op", "copy", "--dtype", "f32", "--dtype", "i32",
           "--json", t.path("report.json"))
    devices = report(t)["devices"]
    expect([d["device"] for d in devices] == ["mock-npu0", "cpu0"], f"{[d['device'] for d in devices]}")
    expect([d["emulated"] for d in devices] == [True, False], "what is emulated has to say so")
    expect({c["case"].split("/")[1] for c in devices[1]["cases"]} == {"f32", "i32"}, "only the dtypes asked for")
    expect(all(d["programs"] > 0 and d["selection"] == "--op copy --dtype f32 i32" for d in devices), f"{devices[0]['selection']}")


@case
def lists_contain_each_other(t):
    names, versions = {}, set()
    for list_ in ("tiny", "quick", "full"):
        t.good("hal-matrix", "--op", "softmax", "--op", "gated", "--list", list_, "--json", t.path("report.json"))
        names[list_] = {c["case"] for c in cases(t)}
        versions.add(report(t)["devices"][0]["list_version"])
    expect(names["tiny"] < names["quick"] < names["full"], f"{ {k: len(v) for k, v in names.items()} }")
    expect(len(versions) == 3 and all(re.fullmatch("[0-9a-f]{8}", v) for v in versions), f"{versions}")
    expect({"gpt2", "bert", "whisper"} <= {n.split("/")[2].split(",")[0] for n in names["full"]}, "no shapes of models")


@case
def levels_follow_from_results(t):
    def level():
        device = report(t)["devices"][0]
        return device["level"], device["level_missing"]

    t.good("hal-matrix", "--list", "quick", "--jobs", 2, "--json", t.path("report.json"), "--floor", 4313)
    expect(level() == ("Conformant-quick", "the full list was not run"), f"{level()}")
    t.good("hal-matrix", "--op", "fill", "--json", t.path("report.json"))
    expect(level()[0] == "Experimental" and "only a part was run: --op fill" in level()[1], f"{level()}")
    t.good("hal-matrix", "--list", "tiny", "--jobs", 2, "--json", t.path("report.json"))
    expect(level()[0] == "Experimental" and "tiny" in level()[1], f"{level()}")
    on_wrong(t, "last", 1, [], "--op", "softmax")
    expect(level()[0] == "Experimental" and "failed" in level()[1], f"{level()}")


@case
def interrupted_run_reports_what_it_has(t):
    command = t.command("hal-matrix", "--backend", "mock-npu", "--list", "full", "--verbose", "--json", t.path("report.json"), "--html",
                        t.path("page.html"))
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=t.environment(), cwd=t.directory) as tool:
        tool.stdout.readline()  # it has begun
        tool.send_signal(signal.SIGINT)
        err = tool.communicate(timeout=60)[1]
    expect(tool.returncode == 4 and "interrupted; the report has what was run" in err, f"exit {tool.returncode}: {err}")
    device = report(t)["devices"][0]
    expect(device["complete"] is False and device["incomplete"] == "interrupted" and not device["green"], "it has to say so")
    expect(device["summary"]["skipped"] > 1000 and len(device["cases"]) == device["summary"]["declared"], f"{device['summary']}")
    expect(device["level"] == "Experimental" and "incomplete" in t.path("page.html").read_text(), "no level, and a label")


@case
def failure_has_element_command_and_seed(t):
    out = on_wrong_out(t, "bit 22", "--op", "softmax", "--dtype", "f32")
    one = cases(t, "failed")[-1]
    at = one["at"]
    expect(at["wrong"] == 1 and at["of"] >= 1 and at["element"] == 0 and abs(at["got"] - at["want"]) > at["allowed"], f"{at}")
    expect(one["worst"] > 1 and f"element {at['element']}:" in one["reason"], f"{one}")
    expect(f"hal-matrix repro '{one['case']}' --device wrong0" in out and f"seed of input 0: {one['seed']}" in out, out[-400:])


def on_wrong_out(t, mode, *words):
    """What a run that fails prints."""
    return t.bad(1, [], "hal-matrix", "run", "--device", "wrong0", "--json", t.path("report.json"), *words,
                 HAL_PLUGIN_PATH=wrong_backend(t), HAL_WRONG=mode).out


@case
def seed_changes_the_numbers(t):
    def worst(seed):
        t.good("hal-matrix", "--op", "layer_norm", "--dtype", "f32", "--seed", seed, "--json", t.path("report.json"))
        return [c["worst"] for c in cases(t)]

    expect(worst(0) == worst(0) != worst(5), "the same seed has the same results, another has others")
    name = cases(t)[-1]["case"]
    done = run_built(t, built(t, name, "--seed", 5))
    expect(done.returncode == 0, f"{name}: {done.stdout}")


@case
def perf_reports_measured_figures(t):
    t.good("hal-matrix", "--op", "matmul", "--dtype", "f32", "--perf", "--json", t.path("report.json"), "--html", t.path("page.html"))
    timed = [c for c in cases(t, "passed") if "measured" in c]
    expect(len(timed) > 20 and all(c["measured"]["seconds"] > 0 and c["measured"]["bytes"] >= 0 for c in timed), f"{len(timed)}")
    expect("GFLOP/s" in t.path("page.html").read_text(), "the page has no figures")
    t.bad(2, ["--jobs 2"], "hal-matrix", "--perf", "--jobs", 2)


@case
def support_asks_and_runs_nothing(t):
    out = t.good("hal-matrix", "support", "--backend", "mock-npu", "--op", "softmax", "--op", "sort", "--json", t.path("report.json")).out
    expect(re.search(r"^softmax +\S+", out, re.M) and re.search(r"^sort +no", out, re.M), out)
    rows = report(t)["devices"][0]["support"]
    expect(all(r["native"] + r["decomposed"] + r["no"] > 0 for r in rows), f"{rows[:2]}")
    expect(all(r["reason"] for r in rows if r["no"]), "a no without a reason")


@variants(
    ("jobs 0", 2, ["--jobs 0"], "run", "--jobs", "0"),
    ("half a job", 2, ["--jobs 1.5"], "run", "--jobs", "1.5"),
    ("negative seed", 2, ["--seed -1"], "run", "--seed", "-1"),
    ("json into nowhere", 2, ["nowhere/x.json", "cannot be written"], "run", "--op", "fill", "--json", "nowhere/x.json"),
    ("html into a directory", 2, ["cannot be written"], "run", "--op", "fill", "--html", "."),
    ("nothing to merge", 2, ["name reports"], "merge", "-o", "x.json"),
    ("merge to nowhere", 2, ["-o"], "merge", "x.json"),
    ("output of a run", 2, ["merge"], "run", "--output", "x.json"),
    ("one report to diff", 2, ["two reports"], "diff", "x.json"),
    ("missing report", 3, ["gone.json"], "diff", "gone.json", "gone.json"),
    ("nearly an operator", 3, ["did you mean \"softmax\""], "run", "--op", "sofmax"),
    ("nearly a case", 3, ["did you mean \"softmax/f32/[3,5],setting=0/contiguous\""], "explain", "softmax/f32/[3,5],seting=0/contigous"),
    ("a case of another dtype", 3, ["no case"], "explain", "softmax/i32/[3,5],setting=0/contiguous"),
)
def matrix_refuses_words(t, code, says, *words):
    t.bad(code, says, "hal-matrix", *words)


@case
def report_on_a_full_disk_is_a_failure(t):
    for option in ("--json", "--html", "--junit", "--md"):
        t.bad(1, ["/dev/full"], "hal-matrix", "run", "--op", "fill", option, "/dev/full")


# --- reports ---


class Page(html.parser.HTMLParser):
    """Whether each element ends, and what a reader sees."""

    VOID = {"meta", "input", "br", "link", "img"}

    def __init__(self, text):
        super().__init__()
        self.open, self.wrong, self.words, self.ids, self.links = [], [], [], set(), []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag not in self.VOID:
            self.open.append(tag)
        if tag in ("script", "link", "img", "iframe") or "src" in attrs:
            self.wrong.append(f"<{tag}> reaches out")
        if "id" in attrs:
            if attrs["id"] in self.ids:
                self.wrong.append(f"id {attrs['id']} twice")
            self.ids.add(attrs["id"])
        if "href" in attrs:
            self.links.append(attrs["href"])

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"</{tag}> ends nothing")

    def handle_data(self, data):
        self.words.append(data)


def page_of(t, name="page.html"):
    page = Page(t.path(name).read_text())
    dangling = [link for link in page.links if not link.startswith("#") or link[1:] not in page.ids]
    expect(not page.wrong and not page.open and not dangling, f"{page.wrong[:3]} {page.open[:3]} {dangling[:3]}")
    return " ".join("".join(page.words).split())


@case
def page_is_whole_and_says_it_in_words(t):
    t.path("expected").write_text("softmax/bf16/*/* | wrong | known | issue 9 | 2026-11-21\n")
    on_wrong(t, "bit 22", 1, [], "--op", "softmax", "--op", "copy", "--dtype", "f32", "--html", t.path("page.html"))
    words = page_of(t)
    for word in ("not green", "✖", "failed", "✔ passed", "Experimental", "share of the error bound", "hal-matrix repro", "from seed"):
        expect(word in words, f"the page does not say \"{word}\"")
    expect("prefers-color-scheme:dark" in t.path("page.html").read_text(), "no colours for the dark")
    t.good("hal-matrix", "--backend", "mock-npu", "--backend", "cpu", "--op", "softmax", "--html", t.path("page.html"))
    words = page_of(t)
    for word in ("green", "emulated: not run on hardware", "○ unsupported", "1 of them hardware", "on the day of this page"):
        expect(word in words, f"the page does not say \"{word}\"")


@case
def junit_and_markdown_say_the_same(t):
    on_wrong(t, "bit 22", 1, [], "--op", "softmax", "--dtype", "f32", "--dtype", "bf16", "--junit", t.path("report.xml"), "--md", t.path("report.md"))
    summary = report(t)["summary"]
    suite = xml.etree.ElementTree.parse(t.path("report.xml")).getroot().find("testsuite")
    expect(suite.get("name") == "wrong0" and int(suite.get("tests")) == summary["declared"] == len(suite.findall("testcase")), "tests")
    expect(int(suite.get("failures")) == summary["failed"] == len(suite.findall("testcase/failure")) > 0, "failures")
    expect(int(suite.get("skipped")) == len(suite.findall("testcase/skipped")) == summary["unsupported"], "skipped")
    expect(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", suite.get("timestamp")), suite.get("timestamp"))
    text = t.path("report.md").read_text()
    expect(f"| {summary['passed']} | {summary['failed']} |" in text and "| softmax |" in text and "Failures of wrong0" in text, text[:600])
    rows = [line for line in text.splitlines() if line.startswith("|")]
    expect(all(line.count("|") == 12 for line in rows[:4]), "cells of the first table")


@case
def report_to_standard_output_is_alone_there(t):
    out = t.good("hal-matrix", "--op", "fill", "--dtype", "f32", "--json", "-").out
    expect(json.loads(out)["schema"] == "hal-matrix-2", out[:200])
    expect(t.good("hal-matrix", "--op", "fill", "--dtype", "f32", "--junit", "-").out.startswith("<?xml"), "JUnit comes first")


# --- merge and diff ---


def made(t, name, *words, **extra):
    t.good("hal-matrix", *words, "--json", t.path(name), **extra)
    return json.loads(t.path(name).read_text())


def changed(t, name, change):
    """Rewrites a report after a change of its first device."""
    root = json.loads(t.path(name).read_text())
    change(root["devices"][0])
    t.path(name).write_text(json.dumps(root))


@case
def merge_puts_devices_side_by_side(t):
    made(t, "a.json", "--op", "softmax")
    made(t, "b.json", "--op", "softmax", "--backend", "mock-npu")
    changed(t, "b.json", lambda d: d.update(when=d["when"] - 41 * 86400, name="<script>alert('x')</script>"))
    t.good("hal-matrix", "merge", t.path("a.json"), t.path("b.json"), "-o", t.path("all.json"), "--html", t.path("page.html"),
           "--junit", t.path("all.xml"), "--md", t.path("all.md"))
    expect([d["device"] for d in report(t, "all.json")["devices"]] == ["cpu0", "mock-npu0"], "columns in the order given")
    words = page_of(t)
    expect("old result" in words and "41 days before this page" in words and "<script>" in words, "age and names")
    expect(len(xml.etree.ElementTree.parse(t.path("all.xml")).getroot()) == 2, "two suites")
    t.good("hal-matrix", "merge", t.path("all.json"), "-o", t.path("again.json"))
    expect(report(t, "again.json")["devices"] == report(t, "all.json")["devices"], "reading and writing keeps everything")


@case
def merge_keeps_the_later_run_but_no_part_of_one(t):
    made(t, "old.json", "--list", "quick", "--jobs", 2)
    made(t, "new.json", "--list", "quick", "--jobs", 2)
    changed(t, "old.json", lambda d: d.update(when=d["when"] - 1000))
    made(t, "part.json", "--op", "fill")
    whens = [report(t, name)["devices"][0]["when"] for name in ("old.json", "new.json")]
    for order in (("old.json", "new.json"), ("new.json", "old.json"), ("new.json", "part.json", "old.json")):
        out = t.good("hal-matrix", "merge", *(t.path(name) for name in order), "-o", t.path("all.json")).out
        devices = report(t, "all.json")["devices"]
        expect(len(devices) == 1 and devices[0]["when"] == whens[1] > whens[0], f"{order}: {out}")
        expect("is kept" in out, out)


@case
def merge_adds_up_parts_by_operator(t):
    whole = made(t, "whole.json", "--list", "tiny", "--jobs", 2)["devices"][0]
    ops = list(dict.fromkeys(c["case"].split("/")[0] for c in whole["cases"]))
    halves = ops[:len(ops) // 2], ops[len(ops) // 2:]
    for name, half in zip(("a.json", "b.json"), halves):
        made(t, name, "--list", "tiny", "--jobs", 2, *(word for op in half for word in ("--op", op)))
    again = made(t, "again.json", "--list", "tiny", "--op", ops[0])["devices"][0]
    t.good("hal-matrix", "merge", t.path("a.json"), t.path("again.json"), "-o", t.path("part.json"))
    (part,) = report(t, "part.json")["devices"]
    expect(part["selection"].startswith("--op ") and part["when"] == again["when"], f"{part['selection']}, {part['when']}")
    expect(part["summary"] == report(t, "a.json")["summary"], "a case that was run again counts once")
    t.good("hal-matrix", "merge", t.path("part.json"), t.path("b.json"), "-o", t.path("all.json"))
    (joined,) = report(t, "all.json")["devices"]
    expect(not joined["selection"] and joined["summary"] == whole["summary"], f"{joined['selection']}, {joined['summary']}")
    expect([c["case"] for c in joined["cases"]] == [c["case"] for c in whole["cases"]], "in the order of the list")


@case
def merge_counts_kernels_that_parts_share_once(t):
    for op in ("copy", "softmax"):
        on_wrong(t, "kernels 200", 0, [], "--op", op)
        t.path("report.json").rename(t.path(f"{op}.json"))
    t.good("hal-matrix", "merge", t.path("copy.json"), t.path("softmax.json"), "-o", t.path("all.json"))
    (joined,) = report(t, "all.json")["devices"]
    expect(joined["kernels"] == 200 and "kernels" not in joined["level_missing"], f"{joined['kernels']}, {joined['level_missing']}")
    expect(report(t, "all.json")["green"], "two parts of 200 kernels are not 400")


@case
def merge_refuses_lists_that_contradict_each_other(t):
    made(t, "a.json", "--op", "fill")
    made(t, "b.json", "--op", "fill")
    changed(t, "b.json", lambda d: d.update(list_version="0badcafe", device="cpu1"))
    t.bad(2, ["b.json", "0badcafe", "do not add up"], "hal-matrix", "merge", t.path("a.json"), t.path("b.json"), "-o", t.path("all.json"))
    expect(not t.path("all.json").exists(), "nothing is written")
    changed(t, "b.json", lambda d: d.update(list="tiny"))
    t.good("hal-matrix", "merge", t.path("a.json"), t.path("b.json"), "-o", t.path("all.json"))


@case
def diff_says_what_got_worse(t):
    search = {"HAL_PLUGIN_PATH": wrong_backend(t)}
    words = ("--device", "wrong0", "--op", "softmax", "--op", "copy", "--dtype", "f32")
    made(t, "good.json", *words, **search)
    made(t, "close.json", *words[:4], "--dtype", "f32", HAL_WRONG="bit 3", **search)
    t.bad(1, [], "hal-matrix", *words, "--json", t.path("bad.json"), HAL_WRONG="bit 22", **search)
    out = t.good("hal-matrix", "diff", t.path("good.json"), t.path("good.json")).out
    expect("0 worse, 0 better, 0 closer" in out, out)
    out = t.bad(4, ["worse than before"], "hal-matrix", "diff", t.path("good.json"), t.path("bad.json")).out
    expect("worse   wrong0 softmax/f32/" in out and "passed -> failed: output 0" in out, out[:400])
    out = t.good("hal-matrix", "diff", t.path("bad.json"), t.path("good.json")).out
    expect("better  wrong0 softmax/f32/" in out and "failed -> passed" in out, out[:400])
    out = t.bad(4, ["are gone"], "hal-matrix", "diff", t.path("good.json"), t.path("close.json")).out
    expect("closer  wrong0 softmax/f32/" in out and "of its bound" in out, out[:400])


def spoilt(change):
    """The text of a report after a change of its tree."""

    def text(good):
        root = json.loads(good)
        change(root)
        return json.dumps(root)

    return text


def first(root):
    return root["devices"][0]["cases"][0]


@variants(
    ("empty", lambda good: "", "expected"),
    ("truncated", lambda good: good[:len(good) // 2], "broken.json"),
    ("words", lambda good: "all is well", "broken.json"),
    ("a list", lambda good: "[]", "object"),
    ("of another tool", lambda good: '{"schema":"hal.info/1","devices":[]}', "not a report that hal-matrix"),
    ("of the first schema", lambda good: '{"schema":"hal-matrix-1","cases":[]}', "hal-matrix-1"),
    ("no schema", lambda good: "{}", "none"),
    ("without devices", spoilt(lambda r: r.update(devices=[])), "no devices"),
    ("a device that is a word", spoilt(lambda r: r.update(devices=["cpu0"])), "no object"),
    ("a device without a name", spoilt(lambda r: r["devices"][0].pop("device")), "without a name"),
    ("a list nobody knows", spoilt(lambda r: r["devices"][0].update(list="huge")), "list \"huge\""),
    ("cases that are none", spoilt(lambda r: r["devices"][0].update(cases={})), "no list"),
    ("a verdict nobody knows", spoilt(lambda r: first(r).update(verdict="fine")), "verdict \"fine\""),
    ("a case without a name", spoilt(lambda r: first(r).pop("case")), "case 1"),
    ("a long name", spoilt(lambda r: first(r).update(case="a/b/" + "x" * 400)), "longer than"),
    ("a name that is a number", spoilt(lambda r: first(r).update(case=7)), "case 1"),
    ("a negative share", spoilt(lambda r: first(r).update(worst=-1)), "worst"),
    ("a share in words", spoilt(lambda r: first(r).update(worst="much")), "worst"),
    ("deep nesting", lambda good: '{"a":' * 100 + "1" + "}" * 100, "broken.json"),
    ("twice the same key", lambda good: '{"schema":"hal-matrix-2","schema":"hal-matrix-2"}', "broken.json"),
)
def matrix_refuses_a_report(t, spoil, says):
    made(t, "good.json", "--op", "fill", "--dtype", "f32")
    t.path("broken.json").write_text(spoil(t.path("good.json").read_text()))
    for words in (("merge", t.path("broken.json"), "-o", t.path("all.json")), ("diff", t.path("good.json"), t.path("broken.json"))):
        t.bad(2, ["broken.json", says], "hal-matrix", *words)
    expect(not t.path("all.json").exists(), "nothing is written")
