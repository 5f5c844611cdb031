// SPDX-License-Identifier: MIT
#include "media_priv.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { IDX_LABELS = 2049, IDX_IMAGES = 2051 };

struct su_idx {
    uint32_t count, rows, cols; /* rows and cols are 0 for labels */
    const uint8_t *items;
    uint8_t *inflated; /* owned, NULL for a plain file */
    struct su_map map; /* owned when opened from a path */
};

static uint32_t be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* Reads the header at the start of p[0..n) into x; *total is the length that the whole file must
   then have. `what` says which bytes the offsets count ("" or "inflated "). */
static enum su_code read_header(struct su_idx *x, const uint8_t *p, size_t n, const char *what,
                                const char *at, uint64_t *total, struct su_err *e)
{
    if (n < 4) {
        return su_fail(e, SU_ETRUNC, at, "IDX ends at %sbyte %zu, inside the magic number", what,
                       n);
    }
    uint32_t magic = be32(p);
    if (magic != IDX_LABELS && magic != IDX_IMAGES) {
        return su_fail(e, SU_EFORMAT, at,
                       "wrong magic number %u at %sbyte 0: an IDX file starts with %d (images) or "
                       "%d (labels)",
                       magic, what, IDX_IMAGES, IDX_LABELS);
    }
    size_t head = magic == IDX_IMAGES ? 16 : 8;
    if (n < head) {
        return su_fail(e, SU_ETRUNC, at, "IDX ends at %sbyte %zu, inside the %zu byte header", what,
                       n, head);
    }
    x->count = be32(p + 4);
    uint64_t item = 1;
    if (magic == IDX_IMAGES) {
        x->rows = be32(p + 8);
        x->cols = be32(p + 12);
        if (x->rows == 0 || x->cols == 0) {
            return su_fail(e, SU_EFORMAT, at, "IDX images of %u x %u pixels at %sbyte 8", x->rows,
                           x->cols, what);
        }
        if (x->rows > SU_MEDIA_SIDE_MAX || x->cols > SU_MEDIA_SIDE_MAX) {
            return su_fail(e, SU_ELIMIT, at,
                           "IDX claims images of %u x %u pixels at %sbyte 8; the limit is %u per "
                           "side",
                           x->rows, x->cols, what, SU_MEDIA_SIDE_MAX);
        }
        item = (uint64_t)x->rows * x->cols;
    }
    *total = head + x->count * item; /* at most 2^32 · 2^28, no overflow */
    if (*total > SU_MEDIA_BYTES_MAX) {
        return su_fail(e, SU_ELIMIT, at,
                       "IDX claims %u items of %" PRIu64 " bytes at %sbyte 4, %" PRIu64
                       " in all; the limit is %" PRIu64 " bytes: split the file",
                       x->count, item, what, *total, (uint64_t)SU_MEDIA_BYTES_MAX);
    }
    return SU_OK;
}

static enum su_code check_length(uint64_t have, uint64_t total, const char *what, const char *at,
                                 struct su_err *e)
{
    if (have < total) {
        return su_fail(e, SU_ETRUNC, at,
                       "IDX header claims %" PRIu64 " %sbytes but the data ends at byte %" PRIu64,
                       total, what, have);
    }
    if (have > total) {
        return su_fail(e, SU_EFORMAT, at,
                       "IDX has bytes after its last item: its header claims %" PRIu64
                       " %sbytes, more follow at byte %" PRIu64,
                       total, what, total);
    }
    return SU_OK;
}

/* A gzip stream being inflated; in->next_in walks the file. */
struct gz {
    z_stream z;
    const uint8_t *data;
    size_t len;
    bool ended; /* the last member is complete */
    const char *at;
};

static size_t gz_pos(const struct gz *g)
{
    return (size_t)(g->z.next_in - g->data);
}

