// SPDX-License-Identifier: MIT
/* Digits from every kind of file, their labels, and every way in which a file may not do. */
#include "unit.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIXELS 784u

/* ---- making files ---------------------------------------------------------------------------- */

static void put_be32(struct su_buf *b, uint32_t v)
{
    for (int shift = 24; shift >= 0; shift -= 8)
        su_buf_u8(b, (uint8_t)(v >> shift));
}

static uint8_t pixel_of(uint32_t digit, uint32_t p)
{
    return (uint8_t)(digit * 31 + p * 7);
}

static struct su_buf idx_images(uint32_t count, uint32_t rows, uint32_t cols)
{
    struct su_buf b;
    su_buf_init(&b, 0);
    put_be32(&b, 2051);
    put_be32(&b, count);
    put_be32(&b, rows);
    put_be32(&b, cols);
    for (uint32_t i = 0; i < count; i++)
        for (uint32_t p = 0; p < rows * cols; p++)
            su_buf_u8(&b, pixel_of(i, p));
    return b;
}

static struct su_buf idx_labels(uint32_t count)
{
    struct su_buf b;
    su_buf_init(&b, 0);
    put_be32(&b, 2049);
    put_be32(&b, count);
    for (uint32_t i = 0; i < count; i++)
        su_buf_u8(&b, (uint8_t)((i + 3) % 10));
    return b;
}

static uint32_t crc32_of(const uint8_t *p, size_t n)
{
    uint32_t c = 0xffffffffu;
    while (n-- > 0) {
        c ^= *p++;
        for (int k = 0; k < 8; k++)
            c = c & 1 ? 0xedb88320u ^ c >> 1 : c >> 1;
    }
    return ~c;
}

/* RFC 1952 with stored blocks (RFC 1951, 3.2.4). Takes b. */
static struct su_buf gzipped(struct su_buf b)
{
    struct su_buf z;
    su_buf_init(&z, 0);
    su_buf_put(&z, "\x1f\x8b\x08\0\0\0\0\0\0\xff", 10);
    for (size_t at = 0; at < b.len; at += 60000) {
        size_t n = SU_MIN(b.len - at, 60000u);
        su_buf_u8(&z, at + n == b.len);
        su_buf_u16(&z, (uint16_t)n);
        su_buf_u16(&z, (uint16_t)~n);
        su_buf_put(&z, b.data + at, n);
    }
    su_buf_u32(&z, crc32_of(b.data, b.len));
    su_buf_u32(&z, (uint32_t)b.len);
    su_buf_fini(&b);
    return z;
}

/* Takes b. */
static const char *write_buf(const char *name, struct su_buf b)
{
    const char *path = scratch_write(name, b.data, b.len);
    su_buf_fini(&b);
    return path;
}

static const char *write_tensors(const char *name, const char *header, const void *data, size_t n)
{
    struct su_buf b;
    su_buf_init(&b, 0);
    su_buf_u64(&b, strlen(header));
    su_buf_str(&b, header);
    su_buf_put(&b, data, n);
    return write_buf(name, b);
}

static struct su_digits *open_well(const char *path)
{
    struct su_digits *d;
    struct su_err e;
    must(su_digits_open(path, &d, &e), &e);
    return d;
}

static void open_refused(const char *path, enum su_code code, const char *want)
{
    struct su_digits *d = (struct su_digits *)&code;
    struct su_err e = {0};
    assert_int_equal(su_digits_open(path, &d, &e), code);
    assert_null(d);
    err_matches(&e, code, want);
    assert_int_equal(su_digits_open(path, &d, NULL), code);
    assert_null(d);
}

/* Digit i holds bytes(i, p) / 255, rounded once. */
static void holds(const struct su_digits *d, uint32_t count)
{
    float out[PIXELS];
    struct su_err e;
    assert_int_equal(su_digits_count(d), count);
    for (uint32_t i = 0; i < count; i++) {
        must(su_digits_get(d, i, out, &e), &e);
        for (uint32_t p = 0; p < PIXELS; p++)
            assert_true(out[p] == (float)pixel_of(i, p) * (1.0f / 255.0f));
    }
    assert_int_equal(su_digits_get(d, count, out, &e), SU_EINVAL);
    assert_int_equal(su_digits_get(d, UINT64_MAX, out, &e), SU_EINVAL);
    err_matches(&e, SU_EINVAL, "index|18446744073709551615");
    assert_int_equal(su_digits_label(d, count), -1);
    assert_int_equal(su_digits_label(d, UINT64_MAX), -1);
}

