// SPDX-License-Identifier: MIT
/* libsodium's addition decodes as Solana does; its multiplication accepts only canonical points
   of the prime subgroup. The rest is brought into it by subtracting a point of small order. */
#include "crypto/crypto.h"

#include <sodium.h>
#include <string.h>

const uint8_t su_point_base[SU_POINT_BYTES] = {
    0x58, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66,
    0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66};

/* RFC 8032 §5.1: L = 2^252 + 27742317777372353535851937790883648493, little-endian. */
static const uint8_t order[32] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7,
                                  0xa2, 0xde, 0xf9, 0xde, 0x14, 0,    0,    0,    0,    0,    0,
                                  0,    0,    0,    0,    0,    0,    0,    0,    0,    0x10};

/* A point of order 8; its multiples are all points of small order. */
static const uint8_t torsion[SU_POINT_BYTES] = {
    0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0,
    0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05};

static const uint8_t identity[SU_POINT_BYTES] = {1};

static bool scalar_valid(const uint8_t s[32])
{
    for (size_t i = 32; i-- > 0;) {
        if (s[i] != order[i])
            return s[i] < order[i];
    }
    return false;
}

bool su_point_add(const uint8_t p[SU_POINT_BYTES], const uint8_t q[SU_POINT_BYTES],
                  uint8_t out[SU_POINT_BYTES])
{
    uint8_t r[SU_POINT_BYTES];

    if (crypto_core_ed25519_add(r, p, q) != 0)
        return false;
    memcpy(out, r, sizeof r);
    return true;
}

bool su_point_sub(const uint8_t p[SU_POINT_BYTES], const uint8_t q[SU_POINT_BYTES],
                  uint8_t out[SU_POINT_BYTES])
{
    uint8_t r[SU_POINT_BYTES];

    if (crypto_core_ed25519_sub(r, p, q) != 0)
        return false;
    memcpy(out, r, sizeof r);
    return true;
}

bool su_point_valid(const uint8_t p[SU_POINT_BYTES])
{
    uint8_t r[SU_POINT_BYTES];

    return crypto_core_ed25519_add(r, p, identity) == 0;
}

/* k times the point of order 8. */
static void torsion_multiple(unsigned k, uint8_t out[SU_POINT_BYTES])
{
    memcpy(out, identity, SU_POINT_BYTES);
    for (unsigned i = 0; i < k % 8; i++)
        SU_ASSERT(crypto_core_ed25519_add(out, out, torsion) == 0);
}

/* p = q + iT with q in the prime subgroup for exactly one i, so sp = sq + (si mod 8)T. libsodium
   says no to q = identity, where sq is the identity again. */
static bool mul_any_order(const uint8_t s[32], const uint8_t p[SU_POINT_BYTES],
                          uint8_t out[SU_POINT_BYTES])
{
    uint8_t q[SU_POINT_BYTES], product[SU_POINT_BYTES], small[SU_POINT_BYTES];

    for (unsigned i = 0; i < 8; i++) {
        torsion_multiple(i, small);
        if (!su_point_sub(p, small, q))
            return false;
        if (memcmp(q, identity, sizeof q) == 0)
            memcpy(product, identity, sizeof product);
        else if (crypto_scalarmult_ed25519_noclamp(product, s, q) != 0)
            continue;
        torsion_multiple(s[0] % 8 * i, small);
        return su_point_add(product, small, out);
    }
    return false;
}

bool su_point_mul(const uint8_t scalar[32], const uint8_t p[SU_POINT_BYTES],
                  uint8_t out[SU_POINT_BYTES])
{
    uint8_t r[SU_POINT_BYTES];

    if (!scalar_valid(scalar))
        return false;
    if (sodium_is_zero(scalar, 32)) {
        if (!su_point_valid(p))
            return false;
        memcpy(out, identity, sizeof identity);
        return true;
    }
    if (memcmp(p, su_point_base, SU_POINT_BYTES) == 0) {
        if (crypto_scalarmult_ed25519_base_noclamp(r, scalar) != 0)
            return false;
    } else if (crypto_scalarmult_ed25519_noclamp(r, scalar, p) != 0) {
        return mul_any_order(scalar, p, out);
    }
    memcpy(out, r, sizeof r);
    return true;
}

bool su_point_mul2(const uint8_t scalars[64], const uint8_t points[2 * SU_POINT_BYTES],
                   uint8_t out[SU_POINT_BYTES])
{
    uint8_t a[SU_POINT_BYTES], b[SU_POINT_BYTES];

    return su_point_mul(scalars, points, a) &&
           su_point_mul(scalars + 32, points + SU_POINT_BYTES, b) && su_point_add(a, b, out);
}
