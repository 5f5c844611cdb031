// SPDX-License-Identifier: MIT
#include "base/base.h"

#include <stdlib.h>
#include <string.h>

#define BUF_CAP_MIN 64

void su_buf_init(struct su_buf *b, size_t limit_bytes)
{
    *b = (struct su_buf){.limit = limit_bytes};
}

void su_buf_fini(struct su_buf *b)
{
    free(b->data);
    su_buf_init(b, b->limit);
}

void su_buf_clear(struct su_buf *b)
{
    b->len = 0;
    b->failed = b->over = false;
    if (b->data)
        b->data[0] = 0;
}

bool su_buf_reserve(struct su_buf *b, size_t more)
{
    if (b->failed)
        return false;
    if (b->limit && more > b->limit - b->len) {
        b->failed = b->over = true;
        return false;
    }
    if (more < b->cap - b->len) /* cap counts the terminator, so this also fails for cap 0 */
        return true;
    if (more > (size_t)PTRDIFF_MAX / 2 - b->len) {
        b->failed = true;
        return false;
    }
    size_t cap = SU_MAX(b->len + more + 1, b->cap + b->cap / 2);
    cap = SU_MAX(cap, (size_t)BUF_CAP_MIN);
    uint8_t *data = realloc(b->data, cap);
    if (!data) {
        b->failed = true;
        return false;
    }
    data[b->len] = 0;
    b->data = data;
    b->cap = cap;
    return true;
}

void su_buf_put(struct su_buf *b, const void *data, size_t n)
{
    if (!su_buf_reserve(b, n) || n == 0)
        return;
    memcpy(b->data + b->len, data, n);
    b->len += n;
    b->data[b->len] = 0;
}

void su_buf_u8(struct su_buf *b, uint8_t v)
{
    su_buf_put(b, &v, 1);
}

void su_buf_u16(struct su_buf *b, uint16_t v)
{
    uint8_t raw[2];

    su_put_le16(raw, v);
    su_buf_put(b, raw, sizeof raw);
}

void su_buf_u32(struct su_buf *b, uint32_t v)
{
    uint8_t raw[4];

    su_put_le32(raw, v);
    su_buf_put(b, raw, sizeof raw);
}

void su_buf_u64(struct su_buf *b, uint64_t v)
{
    uint8_t raw[8];

    su_put_le64(raw, v);
    su_buf_put(b, raw, sizeof raw);
}

void su_buf_str(struct su_buf *b, const char *s)
{
    su_buf_put(b, s, strlen(s));
}

void su_buf_printf(struct su_buf *b, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n < 0) {
        b->failed = true;
        return;
    }
    if (!su_buf_reserve(b, (size_t)n))
        return;
    va_start(ap, fmt);
    (void)vsnprintf((char *)b->data + b->len, (size_t)n + 1, fmt, ap);
    va_end(ap);
    b->len += (size_t)n;
}

enum su_code su_buf_check(const struct su_buf *b, const char *at, struct su_err *e)
{
    if (!b->failed)
        return SU_OK;
    if (b->over)
        return su_fail(e, SU_ELIMIT, at, "output exceeds the limit of %zu bytes", b->limit);
    return su_fail(e, SU_ENOMEM, at, "out of memory after %zu bytes", b->len);
}

struct su_reader su_reader_of(const void *data, size_t len)
{
    return (struct su_reader){.data = data, .len = len};
}

const uint8_t *su_read_bytes(struct su_reader *r, size_t n)
{
    /* An empty reader may have no memory at all; a read of nothing from it is no failure. */
    static const uint8_t nothing[1];

    if (r->failed || n > r->len - r->pos) {
        r->failed = true;
        return NULL;
    }
    const uint8_t *p = r->data ? r->data + r->pos : nothing;
    r->pos += n;
    return p;
}

uint8_t su_read_u8(struct su_reader *r)
{
    const uint8_t *p = su_read_bytes(r, 1);

    return p ? *p : 0;
}

uint16_t su_read_u16(struct su_reader *r)
{
    const uint8_t *p = su_read_bytes(r, 2);

    return p ? su_le16(p) : 0;
}

uint32_t su_read_u32(struct su_reader *r)
{
    const uint8_t *p = su_read_bytes(r, 4);

    return p ? su_le32(p) : 0;
}

uint64_t su_read_u64(struct su_reader *r)
{
    const uint8_t *p = su_read_bytes(r, 8);

    return p ? su_le64(p) : 0;
}

size_t su_read_left(const struct su_reader *r)
{
    return r->len - r->pos;
}

uint16_t su_le16(const void *p)
{
    const uint8_t *b = p;

    return (uint16_t)(b[0] | b[1] << 8);
}

uint32_t su_le32(const void *p)
{
    const uint8_t *b = p;

    return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

uint64_t su_le64(const void *p)
{
    const uint8_t *b = p;

    return (uint64_t)su_le32(b) | (uint64_t)su_le32(b + 4) << 32;
}

void su_put_le16(void *p, uint16_t v)
{
    uint8_t *b = p;

    b[0] = (uint8_t)v;
    b[1] = (uint8_t)(v >> 8);
}

void su_put_le32(void *p, uint32_t v)
{
    uint8_t *b = p;

    for (unsigned i = 0; i < 4; i++)
        b[i] = (uint8_t)(v >> 8 * i);
}

void su_put_le64(void *p, uint64_t v)
{
    uint8_t *b = p;

    su_put_le32(b, (uint32_t)v);
    su_put_le32(b + 4, (uint32_t)(v >> 32));
}