/* ---- tests ----------------------------------------------------------------------------------- */

static void test_idx_and_labels(void **state)
{
    (void)state;
    for (unsigned zipped = 0; zipped < 2; zipped++) {
        const char *images = zipped ? "a-images-idx3-ubyte.gz" : "a-images-idx3-ubyte";
        const char *labels = zipped ? "a-labels-idx1-ubyte.gz" : "a-labels-idx1-ubyte";
        struct su_buf b = idx_images(90, 28, 28), l = idx_labels(90);
        write_buf(images, zipped ? gzipped(b) : b);
        struct su_digits *d = open_well(scratch_path(images));
        holds(d, 90);
        assert_int_equal(su_digits_label(d, 0), -1); /* no labels yet */
        su_digits_close(d);
        write_buf(labels, zipped ? gzipped(l) : l);
        d = open_well(scratch_path(images));
        holds(d, 90);
        for (uint32_t i = 0; i < 90; i++)
            assert_int_equal(su_digits_label(d, i), (i + 3) % 10);
        su_digits_close(d);
    }
}

/* Wrong labels are worth a warning and no more. */
static void test_labels_that_do_not_fit(void **state)
{
    (void)state;
    const char *log = scratch_path("log");
    char text[4096] = "";
    struct su_err e;
    su_log_stderr(-1);
    must(su_log_file(log, SU_LOG_WARN, &e), &e);
    write_buf("b-images-idx3-ubyte", idx_images(2, 28, 28));
    for (unsigned how = 0; how < 3; how++) {
        const char *name = "b-labels-idx1-ubyte";
        if (how == 0)
            write_buf(name, idx_labels(3));
        else if (how == 1)
            write_buf(name, idx_images(2, 28, 28));
        else
            scratch_write(name, "not IDX at all", 14);
        struct su_digits *d = open_well(scratch_path("b-images-idx3-ubyte"));
        holds(d, 2);
        assert_int_equal(su_digits_label(d, 0), -1);
        su_digits_close(d);
    }
    must(su_log_file(NULL, -1, &e), &e);
    su_log_stderr(SU_LOG_WARN);
    FILE *f = fopen(scratch_path("log"), "r");
    assert_non_null(f);
    text[fread(text, 1, sizeof text - 1, f)] = 0;
    fclose(f);
    assert_non_null(strstr(text, "holds 3 labels for 2 images; running without labels"));
    assert_non_null(strstr(text, "holds images, not labels; running without labels"));
    unsigned lines = 0;
    for (const char *s = text; (s = strchr(s, '\n')); s++)
        lines++;
    assert_int_equal(lines, 3);
}

/* Only the file's own name says where labels are, never a folder's. */
static void test_labels_by_file_name_only(void **state)
{
    (void)state;
    char folder[500], path[600], labels[600];
    struct su_err e;
    snprintf(folder, sizeof folder, "%s", scratch_path("images-idx3"));
    must(su_dir_make(folder, 0700, &e), &e);
    snprintf(path, sizeof path, "%s/images-idx3-images-idx3", folder);
    snprintf(labels, sizeof labels, "%s/images-idx3-labels-idx1", folder);
    struct su_buf b = idx_images(1, 28, 28), l = idx_labels(1);
    must(su_file_write(path, b.data, b.len, 0600, &e), &e);
    must(su_file_write(labels, l.data, l.len, 0600, &e), &e);
    struct su_digits *d = open_well(path);
    assert_int_equal(su_digits_label(d, 0), 3);
    su_digits_close(d);
    unlink(labels);
    assert_int_equal(rename(path, strcat(strcpy(labels, folder), "/digits")), 0);
    d = open_well(labels);
    assert_int_equal(su_digits_label(d, 0), -1);
    su_digits_close(d);
    unlink(labels);
    rmdir(folder);
    su_buf_fini(&b);
    su_buf_fini(&l);
}

