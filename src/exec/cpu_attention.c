// SPDX-License-Identifier: MIT
/* Attention (N8) of the cpu backend. Queries of neighbouring rows of one session and of the
   heads that share keys walk the keys together; each keeps its own bounds. Units of work are
   dealt out to the threads. */
#include "cpu_seq.h"

#include <string.h>

#include "cpu_math.h"

#define ROWS_MAX 8u /* rows that walk together */

struct attention {
    struct cpu_run *run;
    const struct su_node *node;
    uint32_t heads, kv_heads, group, dim, window;
    float scale, cap;
    uint32_t key_state, value_state, tile_rows, tiles;
    size_t next; /* unit, taken by whoever is free */
    uint64_t saturations;
};

/* Queries that walk together: query j is (row, head), in its session. */
struct walk {
    const struct attention *a;
    uint32_t n, kv_head, session;
    uint32_t row[CPU_QUERIES], head[CPU_QUERIES], begin[CPU_QUERIES], end[CPU_QUERIES];
    float m[CPU_QUERIES], l[CPU_QUERIES];
    bool started[CPU_QUERIES];
    float *q, *o, *part, *score, *e;
    uint16_t *key; /* of one segment, when the state is not kept in blocks */
};

static size_t wide(uint32_t dim)
{
    return (dim + CPU_GROUP - 1) / CPU_GROUP * CPU_GROUP;
}

size_t cpu_attention_scratch(uint32_t dim)
{
    return CPU_QUERIES * (dim + 2 * wide(dim) + 2 * CPU_SEGMENT) + 16 +
           (size_t)CPU_SEGMENT * dim / 2;
}

/* Keys of positions [base, base + n) of a head into blocks of 16. */
static void block_keys(const struct walk *w, const uint16_t *state, size_t row, uint32_t base,
                       uint32_t n)
{
    uint32_t dim = w->a->dim;
    for (uint32_t p = 0; p < n; p++) {
        const uint16_t *from = state + (base + p) * row + (size_t)w->kv_head * dim;
        uint16_t *to = w->key + (size_t)(p / CPU_GROUP) * CPU_GROUP * dim + p % CPU_GROUP;
        for (uint32_t i = 0; i < dim; i++)
            to[(size_t)i * CPU_GROUP] = from[i];
    }
}

static void score_segment(struct walk *w, uint32_t base, uint32_t from, uint32_t to)
{
    const struct attention *a = w->a;
    const struct cpu_llm *m = a->run->cs->llm;
    const uint16_t *state = m->session[w->session].state[a->key_state];
    size_t row = (size_t)a->kv_heads * a->dim;
    struct cpu_scores s = {.q = w->q, .n = w->n, .dim = a->dim, .score = w->score};
    s.first = (from - base) & ~(CPU_GROUP - 1);
    s.last = to - base;
    s.scale = a->scale;
    s.cap = a->cap;
    if (m->blocked[a->key_state]) {
        s.key = state + base * row + (size_t)w->kv_head * a->dim * CPU_GROUP;
        s.key_block = row * CPU_GROUP;
    } else {
        block_keys(w, state, row, base, s.last);
        s.key = w->key;
        s.key_block = (size_t)a->dim * CPU_GROUP;
    }
    m->k->scores(&s);
}

/* Positions [from, to) of one segment, for those queries that see any of them. */
static void walk_segment(struct walk *w, uint32_t base, uint32_t from, uint32_t to)
{
    const struct attention *a = w->a;
    const struct cpu_llm *m = a->run->cs->llm;
    size_t row = (size_t)a->kv_heads * a->dim, o_row = wide(a->dim);
    float best[CPU_QUERIES], sum[CPU_QUERIES];
    bool sees[CPU_QUERIES];
    score_segment(w, base, from, to);
    for (uint32_t j = 0; j < w->n; j++) {
        uint32_t first = SU_MAX(w->begin[j], from), last = SU_MIN(w->end[j], to);
        float *e = w->e + (size_t)j * CPU_SEGMENT;
        sees[j] = first < last;
        if (sees[j])
            sum[j] = m->k->weigh(w->score + (size_t)j * CPU_SEGMENT, first - base, last - base,
                                 to - base, &best[j], e);
        else
            memset(e, 0, (to - base) * sizeof *e);
    }
    m->k->values(w->e + (from - base), w->n,
                 m->session[w->session].state[a->value_state] + from * row +
                     (size_t)w->kv_head * a->dim,
                 row, to - from, a->dim, w->part, o_row);
    for (uint32_t j = 0; j < w->n; j++) {
        float *o = w->o + j * o_row, *part = w->part + j * o_row;
        if (!sees[j])
            continue;
        if (!w->started[j]) {
            memcpy(o, part, a->dim * sizeof *o);
            w->m[j] = best[j];
            w->l[j] = sum[j];
            w->started[j] = true;
            continue;
        }
        float most = cm_key(cm_bits(best[j])) > cm_key(cm_bits(w->m[j])) ? best[j] : w->m[j];
        float ea = cm_exp(w->m[j] - most), eb = cm_exp(best[j] - most);
        float x = w->l[j] * ea, y = sum[j] * eb;
        w->l[j] = x + y;
        w->m[j] = most;
        m->k->merge(o, ea, part, eb, a->dim);
    }
}

