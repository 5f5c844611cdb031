// SPDX-License-Identifier: MIT
/* The guard against replays, beside a plain list of everything that was ever admitted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/alloc.h"
#include "support/random.h"
#include "wire/wire.h"

#include <stdlib.h>
#include <string.h>

#define NOW 1795000000000ll

static struct su_wire_guard *guard(uint32_t senders)
{
    struct su_wire_guard *g = NULL;

    assert_int_equal(su_wire_guard_new(senders, &g, NULL), SU_OK);
    return g;
}

static enum su_code admit(struct su_wire_guard *g, uint8_t sender, uint64_t sequence, int64_t time,
                          int64_t now)
{
    uint8_t key[32] = {0};

    key[9] = sender;
    return su_wire_guard_admit(g, key, (struct su_wire_stamp){sequence, (uint64_t)time}, now, NULL);
}

static void once(void **state)
{
    struct su_wire_guard *g = guard(4);

    (void)state;
    assert_int_equal(admit(g, 1, 1000, NOW, NOW), SU_OK);
    assert_int_equal(admit(g, 1, 1000, NOW, NOW), SU_EEXIST);
    assert_int_equal(admit(g, 2, 1000, NOW, NOW), SU_OK);
    assert_int_equal(admit(g, 1, 1003, NOW, NOW), SU_OK);
    assert_int_equal(admit(g, 1, 1001, NOW, NOW), SU_OK); /* overtaken on its way */
    assert_int_equal(admit(g, 1, 1001, NOW, NOW), SU_EEXIST);
    assert_int_equal(admit(g, 1, 1003 - 255, NOW, NOW), SU_OK);
    assert_int_equal(admit(g, 1, 1003 - 256, NOW, NOW), SU_EEXIST);
    assert_int_equal(admit(g, 1, 1003 + 255, NOW, NOW), SU_OK);
    assert_int_equal(admit(g, 1, 1003, NOW, NOW), SU_EEXIST); /* still remembered, at the edge */
    assert_int_equal(admit(g, 1, UINT64_MAX, NOW, NOW), SU_OK);
    assert_int_equal(admit(g, 1, UINT64_MAX, NOW, NOW), SU_EEXIST);
    assert_int_equal(admit(g, 1, 5000, NOW, NOW), SU_EEXIST);
    assert_int_equal(admit(g, 3, 0, NOW, NOW), SU_OK);
    assert_int_equal(admit(g, 3, 0, NOW, NOW), SU_EEXIST);
    su_wire_guard_free(g);
    su_wire_guard_free(NULL);
}

static void clocks(void **state)
{
    struct su_wire_guard *g = guard(1);

    (void)state;
    assert_int_equal(admit(g, 1, 1, NOW - SU_WIRE_SKEW_MS - 1, NOW), SU_ETIMEOUT);
    assert_int_equal(admit(g, 1, 1, NOW + SU_WIRE_SKEW_MS + 1, NOW), SU_ETIMEOUT);
    assert_int_equal(admit(g, 1, 1, -1, NOW), SU_ETIMEOUT);
    assert_int_equal(admit(g, 1, 1, NOW - SU_WIRE_SKEW_MS, NOW), SU_OK);
    assert_int_equal(admit(g, 1, 2, NOW + SU_WIRE_SKEW_MS, NOW), SU_OK);
    su_wire_guard_free(g);
}

static void bounded(void **state)
{
    struct su_wire_guard *g = guard(2);

    (void)state;
    assert_int_equal(admit(g, 1, 1, NOW + SU_WIRE_SKEW_MS, NOW), SU_OK);
    assert_int_equal(admit(g, 2, 1, NOW, NOW), SU_OK);
    assert_int_equal(admit(g, 3, 1, NOW, NOW), SU_EBUSY);
    assert_int_equal(admit(g, 2, 2, NOW, NOW), SU_OK); /* those known go on */
    /* When sender 2's frames are too old to come again it is forgotten, sender 1 is not. */
    int64_t later = NOW + SU_WIRE_SKEW_MS;
    assert_int_equal(admit(g, 3, 1, later, later), SU_EBUSY);
    assert_int_equal(admit(g, 3, 1, later + 1000, later + 1000), SU_OK);
    assert_int_equal(admit(g, 1, 1, later, later + 1000), SU_EEXIST);
    assert_int_equal(admit(g, 2, 3, later + 1000, later + 1000), SU_EBUSY);
    su_wire_guard_free(g);
}

/* Random frames, many twice, over a time in which senders are forgotten: nothing is admitted twice,
   and nothing new is called a repetition. */
static void random_frames(void **state)
{
    enum { SENDERS = 12, FRAMES = 20000, NUMBERS = 4096 };
    static uint8_t admitted[SENDERS][NUMBERS];
    struct su_wire_guard *g = guard(8);
    struct su_random r = su_random_of(5, 1);
    struct {
        uint8_t sender;
        uint64_t sequence;
        int64_t time;
    } *sent = calloc(FRAMES, sizeof *sent);
    uint64_t next[SENDERS] = {0}, highest[SENDERS] = {0};
    int64_t now = NOW;
    unsigned ok = 0, again = 0, busy = 0;

    (void)state;
    assert_non_null(sent);
    for (unsigned i = 0; i < FRAMES; i++) {
        now += (int64_t)su_random_below(&r, 100);
        if (i > 0 && su_random_chance(&r, 40)) { /* somebody repeats a late one */
            sent[i] = sent[i - 1 - su_random_below(&r, SU_MIN(i, 2000))];
        } else {
            sent[i].sender = (uint8_t)su_random_below(&r, i / 2000 % 2 == 0 ? SENDERS : 4);
            sent[i].sequence = ++next[sent[i].sender];
            sent[i].time = now;
        }
        enum su_code c = admit(g, sent[i].sender, sent[i].sequence, sent[i].time, now);
        uint8_t *before = &admitted[sent[i].sender][sent[i].sequence];
        if (c == SU_OK) {
            assert_int_equal(*before, 0);
            *before = 1;
            highest[sent[i].sender] = SU_MAX(highest[sent[i].sender], sent[i].sequence);
            ok++;
        } else if (c == SU_EEXIST) {
            assert_true(*before != 0 || highest[sent[i].sender] > sent[i].sequence + 255);
        }
        again += c == SU_EEXIST;
        busy += c == SU_EBUSY;
    }
    assert_true(ok > 5000 && again > 1000 && busy > 100);
    free(sent);
    su_wire_guard_free(g);
}

static void made(void **state)
{
    struct su_wire_guard *g;

    (void)state;
    assert_int_equal(su_wire_guard_new(0, &g, NULL), SU_EINVAL);
    assert_null(g);
    if (su_alloc_watched()) {
        su_alloc_fail(4096, SIZE_MAX);
        assert_int_equal(su_wire_guard_new(100000, &g, NULL), SU_ENOMEM);
        su_alloc_fail_none();
        assert_null(g);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(once), cmocka_unit_test(clocks),
                                       cmocka_unit_test(bounded), cmocka_unit_test(random_frames),
                                       cmocka_unit_test(made)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
