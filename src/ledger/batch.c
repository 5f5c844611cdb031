// SPDX-License-Identifier: MIT
/* The executing thread: takes all that waits, runs it one after the other over the state plus what
   the batch changed, writes the batch in one transaction of the file, and only then shows it. */
#include "bank.h"
#include "crypto/crypto.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- queue ----------------------------------------------------------------------------------- */

enum su_code su_ledger_job_push(struct su_ledger *l, struct su_ledger_job *j, struct su_err *e)
{
    pthread_mutex_lock(&l->mutex);
    if (l->n_jobs >= SU_LEDGER_JOBS_MAX) {
        pthread_mutex_unlock(&l->mutex);
        return su_fail(e, SU_EBUSY, "ledger", "%d transactions wait already: try again",
                       SU_LEDGER_JOBS_MAX);
    }
    if (l->last != NULL) {
        l->last->next = j;
    } else {
        l->first = j;
    }
    l->last = j;
    l->n_jobs++;
    pthread_cond_signal(&l->wake);
    pthread_mutex_unlock(&l->mutex);
    return SU_OK;
}

void su_ledger_job_await(struct su_ledger *l, struct su_ledger_job *j)
{
    pthread_mutex_lock(&l->mutex);
    while (!j->done) {
        pthread_cond_wait(&j->cond, &l->mutex);
    }
    pthread_mutex_unlock(&l->mutex);
}

static void finish(struct su_ledger *l, struct su_ledger_job *j, enum su_code c,
                   const struct su_err *e)
{
    if (!j->wait) {
        free(j);
        return;
    }
    pthread_mutex_lock(&l->mutex);
    j->code = c;
    if (c != SU_OK && e != NULL && j->err != NULL) {
        *j->err = *e;
    }
    j->done = true;
    pthread_cond_signal(&j->cond);
    pthread_mutex_unlock(&l->mutex);
}

/* ---- one transaction ------------------------------------------------------------------------- */

static const struct su_ledger_account *load_batch(void *ctx, const uint8_t key[32])
{
    struct su_ledger *l = ctx;
    const struct su_ledger_account *a = su_ledger_map_get(&l->overlay, key);

    if (a == NULL) {
        a = su_ledger_state_get(&l->state, key);
    }
    return a == NULL || a->lamports == 0 ? NULL : su_ledger_account_keep(a);
}

/* All changed accounts go into the overlay, or none. */
static bool take_over(struct su_ledger *l, struct su_ledger_exec *x)
{
    struct su_ledger_account *made[SU_LEDGER_KEYS_MAX];
    size_t n = 0;
    bool ok =
        su_ledger_map_reserve(&l->overlay, x->n) && su_ledger_map_reserve(&l->batch_messages, 1);

    for (size_t i = 0; i < x->n && ok; i++) {
        const struct su_ledger_work *w = &x->works[i];

        if (!w->changed) {
            continue;
        }
        made[n] = w->lamports == 0
                      ? su_ledger_account_new(w->key, su_ledger_system_id, 0, false, NULL, 0)
                      : su_ledger_account_new(w->key, w->owner, w->lamports, w->executable, w->data,
                                              w->data_bytes);
        ok = made[n] != NULL;
        n += ok;
    }
    for (size_t i = 0; i < n; i++) {
        void *old = NULL;

        if (ok) {
            SU_ASSERT(su_ledger_map_put(&l->overlay, made[i], &old));
        }
        su_ledger_account_release(ok ? old : made[i]);
    }
    return ok;
}

static bool duplicate(const struct su_ledger *l, const struct su_ledger_tx *tx)
{
    uint64_t slot;

    return (su_ledger_seen_message(l, tx->message_hash) ||
            su_ledger_map_get(&l->batch_messages, tx->message_hash) != NULL) &&
           su_ledger_ring_valid(&l->ring, su_ledger_tx_blockhash(tx), &slot);
}

static void hand_over(struct su_ledger_job *j, struct su_ledger_result *r)
{
    if (j->result != NULL) {
        *j->result = *r;
    } else {
        su_ledger_result_fini(r);
    }
}

