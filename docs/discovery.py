#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the table of codes in docs/discovery.md from hal/discovery/codes.def; --check says whether it is that of the table.
Codes are permanent: one that the page has and the table lacks is an error, whatever else is asked. --check also names the
codes that no test brings about."""
import os
import re
import sys

ROW = re.compile(r'HAL_LADDER_CODE\((\d+), (\w+), (\w+),((?:\s*"(?:[^"\\]|\\.)*",?)+)\s*\)')
SECTION = re.compile(r"/\* ---- D\d+: ([^\n]*?) \*/")
BEGIN, END = "<!-- codes: written by docs/discovery.py -->\n", "<!-- end of codes -->\n"


def texts(arguments):
    """The string literals of a call, those that follow each other without a comma joined."""
    parts, last = [""], 0
    for literal in re.finditer(r'"((?:[^"\\]|\\.)*)"', arguments):
        if "," in arguments[last:literal.start()]:
            parts.append("")
        parts[-1] += literal.group(1)
        last = literal.end()
    return parts


def rows(text):
    """(section, number, stage, severity, summary, evidence, cause, remedy) of each code."""
    section, body = "", text[text.index("/* ---- "):]
    for line in re.finditer(f"{SECTION.pattern}|{ROW.pattern}", body):
        if line.group(1):
            section = line.group(1)
            continue
        parts = texts(line.group(5))
        if len(parts) != 4:
            sys.exit(f"D{line.group(2)} has {len(parts)} texts, not 4")
        yield (section, int(line.group(2)), line.group(3), line.group(4).lower(), *parts)


def table(codes):
    out, section = [], None
    for where, number, stage, severity, summary, evidence, cause, remedy in codes:
        if where != section:
            section = where
            out.append(f"\n### D{number // 100}xx – {section}\n")
            out.append("| Code | | What is wrong | Looked at | Usual cause | What to try |\n|---|---|---|---|---|---|")
        cells = (cell.replace("|", "\\|").replace("*", "\\*") for cell in (summary, evidence, cause, remedy))
        out.append(f"| **D{number}** | {severity} | " + " | ".join(cells) + " |")
    return "\n".join(out) + "\n\n"


def untested(root, codes):
    """Codes that no test names. Those of the passive ladder are proved by test_ladder itself, which fails without them."""
    words = set()
    for room in ("tests/unit", "tests/fault", "tests/machines", "tests/cli"):
        for folder, _, names in os.walk(os.path.join(root, room)):
            for name in names:
                if name.endswith((".c", ".h", ".py", ".expect", ".mutations")):
                    with open(os.path.join(folder, name), encoding="utf-8") as file:
                        words.update(re.findall(r"\bD(\d{3,4})\b", file.read()))
    return [(number, stage) for _, number, stage, *_ in codes if stage != "PASSIVE" and str(number) not in words]


def main():
    root = os.environ.get("top_srcdir") or os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
    path = os.path.join(root, "docs/discovery.md")
    with open(os.path.join(root, "hal/discovery/codes.def"), encoding="utf-8") as file:
        text = file.read()
    codes = list(rows(text))
    with open(path, encoding="utf-8") as file:
        page = file.read()
    before, rest = page.split(BEGIN)
    old, after = rest.split(END)
    faults = [f"{text.count(chr(10) + 'HAL_LADDER_CODE(')} codes, {len(codes)} of them understood"] * (
        text.count("\nHAL_LADDER_CODE(") != len(codes))
    numbers = [code[1] for code in codes]
    faults += [f"D{gone} is in docs/discovery.md and no longer in codes.def: codes are permanent"
               for gone in re.findall(r"\*\*D(\d+)\*\*", old) if int(gone) not in numbers]
    faults += ["codes.def is not in ascending order"] * (numbers != sorted(set(numbers)))
    if sys.argv[1:] != ["--check"]:
        if not faults:
            with open(path, "w", encoding="utf-8") as file:
                file.write(before + BEGIN + table(codes) + END + after)
        print("\n".join(faults), end="\n" if faults else "")
        return 1 if faults else 0
    faults += ["docs/discovery.md is not that of hal/discovery/codes.def: run docs/discovery.py"] * (old != table(codes))
    left = untested(root, codes)
    faults += [f"D{number} ({stage.lower()}): no test brings it about" for number, stage in left]
    print("\n".join(faults), end="\n" if faults else "")
    print(f"{len(codes) - len(left)} of {len(codes)} codes have a test")
    print(f"{int(not faults)} passed, {int(bool(faults))} failed")
    return 1 if faults else 0


sys.exit(main())
