// SPDX-License-Identifier: MIT
/* Shared by task*.c; never included from outside. */
#ifndef SU_ENGINE_TASK_PRIV_H
#define SU_ENGINE_TASK_PRIV_H

#include "engine/engine.h"

struct su_task {
    struct su_exec *exec;
    const struct su_package *package;
    uint32_t index, t_max, e_max; /* e_max: rows of a dispatch that may emit */
    struct su_graph *graph; /* with the witness, when there is one, as its last output */
    bool has_witness;
    struct su_graph *device; /* what the stage runs: `graph`, or the same without the op sample */
    uint32_t sample_at; /* the output that is a drawn token; UINT32_MAX: none */
    uint32_t witness_at; /* among the outputs of `device` */
    struct su_stage *stage;
    struct su_task_voice *voice[SU_STAGE_SESSION_MAX];
};

/* ---- drawing tokens (task_sample.c) ------------------------------------------------------------ */

/* Fills device, sample_at and witness_at from graph. */
SU_CHECK enum su_code su_task_device_graph(struct su_task *t, struct su_err *e);
void su_task_voice_fini(struct su_task *t, uint32_t session);
void su_task_voice_truncate(struct su_task *t, uint32_t session, uint32_t length);
/* Tokens in place of the logits, which move to r->logits. */
SU_CHECK enum su_code su_task_draw(struct su_task *t, const struct su_row *row, uint32_t n_row,
                                   uint32_t n_emit, struct su_task_result *r, struct su_err *e);
const void *su_task_witness_rows(const struct su_task *t, const struct su_task_result *r);

/* Weights of a graph, found by name and first row in a manifest, read from a store. */
struct su_task_source {
    const struct su_graph *graph;
    const struct su_manifest *manifest;
    struct su_store *store;
};
struct su_weight_source su_task_weights(struct su_task_source *s);

/* As su_wrap with the task's number, but the code survives a NULL e. */
enum su_code su_task_fail(const struct su_task *t, enum su_code rc, struct su_err *e);

/* Bytes of the rows of n_row steps of a value, of which n_emit emit. */
uint64_t su_task_rows_bytes(const struct su_value *v, uint32_t n_row, uint32_t n_emit);
/* What a stage asks of input rows and a caller need not: one row for a fixed value, aligned words,
   no NULL. */
struct su_task_rows {
    const void *rows[SU_TASK_PORTS_MAX];
    void *copy[SU_TASK_PORTS_MAX];
};
/* *in is to be zeroed before and finished after it, whatever comes back: errors of su_task_run. */
SU_CHECK enum su_code su_task_rows_init(struct su_task_rows *in, const struct su_task *t,
                                        uint32_t n_row, uint32_t n_emit, const void *const *input,
                                        struct su_err *e);
void su_task_rows_fini(struct su_task_rows *in);

/* The rows of a replay, cut into dispatches. */
struct su_task_cursor {
    const struct su_task *task;
    const struct su_replay *replay;
    uint32_t rows_max, session;
    struct su_row *row; /* of the present dispatch: n_row of them */
    uint32_t n_row, n_emit;
    const void *input[SU_TASK_PORTS_MAX];
    uint32_t done, emitted; /* before it */
};
/* rows_max: of a dispatch. SU_EINVAL: no steps, an input that is NULL; SU_ELIMIT: too many steps;
   SU_ENOMEM. */
SU_CHECK enum su_code su_task_cursor_init(struct su_task_cursor *c, const struct su_task *t,
                                          const struct su_replay *r, uint32_t rows_max,
                                          struct su_err *e);
void su_task_cursor_fini(struct su_task_cursor *c); /* an empty one is allowed */
/* Moves on to the next dispatch of steps below `end`; false behind the last one. */
bool su_task_cursor_next(struct su_task_cursor *c, uint32_t end);
/* Positions that a session for so many steps of g needs. */
uint32_t su_task_ctx(const struct su_graph *g, uint32_t steps);

#endif
