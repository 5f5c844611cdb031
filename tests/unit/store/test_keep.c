// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fixture.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* Uses are told apart by the second. */
static void next_second(void)
{
    usleep(1050 * 1000);
}

static void use(struct fixture *f, const uint8_t id[32])
{
    struct su_store_blob b;
    struct su_err e = {0};

    assert_int_equal(su_store_blob_open(f->s, id, false, &b, &e), SU_OK);
    su_store_blob_close(&b);
}

static void test_lru_and_pins(void **state)
{
    struct fixture *f = *state;
    uint8_t a[32], b[32], c[32], d[32];
    struct su_store_gc_report r;
    struct su_err e = {0};

    put_size(f, 1000, 1, a);
    put_size(f, 1000, 2, b);
    put_size(f, 1000, 3, c);
    next_second();
    use(f, a);
    put_size(f, 1000, 4, d);
    assert_int_equal(su_store_pin(f->s, b, &e), SU_OK);
    assert_int_equal(su_store_gc(f->s, UINT64_MAX, &r, &e), SU_OK);
    assert_int_equal(r.removed_blobs, 0);
    assert_int_equal(r.kept_blobs, 4);
    assert_int_equal(r.kept_bytes, 4000);
    assert_int_equal(r.pinned_bytes, 1000);
    assert_int_equal(su_store_gc(f->s, 3000, &r, &e), SU_OK);
    assert_int_equal(r.removed_blobs, 1);
    assert_int_equal(r.removed_bytes, 1000);
    assert_false(su_store_has(f->s, c, NULL)); /* a was used later, b is pinned */
    assert_true(su_store_has(f->s, a, NULL));
    assert_true(su_store_has(f->s, b, NULL));
    assert_int_equal(su_store_gc(f->s, 999, &r, &e), SU_ELIMIT); /* only the pinned one remains */
    assert_int_equal(r.kept_blobs, 1);
    assert_true(su_store_has(f->s, b, NULL));
    assert_int_equal(count_blobs(f), 1);

    assert_int_equal(su_store_pin(f->s, b, &e), SU_OK); /* pins count */
    assert_int_equal(su_store_unpin(f->s, b, &e), SU_OK);
    fixture_reopen(f, NULL);
    assert_int_equal(su_store_gc(f->s, 0, &r, &e), SU_ELIMIT);
    assert_int_equal(su_store_unpin(f->s, b, &e), SU_OK);
    assert_int_equal(su_store_unpin(f->s, b, &e), SU_EINVAL);
    assert_int_equal(su_store_gc(f->s, 0, &r, &e), SU_OK);
    assert_int_equal(r.kept_blobs, 0);
    assert_int_equal(count_blobs(f), 0);
}

static void test_expiry(void **state)
{
    struct fixture *f = *state;
    uint8_t a[32], b[32], c[32];
    struct su_store_gc_report r;
    struct su_err e = {0};
    int64_t now = su_clock_wall_ms();

    put_size(f, 10, 1, a);
    put_size(f, 10, 2, b);
    put_size(f, 10, 3, c);
    assert_int_equal(su_store_expire(f->s, a, now - 1, &e), SU_OK);
    assert_int_equal(su_store_expire(f->s, b, now - 1, &e), SU_OK);
    assert_int_equal(su_store_pin(f->s, b, &e), SU_OK);
    assert_int_equal(su_store_expire(f->s, c, now + 100000, &e), SU_OK);
    assert_int_equal(su_store_gc(f->s, UINT64_MAX, &r, &e), SU_OK);
    assert_int_equal(r.removed_blobs, 1);
    assert_false(su_store_has(f->s, a, NULL));
    assert_true(su_store_has(f->s, b, NULL));
    assert_true(su_store_has(f->s, c, NULL));
    assert_int_equal(su_store_expire(f->s, b, 0, &e), SU_OK); /* never, after all */
    assert_int_equal(su_store_unpin(f->s, b, &e), SU_OK);
    assert_int_equal(su_store_gc(f->s, UINT64_MAX, &r, &e), SU_OK);
    assert_int_equal(r.removed_blobs, 0);
}

struct list {
    struct su_store *s;
    unsigned n, stop_at;
    struct su_store_entry row[8];
};

static bool collect(void *ctx, const struct su_store_entry *b)
{
    struct list *l = ctx;

    l->row[l->n++] = *b;
    assert_true(su_store_has(l->s, b->id, NULL)); /* the callback may use the store */
    return l->n != l->stop_at;
}

static void test_ls(void **state)
{
    struct fixture *f = *state;
    struct list l = {.s = f->s};
    uint8_t a[32], b[32];
    struct su_err e = {0};
    int64_t before = su_clock_wall_ms();

    put_size(f, 10, 1, a);
    put_size(f, 20, 2, b);
    assert_int_equal(su_store_pin(f->s, a, &e), SU_OK);
    assert_int_equal(su_store_expire(f->s, a, 77, &e), SU_OK);
    next_second();
    use(f, a);
    assert_int_equal(su_store_ls(f->s, collect, &l, &e), SU_OK);
    assert_int_equal(l.n, 2);
    assert_memory_equal(l.row[0].id, a, 32); /* used last */
    assert_int_equal(l.row[0].bytes, 10);
    assert_int_equal(l.row[0].pins, 1);
    assert_int_equal(l.row[0].expire_ms, 77);
    assert_true(l.row[0].added_ms >= before && l.row[0].used_ms > l.row[0].added_ms);
    assert_int_equal(l.row[1].pins, 0);
    l.n = 0;
    l.stop_at = 1;
    assert_int_equal(su_store_ls(f->s, collect, &l, &e), SU_OK);
    assert_int_equal(l.n, 1);
}

