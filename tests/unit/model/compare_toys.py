#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Hold the logits of make_toy_vectors.py to llama.cpp's.

usage: compare_toys.py

Writes the small GGUF models of make_toy_vectors.py as files, runs each by llama.cpp's CPU backend
(libraries and ABI: tests/bench/compare_nll.py), and prints the largest difference of a logit from
the forward pass in double. x86-64 Linux; needs npm, and the packages gguf and numpy. The tests do
not run it: it shows that the forward pass, to which they hold this project, means the same by an
architecture as llama.cpp.

Each runs as it is and with all weights as F32. Beside BF16 weights llama.cpp rounds activations to
BF16, beside blocks to 8 bits, by rules of its own; hence two limits.

exit status: 0 when none differs by more than 0.4 % of the largest logit as F32 and by more than 2 %
as it is, else 1.
"""

import os
import sys
import tempfile

import gguf
import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "../../bench")]
import compare_nll  # noqa: E402
import make_toy_vectors as toys  # noqa: E402

LIMIT_F32 = 0.004
LIMIT = 0.02


def write(toy, path):
    """The model's file, with what llama.cpp wants of a model without tokens."""
    kinds = {"STR": gguf.GGUFValueType.STRING, "U32": gguf.GGUFValueType.UINT32,
             "F32": gguf.GGUFValueType.FLOAT32}
    arch = toy.c["arch"]
    w = gguf.GGUFWriter(path, arch)
    for key, kind, number, *text in toy.meta():
        if key != "general.architecture":
            w.add_key_value(key, text[0] if text else number, kinds[kind])
    w.add_uint32(f"{arch}.vocab_size", toys.VOCAB)
    w.add_uint32(f"{arch}.rope.dimension_count", toy.c["head_dim"])
    w.add_string("tokenizer.ggml.model", "no_vocab")
    for t in toy.tensors:
        kind = getattr(gguf.GGMLQuantizationType, t["dtype"])
        raw = toys.stored(t)
        if t["dtype"] == "BF16":
            raw = raw.view(np.uint8)
        w.add_tensor(t["name"], raw, raw_dtype=None if t["dtype"] == "F32" else kind)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def models():
    """Those of the tests; gemma3 as llama.cpp knows it: a window in five of six layers."""
    gemma = dict(toys.GEMMA, layers=7, pattern=6, local_base=10000.0)
    for toy in toys.TOYS:
        if toy.hf:
            continue
        c = dict(toy.c) if toy.c["arch"] != "gemma3" else toys.dims("gemma3", **gemma)
        if toy.dtype != "F32":
            yield toys.Toy(toy.name, False, dict(c), toy.dtype, toy.types), LIMIT
        yield toys.Toy(f"{toy.name} as f32", False, c), LIMIT_F32


def main():
    good = True
    with tempfile.TemporaryDirectory() as tmp:
        lib = compare_nll.load_llama(tmp)
        for toy, limit in models():
            toy.make()
            path = os.path.join(tmp, toy.name)
            write(toy, path)
            llama = compare_nll.Llama(lib, path, 64)
            llama.vocabulary = toys.VOCAB
            logits = np.array(list(llama.feed(toys.TOKENS, True)))
            worst, most = np.abs(logits - toy.plain).max(), np.abs(toy.plain).max()
            good = good and worst < limit * most
            print(f"{toy.name:26} largest difference {worst:.5f} of {most:.2f}")
    sys.exit(not good)


if __name__ == "__main__":
    main()
