// SPDX-License-Identifier: MIT
/* Shared by dispute*.c; never included from elsewhere. */
#ifndef SU_ORACLE_DISPUTE_PRIV_H
#define SU_ORACLE_DISPUTE_PRIV_H

#include "dispute.h"

enum { DISPUTE_PARTIES = 3 };

struct judge {
    const struct dispute_case *c;
    const struct su_acc_execution *x;
    const struct su_acc_assignment *a; /* of the task in dispute */
    const struct su_graph *g;
    uint32_t steps;
    char at[16];
    struct su_input input;
    bool generates; /* then: */
    struct su_prompt prompt;
    bool *emits;
    const uint8_t *external[SU_PORTS_MAX]; /* rows of external inputs, in the container */
    uint8_t truth[SU_PORTS_MAX][32]; /* their roots */
    struct dispute_flow shown[SU_PORTS_MAX][DISPUTE_PARTIES]; /* of inputs; zeroed: not asked */
    bool beyond; /* an external input is wrong: nothing that is shown can mend it */
    uint8_t *rows[SU_PORTS_MAX]; /* of inputs, to compute from */
    struct su_exec *exec;
    struct su_task *run;
    struct su_trace *trace;
    void *output[SU_PORTS_MAX];
    struct dispute_finding *out;
};

/* Rows of the requestor alone. */
bool dispute_is_external(const struct judge *j, uint32_t input);
/* Drawn tokens come to this input behind the prompt. */
bool dispute_is_fed(const struct judge *j, uint32_t input);
void dispute_hash(const struct su_part *parts, uint64_t n, uint8_t out[32]);
void dispute_find(struct judge *j, uint8_t verdict, const char *fmt, ...) SU_PRINTF(3, 4);
/* Asks a party for an input, once; nothing for external ones. */
SU_CHECK enum su_code dispute_ask(struct judge *j, uint32_t input, enum dispute_party whom,
                                  struct su_err *e);

/* dispute_run.c: what the container says of a generation; emits is the caller's. */
SU_CHECK enum su_code dispute_prompt(struct judge *j, struct su_err *e);
/* Rows and roots of external inputs. */
SU_CHECK enum su_code dispute_truth(struct judge *j, struct su_err *e);
/* What the asserter shows of an output; finish *f when SU_OK comes back. */
SU_CHECK enum su_code dispute_output(struct judge *j, uint32_t output, struct dispute_flow *f,
                                     struct su_err *e);
/* Computes the task from j->rows; fills executed, input_root, output_root. */
SU_CHECK enum su_code dispute_execute(struct judge *j, struct su_err *e);
/* Where the asserter differs, and that this machine does not. SU_ECONFORM. */
SU_CHECK enum su_code dispute_evidence(struct judge *j, struct su_err *e);

#endif
