// SPDX-License-Identifier: MIT
/* One task of one execution while it is run: shared by executor.c and produce.c. */
#ifndef SU_NODE_PART_H
#define SU_NODE_PART_H

#include "node_priv.h"

struct part {
    struct node_duty *d;
    struct node_view v; /* as last looked at */
    uint64_t news;
    const struct su_package *package;
    const struct su_package_task *def;
    uint32_t n_in, n_out;
    uint32_t steps; /* to be run; of a generation: at most, until its end is known */
    bool ended; /* of a generation: its end is known */
    struct su_prompt prompt; /* of a generation, when prompt.steps is not 0 */
    uint32_t *tokens; /* of the prompt */

    struct su_flow *in[SU_PORTS_MAX], *out[SU_PORTS_MAX];
    struct node_source from[SU_PORTS_MAX]; /* whom in[] comes from */
    bool unproven[SU_PORTS_MAX]; /* in[] is another's than the rows that were run */
    struct node_sink sent[SU_TASKS_MAX]; /* to whom out[] goes */
    uint32_t n_sent;

    struct su_buf container;
    struct su_input input;
    const uint8_t *external[SU_PORTS_MAX]; /* rows of external inputs, within the container */
    uint8_t *rows[SU_PORTS_MAX]; /* rows of the other inputs, as far as they came */
    uint32_t fed_end; /* the step whose token ended the generation, UINT32_MAX */
    uint64_t row_bytes[SU_PORTS_MAX]; /* of inputs */

    struct su_trace *trace;
    uint32_t session, done;
    bool has_session, promised;
    struct node_commitment promise;
};

/* produce.c: opens everything, runs all steps and hands out the results. SU_EBUSY: a producer was
   replaced by one who says something else, begin again; SU_ECANCELLED: the duty is over. */
SU_CHECK enum su_code part_produce(struct part *p, struct su_err *e);
/* Opens the execution and the flows that are not open, as the view has them, and tells the exchange
   who is who. */
SU_CHECK enum su_code part_connect(struct part *p, struct su_err *e);
/* Looks at the news: false when the duty is over. Sends results to those who take them now. */
bool part_sync(struct part *p);
/* True when an input comes from somebody else than in[] does. */
bool part_resourced(const struct part *p);
/* Takes the frames of a producer that came in another's place. Errors of part_connect. */
SU_CHECK enum su_code part_reconnect(struct part *p, struct su_err *e);
/* The first step at which input or output i has a row. */
uint32_t part_first(const struct part *p, bool output, uint32_t i);
void part_rest(struct part *p); /* frees what was run: the session on the device, rows, digests */
void part_disconnect(struct part *p); /* the same, and closes flows */

#endif
