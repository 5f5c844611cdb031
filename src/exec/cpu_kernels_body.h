// SPDX-License-Identifier: MIT
/* The kernels of one instruction set. Included by cpu_kernels_<isa>.c after CPU_ISA (name), CPU_VEC_BYTES (16, 32 or 64) and
   CPU_TILE (rows of A per register tile) are defined. Lanes always run over independent outputs, or over the 32 virtual lanes of N6, so the
   width of a vector never enters a result. */
#include "cpu_priv.h"

#include <string.h>

#include "cpu_math.h"

#define CPU_CAT2(a, b) a##b
#define CPU_CAT(a, b) CPU_CAT2(a, b)
#define CPU_FN(name) CPU_CAT(CPU_CAT(name, _), CPU_ISA)
#define CPU_STR2(a) #a
#define CPU_STR(a) CPU_STR2(a)

#if defined(__x86_64__)
#include <immintrin.h>
#endif
#if CPU_VEC_BYTES == 32
#define CPU_TARGET __attribute__((target("f16c")))
#else
#define CPU_TARGET
#endif
#define ALWAYS static inline __attribute__((always_inline)) CPU_TARGET

#define SEGMENT 256u /* of N5 */
/* Few rows leave the memory too idle without being asked early: the processor's own prefetching stops at every page. */
#define AHEAD_BYTES 2048
#define FEW_ROWS 4u
#define FEW_PASSES 2u
#define NARROW_STEPS 64u

#define VECTOR(NAME, BYTES)                                                                        \
    typedef float NAME __attribute__((vector_size(BYTES)));                                        \
    typedef float NAME##_unaligned __attribute__((vector_size(BYTES), aligned(4), may_alias));
VECTOR(vec, CPU_VEC_BYTES)
VECTOR(vec2, 8)
#define VEC_LANES (CPU_VEC_BYTES / 4)
#define PANEL (2 * VEC_LANES)
#if VEC_LANES > 4
VECTOR(vec4, 16)
#endif
#if VEC_LANES > 8
VECTOR(vec8, 32)
#endif
typedef float float_unaligned;

/* A tile of one product: MR broadcast operands times NV vectors, over k of one segment. Step i reads b[i·ldb ..] and the vectors
   at v + (off ? off[i] : i·NV·lanes). out[m·ldo ..] gets the segment's partial sum, added to what is there when `add`. */
#define TILE_ARGS                                                                                  \
    const float *b, size_t ldb, const float *v, const uint32_t *off, uint32_t k, float *out,       \
        size_t ldo, bool add
typedef void tile_function(TILE_ARGS);

