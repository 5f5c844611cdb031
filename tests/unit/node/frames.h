// SPDX-License-Identifier: MIT
/* Nodes as far as frames go: identity, journal, exchange and a server over real HTTP, in a folder of
   its own that outlives a stop. */
#ifndef SU_TEST_NODE_FRAMES_H
#define SU_TEST_NODE_FRAMES_H

#include "node/exchange.h"

#include <stdatomic.h>

#define FRAMES_SLOT 77u
#define FRAMES_ROW 4u /* floats of a row */
#define FRAMES_STEPS 30u /* of the flow of three */

struct frames_node {
    char home[200], endpoint[32];
    uint16_t port; /* kept over restarts */
    struct su_signer signer;
    struct su_peer_self *self;
    struct su_journal *journal;
    struct su_exchange *x;
    struct su_http_server *server;
    struct su_exchange_opts opts;
    atomic_int posts; /* calls with frames that came */
    atomic_int delay_ms; /* before an answer; ends when it is taken back */
    atomic_bool deny; /* `may` says no */
    atomic_int evidence, unknown; /* callbacks that came */
    struct su_exchange_evidence last;
};

struct su_wire_scope frames_scope(void);
const uint8_t *frames_execution(uint8_t n); /* kept */
/* A node whose key comes from `seed`, with an empty home. */
void frames_start(struct frames_node *n, uint8_t seed);
void frames_stop(struct frames_node *n); /* the home stays */
void frames_again(struct frames_node *n); /* after a stop: same home, identity and port */
void frames_end(struct frames_node *n); /* stops it if it runs, removes the home */

/* Flow of output 0 of a task: rows of FRAMES_ROW floats, steps 0 .. end - 1. */
struct su_flow *frames_flow(struct frames_node *n, uint8_t execution, uint16_t task,
                            const struct frames_node *producer, uint32_t end);
/* The row that frames_emit gives for a step, and its leaf. */
void frames_row(uint32_t step, uint32_t salt, float row[FRAMES_ROW], uint8_t leaf[32]);
enum su_code frames_emit(struct su_flow *f, uint32_t step, uint32_t count, uint32_t salt);
/* An ACTIVATION of a task's output 0, signed by `by`, into b (initialised here). */
void frames_activation(struct su_buf *b, const struct frames_node *by, uint8_t execution,
                       uint16_t task, uint32_t step, uint32_t count, uint32_t salt);
/* Asserts that the steps 0 .. end - 1 of a flow are there and hold those rows. */
void frames_expect(struct su_flow *f, uint32_t end, uint32_t salt);
/* What su_exchange_take answers: 0 for an acknowledgement, else the refusal. */
unsigned frames_take(struct frames_node *n, const void *bytes, size_t len);
/* The same, come over that connection; above over none that is known. */
unsigned frames_take_over(struct frames_node *n, uint64_t connection, const void *bytes,
                          size_t len);
void frames_sleep_ms(unsigned ms);

/* a: producer, b: consumer, c: a stranger. */
struct frames_three {
    struct frames_node a, b, c;
    struct su_flow *in; /* b's end of a's output: execution 1, task 0, FRAMES_STEPS; or NULL */
};
int frames_three_setup(void **state); /* without the flow */
int frames_flow_setup(void **state);
int frames_three_teardown(void **state);

#endif
