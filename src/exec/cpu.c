// SPDX-License-Identifier: MIT
#include "cpu_priv.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_CACHE_BYTES (768u << 10) /* arena of one chunk: half of a usual second-level cache */

#define HEAVY_BYTES                                                                                \
    (1u << 20) /* weights beyond this do not stay in a thread's cache beside the rest */

/* A step on its way: copies of its inputs, its results, and where it stands. */
struct cpu_flight {
    struct su_stage *stage;
    struct su_row *row;
    uint32_t n_row, n_emit;
    void **input; /* graph->input order, fixed (N3) */
    void **output; /* graph->output order */
    uint64_t *op_ns;
    uint64_t saturations, ns;
    struct cpu_flight *next;
    bool done;
};

/* Steps run one at a time in order of submission, each fanned out over the job threads: on the worker, or on a thread that
   waits for the first of them. */
struct cpu_exec {
    const struct cpu_kernels *kernels;
    struct su_jobs *jobs;
    pthread_t worker;
    pthread_mutex_t lock;
    pthread_cond_t wake, ready;
    struct cpu_flight *head, *tail;
    bool busy; /* a step runs */
    bool stop;
};

/* ---- values ----------------------------------------------------------------------------------------------- */

void *cpu_value(const struct cpu_run *r, uint32_t id)
{
    const struct su_graph *g = r->stage->graph;
    while (!r->cs->fixed[id] &&
           r->cs->layout->fixed[id]) /* a reshape of what lies in the fixed region */
        id = g->node[g->value[id].node].arg[0];
    if (r->cs->fixed[id])
        return r->cs->fixed[id];
    return r->arena + r->cs->layout->offset[id] + r->first * cpu_row_step(r, id) * 4;
}

uint32_t cpu_value_rows(const struct cpu_run *r, uint32_t id)
{
    enum su_domain d = r->stage->graph->value[id].domain;
    return d == SU_ROWS ? r->n_row : d == SU_EMIT ? r->n_emit : 1;
}

size_t cpu_row_step(const struct cpu_run *r, uint32_t id)
{
    const struct su_value *v = &r->stage->graph->value[id];
    return v->domain == SU_FIXED ? 0 : (size_t)su_shape_elements(&v->shape);
}

/* ---- running a step --------------------------------------------------------------------------------------- */

struct cpu_dispatch {
    struct cpu_flight *flight;
    struct cpu_exec *cx;
    uint32_t n_chunk;
    uint64_t saturations;
};

static void chunk_inputs(struct cpu_run *r, const struct cpu_flight *f, uint32_t first_row,
                         uint32_t first_emit)
{
    const struct su_graph *g = r->stage->graph;
    for (uint32_t i = 0; i < g->n_input; i++) {
        const struct su_value *v = &g->value[g->input[i]];
        size_t row_bytes = (size_t)su_value_row_bytes(v);
        size_t from = v->domain == SU_ROWS ? first_row : v->domain == SU_EMIT ? first_emit : 0;
        memcpy(cpu_value(r, g->input[i]), (uint8_t *)f->input[i] + from * row_bytes,
               cpu_value_rows(r, g->input[i]) * row_bytes);
    }
}

static void chunk_outputs(struct cpu_run *r, const struct cpu_flight *f, uint32_t first_row,
                          uint32_t first_emit)
{
    const struct su_graph *g = r->stage->graph;
    for (uint32_t i = 0; i < g->n_output; i++) {
        uint32_t id = g->output[i].value;
        const struct su_value *v = &g->value[id];
        size_t row_bytes = (size_t)su_value_row_bytes(v);
        size_t at = v->domain == SU_ROWS ? first_row : v->domain == SU_EMIT ? first_emit : 0;
        if (v->domain == SU_FIXED && first_row > 0)
            continue;
        memcpy((uint8_t *)f->output[i] + at * row_bytes, cpu_value(r, id),
               cpu_value_rows(r, id) * row_bytes);
    }
}

