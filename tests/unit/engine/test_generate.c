// SPDX-License-Identifier: MIT
/* Choosing tokens, sessions of an engine, and generation with a toy language model. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/engine.h"
#include "support/random.h"
#include "support/toy_llm.h"

#define VOCABULARY TOY_VOCABULARY

static void toy_open(struct toy *t, uint64_t target, uint32_t t_max)
{
    struct toy_opts o = {.target = target, .t_max = t_max};
    toy_new(t, &o);
}

/* ---- sampling ---------------------------------------------------------------------------------------------------- */

static uint32_t pick(const struct su_sampling *o, const float *x, uint32_t n, uint32_t position)
{
    uint32_t token = UINT32_MAX;
    struct su_err e = {0};
    if (su_sample(o, x, n, NULL, 0, position, &token, &e) != SU_OK)
        fail_msg("%s: %s", e.at, e.msg);
    return token;
}

static void test_greedy(void **state)
{
    (void)state;
    const float x[5] = {1.0f, 4.0f, -1.0f, 4.0f, 3.0f};
    struct su_sampling o = {.seed = 5};
    assert_int_equal(pick(&o, x, 5, 0), 1); /* the lowest of equals */
    const float one[1] = {-3.0f};
    assert_int_equal(pick(&o, one, 1, 0), 0);
}

/* The published first word of Philox 4x32-10 for a zero key and counter is 6627e8d5: u = 0.399046..., element 399 of 1000 equal ones. */
static void test_philox(void **state)
{
    (void)state;
    float x[1000] = {0};
    struct su_sampling o = {.temperature = 1.0f};
    assert_int_equal(pick(&o, x, 1000, 0), 399);
    o.seed = 1;
    assert_int_not_equal(pick(&o, x, 1000, 0), 399);
    o.seed = 0;
    assert_int_not_equal(pick(&o, x, 1000, 1), 399);
}

static void count(const struct su_sampling *o, const float *x, uint32_t n, uint32_t *hits,
                  uint32_t draws)
{
    memset(hits, 0, n * sizeof *hits);
    for (uint32_t i = 0; i < draws; i++)
        hits[pick(o, x, n, i)]++;
}

static void test_distribution(void **state)
{
    (void)state;
    const float x[4] = {0.0f, logf(2.0f), logf(4.0f), logf(1.0f)}; /* 1 : 2 : 4 : 1 */
    uint32_t hits[4];
    struct su_sampling o = {.temperature = 1.0f, .seed = 77};
    count(&o, x, 4, hits, 8000);
    assert_true(fabs(hits[0] - 1000.0) < 150 && fabs(hits[1] - 2000.0) < 200 &&
                fabs(hits[2] - 4000.0) < 250);
    o.temperature = 0.5f; /* 1 : 4 : 16 : 1 */
    count(&o, x, 4, hits, 8000);
    assert_true(fabs(hits[2] - 8000.0 * 16 / 22) < 250);
    o.temperature = 1.0f;
    o.top_k = 2;
    count(&o, x, 4, hits, 1000);
    assert_true(hits[0] == 0 && hits[3] == 0 && hits[1] > 200 && hits[2] > 500);
    o.top_k = 0;
    o.top_p = 0.5f; /* the first alone reaches it */
    count(&o, x, 4, hits, 200);
    assert_int_equal(hits[2], 200);
    o.top_p = 0.51f;
    count(&o, x, 4, hits, 1000);
    assert_true(hits[1] > 200 && hits[0] == 0);
    o.top_p = 0.0f;
    o.min_p = 0.4f;
    count(&o, x, 4, hits, 1000);
    assert_true(hits[1] > 200 && hits[0] == 0 && hits[3] == 0);
}

static void test_penalty(void **state)
{
    (void)state;
    const float x[3] = {2.0f, 1.9f, -1.0f};
    const uint32_t history[3] = {0, 0, 7};
    uint32_t token = 9;
    struct su_sampling o = {.repeat_penalty = 1.2f, .repeat_last = 3};
    assert_int_equal(su_sample(&o, x, 3, history, 3, 0, &token, NULL), SU_OK);
    assert_int_equal(token, 1);
    o.repeat_last = 1; /* only token 7, beyond the vocabulary */
    assert_int_equal(su_sample(&o, x, 3, history, 3, 0, &token, NULL), SU_OK);
    assert_int_equal(token, 0);
    const float negative[2] = {-1.0f, -1.1f};
    o = (struct su_sampling){.repeat_penalty = 2.0f, .repeat_last = 9};
    assert_int_equal(su_sample(&o, negative, 2, history, 2, 0, &token, NULL), SU_OK);
    assert_int_equal(token, 1);
}

