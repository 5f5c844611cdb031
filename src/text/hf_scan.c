// SPDX-License-Identifier: MIT
/* A scanner of JSON (RFC 8259) for documents that are too large for a tree. */
#include "text_priv.h"

#include <string.h>

struct hf_scan hf_scan_of(const void *p, size_t len, const char *at, struct su_err *e)
{
    return (struct hf_scan){.p = p, .len = len, .at = at, .e = e};
}

void hf_enter(struct hf_scan *s, struct hf_extent x)
{
    s->pos = x.begin;
}

bool hf_fail(struct hf_scan *s, enum su_code rc, const char *what)
{
    if (s->rc)
        return false;
    if (rc == SU_EFORMAT && s->pos >= s->len)
        rc = SU_ETRUNC;
    s->rc = su_fail(s->e, rc, s->at, "JSON at offset %zu: %s", SU_MIN(s->pos, s->len), what);
    return false;
}

uint8_t hf_peek(struct hf_scan *s)
{
    while (s->pos < s->len) {
        uint8_t c = s->p[s->pos];
        if (c != ' ' && c != '\t' && c != '\n' && c != '\r')
            return c;
        s->pos++;
    }
    return 0;
}

bool hf_take(struct hf_scan *s, uint8_t c)
{
    char what[] = "'?' expected";

    if (s->rc)
        return false;
    if (hf_peek(s) == c) {
        s->pos++;
        return true;
    }
    what[1] = (char)c;
    return hf_fail(s, SU_EFORMAT, what);
}

bool hf_more(struct hf_scan *s, uint8_t close, bool *first)
{
    if (s->rc)
        return false;
    bool at_start = *first;
    *first = false;
    if (hf_peek(s) == close) {
        s->pos++;
        return false;
    }
    return at_start || hf_take(s, ',');
}

/* ---- strings --------------------------------------------------------------------------------- */

struct sink {
    uint8_t *out;
    size_t cap, len;
};

static void sink_put(struct sink *k, uint32_t c)
{
    if (k->len < k->cap)
        k->out[k->len] = (uint8_t)c;
    k->len++;
}

static void sink_point(struct sink *k, uint32_t c)
{
    if (c < 0x80) {
        sink_put(k, c);
        return;
    }
    if (c < 0x800) {
        sink_put(k, 0xC0 | c >> 6);
    } else {
        if (c < 0x10000) {
            sink_put(k, 0xE0 | c >> 12);
        } else {
            sink_put(k, 0xF0 | c >> 18);
            sink_put(k, 0x80 | (c >> 12 & 0x3F));
        }
        sink_put(k, 0x80 | (c >> 6 & 0x3F));
    }
    sink_put(k, 0x80 | (c & 0x3F));
}

static bool hex4(struct hf_scan *s, uint32_t *v)
{
    *v = 0;
    for (int i = 0; i < 4; i++, s->pos++) {
        uint8_t c = s->pos < s->len ? s->p[s->pos] : 0;
        uint8_t low = c | 0x20;
        if (c >= '0' && c <= '9')
            *v = *v * 16 + c - '0';
        else if (low >= 'a' && low <= 'f')
            *v = *v * 16 + low - 'a' + 10;
        else
            return hf_fail(s, SU_EFORMAT, "\\u needs four hexadecimal digits");
    }
    return true;
}

static bool unicode_escape(struct hf_scan *s, struct sink *k)
{
    uint32_t high, low;

    if (!hex4(s, &high))
        return false;
    if (high >= 0xD800 && high <= 0xDFFF) {
        if (high > 0xDBFF || s->len - s->pos < 2 || s->p[s->pos] != '\\' || s->p[s->pos + 1] != 'u')
            return hf_fail(s, SU_EFORMAT, "half of a surrogate pair");
        s->pos += 2;
        if (!hex4(s, &low))
            return false;
        if (low < 0xDC00 || low > 0xDFFF)
            return hf_fail(s, SU_EFORMAT, "half of a surrogate pair");
        high = 0x10000 + ((high - 0xD800) << 10 | (low - 0xDC00));
    }
    sink_point(k, high);
    return true;
}

