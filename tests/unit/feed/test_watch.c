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
    su_feed_release(await(f, 0)); /* no oracle runs that could name one */
    su_feed_watch(f, nobody);
    for (unsigned i = 0; i < 2; i++) {
        cluster_request(c, 1 + i, 1, x[i]);
        for (unsigned k = 0; k < 9; k++) /* more than it remembers */
            su_feed_watch(f, x[i]);
        const struct su_feed_snapshot *s = await(f, 1 + i);
        bool seen = false;
        for (size_t k = 0; k < s->n_execution; k++) {
            const struct su_feed_execution *row = &s->execution[k];
            seen |= memcmp(row->key, x[i], 32) == 0;
            assert_int_equal(row->task_count, TASKS);
            assert_false(row->closed);
        }
        assert_true(seen);
        su_feed_release(s);
    }
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
