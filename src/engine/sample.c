// SPDX-License-Identifier: MIT
/* Choosing a token (rule N12): on the host, in single operations of canonical arithmetic, so that the seed and the logits fix the token
   everywhere. The random number is Philox 4x32-10 (Salmon et al., SC11) keyed by the seed, counted by the position. */
#include "engine/engine.h"

#include <stdlib.h>
#include <string.h>

#include "engine_priv.h"

#define VOCABULARY_MAX (1u << 24)
#define PHILOX_ROUNDS 10
#define PIECE 256u /* logits compared at once */

#define DIGIT_BITS 11 /* of a key, sorted by three digits */
#define DIGITS (1u << DIGIT_BITS)

struct candidate {
    uint32_t key; /* falls as the logit rises */
    uint32_t id;
    float below; /* logit - greatest logit; its exponential, the weight, from keep on */
};

static uint32_t philox(uint64_t seed, uint32_t position)
{
    uint32_t c[4] = {position, 0, 0, 0}, k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
    for (int i = 0; i < PHILOX_ROUNDS; i++) {
        uint64_t a = (uint64_t)0xd2511f53u * c[0], b = (uint64_t)0xcd9e8d57u * c[2];
        uint32_t next[4] = {(uint32_t)(b >> 32) ^ c[1] ^ k0, (uint32_t)b,
                            (uint32_t)(a >> 32) ^ c[3] ^ k1, (uint32_t)a};
        memcpy(c, next, sizeof c);
        k0 += 0x9e3779b9u;
        k1 += 0xbb67ae85u;
    }
    return c[0];
}

enum su_code su_sampling_check(const struct su_sampling *o, struct su_err *e)
{
    if (!(o->temperature >= 0.0f && o->temperature <= 100.0f))
        return su_fail(e, SU_EINVAL, "temperature", "%g is outside 0 to 100",
                       (double)o->temperature);
    if (!(o->top_p >= 0.0f && o->top_p <= 1.0f))
        return su_fail(e, SU_EINVAL, "top_p", "%g is outside 0 to 1", (double)o->top_p);
    if (!(o->min_p >= 0.0f && o->min_p <= 1.0f))
        return su_fail(e, SU_EINVAL, "min_p", "%g is outside 0 to 1", (double)o->min_p);
    if (!(o->repeat_penalty == 0.0f || (o->repeat_penalty >= 0.01f && o->repeat_penalty <= 100.0f)))
        return su_fail(e, SU_EINVAL, "repeat_penalty", "%g is neither 0 nor within 0.01 to 100",
                       (double)o->repeat_penalty);
    return SU_OK;
}

static bool penalises(const struct su_sampling *o)
{
    return o->repeat_penalty != 0.0f && o->repeat_penalty != 1.0f;
}

/* A token among the last repeat_last is made less likely once, however often it stands there. */
static void penalise(const struct su_sampling *o, float *x, uint32_t n, const uint32_t *history,
                     uint32_t n_history)
{
    if (!penalises(o))
        return;
    uint32_t from = n_history > o->repeat_last ? n_history - o->repeat_last : 0;
    for (uint32_t i = from; i < n_history; i++) {
        bool seen = history[i] >= n;
        for (uint32_t k = from; k < i && !seen; k++)
            seen = history[k] == history[i];
        if (seen)
            continue;
        float *v = &x[history[i]];
        bool negative = su_f32_bits(*v) >> 31;
        *v = su_num_fix(*v * (negative ? o->repeat_penalty : su_num_recip(o->repeat_penalty)));
    }
}

/* Whether su_num_fix would change any of PIECE logits. */
static bool unfixed(const float *x)
{
    uint32_t out = 0;
    for (uint32_t i = 0; i < PIECE; i++) {
        uint32_t u = su_f32_bits(x[i]), a = u & 0x7fffffffu;
        out |= (uint32_t)(u != 0) & (uint32_t)(a - 0x27800000u > 0x58800000u - 0x27800000u);
    }
    return out != 0;
}

/* Most pieces of logits, if not all, come as an op's result, which was fixed. */
static void fix(const float *logits, uint32_t n, float *x)
{
    memcpy(x, logits, n * sizeof *x);
    for (uint32_t i = 0; i < n; i += PIECE)
        if (n - i < PIECE || unfixed(x + i))
            for (uint32_t k = i; k < SU_MIN(n, i + PIECE); k++)
                x[k] = su_num_fix(x[k]);
}

static bool any_greater(const float *x, float best)
{
    uint32_t greater = 0;
    for (uint32_t i = 0; i < PIECE; i++)
        greater |= x[i] > best;
    return greater != 0;
}

/* The first of the greatest of n >= 1 fixed logits. Neither NaN nor -0, they compare as their order
   keys do. Most pieces hold nothing greater than what came before them. */
