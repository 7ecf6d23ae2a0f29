# SPDX-License-Identifier: Apache-2.0
"""hal-bench roofline: a trace of known answers, one of a real training, and files that are none."""
import html.parser
import json
import math

from support import case, expect, variants

# Of cpu0: 100 GB/s and 1 TFLOP/s in f32, so that both meet at 10 operations a byte.
LIMITS = [{"event": "limit", "device": "cpu0", "name": "a <made-up> machine", "emulated": False, "kind": "copy", "dtype": None, "value": 1e11,
           "unit": "bytes/s", "source": "measured", "when": 1795000000, "n": 31, "ci95": 1e9, "how": "a copy of 64 MiB"},
          {"event": "limit", "device": "cpu0", "name": "a <made-up> machine", "emulated": False, "kind": "matmul", "dtype": "f32", "value": 1e12,
           "unit": "op/s", "source": "measured", "when": 1795000000, "n": 11, "ci95": 1e10, "how": "a product"}]


def track(number, name):
    return {"ph": "M", "name": "thread_name", "pid": 1, "tid": number, "args": {"name": name}}


def span(category, begin, length, number=1, **of):
    """Microseconds."""
    event = {"ph": "X", "name": "h0.some", "cat": category, "pid": 1, "tid": number, "ts": begin, "dur": length}
    return {**event, "args": of} if of else event


def op(begin, length, name, dtype, flops, bytes_, number=1):
    return span("op", begin, length, number, op=name, dtype=dtype, flops=flops, bytes=bytes_)


# 1 ms of ops: a product at half its limit in two calls, a norm at 80 % of the copy, rows that are moved at a quarter of it, ids, and
# one op that nobody tells of.
EVENTS = [track(1, "cpu0"), span("program", 0, 1100), op(0, 300, "matmul", "f32", 150_000_000, 600_000),
          op(300, 300, "matmul", "f32", 150_000_000, 600_000), op(600, 200, "layer_norm", "f32", 2_000_000, 16_000_000),
          op(800, 100, "gather", "bf16", 0, 2_500_000), op(900, 50, "iota", "i32", 0, 40), span("op", 950, 50), span("copy", 1200, 300)]


def write(path, events, dropped=0):
    path.write_text(json.dumps({"traceEvents": events, "otherData": {"process": 1, "dropped": dropped}}))
    return path


def known(t, events=EVENTS, **of):
    t.path("limits").write_text("".join(json.dumps(line) + "\n" for line in LIMITS))
    return ("hal-bench", "roofline", "--limits", t.path("limits"), write(t.path("trace.json"), events, **of))


def close(a, b):
    return a is not None and math.isclose(a, b, rel_tol=1e-6)


@case
def operators_beside_limits_that_are_known(t):
    lines = t.good(*known(t), "--json").lines()
    (device,) = [line for line in lines if line["event"] == "device"]
    expect(close(device["ops_seconds"], 1e-3) and close(device["copies_seconds"], 3e-4) and close(device["span_seconds"], 1.5e-3), f"{device}")
    expect((device["programs"], device["copies"], device["dropped"]) == (1, 1, 0), f"{device}")
    rows = [line for line in lines if line["event"] == "operator"]
    expect([row["op"] for row in rows] == ["matmul", "layer_norm", "gather", None, "iota"], f"{rows}")
    by_op = {row["op"]: row for row in rows}
    matmul, norm, gather, untold = by_op["matmul"], by_op["layer_norm"], by_op["gather"], by_op[None]
    expect(matmul["calls"] == 2 and close(matmul["share"], 0.6) and close(matmul["flops_per_second"], 5e11), f"{matmul}")
    expect(close(matmul["intensity"], 250) and matmul["limit"] == "compute" and close(matmul["of_limit"], 0.5), f"{matmul}")
    expect(close(matmul["spare_seconds"], 3e-4), f"{matmul}")
    expect(norm["limit"] == "memory" and close(norm["of_limit"], 0.8) and close(norm["bytes_per_second"], 8e10), f"{norm}")
    expect(gather["limit"] == "memory" and close(gather["of_limit"], 0.25) and gather["flops_per_second"] is None, f"{gather}")
    expect(untold["calls"] == 1 and untold["limit"] is None and untold["flops"] is None and close(untold["share"], 0.05), f"{untold}")
    told = [line for line in lines if line["event"] == "limit"]
    expect([(line["kind"], line["dtype"], line["value"]) for line in told] == [("copy", None, 1e11), ("matmul", "f32", 1e12)], f"{told}")
    expect(all(line["when"] == 1795000000 and line["source"] == "measured" for line in told), f"{told}")


@case
def the_text_has_a_row_an_operator(t):
    out = t.good(*known(t, dropped=7)).out
    row = next(line for line in out.splitlines() if line.startswith("matmul"))
    expect(row.split() == ["matmul", "f32", "2", "0.6", "60.0%", "500", "2", "250", "50.0%", "compute"], row)
    expect("(not told)" in out and "a copy of 64 MiB" in out, out)
    expect("7 events had no room" in t.run(*known(t, dropped=7)).err, "what was dropped is not told")


class Page(html.parser.HTMLParser):
    """Counts elements and keeps the place of circles; what is opened must be closed."""

    def __init__(self, text):
        super().__init__()
        self.open, self.elements, self.circles = [], {}, []
        self.feed(text)

    def handle_startendtag(self, tag, attrs):
        self.elements[tag] = self.elements.get(tag, 0) + 1
        if tag == "circle":
            self.circles.append({k: float(v) for k, v in attrs if k in ("cx", "cy", "r")})

    def handle_starttag(self, tag, attrs):
        self.handle_startendtag(tag, attrs)
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag):
        expect(self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-1:]}")
        self.open.pop()


