// SPDX-License-Identifier: MIT
/* From the accounts to the rows of a snapshot. */
#include "feed_priv.h"

#include <stdlib.h>
#include <string.h>

static int key_order(const void *a, const void *b)
{
    return memcmp(a, b, 32);
}

/* ---- nodes ------------------------------------------------------------------------------------ */

static const struct feed_beat *beat_of(const struct feed_world *w, const uint8_t identity[32])
{
    struct feed_beat key;

    memcpy(key.identity, identity, 32);
    return w->n_beat ? bsearch(&key, w->beat, w->n_beat, sizeof *w->beat, key_order) : NULL;
}

static enum su_feed_node_state node_state(const struct feed_beat *b)
{
    if (!b)
        return SU_FEED_NODE_UNKNOWN;
    if (!b->online)
        return SU_FEED_NODE_DOWN;
    if (b->missed != UINT32_MAX && b->missed > 0)
        return SU_FEED_NODE_LATE;
    if (strcmp(b->status, "loading") == 0)
        return SU_FEED_NODE_LOADING;
    if (strcmp(b->status, "draining") == 0)
        return SU_FEED_NODE_DRAINING;
    if (strcmp(b->status, "unfit") == 0)
        return SU_FEED_NODE_UNFIT;
    return SU_FEED_NODE_OK;
}

static void node_row(const struct su_feed *f, const struct su_acc_node *n, struct su_feed_node *r)
{
    const struct feed_beat *b = beat_of(&f->w, n->identity);

    *r = (struct su_feed_node){.stake_free = n->stake_free,
                               .stake_reserved = n->stake_reserved,
                               .earned = n->earned,
                               .vram_bytes = n->vram_bytes,
                               .declared = n->declared_count,
                               .completed = n->completed,
                               .verified = n->verified,
                               .failed = n->failed,
                               .slashed = n->slashed,
                               .checks = n->checks,
                               .last_beat_ms = FEED_NEVER,
                               .missed = UINT32_MAX,
                               .rtt_ms = UINT32_MAX};
    memcpy(r->identity, n->identity, 32);
    memcpy(r->owner, n->owner, 32);
    r->own_identity = f->o.identity && memcmp(n->identity, f->identity, 32) == 0;
    r->own_owner = f->o.wallet && memcmp(n->owner, f->wallet, 32) == 0;
    feed_text(r->endpoint, sizeof r->endpoint, n->endpoint, n->endpoint_len);
    for (unsigned i = 0; i < SU_TICKETS_MAX; i++)
        r->stake_unlocking += n->tickets[i].amount;
    r->state = node_state(b);
    memset(r->beats, 2, sizeof r->beats);
    if (b) {
        r->last_beat_ms = b->heard_ms;
        r->missed = b->missed;
        r->rtt_ms = b->rtt_ms;
        memcpy(r->beats, b->beats, sizeof r->beats);
    }
}

static bool put_nodes(const struct su_feed *f, struct su_arena *mem, struct su_feed_snapshot *s)
{
    const struct feed_accounts *a = &f->w.node;
    struct su_feed_node *rows = su_arena_alloc(mem, (a->n + 1) * sizeof *rows);
    struct su_feed_ticket *tickets =
        su_arena_alloc(mem, (a->n * SU_TICKETS_MAX + 1) * sizeof *tickets);

    if (!rows || !tickets)
        return false;
    for (size_t i = 0; i < a->n; i++) {
        const struct su_acc_node *n = (const void *)a->items[i].data;
        node_row(f, n, &rows[i]);
        for (uint8_t k = 0; k < SU_TICKETS_MAX; k++) {
            if (!n->tickets[k].amount || !(rows[i].own_owner || rows[i].own_identity))
                continue;
            struct su_feed_ticket *t = &tickets[s->n_ticket++];
            *t = (struct su_feed_ticket){.number = k,
                                         .amount = n->tickets[k].amount,
                                         .unlock_slot = n->tickets[k].unlock_slot};
            memcpy(t->node, n->identity, 32);
        }
    }
    qsort(rows, a->n, sizeof *rows, key_order);
    s->node = rows;
    s->n_node = a->n;
    s->ticket = tickets;
    return true;
}

