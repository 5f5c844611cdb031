// SPDX-License-Identifier: MIT
/* ledger: an embedded ledger that Solana's own clients cannot tell from a cluster of one
   validator. Accounts, slots, fees, the builtin programs and SplitUp run natively; state is kept in
   memory and, crash-safe, in one SQLite file. There are no forks: a transaction is processed,
   confirmed and finalised at the moment its batch is on disk, never before, so every commitment
   level reads the same state. Every slot has a block (height = slot). All functions are thread-safe
   unless they say otherwise. Formats and rules: Solana's documentation of transactions, accounts,
   sysvars and of the System, Token, Associated Token Account, Compute Budget, Ed25519 and Memo
   programs. */
#ifndef SU_LEDGER_H
#define SU_LEDGER_H

#include "base/base.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct su_sys;
struct su_ledger;

#define SU_LEDGER_KEY_BYTES 32
#define SU_LEDGER_SIG_BYTES 64
#define SU_LEDGER_TX_MAX_BYTES 1232
#define SU_LEDGER_KEYS_MAX 38 /* that fit in a transaction without lookup tables */
#define SU_LEDGER_INSTRS_MAX 64
#define SU_LEDGER_BLOCKHASHES 150 /* a blockhash is good for that many further blocks */
#define SU_LEDGER_SLOT_HASHES 512
#define SU_LEDGER_SLOTS_PER_EPOCH 432000u
#define SU_LEDGER_LAMPORTS_PER_SIGNATURE 5000u
#define SU_LEDGER_UNITS_MAX 1400000u
#define SU_LEDGER_DATA_MAX_BYTES (10u << 20) /* of one account */
#define SU_LEDGER_USDC_DECIMALS 6
#define SU_LEDGER_LOG_MAX_BYTES 10000u /* of one transaction; then "Log truncated" */

/* Well-known addresses; ids.c has the base58 of each. */
extern const uint8_t su_ledger_system_id[32];
extern const uint8_t su_ledger_token_id[32];
extern const uint8_t su_ledger_ata_id[32];
extern const uint8_t su_ledger_memo_id[32];
extern const uint8_t su_ledger_budget_id[32];
extern const uint8_t su_ledger_ed25519_id[32];
extern const uint8_t su_ledger_loader_id[32]; /* BPFLoaderUpgradeab1e... */
extern const uint8_t su_ledger_splitup_id[32]; /* SpLitUp1111... of a ledger of ours */

/* ---- transactions ---------------------------------------------------------------------------- */

/* Offsets into wire. */
struct su_ledger_instr {
    uint16_t accounts_at, data_at, data_bytes;
    uint8_t program, n_accounts; /* program: index of a key */
};

/* A transaction that was parsed and sanitised; no heap, may be copied. */
struct su_ledger_tx {
    uint8_t wire[SU_LEDGER_TX_MAX_BYTES];
    uint16_t wire_bytes;
    uint16_t sigs_at, message_at, keys_at, blockhash_at; /* the message runs to the end of wire */
    int8_t version; /* -1 = legacy, 0 */
    uint8_t n_sigs, n_readonly_signed, n_readonly_unsigned, n_keys, n_instrs;
    uint16_t n_lookups; /* address lookup tables: no transaction with any is executed */
    struct su_ledger_instr instrs[SU_LEDGER_INSTRS_MAX];
    uint8_t message_hash[32];
};

/* Parses the wire format, legacy or version 0. Total on any bytes. SU_ELIMIT: longer than
   SU_LEDGER_TX_MAX_BYTES; SU_EFORMAT: not a transaction, or trailing bytes; SU_EUNSUPPORTED:
   another version; SU_EINVAL: well-formed but breaks a sanitising rule (counts, indices, number of
   signatures): Solana's SanitizeFailure. On failure *tx is undefined. No signature is checked. */
SU_CHECK enum su_code su_ledger_tx_parse(const uint8_t *wire, size_t n, struct su_ledger_tx *tx,
                                         struct su_err *e);
