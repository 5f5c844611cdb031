#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes toy_vectors.h: small models of every architecture and the logits they must give.

usage: make_toy_vectors.py > toy_vectors.h

Needs numpy and PyPI's gguf (which decodes the quantised blocks), say in an environment made with
python3 -m venv; the tests do not run it. toys.c makes the files of the models from the tables and
the generator below, which it repeats. The logits come from the forward pass here, in double, which
follows the transformers library's modelling classes and shares no code with the project. Two
concessions: before a product with a block-quantised weight activations are rounded to 8 bits per 32
elements, and queries, keys and values to halves, as rules N4 and N8 have it; what that changes is
printed beside each model.
"""

import json
import math

import gguf
import numpy as np

TOKENS = [3, 17, 0, 39, 22, 22, 8, 31, 5, 12, 39, 1, 26, 14]
ROWS = [0, 6, 13]
VOCAB = 40

# ---- weights ------------------------------------------------------------------------------------


def words(name, n):
    """SplitMix64 from a state that is the FNV-1a hash of the tensor's name."""
    state = 0xcbf29ce484222325
    for byte in name.encode():
        state = (state ^ byte) * 0x100000001b3 % 2**64
    with np.errstate(over="ignore"):
        z = np.uint64(state) + np.arange(1, n + 1, dtype=np.uint64) * np.uint64(0x9e3779b97f4a7c15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xbf58476d1ce4e5b9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94d049bb133111eb)
        return z ^ (z >> np.uint64(31))


# bytes of a block, places of its halves and what stands there
BLOCKS = {"Q8_0": (32, 34, {0: 0x0c00}), "Q4_K": (256, 144, {0: 0x0800, 2: 0x1400}),
          "Q6_K": (256, 210, {208: 0x0100}), "Q4_1": (32, 20, {0: 0x2400, 2: 0xaf80})}


class Blocks(np.ndarray):
    """A weight of a block type."""


ROUND = True


def product(x, w):
    """x [.., K] times the rows of w [N, K]"""
    if ROUND and isinstance(w, Blocks):
        runs = x.reshape(*x.shape[:-1], -1, 32)
        d = np.abs(runs).max(axis=-1, keepdims=True) / 127
        x = (np.rint(runs / np.where(d > 0, d, 1)) * d).reshape(x.shape)
    return x @ np.asarray(w).T


