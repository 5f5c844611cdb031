// SPDX-License-Identifier: MIT
/* Tasks of a package, one by one: equal digests and equal bits on every backend, whatever the
   chunking, and the bits of the uncut graph. */
#include "packed.h"

#include <stdlib.h>
#include <string.h>

#include "model/model.h"
#include "support/count.h"
#include "support/random_graph.h"
#include "support/toy_llm.h"

static struct su_exec *exec[SU_BACKEND_COUNT];

static int open_backends(void **state)
{
    (void)state;
    for (unsigned b = 0; b < SU_BACKEND_COUNT; b++) {
        struct su_exec_opts o = {.backend = (enum su_backend)b, .threads = 2};
        struct su_err e;
        if (su_exec_open(&o, &exec[b], &e) != SU_OK) {
            fprintf(stderr, "%s: %s: %s\n", su_backend_name(o.backend), e.at, e.msg);
            return -1;
        }
    }
    return 0;
}

static int close_backends(void **state)
{
    (void)state;
    for (unsigned b = 0; b < SU_BACKEND_COUNT; b++)
        if (su_exec_close(exec[b], NULL) != SU_OK)
            return -1;
    return 0;
}

/* ---- all tasks of a package, one behind the other -------------------------------------------- */

struct run {
    uint32_t n_task;
    struct su_trace *trace[SU_PLAN_TASK_MAX];
    void *output[SU_PLAN_TASK_MAX][SU_TASK_PORTS_MAX];
};

static void run_fini(struct run *r)
{
    for (uint32_t t = 0; t < r->n_task; t++) {
        su_trace_free(r->trace[t]);
        for (uint32_t o = 0; o < SU_TASK_PORTS_MAX; o++)
            free(r->output[t][o]);
    }
}

static uint64_t layout_bytes(const struct su_graph *g, const struct su_package *p)
{
    struct su_layout *l;
    struct su_err e;
    must(su_layout_build(g, p->t_max, p->e_max, 1, &l, &e), &e);
    uint64_t bytes = l->fixed_bytes + l->fixed_bytes / 64 + l->arena_bytes;
    su_layout_free(l);
    return bytes;
}

/* The witness costs at most what its rows take, twice when they stand in the way of the others. */
static void bound_is_reasonable(enum su_backend b, const struct su_package *p, uint32_t index,
                                const struct su_task *t)
{
    const struct su_value *w = su_task_value(t, SU_PORT_WITNESS, 0);
    if (b == SU_BACKEND_REFERENCE)
        return;
    uint64_t more = 0;
    if (w)
        more = su_align_up(su_layout_rows(w, p->t_max, p->e_max) * su_value_row_bytes(w), 256);
    assert_true(su_task_bound_bytes(t) <= layout_bytes(p->task[index].graph, p) + 2 * more);
}

/* external[i]: rows of input i of the whole graph. */
static void run_all(enum su_backend b, const struct packed *p, const void *const *external,
                    uint32_t steps, const bool *emits, struct run *out)
{
    memset(out, 0, sizeof *out);
    out->n_task = p->package->n_task;
    for (uint32_t i = 0; i < p->package->n_task; i++) {
        const struct su_package_task *pt = &p->package->task[i];
        struct su_replay r = {.steps = steps, .emits = emits};
        struct su_task *t;
        struct su_err e;
        must(su_task_open(exec[b], p->package, i, p->store, &t, &e), &e);
        assert_int_equal(su_task_inputs(t), pt->graph->n_input);
        assert_int_equal(su_task_outputs(t), pt->graph->n_output);
        for (uint32_t k = 0; k < su_task_inputs(t); k++)
            r.input[k] = pt->input[k].from_task == SU_PLAN_EXTERNAL
                             ? external[pt->input[k].from_output]
                             : out->output[pt->input[k].from_task][pt->input[k].from_output];
        must(su_task_replay(t, &r, &out->trace[i], out->output[i], &e), &e);
        bound_is_reasonable(b, p->package, i, t);
        su_task_close(t);
    }
}

