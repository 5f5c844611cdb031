// SPDX-License-Identifier: MIT
/* Frames that come, or are fetched. One that comes over a connection that brought frames of its producer
   before is offered while it is verified: a step may then be computed, but nothing of it given away. */
#include "exchange_priv.h"

#include <stdlib.h>
#include <string.h>

void su_exchange_refuse(struct su_exchange *x, const struct su_wire_frame *f, unsigned code,
                        const struct su_err *why, struct su_buf *answer)
{
    struct su_err e;

    if (su_peer_refuse(x->o.self, f, (enum su_wire_refusal_code)code, why->msg, answer, &e) !=
        SU_OK)
        su_log(SU_LOG_WARN, "exchange", "a refusal cannot be made: %s", e.msg);
}

unsigned su_exchange_refusal_of(enum su_code c)
{
    return c == SU_EACCES ? SU_WIRE_REFUSED_SIGNATURE : SU_WIRE_REFUSED_FORMAT;
}

struct su_flow *su_exchange_flow_of(struct su_exchange *x, const struct su_wire_ref *r)
{
    struct su_flow *f = NULL;

    (void)pthread_mutex_lock(&x->lock);
    struct su_exchange_run *run = su_run_find(x, r->execution);
    if (run != NULL && run->request_slot == r->request_slot)
        f = su_flow_find(run, r->task, r->attempt, r->port);
    (void)pthread_mutex_unlock(&x->lock);
    return f;
}

/* ---- whom a connection brings frames of ------------------------------------------------------ */

/* Under the lock. */
static bool knows(const struct su_exchange *x, uint64_t connection, const uint8_t producer[32])
{
    bool known = false;

    for (unsigned i = 0; i < EXCHANGE_KNOWN && !known; i++)
        known =
            x->known[i].connection == connection && memcmp(x->known[i].producer, producer, 32) == 0;
    return known;
}

static bool is_known(struct su_exchange *x, uint64_t connection, const uint8_t producer[32])
{
    (void)pthread_mutex_lock(&x->lock);
    bool known = connection != 0 && knows(x, connection, producer);
    (void)pthread_mutex_unlock(&x->lock);
    return known;
}

/* A frame that was not here before came over the connection and is the producer's: who has heard frames
   of others only repeats them. */
static void learn(struct su_exchange *x, uint64_t connection, const uint8_t producer[32])
{
    (void)pthread_mutex_lock(&x->lock);
    if (connection != 0 && !knows(x, connection, producer)) {
        struct su_exchange_known *k = &x->known[x->n_known++ % EXCHANGE_KNOWN];
        k->connection = connection;
        memcpy(k->producer, producer, 32);
    }
    (void)pthread_mutex_unlock(&x->lock);
}

static void forget(struct su_exchange *x, uint64_t connection)
{
    (void)pthread_mutex_lock(&x->lock);
    for (unsigned i = 0; i < EXCHANGE_KNOWN; i++)
        if (x->known[i].connection == connection)
            x->known[i].connection = 0;
    (void)pthread_mutex_unlock(&x->lock);
}

/* ---- taking ---------------------------------------------------------------------------------- */

/* A frame on its way into its flow. */
struct taking {
    const struct su_wire_frame *frame;
    const void *bytes;
    size_t n;
    struct su_flow *flow; /* with a reference and memory set aside; NULL: refused */
    uint64_t offer; /* 0: it was not offered */
    bool added;
    unsigned refusal;
    struct su_err why;
};

/* Verifies and adds; 0 or the refusal. believed: of the frames before it, NULL: it was verified. */
static unsigned accept_frame(struct taking *t, struct su_wire_believed *believed)
{
    struct su_flow *f = t->flow;
    const struct su_wire_expect x = {.scope = *su_peer_self_scope(f->x->o.self),
                                     .sender = f->producer};
    uint8_t digest[32];
    unsigned refusal = su_flow_fits(f, &t->frame->m.u.activation, &t->why);

    if (refusal != 0)
        return refusal;
    su_wire_digest(t->frame, &x.scope, digest);
    /* Of an offer the rows count, not only the head that the digest is taken over. */
    if (t->offer == 0 && su_flow_holds(f, digest))
        return 0;
    enum su_code c =
        believed == NULL ? SU_OK : su_wire_verify_next(t->frame, &x, believed, &t->why);
    if (c != SU_OK)
        return su_exchange_refusal_of(c);
    refusal = su_flow_check_leaves(f, t->frame, &t->why);
    return refusal != 0 ? refusal
                        : su_flow_insert(f, t->frame, t->bytes, t->n, digest, &t->added, &t->why);
}

