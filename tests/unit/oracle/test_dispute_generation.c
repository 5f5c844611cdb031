// SPDX-License-Identifier: MIT
/* Disputes about tasks of a generation: drawn tokens are inputs like others, and drawing them is done
   again like all else. */
#include "oracle/dispute.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "model/model.h"
#include "support/toy_llm.h"

#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { N_PROMPT = 5, N_TOKEN = 9, STEPS = N_PROMPT + N_TOKEN - 1, TASKS_MAX = 8, SLOT = 77 };
static const uint32_t prompt[N_PROMPT] = {3, 1, 4, 1, 5};

/* Everybody told the truth; rows[t] are what task t gave, in steps that have one. */
struct world {
    struct toy toy;
    struct su_graph *graph;
    struct su_plan *plan;
    struct su_package *package;
    struct su_store *store;
    char dir[64];
    uint8_t key[32], program[32], genesis[32];
    struct su_signer signer[TASKS_MAX];
    struct su_peer_self *self[TASKS_MAX];
    struct su_buf container;
    uint32_t token[STEPS + 1]; /* the fed input, and what was drawn last */
    void *rows[TASKS_MAX][SU_TASK_PORTS_MAX];
    struct su_trace_roots right[TASKS_MAX];
    struct su_acc_execution execution;
    struct su_acc_assignment assignment[TASKS_MAX];
    const struct su_acc_assignment *assignments[TASKS_MAX];
    bool mute; /* nobody shows anything */
    uint32_t *lie; /* the asserter was sent another token here than everybody else */
    struct dispute_case c;
};

static void must(enum su_code rc, const struct su_err *e)
{
    if (rc != SU_OK)
        fail_msg("%s: %s: %s", su_code_name(rc), e->at, e->msg);
}

static uint32_t first_of(const struct su_value *v)
{
    return v->domain == SU_EMIT ? N_PROMPT - 1 : 0;
}

static const struct su_value *output_of(const struct world *w, uint32_t task, uint32_t output)
{
    const struct su_graph *g = w->package->task[task].graph;

    return &g->value[g->output[output].value];
}

/* ---- what happened --------------------------------------------------------------------------- */

