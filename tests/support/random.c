// SPDX-License-Identifier: MIT
#include "support/random.h"

#include <string.h>

struct su_random su_random_of(uint64_t seed, uint64_t stream)
{
    struct su_random r = {seed};

    r.state = su_random_u64(&r) ^ (stream * 0xd1342543de82ef95u);
    r.state = su_random_u64(&r);
    return r;
}

uint64_t su_random_u64(struct su_random *r)
{
    uint64_t z = r->state += 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

uint32_t su_random_below(struct su_random *r, uint32_t n)
{
    return (uint32_t)((su_random_u64(r) >> 32) * n >> 32);
}

uint32_t su_random_range(struct su_random *r, uint32_t lo, uint32_t hi)
{
    return lo + su_random_below(r, hi - lo + 1);
}

bool su_random_chance(struct su_random *r, uint32_t percent)
{
    return su_random_below(r, 100) < percent;
}

float su_random_unit(struct su_random *r)
{
    return (float)((int32_t)(su_random_u64(r) >> 40) - (1 << 23)) * 0x1p-23f;
}

static uint32_t bits_of(float x)
{
    uint32_t b;

    memcpy(&b, &x, sizeof b);
    return b;
}

static uint32_t f32_edge(struct su_random *r)
{
    /* Bounds of fz and sat, of the domains of the functions, of exact integers and of the
       formats. */
    static const float bound[] = {
        0.0f,    1.0f,      0.5f,     2.0f,      1.5f,    2.5f,     0x1p-48f, 0x1p-49f, 0x1p50f,
        0x1p51f, 0x1p-50f,  0x1p-96f, 0x1p-126f, 32.0f,   64.0f,    46.0f,    92.0f,    0x1p13f,
        0x1p22f, 0x1p23f,   0x1p24f,  0x1p-40f,  0x1p48f, 0x1p-14f, 65504.0f, 127.0f,   1e30f,
        88.0f,   0.693147f, 3.14159f, 1.570796f, 10.0f,   0x1p-24f, 0x1p31f,  0x1p32f,
    };
    static const uint32_t special[] = {
        0x00000000u, 0x80000000u, 0x00000001u, 0x007fffffu, 0x00400000u, 0x7f800000u,
        0xff800000u, 0x7fc00000u, 0xffc00000u, 0x7f800001u, 0x7f7fffffu, 0xff7fffffu,
    };

    if (su_random_chance(r, 30))
        return special[su_random_below(r, sizeof special / sizeof special[0])];
    uint32_t b = bits_of(bound[su_random_below(r, sizeof bound / sizeof bound[0])]);
    b += su_random_below(r, 5) -
         2; /* two ulps either side; below +0 lie NaNs, which are edges as well */
    return b ^ (su_random_chance(r, 50) ? 0x80000000u : 0);
}

static bool wants_edge(struct su_random *r, enum su_random_style style)
{
    return style == SU_RANDOM_EDGES || (style == SU_RANDOM_EDGY && su_random_below(r, 8) == 0);
}

uint32_t su_random_f32(struct su_random *r, enum su_random_style style)
{
    if (style == SU_RANDOM_BITS)
        return (uint32_t)(su_random_u64(r) >> 32);
    if (wants_edge(r, style))
        return f32_edge(r);
    return bits_of(2.0f * su_random_unit(r));
}

uint16_t su_random_bf16(struct su_random *r, enum su_random_style style)
{
    return (uint16_t)(su_random_f32(r, style) >> 16);
}

uint16_t su_random_f16(struct su_random *r, enum su_random_style style)
{
    static const uint16_t edge[] = {0x0000, 0x8000, 0x0001, 0x8001, 0x03ff, 0x0400, 0x83ff, 0x7bff,
                                    0xfbff, 0x7c00, 0xfc00, 0x7e00, 0xfe01, 0x3c00, 0xbc00, 0x0200};

    if (style == SU_RANDOM_BITS)
        return (uint16_t)(su_random_u64(r) >> 48);
    if (wants_edge(r, style))
        return edge[su_random_below(r, sizeof edge / sizeof edge[0])];
    /* either sign, exponents 2^-8 to 2^0, any mantissa */
    uint64_t bits = su_random_u64(r);
    uint32_t exponent = 7 + (uint32_t)(bits >> 32) % 9;
    return (uint16_t)((bits & 0x83ff) | exponent << 10);
}

uint32_t su_random_i32(struct su_random *r, enum su_random_style style)
{
    static const uint32_t edge[] = {0,           1,           0xffffffffu, 2,           31,
                                    32,          33,          0x7fffffffu, 0x80000000u, 0x80000001u,
                                    0x00400000u, 0x00400001u, 0xffbfffffu, 0x00ffffffu, 0x01000001u,
                                    0x0000ffffu, 0x00010000u, 0xffff0000u};

    if (style == SU_RANDOM_BITS)
        return (uint32_t)(su_random_u64(r) >> 32);
    if (wants_edge(r, style))
        return edge[su_random_below(r, sizeof edge / sizeof edge[0])];
    return su_random_range(r, 0, 200) - 100;
}

uint32_t su_random_length(struct su_random *r, uint32_t max)
{
    static const uint16_t awkward[] = {1,  2,  3,   7,   8,   9,   31,  32,  33,  63,
                                       64, 65, 100, 127, 129, 255, 256, 257, 300, 513};
    uint32_t n = 0;

    while (n < sizeof awkward / sizeof awkward[0] && awkward[n] <= max)
        n++;
    if (n == 0 || su_random_chance(r, 30))
        return su_random_range(r, 1, max);
    return awkward[su_random_below(r, n)];
}
