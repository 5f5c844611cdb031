// SPDX-License-Identifier: MIT
/* A dispatch that is one chunk: rows of one op, or of several that follow one another, dealt out to
   the threads. */
#include "cpu_priv.h"

#define SPLIT_ELEMENTS 32768u /* below this, waking another thread costs more than it saves */
#define SECTION_NODES 8u
#define BLOCK_ELEMENTS 16384u /* of a value: those of a section's ops stay in a thread's cache */

struct row_split {
    struct cpu_run *run;
    uint32_t node, nodes, rows, block, parts;
    uint64_t saturations, clock_ns, *op_ns;
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

/* ---- sections -------------------------------------------------------------------------------- */

static bool in_arena(const struct cpu_stage *cs, uint32_t value)
{
    return !cs->fixed[value] && !cs->layout->fixed[value];
}

/* Whether row i of what a node makes depends on row i of what it takes alone. */
static bool row_from_row(const struct su_graph *g, const struct su_node *n)
{
    if (!row_by_row(n->op) || n->n_out != 1 || g->value[n->first_out].domain != SU_ROWS)
        return false;
    for (uint32_t a = 0; a < n->n_arg; a++)
        if (g->value[n->arg[a]].domain == SU_EMIT)
            return false;
    return true;
}

/* Whether rows of value `made` can be written while other rows of `kept` are still wanted. */
static bool apart(const struct cpu_stage *cs, const struct su_graph *g, uint32_t kept,
                  uint32_t made)
{
    const struct su_layout *l = cs->layout;
    const struct su_value *k = &g->value[kept], *m = &g->value[made];
    if (!in_arena(cs, kept))
        return true;
    if (k->domain == SU_ROWS && l->offset[kept] == l->offset[made] &&
        su_value_row_bytes(k) == su_value_row_bytes(m))
        return true;
    return l->offset[kept] + l->bytes[kept] <= l->offset[made] ||
           l->offset[made] + l->bytes[made] <= l->offset[kept];
}

static bool joins(const struct cpu_stage *cs, const struct su_graph *g, uint32_t first,
                  uint32_t node)
{
    uint32_t made = g->node[node].first_out;
    if (!row_from_row(g, &g->node[node]))
        return false;
    for (uint32_t i = first; i < node; i++) {
        const struct su_node *n = &g->node[i];
        bool keeps = apart(cs, g, n->first_out, made);
        for (uint32_t a = 0; a < n->n_arg && keeps; a++)
            keeps = apart(cs, g, n->arg[a], made);
        if (!keeps)
            return false;
    }
    return true;
}

void cpu_sections_find(const struct su_stage *s, uint32_t *section)
{
    const struct su_graph *g = s->graph;
    for (uint32_t n = 0; n < g->n_node; n++) {
        uint32_t end = n + 1, most = SU_MIN(g->n_node, n + SECTION_NODES);
        while (row_from_row(g, &g->node[n]) && end < most && joins(s->impl, g, n, end))
            end++;
        section[n] = end - n;
    }
}

/* ---- running --------------------------------------------------------------------------------- */

/* The time since the last call goes to a node. */
static void account(struct row_split *s, uint32_t node)
{
    uint64_t now = su_clock_mono_ns();
    __atomic_fetch_add(&s->op_ns[node], now - s->clock_ns, __ATOMIC_RELAXED);
    s->clock_ns = now;
}

/* The first part alone tells how the time goes to the nodes. */
static void split_part(void *ctx, size_t i)
{
    struct row_split *s = ctx;
    struct cpu_run r = *s->run;
    uint32_t end = (uint32_t)((uint64_t)s->rows * (i + 1) / s->parts);
    r.jobs = NULL;
    r.work += i * r.cs->work_floats;
    r.saturations = 0;
    for (r.first = (uint32_t)((uint64_t)s->rows * i / s->parts); r.first < end;
         r.first += s->block) {
        r.n_row = r.n_emit = SU_MIN(s->block, end - r.first);
        for (uint32_t n = s->node; n < s->node + s->nodes; n++) {
            cpu_op_run(&r, n);
            if (i == 0)
                account(s, n);
        }
    }
    __atomic_fetch_add(&s->saturations, r.saturations, __ATOMIC_RELAXED);
}

/* Elements of a row of the largest value that a node takes or makes. */
static uint64_t row_elements(const struct su_graph *g, const struct su_node *nd)
{
    uint64_t n = su_shape_elements(&g->value[nd->first_out].shape);
    for (uint32_t i = 0; i < nd->n_arg; i++)
        if (g->value[nd->arg[i]].domain != SU_FIXED)
            n = SU_MAX(n, su_shape_elements(&g->value[nd->arg[i]].shape));
    return n;
}

uint32_t cpu_op_split(struct cpu_run *r, uint32_t node, uint64_t *op_ns, uint64_t *clock_ns)
{
    const struct su_graph *g = r->stage->graph;
    const struct su_node *nd = &g->node[node];
    struct row_split s = {.run = r, .node = node, .nodes = 1, .parts = 1, .op_ns = op_ns};
    uint64_t n = row_elements(g, nd);
    s.clock_ns = *clock_ns;
    s.rows = s.block = cpu_value_rows(r, nd->first_out);
    if (r->cs->section && s.rows * n > BLOCK_ELEMENTS) {
        s.nodes = r->cs->section[node];
        for (uint32_t i = 1; i < s.nodes; i++)
            n = SU_MAX(n, row_elements(g, nd + i));
        if (s.nodes > 1)
            s.block = (uint32_t)SU_MAX(1u, BLOCK_ELEMENTS / n);
    }
    for (uint32_t i = 0; i < s.nodes; i++)
        if (nd[i].op == SU_OP_ROPE)
            cpu_op_rope_prepare(r, node + i);
    if (r->jobs && row_by_row(nd->op) && g->value[nd->first_out].domain != SU_FIXED &&
        n * s.rows >= SPLIT_ELEMENTS)
        s.parts = SU_MIN(su_jobs_threads(r->jobs), s.rows);
    if (s.nodes == 1 && s.parts <= 1)
        cpu_op_run(r, node);
    else if (s.parts > 1)
        su_jobs_run(r->jobs, s.parts, split_part, &s);
    else
        split_part(&s, 0);
    r->saturations += s.saturations;
    account(&s, node + s.nodes - 1);
    *clock_ns = s.clock_ns;
    return s.nodes;
}
