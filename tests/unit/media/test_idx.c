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

static void check_images(struct su_idx *x, const struct su_buf *b, uint32_t count, uint32_t rows,
                         uint32_t cols)
{
    size_t item = (size_t)rows * cols;
    uint8_t *out = malloc(item);
    struct su_err e = {0};

    assert_int_equal(su_idx_count(x), count);
    assert_int_equal(su_idx_rows(x), rows);
    assert_int_equal(su_idx_cols(x), cols);
    assert_null(su_idx_labels(x));
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(su_idx_image(x, i, out, item, &e), SU_OK);
        assert_memory_equal(out, b->data + 16 + i * item, item);
    }
    assert_int_equal(su_idx_image(x, count, out, item, &e), SU_EINVAL);
    assert_int_equal(su_idx_image(x, UINT64_MAX, out, item, &e), SU_EINVAL);
    assert_int_equal(su_idx_image(x, 0, out, item + 1, &e), SU_ETYPE);
    free(out);
}

static void test_images(void **state)
{
    struct su_buf b, gz;
    struct su_idx *x;
    struct su_err e = {0};

    (void)state;
    make_idx_images(300, 28, 28, &b);
    assert_int_equal(su_idx_parse(b.data, b.len, "x", &x, &e), SU_OK);
    check_images(x, &b, 300, 28, 28);
    su_idx_close(x);

    su_buf_init(&gz, 0);
    make_gzip(b.data, b.len, &gz);
    assert_int_equal(su_idx_parse(gz.data, gz.len, "x", &x, &e), SU_OK);
    check_images(x, &b, 300, 28, 28);
    su_idx_close(x);

    su_buf_clear(&gz); /* several members are one stream (RFC 1952 §2.2) */
    make_gzip(b.data, 10, &gz);
    make_gzip(b.data + 10, 1000, &gz);
    make_gzip(b.data + 1010, b.len - 1010, &gz);
    assert_int_equal(su_idx_parse(gz.data, gz.len, "x", &x, &e), SU_OK);
    check_images(x, &b, 300, 28, 28);
    su_idx_close(x);
    su_idx_close(NULL);

    struct temp t = temp_write(b.data, b.len);
    assert_int_equal(su_idx_open(t.path, &x, &e), SU_OK);
    check_images(x, &b, 300, 28, 28);
    su_idx_close(x);
    temp_free(&t);
    t = temp_write(gz.data, gz.len);
    assert_int_equal(su_idx_open(t.path, &x, &e), SU_OK);
    check_images(x, &b, 300, 28, 28);
    su_idx_close(x);
    assert_int_equal(su_idx_open(t.dir, &x, &e), SU_EINVAL);
    temp_free(&t);
    assert_int_equal(su_idx_open(t.path, &x, &e), SU_ENOENT);
    assert_null(x);
    su_buf_fini(&b);
    su_buf_fini(&gz);
}

static void test_labels(void **state)
{
    struct su_buf b, gz;
    struct su_idx *x;
    struct su_err e = {0};
    uint8_t one;

    (void)state;
    su_buf_init(&b, 0);
    su_buf_init(&gz, 0);
    put_be32(&b, 2049);
    put_be32(&b, 3);
    su_buf_put(&b, "\x07\x02\x01", 3);
    make_gzip(b.data, b.len, &gz);
    for (int zipped = 0; zipped < 2; zipped++) {
        const struct su_buf *f = zipped != 0 ? &gz : &b;

        assert_int_equal(su_idx_parse(f->data, f->len, "x", &x, &e), SU_OK);
        assert_int_equal(su_idx_count(x), 3);
        assert_int_equal(su_idx_rows(x), 0);
        assert_memory_equal(su_idx_labels(x), "\x07\x02\x01", 3);
        assert_int_equal(su_idx_image(x, 0, &one, 1, &e), SU_ETYPE);
        su_idx_close(x);
    }
    su_buf_fini(&b);
    su_buf_fini(&gz);
}

static void expect(const void *data, size_t n, enum su_code want, const char *const *words)
{
    struct su_idx *x;
    struct su_err e = {0};
    enum su_code c = su_idx_parse(data, n, "f.idx", &x, &e);

    if (c != want) {
        fail_msg("%s (%s), expected %s", su_code_name(c), e.msg, su_code_name(want));
    }
    assert_null(x);
    assert_message(&e, words);
}

static void header(struct su_buf *b, uint32_t magic, uint32_t n, uint32_t rows, uint32_t cols)
{
    su_buf_clear(b);
    put_be32(b, magic);
    put_be32(b, n);
    put_be32(b, rows);
    put_be32(b, cols);
}

