# SPDX-License-Identifier: Apache-2.0
"""Training: what it prints and draws, the same bits again, interruption and resumption, token files."""
import os
import re
import signal
import struct
import subprocess
import time
import xml.etree.ElementTree

from support import BYTES, CONFIG, TEXT, TRAIN, Result, Skipped, case, digest, expect, same_files, variants

EVAL = ["event", "step", "train_loss", "val_loss"]
DONE = ["event", "steps", "tokens_per_second", "step_seconds", "train_loss", "val_loss", "peak_resident_bytes", "devices"]


def judge_done(line, steps, devices, unknown=()):
    expect(list(line) == DONE, f"the keys are {list(line)}")
    expect(line["event"] == "done" and line["steps"] == steps and line["devices"] == devices, f"{line}")
    for key in DONE[2:7]:
        known = isinstance(line[key], (int, float)) and line[key] > 0
        expect(line[key] is None if key in unknown else known, f"{key} is {line[key]!r}")
    expect(line["peak_resident_bytes"] > 1 << 20, "no process is that small")


@case
def train_prints_the_documented_json(t):
    *evals, done = t.train("--steps", 6, "--eval-every", 2, "--json").lines()
    expect([list(line) for line in evals] == [EVAL] * 3, f"{evals}")
    expect([line["step"] for line in evals] == [2, 4, 6], f"{evals}")
    expect(all(line["event"] == "eval" and 2 < line["val_loss"] < 5 for line in evals), f"{evals}")
    judge_done(done, 6, ["cpu0"])
    expect(done["val_loss"] == evals[-1]["val_loss"] or abs(done["val_loss"] - evals[-1]["val_loss"]) < 1e-6, "two truths")


@case
def bench_train_prints_the_documented_json(t):
    (done,) = t.good("hal-bench", "train", "--model", "char", "--batch", 2, "--context", 16, "--steps", 3, "--json").lines()
    judge_done(done, 3, ["cpu0"], unknown=["val_loss"])  # its tokens are random
    (done,) = t.good("hal-bench", "train", "--model", t.config, "--batch", 2, "--context", 16, "--steps", 3, "--json").lines()
    judge_done(done, 3, ["cpu0"], unknown=["val_loss"])
    t.bad(3, ["none.json"], "hal-bench", "train", "--model", "none.json")


@case
def train_without_json_keeps_standard_output_clean(t):
    result = t.train("--steps", 2)
    expect(result.out == "", f"standard output: {result.out!r}")
    expect("loss" in result.err and "tokens/s" in result.err and "left" in result.err, f"progress: {result.err!r}")
    expect("\r" not in result.err and "\033" not in result.err, "control codes without a terminal")


@case
def quiet_is_quiet(t):
    result = t.train("--steps", 2, "--quiet")
    expect(result.err == "" and result.out == "", f"{result.err!r} {result.out!r}")


@case
def plot_draws_a_picture(t):
    t.train("--steps", 4, "--eval-every", 2, "--plot", t.path("loss.svg"))
    root = xml.etree.ElementTree.parse(t.path("loss.svg")).getroot()
    expect(root.tag == "{http://www.w3.org/2000/svg}svg", f"the root is {root.tag}")
    lines = [e for e in root.iter() if e.tag.endswith(("polyline", "path"))]
    expect(len(lines) >= 2, "training and validation are two lines")
    expect(os.listdir(t.directory) == ["loss.svg"], f"left behind: {os.listdir(t.directory)}")


@variants(("f32", "f32"), ("bf16", "bf16"))
def again_and_on_two_pinned_devices_gives_the_same_bits(t, dtype):
    words = ("--steps", 8, "--dtype", dtype, "--dropout", "0.1", "--accumulate", 2)
    t.train(*words, "--save", t.path("a"))
    t.train(*words, "--save", t.path("b"))
    two = ("--devices", "cpu0,cpu1", "--pin", r"(.*\.h|block)\.[23]\..*=cpu1", "--json", "--save", t.path("c"))
    done = t.train(*words, *two, HAL_CPU_DEVICES=2).lines()[-1]
    expect(done["devices"] == ["cpu0", "cpu1"], f"{done}")
    same_files(t.path("a"), t.path("b"))
    same_files(t.path("a"), t.path("c"))
    expect(digest(t.path("a") / "model.safetensors") != digest(t.checkpoint() / "model.safetensors"), "nothing was trained")


