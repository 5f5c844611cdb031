// SPDX-License-Identifier: MIT
/* What outlasts the accounts and this process, through the cache. */
#include "feed_priv.h"

#include <stdlib.h>
#include <string.h>

/* A record is an execution's rows as they lie in memory: the cache never leaves its machine. A
   change of their size is another version and is not read. */
#define VERSION                                                                                    \
    ((uint32_t)(sizeof(struct su_feed_execution) * 31 + sizeof(struct su_feed_part) * 7 +          \
                sizeof(struct su_feed_sample)))
#define KEEP_CLOSED 20000u
#define POINT_MS 1000 /* between two points of a history, at least */

static bool load_closed(void *ctx, const struct su_cache_record *r)
{
    struct su_feed *f = ctx;
    struct feed_world *w = &f->w;
    struct feed_rows rows = {0};
    const uint8_t *p = r->data;

    if (r->data_bytes < sizeof rows.execution || w->n_closed == FEED_CLOSED_MAX)
        return w->n_closed < FEED_CLOSED_MAX;
    memcpy(&rows.execution, p, sizeof rows.execution);
    size_t parts = rows.execution.task_count, left = r->data_bytes - sizeof rows.execution;
    if (parts > SU_TASKS_MAX || left < parts * sizeof *rows.part ||
        (left - parts * sizeof *rows.part) % sizeof *rows.sample)
        return true;
    p += sizeof rows.execution;
    size_t samples = (left - parts * sizeof *rows.part) / sizeof *rows.sample;
    rows.part = su_try_alloc(parts, sizeof *rows.part);
    rows.sample = su_try_alloc(samples, sizeof *rows.sample);
    if (!rows.part || !rows.sample || w->n_closed == w->cap_closed) {
        feed_rows_fini(&rows);
        return false;
    }
    memcpy(rows.part, p, parts * sizeof *rows.part);
    memcpy(rows.sample, p + parts * sizeof *rows.part, samples * sizeof *rows.sample);
    rows.n_part = (uint32_t)parts;
    rows.n_sample = (uint32_t)samples;
    w->closed[w->n_closed++] = rows;
    return true;
}

static bool load_point(void *ctx, const struct su_cache_record *r)
{
    struct su_feed *f = ctx;
    struct feed_world *w = &f->w;

    if (r->data_bytes != 8 || r->key_bytes != 40 || memcmp(r->key, f->wallet, 32) != 0)
        return true;
    if (w->n_earned == SU_FEED_HISTORY)
        return false;
    w->earned[w->n_earned++] = (struct su_feed_point){r->at_ms, su_le64(r->data)};
    return true;
}

void feed_history_load(struct su_feed *f)
{
    struct feed_world *w = &f->w;
    struct su_err err;

    pthread_mutex_lock(&f->lock);
    struct feed_rows *closed = w->closed ? NULL : su_try_alloc(FEED_CLOSED_MAX, sizeof *w->closed);
    if (closed) {
        w->closed = closed;
        w->cap_closed = FEED_CLOSED_MAX;
    }
    enum su_code rc = closed ? su_cache_each(f->cache, w->genesis, SU_CACHE_EXECUTION, VERSION,
                                             FEED_CLOSED_MAX, load_closed, f, &err)
                             : SU_OK;
    for (size_t i = 0; i < w->n_closed / 2; i++) { /* oldest first */
        struct feed_rows swap = w->closed[i];
        w->closed[i] = w->closed[w->n_closed - 1 - i];
        w->closed[w->n_closed - 1 - i] = swap;
    }
    if (rc == SU_OK && f->o.wallet)
        rc = su_cache_each(f->cache, w->genesis, SU_CACHE_EARNED, 1, 10 * SU_FEED_HISTORY,
                           load_point, f, &err);
    for (size_t i = 0; i < w->n_earned / 2; i++) {
        struct su_feed_point swap = w->earned[i];
        w->earned[i] = w->earned[w->n_earned - 1 - i];
        w->earned[w->n_earned - 1 - i] = swap;
    }
    pthread_mutex_unlock(&f->lock);
    if (rc)
        su_feed_note(f, SU_FEED_WARN, "cache", "%s", err.msg);
}

void feed_history_keep(struct su_feed *f, const struct feed_rows *r)
{
    struct su_err err;
    struct su_buf b;

    su_buf_init(&b, 0);
    su_buf_put(&b, &r->execution, sizeof r->execution);
    su_buf_put(&b, r->part, r->n_part * sizeof *r->part);
    su_buf_put(&b, r->sample, r->n_sample * sizeof *r->sample);
    const struct su_cache_record record = {.key = r->execution.key,
                                           .key_bytes = 32,
                                           .data = b.data,
                                           .data_bytes = b.len,
                                           .at_ms = r->execution.seen_ms,
                                           .version = VERSION};
    enum su_code rc = su_buf_check(&b, "history", &err);
    if (rc == SU_OK)
        rc = su_cache_put(f->cache, f->w.genesis, SU_CACHE_EXECUTION, &record, 1, &err);
    if (rc == SU_OK && r->execution.nonce % 64 == 0)
        rc = su_cache_prune(f->cache, f->w.genesis, SU_CACHE_EXECUTION, KEEP_CLOSED, &err);
    if (rc)
        su_feed_note(f, SU_FEED_WARN, "cache", "%s", err.msg);
    su_buf_fini(&b);
}

void feed_history_earned(struct su_feed *f)
{
    struct feed_world *w = &f->w;
    int64_t now = su_clock_wall_ms();
    uint64_t sum = 0;
    uint8_t data[8], key[40];

    if (!f->o.wallet || !w->has_genesis)
        return;
    for (size_t i = 0; i < w->node.n; i++) {
        const struct su_acc_node *n = (const void *)w->node.items[i].data;
        if (memcmp(n->owner, f->wallet, 32) == 0)
            sum += SU_MIN(n->earned, SU_AMOUNT_MAX);
    }
    const struct su_feed_point *last = w->n_earned ? &w->earned[w->n_earned - 1] : NULL;
    if (w->earned_now == SU_FEED_UNKNOWN) /* the first look of this process */
        w->claimed = last && last->value > sum ? last->value - sum : 0;
    else if (sum < w->earned_now) /* claimed since */
        w->claimed += w->earned_now - sum;
    w->earned_now = sum;
    sum += w->claimed;
    if (last && (last->value == sum || now - last->at_ms < POINT_MS))
        return;
    if (w->n_earned == SU_FEED_HISTORY)
        memmove(w->earned, w->earned + 1, --w->n_earned * sizeof *w->earned);
    w->earned[w->n_earned++] = (struct su_feed_point){now, sum};
    su_put_le64(data, sum);
    memcpy(key, f->wallet, 32);
    su_put_le64(key + 32, (uint64_t)now);
    const struct su_cache_record r = {
        .key = key, .key_bytes = 40, .data = data, .data_bytes = 8, .at_ms = now, .version = 1};
    struct su_err err;
    if (su_cache_put(f->cache, w->genesis, SU_CACHE_EARNED, &r, 1, &err) != SU_OK)
        su_log(SU_LOG_WARN, "feed", "%s", err.msg);
}
