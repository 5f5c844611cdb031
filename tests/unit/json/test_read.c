// SPDX-License-Identifier: MIT
#include "json/json.h"

#include <locale.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct su_json *parse(const char *text)
{
    struct su_json *doc;
    struct su_err e = {0};

    if (su_json_parse(text, strlen(text), "doc", NULL, &doc, &e) != SU_OK)
        fail_msg("%s", e.msg);
    return doc;
}

static void values_have_kinds(void **state)
{
    static const struct {
        const char *text;
        enum su_json_kind kind;
        const char *name;
    } rows[] = {
        {"null", SU_JSON_NULL, "null"},         {"true", SU_JSON_BOOL, "boolean"},
        {" false ", SU_JSON_BOOL, "boolean"},   {"-0.5e+3", SU_JSON_NUMBER, "number"},
        {"\"\"", SU_JSON_STRING, "string"},     {"[]", SU_JSON_ARRAY, "array"},
        {"{}\r\n\t", SU_JSON_OBJECT, "object"},
    };

    (void)state;
    for (size_t i = 0; i < SU_ARRAY_LEN(rows); i++) {
        struct su_json *doc = parse(rows[i].text);
        assert_int_equal(su_json_kind(su_json_root(doc)), rows[i].kind);
        assert_string_equal(su_json_kind_name(rows[i].kind), rows[i].name);
        assert_null(su_json_first(su_json_root(doc)));
        assert_int_equal(su_json_count(su_json_root(doc)), 0);
        assert_null(su_json_key(su_json_root(doc)));
        su_json_free(doc);
    }
    assert_string_equal(su_json_kind_name((enum su_json_kind)17), "?");
    su_json_free(NULL);
}

static void members_and_items_are_walked(void **state)
{
    struct su_json *doc = parse("{\"b\": [1, 2, 3], \"a\": {\"x\": null}, \"\": 4, \"A\": 5}");
    const struct su_json_value *root = su_json_root(doc), *b = su_json_first(root);
    uint64_t v = 0, sum = 0;

    (void)state;
    assert_int_equal(su_json_count(root), 4);
    assert_string_equal(su_json_key(b), "b");
    assert_string_equal(su_json_key(su_json_next(b)), "a");
    for (const struct su_json_value *i = su_json_first(b); i; i = su_json_next(i)) {
        assert_null(su_json_key(i));
        assert_int_equal(su_json_as_u64(i, "b", &v, NULL), SU_OK);
        sum = sum * 10 + v;
    }
    assert_int_equal(sum, 123);
    assert_non_null(su_json_member(su_json_member(root, "a"), "x"));
    assert_null(su_json_member(root, "c"));
    assert_null(su_json_member(b, "x"));
    assert_null(su_json_member(NULL, "x"));
    assert_null(su_json_key(NULL));
    assert_int_equal(su_json_get_u64(root, "A", &v, NULL), SU_OK); /* names are exact */
    assert_int_equal(v, 5);
    assert_int_equal(su_json_get_u64(root, "", &v, NULL), SU_OK);
    assert_int_equal(v, 4);
    su_json_free(doc);
}

static void strings_are_decoded(void **state)
{
    struct su_json *doc = parse("[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\", \"\\u00e9\\u20AC\\ud834\\udd1e\","
                                " \"\xC3\xA9\xF0\x9F\x98\x80\", \"\\u001f\\u007f\"]");
    static const char *const want[] = {"\"\\/\b\f\n\r\t", "\xC3\xA9\xE2\x82\xAC\xF0\x9D\x84\x9E",
                                       "\xC3\xA9\xF0\x9F\x98\x80", "\x1f\x7f"};
    const struct su_json_value *v = su_json_first(su_json_root(doc));

    (void)state;
    for (size_t i = 0; i < SU_ARRAY_LEN(want); i++, v = su_json_next(v)) {
        const char *s = NULL;
        assert_int_equal(su_json_as_str(v, NULL, &s, NULL), SU_OK);
        assert_string_equal(s, want[i]);
    }
    su_json_free(doc);
}

