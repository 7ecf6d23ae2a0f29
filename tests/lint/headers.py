#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The public headers read as a manual: as many lines of comment as of code, and a comment above each function and type."""
import os
import re
import sys

HEADERS = ["hal/hal.h", "hal/ops.h", "hal/graph.h", "hal/plan.h", "hal/backend.h", "hal/topology.h"]
DECLARED = re.compile(r"^(HAL_API |static inline |typedef (struct|enum)|#define HAL_)")
# The macros of a table mean what the table's own file says.
TABLE_MACRO = re.compile(r"^#define HAL_(OP|ATTR_\w+|OP_END|DTYPE|EXPR|[A-Z]+_H)\b")


def is_comment(line, inside):
    return inside or line.startswith("/*")


def lines_of(path):
    """(number, text, whether it is a comment) of each line that is not blank."""
    inside = False
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            line = line.strip()
            if not line:
                continue
            comment = is_comment(line, inside)
            yield number, line, comment
            inside = comment and "*/" not in line


def bare(lines):
    """Numbers of declarations at the left margin with no comment above them."""
    before = False
    for number, line, comment in lines:
        if not comment and DECLARED.match(line) and not TABLE_MACRO.match(line) and not before:
            yield number
        before = comment or line.startswith("#")  # a group of macros shares a comment


def check(root, name):
    lines = list(lines_of(os.path.join(root, name)))
    comments = sum(comment for _, _, comment in lines)
    code = len(lines) - comments
    errors = [f"{name}: {comments} lines of comment to {code} of code"] if comments < code else []
    return errors + [f"{name}:{number}: declared without a comment above it" for number in bare(lines)]


def main():
    root = os.environ.get("top_srcdir", ".")
    failed = 0
    for name in HEADERS:
        errors = check(root, name)
        failed += bool(errors)
        print(*errors, sep="\n", end="\n" if errors else "")
    print(f"{len(HEADERS) - failed} passed, {failed} failed")
    return 1 if failed else 0


sys.exit(main())
