// SPDX-License-Identifier: MIT
/* Attention (N8), halves and rope for one instruction set; included after cpu_quant_body.h.
   MADD(acc, v, x) adds v times the scalar x, fused or not: every product here is exact. Only
   `scores` and `values`, and what is inlined into them, may use it (FMA_TARGET). */

#define VALUES_AHEAD 16u /* positions; a head's values lie too far apart to be fetched unasked */
#define LINE_HALVES 32u
#define ROPE_PAIRS 64u
#define PARTS (CPU_GROUP / VEC_LANES) /* vectors of 16 positions */
#define MOST (TILE_ROWS == 8 ? 5u : 4u) /* queries at a time: as many sums as registers hold */

/* Dots of nq queries with `blocks` blocks of 16 positions. */
static FMA_TARGET INLINE void score_tile(const struct cpu_scores *s, uint32_t j, uint32_t nq,
                                         uint32_t at, uint32_t blocks)
{
    const uint16_t *key = s->key + at / CPU_GROUP * s->key_block;
    const float *q = s->q + (size_t)j * s->dim;
    vec acc[MOST][4];
    UNROLL for (uint32_t n = 0; n < nq; n++) UNROLL for (uint32_t b = 0; b < blocks * PARTS; b++)
        acc[n][b] = (vec){0};
    for (uint32_t i = 0; i < s->dim; i++) {
        if (i % 2 == 0) /* another line, of the blocks that follow */
            UNROLL for (uint32_t b = 0; b < blocks; b++)
                __builtin_prefetch(key + (blocks + b) * s->key_block + (size_t)i * CPU_GROUP);
        UNROLL for (uint32_t b = 0; b < blocks * PARTS; b++)
        {
            vec v = HALVES(key + b / PARTS * s->key_block + (size_t)i * CPU_GROUP +
                           b % PARTS * VEC_LANES);
            UNROLL for (uint32_t n = 0; n < nq; n++) acc[n][b] =
                MADD(acc[n][b], v, q[(size_t)n * s->dim + i]);
        }
    }
    for (uint32_t n = 0; n < nq; n++)
        for (uint32_t b = 0; b < blocks * PARTS; b++)
            memcpy(s->score + (size_t)(j + n) * CPU_SEGMENT + at + b * VEC_LANES, &acc[n][b],
                   sizeof(vec));
}

static FMA_TARGET INLINE void score_rows(const struct cpu_scores *s, uint32_t j, uint32_t nq)
{
    /* sums enough to cover the way through the adder, few enough for the registers */
    const uint32_t wide = (nq > 2 && VEC_LANES < 16 ? 2 : 4) / PARTS;
    uint32_t at = s->first;
    for (; wide > 1 && at + wide * CPU_GROUP <= s->last; at += wide * CPU_GROUP)
        score_tile(s, j, nq, at, wide);
    for (; wide > 2 && at + wide / 2 * CPU_GROUP <= s->last; at += wide / 2 * CPU_GROUP)
        score_tile(s, j, nq, at, wide / 2);
    for (; at < s->last; at += CPU_GROUP)
        score_tile(s, j, nq, at, 1);
}

static void score_finish(const struct cpu_scores *s, float *x, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        x[i] = x[i] * s->scale;
    if (cm_bits(s->cap) != 0) {
        float r = cm_recip(s->cap);
        for (uint32_t i = 0; i < n; i++)
            x[i] = s->cap * cm_tanh(cm_float(cm_fix(cm_bits(x[i] * r))));
    }
    for (uint32_t i = 0; i < n; i++)
        x[i] = cm_float(cm_fix(cm_bits(x[i])));
}

static FMA_TARGET void scores(const struct cpu_scores *s)
{
    for (uint32_t j = 0; j < s->n; j += MOST) {
        switch (s->n - j) {
        case 1:
            score_rows(s, j, 1);
            break;
        case 2:
            score_rows(s, j, 2);
            break;
        case 3:
            score_rows(s, j, 3);
            break;
        case 4:
            score_rows(s, j, 4);
            break;
        default:
            score_rows(s, j, MOST);
        }
    }
    for (uint32_t j = 0; j < s->n; j++)
        score_finish(s, s->score + (size_t)j * CPU_SEGMENT + s->first,
                     (s->last - s->first + CPU_GROUP - 1) / CPU_GROUP * CPU_GROUP);
}

