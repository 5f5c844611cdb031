// SPDX-License-Identifier: MIT
#include "task_priv.h"

#include <stdlib.h>
#include <string.h>

#include "abi/abi.h"

/* ---- weights --------------------------------------------------------------------------------- */

struct key {
    const char *name;
    uint64_t first_row;
};

static int compare(const void *k, const void *entry)
{
    const struct key *a = k;
    const struct su_manifest_entry *b = entry;
    int order = strcmp(a->name, b->name);
    return order != 0 ? order : (a->first_row > b->first_row) - (a->first_row < b->first_row);
}

static enum su_code read_weight(void *ctx, uint32_t weight, uint64_t offset, void *dst, size_t n,
                                struct su_err *e)
{
    const struct su_task_source *s = ctx;
    const struct su_value *v = &s->graph->value[s->graph->weight[weight]];
    struct key k = {v->name, v->first_row};
    const struct su_manifest_entry *m =
        s->manifest->n_entry > 0
            ? bsearch(&k, s->manifest->entry, s->manifest->n_entry, sizeof *m, compare)
            : NULL;
    if (!m)
        return su_fail(e, SU_ENOENT, v->name, "the manifest does not name this weight");
    if (offset > m->bytes || n > m->bytes - offset)
        return su_fail(e, SU_ETYPE, v->name, "has %llu bytes in the manifest, too few for its type",
                       (unsigned long long)m->bytes);
    return su_store_read(s->store, m->blob, m->offset + offset, dst, n, e);
}

struct su_weight_source su_task_weights(struct su_task_source *s)
{
    return (struct su_weight_source){s, read_weight};
}

/* ---- opening --------------------------------------------------------------------------------- */

enum su_code su_task_fail(const struct su_task *t, enum su_code rc, struct su_err *e)
{
    if (rc != SU_OK)
        (void)su_wrap(e, "task %u", t->index);
    return rc;
}

/* Where nothing is of emitted rows, any row may emit. */
static uint32_t emit_limit(const struct su_graph *g, const struct su_package *p)
{
    for (uint32_t i = 0; i < g->n_value; i++)
        if (g->value[i].domain == SU_EMIT)
            return p->e_max;
    return p->t_max;
}

enum su_code su_task_open(struct su_exec *x, const struct su_package *p, uint32_t index,
                          struct su_store *store, struct su_task **out, struct su_err *e)
{
    *out = NULL;
    if (index >= p->n_task)
        return su_fail(e, SU_EINVAL, p->name, "has %u tasks; there is no task %u", p->n_task,
                       index);
    struct su_task *t = su_alloc(sizeof *t);
    const struct su_package_task *pt = &p->task[index];
    *t = (struct su_task){.exec = x, .package = p, .index = index, .t_max = p->t_max};
    enum su_code rc = su_plan_with_witness(pt->graph, &t->graph, e);
    if (rc == SU_OK) {
        struct su_task_source from = {t->graph, &pt->manifest, store};
        struct su_weight_source src = su_task_weights(&from);
        t->has_witness = t->graph->n_output > pt->graph->n_output;
        t->e_max = emit_limit(t->graph, p);
        rc = su_task_device_graph(t, e);
        from.graph = t->device;
        if (rc == SU_OK)
            rc = su_stage_load(x, t->device, p->t_max, p->e_max, &src, &t->stage, e);
    }
    if (rc != SU_OK) {
        rc = su_task_fail(t, rc, e);
        su_task_close(t);
        return rc;
    }
    *out = t;
    return SU_OK;
}

void su_task_close(struct su_task *t)
{
    if (!t)
        return;
    su_stage_free(t->stage);
    for (uint32_t i = 0; i < SU_STAGE_SESSION_MAX; i++)
        su_task_voice_fini(t, i);
    if (t->device != t->graph)
        su_graph_free(t->device);
    su_graph_free(t->graph);
    free(t);
}

uint64_t su_task_bound_bytes(const struct su_task *t)
{
    return su_stage_bound_bytes(t->stage);
}

uint32_t su_task_inputs(const struct su_task *t)
{
    return t->graph->n_input;
}

uint32_t su_task_outputs(const struct su_task *t)
{
    return t->graph->n_output - t->has_witness;
}

const struct su_value *su_task_value(const struct su_task *t, enum su_port port, uint32_t number)
{
    const struct su_graph *g = t->graph;
    if (port == SU_PORT_INPUT)
        return number < g->n_input ? &g->value[g->input[number]] : NULL;
    if (port == SU_PORT_OUTPUT)
        return number < su_task_outputs(t) ? &g->value[g->output[number].value] : NULL;
    return t->has_witness ? &g->value[g->output[g->n_output - 1].value] : NULL;
}

