// SPDX-License-Identifier: MIT
/* A dispatch that is one chunk: rows of one op dealt out to the threads. */
#include "cpu_priv.h"

#define SPLIT_ELEMENTS 32768u /* below this, waking another thread costs more than it saves */

struct row_split {
    struct cpu_run *run;
    uint32_t node, rows, parts;
    uint64_t saturations;
};

/* Ops that look at each row on its own and use no memory of the whole chunk. */
static bool row_by_row(enum su_op op)
{
    switch (op) {
    case SU_OP_MATMUL:
    case SU_OP_CONV2D:
    case SU_OP_QMATMUL:
    case SU_OP_QMATMUL_ID:
    case SU_OP_STATE_APPEND:
    case SU_OP_ATTENTION:
    case SU_OP_SELECT_EMITTED:
    case SU_OP_CONST:
    case SU_OP_IOTA:
        return false;
    default:
        return true;
    }
}

static void split_part(void *ctx, size_t i)
{
    struct row_split *s = ctx;
    struct cpu_run r = *s->run;
    uint32_t begin = (uint32_t)((uint64_t)s->rows * i / s->parts);
    r.jobs = NULL;
    r.first = begin;
    r.n_row = r.n_emit = (uint32_t)((uint64_t)s->rows * (i + 1) / s->parts) - begin;
    r.work += i * r.cs->work_floats;
    r.saturations = 0;
    cpu_op_run(&r, s->node);
    __atomic_fetch_add(&s->saturations, r.saturations, __ATOMIC_RELAXED);
}

void cpu_op_split(struct cpu_run *r, uint32_t node)
{
    const struct su_graph *g = r->stage->graph;
    const struct su_node *nd = &g->node[node];
    struct row_split s = {.run = r, .node = node, .parts = 1};
    if (nd->op == SU_OP_ROPE)
        cpu_op_rope_prepare(r, node);
    s.rows = cpu_value_rows(r, nd->first_out);
    if (r->jobs && row_by_row(nd->op) && g->value[nd->first_out].domain != SU_FIXED) {
        uint64_t n = su_shape_elements(&g->value[nd->first_out].shape);
        for (uint32_t i = 0; i < nd->n_arg; i++)
            if (g->value[nd->arg[i]].domain != SU_FIXED)
                n = SU_MAX(n, su_shape_elements(&g->value[nd->arg[i]].shape));
        if (n * s.rows >= SPLIT_ELEMENTS)
            s.parts = SU_MIN(su_jobs_threads(r->jobs), s.rows);
    }
    if (s.parts <= 1) {
        cpu_op_run(r, node);
        return;
    }
    su_jobs_run(r->jobs, s.parts, split_part, &s);
    r->saturations += s.saturations;
}