static void chunk_run(struct cpu_dispatch *d, uint32_t chunk, uint32_t arena, struct su_jobs *jobs)
{
    struct cpu_flight *f = d->flight;
    const struct cpu_stage *cs = f->stage->impl;
    uint32_t first = chunk * cs->chunk_rows, first_emit = 0;
    struct cpu_run r = {.stage = f->stage,
                        .cs = cs,
                        .k = d->cx->kernels,
                        .jobs = jobs,
                        .arena = cs->arena + (size_t)arena * cs->layout->arena_bytes,
                        .scratch = cs->scratch + (size_t)arena * cs->scratch_floats,
                        .work = cs->work + (size_t)arena * cs->work_floats,
                        .row = f->row + first,
                        .n_row = SU_MIN(cs->chunk_rows, f->n_row - first)};
    for (uint32_t i = 0; i < first; i++)
        first_emit += f->row[i].emit;
    for (uint32_t i = 0; i < r.n_row; i++)
        r.n_emit += r.row[i].emit;
    chunk_inputs(&r, f, first, first_emit);
    if (cs->llm)
        cpu_llm_begin(&r);
    uint64_t t = su_clock_mono_ns();
    for (uint32_t n = 0; n < f->stage->graph->n_node;)
        n += cpu_op_split(&r, n, f->op_ns, &t);
    chunk_outputs(&r, f, first, first_emit);
    __atomic_fetch_add(&d->saturations, r.saturations, __ATOMIC_RELAXED);
}

/* Job i owns arena i and takes every n_arena-th chunk. */
static void chunk_job(void *ctx, size_t i)
{
    struct cpu_dispatch *d = ctx;
    const struct cpu_stage *cs = d->flight->stage->impl;
    for (uint32_t c = (uint32_t)i; c < d->n_chunk; c += cs->n_arena)
        chunk_run(d, c, (uint32_t)i, NULL);
}

static void flight_run(struct cpu_exec *cx, struct cpu_flight *f)
{
    const struct cpu_stage *cs = f->stage->impl;
    struct cpu_dispatch d = {.flight = f, .cx = cx};
    d.n_chunk = (f->n_row + cs->chunk_rows - 1) / cs->chunk_rows;
    uint64_t t0 = su_clock_mono_ns();
    memset(f->op_ns, 0, f->stage->graph->n_node * sizeof *f->op_ns);
    if (d.n_chunk == 1 || cs->n_arena == 1)
        for (uint32_t c = 0; c < d.n_chunk; c++)
            chunk_run(&d, c, 0, cx->jobs);
    else
        su_jobs_run(cx->jobs, SU_MIN(cs->n_arena, d.n_chunk), chunk_job, &d);
    f->saturations = d.saturations;
    f->ns = su_clock_mono_ns() - t0;
}

/* Runs the first step; under the lock, which is let go meanwhile. */
static void run_head(struct cpu_exec *cx)
{
    struct cpu_flight *f = cx->head;

    cx->head = f->next;
    cx->busy = true;
    pthread_mutex_unlock(&cx->lock);
    flight_run(cx, f);
    pthread_mutex_lock(&cx->lock);
    cx->busy = false;
    f->done = true;
    pthread_cond_broadcast(&cx->ready);
    if (cx->head)
        pthread_cond_signal(&cx->wake);
}

static void *cpu_worker(void *arg)
{
    struct cpu_exec *cx = arg;
    pthread_mutex_lock(&cx->lock);
    for (;;) {
        while ((!cx->head && !cx->stop) || cx->busy)
            pthread_cond_wait(&cx->wake, &cx->lock);
        if (!cx->head)
            break;
        run_head(cx);
    }
    pthread_mutex_unlock(&cx->lock);
    return NULL;
}

/* ---- open, close ------------------------------------------------------------------------------------------ */

static enum su_code cpu_open(struct su_exec *x, const struct su_exec_opts *o, struct su_err *e)
{
    struct cpu_exec *cx = su_alloc(sizeof *cx);
    cx->kernels = cpu_kernels_pick();
    cx->jobs = su_jobs_new(o->threads);
    pthread_mutex_init(&cx->lock, NULL);
    pthread_cond_init(&cx->wake, NULL);
    pthread_cond_init(&cx->ready, NULL);
    int rc = pthread_create(&cx->worker, NULL, cpu_worker, cx);
    if (rc != 0) {
        su_jobs_free(cx->jobs);
        free(cx);
        return su_fail_sys(e, rc, "cpu backend", "cannot start a thread");
    }
    unsigned threads = su_jobs_threads(cx->jobs);
    snprintf(x->device_name, sizeof x->device_name, "cpu %s, %u thread%s", cx->kernels->name,
             threads, threads == 1 ? "" : "s");
    x->impl = cx;
    return SU_OK;
}

