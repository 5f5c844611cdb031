// SPDX-License-Identifier: MIT
/* Account layouts of the on-chain program: what lies in an account's data, little-endian, without
   padding of the compiler's choice (accounts.c refuses to be compiled with any). Every account
   begins with a head. A layout is never changed in place: a new version gets a new number in
   SU_ABI_VERSION and its own struct. Amounts are micro-USDC, times are slots unless the name says
   otherwise. FREESTANDING. Included through abi.h. */
#ifndef SU_ABI_ACCOUNTS_H
#define SU_ABI_ACCOUNTS_H

#include "base/free.h"

#define SU_ABI_VERSION 1u

enum su_tag { /* first byte of every account; 0 = not initialised */
              SU_TAG_STATE = 1,
              SU_TAG_CONFIG,
              SU_TAG_ORACLE,
              SU_TAG_MODEL,
              SU_TAG_TASK,
              SU_TAG_DECLARATION,
              SU_TAG_NODE,
              SU_TAG_REQUESTOR,
              SU_TAG_POOL,
              SU_TAG_CLAIM,
              SU_TAG_EXECUTION,
              SU_TAG_ASSIGNMENT,
              SU_TAG_CHECK,
              SU_TAG_RESERVE,
              SU_TAG_COUNT
};

struct su_acc_head {
    uint8_t tag, version, bump, pad[5];
    uint8_t rent_payer[32]; /* closing pays the rent back to it */
};

/* ["state"]: one. */
struct su_acc_state {
    struct su_acc_head head;
    uint8_t admin[32];
    uint8_t mint[32]; /* USDC, 6 decimals */
    uint8_t vault[32]; /* the one token account; its authority is the address of ["vault"] */
    uint8_t vault_authority[32];
    uint8_t genesis[32]; /* the cluster's genesis hash: begins every signed or hashed message */
    uint64_t latest_epoch, latest_start_slot; /* the last config announced, in force or not */
    uint8_t vault_bump, pad[7];
};

/* Times given in ms become slots by su_econ_slots. */
struct su_params {
    uint64_t oracle_bond; /* 1000 USDC */
    uint64_t stake_base, stake_per_gib; /* 1000 USDC; 100 USDC per GiB offered */
    uint64_t stake_floor; /* least reserve: 500 USDC */
    uint64_t stake_max; /* largest stake S one task may demand */
    uint64_t fee_base, fee_unit, oracle_fee; /* 0.005; 0.0001 per compute unit; 0.01 USDC */
    uint32_t sampling_min_ppm, escalated_ppm; /* 80 000; 500 000 */
    uint32_t validator_share_ppm, surcharge_ppm; /* 1 200 000; 1 250 000 */
    uint32_t owner_share_min_ppm, margin_ppm; /* r >= 100 000; margin 2 000 000 */
    uint32_t bounty_ppm; /* of a slash, to the validator whose roots were right: 100 000 */
    uint32_t min_owners; /* declared for every task of a request: 3 */
    uint32_t ms_per_slot, numerics_version;
    uint32_t attempts_max, validators_max; /* 3; 3 */
    uint64_t config_delay_slots, cooldown_slots;
    uint64_t round_slots, request_expiry_slots;
    uint64_t freeze_slots, turn_slots; /* 400 after the last commit; an oracle's turn */
    uint64_t reveal_slots, silence_slots; /* the short deadline; the long window (6 h, 60 s demo) */
    uint64_t missing_slots; /* after the last reveal or verdict: the requestor may complain */
    uint64_t commit_base_ms, commit_step_ms, commit_unit_ms; /* 30 000; 200; 50 */
    uint64_t dispute_base_ms, dispute_bytes_per_s, dispute_units_per_s; /* 600 000; 10^7; 10 */
};

#define SU_ORACLES_MAX 8u
struct su_config_oracle {
    uint8_t key[32], vrf_key[32];
};
/* ["config", le64 epoch]: immutable. In force from start_slot until the next epoch's start_slot. */
struct su_acc_config {
    struct su_acc_head head;
    uint64_t epoch, start_slot;
    uint8_t oracle_count, quorum, pad[6]; /* quorum = ceil(2n/3) */
    uint8_t genesis[32]; /* as in state */
    struct su_params params;
    struct su_config_oracle oracles[SU_ORACLES_MAX];
};

#define SU_ENDPOINT_MAX 64u
/* ["oracle", key] */
struct su_acc_oracle {
    struct su_acc_head head;
    uint8_t key[32], vrf_key[32]; /* key signs votes */
    uint8_t owner[32]; /* receives bond and earnings */
    uint64_t bond, earned;
    uint64_t last_epoch; /* the last epoch that lists it; meaningless when listed is 0 */
    uint64_t serving_until_slot; /* bond locked until then; UINT64_MAX while in the latest epoch */
    uint32_t votes, draws, silent, pad0;
    uint8_t listed, endpoint_len, pad[6];
    uint8_t endpoint[SU_ENDPOINT_MAX];
};

