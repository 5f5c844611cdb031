// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "make.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* A "7" of w x h pixels: ink on paper, strokes t thick, with its box at (x, y) of bw x bh. */
struct seven {
    uint32_t w, h, x, y, bw, bh, t;
    uint8_t paper, ink;
};

static struct su_image draw(const struct seven *s)
{
    struct su_image im = {s->w, s->h, malloc((size_t)s->w * s->h)};

    memset(im.gray, s->paper, (size_t)s->w * s->h);
    for (uint32_t v = 0; v < s->bh; v++) {
        for (uint32_t u = 0; u < s->bw; u++) {
            uint32_t slant = (s->bh - 1 - v) * (s->bw - s->t) / (s->bh - 1);

            if (v < s->t || (u >= slant && u < slant + s->t)) {
                im.gray[(size_t)(s->y + v) * s->w + s->x + u] = s->ink;
            }
        }
    }
    return im;
}

static void to_digit(const struct su_image *im, uint8_t out[784])
{
    struct su_err e = {0};

    if (su_image_to_digit(im, out, &e) != SU_OK) {
        fail_msg("%s", e.msg);
    }
}

static uint64_t distance(const uint8_t *a, const uint8_t *b)
{
    uint64_t d = 0;

    for (int i = 0; i < 784; i++) {
        d += (uint64_t)abs(a[i] - b[i]);
    }
    return d;
}

/* Allows for the centre of mass falling on either side of a pixel's edge. Ink never reaches the
   outer rows, so shifting the bytes is shifting the picture. */
static uint64_t distance_nearby(const uint8_t *a, const uint8_t *b)
{
    uint64_t best = UINT64_MAX;

    for (int dy = -1; dy <= 1; dy++) {
        for (int dx = -1; dx <= 1; dx++) {
            uint64_t d = 0;

            for (int i = 29; i < 784 - 29; i++) {
                d += (uint64_t)abs(a[i + 28 * dy + dx] - b[i]);
            }
            best = SU_MIN(best, d);
        }
    }
    return best;
}

static uint64_t mass_of(const uint8_t *a)
{
    uint64_t m = 0;

    for (int i = 0; i < 784; i++) {
        m += a[i];
    }
    return m;
}

static void check_convention(const uint8_t *d)
{
    int x0 = 28, y0 = 28, x1 = -1, y1 = -1, top = 0;
    int64_t m = 0, mx = 0, my = 0;

    for (int y = 0; y < 28; y++) {
        for (int x = 0; x < 28; x++) {
            int v = d[y * 28 + x];

            top = SU_MAX(top, v);
            m += v;
            mx += v * (2 * x + 1);
            my += v * (2 * y + 1);
            if (v > 0) {
                x0 = SU_MIN(x0, x);
                x1 = SU_MAX(x1, x);
                y0 = SU_MIN(y0, y);
                y1 = SU_MAX(y1, y);
            }
        }
    }
    assert_int_equal(top, 255);
    assert_int_equal(SU_MAX(x1 - x0, y1 - y0) + 1, 20);
    /* Rounded up, so the centre of mass lies in [14, 15). */
    assert_in_range(mx, 28 * m, 30 * m - 1);
    assert_in_range(my, 28 * m, 30 * m - 1);
}

static void test_passes_unchanged(void **state)
{
    struct su_image im = {28, 28, malloc(784)};
    uint8_t out[784];

    (void)state;
    for (uint32_t i = 0; i < 784; i++) {
        uint32_t x = i % 28, y = i / 28;

        im.gray[i] =
            x > 3 && x < 9 && y > 15 && y < 27 ? (uint8_t)(i * 3) : 0; /* off centre on purpose */
    }
    to_digit(&im, out);
    assert_memory_equal(out, im.gray, 784);
    uint8_t want[784];
    memcpy(want, im.gray, 784);
    for (uint32_t i = 0; i < 784; i++) {
        im.gray[i] = (uint8_t)(255 - im.gray[i]);
    }
    to_digit(&im, out); /* on pure white: inverted, nothing else */
    assert_memory_equal(out, want, 784);
    su_image_fini(&im);
}

/* One drawing at many sizes, places, polarities and contrasts gives nearly the same digit. */
static void test_invariance(void **state)
{
    const struct seven first = {280, 280, 60, 40, 120, 200, 20, 255, 0};
    struct su_image im = draw(&first);
    uint8_t want[784], out[784];

    (void)state;
    to_digit(&im, want);
    check_convention(want);
    su_image_fini(&im);
    const struct seven same[] = {
        {280, 280, 60, 40, 120, 200, 20, 0, 255},       {280, 280, 1, 79, 120, 200, 20, 255, 0},
        {560, 300, 400, 50, 120, 200, 20, 230, 40},     {280, 280, 60, 40, 120, 200, 20, 30, 90},
        {1000, 1400, 100, 100, 600, 1000, 100, 255, 0}, {64, 64, 10, 10, 24, 40, 4, 200, 10},
        {200, 60, 150, 9, 24, 40, 4, 0, 128},
    };
    for (size_t i = 0; i < SU_ARRAY_LEN(same); i++) {
        im = draw(&same[i]);
        to_digit(&im, out);
        check_convention(out);
        if (distance_nearby(out, want) * 100 > mass_of(want) * 13) {
            fail_msg("drawing %zu differs by %llu of %llu", i,
                     (unsigned long long)distance_nearby(out, want),
                     (unsigned long long)mass_of(want));
        }
        su_image_fini(&im);
    }
}

