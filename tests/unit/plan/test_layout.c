// SPDX-License-Identifier: MIT
#include "plan_graphs.h"

#include "support/count.h"
#include "support/random_graph.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct su_layout *layout_at(const struct su_graph *g, uint32_t t_max, uint32_t e_max)
{
    struct su_err e;
    struct su_layout *l;
    assert_int_equal(su_layout_build(g, t_max, e_max, 16, &l, &e), SU_OK);
    return l;
}

static struct su_layout *layout_of(const struct su_graph *g, uint32_t t_max)
{
    return layout_at(g, t_max, t_max);
}

/* First and last moment at which a value's bytes are needed, derived here from the graph alone; a
   reshape's argument is needed as long as the reshape. */
static void lives(const struct su_graph *g, uint32_t *from, uint32_t *to)
{
    for (uint32_t v = 0; v < g->n_value; v++) {
        from[v] = g->value[v].kind == SU_VALUE_NODE ? g->value[v].node + 1 : 0;
        to[v] = from[v];
    }
    for (uint32_t i = 0; i < g->n_output; i++) {
        to[g->output[i].value] = g->n_node + 1;
    }
    for (uint32_t i = g->n_node; i-- > 0;) {
        const struct su_node *n = &g->node[i];
        for (uint32_t k = 0; k < n->n_arg; k++) {
            to[n->arg[k]] = SU_MAX(to[n->arg[k]], i + 1);
        }
        if (n->op == SU_OP_RESHAPE) {
            to[n->arg[0]] = SU_MAX(to[n->arg[0]], to[n->first_out]);
        }
    }
}

static uint32_t storage_of(const struct su_graph *g, const struct su_layout *l, uint32_t v)
{
    while (g->value[v].kind == SU_VALUE_NODE && g->node[g->value[v].node].op == SU_OP_RESHAPE) {
        uint32_t a = g->node[g->value[v].node].arg[0];
        if (l->fixed[a]) {
            break;
        }
        v = a;
    }
    return v;
}

static void assert_no_overlap(const struct su_graph *g, const struct su_layout *l, uint32_t t_max,
                              uint32_t e_max)
{
    uint32_t *from = su_alloc(g->n_value * sizeof *from), *to = su_alloc(g->n_value * sizeof *to);
    uint64_t *alive = su_alloc((g->n_node + 2) * sizeof *alive);
    lives(g, from, to);
    for (uint32_t a = 0; a < g->n_value; a++) {
        assert_true(l->offset[a] % 256 == 0);
        assert_true(l->offset[a] + l->bytes[a] <= (l->fixed[a] ? l->fixed_bytes : l->arena_bytes));
        if (!l->fixed[a]) {
            enum su_domain d = g->value[a].domain;
            uint64_t rows = d == SU_FIXED ? 1 : d == SU_ROWS ? t_max : e_max;
            assert_int_equal(su_layout_rows(&g->value[a], t_max, e_max), rows);
            assert_true(l->bytes[a] >= su_value_row_bytes(&g->value[a]) * rows);
            assert_true(l->bytes[a] < su_value_row_bytes(&g->value[a]) * rows + 256);
        }
        for (uint32_t b = 0; b < a; b++) {
            bool apart = l->offset[a] + l->bytes[a] <= l->offset[b] ||
                         l->offset[b] + l->bytes[b] <= l->offset[a];
            if (l->fixed[a] != l->fixed[b]) {
                continue;
            }
            if (l->fixed[a]) {
                assert_true(apart);
            } else if (storage_of(g, l, a) == storage_of(g, l, b)) {
                assert_int_equal(l->offset[a], l->offset[b]);
            } else if (from[a] <= to[b] && from[b] <= to[a]) {
                assert_true(apart);
            }
        }
        for (uint32_t t = from[a]; !l->fixed[a] && storage_of(g, l, a) == a && t <= to[a]; t++) {
            alive[t] += l->bytes[a];
        }
    }
    /* Never below what is alive at once, and in these small graphs never far above it. */
    uint64_t peak = 0;
    for (uint32_t t = 0; t < g->n_node + 2; t++) {
        peak = SU_MAX(peak, alive[t]);
    }
    assert_true(l->arena_bytes >= peak);
    assert_true(l->arena_bytes <= 2 * peak);
    free(from);
    free(to);
    free(alive);
}

static void test_random(void **state)
{
    (void)state;
    for (uint32_t seed = 0; seed < su_test_count(300, 5000); seed++) {
        struct su_random_opts o = {.emit = seed % 3 == 0, .nodes = seed % 7 == 0 ? 80 : 0};
        struct su_random_case *c = su_random_case_new(seed, &o);
        uint32_t t_max = seed % 2 == 0 ? 1 : 1 + seed % 50;
        uint32_t e_max = 1 + seed / 6 % t_max;
        struct su_layout *l = layout_at(c->graph, t_max, e_max),
                         *again = layout_at(c->graph, t_max, e_max);
        assert_no_overlap(c->graph, l, t_max, e_max);
        assert_memory_equal(l->offset, again->offset, l->n_value * sizeof *l->offset);
        assert_int_equal(l->session_bytes, 0);
        su_layout_free(l);
        su_layout_free(again);
        su_random_case_free(c);
    }
}

