// SPDX-License-Identifier: MIT
/* Probes of sequence models as small graphs. */
#include "conformance_priv.h"

#define TRY(call)                                                                                  \
    do {                                                                                           \
        enum su_code try_rc = (call);                                                              \
        if (try_rc != SU_OK)                                                                       \
            return try_rc;                                                                         \
    } while (0)
#define SHAPE(...)                                                                                 \
    (struct su_shape)                                                                              \
    {                                                                                              \
        sizeof((uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t),                                      \
        {                                                                                          \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }
#define BITS_1E_MINUS_5 0x3727c5ac
#define BITS_EIGHTH 0x3e000000
#define BITS_1 0x3f800000
#define BITS_1E4 0x461c4000
#define BITS_5E5 0x48f42400

static enum su_code input(struct su_graph *g, const char *name, enum su_dtype t,
                          struct su_shape shape, uint32_t *id, struct su_err *e)
{
    return su_graph_add_input(g, name, SU_ROWS, t, &shape, id, e);
}

static enum su_code weight(struct su_graph *g, const char *name, enum su_dtype t,
                           struct su_shape shape, uint32_t *id, struct su_err *e)
{
    return su_graph_add_weight(g, name, t, &shape, 0, id, e);
}

static enum su_code node(struct su_graph *g, enum su_op op, uint32_t n_arg, const uint32_t *arg,
                         uint32_t n_attr, const int32_t *attr, uint32_t *id, struct su_err *e)
{
    return su_graph_add_node(g, op, arg, n_arg, attr, n_attr, NULL, 0, id, e);
}

/* x by a new weight [n][k]. */
static enum su_code product(struct su_graph *g, const char *name, enum su_dtype t, uint32_t n,
                            uint32_t k, uint32_t x, uint32_t *y, struct su_err *e)
{
    uint32_t w = 0;
    TRY(weight(g, name, t, SHAPE(n, k), &w, e));
    return node(g, SU_OP_QMATMUL, 2, (uint32_t[]){x, w}, 0, NULL, y, e);
}

/* arg: type, K, N */
enum su_code conformance_build_qmatmul(struct su_graph *g, const int32_t *arg, struct su_err *e)
{
    uint32_t x = 0, y = 0, k = (uint32_t)arg[1];
    TRY(input(g, "a", SU_F32, SHAPE(k), &x, e));
    TRY(product(g, "w", (enum su_dtype)arg[0], (uint32_t)arg[2], k, x, &y, e));
    return su_graph_add_output(g, "y", y, e);
}

/* Rows of tables of every block type. */
enum su_code conformance_build_embedding(struct su_graph *g, const int32_t *arg, struct su_err *e)
{
    static const enum su_dtype type[] = {SU_Q4_0, SU_Q4_1, SU_Q5_0, SU_Q5_1,
                                         SU_Q8_0, SU_Q4_K, SU_Q5_K, SU_Q6_K};
    uint32_t index = 0, w = 0, y = 0;
    (void)arg;
    TRY(input(g, "index", SU_I32, SHAPE(3), &index, e));
    for (uint32_t i = 0; i < SU_ARRAY_LEN(type); i++) {
        TRY(weight(g, su_dtype_name(type[i]), type[i], SHAPE(11, 512), &w, e));
        TRY(node(g, SU_OP_EMBEDDING, 2, (uint32_t[]){w, index}, 0, NULL, &y, e));
        TRY(su_graph_add_output(g, su_dtype_name(type[i]), y, e));
    }
    return SU_OK;
}

/* Both pairings, part of the axis, factors, and every kind of scaling. */
enum su_code conformance_build_rope(struct su_graph *g, const int32_t *arg, struct su_err *e)
{
    static const int32_t attr[5][8] = {
        {0, 48, BITS_1E4, BITS_1, 0, 0, 0, 0},
        {1, 48, BITS_5E5, BITS_EIGHTH, 0, 0, 0, 0},
        {1, 20, BITS_1E4, BITS_1, 0, 0, 0, 0},
        {1, 48, BITS_5E5, BITS_EIGHTH, 1, BITS_1, 0x40800000, 0x46000000}, /* 1, 4, 8192 */
        {0, 48, BITS_1E4, BITS_EIGHTH, 2, 0x42000000, BITS_1, 0x45800000}, /* 32, 1, 4096 */
    };
    static const char *const name[5] = {"neighbours", "halves", "part", "llama3", "yarn"};
    uint32_t x = 0, f = 0, y = 0;
    (void)arg;
    TRY(input(g, "x", SU_F32, SHAPE(3, 48), &x, e));
    TRY(weight(g, "factors", SU_F32, SHAPE(24), &f, e));
    for (uint32_t i = 0; i < SU_ARRAY_LEN(attr); i++) {
        TRY(node(g, SU_OP_ROPE, 1, &x, 8, attr[i], &y, e));
        TRY(su_graph_add_output(g, name[i], y, e));
    }
    TRY(node(g, SU_OP_ROPE, 2, (uint32_t[]){x, f}, 8, attr[1], &y, e));
    return su_graph_add_output(g, "factored", y, e);
}

/* Keys and values go into states, and queries look at them. */
static enum su_code attend(struct su_graph *g, uint32_t q, uint32_t k, uint32_t v,
                           struct su_shape row, const int32_t attr[7], uint32_t *y,
                           struct su_err *e)
{
    uint32_t keys = 0, values = 0;
    TRY(su_graph_add_state(g, "keys", &row, &keys, e));
    TRY(su_graph_add_state(g, "values", &row, &values, e));
    TRY(node(g, SU_OP_STATE_APPEND, 2, (uint32_t[]){k, keys}, 0, NULL, &keys, e));
    TRY(node(g, SU_OP_STATE_APPEND, 2, (uint32_t[]){v, values}, 0, NULL, &values, e));
    return node(g, SU_OP_ATTENTION, 3, (uint32_t[]){q, keys, values}, 7, attr, y, e);
}

/* arg: heads, kv heads, head dim, scale, window, softcap */
enum su_code conformance_build_attention(struct su_graph *g, const int32_t *arg, struct su_err *e)
{
    const int32_t attr[7] = {arg[0], arg[1], arg[2], arg[3], arg[4], arg[5], 0};
    uint32_t q = 0, k = 0, v = 0, y = 0, dim = (uint32_t)arg[2];
    TRY(input(g, "q", SU_F32, SHAPE((uint32_t)arg[0], dim), &q, e));
    TRY(input(g, "k", SU_F32, SHAPE((uint32_t)arg[1], dim), &k, e));
    TRY(input(g, "v", SU_F32, SHAPE((uint32_t)arg[1], dim), &v, e));
    TRY(attend(g, q, k, v, SHAPE((uint32_t)arg[1], dim), attr, &y, e));
    return su_graph_add_output(g, "y", y, e);
}

/* The router's choice with and without its weights made to sum to 1, and products with the experts
   chosen: of one row for all, then of a row for each. arg: experts, used, type of the first, of the
   second */
enum su_code conformance_build_experts(struct su_graph *g, const int32_t *arg, struct su_err *e)
{
    uint32_t experts = (uint32_t)arg[0], logits = 0, x = 0, w[2] = {0}, r = 0, y = 0, z = 0;
    TRY(input(g, "logits", SU_F32, SHAPE(experts), &logits, e));
    TRY(input(g, "x", SU_F32, SHAPE(256), &x, e));
    TRY(weight(g, "up", (enum su_dtype)arg[2], SHAPE(experts, 256, 256), &w[0], e));
    TRY(weight(g, "down", (enum su_dtype)arg[3], SHAPE(experts, 19, 256), &w[1], e));
    TRY(node(g, SU_OP_MOE_ROUTE, 1, &logits, 3, (int32_t[]){arg[0], arg[1], 0}, &r, e));
    TRY(su_graph_add_output(g, "share", r, e));
    TRY(node(g, SU_OP_MOE_ROUTE, 1, &logits, 3, (int32_t[]){arg[0], arg[1], 1}, &r, e));
    TRY(su_graph_add_output(g, "weight", r, e));
    TRY(su_graph_add_output(g, "id", r + 1, e));
    TRY(node(g, SU_OP_QMATMUL_ID, 3, (uint32_t[]){x, w[0], r + 1}, 0, NULL, &y, e));
    TRY(node(g, SU_OP_QMATMUL_ID, 3, (uint32_t[]){y, w[1], r + 1}, 0, NULL, &z, e));
    TRY(su_graph_add_output(g, "up", y, e));
    return su_graph_add_output(g, "down", z, e);
}

/* Emitted rows, and work on them alone and beside all rows. arg: D */
enum su_code conformance_build_emitted(struct su_graph *g, const int32_t *arg, struct su_err *e)
{
    uint32_t x = 0, y = 0, z = 0, d = (uint32_t)arg[0];
    TRY(input(g, "x", SU_F32, SHAPE(d), &x, e));
    TRY(node(g, SU_OP_SILU, 1, &x, 0, NULL, &y, e));
    TRY(node(g, SU_OP_SELECT_EMITTED, 1, &y, 0, NULL, &z, e));
    TRY(su_graph_add_output(g, "all", y, e));
    TRY(su_graph_add_output(g, "emitted", z, e));
    TRY(node(g, SU_OP_SOFTMAX, 1, &z, 0, NULL, &y, e));
    TRY(su_graph_add_output(g, "softmax", y, e));
    TRY(product(g, "w", SU_Q8_0, 45, d, z, &y, e));
    return su_graph_add_output(g, "y", y, e);
}

/* A layer and a head as models have them, so that what a backend fuses there is seen. */
enum su_code conformance_build_decoder(struct su_graph *g, const int32_t *arg, struct su_err *e)
{
    enum { DIM = 256, HEADS = 4, KV = 2, HEAD = 64 };
    static const int32_t rope[8] = {1, HEAD, BITS_1E4, BITS_1, 0, 0, 0, 0};
    static const int32_t attention[7] = {HEADS, KV, HEAD, BITS_EIGHTH, 0, 0, 0};
    static const int32_t eps[2] = {BITS_1E_MINUS_5, 0};
    uint32_t token = 0, w = 0, x = 0, h = 0, p[3] = {0}, y = 0;
    (void)arg;
    TRY(input(g, "token", SU_I32, (struct su_shape){0}, &token, e));
    TRY(weight(g, "table", SU_Q4_0, SHAPE(11, DIM), &w, e));
    TRY(node(g, SU_OP_EMBEDDING, 2, (uint32_t[]){w, token}, 0, NULL, &x, e));
    TRY(weight(g, "norm", SU_F32, SHAPE(DIM), &w, e));
    TRY(node(g, SU_OP_RMSNORM, 2, (uint32_t[]){x, w}, 2, eps, &h, e));
    TRY(product(g, "q", SU_Q4_0, HEADS * HEAD, DIM, h, &p[0], e));
    TRY(product(g, "k", SU_Q4_0, KV * HEAD, DIM, h, &p[1], e));
    TRY(product(g, "v", SU_Q6_K, KV * HEAD, DIM, h, &p[2], e));
    for (uint32_t i = 0; i < 3; i++)
        TRY(node(g, SU_OP_RESHAPE, 1, &p[i], 2, (int32_t[]){i ? KV : HEADS, HEAD}, &p[i], e));
    for (uint32_t i = 0; i < 2; i++)
        TRY(node(g, SU_OP_ROPE, 1, &p[i], 8, rope, &p[i], e));
    TRY(attend(g, p[0], p[1], p[2], SHAPE(KV, HEAD), attention, &y, e));
    TRY(node(g, SU_OP_RESHAPE, 1, &y, 1, (int32_t[]){DIM}, &y, e));
    TRY(product(g, "o", SU_Q5_K, DIM, DIM, y, &y, e));
    TRY(node(g, SU_OP_ADD, 2, (uint32_t[]){x, y}, 0, NULL, &x, e));
    TRY(weight(g, "norm2", SU_F32, SHAPE(DIM), &w, e));
    TRY(node(g, SU_OP_RMSNORM, 2, (uint32_t[]){x, w}, 2, eps, &h, e));
    TRY(product(g, "gate", SU_Q4_K, 2 * DIM, DIM, h, &p[0], e));
    TRY(product(g, "up", SU_Q4_K, 2 * DIM, DIM, h, &p[1], e));
    TRY(node(g, SU_OP_SILU, 1, &p[0], 0, NULL, &p[0], e));
    TRY(node(g, SU_OP_MUL, 2, p, 0, NULL, &y, e));
    TRY(product(g, "down", SU_Q6_K, DIM, 2 * DIM, y, &y, e));
    TRY(node(g, SU_OP_ADD, 2, (uint32_t[]){x, y}, 0, NULL, &x, e));
    TRY(node(g, SU_OP_SELECT_EMITTED, 1, &x, 0, NULL, &x, e));
    TRY(weight(g, "norm3", SU_F32, SHAPE(DIM), &w, e));
    TRY(node(g, SU_OP_RMSNORM, 2, (uint32_t[]){x, w}, 2, eps, &h, e));
    TRY(product(g, "head", SU_Q8_0, 99, DIM, h, &y, e));
    return su_graph_add_output(g, "logits", y, e);
}
