// SPDX-License-Identifier: MIT
/* Sequence models on the cpu backend: what a stage keeps for them, sessions, rope, states and
   routing. */
#include "cpu_seq.h"

#include <stdlib.h>
#include <string.h>

#include "cpu_math.h"

#define STATE_SLACK 64u /* elements that attention may read beyond a state */
#define HALVES ((size_t)128) /* that are made at a time, before they are dealt out to a state */
#define SPLIT_ELEMENTS 8192u /* below this, waking another thread costs more than it saves */

/* ---- load ------------------------------------------------------------------------------------ */

static bool is_sequence(const struct su_graph *g, const struct su_node *n)
{
    switch (n->op) {
    case SU_OP_QMATMUL:
    case SU_OP_QMATMUL_ID:
    case SU_OP_ROPE:
    case SU_OP_STATE_APPEND:
    case SU_OP_ATTENTION:
    case SU_OP_MOE_ROUTE:
        return true;
    case SU_OP_EMBEDDING:
        return su_dtype_is_block(g->value[n->arg[0]].dtype);
    default:
        return false;
    }
}

bool cpu_llm_wanted(const struct su_graph *g)
{
    for (uint32_t n = 0; n < g->n_node; n++)
        if (is_sequence(g, &g->node[n]))
            return true;
    return false;
}

/* What the products of a graph need at most, for t_max rows. */
struct sizes {
    uint64_t rows, elements, experts, depth;
};

static struct sizes sizes_of(const struct su_graph *g, uint32_t t_max)
{
    struct sizes m = {0};
    for (uint32_t n = 0; n < g->n_node; n++) {
        const struct su_node *nd = &g->node[n];
        if (nd->op != SU_OP_QMATMUL && nd->op != SU_OP_QMATMUL_ID)
            continue;
        const struct su_shape *a = &g->value[nd->arg[0]].shape, *w = &g->value[nd->arg[1]].shape;
        uint64_t depth = w->dim[w->rank - 1], rows = su_shape_elements(a) / depth;
        if (nd->op == SU_OP_QMATMUL_ID) {
            rows = g->value[nd->arg[2]].shape.dim[0];
            m.experts = SU_MAX(m.experts, w->dim[0]);
        }
        rows *= t_max;
        m.rows = SU_MAX(m.rows, rows);
        m.depth = SU_MAX(m.depth, depth);
        m.elements = SU_MAX(m.elements, rows * depth);
    }
    return m;
}

static bool same_turns(const struct su_node *a, const struct su_node *b)
{
    /* The first attribute pairs elements; angles do not depend on it. */
    return memcmp(a->attr + 1, b->attr + 1, 7 * sizeof a->attr[0]) == 0 && a->n_arg == b->n_arg &&
           (a->n_arg < 2 || a->arg[1] == b->arg[1]);
}

static bool find_turns(struct su_stage *s, struct cpu_llm *m)
{
    const struct su_graph *g = s->graph;
    for (uint32_t n = 0; n < g->n_node; n++) {
        uint32_t t = 0;
        if (g->node[n].op != SU_OP_ROPE)
            continue;
        while (t < m->n_turns && !same_turns(&g->node[n], &g->node[m->turns[t].node]))
            t++;
        m->turns_of[n] = t;
        if (t < m->n_turns)
            continue;
        m->turns[t].node = n;
        m->turns[t].turn =
            su_try_alloc_aligned((size_t)s->t_max * (size_t)g->node[n].attr[1], sizeof(float));
        m->n_turns++;
        if (!m->turns[t].turn)
            return false;
    }
    return true;
}

/* Which state of the graph a value is: the source itself, or what an append made of it. */
static uint32_t state_index(const struct su_graph *g, uint32_t id)
{
    uint32_t i = 0;
    while (g->value[id].kind == SU_VALUE_NODE)
        id = g->node[g->value[id].node].arg[1];
    while (g->state[i] != id)
        i++;
    return i;
}

static void find_states(const struct su_graph *g, struct cpu_llm *m)
{
    for (uint32_t v = 0; v < g->n_value; v++)
        m->state_of[v] = su_value_is_state(&g->value[v]) ? state_index(g, v) : UINT32_MAX;
    for (uint32_t n = 0; n < g->n_node; n++)
        if (g->node[n].op == SU_OP_ATTENTION)
            m->blocked[m->state_of[g->node[n].arg[1]]] = true;
    for (uint32_t n = 0; n < g->n_node; n++)
        if (g->node[n].op == SU_OP_ATTENTION)
            m->blocked[m->state_of[g->node[n].arg[2]]] = false;
}

