// SPDX-License-Identifier: MIT
/* Requests: a model of the cluster is asked to run, and what becomes of it is followed. Included
   through ops.h.

     su_ops_request_prepare -> su_ops_commit -> su_ops_follow_open -> su_ops_follow_poll until
     state->ended -> su_ops_follow_close

   Whoever follows hands the input to the oracles, fetches the result from the nodes, accepts it (so
   that nobody waits for a complaint), complains when it never came, does what others neglect to do,
   and asks anew when a node was caught lying. None of it costs more USDC than was agreed to. */
#ifndef SU_OPS_REQUEST_H
#define SU_OPS_REQUEST_H

#include "abi/abi.h"
#include "base/base.h"

/* ---- asking ------------------------------------------------------------------------------------- */

struct su_ops_request {
    const char *model; /* address, or the name of the one final model called so */
    const void *input; /* container (su_input_encode) */
    size_t input_bytes;
    uint32_t max_steps; /* >= 1; a model that generates may end earlier */
    uint64_t seed; /* of the sampling */
    uint64_t escrow_max; /* refuse to hold more than this; 0 = whatever it comes to */
    uint32_t repeats; /* how often it may be asked anew after a node's fault, for the same money */
};
struct su_ops_request_terms {
    uint8_t model[32], execution[32];
    uint16_t tasks;
    uint64_t nonce, fees, surcharge, oracle_fee, escrow; /* escrow: their sum, held until it ends */
    uint64_t refund; /* of earlier requests: claimed on the way */
};
/* The address that `text` is, or of the one final model of that name. SU_ENOENT, SU_EEXIST: see
   su_ops_request_prepare. */
SU_CHECK enum su_code su_ops_model_find(struct su_ops *o, const char *text, uint8_t key[32],
                                        struct su_err *e);
/* SU_EINVAL: no model, no input, no steps; SU_ELIMIT: beyond SU_INPUT_BYTES_MAX or SU_STEPS_MAX;
   errors of su_input_decode. */
SU_CHECK enum su_code su_ops_request_check(const struct su_ops_request *f, struct su_err *e);
/* SU_ENOENT: no such model; SU_EEXIST: several of that name: give the address; SU_ETYPE: the input is
   not what the model takes; SU_EBUSY: the model is not final, or the cluster has no oracles yet, or a
   task has too few owners; SU_ELIMIT: the escrow exceeds escrow_max or the wallet. When another request
   of the same wallet, in whatever process, takes the number of this one, it is prepared anew; and by
   su_ops_commit, which changes nonce, execution and refund of *terms then: they must live as long as
   *out. Nothing is paid twice: what the chain refuses has done nothing. */
SU_CHECK enum su_code su_ops_request_prepare(struct su_ops *o, const struct su_ops_request *f,
                                             struct su_ops_proposal *out,
                                             struct su_ops_request_terms *terms, struct su_err *e);
/* Takes a request back that no node was assigned to. SU_ENOENT: no such execution; SU_EACCES: another
   wallet's; SU_EBUSY: it runs already, or has ended. */
SU_CHECK enum su_code su_ops_cancel_prepare(struct su_ops *o, const uint8_t execution[32],
                                            struct su_ops_proposal *out, struct su_err *e);
/* What came back of earlier requests, into the wallet. SU_ENOENT: nothing. */
SU_CHECK enum su_code su_ops_refund_prepare(struct su_ops *o, struct su_ops_proposal *out,
                                            struct su_err *e);
/* Whoever it is, what waits to be claimed; 0 for a wallet that never asked for anything. */
SU_CHECK enum su_code su_ops_refund_waiting(struct su_ops *o, uint64_t *amount, struct su_err *e);

/* ---- following ---------------------------------------------------------------------------------- */