/* Finds its flow; else why it is refused. */
static void find_flow(struct su_exchange *x, struct taking *t)
{
    const struct su_wire_activation *a = &t->frame->m.u.activation;
    struct su_flow *f = NULL;

    if (t->frame->m.kind != SU_WIRE_ACTIVATION) {
        (void)su_fail(&t->why, SU_ETYPE, "frame", "a %s is not taken here",
                      su_wire_kind_name(t->frame->m.kind));
        t->refusal = SU_WIRE_REFUSED_FORMAT;
        return;
    }
    f = su_exchange_flow_of(x, &a->ref);
    if (f == NULL) {
        su_exchange_unknown(x, a->ref.execution);
        (void)su_fail(&t->why, SU_ENOENT, "frame",
                      "this output has no part in anything here (yet)");
        t->refusal = SU_WIRE_REFUSED_SCOPE;
    } else if (f->own || memcmp(f->producer, t->frame->sender, 32) != 0) {
        (void)su_fail(&t->why, SU_EACCES, "frame", "the task is given to another node");
        t->refusal = SU_WIRE_REFUSED_SENDER;
    } else if (!su_exchange_memory_take(x, t->n)) {
        (void)su_fail(&t->why, SU_EBUSY, "frame", "too much is under way here: come back later");
        t->refusal = SU_WIRE_REFUSED_BUSY;
    } else {
        t->flow = f;
        return;
    }
    su_flow_close(f);
}

/* The frames that lie one after the other in a body; 0: it is something else. */
static uint32_t take_apart(const uint8_t *body, size_t n,
                           struct su_wire_frame f[SU_PEER_TOGETHER_MAX], struct su_err *e)
{
    uint32_t count = 0;

    if (n == 0)
        (void)su_fail(e, SU_EFORMAT, "frame", "the body is empty");
    for (size_t at = 0; at < n; count++) {
        uint64_t bytes = n - at;
        if (count == SU_PEER_TOGETHER_MAX) {
            (void)su_fail(e, SU_ELIMIT, "frame", "more than %u together", SU_PEER_TOGETHER_MAX);
            return 0;
        }
        if (n - at >= SU_WIRE_HEAD_BYTES && su_wire_frame_bytes(body + at, &bytes, e) != SU_OK)
            return 0;
        bytes = SU_MIN(bytes, (uint64_t)(n - at));
        if (su_wire_parse(body + at, (size_t)bytes, &f[count], e) != SU_OK)
            return 0;
        at += (size_t)bytes;
    }
    return count;
}

static void acknowledge(struct su_exchange *x, const struct su_wire_frame *f, uint32_t n,
                        struct su_buf *answer)
{
    struct su_err e;

    if (su_peer_ack_all(x->o.self, f, n, answer, &e) != SU_OK)
        su_log(SU_LOG_WARN, "exchange", "an acknowledgement cannot be made: %s", e.msg);
}

/* Tells who waits for the executions of those frames that `which` is true of, each once when its frames
   follow on one another. */
static void tell(struct su_exchange *x, const struct taking *t, uint32_t n,
                 bool (*which)(const struct taking *t))
{
    const uint8_t *told = NULL;

    for (uint32_t i = 0; i < n; i++) {
        const uint8_t *execution = t[i].frame->m.u.activation.ref.execution;
        if (!which(&t[i]) || (told != NULL && memcmp(told, execution, 32) == 0))
            continue;
        su_run_changed(x, execution);
        told = execution;
    }
}

static bool was_offered(const struct taking *t)
{
    return t->offer != 0;
}

static bool is_news(const struct taking *t)
{
    return t->added || t->offer != 0;
}

