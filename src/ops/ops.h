// SPDX-License-Identifier: MIT
/* ops: the write side. What a person wants done becomes a proposal: transactions that were tried out
   against the chain, and lines that say what they change and cost. Shown and agreed to, it is signed
   (the wallet signs exactly what was proposed), sent and watched.

     su_ops_open -> su_ops_<intent>_check(fields) -> su_ops_<intent>_prepare -> lines are shown
     -> su_ops_commit -> su_ops_proposal_fini -> su_ops_close

   Everything but amounts, checks and open asks the chain and blocks; one struct su_ops is used by one
   thread at a time. Errors of prepare and commit, beside those they name: those of su_chain_env_get,
   su_chain_failure_explain (tried out: nothing was paid), of the wallet, SU_ECANCELLED. */
#ifndef SU_OPS_H
#define SU_OPS_H

#include "base/base.h"
#include "chain/chain.h"
#include "engine/engine.h"
#include "wallet/wallet.h"

/* ---- amounts ---------------------------------------------------------------------------------- */

enum su_ops_unit { SU_OPS_USDC, SU_OPS_SOL };
/* "1000.5" -> 1 000 500 000 millionths of a USDC, or billionths of a SOL: digits, and at most one
   point with at most 6 (SOL: 9) digits after it; nothing is rounded. SU_EINVAL: another text or
   zero; SU_EOVERFLOW: more than 2^53 millionths (SOL: 2^63 billionths). `at` names it. */
SU_CHECK enum su_code su_ops_amount_parse(const char *text, const char *at, enum su_ops_unit unit,
                                          uint64_t *out, struct su_err *e);
#define SU_OPS_AMOUNT_TEXT 32
/* "1000.5 USDC": exact, without trailing zeros; returns out. */
const char *su_ops_amount_text(uint64_t amount, enum su_ops_unit unit,
                               char out[SU_OPS_AMOUNT_TEXT]);
/* The number alone: su_ops_amount_parse takes it back. */
const char *su_ops_amount_number(uint64_t amount, enum su_ops_unit unit,
                                 char out[SU_OPS_AMOUNT_TEXT]);
/* "7 d 0 h", "1 min 5 s", "0 s": slots as time; returns out. */
const char *su_ops_slots_text(uint64_t slots, uint32_t ms_per_slot, char out[SU_OPS_AMOUNT_TEXT]);

/* ---- context ---------------------------------------------------------------------------------- */

struct su_ops_options {
    /* Clusters or URLs, comma-separated, best first; NULL: json_rpc_url of Solana's config.yml, else
       this machine (http://127.0.0.1:8899). */
    const char *url;
    /* Key file; NULL: keypair_path of Solana's config.yml where that is, else wallet.json in
       $SPLITUP_HOME. */
    const char *keypair;
    /* Key file that signs beside the wallet; NULL: that of this machine's node, node.json in
       $SPLITUP_HOME. */
    const char *identity;
    /* As in struct su_wallet_options. */
    enum su_code (*passphrase)(void *ctx, const char *path, bool again, char *out, size_t cap,
                               size_t *n, struct su_err *e);
    bool (*cancelled)(void *ctx); /* asked at least every 100 ms of waiting; may be NULL */
    void *ctx;
};
struct su_ops;
/* Settles where to connect and which key file to use; opens neither. SU_EINVAL: a URL; SU_ELIMIT: a
   path too long; errors of su_wallet_settings_read and su_home_dir. On failure *out is NULL. */
SU_CHECK enum su_code su_ops_open(const struct su_ops_options *o, struct su_ops **out,
                                  struct su_err *e);
void su_ops_close(struct su_ops *o); /* wipes keys; NULL allowed */
const char *su_ops_url(const struct su_ops *o); /* the first one */
const char *su_ops_wallet_path(const struct su_ops *o);
const char *su_ops_identity_path(const struct su_ops *o);
struct su_chain *su_ops_chain(struct su_ops *o);