/* Inflates up to cap bytes into out, across members. *n is short only at the end of the file. */
static enum su_code gz_read(struct gz *g, uint8_t *out, size_t cap, size_t *n, struct su_err *e)
{
    *n = 0;
    while (*n < cap && !g->ended) {
        size_t left = g->len - gz_pos(g), room = cap - *n;

        g->z.avail_in = (uInt)SU_MIN(left, (size_t)1 << 20);
        g->z.next_out = out + *n;
        g->z.avail_out = (uInt)SU_MIN(room, (size_t)1 << 20);
        uInt before = g->z.avail_out;
        int rc = inflate(&g->z, Z_NO_FLUSH);
        *n += before - g->z.avail_out;
        if (rc == Z_STREAM_END) {
            if (gz_pos(g) == g->len) {
                g->ended = true;
            } else if (inflateReset(&g->z) != Z_OK) {
                return su_fail(e, SU_EINTERNAL, g->at, "cannot continue the gzip stream");
            }
        } else if (rc == Z_BUF_ERROR) { /* there is always room for output, so input is missing */
            return su_fail(e, SU_ETRUNC, g->at,
                           "gzip data ends at byte %zu before the stream is complete", g->len);
        } else if (rc == Z_MEM_ERROR) {
            return su_fail(e, SU_ENOMEM, g->at, "no memory to inflate");
        } else if (rc != Z_OK) {
            return su_fail(e, SU_EFORMAT, g->at, "damaged gzip data before byte %zu: %s", gz_pos(g),
                           g->z.msg != NULL ? g->z.msg : "bad stream");
        }
    }
    return SU_OK;
}

static enum su_code gz_init(struct gz *g, const uint8_t *data, size_t len, const char *at,
                            struct su_err *e)
{
    *g = (struct gz){.data = data, .len = len, .at = at};
    g->z.next_in = (z_const Bytef *)(uintptr_t)data;
    if (inflateInit2(&g->z, 15 + 16) != Z_OK) {
        return su_fail(e, SU_ENOMEM, at, "no memory to inflate");
    }
    return SU_OK;
}

size_t su_media_gz_head(const uint8_t *data, size_t len, uint8_t *out, size_t cap)
{
    struct gz g;
    size_t n = 0;

    if (gz_init(&g, data, len, "", NULL) != SU_OK) {
        return 0;
    }
    if (gz_read(&g, out, cap, &n, NULL) != SU_OK && n < cap) {
        n = 0;
    }
    inflateEnd(&g.z);
    return n;
}

/* Reads exactly the claimed bytes plus one, growing with what really comes, so that a false claim
   costs nothing. */
static enum su_code inflate_items(struct gz *g, struct su_buf *b, uint64_t total, struct su_err *e)
{
    while (!g->ended && b->len <= total) {
        size_t step = (size_t)SU_MIN(total + 1 - b->len, (uint64_t)SU_MAX(b->len, (size_t)65536));
        size_t n = 0;

        if (!su_buf_reserve(b, step)) {
            return su_buf_check(b, g->at, e);
        }
        enum su_code c = gz_read(g, b->data + b->len, step, &n, e);
        b->len += n;
        if (c == SU_ETRUNC) {
            return su_fail(e, SU_ETRUNC, g->at,
                           "gzip data ends at byte %zu: IDX header claims %" PRIu64
                           " inflated bytes, %zu came",
                           g->len, total, b->len);
        }
        if (c != SU_OK) {
            return c;
        }
    }
    return SU_OK;
}

static enum su_code parse_gz(struct su_idx *x, const uint8_t *data, size_t len, const char *at,
                             struct su_err *e)
{
    struct gz g;
    struct su_buf b;
    uint8_t head[16];
    size_t n = 0;
    uint64_t total = 0;
    enum su_code c = gz_init(&g, data, len, at, e);

