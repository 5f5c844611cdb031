// SPDX-License-Identifier: MIT
/* The bank behind ledger.h: state in memory, one executing thread, one file. */
#ifndef SU_LEDGER_BANK_H
#define SU_LEDGER_BANK_H

#include "exec.h"
#include "ledger_priv.h"

#include <pthread.h>
#include <sqlite3.h>

/* ---- map.c: keys of fixed length to pointers ------------------------------------------------- */

/* Open addressing; an item begins with its key. Keys may be chosen by an enemy, so they are mixed
   with a random salt. */
struct su_ledger_map {
    void **slots;
    size_t cap, n, key_bytes; /* cap: a power of two, or 0 */
    uint64_t salt[8];
};
void su_ledger_map_init(struct su_ledger_map *m, size_t key_bytes); /* 32 or 64 */
void su_ledger_map_fini(struct su_ledger_map *m); /* the items are the owner's */
void su_ledger_map_clear(struct su_ledger_map *m);
void *su_ledger_map_get(const struct su_ledger_map *m, const void *key);
/* Inserts, or replaces the item of that key and returns the one replaced in *old (NULL = none).
   False: out of memory, nothing changed. */
bool su_ledger_map_put(struct su_ledger_map *m, void *item, void **old);
/* Room for n more items, so that as many puts cannot fail. */
bool su_ledger_map_reserve(struct su_ledger_map *m, size_t n);
void *su_ledger_map_remove(struct su_ledger_map *m, const void *key); /* the item, or NULL */

/* ---- state.c: all accounts ------------------------------------------------------------------- */

struct su_ledger_node; /* one key: its account and its places in the two indices */
struct su_ledger_state {
    struct su_ledger_map nodes, owners, token_owners;
    uint64_t lamports; /* sum over all */
};
void su_ledger_state_init(struct su_ledger_state *s);
void su_ledger_state_fini(struct su_ledger_state *s);
/* Borrowed; NULL when there is none. */
const struct su_ledger_account *su_ledger_state_get(const struct su_ledger_state *s,
                                                    const uint8_t key[32]);
/* Takes a's reference; an account without lamports is removed. False: out of memory; then the state
   is unchanged and a is still the caller's. */
bool su_ledger_state_put(struct su_ledger_state *s, const struct su_ledger_account *a);
/* Room for n puts, which then cannot fail. */
bool su_ledger_state_reserve(struct su_ledger_state *s, size_t n);
/* Calls fn for every account of that owner (or token owner) until it returns false. */
bool su_ledger_state_each(const struct su_ledger_state *s, const uint8_t owner[32], bool token,
                          bool (*fn)(void *ctx, const struct su_ledger_account *a), void *ctx);

/* ---- db.c: the file -------------------------------------------------------------------------- */

struct su_ledger_db {
    sqlite3 *w, *r; /* the executing thread's and the readers'; one connection in memory */
    pthread_mutex_t lock; /* of r, and of w when they are one */
    int lock_fd;
    char path[1024];
    sqlite3_stmt *put_account, *del_account, *put_tx, *put_address, *put_ring, *put_block,
        *put_meta;
};
/* One transaction that landed in the batch. */
struct su_ledger_job;
struct su_ledger_landed {
    uint64_t seq;
    struct su_ledger_job *job; /* its tx */
    const struct su_ledger_tx *tx;
    struct su_ledger_result result;
};
struct su_ledger_slot { /* a slot that has ended */
    uint64_t slot, transactions;
    int64_t unix_time;
    uint8_t hash[32];
};
SU_CHECK enum su_code su_ledger_db_open(struct su_ledger_db *d, const char *dir, bool fast,
                                        struct su_err *e);
void su_ledger_db_close(struct su_ledger_db *d);
SU_CHECK enum su_code su_ledger_db_fail(struct su_ledger_db *d, sqlite3 *h, struct su_err *e);
SU_CHECK enum su_code su_ledger_db_begin(struct su_ledger_db *d, struct su_err *e);
/* Commits when c is SU_OK, else rolls back; returns c, or why the commit failed. */
SU_CHECK enum su_code su_ledger_db_end(struct su_ledger_db *d, enum su_code c, struct su_err *e);
SU_CHECK enum su_code su_ledger_db_put_account(struct su_ledger_db *d,
                                               const struct su_ledger_account *a, struct su_err *e);
