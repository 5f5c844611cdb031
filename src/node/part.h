// SPDX-License-Identifier: MIT
/* One task of one execution while it is run: shared by executor.c, produce.c, inputs.c and connect.c. */
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
    uint8_t *leaves; /* of what is being given away */
    uint64_t offer[SU_PORTS_MAX]; /* of the rows in hand, see su_flow_confirm; 0 = none */
    bool again; /* an offer was refused: what was run is void */
    bool unsettled; /* the trace is to be settled when there is time */
    uint32_t session, done;
    bool has_session, promised;
    struct node_commitment promise;
};

/* ---- connect.c ------------------------------------------------------------------------------- */

const struct su_value *part_port_value(const struct part *p, bool output, uint32_t i);
/* Rows of input i come from somebody's task, if not from the first step on. */
bool part_comes(const struct part *p, uint32_t i);
/* The first step at which input or output i has a row. */
uint32_t part_first(const struct part *p, bool output, uint32_t i);
/* Opens the execution and the flows that are not open, as the view has them, and tells the exchange
   who is who. */
SU_CHECK enum su_code part_connect(struct part *p, struct su_err *e);
/* Looks at the news: false when the duty is over. Sends results to those who take them now. */
bool part_sync(struct part *p);
/* True when an input comes from somebody else than in[] does. */
bool part_resourced(const struct part *p);
/* Takes the frames of a producer that came in another's place. Errors of part_connect. */
SU_CHECK enum su_code part_reconnect(struct part *p, struct su_err *e);
void part_disconnect(struct part *p); /* part_rest, and closes flows */

/* ---- inputs.c -------------------------------------------------------------------------------- */

/* All steps of it were run. A task of a generation that draws nothing learns from the chain how many
   they are; it may have run more of them by then. */
bool part_finished(struct part *p);
bool part_can_run(const struct part *p); /* a step more */
bool part_ends(const struct part *p, uint32_t token); /* it ends a generation */
bool part_news(void *part); /* there are some, of the duty */
/* Looks at the news; SU_EBUSY, SU_ECANCELLED as part_produce. */
SU_CHECK enum su_code part_catch_up(struct part *p, struct su_err *e);
/* Until a step more can be run, or all are. SU_EBUSY, SU_ECANCELLED as part_produce. */
SU_CHECK enum su_code part_wait(struct part *p, struct su_err *e);
/* Who takes a task over gets what was kept for it in a few large answers, rather than frame by frame. */
void part_fetch_kept(struct part *p);
/* Steps of the next dispatch, their rows brought to memory; 0: there is none after all. */
SU_CHECK enum su_code part_gather(struct part *p, uint32_t *n, const void **input,
                                  struct su_err *e);
/* What part_gather brought was the producers': before anything that came of it is given away. Else
   SU_EDIGEST, and all is to be run again, on verified frames alone. */
SU_CHECK enum su_code part_confirm(struct part *p, struct su_err *e);
/* The token behind those that were run. */
SU_CHECK enum su_code part_take_last(struct part *p, struct su_err *e);

/* ---- produce.c ------------------------------------------------------------------------------- */

/* Opens everything, runs all steps and hands out the results. SU_EBUSY: a producer was replaced by one
   who says something else, begin again; SU_ECANCELLED: the duty is over. */
SU_CHECK enum su_code part_produce(struct part *p, struct su_err *e);
void part_settle(struct part *p); /* su_trace_settle, if it is due */
void part_rest(struct part *p); /* frees what was run: the session on the device, rows, digests */

#endif
