# SPDX-License-Identifier: Apache-2.0
"""hal-bench mem and link: what is measured, what is verified, and copies that lie."""
from support import case, expect

SMALL = ("--quick", "--bytes", 1 << 20, "--json")


def known(figure, unit):
    expect(figure["unit"] == unit and figure["value"] > 0 and figure["n"] >= 3, f"no figure: {figure}")
    expect(figure["source"] == "measured" and figure["when"] > 1600000000, f"no provenance: {figure}")


@case
def memory_is_read_written_copied_and_chased(t):
    lines = t.good("hal-bench", "mem", *SMALL).lines()
    expect([line["event"] for line in lines] == ["read", "write", "copy", "chase"], f"{lines}")
    for line in lines:
        expect(line["verified"] and line["failure"] is None and line["to"] == "cpu0", f"{line}")
        known(line["latency"], "s") if line["event"] == "chase" else known(line["bandwidth"], "bytes/s")


@case
def every_ordered_pair_is_a_link(t):
    lines = t.good("hal-bench", "link", *SMALL, HAL_CPU_DEVICES=2).lines()
    pairs = [(line["from"], line["to"]) for line in lines]
    ends = ("host", "cpu0", "cpu1")
    expect(pairs == [(a, b) for a in ends for b in ends if (a, b) != ("host", "host")], f"{pairs}")
    for line in lines:
        known(line["bandwidth"], "bytes/s")
        known(line["latency"], "s")
        both = line["from"] != line["to"] and "host" not in (line["from"], line["to"])
        expect((line["duplex"] is not None) == both, f"{line}")


@case
def link_of_named_ends(t):
    (line,) = t.good("hal-bench", "link", *SMALL, "--from", "host", "--to", "null1").lines()
    expect((line["from"], line["to"], line["verified"]) == ("host", "null1", True), f"{line}")
    t.bad(3, ["\"gpu9\"", "no such device"], "hal-bench", "link", "--from", "gpu9")
    t.bad(2, ["no link"], "hal-bench", "link", "--from", "host", "--to", "host")


def through_fault(t, script):
    t.path("script").write_text(script)
    result = t.run("hal-bench", "link", *SMALL, "--from", "fault0", "--to", "fault0", HAL_FAULT=t.path("script"))
    expect(result.code == 4, f"exit {result.code}: {result.err}")
    (line,) = result.lines()
    return line


@case
def copy_that_claims_success_and_moves_too_little_is_no_figure(t):
    line = through_fault(t, "wrap null\ncopy from 1 short\n")
    expect(not line["verified"] and line["bandwidth"] is None and line["failure"], f"{line}")


@case
def copy_that_fails_is_told_and_no_figure(t):
    line = through_fault(t, "wrap null\ncopy from 1 fail\n")
    expect(line["bandwidth"] is None and "fault" in line["failure"], f"{line}")


@case
def memory_that_is_too_small_to_measure_in(t):
    t.bad(3, ["making blocks", "bytes asked"], "hal-bench", "mem", "--device", "mock-npu0", "--bytes", 1 << 30, "--quick")
