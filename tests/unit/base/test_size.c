// SPDX-License-Identifier: MIT
#include "unit.h"

#include <locale.h>
#include <string.h>

static void sizes_parse(void **state)
{
    static const struct {
        const char *s;
        uint64_t bytes;
    } rows[] = {
        {"0", 0},
        {"0GB", 0},
        {"4096", 4096},
        {"300KB", 307200},
        {"300kb", 307200},
        {"300K", 307200},
        {"300KiB", 307200},
        {"64 MB", 67108864},
        {"12GB", (uint64_t)12 << 30},
        {"1.5GiB", 1610612736},
        {"0.5k", 512},
        {"0.1KB", 102}, /* rounds down to whole bytes */
        {"  7b", 7},
        {"2T", (uint64_t)2 << 40},
        {"00012", 12},
        {"0.9999999999999999999999GB", 1073741823},
        {"9223372036854775807", INT64_MAX},
        {"8388607.99TB", ((uint64_t)8388607 << 40) + 1088516511498},
    };

    (void)state;
    for (size_t i = 0; i < SU_ARRAY_LEN(rows); i++) {
        uint64_t bytes = 1;
        assert_int_equal(su_parse_size(rows[i].s, "--target-vram", &bytes, NULL), SU_OK);
        assert_true(bytes == rows[i].bytes);
    }
}

static void bad_sizes_are_refused(void **state)
{
    static const struct {
        const char *s;
        enum su_code code;
        const char *part;
    } rows[] = {
        {"", SU_EINVAL, "not a size"},
        {"  ", SU_EINVAL, "not a size"},
        {"-5MB", SU_EINVAL, "negative"},
        {"-0", SU_EINVAL, "negative"},
        {"12XB", SU_EINVAL, "unknown unit"},
        {"12KBs", SU_EINVAL, "unknown unit"},
        {"12 K B", SU_EINVAL, "unknown unit"},
        {"12Ki", SU_EINVAL, "unknown unit"},
        {"12iB", SU_EINVAL, "unknown unit"},
        {"1e6", SU_EINVAL, "unknown unit"},
        {"NaN", SU_EINVAL, "not a size"},
        {"inf", SU_EINVAL, "not a size"},
        {".5GB", SU_EINVAL, "not a size"},
        {"1.GB", SU_EINVAL, "no digit"},
        {"1.5", SU_EINVAL, "part of a byte"},
        {"1,5GB", SU_EINVAL, "unknown unit"},
        {"0x10", SU_EINVAL, "unknown unit"},
        {"+1", SU_EINVAL, "not a size"},
        {"9223372036854775808", SU_EOVERFLOW, "too large"},
        {"8388608TB", SU_EOVERFLOW, "too large"},
        {"99999999999999999999999999GB", SU_EOVERFLOW, "too large"},
    };

    (void)state;
    for (size_t i = 0; i < SU_ARRAY_LEN(rows); i++) {
        struct su_err e;
        uint64_t bytes = 77;
        assert_int_equal(su_parse_size(rows[i].s, "--target-vram", &bytes, &e), rows[i].code);
        assert_string_equal(e.at, "--target-vram");
        assert_non_null(strstr(e.msg, rows[i].part));
        assert_true(bytes == 77);
    }
}

static void whole_numbers_parse(void **state)
{
    struct su_err e;
    uint64_t v = 5;

    (void)state;
    assert_int_equal(su_parse_u64("18446744073709551615", "n", 0, UINT64_MAX, &v, NULL), SU_OK);
    assert_true(v == UINT64_MAX);
    assert_int_equal(su_parse_u64("10", "n", 10, 10, &v, NULL), SU_OK);
    assert_int_equal(su_parse_u64("9", "n", 10, 20, &v, &e), SU_EOVERFLOW);
    assert_non_null(strstr(e.msg, "10 to 20"));
    assert_int_equal(su_parse_u64("21", "n", 10, 20, &v, &e), SU_EOVERFLOW);
    assert_int_equal(su_parse_u64("18446744073709551616", "n", 0, UINT64_MAX, &v, &e),
                     SU_EOVERFLOW);
    assert_int_equal(su_parse_u64("", "n", 0, 9, &v, &e), SU_EINVAL);
    assert_int_equal(su_parse_u64(" 1", "n", 0, 9, &v, &e), SU_EINVAL);
    assert_int_equal(su_parse_u64("1 ", "n", 0, 9, &v, &e), SU_EINVAL);
    assert_int_equal(su_parse_u64("-1", "n", 0, 9, &v, &e), SU_EINVAL);
    assert_true(v == 10);
}

static void sizes_format(void **state)
{
    static const struct {
        uint64_t bytes;
        const char *s;
    } rows[] = {
        {0, "0 B"},
        {1023, "1023 B"},
        {1024, "1 KB"},
        {307200, "300 KB"},
        {1536, "1.5 KB"},
        {1247805, "1.19 MB"},
        {67108864, "64 MB"},
        {12897484, "12.3 MB"},
        {1048575, "1 MB"}, /* 1023.999 KB rounds into the next unit */
        {1047552, "1023 KB"},
        {(uint64_t)10238 * 1024 / 1000, "10.2 KB"},
        {10234, "9.99 KB"},
        {10239, "10 KB"},
        {(uint64_t)1 << 40, "1 TB"},
        {(uint64_t)1 << 50, "1 PB"},
        {UINT64_MAX, "16 EB"},
        {((uint64_t)1 << 60) * 5 / 4, "1.25 EB"},
    };
    char out[32];

    (void)state;
    /* A locale with a decimal comma, where there is one, must change nothing. */
    (void)setlocale(LC_ALL, "de_DE.UTF-8");
    for (size_t i = 0; i < SU_ARRAY_LEN(rows); i++)
        assert_string_equal(su_format_size(rows[i].bytes, out, sizeof out), rows[i].s);
    (void)setlocale(LC_ALL, "C");
    assert_string_equal(su_format_size(307200, out, 4), "300");
}

static void format_and_parse_agree(void **state)
{
    (void)state;
    for (unsigned shift = 10; shift < 50; shift++) {
        for (uint64_t k = 1; k < 1000; k += 37) {
            uint64_t bytes = k << shift, back = 0;
            char out[32];
            if (strchr(su_format_size(bytes, out, sizeof out), 'P'))
                continue; /* shown, but not a unit one may write */
            assert_int_equal(su_parse_size(out, "x", &back, NULL), SU_OK);
            uint64_t off = back > bytes ? back - bytes : bytes - back;
            assert_true(off <= bytes / 200);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_parse),
        cmocka_unit_test(bad_sizes_are_refused),
        cmocka_unit_test(whole_numbers_parse),
        cmocka_unit_test(sizes_format),
        cmocka_unit_test(format_and_parse_agree),
    };

    return cmocka_run_group_tests_name("base size", tests, NULL, NULL);
}