static float weigh(const float *score, uint32_t from, uint32_t to, uint32_t end, float *m, float *e)
{
    uint32_t first = from & ~31u, last = (to + 31u) & ~31u, best = 0;
    float lane[32] = {0}, most;
    for (uint32_t i = first; i < last; i++) {
        uint32_t in = i - from < to - from; /* unsigned: not below from either */
        uint32_t key = cm_key(cm_bits(score[i])) & (0u - in);
        best = key > best ? key : best;
    }
    most = cm_float(best & CM_SIGN ? best ^ CM_SIGN : ~best);
    memset(e, 0, first * sizeof *e);
    if (end > last)
        memset(e + last, 0, (end - last) * sizeof *e);
    for (uint32_t i = first; i < last; i++) {
        uint32_t in = i - from < to - from; /* unsigned: not below from either */
        uint32_t u = cm_bits(cm_exp_falling(score[i] - most)); /* if in */
        u = (u + 0x3ffu + (u >> 11 & 1u)) & ~0x7ffu;
        e[i] = cm_float(u & (0u - in));
    }
    for (uint32_t i = first; i < last; i += 32)
        for (uint32_t l = 0; l < 32; l++)
            lane[l] = lane[l] + e[i + l];
    for (uint32_t half = 16; half > 0; half /= 2)
        for (uint32_t l = 0; l < half; l++)
            lane[l] = lane[l] + lane[l + half];
    *m = most;
    return lane[0];
}

static void merge(float *o, float a, const float *part, float b, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        float x = o[i] * a, y = part[i] * b;
        o[i] = x + y;
    }
}

static void scaled(const float *o, float r, uint32_t n, float *y, uint64_t *sat)
{
    uint32_t clamped = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t u = cm_bits(o[i] * r);
        clamped += cm_clamped(u);
        y[i] = cm_float(cm_fix(u));
    }
    *sat += clamped;
}

static FMA_TARGET INLINE void value_tile(const float *e, uint32_t nq, const uint16_t *value,
                                         size_t value_row, uint32_t count, uint32_t vecs, float *o,
                                         size_t o_row)
{
    vec acc[MOST][4];
    UNROLL for (uint32_t n = 0; n < nq; n++) UNROLL for (uint32_t b = 0; b < vecs; b++) acc[n][b] =
        (vec){0};
    for (uint32_t p = 0; p < count; p++, value += value_row) {
        UNROLL for (uint32_t b = 0; b < vecs * VEC_LANES; b += LINE_HALVES)
            __builtin_prefetch(value + VALUES_AHEAD * value_row + b);
        UNROLL for (uint32_t b = 0; b < vecs; b++)
        {
            vec v = HALVES(value + b * VEC_LANES);
            UNROLL for (uint32_t n = 0; n < nq; n++) acc[n][b] =
                MADD(acc[n][b], v, e[n * CPU_SEGMENT + p]);
        }
    }
    for (uint32_t n = 0; n < nq; n++)
        for (uint32_t b = 0; b < vecs; b++)
            memcpy(o + n * o_row + b * VEC_LANES, &acc[n][b], sizeof(vec));
}

static FMA_TARGET INLINE void value_rows(const float *e, uint32_t nq, const uint16_t *value,
                                         size_t value_row, uint32_t count, uint32_t dim, float *o,
                                         size_t o_row)
{
    const uint32_t wide = VEC_LANES == 8 ? 2 : 4;
    uint32_t i = 0, end = (dim + CPU_GROUP - 1) / CPU_GROUP * CPU_GROUP;
    for (; i + wide * VEC_LANES <= end; i += wide * VEC_LANES)
        value_tile(e, nq, value + i, value_row, count, wide, o + i, o_row);
    for (; i < end; i += VEC_LANES)
        value_tile(e, nq, value + i, value_row, count, 1, o + i, o_row);
}

