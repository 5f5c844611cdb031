// SPDX-License-Identifier: MIT
#include "ui/widgets/format.h"
#include "ui/widgets/labels.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

bool ui_key_zero(const uint8_t key[32])
{
    static const uint8_t zero[32];

    return memcmp(key, zero, 32) == 0;
}

/* Tables of many rows spell out thousands of keys per filter, so the digits come five at a time:
   58^5 fits a limb. */
const char *ui_key_full(const uint8_t key[32], char *out)
{
    static const char alphabet[] = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
    const uint32_t base = 58u * 58u * 58u * 58u * 58u;
    uint32_t limb[8], digit[9];
    char text[45];
    size_t zeros = 0, at = 0;

    if (ui_key_zero(key)) {
        su_str_copy(out, UI_FORMAT, "-");
        return out;
    }
    for (size_t i = 0; i < 8; i++)
        limb[i] = (uint32_t)key[4 * i] << 24 | (uint32_t)key[4 * i + 1] << 16 |
                  (uint32_t)key[4 * i + 2] << 8 | key[4 * i + 3];
    for (size_t d = 9, first = 0; d-- > 0;) {
        uint64_t rest = 0;
        for (size_t i = first; i < 8; i++) {
            rest = rest << 32 | limb[i];
            limb[i] = (uint32_t)(rest / base);
            rest %= base;
        }
        digit[d] = (uint32_t)rest;
        while (first < 8 && limb[first] == 0)
            first++;
    }
    for (size_t d = 0; d < 9; d++)
        for (size_t i = 5; i-- > 0; digit[d] /= 58)
            text[5 * d + i] = alphabet[digit[d] % 58];
    while (zeros < 32 && key[zeros] == 0)
        zeros++;
    while (at < 45 && text[at] == '1')
        at++;
    memset(out, '1', zeros);
    memcpy(out + zeros, text + at, 45 - at);
    out[zeros + 45 - at] = 0;
    return out;
}

const char *ui_key_short(const uint8_t key[32], char *out)
{
    const char *name = ui_label_of(key, out);

    return name ? name : ui_key_cut(key, out);
}

const char *ui_key_named(const uint8_t key[32], char *out)
{
    char name[UI_LABEL_SHOWN];
    size_t n;

    ui_key_full(key, out);
    n = strlen(out);
    if (ui_label_of(key, name))
        snprintf(out + n, UI_FORMAT - n, " %s", name);
    return out;
}

const char *ui_key_cut(const uint8_t key[32], char *out)
{
    size_t n;

    ui_key_full(key, out);
    n = strlen(out);
    if (n > 12) {
        memcpy(out + 6, out + n - 4, 4);
        memcpy(out + 4, "..", 2);
        out[10] = 0;
    }
    return out;
}

const char *ui_hash_short(const uint8_t hash[32], char *out)
{
    if (ui_key_zero(hash))
        su_str_copy(out, UI_FORMAT, "-");
    else
        snprintf(out, UI_FORMAT, "%02x%02x..%02x", hash[0], hash[1], hash[31]);
    return out;
}

const char *ui_count(uint64_t n, char *out)
{
    char digits[24];
    size_t len, at = 0;

    if (n == SU_FEED_UNKNOWN) {
        su_str_copy(out, UI_FORMAT, "?");
        return out;
    }
    len = (size_t)snprintf(digits, sizeof digits, "%" PRIu64, n);
    for (size_t i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0)
            out[at++] = ',';
        out[at++] = digits[i];
    }
    out[at] = 0;
    return out;
}

const char *ui_money(uint64_t micro, int decimals, char *out)
{
    unsigned rest = (unsigned)(micro % 1000000u);
    size_t n;

    if (micro == SU_FEED_UNKNOWN)
        return ui_count(micro, out);
    for (int i = decimals; i < 6; i++)
        rest /= 10;
    ui_count(micro / 1000000u, out);
    n = strlen(out);
    if (decimals > 0)
        snprintf(out + n, UI_FORMAT - n, ".%0*u", decimals, rest);
    return out;
}

const char *ui_sol(uint64_t lamports, char *out)
{
    return lamports == SU_FEED_UNKNOWN ? ui_count(lamports, out)
                                       : ui_money(lamports / 1000, 6, out);
}

static const char *scaled(uint64_t n, const char *const unit[], size_t units, double step,
                          char *out)
{
    double v = (double)n;
    size_t u = 0;

    if (n == SU_FEED_UNKNOWN)
        return ui_count(n, out);
    while (v >= step && u + 1 < units) {
        v /= step;
        u++;
    }
    snprintf(out, UI_FORMAT, u > 0 && v < 9.95 ? "%.1f%s" : "%.0f%s", v, unit[u]);
    return out;
}

const char *ui_count_short(uint64_t n, char *out)
{
    static const char *const unit[] = {"", "k", "M", "B", "T", "P"};

    return scaled(n, unit, SU_ARRAY_LEN(unit), 1000, out);
}

const char *ui_bytes(uint64_t n, char *out)
{
    static const char *const unit[] = {" B", " KB", " MB", " GB", " TB", " PB"};

    return scaled(n, unit, SU_ARRAY_LEN(unit), 1024, out);
}

const char *ui_rate_ppm(uint64_t ppm, char *out)
{
    if (ppm == SU_FEED_UNKNOWN)
        return ui_count(ppm, out);
    snprintf(out, UI_FORMAT, "%.2f%%", (double)ppm / 10000);
    return out;
}

/* Two units at most, from tenths of a second to days. */
static const char *span(uint64_t ms, char *out)
{
    uint64_t s = ms / 1000;

    if (ms < 10000)
        snprintf(out, UI_FORMAT, "%.1fs", (double)ms / 1000);
    else if (s < 60)
        snprintf(out, UI_FORMAT, "%us", (unsigned)s);
    else if (s < 3600)
        snprintf(out, UI_FORMAT, "%um%02u", (unsigned)(s / 60), (unsigned)(s % 60));
    else if (s < 86400)
        snprintf(out, UI_FORMAT, "%uh%02u", (unsigned)(s / 3600), (unsigned)(s / 60 % 60));
    else
        snprintf(out, UI_FORMAT, "%" PRIu64 "d%uh", s / 86400, (unsigned)(s / 3600 % 24));
    return out;
}

const char *ui_ms(uint64_t ms, char *out)
{
    if (ms >= UINT32_MAX)
        return ui_count(SU_FEED_UNKNOWN, out);
    if (ms < 1000) {
        snprintf(out, UI_FORMAT, "%u", (unsigned)ms);
        return out;
    }
    return span(ms, out);
}

const char *ui_age(int64_t now_ms, int64_t then_ms, char *out)
{
    if (then_ms == INT64_MIN) {
        su_str_copy(out, UI_FORMAT, "-");
        return out;
    }
    return span(now_ms > then_ms ? (uint64_t)now_ms - (uint64_t)then_ms : 0, out);
}

const char *ui_clock(int64_t wall_ms, char *out)
{
    time_t t = (time_t)(wall_ms / 1000);
    struct tm tm;

    if (!localtime_r(&t, &tm) || strftime(out, UI_FORMAT, "%H:%M:%S", &tm) == 0)
        su_str_copy(out, UI_FORMAT, "--:--:--");
    return out;
}
