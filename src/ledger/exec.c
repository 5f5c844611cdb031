// SPDX-License-Identifier: MIT
/* One transaction from the first check to the result: Solana's order of checks, because clients see
   which one answers. */
#include "bank.h"

#include <stdlib.h>
#include <string.h>

/* ---- loading --------------------------------------------------------------------------------- */

/* Builtins and sysvars are read-only whatever the message says. */
static bool reserved(const uint8_t key[32])
{
    static const uint8_t *const ids[] = {
        su_ledger_system_id,         su_ledger_budget_id,     su_ledger_ed25519_id,
        su_ledger_loader_id,         su_ledger_loader2_id,    su_ledger_native_loader_id,
        su_ledger_sysvar_id,         su_ledger_clock_id,      su_ledger_rent_id,
        su_ledger_epoch_schedule_id, su_ledger_slot_hashes_id};

    for (size_t i = 0; i < SU_ARRAY_LEN(ids); i++) {
        if (memcmp(ids[i], key, 32) == 0) {
            return true;
        }
    }
    return false;
}

static bool called_as_program(const struct su_ledger_tx *tx, size_t key)
{
    for (size_t i = 0; i < tx->n_instrs; i++) {
        if (tx->instrs[i].program == key) {
            return true;
        }
    }
    return false;
}

static bool has_loader(const struct su_ledger_tx *tx)
{
    for (size_t i = 0; i < tx->n_keys; i++) {
        if (memcmp(su_ledger_tx_key(tx, i), su_ledger_loader_id, 32) == 0) {
            return true;
        }
    }
    return false;
}

static void reset(struct su_ledger_work *w)
{
    static uint8_t nothing[1];
    const struct su_ledger_account *a = w->before;

    memset(w->owner, 0, 32);
    w->lamports = w->data_bytes = w->data_cap = 0;
    w->data = nothing;
    w->own = w->executable = w->changed = false;
    if (a != NULL) {
        memcpy(w->owner, a->owner, 32);
        w->lamports = a->lamports;
        w->data_bytes = a->data_bytes;
        w->data = (uint8_t *)(uintptr_t)a->data; /* not written while `own` is false */
        w->executable = a->executable;
    }
}

static uint64_t load_all(struct su_ledger_exec *x)
{
    const struct su_ledger_tx *tx = x->tx;
    bool loader = has_loader(tx);
    uint64_t bytes = 0;

    x->n = tx->n_keys;
    for (size_t i = 0; i < x->n; i++) {
        struct su_ledger_work *w = &x->works[i];

        w->key = su_ledger_tx_key(tx, i);
        w->before = su_ledger_sysvar_account(x->ring, w->key);
        if (w->before == NULL) {
            w->before = x->load(x->load_ctx, w->key);
        }
        w->signer = su_ledger_tx_signer(tx, i);
        w->writable = su_ledger_tx_writable(tx, i) && !reserved(w->key) &&
                      (loader || !called_as_program(tx, i));
        reset(w);
        bytes += w->data_bytes;
    }
    return bytes;
}

static bool loaded_twice(const struct su_ledger_tx *tx)
{
    for (size_t i = 0; i < tx->n_keys; i++) {
        for (size_t k = 0; k < i; k++) {
            if (memcmp(su_ledger_tx_key(tx, i), su_ledger_tx_key(tx, k), 32) == 0) {
                return true;
            }
        }
    }
    return false;
}

/* ---- rent and fee ---------------------------------------------------------------------------- */

/* An account may become empty or rent-exempt; one that already was below may stay there, if it
   neither grows nor gains. */
static bool rent_allows(const struct su_ledger_account *before, uint64_t lamports, uint64_t bytes)
{
    if (lamports == 0 || lamports >= su_ledger_rent_minimum(bytes)) {
        return true;
    }
    return before != NULL && before->lamports < su_ledger_rent_minimum(before->data_bytes) &&
           before->data_bytes == bytes && lamports <= before->lamports;
}

static enum su_ledger_tx_error check_payer(const struct su_ledger_exec *x)
{
    const struct su_ledger_work *w = &x->works[0];

    if (w->lamports == 0) {
        return SU_LEDGER_TX_AccountNotFound;
    }
    if (memcmp(w->owner, su_ledger_system_id, 32) != 0 || w->data_bytes != 0) {
        return SU_LEDGER_TX_InvalidAccountForFee;
    }
    if (w->lamports < x->fee) {
        return SU_LEDGER_TX_InsufficientFundsForFee;
    }
    if (!rent_allows(w->before, w->lamports - x->fee, 0)) {
        return SU_LEDGER_TX_InsufficientFundsForRent;
    }
    return SU_LEDGER_TX_OK;
}

