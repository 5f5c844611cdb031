// SPDX-License-Identifier: MIT
/* Canonical scalar arithmetic. Backends repeat these sequences of operations to the bit, so each function is written as
   single rounded adds, subtractions and multiplications, integer operations, bit casts, int -> float of |i| < 2^24, and
   selects on order keys; nothing else (N2). No multiply-add may be contracted.

   Arguments from su_num_recip down are fixed values (0 or 2^-48 <= |x| <= 2^50) unless a wider domain is stated. Inside
   the domains no denormal number can influence a result: where a product of a correction term may underflow, it is added
   to something at least 2^48 times larger. So a processor that flushes denormals gives the same bits.

   Errors are relative to the true value, in units of 2^-24, measured over the whole domain; tests/unit/graph/test_num.c
   repeats the measurement. Coefficients of exp, log2, sin and tanh are those published in the Cephes library. */
#include "eval_priv.h"

#define SIGN 0x80000000u
#define MAGIC                                                                                      \
    0x4b400000u /* 12582912 = 1.5 * 2^23: adding it rounds |x| <= 2^22 to an integer in the low bits */

uint32_t su_f32_bits(float x)
{
    uint32_t b;
    memcpy(&b, &x, sizeof b);
    return b;
}

float su_f32_from_bits(uint32_t b)
{
    float x;
    memcpy(&x, &b, sizeof x);
    return x;
}

static inline float f(uint32_t bits)
{
    return su_f32_from_bits(bits);
}

static inline uint32_t key_of_bits(uint32_t u)
{
    return u & SIGN ? ~u : u | SIGN;
}

uint32_t su_num_key(float x)
{
    return key_of_bits(su_f32_bits(x));
}

/* |bits| < 2^-48 -> +0. */
float su_num_fz(float x)
{
    return (su_f32_bits(x) & ~SIGN) < 0x27800000u ? 0.0f : x;
}

/* |bits| above infinity (NaN) -> +0; above 2^50 -> sign, 2^50. */
float su_num_sat(float x)
{
    uint32_t u = su_f32_bits(x), a = u & ~SIGN;
    if (a > 0x7f800000u)
        return 0.0f;
    return a > 0x58800000u ? f((u & SIGN) | 0x58800000u) : x;
}

float su_num_fix(float x)
{
    return su_num_fz(su_num_sat(x));
}

/* Exponent 0: float(mantissa) * 2^-24, exact. Exponent 31: all ones. Else the exponent is rebiased by 112. */
float su_num_from_f16(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000u) << 16, e = (h >> 10) & 31u, m = h & 0x3ffu;
    if (e == 0)
        return f(sign | su_f32_bits((float)(int32_t)m * f(0x33800000u)));
    if (e == 31)
        return f(sign | 0x7f800000u | m << 13);
    return f(sign | (e + 112) << 23 | m << 13);
}

float su_num_from_bf16(uint16_t h)
{
    return f((uint32_t)h << 16);
}

/* |y| < 2^-50 -> sign, 2^50. Domain to |y| <= 2^96. With a = |y|:
     r = bits(0x7ef311c3 - bits(a)); three times r = r * (2 - a * r); e = 1 - a * r; r = r + r * e; the sign of y.
   Error 1.67; powers of two are exact. */
float su_num_recip(float y)
{
    uint32_t u = su_f32_bits(y), sign = u & SIGN, ab = u & ~SIGN;
    if (ab < 0x26800000u)
        return f(sign | 0x58800000u);
    float a = f(ab);
    float r = f(0x7ef311c3u - ab);
    for (int i = 0; i < 3; i++) {
        float t = a * r;
        t = 2.0f - t;
        r = r * t;
    }
    float e = a * r;
    e = 1.0f - e;
    e = r * e;
    r = r + e;
    return f(sign | su_f32_bits(r));
}

/* x < 2^-96 -> 2^48. Domain to x <= 2^120. h = 0.5 * x; y = bits(0x5f3759df - bits(x) / 2);
   three times y = y * (1.5 - h * (y * y)); then y = y + y * (0.5 - h * (y * y)). Error 1.99; even powers of
   two are exact. */
float su_num_rsqrt(float x)
{
    uint32_t u = su_f32_bits(x);
    if (key_of_bits(u) < (0x0f800000u | SIGN))
        return f(0x57800000u);
    float h = 0.5f * x;
    float y = f(0x5f3759dfu - (u >> 1));
    for (int i = 0; i < 3; i++) {
        float t = y * y;
        t = h * t;
        t = 1.5f - t;
        y = y * t;
    }
    float e = y * y;
    e = h * e;
    e = 0.5f - e;
    e = y * e;
    return y + e;
}

