// SPDX-License-Identifier: MIT
/* Seeded random numbers and awkward values for tests: equal seeds give equal sequences on every
   machine. */
#ifndef SU_SUPPORT_RANDOM_H
#define SU_SUPPORT_RANDOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* SplitMix64 (Steele, Lea, Flood 2014). */
struct su_random {
    uint64_t state;
};
/* Streams of different (seed, stream) pairs are unrelated. */
struct su_random su_random_of(uint64_t seed, uint64_t stream);
uint64_t su_random_u64(struct su_random *r);
uint32_t su_random_below(struct su_random *r, uint32_t n); /* 0 .. n-1; assumes n >= 1 */
uint32_t su_random_range(struct su_random *r, uint32_t lo, uint32_t hi); /* lo .. hi */
bool su_random_chance(struct su_random *r, uint32_t percent);
float su_random_unit(struct su_random *r); /* [-1, 1), 24 bits */

/* How a tensor is filled. */
enum su_random_style {
    SU_RANDOM_MILD, /* within +-2 (integers: within +-100) */
    SU_RANDOM_EDGY, /* mild, one in eight an edge value */
    SU_RANDOM_EDGES, /* edge values only */
    SU_RANDOM_BITS, /* any bits: NaN, infinities and denormals among them */
    SU_RANDOM_STYLES
};
/* Edge values of floats: zeros, denormals, +-1 ulp around the bounds of fz, sat and every
   function's domain, NaN, Inf. */
uint32_t su_random_f32(struct su_random *r, enum su_random_style style); /* as bits */
uint16_t su_random_f16(struct su_random *r, enum su_random_style style);
uint16_t su_random_bf16(struct su_random *r, enum su_random_style style);
uint32_t su_random_i32(struct su_random *r, enum su_random_style style); /* as bits; also for U32 */
/* A length that divides nothing nicely: around 1, 31-33, 255-257 and between, at most max. */
uint32_t su_random_length(struct su_random *r, uint32_t max);

#endif
