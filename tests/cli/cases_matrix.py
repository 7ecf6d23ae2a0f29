# SPDX-License-Identifier: Apache-2.0
"""The conformance runner: what it counts, and that each of its gates closes."""
import json
import re
import subprocess
import sys

from support import case, compiled, compiler, expect, place, variants

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
