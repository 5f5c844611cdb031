// SPDX-License-Identifier: MIT
/* Tables, wrapped text, block art, the progress line, and output that cannot be written. */
#include "unit.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void test_table(void **state)
{
    (void)state;
    static const char *const title[] = {"NAME", ">SIZE", "WHERE"};
    struct cli_table t;
    catch_begin();
    cli_table_init(&t, title, 3);
    cli_table_cell(&t, "a");
    cli_table_cell(&t, "%d", 12345);
    cli_table_cell(&t, "here");
    cli_table_cell(&t, "caf\u00e9");
    cli_table_cell(&t, "%s", "7");
    cli_table_cell(&t, "a\033[31m\nb");
    cli_table_print(&t);
    catch_end();
    assert_string_equal(caught.out, "NAME   SIZE  WHERE\n"
                                    "a     12345  here\n"
                                    "caf\u00e9      7  a?[31m?b\n");
    static const char *const one[] = {">N"};
    catch_begin();
    cli_table_init(&t, one, 1);
    cli_table_print(&t);
    cli_table_init(&t, one, 1);
    cli_table_cell(&t, "%0600d", 1); /* cells are cut at some hundred characters */
    cli_table_print(&t);
    catch_end();
    assert_true(su_str_starts(caught.out, "N\n"));
    assert_int_equal(strlen(caught.out), 2 + 512 + 512);
}

static void test_wrapping(void **state)
{
    (void)state;
    catch_begin();
    cli_print_wrapped(stdout, "one two three four", 12, 4, printf("x: "));
    cli_print_wrapped(stdout, "", 12, 4, 0);
    cli_print_wrapped(stdout, "averyveryverylongword end", 12, 2, 0);
    cli_print_wrapped(stdout, "exactly  12c", 12, 2, 0);
    catch_end();
    assert_string_equal(caught.out, "x: one two\n    three\n    four\n"
                                    "\n"
                                    "averyveryverylongword\n  end\n"
                                    "exactly  12c\n");
}

static void test_block_art(void **state)
{
    (void)state;
    static float px[784];
    char line[128];
    px[2 * 28 + 0] = 1; /* row 1: upper */
    px[3 * 28 + 1] = 1; /* lower */
    px[2 * 28 + 2] = px[3 * 28 + 2] = 1; /* both */
    px[2 * 28 + 27] = 0.36f;
    px[3 * 28 + 26] = 0.34f;
    cli_digit_line(px, 0, true, line, sizeof line);
    assert_string_equal(line, "                            ");
    cli_digit_line(px, 1, true, line, sizeof line);
    assert_string_equal(line, "\u2580\u2584\u2588                        \u2580");
    cli_digit_line(px, 1, false, line, sizeof line);
    assert_int_equal(strlen(line), 28);
    assert_int_equal(line[0], line[1]);
    assert_int_equal(line[2], '@');
    assert_int_equal(line[5], ' ');
    /* Whatever the pixels are, only characters of the ramp come out. */
    const float odd[] = {-1e30f, 1e30f, su_f32_from_bits(0x7fc00000u),
                         su_f32_from_bits(0x7f800000u), su_f32_from_bits(0xff800000u)};
    for (unsigned i = 0; i < SU_ARRAY_LEN(odd); i++) {
        for (unsigned p = 0; p < 784; p++)
            px[p] = odd[i];
        cli_digit_line(px, 13, false, line, sizeof line);
        assert_int_equal(strlen(line), 28);
        assert_int_equal(strspn(line, " .:-=+*#%@"), 28);
        cli_digit_line(px, 13, true, line, sizeof line);
        assert_true(strlen(line) >= 28);
    }
    cli_digit_line(px, 0, false, line, 8); /* cut, and terminated */
    assert_true(strlen(line) < 8);
}

