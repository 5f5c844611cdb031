// SPDX-License-Identifier: MIT
/* The running of one transaction: knows no file, no thread and no map; it loads accounts through a
   function and leaves their new contents in its working set. */
#ifndef SU_LEDGER_EXEC_H
#define SU_LEDGER_EXEC_H

#include "ledger_priv.h"

extern const uint8_t su_ledger_memo_v1_id[32];
extern const uint8_t su_ledger_loader2_id[32];
extern const uint8_t su_ledger_native_loader_id[32];
extern const uint8_t su_ledger_sysvar_id[32];
extern const uint8_t su_ledger_clock_id[32];
extern const uint8_t su_ledger_rent_id[32];
extern const uint8_t su_ledger_epoch_schedule_id[32];
extern const uint8_t su_ledger_slot_hashes_id[32];

/* An account with one reference; its data is a copy (NULL = zeros). NULL when out of memory. */
struct su_ledger_account *su_ledger_account_new(const uint8_t key[32], const uint8_t owner[32],
                                                uint64_t lamports, bool executable,
                                                const void *data, uint64_t n);
const struct su_ledger_account *su_ledger_account_keep(const struct su_ledger_account *a);

/* The newest ended slots; entry i of the last n is at(ring, i), 0 = newest. */
struct su_ledger_ring_entry {
    uint64_t slot;
    uint8_t hash[32];
};
struct su_ledger_ring {
    struct su_ledger_ring_entry entries[SU_LEDGER_SLOT_HASHES];
    uint64_t n; /* ever added */
    uint64_t slot; /* the open one: higher than all entries */
    int64_t unix_time, epoch_start_time; /* of the open slot */
};
const struct su_ledger_ring_entry *su_ledger_ring_at(const struct su_ledger_ring *r, uint64_t i);
/* True while hash may stand in a transaction of the open slot; *entry_slot is its slot. */
bool su_ledger_ring_valid(const struct su_ledger_ring *r, const uint8_t hash[32],
                          uint64_t *entry_slot);

/* ---- instruction errors ---------------------------------------------------------------------- */

/* 0 = success, else (variant + 1) << 32 | custom number. */
#define SU_IE(name) (((uint64_t)SU_LEDGER_IE_##name + 1) << 32)
#define SU_IE_CUSTOM(n) (SU_IE(Custom) | (uint32_t)(n))
struct su_ledger_failure su_ledger_failure_of(uint64_t ie, uint8_t instr);
/* What a program returned in r0, as Solana reads it. */
uint64_t su_ledger_ie_of_program(uint64_t r0);

/* A failure in 8 bytes, as the history keeps it. */
uint64_t su_ledger_failure_pack(const struct su_ledger_failure *f);
struct su_ledger_failure su_ledger_failure_unpack(uint64_t v);

/* ---- compute budget -------------------------------------------------------------------------- */

struct su_ledger_budget {
    uint64_t units, price; /* price in millionths of a lamport */
    uint32_t loaded_bytes_max;
};
/* Reads the compute budget instructions. False: *f says what is wrong with them. */
bool su_ledger_budget_of(const struct su_ledger_tx *tx, struct su_ledger_budget *b,
                         struct su_ledger_failure *f);
uint64_t su_ledger_fee_of(const struct su_ledger_tx *tx, const struct su_ledger_budget *b);

/* ---- the working set ------------------------------------------------------------------------- */

#define SU_LEDGER_GROWTH_MAX                                                                       \
    10240u /* an account grows by so much in one instruction of a program */
#define SU_LEDGER_DEPTH_MAX 5
#define SU_LEDGER_TRACE_MAX 64 /* instructions of a transaction, calls included */
#define SU_LEDGER_RETURN_MAX 1024

struct su_ledger_work {
    const uint8_t *key;
    const struct su_ledger_account *before; /* NULL = there was none */
    uint8_t owner[32];
    uint64_t lamports, data_bytes, data_cap;
    uint8_t *data; /* before's until `own`; then data_cap bytes of ours */
    bool own, executable, writable, signer, changed;
};

struct su_ledger_meta {
    uint8_t at; /* index into the working set */
    bool signer, writable;
};
/* One running instruction. */
struct su_ledger_frame {
    const uint8_t *program_id;
    uint8_t program; /* index into the working set */
    uint16_t n;
    uint32_t data_bytes;
    const uint8_t *data;
    struct su_ledger_meta metas[256];
    uint64_t sum; /* lamports of all accounts when it began */
    void *native; /* sys_native.c */
};

struct su_ledger_exec {
    const struct su_ledger_tx *tx;
    const struct su_ledger_ring *ring;
    const struct su_ledger_native *natives;
    size_t n_natives;
    const struct su_ledger_account *(*load)(void *ctx, const uint8_t key[32]); /* counted */
    void *load_ctx;
    bool any_blockhash; /* simulation with a replaced one */

    struct su_ledger_work works[SU_LEDGER_KEYS_MAX];
    size_t n;
    struct su_ledger_budget budget;
    uint64_t units_left;
    struct su_ledger_frame *frames[SU_LEDGER_DEPTH_MAX];
    size_t depth; /* running frames */
    unsigned traced;
    uint8_t outer;
    uint64_t fee;

