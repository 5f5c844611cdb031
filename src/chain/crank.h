// SPDX-License-Identifier: MIT
/* One execution with all that hangs on it, what can be done about it now, and who is waited for.
   Everything but loading and sending is a pure function of accounts and slot, so that oracles,
   nodes and requestors draw the same conclusions. The rules are those of abi/instructions.h.
   Included through chain.h. */
#ifndef SU_CHAIN_CRANK_H
#define SU_CHAIN_CRANK_H

#include "read.h"

/* ---- what the committee voted ---------------------------------------------------------------- */

/* Table and assignment whose roots stand in the execution; borrowed. Either may be NULL: not known
   (yet), and what needs it is then not possible. */
struct su_chain_voted {
    const struct su_ix_check_row *rows; /* with row, path_len and path; ranges in order, no gaps */
    size_t n_rows;
    const uint8_t (*nodes)[32]; /* identity per task */
    size_t n_nodes;
};
/* Fills row, path_len and path of n rows whose other fields are set (SU_TABLE_DEPTH_MAX bounds n),
   and gives root and depth of their tree: the least depth, filled up with zero leaves. SU_EINVAL: n
   is 0 or too large; SU_ENOMEM. */
SU_CHECK enum su_code su_chain_rows_prove(struct su_ix_check_row *rows, size_t n, uint8_t root[32],
                                          uint8_t *depth, struct su_err *e);
/* Root over the groups of n tasks' nodes (1 to SU_TASKS_MAX). */
void su_chain_nodes_root(const uint8_t (*nodes)[32], size_t n, uint8_t root[32]);
/* True when what is there of *v leads to the roots that x holds: anything else is refused by the
   program. SU_EXEC_ASSIGNING and later. */
bool su_chain_voted_fits(const struct su_chain_voted *v, const struct su_acc_execution *x);

/* ---- an execution ---------------------------------------------------------------------------- */

/* One node that has a part in it, or may get one. */
struct su_chain_part {
    uint8_t identity[32];
    bool node_read, reserve_read; /* asked for: NULL then means that there is none */
    const struct su_acc_node *node;
    const struct su_acc_reserve *reserve;
};
struct su_chain_case {
    uint8_t key[32];
    uint64_t slot; /* at which it was read */
    struct su_chain_env env;
    const struct su_acc_execution *execution;
    const struct su_acc_config *config; /* of execution->epoch */
    const struct su_acc_pool *pool;
    const struct su_acc_claim *claim; /* number pool->claims_head; NULL: not known */
    const struct su_acc_node *claim_node; /* whom it pays */
    bool claim_node_read; /* asked for: claim_node NULL then means that it was closed */
    const struct su_acc_assignment *assignments[SU_TASKS_MAX]; /* NULL: none is open */
    const struct su_acc_check *checks[SU_TASKS_MAX][SU_VALIDATORS_MAX]; /* NULL: none */
    struct su_chain_part *parts;
    size_t n_parts;
    const uint8_t *slot_hashes; /* the sysvar: le64 n, then n x (le64 slot, hash), newest first */
    size_t n_slot_hashes;
    /* private */
    struct su_arena mem;
    struct su_chain_accounts list;
    struct chain_wanted *wanted;
    size_t n_wanted;
};
void su_chain_case_fini(struct su_chain_case *c); /* a zeroed one is allowed */

/* Sorts accounts, in any order, into a case; those of others are passed over. `accounts` stay the
   caller's and must outlive the case. SU_ENOENT: the execution is not among them, or is gone;
   SU_ETYPE: its config or pool is not; SU_ENOMEM. On failure *out is zeroed. */
struct su_chain_case_from {
    const struct su_chain_env *env;
    const uint8_t *execution; /* 32 bytes */
    const struct su_chain_account *accounts; /* missing ones too: exists = false */
    size_t n;
    const uint8_t (*identities)[32]; /* whose node and reserve are among them if they exist */
    size_t n_identities;
    uint64_t slot;
};
SU_CHECK enum su_code su_chain_case_of(const struct su_chain_case_from *f,
                                       struct su_chain_case *out, struct su_err *e);

/* Reads it from the chain: one call (per SU_CHAIN_BATCH accounts) when nothing new came up since
   `before`, else two or three. Nodes and reserves read: of the asserters, the validators, the voted
   nodes while they are being assigned, the rows that the present draws fall on, everybody whose
   reserve was seen before, and `more`. When reserves are left at the end whose nodes are not known,
   one filtered listing finds them. SU_ENOENT: the execution is gone (it has ended and was closed,
   or never was). On failure *out is zeroed. */
struct su_chain_case_hints { /* all optional */
    const struct su_chain_case *before; /* not *out */
    const struct su_chain_voted *voted;
    const uint8_t (*more)[32]; /* identities */
    size_t n_more;
};
SU_CHECK enum su_code su_chain_case_load(struct su_chain *c, const struct su_chain_env *env,
                                         const uint8_t execution[32],
                                         const struct su_chain_case_hints *hints,
                                         struct su_chain_case *out, struct su_err *e);
