// SPDX-License-Identifier: MIT
#include "json/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_TEXT_MAX 40

void su_json_writer_init(struct su_json_writer *w, struct su_buf *buf, unsigned indent)
{
    *w = (struct su_json_writer){.buf = buf, .indent = indent};
}

bool su_json_writer_done(const struct su_json_writer *w)
{
    return w->done;
}

static void put_newline(struct su_json_writer *w)
{
    if (w->indent == 0)
        return;
    su_buf_u8(w->buf, '\n');
    for (unsigned i = 0; i < w->indent * w->depth; i++)
        su_buf_u8(w->buf, ' ');
}

static void put_escaped(struct su_json_writer *w, const uint8_t *p, size_t n)
{
    static const char replacement[] = "\xEF\xBF\xBD";
    static const char short_from[] = "\"\\\b\f\n\r\t", short_to[] = "\"\\bfnrt";
    size_t plain = 0; /* start of bytes that go out as they are */

    su_buf_u8(w->buf, '"');
    for (size_t i = 0; i < n;) {
        size_t step = su_utf8_step(p + i, n - i);
        if (step > 0 && p[i] >= 0x20 && p[i] != '"' && p[i] != '\\' && p[i] != 0x7F) {
            i += step;
            continue;
        }
        su_buf_put(w->buf, p + plain, i - plain);
        const char *at = p[i] ? strchr(short_from, p[i]) : NULL;
        if (step == 0)
            su_buf_str(w->buf, replacement);
        else if (at)
            su_buf_printf(w->buf, "\\%c", short_to[at - short_from]);
        else
            su_buf_printf(w->buf, "\\u%04x", p[i]);
        plain = ++i;
    }
    if (plain < n)
        su_buf_put(w->buf, p + plain, n - plain);
    su_buf_u8(w->buf, '"');
}

/* What stands before every value: comma, line, key; and the check that a value may stand here. */
static void begin_value(struct su_json_writer *w, const char *key)
{
    SU_ASSERT(!w->done);
    if (w->depth == 0) {
        SU_ASSERT(!key);
        return;
    }
    bool object = w->level[w->depth - 1].object;
    SU_ASSERT(object == (key != NULL));
    if (w->level[w->depth - 1].filled)
        su_buf_u8(w->buf, ',');
    w->level[w->depth - 1].filled = true;
    put_newline(w);
    if (key) {
        put_escaped(w, (const uint8_t *)key, strlen(key));
        su_buf_str(w->buf, w->indent ? ": " : ":");
    }
}

static void end_value(struct su_json_writer *w)
{
    w->done = w->depth == 0;
}

static void put_raw(struct su_json_writer *w, const char *key, const char *text)
{
    begin_value(w, key);
    su_buf_str(w->buf, text);
    end_value(w);
}

static void open_level(struct su_json_writer *w, const char *key, bool object)
{
    begin_value(w, key);
    SU_ASSERT(w->depth < SU_JSON_DEPTH_MAX);
    w->level[w->depth].object = object;
    w->level[w->depth].filled = false;
    w->depth++;
    su_buf_u8(w->buf, object ? '{' : '[');
}

static void close_level(struct su_json_writer *w, bool object)
{
    SU_ASSERT(w->depth > 0 && w->level[w->depth - 1].object == object);
    w->depth--;
    if (w->level[w->depth].filled)
        put_newline(w);
    su_buf_u8(w->buf, object ? '}' : ']');
    end_value(w);
}

void su_json_put_object(struct su_json_writer *w, const char *key)
{
    open_level(w, key, true);
}

void su_json_end_object(struct su_json_writer *w)
{
    close_level(w, true);
}

void su_json_put_array(struct su_json_writer *w, const char *key)
{
    open_level(w, key, false);
}

void su_json_end_array(struct su_json_writer *w)
{
    close_level(w, false);
}

void su_json_put_str(struct su_json_writer *w, const char *key, const char *s)
{
    if (s)
        su_json_put_strn(w, key, s, strlen(s));
    else
        su_json_put_null(w, key);
}

void su_json_put_strn(struct su_json_writer *w, const char *key, const void *s, size_t n)
{
    begin_value(w, key);
    put_escaped(w, s, n);
    end_value(w);
}

void su_json_put_u64(struct su_json_writer *w, const char *key, uint64_t v)
{
    char text[NUMBER_TEXT_MAX];

    (void)snprintf(text, sizeof text, "%llu", (unsigned long long)v);
    put_raw(w, key, text);
}

void su_json_put_i64(struct su_json_writer *w, const char *key, int64_t v)
{
    char text[NUMBER_TEXT_MAX];

    (void)snprintf(text, sizeof text, "%lld", (long long)v);
    put_raw(w, key, text);
}

/* The C library writes and reads the locale's decimal point, of one or more bytes; JSON has a
   full stop. */
static void fix_point(char *text)
{
    size_t plain = strspn(text, "+-0123456789");
    size_t end = plain;

    while (text[end] && !strchr("+-0123456789e", text[end]))
        end++;
    if (end > plain) {
        text[plain] = '.';
        memmove(text + plain + 1, text + end, strlen(text + end) + 1);
    }
}

void su_json_put_double(struct su_json_writer *w, const char *key, double v)
{
    char text[NUMBER_TEXT_MAX];

    if (!isfinite(v)) {
        su_json_put_null(w, key);
        return;
    }
    for (int digits = 1; digits <= 17; digits++) {
        (void)snprintf(text, sizeof text, "%.*g", digits, v);
        if (strtod(text, NULL) == v)
            break;
    }
    fix_point(text);
    put_raw(w, key, text);
}

void su_json_put_float(struct su_json_writer *w, const char *key, float v)
{
    char text[NUMBER_TEXT_MAX];

    if (!isfinite(v)) {
        su_json_put_null(w, key);
        return;
    }
    for (int digits = 1; digits <= 9; digits++) {
        (void)snprintf(text, sizeof text, "%.*g", digits, (double)v);
        if (strtof(text, NULL) == v)
            break;
    }
    fix_point(text);
    put_raw(w, key, text);
}

void su_json_put_bool(struct su_json_writer *w, const char *key, bool v)
{
    put_raw(w, key, v ? "true" : "false");
}

void su_json_put_null(struct su_json_writer *w, const char *key)
{
    put_raw(w, key, "null");
}

void su_json_put_hex(struct su_json_writer *w, const char *key, const void *data, size_t n)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *p = data;

    begin_value(w, key);
    su_buf_u8(w->buf, '"');
    for (size_t i = 0; i < n; i++) {
        su_buf_u8(w->buf, (uint8_t)digits[p[i] >> 4]);
        su_buf_u8(w->buf, (uint8_t)digits[p[i] & 15]);
    }
    su_buf_u8(w->buf, '"');
    end_value(w);
}
