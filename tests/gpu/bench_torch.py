#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What PyTorch makes of the work that tests/gpu/run measures with hal: a line NAME<tab>VALUE a figure.

usage: bench_torch.py about
       bench_torch.py matmul --size N
       bench_torch.py gpt2 [--layers N] [--heads N] [--width N] [--vocabulary N] --batch N --context N --steps N
       bench_torch.py llama --config FILE --prompt N --tokens N --dtype f32|bf16
       bench_torch.py copy|softmax|rms_norm|layer_norm|rotary|adamw|cross_entropy|attention --in DTYPE:SIZES...

Rates: flop/s of matmul, tokens/s of gpt2 and llama, bytes/s of the others, each operand counted once, and calls/s of
attention. `eager` and `compile` tell how; where one cannot be had, "eager failed" says why. On a CUDA device, timed with its
events; with --any-device on the processor, for tests of this script. Medians after warm-up."""
import argparse
import json
import statistics
import sys
import time

try:
    import torch
    import torch.nn.functional as functional
except ImportError as error:
    sys.exit(f"this Python has no PyTorch: {error}")

DTYPES = {"f32": torch.float32, "bf16": torch.bfloat16, "i32": torch.int32}


class Clock:
    """Seconds of a call: the median of some, by the events of the device."""

    def __init__(self, device):
        self.device = device

    def once(self, call):
        if self.device.type != "cuda":
            begin = time.perf_counter()
            call()
            return time.perf_counter() - begin
        first, last = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        first.record()
        call()
        last.record()
        last.synchronize()
        return first.elapsed_time(last) * 1e-3

    def median(self, call, warm=5, rounds=20):
        for _ in range(warm):
            call()
        return statistics.median(self.once(call) for _ in range(rounds))


def say(name, value):
    print(f"{name}\t{value if isinstance(value, str) else format(value, '.6g')}", flush=True)


def say_each(prefix, ways, rate):
    """The rate of each way of a call; one that cannot be had is told, and does not hide the others."""
    for way, make in ways.items():
        try:
            say(prefix + way, rate(make()))
        except Exception as error:  # pylint: disable=broad-except  # whatever a compiler throws
            say(f"{prefix}{way} failed", " ".join(f"{type(error).__name__}: {error}".split())[:200])


def compiled(function, **options):
    torch._dynamo.reset()
    return torch.compile(function, **options)


# --- operators ---


def operand(text, device, index):
    dtype, _, sizes = text.partition(":")
    sizes = [int(size) for size in sizes.split("x") if size]
    if dtype == "i32":
        return torch.randint(0, 64, sizes, device=device)
    numbers = torch.rand(sizes, device=device, dtype=torch.float32 if dtype == "f32" else DTYPES[dtype])
    return numbers * 2 - 1 if index < 2 else numbers


def rotary(x, positions):
    half = x.shape[-1] // 2
    rate = 10000.0 ** (-torch.arange(half, device=x.device, dtype=torch.float32) / half)
    angle = positions[:, None].float() * rate
    cos, sin = angle.cos(), angle.sin()
    a, b = x[..., :half].float(), x[..., half:].float()
    return torch.cat((a * cos - b * sin, b * cos + a * sin), -1).to(x.dtype)


def adamw(p, g, m, v, *_):
    m.lerp_(g, 0.1)
    v.mul_(0.999).addcmul_(g, g, value=0.001)
    p.mul_(0.9999).addcdiv_(m, v.sqrt() + 1e-8, value=-1e-4)
    return p


OPERATORS = {
    "copy": lambda x: x.clone(),
    "softmax": lambda x: functional.softmax(x, -1),
    "rms_norm": lambda x, w: functional.rms_norm(x, w.shape, w, 1e-5),
    "layer_norm": lambda x, w, b: functional.layer_norm(x, w.shape, w, b, 1e-5),
    "rotary": rotary,
    "adamw": adamw,
    "cross_entropy": lambda x, t: functional.cross_entropy(x, t.long()),
}


def bytes_of(name, tensors):
    """Read and written once each."""
    read = sum(t.numel() * (4 if not t.is_floating_point() else t.element_size()) for t in tensors)
    written = {"adamw": 3 * tensors[0].numel() * 4, "cross_entropy": tensors[0].shape[0] * 4}
    return read + written.get(name, tensors[0].numel() * tensors[0].element_size())


def bench_operator(options, clock):
    tensors = [operand(text, clock.device, i) for i, text in enumerate(options.operands)]
    call, moved = OPERATORS[options.case], bytes_of(options.case, tensors)
    ways = {"eager": lambda: call, "compile": lambda: compiled(call)}
    if options.case == "adamw":  # the one that people call
        parameter = torch.nn.Parameter(tensors[0])
        parameter.grad = tensors[1]
        fused = torch.optim.AdamW([parameter], fused=clock.device.type == "cuda")
        ways["eager"] = lambda: lambda *_: fused.step()
    with torch.no_grad():
        say_each("", ways, lambda way: moved / clock.median(lambda: way(*tensors)))


def bench_attention(options, clock):
    q, k, v = (operand(options.operands[0], clock.device, 0) for _ in range(3))
    with torch.no_grad():
        say_each("", {"eager": lambda: lambda: functional.scaled_dot_product_attention(q, k, v, is_causal=True)},
                 lambda way: 1 / clock.median(way))


def bench_matmul(options, clock):
    n = options.size
    a, b = (operand(f"bf16:{n}x{n}", clock.device, 0) for _ in range(2))
    say_each("", {"eager": lambda: lambda: a @ b}, lambda way: 2 * n**3 / clock.median(way))


# --- GPT-2, training ---


class Block(torch.nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = torch.nn.LayerNorm(width), torch.nn.LayerNorm(width)
        self.qkv, self.out = torch.nn.Linear(width, 3 * width), torch.nn.Linear(width, width)
        self.up, self.down = torch.nn.Linear(width, 4 * width), torch.nn.Linear(4 * width, width)

    def forward(self, x):
        batch, context, width = x.shape
        q, k, v = (t.view(batch, context, self.heads, -1).transpose(1, 2) for t in self.qkv(self.norm1(x)).split(width, -1))
        y = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(y.transpose(1, 2).reshape(batch, context, width))
        return x + self.down(functional.gelu(self.up(self.norm2(x)), approximate="tanh"))


class Gpt2(torch.nn.Module):
    def __init__(self, options):
        super().__init__()
        self.tokens = torch.nn.Embedding(options.vocabulary, options.width)
        self.positions = torch.nn.Embedding(options.context, options.width)
        self.blocks = torch.nn.ModuleList(Block(options.width, options.heads) for _ in range(options.layers))
        self.norm = torch.nn.LayerNorm(options.width)
        for weight in (self.tokens.weight, self.positions.weight):
            torch.nn.init.normal_(weight, std=0.02)

    def forward(self, ids):
        x = self.tokens(ids) + self.positions.weight[: ids.shape[1]]
        for block in self.blocks:
            x = block(x)
        return functional.linear(self.norm(x), self.tokens.weight)


def gpt2_step(options, device, way):
    torch.manual_seed(1)
    model = Gpt2(options).to(device)
    # compiled once here; the optimiser's state is made in the first step
    forward = compiled(model) if way == "compile" else model
    optimiser = torch.optim.AdamW(model.parameters(), lr=6e-4, betas=(0.9, 0.95), weight_decay=0.1, fused=device.type == "cuda")
    ids = torch.randint(0, options.vocabulary, (options.batch, options.context + 1), device=device)

    def step():
        with torch.autocast(device.type, torch.bfloat16):
            logits = forward(ids[:, :-1])
            loss = functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)

    return step


def bench_gpt2(options, clock):
    tokens = options.batch * options.context
    ways = {way: lambda way=way: gpt2_step(options, clock.device, way) for way in ("eager", "compile")}
    say_each("", ways, lambda step: tokens / clock.median(step, 3, options.steps))


# --- Llama, prefill and decode ---


class LlamaBlock(torch.nn.Module):
    def __init__(self, c, length):
        super().__init__()
        width, hidden = c["hidden_size"], c["intermediate_size"]
        self.heads, self.kv = c["num_attention_heads"], c["num_key_value_heads"]
        self.size = width // self.heads
        self.norm1, self.norm2 = torch.nn.RMSNorm(width, 1e-5), torch.nn.RMSNorm(width, 1e-5)
        self.qkv = torch.nn.Linear(width, (self.heads + 2 * self.kv) * self.size, bias=False)
        self.out = torch.nn.Linear(width, width, bias=False)
        self.gate_up = torch.nn.Linear(width, 2 * hidden, bias=False)
        self.down = torch.nn.Linear(hidden, width, bias=False)
        for cache in ("keys", "values"):
            self.register_buffer(cache, torch.zeros(1, self.kv, length, self.size))

    def forward(self, x, positions, mask):
        count = x.shape[1]
        parts = (self.heads * self.size, self.kv * self.size, self.kv * self.size)
        q, k, v = (t.view(1, count, -1, self.size).transpose(1, 2) for t in self.qkv(self.norm1(x)).split(parts, -1))
        self.keys.index_copy_(2, positions, rotary(k, positions))
        self.values.index_copy_(2, positions, v)
        if mask is None:  # a text from its beginning: what was stored is all there is
            y = functional.scaled_dot_product_attention(rotary(q, positions), rotary(k, positions), v, is_causal=True, enable_gqa=True)
        else:
            y = functional.scaled_dot_product_attention(rotary(q, positions), self.keys, self.values, attn_mask=mask, enable_gqa=True)
        x = x + self.out(y.transpose(1, 2).reshape(1, count, -1))
        gate, up = self.gate_up(self.norm2(x)).chunk(2, -1)
        return x + self.down(functional.silu(gate) * up)


class Llama(torch.nn.Module):
    def __init__(self, c, length):
        super().__init__()
        self.length = length
        self.tokens = torch.nn.Embedding(c["vocab_size"], c["hidden_size"])
        self.blocks = torch.nn.ModuleList(LlamaBlock(c, length) for _ in range(c["num_hidden_layers"]))
        self.norm = torch.nn.RMSNorm(c["hidden_size"], 1e-5)
        self.head = torch.nn.Linear(c["hidden_size"], c["vocab_size"], bias=False)

    def forward(self, ids, positions):
        mask = None if ids.shape[1] > 1 else torch.arange(self.length, device=ids.device)[None, :] <= positions[:, None]
        x = self.tokens(ids)
        for block in self.blocks:
            x = block(x, positions, mask)
        return self.head(self.norm(x[:, -1:])).argmax(-1)


def bench_llama(options, clock):
    with open(options.config, encoding="utf-8") as file:
        config = json.load(file)
    device, length = clock.device, options.prompt + options.tokens
    with torch.device(device):
        model = Llama(config, length).to(DTYPES[options.dtype]).eval()
    prompt = torch.randint(0, config["vocab_size"], (1, options.prompt), device=device)
    first = torch.arange(options.prompt, device=device)
    position = torch.full((1,), options.prompt, device=device)
    graphs = {"mode": "reduce-overhead"} if device.type == "cuda" else {}
    ways = {"eager": lambda: model, "compile": lambda: compiled(model, **graphs)}
    with torch.no_grad():
        one = model(prompt, first)
        say_each("prefill ", ways, lambda way: options.prompt / clock.median(lambda: way(prompt, first), 3, 10))
        say_each("decode ", ways, lambda way: 1 / clock.median(lambda: way(one, position), 5, options.tokens))


CASES = {"matmul": bench_matmul, "gpt2": bench_gpt2, "llama": bench_llama, "attention": bench_attention,
         **{name: bench_operator for name in OPERATORS}}


def options_read():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("case", choices=["about", *CASES])
    for name, default in (("size", 8192), ("layers", 12), ("heads", 12), ("width", 768), ("vocabulary", 50257), ("batch", 16),
                          ("context", 1024), ("steps", 20), ("prompt", 1024), ("tokens", 128)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--config")
    parser.add_argument("--dtype", choices=["f32", "bf16"], default="bf16")
    parser.add_argument("--in", dest="operands", action="append", default=[])
    parser.add_argument("--any-device", action="store_true")
    return parser.parse_args()


def main():
    options = options_read()
    if not torch.cuda.is_available() and not options.any_device:
        sys.exit(f"PyTorch {torch.__version__} sees no CUDA device")
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if options.case == "about":
        say("version", torch.__version__)
        say("device", torch.cuda.get_device_name() if device.type == "cuda" else "the processor")
        return
    torch.manual_seed(1)
    CASES[options.case](options, Clock(device))


if __name__ == "__main__":
    main()
