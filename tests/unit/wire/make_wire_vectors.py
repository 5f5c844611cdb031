#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes wire_vectors.h, frames that test_frame.c must make and read to the byte, and the fuzz
target's corpus.

Usage: make_wire_vectors.py [ROOT]

Frames are laid out here from the description in src/wire/wire.h alone, signed with ed25519 as in
RFC 8032 section 5.1 over Python's integers. Nothing of the C code is used.
"""
import hashlib
import pathlib
import struct
import sys

ROOT = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parents[3])

# ---- ed25519, affine, slow ----
P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
BASE_Y = 4 * pow(5, P - 2, P) % P


def root_x(y, sign):
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    return P - x if x % 2 != sign else x


def add(a, b):
    t = D * a[0] * b[0] * a[1] * b[1] % P
    return ((a[0] * b[1] + a[1] * b[0]) * pow(1 + t, P - 2, P) % P,
            (a[1] * b[1] + a[0] * b[0]) * pow(1 - t, P - 2, P) % P)


def times(k, p):
    out = (0, 1)
    while k:
        if k & 1:
            out = add(out, p)
        p, k = add(p, p), k >> 1
    return out


BASE = (root_x(BASE_Y, 0), BASE_Y)


def packed(p):
    return (p[1] | (p[0] & 1) << 255).to_bytes(32, "little")


def number(*parts):
    return int.from_bytes(hashlib.sha512(b"".join(parts)).digest(), "little")


class Key:
    def __init__(self, seed):
        h = hashlib.sha512(seed).digest()
        self.scalar = (int.from_bytes(h[:32], "little") & (2**254 - 8)) | 2**254
        self.prefix = h[32:]
        self.public = packed(times(self.scalar, BASE))

    def sign(self, message):
        r = number(self.prefix, message) % L
        point = packed(times(r, BASE))
        s = (r + number(point, self.public, message) * self.scalar) % L
        return point + s.to_bytes(32, "little")


# ---- frames ----
KEY = Key(bytes(range(1, 33)))
PROGRAM, GENESIS, EXECUTION = (bytes([n]) * 32 for n in (0x11, 0x22, 0x33))
SLOT, SEQUENCE, TIME = 77, 1 << 60, 1_795_000_000_123


def sha(data):
    return hashlib.sha256(data).digest()


def head_of(kind, place, body, data, sequence=SEQUENCE):
    head = struct.pack("<4sHBBIIQQ", b"SUWR", 1, kind, place, len(body), len(data), sequence, TIME)
    head += KEY.public + sha(body) + sha(data)
    assert len(head) == 128
    return head


def signed(head):
    return b"splitup/wire/1" + PROGRAM + GENESIS + head


def frame(kind, body, data=b""):
    head = head_of(kind, 0, body, data)
    return head + KEY.sign(signed(head)) + body + data


def joint(n, depth, body, data):
    """The same activation with n numbers, under one signature."""
    heads = [head_of(1, i << 4 | depth, body, data, SEQUENCE + i) for i in range(n)]
    level = [sha(signed(h)) for h in heads] + [bytes(32)] * (2**depth - n)
    paths = [b"" for _ in heads]
    for up in range(depth):
        paths = [p + level[i >> up ^ 1] for i, p in enumerate(paths)]
        level = [sha(b"\1" + level[i] + level[i + 1]) for i in range(0, len(level), 2)]
    signature = KEY.sign(b"splitup/joint/1" + level[0])
    return [h + signature + body + p + data for h, p in zip(heads, paths)]


def ref(task, attempt, port):
    return EXECUTION + struct.pack("<QHBB", SLOT, task, attempt, port)


def activation_parts():
    rows = [bytes((7 * i + j) & 255 for j in range(24)) for i in range(3)]
    leaves = [sha(b"splitup/leaf" + struct.pack("<QQ", 40 + i, 24) + r) for i, r in enumerate(rows)]
    body = ref(5, 1, 2) + struct.pack("<IIBBH6I", 40, 3, 0, 2, 0, 2, 3, 0, 0, 0, 0)
    return body + b"".join(leaves), b"".join(rows)


def activation():
    return frame(1, *activation_parts())


def tree(leaves):
    """RFC 6962 section 2.1, over leaf digests."""
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while 2 * k < len(leaves):
        k *= 2
    return sha(b"\1" + tree(leaves[:k]) + tree(leaves[k:]))


def table():
    rows, leaves, at = [], [], 0
    for i in range(5):
        identity, owner = bytes([0x40 + i]) * 32, bytes([0x50 + i // 2]) * 32
        span = struct.pack("<QQ", at, at + 1000 * i)
        at += 1000 * i
        rows.append(identity + owner + span + bytes([255]) * 16)
        leaves.append(sha(b"\0splitup/row" + struct.pack("<I", i) + rows[-1]))
    leaves += [bytes(32)] * 3
    given = [1, 1, 2, 2, 3, 4]
    groups = [sha(b"\0splitup/assign" + bytes([g]) +
                  b"".join(rows[n][:32] for n in given[4 * g:4 * g + 4])) for g in range(2)]
    body = EXECUTION + struct.pack("<QQII", SLOT, at, 9, 250000) + bytes([0x66]) * 32
    body += tree(leaves) + tree(groups) + struct.pack("<HH6H", 5, 6, *given)
    return frame(3, body, b"".join(rows))


def frames():
    inner = activation()
    text = "no frames of steps 3\N{EN DASH}9".encode()
    yield "activation", inner
    yield "input", frame(2, ref(6, 0, 1) + bytes(4), inner)
    yield "table", table()
    yield "ack", frame(4, ref(5, 1, 2) + sha(b"splitup/wire/1" + PROGRAM + GENESIS + inner[:128]))
    yield "want", frame(5, ref(5, 1, 2) + struct.pack("<IIBBH", 3, 100000, 2, 0, 0))
    yield "heartbeat", frame(6, struct.pack("<QIBBBB", 8 << 30, 1, 2, 1, 2, 0) +
                             b"".join(bytes([n]) * 32 for n in (0x77, 0x88, 0x99)))
    yield "vote", frame(7, EXECUTION + struct.pack("<QIHBB", SLOT, 9, 5, 2, 1) + bytes([0xaa]) * 32)
    yield "cancel", frame(8, EXECUTION + struct.pack("<QBBH", SLOT, 1, 0, 0))
    for i, one in enumerate(joint(3, 2, *activation_parts())):
        yield f"joint_{i}", one
    yield "refusal", frame(9, bytes([0xbb]) * 32 + struct.pack("<HBB", 8, len(text), 0) + text)


def main():
    corpus = ROOT / "tests/fuzz/corpus/wire"
    corpus.mkdir(parents=True, exist_ok=True)
    out = ["// SPDX-License-Identifier: MIT", "/* Made by make_wire_vectors.py; do not edit. */",
           "#ifndef SU_TEST_WIRE_VECTORS_H", "#define SU_TEST_WIRE_VECTORS_H", "",
           "#include <stdint.h>", ""]
    for name, data in frames():
        (corpus / name).write_bytes(data)
        out.append(f"static const uint8_t vector_{name}[{len(data)}] = {{")
        for i in range(0, len(data), 16):
            out.append("    " + " ".join(f"0x{b:02x}," for b in data[i:i + 16]))
        out.append("};")
    (corpus / "evidence").write_bytes(activation()[:-72])
    (corpus / "head").write_bytes(activation()[:192])
    (ROOT / "tests/unit/wire/wire_vectors.h").write_text("\n".join(out + ["", "#endif", ""]))


if __name__ == "__main__":
    main()
