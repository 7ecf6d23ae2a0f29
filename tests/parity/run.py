#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Trains small GPT-2 and Llama shapes with hal-run and with PyTorch, on the same weights and data.

Checks, for each shape: hal reads what transformers saved; the loss of each of 20 AdamW steps; each
gradient tensor of the first step; transformers reads what hal saved and computes the validation loss
that hal reported. The bounds are those of docs/numerics.md.

usage: run.py --hal-run PATH --peers yes|no|DIR --work DIR
DIR of --peers is a Python environment with torch, transformers, numpy and safetensors. One line a
check, then `N passed, N failed, N skipped`; exit status 1 when a check failed."""
import argparse
import json
import math
import os
import shutil
import subprocess
import sys

PACKAGES = ("torch", "transformers", "numpy", "safetensors")
SHAPES = ("gpt2", "llama")
CHECKS = ("load", "loss", "gradient", "save")
BOUNDS = {"f32": 1e-5, "bf16": 2e-2}  # relative: of a loss, of a gradient tensor's norm
VOCABULARY, CONTEXT, BATCH, TOKENS = 65, 32, 4, 2000
STEPS, SEED = 20, 7
LR, MIN_LR, BETA1, BETA2, EPSILON, DECAY, CLIP = 1e-3, 1e-4, 0.9, 0.95, 1e-8, 0.1, 1.0
MASK = (1 << 64) - 1


class Tally:
    """Prints a line a check and counts them."""

    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def check(self, name, good, detail):
        print(f"{'PASS' if good else 'FAIL'} {name}: {detail}", flush=True)
        self.passed += good
        self.failed += not good

    def skip(self, count, reason):
        print(f"SKIP: {reason}")
        self.skipped += count

    def close(self):
        print(f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped")
        return 1 if self.failed else 0


class RunFailed(Exception):
    """hal-run did not do what the check needs."""


# --- the batches of hal-run, as tools/common/dataset.c draws them ---


def mix(x):
    x = (x + 0x9E3779B97F4A7C15) & MASK
    x = ((x ^ x >> 30) * 0xBF58476D1CE4E5B9) & MASK
    x = ((x ^ x >> 27) * 0x94D049BB133111EB) & MASK
    return x ^ x >> 31


def row_offset(train_tokens, step, row):
    places = train_tokens - CONTEXT
    return mix(mix(mix(SEED) ^ step) ^ row) * places >> 64


def train_batch(tokens, step):
    train = TOKENS * 9 // 10
    rows = [tokens[at : at + CONTEXT + 1] for at in (row_offset(train, step, row) for row in range(BATCH))]
    rows = torch.stack(rows)
    return rows[:, :-1], rows[:, 1:]


def validation_batches(tokens):
    kept = tokens[TOKENS * 9 // 10 :]
    for at in range(0, len(kept) - 1, CONTEXT):
        row = kept[at : at + CONTEXT + 1]
        yield row[None, :-1], row[None, 1:]


def rate(step, steps):
    """Learning rate without warm-up: a cosine that ends in MIN_LR at the last step."""
    if step >= steps - 1:
        return MIN_LR
    return MIN_LR + 0.5 * (1 + math.cos(math.pi * step / (steps - 1))) * (LR - MIN_LR)


# --- the same run in PyTorch ---


def build_model(shape):
    torch.manual_seed(SEED)
    common = {"vocab_size": VOCABULARY, "bos_token_id": None, "eos_token_id": None, "attn_implementation": "eager"}
    if shape == "gpt2":
        config = transformers.GPT2Config(
            n_layer=2, n_head=4, n_embd=64, n_positions=CONTEXT, resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0, **common
        )
        model = transformers.GPT2LMHeadModel(config)
    else:
        config = transformers.LlamaConfig(
            num_hidden_layers=2, hidden_size=64, intermediate_size=172, num_attention_heads=4, num_key_value_heads=2,
            max_position_embeddings=CONTEXT, tie_word_embeddings=False, **common
        )
        model = transformers.LlamaForCausalLM(config)
    with torch.no_grad():  # biases of 0 and norms of 1 would hide a tensor that is not read
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.02)
    return model


def make_tokens(path):
    """A text that can be learned in part: the next token is one of three that follow from the last."""
    random = numpy.random.default_rng(SEED)
    tokens = [1]
    while len(tokens) < TOKENS:
        tokens.append((3 * tokens[-1] + int(random.integers(3))) % VOCABULARY)
    numpy.asarray(tokens, dtype="<u2").tofile(path)
    return torch.tensor(tokens, dtype=torch.long)


def loss_of(model, inputs, targets):
    logits = model(input_ids=inputs, use_cache=False).logits.float()
    return torch.nn.functional.cross_entropy(logits.reshape(-1, VOCABULARY), targets.reshape(-1))


def make_optimiser(model):
    matrices = [p for p in model.parameters() if p.dim() >= 2]
    vectors = [p for p in model.parameters() if p.dim() < 2]
    groups = [{"params": matrices, "weight_decay": DECAY}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=LR, betas=(BETA1, BETA2), eps=EPSILON)


def train_torch(model, tokens, dtype):
    """Losses of STEPS steps and the clipped gradients of the first."""
    optimiser = make_optimiser(model)
    losses, gradients = [], None
    for step in range(STEPS):
        optimiser.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=dtype == "bf16"):
            loss = loss_of(model, *train_batch(tokens, step))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        if step == 0:
            gradients = {name: p.grad.clone() for name, p in model.named_parameters()}
        for group in optimiser.param_groups:
            group["lr"] = rate(step, STEPS)
        optimiser.step()
        losses.append(loss.item())
    return losses, gradients


def validation_loss(model, tokens):
    total = count = 0
    with torch.no_grad():
        for inputs, targets in validation_batches(tokens):
            total += loss_of(model, inputs, targets).item() * targets.numel()
            count += targets.numel()
    return total / count


# --- the run in hal ---


def train_hal(hal_run, source, token_file, target, dtype, steps):
    """The eval events of a run; with --eval-every 1 each carries the loss of one step."""
    shutil.rmtree(target, ignore_errors=True)
    options = {
        "load": source, "token-file": token_file, "save": target, "dtype": dtype, "steps": steps, "batch": BATCH,
        "context": CONTEXT, "lr": LR, "min-lr": MIN_LR, "warmup": 0, "beta1": BETA1, "beta2": BETA2,
        "weight-decay": DECAY, "clip": CLIP, "dropout": 0, "seed": SEED, "eval-every": 1,
    }
    command = [hal_run, "train", "--json", "--quiet"]
    for name, value in options.items():
        command += [f"--{name}", str(value)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    if done.returncode != 0:
        words = done.stderr.strip().splitlines()
        raise RunFailed(f"hal-run ended with {done.returncode}: {words[-1] if words else 'no message'}")
    events = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return [event for event in events if event["event"] == "eval"]


def first_gradients(directory):
    """The first moment after one step is (1 - beta1) times the clipped gradient."""
    state = safetensors.torch.load_file(os.path.join(directory, "training_state.safetensors"))
    return {name[:-2]: m / (1 - BETA1) for name, m in state.items() if name.endswith(".m")}


# --- what is compared ---


def relative(value, wanted):
    """NaN anywhere is an infinite difference, so that no comparison lets it pass."""
    difference = abs(value - wanted) / abs(wanted)
    return difference if math.isfinite(difference) else math.inf


def distance(found, wanted):
    """Norm of the difference of two tensors in units of the second's norm."""
    ratio = ((found.double() - wanted.double()).norm() / wanted.double().norm()).item()
    return ratio if math.isfinite(ratio) else math.inf