/* Offers what may be offered. All of it before any is verified: what comes together is used together. */
static void offer_all(struct su_exchange *x, uint64_t connection, struct taking *t, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (t[i].flow != NULL && is_known(x, connection, t[i].flow->producer) &&
            su_flow_fits(t[i].flow, &t[i].frame->m.u.activation, NULL) == 0)
            t[i].offer = su_flow_offer(t[i].flow, t[i].frame);
    tell(x, t, n, was_offered);
}

static void accept_all(struct su_exchange *x, uint64_t connection, struct taking *t, uint32_t n)
{
    struct su_wire_believed believed = {.any = false};

    for (uint32_t i = 0; i < n; i++) {
        if (t[i].flow == NULL)
            continue;
        t[i].refusal = accept_frame(&t[i], &believed);
        if (t[i].offer != 0)
            su_flow_settle(t[i].flow, t[i].offer, t[i].refusal == 0);
        if (t[i].added)
            learn(x, connection, t[i].flow->producer);
        else if (t[i].refusal != 0)
            forget(x, connection);
        su_exchange_memory_give(x, t[i].n);
        su_flow_close(t[i].flow);
    }
    tell(x, t, n, is_news);
}

void su_exchange_take(struct su_exchange *x, uint64_t connection, const void *body, size_t n,
                      struct su_buf *answer)
{
    struct su_wire_frame f[SU_PEER_TOGETHER_MAX];
    struct su_err e = {0};
    bool all = true;

    uint32_t count = take_apart(body, n, f, &e);
    if (count == 0) {
        su_exchange_refuse(x, NULL, SU_WIRE_REFUSED_FORMAT, &e, answer);
        return;
    }
    struct taking *t = su_alloc(count * sizeof *t);
    for (uint32_t i = 0; i < count; i++) {
        size_t end = i + 1 < count ? (size_t)(f[i + 1].head - f[i].head)
                                   : n - (size_t)(f[i].head - (const uint8_t *)body);
        t[i] = (struct taking){.frame = &f[i], .bytes = f[i].head, .n = end};
        find_flow(x, &t[i]);
    }
    offer_all(x, connection, t, count);
    accept_all(x, connection, t, count);
    for (uint32_t i = 0; i < count; i++)
        all = all && t[i].refusal == 0;
    if (all)
        acknowledge(x, f, count, answer);
    for (uint32_t i = 0; i < count && !all; i++)
        if (t[i].refusal != 0)
            su_exchange_refuse(x, &f[i], t[i].refusal, &t[i].why, answer);
        else
            acknowledge(x, &f[i], 1, answer);
    free(t);
}

/* ---- fetching -------------------------------------------------------------------------------- */

enum su_code su_flow_fetch(struct su_flow *f, const char *endpoint, uint32_t wait_ms,
                           const struct su_peer_call *call, struct su_err *e)
{
    uint32_t have = su_flow_have(f);
    struct su_peer_want w = {.wait_ms = wait_ms, .sender = f->producer};
    struct su_wire_frame frame;
    bool any = false;
    struct su_buf frames;
    size_t at = 0, before = 0;

    if (have == f->end)
        return su_fail(e, SU_ENOENT, f->name, "all its steps are here");
    w.want = (struct su_wire_want){.ref = {.execution = f->run->execution,
                                           .request_slot = f->run->request_slot,
                                           .task = f->task,
                                           .attempt = f->attempt,
                                           .port = f->output},
                                   .step_first = have,
                                   .step_count = f->end - have,
                                   .purpose = SU_WIRE_RECOVERY};
    su_buf_init(&frames, 0);
    enum su_code c = su_peer_want(f->x->o.self, endpoint, &w, call, &frames, NULL, e);
    while (c == SU_OK && su_peer_next(&frames, &at, &frame)) {
        struct taking t = {
            .frame = &frame, .bytes = frames.data + before, .n = at - before, .flow = f};
        if (accept_frame(&t, NULL) != 0) {
            c = t.why.code != SU_OK ? t.why.code : SU_EFORMAT;
            if (e != NULL)
                *e = t.why;
        }
        any |= t.added;
        before = at;
    }
    su_buf_fini(&frames);
    if (any)
        su_run_changed(f->x, f->run->execution);
    if (c == SU_OK && su_flow_have(f) == have)
        return su_fail(e, SU_ENOENT, f->name, "nothing new came");
    return c;
}
