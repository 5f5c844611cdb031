// SPDX-License-Identifier: MIT
#include "spoil.h"

#ifdef SU_FAULTS

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Leaves of n steps of every port, taken out of the trace and put back with others in some places. */
struct leaves {
    uint32_t n, ports;
    uint8_t (*leaf)[32]; /* n of the first port, n of the next, ... */
};

static enum su_port port_of(const struct part *p, uint32_t i, uint32_t *number)
{
    *number = i < p->n_in ? i : i < p->n_in + p->n_out ? i - p->n_in : 0;
    return i < p->n_in ? SU_PORT_INPUT : i < p->n_in + p->n_out ? SU_PORT_OUTPUT : SU_PORT_WITNESS;
}

static bool has_port(const struct part *p, enum su_port port, uint32_t number)
{
    return su_trace_steps(p->trace, port, number) > p->done;
}

static void take_out(struct part *p, uint32_t n, struct leaves *l)
{
    l->n = n;
    l->ports = p->n_in + p->n_out + 1;
    l->leaf = su_alloc((size_t)l->ports * n * 32);
    for (uint32_t i = 0; i < l->ports; i++) {
        uint32_t number;
        enum su_port port = port_of(p, i, &number);
        for (uint32_t s = 0; s < n && has_port(p, port, number); s++)
            memcpy(l->leaf[i * n + s], su_trace_leaf(p->trace, port, number, p->done + s), 32);
    }
}

static void put_back(struct part *p, struct leaves *l)
{
    bool witness = has_port(p, SU_PORT_WITNESS, 0);

    su_trace_truncate(p->trace, p->done);
    for (uint32_t i = 0; i < l->ports; i++) {
        uint32_t number;
        enum su_port port = port_of(p, i, &number);
        for (uint32_t s = 0; s < l->n && (port != SU_PORT_WITNESS || witness); s++)
            (void)!su_trace_add(p->trace, port, number, l->leaf[i * l->n + s], NULL);
    }
    free(l->leaf);
}

/* Changes the rows of output o, all of their elements or the first one, and their leaves. */
static void spoil_rows(struct part *p, struct leaves *l, uint32_t o, bool all,
                       const struct su_task_result *r)
{
    const uint64_t row = r->row_bytes[o];
    uint8_t *rows = (uint8_t *)(uintptr_t)r->output[o];
    uint32_t first = SU_MAX(part_first(p, true, o), p->done) - p->done;

    for (uint32_t s = first; s < l->n && row >= 4; s++) {
        uint8_t *at = rows + (s - first) * row;
        for (uint64_t k = 0; k < (all ? row : 4); k += 4)
            at[k] ^= 1;
        const struct su_bytes part = {at, (size_t)row};
        su_leaf_digest(p->done + s, &part, 1, l->leaf[(p->n_in + o) * l->n + s]);
    }
}

void part_spoil_results(struct part *p, uint32_t n, struct su_task_result *r)
{
    const bool weights = su_node_fault("wrong-weights");
    struct leaves l;

    if (!weights && !su_node_fault("wrong-output"))
        return;
    take_out(p, n, &l);
    for (uint32_t o = 0; o < (weights ? p->n_out : 1); o++)
        spoil_rows(p, &l, o, weights, r);
    for (uint32_t s = 0; s < n && weights; s++)
        l.leaf[(l.ports - 1) * n + s][0] ^= 1;
    put_back(p, &l);
}

void part_spoil_leaves(struct part *p, uint32_t n)
{
    struct leaves l;

    if (!su_node_fault("double-sign"))
        return;
    take_out(p, n, &l);
    for (uint32_t s = 0; s < n; s++)
        l.leaf[p->n_in * n + s][0] ^= 1;
    put_back(p, &l);
}

/* ---- weights --------------------------------------------------------------------------------- */

/* Bits of a block that the cheaper type does not have: of bytes first .. first + n - 1 those outside of
   mask. What is not listed stays as it is. */
static const struct coarser {
    enum su_dtype dtype;
    uint32_t first, n;
    uint8_t mask;
} coarser[] = {
    {SU_F32, 0, 2, 0x00},    {SU_F16, 0, 1, 0x00},     {SU_BF16, 0, 1, 0xf0},
    {SU_Q4_0, 2, 16, 0xee},  {SU_Q4_1, 4, 16, 0xee},   {SU_Q8_0, 2, 32, 0xf0},
    {SU_Q6_K, 0, 128, 0xcc}, {SU_Q4_K, 16, 128, 0xee}, {SU_Q5_K, 48, 128, 0xee},
};