static void test_hostile_plain(void **state)
{
    struct su_buf b;

    (void)state;
    expect("", 0, SU_ETRUNC, WORDS("f.idx", "0 bytes", "offset 0"));
    make_idx_images(2, 3, 4, &b);
    for (size_t n = 1; n < b.len; n++) {
        expect(b.data, n, SU_ETRUNC, WORDS("f.idx", "byte"));
    }
    su_buf_u8(&b, 0);
    expect(b.data, b.len, SU_EFORMAT, WORDS("f.idx", "byte 40"));
    header(&b, 2050, 1, 1, 1);
    expect(b.data, b.len, SU_EFORMAT, WORDS("f.idx", "2050", "byte 0", "2051"));
    header(&b, 2051, 1, 0, 1);
    expect(b.data, b.len, SU_EFORMAT, WORDS("0 x 1", "byte 8"));
    header(&b, 2051, 1, 1, 16385);
    expect(b.data, b.len, SU_ELIMIT, WORDS("1 x 16385", "16384"));
    header(&b, 2051, 5478275, 28, 28); /* 4 GiB and a little */
    expect(b.data, b.len, SU_ELIMIT, WORDS("5478275", "4294967616", "1073741824"));
    header(&b, 2051, 0xffffffff, 16384, 16384);
    expect(b.data, b.len, SU_ELIMIT, WORDS("4294967295", "1073741824"));
    header(&b, 2051, 10000, 28, 28);
    expect(b.data, b.len, SU_ETRUNC, WORDS("7840016", "byte 16"));
    header(&b, 2049, 0x7fffffff, 0, 0);
    expect(b.data, b.len, SU_ELIMIT, WORDS("2147483647"));
    su_buf_fini(&b);
}

static void expect_gz(const void *data, size_t n, enum su_code want, const char *const *words)
{
    struct su_buf gz;

    su_buf_init(&gz, 0);
    make_gzip(data, n, &gz);
    expect(gz.data, gz.len, want, words);
    su_buf_fini(&gz);
}

static void test_hostile_gzip(void **state)
{
    struct su_buf b, gz;

    (void)state;
    make_idx_images(2, 3, 4, &b);
    su_buf_init(&gz, 0);
    make_gzip(b.data, b.len, &gz);
    for (size_t n = 2; n < gz.len; n++) {
        expect(gz.data, n, SU_ETRUNC, WORDS("f.idx", "byte"));
    }
    gz.data[gz.len - 5] ^= 1; /* checksum */
    expect(gz.data, gz.len, SU_EFORMAT, WORDS("f.idx", "damaged gzip"));
    gz.data[gz.len - 5] ^= 1;
    gz.data[gz.len - 1] ^= 1; /* length field */
    expect(gz.data, gz.len, SU_EFORMAT, WORDS("f.idx", "damaged gzip"));
    gz.data[gz.len - 1] ^= 1;
    su_buf_put(&gz, "junk", 4);
    expect(gz.data, gz.len, SU_EFORMAT, WORDS("damaged gzip"));

    expect_gz("", 0, SU_ETRUNC, WORDS("inflated byte 0"));
    expect_gz(b.data, 7, SU_ETRUNC, WORDS("inflated byte 7"));
    expect_gz(b.data, 12, SU_ETRUNC, WORDS("inflated byte 12"));
    expect_gz(b.data, 39, SU_ETRUNC, WORDS("40 inflated bytes", "byte 39"));
    su_buf_u8(&b, 0);
    expect_gz(b.data, b.len, SU_EFORMAT, WORDS("40 inflated bytes"));
    header(&b, 2051, 5478275, 28, 28);
    expect_gz(b.data, b.len, SU_ELIMIT, WORDS("4294967616", "inflated byte 4"));
    header(&b, 2051, 1000000, 28, 28); /* within the limit, but nothing comes */
    expect_gz(b.data, b.len, SU_ETRUNC, WORDS("784000016", "byte 16"));
    expect_gz("not an idx file", 15, SU_EFORMAT, WORDS("magic", "inflated byte 0"));
    su_buf_fini(&b);
    su_buf_fini(&gz);
}

