// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "frames.h"

#include <stdlib.h>
#include <string.h>

/* A list of frames made beforehand, which grows. */
struct list {
    struct su_buf frame[64];
    atomic_uint n;
};

static enum su_code frame_of(void *ctx, uint32_t i, struct su_buf *out, struct su_err *e)
{
    struct list *l = ctx;

    if (i >= atomic_load(&l->n))
        return su_fail(e, SU_ENOENT, "list", "no frame %u yet", i);
    su_buf_put(out, l->frame[i].data, l->frame[i].len);
    return su_buf_check(out, "list", e);
}

static void list_add(struct list *l, const struct frames_node *by, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        uint32_t n = atomic_load(&l->n);
        frames_activation(&l->frame[n], by, 1, 0, n, 1, 0);
        atomic_store(&l->n, n + 1);
    }
}

static void list_fini(struct list *l)
{
    for (uint32_t i = 0; i < atomic_load(&l->n); i++)
        su_buf_fini(&l->frame[i]);
}

static bool reaches(struct su_sender_line *l, uint32_t frames, unsigned ms)
{
    struct su_sender_stat stat;

    for (unsigned i = 0; i < ms / 5; i++) {
        su_sender_line_stat(l, &stat);
        if (stat.acknowledged >= frames)
            return true;
        frames_sleep_ms(5);
    }
    return false;
}

/* Waits until it has failed that often, and waited that long. */
static void fails(struct su_sender_line *l, uint32_t failures, uint64_t waiting_ms,
                  uint16_t refusal, struct su_sender_stat *stat)
{
    for (unsigned i = 0; i < 12000; i++) {
        su_sender_line_stat(l, stat);
        if (stat->failures >= failures && stat->waiting_ms >= waiting_ms &&
            stat->refusal == refusal)
            return;
        frames_sleep_ms(5);
    }
    fail_msg("failures %u, waiting %u ms, refusal %u", (unsigned)stat->failures,
             (unsigned)stat->waiting_ms, (unsigned)stat->refusal);
}

struct fixture {
    struct frames_node from, to;
    struct su_sender *sender;
    struct list list;
    struct su_flow *flow;
    atomic_int acknowledged;
};

static void acknowledged(void *ctx)
{
    struct fixture *x = ctx;

    atomic_fetch_add(&x->acknowledged, 1);
}

static int setup(void **state)
{
    struct fixture *x = calloc(1, sizeof *x);
    const struct su_sender_opts o = {.scope = frames_scope(),
                                     .call_ms = 60000,
                                     .pause_max_ms = 100,
                                     .acknowledged = acknowledged,
                                     .ctx = x};

    frames_start(&x->from, 1);
    frames_start(&x->to, 2);
    x->flow = frames_flow(&x->to, 1, 0, &x->from, 64);
    *state = x;
    return su_sender_new(&o, &x->sender, NULL) != SU_OK;
}

static int teardown(void **state)
{
    struct fixture *x = *state;

    su_sender_free(x->sender);
    su_flow_close(x->flow);
    frames_end(&x->from);
    frames_end(&x->to);
    list_fini(&x->list);
    free(x);
    return 0;
}

static struct su_sender_line *line(struct fixture *x, const char *endpoint)
{
    const struct su_sender_source source = {frame_of, &x->list};
    struct su_sender_line *l = NULL;

    assert_int_equal(
        su_sender_line_open(x->sender, endpoint, x->to.signer.public_key, &source, 0, &l, NULL),
        SU_OK);
    return l;
}

static void frames_arrive_in_order(void **state)
{
    struct fixture *x = *state;
    struct su_sender_stat stat;

    list_add(&x->list, &x->from, 10);
    struct su_sender_line *l = line(x, x->to.endpoint);
    assert_true(reaches(l, 10, 60000));
    frames_expect(x->flow, 10, 0);
    list_add(&x->list, &x->from, 5);
    su_sender_line_wake(l);
    assert_true(reaches(l, 15, 60000));
    frames_expect(x->flow, 15, 0);
    su_sender_line_stat(l, &stat);
    for (unsigned i = 0; i < 12000 && !stat.idle; i++) {
        frames_sleep_ms(5);
        su_sender_line_stat(l, &stat);
    }
    assert_true(stat.idle);
    assert_int_equal(stat.waiting_ms, 0);
    assert_int_equal(stat.failures, 0);
    assert_true(stat.bytes > 15 * SU_WIRE_HEAD_BYTES);
    assert_int_equal(atomic_load(&x->acknowledged), 15);
    assert_int_equal(atomic_load(&x->to.posts), 15);
    su_sender_line_close(l);
}

