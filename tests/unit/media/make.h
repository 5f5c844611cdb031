// SPDX-License-Identifier: MIT
/* Files made byte by byte, without libpng or zlib, so that the readers are tested against the
   formats and not against themselves. Buffers are the caller's to fini. */
#ifndef TEST_MEDIA_MAKE_H
#define TEST_MEDIA_MAKE_H

#include "media/media.h"

struct png_spec {
    uint32_t w, h;
    unsigned depth, type; /* as in IHDR */
    bool interlaced;
    /* Raw sample of channel c at (x, y), in [0, 2^depth). */
    unsigned (*sample)(uint32_t x, uint32_t y, unsigned c);
    const uint8_t *plte, *trns, *bkgd;
    size_t plte_n, trns_n, bkgd_n;
};
void make_png(const struct png_spec *s, struct su_buf *out);
/* Recomputes the checksum of the PNG chunk whose data starts at `data` (after a test changed
   it). */
void fix_png_crc(uint8_t *png, size_t data, size_t n);

/* One gzip member with stored blocks. */
void make_gzip(const void *data, size_t n, struct su_buf *out);
void make_idx_images(uint32_t count, uint32_t rows, uint32_t cols, struct su_buf *out);
void put_be32(struct su_buf *b, uint32_t v);

/* A file in a fresh folder under $TMPDIR or /tmp; temp_free removes folder and file. */
struct temp {
    char dir[256], path[300];
};
struct temp temp_write(const void *data, size_t n);
void temp_free(struct temp *t);

/* Asserts that the message is one line which contains all the words (NULL ends the list). */
void assert_message(const struct su_err *e, const char *const *words);

#endif
