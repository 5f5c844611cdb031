// SPDX-License-Identifier: MIT
#include "support/random_node.h"

#include "graph/graph.h"
#include "support/random.h"
#include "support/random_graph.h"
#include "support/random_tensor.h"

#include <stdlib.h>
#include <string.h>

#define INPUTS_MAX 6
#define ANY_NUMBER (1u << SU_F32 | 1u << SU_I32 | 1u << SU_U32)
#define ANY_INT (1u << SU_I32 | 1u << SU_U32)
#define ANY_VALUE (ANY_NUMBER | 1u << SU_BOOL)
#define ONLY_F32 (1u << SU_F32)

const struct su_value *gen_val(const struct gen *k, uint32_t id)
{
    return &k->g->value[id];
}

bool gen_allowed(const struct gen *k, enum su_op op)
{
    return !k->o->allow || k->o->allow(op);
}

/* Sizes are tried on a graph of their own, because a node cannot be taken back. */
uint32_t gen_add(struct gen *k, enum su_op op, const uint32_t *arg, uint32_t n_arg,
                 const int32_t *attr, uint32_t n_attr)
{
    struct su_err e;
    uint32_t id, ids[SU_GRAPH_ARG_MAX], out = GEN_NONE;
    struct su_graph *trial = su_graph_new();
    char name[16];

    for (uint32_t i = 0; i < n_arg; i++) {
        const struct su_value *v = gen_val(k, arg[i]);
        snprintf(name, sizeof name, "v%u", (unsigned)i);
        enum su_code c =
            v->kind == SU_VALUE_WEIGHT
                ? su_graph_add_weight(trial, name, v->dtype, &v->shape, 0, &ids[i], &e)
                : su_graph_add_input(trial, name, v->domain, v->dtype, &v->shape, &ids[i], &e);
        if (c)
            goto out;
    }
    if (su_graph_add_node(trial, op, ids, n_arg, attr, n_attr, NULL, 0, &id, &e))
        goto out;
    uint64_t macs = su_node_macs(trial, 0);
    if (macs > k->macs || su_shape_elements(&trial->value[id].shape) > k->elements ||
        k->g->n_value + 2 > GEN_VALUES_MAX)
        goto out;
    if (su_graph_add_node(k->g, op, arg, n_arg, attr, n_attr, NULL, 0, &id, &e))
        goto out;
    k->macs -= macs;
    for (uint32_t i = 0; i < n_arg; i++)
        k->uses[arg[i]]++;
    out = id;
out:
    su_graph_free(trial);
    return out;
}

uint32_t gen_add1(struct gen *k, enum su_op op, uint32_t a, const int32_t *attr, uint32_t n_attr)
{
    return gen_add(k, op, &a, 1, attr, n_attr);
}

/* ---- choosing what to work on ---- */

static bool fits(const struct gen *k, uint32_t id, uint32_t types, uint32_t rank_lo)
{
    const struct su_value *v = gen_val(k, id);

    return !su_dtype_is_block(v->dtype) && types >> su_dtype_seen(v->dtype) & 1 &&
           v->shape.rank >= rank_lo && su_shape_elements(&v->shape) <= k->elements;
}

/* A value of one of the types and at least that rank: mostly one that nothing uses yet, mostly a
   recent one. */
static uint32_t pick(struct gen *k, uint32_t types, uint32_t rank_lo)
{
    bool fresh = su_random_chance(&k->r, 70);
    uint32_t n = k->g->n_value, best = GEN_NONE;

    for (uint32_t tries = 0; tries < 24; tries++) {
        uint32_t id = su_random_below(&k->r, n);
        uint32_t other = su_random_below(&k->r, n);
        if (su_random_chance(&k->r, 50))
            id = SU_MAX(id, other);
        if (!fits(k, id, types, rank_lo))
            continue;
        if (gen_val(k, id)->kind == SU_VALUE_WEIGHT && su_random_chance(&k->r, 80))
            continue;
        best = id;
        if (!fresh || k->uses[id] == 0)
            break;
    }
    return best;
}