static uint32_t greatest(const float *x, uint32_t n)
{
    uint32_t best = 0;
    for (uint32_t i = 0; i < n; i += PIECE)
        if (n - i < PIECE || any_greater(x + i, x[best]))
            for (uint32_t k = i; k < SU_MIN(n, i + PIECE); k++)
                best = x[k] > x[best] ? k : best;
    return best;
}

/* Those of n logits whose weight is not 0 (rule N7): the others change no sum and are never drawn. */
static uint32_t collect(struct candidate *c, const float *x, uint32_t n, float best)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < n; i++) {
        float below = su_num_fix(x[i] - best);
        if (below >= -32.0f)
            c[count++] = (struct candidate){~su_num_key(x[i]), i, below};
    }
    return count;
}

/* By (logit descending, id ascending); c is by ascending id, and each pass keeps the order of equals.
   Returns the array that holds the result: tmp after an odd number of passes. */
static struct candidate *sort(struct candidate *c, struct candidate *tmp, uint32_t n)
{
    uint32_t start[DIGITS];
    for (uint32_t shift = 0; shift < 32; shift += DIGIT_BITS) {
        uint32_t sum = 0;
        memset(start, 0, sizeof start);
        for (uint32_t i = 0; i < n; i++)
            start[c[i].key >> shift & (DIGITS - 1)]++;
        for (uint32_t d = 0; d < DIGITS; d++) {
            uint32_t count = start[d];
            start[d] = sum;
            sum += count;
        }
        for (uint32_t i = 0; i < n; i++)
            tmp[start[c[i].key >> shift & (DIGITS - 1)]++] = c[i];
        struct candidate *sorted = tmp;
        tmp = c;
        c = sorted;
    }
    return c;
}

/* How many of the n candidates are kept, and the sum of their weights. */
static uint32_t keep(const struct su_sampling *o, struct candidate *c, uint32_t n, float *kept)
{
    float total = 0.0f, sum = 0.0f;
    n = o->top_k > 0 ? SU_MIN(n, o->top_k) : n;
    for (uint32_t i = 0; i < n; i++) {
        c[i].below = su_num_exp(c[i].below);
        total = total + c[i].below;
    }
    float enough = o->top_p > 0.0f ? o->top_p * total : total;
    uint32_t k = 0;
    while (k < n && (k == 0 || (su_num_key(sum) < su_num_key(enough) &&
                                su_num_key(c[k].below) >= su_num_key(o->min_p)))) {
        sum = sum + c[k].below;
        k++;
    }
    *kept = sum;
    return k;
}

static uint32_t draw(const struct su_sampling *o, struct candidate *c, uint32_t n,
                     uint32_t position)
{
    float kept = 0.0f, cumulative = 0.0f;
    uint32_t k = keep(o, c, n, &kept);
    float u = (float)(int32_t)(philox(o->seed, position) >> 8) *
              su_f32_from_bits(0x33800000u); /* 2^-24 */
    float at = u * kept;
    for (uint32_t i = 0; i < k; i++) {
        cumulative = cumulative + c[i].below;
        if (su_num_key(cumulative) > su_num_key(at))
            return c[i].id;
    }
    return c[k - 1].id;
}

/* Whether the logits can be compared as they are. */
static bool all_fixed(const float *x, uint32_t n)
{
    uint32_t i = 0;
    while (n - i >= PIECE && !unfixed(x + i))
        i += PIECE;
    while (i < n && su_f32_bits(su_num_fix(x[i])) == su_f32_bits(x[i]))
        i++;
    return i == n;
}

enum su_code su_sample(const struct su_sampling *o, const float *logits, uint32_t n,
                       const uint32_t *history, uint32_t n_history, uint32_t position,
                       uint32_t *token, struct su_err *e)
{
    enum su_code rc = su_sampling_check(o, e);
    if (rc == SU_OK && (n < 1 || n >= VOCABULARY_MAX))
        rc = su_fail(e, SU_EINVAL, "logits", "%u of them; 1 to %u can be sampled", n,
                     VOCABULARY_MAX - 1);
    if (rc != SU_OK)
        return rc;
    bool draws = o->temperature > 0.0f;
    if (!draws && !penalises(o) && all_fixed(logits, n)) {
        *token = greatest(logits, n);
        return SU_OK;
    }
    float *x = su_try_alloc(n, sizeof *x);
    struct candidate *c = draws ? su_try_alloc((size_t)n * 2, sizeof *c) : NULL;
    if (!x || (draws && !c)) {
        free(x);
        free(c);
        return su_fail(e, SU_ENOMEM, "logits", "no memory to sample %u of them", n);
    }
    fix(logits, n, x);
    penalise(o, x, n, history, n_history);
    uint32_t best = greatest(x, n);
    *token = best;
    if (draws) {
        float r = su_num_recip(o->temperature);
        for (uint32_t i = 0; i < n; i++)
            x[i] = su_num_fix(x[i] * r);
        uint32_t count = collect(c, x, n, x[best]);
        *token = draw(o, sort(c, c + n, count), count, position);
    }
    free(x);
    free(c);
    return SU_OK;
}
