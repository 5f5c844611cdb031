// SPDX-License-Identifier: MIT
/* A JSON tree of a header would be many times its size, so the header is read where it lies. Its
   grammar is fixed: nothing nests deeper than it says, and nothing here recurses. */
#include "weights_priv.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

enum su_code su_scan_fail(const struct su_scan *s, enum su_code code, const char *fmt, ...)
{
    char what[320];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    return su_fail(s->e, code, s->at, "%s at offset %" PRIu64, what, s->base + s->pos);
}

int su_scan_peek(struct su_scan *s)
{
    while (s->pos < s->len) {
        uint8_t c = s->text[s->pos];
        if (c != ' ' && c != '\t' && c != '\n' && c != '\r')
            return c;
        s->pos++;
    }
    return -1;
}

/* Fails because the next byte is not what the grammar wants. */
static enum su_code unexpected(const struct su_scan *s, int c, const char *want)
{
    if (c < 0)
        return su_scan_fail(s, SU_EFORMAT, "the JSON header ends where %s should be", want);
    if (c > ' ' && c <= '~')
        return su_scan_fail(s, SU_EFORMAT, "'%c' where %s should be", c, want);
    return su_scan_fail(s, SU_EFORMAT, "byte 0x%02x where %s should be", (unsigned)c, want);
}

enum su_code su_scan_take(struct su_scan *s, char want)
{
    const char text[] = {'\'', want, '\'', '\0'};
    int c = su_scan_peek(s);

    if (c != want)
        return unexpected(s, c, text);
    s->pos++;
    return SU_OK;
}

enum su_code su_scan_more(struct su_scan *s, char close, bool *more)
{
    const char text[] = {'\'', ',', '\'', ' ', 'o', 'r', ' ', '\'', close, '\'', '\0'};
    int c = su_scan_peek(s);

    if (c != ',' && c != close)
        return unexpected(s, c, text);
    s->pos++;
    *more = c == ',';
    return SU_OK;
}

enum su_code su_scan_u64(struct su_scan *s, uint64_t *out)
{
    int c = su_scan_peek(s);
    uint64_t v = 0;

    if (c < '0' || c > '9')
        return unexpected(s, c, "a whole number");
    size_t start = s->pos;
    while (s->pos < s->len && s->text[s->pos] >= '0' && s->text[s->pos] <= '9') {
        if (!su_mul_u64(v, 10, &v) || !su_add_u64(v, s->text[s->pos] - (uint64_t)'0', &v))
            return su_scan_fail(s, SU_EOVERFLOW, "a number of 2^64 or more");
        s->pos++;
    }
    if (s->text[start] == '0' && s->pos - start > 1)
        return su_scan_fail(s, SU_EFORMAT, "a number with a leading zero");
    *out = v;
    return SU_OK;
}

struct sink {
    char *out;
    size_t cap, len;
};

static void sink_put(struct sink *k, const void *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (k->len + 1 < k->cap)
            k->out[k->len] = ((const char *)bytes)[i];
        k->len++;
    }
}

static enum su_code read_hex4(struct su_scan *s, uint32_t *out)
{
    *out = 0;
    for (int i = 0; i < 4; i++) {
        int c = s->pos < s->len ? s->text[s->pos] : -1;
        int lower = c | 0x20;
        if (c >= '0' && c <= '9')
            *out = *out * 16 + (uint32_t)(c - '0');
        else if (c > 0 && lower >= 'a' && lower <= 'f')
            *out = *out * 16 + (uint32_t)(lower - 'a') + 10;
        else
            return unexpected(s, c, "a hexadecimal digit of \\u");
        s->pos++;
    }
    return SU_OK;
}

static enum su_code read_unicode(struct su_scan *s, struct sink *k)
{
    uint32_t cp, low;
    uint8_t utf8[4];
    size_t n = 0;
    enum su_code c = read_hex4(s, &cp);

    if (c)
        return c;
    if (cp >= 0xd800 && cp < 0xe000) {
        bool pair = cp < 0xdc00 && s->len - s->pos >= 2 && s->text[s->pos] == '\\' &&
                    s->text[s->pos + 1] == 'u';
        s->pos += pair ? 2 : 0;
        if (pair && (c = read_hex4(s, &low)))
            return c;
        if (!pair || low < 0xdc00 || low >= 0xe000)
            return su_scan_fail(s, SU_EFORMAT, "a lone surrogate in a string");
        cp = 0x10000 + ((cp - 0xd800) << 10) + (low - 0xdc00);
    }
    if (cp < 0x80) {
        utf8[n++] = (uint8_t)cp;
    } else {
        if (cp >= 0x10000) {
            utf8[n++] = (uint8_t)(0xf0 | cp >> 18);
            utf8[n++] = (uint8_t)(0x80 | (cp >> 12 & 0x3f));
        } else if (cp >= 0x800) {
            utf8[n++] = (uint8_t)(0xe0 | cp >> 12);
        }
        utf8[n] = (uint8_t)(cp < 0x800 ? 0xc0 | cp >> 6 : 0x80 | (cp >> 6 & 0x3f));
        utf8[n + 1] = (uint8_t)(0x80 | (cp & 0x3f));
        n += 2;
    }
    sink_put(k, utf8, n);
    return SU_OK;
}

static enum su_code read_escape(struct su_scan *s, struct sink *k)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    int c = s->pos < s->len ? s->text[s->pos] : -1;
    const char *found = c > 0 ? strchr(from, c) : NULL;

    if (c != 'u' && !found)
        return unexpected(s, c, "an escape");
    s->pos++;
    if (c == 'u')
        return read_unicode(s, k);
    sink_put(k, &to[found - from], 1);
    return SU_OK;
}

enum su_code su_scan_string(struct su_scan *s, char *out, size_t cap, size_t *len)
{
    struct sink k = {.out = out, .cap = cap};
    int first = su_scan_peek(s);

    if (first != '"')
        return unexpected(s, first, "a string");
    s->pos++;
    for (;;) {
        if (s->pos >= s->len)
            return unexpected(s, -1, "the end of a string");
        uint8_t c = s->text[s->pos];
        if (c < ' ')
            return su_scan_fail(s, SU_EFORMAT, "control byte 0x%02x in a string", (unsigned)c);
        if (c == '"')
            break;
        if (c == '\\') {
            s->pos++;
            enum su_code code = read_escape(s, &k);
            if (code)
                return code;
            continue;
        }
        size_t step = su_utf8_step(s->text + s->pos, s->len - s->pos);
        if (step == 0)
            return su_scan_fail(s, SU_EFORMAT, "invalid UTF-8 in a string");
        sink_put(&k, s->text + s->pos, step);
        s->pos += step;
    }
    s->pos++;
    if (cap > 0)
        out[SU_MIN(k.len, cap - 1)] = '\0';
    *len = k.len;
    return SU_OK;
}
