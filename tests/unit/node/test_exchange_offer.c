// SPDX-License-Identifier: MIT
/* Rows that are used while their frame is verified. */
#include "node/exchange_priv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "frames.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { HIS = 7, ANOTHERS = 8 }; /* connections */

static unsigned take_step(struct frames_three *x, uint64_t connection, uint32_t step)
{
    struct su_buf b;

    frames_activation(&b, &x->a, 1, 0, step, 1, 0);
    unsigned refusal = frames_take_over(&x->b, connection, b.data, b.len);
    su_buf_fini(&b);
    return refusal;
}

/* A frame of the stranger's with the producer's name. */
static void forge(struct frames_three *x, struct su_buf *b, uint32_t step)
{
    frames_activation(b, &x->c, 1, 0, step, 1, 9);
    memcpy(b->data + 32, x->a.signer.public_key, 32);
}

static unsigned take_forged(struct frames_three *x, uint64_t connection, uint32_t step)
{
    struct su_buf b;

    forge(x, &b, step);
    unsigned refusal = frames_take_over(&x->b, connection, b.data, b.len);
    su_buf_fini(&b);
    return refusal;
}

static uint64_t offers(struct frames_three *x)
{
    (void)pthread_mutex_lock(&x->in->lock);
    uint64_t n = x->in->offers;
    (void)pthread_mutex_unlock(&x->in->lock);
    return n;
}

/* A connection is known by the frames that it brought: by new ones, and those that were their producer's. */
static void known_connections_offer(void **state)
{
    struct frames_three *x = *state;

    assert_int_equal(take_step(x, HIS, 0), 0);
    assert_int_equal(offers(x), 0);
    assert_int_equal(take_step(x, HIS, 1), 0);
    assert_int_equal(offers(x), 1);
    assert_int_equal(take_step(x, 0, 2), 0); /* over none that is known */
    assert_int_equal(take_step(x, HIS, 4), 0); /* not the next */
    assert_int_equal(offers(x), 1);
    assert_int_equal(take_step(x, HIS, 3), 0);
    assert_int_equal(offers(x), 2);
    assert_int_equal(take_step(x, ANOTHERS, 3), 0); /* a repetition */
    assert_int_equal(take_forged(x, ANOTHERS, 5), SU_WIRE_REFUSED_SIGNATURE);
    assert_int_equal(take_step(x, HIS, 5), 0);
    assert_int_equal(offers(x), 3);
    frames_expect(x->in, 6, 0);
}

/* Neither repetitions nor the absence of a number make one known; a refusal ends it, of whatever step. */
static void refusals_are_remembered(void **state)
{
    struct frames_three *x = *state;

    assert_int_equal(take_step(x, HIS, 0), 0);
    assert_int_equal(take_step(x, ANOTHERS, 0), 0); /* a repetition */
    assert_int_equal(take_step(x, ANOTHERS, 1), 0);
    assert_int_equal(offers(x), 0);
    assert_int_equal(take_forged(x, HIS, 5), SU_WIRE_REFUSED_SIGNATURE);
    assert_int_equal(take_step(x, 0, 2), 0);
    assert_int_equal(take_step(x, HIS, 3), 0);
    assert_int_equal(offers(x), 0);
    assert_int_equal(take_step(x, HIS, 4), 0); /* known again by the last */
    assert_int_equal(offers(x), 1);
    frames_expect(x->in, 5, 0);
}

static void a_forgery_is_the_last_offer(void **state)
{
    struct frames_three *x = *state;
    float row[FRAMES_ROW];

    assert_int_equal(take_step(x, HIS, 0), 0);
    assert_int_equal(take_forged(x, HIS, 1), SU_WIRE_REFUSED_SIGNATURE);
    assert_int_equal(offers(x), 1);
    assert_int_equal(su_flow_confirm(x->in, 1, NULL), SU_EDIGEST);
    assert_int_equal(su_flow_offered(x->in), 1);
    assert_int_equal(su_flow_rows(x->in, 1, 1, row, NULL, NULL), SU_ENOENT);
    for (uint32_t s = 1; s < 5; s++)
        assert_int_equal(take_step(x, HIS, s), 0);
    assert_int_equal(offers(x), 1);
    frames_expect(x->in, 5, 0);
    su_flow_close(x->in);
    frames_stop(&x->b);
    frames_again(&x->b); /* the journal has no forgery either */
    x->in = frames_flow(&x->b, 1, 0, &x->a, FRAMES_STEPS);
    frames_expect(x->in, 5, 0);
}

/* The head of a frame that is here, before another body: what was verified once is no excuse. */
static void an_old_head_does_not_help(void **state)
{
    struct frames_three *x = *state;
    struct su_buf old, b;

    frames_activation(&old, &x->a, 1, 0, 0, 1, 0);
    assert_int_equal(frames_take_over(&x->b, HIS, old.data, old.len), 0);
    forge(x, &b, 1);
    memcpy(b.data, old.data, SU_WIRE_HEAD_BYTES);
    assert_int_equal(frames_take_over(&x->b, HIS, b.data, b.len), SU_WIRE_REFUSED_FORMAT);
    assert_int_equal(su_flow_confirm(x->in, 1, NULL), SU_EDIGEST);
    frames_expect(x->in, 1, 0);
    su_buf_fini(&b);
    su_buf_fini(&old);
}

