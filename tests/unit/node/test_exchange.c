// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "frames.h"
#include "support/random.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Producer, consumer, and one who has no part. */
struct fixture {
    struct frames_node a, b, c;
};

static int setup(void **state)
{
    struct fixture *x = calloc(1, sizeof *x);

    x->a.opts.pause_max_ms = x->b.opts.pause_max_ms = 100;
    frames_start(&x->a, 1);
    frames_start(&x->b, 2);
    frames_start(&x->c, 3);
    *state = x;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *x = *state;

    frames_end(&x->a);
    frames_end(&x->b);
    frames_end(&x->c);
    free(x);
    return 0;
}

static enum su_code wait_for(struct frames_node *n, struct su_flow *f, uint32_t have, uint32_t ms)
{
    const struct su_flow_need need = {.flow = f, .have = have};

    return su_flow_wait(n->x, &need, 1, ms, NULL, NULL, NULL);
}

static void rows_flow_from_node_to_node(void **state)
{
    struct fixture *x = *state;
    struct su_flow *out = frames_flow(&x->a, 1, 0, &x->a, 40);
    struct su_flow *in = frames_flow(&x->b, 1, 0, &x->a, 40);
    struct su_exchange_stat stat;

    assert_int_equal(su_flow_row_bytes(out), FRAMES_ROW * 4);
    uint64_t begun_ns = su_clock_mono_ns();
    assert_int_equal(su_flow_taken_ns(out), 0);
    assert_int_equal(su_flow_send(out, x->b.signer.public_key, x->b.endpoint, false, NULL), SU_OK);
    assert_int_equal(frames_emit(out, 0, 16, 0), SU_OK);
    for (uint32_t s = 16; s < 40; s++) {
        assert_int_equal(frames_emit(out, s, 1, 0), SU_OK);
        assert_int_equal(wait_for(&x->b, in, s + 1, 60000), SU_OK);
    }
    frames_expect(in, 40, 0);
    frames_expect(out, 40, 0);
    for (unsigned i = 0; i < 3000; i++) {
        assert_int_equal(su_exchange_stat(x->a.x, frames_execution(1), &stat, NULL), SU_OK);
        if (stat.unacknowledged == 0)
            break;
        frames_sleep_ms(10);
    }
    assert_int_equal(stat.unacknowledged, 0);
    assert_true(stat.network_us > 0 && stat.network_us * 1000 < su_clock_mono_ns() - begun_ns);
    assert_in_range(su_flow_taken_ns(out), begun_ns, su_clock_mono_ns());
    assert_int_equal(stat.lines, 1);
    assert_int_equal(stat.sent, 25);
    assert_int_equal(stat.waiting_ms, 0);
    assert_int_equal(su_exchange_stat(x->b.x, NULL, &stat, NULL), SU_OK);
    assert_int_equal(stat.received, 25);
    assert_true(stat.received_bytes > 40 * FRAMES_ROW * 4);
    assert_int_equal(su_exchange_stat(x->b.x, frames_execution(9), &stat, NULL), SU_ENOENT);
    /* The same again is nothing new; anything else is not signed. */
    assert_int_equal(frames_emit(out, 0, 40, 0), SU_OK);
    assert_int_equal(frames_emit(out, 3, 2, 7), SU_EDIGEST);
    assert_int_equal(frames_emit(out, 40, 1, 0), SU_EINVAL);
    assert_int_equal(frames_emit(in, 0, 1, 0), SU_EINVAL);
    assert_int_equal(su_flow_send(in, x->c.signer.public_key, x->c.endpoint, false, NULL),
                     SU_EINVAL);
    su_flow_close(out);
    su_flow_close(in);
}

enum { TOGETHER = 20 }; /* executions: more than go under one signature */

static void give_all(struct su_flow *const *out, uint32_t step, uint32_t bad)
{
    struct su_flow_given given[TOGETHER];
    float row[FRAMES_ROW];
    uint8_t leaf[32];

    frames_row(step, 0, row, leaf);
    for (uint32_t i = 0; i < TOGETHER; i++)
        given[i] = (struct su_flow_given){
            .flow = out[i], .step = step + (i == bad), .n = 1, .rows = row, .leaves = leaf};
    su_flow_emit_all(given, TOGETHER);
    for (uint32_t i = 0; i < TOGETHER; i++) {
        assert_int_equal(given[i].rc, i == bad ? SU_EINVAL : SU_OK);
        assert_int_equal(given[i].e.code, given[i].rc);
    }
}

