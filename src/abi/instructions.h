// SPDX-License-Identifier: MIT
/* Instruction data and what each instruction does. Data is the struct itself: every one begins with
   the number and 7 zero bytes, and its length must be exact. An instruction that says "anyone" has
   no signer beyond the fee payer: a crank. Each rule that can fail names its error of errors.def.
   Included through abi.h. */
#ifndef SU_ABI_INSTRUCTIONS_H
#define SU_ABI_INSTRUCTIONS_H

#include "accounts.h"

struct su_ix { /* begins every instruction; alone the data of those without fields */
    uint8_t number, pad[7];
};

/* ---- config, pool, oracles ------------------------------------------------------------------- */

/* Once, signed by the program's own key, so that nobody who merely sees the deployment can take it.
   The mint: a plain SPL mint of 6 decimals (owner = token program: no Token-2022). The vault: a
   token account of that mint whose authority is the address of ["vault"], without delegate or close
   authority. Creates state, pool, and config epoch 0 without oracles, in force at once.
   BadParameter: ranges of su_params_check, or a config_delay_slots too short for any execution. */
struct su_ix_init {
    struct su_ix ix;
    uint8_t genesis[32];
    struct su_params params;
};
/* Announces epoch latest + 1. Accounts after `system`: oracle_count members, each with bond >=
   params.oracle_bond and a VRF key, then each member of the latest epoch that leaves. Starts after
   config_delay_slots of the latest epoch, at once when that has no oracles. EpochPending while the
   latest has not started. A leaving oracle serves until start + the latest epoch's
   config_delay_slots. BadParameter: as for init, or less than half of the latest
   config_delay_slots: whoever leaves next must still be bound by this epoch's executions. */
struct su_ix_config_next {
    struct su_ix ix;
    uint64_t oracle_count;
    struct su_params params;
};
struct su_ix_amount {
    struct su_ix ix;
    uint64_t amount;
};
struct su_ix_oracle_register {
    struct su_ix ix;
    uint8_t vrf_key[32]; /* BadVrfKey unless it passes RFC 9381's key validation */
    uint8_t endpoint[SU_ENDPOINT_MAX];
    uint64_t endpoint_len;
};
/* Earnings at any time; bond only when not in the latest epoch and serving_until_slot has
   passed. */
struct su_ix_oracle_withdraw {
    struct su_ix ix;
    uint64_t earned, bond;
};

/* ---- models ---------------------------------------------------------------------------------- */

struct su_ix_model_create {
    struct su_ix ix;
    uint8_t digest[32];
    uint16_t task_count, sample_task; /* sample_task < task_count, or SU_NO_TASK */
    uint8_t name_len, uri_len, pad[2];
    uint8_t name[SU_NAME_MAX];
    uint8_t uri[SU_URI_MAX];
};
/* Index = model.tasks_added. Counts inputs and outputs into the model. EconomicsUnsafe when
   su_econ_stake of one step at the least owner share exceeds stake_max. */
struct su_ix_task_add {
    struct su_ix ix;
    uint8_t graph_digest[32], weights_digest[32];
    uint16_t index;
    uint8_t input_count, output_count, uri_len, pad[3];
    uint64_t vram_fixed_bytes, vram_session_bytes, macs_per_step, weight_bytes, fee_unit;
    uint32_t sampling_ppm, pad2;
    uint8_t uri[SU_URI_MAX];
    struct { /* inputs, then outputs, of which only the counts are used; the rest is 0 */
        uint8_t dtype, rank, flags, pad; /* flags: SU_SPEC_EXTERNAL or 0 */
        uint32_t dims[SU_RANK_MAX];
    } specs[2 * SU_PORTS_MAX];
};
/* At most 8 edges between the task accounts passed (positions in `tasks*`). A connection sets the
   input's CONNECTED and producer, the output's CONNECTED and the producer's consumers bit. */
struct su_ix_connect {
    struct su_ix ix;
    uint64_t count;
    struct {
        uint8_t from, output, to, input;
    } edges[8];
};
/* from = the sample task; output and input have equal specs; the input is external (the request
   gives its first tokens) and belongs to any task; the output may be external. Once. */
struct su_ix_model_feedback {
    struct su_ix ix;
    uint8_t output, input, pad[6];
};
/* model_discard: object is the draft's last task, or the model itself when it has none left. Once a
   task is gone the draft can only be discarded whole. */

/* ---- nodes and stake ------------------------------------------------------------------------- */

struct su_ix_node_register { /* also node_update */
    struct su_ix ix;
    uint64_t vram_bytes;
    uint32_t numerics_version, endpoint_len;
    uint8_t conformance_root[32]; /* not zero */
    uint8_t endpoint[SU_ENDPOINT_MAX];
};
/* node_update refuses a numerics version other than the config's, and more memory than the stake
   covers while tasks are declared. node_declare: the model is final; stake free + reserved >=
   su_econ_base_stake(vram_bytes) (StakeTooSmall); counts the owner once per task in task.owners.
   node_undeclare: signer is the identity or the owner. stake_unlock: free -> a ticket that unlocks
   after cooldown_slots; while tasks are declared the base stake stays (StakeTooSmall).
   stake_withdraw: the ticket's whole amount. earnings_claim, refund_claim: all there is.
   node_close: nothing staked, reserved, unlocking, earned or declared. */
