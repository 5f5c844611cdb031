// SPDX-License-Identifier: MIT
/* The probes of the conformance suite as small graphs. Appending one changes the suite's root: regenerate conformance_answers.c
   (test_conformance prints it). */
#include "conformance_priv.h"

#define TRY(call)                                                                                  \
    do {                                                                                           \
        enum su_code try_rc = (call);                                                              \
        if (try_rc != SU_OK)                                                                       \
            return try_rc;                                                                         \
    } while (0)

static struct su_shape shape_of(uint32_t rank, const int32_t *dim)
{
    struct su_shape s = {.rank = rank};
    for (uint32_t d = 0; d < rank; d++)
        s.dim[d] = (uint32_t)dim[d];
    return s;
}

static enum su_code input(struct su_graph *g, const char *name, enum su_dtype t, uint32_t rank,
                          const int32_t *dim, uint32_t *id, struct su_err *e)
{
    struct su_shape s = shape_of(rank, dim);
    return su_graph_add_input(g, name, SU_ROWS, t, &s, id, e);
}

static enum su_code weight(struct su_graph *g, const char *name, enum su_dtype t, uint32_t rank,
                           const int32_t *dim, uint32_t *id, struct su_err *e)
{
    struct su_shape s = shape_of(rank, dim);
    return su_graph_add_weight(g, name, t, &s, 0, id, e);
}

static enum su_code node(struct su_graph *g, enum su_op op, uint32_t n_arg, const uint32_t *arg,
                         uint32_t n_attr, const int32_t *attr, uint32_t *id, struct su_err *e)
{
    return su_graph_add_node(g, op, arg, n_arg, attr, n_attr, NULL, 0, id, e);
}

/* arg: op, length, input type, attributes given (0/1), attribute */
static enum su_code build_unary(struct su_graph *g, const int32_t *arg, struct su_err *e)
{
    uint32_t x = 0, y = 0;
    TRY(input(g, "x", (enum su_dtype)arg[2], 1, arg + 1, &x, e));
    TRY(node(g, (enum su_op)arg[0], 1, &x, (uint32_t)arg[3], arg + 4, &y, e));
    return su_graph_add_output(g, "y", y, e);
}

/* arg: op, length, type, attributes, attribute */
static enum su_code build_binary(struct su_graph *g, const int32_t *arg, struct su_err *e)
{
    uint32_t x[2] = {0}, y = 0;
    TRY(input(g, "a", (enum su_dtype)arg[2], 1, arg + 1, &x[0], e));
    TRY(input(g, "b", (enum su_dtype)arg[2], 1, arg + 1, &x[1], e));
    TRY(node(g, (enum su_op)arg[0], 2, x, (uint32_t)arg[3], arg + 4, &y, e));
    return su_graph_add_output(g, "y", y, e);
}

/* a * b + c, then c - a * b: what a contracting compiler would turn into one rounding. arg: length */
static enum su_code build_contract(struct su_graph *g, const int32_t *arg, struct su_err *e)
{
    uint32_t x[3] = {0}, p = 0, y = 0, z = 0;
    TRY(input(g, "a", SU_F32, 1, arg, &x[0], e));
    TRY(input(g, "b", SU_F32, 1, arg, &x[1], e));
    TRY(input(g, "c", SU_F32, 1, arg, &x[2], e));
    TRY(node(g, SU_OP_MUL, 2, x, 0, NULL, &p, e));
    TRY(node(g, SU_OP_ADD, 2, (uint32_t[]){p, x[2]}, 0, NULL, &y, e));
    TRY(node(g, SU_OP_SUB, 2, (uint32_t[]){x[2], p}, 0, NULL, &z, e));
    TRY(su_graph_add_output(g, "y", y, e));
    return su_graph_add_output(g, "z", z, e);
}

