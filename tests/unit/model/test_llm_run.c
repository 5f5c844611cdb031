// SPDX-License-Identifier: MIT
/* What language models compute: the logits of an independent program, and the same bits however the
   positions are handed over and wherever the graph is cut. */
#include "plan/plan.h"
#include "toys.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CTX = 32, SESSIONS = 3, TASKS = SU_PLAN_TASK_MAX };

/* ---- running ---- */

/* A model, whole or in tasks, with its sessions. */
struct runner {
    struct su_model *m;
    struct su_plan *plan; /* NULL: the whole graph */
    struct su_session *session[TASKS][SESSIONS];
};

static uint32_t tasks_of(const struct runner *r)
{
    return r->plan ? r->plan->n_task : 1;
}

static const struct su_graph *graph_of(const struct runner *r, uint32_t task)
{
    return r->plan ? r->plan->task[task].graph : r->m->graph;
}

static struct runner runner_of(struct su_model *m, struct su_plan *plan)
{
    struct runner r = {.m = m, .plan = plan};

    assert_true(tasks_of(&r) <= TASKS);
    for (uint32_t t = 0; t < tasks_of(&r); t++) {
        for (uint32_t s = 0; s < SESSIONS; s++)
            assert_int_equal(su_session_new(graph_of(&r, t), CTX, &r.session[t][s], NULL), SU_OK);
    }
    return r;
}

static void runner_fini(struct runner *r)
{
    for (uint32_t t = 0; t < tasks_of(r); t++) {
        for (uint32_t s = 0; s < SESSIONS; s++)
            su_session_free(r->session[t][s]);
    }
}

static struct su_eval *run_task(struct runner *r, uint32_t task, const struct su_row *row,
                                uint32_t n_row, const void *const *input)
{
    const struct su_graph *g = graph_of(r, task);
    const void **weight = calloc(g->n_weight + 1u, sizeof *weight);
    struct su_eval *ev = NULL;
    struct su_err e = {0};

    assert_non_null(weight);
    for (uint32_t i = 0; i < g->n_weight; i++) {
        struct su_weight_span span;
        if (su_weights_resolve(r->m->weights, g, g->weight[i], &span, &e))
            fail_msg("%s: %s", e.at, e.msg);
        weight[i] = span.tensor->data + span.offset;
    }
    const struct su_eval_args args = {.row = row,
                                      .n_row = n_row,
                                      .input = input,
                                      .weight = weight,
                                      .session = r->session[task],
                                      .n_session = SESSIONS};
    if (su_graph_eval(g, &args, &ev, &e))
        fail_msg("%s: %s", e.at, e.msg);
    free(weight);
    return ev;
}

/* One dispatch; the logits of the rows that emit go to out, one after the other. */
static void run(struct runner *r, const struct su_row *row, const uint32_t *token, uint32_t n_row,
                float *out)
{
    struct su_eval *ev[TASKS] = {NULL};
    size_t bytes = 0, emits = 0;

    for (uint32_t t = 0; t < tasks_of(r); t++) {
        const void *input[SU_PLAN_PORT_MAX] = {token};
        for (uint32_t i = 0; r->plan && i < graph_of(r, t)->n_input; i++) {
            const struct su_plan_input *from = &r->plan->task[t].input[i];
            const struct su_graph *g =
                from->from_task == SU_PLAN_EXTERNAL ? NULL : graph_of(r, from->from_task);
            input[i] =
                g ? su_eval_value(ev[from->from_task], g->output[from->from_output].value, &bytes)
                  : token;
            assert_non_null(input[i]);
        }
        ev[t] = run_task(r, t, row, n_row, input);
    }
    uint32_t last = r->plan ? r->plan->result[0].from_task : 0;
    uint32_t port = r->plan ? r->plan->result[0].from_output : 0;
    const void *logits = su_eval_value(ev[last], graph_of(r, last)->output[port].value, &bytes);
    for (uint32_t i = 0; i < n_row; i++)
        emits += row[i].emit;
    assert_int_equal(bytes, emits * TOY_VOCAB * sizeof *out);
    if (bytes > 0)
        memcpy(out, logits, bytes);
    for (uint32_t t = 0; t < tasks_of(r); t++)
        su_eval_free(ev[t]);
}

/* Positions from..to of a session in one dispatch, all of which emit. */
static void run_span(struct runner *r, uint32_t session, uint32_t from, uint32_t to, float *out)
{
    struct su_row row[TOY_TOKENS];

    for (uint32_t i = from; i < to; i++)
        row[i - from] = (struct su_row){session, i, true};
    run(r, row, toy_token + from, to - from, out + (size_t)from * TOY_VOCAB);
}

static float (*prefill(struct runner *r, uint32_t session))[TOY_VOCAB]
{
    float(*logits)[TOY_VOCAB] = calloc(TOY_TOKENS, sizeof *logits);

    assert_non_null(logits);
    run_span(r, session, 0, TOY_TOKENS, logits[0]);
    return logits;
}

/* ---- tests ---- */

