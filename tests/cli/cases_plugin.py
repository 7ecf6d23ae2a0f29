# SPDX-License-Identifier: Apache-2.0
"""Plugins that are broken, foreign, untrustworthy or crash."""
import os
import re
import struct

from support import Skipped, case, compiled, expect, place, variants


def good_plugin(t):
    return bytearray(open(os.path.join(t.plugins, "libhal_null.so"), "rb").read())


def judge(t, path, *says):
    """The report names the plugin and the cause; the first error of who needs a device does too; others still work."""
    search = f"{path.parent}:{t.plugins}"
    report = t.good("hal-run", "devices", "--plugin-dir", search)
    line = [line for line in report.out.splitlines() if str(path) in line]
    expect(len(line) == 1, f"the report has no line of {path}: {report.out}")
    for word in says:
        expect(word in line[0], f"not said: {word!r} in {line[0]!r}")
    words = ("generate", "--load", t.checkpoint(), "--tokens", 1)
    t.bad(3, ["\"odd0\"", path, *says[:1]], "hal-run", *words, "--devices", "odd0", HAL_PLUGIN_PATH=search)
    t.good("hal-run", *words, HAL_PLUGIN_PATH=search)
    t.bad(3, [path, *says[:1]], "hal-matrix", "run", "--device", "odd0", HAL_PLUGIN_PATH=search)
    t.bad(3, [path, *says[:1]], "hal-bench", "op", "--device", "odd0", HAL_PLUGIN_PATH=search)


@case
def plugin_that_is_truncated(t):
    content = good_plugin(t)
    judge(t, place(t, content[:8192]), "truncated", "stopped at note")


@case
def plugin_that_is_empty(t):
    judge(t, place(t, b""), "truncated", "stopped at note")


@case
def plugin_of_another_machine(t):
    content = good_plugin(t)
    content[18:20] = struct.pack("<H", 243)
    judge(t, place(t, content), "machine")


@case
def plugin_that_is_text(t):
    judge(t, place(t, b"#!/bin/sh\necho hello\n" * 100), "ELF")


@case
def plugin_without_a_note(t):
    judge(t, place(t, compiled(t, "int hal_backend_query(void);\nint hal_backend_query(void) { return 0; }\n")), "note")


@case
def plugin_of_another_abi(t):
    content = good_plugin(t)
    magic = note_place(t, content)
    for offset in (magic + 4, magic + 8):  # the lowest and the highest ABI
        content[offset : offset + 4] = struct.pack("<I", 90)
    judge(t, place(t, content), "ABI")


def note_place(t, content):
    """Where the note's magic number stands: behind the name "hal"."""
    text = (t.source / "hal/backend.h").read_text()
    word = re.search(r"#define HAL_BACKEND_NOTE_MAGIC (0x\w+)u", text)[1]
    at = bytes(content).find(b"hal\0" + struct.pack("<I", int(word, 16)))
    expect(at > 0, "libhal_null.so has no note")
    return at + 4


@case
def plugin_that_anybody_can_write(t):
    path = place(t, good_plugin(t))
    path.chmod(0o757)
    judge(t, path, "0757", "owner", "chmod")


@case
def plugin_that_is_a_link(t):
    path = place(t, b"")
    path.unlink()
    path.symlink_to(os.path.join(t.plugins, "libhal_null.so"))
    judge(t, path, "link")


@case
def plugin_directory_that_is_not_absolute(t):
    t.bad(2, ["\"here\"", "not absolute"], "hal-run", "devices", "--plugin-dir", "here")


def installed_plugins(t):
    """Backends in the directory that is always searched last."""
    words = dict(line.split("=", 1) for line in open(t.build / "hal.pc") if "=" in line and ":" not in line)
    path = words["plugindir"].strip()
    while "${" in path:
        path = re.sub(r"\$\{(\w+)\}", lambda name: words[name.group(1)].strip(), path)
    return [name for name in os.listdir(path) if name.startswith("libhal_")] if os.path.isdir(path) else []


@case
def plugin_directory_without_backends(t):
    if installed_plugins(t):
        raise Skipped("backends are installed in the prefix of this build, and those are found")
    t.path("none").mkdir(mode=0o755)
    t.bad(3, ["no device"], "hal-run", "devices", HAL_PLUGIN_PATH=t.path("none"))
    t.bad(3, ["cpu0", "is not there"], "hal-run", "generate", "--load", t.checkpoint(), HAL_PLUGIN_PATH=t.path("none"))


@case
def instruction_set_that_is_none(t):
    t.bad(3, ["cpu0", "HAL_CPU_ISA is \"sse9\"", "plain, avx2 or best"], "hal-run", "generate", "--load", t.checkpoint(),
          HAL_CPU_ISA="sse9")


CRASHES = (("aborts", "abort();"), ("reads address zero", "raise(SIGSEGV);"), ("divides by zero", "raise(SIGFPE);"))


@variants(*CRASHES)
def plugin_whose_constructor(t, statement):
    """What runs inside dlopen can end a process: it ends a child, the report says how, and the others go on."""
    source = ("#include \"tests/install/backend.c\"\n#include <signal.h>\n"
              f"__attribute__((constructor)) static void begin(void) {{ {statement} }}\n")
    judge(t, place(t, compiled(t, source)), "a child that tried it", "stopped at dlopen")


@case
def plugin_that_crashes_after_it_was_tried(t):
    """The tool then ends with a code and a name, not with a signal."""
    source = ("#define _GNU_SOURCE\n#include \"tests/install/backend.c\"\n#include <errno.h>\n"
              "__attribute__((constructor)) static void begin(void)\n"
              "{ if (strcmp(program_invocation_short_name, \"hal-probe\") != 0) abort(); }\n")
    path = place(t, compiled(t, source))
    search = f"{path.parent}:{t.plugins}"
    ck = t.checkpoint()
    for tool, *words in (("hal-run", "devices"), ("hal-run", "generate", "--load", ck), ("hal-matrix", "run", "--op", "copy"),
                         ("hal-bench", "op", "--m", 4, "--n", 4, "--k", 4), ("hal-run", "train", "--resume", ck, "--text", t.text)):
        t.bad(1, ["crashed", path.name], tool, *words, HAL_PLUGIN_PATH=search)
    t.good("hal-run", "generate", "--load", ck, "--tokens", 1)
