// SPDX-License-Identifier: MIT
/* Generations beside one another: what each gives alone, how dispatches are filled, ends and reuse. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/engine.h"
#include "support/random.h"
#include "support/toy_llm.h"

#define JOBS 9u

/* ---- what a generation is -------------------------------------------------------------------- */

struct job {
    uint32_t prompt[40], n_prompt, stop[2], n_stop, max_tokens;
    struct su_sampling sampling;
    uint32_t arrives; /* after so many steps */
    /* seen by on_token */
    uint32_t got[TOY_CTX], n_got, last_step, longest; /* longest: steps between two tokens */
    const uint32_t *step;
    uint32_t end_at; /* tokens after which on_token says no; 0 = never */
    uint64_t id;
};

static bool on_token(void *ctx, uint32_t token)
{
    struct job *j = ctx;
    assert_true(token < TOY_VOCABULARY && j->n_got < TOY_CTX);
    if (j->n_got > 0 && j->step)
        j->longest = SU_MAX(j->longest, *j->step - j->last_step);
    j->last_step = j->step ? *j->step : 0;
    j->got[j->n_got++] = token;
    return j->n_got != j->end_at;
}

static struct su_generation generation_of(struct job *j)
{
    return (struct su_generation){.prompt = j->prompt,
                                  .n_prompt = j->n_prompt,
                                  .max_tokens = j->max_tokens,
                                  .stop = j->stop,
                                  .n_stop = j->n_stop,
                                  .sampling = j->sampling,
                                  .on_token = on_token,
                                  .ctx = j};
}

static struct job job_of(uint64_t seed, uint32_t n_prompt, uint32_t max_tokens)
{
    struct su_random r = su_random_of(seed, 1);
    struct job j = {.n_prompt = n_prompt, .max_tokens = max_tokens};
    for (uint32_t i = 0; i < n_prompt; i++)
        j.prompt[i] = su_random_below(&r, TOY_VOCABULARY);
    if (seed % 3 > 0)
        j.sampling = (struct su_sampling){.temperature = 5.0f * (float)(seed % 3),
                                          .top_k = 30,
                                          .repeat_penalty = seed % 2 ? 1.5f : 0.0f,
                                          .repeat_last = 8,
                                          .seed = seed};
    return j;
}

static struct su_generated alone(struct su_engine *en, struct job j)
{
    struct su_generation g = generation_of(&j);
    struct su_generated out;
    struct su_err e = {0};
    uint32_t session = 0;
    j.step = NULL;
    assert_int_equal(su_engine_session_new(en, TOY_CTX, &session, &e), SU_OK);
    if (su_engine_generate(en, session, &g, &out, &e) != SU_OK)
        fail_msg("%s: %s", e.at, e.msg);
    su_engine_session_free(en, session);
    return out;
}

static struct su_scheduler *scheduler_of(struct toy *t, uint32_t sessions, uint32_t chunk)
{
    struct su_scheduler_opts o = {.sessions = sessions, .ctx = TOY_CTX, .chunk = chunk};
    struct su_scheduler *s = NULL;
    struct su_err e = {0};
    if (su_scheduler_new(t->en, &o, &s, &e) != SU_OK)
        fail_msg("%s: %s", e.at, e.msg);
    return s;
}

static void add(struct su_scheduler *s, struct job *j)
{
    struct su_generation g = generation_of(j);
    struct su_err e = {0};
    if (su_scheduler_add(s, &g, &j->id, &e) != SU_OK)
        fail_msg("%s: %s", e.at, e.msg);
}

static uint32_t step(struct su_scheduler *s)
{
    struct su_err e = {0};
    uint32_t left = 0;
    if (su_scheduler_step(s, &left, &e) != SU_OK)
        fail_msg("%s: %s", e.at, e.msg);
    return left;
}

static struct su_generated taken(struct su_scheduler *s, const struct job *j)
{
    struct su_generated out;
    struct su_err e = {0};
    if (su_scheduler_take(s, j->id, &out, &e) != SU_OK)
        fail_msg("%s: %s", e.at, e.msg);
    assert_int_equal(out.n, j->n_got);
    assert_memory_equal(out.token, j->got, out.n * sizeof *out.token);
    return out;
}