/* The same for a bare message (getFeeForMessage): signatures are taken as zeros. */
SU_CHECK enum su_code su_ledger_message_parse(const uint8_t *message, size_t n,
                                              struct su_ledger_tx *tx, struct su_err *e);
/* True when all signatures hold (ed25519). */
SU_CHECK bool su_ledger_tx_verify(const struct su_ledger_tx *tx);
/* Borrow from tx. Assume i in range. */
const uint8_t *su_ledger_tx_sig(const struct su_ledger_tx *tx, size_t i);
const uint8_t *su_ledger_tx_key(const struct su_ledger_tx *tx, size_t i);
const uint8_t *su_ledger_tx_blockhash(const struct su_ledger_tx *tx);
bool su_ledger_tx_signer(const struct su_ledger_tx *tx, size_t key);
/* As the header of the message says; the ledger itself treats programs and sysvars as read-only
   whatever it says. */
bool su_ledger_tx_writable(const struct su_ledger_tx *tx, size_t key);

/* ---- errors of transactions ------------------------------------------------------------------ */

/* In Solana's order, so that value - 1 is the number of its variant. */
enum su_ledger_tx_error {
    SU_LEDGER_TX_OK,
#define X(name, text) SU_LEDGER_TX_##name,
#include "ledger/tx_errors.def"
#undef X
    SU_LEDGER_TX_ERRORS
};
/* In Solana's order; the value is the number of its variant. */
enum su_ledger_instr_error {
#define X(name, text) SU_LEDGER_IE_##name,
#include "ledger/instr_errors.def"
#undef X
    SU_LEDGER_IE_ERRORS
};
struct su_ledger_failure {
    uint8_t tx; /* enum su_ledger_tx_error; SU_LEDGER_TX_OK = success, the rest is 0 */
    uint8_t index; /* of the instruction, or of the account where the variant carries one */
    uint8_t instr; /* enum su_ledger_instr_error, with SU_LEDGER_TX_InstructionError */
    uint32_t custom; /* with SU_LEDGER_IE_Custom */
};
/* "InstructionError", "Custom"; "?" when out of range. */
const char *su_ledger_tx_error_name(unsigned tx);
const char *su_ledger_instr_error_name(unsigned instr);
/* True for the variants that carry {account_index} (InsufficientFundsForRent, ...). */
bool su_ledger_tx_error_has_account(unsigned tx);
/* Solana's sentence, e.g. "Error processing Instruction 0: custom program error: 0x1". Returns
   out. */
const char *su_ledger_failure_text(const struct su_ledger_failure *f, char *out, size_t cap);

/* ---- results --------------------------------------------------------------------------------- */

struct su_ledger_token_balance {
    uint8_t account_index, decimals;
    uint8_t mint[32], owner[32];
    uint64_t amount;
};
/* An instruction made by a program, in order of calls. */
struct su_ledger_inner {
    uint8_t outer; /* index of the transaction's instruction it belongs to */
    uint8_t height; /* 2 = called by that instruction */
    uint8_t program, n_accounts; /* indices of keys */
    uint16_t data_bytes;
    const uint8_t *accounts, *data;
};
/* An account at one moment: immutable, counted. Never free it, release it. */
struct su_ledger_account {
    uint8_t key[32], owner[32];
    uint64_t lamports, data_bytes;
    bool executable;
    const uint8_t *data; /* 8-byte aligned; never NULL */
};
/* Pointers lie in mem; su_ledger_result_fini frees all. Zero it before the first use. */
struct su_ledger_result {
    struct su_ledger_failure failure;
    uint64_t slot, fee_lamports, units, loaded_bytes;
    int64_t block_time; /* Unix seconds */
    uint32_t n_keys, n_logs, n_inner, n_pre_tokens, n_post_tokens, return_bytes;
    uint64_t pre_lamports[SU_LEDGER_KEYS_MAX], post_lamports[SU_LEDGER_KEYS_MAX];
    const char **logs;
    struct su_ledger_inner *inner;
    struct su_ledger_token_balance *pre_tokens, *post_tokens;
    bool has_return;
    uint8_t return_program[32];
    const uint8_t *return_data;
    /* Simulation only, n_keys of them: state afterwards, NULL where no account is. */
    const struct su_ledger_account **accounts;
    struct su_arena mem;
};
void su_ledger_result_fini(struct su_ledger_result *r); /* leaves it zeroed */

