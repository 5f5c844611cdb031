// SPDX-License-Identifier: MIT
/* Opening, closing, submitting and simulating. */
#include "bank.h"
#include "crypto/crypto.h"
#include "program/program.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { DEFAULT_MS_PER_SLOT = 400, MIN_MS_PER_SLOT = 5, SPLITUP_UNITS = 5000 };

/* ---- opening --------------------------------------------------------------------------------- */

static enum su_code load_seed(struct su_ledger *l, const struct su_ledger_options *o, bool *fresh,
                              struct su_err *e)
{
    bool found;
    enum su_code c = su_ledger_db_get_meta(&l->db, "seed", l->seed, sizeof l->seed, &found, e);

    *fresh = !found;
    if (c == SU_OK && !found) {
        if (o->seed != NULL) {
            memcpy(l->seed, o->seed, sizeof l->seed);
        } else {
            su_random(l->seed, sizeof l->seed);
        }
    }
    su_ledger_genesis_keys(l);
    return c;
}

static enum su_code make_accounts(struct su_ledger *l, bool fresh, struct su_err *e)
{
    enum su_code c = su_ledger_db_begin(&l->db, e);

    if (c != SU_OK) {
        return c;
    }
    if (fresh) {
        c = su_ledger_genesis_make(l, e);
    }
    if (c == SU_OK) {
        c = su_ledger_genesis_natives(l, e);
    }
    return su_ledger_db_end(&l->db, c, e);
}

static enum su_code load(struct su_ledger *l, const struct su_ledger_options *o, struct su_err *e)
{
    bool fresh;
    enum su_code c;

    if ((c = su_ledger_db_open(&l->db, o->dir, o->fast_sync, e)) != SU_OK ||
        (c = load_seed(l, o, &fresh, e)) != SU_OK ||
        (c = su_ledger_db_load_accounts(&l->db, &l->state, e)) != SU_OK ||
        (c = make_accounts(l, fresh, e)) != SU_OK ||
        (c = su_ledger_db_get_number(&l->db, "burned", &l->burned, e)) != SU_OK ||
        (c = su_ledger_db_get_number(&l->db, "transactions", &l->transactions, e)) != SU_OK) {
        return c;
    }
    if (l->state.lamports + l->burned != SU_LEDGER_TOTAL_LAMPORTS) {
        return su_fail(e, SU_EFORMAT, l->db.path,
                       "damaged: the accounts do not add up; move the file away to begin a new "
                       "ledger");
    }
    return su_ledger_slots_open(l, e);
}

static void init(struct su_ledger *l, const struct su_ledger_options *o)
{
    pthread_condattr_t clock;
    pthread_rwlockattr_t writers;

    l->ms_per_slot = o->ms_per_slot != 0 ? o->ms_per_slot : DEFAULT_MS_PER_SLOT;
    l->manual = o->manual_slots;
    l->splitup = (struct su_ledger_native){
        .name = "splitup", .process = su_program_process, .units = SPLITUP_UNITS};
    memcpy(l->splitup.id, su_ledger_splitup_id, 32);
    l->natives = o->natives != NULL ? o->natives : &l->splitup;
    l->n_natives = o->natives != NULL ? o->n_natives : 1;
    l->paid = su_alloc(SU_LEDGER_PAID_MAX * sizeof *l->paid);
    su_ledger_state_init(&l->state);
    su_ledger_map_init(&l->seen, 64);
    su_ledger_map_init(&l->seen_messages, 32);
    su_ledger_map_init(&l->overlay, 32);
    su_ledger_map_init(&l->batch_messages, 32);
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&l->wake, &clock);
    pthread_condattr_destroy(&clock);
    pthread_mutex_init(&l->mutex, NULL);
    pthread_rwlockattr_init(&writers);
    pthread_rwlockattr_setkind_np(&writers, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(&l->lock, &writers);
    pthread_rwlockattr_destroy(&writers);
}

enum su_code su_ledger_open(const struct su_ledger_options *o, struct su_ledger **out,
                            struct su_err *e)
{
    struct su_ledger *l;
    enum su_code c;

