// SPDX-License-Identifier: MIT
/* Reading the state: what is on disk, at one moment. */
#include "bank.h"

#include <stdlib.h>
#include <string.h>

void su_ledger_now(struct su_ledger *l, struct su_ledger_now *now)
{
    pthread_rwlock_rdlock(&l->lock);
    uint64_t slot = l->ring.slot;

    *now = (struct su_ledger_now){.slot = slot,
                                  .block_height = slot,
                                  .epoch = slot / SU_LEDGER_SLOTS_PER_EPOCH,
                                  .slot_index = slot % SU_LEDGER_SLOTS_PER_EPOCH,
                                  .transactions = l->transactions,
                                  .unix_time = l->ring.unix_time,
                                  .last_valid_block_height = slot + SU_LEDGER_BLOCKHASHES,
                                  .burned_lamports = l->burned,
                                  .capital_lamports = l->state.lamports,
                                  .ms_per_slot = l->ms_per_slot};
    memcpy(now->blockhash, su_ledger_ring_at(&l->ring, 0)->hash, 32);
    pthread_rwlock_unlock(&l->lock);
}

bool su_ledger_blockhash_valid(struct su_ledger *l, const uint8_t hash[32])
{
    uint64_t slot;

    pthread_rwlock_rdlock(&l->lock);
    bool valid = su_ledger_ring_valid(&l->ring, hash, &slot);

    pthread_rwlock_unlock(&l->lock);
    return valid;
}

const uint8_t *su_ledger_genesis_hash(const struct su_ledger *l)
{
    return l->genesis;
}

const uint8_t *su_ledger_usdc_mint(const struct su_ledger *l)
{
    return l->mint;
}

const uint8_t *su_ledger_faucet_key(const struct su_ledger *l)
{
    return l->faucet;
}

bool su_ledger_fee(struct su_ledger *l, const struct su_ledger_tx *tx, uint64_t *lamports)
{
    struct su_ledger_budget b;
    struct su_ledger_failure f;

    if (!su_ledger_budget_of(tx, &b, &f) ||
        !su_ledger_blockhash_valid(l, su_ledger_tx_blockhash(tx))) {
        return false;
    }
    *lamports = su_ledger_fee_of(tx, &b);
    return true;
}

const struct su_ledger_account *su_ledger_account_get(struct su_ledger *l, const uint8_t key[32])
{
    const struct su_ledger_account *a;

    pthread_rwlock_rdlock(&l->lock);
    a = su_ledger_sysvar_account(&l->ring, key);
    if (a == NULL) {
        a = su_ledger_account_keep(su_ledger_state_get(&l->state, key));
    }
    pthread_rwlock_unlock(&l->lock);
    return a;
}

/* ---- lists ----------------------------------------------------------------------------------- */

void su_ledger_accounts_fini(struct su_ledger_accounts *a)
{
    for (size_t i = 0; i < a->n; i++) {
        su_ledger_account_release(a->items[i]);
    }
    free(a->items);
    *a = (struct su_ledger_accounts){0};
}

struct collect {
    struct su_ledger_accounts *out;
    size_t cap;
    uint64_t data_bytes;
    const struct su_ledger_memcmp *filters;
    size_t n_filters;
    const uint8_t *mint;
};

static bool matches(const struct collect *c, const struct su_ledger_account *a)
{
    if (c->data_bytes != SU_LEDGER_ANY_SIZE && a->data_bytes != c->data_bytes) {
        return false;
    }
    for (size_t i = 0; i < c->n_filters; i++) {
        const struct su_ledger_memcmp *f = &c->filters[i];

        if (f->offset > a->data_bytes || f->n > a->data_bytes - f->offset ||
            (f->n != 0 && memcmp(a->data + f->offset, f->bytes, f->n) != 0)) {
            return false;
        }
    }
    return c->mint == NULL || memcmp(a->data, c->mint, 32) == 0;
}