/* ---- the ledger ------------------------------------------------------------------------------ */

/* A program compiled into this process. process is su_program_process or has its contract. Every
   instruction costs `units` besides what the calls of sys.h cost. */
struct su_ledger_native {
    uint8_t id[32];
    const char *name; /* for messages */
    uint64_t (*process)(struct su_sys *s);
    uint32_t units;
};
struct su_ledger_options {
    const char *dir; /* folder of ledger.db, made when missing; NULL = nothing is kept */
    uint32_t ms_per_slot; /* 0 = 400; at least 5 */
    bool manual_slots; /* slots pass only by su_ledger_advance; the clock follows the slots */
    bool fast_sync; /* survives kill -9 as always, but a power failure may cost the last seconds */
    const uint8_t *seed; /* 32 bytes for a new ledger; NULL = random. All its keys follow from it */
    const struct su_ledger_native *natives; /* borrowed until close; NULL = SplitUp alone */
    size_t n_natives;
};
/* Opens or makes a ledger. SU_EBUSY: another process has it open; SU_EFORMAT: no ledger, damaged,
   or of a newer version; SU_EINVAL: options; SU_EACCES, SU_EIO, SU_ENOSPC, SU_ENOMEM. On failure
   *out is NULL. */
SU_CHECK enum su_code su_ledger_open(const struct su_ledger_options *o, struct su_ledger **out,
                                     struct su_err *e);
/* Finishes what was accepted, stops the thread, frees l. Assumes no other thread uses it. NULL
   allowed. */
void su_ledger_close(struct su_ledger *l);
/* Manual slots only (else nothing happens): lets n slots pass after all accepted transactions. */
void su_ledger_advance(struct su_ledger *l, uint64_t n);

struct su_ledger_now {
    uint64_t slot, block_height, epoch, slot_index, transactions;
    int64_t unix_time;
    uint8_t blockhash[32]; /* newest */
    uint64_t last_valid_block_height; /* of it */
    uint64_t burned_lamports; /* all fees so far */
    uint64_t capital_lamports; /* sum over all accounts; with burned_lamports it never changes */
    uint32_t ms_per_slot;
};
void su_ledger_now(struct su_ledger *l, struct su_ledger_now *now);
/* True while a transaction with this blockhash would be accepted. */
bool su_ledger_blockhash_valid(struct su_ledger *l, const uint8_t hash[32]);
const uint8_t *su_ledger_genesis_hash(const struct su_ledger *l); /* 32 bytes */
const uint8_t *su_ledger_usdc_mint(const struct su_ledger *l); /* 32 bytes */
const uint8_t *su_ledger_faucet_key(const struct su_ledger *l); /* 32 bytes */
uint64_t su_ledger_rent_minimum(uint64_t data_bytes);
/* Fee of a sanitised transaction, priority included. False when its compute budget instructions are
   malformed (it would cost nothing because it would be refused) or its blockhash is not valid. */
bool su_ledger_fee(struct su_ledger *l, const struct su_ledger_tx *tx, uint64_t *lamports);

/* ---- transactions, running them -------------------------------------------------------------- */

enum su_ledger_submit_flags {
    SU_LEDGER_SKIP_PREFLIGHT = 1,
    SU_LEDGER_WAIT = 2, /* until it is on disk, or refused */
};
/* Accepts a transaction: checks its signatures on this thread, runs it once against the newest
   state (unless SU_LEDGER_SKIP_PREFLIGHT), and hands it to the ledger's thread.
   SU_OK: accepted; with SU_LEDGER_WAIT it has landed and *r is what happened: a failure in it has
   cost the fee. SU_EINVAL: refused; r->failure says why and, after a preflight, r->logs too; it
   cost nothing. SU_EBUSY: too many wait. SU_EIO, SU_ENOSPC, SU_ENOMEM. r may be NULL; else fini it
   whatever comes back. */