static void test_logits(void **state)
{
    (void)state;
    for (size_t i = 0; i < toy_count; i++) {
        const struct toy *t = &toy_list[i];
        struct su_model *m = toy_open(t);
        struct runner r = runner_of(m, NULL);
        float(*logits)[TOY_VOCAB] = prefill(&r, 0), worst = 0.0f, most = 0.0f;
        for (uint32_t k = 0; k < TOY_ROWS; k++) {
            for (uint32_t v = 0; v < TOY_VOCAB; v++) {
                worst = fmaxf(worst, fabsf(logits[toy_row[k]][v] - t->logits[k][v]));
                most = fmaxf(most, fabsf(t->logits[k][v]));
            }
        }
        print_message("%-18s largest difference %.5f of %.2f\n", t->name, (double)worst,
                      (double)most);
        if (!(worst < 0.01f))
            fail_msg("%s: logits differ by %g", t->name, (double)worst);
        assert_true(most > 0.3f);
        free(logits);
        runner_fini(&r);
        su_model_close(m);
    }
}

static void test_chunks(void **state)
{
    (void)state;
    static const uint32_t chunk[][4] = {{1, 1, 1, 1}, {3, 5, 4, 2}, {13, 1, 0, 0}};
    float other[TOY_TOKENS][TOY_VOCAB];

    for (size_t i = 0; i < toy_count; i++) {
        struct su_model *m = toy_open(&toy_list[i]);
        for (size_t c = 0; c < SU_ARRAY_LEN(chunk); c++) {
            struct runner r = runner_of(m, NULL);
            float(*whole)[TOY_VOCAB] = prefill(&r, 0);
            for (uint32_t at = 0, k = 0; at < TOY_TOKENS; k++) {
                uint32_t n = chunk[c][k % 4];
                run_span(&r, 1, at, at + n, other[0]);
                at += n;
            }
            assert_memory_equal(whole, other, sizeof other);
            /* Positions taken back and run again. */
            assert_int_equal(su_session_truncate(r.session[0][1], 5, NULL), SU_OK);
            run_span(&r, 1, 5, TOY_TOKENS, other[0]);
            assert_memory_equal(whole, other, sizeof other);
            free(whole);
            runner_fini(&r);
        }
        su_model_close(m);
    }
}

/* Three sessions in the same dispatches: one is prefilled while the others decode, few rows emit. */
static void test_mixed_sessions(void **state)
{
    (void)state;
    for (size_t i = 0; i < toy_count; i++) {
        struct su_model *m = toy_open(&toy_list[i]);
        struct runner r = runner_of(m, NULL), mixed = runner_of(m, NULL);
        float(*whole)[TOY_VOCAB] = prefill(&r, 0), got[3][TOY_VOCAB];
        struct su_row row[16];
        uint32_t token[16], n = 0;
        for (uint32_t k = 0; k < 5; k++, n++) { /* session 0 and 2 take turns */
            row[n] = (struct su_row){k % 2 ? 2 : 0, k / 2, k >= 3};
            token[n] = toy_token[k / 2];
        }
        run(&mixed, row, token, n, got[0]); /* 0: positions 0..2, 2: 0..1 */
        assert_memory_equal(got[0], whole[1], sizeof got[0]);
        assert_memory_equal(got[1], whole[2], sizeof got[0]);
        n = 0;
        row[n] = (struct su_row){2, 2, true};
        token[n++] = toy_token[2];
        for (uint32_t k = 0; k < 9; k++, n++) {
            row[n] = (struct su_row){1, k, k == 8};
            token[n] = toy_token[k];
        }
        row[n] = (struct su_row){0, 3, true};
        token[n++] = toy_token[3];
        run(&mixed, row, token, n, got[0]);
        assert_memory_equal(got[0], whole[2], sizeof got[0]);
        assert_memory_equal(got[1], whole[8], sizeof got[0]);
        assert_memory_equal(got[2], whole[3], sizeof got[0]);
        free(whole);
        runner_fini(&r);
        runner_fini(&mixed);
        su_model_close(m);
    }
}

static void test_tasks(void **state)
{
    (void)state;
    for (size_t i = 0; i < toy_count; i++) {
        struct su_model *m = toy_open(&toy_list[i]);
        struct su_plan_opts o = {
            .n_target = 1, .t_max = TOY_TOKENS, .ctx = CTX, .sessions = SESSIONS};
        struct su_plan *plan = NULL;
        struct su_err e = {0};
        struct runner whole = runner_of(m, NULL);
        float(*want)[TOY_VOCAB] = prefill(&whole, 0);
        uint64_t smallest = 0, target;
        assert_int_equal(su_plan_smallest(m->graph, &o, &smallest, &e), SU_OK);
        o.target = &target;
        for (unsigned k = 1; k <= 2; k++) {
            target = smallest * k;
            if (su_plan_build(m->graph, &o, &plan, &e) || su_plan_check(plan, m->graph, &e))
                fail_msg("%s: %s: %s", toy_list[i].name, e.at, e.msg);
            assert_true(plan->n_task > (k == 1 ? 2 : 1));
            struct runner cut = runner_of(m, plan);
            float(*got)[TOY_VOCAB] = prefill(&cut, 0);
            assert_memory_equal(got, want, TOY_TOKENS * sizeof *got);
            run_span(&cut, 2, 0, 1, got[0]);
            run_span(&cut, 2, 1, TOY_TOKENS, got[0]);
            assert_memory_equal(got, want, TOY_TOKENS * sizeof *got);
            free(got);
            runner_fini(&cut);
            su_plan_free(plan);
        }
        free(want);
        runner_fini(&whole);
        su_model_close(m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_logits),
        cmocka_unit_test(test_chunks),
        cmocka_unit_test(test_mixed_sessions),
        cmocka_unit_test(test_tasks),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