struct su_shape gen_shape(struct gen *k)
{
    struct su_shape s = {0};
    uint32_t room = su_random_chance(&k->r, 80) ? 700 : 3000;
    uint32_t style = su_random_below(&k->r, 10);

    room = SU_MIN(room, k->elements);
    if (style == 0)
        return s; /* a scalar */
    if (style <= 4) { /* an image */
        s.rank = 3;
        s.dim[0] = su_random_range(&k->r, 1, 8);
        s.dim[1] = su_random_range(&k->r, 1, 17);
        s.dim[2] = su_random_range(&k->r, 1, 17);
    } else if (style <= 7) { /* a vector or matrix with a long last axis */
        s.rank = su_random_range(&k->r, 1, 2);
        s.dim[s.rank - 1] = su_random_length(&k->r, SU_MIN(room, 520u));
        if (s.rank == 2)
            s.dim[0] = su_random_range(&k->r, 1, SU_MAX(1u, SU_MIN(room / s.dim[1], 20u)));
    } else {
        s.rank = su_random_range(&k->r, 1, SU_GRAPH_RANK_MAX);
        for (uint32_t i = 0; i < s.rank; i++)
            s.dim[i] = su_random_range(&k->r, 1, 5);
    }
    while (su_shape_elements(&s) > k->elements)
        s.dim[su_random_below(&k->r, s.rank)] = 1;
    return s;
}

enum su_dtype gen_type(struct gen *k)
{
    static const enum su_dtype types[] = {SU_F32, SU_F32, SU_F32, SU_F32, SU_F32,
                                          SU_F32, SU_I32, SU_I32, SU_U32, SU_BOOL};

    return types[su_random_below(&k->r, SU_ARRAY_LEN(types))];
}

uint32_t gen_input(struct gen *k, enum su_dtype d, const struct su_shape *s)
{
    struct su_err e;
    char name[16];
    uint32_t id;
    enum su_domain domain = SU_ROWS; /* of the first always, so that rows can be selected */

    if (!k->o->no_fixed_inputs && k->g->n_input > 0 && su_random_chance(&k->r, 25))
        domain = SU_FIXED;
    else if (k->o->emit && k->g->n_input > 0 && su_random_chance(&k->r, 40))
        domain = SU_EMIT;
    snprintf(name, sizeof name, "in%u", (unsigned)k->g->n_input);
    if (su_graph_add_input(k->g, name, domain, d, s, &id, &e))
        return GEN_NONE;
    return id;
}

static uint32_t new_weight(struct gen *k, enum su_dtype d, const struct su_shape *s)
{
    struct su_err e;
    char name[16];
    uint32_t id;
    uint64_t first_row =
        s->rank > 0 && su_random_chance(&k->r, 10) ? su_random_range(&k->r, 1, 99) : 0;

    if (d == SU_F32)
        d = su_random_chance(&k->r, 60) ? SU_F32 : su_random_chance(&k->r, 50) ? SU_F16 : SU_BF16;
    snprintf(name, sizeof name, "w%u", (unsigned)k->names++);
    if (su_graph_add_weight(k->g, name, d, s, first_row, &id, &e))
        return GEN_NONE;
    return id;
}

static uint32_t new_const(struct gen *k, enum su_dtype d, const struct su_shape *s)
{
    struct su_err e;
    uint32_t id = GEN_NONE;
    uint64_t n = su_shape_elements(s);
    int32_t attr[1 + SU_GRAPH_RANK_MAX] = {(int32_t)d};
    uint32_t *data = su_try_alloc(n, 4);

    if (!data || n > 2048) {
        free(data);
        return GEN_NONE;
    }
    su_random_fill(su_random_u64(&k->r), 0, d, n, k->o->mild, data);
    for (uint64_t i = 0; d == SU_BOOL && i < n; i++)
        su_put_le32(&data[i], data[i] != 0);
    for (uint32_t i = 0; i < s->rank; i++)
        attr[1 + i] = (int32_t)s->dim[i];
    if (su_graph_add_node(k->g, SU_OP_CONST, NULL, 0, attr, 1 + s->rank, data, (uint32_t)(4 * n),
                          &id, &e))
        id = GEN_NONE;
    free(data);
    return id;
}

