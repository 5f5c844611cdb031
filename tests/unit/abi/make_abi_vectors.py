#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes abi_vectors.h: layouts, digests and amounts that test_abi.c holds the C code to.

Usage: make_abi_vectors.py [ROOT] > abi_vectors.h

Layouts are laid out here from the fields of src/abi/*.h without any padding; digests are made with
hashlib from the descriptions in src/abi/abi.h, amounts with exact fractions.
"""
import hashlib
import math
import pathlib
import re
import struct
import sys
from fractions import Fraction

ROOT = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parents[3])
SIZES = {"uint8_t": 1, "uint16_t": 2, "uint32_t": 4, "uint64_t": 8}


def sources():
    text = "".join((ROOT / "src/abi" / name).read_text() for name in ("accounts.h", "instructions.h"))
    text = re.sub(r"/\*.*?\*/|//[^\n]*", " ", text, flags=re.S)
    numbers = {n: int(v.rstrip("u"), 0) for n, v in re.findall(r"#define (SU_\w+) (\w+)\s", text)
               if re.fullmatch(r"(0x)?[0-9a-f]+u?", v)}
    return re.sub(r"^\s*#.*$", "", text, flags=re.M), numbers


def fields_of(body, numbers, structs):
    """[(name, offset, bytes)] of a structure's body, packed."""
    out, at, i = [], 0, 0
    while (m := re.compile(r"\s*(struct\s*\{|struct\s+\w+|\w+)").match(body, i)):
        kind, i = m.group(1), m.end()
        if kind.endswith("{"):
            depth, start = 1, i
            while depth:
                depth += {"{": 1, "}": -1}.get(body[i], 0)
                i += 1
            inner = fields_of(body[start:i - 1], numbers, structs)
            size = sum(f[2] for f in inner)
        else:
            size = SIZES[kind] if kind in SIZES else structs[kind.split()[1]][0]
        end = body.index(";", i)
        for item in body[i:end].split(","):
            name, *dims = re.findall(r"[^\[\]]+", item.strip())
            count = math.prod(eval(d, {}, numbers) for d in dims)
            out.append((name, at, size * count))
            at += size * count
        i = end + 1
    return out


def layouts():
    text, numbers = sources()
    structs = {}
    for m in re.finditer(r"^struct (su_\w+) \{(.*?)^\};", text, flags=re.M | re.S):
        fields = fields_of(m.group(2), numbers, structs)
        structs[m.group(1)] = (sum(f[2] for f in fields), fields)
    return structs


