// SPDX-License-Identifier: MIT
/* The order in which the engine talks to a device, and what it does when the device fails in the
   middle. The stages here are this file's own: they evaluate, write down every call, and fail when
   told to. */
#include "unit.h"

#include "support/random_tensor.h"

#include <stdlib.h>
#include <string.h>

#define BRANCHES 6u
#define WIDTH 32u

/* ---- an exec that remembers ------------------------------------------------------------------ */

struct su_stage {
    const struct su_graph *graph;
    void **weight;
    struct su_eval *eval;
    uint64_t tickets;
};

enum what { LOAD, FREE, SUBMIT, WAIT, SESSION, SESSION_END, EVENT_KINDS };
static struct {
    enum what what;
    const struct su_graph *graph;
} event[512];
static uint32_t n_event, count[EVENT_KINDS];
static uint32_t
    fail_at[EVENT_KINDS]; /* the call of that kind that fails, counted from 1; 0 = none */

static bool note(enum what w, const struct su_graph *g)
{
    assert_true(n_event < SU_ARRAY_LEN(event));
    event[n_event].what = w;
    event[n_event++].graph = g;
    return ++count[w] == fail_at[w];
}

static void forget(void)
{
    n_event = 0;
    memset(count, 0, sizeof count);
    memset(fail_at, 0, sizeof fail_at);
}

enum su_code su_stage_load(struct su_exec *x, const struct su_graph *g, uint32_t t_max,
                           uint32_t e_max, const struct su_weight_source *src,
                           struct su_stage **out, struct su_err *e)
{
    (void)x;
    (void)t_max;
    (void)e_max;
    *out = NULL;
    if (note(LOAD, g))
        return su_fail(e, SU_ENOMEM, "fake", "no memory");
    struct su_stage *s = su_alloc(sizeof *s);
    s->graph = g;
    s->weight = su_alloc((g->n_weight + 1) * sizeof *s->weight);
    for (uint32_t i = 0; i < g->n_weight; i++) {
        const struct su_value *v = &g->value[g->weight[i]];
        uint64_t bytes;
        must(su_tensor_bytes(v->dtype, &v->shape, &bytes, e), e);
        s->weight[i] = su_alloc((size_t)bytes);
        must(src->read(src->ctx, i, 0, s->weight[i], (size_t)bytes / 4, e), e);
        must(src->read(src->ctx, i, bytes / 4, (uint8_t *)s->weight[i] + bytes / 4,
                       (size_t)(bytes - bytes / 4), e),
             e);
        /* Beyond the weight there is nothing to read. */
        assert_int_equal(src->read(src->ctx, i, bytes, s->weight[i], 1, e), SU_EINTERNAL);
        assert_int_equal(src->read(src->ctx, i, bytes + 1, s->weight[i], 0, e), SU_EINTERNAL);
        assert_int_equal(src->read(src->ctx, i, 1, s->weight[i], SIZE_MAX, NULL), SU_EINTERNAL);
    }
    *out = s;
    return SU_OK;
}

void su_stage_free(struct su_stage *s)
{
    if (!s)
        return;
    (void)note(FREE, s->graph);
    assert_null(s->eval); /* nothing may be in flight */
    for (uint32_t i = 0; i < s->graph->n_weight; i++)
        free(s->weight[i]);
    free(s->weight);
    free(s);
}

uint64_t su_stage_bound_bytes(const struct su_stage *s)
{
    return 1000 + s->graph->n_node;
}

enum su_code su_stage_submit(struct su_stage *s, const struct su_step *step, uint64_t *ticket,
                             struct su_err *e)
{
    if (note(SUBMIT, s->graph))
        return su_fail(e, SU_EBUSY, "fake", "cannot submit");
    assert_null(s->eval);
    s->eval =
        eval_of(s->graph, step->row, step->n_row, step->input, (const void *const *)s->weight);
    *ticket = s->tickets++;
    return SU_OK;
}

enum su_code su_stage_wait(struct su_stage *s, uint64_t ticket, bool op_times,
                           struct su_step_result *r, struct su_err *e)
{
    assert_false(op_times);
    assert_int_equal(ticket, s->tickets - 1);
    assert_non_null(s->eval);
    memset(r, 0, sizeof *r);
    bool fails = note(WAIT, s->graph);
    if (!fails) {
        r->n_output = s->graph->n_output;
        r->output = su_alloc(r->n_output * sizeof *r->output);
        r->output_bytes = su_alloc(r->n_output * sizeof *r->output_bytes);
        r->ms = 0.5;
        r->saturations = 3;
    }
    for (uint32_t i = 0; i < r->n_output; i++) {
        const void *data = su_eval_value(s->eval, s->graph->output[i].value, &r->output_bytes[i]);
        r->output[i] = su_alloc(r->output_bytes[i]);
        memcpy(r->output[i], data, r->output_bytes[i]);
    }
    su_eval_free(s->eval);
    s->eval = NULL;
    return fails ? su_fail(e, SU_ENODEV, "fake", "the device is lost") : SU_OK;
}

