# SPDX-License-Identifier: Apache-2.0
"""tests/gpu/run and tests/gpu/pack: the way to a machine with a GPU and back, on the emulated driver."""
import json
import os
import signal
import subprocess

from support import Skipped, case, expect, variants


def script(t):
    return t.source / "tests/gpu/run"


def emulated(t, *words, code=0, build=None, **extra):
    """tests/gpu/run on one emulated device; its result, and results.json."""
    if not (t.build / "tests/emulated/lib/libcuda.so.1").exists():
        raise Skipped("no emulated driver in this build tree: it needs cuda.h and the headers of OpenCL")
    done = t.run("tests/emulated-cuda", *command(t, *words, build=build), HAL_EMULATED_CUDA_DEVICES=1, timeout=300, **extra)
    if done.code != code:
        raise done.explain(f"expected exit {code}")
    return done, results(t)


def command(t, *words, build=None):
    return [str(w) for w in (script(t), "--build", build or t.build, "--out", t.path("out"), "--tiny", *words)]


def results(t):
    return json.loads(t.path("out/results.json").read_text())


def steps(root):
    """{"doctor.machine": {"status": ...}}"""
    return {f"{s['stage']}.{step['step']}": step for s in root["stages"] for step in s["steps"]}


def is_clean(t):
    """What a lease brings back: at most eight files and no folder."""
    names = sorted(os.listdir(t.path("out")))
    known = {"log", "machine.json", "matrix-full.json", "matrix-quick.json", "profile.nsys-rep", "records", "results.json", "results.md"}
    expect(set(names) <= known, f"{names}")


@variants(
    ("unknown option", ["--nope"], "--nope is no option"),
    ("unknown stage", ["--stage", "nope"], "--stage nope"),
    ("limit in words", ["--limit", "soon"], "--limit soon"),
    ("unknown operator", ["--op", "nope"], "--op nope"),
    ("option without value", ["--out"], "--out needs a value"),
    ("folder that is no build", ["--build", "/usr"], "it has no hal-info"),
)
def gpu_run_refuses(t, words, says):
    done = t.run(script(t), *words)
    expect(done.code == 2 and says in done.err, f"{done.code}: {done.err}")


@case
def gpu_run_without_a_device_says_so(t):
    done = t.run(*command(t, "--stage", "doctor"), CUDA_VISIBLE_DEVICES="")
    expect(done.code == 3, f"{done.code}")
    expect("no device of the cuda backend" in done.err and "CUDA_VISIBLE_DEVICES" in done.err, done.err)
    expect(steps(results(t))["doctor.devices"]["status"] == "failed", "told in the results too")
    is_clean(t)


@case
def gpu_run_goes_on_after_what_ended_well(t):
    full = {"HAL_EMULATED_CUDA_SCRIPT": "memory 0 4096"}
    _, first = emulated(t, "--stage", "doctor", code=1, **full)
    failed = [name for name, step in steps(first).items() if step["status"] == "failed"]
    expect(first["emulated"] and first["tiny"] and "doctor.memory-gpu0" in failed, f"{failed}")
    done, second = emulated(t, "--stage", "doctor")
    again = [line.split()[0] for line in done.out.splitlines() if line.startswith("doctor.")]
    expect(sorted(again) == sorted(failed), f"{again} were run again, {failed} had failed")
    expect({step["status"] for step in steps(second).values()} == {"ok"}, f"{steps(second)}")
    expect("Emulated: not run on hardware" in t.path("out/results.md").read_text(), "the page is labelled")
    is_clean(t)
    done, _ = emulated(t, "--stage", "doctor")
    expect("doctor." not in done.out, f"nothing is left: {done.out}")
    done = t.run("tests/emulated-cuda", *command(t, "--stage", "doctor", "--op", "copy"), HAL_EMULATED_CUDA_DEVICES=1)
    expect(done.code == 2 and "another run" in done.err and "--fresh" in done.err, f"{done.code}: {done.err}")


@case
def gpu_run_keeps_to_its_limit(t):
    done, root = emulated(t, "--stage", "doctor", "--limit", 1, code=4)
    expect(len(steps(root)) < 5 and "had no time" in done.err, f"{done.err}")
    _, root = emulated(t, "--stage", "doctor")
    expect(len(steps(root)) == 5, f"{steps(root)}")


@case
def gpu_run_is_interrupted_and_goes_on(t):
    emulated(t, "--stage", "doctor.machine")
    words = t.command("tests/emulated-cuda", *command(t, "--stage", "doctor"))
    with subprocess.Popen(words, env=t.environment(HAL_EMULATED_CUDA_DEVICES=1), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True) as run:
        for line in run.stdout:
            if line.startswith("doctor."):
                break
        run.send_signal(signal.SIGTERM)
        _, said = run.communicate(timeout=200)
    expect(run.returncode == 4 and "interrupted" in said, f"{run.returncode}: {said}")
    before = steps(results(t))
    done, root = emulated(t, "--stage", "doctor")
    again = [line.split()[0] for line in done.out.splitlines() if line.startswith("doctor.")]
    expect(len(steps(root)) == 5 and not set(again) & set(before), f"{again} after {list(before)}")


