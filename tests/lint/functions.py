#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The house limits on size: functions at most 80 lines, median at most 12, nine in ten at most
40; files at most 700 lines. Where lizard is installed, its complexity is held to 15 as well; a
switch counts once, since a table of cases is read line by line.

usage: functions.py [SOURCE-ROOT]"""
import os
import pathlib
import re
import statistics
import sys

ROOT = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else os.environ.get("top_srcdir", ".")).resolve()
ROOMS = ("hal", "ops", "scheduler", "backends", "tools")
LONGEST, MEDIAN, NINE_IN_TEN, FILE, COMPLEXITY = 80, 12, 40, 700, 15
HEAD = re.compile(r"\)\s*\{\s*$|^\{\s*$")  # outside of a function; its parameters may span lines
WHOLE = re.compile(r"^[A-Za-z_].*\)\s*\{.*\}\s*$")


def functions(path):
    """(lines, place) of each function whose closing brace stands in the first column."""
    start = None
    for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
        if start is None and WHOLE.match(line):
            yield 1, f"{path.relative_to(ROOT)}:{number}"
        elif start is None and HEAD.search(line):
            start = number
        elif line.startswith("}") and start is not None:
            yield number - start + 1, f"{path.relative_to(ROOT)}:{start}"
            start = None


def complexity(files):
    try:
        import lizard
    except ImportError:
        print("SKIP: complexity: lizard is not installed")
        return []
    return [f"{i.filename}:{f.start_line}: {f.name} has complexity {f.cyclomatic_complexity}, limit {COMPLEXITY}"
            for i in lizard.analyze_files([str(f) for f in files], exts=lizard.get_extensions(["modified"]))
            for f in i.function_list
            if f.cyclomatic_complexity > COMPLEXITY]


def main():
    files = [f for room in ROOMS for f in sorted((ROOT / room).rglob("*.[ch]"))]
    found = [f for path in files for f in functions(path)]
    if not found:
        print("no function was found")
        return 1
    sizes = sorted(size for size, _ in found)
    median, ninety = statistics.median(sizes), sizes[int(0.9 * len(sizes))]
    print(f"{len(found)} functions, median {median:g} lines, nine in ten within {ninety}, longest {sizes[-1]}")
    wrong = [f"{place}: function of {size} lines, limit {LONGEST}" for size, place in found if size > LONGEST]
    lengths = {path: len(path.read_text(errors="replace").splitlines()) for path in files}
    wrong += [f"{path.relative_to(ROOT)}: file of {n} lines, limit {FILE}" for path, n in lengths.items() if n > FILE]
    if median > MEDIAN:
        wrong.append(f"median function of {median:g} lines, limit {MEDIAN}")
    if ninety > NINE_IN_TEN:
        wrong.append(f"one function in ten exceeds {ninety} lines, limit {NINE_IN_TEN}")
    wrong += complexity(files)
    print("\n".join(wrong))
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
