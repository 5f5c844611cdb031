// SPDX-License-Identifier: MIT
/* Executions that wait for one task are run together, and get what they would have got alone. */
#include "node/node_priv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "model/model.h"
#include "support/toy_llm.h"

#include <ftw.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SESSIONS = 4, ROWS = 3 };

struct world {
    struct toy toy;
    struct su_graph *graph;
    struct su_plan *plan;
    struct su_store *store;
    struct su_exec *exec;
    struct node_model model;
    struct node_task task;
    char dir[64];
};

static void must(enum su_code rc, const struct su_err *e)
{
    if (rc != SU_OK)
        fail_msg("%s: %s: %s", su_code_name(rc), e->at, e->msg);
}

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    uint64_t target = 1u << 20;
    const struct su_plan_opts o = {.target = &target,
                                   .n_target = 1,
                                   .t_max = 8,
                                   .e_max = 8,
                                   .sessions = SESSIONS,
                                   .ctx = TOY_CTX};
    const struct su_exec_opts x = {.backend = SU_BACKEND_CPU, .threads = 1};
    uint8_t id[32];
    struct su_err e;

    toy_new(&w->toy, &(struct toy_opts){.backend = SU_BACKEND_CPU, .t_max = 8});
    must(su_model_generator(w->toy.g, &w->graph, &e), &e);
    must(su_plan_build(w->graph, &o, &w->plan, &e), &e);
    (void)su_str_copy(w->dir, sizeof w->dir, "/tmp/su-batch-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    must(su_store_open(w->dir, NULL, &w->store, &e), &e);
    const struct su_package_of of = {.name = "toy", .plan = w->plan, .weights = w->toy.weights};
    must(su_package_publish(&of, w->store, NULL, &w->model.package, id, &e), &e);
    must(su_exec_open(&x, &w->exec, &e), &e);
    must(su_task_open(w->exec, w->model.package, 0, w->store, &w->task.task, &e), &e);
    w->task.model = &w->model;
    node_turn_init(&w->task.turn);
    node_batch_init(&w->task.batch);
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
    struct su_err e;

    node_batch_fini(&w->task.batch);
    node_turn_fini(&w->task.turn);
    su_task_close(w->task.task);
    must(su_exec_close(w->exec, &e), &e);
    su_package_free(w->model.package);
    su_store_close(w->store);
    su_plan_free(w->plan);
    su_graph_free(w->graph);
    toy_close(&w->toy);
    int bad = nftw(w->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    free(w);
    return bad;
}

/* One execution's dispatch: ROWS tokens of its own, of which the last emits. */
struct one {
    struct world *w;
    uint32_t session, n_row;
    int32_t said[2 * ROWS];
    struct su_trace *trace;
    int32_t drawn;
    bool has_drawn;
    enum su_code rc, give_rc;
    pthread_t thread, giver; /* giver: who asked what goes to others */
    unsigned gives;
    int32_t gave;
};

static void one_open(struct one *a, struct world *w, unsigned i)
{
    const struct su_sampling sampling = {.temperature = 3.0f, .seed = 7 + i};
    struct su_err e;

    *a = (struct one){.w = w, .n_row = ROWS};
    for (unsigned k = 0; k < SU_ARRAY_LEN(a->said); k++)
        a->said[k] = (int32_t)(1 + i * 9 + k);
    const struct su_draw draw = {
        .sampling = sampling, .prompt = (const uint32_t *)a->said, .n_prompt = ROWS};
    must(su_task_session_new(w->task.task, TOY_CTX, &a->session, &e), &e);
    must(su_task_session_draw(w->task.task, a->session, &draw, &e), &e);
    must(su_trace_new(1, 1, &a->trace, &e), &e);
}

static void one_close(struct one *a)
{
    su_trace_free(a->trace);
    su_task_session_free(a->w->task.task, a->session);
}

static enum su_code one_give(void *ctx, struct su_task_result *r, struct su_flow_given *out,
                             uint32_t *n, struct su_err *e)
{
    struct one *a = ctx;

    (void)out;
    a->giver = pthread_self();
    a->gives++;
    if (r->rows[0] == 1)
        memcpy(&a->gave, r->output[0], sizeof a->gave);
    *n = 0;
    return a->give_rc ? su_fail(e, a->give_rc, "give", "refused") : SU_OK;
}

static void *one_run(void *arg)
{
    struct one *a = arg;
    const void *input[SU_PORTS_MAX] = {a->said};
    struct su_row row[2 * ROWS];

    for (uint32_t i = 0; i < a->n_row; i++)
        row[i] = (struct su_row){a->session, i, i + 1 == ROWS};
    struct node_batch_item item = {
        .row = row, .n_row = a->n_row, .input = input, .trace = a->trace};
    item.give = one_give;
    item.ctx = a;
    a->rc = node_batch_run(&a->w->task, &item, NULL);
    a->has_drawn = a->rc == SU_OK && item.result.rows[0] == 1;
    if (a->has_drawn)
        memcpy(&a->drawn, item.result.output[0], sizeof a->drawn);
    node_batch_item_fini(&item);
    return NULL;
}

static unsigned waiting(struct node_batch *b)
{
    unsigned n = 0;

    pthread_mutex_lock(&b->lock);
    for (const struct node_batch_item *i = b->first; i; i = i->next)
        n++;
    pthread_mutex_unlock(&b->lock);
    return n;
}

/* All of them queue up while somebody else has the turn. */
static void run_all(struct world *w, struct one *a, unsigned n)
{
    node_turn_take(&w->task.turn);
    for (unsigned i = 0; i < n; i++) {
        assert_int_equal(pthread_create(&a[i].thread, NULL, one_run, &a[i]), 0);
        while (waiting(&w->task.batch) <= i)
            (void)usleep(1000);
    }
    node_turn_give(&w->task.turn);
    for (unsigned i = 0; i < n; i++)
        assert_int_equal(pthread_join(a[i].thread, NULL), 0);
    assert_int_equal(waiting(&w->task.batch), 0);
}

static void together_as_alone(void **state)
{
    struct world *w = *state;
    struct node_batch *b = &w->task.batch;
    struct su_trace_roots alone[SESSIONS], together;
    int32_t drawn[SESSIONS];
    struct one a[SESSIONS];

    for (unsigned i = 0; i < SESSIONS; i++) {
        one_open(&a[i], w, i);
        one_run(&a[i]);
        assert_int_equal(a[i].rc, SU_OK);
        assert_true(a[i].has_drawn);
        drawn[i] = a[i].drawn;
        su_trace_roots(a[i].trace, ROWS, &alone[i]);
        one_close(&a[i]);
    }
    assert_int_equal(b->dispatches, SESSIONS);
    assert_int_equal(b->rows, SESSIONS * ROWS);
    for (unsigned i = 0; i < SESSIONS; i++)
        one_open(&a[i], w, i);
    run_all(w, a, SESSIONS);
    /* Eight rows go into a dispatch, three are one's: two dispatches of two. */
    assert_int_equal(b->dispatches, SESSIONS + 2);
    assert_int_equal(b->rows, 2 * SESSIONS * ROWS);
    for (unsigned i = 0; i < SESSIONS; i++) {
        assert_int_equal(a[i].rc, SU_OK);
        assert_true(a[i].has_drawn);
        assert_int_equal(a[i].drawn, drawn[i]);
        assert_int_equal(a[i].gives, 1);
        assert_int_equal(a[i].gave, drawn[i]);
        assert_true(pthread_equal(a[i].giver, a[i / 2 * 2].thread)); /* who led */
        su_trace_roots(a[i].trace, ROWS, &together);
        assert_memory_equal(&together, &alone[i], sizeof together);
        one_close(&a[i]);
    }
}

/* A prompt in chunks as large as a dispatch, and steps of another session meanwhile. */
struct chunks {
    struct world *w;
    uint32_t session, done;
    struct su_trace *trace;
    atomic_uint n; /* that were run */
    atomic_bool stop;
    enum su_code rc;
};

static enum su_code one_chunk(struct chunks *c, uint32_t rows)
{
    int32_t said[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    const void *input[SU_PORTS_MAX] = {said};
    struct su_row row[8];

    if (c->done + rows > TOY_CTX) { /* the next prompt */
        node_turn_take(&c->w->task.turn);
        must(su_task_session_truncate(c->w->task.task, c->session, 0, NULL), NULL);
        node_turn_give(&c->w->task.turn);
        su_trace_truncate(c->trace, 0);
        c->done = 0;
    }
    for (uint32_t i = 0; i < rows; i++)
        row[i] = (struct su_row){c->session, c->done + i, false};
    struct node_batch_item item = {.row = row, .n_row = rows, .input = input, .trace = c->trace};
    enum su_code rc = node_batch_run(&c->w->task, &item, NULL);
    node_batch_item_fini(&item);
    c->done += rows;
    atomic_fetch_add(&c->n, 1);
    return rc;
}

static void *run_chunks(void *arg)
{
    struct chunks *c = arg;

    while (!atomic_load(&c->stop) && c->rc == SU_OK)
        c->rc = one_chunk(c, 8);
    return NULL;
}

static void chunks_open(struct chunks *c, struct world *w)
{
    struct su_err e;

    *c = (struct chunks){.w = w};
    must(su_task_session_new(w->task.task, TOY_CTX, &c->session, &e), &e);
    must(su_trace_new(1, 1, &c->trace, &e), &e);
    node_batch_sessions(&w->task.batch, 1);
}

static void chunks_close(struct chunks *c)
{
    node_batch_sessions(&c->w->task.batch, -1);
    su_trace_free(c->trace);
    su_task_session_free(c->w->task.task, c->session);
}

static int by_number(const void *a, const void *b)
{
    unsigned x = *(const unsigned *)a, y = *(const unsigned *)b;

    return (x > y) - (x < y);
}

/* A long prompt keeps another session waiting for the chunk that runs, and no longer. */
static void a_prompt_stalls_nobody(void **state)
{
    struct world *w = *state;
    struct chunks prompt, steps;
    unsigned passed[41];
    pthread_t thread;

    chunks_open(&prompt, w);
    chunks_open(&steps, w);
    assert_int_equal(pthread_create(&thread, NULL, run_chunks, &prompt), 0);
    while (atomic_load(&prompt.n) < 4)
        (void)usleep(100);
    for (uint32_t i = 0; i < SU_ARRAY_LEN(passed); i++) {
        unsigned before = atomic_load(&prompt.n);
        assert_int_equal(one_chunk(&steps, 1), SU_OK);
        passed[i] = atomic_load(&prompt.n) - before;
    }
    /* That which ran, one that ended before this one waited, one since it was through. The machine may
       stop this thread outside of the queue for as long as it likes, but not most of the times. */
    qsort(passed, SU_ARRAY_LEN(passed), sizeof passed[0], by_number);
    assert_in_range(passed[SU_ARRAY_LEN(passed) / 2], 0, 3);
    atomic_store(&prompt.stop, true);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(prompt.rc, SU_OK);
    assert_int_equal(w->task.batch.sessions, 2);
    chunks_close(&prompt);
    chunks_close(&steps);
    assert_int_equal(w->task.batch.sessions, 0);
}

/* While others go step by step, the chunks of a prompt are half as large, and steps go along with them. */
static void chunks_leave_room(void **state)
{
    struct world *w = *state;
    struct node_batch *b = &w->task.batch;
    const uint32_t t_max = w->model.package->t_max;
    struct chunks prompt, steps;

    w->model.package->t_max = 64; /* as far as the rule goes */
    chunks_open(&prompt, w);
    assert_int_equal(one_chunk(&prompt, 8), SU_OK);
    assert_int_equal(node_batch_rows(&w->task, prompt.session, 64), 64); /* alone */
    chunks_open(&steps, w);
    assert_int_equal(one_chunk(&steps, 4), SU_OK);
    assert_int_equal(node_batch_rows(&w->task, prompt.session, 64), 64); /* two prompts */
    assert_int_equal(one_chunk(&steps, 1), SU_OK);
    assert_int_equal(node_batch_rows(&w->task, prompt.session, 64), 32);
    assert_int_equal(node_batch_rows(&w->task, prompt.session, 20), 20);
    assert_int_equal(node_batch_rows(&w->task, UINT32_MAX, 64), 32); /* a check's */
    assert_int_equal(node_batch_rows(&w->task, steps.session, 64), 64); /* it is itself the one */
    w->model.package->t_max = 8;
    assert_int_equal(node_batch_rows(&w->task, prompt.session, 8),
                     8); /* never less than is worth it */
    chunks_close(&steps);
    assert_int_equal(b->sessions, 1);
    w->model.package->t_max = 64;
    assert_int_equal(node_batch_rows(&w->task, prompt.session, 64), 64);
    chunks_close(&prompt);
    w->model.package->t_max = t_max;
}

static void *run_step(void *arg)
{
    struct chunks *c = arg;

    c->rc = one_chunk(c, 1);
    return NULL;
}

/* A step of each session; the device is free when all wait for it. */
static void step_all(struct chunks *c, unsigned n)
{
    struct world *w = c[0].w;
    pthread_t thread[SESSIONS];

    node_turn_take(&w->task.turn);
    for (unsigned i = 0; i < n; i++) {
        assert_int_equal(pthread_create(&thread[i], NULL, run_step, &c[i]), 0);
        while (waiting(&w->task.batch) <= i)
            (void)usleep(1000);
    }
    node_turn_give(&w->task.turn);
    for (unsigned i = 0; i < n; i++) {
        assert_int_equal(pthread_join(thread[i], NULL), 0);
        assert_int_equal(c[i].rc, SU_OK);
    }
}

static uint64_t step_ns(struct chunks *c)
{
    uint64_t since;

    c->w->task.batch.last_ns = 1000000000u;
    since = su_clock_mono_ns();
    assert_int_equal(one_chunk(c, 1), SU_OK);
    return su_clock_mono_ns() - since;
}

/* Steps that went together wait for one another, a little, and once: whoever does not come is no longer
   waited for. Of the steps of many no more than half go together where a model is cut. */
static void steps_wait_for_one_another(void **state)
{
    struct world *w = *state;
    struct node_batch *b = &w->task.batch;
    const uint32_t tasks = w->model.package->n_task;
    struct chunks c[SESSIONS];
    bool together = false;
    unsigned quick = 0;

    assert_int_equal(tasks, 1);
    for (unsigned i = 0; i < SESSIONS; i++)
        chunks_open(&c[i], w);
    for (unsigned cut = 0; cut < 2; cut++) {
        w->model.package->n_task = tasks + cut;
        step_all(c, SESSIONS); /* all are known */
        uint64_t before = b->dispatches;
        step_all(c, SESSIONS);
        assert_int_equal(b->dispatches, before + 1 + cut);
    }
    w->model.package->n_task = tasks;
    for (unsigned i = 0; i < 100 && !together; i++) {
        uint64_t before;
        pthread_t thread;
        step_all(c, 2);
        b->last_ns = 1000000000u;
        before = b->dispatches;
        assert_int_equal(pthread_create(&thread, NULL, run_step, &c[1]), 0);
        assert_int_equal(one_chunk(&c[0], 1), SU_OK);
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_int_equal(c[1].rc, SU_OK);
        together = b->dispatches == before + 1;
    }
    assert_true(together);
    step_all(c, 2);
    assert_true(step_ns(&c[0]) >= 10000000u);
    for (unsigned i = 0; i < 14; i++)
        quick += step_ns(&c[0]) < 10000000u;
    assert_true(quick > 0);
    for (unsigned i = 0; i < SESSIONS; i++)
        chunks_close(&c[i]);
}

/* What one asks for in vain is no harm to the others. */
static void a_failure_is_ones_own(void **state)
{
    struct world *w = *state;
    uint64_t before = w->task.batch.dispatches;
    struct one a[2];

    for (unsigned i = 0; i < 2; i++)
        one_open(&a[i], w, i);
    must(su_trace_add(a[0].trace, SU_PORT_INPUT, 0, (const uint8_t[32]){0}, NULL), NULL);
    run_all(w, a, 2);
    assert_int_equal(a[0].rc, SU_EINVAL);
    assert_int_equal(a[0].gives, 0);
    assert_int_equal(a[1].rc, SU_OK);
    assert_int_equal(a[1].gives, 1);
    assert_true(a[1].has_drawn);
    assert_int_equal(w->task.batch.dispatches, before + 2);
    for (unsigned i = 0; i < 2; i++)
        one_close(&a[i]);
    /* Nor is what one must not give away. */
    for (unsigned i = 0; i < 2; i++)
        one_open(&a[i], w, i);
    a[0].give_rc = SU_EDIGEST;
    run_all(w, a, 2);
    assert_int_equal(a[0].rc, SU_EDIGEST);
    assert_int_equal(a[1].rc, SU_OK);
    assert_true(a[1].has_drawn && !a[0].has_drawn);
    assert_int_equal(w->task.batch.dispatches, before + 3);
    for (unsigned i = 0; i < 2; i++)
        one_close(&a[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(together_as_alone),          cmocka_unit_test(a_failure_is_ones_own),
        cmocka_unit_test(chunks_leave_room),          cmocka_unit_test(a_prompt_stalls_nobody),
        cmocka_unit_test(steps_wait_for_one_another),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
