// SPDX-License-Identifier: MIT
/* Three passes. The task runs as it is, which tells what it gives at the step. Then its graph runs
   on the same backend with every interior value as an output. Then each op of the step alone, with
   the inputs that the backend had, goes to the reference interpreter: the first whose result is
   another is the one. An op that goes wrong only where it is fused with its neighbours is seen by
   the first two passes: they differ at an output. */
#include "task_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPOSED_BYTES (64u << 20) /* of one dispatch's interior values, where rows allow */

struct locate {
    struct su_task *task;
    const struct su_replay *replay;
    struct su_store *store;
    uint32_t step, done, total;
    const struct su_graph *graph; /* the task's, with the witness */
    struct su_graph *exposed;
    uint32_t *output_of; /* per value: output of `exposed`, or UINT32_MAX */
    uint8_t **now; /* per output of `exposed`: its row at the step; NULL: it emits nothing there */
    uint8_t **plain; /* per output of `graph`: the same, from the task as it is */
    uint8_t **history; /* per value appended to a state: its rows of steps 0 .. step */
    uint8_t **input; /* per input: its row at the step */
};

static enum su_code no_memory(struct su_err *e, uint64_t bytes)
{
    return su_fail(e, SU_ENOMEM, "locate", "%llu bytes", (unsigned long long)bytes);
}

static bool emits(const struct locate *l, uint32_t step)
{
    return !l->replay->emits || l->replay->emits[step];
}

static enum su_code keep(uint8_t **to, const uint8_t *row, const struct su_value *v,
                         struct su_err *e)
{
    size_t n = (size_t)su_value_row_bytes(v);
    *to = su_try_alloc(n, 1);
    if (!*to)
        return no_memory(e, n);
    memcpy(*to, row, n);
    return SU_OK;
}

/* ---- everything as an output ----------------------------------------------------------------- */

static enum su_code expose(struct locate *l, struct su_err *e)
{
    const struct su_graph *g = l->graph;
    struct su_buf bytes;
    char name[32];
    su_buf_init(&bytes, 0);
    enum su_code rc = su_graph_encode(g, &bytes, e);
    if (rc == SU_OK)
        rc = su_buf_check(&bytes, "locate", e);
    if (rc == SU_OK)
        rc = su_graph_decode(bytes.data, bytes.len, &l->exposed, e);
    su_buf_fini(&bytes);
    memset(l->output_of, 0xff, g->n_value * sizeof *l->output_of);
    for (uint32_t i = 0; i < g->n_output; i++)
        l->output_of[g->output[i].value] = i;
    for (uint32_t i = 0; i < g->n_value && rc == SU_OK; i++) {
        const struct su_value *v = &g->value[i];
        if (v->kind != SU_VALUE_NODE || !su_dtype_is_value(v->dtype) ||
            g->node[v->node].op == SU_OP_CONST || l->output_of[i] != UINT32_MAX)
            continue;
        l->output_of[i] = l->exposed->n_output;
        snprintf(name, sizeof name, "interior/%u", i);
        rc = su_graph_add_output(l->exposed, name, i, e);
    }
    return rc == SU_OK ? su_graph_check(l->exposed, e) : rc;
}

/* Rows of a dispatch whose outputs do not exceed EXPOSED_BYTES by more than a row's. */
static uint32_t exposed_rows(const struct locate *l)
{
    uint64_t bytes = 1;
    for (uint32_t i = 0; i < l->exposed->n_output; i++)
        bytes += su_value_row_bytes(&l->graph->value[l->exposed->output[i].value]);
    return (uint32_t)SU_MAX(SU_MIN((uint64_t)l->task->t_max, EXPOSED_BYTES / bytes), 1u);
}

/* ---- the first two passes -------------------------------------------------------------------- */

static enum su_code tick(struct locate *l, uint32_t n, struct su_err *e)
{
    const struct su_replay *r = l->replay;
    l->done += n;
    if (r->progress)
        r->progress(r->ctx, l->done, l->total);
    if (r->cancelled && r->cancelled(r->ctx))
        return su_fail(e, SU_ECANCELLED, "locate", "cancelled");
    return SU_OK;
}

