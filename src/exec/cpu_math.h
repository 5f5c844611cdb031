// SPDX-License-Identifier: MIT
/* The canonical functions once more, written without branches so that a compiler turns loops over them into vector code. Every
   rounding is that of the reference (splitup-numerics(7)); the differential tests hold the two together. */
#ifndef SU_CPU_MATH_H
#define SU_CPU_MATH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define CM_SIGN 0x80000000u
#define CM_MAGIC 12582912.0f /* 1.5 * 2^23 */
#define CM_MAGIC_BITS 0x4b400000u

static inline uint32_t cm_bits(float x)
{
    uint32_t b;
    memcpy(&b, &x, sizeof b);
    return b;
}

static inline float cm_float(uint32_t b)
{
    float x;
    memcpy(&x, &b, sizeof x);
    return x;
}

/* cond ? a : b for cond of 0 or 1, as bit operations: a ternary that is used twice becomes a jump before loops are turned into
   vectors. */
static inline uint32_t cm_pick(uint32_t cond, uint32_t a, uint32_t b)
{
    uint32_t mask = 0u - cond;
    return (a & mask) | (b & ~mask);
}

static inline float cm_pick_float(uint32_t cond, float a, float b)
{
    return cm_float(cm_pick(cond, cm_bits(a), cm_bits(b)));
}

static inline uint32_t cm_key(uint32_t u)
{
    return u ^ ((uint32_t)((int32_t)u >> 31) | CM_SIGN);
}

static inline uint32_t cm_fix(uint32_t u)
{
    uint32_t a = u & ~CM_SIGN;
    uint32_t least = a < 0x58800000u ? a : 0x58800000u;
    uint32_t in = a - 0x27800000u <= 0x7f800000u - 0x27800000u; /* neither below fz nor NaN */
    return (least | (u & CM_SIGN)) & (0u - in);
}

static inline uint32_t cm_clamped(uint32_t u)
{
    return (u & ~CM_SIGN) > 0x58800000u;
}

/* cm_recip of a >= 2^-50. */
static inline float cm_recip_positive(float a)
{
    float r = cm_float(0x7ef311c3u - cm_bits(a));
    r = r * (2.0f - a * r);
    r = r * (2.0f - a * r);
    r = r * (2.0f - a * r);
    return r + r * (1.0f - a * r);
}

static inline float cm_recip(float y)
{
    uint32_t u = cm_bits(y), sign = u & CM_SIGN, ab = u & ~CM_SIGN;
    uint32_t tiny = ab < 0x26800000u;
    float r = cm_recip_positive(cm_float(cm_pick(tiny, 0x3f800000u, ab)));
    return cm_float(sign | cm_pick(tiny, 0x58800000u, cm_bits(r)));
}

static inline float cm_rsqrt(float x)
{
    uint32_t u = cm_bits(x);
    uint32_t tiny = cm_key(u) < (0x0f800000u | CM_SIGN);
    u = cm_pick(tiny, 0x3f800000u, u);
    float h = 0.5f * cm_float(u), y = cm_float(0x5f3759dfu - (u >> 1));
    y = y * (1.5f - h * (y * y));
    y = y * (1.5f - h * (y * y));
    y = y * (1.5f - h * (y * y));
    y = y + y * (0.5f - h * (y * y));
    return cm_float(cm_pick(tiny, 0x57800000u, cm_bits(y)));
}

static inline float cm_sqrt(float x)
{
    uint32_t tiny = cm_key(cm_bits(x)) < (0x0f800000u | CM_SIGN);
    float v = cm_pick_float(tiny, 1.0f, x);
    float r = cm_rsqrt(v), s = v * r;
    float e = (v - s * s) * (0.5f * r);
    s = s + e;
    return cm_pick_float(tiny, 0.0f, s);
}

static inline float cm_exp_tail(float r, uint32_t n)
{
    float p = cm_float(0x39506967u) * r;
    p = (p + cm_float(0x3ab743ceu)) * r;
    p = (p + cm_float(0x3c088908u)) * r;
    p = (p + cm_float(0x3d2aa9c1u)) * r;
    p = (p + cm_float(0x3e2aaaaau)) * r;
    p = p + 0.5f;
    p = p * (r * r);
    p = p + r;
    p = p + 1.0f;
    return cm_float(cm_bits(p) + (n << 23));
}

static inline float cm_exp(float x)
{
    uint32_t key = cm_key(cm_bits(x));
    uint32_t low = key < 0x3dffffffu;
    float c = cm_pick_float(low, -32.0f, x);
    c = cm_pick_float(key > 0xc2800000u, 64.0f, c);
    float t = c * cm_float(0x3fb8aa3bu) + CM_MAGIC;
    float k = t - CM_MAGIC;
    float r = (c - k * cm_float(0x3f318000u)) - k * cm_float(0xb95e8083u);
    float y = cm_exp_tail(r, cm_bits(t) - CM_MAGIC_BITS);
    return cm_pick_float(low, 0.0f, y);
}

/* cm_exp of what is not above 0. */
static inline float cm_exp_falling(float x)
{
    uint32_t u = cm_bits(x), low = u > 0xc2000000u;
    float c = cm_pick_float(low, -32.0f, x);
    float t = c * cm_float(0x3fb8aa3bu) + CM_MAGIC;
    float k = t - CM_MAGIC;
    float r = (c - k * cm_float(0x3f318000u)) - k * cm_float(0xb95e8083u);
    float y = cm_exp_tail(r, cm_bits(t) - CM_MAGIC_BITS);
    return cm_pick_float(low, 0.0f, y);
}