/* The part of an identity; NULL: not known. */
const struct su_chain_part *su_chain_case_part(const struct su_chain_case *c,
                                               const uint8_t identity[32]);
struct su_chain_at su_chain_case_at(const struct su_chain_case *c, uint16_t task, uint8_t check);
struct su_msg_scope su_chain_case_scope(const struct su_chain_case *c); /* borrows from c */

/* ---- glances --------------------------------------------------------------------------------- */

/* The part of an account in which everything shows that moves what hangs on it: of an execution its
   state, counters and tasks. Who compares it reads the rest only when it has changed. */
#define SU_CHAIN_GLANCE_AT 128u
struct su_chain_glance {
    uint8_t key[32];
    size_t n; /* bytes from SU_CHAIN_GLANCE_AT on; 0: whatever is there is a change */
    uint8_t bytes[sizeof(struct su_acc_execution) - SU_CHAIN_GLANCE_AT];
    bool changed; /* of su_chain_glance: the account is other than that, or gone */
};
/* What is to be compared of an execution as it was read; of another account, its bytes up to `end`
   (at most the size of an execution). */
void su_chain_glance_of(struct su_chain_glance *g, const struct su_chain_case *c);
void su_chain_glance_at(struct su_chain_glance *g, const uint8_t key[32], const void *data,
                        uint64_t end);
/* Compares n accounts, in one call (per SU_CHAIN_BATCH). *slot: when. On failure no `changed` is
   set. */
SU_CHECK enum su_code su_chain_glance(struct su_chain *c, struct su_chain_glance *const *g,
                                      size_t n, uint64_t *slot, struct su_err *e);

/* ---- what anybody can do now ----------------------------------------------------------------- */

/* One instruction that would succeed by itself. Pointers borrow from the case and from `voted`. */
struct su_chain_crank {
    uint8_t number; /* SU_IX_... */
    uint8_t check; /* number of the Check */
    uint8_t part; /* assign: group; slash: who; pay_oracle: number; match: mask; freeze: fallback */
    uint16_t task;
    bool alone; /* it may end what makes others of the list possible: a transaction of its own */
    bool spare; /* another of the list serves better: for when that one does not work */
    bool claims; /* pay_check that opens a claim */
    uint32_t hash_index; /* freeze */
    uint32_t units; /* compute units it will need about */
    uint64_t since_slot; /* possible since then at the latest */
    uint64_t claim; /* pay_check: number of the claim it opens; claim_pay: of the one it pays */
    const uint8_t *identity, *rent_payer;
    const struct su_ix_check_row *row;
    const struct su_chain_voted *voted;
};
#define SU_CHAIN_CRANKS_MAX 1024u /* never more of one execution */

struct su_chain_crank_by {
    uint64_t slot; /* now; at least case.slot */
    const struct su_chain_voted *voted; /* NULL: not known */
    /* The requestor's key when it signs and accepts the result: conclude need not wait. Else
       NULL. */
    const uint8_t *accepting;
};
/* Every permissionless instruction of this execution, and payment of the pool's oldest claim, that
   can succeed in slot by->slot, into out[cap], most urgent first; how many. */
size_t su_chain_crank(const struct su_chain_case *c, const struct su_chain_crank_by *by,
                      struct su_chain_crank *out, size_t cap);
/* Appends it; b->payer pays rents and signs conclude. */
void su_chain_crank_append(struct su_chain_batch *b, const struct su_chain_case *c,
                           const struct su_chain_crank *k);
/* Divides a list into transactions paid by `payer`: puts what can go together into order (spare
   ones last), numbers the claims, and writes where each transaction ends into ends[cap]: the first is
   items[0 .. ends[0]), the next items[ends[0] .. ends[1]) ...; how many transactions, spare ones
   (one each) not counted. SU_ENOMEM. */
SU_CHECK enum su_code su_chain_crank_pack(const struct su_chain_case *c, const uint8_t payer[32],
                                          struct su_chain_crank *items, size_t n, size_t *ends,
                                          size_t cap, size_t *n_transactions, struct su_err *e);

/* Whose turn it is to send: rank 0 at once, rank k when it has been possible for k times 2 rounds.
   Of the epoch's oracles the ranks rotate with the execution. */
#define SU_CHAIN_RANK_REQUESTOR 3u
unsigned su_chain_crank_rank(const struct su_chain_case *c, unsigned oracle_number);
bool su_chain_crank_ripe(const struct su_chain_case *c, const struct su_chain_crank *k,
                         unsigned rank, uint64_t slot);

/* Packs and sends, one transaction after the other; one that fails because of one instruction is
   tried again instruction by instruction. What somebody else did meanwhile is no error. *sent: how
   many instructions landed. Errors: of the endpoint (SU_ENET and the like) at once; otherwise the
   first failure of a single instruction, after everything was tried, only when none landed and the
   failure is not one that somebody else's success explains (TooEarly, TooLate, WrongState,
   AlreadyPaid and so on are). items are reordered. Blocks. */
