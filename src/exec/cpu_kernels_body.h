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

#define SEGMENT 256u /* of N5 */
/* A single row leaves the memory too idle without being asked early: the processor's own prefetching stops at every page. */
#define GEMV_AHEAD_BYTES 4096

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
        if (MR == 1 && NV == 2)                                                                    \
            for (size_t ahead = 0; ahead < 2 * sizeof(V); ahead += 64)                             \
                __builtin_prefetch((const char *)p + GEMV_AHEAD_BYTES + ahead);                    \
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

/* One row: the row itself is the broadcast operand, and every panel is walked through once. */
static void gemv(struct cpu_gemm *g)
{
    float *y = g->y;
    uint32_t p = PANEL;
    for (uint32_t n = g->n_begin; n < g->n_end; n += p) {
        while (p > g->n - n)
            p /= 2;
        const float *w = g->w + (size_t)n * g->k;
        for (uint32_t k0 = 0; k0 < g->k; k0 += SEGMENT)
            tile_run(1, p, g->a + k0, 1, w + (size_t)k0 * p, NULL, SU_MIN(g->k - k0, SEGMENT),
                     y + n, p, k0 > 0);
        cpu_fix_block(y + n, p, &g->saturations);
    }
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
            const float *w = g->w + (size_t)n * g->k + (size_t)k0 * p, *b = g->work;
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

static void CPU_FN(gemm)(struct cpu_gemm *g)
{
    if (g->m == 1) {
        gemv(g);
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

struct map_args {
    const void *arg[3];
    size_t step[3];
    void *y;
    size_t n;
    uint32_t clamped;
};

/* Loops over i with x (and z) bound to the operands; steps are 0 or 1, so each shape of loop is one the compiler knows. */
#define MAP1(TX, TY, EXPR)                                                                         \
    do {                                                                                           \
        const TX *restrict a_ = m->arg[0];                                                         \
        TY *restrict y_ = m->y;                                                                    \
        for (size_t i = 0; i < m->n; i++) {                                                        \
            TX x = a_[i];                                                                          \
            y_[i] = (EXPR);                                                                        \
        }                                                                                          \
    } while (0)
#define MAP1_FIX(EXPR)                                                                             \
    do {                                                                                           \
        const float *restrict a_ = m->arg[0];                                                      \
        uint32_t *restrict y_ = m->y;                                                              \
        uint32_t count = 0;                                                                        \
        for (size_t i = 0; i < m->n; i++) {                                                        \
            float x = a_[i];                                                                       \
            uint32_t u = cm_bits(EXPR);                                                            \
            count += cm_clamped(u);                                                                \
            y_[i] = cm_fix(u);                                                                     \
        }                                                                                          \
        m->clamped += count;                                                                       \
    } while (0)
#define MAP2_LOOP(TX, TY, XAT, ZAT, STORE)                                                         \
    for (size_t i = 0; i < m->n; i++) {                                                            \
        TX x = a_[XAT], z = b_[ZAT];                                                               \
        STORE;                                                                                     \
    }
#define MAP2_ANY(TX, TY, STORE)                                                                    \
    do {                                                                                           \
        const TX *restrict a_ = m->arg[0], *restrict b_ = m->arg[1];                               \
        TY *restrict y_ = m->y;                                                                    \
        if (m->step[0] && m->step[1])                                                              \
            MAP2_LOOP(TX, TY, i, i, STORE)                                                         \
        else if (m->step[0])                                                                       \
            MAP2_LOOP(TX, TY, i, 0, STORE)                                                         \
        else                                                                                       \
            MAP2_LOOP(TX, TY, 0, i, STORE)                                                         \
    } while (0)
#define MAP2(TX, TY, EXPR) MAP2_ANY(TX, TY, y_[i] = (EXPR))
#define MAP2_FIX(EXPR)                                                                             \
    do {                                                                                           \
        uint32_t count = 0;                                                                        \
        MAP2_ANY(float, uint32_t, uint32_t u = cm_bits(EXPR); count += cm_clamped(u);              \
                 y_[i] = cm_fix(u));                                                               \
        m->clamped += count;                                                                       \
    } while (0)

static void map_unary_f32(enum su_op op, struct map_args *m)
{
    switch (op) {
    case SU_OP_NEG:
        MAP1_FIX(cm_float(cm_bits(x) ^ CM_SIGN));
        break;
    case SU_OP_RECIP:
        MAP1_FIX(cm_recip(x));
        break;
    case SU_OP_SQRT:
        MAP1_FIX(cm_sqrt(x));
        break;
    case SU_OP_RSQRT:
        MAP1_FIX(cm_rsqrt(x));
        break;
    case SU_OP_EXP:
        MAP1_FIX(cm_exp(x));
        break;
    case SU_OP_EXP2:
        MAP1_FIX(cm_exp2(x));
        break;
    case SU_OP_LOG2:
        MAP1_FIX(cm_log2(x));
        break;
    case SU_OP_SIN:
        MAP1_FIX(cm_sin(x));
        break;
    case SU_OP_SILU:
        MAP1_FIX(x * cm_sigmoid(x));
        break;
    case SU_OP_GELU:
        MAP1_FIX(cm_gelu(x));
        break;
    case SU_OP_SIGMOID:
        MAP1_FIX(cm_sigmoid(x));
        break;
    case SU_OP_TANH:
        MAP1_FIX(cm_tanh(x));
        break;
    case SU_OP_RELU:
        MAP1(uint32_t, uint32_t, x & CM_SIGN ? 0 : x);
        break;
    case SU_OP_TRUNC:
        MAP1(uint32_t, uint32_t, cm_fix(cm_trunc(x)));
        break;
    default:
        SU_ASSERT(op == SU_OP_COUNT); // no other unary op reaches here
    }
}

static void map_cast(enum su_dtype in, enum su_dtype out, struct map_args *m)
{
    if (out == SU_BOOL && in == SU_F32)
        MAP1(uint32_t, uint32_t, (x & ~CM_SIGN) != 0);
    else if (out == SU_BOOL)
        MAP1(uint32_t, uint32_t, x != 0);
    else if (in == SU_F32 && out == SU_I32)
        MAP1(float, int32_t, cm_to_i32(x));
    else if (in == SU_F32 && out == SU_U32)
        MAP1(float, uint32_t, (uint32_t)cm_to_i32(x) & ((cm_bits(x) >> 31) - 1u));
    else if (in == SU_I32 && out == SU_F32)
        MAP1(int32_t, float, cm_from_i32(x));
    else if (out == SU_F32 && in != SU_F32)
        MAP1(uint32_t, float, cm_from_u32(x));
    else
        memcpy(m->y, m->arg[0], m->n * 4);
}

static void map_unary(enum su_op op, enum su_dtype in, enum su_dtype out, struct map_args *m)
{
    if (op == SU_OP_CAST)
        map_cast(in, out, m);
    else if (op == SU_OP_BITCAST && out == SU_F32 && in != SU_F32)
        MAP1_FIX(x);
    else if (op == SU_OP_BITCAST)
        memcpy(m->y, m->arg[0], m->n * 4);
    else if (in == SU_F32)
        map_unary_f32(op, m);
    else if (op == SU_OP_NEG)
        MAP1(uint32_t, uint32_t, 0u - x);
    else if (op == SU_OP_RELU)
        MAP1(uint32_t, uint32_t, in == SU_I32 && (x & CM_SIGN) ? 0 : x);
    else
        memcpy(m->y, m->arg[0], m->n * 4); /* trunc of an integer */
}

static void map_binary_f32(enum su_op op, struct map_args *m)
{
    switch (op) {
    case SU_OP_ADD:
        MAP2_FIX(x + z);
        break;
    case SU_OP_SUB:
        MAP2_FIX(x - z);
        break;
    case SU_OP_MUL:
        MAP2_FIX(x * z);
        break;
    case SU_OP_MAX:
        MAP2(uint32_t, uint32_t, cm_key(x) > cm_key(z) ? x : z);
        break;
    case SU_OP_MIN:
        MAP2(uint32_t, uint32_t, cm_key(x) < cm_key(z) ? x : z);
        break;
    default:
        SU_ASSERT(op == SU_OP_COUNT); // nor another binary one
    }
}

static inline uint32_t idiv_i32(uint32_t x, uint32_t z)
{
    if (z == 0)
        return 0;
    if (z == UINT32_MAX) /* also INT32_MIN / -1, which wraps */
        return 0u - x;
    return (uint32_t)((int32_t)x / (int32_t)z);
}

static inline uint32_t mod_i32(uint32_t x, uint32_t z)
{
    return z == 0 || z == UINT32_MAX ? 0 : (uint32_t)((int32_t)x % (int32_t)z);
}

static void map_binary_int(enum su_op op, bool is_signed, struct map_args *m)
{
    switch (op) {
    case SU_OP_ADD:
        MAP2(uint32_t, uint32_t, x + z);
        break;
    case SU_OP_SUB:
        MAP2(uint32_t, uint32_t, x - z);
        break;
    case SU_OP_MUL:
        MAP2(uint32_t, uint32_t, x * z);
        break;
    case SU_OP_AND:
        MAP2(uint32_t, uint32_t, x & z);
        break;
    case SU_OP_OR:
        MAP2(uint32_t, uint32_t, x | z);
        break;
    case SU_OP_XOR:
        MAP2(uint32_t, uint32_t, x ^ z);
        break;
    case SU_OP_SHL:
        MAP2(uint32_t, uint32_t, x << (z & 31u));
        break;
    case SU_OP_SHR:
        if (is_signed)
            MAP2(uint32_t, int32_t, (int32_t)x >> (z & 31u));
        else
            MAP2(uint32_t, uint32_t, x >> (z & 31u));
        break;
    case SU_OP_MAX:
        if (is_signed)
            MAP2(int32_t, int32_t, x > z ? x : z);
        else
            MAP2(uint32_t, uint32_t, x > z ? x : z);
        break;
    case SU_OP_MIN:
        if (is_signed)
            MAP2(int32_t, int32_t, x < z ? x : z);
        else
            MAP2(uint32_t, uint32_t, x < z ? x : z);
        break;
    case SU_OP_IDIV:
        if (is_signed)
            MAP2(uint32_t, uint32_t, idiv_i32(x, z));
        else
            MAP2(uint32_t, uint32_t, z ? x / z : 0);
        break;
    case SU_OP_MOD:
        if (is_signed)
            MAP2(uint32_t, uint32_t, mod_i32(x, z));
        else
            MAP2(uint32_t, uint32_t, z ? x % z : 0);
        break;
    default:
        SU_ASSERT(op == SU_OP_COUNT);
    }
}

/* Order of every value type as unsigned numbers. */
static void map_compare(enum su_dtype in, int32_t how, struct map_args *m)
{
    uint32_t flip = in == SU_I32 ? CM_SIGN : 0;
    switch (how * 2 + (in == SU_F32)) {
    case 0:
        MAP2(uint32_t, uint32_t, (x ^ flip) < (z ^ flip));
        break;
    case 1:
        MAP2(uint32_t, uint32_t, cm_key(x) < cm_key(z));
        break;
    case 2:
        MAP2(uint32_t, uint32_t, (x ^ flip) <= (z ^ flip));
        break;
    case 3:
        MAP2(uint32_t, uint32_t, cm_key(x) <= cm_key(z));
        break;
    case 4:
    case 5:
        MAP2(uint32_t, uint32_t, x == z);
        break;
    default:
        MAP2(uint32_t, uint32_t, x != z);
    }
}

static void map_where(struct map_args *m)
{
    const uint32_t *restrict c = m->arg[0], *restrict a = m->arg[1], *restrict b = m->arg[2];
    uint32_t *restrict y = m->y;
    size_t sc = m->step[0], sa = m->step[1], sb = m->step[2];
    if (sc && sa && sb)
        for (size_t i = 0; i < m->n; i++)
            y[i] = cm_pick(c[i] != 0, a[i], b[i]);
    else
        for (size_t i = 0; i < m->n; i++)
            y[i] = cm_pick(c[i * sc] != 0, a[i * sa], b[i * sb]);
}

static void CPU_FN(map)(enum su_op op, enum su_dtype in, enum su_dtype out, int32_t attr,
                        const void *const arg[3], const size_t step[3], void *y, size_t n,
                        uint64_t *sat)
{
    struct map_args m = {
        .arg = {arg[0], arg[1], arg[2]}, .step = {step[0], step[1], step[2]}, .y = y, .n = n};
    if (op == SU_OP_WHERE)
        map_where(&m);
    else if (op == SU_OP_CMP)
        map_compare(in, attr, &m);
    else if (!arg[1])
        map_unary(op, in, out, &m);
    else if (in == SU_F32)
        map_binary_f32(op, &m);
    else
        map_binary_int(op, in == SU_I32, &m);
    *sat += m.clamped;
}

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
