#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Training beside a process that takes one of two cores: it may slow down by no more than three times, and
has to be as fast as before when that process is gone.

One process trains while a loop on one of its two cores begins and ends; the times at which its evaluations
arrive tell its speed in the three parts. Then hal-bench says the same of three runs.

usage: load.py --build DIR --work DIR. Prints `N passed, N failed, N skipped`."""
import argparse
import json
import os
import pathlib
import signal
import statistics
import subprocess
import sys
import time

SLOWEST, RECOVERED = 3.0, 0.8
PART, SETTLE = 5.0, 0.5  # seconds of each part, and at its beginning not counted
EVERY = 5  # steps between two evaluations
BURN = "while True: pass"


def environment(build):
    kept = {k: v for k, v in os.environ.items() if not k.startswith("HAL_")}
    return {**kept, "HAL_PLUGIN_PATH": os.environ.get("HAL_PLUGIN_PATH", str(build / "plugins"))}


class Burner:
    """A loop that never sleeps, on one core."""

    def __init__(self, core):
        self.core = core

    def __enter__(self):
        pin = lambda: os.sched_setaffinity(0, {self.core})
        self.process = subprocess.Popen([sys.executable, "-S", "-c", BURN], preexec_fn=pin)

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


def arrivals(process, seconds):
    """When the evaluations of the next so many seconds came."""
    end, times = time.monotonic() + seconds, []
    while (now := time.monotonic()) < end:
        if not process.stdout.readline():
            raise RuntimeError(f"hal-run ended early: {process.stderr.read().decode()[-300:]}")
        times.append(now := time.monotonic())
    return times


def part(process):
    """Median seconds between two evaluations."""
    arrivals(process, SETTLE)
    times = arrivals(process, PART)
    return statistics.median(b - a for a, b in zip(times, times[1:]))


def one_process(options, cores):
    text = options.work / "text.txt"
    text.write_text("the quick brown fox jumps over the lazy dog.\n" * 20)
    command = [options.build / "hal-run", "train", "--model", "char", "--text", text, "--steps", 1000000,
               "--eval-every", EVERY, "--json", "--quiet"]
    process = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=options.work,
                               env=environment(options.build), preexec_fn=lambda: os.sched_setaffinity(0, cores))
    try:
        before = part(process)
        with Burner(min(cores)):
            during = part(process)
        after = part(process)
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    return before, during, after


def bench(options, cores):
    command = [str(options.build / "hal-bench"), "train", "--model", "char", "--steps", "60", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment(options.build),
                          preexec_fn=lambda: os.sched_setaffinity(0, cores))
    return json.loads(done.stdout)["step_seconds"]


def three_runs(options, cores):
    before = bench(options, cores)
    with Burner(min(cores)):
        during = bench(options, cores)
    return before, during, bench(options, cores)


def judge(name, before, during, after):
    slower, recovered = during / before, before / after
    print(f"{name}: {before * 1e3:.1f} ms alone, {during * 1e3:.1f} ms beside a burning process ({slower:.2f} times slower, "
          f"at most {SLOWEST:g}), {after * 1e3:.1f} ms afterwards ({recovered:.2f} of the speed before, at least {RECOVERED:g})")
    return (slower <= SLOWEST) + (recovered >= RECOVERED)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("build", "work"):
        parser.add_argument(f"--{name}", type=lambda text: pathlib.Path(text).resolve(), required=True)
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    cores = set(sorted(os.sched_getaffinity(0))[:2])
    if len(cores) < 2:
        print("SKIP: a machine of one core has none to take\n0 passed, 0 failed, 4 skipped")
        return 0
    passed = judge(f"{EVERY} steps of one process", *one_process(options, cores)) + judge("step of hal-bench", *three_runs(options, cores))
    print(f"{passed} passed, {4 - passed} failed, 0 skipped")
    return passed < 4


if __name__ == "__main__":
    sys.exit(main())
