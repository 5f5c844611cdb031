// SPDX-License-Identifier: MIT
/* Products with block-quantised weights (N4, N5), for one instruction set. cpu_llm_<isa>.c includes
   this after it has defined
     vec, ivec, VEC_LANES              floats and 32-bit integers, a lane per row of a weight
     BYTES_U, BYTES_S, HALVES          VEC_LANES bytes as ivec, halves as vec
     struct quants, quants_load        the 8 vectors of one run of a group (cpu_llm.h)
     quants_dot(type, w, from, to, q)  sums of w . q over vectors [from, to), not yet centred
     QUANTS_CENTRE_8                   by how much quants_load raises Q8_0
     INLINE, ALWAYS, ISA_TARGET, FMA_TARGET, UNROLL, TILE_ROWS */

/* How far ahead of a single row of activations its weights are asked for. Less does not cover the
   way to memory; more than 2 to 3 KiB gets in the way of the processor's own prefetching, which is
   what counts behind the last cache. */
#define PREFETCH_BYTES 2048u

static ISA_TARGET void quantise(const float *x, uint32_t runs, uint32_t rows, uint32_t i, int8_t *q,
                                float *d, int32_t *s)
{
    for (uint32_t r = 0; r < runs; r++, x += CPU_RUN) {
        size_t at = (size_t)r * rows + i;
        int8_t *to = q + at * CPU_RUN;
        int32_t n[CPU_RUN], low = 0, high = 0;
        uint32_t most = 0;
        for (uint32_t j = 0; j < CPU_RUN; j++) {
            uint32_t a = cm_bits(x[j]) & ~CM_SIGN;
            most = a > most ? a : most;
        }
        float scale = 0.0f, inverse = 0.0f;
        if (most >= 0x27800000u) {
            scale = cm_float(most) * cm_float(0x3c010204u);
            inverse = cm_recip(scale);
        }
        for (uint32_t j = 0; j < CPU_RUN; j++) {
            float t = x[j] * inverse;
            t = t + CM_MAGIC;
            int32_t v = (int32_t)(cm_bits(t) - CM_MAGIC_BITS);
            v = v > 127 ? 127 : v;
            n[j] = v < -127 ? -127 : v;
        }
        for (uint32_t j = 0; j < CPU_RUN; j++)
            to[j] = (int8_t)n[j];
        for (uint32_t j = 0; j < CPU_RUN / 2; j++) {
            low += n[j];
            high += n[j + CPU_RUN / 2];
        }
        d[at] = scale;
        s[at * 4] = low + high;
        s[at * 4 + 1] = low;
        s[at * 4 + 2] = high;
        s[at * 4 + 3] = (int32_t)cm_bits((float)(low + high));
    }
}

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

/* What one run of a group brings besides its quants. */
struct run_scales {
    vec d, e, scale[2], min;
};

/* *acc gains one run of one row of activations. */
static ALWAYS void add_run(enum su_dtype type, const struct quants *w, const struct run_scales *k,
                           const int8_t *q, float d, const int32_t *s, vec *acc)
{
    vec dd = k->d * d, p;
    if (type == SU_Q6_K) {
        vec a = __builtin_convertvector(quants_dot(type, w, 0, 4, q) - s[1] * 32, vec);
        vec b = __builtin_convertvector(quants_dot(type, w, 4, 8, q) - s[2] * 32, vec);
        p = a * k->scale[0] + b * k->scale[1]; /* whole numbers below 2^24: exact */
    } else {
        int32_t centre = type == SU_Q4_0   ? 8
                         : type == SU_Q5_0 ? 16
                         : type == SU_Q8_0 ? QUANTS_CENTRE_8
                                           : 0;
        ivec n = quants_dot(type, w, 0, 8, q);
        if (centre)
            n = n - s[0] * centre;
        p = __builtin_convertvector(n, vec);
        if (type == SU_Q4_K || type == SU_Q5_K)
            p = p * k->scale[0]; /* exact */
    }
    p = p * dd;
    *acc = *acc + p;
    if (type == SU_Q4_1 || type == SU_Q5_1 || type == SU_Q4_K || type == SU_Q5_K) {
        vec ed = k->e * d;
        float sum = cm_float((uint32_t)s[3]);
        p = type == SU_Q4_1 || type == SU_Q5_1 ? ed * sum : (k->min * sum) * ed;
        *acc = *acc + p;
    }
}