struct su_chain_crank_send {
    const struct su_signer *signer; /* pays */
    const struct su_chain_send_opts *opts; /* NULL = defaults */
    /* Called after each transaction with its instructions; NULL: none. rc as su_chain_send's. */
    void (*report)(void *ctx, const struct su_chain_crank *items, size_t n, enum su_code rc,
                   const struct su_chain_result *result);
    void *ctx;
};
SU_CHECK enum su_code su_chain_crank_run(struct su_chain *chain, const struct su_chain_case *c,
                                         struct su_chain_crank *items, size_t n,
                                         const struct su_chain_crank_send *how, size_t *sent,
                                         struct su_err *e);

/* Pays the pool's oldest claims in one transaction: as many as fit and as its balance covers; those
   of closed nodes lapse. For when no execution is open whose cranks do. *paid may be 0, because
   there is nothing to pay, or somebody else was faster. Errors: of the endpoint; of a transaction that
   nobody else's success explains. Blocks. */
#define SU_CHAIN_CLAIMS_MAX 8u
SU_CHECK enum su_code su_chain_claims_pay(struct su_chain *chain, const struct su_chain_env *env,
                                          const struct su_signer *signer,
                                          const struct su_chain_send_opts *opts, size_t *paid,
                                          struct su_err *e);

/* ---- who is waited for ----------------------------------------------------------------------- */

/* A sampled task's present draw. */
enum su_chain_due {
    SU_CHAIN_DUE_NONE, /* no roots are waited for */
    SU_CHAIN_DUE_ACCEPT, /* row->identity must accept */
    SU_CHAIN_DUE_POST, /* `identity` has accepted and must post */
    SU_CHAIN_DUE_SKIP, /* row->identity is not eligible: anybody may pass it over */
    SU_CHAIN_DUE_UNKNOWN, /* the table, or the row's node, is not known */
};
struct su_chain_check_due {
    enum su_chain_due due;
    const struct su_ix_check_row *row; /* ACCEPT, SKIP; in UNKNOWN when only the node is unknown */
    const uint8_t *identity; /* of whom is waited for; NULL in NONE, and in UNKNOWN without row */
    uint8_t check; /* number of the Check to accept or post */
    uint64_t point; /* that the draw fell on */
    uint64_t until_slot; /* the last slot to do it in; check_expire from the next one on */
};
/* voted may be NULL. */
struct su_chain_check_due su_chain_check_due(const struct su_chain_case *c, uint16_t task,
                                             const struct su_chain_voted *voted);

/* Whose turn the draw is. False: the execution is not FROZEN, or the turns are over
   (draw_default). */
struct su_chain_turn {
    uint8_t oracle, turn; /* number in the epoch; 0 or 1 */
    const uint8_t *key, *vrf_key;
    uint64_t until_slot; /* the last slot of the turn */
};
bool su_chain_turn(const struct su_chain_case *c, uint64_t slot, struct su_chain_turn *out);

/* Something that is waited for, for display. */
enum su_chain_wait_for {
    SU_CHAIN_WAIT_TASKS, /* the requestor opens tasks and submits; request_expire */
    SU_CHAIN_WAIT_ASSIGNMENT, /* the committee votes; request_expire */
    SU_CHAIN_WAIT_RESERVES, /* anybody assigns what was voted; release */
    SU_CHAIN_WAIT_COMMIT, /* an asserter commits; commit_expire */
    SU_CHAIN_WAIT_REASSIGNMENT, /* the committee votes another node; commit_expire */
    SU_CHAIN_WAIT_FREEZE, /* anybody freezes; freeze by fallback */
    SU_CHAIN_WAIT_DRAW, /* the oracle of the turn draws; the next turn, or draw_default */
    SU_CHAIN_WAIT_CHECK, /* a validator accepts, or posts; check_expire */
    SU_CHAIN_WAIT_REVEAL, /* an asserter reveals; reveal_expire */
    SU_CHAIN_WAIT_VERDICT, /* the committee gives a verdict; dispute_expire */
    SU_CHAIN_WAIT_COMPLAINT, /* the requestor accepts, or complains; conclude */
};
/* One line: "commit", "verdict of the committee", ...; "?" out of range. */
const char *su_chain_wait_text(enum su_chain_wait_for what);
struct su_chain_wait {
    enum su_chain_wait_for what;
    uint16_t task; /* SU_NO_TASK: the whole execution */
    const uint8_t *who; /* key of a node's identity, oracle or requestor; NULL: the committee, or
                           anybody */
    uint64_t until_slot; /* the last slot; from the next one on the default may be called */
    uint8_t default_ix; /* SU_IX_... */
};
/* All waits of the present state, soonest first, into out[cap]; how many there are. by->slot: now;
   what has passed is listed too (somebody will call the default). */
size_t su_chain_waits(const struct su_chain_case *c, const struct su_chain_crank_by *by,
                      struct su_chain_wait *out, size_t cap);

#endif