static enum su_code cpu_close(struct su_exec *x, struct su_err *e)
{
    (void)e;
    struct cpu_exec *cx = x->impl;
    pthread_mutex_lock(&cx->lock);
    cx->stop = true;
    pthread_cond_signal(&cx->wake);
    pthread_mutex_unlock(&cx->lock);
    pthread_join(cx->worker, NULL);
    su_jobs_free(cx->jobs);
    pthread_mutex_destroy(&cx->lock);
    pthread_cond_destroy(&cx->wake);
    pthread_cond_destroy(&cx->ready);
    free(cx);
    return SU_OK;
}

/* ---- load ------------------------------------------------------------------------------------------------- */

static void flight_free(struct cpu_flight *f, const struct su_graph *g)
{
    for (uint32_t i = 0; f->input && i < g->n_input; i++)
        free(f->input[i]);
    for (uint32_t i = 0; f->output && i < g->n_output; i++)
        free(f->output[i]);
    free(f->input);
    free(f->output);
    free(f->row);
    free(f->op_ns);
}

static void cpu_unload(struct su_stage *s)
{
    struct cpu_stage *cs = s->impl;
    const struct su_graph *g = s->graph;
    for (uint32_t n = 0; cs->node && n < g->n_node; n++) {
        free(cs->node[n].packed);
        free(cs->node[n].k_off);
    }
    for (uint32_t v = 0; cs->matrix && v < g->n_value; v++)
        free(cs->matrix[v].own);
    for (uint32_t v = 0; cs->fixed && v < g->n_value; v++)
        if (!su_dtype_is_block(g->value[v].dtype))
            free(cs->fixed[v]);
    for (uint32_t i = 0; cs->flight && i < SU_STAGE_IN_FLIGHT; i++)
        flight_free(&cs->flight[i], g);
    cpu_llm_unload(s);
    free(cs->section);
    free(cs->node);
    free(cs->fixed);
    free(cs->blocks);
    free(cs->matrix);
    free(cs->panels);
    free(cs->flight);
    free(cs->arena);
    free(cs->scratch);
    free(cs->work);
    su_layout_free(cs->layout);
    free(cs);
    s->impl = NULL;
}

/* Whether most of the work is products with weights too large for a thread's cache: then every chunk streams them from memory. */
static bool weights_heavy(const struct su_graph *g)
{
    uint64_t macs = 0, elements = 0;
    for (uint32_t n = 0; n < g->n_node; n++) {
        const struct su_node *nd = &g->node[n];
        if (nd->op != SU_OP_MATMUL || g->value[nd->arg[1]].domain != SU_FIXED)
            continue;
        macs += su_node_macs(g, n);
        elements += su_shape_elements(&g->value[nd->arg[1]].shape);
    }
    return elements * 4 >= HEAVY_BYTES && macs >= su_graph_macs(g) / 2;
}

/* The largest chunk whose arenas, one per thread, stay within what the plan reserves for t_max rows. With heavy weights fewer and
   larger chunks, down to one whose products are split over the threads, read the weights less often. */
static enum su_code choose_chunk(struct su_stage *s, struct su_err *e)
{
    struct cpu_stage *cs = s->impl;
    const struct cpu_exec *cx = s->exec->impl;
    struct su_layout *whole = NULL, *one = NULL;
    if (cpu_llm_wanted(s->graph)) {
        cs->chunk_rows = s->t_max;
        cs->n_arena = 1;
        return su_layout_build(s->graph, s->t_max, s->e_max, 1, &cs->layout, e);
    }
    enum su_code rc = su_layout_build(s->graph, s->t_max, s->e_max, 1, &whole, e);
    if (rc != SU_OK)
        return rc;
    rc = su_layout_build(s->graph, 1, 1, 1, &one, e);
    uint64_t budget = whole->arena_bytes, row = rc == SU_OK ? SU_MAX(one->arena_bytes, 1u) : 1;
    su_layout_free(whole);
    su_layout_free(one);
    if (rc != SU_OK)
        return rc;
    uint32_t threads = SU_MIN(su_jobs_threads(cx->jobs), s->t_max);
    threads = (uint32_t)SU_MAX(1u, SU_MIN(threads, budget / row));
    bool heavy = weights_heavy(s->graph);
    if (heavy && s->t_max / threads < CPU_GEMM_ROWS)
        threads = 1;
    uint64_t least = heavy ? CPU_GEMM_ROWS : 1;
    uint32_t rows = (uint32_t)SU_MIN(SU_MAX(least, CHUNK_CACHE_BYTES / row), s->t_max / threads);
    rows = SU_MAX(rows, 1u);
    for (;; rows = rows > 1 ? rows / 2 : 1) {
        rc = su_layout_build(s->graph, rows, SU_MIN(rows, s->e_max), 1, &cs->layout, e);
        if (rc != SU_OK)
            return rc;
        if (cs->layout->arena_bytes * threads <= budget || (rows == 1 && threads == 1))
            break;
        if (rows == 1)
            threads--;
        su_layout_free(cs->layout);
        cs->layout = NULL;
    }
    cs->chunk_rows = rows;
    cs->n_arena = threads;
    return SU_OK;
}

