// SPDX-License-Identifier: MIT
/* Networks of real processes: shells, and this program itself, which parent_main() turns into a
   parent that is killed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "super/super.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char ready_sh[] = "echo '{\"port\":1}'; exec sleep 600";
static char folder[256]; /* where homes are made, to see that none is left */

static void nap(unsigned ms)
{
    (void)usleep(ms * 1000);
}

static struct su_super *network(void)
{
    const struct su_super_options o = {.name = "net", .dir = folder, .grace_ms = 60000};
    struct su_super *s = NULL;
    struct su_err e;

    if (su_super_open(&o, &s, &e) != SU_OK)
        fail_msg("%s: %s", e.at, e.msg);
    return s;
}

static unsigned start(struct su_super *s, const char *name, const char *script, int stage)
{
    const char *argv[] = {"sh", "-c", script, NULL};
    const struct su_super_spec spec = {.name = name, .argv = argv, .stage = stage};
    unsigned id = 999;
    struct su_err e;

    if (su_super_spawn(s, &spec, &id, &e) != SU_OK)
        fail_msg("%s: %s", e.at, e.msg);
    return id;
}

static void close_clean(struct su_super *s)
{
    char home[512];
    struct su_err e;

    (void)snprintf(home, sizeof home, "%s", su_super_home(s));
    if (su_super_close(s, &e) != SU_OK)
        fail_msg("%s: %s", e.at, e.msg);
    assert_int_equal(access(home, F_OK), -1);
}

/* A zombie that nobody has waited for yet has ended, too. */
static bool alive(int32_t pid)
{
    char path[64], text[256] = "";

    (void)snprintf(path, sizeof path, "/proc/%d/stat", pid);
    int fd = open(path, O_RDONLY);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;
    if (fd >= 0)
        (void)close(fd);
    const char *p = n > 0 ? strrchr(text, ')') : NULL;
    return p != NULL && p[2] != 'Z' && p[2] != 'X';
}

static bool dies(int32_t pid)
{
    for (unsigned i = 0; i < 6000; i++) {
        if (!alive(pid))
            return true;
        nap(10);
    }
    return false;
}

static bool vanishes(const char *path)
{
    for (unsigned i = 0; i < 6000; i++) {
        if (access(path, F_OK) != 0)
            return true;
        nap(10);
    }
    return false;
}

static int32_t pid_from(const char *path)
{
    char text[32] = "";

    for (unsigned i = 0; i < 6000; i++) {
        FILE *f = fopen(path, "r");
        bool whole = f != NULL && fgets(text, sizeof text, f) != NULL && strchr(text, '\n');
        if (f != NULL)
            (void)fclose(f);
        if (whole)
            return atoi(text);
        nap(10);
    }
    fail_msg("%s was never written", path);
    return 0;
}

/* ---- tests ----------------------------------------------------------------------------------- */