SU_CHECK enum su_code su_ledger_submit(struct su_ledger *l, const struct su_ledger_tx *tx,
                                       unsigned flags, struct su_ledger_result *r,
                                       struct su_err *e);
struct su_ledger_simulation {
    bool verify; /* check signatures: else any are taken */
    bool replace_blockhash; /* run as if the newest blockhash stood in it */
};
/* Runs tx against the newest state and forgets it. SU_OK, and r->failure is the answer, for every
   sanitised transaction; SU_ENOMEM. Fini r whatever comes back. */
SU_CHECK enum su_code su_ledger_simulate(struct su_ledger *l, const struct su_ledger_tx *tx,
                                         const struct su_ledger_simulation *o,
                                         struct su_ledger_result *r, struct su_err *e);
/* Sends lamports from the faucet by a transaction of its own (signed by su_ledger_faucet_key) and
   waits for it. SU_EINVAL: 0, more than the faucet gives at once (100 000 SOL), or more than it
   has; else as su_ledger_submit. sig may be NULL. */
SU_CHECK enum su_code su_ledger_airdrop(struct su_ledger *l, const uint8_t to[32],
                                        uint64_t lamports, uint8_t sig[64], struct su_err *e);
/* Mints test USDC (amount in millionths) into the owner's associated token account, which the
   faucet makes and pays for when it is missing. */
SU_CHECK enum su_code su_ledger_airdrop_usdc(struct su_ledger *l, const uint8_t owner[32],
                                             uint64_t amount, uint8_t sig[64], struct su_err *e);

/* Sets the SplitUp program up with these parameters, unless that was done before: vault, state,
   pool, configuration 0. Its administrator is the key of su_ledger_admin_secret. Assumes the default
   natives. Errors of su_ledger_submit. */
struct su_params;
SU_CHECK enum su_code su_ledger_setup(struct su_ledger *l, const struct su_params *params,
                                      struct su_err *e);
/* The administrator's key pair; the caller wipes it. */
void su_ledger_admin_secret(const struct su_ledger *l, uint8_t secret[64]);

/* ---- reading --------------------------------------------------------------------------------- */

/* The account, counted, or NULL. Sysvars and programs are accounts like any other. */
const struct su_ledger_account *su_ledger_account_get(struct su_ledger *l, const uint8_t key[32]);
void su_ledger_account_release(const struct su_ledger_account *a); /* NULL allowed */

struct su_ledger_accounts {
    const struct su_ledger_account **items; /* in order of keys */
    size_t n;
};
void su_ledger_accounts_fini(struct su_ledger_accounts *a);
struct su_ledger_memcmp {
    uint64_t offset;
    const uint8_t *bytes;
    size_t n;
};
#define SU_LEDGER_ANY_SIZE UINT64_MAX
/* The accounts that a program owns, of that size, for which all of filters match (borrowed). All at
   one moment. SU_ENOMEM; then *out is empty. Costs what the program owns, not the whole ledger. */
SU_CHECK enum su_code su_ledger_accounts_of(struct su_ledger *l, const uint8_t program[32],
                                            uint64_t data_bytes,
                                            const struct su_ledger_memcmp *filters, size_t n,
                                            struct su_ledger_accounts *out, struct su_err *e);
/* Token accounts of an owner; mint NULL = of any mint. As su_ledger_accounts_of. */
SU_CHECK enum su_code su_ledger_tokens_of(struct su_ledger *l, const uint8_t owner[32],
                                          const uint8_t *mint, struct su_ledger_accounts *out,
                                          struct su_err *e);

struct su_ledger_status {
    uint64_t slot;
    struct su_ledger_failure failure;
};
/* False: not known, or not on disk yet. Without `history` only the last few hundred slots. */
bool su_ledger_status_get(struct su_ledger *l, const uint8_t sig[64], bool history,
                          struct su_ledger_status *out);
