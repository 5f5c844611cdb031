// SPDX-License-Identifier: MIT
/* Reads of the chain: everything once and every half minute, what changes in every round. */
#include "feed_priv.h"

#include <stdlib.h>
#include <string.h>

/* ---- tables of accounts ----------------------------------------------------------------------- */

static size_t place(const struct feed_accounts *a, const uint8_t key[32], bool *found)
{
    size_t lo = 0, hi = a->n;

    *found = false;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        int order = memcmp(a->items[mid].key, key, 32);
        if (order == 0) {
            *found = true;
            return mid;
        }
        if (order < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

bool feed_accounts_put(struct feed_accounts *a, uint8_t tag, const uint8_t key[32],
                       const uint8_t *data)
{
    size_t bytes = su_acc_bytes(tag);
    bool found;
    size_t at = place(a, key, &found);

    if (!found) {
        if (a->n == a->cap) {
            size_t cap = a->cap ? 2 * a->cap : 16;
            struct feed_account *items = realloc(a->items, cap * sizeof *items);
            if (!items)
                return false;
            a->items = items;
            a->cap = cap;
        }
        uint8_t *copy = su_try_alloc(1, bytes);
        if (!copy)
            return false;
        memmove(a->items + at + 1, a->items + at, (a->n - at) * sizeof *a->items);
        memcpy(a->items[at].key, key, 32);
        a->items[at].data = copy;
        a->n++;
    }
    memcpy((uint8_t *)(uintptr_t)a->items[at].data, data, bytes);
    return true;
}

const void *feed_accounts_find(const struct feed_accounts *a, const uint8_t key[32])
{
    bool found;
    size_t at = place(a, key, &found);

    return found ? a->items[at].data : NULL;
}

void feed_accounts_remove(struct feed_accounts *a, const uint8_t key[32])
{
    bool found;
    size_t at = place(a, key, &found);

    if (!found)
        return;
    free((void *)(uintptr_t)a->items[at].data);
    a->n--;
    memmove(a->items + at, a->items + at + 1, (a->n - at) * sizeof *a->items);
}

void feed_accounts_fini(struct feed_accounts *a)
{
    for (size_t i = 0; i < a->n; i++)
        free((void *)(uintptr_t)a->items[i].data);
    free(a->items);
    *a = (struct feed_accounts){0};
}

/* ---- listings --------------------------------------------------------------------------------- */

/* A list in place of a table, so that what is gone goes. Under lock. */
static bool table_set(struct feed_accounts *a, uint8_t tag, const struct su_chain_accounts *list)
{
    struct feed_accounts fresh = {0};

    for (size_t i = 0; i < list->n; i++)
        if (!feed_accounts_put(&fresh, tag, list->items[i].key, list->items[i].data)) {
            feed_accounts_fini(&fresh);
            return false;
        }
    feed_accounts_fini(a);
    *a = fresh;
    return true;
}

static enum su_code list_one(struct su_feed *f, uint8_t tag, struct feed_accounts *a,
                             struct su_err *e)
{
    struct su_chain_accounts list = {0};
    enum su_code rc = su_chain_list(f->chain, tag, NULL, &list, e);
    bool ok = true;

    if (rc)
        return rc;
    pthread_mutex_lock(&f->lock);
    if (a)
        ok = table_set(a, tag, &list);
    else /* executions */
        for (size_t i = 0; ok && i < list.n; i++)
            ok = feed_live_add(&f->w, list.items[i].key,
                               (const struct su_acc_execution *)(const void *)list.items[i].data,
                               su_clock_wall_ms());
    f->w.slot = list.slot;
    pthread_mutex_unlock(&f->lock);
    su_chain_accounts_fini(&list);
    return ok ? SU_OK : su_fail(e, SU_ENOMEM, "feed", "out of memory");
}

static enum su_code list_all(struct su_feed *f, struct su_err *e)
{
    struct feed_world *w = &f->w;
    enum su_code rc = list_one(f, SU_TAG_MODEL, &w->model, e);

    if (rc == SU_OK)
        rc = list_one(f, SU_TAG_TASK, &w->task, e);
    if (rc == SU_OK)
        rc = list_one(f, SU_TAG_NODE, &w->node, e);
    if (rc == SU_OK)
        rc = list_one(f, SU_TAG_ORACLE, &w->oracle, e);
    if (rc == SU_OK)
        rc = list_one(f, SU_TAG_EXECUTION, NULL, e);
    return rc;
}

/* ---- what changes ------------------------------------------------------------------------------ */

/* Keys asked for in one go, and what each is. */
struct asked {
    uint8_t (*key)[32];
    uint8_t *tag; /* 0: the wallet's token account, 255: the wallet */
    size_t n, cap;
    bool failed;
};
enum { TAG_USDC = 0, TAG_WALLET = 255 };

static void ask(struct asked *q, uint8_t tag, const uint8_t key[32])
{
    if (q->failed)
        return;
    if (q->n == q->cap) {
        size_t cap = q->cap ? 2 * q->cap : 64;
        uint8_t(*keys)[32] = realloc(q->key, cap * 32);
        if (keys)
            q->key = keys;
        uint8_t *tags = keys ? realloc(q->tag, cap) : NULL;
        if (tags)
            q->tag = tags;
        if (!tags) {
            q->failed = true;
            return;
        }
        q->cap = cap;
    }
    memcpy(q->key[q->n], key, 32);
    q->tag[q->n++] = tag;
}

static void ask_wallet(struct su_feed *f, struct asked *q)
{
    uint8_t key[32];

    if (!f->o.wallet)
        return;
    ask(q, TAG_WALLET, f->wallet);
    su_chain_ata(f->wallet, f->w.env.mint, key);
    ask(q, TAG_USDC, key);
    su_chain_addr_requestor(&f->w.env, f->wallet, key);
    ask(q, SU_TAG_REQUESTOR, key);
}

static void ask_nodes(struct su_feed *f, struct asked *q)
{
    const struct feed_world *w = &f->w;

    for (size_t i = 0; i < w->node.n; i++) {
        const struct su_acc_node *n = (const void *)w->node.items[i].data;
        bool own = (f->o.wallet && memcmp(n->owner, f->wallet, 32) == 0) ||
                   (f->o.identity && memcmp(n->identity, f->identity, 32) == 0);
        if (own || w->node.n <= FEED_WATCH_ALL)
            ask(q, SU_TAG_NODE, w->node.items[i].key);
    }
    if (f->o.identity) { /* it may have been registered since */
        uint8_t key[32];
        su_chain_addr_node(&w->env, f->identity, key);
        if (!feed_accounts_find(&w->node, key))
            ask(q, SU_TAG_NODE, key);
    }
}

static void take_wallet(struct feed_world *w, uint8_t tag, const struct su_chain_account *a)
{
    struct su_chain_token token;

    if (tag == TAG_WALLET)
        w->wallet_lamports = a->exists ? a->lamports : 0;
    else if (!a->exists)
        w->wallet_usdc = 0;
    else if (su_chain_as_token(a, &token, NULL) == SU_OK)
        w->wallet_usdc = token.amount;
}

static bool take_account(struct su_feed *f, uint8_t tag, const struct su_chain_account *a)
{
    struct feed_world *w = &f->w;
    bool valid = a->exists && memcmp(a->owner, w->env.program, 32) == 0 && tag != TAG_USDC &&
                 tag != TAG_WALLET && su_acc_valid(tag, a->data, a->data_bytes);

    switch (tag) {
    case TAG_WALLET:
    case TAG_USDC:
        take_wallet(w, tag, a);
        break;
    case SU_TAG_REQUESTOR:
        w->refund = valid ? ((const struct su_acc_requestor *)(const void *)a->data)->refund : 0;
        break;
    case SU_TAG_POOL:
        if (valid)
            memcpy(&w->pool, a->data, sizeof w->pool);
        break;
    case SU_TAG_CONFIG:
        if (valid)
            memcpy(&w->config, a->data, sizeof w->config);
        break;
    case SU_TAG_NODE:
        if (valid)
            return feed_accounts_put(&w->node, tag, a->key, a->data);
        feed_accounts_remove(&w->node, a->key);
        break;
    case SU_TAG_ORACLE:
        if (valid)
            return feed_accounts_put(&w->oracle, tag, a->key, a->data);
        feed_accounts_remove(&w->oracle, a->key);
        break;
    default:
        break;
    }
    return true;
}

static enum su_code read_changing(struct su_feed *f, struct su_err *e)
{
    struct feed_world *w = &f->w;
    struct su_chain_accounts got = {0};
    struct asked q = {0};
    bool ok = true;

    /* Only this thread writes the tables, so it may read them without the lock. */
    ask(&q, SU_TAG_POOL, w->env.pool);
    ask(&q, SU_TAG_CONFIG, w->env.config);
    ask_wallet(f, &q);
    ask_nodes(f, &q);
    for (size_t i = 0; i < w->oracle.n && i < FEED_WATCH_ALL; i++)
        ask(&q, SU_TAG_ORACLE, w->oracle.items[i].key);
    enum su_code rc =
        q.failed ? su_fail(e, SU_ENOMEM, "feed", "out of memory")
                 : su_chain_accounts_get(f->chain, (const uint8_t(*)[32])q.key, q.n, &got, e);
    if (rc == SU_OK) {
        pthread_mutex_lock(&f->lock);
        for (size_t i = 0; ok && i < got.n; i++)
            ok = take_account(f, q.tag[i], &got.items[i]);
        w->slot = got.slot;
        if (w->config.head.tag == SU_TAG_CONFIG) {
            w->params = w->config.params;
            w->has_params = true;
        }
        pthread_mutex_unlock(&f->lock);
        su_chain_accounts_fini(&got);
        if (!ok)
            rc = su_fail(e, SU_ENOMEM, "feed", "out of memory");
    }
    free(q.key);
    free(q.tag);
    return rc;
}

/* A cluster without the program: its slot is all there is to know. */
static enum su_code read_bare(struct su_feed *f, struct su_err *e)
{
    uint64_t slot, lamports = SU_FEED_UNKNOWN;
    enum su_code rc = su_chain_slot(f->chain, &slot, e);

    if (rc == SU_OK && f->o.wallet)
        rc = su_chain_balance(f->chain, f->wallet, &lamports, e);
    if (rc)
        return rc;
    pthread_mutex_lock(&f->lock);
    f->w.slot = slot;
    f->w.wallet_lamports = lamports;
    pthread_mutex_unlock(&f->lock);
    return SU_OK;
}

enum su_code feed_chain_round(struct su_feed *f, bool list, struct su_err *e)
{
    struct su_chain_env env;
    struct su_err why = {0};
    enum su_code rc = SU_OK;

    if (list || !f->w.has_env) {
        rc = su_chain_env_get(f->chain, &env, &why);
        if (rc == SU_ENOENT)
            return read_bare(f, e);
        if (rc) {
            if (e)
                *e = why;
            return rc;
        }
        bool other = f->w.has_genesis && memcmp(f->w.genesis, env.genesis, 32) != 0;
        pthread_mutex_lock(&f->lock);
        f->w.env = env;
        f->w.has_env = true;
        memcpy(f->w.genesis, env.genesis, 32);
        pthread_mutex_unlock(&f->lock);
        if (other)
            su_feed_note(f, SU_FEED_WARN, "chain", "is another cluster than before");
        if (!f->w.has_genesis)
            feed_history_load(f);
        f->w.has_genesis = true;
        list = true;
    }
    if (list)
        rc = list_all(f, e);
    return rc ? rc : read_changing(f, e);
}