/* Keeps of a dispatch what is asked for of it: the rows at the step, and what states are made of. */
static enum su_code take(struct locate *l, const struct su_graph *g, const struct su_task_cursor *c,
                         const struct su_step_result *r, uint8_t **row, bool history,
                         struct su_err *e)
{
    bool last = c->done + c->n_row == l->step + 1;
    enum su_code rc = SU_OK;
    for (uint32_t o = 0; o < g->n_output && rc == SU_OK; o++) {
        const struct su_value *v = &g->value[g->output[o].value];
        size_t n = (size_t)su_value_row_bytes(v);
        uint32_t at = v->domain == SU_FIXED  ? 0
                      : v->domain == SU_ROWS ? c->n_row - 1
                                             : c->n_emit - 1;
        const uint8_t *rows = r->output[o];
        uint8_t *past = history ? l->history[g->output[o].value] : NULL;
        if (past)
            memcpy(past + c->done * n, rows, c->n_row * n);
        if (last && (v->domain != SU_EMIT || emits(l, l->step)))
            rc = keep(&row[o], rows + at * n, v, e);
    }
    return rc;
}

/* Steps 0 .. step on a stage; what comes out is handed to take(). */
static enum su_code pass(struct locate *l, struct su_stage *stage, const struct su_graph *g,
                         uint32_t rows_max, uint8_t **row, bool history, struct su_err *e)
{
    struct su_task_cursor c;
    enum su_code rc = su_task_cursor_init(&c, l->task, l->replay, rows_max, e);
    if (rc != SU_OK)
        return rc;
    rc = su_stage_session_new(stage, su_task_ctx(g, l->step + 1), &c.session, e);
    bool open = rc == SU_OK;
    while (rc == SU_OK && su_task_cursor_next(&c, l->step + 1)) {
        struct su_task_rows in = {0};
        struct su_step_result r = {0};
        uint64_t ticket;
        rc = su_task_rows_init(&in, l->task, c.n_row, c.n_emit, c.input, e);
        if (rc == SU_OK)
            rc = su_stage_submit(stage, &(struct su_step){c.row, c.n_row, in.rows}, &ticket, e);
        if (rc == SU_OK)
            rc = su_stage_wait(stage, ticket, false, &r, e);
        if (rc == SU_OK)
            rc = take(l, g, &c, &r, row, history, e);
        su_step_result_fini(&r);
        su_task_rows_fini(&in);
        if (rc == SU_OK)
            rc = tick(l, c.n_row, e);
    }
    if (open)
        su_stage_session_free(stage, c.session);
    su_task_cursor_fini(&c);
    return rc;
}

/* Room for the rows of every value that is appended to a state. */
static enum su_code history_init(struct locate *l, struct su_err *e)
{
    for (uint32_t i = 0; i < l->graph->n_node; i++) {
        const struct su_node *n = &l->graph->node[i];
        if (n->op != SU_OP_STATE_APPEND || l->history[n->arg[0]])
            continue;
        uint64_t one = su_value_row_bytes(&l->graph->value[n->arg[0]]);
        l->history[n->arg[0]] = su_try_alloc(l->step + 1, (size_t)one);
        if (!l->history[n->arg[0]])
            return no_memory(e, one * (l->step + 1));
    }
    return SU_OK;
}

static enum su_code keep_inputs(struct locate *l, struct su_err *e)
{
    uint32_t before = 0;
    enum su_code rc = SU_OK;
    for (uint32_t s = 0; s < l->step; s++)
        before += emits(l, s);
    for (uint32_t k = 0; k < l->graph->n_input && rc == SU_OK; k++) {
        uint32_t id = l->graph->input[k];
        const struct su_value *v = &l->graph->value[id];
        const uint8_t *rows = l->replay->input[k];
        if (v->domain == SU_EMIT && (!rows || !emits(l, l->step)))
            continue;
        rc = keep(&l->input[k], rows + su_task_rows_bytes(v, l->step, before), v, e);
        if (l->history[id])
            memcpy(l->history[id], rows, (size_t)su_task_rows_bytes(v, l->step + 1, 0));
    }
    return rc;
}

/* ---- one op ---------------------------------------------------------------------------------- */

#define MINI_INPUTS (2 * SU_GRAPH_ARG_MAX)

/* An op with all it needs, in a graph of its own. */
struct mini {
    struct su_graph *graph;
    uint32_t source[MINI_INPUTS]; /* per input: the value that it stands for */
    uint32_t known[MINI_INPUTS], id[MINI_INPUTS], n_known; /* values and what they are in it */
    uint32_t n_row;
    bool unfit; /* something of it was not kept */
};