static uint32_t new_iota(struct gen *k, enum su_dtype d, const struct su_shape *s)
{
    int32_t attr[2 + SU_GRAPH_RANK_MAX] = {(int32_t)d};

    if (s->rank == 0)
        return GEN_NONE;
    attr[1] = (int32_t)su_random_below(&k->r, s->rank);
    for (uint32_t i = 0; i < s->rank; i++)
        attr[2 + i] = (int32_t)s->dim[i];
    return gen_add(k, SU_OP_IOTA, NULL, 0, attr, 2 + s->rank);
}

/* Some source of exactly that type and shape. */
static uint32_t new_operand(struct gen *k, enum su_dtype d, const struct su_shape *s)
{
    uint32_t id = GEN_NONE, what = su_random_below(&k->r, 10);

    if (su_shape_elements(s) > k->elements || k->g->n_value + 4 > GEN_VALUES_MAX)
        return GEN_NONE;
    if (what < 3 && gen_allowed(k, SU_OP_CONST))
        id = new_const(k, d, s);
    else if (what == 3 && d != SU_BOOL && gen_allowed(k, SU_OP_IOTA))
        id = new_iota(k, d, s);
    else if (what < 6 && k->g->n_input < INPUTS_MAX)
        id = gen_input(k, d, s);
    return id != GEN_NONE ? id : new_weight(k, d, s);
}

/* A shape that broadcasts with s: leading axes dropped, axes made 1, now and then an axis of 1
   made longer. */
static struct su_shape partner_shape(struct gen *k, const struct su_shape *s)
{
    struct su_shape p = {0};
    uint32_t drop = su_random_chance(&k->r, 40) ? su_random_below(&k->r, s->rank + 1) : 0;

    for (uint32_t i = drop; i < s->rank; i++) {
        uint32_t d = s->dim[i];
        if (su_random_chance(&k->r, 20))
            d = 1;
        else if (d == 1 && su_random_chance(&k->r, 30))
            d = su_random_range(&k->r, 1, 5);
        p.dim[p.rank++] = d;
    }
    if (drop == 0 && p.rank < SU_GRAPH_RANK_MAX && su_random_chance(&k->r, 8)) {
        memmove(p.dim + 1, p.dim, p.rank * sizeof p.dim[0]);
        p.dim[0] = su_random_range(&k->r, 1, 3);
        p.rank++;
    }
    return p;
}

/* A second operand for a: a itself, an existing value, or a new source. */
static uint32_t partner(struct gen *k, uint32_t a)
{
    const struct su_value *v = gen_val(k, a);
    uint32_t id = GEN_NONE;

    if (su_random_chance(&k->r, 5))
        return a;
    for (uint32_t tries = 0; tries < 8 && su_random_chance(&k->r, 80); tries++) {
        id = pick(k, 1u << su_dtype_seen(v->dtype), 0);
        if (id != GEN_NONE && id != a && su_shape_equal(&gen_val(k, id)->shape, &v->shape))
            return id;
    }
    struct su_shape s = partner_shape(k, &v->shape);
    return new_operand(k, su_dtype_seen(v->dtype), &s);
}

/* ---- families: each tries to add one node and returns its first value, or GEN_NONE ---- */

static uint32_t gen_reshape(struct gen *k, uint32_t a)
{
    uint32_t left = (uint32_t)su_shape_elements(&gen_val(k, a)->shape),
             rank = su_random_range(&k->r, left > 1, SU_GRAPH_RANK_MAX);
    int32_t dims[SU_GRAPH_RANK_MAX];

    for (uint32_t i = 0; i < rank; i++) {
        uint32_t d = i + 1 == rank ? left : su_random_range(&k->r, 1, SU_MIN(left, 40u));
        while (left % d != 0)
            d--;
        dims[i] = (int32_t)d;
        left /= d;
    }
    return gen_add1(k, SU_OP_RESHAPE, a, dims, rank);
}

