// SPDX-License-Identifier: MIT
/* One function per instruction of the on-chain program (abi: instructions.def, instructions.h).
   Each takes what the instruction is about, derives every account's address, and appends the
   instruction to a batch, with the rights instructions.def gives each role. Keys are 32 bytes and
   are copied. Token accounts are the associated ones. Included through chain.h. */
#ifndef SU_CHAIN_MAKE_H
#define SU_CHAIN_MAKE_H

#include "abi/abi.h"
#include "base/base.h"

/* Addresses that every instruction of one cluster shares. su_chain_env_get (read.h) fills it from
   the chain, su_chain_env_of from what is known beforehand. */
struct su_chain_env {
    uint8_t program[32], state[32], pool[32];
    uint8_t mint[32], vault[32], vault_authority[32];
    uint8_t genesis[32];
    uint64_t epoch; /* of the configuration in force */
    uint8_t config[32];
    uint64_t slot; /* at which it was read */
};
/* Derives the rest from program, mint, vault, genesis hash and epoch. */
void su_chain_env_of(struct su_chain_env *env, const uint8_t program[32], const uint8_t mint[32],
                     const uint8_t vault[32], const uint8_t genesis[32], uint64_t epoch);

/* Addresses of the program's accounts. */
void su_chain_addr_config(const struct su_chain_env *env, uint64_t epoch, uint8_t out[32]);
void su_chain_addr_oracle(const struct su_chain_env *env, const uint8_t key[32], uint8_t out[32]);
void su_chain_addr_model(const struct su_chain_env *env, const uint8_t creator[32],
                         const uint8_t digest[32], uint8_t out[32]);
void su_chain_addr_task(const struct su_chain_env *env, const uint8_t model[32], uint16_t index,
                        uint8_t out[32]);
void su_chain_addr_declaration(const struct su_chain_env *env, const uint8_t task[32],
                               const uint8_t owner[32], uint8_t out[32]);
void su_chain_addr_node(const struct su_chain_env *env, const uint8_t identity[32],
                        uint8_t out[32]);
void su_chain_addr_requestor(const struct su_chain_env *env, const uint8_t key[32],
                             uint8_t out[32]);
void su_chain_addr_claim(const struct su_chain_env *env, uint64_t seq, uint8_t out[32]);
void su_chain_addr_execution(const struct su_chain_env *env, const uint8_t requestor[32],
                             uint64_t nonce, uint8_t out[32]);
void su_chain_addr_assignment(const struct su_chain_env *env, const uint8_t execution[32],
                              uint16_t task, uint8_t out[32]);
void su_chain_addr_check(const struct su_chain_env *env, const uint8_t assignment[32],
                         uint64_t number, uint8_t out[32]);
void su_chain_addr_reserve(const struct su_chain_env *env, const uint8_t execution[32],
                           const uint8_t identity[32], uint8_t out[32]);

/* A list of instructions being made, and everything they point to. The first failure sticks, later
   calls do nothing: check once at the end. env is kept. payer pays rents and fees. */
struct su_chain_batch {
    const struct su_chain_env *env;
    uint8_t payer[32];
    struct su_instr instrs[SU_TX_INSTRS_MAX];
    size_t n;
    struct su_arena mem;
    struct su_err err;
};
void su_chain_batch_init(struct su_chain_batch *b, const struct su_chain_env *env,
                         const uint8_t payer[32]);
void su_chain_batch_fini(struct su_chain_batch *b);
/* The first failure: SU_EINVAL (a text too long, a count out of range), SU_ELIMIT (more than
   SU_TX_INSTRS_MAX instructions), SU_ENOMEM. */
SU_CHECK enum su_code su_chain_batch_check(const struct su_chain_batch *b, struct su_err *e);
/* Appends a copy of any other instruction. */
void su_chain_make_other(struct su_chain_batch *b, const struct su_instr *i);
/* Appends: create the owner's associated account of env's mint unless it exists. */
void su_chain_make_usdc_account(struct su_chain_batch *b, const uint8_t owner[32]);

/* ---- config, pool, oracles ------------------------------------------------------------------- */

void su_chain_make_init(struct su_chain_batch *b, const uint8_t admin[32],
                        const struct su_params *params);
/* members: keys of the next epoch's oracles; leaving: those of the latest that are not in it.
   latest: number of the latest epoch. */
struct su_chain_oracle_set {
    const uint8_t (*members)[32], (*leaving)[32];
    size_t n_members, n_leaving;
    uint64_t latest;
};
void su_chain_make_config_next(struct su_chain_batch *b, const uint8_t admin[32],
                               const struct su_chain_oracle_set *set,
                               const struct su_params *params);
void su_chain_make_admin_set(struct su_chain_batch *b, const uint8_t admin[32],
                             const uint8_t new_admin[32]);
void su_chain_make_pool_deposit(struct su_chain_batch *b, const uint8_t depositor[32],
                                uint64_t amount);
void su_chain_make_oracle_register(struct su_chain_batch *b, const uint8_t key[32],
                                   const uint8_t owner[32], const uint8_t vrf_key[32],
                                   const char *endpoint);
