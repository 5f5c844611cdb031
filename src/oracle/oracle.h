// SPDX-License-Identifier: MIT
/* oracle: a member of the committee. Hears the nodes' heartbeats, proposes and votes on assignments,
   proves its draws, judges disputes, keeps the inputs of executions, and calls the defaults that
   anybody may call. Nothing it says off the chain decides anything: its votes and proofs are
   transactions, and what it passes on to others is signed by whoever said it.

   Its key signs votes and frames and pays its own fees; its VRF seed is used for draws alone. The
   folder ("home") holds
     oracle.json          the key, as Solana's tools write it, mode 0600
     oracle.vrf           the VRF seed in hex, mode 0600
     oracle/run           who runs here: held open and locked
     oracle/<execution>/  input container and table, until the execution is closed
     oracle/findings/     what its disputes were found to be, one JSON object a line; kept
     blobs/               packages and weights, for disputes (module store)
   Threads: one per HTTP connection, one that watches the chain, some that send transactions, some
   that talk to nodes and other oracles, one that judges. No slow or dead node, oracle or endpoint of
   the chain holds up the others: every call has a deadline, every queue a bound. */
#ifndef SU_ORACLE_H
#define SU_ORACLE_H

#include "base/base.h"
#include "chain/chain.h"

/* ---- keys ------------------------------------------------------------------------------------ */

/* The VRF key of the seed file under `home`, which is made (and its folder) when there is none and
   `make` is set. SU_ENOENT; SU_EACCES: readable by others; SU_EFORMAT; SU_EIO, SU_ENOSPC. */
SU_CHECK enum su_code su_oracle_vrf_key(const char *home, bool make, uint8_t key[32],
                                        struct su_err *e);

/* ---- a running oracle ------------------------------------------------------------------------ */

struct su_oracle_options {
    const char *home; /* holds the VRF seed */
    const uint8_t *secret; /* its key: 64 bytes, copied into locked memory */
    const char *const *urls; /* of the cluster, as in su_chain_opts */
    size_t n_urls;
    const uint8_t *program; /* NULL = su_splitup_id */
    const char *bind; /* numeric address ["127.0.0.1"] */
    uint16_t port; /* 0 = that of the endpoint on chain, if it names one */
    /* Asked ten times a second by su_oracle_run; true ends it. NULL: su_oracle_stop alone does. */
    bool (*stop)(void *ctx);
    void *ctx;
};
struct su_oracle;
/* Opens chain and folder, takes up what was kept of executions, and begins to serve: others can reach
   it from now on. An oracle that is in no epoch yet serves and waits. Blocks. SU_EBUSY: another
   process runs this home, or the port is taken; SU_ENOENT: no seed file, or the key is not
   registered; SU_EACCES: the seed's VRF key is not the registered one; SU_EFORMAT: `secret`; errors of
   su_chain_open, su_chain_env_get, su_http_server_start. On failure *out is NULL. */
SU_CHECK enum su_code su_oracle_open(const struct su_oracle_options *o, struct su_oracle **out,
                                     struct su_err *e);
void su_oracle_close(struct su_oracle *o); /* NULL allowed; not while su_oracle_run runs */
const char *su_oracle_url(const struct su_oracle *o); /* where it serves: http://HOST:PORT */
const uint8_t *su_oracle_key(const struct su_oracle *o); /* 32 bytes */

/* Works until it is stopped, which takes less than a second. Trouble with chain, nodes or other
   oracles is logged and tried again, never returned. SU_OK; SU_EIO: threads could not be made. */
SU_CHECK enum su_code su_oracle_run(struct su_oracle *o, struct su_err *e);
void su_oracle_stop(struct su_oracle *o); /* any thread */
/* Appends the JSON object of /api/status; any thread. SU_ENOMEM, SU_ELIMIT. */
SU_CHECK enum su_code su_oracle_status(struct su_oracle *o, struct su_buf *out, struct su_err *e);

#endif
