// SPDX-License-Identifier: MIT
#include "unit.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void codes_have_name_text_and_status(void **state)
{
    (void)state;
    assert_int_equal(SU_OK, 0);
    assert_string_equal(su_code_name(SU_OK), "OK");
    assert_string_equal(su_code_name(SU_EFORMAT), "EFORMAT");
    assert_string_equal(su_code_text(SU_EFORMAT), "malformed data");
    assert_int_equal(su_code_exit(SU_OK), 0);
    assert_int_equal(su_code_exit(SU_ECANCELLED), 130);
    for (int c = 1; c < SU_CODE_COUNT; c++) {
        assert_true(su_code_name((enum su_code)c)[0] == 'E');
        assert_true(strlen(su_code_text((enum su_code)c)) > 3);
        assert_in_range(su_code_exit((enum su_code)c), 1, 255);
    }
    assert_string_equal(su_code_name((enum su_code)9999), "?");
    assert_string_equal(su_code_name((enum su_code) - 1), "?");
    assert_string_equal(su_code_text(SU_CODE_COUNT), "unknown error");
    assert_int_equal(su_code_exit(SU_CODE_COUNT), su_code_exit(SU_EINTERNAL));
}

static void fail_fills_and_returns(void **state)
{
    struct su_err e;

    (void)state;
    memset(&e, 0xFF, sizeof e);
    assert_int_equal(su_fail(&e, SU_EFORMAT, "a.gguf", "bad magic at offset %d", 4), SU_EFORMAT);
    assert_int_equal(e.code, SU_EFORMAT);
    assert_int_equal(e.sys, 0);
    assert_string_equal(e.at, "a.gguf");
    assert_string_equal(e.msg, "bad magic at offset 4");
    assert_int_equal(su_fail(NULL, SU_EIO, "x", "y"), SU_EIO);
    assert_int_equal(su_fail(&e, SU_EIO, NULL, "no place"), SU_EIO);
    assert_string_equal(e.at, "");
}

