// SPDX-License-Identifier: MIT
/* Elementwise ops of one instruction set; part of cpu_kernels_body.h, which includes this once. */

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