static ALWAYS void tile(enum su_dtype type, uint32_t rows, struct cpu_qtile *t, uint32_t part)
{
    const bool k_type = type == SU_Q4_K || type == SU_Q5_K, super = k_type || type == SU_Q6_K;
    const bool offset = k_type || type == SU_Q4_1 || type == SU_Q5_1;
    const uint32_t per_block = super ? 8 : 1;
    const uint32_t high = type == SU_Q6_K                                         ? 128
                          : type == SU_Q5_0 || type == SU_Q5_1 || type == SU_Q5_K ? 64
                                                                                  : 0;
    const uint32_t low = type == SU_Q8_0 ? 512 : 256;
    const uint8_t *p = t->w, *scales = NULL;
    const int8_t *q = t->q;
    const float *d = t->d;
    const int32_t *s = t->s;
    vec total[CPU_TILE_MAX], acc[CPU_TILE_MAX];
    struct run_scales k = {0};
    struct quants w;
    UNROLL for (uint32_t i = 0; i < rows; i++) total[i] = acc[i] = (vec){0};
    for (uint32_t run = 0; run < t->runs; run++) {
        uint32_t r = run % per_block;
        if (r == 0) {
            k.d = HALVES(p + part * VEC_LANES * 2);
            if (offset)
                k.e = HALVES(p + CPU_GROUP * 2 + part * VEC_LANES * 2);
            p += offset ? CPU_GROUP * 4 : CPU_GROUP * 2;
            scales = p + part * VEC_LANES;
            p += k_type ? 12 * CPU_GROUP : type == SU_Q6_K ? 16 * CPU_GROUP : 0;
        }
        if (k_type)
            k_scales(scales, r, &k.scale[0], &k.min);
        if (type == SU_Q6_K) {
            const uint8_t *two = scales + (size_t)2 * r * CPU_GROUP;
            k.scale[0] = __builtin_convertvector(BYTES_S(two), vec);
            k.scale[1] = __builtin_convertvector(BYTES_S(two + CPU_GROUP), vec);
        }
        if (rows == 1 && part == 0)
            UNROLL for (uint32_t i = 0; i < (high + low + 64) / 64; i++)
                __builtin_prefetch(p + PREFETCH_BYTES + (size_t)i * 64);
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
    for (uint32_t i = 0; i < rows; i++) {
        float *y = t->y[i] + part * VEC_LANES;
        uint32_t u[VEC_LANES], clamped = 0;
        memcpy(u, &total[i], sizeof u);
        for (uint32_t l = 0; l < VEC_LANES; l++) {
            clamped += cm_clamped(u[l]);
            u[l] = cm_fix(u[l]);
        }
        memcpy(y, u, sizeof u);
        t->saturations += clamped;
    }
}

#define TILE(TYPE, ROWS)                                                                           \
    static ISA_TARGET void tile_##TYPE##_##ROWS(struct cpu_qtile *t)                               \
    {                                                                                              \
        for (uint32_t part = 0; part < CPU_GROUP / VEC_LANES; part++)                              \
            tile(SU_##TYPE, ROWS, t, part);                                                        \
    }
#if TILE_ROWS == 8
#define TILES(TYPE) TILE(TYPE, 1) TILE(TYPE, 2) TILE(TYPE, 4) TILE(TYPE, 8)
#define TILE_NAMES(TYPE)                                                                           \
    [SU_##TYPE] = {tile_##TYPE##_1, tile_##TYPE##_2, tile_##TYPE##_4, tile_##TYPE##_8}
#else
#define TILES(TYPE) TILE(TYPE, 1) TILE(TYPE, 2) TILE(TYPE, 4)
#define TILE_NAMES(TYPE) [SU_##TYPE] = {tile_##TYPE##_1, tile_##TYPE##_2, tile_##TYPE##_4, NULL}
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
    static void (*const tiles[SU_DTYPE_COUNT][4])(struct cpu_qtile *) = {
        TILE_NAMES(Q4_0), TILE_NAMES(Q4_1), TILE_NAMES(Q5_0), TILE_NAMES(Q5_1),
        TILE_NAMES(Q8_0), TILE_NAMES(Q4_K), TILE_NAMES(Q5_K), TILE_NAMES(Q6_K),
    };
    tiles[type][t->rows == 1 ? 0 : t->rows == 2 ? 1 : t->rows == 4 ? 2 : 3](t);
}
