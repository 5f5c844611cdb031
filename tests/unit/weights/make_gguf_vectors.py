#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes gguf_vectors.h: what PyPI's gguf package reads from and decodes out of GGUF data.

usage: make_gguf_vectors.py [SMOLLM2.gguf] > gguf_vectors.h

Needs the packages gguf (the version in use is written into the header) and numpy, say in an
environment made with python3 -m venv; the tests do not run it, they hold this project's reader and
decoder to its output. The file is what tests/data/fetch_smollm2.py fetches and prints, and the
default.

Blocks are made by a generator that test_blocks.c repeats, so that only digests are stored: of the
blocks, so that a difference between the generators is told from one between the decoders, and of
their decoded floats as little-endian words.
"""

import hashlib
import os
import subprocess
import sys
from importlib.metadata import version

import gguf
import numpy as np

BLOCKS = 10000

# Name here, places of the halves in a block (scale first).
TYPES = (("Q4_0", (0,)), ("Q4_1", (0, 2)), ("Q5_0", (0,)), ("Q5_1", (0, 2)), ("Q8_0", (0,)),
         ("Q4_K", (0, 2)), ("Q5_K", (0, 2)), ("Q6_K", (208,)))

# Halves that stand in for the random one, by kind; kinds 0 to 7 keep it (made finite), 8 makes it
# subnormal: zeros, the largest, subnormals at either end, the smallest normal.
EXTREME = {9: 0x0000, 10: 0x8000, 11: 0x7bff, 12: 0xfbff, 13: 0x0001, 14: 0x83ff, 15: 0x0400}


def splitmix64(seed, n):
    """n words of SplitMix64 from the state `seed` on."""
    with np.errstate(over="ignore"):
        z = np.uint64(seed) + np.arange(1, n + 1, dtype=np.uint64) * np.uint64(0x9e3779b97f4a7c15)
        z = (z ^ z >> np.uint64(30)) * np.uint64(0xbf58476d1ce4e5b9)
        z = (z ^ z >> np.uint64(27)) * np.uint64(0x94d049bb133111eb)
        return z ^ z >> np.uint64(31)


def blocks(seed, size, halves):
    """BLOCKS blocks of `size` bytes: random, all zeros or all ones, then halves of every kind."""
    raw = splitmix64(seed, (BLOCKS * size + 7) // 8).astype("<u8").tobytes()[:BLOCKS * size]
    out = np.frombuffer(raw, dtype=np.uint8).reshape(BLOCKS, size).copy()
    random = out.copy()
    fill = np.arange(BLOCKS) // 16 % 4
    out[fill == 1] = 0x00
    out[fill == 2] = 0xff
    for i in range(BLOCKS):
        for n, at in enumerate(halves):
            kind = (i + n * (i // 16)) % 16
            half = int(random[i, at]) | int(random[i, at + 1]) << 8
            if half & 0x7c00 == 0x7c00:
                half &= 0xbfff
            if kind == 8:
                half &= 0x83ff
            half = EXTREME.get(kind, half)
            out[i, at], out[i, at + 1] = half & 255, half >> 8
    return out


def sha256(array, kind=None):
    return hashlib.sha256(array.astype(kind).tobytes() if kind else array.tobytes()).hexdigest()


def decoded(data, name):
    return gguf.quants.dequantize(data, gguf.GGMLQuantizationType[name])


def block_rows():
    for number, (name, halves) in enumerate(TYPES):
        size = gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType[name]][1]
        data = blocks(number + 1, size, halves)
        yield name, BLOCKS, sha256(data), sha256(decoded(data, name), "<f4")
    every = np.arange(65536, dtype="<u2")
    # A NaN's bits depend on who converts it; the tests look at those apart.
    half = np.where((every & 0x7c00 == 0x7c00) & (every & 0x3ff != 0), 0, every).astype("<u2")
    for name, data in (("F16", half), ("BF16", every)):
        data = data.view(np.uint8).reshape(1, -1)
        yield name, 65536, sha256(data), sha256(decoded(data, name), "<f4")


def text(data):
    return '"%s"' % "".join(chr(c) if 32 <= c < 127 and c not in b'"\\?' else "\\%03o" % c
                            for c in bytes(data))


def default_file():
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../data/fetch_smollm2.py")
    folder = subprocess.run([sys.executable, script], check=True, stdout=subprocess.PIPE, text=True)
    return os.path.join(folder.stdout.strip(), "SmolLM2-135M-Instruct.Q4_1.gguf")


def print_file(path):
    reader = gguf.GGUFReader(path)
    tensors = sorted(reader.tensors, key=lambda t: t.name.encode())
    listing, everything = hashlib.sha256(), hashlib.sha256()
    picked = []
    for t in tensors:
        shape = [int(n) for n in reversed(t.shape)]
        listing.update(("%s %s [%s] %d %d\n" % (
            t.name, t.tensor_type.name.lower(), ",".join(map(str, shape)), t.data_offset,
            t.n_bytes)).encode())
        floats = decoded(t.data, t.tensor_type.name).astype("<f4").tobytes()
        everything.update(floats)
        if t.name in ("token_embd.weight", "output_norm.weight", "blk.0.attn_q.weight",
                      "blk.29.ffn_down.weight"):
            picked.append((t.name, hashlib.sha256(floats).hexdigest()))
    # The three fields that the reader itself adds are not in the file.
    fields = {k: f for k, f in reader.fields.items() if not k.startswith("GGUF.")}
    print("#define SMOLLM2_FILE \"%s\"" % os.path.basename(path))
    print("#define SMOLLM2_TENSORS %d" % len(tensors))
    print("#define SMOLLM2_KEYS %d" % len(fields))
    print("/* sha256 of a line \"name type [shape] offset bytes\" per tensor, ascending by name. "
          "*/")
    print("#define SMOLLM2_LISTING \"%s\"" % listing.hexdigest())
    print("/* sha256 of all tensors decoded, ascending by name. */")
    print("#define SMOLLM2_DECODED \"%s\"\n" % everything.hexdigest())
    print("/* sha256 of one tensor decoded. */")
    print("static const struct {\n    const char *name, *sha256;\n} smollm2_tensors[] = {")
    for name, digest in picked:
        print("    {\"%s\",\n     \"%s\"}," % (name, digest))
    print("};\n")
    print("/* sha256 of an array of texts: per text its length as u64, little-endian, and its "
          "bytes. */")
    print("static const struct {\n    const char *key;\n    uint64_t n;\n    const char *first, "
          "*last, *sha256;\n} smollm2_texts[] = {")
    for key in ("general.languages", "tokenizer.ggml.merges", "tokenizer.ggml.tokens"):
        items = [fields[key].parts[i] for i in fields[key].data]
        digest = hashlib.sha256()
        for item in items:
            digest.update(len(item).to_bytes(8, "little") + item.tobytes())
        print("    {\"%s\", %d, %s, %s,\n     \"%s\"}," % (
            key, len(items), text(items[0]), text(items[-1]), digest.hexdigest()))
    print("};\n")
    types = [int(fields["tokenizer.ggml.token_type"].parts[i][0])
             for i in fields["tokenizer.ggml.token_type"].data]
    print("/* Sum of (index + 1) * value over tokenizer.ggml.token_type. */")
    print("#define SMOLLM2_TYPE_SUM %du" % sum((i + 1) * t for i, t in enumerate(types)))


def main():
    print("// SPDX-License-Identifier: MIT")
    print("// Written by make_gguf_vectors.py with gguf %s and numpy %s; do not edit." %
          (version("gguf"), version("numpy")))
    print("// clang-format off")
    print("#ifndef SU_TEST_WEIGHTS_GGUF_VECTORS_H\n#define SU_TEST_WEIGHTS_GGUF_VECTORS_H\n")
    print("#include <stdint.h>\n")
    print("static const struct {\n    const char *type;\n    uint32_t n;\n    const char *input, "
          "*output;\n} block_vectors[] = {")
    for name, n, given, out in block_rows():
        print("    {\"%s\", %d,\n     \"%s\",\n     \"%s\"}," % (name.lower(), n, given, out))
    print("};\n")
    print_file(sys.argv[1] if len(sys.argv) > 1 else default_file())
    print("\n#endif")


if __name__ == "__main__":
    main()