static void run_job(struct su_ledger *l, struct su_ledger_job *j)
{
    struct su_ledger_landed *t = &l->batch[l->n_batch];
    struct su_ledger_exec x = {.tx = j->tx,
                               .ring = &l->ring,
                               .natives = l->natives,
                               .n_natives = l->n_natives,
                               .load = load_batch,
                               .load_ctx = l};
    enum su_ledger_outcome outcome = SU_LEDGER_REFUSED;
    struct su_err e = {0};
    enum su_code c = SU_OK;

    *t = (struct su_ledger_landed){.seq = l->next_seq, .job = j, .tx = j->tx};
    if (duplicate(l, j->tx)) {
        t->result.failure.tx = SU_LEDGER_TX_AlreadyProcessed;
    } else {
        c = su_ledger_exec_run(&x, &t->result, &outcome, &e);
    }
    if (c == SU_OK && outcome == SU_LEDGER_LANDED && !take_over(l, &x)) {
        c = su_fail(&e, SU_ENOMEM, "transaction", "no memory to keep it: try again");
    }
    if (c == SU_OK && outcome == SU_LEDGER_LANDED) {
        /* The key of the map: the hash inside the transaction, which lives until the commit. */
        SU_ASSERT(
            su_ledger_map_put(&l->batch_messages, (void *)(uintptr_t)j->tx->message_hash, NULL));
        l->batch_fees += x.fee;
        l->next_seq++;
        l->n_batch++;
    } else {
        if (c == SU_OK) {
            char text[200];

            c = su_fail(&e, SU_EINVAL, "transaction", "%s",
                        su_ledger_failure_text(&t->result.failure, text, sizeof text));
        }
        hand_over(j, &t->result);
        finish(l, j, c, &e);
    }
    su_ledger_exec_fini(&x);
}

/* ---- the batch ------------------------------------------------------------------------------- */

static enum su_code write_batch(struct su_ledger *l, struct su_err *e)
{
    enum su_code c = su_ledger_db_begin(&l->db, e);

    if (c != SU_OK) {
        return c;
    }
    for (size_t i = 0; i < l->overlay.cap && c == SU_OK; i++) {
        if (l->overlay.slots[i] != NULL) {
            c = su_ledger_db_put_account(&l->db, l->overlay.slots[i], e);
        }
    }
    for (size_t i = 0; i < l->n_batch && c == SU_OK; i++) {
        c = su_ledger_db_put_landed(&l->db, &l->batch[i], e);
    }
    if (c == SU_OK) {
        c = su_ledger_slots_write(l, e);
    }
    if (c == SU_OK) {
        c = su_ledger_db_put_number(&l->db, "burned", l->burned + l->batch_fees, e);
    }
    if (c == SU_OK) {
        c = su_ledger_db_put_number(&l->db, "transactions", l->transactions + l->n_batch, e);
    }
    return su_ledger_db_end(&l->db, c, e);
}

static void remember_price(struct su_ledger *l, const struct su_ledger_landed *t)
{
    struct su_ledger_paid *p = &l->paid[l->n_paid++ % SU_LEDGER_PAID_MAX];
    struct su_ledger_budget b;
    struct su_ledger_failure f;

    p->slot = t->result.slot;
    p->price = su_ledger_budget_of(t->tx, &b, &f) ? b.price : 0;
    p->n_keys = 0;
    for (size_t i = 0; i < t->tx->n_keys; i++) {
        if (su_ledger_tx_writable(t->tx, i)) {
            memcpy(p->keys[p->n_keys++], su_ledger_tx_key(t->tx, i), 32);
        }
    }
}

