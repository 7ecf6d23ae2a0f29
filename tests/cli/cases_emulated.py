# SPDX-License-Identifier: Apache-2.0
"""The emulated CUDA driver under the tools: its devices, which are told as emulated wherever results are."""
import json
import pathlib
import shutil
import tempfile

from support import TRAIN, Skipped, case, expect, variants

RIG = "tests/emulated-cuda"


def emulated(t, *words, **extra):
    """A tool of the build tree on the emulated driver."""
    if not (t.build / "tests/emulated/lib/libcuda.so.1").exists():
        raise Skipped("the emulated driver is not built: it needs cuda.h and the headers of OpenCL")
    return t.run(RIG, *words, **extra)


def gpus(t, **extra):
    """What the tool asks libraries for, with time enough for a busy machine."""
    result = emulated(t, "hal-info", "--probe", "--json", "--deadline", 60, **extra)
    return [d for d in json.loads(result.out)["devices"] if d["kind"] == "gpu"]


@case
def emulated_devices_are_gpu0_and_gpu1(t):
    found = gpus(t)
    expect([d["alias"] for d in found] == ["gpu0", "gpu1"], f"{found}")
    for number, device in enumerate(found):
        expect(device["name"].startswith(f"emulated GPU {number} ("), device["name"])
        expect("emulated" in device["features"], f"{device['features']}")


@case
def doctor_finds_emulated_devices_in_order(t):
    found = gpus(t)
    expect([(d["state"], d["reason"]) for d in found] == [("ready", None)] * 2, f"{found}")
    text = " ".join(emulated(t, "hal-info", "doctor", "gpu0").out.split()) # lines break where paths are long
    expect("libhal_cuda.so is in order" in text and "emulated: it goes" in text and " FAIL " not in text, text)


@variants(("the second alone", "1", ["0000:e2:00.0"]), ("the other way round", "1,0", ["0000:e1:00.0", "0000:e2:00.0"]),
          ("none", "-1", []))
def emulated_devices_that_are_visible(t, visible, addresses):
    found = gpus(t, CUDA_VISIBLE_DEVICES=visible)
    expect(sorted(d["address"] for d in found) == addresses, f"{[d['address'] for d in found]}")


@case
def emulated_devices_do_not_outlive_the_command(t):
    emulated(t, "hal-info", "--probe")
    expect("emulated GPU" not in t.run("hal-info").out, "a command without the rig sees an emulated device")


@case
def emulated_driver_without_devices(t):
    found = gpus(t, HAL_EMULATED_CUDA_SCRIPT="no-device")
    expect(not found, f"{found}")


@case
def emulated_cuda_runs_installed_commands_with_their_own_plugins(t):
    with tempfile.TemporaryDirectory() as elsewhere:   # what the tests keep lies in the build tree
        command = pathlib.Path(elsewhere, "command")
        command.write_text("#!/bin/sh\necho \"${HAL_PLUGIN_PATH:-none}\"\necho \"$LD_LIBRARY_PATH\"\n")
        command.chmod(0o755)
        result = emulated(t, command, HAL_PLUGIN_PATH=None, HAL_PROBE=None)
    lines = result.out.splitlines()
    expect(result.code == 0 and lines[0] == "none", result.out)
    expect(lines[1].split(":")[0] == str(t.build / "tests/emulated/lib"), result.out)


@case
def emulated_cuda_says_how_it_is_used(t):
    expect(shutil.which("sh") and emulated(t).code == 2, "no command is a usage error")


@case
def traces_of_emulated_devices_tell_operators(t):
    trace = t.path("trace.json")
    command = ("op", "--op", "matmul", "--m", 64, "--n", 48, "--k", 32, "--dtype", "f32", "--steps", 2, "--device", "gpu0")
    expect(emulated(t, "hal-bench", *command, HAL_TRACE=trace).code == 0, "hal-bench op fails on gpu0")
    told = emulated(t, "hal-bench", "roofline", "--quick", "--bytes", 1 << 20, "--json", trace)
    rows = [line for line in told.lines() if line["event"] == "operator"]
    (row,) = [line for line in rows if line["op"] == "matmul"]
    expect(row["device"] == "gpu0" and row["dtype"] == "f32" and row["flops"] == 2 * 64 * 48 * 32 * row["calls"], f"{row}")
    expect(all(line["op"] for line in rows), f"an op is not told: {rows}")


