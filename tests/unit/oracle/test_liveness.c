// SPDX-License-Identifier: MIT
/* Heartbeats in, online view out: intervals, hysteresis, order, clocks, replays, strangers. */
#include "oracle/liveness.h"

#include "crypto/crypto.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { BEAT = 1000, T0 = 1000000000 };

static uint8_t root[32], task[32] = {5};

static struct su_acc_node entry(uint8_t name)
{
    struct su_acc_node n = {.vram_bytes = 1};

    memset(n.identity, name, 32);
    memset(n.owner, name + 100, 32);
    memcpy(n.conformance_root, root, 32);
    return n;
}

static void know(struct liveness *l, uint8_t name)
{
    const struct su_acc_node n = entry(name);

    assert_int_equal(liveness_know(l, &n, NULL), SU_OK);
}

struct beat {
    uint8_t name, status, tasks;
    bool full, other_root;
    int64_t sent_ms;
    uint64_t sequence;
};
static enum su_code hear(struct liveness *l, const struct beat *b, int64_t now, struct su_err *e)
{
    static const uint8_t strange[32] = {1};
    uint8_t sender[32];
    struct su_wire_frame f = {.sender = sender, .whole = true};

    memset(sender, b->name, 32);
    f.stamp.sequence = b->sequence;
    f.stamp.time_ms = (uint64_t)b->sent_ms;
    f.m.kind = SU_WIRE_HEARTBEAT;
    f.m.u.heartbeat =
        (struct su_wire_heartbeat){.status = b->status ? b->status : SU_WIRE_READY,
                                   .has_capacity = !b->full,
                                   .task_count = b->tasks,
                                   .tasks = task,
                                   .conformance_root = b->other_root ? strange : root};
    return liveness_hear(l, &f, now, e);
}

static void beats(struct liveness *l, uint8_t name, int64_t now)
{
    static uint64_t sequence = 1000;
    const struct beat b = {.name = name, .sent_ms = now, .sequence = sequence++};

    assert_int_equal(hear(l, &b, now, NULL), SU_OK);
}

static struct liveness begin(void)
{
    struct liveness l;

    assert_int_equal(liveness_init(&l, BEAT, T0, NULL), SU_OK);
    return l;
}

static void offline_and_back(void **state)
{
    struct liveness l = begin();
    char text[LIVENESS_BEATS + 1];
    int64_t t = T0;

    (void)state;
    know(&l, 7);
    struct liveness_node *n = liveness_find(&l, entry(7).identity);
    assert_false(n->online);
    liveness_tick(&l, t);
    beats(&l, 7, t + 10);
    assert_true(n->online && liveness_ready(n));
    t += BEAT;
    liveness_tick(&l, t);
    assert_string_equal(liveness_beats(n, text), "1");
    for (int i = 1; i <= 3; i++) { /* three intervals without a beat, and not before */
        assert_true(n->online);
        t += BEAT;
        liveness_tick(&l, t);
        assert_int_equal(n->missed, i);
    }
    assert_false(n->online);
    assert_int_equal(n->steady_ms, 0);
    beats(&l, 7, t + 1); /* one beat is not enough to come back */
    assert_false(n->online);
    t += BEAT;
    liveness_tick(&l, t);
    assert_false(n->online);
    t += BEAT; /* nor two with a gap between them */
    liveness_tick(&l, t);
    beats(&l, 7, t + 1);
    t += BEAT;
    liveness_tick(&l, t);
    assert_false(n->online);
    beats(&l, 7, t + 1);
    t += BEAT;
    liveness_tick(&l, t);
    assert_true(n->online);
    assert_int_equal(n->steady_ms, t);
    assert_string_equal(liveness_beats(n, text), "10001011");
    liveness_fini(&l);
}

static void jitter(void **state)
{
    struct liveness l = begin();
    int64_t t = T0;

    (void)state;
    know(&l, 1);
    for (int i = 0; i < 200; i++) { /* beats up to 0.9 of an interval early or late */
        int64_t at = T0 + i * BEAT + (i % 2 ? 900 : 0);
        while (t <= at) {
            liveness_tick(&l, t);
            t += 100;
        }
        beats(&l, 1, at);
        assert_true(liveness_find(&l, entry(1).identity)->online);
    }
    liveness_fini(&l);
}

static void stopped_clock(void **state)
{
    struct liveness l = begin();
    struct liveness_node *n;

    (void)state;
    know(&l, 1);
    beats(&l, 1, T0);
    n = liveness_find(&l, entry(1).identity);
    liveness_tick(&l, T0 + 50 * BEAT); /* this machine slept */
    assert_true(n->online);
    assert_int_equal(n->n_beats, 1);
    liveness_tick(&l, T0 - 50 * BEAT); /* its clock was set back */
    assert_true(n->online);
    assert_int_equal(n->n_beats, 2);
    liveness_fini(&l);
}