/* What one dispatch gave several executions comes with few calls, is the same after a restart and for those
   who fetch it; one that fails holds up no other. */
static void what_is_given_together_comes_together(void **state)
{
    struct fixture *x = *state;
    struct su_flow *out[TOGETHER], *in[TOGETHER];

    for (uint8_t i = 0; i < TOGETHER; i++) {
        out[i] = frames_flow(&x->a, 1 + i, 0, &x->a, 40);
        in[i] = frames_flow(&x->b, 1 + i, 0, &x->a, 40);
        assert_int_equal(su_flow_send(out[i], x->b.signer.public_key, x->b.endpoint, false, NULL),
                         SU_OK);
    }
    give_all(out, 0, UINT32_MAX); /* makes the connection */
    for (uint8_t i = 0; i < TOGETHER; i++)
        assert_int_equal(wait_for(&x->b, in[i], 1, 60000), SU_OK);
    int before = atomic_load(&x->b.posts);
    for (uint32_t s = 1; s < 11; s++) {
        give_all(out, s, UINT32_MAX);
        for (uint8_t i = 0; i < TOGETHER; i++)
            assert_int_equal(wait_for(&x->b, in[i], s + 1, 60000), SU_OK);
    }
    assert_true(atomic_load(&x->b.posts) - before <= 10 * TOGETHER / 4);
    give_all(out, 11, 5); /* a gap in one of them */
    for (uint8_t i = 0; i < TOGETHER; i++) {
        assert_int_equal(wait_for(&x->b, in[i], i == 5 ? 11 : 12, 60000), SU_OK);
        frames_expect(in[i], i == 5 ? 11 : 12, 0);
        su_flow_close(out[i]);
        su_flow_close(in[i]);
    }
    frames_stop(&x->a);
    frames_stop(&x->b);
    frames_again(&x->a);
    frames_again(&x->b);
    for (uint8_t i = 0; i < TOGETHER; i++) {
        in[i] = frames_flow(&x->b, 1 + i, 0, &x->a, 40);
        frames_expect(in[i], i == 5 ? 11 : 12, 0);
        su_flow_close(in[i]);
    }
    struct su_flow *kept = frames_flow(&x->a, 3, 0, &x->a, 40);
    struct su_flow *fetched = frames_flow(&x->c, 3, 0, &x->a, 40);
    assert_int_equal(su_flow_fetch(fetched, x->a.endpoint, 0, NULL, NULL), SU_OK);
    frames_expect(fetched, 12, 0);
    su_flow_close(kept);
    su_flow_close(fetched);
}

/* Producer and consumer on one node: no call is made. */
static void rows_pass_within_a_node(void **state)
{
    struct fixture *x = *state;
    struct su_flow *out = frames_flow(&x->a, 1, 0, &x->a, 10);
    struct su_flow *in = frames_flow(&x->a, 1, 0, &x->a, 10);

    assert_ptr_equal(out, in);
    assert_int_equal(su_flow_send(out, x->a.signer.public_key, x->a.endpoint, false, NULL), SU_OK);
    assert_int_equal(frames_emit(out, 0, 10, 0), SU_OK);
    assert_int_equal(wait_for(&x->a, in, 10, 0), SU_OK);
    frames_expect(in, 10, 0);
    assert_int_equal(atomic_load(&x->a.posts), 0);
    su_flow_close(out);
    su_flow_close(in);
}

