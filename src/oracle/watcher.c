// SPDX-License-Identifier: MIT
/* What an oracle looks at on chain beside its executions: the epoch and its committee, the pool's claims,
   and, at one glance for all executions that nothing is to be done about, whether they have changed. */
#include "oracle_priv.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    WATCH_MS = 100, /* between two looks of the watcher, at least */
    COMMITTEE_MS = 3000, /* age of what is known of the epoch and the pool */
    PEOPLE_MS = 10000, /* and of nodes that nobody asks for */
    CLAIMS_MS = 2000, /* between two payments of what the pool owes */
    CLAIMS_APART_MS = 8, /* times the key's first byte: oracles look one after the other */
    HEADS = 2, /* read with the committee's entries: state and pool */
};

void ora_nap(uint32_t ms)
{
    const struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};

    (void)nanosleep(&t, NULL);
}

/* ---- the committee ---------------------------------------------------------------------------------- */

/* Takes over the entries of the oracles in `key`, which the accounts from entry on are. Under the lock. */
static void know_peers(struct su_oracle *o, uint8_t (*key)[32], size_t n,
                       const struct su_chain_account *entry)
{
    const struct su_acc_oracle *a;

    for (size_t i = 0; i < n; i++) {
        char endpoint[SU_ENDPOINT_MAX + 1] = "";
        if (memcmp(key[i], o->key, 32) == 0)
            continue;
        if (su_chain_as_oracle(&entry[i], o->env.program, &a, NULL) == SU_OK)
            memcpy(endpoint, a->endpoint, a->endpoint_len);
        ora_peer_know(o, key[i], endpoint);
    }
}

/* Under the lock. */
static void know_config(struct su_oracle *o, const struct su_acc_config *c)
{
    uint64_t round_ms = c->params.round_slots * c->params.ms_per_slot;
    uint8_t number;

    o->params = c->params;
    o->epoch = c->epoch;
    o->in_epoch = ora_number(o, c, &number);
    o->round_ms = (uint32_t)SU_MIN(round_ms, 600000u);
    o->tick_ms = SU_MIN(SU_MAX(o->round_ms / 4, 100u), 2000u);
    o->n_committee = c->oracle_count;
    for (uint8_t i = 0; i < c->oracle_count; i++)
        memcpy(o->committee[i], c->oracles[i].key, 32);
}

enum su_code ora_committee_read(struct su_oracle *o, struct su_err *e)
{
    struct su_chain_env env;
    struct su_chain_accounts list = {0}, entries = {0};
    const struct su_acc_config *c;
    uint8_t address[SU_ORACLES_MAX][32];
    enum su_code rc = su_chain_env_get(o->chain, &env, e);

    if (!rc)
        rc = su_chain_config_now(o->chain, &env, &list, &c, e);
    if (!rc) {
        for (uint8_t i = 0; i < c->oracle_count; i++)
            su_chain_addr_oracle(&env, c->oracles[i].key, address[i]);
        rc = c->oracle_count == 0 ? SU_OK
                                  : su_chain_accounts_get(o->chain, (const uint8_t(*)[32])address,
                                                          c->oracle_count, &entries, e);
    }
    (void)pthread_mutex_lock(&o->lock);
    if (!rc) {
        know_config(o, c);
        know_peers(o, o->committee, entries.n, entries.items);
        o->slot = list.slot;
    }
    (void)pthread_mutex_unlock(&o->lock);
    su_chain_accounts_fini(&list);
    su_chain_accounts_fini(&entries);
    return rc;
}

/* The epoch that is in force by what `state` says. */
static uint64_t epoch_of(const struct su_acc_state *state, uint64_t slot)
{
    bool pending = slot < state->latest_start_slot && state->latest_epoch > 0;

    return state->latest_epoch - pending;
}

/* A config never changes: with one call it is known whether another is in force, where its oracles
   are, and whether the pool owes anything. */
static enum su_code refresh(struct su_oracle *o, bool *owes, struct su_err *e)
{
    uint8_t address[HEADS + SU_ORACLES_MAX][32], key[SU_ORACLES_MAX][32];
    struct su_chain_accounts list;
    const struct su_acc_state *state;
    const struct su_acc_pool *pool;

    (void)pthread_mutex_lock(&o->lock);
    size_t n = o->n_committee;
    uint64_t epoch = o->epoch;
    memcpy(key, o->committee, sizeof key);
    (void)pthread_mutex_unlock(&o->lock);
    memcpy(address[0], o->env.state, 32);
    memcpy(address[1], o->env.pool, 32);
    for (size_t i = 0; i < n; i++)
        su_chain_addr_oracle(&o->env, key[i], address[HEADS + i]);
    enum su_code rc =
        su_chain_accounts_get(o->chain, (const uint8_t(*)[32])address, HEADS + n, &list, e);
    if (rc)
        return rc;
    rc = su_chain_as_state(&list.items[0], o->env.program, &state, e);
    *owes = su_chain_as_pool(&list.items[1], o->env.program, &pool, NULL) == SU_OK &&
            pool->claims_head < pool->claims_next;
    bool same = !rc && epoch_of(state, list.slot) == epoch;
    (void)pthread_mutex_lock(&o->lock);
    if (same) {
        know_peers(o, key, n, list.items + HEADS);
        o->slot = list.slot;
    }
    (void)pthread_mutex_unlock(&o->lock);
    su_chain_accounts_fini(&list);
    return rc || same ? rc : ora_committee_read(o, e);
}

