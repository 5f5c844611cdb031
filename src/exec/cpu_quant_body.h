// SPDX-License-Identifier: MIT
/* Products with block-quantised weights (N4, N5), for one instruction set. cpu_llm_<isa>.c includes
   this after it has defined
     vec, ivec, VEC_LANES              floats and 32-bit integers, a lane per row of a weight
     BYTES_U, BYTES_S, HALVES          VEC_LANES bytes as ivec, halves as vec
     struct quants, quants_load        the 8 vectors of one run of a group (cpu_llm.h)
     quants_dot(type, w, from, to, q)  sums of w . q over vectors [from, to), not yet centred
     QUANTS_CENTRE_8                   by how much quants_load raises Q8_0
     clamped_bytes(v, to)              VEC_LANES integers as bytes within +-127
     half_sum(q)                       the sum of 16 signed bytes
     INLINE, ALWAYS, ISA_TARGET, FMA_TARGET, UNROLL, TILE_ROWS */

/* How far ahead the weights of a tile are asked for, be it of one row of activations or of several
   that share them: into the second cache early enough to cover the way to memory, from there into
   the first shortly before they are needed. The first cache alone has too few lines on their way at
   a time, and asking further ahead gets in the way of the processor's own prefetching, which is
   what counts behind the last cache. */
#define PREFETCH_FAR_BYTES 3072u
#define PREFETCH_NEAR_BYTES 1024u

#define QUANTISED 16u /* runs that are quantised together, for the sake of their reciprocals */

static ALWAYS uint32_t largest(const float *x)
{
    uint32_t most = 0;
    for (uint32_t j = 0; j < CPU_RUN; j++) {
        uint32_t a = cm_bits(x[j]) & ~CM_SIGN;
        most = a > most ? a : most;
    }
    return most;
}

static ALWAYS void quantise_run(const float *x, float inverse, int8_t *q, int32_t *s)
{
    UNROLL for (uint32_t j = 0; j < CPU_RUN; j += VEC_LANES)
    {
        vec t;
        memcpy(&t, x + j, sizeof t);
        t = t * inverse;
        t = t + CM_MAGIC;
        clamped_bytes((ivec)t - (int32_t)CM_MAGIC_BITS, q + j);
    }
    int32_t low = half_sum(q), high = half_sum(q + CPU_RUN / 2);
    s[0] = low + high;
    s[1] = low;
    s[2] = high;
    s[3] = (int32_t)cm_bits((float)(low + high));
}

static ISA_TARGET void quantise(const float *x, uint32_t runs, uint32_t rows, uint32_t i, int8_t *q,
                                float *d, int32_t *s)
{
    uint32_t most[QUANTISED] = {0};
    float scale[QUANTISED], inverse[QUANTISED];
    for (uint32_t r = 0; r < runs; r += QUANTISED) {
        uint32_t n = runs - r < QUANTISED ? runs - r : QUANTISED;
        for (uint32_t k = 0; k < n; k++)
            most[k] = largest(x + (size_t)k * CPU_RUN);
        for (uint32_t k = 0; k < QUANTISED; k++) {
            uint32_t some = most[k] >= 0x27800000u;
            scale[k] = cm_pick_float(some, cm_float(most[k]) * cm_float(0x3c010204u), 0.0f);
            inverse[k] = cm_pick_float(some, cm_recip(scale[k]), 0.0f);
        }
        for (uint32_t k = 0; k < n; k++, x += CPU_RUN) {
            size_t at = (size_t)(r + k) * rows + i;
            d[at] = scale[k];
            quantise_run(x, inverse[k], q + at * CPU_RUN, s + at * 4);
        }
    }
}

#include "cpu_quant_scales.h"

/* *acc gains one run of one row of activations. */
static ALWAYS void add_run(enum su_dtype type, const struct quants *w, const struct run_scales *k,
                           const int8_t *q, float d, const int32_t *s, vec *acc)
{
    vec p;
    if (type == SU_Q6_K) {
        p = two_halves(k, quants_dot(type, w, 0, 4, q) - s[1] * 32,
                       quants_dot(type, w, 4, 8, q) - s[2] * 32);
    } else {
        int32_t centre = type == SU_Q4_0   ? 8
                         : type == SU_Q5_0 ? 16
                         : type == SU_Q8_0 ? QUANTS_CENTRE_8
                                           : 0;
        ivec n = quants_dot(type, w, 0, 8, q);
        if (centre)
            n = n - s[0] * centre;
        p = __builtin_convertvector(n, vec);
    }
    add_sums(type, p, k, d, cm_float((uint32_t)s[3]), acc);
}

