#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes vectors.h: results of the ops, computed by a second, independent reading of splitup-numerics(7) in numpy.

Usage: make_vectors.py > vectors.h     (needs numpy; not run by the tests, which hold the interpreter to its output)

Inputs are made by a small generator that the C tests repeat (eval_help.c), so only results are stored: the first words and
the sha256 of all of them. numpy rounds each float32 operation once, which is all that the rules need.
"""
import hashlib
import numpy as np

np.seterr(all="ignore")
f32, u32, i32 = np.float32, np.uint32, np.int32


def uniform(seed, n, scale=1.0):
    """n floats in [-2, 2) * scale from a linear congruential generator; scale is a power of two."""
    out = np.empty(n, dtype=np.int64)
    state = seed
    for i in range(n):
        state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
        out[i] = (state >> 8) - (1 << 23)
    return (out.astype(f32) * f32(2.0**-22) * f32(scale)).astype(f32)


def words(seed, n):
    out = np.empty(n, dtype=u32)
    state = seed
    for i in range(n):
        state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
        out[i] = state ^ (state >> 16)
    return out


def bits(x):
    return np.ascontiguousarray(x, dtype=f32).view(u32)


def flt(b):
    return np.ascontiguousarray(b, dtype=u32).view(f32)


def c(b):
    return flt(np.array(b, dtype=u32))[()]


def key(x):
    b = bits(x)
    return np.where(b >> 31 != 0, ~b, b | u32(0x80000000))


def fz(x):
    b = bits(x)
    return flt(np.where((b & u32(0x7FFFFFFF)) < u32(0x27800000), u32(0), b))


def fix(x):
    b = bits(x)
    a = b & u32(0x7FFFFFFF)
    b = np.where(a > 0x58800000, (b & u32(0x80000000)) | u32(0x58800000), b)
    b = np.where(a > 0x7F800000, u32(0), b)
    return fz(flt(b))


M = f32(12582912.0)


def recip(y):
    b = bits(y)
    a = b & u32(0x7FFFFFFF)
    x = flt(a)
    r = flt(u32(0x7EF311C3) - a)
    for _ in range(3):
        r = r * (f32(2) - x * r)
    r = r + r * (f32(1) - x * r)
    r = np.where(a < 0x26800000, u32(0x58800000), bits(r))
    return flt(r | (b & u32(0x80000000)))


def rsqrt(x):
    h = f32(0.5) * x
    y = flt(u32(0x5F3759DF) - (bits(x) >> u32(1)))
    for _ in range(3):
        y = y * (f32(1.5) - h * (y * y))
    y = y + y * (f32(0.5) - h * (y * y))
    return np.where(key(x) < key(f32(2.0**-96)), f32(2.0**48), y).astype(f32)


def sqrt(x):
    r = rsqrt(x)
    s = x * r
    s = s + (x - s * s) * (f32(0.5) * r)
    return np.where(key(x) < key(f32(2.0**-96)), f32(0), s).astype(f32)


def horner(x, first, *rest):
    p = c(first) * x
    for i, b in enumerate(rest):
        if i:
            p = p * x
        p = p + c(b)
    return p


def tail(r, n):
    p = horner(r, 0x39506967, 0x3AB743CE, 0x3C088908, 0x3D2AA9C1, 0x3E2AAAAA, 0x3F000000)
    p = p * (r * r) + r + f32(1)
    return flt(bits(p) + (n << u32(23)))


def magic(t):
    t = t + M
    return bits(t) - u32(0x4B400000), t - M


def below(x, limit):
    return key(x) < key(np.full_like(x, limit))


def clamp(x, lo, hi):
    x = np.where(key(x) < key(f32(lo)), f32(lo), x).astype(f32)
    return np.where(key(x) > key(f32(hi)), f32(hi), x).astype(f32)


def exp(x):
    y = clamp(x, -64, 64)
    n, k = magic(y * c(0x3FB8AA3B))
    r = (y - k * c(0x3F318000)) - k * c(0xB95E8083)
    return np.where(below(x, f32(-32)), f32(0), tail(r, n)).astype(f32)


def exp2(x):
    y = clamp(x, -92, 92)
    n, k = magic(y)
    return np.where(below(x, f32(-46)), f32(0), tail((y - k) * c(0x3F317218), n)).astype(f32)


def log2(x):
    b = bits(x)
    e = (b - u32(0x3F3504F3)).view(i32) >> 23
    g = flt(b - (e.view(u32) << u32(23))) - f32(1)
    p = horner(g, 0x3D9021BB, 0xBDEBD1B8, 0x3DEF251A, 0xBDFE5D4F, 0x3E11E9BF, 0xBE2AAE50, 0x3E4CCEAC,
               0xBE7FFFFC, 0x3EAAAAAA)
    z = g * g
    y = g * (z * p) - f32(0.5) * z
    s = y * c(0x3EE2A8ED) + g * c(0x3EE2A8ED) + y + g + e.astype(f32)
    return np.where(below(x, f32(2.0**-48)), f32(-48), s).astype(f32)


def sin(x):
    x = clamp(x, -8192, 8192)
    q, k = magic(x * c(0x3F22F983))
    r = ((x - k * c(0x3FC90000)) - k * c(0x39FDA000)) - k * c(0x33A22169)
    z = r * r
    s = horner(z, 0xB94CA1F9, 0x3C08839E, 0xBE2AAAA3) * z * r + r
    d = horner(z, 0x37CCF5CE, 0xBAB6061A, 0x3D2AAAA5) * z * z - f32(0.5) * z + f32(1)
    return flt(bits(np.where(q & u32(1), d, s).astype(f32)) ^ ((q & u32(2)) << u32(30)))


def sigmoid(x):
    negative = bits(x) >> u32(31) != 0
    e = exp(flt(bits(x) | u32(0x80000000)))
    r = recip(f32(1) + e)
    return np.where(negative, e * r, r).astype(f32)


def tanh(x):
    a = bits(x) & u32(0x7FFFFFFF)
    z = x * x
    small = x + horner(z, 0xBBBAF0EA, 0x3CA9134E, 0xBD5C1E2D, 0x3E088393, 0xBEAAAA99) * z * x
    big = f32(1) - f32(2) * recip(exp(f32(2) * flt(a)) + f32(1))
    big = flt(bits(big) | (bits(x) & u32(0x80000000)))
    return np.where(a < 0x3F200000, small, big).astype(f32)


def gelu(x):
    y = clamp(x, -16, 16)
    return x * sigmoid((c(0x3D922279) * (y * y) + c(0x3FCC422A)) * y)


def trunc(x):
    return np.trunc(x)


FUNCTIONS = {"recip": recip, "sqrt": sqrt, "rsqrt": rsqrt, "exp": exp, "exp2": exp2, "log2": log2, "sin": sin,
             "silu": lambda x: x * sigmoid(x), "gelu": gelu, "sigmoid": sigmoid, "tanh": tanh, "trunc": trunc}


def lanes(x, start, combine):
    """Rows of the last axis by N6."""
    lane = np.full(x.shape[:-1] + (32,), start, dtype=f32)
    for i in range(x.shape[-1]):
        lane[..., i % 32] = combine(lane[..., i % 32], x[..., i])
    half = 16
    while half:
        lane[..., :half] = combine(lane[..., :half], lane[..., half:2 * half])
        half //= 2
    return lane[..., 0]


def n6(x):
    return lanes(x, 0, lambda a, b: a + b)


def dot(a, b):
    """Last axes by N5, broadcasting the rest."""
    total = None
    n = a.shape[-1]
    for start in range(0, n, 256):
        acc = f32(0)
        for i in range(start, min(n, start + 256)):
            acc = acc + a[..., i] * b[..., i]
        total = f32(0) + acc if total is None else total + acc
    return total


def conv2d(x, w, stride, pad, dilation, groups):
    top, left, bottom, right = pad
    x = np.pad(x, [(0, 0), (top, bottom), (left, right)])
    n, cg, kh, kw = w.shape
    oh = (x.shape[1] - (kh - 1) * dilation[0] - 1) // stride[0] + 1
    ow = (x.shape[2] - (kw - 1) * dilation[1] - 1) // stride[1] + 1
    out = np.empty((n, oh, ow), dtype=f32)
    for o in range(n):
        base = o // (n // groups) * cg
        for i in range(oh):
            for j in range(ow):
                h = i * stride[0] + np.arange(kh) * dilation[0]
                v = j * stride[1] + np.arange(kw) * dilation[1]
                patch = x[base:base + cg][:, h][:, :, v]
                out[o, i, j] = dot(w[o].reshape(-1), patch.reshape(-1))
    return fix(out)


def pool(x, kernel, stride, pad, mode):
    top, left, bottom, right = pad
    p = np.pad(x, [(0, 0), (top, bottom), (left, right)])
    inside = np.pad(np.ones_like(x), [(0, 0), (top, bottom), (left, right)])
    oh = (p.shape[1] - kernel[0]) // stride[0] + 1
    ow = (p.shape[2] - kernel[1]) // stride[1] + 1
    out = np.empty((x.shape[0], oh, ow), dtype=f32)
    for ch in range(x.shape[0]):
        for i in range(oh):
            for j in range(ow):
                at = (ch, slice(i * stride[0], i * stride[0] + kernel[0]),
                      slice(j * stride[1], j * stride[1] + kernel[1]))
                win, ins = p[at].reshape(-1), inside[at].reshape(-1)
                if mode == "max":
                    out[ch, i, j] = win[ins == 1].max()
                else:
                    count = len(win) if mode == "avg_all" else ins.sum()
                    out[ch, i, j] = (n6(win) * recip(np.array([count], dtype=f32)))[0]
    return fix(out)


def softmax(x):
    e = exp(fix(x - x.max(axis=-1, keepdims=True)))
    return fix(e * recip(n6(e))[..., None])


def inverse(d, eps):
    n = np.array([d.shape[-1]], dtype=f32)
    return rsqrt(n6(fz(d * d)) * recip(n) + f32(eps))[..., None]


def layernorm(x, w, b, eps):
    mean = n6(x) * recip(np.array([x.shape[-1]], dtype=f32))
    d = fz(x - mean[..., None])
    y = d * inverse(d, eps)
    if w is not None:
        y = y * w
    if b is not None:
        y = y + b
    return fix(y)


def rmsnorm(x, w, eps, offset):
    y = x * inverse(x, eps)
    return fix(y if w is None else y * (w + f32(offset)))


def cumsum(x):
    out = np.empty_like(x)
    s = np.zeros(x.shape[:-1], dtype=f32)
    for i in range(x.shape[-1]):
        s = fix(s + x[..., i])
        out[..., i] = s
    return out


def cases():
    x = uniform(1, 4096)
    wide = uniform(2, 4096, 16.0)
    for name, fn in FUNCTIONS.items():
        yield name, fix(fn(x))
        yield name + "_wide", fix(fn(wide))
    a, b = uniform(3, 60).reshape(3, 4, 5), uniform(4, 20).reshape(4, 5)
    yield "add", fix(a + b)
    yield "sub", fix(a - b)
    yield "mul", fix(a * b)
    yield "max", np.maximum(a, b)
    yield "min", np.minimum(a, b)
    r = uniform(5, 3 * 70 * 5).reshape(3, 70, 5)
    yield "reduce_sum_1", fix(n6(r.transpose(0, 2, 1)))
    yield "reduce_sum_02", fix(n6(r.transpose(1, 0, 2).reshape(70, 15)))
    yield "reduce_sum_012", fix(n6(r.reshape(1, -1)))
    yield "reduce_max_1", r.max(axis=1)
    yield "reduce_prod_1", lanes(r.transpose(0, 2, 1), 1, lambda p, q: fix(p * q))
    yield "argmax_1", r.argmax(axis=1).astype(i32)
    yield "cumsum_1", cumsum(r.transpose(0, 2, 1)).transpose(0, 2, 1)
    q = np.trunc(uniform(6, 4 * 40, 4.0)).reshape(4, 40)  # many equal values
    order = np.argsort(-q, axis=-1, kind="stable")[:, :11]
    yield "topk_values", np.take_along_axis(q, order, axis=-1)
    yield "topk_indices", order.astype(i32)
    yield "permute", r.transpose(2, 0, 1)
    yield "pad", np.pad(r, [(1, 0), (0, 2), (3, 1)])
    yield "shrink", r[1:3, 10:69, 2:4]
    yield "flip", r[::-1, :, ::-1]
    yield "slice", r[:, 3:66:7, :]
    yield "expand", np.broadcast_to(uniform(7, 12).reshape(3, 1, 4), (3, 6, 4))
    yield "concat", np.concatenate([r, r[:, 5:9], r], axis=1)
    yield "matmul", fix(dot(uniform(8, 3 * 600).reshape(3, 1, 600), uniform(9, 5 * 600).reshape(1, 5, 600)))
    yield "matmul_batch", fix(dot(uniform(10, 2 * 3 * 50).reshape(2, 3, 1, 50),
                                  uniform(11, 2 * 4 * 50).reshape(2, 1, 4, 50)))
    img = uniform(12, 6 * 9 * 11).reshape(6, 9, 11)
    yield "conv2d", conv2d(img, uniform(13, 4 * 6 * 49).reshape(4, 6, 7, 7), (1, 1), (3, 3, 3, 3), (1, 1), 1)
    yield "conv2d_groups", conv2d(img, uniform(14, 6 * 2 * 6).reshape(6, 2, 3, 2), (2, 3), (0, 1, 2, 3), (2, 3), 3)
    yield "maxpool", pool(img, (3, 2), (2, 3), (1, 0, 2, 1), "max")
    yield "avgpool", pool(img, (7, 6), (2, 3), (1, 0, 2, 1), "avg")
    yield "avgpool_all", pool(img, (7, 6), (2, 3), (1, 0, 2, 1), "avg_all")
    line = uniform(15, 3 * 77, 8.0).reshape(3, 77)
    w, bias = uniform(16, 77), uniform(17, 77)
    yield "softmax", softmax(line)
    yield "layernorm", layernorm(line, w, bias, 1e-5)
    yield "layernorm_plain", layernorm(line, None, None, 1e-5)
    yield "rmsnorm", rmsnorm(line, w, 1e-6, 1.0)
    yield "rmsnorm_plain", rmsnorm(line, None, 1e-6, 0.0)
    i, j = words(18, 256).view(i32), words(19, 256).view(i32)
    yield "cast_i32_f32", i.astype(f32)
    yield "cast_u32_f32", i.view(u32).astype(f32)
    big = fix(uniform(20, 256, 2.0**23))
    yield "cast_f32_i32", np.clip(np.trunc(big), -2**22, 2**22).astype(i32)
    yield "cast_f32_u32", np.clip(np.trunc(big), 0, 2**22).astype(u32)
    yield "bitcast_f32", fix(i.view(f32))
    yield "idiv", np.trunc(i.astype(np.float64) / j).astype(np.int64).astype(i32)
    yield "mod", np.fmod(i, j)
    yield "shr_i32", i >> (j & 31)
    yield "shr_u32", i.view(u32) >> (j.view(u32) & u32(31))
    yield "shl", i.view(u32) << (j.view(u32) & u32(31))
    yield "mul_i32", i.view(u32) * j.view(u32)


def main():
    print("// SPDX-License-Identifier: MIT\n// Written by make_vectors.py (numpy); do not edit.")
    print("#ifndef SU_TEST_GRAPH_VECTORS_H\n#define SU_TEST_GRAPH_VECTORS_H\n\n#include <stdint.h>\n")
    print("struct vector {\n    const char *name;\n    uint32_t words, head[4];\n    const char *sha256;\n};\n")
    print("static const struct vector vectors[] = {")
    for name, value in cases():
        raw = np.ascontiguousarray(value)
        assert raw.dtype in (f32, i32, u32), (name, raw.dtype)
        w = raw.view(u32).reshape(-1)
        head = ", ".join(f"0x{v:08x}" for v in w[:4])
        digest = hashlib.sha256(w.astype("<u4").tobytes()).hexdigest()
        print(f'    {{"{name}", {len(w)}, {{{head}}},\n     "{digest}"}},')
    print("};\n\n#endif")


main()
