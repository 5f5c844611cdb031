// SPDX-License-Identifier: MIT
/* What the readers ask of the file, on their own connection. */
#include "bank.h"

#include <string.h>

static sqlite3_stmt *begin(struct su_ledger_db *d, const char *sql, int *rc)
{
    sqlite3_stmt *s = NULL;

    pthread_mutex_lock(&d->lock);
    *rc = sqlite3_prepare_v2(d->r, sql, -1, &s, NULL);
    return s;
}

static void step(sqlite3_stmt *s, int *rc)
{
    if (*rc == SQLITE_OK || *rc == SQLITE_ROW) {
        *rc = sqlite3_step(s);
    }
}

static void bind_blob(sqlite3_stmt *s, int *rc, int at, const void *data, size_t n)
{
    if (*rc == SQLITE_OK) {
        *rc = sqlite3_bind_blob(s, at, data, (int)n, SQLITE_STATIC);
    }
}

static void bind_int(sqlite3_stmt *s, int *rc, int at, uint64_t v)
{
    if (*rc == SQLITE_OK) {
        *rc = sqlite3_bind_int64(s, at, (int64_t)v);
    }
}

static enum su_code end(struct su_ledger_db *d, sqlite3_stmt *s, int rc, struct su_err *e)
{
    enum su_code c = SU_OK;

    if (rc != SQLITE_OK && rc != SQLITE_ROW && rc != SQLITE_DONE) {
        c = su_ledger_db_fail(d, d->r, e);
    }
    sqlite3_finalize(s);
    pthread_mutex_unlock(&d->lock);
    return c;
}

bool su_ledger_db_find_status(struct su_ledger_db *d, const uint8_t sig[64],
                              struct su_ledger_status *out)
{
    int rc;
    bool found = false;
    sqlite3_stmt *s = begin(d,
                            "SELECT slot, failure FROM tx WHERE sig8=?1 AND sig=?2"
                            " ORDER BY seq DESC LIMIT 1",
                            &rc);

    bind_int(s, &rc, 1, su_le64(sig));
    bind_blob(s, &rc, 2, sig, 64);
    step(s, &rc);
    if (rc == SQLITE_ROW) {
        out->slot = (uint64_t)sqlite3_column_int64(s, 0);
        out->failure = su_ledger_failure_unpack((uint64_t)sqlite3_column_int64(s, 1));
        found = true;
    }
    return end(d, s, rc, NULL) == SU_OK && found;
}

enum su_code su_ledger_transaction_get(struct su_ledger *l, const uint8_t sig[64],
                                       struct su_ledger_tx *tx, struct su_ledger_result *r,
                                       struct su_err *e)
{
    int rc;
    enum su_code c = SU_OK, ended;
    sqlite3_stmt *s = begin(&l->db,
                            "SELECT wire, result FROM tx WHERE sig8=?1 AND sig=?2"
                            " ORDER BY seq DESC LIMIT 1",
                            &rc);

    *r = (struct su_ledger_result){0};
    bind_int(s, &rc, 1, su_le64(sig));
    bind_blob(s, &rc, 2, sig, 64);
    step(s, &rc);
    if (rc == SQLITE_DONE) {
        char text[128];

        su_base58_encode(sig, 64, text, sizeof text);
        c = su_fail(e, SU_ENOENT, text, "no such transaction in this ledger");
    } else if (rc == SQLITE_ROW) {
        c = su_ledger_tx_parse(sqlite3_column_blob(s, 0), (size_t)sqlite3_column_bytes(s, 0), tx,
                               e);
        if (c == SU_OK) {
            c = su_ledger_result_decode(sqlite3_column_blob(s, 1),
                                        (size_t)sqlite3_column_bytes(s, 1), r, e);
        }
    }
    ended = end(&l->db, s, rc, c == SU_OK ? e : NULL);
    return c != SU_OK ? c : ended;
}

/* Sequence number of a signature; 0 = unknown. Called with the lock held. */
static uint64_t seq_of(struct su_ledger_db *d, const uint8_t *sig)
{
    sqlite3_stmt *s = NULL;
    uint64_t seq = 0;
    int rc = sqlite3_prepare_v2(
        d->r, "SELECT seq FROM tx WHERE sig8=?1 AND sig=?2 ORDER BY seq DESC LIMIT 1", -1, &s,
        NULL);

    bind_int(s, &rc, 1, su_le64(sig));
    bind_blob(s, &rc, 2, sig, 64);
    step(s, &rc);
    if (rc == SQLITE_ROW) {
        seq = (uint64_t)sqlite3_column_int64(s, 0);
    }
    sqlite3_finalize(s);
    return seq;
}

enum su_code su_ledger_signatures_of(struct su_ledger *l, const uint8_t address[32],
                                     const uint8_t *before, const uint8_t *until,
                                     struct su_ledger_signature *out, size_t cap, size_t *n,
                                     struct su_err *e)
{
    int rc;
    sqlite3_stmt *s = begin(&l->db,
                            "SELECT tx.sig, tx.slot, tx.time, tx.failure FROM address"
                            " JOIN tx ON tx.seq=address.seq WHERE address.key=?1 AND"
                            " address.seq<?2 AND address.seq>?3 ORDER BY address.seq DESC LIMIT ?4",
                            &rc);
    uint64_t below = before != NULL ? seq_of(&l->db, before) : INT64_MAX;

    *n = 0;
    bind_blob(s, &rc, 1, address, 32);
    bind_int(s, &rc, 2, below);
    bind_int(s, &rc, 3, until != NULL ? seq_of(&l->db, until) : 0);
    bind_int(s, &rc, 4, cap);
    for (step(s, &rc); rc == SQLITE_ROW && *n < cap; step(s, &rc)) {
        struct su_ledger_signature *o = &out[*n];

        if (sqlite3_column_bytes(s, 0) != 64) {
            continue;
        }
        memcpy(o->sig, sqlite3_column_blob(s, 0), 64);
        o->slot = (uint64_t)sqlite3_column_int64(s, 1);
        o->block_time = sqlite3_column_int64(s, 2);
        o->failure = su_ledger_failure_unpack((uint64_t)sqlite3_column_int64(s, 3));
        (*n)++;
    }
    return end(&l->db, s, rc, e);
}

enum su_code su_ledger_block_get(struct su_ledger *l, uint64_t slot, struct su_ledger_block *out,
                                 struct su_err *e)
{
    int rc;
    enum su_code c = SU_OK, ended;
    sqlite3_stmt *s = begin(&l->db, "SELECT hash, time, txs FROM block WHERE slot=?1", &rc);

    bind_int(s, &rc, 1, slot);
    step(s, &rc);
    if (rc == SQLITE_ROW && sqlite3_column_bytes(s, 0) == 32) {
        out->slot = slot;
        memcpy(out->hash, sqlite3_column_blob(s, 0), 32);
        out->block_time = sqlite3_column_int64(s, 1);
        out->transactions = (uint64_t)sqlite3_column_int64(s, 2);
    } else if (rc == SQLITE_DONE) {
        c = su_fail(e, SU_ENOENT, "slot", "%llu holds no transaction, or has not ended",
                    (unsigned long long)slot);
    }
    ended = end(&l->db, s, rc, c == SU_OK ? e : NULL);
    return c != SU_OK ? c : ended;
}
