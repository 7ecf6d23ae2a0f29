# SPDX-License-Identifier: Apache-2.0
"""Vendors' libraries that hang while a person waits, with the deadlines that a person has."""
import json
import shutil
import time

from support import Skipped, case, expect, variants

STUBS = {"nvml": "libnvidia-ml.so.1", "cuda": "libcuda.so.1", "rsmi": "librocm_smi64.so.1", "hip": "libamdhip64.so.6",
         "ze": "libze_loader.so.1", "dcmi": "libdcmi.so", "acl": "libascendcl.so", "opencl": "libOpenCL.so.1"}
SECONDS = 15  # all of the doctor's time, whoever hangs


def hanging(t, drivers):
    """What makes every library hang: all stubs under their real names, and so many drivers of OpenCL."""
    libraries, manifests = t.path("libraries"), t.path("vendors")
    libraries.mkdir()
    manifests.mkdir()
    for name, file in STUBS.items():
        stub = t.build / f".libs/libstub_{name}.so"
        if not stub.exists():
            raise Skipped(f"{stub.name} is not built (make check-programs)")
        shutil.copy(stub, libraries / file)
    for i in range(drivers):
        shutil.copy(t.build / ".libs/libstub_opencl.so", libraries / f"libdriver{i}.so")
        (manifests / f"driver{i}.icd").write_text(f"libdriver{i}.so\n")
    return {"LD_LIBRARY_PATH": libraries, "OCL_ICD_VENDORS": manifests, **{f"STUB_{name.upper()}": "hang" for name in STUBS}}


def timed(t, *words, **extra):
    began = time.monotonic()
    result = t.run("hal-info", *words, **extra)
    return result, time.monotonic() - began


@variants(("one driver of OpenCL", 1), ("30 drivers of OpenCL", 30))
def doctor_ends_in_time_with_every_library_hung_and(t, drivers):
    result, took = timed(t, "doctor", "--json", **hanging(t, drivers))
    late = [d["evidence"] for d in json.loads(result.out)["diagnostics"] if d["code"] == "D803"]
    lacks = [f for f in STUBS.values() if f != STUBS["opencl"] and not any(f in text for text in late)]
    expect(result.code == 5 and not lacks, f"exit {result.code}; nothing of {lacks} in {late}")
    expect(sum("libdriver" in text for text in late) == drivers, f"{late}")
    expect(took <= SECONDS, f"{took:.1f} s, not {SECONDS}")


@case
def doctor_in_words_ends_in_time_too(t):
    result, took = timed(t, "doctor", **hanging(t, 1))
    expect(result.out.count("D803") >= len(STUBS) and took <= SECONDS, f"{took:.1f} s: {result.out}")


@case
def a_plain_list_does_not_wait_for_libraries_that_hang(t):
    extra = hanging(t, 1)
    for words in ((), ("--json",), ("links",), ("mem",)):
        result, took = timed(t, *words, **extra)
        expect(result.code in (0, 4) and took <= 1, f"hal-info {' '.join(words)}: exit {result.code} after {took:.1f} s")
