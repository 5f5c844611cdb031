// SPDX-License-Identifier: MIT
#include "exchange_priv.h"

#include <string.h>

#define NS_PER_MS UINT64_C(1000000)

/* ---- frames that are asked for --------------------------------------------------------------- */

/* An answer while it is put together. */
struct serving {
    struct su_exchange *x;
    const struct su_wire_want *want;
    struct su_buf *answer;
    size_t start; /* of the answer */
    uint64_t taken; /* memory set aside */
    bool known, busy; /* task and port are; memory is short */
};

static bool full(const struct serving *s)
{
    return s->answer->len - s->start >= SU_EXCHANGE_ANSWER_BYTES;
}

/* Memory for n more bytes of the answer. */
static bool afford(struct serving *s, uint64_t n)
{
    if (!su_exchange_memory_take(s->x, n)) {
        s->busy = true;
        return false;
    }
    s->taken += n;
    return true;
}

/* Signs an INPUT frame around data of a check. */
static enum su_code wrap_input(struct serving *s, const struct su_buf *data, bool external,
                               struct su_err *e)
{
    const struct su_wire_message m = {.kind = SU_WIRE_INPUT,
                                      .data = data->data,
                                      .data_bytes = data->len,
                                      .u.input = {.ref = s->want->ref, .external = external}};

    return su_peer_frame(s->x->o.self, &m, s->answer, e);
}

/* Frames of a flow that hold steps first .. end - 1: as they are, or each in an INPUT frame. */
static enum su_code serve_flow(struct serving *s, struct su_flow *f, uint64_t first, uint64_t end,
                               bool wrap, struct su_err *e)
{
    uint32_t at = 0, record = 0;
    uint64_t last_end = 0, bytes = 0;
    enum su_code c = SU_OK;
    struct su_buf inner;

    su_buf_init(&inner, 0);
    while (c == SU_OK && !full(s) &&
           su_flow_next_frame(f, first, end, &at, &last_end, &record, &bytes)) {
        if (!afford(s, wrap ? 2 * bytes : bytes))
            break;
        su_buf_clear(&inner);
        c = su_journal_stream_get(f->stream, record, wrap ? &inner : s->answer, e);
        if (c == SU_OK && wrap)
            c = wrap_input(s, &inner, false, e);
    }
    su_buf_fini(&inner);
    return c;
}

static enum su_code serve_container(struct serving *s, struct su_err *e)
{
    struct su_buf container;
    uint64_t bytes;

    enum su_code c = su_exchange_container_bytes(s->x, s->want->ref.execution, &bytes, e);
    if (c == SU_ENOENT || (c == SU_OK && !afford(s, 2 * bytes)))
        return SU_OK; /* it may come; later */
    if (c != SU_OK)
        return c;
    su_buf_init(&container, 0);
    c = su_exchange_container_get(s->x, s->want->ref.execution, &container, e);
    if (c == SU_OK)
        c = wrap_input(s, &container, true, e);
    su_buf_fini(&container);
    return c;
}

/* What is known of an input, copied; false: nothing. */
static bool port_of(struct su_exchange *x, const struct su_wire_ref *r,
                    struct su_exchange_port *port)
{
    bool found = false;

    (void)pthread_mutex_lock(&x->lock);
    const struct su_exchange_run *run = su_run_find(x, r->execution);
    for (const struct su_parts *p = run != NULL ? run->parts : NULL; p != NULL; p = p->next) {
        if (p->task == r->task && p->attempt == r->attempt && r->port < p->n) {
            *port = p->port[r->port];
            found = true;
        }
    }
    (void)pthread_mutex_unlock(&x->lock);
    return found;
}

/* One attempt to answer; nothing is appended when nothing is there. */
static enum su_code collect(struct serving *s, struct su_err *e)
{
    const struct su_wire_want *w = s->want;
    uint64_t first = w->step_first, end = first + w->step_count;
    bool check = w->purpose == SU_WIRE_CHECK;
    struct su_exchange_port port = {
        .produced = true, .task = w->ref.task, .attempt = w->ref.attempt, .output = w->ref.port};
    enum su_code c = SU_OK;

    s->known = !check || port_of(s->x, &w->ref, &port);
    if (!s->known)
        return SU_OK;
    struct su_wire_ref source = w->ref;
    source.task = port.task;
    source.attempt = port.attempt;
    source.port = port.output;
    struct su_flow *f = port.produced ? su_exchange_flow_of(s->x, &source) : NULL;
    s->known = f != NULL || port.external;
    if (port.external && (f == NULL || first < (uint64_t)f->first + port.shift))
        c = serve_container(s, e);
    if (c == SU_OK && f != NULL && end > port.shift)
        c = serve_flow(s, f, first - SU_MIN(first, (uint64_t)port.shift), end - port.shift, check,
                       e);
    su_flow_close(f);
    return c;
}

static bool something(const struct serving *s)
{
    return s->answer->len > s->start;
}