uint64_t su_task_row_bytes(const struct su_task *t, enum su_port port, uint32_t number)
{
    const struct su_value *v = su_task_value(t, port, number);
    return v ? su_value_row_bytes(v) : 0;
}

/* ---- sessions -------------------------------------------------------------------------------- */

enum su_code su_task_session_new(struct su_task *t, uint32_t ctx, uint32_t *session,
                                 struct su_err *e)
{
    return su_task_fail(t, su_stage_session_new(t->stage, ctx, session, e), e);
}

void su_task_session_free(struct su_task *t, uint32_t session)
{
    su_task_voice_fini(t, session);
    su_stage_session_free(t->stage, session);
}

enum su_code su_task_session_truncate(struct su_task *t, uint32_t session, uint32_t length,
                                      struct su_err *e)
{
    su_task_voice_truncate(t, session, length);
    if (t->graph->n_state == 0)
        return SU_OK;
    return su_task_fail(t, su_stage_session_truncate(t->stage, session, length, e), e);
}

/* ---- running --------------------------------------------------------------------------------- */

uint64_t su_task_rows_bytes(const struct su_value *v, uint32_t n_row, uint32_t n_emit)
{
    return su_value_row_bytes(v) * (v->domain == SU_EMIT ? n_emit : n_row);
}

static uint32_t count_emit(const struct su_row *row, uint32_t n_row)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < n_row; i++)
        n += row[i].emit;
    return n;
}

/* Rows that go on where the trace ends. */
static enum su_code check_trace(const struct su_task *t, const struct su_row *row, uint32_t n_row,
                                const struct su_trace *trace, struct su_err *e)
{
    uint32_t inputs, outputs, at = row[0].position;
    su_trace_ports(trace, &inputs, &outputs);
    if (inputs != su_task_inputs(t) || outputs != su_task_outputs(t))
        return su_fail(e, SU_EINVAL, "trace", "is of %u inputs and %u outputs; the task has %u, %u",
                       inputs, outputs, su_task_inputs(t), su_task_outputs(t));
    for (uint32_t i = 0; i < n_row; i++)
        if (row[i].session != row[0].session || row[i].position != at + i)
            return su_fail(e, SU_EINVAL, "trace",
                           "row %u is step %u of session %u; want step %u of session %u", i,
                           row[i].position, row[i].session, at + i, row[0].session);
    bool follows = !t->has_witness || su_trace_steps(trace, SU_PORT_WITNESS, 0) == at;
    for (uint32_t i = 0; i < inputs; i++)
        follows = follows && su_trace_steps(trace, SU_PORT_INPUT, i) == at;
    for (uint32_t i = 0; i < outputs; i++)
        follows = follows && su_trace_steps(trace, SU_PORT_OUTPUT, i) == at;
    if (!follows)
        return su_fail(e, SU_EINVAL, "trace", "does not end where step %u begins", at);
    return SU_OK;
}

void su_task_rows_fini(struct su_task_rows *in)
{
    for (uint32_t k = 0; k < SU_TASK_PORTS_MAX; k++)
        free(in->copy[k]);
}

enum su_code su_task_rows_init(struct su_task_rows *in, const struct su_task *t, uint32_t n_row,
                               uint32_t n_emit, const void *const *input, struct su_err *e)
{
    static const uint32_t nothing = 0;
    for (uint32_t k = 0; k < su_task_inputs(t); k++) {
        const struct su_value *v = su_task_value(t, SU_PORT_INPUT, k);
        uint64_t bytes = su_task_rows_bytes(v, n_row, n_emit), one = su_value_row_bytes(v);
        in->rows[k] = bytes > 0 ? input[k] : &nothing;
        if (!in->rows[k])
            return su_fail(e, SU_EINVAL, v->name, "no rows for this input");
        for (uint64_t at = one; v->domain == SU_FIXED && at < bytes; at += one)
            if (memcmp(input[k], (const uint8_t *)input[k] + at, (size_t)one) != 0)
                return su_fail(e, SU_EINVAL, v->name,
                               "is fixed for a dispatch; its rows of this one differ");
        if ((uintptr_t)in->rows[k] % 4 == 0)
            continue;
        in->copy[k] = su_try_alloc((size_t)bytes, 1);
        if (!in->copy[k])
            return su_fail(e, SU_ENOMEM, v->name, "%llu bytes of rows", (unsigned long long)bytes);
        memcpy(in->copy[k], input[k], (size_t)bytes);
        in->rows[k] = in->copy[k];
    }
    return SU_OK;
}

