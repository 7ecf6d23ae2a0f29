# SPDX-License-Identifier: Apache-2.0
"""What the cases of run.py share: running a tool, judging what it did, checkpoints as bytes."""
import dataclasses
import hashlib
import json
import os
import pathlib
import shlex
import shutil
import struct
import subprocess

CASES = []


class Failed(Exception):
    """The tool did not do what the case expects."""


class Skipped(Exception):
    """The case needs something that this machine lacks."""


def case(function):
    """Registers a case; its name is its words."""
    CASES.append((function.__name__.replace("_", " "), function))
    return function


def variants(*choices):
    """Registers one case for each choice, a tuple whose first member names it."""

    def register(function):
        for choice in choices:
            name = f"{function.__name__.replace('_', ' ')}: {choice[0]}"
            CASES.append((name, lambda t, chosen=choice: function(t, *chosen[1:])))
        return function

    return register


@dataclasses.dataclass
class Result:
    """An ended tool."""

    command: list
    code: int
    out: str
    err: str

    def explain(self, what):
        return Failed(f"{what}\n  command: {' '.join(self.command)}\n  exit {self.code}\n"
                      f"  stdout: {self.out[-400:]}\n  stderr: {self.err[-800:]}")

    def lines(self):
        """Standard output as JSON objects, one a line."""
        try:
            return [json.loads(line) for line in self.out.splitlines()]
        except ValueError as error:
            raise self.explain(f"standard output is not JSON lines: {error}") from error


TEXT = "".join(f"the {a} {b} of the {c}.\n" for a in ("old", "small", "red", "quick", "last")
               for b in ("river", "clock", "boat", "winter", "map") for c in ("north", "harbour", "garden", "sea")) * 3
BYTES = sorted(set(TEXT.encode()))
CONFIG = {"model_type": "gpt2", "vocab_size": len(BYTES), "n_positions": 32, "n_embd": 32, "n_layer": 4, "n_head": 2}
TRAIN = ("--batch", "4", "--context", "32", "--lr", "1e-3", "--min-lr", "1e-3", "--warmup", "0", "--eval-every", "0")


class Bench:
    """The tools of a build tree and a directory to work in."""

    def __init__(self, build, source, work):
        self.build, self.source, self.root = build, source, work
        self.directory = work
        self.plugins = os.environ.get("HAL_PLUGIN_PATH", str(build / "plugins"))
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        self.text = work / "text.txt"
        self.text.write_text(TEXT)
        self.config = work / "tiny.json"
        self.config.write_text(json.dumps(CONFIG))
        self.base = work / "base"

    def enter(self, number):
        """A fresh directory for the next case."""
        self.directory = self.root / f"case{number}"
        self.directory.mkdir()

    def path(self, name):
        return self.directory / name

    def environment(self, **extra):
        kept = {k: v for k, v in os.environ.items() if not k.startswith("HAL_")}
        kept.update({"HAL_PLUGIN_PATH": self.plugins, "HAL_PROBE": self.build / "hal-probe", "LC_ALL": "C",
                     "XDG_CACHE_HOME": self.directory})
        kept.update(extra)
        return {k: str(v) for k, v in kept.items() if v is not None}

    def command(self, tool, *words):
        return [str(self.build / tool), *(str(w) for w in words)]

    def run(self, tool, *words, timeout=100, stdout=subprocess.PIPE, limits=None, **extra):
        command = self.command(tool, *words)
        done = subprocess.run(command, stdout=stdout, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, timeout=timeout,
                              env=self.environment(**extra), cwd=self.directory, preexec_fn=limits, check=False)
        result = Result(command, done.returncode, (done.stdout or b"").decode(errors="replace"),
                        done.stderr.decode(errors="replace"))
        if result.code < 0:
            raise result.explain(f"died of signal {-result.code}")
        return result

    def good(self, tool, *words, **extra):
        result = self.run(tool, *words, **extra)
        if result.code != 0:
            raise result.explain("expected exit 0")
        return result

    def bad(self, code, says, tool, *words, **extra):
        """Expects the exit code and each of the words in a message that begins with the tool's name."""
        result = self.run(tool, *words, **extra)
        if result.code != code:
            raise result.explain(f"expected exit {code}")
        lines = [line for line in result.err.splitlines() if line.startswith(f"{tool}: ")]
        if not lines:
            raise result.explain(f"no message of the form \"{tool}: ...\"")
        for word in says:
            if str(word) not in lines[-1]:
                raise result.explain(f"the message does not say \"{word}\"")
        return result

    def train(self, *words, **extra):
        """A short run of the tiny model."""
        return self.good("hal-run", "train", "--model", self.config, "--text", self.text, *TRAIN, *words, **extra)

    def checkpoint(self, name="ck"):
        """A copy of a checkpoint that was trained once."""
        if not self.base.exists():
            self.train("--steps", 3, "--save", self.base)
        target = self.path(name)
        shutil.copytree(self.base, target)
        return target


def expect(condition, what):
    if not condition:
        raise Failed(what)


def digest(path):
    return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()


def digests(directory):
    return {p.name: digest(p) for p in sorted(pathlib.Path(directory).iterdir())}


def same_files(a, b, names=("model.safetensors", "training_state.safetensors")):
    for name in names:
        expect(digest(pathlib.Path(a) / name) == digest(pathlib.Path(b) / name), f"{name} of {a} and {b} differ")


# --- safetensors as header and bytes ---


def read_tensors(path):
    """(header, data): entries in the order of the file."""
    raw = pathlib.Path(path).read_bytes()
    size = struct.unpack("<Q", raw[:8])[0]
    return json.loads(raw[8 : 8 + size]), raw[8 + size :]


def write_tensors(path, header, data):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    pathlib.Path(path).write_bytes(struct.pack("<Q", len(text)) + text + data)


def tensors_of(header):
    return {name: entry for name, entry in header.items() if name != "__metadata__"}


# --- plugins ---


def compiler():
    words = shlex.split(os.environ.get("CC", "cc"))
    if not shutil.which(words[0]):
        raise Skipped(f"there is no compiler {words[0]}")
    return words


def place(t, content, name="libhal_odd.so"):
    """Puts a plugin into a directory of its own, as the loader wants files to be."""
    directory = t.path("plugins")
    directory.mkdir(exist_ok=True)
    directory.chmod(0o755)
    path = directory / name
    path.write_bytes(content)
    path.chmod(0o755)
    return path


def compiled(t, source, *flags):
    """The bytes of a shared object."""
    t.path("plugin.c").write_text(source)
    command = [*compiler(), "-shared", "-fPIC", f"-I{t.source}", f"-I{t.source}/ops", *flags, "-o", "plugin.so", "plugin.c"]
    done = subprocess.run(command, cwd=t.directory, capture_output=True, text=True, check=False)
    expect(done.returncode == 0, f"{' '.join(command)}: {done.stderr}")
    return t.path("plugin.so").read_bytes()
