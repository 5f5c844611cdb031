// SPDX-License-Identifier: MIT
/* Generations task by task: the tokens that an engine draws alone, fed back step by step; and the same
   roots when it is all done again at once, on every backend. */
#include "packed.h"

#include <stdlib.h>
#include <string.h>

#include "model/model.h"
#include "support/toy_llm.h"

enum { N_PROMPT = 7, N_TOKEN = 20, STEPS = N_PROMPT + N_TOKEN - 1 };
static const uint32_t prompt[N_PROMPT] = {3, 1, 4, 1, 5, 9, 2};

static const struct su_sampling options[] = {
    {.temperature = 0.0f},
    {.temperature = 0.8f, .top_k = 20, .top_p = 0.9f, .seed = 42},
    {.temperature = 1.3f, .min_p = 0.01f, .repeat_penalty = 1.2f, .repeat_last = 8, .seed = 7},
};

struct setting {
    struct toy toy;
    struct su_graph *graph;
    struct su_plan *plan;
    struct packed packed;
};

static void open_setting(struct setting *s, uint64_t target)
{
    struct su_plan_opts o = {
        .target = &target, .n_target = 1, .t_max = 8, .e_max = 8, .ctx = TOY_CTX};
    struct su_err e;

    toy_new(&s->toy, &(struct toy_opts){.backend = SU_BACKEND_CPU, .t_max = 8});
    must(su_model_generator(s->toy.g, &s->graph, &e), &e);
    if (target == 0)
        must(su_plan_smallest(s->graph, &o, &target, &e), &e);
    must(su_plan_build(s->graph, &o, &s->plan, &e), &e);
    s->packed = packed_file(s->plan, s->toy.weights, s->toy.path);
}

static void close_setting(struct setting *s)
{
    packed_fini(&s->packed);
    su_plan_free(s->plan);
    su_graph_free(s->graph);
    toy_close(&s->toy);
}

static void generate_alone(struct setting *s, const struct su_sampling *o, uint32_t out[N_TOKEN])
{
    struct su_generation g = {
        .prompt = prompt, .n_prompt = N_PROMPT, .max_tokens = N_TOKEN, .sampling = *o};
    struct su_generated r;
    uint32_t session;
    struct su_err e;

    must(su_engine_session_new(s->toy.en, TOY_CTX, &session, &e), &e);
    must(su_engine_generate(s->toy.en, session, &g, &r, &e), &e);
    assert_int_equal(r.n, N_TOKEN);
    memcpy(out, r.token, sizeof r.token[0] * N_TOKEN);
    free(r.token);
    su_engine_session_free(s->toy.en, session);
}

/* All tasks of a package on one backend, with a session each. */
struct stages {
    struct su_exec *exec;
    uint32_t n;
    struct su_task *task[SU_PLAN_TASK_MAX];
    uint32_t session[SU_PLAN_TASK_MAX];
    struct su_trace *trace[SU_PLAN_TASK_MAX];
};

static void stages_open(struct stages *a, struct setting *s, enum su_backend b,
                        const struct su_sampling *o)
{
    const struct su_draw draw = {.sampling = *o, .prompt = prompt, .n_prompt = N_PROMPT};
    struct su_exec_opts x = {.backend = b, .threads = 2};
    const struct su_package *p = s->packed.package;
    struct su_err e;

    must(su_exec_open(&x, &a->exec, &e), &e);
    a->n = p->n_task;
    for (uint32_t i = 0; i < a->n; i++) {
        must(su_task_open(a->exec, p, i, s->packed.store, &a->task[i], &e), &e);
        must(su_task_session_new(a->task[i], TOY_CTX, &a->session[i], &e), &e);
        must(su_task_session_draw(a->task[i], a->session[i], &draw, &e), &e);
        must(
            su_trace_new(su_task_inputs(a->task[i]), su_task_outputs(a->task[i]), &a->trace[i], &e),
            &e);
    }
}

static void stages_close(struct stages *a)
{
    struct su_err e;

    for (uint32_t i = 0; i < a->n; i++) {
        su_trace_free(a->trace[i]);
        su_task_session_free(a->task[i], a->session[i]);
        su_task_close(a->task[i]);
    }
    must(su_exec_close(a->exec, &e), &e);
}