static void malformed_text_is_refused(void **state)
{
    static const struct {
        const char *text;
        enum su_code code;
        const char *part;
    } rows[] = {
        {"", SU_ETRUNC, "offset 0"},
        {"   ", SU_ETRUNC, "offset 3"},
        {"[1, 2", SU_ETRUNC, "offset 5"},
        {"[", SU_ETRUNC, "offset 1"},
        {"{", SU_ETRUNC, "offset 1"},
        {"{\"a", SU_ETRUNC, "quote"},
        {"{\"a\"", SU_ETRUNC, "':'"},
        {"{\"a\":", SU_ETRUNC, "value"},
        {"{\"a\":1,", SU_ETRUNC, "key"},
        {"tru", SU_ETRUNC, "true"},
        {"-", SU_ETRUNC, "digit"},
        {"1.", SU_ETRUNC, "digit"},
        {"1e", SU_ETRUNC, "digit"},
        {"\"\\", SU_ETRUNC, "escape"},
        {"\"\\u12", SU_ETRUNC, "hexadecimal"},
        {"\"\\ud800", SU_ETRUNC, "surrogate"},
        {"{} {}", SU_EFORMAT, "offset 3: text follows"},
        {"1 2", SU_EFORMAT, "offset 2"},
        {"[1,]", SU_EFORMAT, "offset 3: a value"},
        {"[,1]", SU_EFORMAT, "offset 1"},
        {"[1 2]", SU_EFORMAT, "']'"},
        {"{\"a\":1,}", SU_EFORMAT, "key"},
        {"{a:1}", SU_EFORMAT, "key"},
        {"{'a':1}", SU_EFORMAT, "key"},
        {"{\"a\" 1}", SU_EFORMAT, "':'"},
        {"{\"a\":1 \"b\":2}", SU_EFORMAT, "'}'"},
        {"[1}", SU_EFORMAT, "offset 2"},
        {"{\"a\":1]", SU_EFORMAT, "offset 6"},
        {"]", SU_EFORMAT, "offset 0"},
        {"True", SU_EFORMAT, "value"},
        {"nulL", SU_EFORMAT, "null"},
        {"NaN", SU_EFORMAT, "value"},
        {"Infinity", SU_EFORMAT, "value"},
        {"01", SU_EFORMAT, "begins with 0"},
        {"-01", SU_EFORMAT, "begins with 0"},
        {"+1", SU_EFORMAT, "value"},
        {".5", SU_EFORMAT, "value"},
        {"1.e5", SU_EFORMAT, "digit"},
        {"-x", SU_EFORMAT, "digit"},
        {"1e+x", SU_EFORMAT, "digit"},
        {"0x10", SU_EFORMAT, "offset 1"},
        {"\"a\nb\"", SU_EFORMAT, "control"},
        {"\"\\x41\"", SU_EFORMAT, "escape"},
        {"\"\\u12g4\"", SU_EFORMAT, "hexadecimal"},
        {"\"\xFF\"", SU_EFORMAT, "UTF-8"},
        {"\"\xC3\"", SU_EFORMAT, "UTF-8"},
        {"\"\xED\xA0\x80\"", SU_EFORMAT, "UTF-8"},
        {"\"\\ud800\"", SU_EFORMAT, "offset 1: half"},
        {"\"\\ud800x\"", SU_EFORMAT, "half"},
        {"\"\\ud800\\n\"", SU_EFORMAT, "half"},
        {"\"\\ud800\\u0041\"", SU_EFORMAT, "half"},
        {"\"\\udc00\\ud800\"", SU_EFORMAT, "half"},
        {"\"a\\u0000b\"", SU_EFORMAT, "u0000"},
        {"\xEF\xBB\xBF{}", SU_EFORMAT, "offset 0"},
        {"// c\n1", SU_EFORMAT, "value"},
        {"{\"a\":1,\"b\":2,\"a\":3}", SU_EFORMAT, "\"a\" stands twice"},
        {"[{\"x\":{\"a\":1,\"\\u0061\":2}}]", SU_EFORMAT, "\"a\" stands twice"},
        {"{\"big\":1e999}", SU_EFORMAT, "\"big\""},
        {"[-1e999]", SU_EFORMAT, "range of double"},
    };

    (void)state;
    for (size_t i = 0; i < SU_ARRAY_LEN(rows); i++) {
        struct su_json *doc = (struct su_json *)&rows;
        struct su_err e = {0};
        /* An exact copy, so that a sanitizer sees a read beyond the end. */
        size_t n = strlen(rows[i].text);
        char *exact = malloc(n ? n : 1);
        memcpy(exact, rows[i].text, n);
        enum su_code rc = su_json_parse(exact, n, "doc", NULL, &doc, &e);
        free(exact);
        if (rc != rows[i].code || !strstr(e.msg, rows[i].part))
            fail_msg("%s: %s %s", rows[i].text, su_code_name(rc), e.msg);
        assert_null(doc);
        assert_string_equal(e.at, "doc");
    }
    struct su_json *doc;
    assert_int_equal(su_json_parse("1\0", 2, "doc", NULL, &doc, NULL), SU_EFORMAT);
    assert_int_equal(su_json_parse("\"\0\"", 3, "doc", NULL, &doc, NULL), SU_EFORMAT);
    assert_int_equal(su_json_parse(NULL, 0, "doc", NULL, &doc, NULL), SU_ETRUNC);
}