static void fail_keeps_one_line_and_bounds(void **state)
{
    struct su_err e;
    char big[2000];

    (void)state;
    memset(big, 'x', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    (void)su_fail(&e, SU_EINVAL, big, "%s", big);
    assert_int_equal(strlen(e.at), sizeof e.at - 1);
    assert_int_equal(strlen(e.msg), sizeof e.msg - 1);
    (void)su_fail(&e, SU_EINVAL, "a\nb\x7f", "c\x1b[2Jd\r\n%s", "e\tf");
    assert_string_equal(e.at, "a?b?");
    assert_string_equal(e.msg, "c?[2Jd??e?f");

    /* 95 bytes of room: 47 two-byte letters and no half of the next one. */
    for (size_t i = 0; i < 120; i += 2)
        memcpy(big + i, "\xC3\xA9", 2);
    big[120] = '\0';
    (void)su_fail(&e, SU_EINVAL, big, "m");
    assert_int_equal(strlen(e.at), 94);
}

static void fail_accepts_its_own_texts(void **state)
{
    struct su_err e;

    (void)state;
    (void)su_fail(&e, SU_EIO, "place", "first");
    (void)su_fail(&e, SU_ENET, e.at, "%s again", e.msg);
    assert_string_equal(e.at, "place");
    assert_string_equal(e.msg, "first again");
}

static void errno_maps_to_codes(void **state)
{
    static const struct {
        int sys;
        enum su_code code;
    } rows[] = {{ENOENT, SU_ENOENT}, {ENOTDIR, SU_ENOENT},     {EACCES, SU_EACCES},
                {EPERM, SU_EACCES},  {EROFS, SU_EACCES},       {ENOSPC, SU_ENOSPC},
                {EDQUOT, SU_ENOSPC}, {EEXIST, SU_EEXIST},      {ENOMEM, SU_ENOMEM},
                {EIO, SU_EIO},       {ETIMEDOUT, SU_ETIMEOUT}, {EBUSY, SU_EBUSY},
                {EAGAIN, SU_EBUSY},  {ELOOP, SU_EIO}};

    (void)state;
    for (size_t i = 0; i < SU_ARRAY_LEN(rows); i++) {
        struct su_err e;
        assert_int_equal(su_fail_sys(&e, rows[i].sys, "f", "cannot open"), rows[i].code);
        assert_int_equal(e.sys, rows[i].sys);
        assert_true(su_str_starts(e.msg, "cannot open: "));
        assert_true(su_str_ends(e.msg, strerror(rows[i].sys)));
        assert_int_equal(su_fail_sys(NULL, rows[i].sys, "f", "x"), rows[i].code);
    }
    struct su_err e;
    (void)su_fail_sys(&e, ENOENT, "f", "%s", "");
    assert_string_equal(e.msg, strerror(ENOENT));
}

static void wrap_puts_context_before(void **state)
{
    struct su_err e;
    char big[600];

    (void)state;
    (void)su_fail(&e, SU_EDIGEST, "blob", "root differs");
    assert_int_equal(su_wrap(&e, "stage %d", 3), SU_EDIGEST);
    assert_string_equal(e.msg, "stage 3: root differs");
    assert_string_equal(e.at, "blob");
    assert_int_equal(su_wrap(NULL, "x"), SU_EINTERNAL);
    memset(big, 'y', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    assert_int_equal(su_wrap(&e, "%s", big), SU_EDIGEST);
    assert_int_equal(strlen(e.msg), sizeof e.msg - 1);
}

static void line_names_place_and_message(void **state)
{
    struct su_err e;
    char out[64];

    (void)state;
    (void)su_fail(&e, SU_EINVAL, "--n", "bad");
    su_err_line(&e, out, sizeof out);
    assert_string_equal(out, "--n: bad");
    (void)su_fail(&e, SU_EINVAL, NULL, "bad");
    su_err_line(&e, out, sizeof out);
    assert_string_equal(out, "bad");
    memset(&e, 0, sizeof e);
    e.code = SU_ENODEV;
    su_err_line(&e, out, sizeof out);
    assert_string_equal(out, "no usable device");
    su_err_line(&e, out, 4);
    assert_string_equal(out, "no ");
}

static jmp_buf back;
static int handler_calls;

static void leave_by_jump(void)
{
    handler_calls++;
    longjmp(back, 1);
}

static void assert_runs_handler_once(void **state)
{
    (void)state;
    SU_ASSERT(1 + 1 == 2);
    handler_calls = 0;
    su_assert_handler(leave_by_jump);
    if (setjmp(back) == 0)
        SU_ASSERT(handler_calls == 99);
    assert_int_equal(handler_calls, 1);
    su_assert_handler(leave_by_jump);
    if (setjmp(back) == 0)
        su_assert_fail("named", "file.c", 7);
    assert_int_equal(handler_calls, 2);
    su_assert_handler(NULL);
}

static void note_to_stderr(void)
{
    (void)!write(STDERR_FILENO, "handler\n", 8);
}

static void assert_reports_and_aborts(void **state)
{
    int pipe_fds[2], status;
    char text[512];
    size_t len = 0;
    ssize_t n;

    (void)state;
    assert_int_equal(pipe(pipe_fds), 0);
    pid_t pid = fork();
    if (pid == 0) {
        (void)signal(SIGABRT, SIG_DFL);
        (void)dup2(pipe_fds[1], STDERR_FILENO);
        su_assert_handler(note_to_stderr);
        SU_ASSERT(pid == 77);
    }
    assert_true(pid > 0);
    (void)close(pipe_fds[1]);
    while ((n = read(pipe_fds[0], text + len, sizeof text - 1 - len)) > 0)
        len += (size_t)n;
    text[len] = '\0';
    (void)close(pipe_fds[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    assert_true(su_str_starts(text, "handler\n"));
    assert_non_null(strstr(text, "assertion failed: pid == 77"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codes_have_name_text_and_status),
        cmocka_unit_test(fail_fills_and_returns),
        cmocka_unit_test(fail_keeps_one_line_and_bounds),
        cmocka_unit_test(fail_accepts_its_own_texts),
        cmocka_unit_test(errno_maps_to_codes),
        cmocka_unit_test(wrap_puts_context_before),
        cmocka_unit_test(line_names_place_and_message),
        cmocka_unit_test(assert_runs_handler_once),
        cmocka_unit_test(assert_reports_and_aborts),
    };

    return cmocka_run_group_tests_name("base err", tests, NULL, NULL);
}