static void one_child(void **state)
{
    struct su_super *s = network();
    char line[128];
    struct su_err e;
    struct su_super_end end;
    struct stat st;

    (void)state;
    assert_int_equal(stat(su_super_home(s), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    unsigned id = start(s, "one", ready_sh, 0);
    assert_int_equal(su_super_ready(s, id, 60000, line, sizeof line, &e), SU_OK);
    assert_string_equal(line, "{\"port\":1}");
    assert_int_equal(su_super_ready(s, id, 0, line, 4, &e), SU_ELIMIT);
    int32_t pid = su_super_pid(s, id);
    assert_true(alive(pid));
    assert_int_equal(getpgid(pid), pid);
    assert_int_equal(su_super_wait(s, id, 20, &end, &e), SU_ETIMEOUT);
    assert_int_equal(su_super_check(s, &e), SU_OK);
    assert_int_equal(su_super_stop(s, id, &e), SU_OK);
    assert_int_equal(su_super_wait(s, id, 0, &end, &e), SU_OK);
    assert_int_equal(end.status, -SIGTERM);
    assert_true(end.asked);
    assert_int_equal(su_super_check(s, &e), SU_OK);
    assert_int_equal(su_super_signal(s, id, SIGTERM, &e), SU_OK); /* ended: left alone */
    assert_false(alive(pid));
    close_clean(s);
}

struct heard {
    unsigned out, err;
    char last[64];
};

static void hear(void *ctx, unsigned id, enum su_super_stream stream, const char *line, size_t n)
{
    struct heard *h = ctx;

    (void)id;
    if (stream == SU_SUPER_STDOUT)
        h->out++;
    else
        h->err++;
    (void)snprintf(h->last, sizeof h->last, "%.*s", (int)n, line);
}

static void environment_and_output(void **state)
{
    struct su_super *s = network();
    const char *argv[] = {"/bin/sh", "-c",
                          "read x && exit 9; pwd; echo $SU_A-$SU_B-$PATH; echo e >&2; printf end",
                          NULL};
    const char *env[] = {"SU_B=two", "PATH=/nowhere", NULL};
    char log[512], text[1024] = "", want[1024];
    struct heard h = {0};
    struct su_super_spec spec = {
        .name = "env", .argv = argv, .env = env, .on_line = hear, .ctx = &h, .log_path = log};
    struct su_super_end end;
    unsigned id;

    (void)state;
    (void)setenv("SU_A", "one", 1);
    (void)setenv("SU_B", "other", 1);
    (void)snprintf(log, sizeof log, "%s/log", su_super_home(s));
    assert_int_equal(su_super_spawn(s, &spec, &id, NULL), SU_OK);
    assert_int_equal(su_super_wait(s, id, 60000, &end, NULL), SU_OK);
    assert_int_equal(end.status, 0); /* input is empty */
    assert_false(end.asked);
    assert_int_equal(h.out, 3);
    assert_int_equal(h.err, 1);
    FILE *f = fopen(log, "r");
    assert_non_null(f);
    size_t n = fread(text, 1, sizeof text - 1, f);
    (void)fclose(f);
    assert_true(n > 0);
    (void)snprintf(want, sizeof want, "%s\none-two-/nowhere\n", su_super_home(s));
    assert_memory_equal(text, want, strlen(want));
    assert_non_null(strstr(text, "e\n"));
    assert_non_null(strstr(text, "end"));
    close_clean(s);
}

static void crash_is_told(void **state)
{
    struct su_super *s = network();
    char line[64];
    struct su_err e;
    struct su_super_end end;

    (void)state;
    unsigned good = start(s, "good", ready_sh, 0);
    unsigned bad =
        start(s, "oracle 2", "for i in 1 2 3 4 5 6 7; do echo line $i >&2; done; exit 3", 0);
    assert_int_equal(su_super_ready(s, bad, 60000, line, sizeof line, &e), SU_EIO);
    assert_string_equal(e.at, "oracle 2");
    assert_non_null(strstr(e.msg, "before it was ready, with status 3"));
    assert_non_null(strstr(e.msg, "line 3 | line 4 | line 5 | line 6 | line 7"));
    assert_null(strstr(e.msg, "line 2"));
    assert_int_equal(su_super_check(s, &e), SU_EIO);
    assert_string_equal(e.at, "oracle 2");
    unsigned shot = start(s, "shot", "kill -SEGV $$", 0);
    assert_int_equal(su_super_wait(s, shot, 60000, &end, &e), SU_OK);
    assert_int_equal(end.status, -SIGSEGV);
    assert_int_equal(su_super_ready(s, shot, 0, line, sizeof line, &e), SU_EIO);
    assert_non_null(strstr(e.msg, "with signal 11; stderr: nothing"));
    assert_true(alive(su_super_pid(s, good)));
    close_clean(s);
}

static void first_lines(void **state)
{
    struct su_super *s = network();
    char line[64];
    struct su_err e;

    (void)state;
    unsigned silent = start(s, "silent", "exec sleep 600", 0);
    assert_int_equal(su_super_ready(s, silent, 50, line, sizeof line, &e), SU_ETIMEOUT);
    unsigned words = start(s, "words", "echo hello; exec sleep 600", 0);
    assert_int_equal(su_super_ready(s, words, 60000, line, sizeof line, &e), SU_EFORMAT);
    assert_non_null(strstr(e.msg, "hello"));
    unsigned endless = start(s, "long", "head -c 5000 /dev/zero | tr '\\0' x; exec sleep 600", 0);
    assert_int_equal(su_super_ready(s, endless, 60000, line, sizeof line, &e), SU_ELIMIT);
    assert_int_equal(su_super_ready(s, 77, 0, line, sizeof line, &e), SU_EINVAL);
    close_clean(s);
}

static void refused(void **state)
{
    struct su_super *s = network();
    const char *none[] = {"su-no-such-program", NULL}, *gone[] = {"/nowhere/x", NULL};
    const char *empty[] = {NULL}, *folder_argv[] = {"/", NULL}, *sh[] = {"sh", NULL};
    const char *bad_env[] = {"NOEQUALS", NULL};
    struct su_super_spec spec = {.name = "x", .argv = none};
    struct su_super *other = s;
    struct su_super_options o = {.name = "a/b", .dir = folder};
    struct su_super_end end;
    unsigned id;
    struct su_err e;

    (void)state;
    assert_int_equal(su_super_spawn(s, &spec, &id, &e), SU_ENOENT);
    spec.argv = gone;
    assert_int_equal(su_super_spawn(s, &spec, &id, &e), SU_ENOENT);
    spec.argv = folder_argv;
    assert_int_equal(su_super_spawn(s, &spec, &id, &e), SU_EACCES);
    spec.argv = empty;
    assert_int_equal(su_super_spawn(s, &spec, &id, &e), SU_EINVAL);
    spec.argv = sh;
    spec.env = bad_env;
    assert_int_equal(su_super_spawn(s, &spec, &id, &e), SU_EINVAL);
    spec.env = NULL;
    spec.log_path = "/nowhere/log";
    assert_int_equal(su_super_spawn(s, &spec, &id, &e), SU_ENOENT);
    spec.log_path = NULL;
    spec.dir = "/nowhere";
    assert_int_equal(su_super_spawn(s, &spec, &id, &e), SU_ENOENT);
    char *huge = malloc(SU_SUPER_ARGS_MAX_BYTES);
    assert_non_null(huge);
    memset(huge, 'x', SU_SUPER_ARGS_MAX_BYTES - 1);
    huge[SU_SUPER_ARGS_MAX_BYTES - 1] = 0;
    const char *long_argv[] = {"sh", huge, NULL};
    spec.dir = NULL;
    spec.argv = long_argv;
    assert_int_equal(su_super_spawn(s, &spec, &id, &e), SU_ELIMIT);
    free(huge);
    assert_int_equal(su_super_check(s, &e), SU_OK); /* what never ran did not crash */
    assert_int_equal(su_super_wait(s, 500, 0, &end, &e), SU_EINVAL);
    assert_int_equal(su_super_signal(s, 500, SIGTERM, &e), SU_EINVAL);
    assert_int_equal(su_super_signal(s, 0, 0, &e), SU_EINVAL);
    assert_int_equal(su_super_stop(s, 500, &e), SU_EINVAL);
    assert_int_equal(su_super_pid(s, 500), 0);
    close_clean(s);
    assert_int_equal(su_super_open(&o, &other, &e), SU_EINVAL);
    assert_null(other);
    o.name = "net";
    o.dir = "/nowhere";
    assert_int_equal(su_super_open(&o, &other, &e), SU_ENOENT);
    assert_null(other);
    assert_int_equal(su_super_close(NULL, &e), SU_OK);
}

/* Twenty children, ports, stages: the log of their ends shows the order. */
static void twenty(void **state)
{
    struct su_super *s = network();
    char script[700], line[64], path[600];
    int32_t pids[20];
    struct su_err e;

    (void)state;
    (void)snprintf(path, sizeof path, "%s/ends", folder);
    for (unsigned i = 0; i < 20; i++) {
        (void)snprintf(script, sizeof script,
                       "trap 'echo %u >> %s; exit 0' TERM; echo '{\"i\":%u}'; "
                       "while :; do sleep 0.05; done",
                       i / 10, path, i);
        (void)start(s, "many", script, (int)(i / 10));
    }
    for (unsigned i = 0; i < 20; i++) {
        assert_int_equal(su_super_ready(s, i, 60000, line, sizeof line, &e), SU_OK);
        pids[i] = su_super_pid(s, i);
    }
    close_clean(s);
    char text[64] = "";
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    assert_int_equal(fread(text, 1, sizeof text, f), 40);
    (void)fclose(f);
    (void)unlink(path);
    for (unsigned i = 0; i < 20; i++) {
        assert_false(alive(pids[i]));
        assert_int_equal(text[2 * i], i < 10 ? '1' : '0');
    }
}

static void stubborn(void **state)
{
    const struct su_super_options o = {.name = "net", .dir = folder, .grace_ms = 100};
    struct su_super *s;
    char line[64];
    struct su_err e;
    struct su_super_end end;

    (void)state;
    assert_int_equal(su_super_open(&o, &s, &e), SU_OK);
    unsigned id = start(s, "deaf", "trap '' TERM; echo '{}'; while :; do sleep 1; done", 0);
    assert_int_equal(su_super_ready(s, id, 60000, line, sizeof line, &e), SU_OK);
    assert_int_equal(su_super_stop(s, id, &e), SU_OK);
    assert_int_equal(su_super_wait(s, id, 0, &end, &e), SU_OK);
    assert_int_equal(end.status, -SIGKILL);
    id = start(s, "deaf", "trap '' TERM; echo '{}'; while :; do sleep 1; done", 0);
    assert_int_equal(su_super_ready(s, id, 60000, line, sizeof line, &e), SU_OK);
    int32_t pid = su_super_pid(s, id);
    close_clean(s);
    assert_false(alive(pid));
}

/* A child leaves processes behind, one in a session of its own. */
static const char family_sh[] =
    "sleep 600 & echo $! > a; setsid sh -c 'echo $$ > b; exec sleep 600' & "
    "mkdir -p d/e; : > d/e/f; ln -s / d/root; chmod 0 d/e; "
    "while [ ! -s b ]; do sleep 0.01; done; echo '{}'; wait";

static void families(const struct su_super *s, int32_t pids[2])
{
    char path[600];

    (void)snprintf(path, sizeof path, "%s/a", su_super_home(s));
    pids[0] = pid_from(path);
    (void)snprintf(path, sizeof path, "%s/b", su_super_home(s));
    pids[1] = pid_from(path);
}

static void grandchildren(void **state)
{
    struct su_super *s = network();
    int32_t pids[2];
    char line[64];
    struct su_err e;

    (void)state;
    unsigned id = start(s, "family", family_sh, 0);
    assert_int_equal(su_super_ready(s, id, 60000, line, sizeof line, &e), SU_OK);
    families(s, pids);
    assert_true(alive(pids[0]) && alive(pids[1]));
    assert_int_equal(su_super_signal(s, id, SIGKILL, &e), SU_OK);
    assert_true(dies(pids[0])); /* its group ends with it */
    assert_true(alive(pids[1]));
    close_clean(s);
    assert_false(alive(pids[1]));
}

static void ports(void **state)
{
    struct su_super *s = network();
    uint16_t port[SU_SUPER_PORTS_MAX];
    const int yes = 1;
    struct su_err e;

    (void)state;
    for (unsigned i = 0; i < SU_SUPER_PORTS_MAX; i++) {
        assert_int_equal(su_super_port(s, &port[i], &e), SU_OK);
        for (unsigned j = 0; j < i; j++)
            assert_int_not_equal(port[i], port[j]);
    }
    assert_int_equal(su_super_port(s, &port[1], &e), SU_ELIMIT);
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons(port[0]),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), -1);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes), 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(fd, 1), 0);
    (void)close(fd);
    close_clean(s);
}