static uint32_t gen_permute(struct gen *k, uint32_t a)
{
    uint32_t rank = gen_val(k, a)->shape.rank;
    int32_t axes[SU_GRAPH_RANK_MAX];

    for (uint32_t i = 0; i < rank; i++) {
        uint32_t j = su_random_below(&k->r, i + 1);
        axes[i] = axes[j];
        axes[j] = (int32_t)i;
    }
    return gen_add1(k, SU_OP_PERMUTE, a, axes, rank);
}

static uint32_t gen_expand(struct gen *k, uint32_t a)
{
    const struct su_shape s = gen_val(k, a)->shape;
    int32_t dims[SU_GRAPH_RANK_MAX];

    for (uint32_t i = 0; i < s.rank; i++)
        dims[i] = (int32_t)(s.dim[i] > 1 ? s.dim[i] : su_random_range(&k->r, 1, 6));
    return gen_add1(k, SU_OP_EXPAND, a, dims, s.rank);
}

static uint32_t gen_pad(struct gen *k, uint32_t a)
{
    const struct su_shape s = gen_val(k, a)->shape;
    int32_t pads[2 * SU_GRAPH_RANK_MAX];

    for (uint32_t i = 0; i < 2 * s.rank; i++)
        pads[i] = su_random_chance(&k->r, 50) ? 0 : (int32_t)su_random_below(&k->r, 4);
    return gen_add1(k, SU_OP_PAD, a, pads, 2 * s.rank);
}

static uint32_t gen_shrink(struct gen *k, uint32_t a)
{
    const struct su_shape s = gen_val(k, a)->shape;
    int32_t ends[2 * SU_GRAPH_RANK_MAX];

    for (uint32_t i = 0; i < s.rank; i++) {
        uint32_t begin =
            su_random_chance(&k->r, 50) ? 0 : su_random_below(&k->r, SU_MIN(s.dim[i], 4u));
        ends[2 * i] = (int32_t)begin;
        ends[2 * i + 1] =
            (int32_t)(su_random_chance(&k->r, 50) ? s.dim[i]
                                                  : su_random_range(&k->r, begin + 1, s.dim[i]));
    }
    return gen_add1(k, SU_OP_SHRINK, a, ends, 2 * s.rank);
}

static uint32_t gen_flip(struct gen *k, uint32_t a)
{
    uint32_t rank = gen_val(k, a)->shape.rank;

    if (rank == 0)
        return GEN_NONE;
    return gen_add1(k, SU_OP_FLIP, a,
                    &(int32_t){(int32_t)su_random_range(&k->r, 1, (1u << rank) - 1)}, 1);
}

static uint32_t gen_slice(struct gen *k, uint32_t a)
{
    const struct su_shape s = gen_val(k, a)->shape;

    if (s.rank == 0)
        return GEN_NONE;
    uint32_t axis = su_random_below(&k->r, s.rank), begin = su_random_below(&k->r, s.dim[axis]);
    uint32_t end = su_random_range(&k->r, begin + 1, s.dim[axis]);
    int32_t attr[] = {(int32_t)axis, (int32_t)begin, (int32_t)end,
                      (int32_t)su_random_range(&k->r, 1, 4)};
    return gen_add1(k, SU_OP_SLICE, a, attr, 4);
}

static uint32_t gen_concat(struct gen *k, uint32_t a)
{
    struct su_shape s = gen_val(k, a)->shape;
    uint32_t arg[5] = {a}, n = su_random_range(&k->r, 1, 5);

    if (s.rank == 0)
        return GEN_NONE;
    uint32_t axis = su_random_below(&k->r, s.rank);
    for (uint32_t i = 1; i < n; i++) {
        if (su_random_chance(&k->r, 50))
            s.dim[axis] = su_random_range(&k->r, 1, 9);
        arg[i] = su_random_chance(&k->r, 15)
                     ? a
                     : new_operand(k, su_dtype_seen(gen_val(k, a)->dtype), &s);
        if (arg[i] == GEN_NONE)
            return GEN_NONE;
    }
    return gen_add(k, SU_OP_CONCAT, arg, n, &(int32_t){(int32_t)axis}, 1);
}

