// SPDX-License-Identifier: MIT
/* chain: a client of Solana's JSON-RPC over HTTP: typed reads (read.h: accounts of the on-chain
   program), typed instructions (make.h), and one way to send a transaction and know what became of
   it. Methods and formats: Solana's RPC documentation. Amounts come from account bytes or integer
   JSON numbers, never through doubles.

   Errors of every call that asks an endpoint, beside those it names:
     SU_ENET        no endpoint could be reached (the message names the last one and why)
     SU_ETIMEOUT    the deadline passed
     SU_ECANCELLED  opts.cancelled said so
     SU_ELIMIT      a reply larger than the limit
     SU_EFORMAT     a reply that is no JSON-RPC, or lacks what the method promises
     SU_EBUSY       429, or the node says it is behind (-32005), from every endpoint
     SU_EACCES      401, 403
     SU_EINVAL      the endpoint calls the parameters invalid (-32602)
     SU_EUNSUPPORTED the endpoint does not have the method (-32601, -32004, -32010, -32011, 404)
     SU_ENOENT      what was asked for is not kept (-32007, -32009, -32014)
     SU_EOVERFLOW   a balance of 2^53 lamports or more, which JSON numbers do not carry exactly
     SU_EIO         another error of the endpoint, quoted
     SU_ENOMEM
   All functions are thread-safe on one connection; each call blocks. What is connected to is kept so
   from one call to the next. */
#ifndef SU_CHAIN_H
#define SU_CHAIN_H

#include "abi/abi.h"
#include "base/base.h"
#include "crypto/crypto.h"

#define SU_CHAIN_TEXT 45 /* an address in base58, terminated */
#define SU_CHAIN_SIG_TEXT 90 /* a signature in base58 */
#define SU_CHAIN_ENDPOINTS_MAX 8u
#define SU_CHAIN_LAMPORTS_PER_SOL 1000000000u
#define SU_CHAIN_BATCH 100u /* accounts asked for in one call */

/* ---- addresses ------------------------------------------------------------------------------- */

/* Reads 32 bytes of base58. SU_EINVAL: `at` names what was read. */
SU_CHECK enum su_code su_chain_key_parse(const char *text, const char *at, uint8_t key[32],
                                         struct su_err *e);
/* base58 of a key; returns out. */
const char *su_chain_key_text(const uint8_t key[32], char out[SU_CHAIN_TEXT]);
SU_CHECK enum su_code su_chain_sig_parse(const char *text, const char *at, uint8_t sig[64],
                                         struct su_err *e);
const char *su_chain_sig_text(const uint8_t sig[64], char out[SU_CHAIN_SIG_TEXT]);

/* Program-derived address: sha256 of seeds, bump, program and marker, for the highest bump off the
   curve. False: no bump does (practically never), or a seed is longer than 32 bytes. bump may be
   NULL. */
SU_CHECK bool su_chain_find_address(const struct su_seeds *seeds, const uint8_t program[32],
                                    uint8_t key[32], uint8_t *bump);
/* Associated token account of (owner, mint), SPL Token. */
void su_chain_ata(const uint8_t owner[32], const uint8_t mint[32], uint8_t key[32]);

/* ---- connections ----------------------------------------------------------------------------- */

enum su_chain_commitment {
    SU_CHAIN_CONFIRMED, /* the default */
    SU_CHAIN_PROCESSED,
    SU_CHAIN_FINALIZED,
};
/* "m", "mainnet-beta", "d", "devnet", "t", "testnet", "l", "localhost" (http://127.0.0.1:8899), or
   an http(s) URL as it is. NULL when it is none of them. */
const char *su_chain_cluster_url(const char *cluster);

struct su_chain;
struct su_chain_opts {
    const char *const *urls; /* URLs or names of clusters, best first */
    size_t n_urls; /* 1 to SU_CHAIN_ENDPOINTS_MAX */
    const uint8_t *program; /* 32 bytes; NULL = su_splitup_id */
    enum su_chain_commitment commitment;
    uint32_t connect_ms, deadline_ms; /* of one call, failover included [5 000, 30 000] */
    uint64_t reply_max_bytes; /* [16 MiB] */
    bool (*cancelled)(void *ctx); /* asked at least every 100 ms, on the calling thread */
    void *ctx;
};
/* Copies the options; asks nobody. SU_EINVAL: no, too many or malformed URLs. On failure *out is
   NULL. */