/* x < 2^-96 -> +0 (its root would be flushed). r = rsqrt(x); s = x * r; s = s + (x - s * s) * (0.5 * r).
   Error 1.50; squares of integers are exact. */
float su_num_sqrt(float x)
{
    if (su_num_key(x) < (0x0f800000u | SIGN))
        return 0.0f;
    float r = su_num_rsqrt(x);
    float s = x * r;
    float e = s * s;
    e = x - e;
    r = 0.5f * r;
    e = e * r;
    return s + e;
}

/* e^r for |r| <= 0.35, times 2^n: Horner in r, then p * (r * r) + r + 1, then n added to the exponent field. */
static float exp_tail(float r, uint32_t n)
{
    float p = f(0x39506967u) * r; /* 1.9875691500e-4 */
    p = p + f(0x3ab743ceu); /* 1.3981999507e-3 */
    p = p * r;
    p = p + f(0x3c088908u); /* 8.3334519073e-3 */
    p = p * r;
    p = p + f(0x3d2aa9c1u); /* 4.1665795894e-2 */
    p = p * r;
    p = p + f(0x3e2aaaaau); /* 1.6666665459e-1 */
    p = p * r;
    p = p + 0.5f; /* 5.0000001201e-1 */
    float z = r * r;
    p = p * z;
    p = p + r;
    p = p + 1.0f;
    return f(su_f32_bits(p) + (n << 23));
}

/* x < -32 -> +0; x = min(x, 64). t = x * log2(e) + MAGIC; n = bits(t) - bits(MAGIC); k = t - MAGIC;
   r = (x - k * 0.693359375) - k * -2.12194440e-4; tail. Error 1.34. */
float su_num_exp(float x)
{
    uint32_t key = su_num_key(x);
    if (key < 0x3dffffffu) /* key(-32) */
        return 0.0f;
    if (key > 0xc2800000u) /* key(64) */
        x = 64.0f;
    float t = x * f(0x3fb8aa3bu); /* 1.44269504 */
    t = t + f(MAGIC);
    uint32_t n = su_f32_bits(t) - MAGIC;
    float k = t - f(MAGIC);
    float c = k * f(0x3f318000u); /* 0.693359375 */
    float r = x - c;
    c = k * f(0xb95e8083u); /* -2.12194440e-4 */
    r = r - c;
    return exp_tail(r, n);
}

/* x < -46 -> +0; x = min(x, 92). t = x + MAGIC; n = bits(t) - bits(MAGIC); r = (x - (t - MAGIC)) * ln 2; tail.
   Error 1.38; whole x are exact. */
float su_num_exp2(float x)
{
    uint32_t key = su_num_key(x);
    if (key < 0x3dc7ffffu) /* key(-46) */
        return 0.0f;
    if (key > 0xc2b80000u) /* key(92) */
        x = 92.0f;
    float t = x + f(MAGIC);
    uint32_t n = su_f32_bits(t) - MAGIC;
    float k = t - f(MAGIC);
    float r = x - k;
    r = r * f(0x3f317218u); /* 0.693147181 */
    return exp_tail(r, n);
}

/* x < 2^-48 -> -48. e = (bits - 0x3f3504f3) >> 23 arithmetic, m = bits - (e << 23) in [sqrt(1/2), sqrt(2)), g = m - 1.
   z = g * g; y = g * (z * P(g)) - 0.5 * z, so that ln m = g + y; with c = log2(e) - 1:
   result = ((((y * c) + g * c) + y) + g) + float(e). Error 2.07; powers of two are exact. */
float su_num_log2(float x)
{
    uint32_t u = su_f32_bits(x);
    if (key_of_bits(u) < (0x27800000u | SIGN))
        return -48.0f;
    int32_t e = (int32_t)(u - 0x3f3504f3u) >> 23;
    float g = f(u - ((uint32_t)e << 23)) - 1.0f;
    float p = f(0x3d9021bbu) * g; /* 7.0376836292e-2 */
    p = p + f(0xbdebd1b8u); /* -1.1514610310e-1 */
    p = p * g;
    p = p + f(0x3def251au); /* 1.1676998740e-1 */
    p = p * g;
    p = p + f(0xbdfe5d4fu); /* -1.2420140846e-1 */
    p = p * g;
    p = p + f(0x3e11e9bfu); /* 1.4249322787e-1 */
    p = p * g;
    p = p + f(0xbe2aae50u); /* -1.6668057665e-1 */
    p = p * g;
    p = p + f(0x3e4cceacu); /* 2.0000714765e-1 */
    p = p * g;
    p = p + f(0xbe7ffffcu); /* -2.4999993993e-1 */
    p = p * g;
    p = p + f(0x3eaaaaaau); /* 3.3333331174e-1 */
    float z = g * g;
    float y = z * p;
    y = g * y;
    float hz = 0.5f * z;
    y = y - hz;
    const float c = f(0x3ee2a8edu); /* 0.442695041 */
    float s = y * c;
    float t = g * c;
    s = s + t;
    s = s + y;
    s = s + g;
    return s + (float)e;
}

