// SPDX-License-Identifier: MIT
/* exec_priv: the table a backend fills. exec.c checks arguments, tickets and supported ops; a backend only computes. */
#ifndef SU_EXEC_PRIV_H
#define SU_EXEC_PRIV_H

#include "exec/exec.h"

struct su_exec {
    enum su_backend backend;
    const struct su_backend_ops *ops;
    void *impl;
    char device_name[320];
};
struct su_stage {
    struct su_exec *exec;
    const struct su_graph *graph;
    uint32_t t_max, e_max; /* e_max is t_max where nothing is of emitted rows */
    uint64_t submitted, waited;
    bool here; /* during submit: whoever submits waits next, and may compute itself */
    struct
        su_rowcount { /* rows and emitted rows of the steps in flight, by ticket modulo SU_STAGE_IN_FLIGHT */
        uint32_t n_row, n_emit;
    } flight[SU_STAGE_IN_FLIGHT];
    struct su_stage_session { /* kept by exec.c; ctx 0 = free */
        uint32_t ctx, length;
    } session[SU_STAGE_SESSION_MAX];
    void *impl;
};

struct su_backend_ops {
    /* Fills x->impl and x->device_name. */
    enum su_code (*open)(struct su_exec *x, const struct su_exec_opts *o, struct su_err *e);
    enum su_code (*close)(struct su_exec *x, struct su_err *e);
    unsigned (*pipelines)(const struct su_exec *x); /* NULL = 0 */
    /* s->graph, s->t_max and s->e_max are set and every op is supported; fills s->impl, or leaves it NULL on failure. */
    enum su_code (*load)(struct su_stage *s, const struct su_weight_source *src, struct su_err *e);
    void (*unload)(struct su_stage *s);
    uint64_t (*bound_bytes)(const struct su_stage *s);
    /* slot = ticket mod SU_STAGE_IN_FLIGHT: that slot is free. */
    enum su_code (*submit)(struct su_stage *s, const struct su_step *step, uint32_t slot,
                           struct su_err *e);
    /* r->output arrays are allocated by exec.c to the right sizes; the backend fills them, ms, saturations and, when asked, op
       and n_op (op allocated by malloc). r == NULL: wait and drop the step. */
    enum su_code (*wait)(struct su_stage *s, uint32_t slot, bool op_times, struct su_step_result *r,
                         struct su_err *e);
    const char *(*lacks)(enum su_op op); /* NULL when implemented */
    /* Storage of session number `session` (of s->session, whose lengths exec.c keeps) for ctx positions of every state;
       NULL when the backend holds no states: graphs with states are then refused at load. truncate may be NULL. */
    enum su_code (*session_new)(struct su_stage *s, uint32_t session, uint32_t ctx,
                                struct su_err *e);
    void (*session_free)(struct su_stage *s, uint32_t session);
    void (*session_truncate)(struct su_stage *s, uint32_t session, uint32_t length);
    bool blocks; /* reads block-quantised weights */
};
extern const struct su_backend_ops su_backend_reference, su_backend_cpu, su_backend_vulkan;

/* Reads all bytes of weight number `weight` through src into dst (su_tensor_bytes of its value), in pieces of at most 16 MiB. */
enum su_code su_exec_read_weight(const struct su_graph *g, const struct su_weight_source *src,
                                 uint32_t weight, void *dst, uint64_t bytes, struct su_err *e);

#endif
