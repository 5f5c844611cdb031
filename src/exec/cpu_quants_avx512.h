// SPDX-License-Identifier: MIT
/* Vectors of AVX-512, and the quants of one run of a group in eight of them. Included after ALWAYS
   and UNROLL are defined. */
#ifndef SU_CPU_QUANTS_AVX512_H
#define SU_CPU_QUANTS_AVX512_H

#include "graph/graph.h"

#include <immintrin.h>

#define VEC_LANES 16u

typedef float vec __attribute__((vector_size(64)));
typedef int32_t ivec __attribute__((vector_size(64)));

typedef uint16_t pairs __attribute__((vector_size(64)));
#define SHIFT(b, op, n) ((__m512i)((pairs)(b)op(n)))

#define BYTES_U(p) ((ivec)_mm512_cvtepu8_epi32(_mm_loadu_si128((const void *)(p))))
#define BYTES_S(p) ((ivec)_mm512_cvtepi8_epi32(_mm_loadu_si128((const void *)(p))))
#define HALVES(p) ((vec)_mm512_cvtph_ps(_mm256_loadu_si256((const void *)(p))))

struct quants {
    __m512i v[8];
};

#define QUANTS_CENTRE_8 128 /* the product takes unsigned by signed bytes: Q8_0 is raised by 128 */

static ALWAYS void quants_load(enum su_dtype type, const uint8_t *high, const uint8_t *low,
                               uint32_t part, struct quants *w)
{
    (void)part;
    if (type == SU_Q8_0) {
        UNROLL for (int i = 0; i < 8; i++) w->v[i] =
            _mm512_xor_si512(_mm512_loadu_si512(low + 64 * i), _mm512_set1_epi8(-128));
        return;
    }
    UNROLL for (int i = 0; i < 4; i++)
    {
        __m512i b = _mm512_loadu_si512(low + 64 * i), four = _mm512_set1_epi8(15);
        w->v[i] = _mm512_and_si512(b, four);
        w->v[i + 4] = _mm512_and_si512(SHIFT(b, >>, 4), four);
    }
    if (type == SU_Q5_0 || type == SU_Q5_1 || type == SU_Q5_K) {
        __m512i b = _mm512_loadu_si512(high), one = _mm512_set1_epi8(16);
        UNROLL for (int i = 0; i < 8; i++)
        {
            __m512i up = i < 4 ? SHIFT(b, <<, 4 - i) : SHIFT(b, >>, i - 4);
            w->v[i] = _mm512_or_si512(w->v[i], _mm512_and_si512(up, one));
        }
    }
    if (type == SU_Q6_K) {
        UNROLL for (int i = 0; i < 8; i++)
        {
            __m512i b = _mm512_loadu_si512(high + 64 * (i / 4)), two = _mm512_set1_epi8(48);
            __m512i up = i % 4 < 3 ? SHIFT(b, <<, 4 - 2 * (i % 4)) : SHIFT(b, >>, 2);
            w->v[i] = _mm512_or_si512(w->v[i], _mm512_and_si512(up, two));
        }
    }
}

#endif
