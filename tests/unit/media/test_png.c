// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "make.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

static unsigned g_depth;

static unsigned pattern(uint32_t x, uint32_t y, unsigned c)
{
    return (x * 5 + y * 11 + c * 3 + x * y) * (g_depth == 16 ? 997 : 1) & ((1u << g_depth) - 1);
}

static unsigned pattern_opaque(uint32_t x, uint32_t y, unsigned c)
{
    bool alpha = c == 1 || c == 3;

    return alpha ? (1u << g_depth) - 1 : pattern(x, y, c);
}

static unsigned to8(unsigned v)
{
    unsigned top = (1u << g_depth) - 1;

    return (v * 255 + top / 2) / top;
}

static unsigned luma_of(unsigned r, unsigned g, unsigned b)
{
    return (77 * r + 150 * g + 29 * b + 128) >> 8;
}

static void parse_ok(const struct su_buf *b, struct su_image *im)
{
    struct su_err e = {0};

    if (su_image_parse(b->data, b->len, "made.png", im, &e) != SU_OK) {
        fail_msg("%s", e.msg);
    }
}

/* Every colour type and depth that PNG has, straight and interlaced, against its definition. */
static void test_all_kinds(void **state)
{
    static const unsigned kinds[15][2] = {{0, 1}, {0, 2},  {0, 4},  {0, 8}, {0, 16},
                                          {2, 8}, {2, 16}, {3, 1},  {3, 2}, {3, 4},
                                          {3, 8}, {4, 8},  {4, 16}, {6, 8}, {6, 16}};
    uint8_t plte[768];

    (void)state;
    for (unsigned i = 0; i < 768; i++) {
        plte[i] = (uint8_t)(i * 37 + i / 3);
    }
    for (size_t k = 0; k < SU_ARRAY_LEN(kinds); k++) {
        for (int interlaced = 0; interlaced < 2; interlaced++) {
            struct png_spec s = {.w = 13,
                                 .h = 9,
                                 .type = kinds[k][0],
                                 .depth = kinds[k][1],
                                 .interlaced = interlaced != 0};
            struct su_buf b;
            struct su_image im;

            g_depth = s.depth;
            s.sample = s.type == 4 || s.type == 6 ? pattern_opaque : pattern;
            if (s.type == 3) {
                s.plte = plte;
                s.plte_n = 3u << s.depth;
            }
            make_png(&s, &b);
            parse_ok(&b, &im);
            assert_int_equal(im.w, 13);
            assert_int_equal(im.h, 9);
            for (uint32_t y = 0; y < s.h; y++) {
                for (uint32_t x = 0; x < s.w; x++) {
                    unsigned v[3], want;

                    for (unsigned c = 0; c < 3; c++) {
                        v[c] = s.type == 4 ? to8(s.sample(x, y, 0)) : to8(s.sample(x, y, c));
                    }
                    want = s.type == 0 || s.type == 4 ? v[0] : luma_of(v[0], v[1], v[2]);
                    if (s.type == 3) {
                        const uint8_t *rgb = plte + 3 * pattern(x, y, 0);

                        want = luma_of(rgb[0], rgb[1], rgb[2]);
                    }
                    assert_int_equal(im.gray[y * s.w + x], want);
                }
            }
            su_image_fini(&im);
            assert_null(im.gray);
            su_buf_fini(&b);
        }
    }
}

static unsigned ink_black(uint32_t x, uint32_t y, unsigned c)
{
    return c == 1 ? (x == 1 && y == 1 ? 255 : 0) : 0;
}

static unsigned ink_white(uint32_t x, uint32_t y, unsigned c)
{
    return c == 1 ? (x == 1 && y == 1 ? 255 : 0) : 255;
}

static unsigned half_alpha(uint32_t x, uint32_t y, unsigned c)
{
    (void)x;
    (void)y;
    return c == 1 ? 128 : 200;
}