/* Several frames of a call are there together, and one of them may be wrong. */
static void together(void **state)
{
    struct frames_three *x = *state;
    struct su_flow *second = frames_flow(&x->b, 1, 1, &x->a, FRAMES_STEPS);
    struct su_buf all, one, answer;

    assert_int_equal(take_step(x, HIS, 0), 0);
    su_buf_init(&answer, 0);
    forge(x, &all, 1);
    frames_activation(&one, &x->a, 1, 1, 0, 1, 0);
    su_buf_put(&all, one.data, one.len);
    su_exchange_take(x->b.x, HIS, all.data, all.len, &answer);
    assert_int_equal(su_flow_confirm(x->in, 1, NULL), SU_EDIGEST);
    assert_int_equal(su_flow_confirm(second, 1, NULL), SU_OK);
    frames_expect(x->in, 1, 0);
    frames_expect(second, 1, 0);
    su_buf_fini(&answer);
    su_buf_fini(&one);
    su_buf_fini(&all);
    su_flow_close(second);
}

/* Waits for a row, uses it, and wants it confirmed. */
struct user {
    struct frames_three *x;
    float row[2 * FRAMES_ROW];
    uint64_t offer;
    enum su_code code;
};

static void *use(void *ctx)
{
    struct user *u = ctx;
    const struct su_flow_need need = {.flow = u->x->in, .have = 2, .offered = true};

    u->code = su_flow_wait(u->x->b.x, &need, 1, 60000, NULL, NULL, NULL);
    if (u->code == SU_OK)
        u->code = su_flow_rows_offered(u->x->in, 0, 2, u->row, &u->offer, NULL);
    if (u->code == SU_OK && u->offer != 0)
        u->code = su_flow_confirm(u->x->in, u->offer, NULL);
    return NULL;
}

/* An offer that is settled as `kept` while somebody uses it. */
static void settle_used(struct frames_three *x, bool kept, enum su_code want)
{
    struct user u = {.x = x};
    struct su_wire_frame f;
    float rows[2][FRAMES_ROW];
    uint8_t leaf[32], digest[32] = {1};
    struct su_err e = {0};
    bool added = false;
    pthread_t thread;
    struct su_buf b;

    assert_int_equal(take_step(x, HIS, 0), 0);
    frames_activation(&b, &x->a, 1, 0, 1, 1, 0);
    assert_int_equal(su_wire_parse(b.data, b.len, &f, NULL), SU_OK);
    assert_int_equal(pthread_create(&thread, NULL, use, &u), 0);
    frames_sleep_ms(20);
    uint64_t offer = su_flow_offer(x->in, &f);
    assert_int_equal(offer, 1);
    assert_int_equal(su_flow_offer(x->in, &f), 0); /* one at a time */
    su_run_changed(x->b.x, frames_execution(1));
    frames_sleep_ms(100);
    assert_int_equal(su_flow_have(x->in), 1);
    assert_int_equal(su_flow_offered(x->in), 2);
    if (kept)
        assert_int_equal(su_flow_insert(x->in, &f, b.data, b.len, digest, &added, &e), 0);
    su_flow_settle(x->in, offer, kept);
    su_run_changed(x->b.x, frames_execution(1));
    if (!kept)
        assert_int_equal(take_step(x, 0, 1),
                         0); /* lets a user go on who was too late for the offer */
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(u.code, u.offer == 0 ? SU_OK : want);
    frames_row(0, 0, rows[0], leaf);
    frames_row(1, 0, rows[1], leaf);
    assert_memory_equal(u.row, rows, sizeof rows);
    assert_int_equal(su_flow_offered(x->in), 2);
    su_buf_fini(&b);
}

static void used_and_kept(void **state)
{
    settle_used(*state, true, SU_OK);
}

static void used_and_refused(void **state)
{
    settle_used(*state, false, SU_EDIGEST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(known_connections_offer, frames_flow_setup,
                                        frames_three_teardown),
        cmocka_unit_test_setup_teardown(refusals_are_remembered, frames_flow_setup,
                                        frames_three_teardown),
        cmocka_unit_test_setup_teardown(a_forgery_is_the_last_offer, frames_flow_setup,
                                        frames_three_teardown),
        cmocka_unit_test_setup_teardown(an_old_head_does_not_help, frames_flow_setup,
                                        frames_three_teardown),
        cmocka_unit_test_setup_teardown(together, frames_flow_setup, frames_three_teardown),
        cmocka_unit_test_setup_teardown(used_and_kept, frames_flow_setup, frames_three_teardown),
        cmocka_unit_test_setup_teardown(used_and_refused, frames_flow_setup, frames_three_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