/* ---- models ----------------------------------------------------------------------------------- */

/* Nodes that declare a task, and those of them that are online. */
struct declared {
    const uint8_t *task; /* key */
    uint32_t node; /* row of the snapshot */
};

static int by_task(const void *a, const void *b)
{
    return memcmp(((const struct declared *)a)->task, ((const struct declared *)b)->task, 32);
}

static struct declared *declarations(const struct su_feed *f, const struct su_feed_snapshot *s,
                                     size_t *n)
{
    const struct feed_accounts *a = &f->w.node;
    struct declared *d = su_try_alloc(a->n * SU_DECLARED_MAX + 1, sizeof *d);

    *n = 0;
    for (size_t i = 0; d && i < a->n; i++) {
        const struct su_acc_node *k = (const void *)a->items[i].data;
        const struct su_feed_node *row =
            bsearch(k->identity, s->node, s->n_node, sizeof *s->node, key_order);
        for (unsigned t = 0; row && t < k->declared_count; t++)
            d[(*n)++] = (struct declared){k->declared[t], (uint32_t)(row - s->node)};
    }
    if (d && *n)
        qsort(d, *n, sizeof *d, by_task);
    return d;
}

static bool online(const struct su_feed_node *n)
{
    return n->state == SU_FEED_NODE_OK || n->state == SU_FEED_NODE_LATE;
}