/* where(a < b, silu(a + b) * tanh(a), max(a, b)) with b broadcast: a chain a backend may fuse. arg: outer, inner */
static enum su_code build_chain(struct su_graph *g, const int32_t *arg, struct su_err *e)
{
    uint32_t a = 0, b = 0, t[6] = {0}, y = 0;
    TRY(input(g, "a", SU_F32, 2, arg, &a, e));
    TRY(weight(g, "b", SU_F32, 1, arg + 1, &b, e));
    TRY(node(g, SU_OP_ADD, 2, (uint32_t[]){a, b}, 0, NULL, &t[0], e));
    TRY(node(g, SU_OP_SILU, 1, &t[0], 0, NULL, &t[1], e));
    TRY(node(g, SU_OP_TANH, 1, &a, 0, NULL, &t[2], e));
    TRY(node(g, SU_OP_MUL, 2, (uint32_t[]){t[1], t[2]}, 0, NULL, &t[3], e));
    TRY(node(g, SU_OP_MAX, 2, (uint32_t[]){a, b}, 0, NULL, &t[4], e));
    TRY(node(g, SU_OP_CMP, 2, (uint32_t[]){a, b}, 1, (int32_t[]){0}, &t[5], e));
    TRY(node(g, SU_OP_WHERE, 3, (uint32_t[]){t[5], t[3], t[4]}, 0, NULL, &y, e));
    return su_graph_add_output(g, "y", y, e);
}

/* arg: M, K, N, weight type */
static enum su_code build_matmul(struct su_graph *g, const int32_t *arg, struct su_err *e)
{
    uint32_t x[2] = {0}, y = 0;
    TRY(input(g, "a", SU_F32, 2, arg, &x[0], e));
    TRY(weight(g, "w", (enum su_dtype)arg[3], 2, (int32_t[]){arg[2], arg[1]}, &x[1], e));
    TRY(node(g, SU_OP_MATMUL, 2, x, 0, NULL, &y, e));
    return su_graph_add_output(g, "y", y, e);
}

/* Both operands computed, batched. arg: batch, M, K, N */
static enum su_code build_matmul_batch(struct su_graph *g, const int32_t *arg, struct su_err *e)
{
    uint32_t x[2] = {0}, y = 0;
    TRY(input(g, "a", SU_F32, 3, arg, &x[0], e));
    TRY(input(g, "b", SU_F32, 3, (int32_t[]){arg[0], arg[3], arg[2]}, &x[1], e));
    TRY(node(g, SU_OP_MATMUL, 2, x, 0, NULL, &y, e));
    return su_graph_add_output(g, "y", y, e);
}

/* arg: C H W, N, kh kw, stride, pad, dilation, groups */
static enum su_code build_conv(struct su_graph *g, const int32_t *arg, struct su_err *e)
{
    uint32_t x[2] = {0}, y = 0;
    const int32_t attr[9] = {arg[6], arg[6], arg[7], arg[7], arg[7],
                             arg[7], arg[8], arg[8], arg[9]};
    TRY(input(g, "x", SU_F32, 3, arg, &x[0], e));
    TRY(weight(g, "w", SU_F32, 4, (int32_t[]){arg[3], arg[0] / arg[9], arg[4], arg[5]}, &x[1], e));
    TRY(node(g, SU_OP_CONV2D, 2, x, 9, attr, &y, e));
    return su_graph_add_output(g, "y", y, e);
}

/* arg: C H W, k, stride, pad, count padding */
static enum su_code build_pools(struct su_graph *g, const int32_t *arg, struct su_err *e)
{
    uint32_t x = 0, y = 0, z = 0;
    const int32_t attr[9] = {arg[3], arg[3], arg[4], arg[4], arg[5],
                             arg[5], arg[5], arg[5], arg[6]};
    TRY(input(g, "x", SU_F32, 3, arg, &x, e));
    TRY(node(g, SU_OP_MAXPOOL, 1, &x, 8, attr, &y, e));
    TRY(node(g, SU_OP_AVGPOOL, 1, &x, 9, attr, &z, e));
    TRY(su_graph_add_output(g, "max", y, e));
    return su_graph_add_output(g, "avg", z, e);
}