SU_CHECK enum su_code su_chain_open(const struct su_chain_opts *o, struct su_chain **out,
                                    struct su_err *e);
void su_chain_close(struct su_chain *c); /* NULL allowed */
const uint8_t *su_chain_program(const struct su_chain *c); /* 32 bytes */

/* An endpoint that fails is passed over for 1 s, doubling to 60 s, as long as another one answers.
   Reads are repeated at the next endpoint after a failure of the network, 429 (waiting as long as
   backoff says), 5xx and -32005; a transaction may be sent to several: it can land only once. */
struct su_chain_endpoint {
    char url[256];
    uint64_t calls, failures;
    uint32_t rtt_ms; /* of the last answer */
    uint32_t resting_ms; /* passed over for so long from now; 0 = in use */
    char last_failure[160];
};
size_t su_chain_endpoints(struct su_chain *c, struct su_chain_endpoint *out, size_t cap);

/* ---- reading --------------------------------------------------------------------------------- */

SU_CHECK enum su_code su_chain_health(struct su_chain *c, struct su_err *e); /* SU_EBUSY: behind */
SU_CHECK enum su_code su_chain_version(struct su_chain *c, char *out, size_t cap, struct su_err *e);
SU_CHECK enum su_code su_chain_genesis_hash(struct su_chain *c, uint8_t hash[32], struct su_err *e);
SU_CHECK enum su_code su_chain_slot(struct su_chain *c, uint64_t *slot, struct su_err *e);
SU_CHECK enum su_code su_chain_block_height(struct su_chain *c, uint64_t *height, struct su_err *e);
struct su_chain_blockhash {
    uint8_t hash[32];
    uint64_t last_valid_block_height, slot;
};
SU_CHECK enum su_code su_chain_latest_blockhash(struct su_chain *c, struct su_chain_blockhash *out,
                                                struct su_err *e);
/* 0 when no account is there. */
SU_CHECK enum su_code su_chain_balance(struct su_chain *c, const uint8_t key[32],
                                       uint64_t *lamports, struct su_err *e);
SU_CHECK enum su_code su_chain_rent_minimum(struct su_chain *c, uint64_t data_bytes,
                                            uint64_t *lamports, struct su_err *e);

/* One account at one moment. data is 8-byte aligned and lies in the list's arena. */
struct su_chain_account {
    uint8_t key[32], owner[32];
    uint64_t lamports, data_bytes;
    const uint8_t *data; /* NULL when data_bytes is 0 */
    bool exists, executable; /* !exists: the rest but key is zero */
};
struct su_chain_accounts {
    struct su_chain_account *items;
    size_t n;
    uint64_t slot; /* at which the (last) reply was made */
    struct su_arena mem;
};
/* Frees all; a zeroed list is allowed. */
void su_chain_accounts_fini(struct su_chain_accounts *a);
/* The accounts of n keys, in that order, missing ones too (exists = false); in calls of
   SU_CHAIN_BATCH. On failure *out is empty; else fini it. */
SU_CHECK enum su_code su_chain_accounts_get(struct su_chain *c, const uint8_t (*keys)[32], size_t n,
                                            struct su_chain_accounts *out, struct su_err *e);
/* The same, but of each account's bytes only those from offset on, at most so many (1 or more). */
SU_CHECK enum su_code su_chain_accounts_part(struct su_chain *c, const uint8_t (*keys)[32],
                                             size_t n, uint64_t offset, uint64_t bytes,
                                             struct su_chain_accounts *out, struct su_err *e);
/* All accounts of a program that match; filters: at most 4, of at most 128 bytes each. data_bytes 0
   = any size. On failure *out is empty; else fini it. */
struct su_chain_filter {
    uint64_t offset;
    const void *bytes;
    size_t n;
};
SU_CHECK enum su_code su_chain_program_accounts(struct su_chain *c, const uint8_t program[32],
                                                uint64_t data_bytes,
                                                const struct su_chain_filter *filters, size_t n,
                                                struct su_chain_accounts *out, struct su_err *e);

