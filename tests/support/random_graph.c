// SPDX-License-Identifier: MIT
#include "support/random_graph.h"

#include "graph/graph.h"
#include "support/random.h"
#include "support/random_node.h"
#include "support/random_tensor.h"

#include <stdlib.h>
#include <string.h>

/* ---- whole graphs ---- */

/* x as a flat f32 vector, for joining; x itself when that is too large. */
static uint32_t flatten(struct gen *k, uint32_t x)
{
    int32_t n = (int32_t)su_shape_elements(&gen_val(k, x)->shape), f32 = SU_F32;
    uint32_t flat = gen_add1(k, SU_OP_RESHAPE, x, &n, 1);

    if (flat == GEN_NONE || gen_val(k, flat)->dtype == SU_F32)
        return flat;
    return gen_add1(k, SU_OP_CAST, flat, &f32, 1);
}

static void add_output(struct gen *k, uint32_t id)
{
    struct su_err e;
    char name[16];

    snprintf(name, sizeof name, "out%u", (unsigned)k->g->n_output);
    if (su_graph_add_output(k->g, name, id, &e) == SU_OK)
        k->uses[id]++;
}

/* Values that nothing uses: sources, and nodes none of whose results is used (their last
   result). */
static uint32_t list_loose(const struct gen *k, uint32_t *list)
{
    uint32_t n = 0;

    for (uint32_t id = 0; id < k->g->n_value; id++) {
        const struct su_value *v = gen_val(k, id);
        bool first = v->kind == SU_VALUE_NODE && v->out + 1 < k->g->node[v->node].n_out;
        bool sibling = v->kind == SU_VALUE_NODE && v->out > 0 && k->uses[id - 1] > 0;
        if (k->uses[id] == 0 && !first && !sibling)
            list[n++] = id;
    }
    return n;
}

/* Puts the concatenation of the vectors in place of them. */
static void join_all(struct gen *k, uint32_t *join, uint32_t *n)
{
    join[0] = gen_add(k, SU_OP_CONCAT, join, *n, &(int32_t){0}, 1);
    *n = 1;
}

/* Makes everything used: some loose values become outputs, the others are joined into vectors
   that do. */
static void finish(struct gen *k)
{
    uint32_t loose[GEN_VALUES_MAX], join[2][SU_GRAPH_ARG_MAX], n_join[2] = {0}; /* rows, emit */
    uint32_t n = list_loose(k, loose), direct = su_random_range(&k->r, 1, 4);

    k->macs = k->elements = UINT32_MAX;
    for (uint32_t i = 0; i < n; i++) {
        const struct su_value *v = gen_val(k, loose[i]);
        uint32_t emit = v->domain == SU_EMIT; /* does not join with rows */
        if (v->kind == SU_VALUE_NODE && k->g->n_output < direct) {
            add_output(k, loose[i]);
            continue;
        }
        join[emit][n_join[emit]++] = flatten(k, loose[i]);
        if (n_join[emit] == SU_GRAPH_ARG_MAX)
            join_all(k, join[emit], &n_join[emit]);
    }
    for (uint32_t emit = 0; emit < 2; emit++) {
        if (n_join[emit] > 1)
            join_all(k, join[emit], &n_join[emit]);
        if (n_join[emit] > 0)
            add_output(k, join[emit][0]);
    }
    if (su_random_chance(&k->r, 5)) /* the same value twice, or an input as it came */
        add_output(k, su_random_chance(&k->r, 50) ? k->g->output[0].value : k->g->input[0]);
}

static struct su_graph *build(uint64_t seed, const struct su_random_opts *o)
{
    struct gen *k = su_alloc(sizeof *k);
    struct su_err e;