@variants(("plainly", ), ("with dropout and accumulation", "--dropout", "0.2", "--accumulate", "3"),
          ("in bf16", "--dtype", "bf16"))
def resume_goes_on_bit_for_bit(t, *words):
    t.train("--steps", 12, *words, "--save", t.path("whole"))
    t.train("--steps", 5, *words, "--save", t.path("part"))
    lines = t.good("hal-run", "train", "--text", t.text, "--resume", t.path("part"), "--steps", 12, "--json", "--save",
                   t.path("rest")).lines()
    expect(lines[-1]["steps"] == 12, f"{lines[-1]}")
    same_files(t.path("whole"), t.path("rest"))


def interrupt(t, *words):
    """Ctrl-C at the first sign of progress."""
    command = t.command("hal-run", "train", "--model", t.config, "--text", t.text, *TRAIN, *words)
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=t.environment(),
                               cwd=t.directory)
    said = ""
    for line in process.stderr:
        said += line
        if line.startswith("step 1/"):
            break
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    return Result(command, process.returncode, out, said + err)


@case
def interrupt_saves_says_how_to_resume_and_loses_nothing(t):
    words = ("--steps", 1500, "--save", t.path("cut"))
    result = interrupt(t, *words, "--json")
    if result.code != 4:
        raise result.explain("expected exit 4: done, but not in the way asked for")
    if f"hal-run train --resume {t.path('cut')}" not in result.err:
        raise result.explain("it does not say how to go on")
    done = result.lines()[-1]
    expect(0 < done["steps"] < 1500, f"interrupted at step {done['steps']}")
    t.good("hal-run", "train", "--text", t.text, "--resume", t.path("cut"), "--save", t.path("cut"), timeout=60)
    t.train("--steps", 1500, "--save", t.path("whole"), timeout=60)
    same_files(t.path("cut"), t.path("whole"))


@case
def interrupt_without_save_still_saves(t):
    result = interrupt(t, "--steps", 100000)
    found = re.search(r"hal-run train --resume (\S+)", result.err)
    if result.code != 4 or not found:
        raise result.explain("expected exit 4 and how to resume")
    expect((t.directory / found[1] / "training_state.safetensors").exists(), f"{found[1]} holds no training state")


@case
def second_interrupt_ends_at_once(t):
    command = t.command("hal-run", "train", "--model", "char", "--text", t.text, "--batch", 512, "--context", 64, "--quiet")
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=t.environment(),
                               cwd=t.directory)
    time.sleep(0.7)
    for _ in range(2):
        process.send_signal(signal.SIGINT)
        time.sleep(0.05)
    try:
        process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise
    expect(process.returncode in (-signal.SIGINT, 4), f"exit {process.returncode}")


# --- where the text comes from ---


@case
def text_comes_from_the_test_data_then_from_a_package(t):
    data = t.path("data/text")
    data.mkdir(parents=True)
    (data / "tinyshakespeare.txt").write_text(TEXT)
    words = ("train", "--model", "char", "--batch", 1, "--context", 8, "--steps", 1, "--eval-every", 0)
    result = t.good("hal-run", *words, HAL_TEST_DATA=t.path("data"))
    expect(f"text: {data / 'tinyshakespeare.txt'}" in result.err, result.err)
    if not os.path.exists("/usr/share/common-licenses/GPL-3"):
        raise Skipped("there are no licence texts of base-files")
    for value in (None, t.path("elsewhere")):
        result = t.good("hal-run", *words, "--dtype", "f32", HAL_TEST_DATA=value, timeout=60)
        expect("licence texts of Debian's base-files" in result.err, result.err)