/* sum, max, prod over a mask, then argmax, cumsum and topk over the last axis. arg: A B, mask, k */
static enum su_code build_reduce(struct su_graph *g, const int32_t *arg, struct su_err *e)
{
    static const struct {
        enum su_op op;
        const char *name;
    } masked[3] = {
        {SU_OP_REDUCE_SUM, "sum"}, {SU_OP_REDUCE_MAX, "max"}, {SU_OP_REDUCE_PROD, "prod"}};
    uint32_t x = 0, y = 0;
    TRY(input(g, "x", SU_F32, 2, arg, &x, e));
    for (uint32_t i = 0; i < 3; i++) {
        TRY(node(g, masked[i].op, 1, &x, 2, (int32_t[]){arg[2], 0}, &y, e));
        TRY(su_graph_add_output(g, masked[i].name, y, e));
    }
    TRY(node(g, SU_OP_ARGMAX, 1, &x, 2, (int32_t[]){1, 0}, &y, e));
    TRY(su_graph_add_output(g, "argmax", y, e));
    TRY(node(g, SU_OP_CUMSUM, 1, &x, 1, (int32_t[]){1}, &y, e));
    TRY(su_graph_add_output(g, "cumsum", y, e));
    TRY(node(g, SU_OP_TOPK, 1, &x, 1, arg + 3, &y, e));
    TRY(su_graph_add_output(g, "topk", y, e));
    return su_graph_add_output(g, "topk_index", y + 1, e);
}

/* softmax, layernorm and rmsnorm of the same rows. arg: A D */
static enum su_code build_norms(struct su_graph *g, const int32_t *arg, struct su_err *e)
{
    const int32_t attr[2] = {0x3727c5ac, 0x3f800000}; /* eps 1e-5, offset 1 */
    uint32_t x = 0, w = 0, b = 0, y = 0;
    TRY(input(g, "x", SU_F32, 2, arg, &x, e));
    TRY(weight(g, "w", SU_F32, 1, arg + 1, &w, e));
    TRY(weight(g, "b", SU_F32, 1, arg + 1, &b, e));
    TRY(node(g, SU_OP_SOFTMAX, 1, &x, 0, NULL, &y, e));
    TRY(su_graph_add_output(g, "softmax", y, e));
    TRY(node(g, SU_OP_LAYERNORM, 3, (uint32_t[]){x, w, b}, 1, attr, &y, e));
    TRY(su_graph_add_output(g, "layernorm", y, e));
    TRY(node(g, SU_OP_RMSNORM, 2, (uint32_t[]){x, w}, 2, attr, &y, e));
    return su_graph_add_output(g, "rmsnorm", y, e);
}

/* permute, flip, slice, pad, shrink, concat, expand, iota, gather, embedding. */
static enum su_code build_moves(struct su_graph *g, const int32_t *arg, struct su_err *e)
{
    (void)arg;
    const int32_t dim[3] = {5, 6, 7};
    uint32_t x = 0, i = 0, w = 0, t[8] = {0}, y = 0;
    TRY(input(g, "x", SU_F32, 3, dim, &x, e));
    TRY(input(g, "index", SU_I32, 1, (int32_t[]){9}, &i, e));
    TRY(weight(g, "w", SU_F16, 2, (int32_t[]){11, 8}, &w, e));
    TRY(node(g, SU_OP_PERMUTE, 1, &x, 3, (int32_t[]){2, 0, 1}, &t[0], e));
    TRY(node(g, SU_OP_FLIP, 1, &t[0], 1, (int32_t[]){5}, &t[1], e));
    TRY(node(g, SU_OP_SLICE, 1, &t[1], 4, (int32_t[]){0, 1, 7, 2}, &t[2], e));
    TRY(node(g, SU_OP_PAD, 1, &t[2], 6, (int32_t[]){1, 0, 0, 2, 1, 1}, &t[3], e));
    TRY(node(g, SU_OP_SHRINK, 1, &t[3], 6, (int32_t[]){0, 3, 1, 6, 2, 8}, &t[4], e));
    TRY(node(g, SU_OP_CONCAT, 2, (uint32_t[]){t[4], t[4]}, 1, (int32_t[]){1}, &t[5], e));
    TRY(su_graph_add_output(g, "moved", t[5], e));
    TRY(node(g, SU_OP_GATHER, 2, (uint32_t[]){x, i}, 1, (int32_t[]){1}, &y, e));
    TRY(su_graph_add_output(g, "gathered", y, e));
    TRY(node(g, SU_OP_EMBEDDING, 2, (uint32_t[]){w, i}, 0, NULL, &y, e));
    TRY(su_graph_add_output(g, "embedded", y, e));
    TRY(node(g, SU_OP_IOTA, 0, NULL, 4, (int32_t[]){SU_F32, 1, 4, 9}, &t[6], e));
    TRY(node(g, SU_OP_RESHAPE, 1, &x, 2, (int32_t[]){210, 1}, &t[7], e));
    TRY(node(g, SU_OP_EXPAND, 1, &t[7], 2, (int32_t[]){210, 3}, &y, e));
    TRY(su_graph_add_output(g, "expanded", y, e));
    return su_graph_add_output(g, "iota", t[6], e);
}