static void limits_hold(void **state)
{
    struct su_json *doc;
    struct su_err e;
    char text[400];
    const struct su_json_limits bytes = {.bytes_max = 10}, values = {.values_max = 3},
                                depth = {.depth_max = 2}, deeper = {.depth_max = 1000};

    (void)state;
    assert_int_equal(su_json_parse("[1,2,3,4]", 9, "d", &bytes, &doc, NULL), SU_OK);
    su_json_free(doc);
    /* Nothing of a text that is too long is read. */
    assert_int_equal(su_json_parse(NULL, (size_t)100 << 20, "d", NULL, &doc, &e), SU_ELIMIT);
    assert_non_null(strstr(e.msg, "16777216"));
    assert_int_equal(su_json_parse("[1,2,3,4,5]", 11, "d", &bytes, &doc, &e), SU_ELIMIT);
    assert_int_equal(su_json_parse("[1,2]", 5, "d", &values, &doc, NULL), SU_OK);
    su_json_free(doc);
    assert_int_equal(su_json_parse("[1,2,3]", 7, "d", &values, &doc, &e), SU_ELIMIT);
    assert_non_null(strstr(e.msg, "3 values"));
    assert_int_equal(su_json_parse("[[1]]", 5, "d", &depth, &doc, NULL), SU_OK);
    su_json_free(doc);
    assert_int_equal(su_json_parse("[[[]]]", 6, "d", &depth, &doc, &e), SU_ELIMIT);
    assert_non_null(strstr(e.msg, "2 levels"));

    memset(text, '[', 64);
    memset(text + 64, ']', 64);
    assert_int_equal(su_json_parse(text, 128, "d", &deeper, &doc, NULL), SU_OK);
    su_json_free(doc);
    memset(text, '[', 65);
    assert_int_equal(su_json_parse(text, 65, "d", &deeper, &doc, &e), SU_ELIMIT);

    memset(text, '7', sizeof text);
    assert_int_equal(su_json_parse(text, SU_JSON_NUMBER_MAX, "d", NULL, &doc, NULL), SU_OK);
    su_json_free(doc);
    assert_int_equal(su_json_parse(text, SU_JSON_NUMBER_MAX + 1, "d", NULL, &doc, &e), SU_ELIMIT);
    assert_non_null(strstr(e.msg, "64 characters"));
}

