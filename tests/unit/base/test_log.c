// SPDX-License-Identifier: MIT
#include "unit.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char *read_all(const char *path)
{
    struct su_map m;

    assert_int_equal(su_map_open(path, 0, &m, NULL), SU_OK);
    char *text = su_alloc(m.len + 1);
    memcpy(text, m.data, m.len);
    su_map_close(&m);
    return text;
}

static void lines_have_time_level_and_topic(void **state)
{
    const char *path = scratch_path("a.log");
    struct stat st;
    int year, month, day, hour, minute, second, ms, used = 0;
    char level[8];

    (void)state;
    su_log_stderr(-1);
    assert_int_equal(su_log_file(path, SU_LOG_INFO, NULL), SU_OK);
    su_log(SU_LOG_WARN, "node", "stage %d loaded", 3);
    su_log(SU_LOG_DEBUG, "node", "not wanted");
    su_log(SU_LOG_ERROR, "n\node", "evil\nline \x1b[2J\xFF");
    assert_int_equal(su_log_file(NULL, 0, NULL), SU_OK);
    su_log(SU_LOG_ERROR, "node", "closed");
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);

    char *text = read_all(path);
    assert_int_equal(sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d.%3dZ %7s node: stage 3 loaded\n%n",
                            &year, &month, &day, &hour, &minute, &second, &ms, level, &used),
                     8);
    assert_true(used > 0);
    assert_string_equal(level, "WARN");
    assert_true(year >= 2024);
    const char *second_line = text + used;
    assert_non_null(strstr(second_line, "ERROR n?ode: evil?line ?[2J?\n"));
    assert_ptr_equal(strchr(second_line, '\n') + 1, text + strlen(text));
    free(text);
}

static void long_messages_are_cut(void **state)
{
    const char *path = scratch_path("long.log");
    char *big = su_alloc(100001);

    (void)state;
    memset(big, 'x', 100000);
    assert_int_equal(su_log_file(path, SU_LOG_TRACE, NULL), SU_OK);
    su_log(SU_LOG_TRACE, "a topic that is far longer than any topic should be", "%s", big);
    assert_int_equal(su_log_file(NULL, 0, NULL), SU_OK);
    char *text = read_all(path);
    assert_in_range(strlen(text), 2048, 2200);
    assert_true(su_str_ends(text, "x\n"));
    free(text);
    free(big);
}

static void file_is_rotated_once(void **state)
{
    char path[512], old[520], message[1900];
    struct stat now, before;

    (void)state;
    memset(message, 'm', sizeof message - 1);
    message[sizeof message - 1] = '\0';
    (void)snprintf(path, sizeof path, "%s", scratch_path("rotate.log"));
    (void)snprintf(old, sizeof old, "%s.1", path);
    assert_int_equal(su_log_file(path, SU_LOG_INFO, NULL), SU_OK);
    for (unsigned i = 0; i < 20000; i++) /* 38 MiB: two rotations, the first .1 is replaced */
        su_log(SU_LOG_INFO, "t", "%u %s", i, message);
    assert_int_equal(su_log_file(NULL, 0, NULL), SU_OK);
    assert_int_equal(stat(path, &now), 0);
    assert_int_equal(stat(old, &before), 0);
    assert_in_range(before.st_size, (15 << 20) + 1000000, 16 << 20);
    assert_in_range(now.st_size, 1, 8 << 20);
    char *text = read_all(path);
    assert_non_null(strstr(text, "INFO  t: 19999 mmm"));
    free(text);
    assert_int_equal(unlink(old), 0);
}

static void opening_appends(void **state)
{
    const char *path = scratch_path("append.log");
    struct su_err e;

    (void)state;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(su_log_file(path, SU_LOG_INFO, NULL), SU_OK);
        su_log(SU_LOG_INFO, "t", "turn %d", i);
    }
    assert_int_equal(su_log_file(NULL, 0, NULL), SU_OK);
    char *text = read_all(path);
    assert_non_null(strstr(text, "turn 0\n"));
    assert_non_null(strstr(text, "turn 1\n"));
    free(text);
    assert_int_equal(su_log_file(scratch_path("no/such/folder"), SU_LOG_INFO, &e), SU_ENOENT);
    char *longest = su_alloc(5000);
    memset(longest, 'a', 4999);
    assert_int_equal(su_log_file(longest, SU_LOG_INFO, &e), SU_ELIMIT);
    free(longest);
}

static void stderr_has_its_own_level(void **state)
{
    const char *path = scratch_path("stderr.txt");

    (void)state;
    int saved = dup(STDERR_FILENO), fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(saved >= 0 && fd >= 0);
    assert_true(dup2(fd, STDERR_FILENO) >= 0);
    su_log_stderr(SU_LOG_WARN);
    su_log(SU_LOG_INFO, "t", "quiet");
    su_log(SU_LOG_WARN, "t", "loud");
    su_log_stderr(-1);
    su_log(SU_LOG_ERROR, "t", "off");
    assert_true(dup2(saved, STDERR_FILENO) >= 0);
    (void)close(saved);
    (void)close(fd);
    char *text = read_all(path);
    assert_non_null(strstr(text, "WARN  t: loud\n"));
    assert_null(strstr(text, "quiet"));
    assert_null(strstr(text, "off"));
    free(text);
}

static void *log_many(void *arg)
{
    for (int i = 0; i < 500; i++)
        su_log(SU_LOG_INFO, "thread", "%s line %d end", (const char *)arg, i);
    return NULL;
}

static void threads_do_not_mix_lines(void **state)
{
    const char *path = scratch_path("threads.log");
    pthread_t threads[4];
    size_t lines = 0;

    (void)state;
    assert_int_equal(su_log_file(path, SU_LOG_INFO, NULL), SU_OK);
    for (size_t i = 0; i < SU_ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, log_many, "same"), 0);
    for (size_t i = 0; i < SU_ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(su_log_file(NULL, 0, NULL), SU_OK);
    char *text = read_all(path);
    for (char *p = text; *p; lines++) {
        char *end = strchr(p, '\n');
        assert_non_null(end);
        *end = '\0';
        assert_true(su_str_starts(p, "20"));
        assert_true(su_str_ends(p, " end"));
        p = end + 1;
    }
    assert_int_equal(lines, 2000);
    free(text);
}

static void clocks_move_forward(void **state)
{
    (void)state;
    uint64_t a = su_clock_mono_ns();
    assert_true(su_clock_wall_ms() > 1700000000000);
    (void)usleep(2000);
    assert_true(su_clock_mono_ns() - a >= 2000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_have_time_level_and_topic),
        cmocka_unit_test(long_messages_are_cut),
        cmocka_unit_test(file_is_rotated_once),
        cmocka_unit_test(opening_appends),
        cmocka_unit_test(stderr_has_its_own_level),
        cmocka_unit_test(threads_do_not_mix_lines),
        cmocka_unit_test(clocks_move_forward),
    };

    return cmocka_run_group_tests_name("base log", tests, scratch_setup, scratch_teardown);
}