/* Frames in any order, again and overlapping, cut in any way, say the same. */
static void any_order_gives_the_same_rows(void **state)
{
    struct fixture *x = *state;
    struct su_random r = su_random_of(11, 2);
    unsigned rounds = getenv("SU_TEST_FULL") != NULL ? 100 : 8;

    for (unsigned round = 0; round < rounds; round++) {
        uint8_t execution = (uint8_t)(1 + round % 8);
        uint32_t end = 1 + su_random_below(&r, 60);
        struct su_flow *in = frames_flow(&x->b, execution, 0, &x->a, end);
        unsigned n = 0;
        while (su_flow_have(in) < end && n++ < 2000) {
            struct su_buf b;
            uint32_t step = su_random_below(&r, end);
            uint32_t count = 1 + su_random_below(&r, end - step);
            frames_activation(&b, &x->a, execution, 0, step, SU_MIN(count, 9u), 0);
            for (unsigned k = su_random_below(&r, 3) + 1; k > 0; k--)
                assert_int_equal(frames_take(&x->b, b.data, b.len), 0);
            su_buf_fini(&b);
        }
        frames_expect(in, end, 0);
        su_flow_close(in);
        /* And so they do after a restart. */
        frames_stop(&x->b);
        frames_again(&x->b);
        in = frames_flow(&x->b, execution, 0, &x->a, end);
        frames_expect(in, end, 0);
        su_flow_close(in);
        su_exchange_leave(x->b.x, frames_execution(execution));
        assert_int_equal(su_journal_used_bytes(x->b.journal), 0);
    }
}

static void both_sides_may_restart(void **state)
{
    struct fixture *x = *state;
    struct su_flow *out = frames_flow(&x->a, 1, 0, &x->a, 30);
    struct su_flow *in = frames_flow(&x->b, 1, 0, &x->a, 30);

    assert_int_equal(su_flow_send(out, x->b.signer.public_key, x->b.endpoint, false, NULL), SU_OK);
    assert_int_equal(frames_emit(out, 0, 10, 0), SU_OK);
    assert_int_equal(wait_for(&x->b, in, 10, 60000), SU_OK);
    su_flow_close(in);
    frames_stop(&x->b); /* the consumer goes */
    assert_int_equal(frames_emit(out, 10, 10, 0), SU_OK);
    frames_again(&x->b);
    in = frames_flow(&x->b, 1, 0, &x->a, 30);
    assert_int_equal(su_flow_have(in), 10);
    assert_int_equal(wait_for(&x->b, in, 20, 60000), SU_OK);
    su_flow_close(out);
    frames_stop(&x->a); /* the producer goes */
    frames_again(&x->a);
    out = frames_flow(&x->a, 1, 0, &x->a, 30);
    assert_int_equal(su_flow_have(out), 20);
    assert_int_equal(frames_emit(out, 0, 30, 0), SU_OK); /* does all again */
    assert_int_equal(su_flow_send(out, x->b.signer.public_key, x->b.endpoint, false, NULL), SU_OK);
    assert_int_equal(wait_for(&x->b, in, 30, 60000), SU_OK);
    frames_expect(in, 30, 0);
    su_flow_close(out);
    su_flow_close(in);
}

/* The consumer is replaced: the new one gets everything, the old one no more. */
static void a_new_consumer_gets_all(void **state)
{
    struct fixture *x = *state;
    struct su_flow *out = frames_flow(&x->a, 1, 0, &x->a, 30);
    struct su_flow *old = frames_flow(&x->b, 1, 0, &x->a, 30);
    struct su_flow *fresh = frames_flow(&x->c, 1, 0, &x->a, 30);

    assert_int_equal(su_flow_send(out, x->b.signer.public_key, x->b.endpoint, false, NULL), SU_OK);
    assert_int_equal(frames_emit(out, 0, 7, 0), SU_OK);
    assert_int_equal(wait_for(&x->b, old, 7, 60000), SU_OK);
    su_flow_unsend(out, x->b.signer.public_key);
    assert_int_equal(su_flow_send(out, x->c.signer.public_key, x->c.endpoint, false, NULL), SU_OK);
    assert_int_equal(frames_emit(out, 7, 7, 0), SU_OK);
    assert_int_equal(wait_for(&x->c, fresh, 14, 60000), SU_OK);
    frames_expect(fresh, 14, 0);
    frames_expect(old, 7, 0);
    int before = atomic_load(&x->c.posts);
    assert_int_equal(su_flow_send(out, x->c.signer.public_key, x->c.endpoint, true, NULL), SU_OK);
    for (unsigned i = 0; i < 3000 && atomic_load(&x->c.posts) < before + 2; i++)
        frames_sleep_ms(10);
    assert_int_equal(atomic_load(&x->c.posts), before + 2);
    assert_int_equal(su_flow_send(out, x->c.signer.public_key, "nowhere", false, NULL), SU_EINVAL);
    su_flow_close(out);
    su_flow_close(old);
    su_flow_close(fresh);
}