struct su_ix_stake_withdraw {
    struct su_ix ix;
    uint64_t ticket;
};

/* ---- request --------------------------------------------------------------------------------- */

/* Creates the requestor's account at its first request; nonce = last + 1. config: in force. */
struct su_ix_request_open {
    struct su_ix ix;
    uint64_t nonce, seed;
    uint8_t input_digest[32];
    uint32_t max_steps, pad; /* >= 1; BadArgument when su_econ_longest_slots exceeds
                                config_delay_slots (checked at submit) */
};
/* pairs*: (task, assignment) for tasks first .. first + count, count <= 4. Creates the assignments.
   TooFewOwners, EconomicsUnsafe (stake at max_steps above stake_max). Adds to fees and
   surcharge. */
struct su_ix_request_tasks {
    struct su_ix ix;
    uint32_t first, count;
};
/* request_submit: all tasks open (TasksMissing); max_escrow bounds what the requestor pays; moves
   escrow = fees + surcharge + oracle_fee into the vault. request_cancel: OPENING or REQUESTED.
   request_expire: anyone, OPENING, REQUESTED or ASSIGNING without a task assigned, request_expiry
   after the request. Both end VOID. */
struct su_ix_request_submit {
    struct su_ix ix;
    uint64_t max_escrow;
};

/* ---- assignment ------------------------------------------------------------------------------ */

/* Round = (slot - submit_slot) / round_slots (WrongRound). State REQUESTED, or ASSIGNING with no
   task assigned and its round over. Votes are compared by su_msg_vote_assign. At `quorum` equal
   digests of one round the values become the execution's and it is ASSIGNING. owner_share_ppm:
   largest owner's share in the table, <= 900 000. */
struct su_ix_vote_assign {
    struct su_ix ix;
    uint32_t round, owner_share_ppm;
    uint64_t table_total;
    uint8_t table_root[32], assignment_root[32];
    uint8_t table_depth,
        pad[7]; /* the table's tree has 2^depth leaves, depth <= SU_TABLE_DEPTH_MAX */
};
#define SU_TABLE_DEPTH_MAX 10u
#define SU_ASSIGN_GROUP 4u /* tasks per leaf of the assignment tree (RFC 6962 shape) */
#define SU_ASSIGN_PATH_MAX 5u
/* Assigns group `group`. Accounts after `system`: count assignments, node_count nodes, node_count
   reserves. node_of: which node each task gets. Leaf = su_msg_assign_leaf. A node must have
   declared the task, have the config's numerics and the free stake (NotDeclared, WrongNumerics,
   InsufficientStake). Only within round_slots of the vote (TooLate). The last task assigned starts
   the run: RUNNING, deadline = su_econ_commit_slots. Anyone. */
struct su_ix_assign {
    struct su_ix ix;
    uint8_t group, count, node_count, path_len, node_of[SU_ASSIGN_GROUP];
    uint8_t path[SU_ASSIGN_PATH_MAX][32];
};
/* release: anyone, ASSIGNING, more than round_slots after the vote: takes one task back; a reserve
   whose last task goes is freed and closed. With no task left: REQUESTED again. */

/* Questions on one task, voted by oracles of the execution's epoch; attempt must be the task's.
   FAILED: RUNNING, task ASSIGNED. REASSIGN: RUNNING, task UNASSIGNED; subject = the node's
   identity. VERDICT: REVEALING, dispute open, the task revealed (or the dispute MISSING); verdict
   fits the dispute (BadVerdict): ROOTS: ASSERTER VALIDATOR BOTH PRODUCER; INPUTS: ASSERTER
   PRODUCER; COMMITTEE: ASSERTER PRODUCER RIGHT; MISSING: ASSERTER RIGHT. verdict_task: the producer
   found wrong, one of the task's sources, else 0: inputs from it count as matched, others are
   compared as ever. Rounds of VERDICT and others: (slot - execution's phase_slot) / round_slots. */
struct su_ix_vote_task {
    struct su_ix ix;
    uint32_t round;
    uint8_t question, attempt, verdict, pad;
    uint16_t verdict_task, pad2[3];
    uint8_t subject[32];
};
/* reassign: anyone, after the vote; takes the reserve and moves the execution's deadline to
   su_econ_commit_slots of the attempt from now, but never beyond su_econ_run_slots from the start
   of the run (TooLate when that has passed). */

/* ---- commit and draw ------------------------------------------------------------------------- */

/* commit = su_msg_commit of what reveal shows. The sampling task commits first and gives steps
   (1 .. max_steps); every other, and every task of a model without one, must give the same. The
   others then have commit_base_ms at least: nobody can make them late. */