static FMA_TARGET void values(const float *e, uint32_t n, const uint16_t *value, size_t value_row,
                              uint32_t count, uint32_t dim, float *o, size_t o_row)
{
    for (; n > MOST; n -= MOST, e += MOST * CPU_SEGMENT, o += MOST * o_row)
        value_rows(e, MOST, value, value_row, count, dim, o, o_row);
    switch (n) {
    case 1:
        value_rows(e, 1, value, value_row, count, dim, o, o_row);
        break;
    case 2:
        value_rows(e, 2, value, value_row, count, dim, o, o_row);
        break;
    case 3:
        value_rows(e, 3, value, value_row, count, dim, o, o_row);
        break;
    case 4:
        value_rows(e, 4, value, value_row, count, dim, o, o_row);
        break;
    default:
        value_rows(e, MOST, value, value_row, count, dim, o, o_row);
    }
}

static inline uint32_t half_of(float x)
{
    uint32_t u = cm_bits(x), sign = u >> 16 & 0x8000u, a = u & ~CM_SIGN;
    uint32_t tiny = a < 0x38800000u, b = a < 0x477fe000u ? a : 0x477fe000u;
    b = b + 0xfffu + (b >> 13 & 1u);
    return sign | ((b - 0x38000000u) >> 13 & (tiny - 1u));
}

static void to_half(const float *x, size_t n, uint16_t *y)
{
    for (size_t i = 0; i < n; i++)
        y[i] = (uint16_t)half_of(x[i]);
}

static void round_half(const float *x, size_t n, float *y)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t h = half_of(x[i]), a = h & 0x7fffu; /* 0 or normal */
        y[i] = cm_float((h & 0x8000u) << 16 |
                        (((a << 13) + (112u << 23)) & (0u - (uint32_t)(a >= 0x400u))));
    }
}

/* Products first, sums in a loop of their own: where a loop alternates x * y - z and x * y + z,
   GCC makes vfmaddsub of them, whatever -ffp-contract says. */
static ALWAYS void rope_pairs(const float *x, const float *turn, uint32_t n, uint32_t step,
                              uint32_t apart, float *y, uint64_t *sat)
{
    float a[ROPE_PAIRS], b[ROPE_PAIRS], c[ROPE_PAIRS], d[ROPE_PAIRS];
    uint32_t clamped = 0;
    for (uint32_t i = 0; i < n; i++) {
        float x0 = x[(size_t)i * step], x1 = x[(size_t)i * step + apart];
        a[i] = x0 * turn[2 * i];
        b[i] = x1 * turn[2 * i + 1];
        c[i] = x0 * turn[2 * i + 1];
        d[i] = x1 * turn[2 * i];
    }
    for (uint32_t i = 0; i < n; i++)
        a[i] = a[i] - b[i];
    for (uint32_t i = 0; i < n; i++)
        c[i] = c[i] + d[i];
    for (uint32_t i = 0; i < n; i++) {
        uint32_t u = cm_bits(a[i]), v = cm_bits(c[i]);
        clamped += cm_clamped(u) + cm_clamped(v);
        y[(size_t)i * step] = cm_float(cm_fix(u));
        y[(size_t)i * step + apart] = cm_float(cm_fix(v));
    }
    *sat += clamped;
}

static ISA_TARGET void rope(const float *x, const float *turn, uint32_t dims, bool halves, float *y,
                            uint64_t *sat)
{
    for (uint32_t i = 0; i < dims / 2; i += ROPE_PAIRS) {
        uint32_t n = dims / 2 - i < ROPE_PAIRS ? dims / 2 - i : ROPE_PAIRS;
        if (halves)
            rope_pairs(x + i, turn + 2 * i, n, 1, dims / 2, y + i, sat);
        else
            rope_pairs(x + 2 * i, turn + 2 * i, n, 2, 1, y + 2 * i, sat);
    }
}

#define CPU_NAME2(a) #a
#define CPU_NAME(a) CPU_NAME2(a)
#define CPU_JOIN2(a, b) a##b
#define CPU_JOIN(a, b) CPU_JOIN2(a, b)
const struct cpu_llm_kernels CPU_JOIN(cpu_llm_, ISA) = {
    .name = CPU_NAME(ISA),
    .tile = TILE_ROWS,
    .quantise = quantise,
    .dot = dot,
    .scores = scores,
    .weigh = weigh,
    .merge = merge,
    .scaled = scaled,
    .values = values,
    .to_half = to_half,
    .round_half = round_half,
    .rope = rope,
};
