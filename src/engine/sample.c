// SPDX-License-Identifier: MIT
/* Choosing a token (rule N12): on the host, in single operations of canonical arithmetic, so that the seed and the logits fix the token
   everywhere. The random number is Philox 4x32-10 (Salmon et al., SC11) keyed by the seed, counted by the position. */
#include "engine/engine.h"

#include <stdlib.h>
#include <string.h>

#include "engine_priv.h"

#define VOCABULARY_MAX (1u << 24)
#define PHILOX_ROUNDS 10

struct candidate {
    uint64_t
        order; /* key of the logit, then the id, so that descending order is (logit descending, id ascending) */
    float x;
    uint32_t id;
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

/* A token among the last repeat_last is made less likely once, however often it stands there. */
static void penalise(const struct su_sampling *o, float *x, uint32_t n, const uint32_t *history,
                     uint32_t n_history)
{
    if (o->repeat_penalty == 0.0f || o->repeat_penalty == 1.0f)
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

static int by_order(const void *a, const void *b)
{
    uint64_t x = ((const struct candidate *)a)->order, y = ((const struct candidate *)b)->order;
    return x < y ? 1 : x > y ? -1 : 0;
}

/* Candidates in order, at least the `want` first of them sorted. */
static uint32_t order_candidates(struct candidate *c, const float *x, uint32_t n, uint32_t top_k)
{
    uint32_t want = top_k > 0 && top_k < n ? top_k : n;
    for (uint32_t i = 0; i < n; i++)
        c[i] = (struct candidate){(uint64_t)su_num_key(x[i]) << 32 | (UINT32_MAX - i), x[i], i};
    qsort(c, n, sizeof *c, by_order);
    return want;
}

/* How many of the n candidates are kept, and the sum of their weights. */
static uint32_t keep(const struct su_sampling *o, const struct candidate *c, float *weight,
                     uint32_t n, float *kept)
{
    float total = 0.0f, sum = 0.0f;
    for (uint32_t i = 0; i < n; i++) {
        weight[i] = su_num_exp(su_num_fix(c[i].x - c[0].x));
        total = total + weight[i];
    }
    float enough = o->top_p > 0.0f ? o->top_p * total : total;
    uint32_t k = 0;
    while (k < n && (k == 0 || (su_num_key(sum) < su_num_key(enough) &&
                                su_num_key(weight[k]) >= su_num_key(o->min_p)))) {
        sum = sum + weight[k];
        k++;
    }
    *kept = sum;
    return k;
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
    float *x = su_try_alloc(n, sizeof *x), *weight = su_try_alloc(n, sizeof *weight);
    struct candidate *c = su_try_alloc(n, sizeof *c);
    if (!x || !weight || !c) {
        free(x);
        free(weight);
        free(c);
        return su_fail(e, SU_ENOMEM, "logits", "no memory to sample %u of them", n);
    }
    for (uint32_t i = 0; i < n; i++)
        x[i] = su_num_fix(logits[i]);
    penalise(o, x, n, history, n_history);
    uint32_t best = 0;
    for (uint32_t i = 1; i < n; i++)
        best = su_num_key(x[i]) > su_num_key(x[best]) ? i : best;
    *token = best;
    if (o->temperature > 0.0f) {
        float r = su_num_recip(o->temperature), kept = 0.0f, cumulative = 0.0f;
        for (uint32_t i = 0; i < n; i++)
            x[i] = su_num_fix(x[i] * r);
        uint32_t k = keep(o, c, weight, order_candidates(c, x, n, o->top_k), &kept);
        float u = (float)(int32_t)(philox(o->seed, position) >> 8) *
                  su_f32_from_bits(0x33800000u); /* 2^-24 */
        float at = u * kept;
        *token = c[k - 1].id;
        for (uint32_t i = 0; i < k; i++) {
            cumulative = cumulative + weight[i];
            if (su_num_key(cumulative) > su_num_key(at)) {
                *token = c[i].id;
                break;
            }
        }
    }
    free(x);
    free(weight);
    free(c);
    return SU_OK;
}
