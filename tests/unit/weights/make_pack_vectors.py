#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes pack_vectors.h: what PyPI's gguf package makes of floats when it quantises them.

usage: make_pack_vectors.py > pack_vectors.h

Needs the packages gguf (the version in use is written into the header) and numpy, say in an
environment made with python3 -m venv; the tests do not run it, they hold su_weights_pack to its
output. Floats are made by a generator that test_pack.c repeats, so that only digests are stored.
"""

import hashlib
import sys
from importlib.metadata import version

import gguf
import numpy as np

BLOCKS = 10000


def splitmix64(n):
    """n words of SplitMix64 from the state 1 on."""
    with np.errstate(over="ignore"):
        z = np.uint64(1) + np.arange(1, n + 1, dtype=np.uint64) * np.uint64(0x9e3779b97f4a7c15)
        z = (z ^ z >> np.uint64(30)) * np.uint64(0xbf58476d1ce4e5b9)
        z = (z ^ z >> np.uint64(27)) * np.uint64(0x94d049bb133111eb)
        return z ^ z >> np.uint64(31)


def floats():
    """BLOCKS x 32 floats: by kind of block (its number mod 8) of very different shapes."""
    words = splitmix64(BLOCKS * 32).reshape(BLOCKS, 32)
    u = ((words >> np.uint64(40)).astype(np.int64) - (1 << 23)).astype(np.float32)
    u = u * np.float32(2.0 ** -23)  # [-1, 1)
    block = np.arange(BLOCKS)
    kind = block % 8
    x = u.copy()
    # 1: any power of two for the whole block, down to scales that are subnormal halves or vanish.
    power = np.ldexp(np.float32(1), (block // 8 % 61 - 50).astype(np.int32)).astype(np.float32)
    x[kind == 1] = (u * power[:, None])[kind == 1]
    # 2: one float much larger than the others.
    x[kind == 2, 5] = x[kind == 2, 5] * np.float32(1000)
    # 3: whole numbers, where roundings tie. 4: the same around a middle far from 0.
    whole = np.trunc(u * np.float32(127)).astype(np.float32) + np.float32(0)
    x[kind == 3] = whole[kind == 3]
    x[kind == 4] = whole[kind == 4] * np.float32(0.5) + np.float32(300)
    # 5: all equal. 6: all zeros. 7: largest magnitude with both signs, the first of them counts.
    x[kind == 5] = u[kind == 5, :1]
    x[kind == 6] = 0
    x[kind == 7, 3], x[kind == 7, 9] = np.float32(1.5), np.float32(-1.5)
    return x


def main():
    x = floats()
    x = x + np.float32(0)  # no -0: which of two zeros is the least is up to numpy's order
    print("// SPDX-License-Identifier: MIT")
    print("// Made by make_pack_vectors.py with gguf %s." % version("gguf"))
    print('#include "weights/weights.h"')
    print("")
    print("static const struct {")
    print("    enum su_dtype dtype;")
    print("    const char *sha256; /* of the blocks; F32: of the floats */")
    print("} vectors[] = {")
    for name in ("F32", "Q8_0", "Q4_0", "Q4_1"):
        kind = getattr(gguf.GGMLQuantizationType, name)
        raw = x.astype("<f4") if name == "F32" else gguf.quants.quantize(x, kind)
        print('    {SU_%s, "%s"},' % (name, hashlib.sha256(raw.tobytes()).hexdigest()))
    print("};")
    halves = x.astype("<f2")
    print("static const char halves_sha256[] =")
    print('    "%s";' % hashlib.sha256(halves.tobytes()).hexdigest())
    return 0


if __name__ == "__main__":
    sys.exit(main())
