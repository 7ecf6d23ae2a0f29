# SPDX-License-Identifier: Apache-2.0
"""hal-info beside lscpu, lstopo and clinfo on the machine where the tests run: nothing that they know is missing.

What is compared is what hal is for: processors, memory, what computes and what moves data. Disks, say, are not."""
import json
import re
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree

from support import Failed, Skipped, case, expect

COMPUTES = ("02", "03", "12", "0b")  # classes of PCI: network, display, accelerator, processor
CACHES = {"L1Cache": "l1d", "L1iCache": "l1i", "L2Cache": "l2", "L3Cache": "l3", "L4Cache": "l4"}
NETWORKS = {"2": "net", "3": "infiniband"}  # numbers of lstopo's OS devices: hwloc.h
UNITS = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}


def told_by(t, package, *command):
    if not shutil.which(command[0]):
        raise Skipped(f"there is no {command[0]} (Debian: {package})")
    done = subprocess.run(command, env=t.environment(), capture_output=True, text=True, timeout=60, check=False)
    expect(done.returncode == 0, f"{command[0]} ends with {done.returncode}: {done.stderr}")
    return done.stdout


def description(t):
    result = t.run("hal-info", "--probe", "--json")
    if result.code not in (0, 4):
        raise result.explain("expected exit 0 or 4")
    root = json.loads(result.out)
    root["cpus"] = [d for d in root["devices"] if d["kind"] == "cpu"]
    return root


def caches(cpus):
    """{"l2": (bytes of all of them, how many)}"""
    found = {}
    for feature in (f for d in cpus for f in d["features"]):
        match = re.fullmatch(r"(l\d[di]?)=(\d+)KiB\*(\d+)", feature)
        if match:
            size, count = int(match[2]) * 1024, int(match[3])
            total = found.get(match[1], (0, 0))
            found[match[1]] = (total[0] + size * count, total[1] + count)
    return found


def missing(lines):
    if lines:
        raise Failed("hal-info does not know:\n  " + "\n  ".join(lines))


# --- lscpu ---


def fields(entries):
    """lscpu's fields without their colons; newer versions nest them."""
    for entry in entries:
        yield entry["field"].rstrip(":"), entry.get("data") or ""
        yield from fields(entry.get("children", ()))


def count_of(cpulist):
    ranges = (part.split("-") for part in cpulist.split(",") if part)
    return sum(int(r[-1]) - int(r[0]) + 1 for r in ranges)


def words_of(model):
    """A model without the marks and words that say nothing: "Intel(R) Xeon(R) CPU @ 2.00GHz"."""
    plain = re.sub(r"\((R|TM|r|tm)\)|\bCPU\b|\bProcessor\b|@.*", " ", model)
    return set(plain.split())


def cache_of_lscpu(seen, field, value):
    size = re.match(r"([\d.]+) (\w+)(?: \((\d+) instances?\))?", value)
    name = field.removesuffix(" cache").lower()
    wanted = round(float(size[1]) * UNITS[size[2]])
    total, count = seen.get(name, (0, 0))
    if abs(total - wanted) > wanted * 0.01 or (size[3] and int(size[3]) != count):
        yield f"{field}: {value}; it says {total} bytes in {count}"


@case
def beside_lscpu(t):
    facts = dict(fields(json.loads(told_by(t, "util-linux", "lscpu", "-J"))["lscpu"]))
    root, wrong = description(t), []
    nodes = {p["number"]: p["threads"] for p in root["places"] if p["kind"] == "numa"}
    numbers = {"Socket(s)": len(root["cpus"]), "NUMA node(s)": root["host"]["numa_nodes"]}
    numbers = {field: seen for field, seen in numbers.items() if facts.get(field, "-").isdigit()}
    wrong += [f"{field}: {facts[field]}; it says {seen}" for field, seen in numbers.items() if int(facts[field]) != seen]
    if "Socket(s)" in numbers:
        cores = int(facts["Socket(s)"]) * int(facts["Core(s) per socket"])
        if sum(d["cores"] for d in root["cpus"]) != cores:
            wrong.append(f"{cores} cores; it says {[d['cores'] for d in root['cpus']]}")
    for field, value in facts.items():
        node = re.fullmatch(r"NUMA node(\d+) CPU\(s\)", field)
        if field.startswith("On-line CPU"):
            threads = sum(d["threads"] for d in root["cpus"])
            wrong += [f"{field}: {value}; it says {threads}"] if count_of(value) != threads else []
        elif node and nodes.get(int(node[1])) != count_of(value):
            wrong.append(f"{field}: {value}; it says {nodes}")
        elif re.fullmatch(r"L\d[di]? cache", field):
            wrong += cache_of_lscpu(caches(root["cpus"]), field, value)
        elif field == "Model name" and not any(words_of(value) <= words_of(d["name"] or "") for d in root["cpus"]):
            wrong.append(f"{field}: {value}; it says {[d['name'] for d in root['cpus']]}")
        elif field == "Architecture" and root["host"]["arch"] != value:
            wrong.append(f"{field}: {value}; it says {root['host']['arch']}")
    missing(wrong)


