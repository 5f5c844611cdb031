// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "node/journal.h"
#include "support/random.h"

#include "crypto/crypto.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static uint8_t one[32] = {1, 2, 3}, two[32] = {9, 9};

static int setup(void **state)
{
    const char *base = getenv("TMPDIR");
    char *dir = calloc(1, 200);

    snprintf(dir, 200, "%s/su-journal-XXXXXX", base != NULL ? base : "/tmp");
    *state = dir;
    return mkdtemp(dir) == NULL;
}

static int teardown(void **state)
{
    char command[300];

    snprintf(command, sizeof command, "rm -rf '%s'", (char *)*state);
    int bad = system(command);
    free(*state);
    return bad;
}

static struct su_journal *opened(const char *dir, uint64_t budget)
{
    const struct su_journal_opts o = {.dir = dir, .budget_bytes = budget, .keep_free_bytes = 1};
    struct su_journal *j = NULL;
    struct su_err e = {0};

    if (su_journal_open(&o, &j, &e) != SU_OK)
        fail_msg("%s: %s", e.at, e.msg);
    return j;
}

static struct su_journal_stream *stream(struct su_journal *j, const char *name)
{
    struct su_journal_stream *s = NULL;
    struct su_err e = {0};

    assert_int_equal(su_journal_enter(j, one, 1 << 20, &e), SU_OK);
    if (su_journal_stream_open(j, one, name, &s, &e) != SU_OK)
        fail_msg("%s: %s", e.at, e.msg);
    return s;
}

static void path_of(const char *dir, const char *file, char out[400])
{
    char address[64];

    (void)su_base58_encode(one, 32, address, sizeof address);
    snprintf(out, 400, "%s/%s%s%s", dir, address, file[0] != 0 ? "/" : "", file);
}

/* Record i of a stream: bytes that depend on i alone, of varying length. */
static size_t record(uint32_t i, uint8_t out[600])
{
    size_t n = 1 + (i * 37) % 599;

    for (size_t k = 0; k < n; k++)
        out[k] = (uint8_t)(i * 31 + k);
    return n;
}

static void append(struct su_journal_stream *s, uint32_t i)
{
    uint8_t bytes[600];
    size_t n = record(i, bytes);

    assert_int_equal(su_journal_stream_append(s, bytes, n, NULL), SU_OK);
}

static void expect(struct su_journal_stream *s, uint32_t i)
{
    uint8_t bytes[600], part[1];
    size_t n = record(i, bytes);
    struct su_buf b;

    su_buf_init(&b, 0);
    assert_int_equal(su_journal_stream_get(s, i, &b, NULL), SU_OK);
    assert_int_equal(b.len, n);
    assert_memory_equal(b.data, bytes, n);
    assert_int_equal(su_journal_stream_read(s, i, n - 1, part, 1, NULL), SU_OK);
    assert_int_equal(part[0], bytes[n - 1]);
    assert_int_equal(su_journal_stream_read(s, i, n, part, 1, NULL), SU_EINVAL);
    su_buf_fini(&b);
}

static void records_come_back(void **state)
{
    struct su_journal *j = opened(*state, 0);
    struct su_journal_stream *s = stream(j, "1.0.0"), *again;
    struct su_buf b;
    struct su_err e;

    for (uint32_t i = 0; i < 200; i++)
        append(s, i);
    assert_int_equal(su_journal_stream_open(j, one, "1.0.0", &again, &e), SU_EBUSY);
    assert_int_equal(su_journal_stream_open(j, one, "Bad/Name", &again, &e), SU_EINVAL);
    assert_int_equal(su_journal_stream_open(j, one, "", &again, &e), SU_EINVAL);
    assert_int_equal(su_journal_stream_open(j, two, "1.0.0", &again, &e), SU_ENOENT);
    assert_int_equal(su_journal_stream_append(s, "", 0, &e), SU_EINVAL);
    su_buf_init(&b, 0);
    assert_int_equal(su_journal_stream_get(s, 200, &b, &e), SU_ENOENT);
    assert_int_equal(su_journal_sync(j, one, &e), SU_OK);
    assert_int_equal(su_journal_sync(j, two, &e), SU_ENOENT);
    uint64_t used = su_journal_used_bytes(j);
    assert_int_equal(used, su_journal_stream_bytes(s));
    su_journal_stream_close(s);
    su_journal_close(j);
    j = opened(*state, 0);
    assert_int_equal(su_journal_used_bytes(j), used);
    s = stream(j, "1.0.0");
    assert_int_equal(su_journal_stream_count(s), 200);
    for (uint32_t i = 0; i < 200; i++)
        expect(s, i);
    su_journal_stream_close(s);
    su_journal_close(j);
    su_buf_fini(&b);
}

