// SPDX-License-Identifier: MIT
/* What a package and an input container say of a generation. */
#include "packed.h"

#include <string.h>

#include "model/model.h"
#include "support/toy_llm.h"

static const int32_t tokens[3] = {5, 6, 7};

/* The toy language model, cut as small as it goes, with or without the token at its end. */
static struct packed pack(struct toy *toy, bool generates)
{
    struct su_plan_opts o = {.n_target = 1, .t_max = 8, .e_max = 8, .sessions = 2, .ctx = TOY_CTX};
    struct su_graph *end = NULL;
    struct su_plan *plan;
    uint64_t target;
    struct su_err e;

    toy_new(toy, &(struct toy_opts){.backend = SU_BACKEND_CPU, .t_max = 8});
    must(su_model_generator(toy->g, &end, &e), &e);
    const struct su_graph *g = generates ? end : toy->g;
    o.target = &target;
    must(su_plan_smallest(g, &o, &target, &e), &e);
    must(su_plan_build(g, &o, &plan, &e), &e);
    struct packed p = packed_file(plan, toy->weights, toy->path);
    su_plan_free(plan);
    su_graph_free(end);
    return p;
}

static void the_prompt_says_what_emits(void **state)
{
    const struct su_sampling options = {.temperature = 0.5f, .top_k = 3};
    uint8_t params[SU_DRAW_PARAMS_BYTES];
    struct su_input in = {
        .tensor = {{.dtype = SU_I32, .steps = 3, .rows = (const uint8_t *)tokens}},
        .n_tensor = 1,
        .params = params,
        .params_bytes = sizeof params};
    struct toy toy;
    struct packed p = pack(&toy, true);
    struct su_prompt prompt;
    struct su_feedback f;
    struct su_err e;
    (void)state;

    assert_true(p.package->n_task > 1);
    assert_true(su_package_feedback(p.package, &f));
    assert_int_equal(f.from_task, p.package->n_task - 1);
    const struct su_package_task *to = &p.package->task[f.to_task];
    assert_int_equal(to->input[f.to_input].from_task, SU_PLAN_EXTERNAL);
    su_draw_encode(&options, params);
    must(su_prompt_of(p.package, &in, 99, &prompt, &e), &e);
    assert_memory_equal(&prompt.feedback, &f, sizeof f);
    assert_int_equal(prompt.steps, 3);
    assert_int_equal(prompt.draw.n_prompt, 3);
    assert_int_equal(prompt.draw.prompt[2], 7);
    assert_true(prompt.draw.sampling.seed == 99);
    assert_int_equal(prompt.draw.sampling.top_k, 3);
    assert_false(su_prompt_emits(&prompt, 0));
    assert_false(su_prompt_emits(&prompt, 1));
    assert_true(su_prompt_emits(&prompt, 2));
    assert_true(su_prompt_emits(&prompt, 100));
    assert_int_equal(su_prompt_first(&prompt, SU_EMIT), 2);
    assert_int_equal(su_prompt_first(&prompt, SU_ROWS), 0);
    in.params_bytes = 3;
    assert_int_equal(su_prompt_of(p.package, &in, 99, &prompt, &e), SU_EFORMAT);
    in.tensor[0].dtype = SU_F32;
    assert_int_equal(su_prompt_of(p.package, &in, 99, &prompt, &e), SU_ETYPE);
    in.n_tensor = 0;
    assert_int_equal(su_prompt_of(p.package, &in, 99, &prompt, &e), SU_ENOENT);
    packed_fini(&p);
    toy_close(&toy);
}

static void others_do_not_generate(void **state)
{
    const struct su_input in = {.n_tensor = 0};
    struct toy toy;
    struct packed p = pack(&toy, false);
    struct su_prompt prompt;
    struct su_feedback f;
    struct su_err e;
    (void)state;

    assert_false(su_package_feedback(p.package, &f));
    assert_int_equal(su_prompt_of(p.package, &in, 0, &prompt, &e), SU_ENOENT);
    packed_fini(&p);
    toy_close(&toy);
}

/* ---- roots ------------------------------------------------------------------------------------ */

