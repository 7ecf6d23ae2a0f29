# SPDX-License-Identifier: Apache-2.0
"""Checkpoints that are damaged, hostile or in pieces; saving where there is no room."""
import json
import os
import resource
import shutil
import struct
import subprocess

from support import (CONFIG, TRAIN, Skipped, case, digests, expect, read_tensors, same_files, tensors_of, variants,
                     write_tensors)


def change_entry(index, **members):
    """A damage: other members for the index-th tensor of the header."""

    def apply(header, data):
        entries = list(tensors_of(header).values())
        entries[index].update(members)
        return header, data

    return apply


def shift(index, by, fill):
    """A damage: tensors from the index-th on lie `by` bytes later, with `fill` before them."""

    def apply(header, data):
        entries = sorted(tensors_of(header).values(), key=lambda entry: entry["data_offsets"][0])
        at = entries[index]["data_offsets"][0]
        for entry in entries[index:]:
            entry["data_offsets"] = [offset + by for offset in entry["data_offsets"]]
        return header, data[:at] + fill + data[at:]

    return apply


def without(index):
    """A damage: the index-th tensor and its bytes are gone."""

    def apply(header, data):
        name = list(tensors_of(header))[index]
        begin, end = header.pop(name)["data_offsets"]
        for entry in tensors_of(header).values():
            if entry["data_offsets"][0] >= end:
                entry["data_offsets"] = [offset - (end - begin) for offset in entry["data_offsets"]]
        return header, data[:begin] + data[end:]

    return apply


def value_at(place, value):
    """A damage: one f32 is another one."""
    return lambda header, data: (header, data[:place] + struct.pack("<f", value) + data[place + 4 :])


def twice(header, data):
    """A damage: the first tensor stands in the header twice."""
    text = json.dumps(header)
    name, entry = next(iter(tensors_of(header).items()))
    return (text[:-1] + f", {json.dumps(name)}: {json.dumps(entry)}}}").encode(), data


def swapped_shape(header, data):
    entry = max(tensors_of(header).values(), key=lambda e: len(e["shape"]) > 1 and e["shape"][0] != e["shape"][1])
    entry["shape"] = entry["shape"][::-1]
    return header, data


DAMAGES = (
    ("overlapping tensors", ["overlap"], shift(1, -64, b"")),
    ("a hole between tensors", ["hole of 64 bytes"], shift(1, 64, bytes(64))),
    ("bytes after the last tensor", ["16 bytes after the last tensor"], lambda h, d: (h, d + bytes(16))),
    ("a truncated tail", ["truncated"], lambda h, d: (h, d[:-100])),
    ("no data at all", ["truncated"], lambda h, d: (h, b"")),
    ("offsets beyond the file", ["tensor"], change_entry(0, data_offsets=[1 << 61, (1 << 61) + 128])),
    ("offsets beyond 64 bits", ["header"], change_entry(0, data_offsets=[0, 1 << 70])),
    ("offsets that run backwards", ["backwards"], change_entry(0, data_offsets=[128, 0])),
    ("offsets below zero", ["backwards"], change_entry(0, data_offsets=[-8, 0])),
    ("a shape beyond 64 bits", ["64 bits"], change_entry(0, shape=[1 << 40, 1 << 40])),
    ("a shape below zero", ["dimension"], change_entry(0, shape=[-4, 4])),
    ("a shape that its bytes do not fill", ["bytes"], change_entry(0, shape=[3])),
    ("a shape of another model", ["shape", "the model needs"], swapped_shape),
    ("a missing tensor", ["needs a tensor"], without(2)),
    ("a duplicate tensor", ["duplicate"], twice),
    ("an integer tensor", ["I32", "expected F32"], change_entry(0, dtype="I32")),
    ("a dtype nobody knows", ["\"F33\""], change_entry(0, dtype="F33")),
    ("a dtype of another size", ["bytes"], change_entry(0, dtype="F64")),
    ("a NaN", ["element 3 is nan"], value_at(12, float("nan"))),
    ("an infinite value", ["element 0 is inf"], value_at(0, float("inf"))),
    ("a deep header", ["nested deeper"], lambda h, d: (b'{"a":' + b"[" * 5000 + b"]" * 5000 + b"}", d)),
    ("a header that is no JSON", ["header"], lambda h, d: (b"{" * 40, d)),
    ("a header that is a list", ["'{'"], lambda h, d: (b"[1, 2]", d)),
    ("no tensor", ["after the last tensor"], lambda h, d: (b"{}", d)),
    ("metadata that is no text", ["__metadata__"], lambda h, d: ({**h, "__metadata__": {"a": 1}}, d)),
)


