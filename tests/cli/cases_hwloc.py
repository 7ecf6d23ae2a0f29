# SPDX-License-Identifier: Apache-2.0
"""The component for hwloc: lstopo shows accelerators of recorded machines, and everything else as before."""
import os
import pathlib
import re
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree

from support import Skipped, case, expect, variants

TOOL = "lstopo-no-graphics"
KINDS = "=<x@c/"  # entries of a recorded tree that have a place: hal/discovery/files.h


def lay_out(tree, root):
    """Writes a recorded tree below a directory; device nodes are left out, as making them takes root."""
    lines = None
    for line in tree.splitlines()[1:]:
        if line.startswith("\t") and lines:
            lines.write(line[1:] + "\n")
            continue
        kind, path, value = (line.split(" ", 2) + ["", ""])[:3]
        if not kind or kind not in KINDS:
            continue
        place = pathlib.Path(f"{root}{path}".replace("\\040", " "))
        (place if kind == "/" else place.parent).mkdir(parents=True, exist_ok=True)
        lines = place.open("w") if kind == "<" else None
        if kind == "=":
            place.write_text(value + "\n")
        elif kind == "x":
            place.write_bytes(bytes.fromhex(value))
        elif kind == "@":
            place.symlink_to(value)


def mask(bits):
    digits = f"{bits:x}"
    digits = digits.zfill(-(-len(digits) // 8) * 8)
    return ",".join(digits[i:i + 8] for i in range(0, len(digits), 8))


def complete(root):
    """What hwloc reads and hal does not: where each processor is, and the buses of bridges in their configuration."""
    processors = root / "sys/devices/system/cpu"
    last = int((processors / "online").read_text().strip().split("-")[-1])
    for n in range(last + 1):
        directory = processors / f"cpu{n}/topology"
        directory.mkdir(parents=True)
        for name, value in (("core_id", n), ("physical_package_id", 0), ("thread_siblings", mask(1 << n)),
                            ("core_siblings", mask((2 << last) - 1))):
            (directory / name).write_text(f"{value}\n")
    for device in (root / "sys/bus/pci/devices").iterdir():
        if (device / "class").read_text().startswith("0x0604"):
            header = bytearray(64)
            header[0x0E] = 1
            header[0x19] = int((device / "secondary_bus_number").read_text())
            header[0x1A] = int((device / "subordinate_bus_number").read_text())
            (device / "config").write_bytes(header)


def lstopo(t, *words, plugins=None, root=None):
    if not shutil.which(TOOL):
        raise Skipped(f"there is no {TOOL} (Debian: hwloc-nox)")
    kept = {k: v for k, v in os.environ.items() if not k.startswith("HWLOC_")}
    kept.update(LC_ALL="C", LD_LIBRARY_PATH=str(t.build / ".libs"), XDG_CACHE_HOME=str(t.directory))
    kept.update({"HWLOC_FSROOT": str(root)} if root else {})
    kept.update({"HWLOC_PLUGINS_PATH": ":".join(str(p) for p in plugins)} if plugins is not None else {})
    done = subprocess.run([TOOL, *words], env=kept, capture_output=True, text=True, timeout=60, check=False)
    expect(done.returncode == 0, f"{TOOL} ends with {done.returncode}: {done.stderr}")
    expect("hal" not in done.stderr.lower(), done.stderr)
    return done.stdout


def component(t):
    """A directory that holds the component alone."""
    built = t.build / ".libs/hwloc_hal.so"
    expect(built.exists(), f"{built} is not built")
    directory = t.path("component")
    directory.mkdir()
    shutil.copy(built, directory)
    return directory


def machine(t, name):
    root = t.path("machine")
    lay_out((t.source / f"tests/machines/{name}.tree").read_text(), root)
    complete(root)
    return root


def processors(xml):
    """{address of the PCI device: [what is said of each co-processor below it]}"""
    found = {}
    for parent in ElementTree.fromstring(xml).iter("object"):
        for child in parent.findall("object"):
            if child.get("type") == "OSDev" and child.get("subtype") == "NPU":
                told = {info.get("name"): info.get("value") for info in child.findall("info")}
                told.update(name=child.get("name"), kind=child.get("osdev_type") or child.get("osdev_types"))
                found.setdefault(parent.get("pci_busid") or parent.get("type"), []).append(told)
    return found


LAPTOP = {"0000:00:0b.0": "accel0"}
ATLAS = {f"0000:{bus}:00.0": None for bus in ("01", "02", "41", "42", "81", "82", "c1", "c2")}


@variants(("a laptop with an NPU", "laptop-intel-npu", LAPTOP, "intel-npu"), ("8 Ascend", "atlas-800t-a2", ATLAS, "ascend"))
def lstopo_shows(t, name, wanted, family):
    root = machine(t, name)
    found = processors(lstopo(t, "--of", "xml", plugins=[component(t)], root=root))
    expect(set(found) == set(wanted), f"co-processors below {sorted(found)}, not {sorted(wanted)}")
    for address, objects in found.items():
        told = objects[0]
        expect(len(objects) == 1 and told["kind"] in ("5", "8"), f"{objects}")  # a number in hwloc 2, a bit in 3
        expect(told["HalId"] == f"npu:{address}" and told["HalFamily"] == family, f"{told}")
        expect(wanted[address] in (None, told["name"]), f"{told['name']}, not {wanted[address]}")
    expect(len({objects[0]["name"] for objects in found.values()}) == len(wanted), "names are not unique")
    text = lstopo(t, "--of", "console", plugins=[t.path("component")], root=root)
    expect(len(re.findall(r"CoProc\(NPU\)", text)) == len(wanted), text)
    expect("CoProc" not in lstopo(t, "--of", "console", plugins=[t.directory], root=root), "others show them too")


@variants(("a platform device", "rk3588-rknpu", ["Machine"]), ("no accelerator", "hybrid-cores", []))
def lstopo_takes_a_machine_with(t, name, wanted):
    found = processors(lstopo(t, "--of", "xml", plugins=[component(t)], root=machine(t, name)))
    expect(list(found) == wanted, f"{found}")


@case
def lstopo_of_this_machine_is_as_before(t):
    """But for accelerators, which are what the component is for."""
    own = component(t)
    text, more = (lstopo(t, "--of", "console", plugins=[p]) for p in (t.directory, own))
    expect(text == "".join(x for x in more.splitlines(True) if "CoProc(NPU)" not in x), f"{text}\nand\n{more}")
    system = next(pathlib.Path("/").glob("usr/lib*/**/hwloc/hwloc_pci.so"), None)
    if system:
        plain, beside = (lstopo(t, "--of", "console", plugins=p) for p in (None, [system.parent, own]))
        expect(plain == "".join(x for x in beside.splitlines(True) if "CoProc(NPU)" not in x), f"{plain}\nand\n{beside}")


@case
def lstopo_survives_a_root_that_is_none(t):
    """hwloc itself may refuse it; the component does not add to that."""
    if not shutil.which(TOOL):
        raise Skipped(f"there is no {TOOL} (Debian: hwloc-nox)")
    environment = {**os.environ, "HWLOC_PLUGINS_PATH": str(component(t)), "LD_LIBRARY_PATH": str(t.build / ".libs"),
                   "HWLOC_FSROOT": str(t.path("nothing"))}
    done = subprocess.run([TOOL], env=environment, capture_output=True, text=True, timeout=60, check=False)
    expect(done.returncode >= 0, f"died of signal {-done.returncode}: {done.stderr}")
