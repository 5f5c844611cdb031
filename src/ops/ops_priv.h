// SPDX-License-Identifier: MIT
#ifndef SU_OPS_PRIV_H
#define SU_OPS_PRIV_H

#include "ops.h"

#include "peer/peer.h"

struct su_ops {
    struct su_ops_options options;
    struct su_chain *chain;
    char url[1024], wallet_path[4096], identity_path[4096];
    struct su_wallet *wallet, *identity;
    struct su_chain_env env;
    struct su_params params;
    bool env_known, identity_given; /* given: not that of this machine's node */
    struct su_peer_self *self; /* the wallet's voice off the chain, made when needed */
    struct su_http_keep *keep;
};

/* Instructions in order, and how many of them each transaction takes. The batches hold what the
   instructions point to. */
struct su_ops_steps {
    uint8_t payer[32];
    bool committed, identity_signs;
    struct su_chain_batch **batch;
    size_t n_batch;
    struct su_instr *instr;
    size_t n_instr;
    uint8_t *tx_instrs; /* per transaction */
    uint32_t refused; /* the program's error in which the last trial or sending ended; 0: none */
    /* What was read for the first transaction may be another's by the time it is sent: puts the same
       together from what stands there now (ops_steps_clear, batches, ops_steps_cut). NULL: not
       possible. `again` is freed with the proposal. */
    enum su_code (*renew)(struct su_ops *o, struct su_ops_proposal *p, struct su_err *e);
    bool (*renewable)(const struct su_ops_proposal *p); /* by `refused` */
    void *again;
};

/* Begins a proposal that the wallet pays for: opens it and reads the chain's parameters. Whatever it
   returns, fini p. */
SU_CHECK enum su_code ops_begin(struct su_ops *o, struct su_ops_proposal *p, const char *title,
                                enum su_ops_tier tier, struct su_err *e);
void ops_line(struct su_ops_proposal *p, const char *label, const char *fmt, ...) SU_PRINTF(3, 4);
/* A batch for the next few instructions. */
struct su_chain_batch *ops_batch(struct su_ops *o, struct su_ops_proposal *p);
/* Adds the rent of an account that is created. */
SU_CHECK enum su_code ops_rent(struct su_ops *o, struct su_ops_proposal *p, uint64_t data_bytes,
                               struct su_err *e);
/* Cuts the instructions into transactions, tries the first one out, adds the lines about what it
   costs and refuses what the wallet cannot pay. */
SU_CHECK enum su_code ops_finish(struct su_ops *o, struct su_ops_proposal *p, struct su_err *e);
/* Takes back all instructions, or cuts them into transactions. */
void ops_steps_clear(struct su_ops_proposal *p);
SU_CHECK enum su_code ops_steps_cut(struct su_ops_proposal *p, struct su_err *e);
/* Somebody else is at it with the same wallet: lets him get on. number: of the try, from 0. */
enum { OPS_RENEWALS = 24 };
void ops_step_aside(unsigned number);
/* The wallet's voice, and connections that are kept. again: the numbers of the last one were refused,
   since another process speaks with this key: begin above them. Assumes that the wallet is open. */
SU_CHECK enum su_code ops_self(struct su_ops *o, bool again, struct su_peer_self **out,
                               struct su_err *e);
/* Signs and sends a batch that the person agreed to beforehand, as one transaction the wallet pays for.
   Assumes that the wallet is open and the environment known. */
SU_CHECK enum su_code ops_send(struct su_ops *o, const struct su_chain_batch *b, struct su_err *e);
/* USDC in the wallet's associated account, 0 when there is none. */
SU_CHECK enum su_code ops_usdc(struct su_ops *o, uint64_t *amount, bool *exists, struct su_err *e);

#endif
