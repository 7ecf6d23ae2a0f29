#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes docs/operators.md from ops/ops.def, the operator table; --check says whether the page is that of the table."""
import os
import re
import sys

COLUMNS = ["number", "id", "name", "version", "kind", "min_in", "max_in", "min_out", "max_out", "shape", "cost",
           "gradient", "decompose", "reference", "cases", "tolerance", "grade", "doc"]
CALL = re.compile(r"(HAL_OP|HAL_ATTR_\w+|HAL_OP_END)\(")
HEAD = """<!-- SPDX-License-Identifier: Apache-2.0 -->
# Operators

Written by `docs/operators.py` from [`ops/ops.def`](../ops/ops.def), the single source; change that, not this page.

Shapes are outermost first; [..., n] is any leading sizes; 0-d is rank 0; x? is an optional input. Indices are i32 or
i64. A negative axis counts from the end. Unless said otherwise outputs have the dtype of input 0 and accumulation is f32
(f64 for f64). *Tolerance* and *grade* (determinism) are explained in [numerics](numerics.md); a *view* moves no bytes
where strides allow; a *composite* has a decomposition into simpler rows.
"""


def split(text, start):
    """Arguments of a macro call whose parenthesis opens before `start`; string literals stay whole."""
    parts, depth, part, i = [], 0, "", start
    while True:
        c = text[i]
        if c == '"':
            end = i + 1
            while text[end] != '"':
                end += 2 if text[end] == "\\" else 1
            part += text[i:end + 1]
            i = end + 1
            continue
        if c == ")" and depth == 0:
            return parts + [part.strip()]
        depth += (c == "(") - (c == ")")
        if c == "," and depth == 0:
            parts.append(part.strip())
            part = ""
        else:
            part += c
        i += 1


def literal(text):
    return "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', text))


def rows(text):
    """(section, columns, attributes) of each operator."""
    body = text[text.index("/* ---- "):]
    section, found = "", []
    for line in re.finditer(r"/\* ---- ([^\n:]*?)(?::[^\n]*)? ?\*/|" + CALL.pattern, body):
        if line.group(1):
            section = line.group(1)
            continue
        arguments = split(body, line.end())
        if line.group(2) == "HAL_OP":
            found.append((section, dict(zip(COLUMNS, arguments)), []))
        elif line.group(2) != "HAL_OP_END":
            found[-1][2].append((line.group(2), arguments))
    return found


def attribute(macro, a):
    kind = macro.removeprefix("HAL_ATTR_").lower()
    default = {"list": "empty", "expr": "empty"}.get(kind, a[2] if len(a) > 3 else "")
    if kind == "enum":
        words = literal(a[3]).split("|")
        kind, default = " or ".join(words), words[int(default)]
    default = default.removeprefix("HAL_").lower().replace("no_dtype", "none")
    return f"| `{a[1]}` | {kind} | {default} | {literal(a[-1])} |"


def count(low, high):
    return low if low == high else f"{low} to {high}"


def page(text):
    out, section = [HEAD], None
    for where, op, attributes in rows(text):
        if where != section:
            section = where
            out.append(f"## {section[0].upper()}{section[1:]}\n")
        facts = [f"number {op['number']}", op["kind"].lower(), f"inputs {count(op['min_in'], op['max_in'])}",
                 f"outputs {count(op['min_out'], op['max_out'])}", f"tolerance {op['tolerance']}",
                 f"grade {op['grade'].lower()}", "gradient" if op["gradient"] != "none" else "no gradient"]
        out.append(f"### {op['name']}\n\n{literal(op['doc'])}\n\n*{', '.join(facts)}*\n")
        if attributes:
            out.append("| attribute | kind | default | meaning |\n|---|---|---|---|")
            out.append("\n".join(attribute(*a) for a in attributes) + "\n")
    return "\n".join(out)


def main():
    root = os.environ.get("top_srcdir") or os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
    with open(os.path.join(root, "ops/ops.def"), encoding="utf-8") as table:
        wanted = page(table.read())
    path = os.path.join(root, "docs/operators.md")
    if sys.argv[1:] != ["--check"]:
        with open(path, "w", encoding="utf-8") as file:
            file.write(wanted)
        return 0
    with open(path, encoding="utf-8") as file:
        same = file.read() == wanted
    print("1 passed, 0 failed" if same else "docs/operators.md is not that of ops/ops.def: run docs/operators.py\n"
          "0 passed, 1 failed")
    return 0 if same else 1


sys.exit(main())