/* Elements of weight number w as ops see them: F16 and BF16 widened, everything through fz and sat. */
static enum su_code load_weight(const struct su_stage *s, const struct su_weight_source *src,
                                uint32_t w, void **out, struct su_err *e)
{
    const struct su_value *v = &s->graph->value[s->graph->weight[w]];
    uint64_t n = su_shape_elements(&v->shape), bytes = 0;
    enum su_code rc = su_tensor_bytes(v->dtype, &v->shape, &bytes, e);
    if (rc != SU_OK)
        return rc;
    uint8_t *data = su_try_alloc_aligned((size_t)n, 4);
    if (!data)
        return su_fail(e, SU_ENOMEM, v->name, "%llu elements of weights", (unsigned long long)n);
    uint8_t *raw = data + (n * 4 - bytes); /* widened in place, front to back */
    rc = su_exec_read_weight(s->graph, src, w, raw, bytes, e);
    if (rc != SU_OK) {
        free(data);
        return rc;
    }
    float *f = (float *)(void *)data;
    if (v->dtype == SU_F16 || v->dtype == SU_BF16)
        for (uint64_t i = 0; i < n; i++) {
            uint16_t h = su_le16(raw + i * 2);
            f[i] = v->dtype == SU_F16 ? su_num_from_f16(h) : su_num_from_bf16(h);
        }
    if (su_dtype_seen(v->dtype) == SU_F32)
        for (uint64_t i = 0; i < n; i++)
            f[i] = su_num_fix(f[i]);
    *out = data;
    return SU_OK;
}

/* Whether the one reader of a weight is a conv2d that takes it packed. */
static bool is_kernel(const struct su_graph *g, uint32_t id)
{
    for (uint32_t n = 0; n < g->n_node; n++)
        for (uint32_t a = 0; a < g->node[n].n_arg; a++)
            if (g->node[n].arg[a] == id && (a != 1 || g->node[n].op != SU_OP_CONV2D))
                return false;
    for (uint32_t o = 0; o < g->n_output; o++)
        if (g->output[o].value == id)
            return false;
    return g->value[id].uses == 1;
}

/* What the nodes that multiply by weight `id` need; data: its elements, for conv2d. */
static enum su_code prepare_readers(struct su_stage *s, uint32_t id, const float *data,
                                    struct su_err *e)
{
    struct cpu_stage *cs = s->impl;
    const struct cpu_exec *cx = s->exec->impl;
    const struct su_graph *g = s->graph;
    enum su_code rc = SU_OK;
    for (uint32_t n = 0; n < g->n_node && rc == SU_OK; n++)
        if (g->node[n].n_arg > 1 && g->node[n].arg[1] == id)
            rc = cpu_gemm_prepare(s, n, data, cx->kernels, &cs->fixed_bytes, e);
    return rc;
}

static enum su_code load_weights(struct su_stage *s, const struct su_weight_source *src,
                                 struct su_err *e)
{
    struct cpu_stage *cs = s->impl;
    const struct cpu_exec *cx = s->exec->impl;
    const struct su_graph *g = s->graph;
    enum su_code rc = cpu_qweights_load(s, src, cx->jobs, e);
    if (rc == SU_OK)
        rc = cpu_matrices_load(s, src, cx->kernels->panel, cx->jobs, e);
    for (uint32_t i = 0; i < g->n_weight && rc == SU_OK; i++) {
        uint32_t id = g->weight[i];
        void *data = NULL;
        if (su_dtype_is_block(g->value[id].dtype))
            continue;
        if (cs->matrix[id].w) {
            rc = prepare_readers(s, id, NULL, e);
            continue;
        }
        rc = load_weight(s, src, i, &data, e);
        if (rc == SU_OK && is_kernel(g, id)) {
            rc = prepare_readers(s, id, data, e);
            free(data);
        } else if (rc == SU_OK) {
            cs->fixed[id] = data;
            cs->fixed_bytes += su_shape_elements(&g->value[id].shape) * 4;
        }
    }
    return rc;
}