static size_t scratch_of(const struct su_graph *g)
{
    size_t most = 1;
    for (uint32_t n = 0; n < g->n_node; n++) {
        const struct su_node *nd = &g->node[n];
        size_t need = 0;
        if (nd->op == SU_OP_ATTENTION)
            need = cpu_attention_scratch((uint32_t)nd->attr[2]);
        most = SU_MAX(most, need);
    }
    return (most + 15) / 16 * 16;
}

enum su_code cpu_llm_load(struct su_stage *s, const struct cpu_kernels *k, unsigned threads,
                          struct su_err *e)
{
    const struct su_graph *g = s->graph;
    struct cpu_stage *cs = s->impl;
    struct sizes z = sizes_of(g, s->t_max);
    struct cpu_llm *m = su_alloc(sizeof *m);
    cs->llm = m;
    m->k = cpu_llm_pick(k->name);
    m->wide = cpu_llm_pick_wide(k->name);
    m->quantised = UINT32_MAX;
    m->turns = su_alloc(SU_MAX(g->n_node, 1u) * sizeof *m->turns);
    m->turns_of = su_alloc(SU_MAX(g->n_node, 1u) * sizeof *m->turns_of);
    m->blocked = su_alloc(SU_MAX(g->n_state, 1u) * sizeof *m->blocked);
    m->state_of = su_alloc(SU_MAX(g->n_value, 1u) * sizeof *m->state_of);
    m->scratch_floats = scratch_of(g);
    find_states(g, m);
    bool fits = z.elements <= SIZE_MAX / 8 && z.rows <= UINT32_MAX;
    if (fits) {
        size_t runs = (size_t)(z.elements / CPU_RUN), rows = (size_t)z.rows;
        m->q = su_try_alloc_aligned((size_t)z.elements + 64, 1);
        m->d = su_try_alloc_aligned(runs + 1, sizeof *m->d);
        m->s = su_try_alloc_aligned(runs + 1, 4 * sizeof *m->s);
        m->row = su_try_alloc(rows + 1, sizeof *m->row);
        m->tile = su_try_alloc(rows + 1, sizeof *m->tile);
        m->batch = su_try_alloc(rows + 1, sizeof *m->batch);
        m->count = su_try_alloc((size_t)z.experts + 1, sizeof *m->count);
        m->scratch = su_try_alloc_aligned(threads, m->scratch_floats * sizeof(float));
        m->unpacked_bytes = m->wide ? (size_t)z.depth / CPU_RUN * CPU_WIDE_BYTES : 0;
        m->wide_q = su_try_alloc_aligned(m->wide ? (size_t)z.elements + 64 : 1, sizeof *m->wide_q);
        m->wide_sum = su_try_alloc_aligned(m->wide ? runs + 1 : 1, sizeof *m->wide_sum);
        m->unpacked = su_try_alloc_aligned(threads, m->unpacked_bytes + 64);
    }
    if (!fits || !find_turns(s, m) || !m->q || !m->d || !m->s || !m->row || !m->tile || !m->batch ||
        !m->count || !m->scratch || !m->unpacked || !m->wide_q || !m->wide_sum)
        return su_fail(e, SU_ENOMEM, "cpu stage", "work memory of %u rows of a sequence model",
                       s->t_max);
    return SU_OK;
}

void cpu_llm_unload(struct su_stage *s)
{
    struct cpu_stage *cs = s->impl;
    struct cpu_llm *m = cs->llm;
    if (!m)
        return;
    for (uint32_t i = 0; i < m->n_turns; i++)
        free(m->turns[i].turn);
    free(m->q);
    free(m->d);
    free(m->s);
    free(m->wide_q);
    free(m->wide_sum);
    free(m->row);
    free(m->tile);
    free(m->batch);
    free(m->count);
    free(m->turns);
    free(m->turns_of);
    free(m->blocked);
    free(m->state_of);
    free(m->scratch);
    free(m->unpacked);
    free(m);
    cs->llm = NULL;
}

void cpu_llm_begin(struct cpu_run *r)
{
    struct cpu_llm *m = r->cs->llm;
    m->quantised = UINT32_MAX;
    for (uint32_t i = 0; i < m->n_turns; i++)
        m->turns[i].made = false;
}

/* ---- sessions -------------------------------------------------------------------------------- */