/* One dispatch through all tasks; the drawn token of its last step, when that emits. */
static int32_t pass(struct stages *a, const struct su_package *p, const int32_t *token,
                    uint32_t from, uint32_t n)
{
    struct su_task_result r[SU_PLAN_TASK_MAX];
    struct su_row row[8];
    int32_t last = -1;
    struct su_err e;

    for (uint32_t t = 0; t < a->n; t++) {
        const struct su_package_task *pt = &p->task[t];
        const void *input[SU_TASK_PORTS_MAX];
        for (uint32_t i = 0; i < n; i++)
            row[i] = (struct su_row){a->session[t], from + i, from + i + 1 >= N_PROMPT};
        for (uint32_t i = 0; i < pt->graph->n_input; i++)
            input[i] = pt->input[i].from_task == SU_PLAN_EXTERNAL
                           ? token
                           : r[pt->input[i].from_task].output[pt->input[i].from_output];
        must(su_task_run(a->task[t], row, n, input, a->trace[t], &r[t], &e), &e);
    }
    const struct su_task_result *end = &r[a->n - 1];
    if (end->rows[0])
        last = ((const int32_t *)end->output[0])[end->rows[0] - 1];
    for (uint32_t t = 0; t < a->n; t++)
        su_task_result_fini(&r[t]);
    return last;
}

static void check_all(struct setting *s, const struct stages *a, const int32_t *token,
                      const struct su_sampling *o)
{
    const struct su_draw draw = {.sampling = *o, .prompt = prompt, .n_prompt = N_PROMPT};
    const struct su_package *p = s->packed.package;
    bool emits[STEPS];

    for (uint32_t i = 0; i < STEPS; i++)
        emits[i] = i + 1 >= N_PROMPT;
    for (unsigned b = 0; b < SU_BACKEND_COUNT; b++) {
        struct su_exec_opts x = {.backend = (enum su_backend)b, .threads = 2};
        void *out[SU_PLAN_TASK_MAX][SU_TASK_PORTS_MAX] = {{0}};
        struct su_exec *exec;
        struct su_err e;
        must(su_exec_open(&x, &exec, &e), &e);
        for (uint32_t t = 0; t < p->n_task; t++) {
            struct su_replay r = {.steps = STEPS, .emits = emits, .draw = &draw};
            struct su_trace *trace;
            struct su_task *task;
            for (uint32_t i = 0; i < p->task[t].graph->n_input; i++) {
                const struct su_plan_input *in = &p->task[t].input[i];
                r.input[i] = in->from_task == SU_PLAN_EXTERNAL
                                 ? (const void *)token
                                 : out[in->from_task][in->from_output];
            }
            must(su_task_open(exec, p, t, s->packed.store, &task, &e), &e);
            must(su_task_replay(task, &r, &trace, out[t], &e), &e);
            struct su_trace_roots mine, theirs;
            su_trace_roots(trace, STEPS, &mine);
            su_trace_roots(a->trace[t], STEPS, &theirs);
            assert_memory_equal(&mine, &theirs, sizeof mine);
            struct su_task_difference d;
            must(su_task_locate(task, &r, STEPS - 1, s->packed.store, &d, &e), &e);
            assert_false(d.found);
            su_trace_free(trace);
            su_task_close(task);
        }
        for (uint32_t t = 0; t < p->n_task; t++)
            for (uint32_t i = 0; i < SU_TASK_PORTS_MAX; i++)
                free(out[t][i]);
        must(su_exec_close(exec, &e), &e);
    }
}

static void generates(struct setting *s, enum su_backend b, const struct su_sampling *o,
                      uint32_t chunk)
{
    uint32_t alone[N_TOKEN];
    int32_t token[STEPS + 1];
    struct stages a;

    generate_alone(s, o, alone);
    stages_open(&a, s, b, o);
    for (uint32_t i = 0; i < N_PROMPT; i++)
        token[i] = (int32_t)prompt[i];
    for (uint32_t at = 0; at < N_PROMPT; at += chunk) {
        uint32_t n = SU_MIN(chunk, N_PROMPT - at);
        token[N_PROMPT] = pass(&a, s->packed.package, token + at, at, n);
    }
    for (uint32_t at = N_PROMPT; at < STEPS; at++)
        token[at + 1] = pass(&a, s->packed.package, token + at, at, 1);
    for (uint32_t i = 0; i < N_TOKEN; i++)
        assert_int_equal(token[N_PROMPT + i], alone[i]);
    check_all(s, &a, token, o);

    /* Back to the middle, and the same again. */
    for (uint32_t t = 0; t < a.n; t++) {
        struct su_err e;
        must(su_task_session_truncate(a.task[t], a.session[t], N_PROMPT + 4, &e), &e);
        su_trace_truncate(a.trace[t], N_PROMPT + 4);
    }
    for (uint32_t at = N_PROMPT + 4; at < STEPS; at++)
        assert_int_equal(pass(&a, s->packed.package, token + at, at, 1), token[at + 1]);
    stages_close(&a);
}

