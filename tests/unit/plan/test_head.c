// SPDX-License-Identifier: MIT
/* Language models whose head is too large for one task: what follows select_emitted is cut like the
   rest, and the head is sharded, with unchanged bits. */
#include "plan_graphs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { LAYERS = 2, DIM = 64, HIDDEN = 160, HEADS = 4, KV_HEADS = 2, HEAD_DIM = 16, ROWS = 7 };

static uint32_t layer_weight(struct su_graph *g, uint32_t layer, const char *name, uint32_t rows,
                             uint32_t columns)
{
    char text[32];
    snprintf(text, sizeof text, "%u.%s", layer, name);
    return add_weight(g, text, SU_F16, SHAPE(rows, columns));
}

static uint32_t product(struct su_graph *g, uint32_t x, uint32_t w)
{
    enum su_op op = su_dtype_is_block(g->value[w].dtype) ? SU_OP_QMATMUL : SU_OP_MATMUL;
    return add_binary(g, op, x, w);
}

static uint32_t norm(struct su_graph *g, uint32_t x)
{
    return add_op(g, SU_OP_RMSNORM, &x, 1, (int32_t[]){(int32_t)su_f32_bits(1e-5f), 0}, 2);
}

static uint32_t heads(struct su_graph *g, uint32_t x, int32_t n, bool turn)
{
    int32_t rope[8] = {1, HEAD_DIM, (int32_t)su_f32_bits(1e4f), (int32_t)su_f32_bits(1.0f)};
    x = add_op(g, SU_OP_RESHAPE, &x, 1, (int32_t[]){n, HEAD_DIM}, 2);
    return turn ? add_op(g, SU_OP_ROPE, &x, 1, rope, 8) : x;
}

static uint32_t append(struct su_graph *g, uint32_t layer, const char *name, uint32_t x)
{
    char text[32];
    struct su_err e;
    struct su_shape s = SHAPE(KV_HEADS, HEAD_DIM);
    uint32_t state;
    snprintf(text, sizeof text, "%u.%s", layer, name);
    assert_int_equal(su_graph_add_state(g, text, &s, &state, &e), SU_OK);
    return add_binary(g, SU_OP_STATE_APPEND, x, state);
}

static uint32_t layer(struct su_graph *g, uint32_t l, uint32_t x)
{
    uint32_t h = norm(g, x);
    uint32_t q = heads(g, product(g, h, layer_weight(g, l, "q", DIM, DIM)), HEADS, true);
    uint32_t kv = KV_HEADS * HEAD_DIM;
    uint32_t k = heads(g, product(g, h, layer_weight(g, l, "k", kv, DIM)), KV_HEADS, true);
    uint32_t v = heads(g, product(g, h, layer_weight(g, l, "v", kv, DIM)), KV_HEADS, false);
    k = append(g, l, "keys", k);
    v = append(g, l, "values", v);
    int32_t attr[7] = {HEADS, KV_HEADS, HEAD_DIM, (int32_t)su_f32_bits(0.25f)};
    uint32_t o = add_op(g, SU_OP_ATTENTION, (uint32_t[]){q, k, v}, 3, attr, 7);
    o = add_op(g, SU_OP_RESHAPE, &o, 1, (int32_t[]){DIM}, 1);
    x = add_binary(g, SU_OP_ADD, x, product(g, o, layer_weight(g, l, "o", DIM, DIM)));
    h = norm(g, x);
    uint32_t up = add_unary(g, SU_OP_SILU, product(g, h, layer_weight(g, l, "up", HIDDEN, DIM)));
    return add_binary(g, SU_OP_ADD, x, product(g, up, layer_weight(g, l, "down", DIM, HIDDEN)));
}

/* Tokens -> logits of the emitted rows, squashed, so that more follows the head; with softmax the
   probabilities too. The head has a type of its own, or is the table again. */