static void test_progress(void **state)
{
    (void)state;
    struct cli c = {.tty = true, .err_width = 60};
    struct su_progress p;
    su_progress_init(&p, 1000, "digits", 0);
    su_progress_set(&p, 500, UINT64_C(1000000000));
    catch_begin();
    cli_progress(&c, "run", &p, true);
    cli_progress(&c, "run", &p, false); /* at once again: not drawn */
    catch_end();
    assert_string_equal(caught.err, "\r\033[Krun 500 of 1000 digits, 500 digits/s, 0:01 left");
    catch_begin();
    c.err_width = 30;
    cli_progress(&c, "a device with \033 a very long name", &p, true);
    cli_progress_clear(&c);
    catch_end();
    /* Neither part may make the line reach the last column. */
    assert_true(su_str_starts(caught.err, "\r\033[Ka device with "));
    const char *clear = strchr(caught.err + 1, '\r');
    assert_non_null(clear);
    assert_string_equal(clear, "\r\033[K");
    assert_true(clear - caught.err - 4 <= 29);
    assert_ptr_equal(strchr(caught.err + 4, '\033'), clear + 1); /* none came from the name */
    assert_string_equal(caught.out, "");
    catch_begin();
    c.tty = false;
    cli_progress(&c, "run", &p, true);
    cli_progress_clear(&c);
    catch_end();
    assert_string_equal(caught.err, "");
}

/* Runs fn with stdout on fd. */
static enum su_code with_stdout(int fd, const char *text, struct su_err *e)
{
    int old = dup(STDOUT_FILENO);
    assert_true(fd >= 0 && old >= 0);
    fflush(stdout);
    dup2(fd, STDOUT_FILENO);
    fputs(text, stdout);
    enum su_code rc = cli_flush(e);
    clearerr(stdout);
    dup2(old, STDOUT_FILENO);
    close(old);
    close(fd);
    return rc;
}

static void test_output_that_cannot_be_written(void **state)
{
    (void)state;
    struct su_err e;
    int ends[2];
    assert_int_equal(with_stdout(open("/dev/full", O_WRONLY), "x", &e), SU_ENOSPC);
    err_matches(&e, SU_ENOSPC, "standard output|cannot be written");
    assert_false(cli_reader_left());
    /* More than a buffer: the write that failed was not the last. */
    static char much[100000];
    memset(much, 'x', sizeof much - 1);
    enum su_code rc = with_stdout(open("/dev/full", O_WRONLY), much, &e);
    assert_true(rc == SU_ENOSPC || rc == SU_EIO);
    err_matches(&e, rc, "standard output|written");

    signal(SIGPIPE, SIG_IGN);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(pipe(ends), 0);
        close(ends[0]);
        assert_int_equal(with_stdout(ends[1], i ? much : "x", &e), SU_ECANCELLED);
        err_matches(&e, SU_ECANCELLED, "standard output|closed");
        assert_true(cli_reader_left());
        assert_false(cli_reader_left());
    }
    assert_int_equal(with_stdout(open("/dev/null", O_WRONLY), much, &e), SU_OK);
}

static void test_json_document(void **state)
{
    (void)state;
    struct su_buf b;
    struct su_err e;
    su_buf_init(&b, 0);
    su_buf_str(&b, "{\"a\":1}");
    catch_begin();
    enum su_code rc = cli_print_json(&b, &e);
    catch_end();
    assert_int_equal(rc, SU_OK);
    assert_null(b.data);
    assert_string_equal(caught.out, "{\"a\":1}\n");
    su_buf_init(&b, 4);
    su_buf_str(&b, "too long");
    catch_begin();
    rc = cli_print_json(&b, &e);
    catch_end();
    assert_int_equal(rc, SU_ELIMIT);
    assert_string_equal(caught.out, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_wrapping),
        cmocka_unit_test(test_block_art),
        cmocka_unit_test(test_progress),
        cmocka_unit_test(test_output_that_cannot_be_written),
        cmocka_unit_test(test_json_document),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
