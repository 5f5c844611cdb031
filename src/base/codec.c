// SPDX-License-Identifier: MIT
#include "base/base.h"

#include <string.h>

#define BASE58_BYTES_MAX 1232 /* the largest transaction */
#define BASE58_CHARS_MAX 1684 /* ceil(1232 * log 256 / log 58) = 1683 */

static const char hex_digits[] = "0123456789abcdef";
static const char base58_digits[] = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Ends an encoder that has no room: an empty text rather than garbage. */
static size_t no_room(char *out, size_t cap)
{
    if (cap > 0)
        out[0] = '\0';
    return 0;
}

size_t su_hex_encode(const void *data, size_t n, char *out, size_t cap)
{
    const uint8_t *p = data;

    if (cap == 0 || n > (cap - 1) / 2)
        return no_room(out, cap);
    for (size_t i = 0; i < n; i++) {
        out[2 * i] = hex_digits[p[i] >> 4];
        out[2 * i + 1] = hex_digits[p[i] & 15];
    }
    out[2 * n] = '\0';
    return 2 * n;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool su_hex_decode(const char *s, void *out, size_t cap, size_t *len)
{
    uint8_t *p = out;
    size_t n = strlen(s);

    if (n % 2 != 0 || n / 2 > cap)
        return false;
    for (size_t i = 0; i < n / 2; i++) {
        int high = hex_value(s[2 * i]), low = hex_value(s[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        p[i] = (uint8_t)(high << 4 | low);
    }
    *len = n / 2;
    return true;
}

size_t su_base58_encode(const void *data, size_t n, char *out, size_t cap)
{
    const uint8_t *p = data;
    uint8_t digit[BASE58_CHARS_MAX]; /* little-endian */
    size_t digits = 0, zeros = 0;

    if (n > BASE58_BYTES_MAX)
        return no_room(out, cap);
    while (zeros < n && p[zeros] == 0)
        zeros++;
    for (size_t i = zeros; i < n; i++) {
        uint32_t carry = p[i];
        for (size_t k = 0; k < digits || carry; k++) {
            if (k == digits)
                digit[digits++] = 0;
            carry += (uint32_t)digit[k] << 8;
            digit[k] = (uint8_t)(carry % 58);
            carry /= 58;
        }
    }
    size_t total = zeros + digits;
    if (total >= cap)
        return no_room(out, cap);
    memset(out, '1', zeros);
    for (size_t k = 0; k < digits; k++)
        out[zeros + k] = base58_digits[digit[digits - 1 - k]];
    out[total] = '\0';
    return total;
}

bool su_base58_decode(const char *s, void *out, size_t cap, size_t *len)
{
    uint8_t byte[BASE58_BYTES_MAX]; /* little-endian */
    size_t bytes = 0, zeros = 0, n = strnlen(s, BASE58_CHARS_MAX + 1);

    if (n > BASE58_CHARS_MAX)
        return false;
    while (zeros < n && s[zeros] == '1')
        zeros++;
    for (size_t i = zeros; i < n; i++) {
        const char *at = strchr(base58_digits, s[i]);
        if (!at)
            return false;
        uint32_t carry = (uint32_t)(at - base58_digits);
        for (size_t k = 0; k < bytes || carry; k++) {
            if (k == bytes) {
                if (bytes == BASE58_BYTES_MAX)
                    return false;
                byte[bytes++] = 0;
            }
            carry += (uint32_t)byte[k] * 58;
            byte[k] = (uint8_t)carry;
            carry >>= 8;
        }
    }
    if (zeros + bytes > SU_MIN(cap, (size_t)BASE58_BYTES_MAX))
        return false;
    uint8_t *p = out;
    for (size_t k = 0; k < zeros; k++)
        p[k] = 0;
    for (size_t k = 0; k < bytes; k++)
        p[zeros + k] = byte[bytes - 1 - k];
    *len = zeros + bytes;
    return true;
}

size_t su_base64_encode(const void *data, size_t n, char *out, size_t cap)
{
    const uint8_t *p = data;
    size_t groups = n / 3 + (n % 3 != 0), o = 0;

    if (cap == 0 || groups > (cap - 1) / 4)
        return no_room(out, cap);
    for (size_t i = 0; i < n; i += 3) {
        size_t k = SU_MIN(n - i, (size_t)3);
        uint32_t v = (uint32_t)p[i] << 16;
        if (k > 1)
            v |= (uint32_t)p[i + 1] << 8;
        if (k > 2)
            v |= p[i + 2];
        out[o++] = base64_digits[v >> 18];
        out[o++] = base64_digits[v >> 12 & 63];
        out[o++] = k > 1 ? base64_digits[v >> 6 & 63] : '=';
        out[o++] = k > 2 ? base64_digits[v & 63] : '=';
    }
    out[o] = '\0';
    return o;
}

static int base64_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Strict: padding is required and the bits it cuts off must be zero, so that each text has one
   meaning and one form. */
bool su_base64_decode(const char *s, void *out, size_t cap, size_t *len)
{
    size_t n = strlen(s), pad = 0, o = 0;
    uint8_t *p = out;

    if (n % 4 != 0)
        return false;
    while (pad < 2 && pad < n && s[n - 1 - pad] == '=')
        pad++;
    size_t total = n / 4 * 3 - pad;
    if (total > cap)
        return false;
    for (size_t i = 0; i < n; i += 4) {
        uint32_t v = 0;
        for (size_t k = 0; k < 4; k++) {
            int d = i + k >= n - pad ? 0 : base64_value(s[i + k]);
            if (d < 0)
                return false;
            v = v << 6 | (uint32_t)d;
        }
        for (unsigned k = 0; k < 3; k++) {
            uint8_t b = (uint8_t)(v >> (16 - 8 * k));
            if (o < total)
                p[o++] = b;
            else if (b != 0)
                return false;
        }
    }
    *len = total;
    return true;
}
