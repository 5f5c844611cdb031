// SPDX-License-Identifier: MIT
#include "unit.h"

#include <stdlib.h>
#include <string.h>

static enum su_code parse(const char *text, struct su_config **c, struct su_err *e)
{
    return su_config_parse(text, strlen(text), "config", c, e);
}

static void values_are_read(void **state)
{
    static const char text[] = "# a comment\n"
                               "\n"
                               "url = http://127.0.0.1:8899/#top\n"
                               "  target-vram=300KB   # what one node has\n"
                               "name = \"a \\\"b\\\" \\\\ # c\"  # comment\n"
                               "empty =\n"
                               "quoted.empty = \"\"\r\n"
                               "\ttab\t=\tx y\t\n"
                               "letter = \xC3\xA9\n"
                               "commented = #nothing\n"
                               "last = 1";
    struct su_config *c;

    (void)state;
    assert_int_equal(parse(text, &c, NULL), SU_OK);
    assert_string_equal(su_config_get(c, "url", ""), "http://127.0.0.1:8899/#top");
    assert_string_equal(su_config_get(c, "target-vram", ""), "300KB");
    assert_string_equal(su_config_get(c, "name", ""), "a \"b\" \\ # c");
    assert_string_equal(su_config_get(c, "empty", "x"), "");
    assert_string_equal(su_config_get(c, "quoted.empty", "x"), "");
    assert_string_equal(su_config_get(c, "tab", ""), "x y");
    assert_string_equal(su_config_get(c, "letter", ""), "\xC3\xA9");
    assert_string_equal(su_config_get(c, "commented", "x"), "");
    assert_string_equal(su_config_get(c, "last", ""), "1");
    assert_string_equal(su_config_get(c, "absent", "fallback"), "fallback");
    assert_null(su_config_get(c, "absent", NULL));
    assert_string_equal(su_config_get(NULL, "url", "none"), "none");
    su_config_free(c);
    su_config_free(NULL);
}

static void nothing_is_a_configuration(void **state)
{
    struct su_config *c;

    (void)state;
    assert_int_equal(su_config_parse(NULL, 0, "config", &c, NULL), SU_OK);
    assert_null(su_config_get(c, "", NULL));
    su_config_free(c);
    assert_int_equal(parse("\n\n# only\n", &c, NULL), SU_OK);
    su_config_free(c);
}

static void errors_name_the_line(void **state)
{
    static const struct {
        const char *text, *part;
    } rows[] = {
        {"a = 1\nb\n", "line 2 "},
        {"a = 1\n\n= 2", "line 3 "},
        {"a b = 2", "line 1 "},
        {"[section]\n", "line 1 "},
        {"k\xC3\xA9y = 1", "line 1 "},
        {"a = \"open\n", "line 1: the quoted"},
        {"a = \"bad \\n\"", "line 1: the quoted"},
        {"a = \"end\\", "line 1: the quoted"},
        {"a = \"x\" y", "line 1: text follows"},
        {"a = 1\nb = 2\na = 3\n", "line 3 sets 'a' again after line 1"},
        {"a = 1\nb = \x01", "line 2 (offset 10)"},
        {"a = \xFF", "0xff"},
        {"a = x\ry", "0x0d"},
        {"a = \x7F", "0x7f"},
    };

    (void)state;
    for (size_t i = 0; i < SU_ARRAY_LEN(rows); i++) {
        struct su_config *c = (struct su_config *)&rows;
        struct su_err e;
        assert_int_equal(parse(rows[i].text, &c, &e), SU_EFORMAT);
        assert_null(c);
        assert_string_equal(e.at, "config");
        assert_non_null(strstr(e.msg, rows[i].part));
    }
    struct su_config *c;
    assert_int_equal(su_config_parse("a = \0b", 6, "config", &c, NULL), SU_EFORMAT);
}

static void size_is_limited(void **state)
{
    struct su_config *c;
    struct su_err e;
    size_t len = ((size_t)1 << 20) + 1;
    char *text = su_alloc(len);

    (void)state;
    memset(text, '\n', len);
    assert_int_equal(su_config_parse(text, len, "config", &c, &e), SU_ELIMIT);
    assert_null(c);
    assert_int_equal(su_config_parse(text, len - 1, "config", &c, &e), SU_OK);
    su_config_free(c);
    free(text);
}

static void many_keys_are_found(void **state)
{
    struct su_buf b;
    struct su_config *c;

    (void)state;
    su_buf_init(&b, 0);
    for (int i = 0; i < 5000; i++)
        su_buf_printf(&b, "key%d = %d\n", i * 7919 % 5000, i * 7919 % 5000 + 1);
    assert_int_equal(su_config_parse((const char *)b.data, b.len, "config", &c, NULL), SU_OK);
    for (int i = 0; i < 5000; i++) {
        char key[16], value[16];
        (void)snprintf(key, sizeof key, "key%d", i);
        (void)snprintf(value, sizeof value, "%d", i + 1);
        assert_string_equal(su_config_get(c, key, ""), value);
    }
    su_config_free(c);
    su_buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_read),      cmocka_unit_test(nothing_is_a_configuration),
        cmocka_unit_test(errors_name_the_line), cmocka_unit_test(size_is_limited),
        cmocka_unit_test(many_keys_are_found),
    };

    return cmocka_run_group_tests_name("base config", tests, NULL, NULL);
}
