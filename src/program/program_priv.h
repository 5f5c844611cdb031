// SPDX-License-Identifier: MIT
/* Private to program: how handlers take their accounts apart. FREESTANDING. Every helper returns 0
   or an error number of abi/errors.def; SU_TRY passes it up. A handler reads and checks everything
   before its first write where it can: the runtime undoes a failed instruction, but a rule that is
   checked first is a rule that is easy to see. */
#ifndef SU_PROGRAM_PRIV_H
#define SU_PROGRAM_PRIV_H

#include "abi/abi.h"
#include "program.h"

#define SU_TRY(call)                                                                               \
    do {                                                                                           \
        uint64_t try_error_ = (call);                                                              \
        if (try_error_ != 0)                                                                       \
            return try_error_;                                                                     \
    } while (0)
#define SU_DEMAND(condition, error)                                                                \
    do {                                                                                           \
        if (!(condition))                                                                          \
            return SU_PROG_##error;                                                                \
    } while (0)

/* The handler of one instruction: su_prog_<name>. When it runs, the dispatcher has held the
   instruction to its row of instructions.def: the data has the struct's exact length, its padding
   after the number is zero, all accounts of fixed roles are there, those marked s have signed,
   those marked w are writable, and no account that a role without s may write stands in two such
   roles (rent_payer and object excepted). */
typedef uint64_t su_prog_handler(struct su_sys *s);
#define X(NAME, number, name, accounts) su_prog_handler su_prog_##name;
#include "abi/instructions.def"
#undef X

/* Points *out into the data of account number i, which must belong to the program (WrongOwner) and
   hold a valid account of that tag (WrongType). */
uint64_t su_prog_load(struct su_sys *s, uint64_t i, uint8_t tag, void *out_pointer);
/* True when account i holds nothing of the program's: it may be created. */
bool su_prog_absent(const struct su_sys *s, uint64_t i);
/* WrongAddress unless account i lies at the canonical address of these seeds. */
uint64_t su_prog_at(struct su_sys *s, uint64_t i, const struct su_seeds *seeds);
/* Creates account i of that tag at its seeds (WrongAddress, AlreadyExists), zeroed but for the
   head; the payer at position `payer` pays and is recorded. */
struct su_prog_creation {
    uint64_t payer, i;
    const struct su_seeds *seeds;
    uint8_t tag;
};
uint64_t su_prog_create_as(struct su_sys *s, const struct su_prog_creation *c, void *out_pointer);
SU_FREE_INLINE uint64_t su_prog_create(struct su_sys *s, uint64_t payer, uint64_t i, uint8_t tag,
                                       const struct su_seeds *seeds, void *out_pointer)
{
    struct su_prog_creation c = {payer, i, seeds, tag};
    return su_prog_create_as(s, &c, out_pointer);
}
/* Closes account i of the program; its rent goes to account `to`, which must be the one recorded in
   the head (WrongRelation). */
uint64_t su_prog_close(struct su_sys *s, uint64_t i, uint64_t to);

static inline const uint8_t *su_prog_key(const struct su_sys *s, uint64_t i)
{
    return s->accounts[i].key;
}
/* The instruction's data as its struct; the dispatcher has checked the length. */
#define SU_PROG_ARGS(s, name) ((const struct su_ix_##name *)(const void *)(s)->data)

/* WrongEpoch unless config (account i, loaded into *config) is in force now: state is account
   `state`, already loaded. */
uint64_t su_prog_config_now(struct su_sys *s, const struct su_acc_state *state, uint64_t i,
                            struct su_acc_config **config);
/* WrongEpoch unless account i is the config an execution is pinned to. */
uint64_t su_prog_config_of(struct su_sys *s, const struct su_acc_execution *exec, uint64_t i,
                           struct su_acc_config **config);
/* Number of the oracle with that key in the config; NotAnOracle. */
uint64_t su_prog_oracle_number(const struct su_acc_config *config, const uint8_t key[32],
                               uint8_t *number);

/* Loads a model that is not final (ModelFinalised) and belongs to signer `creator`
   (NotAuthorised). */
uint64_t su_prog_model_draft(struct su_sys *s, uint64_t creator, uint64_t at,
                             struct su_acc_model **model);

/* Moves micro-USDC between token account `other` and the vault; positions of accounts. Checks mint,
   vault and the other account against state (WrongMint, WrongRelation, BadTokenAccount).
   ZeroAmount, Overflow above SU_AMOUNT_MAX. */
struct su_prog_transfer {
    const struct su_acc_state *state;
    uint64_t other, mint, vault, authority, amount;
};
uint64_t su_prog_vault_take(struct su_sys *s, const struct su_prog_transfer *t);
uint64_t su_prog_vault_give(struct su_sys *s, const struct su_prog_transfer *t);
/* Into the vault, authorised by signer `authority`, who owns `from` (NotAuthorised). */
SU_FREE_INLINE uint64_t su_prog_vault_in(struct su_sys *s, const struct su_acc_state *state,
                                         uint64_t authority, uint64_t from, uint64_t mint,
                                         uint64_t vault, uint64_t amount)
{
    struct su_prog_transfer t = {state, from, mint, vault, authority, amount};
    return su_prog_vault_take(s, &t);
}
/* Out of the vault to token account `to`, signed by the vault's authority. */
SU_FREE_INLINE uint64_t su_prog_vault_out(struct su_sys *s, const struct su_acc_state *state,
                                          uint64_t to, uint64_t mint, uint64_t vault,
                                          uint64_t authority, uint64_t amount)
{
    struct su_prog_transfer t = {state, to, mint, vault, authority, amount};
    return su_prog_vault_give(s, &t);
}

