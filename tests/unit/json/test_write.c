// SPDX-License-Identifier: MIT
#include "json/json.h"

#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void write_sample(struct su_json_writer *w)
{
    su_json_put_object(w, NULL);
    su_json_put_str(w, "s", "a \"b\" \\ \n\x01\x7f");
    su_json_put_array(w, "a");
    su_json_put_u64(w, NULL, UINT64_MAX);
    su_json_put_i64(w, NULL, INT64_MIN);
    su_json_put_object(w, NULL);
    su_json_end_object(w);
    su_json_put_array(w, NULL);
    su_json_end_array(w);
    su_json_end_array(w);
    su_json_put_bool(w, "t", true);
    su_json_put_bool(w, "f", false);
    su_json_put_null(w, "n");
    su_json_put_hex(w, "h", "\x00\xff\x1a", 3);
    su_json_put_double(w, "d", 0.1);
    su_json_put_float(w, "r", 0.1f);
    su_json_end_object(w);
}

static void compact_and_indented(void **state)
{
    static const char compact[] =
        "{\"s\":\"a \\\"b\\\" \\\\ \\n\\u0001\\u007f\","
        "\"a\":[18446744073709551615,-9223372036854775808,{},[]],"
        "\"t\":true,\"f\":false,\"n\":null,\"h\":\"00ff1a\",\"d\":0.1,\"r\":0.1}";
    static const char indented[] = "{\n"
                                   "  \"s\": \"a \\\"b\\\" \\\\ \\n\\u0001\\u007f\",\n"
                                   "  \"a\": [\n"
                                   "    18446744073709551615,\n"
                                   "    -9223372036854775808,\n"
                                   "    {},\n"
                                   "    []\n"
                                   "  ],\n"
                                   "  \"t\": true,\n"
                                   "  \"f\": false,\n"
                                   "  \"n\": null,\n"
                                   "  \"h\": \"00ff1a\",\n"
                                   "  \"d\": 0.1,\n"
                                   "  \"r\": 0.1\n"
                                   "}";
    struct su_buf b;
    struct su_json_writer w;

    (void)state;
    su_buf_init(&b, 0);
    su_json_writer_init(&w, &b, 0);
    assert_false(su_json_writer_done(&w));
    write_sample(&w);
    assert_true(su_json_writer_done(&w));
    assert_string_equal((char *)b.data, compact);
    su_buf_clear(&b);
    su_json_writer_init(&w, &b, 2);
    write_sample(&w);
    assert_string_equal((char *)b.data, indented);
    su_buf_fini(&b);
}

static const char *written_str(struct su_buf *b, const void *s, size_t n)
{
    struct su_json_writer w;

    su_buf_clear(b);
    su_json_writer_init(&w, b, 0);
    su_json_put_strn(&w, NULL, s, n);
    assert_true(su_json_writer_done(&w));
    return (const char *)b->data;
}