#define SU_URI_MAX 128u
#define SU_NAME_MAX 32u
#define SU_TASKS_MAX 128u
#define SU_NO_TASK 0xffffu
enum su_model_state {
    SU_MODEL_DRAFT = 1,
    SU_MODEL_FINAL,
    SU_MODEL_DISCARDING /* a task of the draft is gone: only model_discard is left */
};
/* ["model", creator, digest] */
struct su_acc_model {
    struct su_acc_head head;
    uint8_t creator[32], digest[32]; /* digest of the definition */
    uint16_t task_count, tasks_added;
    uint16_t sample_task; /* SU_NO_TASK: not a generator */
    uint16_t feedback_task; /* its input feedback_input takes the sampled token */
    uint8_t feedback_output, feedback_input, feedback_set, state;
    uint8_t uri_len, name_len, pad[2];
    uint32_t inputs_total, inputs_satisfied; /* not counting external ones */
    uint32_t outputs_total, outputs_used;
    uint32_t external_inputs, external_outputs;
    uint64_t weight_bytes, macs_per_step; /* sums over its tasks */
    uint8_t name[SU_NAME_MAX];
    uint8_t uri[SU_URI_MAX];
};

#define SU_PORTS_MAX 8u
#define SU_RANK_MAX 6u
#define SU_DTYPE_MAX 64u /* dtype numbers are those of the graph format, below this */
enum su_spec_flags { SU_SPEC_EXTERNAL = 1, SU_SPEC_CONNECTED = 2 };
struct su_spec {
    uint8_t dtype, rank, flags, from_output; /* from_*: an input's producer, once connected */
    uint16_t from_task, pad;
    uint32_t dims[SU_RANK_MAX]; /* unused ones 0 */
};
/* ["task", model, le16 index]: immutable but for `owners` and, in a draft, the connection marks. */
struct su_acc_task {
    struct su_acc_head head;
    uint8_t model[32], graph_digest[32], weights_digest[32];
    uint16_t index;
    uint8_t input_count, output_count, uri_len, pad[3];
    uint64_t vram_fixed_bytes, vram_session_bytes, macs_per_step, weight_bytes;
    uint64_t fee_unit; /* per compute unit, >= params.fee_unit */
    uint32_t sampling_ppm, owners; /* distinct owners that declare it */
    uint8_t consumers[16]; /* bit i: task i takes one of its outputs */
    uint8_t uri[SU_URI_MAX];
    struct su_spec inputs[SU_PORTS_MAX], outputs[SU_PORTS_MAX];
};

/* ["declared", task account, owner]: how many nodes of one owner declare a task. */
struct su_acc_declaration {
    struct su_acc_head head;
    uint8_t task[32], owner[32];
    uint32_t nodes, pad;
};

#define SU_DECLARED_MAX 32u
#define SU_TICKETS_MAX 8u
struct su_ticket {
    uint64_t amount, unlock_slot; /* amount 0: free entry */
};
/* ["node", identity] */
struct su_acc_node {
    struct su_acc_head head;
    uint8_t identity[32], owner[32]; /* hot key that works; cold key that owns the money */
    uint64_t stake_free, stake_reserved, earned;
    struct su_ticket tickets[SU_TICKETS_MAX];
    uint64_t vram_bytes;
    uint32_t numerics_version, reserves_open; /* reserves_open: Reserve accounts that name it */
    uint32_t completed, verified, failed, slashed, checks, pad0;
    uint8_t conformance_root[32];
    uint8_t declared_count, endpoint_len, pad[6];
    uint8_t endpoint[SU_ENDPOINT_MAX];
    uint8_t declared[SU_DECLARED_MAX][32]; /* task accounts */
};

/* ["requestor", key]: never closed, so that an execution's address never repeats. */
struct su_acc_requestor {
    struct su_acc_head head;
    uint8_t key[32];
    uint64_t nonce; /* the last one used */
    uint64_t refund; /* to be claimed */
};

/* ["pool"]: the verification pool. Claims are paid in the order of their creation. */
struct su_acc_pool {
    struct su_acc_head head;
    uint64_t balance, claims_head, claims_next; /* open claims: head <= seq < next */
};

/* ["claim", le64 seq] */
struct su_acc_claim {
    struct su_acc_head head;
    uint8_t node[32]; /* the node account paid */
    uint64_t seq, amount;
};