static void steadiness(void **state)
{
    struct liveness l = begin();
    const struct liveness_node *n;
    struct beat b = {.name = 3, .tasks = 1, .sent_ms = T0, .sequence = 1};

    (void)state;
    know(&l, 3);
    n = liveness_find(&l, entry(3).identity);
    assert_int_equal(hear(&l, &b, T0, NULL), SU_OK);
    assert_true(liveness_loaded(n, task));
    assert_false(liveness_loaded(n, root));
    assert_false(liveness_steady(n, T0 + 2999, 3000));
    assert_true(liveness_steady(n, T0 + 3000, 3000));
    b.sequence = 2;
    b.tasks = 0; /* says something else: begins anew */
    assert_int_equal(hear(&l, &b, T0 + 3000, NULL), SU_OK);
    assert_false(liveness_steady(n, T0 + 5999, 3000));
    assert_false(liveness_loaded(n, task));
    b.sequence = 3;
    b.full = true;
    assert_int_equal(hear(&l, &b, T0 + 4000, NULL), SU_OK);
    assert_true(n->online && !liveness_ready(n));
    b.full = false;
    b.status = SU_WIRE_DRAINING;
    b.sequence = 4;
    assert_int_equal(hear(&l, &b, T0 + 5000, NULL), SU_OK);
    assert_false(liveness_ready(n));
    b.status = SU_WIRE_READY;
    b.other_root = true; /* not the root it registered */
    b.sequence = 5;
    assert_int_equal(hear(&l, &b, T0 + 6000, NULL), SU_OK);
    assert_int_equal(n->status, SU_WIRE_UNFIT);
    liveness_fini(&l);
}

static void refusals(void **state)
{
    struct liveness l = begin();
    struct su_err e = {0};
    struct beat b = {.name = 4, .sent_ms = T0, .sequence = 9};

    (void)state;
    assert_int_equal(hear(&l, &b, T0, &e), SU_ENOENT);
    assert_non_null(strstr(e.msg, "no node"));
    know(&l, 4);
    b.sent_ms = T0 - SU_WIRE_SKEW_MS - 1;
    assert_int_equal(hear(&l, &b, T0, &e), SU_ETIMEOUT);
    b.sent_ms = T0 + SU_WIRE_SKEW_MS + 1;
    assert_int_equal(hear(&l, &b, T0, &e), SU_ETIMEOUT);
    b.sent_ms = T0 + SU_WIRE_SKEW_MS;
    assert_int_equal(hear(&l, &b, T0, &e), SU_OK);
    assert_int_equal(hear(&l, &b, T0, &e), SU_EEXIST);
    b.sequence = 8; /* overtaken: admitted once, and without effect */
    b.status = SU_WIRE_LOADING;
    assert_int_equal(hear(&l, &b, T0, &e), SU_OK);
    assert_int_equal(liveness_find(&l, entry(4).identity)->status, SU_WIRE_READY);
    assert_int_equal(hear(&l, &b, T0, &e), SU_EEXIST);
    liveness_forget(&l, entry(4).identity);
    assert_null(liveness_find(&l, entry(4).identity));
    liveness_forget(&l, entry(4).identity);
    liveness_fini(&l);
}

static void many(void **state)
{
    struct liveness l = begin();

    (void)state;
    for (unsigned i = 0; i < 251; i++)
        know(&l, (uint8_t)(i * 83 % 251)); /* every name once, in no order */
    assert_int_equal(l.n, 251);
    for (size_t i = 1; i < l.n; i++)
        assert_true(memcmp(l.node[i - 1].identity, l.node[i].identity, 32) < 0);
    for (unsigned i = 0; i < 251; i += 2)
        liveness_forget(&l, entry((uint8_t)i).identity);
    assert_int_equal(l.n, 125);
    for (unsigned i = 0; i < 251; i++)
        assert_true((liveness_find(&l, entry((uint8_t)i).identity) != NULL) == (i % 2 == 1));
    liveness_fini(&l);
}

/* Tries of its endpoint, one each half interval, until now + so many intervals. */
static void tries(struct liveness *l, struct liveness_node *n, enum liveness_try what, int64_t *now,
                  int intervals)
{
    for (int i = 0; i < 2 * intervals; i++) {
        *now += BEAT / 2;
        (void)liveness_lost(l, n, T0, *now);
        if (liveness_suspect(l, *now)) {
            assert_true(n->trying);
            assert_null(liveness_suspect(l, *now)); /* one at a time */
            liveness_tried(l, n->identity, what, *now);
        }
    }
}