static void whole_numbers_are_exact(void **state)
{
    static const struct {
        const char *text;
        enum su_code code;
        int64_t value;
    } rows[] = {
        {"0", SU_OK, 0},
        {"-0", SU_OK, 0},
        {"42", SU_OK, 42},
        {"4.2e1", SU_OK, 42},
        {"9007199254740991", SU_OK, 9007199254740991},
        {"9007199254740992", SU_EOVERFLOW, 0},
        {"9007199254740993", SU_EOVERFLOW, 0},
        {"1e300", SU_EOVERFLOW, 0},
        {"0.5", SU_EOVERFLOW, 0},
        {"1e-300", SU_EOVERFLOW, 0},
        {"\"5\"", SU_ETYPE, 0},
        {"true", SU_ETYPE, 0},
        {"null", SU_ETYPE, 0},
        {"[]", SU_ETYPE, 0},
    };

    (void)state;
    for (size_t i = 0; i < SU_ARRAY_LEN(rows); i++) {
        struct su_json *doc = parse(rows[i].text);
        const struct su_json_value *v = su_json_root(doc);
        struct su_err e;
        uint64_t u = 7;
        int64_t s = 7;
        assert_int_equal(su_json_as_u64(v, "n", &u, &e), rows[i].code);
        assert_true(u == (rows[i].code ? 7 : (uint64_t)rows[i].value));
        assert_int_equal(su_json_as_i64(v, "n", &s, &e), rows[i].code);
        assert_true(s == (rows[i].code ? 7 : rows[i].value));
        if (rows[i].code)
            assert_string_equal(e.at, "n");
        su_json_free(doc);
    }
    struct su_json *doc = parse("[-9007199254740991, -9007199254740992, -1]");
    const struct su_json_value *v = su_json_first(su_json_root(doc));
    int64_t s = 0;
    uint64_t u = 7;
    assert_int_equal(su_json_as_i64(v, "n", &s, NULL), SU_OK);
    assert_true(s == -9007199254740991);
    v = su_json_next(v);
    assert_int_equal(su_json_as_i64(v, "n", &s, NULL), SU_EOVERFLOW);
    v = su_json_next(v);
    assert_int_equal(su_json_as_u64(v, "n", &u, NULL), SU_EOVERFLOW);
    su_json_free(doc);
}

static void digits_in_strings_are_taken_where_asked(void **state)
{
    struct su_json *doc =
        parse("{\"a\":\"18446744073709551615\",\"b\":12,\"c\":\"18446744073709551616\","
              "\"d\":\"\",\"e\":\"-1\",\"f\":\"1 \",\"g\":\"000000000000000000001\","
              "\"h\":null,\"i\":1.5}");
    const struct su_json_value *o = su_json_root(doc);
    struct su_err e;
    uint64_t v = 0;

    (void)state;
    assert_int_equal(su_json_get_u64_text(o, "a", &v, NULL), SU_OK);
    assert_true(v == UINT64_MAX);
    assert_int_equal(su_json_get_u64_text(o, "b", &v, NULL), SU_OK);
    assert_int_equal(v, 12);
    assert_int_equal(su_json_as_u64_text(su_json_member(o, "b"), NULL, &v, NULL), SU_OK);
    assert_int_equal(su_json_get_u64_text(o, "c", &v, &e), SU_EOVERFLOW);
    assert_int_equal(su_json_get_u64_text(o, "d", &v, &e), SU_EFORMAT);
    assert_int_equal(su_json_get_u64_text(o, "e", &v, &e), SU_EFORMAT);
    assert_string_equal(e.at, "e");
    assert_int_equal(su_json_get_u64_text(o, "f", &v, &e), SU_EFORMAT);
    assert_int_equal(su_json_get_u64_text(o, "g", &v, &e), SU_EFORMAT);
    assert_int_equal(su_json_get_u64_text(o, "h", &v, &e), SU_ETYPE);
    assert_int_equal(su_json_get_u64_text(o, "i", &v, &e), SU_EOVERFLOW);
    assert_int_equal(su_json_get_u64(o, "a", &v, &e), SU_ETYPE);
    assert_int_equal(v, 12);
    su_json_free(doc);
}

