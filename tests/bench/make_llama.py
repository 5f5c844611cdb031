#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Write one Llama with random weights for SplitUp, llama.cpp and distributed-llama.

usage: make_llama.py GGUF FOLDER

GGUF is a language model whose tokenizer the new one gets. FOLDER, made if need be, gets even.gguf,
and even.m and even.t, the files of distributed-llama (its converter/writer.py and
tokenizer-writer.py tell the format). All hold the same blocks of Q4_0. The shape is nearly
SmolLM2-135M's, but with numbers of heads and widths that split evenly between 2 and 4 nodes, which
distributed-llama needs: SmolLM2 has 9 heads and 3 of keys and values. Speed does not depend on
values. What is there already is kept: bytes come from a fixed seed.

exit status: 0, or 1 on failure.
"""
import os
import random
import struct
import sys

DIM, HIDDEN, LAYERS, HEADS, KV_HEADS, HEAD_DIM, CTX, THETA = 512, 1536, 34, 8, 4, 64, 2048, 10000
F32, Q4_0 = 0, 2  # types of GGUF
ALIGNMENT = 32
BLOCK = 32  # values of a block of Q4_0: a half-precision scale, then 16 bytes
SCALE = struct.pack("<e", 0.005)  # as wide as weights are in models of this size
SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
STRING, ARRAY = 8, 9


class Reader:
    """The metadata of a GGUF file (ggml's docs/gguf.md), as they stand there."""

    def __init__(self, path):
        with open(path, "rb") as f:
            self.data = f.read(64 << 20)
        magic, version, _, self.count = struct.unpack_from("<4sIQQ", self.data)
        if magic != b"GGUF" or version != 3:
            raise ValueError("%s: not GGUF 3" % path)
        self.at = 24

    def number(self, form):
        self.at += struct.calcsize(form)
        return struct.unpack_from(form, self.data, self.at - struct.calcsize(form))[0]

    def string(self):
        length = self.number("<Q")
        self.at += length
        return self.data[self.at - length:self.at]

    def skip(self, kind):
        """Passes a value; returns the number of elements of an array."""
        if kind == STRING:
            self.string()
        elif kind == ARRAY:
            inner, n = self.number("<I"), self.number("<Q")
            if inner == STRING:
                for _ in range(n):
                    self.string()
            else:
                self.at += n * SIZES[inner]
            return n
        else:
            self.at += SIZES[kind]
        return 1

    def pairs(self):
        """(key, bytes of key, type and value, elements), one after another."""
        for _ in range(self.count):
            start = self.at
            key = self.string().decode()
            n = self.skip(self.number("<I"))
            yield key, self.data[start:self.at], n


def text(s):
    return struct.pack("<Q", len(s)) + s.encode()


def pair(key, kind, form, value):
    return text(key) + struct.pack("<I", kind) + (text(value) if kind == STRING
                                                  else struct.pack(form, value))


def metadata(model):
    """Of the new file: bytes, number of pairs, size of the vocabulary."""
    kept, vocab = [], 0
    for key, raw, n in Reader(model).pairs():
        if key.startswith("tokenizer."):
            kept.append(raw)
        if key == "tokenizer.ggml.tokens":
            vocab = n
    own = [("general.architecture", STRING, "", "llama"), ("general.name", STRING, "", "even"),
           ("general.quantization_version", 4, "<I", 2), ("general.file_type", 4, "<I", 2),
           ("llama.block_count", 4, "<I", LAYERS), ("llama.context_length", 4, "<I", CTX),
           ("llama.embedding_length", 4, "<I", DIM), ("llama.feed_forward_length", 4, "<I", HIDDEN),
           ("llama.attention.head_count", 4, "<I", HEADS),
           ("llama.attention.head_count_kv", 4, "<I", KV_HEADS),
           ("llama.rope.dimension_count", 4, "<I", HEAD_DIM),
           ("llama.rope.freq_base", 6, "<f", float(THETA)),
           ("llama.attention.layer_norm_rms_epsilon", 6, "<f", 1e-5),
           ("llama.vocab_size", 4, "<I", vocab)]
    return b"".join([pair(*p) for p in own] + kept), len(own) + len(kept), vocab


def tensors(vocab):
    """(name, dimensions, bytes), the embedding, which is the head as well, first."""
    source = random.Random(135)

    def blocks(columns, rows):
        bits = source.randbytes(columns * rows // 2)
        return b"".join(SCALE + bits[i:i + 16] for i in range(0, len(bits), 16))

    def ones():
        return struct.pack("<f", 1.0) * DIM

    wide = HEADS * HEAD_DIM
    yield "token_embd.weight", (DIM, vocab), blocks(DIM, vocab)
    for i in range(LAYERS):
        for name, columns, rows in (
                ("attn_q", DIM, wide), ("attn_k", DIM, KV_HEADS * HEAD_DIM),
                ("attn_v", DIM, KV_HEADS * HEAD_DIM), ("attn_output", wide, DIM),
                ("ffn_gate", DIM, HIDDEN), ("ffn_down", HIDDEN, DIM), ("ffn_up", DIM, HIDDEN)):
            yield "blk.%d.%s.weight" % (i, name), (columns, rows), blocks(columns, rows)
        for name in ("attn_norm", "ffn_norm"):
            yield "blk.%d.%s.weight" % (i, name), (DIM,), ones()
    yield "output_norm.weight", (DIM,), ones()


def padded(n):
    return (n + ALIGNMENT - 1) // ALIGNMENT * ALIGNMENT


def write_gguf(out, head, vocab):
    pairs, count, _ = head
    names, at = b"", 0
    for name, dims, data in tensors(vocab):
        names += text(name) + struct.pack("<I%dQIQ" % len(dims), len(dims), *dims,
                                          Q4_0 if len(dims) == 2 else F32, at)
        at = padded(at + len(data))
    n = LAYERS * 9 + 2
    start = struct.pack("<4sIQQ", b"GGUF", 3, n, count) + pairs + names
    out.write(start.ljust(padded(len(start)), b"\0"))
    for _, _, data in tensors(vocab):
        out.write(data.ljust(padded(len(data)), b"\0"))


def floats(blocks):
    """Blocks of Q4_0 as single-precision numbers: the low halves of all 16 bytes, then the high."""
    value = [struct.pack("<f", (i - 8) * struct.unpack("<e", SCALE)[0]) for i in range(16)]
    low, high = [value[i & 15] for i in range(256)], [value[i >> 4] for i in range(256)]
    out = []
    for at in range(0, len(blocks), 18):
        bits = blocks[at + 2:at + 18]
        out.extend(low[b] for b in bits)
        out.extend(high[b] for b in bits)
    return b"".join(out)


def write_dllama(out, _, vocab):
    keys = {0: 0, 1: 0xABCD00, 2: DIM, 3: HIDDEN, 4: LAYERS, 5: HEADS, 6: KV_HEADS, 7: 0, 8: 0,
            9: vocab, 10: CTX, 11: 1, 12: THETA, 13: 2, 19: HEAD_DIM, 20: 5}
    body = b"".join(struct.pack("<ii", *kv) for kv in keys.items())
    out.write(struct.pack("<ii", 0xA00ABCD, 8 + len(body)) + body)
    head = None
    for name, _, data in tensors(vocab):  # already in the order of that format
        if name == "token_embd.weight":
            head = data
            out.write(floats(data))
        else:
            out.write(data)
    out.write(head)


def write_words(out, _, vocab):
    """A tokenizer for which each byte is a token: what counts is how many tokens a prompt has."""
    words = [bytes([max(i, 1)]) for i in range(256)]
    words += [b"\x01%d" % i for i in range(256, vocab)]
    keys = {0: 1, 1: vocab, 2: max(map(len, words)), 3: vocab - 2, 9: 1, 10: 0}
    body = b"".join(struct.pack("<ii", *kv) for kv in keys.items())
    out.write(struct.pack("<ii", 0x567124, 8 + len(body)) + body + struct.pack("<i", vocab - 1))
    for word in words:
        out.write(struct.pack("<fI", 0.0, len(word)) + word)


def make(model, folder):
    """Returns the paths of the three files."""
    os.makedirs(folder, exist_ok=True)
    head = metadata(model)
    paths = []
    for name, write in (("even.gguf", write_gguf), ("even.m", write_dllama),
                        ("even.t", write_words)):
        path = os.path.join(folder, name)
        paths.append(path)
        if os.path.exists(path):
            continue
        part = "%s.%d" % (path, os.getpid())
        try:
            with open(part, "wb") as out:
                write(out, head, head[2])
            os.replace(part, path)
        finally:
            if os.path.exists(part):
                os.unlink(part)
    return paths


def main():
    if len(sys.argv) != 3:
        print(__doc__.strip(), file=sys.stderr)
        return 1
    try:
        print("\n".join(make(*sys.argv[1:])))
    except (OSError, ValueError, struct.error) as e:
        print("make_llama: %s" % e, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
