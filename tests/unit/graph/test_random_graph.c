// SPDX-License-Identifier: MIT
/* What the generator of random graphs promises to the tests that stand on it. */
#include "graph/graph.h"
#include "support/random_graph.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
// clang-format off
#include <cmocka.h>
// clang-format on

static bool only_add(enum su_op op)
{
    return op == SU_OP_ADD;
}

static void test_repeatable(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 50; seed++) {
        struct su_random_opts few = {.rows = 3}, many = {.rows = 11};
        struct su_random_case *a = su_random_case_new(seed, &few),
                              *b = su_random_case_new(seed, &many);
        uint8_t da[SU_SHA256_BYTES], db[SU_SHA256_BYTES];
        assert_int_equal(su_graph_digest(a->graph, da, NULL), SU_OK);
        assert_int_equal(su_graph_digest(b->graph, db, NULL), SU_OK);
        assert_memory_equal(da, db, sizeof da);
        assert_int_equal(a->n_row, 3);
        assert_int_equal(b->n_row, 11);
        assert_memory_equal(a->row, b->row, 3 * sizeof *a->row);
        for (uint32_t i = 0; i < a->graph->n_input; i++) {
            assert_true(a->input_bytes[i] <= b->input_bytes[i]);
            assert_memory_equal(a->input[i], b->input[i], a->input_bytes[i]);
        }
        for (uint32_t i = 0; i < a->graph->n_weight; i++) {
            assert_int_equal(a->weight_bytes[i], b->weight_bytes[i]);
            assert_memory_equal(a->weight[i], b->weight[i], a->weight_bytes[i]);
        }
        su_random_case_free(a);
        su_random_case_free(b);
    }
    su_random_case_free(NULL);
}

/* Within the stated sizes, and every op that can be is generated. */
static void test_variety(void **state)
{
    uint32_t ops[SU_OP_COUNT] = {0}, ranks[SU_GRAPH_RANK_MAX + 1] = {0},
             types[SU_DTYPE_COUNT] = {0}, emit = 0, emit_inputs = 0, later = 0;

    (void)state;
    for (uint64_t seed = 0; seed < 1500; seed++) {
        struct su_random_opts o = {.emit = seed % 2 == 0};
        struct su_random_case *c = su_random_case_new(seed, &o);
        const struct su_graph *g = c->graph;
        assert_true(g->checked);
        assert_true(g->n_input >= 1 && g->n_input <= 8);
        assert_true(g->n_output >= 1 && g->n_output <= 8);
        assert_true(c->n_row >= 1 && c->n_row <= 70);
        assert_true(c->row[0].emit);
        assert_true(g->n_node < 100);
        assert_true(su_graph_macs(g) < 2100000);
        for (uint32_t i = 0; i < g->n_node; i++)
            ops[g->node[i].op]++;
        for (uint32_t i = 0; i < g->n_value; i++) {
            ranks[g->value[i].shape.rank]++;
            types[g->value[i].dtype]++;
            emit += g->value[i].domain == SU_EMIT;
            emit_inputs += g->value[i].domain == SU_EMIT && g->value[i].kind == SU_VALUE_INPUT;
            later += g->value[i].first_row > 0;
            assert_true(seed % 2 == 0 || g->value[i].domain != SU_EMIT);
        }
        su_random_case_free(c);
    }
    for (unsigned op = 0; op < SU_OP_COUNT; op++) {
        bool stateful = op == SU_OP_ROPE || op == SU_OP_STATE_APPEND || op == SU_OP_ATTENTION ||
                        op == SU_OP_MOE_ROUTE || op == SU_OP_SAMPLE || op == SU_OP_QMATMUL ||
                        op == SU_OP_QMATMUL_ID;
        if ((ops[op] > 50) == stateful)
            fail_msg("%s: generated %u times", su_op_name((enum su_op)op), (unsigned)ops[op]);
    }
    for (unsigned i = 0; i <= SU_GRAPH_RANK_MAX; i++)
        assert_true(ranks[i] > 100);
    for (unsigned i = 0; i <= SU_BF16; i++)
        assert_true(types[i] > 100);
    assert_true(emit > 100 && emit_inputs > 100 && later > 100);
}

static void test_options(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 100; seed++) {
        struct su_random_opts o = {.nodes = 6,
                                   .mild = true,
                                   .allow = only_add,
                                   .no_fixed_inputs = true,
                                   .elements = 100,
                                   .macs = 5000};
        struct su_random_case *c = su_random_case_new(seed, &o);
        const struct su_graph *g = c->graph;
        for (uint32_t i = 0; i < g->n_node; i++) {
            enum su_op op = g->node[i].op;
            assert_true(op == SU_OP_ADD || op == SU_OP_RESHAPE || op == SU_OP_CAST ||
                        op == SU_OP_CONCAT);
        }
        for (uint32_t i = 0; i < g->n_input; i++) {
            const struct su_value *v = &g->value[g->input[i]];
            assert_int_equal(v->domain, SU_ROWS);
            assert_true(su_shape_elements(&v->shape) <= 100);
            for (size_t k = 0; v->dtype == SU_F32 && k < c->input_bytes[i]; k += 4) {
                float x = su_f32_from_bits(su_le32((const uint8_t *)c->input[i] + k));
                assert_true(x >= -2.0f && x <= 2.0f);
            }
        }
        su_random_case_free(c);
    }
}

/* Block types come with normal scales: no NaN or infinity where a half is read. */
static void test_blocks(void **state)
{
    uint8_t data[2 * 210];

    (void)state;
    for (uint64_t seed = 0; seed < 200; seed++) {
        su_random_fill(seed, 1, SU_Q6_K, 512, false, data);
        for (size_t i = 0; i < 2; i++) {
            uint32_t exponent = su_le16(data + 210 * i + 208) >> 10 & 31;
            assert_true(exponent > 0 && exponent < 31);
        }
        su_random_fill(seed, 1, SU_Q4_1, 64, false, data);
        for (size_t i = 0; i < 4; i++) {
            uint32_t exponent = su_le16(data + 20 * (i / 2) + 2 * (i % 2)) >> 10 & 31;
            assert_true(exponent > 0 && exponent < 31);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_repeatable),
        cmocka_unit_test(test_variety),
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_blocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
