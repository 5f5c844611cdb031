// SPDX-License-Identifier: MIT
#include "ops_priv.h"

#include <inttypes.h>
#include <string.h>

struct unit {
    const char *name;
    unsigned decimals;
    uint64_t one, most;
};
static const struct unit units[] = {
    [SU_OPS_USDC] = {"USDC", 6, SU_USDC, SU_AMOUNT_MAX},
    [SU_OPS_SOL] = {"SOL", 9, SU_CHAIN_LAMPORTS_PER_SOL, (uint64_t)1 << 63},
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static enum su_code bad(const struct unit *u, const char *text, const char *at, struct su_err *e)
{
    return su_fail(e, SU_EINVAL, at, "\"%s\" is no amount; give %s with up to %u decimals: 1000.5",
                   text, u->name, u->decimals);
}

enum su_code su_ops_amount_parse(const char *text, const char *at, enum su_ops_unit unit,
                                 uint64_t *out, struct su_err *e)
{
    const struct unit *u = &units[unit];
    uint64_t v = 0;
    unsigned decimals = 0;
    bool point = false, fits = true;

    if (!is_digit(text[0]))
        return bad(u, text, at, e);
    for (const char *c = text; *c; c++) {
        if (*c == '.' && !point && is_digit(c[1])) {
            point = true;
            continue;
        }
        if (!is_digit(*c) || (point && ++decimals > u->decimals))
            return bad(u, text, at, e);
        fits = fits && su_mul_u64(v, 10, &v) && su_add_u64(v, (uint64_t)(*c - '0'), &v);
    }
    for (; decimals < u->decimals; decimals++)
        fits = fits && su_mul_u64(v, 10, &v);
    if (!fits || v > u->most)
        return su_fail(e, SU_EOVERFLOW, at, "\"%s\" is more than %" PRIu64 " %s", text,
                       u->most / u->one, u->name);
    if (v == 0)
        return su_fail(e, SU_EINVAL, at, "is 0 %s: give more", u->name);
    *out = v;
    return SU_OK;
}

const char *su_ops_amount_number(uint64_t amount, enum su_ops_unit unit,
                                 char out[SU_OPS_AMOUNT_TEXT])
{
    const struct unit *u = &units[unit];
    int n = snprintf(out, SU_OPS_AMOUNT_TEXT, "%" PRIu64 ".%0*" PRIu64, amount / u->one,
                     (int)u->decimals, amount % u->one);

    while (out[n - 1] == '0')
        out[--n] = 0;
    if (out[n - 1] == '.')
        out[--n] = 0;
    return out;
}

const char *su_ops_amount_text(uint64_t amount, enum su_ops_unit unit, char out[SU_OPS_AMOUNT_TEXT])
{
    size_t n = strlen(su_ops_amount_number(amount, unit, out));

    (void)snprintf(out + n, SU_OPS_AMOUNT_TEXT - n, " %s", units[unit].name);
    return out;
}

const char *su_ops_slots_text(uint64_t slots, uint32_t ms_per_slot, char out[SU_OPS_AMOUNT_TEXT])
{
    uint64_t ms, s;

    if (!su_mul_u64(slots, ms_per_slot, &ms))
        ms = UINT64_MAX;
    s = ms / 1000 + (ms % 1000 != 0);
    if (s < 60)
        (void)snprintf(out, SU_OPS_AMOUNT_TEXT, "%" PRIu64 " s", s);
    else if (s < 3600)
        (void)snprintf(out, SU_OPS_AMOUNT_TEXT, "%" PRIu64 " min %" PRIu64 " s", s / 60, s % 60);
    else if (s < 86400)
        (void)snprintf(out, SU_OPS_AMOUNT_TEXT, "%" PRIu64 " h %" PRIu64 " min", s / 3600,
                       s / 60 % 60);
    else
        (void)snprintf(out, SU_OPS_AMOUNT_TEXT, "%" PRIu64 " d %" PRIu64 " h", s / 86400,
                       s / 3600 % 24);
    return out;
}