static void same_traces(const struct su_trace *a, const struct su_trace *b, uint32_t steps)
{
    struct su_trace_roots x, y;
    su_trace_roots(a, steps, &x);
    su_trace_roots(b, steps, &y);
    assert_memory_equal(&x, &y, sizeof x);
}

/* What producers send is what consumers hash. */
static void roots_meet(const struct packed *p, const struct run *r, uint32_t steps)
{
    for (uint32_t t = 0; t < p->package->n_task; t++) {
        const struct su_package_task *pt = &p->package->task[t];
        for (uint32_t k = 0; k < pt->graph->n_input; k++) {
            uint8_t a[32], b[32];
            if (pt->input[k].from_task == SU_PLAN_EXTERNAL)
                continue;
            su_trace_root(r->trace[t], SU_PORT_INPUT, k, steps, a);
            su_trace_root(r->trace[pt->input[k].from_task], SU_PORT_OUTPUT,
                          pt->input[k].from_output, steps, b);
            assert_memory_equal(a, b, 32);
        }
    }
}

/* ---- random graphs --------------------------------------------------------------------------- */

struct tally {
    uint32_t cases, several, with_witness, without;
};

static bool files_hold_weights(const struct su_graph *g)
{
    for (uint32_t i = 0; i < g->n_weight; i++)
        if (g->value[g->weight[i]].dtype == SU_BOOL)
            return false;
    return true;
}

/* Rows for every step, also of fixed inputs. */
static void **rows_of(const struct su_random_case *c)
{
    void **rows = su_alloc(SU_MAX(c->graph->n_input, 1u) * sizeof *rows);
    for (uint32_t i = 0; i < c->graph->n_input; i++) {
        bool fixed = c->graph->value[c->graph->input[i]].domain == SU_FIXED;
        size_t n = fixed ? c->n_row : 1;
        rows[i] = su_alloc(SU_MAX(n * c->input_bytes[i], 4u));
        for (size_t k = 0; k < n; k++)
            memcpy((uint8_t *)rows[i] + k * c->input_bytes[i], c->input[i], c->input_bytes[i]);
    }
    return rows;
}

/* The outputs of the run are those of the interpreter, and the leaves are theirs. */
static void is_uncut(const struct su_random_case *c, const struct packed *p, const struct run *r,
                     const struct su_eval *ev)
{
    for (uint32_t t = 0; t < p->package->n_task; t++) {
        const struct su_package_task *pt = &p->package->task[t];
        for (uint32_t o = 0; o < pt->graph->n_output; o++) {
            if (!pt->external_output[o])
                continue;
            uint32_t id = c->graph->output[pt->graph_output[o]].value;
            const struct su_value *v = &c->graph->value[id];
            size_t all, one = (size_t)su_value_row_bytes(v), at = 0;
            const uint8_t *want = su_eval_value(ev, id, &all);
            for (uint32_t s = 0; s < c->n_row; s++) {
                uint8_t leaf[32];
                bool has = v->domain != SU_EMIT || c->row[s].emit;
                const uint8_t *row = v->domain == SU_FIXED ? want : want + at;
                struct su_bytes part = {row, one};
                su_leaf_digest(s, has ? &part : NULL, has, leaf);
                assert_memory_equal(su_trace_leaf(r->trace[t], SU_PORT_OUTPUT, o, s), leaf, 32);
                if (!has)
                    continue;
                assert_memory_equal((uint8_t *)r->output[t][o] + at, row, one);
                at += one;
            }
        }
    }
}

