# SPDX-License-Identifier: Apache-2.0
"""hal-bench mem and link: what is measured, what is verified, what is kept, and copies that lie."""
import json

from support import Skipped, case, expect, variants

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
def memory_that_the_host_does_not_address_has_no_chase(t):
    *lines, chase = t.good("hal-bench", "mem", "--quick", "--bytes", 1 << 12, "--json", "--device", "mock-npu0").lines()
    expect([line["event"] for line in lines] == ["read", "write", "copy"], f"{lines}")
    for line in lines:
        expect(line["verified"] and line["failure"] is None, f"{line}")
        known(line["bandwidth"], "bytes/s")
    expect(chase["event"] == "chase" and chase["latency"] is None and "host does not address" in chase["failure"], f"{chase}")


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


def described(t, *words, **extra):
    return json.loads(t.good("hal-info", *words, "--json", **extra).out)


def saved(result):
    lines = result.lines()
    return [line for line in lines if line["event"] not in ("saved", "refused")], [line for line in lines if line["event"] == "refused"], lines[-1]


def single_node(t):
    """Skips where "host" may be one of several memories."""
    memories = [m for m in described(t)["memories"] if m["host_access"] and m["numa"] is not None]
    if len(memories) != 1:
        raise Skipped(f"the host has {len(memories)} memories")
    return memories[0]["id"]


@case
def saved_measurements_are_in_the_description(t):
    name = single_node(t)
    lines, refused, last = saved(t.good("hal-bench", "mem", *SMALL, "--save"))
    expect(not refused and last["event"] == "saved" and last["kept"] == 4, f"{last}")
    expect(last["path"].startswith(f"{t.directory}/hal/measured-"), f"{last}")
    (memory,) = [m for m in described(t)["memories"] if m["id"] == name]
    for member, event in (("bandwidth", "read"), ("latency", "chase")):
        (line,) = [line for line in lines if line["event"] == event]
        figure, was = memory[member], line[member]
        expect(figure["source"] == "measured" and figure["when"].startswith("20") and figure["n"] == was["n"], f"{figure}")
        expect(abs(figure["value"] / was["value"] - 1) < 1e-3, f"{figure} is not {was}")


@case
def saved_links_are_in_the_description(t):
    name = single_node(t)
    result = t.good("hal-bench", "link", *SMALL, "--from", "host", "--to", "cpu0", "--save")
    (line,), refused, last = saved(result)
    expect(not refused and last["kept"] == 1, f"{last}")
    cpu = described(t)["devices"][0]["id"]
    found = [link for link in described(t)["links"] if (link["from"], link["to"]) == (name, cpu)]
    expect(len(found) == 1 and found[0]["verified"], f"{found}")
    expect(abs(found[0]["bandwidth"]["value"] / line["bandwidth"]["value"] - 1) < 1e-3, f"{found} is not {line}")
    expect(found[0]["latency"]["source"] == "measured", f"{found}")


@case
def measurements_of_what_is_no_part_of_the_machine_are_refused(t):
    result = t.run("hal-bench", "link", *SMALL, "--from", "host", "--to", "null1", "--save")
    expect(result.code == 4 and "nothing was kept" in result.err, f"exit {result.code}: {result.err}")
    (line, refused) = result.lines()
    expect(line["verified"] and refused["event"] == "refused", f"{refused}")
    expect((refused["from"], refused["to"]) == ("host", "null1") and "host -> null1: " in refused["reason"], f"{refused}")
    expect(not list(t.directory.glob("hal/measured-*")), "something was kept")
    result = t.run("hal-bench", "mem", *SMALL, "--save", HAL_CPU_DEVICES=2)
    reasons = [line["reason"] for line in result.lines() if line["event"] == "refused"]
    expect(result.code == 4 and len(reasons) == 4, f"exit {result.code}: {result.out}")
    expect(all("only a share" in reason for reason in reasons), f"{reasons}")