static void test_budget(void **state)
{
    struct fixture *f = *state;
    const struct su_store_opts o = {.budget_bytes = 2500};
    uint8_t a[32], b[32], c[32], *big = make_bytes(2501, 9);
    char path[260];
    struct su_err e = {0};

    fixture_reopen(f, &o);
    put_size(f, 1000, 1, a);
    put_size(f, 1000, 2, b);
    assert_int_equal(su_store_pin(f->s, a, &e), SU_OK);
    put_size(f, 1000, 3, c); /* makes room by itself */
    assert_true(su_store_has(f->s, a, NULL));
    assert_false(su_store_has(f->s, b, NULL));
    assert_true(su_store_has(f->s, c, NULL));
    assert_int_equal(su_store_pin(f->s, c, &e), SU_OK);
    assert_int_equal(su_store_put_bytes(f->s, big, 600, b, &e), SU_ELIMIT); /* all pinned */
    assert_non_null(strstr(e.msg, "2500"));
    assert_int_equal(su_store_put_bytes(f->s, big, 2501, b, &e), SU_ELIMIT);
    beside(f, "in", path);
    write_file(path, big, 2501);
    assert_int_equal(su_store_put_file(f->s, path, NULL, b, &e), SU_ELIMIT);
    assert_int_equal(su_store_put_bytes(f->s, big, 500, b, &e), SU_OK); /* exactly full */
    assert_int_equal(count_blobs(f), 3);
    assert_int_equal(count_files(f, "tmp"), 0);
    free(big);
}

static void make_old(const char *path, int days)
{
    struct timespec t[2] = {{.tv_sec = su_clock_wall_ms() / 1000 - days * 86400L},
                            {.tv_sec = su_clock_wall_ms() / 1000 - days * 86400L}};

    assert_int_equal(utimensat(AT_FDCWD, path, t, 0), 0);
}

static void test_sweep(void **state)
{
    struct fixture *f = *state;
    uint8_t id[32], orphan[32] = {0xaa};
    char path[320], live[320], locked[320];
    struct su_store_gc_report r;
    struct su_err e = {0};

    put_size(f, 100, 1, id);
    blob_path(f, id, ".leaves.Ab12Cd", path); /* a write of the list that was killed */
    write_file(path, "x", 1);
    memcpy(orphan, id, 31); /* same folder, no row */
    orphan[31] = (uint8_t)~id[31];
    blob_path(f, orphan, "", path);
    write_file(path, "x", 1);
    blob_path(f, orphan, ".leaves", path);
    write_file(path, "x", 1);
    snprintf(path, sizeof path, "%s/tmp/put-dead00", f->dir);
    write_file(path, "x", 1);
    snprintf(live, sizeof live, "%s/tmp/put-live00", f->dir);
    write_file(live, "x", 1);
    int held = open(live, O_RDONLY);
    assert_int_equal(flock(held, LOCK_EX), 0);
    snprintf(path, sizeof path, "%s/tmp/old.part", f->dir);
    write_file(path, "x", 1);
    make_old(path, 8);
    snprintf(path, sizeof path, "%s/tmp/old.part.tag", f->dir);
    write_file(path, "x", 1);
    make_old(path, 8);
    snprintf(path, sizeof path, "%s/tmp/young.part", f->dir);
    write_file(path, "x", 1);
    make_old(path, 6);
    snprintf(path, sizeof path, "%s/tmp/busy.part", f->dir);
    write_file(path, "x", 1);
    make_old(path, 8);
    snprintf(locked, sizeof locked, "%s/lock/busy.lock", f->dir);
    write_file(locked, "", 0);
    int lock = open(locked, O_RDONLY);
    assert_int_equal(flock(lock, LOCK_EX), 0);
    snprintf(path, sizeof path, "%s/lock/free.lock", f->dir);
    write_file(path, "", 0);
    snprintf(path, sizeof path, "%s/ab", f->dir);
    mkdir(path, 0700);
    snprintf(path, sizeof path, "%s/ab/README", f->dir); /* not ours */
    write_file(path, "x", 1);

    assert_int_equal(su_store_gc(f->s, UINT64_MAX, &r, &e), SU_OK);
    assert_int_equal(r.removed_parts, 1);
    assert_int_equal(r.removed_orphans, 4);
    assert_int_equal(r.kept_blobs, 1);
    assert_int_equal(access(path, F_OK), 0);
    assert_int_equal(access(live, F_OK), 0);
    assert_int_equal(access(locked, F_OK), 0);
    assert_int_equal(count_files(f, "tmp"), 3); /* live, young, busy */
    assert_int_equal(count_files(f, "lock"), 2); /* gate, busy */
    assert_true(su_store_has(f->s, id, NULL));
    close(held);
    close(lock);
    assert_int_equal(su_store_gc(f->s, UINT64_MAX, &r, &e), SU_OK);
    assert_int_equal(r.removed_orphans, 1);
    assert_int_equal(r.removed_parts, 1);
    assert_int_equal(count_files(f, "tmp"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
        T(test_lru_and_pins), T(test_expiry), T(test_ls), T(test_budget), T(test_sweep),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