void su_step_result_fini(struct su_step_result *r)
{
    for (uint32_t i = 0; i < r->n_output; i++)
        free(r->output[i]);
    free(r->output);
    free(r->output_bytes);
    memset(r, 0, sizeof *r);
}

enum su_code su_stage_session_new(struct su_stage *s, uint32_t ctx, uint32_t *session,
                                  struct su_err *e)
{
    assert_int_equal(ctx, 77);
    *session = 9999;
    if (note(SESSION, s->graph))
        return su_fail(e, SU_ELIMIT, "fake", "no more sessions");
    *session = 5;
    return SU_OK;
}

void su_stage_session_free(struct su_stage *s, uint32_t session)
{
    assert_int_equal(session, 5);
    (void)note(SESSION_END, s->graph);
}

/* The graphs here have no states, so nobody asks for lengths. */
enum su_code su_stage_session_truncate(struct su_stage *s, uint32_t session, uint32_t length,
                                       struct su_err *e)
{
    (void)s;
    return su_fail(e, SU_EINVAL, "fake", "session %u has no length %u", session, length);
}

uint32_t su_stage_session_length(const struct su_stage *s, uint32_t session)
{
    fail_msg("session %u of stage %p", session, (const void *)s);
    return 0;
}

/* ---- a wide graph ---------------------------------------------------------------------------- */

struct wide {
    struct su_graph *graph;
    void *weight[BRANCHES + 1];
    struct weight_file file;
    struct su_plan *plan;
    float input[2 * WIDTH];
    const void *inputs[1];
    struct su_row row[2];
    struct su_eval *ev;
};

/* Branches of one matmul each, their results concatenated, and a matmul over all. */
static void wide_init(struct wide *w)
{
    struct su_graph *g = su_graph_new();
    struct su_shape in = {.rank = 1, .dim = {WIDTH}}, square = {.rank = 2, .dim = {WIDTH, WIDTH}};
    struct su_shape last = {.rank = 2, .dim = {4, BRANCHES * WIDTH}};
    uint32_t x = add_input(g, "x", SU_ROWS, in), part[BRANCHES];
    memset(w, 0, sizeof *w);
    for (uint32_t i = 0; i < BRANCHES; i++) {
        char name[16];
        snprintf(name, sizeof name, "w%u", i);
        uint32_t id = add_weight(g, name, SU_F32, square);
        part[i] = add_op(g, SU_OP_MATMUL, (uint32_t[]){x, id}, 2, NULL, 0);
    }
    uint32_t all = add_op(g, SU_OP_CONCAT, part, BRANCHES, (int32_t[]){0}, 1);
    uint32_t end = add_weight(g, "end", SU_F32, last);
    add_output(g, "y", add_op(g, SU_OP_MATMUL, (uint32_t[]){all, end}, 2, NULL, 0));
    finish(g);
    for (uint32_t i = 0; i < g->n_weight; i++) {
        uint64_t n = su_shape_elements(&g->value[g->weight[i]].shape);
        w->weight[i] = su_alloc((size_t)n * 4);
        su_random_fill(i, 1, SU_F32, n, true, w->weight[i]);
    }
    su_random_fill(99, 1, SU_F32, 2 * WIDTH, true, w->input);
    w->graph = g;
    w->inputs[0] = w->input;
    w->file = weight_file_new(g, (const void *const *)w->weight);
    w->plan = plan_of(g, 4 * WIDTH * WIDTH + 3000, 2);
    w->row[1].position = 1;
    w->ev = eval_of(g, w->row, 2, w->inputs, (const void *const *)w->weight);
    assert_true(w->plan->n_task >= BRANCHES);
}

static void wide_fini(struct wide *w)
{
    su_eval_free(w->ev);
    su_plan_free(w->plan);
    weight_file_fini(&w->file);
    for (uint32_t i = 0; i < w->graph->n_weight; i++)
        free(w->weight[i]);
    su_graph_free(w->graph);
}

static uint32_t task_of(const struct su_plan *p, const struct su_graph *g)
{
    for (uint32_t t = 0; t < p->n_task; t++)
        if (p->task[t].graph == g)
            return t;
    fail_msg("a graph that is no task's");
    return 0;
}

static bool is_root(const struct su_plan_task *t)
{
    for (uint32_t i = 0; i < t->graph->n_input; i++)
        if (t->input[i].from_task != SU_PLAN_EXTERNAL)
            return false;
    return true;
}

/* ---- tests ----------------------------------------------------------------------------------- */

static void run_well(struct su_engine *en, struct wide *w)
{
    struct su_engine_result r;
    struct su_err e;
    must(su_engine_run(en, w->row, 2, w->inputs, true, &r, &e), &e);
    same_result(w->graph, w->row, 2, w->ev, &r, "wide");
    assert_int_equal(r.saturations, 3 * w->plan->n_task);
    for (uint32_t t = 0; t < r.n_task; t++)
        assert_true(r.task_ms[t] == 0.5);
    su_engine_result_fini(&r);
}

