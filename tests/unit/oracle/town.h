// SPDX-License-Identifier: MIT
/* A ledger in this process with a committee of real oracles, a registered model, and nodes that follow
   a script: they beat, commit, check and reveal without computing anything. */
#ifndef SU_TEST_ORACLE_TOWN_H
#define SU_TEST_ORACLE_TOWN_H

#include "chain/chain.h"
#include "http/http.h"
#include "ledger/ledger.h"
#include "oracle/oracle.h"
#include "peer/peer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>

enum { TOWN_ORACLES = 3, TOWN_NODES = 4, TOWN_TASKS = 3, TOWN_EXECUTIONS = 16 };
enum { TOWN_BEAT_MS = 400 }; /* an interval of heartbeats, as oracles count them */

struct town;
struct town_node {
    struct town *town;
    struct su_signer key;
    struct su_peer_self *self;
    uint8_t owner[32];
    pthread_t thread;
    bool running;
    atomic_bool stop;
    unsigned port;
    struct su_http_server *server; /* answers everything with nothing, while it runs */
    /* What it does: set any time. */
    atomic_bool mute; /* no heartbeats */
    atomic_bool deaf; /* no answers at its endpoint, though it accepts connections */
    atomic_bool idle; /* no commits */
    atomic_uint commits, checks, beats_refused;
};
struct town_oracle {
    struct town *town;
    char home[160], endpoint[32];
    uint8_t secret[64], key[32];
    struct su_oracle *oracle; /* NULL: down */
    pthread_t thread;
};
struct town {
    char home[64], url[64];
    struct su_ledger *ledger;
    struct su_ledger_rpc *rpc;
    struct su_chain *chain;
    struct su_chain_env env;
    struct su_params params;
    struct su_signer boss; /* pays, owns the oracles, made the model, and requests */
    uint8_t model[32];
    uint64_t nonce;
    struct town_oracle oracle[TOWN_ORACLES];
    struct town_node node[TOWN_NODES];
    unsigned n_node;
    pthread_mutex_t lock;
    uint8_t execution[TOWN_EXECUTIONS][32]; /* requested so far */
    size_t n_execution;
};
struct town_setting {
    unsigned nodes; /* of as many owners */
    uint32_t sampling_ppm; /* 0: the least */
    unsigned oracles; /* started; all are registered */
    unsigned commit_ms; /* base of the time to commit or check; 0: 30 s */
};
struct town *town_new(const struct town_setting *s);
void town_free(struct town *t);
void town_oracle_start(struct town *t, unsigned i);
void town_oracle_stop(struct town *t, unsigned i);
void town_node_start(struct town *t, unsigned i);
void town_node_stop(struct town *t, unsigned i);

/* Requests one execution and gives its input to oracle `to`; its address. */
void town_request(struct town *t, unsigned to, uint8_t execution[32]);
/* What is in the chain; false: it is gone. Fini *x. */
bool town_look(struct town *t, const uint8_t execution[32], struct su_chain_execution *x);
/* Waits until it is gone; fails the test after so many ms. Returns the last state seen. */
uint8_t town_wait_gone(struct town *t, const uint8_t execution[32], unsigned ms);
/* Waits until all are gone, and demands that they settled. */
void town_wait_settled(struct town *t, const uint8_t (*execution)[32], size_t n, unsigned ms);
/* Waits until it is in that state or a later one. */
void town_wait_state(struct town *t, const uint8_t execution[32], uint8_t state, unsigned ms);
/* Fails the test unless rc is SU_OK; says why. */
void town_must(enum su_code rc, const struct su_err *e);
void town_sleep(unsigned ms);
void town_signer(struct su_signer *s, const char *name, uint8_t secret[64]);

#endif