static void run_case(uint64_t seed, struct tally *tally)
{
    struct su_random_opts opts = {.macs = 200000, .emit = seed % 2 == 0};
    struct su_random_case *c = su_random_case_new(seed, &opts);
    if (!files_hold_weights(c->graph)) {
        su_random_case_free(c);
        return;
    }
    struct weight_file w = weight_file_new(c->graph, (const void *const *)c->weight);
    struct su_eval *ev = eval_of(c->graph, c->row, c->n_row, (const void *const *)c->input,
                                 (const void *const *)c->weight);
    void **rows = rows_of(c);
    bool *emits = su_alloc(c->n_row * sizeof *emits);
    for (uint32_t i = 0; i < c->n_row; i++)
        emits[i] = c->row[i].emit;
    const uint32_t t_max[2] = {1 + (uint32_t)seed % 3, c->n_row + 2};
    struct run first = {0};
    for (uint32_t turn = 0; turn < 2; turn++) {
        struct su_plan_opts o = {.t_max = t_max[turn], .e_max = SU_MIN(t_max[turn], 2u)};
        uint64_t target;
        struct su_err e;
        struct su_plan *plan;
        must(su_plan_smallest(c->graph, &o, &target, &e), &e);
        target += target / (1 + seed % 4);
        o.target = &target;
        o.n_target = 1;
        must(su_plan_build(c->graph, &o, &plan, &e), &e);
        struct packed p = packed_new(plan, w.weights, w.bytes.data, w.bytes.len);
        for (unsigned b = 0; b < SU_BACKEND_COUNT; b++) {
            struct run r;
            run_all((enum su_backend)b, &p, (const void *const *)rows, c->n_row, emits, &r);
            is_uncut(c, &p, &r, ev);
            roots_meet(&p, &r, c->n_row);
            for (uint32_t t = 0; b > 0 && t < r.n_task; t++)
                same_traces(first.trace[t], r.trace[t], c->n_row);
            run_fini(b == 0 ? &(struct run){0} : &r);
            if (b == 0)
                first = r;
        }
        tally->cases++;
        tally->several += p.package->n_task > 1;
        for (uint32_t t = 0; t < first.n_task; t++)
            if (su_trace_steps(first.trace[t], SU_PORT_WITNESS, 0) > 0)
                tally->with_witness++;
            else
                tally->without++;
        run_fini(&first);
        packed_fini(&p);
        su_plan_free(plan);
    }
    for (uint32_t i = 0; i < c->graph->n_input; i++)
        free(rows[i]);
    free(rows);
    free(emits);
    su_eval_free(ev);
    weight_file_fini(&w);
    su_random_case_free(c);
}

static void test_random_graphs(void **state)
{
    (void)state;
    struct tally t = {0};
    uint32_t n = su_test_count(25, 500);
    for (uint64_t seed = 0; seed < n; seed++)
        run_case(seed, &t);
    assert_true(t.cases > n);
    assert_true(t.several > t.cases / 10);
    assert_true(t.with_witness > 0 && t.without > 0);
}

/* ---- digits ---------------------------------------------------------------------------------- */

#define DIGITS 10u

static void run_digits(uint64_t target, uint32_t t_max)
{
    struct su_model *m;
    struct su_digits *d;
    struct su_err e;
    char path[600];
    float rows[DIGITS][784];
    const void *external[1] = {rows};
    struct run first, r;
    snprintf(path, sizeof path, "%s/models/mnist", SU_SOURCE_DIR);
    must(su_model_open(path, &m, &e), &e);
    snprintf(path, sizeof path, "%s/tests/data/digits-images-idx3-ubyte", SU_SOURCE_DIR);
    must(su_digits_open(path, &d, &e), &e);
    for (uint32_t i = 0; i < DIGITS; i++)
        must(su_digits_get(d, i, rows[i], &e), &e);
    struct su_plan_opts o = {.target = &target, .n_target = 1, .t_max = t_max};
    struct su_plan *plan;
    must(su_plan_build(m->graph, &o, &plan, &e), &e);
    assert_true(plan->n_task > 1);
    snprintf(path, sizeof path, "%s/models/mnist/mnist.safetensors", SU_SOURCE_DIR);
    struct packed p = packed_file(plan, m->weights, path);
    run_all(SU_BACKEND_REFERENCE, &p, external, DIGITS, NULL, &first);
    for (unsigned b = SU_BACKEND_CPU; b < SU_BACKEND_COUNT; b++) {
        run_all((enum su_backend)b, &p, external, DIGITS, NULL, &r);
        roots_meet(&p, &r, DIGITS);
        for (uint32_t t = 0; t < r.n_task; t++)
            same_traces(first.trace[t], r.trace[t], DIGITS);
        run_fini(&r);
    }
    const float *logits = first.output[plan->result[0].from_task][plan->result[0].from_output];
    for (uint32_t i = 0; i < DIGITS; i++) {
        uint32_t best = 0;
        for (uint32_t k = 1; k < 10; k++)
            best = logits[10 * i + k] > logits[10 * i + best] ? k : best;
        assert_int_equal(best, su_digits_label(d, i));
    }
    run_fini(&first);
    packed_fini(&p);
    su_plan_free(plan);
    su_digits_close(d);
    su_model_close(m);
}

