// SPDX-License-Identifier: MIT
/* feed: the read side. One thread asks the chain, the oracles and this machine's node, writes what
   is new into the cache, and publishes immutable snapshots; user interfaces, read verbs and the
   gateway look at nothing else. A snapshot never changes and is shared by reference count.

   Unknown numbers are UINT64_MAX (SU_FEED_UNKNOWN), unknown times INT64_MIN, unknown texts "".
   Texts come from strangers (names, endpoints, error lines): already valid UTF-8 without control
   characters, cut to their arrays. Amounts are millionths of a USDC, keys 32 bytes. */
#ifndef SU_FEED_H
#define SU_FEED_H

#include "abi/abi.h"
#include "base/base.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SU_FEED_UNKNOWN UINT64_MAX
#define SU_FEED_BEATS 60u /* heartbeats remembered of a node */
#define SU_FEED_HISTORY 120u /* points of a history */

/* ---- where it comes from ---------------------------------------------------------------------- */

enum su_feed_origin { SU_FEED_CHAIN, SU_FEED_ORACLES, SU_FEED_NODE, SU_FEED_ORIGINS };
struct su_feed_source {
    char url[128]; /* "" = not configured */
    bool loading; /* never answered yet */
    bool ok; /* the last call succeeded */
    int64_t good_ms; /* wall clock of the last good answer; INT64_MIN = never */
    int64_t retry_ms; /* wall clock of the next try when not ok */
    uint32_t failures; /* in a row */
    uint32_t rtt_ms;
    char error[160]; /* of the last failure */
};

/* ---- rows: every list is sorted by its key, so that a row can be found again ------------------- */

struct su_feed_task { /* of a model */
    uint8_t key[32];
    uint16_t index;
    uint32_t owners, nodes; /* that declare it; of nodes those online */
    uint64_t vram_fixed_bytes, vram_session_bytes, weight_bytes, macs_per_step;
    uint64_t fee; /* of one step */
    uint32_t sampling_ppm;
    uint64_t bytes_out; /* per step, over all outputs */
    uint8_t consumers[16];
};
enum su_feed_model_state { /* from worst to best */
                           SU_FEED_MODEL_DRAFT, /* not finalised */
                           SU_FEED_MODEL_WAITING, /* a task has too few owners: requests are refused */
                           SU_FEED_MODEL_THIN, /* every task just enough owners online */
                           SU_FEED_MODEL_LIVE
};
struct su_feed_model {
    uint8_t key[32], creator[32], digest[32];
    char name[SU_NAME_MAX + 1], uri[SU_URI_MAX + 1];
    enum su_feed_model_state state;
    uint32_t first_task, n_task; /* in snapshot.task */
    uint32_t nodes; /* distinct nodes that declare a task of it */
    uint32_t min_owners; /* of its tasks */
    bool generates; /* has a task that samples tokens */
    uint64_t weight_bytes, macs_per_step, fee_per_step;
    uint64_t executions, settled; /* seen by this feed */
    uint32_t p50_ms, p95_ms; /* submission to final, of the last ones seen; UINT32_MAX = unknown */
};

enum su_feed_node_state {
    SU_FEED_NODE_UNKNOWN, /* no oracle told */
    SU_FEED_NODE_DOWN,
    SU_FEED_NODE_LATE, /* missed the last heartbeat */
    SU_FEED_NODE_LOADING,
    SU_FEED_NODE_DRAINING,
    SU_FEED_NODE_UNFIT,
    SU_FEED_NODE_OK
};
struct su_feed_node {
    uint8_t identity[32], owner[32];
    bool own_identity, own_owner; /* this machine's node; this wallet owns it */
    char endpoint[SU_ENDPOINT_MAX + 1];
    enum su_feed_node_state state;
    uint64_t stake_free, stake_reserved, stake_unlocking, earned;
    uint64_t vram_bytes;
    uint32_t declared, completed, verified, failed, slashed, checks;
    int64_t last_beat_ms; /* wall clock; INT64_MIN = never */
    uint32_t missed, rtt_ms; /* UINT32_MAX = unknown */
    uint8_t beats[SU_FEED_BEATS]; /* 1 = came, 0 = missed, 2 = before its first; newest last */
};
struct su_feed_ticket {
    uint8_t node[32];
    uint8_t number;
    uint64_t amount, unlock_slot;
};
struct su_feed_oracle {
    uint8_t key[32], owner[32];
    char endpoint[SU_ENDPOINT_MAX + 1];
    bool in_epoch, answers; /* answers: its /api/status was read lately */
    uint64_t bond, earned;
    uint32_t votes, silent;
    int64_t age_ms; /* since it was heard of; INT64_MIN = never */
    uint32_t round;
};