/* What is on disk becomes visible; nothing in here can fail. */
static void show_batch(struct su_ledger *l)
{
    struct su_sha256 h;

    su_sha256_init(&h);
    su_sha256_update(&h, l->slot_mix, sizeof l->slot_mix);
    pthread_rwlock_wrlock(&l->lock);
    for (size_t i = 0; i < l->overlay.cap; i++) {
        if (l->overlay.slots[i] != NULL) {
            SU_ASSERT(su_ledger_state_put(&l->state, l->overlay.slots[i]));
        }
    }
    for (size_t i = 0; i < l->n_batch; i++) {
        const struct su_ledger_landed *t = &l->batch[i];
        struct su_ledger_recent r = {.slot = t->result.slot, .failure = t->result.failure};

        memcpy(r.sig, su_ledger_tx_sig(t->tx, 0), 64);
        memcpy(r.message_hash, t->tx->message_hash, 32);
        su_ledger_seen_add(l, &r);
        remember_price(l, t);
        su_sha256_update(&h, r.sig, sizeof r.sig);
    }
    l->burned += l->batch_fees;
    l->transactions += l->n_batch;
    l->slot_transactions += l->n_batch;
    pthread_rwlock_unlock(&l->lock);
    su_sha256_final(&h, l->slot_mix);
    su_ledger_slots_written(l);
}

static void drop_overlay(struct su_ledger *l, bool release)
{
    for (size_t i = 0; i < l->overlay.cap && release; i++) {
        su_ledger_account_release(l->overlay.slots[i]);
    }
    su_ledger_map_clear(&l->overlay);
    su_ledger_map_clear(&l->batch_messages);
}

/* Room for the batch, so that show_batch cannot fail. A table that grows moves under its readers,
   hence the lock. */
static bool make_room(struct su_ledger *l)
{
    pthread_rwlock_wrlock(&l->lock);
    bool ok = su_ledger_state_reserve(&l->state, l->overlay.n) &&
              su_ledger_map_reserve(&l->seen, l->n_batch) &&
              su_ledger_map_reserve(&l->seen_messages, l->n_batch);

    pthread_rwlock_unlock(&l->lock);
    return ok;
}

static void commit(struct su_ledger *l)
{
    struct su_err e = {0};
    enum su_code c = SU_OK;

    if (l->n_batch == 0) {
        return;
    }
    if (!make_room(l)) {
        c = su_fail(&e, SU_ENOMEM, "ledger", "no memory for more accounts");
    } else {
        c = write_batch(l, &e);
    }
    if (c == SU_OK) {
        show_batch(l);
    } else {
        su_log(SU_LOG_ERROR, "ledger", "%zu transactions are lost: %s", l->n_batch, e.msg);
        l->next_seq -= l->n_batch;
    }
    drop_overlay(l, c != SU_OK);
    for (size_t i = 0; i < l->n_batch; i++) {
        if (c != SU_OK) {
            su_ledger_result_fini(&l->batch[i].result);
        }
        hand_over(l->batch[i].job, &l->batch[i].result);
        finish(l, l->batch[i].job, c, &e);
    }
    l->n_batch = 0;
    l->batch_fees = 0;
}

static void run_jobs(struct su_ledger *l, struct su_ledger_job *j)
{
    while (j != NULL) {
        struct su_ledger_job *next = j->next;

        if (j->tx == NULL) {
            commit(l);
            su_ledger_slots_pass(l, j->advance);
            finish(l, j, SU_OK, NULL);
        } else {
            run_job(l, j);
        }
        if (l->n_batch == SU_LEDGER_BATCH_MAX || su_ledger_slot_over(l)) {
            commit(l);
            su_ledger_slots_due(l);
        }
        j = next;
    }
    commit(l);
}

static void await_work(struct su_ledger *l)
{
    if (l->manual) {
        pthread_cond_wait(&l->wake, &l->mutex);
        return;
    }
    uint64_t at = l->slot_start_ns + su_ledger_slot_ns(l);
    struct timespec ts = {.tv_sec = (time_t)(at / 1000000000u),
                          .tv_nsec = (long)(at % 1000000000u)};

    (void)pthread_cond_timedwait(&l->wake, &l->mutex, &ts);
}

void *su_ledger_thread(void *arg)
{
    struct su_ledger *l = arg;
    bool stop = false;

    while (!stop) {
        pthread_mutex_lock(&l->mutex);
        if (l->first == NULL && !l->stop) {
            await_work(l);
        }
        struct su_ledger_job *jobs = l->first;

        stop = jobs == NULL && l->stop;
        l->first = l->last = NULL;
        l->n_jobs = 0;
        pthread_mutex_unlock(&l->mutex);
        su_ledger_slots_due(l);
        run_jobs(l, jobs);
    }
    return NULL;
}