SU_CHECK enum su_code su_ledger_db_put_landed(struct su_ledger_db *d,
                                              const struct su_ledger_landed *t, struct su_err *e);
SU_CHECK enum su_code su_ledger_db_put_slot(struct su_ledger_db *d, const struct su_ledger_slot *s,
                                            struct su_err *e);
SU_CHECK enum su_code su_ledger_db_put_meta(struct su_ledger_db *d, const char *key,
                                            const void *value, size_t n, struct su_err *e);
/* *found says whether the key is there with exactly n bytes. */
SU_CHECK enum su_code su_ledger_db_get_meta(struct su_ledger_db *d, const char *key, void *value,
                                            size_t n, bool *found, struct su_err *e);
SU_CHECK enum su_code su_ledger_db_load_accounts(struct su_ledger_db *d, struct su_ledger_state *s,
                                                 struct su_err *e);
SU_CHECK enum su_code su_ledger_db_load_ring(struct su_ledger_db *d, struct su_ledger_ring *ring,
                                             struct su_err *e);
SU_CHECK enum su_code su_ledger_db_put_ring(struct su_ledger_db *d,
                                            const struct su_ledger_ring_entry *s, uint64_t place,
                                            struct su_err *e);
SU_CHECK enum su_code su_ledger_db_put_number(struct su_ledger_db *d, const char *key, uint64_t v,
                                              struct su_err *e);
/* 0 when it is not there. */
SU_CHECK enum su_code su_ledger_db_get_number(struct su_ledger_db *d, const char *key, uint64_t *v,
                                              struct su_err *e);
SU_CHECK enum su_code su_ledger_db_close_blocks(struct su_ledger_db *d, struct su_err *e);
/* Calls fn for every transaction of slots >= slot, oldest first. */
struct su_ledger_recent {
    uint8_t message_hash[32], sig[64];
    uint64_t slot;
    struct su_ledger_failure failure;
};
SU_CHECK enum su_code su_ledger_db_load_recent(struct su_ledger_db *d, uint64_t slot,
                                               bool (*fn)(void *ctx,
                                                          const struct su_ledger_recent *t),
                                               void *ctx, struct su_err *e);
/* Sequence number and slot of the newest transaction, 0 when there is none. */
SU_CHECK enum su_code su_ledger_db_last(struct su_ledger_db *d, uint64_t *seq, uint64_t *slot,
                                        struct su_err *e);
/* history.c */
bool su_ledger_db_find_status(struct su_ledger_db *d, const uint8_t sig[64],
                              struct su_ledger_status *out);

/* ---- result.c: results as bytes -------------------------------------------------------------- */

void su_ledger_result_encode(const struct su_ledger_result *r, struct su_buf *out);
/* The bytes come from our own file and are checked all the same. SU_EFORMAT, SU_ENOMEM. */
SU_CHECK enum su_code su_ledger_result_decode(const uint8_t *data, size_t n,
                                              struct su_ledger_result *r, struct su_err *e);

/* ---- bank.c, batch.c, slots.c ---------------------------------------------------------------- */

/* In the last few hundred slots: who was here. */
struct su_ledger_seen {
    uint8_t sig[64]; /* first: key */
    uint8_t message_hash[32];
    uint64_t slot;
    struct su_ledger_failure failure;
    struct su_ledger_seen *next; /* in order of slots */
};
struct su_ledger_seen_message {
    uint8_t message_hash[32]; /* first: key */
    struct su_ledger_seen *seen;
};

struct su_ledger_job {
    struct su_ledger_job *next;
    const struct su_ledger_tx *tx; /* the waiter's, or own */
    struct su_ledger_result *result; /* where the waiter wants it; may be NULL */
    struct su_err *err;
    enum su_code code;
    bool wait, done;
    uint64_t advance; /* no transaction: that many slots */
    pthread_cond_t cond;
    struct su_ledger_tx own[]; /* one, without wait */
};