struct su_feed_part { /* one task of an execution */
    uint32_t execution; /* in snapshot.execution */
    uint16_t task;
    uint8_t state, attempt; /* enum su_task_state */
    uint16_t flags; /* enum su_task_flags */
    uint8_t node[32], owner[32]; /* asserter; zero = none */
    uint64_t fee;
    uint32_t sampling_ppm;
    uint8_t commit[32], output_root[32], check_output_root[32]; /* zero = not there */
    uint8_t dispute, verdict;
    uint32_t steps_done; /* as its node tells; UINT32_MAX = unknown */
    uint32_t compute_ms, wait_ms, network_ms; /* as its node tells; UINT32_MAX = unknown */
    char backend[16];
};
struct su_feed_execution {
    uint8_t key[32], requestor[32], model[32];
    char model_name[SU_NAME_MAX + 1];
    bool own; /* this wallet asked for it */
    bool closed; /* its accounts are gone; from the cache */
    uint8_t state, void_cause; /* enum su_exec_state, su_void_cause */
    uint64_t nonce, seed, epoch;
    uint32_t max_steps, steps;
    uint64_t request_slot, submit_slot, deadline_slot, phase_slot;
    int64_t seen_ms, final_ms; /* wall clock; INT64_MIN = not yet */
    uint64_t escrow, fees, surcharge, oracle_fee;
    /* Of tasks. matched: revealed, and equal to what their producers, validators and consumers have. */
    uint16_t task_count, assigned, committed, sampled, checked, revealed, matched, faults;
    uint32_t first_part; /* in snapshot.part; task_count of them */
};

enum su_feed_verdict {
    SU_FEED_PENDING, /* no validator yet */
    SU_FEED_RUNNING, /* a validator has accepted */
    SU_FEED_POSTED, /* roots posted, not revealed yet */
    SU_FEED_MATCH,
    SU_FEED_MISMATCH, /* a dispute is open, or decided against somebody */
    SU_FEED_SILENT, /* the validator let the deadline pass */
    SU_FEED_COMMITTEE /* no validator: the committee checks */
};
struct su_feed_sample { /* one sampled task and one validator of it; number 255 = none yet */
    uint8_t execution[32];
    uint16_t task;
    uint8_t number;
    char model_name[SU_NAME_MAX + 1];
    enum su_feed_verdict verdict;
    uint32_t threshold_ppm; /* rate in force: the task's own, or more when oracles were silent */
    uint32_t draw; /* u32 of sha256(beta, task): sampled when draw * 10^6 < threshold_ppm * 2^32 */
    uint8_t asserter[32], asserter_owner[32], validator[32], validator_owner[32];
    bool own_asserter, own_validator;
    uint8_t asserter_root[32], validator_root[32]; /* output roots; zero = not shown yet */
    uint8_t dispute, chain_verdict; /* enum su_dispute, su_verdict */
    uint32_t dispute_step; /* first step that differs; UINT32_MAX = unknown */
    char dispute_text[160]; /* what the oracles found: op and both values */
    uint64_t slot; /* of the draw */
    int64_t seen_ms, done_ms;
    uint64_t fee;
};

enum su_feed_log_level { SU_FEED_ERROR, SU_FEED_WARN, SU_FEED_INFO, SU_FEED_DEBUG };
struct su_feed_log {
    uint64_t number; /* grows */
    int64_t at_ms;
    enum su_feed_log_level level;
    char topic[16], text[240];
};

/* What this machine's node says of itself (its /api/status). */
struct su_feed_own {
    bool known; /* the rest is meaningful */
    char state[16], backend[16], device[96];
    uint64_t uptime_ms, vram_bytes, vram_used_bytes;
    uint32_t beats_sent, beats_acknowledged;
    int64_t beat_ms;
    struct su_feed_own_task {
        uint8_t task[32], model[32];
        uint16_t index;
        char state[12]; /* fetching loading ready failed */
        uint64_t done_bytes, total_bytes;
        char error[120];
    } task[SU_DECLARED_MAX];
    uint32_t n_task;
};