static ALWAYS void tile(enum su_dtype type, uint32_t rows, struct cpu_qtile *t, uint32_t part)
{
    const uint32_t high = HIGH_BYTES(type), low = LOW_BYTES(type);
    const uint8_t *p = t->w, *scales = NULL;
    const int8_t *q = t->q;
    const float *d = t->d;
    const int32_t *s = t->s;
    vec total[TILE_ROWS], acc[TILE_ROWS];
    struct run_scales k = {0};
    struct quants w;
    UNROLL for (uint32_t i = 0; i < rows; i++) total[i] = acc[i] = (vec){0};
    for (uint32_t run = 0; run < t->runs; run++) {
        uint32_t r = run % PER_BLOCK(type);
        if (r == 0) {
            block_scales(type, p, part, &k);
            scales = p + HALVES_BYTES(type) + part * VEC_LANES;
            p += HEAD_BYTES(type);
        }
        run_scales(type, scales, r, &k);
        if (part == 0)
            UNROLL for (uint32_t i = 0; i < (high + low + 64) / 64; i++)
            {
                __builtin_prefetch(p + PREFETCH_FAR_BYTES + (size_t)i * 64, 0, 2);
                __builtin_prefetch(p + PREFETCH_NEAR_BYTES + (size_t)i * 64);
            }
        quants_load(type, p, p + high, part, &w);
        p += high + low;
        UNROLL for (uint32_t i = 0; i < rows; i++)
        {
            add_run(type, &w, &k, q, *d++, s, &acc[i]);
            q += CPU_RUN;
            s += 4;
        }
        if ((run + 1) % (CPU_SEGMENT / CPU_RUN) == 0 || run + 1 == t->runs)
            UNROLL for (uint32_t i = 0; i < rows; i++)
            {
                total[i] = total[i] + acc[i];
                acc[i] = (vec){0};
            }
    }
    ivec clamped = {0};
    UNROLL for (uint32_t i = 0; i < rows; i++)
        store_fixed(total[i], t->y[i] + part * VEC_LANES, &clamped);
    t->saturations += count_lanes(clamped);
}

#define TILE(TYPE, ROWS)                                                                           \
    static ISA_TARGET void tile_##TYPE##_##ROWS(struct cpu_qtile *t)                               \
    {                                                                                              \
        for (uint32_t part = 0; part < CPU_GROUP / VEC_LANES; part++)                              \
            tile(SU_##TYPE, ROWS, t, part);                                                        \
    }
#if TILE_ROWS == 8
#define TILES(TYPE)                                                                                \
    TILE(TYPE, 1)                                                                                  \
    TILE(TYPE, 2)                                                                                  \
    TILE(TYPE, 3)                                                                                  \
    TILE(TYPE, 4) TILE(TYPE, 5) TILE(TYPE, 6) TILE(TYPE, 7) TILE(TYPE, 8)
#define TILE_NAMES(TYPE)                                                                           \
    [SU_##TYPE] = {tile_##TYPE##_1, tile_##TYPE##_2, tile_##TYPE##_3, tile_##TYPE##_4,             \
                   tile_##TYPE##_5, tile_##TYPE##_6, tile_##TYPE##_7, tile_##TYPE##_8}
#else
#define TILES(TYPE) TILE(TYPE, 1) TILE(TYPE, 2) TILE(TYPE, 3) TILE(TYPE, 4)
#define TILE_NAMES(TYPE)                                                                           \
    [SU_##TYPE] = {tile_##TYPE##_1, tile_##TYPE##_2, tile_##TYPE##_3, tile_##TYPE##_4}
#endif
TILES(Q4_0)
TILES(Q4_1)
TILES(Q5_0)
TILES(Q5_1)
TILES(Q8_0)
TILES(Q4_K)
TILES(Q5_K)
TILES(Q6_K)

static void dot(enum su_dtype type, struct cpu_qtile *t)
{
    static void (*const tiles[SU_DTYPE_COUNT][TILE_ROWS])(struct cpu_qtile *) = {
        TILE_NAMES(Q4_0), TILE_NAMES(Q4_1), TILE_NAMES(Q5_0), TILE_NAMES(Q5_1),
        TILE_NAMES(Q8_0), TILE_NAMES(Q4_K), TILE_NAMES(Q5_K), TILE_NAMES(Q6_K),
    };
    tiles[type][t->rows - 1](t);
}
