// SPDX-License-Identifier: MIT
#include "media_priv.h"

#include <inttypes.h>

static bool is_space(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* A '#' starts a comment up to the end of the line, anywhere between header tokens and plain
   samples. */
static void skip_space(struct su_reader *r)
{
    while (r->pos < r->len) {
        uint8_t c = r->data[r->pos];

        if (c == '#') {
            while (r->pos < r->len && r->data[r->pos] != '\n' && r->data[r->pos] != '\r') {
                r->pos++;
            }
        } else if (is_space(c)) {
            r->pos++;
        } else {
            break;
        }
    }
}

static enum su_code read_number(struct su_reader *r, const char *what, const char *at, uint32_t *v,
                                struct su_err *e)
{
    uint64_t n = 0;

    skip_space(r);
    size_t start = r->pos;
    while (r->pos < r->len && r->data[r->pos] >= '0' && r->data[r->pos] <= '9') {
        n = n * 10 + (uint64_t)(r->data[r->pos] - '0');
        if (n > UINT32_MAX) {
            return su_fail(e, SU_ELIMIT, at, "PGM %s at byte %zu exceeds %u", what, start,
                           UINT32_MAX);
        }
        r->pos++;
    }
    if (r->pos == start) {
        if (start == r->len) {
            return su_fail(e, SU_ETRUNC, at, "PGM ends at byte %zu where %s is due", start, what);
        }
        return su_fail(e, SU_EFORMAT, at, "PGM has no number for %s at byte %zu", what, start);
    }
    *v = (uint32_t)n;
    return SU_OK;
}

static uint8_t scale(uint32_t v, uint32_t maxval)
{
    return (uint8_t)((v * 255u + maxval / 2) / maxval);
}

static enum su_code read_plain(struct su_reader *r, uint32_t maxval, const char *at,
                               struct su_image *out, struct su_err *e)
{
    size_t n = (size_t)out->w * out->h;

    for (size_t i = 0; i < n; i++) {
        uint32_t v = 0;
        enum su_code c = read_number(r, "a sample", at, &v, e);

        if (c != SU_OK) {
            return c;
        }
        if (v > maxval) {
            return su_fail(e, SU_EFORMAT, at, "PGM sample %u before byte %zu is above maxval %u", v,
                           r->pos, maxval);
        }
        out->gray[i] = scale(v, maxval);
    }
    return SU_OK;
}

static enum su_code read_raw(struct su_reader *r, uint32_t maxval, const char *at,
                             struct su_image *out, struct su_err *e)
{
    size_t n = (size_t)out->w * out->h, wide = maxval > 255 ? 2 : 1;
    const uint8_t *p = r->data + r->pos;

    for (size_t i = 0; i < n; i++) {
        uint32_t v = wide == 2 ? (uint32_t)p[2 * i] << 8 | p[2 * i + 1] : p[i];

        if (v > maxval) {
            return su_fail(e, SU_EFORMAT, at, "PGM sample %u at byte %zu is above maxval %u", v,
                           r->pos + i * wide, maxval);
        }
        out->gray[i] = scale(v, maxval);
    }
    return SU_OK;
}

enum su_code su_media_pgm_parse(const uint8_t *data, size_t len, const char *at,
                                struct su_image *out, struct su_err *e)
{
    struct su_reader r = su_reader_of(data, len);
    uint32_t w = 0, h = 0, maxval = 0;
    bool raw = data[1] == '5';
    enum su_code c;

    r.pos = 2;
    if ((c = read_number(&r, "the width", at, &w, e)) != SU_OK ||
        (c = read_number(&r, "the height", at, &h, e)) != SU_OK ||
        (c = read_number(&r, "maxval", at, &maxval, e)) != SU_OK) {
        return c;
    }
    if (maxval == 0 || maxval > 65535) {
        return su_fail(e, SU_EFORMAT, at, "PGM maxval %u before byte %zu is not in 1..65535",
                       maxval, r.pos);
    }
    if (raw && r.pos < len) {
        if (!is_space(data[r.pos])) {
            return su_fail(e, SU_EFORMAT, at, "PGM has no white space after maxval at byte %zu",
                           r.pos);
        }
        r.pos++;
    }
    /* Both sides fit 32 bits, so the product fits 64; a plain sample takes a digit and a
       separator. */
    uint64_t pixels = (uint64_t)w * h;
    uint64_t room = len - r.pos;
    uint64_t have = raw ? room / (maxval > 255 ? 2 : 1) : room / 2 + 1;
    if (w <= SU_MEDIA_SIDE_MAX && h <= SU_MEDIA_SIDE_MAX && pixels > have) {
        return su_fail(e, SU_ETRUNC, at,
                       "PGM claims %" PRIu64 " samples but the file ends at byte %zu, %" PRIu64
                       " bytes after the header",
                       pixels, len, room);
    }
    c = su_media_gray_new(w, h, 2, at, out, e);
    if (c != SU_OK) {
        return c;
    }
    return raw ? read_raw(&r, maxval, at, out, e) : read_plain(&r, maxval, at, out, e);
}
