// SPDX-License-Identifier: MIT
/* A device's fitness is remembered, and who runs under a home is told by its lock. */
#include "exec/exec.h"
#include "node/node.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char home[64], path[128];

static int setup(void **state)
{
    (void)state;
    (void)su_str_copy(home, sizeof home, "/tmp/su-test-device-XXXXXX");
    return mkdtemp(home) ? 0 : -1;
}

static const char *in_home(const char *name)
{
    (void)snprintf(path, sizeof path, "%s/%s", home, name);
    return path;
}

static int teardown(void **state)
{
    (void)state;
    (void)unlink(in_home("conformance"));
    (void)unlink(in_home("node/run"));
    (void)rmdir(in_home("node"));
    return rmdir(home);
}

static bool count(void *ctx, uint32_t done, uint32_t total)
{
    unsigned *calls = ctx;

    ++*calls;
    return done <= total;
}

static bool refuse(void *ctx, uint32_t done, uint32_t total)
{
    (void)ctx;
    (void)done;
    (void)total;
    return false;
}

static void write_file(const char *text)
{
    struct su_err e = {0};

    assert_int_equal(su_file_write(in_home("conformance"), text, strlen(text), 0600, &e), SU_OK);
}

static void remembers_a_pass(void **state)
{
    const struct su_exec_opts o = {.backend = SU_BACKEND_CPU, .threads = 1};
    struct su_exec *x = NULL;
    struct su_err e = {0};
    uint8_t root[32], known[32];
    unsigned calls = 0;
    struct stat st;

    (void)state;
    su_conformance_root(known);
    assert_int_equal(su_exec_open(&o, &x, &e), SU_OK);
    assert_int_equal(su_node_conform(x, home, false, refuse, NULL, root, &e), SU_ECANCELLED);
    assert_int_not_equal(stat(in_home("conformance"), &st), 0); /* nothing was passed */
    assert_int_equal(su_node_conform(x, home, false, count, &calls, root, &e), SU_OK);
    assert_true(calls > 0);
    assert_memory_equal(root, known, 32);
    assert_int_equal(stat(in_home("conformance"), &st), 0);
    memset(root, 0, sizeof root);
    calls = 0;
    assert_int_equal(su_node_conform(x, home, false, count, &calls, root, &e), SU_OK);
    assert_int_equal(calls, 0); /* remembered */
    assert_memory_equal(root, known, 32);
    assert_int_equal(su_node_conform(x, home, true, count, &calls, root, &e), SU_OK);
    assert_true(calls > 0); /* asked for */
    write_file("no configuration at all");
    calls = 0;
    assert_int_equal(su_node_conform(x, home, false, count, &calls, root, &e), SU_OK);
    assert_true(calls > 0);
    calls = 0;
    assert_int_equal(su_node_conform(x, home, false, count, &calls, root, &e), SU_OK);
    assert_int_equal(calls, 0); /* the file is sound again */
    assert_int_equal(su_exec_close(x, &e), SU_OK);
    assert_int_equal(su_node_numerics_version(), 1);
}

static void believes_no_other_root(void **state)
{
    const struct su_exec_opts o = {.backend = SU_BACKEND_CPU, .threads = 1};
    struct su_exec *x = NULL;
    struct su_map m;
    struct su_err e = {0};
    uint8_t root[32];
    unsigned calls = 0;
    char text[400];

    (void)state;
    assert_int_equal(su_exec_open(&o, &x, &e), SU_OK);
    assert_int_equal(su_node_conform(x, home, false, NULL, NULL, root, &e), SU_OK);
    assert_int_equal(su_map_open(in_home("conformance"), 0, &m, &e), SU_OK);
    assert_true(m.len < sizeof text);
    memcpy(text, m.data, m.len);
    text[m.len] = 0;
    su_map_close(&m);
    char *digit = strstr(text, "= ") + 2;
    *digit = *digit == '0' ? '1' : '0';
    write_file(text);
    assert_int_equal(su_node_conform(x, home, false, count, &calls, root, &e), SU_OK);
    assert_true(calls > 0);
    assert_int_equal(su_exec_close(x, &e), SU_OK);
}

static void needs_a_home(void **state)
{
    const struct su_exec_opts o = {.backend = SU_BACKEND_REFERENCE};
    struct su_exec *x = NULL;
    struct su_err e = {0};
    uint8_t root[32];

    (void)state;
    assert_int_equal(su_exec_open(&o, &x, &e), SU_OK);
    assert_int_equal(su_node_conform(x, "/dev/null/home", false, NULL, NULL, root, &e), SU_EEXIST);
    assert_int_equal(su_exec_close(x, &e), SU_OK);
}

/* ---- who runs here --------------------------------------------------------------------------- */

static volatile sig_atomic_t asked;
static void on_usr1(int s)
{
    (void)s;
    asked = 1;
}

/* A process that behaves like a node as far as its run file goes. Its pid; `ready` has told. */
static pid_t holder(void)
{
    int ready[2];
    char byte;

    assert_int_equal(pipe(ready), 0);
    pid_t pid = fork();
    if (pid == 0) {
        char text[64];
        struct sigaction act = {.sa_handler = on_usr1};
        (void)sigaction(SIGUSR1, &act, NULL);
        int fd = open(in_home("node/run"), O_RDWR | O_CREAT, 0600);
        int n = snprintf(text, sizeof text, "%ld http://127.0.0.1:9\n", (long)getpid());
        bool good = fd >= 0 && flock(fd, LOCK_EX) == 0 && write(fd, text, (size_t)n) == n;
        good = write(ready[1], good ? "y" : "n", 1) == 1 && good;
        for (int i = 0; i < 6000 && !asked && good; i++)
            (void)usleep(10000);
        _exit(asked ? 7 : 1);
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_int_equal(byte, 'y');
    (void)close(ready[0]);
    (void)close(ready[1]);
    return pid;
}

static void finds_who_runs(void **state)
{
    struct su_node_here here;
    struct su_err e = {0};
    int status;

    (void)state;
    assert_int_equal(su_node_find(home, &here, &e), SU_OK); /* never anybody */
    assert_false(here.running);
    assert_int_equal(su_node_drain(home, &e), SU_ENOENT);
    assert_int_equal(su_dir_make(in_home("node"), 0700, &e), SU_OK);
    pid_t pid = holder();
    assert_int_equal(su_node_find(home, &here, &e), SU_OK);
    assert_true(here.running);
    assert_int_equal(here.pid, pid);
    assert_string_equal(here.url, "http://127.0.0.1:9");
    assert_int_equal(su_node_drain(home, &e), SU_OK);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 7);
    assert_int_equal(su_node_find(home, &here, &e), SU_OK); /* its file is still there */
    assert_false(here.running);
    assert_int_equal(here.pid, 0);
    assert_int_equal(su_node_drain(home, &e), SU_ENOENT);
}

static void too_long_a_home(void **state)
{
    struct su_node_here here;
    struct su_err e = {0};
    char *deep = su_alloc(5000);

    (void)state;
    memset(deep, 'a', 4999);
    assert_int_equal(su_node_find(deep, &here, &e), SU_ELIMIT);
    free(deep);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(remembers_a_pass, setup, teardown),
        cmocka_unit_test_setup_teardown(believes_no_other_root, setup, teardown),
        cmocka_unit_test_setup_teardown(needs_a_home, setup, teardown),
        cmocka_unit_test_setup_teardown(finds_who_runs, setup, teardown),
        cmocka_unit_test_setup_teardown(too_long_a_home, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