static void too_many(void **state)
{
    struct su_super *s = network();
    const char *argv[] = {"/bin/sh", NULL};
    const struct su_super_spec spec = {.name = "x", .argv = argv, .dir = "/nowhere"};
    unsigned id;
    struct su_err e;

    (void)state;
    for (unsigned i = 0; i < SU_SUPER_CHILDREN_MAX; i++)
        assert_int_equal(su_super_spawn(s, &spec, &id, &e), SU_ENOENT);
    assert_int_equal(su_super_spawn(s, &spec, &id, &e), SU_ELIMIT);
    close_clean(s);
}

/* The other half of parent_killed: a parent of twenty that says what it made and then waits. */
static int parent_main(int out)
{
    struct su_super *s = network();
    char line[64], home[512];
    int32_t pids[22];
    struct su_err e;

    for (unsigned i = 0; i < 20; i++)
        (void)start(s, "many", i == 0 ? family_sh : ready_sh, 0);
    for (unsigned i = 0; i < 20; i++) {
        if (su_super_ready(s, i, 60000, line, sizeof line, &e) != SU_OK)
            return 1;
        pids[i] = su_super_pid(s, i);
    }
    families(s, pids + 20);
    memset(home, 0, sizeof home);
    (void)snprintf(home, sizeof home, "%s", su_super_home(s));
    if (write(out, pids, sizeof pids) < 0 || write(out, home, sizeof home) < 0)
        return 1;
    for (;;)
        (void)pause();
}