/* A token account. SU_ENOENT: there is none at this address. */
struct su_chain_token {
    uint8_t key[32], mint[32], owner[32];
    uint64_t amount;
    bool frozen;
};
SU_CHECK enum su_code su_chain_token_get(struct su_chain *c, const uint8_t key[32],
                                         struct su_chain_token *out, struct su_err *e);
/* The owner's token accounts of one mint (NULL = any) into out[cap]; *n = how many there are. */
SU_CHECK enum su_code su_chain_tokens_of(struct su_chain *c, const uint8_t owner[32],
                                         const uint8_t *mint, struct su_chain_token *out,
                                         size_t cap, size_t *n, struct su_err *e);
/* Reads an account's bytes as a token account of SPL Token: SU_ETYPE. */
SU_CHECK enum su_code su_chain_as_token(const struct su_chain_account *a,
                                        struct su_chain_token *out, struct su_err *e);

/* ---- transactions ---------------------------------------------------------------------------- */

/* Why a transaction failed, as the endpoint says it. kind is "" when it did not. */
struct su_chain_failure {
    char kind[48]; /* "InstructionError", "BlockhashNotFound", ... */
    char detail[48]; /* of InstructionError: "Custom", "MissingRequiredSignature", ... */
    int instruction; /* -1 when none is to blame */
    bool has_custom;
    uint32_t custom;
};
/* Fills *e with it and returns the code: at = name of the instruction (of the program `program`,
   when it is one of `instrs`; both may be NULL) and msg = the program's error, its number and text,
   or what Solana's error means and what helps.
     SU_ETIMEOUT  BlockhashNotFound; TooLate
     SU_ELIMIT    not enough lamports, tokens, stake or compute units; too large
     SU_EACCES    signatures and rights
     SU_EEXIST    it exists already, or was processed already
     SU_ENOENT    an account or program is missing
     SU_EBUSY     AccountInUse and the like; TooEarly
     SU_EOVERFLOW numbers
     SU_EINVAL    the rest */
enum su_code su_chain_failure_explain(const struct su_chain_failure *f, const uint8_t *program,
                                      const struct su_instr *instrs, size_t n, struct su_err *e);

/* fee of a message as it would be charged now. SU_ETIMEOUT: its blockhash has expired. */
SU_CHECK enum su_code su_chain_fee(struct su_chain *c, const struct su_tx *t, uint64_t *lamports,
                                   struct su_err *e);
/* Price per unit that would have sufficed for these accounts (at most 128) in the better half of
   the recent slots: the median of the fees reported, 0 when there are none. */
SU_CHECK enum su_code su_chain_recent_price(struct su_chain *c, const uint8_t (*keys)[32], size_t n,
                                            uint64_t *price, struct su_err *e);

struct su_chain_outcome {
    struct su_chain_failure failure;
    uint64_t units, slot, fee_lamports;
    int64_t block_time; /* 0: not known */
    const char **logs;
    size_t n_logs;
    const uint8_t *wire; /* of su_chain_transaction: the whole transaction (su_tx_parse) */
    size_t wire_bytes;
    struct su_arena mem;
};
void su_chain_outcome_fini(struct su_chain_outcome *o); /* a zeroed one is allowed */
/* Runs it without signatures, with the newest blockhash. SU_OK whatever its failure is. */
SU_CHECK enum su_code su_chain_simulate(struct su_chain *c, const struct su_tx *t,
                                        struct su_chain_outcome *out, struct su_err *e);
/* Hands a signed transaction over, without preflight. */
SU_CHECK enum su_code su_chain_submit(struct su_chain *c, const struct su_tx *t, uint8_t sig[64],
                                      struct su_err *e);
/* SU_ENOENT: not known (yet). */
SU_CHECK enum su_code su_chain_transaction(struct su_chain *c, const uint8_t sig[64],
                                           struct su_chain_outcome *out, struct su_err *e);
struct su_chain_status {
    bool known;
    enum su_chain_commitment reached;
    uint64_t slot;
    struct su_chain_failure failure;
};
/* n <= 256. history: also those that are older than the node's recent ones. */
SU_CHECK enum su_code su_chain_statuses(struct su_chain *c, const uint8_t (*sigs)[64], size_t n,
                                        bool history, struct su_chain_status *out,
                                        struct su_err *e);
