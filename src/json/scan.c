// SPDX-License-Identifier: MIT
#include "json_priv.h"

/* A scanner by the grammar of RFC 8259. No recursion: what is open is one bit per level. */
struct scan {
    const uint8_t *p;
    size_t len, pos;
    size_t values;
    unsigned depth;
    uint64_t object; /* bit d: level d is an object */
    const struct su_json_limits *limits;
    const char *at;
    struct su_err *e;
};

_Static_assert(SU_JSON_DEPTH_MAX <= 64, "one bit per level");

static enum su_code malformed(const struct scan *s, const char *what)
{
    if (s->pos >= s->len)
        return su_fail(s->e, SU_ETRUNC, s->at, "JSON ends at offset %zu: %s", s->len, what);
    return su_fail(s->e, SU_EFORMAT, s->at, "malformed JSON at offset %zu: %s", s->pos, what);
}

/* The byte at pos, 0 at the end: never a byte that the grammar accepts. */
static uint8_t peek(const struct scan *s)
{
    return s->pos < s->len ? s->p[s->pos] : 0;
}

static void skip_space(struct scan *s)
{
    for (;;) {
        uint8_t c = peek(s);
        if (c != ' ' && c != '\t' && c != '\n' && c != '\r')
            return;
        s->pos++;
    }
}

static bool digit_at(const struct scan *s)
{
    uint8_t c = peek(s);

    return c >= '0' && c <= '9';
}

static void skip_digits(struct scan *s)
{
    while (digit_at(s))
        s->pos++;
}

static enum su_code scan_number(struct scan *s)
{
    static const char no_digit[] = "a digit is missing in a number";
    size_t start = s->pos;

    if (peek(s) == '-')
        s->pos++;
    if (!digit_at(s))
        return malformed(s, no_digit);
    if (peek(s) == '0')
        s->pos++;
    else
        skip_digits(s);
    if (digit_at(s))
        return malformed(s, "a number begins with 0");
    if (peek(s) == '.') {
        s->pos++;
        if (!digit_at(s))
            return malformed(s, no_digit);
        skip_digits(s);
    }
    if ((peek(s) | 0x20) == 'e') {
        s->pos++;
        if (peek(s) == '+' || peek(s) == '-')
            s->pos++;
        if (!digit_at(s))
            return malformed(s, no_digit);
        skip_digits(s);
    }
    if (s->pos - start > SU_JSON_NUMBER_MAX)
        return su_fail(s->e, SU_ELIMIT, s->at,
                       "the number at offset %zu has %zu characters, more than the limit of %d",
                       start, s->pos - start, SU_JSON_NUMBER_MAX);
    return SU_OK;
}

static enum su_code scan_hex4(struct scan *s, unsigned *v)
{
    *v = 0;
    for (int i = 0; i < 4; i++, s->pos++) {
        uint8_t c = peek(s);
        if (digit_at(s))
            *v = *v * 16 + c - '0';
        else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
            *v = *v * 16 + (c | 0x20u) - 'a' + 10;
        else
            return malformed(s, "\\u needs four hexadecimal digits");
    }
    return SU_OK;
}

/* At the u of \u. */
static enum su_code scan_unicode(struct scan *s)
{
    unsigned high, low;
    size_t start = s->pos - 1;

    s->pos++;
    enum su_code rc = scan_hex4(s, &high);
    if (rc)
        return rc;
    if (high >= 0xD800 && high <= 0xDBFF && peek(s) == '\\') {
        s->pos++;
        if (peek(s) == 'u') {
            s->pos++;
            rc = scan_hex4(s, &low);
            if (rc)
                return rc;
            if (low >= 0xDC00 && low <= 0xDFFF)
                return SU_OK;
        }
    }
    if (high >= 0xD800 && high <= 0xDFFF && s->pos < s->len) {
        s->pos = start;
        return malformed(s, "half of a surrogate pair");
    }
    if (high >= 0xD800 && high <= 0xDFFF)
        return malformed(s, "half of a surrogate pair");
    if (high == 0) {
        s->pos = start;
        return malformed(s, "\\u0000 is not allowed");
    }
    return SU_OK;
}

static enum su_code scan_string(struct scan *s)
{
    enum su_code rc;

