// SPDX-License-Identifier: MIT
/* Language models that end in a token. */
#include "plan/plan.h"
#include "toys.h"

#include <string.h>

static void ends_in_a_token(void **state)
{
    struct su_model *m = NULL;
    struct su_graph *g = NULL, *again = NULL;
    struct su_err e = {0};
    (void)state;

    assert_int_equal(su_model_open_shapes(source_path("smollm2-135m"), SU_LLM_Q4_1, &m, &e), SU_OK);
    assert_int_equal(su_model_generator(m->graph, &g, &e), SU_OK);
    assert_true(g->checked);
    assert_int_equal(g->n_output, 1);
    const struct su_value *v = &g->value[g->output[0].value];
    assert_string_equal(g->output[0].name, "token");
    assert_int_equal(v->dtype, SU_I32);
    assert_int_equal(v->domain, SU_EMIT);
    assert_int_equal(v->shape.rank, 0);
    assert_int_equal(g->n_weight, m->graph->n_weight);
    assert_int_equal(g->n_state, m->graph->n_state);
    assert_int_equal(su_graph_macs(g) >= su_graph_macs(m->graph), true);
    assert_int_equal(su_model_generator(g, &again, &e), SU_ETYPE);
    assert_null(again);

    const uint64_t target = 64u << 20;
    const struct su_plan_opts o = {.target = &target, .n_target = 1, .t_max = 8, .ctx = 256};
    struct su_plan *plan = NULL;
    assert_int_equal(su_plan_build(g, &o, &plan, &e), SU_OK);
    assert_true(plan->n_task > 1);
    assert_int_equal(su_plan_check(plan, g, &e), SU_OK);
    const struct su_graph *last = plan->task[plan->n_task - 1].graph;
    const struct su_value *token = &last->value[last->output[last->n_output - 1].value];
    assert_int_equal(last->node[token->node].op, SU_OP_SAMPLE);
    su_plan_free(plan);
    su_graph_free(g);
    su_model_close(m);
}

static void refuses_other_graphs(void **state)
{
    struct su_graph *mnist = NULL, *g = NULL;
    struct su_err e = {0};
    (void)state;

    assert_int_equal(su_model_mnist_graph(&mnist, &e), SU_OK);
    assert_int_equal(su_model_generator(mnist, &g, &e), SU_ETYPE);
    assert_null(g);
    su_graph_free(mnist);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ends_in_a_token),
        cmocka_unit_test(refuses_other_graphs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