static void draws_what_one_engine_draws(void **state)
{
    struct setting s;
    (void)state;

    open_setting(&s, 1u << 20);
    assert_int_equal(s.plan->n_task, 1);
    for (size_t i = 0; i < SU_ARRAY_LEN(options); i++)
        generates(&s, SU_BACKEND_CPU, &options[i], 3);
    generates(&s, SU_BACKEND_VULKAN, &options[1], 8);
    close_setting(&s);
    open_setting(&s, 0);
    assert_true(s.plan->n_task > 1);
    for (size_t i = 0; i < SU_ARRAY_LEN(options); i++)
        generates(&s, SU_BACKEND_REFERENCE, &options[i], 1 + 3 * (uint32_t)i);
    close_setting(&s);
}

static void must_be_told_how(void **state)
{
    const struct su_sampling greedy = {.temperature = 0.0f};
    struct su_exec_opts x = {.backend = SU_BACKEND_CPU, .threads = 1};
    struct su_draw draw = {.sampling = greedy, .prompt = prompt, .n_prompt = N_PROMPT};
    const int32_t token[2] = {1, 2};
    const void *input[] = {token};
    struct su_task_result r;
    struct su_exec *exec;
    struct su_task *task;
    struct setting s;
    uint32_t session;
    struct su_err e;
    (void)state;

    open_setting(&s, 1u << 20);
    must(su_exec_open(&x, &exec, &e), &e);
    must(su_task_open(exec, s.packed.package, 0, s.packed.store, &task, &e), &e);
    must(su_task_session_new(task, TOY_CTX, &session, &e), &e);
    struct su_row row = {session, 0, true};
    assert_int_equal(su_task_run(task, &row, 1, input, NULL, &r, &e), SU_EINVAL);
    must(su_task_session_draw(task, session, &draw, &e), &e);
    assert_int_equal(su_task_run(task, &row, 1, input, NULL, &r, &e), SU_EINVAL); /* too early */
    draw.n_prompt = 0;
    assert_int_equal(su_task_session_draw(task, session, &draw, &e), SU_EINVAL);
    draw.n_prompt = 1;
    draw.sampling.temperature = -1.0f;
    assert_int_equal(su_task_session_draw(task, session, &draw, &e), SU_EINVAL);
    draw.sampling.temperature = 0.0f;
    must(su_task_session_draw(task, session, &draw, &e), &e);
    must(su_task_run(task, &row, 1, input, NULL, &r, &e), &e); /* the session is as before */
    assert_int_equal(r.rows[0], 1);
    assert_int_equal(r.row_bytes[0], 4);
    su_task_result_fini(&r);
    su_task_session_free(task, session);
    su_task_close(task);
    must(su_exec_close(exec, &e), &e);
    close_setting(&s);
}

static void writes_options_as_parameters(void **state)
{
    uint8_t bytes[SU_DRAW_PARAMS_BYTES];
    struct su_sampling out;
    struct su_err e;
    (void)state;

    for (size_t i = 0; i < SU_ARRAY_LEN(options); i++) {
        su_draw_encode(&options[i], bytes);
        must(su_draw_decode(bytes, sizeof bytes, options[i].seed, &out, &e), &e);
        assert_memory_equal(&out, &options[i], sizeof out);
    }
    assert_int_equal(su_draw_decode(bytes, sizeof bytes - 1, 0, &out, &e), SU_EFORMAT);
    bytes[0]++;
    assert_int_equal(su_draw_decode(bytes, sizeof bytes, 0, &out, &e), SU_EFORMAT);
    bytes[0]--;
    memset(bytes + 4, 0xff, 4); /* not a number */
    assert_int_equal(su_draw_decode(bytes, sizeof bytes, 0, &out, &e), SU_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(draws_what_one_engine_draws),
        cmocka_unit_test(must_be_told_how),
        cmocka_unit_test(writes_options_as_parameters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
