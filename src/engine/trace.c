// SPDX-License-Identifier: MIT
/* Bytes of a trace, little-endian: "SUTRACE1"; u32 inputs, u32 outputs; then for every input, every
   output and the witness: u32 steps and as many leaves of 32 bytes. */
#include "engine/engine.h"

#include <stdlib.h>
#include <string.h>

#include "abi/abi.h"

static const char magic[8] = {'S', 'U', 'T', 'R', 'A', 'C', 'E', '1'};

struct port {
    uint8_t *leaf; /* 32 bytes each */
    uint32_t steps, room;
};
struct su_trace {
    uint32_t inputs, outputs;
    struct port *port; /* inputs, outputs, the witness */
    struct later { /* a leaf that is counted and not yet hashed */
        struct port *port; /* NULL: there is none */
        uint8_t *row;
        size_t n, room;
        uint32_t step;
    } later;
};

static uint32_t port_count(const struct su_trace *t)
{
    return t->inputs + t->outputs + 1;
}

static struct port *port_of(const struct su_trace *t, enum su_port port, uint32_t number)
{
    uint32_t at = number;
    if (port == SU_PORT_OUTPUT)
        at = t->inputs + number;
    else if (port == SU_PORT_WITNESS)
        at = t->inputs + t->outputs;
    SU_ASSERT(number < (port == SU_PORT_INPUT    ? t->inputs
                        : port == SU_PORT_OUTPUT ? t->outputs
                                                 : 1));
    return &t->port[at];
}

enum su_code su_trace_new(uint32_t inputs, uint32_t outputs, struct su_trace **out,
                          struct su_err *e)
{
    SU_ASSERT(inputs <= SU_TASK_PORTS_MAX && outputs <= SU_TASK_PORTS_MAX);
    struct su_trace *t = su_try_alloc(1, sizeof *t);
    *out = NULL;
    if (t)
        t->port = su_try_alloc(inputs + outputs + 1, sizeof *t->port);
    if (!t || !t->port) {
        free(t);
        return su_fail(e, SU_ENOMEM, "trace", "out of memory");
    }
    t->inputs = inputs;
    t->outputs = outputs;
    *out = t;
    return SU_OK;
}

void su_trace_free(struct su_trace *t)
{
    if (!t)
        return;
    for (uint32_t i = 0; i < port_count(t); i++)
        free(t->port[i].leaf);
    free(t->later.row);
    free(t->port);
    free(t);
}

void su_trace_ports(const struct su_trace *t, uint32_t *inputs, uint32_t *outputs)
{
    *inputs = t->inputs;
    *outputs = t->outputs;
}

/* A port whose leaves are there. */
static struct port *settled(const struct su_trace *t, enum su_port port, uint32_t number)
{
    struct port *p = port_of(t, port, number);
    SU_ASSERT(t->later.port != p);
    return p;
}

static enum su_code reserve(struct port *p, uint32_t steps, struct su_err *e)
{
    if (steps <= p->room)
        return SU_OK;
    uint8_t *leaf = realloc(p->leaf, (size_t)steps * SU_SHA256_BYTES);
    if (!leaf)
        return su_fail(e, SU_ENOMEM, "trace", "the leaves of %u steps", steps);
    p->leaf = leaf;
    p->room = steps;
    return SU_OK;
}

enum su_code su_trace_add(struct su_trace *t, enum su_port port, uint32_t number,
                          const uint8_t leaf[32], struct su_err *e)
{
    struct port *p = port_of(t, port, number);
    if (p->steps >= SU_STEPS_MAX)
        return su_fail(e, SU_ELIMIT, "trace", "an execution has at most %u steps", SU_STEPS_MAX);
    if (p->steps == p->room) {
        uint32_t more = SU_MIN(SU_MAX(p->room + p->room / 2, 2 * SU_TASK_CHUNK), SU_STEPS_MAX);
        enum su_code rc = reserve(p, more, e);
        if (rc != SU_OK)
            return rc;
    }
    memcpy(p->leaf + (size_t)p->steps * SU_SHA256_BYTES, leaf, SU_SHA256_BYTES);
    p->steps++;
    return SU_OK;
}