def sha(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def le(n, size):
    return n.to_bytes(size, "little")


def fill(n, size=32):
    return bytes([n]) * size


def root_of(leaves):
    if len(leaves) == 1:
        return leaves[0]
    k = 1 << (len(leaves) - 1).bit_length() - 1
    return sha(b"\1", root_of(leaves[:k]), root_of(leaves[k:]))


def digests():
    scope = fill(1) + fill(2) + fill(3) + le(0x1122334455667788, 8)
    roots = fill(0x21) + fill(0x22) + fill(0x23)
    beta = fill(0x31, 64)
    row = le(7, 4) + fill(0x41) + fill(0x42) + le(1000, 8) + le(3000, 8) + fill(0x43, 16)
    keys = [fill(0x50 + i) for i in range(8)]
    turn = sorted(range(8), key=lambda i: (sha(b"splitup/turn", fill(0x61), keys[i]), i))
    vote_assign = le(150000, 4) + le(77777, 8) + fill(0x71) + fill(0x72) + le(9, 1) + bytes(7)
    vote_task = bytes([4, 1, 4, 0]) + le(5, 2) + bytes(6) + fill(0x73)
    yield "commit", sha(b"splitup/commit", scope, le(258, 2), le(2, 1), fill(4), fill(5), fill(6),
                        fill(7))
    yield "input_root", sha(b"in", roots)
    yield "output_root", sha(b"out", roots, fill(0x24))
    yield "chain", sha(b"splitup/chain", bytes(32), le(258, 2), le(2, 1), fill(8))
    yield "alpha", sha(b"splitup/draw", scope, fill(9), fill(10))
    yield "alpha_fallback", sha(b"splitup/draw", scope, fill(9))
    yield "row_leaf", sha(b"\0splitup/row", row)
    yield "assign_leaf", sha(b"\0splitup/assign", le(3, 1), roots)
    yield "parent", sha(b"\1", fill(1), fill(2))
    yield "vote_assign", sha(b"splitup/vote-assign", scope, vote_assign)
    yield "vote_task", sha(b"splitup/vote-task", scope, le(258, 2), vote_task)
    for n in range(1, 10):
        yield f"root_{n}", root_of([sha(le(i, 4)) for i in range(n)])
    yield "order", bytes(turn)
    sampled = [int.from_bytes(sha(b"splitup/sample", beta, le(i, 2))[:4], "little") * 10**6
               < 80000 << 32 for i in range(256)]
    yield "sampled", bytes(sum(sampled[8 * i + k] << k for k in range(8)) for i in range(32))
    point = int.from_bytes(sha(b"splitup/validator", beta, le(258, 2), le(3, 4))[:8], "little")
    yield "check_point", le(point % 1000003, 8)


USDC = 10**6
PARAMS = dict(fee_base=5000, fee_unit=100, share=Fraction(12, 10), surcharge=Fraction(125, 100),
              r_min=Fraction(1, 10), margin=2, stake_max=100000 * USDC, stake_base=1000 * USDC,
              per_gib=100 * USDC)


def stake(ppm, share_ppm, fee):
    p, r = Fraction(ppm, 10**6), max(PARAMS["r_min"], Fraction(share_ppm, 10**6))
    return max(10 * fee, math.ceil(PARAMS["margin"] * fee / (p * (1 - r)) - fee))


def economics():
    for ppm, share, fee in [(80000, 0, 1000), (80000, 100000, 1000), (80000, 333333, 10**6),
                            (80000, 500000, 1000), (1000000, 0, 5100), (80000, 900000, 12345),
                            (123456, 234567, 987654321), (1000000, 100000, 1), (80000, 100000, 1)]:
        yield f"STAKE({ppm}, {share}, {fee}, {stake(ppm, share, fee)})"
    for macs, steps, unit in [(1, 1, 100), (10**9, 1, 100), (10**9 + 1, 1, 100), (0, 5, 100),
                              (135 * 10**6, 512, 250), (7 * 10**12, 1 << 24, 3)]:
        units = max(1, math.ceil(Fraction(macs * steps, 10**9)))
        yield f"FEE({macs}u, {steps}, {unit}, {units}u, {PARAMS['fee_base'] + unit * units}u)"
    for ppm, fee in [(80000, 5100), (80000, 1), (1000000, 333), (500000, 10**12), (0, 5)]:
        check = math.ceil(PARAMS["share"] * fee)
        yield (f"SURCHARGE({ppm}, {fee}u, {check}u, "
               f"{math.ceil(PARAMS['surcharge'] * Fraction(ppm, 10**6) * check)}u)")
    for vram in [0, 1, 1 << 30, (1 << 30) + 1, 24 << 30, (80 << 30) - 1]:
        yield f"BASE({vram}u, {PARAMS['stake_base'] + PARAMS['per_gib'] * -(-vram >> 30)}u)"
    for steps, tasks, macs, attempt in [(1, 1, 0, 0), (1, 4, 10**9, 0), (512, 13, 135 * 10**6, 1),
                                        (1 << 24, 128, 10**12, 2), (7, 3, 1234567, 0)]:
        ms = 30000 + steps * (200 * tasks + math.ceil(Fraction(50 * macs, 10**9)))
        yield f"COMMIT({steps}, {tasks}, {macs}u, {attempt}, {-(-(ms << attempt) // 400)}u)"
    for weights, macs, steps in [(0, 0, 1), (10**9, 10**9, 512), (123456789, 987654321, 33)]:
        units = max(1, math.ceil(Fraction(macs * steps, 10**9)))
        ms = 600000 + math.ceil(Fraction(weights * 1000, 10**7)) + math.ceil(Fraction(units * 1000, 10))
        yield f"DISPUTE({weights}u, {macs}u, {steps}, {-(-ms // 400)}u)"


def main():
    print("// SPDX-License-Identifier: MIT")
    print("/* Made by make_abi_vectors.py; do not edit. */")
    print("#ifndef SU_TEST_ABI_VECTORS_H\n#define SU_TEST_ABI_VECTORS_H\n")
    print("/* S(struct, bytes) F(struct, field, offset, bytes) */\n#define LAYOUTS(S, F) \\")
    for name, (size, fields) in layouts().items():
        print(f"    S({name}, {size}) \\")
        for field, at, n in fields:
            print(f"    F({name}, {field}, {at}, {n}) \\")
    print("\n\n#define ECONOMICS \\")
    for line in economics():
        print(f"    {line} \\")
    print()
    for name, value in digests():
        print(f"#define VECTOR_{name.upper()} \\\n    \"{value.hex()}\"")
    print("\n#endif")


if __name__ == "__main__":
    main()