static void test_alpha(void **state)
{
    static const uint8_t gray_bg[2] = {0, 77};
    struct png_spec s = {.w = 3, .h = 3, .depth = 8, .type = 4, .sample = ink_black};
    struct su_buf b;
    struct su_image im;

    (void)state;
    make_png(&s, &b);
    parse_ok(&b, &im);
    assert_int_equal(im.gray[0], 255); /* black ink on nothing: white paper */
    assert_int_equal(im.gray[4], 0);
    su_image_fini(&im);
    su_buf_fini(&b);

    s.sample = ink_white;
    make_png(&s, &b);
    parse_ok(&b, &im);
    assert_int_equal(im.gray[0], 0);
    assert_int_equal(im.gray[4], 255);
    su_image_fini(&im);
    su_buf_fini(&b);

    s.bkgd = gray_bg;
    s.bkgd_n = 2;
    make_png(&s, &b);
    parse_ok(&b, &im);
    assert_int_equal(im.gray[0], 77); /* the file says so */
    su_image_fini(&im);
    su_buf_fini(&b);

    s.sample = half_alpha;
    make_png(&s, &b);
    parse_ok(&b, &im);
    assert_int_equal(im.gray[0], (200 * 128 + 77 * 127 + 127) / 255);
    su_image_fini(&im);
    su_buf_fini(&b);
}

static unsigned first_column(uint32_t x, uint32_t y, unsigned c)
{
    (void)y;
    (void)c;
    return x == 0 ? 1 : 0;
}

/* Transparency by palette entry, by gray level and by colour; backgrounds in each form. */
static void test_transparent_colours(void **state)
{
    static const uint8_t plte[6] = {10, 20, 30, 200, 100, 50}, trns[1] = {0}, index_bg[1] = {1};
    static const uint8_t gray_key[2] = {0, 0}, rgb_key[6] = {0, 0, 0, 0, 0, 0};
    static const uint8_t rgb_bg[6] = {0, 9, 0, 90, 0, 250};
    struct png_spec s = {.w = 2,
                         .h = 1,
                         .depth = 1,
                         .type = 3,
                         .sample = first_column,
                         .plte = plte,
                         .plte_n = 6,
                         .trns = trns,
                         .trns_n = 1,
                         .bkgd = index_bg,
                         .bkgd_n = 1};
    struct su_buf b;
    struct su_image im;

    (void)state;
    make_png(&s, &b);
    parse_ok(&b, &im);
    assert_int_equal(im.gray[0], luma_of(200, 100, 50));
    assert_int_equal(im.gray[1], luma_of(200, 100, 50)); /* entry 0 shows the background, entry 1 */
    su_image_fini(&im);
    su_buf_fini(&b);

    s = (struct png_spec){.w = 2, .h = 1, .depth = 1, .sample = first_column, .trns = gray_key};
    s.trns_n = 2;
    make_png(&s, &b);
    parse_ok(&b, &im);
    assert_int_equal(im.gray[0], 255);
    assert_int_equal(im.gray[1], 0); /* white ink, so black paper */
    su_image_fini(&im);
    su_buf_fini(&b);

    s = (struct png_spec){.w = 2, .h = 1, .depth = 8, .type = 2, .sample = first_column};
    s.trns = rgb_key;
    s.trns_n = 6;
    s.bkgd = rgb_bg;
    s.bkgd_n = 6;
    make_png(&s, &b);
    parse_ok(&b, &im);
    assert_int_equal(im.gray[0], 1);
    assert_int_equal(im.gray[1], luma_of(9, 90, 250));
    su_image_fini(&im);
    su_buf_fini(&b);
}

static void expect(const void *data, size_t n, enum su_code want, const char *const *words)
{
    struct su_image im;
    struct su_err e = {0};
    enum su_code c = su_image_parse(data, n, "x.png", &im, &e);

    if (c != want) {
        fail_msg("%s (%s), expected %s", su_code_name(c), e.msg, su_code_name(want));
    }
    assert_null(im.gray);
    assert_int_equal(im.w, 0);
    assert_message(&e, words);
}

static void put_size(uint8_t *png, uint32_t w, uint32_t h)
{
    for (int i = 0; i < 4; i++) {
        png[16 + i] = (uint8_t)(w >> (24 - 8 * i));
        png[20 + i] = (uint8_t)(h >> (24 - 8 * i));
    }
    fix_png_crc(png, 16, 13);
}