enum su_code su_trace_add_later(struct su_trace *t, enum su_port port, uint32_t number,
                                const void *row, size_t n, struct su_err *e)
{
    static const uint8_t blank[SU_SHA256_BYTES];
    struct later *l = &t->later;

    su_trace_settle(t);
    if (n > l->room) {
        uint8_t *grown = su_try_alloc(n, 1);
        if (!grown)
            return su_fail(e, SU_ENOMEM, "trace", "a row of %zu bytes", n);
        free(l->row);
        l->row = grown;
        l->room = n;
    }
    enum su_code rc = su_trace_add(t, port, number, blank, e);
    if (rc != SU_OK)
        return rc;
    memcpy(l->row, row, n);
    l->n = n;
    l->port = port_of(t, port, number);
    l->step = l->port->steps - 1;
    return SU_OK;
}

void su_trace_settle(struct su_trace *t)
{
    struct later *l = &t->later;
    const struct su_bytes part = {l->row, l->n};

    if (l->port)
        su_leaf_digest(l->step, &part, 1, l->port->leaf + (size_t)l->step * SU_SHA256_BYTES);
    l->port = NULL;
}

uint32_t su_trace_steps(const struct su_trace *t, enum su_port port, uint32_t number)
{
    return port_of(t, port, number)->steps;
}

const uint8_t *su_trace_leaf(const struct su_trace *t, enum su_port port, uint32_t number,
                             uint32_t step)
{
    const struct port *p = settled(t, port, number);
    SU_ASSERT(step < p->steps);
    return p->leaf + (size_t)step * SU_SHA256_BYTES;
}

void su_trace_truncate(struct su_trace *t, uint32_t steps)
{
    for (uint32_t i = 0; i < port_count(t); i++)
        t->port[i].steps = SU_MIN(t->port[i].steps, steps);
    if (t->later.step >= steps)
        t->later.port = NULL;
}

/* ---- roots ----------------------------------------------------------------------------------- */

void su_trace_leaves_root(const uint8_t *leaves, uint32_t steps, uint8_t root[32])
{
    struct su_merkle m;
    uint8_t chunk[SU_SHA256_BYTES];
    su_merkle_init(&m, NULL);
    for (uint32_t at = 0; at < steps; at += SU_TASK_CHUNK) {
        su_merkle_root(leaves + (size_t)at * SU_SHA256_BYTES, SU_MIN(steps - at, SU_TASK_CHUNK),
                       chunk);
        su_merkle_add(&m, chunk);
    }
    su_merkle_final(&m, root);
}

void su_trace_root(const struct su_trace *t, enum su_port port, uint32_t number, uint32_t steps,
                   uint8_t root[32])
{
    const struct port *p = settled(t, port, number);
    if (port == SU_PORT_WITNESS && p->steps == 0) {
        memset(root, 0, SU_SHA256_BYTES);
        return;
    }
    SU_ASSERT(steps <= p->steps);
    su_trace_leaves_root(p->leaf, steps, root);
}

static void hash(const struct su_part *part, uint64_t n, uint8_t out[32])
{
    struct su_sha256 s;
    su_sha256_init(&s);
    for (uint64_t i = 0; i < n; i++)
        su_sha256_update(&s, part[i].p, (size_t)part[i].n);
    su_sha256_final(&s, out);
}

void su_trace_roots(const struct su_trace *t, uint32_t steps, struct su_trace_roots *out)
{
    memset(out, 0, sizeof *out);
    for (uint32_t i = 0; i < t->inputs; i++)
        su_trace_root(t, SU_PORT_INPUT, i, steps, out->input[i]);
    for (uint32_t i = 0; i < t->outputs; i++)
        su_trace_root(t, SU_PORT_OUTPUT, i, steps, out->output[i]);
    su_trace_root(t, SU_PORT_WITNESS, 0, steps, out->witness);
    su_msg_input_root(hash, (const uint8_t(*)[32])out->input, t->inputs, out->inputs);
    su_msg_output_root(hash, (const uint8_t(*)[32])out->output, t->outputs, out->witness,
                       out->outputs);
}