static bool escape(struct hf_scan *s, struct sink *k)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";

    if (s->pos >= s->len)
        return hf_fail(s, SU_EFORMAT, "a string has no closing quote");
    uint8_t c = s->p[s->pos++];
    if (c == 'u')
        return unicode_escape(s, k);
    const char *at = c ? strchr(from, c) : NULL;
    if (!at)
        return hf_fail(s, SU_EFORMAT, "an unknown escape in a string");
    sink_put(k, (uint8_t)to[at - from]);
    return true;
}

bool hf_string(struct hf_scan *s, void *out, size_t cap, size_t *len)
{
    struct sink k = {out, cap, 0};

    *len = 0;
    if (!hf_take(s, '"'))
        return false;
    for (;;) {
        if (s->pos >= s->len)
            return hf_fail(s, SU_EFORMAT, "a string has no closing quote");
        uint8_t c = s->p[s->pos];
        if (c < 0x20)
            return hf_fail(s, SU_EFORMAT, "a control character in a string");
        size_t step = su_utf8_step(s->p + s->pos, s->len - s->pos);
        if (step == 0)
            return hf_fail(s, SU_EFORMAT, "invalid UTF-8 in a string");
        if (c == '"' || c == '\\')
            s->pos++;
        if (c == '"')
            break;
        if (c == '\\') {
            if (!escape(s, &k))
                return false;
            continue;
        }
        for (; step > 0; step--)
            sink_put(&k, s->p[s->pos++]);
    }
    *len = k.len;
    return true;
}

bool hf_key(struct hf_scan *s, char *out, size_t cap)
{
    size_t len;

    if (!hf_string(s, out, cap - 1, &len) || !hf_take(s, ':'))
        return false;
    out[len < cap ? len : 0] = '\0';
    return true;
}

/* ---- other values ---------------------------------------------------------------------------- */

bool hf_id(struct hf_scan *s, uint32_t *out)
{
    uint64_t v = 0;

    if (s->rc)
        return false;
    uint8_t c = hf_peek(s);
    size_t begin = s->pos;
    while (c >= '0' && c <= '9' && s->pos - begin < 10) {
        v = v * 10 + c - '0';
        s->pos++;
        c = s->pos < s->len ? s->p[s->pos] : 0;
    }
    if (s->pos == begin || (c >= '0' && c <= '9') || c == '.' || c == 'e' || c == 'E' ||
        v >= SU_TEXT_NONE)
        return hf_fail(s, SU_EFORMAT, "a token id must be a whole number below 2^32 - 1");
    *out = (uint32_t)v;
    return true;
}

/* Numbers and words are only told apart here: whoever uses one parses its extent. */
static bool skip_scalar(struct hf_scan *s)
{
    size_t begin = s->pos;

    while (s->pos < s->len) {
        uint8_t c = s->p[s->pos];
        bool part = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
                    c == '-' || c == '+' || c == '.';
        if (!part)
            break;
        s->pos++;
    }
    return s->pos > begin || hf_fail(s, SU_EFORMAT, "a value is missing");
}

/* No recursion: what is open is one bit per level. */
bool hf_skip(struct hf_scan *s, struct hf_extent *x)
{
    uint64_t objects = 0;
    unsigned depth = 0;
    size_t len;

    if (s->rc)
        return false;
    uint8_t c = hf_peek(s);
    x->begin = s->pos;
    for (;;) {
        bool opens = c == '{' || c == '[', object = c == '{';
        if (opens) {
            if (depth == 64)
                return hf_fail(s, SU_ELIMIT, "nested more than 64 deep");
            objects = objects << 1 | object;
            depth++;
            s->pos++;
        } else if (c == '"') {
            if (!hf_string(s, NULL, 0, &len))
                return false;
        } else if (!skip_scalar(s)) {
            return false;
        }
        bool first = opens;
        while (depth && !hf_more(s, objects & 1 ? '}' : ']', &first)) {
            if (s->rc)
                return false;
            objects >>= 1;
            depth--;
            first = false;
        }
        if (s->rc)
            return false;
        if (depth == 0)
            break;
        if (objects & 1 && (!hf_string(s, NULL, 0, &len) || !hf_take(s, ':')))
            return false;
        c = hf_peek(s);
    }
    x->end = s->pos;
    return true;
}