/* x = clamp(x, -2^13, 2^13). t = x * (2 / pi) + MAGIC; q = bits(t) - bits(MAGIC); k = t - MAGIC;
   r = ((x - k * 1.5703125) - k * 4.837512969970703125e-4) - k * 7.54978995489e-8; z = r * r;
   S = ((s0 * z + s1) * z + s2) * z * r + r; C = ((c0 * z + c1) * z + c2) * z * z - 0.5 * z + 1;
   q odd: C, else S; q & 2: the sign flipped. Absolute error 1.30, relative 1.82 for |x| <= 3.1. */
float su_num_sin(float x)
{
    uint32_t key = su_num_key(x);
    if (key < 0x39ffffffu) /* key(-8192) */
        x = -8192.0f;
    if (key > 0xc6000000u) /* key(8192) */
        x = 8192.0f;
    float t = x * f(0x3f22f983u); /* 0.636619772 */
    t = t + f(MAGIC);
    uint32_t q = su_f32_bits(t) - MAGIC;
    float k = t - f(MAGIC);
    float c = k * f(0x3fc90000u);
    float r = x - c;
    c = k * f(0x39fda000u);
    r = r - c;
    c = k * f(0x33a22169u);
    r = r - c;
    float z = r * r;
    float s = f(0xb94ca1f9u) * z; /* -1.9515295891e-4 */
    s = s + f(0x3c08839eu); /* 8.3321608736e-3 */
    s = s * z;
    s = s + f(0xbe2aaaa3u); /* -1.6666654611e-1 */
    s = s * z;
    s = s * r;
    s = s + r;
    float d = f(0x37ccf5ceu) * z; /* 2.443315711809948e-5 */
    d = d + f(0xbab6061au); /* -1.388731625493765e-3 */
    d = d * z;
    d = d + f(0x3d2aaaa5u); /* 4.166664568298827e-2 */
    d = d * z;
    d = d * z;
    float hz = 0.5f * z;
    d = d - hz;
    d = d + 1.0f;
    uint32_t y = su_f32_bits(q & 1u ? d : s);
    return f(y ^ (q & 2u) << 30);
}

/* e = exp(-|x|); r = recip(1 + e); x >= 0: r, else e * r. Error 3.8. */
float su_num_sigmoid(float x)
{
    uint32_t u = su_f32_bits(x);
    float e = su_num_exp(f(u | SIGN));
    float r = su_num_recip(1.0f + e);
    return u & SIGN ? e * r : r;
}

/* With a = |x|. a < 0.625: z = x * x; x + x * (z * P(z)). Else 1 - 2 * recip(exp(2 * a) + 1) with the sign of x.
   Error 2.75. */
float su_num_tanh(float x)
{
    uint32_t u = su_f32_bits(x), ab = u & ~SIGN;
    if (ab < 0x3f200000u) {
        float z = x * x;
        float p = f(0xbbbaf0eau) * z; /* -5.70498872745e-3 */
        p = p + f(0x3ca9134eu); /* 2.06390887954e-2 */
        p = p * z;
        p = p + f(0xbd5c1e2du); /* -5.37397155531e-2 */
        p = p * z;
        p = p + f(0x3e088393u); /* 1.33314422036e-1 */
        p = p * z;
        p = p + f(0xbeaaaa99u); /* -3.33332819422e-1 */
        p = p * z;
        p = p * x;
        return x + p;
    }
    float e = su_num_exp(2.0f * f(ab));
    e = e + 1.0f;
    float r = su_num_recip(e);
    r = 2.0f * r;
    r = 1.0f - r;
    return f((u & SIGN) | su_f32_bits(r));
}

/* x * sigmoid(x). Error 4.6. */
float su_num_silu(float x)
{
    return x * su_num_sigmoid(x);
}