@case
def measurements_are_saved_where_somebody_wants_them(t):
    single_node(t)
    path = t.path("model")
    result = t.good("hal-bench", "mem", "--quick", "--bytes", 1 << 20, f"--save={path}")
    expect(f"kept 4 measurements: {path}" in result.out, result.out)
    expect(path.read_text().startswith("hal-measurements 1\nread\t"), path.read_text())
    expect(not list(t.directory.glob("hal/measured-*")), "and in the cache")
    t.path("diary").write_text("dear diary\n")
    t.bad(2, ["diary", "line 1"], "hal-bench", "mem", "--quick", "--bytes", 1 << 20, f"--save={t.path('diary')}")
    expect(t.path("diary").read_text() == "dear diary\n", "it was overwritten")
    t.bad(2, ["--save belongs to mem and link"], "hal-bench", "op", "--save")


@case
def measurements_beside_those_of_an_earlier_run(t):
    old = t.path("old.json")
    link = ("hal-bench", "link", *SMALL, "--from", "host", "--to", "cpu0")
    was = t.good(*link).out
    for factor, word in ((1, None), (1000, "slower"), (0.001, "faster")):
        (row,) = [json.loads(line) for line in was.splitlines()]
        row["bandwidth"]["value"] *= factor
        row["bandwidth"]["ci95"] = 0
        old.write_text(json.dumps(row) + "\n")
        told = t.good(*link, "--compare", old).lines()[-1]
        expect(told["event"] == "compared" and told["ratio"] > 0, f"{told}")
        expect(word is None or told["verdict"] == word, f"{told}")
        expect(factor == 1 or (told["ratio"] > 1) == (factor < 1), f"{told}")
    row["bytes"] += 1
    old.write_text(json.dumps(row) + "\n")
    told = t.good(*link, "--compare", old).lines()[-1]
    expect((told["verdict"], told["ratio"]) == ("new", None), f"{told}")
    old.write_text("nonsense\n")
    t.bad(2, ["old.json", "line 1"], *link, "--compare", old)
    t.bad(3, ["none.json"], *link, "--compare", t.path("none.json"))
    t.bad(2, ["--compare belongs to mem and link"], "hal-bench", "op", "--compare", old)


@variants(
    ("product", ["matmul", "bf16:16x32", "bf16:32x8"], 2 * 16 * 32 * 8),
    ("several outputs", ["rms_norm", "f32:4x64", "f32:64"], None),
    ("integers and scalars", ["cross_entropy", "f32:8x65", "i32:8"], None),
    ("state", ["adamw", *["f32:100"] * 4, *["f32:"] * 3], None),
)
def bench_op_takes_any_operands(t, words, flops):
    op, *operands = words
    (line,) = t.good("hal-bench", "op", "--op", op, *(w for o in operands for w in ("--in", o)), "--steps", 3, "--json").lines()
    expect(line["op"] == op and line["in"] == operands and line["bytes_per_second"] > 0, f"{line}")
    expect(not flops or abs(line["flops_per_second"] * line["seconds"] / flops - 1) < 1e-6, f"{line}")


@variants(
    ("size", 2, ["--in f32:3x", "bf16:16x4096"], "softmax", "f32:3x"),
    ("size of nothing", 2, ["--in f32:0"], "softmax", "f32:0"),
    ("huge size", 2, ["--in f32:99999999999999999999"], "softmax", "f32:99999999999999999999"),
    ("dtype", 2, ["no dtype", "f33"], "softmax", "f33:3"),
    ("number of operands", 2, ["1 to 1"], "softmax", "f32:3", "f32:3"),
    ("shape", 2, ["matmul"], "matmul", "f32:3x4", "f32:5x6"),
    ("too many operands", 2, ["more than 8"], "adamw", *["f32:1"] * 9),
)
def bench_op_refuses_operands_of_wrong(t, code, says, op, *operands):
    t.bad(code, says, "hal-bench", "op", "--op", op, *(w for o in operands for w in ("--in", o)))


