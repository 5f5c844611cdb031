// SPDX-License-Identifier: MIT
#ifndef SU_OPS_FOLLOW_PRIV_H
#define SU_OPS_FOLLOW_PRIV_H

#include "ops_priv.h"

#include "peer/peer.h"

enum {
    FOLLOW_LOOK_LEAST_MS =
        100, /* between two looks at the chain: a quarter of a round, at least this */
    FOLLOW_FLOW_LOOKS = 4, /* times that, while steps come */
    FOLLOW_READ_ROUNDS = 4, /* what seems not to have changed is read all the same after so many, */
    FOLLOW_READ_MS = 10000, /* or so long */
    FOLLOW_CALL_MS = 3000, /* deadline of a call to a peer */
    FOLLOW_AGAIN_MS = 250, /* first pause after a failed call, doubling up to: */
    FOLLOW_AGAIN_MOST_MS = 4000,
};

/* When something that failed is tried again. */
struct follow_pause {
    uint64_t until_ns;
    uint32_t ms;
};
void follow_pause_longer(struct follow_pause *p);
bool follow_pause_over(const struct follow_pause *p);

struct follow_oracle {
    char endpoint[SU_ENDPOINT_MAX + 1];
    bool has_input;
    struct follow_pause pause;
};
/* What has come of one output. */
struct follow_output {
    struct su_buf rows, leaves;
    struct follow_pause pause;
    uint8_t attempt; /* of the task, from whose node it is */
};
struct follow_owner { /* whose node an identity is */
    uint8_t identity[32], owner[32];
};

struct su_ops_follow {
    struct su_ops *o;
    struct su_ops_follow_options options; /* input: own copy */
    uint8_t *input;
    bool own;
    uint8_t model_key[32];
    struct su_chain_model model;
    struct su_chain_case *now, *next; /* now: the last look; NULL execution before the first */
    struct follow_oracle oracle[SU_ORACLES_MAX];
    bool oracles_known;
    struct su_http_line *line; /* to the node that results come from; NULL: there is none */
    struct follow_output *got; /* as state.output */
    struct su_ops_output *output;
    struct su_ops_part *part;
    struct follow_owner *owner;
    size_t n_owner;
    uint64_t next_look_ns, first_escrow; /* next_look_ns 0: there is news to be read */
    uint64_t looked_ns, read_ns, came_ns; /* a look was had, all was read, a step came */
    uint32_t seen; /* state.changes at the end of the last poll */
    bool stop_wanted, lied; /* lied: an output was not what its node committed to */
    struct follow_pause acting;
    struct su_ops_follow_state state;
};

/* Notes a failure that will be tried again. */
void follow_trouble(struct su_ops_follow *f, const struct su_err *e);
/* While steps come one after the other the chain hears of nothing: until when the next look at it is put
   off, 0: it is due. came_ns: when the last step came, 0: none; pause_ns: between two looks. */
uint64_t follow_put_off(uint64_t came_ns, uint64_t looked_ns, uint64_t pause_ns, uint64_t now_ns);
/* Codes that end a poll; the others are trouble. */
bool follow_fatal(enum su_code rc);

/* ---- follow_output.c ---- */

/* Makes the list of the model's outputs. */
void follow_outputs_init(struct su_ops_follow *f);
void follow_outputs_clear(struct su_ops_follow *f); /* forgets what has come */
void follow_outputs_free(struct su_ops_follow *f);
/* Forgets what came from a node that is not the task's any more. */
void follow_outputs_check(struct su_ops_follow *f);
/* Compares what is whole with the roots on chain. */
void follow_outputs_prove(struct su_ops_follow *f);
/* Some step that may come has not. */
bool follow_outputs_wanted(const struct su_ops_follow *f);
bool follow_outputs_proven(const struct su_ops_follow *f);
/* Asks the nodes for what is missing; the last one asked may wait that long for it. *asked: whether
   anybody was. */
SU_CHECK enum su_code follow_outputs_fetch(struct su_ops_follow *f, uint32_t wait_ms, bool *asked,
                                           struct su_err *e);
/* Hands the input to the oracles that lack it. */
SU_CHECK enum su_code follow_input_post(struct su_ops_follow *f, struct su_err *e);
/* Tells the node that samples to stop. */
void follow_stop_send(struct su_ops_follow *f);

/* ---- follow_end.c ---- */

/* How an execution ended whose account is gone, from the transactions that name it. */
SU_CHECK enum su_code follow_history(struct su_ops_follow *f, bool *settled, uint8_t *cause,
                                     struct su_err *e);

#endif