static enum su_ledger_tx_error check_programs(const struct su_ledger_exec *x)
{
    for (size_t i = 0; i < x->tx->n_instrs; i++) {
        const struct su_ledger_work *w = &x->works[x->tx->instrs[i].program];

        if (w->lamports == 0) {
            return SU_LEDGER_TX_ProgramAccountNotFound;
        }
        if (!w->executable) {
            return SU_LEDGER_TX_InvalidProgramForExecution;
        }
    }
    return SU_LEDGER_TX_OK;
}

/* ---- running --------------------------------------------------------------------------------- */

static uint64_t run_instr(struct su_ledger_exec *x, size_t i)
{
    const struct su_ledger_instr *in = &x->tx->instrs[i];
    struct su_ledger_frame f = {.program = in->program,
                                .program_id = x->works[in->program].key,
                                .n = in->n_accounts,
                                .data = x->tx->wire + in->data_at,
                                .data_bytes = in->data_bytes};

    for (size_t k = 0; k < in->n_accounts; k++) {
        uint8_t at = x->tx->wire[in->accounts_at + k];

        f.metas[k] = (struct su_ledger_meta){at, x->works[at].signer, x->works[at].writable};
    }
    x->outer = (uint8_t)i;
    return su_ledger_invoke(x, &f);
}

static struct su_ledger_failure run_all(struct su_ledger_exec *x)
{
    struct su_ledger_failure f = {0};

    for (size_t i = 0; i < x->tx->n_instrs; i++) {
        uint64_t c = run_instr(x, i);

        if (c != 0) {
            return su_ledger_failure_of(c, (uint8_t)i);
        }
    }
    for (size_t i = 0; i < x->n; i++) {
        const struct su_ledger_work *w = &x->works[i];

        if (w->writable && !rent_allows(w->before, w->lamports, w->data_bytes)) {
            f.tx = SU_LEDGER_TX_InsufficientFundsForRent;
            f.index = (uint8_t)i;
            return f;
        }
    }
    return f;
}

/* ---- result ---------------------------------------------------------------------------------- */

static bool names_token_program(const struct su_ledger_exec *x)
{
    uint8_t n = x->tx->n_keys;

    for (size_t i = 0; i < n; i++) {
        if (memcmp(su_ledger_tx_key(x->tx, i), su_ledger_token_id, 32) == 0) {
            return true;
        }
    }
    return false;
}

static bool decimals_of(const struct su_ledger_exec *x, const uint8_t mint[32], uint8_t *decimals)
{
    const struct su_ledger_account *a = NULL;
    bool found = false;

    for (size_t i = 0; i < x->n; i++) {
        const struct su_ledger_work *w = &x->works[i];

        if (memcmp(w->key, mint, 32) == 0 && w->data_bytes >= SU_LEDGER_MINT_BYTES) {
            *decimals = w->data[44];
            return true;
        }
    }
    a = x->load(x->load_ctx, mint);
    if (a != NULL && a->data_bytes >= SU_LEDGER_MINT_BYTES) {
        *decimals = a->data[44];
        found = true;
    }
    su_ledger_account_release(a);
    return found;
}

static void token_balances(const struct su_ledger_exec *x, struct su_ledger_result *r,
                           struct su_ledger_token_balance **out, uint32_t *n)
{
    if (!names_token_program(x)) {
        return;
    }
    for (size_t i = 0; i < x->n; i++) {
        const struct su_ledger_work *w = &x->works[i];
        uint8_t decimals;

        if (!su_ledger_is_token(w->owner, w->data, w->data_bytes) ||
            !decimals_of(x, w->data, &decimals)) {
            continue;
        }
        if (*out == NULL) {
            *out = su_arena_alloc(&r->mem, x->n * sizeof **out);
            if (*out == NULL) {
                return;
            }
        }
        struct su_ledger_token_balance *b = &(*out)[(*n)++];

        b->account_index = (uint8_t)i;
        b->decimals = decimals;
        memcpy(b->mint, w->data, 32);
        memcpy(b->owner, w->data + 32, 32);
        b->amount = su_le64(w->data + 64);
    }
}

static void *copy(struct su_arena *a, const void *data, size_t n)
{
    void *p = su_arena_alloc(a, SU_MAX(n, (size_t)1));

    if (p != NULL && n != 0) {
        memcpy(p, data, n);
    }
    return p;
}

static bool fill_logs(const struct su_ledger_exec *x, struct su_ledger_result *r)
{
    const char *at;

    if (x->n_logs == 0) {
        return true;
    }
    r->logs = su_arena_alloc(&r->mem, x->n_logs * sizeof *r->logs);
    at = copy(&r->mem, x->logs.data, x->logs.len);
    if (r->logs == NULL || at == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < x->n_logs; i++) {
        r->logs[i] = at;
        at += strlen(at) + 1;
    }
    r->n_logs = x->n_logs;
    return true;
}