static const uint8_t *row_of(const struct locate *l, uint32_t value)
{
    for (uint32_t k = 0; k < l->graph->n_input; k++)
        if (l->graph->input[k] == value)
            return l->input[k];
    return l->output_of[value] == UINT32_MAX ? NULL : l->now[l->output_of[value]];
}

static enum su_code mini_value(struct locate *l, struct mini *m, uint32_t value, uint32_t *id,
                               struct su_err *e);

static enum su_code mini_node(struct locate *l, struct mini *m, const struct su_node *n,
                              uint32_t *id, struct su_err *e)
{
    uint32_t arg[SU_GRAPH_ARG_MAX];
    enum su_code rc = SU_OK;
    for (uint32_t i = 0; i < n->n_arg && rc == SU_OK && !m->unfit; i++)
        rc = mini_value(l, m, n->arg[i], &arg[i], e);
    if (rc != SU_OK || m->unfit)
        return rc;
    return su_graph_add_node(m->graph, n->op, arg, n->n_arg, n->attr, n->n_attr, n->data,
                             n->data_bytes, id, e);
}

static enum su_code mini_source(struct locate *l, struct mini *m, uint32_t value, uint32_t *id,
                                struct su_err *e)
{
    const struct su_value *v = &l->graph->value[value];
    char name[32];
    snprintf(name, sizeof name, "value/%u", value);
    if (v->kind == SU_VALUE_WEIGHT)
        return su_graph_add_weight(m->graph, v->name, v->dtype, &v->shape, v->first_row, id, e);
    if (v->kind == SU_VALUE_STATE)
        return su_graph_add_state(m->graph, name, &v->shape, id, e);
    m->unfit |= !row_of(l, value);
    m->source[m->graph->n_input] = value;
    return su_graph_add_input(m->graph, name, v->domain, v->dtype, &v->shape, id, e);
}

static enum su_code mini_value(struct locate *l, struct mini *m, uint32_t value, uint32_t *id,
                               struct su_err *e)
{
    const struct su_value *v = &l->graph->value[value];
    const struct su_node *n = v->kind == SU_VALUE_NODE ? &l->graph->node[v->node] : NULL;
    for (uint32_t i = 0; i < m->n_known; i++)
        if (m->known[i] == value) {
            *id = m->id[i];
            return SU_OK;
        }
    bool inside = n && (n->op == SU_OP_CONST || n->op == SU_OP_STATE_APPEND);
    if (n && n->op == SU_OP_STATE_APPEND)
        m->n_row = l->step + 1;
    enum su_code rc = inside ? mini_node(l, m, n, id, e) : mini_source(l, m, value, id, e);
    if (rc == SU_OK && !m->unfit) {
        SU_ASSERT(m->n_known < MINI_INPUTS);
        m->known[m->n_known] = value;
        m->id[m->n_known++] = *id;
    }
    return rc;
}

/* *m->graph computes node n alone. Not fit where the op gives nothing that can be compared. */
static enum su_code mini_init(struct locate *l, struct mini *m, const struct su_node *n,
                              struct su_err *e)
{
    char name[32];
    uint32_t first = 0;
    memset(m, 0, sizeof *m);
    m->graph = su_graph_new();
    m->n_row = 1;
    m->unfit = n->op == SU_OP_CONST || n->op == SU_OP_STATE_APPEND;
    for (uint32_t o = 0; o < n->n_out; o++)
        m->unfit |= !row_of(l, n->first_out + o);
    enum su_code rc = m->unfit ? SU_OK : mini_node(l, m, n, &first, e);
    for (uint32_t o = 0; o < n->n_out && rc == SU_OK && !m->unfit; o++) {
        snprintf(name, sizeof name, "out/%u", o);
        rc = su_graph_add_output(m->graph, name, first + o, e);
    }
    return rc == SU_OK && !m->unfit ? su_graph_check(m->graph, e) : rc;
}

/* Rows for the interpreter: where the op looks at states, what is appended comes from the history
   and anything else counts at the last row only. */
