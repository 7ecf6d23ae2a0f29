# SPDX-License-Identifier: Apache-2.0
"""Generating text: prompts, tokenizers, and how little is compiled."""
import json

from support import BYTES, CONFIG, case, expect, variants


def generate(t, *words, **extra):
    (done,) = t.good("hal-run", "generate", "--json", *words, **extra).lines()
    return done


@case
def five_hundred_tokens_compile_at_most_two_programs_after_the_prompt(t):
    ck = t.checkpoint()
    done = generate(t, "--load", ck, "--tokens", 500, "--prompt", "the old ")
    expect(len(done["ids"]) == 508, f"{len(done['ids'])} ids")
    expect(done["compilations_after_prompt"] <= 2, f"{done['compilations_after_prompt']} programs")
    expect(done["compilations"] >= done["compilations_after_prompt"] + 2, f"{done['compilations']} in all")
    rates = done["prefill_tokens_per_second"], done["decode_tokens_per_second"]
    expect(rates[1] > 0 and (rates[0] is None or rates[0] > 0), f"{rates} tokens a second")
    expect(done["text"].startswith("the old ") and len(done["text"]) == 508, f"{done['text'][:40]!r}")


@case
def equal_seeds_write_equal_texts(t):
    ck = t.checkpoint()
    texts = [generate(t, "--load", ck, "--tokens", 30, "--seed", seed)["text"] for seed in (5, 5, 6)]
    expect(texts[0] == texts[1] != texts[2], f"{texts}")
    two = generate(t, "--load", ck, "--tokens", 30, "--seed", 5, "--devices", "cpu0,cpu1", HAL_CPU_DEVICES=2)["text"]
    expect(two == texts[0], "another text with two devices")


@case
def greedy_text_does_not_depend_on_the_seed(t):
    ck = t.checkpoint()
    for words in (("--temperature", 0), ("--top-k", 1), ("--top-p", "1e-9")):
        texts = {generate(t, "--load", ck, "--tokens", 20, "--seed", seed, *words)["text"] for seed in (1, 2, 3)}
        expect(len(texts) == 1, f"{words}: {texts}")


@case
def prompt_as_ids_and_as_text_agree(t):
    ck = t.checkpoint()
    ids = ",".join(str(BYTES.index(byte)) for byte in b"winter")
    text, same = (generate(t, "--load", ck, *words, "--tokens", 9) for words in (("--prompt", "winter"), ("--prompt-ids", ids)))
    expect(text["ids"] == same["ids"] and text["text"] == same["text"], "different texts")


@case
def matrices_in_bf16_write_what_was_learned(t):
    t.path("text").write_text("winter " * 300)
    t.good("hal-run", "train", "--model", t.config, "--text", t.path("text"), "--load", t.checkpoint(), "--steps", 80, "--batch", 4,
           "--context", 32, "--lr", "1e-2", "--eval-every", 0, "--quiet", "--save", t.path("learned"))
    for dtype in ("f32", "bf16"):
        done = generate(t, "--load", t.path("learned"), "--prompt", "winter wi", "--tokens", 12, "--temperature", 0, "--dtype", dtype)
        expect(done["text"] == "winter winter winter ", f"{dtype}: {done['text']!r}")
    t.bad(2, ["--dtype f16", "f32 and bf16"], "hal-run", "generate", "--load", t.path("learned"), "--dtype", "f16")


@case
def prompt_longer_than_the_context(t):
    ck = t.checkpoint()
    done = generate(t, "--load", ck, "--prompt", "the river " * 20, "--tokens", 5)
    expect(len(done["ids"]) == 205, f"{len(done['ids'])} ids")


@variants(
    ("with foreign characters", 2, ["byte"], "--prompt", "Жук"),
    ("of foreign ids", 2, ["--prompt-ids", "vocabulary"], "--prompt-ids", f"1,{CONFIG['vocab_size']}"),
    ("of ids in words", 2, ["--prompt-ids", "whole numbers"], "--prompt-ids", "one"),
    ("of negative ids", 2, ["--prompt-ids"], "--prompt-ids", "-1"),
    ("of no ids", 2, ["--prompt-ids"], "--prompt-ids", ""),
    ("twice", 2, ["--prompt", "--prompt-ids"], "--prompt", "a", "--prompt-ids", "1"),
)
def prompt(t, code, says, *words):
    t.bad(code, says, "hal-run", "generate", "--load", t.checkpoint(), *words)