static inline float cm_exp2(float x)
{
    uint32_t key = cm_key(cm_bits(x));
    uint32_t low = key < 0x3dc7ffffu;
    float c = cm_pick_float(low, -46.0f, x);
    c = cm_pick_float(key > 0xc2b80000u, 92.0f, c);
    float t = c + CM_MAGIC;
    float r = (c - (t - CM_MAGIC)) * cm_float(0x3f317218u);
    float y = cm_exp_tail(r, cm_bits(t) - CM_MAGIC_BITS);
    return cm_pick_float(low, 0.0f, y);
}

static inline float cm_log2(float x)
{
    uint32_t u = cm_bits(x);
    uint32_t small = cm_key(u) < (0x27800000u | CM_SIGN);
    u = cm_pick(small, 0x3f800000u, u);
    int32_t e = (int32_t)(u - 0x3f3504f3u) >> 23;
    float g = cm_float(u - ((uint32_t)e << 23)) - 1.0f;
    float p = cm_float(0x3d9021bbu) * g;
    p = (p + cm_float(0xbdebd1b8u)) * g;
    p = (p + cm_float(0x3def251au)) * g;
    p = (p + cm_float(0xbdfe5d4fu)) * g;
    p = (p + cm_float(0x3e11e9bfu)) * g;
    p = (p + cm_float(0xbe2aae50u)) * g;
    p = (p + cm_float(0x3e4cceacu)) * g;
    p = (p + cm_float(0xbe7ffffcu)) * g;
    p = p + cm_float(0x3eaaaaaau);
    float z = g * g;
    float y = g * (z * p) - 0.5f * z;
    const float c = cm_float(0x3ee2a8edu);
    float s = ((y * c + g * c) + y) + g;
    s = s + (float)e;
    return cm_pick_float(small, -48.0f, s);
}

static inline float cm_sin(float x)
{
    uint32_t key = cm_key(cm_bits(x));
    float v = cm_pick_float(key < 0x39ffffffu, -8192.0f, x);
    v = cm_pick_float(key > 0xc6000000u, 8192.0f, v);
    float t = v * cm_float(0x3f22f983u) + CM_MAGIC;
    uint32_t q = cm_bits(t) - CM_MAGIC_BITS;
    float k = t - CM_MAGIC;
    float r =
        ((v - k * cm_float(0x3fc90000u)) - k * cm_float(0x39fda000u)) - k * cm_float(0x33a22169u);
    float z = r * r;
    float s = cm_float(0xb94ca1f9u) * z;
    s = (s + cm_float(0x3c08839eu)) * z;
    s = (s + cm_float(0xbe2aaaa3u)) * z;
    s = s * r + r;
    float d = cm_float(0x37ccf5ceu) * z;
    d = (d + cm_float(0xbab6061au)) * z;
    d = (d + cm_float(0x3d2aaaa5u)) * z;
    d = d * z;
    d = (d - 0.5f * z) + 1.0f;
    uint32_t y = cm_pick(q & 1u, cm_bits(d), cm_bits(s));
    return cm_float(y ^ (q & 2u) << 30);
}

static inline float cm_sigmoid(float x)
{
    uint32_t u = cm_bits(x);
    float e = cm_exp_falling(cm_float(u | CM_SIGN));
    float r = cm_recip_positive(1.0f + e);
    float er = e * r;
    return cm_pick_float(u >> 31, er, r);
}

static inline float cm_tanh(float x)
{
    uint32_t u = cm_bits(x), ab = u & ~CM_SIGN;
    float z = x * x;
    float p = cm_float(0xbbbaf0eau) * z;
    p = (p + cm_float(0x3ca9134eu)) * z;
    p = (p + cm_float(0xbd5c1e2du)) * z;
    p = (p + cm_float(0x3e088393u)) * z;
    p = (p + cm_float(0xbeaaaa99u)) * z;
    p = p * x;
    float near = x + p;
    float r = 1.0f - 2.0f * cm_recip(cm_exp(2.0f * cm_float(ab)) + 1.0f);
    float far = cm_float((u & CM_SIGN) | cm_bits(r));
    return cm_pick_float(ab < 0x3f200000u, near, far);
}

static inline float cm_gelu(float x)
{
    uint32_t key = cm_key(cm_bits(x));
    float c = cm_pick_float(key < 0x3e7fffffu, -16.0f, x);
    c = cm_pick_float(key > 0xc1800000u, 16.0f, c);
    float v = (cm_float(0x3d922279u) * (c * c) + cm_float(0x3fcc422au)) * c;
    return x * cm_sigmoid(v);
}

static inline int32_t cm_to_i32(float x)
{
    uint32_t u = cm_bits(x), ab = u & ~CM_SIGN, below = ab < 0x3f800000u;
    ab = cm_pick(ab > 0x4a800000u, 0x4a800000u, ab);
    uint32_t one = cm_pick(below, 0x3f800000u, ab);
    uint32_t n = ((one & 0x7fffffu) | 0x800000u) >> (150u - (one >> 23));
    uint32_t minus = 0u - (u >> 31);
    n = cm_pick(below, 0, n);
    return (int32_t)((n ^ minus) - minus);
}

static inline uint32_t cm_trunc(uint32_t u)
{
    uint32_t ab = u & ~CM_SIGN, below = ab < 0x3f800000u, whole = ab >= 0x4b000000u;
    uint32_t in = cm_pick(below, 0x3f800000u, cm_pick(whole, 0x4affffffu, ab));
    uint32_t cut = u & ~((1u << (150u - (in >> 23))) - 1u);
    return cm_pick(below, 0, cm_pick(whole, u, cut));
}

static inline float cm_from_i32(int32_t v)
{
    return (float)(v >> 16) * 65536.0f + (float)(v & 0xffff);
}

static inline float cm_from_u32(uint32_t v)
{
    return (float)(int32_t)(v >> 16) * 65536.0f + (float)(int32_t)(v & 0xffffu);
}

#endif