static enum su_code load_constants(struct su_stage *s, struct su_err *e)
{
    struct cpu_stage *cs = s->impl;
    const struct cpu_exec *cx = s->exec->impl;
    const struct su_graph *g = s->graph;
    for (uint32_t n = 0; n < g->n_node; n++) {
        const struct su_node *node = &g->node[n];
        if (node->op == SU_OP_CONST) {
            void *data = su_try_alloc_aligned(SU_MAX(node->data_bytes, 4u), 1);
            if (!data)
                return su_fail(e, SU_ENOMEM, "const", "%u bytes", node->data_bytes);
            memcpy(data, node->data, node->data_bytes);
            cs->fixed[node->first_out] = data;
            cs->fixed_bytes += node->data_bytes;
        } else if (node->op == SU_OP_MAXPOOL) {
            const struct su_shape *x = &g->value[node->arg[0]].shape;
            cs->work_floats = SU_MAX(cs->work_floats, x->dim[x->rank - 1]);
        } else if (node->op == SU_OP_CONV2D && !cs->node[n].k_off) {
            enum su_code rc = cpu_gemm_prepare(s, n, NULL, cx->kernels, &cs->fixed_bytes, e);
            if (rc != SU_OK)
                return rc;
        }
    }
    return SU_OK;
}

static enum su_code alloc_flights(struct su_stage *s, struct su_err *e)
{
    struct cpu_stage *cs = s->impl;
    const struct su_graph *g = s->graph;
    cs->flight = su_alloc(SU_STAGE_IN_FLIGHT * sizeof *cs->flight);
    for (uint32_t i = 0; i < SU_STAGE_IN_FLIGHT; i++) {
        struct cpu_flight *f = &cs->flight[i];
        f->stage = s;
        f->row = su_alloc(s->t_max * sizeof *f->row);
        f->op_ns = su_alloc((size_t)g->n_node * sizeof *f->op_ns);
        f->input = su_alloc((size_t)g->n_input * sizeof *f->input);
        f->output = su_alloc((size_t)g->n_output * sizeof *f->output);
        for (uint32_t k = 0; k < g->n_input + g->n_output; k++) {
            bool in = k < g->n_input;
            const struct su_value *v =
                &g->value[in ? g->input[k] : g->output[k - g->n_input].value];
            void *p =
                su_try_alloc(su_layout_rows(v, s->t_max, s->e_max), (size_t)su_value_row_bytes(v));
            if (!p)
                return su_fail(e, SU_ENOMEM, "cpu stage", "rows of inputs and outputs for %u rows",
                               s->t_max);
            if (in)
                f->input[k] = p;
            else
                f->output[k - g->n_input] = p;
        }
    }
    return SU_OK;
}

static enum su_code cpu_load(struct su_stage *s, const struct su_weight_source *src,
                             struct su_err *e)
{
    const struct su_graph *g = s->graph;
    struct cpu_stage *cs = su_alloc(sizeof *cs);
    s->impl = cs;
    cs->node = su_alloc((size_t)g->n_node * sizeof *cs->node);
    cs->matrix = su_alloc((size_t)g->n_value * sizeof *cs->matrix);
    cs->fixed = su_alloc((size_t)g->n_value * sizeof *cs->fixed);
    enum su_code rc = choose_chunk(s, e);
    if (rc == SU_OK)
        rc = load_weights(s, src, e);
    if (rc == SU_OK)
        rc = load_constants(s, e);
    if (rc == SU_OK)
        rc = alloc_flights(s, e);
    if (rc == SU_OK && cpu_llm_wanted(g)) {
        const struct cpu_exec *cx = s->exec->impl;
        rc = cpu_llm_load(s, cx->kernels, su_jobs_threads(cx->jobs), e);
        cs->section = su_alloc((size_t)g->n_node * sizeof *cs->section);
        cpu_sections_find(s, cs->section);
    }
    if (rc == SU_OK) {
        cs->arena = su_try_alloc_aligned(cs->n_arena, (size_t)cs->layout->arena_bytes);
        cs->scratch =
            su_try_alloc_aligned(cs->n_arena, SU_MAX(cs->scratch_floats, 1u) * sizeof(float));
        const struct cpu_exec *cx = s->exec->impl;
        cs->work = su_try_alloc_aligned(su_jobs_threads(cx->jobs),
                                        SU_MAX(cs->work_floats, 1u) * sizeof(float));
        if (!cs->arena || !cs->scratch || !cs->work)
            rc = su_fail(e, SU_ENOMEM, "cpu stage", "arena of %llu bytes for %u threads",
                         (unsigned long long)cs->layout->arena_bytes, cs->n_arena);
    }
    if (rc != SU_OK)
        cpu_unload(s);
    return rc;
}