/* A row of a fixed output for every row of the dispatch. */
static enum su_code spread_fixed(struct su_step_result *r, uint32_t output, uint64_t one,
                                 uint32_t n_row, struct su_err *e)
{
    uint8_t *rows = su_try_alloc(n_row, (size_t)one);
    if (!rows)
        return su_fail(e, SU_ENOMEM, "output", "%u rows of %llu bytes", n_row,
                       (unsigned long long)one);
    for (uint32_t i = 0; i < n_row; i++)
        memcpy(rows + i * (size_t)one, r->output[output], (size_t)one);
    free(r->output[output]);
    r->output[output] = rows;
    r->output_bytes[output] = n_row * (size_t)one;
    return SU_OK;
}

static enum su_code fill_result(const struct su_task *t, uint32_t n_row, uint32_t n_emit,
                                struct su_task_result *r, struct su_err *e)
{
    for (uint32_t o = 0; o < su_task_outputs(t); o++) {
        const struct su_value *v = su_task_value(t, SU_PORT_OUTPUT, o);
        r->row_bytes[o] = su_value_row_bytes(v);
        r->rows[o] = v->domain == SU_EMIT ? n_emit : n_row;
        if (v->domain == SU_FIXED) {
            enum su_code rc = spread_fixed(&r->held, o, r->row_bytes[o], n_row, e);
            if (rc != SU_OK)
                return rc;
        }
        r->output[o] = r->held.output[o];
    }
    return SU_OK;
}

#define LATER_BYTES 16384u /* a row that takes longer to hash than to copy and come back to */

/* Rows of one port: of `before` (rows, emitted ones) others lie in front of them. */
static enum su_code add_port(const struct su_task *t, enum su_port port, uint32_t number,
                             const struct su_row *row, const struct su_task_group *group,
                             const void *rows, const uint32_t before[2], struct su_err *e)
{
    const struct su_value *v = su_task_value(t, port, number);
    const bool later = group->later && group->n_row == 1 && port == SU_PORT_WITNESS;
    uint64_t skip = su_task_rows_bytes(v, before[0], before[1]);
    const uint8_t *at = rows != NULL ? (const uint8_t *)rows + skip : NULL;
    struct su_bytes part = {.len = (size_t)su_value_row_bytes(v)};
    enum su_code rc = SU_OK;
    for (uint32_t i = 0; i < group->n_row && rc == SU_OK; i++) {
        uint8_t leaf[SU_SHA256_BYTES];
        bool has = v->domain != SU_EMIT || row[i].emit;
        if (has && later && part.len >= LATER_BYTES)
            return su_trace_add_later(group->trace, port, number, at, part.len, e);
        part.data = at;
        su_leaf_digest(row[i].position, has ? &part : NULL, has, leaf);
        rc = su_trace_add(group->trace, port, number, leaf, e);
        if (has)
            at += part.len;
    }
    return rc;
}

static enum su_code add_leaves(const struct su_task *t, const struct su_row *row,
                               const struct su_task_group *group, const void *const *input,
                               const struct su_task_result *r, const uint32_t before[2],
                               struct su_err *e)
{
    enum su_code rc = SU_OK;
    for (uint32_t i = 0; i < su_task_inputs(t) && rc == SU_OK; i++)
        rc = add_port(t, SU_PORT_INPUT, i, row, group, input[i], before, e);
    for (uint32_t o = 0; o < su_task_outputs(t) && rc == SU_OK; o++)
        rc = add_port(t, SU_PORT_OUTPUT, o, row, group, r->output[o], before, e);
    if (rc == SU_OK && t->has_witness)
        rc = add_port(t, SU_PORT_WITNESS, 0, row, group, su_task_witness_rows(t, r), before, e);
    return rc;
}

/* Brings the sessions of a failed dispatch's rows back to what they were before it. */
static void cut_back(struct su_task *t, const struct su_row *row, uint32_t n_row)
{
    for (uint32_t i = n_row; i-- > 0;)
        su_task_voice_truncate(t, row[i].session, row[i].position);
    for (uint32_t i = n_row; t->graph->n_state > 0 && i-- > 0;)
        if (su_stage_session_length(t->stage, row[i].session) > row[i].position)
            (void)!su_stage_session_truncate(t->stage, row[i].session, row[i].position, NULL);
}