static struct su_graph *decoder(uint32_t vocabulary, enum su_dtype head, bool tied)
{
    struct su_graph *g = su_graph_new();
    struct su_err e;
    uint32_t id = add_input(g, "token", SU_ROWS, SU_I32, (struct su_shape){0});
    uint32_t table = add_weight(g, "table", SU_F16, SHAPE(vocabulary, DIM));
    uint32_t x = add_binary(g, SU_OP_EMBEDDING, table, id);
    for (uint32_t l = 0; l < LAYERS; l++) {
        x = layer(g, l, x);
    }
    x = norm(g, add_unary(g, SU_OP_SELECT_EMITTED, x));
    uint32_t w = tied ? table : add_weight(g, "head", head, SHAPE(vocabulary, DIM));
    x = add_unary(g, SU_OP_TANH, product(g, x, w));
    assert_int_equal(su_graph_add_output(g, "logits", x, &e), SU_OK);
    finish(g, "probabilities", add_unary(g, SU_OP_SOFTMAX, x));
    return g;
}

/* Inputs of domain EMIT over all tasks. */
static uint32_t emit_ports(const struct su_plan *p)
{
    uint32_t n = 0;
    for (uint32_t t = 0; t < p->n_task; t++) {
        const struct su_graph *g = p->task[t].graph;
        for (uint32_t i = 0; i < g->n_input; i++) {
            n += g->value[g->input[i]].domain == SU_EMIT;
        }
    }
    return n;
}

/* Tasks that hold rows of the weight. */
static uint32_t tasks_with(const struct su_plan *p, const char *weight)
{
    uint32_t n = 0;
    for (uint32_t t = 0; t < p->n_task; t++) {
        const struct su_graph *g = p->task[t].graph;
        bool here = false;
        for (uint32_t i = 0; i < g->n_weight; i++) {
            here |= strcmp(g->value[g->weight[i]].name, weight) == 0;
        }
        n += here;
    }
    return n;
}

static struct su_plan *plan_at(const struct su_graph *g, uint64_t target)
{
    struct su_plan_opts o = opts_of(&target);
    struct su_plan *p;
    struct su_err e;
    o.t_max = ROWS;
    o.ctx = ROWS;
    if (su_plan_build(g, &o, &p, &e) != SU_OK) {
        fail_msg("%llu bytes: %s: %s", (unsigned long long)target, e.at, e.msg);
    }
    assert_valid(g, p, target);
    return p;
}

/* Plans, and runs rows that all emit, that do in part, and of which none does. */
static struct su_plan *run_at(const struct su_graph *g, uint64_t target)
{
    struct su_plan *p = plan_at(g, target);
    for (uint32_t which = 0; which < 3; which++) {
        struct data *d = data_new(g, ROWS, target);
        for (uint32_t i = 0; i < ROWS; i++) {
            ((int32_t *)d->input[0])[i] = (int32_t)(i * 157 + which);
            d->row[i].emit = which == 0 || (which == 1 && i % 3 == 1);
        }
        assert_same_results(g, p, d);
        data_free(g, d);
    }
    return p;
}

static uint64_t smallest_of(const struct su_graph *g)
{
    struct su_plan_opts o = {.t_max = ROWS, .ctx = ROWS};
    struct su_err e;
    uint64_t bytes;
    assert_int_equal(su_plan_smallest(g, &o, &bytes, &e), SU_OK);
    return bytes;
}

static void test_head(void **state)
{
    (void)state;
    const enum su_dtype types[] = {SU_F32, SU_BF16};
    for (uint32_t i = 0; i < SU_ARRAY_LEN(types); i++) {
        struct su_graph *g = decoder(3000, types[i], false);
        struct su_plan *p = run_at(g, 4 << 20);
        assert_int_equal(p->n_task, 1);
        assert_int_equal(p->n_sharded, 0);
        su_plan_free(p);
        /* The logits of all rows alone are 84 000 bytes, and the join holds them three times. */
        uint64_t least = smallest_of(g);
        assert_true(least < 280 << 10);
        for (uint64_t target = least; target < 700 << 10; target += 120 << 10) {
            p = run_at(g, target);
            assert_int_equal(p->n_sharded, 2); /* the table and the head */
            assert_true(tasks_with(p, "head") > 1 && tasks_with(p, "table") > 1);
            assert_true(emit_ports(p) >= tasks_with(p, "head"));
            su_plan_free(p);
        }
        su_graph_free(g);
    }
}

