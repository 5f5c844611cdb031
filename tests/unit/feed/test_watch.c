// SPDX-License-Identifier: MIT
/* An execution that no oracle names is seen once the user of the feed names it. */
#include "feed/feed.h"
#include "support/cluster.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { TASKS = 3, TRIES = 600 };

/* Waits until the feed shows n executions; that snapshot. */
static const struct su_feed_snapshot *await(struct su_feed *f, size_t n)
{
    for (int i = 0; i < TRIES; i++) {
        const struct su_feed_snapshot *s = su_feed_take(f);
        if (s->source[SU_FEED_CHAIN].ok && s->n_execution == n)
            return s;
        su_feed_release(s);
        struct pollfd p = {.fd = su_feed_fd(f), .events = POLLIN};
        (void)poll(&p, 1, 100);
    }
    fail_msg("%zu executions were never seen", n);
    return NULL;
}

static void sees_what_it_is_told_of(void **state)
{
    struct cluster *c = cluster_new(TASKS);
    uint8_t x[2][32], nobody[32] = {9};
    struct su_feed *f;
    struct su_err e = {0};
    char url[64];
    (void)state;

    (void)snprintf(url, sizeof url, "http://127.0.0.1:%u", su_ledger_rpc_port(c->rpc));
    const struct su_feed_options o = {.url = url, .period_ms = 50};
    assert_int_equal(su_feed_open(&o, &f, &e), SU_OK);
    assert_int_equal(su_feed_ready(f, 60000, &e), SU_OK);
    su_feed_release(await(f, 0));
    /* No oracle runs that could name them, and everything is listed at the beginning and every half
       minute: both would be seen then. */
    cluster_request(c, 1, 1, x[0]);
    cluster_request(c, 2, 1, x[1]);
    su_feed_watch(f, nobody);
    su_feed_watch(f, x[1]);
    const struct su_feed_snapshot *s = await(f, 1);
    assert_memory_equal(s->execution[0].key, x[1], 32);
    assert_int_equal(s->execution[0].task_count, TASKS);
    assert_int_equal(s->execution[0].state, SU_EXEC_REQUESTED);
    assert_false(s->execution[0].closed);
    su_feed_release(s);
    cluster_vote(c, x[1]);
    for (unsigned i = 0; i < 8; i++) /* the ring holds eight: x[1] falls out, and stays seen */
        su_feed_watch(f, x[0]);
    s = await(f, 2);
    for (size_t i = 0; i < 2; i++)
        assert_true(memcmp(s->execution[i].key, x[0], 32) == 0 ||
                    memcmp(s->execution[i].key, x[1], 32) == 0);
    assert_memory_not_equal(s->execution[0].key, s->execution[1].key, 32);
    su_feed_release(s);
    su_feed_close(f);
    cluster_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sees_what_it_is_told_of),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
