// SPDX-License-Identifier: MIT
/* abi: what the on-chain program, its clients, the ledger and the readers of accounts agree on:
   account layouts (accounts.h), instructions (instructions.h, instructions.def), error numbers
   (errors.def), address seeds, the messages that are hashed, the economics, one function each, in
   integers, and the check of VRF proofs (ecvrf.h). FREESTANDING: compiled natively and to sBPF; no
   libc, no heap. All functions are pure and thread-safe. */
#ifndef SU_ABI_H
#define SU_ABI_H

#include "accounts.h"
#include "base/free.h"
#include "ecvrf.h"
#include "instructions.h"
#include "tx.h"

enum su_ix_number {
#define X(NAME, number, name, accounts) SU_IX_##NAME = number,
#include "instructions.def"
#undef X
};
#define SU_IX_NUMBER_MAX 80

enum su_prog_error {
    SU_PROG_OK = 0,
#define X(name, number, text) SU_PROG_##name = number,
#include "errors.def"
#undef X
};

/* ---- names (native clients; the program does not link them) ---------------------------------- */

/* One row of instructions.def. */
struct su_ix_info {
    uint8_t number;
    const char *name, *accounts;
    uint32_t data_bytes;
};
/* Rows in order of number; NULL when there is no such instruction. */
const struct su_ix_info *su_ix_info(uint64_t number);
const struct su_ix_info *su_ix_info_at(size_t row); /* NULL past the last */
/* Name and text of a program error, NULL when the number is none of errors.def. */
const char *su_prog_error_name(uint64_t number);
const char *su_prog_error_text(uint64_t number);

/* ---- accounts -------------------------------------------------------------------------------- */

/* Bytes of an account with that tag, 0 for an unknown tag. */
uint64_t su_acc_bytes(uint8_t tag);
/* True when p[0..n) is a whole account of that tag and the present version whose counts, lengths
   and enumerations are in range, so that a reader may index by them. p is 8-byte aligned; what it
   holds is hostile. */
bool su_acc_valid(uint8_t tag, const void *p, uint64_t n);

/* ---- seeds of program-derived addresses ------------------------------------------------------ */

#define SU_SEEDS_MAX 3u
struct su_seeds {
    struct {
        const uint8_t *p;
        uint64_t n;
    } part[SU_SEEDS_MAX];
    uint64_t count;
    uint8_t number[8]; /* the integer seed, little-endian, that a part may point to */
};
/* Each fills *s; keys are borrowed while s is used, and s must not be copied. */
void su_seeds_single(struct su_seeds *s, const char *name); /* "state" "pool" "vault" */
void su_seeds_number(struct su_seeds *s, const char *name, uint64_t n); /* "config" "claim" */
void su_seeds_key(struct su_seeds *s, const char *name, const uint8_t key[32]);
/* "oracle" "node" "requestor" above; below: "exec" key nonce, "check" assignment number (le64);
   "task" model index, "assign" execution index (le16); "model" creator digest,
   "declared" task owner, "reserve" execution node */
void su_seeds_key_u64(struct su_seeds *s, const char *name, const uint8_t key[32], uint64_t n);
void su_seeds_key_u16(struct su_seeds *s, const char *name, const uint8_t key[32], uint16_t n);
void su_seeds_keys(struct su_seeds *s, const char *name, const uint8_t a[32], const uint8_t b[32]);

/* ---- economics: amounts in micro-USDC, rates in parts per million ---------------------------- */

#define SU_USDC 1000000u /* micro-USDC */
#define SU_PPM 1000000u
#define SU_MACS_PER_UNIT 1000000000u /* one compute unit: 10^9 multiply-adds */
#define SU_AMOUNT_MAX (1ull << 53)
#define SU_STEPS_MAX (1u << 24)

/* The founding numbers and a public cluster's times. */
void su_params_default(struct su_params *p);
/* The same money for a private network, where nobody waits for hours: silence and cooldown of a
   minute, rounds of a second, a turn of five; times become slots of ms_per_slot (at least 1). */
void su_params_private(struct su_params *p, uint32_t ms_per_slot);
/* False when a parameter is out of range: rates above 100 % (shares: 10 x), zero times, amounts
   above SU_AMOUNT_MAX, sampling_min 0, margin below 1, windows out of order (silence > reveal). */