/* One input and one output, a step's row of each. */
static void add_step(struct su_trace *t, uint32_t step, const uint32_t *in, const uint32_t *out)
{
    const enum su_port port[2] = {SU_PORT_INPUT, SU_PORT_OUTPUT};
    const uint32_t *row[2] = {in, out};
    uint8_t leaf[32];
    struct su_err e;

    for (unsigned i = 0; i < 2; i++) {
        const struct su_bytes part = {row[i], sizeof *row[i]};
        su_leaf_digest(step, row[i] ? &part : NULL, row[i] != NULL, leaf);
        must(su_trace_add(t, port[i], 0, leaf, &e), &e);
    }
}

static void what_is_fed_has_the_root_of_what_is_drawn(void **state)
{
    enum { STEPS = 40, PROMPT = 3, DRAWS = 1, TAKES = 0 };
    const struct su_prompt p = {.feedback = {.from_task = DRAWS, .to_task = TAKES},
                                .steps = PROMPT};
    struct su_trace *draws, *takes;
    struct su_trace_roots drawn, taken, plain;
    uint32_t token[STEPS + 1];
    struct su_err e;
    (void)state;

    must(su_trace_new(1, 1, &draws, &e), &e);
    must(su_trace_new(1, 1, &takes, &e), &e);
    for (uint32_t s = 0; s <= STEPS; s++)
        token[s] = 100 + s * s;
    for (uint32_t s = 0; s < STEPS; s++) {
        add_step(takes, s, &token[s], &s);
        add_step(draws, s, &s, su_prompt_emits(&p, s) ? &token[s + 1] : NULL);
    }
    must(su_prompt_roots(&p, DRAWS, draws, NULL, STEPS, &drawn, &e), &e);
    must(su_prompt_roots(&p, TAKES, takes, token, STEPS, &taken, &e), &e);
    assert_memory_equal(taken.input[0], drawn.output[0], 32);
    su_trace_roots(draws, STEPS, &plain);
    assert_memory_equal(&plain, &drawn, sizeof plain);
    su_trace_roots(takes, STEPS, &plain);
    assert_memory_equal(plain.outputs, taken.outputs, 32);
    assert_memory_not_equal(plain.input[0], taken.input[0], 32);
    assert_memory_not_equal(plain.inputs, taken.inputs, 32);
    must(su_prompt_roots(NULL, TAKES, takes, NULL, STEPS, &taken, &e), &e);
    assert_memory_equal(&plain, &taken, sizeof plain);
    token[STEPS] ^= 1; /* what was drawn last is fed to nobody, and counts */
    must(su_prompt_roots(&p, TAKES, takes, token, STEPS, &taken, &e), &e);
    assert_memory_not_equal(taken.input[0], drawn.output[0], 32);
    must(su_prompt_roots(&p, TAKES, takes, token, PROMPT - 1, &taken, &e), &e); /* none is drawn */
    must(su_prompt_roots(&p, DRAWS, draws, NULL, PROMPT - 1, &drawn, &e), &e);
    assert_memory_equal(taken.input[0], drawn.output[0], 32);
    su_trace_free(draws);
    su_trace_free(takes);
}

/* ---- sessions together ------------------------------------------------------------------------ */

enum { N_SESSION = 2, N_ROW = 4, TASKS_MAX = 16 };
static const int32_t said[N_SESSION][N_ROW] = {{1, 2, 3, 4}, {9, 8, 7, 6}};

/* Rows of each session that are in the dispatch; the last two of each emit. */
static const uint32_t rows_of[N_SESSION] = {3, N_ROW};

static bool emits(unsigned session, uint32_t step)
{
    return step + 2 >= rows_of[session];
}

struct stage {
    struct su_task *task;
    uint32_t session[N_SESSION];
    struct su_trace *trace[N_SESSION];
};

static void stage_open(struct stage *a, struct su_exec *x, const struct packed *p, uint32_t task)
{
    const struct su_sampling options = {.temperature = 2.0f, .seed = 5};
    struct su_err e;

    must(su_task_open(x, p->package, task, p->store, &a->task, &e), &e);
    for (unsigned i = 0; i < N_SESSION; i++) {
        const struct su_draw draw = {
            .sampling = options, .prompt = (const uint32_t *)said[i], .n_prompt = rows_of[i] - 1};
        must(su_task_session_new(a->task, TOY_CTX, &a->session[i], &e), &e);
        must(su_task_session_draw(a->task, a->session[i], &draw, &e), &e);
        must(su_trace_new(su_task_inputs(a->task), su_task_outputs(a->task), &a->trace[i], &e), &e);
    }
}

