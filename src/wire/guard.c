// SPDX-License-Identifier: MIT
#include "wire_priv.h"

#include <stdlib.h>
#include <string.h>

#define SEEN_BITS 256u
#define NONE UINT32_MAX

struct heard {
    uint8_t sender[32];
    uint64_t highest, latest_ms; /* latest_ms: greatest time in any frame admitted */
    uint64_t seen[SEEN_BITS / 64]; /* bit i: highest - i was heard */
    uint32_t next; /* in its bucket */
};
struct su_wire_guard {
    uint32_t max, count, n_buckets; /* a power of two */
    uint64_t seed;
    int64_t swept_ms;
    uint32_t *buckets;
    struct heard *heard;
};

enum su_code su_wire_guard_new(uint32_t senders_max, struct su_wire_guard **out, struct su_err *e)
{
    struct su_wire_guard *g = NULL;

    *out = NULL;
    if (senders_max == 0 || senders_max > 1u << 24)
        return su_fail(e, SU_EINVAL, "guard", "1 to %u senders", 1u << 24);
    g = su_try_alloc(1, sizeof *g);
    if (g != NULL) {
        g->max = senders_max;
        g->n_buckets = 1;
        while (g->n_buckets < senders_max)
            g->n_buckets *= 2;
        g->swept_ms = INT64_MIN;
        g->buckets = su_try_alloc(g->n_buckets, sizeof *g->buckets);
        g->heard = su_try_alloc(senders_max, sizeof *g->heard);
        su_random(&g->seed, sizeof g->seed);
    }
    if (g == NULL || g->buckets == NULL || g->heard == NULL) {
        su_wire_guard_free(g);
        return su_fail(e, SU_ENOMEM, "guard", "not enough memory for %u senders", senders_max);
    }
    memset(g->buckets, 0xff, g->n_buckets * sizeof *g->buckets);
    *out = g;
    return SU_OK;
}

void su_wire_guard_free(struct su_wire_guard *g)
{
    if (g == NULL)
        return;
    free(g->buckets);
    free(g->heard);
    free(g);
}

/* A bucket that nobody can aim at: keys are ground easily, the seed is secret. */
static uint32_t *bucket_of(const struct su_wire_guard *g, const uint8_t sender[32])
{
    uint64_t h = g->seed;

    for (unsigned i = 0; i < 32; i += 8) {
        h = (h ^ su_le64(sender + i)) * 0x9e3779b97f4a7c15u;
        h ^= h >> 29;
    }
    return &g->buckets[h & (g->n_buckets - 1)];
}

/* Forgets senders all of whose frames are too old to be admitted again. */
static void sweep(struct su_wire_guard *g, int64_t now_ms)
{
    uint32_t kept = 0;

    memset(g->buckets, 0xff, g->n_buckets * sizeof *g->buckets);
    for (uint32_t i = 0; i < g->count; i++) {
        if ((int64_t)g->heard[i].latest_ms < now_ms - SU_WIRE_SKEW_MS)
            continue;
        g->heard[kept] = g->heard[i];
        uint32_t *b = bucket_of(g, g->heard[kept].sender);
        g->heard[kept].next = *b;
        *b = kept++;
    }
    g->count = kept;
    g->swept_ms = now_ms;
}

/* The sender's record, new if it must be; NULL when there is no room. */
static struct heard *record_of(struct su_wire_guard *g, const uint8_t sender[32], int64_t now_ms)
{
    uint32_t *b = bucket_of(g, sender);

    for (uint32_t i = *b; i != NONE; i = g->heard[i].next)
        if (memcmp(g->heard[i].sender, sender, 32) == 0)
            return &g->heard[i];
    /* At most once a second: a crowd of active senders must not make each refusal a sweep. */
    if (g->count == g->max && (g->swept_ms > now_ms || now_ms - 1000 >= g->swept_ms))
        sweep(g, now_ms);
    if (g->count == g->max)
        return NULL;
    struct heard *h = &g->heard[g->count];
    memset(h, 0, sizeof *h);
    memcpy(h->sender, sender, 32);
    h->next = *b;
    *b = g->count++;
    return h;
}

/* Moves the window up so that it ends at `sequence`. */
static void window_raise(struct heard *h, uint64_t sequence)
{
    uint64_t by = sequence - h->highest;

    for (; by > 0 && by < SEEN_BITS; by--) {
        for (unsigned i = SEEN_BITS / 64 - 1; i > 0; i--)
            h->seen[i] = h->seen[i] << 1 | h->seen[i - 1] >> 63;
        h->seen[0] <<= 1;
    }
    if (by != 0)
        memset(h->seen, 0, sizeof h->seen);
    h->highest = sequence;
}

enum su_code su_wire_guard_admit(struct su_wire_guard *g, const uint8_t sender[32],
                                 struct su_wire_stamp stamp, int64_t now_ms, struct su_err *e)
{
    if (!(stamp.time_ms < 1ull << 53) || (int64_t)stamp.time_ms < now_ms - SU_WIRE_SKEW_MS ||
        (int64_t)stamp.time_ms > now_ms + SU_WIRE_SKEW_MS)
        return su_fail(e, SU_ETIMEOUT, "frame",
                       "its time is more than %d s from this clock: set the clocks",
                       SU_WIRE_SKEW_MS / 1000);
    struct heard *h = record_of(g, sender, now_ms);
    if (h == NULL)
        return su_fail(e, SU_EBUSY, "frame", "%u senders are active, no room for one more", g->max);
    bool first = h->latest_ms == 0 && h->highest == 0 && h->seen[0] == 0;
    if (first || stamp.sequence > h->highest)
        window_raise(h, stamp.sequence);
    uint64_t behind = h->highest - stamp.sequence;
    if (behind >= SEEN_BITS || (h->seen[behind / 64] >> behind % 64 & 1) != 0)
        return su_fail(e, SU_EEXIST, "frame", "sequence number %llu was used or is too old",
                       (unsigned long long)stamp.sequence);
    h->seen[behind / 64] |= 1ull << behind % 64;
    h->latest_ms = SU_MAX(h->latest_ms, stamp.time_ms);
    return SU_OK;
}