void cpu_session_free(struct su_stage *s, uint32_t session)
{
    struct cpu_stage *cs = s->impl;
    struct cpu_session *se = &cs->llm->session[session];
    free(se->state);
    free(se->memory);
    *se = (struct cpu_session){0};
}

/* What a state of n elements takes of its session's memory: whole lines. */
static uint64_t state_elements(uint64_t n)
{
    return su_align_up(n, CPU_RUN) + STATE_SLACK;
}

enum su_code cpu_session_new(struct su_stage *s, uint32_t session, uint32_t ctx, struct su_err *e)
{
    struct cpu_stage *cs = s->impl;
    const struct su_graph *g = s->graph;
    struct cpu_session *se = &cs->llm->session[session];
    uint64_t positions = su_align_up(ctx, CPU_GROUP), total = 0, n = 0, at = 0;
    bool fits = true;
    for (uint32_t i = 0; i < g->n_state && fits; i++)
        fits = su_mul_u64(su_shape_elements(&g->value[g->state[i]].shape), positions, &n) &&
               n <= SIZE_MAX / 8 && su_add_u64(total, state_elements(n), &total);
    if (fits && total <= SIZE_MAX / 8)
        se->memory = cpu_alloc_large((total + 1) * sizeof *se->memory);
    if (!se->memory)
        return su_fail(e, SU_ENOMEM, "cpu session", "no memory for its %u states at %u positions",
                       g->n_state, ctx);
    memset(se->memory, 0, (size_t)total * sizeof *se->memory);
    se->state = su_alloc(SU_MAX(g->n_state, 1u) * sizeof *se->state);
    for (uint32_t i = 0; i < g->n_state; i++) {
        se->state[i] = se->memory + at;
        at += state_elements(su_shape_elements(&g->value[g->state[i]].shape) * positions);
    }
    return SU_OK;
}

/* ---- rope ------------------------------------------------------------------------------------ */

struct turns_job {
    const struct cpu_run *run;
    struct cpu_turns *t;
    const float *factors;
    uint32_t parts;
};

static void turns_part(void *ctx, size_t i)
{
    const struct turns_job *j = ctx;
    const struct su_node *nd = &j->run->stage->graph->node[j->t->node];
    uint32_t dims = (uint32_t)nd->attr[1], n = j->run->n_row;
    for (size_t row = n * i / j->parts; row < n * (i + 1) / j->parts; row++) {
        float *to = j->t->turn + row * dims;
        su_rope_turns(nd, j->factors, j->run->row[row].position, to);
    }
}

static void make_turns(struct cpu_run *r, struct cpu_turns *t)
{
    const struct su_node *nd = &r->stage->graph->node[t->node];
    struct turns_job j = {.run = r, .t = t, .parts = 1};
    if (nd->n_arg > 1)
        j.factors = cpu_value(r, nd->arg[1]);
    if (r->jobs && r->n_row >= 8)
        j.parts = su_jobs_threads(r->jobs);
    if (j.parts > 1)
        su_jobs_run(r->jobs, j.parts, turns_part, &j);
    else
        turns_part(&j, 0);
    t->made = true;
}

void cpu_op_rope(struct cpu_run *r, uint32_t node)
{
    const struct su_graph *g = r->stage->graph;
    const struct su_node *nd = &g->node[node];
    const struct cpu_llm *m = r->cs->llm;
    const struct su_shape *s = &g->value[nd->arg[0]].shape;
    uint32_t dims = (uint32_t)nd->attr[1], last = s->dim[s->rank - 1];
    size_t lines = (size_t)su_shape_elements(s) / last;
    bool halves = nd->attr[0] == 1;
    const float *x = cpu_value(r, nd->arg[0]);
    float *y = cpu_value(r, nd->first_out);
    for (uint32_t row = 0; row < r->n_row; row++) {
        const float *turn = m->turns[m->turns_of[node]].turn + (size_t)(r->first + row) * dims;
        for (size_t l = 0; l < lines; l++, x += last, y += last) {
            m->k->rope(x, turn, dims, halves, y, &r->saturations);
            memcpy(y + dims, x + dims, (last - dims) * sizeof *y);
        }
    }
}

void cpu_op_rope_prepare(struct cpu_run *r, uint32_t node)
{
    struct cpu_llm *m = r->cs->llm;
    struct cpu_turns *t = &m->turns[m->turns_of[node]];
    if (!t->made)
        make_turns(r, t);
}

/* ---- states ---------------------------------------------------------------------------------- */

struct append_job {
    const struct cpu_run *run;
    const float *x;
    size_t step, n; /* of a row of x */
    uint32_t state, parts;
};

