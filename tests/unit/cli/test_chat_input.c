// SPDX-License-Identifier: MIT
/* Messages as they are typed: lines, joined lines, texts between fences, commands, and what is no
   text. */
#include "unit.h"

#include "cli/chat_input.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct typed {
    FILE *file;
    struct cli_chat_reader in;
    struct su_buf text;
};

static struct typed type_bytes(const char *bytes, size_t n)
{
    struct typed t = {.file = tmpfile()};
    assert_non_null(t.file);
    assert_int_equal(fwrite(bytes, 1, n, t.file), n);
    rewind(t.file);
    t.in.fd = fileno(t.file);
    su_buf_init(&t.text, 0);
    return t;
}

static void fini(struct typed *t)
{
    fclose(t->file);
    su_buf_fini(&t->text);
}

static void comes(struct typed *t, enum cli_chat_input want, const char *text)
{
    enum cli_chat_input what = CLI_CHAT_INTERRUPT;
    struct su_err e = {0};
    if (cli_chat_read(&t->in, &t->text, &what, &e) != SU_OK)
        fail_msg("%s: %s", e.at, e.msg);
    assert_int_equal(what, want);
    assert_string_equal(t->text.data, text);
    assert_int_equal(t->text.len, strlen(text));
}

static void test_messages(void **state)
{
    (void)state;
    static const char typed[] = "one\n"
                                "\n"
                                "a\\\n"
                                "b\\\n"
                                "\n"
                                "\"\"\"in one line\"\"\"\n"
                                "\"\"\"\n"
                                "first \\\n"
                                "/second\n"
                                "\n"
                                "\"\"\"\n"
                                "\"\"\"begun\n"
                                "ended\"\"\"\n"
                                "\"\"\"\"\"\"\n"
                                "/reset\n"
                                "/system ends with \\\n"
                                " /no command\n"
                                "a \"\"\" inside\n"
                                "no newline";
    struct typed t = type_bytes(typed, sizeof typed - 1);
    comes(&t, CLI_CHAT_MESSAGE, "one");
    comes(&t, CLI_CHAT_MESSAGE, "");
    comes(&t, CLI_CHAT_MESSAGE, "a\nb\n");
    comes(&t, CLI_CHAT_MESSAGE, "in one line");
    comes(&t, CLI_CHAT_MESSAGE, "first \\\n/second\n");
    comes(&t, CLI_CHAT_MESSAGE, "begun\nended");
    comes(&t, CLI_CHAT_MESSAGE, "");
    comes(&t, CLI_CHAT_COMMAND, "/reset");
    comes(&t, CLI_CHAT_COMMAND, "/system ends with \\");
    comes(&t, CLI_CHAT_MESSAGE, " /no command");
    comes(&t, CLI_CHAT_MESSAGE, "a \"\"\" inside");
    comes(&t, CLI_CHAT_MESSAGE, "no newline");
    comes(&t, CLI_CHAT_END, "");
    comes(&t, CLI_CHAT_END, "");
    fini(&t);
}

/* What the end of the input leaves open is taken as it is. */
static void test_open_ends(void **state)
{
    (void)state;
    static const struct {
        const char *typed, *text;
    } row[] = {{"\"\"\"never\nclosed", "never\nclosed"},
               {"\"\"\"never\nclosed\n", "never\nclosed"},
               {"\"\"\"", ""},
               {"goes on \\\n", "goes on \n"},
               {"backslash \\", "backslash \\"}};
    for (size_t i = 0; i < SU_ARRAY_LEN(row); i++) {
        struct typed t = type_bytes(row[i].typed, strlen(row[i].typed));
        comes(&t, CLI_CHAT_MESSAGE, row[i].text);
        comes(&t, CLI_CHAT_END, "");
        fini(&t);
    }
}

static void refused(struct typed *t, enum su_code code)
{
    enum cli_chat_input what;
    struct su_err e = {0};
    assert_int_equal(cli_chat_read(&t->in, &t->text, &what, &e), code);
    err_matches(&e, code, "message");
}

static void test_refused(void **state)
{
    (void)state;
    static const char zero[] = "a\0b\nnext\n";
    struct typed t = type_bytes(zero, sizeof zero - 1);
    refused(&t, SU_EINVAL);
    comes(&t, CLI_CHAT_MESSAGE, "next"); /* the line was read to its end */
    fini(&t);

    char *line = malloc(CLI_CHAT_INPUT_MAX + 8);
    assert_non_null(line);
    memset(line, 'x', CLI_CHAT_INPUT_MAX + 8);
    memcpy(line + CLI_CHAT_INPUT_MAX, "\nnext\n", 6);
    t = type_bytes(line, CLI_CHAT_INPUT_MAX + 6);
    refused(&t, SU_ELIMIT);
    comes(&t, CLI_CHAT_MESSAGE, "next");
    fini(&t);
    t = type_bytes(line + 1, CLI_CHAT_INPUT_MAX);
    enum cli_chat_input what;
    assert_int_equal(cli_chat_read(&t.in, &t.text, &what, NULL), SU_OK);
    assert_int_equal(t.text.len, CLI_CHAT_INPUT_MAX - 1);
    fini(&t);
    free(line);
}

static void test_unreadable(void **state)
{
    (void)state;
    struct typed t = {.file = fopen("/", "r")}; /* reading a folder fails */
    enum cli_chat_input what;
    struct su_err e = {0};
    assert_non_null(t.file);
    t.in.fd = fileno(t.file);
    su_buf_init(&t.text, 0);
    assert_int_not_equal(cli_chat_read(&t.in, &t.text, &what, &e), SU_OK);
    assert_string_equal(e.at, "standard input");
    fini(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_messages),
        cmocka_unit_test(test_open_ends),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_unreadable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