/* Adds up the groups' rows; what they ask for is possible. */
static enum su_code check_groups(const struct su_task *t, const struct su_row *row,
                                 const struct su_task_group *group, uint32_t n_group,
                                 uint32_t *n_row, struct su_err *e)
{
    enum su_code rc = SU_OK;

    *n_row = 0;
    for (uint32_t g = 0; g < n_group && *n_row <= t->t_max; g++) {
        if (group[g].n_row == 0 || group[g].n_row > t->t_max)
            return su_fail(e, SU_EINVAL, "rows", "%u of one dispatch; it takes 1 to %u",
                           group[g].n_row, t->t_max);
        *n_row += group[g].n_row;
    }
    if (*n_row < 1 || *n_row > t->t_max)
        return su_fail(e, SU_EINVAL, "rows", "%u of one dispatch; it takes 1 to %u", *n_row,
                       t->t_max);
    for (uint32_t g = 0, at = 0; g < n_group && rc == SU_OK; at += group[g++].n_row) {
        if (group[g].trace)
            rc = check_trace(t, row + at, group[g].n_row, group[g].trace, e);
        for (uint32_t k = 0; n_group > 1 && k < at && rc == SU_OK; k++)
            if (row[k].session == row[at].session)
                rc = su_fail(e, SU_EINVAL, "rows", "session %u is in two groups", row[k].session);
    }
    return rc;
}

static enum su_code trace_groups(const struct su_task *t, const struct su_row *row,
                                 const struct su_task_group *group, uint32_t n_group,
                                 const void *const *input, const struct su_task_result *r,
                                 struct su_err *e)
{
    uint32_t before[2] = {0, 0};
    enum su_code rc = SU_OK;

    for (uint32_t g = 0; g < n_group && rc == SU_OK; g++) {
        const struct su_row *first = row + before[0];
        if (group[g].trace)
            rc = add_leaves(t, first, &group[g], input, r, before, e);
        before[0] += group[g].n_row;
        before[1] += count_emit(first, group[g].n_row);
    }
    for (uint32_t g = 0, at = 0; g < n_group && rc != SU_OK; at += group[g++].n_row)
        if (group[g].trace)
            su_trace_truncate(group[g].trace, row[at].position);
    return rc;
}

enum su_code su_task_run_groups(struct su_task *t, const struct su_row *row,
                                const struct su_task_group *group, uint32_t n_group,
                                const void *const *input, struct su_task_result *r,
                                struct su_err *e)
{
    struct su_task_rows in = {0};
    uint64_t ticket;
    uint32_t n_row;
    bool submitted = false;
    memset(r, 0, sizeof *r);
    enum su_code rc = check_groups(t, row, group, n_group, &n_row, e);
    if (rc != SU_OK)
        return su_task_fail(t, rc, e);
    uint32_t n_emit = count_emit(row, n_row);
    rc = su_task_rows_init(&in, t, n_row, n_emit, input, e);
    if (rc == SU_OK) {
        struct su_step step = {row, n_row, in.rows};
        rc = su_stage_submit_here(t->stage, &step, &ticket, e);
        submitted = rc == SU_OK;
    }
    if (rc == SU_OK)
        rc = su_stage_wait(t->stage, ticket, false, &r->held, e);
    uint64_t drawing = su_clock_mono_ns();
    if (rc == SU_OK)
        rc = su_task_draw(t, row, n_row, n_emit, r, e);
    r->ms = r->held.ms + (double)(su_clock_mono_ns() - drawing) * 1e-6;
    if (rc == SU_OK)
        rc = fill_result(t, n_row, n_emit, r, e);
    if (rc == SU_OK)
        rc = trace_groups(t, row, group, n_group, input, r, e);
    su_task_rows_fini(&in);
    if (rc != SU_OK) {
        su_task_result_fini(r);
        if (submitted)
            cut_back(t, row, n_row);
    }
    return su_task_fail(t, rc, e);
}

enum su_code su_task_run(struct su_task *t, const struct su_row *row, uint32_t n_row,
                         const void *const *input, struct su_trace *trace, struct su_task_result *r,
                         struct su_err *e)
{
    const struct su_task_group all = {.n_row = n_row, .trace = trace};

    return su_task_run_groups(t, row, &all, 1, input, r, e);
}

void su_task_result_fini(struct su_task_result *r)
{
    su_step_result_fini(&r->held);
    free(r->logits);
    memset(r, 0, sizeof *r);
}