    *out = NULL;
    if (o->ms_per_slot != 0 && o->ms_per_slot < MIN_MS_PER_SLOT) {
        return su_fail(e, SU_EINVAL, "slot", "%u ms: the least is %d", o->ms_per_slot,
                       MIN_MS_PER_SLOT);
    }
    l = su_try_alloc(1, sizeof *l);
    if (l == NULL) {
        return su_fail(e, SU_ENOMEM, "ledger", "no memory");
    }
    init(l, o);
    c = load(l, o, e);
    if (c == SU_OK && pthread_create(&l->thread, NULL, su_ledger_thread, l) != 0) {
        c = su_fail(e, SU_ENOMEM, "ledger", "cannot start its thread");
    }
    l->started = c == SU_OK;
    if (c != SU_OK) {
        su_ledger_close(l);
        return c;
    }
    *out = l;
    return SU_OK;
}

/* So that the next start goes on where this one ended. */
static void write_end(struct su_ledger *l)
{
    struct su_err e = {0};
    enum su_code c = su_ledger_db_begin(&l->db, &e);

    if (c == SU_OK) {
        c = su_ledger_slots_write(l, &e);
        if (c == SU_OK) {
            c = su_ledger_db_put_number(&l->db, "reserved", l->ring.slot + 1, &e);
        }
        c = su_ledger_db_end(&l->db, c, &e);
    }
    if (c != SU_OK) {
        su_log(SU_LOG_WARN, "ledger", "cannot write the last slots: %s", e.msg);
    }
}

void su_ledger_close(struct su_ledger *l)
{
    if (l == NULL) {
        return;
    }
    if (l->started) {
        pthread_mutex_lock(&l->mutex);
        l->stop = true;
        pthread_cond_signal(&l->wake);
        pthread_mutex_unlock(&l->mutex);
        pthread_join(l->thread, NULL);
        write_end(l);
    }
    su_ledger_db_close(&l->db);
    su_ledger_state_fini(&l->state);
    su_ledger_seen_fini(l);
    su_ledger_map_fini(&l->overlay);
    su_ledger_map_fini(&l->batch_messages);
    pthread_cond_destroy(&l->wake);
    pthread_mutex_destroy(&l->mutex);
    pthread_rwlock_destroy(&l->lock);
    su_wipe(l->seed, sizeof l->seed);
    su_wipe(l->faucet_secret, sizeof l->faucet_secret);
    free(l->paid);
    free(l);
}

void su_ledger_advance(struct su_ledger *l, uint64_t n)
{
    struct su_ledger_job j = {.wait = true, .advance = n};

    if (!l->manual) {
        return;
    }
    pthread_cond_init(&j.cond, NULL);
    while (su_ledger_job_push(l, &j, NULL) == SU_EBUSY) {
        const struct timespec moment = {.tv_nsec = 1000000};

        nanosleep(&moment, NULL);
    }
    su_ledger_job_await(l, &j);
    pthread_cond_destroy(&j.cond);
}

/* ---- submitting ------------------------------------------------------------------------------ */

static const struct su_ledger_account *load_state(void *ctx, const uint8_t key[32])
{
    const struct su_ledger *l = ctx;

    return su_ledger_account_keep(su_ledger_state_get(&l->state, key));
}

static bool keep_accounts(const struct su_ledger_exec *x, struct su_ledger_result *r)
{
    r->accounts = su_arena_alloc(&r->mem, SU_MAX(x->n, (size_t)1) * sizeof *r->accounts);
    for (size_t i = 0; i < x->n && r->accounts != NULL; i++) {
        const struct su_ledger_work *w = &x->works[i];

        if (w->lamports == 0) {
            continue;
        }
        r->accounts[i] = w->changed ? su_ledger_account_new(w->key, w->owner, w->lamports,
                                                            w->executable, w->data, w->data_bytes)
                                    : su_ledger_account_keep(w->before);
        if (r->accounts[i] == NULL) {
            return false;
        }
    }
    return r->accounts != NULL;
}