uint32_t su_trace_differs(const struct su_trace *a, const struct su_trace *b, enum su_port port,
                          uint32_t number)
{
    const struct port *p = settled(a, port, number), *q = settled(b, port, number);
    for (uint32_t i = 0; i < SU_MIN(p->steps, q->steps); i++)
        if (memcmp(p->leaf + (size_t)i * SU_SHA256_BYTES, q->leaf + (size_t)i * SU_SHA256_BYTES,
                   SU_SHA256_BYTES) != 0)
            return i;
    return UINT32_MAX;
}

/* ---- bytes ----------------------------------------------------------------------------------- */

enum su_code su_trace_encode(const struct su_trace *t, struct su_buf *out, struct su_err *e)
{
    SU_ASSERT(!t->later.port);
    su_buf_put(out, magic, sizeof magic);
    su_buf_u32(out, t->inputs);
    su_buf_u32(out, t->outputs);
    for (uint32_t i = 0; i < port_count(t); i++) {
        su_buf_u32(out, t->port[i].steps);
        if (t->port[i].steps > 0)
            su_buf_put(out, t->port[i].leaf, (size_t)t->port[i].steps * SU_SHA256_BYTES);
    }
    return su_buf_check(out, "trace", e);
}

static enum su_code read_port(struct su_reader *r, struct port *p, struct su_err *e)
{
    uint32_t steps = su_read_u32(r);
    if (r->failed)
        return su_fail(e, SU_ETRUNC, "trace", "ends at byte %zu within a count of steps", r->len);
    if (steps > SU_STEPS_MAX)
        return su_fail(e, SU_ELIMIT, "trace", "%u steps at byte %zu; the most is %u", steps,
                       r->pos - 4, SU_STEPS_MAX);
    const uint8_t *leaf = su_read_bytes(r, (size_t)steps * SU_SHA256_BYTES);
    if (r->failed)
        return su_fail(e, SU_ETRUNC, "trace", "ends at byte %zu within the leaves of %u steps",
                       r->len, steps);
    enum su_code rc = reserve(p, steps, e);
    if (rc == SU_OK && steps > 0)
        memcpy(p->leaf, leaf, (size_t)steps * SU_SHA256_BYTES);
    p->steps = steps;
    return rc;
}

enum su_code su_trace_decode(const void *data, size_t n, struct su_trace **out, struct su_err *e)
{
    struct su_reader r = su_reader_of(data, n);
    const uint8_t *head = su_read_bytes(&r, sizeof magic);
    uint32_t inputs = su_read_u32(&r), outputs = su_read_u32(&r);
    *out = NULL;
    if (r.failed)
        return su_fail(e, SU_ETRUNC, "trace", "%zu bytes are no head of a trace", n);
    if (memcmp(head, magic, sizeof magic) != 0)
        return su_fail(e, SU_EFORMAT, "trace", "does not begin with SUTRACE1");
    if (inputs > SU_TASK_PORTS_MAX || outputs > SU_TASK_PORTS_MAX)
        return su_fail(e, SU_ELIMIT, "trace", "%u inputs and %u outputs; the most is %u each",
                       inputs, outputs, SU_TASK_PORTS_MAX);
    enum su_code rc = su_trace_new(inputs, outputs, out, e);
    for (uint32_t i = 0; rc == SU_OK && i < port_count(*out); i++)
        rc = read_port(&r, &(*out)->port[i], e);
    if (rc == SU_OK && su_read_left(&r) > 0)
        rc = su_fail(e, SU_EFORMAT, "trace", "%zu bytes follow its end", su_read_left(&r));
    if (rc != SU_OK) {
        su_trace_free(*out);
        *out = NULL;
    }
    return rc;
}