/* Cut anywhere, or spoilt anywhere: what comes back is a prefix, and all before the damage. */
static void any_cut_leaves_a_prefix(void **state)
{
    struct su_random r = su_random_of(7, 1);
    unsigned rounds = getenv("SU_TEST_FULL") != NULL ? 2000 : 150;
    char path[400];

    path_of(*state, "s-x", path);
    for (unsigned round = 0; round < rounds; round++) {
        struct su_journal *j = opened(*state, 0);
        struct su_journal_stream *s = stream(j, "x");
        uint32_t n = 1 + su_random_below(&r, 20), whole = 0;
        uint64_t end[20];
        for (uint32_t i = 0; i < n; i++) {
            append(s, i);
            end[i] = su_journal_stream_bytes(s);
        }
        su_journal_stream_close(s);
        su_journal_close(j);
        uint64_t at = su_random_u64(&r) % end[n - 1];
        if (su_random_chance(&r, 50)) {
            assert_int_equal(truncate(path, (off_t)at), 0);
        } else {
            int fd = open(path, O_RDWR | O_CLOEXEC);
            uint8_t b;
            assert_int_equal(pread(fd, &b, 1, (off_t)at), 1);
            b ^= (uint8_t)(1u << su_random_below(&r, 8));
            assert_int_equal(pwrite(fd, &b, 1, (off_t)at), 1);
            close(fd);
        }
        while (whole < n && end[whole] <= at)
            whole++;
        j = opened(*state, 0);
        s = stream(j, "x");
        assert_int_equal(su_journal_stream_count(s), whole);
        for (uint32_t i = 0; i < whole; i++)
            expect(s, i);
        append(s, whole); /* and it goes on from there */
        expect(s, whole);
        su_journal_stream_close(s);
        assert_int_equal(su_journal_drop(j, one, NULL), SU_OK);
        su_journal_close(j);
    }
}

/* A process killed while it writes: every record it said it had appended is there. */
static void a_kill_loses_nothing(void **state)
{
    for (unsigned round = 0; round < 5; round++) {
        int said[2];
        assert_int_equal(pipe(said), 0);
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            const struct su_journal_opts o = {.dir = *state, .keep_free_bytes = 1};
            struct su_journal_stream *s = NULL;
            struct su_journal *j = NULL;
            uint8_t bytes[600];
            if (su_journal_open(&o, &j, NULL) != SU_OK ||
                su_journal_enter(j, one, 1 << 20, NULL) != SU_OK ||
                su_journal_stream_open(j, one, "k", &s, NULL) != SU_OK)
                _exit(1);
            for (uint32_t i = su_journal_stream_count(s);; i++)
                if (su_journal_stream_append(s, bytes, record(i, bytes), NULL) != SU_OK ||
                    write(said[1], &i, sizeof i) != sizeof i)
                    _exit(1);
        }
        close(said[1]);
        uint32_t last = 0, got;
        for (unsigned i = 0; i < 50 + 20 * round; i++)
            assert_int_equal(read(said[0], &last, sizeof last), sizeof last);
        assert_int_equal(kill(pid, SIGKILL), 0);
        while (read(said[0], &got, sizeof got) == sizeof got)
            last = got;
        close(said[0]);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        struct su_journal *j = opened(*state, 0);
        struct su_journal_stream *s = stream(j, "k");
        assert_true(su_journal_stream_count(s) > last);
        for (uint32_t i = 0; i < su_journal_stream_count(s); i++)
            expect(s, i);
        su_journal_stream_close(s);
        su_journal_close(j);
    }
}

static void damage_is_seen(void **state)
{
    struct su_journal *j = opened(*state, 0);
    struct su_journal_stream *s = stream(j, "d");
    char path[400];
    struct su_buf b;

    append(s, 0);
    append(s, 1);
    path_of(*state, "s-d", path);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_int_equal(pwrite(fd, "?", 1, SU_JOURNAL_RECORD_HEAD), 1);
    su_buf_init(&b, 0);
    assert_int_equal(su_journal_stream_get(s, 0, &b, NULL), SU_EDIGEST);
    assert_int_equal(b.len, 0);
    expect(s, 1);
    assert_int_equal(ftruncate(fd, 10), 0);
    assert_int_equal(su_journal_stream_get(s, 1, &b, NULL), SU_EIO);
    close(fd);
    su_journal_stream_close(s);
    su_journal_close(j);
    su_buf_fini(&b);
}

static void room_is_set_aside(void **state)
{
    struct su_journal *j = opened(*state, 10000);
    struct su_journal_stream *s;
    uint8_t big[5000] = {0};
    struct su_err e;

    assert_int_equal(su_journal_enter(j, one, 10001, &e), SU_ENOSPC);
    assert_non_null(strstr(e.msg, "budget"));
    assert_int_equal(su_journal_enter(j, one, 4000, &e), SU_OK);
    assert_int_equal(su_journal_enter(j, two, 7000, &e), SU_ENOSPC);
    assert_int_equal(su_journal_enter(j, two, 6000, &e), SU_OK);
    assert_int_equal(su_journal_stream_open(j, one, "a", &s, &e), SU_OK);
    /* Beyond what was set aside there is nothing left; within it there is. */
    assert_int_equal(su_journal_stream_append(s, big, 5000, &e), SU_ENOSPC);
    assert_int_equal(su_journal_stream_bytes(s), 0);
    assert_int_equal(su_journal_stream_append(s, big, 3900, &e), SU_OK);
    assert_int_equal(su_journal_note_put(j, one, "n", big, 500, &e), SU_ENOSPC);
    assert_int_equal(su_journal_enter(j, two, 1000, &e), SU_OK); /* gives some back */
    assert_int_equal(su_journal_stream_append(s, big, 5000, &e), SU_OK);
    su_journal_stream_close(s);
    assert_int_equal(su_journal_drop(j, one, &e), SU_OK);
    assert_int_equal(su_journal_used_bytes(j), 0);
    assert_int_equal(su_journal_enter(j, two, 10000, &e), SU_OK);
    su_journal_close(j);
    /* More than any disk has. */
    j = opened(*state, 0);
    assert_int_equal(su_journal_enter(j, one, UINT64_MAX / 4, &e), SU_ENOSPC);
    assert_non_null(strstr(e.msg, "disk"));
    su_journal_close(j);
}

