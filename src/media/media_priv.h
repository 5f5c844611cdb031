// SPDX-License-Identifier: MIT
#ifndef SU_MEDIA_PRIV_H
#define SU_MEDIA_PRIV_H

#include "media/media.h"

/* Inflates n bytes per byte of input at most (zlib: 258 bytes from 2 bits), so a claim beyond it is
   a lie that can be refused before allocating for it. */
#define SU_MEDIA_INFLATE_MAX 1032u

/* Checks a claimed picture size and allocates its gray plane. `offset` is where the claim stands in
   the file. */
enum su_code su_media_gray_new(uint64_t w, uint64_t h, size_t offset, const char *at,
                               struct su_image *out, struct su_err *e);
enum su_code su_media_png_parse(const uint8_t *data, size_t len, const char *at,
                                struct su_image *out, struct su_err *e);
enum su_code su_media_pgm_parse(const uint8_t *data, size_t len, const char *at,
                                struct su_image *out, struct su_err *e);
/* Inflates the first cap bytes of a gzip file into out; returns how many came, 0 when it is no
   gzip. */
size_t su_media_gz_head(const uint8_t *data, size_t len, uint8_t *out, size_t cap);

#endif