static void test_branches_go_together(void **state)
{
    (void)state;
    struct wide w;
    struct su_engine *en;
    struct su_err e;
    wide_init(&w);
    forget();
    must(su_engine_open(NULL, w.graph, w.plan, w.file.weights, &en, &e), &e);
    assert_int_equal(count[LOAD], w.plan->n_task);
    assert_int_equal(su_engine_task_bound_bytes(en, 1), 1000 + w.plan->task[1].graph->n_node);
    forget();
    run_well(en, &w);
    assert_int_equal(count[SUBMIT], w.plan->n_task);
    assert_int_equal(count[WAIT], w.plan->n_task);
    uint32_t roots = 0, first_wait = 0;
    bool waited[SU_PLAN_TASK_MAX] = {false};
    for (uint32_t t = 0; t < w.plan->n_task; t++)
        roots += is_root(&w.plan->task[t]);
    assert_true(roots >= 3);
    while (event[first_wait].what == SUBMIT)
        first_wait++;
    assert_int_equal(first_wait, roots); /* all that can run does, before anything is awaited */
    for (uint32_t i = 0; i < n_event; i++) {
        uint32_t t = task_of(w.plan, event[i].graph);
        if (event[i].what == WAIT) {
            assert_false(waited[t]);
            waited[t] = true;
            continue;
        }
        for (uint32_t k = 0; k < event[i].graph->n_input; k++) {
            uint32_t from = w.plan->task[t].input[k].from_task;
            assert_true(from == SU_PLAN_EXTERNAL || waited[from]);
        }
    }
    su_engine_close(en);
    assert_int_equal(count[FREE], w.plan->n_task);
    wide_fini(&w);
}

/* Whatever call fails: its error comes back with the task, what was submitted is awaited, and the
   next run is right. */
static void test_failure_in_the_middle(void **state)
{
    (void)state;
    struct wide w;
    struct su_engine *en;
    struct su_err e;
    wide_init(&w);
    forget();
    must(su_engine_open(NULL, w.graph, w.plan, w.file.weights, &en, &e), &e);
    for (enum what kind = SUBMIT; kind <= WAIT; kind++)
        for (uint32_t at = 1; at <= w.plan->n_task; at++)
            for (unsigned told = 0; told < 2; told++) {
                struct su_engine_result r;
                char want[40];
                enum su_code code = kind == SUBMIT ? SU_EBUSY : SU_ENODEV;
                forget();
                fail_at[kind] = at;
                assert_int_equal(su_engine_run(en, w.row, 2, w.inputs, true, &r, told ? &e : NULL),
                                 code);
                assert_int_equal(count[WAIT], count[SUBMIT] - (kind == SUBMIT));
                assert_null(r.output);
                assert_null(r.task_ms);
                for (uint32_t i = 0, seen = 0; told && i < n_event; i++)
                    if (event[i].what == kind && ++seen == at) {
                        snprintf(want, sizeof want,
                                 "fake|task %u:", task_of(w.plan, event[i].graph));
                        err_matches(&e, code, want);
                    }
                forget();
                run_well(en, &w);
            }
    su_engine_close(en);
    wide_fini(&w);
}

static void test_failure_while_loading(void **state)
{
    (void)state;
    struct wide w;
    wide_init(&w);
    for (uint32_t at = 1; at <= w.plan->n_task; at++) {
        struct su_engine *en = (struct su_engine *)&w;
        struct su_err e;
        char want[40];
        forget();
        fail_at[LOAD] = at;
        assert_int_equal(su_engine_open(NULL, w.graph, w.plan, w.file.weights, &en, &e), SU_ENOMEM);
        assert_null(en);
        assert_int_equal(count[FREE], at - 1);
        snprintf(want, sizeof want, "fake|task %u:", at - 1);
        err_matches(&e, SU_ENOMEM, want);
    }
    wide_fini(&w);
}

/* A session opens in every stage or in none. */
static void test_failure_while_opening_a_session(void **state)
{
    (void)state;
    struct wide w;
    struct su_engine *en;
    struct su_err e;
    uint32_t session;
    char want[40];
    wide_init(&w);
    forget();
    must(su_engine_open(NULL, w.graph, w.plan, w.file.weights, &en, &e), &e);
    for (uint32_t at = 1; at <= w.plan->n_task; at++) {
        forget();
        fail_at[SESSION] = at;
        assert_int_equal(su_engine_session_new(en, 77, &session, &e), SU_ELIMIT);
        assert_int_equal(count[SESSION_END], at - 1);
        snprintf(want, sizeof want, "fake|task %u:", at - 1);
        err_matches(&e, SU_ELIMIT, want);
        forget();
        fail_at[SESSION] = at;
        assert_int_equal(su_engine_session_new(en, 77, &session, NULL), SU_ELIMIT);
    }
    forget();
    must(su_engine_session_new(en, 77, &session, &e), &e);
    assert_int_equal(session, 5);
    assert_int_equal(count[SESSION], w.plan->n_task);
    su_engine_session_free(en, session);
    assert_int_equal(count[SESSION_END], w.plan->n_task);
    su_engine_close(en);
    wide_fini(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_branches_go_together),
        cmocka_unit_test(test_failure_in_the_middle),
        cmocka_unit_test(test_failure_while_loading),
        cmocka_unit_test(test_failure_while_opening_a_session),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