    s->pos++;
    for (;;) {
        uint8_t c = peek(s);
        if (s->pos >= s->len)
            return malformed(s, "a string has no closing quote");
        if (c == '"') {
            s->pos++;
            return SU_OK;
        }
        if (c < 0x20)
            return malformed(s, "a control character in a string");
        if (c != '\\') {
            size_t n = su_utf8_step(s->p + s->pos, s->len - s->pos);
            if (n == 0)
                return malformed(s, "invalid UTF-8");
            s->pos += n;
            continue;
        }
        s->pos++;
        switch (peek(s)) {
        case '"':
        case '\\':
        case '/':
        case 'b':
        case 'f':
        case 'n':
        case 'r':
        case 't':
            s->pos++;
            break;
        case 'u':
            rc = scan_unicode(s);
            if (rc)
                return rc;
            break;
        default:
            return malformed(s, "unknown escape");
        }
    }
}

static enum su_code scan_word(struct scan *s, const char *word)
{
    for (; *word; word++, s->pos++) {
        if (peek(s) != (uint8_t)*word)
            return malformed(s, "expected null, true or false");
    }
    return SU_OK;
}

static bool in_object(const struct scan *s)
{
    return s->object >> (s->depth - 1) & 1;
}

static enum su_code open_level(struct scan *s)
{
    if (s->depth == s->limits->depth_max)
        return su_fail(s->e, SU_ELIMIT, s->at, "JSON nests deeper than %u levels at offset %zu",
                       s->limits->depth_max, s->pos);
    uint64_t bit = (uint64_t)1 << s->depth++;
    s->object = peek(s) == '{' ? s->object | bit : s->object & ~bit;
    s->pos++;
    skip_space(s);
    return SU_OK;
}

static enum su_code scan_scalar(struct scan *s)
{
    switch (peek(s)) {
    case '"':
        return scan_string(s);
    case 'n':
        return scan_word(s, "null");
    case 't':
        return scan_word(s, "true");
    case 'f':
        return scan_word(s, "false");
    default:
        if (peek(s) != '-' && !digit_at(s))
            return malformed(s, "a value is missing");
        return scan_number(s);
    }
}

static enum su_code scan_key(struct scan *s)
{
    if (peek(s) != '"')
        return malformed(s, "a key in quotes is missing");
    enum su_code rc = scan_string(s);
    if (rc)
        return rc;
    skip_space(s);
    if (peek(s) != ':')
        return malformed(s, "':' is missing after a key");
    s->pos++;
    skip_space(s);
    return SU_OK;
}

/* After a value: closes what ends here, and stands before the next value or at the end of the
   document. */
static enum su_code scan_after(struct scan *s)
{
    for (;;) {
        skip_space(s);
        if (s->depth == 0)
            return SU_OK;
        bool object = in_object(s);
        uint8_t c = peek(s);
        if (c == ',') {
            s->pos++;
            skip_space(s);
            return object ? scan_key(s) : SU_OK;
        }
        if (c != (object ? '}' : ']'))
            return malformed(s, object ? "',' or '}' is missing" : "',' or ']' is missing");
        s->pos++;
        s->depth--;
    }
}

/* One value without its inside; *opened says that the next value is inside it. */
static enum su_code scan_value(struct scan *s, bool *opened)
{
    uint8_t c = peek(s);
    enum su_code rc;

    *opened = false;
    if (++s->values > s->limits->values_max)
        return su_fail(s->e, SU_ELIMIT, s->at, "JSON has more than %zu values at offset %zu",
                       s->limits->values_max, s->pos);
    if (c != '{' && c != '[')
        return scan_scalar(s);
    rc = open_level(s);
    if (rc)
        return rc;
    if (peek(s) == (c == '{' ? '}' : ']')) {
        s->pos++;
        s->depth--;
        return SU_OK;
    }
    *opened = true;
    return c == '{' ? scan_key(s) : SU_OK;
}

enum su_code json_scan(const uint8_t *text, size_t len, const char *at,
                       const struct su_json_limits *limits, struct su_err *e)
{
    struct scan s = {.p = text, .len = len, .limits = limits, .at = at, .e = e};
    enum su_code rc;

    if (len > limits->bytes_max)
        return su_fail(e, SU_ELIMIT, at, "%zu bytes of JSON are more than the limit of %zu", len,
                       limits->bytes_max);
    skip_space(&s);
    do {
        bool opened;
        rc = scan_value(&s, &opened);
        if (!rc && !opened)
            rc = scan_after(&s);
    } while (!rc && s.depth > 0);
    if (!rc && s.pos < s.len)
        rc = malformed(&s, "text follows the document");
    return rc;
}
