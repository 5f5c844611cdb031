// SPDX-License-Identifier: MIT
#include "unit.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#define ITEMS 4096

static unsigned turns(unsigned some, unsigned full)
{
    const char *env = getenv("SU_TEST_FULL");

    return env && env[0] == '1' ? full : some;
}

struct marks {
    uint8_t seen[ITEMS]; /* plain on purpose: a data race or a lost write must show */
    uint64_t sum[ITEMS];
};

static void mark(void *ctx, size_t i)
{
    struct marks *m = ctx;

    m->seen[i]++;
    m->sum[i] += i;
}

static void run_calls_each_index_once(void **state)
{
    static const size_t sizes[] = {0, 1, 2, 3, 7, 64, 1000, ITEMS};

    (void)state;
    for (unsigned threads = 1; threads <= 5; threads++) {
        struct su_jobs *j = su_jobs_new(threads);
        assert_int_equal(su_jobs_threads(j), threads);
        for (size_t k = 0; k < SU_ARRAY_LEN(sizes); k++) {
            struct marks *m = su_alloc(sizeof *m);
            su_jobs_run(j, sizes[k], mark, m);
            for (size_t i = 0; i < ITEMS; i++)
                assert_int_equal(m->seen[i], i < sizes[k]);
            free(m);
        }
        su_jobs_free(j);
    }
    su_jobs_free(NULL);
}

static void default_is_the_machine(void **state)
{
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    struct su_jobs *j = su_jobs_new(0);

    (void)state;
    assert_int_equal(su_jobs_threads(j), online);
    su_jobs_free(j);
}

/* What one run writes, the next one reads on other threads. */
static void runs_in_close_succession(void **state)
{
    struct su_jobs *j = su_jobs_new(3);
    struct marks *m = su_alloc(sizeof *m);
    unsigned n = turns(2000, 100000);

    (void)state;
    for (unsigned t = 0; t < n; t++) {
        su_jobs_run(j, 5, mark, m);
        if (t % 200 == 0)
            (void)usleep(100); /* long enough that workers fall asleep */
    }
    for (size_t i = 0; i < 5; i++)
        assert_true(m->sum[i] == i * n);
    free(m);
    su_jobs_free(j);
}

struct shared {
    struct su_jobs *jobs;
    unsigned runs;
};

static void *run_many(void *arg)
{
    const struct shared *s = arg;
    struct marks *m = su_alloc(sizeof *m);

    for (unsigned t = 0; t < s->runs; t++)
        su_jobs_run(s->jobs, 1 + t % 16, mark, m);
    uint64_t total = 0;
    for (size_t i = 0; i < 16; i++)
        total += m->seen[i] == 0;
    free(m);
    return total ? arg : NULL;
}

/* More callers than the pool has places for runs: some run alone, none is lost. */
static void many_threads_run_at_once(void **state)
{
    struct shared s = {.jobs = su_jobs_new(4), .runs = turns(250, 5000)};
    pthread_t threads[12];

    (void)state;
    for (size_t i = 0; i < SU_ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, run_many, &s), 0);
    for (size_t i = 0; i < SU_ARRAY_LEN(threads); i++) {
        void *failed;
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
    su_jobs_free(s.jobs);
}

struct nest {
    struct su_jobs *jobs;
    struct marks *inner[8];
};

static void run_inner(void *ctx, size_t i)
{
    struct nest *n = ctx;

    su_jobs_run(n->jobs, 100, mark, n->inner[i]);
}

static void runs_nest(void **state)
{
    struct nest n = {.jobs = su_jobs_new(3)};

    (void)state;
    for (size_t i = 0; i < SU_ARRAY_LEN(n.inner); i++)
        n.inner[i] = su_alloc(sizeof *n.inner[i]);
    su_jobs_run(n.jobs, SU_ARRAY_LEN(n.inner), run_inner, &n);
    for (size_t i = 0; i < SU_ARRAY_LEN(n.inner); i++) {
        for (size_t k = 0; k < ITEMS; k++)
            assert_int_equal(n.inner[i]->seen[k], k < 100);
        free(n.inner[i]);
    }
    su_jobs_free(n.jobs);
}

