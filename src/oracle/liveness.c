// SPDX-License-Identifier: MIT
#include "liveness.h"

#include <stdlib.h>
#include <string.h>

enum su_code liveness_init(struct liveness *l, int64_t interval_ms, int64_t now_ms,
                           struct su_err *e)
{
    memset(l, 0, sizeof *l);
    l->interval_ms = interval_ms;
    l->window = now_ms / interval_ms;
    return su_wire_guard_new(LIVENESS_NODES_MAX, &l->guard, e);
}

void liveness_fini(struct liveness *l)
{
    su_wire_guard_free(l->guard);
    free(l->node);
    memset(l, 0, sizeof *l);
}

/* Place of the first one that is not below. */
static size_t place(const struct liveness *l, const uint8_t identity[32])
{
    size_t low = 0, high = l->n;

    while (low < high) {
        size_t middle = (low + high) / 2;
        if (memcmp(l->node[middle].identity, identity, 32) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct liveness_node *liveness_find(const struct liveness *l, const uint8_t identity[32])
{
    size_t at = place(l, identity);

    if (at == l->n || memcmp(l->node[at].identity, identity, 32) != 0)
        return NULL;
    return &l->node[at];
}

static enum su_code make_room(struct liveness *l, struct su_err *e)
{
    if (l->n >= LIVENESS_NODES_MAX)
        return su_fail(e, SU_ELIMIT, "nodes", "more than %u", LIVENESS_NODES_MAX);
    if (l->n < l->cap)
        return SU_OK;
    size_t cap = l->cap ? 2 * l->cap : 16;
    struct liveness_node *more = su_try_alloc(cap, sizeof *more);
    if (!more)
        return su_fail(e, SU_ENOMEM, "nodes", "not enough memory for %zu", cap);
    if (l->n > 0)
        memcpy(more, l->node, l->n * sizeof *more);
    free(l->node);
    l->node = more;
    l->cap = cap;
    return SU_OK;
}

enum su_code liveness_know(struct liveness *l, const struct su_acc_node *n, struct su_err *e)
{
    struct liveness_node *known = liveness_find(l, n->identity);

    if (!known) {
        enum su_code rc = make_room(l, e);
        if (rc)
            return rc;
        size_t at = place(l, n->identity);
        memmove(&l->node[at + 1], &l->node[at], (l->n - at) * sizeof *l->node);
        l->n++;
        known = &l->node[at];
        memset(known, 0, sizeof *known);
        memcpy(known->identity, n->identity, 32);
    }
    memcpy(known->owner, n->owner, 32);
    memcpy(known->root, n->conformance_root, 32);
    return SU_OK;
}

void liveness_forget(struct liveness *l, const uint8_t identity[32])
{
    const struct liveness_node *n = liveness_find(l, identity);

    if (!n)
        return;
    size_t at = (size_t)(n - l->node);
    memmove(&l->node[at], &l->node[at + 1], (l->n - at - 1) * sizeof *l->node);
    l->n--;
}

/* ---- beats ---------------------------------------------------------------------------------------- */

/* Takes over what it says; true when that differs from what it said before. */
static bool take(struct liveness_node *n, const struct su_wire_heartbeat *h)
{
    uint8_t status = h->status;
    size_t bytes = (size_t)h->task_count * 32;

    if (memcmp(h->conformance_root, n->root, 32) != 0)
        status = SU_WIRE_UNFIT;
    bool other = status != n->status || (h->has_capacity != 0) != n->has_capacity ||
                 h->task_count != n->task_count || memcmp(n->tasks, h->tasks, bytes) != 0;
    n->status = status;
    n->has_capacity = h->has_capacity != 0;
    n->free_vram_bytes = h->free_vram_bytes;
    n->task_count = h->task_count;
    if (bytes > 0)
        memcpy(n->tasks, h->tasks, bytes);
    return other;
}

enum su_code liveness_hear(struct liveness *l, const struct su_wire_frame *f, int64_t now_ms,
                           struct su_err *e)
{
    struct liveness_node *n = liveness_find(l, f->sender);

    if (!n)
        return su_fail(e, SU_ENOENT, "sender", "no node of this identity is known");
    enum su_code rc = su_wire_guard_admit(l->guard, f->sender, f->stamp, now_ms, e);
    if (rc)
        return rc;
    if (n->seen && f->stamp.sequence < n->sequence)
        return SU_OK; /* overtaken by a newer one, which counts */
    bool other = take(n, &f->m.u.heartbeat);
    n->sequence = f->stamp.sequence;
    n->last_ms = n->sign_ms = now_ms;
    n->refused = n->silent = 0;
    n->beaten = true;
    if (!n->seen)
        n->online = true; /* nothing was missed yet */
    if (n->online && (other || n->steady_ms == 0))
        n->steady_ms = now_ms;
    n->seen = true;
    return SU_OK;
}

static void end_interval(struct liveness_node *n, int64_t now_ms)
{
    if (!n->seen)
        return;
    n->beats = n->beats << 1 | (n->beaten ? 1u : 0u);
    if (n->n_beats < LIVENESS_BEATS)
        n->n_beats++;
    n->missed = n->beaten ? 0 : n->missed + 1;
    n->streak = (uint8_t)(n->beaten ? SU_MIN(n->streak + 1u, 255u) : 0);
    n->beaten = false;
    if (n->online && n->missed >= LIVENESS_MISSED) {
        n->online = false;
        n->steady_ms = 0;
    } else if (!n->online && n->streak >= LIVENESS_BACK) {
        n->online = true;
        n->steady_ms = now_ms;
    }
}

void liveness_tick(struct liveness *l, int64_t now_ms)
{
    int64_t window = now_ms / l->interval_ms;

    /* A clock that was set back, or a machine that slept: nobody missed what nobody could hear. */
    if (window < l->window || window - l->window > 2)
        l->window = window - 1;
    for (; l->window < window; l->window++)
        for (size_t i = 0; i < l->n; i++)
            end_interval(&l->node[i], now_ms);
}

/* ---- losses --------------------------------------------------------------------------------------- */

/* Half an interval late; one that was never heard is late from the beginning on. */
static bool late(const struct liveness *l, const struct liveness_node *n, int64_t now_ms)
{
    return now_ms - n->last_ms > l->interval_ms + l->interval_ms / 2;
}

const char *liveness_lost(struct liveness *l, struct liveness_node *n, int64_t listened_ms,
                          int64_t now_ms)
{
    int64_t since_ms = SU_MAX(n->sign_ms, listened_ms);

    n->wanted_ms = now_ms;
    if (!late(l, n, now_ms))
        return NULL;
    if (n->refused >= LIVENESS_REFUSED)
        return "has ended: nobody listens at its endpoint";
    if (n->silent >= LIVENESS_SILENT &&
        now_ms - since_ms >= (int64_t)LIVENESS_GRACE * l->interval_ms)
        return "does not answer, and its grace is over";
    return NULL;
}

struct liveness_node *liveness_suspect(struct liveness *l, int64_t now_ms)
{
    for (size_t i = 0; i < l->n; i++) {
        struct liveness_node *n = &l->node[i];
        if (n->trying || !late(l, n, now_ms) ||
            now_ms - n->wanted_ms > (int64_t)LIVENESS_MISSED * l->interval_ms ||
            now_ms - n->tried_ms < l->interval_ms / 2)
            continue;
        n->trying = true;
        n->tried_ms = now_ms;
        return n;
    }
    return NULL;
}

void liveness_tried(struct liveness *l, const uint8_t identity[32], enum liveness_try what,
                    int64_t now_ms)
{
    struct liveness_node *n = liveness_find(l, identity);

    if (!n)
        return;
    n->trying = false;
    n->tried_ms = now_ms;
    n->refused = what == LIVENESS_REFUSES ? n->refused + 1 : 0;
    n->silent = what == LIVENESS_SAYS_NOTHING ? n->silent + 1 : 0;
    if (what == LIVENESS_ANSWERS)
        n->sign_ms = now_ms;
}

/* ---- views ---------------------------------------------------------------------------------------- */

bool liveness_ready(const struct liveness_node *n)
{
    return n->online && n->refused < LIVENESS_REFUSED && n->status == SU_WIRE_READY &&
           n->has_capacity;
}

bool liveness_steady(const struct liveness_node *n, int64_t now_ms, int64_t for_ms)
{
    return liveness_ready(n) && n->steady_ms != 0 && now_ms - n->steady_ms >= for_ms;
}

bool liveness_loaded(const struct liveness_node *n, const uint8_t task[32])
{
    for (size_t i = 0; i < n->task_count; i++)
        if (memcmp(n->tasks[i], task, 32) == 0)
            return true;
    return false;
}

const char *liveness_beats(const struct liveness_node *n, char out[LIVENESS_BEATS + 1])
{
    for (uint32_t i = 0; i < n->n_beats; i++)
        out[i] = (char)('0' + (n->beats >> (n->n_beats - 1 - i) & 1u));
    out[n->n_beats] = 0;
    return out;
}