def check_losses(tally, name, events, wanted, bound):
    if [event["step"] for event in events] != list(range(1, STEPS + 1)):
        tally.check(name, False, f"{len(events)} of {STEPS} steps reported")
        return
    differences = [relative(event["train_loss"], loss) for event, loss in zip(events, wanted)]
    worst = max(range(STEPS), key=differences.__getitem__)
    tally.check(
        name, differences[worst] <= bound,
        f"{STEPS} steps, loss {wanted[0]:.4f} to {wanted[-1]:.4f}, worst relative difference {differences[worst]:.2e} "
        f"at step {worst + 1}, allowed {bound:g}",
    )


def check_gradients(tally, name, found, wanted, bound):
    if found.keys() != wanted.keys():
        tally.check(name, False, f"tensors differ: {sorted(found.keys() ^ wanted.keys())}")
        return
    differences = {key: distance(found[key], gradient) for key, gradient in wanted.items()}
    worst = max(differences, key=differences.__getitem__)
    tally.check(
        name, differences[worst] <= bound,
        f"{len(wanted)} tensors, worst difference {differences[worst]:.2e} of its norm in {worst}, allowed {bound:g}",
    )


def check_saved(tally, name, directory, tokens, reported, bound):
    model, info = transformers.AutoModelForCausalLM.from_pretrained(
        directory, output_loading_info=True, dtype=torch.float32, attn_implementation="eager"
    )
    odd = {key: list(value) for key, value in info.items() if value}
    if odd:
        tally.check(name, False, f"transformers reports {odd}")
        return
    wanted = validation_loss(model, tokens)
    difference = relative(reported, wanted)
    tally.check(
        name, difference <= bound,
        f"transformers reads it; validation loss {wanted:.6f}, hal said {reported:.6f}, relative difference "
        f"{difference:.2e}, allowed {bound:g}",
    )