bool su_params_check(const struct su_params *p);

/* All return false, *out untouched, when a result exceeds SU_AMOUNT_MAX or an argument is out of
   range. */
/* Compute units of that many steps, rounded up, at least 1. */
bool su_econ_units(uint64_t macs_per_step, uint32_t steps, uint64_t *out);
/* Fee of a task: base + fee_unit x units. */
bool su_econ_fee(const struct su_params *p, uint64_t fee_unit, uint64_t macs_per_step,
                 uint32_t steps, uint64_t *out);
/* validator_share x fee, rounded up. */
bool su_econ_check_fee(const struct su_params *p, uint64_t fee, uint64_t *out);
/* Into the pool per task: surcharge x sampling x check fee, rounded up. */
bool su_econ_surcharge(const struct su_params *p, uint32_t sampling_ppm, uint64_t fee,
                       uint64_t *out);
/* The stake at which cheating loses `margin` times over: with C = R = fee,
   S = max(10 C, margin x C / (p (1 - r)) - C), rounded up; r = max(owner_share_min, owner_share).
   Fails, too, when r >= 1 or S > stake_max: EconomicsUnsafe. */
bool su_econ_stake(const struct su_params *p, uint32_t sampling_ppm, uint32_t owner_share_ppm,
                   uint64_t fee, uint64_t *out);
/* Stake a node must keep to declare tasks: base + per_gib x GiB (rounded up). */
bool su_econ_base_stake(const struct su_params *p, uint64_t vram_bytes, uint64_t *out);
/* ms -> slots, rounded up, at least 1. */
uint64_t su_econ_slots(const struct su_params *p, uint64_t ms);
/* Slots an execution may take to commit: commit_base + steps x sum over tasks (step + unit x
   compute units per step), times 2^attempt, saturating. For a check: tasks = 1 and its own macs. */
uint64_t su_econ_commit_slots(const struct su_params *p, uint32_t steps, uint32_t tasks,
                              uint64_t macs_per_step, uint8_t attempt);
/* Slots of a dispute about a task: base + weights / bytes_per_s + units / units_per_s. */
uint64_t su_econ_dispute_slots(const struct su_params *p, uint64_t weight_bytes,
                               uint64_t macs_per_step, uint32_t steps);
/* Slots in which the run ends, committed or not: every attempt, and the waits for another node
   between them. What is reassigned later than planned gets what is left of them. Saturating, as the
   next two. */
uint64_t su_econ_run_slots(const struct su_params *p, uint32_t steps, uint32_t tasks,
                           uint64_t macs_per_step);
/* Slots that one task's check and disputes may take: every validator silent, then the three
   disputes that can follow one another (about its roots, its inputs, a missing output). */
uint64_t su_econ_judge_slots(const struct su_params *p, uint64_t weight_bytes,
                             uint64_t macs_per_step, uint32_t steps);
/* Slots from submission to the outcome when every wait lasts to its deadline and somebody calls
   each default then. judge_slots: the largest of su_econ_judge_slots over the tasks. A request for
   which this exceeds config_delay_slots is refused. */
uint64_t su_econ_longest_slots(const struct su_params *p, uint32_t steps, uint32_t tasks,
                               uint64_t macs_per_step, uint64_t judge_slots);

/* ---- messages: what is hashed, each beginning with its own domain text ----------------------- */

/* SHA-256 over concatenated parts (at most 12), supplied by whoever links abi: su_sys_sha256 in the
   program and the ledger, crypto elsewhere. */
struct su_part {
    const void *p;
    uint64_t n;
};
typedef void su_hash_fn(const struct su_part *parts, uint64_t n, uint8_t out[32]);

/* Whose execution: every message carries program id, genesis hash, execution, request slot. */
struct su_msg_scope {
    const uint8_t *program_id, *genesis, *execution;
    uint64_t request_slot;
};
/* "splitup/commit" scope task attempt node salt input_root output_root */
struct su_msg_commitment {
    const uint8_t *node, *salt, *input_root, *output_root; /* 32 bytes each */
    uint16_t task;
    uint8_t attempt;
};
void su_msg_commit_to(su_hash_fn *h, const struct su_msg_scope *s,
                      const struct su_msg_commitment *c, uint8_t out[32]);
