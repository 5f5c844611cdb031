// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "make.h"

#include <stdlib.h>
#include <string.h>

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define TEXT(s) (s), sizeof(s) - 1

static void expect_pixels(const char *data, size_t n, uint32_t w, uint32_t h, const uint8_t *px)
{
    struct su_image im;
    struct su_err e = {0};

    if (su_image_parse(data, n, "x.pgm", &im, &e) != SU_OK) {
        fail_msg("%s", e.msg);
    }
    assert_int_equal(im.w, w);
    assert_int_equal(im.h, h);
    assert_memory_equal(im.gray, px, (size_t)w * h);
    su_image_fini(&im);
}

static void expect_error(const char *data, size_t n, enum su_code want, const char *const *words)
{
    struct su_image im;
    struct su_err e = {0};
    enum su_code c = su_image_parse(data, n, "x.pgm", &im, &e);

    if (c != want) {
        fail_msg("%s (%s), expected %s", su_code_name(c), e.msg, su_code_name(want));
    }
    assert_null(im.gray);
    assert_message(&e, words);
}

static void test_plain(void **state)
{
    static const uint8_t px[6] = {0, 128, 255, 17, 34, 51};

    (void)state;
    expect_pixels(TEXT("P2\n3 2\n255\n0 128 255\n17 34 51\n"), 3, 2, px);
    expect_pixels(TEXT("P2#one\n# two\n 3\t2 #three\n255 0 128 255 17#four\r34 51"), 3, 2, px);
    static const uint8_t small[3] = {0, 128, 255};
    expect_pixels(TEXT("P2 3 1 2 0 1 2"), 3, 1, small);
    expect_pixels(TEXT("P2 1 1 65535 65535"), 1, 1, (const uint8_t *)"\xff");
}

static void test_raw(void **state)
{
    (void)state;
    expect_pixels(TEXT("P5\n2 1\n255\n\x01\xfe"), 2, 1, (const uint8_t *)"\x01\xfe");
    expect_pixels(TEXT("P5 2 1 255\n#\n"), 2, 1,
                  (const uint8_t *)"#\n"); /* no comments in raw data */
    expect_pixels(TEXT("P5 2 1 65535\n\x80\x00\xff\xff"), 2, 1, (const uint8_t *)"\x80\xff");
    expect_pixels(TEXT("P5 1 1 1\n\x01P5 second picture"), 1, 1, (const uint8_t *)"\xff");
}

static void test_hostile(void **state)
{
    (void)state;
    expect_error("", 0, SU_ETRUNC, WORDS("x.pgm", "0 bytes"));
    expect_error(TEXT("P6 1 1 255 abc"), SU_EFORMAT, WORDS("x.pgm", "magic"));
    expect_error(TEXT("P5 "), SU_ETRUNC, WORDS("width", "byte 3"));
    expect_error(TEXT("P5 2 #1 255"), SU_ETRUNC, WORDS("height", "byte 11"));
    expect_error(TEXT("P5 2 x"), SU_EFORMAT, WORDS("height", "byte 5"));
    expect_error(TEXT("P5 -2 1 255\n.."), SU_EFORMAT, WORDS("width", "byte 3"));
    expect_error(TEXT("P5 2 1 255"), SU_ETRUNC, WORDS("2 samples", "byte 10"));
    expect_error(TEXT("P5 2 1 255\n."), SU_ETRUNC, WORDS("2 samples", "byte 12"));
    expect_error(TEXT("P5 2 1 256\n..."), SU_ETRUNC, WORDS("2 samples"));
    expect_error(TEXT("P2 2 1 255 7"), SU_ETRUNC, WORDS("a sample", "byte 12"));
    expect_error(TEXT("P2 4 1 255 7 8"), SU_ETRUNC, WORDS("4 samples", "byte 14"));
    expect_error(TEXT("P2 2 1 255 7    "), SU_ETRUNC, WORDS("a sample", "byte 16"));
    expect_error(TEXT("P2 2 1 255 7 x"), SU_EFORMAT, WORDS("a sample", "byte 13"));
    expect_error(TEXT("P2 2 1 9 7 10"), SU_EFORMAT, WORDS("10", "maxval 9"));
    expect_error(TEXT("P5 1 1 9\n\x0a"), SU_EFORMAT, WORDS("10 at byte 9", "maxval 9"));
    expect_error(TEXT("P5 1 1 9x"), SU_EFORMAT, WORDS("white space", "byte 8"));
    expect_error(TEXT("P5 1 1 0\n."), SU_EFORMAT, WORDS("maxval 0"));
    expect_error(TEXT("P5 1 1 65536\n.."), SU_EFORMAT, WORDS("maxval 65536"));
    expect_error(TEXT("P5 0 1 255\n."), SU_EFORMAT, WORDS("no pixels"));
    expect_error(TEXT("P5 16385 1 255\n."), SU_ELIMIT, WORDS("16385 x 1", "16384"));
    expect_error(TEXT("P5 16384 16384 255\n."), SU_ETRUNC, WORDS("268435456 samples"));
    expect_error(TEXT("P5 65536 65536 255\n."), SU_ELIMIT, WORDS("65536 x 65536"));
    expect_error(TEXT("P5 4294967296 1 255\n."), SU_ELIMIT, WORDS("width", "4294967295"));
    expect_error(TEXT("P5 99999999999999999999999 1 255\n."), SU_ELIMIT, WORDS("width"));
}

/* More pixels than the limit although the file is long enough to hold them. */
static void test_pixel_limit(void **state)
{
    static const char head[] = "P5 16384 4097 255\n";
    size_t n = sizeof head - 1 + (size_t)16384 * 4097;
    char *data = calloc(n, 1);

    (void)state;
    assert_non_null(data);
    memcpy(data, head, sizeof head - 1);
    expect_error(data, n, SU_ELIMIT, WORDS("16384 x 4097", "67108864"));
    free(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_raw),
        cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_pixel_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