/* The newest transaction with this first signature. SU_ENOENT. Fini r whatever comes back. */
SU_CHECK enum su_code su_ledger_transaction_get(struct su_ledger *l, const uint8_t sig[64],
                                                struct su_ledger_tx *tx, struct su_ledger_result *r,
                                                struct su_err *e);
struct su_ledger_signature {
    uint8_t sig[64];
    uint64_t slot;
    int64_t block_time;
    struct su_ledger_failure failure;
};
/* Signatures of transactions that name the address, newest first, into out[cap]; *n of them.
   before/until (64 bytes, NULL allowed): begin after, end before that signature. An unknown
   `before` gives none; an unknown `until` is ignored, as on Solana. SU_EIO. */
SU_CHECK enum su_code su_ledger_signatures_of(struct su_ledger *l, const uint8_t address[32],
                                              const uint8_t *before, const uint8_t *until,
                                              struct su_ledger_signature *out, size_t cap,
                                              size_t *n, struct su_err *e);
/* Least price (millionths of a lamport per unit) paid in each of the last slots that held a
   transaction which wrote to all of keys (at most 128); oldest first, into out[cap]. Returns how
   many. */
struct su_ledger_price {
    uint64_t slot, price;
};
size_t su_ledger_prices(struct su_ledger *l, const uint8_t (*keys)[32], size_t n_keys,
                        struct su_ledger_price *out, size_t cap);
/* Hash, time and number of transactions of a slot that held one. SU_ENOENT for others. */
struct su_ledger_block {
    uint64_t slot, transactions;
    int64_t block_time;
    uint8_t hash[32];
};
SU_CHECK enum su_code su_ledger_block_get(struct su_ledger *l, uint64_t slot,
                                          struct su_ledger_block *out, struct su_err *e);

/* ---- JSON-RPC -------------------------------------------------------------------------------- */

/* Serves Solana's JSON-RPC over HTTP (POST, batches too), and its subscriptions over WebSocket on
   the next port: signature, account, slot and root. Every commitment level reads the same state,
   what landed is reported as finalized. Beside Solana's methods: splitup_info() ->
   {version, genesisHash, programId, usdcMint, usdcDecimals, faucet, msPerSlot, slot} and
   splitup_requestUsdc(owner, millionths) -> signature. Requests of at most 1 MiB, 256 calls in a
   batch, answers of at most 64 MiB. */
struct su_ledger_rpc;
struct su_ledger_rpc_options {
    const char *bind; /* numeric address, NULL = 127.0.0.1 */
    uint16_t port; /* 0 = any two free ones */
    uint32_t threads; /* of HTTP, 0 = 4 */
};
/* l must outlive the server. On failure *out is NULL: SU_EINVAL (address, port 65535), SU_EBUSY (a
   port is in use), SU_ENET. */
SU_CHECK enum su_code su_ledger_rpc_start(struct su_ledger *l,
                                          const struct su_ledger_rpc_options *o,
                                          struct su_ledger_rpc **out, struct su_err *e);
uint16_t su_ledger_rpc_port(const struct su_ledger_rpc *s);
uint16_t su_ledger_rpc_sockets_port(const struct su_ledger_rpc *s);
void su_ledger_rpc_stop(struct su_ledger_rpc *s); /* waits for calls under way; NULL allowed */
/* Appends the answer to one request body (any bytes) to out; nothing when only notifications came.
   A limit of out beyond 64 MiB, or none, is set to that. */
void su_ledger_rpc_answer(struct su_ledger *l, const void *body, size_t n, struct su_buf *out);

/* ---- addresses ------------------------------------------------------------------------------- */

/* Program-derived address of seeds under program: highest bump first. False: none, a seed longer
   than 32 bytes, or more than 15 seeds. */
struct su_ledger_seed {
    const void *p;
    size_t n;
};
SU_CHECK bool su_ledger_find_address(const struct su_ledger_seed *seeds, size_t n,
                                     const uint8_t program[32], uint8_t key[32], uint8_t *bump);
/* Associated token account of (owner, mint). */
void su_ledger_ata(const uint8_t owner[32], const uint8_t mint[32], uint8_t key[32]);

#endif