static bool collect_one(void *ctx, const struct su_ledger_account *a)
{
    struct collect *c = ctx;

    if (!matches(c, a)) {
        return true;
    }
    if (c->out->n == c->cap) {
        size_t cap = c->cap != 0 ? 2 * c->cap : 16;
        void *more = realloc(c->out->items, cap * sizeof *c->out->items);

        if (more == NULL) {
            return false;
        }
        c->out->items = more;
        c->cap = cap;
    }
    c->out->items[c->out->n++] = su_ledger_account_keep(a);
    return true;
}

static int by_key(const void *a, const void *b)
{
    const struct su_ledger_account *const *x = a, *const *y = b;

    return memcmp((*x)->key, (*y)->key, 32);
}

static enum su_code collect(struct su_ledger *l, const uint8_t owner[32], bool token,
                            struct collect *c, struct su_err *e)
{
    *c->out = (struct su_ledger_accounts){0};
    pthread_rwlock_rdlock(&l->lock);
    bool ok = su_ledger_state_each(&l->state, owner, token, collect_one, c);

    pthread_rwlock_unlock(&l->lock);
    if (!ok) {
        su_ledger_accounts_fini(c->out);
        return su_fail(e, SU_ENOMEM, "accounts", "no memory for the list: use narrower filters");
    }
    if (c->out->n != 0) {
        qsort(c->out->items, c->out->n, sizeof *c->out->items, by_key);
    }
    return SU_OK;
}

enum su_code su_ledger_accounts_of(struct su_ledger *l, const uint8_t program[32],
                                   uint64_t data_bytes, const struct su_ledger_memcmp *filters,
                                   size_t n, struct su_ledger_accounts *out, struct su_err *e)
{
    struct collect c = {.out = out, .data_bytes = data_bytes, .filters = filters, .n_filters = n};

    return collect(l, program, false, &c, e);
}

enum su_code su_ledger_tokens_of(struct su_ledger *l, const uint8_t owner[32], const uint8_t *mint,
                                 struct su_ledger_accounts *out, struct su_err *e)
{
    struct collect c = {.out = out, .data_bytes = SU_LEDGER_ANY_SIZE, .mint = mint};

    return collect(l, owner, true, &c, e);
}

/* ---- transactions ---------------------------------------------------------------------------- */

bool su_ledger_status_get(struct su_ledger *l, const uint8_t sig[64], bool history,
                          struct su_ledger_status *out)
{
    pthread_rwlock_rdlock(&l->lock);
    const struct su_ledger_seen *s = su_ledger_map_get(&l->seen, sig);

    if (s != NULL) {
        *out = (struct su_ledger_status){s->slot, s->failure};
    }
    pthread_rwlock_unlock(&l->lock);
    return s != NULL || (history && su_ledger_db_find_status(&l->db, sig, out));
}

static bool wrote_all(const struct su_ledger_paid *p, const uint8_t (*keys)[32], size_t n)
{
    for (size_t i = 0; i < n; i++) {
        size_t k = 0;

        while (k < p->n_keys && memcmp(p->keys[k], keys[i], 32) != 0) {
            k++;
        }
        if (k == p->n_keys) {
            return false;
        }
    }
    return true;
}

size_t su_ledger_prices(struct su_ledger *l, const uint8_t (*keys)[32], size_t n_keys,
                        struct su_ledger_price *out, size_t cap)
{
    size_t n = 0;

    pthread_rwlock_rdlock(&l->lock);
    uint64_t from = l->n_paid > SU_LEDGER_PAID_MAX ? l->n_paid - SU_LEDGER_PAID_MAX : 0;

    for (uint64_t i = from; i < l->n_paid; i++) {
        const struct su_ledger_paid *p = &l->paid[i % SU_LEDGER_PAID_MAX];

        if (l->ring.slot - p->slot > SU_LEDGER_BLOCKHASHES || !wrote_all(p, keys, n_keys)) {
            continue;
        }
        if (n != 0 && out[n - 1].slot == p->slot) {
            out[n - 1].price = SU_MIN(out[n - 1].price, p->price);
        } else if (n < cap) {
            out[n++] = (struct su_ledger_price){p->slot, p->price};
        }
    }
    pthread_rwlock_unlock(&l->lock);
    return n;
}