SU_FREE_INLINE void su_msg_commit(su_hash_fn *h, const struct su_msg_scope *s, uint16_t task,
                                  uint8_t attempt, const uint8_t node[32], const uint8_t salt[32],
                                  const uint8_t input_root[32], const uint8_t output_root[32],
                                  uint8_t out[32])
{
    struct su_msg_commitment c = {node, salt, input_root, output_root, task, attempt};
    su_msg_commit_to(h, s, &c, out);
}
/* "in" roots...; "out" roots... witness. n <= SU_PORTS_MAX. */
void su_msg_input_root(su_hash_fn *h, const uint8_t (*roots)[32], uint64_t n, uint8_t out[32]);
void su_msg_output_root(su_hash_fn *h, const uint8_t (*roots)[32], uint64_t n,
                        const uint8_t witness[32], uint8_t out[32]);
/* chain = sha256("splitup/chain" chain task attempt commit); the chain of no commits is zero. */
void su_msg_chain(su_hash_fn *h, uint8_t chain[32], uint16_t task, uint8_t attempt,
                  const uint8_t commit[32]);
/* alpha = sha256("splitup/draw" scope chain slot_hash); slot_hash NULL in the fallback. */
void su_msg_alpha(su_hash_fn *h, const struct su_msg_scope *s, const uint8_t chain[32],
                  const uint8_t *slot_hash, uint8_t out[32]);
/* Oracles in the order of their turns: by sha256("splitup/turn" alpha vrf_key), then number. */
void su_msg_draw_order(su_hash_fn *h, const uint8_t alpha[32], const struct su_config_oracle *o,
                       uint8_t count, uint8_t order[SU_ORACLES_MAX]);
/* True when task i is sampled at that rate: u32le(sha256("splitup/sample" beta le16 i)) x 10^6 <
   ppm x 2^32. */
bool su_msg_sampled(su_hash_fn *h, const uint8_t beta[64], uint16_t task, uint32_t ppm);
/* That u32, for display. */
uint32_t su_msg_sample_draw(su_hash_fn *h, const uint8_t beta[64], uint16_t task);
/* The point of the weighted validator order: u64le(sha256("splitup/validator" beta task cursor))
   mod total. total > 0. */
uint64_t su_msg_check_point(su_hash_fn *h, const uint8_t beta[64], uint16_t task, uint32_t cursor,
                            uint64_t total);
/* Leaf of a table row: sha256(0x00 "splitup/row" row identity owner low high tasks). */
void su_msg_row_leaf(su_hash_fn *h, const struct su_ix_check_row *row, uint8_t out[32]);
/* Leaf of an assignment group: sha256(0x00 "splitup/assign" group identities...). */
void su_msg_assign_leaf(su_hash_fn *h, uint8_t group, const uint8_t (*identities)[32],
                        uint64_t count, uint8_t out[32]);
/* Parent: sha256(0x01 left right). */
void su_msg_parent(su_hash_fn *h, const uint8_t left[32], const uint8_t right[32], uint8_t out[32]);
/* Root from leaf number `index` of `count` leaves (RFC 6962 shape) and its path. False when the
   path has not the length that shape demands. In a full tree of 2^d leaves, count = 2^d. */
struct su_msg_path {
    const uint8_t (*nodes)[32]; /* from the leaf up */
    uint64_t length, index, count;
};
bool su_msg_root_by(su_hash_fn *h, const uint8_t leaf[32], const struct su_msg_path *path,
                    uint8_t out[32]);
SU_FREE_INLINE bool su_msg_root_of(su_hash_fn *h, const uint8_t leaf[32], uint64_t index,
                                   uint64_t count, const uint8_t (*path)[32], uint64_t path_len,
                                   uint8_t out[32])
{
    struct su_msg_path p = {path, path_len, index, count};
    return su_msg_root_by(h, leaf, &p, out);
}
/* Digests of votes: "splitup/vote-assign" and "splitup/vote-task" over the instruction's fields
   after the round, scope first. */
void su_msg_vote_assign(su_hash_fn *h, const struct su_msg_scope *s,
                        const struct su_ix_vote_assign *v, uint8_t out[32]);
void su_msg_vote_task(su_hash_fn *h, const struct su_msg_scope *s, uint16_t task,
                      const struct su_ix_vote_task *v, uint8_t out[32]);

#endif