@case
def gpu_run_adds_up_the_matrix(t):
    _, root = emulated(t, "--stage", "quick", "--op", "square_sum", "--op", "unpack")
    expect([s["status"] for s in steps(root).values()] == ["ok"] * 3, f"{steps(root)}")
    (device,) = json.loads(t.path("out/matrix-quick.json").read_text())["devices"]
    expect(device["emulated"] and device["selection"] == "--op square_sum unpack", f"{device['selection']}")
    t.good("hal-matrix", "merge", t.path("out/matrix-quick.json"), "-o", t.path("all.json"), "--html", t.path("page.html"))


@case
def gpu_run_without_pytorch_leaves_the_peer_out(t):
    t.path("torch.py").write_text("raise ImportError('none here')\n")
    _, root = emulated(t, "--stage", "bench.peer", "--stage", "bench.overhead", PYTHONPATH=t.directory)
    (peer,) = [f for f in root["figures"] if f["name"] == "PyTorch"]
    expect(peer["value"] == "not there" and "none here" in peer["text"], f"{peer}")
    expect(steps(root)["bench.peer"]["status"] == "skipped", f"{steps(root)}")


def speed(root):
    return {row["id"]: row for row in root["speed"]}


@case
def gpu_run_answers_each_goal_of_speed(t):
    goals = [line.split("\t") for line in (t.source / "tests/gpu/goals.tsv").read_text().splitlines()]
    t.path("torch.py").write_text("raise ImportError('none here')\n")
    _, root = emulated(t, "--stage", "bench.copy", "--stage", "bench.softmax", PYTHONPATH=t.directory)
    rows = speed(root)
    expect([(i, row["line"], row["goal"]) for i, row in rows.items()] == [tuple(goal) for goal in goals], f"{list(rows)}")
    softmax = rows.pop("softmax")
    expect(softmax["verdict"] == "not run on hardware" and softmax["measured"] > 0 and softmax["unit"] == "bytes/s", f"{softmax}")
    expect(abs(softmax["ratio"] * softmax["beside"] / softmax["measured"] - 1) < 1e-2, f"{softmax}")
    for row in rows.values():
        expect(row["verdict"] == "not measured" and row["measured"] is row["ratio"] is None, f"{row}")
    page = t.path("out/results.md").read_text()
    expect(all(line in page for _, line, _ in goals) and page.count("not run on hardware |") == 1, page)


@variants(
    ("met", "100", "105", "met"), ("missed", "100", "106", "missed"), ("without a peer", "100", "", "nothing to compare with"),
    ("without a figure", "", "100", "not measured"),
)
def gpu_run_judges_a_figure_that_is(t, mine, theirs, verdict):
    """As on hardware, which is not here: the function that judges, by itself."""
    here = t.source / "tests/gpu"
    script = f"""here={here} tab='	' emulated=no tiny= missed= key=bench.matmul figures=answers text=said
size() {{ echo "$1"; }}
. "$here/records.sh"; . "$here/stages.sh"
answer matmul '{mine}' flop/s '{theirs}' beside
judge; echo "$? $text"; cat answers"""
    done = subprocess.run(["sh", "-c", script], cwd=t.directory, capture_output=True, text=True, check=False)
    judged, record = done.stdout.splitlines()
    expect(record.split("\t")[7] == verdict, f"{record}, {done.stderr}")
    expect(judged.startswith("1 said; matmul is 0.943") if verdict == "missed" else judged == "0 said", judged)


@case
def gpu_run_takes_the_checkers_that_are_there(t):
    tools = t.path("tools")
    tools.mkdir()
    for name, text in (("compute-sanitizer", 'for last; do :; done\necho "========= ERROR SUMMARY: 3 errors"; exit 99\n'),
                       ("nsys", 'while [ "$1" != --output ]; do shift; done; echo trace >"$2.nsys-rep"\n')):
        (tools / name).write_text("#!/bin/sh\n" + text)
        (tools / name).chmod(0o755)
    path = {"PATH": f"{tools}:{os.environ['PATH']}", "HAL_GPU_CHECK_EMULATED": 1}
    _, root = emulated(t, "--stage", "check", code=1, **path)
    memcheck, profile = (steps(root)[f"check.{name}"] for name in ("memcheck", "profile"))
    expect(memcheck["status"] == "failed" and "3 errors" in memcheck["text"], f"{memcheck}")
    expect(profile["status"] == "ok" and t.path("out/profile.nsys-rep").exists(), f"{profile}")
    _, root = emulated(t, "--stage", "check", "--fresh", HAL_GPU_CHECK_EMULATED=None)
    expect({s["status"] for s in steps(root).values()} == {"skipped"}, f"{steps(root)}")


@case
def gpu_bundle_runs_by_itself(t):
    pack = t.source / "tests/gpu/pack"
    if not (t.build / "plugins/libhal_cuda.so").exists():
        raise Skipped("no cuda backend in this build tree")
    done = t.run(pack, t.build, "-o", t.path("small"), HAL_GPU_BUNDLE_MOST=1000000)
    expect(done.code == 2 and "more than" in done.err and not t.path("small").exists(), f"{done.code}: {done.err}")
    done = t.run(pack, t.build, "-o", t.path("bundle"))
    expect(done.code == 0 and "of at most 64.0 MiB" in done.out, f"{done.code}: {done.out}{done.err}")
    _, root = emulated(t, "--stage", "doctor.machine", build=t.path("bundle"))
    expect(root["commit"] and steps(root)["doctor.machine"]["status"] == "ok", f"{root}")
    done = t.run(pack, t.build, "-o", t.source)
    expect(done.code == 2 and "is no bundle" in done.err, f"{done.code}: {done.err}")
