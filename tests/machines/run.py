#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Describes each machine tree with hal-info and compares with what a correct description says; then each of its two
mutations, which must change the answer. Formats: README.md here.

usage: run.py --build DIR [--source DIR] [--json FILE] [WORD]
WORD: only trees whose name has it. --json: compare FILE with the expectations of the one tree WORD, without hal-info.
Prints what differs and `N passed, N failed, N skipped`; a tree and each of its mutations count one."""
import argparse
import fnmatch
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

NEAR = ("PIX", "PXB", "PHB", "NODE", "SYS")  # from near to far
COMPUTES = ("gpu", "npu", "switch")
GOOD = ("not-probed", "ready", "no-backend")


def figure(value):
    """The number in a figure of the JSON, or None."""
    return value.get("value") if isinstance(value, dict) else value


def plain(value):
    """As an expectation writes it."""
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return str(int(value))
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def gen(most):
    """The links whose rate this is: 16 lanes of one generation are as fast as 8 of the next."""
    lanes = {1: 0.25e9, 2: 0.5e9, 3: 8e9 / 8 * 128 / 130, 4: 16e9 / 8 * 128 / 130, 5: 32e9 / 8 * 128 / 130}
    return [f"Gen{g} x{w}" for g, one in lanes.items() for w in (1, 2, 4, 8, 16)
            if most and abs(one * w - most) <= 0.07 * most]


class Machine:
    """One description: its objects as rows of texts, a list of texts a key where several are right."""

    def __init__(self, data):
        self.devices = [self.device(d) for d in data["devices"]]
        self.memories = [self.memory(m) for m in data["memories"]]
        self.links = [self.link(x) for x in data["links"]]
        self.host = self.host_of(data)
        owner = {m["id"]: d["id"] for d in data["devices"] for m in d["memory"] or []}
        self.owner = owner
        self.kinds = {d["id"][0]: d["kind"][0] for d in self.devices}

    @staticmethod
    def device(d):
        """Keys of README.md."""
        pci, state = d["pci"], d["state"]
        indices = []
        for api, value in (d["indices"] or {}).items():
            pairs = value if isinstance(value, list) and value and isinstance(value[0], list) else [value]
            indices += [f"{api}:{v[-1] if isinstance(v, list) else v}" for v in pairs]
        reason = d["reason"] or ""
        reasons = [reason or "-"] + (["-"] if reason.startswith("D10") and len(reason) == 5 else [])
        row = {key: [plain(d[key])] for key in ("id", "alias", "kind", "name", "vendor", "family", "address", "numa",
                                                "parent", "uuid", "serial", "cores", "threads", "compute_group")}
        row.update(
            usability=["good" if state in GOOD else "broken" if state == "unusable" else state], reason=reasons,
            driver=[plain(d["driver"]["name"])], driver_version=[plain(d["driver"]["kernel"])],
            firmware=[plain(d["driver"]["firmware"])], link=[plain(d["link"]["text"])],
            link_most=gen(figure(d["link"]["most"])) or ["-"],
            pci=[f"{pci['vendor'][2:]}:{pci['device'][2:]}" if pci else "-"], index=indices, node=d["nodes"] or [],
            feature=d["features"] or [], unified=[m["id"] for m in d["memory"] or []])
        return row

    @staticmethod
    def memory(m):
        row = {key: [plain(m[key])] for key in ("id", "kind", "numa", "shared", "tier", "host_access")}
        row["capacity"] = [plain(figure(m["capacity"]))]
        return row

    @staticmethod
    def link(x):
        row = {key: [plain(x[key])] for key in ("from", "to", "kind", "path", "hops")}
        row["bandwidth"] = [plain(figure(x["bandwidth"]))]
        return row

    @staticmethod
    def host_of(data):
        row = {key: [plain(data["host"][key])] for key in ("os", "kernel", "arch", "container", "cgroup")}
        for key in ("cpu_limit", "memory_limit"):
            row[key] = [plain(figure(data["host"][key]))]
        row["cpus"] = [str(sum(d["threads"] or 0 for d in data["devices"] if d["kind"] == "cpu"))]
        return row

    def rows(self):
        """Every row as one text, for what mutations expect."""
        told = [("", r) for r in self.devices + self.memories] + [("host", self.host)]
        told += [(f"link {r['from'][0]} {r['to'][0]}", r) for r in self.links]
        for head, row in told:
            yield " ".join([head or row["id"][0]] + [f'{k}="{v}"' if " " in v else f"{k}={v}"
                                                      for k, values in row.items() for v in values])


def near(got, wanted):
    """Equal numbers within 2 %."""
    try:
        return abs(float(got) - float(wanted)) <= 0.02 * abs(float(wanted))
    except ValueError:
        return got == wanted


def fits(key, got, wanted):
    """Whether one of the values `got` is one of the alternatives in `wanted`."""
    if key in ("node", "index"):
        return all(any(one in got for one in part.split("|")) for part in wanted.split(","))
    for choice in wanted.split("|"):
        for value in got:
            if key in ("capacity", "bandwidth", "memory_limit"):
                right = near(value, choice)
            elif key in ("name", "vendor", "family") and choice != "-":
                right = choice.lower() in value.lower()
            elif key == "reason" and choice != "-":
                right = value == choice or (value.startswith(choice) and len(value) == len(choice) + 2)
            else:
                right = value == choice
            if right:
                return True
    return not got and wanted == "-"


def compare(row, wanted):
    """What is wrong in a row."""
    return [f"{key} is {' '.join(row.get(key, [])) or 'nothing'}, not {value}"
            for key, value in wanted.items() if not fits(key, row.get(key, []), value)]


def find(rows, name):
    return [r for r in rows if fnmatch.fnmatchcase(r["id"][0], name) or r.get("alias") == [name]]


def nearest(machine, row):
    """Whether nothing of that kind is nearer."""
    rank = lambda r: NEAR.index(r["path"][0]) if r["path"][0] in NEAR else len(NEAR)
    kind = machine.kinds.get(row["to"][0])
    others = [r for r in machine.links if r["from"] == row["from"] and machine.kinds.get(r["to"][0]) == kind]
    return all(rank(r) >= rank(row) for r in others)


def judge_objects(machine, what, words, wanted):
    rows = find(machine.devices if what == "device" else machine.memories, words[0])
    count = wanted.pop("count", None)
    if what == "memory" and wanted.get("capacity") == "-" and not rows:
        return []
    if not rows:
        return [f"{what} {words[0]} is not there"]
    wrong = [f"{what} {r['id'][0]}: {x}" for r in rows for x in compare(r, wanted)]
    if count is not None and len(rows) != int(count):
        wrong.append(f"{what} {words[0]}: {len(rows)} of them, not {count}")
    return wrong


def judge_link(machine, words, wanted):
    wrong, close = [], wanted.pop("nearest", None)
    for a, b in (words[:2], words[1::-1]):
        rows = [r for r in machine.links if r["from"] == [a] and r["to"] == [b]]
        good = [r for r in rows if not compare(r, wanted)]
        if not good:
            seen = "; ".join(" ".join(f"{k}={v[0]}" for k, v in r.items()) for r in rows) or "there is none"
            wrong.append(f"link {a} {b}: {' '.join(f'{k}={v}' for k, v in wanted.items())} is wanted: {seen}")
        elif close and a == words[0] and not nearest(machine, good[0]):
            wrong.append(f"link {a} {b}: something of that kind is nearer")
    return wrong


def judge_count(machine, wanted):
    wrong = []
    for kind, number in wanted.items():
        if kind == "parts":
            have = [r for r in machine.devices if r["parent"] != ["-"]]
        else:
            have = [r for r in machine.devices if r["kind"] == [kind] and r["parent"] == ["-"]]
        if len(have) != int(number):
            wrong.append(f"{kind}: {len(have)}, not {number}: {' '.join(r['id'][0] for r in have)}")
    return wrong


def judge_absent(machine, words):
    return [f"{r['id'][0]} is a {r['kind'][0]}, but {word} cannot compute"
            for r in machine.devices if r["kind"][0] in COMPUTES and r["parent"] == ["-"] for word in words
            if any(text.endswith(word) for text in r["id"] + r["address"] + r["node"])]


def judge(machine, text):
    """Everything that differs from an .expect file."""
    wrong, groups = [], {}
    for line in text.splitlines():
        parts = shlex.split(line, comments=True)
        if not parts:
            continue
        words = [p for p in parts[1:] if "=" not in p]
        wanted = dict(p.split("=", 1) for p in parts[1:] if "=" in p)
        letter = wanted.pop("compute_group", None)
        if parts[0] in ("device", "memory"):
            wrong += judge_objects(machine, parts[0], words, wanted)
            for row in find(machine.devices, words[0]) if letter else []:
                groups.setdefault(letter, set()).add(row["compute_group"][0])
        elif parts[0] == "link":
            wrong += judge_link(machine, words, wanted)
        elif parts[0] == "count":
            wrong += judge_count(machine, wanted)
        elif parts[0] == "absent":
            wrong += judge_absent(machine, words)
        elif parts[0] == "host":
            wrong += [f"host: {x}" for x in compare(machine.host, wanted)]
        else:
            raise ValueError(f"an expectation cannot begin with {parts[0]}")
    taken = [group for letter in groups.values() for group in letter]
    if any(len(g) > 1 for g in groups.values()) or len(taken) != len(set(taken)):
        wrong.append(f"compute groups are {groups}")
    return wrong


def judge_mutation(machine, wanted):
    rows = list(machine.rows())
    if wanted.startswith("no "):
        return [f"still there: {r[:160]}" for r in rows if wanted[3:] in r]
    words = [w.split("|") for w in wanted.split()]
    if any(all(any(one in row for one in choices) for choices in words) for row in rows):
        return []
    near_misses = [r for r in rows if any(one in r for one in words[0])]
    return [f"no row has {wanted}"] + [f"  {r[:300]}" for r in near_misses[:2]]


def mutations(text):
    """(name, lines that go, lines that come, words)"""
    for block in text.split("\n\n")[1:]:
        lines = block.strip("\n").split("\n")
        yield (lines[0].removeprefix("name: "), [x[2:] for x in lines if x.startswith("- ")],
               [x[2:] for x in lines if x.startswith("+ ")], lines[-1].removeprefix("expect: "))


def entries(lines):
    """What the end mark of a tree counts: all lines but the first, comments, and those of files."""
    return sum(not x.startswith(("#", "\t")) and x != "" for x in lines[1:])


def mutate(tree, minus, plus):
    lines = tree.split("\n")[:-2]  # the last one is the end mark
    for i, old in enumerate(minus):
        if old not in lines:
            raise ValueError(f"the tree has no line {old}")
        lines = [y for x in lines for y in ([x] if x != old else plus[i:i + 1] if i < len(plus) else [])]
    lines += plus[len(minus):]
    return "\n".join(lines) + f"\n. {entries(lines)}\n"


def describe(tool, path):
    helper = tool.parent.resolve() / "hal-probe"  # of the build tree: what is installed may be another
    environment = {**os.environ, **({"HAL_PROBE": str(helper)} if helper.exists() else {})}
    done = subprocess.run([tool, "--input", path, "--json"], capture_output=True, text=True, timeout=60, check=False,
                          env=environment)
    if done.returncode not in (0, 4):
        raise ValueError(f"hal-info ends with {done.returncode}: {done.stderr.strip()}")
    return Machine(json.loads(done.stdout))


def cases(tool, path, scratch):
    """(name, function that tells what is wrong)"""
    tree = path.read_text()
    yield path.stem, lambda: judge(describe(tool, path), path.with_suffix(".expect").read_text())
    for name, minus, plus, words in mutations(path.with_suffix(".mutations").read_text()):
        def changed(minus=minus, plus=plus, words=words):
            other = scratch / (re.sub(r"\W", "-", path.stem) + ".tree")
            other.write_text(mutate(tree, minus, plus))
            return judge_mutation(describe(tool, other), words)
        yield f"{path.stem}: {name}", changed


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=pathlib.Path, default=pathlib.Path("."))
    parser.add_argument("--source", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parents[2])
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("word", nargs="?", default="")
    options = parser.parse_args()
    trees = [p for p in sorted((options.source / "tests/machines").glob("*.tree")) if options.word in p.stem]
    if options.json:
        wrong = judge(Machine(json.loads(options.json.read_text())), trees[0].with_suffix(".expect").read_text())
        print("\n".join(wrong) or "nothing differs")
        return 1 if wrong else 0
    count = {"passed": 0, "failed": 0}
    with tempfile.TemporaryDirectory() as scratch:
        for path in trees:
            for name, function in cases(options.build / "hal-info", path, pathlib.Path(scratch)):
                try:
                    wrong = function()
                except (ValueError, KeyError, subprocess.TimeoutExpired) as error:
                    wrong = [f"{type(error).__name__}: {error}"]
                count["failed" if wrong else "passed"] += 1
                for line in wrong:
                    print(f"failed: {name}: {line}")
    print(f"{count['passed']} passed, {count['failed']} failed, 0 skipped")
    return 1 if count["failed"] or not count["passed"] else 0


if __name__ == "__main__":
    sys.exit(main())
