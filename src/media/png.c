// SPDX-License-Identifier: MIT
#include "media_priv.h"

#include <inttypes.h>
#include <png.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

/* Everything that must survive a longjmp out of libpng lives here, not in locals. */
struct png_job {
    const uint8_t *data;
    size_t len, pos;
    bool short_read;
    char why[120];
    png_structp png;
    png_infop info;
    uint32_t w, h;
    unsigned channels; /* after libpng's transformations: 1 gray, 2 gray+alpha, 3 RGB, 4 RGBA */
    uint8_t *pixels; /* one row, or the whole picture when it is interlaced */
    uint8_t *alpha;
    int background; /* luma, -1 = the file names none */
    struct su_image *out;
};

static void on_error(png_structp png, png_const_charp text)
{
    struct png_job *j = png_get_error_ptr(png);

    su_str_copy(j->why, sizeof j->why, text);
    longjmp(png_jmpbuf(png), 1);
}

static void on_warning(png_structp png, png_const_charp text)
{
    (void)png;
    (void)text;
}

static void on_read(png_structp png, png_bytep out, size_t n)
{
    struct png_job *j = png_get_io_ptr(png);

    if (n > j->len - j->pos) {
        j->short_read = true;
        png_error(png, "short");
    }
    memcpy(out, j->data + j->pos, n);
    j->pos += n;
}

static uint32_t be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* Reads IHDR by hand, so that libpng never sees a size that this file cannot hold. */
static enum su_code check_header(const uint8_t *data, size_t len, const char *at,
                                 struct su_image *out, struct su_err *e)
{
    if (len < 33) {
        return su_fail(e, SU_ETRUNC, at,
                       "PNG ends at byte %zu, inside the header (33 bytes are due)", len);
    }
    if (be32(data + 8) != 13 || memcmp(data + 12, "IHDR", 4) != 0) {
        return su_fail(e, SU_EFORMAT, at, "PNG has no IHDR chunk at byte 8");
    }
    uint64_t w = be32(data + 16), h = be32(data + 20);
    if (w <= SU_MEDIA_SIDE_MAX && h <= SU_MEDIA_SIDE_MAX) {
        /* Channels by colour type; a type that does not exist counts as 1 and fails later in
           libpng. */
        static const uint8_t channels[8] = {1, 1, 3, 1, 2, 1, 4, 1};
        uint64_t bits = (uint64_t)channels[data[25] & 7] * (data[24] <= 16 ? data[24] : 1);
        uint64_t least = h * (1 + w * bits / 8);

        if (least / SU_MEDIA_INFLATE_MAX > len) {
            return su_fail(e, SU_ETRUNC, at,
                           "PNG claims %" PRIu64 " x %" PRIu64
                           " pixels at byte 16, more than the file's %zu bytes can hold",
                           w, h, len);
        }
    }
    return su_media_gray_new(w, h, 16, at, out, e);
}

static uint8_t luma(const uint8_t *p)
{
    return (uint8_t)((77u * p[0] + 150u * p[1] + 29u * p[2] + 128u) >> 8);
}

static void take_row(struct png_job *j, const uint8_t *row, uint32_t y)
{
    uint8_t *gray = j->out->gray + (size_t)y * j->w;
    uint8_t *alpha = j->alpha != NULL ? j->alpha + (size_t)y * j->w : NULL;
    unsigned ch = j->channels;

    for (uint32_t x = 0; x < j->w; x++, row += ch) {
        gray[x] = ch >= 3 ? luma(row) : row[0];
        if (alpha != NULL) {
            alpha[x] = row[ch - 1];
        }
    }
}

/* The file's own background as luma, -1 when it names none. Called before libpng rewrites info. */
static int file_background(struct png_job *j)
{
    png_color_16p bg;

    if (png_get_bKGD(j->png, j->info, &bg) == 0) {
        return -1;
    }
    unsigned type = png_get_color_type(j->png, j->info);
    if (type == PNG_COLOR_TYPE_PALETTE) {
        png_colorp table = NULL;
        int count = 0;

        if (png_get_PLTE(j->png, j->info, &table, &count) == 0 || bg->index >= count) {
            return -1;
        }
        const uint8_t rgb[3] = {table[bg->index].red, table[bg->index].green,
                                table[bg->index].blue};
        return luma(rgb);
    }
    unsigned top = (1u << png_get_bit_depth(j->png, j->info)) - 1;
    const unsigned raw[4] = {bg->red, bg->green, bg->blue, bg->gray};
    uint8_t v[4];

    for (int i = 0; i < 4; i++) {
        v[i] = (uint8_t)((SU_MIN(raw[i], top) * 255u + top / 2) / top);
    }
    return (type & PNG_COLOR_MASK_COLOR) != 0 ? luma(v) : v[3];
}

/* Without a background in the file: the extreme farther from the visible ink. */
static uint32_t contrast_background(const struct png_job *j)
{
    uint64_t ink = 0, weight = 0;
    size_t n = (size_t)j->w * j->h;

    for (size_t i = 0; i < n; i++) {
        ink += (uint64_t)j->out->gray[i] * j->alpha[i];
        weight += j->alpha[i];
    }
    return weight > 0 && ink >= weight * 128 ? 0 : 255;
}

static void composite(struct png_job *j)
{
    uint32_t bg = j->background >= 0 ? (uint32_t)j->background : contrast_background(j);
    size_t n = (size_t)j->w * j->h;

    for (size_t i = 0; i < n; i++) {
        uint32_t a = j->alpha[i];

        j->out->gray[i] = (uint8_t)((j->out->gray[i] * a + bg * (255 - a) + 127) / 255);
    }
}