enum su_exec_state {
    SU_EXEC_OPENING = 1, /* accounts are being opened; nothing is escrowed */
    SU_EXEC_REQUESTED, /* escrowed, waiting for an assignment */
    SU_EXEC_ASSIGNING, /* a vote has passed; reserves are being taken */
    SU_EXEC_RUNNING, /* every task assigned once; waiting for commits */
    SU_EXEC_FROZEN, /* alpha fixed, waiting for the draw */
    SU_EXEC_CHECKING, /* drawn; sampled tasks wait for roots */
    SU_EXEC_REVEALING, /* every sampled task has roots or went to the committee */
    SU_EXEC_SETTLED, /* everything verified: pay, then close */
    SU_EXEC_VOID /* ended otherwise: free, refund, then close */
};
enum su_void_cause {
    SU_VOID_NONE,
    SU_VOID_EXPIRED, /* never assigned */
    SU_VOID_CANCELLED, /* by the requestor before assignment */
    SU_VOID_ATTEMPTS, /* a task failed on every attempt */
    SU_VOID_FAULT, /* somebody was slashed */
    SU_VOID_UNDECIDED /* the committee gave no verdict */
};
enum su_task_state { /* the states users see */
                     SU_TASK_UNASSIGNED = 1,
                     SU_TASK_ASSIGNED,
                     SU_TASK_COMPLETED, /* committed */
                     SU_TASK_PENDING_VERIFICATION, /* sampled, in dispute, or not compared yet */
                     SU_TASK_VERIFIED,
                     SU_TASK_VERIFICATION_FAILED,
                     SU_TASK_FAILED /* ended without result; reassigned while attempts remain */
};
enum su_task_flags {
    SU_TASKF_OPEN = 1, /* its Assignment account exists */
    SU_TASKF_SAMPLED = 2,
    SU_TASKF_CHECKED = 4, /* roots posted, or gone to the committee */
    SU_TASKF_VALIDATED = 8, /* roots posted by a validator */
    SU_TASKF_REVEALED = 16,
    SU_TASKF_LATE = 32, /* revealed after the short deadline: no fee */
    SU_TASKF_DISPUTED = 64, /* a dispute is open */
    SU_TASKF_DONE = 128, /* final state reached */
    SU_TASKF_VALIDATOR_WRONG = 256,
    SU_TASKF_SLASHED = 512, /* the asserter's fault has been charged */
    SU_TASKF_VALIDATOR_SLASHED = 1024,
    SU_TASKF_PAID = 2048,
    SU_TASKF_COMMITTED = 4096 /* by the present attempt's asserter */
};
struct su_exec_task {
    uint8_t state, attempt;
    uint16_t flags;
    uint32_t sampling_ppm;
    uint64_t fee; /* for max_steps until the steps are known, then for these */
};

/* One oracle's standing vote; a vote in a newer round replaces it. */
struct su_vote {
    uint32_t round;
    uint8_t question, attempt, pad[2];
    uint8_t digest[32];
};

/* ["exec", requestor key, le64 nonce] */
struct su_acc_execution {
    struct su_acc_head head;
    uint8_t requestor[32], model[32], input_digest[32];
    uint64_t nonce, epoch, seed;
    uint32_t max_steps, steps; /* steps 0: not known yet */
    uint64_t request_slot; /* of request_open; part of every message */
    uint64_t submit_slot, deadline_slot, last_commit_slot; /* deadline_slot: of the run; while
                                OPENING: the largest su_econ_judge_slots of the tasks opened */
    uint64_t phase_slot; /* when the present state began */
    uint64_t escrow; /* still held for this execution */
    uint64_t fees, surcharge, oracle_fee; /* of which, at max_steps */
    uint64_t macs_per_step;
    uint16_t task_count, opened, assigned, committed;
    uint16_t sampled, checked, revealed, matched; /* counts of tasks */
    uint16_t done, paid, sample_task, final_task; /* final_task: highest with an external output */
    uint16_t checks_open, reserves_open, assignments_open, disputes_open; /* accounts; disputes */
    uint16_t faults, slashes; /* asserters and validators found wrong; of them charged */
    uint8_t state, void_cause, missing_used, finished;
    uint8_t oracles_voted, oracles_silent, oracles_paid, table_depth; /* masks over the epoch's */
    uint8_t turn, pad[3]; /* turn in which the draw was made */
    uint32_t threshold_ppm, owner_share_ppm;
    uint64_t table_total; /* sum of the weights of the voted table */
    uint64_t last_reveal_slot; /* or verdict: the requestor's time to complain runs from it */
    uint64_t silence_excess; /* cost of checks that the silent oracles' bonds pay */
    uint64_t pot, pot_claims, pot_paid; /* slashed; what the deliverers are owed; paid of it */
    uint8_t table_root[32], assignment_root[32];
    uint8_t commit_chain[32], alpha[32], beta[64];
    struct su_vote votes[SU_ORACLES_MAX]; /* on the assignment */
    struct su_exec_task tasks[SU_TASKS_MAX];
};