/* Digest as abi's messages want it. */
void su_prog_hash(const struct su_part *parts, uint64_t n, uint8_t out[32]);
/* The scope of messages about an execution at account position i. The genesis hash stands in the
   execution's config. */
SU_FREE_INLINE struct su_msg_scope su_prog_scope(struct su_sys *s,
                                                 const struct su_acc_config *config, uint64_t i,
                                                 const struct su_acc_execution *exec)
{
    struct su_msg_scope scope = {s->program_id, config->genesis, su_prog_key(s, i),
                                 exec->request_slot};
    return scope;
}

/* The machine's curve operations, as the VRF wants them. */
extern const struct su_ecvrf_ops su_prog_curve;

/* *field += n or -= n; Overflow. */
uint64_t su_prog_add(uint64_t *field, uint64_t n);
uint64_t su_prog_sub(uint64_t *field, uint64_t n);

/* ---- executions ------------------------------------------------------------------------------ */

/* Loads execution and one of its assignments (positions), and holds them to each other
   (WrongRelation). */
uint64_t su_prog_exec_pair(struct su_sys *s, uint64_t exec_at, uint64_t assignment_at,
                           struct su_acc_execution **exec, struct su_acc_assignment **assignment);
/* WrongState unless exec->state is one of the bits (1 << enum su_exec_state) in mask. */
uint64_t su_prog_exec_in(const struct su_acc_execution *exec, uint32_t mask);
/* Ends it: state VOID with that cause, phase_slot now. */
void su_prog_exec_void(struct su_acc_execution *exec, uint8_t cause, uint64_t slot);
/* Takes what the node must hold for one more stake S of its work in this execution: grows the
   Reserve (created by `payer` when absent) to max(floor, sum) and moves the difference from the
   node's free stake (InsufficientStake). */
struct su_prog_holding {
    uint64_t payer, exec_at, reserve_at; /* positions of accounts */
    struct su_acc_execution *exec;
    struct su_acc_node *node;
    const struct su_params *params;
    uint64_t stake;
};
uint64_t su_prog_reserve_take(struct su_sys *s, const struct su_prog_holding *h,
                              struct su_acc_reserve **out);
/* One vote of oracle `number` into votes[SU_ORACLES_MAX]; AlreadyVoted for a second one on the same
   question, attempt and round. Sets passed: quorum reached by votes equal to this one. */
struct su_prog_ballot {
    struct su_vote *votes;
    struct su_vote vote;
    uint8_t number, voters; /* voters: mask of those who voted the same */
    bool passed;
};
uint64_t su_prog_vote(const struct su_acc_config *config, struct su_prog_ballot *b);
/* The task has failed: next attempt, or the execution is VOID. */
void su_prog_task_failed(struct su_acc_execution *exec, struct su_acc_assignment *a,
                         const struct su_params *params, uint64_t slot);
/* Marks a task done in a final state, once. */
void su_prog_task_done(struct su_acc_execution *exec, uint16_t task, uint8_t state);
/* Opens a dispute on a task. */
void su_prog_dispute_open(struct su_acc_execution *exec, struct su_acc_assignment *a, uint8_t kind,
                          const struct su_params *params, uint64_t slot);
/* Ends the task's dispute, if one is open. */
void su_prog_dispute_close(struct su_acc_execution *exec, uint16_t task);
/* When the task is revealed, matched and undisputed it is VERIFIED. */
void su_prog_task_verify(struct su_acc_execution *exec, struct su_acc_assignment *a);
/* The task's asserter is at fault: VERIFICATION_FAILED, one more slash due. */
void su_prog_task_fault(struct su_acc_execution *exec, uint16_t task);
/* Gives a node its reserve back and closes the account. The caller has checked that they belong
   together. */
uint64_t su_prog_reserve_free(struct su_sys *s, struct su_acc_execution *exec,
                              struct su_acc_node *node, uint64_t reserve_at,
                              uint64_t rent_payer_at);
/* BadVerdict unless that verdict can be given in the dispute that is open. */
uint64_t su_prog_verdict_fits(const struct su_acc_assignment *a, uint8_t verdict,
                              uint16_t verdict_task);
/* Applies the committee's verdict (vote_task) to a disputed task. */
uint64_t su_prog_verdict(struct su_acc_execution *exec, struct su_acc_assignment *a,
                         uint8_t verdict, uint16_t verdict_task);
/* After the draw: marks the sampled tasks and goes to CHECKING, or REVEALING when there is none. */
void su_prog_drawn(struct su_acc_execution *exec, const struct su_acc_config *config,
                   uint64_t slot);
/* The sampled task goes to the committee: counts as checked. */
void su_prog_check_committee(struct su_acc_execution *exec, struct su_acc_assignment *a,
                             const struct su_acc_config *config, uint64_t slot);
/* The task's deadline for the validator of the present draw. */
uint64_t su_prog_check_deadline(const struct su_acc_execution *exec,
                                const struct su_acc_assignment *a, const struct su_params *params,
                                uint64_t slot);

#endif
