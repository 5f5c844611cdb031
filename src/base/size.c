// SPDX-License-Identifier: MIT
#include "base/base.h"

#include <string.h>

#define SIZE_LIMIT ((uint64_t)1 << 63)
#define FRACTION_DIGITS 18 /* 10^18 < 2^63; digits after them cannot move a result by a byte */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Reads decimal digits; false when there is none. *over: the value does not fit 64 bits. */
static bool take_digits(const char **s, uint64_t *v, bool *over)
{
    const char *start = *s;

    *v = 0;
    *over = false;
    for (; is_digit(**s); (*s)++) {
        uint64_t digit = (uint64_t)(**s - '0');
        if (!su_mul_u64(*v, 10, v) || !su_add_u64(*v, digit, v))
            *over = true;
    }
    return *s != start;
}

/* floor(num / den * 2^bits) for num < den < 2^63, exactly: one bit per doubling. */
static uint64_t scale_fraction(uint64_t num, uint64_t den, unsigned bits)
{
    uint64_t v = 0;

    for (unsigned i = 0; i < bits; i++) {
        num *= 2;
        v *= 2;
        if (num >= den) {
            num -= den;
            v++;
        }
    }
    return v;
}

/* Shift of the unit at s, -1 when it is unknown. */
static int unit_shift(const char *s)
{
    static const char letters[] = "kmgt";
    int shift = 0;

    if (*s) {
        const char *at = strchr(letters, *s | 0x20);
        if (at) {
            shift = 10 * (int)(at - letters + 1);
            s++;
            if ((*s | 0x20) == 'i' && (s[1] | 0x20) == 'b')
                s++;
        }
        if ((*s | 0x20) == 'b')
            s++;
    }
    return *s ? -1 : shift;
}

enum su_code su_parse_size(const char *s, const char *at, uint64_t *bytes, struct su_err *e)
{
    static const char remedy[] = "write a size like 4096, 300KB, 64MB or 1.5GiB";
    uint64_t whole, num = 0, den = 1;
    bool over;
    char shown[64];

    su_str_sanitize(shown, sizeof shown, s, strlen(s));
    const char *p = s;
    while (*p == ' ')
        p++;
    if (*p == '-')
        return su_fail(e, SU_EINVAL, at, "'%s' is negative; %s", shown, remedy);
    if (!take_digits(&p, &whole, &over))
        return su_fail(e, SU_EINVAL, at, "'%s' is not a size; %s", shown, remedy);
    bool fraction = *p == '.';
    if (fraction) {
        if (!is_digit(*++p))
            return su_fail(e, SU_EINVAL, at, "'%s' has no digit after the point; %s", shown,
                           remedy);
        for (unsigned i = 0; is_digit(*p); p++, i++) {
            if (i < FRACTION_DIGITS) {
                num = num * 10 + (uint64_t)(*p - '0');
                den *= 10;
            }
        }
    }
    while (*p == ' ')
        p++;
    int shift = unit_shift(p);
    if (shift < 0)
        return su_fail(e, SU_EINVAL, at, "'%s' has an unknown unit; %s", shown, remedy);
    if (fraction && shift == 0)
        return su_fail(e, SU_EINVAL, at, "'%s' is a part of a byte; %s", shown, remedy);
    if (over || whole >= SIZE_LIMIT >> shift)
        return su_fail(e, SU_EOVERFLOW, at, "'%s' is too large; sizes end below 2^63 bytes", shown);
    *bytes = (whole << shift) + scale_fraction(num, den, (unsigned)shift);
    return SU_OK;
}

enum su_code su_parse_u64(const char *s, const char *at, uint64_t lo, uint64_t hi, uint64_t *v,
                          struct su_err *e)
{
    const char *p = s;
    uint64_t value;
    bool over;
    char shown[64];

    su_str_sanitize(shown, sizeof shown, s, strlen(s));
    if (!take_digits(&p, &value, &over) || *p)
        return su_fail(e, SU_EINVAL, at, "'%s' is not a whole number", shown);
    if (over || value < lo || value > hi)
        return su_fail(e, SU_EOVERFLOW, at, "'%s' is outside %llu to %llu", shown,
                       (unsigned long long)lo, (unsigned long long)hi);
    *v = value;
    return SU_OK;
}

/* Three significant digits without trailing zeros, in integers so that no locale changes the
   point. */
const char *su_format_size(uint64_t bytes, char *out, size_t cap)
{
    static const char units[] = "KMGTPE";

    if (bytes < 1024) {
        (void)snprintf(out, cap, "%u B", (unsigned)bytes);
        return out;
    }
    unsigned unit = 0;
    while (unit < 5 && bytes >> (10 * (unit + 2)))
        unit++;
    uint64_t whole, hundredths;
    for (;; unit++) {
        unsigned shift = 10 * (unit + 1);
        whole = bytes >> shift;
        unsigned keep = whole < 10 ? 100 : whole < 100 ? 10 : 1; /* steps per unit that are shown */
        uint64_t rest = bytes & (((uint64_t)1 << shift) - 1);
        /* rest < 2^60: drop low bits so that the product fits; they are far below a hundredth. */
        unsigned drop = shift > 50 ? shift - 50 : 0;
        uint64_t steps =
            ((rest >> drop) * keep + ((uint64_t)1 << (shift - drop - 1))) >> (shift - drop);
        whole += steps / keep;
        hundredths = steps % keep * (100 / keep);
        if (whole < 1024 || unit == 5)
            break;
    }
    if (hundredths == 0)
        (void)snprintf(out, cap, "%u %cB", (unsigned)whole, units[unit]);
    else if (hundredths % 10 == 0)
        (void)snprintf(out, cap, "%u.%u %cB", (unsigned)whole, (unsigned)hundredths / 10,
                       units[unit]);
    else
        (void)snprintf(out, cap, "%u.%02u %cB", (unsigned)whole, (unsigned)hundredths, units[unit]);
    return out;
}