static void append_part(void *ctx, size_t i)
{
    const struct append_job *j = ctx;
    const struct cpu_run *r = j->run;
    const struct cpu_llm *m = r->cs->llm;
    for (size_t row = r->n_row * i / j->parts; row < r->n_row * (i + 1) / j->parts; row++) {
        uint16_t *at = m->session[r->row[row].session].state[j->state], half[HALVES];
        const float *x = j->x + row * j->step;
        size_t position = r->row[row].position;
        if (!m->blocked[j->state]) {
            m->k->to_half(x, j->n, at + position * j->n);
            continue;
        }
        at += position / CPU_GROUP * CPU_GROUP * j->n + position % CPU_GROUP;
        for (size_t e = 0; e < j->n; e += HALVES) {
            size_t count = SU_MIN(j->n - e, HALVES);
            m->k->to_half(x + e, count, half);
            for (size_t k = 0; k < count; k++)
                at[(e + k) * CPU_GROUP] = half[k];
        }
    }
}

void cpu_op_append(struct cpu_run *r, uint32_t node)
{
    const struct su_graph *g = r->stage->graph;
    const struct su_node *nd = &g->node[node];
    struct append_job j = {.run = r, .state = r->cs->llm->state_of[nd->arg[1]], .parts = 1};
    j.n = (size_t)su_shape_elements(&g->value[nd->arg[0]].shape);
    j.x = cpu_value(r, nd->arg[0]);
    j.step = cpu_row_step(r, nd->arg[0]);
    if (r->jobs && r->n_row * j.n >= SPLIT_ELEMENTS)
        j.parts = SU_MIN(su_jobs_threads(r->jobs), r->n_row);
    if (j.parts > 1)
        su_jobs_run(r->jobs, j.parts, append_part, &j);
    else
        append_part(&j, 0);
}

/* ---- experts --------------------------------------------------------------------------------- */

static float tree(float lane[32])
{
    for (uint32_t half = 16; half > 0; half /= 2)
        for (uint32_t l = 0; l < half; l++)
            lane[l] = lane[l] + lane[l + half];
    return lane[0];
}

static float fixed(struct cpu_run *r, float x)
{
    r->saturations += cm_clamped(cm_bits(x));
    return cm_float(cm_fix(cm_bits(x)));
}

/* Softmax over all logits, then the `used` greatest, lower ids first among equals (their order
   is that of insertion). */
static void route_row(struct cpu_run *r, const float *x, uint32_t n, uint32_t used,
                      bool renormalise, float *p, uint32_t *id)
{
    float lane[32] = {0}, best = x[0], sum;
    uint32_t have = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t key = cm_key(cm_bits(x[i])), at = have;
        if (key > cm_key(cm_bits(best)))
            best = x[i];
        while (at > 0 && key > cm_key(cm_bits(x[id[at - 1]])))
            at--;
        if (at == used)
            continue;
        have = have < used ? have + 1 : used;
        memmove(id + at + 1, id + at, (have - 1 - at) * sizeof *id);
        id[at] = i;
    }
    for (uint32_t i = 0; i < n; i++)
        lane[i % 32] = lane[i % 32] + cm_exp(cm_float(cm_fix(cm_bits(x[i] - best))));
    sum = cm_recip(tree(lane));
    memset(lane, 0, sizeof lane);
    for (uint32_t j = 0; j < used; j++) {
        float e = cm_exp(cm_float(cm_fix(cm_bits(x[id[j]] - best))));
        p[j] = fixed(r, e * sum);
        lane[j % 32] = lane[j % 32] + p[j];
    }
    if (!renormalise)
        return;
    sum = cm_recip(tree(lane));
    for (uint32_t j = 0; j < used; j++)
        p[j] = fixed(r, p[j] * sum);
}

void cpu_op_route(struct cpu_run *r, uint32_t node)
{
    const struct su_node *nd = &r->stage->graph->node[node];
    uint32_t n = (uint32_t)nd->attr[0], used = (uint32_t)nd->attr[1];
    const float *x = cpu_value(r, nd->arg[0]);
    float *p = cpu_value(r, nd->first_out);
    uint32_t *id = cpu_value(r, nd->first_out + 1), rows = cpu_value_rows(r, nd->first_out);
    for (uint32_t row = 0; row < rows; row++)
        route_row(r, x + (size_t)row * n, n, used, nd->attr[2] != 0, p + (size_t)row * used,
                  id + (size_t)row * used);
}