/* Integers bit by bit, logical shift and remainder of U32, with a const. arg: length */
static enum su_code build_bits(struct su_graph *g, const int32_t *arg, struct su_err *e)
{
    static const enum su_op op[] = {SU_OP_AND, SU_OP_OR, SU_OP_XOR, SU_OP_SHR, SU_OP_MOD};
    static const uint8_t mask[4] = {0xf0, 0x5a, 0x00, 0xc3};
    uint32_t x[2] = {0}, c = 0, y = 0;
    TRY(input(g, "a", SU_U32, 1, arg, &x[0], e));
    TRY(input(g, "b", SU_U32, 1, arg, &x[1], e));
    for (uint32_t i = 0; i < SU_ARRAY_LEN(op); i++) {
        TRY(node(g, op[i], 2, x, 0, NULL, &y, e));
        TRY(su_graph_add_output(g, su_op_name(op[i]), y, e));
    }
    TRY(su_graph_add_node(g, SU_OP_CONST, NULL, 0, (int32_t[]){SU_U32, 1}, 2, mask, sizeof mask, &c,
                          e));
    TRY(node(g, SU_OP_XOR, 2, (uint32_t[]){x[0], c}, 0, NULL, &y, e));
    return su_graph_add_output(g, "masked", y, e);
}

#define SWEEP (1 << 20)
#define UNARY(text, op)                                                                            \
    {                                                                                              \
        text, 1, {FILL_SWEEP}, build_unary,                                                        \
        {                                                                                          \
            SU_OP_##op, SWEEP, SU_F32                                                              \
        }                                                                                          \
    }
#define BINARY(text, op, type, filling)                                                            \
    {                                                                                              \
        text, 3, {filling}, build_binary,                                                          \
        {                                                                                          \
            SU_OP_##op, 20011, SU_##type                                                           \
        }                                                                                          \
    }

