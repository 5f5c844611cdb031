// SPDX-License-Identifier: MIT
/* A cluster in this process: the embedded ledger over HTTP, its slots passing by hand, with three
   oracles in force, four nodes of four owners, and a model of tasks in a chain that all of them
   declare. Whatever fails here fails the test. */
#ifndef SU_TEST_CLUSTER_H
#define SU_TEST_CLUSTER_H

#include "chain/chain.h"
#include "ledger/ledger.h"

enum { CLUSTER_ORACLES = 3, CLUSTER_NODES = 4, CLUSTER_TASKS_MAX = 8, CLUSTER_SIGNERS = 16 };

struct cluster {
    struct su_ledger *ledger;
    struct su_ledger_rpc *rpc;
    struct su_chain *chain;
    struct su_chain_env env;
    struct su_params params;
    struct su_signer payer, admin, oracles[CLUSTER_ORACLES], nodes[CLUSTER_NODES],
        owners[CLUSTER_NODES];
    uint8_t model[32];
    uint16_t tasks;
    /* what the committee votes here: weights of 1000, task i to node i modulo their number */
    struct su_ix_check_row rows[CLUSTER_NODES];
    uint8_t task_nodes[CLUSTER_TASKS_MAX][32], table_root[32], assignment_root[32], depth;
    struct su_chain_voted voted;
};

struct cluster *cluster_new(uint16_t tasks);
void cluster_free(struct cluster *c);
void cluster_advance(struct cluster *c, uint64_t slots);
/* Sends a batch's instructions, signed by whom they need, and ends the batch. */
void cluster_send(struct cluster *c, struct su_chain_batch *b);
/* Asks for an execution (nonce n of the payer's), submitted; its address. */
void cluster_request(struct cluster *c, uint64_t nonce, uint32_t max_steps, uint8_t execution[32]);
/* A quorum votes the assignment. */
void cluster_vote(struct cluster *c, const uint8_t execution[32]);

#endif