static uint32_t gen_move(struct gen *k, enum su_op op)
{
    static uint32_t (*const make[])(struct gen *, uint32_t) = {
        gen_reshape, gen_permute, gen_expand, gen_pad, gen_shrink, gen_flip, gen_concat, gen_slice,
    };
    uint32_t a = pick(k, ANY_VALUE, su_random_chance(&k->r, 90));

    return a == GEN_NONE ? GEN_NONE : make[op - SU_OP_RESHAPE](k, a);
}

static uint32_t gen_unary(struct gen *k, enum su_op op)
{
    uint32_t types = op == SU_OP_SELECT_EMITTED ? ANY_VALUE
                     : op == SU_OP_NEG          ? ANY_NUMBER
                     : op == SU_OP_RELU         ? ONLY_F32 | 1u << SU_I32
                                                : ONLY_F32;
    uint32_t a = pick(k, types, 0);

    return a == GEN_NONE ? GEN_NONE : gen_add1(k, op, a, NULL, 0);
}

static uint32_t gen_binary(struct gen *k, enum su_op op)
{
    uint32_t types = ANY_NUMBER;
    int32_t how = (int32_t)su_random_below(&k->r, 4);

    if (op == SU_OP_AND || op == SU_OP_OR || op == SU_OP_XOR)
        types = ANY_INT | 1u << SU_BOOL;
    else if (op >= SU_OP_SHL && op <= SU_OP_MOD)
        types = ANY_INT;
    uint32_t a = pick(k, types, 0), b = a == GEN_NONE ? GEN_NONE : partner(k, a);
    if (b == GEN_NONE)
        return GEN_NONE;
    bool swap = su_random_chance(&k->r, 50);
    return gen_add(k, op, (uint32_t[]){swap ? b : a, swap ? a : b}, 2, &how, op == SU_OP_CMP);
}

static uint32_t gen_where(struct gen *k)
{
    uint32_t a = pick(k, ANY_VALUE, 0), b = a == GEN_NONE ? GEN_NONE : partner(k, a),
             cond = GEN_NONE;

    if (b == GEN_NONE)
        return GEN_NONE;
    for (uint32_t tries = 0; tries < 6; tries++) {
        cond = pick(k, 1u << SU_BOOL, 0);
        if (cond != GEN_NONE && su_shape_equal(&gen_val(k, cond)->shape, &gen_val(k, a)->shape))
            break;
        cond = GEN_NONE;
    }
    if (cond == GEN_NONE) {
        struct su_shape s = partner_shape(k, &gen_val(k, a)->shape);
        cond = new_operand(k, SU_BOOL, &s);
    }
    return cond == GEN_NONE ? GEN_NONE
                            : gen_add(k, SU_OP_WHERE, (uint32_t[]){cond, a, b}, 3, NULL, 0);
}

static uint32_t gen_cast(struct gen *k, enum su_op op)
{
    uint32_t a = pick(k, op == SU_OP_CAST ? ANY_VALUE : ANY_NUMBER, 0);
    int32_t to = (int32_t)su_random_below(&k->r, op == SU_OP_CAST ? 4 : 3);

    return a == GEN_NONE ? GEN_NONE : gen_add1(k, op, a, &to, 1);
}

static uint32_t gen_reduce(struct gen *k, enum su_op op)
{
    uint32_t a = pick(k, ANY_NUMBER, 1);

    if (a == GEN_NONE)
        return GEN_NONE;
    const struct su_shape s = gen_val(k, a)->shape;
    int32_t keep = su_random_chance(&k->r, 50), axis = (int32_t)su_random_below(&k->r, s.rank);
    int32_t mask = (int32_t)su_random_range(&k->r, 1, (1u << s.rank) - 1);
    switch (op) {
    case SU_OP_ARGMAX:
        return gen_add1(k, op, a, (int32_t[]){axis, keep}, 2);
    case SU_OP_CUMSUM:
        return gen_add1(k, op, a, &axis, 1);
    case SU_OP_TOPK:
        return gen_add1(
            k, op, a, &(int32_t){(int32_t)su_random_range(&k->r, 1, SU_MIN(s.dim[s.rank - 1], 9u))},
            1);
    default:
        return gen_add1(k, op, a, (int32_t[]){mask, keep}, 2);
    }
}

