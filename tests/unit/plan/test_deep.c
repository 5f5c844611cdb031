// SPDX-License-Identifier: MIT
/* A decoder of 80 layers and 70 G weights, planned from its shapes alone. */
#include "plan_graphs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

enum { LAYERS = 80, DIM = 8192, HIDDEN = 28672, KV = 1024, HEAD_DIM = 128, VOCABULARY = 128256 };

static uint32_t layer_weight(struct su_graph *g, uint32_t layer, const char *name, uint32_t rows,
                             uint32_t columns)
{
    char text[32];
    snprintf(text, sizeof text, "%u.%s", layer, name);
    return add_weight(g, text, SU_Q4_K, SHAPE(rows, columns));
}

static uint32_t norm(struct su_graph *g, uint32_t layer, const char *name, uint32_t x)
{
    char text[32];
    snprintf(text, sizeof text, "%u.%s", layer, name);
    uint32_t w = add_weight(g, text, SU_F32, SHAPE(DIM));
    int32_t attr[2] = {(int32_t)su_f32_bits(1e-5f), 0};
    return add_op(g, SU_OP_RMSNORM, (uint32_t[]){x, w}, 2, attr, 2);
}

static uint32_t heads(struct su_graph *g, uint32_t x, int32_t n, bool turn)
{
    int32_t rope[8] = {1, HEAD_DIM, (int32_t)su_f32_bits(5e5f), (int32_t)su_f32_bits(1.0f)};
    x = add_op(g, SU_OP_RESHAPE, &x, 1, (int32_t[]){n, HEAD_DIM}, 2);
    return turn ? add_op(g, SU_OP_ROPE, &x, 1, rope, 8) : x;
}

static uint32_t append(struct su_graph *g, uint32_t layer, const char *name, uint32_t x)
{
    char text[32];
    struct su_err e;
    struct su_shape s = SHAPE(KV / HEAD_DIM, HEAD_DIM);
    uint32_t state;
    snprintf(text, sizeof text, "%u.%s", layer, name);
    assert_int_equal(su_graph_add_state(g, text, &s, &state, &e), SU_OK);
    return add_binary(g, SU_OP_STATE_APPEND, x, state);
}

static uint32_t product(struct su_graph *g, uint32_t x, uint32_t w)
{
    return add_binary(g, SU_OP_QMATMUL, x, w);
}

static uint32_t layer(struct su_graph *g, uint32_t l, uint32_t x)
{
    uint32_t h = norm(g, l, "norm1", x);
    uint32_t q = heads(g, product(g, h, layer_weight(g, l, "q", DIM, DIM)), DIM / HEAD_DIM, true);
    uint32_t k = heads(g, product(g, h, layer_weight(g, l, "k", KV, DIM)), KV / HEAD_DIM, true);
    uint32_t v = heads(g, product(g, h, layer_weight(g, l, "v", KV, DIM)), KV / HEAD_DIM, false);
    k = append(g, l, "keys", k);
    v = append(g, l, "values", v);
    int32_t attr[7] = {DIM / HEAD_DIM, KV / HEAD_DIM, HEAD_DIM, (int32_t)su_f32_bits(0.088f)};
    uint32_t o = add_op(g, SU_OP_ATTENTION, (uint32_t[]){q, k, v}, 3, attr, 7);
    o = add_op(g, SU_OP_RESHAPE, &o, 1, (int32_t[]){DIM}, 1);
    x = add_binary(g, SU_OP_ADD, x, product(g, o, layer_weight(g, l, "o", DIM, DIM)));
    h = norm(g, l, "norm2", x);
    uint32_t a = add_unary(g, SU_OP_SILU, product(g, h, layer_weight(g, l, "gate", HIDDEN, DIM)));
    uint32_t b = product(g, h, layer_weight(g, l, "up", HIDDEN, DIM));
    uint32_t m = add_binary(g, SU_OP_MUL, a, b);
    return add_binary(g, SU_OP_ADD, x, product(g, m, layer_weight(g, l, "down", DIM, HIDDEN)));
}