/* What follows select_emitted takes no more than the rows that may emit need. */
static void test_few_emitted(void **state)
{
    (void)state;
    struct su_graph *g = decoder(3000, SU_F32, false);
    struct su_plan_opts o = {.t_max = ROWS, .e_max = 1, .ctx = ROWS};
    struct su_err e;
    struct su_plan *p;
    uint64_t bytes;
    assert_int_equal(su_plan_smallest(g, &o, &bytes, &e), SU_OK);
    /* One row of logits is 12 000 bytes; of the other six the join holds 216 000. */
    assert_true(bytes + 100000 < smallest_of(g));
    o.target = &bytes;
    o.n_target = 1;
    assert_int_equal(su_plan_build(g, &o, &p, &e), SU_OK);
    assert_int_equal(p->e_max, 1);
    assert_valid(g, p, bytes);
    su_plan_free(p);
    o.t_max = 200;
    o.e_max = 0;
    o.target = &(uint64_t){1 << 24};
    assert_int_equal(su_plan_build(g, &o, &p, &e), SU_OK);
    assert_int_equal(p->e_max, SU_PLAN_EMIT_ROWS);
    su_plan_free(p);
    su_graph_free(g);
}

static void test_tied_head(void **state)
{
    (void)state;
    struct su_graph *g = decoder(3000, SU_F16, true);
    struct su_plan *p = run_at(g, smallest_of(g));
    assert_int_equal(p->n_sharded, 2);
    assert_true(emit_ports(p) > 2);
    su_plan_free(p);
    su_graph_free(g);
}

static void test_quantised_head(void **state)
{
    (void)state;
    struct su_graph *g = decoder(4000, SU_Q8_0, false);
    struct su_plan *p = run_at(g, smallest_of(g));
    assert_int_equal(p->n_sharded, 2);
    assert_true(tasks_with(p, "head") > 1);
    su_plan_free(p);
    su_graph_free(g);
}

/* A graph can begin with emitted rows: its plan hands them to the tasks that read them. */
static void test_emitted_inputs(void **state)
{
    (void)state;
    struct su_graph *g = su_graph_new();
    uint32_t x = add_input(g, "x", SU_EMIT, SU_F32, SHAPE(DIM));
    uint32_t y = add_binary(g, SU_OP_MATMUL, x, add_weight(g, "up", SU_F32, SHAPE(900, DIM)));
    y = add_binary(g, SU_OP_MATMUL, y, add_weight(g, "down", SU_F32, SHAPE(DIM, 900)));
    finish(g, "y", add_binary(g, SU_OP_ADD, x, y));
    for (uint64_t target = 150 << 10; target < 600 << 10; target += 150 << 10) {
        struct su_plan *p = plan_of(g, target, ROWS);
        struct data *d = data_new(g, ROWS, target);
        assert_valid(g, p, target);
        assert_same_results(g, p, d);
        assert_true(target > 460 << 10 || p->n_task > 1);
        data_free(g, d);
        su_plan_free(p);
    }
    su_graph_free(g);
}

/* An interface must have the same domain at both ends. */
static void test_domain_of_port(void **state)
{
    (void)state;
    struct su_graph *g = decoder(3000, SU_F32, false);
    struct su_plan *p = plan_at(g, 400 << 10);
    struct su_err e;
    assert_true(emit_ports(p) > 2);
    for (uint32_t t = 0; t < p->n_task; t++) {
        struct su_graph *tg = p->task[t].graph;
        for (uint32_t i = 0; i < tg->n_input; i++) {
            struct su_value *v = &tg->value[tg->input[i]];
            if (v->domain == SU_EMIT) {
                v->domain = SU_ROWS;
                assert_int_equal(su_plan_check(p, g, &e), SU_ETYPE);
                v->domain = SU_EMIT;
                assert_int_equal(su_plan_check(p, g, &e), SU_OK);
            }
        }
    }
    su_plan_free(p);
    su_graph_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_head),           cmocka_unit_test(test_few_emitted),
        cmocka_unit_test(test_tied_head),      cmocka_unit_test(test_quantised_head),
        cmocka_unit_test(test_emitted_inputs), cmocka_unit_test(test_domain_of_port),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