/* Opens the wallet, once. SU_ENOENT says how to make one; else errors of su_wallet_open. Borrowed. */
SU_CHECK enum su_code su_ops_wallet(struct su_ops *o, struct su_wallet **out, struct su_err *e);
/* Opens the key that signs beside the wallet, once; make: a new one is written when there is none.
   SU_ENOENT says how it is made. Borrowed. */
SU_CHECK enum su_code su_ops_identity(struct su_ops *o, bool make, struct su_wallet **out,
                                      struct su_err *e);
/* The program's addresses and parameters in force on this cluster, read once. Borrowed. */
SU_CHECK enum su_code su_ops_env(struct su_ops *o, const struct su_chain_env **env,
                                 const struct su_params **params, struct su_err *e);

/* ---- proposals -------------------------------------------------------------------------------- */

enum su_ops_tier { /* how much care a user interface must demand */
                   SU_OPS_TIER_PREVIEW = 2, /* show the proposal, ask */
                   SU_OPS_TIER_TYPED = 3, /* and have the amount or name typed */
};
#define SU_OPS_LINES_MAX 20u
struct su_ops_line {
    char label[24], text[160];
};
struct su_ops_proposal {
    const char *title; /* "deposit stake" */
    enum su_ops_tier tier;
    struct su_ops_line line[SU_OPS_LINES_MAX];
    size_t n_line;
    uint64_t usdc_out, usdc_in; /* of the wallet, in millionths */
    uint64_t fee_lamports, rent_lamports; /* of all transactions; rent comes back on closing */
    size_t n_tx; /* transactions; 0: nothing is left to be done */
    struct su_ops_steps *steps; /* private */
};
/* Of every proposal, whatever prepare returned; a zeroed one is allowed. */
void su_ops_proposal_fini(struct su_ops_proposal *p);

struct su_ops_progress {
    size_t tx, n_tx; /* the transaction under way, from 0 */
    const struct su_chain_progress *chain;
};
struct su_ops_receipt {
    size_t landed; /* transactions that succeeded; those before a failure stay */
    uint8_t sig[64]; /* of the last one sent */
    bool sent; /* sig is meaningful; after a failure it may still land */
    uint64_t slot, units, fee_lamports; /* units and fee of all */
};
/* Signs and sends the transactions one after the other, each tried out again just before. progress may
   be NULL. SU_EACCES: the proposal is of another wallet, or was committed. */
SU_CHECK enum su_code su_ops_commit(struct su_ops *o, struct su_ops_proposal *p,
                                    void (*progress)(void *ctx, const struct su_ops_progress *p),
                                    void *ctx, struct su_ops_receipt *r, struct su_err *e);

/* ---- test money ------------------------------------------------------------------------------- */

/* Asks the cluster's faucet; nothing is signed. sol, usdc: amounts, NULL = none of it; one must be
   given. Waits until it has landed. SU_EUNSUPPORTED: this cluster gives none. */
struct su_ops_airdrop {
    const char *sol, *usdc;
};
SU_CHECK enum su_code su_ops_airdrop_check(const struct su_ops_airdrop *f, struct su_err *e);
SU_CHECK enum su_code su_ops_airdrop(struct su_ops *o, const struct su_ops_airdrop *f,
                                     const uint8_t to[32], struct su_err *e);

/* ---- nodes ------------------------------------------------------------------------------------ */

/* Registers this machine's node, its key being made when there is none, or brings its entry up to date;
   then only what is given changes. The wallet becomes the owner. */
struct su_ops_node {
    const char *endpoint; /* HOST:PORT, at most SU_ENDPOINT_MAX bytes; NULL = none or as it is */
    uint64_t vram_bytes; /* > 0 */
    uint32_t numerics_version;
    uint8_t conformance_root[32]; /* of the suite that passed on its device */
};
/* SU_EINVAL, SU_ELIMIT: the endpoint or the memory. */
SU_CHECK enum su_code su_ops_node_check(const struct su_ops_node *f, struct su_err *e);
/* SU_EACCES: registered by another owner. */
SU_CHECK enum su_code su_ops_node_prepare(struct su_ops *o, const struct su_ops_node *f,
                                          struct su_ops_proposal *out, struct su_err *e);

