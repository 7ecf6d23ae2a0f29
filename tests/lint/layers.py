#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Includes may point down only: tools -> scheduler -> ops -> hal; a backend sees the backend
header and operator descriptions, never another backend; tools see installed headers only.

usage: layers.py [SOURCE-ROOT]"""
import os
import pathlib
import re
import sys

ROOT = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else os.environ.get("top_srcdir", ".")).resolve()
INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]', re.M)
# Public headers live in hal/ but belong to the room whose contract they state. The backend
# contract stands between: the core speaks it, and it names operators by their descriptions.
PUBLIC = {"hal/hal.h": "hal", "hal/topology.h": "hal", "hal/dtypes.def": "hal", "hal/backend.h": "contract", "hal/ops.h": "ops",
          "ops/ops.def": "ops", "ops/expr.def": "ops", "hal/graph.h": "ops", "hal/plan.h": "scheduler"}


def room(path):
    """The room of a file below ROOT: hal, ops, scheduler, backend:NAME, tools, tests, ..."""
    if path in PUBLIC:
        return PUBLIC[path]
    parts = path.split("/")
    if parts[0] == "backends" and len(parts) > 2:
        return "backend:" + parts[1]
    if parts[0] == "ops" and len(parts) > 2 and (ROOT / "backends" / parts[1]).is_dir():
        return "backend:" + parts[1]
    # what several backends compile into themselves
    if parts[0] == "backends" or parts[:2] in (["ops", "kernel"], ["ops", "portable"]):
        return "backend:shared"
    return parts[0]


def allowed(source, target_path):
    target = room(target_path)
    if source == target:
        return True
    if source == "contract":
        return target_path in PUBLIC and target in ("hal", "ops")
    if source == "hal":
        return target == "contract"
    if source == "ops":
        return target in ("hal", "contract")
    if source == "scheduler":
        return target in ("hal", "contract", "ops")
    if source.startswith("backend:"):
        # a kernel may be compiled against emulated intrinsics, in tests
        if target_path.startswith("tests/emulation/"):
            return True
        return target == "backend:shared" or target_path in PUBLIC and target != "scheduler"
    if source == "tools":
        return target_path in PUBLIC
    return True  # tests may look anywhere


def resolve(source, quote, name):
    places = [ROOT / name, ROOT / "ops" / name]
    if quote == '"':
        places.insert(0, source.parent / name)
    for place in places:
        if place.is_file() and place.resolve().is_relative_to(ROOT):
            return place.resolve().relative_to(ROOT).as_posix()
    return None


def violations(source):
    here = source.relative_to(ROOT).as_posix()
    for quote, name in INCLUDE.findall(source.read_text(errors="replace")):
        target = resolve(source, quote, name)
        if target and not allowed(room(here), target):
            yield f"{here}: room {room(here)} may not include {target} (room {room(target)})"


def main():
    files = [f for top in ("hal", "ops", "scheduler", "backends", "tools")
             for f in sorted((ROOT / top).rglob("*.[ch]"))]
    found = [v for f in files for v in violations(f)]
    for line in found:
        print(line)
    bad = len({line.split(":")[0] for line in found})
    print(f"layers: {len(files) - bad} passed, {bad} failed")
    return bool(found) or not files


if __name__ == "__main__":
    sys.exit(main())
