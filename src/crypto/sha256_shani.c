// SPDX-License-Identifier: MIT
/* SHA-256 with the x86 SHA extensions (Intel 64 manual, volume 2: SHA256RNDS2, SHA256MSG1,
   SHA256MSG2). */
#include "crypto_priv.h"

#include <cpuid.h>
#include <immintrin.h>

static bool processor_has_it(void)
{
    unsigned a, b, c, d;

    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_SSSE3) || !(c & bit_SSE4_1))
        return false;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_SHA);
}

/* Four rounds; the instruction does two with the low half of wk. */
static inline void rounds4(__m128i *abef, __m128i *cdgh, __m128i wk)
{
    *cdgh = _mm_sha256rnds2_epu32(*cdgh, *abef, wk);
    *abef = _mm_sha256rnds2_epu32(*abef, *cdgh, _mm_shuffle_epi32(wk, 0x0E));
}

/* The next four words of the schedule from the last sixteen, oldest first in w[0..3]. */
static inline __m128i schedule4(__m128i w0, __m128i w1, __m128i w2, __m128i w3)
{
    __m128i sum = _mm_add_epi32(_mm_sha256msg1_epu32(w0, w1), _mm_alignr_epi8(w3, w2, 4));

    return _mm_sha256msg2_epu32(sum, w3);
}

static inline __m128i add_k(__m128i w, unsigned group)
{
    return _mm_add_epi32(
        w, _mm_load_si128((const __m128i *)(const void *)(crypto_sha256_k + 4 * group)));
}

static void blocks(uint32_t h[8], const uint8_t *p, size_t n)
{
    const __m128i big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
    __m128i dcba = _mm_loadu_si128((const __m128i *)(const void *)h);
    __m128i hgfe = _mm_loadu_si128((const __m128i *)(const void *)(h + 4));

    /* The instructions want the state as (a,b,e,f) and (c,d,g,h), highest word first. */
    __m128i cdab = _mm_shuffle_epi32(dcba, 0xB1);
    __m128i efgh = _mm_shuffle_epi32(hgfe, 0x1B);
    __m128i abef = _mm_alignr_epi8(cdab, efgh, 8);
    __m128i cdgh = _mm_blend_epi16(efgh, cdab, 0xF0);

    for (; n > 0; n--, p += 64) {
        __m128i abef_before = abef, cdgh_before = cdgh, w[4];

#pragma GCC unroll 4
        for (unsigned i = 0; i < 4; i++) {
            w[i] = _mm_loadu_si128((const __m128i *)(const void *)(p + 16 * i));
            w[i] = _mm_shuffle_epi8(w[i], big_endian);
            rounds4(&abef, &cdgh, add_k(w[i], i));
        }
#pragma GCC unroll 12
        for (unsigned i = 4; i < 16; i++) {
            w[i % 4] = schedule4(w[i % 4], w[(i + 1) % 4], w[(i + 2) % 4], w[(i + 3) % 4]);
            rounds4(&abef, &cdgh, add_k(w[i % 4], i));
        }
        abef = _mm_add_epi32(abef, abef_before);
        cdgh = _mm_add_epi32(cdgh, cdgh_before);
    }
    __m128i feba = _mm_shuffle_epi32(abef, 0x1B);
    __m128i dchg = _mm_shuffle_epi32(cdgh, 0xB1);
    _mm_storeu_si128((__m128i *)(void *)h, _mm_blend_epi16(feba, dchg, 0xF0));
    _mm_storeu_si128((__m128i *)(void *)(h + 4), _mm_alignr_epi8(dchg, feba, 8));
}

const struct crypto_sha256_impl crypto_sha256_shani = {"sha-ni", processor_has_it, blocks};