static void expect_same(struct su_generated *got, const struct su_generated *want)
{
    assert_int_equal(got->n, want->n);
    assert_int_equal(got->stopped, want->stopped);
    assert_memory_equal(got->output_sha256, want->output_sha256, SU_SHA256_BYTES);
    free(got->token);
}

/* ---- the same tokens ------------------------------------------------------------------------- */

/* Nine of them, some arriving later, a few ended by a token that stops them. */
static void make_jobs(struct su_engine *en, struct job *job, struct su_generated *want)
{
    static const uint32_t prompt[JOBS] = {9, 1, 33, 17, 2, 40, 5, 12, 26};
    static const uint32_t most[JOBS] = {24, 30, 12, 1, 16, 20, 0, 9, 39};
    for (uint32_t i = 0; i < JOBS; i++) {
        job[i] = job_of(100 + i, prompt[i], most[i]);
        job[i].arrives = i < 4 ? 0 : 3 * (i - 3);
        want[i] = alone(en, job[i]);
        if (i % 4 == 1) {
            job[i].stop[0] = 49;
            job[i].stop[1] = want[i].token[want[i].n / 2];
            job[i].n_stop = 2;
            free(want[i].token);
            want[i] = alone(en, job[i]);
            assert_true(want[i].stopped);
        }
    }
}

static void run_all(struct toy *t, uint32_t sessions, uint32_t chunk, const struct job *from,
                    const struct su_generated *want)
{
    struct su_scheduler *s = scheduler_of(t, sessions, chunk);
    struct job job[JOBS];
    uint32_t added = 0, left = 0;
    memcpy(job, from, sizeof job);
    for (uint32_t n = 0; added < JOBS || left > 0; n++) {
        for (; added < JOBS && job[added].arrives <= n; added++)
            add(s, &job[added]);
        left = step(s);
        assert_true(n < 1000);
    }
    for (uint32_t i = JOBS; i-- > 0;) {
        struct su_generated got = taken(s, &job[i]);
        expect_same(&got, &want[i]);
    }
    assert_int_equal(step(s), 0);
    su_scheduler_free(s);
}

/* On every backend, for any number of sessions, any chunk and any cut. */
static void test_alone_or_beside(void **state)
{
    (void)state;
    static const struct {
        bool smallest;
        uint32_t sessions, t_max;
    } list[] = {{false, 5, 12}, {true, 5, 5}, {true, 3, 7}, {false, 1, 4}};
    struct job job[JOBS];
    struct su_generated want[JOBS];
    struct toy first;
    toy_new(&first, &(struct toy_opts){.t_max = 1});
    make_jobs(first.en, job, want);
    toy_close(&first);
    for (unsigned b = 0; b < SU_BACKEND_COUNT; b++)
        for (size_t i = 0; i < SU_ARRAY_LEN(list); i++) {
            struct toy t;
            toy_new(&t, &(struct toy_opts){.backend = (enum su_backend)b,
                                           .smallest = list[i].smallest,
                                           .t_max = list[i].t_max,
                                           .e_max = SU_MIN(list[i].sessions, list[i].t_max),
                                           .sessions = list[i].sessions});
            assert_true(t.plan->n_task > 1 || !list[i].smallest);
            for (uint32_t chunk = 0; chunk < 8; chunk += b == SU_BACKEND_CPU ? 1 : 3)
                run_all(&t, list[i].sessions, chunk, job, want);
            toy_close(&t);
        }
    for (uint32_t i = 0; i < JOBS; i++)
        free(want[i].token);
}

/* A long prompt that arrives while others write takes a chunk of each dispatch and no more, and they
   get a token from every dispatch; prompts are taken in order of arrival. */