void su_chain_make_oracle_bond(struct su_chain_batch *b, const uint8_t depositor[32],
                               const uint8_t oracle[32], uint64_t amount);
void su_chain_make_oracle_withdraw(struct su_chain_batch *b, const uint8_t owner[32],
                                   const uint8_t oracle[32], uint64_t earned, uint64_t bond);
void su_chain_make_oracle_close(struct su_chain_batch *b, const uint8_t owner[32],
                                const uint8_t oracle[32], const uint8_t rent_payer[32]);

/* ---- models; `model` is the account's address ------------------------------------------------ */

struct su_chain_model_args {
    uint8_t digest[32];
    uint16_t task_count, sample_task; /* SU_NO_TASK: no generator */
    const char *name, *uri; /* at most SU_NAME_MAX, SU_URI_MAX bytes */
};
void su_chain_make_model_create(struct su_chain_batch *b, const uint8_t creator[32],
                                const struct su_chain_model_args *a);
/* ix: filled but for number and uri, which comes from `uri`. */
void su_chain_make_task_add(struct su_chain_batch *b, const uint8_t creator[32],
                            const uint8_t model[32], const struct su_ix_task_add *ix,
                            const char *uri);
struct su_chain_edge {
    uint16_t from_task, to_task;
    uint8_t output, input;
};
/* n: 1 to 8 edges; one instruction. */
void su_chain_make_connect(struct su_chain_batch *b, const uint8_t creator[32],
                           const uint8_t model[32], const struct su_chain_edge *edges, size_t n);
void su_chain_make_model_feedback(struct su_chain_batch *b, const uint8_t creator[32],
                                  const uint8_t model[32], const struct su_chain_edge *edge);
void su_chain_make_model_finalise(struct su_chain_batch *b, const uint8_t creator[32],
                                  const uint8_t model[32]);
/* task: the draft's last one, or SU_NO_TASK for the model itself. */
void su_chain_make_model_discard(struct su_chain_batch *b, const uint8_t creator[32],
                                 const uint8_t model[32], uint16_t task,
                                 const uint8_t rent_payer[32]);

/* ---- nodes and stake ------------------------------------------------------------------------- */

struct su_chain_node_args {
    uint64_t vram_bytes;
    uint32_t numerics_version;
    uint8_t conformance_root[32];
    const char *endpoint; /* at most SU_ENDPOINT_MAX bytes */
};
void su_chain_make_node_register(struct su_chain_batch *b, const uint8_t identity[32],
                                 const uint8_t owner[32], const struct su_chain_node_args *a);
void su_chain_make_node_update(struct su_chain_batch *b, const uint8_t identity[32],
                               const struct su_chain_node_args *a);
void su_chain_make_node_declare(struct su_chain_batch *b, const uint8_t identity[32],
                                const uint8_t owner[32], const uint8_t model[32], uint16_t task);
/* signer: the identity or the owner. task_key: the task's account. */
struct su_chain_undeclaration {
    const uint8_t *signer, *identity, *owner, *task_key, *rent_payer; /* 32 bytes each */
};
void su_chain_make_node_undeclare(struct su_chain_batch *b, const struct su_chain_undeclaration *u);
void su_chain_make_stake_deposit(struct su_chain_batch *b, const uint8_t depositor[32],
                                 const uint8_t identity[32], uint64_t amount);
void su_chain_make_stake_unlock(struct su_chain_batch *b, const uint8_t owner[32],
                                const uint8_t identity[32], uint64_t amount);
void su_chain_make_stake_withdraw(struct su_chain_batch *b, const uint8_t owner[32],
                                  const uint8_t identity[32], uint64_t ticket);
void su_chain_make_earnings_claim(struct su_chain_batch *b, const uint8_t owner[32],
                                  const uint8_t identity[32]);
void su_chain_make_node_close(struct su_chain_batch *b, const uint8_t owner[32],
                              const uint8_t identity[32], const uint8_t rent_payer[32]);

/* ---- executions ------------------------------------------------------------------------------ */

/* Which execution, of which epoch, and where in it. */
struct su_chain_at {
    uint8_t execution[32]; /* account */
    uint64_t epoch; /* execution.epoch */
    uint16_t task;
    uint8_t check; /* number of the Check */
};

struct su_chain_request {
    uint64_t nonce, seed;
    uint8_t input_digest[32];
    uint32_t max_steps;
};
/* In the epoch in force. */
void su_chain_make_request_open(struct su_chain_batch *b, const uint8_t key[32],
                                const uint8_t model[32], const struct su_chain_request *r);
/* count: 1 to 4 tasks from at->task on. */
void su_chain_make_request_tasks(struct su_chain_batch *b, const uint8_t key[32],
                                 const struct su_chain_at *at, const uint8_t model[32],
                                 uint32_t count);
void su_chain_make_request_submit(struct su_chain_batch *b, const uint8_t key[32],
                                  const struct su_chain_at *at, uint64_t max_escrow);
void su_chain_make_request_cancel(struct su_chain_batch *b, const uint8_t key[32],
                                  const struct su_chain_at *at);
