// SPDX-License-Identifier: MIT
#include "wire_priv.h"

#include <string.h>

/* One description of each body serves both ways: it visits the fields in order, and every field is
   either appended to `out` or taken from `in`. */
struct visit {
    struct su_buf *out; /* NULL when reading */
    struct su_reader in;
    bool gap; /* something other than zero where zero must be */
};

static void u8(struct visit *v, uint8_t *x)
{
    if (v->out != NULL)
        su_buf_u8(v->out, *x);
    else
        *x = su_read_u8(&v->in);
}

static void u16(struct visit *v, uint16_t *x)
{
    if (v->out != NULL)
        su_buf_u16(v->out, *x);
    else
        *x = su_read_u16(&v->in);
}

static void u32(struct visit *v, uint32_t *x)
{
    if (v->out != NULL)
        su_buf_u32(v->out, *x);
    else
        *x = su_read_u32(&v->in);
}

static void u64(struct visit *v, uint64_t *x)
{
    if (v->out != NULL)
        su_buf_u64(v->out, *x);
    else
        *x = su_read_u64(&v->in);
}

static void bytes(struct visit *v, const uint8_t **p, size_t n)
{
    if (v->out != NULL)
        su_buf_put(v->out, *p, n);
    else
        *p = su_read_bytes(&v->in, n);
}

static void zero(struct visit *v, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        uint8_t x = 0;
        u8(v, &x);
        v->gap |= x != 0;
    }
}

static void ref(struct visit *v, struct su_wire_ref *r)
{
    bytes(v, &r->execution, 32);
    u64(v, &r->request_slot);
    u16(v, &r->task);
    u8(v, &r->attempt);
    u8(v, &r->port);
}

static void activation(struct visit *v, struct su_wire_activation *a)
{
    ref(v, &a->ref);
    u32(v, &a->step_first);
    u32(v, &a->step_count);
    u8(v, &a->dtype);
    u8(v, &a->rank);
    zero(v, 2);
    for (unsigned i = 0; i < SU_RANK_MAX; i++)
        u32(v, &a->dims[i]);
    bytes(v, &a->leaves, 32 * (size_t)a->step_count);
}

static void want(struct visit *v, struct su_wire_want *w)
{
    ref(v, &w->ref);
    u32(v, &w->step_first);
    u32(v, &w->step_count);
    u8(v, &w->purpose);
    zero(v, 3);
}

static void heartbeat(struct visit *v, struct su_wire_heartbeat *h)
{
    u64(v, &h->free_vram_bytes);
    u32(v, &h->numerics_version);
    u8(v, &h->status);
    u8(v, &h->has_capacity);
    u8(v, &h->task_count);
    zero(v, 1);
    bytes(v, &h->conformance_root, 32);
    bytes(v, &h->tasks, 32 * (size_t)h->task_count);
}

static void table(struct visit *v, struct su_wire_table *t)
{
    bytes(v, &t->execution, 32);
    u64(v, &t->request_slot);
    u64(v, &t->total);
    u32(v, &t->round);
    u32(v, &t->owner_share_ppm);
    bytes(v, &t->slot_hash, 32);
    bytes(v, &t->table_root, 32);
    bytes(v, &t->assignment_root, 32);
    u16(v, &t->row_count);
    u16(v, &t->task_count);
    bytes(v, &t->rows_of_tasks, 2 * (size_t)t->task_count);
}

static void vote(struct visit *v, struct su_wire_vote *x)
{
    bytes(v, &x->execution, 32);
    u64(v, &x->request_slot);
    u32(v, &x->round);
    u16(v, &x->task);
    u8(v, &x->question);
    u8(v, &x->attempt);
    bytes(v, &x->digest, 32);
}

static void refusal(struct visit *v, struct su_wire_refusal *r)
{
    const uint8_t *text = (const uint8_t *)r->text;

    bytes(v, &r->frame, 32);
    u16(v, &r->code);
    u8(v, &r->text_bytes);
    zero(v, 1);
    bytes(v, &text, r->text_bytes);
    r->text = (const char *)text;
}