static enum su_code mini_rows(const struct locate *l, const struct mini *m, uint32_t k,
                              uint8_t **rows, struct su_err *e)
{
    const struct su_value *v = &l->graph->value[m->source[k]];
    size_t one = (size_t)su_value_row_bytes(v);
    uint32_t n = v->domain == SU_FIXED ? 1 : m->n_row;
    *rows = su_try_alloc(n, one);
    if (!*rows)
        return no_memory(e, (uint64_t)one * n);
    if (n > 1 && l->history[m->source[k]])
        memcpy(*rows, l->history[m->source[k]], n * one);
    else
        memcpy(*rows + (n - 1) * one, row_of(l, m->source[k]), one);
    return SU_OK;
}

static enum su_code mini_run(struct locate *l, struct mini *m, struct su_exec *reference,
                             struct su_step_result *r, struct su_err *e)
{
    struct su_task_source from = {m->graph, &l->task->package->task[l->task->index].manifest,
                                  l->store};
    struct su_weight_source src = su_task_weights(&from);
    struct su_stage *stage = NULL;
    uint8_t *rows[MINI_INPUTS] = {0};
    const void *input[MINI_INPUTS];
    uint64_t ticket;
    uint32_t session = 0;
    struct su_row *row = su_try_alloc(m->n_row, sizeof *row);
    enum su_code rc = row ? SU_OK : no_memory(e, m->n_row * sizeof *row);
    for (uint32_t k = 0; k < m->graph->n_input && rc == SU_OK; k++) {
        rc = mini_rows(l, m, k, &rows[k], e);
        input[k] = rows[k];
    }
    if (rc == SU_OK)
        rc = su_stage_load(reference, m->graph, m->n_row, m->n_row, &src, &stage, e);
    if (rc == SU_OK)
        rc = su_stage_session_new(stage, su_task_ctx(m->graph, m->n_row), &session, e);
    for (uint32_t i = 0; i < m->n_row && rc == SU_OK; i++)
        row[i] = (struct su_row){session, l->step + 1 - m->n_row + i, true};
    if (rc == SU_OK)
        rc = su_stage_submit(stage, &(struct su_step){row, m->n_row, input}, &ticket, e);
    if (rc == SU_OK)
        rc = su_stage_wait(stage, ticket, false, r, e);
    su_stage_free(stage);
    for (uint32_t k = 0; k < MINI_INPUTS; k++)
        free(rows[k]);
    free(row);
    return rc;
}

/* ---- comparing ------------------------------------------------------------------------------- */

static void name_of(const struct locate *l, uint32_t value, struct su_task_difference *out)
{
    const struct su_graph *g = l->graph;
    snprintf(out->value, sizeof out->value, "%%%u", value);
    for (uint32_t i = g->n_output; i-- > 0;)
        if (g->output[i].value == value)
            su_str_copy(out->value, sizeof out->value, g->output[i].name);
}

/* Fills *out where the rows of a value differ. */
static void compare(const struct locate *l, uint32_t value, const uint8_t *got, const uint8_t *want,
                    struct su_task_difference *out)
{
    const struct su_value *v = &l->graph->value[value];
    uint64_t n = su_value_row_bytes(v) / 4;
    for (uint64_t i = 0; i < n && !out->found; i++) {
        uint32_t a = su_le32(got + 4 * i), b = su_le32(want + 4 * i);
        if (a == b)
            continue;
        *out = (struct su_task_difference){
            .found = true, .node = UINT32_MAX, .element = i, .got_bits = a, .want_bits = b};
        name_of(l, value, out);
        if (v->kind == SU_VALUE_NODE) {
            out->node = v->node;
            su_str_copy(out->op, sizeof out->op, su_op_name(l->graph->node[v->node].op));
        } else {
            su_str_copy(out->op, sizeof out->op, "input");
        }
    }
}

static enum su_code one_op(struct locate *l, uint32_t node, struct su_exec *reference,
                           struct su_task_difference *out, struct su_err *e)
{
    const struct su_node *n = &l->graph->node[node];
    struct su_step_result r = {0};
    struct mini m;
    enum su_code rc = mini_init(l, &m, n, e);
    if (rc == SU_OK && !m.unfit)
        rc = mini_run(l, &m, reference, &r, e);
    for (uint32_t o = 0; o < n->n_out && rc == SU_OK && !m.unfit; o++) {
        size_t one = (size_t)su_value_row_bytes(&l->graph->value[n->first_out + o]);
        const uint8_t *want = (const uint8_t *)r.output[o] + r.output_bytes[o] - one;
        compare(l, n->first_out + o, row_of(l, n->first_out + o), want, out);
    }
    su_step_result_fini(&r);
    su_graph_free(m.graph);
    return rc == SU_OK ? tick(l, 1, e) : rc;
}

