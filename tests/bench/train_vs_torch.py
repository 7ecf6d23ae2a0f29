#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Training speed and memory against a PyTorch peer: runs of both take turns, medians are compared.

usage: train_vs_torch.py --peer SCRIPT [--python PYTHON] [--hal-bench PATH] [--case MODEL-DTYPE]... [--rounds N]
                         [--steps MODEL=N]... [--prefix COMMAND] [--json FILE] [--check]

The peer script takes --config, --dtype, --steps, --threads and --compile, and prints one JSON line with tokens_per_s
and peak_mib. Each round runs hal, the peer eager, and the peer compiled; hal's rate is divided by the better of the
peer's two, each the median of its rounds. Figures of one case come from one stretch of time, because a shared machine
is seldom as fast an hour later. --prefix stands before each command, e.g. "taskset -c 0,1". With --check the exit
status is 1 when a ratio is below its goal or hal needs more memory.
"""
import argparse
import json
import os
import shlex
import statistics
import subprocess
import sys

SHAPES = {"char": (12, 64, 100), "gpt2": (4, 64, 8)}   # batch, context, steps
GOALS = {"char-f32": 1.2, "gpt2-f32": 1.0, "gpt2-bf16": 0.8}


def last_json(command):
    result = subprocess.run(command, capture_output=True, text=True)
    lines = [line for line in result.stdout.splitlines() if line.startswith("{")]
    if result.returncode or not lines:
        sys.exit(f"{shlex.join(command)}: exit status {result.returncode}\n{result.stderr[-2000:]}")
    return json.loads(lines[-1])


def run_hal(options, model, dtype, steps):
    batch, context, _ = SHAPES[model]
    done = last_json(options.prefix + [options.hal_bench, "train", "--model", model, "--dtype", dtype, "--batch", str(batch),
                                       "--context", str(context), "--steps", str(steps), "--json"])
    return done["tokens_per_second"], done["peak_resident_bytes"] / 2**20


def run_peer(options, model, dtype, steps, compiled):
    command = options.prefix + [options.python, options.peer, "--config", model, "--dtype", dtype, "--steps", str(steps),
                                "--threads", str(options.threads)]
    done = last_json(command + ["--compile"] * compiled)
    return done["tokens_per_s"], done["peak_mib"]


def compare(options, case):
    """The table row of one case."""
    model, dtype = case.split("-")
    steps = options.steps.get(model, SHAPES[model][2])
    runs = {"hal": [], "eager": [], "compile": []}
    for _ in range(options.rounds):
        runs["hal"].append(run_hal(options, model, dtype, steps))
        for way in ("eager", "compile"):
            runs[way].append(run_peer(options, model, dtype, steps, way == "compile"))
    rate = {way: statistics.median(r for r, _ in list_) for way, list_ in runs.items()}
    memory = {way: max(m for _, m in list_) for way, list_ in runs.items()}
    best = max(("eager", "compile"), key=rate.get)
    return {"case": case, "steps": steps, "rounds": options.rounds, "tokens_per_second": rate, "peak_mib": memory,
            "runs": runs, "peer": best, "ratio": rate["hal"] / rate[best], "goal": GOALS.get(case),
            "memory_ratio": memory["hal"] / min(memory["eager"], memory["compile"])}


def report(row):
    rate, goal = row["tokens_per_second"], row["goal"]
    verdict = "" if goal is None else f" (goal {goal})"
    print(f"{row['case']}: hal {rate['hal']:.0f} tokens/s, eager {rate['eager']:.0f}, compiled {rate['compile']:.0f}; "
          f"ratio {row['ratio']:.2f}{verdict}; peak memory {row['peak_mib']['hal']:.0f} MiB, "
          f"{row['memory_ratio']:.2f} of the peer's", flush=True)


def step_count(text):
    model, _, count = text.partition("=")
    if model not in SHAPES or not count.isdigit() or int(count) < 4:
        raise argparse.ArgumentTypeError(f"{text}: MODEL=N with a model of {', '.join(SHAPES)} and at least 4 steps")
    return model, int(count)


def options_read():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer", required=True, help="the PyTorch script")
    parser.add_argument("--python", default=sys.executable, help="an interpreter that has torch")
    parser.add_argument("--hal-bench", default="hal-bench")
    parser.add_argument("--case", action="append", choices=[f"{m}-{d}" for m in SHAPES for d in ("f32", "bf16")])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=step_count, action="append", default=[], metavar="MODEL=N")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)), help="threads of the peer")
    parser.add_argument("--prefix", type=shlex.split, default=[], help="command in front of every run")
    parser.add_argument("--json", metavar="FILE", help="all runs as JSON")
    parser.add_argument("--check", action="store_true", help="exit status 1 below a goal")
    options = parser.parse_args()
    options.steps = dict(options.steps)
    options.case = options.case or list(GOALS)
    return options


def main():
    options = options_read()
    rows = []
    for case in options.case:
        rows.append(compare(options, case))
        report(rows[-1])
    if options.json:
        with open(options.json, "w", encoding="utf-8") as f:
            json.dump(rows, f, indent=1)
    missed = [r["case"] for r in rows if (r["goal"] and r["ratio"] < r["goal"]) or r["memory_ratio"] > 1]
    if options.check and missed:
        sys.exit("below the goal: " + ", ".join(missed))


main()
