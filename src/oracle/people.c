// SPDX-License-Identifier: MIT
/* What the chain says of nodes, and what an oracle sees of them. */
#include "oracle_priv.h"

#include <stdlib.h>
#include <string.h>

enum {
    REST_ROUNDS = 30, /* who was slashed gets no work so long, where others can do it */
    NOBODY_MS = 5000, /* a sender that was not on chain is not looked up again so soon */
};

void ora_people_fini(struct ora_people *p)
{
    free(p->person);
    memset(p, 0, sizeof *p);
}

static size_t place(const struct ora_people *p, const uint8_t identity[32])
{
    size_t low = 0, high = p->n;

    while (low < high) {
        size_t middle = (low + high) / 2;
        if (memcmp(p->person[middle].node.identity, identity, 32) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct ora_person *ora_person_of(struct su_oracle *o, const uint8_t identity[32])
{
    struct ora_people *p = &o->people;
    size_t at = place(p, identity);

    return at < p->n && memcmp(p->person[at].node.identity, identity, 32) == 0 ? &p->person[at]
                                                                               : NULL;
}

static enum su_code make_room(struct ora_people *p, struct su_err *e)
{
    if (p->n < p->cap)
        return SU_OK;
    size_t cap = p->cap ? 2 * p->cap : 16;
    struct ora_person *more = su_try_alloc(cap, sizeof *more);
    if (!more)
        return su_fail(e, SU_ENOMEM, "nodes", "not enough memory for %zu", cap);
    if (p->n > 0)
        memcpy(more, p->person, p->n * sizeof *more);
    free(p->person);
    p->person = more;
    p->cap = cap;
    return SU_OK;
}

/* Under the lock. */
static enum su_code know(struct su_oracle *o, const struct su_acc_node *n, struct su_err *e)
{
    struct ora_people *p = &o->people;
    struct ora_person *known = ora_person_of(o, n->identity);
    enum su_code rc = liveness_know(&o->live, n, e);

    if (!rc && !known)
        rc = make_room(p, e);
    if (rc)
        return rc;
    if (!known) {
        size_t at = place(p, n->identity);
        memmove(&p->person[at + 1], &p->person[at], (p->n - at) * sizeof *p->person);
        p->n++;
        known = &p->person[at];
        memset(known, 0, sizeof *known);
    } else if (known->node.stake_free != n->stake_free) {
        known->past[known->n_past % ORA_PAST].stake = known->node.stake_free;
        known->past[known->n_past++ % ORA_PAST].until_ms = su_clock_wall_ms();
    }
    if (n->slashed > known->node.slashed && known->node.head.tag != 0)
        known->rests_ms = su_clock_wall_ms() + (int64_t)REST_ROUNDS * o->round_ms;
    known->node = *n;
    return SU_OK;
}

static void forget(struct su_oracle *o, const uint8_t identity[32])
{
    struct ora_people *p = &o->people;
    const struct ora_person *known = ora_person_of(o, identity);

    liveness_forget(&o->live, identity);
    if (!known)
        return;
    size_t at = (size_t)(known - p->person);
    memmove(&p->person[at], &p->person[at + 1], (p->n - at - 1) * sizeof *p->person);
    p->n--;
}

enum su_code ora_people_list(struct su_oracle *o, struct su_err *e)
{
    struct su_chain_accounts list;
    const struct su_acc_node *n;
    enum su_code rc = su_chain_list(o->chain, SU_TAG_NODE, NULL, &list, e);

    (void)pthread_mutex_lock(&o->lock);
    for (size_t i = 0; i < list.n && !rc; i++)
        if (su_chain_as_node(&list.items[i], o->env.program, &n, NULL) == SU_OK)
            rc = know(o, n, e);
    o->people.read_ms = su_clock_wall_ms();
    (void)pthread_mutex_unlock(&o->lock);
    su_chain_accounts_fini(&list);
    return rc;
}

/* Reads the entries of these identities; those that are gone are forgotten. */
static enum su_code read_entries(struct su_oracle *o, uint8_t (*identity)[32], size_t n,
                                 struct su_err *e)
{
    uint8_t(*address)[32] = su_try_alloc(n, 32);
    struct su_chain_accounts list = {0};
    const struct su_acc_node *node;

    if (!address)
        return su_fail(e, SU_ENOMEM, "nodes", "not enough memory for %zu addresses", n);
    for (size_t i = 0; i < n; i++)
        su_chain_addr_node(&o->env, identity[i], address[i]);
    enum su_code rc = su_chain_accounts_get(o->chain, (const uint8_t(*)[32])address, n, &list, e);
    (void)pthread_mutex_lock(&o->lock);
    for (size_t i = 0; i < list.n && !rc; i++) {
        if (su_chain_as_node(&list.items[i], o->env.program, &node, NULL) == SU_OK) {
            rc = know(o, node, e);
            continue;
        }
        forget(o, identity[i]);
        size_t at = o->people.next_nobody++ % ORA_LOOKUPS_MAX;
        memcpy(o->people.nobody[at].identity, identity[i], 32);
        o->people.nobody[at].ms = su_clock_wall_ms();
    }
    (void)pthread_mutex_unlock(&o->lock);
    su_chain_accounts_fini(&list);
    free(address);
    return rc;
}

enum su_code ora_people_refresh(struct su_oracle *o, int64_t older_ms, struct su_err *e)
{
    int64_t now = su_clock_wall_ms();

    (void)pthread_mutex_lock(&o->lock);
    int64_t age = now - o->people.read_ms;
    size_t n = age >= 0 && age < older_ms ? 0 : o->people.n;
    uint8_t(*identity)[32] = n > 0 ? su_try_alloc(n, 32) : NULL;
    for (size_t i = 0; i < n && identity; i++)
        memcpy(identity[i], o->people.person[i].node.identity, 32);
    (void)pthread_mutex_unlock(&o->lock);
    if (n == 0)
        return SU_OK;
    enum su_code rc = identity ? read_entries(o, identity, n, e)
                               : su_fail(e, SU_ENOMEM, "nodes", "not enough memory for %zu", n);
    free(identity);
    (void)pthread_mutex_lock(&o->lock);
    if (!rc)
        o->people.read_ms = now;
    (void)pthread_mutex_unlock(&o->lock);
    return rc;
}

/* ---- strangers ------------------------------------------------------------------------------------- */

bool ora_people_nobody(struct su_oracle *o, const uint8_t identity[32])
{
    struct ora_people *p = &o->people;
    int64_t now = su_clock_wall_ms();

    for (size_t i = 0; i < ORA_LOOKUPS_MAX; i++)
        if (p->nobody[i].ms + NOBODY_MS > now && memcmp(p->nobody[i].identity, identity, 32) == 0)
            return true;
    for (size_t i = 0; i < p->n_lookup; i++)
        if (memcmp(p->lookup[i], identity, 32) == 0)
            return false;
    if (p->n_lookup < ORA_LOOKUPS_MAX)
        memcpy(p->lookup[p->n_lookup++], identity, 32);
    return false;
}

void ora_people_lookup(struct su_oracle *o)
{
    uint8_t identity[ORA_LOOKUPS_MAX][32];
    struct su_err e = {0};

    (void)pthread_mutex_lock(&o->lock);
    size_t n = o->people.n_lookup;
    memcpy(identity, o->people.lookup, n * 32);
    o->people.n_lookup = 0;
    (void)pthread_mutex_unlock(&o->lock);
    if (n > 0 && read_entries(o, identity, n, &e) != SU_OK)
        su_log(SU_LOG_WARN, "oracle", "nodes cannot be looked up: %s", e.msg);
}

/* ---- views ----------------------------------------------------------------------------------------- */

static void stake_range(const struct ora_person *p, int64_t since_ms, struct table_view *v)
{
    v->stake_free = v->stake_low = v->stake_high = p->node.stake_free;
    for (unsigned i = 0; i < SU_MIN(p->n_past, (unsigned)ORA_PAST); i++) {
        if (p->past[i].until_ms < since_ms)
            continue;
        v->stake_low = SU_MIN(v->stake_low, p->past[i].stake);
        v->stake_high = SU_MAX(v->stake_high, p->past[i].stake);
    }
}

static void tasks_of(const struct su_acc_node *n, const struct liveness_node *l,
                     const struct su_chain_model *m, struct table_view *v)
{
    for (uint16_t t = 0; t < m->model->task_count; t++) {
        for (size_t i = 0; i < n->declared_count; i++)
            if (memcmp(n->declared[i], m->task_keys[t], 32) == 0)
                v->declared[t / 8] = (uint8_t)(v->declared[t / 8] | 1u << t % 8);
        if (l && (v->declared[t / 8] >> t % 8 & 1u) != 0 && liveness_loaded(l, m->task_keys[t]))
            v->loaded[t / 8] = (uint8_t)(v->loaded[t / 8] | 1u << t % 8);
    }
}

enum su_code ora_people_views(struct su_oracle *o, const struct su_chain_model *model,
                              const struct su_params *params, struct table_view **view, size_t *n,
                              struct su_err *e)
{
    int64_t now = su_clock_wall_ms();

    (void)pthread_mutex_lock(&o->lock);
    int64_t steady = (int64_t)ORA_STEADY_ROUNDS * o->round_ms;
    *n = o->people.n;
    struct table_view *out = su_try_alloc(*n + 1, sizeof *out);
    for (size_t i = 0; i < *n && out; i++) {
        const struct ora_person *p = &o->people.person[i];
        const struct liveness_node *l = liveness_find(&o->live, p->node.identity);
        struct table_view *v = &out[i];
        memcpy(v->identity, p->node.identity, 32);
        memcpy(v->owner, p->node.owner, 32);
        v->vram_bytes = p->node.vram_bytes;
        v->fit = p->node.numerics_version == params->numerics_version;
        v->online = l && l->online && l->refused < LIVENESS_REFUSED;
        v->ready = l && liveness_ready(l);
        v->steady = l && liveness_steady(l, now, steady);
        v->rests = now < p->rests_ms;
        stake_range(p, now - steady, v);
        tasks_of(&p->node, l, model, v);
    }
    (void)pthread_mutex_unlock(&o->lock);
    *view = out;
    return out ? SU_OK : su_fail(e, SU_ENOMEM, "nodes", "not enough memory for %zu", *n);
}

/* ---- models ---------------------------------------------------------------------------------------- */

static const struct su_chain_model *model_find(struct su_oracle *o, const uint8_t key[32])
{
    for (size_t i = 0; i < o->n_model; i++)
        if (memcmp(o->model[i].key, key, 32) == 0)
            return o->model[i].model;
    return NULL;
}

enum su_code ora_model_of(struct su_oracle *o, const uint8_t key[32],
                          const struct su_chain_model **out, struct su_err *e)
{
    (void)pthread_mutex_lock(&o->lock);
    *out = model_find(o, key);
    (void)pthread_mutex_unlock(&o->lock);
    if (*out)
        return SU_OK;
    struct su_chain_model *m = su_alloc(sizeof *m);
    enum su_code rc = su_chain_model_load(o->chain, &o->env, key, m, e);
    if (rc) {
        free(m);
        return rc;
    }
    (void)pthread_mutex_lock(&o->lock);
    *out = model_find(o, key);
    if (*out) { /* another worker was faster */
        su_chain_model_fini(m);
        free(m);
    } else {
        o->model = su_realloc(o->model, (o->n_model + 1) * sizeof *o->model);
        memcpy(o->model[o->n_model].key, key, 32);
        o->model[o->n_model++].model = m;
        *out = m;
    }
    (void)pthread_mutex_unlock(&o->lock);
    return SU_OK;
}
