// SPDX-License-Identifier: MIT
/* Scales of block-quantised weights, and what they make of whole sums (N5). Included after vec,
   ivec, VEC_LANES, BYTES_U, BYTES_S, HALVES and ALWAYS are defined (cpu_quant_body.h). */
#ifndef SU_CPU_QUANT_SCALES_H
#define SU_CPU_QUANT_SCALES_H

#include "cpu_llm.h"
#include "cpu_math.h"

/* The layout (cpu_llm.h) once more, as constants. */
#define K_TYPE(type) ((type) == SU_Q4_K || (type) == SU_Q5_K)
#define OFFSET_TYPE(type) (K_TYPE(type) || (type) == SU_Q4_1 || (type) == SU_Q5_1)
#define PER_BLOCK(type) (K_TYPE(type) || (type) == SU_Q6_K ? 8u : 1u)
#define HALVES_BYTES(type) (OFFSET_TYPE(type) ? CPU_GROUP * 4 : CPU_GROUP * 2)
#define HEAD_BYTES(type)                                                                           \
    (HALVES_BYTES(type) + CPU_GROUP * (K_TYPE(type) ? 12u : (type) == SU_Q6_K ? 16u : 0u))
#define HIGH_BYTES(type)                                                                           \
    ((type) == SU_Q6_K                                             ? 128u                          \
     : (type) == SU_Q5_0 || (type) == SU_Q5_1 || (type) == SU_Q5_K ? 64u                           \
                                                                   : 0u)
#define LOW_BYTES(type) ((type) == SU_Q8_0 ? 512u : 256u)

/* What one run of a group brings besides its quants. */
struct run_scales {
    vec d, e, scale[2], min;
};

/* Scale and minimum of run r of a Q4_K or Q5_K block; s: 12 bytes, each for 16 rows (layout of
   the bytes: graph/blocks.c). */
static ALWAYS void k_scales(const uint8_t *s, uint32_t r, vec *scale, vec *min)
{
    ivec a, b;
    if (r < 4) {
        a = BYTES_U(s + r * CPU_GROUP) & 63;
        b = BYTES_U(s + (r + 4) * CPU_GROUP) & 63;
    } else {
        ivec low = BYTES_U(s + (r + 4) * CPU_GROUP);
        a = (low & 15) | (BYTES_U(s + (r - 4) * CPU_GROUP) >> 6) << 4;
        b = low >> 4 | (BYTES_U(s + r * CPU_GROUP) >> 6) << 4;
    }
    *scale = __builtin_convertvector(a, vec);
    *min = __builtin_convertvector(b, vec);
}

/* Those of a whole block, which begins at p. */
static ALWAYS void block_scales(enum su_dtype type, const uint8_t *p, uint32_t part,
                                struct run_scales *k)
{
    k->d = HALVES(p + part * VEC_LANES * 2);
    if (OFFSET_TYPE(type))
        k->e = HALVES(p + CPU_GROUP * 2 + part * VEC_LANES * 2);
}

/* Those of run r of a block; s: where the bytes of these rows begin. */
static ALWAYS void run_scales(enum su_dtype type, const uint8_t *s, uint32_t r,
                              struct run_scales *k)
{
    if (K_TYPE(type))
        k_scales(s, r, &k->scale[0], &k->min);
    if (type == SU_Q6_K) {
        const uint8_t *two = s + (size_t)2 * r * CPU_GROUP;
        k->scale[0] = __builtin_convertvector(BYTES_S(two), vec);
        k->scale[1] = __builtin_convertvector(BYTES_S(two + CPU_GROUP), vec);
    }
}

/* Sums of the halves of a run of Q6_K, each with its scale: whole numbers below 2^24, exact. */
static ALWAYS vec two_halves(const struct run_scales *k, ivec first, ivec second)
{
    return __builtin_convertvector(first, vec) * k->scale[0] +
           __builtin_convertvector(second, vec) * k->scale[1];
}

/* *acc gains a run whose quants sum to p against those of a row of scale d that sum to `sum`. */
static ALWAYS void add_sums(enum su_dtype type, vec p, const struct run_scales *k, float d,
                            float sum, vec *acc)
{
    vec dd = k->d * d;
    if (K_TYPE(type))
        p = p * k->scale[0]; /* exact */
    p = p * dd;
    *acc = *acc + p;
    if (OFFSET_TYPE(type)) {
        vec ed = k->e * d;
        p = K_TYPE(type) ? (k->min * sum) * ed : ed * sum;
        *acc = *acc + p;
    }
}

/* Results to y, fixed (N3); *clamped falls by one in each lane that was clamped. */
static ALWAYS void store_fixed(vec x, float *y, ivec *clamped)
{
    const int32_t least = 0x27800000, most = 0x58800000, nan = 0x7f800000;
    ivec u = (ivec)x, a = u & 0x7fffffff, over = a > most;
    *clamped = *clamped + over;
    a = (over & most) | (a & ~over);
    u = ((u ^ a) & INT32_MIN) ^ a;
    u = u & (a >= least) & ~(((ivec)x & 0x7fffffff) > nan);
    memcpy(y, &u, sizeof u);
}

static ALWAYS uint32_t count_lanes(ivec clamped)
{
    int32_t n[VEC_LANES], sum = 0;
    memcpy(n, &clamped, sizeof n);
    for (uint32_t l = 0; l < VEC_LANES; l++)
        sum -= n[l];
    return (uint32_t)sum;
}

#endif