def stored(t):
    """The tensor as a file holds it: floats, their upper halves (BF16), or bytes of blocks."""
    n = int(np.prod(t["shape"]))
    if t["dtype"] in BLOCKS:
        elements, size, halves = BLOCKS[t["dtype"]]
        raw = (words(t["name"], n // elements * size) >> np.uint64(56)).astype(np.uint8)
        raw = raw.reshape(-1, size)
        for at, half in halves.items():
            raw[:, at], raw[:, at + 1] = half & 255, half >> 8
        return raw.reshape(*t["shape"][:-1], -1)
    u = ((words(t["name"], n) >> np.uint64(40)).astype(np.float32) - np.float32(2**23))
    x = np.float32(t["base"]) + np.float32(t["amplitude"]) * (u / np.float32(2**23))
    x = x.reshape(t["shape"])
    return (x.view(np.uint32) >> np.uint32(16)).astype(np.uint16) if t["dtype"] == "BF16" else x


def values(t):
    raw = stored(t)
    if t["dtype"] in BLOCKS:
        kind = getattr(gguf.GGMLQuantizationType, t["dtype"])
        return gguf.dequantize(raw, kind).astype(np.float64).reshape(t["shape"]).view(Blocks)
    if t["dtype"] == "BF16":
        raw = (raw.astype(np.uint32) << np.uint32(16)).view(np.float32)
    return raw.astype(np.float64)


# ---- the forward pass ---------------------------------------------------------------------------


def frequencies(c, base, scaling):
    dim = c["head_dim"]
    f = base ** (-np.arange(0, dim, 2, dtype=np.float64) / dim)
    kind, size = scaling.get("rope_type", "default"), 1.0
    if kind == "linear":
        f = f / scaling["factor"]
    elif kind == "llama3":
        trained = scaling["original_max_position_embeddings"]
        low, high = scaling["low_freq_factor"], scaling["high_freq_factor"]
        for i, x in enumerate(f):
            wave = 2 * math.pi / x
            if wave > trained / low:
                f[i] = x / scaling["factor"]
            elif wave >= trained / high:
                s = (trained / wave - low) / (high - low)
                f[i] = (1 - s) * x / scaling["factor"] + s * x
    elif kind == "yarn":
        trained = scaling["original_max_position_embeddings"]

        def pair(turns):
            return dim * math.log(trained / (turns * 2 * math.pi)) / (2 * math.log(base))
        low = max(math.floor(pair(scaling.get("beta_fast", 32))), 0)
        high = min(math.ceil(pair(scaling.get("beta_slow", 1))), dim - 1)
        ramp = np.clip((np.arange(dim // 2) - low) / max(high - low, 0.001), 0, 1)
        f = f / scaling["factor"] * ramp + f * (1 - ramp)
        size = 0.1 * math.log(scaling["factor"]) + 1
    return f, size


def turn(x, f, size):
    """x [T, heads, head_dim], pairing halves."""
    angle = np.arange(x.shape[0])[:, None] * f[None, :]
    cos, sin = np.cos(angle)[:, None, :] * size, np.sin(angle)[:, None, :] * size
    a, b = np.split(x, 2, axis=-1)
    return np.concatenate([a * cos - b * sin, b * cos + a * sin], axis=-1)


def rms(x, w, eps):
    return x / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + eps) * w


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def silu(x):
    return x / (1 + np.exp(-x))


def gelu(x):
    return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def attend(c, w, x, layer):
    heads, kv, dim, steps = c["heads"], c["kv_heads"], c["head_dim"], x.shape[0]

    def project(which, n):
        y = product(x, w[f"{which}.w"])
        return (y + w.get(f"{which}.b", 0)).reshape(steps, n, dim)
    q, k, v = project("q", heads), project("k", kv), project("v", kv)
    if "q_norm" in w:
        q, k = rms(q, w["q_norm"], c["eps"]), rms(k, w["k_norm"], c["eps"])
    local = c.get("window") and (not c.get("pattern") or (layer + 1) % c["pattern"] != 0)
    f, size = frequencies(c, c["local_base"] if local and "local_base" in c else c["rope_base"],
                          {} if local and "local_base" in c else c.get("scaling", {}))
    if "factors" in c:
        f = f / c["factors"]
    q, k = turn(q, f, size), turn(k, f, size)
    if ROUND:
        q, k, v = (a.astype(np.float16).astype(np.float64) for a in (q, k, v))
    k, v = np.repeat(k, heads // kv, axis=1), np.repeat(v, heads // kv, axis=1)
    score = np.einsum("thd,shd->hts", q, k) * c.get("scale", dim ** -0.5)
    if c.get("attn_cap"):
        score = c["attn_cap"] * np.tanh(score / c["attn_cap"])
    t, s = np.arange(steps)[:, None], np.arange(steps)[None, :]
    seen = (s <= t) & ((t - s < c["window"]) if local else True)
    p = softmax(np.where(seen[None], score, -np.inf))
    y = np.einsum("hts,shd->thd", p, v).reshape(steps, heads * dim)
    return product(y, w["o.w"]) + w.get("o.b", 0)


def feed(c, w, x):
    act = gelu if c.get("gelu") else silu
    if "router.w" not in w:
        return product(act(product(x, w["gate.w"])) * product(x, w["up.w"]), w["down.w"])
    out = np.zeros_like(x)
    for t, p in enumerate(softmax(product(x, w["router.w"]))):
        chosen = np.argsort(-p, kind="stable")[:c["used"]]
        share = p[chosen] / p[chosen].sum()
        for s, i in zip(share, chosen):
            y = act(product(x[t], w["gate.w"][i])) * product(x[t], w["up.w"][i])
            out[t] += s * product(y, w["down.w"][i])
    return out


def forward(c, whole, layers):
    x = np.asarray(whole["embedding"])[TOKENS] * c.get("embedding_scale", 1.0)
    for i, w in enumerate(layers):
        y = attend(c, w, rms(x, w["attn_norm"], c["eps"]), i)
        x = x + (rms(y, w["post_attn"], c["eps"]) if "post_attn" in w else y)
        y = feed(c, w, rms(x, w["ffn_norm"], c["eps"]))
        x = x + (rms(y, w["post_ffn"], c["eps"]) if "post_ffn" in w else y)
    y = product(rms(x, whole["norm"], c["eps"]), whole["head"])
    return c["cap"] * np.tanh(y / c["cap"]) if c.get("cap") else y


# ---- the models ---------------------------------------------------------------------------------

# what a weight is: name in a GGUF file, name in a folder
LAYER = {
    "attn_norm": ("attn_norm", "input_layernorm"), "q": ("attn_q", "self_attn.q_proj"),
    "k": ("attn_k", "self_attn.k_proj"), "v": ("attn_v", "self_attn.v_proj"),
    "o": ("attn_output", "self_attn.o_proj"), "q_norm": ("attn_q_norm", "self_attn.q_norm"),
    "k_norm": ("attn_k_norm", "self_attn.k_norm"),
    "post_attn": ("post_attention_norm", "post_attention_layernorm"),
    "ffn_norm": ("ffn_norm", "post_attention_layernorm"),
    "post_ffn": ("post_ffw_norm", "post_feedforward_layernorm"),
    "gate": ("ffn_gate", "mlp.gate_proj"), "up": ("ffn_up", "mlp.up_proj"),
    "down": ("ffn_down", "mlp.down_proj"), "router": ("ffn_gate_inp", None),
    "gate_exps": ("ffn_gate_exps", None), "up_exps": ("ffn_up_exps", None),
    "down_exps": ("ffn_down_exps", None),
}
WHOLE = {"embedding": ("token_embd", "model.embed_tokens"), "norm": ("output_norm", "model.norm"),
         "head": ("output", "lm_head"), "factors": ("rope_freqs", None)}


class Toy:
    def __init__(self, name, hf, c, dtype="F32", types=None):
        self.name, self.hf, self.c, self.dtype, self.types = name, hf, c, dtype, types or {}
        self.tensors = []

    def tensor(self, label, shape, amplitude, base=0.0, dtype=None):
        matrix = len(shape) > 1
        t = {"name": label, "shape": shape, "amplitude": amplitude, "base": base,
             "dtype": dtype or (self.dtype if matrix else "F32")}
        self.tensors.append(t)
        return values(t)

    def label(self, key, layer=None, bias=False):
        name = (WHOLE if layer is None else LAYER)[key][self.hf]
        if self.hf and key == "ffn_norm" and self.c.get("post_norms"):
            name = "pre_feedforward_layernorm"
        where = "" if layer is None else f"model.layers.{layer}." if self.hf else f"blk.{layer}."
        return f"{where}{name}.{'bias' if bias else 'weight'}"

    def norm(self, key, n, layer=None):
        plus = 1.0 if self.hf and self.c.get("post_norms") else 0.0
        return plus + self.tensor(self.label(key, layer), [n], 0.25, 1.0 - plus)

    def matrix(self, key, shape, layer=None, amplitude=0.25):
        return self.tensor(self.label(key, layer), shape, amplitude,
                           dtype=self.types.get(key))

    def make(self):
        c, hidden = self.c, self.c["hidden"]
        q, kv = c["heads"] * c["head_dim"], c["kv_heads"] * c["head_dim"]
        whole = {"embedding": self.matrix("embedding", [VOCAB, hidden],
                                          amplitude=0.125 if c.get("tied") else 1.0)}
        if c.get("tied"):
            whole["head"] = whole["embedding"]
        else:
            whole["head"] = self.matrix("head", [VOCAB, hidden], amplitude=0.125)
        whole["norm"] = self.norm("norm", hidden)
        if c.get("factors") is True:
            c["factors"] = self.tensor(self.label("factors"), [c["head_dim"] // 2], 1.0, 2.0)
        layers = [self.layer(i, q, kv) for i in range(c["layers"])]
        global ROUND
        ROUND = False
        self.plain = forward(c, whole, layers)
        ROUND = True
        rounded = forward(c, whole, layers)[ROWS]
        self.change = np.abs(self.plain[ROWS] - rounded).max()
        return rounded

    def layer(self, i, q, kv):
        c, hidden = self.c, self.c["hidden"]
        w = {"attn_norm": self.norm("attn_norm", hidden, i),
             "ffn_norm": self.norm("ffn_norm", hidden, i)}
        for key, rows in (("q", q), ("k", kv), ("v", kv)):
            w[f"{key}.w"] = self.matrix(key, [rows, hidden], i)
            if c.get("qkv_bias"):
                w[f"{key}.b"] = self.tensor(self.label(key, i, True), [rows], 0.5)
        if not self.hf and c["arch"] == "llama":
            # The converter to GGUF orders the rows of a head so that pairs are neighbours.
            for key in "qk":
                y = w[f"{key}.w"].reshape(-1, c["head_dim"] // 2, 2, hidden)
                w[f"{key}.w"] = y.swapaxes(1, 2).reshape(-1, hidden)
        w["o.w"] = self.matrix("o", [hidden, q], i)
        if c.get("o_bias"):
            w["o.b"] = self.tensor(self.label("o", i, True), [hidden], 0.5)
        if c.get("qk_norm"):
            w["q_norm"] = self.norm("q_norm", c["head_dim"], i)
            w["k_norm"] = self.norm("k_norm", c["head_dim"], i)
        if c.get("post_norms"):
            w["post_attn"] = self.norm("post_attn", hidden, i)
            w["post_ffn"] = self.norm("post_ffn", hidden, i)
        if c.get("experts"):
            n, ffn = c["experts"], c["expert_ffn"]
            w["router.w"] = self.matrix("router", [n, hidden], i)
            for key, shape in (("gate", [n, ffn, hidden]), ("up", [n, ffn, hidden]),
                               ("down", [n, hidden, ffn])):
                w[f"{key}.w"] = self.matrix(f"{key}_exps", shape, i)
        else:
            w["gate.w"] = self.matrix("gate", [c["ffn"], hidden], i)
            w["up.w"] = self.matrix("up", [c["ffn"], hidden], i)
            w["down.w"] = self.matrix("down", [hidden, c["ffn"]], i)
        return w

    # ---- how its file says all this

    def config(self):
        c = self.c
        types = {"qwen3moe": "qwen3_moe", "gemma3": "gemma3_text"}
        d = {"model_type": c.get("model_type", types.get(c["arch"], c["arch"])),
             "num_hidden_layers": c["layers"],
             "hidden_size": c["hidden"], "num_attention_heads": c["heads"],
             "num_key_value_heads": c["kv_heads"], "head_dim": c["head_dim"],
             "intermediate_size": c["ffn"], "vocab_size": VOCAB, "max_position_embeddings": 512,
             "rms_norm_eps": c["eps"], "rope_theta": c["rope_base"],
             "tie_word_embeddings": bool(c.get("tied"))}
        if c.get("gelu"):
            d["hidden_activation"] = "gelu_pytorch_tanh"
        else:
            d["hidden_act"] = "silu"
        if c.get("scaling"):
            d["rope_scaling"] = c["scaling"]
        if c.get("o_bias"):
            d["attention_bias"] = True
        for key, name in (("window", "sliding_window"), ("pattern", "sliding_window_pattern"),
                          ("local_base", "rope_local_base_freq"),
                          ("query", "query_pre_attn_scalar"),
                          ("cap", "final_logit_softcapping"),
                          ("attn_cap", "attn_logit_softcapping")):
            if key in c:
                d[name] = c[key]
        return json.dumps(d)

    def meta(self):
        c, a = self.c, self.c["arch"]
        rows = [("general.architecture", "STR", 0, a), (f"{a}.block_count", "U32", c["layers"]),
                (f"{a}.context_length", "U32", 512), (f"{a}.embedding_length", "U32", c["hidden"]),
                (f"{a}.attention.head_count", "U32", c["heads"]),
                (f"{a}.attention.head_count_kv", "U32", c["kv_heads"]),
                (f"{a}.attention.key_length", "U32", c["head_dim"]),
                (f"{a}.attention.value_length", "U32", c["head_dim"]),
                (f"{a}.attention.layer_norm_rms_epsilon", "F32", c["eps"]),
                (f"{a}.rope.freq_base", "F32", c["rope_base"]),
                (f"{a}.feed_forward_length", "U32", c["ffn"])]
        if c.get("experts"):
            rows += [(f"{a}.expert_count", "U32", c["experts"]),
                     (f"{a}.expert_used_count", "U32", c["used"]),
                     (f"{a}.expert_feed_forward_length", "U32", c["expert_ffn"])]
        for key, name, kind in (("window", "attention.sliding_window", "U32"),
                                ("pattern", "attention.sliding_window_pattern", "U32"),
                                ("local_base", "rope.freq_base_swa", "F32"),
                                ("cap", "final_logit_softcapping", "F32")):
            if key in c:
                rows.append((f"{a}.{name}", kind, c[key]))
        s = c.get("scaling", {})
        if s:
            rows += [(f"{a}.rope.scaling.type", "STR", 0, s["rope_type"]),
                     (f"{a}.rope.scaling.factor", "F32", s["factor"])]
        if s.get("rope_type") == "yarn":
            rows.append((f"{a}.rope.scaling.original_context_length", "U32",
                         s["original_max_position_embeddings"]))
        return rows


def dims(arch, **more):
    c = {"arch": arch, "layers": 2, "hidden": 64, "heads": 4, "kv_heads": 2, "head_dim": 16,
         "ffn": 96, "eps": 1e-5, "rope_base": 10000.0}
    c.update(more)
    return c


QWEN3 = {"qk_norm": True, "head_dim": 32, "eps": 1e-6, "rope_base": 1e6}
GEMMA = {"qk_norm": True, "post_norms": True, "gelu": True, "tied": True, "layers": 4,
         "window": 5, "pattern": 3, "local_base": 100.0, "rope_base": 1e6, "eps": 1e-6,
         "head_dim": 32, "embedding_scale": 8.0, "scaling": {"rope_type": "linear", "factor": 8.0}}
LLAMA3 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
          "original_max_position_embeddings": 64}
YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64}
TOYS = [
    Toy("llama.gguf", False, dims("llama", factors=True)),
    Toy("llama-mixed.gguf", False,
        dims("llama", hidden=256, heads=4, kv_heads=1, head_dim=64, ffn=512, tied=True), "Q4_K",
        {"embedding": "Q6_K", "v": "Q6_K", "down": "Q6_K", "o": "Q4_1"}),
    Toy("qwen2.gguf", False, dims("qwen2", qkv_bias=True, tied=True, scaling=YARN), "BF16"),
    Toy("qwen3.gguf", False, dims("qwen3", **QWEN3), "Q8_0"),
    Toy("qwen3moe.gguf", False, dims("qwen3moe", experts=6, used=3, expert_ffn=32, **QWEN3),
        "Q8_0", {"router": "F32"}),
    Toy("gemma3.gguf", False, dims("gemma3", cap=2.0, **GEMMA)),
    Toy("llama", True, dims("llama", qkv_bias=True, o_bias=True, scaling=LLAMA3)),
    Toy("mistral", True, dims("llama", model_type="mistral", window=4), "BF16"),
    Toy("qwen2", True, dims("qwen2", qkv_bias=True, scaling=YARN)),
    Toy("qwen3", True, dims("qwen3", tied=True, **QWEN3)),
    Toy("gemma3", True, dims("gemma3", query=24, scale=24 ** -0.5, attn_cap=3.0, **GEMMA)),
]


def main():
    print("// SPDX-License-Identifier: MIT\n"
          "/* Written by make_toy_vectors.py (which see), with the packages gguf and numpy. */\n"
          "// clang-format off")
    table = []
    for n, t in enumerate(TOYS):
        logits = t.make()
        print(f"static const struct toy_tensor toy_{n}_tensor[] = {{")
        for x in t.tensors:
            shape = ", ".join(map(str, x["shape"]))
            print(f'    {{"{x["name"]}", SU_{x["dtype"]}, {{{len(x["shape"])}, {{{shape}}}}}, '
                  f'{x["amplitude"]}f, {x["base"]}f}},')
        print("};")
        meta, config = "NULL, 0", "NULL"
        if t.hf:
            text = t.config().replace('"', '\\"')
            config = "\n        " + "\n        ".join(f'"{part}"' for part in pieces(text))
        else:
            print(f"static const struct toy_meta toy_{n}_meta[] = {{")
            for row in t.meta():
                text = f'"{row[3]}"' if len(row) > 3 else "NULL"
                print(f'    {{"{row[0]}", SU_META_{row[1]}, {float(row[2])!r}, {text}}},')
            print("};")
            meta = f"toy_{n}_meta, SU_ARRAY_LEN(toy_{n}_meta)"
        table.append(f'    /* rounding changes logits by {t.change:.5f} */\n'
                     f'    {{"{t.name}", {config}, {meta},\n     toy_{n}_tensor, '
                     f'SU_ARRAY_LEN(toy_{n}_tensor), {{\n' + ",\n".join(
                         "      {" + wrapped(row) + "}" for row in logits) + "}},")
    print(f"const uint32_t toy_token[TOY_TOKENS] = {{{', '.join(map(str, TOKENS))}}};")
    print(f"const uint32_t toy_row[TOY_ROWS] = {{{', '.join(map(str, ROWS))}}};")
    print("static const struct toy toys[] = {\n" + "\n".join(table) + "\n};")


def pieces(text, width=80):
    """Parts of an escaped C string, none of which ends inside an escape."""
    while text:
        n = width
        if len(text) > n and text[n - 1] == "\\":
            n -= 1
        yield text[:n]
        text = text[n:]


def wrapped(row):
    text, lines = [f"{x:.5f}f" for x in row], []
    for i in range(0, len(text), 8):
        lines.append(", ".join(text[i:i + 8]))
    return ",\n       ".join(lines)


if __name__ == "__main__":
    main()
