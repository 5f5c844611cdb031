// SPDX-License-Identifier: MIT
/* node: a machine that works for others. Keeps the weights of the tasks its entry on chain declares
   loaded on one device, tells the oracles so, runs what it is assigned and what it is drawn to check,
   commits, reveals, and hands its results to those who need them. Everything it heard and said about
   an execution lies in a journal until the execution is closed, so that it can be killed at any
   moment and goes on where it was; a commitment that was sent is never contradicted.

   It signs with its identity alone and never touches the owner's money. The folder ("home") holds
     blobs/               packages and weights (module store)
     pipelines/           what the device's driver compiled
     conformance          devices that passed the suite with this program
     node/run             who runs here: held open and locked, "pid url"
     node/<execution>/    journals
   Threads: those of the HTTP server, one that watches the chain, one that runs tasks, some that
   send transactions and do checks, one that preloads, one per oracle for heartbeats. */
#ifndef SU_NODE_H
#define SU_NODE_H

#include "base/base.h"
#include "chain/chain.h"
#include "exec/exec.h"

/* ---- devices --------------------------------------------------------------------------------- */

/* Runs the conformance suite on x, or remembers that this program passed it on this device and driver
   under `home`; `again` runs it whatever is remembered. root: the root that was passed with. progress
   as in su_conformance_run, may be NULL. SU_ECONFORM: it computes other bits; SU_ECANCELLED; errors of
   su_conformance_run and su_file_write. */
SU_CHECK enum su_code su_node_conform(struct su_exec *x, const char *home, bool again,
                                      bool (*progress)(void *ctx, uint32_t done, uint32_t total),
                                      void *ctx, uint8_t root[32], struct su_err *e);
/* The number in SU_NUMERICS_VERSION, as node accounts and configs hold it. */
uint32_t su_node_numerics_version(void);

/* ---- a node ---------------------------------------------------------------------------------- */

enum su_node_wish {
    SU_NODE_GO_ON,
    SU_NODE_DRAIN, /* take nothing new, finish what runs, then end */
    SU_NODE_END /* now; what runs is in the journal */
};
struct su_node_options {
    const char *home; /* made when missing */
    const uint8_t *secret; /* the identity: 64 bytes, copied into locked memory */
    const char *const *urls; /* of the cluster, as in su_chain_opts */
    size_t n_urls;
    const uint8_t *program; /* NULL = su_splitup_id */
    const char *const *peers; /* "http://HOST:PORT" of stores, asked before others */
    size_t n_peers;
    const char *bind; /* numeric address ["127.0.0.1"] */
    uint16_t port; /* 0 = that of the endpoint on chain */
    struct su_exec_opts exec; /* cache_dir is not looked at */
    uint64_t vram_bytes; /* most memory to use; 0 = what the entry on chain offers */
    bool conformance; /* run the suite though it was passed before */
    bool (*progress)(void *ctx, uint32_t done, uint32_t total); /* of the suite; may be NULL */
    /* Asked ten times a second by su_node_run; NULL: su_node_end alone ends it. */
    enum su_node_wish (*wish)(void *ctx);
    void *ctx;
};
struct su_node_agent;
/* Opens device, store and chain, runs the suite, finds the node's entry, reads the journals, and
   begins to serve: from now on others can reach it. Blocks. SU_EBUSY: another process runs this home,
   or the port is taken; SU_ENOENT: the identity is not registered, or its entry names no endpoint;
   SU_ECONFORM: the device fails, or the entry holds another root; SU_EUNSUPPORTED: the cluster
   demands another numerics version; errors of su_exec_open, su_store_open, su_chain_env_get,
   su_http_server_start. On failure *out is NULL. */
SU_CHECK enum su_code su_node_open(const struct su_node_options *o, struct su_node_agent **out,
                                   struct su_err *e);
void su_node_close(struct su_node_agent *n); /* NULL allowed; not while su_node_run runs */
const char *su_node_url(const struct su_node_agent *n); /* where it serves: http://HOST:PORT */
const uint8_t *su_node_identity(const struct su_node_agent *n); /* 32 bytes */

/* Works until the wish or su_node_end ends it. With SU_NODE_END it takes up to two seconds: oracles
   are told, transactions under way are waited for. Trouble with chain, oracles or peers is retried
   and logged, never returned. SU_OK; SU_EIO: threads could not be made. */
SU_CHECK enum su_code su_node_run(struct su_node_agent *n, struct su_err *e);
/* As if it had been wished for; any thread. */
void su_node_end(struct su_node_agent *n, enum su_node_wish how);
/* Appends the JSON object of /api/status; any thread. SU_ENOMEM, SU_ELIMIT. */
SU_CHECK enum su_code su_node_status(struct su_node_agent *n, struct su_buf *out, struct su_err *e);

/* ---- from another process -------------------------------------------------------------------- */

struct su_node_here {
    bool running;
    int32_t pid; /* of it, while it runs */
    char url[128];
};
/* Whether a node runs under this home: by its lock, so that a number left by a dead one is never
   believed. SU_EACCES, SU_EIO, SU_ELIMIT. */
SU_CHECK enum su_code su_node_find(const char *home, struct su_node_here *out, struct su_err *e);
/* Asks it to drain (SIGUSR1), which its program must have made its wish. SU_ENOENT: none runs here;
   SU_EACCES: it belongs to somebody else. */
SU_CHECK enum su_code su_node_drain(const char *home, struct su_err *e);

#endif