static void publish(struct world *w)
{
    struct su_plan_opts o = {.n_target = 1, .t_max = 8, .e_max = 8, .ctx = TOY_CTX};
    uint64_t target;
    uint8_t id[32];
    struct su_err e;

    toy_new(&w->toy, &(struct toy_opts){.backend = SU_BACKEND_CPU, .t_max = 8});
    must(su_model_generator(w->toy.g, &w->graph, &e), &e);
    o.target = &target;
    must(su_plan_smallest(w->graph, &o, &target, &e), &e);
    must(su_plan_build(w->graph, &o, &w->plan, &e), &e);
    (void)su_str_copy(w->dir, sizeof w->dir, "/tmp/su-dispute-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    must(su_store_open(w->dir, NULL, &w->store, &e), &e);
    const struct su_package_of of = {.name = "toy", .plan = w->plan, .weights = w->toy.weights};
    must(su_package_publish(&of, w->store, NULL, &w->package, id, &e), &e);
    assert_in_range(w->package->n_task, 2, TASKS_MAX);
}

static void run(struct world *w, const struct su_sampling *sampling)
{
    const struct su_draw draw = {.sampling = *sampling, .prompt = prompt, .n_prompt = N_PROMPT};
    const struct su_exec_opts x = {.backend = SU_BACKEND_CPU, .threads = 1};
    struct su_generation g = {
        .prompt = prompt, .n_prompt = N_PROMPT, .max_tokens = N_TOKEN, .sampling = *sampling};
    struct su_prompt p = {.steps = N_PROMPT, .draw = draw};
    struct su_generated out;
    struct su_exec *exec;
    bool emits[STEPS];
    uint32_t session;
    struct su_err e;

    must(su_engine_session_new(w->toy.en, TOY_CTX, &session, &e), &e);
    must(su_engine_generate(w->toy.en, session, &g, &out, &e), &e);
    memcpy(w->token, prompt, sizeof prompt);
    memcpy(w->token + N_PROMPT, out.token, N_TOKEN * sizeof *out.token);
    free(out.token);
    su_engine_session_free(w->toy.en, session);
    for (uint32_t s = 0; s < STEPS; s++)
        emits[s] = s + 1 >= N_PROMPT;
    must(su_exec_open(&x, &exec, &e), &e);
    assert_true(su_package_feedback(w->package, &p.feedback));
    for (uint32_t t = 0; t < w->package->n_task; t++) {
        const struct su_package_task *pt = &w->package->task[t];
        struct su_replay r = {.steps = STEPS, .emits = emits, .draw = &draw};
        struct su_trace *trace;
        struct su_task *task;
        for (uint32_t i = 0; i < pt->graph->n_input; i++)
            r.input[i] = pt->input[i].from_task == SU_PLAN_EXTERNAL
                             ? (const void *)w->token
                             : w->rows[pt->input[i].from_task][pt->input[i].from_output];
        must(su_task_open(exec, w->package, t, w->store, &task, &e), &e);
        must(su_task_replay(task, &r, &trace, w->rows[t], &e), &e);
        must(su_prompt_roots(&p, t, trace, w->token, STEPS, &w->right[t], &e), &e);
        su_trace_free(trace);
        su_task_close(task);
    }
    must(su_exec_close(exec, &e), &e);
}

static void contain(struct world *w, const struct su_sampling *sampling)
{
    uint8_t params[SU_DRAW_PARAMS_BYTES];
    const struct su_input in = {
        .tensor = {{.dtype = SU_I32, .steps = N_PROMPT, .rows = (const uint8_t *)prompt}},
        .n_tensor = 1,
        .params = params,
        .params_bytes = sizeof params};
    struct su_err e;

    su_draw_encode(sampling, params);
    su_buf_init(&w->container, 0);
    must(su_input_encode(&in, &w->container, &e), &e);
}

/* ---- what they show -------------------------------------------------------------------------- */

/* The frame of an output from step `from` on. */
static void show(struct world *w, uint32_t task, uint32_t output, uint32_t from, struct su_buf *to)
{
    const struct su_value *v = output_of(w, task, output);
    uint32_t first = first_of(v), n;
    size_t one = (size_t)su_value_row_bytes(v);
    uint8_t leaves[STEPS * 32];

    from = SU_MAX(from, first);
    if (from >= STEPS)
        return;
    n = STEPS - from;
    const uint8_t *rows = (const uint8_t *)w->rows[task][output] + (from - first) * one;
    for (uint32_t i = 0; i < n; i++) {
        const struct su_bytes part = {rows + i * one, one};
        su_leaf_digest(from + i, &part, 1, leaves + (size_t)i * 32);
    }
    struct su_wire_message m = {.kind = SU_WIRE_ACTIVATION,
                                .data = rows,
                                .data_bytes = n * one,
                                .u.activation = {.ref = {.execution = w->key,
                                                         .request_slot = SLOT,
                                                         .task = (uint16_t)task,
                                                         .port = (uint8_t)output},
                                                 .step_first = from,
                                                 .step_count = n,
                                                 .dtype = (uint8_t)v->dtype,
                                                 .rank = (uint8_t)v->shape.rank,
                                                 .leaves = leaves}};
    for (uint32_t i = 0; i < v->shape.rank; i++)
        m.u.activation.dims[i] = v->shape.dim[i];
    assert_int_equal(su_peer_frame(w->self[task], &m, to, NULL), SU_OK);
}

static enum su_code fetch(void *ctx, const struct dispute_want *d, struct su_buf *frames,
                          struct su_err *e)
{
    struct world *w = ctx;
    uint32_t task = d->want.ref.task, port = d->want.ref.port, from = d->want.step_first;
    struct su_feedback f;

    if (w->mute)
        return su_fail(e, SU_ENOENT, "node", "shows nothing");
    if (d->want.purpose == SU_WIRE_CHECK) {
        const struct su_plan_input *in = &w->package->task[task].input[port];
        assert_true(su_package_feedback(w->package, &f));
        if (f.to_task == task && f.to_input == port) {
            assert_true(from >= N_PROMPT); /* the prompt needs nobody to show it */
            task = f.from_task;
            port = f.from_output;
            from--;
        } else {
            task = in->from_task;
            port = in->from_output;
        }
    }
    const bool other = w->lie && d->whom == DISPUTE_ASSERTER;
    if (other)
        *w->lie ^= 1;
    show(w, task, port, from, frames);
    if (other)
        *w->lie ^= 1;
    return SU_OK;
}

/* ---- a world --------------------------------------------------------------------------------- */

static void assign(struct world *w, uint32_t t)
{
    const struct su_package_task *pt = &w->package->task[t];
    struct su_acc_assignment *a = &w->assignment[t];
    const struct su_trace_roots *r = &w->right[t];
    struct su_feedback fed;

    assert_true(su_package_feedback(w->package, &fed));
    a->task = (uint16_t)t;
    a->input_count = (uint8_t)pt->graph->n_input;
    a->output_count = (uint8_t)pt->graph->n_output;
    memcpy(a->node, w->signer[t].public_key, 32);
    for (uint32_t i = 0; i < a->input_count; i++) {
        a->sources[i].external = pt->input[i].from_task == SU_PLAN_EXTERNAL;
        if (!a->sources[i].external) {
            a->sources[i].task = (uint16_t)pt->input[i].from_task;
            a->sources[i].output = (uint8_t)pt->input[i].from_output;
        }
        if (fed.to_task == t && fed.to_input == i)
            a->sources[i] = (struct su_source){(uint16_t)fed.from_task, (uint8_t)fed.from_output,
                                               SU_SOURCE_FED};
    }
    memcpy(a->input_roots, r->input, sizeof a->input_roots);
    memcpy(a->output_roots, r->output, sizeof a->output_roots);
    memcpy(a->witness_root, r->witness, 32);
    memcpy(a->input_root, r->inputs, 32);
    memcpy(a->output_root, r->outputs, 32);
    w->assignments[t] = a;
}

static int setup(void **state)
{
    const struct su_sampling sampling = {.temperature = 4.0f, .top_k = 45, .seed = 11};
    struct world *w = calloc(1, sizeof *w);
    const struct su_wire_scope scope = {w->program, w->genesis};
    struct su_feedback f;

    publish(w);
    run(w, &sampling);
    contain(w, &sampling);
    memset(w->key, 9, 32);
    for (uint32_t t = 0; t < w->package->n_task; t++) {
        uint8_t seed[32], public_key[32], secret[64];
        memset(seed, (int)t + 1, 32);
        su_ed25519_from_seed(seed, public_key, secret);
        assert_int_equal(su_signer_init_memory(&w->signer[t], secret, NULL), SU_OK);
        assert_int_equal(su_peer_self_new(&w->signer[t], &scope, 0, &w->self[t], NULL), SU_OK);
        assign(w, t);
    }
    assert_true(su_package_feedback(w->package, &f));
    w->execution.task_count = (uint16_t)w->package->n_task;
    w->execution.sample_task = (uint16_t)f.from_task;
    w->execution.request_slot = SLOT;
    w->execution.steps = w->execution.max_steps = STEPS;
    w->execution.seed = sampling.seed;
    su_sha256(w->container.data, w->container.len, w->execution.input_digest);
    w->c = (struct dispute_case){.key = w->key,
                                 .execution = &w->execution,
                                 .assignments = w->assignments,
                                 .scope = scope,
                                 .package = w->package,
                                 .container = w->container.data,
                                 .container_bytes = w->container.len,
                                 .store = w->store,
                                 .threads = 1,
                                 .fetch = fetch,
                                 .ctx = w};
    *state = w;
    return 0;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st;
    (void)kind;
    (void)at;
    return remove(path);
}

static int teardown(void **state)
{
    struct world *w = *state;

    for (uint32_t t = 0; t < w->package->n_task; t++) {
        su_peer_self_free(w->self[t]);
        su_signer_fini(&w->signer[t]);
        for (uint32_t o = 0; o < SU_TASK_PORTS_MAX; o++)
            free(w->rows[t][o]);
    }
    su_buf_fini(&w->container);
    su_package_free(w->package);
    su_store_close(w->store);
    su_plan_free(w->plan);
    su_graph_free(w->graph);
    toy_close(&w->toy);
    int bad = nftw(w->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    free(w);
    return bad;
}

static enum su_code judge(struct world *w, uint32_t task, uint8_t kind, struct dispute_finding *f)
{
    struct su_err e = {0};

    for (uint32_t t = 0; t < w->package->n_task; t++)
        w->execution.tasks[t].flags = 0;
    w->execution.tasks[task].flags = SU_TASKF_DISPUTED;
    w->assignment[task].dispute = kind;
    w->c.task = (uint16_t)task;
    return dispute_judge(&w->c, f, &e);
}

/* ---- tests ----------------------------------------------------------------------------------- */

static void the_truth_is_found_right(void **state)
{
    struct world *w = *state;
    struct dispute_finding f;

    for (uint32_t t = 0; t < w->package->n_task; t++) {
        assert_int_equal(judge(w, t, SU_DISPUTE_COMMITTEE, &f), SU_OK);
        assert_int_equal(f.verdict, SU_VERDICT_RIGHT);
        assert_true(f.executed);
        assert_memory_equal(f.output_root, w->right[t].outputs, 32);
    }
    assert_int_equal(judge(w, w->package->n_task - 1, SU_DISPUTE_MISSING, &f), SU_OK);
    assert_int_equal(f.verdict, SU_VERDICT_RIGHT);
}

/* Another token, or another row on the way to it, at the last step. */
static void a_lie_is_found(void **state)
{
    struct world *w = *state;
    struct dispute_finding f;

    for (uint32_t t = 0; t < w->package->n_task; t++) {
        const struct su_value *v = output_of(w, t, 0);
        size_t one = (size_t)su_value_row_bytes(v);
        uint8_t *row = (uint8_t *)w->rows[t][0] + (STEPS - 1 - first_of(v)) * one;
        uint8_t leaves[STEPS * 32];
        struct su_acc_assignment *a = &w->assignment[t];
        row[0] ^= 1;
        for (uint32_t s = 0; s < STEPS; s++) {
            const struct su_bytes part = {
                (const uint8_t *)w->rows[t][0] + (s - SU_MIN(s, first_of(v))) * one, one};
            su_leaf_digest(s, &part, s >= first_of(v), leaves + (size_t)s * 32);
        }
        su_trace_leaves_root(leaves, STEPS, a->output_roots[0]);
        a->output_root[0] ^= 1;
        assert_int_equal(judge(w, t, SU_DISPUTE_COMMITTEE, &f), SU_OK);
        assert_int_equal(f.verdict, SU_VERDICT_ASSERTER);
        assert_true(f.has_step);
        assert_int_equal(f.step, STEPS - 1);
        row[0] ^= 1;
        assign(w, t);
    }
}

/* Whoever took other tokens than those that were drawn is wrong. */
static void other_tokens_are_found(void **state)
{
    struct world *w = *state;
    struct su_feedback fed;
    struct dispute_finding f;

    assert_true(su_package_feedback(w->package, &fed));
    struct su_acc_assignment *a = &w->assignment[fed.to_task];
    memset(a->check_input_root, 5, 32); /* the validator did */
    memcpy(a->check_output_root, a->output_root, 32);
    w->c.last_call = true;
    assert_int_equal(judge(w, fed.to_task, SU_DISPUTE_ROOTS, &f), SU_OK);
    assert_int_equal(f.verdict, SU_VERDICT_VALIDATOR);
    memcpy(a->check_input_root, a->input_root, 32); /* the asserter did */
    a->input_roots[fed.to_input][0] ^= 1;
    a->input_root[0] ^= 1;
    assert_int_equal(judge(w, fed.to_task, SU_DISPUTE_ROOTS, &f), SU_OK);
    assert_int_equal(f.verdict, SU_VERDICT_ASSERTER);
    assign(w, fed.to_task);
    w->mute = true; /* what was drawn is shown by nobody */
    w->c.last_call = false;
    assert_int_equal(judge(w, fed.to_task, SU_DISPUTE_COMMITTEE, &f), SU_EBUSY);
    w->mute = false;
    w->execution.sample_task = SU_NO_TASK; /* the chain says otherwise than the package */
    assert_int_equal(judge(w, fed.to_task, SU_DISPUTE_COMMITTEE, &f), SU_EINVAL);
}

/* The task that draws signed another token of step AT for the one that takes it. */
static void two_tokens_are_the_samplers_fault(void **state)
{
    enum { AT = N_PROMPT + 1 };
    struct world *w = *state;
    struct su_feedback fed;
    struct dispute_finding f;
    uint8_t leaves[STEPS * 32];
    struct su_err e = {0};

    assert_true(su_package_feedback(w->package, &fed));
    struct su_acc_assignment *a = &w->assignment[fed.to_task];
    uint32_t *drawn = w->rows[fed.from_task][fed.from_output];
    w->lie = &drawn[AT - (N_PROMPT - 1)];
    *w->lie ^= 1;
    for (uint32_t s = 0; s < STEPS; s++) {
        const struct su_bytes part = {&drawn[s + 1 - SU_MIN(s + 1, (uint32_t)N_PROMPT)], 4};
        su_leaf_digest(s, &part, s + 1 >= N_PROMPT, leaves + (size_t)s * 32);
    }
    *w->lie ^= 1;
    su_trace_leaves_root(leaves, STEPS, a->input_roots[fed.to_input]);
    a->input_root[0] ^= 1;
    w->execution.tasks[fed.from_task].flags = SU_TASKF_REVEALED;
    w->execution.tasks[fed.to_task].flags = SU_TASKF_DISPUTED;
    a->dispute = SU_DISPUTE_INPUTS; /* what the chain sees when both are revealed */
    w->c.task = (uint16_t)fed.to_task;
    must(dispute_judge(&w->c, &f, &e), &e);
    assert_int_equal(f.verdict, SU_VERDICT_PRODUCER);
    assert_int_equal(f.verdict_task, fed.from_task);
    assert_true(f.has_step);
    assert_int_equal(f.step, AT);
    a->dispute = SU_DISPUTE_ROOTS; /* its validator was sent the other one */
    memcpy(a->check_input_root, w->right[fed.to_task].inputs, 32);
    memcpy(a->check_output_root, a->output_root, 32);
    must(dispute_judge(&w->c, &f, &e), &e);
    assert_int_equal(f.verdict, SU_VERDICT_PRODUCER);
    assert_int_equal(f.verdict_task, fed.from_task);
    w->lie = NULL; /* nobody signed what the asserter took */
    w->c.last_call = true;
    must(dispute_judge(&w->c, &f, &e), &e);
    assert_int_equal(f.verdict, SU_VERDICT_ASSERTER);
    a->dispute = SU_DISPUTE_INPUTS;
    must(dispute_judge(&w->c, &f, &e), &e);
    assert_int_equal(f.verdict, SU_VERDICT_ASSERTER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_truth_is_found_right, setup, teardown),
        cmocka_unit_test_setup_teardown(a_lie_is_found, setup, teardown),
        cmocka_unit_test_setup_teardown(other_tokens_are_found, setup, teardown),
        cmocka_unit_test_setup_teardown(two_tokens_are_the_samplers_fault, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