@case
def emulated_devices_tell_a_profiler_of_operators_by_name(t):
    listener = t.build / "tests/emulated/lib/listener.so"
    if not listener.exists():
        raise Skipped("nvtx3/nvToolsExt.h is not beside cuda.h")
    told = t.path("ranges")
    step = ("hal-run", "train", "--text", t.text, "--batch", 2, "--context", 16, "--steps", 2, "--devices", "gpu0", "--quiet")
    emulated(t, *step, NVTX_INJECTION64_PATH=listener, HAL_TEST_RANGES=told)
    lines = told.read_text().splitlines()
    names = {line.removeprefix("begin ") for line in lines if line.startswith("begin ")}
    expect(len(lines) == 2 * sum(line.startswith("begin ") for line in lines), "a range is not ended")
    expect(any(name.startswith("block.0.") for name in names), f"no block among {sorted(names)[:20]}")
    told.unlink()
    emulated(t, *step, NVTX_INJECTION64_PATH=listener, HAL_TEST_RANGES=told, HAL_CUDA_RANGES="off")
    expect(not told.exists() or not told.read_text(), "ranges are told although they are off")

def link(t, script, *words):
    """What hal-bench tells of the way from one emulated device to the other."""
    result = emulated(t, "hal-bench", "link", "--from", "gpu0", "--to", "gpu1", "--quick", "--bytes", 1 << 20, "--json", *words,
                      HAL_EMULATED_CUDA_SCRIPT=script, timeout=120)
    expect(result.code == 0, f"{result.err}")
    return result.lines()[0]


@variants(("peers", "", "direct", None), ("a pair that damages data", "peer corrupt 1 0", "staged", "did not arrive"),
          ("a pair that does not reach itself", "peer none 0 1", "staged", "do not reach"))
def emulated_devices_copy_directly_or_say_why_not(t, script, mode, why):
    told = link(t, script)
    expect((told["verified"], told["copy"], told["failure"]) == (True, mode, None), f"{told}")
    expect(why in told["staged"] if why else told["staged"] is None, f"{told}")


@case
def how_emulated_devices_copy_is_kept_and_shown(t):
    script = "peer corrupt 0 1; delay 1" # rules have a cache of their own
    emulated(t, "hal-info", "--probe", HAL_EMULATED_CUDA_SCRIPT=script)
    link(t, script, "--save")
    shown = emulated(t, "hal-info", "links", "gpu0", HAL_EMULATED_CUDA_SCRIPT=script).out
    expect("staged, verified" in shown, shown)


def losses(t, *words, **extra):
    result = emulated(t, "hal-run", "train", "--quiet", "--json", "--model", t.config, "--text", t.text, "--steps", 3, *TRAIN, *words,
                      timeout=400, **extra)
    expect(result.code == 0, f"{result.err}")
    last = result.lines()[-1]
    return last["train_loss"], last["val_loss"]


def expect_same(plain, other):
    """What the contract allows another order of sums (docs/numerics.md)."""
    expect(all(abs(a - b) <= 1e-5 * a for a, b in zip(plain, other)), f"{plain} {other}")


@case
def training_on_cpu_opencl_and_emulated_cuda_is_that_of_the_cpu(t):
    """Two drivers on the same processors in one process, and a model whose blocks are on three devices."""
    if emulated(t, "hal-info", "show", "opencl0", "--probe").code:
        raise Skipped("no OpenCL driver for the processors answers (Debian: pocl-opencl-icd)")
    other = losses(t, "--devices", "cpu0,opencl0,gpu0", "--pin", "block\\.1\\..*=opencl0", "--pin", "block\\.[23]\\..*=gpu0")
    expect_same(losses(t), other)


def peer_copies(t, script):
    """(losses, copies between the two) of a training on cpu0 and both devices."""
    words = ("--devices", "cpu0,gpu0,gpu1", "--pin", "block\\.1\\..*=gpu0", "--pin", "block\\.[23]\\..*=gpu1")
    found = losses(t, *words, HAL_TRACE=t.path("trace.json"), HAL_EMULATED_CUDA_SCRIPT=script)
    events = json.loads(t.path("trace.json").read_text())["traceEvents"]
    return found, sum(e["name"] == "peer copy" for e in events)


@case
def training_on_two_emulated_devices_copies_between_them(t):
    plain = losses(t)
    direct, many = peer_copies(t, "")
    staged, none = peer_copies(t, "peer corrupt 0 1")
    expect_same(plain, direct)
    expect(direct == staged, f"{direct} {staged}")
    expect(many > 0 and none == 0, f"{many} copies between peers, {none} where they are none")