/* Killed while it works (all made), or at any earlier moment. */
static void parent_killed(void **state)
{
    const char *full = getenv("SU_TEST_FULL");
    unsigned rounds = full != NULL && strcmp(full, "1") == 0 ? 40 : 5;

    (void)state;
    for (unsigned round = 0; round < rounds; round++) {
        int32_t pids[22];
        char home[512], left[600];
        int p[2];

        assert_int_equal(pipe(p), 0);
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            (void)close(p[0]);
            _exit(parent_main(p[1]));
        }
        (void)close(p[1]);
        if (round == 0) {
            size_t n = 0;
            while (n < sizeof pids) {
                ssize_t got = read(p[0], (char *)pids + n, sizeof pids - n);
                assert_true(got > 0);
                n += (size_t)got;
            }
            assert_int_equal(read(p[0], home, sizeof home), sizeof home);
            for (unsigned i = 0; i < 22; i++)
                assert_true(alive(pids[i]));
        } else {
            nap(round * 7 % 100);
        }
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        (void)close(p[0]);
        for (unsigned i = 0; round == 0 && i < 22; i++)
            assert_true(dies(pids[i]));
        if (round == 0)
            assert_true(vanishes(home));
        /* No home is left in the folder: it can be removed, and is made again. */
        (void)snprintf(left, sizeof left, "%s", folder);
        unsigned tries = 0;
        while (rmdir(left) != 0 && tries++ < 6000)
            nap(10);
        assert_int_equal(mkdir(left, 0700), 0);
    }
}

