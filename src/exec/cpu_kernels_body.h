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

typedef float vec __attribute__((vector_size(CPU_VEC_BYTES)));
typedef float vec_unaligned __attribute__((vector_size(CPU_VEC_BYTES), aligned(4)));
#define VEC_LANES (CPU_VEC_BYTES / 4)
#define PANEL (2 * VEC_LANES)

static inline vec vec_load(const float *p)
{
    return (vec)(*(const vec_unaligned *)p);
}

/* Tile of MR rows by NV vectors. ap[m] is row m of A; results land in out[m][NV·VEC_LANES]. */
#define TILE_FUNCTION(NAME, MR, NV)                                                                \
    static void NAME(const float *w, uint32_t k, const float *const *ap, const uint32_t *k_off,    \
                     float *out)                                                                   \
    {                                                                                              \
        vec total[MR][NV];                                                                         \
        memset(total, 0, sizeof total);                                                            \
        for (uint32_t k0 = 0; k0 < k; k0 += SEGMENT) {                                             \
            uint32_t k1 = k - k0 < SEGMENT ? k : k0 + SEGMENT;                                     \
            vec acc[MR][NV];                                                                       \
            _Pragma("GCC unroll 8") for (int m = 0; m < MR; m++)                                   \
                _Pragma("GCC unroll 2") for (int v = 0; v < NV; v++) acc[m][v] = (vec){0};         \
            for (uint32_t i = k0; i < k1; i++) {                                                   \
                size_t at = k_off ? k_off[i] : i;                                                  \
                vec wv[NV];                                                                        \
                _Pragma("GCC unroll 2") for (int v = 0; v < NV; v++) wv[v] =                       \
                    vec_load(w + (size_t)i * (NV * VEC_LANES) + (size_t)v * VEC_LANES);            \
                _Pragma("GCC unroll 8") for (int m = 0; m < MR; m++)                               \
                {                                                                                  \
                    float x = ap[m][at];                                                           \
                    _Pragma("GCC unroll 2") for (int v = 0; v < NV; v++) acc[m][v] += wv[v] * x;   \
                }                                                                                  \
            }                                                                                      \
            _Pragma("GCC unroll 8") for (int m = 0; m < MR; m++)                                   \
                _Pragma("GCC unroll 2") for (int v = 0; v < NV; v++) total[m][v] += acc[m][v];     \
        }                                                                                          \
        memcpy(out, total, sizeof total);                                                          \
    }

TILE_FUNCTION(tile_many_2, CPU_TILE, 2)
TILE_FUNCTION(tile_one_2, 1, 2)
TILE_FUNCTION(tile_many_1, CPU_TILE, 1)
TILE_FUNCTION(tile_one_1, 1, 1)

/* Panels narrower than a vector: width p rows of W, one row of A. */
static void tile_narrow(const float *w, uint32_t p, uint32_t k, const float *ap,
                        const uint32_t *k_off, float *out)
{
    float total[VEC_LANES] = {0};
    for (uint32_t k0 = 0; k0 < k; k0 += SEGMENT) {
        uint32_t k1 = k - k0 < SEGMENT ? k : k0 + SEGMENT;
        float acc[VEC_LANES] = {0};
        for (uint32_t i = k0; i < k1; i++) {
            float x = ap[k_off ? k_off[i] : i];
            for (uint32_t j = 0; j < p; j++) {
                float product = w[(size_t)i * p + j] * x;
                acc[j] += product;
            }
        }
        for (uint32_t j = 0; j < p; j++)
            total[j] += acc[j];
    }
    memcpy(out, total, p * sizeof *out);
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

static void gemm_store(struct cpu_gemm *g, float *tile, uint32_t m0, uint32_t mr, uint32_t n0,
                       uint32_t p)
{
    cpu_fix_block(tile, (size_t)mr * p, &g->saturations);
    for (uint32_t m = 0; m < mr; m++) {
        float *y = g->y + (size_t)(m0 + m) * g->y_m + (size_t)n0 * g->y_n;
        if (g->y_n == 1)
            memcpy(y, tile + (size_t)m * p, p * sizeof *y);
        else
            for (uint32_t j = 0; j < p; j++)
                y[(size_t)j * g->y_n] = tile[(size_t)m * p + j];
    }
}

static const float *gemm_row(const struct cpu_gemm *g, uint32_t m)
{
    return g->a + (g->m_off ? g->m_off[m] : (size_t)m * g->a_m);
}

static void gemm_panel(struct cpu_gemm *g, const float *w, uint32_t n0, uint32_t p)
{
    float tile[CPU_TILE * PANEL];
    uint32_t m = 0;
    if (p >= VEC_LANES) {
        for (; m + CPU_TILE <= g->m; m += CPU_TILE) {
            const float *ap[CPU_TILE];
            for (uint32_t j = 0; j < CPU_TILE; j++)
                ap[j] = gemm_row(g, m + j);
            if (p == PANEL)
                tile_many_2(w, g->k, ap, g->k_off, tile);
            else
                tile_many_1(w, g->k, ap, g->k_off, tile);
            gemm_store(g, tile, m, CPU_TILE, n0, p);
        }
    }
    for (; m < g->m; m++) {
        const float *ap = gemm_row(g, m);
        if (p == PANEL)
            tile_one_2(w, g->k, &ap, g->k_off, tile);
        else if (p == VEC_LANES)
            tile_one_1(w, g->k, &ap, g->k_off, tile);
        else
            tile_narrow(w, p, g->k, ap, g->k_off, tile);
        gemm_store(g, tile, m, 1, n0, p);
    }
}

static void CPU_FN(gemm)(struct cpu_gemm *g)
{
    uint32_t p = PANEL;
    for (uint32_t n = g->n_begin; n < g->n_end; n += p) {
        while (p > g->n - n)
            p /= 2;
        gemm_panel(g, g->w + (size_t)n * g->k, n, p);
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
        MAP1(float, int32_t, cm_bits(x) & CM_SIGN ? 0 : cm_to_i32(x));
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
    const uint32_t *c = m->arg[0], *a = m->arg[1], *b = m->arg[2];
    uint32_t *restrict y = m->y;
    if (m->step[0] && m->step[1] && m->step[2])
        for (size_t i = 0; i < m->n; i++)
            y[i] = c[i] ? a[i] : b[i];
    else
        for (size_t i = 0; i < m->n; i++)
            y[i] = c[i * m->step[0]] ? a[i * m->step[1]] : b[i * m->step[2]];
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
    return cm_float((u & ~CM_SIGN) < 0x27800000u ? 0 : u);
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

static void CPU_FN(fix)(float *x, size_t n, uint64_t *sat)
{
    cpu_fix_block(x, n, sat);
}

const struct cpu_kernels CPU_FN(cpu_kernels) = {
    .name = CPU_STR(CPU_ISA),
    .panel = PANEL,
    .gemm = CPU_FN(gemm),
    .map = CPU_FN(map),
    .fix = CPU_FN(fix),
    .sum = CPU_FN(sum),
    .softmax = CPU_FN(softmax),
    .layernorm = CPU_FN(layernorm),
    .rmsnorm = CPU_FN(rmsnorm),
};