static void test_never_stalls(void **state)
{
    (void)state;
    struct toy t;
    uint32_t n = 0;
    toy_new(&t, &(struct toy_opts){.t_max = 7, .e_max = 4, .sessions = 4});
    struct su_scheduler *s = scheduler_of(&t, 4, 4);
    struct job writer[2] = {job_of(3, 2, 40), job_of(4, 2, 40)};
    struct job late[2] = {job_of(5, 40, 3), job_of(6, 7, 3)};
    for (uint32_t i = 0; i < 2; i++) {
        writer[i].step = &n;
        add(s, &writer[i]);
    }
    n = 1;
    step(s); /* both prompts are one chunk */
    assert_true(writer[0].n_got == 1 && writer[1].n_got == 1);
    for (uint32_t i = 0; i < 2; i++) {
        late[i].step = &n;
        add(s, &late[i]);
    }
    for (uint32_t k = 0; k < 12; k++) {
        n++;
        step(s);
        assert_true(writer[0].n_got == n && writer[1].n_got == n);
        /* 40 prompt tokens in chunks of 4 take 10 dispatches, the 7 behind them 2 more. */
        assert_int_equal(late[0].n_got, k < 9 ? 0 : SU_MIN(k - 8, 3u));
        assert_int_equal(late[1].n_got, k < 11 ? 0 : 1);
    }
    while (n++, step(s) > 0)
        ;
    for (uint32_t i = 0; i < 2; i++)
        assert_true(writer[i].longest == 1 && late[i].longest == 1);
    su_scheduler_free(s);
    toy_close(&t);
}

/* ---- ends ------------------------------------------------------------------------------------ */

struct canceller {
    struct job job; /* first: on_token is given it */
    struct su_scheduler *s;
    uint64_t victim;
};

static bool cancel_other(void *ctx, uint32_t token)
{
    struct canceller *c = ctx;
    if (c->job.n_got == 3)
        su_scheduler_cancel(c->s, c->victim);
    return on_token(&c->job, token);
}

static bool when_five(void *ctx)
{
    return ((struct job *)ctx)->n_got == 5;
}

static void expect_cancelled(struct su_scheduler *s, uint64_t id)
{
    struct su_generated out;
    struct su_err e = {0};
    assert_int_equal(su_scheduler_take(s, id, &out, &e), SU_ECANCELLED);
    assert_null(out.token);
    assert_int_equal(su_scheduler_take(s, id, &out, &e), SU_ENOENT);
}

static void test_cancel(void **state)
{
    (void)state;
    struct toy t;
    struct su_err e = {0};
    struct su_generated out;
    toy_new(&t, &(struct toy_opts){.t_max = 6, .e_max = 3, .sessions = 3});
    struct canceller c = {.job = job_of(11, 5, 20)};
    struct job running = job_of(12, 9, 30), asked = job_of(13, 3, 30), waiting = job_of(14, 4, 5),
               good = job_of(15, 6, 12);
    struct su_generated want_c = alone(t.en, c.job), want_good = alone(t.en, good);
    struct su_scheduler *s = scheduler_of(&t, 3, 3);
    c.s = s;
    struct su_generation g = generation_of(&c.job);
    g.on_token = cancel_other;
    assert_int_equal(su_scheduler_add(s, &g, &c.job.id, &e), SU_OK);
    add(s, &running);
    g = generation_of(&asked);
    g.cancelled = when_five;
    assert_int_equal(su_scheduler_add(s, &g, &asked.id, &e), SU_OK);
    add(s, &waiting);
    add(s, &good);
    c.victim = running.id;
    su_scheduler_cancel(s, 12345);
    step(s);
    assert_int_equal(su_scheduler_take(s, c.job.id, &out, &e), SU_EBUSY);
    su_scheduler_cancel(s, waiting.id); /* before it had a session */
    while (step(s) > 0)
        ;
    assert_true(running.n_got > 0 && running.n_got < 30);
    assert_int_equal(asked.n_got, 5);
    assert_int_equal(waiting.n_got, 0);
    expect_cancelled(s, running.id);
    expect_cancelled(s, asked.id);
    expect_cancelled(s, waiting.id);
    out = taken(s, &c.job);
    expect_same(&out, &want_c);
    su_scheduler_cancel(s, good.id); /* it has ended */
    out = taken(s, &good);
    expect_same(&out, &want_good);
    free(want_c.token);
    free(want_good.token);
    struct job never = job_of(16, 30, 30), said_no = job_of(17, 3, 30);
    said_no.end_at = 4;
    add(s, &said_no);
    add(s, &never);
    for (uint32_t i = 0; i < 5; i++)
        step(s);
    out = taken(s, &said_no);
    assert_true(out.stopped && out.n == 4);
    free(out.token);
    su_scheduler_free(s); /* while one runs */
    uint32_t session = 9;
    assert_int_equal(su_engine_session_new(t.en, 1, &session, &e), SU_OK);
    assert_int_equal(session, 0); /* its sessions are closed */
    toy_close(&t);
}