/* The run of a simulation; duplicates count only where the blockhash does. */
static enum su_code simulate(struct su_ledger *l, const struct su_ledger_tx *tx, bool any_blockhash,
                             bool accounts, struct su_ledger_result *r, struct su_err *e)
{
    struct su_ledger_exec x = {.tx = tx,
                               .ring = &l->ring,
                               .natives = l->natives,
                               .n_natives = l->n_natives,
                               .load = load_state,
                               .load_ctx = l,
                               .any_blockhash = any_blockhash};
    enum su_ledger_outcome outcome;
    enum su_code c = SU_OK;
    uint64_t slot;

    pthread_rwlock_rdlock(&l->lock);
    if (!any_blockhash && su_ledger_seen_message(l, tx->message_hash) &&
        su_ledger_ring_valid(&l->ring, su_ledger_tx_blockhash(tx), &slot)) {
        r->failure.tx = SU_LEDGER_TX_AlreadyProcessed;
    } else {
        c = su_ledger_exec_run(&x, r, &outcome, e);
        if (c == SU_OK && accounts && !keep_accounts(&x, r)) {
            c = su_fail(e, SU_ENOMEM, "simulation", "no memory for the accounts");
        }
    }
    pthread_rwlock_unlock(&l->lock);
    su_ledger_exec_fini(&x);
    return c;
}

enum su_code su_ledger_simulate(struct su_ledger *l, const struct su_ledger_tx *tx,
                                const struct su_ledger_simulation *o, struct su_ledger_result *r,
                                struct su_err *e)
{
    *r = (struct su_ledger_result){0};
    if (o->verify && !su_ledger_tx_verify(tx)) {
        r->failure.tx = SU_LEDGER_TX_SignatureFailure;
        return SU_OK;
    }
    return simulate(l, tx, o->replace_blockhash, true, r, e);
}

static enum su_code refused(const struct su_ledger_result *r, struct su_err *e)
{
    char text[200];

    return su_fail(e, SU_EINVAL, "transaction", "%s",
                   su_ledger_failure_text(&r->failure, text, sizeof text));
}

static enum su_code preflight(struct su_ledger *l, const struct su_ledger_tx *tx,
                              struct su_ledger_result *r, struct su_err *e)
{
    enum su_code c = simulate(l, tx, false, false, r, e);

    return c == SU_OK && r->failure.tx != SU_LEDGER_TX_OK ? refused(r, e) : c;
}

static enum su_code wait_for(struct su_ledger *l, const struct su_ledger_tx *tx,
                             struct su_ledger_result *r, struct su_err *e)
{
    struct su_ledger_job j = {.tx = tx, .result = r, .err = e, .wait = true};
    enum su_code c;

    pthread_cond_init(&j.cond, NULL);
    c = su_ledger_job_push(l, &j, e);
    if (c == SU_OK) {
        su_ledger_job_await(l, &j);
        c = j.code;
    }
    pthread_cond_destroy(&j.cond);
    return c;
}

enum su_code su_ledger_run_trusted(struct su_ledger *l, const struct su_ledger_tx *tx,
                                   struct su_ledger_result *r, struct su_err *e)
{
    *r = (struct su_ledger_result){0};
    return wait_for(l, tx, r, e);
}

static enum su_code leave_to(struct su_ledger *l, const struct su_ledger_tx *tx, struct su_err *e)
{
    struct su_ledger_job *j = su_try_alloc(1, sizeof *j + sizeof *tx);
    enum su_code c;

    if (j == NULL) {
        return su_fail(e, SU_ENOMEM, "transaction", "no memory to queue it");
    }
    j->own[0] = *tx;
    j->tx = j->own;
    c = su_ledger_job_push(l, j, e);
    if (c != SU_OK) {
        free(j);
    }
    return c;
}

enum su_code su_ledger_submit(struct su_ledger *l, const struct su_ledger_tx *tx, unsigned flags,
                              struct su_ledger_result *r, struct su_err *e)
{
    struct su_ledger_result own = {0};
    enum su_code c = SU_OK;

    if (r == NULL) {
        r = &own;
    } else {
        *r = own;
    }
    if (!su_ledger_tx_verify(tx)) {
        r->failure.tx = SU_LEDGER_TX_SignatureFailure;
        c = refused(r, e);
    } else if ((flags & SU_LEDGER_SKIP_PREFLIGHT) == 0) {
        c = preflight(l, tx, r, e);
    }
    if (c == SU_OK && flags & SU_LEDGER_WAIT) {
        su_ledger_result_fini(r);
        c = wait_for(l, tx, r, e);
    } else if (c == SU_OK) {
        c = leave_to(l, tx, e);
    }
    su_ledger_result_fini(&own);
    return c;
}
