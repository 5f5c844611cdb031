// SPDX-License-Identifier: MIT
/* Kernels of sequence models in C that any compiler turns into vector code of the instruction
   set every processor of a kind has. */
#include "cpu_llm.h"

#include <string.h>

#include "cpu_math.h"

#if defined(__GNUC__)
#pragma GCC diagnostic ignored "-Wpsabi" /* vectors are only handed to functions that are inlined */
#endif

#define ISA plain
#define ISA_TARGET
#define FMA_TARGET ISA_TARGET
#define INLINE inline __attribute__((always_inline))
#define ALWAYS ISA_TARGET INLINE
#define UNROLL
#define TILE_ROWS 4
#define VEC_LANES 16u

typedef float vec __attribute__((vector_size(64)));
typedef int32_t ivec __attribute__((vector_size(64)));

static ALWAYS ivec bytes_of(const uint8_t *p, int32_t sign)
{
    int32_t x[VEC_LANES];
    ivec v;
    for (uint32_t i = 0; i < VEC_LANES; i++)
        x[i] = (int32_t)(p[i] ^ (uint32_t)sign) - sign;
    memcpy(&v, x, sizeof v);
    return v;
}

/* Any half but infinities and NaN. */
static inline uint32_t half_bits(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000u) << 16, a = h & 0x7fffu;
    float small = (float)(int32_t)(a & 0x3ffu) * 0x1p-24f;
    return sign | cm_pick(a < 0x400u, cm_bits(small), (a << 13) + (112u << 23));
}

static ALWAYS vec halves_of(const uint8_t *p)
{
    uint16_t h[VEC_LANES];
    uint32_t x[VEC_LANES];
    vec v;
    memcpy(h, p, sizeof h);
    for (uint32_t i = 0; i < VEC_LANES; i++)
        x[i] = half_bits(h[i]);
    memcpy(&v, x, sizeof v);
    return v;
}

#define BYTES_U(p) bytes_of(p, 0)
#define BYTES_S(p) bytes_of(p, 128)
#define HALVES(p) halves_of((const uint8_t *)(p))

#define MADD(acc, v, x) ((acc) + (v) * (x))

struct quants {
    int16_t v[CPU_RUN][CPU_GROUP]; /* by element, then by row */
};

#define QUANTS_CENTRE_8 0

static ALWAYS void quants_load(enum su_dtype type, const uint8_t *high, const uint8_t *low,
                               uint32_t part, struct quants *w)
{
    (void)part;
    const bool five = type == SU_Q5_0 || type == SU_Q5_1 || type == SU_Q5_K;
    for (uint32_t v = 0; v < 8; v++) {
        uint32_t x[CPU_GROUP], h[CPU_GROUP] = {0};
        memcpy(x, low + 64 * (type == SU_Q8_0 ? v : v % 4), sizeof x);
        if (five || type == SU_Q6_K)
            memcpy(h, high + (type == SU_Q6_K ? 64 * (v / 4) : 0), sizeof h);
        for (uint32_t j = 0; j < 4; j++)
            for (uint32_t i = 0; i < CPU_GROUP; i++) {
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
                uint32_t b = x[i] >> (24 - 8 * j), up = h[i] >> (24 - 8 * j);
#else
                uint32_t b = x[i] >> 8 * j, up = h[i] >> 8 * j;
#endif
                if (type == SU_Q8_0) {
                    w->v[4 * v + j][i] = (int16_t)((int32_t)((b & 255u) ^ 128u) - 128);
                    continue;
                }
                b = (v < 4 ? b : b >> 4) & 15u;
                if (five)
                    b |= (up >> v & 1u) << 4;
                if (type == SU_Q6_K)
                    b |= (up >> 2 * (v % 4) & 3u) << 4;
                w->v[4 * v + j][i] = (int16_t)b;
            }
    }
}

/* Products are summed in 16 bits as long as the largest quant allows: 15, 31, 63 or 128 times
   127. */
static ALWAYS ivec quants_dot(enum su_dtype type, const struct quants *w, int from, int to,
                              const int8_t *q)
{
    const int most = type == SU_Q8_0 ? 2 : type == SU_Q6_K ? 4 : 8;
    int32_t sum[CPU_GROUP] = {0};
    ivec n;
    for (int k = 4 * from; k < 4 * to; k += most) {
        int16_t part[CPU_GROUP] = {0};
        for (int j = 0; j < most; j++)
            for (uint32_t i = 0; i < CPU_GROUP; i++)
                part[i] = (int16_t)(part[i] + w->v[k + j][i] * q[k + j]);
        for (uint32_t i = 0; i < CPU_GROUP; i++)
            sum[i] += part[i];
    }
    memcpy(&n, sum, sizeof n);
    return n;
}

static ALWAYS void clamped_bytes(ivec v, int8_t *to)
{
    int32_t n[VEC_LANES];
    memcpy(n, &v, sizeof n);
    for (uint32_t i = 0; i < VEC_LANES; i++) {
        int32_t x = n[i] > 127 ? 127 : n[i];
        to[i] = (int8_t)(x < -127 ? -127 : x);
    }
}

static ALWAYS int32_t half_sum(const int8_t *q)
{
    int32_t sum = 0;
    for (uint32_t i = 0; i < CPU_RUN / 2; i++)
        sum += q[i];
    return sum;
}

#include "cpu_quant_body.h"
#include "cpu_seq_body.h"