/* One that lost its rows asks for them. */
static void what_is_missing_is_fetched(void **state)
{
    struct fixture *x = *state;
    struct su_flow *out = frames_flow(&x->a, 1, 0, &x->a, 30);
    struct su_flow *in = frames_flow(&x->b, 1, 0, &x->a, 30);

    assert_int_equal(su_flow_fetch(in, x->a.endpoint, 0, NULL, NULL), SU_ENOENT);
    assert_int_equal(frames_emit(out, 0, 5, 0), SU_OK);
    assert_int_equal(frames_emit(out, 5, 5, 0), SU_OK);
    assert_int_equal(su_flow_fetch(in, x->a.endpoint, 0, NULL, NULL), SU_OK);
    frames_expect(in, 10, 0);
    assert_int_equal(su_flow_fetch(in, x->a.endpoint, 0, NULL, NULL), SU_ENOENT);
    atomic_store(&x->a.deny, true);
    assert_int_equal(su_flow_fetch(in, x->a.endpoint, 0, NULL, NULL), SU_EACCES);
    atomic_store(&x->a.deny, false);
    assert_int_equal(su_flow_fetch(in, x->c.endpoint, 0, NULL, NULL), SU_EACCES); /* not he */
    assert_int_equal(frames_emit(out, 10, 20, 0), SU_OK);
    assert_int_equal(su_flow_fetch(in, x->a.endpoint, 0, NULL, NULL), SU_OK);
    assert_int_equal(su_flow_fetch(in, x->a.endpoint, 0, NULL, NULL), SU_ENOENT);
    frames_expect(in, 30, 0);
    su_flow_close(out);
    su_flow_close(in);
}

/* ---- waits ----------------------------------------------------------------------------------- */

struct waiter {
    struct frames_node *n;
    struct su_flow *f;
    uint32_t have;
    atomic_bool *stop;
    enum su_code code;
    pthread_t thread;
};

static bool stopped(void *ctx)
{
    return atomic_load((atomic_bool *)ctx);
}

static void *waits(void *arg)
{
    struct waiter *w = arg;
    const struct su_flow_need need = {.flow = w->f, .have = w->have};

    w->code =
        su_flow_wait(w->n->x, &need, 1, 20000, w->stop != NULL ? stopped : NULL, w->stop, NULL);
    return NULL;
}

static void waiter_start(struct waiter *w)
{
    assert_int_equal(pthread_create(&w->thread, NULL, waits, w), 0);
}

static enum su_code waiter_end(struct waiter *w)
{
    assert_int_equal(pthread_join(w->thread, NULL), 0);
    return w->code;
}