static void test_fixed_region(void **state)
{
    (void)state;
    struct su_graph *g = su_graph_new();
    uint32_t x = add_input(g, "x", SU_ROWS, SU_F32, SHAPE(33));
    uint32_t h = add_weight(g, "half", SU_F16, SHAPE(3, 33));
    uint32_t q = add_weight(g, "quant", SU_Q4_0, SHAPE(5, 64));
    uint32_t b = add_weight(g, "bias", SU_F32, SHAPE(3));
    uint32_t z = add_input(g, "z", SU_ROWS, SU_F32, SHAPE(64));
    uint32_t y = add_binary(g, SU_OP_ADD, add_binary(g, SU_OP_MATMUL, x, h), b);
    uint32_t k = add_binary(g, SU_OP_QMATMUL, z, q);
    struct su_err e;
    assert_int_equal(su_graph_add_output(g, "k", k, &e), SU_OK);
    finish(g, "y", y);
    struct su_layout *l = layout_of(g, 10);
    assert_true(l->fixed[h] && l->fixed[q] && l->fixed[b] && !l->fixed[x] && !l->fixed[y]);
    assert_int_equal(l->bytes[h], 3 * 64 * 4);
    assert_int_equal(l->bytes[q], 256); /* 5 rows of 2 blocks of 18 bytes */
    assert_int_equal(l->bytes[b], 256);
    assert_int_equal(l->fixed_bytes, 768 + 256 + 256);
    assert_int_equal(l->bytes[x], 1536); /* 10 rows of 132 bytes */
    assert_int_equal(l->work_bytes, 1024); /* 10 rows of 64 + 2 * 8 bytes */
    assert_int_equal(l->work_offset + l->work_bytes, l->arena_bytes);
    su_layout_free(l);
    su_layout_free(NULL);
    su_graph_free(g);
}

static void test_chain_ping_pong(void **state)
{
    (void)state;
    struct su_graph *g = graph_chain(20, 64);
    struct su_layout *l = layout_of(g, 4);
    assert_int_equal(l->arena_bytes, 2 * 64 * 4 * 4); /* one value read, one written */
    assert_no_overlap(g, l, 4, 4);
    su_layout_free(l);
    su_graph_free(g);
}

static void test_states(void **state)
{
    (void)state;
    struct su_graph *g = su_graph_new();
    struct su_err e;
    struct su_shape kv = SHAPE(2, 8);
    uint32_t q = add_input(g, "q", SU_ROWS, SU_F32, SHAPE(4, 8));
    uint32_t kx = add_input(g, "kx", SU_ROWS, SU_F32, kv),
             vx = add_input(g, "vx", SU_ROWS, SU_F32, kv);
    uint32_t ks, vs;
    assert_int_equal(su_graph_add_state(g, "k", &kv, &ks, &e), SU_OK);
    assert_int_equal(su_graph_add_state(g, "v", &kv, &vs, &e), SU_OK);
    uint32_t k = add_binary(g, SU_OP_STATE_APPEND, kx, ks);
    uint32_t v = add_binary(g, SU_OP_STATE_APPEND, vx, vs);
    int32_t attr[7] = {4, 2, 8, (int32_t)su_f32_bits(0.5f), 0, 0, 0};
    finish(g, "y", add_op(g, SU_OP_ATTENTION, (uint32_t[]){q, k, v}, 3, attr, 7));
    struct su_layout *l = layout_of(g, 1);
    assert_true(l->offset[ks] == SU_LAYOUT_NONE && l->offset[k] == SU_LAYOUT_NONE);
    assert_int_equal(l->session_bytes, 2 * 16 * 2 * 16); /* two states, 16 elements, 16 positions */
    assert_int_equal(l->fixed_bytes, 0);
    su_layout_free(l);
    su_graph_free(g);
}

static void test_overflow(void **state)
{
    (void)state;
    struct su_graph *g = su_graph_new();
    struct su_err e;
    struct su_layout *l;
    /* Each state has 2^30 elements of 2 bytes: at 2^32 - 1 positions two of them exceed 2^63 bytes.
       */
    struct su_shape big = SHAPE(16384, 65536);
    uint32_t k, v, q = add_input(g, "q", SU_ROWS, SU_F32, big);
    assert_int_equal(su_graph_add_state(g, "k", &big, &k, &e), SU_OK);
    assert_int_equal(su_graph_add_state(g, "v", &big, &v, &e), SU_OK);
    uint32_t ka = add_binary(g, SU_OP_STATE_APPEND, q, k);
    uint32_t va = add_binary(g, SU_OP_STATE_APPEND, q, v);
    int32_t attr[7] = {16384, 16384, 65536, (int32_t)su_f32_bits(1.0f), 0, 0, 0};
    finish(g, "y", add_op(g, SU_OP_ATTENTION, (uint32_t[]){q, ka, va}, 3, attr, 7));
    assert_int_equal(su_layout_build(g, 1, 1, UINT32_MAX, &l, &e), SU_EOVERFLOW);
    assert_null(l);
    assert_int_equal(su_layout_build(g, 1, 1, 1024, &l, &e), SU_OK);
    assert_int_equal(l->session_bytes, 1ull << 42);
    su_layout_free(l);
    su_graph_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),          cmocka_unit_test(test_fixed_region),
        cmocka_unit_test(test_chain_ping_pong), cmocka_unit_test(test_states),
        cmocka_unit_test(test_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