/* Rule N12 as it is written, all candidates sorted and weighed. */
static const float *sorted_by;

static int by_logit(const void *a, const void *b)
{
    uint32_t i = *(const uint32_t *)a, k = *(const uint32_t *)b;
    uint32_t x = su_num_key(sorted_by[i]), y = su_num_key(sorted_by[k]);
    return x != y ? (x < y ? 1 : -1) : i < k ? -1 : 1;
}

static uint32_t sample_plainly(const struct su_sampling *o, const float *logits, uint32_t n,
                               float u)
{
    float *x = calloc(n, sizeof *x), total = 0.0f, kept = 0.0f, cumulative = 0.0f;
    uint32_t *id = calloc(n, sizeof *id), most = o->top_k && o->top_k < n ? o->top_k : n, k = 0;
    for (uint32_t i = 0; i < n; i++) {
        x[i] = su_num_fix(su_num_fix(logits[i]) * su_num_recip(o->temperature));
        id[i] = i;
    }
    sorted_by = x;
    qsort(id, n, sizeof *id, by_logit);
    float best = x[id[0]];
    for (uint32_t i = 0; i < most; i++)
        total = total + su_num_exp(su_num_fix(x[id[i]] - best));
    float enough = o->top_p > 0.0f ? o->top_p * total : total;
    for (; k < most; k++) {
        float w = su_num_exp(su_num_fix(x[id[k]] - best));
        if (k > 0 && (kept >= enough || w < o->min_p))
            break;
        kept = kept + w;
    }
    uint32_t i = 0;
    for (; i < k; i++) {
        cumulative = cumulative + su_num_exp(su_num_fix(x[id[i]] - best));
        if (cumulative > u * kept)
            break;
    }
    uint32_t token = id[i < k ? i : k - 1];
    free(x);
    free(id);
    return token;
}

static void test_definition(void **state)
{
    (void)state;
    enum { N = 4000 };
    static float x[N];
    const float edge[] = {INFINITY, -INFINITY, NAN, -0.0f, 1e-20f, 3e38f};
    struct su_random r = su_random_of(5, 5);
    for (uint32_t round = 0; round < 400; round++) {
        uint32_t n = 1 + su_random_below(&r, round % 5 ? 300 : N), steps = round % 3 ? 2000000 : 9;
        float scale = (float[]){1e-7f, 1.0f, 4.0f, 60.0f}[round % 4];
        for (uint32_t i = 0; i < n; i++) {
            x[i] = ((float)su_random_below(&r, steps) / (float)steps - 0.5f) * scale;
            if (round % 7 == 0 && i % 13 == 0)
                x[i] = edge[su_random_below(&r, SU_ARRAY_LEN(edge))];
        }
        struct su_sampling o = {.temperature = (float)(1 + su_random_below(&r, 300)) / 100.0f,
                                .top_k = round % 2 ? su_random_below(&r, n + 4) : 0,
                                .top_p = round % 3 ? (float)su_random_below(&r, 101) / 100.0f : 0,
                                .min_p = round % 4 ? 0 : (float)su_random_below(&r, 100) / 1e3f};
        float u = (float)(0x6627e8d5u >> 8) * 0x1p-24f; /* see test_philox */
        assert_int_equal(pick(&o, x, n, 0), sample_plainly(&o, x, n, u));
    }
}

static void test_bad_options(void **state)
{
    (void)state;
    static const struct su_sampling bad[] = {{.temperature = -1.0f},
                                             {.temperature = 101.0f},
                                             {.top_p = 1.5f},
                                             {.min_p = -0.1f},
                                             {.repeat_penalty = 0.001f}};
    const float x[2] = {0};
    uint32_t token = 0;
    struct su_err e = {0};
    for (size_t i = 0; i < SU_ARRAY_LEN(bad); i++)
        assert_int_equal(su_sample(&bad[i], x, 2, NULL, 0, 0, &token, &e), SU_EINVAL);
    struct su_sampling nan = {.temperature = NAN};
    assert_int_equal(su_sample(&nan, x, 2, NULL, 0, 0, &token, &e), SU_EINVAL);
    assert_int_equal(su_sample(&bad[0], x, 0, NULL, 0, 0, &token, &e), SU_EINVAL);
}

/* ---- generation with a toy -------------------------------------------------------------------- */

static const uint32_t prompt[9] = {3, 1, 4, 1, 5, 9, 2, 6, 5};