static void waits_end(void **state)
{
    struct fixture *x = *state;
    atomic_bool stop = false;
    struct su_flow *one = frames_flow(&x->a, 1, 0, &x->a, 30);
    struct su_flow *two = frames_flow(&x->a, 2, 0, &x->a, 30);
    struct waiter rows = {.n = &x->a, .f = one, .have = 3};
    struct waiter call = {.n = &x->a, .f = one, .have = 30, .stop = &stop};
    struct waiter leave = {.n = &x->a, .f = two, .have = 1};
    struct waiter all = {.n = &x->a, .f = one, .have = 30};
    struct su_flow_need need = {.flow = one, .have = 30};
    struct su_flow *again;
    char path[300], address[64];

    assert_int_equal(su_flow_wait(x->a.x, NULL, 0, 0, NULL, NULL, NULL), SU_OK);
    assert_int_equal(wait_for(&x->a, one, 1, 20), SU_ETIMEOUT);
    waiter_start(&rows);
    waiter_start(&call);
    waiter_start(&leave);
    assert_int_equal(frames_emit(one, 0, 3, 0), SU_OK);
    assert_int_equal(waiter_end(&rows), SU_OK);
    atomic_store(&stop, true);
    assert_int_equal(waiter_end(&call), SU_ECANCELLED);
    su_exchange_cancel(x->a.x, frames_execution(1), true);
    assert_int_equal(su_flow_wait(x->a.x, &need, 1, 20000, NULL, NULL, NULL), SU_ECANCELLED);
    su_exchange_cancel(x->a.x, frames_execution(1), false);
    assert_int_equal(su_flow_wait(x->a.x, &need, 1, 20, NULL, NULL, NULL), SU_ETIMEOUT);
    su_exchange_leave(x->a.x, frames_execution(2));
    assert_int_equal(waiter_end(&leave), SU_ECANCELLED);
    /* As long as somebody uses it, its journal stays; nobody new may. */
    (void)su_base58_encode(frames_execution(2), 32, address, sizeof address);
    snprintf(path, sizeof path, "%s/%s", x->a.home, address);
    assert_int_equal(access(path, F_OK), 0);
    assert_int_equal(su_exchange_enter(x->a.x, frames_execution(2), FRAMES_SLOT, 1, NULL),
                     SU_EBUSY);
    const struct su_flow_opts o = {
        .execution = frames_execution(2), .producer = x->a.signer.public_key, .end = 1};
    assert_int_equal(su_flow_open(x->a.x, &o, &again, NULL), SU_ENOENT);
    assert_int_equal(su_flow_send(two, x->b.signer.public_key, x->b.endpoint, false, NULL),
                     SU_ECANCELLED);
    su_flow_close(two);
    assert_int_equal(access(path, F_OK), -1);
    su_exchange_leave(x->a.x, frames_execution(2)); /* unknown now: no harm */
    waiter_start(&all);
    su_exchange_stop(x->a.x);
    assert_int_equal(waiter_end(&all), SU_ECANCELLED);
    su_flow_close(one);
}

static void flows_are_opened_with_care(void **state)
{
    struct fixture *x = *state;
    struct su_flow *f = frames_flow(&x->a, 1, 0, &x->b, 30), *g;
    struct su_flow_opts o = {.execution = frames_execution(1),
                             .producer = x->b.signer.public_key,
                             .rank = 1,
                             .dims = {FRAMES_ROW},
                             .end = 30};
    struct su_err e;

    assert_int_equal(su_flow_open(x->a.x, &o, &g, &e), SU_OK);
    assert_ptr_equal(f, g);
    su_flow_close(g);
    o.end = 31;
    assert_int_equal(su_flow_open(x->a.x, &o, &g, &e), SU_ETYPE);
    assert_null(g);
    o.attempt = 1;
    o.first = 31;
    assert_int_equal(su_flow_open(x->a.x, &o, &g, &e), SU_EINVAL);
    o.first = 0;
    o.dtype = 9;
    assert_int_equal(su_flow_open(x->a.x, &o, &g, &e), SU_EINVAL);
    o.dtype = 0;
    o.execution = frames_execution(5);
    assert_int_equal(su_flow_open(x->a.x, &o, &g, &e), SU_ENOENT);
    assert_int_equal(su_exchange_enter(x->a.x, frames_execution(1), FRAMES_SLOT + 1, 1, &e),
                     SU_ETYPE);
    assert_int_equal(
        su_exchange_enter(x->a.x, frames_execution(1), FRAMES_SLOT, UINT64_MAX / 4, &e), SU_ENOSPC);
    assert_int_equal(su_exchange_ports(x->a.x, frames_execution(5), 0, 0, NULL, 0, &e), SU_ENOENT);
    assert_int_equal(su_exchange_ports(x->a.x, frames_execution(1), 0, 0, NULL, 9, &e), SU_EINVAL);
    /* What the journal holds of another producer is not taken for this one's. */
    struct su_buf b;
    frames_activation(&b, &x->b, 1, 0, 0, 3, 0);
    assert_int_equal(frames_take(&x->a, b.data, b.len), 0);
    su_buf_fini(&b);
    su_flow_close(f);
    frames_stop(&x->a);
    frames_again(&x->a);
    assert_int_equal(su_exchange_enter(x->a.x, frames_execution(1), FRAMES_SLOT, 1 << 20, &e),
                     SU_OK);
    o = (struct su_flow_opts){.execution = frames_execution(1),
                              .producer = x->c.signer.public_key,
                              .rank = 1,
                              .dims = {FRAMES_ROW},
                              .end = 30};
    assert_int_equal(su_flow_open(x->a.x, &o, &g, &e), SU_ETYPE);
    assert_null(g);
}