#define TILE_LOOP(MR, NV, V, AT)                                                                   \
    for (uint32_t i = 0; i < k; i++) {                                                             \
        const float *p = v + (AT);                                                                 \
        V wv[NV];                                                                                  \
        _Pragma("GCC unroll 2") for (int j = 0; j < NV; j++) wv[j] =                               \
            *(const V##_unaligned *)(const void *)(p + (size_t)j * (sizeof(V) / 4));               \
        _Pragma("GCC unroll 12") for (int m = 0; m < MR; m++)                                      \
        {                                                                                          \
            float x = b[m];                                                                        \
            _Pragma("GCC unroll 2") for (int j = 0; j < NV; j++) acc[m][j] += wv[j] * x;           \
        }                                                                                          \
        b += ldb;                                                                                  \
    }

#define TILE_FUNCTION(NAME, MR, NV, V)                                                             \
    static void NAME(TILE_ARGS)                                                                    \
    {                                                                                              \
        V acc[MR][NV];                                                                             \
        _Pragma("GCC unroll 12") for (int m = 0; m < MR; m++)                                      \
            _Pragma("GCC unroll 2") for (int j = 0; j < NV; j++) acc[m][j] = (V){0};               \
        if (off)                                                                                   \
            TILE_LOOP(MR, NV, V, off[i])                                                           \
        else                                                                                       \
            TILE_LOOP(MR, NV, V, (size_t)i *(NV * sizeof(V) / 4))                                  \
        _Pragma("GCC unroll 12") for (int m = 0; m < MR; m++)                                      \
            _Pragma("GCC unroll 2") for (int j = 0; j < NV; j++)                                   \
        {                                                                                          \
            V##_unaligned *y =                                                                     \
                (V##_unaligned *)(void *)(out + (size_t)m * ldo + (size_t)j * (sizeof(V) / 4));    \
            *y = add ? (V)*y + acc[m][j] : acc[m][j];                                              \
        }                                                                                          \
    }

/* Full panels and single vectors: every count of rows up to CPU_TILE, so that rows can be dealt out evenly. */
#define TILE_ROWS(MR) TILE_FUNCTION(tile_2_##MR, MR, 2, vec) TILE_FUNCTION(tile_1_##MR, MR, 1, vec)
TILE_ROWS(1)
TILE_ROWS(2)
TILE_ROWS(3)
TILE_ROWS(4)
#if CPU_TILE > 4
TILE_ROWS(5)
TILE_ROWS(6)
#endif
#if CPU_TILE > 6
TILE_ROWS(7)
TILE_ROWS(8)
TILE_ROWS(9)
TILE_ROWS(10)
TILE_ROWS(11)
TILE_ROWS(12)
#endif
static tile_function *const tile_wide[2][CPU_TILE] = {
    {tile_1_1, tile_1_2, tile_1_3, tile_1_4,
#if CPU_TILE > 4
     tile_1_5, tile_1_6,
#endif
#if CPU_TILE > 6
     tile_1_7, tile_1_8, tile_1_9, tile_1_10, tile_1_11, tile_1_12
#endif
    },
    {tile_2_1, tile_2_2, tile_2_3, tile_2_4,
#if CPU_TILE > 4
     tile_2_5, tile_2_6,
#endif
#if CPU_TILE > 6
     tile_2_7, tile_2_8, tile_2_9, tile_2_10, tile_2_11, tile_2_12
#endif
    },
};

/* Panels narrower than a vector: four rows or one at a time. */
TILE_FUNCTION(tile_w1_4, 4, 1, float)
TILE_FUNCTION(tile_w1_1, 1, 1, float)
TILE_FUNCTION(tile_w2_4, 4, 1, vec2)
TILE_FUNCTION(tile_w2_1, 1, 1, vec2)
#if VEC_LANES > 4
TILE_FUNCTION(tile_w4_4, 4, 1, vec4)
TILE_FUNCTION(tile_w4_1, 1, 1, vec4)
#endif
#if VEC_LANES > 8
TILE_FUNCTION(tile_w8_4, 4, 1, vec8)
TILE_FUNCTION(tile_w8_1, 1, 1, vec8)
#endif
static tile_function *const tile_slim[4][2] = {
    {tile_w1_1, tile_w1_4},
    {tile_w2_1, tile_w2_4},
#if VEC_LANES > 4
    {tile_w4_1, tile_w4_4},
#endif
#if VEC_LANES > 8
    {tile_w8_1, tile_w8_4},
#endif
};

/* mr rows by a panel of width p. */
static void tile_run(uint32_t mr, uint32_t p, TILE_ARGS)
{
    if (p >= VEC_LANES) {
        tile_wide[p > VEC_LANES][mr - 1](b, ldb, v, off, k, out, ldo, add);
        return;
    }
    tile_function *const *f = tile_slim[p >= 8 ? 3 : p / 2];
    for (uint32_t m = 0; m < mr;) {
        uint32_t four = mr - m >= 4;
        f[four](b + m, ldb, v, off, k, out + m * ldo, ldo, add);
        m += four ? 4 : 1;
    }
}

/* fz and sat over a block, in place. */
static void cpu_fix_block(float *x, size_t n, uint64_t *sat)
{
    uint32_t count = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t u = cm_bits(x[i]);
        count += cm_clamped(u);
        x[i] = cm_float(cm_fix(u));
    }
    *sat += count;
}

/* ---- stored weights ---------------------------------------------------------------------------------------- */

#define ELEMENT_BYTES(type) ((type) == SU_F32 ? 4u : 2u)

#if CPU_VEC_BYTES == 64
#define HALVES(p) ((vec)_mm512_cvtph_ps(_mm256_loadu_si256((const void *)(p))))
#define WORDS(p) _mm512_cvtepu16_epi32(_mm256_loadu_si256((const void *)(p)))
#define BRAINS(p) ((vec)_mm512_slli_epi32(WORDS(p), 16))
#elif CPU_VEC_BYTES == 32
#define HALVES(p) ((vec)_mm256_cvtph_ps(_mm_loadu_si128((const void *)(p))))
#define WORDS(p) _mm256_cvtepu16_epi32(_mm_loadu_si128((const void *)(p)))
#define BRAINS(p) ((vec)_mm256_slli_epi32(WORDS(p), 16))
#else
typedef uint16_t words16 __attribute__((vector_size(CPU_VEC_BYTES / 2)));
typedef uint32_t words __attribute__((vector_size(CPU_VEC_BYTES)));
typedef int32_t ints __attribute__((vector_size(CPU_VEC_BYTES)));

ALWAYS words words_of(const void *p)
{
    words16 h;
    memcpy(&h, p, sizeof h);
    return __builtin_convertvector(h, words);
}

/* Any half but infinities and NaN, without meeting a denormal. */
ALWAYS vec halves_of(const void *p)
{
    words h = words_of(p), a = h & 0x7fffu, below = (words)((ints)a < 0x400);
    vec low = __builtin_convertvector((ints)(a & 0x3ffu), vec) * 0x1p-24f;
    words high = (a << 13) + (112u << 23);
    return (vec)((h & 0x8000u) << 16 | ((words)low & below) | (high & ~below));
}
#define HALVES(p) halves_of(p)
#define BRAINS(p) ((vec)(words_of(p) << 16))
#endif

/* A vector of weights as they count. */
ALWAYS vec stored(enum su_dtype type, const uint8_t *p)
{
    if (type == SU_F16)
        return HALVES(p);
    if (type == SU_BF16)
        return BRAINS(p);
    return *(const vec_unaligned *)(const void *)p;
}

/* n of them to floats. */
ALWAYS void widen_type(enum su_dtype type, const uint8_t *from, size_t n, float *to)
{
    size_t i = 0;
    for (; i + VEC_LANES <= n; i += VEC_LANES)
        *(vec_unaligned *)(void *)(to + i) = stored(type, from + i * ELEMENT_BYTES(type));
    if (i < n) {
        uint8_t last[CPU_VEC_BYTES] = {0};
        memcpy(last, from + i * ELEMENT_BYTES(type), (n - i) * ELEMENT_BYTES(type));
        vec v = stored(type, last);
        memcpy(to + i, &v, (n - i) * sizeof *to);
    }
}

static CPU_TARGET void widen(enum su_dtype type, const uint8_t *from, size_t n, float *to)
{
    if (type == SU_F32)
        memcpy(to, from, n * sizeof *to);
    else if (type == SU_F16)
        widen_type(SU_F16, from, n, to);
    else
        widen_type(SU_BF16, from, n, to);
}

/* Few rows of A, from row m on, by panels full wide: elements of A are the broadcast operands, and a panel is walked through once
   for up to FEW_ROWS of them. `ahead`: its next bytes are asked for, being on their way from memory. */
ALWAYS void few_panels(enum su_dtype type, uint32_t rows, uint32_t panels, const struct cpu_gemm *g,
                       uint32_t m, uint32_t n, bool ahead)
{
    const size_t step = PANEL * ELEMENT_BYTES(type), panel_bytes = g->k * step;
    const uint8_t *w = (const uint8_t *)g->w + (size_t)n * g->k * ELEMENT_BYTES(type);
    const float *a = g->a + m * g->a_m;
    vec total[FEW_ROWS][2] = {0}; /* of rows, or of panels when rows is 1 */
    for (uint32_t k0 = 0; k0 < g->k; k0 += SEGMENT) {
        uint32_t k1 = SU_MIN(g->k - k0, SEGMENT) + k0;
        vec acc[FEW_ROWS][2] = {0};
        for (uint32_t i = k0; i < k1; i++, w += step)
            _Pragma("GCC unroll 2") for (uint32_t p = 0; p < panels; p++)
            {
                const uint8_t *at = w + p * panel_bytes;
                vec v[2] = {stored(type, at), stored(type, at + step / 2)};
                if (ahead)
                    _Pragma("GCC unroll 2") for (size_t b = 0; b < step; b += 64)
                        __builtin_prefetch(at + AHEAD_BYTES + b);
                _Pragma("GCC unroll 4") for (uint32_t r = 0; r < rows; r++)
                {
                    acc[p + r][0] += v[0] * a[r * g->a_m + i];
                    acc[p + r][1] += v[1] * a[r * g->a_m + i];
                }
            }
        _Pragma("GCC unroll 4") for (uint32_t r = 0; r < rows * panels; r++)
        {
            total[r][0] += acc[r][0];
            total[r][1] += acc[r][1];
        }
    }
    _Pragma("GCC unroll 4") for (uint32_t r = 0; r < rows; r++)
        memcpy(g->y + (m + r) * g->y_m + n, total[r], panels * sizeof total[0]);
}

/* By a panel that is narrower. */
static CPU_TARGET void few_narrow(const struct cpu_gemm *g, uint32_t m, uint32_t n, uint32_t p)
{
    const float *a = g->a + m * g->a_m;
    const uint8_t *w = (const uint8_t *)g->w + (size_t)n * g->k * ELEMENT_BYTES(g->type);
    float wide[NARROW_STEPS * PANEL / 2], acc[PANEL / 2] = {0}, total[PANEL / 2] = {0};
    for (uint32_t i = 0; i < g->k; i++) {
        uint32_t at = i % NARROW_STEPS;
        if (at == 0)
            widen(g->type, w + (size_t)i * p * ELEMENT_BYTES(g->type),
                  (size_t)SU_MIN(g->k - i, NARROW_STEPS) * p, wide);
        for (uint32_t j = 0; j < p; j++)
            acc[j] += wide[at * p + j] * a[i];
        if ((i + 1) % SEGMENT == 0 || i + 1 == g->k)
            for (uint32_t j = 0; j < p; j++) {
                total[j] += acc[j];
                acc[j] = 0.0f;
            }
    }
    memcpy(g->y + m * g->y_m + n, total, p * sizeof *total);
}

/* Up to FEW_PASSES times FEW_ROWS rows. */
ALWAYS void few(enum su_dtype type, struct cpu_gemm *g)
{
    uint32_t n = g->n_begin, p = PANEL, passes = (g->m + FEW_ROWS - 1) / FEW_ROWS;
    for (; g->m == 1 && n + 2 * p <= g->n_end; n += 2 * p)
        few_panels(type, 1, 2, g, 0, n, true);
    for (; n + p <= g->n_end; n += p)
        for (uint32_t i = 0; i < passes; i++) {
            uint32_t m = g->m * i / passes, rows = g->m * (i + 1) / passes - m;
            if (rows == 1)
                few_panels(type, 1, 1, g, m, n, i == 0);
            else if (rows == 2)
                few_panels(type, 2, 1, g, m, n, i == 0);
            else if (rows == 3)
                few_panels(type, 3, 1, g, m, n, i == 0);
            else
                few_panels(type, 4, 1, g, m, n, i == 0);
        }
    for (; n < g->n_end; n += p) {
        while (p > g->n - n)
            p /= 2;
        for (uint32_t m = 0; m < g->m; m++)
            few_narrow(g, m, n, p);
    }
    for (uint32_t m = 0; m < g->m; m++)
        cpu_fix_block(g->y + m * g->y_m + g->n_begin, g->n_end - g->n_begin, &g->saturations);
}

/* Rows [m0, m0 + m) and columns [k0, k0 + k) of A as tiles of [k][rows of the tile]. Tile t begins at row m·t / tiles. */
static void gemm_pack(const struct cpu_gemm *g, uint32_t m0, uint32_t m, uint32_t tiles,
                      uint32_t k0, uint32_t k)
{
    float *out = g->work;
    for (uint32_t t = 0; t < tiles; t++) {
        uint32_t first = m * t / tiles, mr = m * (t + 1) / tiles - first;
        for (uint32_t r = 0; r < mr; r++) {
            const float *a = g->a + (size_t)(m0 + first + r) * g->a_m + k0;
            for (uint32_t i = 0; i < k; i++)
                out[(size_t)i * mr + r] = a[i];
        }
        out += (size_t)mr * k;
    }
}

/* `count` weights of the panel of width p at output n, from step k0 on, as floats. */
static const float *gemm_part(const struct cpu_gemm *g, uint32_t n, uint32_t k0, size_t count,
                              uint32_t p)
{
    size_t at = (size_t)n * g->k + (size_t)k0 * p;
    if (g->type == SU_F32)
        return (const float *)g->w + at;
    widen(g->type, (const uint8_t *)g->w + at * ELEMENT_BYTES(g->type), count, g->wide);
    return g->wide;
}

/* One block of rows: a part of A's columns is packed, then that part of each panel, small enough for the second cache, meets all
   tiles of A. The totals of N5 are kept in y. */
static void gemm_block(struct cpu_gemm *g, uint32_t m0, uint32_t m)
{
    uint32_t tiles = (m + CPU_TILE - 1) / CPU_TILE;
    for (uint32_t k0 = 0; k0 < g->k; k0 += CPU_GEMM_DEPTH) {
        uint32_t depth = SU_MIN(g->k - k0, CPU_GEMM_DEPTH), p = PANEL;
        gemm_pack(g, m0, m, tiles, k0, depth);
        for (uint32_t n = g->n_begin; n < g->n_end; n += p) {
            while (p > g->n - n)
                p /= 2;
            const float *w = gemm_part(g, n, k0, (size_t)p * depth, p), *b = g->work;
            for (uint32_t t = 0; t < tiles; t++) {
                uint32_t first = m * t / tiles, mr = m * (t + 1) / tiles - first;
                float *y = g->y + (size_t)(m0 + first) * g->y_m + n;
                for (uint32_t i = 0; i < depth; i += SEGMENT)
                    tile_run(mr, p, b + (size_t)i * mr, mr, w + (size_t)i * p, NULL,
                             SU_MIN(depth - i, SEGMENT), y, g->y_m, k0 + i > 0);
                b += (size_t)mr * depth;
            }
        }
    }
    for (uint32_t r = 0; r < m; r++)
        cpu_fix_block(g->y + (size_t)(m0 + r) * g->y_m + g->n_begin, g->n_end - g->n_begin,
                      &g->saturations);
}

static CPU_TARGET void CPU_FN(gemm)(struct cpu_gemm *g)
{
    if (g->m <= FEW_ROWS * FEW_PASSES) {
        if (g->type == SU_F32)
            few(SU_F32, g);
        else if (g->type == SU_F16)
            few(SU_F16, g);
        else
            few(SU_BF16, g);
        return;
    }
    uint32_t blocks = (g->m + CPU_GEMM_ROWS - 1) / CPU_GEMM_ROWS;
    for (uint32_t i = 0; i < blocks; i++) {
        uint32_t m0 = (uint32_t)((uint64_t)g->m * i / blocks);
        gemm_block(g, m0, (uint32_t)((uint64_t)g->m * (i + 1) / blocks) - m0);
    }
}

/* Rows of `ow` out of a plane with rows `pw` apart. Whole vectors are moved: what they write too much is overwritten by the
   next row, so only the last one is cut to size. */
static void conv_compact(const float *plane, uint32_t rows, uint32_t ow, uint32_t pw, float *y)
{
    for (uint32_t r = 0; r + 1 < rows; r++, plane += pw, y += ow)
        if (ow >= VEC_LANES)
            memcpy(y, plane, ow * sizeof *y);
        else if (r + 1 + VEC_LANES / ow < rows)
            memcpy(y, plane, VEC_LANES * sizeof *y);
        else
            memcpy(y, plane, ow * sizeof *y);
    memcpy(y, plane, ow * sizeof *y);
}

/* Vectors run over the output pixels of a few rows of the image, the gaps between its rows included; what falls into the gaps is
   dropped. Tile by tile of outputs: [k][outputs of the tile] of weights against the image. */
static void CPU_FN(conv)(struct cpu_conv *c)
{
    for (uint32_t row = 0; row < c->oh; row += c->block_rows) {
        uint32_t rows = SU_MIN(c->oh - row, c->block_rows), length = (rows - 1) * c->pw + c->ow;
        size_t ld = su_align_up(length, PANEL);
        const float *image = c->image + (size_t)row * c->pw;
        for (uint32_t t = c->tile_begin; t < c->tile_end; t++) {
            uint32_t first = c->n * t / c->tiles, mr = c->n * (t + 1) / c->tiles - first;
            const float *w = c->w + (size_t)first * c->k;
            for (uint32_t at = 0; at < length; at += PANEL) {
                uint32_t p = length - at > VEC_LANES ? PANEL : VEC_LANES;
                for (uint32_t k0 = 0; k0 < c->k; k0 += SEGMENT)
                    tile_run(mr, p, w + (size_t)k0 * mr, mr, image + at, c->k_off + k0,
                             SU_MIN(c->k - k0, SEGMENT), c->work + at, ld, k0 > 0);
            }
            for (uint32_t m = 0; m < mr; m++) {
                float *y = c->y + ((size_t)(first + m) * c->oh + row) * c->ow;
                conv_compact(c->work + m * ld, rows, c->ow, c->pw, y);
                cpu_fix_block(y, (size_t)rows * c->ow, &c->saturations);
            }
        }
    }
}

/* ---- elementwise ------------------------------------------------------------------------------------------ */

#include "cpu_map_body.h"

/* ---- rows -------------------------------------------------------------------------------------------------- */

/* N6: term(i) goes to lane i mod 32 in order of i; the lanes are folded by halves. */
static float tree(float *lane)
{
    for (uint32_t half = 16; half > 0; half /= 2)
        for (uint32_t l = 0; l < half; l++)
            lane[l] = lane[l] + lane[l + half];
    return lane[0];
}

#define LANES_SUM(RESULT, TERM)                                                                    \
    do {                                                                                           \
        float lane[32] = {0};                                                                      \
        size_t i0 = 0;                                                                             \
        for (; i0 + 32 <= n; i0 += 32)                                                             \
            for (size_t l = 0; l < 32; l++) {                                                      \
                size_t i = i0 + l;                                                                 \
                lane[l] = lane[l] + (TERM);                                                        \
            }                                                                                      \
        for (size_t i = i0; i < n; i++)                                                            \
            lane[i - i0] = lane[i - i0] + (TERM);                                                  \
        RESULT = tree(lane);                                                                       \
    } while (0)

static inline float fz(float x)
{
    uint32_t u = cm_bits(x);
    return cm_float(u & (((u & ~CM_SIGN) < 0x27800000u) - 1u));
}

static float CPU_FN(sum)(const float *x, size_t n)
{
    float s;
    LANES_SUM(s, x[i]);
    return s;
}

static void CPU_FN(softmax)(const float *x, float *y, size_t n, uint64_t *sat)
{
    uint32_t best = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t k = cm_key(cm_bits(x[i]));
        best = k > best ? k : best;
    }
    float m = cm_float(best & CM_SIGN ? best ^ CM_SIGN : ~best), s;
    for (size_t i = 0; i < n; i++)
        y[i] = cm_exp(cm_float(cm_fix(cm_bits(x[i] - m))));
    LANES_SUM(s, y[i]);
    float r = cm_recip(s);
    for (size_t i = 0; i < n; i++)
        y[i] = y[i] * r;
    cpu_fix_block(y, n, sat);
}