def damage(path, apply):
    write_tensors(path, *apply(*read_tensors(path)))


@variants(*DAMAGES)
def weights_with(t, says, apply):
    ck = t.checkpoint()
    damage(ck / "model.safetensors", apply)
    before = digests(ck)
    for verb in (("generate", "--load", ck, "--tokens", 1), ("train", "--load", ck, "--text", t.text, *TRAIN, "--steps", 1)):
        t.bad(2, [ck, *says], "hal-run", *verb)
    t.bad(2, [ck, *says], "hal-run", "train", "--resume", ck, "--text", t.text, "--save", ck)
    expect(digests(ck) == before, "the checkpoint was touched")


@variants(*DAMAGES)
def training_state_with(t, says, apply):
    ck = t.checkpoint()
    damage(ck / "training_state.safetensors", apply)
    before = digests(ck)
    says = {"needs a tensor": ["is missing"], "shape": ["the parameter's shape"], "I32": ["not F32"]}.get(says[0], says)
    t.bad(2, ["training_state.safetensors", ck, *says], "hal-run", "train", "--resume", ck, "--text", t.text, "--save", ck)
    expect(digests(ck) == before, "the checkpoint was touched")


@variants(("empty", b""), ("of seven bytes", b"1234567"), ("of a 2^60 header", struct.pack("<Q", 1 << 60) + b"{}" * 40),
          ("of a 2^64-1 header", b"\xff" * 8 + b"{}" * 40), ("cut inside its header", None))
def weights_file(t, content):
    ck = t.checkpoint()
    path = ck / "model.safetensors"
    path.write_bytes(path.read_bytes()[:200] if content is None else content)
    t.bad(2, [path, "header" if content is None or len(content) > 8 else "too few"], "hal-run", "generate", "--load", ck)


@case
def weights_that_are_a_directory_or_missing(t):
    ck = t.checkpoint()
    (ck / "model.safetensors").unlink()
    t.bad(3, [ck, "safetensors"], "hal-run", "generate", "--load", ck)
    (ck / "model.safetensors").mkdir()
    t.bad(2, ["model.safetensors", "not a regular file"], "hal-run", "generate", "--load", ck)
    t.bad(3, ["nowhere"], "hal-run", "generate", "--load", t.path("nowhere"))
    t.bad(3, ["nowhere"], "hal-run", "train", "--text", t.text, "--resume", t.path("nowhere"))


@variants(
    ("missing", 3, ["config.json"], None),
    ("no JSON", 2, ["config.json"], "{"),
    ("deep", 2, ["config.json", "nested deeper"], "[" * 100000),
    ("of another family", 2, ["config.json", "\"bert\""], json.dumps({**CONFIG, "model_type": "bert"})),
    ("without heads", 2, ["config.json", "n_head"], json.dumps({**CONFIG, "n_head": 0})),
    ("of a width that heads do not divide", 2, ["config.json"], json.dumps({**CONFIG, "n_head": 5})),
    ("of negative layers", 2, ["config.json", "n_layer"], json.dumps({**CONFIG, "n_layer": -1})),
    ("of a width in words", 2, ["config.json", "n_embd"], json.dumps({**CONFIG, "n_embd": "wide"})),
    ("with a duplicate key", 2, ["config.json", "duplicate"], '{"model_type":"gpt2","n_embd":8,"n_embd":16}'),
    ("of another vocabulary", 2, ["wte", "shape"], json.dumps({**CONFIG, "vocab_size": 99})),
)
def configuration(t, code, says, content):
    ck = t.checkpoint()
    (ck / "config.json").unlink()
    if content is not None:
        (ck / "config.json").write_text(content)
    t.bad(code, says, "hal-run", "generate", "--load", ck, "--prompt-ids", "1")