static void test_digits_in_several_tasks(void **state)
{
    (void)state;
    run_digits(300u << 10, 1);
    run_digits(300u << 10, 2);
    run_digits(500u << 10, 4);
}

/* ---- a language model ------------------------------------------------------------------------ */

#define TOKENS 23u

static void tokens_of(int32_t token[TOKENS], bool emits[TOKENS])
{
    for (uint32_t i = 0; i < TOKENS; i++) {
        token[i] = (int32_t)(i * i * 7 + 3) % (int32_t)TOY_VOCABULARY;
        emits[i] = i >= 17 || i == 4;
    }
}

/* Logits of the engine, token by token. */
static void engine_logits(struct toy *toy, const int32_t *token, const bool *emits, float *logits)
{
    uint32_t session;
    struct su_err e;
    must(su_engine_session_new(toy->en, TOY_CTX, &session, &e), &e);
    for (uint32_t i = 0; i < TOKENS; i++) {
        struct su_row row = {session, i, emits[i]};
        struct su_engine_result r;
        const void *input[1] = {&token[i]};
        must(su_engine_run(toy->en, &row, 1, input, false, &r, &e), &e);
        memcpy(logits, r.output[0], r.output_bytes[0]);
        logits += r.output_bytes[0] / 4;
        su_engine_result_fini(&r);
    }
    su_engine_session_free(toy->en, session);
}

static void run_toy(const struct toy_opts *o)
{
    struct toy toy;
    int32_t token[TOKENS];
    bool emits[TOKENS];
    float logits[TOKENS * TOY_VOCABULARY] = {0};
    const void *external[1] = {token};
    uint8_t nothing[32];
    tokens_of(token, emits);
    toy_new(&toy, o);
    engine_logits(&toy, token, emits, logits);
    struct packed p = packed_file(toy.plan, toy.weights, toy.path);
    const struct su_plan_input *last = &toy.plan->result[0];
    struct run first, r;
    run_all(SU_BACKEND_REFERENCE, &p, external, TOKENS, emits, &first);
    assert_memory_equal(first.output[last->from_task][last->from_output], logits,
                        7 * TOY_VOCABULARY * 4);
    for (uint32_t s = 0; s < TOKENS; s++) {
        su_leaf_digest(s, NULL, 0, nothing);
        const uint8_t *leaf =
            su_trace_leaf(first.trace[last->from_task], SU_PORT_OUTPUT, last->from_output, s);
        assert_true((memcmp(leaf, nothing, 32) == 0) == !emits[s]);
    }
    for (unsigned b = SU_BACKEND_CPU; b < SU_BACKEND_COUNT; b++) {
        run_all((enum su_backend)b, &p, external, TOKENS, emits, &r);
        roots_meet(&p, &r, TOKENS);
        for (uint32_t t = 0; t < r.n_task; t++)
            same_traces(first.trace[t], r.trace[t], TOKENS);
        run_fini(&r);
    }
    run_fini(&first);
    packed_fini(&p);
    toy_close(&toy);
}

static void test_language_model(void **state)
{
    (void)state;
    run_toy(&(struct toy_opts){.t_max = 1});
    run_toy(&(struct toy_opts){.t_max = 8, .e_max = 2});
    run_toy(&(struct toy_opts){.t_max = 5, .e_max = 1, .smallest = true});
}

/* A task of the toy model, with a package of it. */
struct alone {
    struct toy toy;
    struct packed p;
    struct su_task *task;
    int32_t token[TOKENS];
    bool emits[TOKENS];
};

