// SPDX-License-Identifier: MIT
/* free: what freestanding code (the on-chain program and everything it shares with the host) may
   use. Header only, no library behind it: no libc, no heap, no 128-bit integers, no signed
   division, nothing a compiler would turn into a call of memcpy. Little-endian hosts only. */
#ifndef SU_FREE_H
#define SU_FREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "account layouts are little-endian structures; a big-endian host is not supported"
#endif

/* The compiler must not recognise these loops and emit a call: the program has no libc. */
#if defined(__clang__)
#define SU_FREE_FN static inline __attribute__((no_builtin("memcpy", "memset", "memcmp", "bcmp")))
#else
#define SU_FREE_FN static inline
#endif

/* For functions of more than five arguments or that return a structure: the VM's calling convention
   has neither, so these must vanish into their callers. */
#define SU_FREE_INLINE static inline __attribute__((always_inline))

SU_FREE_FN void su_free_copy(void *dst, const void *src, size_t n)
{
    uint8_t *d = (uint8_t *)dst;
    const uint8_t *s = (const uint8_t *)src;
    for (size_t i = 0; i < n; i++)
        d[i] = s[i];
}

SU_FREE_FN void su_free_zero(void *dst, size_t n)
{
    uint8_t *d = (uint8_t *)dst;
    for (size_t i = 0; i < n; i++)
        d[i] = 0;
}

SU_FREE_FN bool su_free_equal(const void *a, const void *b, size_t n)
{
    const uint8_t *x = (const uint8_t *)a, *y = (const uint8_t *)b;
    uint8_t d = 0;
    for (size_t i = 0; i < n; i++)
        d = (uint8_t)(d | (x[i] ^ y[i]));
    return d == 0;
}

SU_FREE_FN bool su_free_is_zero(const void *a, size_t n)
{
    const uint8_t *x = (const uint8_t *)a;
    uint8_t d = 0;
    for (size_t i = 0; i < n; i++)
        d = (uint8_t)(d | x[i]);
    return d == 0;
}

/* 32-byte keys and digests lie on 8-byte boundaries in every account; elsewhere these read bytes. */
SU_FREE_FN bool su_free_key_equal(const uint8_t a[32], const uint8_t b[32])
{
    return su_free_equal(a, b, 32);
}

SU_FREE_FN uint32_t su_free_load32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

SU_FREE_FN uint64_t su_free_load64(const uint8_t *p)
{
    return (uint64_t)su_free_load32(p) | (uint64_t)su_free_load32(p + 4) << 32;
}

SU_FREE_FN void su_free_store16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
}

SU_FREE_FN void su_free_store32(uint8_t *p, uint32_t v)
{
    for (unsigned i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> (8 * i));
}

SU_FREE_FN void su_free_store64(uint8_t *p, uint64_t v)
{
    for (unsigned i = 0; i < 8; i++)
        p[i] = (uint8_t)(v >> (8 * i));
}

/* Checked sums: false, and *out untouched, on overflow or underflow. */
SU_FREE_FN bool su_free_add(uint64_t a, uint64_t b, uint64_t *out)
{
    if (a > UINT64_MAX - b)
        return false;
    *out = a + b;
    return true;
}

SU_FREE_FN bool su_free_sub(uint64_t a, uint64_t b, uint64_t *out)
{
    if (a < b)
        return false;
    *out = a - b;
    return true;
}

/* By halves: clang would turn a test by division into a 128-bit product, which the VM lacks. */
SU_FREE_FN bool su_free_mul(uint64_t a, uint64_t b, uint64_t *out)
{
    uint64_t small = a < b ? a : b, large = a < b ? b : a;
    if (small >> 32 != 0)
        return false;
    uint64_t high = (large >> 32) * small, low = (large & 0xffffffffu) * small;
    if (high >> 32 != 0)
        return false;
    return su_free_add(high << 32, low, out);
}

/* floor(a * b / c) over the full 128-bit product, by shift and subtract. False, and *out untouched,
   when c is 0 or the quotient exceeds 64 bits. */
SU_FREE_FN bool su_free_mul_div(uint64_t a, uint64_t b, uint64_t c, uint64_t *out)
{
    if (c == 0)
        return false;
    uint64_t a0 = a & 0xffffffffu, a1 = a >> 32, b0 = b & 0xffffffffu, b1 = b >> 32;
    uint64_t mid = a1 * b0 + (a0 * b0 >> 32);
    uint64_t mid2 = a0 * b1 + (mid & 0xffffffffu);
    uint64_t hi = a1 * b1 + (mid >> 32) + (mid2 >> 32);
    uint64_t lo = (mid2 << 32) | (a0 * b0 & 0xffffffffu);
    if (hi >= c)
        return false;
    if (hi == 0) { /* nearly always, and the loop is dear where compute is counted */
        *out = lo / c;
        return true;
    }
    uint64_t q = 0;
    for (unsigned i = 0; i < 64; i++) {
        bool carry = hi >> 63 != 0;
        hi = hi << 1 | lo >> 63;
        lo <<= 1;
        q <<= 1;
        if (carry || hi >= c) {
            hi -= c;
            q |= 1;
        }
    }
    *out = q;
    return true;
}

#endif