static struct su_graph *decoder(void)
{
    struct su_graph *g = su_graph_new();
    uint32_t id = add_input(g, "token", SU_ROWS, SU_I32, (struct su_shape){0});
    uint32_t table = add_weight(g, "table", SU_Q4_K, SHAPE(VOCABULARY, DIM));
    uint32_t x = add_binary(g, SU_OP_EMBEDDING, table, id);
    for (uint32_t l = 0; l < LAYERS; l++) {
        x = layer(g, l, x);
    }
    x = norm(g, LAYERS, "norm", add_unary(g, SU_OP_SELECT_EMITTED, x));
    finish(g, "logits", product(g, x, add_weight(g, "head", SU_Q4_K, SHAPE(VOCABULARY, DIM))));
    return g;
}

static void test_decoder(void **state)
{
    (void)state;
    struct su_graph *g = decoder();
    const uint64_t gb = 1ull << 30, targets[] = {80 * gb, 24 * gb, 4 * gb};
    for (uint32_t i = 0; i < SU_ARRAY_LEN(targets); i++) {
        struct su_err e;
        struct su_plan *p;
        struct su_plan_opts o = opts_of(&targets[i]);
        o.t_max = 256;
        o.sessions = 2;
        clock_t start = clock();
        assert_int_equal(su_plan_build(g, &o, &p, &e), SU_OK);
        assert_true(clock() - start < 60 * CLOCKS_PER_SEC); /* usually under one second */
        assert_valid(g, p, targets[i]);
        uint64_t total = 0;
        for (uint32_t t = 0; t < p->n_task; t++) {
            total += p->task[t].vram_fixed + 2 * p->task[t].vram_session;
            /* The residual stream crosses, at most with what is added to it next. */
            assert_true(t == 0 || p->task[t].bytes_in <= 4 * (2 * DIM + HIDDEN));
        }
        assert_true(p->n_task <= total / targets[i] + 2);
        su_plan_free(p);
    }
    su_graph_free(g);
}

/* Neither the table nor the head fits one task of half a gigabyte: both are sharded, the head for the
   emitted rows alone. */
static void test_small_devices(void **state)
{
    (void)state;
    struct su_graph *g = decoder();
    const uint64_t target = 512ull << 20;
    struct su_plan_opts o = opts_of(&target);
    struct su_plan *p;
    struct su_err e;
    o.t_max = 16;
    o.ctx = 1024;
    assert_int_equal(su_plan_build(g, &o, &p, &e), SU_OK);
    assert_valid(g, p, target);
    assert_int_equal(p->n_sharded, 2);
    const struct su_graph *last = p->task[p->n_task - 1].graph;
    uint32_t emit = 0;
    for (uint32_t i = 0; i < last->n_input; i++) {
        emit += last->value[last->input[i]].domain == SU_EMIT;
    }
    assert_true(emit > 0);
    su_plan_free(p);
    su_graph_free(g);
}

/* Devices of a private cluster: large ones late, all in order. */
static void test_devices(void **state)
{
    (void)state;
    struct su_graph *g = decoder();
    const uint64_t gb = 1ull << 30, devices[] = {8 * gb, 12 * gb, 24 * gb, 16 * gb};
    struct su_plan_opts o = {.target = devices, .n_target = 4, .per_device = true, .ctx = 1024};
    struct su_err e;
    struct su_plan *p;
    assert_int_equal(su_plan_build(g, &o, &p, &e), SU_OK);
    assert_int_equal(su_plan_check(p, g, &e), SU_OK);
    assert_int_equal(p->n_task, 2); /* the two small ones are left out */
    assert_int_equal(p->task[0].device, 2);
    for (uint32_t t = 0; t < p->n_task; t++) {
        assert_true(t == 0 || p->task[t].device > p->task[t - 1].device);
        assert_true(p->task[t].vram_fixed + p->task[t].vram_session <= devices[p->task[t].device]);
    }
    su_plan_free(p);
    su_graph_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decoder),
        cmocka_unit_test(test_small_devices),
        cmocka_unit_test(test_devices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