static void alone_new(struct alone *a, enum su_backend b)
{
    struct su_err e;
    toy_new(&a->toy, &(struct toy_opts){.t_max = 8, .e_max = 4});
    assert_int_equal(a->toy.plan->n_task, 1);
    a->p = packed_file(a->toy.plan, a->toy.weights, a->toy.path);
    must(su_task_open(exec[b], a->p.package, 0, a->p.store, &a->task, &e), &e);
    tokens_of(a->token, a->emits);
}

static void alone_fini(struct alone *a)
{
    su_task_close(a->task);
    packed_fini(&a->p);
    toy_close(&a->toy);
}

static enum su_code go(struct alone *a, uint32_t session, uint32_t from, uint32_t n,
                       struct su_trace *trace, struct su_err *e)
{
    struct su_row row[16];
    struct su_task_result r;
    const void *input[1] = {&a->token[from]};
    uint32_t n_emit = 0;
    for (uint32_t i = 0; i < n; i++) {
        row[i] = (struct su_row){session, from + i, a->emits[from + i]};
        n_emit += row[i].emit;
    }
    enum su_code rc = su_task_run(a->task, row, n, input, trace, &r, e);
    if (rc == SU_OK) {
        assert_int_equal(r.rows[0], n_emit);
        assert_int_equal(r.row_bytes[0], 4 * TOY_VOCABULARY);
        assert_true(r.ms >= 0);
    } else {
        assert_null(r.output[0]);
        assert_null(r.held.output);
    }
    su_task_result_fini(&r);
    return rc;
}

/* Steps as they come in, in dispatches of any size, with a detour that is taken back. */
static void test_step_by_step(void **state)
{
    (void)state;
    for (unsigned b = 0; b < SU_BACKEND_COUNT; b++) {
        struct alone a;
        struct su_trace *whole, *trace;
        struct su_err e;
        uint32_t session, other;
        alone_new(&a, (enum su_backend)b);
        struct su_replay r = {.input = {a.token}, .steps = TOKENS, .emits = a.emits};
        must(su_task_replay(a.task, &r, &whole, NULL, &e), &e);
        must(su_trace_new(1, 1, &trace, &e), &e);
        must(su_task_session_new(a.task, TOY_CTX, &other, &e), &e);
        must(su_task_session_new(a.task, TOY_CTX, &session, &e), &e);
        must(go(&a, session, 0, 5, trace, &e), &e);
        must(go(&a, other, 0, 3, NULL, &e), &e);
        must(go(&a, session, 5, 1, trace, &e), &e);
        a.token[6]++;
        must(go(&a, session, 6, 2, trace, &e), &e);
        a.token[6]--;
        assert_int_equal(su_trace_differs(trace, whole, SU_PORT_INPUT, 0), 6);
        assert_int_equal(su_trace_differs(trace, whole, SU_PORT_WITNESS, 0), UINT32_MAX);
        must(su_task_session_truncate(a.task, session, 6, &e), &e);
        su_trace_truncate(trace, 6);
        must(go(&a, session, 6, 8, trace, &e), &e);
        must(go(&a, session, 14, 5, trace, &e), &e);
        must(go(&a, session, 19, 4, trace, &e), &e);
        same_traces(trace, whole, TOKENS);
        su_task_session_free(a.task, session);
        su_task_session_free(a.task, other);
        su_trace_free(trace);
        su_trace_free(whole);
        alone_fini(&a);
    }
}