/* What lines to one node have ready goes out in one call; one that is refused holds up no other. */
static void lines_go_together(void **state)
{
    struct fixture *x = *state;
    enum { GOOD = 10 };
    struct su_sender_line *l[GOOD + 1];
    struct list stranger = {.n = 0};
    const struct su_sender_source strange = {frame_of, &stranger};
    struct su_sender_stat stat;

    for (unsigned i = 0; i < GOOD; i++)
        l[i] = line(x, x->to.endpoint);
    assert_int_equal(su_sender_line_open(x->sender, x->to.endpoint, x->to.signer.public_key,
                                         &strange, 0, &l[GOOD], NULL),
                     SU_OK);
    frames_sleep_ms(50);
    assert_int_equal(atomic_load(&x->to.posts), 0);
    list_add(&x->list, &x->from, 1);
    frames_activation(&stranger.frame[0], &x->from, 9, 0, 0, 1, 0);
    atomic_store(&stranger.n, 1);
    for (unsigned i = 0; i <= GOOD; i++)
        su_sender_line_ready(l[i]);
    su_sender_attend(x->sender, false);
    for (unsigned i = 0; i < GOOD; i++)
        assert_true(reaches(l[i], 1, 60000));
    fails(l[GOOD], 1, 0, SU_WIRE_REFUSED_SCOPE, &stat);
    assert_int_equal(stat.acknowledged, 0);
    frames_expect(x->flow, 1, 0);
    /* One call, or two when a worker looked up in between; else the stranger's, of which one may not be
       counted yet. */
    int posts = atomic_load(&x->to.posts);
    su_sender_line_stat(l[GOOD], &stat);
    assert_in_range(posts, 1, 3 + stat.failures);
    for (unsigned i = 0; i <= GOOD; i++)
        su_sender_line_close(l[i]);
    list_fini(&stranger);
}

/* Frames go out on the thread that has them, over a connection that is there. */
static void callers_may_begin(void **state)
{
    struct fixture *x = *state;
    struct su_sender_line *l = line(x, x->to.endpoint);

    for (unsigned i = 1; i <= 30; i++) {
        list_add(&x->list, &x->from, 1);
        su_sender_line_ready(l);
        su_sender_attend(x->sender, true);
        assert_true(reaches(l, i, 60000));
        frames_sleep_ms(i % 3);
    }
    assert_int_equal(atomic_load(&x->to.posts), 30);
    frames_expect(x->flow, 30, 0);
    su_sender_line_close(l);
}

/* A line that is closed ends its call while the answer to what its caller began is waited for. */
static void begun_calls_end(void **state)
{
    struct fixture *x = *state;
    struct su_sender_line *l = line(x, x->to.endpoint);

    list_add(&x->list, &x->from, 1);
    su_sender_line_wake(l);
    assert_true(reaches(l, 1, 60000));
    frames_sleep_ms(100); /* its worker is idle again, or else does it itself */
    atomic_store(&x->to.delay_ms, 60000);
    list_add(&x->list, &x->from, 1);
    su_sender_line_ready(l);
    su_sender_attend(x->sender, true);
    uint64_t since = su_clock_mono_ns();
    frames_sleep_ms(50);
    su_sender_line_close(l);
    assert_true(su_clock_mono_ns() - since < 30000000000);
    atomic_store(&x->to.delay_ms, 0);
}

static void it_waits_for_who_is_away(void **state)
{
    struct fixture *x = *state;
    struct su_sender_stat stat;

    list_add(&x->list, &x->from, 3);
    su_flow_close(x->flow);
    x->flow = NULL;
    frames_stop(&x->to);
    struct su_sender_line *l = line(x, x->to.endpoint);
    fails(l, 3, 200, 0, &stat);
    assert_true(stat.text[0] != 0);
    assert_false(stat.idle);
    frames_again(&x->to);
    assert_false(reaches(l, 1, 300)); /* it is back, and knows of nothing yet */
    fails(l, 1, 0, SU_WIRE_REFUSED_SCOPE, &stat);
    assert_int_equal(stat.acknowledged, 0);
    x->flow = frames_flow(&x->to, 1, 0, &x->from, 64);
    assert_true(reaches(l, 3, 60000));
    frames_expect(x->flow, 3, 0);
    su_sender_line_close(l);
}