static void notes(void **state)
{
    struct su_journal *j = opened(*state, 0);
    struct su_buf b;
    uint64_t bytes = 0;
    struct su_err e;

    su_buf_init(&b, 0);
    assert_int_equal(su_journal_note_put(j, one, "n", "abc", 3, &e), SU_ENOENT);
    assert_int_equal(su_journal_enter(j, one, 100, &e), SU_OK);
    assert_int_equal(su_journal_note_get(j, one, "n", &b, &e), SU_ENOENT);
    assert_int_equal(su_journal_note_bytes(j, one, "n", &bytes, &e), SU_ENOENT);
    assert_int_equal(su_journal_note_put(j, one, "N", "abc", 3, &e), SU_EINVAL);
    assert_int_equal(su_journal_note_put(j, one, "n", "abc", 3, &e), SU_OK);
    assert_int_equal(su_journal_note_put(j, one, "n", "defgh", 5, &e), SU_OK);
    assert_int_equal(su_journal_used_bytes(j), 5);
    assert_int_equal(su_journal_note_bytes(j, one, "n", &bytes, &e), SU_OK);
    assert_int_equal(bytes, 5);
    su_journal_close(j);
    j = opened(*state, 0);
    assert_int_equal(su_journal_enter(j, one, 100, &e), SU_OK);
    assert_int_equal(su_journal_note_get(j, one, "n", &b, &e), SU_OK);
    assert_int_equal(b.len, 5);
    assert_memory_equal(b.data, "defgh", 5);
    su_journal_close(j);
    su_buf_fini(&b);
}

struct listed {
    struct su_journal *j;
    unsigned n;
};

static void count(void *ctx, const uint8_t execution[32])
{
    struct listed *l = ctx;

    l->n++;
    if (execution[0] == 9)
        assert_int_equal(su_journal_drop(l->j, execution, NULL), SU_OK);
}

static void executions_are_listed_and_dropped(void **state)
{
    const struct su_journal_opts o = {.dir = *state};
    struct listed l = {opened(*state, 0), 0};
    struct su_journal *other;
    char path[400], half[420];
    struct su_err e;

    assert_int_equal(su_journal_open(&o, &other, &e), SU_EBUSY);
    assert_null(other);
    assert_int_equal(su_journal_enter(l.j, one, 100, &e), SU_OK);
    assert_int_equal(su_journal_enter(l.j, two, 100, &e), SU_OK);
    su_journal_close(l.j);
    /* A folder that a crash left half deleted, and things that are none of ours. */
    snprintf(half, sizeof half, "%s/.gone-xyz", (char *)*state);
    assert_int_equal(mkdir(half, 0700), 0);
    snprintf(path, sizeof path, "%s/notes", (char *)*state);
    assert_int_equal(mkdir(path, 0700), 0);
    l.j = opened(*state, 0);
    assert_int_equal(access(half, F_OK), -1);
    assert_int_equal(su_journal_each(l.j, count, &l, &e), SU_OK);
    assert_int_equal(l.n, 2);
    assert_int_equal(su_journal_each(l.j, count, &l, &e), SU_OK);
    assert_int_equal(l.n, 3);
    assert_int_equal(su_journal_drop(l.j, two, &e), SU_OK); /* not there any more: no failure */
    path_of(*state, "", path);
    assert_int_equal(access(path, F_OK), 0);
    assert_int_equal(su_journal_drop(l.j, one, &e), SU_OK);
    assert_int_equal(access(path, F_OK), -1);
    su_journal_close(l.j);
    const struct su_journal_opts file = {.dir = "/dev/null/x"};
    assert_int_not_equal(su_journal_open(&file, &other, &e), SU_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(records_come_back, setup, teardown),
        cmocka_unit_test_setup_teardown(any_cut_leaves_a_prefix, setup, teardown),
        cmocka_unit_test_setup_teardown(a_kill_loses_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(damage_is_seen, setup, teardown),
        cmocka_unit_test_setup_teardown(room_is_set_aside, setup, teardown),
        cmocka_unit_test_setup_teardown(notes, setup, teardown),
        cmocka_unit_test_setup_teardown(executions_are_listed_and_dropped, setup, teardown),
    };

    su_log_stderr(-1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