struct su_chain_signature {
    uint8_t sig[64];
    uint64_t slot;
    int64_t block_time; /* 0: not known */
    bool failed;
};
/* Transactions that name the address, newest first, into out[cap] (at most 1000), before that
   signature (NULL = from the newest). */
SU_CHECK enum su_code su_chain_signatures_of(struct su_chain *c, const uint8_t address[32],
                                             const uint8_t *before, struct su_chain_signature *out,
                                             size_t cap, size_t *n, struct su_err *e);

/* Test money. SU_EUNSUPPORTED where the cluster gives none. */
SU_CHECK enum su_code su_chain_airdrop(struct su_chain *c, const uint8_t to[32], uint64_t lamports,
                                       uint8_t sig[64], struct su_err *e);
SU_CHECK enum su_code su_chain_airdrop_usdc(struct su_chain *c, const uint8_t owner[32],
                                            uint64_t amount, uint8_t sig[64], struct su_err *e);
/* What a ledger of ours says of itself; SU_EUNSUPPORTED elsewhere. */
struct su_chain_ledger_info {
    char version[64];
    uint8_t genesis[32], program[32], usdc_mint[32], faucet[32];
    uint32_t usdc_decimals, ms_per_slot;
    uint64_t slot;
};
SU_CHECK enum su_code su_chain_ledger_info(struct su_chain *c, struct su_chain_ledger_info *out,
                                           struct su_err *e);

/* ---- sending --------------------------------------------------------------------------------- */

enum su_chain_stage {
    SU_CHAIN_SIMULATING,
    SU_CHAIN_SIGNING,
    SU_CHAIN_SENDING,
    SU_CHAIN_WAITING, /* sent at least once */
    SU_CHAIN_DONE,
};
struct su_chain_progress {
    enum su_chain_stage stage;
    const uint8_t *sig; /* 64 bytes once signed, else NULL */
    uint64_t blocks_left; /* until the blockhash expires; 0 = not known (yet) */
    uint32_t sends;
};
/* All-zero means the defaults in brackets. */
struct su_chain_send_opts {
    uint64_t price_max; /* millionths of a lamport per unit, most offered [0: none is offered] */
    uint32_t units_max; /* most units asked for [1 400 000] */
    uint32_t rebroadcast_ms, poll_ms; /* [2 000, 400] */
    bool no_simulation; /* asks for units_max, finds failures only on chain */
    bool no_details; /* of what landed result has no units, fee and logs: one call less */
    enum su_chain_commitment commitment; /* to wait for; SU_CHAIN_PROCESSED counts as CONFIRMED */
    void (*progress)(void *ctx, const struct su_chain_progress *p);
    void *ctx;
};
struct su_chain_result {
    uint8_t sig[64];
    bool sent; /* it may land even if the call failed, until its blockhash expires */
    uint64_t slot, units, fee_lamports;
    struct su_chain_outcome outcome; /* logs: of the simulation when it failed there */
};
void su_chain_result_fini(struct su_chain_result *r); /* a zeroed one is allowed */
/* Simulates, asks for 1.1 times the units used (and up to 65 535 more, at random: of two equal
   transactions under one blockhash the second would count as the first, and never be carried out),
   offers the recent price, signs once per signer
   (the payer is one of them), sends, sends again every rebroadcast_ms, and watches the signature
   until it reached the commitment or the last valid block height has passed. SU_OK: it landed and
   succeeded. Errors: of su_chain_failure_explain (found in the simulation: nothing was sent and
   nothing paid; on chain: result->sent and the fee is paid); SU_ETIMEOUT: expired without landing,
   safe to try again; SU_ECANCELLED: by opts of the connection; result->sent tells whether it may
   still land; SU_EINVAL: a transaction too large (the message names the limit) or a signer missing
   for an account that must sign; what a signer says. fini *result whatever comes back. */
SU_CHECK enum su_code su_chain_send(struct su_chain *c, const uint8_t payer[32],
                                    const struct su_instr *instrs, size_t n,
                                    const struct su_signer *const *signers, size_t n_signers,
                                    const struct su_chain_send_opts *opts,
                                    struct su_chain_result *result, struct su_err *e);

#include "crank.h"
#include "make.h"
#include "read.h"

#endif