    k->r = su_random_of(seed, 1);
    k->o = o;
    k->g = su_graph_new();
    k->macs = o->macs ? o->macs : 2000000;
    k->elements = o->elements ? o->elements : 4096;
    uint32_t inputs = su_random_range(&k->r, 1, 3);
    uint32_t nodes = o->nodes ? o->nodes : su_random_range(&k->r, 1, 30);
    for (uint32_t i = 0; i < inputs; i++) {
        struct su_shape s = gen_shape(k);
        (void)gen_input(k, i == 0 ? SU_F32 : gen_type(k), &s);
    }
    for (uint32_t tries = 0;
         k->g->n_node < nodes && tries < 20 * nodes && k->g->n_value < GEN_VALUES_MAX - 160;
         tries++) {
        enum su_op op = (enum su_op)su_random_below(&k->r, SU_OP_COUNT);
        /* the ops that models are made of come more often than one in sixty */
        static const enum su_op common[] = {SU_OP_MATMUL, SU_OP_CONV2D,  SU_OP_ADD,
                                            SU_OP_RELU,   SU_OP_MAXPOOL, SU_OP_SOFTMAX};
        if (su_random_chance(&k->r, 25))
            op = common[su_random_below(&k->r, SU_ARRAY_LEN(common))];
        if (gen_allowed(k, op))
            (void)gen_op(k, op);
    }
    finish(k);
    struct su_graph *g = k->g;
    free(k);
    if (su_graph_check(g, &e)) {
        fprintf(stderr, "random graph of seed %llu: %s: %s\n", (unsigned long long)seed, e.at,
                e.msg);
        abort();
    }
    return g;
}

/* ---- data ---- */

static void fill_inputs(struct su_random_case *c, uint64_t seed, bool mild)
{
    const struct su_graph *g = c->graph;

    for (uint32_t i = 0; i < g->n_input; i++) {
        const struct su_value *v = &g->value[g->input[i]];
        uint64_t n = su_shape_elements(&v->shape);
        uint32_t rows = v->domain == SU_FIXED ? 1 : c->n_row, held = 0;
        for (uint32_t row = 0; row < rows; row++)
            held += v->domain != SU_EMIT || c->row[row].emit;
        c->input_bytes[i] = (size_t)(4 * n * held);
        uint8_t *p = c->input[i] = su_alloc(c->input_bytes[i]);
        for (uint32_t row = 0; row < rows; row++) {
            if (v->domain == SU_EMIT && !c->row[row].emit)
                continue;
            su_random_fill(seed, (uint64_t)(i + 1) << 32 | row, v->dtype, n, mild, p);
            /* any word but 0 is true */
            for (uint64_t k = 0; v->dtype == SU_BOOL && !mild && k < n; k += 3)
                p[4 * k + 1] = p[4 * k];
            p += 4 * n;
        }
    }
}

struct su_random_case *su_random_case_new(uint64_t seed, const struct su_random_opts *opts)
{
    static const struct su_random_opts defaults;
    const struct su_random_opts *o = opts ? opts : &defaults;
    struct su_random_case *c = su_alloc(sizeof *c);
    struct su_random r = su_random_of(seed, 2);
    struct su_err e;

    const struct su_graph *g = c->graph = build(seed, o);
    c->n_row = o->rows ? o->rows : su_random_range(&r, 1, su_random_chance(&r, 5) ? 70 : 9);
    c->row = su_alloc(c->n_row * sizeof *c->row);
    for (uint32_t i = 0; i < c->n_row; i++) {
        struct su_random one = su_random_of(seed, (uint64_t)3 << 32 | i);
        c->row[i].session = su_random_below(&one, 3);
        c->row[i].position = su_random_below(&one, 1000);
        c->row[i].emit = i == 0 || su_random_chance(&one, 50);
    }
    c->input = su_alloc((g->n_input + 1) * sizeof *c->input);
    c->input_bytes = su_alloc((g->n_input + 1) * sizeof *c->input_bytes);
    c->weight = su_alloc((g->n_weight + 1) * sizeof *c->weight);
    c->weight_bytes = su_alloc((g->n_weight + 1) * sizeof *c->weight_bytes);
    fill_inputs(c, seed, o->mild);
    for (uint32_t i = 0; i < g->n_weight; i++) {
        const struct su_value *v = &g->value[g->weight[i]];
        uint64_t bytes = 0;
        if (su_tensor_bytes(v->dtype, &v->shape, &bytes, &e))
            abort();
        c->weight_bytes[i] = (size_t)bytes;
        c->weight[i] = su_alloc((size_t)bytes);
        su_random_fill(seed, (uint64_t)(1000 + i) << 32, v->dtype, su_shape_elements(&v->shape),
                       o->mild, c->weight[i]);
    }
    return c;
}

void su_random_case_free(struct su_random_case *c)
{
    if (!c)
        return;
    for (uint32_t i = 0; i < c->graph->n_input; i++)
        free(c->input[i]);
    for (uint32_t i = 0; i < c->graph->n_weight; i++)
        free(c->weight[i]);
    su_graph_free(c->graph);
    free(c->row);
    free(c->input);
    free(c->input_bytes);
    free(c->weight);
    free(c->weight_bytes);
    free(c);
}