@variants(
    ("missing", lambda o: None),
    ("no JSON", lambda o: "{"),
    ("without a step", lambda o: {k: v for k, v in o.items() if k != "step"}),
    ("of an unknown dtype", lambda o: {**o, "dtype": "f12"}),
    ("of negative steps", lambda o: {**o, "step": -1}),
    ("of no batch", lambda o: {**o, "batch": 0}),
    ("of a batch beyond 32 bits", lambda o: {**o, "batch": 1 << 40}),
    ("of a NaN rate", lambda o: json.dumps({**o, "lr": float("nan")})),
    ("of a batch beyond reason", lambda o: {**o, "batch": 2**31 - 1}),
    ("of endless accumulation", lambda o: {**o, "accumulate": 2**31 - 1}),
    ("of steps beyond reason", lambda o: {**o, "step": 2**62, "steps": 2**62}),
    ("of an absurd rate", lambda o: {**o, "lr": 1e300}),
    ("of a dropout beyond all", lambda o: {**o, "dropout": 1.5}),
    ("of a negative epsilon", lambda o: {**o, "epsilon": -1e-8}),
    ("of a deep text", lambda o: "[" * 100000),
    ("of a wrong type", lambda o: {**o, "lr": "fast"}),
)
def options_of_a_training_state(t, change):
    ck = t.checkpoint()
    path = ck / "training_state.safetensors"
    header, data = read_tensors(path)
    options = change(json.loads(header["__metadata__"].pop("hal.options")))
    if options is not None:
        header["__metadata__"]["hal.options"] = options if isinstance(options, str) else json.dumps(options)
    write_tensors(path, header, data)
    t.bad(2, [ck, "options"], "hal-run", "train", "--resume", ck, "--text", t.text)


# --- checkpoints in pieces ---