enum su_dispute {
    SU_DISPUTE_NONE,
    SU_DISPUTE_ROOTS, /* the validator's roots differ from the asserter's */
    SU_DISPUTE_INPUTS, /* an input root differs from its producer's output root */
    SU_DISPUTE_COMMITTEE, /* no validator: the committee checks */
    SU_DISPUTE_MISSING /* the requestor says the final output never came */
};
enum su_verdict {
    SU_VERDICT_NONE,
    SU_VERDICT_ASSERTER, /* the asserter was wrong */
    SU_VERDICT_VALIDATOR, /* the validator was wrong, the asserter right */
    SU_VERDICT_BOTH, /* both were wrong */
    SU_VERDICT_PRODUCER, /* a producer signed two frames, or withheld: `verdict_task` */
    SU_VERDICT_RIGHT, /* nobody was wrong (committee checks, missing outputs) */
    SU_VERDICT_UNDECIDED /* deadline */
};
enum su_question {
    SU_QUESTION_ASSIGN = 1,
    SU_QUESTION_FAILED,
    SU_QUESTION_REASSIGN,
    SU_QUESTION_VERDICT
};
#define SU_VALIDATORS_MAX 3u
enum su_source_kind { /* where an input's rows come from */
                      SU_SOURCE_TASK,
                      SU_SOURCE_REQUEST, /* outside; nothing on chain to compare with */
                      SU_SOURCE_FED /* outside the prompt, then what `task` draws: its root is that
                                       of `output` */
};
struct su_source { /* of an input */
    uint16_t task;
    uint8_t output, external; /* external: enum su_source_kind */
};
/* ["assign", execution, le16 task] */
struct su_acc_assignment {
    struct su_acc_head head;
    uint8_t execution[32], task_account[32];
    uint8_t node[32], owner[32]; /* identity and owner of the asserter; zero while unassigned */
    uint16_t task;
    uint8_t attempt, input_count, output_count, dispute, verdict;
    uint8_t checks; /* validators passed or accepted so far; the number of the next Check */
    uint16_t verdict_task;
    uint8_t matched; /* bit per input compared */
    uint8_t approved; /* a reassignment to `node` is voted, its reserve not yet taken */
    uint8_t check_open; /* Check number checks - 1 is accepted and not yet posted or expired */
    uint8_t pad[3];
    uint64_t macs_per_step, fee_unit, weight_bytes;
    uint64_t stake; /* S of this task */
    uint64_t bounty; /* held in the pool for the validator that was right */
    uint64_t assign_slot, commit_slot, deadline_slot; /* deadline_slot: of the present wait */
    uint32_t cursor, round; /* cursor: draws of the validator order used so far */
    struct su_source sources[SU_PORTS_MAX];
    uint8_t consumers[16];
    uint8_t commit[32];
    uint8_t input_root[32], output_root[32], witness_root[32]; /* once revealed */
    uint8_t input_roots[SU_PORTS_MAX][32], output_roots[SU_PORTS_MAX][32];
    uint8_t check_input_root[32], check_output_root[32]; /* of the validator that posted */
    uint8_t validators[SU_VALIDATORS_MAX][32]; /* identities that accepted, by check number */
    struct su_vote votes[SU_ORACLES_MAX];
};

enum su_check_state {
    SU_CHECK_ACCEPTED = 1,
    SU_CHECK_POSTED,
    SU_CHECK_SILENT,
    SU_CHECK_WRONG,
    SU_CHECK_PAID
};
/* ["check", assignment, le64 number] */
struct su_acc_check {
    struct su_acc_head head;
    uint8_t execution[32], assignment[32];
    uint8_t validator[32], owner[32];
    uint16_t task;
    uint8_t number, state, pad[4];
    uint64_t deadline_slot;
    uint8_t input_root[32], output_root[32];
};

/* ["reserve", execution, node identity]: what one node has at stake in one execution. */
struct su_acc_reserve {
    struct su_acc_head head;
    uint8_t execution[32], node[32], owner[32];
    uint64_t amount, stake_sum; /* amount = max(floor, stake_sum), held in node.stake_reserved */
    uint8_t tasks[16]; /* bit i: it is or was the asserter of task i */
    uint8_t slashed, pad[7];
};

#endif