static void test_refused_runs_leave_all_as_it_was(void **state)
{
    (void)state;
    struct alone a;
    struct su_trace *trace, *wide, *whole;
    struct su_err e;
    uint32_t session;
    struct su_task_result r;
    alone_new(&a, SU_BACKEND_CPU);
    struct su_replay again = {.input = {a.token}, .steps = TOKENS, .emits = a.emits};
    must(su_task_replay(a.task, &again, &whole, NULL, &e), &e);
    must(su_trace_new(1, 1, &trace, &e), &e);
    must(su_trace_new(2, 1, &wide, &e), &e);
    must(su_task_session_new(a.task, 20, &session, &e), &e);
    must(go(&a, session, 0, 4, trace, &e), &e);
    assert_int_equal(go(&a, session, 4, 0, trace, &e), SU_EINVAL);
    assert_int_equal(go(&a, session, 4, 9, trace, &e), SU_EINVAL);
    err_matches(&e, SU_EINVAL, "task 0|9 of one dispatch");
    assert_int_equal(go(&a, session, 5, 1, trace, &e), SU_EINVAL);
    err_matches(&e, SU_EINVAL, "step 5");
    assert_int_equal(go(&a, session, 5, 1, NULL, &e), SU_EINVAL);
    assert_int_equal(go(&a, session, 4, 1, wide, &e), SU_EINVAL);
    err_matches(&e, SU_EINVAL, "2 inputs");
    const void *none[1] = {NULL}, *some[1] = {a.token};
    struct su_row rows[2] = {{session, 4, true}, {session + 1, 5, true}};
    assert_int_equal(su_task_run(a.task, rows, 1, none, trace, &r, &e), SU_EINVAL);
    err_matches(&e, SU_EINVAL, "token");
    assert_int_equal(su_task_run(a.task, rows, 2, some, trace, &r, &e), SU_EINVAL);
    err_matches(&e, SU_EINVAL, "row 1");
    assert_int_equal(su_trace_steps(trace, SU_PORT_INPUT, 0), 4);
    assert_int_equal(su_trace_steps(trace, SU_PORT_OUTPUT, 0), 4);
    must(go(&a, session, 4, 8, trace, &e), &e);
    must(go(&a, session, 12, 7, trace, &e), &e);
    assert_int_equal(su_trace_differs(trace, whole, SU_PORT_OUTPUT, 0), UINT32_MAX);
    assert_int_equal(go(&a, session, 19, 2, trace, &e), SU_ELIMIT); /* a session of 20 */
    assert_int_equal(su_trace_steps(trace, SU_PORT_WITNESS, 0), 19);
    must(go(&a, session, 19, 1, trace, &e), &e);
    assert_int_equal(su_task_session_truncate(a.task, session, 21, &e), SU_EINVAL);
    su_task_session_free(a.task, session);
    su_trace_free(trace);
    su_trace_free(wide);
    su_trace_free(whole);
    alone_fini(&a);
}

/* ---- replays --------------------------------------------------------------------------------- */

struct watch {
    uint32_t asked, cancel_at, done, total;
    uint32_t sized, largest; /* dispatches whose rows were asked for; the most that ran at once */
};

static bool cancelled(void *ctx)
{
    struct watch *w = ctx;
    return ++w->asked == w->cancel_at;
}

static void progress(void *ctx, uint32_t done, uint32_t total)
{
    struct watch *w = ctx;
    assert_true(done > w->done && done <= total);
    w->largest = SU_MAX(w->largest, done - w->done);
    w->done = done;
    w->total = total;
}

/* None, one, two, and more than there may be, in turn. */
static uint32_t some_rows(void *ctx, uint32_t most)
{
    struct watch *w = ctx;
    const uint32_t say[] = {0, 1, 2, most + 9};
    return say[w->sized++ % SU_ARRAY_LEN(say)];
}