void su_chain_make_request_expire(struct su_chain_batch *b, const struct su_chain_at *at);
void su_chain_make_refund_claim(struct su_chain_batch *b, const uint8_t key[32]);

/* ix: filled but for number and padding. */
void su_chain_make_vote_assign(struct su_chain_batch *b, const uint8_t oracle[32],
                               const struct su_chain_at *at, const struct su_ix_vote_assign *ix);
/* One group of the voted assignment: the nodes (identities) of its tasks, and the leaf's path. */
struct su_chain_assign_group {
    uint8_t group, count, path_len;
    const uint8_t (*identities)[32]; /* count of them, one per task */
    const uint8_t (*path)[32];
};
void su_chain_make_assign(struct su_chain_batch *b, const struct su_chain_at *at,
                          const struct su_chain_assign_group *g);
void su_chain_make_release(struct su_chain_batch *b, const struct su_chain_at *at,
                           const uint8_t identity[32], const uint8_t rent_payer[32]);
void su_chain_make_vote_task(struct su_chain_batch *b, const uint8_t oracle[32],
                             const struct su_chain_at *at, const struct su_ix_vote_task *ix);
void su_chain_make_reassign(struct su_chain_batch *b, const struct su_chain_at *at,
                            const uint8_t identity[32]);
void su_chain_make_commit(struct su_chain_batch *b, const uint8_t identity[32],
                          const struct su_chain_at *at, const struct su_ix_commit *ix);
void su_chain_make_commit_expire(struct su_chain_batch *b, const struct su_chain_at *at);
void su_chain_make_freeze(struct su_chain_batch *b, const struct su_chain_at *at,
                          uint32_t hash_index, bool fallback);
void su_chain_make_draw(struct su_chain_batch *b, const uint8_t oracle[32],
                        const struct su_chain_at *at, const uint8_t proof[80]);
void su_chain_make_draw_default(struct su_chain_batch *b, const struct su_chain_at *at);
/* row->identity names the node; the fields but number are filled. */
void su_chain_make_check_skip(struct su_chain_batch *b, const struct su_chain_at *at,
                              const struct su_ix_check_row *row);
void su_chain_make_check_accept(struct su_chain_batch *b, const struct su_chain_at *at,
                                const struct su_ix_check_row *row);
void su_chain_make_check_post(struct su_chain_batch *b, const uint8_t identity[32],
                              const struct su_chain_at *at, const uint8_t input_root[32],
                              const uint8_t output_root[32]);
void su_chain_make_check_expire(struct su_chain_batch *b, const struct su_chain_at *at);
void su_chain_make_reveal(struct su_chain_batch *b, const uint8_t identity[32],
                          const struct su_chain_at *at, const struct su_ix_reveal *ix);
/* producers: task of the producer of each input in mask, ascending. */
void su_chain_make_match(struct su_chain_batch *b, const struct su_chain_at *at, uint8_t mask,
                         const uint16_t *producers);
void su_chain_make_reveal_expire(struct su_chain_batch *b, const struct su_chain_at *at);
void su_chain_make_dispute_expire(struct su_chain_batch *b, const struct su_chain_at *at);
void su_chain_make_declare_missing(struct su_chain_batch *b, const uint8_t key[32],
                                   const struct su_chain_at *at);
void su_chain_make_conclude(struct su_chain_batch *b, const uint8_t signer[32],
                            const struct su_chain_at *at);
/* who: 0 the asserter, 1 the validator; identity is theirs. */
void su_chain_make_slash(struct su_chain_batch *b, const struct su_chain_at *at, uint64_t who,
                         const uint8_t identity[32]);
void su_chain_make_pay_task(struct su_chain_batch *b, const struct su_chain_at *at,
                            const uint8_t identity[32]);
/* claim: pool.claims_next. */
void su_chain_make_pay_check(struct su_chain_batch *b, const struct su_chain_at *at,
                             const uint8_t validator[32], uint64_t claim);
void su_chain_make_free_reserve(struct su_chain_batch *b, const struct su_chain_at *at,
                                const uint8_t identity[32], const uint8_t rent_payer[32]);
/* number: the oracle's in the epoch; oracle: its key. */
void su_chain_make_pay_oracle(struct su_chain_batch *b, const struct su_chain_at *at,
                              const uint8_t oracle[32], uint64_t number);
void su_chain_make_finish(struct su_chain_batch *b, const struct su_chain_at *at,
                          const uint8_t requestor[32]);
void su_chain_make_close_assignment(struct su_chain_batch *b, const struct su_chain_at *at,
                                    const uint8_t rent_payer[32]);
void su_chain_make_close_check(struct su_chain_batch *b, const struct su_chain_at *at,
                               const uint8_t rent_payer[32]);
void su_chain_make_close_execution(struct su_chain_batch *b, const struct su_chain_at *at,
                                   const uint8_t rent_payer[32]);
void su_chain_make_claim_pay(struct su_chain_batch *b, uint64_t seq, const uint8_t identity[32],
                             const uint8_t rent_payer[32]);

#endif