static void test_idx_of_other_shapes(void **state)
{
    (void)state;
    open_refused(write_buf("labels", idx_labels(4)), SU_ETYPE, "labels|2049|2051");
    open_refused(write_buf("wide", idx_images(1, 28, 32)), SU_ETYPE, "wide|28 x 32|28 x 28");
    open_refused(write_buf("high", idx_images(1, 14, 28)), SU_ETYPE, "high|14 x 28|28 x 28");
    struct su_buf b = idx_images(2, 28, 28);
    b.len -= 1;
    open_refused(write_buf("short", b), SU_ETRUNC, "short|1584|1583");
}

static void test_pictures(void **state)
{
    (void)state;
    static uint8_t px[PIXELS];
    struct su_err e;
    float out[PIXELS];
    for (unsigned y = 5; y < 23; y++)
        px[y * 28 + 13] = px[y * 28 + 14] = (uint8_t)(200 + y);
    must(su_png_write_gray(scratch_path("one.png"), 28, 28, px, &e), &e);
    struct su_buf b;
    su_buf_init(&b, 0);
    su_buf_str(&b, "P5\n28 28\n255\n");
    su_buf_put(&b, px, sizeof px);
    write_buf("one.pgm", b);
    for (unsigned i = 0; i < 2; i++) {
        struct su_digits *d = open_well(scratch_path(i ? "one.pgm" : "one.png"));
        assert_int_equal(su_digits_count(d), 1);
        assert_int_equal(su_digits_label(d, 0), -1);
        must(su_digits_get(d, 0, out, &e), &e);
        for (unsigned p = 0; p < PIXELS; p++)
            assert_true(out[p] == (float)px[p] * (1.0f / 255.0f));
        assert_int_equal(su_digits_get(d, 1, out, &e), SU_EINVAL);
        err_matches(&e, SU_EINVAL, "index|1 is beyond|holds 1");
        su_digits_close(d);
    }
    memset(px, 0, sizeof px);
    must(su_png_write_gray(scratch_path("blank.png"), 28, 28, px, &e), &e);
    open_refused(scratch_path("blank.png"), SU_EFORMAT, "blank.png|ink");
    open_refused(scratch_write("cut.pgm", "P5\n28 28\n255\nabc", 16), SU_ETRUNC, "cut.pgm");
}

static void test_tensors(void **state)
{
    (void)state;
    static const char *const shape[] = {"[3,1,28,28]", "[3,28,28]", "[1,28,28]", "[28,28]"};
    static float data[3 * PIXELS];
    float out[PIXELS];
    char header[200];
    struct su_err e;
    for (unsigned i = 0; i < SU_ARRAY_LEN(shape); i++) {
        uint32_t count = i < 2 ? 3 : 1;
        snprintf(header, sizeof header,
                 "{\"x\":{\"dtype\":\"F32\",\"shape\":%s,\"data_offsets\":[0,%u]}}", shape[i],
                 count * PIXELS * 4);
        /* As they are, NaN and all. */
        for (uint32_t p = 0; p < count * PIXELS; p++)
            data[p] = su_f32_from_bits(0x3f000000u + p * 977);
        data[5] = su_f32_from_bits(0x7fc00001u);
        struct su_digits *d =
            open_well(write_tensors("t", header, data, count * PIXELS * sizeof *data));
        assert_int_equal(su_digits_count(d), count);
        assert_int_equal(su_digits_label(d, 0), -1);
        for (uint32_t k = 0; k < count; k++) {
            must(su_digits_get(d, k, out, &e), &e);
            assert_memory_equal(out, data + k * PIXELS, sizeof out);
        }
        assert_int_equal(su_digits_get(d, count, out, &e), SU_EINVAL);
        su_digits_close(d);
        /* Bytes. */
        for (uint32_t p = 0; p < count * PIXELS; p++)
            data[p] = (float)pixel_of(p / PIXELS, p % PIXELS);
        d = open_well(write_tensors("t", header, data, count * PIXELS * sizeof *data));
        holds(d, count);
        su_digits_close(d);
        /* Zeros and ones are values, not bytes; and so is anything with 256, a half or a sign. */
        static const float odd[] = {1.0f, 256.0f, 2.5f, -1.0f};
        for (unsigned k = 0; k < SU_ARRAY_LEN(odd); k++) {
            memset(data, 0, sizeof data);
            data[1] = k ? 7.0f : 1.0f;
            data[PIXELS - 1] = odd[k];
            d = open_well(write_tensors("t", header, data, count * PIXELS * sizeof *data));
            must(su_digits_get(d, 0, out, &e), &e);
            assert_true(out[PIXELS - 1] == odd[k]);
            su_digits_close(d);
        }
    }
    struct su_digits *d = open_well(write_tensors(
        "t", "{\"x\":{\"dtype\":\"F32\",\"shape\":[0,28,28],\"data_offsets\":[0,0]}}", "", 0));
    assert_int_equal(su_digits_count(d), 0);
    assert_int_equal(su_digits_get(d, 0, out, &e), SU_EINVAL);
    su_digits_close(d);
}