# --- lstopo ---


def knows_interface(device, kind, name):
    """An OS device of lstopo among the names that hal has for the card."""
    if kind in NETWORKS:
        return f"{NETWORKS[kind]}: {name}" in device["ways"]
    match = re.fullmatch(r"([a-z]+?)(\d+)(?:d(\d+))?", name)
    if name.startswith("renderD"):
        return f"/dev/dri/{name}" in device["nodes"]
    if not match:
        return name in json.dumps(device)
    api = "drm" if match[1] == "card" else match[1]
    index = [int(match[2]), int(match[3])] if match[3] else int(match[2])
    told = device["indices"].get(api)
    return told == index or (isinstance(told, list) and index in told)


def judge_pci(root, node):
    """What is not known of a PCI device and of what is below it."""
    address, kind = node.get("pci_busid"), node.get("pci_type")
    if not kind.startswith(COMPUTES):
        return
    device = next((d for d in root["devices"] if d["address"] == address), None)
    if not device:
        yield f"PCI {address}, {kind}"
        return
    for below in node.findall("object"):
        if below.get("type") == "OSDev" and not knows_interface(device, below.get("osdev_type"), below.get("name")):
            yield f"{below.get('name')} of PCI {address}; it says {device['ways']} {device['indices']} {device['nodes']}"


@case
def beside_lstopo(t):
    text = told_by(t, "hwloc-nox", "lstopo-no-graphics", "--whole-system", "--of", "xml")
    root, wrong = description(t), []
    objects = list(ElementTree.fromstring(text).iter("object"))
    of = {kind: [x for x in objects if x.get("type") == kind] for kind in {x.get("type") for x in objects}}
    for kind, seen in (("Package", len(root["cpus"])), ("Core", sum(d["cores"] for d in root["cpus"])),
                       ("PU", sum(d["threads"] for d in root["cpus"])), ("NUMANode", root["host"]["numa_nodes"])):
        wrong += [f"{len(of[kind])} {kind}; it says {seen}"] if len(of.get(kind, ())) != seen else []
    known = caches(root["cpus"])
    for kind, name in CACHES.items():
        wanted = (sum(int(x.get("cache_size")) for x in of.get(kind, ())), len(of.get(kind, ())))
        wrong += [f"{kind}: {wanted}; it says {known.get(name)}"] if wanted != known.get(name, (0, 0)) else []
    memories = {m["numa"]: m["capacity"]["value"] for m in root["memories"] if m["numa"] is not None}
    for node in of.get("NUMANode", ()):
        if memories.get(int(node.get("os_index"))) != int(node.get("local_memory")):
            wrong.append(f"NUMA node {node.get('os_index')} of {node.get('local_memory')} bytes; it says {memories}")
    wrong += [line for node in of.get("PCIDev", ()) for line in judge_pci(root, node)]
    missing(wrong)


# --- clinfo ---


@case
def beside_clinfo(t):
    listed, platform = [], None
    for line in told_by(t, "clinfo", "clinfo", "-l").splitlines():
        match = re.match(r"\W*(Platform|Device) #\d+: (.*)", line)
        if match and match[1] == "Platform":
            platform = match[2].strip()
        elif match:
            listed.append((platform, match[2].strip()))
    if not listed:
        raise Skipped("clinfo lists no device (Debian: pocl-opencl-icd)")
    ways = [way for d in description(t)["devices"] for way in d["ways"]]
    missing([f"{device} of {name}; it says {ways}" for name, device in listed
             if not any(way.startswith("opencl: ") and name in way and device in way for way in ways)])
