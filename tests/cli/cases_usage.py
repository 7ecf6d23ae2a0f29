# SPDX-License-Identifier: Apache-2.0
"""Help, wrong usage, and inputs that cannot be trained on."""
import os

from support import TRAIN, case, expect, variants

TOOLS = ("hal-run", "hal-bench", "hal-matrix")


@variants(*((tool, tool) for tool in TOOLS))
def help_and_version(t, tool):
    text = t.good(tool, "--help").out
    expect(text.startswith(f"usage: {tool} "), f"{tool} --help begins with {text[:40]!r}")
    expect("xit codes: 0" in text, f"{tool} --help names no exit codes")
    expect(t.good(tool, "--version").out.startswith(f"{tool} 0."), f"{tool} --version is {text[:40]!r}")


@variants(*((tool, tool) for tool in TOOLS))
def wrong_words(t, tool):
    t.bad(2, ["--help"], tool)
    t.bad(2, ["--help"], tool, "train" if tool != "hal-matrix" else "run", "--nonsense")
    t.bad(2, ["dance"] if tool != "hal-bench" else ["op, train, generate, overhead, mem, link or roofline"], tool, "dance")


@case
def nothing_is_printed_on_standard_output_by_a_failure(t):
    for words in (("train", "--model", "nope"), ("generate",), ("train", "--text", "nowhere")):
        result = t.run("hal-run", *words)
        expect(result.code and not result.out, f"{words}: exit {result.code}, standard output {result.out!r}")


@variants(
    ("unknown model", 3, ["\"nope\"", "char, small, gpt2 and llama"], "--model", "nope"),
    ("missing configuration", 3, ["nope.json"], "--model", "nope.json"),
    ("unknown dtype", 2, ["--dtype f12", "f32 and bf16"], "--dtype", "f12"),
    ("dtype that does not train", 2, ["--dtype f16"], "--dtype", "f16"),
    ("unknown device", 3, ["\"nope7\"", "cpu0"], "--devices", "nope7"),
    ("no device named", 2, ["--devices"], "--devices", ","),
    ("pin that matches nothing", 3, ["pin \"no.such.*=cpu0\"", "matches no"], "--pin", "no.such.*=cpu0"),
    ("pin to a device that is not there", 3, ["\"cpu9\""], "--pin", ".*=cpu9"),
    ("pin that is no expression", 2, ["pin \"(=cpu0\"", "regular expression"], "--pin", "(=cpu0"),
    ("pin without a device", 2, ["REGEX=DEVICE"], "--pin", "abc"),
    ("batch of nothing", 2, ["--batch 0"], "--batch", "0"),
    ("steps in words", 2, ["--steps many"], "--steps", "many"),
    ("steps below zero", 2, ["--steps -1"], "--steps", "-1"),
    ("learning rate without end", 2, ["--lr inf"], "--lr", "inf"),
    ("dropout of everything", 2, ["--dropout 1"], "--dropout", "1"),
    ("text and tokens", 2, ["--text", "--token-file"], "--token-file", "x.u16"),
    ("resume with a model", 2, ["--resume", "--model"], "--resume", "somewhere"),
    ("option without its value", 2, ["--save", "needs a value"], "--save"),
    ("word too many", 2, ["\"extra\""], "extra"),
)
def train_refuses(t, code, says, *words):
    t.bad(code, says, "hal-run", "train", "--model", t.config, "--text", t.text, *TRAIN, "--steps", 1, *words)


@variants(
    ("missing", 3, ["missing.txt", "No such file"], None),
    ("empty", 2, ["empty.txt", "empty"], b""),
    ("too short", 2, ["short.txt", "too few", "context of 32"], b"to be or not to be"),
)
def text_that_is(t, code, says, content):
    path = t.path(says[0])
    if content is not None:
        path.write_bytes(content)
    t.bad(code, says, "hal-run", "train", "--text", path, "--model", t.config, *TRAIN, "--steps", 1)


@case
def text_that_is_a_directory(t):
    t.bad(2, [t.directory, "not a regular file"], "hal-run", "train", "--text", t.directory)


@case
def model_that_does_not_fit_is_named_before_anything_is_allocated(t):
    words = ("train", "--model", "char", "--text", t.text, "--batch", 60000, "--context", 1000, "--steps", 1)
    t.text.with_suffix(".long").write_text(t.text.read_text() * 4)
    words = (*words[:4], t.text.with_suffix(".long"), *words[5:])
    t.bad(3, ["memory \"host\" is too small", "need", "are there", "the largest is"], "hal-run", *words)
    t.bad(3, ["memory \"host\" is too small", "need", "are there"], "hal-bench", "train", "--model", "char", "--batch", 60000,
          "--context", 1000, "--steps", 1)


@case
def checkpoint_directory_is_looked_at_before_the_first_step(t):
    ordinary = t.path("ordinary")
    ordinary.write_text("a file")
    foreign = t.path("foreign")
    foreign.mkdir()
    (foreign / "thesis.tex").write_text("years of work")
    base = ("train", "--model", t.config, "--text", t.text, *TRAIN, "--steps", 1)
    for path, code, says in ((t.path("no/where"), 3, ["the directory above"]), (ordinary, 2, ["not a directory"]),
                             (foreign, 2, ["no checkpoint", "another directory"])):
        result = t.bad(code, [path.name if path != t.path("no/where") else "no", *says], "hal-run", *base, "--save", path)
        expect("step 1" not in result.err, f"{path}: refused only after training")
    expect((foreign / "thesis.tex").read_text() == "years of work", "the user's file was touched")


@case
def picture_is_looked_at_before_the_first_step(t):
    result = t.bad(3, ["no/where.svg"], "hal-run", "train", "--model", t.config, "--text", t.text, *TRAIN, "--steps", 1,
                   "--plot", t.path("no/where.svg"))
    expect("step 1" not in result.err, "refused only after training")


@case
def full_standard_output_is_an_error(t):
    if not os.path.exists("/dev/full"):
        return
    with open("/dev/full", "wb") as full:
        t.bad(1, ["standard output"], "hal-run", "train", "--model", t.config, "--text", t.text, *TRAIN, "--steps", 1, "--json",
              stdout=full)
        t.bad(1, ["standard output"], "hal-run", "devices", "--json", stdout=full)
        t.bad(1, ["standard output"], "hal-bench", "op", "--m", 4, "--n", 4, "--k", 4, "--json", stdout=full)
        t.bad(1, ["standard output"], "hal-matrix", "run", "--op", "fill", stdout=full)
        t.bad(1, ["standard output"], "hal-run", "--help", stdout=full)


@variants(
    ("unknown model", 3, ["\"nope\""], "train", "--model", "nope"),
    ("unknown dtype", 2, ["--dtype f16"], "train", "--dtype", "f16"),
    ("unknown device", 3, ["\"nope7\""], "train", "--device", "nope7"),
    ("unknown operator", 3, ["\"nope\""], "op", "--op", "nope"),
    ("size of nothing", 2, ["\"0\""], "op", "--m", "0"),
    ("matrix that does not fit", 3, ["available"], "op", "--m", "100000000", "--n", "100000000"),
)
def bench_refuses(t, code, says, *words):
    t.bad(code, says, "hal-bench", *words)