    if (c != SU_OK) {
        return c;
    }
    su_buf_init(&b, SU_MEDIA_BYTES_MAX + 1);
    /* 8 bytes settle the kind; asking for 16 at once would call a label file of 3 items
       truncated. */
    c = gz_read(&g, head, 8, &n, e);
    if (c == SU_OK && n == 8 && be32(head) == IDX_IMAGES) {
        size_t more = 0;

        c = gz_read(&g, head + 8, 8, &more, e);
        n += more;
    }
    if (c == SU_OK) {
        c = read_header(x, head, n, "inflated ", at, &total, e);
    }
    if (c == SU_OK) {
        su_buf_put(&b, head, n);
        c = inflate_items(&g, &b, total, e);
    }
    if (c == SU_OK) {
        c = check_length(b.len, total, "inflated ", at, e);
    }
    inflateEnd(&g.z);
    if (c != SU_OK) {
        su_buf_fini(&b);
        return c;
    }
    x->inflated = b.data;
    x->items = b.data + n;
    return SU_OK;
}

static enum su_code parse_into(struct su_idx *x, const uint8_t *data, size_t len, const char *at,
                               struct su_err *e)
{
    uint64_t total = 0;

    if (len == 0) {
        return su_fail(e, SU_ETRUNC, at, "file is empty: 0 bytes at offset 0");
    }
    if (len >= 2 && data[0] == 0x1f && data[1] == 0x8b) {
        return parse_gz(x, data, len, at, e);
    }
    enum su_code c = read_header(x, data, len, "", at, &total, e);
    if (c == SU_OK) {
        c = check_length(len, total, "", at, e);
    }
    if (c == SU_OK) {
        x->items = data + (x->rows != 0 ? 16 : 8);
    }
    return c;
}

enum su_code su_idx_parse(const void *data, size_t len, const char *at, struct su_idx **out,
                          struct su_err *e)
{
    struct su_idx *x = su_alloc(sizeof *x);
    enum su_code c = parse_into(x, data, len, at, e);

    *out = NULL;
    if (c != SU_OK) {
        su_idx_close(x);
        return c;
    }
    *out = x;
    return SU_OK;
}

enum su_code su_idx_open(const char *path, struct su_idx **out, struct su_err *e)
{
    struct su_map m;

    *out = NULL;
    enum su_code c = su_map_open(path, SU_MEDIA_BYTES_MAX, &m, e);
    if (c != SU_OK) {
        return c;
    }
    c = su_idx_parse(m.data, m.len, path, out, e);
    if (c != SU_OK || (*out)->inflated != NULL) {
        su_map_close(&m);
    } else {
        (*out)->map = m;
    }
    return c;
}

void su_idx_close(struct su_idx *x)
{
    if (x == NULL) {
        return;
    }
    free(x->inflated);
    if (x->map.data != NULL) {
        su_map_close(&x->map);
    }
    free(x);
}

uint32_t su_idx_count(const struct su_idx *x)
{
    return x->count;
}

uint32_t su_idx_rows(const struct su_idx *x)
{
    return x->rows;
}

uint32_t su_idx_cols(const struct su_idx *x)
{
    return x->cols;
}

enum su_code su_idx_image(const struct su_idx *x, uint64_t i, uint8_t *out, size_t out_bytes,
                          struct su_err *e)
{
    size_t item = (size_t)x->rows * x->cols;

    if (item == 0) {
        return su_fail(e, SU_ETYPE, "IDX", "holds labels, not images");
    }
    if (item != out_bytes) {
        return su_fail(e, SU_ETYPE, "IDX", "images have %u x %u = %zu pixels, %zu are wanted",
                       x->rows, x->cols, item, out_bytes);
    }
    if (i >= x->count) {
        return su_fail(e, SU_EINVAL, "IDX",
                       "image %" PRIu64 " does not exist: there are %u (0..%u)", i, x->count,
                       x->count != 0 ? x->count - 1 : 0);
    }
    memcpy(out, x->items + i * item, item);
    return SU_OK;
}

const uint8_t *su_idx_labels(const struct su_idx *x)
{
    return x->rows == 0 ? x->items : NULL;
}