static float inverse_deviation(const float *x, size_t n, float mean, float eps)
{
    float s;
    LANES_SUM(s, fz(fz(x[i] - mean) * fz(x[i] - mean)));
    float v = s * cm_recip(cm_from_u32((uint32_t)n));
    return cm_rsqrt(v + eps);
}

static void CPU_FN(layernorm)(const float *x, const float *w, const float *b, float *y, size_t n,
                              float eps, uint64_t *sat)
{
    float s;
    LANES_SUM(s, x[i]);
    float mean = s * cm_recip(cm_from_u32((uint32_t)n));
    float r = inverse_deviation(x, n, mean, eps);
    for (size_t i = 0; i < n; i++)
        y[i] = fz(x[i] - mean) * r;
    if (w)
        for (size_t i = 0; i < n; i++)
            y[i] = y[i] * w[i];
    if (b)
        for (size_t i = 0; i < n; i++)
            y[i] = y[i] + b[i];
    cpu_fix_block(y, n, sat);
}

static void CPU_FN(rmsnorm)(const float *x, const float *w, float *y, size_t n, float eps,
                            float offset, uint64_t *sat)
{
    float r = inverse_deviation(x, n, 0.0f, eps);
    for (size_t i = 0; i < n; i++)
        y[i] = x[i] * r;
    if (w)
        for (size_t i = 0; i < n; i++)
            y[i] = y[i] * (w[i] + offset);
    cpu_fix_block(y, n, sat);
}

static void CPU_FN(column_max)(const uint32_t *restrict x, size_t n, size_t rows,
                               uint32_t *restrict key)
{
    for (size_t i = 0; i < n; i++)
        key[i] = cm_key(x[i]);
    for (size_t r = 1; r < rows; r++)
        for (size_t i = 0; i < n; i++) {
            uint32_t k = cm_key(x[r * n + i]);
            key[i] = k > key[i] ? k : key[i];
        }
}

static void CPU_FN(fix)(float *x, size_t n, uint64_t *sat)
{
    cpu_fix_block(x, n, sat);
}

const struct cpu_kernels CPU_FN(cpu_kernels) = {
    .name = CPU_STR(CPU_ISA),
    .panel = PANEL,
    .tile = CPU_TILE,
    .gemm = CPU_FN(gemm),
    .conv = CPU_FN(conv),
    .map = CPU_FN(map),
    .fix = CPU_FN(fix),
    .column_max = CPU_FN(column_max),
    .sum = CPU_FN(sum),
    .softmax = CPU_FN(softmax),
    .layernorm = CPU_FN(layernorm),
    .rmsnorm = CPU_FN(rmsnorm),
};