@case
def the_page_draws_a_point_an_operator(t):
    path = t.path("page.html")
    t.good(*known(t), "--html", path)
    text = path.read_text()
    page = Page(text)
    expect(not page.open, f"not closed: {page.open}")
    expect(len(page.circles) == 2 and page.elements["table"] == 2, f"{page.elements}")
    expect("script" not in page.elements and "://" not in text, "something is loaded or run")
    expect("a &lt;made-up&gt; machine" in text and "2026-11-18" in text, "where limits come from is not told")
    # One decade is as far on the page for both: 250 and 0.125 operations a byte, 500 and 10 GFLOP/s.
    matmul, norm = page.circles
    expect(matmul["cx"] > norm["cx"] and matmul["cy"] < norm["cy"] and matmul["r"] > norm["r"], f"{page.circles}")


@case
def a_device_that_is_asked_for(t):
    both = EVENTS + [track(2, "gpu0"), op(0, 10, "copy", "f32", 0, 10, number=2)]
    lines = t.good(*known(t, both), "--device", "cpu0", "--json").lines()
    expect({line["device"] for line in lines} == {"cpu0"}, f"{lines}")
    t.bad(3, ["gpu7", "no op of it"], *known(t, both), "--device", "gpu7")
    t.bad(3, ["limits", "no limit of gpu0"], *known(t, both))


@case
def traces_add_up(t):
    command = known(t)
    (row,) = [line for line in t.good(*command, command[-1], "--json").lines() if line.get("op") == "matmul"]
    expect(row["calls"] == 4 and close(row["seconds"], 1.2e-3) and close(row["of_limit"], 0.5), f"{row}")


@variants(("of one step", ("train", "--model", "char", "--steps", 2, "--batch", 2, "--context", 32), "cpu0"))
def a_real_training(t, command, device):
    trace = t.path("trace.json")
    t.good("hal-bench", *command, "--device", device, HAL_TRACE=trace)
    told = t.good("hal-bench", "roofline", "--quick", "--bytes", 1 << 22, "--json", trace)
    lines = told.lines()
    rows = {(line["op"], line["dtype"]): line for line in lines if line["event"] == "operator"}
    expect(close(sum(row["share"] for row in rows.values()), 1), f"{rows}")
    expect((None, None) not in rows, "an op is not told")
    matmul, copy = rows[("matmul", "f32")], next(line for line in lines if line["event"] == "limit")
    expect(matmul["flops"] > 0 and 0 < matmul["of_limit"] < 20, f"{matmul}")
    expect(copy["value"] > 1e8 and copy["n"] >= 3 and copy["when"] > 1600000000 and "MiB" in copy["how"], f"{copy}")
    # What one run told serves another.
    t.path("limits").write_text(told.out)
    again = t.good("hal-bench", "roofline", "--json", "--limits", t.path("limits"), trace).lines()
    (row,) = [line for line in again if line.get("op") == "matmul" and line["dtype"] == "f32"]
    expect(close(row["of_limit"], matmul["of_limit"]), f"{row} is not {matmul}")


WRONG = (("no file", None, 3, "trace.json"), ("no JSON", "nonsense", 2, "line 1"),
         ("cut short", json.dumps({"traceEvents": EVENTS})[:-40], 2, "trace.json"), ("no trace", "{}", 2, "traceEvents"),
         ("a list", "[]", 2, "not an object"), ("no ops", json.dumps({"traceEvents": EVENTS[:2]}), 2, "no op in its 2 events"),
         ("no track", json.dumps({"traceEvents": EVENTS[1:]}), 2, "has an op and no name"),
         ("no time", json.dumps({"traceEvents": [track(1, "cpu0"), {"ph": "X", "cat": "op", "pid": 1, "tid": 1}]}), 2, "event 2"),
         ("time that runs backwards", json.dumps({"traceEvents": [track(1, "cpu0"), span("op", 0, -1)]}), 2, "\"dur\" is -1"),
         ("work as text", json.dumps({"traceEvents": [track(1, "cpu0"), op(0, 1, "matmul", "f32", "many", 1)]}), 2, "\"flops\" is a string"),
         ("work that nobody does", json.dumps({"traceEvents": [track(1, "cpu0"), op(0, 1, "matmul", "f32", -1, 1)]}), 2, "\"flops\" is -1"),
         ("a long name", json.dumps({"traceEvents": [track(1, "cpu0"), op(0, 1, "m" * 100, "f32", 1, 1)]}), 2, "no name of an operator"),
         ("a device of elsewhere", json.dumps({"traceEvents": [track(1, "npu9"), op(0, 1, "matmul", "f32", 1, 1)]}), 3, "npu9"))


@variants(*WRONG)
def a_file_that_is_no_trace(t, content, code, says):
    path = t.path("trace.json")
    if content is not None:
        path.write_text(content)
    t.bad(code, [says], "hal-bench", "roofline", path)


@case
def what_does_not_fit_together(t):
    command = known(t)
    t.bad(2, ["which trace"], "hal-bench", "roofline")
    t.bad(2, ["--html belongs to roofline"], "hal-bench", "mem", "--html", t.path("x"))
    t.bad(2, ["--save belongs to mem and link"], *command, "--save")
    t.bad(2, ["one verb"], "hal-bench", "op", "trace.json")
    t.bad(3, ["none"], *command[:2], "--limits", t.path("none"), command[-1])
    t.path("limits").write_text("nonsense\n")
    t.bad(2, ["line 1"], *command)
    t.path("limits").write_text(json.dumps({**LIMITS[0], "value": -1}) + "\n")
    t.bad(2, ["\"value\" is -1"], *command)
    expect(t.run(*known(t), "--html", t.path("no/where.html")).code in (2, 3), "a page that cannot be written")
