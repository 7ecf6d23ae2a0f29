#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a `hal-matrix run --json` file says, as `N passed, N failed, N skipped`.

Ops that a device says it does not have count as skipped; a run that is not green has failed, also when no case did:
one below its floor, say.

usage: matrix-summary.py FILE"""
import json
import sys


def main():
    try:
        with open(sys.argv[1], encoding="utf-8") as file:
            report = json.load(file)
        summary = report["summary"]
        executed, passed, failed = (summary[key] for key in ("executed", "passed", "failed"))
        skipped = summary["unsupported"] + summary["skipped"]
        green = report["green"] and executed > 0
    except (OSError, ValueError, KeyError) as error:
        print(f"{sys.argv[1]}: no summary: {error!r}")
        print("0 passed, 1 failed")
        return 1
    if not green and failed == 0:
        for device in report["devices"]:
            print(f"{sys.argv[1]}: {device['device']}: {device['summary']['executed']} cases were executed, the floor is "
                  f"{device['floor']}; bounds times {device['loosen']}; {device['incomplete'] or 'complete'}")
        failed = 1
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