static void test_replay(void **state)
{
    (void)state;
    struct alone a;
    struct su_trace *trace;
    struct su_err e;
    void *output[1];
    struct watch w = {0};
    alone_new(&a, SU_BACKEND_CPU);
    struct su_replay r = {.input = {a.token},
                          .steps = TOKENS,
                          .emits = a.emits,
                          .cancelled = cancelled,
                          .progress = progress,
                          .ctx = &w};
    must(su_task_replay(a.task, &r, &trace, output, &e), &e);
    assert_int_equal(w.done, TOKENS);
    assert_int_equal(w.total, TOKENS);
    assert_true(w.asked >= 4);
    /* The same in dispatches of any size. */
    struct su_trace_roots roots, again;
    struct su_trace *other;
    uint32_t asked = w.asked;
    w = (struct watch){0};
    r.rows = some_rows;
    must(su_task_replay(a.task, &r, &other, NULL, &e), &e);
    su_trace_roots(trace, TOKENS, &roots);
    su_trace_roots(other, TOKENS, &again);
    assert_memory_equal(&roots, &again, sizeof roots);
    assert_true(w.done == TOKENS && w.asked > asked && w.sized >= w.asked && w.largest > 2);
    su_trace_free(other);
    r.rows = NULL;
    su_trace_free(trace);
    free(output[0]);
    w = (struct watch){.cancel_at = 3};
    assert_int_equal(su_task_replay(a.task, &r, &trace, output, &e), SU_ECANCELLED);
    assert_null(trace);
    assert_null(output[0]);
    r.ctx = &(struct watch){0};
    r.steps = 0;
    assert_int_equal(su_task_replay(a.task, &r, &trace, output, &e), SU_EINVAL);
    r.steps = (1u << 24) + 1;
    assert_int_equal(su_task_replay(a.task, &r, &trace, output, &e), SU_ELIMIT);
    r.steps = 1;
    r.input[0] = NULL;
    assert_int_equal(su_task_replay(a.task, &r, &trace, output, &e), SU_EINVAL);
    err_matches(&e, SU_EINVAL, "token");
    r.input[0] = a.token;
    must(su_task_replay(a.task, &r, &trace, NULL, &e), &e);
    su_trace_free(trace);
    uint32_t session[SU_STAGE_SESSION_MAX];
    for (uint32_t i = 0; i < SU_STAGE_SESSION_MAX; i++)
        must(su_task_session_new(a.task, 1, &session[i], &e), &e);
    assert_int_equal(su_task_replay(a.task, &r, &trace, NULL, &e), SU_ELIMIT);
    err_matches(&e, SU_ELIMIT, "task 0");
    for (uint32_t i = 0; i < SU_STAGE_SESSION_MAX; i++)
        su_task_session_free(a.task, session[i]);
    alone_fini(&a);
}

/* ---- fixed values ---------------------------------------------------------------------------- */

/* y = x + c, d = -c: c is one for a whole dispatch, and yet may change between steps. */
static void test_fixed_ports(void **state)
{
    (void)state;
    struct su_graph *g = su_graph_new();
    struct su_shape two = {1, {2}};
    struct su_err e;
    float x[6][2], c[6][2];
    uint32_t ix = add_input(g, "x", SU_ROWS, two), ic = add_input(g, "c", SU_FIXED, two);
    uint32_t s = add_op(g, SU_OP_RELU, &ix, 1, NULL, 0);
    add_output(g, "y", add_op(g, SU_OP_ADD, (uint32_t[]){s, ic}, 2, NULL, 0));
    add_output(g, "d", add_op(g, SU_OP_NEG, &ic, 1, NULL, 0));
    finish(g);
    for (uint32_t i = 0; i < 12; i++) {
        x[i / 2][i % 2] = (float)i;
        c[i / 2][i % 2] = i < 8 ? 100.0f + (float)(i % 2) : 200.0f;
    }
    struct weight_file w = weight_file_new(g, NULL);
    for (uint32_t t_max = 1; t_max < 8; t_max += 3) {
        struct su_plan *plan = plan_of(g, 1 << 20, t_max);
        struct packed p = packed_new(plan, w.weights, w.bytes.data, w.bytes.len);
        for (unsigned b = 0; b < SU_BACKEND_COUNT; b++) {
            struct su_task *t;
            struct su_trace *trace;
            void *output[2];
            struct su_task_result r;
            must(su_task_open(exec[b], p.package, 0, p.store, &t, &e), &e);
            struct su_replay replay = {.input = {x, c}, .steps = 6};
            must(su_task_replay(t, &replay, &trace, output, &e), &e);
            for (uint32_t i = 0; i < 6; i++) {
                float y[2] = {x[i][0] + c[i][0], x[i][1] + c[i][1]}, d[2] = {-c[i][0], -c[i][1]};
                struct su_bytes part = {d, sizeof d};
                uint8_t leaf[32];
                assert_memory_equal((float *)output[0] + 2 * i, y, sizeof y);
                assert_memory_equal((float *)output[1] + 2 * i, d, sizeof d);
                su_leaf_digest(i, &part, 1, leaf);
                assert_memory_equal(su_trace_leaf(trace, SU_PORT_OUTPUT, 1, i), leaf, 32);
            }
            struct su_row row[6] = {{0, 3, true}, {0, 4, true}};
            const void *input[2] = {x[3], c[3]};
            assert_int_equal(su_task_run(t, row, 2, input, NULL, &r, &e), SU_EINVAL);
            if (t_max > 1)
                err_matches(&e, SU_EINVAL, "c|fixed");
            assert_int_equal(su_task_row_bytes(t, SU_PORT_OUTPUT, 1), 8);
            assert_int_equal(su_task_row_bytes(t, SU_PORT_WITNESS, 0), 8);
            assert_int_equal(su_task_row_bytes(t, SU_PORT_INPUT, 2), 0);
            assert_null(su_task_value(t, SU_PORT_OUTPUT, 2));
            assert_int_equal(su_task_value(t, SU_PORT_INPUT, 1)->domain, SU_FIXED);
            su_trace_free(trace);
            free(output[0]);
            free(output[1]);
            su_task_close(t);
        }
        packed_fini(&p);
        su_plan_free(plan);
    }
    weight_file_fini(&w);
    su_graph_free(g);
}