static void members_are_got_by_type(void **state)
{
    struct su_json *doc =
        parse("{\"s\":\"x\",\"n\":-2.5,\"i\":-7,\"t\":true,\"f\":false,\"a\":[1],\"o\":{}}");
    const struct su_json_value *o = su_json_root(doc), *child = NULL;
    struct su_err e;
    const char *s = NULL;
    double d = 0;
    int64_t i = 0;
    bool b = false;

    (void)state;
    assert_int_equal(su_json_get_str(o, "s", &s, NULL), SU_OK);
    assert_string_equal(s, "x");
    assert_int_equal(su_json_get_double(o, "n", &d, NULL), SU_OK);
    assert_true(d == -2.5);
    assert_int_equal(su_json_get_i64(o, "i", &i, NULL), SU_OK);
    assert_int_equal(i, -7);
    assert_int_equal(su_json_get_bool(o, "t", &b, NULL), SU_OK);
    assert_true(b);
    assert_int_equal(su_json_get_bool(o, "f", &b, NULL), SU_OK);
    assert_false(b);
    assert_int_equal(su_json_get_array(o, "a", &child, NULL), SU_OK);
    assert_int_equal(su_json_count(child), 1);
    assert_int_equal(su_json_get_object(o, "o", &child, NULL), SU_OK);
    assert_int_equal(su_json_count(child), 0);

    assert_int_equal(su_json_get_str(o, "absent", &s, &e), SU_ENOENT);
    assert_string_equal(e.at, "absent");
    assert_int_equal(su_json_get_array(o, "absent", &child, &e), SU_ENOENT);
    assert_int_equal(su_json_get_str(o, "n", &s, &e), SU_ETYPE);
    assert_string_equal(e.at, "n");
    assert_non_null(strstr(e.msg, "number"));
    assert_non_null(strstr(e.msg, "string"));
    assert_int_equal(su_json_get_double(o, "s", &d, &e), SU_ETYPE);
    assert_int_equal(su_json_get_bool(o, "s", &b, &e), SU_ETYPE);
    assert_int_equal(su_json_get_array(o, "o", &child, &e), SU_ETYPE);
    assert_int_equal(su_json_get_object(o, "a", &child, &e), SU_ETYPE);
    assert_int_equal(su_json_get_i64(su_json_member(o, "a"), "x", &i, &e), SU_ETYPE);
    assert_string_equal(e.at, "a");
    assert_int_equal(su_json_get_i64(NULL, "x", &i, &e), SU_ETYPE);
    assert_int_equal(su_json_as_double(su_json_member(o, "s"), NULL, &d, &e), SU_ETYPE);
    assert_string_equal(e.at, "s"); /* named by its own key */
    assert_int_equal(su_json_as_bool(su_json_member(o, "t"), NULL, &b, NULL), SU_OK);
    assert_string_equal(s, "x");
    su_json_free(doc);
}

static void numbers_ignore_the_locale(void **state)
{
    double d = 0;

    (void)state;
    (void)setlocale(LC_ALL, "de_DE.UTF-8");
    struct su_json *doc = parse("1.5");
    assert_int_equal(su_json_as_double(su_json_root(doc), "n", &d, NULL), SU_OK);
    assert_true(d == 1.5);
    su_json_free(doc);
    (void)setlocale(LC_ALL, "C");
}

/* The check for repeated keys must not be quadratic. */
static void large_objects_are_parsed_in_time(void **state)
{
    struct su_buf b;
    struct su_json *doc;

    (void)state;
    su_buf_init(&b, 0);
    su_buf_str(&b, "{");
    for (unsigned i = 0; i < 200000; i++)
        su_buf_printf(&b, "%s\"key%u\":%u", i ? "," : "", i, i);
    su_buf_str(&b, "}");
    uint64_t start_ns = su_clock_mono_ns();
    assert_int_equal(su_json_parse(b.data, b.len, "doc", NULL, &doc, NULL), SU_OK);
    assert_true(su_clock_mono_ns() - start_ns < 20000000000u);
    assert_int_equal(su_json_count(su_json_root(doc)), 200000);
    su_json_free(doc);
    su_buf_fini(&b);
}

static void *parse_many(void *arg)
{
    for (int i = 0; i < 300; i++) {
        struct su_json *doc;
        const char *text = i % 2 ? "{\"a\":[1,2,{\"b\":\"c\"}]}" : "{\"a\":1e999}";
        enum su_code want = i % 2 ? SU_OK : SU_EFORMAT;
        if (su_json_parse(text, strlen(text), "doc", NULL, &doc, NULL) != want)
            return arg;
        su_json_free(doc);
    }
    return NULL;
}

static void threads_parse_at_once(void **state)
{
    pthread_t threads[4];

    (void)state;
    for (size_t i = 0; i < SU_ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, parse_many, threads), 0);
    for (size_t i = 0; i < SU_ARRAY_LEN(threads); i++) {
        void *failed;
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_have_kinds),
        cmocka_unit_test(members_and_items_are_walked),
        cmocka_unit_test(strings_are_decoded),
        cmocka_unit_test(malformed_text_is_refused),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(whole_numbers_are_exact),
        cmocka_unit_test(digits_in_strings_are_taken_where_asked),
        cmocka_unit_test(members_are_got_by_type),
        cmocka_unit_test(numbers_ignore_the_locale),
        cmocka_unit_test(large_objects_are_parsed_in_time),
        cmocka_unit_test(threads_parse_at_once),
    };

    return cmocka_run_group_tests_name("json read", tests, NULL, NULL);
}