static void strings_are_made_valid(void **state)
{
    struct su_buf b;
    struct su_json_writer w;

    (void)state;
    su_buf_init(&b, 0);
    assert_string_equal(written_str(&b, "", 0), "\"\"");
    assert_string_equal(written_str(&b, "a\0b", 3), "\"a\\u0000b\"");
    assert_string_equal(written_str(&b, "\b\f\n\r\t/", 6), "\"\\b\\f\\n\\r\\t/\"");
    assert_string_equal(written_str(&b, "\xC3\xA9\xF0\x9F\x98\x80", 6),
                        "\"\xC3\xA9\xF0\x9F\x98\x80\"");
    assert_string_equal(written_str(&b, "a\xFF\xC3.", 4), "\"a\xEF\xBF\xBD\xEF\xBF\xBD.\"");
    assert_string_equal(written_str(&b, "\xED\xA0\x80", 3),
                        "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"");
    su_buf_clear(&b);
    su_json_writer_init(&w, &b, 0);
    su_json_put_str(&w, NULL, NULL);
    assert_string_equal((char *)b.data, "null");
    su_buf_clear(&b);
    su_json_writer_init(&w, &b, 0);
    su_json_put_object(&w, NULL);
    su_json_put_null(&w, "k\"\xFF");
    su_json_end_object(&w);
    assert_string_equal((char *)b.data, "{\"k\\\"\xEF\xBF\xBD\":null}");
    su_buf_fini(&b);
}

static void assert_double(struct su_buf *b, double v, const char *want)
{
    struct su_json_writer w;

    su_buf_clear(b);
    su_json_writer_init(&w, b, 0);
    su_json_put_double(&w, NULL, v);
    assert_string_equal((char *)b->data, want);
}

static void assert_float(struct su_buf *b, float v, const char *want)
{
    struct su_json_writer w;

    su_buf_clear(b);
    su_json_writer_init(&w, b, 0);
    su_json_put_float(&w, NULL, v);
    assert_string_equal((char *)b->data, want);
}

static void numbers_are_short(void **state)
{
    struct su_buf b;

    (void)state;
    su_buf_init(&b, 0);
    (void)setlocale(LC_ALL, "de_DE.UTF-8"); /* where it exists, nothing may change */
    assert_double(&b, 0, "0");
    assert_double(&b, -0.0, "-0");
    assert_double(&b, 1, "1");
    assert_double(&b, 1.5, "1.5");
    assert_double(&b, 1.0 / 3, "0.3333333333333333");
    assert_double(&b, 1e300, "1e+300");
    assert_double(&b, 1.5e300, "1.5e+300");
    assert_double(&b, 5e-324, "5e-324");
    assert_double(&b, 123456789, "123456789");
    assert_double(&b, NAN, "null");
    assert_double(&b, INFINITY, "null");
    assert_float(&b, 0.1f, "0.1");
    assert_float(&b, 1.0f / 3, "0.33333334");
    assert_float(&b, 3.4028235e38f, "3.4028235e+38");
    assert_float(&b, 16777216.0f, "16777216");
    assert_float(&b, -INFINITY, "null");
    assert_float(&b, NAN, "null");
    (void)setlocale(LC_ALL, "C");
    su_buf_fini(&b);
}

static uint64_t rng = 88172645463325252u;

static uint64_t random_u64(void)
{
    rng ^= rng << 13;
    rng ^= rng >> 7;
    rng ^= rng << 17;
    return rng;
}

/* Any bits that are a number come back through the reader. */
static void numbers_read_back(void **state)
{
    struct su_buf b;

    (void)state;
    su_buf_init(&b, 0);
    for (int i = 0; i < 5000; i++) {
        uint64_t bits = random_u64();
        uint32_t half = (uint32_t)(bits >> 16);
        double d, d_back = 0, f_back = 0;
        float f;
        struct su_json_writer w;
        struct su_json *doc;
        memcpy(&d, &bits, sizeof d);
        memcpy(&f, &half, sizeof f);
        if (!isfinite(d) || !isfinite(f))
            continue;
        su_buf_clear(&b);
        su_json_writer_init(&w, &b, 0);
        su_json_put_array(&w, NULL);
        su_json_put_double(&w, NULL, d);
        su_json_put_float(&w, NULL, f);
        su_json_end_array(&w);
        assert_int_equal(su_json_parse(b.data, b.len, "doc", NULL, &doc, NULL), SU_OK);
        const struct su_json_value *v = su_json_first(su_json_root(doc));
        assert_int_equal(su_json_as_double(v, "d", &d_back, NULL), SU_OK);
        assert_int_equal(su_json_as_double(su_json_next(v), "f", &f_back, NULL), SU_OK);
        assert_memory_equal(&d_back, &d, sizeof d);
        assert_true((float)f_back == f);
        su_json_free(doc);
    }
    su_buf_fini(&b);
}

static void random_text_reads_back(void **state)
{
    struct su_buf b;

    (void)state;
    su_buf_init(&b, 0);
    for (int i = 0; i < 2000; i++) {
        uint8_t text[24];
        size_t n = random_u64() % sizeof text;
        struct su_json *doc;
        const char *back = NULL;
        for (size_t k = 0; k < n; k++)
            text[k] = (uint8_t)(1 + random_u64() % 127); /* ASCII without NUL */
        (void)written_str(&b, text, n);
        assert_int_equal(su_json_parse(b.data, b.len, "doc", NULL, &doc, NULL), SU_OK);
        assert_int_equal(su_json_as_str(su_json_root(doc), "s", &back, NULL), SU_OK);
        assert_int_equal(strlen(back), n);
        assert_memory_equal(back, text, n);
        su_json_free(doc);
    }
    su_buf_fini(&b);
}

static void a_full_buffer_is_reported(void **state)
{
    struct su_buf b;
    struct su_json_writer w;

    (void)state;
    su_buf_init(&b, 20);
    su_json_writer_init(&w, &b, 2);
    write_sample(&w);
    assert_true(su_json_writer_done(&w));
    assert_int_equal(su_buf_check(&b, "out", NULL), SU_ELIMIT);
    su_buf_fini(&b);
}

static jmp_buf back;

static void leave_by_jump(void)
{
    longjmp(back, 1);
}

static void top_key(struct su_json_writer *w)
{
    su_json_put_null(w, "k");
}

static void missing_key(struct su_json_writer *w)
{
    su_json_put_object(w, NULL);
    su_json_put_null(w, NULL);
}

static void needless_key(struct su_json_writer *w)
{
    su_json_put_array(w, NULL);
    su_json_put_null(w, "k");
}

static void wrong_end(struct su_json_writer *w)
{
    su_json_put_array(w, NULL);
    su_json_end_object(w);
}

static void end_of_nothing(struct su_json_writer *w)
{
    su_json_end_array(w);
}

static void second_document(struct su_json_writer *w)
{
    su_json_put_null(w, NULL);
    su_json_put_null(w, NULL);
}

static void too_deep(struct su_json_writer *w)
{
    for (int i = 0; i <= SU_JSON_DEPTH_MAX; i++)
        su_json_put_array(w, NULL);
}

static void misuse_fails_an_assertion(void **state)
{
    void (*const wrong[])(struct su_json_writer *) = {
        top_key, missing_key, needless_key, wrong_end, end_of_nothing, second_document, too_deep};
    volatile size_t caught = 0;

    (void)state;
    for (volatile size_t i = 0; i < SU_ARRAY_LEN(wrong); i++) {
        struct su_buf b;
        struct su_json_writer w;
        su_buf_init(&b, 0);
        su_json_writer_init(&w, &b, 0);
        su_assert_handler(leave_by_jump);
        if (setjmp(back) == 0)
            wrong[i](&w);
        else
            caught++;
        su_assert_handler(NULL);
        su_buf_fini(&b);
    }
    assert_int_equal(caught, SU_ARRAY_LEN(wrong));
}

static void deepest_nesting_is_allowed(void **state)
{
    struct su_buf b;
    struct su_json_writer w;
    struct su_json *doc;

    (void)state;
    su_buf_init(&b, 0);
    su_json_writer_init(&w, &b, 0);
    for (int i = 0; i < SU_JSON_DEPTH_MAX; i++)
        su_json_put_array(&w, NULL);
    for (int i = 0; i < SU_JSON_DEPTH_MAX; i++)
        su_json_end_array(&w);
    assert_true(su_json_writer_done(&w));
    assert_int_equal(su_json_parse(b.data, b.len, "doc", NULL, &doc, NULL), SU_OK);
    su_json_free(doc);
    su_buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(compact_and_indented),      cmocka_unit_test(strings_are_made_valid),
        cmocka_unit_test(numbers_are_short),         cmocka_unit_test(numbers_read_back),
        cmocka_unit_test(random_text_reads_back),    cmocka_unit_test(a_full_buffer_is_reported),
        cmocka_unit_test(misuse_fails_an_assertion), cmocka_unit_test(deepest_nesting_is_allowed),
    };

    return cmocka_run_group_tests_name("json write", tests, NULL, NULL);
}
