// SPDX-License-Identifier: MIT
/* Kernels of sequence models for AVX-512 with VNNI. */
#include "cpu_llm.h"

#include <immintrin.h>
#include <string.h>

#include "cpu_math.h"

#define ISA avx512
#define ISA_TARGET __attribute__((target("avx512vnni")))
#define FMA_TARGET ISA_TARGET
#define INLINE inline __attribute__((always_inline))
#define ALWAYS ISA_TARGET INLINE
#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 8")
#endif
#define TILE_ROWS 8
#include "cpu_quants_avx512.h"

#define MADD(acc, v, x) ((vec)_mm512_fmadd_ps((__m512)(v), _mm512_set1_ps(x), (__m512)(acc)))

/* In the assembler's own words: compilers load the four bytes into a register first, which is one
   instruction more for each product. */
static ALWAYS ivec quants_dot(enum su_dtype type, const struct quants *w, int from, int to,
                              const int8_t *q)
{
    ivec sum = {0};
    (void)type;
    UNROLL for (int i = from; i < to; i++)
    {
        const void *four = q + 4 * i;
        __asm__("vpdpbusd %2%{1to16%}, %1, %0"
                : "+v"(sum)
                : "v"(w->v[i]), "m"(*(const int32_t *)four));
    }
    return sum;
}

static ALWAYS void clamped_bytes(ivec v, int8_t *to)
{
    __m512i least = _mm512_max_epi32((__m512i)v, _mm512_set1_epi32(-127));
    _mm_storeu_si128((void *)to, _mm512_cvtsepi32_epi8(least));
}

/* Loads as wide as the stores that they follow. */
static ALWAYS int32_t half_sum(const int8_t *q)
{
    __m128i v = _mm_xor_si128(_mm_loadu_si128((const void *)q), _mm_set1_epi8(-128));
    v = _mm_sad_epu8(v, _mm_setzero_si128()); /* of 8 bytes, each raised by 128 */
    return _mm_cvtsi128_si32(v) + _mm_extract_epi32(v, 2) - 2048;
}

#include "cpu_quant_body.h"
#include "cpu_seq_body.h"