static void as_many_executions_as_allowed(void **state)
{
    struct fixture *x = *state;

    frames_stop(&x->a);
    x->a.opts.executions_max = 2;
    frames_again(&x->a);
    assert_int_equal(su_exchange_enter(x->a.x, frames_execution(1), 1, 1, NULL), SU_OK);
    assert_int_equal(su_exchange_enter(x->a.x, frames_execution(2), 1, 1, NULL), SU_OK);
    assert_int_equal(su_exchange_enter(x->a.x, frames_execution(3), 1, 1, NULL), SU_EBUSY);
    assert_int_equal(su_exchange_enter(x->a.x, frames_execution(2), 1, 1, NULL), SU_OK);
    su_exchange_leave(x->a.x, frames_execution(1));
    assert_int_equal(su_exchange_enter(x->a.x, frames_execution(3), 1, 1, NULL), SU_OK);
}

/* Many flows, both ways at once, while others look. */
struct traffic {
    struct frames_node *from, *to;
    uint8_t execution;
    uint16_t task;
    pthread_t thread[2];
};

static void *produces(void *arg)
{
    struct traffic *t = arg;
    struct su_flow *f = frames_flow(t->from, t->execution, t->task, t->from, 60);

    assert_int_equal(su_flow_send(f, t->to->signer.public_key, t->to->endpoint, false, NULL),
                     SU_OK);
    for (uint32_t s = 0; s < 60; s += 3)
        assert_int_equal(frames_emit(f, s, 3, 0), SU_OK);
    su_flow_close(f);
    return NULL;
}

static void *consumes(void *arg)
{
    struct traffic *t = arg;
    struct su_flow *f = frames_flow(t->to, t->execution, t->task, t->from, 60);
    struct su_exchange_stat stat;

    for (uint32_t s = 1; s <= 60; s++) {
        assert_int_equal(wait_for(t->to, f, s, 20000), SU_OK);
        assert_int_equal(su_exchange_stat(t->to->x, NULL, &stat, NULL), SU_OK);
    }
    frames_expect(f, 60, 0);
    su_flow_close(f);
    return NULL;
}

static void many_at_once(void **state)
{
    struct fixture *x = *state;
    struct frames_node *nodes[3] = {&x->a, &x->b, &x->c};
    struct traffic t[9];

    for (unsigned i = 0; i < 9; i++) {
        t[i] = (struct traffic){.from = nodes[i % 3],
                                .to = nodes[(i + 1) % 3],
                                .execution = (uint8_t)(1 + i / 3),
                                .task = (uint16_t)(i % 3)};
        assert_int_equal(pthread_create(&t[i].thread[0], NULL, produces, &t[i]), 0);
        assert_int_equal(pthread_create(&t[i].thread[1], NULL, consumes, &t[i]), 0);
    }
    for (unsigned i = 0; i < 9; i++) {
        assert_int_equal(pthread_join(t[i].thread[0], NULL), 0);
        assert_int_equal(pthread_join(t[i].thread[1], NULL), 0);
    }
    for (unsigned i = 0; i < 3; i++)
        for (uint8_t k = 1; k <= 3; k++)
            su_exchange_leave(nodes[i]->x, frames_execution(k));
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(su_journal_used_bytes(nodes[i]->journal), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_given_together_comes_together, setup, teardown),
        cmocka_unit_test_setup_teardown(rows_flow_from_node_to_node, setup, teardown),
        cmocka_unit_test_setup_teardown(rows_pass_within_a_node, setup, teardown),
        cmocka_unit_test_setup_teardown(any_order_gives_the_same_rows, setup, teardown),
        cmocka_unit_test_setup_teardown(both_sides_may_restart, setup, teardown),
        cmocka_unit_test_setup_teardown(a_new_consumer_gets_all, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_missing_is_fetched, setup, teardown),
        cmocka_unit_test_setup_teardown(waits_end, setup, teardown),
        cmocka_unit_test_setup_teardown(flows_are_opened_with_care, setup, teardown),
        cmocka_unit_test_setup_teardown(as_many_executions_as_allowed, setup, teardown),
        cmocka_unit_test_setup_teardown(many_at_once, setup, teardown),
    };

    su_log_stderr(-1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