static void slow_item(void *ctx, size_t i)
{
    if (i == 0)
        (void)usleep(20000);
    mark(ctx, i);
}

/* One long item: the caller or a worker must sleep for it, and wake up. */
static void uneven_items_are_awaited(void **state)
{
    struct su_jobs *j = su_jobs_new(2);

    (void)state;
    for (int t = 0; t < 5; t++) {
        struct marks *m = su_alloc(sizeof *m);
        su_jobs_run(j, 2, slow_item, m);
        assert_true(m->seen[0] == 1 && m->seen[1] == 1);
        free(m);
    }
    su_jobs_free(j);
}

static void count_call(void *ctx)
{
    (void)atomic_fetch_add((atomic_uint *)ctx, 1);
}

static void pushed_calls_are_made(void **state)
{
    (void)state;
    for (unsigned threads = 1; threads <= 3; threads++) {
        struct su_jobs *j = su_jobs_new(threads);
        atomic_uint calls = 0;
        su_jobs_wait_idle(j);
        for (unsigned i = 0; i < 500; i++)
            su_jobs_push(j, count_call, &calls);
        su_jobs_wait_idle(j);
        assert_int_equal(atomic_load(&calls), 500);
        for (unsigned i = 0; i < 100; i++)
            su_jobs_push(j, count_call, &calls);
        su_jobs_free(j); /* waits too */
        assert_int_equal(atomic_load(&calls), 600);
    }
}

struct chain {
    struct su_jobs *jobs;
    atomic_uint left;
};

static void push_next(void *ctx)
{
    struct chain *c = ctx;

    (void)usleep(50);
    if (atomic_fetch_sub(&c->left, 1) > 1)
        su_jobs_push(c->jobs, push_next, c);
}

static void calls_may_push_calls(void **state)
{
    (void)state;
    for (unsigned threads = 1; threads <= 3; threads++) {
        struct chain c = {.jobs = su_jobs_new(threads)};
        atomic_store(&c.left, 50);
        su_jobs_push(c.jobs, push_next, &c);
        su_jobs_wait_idle(c.jobs);
        assert_int_equal(atomic_load(&c.left), 0);
        su_jobs_free(c.jobs);
    }
}

/* A call is made by a worker without anyone waiting for it. */
static void pushed_calls_need_no_waiter(void **state)
{
    struct su_jobs *j = su_jobs_new(2);
    atomic_uint calls = 0;

    (void)state;
    (void)usleep(2000); /* the worker sleeps by now */
    su_jobs_push(j, count_call, &calls);
    for (int i = 0; i < 5000 && atomic_load(&calls) == 0; i++)
        (void)usleep(1000);
    assert_int_equal(atomic_load(&calls), 1);
    su_jobs_free(j);
}

static void hold(void *ctx)
{
    while (!atomic_load((atomic_bool *)ctx))
        (void)usleep(100);
}

/* Runs end although every worker is held by a queued call. */
static void runs_do_not_wait_for_calls(void **state)
{
    struct su_jobs *j = su_jobs_new(3);
    struct marks *m = su_alloc(sizeof *m);
    atomic_bool go = false;

    (void)state;
    for (int i = 0; i < 4; i++)
        su_jobs_push(j, hold, &go);
    (void)usleep(2000);
    su_jobs_run(j, ITEMS, mark, m);
    for (size_t i = 0; i < ITEMS; i++)
        assert_int_equal(m->seen[i], 1);
    atomic_store(&go, true);
    su_jobs_wait_idle(j);
    free(m);
    su_jobs_free(j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(run_calls_each_index_once),
        cmocka_unit_test(default_is_the_machine),
        cmocka_unit_test(runs_in_close_succession),
        cmocka_unit_test(many_threads_run_at_once),
        cmocka_unit_test(runs_nest),
        cmocka_unit_test(uneven_items_are_awaited),
        cmocka_unit_test(pushed_calls_are_made),
        cmocka_unit_test(calls_may_push_calls),
        cmocka_unit_test(pushed_calls_need_no_waiter),
        cmocka_unit_test(runs_do_not_wait_for_calls),
    };

    return cmocka_run_group_tests_name("base jobs", tests, NULL, NULL);
}