def compare(tally, hal_run, work, shape, dtype, tokens, token_file):
    name, bound = f"{shape} {dtype}", BOUNDS[dtype]
    source, after_one, after_all = (os.path.join(work, f"{shape}-{dtype}-{part}") for part in ("start", "one", "all"))
    model = build_model(shape)
    model.save_pretrained(source)
    try:
        first = train_hal(hal_run, source, token_file, after_one, dtype, 1)
        events = train_hal(hal_run, source, token_file, after_all, dtype, STEPS)
    except (RunFailed, OSError, subprocess.TimeoutExpired, ValueError) as error:
        for check in CHECKS:
            tally.check(f"{name} {check}", False, str(error))
        return
    losses, gradients = train_torch(model, tokens, dtype)
    difference = relative(first[0]["train_loss"], losses[0])
    tally.check(
        f"{name} load", difference <= bound,
        f"hal reads what transformers saved; relative difference of its loss {difference:.2e}, allowed {bound:g}",
    )
    check_losses(tally, f"{name} loss", events, losses, bound)
    check_gradients(tally, f"{name} gradient", first_gradients(after_one), gradients, bound)
    check_saved(tally, f"{name} save", after_all, tokens, events[-1]["val_loss"], bound)


# --- the packages ---


def enter_environment(peers):
    """Starts again with the interpreter of the environment that --peers names."""
    python = os.path.join(peers, "bin", "python")
    if os.path.realpath(sys.prefix) != os.path.realpath(peers):
        os.execv(python, [python] + sys.argv)


def import_peers():
    """None, or why the packages cannot be used."""
    os.environ.update(TOKENIZERS_PARALLELISM="false", HF_HUB_OFFLINE="1", TRANSFORMERS_VERBOSITY="error")
    os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
    try:
        for package in PACKAGES:
            globals()[package] = __import__(package)
        import safetensors.torch  # pylint: disable=import-outside-toplevel,unused-import,redefined-outer-name
    except ImportError as error:
        return f"{error} ({sys.executable}); install {' '.join(PACKAGES)}, or configure --with-peers=DIR"
    return None


def main():
    parser = argparse.ArgumentParser(description="Compares training by hal-run with PyTorch.")
    parser.add_argument("--hal-run", required=True)
    parser.add_argument("--peers", default="yes")
    parser.add_argument("--work", required=True)
    options = parser.parse_args()
    tally, count = Tally(), len(SHAPES) * len(BOUNDS) * len(CHECKS)
    if options.peers == "no":
        tally.skip(count, "configured without peers (torch, transformers): --with-peers, or CI=true")
        return tally.close()
    if options.peers != "yes":
        enter_environment(options.peers)
    missing = import_peers()
    if missing:
        tally.check("peers", False, missing)
        return tally.close()
    torch.set_num_threads(min(2, os.cpu_count() or 1))
    os.makedirs(options.work, exist_ok=True)
    token_file = os.path.join(options.work, "tokens.u16")
    tokens = make_tokens(token_file)
    for shape in SHAPES:
        for dtype in BOUNDS:
            compare(tally, options.hal_run, options.work, shape, dtype, tokens, token_file)
    return tally.close()


if __name__ == "__main__":
    sys.exit(main())