/* Indices, from what is there or new; a wrong index is a legal one. */
static uint32_t pick_index(struct gen *k)
{
    struct su_shape s = {.rank = su_random_below(&k->r, 3)};
    uint32_t id = su_random_chance(&k->r, 60) ? pick(k, ANY_INT, 0) : GEN_NONE;

    if (id != GEN_NONE && gen_val(k, id)->shape.rank <= 2)
        return id;
    for (uint32_t i = 0; i < s.rank; i++)
        s.dim[i] = su_random_range(&k->r, 1, 9);
    return new_operand(k, su_random_chance(&k->r, 70) ? SU_I32 : SU_U32, &s);
}

static uint32_t gen_index(struct gen *k, enum su_op op)
{
    uint32_t x, idx = pick_index(k);

    if (idx == GEN_NONE)
        return GEN_NONE;
    if (op == SU_OP_GATHER) {
        x = pick(k, ANY_VALUE, 1);
        if (x == GEN_NONE)
            return GEN_NONE;
        int32_t axis = (int32_t)su_random_below(&k->r, gen_val(k, x)->shape.rank);
        return gen_add(k, op, (uint32_t[]){x, idx}, 2, &axis, 1);
    }
    struct su_shape table = {2, {su_random_range(&k->r, 1, 60), 0}};
    table.dim[1] = su_random_length(&k->r, 40);
    x = new_weight(k, SU_F32, &table);
    return x == GEN_NONE ? GEN_NONE : gen_add(k, op, (uint32_t[]){x, idx}, 2, NULL, 0);
}

static uint32_t gen_matmul(struct gen *k)
{
    uint32_t a = pick(k, ONLY_F32, 1), b;

    if (a == GEN_NONE)
        return GEN_NONE;
    struct su_shape s = gen_val(k, a)->shape,
                    w = {2, {su_random_length(&k->r, 130), s.dim[s.rank - 1]}};
    if (s.rank >= 2 && su_random_chance(&k->r, 15)) {
        b = a;
    } else if (s.rank >= 3 && su_random_chance(&k->r, 30)) {
        w = s;
        w.dim[s.rank - 2] = su_random_range(&k->r, 1, 9);
        b = new_operand(k, SU_F32, &w);
    } else {
        while (su_shape_elements(&w) > 20000 && w.dim[0] > 1)
            w.dim[0] /= 2;
        b = su_random_chance(&k->r, 90) ? new_weight(k, SU_F32, &w) : new_operand(k, SU_F32, &w);
    }
    return b == GEN_NONE ? GEN_NONE : gen_add(k, SU_OP_MATMUL, (uint32_t[]){a, b}, 2, NULL, 0);
}

static uint32_t gen_conv(struct gen *k)
{
    uint32_t a = pick(k, ONLY_F32, 3);

    if (a == GEN_NONE)
        return GEN_NONE;
    const struct su_shape s = gen_val(k, a)->shape;
    uint32_t c_in = s.dim[s.rank - 3],
             groups = su_random_chance(&k->r, 60) ? 1 : su_random_range(&k->r, 1, c_in);
    while (c_in % groups != 0)
        groups--;
    struct su_shape w = {
        4, {groups * su_random_range(&k->r, 1, groups > 4 ? 2 : 8), c_in / groups, 0, 0}};
    int32_t attr[9] = {0};
    for (uint32_t i = 0; i < 2; i++) {
        uint32_t dim = s.dim[s.rank - 2 + i], lo = su_random_below(&k->r, 3),
                 hi = su_random_below(&k->r, 3);
        uint32_t dilation = su_random_chance(&k->r, 75) ? 1 : su_random_range(&k->r, 2, 3);
        w.dim[2 + i] = su_random_range(&k->r, 1, SU_MIN((dim + lo + hi - 1) / dilation + 1, 5u));
        attr[i] = (int32_t)su_random_range(&k->r, 1, 3);
        attr[2 + i] = (int32_t)lo;
        attr[4 + i] = (int32_t)hi;
        attr[6 + i] = (int32_t)dilation;
    }
    attr[8] = (int32_t)groups;
    uint32_t b = new_weight(k, SU_F32, &w);
    return b == GEN_NONE ? GEN_NONE : gen_add(k, SU_OP_CONV2D, (uint32_t[]){a, b}, 2, attr, 9);
}