static enum su_code all_ops(struct locate *l, struct su_task_difference *out, struct su_err *e)
{
    struct su_exec_opts opts = {.backend = SU_BACKEND_REFERENCE};
    struct su_exec *reference;
    enum su_code rc = su_exec_open(&opts, &reference, e);
    if (rc != SU_OK)
        return rc;
    for (uint32_t i = 0; i < l->graph->n_node && rc == SU_OK && !out->found; i++)
        rc = one_op(l, i, reference, out, e);
    enum su_code closed = su_exec_close(reference, rc == SU_OK ? e : NULL);
    return rc == SU_OK ? closed : rc;
}

/* ---- locating -------------------------------------------------------------------------------- */

static enum su_code exposed_pass(struct locate *l, struct su_err *e)
{
    const struct su_package *p = l->task->package;
    struct su_task_source from = {l->exposed, &p->task[l->task->index].manifest, l->store};
    struct su_weight_source src = su_task_weights(&from);
    struct su_stage *stage = NULL;
    uint32_t rows = exposed_rows(l);
    enum su_code rc =
        su_stage_load(l->task->exec, l->exposed, rows, SU_MIN(rows, p->e_max), &src, &stage, e);
    if (rc == SU_OK)
        rc = pass(l, stage, l->exposed, rows, l->now, true, e);
    su_stage_free(stage);
    return rc;
}

static enum su_code locate(struct locate *l, struct su_task_difference *out, struct su_err *e)
{
    const struct su_graph *g = l->graph;
    enum su_code rc = expose(l, e);
    if (rc != SU_OK)
        return rc;
    l->now = su_alloc(l->exposed->n_output * sizeof *l->now);
    rc = history_init(l, e);
    if (rc == SU_OK)
        rc = keep_inputs(l, e);
    if (rc == SU_OK)
        rc = pass(l, l->task->stage, g, l->task->t_max, l->plain, false, e);
    if (rc == SU_OK)
        rc = exposed_pass(l, e);
    if (rc == SU_OK)
        rc = all_ops(l, out, e);
    for (uint32_t o = 0; o < g->n_output && rc == SU_OK && !out->found; o++)
        if (l->plain[o])
            compare(l, g->output[o].value, l->plain[o], l->now[o], out);
    return rc;
}

static void list_fini(uint8_t **list, uint32_t n)
{
    for (uint32_t i = 0; i < n && list; i++)
        free(list[i]);
    free(list);
}

enum su_code su_task_locate(struct su_task *a, const struct su_replay *r, uint32_t step,
                            struct su_store *store, struct su_task_difference *out,
                            struct su_err *e)
{
    /* A token is drawn on the host: what can differ is what it is drawn from. */
    struct su_task device = *a;
    device.graph = a->device;
    device.sample_at = UINT32_MAX;
    device.has_witness = a->device->n_output > su_task_outputs(a);
    a = &device;
    const struct su_graph *g = a->graph;
    memset(out, 0, sizeof *out);
    if (step >= r->steps)
        return su_fail(e, SU_EINVAL, "locate", "step %u of %u", step, r->steps);
    struct locate l = {.task = a,
                       .replay = r,
                       .store = store,
                       .step = step,
                       .total = 2 * (step + 1) + g->n_node,
                       .graph = g};
    l.output_of = su_alloc(g->n_value * sizeof *l.output_of);
    l.plain = su_alloc(g->n_output * sizeof *l.plain);
    l.history = su_alloc(g->n_value * sizeof *l.history);
    l.input = su_alloc(SU_MAX(g->n_input, 1u) * sizeof *l.input);
    enum su_code rc = locate(&l, out, e);
    if (rc != SU_OK)
        memset(out, 0, sizeof *out);
    list_fini(l.now, l.exposed ? l.exposed->n_output : 0);
    list_fini(l.plain, g->n_output);
    list_fini(l.history, g->n_value);
    list_fini(l.input, g->n_input);
    free(l.output_of);
    su_graph_free(l.exposed);
    return su_task_fail(a, rc, e);
}