/* The keeper's own death takes the children with it, and is told. */
static void keeper_killed(void **state)
{
    struct su_super *s = network();
    char path[64], text[256] = "", line[64], home[512];
    int32_t keeper = 0;
    unsigned id = start(s, "one", ready_sh, 0);
    struct su_super_end end;
    struct su_err e;
    const char *argv[] = {"sh", "-c", ready_sh, NULL};
    const struct su_super_spec spec = {.name = "late", .argv = argv};

    (void)state;
    assert_int_equal(su_super_ready(s, id, 60000, line, sizeof line, &e), SU_OK);
    int32_t pid = su_super_pid(s, id);
    (void)snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    assert_true(fread(text, 1, sizeof text - 1, f) > 0);
    (void)fclose(f);
    assert_int_equal(sscanf(strrchr(text, ')'), ") %*c %d", &keeper), 1);
    (void)snprintf(home, sizeof home, "%s", su_super_home(s));
    assert_int_equal(kill(keeper, SIGKILL), 0);
    assert_int_equal(su_super_wait(s, id, 60000, &end, &e), SU_OK);
    assert_int_equal(end.status, -SIGKILL);
    assert_true(dies(pid));
    assert_int_equal(su_super_spawn(s, &spec, &id, &e), SU_EIO);
    assert_int_equal(su_super_close(s, &e), SU_EIO);
    assert_int_equal(access(home, F_OK), -1);
}

static void home_kept(void **state)
{
    const struct su_super_options o = {.name = "kept", .dir = folder, .keep_home = true};
    struct su_super *s;
    char home[512];

    (void)state;
    assert_int_equal(su_super_open(&o, &s, NULL), SU_OK);
    (void)snprintf(home, sizeof home, "%s", su_super_home(s));
    assert_int_equal(su_super_close(s, NULL), SU_OK);
    assert_int_equal(rmdir(home), 0);
}

static int setup(void **state)
{
    const char *tmp = getenv("TMPDIR");

    (void)state;
    (void)snprintf(folder, sizeof folder, "%s/su-super-XXXXXX", tmp != NULL ? tmp : "/tmp");
    return mkdtemp(folder) != NULL ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    return rmdir(folder); /* fails when a home was left */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_child),     cmocka_unit_test(environment_and_output),
        cmocka_unit_test(crash_is_told), cmocka_unit_test(first_lines),
        cmocka_unit_test(refused),       cmocka_unit_test(twenty),
        cmocka_unit_test(stubborn),      cmocka_unit_test(grandchildren),
        cmocka_unit_test(ports),         cmocka_unit_test(too_many),
        cmocka_unit_test(parent_killed), cmocka_unit_test(keeper_killed),
        cmocka_unit_test(home_kept)};

    return cmocka_run_group_tests(tests, setup, teardown);
}
