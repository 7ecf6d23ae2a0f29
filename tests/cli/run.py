#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the tools of a build tree as a person does, and as an unlucky person does.

Each case starts hal-run, hal-bench, hal-info or hal-matrix and judges exit code, message, output and files. No
exit by a signal is ever right. Prints the failed cases and `N passed, N failed, N skipped`.

usage: run.py --build DIR --source DIR --work DIR [WORD...]
With WORDs only cases whose name has one of them. With HAL_TEST_REAL in the environment a skipped case is a failed one."""
import argparse
import os
import pathlib
import subprocess
import sys
import time
import traceback

import cases_beside
import cases_checkpoint
import cases_deadline
import cases_emulated
import cases_generate
import cases_gpu
import cases_hwloc
import cases_info
import cases_matrix
import cases_measure
import cases_plugin
import cases_roofline
import cases_routes
import cases_train
import cases_usage
import cases_vendors
from support import CASES, Bench, Failed, Skipped

MODULES = (cases_usage, cases_train, cases_checkpoint, cases_generate, cases_plugin, cases_matrix, cases_measure,
           cases_deadline, cases_hwloc, cases_beside, cases_vendors, cases_routes, cases_roofline, cases_gpu,
           cases_emulated)


def run(bench, number, name, function):
    """One case: "passed", "failed" or "skipped"."""
    began = time.monotonic()
    bench.enter(number)
    try:
        function(bench)
        verdict, detail = "passed", ""
    except Skipped as reason:
        verdict, detail = "skipped", f"SKIP: {name}: {reason}"
        if os.environ.get("HAL_TEST_REAL"):
            verdict, detail = "failed", f"failed: {name}: {reason}"
    except (Failed, subprocess.TimeoutExpired) as error:
        verdict, detail = "failed", f"failed: {name}: {error}"
    except Exception:  # a case that breaks must not hide the others
        verdict, detail = "failed", f"failed: {name}: {traceback.format_exc()}"
    print(f"{verdict:8} {time.monotonic() - began:6.2f} s  {name}" if not detail else detail, flush=True)
    return verdict


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("build", "source", "work"):
        parser.add_argument(f"--{name}", type=lambda text: pathlib.Path(text).resolve(), required=True)
    parser.add_argument("word", nargs="*", default=[""])
    options = parser.parse_args()
    bench = Bench(options.build, options.source, options.work)
    tally = {"passed": 0, "failed": 0, "skipped": 0}
    for number, (name, function) in enumerate(CASES):
        if any(word in name for word in options.word):
            tally[run(bench, number, name, function)] += 1
    if not sum(tally.values()):
        print("no case was run")
        tally["failed"] = 1
    print(", ".join(f"{count} {verdict}" for verdict, count in tally.items()))
    return tally["failed"] > 0


if __name__ == "__main__":
    sys.exit(main())
