// SPDX-License-Identifier: MIT
/* The table of a round and the assignment computed from it. Pure and deterministic: a proposer makes
   both, every other oracle computes the assignment again and compares the table with its own view.
   Integers and SHA-256 only. */
#ifndef SU_ORACLE_TABLE_H
#define SU_ORACLE_TABLE_H

#include "abi/abi.h"
#include "chain/chain.h"
#include "wire/wire.h"

/* ---- what is computed from ------------------------------------------------------------------- */

/* A node as one oracle sees it, for one model. */
struct table_view {
    uint8_t identity[32], owner[32];
    uint8_t declared[16]; /* bit i: it declares task i of the model on chain */
    uint8_t loaded[16]; /* of these, what its heartbeats say is loaded */
    uint64_t vram_bytes; /* offered, on chain */
    uint64_t stake_free; /* on chain now */
    uint64_t stake_low, stake_high; /* least and most of it in the last rounds */
    bool fit; /* on chain, with the configured numerics */
    bool online, ready; /* ready: online, loaded, with room for one more execution and a check */
    bool steady; /* ready, and has said the same, for three rounds */
    bool rests; /* slashed a short while ago: others go first */
};
/* A task of the execution that is to be assigned. */
struct table_task {
    uint64_t fee; /* for the steps asked for */
    uint32_t sampling_ppm;
    uint64_t vram_bytes; /* fixed and of one session */
    uint8_t consumers[16]; /* bit i: task i takes one of its outputs */
};

/* ---- tables ---------------------------------------------------------------------------------- */

struct table_row {
    uint8_t identity[32], owner[32], tasks[16];
    uint64_t weight; /* free stake */
};
struct table {
    struct table_row *row; /* ascending by identity */
    uint32_t n;
    uint64_t total;
    uint32_t owner_share_ppm; /* of the largest owner, rounded up */
};
/* The view of an identity, NULL: none. */
const struct table_view *table_view_of(const struct table_view *view, size_t n,
                                       const uint8_t identity[32]);
void table_fini(struct table *t); /* a zeroed one is allowed */
/* The table of those that are ready and do not rest: weight = free stake, tasks = loaded. Of more than
   SU_WIRE_ROWS_MAX the heaviest. SU_ENOENT: nobody is; SU_ENOMEM. On failure *t is zeroed. */
SU_CHECK enum su_code table_make(const struct table_view *view, size_t n, struct table *t,
                                 struct su_err *e);
/* Takes a table out of a frame that was verified and passed su_wire_table_check. SU_EINVAL: rows out
   of order or twice, weights or total out of range, a share that is not that of the weights. As
   above. */
SU_CHECK enum su_code table_read(const struct su_wire_message *m, struct table *t,
                                 struct su_err *e);
/* The rows as the data of a frame. Errors of su_buf_check. */
SU_CHECK enum su_code table_write(const struct table *t, struct su_buf *data, struct su_err *e);

/* Compares a proposed table with one's own view (ascending by identity). SU_EACCES: a row is no fit
   node of that owner, declares less, or has another weight than its free stake in the last rounds; a
   node that was steady, and does not rest, is missing, or a task of it. The message says which and
   why. */
SU_CHECK enum su_code table_check(const struct table *t, const struct table_view *view, size_t n,
                                  struct su_err *e);

/* ---- assignments ----------------------------------------------------------------------------- */

struct table_job {
    const struct su_params *params;
    const struct table *table;
    const uint64_t *vram_bytes; /* per row, offered on chain */
    const struct table_task *task;
    uint16_t n_task; /* 1 to SU_TASKS_MAX */
    uint8_t model[32]; /* its address */
    uint8_t seed[32];
};
/* As many tasks as one row takes if others can take the rest. */
unsigned table_third(uint16_t n_task);
/* Where each row is at home. The tasks are cut into segments of a third, adjacent ones together; the
   rows go, in the order of the number of segments they offer a task of, then of
   sha256("splitup/home" model identity), each to that of its segments with the least weight at home so
   far (the first of several), weights rounded down to powers of two, so that stake that is reserved
   now and then moves nobody. home[i] = TABLE_HOMELESS: it offers nothing. Executions of one model so
   meet at the same nodes, which read one part of its weights for many at once, and as each segment has
   about as much weight at home, weight earns about as much in any. Whoever checks is drawn, long after
   the work was done, from all that offer the task, at home or not: that all know who will work where
   helps nobody to lie. SU_ENOMEM. */
enum { TABLE_HOMELESS = 0xff };
SU_CHECK enum su_code table_homes(const struct table_job *j, uint8_t *home, struct su_err *e);
/* Which row gets which task. Tasks go to nodes in the order of their index: adjacent ones stay on one
   node while it has memory and stake for them, but none takes more than a third of the tasks (rounded
   up) if others can; the next node is drawn with a probability proportional to its weight, among those
   that are at home there if one of them can. Every node keeps stake for a check beside what it gets,
   and every task a validator: a node of another owner, best one that does not consume its output, with
   stake for it. Where that is impossible the wishes are dropped in this order: the home, the third,
   the validator that is no consumer, the stake for a check.
   SU_ENOENT: impossible; the message names a task and what is missing. SU_EINVAL: the stake of a task
   exceeds what is allowed. SU_ENOMEM. */
SU_CHECK enum su_code table_assign(const struct table_job *j, uint16_t row_of_task[SU_TASKS_MAX],
                                   struct su_err *e);
/* Another's assignment for the same job, le16 per task, agreed to: SU_EDIGEST: it is not what
   table_assign gives; SU_EACCES: a chosen node is not online in this view, or its stake is not free
   now. Errors of table_assign. */
SU_CHECK enum su_code table_agree(const struct table_job *j, const uint8_t *rows_of_tasks,
                                  const struct table_view *view, size_t n, struct su_err *e);
/* A node for one task whose node failed: order of the rows by weighted draws from the seed; the first
   for which may(ctx, row) holds. SU_ENOENT: none. */
SU_CHECK enum su_code table_reassign(const struct table *t, uint16_t task, const uint8_t seed[32],
                                     bool (*may)(void *ctx, uint32_t row), void *ctx, uint32_t *row,
                                     struct su_err *e);

/* seed = sha256("splitup/assign" execution attempt le32(round) slot_hash) */
void table_seed(const uint8_t execution[32], uint8_t attempt, uint32_t round,
                const uint8_t slot_hash[32], uint8_t seed[32]);
/* Whose turn it is to propose: number of an oracle of the epoch, the next one in the next round. */
unsigned table_proposer(const uint8_t execution[32], uint32_t round, unsigned oracles);

#endif