/* Which tasks of a model the node offers. tasks: "0,2-5", NULL = all. */
struct su_ops_declare {
    const char *model; /* address */
    const char *tasks;
};
/* SU_EINVAL: no address, no list of task numbers below SU_TASKS_MAX. */
SU_CHECK enum su_code su_ops_declare_check(const struct su_ops_declare *f, struct su_err *e);
/* Those declared already are left out. SU_ENOENT: no such model, task or node; SU_ELIMIT: more than
   SU_DECLARED_MAX. */
SU_CHECK enum su_code su_ops_declare_prepare(struct su_ops *o, const struct su_ops_declare *f,
                                             struct su_ops_proposal *out, struct su_err *e);
/* Takes declarations back; those not declared are left out. */
SU_CHECK enum su_code su_ops_undeclare_prepare(struct su_ops *o, const struct su_ops_declare *f,
                                               struct su_ops_proposal *out, struct su_err *e);
/* Takes this machine's node off the network as far as that goes now: all tasks back, what is due and
   earned out, what is free unlocked; lines say what remains. SU_ENOENT: not registered, or nothing is
   left; SU_EACCES: another owner's; SU_EBUSY: all that is left has to be waited for. */
SU_CHECK enum su_code su_ops_withdraw_prepare(struct su_ops *o, struct su_ops_proposal *out,
                                              struct su_err *e);

/* ---- oracles ----------------------------------------------------------------------------------- */

/* Registers an oracle and bonds it. Its key is the context's identity (options.identity), which is made
   when there is none; the wallet pays, and owns it. */
struct su_ops_oracle {
    const uint8_t *vrf_key; /* 32 bytes */
    const char *endpoint; /* HOST:PORT, at most SU_ENDPOINT_MAX bytes; it cannot be changed later */
    const char *bond; /* USDC to be bonded in all; NULL = what an oracle must have */
};
/* SU_EINVAL, SU_ELIMIT: endpoint or bond. */
SU_CHECK enum su_code su_ops_oracle_check(const struct su_ops_oracle *f, struct su_err *e);
/* What is there already is left out. SU_EACCES: registered by another owner, or with another VRF key
   or endpoint; SU_ELIMIT: the wallet holds less USDC. */
SU_CHECK enum su_code su_ops_oracle_prepare(struct su_ops *o, const struct su_ops_oracle *f,
                                            struct su_ops_proposal *out, struct su_err *e);
/* Announces the next epoch with the same parameters. The context's identity is the administrator's
   key. */
struct su_ops_admit {
    const uint8_t (*keys)[32]; /* of oracles, 1 to SU_ORACLES_MAX */
    size_t n;
    bool alone; /* they replace the present ones; else they join them */
};
/* Nobody joins or leaves: n_tx is 0. SU_EACCES: not the administrator; SU_ELIMIT: more than
   SU_ORACLES_MAX; SU_ENOENT: a key is not registered. */
SU_CHECK enum su_code su_ops_admit_prepare(struct su_ops *o, const struct su_ops_admit *f,
                                           struct su_ops_proposal *out, struct su_err *e);

/* ---- models ----------------------------------------------------------------------------------- */

/* A model for anybody's nodes, as planned for one target. */
struct su_ops_model {
    const struct su_package *package; /* its name is of 1 to SU_NAME_MAX bytes */
    const char *uri; /* where the package can be fetched; at most SU_URI_MAX bytes, NULL = none */
    uint64_t fee_unit; /* millionths of a USDC per compute unit; 0 or too little: the least */
    uint32_t sampling_ppm; /* 0 or too little: the least */
};
/* SU_EINVAL: the name; SU_ELIMIT: the URI, or what of the package the chain cannot hold. */
SU_CHECK enum su_code su_ops_model_check(const struct su_ops_model *f, struct su_err *e);
/* Everything that is not on chain yet: the model, its tasks, their connections, the feedback of a
   generator, and the end of the draft. After an interruption prepare it anew: it goes on. key: the
   model's address, which follows from the wallet and the definition. n_tx 0: it is there. */
