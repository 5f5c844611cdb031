// SPDX-License-Identifier: MIT
/* What other processes and a dying one may do to a store. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fixture.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Runs fn in a child process and returns its wait status. The child opens its own store. */
static pid_t spawn(struct fixture *f, int (*fn)(struct fixture *f, void *arg), void *arg)
{
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        f->s = NULL; /* the parent's handle is not for us */
        _exit(fn(f, arg));
    }
    return pid;
}

static int wait_for(pid_t pid)
{
    int status = -1;

    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void kill_at_2_mib(void *ctx, const struct su_progress *p)
{
    (void)ctx;
    if (p->done >= 2 * MIB) {
        kill(getpid(), SIGKILL);
    }
}

static int put_and_die(struct fixture *f, void *arg)
{
    const struct su_store_hooks hooks = {.progress = kill_at_2_mib};
    uint8_t id[32];

    if (su_store_open(f->dir, NULL, &f->s, NULL) != SU_OK) {
        return 1;
    }
    return su_store_put_file(f->s, arg, &hooks, id, NULL) == SU_OK ? 0 : 2;
}

static void test_kill_in_the_middle(void **state)
{
    struct fixture *f = *state;
    char path[260];
    uint8_t *data = make_bytes(4 * MIB, 1), id[32];
    struct su_store_gc_report r;
    struct su_err e = {0};

    beside(f, "in", path);
    write_file(path, data, 4 * MIB);
    int status = wait_for(spawn(f, put_and_die, path));
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    assert_int_equal(count_blobs(f), 0);
    assert_int_equal(count_files(f, "tmp"), 1);
    assert_int_equal(su_store_gc(f->s, UINT64_MAX, &r, &e), SU_OK);
    assert_int_equal(r.removed_orphans, 1);
    assert_int_equal(count_files(f, "tmp"), 0);
    put_bytes(f, data, 4 * MIB, id);
    assert_blob(f, id, data, 4 * MIB);
    free(data);
}

static int put_forever(struct fixture *f, void *arg)
{
    uint32_t seed = *(uint32_t *)arg;

    if (su_store_open(f->dir, NULL, &f->s, NULL) != SU_OK) {
        return 1;
    }
    for (;; seed++) {
        uint8_t *data = make_bytes(seed % 3 * MIB / 2 + seed % 1000, seed), id[32];

        if (su_store_put_bytes(f->s, data, seed % 3 * MIB / 2 + seed % 1000, id, NULL) != SU_OK) {
            return 2;
        }
        free(data);
    }
}

static bool collect_id(void *ctx, const struct su_store_entry *b)
{
    su_buf_put(ctx, b->id, 32);
    return true;
}

/* Killed at random moments: whatever is visible afterwards is whole, and the rest can be swept. */
static void test_kill_at_random(void **state)
{
    struct fixture *f = *state;
    unsigned rounds = getenv("SU_TEST_FULL") != NULL ? 200 : 25, x = 12345;
    uint64_t checked = 0;
    struct su_store_gc_report r;
    struct su_err e = {0};

    /* More rounds, each until something is done, where the machine is too slow for the first. */
    for (unsigned i = 0; i < rounds || (checked <= rounds / 2 && i < rounds + 50); i++) {
        uint32_t seed = i * 100;
        pid_t pid = spawn(f, put_forever, &seed);

        x = x * 1664525u + 1013904223u;
        unsigned before = i < rounds ? 0 : count_blobs(f);
        for (unsigned k = 0; k < 6000 && i >= rounds && count_blobs(f) == before; k++)
            usleep(10000);
        usleep(2000 + (x >> 16) % 30000u);
        kill(pid, SIGKILL);
        int status = wait_for(pid);
        assert_true(WIFSIGNALED(status));
        if (su_store_verify(f->s, NULL, NULL, NULL, NULL, &checked, NULL, &e) != SU_OK) {
            fail_msg("round %u: %s", i, e.msg);
        }
    }
    assert_true(checked > rounds / 2); /* the children did get somewhere */
    struct su_buf ids;
    su_buf_init(&ids, 0);
    assert_int_equal(su_store_ls(f->s, collect_id, &ids, &e), SU_OK);
    assert_int_equal(su_store_gc(f->s, UINT64_MAX, &r, &e), SU_OK);
    assert_int_equal(r.removed_blobs, 0);
    assert_int_equal(count_files(f, "tmp"), 0);
    for (size_t i = 0; i < ids.len; i += 32) {
        assert_true(su_store_has(f->s, ids.data + i, NULL)); /* sweeping took no visible blob */
    }
    su_buf_fini(&ids);
}

static int put_twenty(struct fixture *f, void *arg)
{
    const struct su_store_opts o = {.budget_bytes = 0};

    (void)arg;
    if (su_store_open(f->dir, &o, &f->s, NULL) != SU_OK) {
        return 1;
    }
    for (uint32_t i = 0; i < 20; i++) {
        uint8_t *data = make_bytes(10000 + i, i), id[32];
        bool ok = su_store_put_bytes(f->s, data, 10000 + i, id, NULL) == SU_OK &&
                  su_store_pin(f->s, id, NULL) == SU_OK && su_store_has(f->s, id, NULL);

        free(data);
        if (!ok || (i % 5 == 0 && su_store_gc(f->s, UINT64_MAX, NULL, NULL) != SU_OK)) {
            return 2;
        }
    }
    su_store_close(f->s);
    return 0;
}

static bool pinned_by_all(void *ctx, const struct su_store_entry *b)
{
    ++*(unsigned *)ctx;
    assert_int_equal(b->pins, 4);
    return true;
}

/* Four processes open a new store at once, put the same blobs, pin them and collect garbage. */
static void test_many_processes(void **state)
{
    struct fixture *f = *state;
    pid_t pid[4];
    unsigned n = 0;
    struct su_err e = {0};

    su_store_close(f->s);
    f->s = NULL;
    remove_tree(f->dir);
    for (int i = 0; i < 4; i++) {
        pid[i] = spawn(f, put_twenty, NULL);
    }
    for (int i = 0; i < 4; i++) {
        assert_int_equal(wait_for(pid[i]), 0);
    }
    fixture_reopen(f, NULL);
    assert_int_equal(su_store_ls(f->s, pinned_by_all, &n, &e), SU_OK);
    assert_int_equal(n, 20);
    assert_int_equal(su_store_verify(f->s, NULL, NULL, NULL, NULL, NULL, NULL, &e), SU_OK);
}

/* A write that fails in the middle: here by a limit on the size of files. */
static int put_too_large(struct fixture *f, void *arg)
{
    const struct rlimit limit = {1500000, 1500000};
    struct su_err e = {0};
    uint8_t id[32];

    if (su_store_open(f->dir, NULL, &f->s, NULL) != SU_OK) {
        return 1;
    }
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &limit);
    enum su_code c = su_store_put_file(f->s, arg, NULL, id, &e);
    su_store_close(f->s);
    return c == SU_OK ? 2 : e.msg[0] == 0 ? 3 : 0;
}

