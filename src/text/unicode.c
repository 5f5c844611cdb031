// SPDX-License-Identifier: MIT
#include "text_priv.h"

#include <string.h>

static enum text_class class_of_ascii(uint32_t c)
{
    if (c >= 'a' && c <= 'z')
        return TEXT_LL;
    if (c >= 'A' && c <= 'Z')
        return TEXT_LU;
    if (c >= '0' && c <= '9')
        return TEXT_N;
    if (c == ' ' || (c >= '\t' && c <= '\r'))
        return TEXT_SPACE;
    if (c < 0x20 || c == 0x7F)
        return TEXT_OTHER;
    return strchr("$+<=>^`|~", (int)c) ? TEXT_S : TEXT_P;
}

enum text_class text_class_of(uint32_t point)
{
    size_t lo = 0, hi = text_unicode_count;

    if (point < 0x80)
        return class_of_ascii(point);
    while (hi - lo > 1) {
        size_t mid = lo + (hi - lo) / 2;
        if (text_unicode_table[mid] >> 4 <= point)
            lo = mid;
        else
            hi = mid;
    }
    return (enum text_class)(text_unicode_table[lo] & 15);
}

struct text_char text_char_at(const uint8_t *p, size_t end, size_t pos)
{
    if (pos >= end)
        return (struct text_char){.cls = TEXT_END};
    uint32_t c = p[pos];
    if (c < 0x80)
        return (struct text_char){c, 1, class_of_ascii(c)};
    size_t n = su_utf8_step(p + pos, end - pos);
    if (n == 0)
        return (struct text_char){0xFFFD, 1, TEXT_S};
    c &= 0x7Fu >> n;
    for (size_t i = 1; i < n; i++)
        c = c << 6 | (p[pos + i] & 0x3F);
    return (struct text_char){c, (uint32_t)n, text_class_of(c)};
}

/* GPT-2 spells the bytes that print in Latin-1 as themselves, and the others, in order, as the
   characters from U+0100 on. Gives the byte, -1 when there is none. */
static int byte_of(uint32_t point)
{
    if ((point >= 0x21 && point <= 0x7E) || (point >= 0xA1 && point <= 0xAC) ||
        (point >= 0xAE && point <= 0xFF))
        return (int)point;
    if (point >= 0x100 && point <= 0x120)
        return (int)point - 0x100;
    if (point >= 0x121 && point <= 0x142)
        return (int)point - 0x121 + 0x7F;
    return point == 0x143 ? 0xAD : -1;
}

size_t text_bytes_unspell(const uint8_t *text, size_t len, uint8_t *out)
{
    size_t n = 0;

    for (size_t pos = 0; pos < len;) {
        struct text_char c = text_char_at(text, len, pos);
        int byte = byte_of(c.point);
        if (byte < 0)
            return SIZE_MAX;
        out[n++] = (uint8_t)byte;
        pos += c.len;
    }
    return n;
}
