// SPDX-License-Identifier: MIT
#include "base/base.h"

#include <string.h>

bool su_str_copy(char *dst, size_t cap, const char *src)
{
    size_t n = strlen(src);
    bool whole = n < cap;

    if (cap == 0)
        return false;
    if (!whole)
        n = cap - 1;
    memcpy(dst, src, n);
    dst[n] = '\0';
    return whole;
}

bool su_str_starts(const char *s, const char *prefix)
{
    return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool su_str_ends(const char *s, const char *suffix)
{
    size_t n = strlen(s), k = strlen(suffix);

    return n >= k && memcmp(s + (n - k), suffix, k) == 0;
}

size_t su_utf8_step(const void *s, size_t left)
{
    const uint8_t *p = s;
    uint8_t low = 0x80, high = 0xBF; /* bounds of the second byte: Unicode 15, table 3-7 */
    size_t n;

    if (left == 0)
        return 0;
    if (p[0] < 0x80)
        return 1;
    if (p[0] < 0xC2 || p[0] > 0xF4)
        return 0;
    n = p[0] < 0xE0 ? 2 : p[0] < 0xF0 ? 3 : 4;
    if (left < n)
        return 0;
    if (p[0] == 0xE0)
        low = 0xA0;
    else if (p[0] == 0xED)
        high = 0x9F;
    else if (p[0] == 0xF0)
        low = 0x90;
    else if (p[0] == 0xF4)
        high = 0x8F;
    if (p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < n; i++) {
        if ((p[i] & 0xC0) != 0x80)
            return 0;
    }
    return n;
}

void su_str_sanitize(char *dst, size_t cap, const char *src, size_t len)
{
    size_t out = 0;

    if (cap == 0)
        return;
    for (size_t i = 0; i < len;) {
        const uint8_t *p = (const uint8_t *)src + i;
        size_t n = su_utf8_step(p, len - i);
        bool plain = n > 0 && p[0] >= 0x20 && p[0] != 0x7F;
        if (plain && n == 2 && p[0] == 0xC2 && p[1] < 0xA0)
            plain = false;
        size_t step = plain ? n : 1;
        if (out + step >= cap)
            break;
        if (plain)
            memcpy(dst + out, p, n);
        else
            dst[out] = '?';
        out += step;
        i += step;
    }
    dst[out] = '\0';
}