    struct su_buf logs; /* lines, each ended by NUL */
    uint32_t n_logs;
    bool logs_full;
    struct su_ledger_inner inner[SU_LEDGER_TRACE_MAX];
    uint32_t n_inner;
    uint8_t return_data[SU_LEDGER_RETURN_MAX];
    uint8_t return_program[32];
    uint32_t return_bytes;
    bool has_return;
    bool no_memory; /* the run means nothing */
    struct su_arena mem;
};

enum su_ledger_outcome {
    SU_LEDGER_REFUSED, /* not a word of it goes into the ledger */
    SU_LEDGER_LANDED, /* the working set holds what changes: after a failure, only the fee */
};
/* Runs x->tx (its signatures were checked; duplicates are the caller's to find). Assumes tx, ring,
   natives, load set and the rest zero. Fills r (see ledger.h; slot and time too). SU_ENOMEM: r and
   the working set mean nothing. */
SU_CHECK enum su_code su_ledger_exec_run(struct su_ledger_exec *x, struct su_ledger_result *r,
                                         enum su_ledger_outcome *outcome, struct su_err *e);
void su_ledger_exec_fini(struct su_ledger_exec *x);

/* ---- for programs ---------------------------------------------------------------------------- */

void su_ledger_log(struct su_ledger_exec *x, const char *fmt, ...) SU_PRINTF(2, 3);
/* "Program log: " and the text, sanitised. */
void su_ledger_log_text(struct su_ledger_exec *x, const char *text, size_t n);
/* False when the units are used up. */
bool su_ledger_charge(struct su_ledger_exec *x, uint64_t units);
/* Base58 of a key into a buffer of the caller. */
#define SU_LEDGER_TEXT 48
const char *su_ledger_key_text(const uint8_t key[32], char out[SU_LEDGER_TEXT]);

struct su_ledger_work *su_ledger_frame_work(struct su_ledger_exec *x,
                                            const struct su_ledger_frame *f, size_t i);
/* Changes by the running program, each under Solana's rules: 0 or an instruction error. */
uint64_t su_ledger_set_lamports(struct su_ledger_exec *x, const struct su_ledger_frame *f, size_t i,
                                uint64_t lamports);
uint64_t su_ledger_set_owner(struct su_ledger_exec *x, const struct su_ledger_frame *f, size_t i,
                             const uint8_t owner[32]);
/* The data becomes n bytes, new ones zero. */
uint64_t su_ledger_set_size(struct su_ledger_exec *x, const struct su_ledger_frame *f, size_t i,
                            uint64_t n);
/* Data to write to; the size stays. */
uint64_t su_ledger_data_mut(struct su_ledger_exec *x, const struct su_ledger_frame *f, size_t i,
                            uint8_t **data);
uint64_t su_ledger_set_data(struct su_ledger_exec *x, const struct su_ledger_frame *f, size_t i,
                            const uint8_t *data, uint64_t n);

/* Calls another program as the running one. metas name accounts by key; `derived` are addresses of
   the running program that sign (n_derived of 32 bytes). Returns 0 or an instruction error, which
   ends the transaction. */
struct su_ledger_call_meta {
    const uint8_t *key;
    bool signer, writable;
};
uint64_t su_ledger_call(struct su_ledger_exec *x, const uint8_t program[32],
                        const struct su_ledger_call_meta *metas, size_t n, const uint8_t *data,
                        size_t data_bytes, const uint8_t *derived, size_t n_derived);
/* Runs the instruction in f (pushed and popped here). */
uint64_t su_ledger_invoke(struct su_ledger_exec *x, struct su_ledger_frame *f);

/* The builtin programs. */
uint64_t su_ledger_system(struct su_ledger_exec *x, struct su_ledger_frame *f);
uint64_t su_ledger_token(struct su_ledger_exec *x, struct su_ledger_frame *f);
uint64_t su_ledger_ata_program(struct su_ledger_exec *x, struct su_ledger_frame *f);
uint64_t su_ledger_memo(struct su_ledger_exec *x, struct su_ledger_frame *f);
uint64_t su_ledger_ed25519(struct su_ledger_exec *x, struct su_ledger_frame *f);
uint64_t su_ledger_run_native(struct su_ledger_exec *x, struct su_ledger_frame *f,
                              const struct su_ledger_native *n);
/* Around a call made by a native program: what it wrote so far, and what the call wrote. */
uint64_t su_ledger_native_out(struct su_ledger_exec *x, struct su_ledger_frame *f);
uint64_t su_ledger_native_in(struct su_ledger_exec *x, struct su_ledger_frame *f);

/* Token account and mint as bytes. */
#define SU_LEDGER_MINT_BYTES 82
#define SU_LEDGER_TOKEN_BYTES 165
/* True when the account is an initialised token account (mint, owner, amount may be read at 0, 32,
   64). */
bool su_ledger_is_token(const uint8_t owner[32], const uint8_t *data, uint64_t n);

SU_CHECK bool su_ledger_address_with_seed(const uint8_t base[32], const void *seed, size_t n,
                                          const uint8_t owner[32], uint8_t key[32]);
/* Address of the seeds themselves (bump among them): false when it lies on the curve. */
SU_CHECK bool su_ledger_make_address(const struct su_ledger_seed *seeds, size_t n,
                                     const uint8_t program[32], uint8_t key[32]);

#endif
