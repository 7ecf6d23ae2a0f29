#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Matrix products on an OpenCL device: hal's opencl backend, CLBlast on the same device, and hal's cpu backend.

usage: opencl_vs_peers.py [--hal-bench PATH] [--opencl ID] [--cpu ID] [--shape MxNxK]... [--rounds N] [--json FILE] [--check]

The three take turns in each round, because a shared machine is seldom as fast an hour later; a rate is the median of its
rounds. CLBlast (libclblast.so.1) is called here through ctypes on the first device of the first platform and left out,
with a word, where it is not installed. With --check the exit status is 1 where f32 of 512x512x512 is below a goal: 5
times CLBlast, 0.35 of the cpu backend.
"""
import argparse
import ctypes
import json
import statistics
import subprocess
import sys
import time

GOAL_SHAPE, GOAL_CLBLAST, GOAL_CPU = "512x512x512", 5.0, 0.35
CALLS, READ_WRITE, ALL_DEVICES = 5, 1, 0xFFFFFFFF
ROW_MAJOR, NOT_TRANSPOSED = 101, 111


class ClBlast:
    """sgemm on buffers of the device, which hold zeros: the time does not depend on the values."""

    def __init__(self):
        self.cl, self.blast = ctypes.CDLL("libOpenCL.so.1"), ctypes.CDLL("libclblast.so.1")
        platform, device, error = ctypes.c_void_p(), ctypes.c_void_p(), ctypes.c_int()
        for name in ("clCreateContext", "clCreateCommandQueue", "clCreateBuffer"):
            getattr(self.cl, name).restype = ctypes.c_void_p
        self.cl.clGetPlatformIDs(1, ctypes.byref(platform), None)
        self.cl.clGetDeviceIDs(platform, ctypes.c_ulong(ALL_DEVICES), 1, ctypes.byref(device), None)
        self.context = ctypes.c_void_p(self.cl.clCreateContext(None, 1, ctypes.byref(device), None, None, ctypes.byref(error)))
        self.queue = ctypes.c_void_p(self.cl.clCreateCommandQueue(self.context, device, ctypes.c_ulong(0), ctypes.byref(error)))
        if error.value:
            raise OSError(f"no OpenCL queue: error {error.value}")

    def buffer(self, elements):
        zeros, error = (ctypes.c_float * elements)(), ctypes.c_int()
        made = self.cl.clCreateBuffer(self.context, ctypes.c_ulong(READ_WRITE | 32), ctypes.c_size_t(4 * elements), zeros,
                                      ctypes.byref(error))
        return ctypes.c_void_p(made)

    def prepare(self, m, n, k):
        """A function that multiplies once and waits."""
        a, b, c = self.buffer(m * k), self.buffer(k * n), self.buffer(m * n)
        size, one, zero = ctypes.c_size_t, ctypes.c_float(1), ctypes.c_float(0)

        def once():
            status = self.blast.CLBlastSgemm(ROW_MAJOR, NOT_TRANSPOSED, NOT_TRANSPOSED, size(m), size(n), size(k), one, a,
                                             size(0), size(k), b, size(0), size(n), zero, c, size(0), size(n),
                                             ctypes.byref(self.queue), None)
            if status:
                sys.exit(f"CLBlastSgemm: status {status}")
            self.cl.clFinish(self.queue)
        once()
        return once


def rate_clblast(once, flops):
    seconds = []
    for _ in range(CALLS):
        start = time.perf_counter()
        once()
        seconds.append(time.perf_counter() - start)
    return flops / statistics.median(seconds)


def rate_hal(options, device, m, n, k):
    command = [options.hal_bench, "op", "--op", "matmul", "--dtype", "f32", "--m", str(m), "--n", str(n), "--k", str(k),
               "--device", device, "--json"]
    result = subprocess.run(command, capture_output=True, text=True)
    lines = [line for line in result.stdout.splitlines() if line.startswith("{")]
    if result.returncode or not lines:
        sys.exit(f"{' '.join(command)}: exit status {result.returncode}\n{result.stderr[-2000:]}")
    return json.loads(lines[-1])["flops_per_second"]


def compare(options, clblast, shape):
    m, n, k = (int(size) for size in shape.split("x"))
    once = clblast.prepare(m, n, k) if clblast else None
    rates = {"opencl": [], "cpu": []} | ({"clblast": []} if once else {})
    for _ in range(options.rounds):
        rates["opencl"].append(rate_hal(options, options.opencl, m, n, k))
        rates["cpu"].append(rate_hal(options, options.cpu, m, n, k))
        if once:
            rates["clblast"].append(rate_clblast(once, 2.0 * m * n * k))
    row = {"shape": shape} | {name: round(statistics.median(list_) / 1e9, 1) for name, list_ in rates.items()}
    row |= {f"of_{name}": round(row["opencl"] / row[name], 2) for name in ("cpu", "clblast") if row.get(name)}
    print(json.dumps(row), flush=True)
    return row


def open_clblast():
    try:
        return ClBlast()
    except OSError as error:
        print(f"CLBlast is left out: {error}", file=sys.stderr)
        return None


def is_below(row):
    return row["shape"] == GOAL_SHAPE and (row.get("of_cpu", 0) < GOAL_CPU or
                                           row.get("of_clblast", GOAL_CLBLAST) < GOAL_CLBLAST)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hal-bench", default="./hal-bench")
    parser.add_argument("--opencl", default="opencl0")
    parser.add_argument("--cpu", default="cpu0")
    parser.add_argument("--shape", action="append")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json")
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    clblast = open_clblast()
    rows = [compare(options, clblast, shape) for shape in options.shape or [GOAL_SHAPE, "8x2048x1024", "1x2048x1024"]]
    if options.json:
        with open(options.json, "w", encoding="utf-8") as to:
            json.dump(rows, to, indent=1)
    sys.exit(1 if options.check and any(is_below(row) for row in rows) else 0)


if __name__ == "__main__":
    main()