static void walk_run(struct walk *w, uint64_t *sat)
{
    const struct attention *a = w->a;
    const struct cpu_llm *m = a->run->cs->llm;
    const float *q = cpu_value(a->run, a->node->arg[0]);
    float *y = cpu_value(a->run, a->node->first_out);
    uint32_t from = UINT32_MAX, to = 0;
    for (uint32_t j = 0; j < w->n; j++) {
        uint32_t end = a->run->row[w->row[j]].position + 1;
        w->end[j] = end;
        w->begin[j] = a->window && end > a->window ? end - a->window : 0;
        w->started[j] = false;
        from = SU_MIN(from, w->begin[j]);
        to = SU_MAX(to, end);
        m->k->round_half(q + ((size_t)w->row[j] * a->heads + w->head[j]) * a->dim, a->dim,
                         w->q + (size_t)j * a->dim);
    }
    for (uint32_t p = from; p < to;) {
        uint32_t base = p / CPU_SEGMENT * CPU_SEGMENT, last = SU_MIN(to, base + CPU_SEGMENT);
        walk_segment(w, base, p, last);
        p = last;
    }
    for (uint32_t j = 0; j < w->n; j++)
        m->k->scaled(w->o + j * wide(a->dim), cm_recip(w->l[j]), a->dim,
                     y + ((size_t)w->row[j] * a->heads + w->head[j]) * a->dim, sat);
}

/* A tile of rows and one head of keys: runs of rows of one session, as many queries at a time as
   walk together. */
static void unit_run(struct walk *w, uint32_t tile, uint64_t *sat)
{
    const struct attention *a = w->a;
    const struct cpu_run *r = a->run;
    uint32_t row = tile * a->tile_rows, end = SU_MIN(row + a->tile_rows, r->n_row);
    w->n = 0;
    for (; row < end; row++)
        for (uint32_t h = 0; h < a->group; h++) {
            if (w->n == CPU_QUERIES || (w->n > 0 && r->row[row].session != w->session)) {
                walk_run(w, sat);
                w->n = 0;
            }
            w->session = r->row[row].session;
            w->row[w->n] = row;
            w->head[w->n++] = w->kv_head * a->group + h;
        }
    walk_run(w, sat);
}

static void attention_part(void *ctx, size_t i)
{
    struct attention *a = ctx;
    const struct cpu_llm *m = a->run->cs->llm;
    struct walk w = {.a = a};
    uint64_t sat = 0;
    size_t u;
    w.q = m->scratch + i * m->scratch_floats;
    w.o = w.q + CPU_QUERIES * a->dim;
    w.part = w.o + CPU_QUERIES * wide(a->dim);
    w.score = w.part + CPU_QUERIES * wide(a->dim);
    w.e = w.score + CPU_QUERIES * CPU_SEGMENT;
    w.key = (uint16_t *)(void *)(w.e + CPU_QUERIES * CPU_SEGMENT + 16);
    while ((u = __atomic_fetch_add(&a->next, 1, __ATOMIC_RELAXED)) <
           (size_t)a->tiles * a->kv_heads) {
        w.kv_head = (uint32_t)(u % a->kv_heads);
        /* late rows see most: they come first, so that the last units are short */
        unit_run(&w, a->tiles - 1 - (uint32_t)(u / a->kv_heads), &sat);
    }
    __atomic_fetch_add(&a->saturations, sat, __ATOMIC_RELAXED);
}

void cpu_op_attention(struct cpu_run *r, uint32_t node)
{
    const struct su_node *nd = &r->stage->graph->node[node];
    const struct cpu_llm *m = r->cs->llm;
    struct attention a = {.run = r, .node = nd, .heads = (uint32_t)nd->attr[0]};
    a.kv_heads = (uint32_t)nd->attr[1];
    a.group = a.heads / a.kv_heads;
    a.dim = (uint32_t)nd->attr[2];
    a.scale = cm_float((uint32_t)nd->attr[3]);
    a.window = (uint32_t)nd->attr[4];
    a.cap = cm_float((uint32_t)nd->attr[5]);
    a.key_state = m->state_of[nd->arg[1]];
    a.value_state = m->state_of[nd->arg[2]];
    a.tile_rows = SU_MIN(ROWS_MAX, SU_MAX(1u, CPU_QUERIES / a.group));
    a.tiles = (r->n_row + a.tile_rows - 1) / a.tile_rows;
    size_t units = (size_t)a.tiles * a.kv_heads;
    size_t parts = r->jobs ? SU_MIN(su_jobs_threads(r->jobs), units) : 1;
    if (parts > 1)
        su_jobs_run(r->jobs, parts, attention_part, &a);
    else
        attention_part(&a, 0);
    r->saturations += a.saturations;
}