struct su_feed_point { /* of a history, oldest first */
    int64_t at_ms;
    uint64_t value;
};

struct su_feed_snapshot {
    uint64_t number; /* grows by one */
    int64_t made_ms; /* wall clock */
    struct su_feed_source source[SU_FEED_ORIGINS];

    /* cluster */
    char cluster[32]; /* "devnet", "localhost", or the host of the URL */
    uint64_t slot, epoch; /* UNKNOWN */
    uint32_t ms_per_slot; /* 0 = unknown */
    bool set_up; /* the program is there and has its state */
    struct su_params params; /* meaningful when set_up */
    uint64_t pool_balance, pool_claims;

    /* the wallet, when one is named */
    bool has_wallet;
    uint8_t wallet[32];
    uint64_t wallet_lamports, wallet_usdc; /* UNKNOWN */
    uint64_t refund; /* to be claimed */

    /* this machine's node identity, when there is one */
    bool has_identity;
    uint8_t identity[32];
    struct su_feed_own own;

    const struct su_feed_model *model; /* by key */
    const struct su_feed_task *task; /* of a model together, by index */
    const struct su_feed_node *node; /* by identity */
    const struct su_feed_ticket *ticket; /* of own nodes */
    const struct su_feed_oracle *oracle; /* those of the epoch first, in its order */
    const struct su_feed_execution *execution; /* newest submit_slot first, then by key */
    const struct su_feed_part *part;
    const struct su_feed_sample *sample; /* newest first */
    const struct su_feed_log *log; /* oldest first */
    size_t n_model, n_task, n_node, n_ticket, n_oracle, n_execution, n_part, n_sample, n_log;

    /* totals over what the cache knows */
    uint64_t checked_tasks, sampled_tasks; /* tasks drawn about, of which sampled */
    uint64_t compute_macs, check_macs; /* multiply-adds of all tasks run; of checks */
    uint64_t matches, mismatches;
    const struct su_feed_point *earned; /* of own nodes, cumulated */
    const struct su_feed_point *rate; /* settled executions per minute, all */
    size_t n_earned, n_rate;
};

/* ---- the feed --------------------------------------------------------------------------------- */

struct su_feed_options {
    const char *url; /* clusters or URLs with commas; must be given */
    const char *cache_path; /* cache.db; NULL: memory only */
    const uint8_t *wallet; /* 32 bytes, NULL = none */
    const uint8_t *identity; /* 32 bytes, NULL = no node of this machine */
    const char
        *node_url; /* "http://HOST:PORT" of this machine's node; NULL: its endpoint on chain */
    uint32_t period_ms; /* between two looks at what changes [1000]; at least 50 */
    uint32_t log_max; /* lines kept [2000] */
};
struct su_feed;
/* Starts the thread; asks nobody before it returns. A first snapshot with everything unknown is there
   at once. SU_EINVAL: url or period; SU_EIO and the like: the cache's folder; SU_ENOMEM. On failure
   *out is NULL. A damaged cache is set aside and made anew, with a line in the log. */
SU_CHECK enum su_code su_feed_open(const struct su_feed_options *o, struct su_feed **out,
                                   struct su_err *e);
void su_feed_close(
    struct su_feed *f); /* ends calls under way; snapshots taken stay. NULL allowed */
/* Becomes readable when there is a newer snapshot than the last one taken; for poll(2), not to be
   read or closed. */
int su_feed_fd(const struct su_feed *f);
/* The newest snapshot; never NULL and never blocks. Give it back with su_feed_release. */
const struct su_feed_snapshot *su_feed_take(struct su_feed *f);
void su_feed_release(const struct su_feed_snapshot *s); /* NULL allowed; any thread */
/* Asks again now rather than when it is due. */
void su_feed_hurry(struct su_feed *f);
/* Looks at an execution from now on, before any oracle names it; the last 8 are remembered. */
void su_feed_watch(struct su_feed *f, const uint8_t execution[32]);
/* Adds a line to the log: for what a user interface does itself. Any thread. */
void su_feed_note(struct su_feed *f, enum su_feed_log_level level, const char *topic,
                  const char *fmt, ...) SU_PRINTF(4, 5);
/* Waits until every configured source has answered or failed once, for read verbs. SU_ETIMEOUT; the
   error of the chain when that failed. */
SU_CHECK enum su_code su_feed_ready(struct su_feed *f, uint32_t timeout_ms, struct su_err *e);

#endif