static void test_failed_write(void **state)
{
    struct fixture *f = *state;
    char path[260];
    uint8_t *data = make_bytes(4 * MIB, 1);

    beside(f, "in", path);
    write_file(path, data, 4 * MIB);
    assert_int_equal(wait_for(spawn(f, put_too_large, path)), 0);
    assert_int_equal(count_blobs(f), 0);
    assert_int_equal(count_files(f, "tmp"), 0);
    free(data);
}

enum { SKIPPED = 77 };

/* A full disk: a 3 MiB tmpfs in a mount namespace of our own, where that is allowed. */
static int fill_disk(struct fixture *f, void *arg)
{
    char dir[260];
    struct su_err e = {0};
    uint8_t id[32], first[32];
    uint8_t *data = make_bytes(MIB, 1), *large = make_bytes(4 * MIB, 2);

    (void)arg;
    beside(f, "disk", dir);
    if (mkdir(dir, 0700) != 0) {
        return 1;
    }
    int flags = geteuid() == 0 ? CLONE_NEWNS : CLONE_NEWNS | CLONE_NEWUSER;
    if (unshare(flags) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("none", dir, "tmpfs", 0, "size=3m") != 0) {
        return SKIPPED;
    }
    if (su_store_open(dir, NULL, &f->s, &e) != SU_OK ||
        su_store_put_bytes(f->s, data, MIB, first, &e) != SU_OK) {
        return 2;
    }
    if (su_store_put_bytes(f->s, large, 4 * MIB, id, &e) != SU_ENOSPC || e.msg[0] == 0) {
        return 3;
    }
    if (count_blobs(f) != 1 || !su_store_has(f->s, first, NULL)) {
        return 4;
    }
    if (su_store_verify(f->s, NULL, NULL, NULL, NULL, NULL, NULL, &e) != SU_OK) {
        return 5;
    }
    /* Room was given back: another megabyte fits. */
    data[0] ^= 1;
    if (su_store_put_bytes(f->s, data, MIB, id, &e) != SU_OK) {
        return 6;
    }
    su_store_close(f->s);
    return 0;
}

static void test_full_disk(void **state)
{
    struct fixture *f = *state;
    int status = wait_for(spawn(f, fill_disk, NULL));

    if (WIFEXITED(status) && WEXITSTATUS(status) == SKIPPED) {
        skip();
    }
    assert_int_equal(status, 0);
}

static int open_forbidden(struct fixture *f, void *arg)
{
    struct su_err e = {0};

    (void)arg;
    if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0)) {
        return SKIPPED;
    }
    return su_store_open(f->dir, NULL, &f->s, &e) == SU_EACCES && f->s == NULL ? 0 : 1;
}

static void test_no_access(void **state)
{
    struct fixture *f = *state;

    su_store_close(f->s);
    f->s = NULL;
    chmod(f->root, 0);
    int status = wait_for(spawn(f, open_forbidden, NULL));
    chmod(f->root, 0700);
    if (WIFEXITED(status) && WEXITSTATUS(status) == SKIPPED) {
        skip();
    }
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
        T(test_kill_in_the_middle), T(test_kill_at_random), T(test_many_processes),
        T(test_failed_write),       T(test_full_disk),      T(test_no_access),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
