// SPDX-License-Identifier: MIT
/* Readers when memory is short, and how little a lie about sizes can make them allocate. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "make.h"
#include "support/alloc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LARGE = 60000, LIE_MAX = 2000000 };

static unsigned ramp(uint32_t x, uint32_t y, unsigned c)
{
    return (x + y * 3 + c) & 255;
}

static enum su_code parse_short(const struct su_buf *b, struct su_err *e)
{
    struct su_image im;

    su_alloc_fail(LARGE, SIZE_MAX);
    enum su_code c = su_image_parse(b->data, b->len, "x", &im, e);
    su_alloc_fail_none();
    assert_null(im.gray);
    return c;
}

static void test_short_of_memory(void **state)
{
    struct png_spec s = {.w = 300, .h = 300, .depth = 8, .type = 0, .sample = ramp};
    struct su_buf b, gz;
    struct su_image im;
    struct su_idx *x;
    struct su_err e = {0};
    uint8_t digit[SU_MEDIA_DIGIT_BYTES];

    (void)state;
    if (!su_alloc_watched()) {
        skip();
    }
    make_png(&s, &b);
    assert_int_equal(parse_short(&b, &e), SU_ENOMEM);
    assert_int_equal(su_image_parse(b.data, b.len, "x", &im, &e), SU_OK);
    su_alloc_fail(LARGE, SIZE_MAX);
    enum su_code c = su_image_to_digit(&im, digit, &e);
    enum su_code w = su_png_write_gray("/tmp/su-never-written", im.w, im.h, im.gray, NULL);
    su_alloc_fail_none();
    assert_int_equal(c, SU_ENOMEM);
    assert_int_equal(w, SU_ENOMEM);
    su_image_fini(&im);
    su_buf_fini(&b);

    /* The rows or the alpha plane only: 100 x 200 gray pixels fit, 400 x 200 bytes of RGBA do
       not. */
    s = (struct png_spec){.w = 100, .h = 200, .depth = 8, .type = 6, .sample = ramp};
    s.interlaced = true;
    make_png(&s, &b);
    assert_int_equal(parse_short(&b, &e), SU_ENOMEM);
    su_buf_fini(&b);

    su_buf_init(&b, 0);
    su_buf_str(&b, "P5 300 300 255\n");
    for (int i = 0; i < 90000; i++) {
        su_buf_u8(&b, (uint8_t)i);
    }
    assert_int_equal(parse_short(&b, &e), SU_ENOMEM);
    su_buf_fini(&b);

    make_idx_images(200, 28, 28, &b);
    su_buf_init(&gz, 0);
    make_gzip(b.data, b.len, &gz);
    su_alloc_fail(LARGE, SIZE_MAX);
    c = su_idx_parse(gz.data, gz.len, "x", &x, &e);
    su_alloc_fail_none();
    assert_int_equal(c, SU_ENOMEM);
    assert_null(x);
    su_buf_fini(&gz);
    su_buf_fini(&b);
}

static void test_lies_cost_nothing(void **state)
{
    static const char pgm[] = "P5 16384 4096 255\n";
    struct png_spec s = {.w = 4, .h = 4, .depth = 8, .type = 0, .sample = ramp};
    struct su_buf b, gz;
    struct su_image im;
    struct su_idx *x;
    struct su_err e = {0};

    (void)state;
    if (!su_alloc_watched()) {
        skip();
    }
    make_png(&s, &b);
    b.data[18] = 16384 >> 8; /* 16384 x 4096 in a file of a hundred bytes */
    b.data[22] = 4096 >> 8;
    b.data[19] = b.data[23] = 0;
    fix_png_crc(b.data, 16, 13);
    su_alloc_peak_start();
    assert_int_equal(su_image_parse(b.data, b.len, "x", &im, &e), SU_ETRUNC);
    assert_int_equal(su_image_parse(pgm, sizeof pgm - 1, "x", &im, &e), SU_ETRUNC);
    assert_true(su_alloc_peak() < LIE_MAX);
    su_buf_fini(&b);

    su_buf_init(&b, 0);
    su_buf_init(&gz, 0);
    put_be32(&b, 2051);
    put_be32(&b, 1300000); /* a gigabyte, nearly */
    put_be32(&b, 28);
    put_be32(&b, 28);
    make_gzip(b.data, b.len, &gz);
    su_alloc_peak_start();
    assert_int_equal(su_idx_parse(gz.data, gz.len, "x", &x, &e), SU_ETRUNC);
    assert_true(su_alloc_peak() < LIE_MAX);
    su_buf_fini(&b);
    su_buf_fini(&gz);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_short_of_memory),
        cmocka_unit_test(test_lies_cost_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