struct su_ix_commit {
    struct su_ix ix;
    uint8_t commit[32];
    uint32_t steps;
    uint8_t attempt, pad[3];
};
/* commit_expire: deadline passed: the task FAILED, then UNASSIGNED with the next attempt, or the
   execution VOID (ATTEMPTS). freeze: all committed. hash_index: entry of SlotHashes that is the
   smallest slot above last_commit_slot (NoSuchSlotHash otherwise). fallback = 1 is allowed only
   freeze_slots after the last commit: alpha from the chain alone, everything sampled, no proof. */
struct su_ix_freeze {
    struct su_ix ix;
    uint32_t hash_index, fallback;
};
/* Turn t = (slot - phase_slot) / turn_slots; the oracle number t of su_msg_draw_order may post, t <
   2 and t < oracle_count. Threshold: t = 0 the task's own ppm, t = 1 at least escalated_ppm. With t
   > 0 the oracles before are silent and owe the cost above the expected
   (su_acc_execution.silence_excess). */
struct su_ix_draw {
    struct su_ix ix;
    uint8_t proof[80];
};
/* draw_default: anyone, from the third turn on, or when there is no further oracle: all sampled,
   beta = alpha || alpha. */

/* ---- checks ---------------------------------------------------------------------------------- */

/* One row of the voted table, its place and proof. The cursor's draw r = su_msg_check_point must
   lie in [low, high). */
struct su_ix_check_row {
    struct su_ix ix;
    uint8_t identity[32], owner[32];
    uint64_t low, high;
    uint8_t tasks[16]; /* of the model, that the node declared and offers */
    uint32_t row;
    uint8_t path_len, pad[3];
    uint8_t path[SU_TABLE_DEPTH_MAX][32];
};
/* check_skip (anyone) passes over a row that is not eligible: the asserter's owner, a node that
   was validator of this task already, the task not in the row, a consumer of its output while
   cursor < SU_CHECK_CONSUMERS_FROM, no node account, other numerics, or too little free stake. At
   cursor SU_CHECK_DRAWS_MAX the task goes to the committee. check_accept: the eligible node itself;
   takes the same reserve as an asserter and opens the Check; the deadline of the draw goes on.
   check_post: roots in the clear, before the deadline; the last sampled task's opens REVEALING.
   check_expire: anyone, deadline passed: the next draw; after validators_max the committee. */
#define SU_CHECK_CONSUMERS_FROM 16u
#define SU_CHECK_DRAWS_MAX 32u
struct su_ix_check_post {
    struct su_ix ix;
    uint8_t input_root[32], output_root[32];
};
/* Opens the commitment. Late after reveal_slots: no fee. Sampled and validated with other roots: a
   dispute. */
struct su_ix_reveal {
    struct su_ix ix;
    uint8_t salt[32], witness_root[32];
    uint8_t roots[2 * SU_PORTS_MAX][32]; /* input_count inputs, then output_count outputs; rest 0 */
};
/* match: anyone; producers* are the assignments of the inputs in `mask`, in ascending order of the
   input, one per input. Unequal roots open a dispute INPUTS. A producer that stayed silent past its
   window counts as matched. A task is VERIFIED once revealed, fully matched and undisputed. */
struct su_ix_match {
    struct su_ix ix;
    uint64_t mask;
};
/* reveal_expire: anyone, silence_slots after REVEALING began: the silent asserter is at fault.
   dispute_expire: anyone: UNDECIDED. declare_missing: the requestor, once, REVEALING, until
   missing_slots after the last reveal or verdict; the assignment of execution.final_task. */

/* ---- settlement ------------------------------------------------------------------------------ */

/* conclude: every task done, and missing_slots after the last reveal or verdict unless the signer
   is the requestor or somebody is at fault. Fault: VOID (FAULT). An undecided task: VOID
   (UNDECIDED). Else SETTLED. slash: who = 0 the asserter of a task VERIFICATION_FAILED, 1 the
   validator found wrong: the whole reserve goes, less the bounty (to the pool, paid with the
   check), into the pot (fault of an asserter) or the pool (a validator's alone). All slashes
   before any payment. pay_task: SETTLED: the fee for the steps run to node.earned, 0 when late;
   its surcharge to the pool. VOID (FAULT): of the pot, pro rata and at most the fee, to those who
   committed and are not at fault. Else nothing. pay_check: SETTLED: a claim of validator_share x
   fee; VOID (FAULT): its part of the pot, and the bounty to the one who was right. free_reserve:
   anyone, once tasks and checks are paid and closed. pay_oracle: SETTLED: oracle_fee / number of
   voters; a silent one's bond pays its part of silence_excess into the pool. finish: all paid: the
   rest of the escrow to requestor.refund, of the pot to the pool. claim_pay: the oldest claim,
   when the pool covers it; that of a closed node lapses. */
struct su_ix_slash {
    struct su_ix ix;
    uint64_t who;
};
struct su_ix_pay_oracle {
    struct su_ix ix;
    uint64_t number; /* of the oracle in the epoch */
};

#endif