/* ---- turns of conversations ------------------------------------------------------------------ */

/* Runs a prompt alone in the scheduler and beside it in a new session: equal, and so many tokens
   were there already. */
static void expect_reused(struct toy *t, struct su_scheduler *s, struct job *j, uint32_t reused)
{
    struct su_generated want = alone(t->en, *j);
    add(s, j);
    while (step(s) > 0)
        ;
    struct su_generated got = taken(s, j);
    assert_int_equal(got.n_reused, reused);
    expect_same(&got, &want);
    free(want.token);
}

/* The next turn: the prompt, its answer, and n more tokens. */
static struct job turn_after(const struct job *j, uint32_t n, uint64_t seed)
{
    struct job next = job_of(seed, j->n_prompt + j->n_got + n, 5);
    assert_true(next.n_prompt <= SU_ARRAY_LEN(next.prompt));
    memcpy(next.prompt, j->prompt, j->n_prompt * sizeof *j->prompt);
    memcpy(next.prompt + j->n_prompt, j->got, j->n_got * sizeof *j->got);
    return next;
}

static void test_reuse(void **state)
{
    (void)state;
    struct toy t;
    toy_new(&t, &(struct toy_opts){.t_max = 8, .e_max = 2, .sessions = 3});
    struct su_scheduler *s = scheduler_of(&t, 2, 0);
    struct job a = job_of(21, 18, 6), b = job_of(22, 30, 4);
    expect_reused(&t, s, &a, 0);
    expect_reused(&t, s, &b, 0);
    struct job a2 = turn_after(&a, 3, 23), b2 = turn_after(&b, 2, 25);
    expect_reused(&t, s, &a2, 16); /* 23 tokens are there, whole blocks count */
    expect_reused(&t, s, &b2, 32);
    /* A prompt that is all there still runs its last token. */
    struct job again = job_of(26, 32, 4);
    memcpy(again.prompt, b2.prompt, sizeof again.prompt);
    expect_reused(&t, s, &again, 31);
    /* A third conversation takes the session that has rested longest: that of a. */
    struct job other = job_of(27, 17, 2);
    expect_reused(&t, s, &other, 0);
    struct job b3 = job_of(28, 33, 2), a3 = job_of(29, 25, 2);
    memcpy(b3.prompt, b2.prompt, sizeof b3.prompt);
    memcpy(a3.prompt, a2.prompt, sizeof a3.prompt);
    expect_reused(&t, s, &b3, 32);
    expect_reused(&t, s, &a3, 0);
    /* One token of the first block differs. */
    b3.n_got = 0;
    b3.prompt[3] ^= 1;
    expect_reused(&t, s, &b3, 0);
    /* A cancelled generation leaves what it had run. */
    struct job broken = job_of(30, 40, 9), rest = broken;
    add(s, &broken);
    for (uint32_t i = 0; i < 3; i++)
        step(s);
    su_scheduler_cancel(s, broken.id);
    step(s);
    expect_cancelled(s, broken.id);
    expect_reused(&t, s, &rest, 16); /* three dispatches of 8 rows */
    su_scheduler_free(s);
    toy_close(&t);
}

/* ---- refusals -------------------------------------------------------------------------------- */

static enum su_code try_new(struct toy *t, uint32_t sessions, uint32_t ctx)
{
    struct su_scheduler_opts o = {.sessions = sessions, .ctx = ctx};
    struct su_scheduler *s = NULL;
    struct su_err e = {0};
    enum su_code rc = su_scheduler_new(t->en, &o, &s, &e);
    assert_true((s != NULL) == (rc == SU_OK));
    su_scheduler_free(s);
    return rc;
}

static enum su_code try_add(struct su_scheduler *s, const struct su_generation *g)
{
    struct su_err e = {0};
    uint64_t id = 0;
    return su_scheduler_add(s, g, &id, &e);
}