static void test_tensors_of_other_shapes(void **state)
{
    (void)state;
    static const float data[2 * PIXELS];
    static const struct {
        const char *type, *shape;
        unsigned bytes;
        const char *want;
    } bad[] = {
        {"F32", "[784]", 3136, "x is f32 [784]|[N,1,28,28]"},
        {"F32", "[1,784]", 3136, "x is f32 [1,784]"},
        {"F32", "[1,2,28,28]", 6272, "x is f32 [1,2,28,28]"},
        {"F32", "[1,1,1,28,28]", 3136, "x is f32 [1,1,1,28,28]"},
        {"F32", "[28,1,28]", 3136, "x is f32 [28,1,28]"},
        {"F32", "[]", 4, "x is f32 []"},
        {"F16", "[2,28,28]", 3136, "x is f16 [2,28,28]"},
        {"I32", "[28,28]", 3136, "x is i32 [28,28]"},
    };
    for (unsigned i = 0; i < SU_ARRAY_LEN(bad); i++) {
        char header[200];
        snprintf(header, sizeof header,
                 "{\"x\":{\"dtype\":\"%s\",\"shape\":%s,\"data_offsets\":[0,%u]}}", bad[i].type,
                 bad[i].shape, bad[i].bytes);
        open_refused(write_tensors("bad", header, data, bad[i].bytes), SU_ETYPE, bad[i].want);
    }
    open_refused(write_tensors("two",
                               "{\"x\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
                               "\"y\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}",
                               data, 8),
                 SU_ETYPE, "two|holds 2 tensors|[N,1,28,28]");
    open_refused(write_tensors("none", "{}", data, 0), SU_ETYPE, "none|holds 0 tensors");
    open_refused(write_tensors("broken", "{\"x\":}", data, 0), SU_EFORMAT, "broken");
}

static void test_no_such_kind(void **state)
{
    (void)state;
    open_refused(scratch_write("x.gif", "GIF89a", 6), SU_EFORMAT, "x.gif|offset 0|PNG, PGM, IDX");
    open_refused(scratch_write("empty", "", 0), SU_ETRUNC, "empty");
    open_refused(scratch_path("nowhere"), SU_ENOENT, "nowhere");
    open_refused("/", SU_EINVAL, "/");
    /* Names come from outside: what a terminal would obey does not reach it. */
    open_refused(scratch_path("a\n\033[31mb"), SU_ENOENT, "a??[31mb");
    su_digits_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_idx_and_labels),
        cmocka_unit_test(test_labels_that_do_not_fit),
        cmocka_unit_test(test_labels_by_file_name_only),
        cmocka_unit_test(test_idx_of_other_shapes),
        cmocka_unit_test(test_pictures),
        cmocka_unit_test(test_tensors),
        cmocka_unit_test(test_tensors_of_other_shapes),
        cmocka_unit_test(test_no_such_kind),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