static struct su_generated generate(struct toy *t, const struct su_generation *g, uint32_t ctx)
{
    struct su_generated out;
    struct su_err e = {0};
    uint32_t session = 0;
    assert_int_equal(su_engine_session_new(t->en, ctx, &session, &e), SU_OK);
    if (su_engine_generate(t->en, session, g, &out, &e) != SU_OK)
        fail_msg("%s: %s", e.at, e.msg);
    assert_int_equal(su_engine_session_length(t->en, session),
                     g->n_prompt + (out.n > 0 ? out.n - 1 : 0) +
                         (out.stopped && !g->on_token && out.n < g->max_tokens ? 1 : 0));
    su_engine_session_free(t->en, session);
    return out;
}

/* The same tokens for any cut, any chunk of the prompt, greedy and sampled. */
static void test_same_tokens(void **state)
{
    (void)state;
    uint8_t want[2][SU_SHA256_BYTES];
    static const uint64_t target[] = {1u << 20, 24000, 20000};
    uint32_t tasks = 0;
    for (size_t i = 0; i < SU_ARRAY_LEN(target); i++) {
        struct toy t;
        toy_open(&t, target[i], 4);
        assert_true(t.plan->n_task > tasks || i > 1);
        tasks = t.plan->n_task;
        for (uint32_t sampled = 0; sampled < 2; sampled++)
            for (uint32_t chunk = 1; chunk <= 4; chunk++) {
                struct su_generation g = {
                    .prompt = prompt, .n_prompt = 9, .max_tokens = 24, .chunk = chunk % 4};
                if (sampled)
                    g.sampling = (struct su_sampling){
                        .temperature = 20.0f, .top_k = 20, .top_p = 0.95f, .seed = 42};
                struct su_generated out = generate(&t, &g, 40);
                assert_int_equal(out.n, 24);
                assert_false(out.stopped);
                if (i == 0 && chunk == 1)
                    memcpy(want[sampled], out.output_sha256, SU_SHA256_BYTES);
                assert_memory_equal(want[sampled], out.output_sha256, SU_SHA256_BYTES);
                free(out.token);
            }
        toy_close(&t);
    }
    assert_true(memcmp(want[0], want[1], SU_SHA256_BYTES) != 0);
}

struct watch {
    uint32_t calls, stop_at;
};

static bool on_token(void *ctx, uint32_t token)
{
    struct watch *w = ctx;
    assert_true(token < VOCABULARY);
    return ++w->calls < w->stop_at;
}

static bool always(void *ctx)
{
    (void)ctx;
    return true;
}

static void test_ending(void **state)
{
    (void)state;
    struct toy t;
    toy_open(&t, 1u << 20, 4);
    struct su_generation g = {.prompt = prompt, .n_prompt = 9, .max_tokens = 10};
    struct su_generated free_run = generate(&t, &g, 40);
    g.stop = &free_run.token[3];
    g.n_stop = 1;
    uint32_t first = 0;
    while (free_run.token[first] != free_run.token[3])
        first++;
    struct su_generated stopped = generate(&t, &g, 40);
    assert_true(stopped.stopped && stopped.n == first);
    assert_memory_equal(stopped.token, free_run.token, first * 4);
    free(stopped.token);
    struct watch w = {.stop_at = 5};
    g.n_stop = 0;
    g.on_token = on_token;
    g.ctx = &w;
    stopped = generate(&t, &g, 40);
    assert_true(stopped.stopped && stopped.n == 5 && w.calls == 5);
    free(stopped.token);
    g.on_token = NULL;
    g.max_tokens = 0;
    stopped = generate(&t, &g, 40);
    assert_int_equal(stopped.n, 0);
    free(stopped.token);
    free(free_run.token);
    toy_close(&t);
}