static uint64_t cpu_bound_bytes(const struct su_stage *s)
{
    const struct cpu_stage *cs = s->impl;
    return cs->fixed_bytes + cs->n_arena * cs->layout->arena_bytes;
}

/* ---- submit, wait ----------------------------------------------------------------------------------------- */

static enum su_code cpu_submit(struct su_stage *s, const struct su_step *step, uint32_t slot,
                               struct su_err *e)
{
    (void)e;
    struct cpu_exec *cx = s->exec->impl;
    struct cpu_stage *cs = s->impl;
    struct cpu_flight *f = &cs->flight[slot];
    const struct su_graph *g = s->graph;
    uint64_t sat = 0;
    uint32_t rows[] = {[SU_FIXED] = 1, [SU_ROWS] = step->n_row, [SU_EMIT] = 0};
    for (uint32_t i = 0; i < step->n_row; i++)
        rows[SU_EMIT] += step->row[i].emit;
    memcpy(f->row, step->row, step->n_row * sizeof *f->row);
    f->n_row = step->n_row;
    f->done = false;
    f->next = NULL;
    for (uint32_t i = 0; i < g->n_input; i++) {
        const struct su_value *v = &g->value[g->input[i]];
        size_t n = (size_t)su_shape_elements(&v->shape) * rows[v->domain];
        memcpy(f->input[i], step->input[i], n * 4);
        if (v->dtype == SU_F32)
            cx->kernels->fix(f->input[i], n, &sat);
        else if (v->dtype == SU_BOOL)
            for (size_t k = 0; k < n; k++)
                ((uint32_t *)f->input[i])[k] = ((uint32_t *)f->input[i])[k] != 0;
    }
    pthread_mutex_lock(&cx->lock);
    if (cx->head)
        cx->tail->next = f;
    else
        cx->head = f;
    cx->tail = f;
    if (!s->here)
        pthread_cond_signal(&cx->wake);
    pthread_mutex_unlock(&cx->lock);
    return SU_OK;
}

static enum su_code cpu_wait(struct su_stage *s, uint32_t slot, bool op_times,
                             struct su_step_result *r, struct su_err *e)
{
    (void)e;
    struct cpu_exec *cx = s->exec->impl;
    struct cpu_stage *cs = s->impl;
    struct cpu_flight *f = &cs->flight[slot];
    pthread_mutex_lock(&cx->lock);
    while (!f->done)
        if (cx->head == f && !cx->busy)
            run_head(cx);
        else
            pthread_cond_wait(&cx->ready, &cx->lock);
    pthread_mutex_unlock(&cx->lock);
    if (!r)
        return SU_OK;
    for (uint32_t i = 0; i < r->n_output; i++)
        memcpy(r->output[i], f->output[i], r->output_bytes[i]);
    r->ms = (double)f->ns * 1e-6;
    r->saturations = f->saturations;
    if (op_times) {
        r->n_op = s->graph->n_node;
        r->op = su_alloc((size_t)r->n_op * sizeof *r->op);
        for (uint32_t n = 0; n < r->n_op; n++)
            r->op[n] = (struct su_op_time){n, (double)f->op_ns[n] * 1e-6};
    }
    return SU_OK;
}

static const char *cpu_lacks(enum su_op op)
{
    switch (op) {
    case SU_OP_SAMPLE:
        return "sampling happens on the host";
    default:
        return (unsigned)op < SU_OP_COUNT ? NULL : "unknown op";
    }
}

const struct su_backend_ops su_backend_cpu = {
    .open = cpu_open,
    .close = cpu_close,
    .load = cpu_load,
    .unload = cpu_unload,
    .bound_bytes = cpu_bound_bytes,
    .submit = cpu_submit,
    .wait = cpu_wait,
    .lacks = cpu_lacks,
    .session_new = cpu_session_new,
    .session_free = cpu_session_free,
    .blocks = true,
};
