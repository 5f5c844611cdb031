// SPDX-License-Identifier: MIT
/* A whole network in this process: ledger over HTTP, a committee, nodes of an owner each, the digit
   model cut into tasks that every node declares, published by a store of its own. Whatever goes wrong
   here ends the test program. */
#ifndef SU_TEST_NET_H
#define SU_TEST_NET_H

#include "chain/chain.h"
#include "engine/engine.h"
#include "http/http.h"
#include "ledger/ledger.h"
#include "node/node.h"
#include "ops/ops.h"
#include "oracle/oracle.h"
#include "support/toy_llm.h"

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

enum { NET_ORACLES_MAX = 4, NET_NODES_MAX = 6 };

struct net_one { /* an oracle or a node */
    struct su_signer signer, owner;
    uint8_t secret[64];
    char home[128];
    uint16_t port;
    struct su_oracle *oracle;
    struct su_node_agent *node;
    enum su_backend backend;
    pthread_t thread;
    bool running;
};
struct net {
    char home[64], url[64];
    struct su_ledger *ledger;
    struct su_ledger_rpc *rpc;
    struct su_chain *chain;
    struct su_chain_env env;
    struct su_params params;
    struct su_signer payer, admin;
    unsigned n_oracle, n_node;
    struct net_one oracle[NET_ORACLES_MAX], node[NET_NODES_MAX];
    struct su_ops *ops;
    struct su_store *store; /* of the publisher */
    struct su_http_server *publisher;
    struct su_model *digits; /* NULL: the toy */
    struct toy toy;
    struct su_graph *generator; /* of the toy, with the token at its end */
    struct su_plan *plan;
    struct su_package *package;
    uint8_t model[32];
    float pixel[784];
};
struct net_options {
    unsigned oracles, nodes;
    uint32_t sampling_ppm; /* 0: the least */
    uint32_t ms_per_slot; /* 0: 20 */
    uint64_t target_bytes; /* 0: 300 KB */
    bool generates; /* the toy language model, cut as small as it goes, in place of the digits */
    uint32_t sessions; /* of a task; 0: 1 */
    const uint32_t *stop; /* tokens that end its generations, ascending; n_stop of them */
    uint32_t n_stop;
};
/* Everything is registered and declared; oracles run, no node does. */
struct net *net_new(const struct net_options *o);
void net_free(struct net *n); /* stops what runs, removes the home */

/* Starts node i, and waits for its first line of service. */
void net_node_start(struct net *n, unsigned i);
/* Lets a node that was opened into o->node run; 0 when it does. */
int net_node_go(struct net_one *o);
/* Ends it as SIGTERM does. */
void net_node_stop(struct net *n, unsigned i);
/* Signs with everybody's keys, and sends. Ends the batch. */
void net_transact(struct net *n, struct su_chain_batch *b);
/* Another entry for node i: its own endpoint when endpoint is NULL, the known root when root is. */
void net_node_update(struct net *n, unsigned i, const char *endpoint, const uint8_t *root);
/* Waits until that many nodes are ready in the eyes of every oracle. */
void net_wait_online(struct net *n, unsigned nodes, uint32_t ms);

/* Asks for one run over the digit; follows it until it has ended, and returns how: enum su_exec_state.
   The output is compared with that of a local run when it settles. */
struct net_run {
    uint8_t execution[32];
    struct su_ops_follow *follow;
    struct su_buf input;
};
void net_ask(struct net *n, struct net_run *r);
/* The same for a generation of the toy, of prompt and max_tokens of *g. */
void net_ask_tokens(struct net *n, struct net_run *r, const struct su_generation *g);
/* Polls until `until` says so (NULL: it has ended), at most ms; fails then. */
void net_follow(struct net *n, struct net_run *r, uint32_t ms,
                bool (*until)(const struct su_ops_follow_state *s));
void net_run_end(struct net_run *r);
/* True when the output is bit for bit that of a local run on the reference interpreter. */
bool net_output_right(struct net *n, const struct net_run *r);
/* True when the tokens are those of a local run, the first `least` at least; a token that ends it is
   among them here. */
bool net_tokens_right(struct net *n, const struct net_run *r, const struct su_generation *g,
                      uint32_t least);

/* The node's entry now. */
struct su_acc_node net_entry(struct net *n, unsigned i);
/* Its /api/status. */
struct su_json *net_status(struct net *n, unsigned i);
/* Waits until the execution is closed and the node watches nothing more. */
void net_wait_gone(struct net *n, const uint8_t execution[32], uint32_t ms);

#endif