static uint32_t gen_pool(struct gen *k, enum su_op op)
{
    uint32_t a = pick(k, ONLY_F32, su_random_range(&k->r, 2, 3));

    if (a == GEN_NONE)
        return GEN_NONE;
    const struct su_shape s = gen_val(k, a)->shape;
    int32_t attr[9] = {0};
    for (uint32_t i = 0; i < 2; i++) {
        uint32_t dim = s.dim[s.rank - 2 + i],
                 kernel = su_random_range(&k->r, 1, SU_MIN(dim + 1, 5u));
        attr[i] = (int32_t)kernel;
        attr[2 + i] = (int32_t)su_random_range(&k->r, 1, 3);
        attr[4 + i] = (int32_t)su_random_below(&k->r, kernel);
        attr[6 + i] = (int32_t)su_random_below(&k->r, kernel);
    }
    attr[8] = su_random_chance(&k->r, 50);
    return gen_add1(k, op, a, attr, op == SU_OP_AVGPOOL ? 9 : 8);
}

static uint32_t gen_norm(struct gen *k, enum su_op op)
{
    static const float eps[] = {1e-5f, 1e-6f, 0x1p-40f, 1.0f};
    uint32_t a = pick(k, ONLY_F32, 1), arg[3] = {a};

    if (a == GEN_NONE)
        return GEN_NONE;
    if (op == SU_OP_SOFTMAX)
        return gen_add1(k, op, a, NULL, 0);
    uint32_t most = op == SU_OP_LAYERNORM ? 3 : 2, n = su_random_range(&k->r, 1, most);
    const struct su_shape s = gen_val(k, a)->shape, w = {1, {s.dim[s.rank - 1]}};
    for (uint32_t i = 1; i < n; i++) {
        if ((arg[i] = new_weight(k, SU_F32, &w)) == GEN_NONE)
            return GEN_NONE;
    }
    int32_t attr[2] = {(int32_t)su_f32_bits(eps[su_random_below(&k->r, 4)])};
    attr[1] = (int32_t)su_f32_bits(su_random_chance(&k->r, 50) ? 0.0f : 1.0f);
    return gen_add(k, op, arg, n, attr, op == SU_OP_RMSNORM ? 2 : 1);
}

uint32_t gen_op(struct gen *k, enum su_op op)
{
    if (op <= SU_OP_SLICE)
        return gen_move(k, op);
    if ((op >= SU_OP_ADD && op <= SU_OP_MIN) || op == SU_OP_CMP ||
        (op >= SU_OP_AND && op <= SU_OP_MOD))
        return gen_binary(k, op);
    if ((op >= SU_OP_NEG && op <= SU_OP_TRUNC) || (op == SU_OP_SELECT_EMITTED && k->o->emit))
        return gen_unary(k, op);
    if (op == SU_OP_WHERE)
        return gen_where(k);
    if (op == SU_OP_CAST || op == SU_OP_BITCAST)
        return gen_cast(k, op);
    if (op >= SU_OP_REDUCE_SUM && op <= SU_OP_TOPK)
        return gen_reduce(k, op);
    if (op == SU_OP_GATHER || op == SU_OP_EMBEDDING)
        return gen_index(k, op);
    if (op == SU_OP_MATMUL)
        return gen_matmul(k);
    if (op == SU_OP_CONV2D)
        return gen_conv(k);
    if (op == SU_OP_MAXPOOL || op == SU_OP_AVGPOOL)
        return gen_pool(k, op);
    if (op >= SU_OP_LAYERNORM && op <= SU_OP_SOFTMAX)
        return gen_norm(k, op);
    return GEN_NONE; /* sources, and ops of sequence models */
}