@variants(
    ("flag", "transpose_b=1", "matmul", "f32:4x3", "f32:5x3"),
    ("number", "eps=1e-06", "rms_norm", "f32:4x8", "f32:8"),
    ("word", "kind=max", "reduce", "f32:3x4"),
    ("dtype", "dtype=bf16", "cast", "f32:8"),
    ("list", "axes=[0,1]", "reduce", "f32:3x4"),
    ("expression", 'expr="t0 = mul:f32(x0, 2); t0"', "pointwise", "f32:8"),
)
def bench_op_takes_attributes(t, attr, op, *operands):
    given = attr.replace("[", "").replace("]", "").replace('"', "")
    words = ("--op", op, "--attr", given, *(w for o in operands for w in ("--in", o)), "--steps", 3)
    (line,) = t.good("hal-bench", "op", *words, "--json").lines()
    expect(line["attrs"] == attr and line["seconds"] > 0, f"{line}")
    expect(attr in t.good("hal-bench", "op", *words).out, "in words")


@variants(
    ("name", ["\"transpose_q\"", "transpose_a, transpose_b"], "transpose_q=1", "matmul"),
    ("number", ["\"transpose_b\" is a whole number", "b is"], "transpose_b=yes", "matmul"),
    ("huge number", ["a whole number"], "transpose_b=99999999999999999999", "matmul"),
    ("range", ["outside 0 to 1"], "transpose_b=2", "matmul"),
    ("word", ["\"kind\" is \"mox\"", "sum|mean|max"], "kind=mox", "reduce"),
    ("list", ["a list of whole numbers"], "axes=0,", "reduce"),
    ("long list", ["a list of whole numbers"], "axes=0,1,2,3,4,5,6,7,8", "reduce"),
    ("expression", ["expr"], "expr=nope(x0)", "pointwise"),
    ("form", ["expected NAME=VALUE"], "axis", "softmax"),
)
def bench_op_refuses_an_attribute_of_wrong(t, says, attr, op):
    t.bad(2, says, "hal-bench", "op", "--op", op, "--attr", attr)


@case
def bench_op_says_whether_it_waited_for_each_call(t):
    def timing(*words):
        (line,) = t.good("hal-bench", "op", "--op", "copy", "--in", "f32:64x64", "--steps", 3, "--json", *words).lines()
        return line["timing"]

    expect(timing() == "call" and timing("--timing", "queued") == "queued", "the host reaches its own memory")
    npu = ("--device", "mock-npu0")
    expect(timing(*npu) == "queued" and timing(*npu, "--timing", "call") == "call", "the way to another memory is left out")
    softmax = ("--op", "softmax", "--in", "f32:8x8", "--steps", 3, *npu)
    (line,) = t.good("hal-bench", "op", *softmax, "--json").lines()
    expect(line["timing"] == "call", "what a device takes apart is no program by itself")
    t.bad(3, ["primitives only"], "hal-bench", "op", *softmax, "--timing", "queued")
    t.bad(2, ["--timing soon: call or queued"], "hal-bench", "op", "--timing", "soon")


@variants(("in f32", "f32"), ("in bf16", "bf16"))
def bench_generate_reads_and_makes_tokens(t, dtype):
    words = ("--model", t.config, "--dtype", dtype, "--context", 20, "--steps", 10)
    (line,) = t.good("hal-bench", "generate", *words, "--json").lines()
    expect((line["device"], line["dtype"], line["prompt"], line["tokens"], line["emulated"]) == ("cpu0", dtype, 20, 10, False), f"{line}")
    for way, tokens in (("prefill", 20), ("decode", 1)):
        expect(abs(line[f"{way}_tokens_per_second"] * line[f"{way}_seconds"] / tokens - 1) < 1e-6, f"{line}")
    expect(0 < line["launch_seconds"] < line["decode_seconds"] and line["programs"] == 1 and line["graphs"] == 0, f"{line}")
    expect("tokens/s" in t.good("hal-bench", "generate", *words).out, "in words")


@variants(
    ("model", 3, ["unknown model", "nope"], "--model", "nope"),
    ("dtype", 2, ["--dtype f16: f32 or bf16"], "--dtype", "f16"),
    ("number of tokens", 2, ["--steps 9999", "4096"], "--steps", 9999),
    ("device", 3, ["gpu9"], "--device", "gpu9"),
)
def bench_generate_refuses_a_wrong(t, code, says, *words):
    t.bad(code, says, "hal-bench", "generate", *words)
