// SPDX-License-Identifier: MIT
/* Floats to blocks; weights.h states the operations. */
#include "weights_priv.h"

#include <math.h>
#include <string.h>

enum { BLOCK = 32 };

#define ABS_BITS 0x7fffffffu
#define INFINITE 0x7f800000u
#define HALF_INFINITE 0x7c00u

/* Nearest half, ties to even; halves below 2^-14 are subnormal. Infinite from 65520 on. */
static uint16_t half_of(float x)
{
    uint32_t u = su_f32_bits(x), sign = u >> 16 & 0x8000u, a = u & ABS_BITS;

    if (a >= 0x477ff000u)
        return (uint16_t)(sign | HALF_INFINITE);
    if (a >= 0x38800000u) {
        a += 0xfffu + (a >> 13 & 1u);
        return (uint16_t)(sign | (a - 0x38000000u) >> 13);
    }
    /* A unit of the result is 2^-24: the mantissa is shifted by 126 - exponent places. */
    uint32_t shift = 126u - (a >> 23), m = (a & 0x7fffffu) | 0x800000u;
    if (shift > 24)
        return (uint16_t)sign;
    uint32_t half = 1u << (shift - 1), rest = m & ((half << 1) - 1), q = m >> shift;
    return (uint16_t)(sign | (q + (rest > half || (rest == half && (q & 1u)))));
}

static bool put_half(uint8_t *out, float x)
{
    uint16_t h = half_of(x);

    su_put_le16(out, h);
    return (h & HALF_INFINITE) != HALF_INFINITE;
}

/* 1 / *d, or 0 and *d = 0 where that is no finite number. */
static float inverse(float *d)
{
    float id = *d != 0.0f ? 1.0f / *d : 0.0f;

    if ((su_f32_bits(id) & ABS_BITS) >= INFINITE)
        id = *d = 0.0f;
    return id;
}

static bool pack_q8_0(const float *x, uint8_t *out)
{
    float most = 0.0f;

    for (unsigned i = 0; i < BLOCK; i++)
        most = fabsf(x[i]) > most ? fabsf(x[i]) : most;
    float d = most / 127.0f, id = inverse(&d);
    for (unsigned i = 0; i < BLOCK; i++) {
        float v = x[i] * id, a = fabsf(v), whole = floorf(a);
        whole = whole + floorf(2.0f * (a - whole));
        out[2 + i] = (uint8_t)(int8_t)(v < 0.0f ? -whole : whole);
    }
    return put_half(out, d);
}

static void put_nibbles(uint8_t *out, const uint8_t *q)
{
    for (unsigned i = 0; i < BLOCK / 2; i++)
        out[i] = (uint8_t)(q[i] | q[i + BLOCK / 2] << 4);
}

static bool pack_q4_0(const float *x, uint8_t *out)
{
    uint8_t q[BLOCK];
    float most = x[0];

    for (unsigned i = 1; i < BLOCK; i++)
        most = fabsf(x[i]) > fabsf(most) ? x[i] : most;
    float d = most / -8.0f, id = inverse(&d);
    for (unsigned i = 0; i < BLOCK; i++) {
        float v = x[i] * id;
        v = v + 8.5f;
        q[i] = (uint8_t)(v < 15.0f ? v : 15.0f);
    }
    put_nibbles(out + 2, q);
    return put_half(out, d);
}

static bool pack_q4_1(const float *x, uint8_t *out)
{
    uint8_t q[BLOCK];
    float least = x[0], most = x[0];

    for (unsigned i = 1; i < BLOCK; i++) {
        least = x[i] < least ? x[i] : least;
        most = x[i] > most ? x[i] : most;
    }
    float d = (most - least) / 15.0f;
    if ((su_f32_bits(d) & ABS_BITS) >= INFINITE)
        return false;
    float id = inverse(&d);
    for (unsigned i = 0; i < BLOCK; i++) {
        float v = (x[i] - least) * id;
        v = v + 0.5f;
        q[i] = (uint8_t)(v < 15.0f ? v : 15.0f);
    }
    put_nibbles(out + 4, q);
    bool scale = put_half(out, d);
    return put_half(out + 2, least) && scale;
}

static bool pack_block(enum su_dtype d, const float *x, uint8_t *out)
{
    switch (d) {
    case SU_Q8_0:
        return pack_q8_0(x, out);
    case SU_Q4_0:
        return pack_q4_0(x, out);
    case SU_Q4_1:
        return pack_q4_1(x, out);
    case SU_F16:
        return put_half(out, x[0]);
    default:
        su_put_le32(out, su_f32_bits(x[0]));
        return true;
    }
}

enum su_code su_weights_pack(enum su_dtype d, const float *x, uint64_t n, uint8_t *out,
                             uint64_t *bad)
{
    uint64_t unused;

    bad = bad ? bad : &unused;
    if (d != SU_Q8_0 && d != SU_Q4_0 && d != SU_Q4_1 && d != SU_F16 && d != SU_F32)
        return SU_EUNSUPPORTED;
    uint32_t elements = su_dtype_block_elements(d), bytes = su_dtype_block_bytes(d);
    SU_ASSERT(n % elements == 0);
    for (*bad = 0; *bad < n; *bad += elements, x += elements, out += bytes) {
        for (uint32_t i = 0; i < elements; i++) {
            if ((su_f32_bits(x[i]) & ABS_BITS) >= INFINITE)
                return SU_EINVAL;
        }
        if (!pack_block(d, x, out))
            return SU_EOVERFLOW;
    }
    return SU_OK;
}
