# SPDX-License-Identifier: Apache-2.0
"""Devices that are found when somebody asks for them: a driver for the processors is a device to run on, and another way to cpu0."""
import json

from support import TRAIN, Skipped, case, expect

SMALL = ("--quick", "--bytes", 1 << 20, "--json")


def opencl(t):
    """The alias of a driver for the processors; skips where none answers."""
    devices = json.loads(t.good("hal-run", "devices", "--json").out)["devices"]
    for device in devices:
        if device["backend"] == "opencl" and device["alias"] == "opencl0":
            return device["alias"]
    raise Skipped("no OpenCL driver for the processors answers (Debian: pocl-opencl-icd)")


@case
def devices_are_asked_for_and_then_kept(t):
    opencl(t)
    answers = [p.name for p in t.path("hal").iterdir() if p.name.startswith("answers-")]
    expect(len(answers) == 1, f"what was answered is not kept: {answers}")


@case
def another_way_is_shown_as_that(t):
    name = opencl(t)
    shown = t.good("hal-info", "show", name).out
    expect("another way" in shown and "cpu0" in shown and "opencl" in shown, shown)
    route = json.loads(t.good("hal-info", "show", name, "--json").out)
    expect((route["schema"], route["way_to"], route["backend"]) == ("hal.route/1", "cpu0", "opencl"), f"{route}")
    expect("opencl: " in t.good("hal-info", "show", "cpu0").out, "cpu0 does not tell its other way")
    t.bad(3, ["no device \"opencl77\"", "cpu0"], "hal-info", "show", "opencl77")


@case
def operators_of_another_way(t):
    name = opencl(t)
    ops = json.loads(t.good("hal-info", "ops", "--device", name, "--json").out)
    expect((ops["device"], ops["backend"]) == (name, "opencl"), f"{ops['device']} {ops['backend']}")
    answers = {op["op"]: op["support"] for op in ops["ops"]}
    expect(answers["copy"]["f32"]["answer"] == "yes", f"{answers['copy']}")


@case
def a_device_that_is_named_is_looked_for(t):
    """Nothing is kept in a fresh cache, so that the first tool that names it asks."""
    name = opencl(t)
    for tool, words in (("hal-bench", ("link", *SMALL, "--from", "host", "--to", name)),
                        ("hal-info", ("ops", "--device", name, "--dtype", "f32"))):
        t.good(tool, *words, XDG_CACHE_HOME=t.path(f"fresh-{tool}"))


@case
def links_to_a_memory_the_host_does_not_address(t):
    name = opencl(t)
    for way in (("host", name), (name, "host"), ("cpu0", name), (name, "cpu0")):
        (line,) = t.good("hal-bench", "link", *SMALL, "--from", way[0], "--to", way[1]).lines()
        expect((line["from"], line["to"], line["verified"]) == (*way, True), f"{line}")
        expect(line["bandwidth"]["value"] > 0 and line["latency"]["value"] > 0, f"{line}")


@case
def another_way_takes_nothing_of_a_device(t):
    """cpu0 is measured as a whole, and kept, though a driver computes on the same processors."""
    opencl(t)
    last = t.good("hal-bench", "mem", *SMALL, "--save").lines()[-1]
    expect(last["event"] == "saved" and last["kept"] > 0, f"{last}")


def char(t):
    return "train", "--quiet", "--json", "--model", t.config, "--text", t.text, "--steps", 3, *TRAIN


def trains(t, name):
    """Skips while the backend lacks what a model is made of."""
    ops = json.loads(t.good("hal-info", "ops", "--device", name, "--dtype", "f32", "--json").out)["ops"]
    lacking = [op["op"] for op in ops if op["op"] in ("matmul", "attention_grad", "adamw") and op["support"]["f32"]["answer"] == "no"]
    if lacking:
        raise Skipped(f"{name} has no kernel for {', '.join(lacking)}")


def losses(t, *words):
    last = t.good("hal-run", *char(t), *words, timeout=400).lines()[-1]
    return last["train_loss"], last["val_loss"]


@case
def training_runs_on_another_way_and_on_both(t):
    name = opencl(t)
    trains(t, name)
    plain = losses(t)
    for words in (("--devices", name), ("--devices", f"cpu0,{name}", "--pin", f"block\\.[0-1]\\..*={name}")):
        other = losses(t, *words)
        expect(all(abs(a - b) < 1e-3 * a for a, b in zip(plain, other)), f"{plain} {other}")


def copies_of_training(t, file, **extra):
    """(losses, copies) of a training on two devices."""
    words = ("--devices", "cpu0,opencl0", "--pin", "block\\.[0-1]\\..*=opencl0")
    last = t.good("hal-run", *char(t), *words, HAL_TRACE=t.path(file), timeout=400, **extra).lines()[-1]
    events = json.loads(t.path(file).read_text())["traceEvents"]
    expect(any(e.get("cat") == "program" for e in events), "nothing was traced")
    return (last["train_loss"], last["val_loss"]), sum(e.get("cat") == "copy" for e in events)


@case
def memory_that_is_the_hosts_is_not_copied(t):
    """The blocks of one model on cpu0 and on a driver for the same processors: where that shares memory, nothing moves."""
    trains(t, opencl(t))
    if "host," not in t.good("hal-info", "show", "opencl0").out:
        raise Skipped("the driver has no fine-grained shared memory")
    shared, few = copies_of_training(t, "shared.json")
    apart, many = copies_of_training(t, "apart.json", HAL_OPENCL_MEMORY="device")
    expect(shared == apart, f"{shared} {apart}")
    expect(few * 4 < many, f"{few} copies in shared memory, {many} in memory of its own")


def made_by_pocl(directory):
    """Programs and kernels that PoCL has compiled, and when."""
    return {str(p): p.stat().st_mtime_ns for p in directory.rglob("*") if p.suffix in (".so", ".bc")}


@case
def an_opencl_second_start_compiles_nothing(t):
    """A driver that keeps what it compiles is left to its own cache, one that does not has its binaries kept: both warm here."""
    name = opencl(t)
    trains(t, name)
    cache = t.path("pocl")
    cache.mkdir()
    extra = {"POCL_CACHE_DIR": cache, "XDG_CACHE_HOME": t.path("fresh"), "timeout": 400}
    first = t.good("hal-run", *char(t), "--devices", name, **extra).lines()[-1]
    made = made_by_pocl(cache)
    second = t.good("hal-run", *char(t), "--devices", name, **extra).lines()[-1]
    expect(first["train_loss"] == second["train_loss"], f"{first} {second}")
    if not made:
        raise Skipped(f"{name} is not PoCL, whose cache would show what is compiled")
    expect(made_by_pocl(cache) == made, f"compiled: {sorted(set(made_by_pocl(cache).items()) - set(made.items()))}")


@case
def what_was_asked_is_told_when_a_device_is_not_there(t):
    opencl(t)
    t.path("none").mkdir()
    t.bad(3, ["\"opencl0\" is not there", "asked: OpenCL"], "hal-run", *char(t), "--devices", "opencl0",
          OCL_ICD_VENDORS=t.path("none"), XDG_CACHE_HOME=t.path("fresh"))