struct su_ledger_paid { /* for su_ledger_prices */
    uint64_t slot, price;
    size_t n_keys;
    uint8_t keys[SU_LEDGER_KEYS_MAX][32]; /* written ones */
};
#define SU_LEDGER_PAID_MAX 1024
#define SU_LEDGER_JOBS_MAX 16384
#define SU_LEDGER_BATCH_MAX 1024

struct su_ledger {
    struct su_ledger_db db;
    const struct su_ledger_native *natives;
    size_t n_natives;
    struct su_ledger_native splitup; /* the default */
    uint32_t ms_per_slot;
    bool manual;
    uint8_t seed[32], genesis[32], mint[32], faucet[32], faucet_secret[64];

    /* Guarded by lock: written by the executing thread alone, which reads without it. */
    pthread_rwlock_t lock;
    struct su_ledger_state state;
    struct su_ledger_ring ring;
    uint64_t burned, transactions;
    struct su_ledger_map seen, seen_messages;
    struct su_ledger_seen *seen_first, *seen_last;
    struct su_ledger_paid *paid; /* ring of SU_LEDGER_PAID_MAX */
    uint64_t n_paid;

    /* The executing thread's own. */
    struct su_ledger_map overlay; /* accounts of the batch, not on disk yet */
    struct su_ledger_map batch_messages; /* keys of message hashes in the batch's transactions */
    struct su_ledger_landed batch[SU_LEDGER_BATCH_MAX];
    size_t n_batch;
    uint64_t batch_fees, next_seq, slot_start_ns, slot_reserved, ring_written, slot_transactions;
    uint8_t slot_mix[32]; /* of the signatures of the open slot */
    struct su_ledger_slot unwritten[SU_LEDGER_SLOT_HASHES]; /* ended, with transactions */
    size_t n_unwritten;

    /* Guarded by mutex. */
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    struct su_ledger_job *first, *last;
    size_t n_jobs;
    bool stop, started;
    pthread_t thread;
    uint64_t airdrops;
};

/* slots.c, on the executing thread. */
void su_ledger_slots_pass(struct su_ledger *l, uint64_t n);
/* Lets the slots pass that the clock says have passed. */
void su_ledger_slots_due(struct su_ledger *l);
uint64_t su_ledger_slot_ns(const struct su_ledger *l);
bool su_ledger_slot_over(const struct su_ledger *l);
/* Writes what the file does not know of slots yet, inside a transaction of the file. */
SU_CHECK enum su_code su_ledger_slots_write(struct su_ledger *l, struct su_err *e);
void su_ledger_slots_written(struct su_ledger *l);
SU_CHECK enum su_code su_ledger_slots_open(struct su_ledger *l, struct su_err *e);
int64_t su_ledger_unix_time(const struct su_ledger *l, uint64_t slot);
/* Remembers a transaction (maps reserved); takes nothing. */
void su_ledger_seen_add(struct su_ledger *l, const struct su_ledger_recent *t);
bool su_ledger_seen_message(const struct su_ledger *l, const uint8_t hash[32]);
void su_ledger_seen_fini(struct su_ledger *l);

/* batch.c: the thread. */
void *su_ledger_thread(void *l);
/* Queues a job; SU_EBUSY when there are too many. */
SU_CHECK enum su_code su_ledger_job_push(struct su_ledger *l, struct su_ledger_job *j,
                                         struct su_err *e);
void su_ledger_job_await(struct su_ledger *l, struct su_ledger_job *j);

/* bank.c: runs a transaction of the ledger's own whose signatures nobody has checked, and waits. */
SU_CHECK enum su_code su_ledger_run_trusted(struct su_ledger *l, const struct su_ledger_tx *tx,
                                            struct su_ledger_result *r, struct su_err *e);

/* genesis.c: keys from the seed; the first accounts; accounts of natives that are new. */
void su_ledger_genesis_keys(struct su_ledger *l);
SU_CHECK enum su_code su_ledger_genesis_make(struct su_ledger *l, struct su_err *e);
SU_CHECK enum su_code su_ledger_genesis_natives(struct su_ledger *l, struct su_err *e);
#define SU_LEDGER_TOTAL_LAMPORTS 500000000000000000u

/* Sysvars as accounts; NULL for other keys. */
const struct su_ledger_account *su_ledger_sysvar_account(const struct su_ledger_ring *ring,
                                                         const uint8_t key[32]);

#endif