@variants(("top-p", "--top-p", "1.5"), ("temperature", "--temperature", "-1"), ("tokens", "--tokens", "1.5"),
          ("device", "--devices", "gpu5"))
def generate_refuses_a_wrong(t, *words):
    t.bad(3 if words[0] == "--devices" else 2, [words[1]], "hal-run", "generate", "--load", t.checkpoint(), *words)


def with_tokenizer(t, change):
    ck = t.checkpoint()
    root = json.loads((ck / "tokenizer.json").read_text())
    change(root)
    (ck / "tokenizer.json").write_text(json.dumps(root))
    return ck


@variants(
    ("Unigram", ["Unigram"], lambda r: r.update(model={"type": "Unigram", "vocab": [["a", 0.0]], "unk_id": 0})),
    ("WordPiece", ["WordPiece"], lambda r: r.update(model={"type": "WordPiece", "vocab": {"a": 0}, "unk_token": "a"})),
    ("WordLevel", ["WordLevel"], lambda r: r.update(model={"type": "WordLevel", "vocab": {"a": 0}, "unk_token": "a"})),
    ("Metaspace", ["Metaspace"], lambda r: r.update(pre_tokenizer={"type": "Metaspace", "replacement": "_"})),
    ("normalizer", ["NFC"], lambda r: r.update(normalizer={"type": "NFC"})),
    ("byte fallback", ["byte_fallback"], lambda r: r["model"].update(byte_fallback=True)),
    ("no model", ["model"], lambda r: r.pop("model")),
)
def tokenizer_of_another_kind(t, says, change):
    ck = with_tokenizer(t, change)
    t.bad(2, ["tokenizer.json", *says], "hal-run", "generate", "--load", ck, "--prompt", "a")
    t.bad(2, ["tokenizer.json", *says], "hal-run", "train", "--load", ck, "--text", t.text, "--steps", 1)


@case
def tokenizer_that_is_cut(t):
    ck = t.checkpoint()
    (ck / "tokenizer.json").write_bytes((ck / "tokenizer.json").read_bytes()[:300])
    t.bad(2, ["tokenizer.json"], "hal-run", "generate", "--load", ck, "--prompt", "a")


@case
def without_a_tokenizer_ids_are_asked_for_and_printed(t):
    ck = t.checkpoint()
    (ck / "tokenizer.json").unlink()
    t.bad(3, ["tokenizer.json", "--prompt-ids"], "hal-run", "generate", "--load", ck, "--prompt", "a")
    out = t.good("hal-run", "generate", "--load", ck, "--prompt-ids", "1,2", "--tokens", 3).out
    expect(len(out.strip().split(",")) == 5, out)
    expect(generate(t, "--load", ck, "--prompt-ids", "1,2", "--tokens", 3)["text"] is None, "text without a tokenizer")


@case
def ids_without_a_token_are_left_out_of_the_text_and_said(t):
    """A model's vocabulary may be padded beyond its tokenizer's."""
    config = t.path("padded.json")
    config.write_text(json.dumps({**CONFIG, "vocab_size": 4 * len(BYTES)}))
    t.good("hal-run", "train", "--model", config, "--text", t.text, "--batch", 2, "--context", 16, "--steps", 1, "--save",
           t.path("ck"))
    result = t.good("hal-run", "generate", "--load", t.path("ck"), "--tokens", 100, "--temperature", 2, "--json")
    done = result.lines()[0]
    missing = sum(id_ >= len(BYTES) for id_ in done["ids"])
    expect(missing > 0 and len(done["text"]) == 101 - missing, f"{missing} missing, text of {len(done['text'])}")
    expect(f"{missing} ids" in result.err and "tokenizer" in result.err, result.err)
