# SPDX-License-Identifier: Apache-2.0
"""The conformance runner: what it counts, and that each of its gates closes."""
import json

from support import case, expect, variants

SUMMARY = ["declared", "executed", "passed", "unsupported", "xfail", "skipped", "failed"]


def report(t, name="report.json"):
    return json.loads(t.path(name).read_text())


@case
def matrix_report_has_the_documented_summary(t):
    t.good("hal-matrix", "run", "--op", "softmax", "--json", t.path("report.json"))
    summary = report(t)["summary"]
    expect(list(summary) == SUMMARY, f"{list(summary)}")
    expect(summary["executed"] == summary["passed"] > 20 and summary["failed"] == 0, f"{summary}")
    expect(len(report(t)["cases"]) == summary["declared"], "cases and summary disagree")


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