/* Runs inside the setjmp frame: any libpng call may jump out. Returns false when memory is
   short. */
static bool decode(struct png_job *j)
{
    png_set_read_fn(j->png, j, on_read);
    png_set_user_limits(j->png, SU_MEDIA_SIDE_MAX, SU_MEDIA_SIDE_MAX);
    png_set_chunk_cache_max(j->png, 64);
    png_set_chunk_malloc_max(j->png, 1u << 20);
    png_read_info(j->png, j->info);
    png_set_scale_16(j->png);
    png_set_expand(j->png);
    bool interlaced = png_get_interlace_type(j->png, j->info) != PNG_INTERLACE_NONE;
    int passes = png_set_interlace_handling(j->png);
    j->background = file_background(j);
    png_read_update_info(j->png, j->info);
    j->channels = png_get_channels(j->png, j->info);
    bool has_alpha = j->channels == 2 || j->channels == 4;
    size_t row = (size_t)j->w * j->channels;
    if (j->channels < 1 || j->channels > 4 || png_get_rowbytes(j->png, j->info) != row) {
        png_error(j->png, "unexpected row size");
    }
    j->pixels = su_try_alloc(row, interlaced ? j->h : 1);
    if (has_alpha) {
        j->alpha = su_try_alloc(j->w, j->h);
    }
    if (j->pixels == NULL || (has_alpha && j->alpha == NULL)) {
        return false;
    }
    for (int pass = 0; pass < passes; pass++) {
        for (uint32_t y = 0; y < j->h; y++) {
            uint8_t *at = j->pixels + (interlaced ? y * row : 0);

            png_read_row(j->png, at, NULL);
            if (pass == passes - 1) {
                take_row(j, at, y);
            }
        }
    }
    png_read_end(j->png, NULL);
    if (has_alpha) {
        composite(j);
    }
    return true;
}

enum su_code su_media_png_parse(const uint8_t *data, size_t len, const char *at,
                                struct su_image *out, struct su_err *e)
{
    struct png_job j = {.data = data, .len = len, .out = out};
    enum su_code c = check_header(data, len, at, out, e);

    if (c != SU_OK) {
        return c;
    }
    j.w = out->w;
    j.h = out->h;
    j.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &j, on_error, on_warning);
    j.info = j.png != NULL ? png_create_info_struct(j.png) : NULL;
    if (j.info == NULL) {
        png_destroy_read_struct(&j.png, NULL, NULL);
        return su_fail(e, SU_ENOMEM, at, "no memory to read a PNG");
    }
    if (setjmp(png_jmpbuf(j.png)) == 0) {
        if (!decode(&j)) {
            c = su_fail(e, SU_ENOMEM, at, "no memory for %u x %u pixels", j.w, j.h);
        }
    } else if (j.short_read) {
        c = su_fail(e, SU_ETRUNC, at, "PNG ends at byte %zu before the picture is complete", len);
    } else {
        c = su_fail(e, SU_EFORMAT, at, "damaged PNG before byte %zu: %s", j.pos, j.why);
    }
    png_destroy_read_struct(&j.png, &j.info, NULL);
    free(j.pixels);
    free(j.alpha);
    return c;
}

struct png_sink {
    struct su_buf buf;
};

static void on_write(png_structp png, png_bytep data, size_t n)
{
    struct png_sink *s = png_get_io_ptr(png);

    su_buf_put(&s->buf, data, n);
}

static void on_flush(png_structp png)
{
    (void)png;
}

static bool encode(struct png_job *j, struct png_sink *s, const uint8_t *px)
{
    if (setjmp(png_jmpbuf(j->png)) != 0) {
        return false;
    }
    png_set_write_fn(j->png, s, on_write, on_flush);
    png_set_IHDR(j->png, j->info, j->w, j->h, 8, PNG_COLOR_TYPE_GRAY, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_write_info(j->png, j->info);
    for (uint32_t y = 0; y < j->h; y++) {
        png_write_row(j->png, px + (size_t)y * j->w);
    }
    png_write_end(j->png, NULL);
    return true;
}

enum su_code su_png_write_gray(const char *path, uint32_t w, uint32_t h, const uint8_t *px,
                               struct su_err *e)
{
    struct png_job j = {.w = w, .h = h};
    struct png_sink s;
    enum su_code c;

    if (w == 0 || h == 0) {
        return su_fail(e, SU_EINVAL, path, "a picture of %u x %u pixels has no pixels", w, h);
    }
    if (w > SU_MEDIA_SIDE_MAX || h > SU_MEDIA_SIDE_MAX || (uint64_t)w * h > SU_MEDIA_PIXELS_MAX) {
        return su_fail(e, SU_ELIMIT, path, "%u x %u pixels exceed %u per side or %u in all", w, h,
                       SU_MEDIA_SIDE_MAX, SU_MEDIA_PIXELS_MAX);
    }
    su_buf_init(&s.buf, 0);
    j.png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &j, on_error, on_warning);
    j.info = j.png != NULL ? png_create_info_struct(j.png) : NULL;
    if (j.info == NULL || !encode(&j, &s, px) || s.buf.failed) {
        c = su_fail(e, SU_ENOMEM, path, "no memory to write a PNG of %u x %u pixels", w, h);
    } else {
        c = su_file_write(path, s.buf.data, s.buf.len, 0644, e);
    }
    png_destroy_write_struct(&j.png, &j.info);
    su_buf_fini(&s.buf);
    return c;
}