struct su_ops_part_check { /* one validator of a task */
    uint8_t validator[32], owner[32]; /* owner: zero until it is known */
    enum su_ops_check_state {
        SU_OPS_CHECK_RUNNING,
        SU_OPS_CHECK_POSTED, /* its roots stand; the asserter has not revealed */
        SU_OPS_CHECK_MATCH,
        SU_OPS_CHECK_MISMATCH, /* a dispute is open, or was decided: see verdict */
        SU_OPS_CHECK_SILENT
    } state;
};
const char *su_ops_check_state_name(enum su_ops_check_state s); /* "match" */
struct su_ops_part { /* one task */
    uint8_t node[32], owner[32]; /* zero while unassigned */
    char endpoint[SU_ENDPOINT_MAX + 1];
    uint8_t state, attempt, dispute, verdict; /* enum su_task_state, su_dispute, su_verdict */
    uint16_t flags; /* enum su_task_flags */
    uint64_t fee;
    uint32_t threshold_ppm; /* rate in force in this draw; 0 before it */
    uint32_t draw; /* sampled when draw * 10^6 < threshold_ppm * 2^32 */
    uint64_t commit_slot;
    uint8_t commit[32], output_root[32]; /* output_root: zero until it is revealed */
    struct su_ops_part_check check[SU_VALIDATORS_MAX];
    uint8_t n_check;
};
struct su_ops_output { /* one output of the model, as far as it has come */
    uint16_t task;
    uint8_t output, dtype, rank;
    uint32_t dims[SU_RANK_MAX]; /* of one step */
    uint64_t row_bytes;
    const uint8_t *rows; /* steps that emit, without gaps; rows_n of them */
    const uint8_t *leaves; /* 32 bytes per step */
    uint32_t n_row, steps; /* steps: received, of those run */
    bool whole; /* every step of the execution is here */
    bool proven; /* and is what its node committed to, by the roots on chain */
};
enum su_ops_event { /* when things were first seen */
                    SU_OPS_REQUESTED,
                    SU_OPS_ASSIGNED,
                    SU_OPS_COMMITTED,
                    SU_OPS_PROVISIONAL,
                    SU_OPS_DRAWN,
                    SU_OPS_CHECKED,
                    SU_OPS_ENDED,
                    SU_OPS_EVENTS
};
struct su_ops_follow_state {
    uint8_t execution[32]; /* changes when it is asked anew */
    uint32_t repeated; /* how often it was */
    uint32_t changes; /* grows with everything below */
    bool known; /* `chain` has been read */
    struct su_acc_execution chain; /* as last seen */
    uint64_t slot;
    const struct su_ops_part *part;
    uint16_t n_part;
    const struct su_ops_output *output; /* ascending by (task, output) */
    uint16_t n_output;
    uint8_t oracles, oracles_with_input;
    bool provisional; /* every output is whole */
    bool ended, final; /* final: SETTLED, and every output proven */
    uint8_t void_cause; /* enum su_void_cause, when ended without being settled */
    bool complained; /* it was said on chain that an output never came */
    bool closed; /* its accounts are gone */
    int64_t at_ms[SU_OPS_EVENTS]; /* wall clock; 0 = not yet */
    uint32_t cranks; /* instructions sent that others neglected */
    char trouble[200]; /* what failed last and will be tried again; "" */
};

struct su_ops_follow_options {
    const void *input; /* copied; NULL: the oracles have it */
    size_t input_bytes;
    uint32_t repeats; /* as in the request */
    uint64_t escrow_max; /* of a repetition; 0 = that of the execution */
    bool look_on; /* do nothing, whosoever it is */
    bool claim; /* afterwards, what comes back goes to the wallet at once */
};
struct su_ops_follow;
/* Begins to follow an execution of the wallet, or of anybody: then it only looks on. Keeps o, which has
   no other user while a function of the follow runs. SU_ENOENT: no such execution; SU_ENOMEM. On
   failure *out is NULL. */
SU_CHECK enum su_code su_ops_follow_open(struct su_ops *o, const uint8_t execution[32],
                                         const struct su_ops_follow_options *options,
                                         struct su_ops_follow **out, struct su_err *e);
void su_ops_follow_close(struct su_ops_follow *f); /* NULL allowed */
/* Does what is due, and waits up to wait_ms for something new; several follows take turns with
   wait_ms 0. What fails and can be tried again stands in state->trouble. SU_ECANCELLED; SU_ENOMEM. */
SU_CHECK enum su_code su_ops_follow_poll(struct su_ops_follow *f, uint32_t wait_ms,
                                         struct su_err *e);
/* Valid until the next poll. */
const struct su_ops_follow_state *su_ops_follow_state(const struct su_ops_follow *f);
/* Asks the node that ends a generation to end it here, once; its answer is not waited for. */
void su_ops_follow_stop(struct su_ops_follow *f);

/* The words for a state: "running", "settled", and a cause: "a node was wrong". */
const char *su_ops_execution_word(uint8_t state);
const char *su_ops_void_word(uint8_t cause);
const char *su_ops_task_word(uint8_t state);

#endif