static void test_errors(void **state)
{
    (void)state;
    struct toy t;
    toy_open(&t, 24000, 4);
    struct su_err e = {0};
    struct su_generated out;
    uint32_t session = 0;
    struct su_generation g = {.prompt = prompt, .n_prompt = 9, .max_tokens = 10};
    assert_int_equal(su_engine_session_new(t.en, 12, &session, &e), SU_OK);
    assert_int_equal(su_engine_generate(t.en, session, &g, &out, &e), SU_ELIMIT);
    assert_null(out.token);
    assert_int_equal(su_engine_session_length(t.en, session), 12); /* whole dispatches stay */
    assert_int_equal(su_engine_session_truncate(t.en, session, 2, &e), SU_OK);
    assert_int_equal(su_engine_session_length(t.en, session), 2);
    g.n_prompt = 0;
    assert_int_equal(su_engine_generate(t.en, session, &g, &out, &e), SU_EINVAL);
    const uint32_t beyond = VOCABULARY;
    g.prompt = &beyond;
    g.n_prompt = 1;
    assert_int_equal(su_engine_generate(t.en, session, &g, &out, &e), SU_EINVAL);
    g.prompt = prompt;
    g.n_prompt = 9;
    g.cancelled = always;
    assert_int_equal(su_engine_generate(t.en, session, &g, &out, &e), SU_ECANCELLED);
    g.cancelled = NULL;
    g.sampling.temperature = -1.0f;
    assert_int_equal(su_engine_generate(t.en, session, &g, &out, &e), SU_EINVAL);
    assert_int_equal(su_engine_session_new(t.en, 0, &session, &e), SU_EINVAL);
    toy_close(&t);
}

/* A penalty sees what the session held before, so a prompt fed in two parts gives the same tokens. */
static void test_held(void **state)
{
    (void)state;
    struct toy t;
    struct su_err e = {0};
    struct su_generated out;
    uint32_t session = 0;
    toy_open(&t, 1u << 20, 4);
    struct su_generation g = {.prompt = prompt, .n_prompt = 9, .max_tokens = 12};
    g.sampling = (struct su_sampling){
        .temperature = 20.0f, .repeat_penalty = 50.0f, .repeat_last = 9, .seed = 2};
    struct su_generated whole = generate(&t, &g, 40);
    for (uint32_t told = 0; told < 2; told++) {
        assert_int_equal(su_engine_session_new(t.en, 40, &session, &e), SU_OK);
        struct su_generation first = {.prompt = prompt, .n_prompt = 6};
        assert_int_equal(su_engine_generate(t.en, session, &first, &out, &e), SU_OK);
        free(out.token);
        struct su_generation rest = g;
        rest.prompt = prompt + 6;
        rest.n_prompt = 3;
        rest.held = told ? prompt : NULL;
        rest.n_held = told ? 6 : 0;
        assert_int_equal(su_engine_generate(t.en, session, &rest, &out, &e), SU_OK);
        bool same = memcmp(out.output_sha256, whole.output_sha256, SU_SHA256_BYTES) == 0;
        assert_true(same == (told == 1));
        free(out.token);
        su_engine_session_free(t.en, session);
    }
    free(whole.token);
    toy_close(&t);
}

/* ---- scoring --------------------------------------------------------------------------------------------------------- */

/* The softmax in doubles over logits of one row at a time. */
static void score_directly(struct toy *t, const uint32_t *token, uint32_t n, double *nll)
{
    uint32_t session = 0;
    struct su_err e = {0};
    assert_int_equal(su_engine_session_new(t->en, 40, &session, &e), SU_OK);
    for (uint32_t i = 0; i + 1 < n; i++) {
        struct su_row row = {.session = session, .position = i, .emit = true};
        struct su_engine_result r;
        const void *input = &token[i];
        double sum = 0.0;
        assert_int_equal(su_engine_run(t->en, &row, 1, &input, false, &r, &e), SU_OK);
        const float *x = r.output[0];
        for (uint32_t k = 0; k < VOCABULARY; k++)
            sum += exp((double)x[k] - (double)x[token[i + 1]]);
        nll[i] = log(sum);
        su_engine_result_fini(&r);
    }
    su_engine_session_free(t->en, session);
}

struct scored {
    uint32_t n, calls, cancel_at;
};

static void on_progress(void *ctx, uint32_t n)
{
    struct scored *s = ctx;
    assert_true(n > s->n);
    s->n = n;
    s->calls++;
}

static bool after(void *ctx)
{
    const struct scored *s = ctx;
    return s->calls >= s->cancel_at;
}

