// SPDX-License-Identifier: MIT
/* Kernels of sequence models for AVX2 with F16C and FMA. */
#include "cpu_llm.h"

#include <immintrin.h>
#include <string.h>

#include "cpu_math.h"

#define ISA avx2
#define ISA_TARGET __attribute__((target("f16c")))
#define FMA_TARGET __attribute__((target("f16c,fma")))
#define INLINE inline __attribute__((always_inline))
#define ALWAYS ISA_TARGET INLINE
#define UNROLL _Pragma("GCC unroll 8")
#define TILE_ROWS 4
#define VEC_LANES 8u

typedef float vec __attribute__((vector_size(32)));
typedef int32_t ivec __attribute__((vector_size(32)));

#define BYTES_U(p) ((ivec)_mm256_cvtepu8_epi32(_mm_loadl_epi64((const void *)(p))))
#define BYTES_S(p) ((ivec)_mm256_cvtepi8_epi32(_mm_loadl_epi64((const void *)(p))))
#define HALVES(p) ((vec)_mm256_cvtph_ps(_mm_loadu_si128((const void *)(p))))

#define MADD(acc, v, x) ((vec)_mm256_fmadd_ps((__m256)(v), _mm256_set1_ps(x), (__m256)(acc)))

struct quants {
    __m256i v[8];
};

#define QUANTS_CENTRE_8 0

static ALWAYS void quants_load(enum su_dtype type, const uint8_t *high, const uint8_t *low,
                               uint32_t part, struct quants *w)
{
    high += part * 32;
    low += part * 32;
    if (type == SU_Q8_0) {
        UNROLL for (int i = 0; i < 8; i++) w->v[i] =
            _mm256_loadu_si256((const void *)(low + 64 * i));
        return;
    }
    UNROLL for (int i = 0; i < 4; i++)
    {
        __m256i b = _mm256_loadu_si256((const void *)(low + 64 * i)), four = _mm256_set1_epi8(15);
        w->v[i] = _mm256_and_si256(b, four);
        w->v[i + 4] = _mm256_and_si256(_mm256_srli_epi16(b, 4), four);
    }
    if (type == SU_Q5_0 || type == SU_Q5_1 || type == SU_Q5_K) {
        __m256i b = _mm256_loadu_si256((const void *)high), one = _mm256_set1_epi8(16);
        UNROLL for (int i = 0; i < 8; i++)
        {
            __m256i up = i < 4 ? _mm256_slli_epi16(b, 4 - i) : _mm256_srli_epi16(b, i - 4);
            w->v[i] = _mm256_or_si256(w->v[i], _mm256_and_si256(up, one));
        }
    }
    if (type == SU_Q6_K) {
        UNROLL for (int i = 0; i < 8; i++)
        {
            __m256i b = _mm256_loadu_si256((const void *)(high + 64 * (i / 4)));
            __m256i up =
                i % 4 < 3 ? _mm256_slli_epi16(b, 4 - 2 * (i % 4)) : _mm256_srli_epi16(b, 2);
            w->v[i] = _mm256_or_si256(w->v[i], _mm256_and_si256(up, _mm256_set1_epi8(48)));
        }
    }
}

/* Sums of pairs stay within 16 bits for as many vectors as the largest quant allows: 15, 31, 63
   times 127, twice a pair. Signed bytes go in as magnitudes, their signs to the other side: 128
   · 127 · 2 < 2^15. */
static ALWAYS ivec quants_dot(enum su_dtype type, const struct quants *w, int from, int to,
                              const int8_t *q)
{
    const int most = type == SU_Q8_0                                         ? 1
                     : type == SU_Q6_K                                       ? 2
                     : type == SU_Q5_0 || type == SU_Q5_1 || type == SU_Q5_K ? 4
                                                                             : 8;
    __m256i sum = _mm256_setzero_si256(), pairs = _mm256_setzero_si256();
    UNROLL for (int i = from; i < to; i++)
    {
        int32_t four;
        memcpy(&four, q + 4 * i, sizeof four);
        __m256i a = _mm256_set1_epi32(four), b = w->v[i];
        if (type == SU_Q8_0) {
            a = _mm256_sign_epi8(a, b);
            b = _mm256_abs_epi8(b);
        }
        pairs = _mm256_add_epi16(pairs, _mm256_maddubs_epi16(b, a));
        if ((i + 1) % most == 0) {
            sum = _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
            pairs = _mm256_setzero_si256();
        }
    }
    return (ivec)sum;
}

static ALWAYS void clamped_bytes(ivec v, int8_t *to)
{
    __m256i least = _mm256_max_epi32((__m256i)v, _mm256_set1_epi32(-127));
    __m128i words =
        _mm_packs_epi32(_mm256_castsi256_si128(least), _mm256_extracti128_si256(least, 1));
    _mm_storel_epi64((void *)to, _mm_packs_epi16(words, words));
}

/* Loads as wide as the stores that they follow. */
static ALWAYS int32_t half_sum(const int8_t *q)
{
    __m128i v = _mm_unpacklo_epi64(_mm_loadl_epi64((const void *)q),
                                   _mm_loadl_epi64((const void *)(q + 8)));
    v = _mm_xor_si128(v, _mm_set1_epi8(-128));
    v = _mm_sad_epu8(v, _mm_setzero_si128()); /* of 8 bytes, each raised by 128 */
    return _mm_cvtsi128_si32(v) + _mm_extract_epi32(v, 2) - 2048;
}

#include "cpu_quant_body.h"
#include "cpu_seq_body.h"