static struct liveness_node *alone(struct liveness *l)
{
    know(l, 7);
    beats(l, 7, T0);
    return liveness_find(l, entry(7).identity);
}

static void nobody_listens(void **state)
{
    struct liveness l = begin();
    struct liveness_node *n = alone(&l);
    int64_t t = T0;

    (void)state;
    assert_null(liveness_lost(&l, n, T0, t + BEAT));
    assert_null(liveness_suspect(&l, t + BEAT)); /* not late yet */
    assert_null(liveness_suspect(&l, t + 100 * BEAT)); /* late, and nobody asks any more */
    t += BEAT;
    tries(&l, n, LIVENESS_REFUSES, &t, 1);
    assert_int_equal(n->refused, 1);
    assert_null(liveness_lost(&l, n, T0, t)); /* it may be starting again */
    tries(&l, n, LIVENESS_REFUSES, &t, 1);
    assert_non_null(strstr(liveness_lost(&l, n, T0, t), "has ended"));
    assert_true(t - T0 <= 3 * BEAT);
    assert_false(liveness_ready(n)); /* and gets nothing new */
    beats(&l, 7, t);
    assert_null(liveness_lost(&l, n, T0, t));
    assert_true(liveness_ready(n));
    liveness_tried(&l, entry(8).identity, LIVENESS_REFUSES, t); /* of one that is not known */
    liveness_fini(&l);
}

static void grace(void **state)
{
    struct liveness l = begin();
    struct liveness_node *n = alone(&l);
    int64_t t = T0;

    (void)state;
    tries(&l, n, LIVENESS_SAYS_NOTHING, &t, (int)LIVENESS_GRACE - 1);
    assert_null(liveness_lost(&l, n, T0, t));
    tries(&l, n, LIVENESS_ANSWERS, &t, 1); /* that begins the grace again */
    tries(&l, n, LIVENESS_SAYS_NOTHING, &t, (int)LIVENESS_GRACE - 1);
    assert_null(liveness_lost(&l, n, T0, t));
    tries(&l, n, LIVENESS_SAYS_NOTHING, &t, 2);
    assert_non_null(strstr(liveness_lost(&l, n, T0, t), "grace"));
    liveness_fini(&l);
}

/* However long it took: that it says nothing is seen more than once. */
static void one_silence_is_none(void **state)
{
    struct liveness l = begin();
    struct liveness_node *n = alone(&l);
    int64_t t = T0 + 2 * (int64_t)LIVENESS_GRACE * BEAT;

    (void)state;
    for (unsigned i = 0; i < LIVENESS_SILENT; i++, t += BEAT) {
        assert_null(liveness_lost(&l, n, T0, t));
        assert_ptr_equal(liveness_suspect(&l, t), n);
        liveness_tried(&l, n->identity, LIVENESS_SAYS_NOTHING, t);
    }
    assert_non_null(strstr(liveness_lost(&l, n, T0, t), "grace"));
    liveness_fini(&l);
}

/* Beats that come late, or not at all, from one that answers. */
static void slow(void **state)
{
    struct liveness l = begin();
    struct liveness_node *n = alone(&l);
    int64_t t = T0;

    (void)state;
    tries(&l, n, LIVENESS_ANSWERS, &t, 5 * (int)LIVENESS_GRACE);
    assert_null(liveness_lost(&l, n, T0, t));
    tries(&l, n, LIVENESS_SAYS_NOTHING, &t, 3); /* a machine that slept does not count its sleep */
    assert_null(liveness_lost(&l, n, T0, t));
    /* Never heard: its grace begins when there is somebody to hear it. */
    know(&l, 9);
    n = liveness_find(&l, entry(9).identity);
    assert_null(liveness_lost(&l, n, t, t));
    int64_t born = t;
    for (int i = 0; i < 2 * ((int)LIVENESS_GRACE - 1); i++) {
        t += BEAT / 2;
        assert_null(liveness_lost(&l, n, born, t));
        if (liveness_suspect(&l, t) == n)
            liveness_tried(&l, n->identity, LIVENESS_SAYS_NOTHING, t);
    }
    assert_true(n->silent >= LIVENESS_SILENT);
    assert_non_null(strstr(liveness_lost(&l, n, born, t + 2 * BEAT), "grace"));
    liveness_fini(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(offline_and_back),
        cmocka_unit_test(jitter),
        cmocka_unit_test(stopped_clock),
        cmocka_unit_test(steadiness),
        cmocka_unit_test(refusals),
        cmocka_unit_test(many),
        cmocka_unit_test(nobody_listens),
        cmocka_unit_test(grace),
        cmocka_unit_test(one_silence_is_none),
        cmocka_unit_test(slow),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