/* Waits for frames until the time is over. False: there are as many waiting as may. */
static bool await(struct serving *s, uint32_t wait_ms, enum su_code *c, struct su_err *e)
{
    struct su_exchange *x = s->x;
    uint64_t until = su_clock_mono_ns() + wait_ms * NS_PER_MS;

    (void)pthread_mutex_lock(&x->lock);
    bool may = x->n_waiter < x->o.waiters_max;
    x->n_waiter += may;
    while (may && !x->stopping && su_clock_mono_ns() < until) {
        uint64_t seen = x->changes;
        (void)pthread_mutex_unlock(&x->lock);
        *c = collect(s, e);
        bool over = *c != SU_OK || s->busy || something(s);
        (void)pthread_mutex_lock(&x->lock);
        if (over || su_run_find(x, s->want->ref.execution) == NULL)
            break;
        su_exchange_wait_change(x, NULL, seen, until);
    }
    x->n_waiter -= may;
    (void)pthread_mutex_unlock(&x->lock);
    return may;
}

/* Who asks may ask, now, for the first time; 0 or the refusal. */
static unsigned admit(struct su_exchange *x, const struct su_wire_frame *f, struct su_err *e)
{
    const struct su_wire_expect expect = {.scope = *su_peer_self_scope(x->o.self),
                                          .kind = SU_WIRE_WANT};
    const struct su_wire_want *w = &f->m.u.want;

    enum su_code c = su_wire_verify(f, &expect, e);
    if (c != SU_OK)
        return su_exchange_refusal_of(c);
    (void)pthread_mutex_lock(&x->lock);
    const struct su_exchange_run *run = su_run_find(x, w->ref.execution);
    bool open = run != NULL && run->request_slot == w->ref.request_slot;
    (void)pthread_mutex_unlock(&x->lock);
    if (!open) {
        su_exchange_unknown(x, w->ref.execution);
        (void)su_fail(e, SU_ENOENT, "want", "this node has no part in this execution (yet)");
        return SU_WIRE_REFUSED_SCOPE;
    }
    if (x->o.may == NULL || !x->o.may(x->o.ctx, w, f->sender)) {
        (void)su_fail(e, SU_EACCES, "want", "who asks has no part in this");
        return SU_WIRE_REFUSED_SENDER;
    }
    (void)pthread_mutex_lock(&x->lock);
    c = su_wire_guard_admit(x->guard, f->sender, f->stamp, su_clock_wall_ms(), e);
    (void)pthread_mutex_unlock(&x->lock);
    if (c == SU_ETIMEOUT)
        return SU_WIRE_REFUSED_TIME;
    if (c == SU_EEXIST)
        return SU_WIRE_REFUSED_REPLAY;
    return c == SU_OK ? 0 : SU_WIRE_REFUSED_BUSY;
}

/* 0 when the answer is there, else the refusal. */
static unsigned serve(struct serving *s, uint32_t wait_ms, struct su_err *e)
{
    enum su_code c = collect(s, e);

    if (c == SU_OK && !s->busy && !something(s) && wait_ms != 0 && !await(s, wait_ms, &c, e)) {
        (void)su_fail(e, SU_EBUSY, "want", "too many wait here: come back later");
        return SU_WIRE_REFUSED_BUSY;
    }
    if (c != SU_OK) {
        su_log(SU_LOG_WARN, "exchange", "a request for frames cannot be answered: %s", e->msg);
        return SU_WIRE_REFUSED_FAILED;
    }
    if (something(s))
        return 0;
    if (s->busy) {
        (void)su_fail(e, SU_EBUSY, "want", "too much is under way here: come back later");
        return SU_WIRE_REFUSED_BUSY;
    }
    (void)su_fail(e, SU_ENOENT, "want",
                  s->known ? "none of these steps is here yet" : "no such task or port here yet");
    return SU_WIRE_REFUSED_MISSING;
}

void su_exchange_serve(struct su_exchange *x, const void *want, size_t n, uint32_t wait_ms,
                       struct su_buf *answer)
{
    struct serving s = {.x = x, .answer = answer, .start = answer->len};
    struct su_wire_frame f;
    struct su_err e = {0};

    if (su_wire_parse(want, n, &f, &e) != SU_OK) {
        su_exchange_refuse(x, NULL, SU_WIRE_REFUSED_FORMAT, &e, answer);
        return;
    }
    if (f.m.kind != SU_WIRE_WANT) {
        (void)su_fail(&e, SU_ETYPE, "want", "a %s asks for nothing", su_wire_kind_name(f.m.kind));
        su_exchange_refuse(x, &f, SU_WIRE_REFUSED_FORMAT, &e, answer);
        return;
    }
    s.want = &f.m.u.want;
    unsigned refusal = admit(x, &f, &e);
    if (refusal == 0)
        refusal = serve(&s, SU_MIN(wait_ms, SU_PEER_WAIT_MS_MAX), &e);
    su_exchange_memory_give(x, s.taken);
    if (refusal == 0)
        return;
    answer->len = s.start;
    su_exchange_refuse(x, &f, refusal, &e, answer);
}