/* Rows from the middle of a frame stand at any address. */
static void test_rows_of_any_alignment(void **state)
{
    (void)state;
    for (unsigned b = 0; b < SU_BACKEND_COUNT; b++) {
        struct alone a;
        struct su_trace *even, *odd;
        struct su_err e;
        uint8_t shifted[sizeof a.token + 1];
        alone_new(&a, (enum su_backend)b);
        memcpy(shifted + 1, a.token, sizeof a.token);
        struct su_replay r = {.input = {a.token}, .steps = TOKENS, .emits = a.emits};
        must(su_task_replay(a.task, &r, &even, NULL, &e), &e);
        r.input[0] = shifted + 1;
        must(su_task_replay(a.task, &r, &odd, NULL, &e), &e);
        same_traces(even, odd, TOKENS);
        su_trace_free(even);
        su_trace_free(odd);
        alone_fini(&a);
    }
}

/* ---- weights --------------------------------------------------------------------------------- */

static void open_refuses(struct packed *p, enum su_code code, const char *text)
{
    struct su_task *t;
    struct su_err e;
    assert_int_equal(su_task_open(exec[SU_BACKEND_CPU], p->package, 0, p->store, &t, &e), code);
    assert_null(t);
    err_matches(&e, code, text);
}

static void test_weights_that_are_not_there(void **state)
{
    (void)state;
    struct alone a;
    struct su_task *t;
    struct su_err e;
    alone_new(&a, SU_BACKEND_CPU);
    assert_int_equal(su_task_open(exec[0], a.p.package, 1, a.p.store, &t, &e), SU_EINVAL);
    assert_null(t);
    su_task_close(NULL);
    struct su_manifest *m = &a.p.package->task[0].manifest;
    m->n_entry = 1;
    open_refuses(&a.p, SU_ENOENT, "task 0|table|manifest");
    m->n_entry = 0;
    open_refuses(&a.p, SU_ENOENT, "task 0|manifest");
    m->n_entry = 2;
    m->entry[1].bytes -= 4;
    open_refuses(&a.p, SU_ETYPE, "task 0|table|bytes");
    m->entry[1].bytes += 4;
    m->entry[1].blob[0] ^= 1;
    open_refuses(&a.p, SU_ENOENT, "task 0");
    alone_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_graphs),
        cmocka_unit_test(test_digits_in_several_tasks),
        cmocka_unit_test(test_language_model),
        cmocka_unit_test(test_step_by_step),
        cmocka_unit_test(test_refused_runs_leave_all_as_it_was),
        cmocka_unit_test(test_replay),
        cmocka_unit_test(test_fixed_ports),
        cmocka_unit_test(test_rows_of_any_alignment),
        cmocka_unit_test(test_weights_that_are_not_there),
    };
    return cmocka_run_group_tests(tests, open_backends, close_backends);
}