static bool fill_inner(const struct su_ledger_exec *x, struct su_ledger_result *r)
{
    if (x->n_inner == 0) {
        return true;
    }
    r->inner = copy(&r->mem, x->inner, x->n_inner * sizeof x->inner[0]);
    if (r->inner == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < x->n_inner; i++) {
        struct su_ledger_inner *in = &r->inner[i];

        in->accounts = copy(&r->mem, in->accounts, in->n_accounts);
        in->data = copy(&r->mem, in->data, in->data_bytes);
        if (in->accounts == NULL || in->data == NULL) {
            return false;
        }
    }
    r->n_inner = x->n_inner;
    return true;
}

static bool fill(struct su_ledger_exec *x, struct su_ledger_result *r)
{
    for (size_t i = 0; i < x->n; i++) {
        r->post_lamports[i] = x->works[i].lamports;
    }
    r->n_keys = (uint32_t)x->n;
    r->units = x->budget.units - x->units_left;
    token_balances(x, r, &r->post_tokens, &r->n_post_tokens);
    if (x->has_return) {
        r->has_return = true;
        memcpy(r->return_program, x->return_program, 32);
        r->return_bytes = x->return_bytes;
        r->return_data = copy(&r->mem, x->return_data, x->return_bytes);
    }
    return fill_logs(x, r) && fill_inner(x, r) && (!x->has_return || r->return_data != NULL);
}

/* ---- all together ---------------------------------------------------------------------------- */

static bool refuse(struct su_ledger_result *r, enum su_ledger_tx_error tx)
{
    r->failure = (struct su_ledger_failure){.tx = (uint8_t)tx};
    return false;
}

/* What must hold before anything is charged. */
static bool admit(struct su_ledger_exec *x, struct su_ledger_result *r)
{
    uint64_t slot;
    enum su_ledger_tx_error err;

    if (x->tx->n_lookups != 0) {
        return refuse(r, SU_LEDGER_TX_AddressLookupTableNotFound);
    }
    if (loaded_twice(x->tx)) {
        return refuse(r, SU_LEDGER_TX_AccountLoadedTwice);
    }
    if (!x->any_blockhash && !su_ledger_ring_valid(x->ring, su_ledger_tx_blockhash(x->tx), &slot)) {
        return refuse(r, SU_LEDGER_TX_BlockhashNotFound);
    }
    if (!su_ledger_budget_of(x->tx, &x->budget, &r->failure)) {
        return false;
    }
    x->units_left = x->budget.units;
    x->fee = su_ledger_fee_of(x->tx, &x->budget);
    r->loaded_bytes = load_all(x);
    for (size_t i = 0; i < x->n; i++) {
        r->pre_lamports[i] = x->works[i].lamports;
    }
    r->n_keys = (uint32_t)x->n;
    err = check_payer(x);
    return err == SU_LEDGER_TX_OK || refuse(r, err);
}

static void charge_fee(struct su_ledger_exec *x)
{
    x->works[0].lamports -= x->fee;
    x->works[0].changed |= x->fee != 0;
}

enum su_code su_ledger_exec_run(struct su_ledger_exec *x, struct su_ledger_result *r,
                                enum su_ledger_outcome *outcome, struct su_err *e)
{
    enum su_ledger_tx_error err;

    su_arena_init(&x->mem, 0);
    su_arena_init(&r->mem, 0);
    su_buf_init(&x->logs, 0);
    r->slot = x->ring->slot;
    r->block_time = x->ring->unix_time;
    *outcome = SU_LEDGER_REFUSED;
    if (!admit(x, r)) {
        memcpy(r->post_lamports, r->pre_lamports, sizeof r->post_lamports);
        return SU_OK;
    }
    *outcome = SU_LEDGER_LANDED;
    token_balances(x, r, &r->pre_tokens, &r->n_pre_tokens);
    charge_fee(x);
    r->fee_lamports = x->fee;
    err = r->loaded_bytes > x->budget.loaded_bytes_max
              ? SU_LEDGER_TX_MaxLoadedAccountsDataSizeExceeded
              : check_programs(x);
    if (err != SU_LEDGER_TX_OK) {
        (void)refuse(r, err);
    } else {
        r->failure = run_all(x);
    }
    if (r->failure.tx != SU_LEDGER_TX_OK) {
        for (size_t i = 0; i < x->n; i++) {
            reset(&x->works[i]);
        }
        charge_fee(x);
    }
    if (!fill(x, r) || x->no_memory) {
        return su_fail(e, SU_ENOMEM, "transaction", "no memory to run it: try again");
    }
    return SU_OK;
}

void su_ledger_exec_fini(struct su_ledger_exec *x)
{
    for (size_t i = 0; i < x->n; i++) {
        su_ledger_account_release(x->works[i].before);
    }
    su_buf_fini(&x->logs);
    su_arena_fini(&x->mem);
}

bool su_ledger_is_token(const uint8_t owner[32], const uint8_t *data, uint64_t n)
{
    return n == SU_LEDGER_TOKEN_BYTES && memcmp(owner, su_ledger_token_id, 32) == 0 &&
           data[108] != 0;
}