/* Known bytes: integer arithmetic must not depend on host or compiler. */
static void test_known_bytes(void **state)
{
    const struct seven s = {101, 77, 23, 9, 37, 61, 5, 240, 17};
    struct su_image im = draw(&s);
    uint8_t out[784];
    uint32_t h = 2166136261u; /* FNV-1a */

    (void)state;
    to_digit(&im, out);
    for (int i = 0; i < 784; i++) {
        h = (h ^ out[i]) * 16777619u;
    }
    assert_int_equal(h, 0xaf56c52du);
    su_image_fini(&im);
}

static void test_noise_and_specks(void **state)
{
    const struct seven s = {300, 300, 90, 50, 120, 200, 20, 225, 30};
    struct su_image im = draw(&s);
    uint8_t want[784], out[784];
    uint32_t r = 1;

    (void)state;
    to_digit(&im, want);
    for (uint32_t i = 0; i < 300 * 300; i++) {
        r = r * 1664525u + 1013904223u;
        im.gray[i] = (uint8_t)(im.gray[i] + (int)(r >> 28) - 8); /* grain */
    }
    for (uint32_t i = 0; i < 40; i++) { /* dust, each speck alone */
        im.gray[(7 + i * 7) * 300 + 5] = 0;
    }
    to_digit(&im, out);
    check_convention(out);
    if (distance_nearby(out, want) * 100 > mass_of(want) * 4) {
        fail_msg("noise changed %llu of %llu", (unsigned long long)distance_nearby(out, want),
                 (unsigned long long)mass_of(want));
    }
    su_image_fini(&im);
}

static void test_thin_and_tiny(void **state)
{
    const struct seven thin = {600, 600, 100, 50, 300, 500, 2, 255, 0};
    const struct seven tiny = {9, 9, 2, 1, 4, 6, 1, 0, 255};
    struct su_image im = draw(&thin);
    uint8_t out[784];

    (void)state;
    to_digit(&im, out); /* hair lines stay visible */
    check_convention(out);
    su_image_fini(&im);
    im = draw(&tiny);
    to_digit(&im, out);
    check_convention(out);
    su_image_fini(&im);
    uint8_t line[2] = {0, 255};
    im = (struct su_image){2, 1, line};
    struct su_err e = {0};
    assert_int_equal(su_image_to_digit(&im, out, &e), SU_EFORMAT); /* a lone pixel */
}

static void test_no_ink(void **state)
{
    static const uint32_t size[][2] = {{28, 28}, {100, 50}, {1, 1}, {1, 40}};
    uint8_t out[784], zero[784] = {0};
    struct su_err e = {0};

    (void)state;
    for (size_t k = 0; k < SU_ARRAY_LEN(size); k++) {
        for (unsigned level = 0; level < 256; level += 51) {
            struct su_image im = {size[k][0], size[k][1], malloc((size_t)size[k][0] * size[k][1])};

            for (uint32_t i = 0; i < im.w * im.h; i++) {
                im.gray[i] = (uint8_t)SU_MIN(255u, level + i % 5);
            }
            memset(out, 1, sizeof out);
            assert_int_equal(su_image_to_digit(&im, out, &e), SU_EFORMAT);
            assert_message(&e, WORDS("no ink"));
            assert_memory_equal(out, zero, 784);
            su_image_fini(&im);
        }
    }
    const struct su_image none = {0};
    assert_int_equal(su_image_to_digit(&none, out, &e), SU_EINVAL);
}

/* Real digits, enlarged tenfold and inverted, come back as they were. */
static void test_real_mnist_round_trip(void **state)
{
    enum { K = 10, COUNT = 500 };
    char path[1200];
    struct su_idx *x;
    struct su_err e = {0};
    struct su_image im = {28 * K, 28 * K, malloc(784 * K * K)};
    const char *cache = getenv("SU_TEST_CACHE");
    unsigned close_ones = 0;

    (void)state;
    snprintf(path, sizeof path, "%s/mnist/t10k-images-idx3-ubyte.gz", cache != NULL ? cache : "");
    if (access(path, R_OK) != 0) {
        free(im.gray);
        skip();
    }
    assert_int_equal(su_idx_open(path, &x, &e), SU_OK);
    for (uint32_t i = 0; i < COUNT; i++) {
        uint8_t want[784], out[784];

        assert_int_equal(su_idx_image(x, i, want, sizeof want, &e), SU_OK);
        for (uint32_t p = 0; p < im.w * im.h; p++) {
            im.gray[p] = (uint8_t)(255 - want[p / im.w / K * 28 + p % im.w / K]);
        }
        to_digit(&im, out);
        close_ones += distance(out, want) * 50 <= mass_of(want);
    }
    assert_true(close_ones >= COUNT * 99 / 100);
    su_idx_close(x);
    su_image_fini(&im);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_passes_unchanged),      cmocka_unit_test(test_invariance),
        cmocka_unit_test(test_known_bytes),           cmocka_unit_test(test_noise_and_specks),
        cmocka_unit_test(test_thin_and_tiny),         cmocka_unit_test(test_no_ink),
        cmocka_unit_test(test_real_mnist_round_trip),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
