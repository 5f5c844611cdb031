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
#define UNROLL _Pragma("GCC unroll 8")
#define TILE_ROWS 8
#include "cpu_quants_avx512.h"

#define MADD(acc, v, x) ((vec)_mm512_fmadd_ps((__m512)(v), _mm512_set1_ps(x), (__m512)(acc)))

static ALWAYS ivec quants_dot(enum su_dtype type, const struct quants *w, int from, int to,
                              const int8_t *q)
{
    __m512i sum = _mm512_setzero_si512();
    (void)type;
    UNROLL for (int i = from; i < to; i++)
    {
        int32_t four;
        memcpy(&four, q + 4 * i, sizeof four);
        sum = _mm512_dpbusd_epi32(sum, w->v[i], _mm512_set1_epi32(four));
    }
    return (ivec)sum;
}

#include "cpu_quant_body.h"
#include "cpu_seq_body.h"