static void stage_close(struct stage *a)
{
    for (unsigned i = 0; i < N_SESSION; i++) {
        su_trace_free(a->trace[i]);
        su_task_session_free(a->task, a->session[i]);
    }
    su_task_close(a->task);
}

/* All rows of the sessions from `first` to `last` through all tasks in one dispatch each. */
static void pass(struct stage *stage, const struct packed *p, unsigned first, unsigned last)
{
    struct su_task_result r[TASKS_MAX];
    int32_t token[N_SESSION * N_ROW];
    struct su_err e;

    for (uint32_t t = 0; t < p->package->n_task; t++) {
        const struct su_package_task *pt = &p->package->task[t];
        struct su_task_group group[N_SESSION];
        const void *input[SU_TASK_PORTS_MAX];
        struct su_row row[N_SESSION * N_ROW];
        uint32_t n = 0;
        for (unsigned i = first; i <= last; i++) {
            group[i - first] = (struct su_task_group){rows_of[i], stage[t].trace[i], false};
            for (uint32_t s = 0; s < rows_of[i]; s++, n++) {
                token[n] = said[i][s];
                row[n] = (struct su_row){stage[t].session[i], s, emits(i, s)};
            }
        }
        for (uint32_t k = 0; k < pt->graph->n_input; k++)
            input[k] = pt->input[k].from_task == SU_PLAN_EXTERNAL
                           ? (const void *)token
                           : r[pt->input[k].from_task].output[pt->input[k].from_output];
        must(su_task_run_groups(stage[t].task, row, group, last - first + 1, input, &r[t], &e), &e);
        assert_int_equal(r[t].rows[0],
                         pt->graph->value[pt->graph->output[0].value].domain == SU_EMIT
                             ? 2 * (last - first + 1)
                             : n);
        group[0].n_row = 9;
        assert_int_equal(su_task_run_groups(stage[t].task, row, group, 1, input,
                                            &(struct su_task_result){0}, &e),
                         SU_EINVAL);
        group[0].n_row = group[1].n_row = 1;
        group[0].trace = group[1].trace = NULL;
        row[1].session = row[0].session;
        assert_int_equal(su_task_run_groups(stage[t].task, row, group, 2, input,
                                            &(struct su_task_result){0}, &e),
                         SU_EINVAL);
    }
    for (uint32_t t = 0; t < p->package->n_task; t++)
        su_task_result_fini(&r[t]);
}

static void sessions_share_a_dispatch(void **state)
{
    const struct su_exec_opts x = {.backend = SU_BACKEND_CPU, .threads = 1};
    struct stage alone[TASKS_MAX], together[TASKS_MAX];
    struct su_exec *exec;
    struct toy toy;
    struct packed p = pack(&toy, true);
    struct su_err e;
    (void)state;

    must(su_exec_open(&x, &exec, &e), &e);
    assert_in_range(p.package->n_task, 2, TASKS_MAX);
    for (uint32_t t = 0; t < p.package->n_task; t++) {
        stage_open(&alone[t], exec, &p, t);
        stage_open(&together[t], exec, &p, t);
    }
    for (unsigned i = 0; i < N_SESSION; i++)
        pass(alone, &p, i, i);
    pass(together, &p, 0, N_SESSION - 1);
    for (uint32_t t = 0; t < p.package->n_task; t++)
        for (unsigned i = 0; i < N_SESSION; i++) {
            struct su_trace_roots one, other;
            su_trace_roots(alone[t].trace[i], rows_of[i], &one);
            su_trace_roots(together[t].trace[i], rows_of[i], &other);
            assert_memory_equal(&one, &other, sizeof one);
        }
    for (uint32_t t = 0; t < p.package->n_task; t++) {
        stage_close(&alone[t]);
        stage_close(&together[t]);
    }
    must(su_exec_close(exec, &e), &e);
    packed_fini(&p);
    toy_close(&toy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_prompt_says_what_emits),
        cmocka_unit_test(others_do_not_generate),
        cmocka_unit_test(what_is_fed_has_the_root_of_what_is_drawn),
        cmocka_unit_test(sessions_share_a_dispatch),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
