// SPDX-License-Identifier: MIT
/* What a member of the committee finds out about a task in dispute, by itself: who was wrong, and
   what shows it. Equal facts give equal verdicts on every oracle.

   Inputs first. A root of an input is backed when the requestor's container leads to it, when its
   producer has revealed it, or when somebody shows frames that the producer signed over just these
   leaves. Who took part with inputs that are not backed is wrong; when two roots of one input are
   backed, the producer said two things. Only on inputs that asserter and validator agree on is the
   task computed again, on the cpu backend; the step at which a party differs is then computed op by
   op on the reference interpreter too, so that a fault of this very machine convicts nobody.

   That somebody has not shown what he should have counts against him at the last call only; before
   it the answer is SU_EBUSY, and the caller asks again later. */
#ifndef SU_ORACLE_DISPUTE_H
#define SU_ORACLE_DISPUTE_H

#include "chain/chain.h"
#include "engine/engine.h"
#include "peer/peer.h"
#include "store/store.h"
#include "wire/wire.h"

enum dispute_party { DISPUTE_ASSERTER, DISPUTE_VALIDATOR, DISPUTE_PRODUCER };
/* Frames of one port that one party is asked for. */
struct dispute_want {
    enum dispute_party whom;
    const uint8_t *identity; /* of whom */
    const uint8_t *producer; /* who signed the rows, as in struct su_peer_want */
    struct su_wire_want want;
};
struct dispute_case {
    const uint8_t *key; /* of the execution */
    const struct su_acc_execution *execution;
    const struct su_acc_assignment *const *assignments; /* execution->task_count; NULL: not open */
    uint16_t task; /* in dispute */
    struct su_wire_scope scope;
    const struct su_package *package; /* its digests compared with the chain's */
    const void *container; /* the requestor's input; its digest is compared here */
    size_t container_bytes;
    const bool *emits; /* per step; NULL: all, or as the container of a generation says */
    struct su_store *store; /* gets the weights that are missing */
    const char *const *peers; /* whom to ask for them: "http://HOST:PORT" */
    size_t n_peers;
    unsigned threads; /* of the cpu backend; 0 = all processors */
    bool last_call;
    /* Appends whole frames, unverified or not. SU_ENOENT: the party answers, and does not have them;
       SU_ECANCELLED and SU_ENOMEM end the judgement; anything else: it was not reached. Asked again for
       what is missing as long as something new comes. */
    enum su_code (*fetch)(void *ctx, const struct dispute_want *w, struct su_buf *frames,
                          struct su_err *e);
    bool (*cancelled)(void *ctx); /* may be NULL */
    void *ctx;
};

/* What was found. */
struct dispute_finding {
    uint8_t dispute, verdict; /* enum su_dispute, su_verdict */
    uint16_t task, verdict_task; /* as in struct su_ix_vote_task */
    char why[200]; /* one line */
    bool executed; /* the task was computed again: */
    uint8_t input_root[32], output_root[32]; /* by us */
    bool has_port; /* where a party differs is known: */
    enum su_port port;
    uint8_t number;
    bool has_step; /* and the first step at which it does: */
    uint32_t step;
    uint8_t leaf[32]; /* the asserter's, or the first signed */
    uint8_t other_leaf[32]; /* ours, or another that is signed */
    bool has_op; /* what computes it, and the first element that differs: */
    uint32_t node;
    char op[32], value[SU_GRAPH_NAME_MAX + 1];
    uint64_t element;
    uint32_t got_bits, want_bits; /* the asserter's, ours */
};
/* On failure there is no verdict and *out is zeroed: SU_EINVAL: the task is not in dispute; SU_EDIGEST:
   the container is not the execution's; SU_EBUSY: somebody has not answered or shown what he should
   have, and it is not the last call; SU_ENET: it is, and neither party was reached; SU_ECONFORM: our
   own cpu backend differs from the interpreter, or our roots from those of an input that nobody
   doubts; SU_ECANCELLED; errors of su_input_decode, su_input_find, su_package_fetch, su_exec_open,
   su_task_open and su_task_replay. Blocks, for long. */
SU_CHECK enum su_code dispute_judge(const struct dispute_case *c, struct dispute_finding *out,
                                    struct su_err *e);
/* Appends it as a JSON object. Errors of su_buf_check. */
SU_CHECK enum su_code dispute_json(const struct dispute_finding *f, struct su_buf *out,
                                   struct su_err *e);

/* ---- lists of leaves out of frames (dispute_flow.c) ------------------------------------------- */

/* Which output, and what its rows look like. */
struct dispute_source {
    const uint8_t *producer; /* who must have signed */
    uint16_t task;
    uint8_t attempt, output;
    const struct su_value *value;
    /* Of an input that drawn tokens are fed into: its rows begin with these of the requestor's, and what
       the producer gave at one step is its row of the next. Steps and leaves are the producer's. */
    const void *prompt;
    uint32_t n_prompt;
};
/* What one party has shown of it. */
struct dispute_flow {
    struct dispute_source source;
    uint32_t steps;
    struct su_buf frames;
    uint8_t *leaf; /* 32 bytes per step */
    size_t *row; /* per step: where in frames its row begins; 0: it has none */
    bool *have;
    uint32_t n_have;
    bool answered; /* the party was reached */
    bool two_faced; /* two leaves of one step are signed: */
    uint32_t two_faced_step;
    uint8_t two_faced_leaf[32]; /* the second */
};
SU_CHECK enum su_code dispute_flow_init(struct dispute_flow *f, const struct dispute_source *s,
                                        uint32_t steps, struct su_err *e);
void dispute_flow_fini(struct dispute_flow *f); /* a zeroed one is allowed */
/* Asks for it. Frames that are not signed by the producer for this output, or whose rows are not those
   of their leaves, count as not shown. SU_OK also when little or nothing came (n_have, answered);
   SU_ECANCELLED, SU_ENOMEM. */
SU_CHECK enum su_code dispute_flow_fetch(struct dispute_flow *f, const struct dispute_case *c,
                                         enum dispute_party whom, const uint8_t *identity,
                                         bool check, uint8_t port, struct su_err *e);
/* Root over all leaves; false: not all are there. */
bool dispute_flow_root(const struct dispute_flow *f, uint8_t root[32]);
/* Rows of all steps that have one, without gaps, behind those of the prompt: malloc'ed. SU_ENOMEM. Assumes
   all are there. */
SU_CHECK enum su_code dispute_flow_rows(const struct dispute_flow *f, uint8_t **rows,
                                        struct su_err *e);

#endif