static void test_hostile(void **state)
{
    struct png_spec s = {.w = 13, .h = 9, .depth = 8, .type = 2, .sample = pattern};
    struct su_buf b;
    uint8_t *copy;

    (void)state;
    g_depth = 8;
    make_png(&s, &b);
    expect("", 0, SU_ETRUNC, WORDS("x.png", "0 bytes"));
    expect("GIF89a..", 8, SU_EFORMAT, WORDS("x.png", "magic", "byte 0"));
    expect("P", 1, SU_ETRUNC, WORDS("byte 1"));
    for (size_t n = 1; n < b.len; n++) { /* cut anywhere, it never passes */
        expect(b.data, n, SU_ETRUNC, WORDS("x.png", "byte"));
    }
    copy = malloc(b.len);
    memcpy(copy, b.data, b.len);
    put_size(copy, 16385, 1);
    expect(copy, b.len, SU_ELIMIT, WORDS("16385 x 1", "byte 16", "16384"));
    put_size(copy, 16384, 16384);
    expect(copy, b.len, SU_ETRUNC, WORDS("16384 x 16384", "byte 16"));
    put_size(copy, 0xffffffff, 0xffffffff);
    expect(copy, b.len, SU_ELIMIT, WORDS("4294967295 x 4294967295"));
    put_size(copy, 0, 9);
    expect(copy, b.len, SU_EFORMAT, WORDS("no pixels", "byte 16"));
    put_size(copy, 8000, 8000); /* below the limits, but this file cannot hold it */
    expect(copy, b.len, SU_ETRUNC, WORDS("8000 x 8000", "can hold"));
    put_size(copy, 13, 12); /* three rows short */
    expect(copy, b.len, SU_EFORMAT, WORDS("byte"));
    memcpy(copy, b.data, b.len);
    copy[25] = 5; /* no such colour type */
    fix_png_crc(copy, 16, 13);
    expect(copy, b.len, SU_EFORMAT, WORDS("x.png"));
    memcpy(copy, b.data, b.len);
    copy[50] ^= 1; /* inside IDAT */
    expect(copy, b.len, SU_EFORMAT, WORDS("damaged", "byte"));
    memcpy(copy, b.data, b.len);
    copy[12] = 'X';
    expect(copy, b.len, SU_EFORMAT, WORDS("IHDR", "byte 8"));
    free(copy);
    su_buf_fini(&b);
}

static void test_write_and_load(void **state)
{
    struct temp t = temp_write("old", 3);
    uint8_t px[35 * 7];
    struct su_image im;
    struct su_err e = {0};
    struct stat st;

    (void)state;
    for (size_t i = 0; i < sizeof px; i++) {
        px[i] = (uint8_t)(i * 31);
    }
    assert_int_equal(su_png_write_gray(t.path, 0, 7, px, &e), SU_EINVAL);
    assert_int_equal(su_png_write_gray(t.path, 35, 0, px, &e), SU_EINVAL);
    assert_int_equal(su_png_write_gray(t.path, 16385, 1, px, &e), SU_ELIMIT);
    assert_int_equal(su_png_write_gray(t.path, 16384, 16384, px, &e), SU_ELIMIT);
    assert_int_equal(stat(t.path, &st), 0);
    assert_int_equal(st.st_size, 3); /* failures leave the old file alone */
    assert_int_equal(su_png_write_gray("/nonexistent-folder/x", 35, 7, px, &e), SU_ENOENT);
    assert_int_equal(su_png_write_gray(t.path, 35, 7, px, &e), SU_OK);
    assert_int_equal(stat(t.path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0644);
    assert_int_equal(su_image_load(t.path, &im, &e), SU_OK);
    assert_int_equal(im.w, 35);
    assert_int_equal(im.h, 7);
    assert_memory_equal(im.gray, px, sizeof px);
    su_image_fini(&im);
    assert_int_equal(su_image_load(t.dir, &im, &e), SU_EINVAL);
    temp_free(&t);
    assert_int_equal(su_image_load(t.path, &im, &e), SU_ENOENT);
    assert_null(im.gray);
}

/* The side limit itself passes: limits are off by none. */
static void test_largest_side(void **state)
{
    struct temp t = temp_write("", 0);
    uint8_t *px = calloc(16384, 2);
    struct su_image im;
    struct su_err e = {0};

    (void)state;
    px[16384] = 9;
    assert_int_equal(su_png_write_gray(t.path, 16384, 2, px, &e), SU_OK);
    assert_int_equal(su_image_load(t.path, &im, &e), SU_OK);
    assert_int_equal(im.gray[16384], 9);
    su_image_fini(&im);
    free(px);
    temp_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_kinds),           cmocka_unit_test(test_alpha),
        cmocka_unit_test(test_transparent_colours), cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_write_and_load),      cmocka_unit_test(test_largest_side),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