/* ---- glances ----------------------------------------------------------------------------------------- */

/* Copies of what is to be compared, as executions come and go meanwhile. */
static struct su_chain_glance **take_glances(struct su_oracle *o, size_t *n)
{
    (void)pthread_mutex_lock(&o->lock);
    struct su_chain_glance **g = su_try_alloc(o->n_exec + 1, sizeof *g);
    *n = 0;
    for (size_t i = 0; i < o->n_exec && g; i++) {
        if (!o->exec[i]->calm || !(g[*n] = su_try_alloc(1, sizeof **g)))
            continue;
        *g[(*n)++] = *o->exec[i]->glance;
    }
    (void)pthread_mutex_unlock(&o->lock);
    return g;
}

static void glances_free(struct su_chain_glance **g, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(g[i]);
    free(g);
}

void ora_glanced(struct su_oracle *o, const struct su_chain_glance *g, uint64_t slot)
{
    struct ora_exec *x = ora_exec_find(o, g->key);

    if (!x)
        return;
    x->glanced_ns = su_clock_mono_ns();
    x->glance_slot = SU_MAX(x->glance_slot, slot);
    if (g->changed)
        ora_exec_news(o, x);
}

/* One call for all executions that are calm, whatever their number. */
static enum su_code glance(struct su_oracle *o, struct su_err *e)
{
    uint64_t slot;
    size_t n;
    struct su_chain_glance **g = take_glances(o, &n);
    enum su_code rc =
        n > 0 ? su_chain_glance(o->chain, (struct su_chain_glance *const *)g, n, &slot, e) : SU_OK;

    (void)pthread_mutex_lock(&o->lock);
    for (size_t i = 0; i < n && !rc; i++)
        ora_glanced(o, g[i], slot);
    if (n > 0 && !rc)
        o->slot = slot;
    (void)pthread_mutex_unlock(&o->lock);
    glances_free(g, n);
    return rc;
}

/* ---- the threads -------------------------------------------------------------------------------------- */

/* Beats are counted though the chain does not answer: on a thread that asks nobody. */
void *ora_ticker(void *oracle)
{
    struct su_oracle *o = oracle;

    while (!ora_stopping(o)) {
        (void)pthread_mutex_lock(&o->lock);
        liveness_tick(&o->live, su_clock_wall_ms());
        (void)pthread_mutex_unlock(&o->lock);
        ora_nap(WATCH_MS);
    }
    return NULL;
}

/* Claims outlive their executions, and wait while the pool is empty. */
static void pay_claims(struct su_oracle *o)
{
    const struct su_chain_send_opts opts = ora_send_opts(o);
    struct su_err e = {0};
    size_t paid;

    if (su_oracle_fault("silent"))
        return;
    if (su_chain_claims_pay(o->chain, &o->env, &o->signer, &opts, &paid, &e) != SU_OK)
        su_log(SU_LOG_DEBUG, "oracle", "claims: %s: %s", e.at, e.msg);
}

void *ora_watcher(void *oracle)
{
    struct su_oracle *o = oracle;
    uint64_t committee_ns = su_clock_mono_ns(), claims_ns = committee_ns;
    const uint64_t claims_every_ns =
        ((uint64_t)CLAIMS_MS + (uint64_t)CLAIMS_APART_MS * o->key[0]) * 1000000u;

    while (!ora_stopping(o)) {
        struct su_err e = {0};
        uint64_t now = su_clock_mono_ns();
        bool owes = false;
        enum su_code rc = glance(o, &e);
        ora_people_lookup(o);
        if (!rc)
            rc = ora_people_refresh(o, PEOPLE_MS, &e);
        if (!rc && now - committee_ns > COMMITTEE_MS * 1000000ull) {
            rc = refresh(o, &owes, &e);
            committee_ns = now;
        }
        if (!rc && owes && now - claims_ns > claims_every_ns) {
            pay_claims(o);
            claims_ns = now;
        }
        if (rc && !ora_stopping(o))
            su_log(SU_LOG_WARN, "oracle", "the chain does not answer: %s: %s", e.at, e.msg);
        for (uint32_t ms = 0; ms < o->tick_ms && !ora_stopping(o); ms += WATCH_MS)
            ora_nap(SU_MIN(WATCH_MS, o->tick_ms - ms));
    }
    return NULL;
}