def split(ck):
    """The weights in two files and an index."""
    header, data = read_tensors(ck / "model.safetensors")
    names = list(tensors_of(header))
    (ck / "model.safetensors").unlink()
    files = {}
    for number, part in enumerate((names[: len(names) // 2], names[len(names) // 2 :]), 1):
        file, entries, bytes_ = f"model-{number:05}-of-00002.safetensors", {}, b""
        for name in part:
            begin, end = header[name]["data_offsets"]
            entries[name] = {**header[name], "data_offsets": [len(bytes_), len(bytes_) + end - begin]}
            bytes_ += data[begin:end]
            files[name] = file
        write_tensors(ck / file, entries, bytes_)
    index = ck / "model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {"total_size": len(data)}, "weight_map": files}))
    return index


@case
def sharded_weights_are_read(t):
    whole, pieces = t.checkpoint("whole"), t.checkpoint("pieces")
    split(pieces)
    ids = [t.good("hal-run", "generate", "--load", ck, "--tokens", 40, "--json").lines()[0]["ids"] for ck in (whole, pieces)]
    expect(len(ids[0]) == 41 and ids[0] == ids[1], f"{ids}")
    for ck in (whole, pieces):
        t.good("hal-run", "train", "--resume", ck, "--text", t.text, "--steps", 5, "--save", ck)
    same_files(whole, pieces)
    expect(not list(pieces.glob("*of-00002*")), "shards of the replaced checkpoint are left")


@variants(
    ("names a missing file", 3, ["nowhere.safetensors"], lambda m: {k: "nowhere.safetensors" for k in m}),
    ("names a file elsewhere", 2, ["../evil"], lambda m: {k: "../evil.safetensors" for k in m}),
    ("lies about a tensor", 2, ["as the index says"], lambda m: {k: min(m.values()) for k in m}),
    ("names no text", 2, ["not a string"], lambda m: {k: 1 for k in m}),
    ("is empty", 2, ["weight_map"], lambda m: {}),
)
def index_that(t, code, says, change):
    ck = t.checkpoint()
    index = split(ck)
    root = json.loads(index.read_text())
    root["weight_map"] = change(root["weight_map"])
    index.write_text(json.dumps(root))
    t.bad(code, [ck, *says], "hal-run", "generate", "--load", ck)


# --- saving where there is no room ---


def keeps(t, before, ck):
    expect(digests(ck) == before, "the previous checkpoint changed")
    left = [name for name in os.listdir(ck.parent) if ".tmp-" in name or ".old-" in name]
    expect(not left, f"left behind: {left}")
    t.good("hal-run", "generate", "--load", ck, "--tokens", 2)


@case
def file_size_limit_while_saving_keeps_the_previous_checkpoint(t):
    ck = t.checkpoint()
    before = digests(ck)
    t.bad(1, ["cannot save", ck.name, "large"], "hal-run", "train", "--resume", ck, "--text", t.text, "--steps", 5, "--save", ck,
          limits=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100000, 100000)))
    keeps(t, before, ck)


@case
def full_disk_while_saving_keeps_the_previous_checkpoint(t):
    ck = t.checkpoint()
    room = sum(f.stat().st_size for f in ck.iterdir()) * 3 // 2 // 1024
    mount = t.path("small")
    mount.mkdir()
    script = (f"mount -t tmpfs -o size={room}k none {mount} && cp -r {ck} {mount}/ck || exit 77\n"
              f"sha256sum {mount}/ck/* >before\n"
              f"{' '.join(t.command('hal-run', 'train', '--resume', mount / 'ck', '--text', t.text, '--steps', 5))} "
              f"--save {mount}/ck\ncode=$?\n"
              f"sha256sum --quiet -c before || exit 98\n[ \"$(ls {mount})\" = ck ] || exit 97\nexit $code\n")
    if not shutil.which("unshare"):
        raise Skipped("there is no unshare to mount a small disk with")
    command = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"]), "sh", "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, env=t.environment(), cwd=t.directory, timeout=60, check=False)
    if done.returncode == 77 or "unshare failed" in done.stderr:
        raise Skipped(f"no small disk can be mounted: {done.stderr.strip()}")
    expect(done.returncode == 1, f"exit {done.returncode}: {done.stderr}")
    expect("cannot save" in done.stderr and "No space left" in done.stderr, done.stderr)


@case
def save_replaces_a_checkpoint_and_keeps_what_is_the_users(t):
    ck = t.checkpoint()
    (ck / "notes.txt").write_text("mine")
    t.good("hal-run", "train", "--resume", ck, "--text", t.text, "--steps", 5, "--save", ck)
    expect((ck / "notes.txt").read_text() == "mine", "the user's file is gone")
    expect(os.listdir(ck.parent) == [ck.name], f"{os.listdir(ck.parent)}")


@case
def lost_device_ends_the_run_and_keeps_the_checkpoint(t):
    ck = t.checkpoint()
    before = digests(ck)
    t.path("script").write_text("wrap cpu\nlost 20\n")
    result = t.run("hal-run", "train", "--resume", ck, "--text", t.text, "--steps", 50, "--devices", "fault0", "--save", ck,
                   HAL_FAULT=t.path("script"))
    if result.code != 1 or "DEVICE_LOST" not in result.err:
        raise result.explain("expected exit 1 naming the lost device")
    expect(digests(ck) == before, "the previous checkpoint changed")
