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

void put_be32(struct su_buf *b, uint32_t v)
{
    const uint8_t p[4] = {(uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v};

    su_buf_put(b, p, 4);
}

static uint32_t crc32_of(const uint8_t *p, size_t n)
{
    uint32_t c = 0xffffffff;

    for (size_t i = 0; i < n; i++) {
        c ^= p[i];
        for (int k = 0; k < 8; k++) {
            c = (c & 1) != 0 ? 0xedb88320 ^ (c >> 1) : c >> 1;
        }
    }
    return ~c;
}

static uint32_t adler32_of(const uint8_t *p, size_t n)
{
    uint32_t a = 1, b = 0;

    for (size_t i = 0; i < n; i++) {
        a = (a + p[i]) % 65521;
        b = (b + a) % 65521;
    }
    return b << 16 | a;
}

static void put_stored(struct su_buf *b, const uint8_t *p, size_t n)
{
    do {
        size_t k = SU_MIN(n, (size_t)65535);

        su_buf_u8(b, n == k ? 1 : 0);
        su_buf_u16(b, (uint16_t)k);
        su_buf_u16(b, (uint16_t)~k);
        su_buf_put(b, p, k);
        p += k;
        n -= k;
    } while (n > 0);
}

static void put_chunk(struct su_buf *b, const char *type, const void *data, size_t n)
{
    put_be32(b, (uint32_t)n);
    size_t start = b->len;
    su_buf_put(b, type, 4);
    su_buf_put(b, data, n);
    put_be32(b, crc32_of(b->data + start, n + 4));
}

void fix_png_crc(uint8_t *png, size_t data, size_t n)
{
    uint32_t c = crc32_of(png + data - 4, n + 4);

    for (int i = 0; i < 4; i++) {
        png[data + n + (size_t)i] = (uint8_t)(c >> (24 - 8 * i));
    }
}

static unsigned channels_of(unsigned type)
{
    static const unsigned channels[7] = {1, 0, 3, 1, 2, 0, 4};

    return channels[type];
}

static void put_row(struct su_buf *raw, const struct png_spec *s, uint32_t y, uint32_t x0,
                    uint32_t dx)
{
    unsigned acc = 0, bits = 0;

    su_buf_u8(raw, 0); /* filter: none */
    for (uint32_t x = x0; x < s->w; x += dx) {
        for (unsigned c = 0; c < channels_of(s->type); c++) {
            unsigned v = s->sample(x, y, c);

            if (s->depth == 16) {
                su_buf_u8(raw, (uint8_t)(v >> 8));
                su_buf_u8(raw, (uint8_t)v);
                continue;
            }
            acc = acc << s->depth | v;
            bits += s->depth;
            if (bits == 8) {
                su_buf_u8(raw, (uint8_t)acc);
                acc = bits = 0;
            }
        }
    }
    if (bits > 0) {
        su_buf_u8(raw, (uint8_t)(acc << (8 - bits)));
    }
}

static void put_pixels(struct su_buf *raw, const struct png_spec *s)
{
    static const uint32_t pass[7][4] = {{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4},
                                        {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}};

    if (!s->interlaced) {
        for (uint32_t y = 0; y < s->h; y++) {
            put_row(raw, s, y, 0, 1);
        }
        return;
    }
    for (int p = 0; p < 7; p++) {
        for (uint32_t y = pass[p][1]; y < s->h && pass[p][0] < s->w; y += pass[p][3]) {
            put_row(raw, s, y, pass[p][0], pass[p][2]);
        }
    }
}

void make_png(const struct png_spec *s, struct su_buf *out)
{
    struct su_buf head, raw, z;

    su_buf_init(out, 0);
    su_buf_init(&head, 0);
    su_buf_init(&raw, 0);
    su_buf_init(&z, 0);
    su_buf_put(out, "\x89PNG\r\n\x1a\n", 8);
    put_be32(&head, s->w);
    put_be32(&head, s->h);
    const uint8_t rest[5] = {(uint8_t)s->depth, (uint8_t)s->type, 0, 0, s->interlaced ? 1 : 0};
    su_buf_put(&head, rest, 5);
    put_chunk(out, "IHDR", head.data, head.len);
    if (s->plte != NULL) {
        put_chunk(out, "PLTE", s->plte, s->plte_n);
    }
    if (s->trns != NULL) {
        put_chunk(out, "tRNS", s->trns, s->trns_n);
    }
    if (s->bkgd != NULL) {
        put_chunk(out, "bKGD", s->bkgd, s->bkgd_n);
    }
    put_pixels(&raw, s);
    su_buf_put(&z, "\x78\x01", 2);
    put_stored(&z, raw.data, raw.len);
    put_be32(&z, adler32_of(raw.data, raw.len));
    put_chunk(out, "IDAT", z.data, z.len);
    put_chunk(out, "IEND", "", 0);
    su_buf_fini(&head);
    su_buf_fini(&raw);
    su_buf_fini(&z);
}

void make_gzip(const void *data, size_t n, struct su_buf *out)
{
    static const uint8_t head[10] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255};

    su_buf_put(out, head, sizeof head);
    put_stored(out, data, n);
    su_buf_u32(out, crc32_of(data, n));
    su_buf_u32(out, (uint32_t)n);
}

void make_idx_images(uint32_t count, uint32_t rows, uint32_t cols, struct su_buf *out)
{
    su_buf_init(out, 0);
    put_be32(out, 2051);
    put_be32(out, count);
    put_be32(out, rows);
    put_be32(out, cols);
    for (uint32_t i = 0; i < count * rows * cols; i++) {
        su_buf_u8(out, (uint8_t)(i * 7 + i / 256));
    }
}

struct temp temp_write(const void *data, size_t n)
{
    struct temp t;
    const char *base = getenv("TMPDIR");
    struct su_err e;

    snprintf(t.dir, sizeof t.dir, "%s/su-media-XXXXXX", base != NULL ? base : "/tmp");
    assert_non_null(mkdtemp(t.dir));
    snprintf(t.path, sizeof t.path, "%s/file", t.dir);
    assert_int_equal(su_file_write(t.path, n != 0 ? data : "", n, 0600, &e), SU_OK);
    return t;
}

void temp_free(struct temp *t)
{
    unlink(t->path);
    rmdir(t->dir);
}

void assert_message(const struct su_err *e, const char *const *words)
{
    char line[600];

    su_err_line(e, line, sizeof line);
    assert_null(strchr(line, '\n'));
    for (; *words != NULL; words++) {
        if (strstr(line, *words) == NULL) {
            fail_msg("\"%s\" lacks \"%s\"", line, *words);
        }
    }
}
