#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Each ```c block of the README and docs/ compiles against the public headers: as a file, or, where it is a few
statements, as the body of a function returning hal_status. Each row of a table with a column "shown by" names tests, and each is run.

usage: samples.py [SOURCE-ROOT]"""
import os
import pathlib
import re
import shlex
import subprocess
import sys

ROOT = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else os.environ.get("top_srcdir", ".")).resolve()
BLOCK = re.compile(r"^```c\n(.*?)^```", re.M | re.S)
TABLE = re.compile(r"^\|.*\| shown by \|\n\|[-|]*\n((?:\|.*\n)+)", re.M)
HEADERS = "".join(f"#include <{name}>\n" for name in (
    "hal/hal.h", "hal/ops.h", "hal/graph.h", "hal/plan.h", "hal/backend.h", "stdio.h", "stdlib.h", "string.h"))
CC = shlex.split(os.environ.get("CC", "cc")) + [
    "-std=gnu11", "-D_GNU_SOURCE", f"-I{ROOT}", f"-I{ROOT / 'ops'}", "-fsyntax-only", "-x", "c", "-"]


def complaint(text):
    done = subprocess.run(CC, input=text, capture_output=True, text=True, check=False)
    return done.stderr if done.returncode else None


def check(block):
    as_file = complaint(HEADERS + block)
    if as_file is None:
        return None
    as_body = complaint(f"{HEADERS}hal_status sample(void);\nhal_status sample(void)\n{{\n{block}\nreturn HAL_OK;\n}}\n")
    if as_body is None:
        return None
    return as_file if re.search(r"^(int|static|void|hal_status) ?.*\)\n?\s*\{", block, re.M) else as_body


def missing_tests(text):
    shown = [row.rsplit("|", 2)[1] for table in TABLE.findall(text) for row in table.splitlines()]
    named = [name for cell in shown for name in re.findall(r"`(\w+)`", cell) or ["(a row without one)"]]
    run = {name for path in (ROOT / "tests").rglob("*.c")
           for name in re.findall(r"cmocka_unit_test\w*\((\w+)", path.read_text(encoding="utf-8"))} if named else set()
    return [name for name in named if name not in run]


def main():
    passed = failed = 0
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        text = path.read_text(encoding="utf-8")
        for name in missing_tests(text):
            failed += 1
            print(f"{path.relative_to(ROOT)}: no test is called {name}")
        for match in BLOCK.finditer(text):
            problem = check(match.group(1))
            if problem is None:
                passed += 1
                continue
            failed += 1
            print(f"{path.relative_to(ROOT)}:{text[:match.start()].count(chr(10)) + 1}: does not compile\n{problem}")
    print(f"samples: {passed} passed, {failed} failed")
    return failed > 0 or passed == 0


if __name__ == "__main__":
    sys.exit(main())