static void test_refused(void **state)
{
    (void)state;
    struct toy t;
    struct su_err e = {0};
    toy_new(&t, &(struct toy_opts){.t_max = 4, .e_max = 2, .sessions = 3});
    assert_int_equal(try_new(&t, 0, 8), SU_EINVAL);
    assert_int_equal(try_new(&t, SU_SCHEDULER_SESSIONS_MAX + 1, 8), SU_EINVAL);
    assert_int_equal(try_new(&t, 1, 0), SU_EINVAL);
    assert_int_equal(try_new(&t, 4, 8), SU_ELIMIT); /* sessions of the plan */
    assert_int_equal(try_new(&t, 3, 8), SU_ELIMIT); /* emitted rows */
    assert_int_equal(try_new(&t, 2, TOY_CTX + 1), SU_ELIMIT);
    assert_int_equal(try_new(&t, 2, 8), SU_OK);
    uint32_t session = 0;
    for (uint32_t i = 0; i + 1 < SU_STAGE_SESSION_MAX; i++)
        assert_int_equal(su_engine_session_new(t.en, 1, &session, &e), SU_OK);
    assert_int_equal(try_new(&t, 2, 8), SU_ELIMIT); /* one too many for the engine */
    su_engine_session_free(t.en, session);
    struct su_scheduler *s = NULL;
    struct su_scheduler_opts o = {.sessions = 2, .ctx = 10};
    assert_int_equal(su_scheduler_new(t.en, &o, &s, &e), SU_OK);
    struct job j = job_of(41, 6, 5);
    struct su_generation good = generation_of(&j), g = good;
    assert_int_equal(try_add(s, &good), SU_OK); /* 10 positions: the last token needs none */
    g.max_tokens = 6;
    assert_int_equal(try_add(s, &g), SU_ELIMIT);
    g = good;
    g.n_prompt = 11;
    g.max_tokens = 0;
    assert_int_equal(try_add(s, &g), SU_ELIMIT);
    g = good;
    g.n_prompt = 0;
    assert_int_equal(try_add(s, &g), SU_EINVAL);
    g = good;
    g.sampling.top_p = 2.0f;
    assert_int_equal(try_add(s, &g), SU_EINVAL);
    j.prompt[2] = TOY_VOCABULARY;
    assert_int_equal(try_add(s, &good), SU_EINVAL);
    j.prompt[2] = 1;
    while (step(s) > 0)
        ;
    assert_int_equal(j.n_got, 5);
    su_scheduler_free(s);
    su_scheduler_free(NULL);
    toy_close(&t);
}

/* Only a language model's graph can be scheduled. */
static void test_other_graph(void **state)
{
    (void)state;
    struct toy t;
    struct su_err e = {0};
    toy_new(&t, &(struct toy_opts){.t_max = 1});
    struct su_graph *g = su_graph_new();
    struct su_shape shape = {1, {4}};
    struct su_plan *p = NULL;
    struct su_engine *en = NULL;
    uint64_t target = 1u << 20;
    uint32_t id = 0;
    assert_int_equal(su_graph_add_input(g, "x", SU_ROWS, SU_F32, &shape, &id, &e), SU_OK);
    assert_int_equal(su_graph_add_node(g, SU_OP_RELU, &id, 1, NULL, 0, NULL, 0, &id, &e), SU_OK);
    assert_int_equal(su_graph_add_output(g, "y", id, &e), SU_OK);
    assert_int_equal(su_graph_check(g, &e), SU_OK);
    struct su_plan_opts po = {.target = &target, .n_target = 1};
    assert_int_equal(su_plan_build(g, &po, &p, &e), SU_OK);
    assert_int_equal(su_engine_open(t.exec, g, p, t.weights, &en, &e), SU_OK);
    struct toy other = {.en = en};
    assert_int_equal(try_new(&other, 1, 8), SU_ETYPE);
    su_engine_close(en);
    su_plan_free(p);
    su_graph_free(g);
    toy_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alone_or_beside), cmocka_unit_test(test_never_stalls),
        cmocka_unit_test(test_cancel),          cmocka_unit_test(test_reuse),
        cmocka_unit_test(test_refused),         cmocka_unit_test(test_other_graph),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