/* The same scores for any cut and chunk, and those of a direct computation. */
static void test_score(void **state)
{
    (void)state;
    static const uint64_t target[] = {1u << 20, 20000};
    double want[8], direct[8], nll[8];
    bool spread = false;
    for (size_t i = 0; i < SU_ARRAY_LEN(target); i++) {
        struct toy t;
        struct su_err e = {0};
        uint32_t session = 0;
        toy_open(&t, target[i], 4);
        for (uint32_t chunk = 0; chunk < 6; chunk++) {
            struct scored done = {.cancel_at = UINT32_MAX};
            struct su_scoring s = {.token = prompt,
                                   .n = 9,
                                   .chunk = chunk,
                                   .on_progress = on_progress,
                                   .cancelled = after,
                                   .ctx = &done};
            assert_int_equal(su_engine_session_new(t.en, 8, &session, &e), SU_OK);
            if (su_engine_score(t.en, session, &s, nll, &e) != SU_OK)
                fail_msg("%s: %s", e.at, e.msg);
            assert_int_equal(done.n, 8);
            assert_int_equal(done.calls, chunk == 0 || chunk > 3 ? 2 : (8 + chunk - 1) / chunk);
            assert_int_equal(su_engine_session_length(t.en, session), 8);
            su_engine_session_free(t.en, session);
            if (i == 0 && chunk == 0)
                memcpy(want, nll, sizeof want);
            assert_memory_equal(want, nll, sizeof want);
        }
        toy_close(&t);
    }
    struct toy t;
    toy_open(&t, 1u << 20, 4);
    score_directly(&t, prompt, 9, direct);
    for (uint32_t i = 0; i < 8; i++) {
        assert_true(fabs(want[i] - direct[i]) < 1e-5 * (1.0 + direct[i]));
        spread = spread || fabs(want[i] - want[0]) > 0.1;
    }
    assert_true(spread);
    toy_close(&t);
}

static void test_score_errors(void **state)
{
    (void)state;
    struct toy t;
    struct su_err e = {0};
    uint32_t session = 0;
    double nll[8];
    const uint32_t beyond[2] = {1, VOCABULARY};
    struct scored done = {.cancel_at = 1};
    toy_open(&t, 1u << 20, 4);
    assert_int_equal(su_engine_session_new(t.en, 6, &session, &e), SU_OK);
    struct su_scoring s = {.token = prompt, .n = 1};
    assert_int_equal(su_engine_score(t.en, session, &s, nll, &e), SU_EINVAL);
    s = (struct su_scoring){.token = beyond, .n = 2};
    assert_int_equal(su_engine_score(t.en, session, &s, nll, &e), SU_EINVAL);
    s = (struct su_scoring){
        .token = prompt, .n = 9, .on_progress = on_progress, .cancelled = after, .ctx = &done};
    assert_int_equal(su_engine_score(t.en, session, &s, nll, &e), SU_ECANCELLED);
    assert_int_equal(done.n, 4);
    assert_int_equal(su_engine_session_length(t.en, session), 4);
    s.cancelled = NULL;
    done.n = 0;
    assert_int_equal(su_engine_score(t.en, session, &s, nll, &e), SU_ELIMIT);
    toy_close(&t);
}

/* A plan for few emitted rows runs no more of them, and scores in pieces of that size. */
static void test_few_emitted(void **state)
{
    (void)state;
    struct toy t;
    struct su_err e = {0};
    struct su_engine_result r;
    uint32_t session = 0;
    double nll[2][8];
    for (uint32_t few = 0; few < 2; few++) {
        toy_new(&t, &(struct toy_opts){.t_max = 8, .e_max = few ? 3 : 8});
        assert_int_equal(su_engine_session_new(t.en, 40, &session, &e), SU_OK);
        struct su_row row[4];
        const void *input = prompt;
        for (uint32_t i = 0; i < 4; i++)
            row[i] = (struct su_row){.session = session, .position = i, .emit = true};
        enum su_code rc = su_engine_run(t.en, row, 4, &input, false, &r, &e);
        assert_int_equal(rc, few ? SU_EINVAL : SU_OK);
        assert_int_equal(su_engine_session_length(t.en, session), few ? 0 : 4);
        if (rc == SU_OK)
            su_engine_result_fini(&r);
        assert_int_equal(su_engine_session_truncate(t.en, session, 0, &e), SU_OK);
        struct scored done = {.cancel_at = UINT32_MAX};
        struct su_scoring s = {.token = prompt, .n = 9, .on_progress = on_progress, .ctx = &done};
        assert_int_equal(su_engine_score(t.en, session, &s, nll[few], &e), SU_OK);
        assert_int_equal(done.calls, few ? 3 : 1);
        toy_close(&t);
    }
    assert_memory_equal(nll[0], nll[1], sizeof nll[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_greedy),       cmocka_unit_test(test_philox),
        cmocka_unit_test(test_distribution), cmocka_unit_test(test_penalty),
        cmocka_unit_test(test_bad_options),  cmocka_unit_test(test_same_tokens),
        cmocka_unit_test(test_ending),       cmocka_unit_test(test_errors),
        cmocka_unit_test(test_held),         cmocka_unit_test(test_score),
        cmocka_unit_test(test_score_errors), cmocka_unit_test(test_definition),
        cmocka_unit_test(test_few_emitted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
