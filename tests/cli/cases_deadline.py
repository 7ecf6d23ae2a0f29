# SPDX-License-Identifier: Apache-2.0
"""Deadlines: who waits for a device that hangs, or for work that is too much, is let go in time."""
import json
import time

from support import TRAIN, case, digests, expect, same_files, variants


def late(t, tool, *words, script=None, says=(), limit=15, **extra):
    """Expects exit 6 soon, the option that helps, and the words."""
    if script:
        t.path("script").write_text(f"wrap cpu\n{script}\n")
        extra["HAL_FAULT"] = t.path("script")
    began = time.monotonic()
    result = t.bad(6, ["was not done after", "--deadline SECONDS", *says], tool, *words, **extra)
    took = time.monotonic() - began
    expect(took < limit, f"it took {took:.1f} s")
    return result


@case
def training_on_a_device_that_hangs_ends_and_keeps_the_checkpoint(t):
    ck = t.checkpoint()
    before = digests(ck)
    words = ("train", "--resume", ck, "--text", t.text, "--steps", 50, "--devices", "fault0", "--deadline", "0.5")
    result = late(t, "hal-run", *words, script="submit from 3 hang", says=["of 50", "its deadline is 0.5 s", f"{ck} is as it was"])
    expect("saved to" not in result.err, result.err)
    expect(digests(ck) == before, "the previous checkpoint changed")


@case
def training_whose_first_parameters_hang_ends(t):
    words = ("train", "--model", t.config, "--text", t.text, *TRAIN, "--steps", 3, "--devices", "fault0", "--deadline", "0.2")
    late(t, "hal-run", *words, "--save", t.path("ck"), script="submit 1 hang", says=["step 0 of 3"])
    expect(not t.path("ck").exists(), "a checkpoint of nothing")


@case
def steps_that_are_too_much_end_while_the_processors_still_work(t):
    ck = t.checkpoint()
    before = digests(ck)
    words = ("train", "--load", ck, "--text", t.text, *TRAIN, "--batch", 1024, "--steps", 2, "--deadline", "0.002", "--save", ck)
    for _ in range(5):
        late(t, "hal-run", *words, says=["after step 0 of 2"])
    expect(digests(ck) == before, "the previous checkpoint changed")


@variants(("loads weights", "submit from 5 hang", "loading the weights"), ("makes tokens", "submit from 40 hang", "running a step"))
def generating_on_a_device_that_hangs_while_it(t, script, work):
    words = ("generate", "--load", t.checkpoint(), "--tokens", 60, "--devices", "fault0", "--deadline", "0.3")
    result = late(t, "hal-run", *words, script=script, says=["after", "tokens", work, "its deadline is 0.3 s"])
    expect(result.out == "", f"standard output: {result.out!r}")


@case
def deadline_that_is_met_changes_nothing(t):
    t.train("--steps", 3, "--deadline", 60, "--save", t.path("ck"))
    same_files(t.path("ck"), t.checkpoint("other"))


@case
def bench_on_a_device_that_hangs_ends(t):
    late(t, "hal-bench", "op", "--m", 8, "--n", 8, "--k", 8, "--device", "fault0", "--deadline", "0.2", script="submit 2 hang",
         says=["matmul"])
    late(t, "hal-bench", "train", "--model", "char", "--batch", 1, "--context", 8, "--steps", 3, "--device", "fault0", "--deadline",
         "0.2", script="submit from 2 hang", says=["running a step"])


@case
def matrix_on_a_device_that_hangs_ends_and_reports_what_was_run(t):
    words = ("run", "--op", "softmax", "--device", "fault0", "--deadline", "0.2", "--json", t.path("report.json"))
    result = late(t, "hal-matrix", *words, script="submit from 4 hang", says=["softmax/"])
    root = json.loads(t.path("report.json").read_text())
    summary = root["summary"]
    expect(not root["green"] and summary["passed"] == 3 and summary["failed"] == 1, f"{summary}")
    expect("3 passed, 1 failed" in result.out, result.out)


@variants(("nothing", "0"), ("less than nothing", "-1"), ("words", "soon"), ("eternity", "inf"), ("no number", "nan"))
def deadline_of(t, value):
    for tool, verb in (("hal-run", ("generate", "--load", "x")), ("hal-bench", ("op",)), ("hal-matrix", ("run",))):
        t.bad(2, [f"--deadline {value}"], tool, *verb, "--deadline", value)