/* One that does not answer holds up nobody else, and is let go of at once. */
static void the_slow_block_nobody(void **state)
{
    struct fixture *x = *state;
    struct frames_node slow = {.port = 0};
    struct su_sender_line *stuck[8];
    struct su_sender_stat stat;

    frames_start(&slow, 3);
    atomic_store(&slow.delay_ms, 60000);
    list_add(&x->list, &x->from, 10);
    for (unsigned i = 0; i < 8; i++)
        stuck[i] = line(x, slow.endpoint);
    struct su_sender_line *l = line(x, x->to.endpoint);
    assert_true(reaches(l, 10, 30000));
    frames_sleep_ms(200);
    su_sender_line_stat(stuck[0], &stat);
    assert_int_equal(stat.acknowledged, 0);
    uint64_t start = su_clock_mono_ns();
    for (unsigned i = 0; i < 8; i++)
        su_sender_line_close(stuck[i]);
    assert_true(su_clock_mono_ns() - start < UINT64_C(20000000000));
    su_sender_line_close(l);
    atomic_store(&slow.delay_ms, 0);
    frames_end(&slow);
}

/* An acknowledgement by another node is none. */
static void only_the_right_node_may_acknowledge(void **state)
{
    struct fixture *x = *state;
    struct su_sender_stat stat;
    struct su_sender_line *l = NULL;
    const struct su_sender_source source = {frame_of, &x->list};

    list_add(&x->list, &x->from, 1);
    assert_int_equal(su_sender_line_open(x->sender, x->to.endpoint, x->from.signer.public_key,
                                         &source, 0, &l, NULL),
                     SU_OK);
    assert_false(reaches(l, 1, 200));
    for (unsigned i = 0; i < 12000; i++) {
        su_sender_line_stat(l, &stat);
        if (stat.failures > 0)
            break;
        frames_sleep_ms(5);
    }
    assert_true(stat.failures > 0);
    assert_int_equal(stat.acknowledged, 0);
    su_sender_line_close(l);
    assert_int_equal(su_sender_line_open(x->sender, "no endpoint", x->from.signer.public_key,
                                         &source, 0, &l, NULL),
                     SU_EINVAL);
    assert_null(l);
}

static enum su_code broken(void *ctx, uint32_t i, struct su_buf *out, struct su_err *e)
{
    (void)i;
    (void)out;
    atomic_fetch_add((atomic_int *)ctx, 1);
    return su_fail(e, SU_EIO, "disk", "is gone");
}

static void a_broken_source_is_left_alone(void **state)
{
    struct fixture *x = *state;
    atomic_int asked = 0;
    const struct su_sender_source source = {broken, &asked};
    struct su_sender_line *l = NULL;
    struct su_sender_stat stat;

    su_log_stderr(-1);
    assert_int_equal(su_sender_line_open(x->sender, x->to.endpoint, x->to.signer.public_key,
                                         &source, 0, &l, NULL),
                     SU_OK);
    for (unsigned i = 0; i < 12000 && atomic_load(&asked) < 1; i++)
        frames_sleep_ms(5);
    frames_sleep_ms(100);
    assert_int_equal(atomic_load(&asked), 1);
    su_sender_line_stat(l, &stat);
    assert_string_equal(stat.text, "is gone");
    su_sender_line_wake(l);
    for (unsigned i = 0; i < 12000 && atomic_load(&asked) < 2; i++)
        frames_sleep_ms(5);
    frames_sleep_ms(100);
    assert_int_equal(atomic_load(&asked), 2);
    su_sender_line_close(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(frames_arrive_in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(lines_go_together, setup, teardown),
        cmocka_unit_test_setup_teardown(callers_may_begin, setup, teardown),
        cmocka_unit_test_setup_teardown(begun_calls_end, setup, teardown),
        cmocka_unit_test_setup_teardown(it_waits_for_who_is_away, setup, teardown),
        cmocka_unit_test_setup_teardown(the_slow_block_nobody, setup, teardown),
        cmocka_unit_test_setup_teardown(only_the_right_node_may_acknowledge, setup, teardown),
        cmocka_unit_test_setup_teardown(a_broken_source_is_left_alone, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