/* 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) = x sigmoid(2 sqrt(2/pi) (x + 0.044715 x^3)). c = clamp(x, -16, 16);
   v = ((0.0713548163 * (c * c)) + 1.59576912) * c; result = x * sigmoid(v). Error, absolute, 9 for |x| <= 4,
   relative 3 above 4. */
float su_num_gelu(float x)
{
    uint32_t key = su_num_key(x);
    float c = x;
    if (key < 0x3e7fffffu) /* key(-16) */
        c = -16.0f;
    if (key > 0xc1800000u) /* key(16) */
        c = 16.0f;
    float v = c * c;
    v = f(0x3d922279u) * v;
    v = v + f(0x3fcc422au);
    v = v * c;
    return x * su_num_sigmoid(v);
}

/* |x| < 1 -> 0; the exponent field e picks how many of the 24 mantissa bits are whole. */
int32_t su_num_to_i32(float x)
{
    uint32_t u = su_f32_bits(x), ab = u & ~SIGN;
    if (ab < 0x3f800000u)
        return 0;
    if (ab > 0x4a800000u)
        ab = 0x4a800000u; /* 2^22 */
    int32_t n = (int32_t)(((ab & 0x7fffffu) | 0x800000u) >> (150u - (ab >> 23)));
    return u & SIGN ? -n : n;
}

/* Clears the fraction bits; |x| < 1 -> +0, |x| >= 2^23 -> x. */
float su_num_trunc(float x)
{
    uint32_t u = su_f32_bits(x), ab = u & ~SIGN;
    if (ab < 0x3f800000u)
        return 0.0f;
    if (ab >= 0x4b000000u)
        return x;
    return f(u & ~((1u << (150u - (ab >> 23))) - 1u));
}

float su_num_from_i32(int32_t v)
{
    float hi = (float)(v >> 16) * 65536.0f;
    return hi + (float)(v & 0xffff);
}

float su_num_from_u32(uint32_t v)
{
    float hi = (float)(int32_t)(v >> 16) * 65536.0f;
    return hi + (float)(int32_t)(v & 0xffffu);
}

float su_num_tree(float lane[SU_LANES])
{
    for (uint32_t half = SU_LANES / 2; half > 0; half /= 2)
        for (uint32_t l = 0; l < half; l++)
            lane[l] = lane[l] + lane[l + half];
    return lane[0];
}

/* The bit pattern of a half. Exponents 113 .. 142 are those of normal halves; the 13 bits cut off round to even. */
uint16_t su_num_to_f16(float x)
{
    uint32_t u = su_f32_bits(x), sign = u >> 16 & 0x8000u, a = u & ~SIGN;
    if (a < 0x38800000u) /* 2^-14 */
        return (uint16_t)sign;
    if (a > 0x477fe000u) /* 65504 */
        a = 0x477fe000u;
    a = a + 0xfffu + (a >> 13 & 1u);
    return (uint16_t)(sign | (a - 0x38000000u) >> 13);
}

/* am = the largest |x|; below 2^-48: all 0. d = am * (1/127), id = recip(d), q = bits(x * id + MAGIC) - bits(MAGIC), clamped. */
float su_num_quantise(const float x[32], int8_t q[32])
{
    uint32_t am = 0;
    for (unsigned i = 0; i < 32; i++) {
        uint32_t a = su_f32_bits(x[i]) & ~SIGN;
        am = a > am ? a : am;
    }
    memset(q, 0, 32);
    if (am < 0x27800000u)
        return 0.0f;
    float d = f(am) * f(0x3c010204u);
    float id = su_num_recip(d);
    for (unsigned i = 0; i < 32; i++) {
        float t = x[i] * id;
        t = t + f(MAGIC);
        int32_t n = (int32_t)(su_f32_bits(t) - MAGIC);
        q[i] = (int8_t)(n > 127 ? 127 : n < -127 ? -127 : n);
    }
    return d;
}

float su_num_sum(const float *x, size_t n)
{
    float lane[SU_LANES] = {0};
    for (size_t i = 0; i < n; i++)
        lane[i % SU_LANES] = lane[i % SU_LANES] + x[i];
    return su_num_tree(lane);
}

float su_num_dot(const float *a, const float *b, size_t n)
{
    float total = 0.0f;
    for (size_t i = 0; i < n;) {
        size_t end = n - i > SU_SEGMENT ? i + SU_SEGMENT : n;
        float acc = 0.0f;
        for (; i < end; i++) {
            float p = a[i] * b[i];
            acc = acc + p;
        }
        total = total + acc;
    }
    return total;
}