static void visit(struct visit *v, struct su_wire_message *m)
{
    switch (m->kind) {
    case SU_WIRE_ACTIVATION:
        activation(v, &m->u.activation);
        break;
    case SU_WIRE_INPUT:
        ref(v, &m->u.input.ref);
        u8(v, &m->u.input.external);
        zero(v, 3);
        break;
    case SU_WIRE_TABLE:
        table(v, &m->u.table);
        break;
    case SU_WIRE_ACK:
        ref(v, &m->u.ack.ref);
        bytes(v, &m->u.ack.frame, 32);
        break;
    case SU_WIRE_WANT:
        want(v, &m->u.want);
        break;
    case SU_WIRE_HEARTBEAT:
        heartbeat(v, &m->u.heartbeat);
        break;
    case SU_WIRE_VOTE:
        vote(v, &m->u.vote);
        break;
    case SU_WIRE_CANCEL:
        bytes(v, &m->u.cancel.execution, 32);
        u64(v, &m->u.cancel.request_slot);
        u8(v, &m->u.cancel.reason);
        zero(v, 3);
        break;
    default:
        refusal(v, &m->u.refusal);
        break;
    }
}

/* ---- what the fields may hold: NULL, or what is wrong ---------------------------------------- */

static const char *bad_ref(const struct su_wire_ref *r)
{
    if (r->task >= SU_TASKS_MAX)
        return "task beyond the most a model has";
    return r->port < SU_PORTS_MAX ? NULL : "port beyond the most a task has";
}

static const char *bad_steps(uint32_t first, uint32_t count, uint32_t most)
{
    if (count == 0 || count > most)
        return "number of steps out of range";
    return first < SU_STEPS_MAX && count <= SU_STEPS_MAX - first
               ? NULL
               : "steps beyond the longest execution";
}

uint64_t su_wire_row_bytes(const struct su_wire_activation *a)
{
    uint64_t n = 4;

    if (a->dtype > 3 || a->rank > SU_RANK_MAX)
        return 0;
    for (unsigned i = 0; i < SU_RANK_MAX; i++) {
        if ((i < a->rank) != (a->dims[i] != 0) || (i < a->rank && !su_mul_u64(n, a->dims[i], &n)))
            return 0;
    }
    return n;
}

static const char *bad_activation(const struct su_wire_message *m)
{
    const struct su_wire_activation *a = &m->u.activation;
    const char *bad = bad_ref(&a->ref);
    uint64_t row = su_wire_row_bytes(a), all;

    if (bad == NULL)
        bad = bad_steps(a->step_first, a->step_count, SU_WIRE_STEPS_MAX);
    if (bad == NULL && row == 0)
        bad = "type or shape of the rows";
    if (bad == NULL && (!su_mul_u64(row, a->step_count, &all) || all != m->data_bytes))
        bad = "rows are not as long as type, shape and steps say";
    return bad;
}

static const char *bad_heartbeat(const struct su_wire_heartbeat *h)
{
    if (h->status < SU_WIRE_LOADING || h->status > SU_WIRE_UNFIT || h->has_capacity > 1)
        return "status or capacity out of range";
    if (h->task_count > SU_DECLARED_MAX)
        return "more tasks than a node declares";
    for (unsigned i = 1; i < h->task_count; i++)
        if (memcmp(h->tasks + 32 * (i - 1), h->tasks + 32 * i, 32) >= 0)
            return "tasks are not in ascending order";
    return NULL;
}

static const char *bad_table(const struct su_wire_message *m)
{
    const struct su_wire_table *t = &m->u.table;
    uint64_t at = 0;

    if (t->row_count == 0 || t->row_count > SU_WIRE_ROWS_MAX ||
        m->data_bytes != (uint64_t)t->row_count * SU_WIRE_ROW_BYTES)
        return "number of rows";
    if (t->task_count == 0 || t->task_count > SU_TASKS_MAX)
        return "number of tasks";
    if (t->owner_share_ppm > SU_PPM || t->total == 0)
        return "share or total out of range";
    for (unsigned i = 0; i < t->task_count; i++)
        if (su_le16(t->rows_of_tasks + 2 * i) >= t->row_count)
            return "a task is given to a row that is not there";
    for (uint32_t i = 0; m->data != NULL && i < t->row_count; i++) {
        const uint8_t *row = m->data + (size_t)i * SU_WIRE_ROW_BYTES;
        if (su_le64(row + 64) != at || su_le64(row + 72) < at)
            return "ranges of the rows do not follow one another";
        at = su_le64(row + 72);
    }
    return m->data == NULL || at == t->total ? NULL : "ranges do not end at the total";
}