/* First declaration of a task. */
static size_t first_of(const struct declared *d, size_t n, const uint8_t task[32])
{
    size_t lo = 0, hi = n;

    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (memcmp(d[mid].task, task, 32) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static void task_row(const struct su_feed *f, const struct su_acc_task *a, const uint8_t key[32],
                     struct su_feed_task *r)
{
    *r = (struct su_feed_task){.index = a->index,
                               .owners = a->owners,
                               .vram_fixed_bytes = a->vram_fixed_bytes,
                               .vram_session_bytes = a->vram_session_bytes,
                               .weight_bytes = a->weight_bytes,
                               .macs_per_step = a->macs_per_step,
                               .fee = SU_FEED_UNKNOWN,
                               .sampling_ppm = a->sampling_ppm};
    memcpy(r->key, key, 32);
    memcpy(r->consumers, a->consumers, sizeof r->consumers);
    for (unsigned i = 0; i < a->output_count; i++) {
        uint64_t bytes = 4;
        for (unsigned k = 0; k < a->outputs[i].rank; k++)
            bytes *= a->outputs[i].dims[k];
        r->bytes_out += bytes;
    }
    if (f->w.has_params && !su_econ_fee(&f->w.params, a->fee_unit, a->macs_per_step, 1, &r->fee))
        r->fee = SU_FEED_UNKNOWN;
}

static void count_nodes(const struct declared *d, size_t n, const struct su_feed_snapshot *s,
                        struct su_feed_task *t, uint32_t *seen, uint32_t stamp,
                        struct su_feed_model *m)
{
    for (size_t i = first_of(d, n, t->key); i < n && memcmp(d[i].task, t->key, 32) == 0; i++) {
        t->nodes += online(&s->node[d[i].node]);
        if (seen[d[i].node] != stamp) {
            seen[d[i].node] = stamp;
            m->nodes++;
        }
    }
}

static void times_of(const struct su_feed *f, struct su_feed_model *m)
{
    uint32_t ms[FEED_CLOSED_MAX];
    size_t n = 0;

    for (size_t i = 0; i < f->w.n_closed; i++) {
        const struct su_feed_execution *x = &f->w.closed[i].execution;
        if (memcmp(x->model, m->key, 32) != 0)
            continue;
        m->executions++;
        if (x->state != SU_EXEC_SETTLED)
            continue;
        m->settled++;
        int64_t took = x->final_ms - x->seen_ms;
        if (x->final_ms == FEED_NEVER || took < 0)
            continue;
        uint32_t v = (uint32_t)SU_MIN(took, (int64_t)UINT32_MAX - 1);
        size_t k = n++;
        for (; k > 0 && ms[k - 1] > v; k--)
            ms[k] = ms[k - 1];
        ms[k] = v;
    }
    m->p50_ms = n ? ms[n / 2] : UINT32_MAX;
    m->p95_ms = n ? ms[n * 95 / 100] : UINT32_MAX;
}

static void model_row(const struct su_feed *f, const struct su_acc_model *a, const uint8_t key[32],
                      struct su_feed_model *r)
{
    *r = (struct su_feed_model){.n_task = a->tasks_added,
                                .generates = a->sample_task != SU_NO_TASK,
                                .weight_bytes = a->weight_bytes,
                                .macs_per_step = a->macs_per_step};
    memcpy(r->key, key, 32);
    memcpy(r->creator, a->creator, 32);
    memcpy(r->digest, a->digest, 32);
    feed_text(r->name, sizeof r->name, a->name, a->name_len);
    feed_text(r->uri, sizeof r->uri, a->uri, a->uri_len);
    for (size_t i = 0; i < f->w.n_live; i++)
        r->executions += memcmp(f->w.live[i].execution.model, key, 32) == 0;
    times_of(f, r);
}

static enum su_feed_model_state model_state(const struct su_feed *f, const struct su_acc_model *a,
                                            const struct su_feed_model *m,
                                            const struct su_feed_task *task)
{
    enum su_feed_model_state state = SU_FEED_MODEL_LIVE;
    uint32_t need = f->w.has_params ? f->w.params.min_owners : 3;

    if (a->state != SU_MODEL_FINAL)
        return SU_FEED_MODEL_DRAFT;
    for (uint32_t i = 0; i < m->n_task; i++) {
        if (task[i].owners < need)
            return SU_FEED_MODEL_WAITING;
        if (task[i].nodes <= need)
            state = SU_FEED_MODEL_THIN;
    }
    return state;
}

/* Tasks of all models, those of one together: the table is by key, so sorted anew. */
struct owned {
    const uint8_t *model;
    uint16_t index;
    const struct feed_account *account;
};

static int by_owner(const void *x, const void *y)
{
    const struct owned *a = x, *b = y;
    int order = memcmp(a->model, b->model, 32);

    return order ? order : (int)a->index - (int)b->index;
}

static bool put_models(const struct su_feed *f, struct su_arena *mem, struct su_feed_snapshot *s)
{
    const struct feed_accounts *a = &f->w.model, *ta = &f->w.task;
    struct su_feed_model *rows = su_arena_alloc(mem, (a->n + 1) * sizeof *rows);
    struct su_feed_task *tasks = su_arena_alloc(mem, (ta->n + 1) * sizeof *tasks);
    struct owned *all = su_try_alloc(ta->n + 1, sizeof *all);
    uint32_t *seen = su_try_alloc(s->n_node + 1, sizeof *seen);
    size_t n_declared = 0, at = 0;
    struct declared *d = declarations(f, s, &n_declared);
    bool ok = rows && tasks && all && seen && d;

    for (size_t i = 0; ok && i < ta->n; i++) {
        const struct su_acc_task *t = (const void *)ta->items[i].data;
        all[i] = (struct owned){t->model, t->index, &ta->items[i]};
    }
    if (ok && ta->n)
        qsort(all, ta->n, sizeof *all, by_owner);
    for (size_t i = 0; ok && i < a->n; i++) {
        const struct su_acc_model *m = (const void *)a->items[i].data;
        model_row(f, m, a->items[i].key, &rows[i]);
        while (at < ta->n && memcmp(all[at].model, rows[i].key, 32) < 0)
            at++;
        rows[i].first_task = (uint32_t)s->n_task;
        rows[i].n_task = 0;
        rows[i].min_owners = UINT32_MAX;
        for (; at < ta->n && memcmp(all[at].model, rows[i].key, 32) == 0; at++) {
            struct su_feed_task *t = &tasks[s->n_task++];
            task_row(f, (const void *)all[at].account->data, all[at].account->key, t);
            count_nodes(d, n_declared, s, t, seen, (uint32_t)i + 1, &rows[i]);
            rows[i].min_owners = SU_MIN(rows[i].min_owners, t->owners);
            rows[i].fee_per_step += t->fee == SU_FEED_UNKNOWN ? 0 : t->fee;
            rows[i].n_task++;
        }
        if (!rows[i].n_task)
            rows[i].min_owners = 0;
        rows[i].state = model_state(f, m, &rows[i], tasks + rows[i].first_task);
    }
    free(all);
    free(seen);
    free(d);
    s->model = rows;
    s->n_model = ok ? a->n : 0;
    s->task = tasks;
    return ok;
}

/* ---- oracles ---------------------------------------------------------------------------------- */

static int config_place(const struct feed_world *w, const uint8_t key[32])
{
    for (unsigned i = 0; w->config.head.tag && i < w->config.oracle_count; i++)
        if (memcmp(w->config.oracles[i].key, key, 32) == 0)
            return (int)i;
    return -1;
}

static bool put_oracles(const struct su_feed *f, struct su_arena *mem, struct su_feed_snapshot *s)
{
    const struct feed_world *w = &f->w;
    struct su_feed_oracle *rows = su_arena_alloc(mem, (w->oracle.n + 1) * sizeof *rows);
    size_t last = w->oracle.n;

    if (!rows)
        return false;
    size_t members = 0, next = 0;
    for (size_t i = 0; i < last; i++) {
        const struct su_acc_oracle *o = (const void *)w->oracle.items[i].data;
        members += config_place(w, o->key) >= 0;
    }
    next = members;
    for (size_t i = 0; i < last; i++) {
        const struct su_acc_oracle *o = (const void *)w->oracle.items[i].data;
        int place = config_place(w, o->key);
        size_t at = next;
        if (place >= 0) { /* among the members, in the epoch's order */
            at = 0;
            for (size_t k = 0; k < last; k++) {
                const struct su_acc_oracle *x = (const void *)w->oracle.items[k].data;
                int other = config_place(w, x->key);
                at += other >= 0 && other < place;
            }
        } else {
            next++;
        }
        struct su_feed_oracle *r = &rows[at];
        *r = (struct su_feed_oracle){.in_epoch = place >= 0,
                                     .bond = o->bond,
                                     .earned = o->earned,
                                     .votes = o->votes,
                                     .silent = o->silent,
                                     .age_ms = FEED_NEVER,
                                     .round = UINT32_MAX};
        memcpy(r->key, o->key, 32);
        memcpy(r->owner, o->owner, 32);
        feed_text(r->endpoint, sizeof r->endpoint, o->endpoint, o->endpoint_len);
        for (size_t k = 0; k < w->n_member; k++) {
            const struct feed_member *m = &w->member[k];
            if (memcmp(m->key, o->key, 32) != 0)
                continue;
            r->answers = m->answers;
            r->round = m->round;
            if (m->heard_ms != FEED_NEVER)
                r->age_ms = SU_MAX(su_clock_wall_ms() - m->heard_ms, 0);
        }
    }
    s->oracle = rows;
    s->n_oracle = last;
    return true;
}

/* ---- executions ------------------------------------------------------------------------------- */

static int newest_first(const void *x, const void *y)
{
    const struct feed_rows *const *a = x, *const *b = y;
    const struct su_feed_execution *p = &(*a)->execution, *q = &(*b)->execution;

    if (p->submit_slot != q->submit_slot)
        return p->submit_slot > q->submit_slot ? -1 : 1;
    return memcmp(p->key, q->key, 32);
}

static int samples_newest_first(const void *x, const void *y)
{
    const struct su_feed_sample *a = x, *b = y;

    if (a->seen_ms != b->seen_ms)
        return a->seen_ms > b->seen_ms ? -1 : 1;
    if (a->slot != b->slot)
        return a->slot > b->slot ? -1 : 1;
    int order = memcmp(a->execution, b->execution, 32);
    if (!order)
        order = (int)a->task - (int)b->task;
    return order ? order : (int)a->number - (int)b->number;
}

static void count(struct su_feed_snapshot *s, const struct su_feed_execution *x)
{
    const struct su_feed_model *m = bsearch(x->model, s->model, s->n_model, sizeof *m, key_order);
    uint64_t macs = m ? m->macs_per_step : 0;

    if (x->state < SU_EXEC_CHECKING)
        return;
    s->checked_tasks += x->task_count;
    s->sampled_tasks += x->sampled;
    s->compute_macs += macs * x->steps;
}

static void count_sample(struct su_feed_snapshot *s, const struct su_feed_sample *k,
                         const struct su_feed_execution *x)
{
    const struct su_feed_model *m = bsearch(x->model, s->model, s->n_model, sizeof *m, key_order);

    s->matches += k->verdict == SU_FEED_MATCH;
    s->mismatches += k->verdict == SU_FEED_MISMATCH;
    if (k->number != 255 && k->verdict != SU_FEED_SILENT && m && k->task < m->n_task)
        s->check_macs += s->task[m->first_task + k->task].macs_per_step * x->steps;
}

/* Rows of live and closed executions into the snapshot; `all` in order. */
static bool copy_rows(struct su_arena *mem, struct su_feed_snapshot *s,
                      const struct feed_rows **all, size_t n)
{
    size_t parts = 0, samples = 0;

    for (size_t i = 0; i < n; i++) {
        parts += all[i]->n_part;
        samples += all[i]->n_sample;
    }
    struct su_feed_execution *x = su_arena_alloc(mem, (n + 1) * sizeof *x);
    struct su_feed_part *p = su_arena_alloc(mem, (parts + 1) * sizeof *p);
    struct su_feed_sample *k = su_arena_alloc(mem, (samples + 1) * sizeof *k);
    if (!x || !p || !k)
        return false;
    for (size_t i = 0; i < n; i++) {
        x[i] = all[i]->execution;
        x[i].first_part = (uint32_t)s->n_part;
        for (uint32_t j = 0; j < all[i]->n_part; j++) {
            p[s->n_part] = all[i]->part[j];
            p[s->n_part++].execution = (uint32_t)i;
        }
        count(s, &x[i]);
        for (uint32_t j = 0; j < all[i]->n_sample && s->n_sample < FEED_SAMPLES_MAX; j++) {
            k[s->n_sample++] = all[i]->sample[j];
            count_sample(s, &all[i]->sample[j], &x[i]);
        }
    }
    if (s->n_sample)
        qsort(k, s->n_sample, sizeof *k, samples_newest_first);
    s->execution = x;
    s->n_execution = n;
    s->part = p;
    s->sample = k;
    return true;
}

static bool put_executions(const struct su_feed *f, struct su_arena *mem,
                           struct su_feed_snapshot *s)
{
    const struct feed_world *w = &f->w;
    size_t n = 0, most = w->n_live + w->n_closed;
    struct feed_rows *fresh = su_try_alloc(w->n_live + 1, sizeof *fresh);
    const struct feed_rows **all = su_try_alloc(most + 1, sizeof *all);
    bool ok = fresh && all;

    for (size_t i = 0; ok && i < w->n_live; i++) {
        ok = feed_rows_make(f, &w->live[i], &fresh[i]);
        all[n++] = &fresh[i];
    }
    for (size_t i = 0; ok && i < w->n_closed; i++)
        all[n++] = &w->closed[i];
    if (ok && n)
        qsort(all, n, sizeof *all, newest_first);
    ok = ok && copy_rows(mem, s, all, n);
    for (size_t i = 0; fresh && i < w->n_live; i++)
        feed_rows_fini(&fresh[i]);
    free(fresh);
    free(all);
    return ok;
}

/* ---- the rest --------------------------------------------------------------------------------- */

static bool put_log(const struct su_feed *f, struct su_arena *mem, struct su_feed_snapshot *s)
{
    uint64_t n = SU_MIN(f->log_next - 1, (uint64_t)f->o.log_max);
    struct su_feed_log *rows = su_arena_alloc(mem, (n + 1) * sizeof *rows);

    if (!rows)
        return false;
    for (uint64_t i = 0; i < n; i++)
        rows[i] = f->log[(f->log_next - n + i) % f->o.log_max];
    s->log = rows;
    s->n_log = n;
    return true;
}

/* Settled executions in each of the last minutes. */
static bool put_histories(const struct su_feed *f, struct su_arena *mem, struct su_feed_snapshot *s)
{
    const struct feed_world *w = &f->w;
    struct su_feed_point *earned = su_arena_alloc(mem, (w->n_earned + 1) * sizeof *earned);
    struct su_feed_point *rate = su_arena_alloc(mem, 61 * sizeof *rate);
    int64_t minute = s->made_ms / 60000;

    if (!earned || !rate)
        return false;
    memcpy(earned, w->earned, w->n_earned * sizeof *earned);
    for (int i = 0; i < 60; i++)
        rate[i] = (struct su_feed_point){(minute - 59 + i) * 60000, 0};
    for (size_t i = 0; i < s->n_execution; i++) {
        const struct su_feed_execution *x = &s->execution[i];
        int64_t back = x->final_ms == FEED_NEVER ? -1 : minute - x->final_ms / 60000;
        if (back >= 0 && back < 60 && x->state == SU_EXEC_SETTLED)
            rate[59 - back].value++;
    }
    s->earned = earned;
    s->n_earned = w->n_earned;
    s->rate = rate;
    s->n_rate = 60;
    return true;
}

static void put_cluster(const struct su_feed *f, struct su_feed_snapshot *s)
{
    const struct feed_world *w = &f->w;
    const char *p = strstr(f->url, "://"), *name = p ? p + 3 : f->url;

    feed_text(s->cluster, sizeof s->cluster, name, strcspn(name, "/,"));
    s->slot = w->slot;
    s->epoch = w->has_env ? w->env.epoch : SU_FEED_UNKNOWN;
    s->set_up = w->has_params;
    s->params = w->params;
    s->ms_per_slot = w->has_params ? w->params.ms_per_slot : 0;
    s->pool_balance = w->pool.head.tag ? w->pool.balance : SU_FEED_UNKNOWN;
    s->pool_claims = w->pool.head.tag ? w->pool.claims_next - w->pool.claims_head : 0;
    s->has_wallet = f->o.wallet != NULL;
    memcpy(s->wallet, f->wallet, 32);
    s->wallet_lamports = w->wallet_lamports;
    s->wallet_usdc = w->wallet_usdc;
    s->refund = w->refund;
    s->has_identity = f->o.identity != NULL;
    memcpy(s->identity, f->identity, 32);
    s->own = w->own;
    memcpy(s->source, w->source, sizeof s->source);
}

struct su_feed_snapshot *feed_snapshot_make(struct su_feed *f)
{
    struct su_arena *mem;
    struct su_feed_snapshot *s = feed_snapshot_new(&mem);

    if (!s)
        return NULL;
    s->number = ++f->number;
    s->made_ms = su_clock_wall_ms();
    put_cluster(f, s);
    if (put_nodes(f, mem, s) && put_models(f, mem, s) && put_oracles(f, mem, s) &&
        put_executions(f, mem, s) && put_log(f, mem, s) && put_histories(f, mem, s))
        return s;
    su_feed_release(s);
    return NULL;
}