SU_CHECK enum su_code su_ops_model_prepare(struct su_ops *o, const struct su_ops_model *f,
                                           struct su_ops_proposal *out, uint8_t key[32],
                                           struct su_err *e);

/* ---- stake ------------------------------------------------------------------------------------ */

struct su_ops_stake {
    const char *node; /* identity; NULL or "own" = this machine's */
    const char *amount; /* USDC; "all" where money comes out; NULL where it does not matter */
};
/* The key of f->node. SU_EINVAL; errors of su_ops_identity. */
SU_CHECK enum su_code su_ops_stake_node(struct su_ops *o, const struct su_ops_stake *f,
                                        uint8_t identity[32], struct su_err *e);
SU_CHECK enum su_code su_ops_deposit_check(const struct su_ops_stake *f, struct su_err *e);
/* SU_ENOENT: the node is not registered; SU_ELIMIT: the wallet holds less. */
SU_CHECK enum su_code su_ops_deposit_prepare(struct su_ops *o, const struct su_ops_stake *f,
                                             struct su_ops_proposal *out, struct su_err *e);
/* Free stake into a ticket that can be taken out after the cooldown. SU_ELIMIT: less is free, or no
   ticket is. */
SU_CHECK enum su_code su_ops_unlock_check(const struct su_ops_stake *f, struct su_err *e);
SU_CHECK enum su_code su_ops_unlock_prepare(struct su_ops *o, const struct su_ops_stake *f,
                                            struct su_ops_proposal *out, struct su_err *e);
/* Takes every ticket out that is due. SU_ENOENT: there is no ticket; SU_EBUSY: none is due, with the
   slot and the time left. */
SU_CHECK enum su_code su_ops_take_out_prepare(struct su_ops *o, const struct su_ops_stake *f,
                                              struct su_ops_proposal *out, struct su_err *e);
/* What the node has earned, to its owner. SU_ENOENT: nothing. */
SU_CHECK enum su_code su_ops_claim_prepare(struct su_ops *o, const struct su_ops_stake *f,
                                           struct su_ops_proposal *out, struct su_err *e);

/* ---- key files -------------------------------------------------------------------------------- */

/* Deletes a key file for good. Whoever owns anything on the cluster (money, stake, earnings, a bond, a
   refund) must name a copy of the same key, which is opened to see that it is one. */
struct su_ops_delete {
    const char *path;
    const char *copy; /* NULL = none */
};
#define SU_OPS_DELETE_LINES 10u
struct
    su_ops_delete_plan { /* what is to be shown, and what must still be so when it is carried out */
    struct su_ops_line line[SU_OPS_DELETE_LINES];
    size_t n_line;
    uint8_t key[32], mark[32], copy_mark[32];
    bool in_use; /* it is the wallet of this context */
    char confirm[5]; /* the end of the address, to be typed */
};
/* Asks the passphrases of sealed files; signs nothing. SU_EBUSY: the key of this machine's node, or one
   that owns something and has no copy (the message says what), or nobody could say whether it does;
   SU_EINVAL: the copy is the same file or another key's; errors of su_wallet_open. */
SU_CHECK enum su_code su_ops_delete_prepare(struct su_ops *o, const struct su_ops_delete *f,
                                            struct su_ops_delete_plan *out, struct su_err *e);
/* SU_EBUSY: the file or its copy has changed since; errors of su_wallet_delete. The context forgets a
   wallet that is gone: pointers to it are invalid then. */
SU_CHECK enum su_code su_ops_delete_commit(struct su_ops *o, const struct su_ops_delete *f,
                                           const struct su_ops_delete_plan *p, struct su_err *e);

#include "raw.h"
#include "request.h"

#endif
