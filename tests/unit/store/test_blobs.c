// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "crypto/crypto.h"
#include "fixture.h"
#include "support/alloc.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static const size_t sizes[] = {0,       1,       1000,        MIB - 1,       MIB,
                               MIB + 1, 2 * MIB, 3 * MIB + 7, 5 * MIB + 1000};

/* Every size around chunk borders, as bytes and as a file: same id as crypto's, same bytes back. */
static void test_put_and_read(void **state)
{
    struct fixture *f = *state;
    char path[260], stored[320];
    struct su_err e = {0};
    struct stat st;

    for (size_t i = 0; i < SU_ARRAY_LEN(sizes); i++) {
        size_t n = sizes[i], nleaves;
        uint8_t *data = make_bytes(n, (uint32_t)i), id[32], id2[32], want[32], *leaves;

        su_merkle_blob(data, n, want);
        assert_false(su_store_has(f->s, want, NULL));
        if (i % 2 == 0) {
            put_bytes(f, data, n, id);
        } else {
            beside(f, "in", path);
            write_file(path, data, n);
            assert_int_equal(su_store_put_file(f->s, path, NULL, id, &e), SU_OK);
        }
        assert_memory_equal(id, want, 32);
        assert_blob(f, id, data, n);
        assert_int_equal(su_store_put_bytes(f->s, data, n, id2, &e), SU_OK); /* again: fine */
        assert_memory_equal(id2, want, 32);
        blob_path(f, id, "", stored);
        assert_int_equal(stat(stored, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0444);

        assert_int_equal(su_store_leaves(f->s, id, &leaves, &nleaves, &e), SU_OK);
        assert_int_equal(nleaves, su_merkle_leaf_count(n));
        su_merkle_root(leaves, nleaves, want);
        assert_memory_equal(id, want, 32);
        free(leaves);

        uint8_t *out = malloc(n + 1);
        assert_int_equal(su_store_read(f->s, id, 0, out, n, &e), SU_OK);
        assert_memory_equal(out, data, n);
        for (size_t at = 0; at < n; at += 700001) {
            size_t len = SU_MIN(n - at, (size_t)1300000);

            assert_int_equal(su_store_read(f->s, id, at, out, len, &e), SU_OK);
            assert_memory_equal(out, data + at, len);
        }
        assert_int_equal(su_store_read(f->s, id, n, out, 0, &e), SU_OK);
        assert_int_equal(su_store_read(f->s, id, n, out, 1, &e), SU_EINVAL);
        assert_int_equal(su_store_read(f->s, id, UINT64_MAX, out, 1, &e), SU_EINVAL);
        free(out);
        free(data);
    }
    assert_int_equal(count_blobs(f), SU_ARRAY_LEN(sizes));
    assert_int_equal(count_files(f, "tmp"), 0);
    fixture_reopen(f, NULL);
    assert_int_equal(count_blobs(f), SU_ARRAY_LEN(sizes));
}

/* A file that nobody may write to needs no second copy; what is a blob already, not even a look. */
static void test_no_second_copy(void **state)
{
    struct fixture *f = *state;
    char path[260], stored[320], alias[260];
    uint8_t *data = make_bytes(2 * MIB, 5), id[32], again[32];
    struct stat mine, theirs;
    struct su_err e = {0};

    beside(f, "in", path);
    beside(f, "alias", alias);
    write_file(path, data, 2 * MIB);
    assert_int_equal(chmod(path, 0400), 0);
    assert_int_equal(su_store_put_file(f->s, path, NULL, id, &e), SU_OK);
    blob_path(f, id, "", stored);
    assert_int_equal(stat(stored, &mine), 0);
    assert_int_equal(stat(path, &theirs), 0);
    assert_int_equal(theirs.st_mode & 0777, 0400);
    if (mine.st_ino != theirs.st_ino) { /* a clone */
        assert_int_equal(mine.st_mode & 0777, 0444);
    }
    assert_int_equal(count_files(f, "tmp"), 0);
    assert_blob(f, id, data, 2 * MIB);
    assert_int_equal(symlink(stored, alias), 0);
    assert_int_equal(su_store_put_file(f->s, alias, NULL, again, &e), SU_OK);
    assert_memory_equal(again, id, 32);

    /* Somebody else's lock on it only means a copy. */
    assert_int_equal(su_store_gc(f->s, 0, NULL, &e), SU_OK);
    int fd = open(path, O_RDONLY);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    assert_int_equal(su_store_put_file(f->s, path, NULL, again, &e), SU_OK);
    close(fd);
    assert_memory_equal(again, id, 32);
    assert_int_equal(unlink(path), 0);
    assert_blob(f, id, data, 2 * MIB);
    assert_int_equal(count_files(f, "tmp"), 0);

    /* One that may be written to stays apart. */
    beside(f, "open", path);
    data[0] ^= 1;
    write_file(path, data, 2 * MIB);
    assert_int_equal(su_store_put_file(f->s, path, NULL, id, &e), SU_OK);
    fd = open(path, O_WRONLY);
    assert_int_equal(pwrite(fd, "zz", 2, 5), 2);
    close(fd);
    assert_blob(f, id, data, 2 * MIB);
    free(data);
}

static void test_unknown(void **state)
{
    struct fixture *f = *state;
    uint8_t id[32] = {1}, *leaves, byte;
    size_t n;
    struct su_store_blob b;
    struct su_err e = {0};

    assert_int_equal(su_store_blob_open(f->s, id, false, &b, &e), SU_ENOENT);
    assert_null(b.data);
    assert_non_null(strstr(e.at, "0100000000"));
    su_store_blob_close(&b);
    assert_int_equal(su_store_read(f->s, id, 0, &byte, 1, &e), SU_ENOENT);
    assert_int_equal(su_store_leaves(f->s, id, &leaves, &n, &e), SU_ENOENT);
    assert_null(leaves);
    assert_int_equal(su_store_pin(f->s, id, &e), SU_ENOENT);
    assert_int_equal(su_store_unpin(f->s, id, &e), SU_ENOENT);
    assert_int_equal(su_store_expire(f->s, id, 1, &e), SU_ENOENT);
    assert_int_equal(su_store_verify(f->s, id, NULL, NULL, NULL, NULL, NULL, &e), SU_ENOENT);
}

static bool cancel(void *ctx)
{
    return --*(int *)ctx < 0;
}

static void watch_progress(void *ctx, const struct su_progress *p)
{
    (void)ctx;
    assert_true(p->done <= p->total);
}

static void test_put_failures(void **state)
{
    struct fixture *f = *state;
    char path[260];
    uint8_t id[32] = {9}, before[32] = {9}, *data = make_bytes(3 * MIB, 1);
    int countdown = 3;
    struct su_store_hooks hooks = {.cancelled = cancel, .progress = watch_progress};
    struct su_err e = {0};

    hooks.ctx = &countdown;
    beside(f, "in", path);
    assert_int_equal(su_store_put_file(f->s, path, NULL, id, &e), SU_ENOENT);
    assert_int_equal(su_store_put_file(f->s, f->root, NULL, id, &e), SU_EINVAL);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(su_store_put_file(f->s, path, NULL, id, &e), SU_EINVAL); /* must not hang */
    unlink(path);
    write_file(path, data, 3 * MIB);
    assert_int_equal(su_store_put_file(f->s, path, &hooks, id, &e), SU_ECANCELLED);
    hooks.cancelled = NULL;
    hooks.deadline_ms = 1;
    uint8_t *big = make_bytes(40 * MIB, 2); /* hashing it takes longer than that */
    write_file(path, big, 40 * MIB);
    assert_int_equal(su_store_put_file(f->s, path, &hooks, id, &e), SU_ETIMEOUT);
    assert_memory_equal(id, before, 32);
    assert_int_equal(count_blobs(f), 0);
    assert_int_equal(count_files(f, "tmp"), 0);
    if (geteuid() != 0) {
        chmod(path, 0);
        assert_int_equal(su_store_put_file(f->s, path, NULL, id, &e), SU_EACCES);
    }
    free(big);
    free(data);
}

static void damage(const char *path, off_t at)
{
    uint8_t byte;
    int fd;

    assert_int_equal(chmod(path, 0600), 0);
    fd = open(path, O_RDWR);
    assert_int_equal(pread(fd, &byte, 1, at), 1);
    byte ^= 1;
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    close(fd);
}

struct bad_list {
    unsigned n;
    struct su_store_bad last;
};

static void note_bad(void *ctx, const struct su_store_bad *b)
{
    struct bad_list *l = ctx;

    l->n++;
    l->last = *b;
}

static void test_damage_is_found(void **state)
{
    struct fixture *f = *state;
    uint8_t id[32], good[32], *data = make_bytes(3 * MIB + 5, 3), *out = malloc(MIB);
    char path[320], hex[65];
    struct su_store_blob b;
    struct bad_list bad = {0};
    uint64_t checked, damaged;
    struct su_err e = {0};

    put_bytes(f, data, 3 * MIB + 5, id);
    put_size(f, 2 * MIB, 4, good);
    assert_int_equal(su_store_verify(f->s, NULL, NULL, note_bad, &bad, &checked, &damaged, &e),
                     SU_OK);
    assert_int_equal(checked, 2);
    assert_int_equal(damaged, 0);
    assert_int_equal(su_store_verify(f->s, id, NULL, NULL, NULL, &checked, NULL, &e), SU_OK);
    assert_int_equal(checked, 1);

    blob_path(f, id, "", path);
    damage(path, 2 * MIB + 77);
    assert_int_equal(su_store_blob_open(f->s, id, false, &b, &e),
                     SU_OK); /* was not asked to look */
    su_store_blob_close(&b);
    assert_int_equal(su_store_blob_open(f->s, id, true, &b, &e), SU_EDIGEST);
    assert_non_null(strstr(e.msg, "2097152"));
    assert_int_equal(su_store_read(f->s, id, MIB, out, 5, &e), SU_OK); /* good chunks still read */
    assert_memory_equal(out, data + MIB, 5);
    memset(out, 0xee, 10);
    assert_int_equal(su_store_read(f->s, id, 2 * MIB, out, 10, &e), SU_EDIGEST);
    assert_int_equal(out[0], 0xee); /* nothing unverified leaves */

    assert_int_equal(su_store_verify(f->s, NULL, NULL, note_bad, &bad, &checked, &damaged, &e),
                     SU_EDIGEST);
    assert_int_equal(checked, 2);
    assert_int_equal(damaged, 1);
    assert_int_equal(bad.n, 1);
    assert_memory_equal(bad.last.id, id, 32);
    assert_int_equal(bad.last.err.code, SU_EDIGEST);
    assert_non_null(strstr(bad.last.err.msg, "2097152"));
    assert_false(su_store_has(f->s, id, NULL));
    assert_true(su_store_has(f->s, good, NULL));
    su_hex_encode(id, 32, hex, sizeof hex);
    snprintf(path, sizeof path, "%s/bad/%s", f->dir, hex);
    assert_int_equal(access(path, F_OK), 0);

    put_bytes(f, data, 3 * MIB + 5, id); /* healed by storing it again */
    assert_blob(f, id, data, 3 * MIB + 5);
    free(out);
    free(data);
}

static void test_truncated_and_missing(void **state)
{
    struct fixture *f = *state;
    uint8_t id[32], gone[32], longer[32], *leaves, byte;
    char path[320];
    size_t n;
    struct su_store_blob b;
    struct bad_list bad = {0};
    uint64_t damaged;
    struct su_err e = {0};

    put_size(f, 5000, 5, id);
    put_size(f, 6000, 6, gone);
    put_size(f, 7000, 7, longer);
    blob_path(f, id, "", path);
    chmod(path, 0600);
    assert_int_equal(truncate(path, 4999), 0);
    assert_false(su_store_has(f->s, id, NULL));
    assert_int_equal(su_store_blob_open(f->s, id, false, &b, &e), SU_ETRUNC);
    assert_int_equal(su_store_read(f->s, id, 0, &byte, 1, &e), SU_ETRUNC);
    blob_path(f, gone, "", path);
    unlink(path);
    assert_int_equal(su_store_blob_open(f->s, gone, false, &b, &e), SU_ENOENT);
    blob_path(f, longer, "", path);
    chmod(path, 0600);
    assert_int_equal(truncate(path, 7001), 0);
    assert_int_equal(su_store_blob_open(f->s, longer, false, &b, &e), SU_EDIGEST);
    assert_int_equal(su_store_verify(f->s, NULL, NULL, note_bad, &bad, NULL, &damaged, &e),
                     SU_EDIGEST);
    assert_int_equal(damaged, 3);
    assert_int_equal(bad.n, 3);
    assert_int_equal(count_blobs(f), 0);

    /* A lost or wrong leaf list is made again from good bytes. */
    put_size(f, 2 * MIB, 8, id);
    blob_path(f, id, ".leaves", path);
    damage(path, 40);
    assert_int_equal(su_store_leaves(f->s, id, &leaves, &n, &e), SU_EDIGEST);
    assert_int_equal(su_store_read(f->s, id, 0, &byte, 1, &e), SU_EDIGEST);
    assert_int_equal(su_store_verify(f->s, id, NULL, NULL, NULL, NULL, NULL, &e), SU_OK);
    assert_int_equal(su_store_leaves(f->s, id, &leaves, &n, &e), SU_OK);
    assert_int_equal(n, 2);
    free(leaves);
    unlink(path);
    assert_int_equal(su_store_leaves(f->s, id, &leaves, &n, &e), SU_EDIGEST);
    assert_int_equal(su_store_verify(f->s, NULL, NULL, NULL, NULL, NULL, NULL, &e), SU_OK);
    assert_int_equal(su_store_read(f->s, id, 0, &byte, 1, &e), SU_OK);
}

static void test_verify_hooks(void **state)
{
    struct fixture *f = *state;
    uint8_t id[32];
    int countdown = 1;
    struct su_store_hooks hooks = {.cancelled = cancel, .progress = watch_progress};
    struct su_err e = {0};

    hooks.ctx = &countdown;
    put_size(f, 5 * MIB, 9, id);
    assert_int_equal(su_store_verify(f->s, NULL, &hooks, NULL, NULL, NULL, NULL, &e),
                     SU_ECANCELLED);
    assert_true(su_store_has(f->s, id, NULL));
    hooks.cancelled = NULL;
    hooks.deadline_ms = 1;
    put_size(f, 40 * MIB, 10, id);
    assert_int_equal(su_store_verify(f->s, NULL, &hooks, NULL, NULL, NULL, NULL, &e), SU_ETIMEOUT);
}

/* A mapped blob outlives eviction and the store itself. */
static void test_map_outlives(void **state)
{
    struct fixture *f = *state;
    uint8_t id[32], *data = make_bytes(MIB, 11);
    struct su_store_blob b;
    struct su_err e = {0};

    put_bytes(f, data, MIB, id);
    assert_int_equal(su_store_blob_open(f->s, id, false, &b, &e), SU_OK);
    assert_int_equal(su_store_gc(f->s, 0, NULL, &e), SU_OK);
    assert_false(su_store_has(f->s, id, NULL));
    su_store_close(f->s);
    f->s = NULL;
    assert_memory_equal(b.data, data, MIB);
    su_store_blob_close(&b);
    su_store_close(NULL);
    free(data);
}

static void test_short_of_memory(void **state)
{
    struct fixture *f = *state;
    uint8_t id[32], *leaves;
    size_t n;
    struct su_err e = {0};

    if (!su_alloc_watched()) {
        skip();
    }
    put_size(f, 6 * MIB, 12, id);
    su_alloc_fail(6 * 32, 6 * 32); /* the list itself and nothing else */
    enum su_code c = su_store_leaves(f->s, id, &leaves, &n, &e);
    su_alloc_fail_none();
    assert_int_equal(c, SU_ENOMEM);
    assert_null(leaves);
    assert_int_equal(n, 0);
}

static void test_open_failures(void **state)
{
    struct fixture *f = *state;
    char path[260];
    struct su_store *s;
    struct su_err e = {0};
    const char *peers[65];
    struct su_store_opts o = {.peers = peers, .npeers = 1};
    static const char *const bad_peers[] = {"h:80", "file:/x", "http://", "http://h/?q", ""};

    su_store_close(f->s);
    f->s = NULL;
    snprintf(path, sizeof path, "%s/store.db", f->dir);
    for (size_t i = 0; i < SU_ARRAY_LEN(bad_peers); i++) {
        peers[0] = bad_peers[i];
        assert_int_equal(su_store_open(f->dir, &o, &s, &e), SU_EINVAL);
        assert_null(s);
    }
    for (size_t i = 0; i < 65; i++) {
        peers[i] = "http://h:1";
    }
    o.npeers = 65;
    assert_int_equal(su_store_open(f->dir, &o, &s, &e), SU_ELIMIT);
    o.npeers = 64;
    assert_int_equal(su_store_open(f->dir, &o, &s, &e), SU_OK);
    su_store_close(s);
    assert_int_equal(su_store_open("", NULL, &s, &e), SU_EINVAL);
    char *longest = malloc(5000);
    memset(longest, 'x', 4999);
    longest[4999] = 0;
    assert_int_equal(su_store_open(longest, NULL, &s, &e), SU_EINVAL);
    free(longest);
    assert_int_not_equal(su_store_open("/proc/no/such/place", NULL, &s, &e), SU_OK);
    /* user_version lives at byte 60 of an SQLite file, big-endian (its file format, §1.3). */
    int fd = open(path, O_RDWR);
    assert_int_equal(pwrite(fd, "\0\0\0\x03", 4, 60), 4);
    close(fd);
    assert_int_equal(su_store_open(f->dir, NULL, &s, &e), SU_EFORMAT);
    assert_non_null(strstr(e.msg, "version 3"));
    write_file(path, "this is certainly not a database, but it is long enough to look at", 66);
    assert_int_equal(su_store_open(f->dir, NULL, &s, &e), SU_EFORMAT);
    assert_non_null(strstr(e.at, "store.db"));
    assert_null(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
        T(test_put_and_read),    T(test_no_second_copy),  T(test_unknown),
        T(test_put_failures),    T(test_damage_is_found), T(test_truncated_and_missing),
        T(test_verify_hooks),    T(test_map_outlives),    T(test_open_failures),
        T(test_short_of_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