static void test_kinds(void **state)
{
    static const uint8_t tensors[16] = {8, 0, 0, 0, 0, 0, 0, 0, '{', '}', ' ', ' '};
    struct su_buf b, gz;
    enum su_media_kind kind;
    struct su_err e = {0};

    (void)state;
    make_idx_images(2, 3, 4, &b);
    su_buf_init(&gz, 0);
    make_gzip(b.data, b.len, &gz);
    assert_int_equal(su_media_kind_of(b.data, b.len, b.len), SU_MEDIA_IDX);
    assert_int_equal(su_media_kind_of(gz.data, gz.len, gz.len), SU_MEDIA_IDX_GZ);
    assert_int_equal(su_media_kind_of(gz.data, 12, gz.len), SU_MEDIA_UNKNOWN);
    assert_int_equal(su_media_kind_of("\x89PNG\r\n\x1a\n", 8, 99), SU_MEDIA_PNG);
    assert_int_equal(su_media_kind_of("P5 1", 4, 99), SU_MEDIA_PGM);
    assert_int_equal(su_media_kind_of("P2#", 3, 99), SU_MEDIA_PGM);
    assert_int_equal(su_media_kind_of("P55", 3, 99), SU_MEDIA_UNKNOWN);
    assert_int_equal(su_media_kind_of("", 0, 0), SU_MEDIA_UNKNOWN);
    assert_int_equal(su_media_kind_of(tensors, 16, 16), SU_MEDIA_SAFETENSORS);
    assert_int_equal(su_media_kind_of(tensors, 16, 15),
                     SU_MEDIA_UNKNOWN); /* header beyond the file */
    su_buf_clear(&gz);
    make_gzip("some text", 9, &gz);
    assert_int_equal(su_media_kind_of(gz.data, gz.len, gz.len), SU_MEDIA_UNKNOWN);

    struct temp t = temp_write(b.data, b.len);
    assert_int_equal(su_media_kind(t.path, &kind, &e), SU_OK);
    assert_int_equal(kind, SU_MEDIA_IDX);
    assert_int_equal(su_media_kind(t.dir, &kind, &e), SU_EINVAL);
    temp_free(&t);
    assert_int_equal(su_media_kind(t.path, &kind, &e), SU_ENOENT);
    t = temp_write("", 0);
    assert_int_equal(su_media_kind(t.path, &kind, &e), SU_ETRUNC);
    assert_int_equal(kind, SU_MEDIA_UNKNOWN);
    assert_message(&e, WORDS(t.path, "0 bytes"));
    temp_free(&t);
    for (int k = SU_MEDIA_UNKNOWN; k <= SU_MEDIA_SAFETENSORS; k++) {
        assert_true(su_media_kind_name((enum su_media_kind)k)[0] != 0);
    }
    assert_string_equal(su_media_kind_name((enum su_media_kind)99), "unknown");
    su_buf_fini(&b);
    su_buf_fini(&gz);
}

/* An IDX handed to the picture reader is told what to do. */
static void test_idx_is_no_picture(void **state)
{
    struct su_buf b;
    struct su_image im;
    struct su_err e = {0};

    (void)state;
    make_idx_images(1, 2, 2, &b);
    assert_int_equal(su_image_parse(b.data, b.len, "x", &im, &e), SU_EFORMAT);
    assert_message(&e, WORDS("index"));
    su_buf_fini(&b);
}

static void test_real_mnist(void **state)
{
    char path[1200];
    struct su_idx *x, *labels;
    struct su_err e = {0};
    uint8_t px[784];
    const char *cache = getenv("SU_TEST_CACHE");
    uint64_t sum = 0;

    (void)state;
    snprintf(path, sizeof path, "%s/mnist/t10k-images-idx3-ubyte.gz", cache != NULL ? cache : "");
    if (access(path, R_OK) != 0) {
        skip();
    }
    assert_int_equal(su_idx_open(path, &x, &e), SU_OK);
    assert_int_equal(su_idx_count(x), 10000);
    snprintf(path, sizeof path, "%s/mnist/t10k-labels-idx1-ubyte.gz", cache);
    assert_int_equal(su_idx_open(path, &labels, &e), SU_OK);
    assert_int_equal(su_idx_count(labels), 10000);
    assert_int_equal(su_idx_labels(labels)[0], 7);
    for (uint32_t i = 0; i < 10000; i++) {
        assert_int_equal(su_idx_image(x, i, px, sizeof px, &e), SU_OK);
        assert_true(su_idx_labels(labels)[i] <= 9);
        for (size_t k = 0; k < sizeof px; k++) {
            sum += px[k];
        }
    }
    assert_int_equal(sum * 10000 / 255 / 784 / 10000,
                     1325); /* mean 0.1325, as published for the test set */
    su_idx_close(x);
    su_idx_close(labels);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_images),        cmocka_unit_test(test_labels),
        cmocka_unit_test(test_hostile_plain), cmocka_unit_test(test_hostile_gzip),
        cmocka_unit_test(test_kinds),         cmocka_unit_test(test_idx_is_no_picture),
        cmocka_unit_test(test_real_mnist),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