def encoded():
    place = {byte: index for index, byte in enumerate(BYTES)}
    return [place[byte] for byte in TEXT.encode()]


def token_file(t, name, ids, kind):
    path = t.path(name)
    path.write_bytes(struct.pack(f"<{len(ids)}{kind}", *ids))
    return path


@case
def token_files_of_16_and_32_bits_train_as_their_text_does(t):
    names = (("a.u16", "H"), ("b.bin", "H"), ("c.u32", "I"))
    t.train("--steps", 4, "--save", t.path("text"))
    for name, kind in names:
        path = token_file(t, name, encoded(), kind)
        t.good("hal-run", "train", "--model", t.config, "--token-file", path, *TRAIN, "--steps", 4, "--save", t.path(f"ck-{name}"))
        same_files(t.path("text"), t.path(f"ck-{name}"), ["model.safetensors"])


@variants(
    ("missing", "x.u16", None, 3, ["x.u16"]),
    ("of unknown width", "x.tok", b"\0" * 8000, 2, ["x.tok", "width"]),
    ("empty", "x.u16", b"", 2, ["x.u16"]),
    ("of half a token", "x.u32", b"\0" * 8002, 2, ["x.u32", "8002"]),
    ("too short", "x.u16", b"\0" * 40, 2, ["x.u16", "20 tokens are too few"]),
    ("of another vocabulary", "x.u16", struct.pack("<4000H", *[CONFIG["vocab_size"]] * 4000), 2, ["x.u16", "vocabulary"]),
)
def token_file_that_is(t, name, content, code, says):
    if content is not None:
        t.path(name).write_bytes(content)
    t.bad(code, says, "hal-run", "train", "--model", t.config, "--token-file", t.path(name), *TRAIN, "--steps", 1)


@case
def token_file_without_a_vocabulary(t):
    path = token_file(t, "x.u16", encoded(), "H")
    t.bad(2, ["--token-file", "vocabulary"], "hal-run", "train", "--model", "char", "--token-file", path)


# --- what a resumed run remembers ---


@case
def resume_remembers_its_text_and_goes_on_in_its_directory(t):
    own = t.path("own.txt")
    own.write_text(TEXT[:6000])
    words = ("train", "--model", t.config, "--text", own, *TRAIN)
    t.good("hal-run", *words, "--steps", 6, "--save", t.path("whole"))
    t.good("hal-run", *words, "--steps", 3, "--save", t.path("part"))
    result = t.good("hal-run", "train", "--resume", t.path("part"), "--steps", 6)
    expect(f"text: {own}" in result.err, result.err)
    same_files(t.path("whole"), t.path("part"))


@case
def resume_with_another_text_is_refused(t):
    t.train("--steps", 2, "--save", t.path("ck"))
    t.path("other.txt").write_text(TEXT[:5000])
    t.bad(2, ["5000", str(len(TEXT)), "--text"], "hal-run", "train", "--resume", t.path("ck"), "--text", t.path("other.txt"))


@case
def what_is_not_known_is_null(t):
    *_, done = t.train("--steps", 0, "--json").lines()
    expect(list(done) == DONE and done["steps"] == 0, f"{done}")
    expect(done["train_loss"] is None and done["tokens_per_second"] is None and done["step_seconds"] is None, f"{done}")
    expect(done["val_loss"] > 0, f"{done}")


@case
def reader_that_goes_away_does_not_cost_the_checkpoint(t):
    command = t.command("hal-run", "train", "--model", t.config, "--text", t.text, *TRAIN, "--steps", 300, "--eval-every", 2,
                        "--json", "--save", t.path("ck"))
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=t.environment()) as process:
        process.stdout.readline()
        process.stdout.close()
        err = process.stderr.read()
    expect(process.returncode == 1 and "standard output" in err, f"exit {process.returncode}: {err}")
    expect((t.path("ck") / "model.safetensors").exists(), "the checkpoint is lost")