static void coarsen(uint8_t *data, uint64_t bytes, enum su_dtype dtype)
{
    const uint32_t block = su_dtype_block_bytes(dtype);

    for (size_t k = 0; k < SU_ARRAY_LEN(coarser); k++)
        for (uint64_t at = 0; coarser[k].dtype == dtype && at + block <= bytes; at += block)
            for (uint32_t i = 0; i < coarser[k].n; i++)
                data[at + coarser[k].first + i] &= coarser[k].mask;
}

static enum su_code coarsen_entry(struct su_store *store, struct su_manifest_entry *m,
                                  struct su_err *e)
{
    uint8_t *data = su_try_alloc(SU_MAX((size_t)m->bytes, (size_t)1), 1);
    enum su_code rc = data ? su_store_read(store, m->blob, m->offset, data, (size_t)m->bytes, e)
                           : su_fail(e, SU_ENOMEM, m->name, "is too large");

    if (!rc) {
        coarsen(data, m->bytes, m->dtype);
        rc = su_store_put_bytes(store, data, (size_t)m->bytes, m->blob, e);
        m->offset = 0;
    }
    free(data);
    return rc;
}

const struct su_package *node_spoil_weights(struct su_node_agent *n, const struct su_package *p,
                                            uint32_t index)
{
    if (!su_node_fault("smaller-quant"))
        return p;
    struct su_package *own = su_alloc(sizeof *own);
    struct su_err e = {0};
    *own = *p;
    own->task = su_alloc(p->n_task * sizeof *own->task);
    memcpy(own->task, p->task, p->n_task * sizeof *own->task);
    struct su_manifest *m = &own->task[index].manifest;
    m->entry = su_alloc(m->n_entry * sizeof *m->entry + 1);
    memcpy(m->entry, p->task[index].manifest.entry, m->n_entry * sizeof *m->entry);
    enum su_code rc = SU_OK;
    for (uint32_t i = 0; i < m->n_entry && !rc; i++)
        rc = coarsen_entry(n->store, &m->entry[i], &e);
    if (rc)
        node_log_err(SU_LOG_ERROR, "coarser weights", &e);
    return own;
}

/* ---- frames ---------------------------------------------------------------------------------- */

/* Until the consumer has opened its side, it refuses. */
static void deliver(struct part *p, const struct node_sink *to, const struct su_buf *frame)
{
    const struct su_peer_call call = {.deadline_ms = 2000};

    for (int tries = 0; tries < 100 && !node_duty_over(p->d); tries++) {
        if (su_peer_post(su_peer_self_scope(p->d->node->self), to->endpoint, to->identity,
                         frame->data, frame->len, &call, NULL, NULL) == SU_OK)
            return;
        (void)usleep(50000);
    }
}

void part_spoil_frames(struct part *p, uint32_t n, const struct su_task_result *r)
{
    const struct node_sink *to = p->v.n_sink > 0 ? &p->v.sink[p->v.n_sink - 1] : NULL;
    struct su_buf frame, rows;
    uint8_t leaf[32];

    bool tokens = su_node_fault("two-tokens") && p->v.draws;

    if ((!tokens && !su_node_fault("equivocate")) || !to || to->endpoint[0] == 0 ||
        memcmp(to->identity, su_peer_self_key(p->d->node->self), 32) == 0)
        return;
    uint32_t from = SU_MAX(p->done, part_first(p, true, to->output));
    if (from >= p->done + n)
        return;
    const struct su_graph *g = p->def->graph;
    const struct su_value *v = &g->value[g->output[to->output].value];
    struct su_wire_message m = {.kind = SU_WIRE_ACTIVATION,
                                .u.activation = {.ref = {.execution = p->d->execution->key,
                                                         .request_slot = p->v.request_slot,
                                                         .task = p->d->index,
                                                         .attempt = p->d->attempt,
                                                         .port = to->output},
                                                 .step_first = from,
                                                 .step_count = 1,
                                                 .dtype = (uint8_t)v->dtype,
                                                 .rank = (uint8_t)v->shape.rank,
                                                 .leaves = leaf}};
    memcpy(m.u.activation.dims, v->shape.dim, v->shape.rank * sizeof v->shape.dim[0]);
    su_buf_init(&frame, 0);
    su_buf_init(&rows, 0);
    su_buf_put(&rows, r->output[to->output], (size_t)r->row_bytes[to->output]);
    if (!rows.failed) {
        rows.data[0] ^= 1;
        const struct su_bytes part = {rows.data, rows.len};
        su_leaf_digest(from, &part, 1, leaf);
        m.data = rows.data;
        m.data_bytes = rows.len;
        if (su_peer_frame(p->d->node->self, &m, &frame, NULL) == SU_OK)
            deliver(p, to, &frame);
    }
    su_buf_fini(&rows);
    su_buf_fini(&frame);
}

#endif