#define FIRST [CONFORMANCE_FIRST]
#define SESSIONS [CONFORMANCE_SESSIONS]
#define EMIT_STEP [CONFORMANCE_EMIT_STEP]
#define QMATMUL(text, type, k)                                                                     \
    {"qmatmul " text, 13, {FILL_UNIT}, conformance_build_qmatmul, {SU_##type, k, 37, FIRST = 1}},  \
    {                                                                                              \
        "qmatmul " text ", wide", 3, {FILL_WIDE}, conformance_build_qmatmul,                       \
        {                                                                                          \
            SU_##type, k, 37                                                                       \
        }                                                                                          \
    }

const struct conformance_probe conformance_probes[] = {
    UNARY("neg", NEG),
    UNARY("recip", RECIP),
    UNARY("sqrt", SQRT),
    UNARY("rsqrt", RSQRT),
    UNARY("exp", EXP),
    UNARY("exp2", EXP2),
    UNARY("log2", LOG2),
    UNARY("sin", SIN),
    UNARY("relu", RELU),
    UNARY("silu", SILU),
    UNARY("gelu", GELU),
    UNARY("sigmoid", SIGMOID),
    UNARY("tanh", TANH),
    UNARY("trunc", TRUNC),
    {"cast f32 to i32", 1, {FILL_SWEEP}, build_unary, {SU_OP_CAST, SWEEP, SU_F32, 1, SU_I32}},
    {"cast i32 to f32", 1, {FILL_INT}, build_unary, {SU_OP_CAST, SWEEP, SU_I32, 1, SU_F32}},
    {"cast u32 to f32", 1, {FILL_INT}, build_unary, {SU_OP_CAST, SWEEP, SU_U32, 1, SU_F32}},
    {"bitcast u32 to f32", 1, {FILL_INT}, build_unary, {SU_OP_BITCAST, SWEEP, SU_U32, 1, SU_F32}},
    BINARY("add", ADD, F32, FILL_WIDE),
    BINARY("add, rounding to even", ADD, F32, FILL_CLOSE),
    BINARY("add, near the flush bound", ADD, F32, FILL_CANCEL),
    BINARY("sub", SUB, F32, FILL_WIDE),
    BINARY("sub, near the flush bound", SUB, F32, FILL_CANCEL),
    BINARY("mul", MUL, F32, FILL_WIDE),
    BINARY("mul, rounding to even", MUL, F32, FILL_CLOSE),
    BINARY("max", MAX, F32, FILL_WIDE),
    BINARY("min", MIN, F32, FILL_WIDE),
    BINARY("integer mul", MUL, I32, FILL_INT),
    BINARY("integer max", MAX, I32, FILL_INT),
    BINARY("i32 division", IDIV, I32, FILL_INT),
    BINARY("i32 remainder", MOD, I32, FILL_INT),
    BINARY("u32 division", IDIV, U32, FILL_INT),
    BINARY("shift left", SHL, U32, FILL_INT),
    BINARY("arithmetic shift right", SHR, I32, FILL_INT),
    {"compare", 3, {FILL_WIDE}, build_binary, {SU_OP_CMP, 20011, SU_F32, 1, 1}},
    {"contraction", 2, {FILL_CLOSE}, build_contract, {65536}},
    {"contraction, wide", 2, {FILL_WIDE}, build_contract, {65536}},
    {"elementwise chain", 3, {FILL_UNIT}, build_chain, {33, 65}},
    {"elementwise chain, wide", 3, {FILL_WIDE}, build_chain, {33, 65}},
    {"matmul 1x1x1", 1, {FILL_UNIT}, build_matmul, {1, 1, 1, SU_F32}},
    {"matmul 3x255x7", 2, {FILL_UNIT}, build_matmul, {3, 255, 7, SU_F32}},
    {"matmul 1x256x64", 5, {FILL_UNIT}, build_matmul, {1, 256, 64, SU_F32}},
    {"matmul 13x257x33", 1, {FILL_CLOSE}, build_matmul, {13, 257, 33, SU_F32}},
    {"matmul 5x1023x130, f16", 3, {FILL_UNIT}, build_matmul, {5, 1023, 130, SU_F16}},
    {"matmul 2x70000x3, bf16", 1, {FILL_UNIT}, build_matmul, {2, 70000, 3, SU_BF16}},
    {"matmul, wide", 2, {FILL_WIDE}, build_matmul, {4, 300, 20, SU_F32}},
    {"matmul of two computed operands", 2, {FILL_UNIT}, build_matmul_batch, {3, 5, 270, 6}},
    {"conv2d 1x28x28, 5x5", 3, {FILL_UNIT}, build_conv, {1, 28, 28, 16, 5, 5, 1, 2, 1, 1}},
    {"conv2d 16x14x14, 3x3", 2, {FILL_UNIT}, build_conv, {16, 14, 14, 48, 3, 3, 1, 1, 1, 1}},
    {"conv2d, stride 2, dilation 2", 2, {FILL_UNIT}, build_conv, {6, 17, 19, 9, 3, 3, 2, 3, 2, 3}},
    {"conv2d, depthwise", 1, {FILL_UNIT}, build_conv, {24, 9, 9, 24, 3, 3, 1, 1, 1, 24}},
    {"pools 2x2", 3, {FILL_UNIT}, build_pools, {5, 14, 15, 2, 2, 0, 0}},
    {"pools 7x7, padded", 1, {FILL_WIDE}, build_pools, {3, 20, 21, 7, 3, 3, 1}},
    {"reductions of 33", 4, {FILL_UNIT}, build_reduce, {7, 33, 2, 5}},
    {"reductions over both axes", 2, {FILL_UNIT}, build_reduce, {31, 40, 3, 40}},
    {"reductions over the first axis", 2, {FILL_WIDE}, build_reduce, {65, 37, 1, 3}},
    {"products near the flush bound", 2, {FILL_CANCEL}, build_reduce, {3, 70, 1, 2}},
    {"reductions of 70000", 1, {FILL_UNIT}, build_reduce, {1, 70000, 2, 8}},
    {"norms of 1", 3, {FILL_UNIT}, build_norms, {2, 1}},
    {"norms of 100", 3, {FILL_UNIT}, build_norms, {3, 100}},
    {"norms of 1000, wide", 2, {FILL_WIDE}, build_norms, {2, 1000}},
    {"norms of 66000", 1, {FILL_UNIT}, build_norms, {1, 66000}},
    {"movement and indexing", 3, {FILL_UNIT, FILL_INDEX, FILL_UNIT}, build_moves, {0}},
    QMATMUL("q4_0", Q4_0, 544),
    QMATMUL("q4_1", Q4_1, 544),
    QMATMUL("q5_0", Q5_0, 544),
    QMATMUL("q5_1", Q5_1, 544),
    QMATMUL("q8_0", Q8_0, 544),
    QMATMUL("q4_k", Q4_K, 768),
    QMATMUL("q5_k", Q5_K, 768),
    QMATMUL("q6_k", Q6_K, 768),
    {"embedding of blocks", 4, {FILL_INDEX}, conformance_build_embedding, {0}},
    {"embedding of any blocks", 4, {FILL_INDEX, FILL_WIDE}, conformance_build_embedding, {0}},
    {"rope", 40, {FILL_UNIT}, conformance_build_rope, {0}},
    {"rope, wide", 5, {FILL_WIDE}, conformance_build_rope, {0}},
    {"attention over 3 segments",
     530,
     {FILL_UNIT},
     conformance_build_attention,
     {2, 1, 16, 0x3e800000, 0, 0, FIRST = 529, SESSIONS = 1}},
    {"attention, window and softcap",
     600,
     {FILL_UNIT},
     conformance_build_attention,
     {4, 2, 15, 0x3f000000, 70, 0x41200000, FIRST = 100, SESSIONS = 2}},
    {"attention of 3 sessions, wide",
     60,
     {FILL_WIDE},
     conformance_build_attention,
     {3, 3, 64, 0x3e000000, 0, 0, FIRST = 3, SESSIONS = 3}},
    {"experts", 9, {FILL_UNIT}, conformance_build_experts, {8, 3, SU_Q4_K, SU_Q8_0, FIRST = 1}},
    {"experts that tie", 3, {FILL_COARSE}, conformance_build_experts, {40, 8, SU_Q4_0, SU_Q6_K}},
    {"emitted rows", 19, {FILL_UNIT}, conformance_build_emitted, {96, FIRST = 1, EMIT_STEP = 3}},
    {"a decoder",
     51,
     {FILL_INDEX, FILL_CLOSE},
     conformance_build_decoder,
     {FIRST = 48, SESSIONS = 3, EMIT_STEP = 4}},
    {"integers bit by bit", 3, {FILL_INT}, build_bits, {20011}},
};
const uint32_t conformance_n_probes = SU_ARRAY_LEN(conformance_probes);
