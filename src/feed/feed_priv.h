// SPDX-License-Identifier: MIT
#ifndef SU_FEED_PRIV_H
#define SU_FEED_PRIV_H

#include "cache/cache.h"
#include "chain/chain.h"
#include "feed/feed.h"

#include <pthread.h>
#include <stdatomic.h>

#define FEED_CLOSED_MAX 500u /* executions kept after their accounts are gone */
#define FEED_SAMPLES_MAX 5000u /* of closed executions */
#define FEED_WATCH_ALL 200u /* so many nodes are read in every round; beyond, only own ones */
#define FEED_LIST_MS 30000 /* between two listings of everything */
#define FEED_NEVER INT64_MIN

/* Accounts of one kind as last read, by key. */
struct feed_account {
    uint8_t key[32];
    const uint8_t *data; /* su_acc_bytes of the tag, 8-byte aligned, owned */
};
struct feed_accounts {
    struct feed_account *items;
    size_t n, cap;
};
/* Puts a copy in, replacing an older one. False: out of memory. */
bool feed_accounts_put(struct feed_accounts *a, uint8_t tag, const uint8_t key[32],
                       const uint8_t *data);
const void *feed_accounts_find(const struct feed_accounts *a, const uint8_t key[32]); /* or NULL */
void feed_accounts_remove(struct feed_accounts *a, const uint8_t key[32]);
void feed_accounts_fini(struct feed_accounts *a);

/* An execution whose accounts are read in every round. */
struct feed_live {
    uint8_t key[32];
    int64_t seen_ms, final_ms;
    struct su_acc_execution execution;
    struct su_acc_assignment *assignment; /* execution.task_count; tag 0 where none is open */
    struct su_acc_check (*check)[SU_VALIDATORS_MAX]; /* the same; tag 0 where none */
    bool gone;
};
/* Its rows, made when it is shown, or once when it is closed. */
struct feed_rows {
    struct su_feed_execution execution;
    struct su_feed_part *part;
    struct su_feed_sample *sample;
    uint32_t n_part, n_sample;
};
void feed_rows_fini(struct feed_rows *r);

/* What an oracle or a node says of a node (its heartbeats), and a node of an execution's task. */
struct feed_beat {
    uint8_t identity[32];
    bool online;
    char status[16];
    int64_t heard_ms;
    uint32_t missed, rtt_ms;
    uint8_t beats[SU_FEED_BEATS];
};
struct feed_work {
    uint8_t execution[32];
    uint16_t task;
    uint32_t steps, compute_ms, wait_ms, network_ms;
    char backend[16];
};
struct feed_member { /* an oracle's own answer */
    uint8_t key[32];
    bool answers;
    int64_t heard_ms;
    uint32_t round;
};

struct feed_world { /* all under su_feed.lock */
    bool has_env, has_params, has_genesis;
    struct su_chain_env env;
    struct su_params params;
    uint8_t genesis[32];
    uint64_t slot;
    struct su_acc_config config; /* tag 0: not read */
    struct su_acc_pool pool;
    struct feed_accounts model, task, node, oracle;
    uint64_t wallet_lamports, wallet_usdc, refund;

    struct feed_live *live;
    size_t n_live, cap_live;
    struct feed_rows *closed; /* oldest first */
    size_t n_closed, cap_closed;

    struct feed_beat *beat; /* by identity */
    size_t n_beat;
    struct feed_work *work;
    size_t n_work;
    struct feed_member member[SU_ORACLES_MAX];
    size_t n_member;
    uint8_t (*hint)[32]; /* executions that an oracle watches */
    size_t n_hint;
    uint8_t watch[8][32]; /* by su_feed_watch, a ring */
    size_t n_watch; /* ever */
    struct su_feed_own own;

    struct su_feed_point earned[SU_FEED_HISTORY];
    size_t n_earned;
    uint64_t earned_now, claimed; /* on chain at the last look; claimed before it */
    struct su_feed_source source[SU_FEED_ORIGINS];
};

struct su_feed {
    struct su_feed_options o;
    char url[1024], node_url[256];
    uint8_t wallet[32], identity[32];
    struct su_chain *chain;
    struct su_cache *cache; /* of the chain's thread */
    pthread_t chain_thread, peer_thread;
    bool started[2];
    pthread_mutex_t lock;
    pthread_cond_t wake;
    atomic_bool stopping;
    bool hurry[2], answered[2]; /* of the threads; under lock */
    struct su_err chain_error;
    struct feed_world w;
    struct su_feed_log *log; /* ring of o.log_max */
    uint64_t log_next; /* number of the next line, from 1 */
    const struct su_feed_snapshot *newest;
    uint64_t number;
    int fd;
};

/* ---- chain.c, cases.c, peers.c, rows.c, history.c ---------------------------------------------- */

/* One round of reading; takes the lock only to put results in. */
SU_CHECK enum su_code feed_chain_round(struct su_feed *f, bool list, struct su_err *e);
/* The same of executions: those known, and those in hints that are not. */
SU_CHECK enum su_code feed_cases_round(struct su_feed *f, struct su_err *e);
void feed_live_fini(struct feed_live *l);
/* Adds an execution's account if it is not known; under lock. False: out of memory. */
bool feed_live_add(struct feed_world *w, const uint8_t key[32], const struct su_acc_execution *x,
                   int64_t now_ms);
/* Rows of an execution. False: out of memory, *out is empty. */
bool feed_rows_make(const struct su_feed *f, const struct feed_live *l, struct feed_rows *out);
/* Asks oracles and the own node; false when none is configured or known. */
void feed_peers_round(struct su_feed *f);
/* Makes a snapshot of the world; NULL: out of memory. Under lock. */
struct su_feed_snapshot *feed_snapshot_make(struct su_feed *f);
/* An empty one, and the arena that its lists go into, which ends with it. NULL: out of memory. */
struct su_feed_snapshot *feed_snapshot_new(struct su_arena **mem);
/* Reads what the cache knows of the cluster; keeps a closed execution. Chain's thread. */
void feed_history_load(struct su_feed *f);
void feed_history_keep(struct su_feed *f, const struct feed_rows *r);
void feed_history_earned(struct su_feed *f); /* under lock: a point when it has changed */

/* A stranger's text, harmless and cut. */
void feed_text(char *dst, size_t cap, const void *src, size_t n);
/* True while there is time to go on. */
bool feed_running(void *f);
void feed_sha256(const struct su_part *parts, uint64_t n, uint8_t out[32]);

#endif