static const char *bad_vote(const struct su_wire_vote *x)
{
    if (x->question < SU_QUESTION_ASSIGN || x->question > SU_QUESTION_VERDICT)
        return "no such question";
    if (x->question == SU_QUESTION_ASSIGN)
        return x->task == SU_NO_TASK && x->attempt == 0 ? NULL : "task in a vote on all tasks";
    return x->task < SU_TASKS_MAX ? NULL : "task beyond the most a model has";
}

static const char *bad_refusal(const struct su_wire_refusal *r)
{
    if (r->code < SU_WIRE_REFUSED_FORMAT || r->code > SU_WIRE_REFUSED_FAILED)
        return "no such reason";
    if (r->text_bytes > SU_WIRE_TEXT_MAX)
        return "text is too long";
    for (size_t at = 0; at < r->text_bytes;) {
        size_t n = su_utf8_step(r->text + at, r->text_bytes - at);
        const uint8_t *c = (const uint8_t *)r->text + at;
        if (n == 0 || c[0] < 0x20 || c[0] == 0x7f || (c[0] == 0xc2 && c[1] < 0xa0))
            return "text is no UTF-8 or holds control characters";
        at += n;
    }
    return NULL;
}

static const char *bad_fields(const struct su_wire_message *m)
{
    const char *bad = NULL;

    switch (m->kind) {
    case SU_WIRE_ACTIVATION:
        return bad_activation(m);
    case SU_WIRE_INPUT:
        bad = bad_ref(&m->u.input.ref);
        return bad != NULL ? bad : m->u.input.external > 1 || m->data_bytes == 0 ? "input" : NULL;
    case SU_WIRE_TABLE:
        return bad_table(m);
    case SU_WIRE_ACK:
        return bad_ref(&m->u.ack.ref);
    case SU_WIRE_WANT:
        bad = bad_ref(&m->u.want.ref);
        if (bad == NULL &&
            (m->u.want.purpose < SU_WIRE_RECOVERY || m->u.want.purpose > SU_WIRE_CHECK))
            bad = "no such purpose";
        return bad != NULL ? bad
                           : bad_steps(m->u.want.step_first, m->u.want.step_count, SU_STEPS_MAX);
    case SU_WIRE_HEARTBEAT:
        return bad_heartbeat(&m->u.heartbeat);
    case SU_WIRE_VOTE:
        return bad_vote(&m->u.vote);
    case SU_WIRE_CANCEL:
        return m->u.cancel.reason < SU_WIRE_CLIENT_STOP || m->u.cancel.reason > SU_WIRE_CLIENT_GONE
                   ? "no such reason"
                   : NULL;
    default:
        return bad_refusal(&m->u.refusal);
    }
}

void wire_body_write(const struct su_wire_message *m, struct su_buf *out)
{
    struct su_wire_message copy = *m;
    struct visit v = {.out = out};

    visit(&v, &copy);
}

enum su_code wire_body_read(struct su_wire_message *m, const uint8_t *body, size_t n,
                            struct su_err *e)
{
    struct visit v = {.in = su_reader_of(body, n)};
    const char *name = wire_kind_of(m->kind)->name;

    visit(&v, m);
    if (v.in.failed)
        return su_fail(e, SU_ETRUNC, name, "body ends after %zu bytes, in the middle of a field",
                       n);
    if (su_read_left(&v.in) != 0 || v.gap)
        return su_fail(e, SU_EFORMAT, name, "%s",
                       v.gap ? "a gap of the body is not zero" : "body is longer than its fields");
    const char *bad = bad_fields(m);
    return bad == NULL ? SU_OK : su_fail(e, SU_EFORMAT, name, "%s", bad);
}
