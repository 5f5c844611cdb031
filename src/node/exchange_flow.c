// SPDX-License-Identifier: MIT
#include "exchange_priv.h"

#include "graph/graph.h"

#include <stdlib.h>
#include <string.h>

enum { POLL_MS = 50, OTHERS_MAX = 8, FRAME_OVERHEAD_BYTES = 512 };
enum { DIRECT_BYTES = 65536 }; /* that a dispatch gave are written by its own thread */
#define NS_PER_MS UINT64_C(1000000)
#define SLACK_BYTES (UINT64_C(1) << 20)

/* ---- index; under the flow's lock ------------------------------------------------------------ */

/* Number of the first piece that ends beyond `step`. */
static uint32_t piece_at(const struct su_flow *f, uint64_t step)
{
    uint32_t lo = 0, hi = f->n_piece;

    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if ((uint64_t)f->piece[mid].step + f->piece[mid].count <= step)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static const uint8_t *leaf_of(const struct su_flow *f, const struct su_piece *p, uint32_t step)
{
    const struct su_held *h = &f->held[p->held];

    return h->leaves + 32 * (size_t)(step - h->first);
}

/* How many of n leaves from `step` on are here already; *differs: the first step whose leaf here is
   another, else UINT32_MAX. */
static uint32_t compare(const struct su_flow *f, uint32_t step, uint32_t n, const uint8_t *leaves,
                        uint32_t *differs)
{
    uint32_t known = 0, end = step + n;

    *differs = UINT32_MAX;
    for (uint32_t i = piece_at(f, step); i < f->n_piece && f->piece[i].step < end; i++) {
        const struct su_piece *p = &f->piece[i];
        uint32_t from = SU_MAX(p->step, step), to = SU_MIN(p->step + p->count, end);
        for (uint32_t s = from; s < to; s++) {
            known++;
            if (memcmp(leaf_of(f, p, s), leaves + 32 * (size_t)(s - step), 32) != 0) {
                *differs = s;
                return known;
            }
        }
    }
    return known;
}

static bool grow(void **array, uint32_t *cap, uint32_t need, size_t size)
{
    if (need <= *cap)
        return true;
    uint32_t more = SU_MAX(*cap * 2, SU_MAX(need, 16u));
    void *p = realloc(*array, more * size);
    if (p == NULL)
        return false;
    *array = p;
    *cap = more;
    return true;
}

/* Memory for what index_frame adds, so that it cannot fail once the journal has the frame. */
static uint8_t *index_room(struct su_flow *f, uint32_t count)
{
    if (!grow((void **)&f->held, &f->cap_held, f->n_held + 1, sizeof *f->held) ||
        !grow((void **)&f->piece, &f->cap_piece, f->n_piece + count, sizeof *f->piece))
        return NULL;
    return su_try_alloc(count, 32);
}

static void piece_insert(struct su_flow *f, uint32_t at, struct su_piece p)
{
    memmove(f->piece + at + 1, f->piece + at, (f->n_piece - at) * sizeof *f->piece);
    f->piece[at] = p;
    f->n_piece++;
}

/* Adds a frame: pieces for the steps that were not here. Takes `leaves` (index_room). */
static void index_frame(struct su_flow *f, const struct su_held *h)
{
    uint32_t number = f->n_held, step = h->first, end = h->first + h->count;

    f->held[f->n_held++] = *h;
    while (step < end) {
        uint32_t i = piece_at(f, step);
        uint32_t next = i < f->n_piece ? f->piece[i].step : UINT32_MAX;
        if (next <= step) {
            step = f->piece[i].step + f->piece[i].count;
            continue;
        }
        uint32_t stop = SU_MIN(next, end);
        piece_insert(f, i, (struct su_piece){step, stop - step, number});
        step = stop;
    }
    for (uint32_t i = piece_at(f, f->have); i < f->n_piece && f->piece[i].step <= f->have; i++)
        f->have = f->piece[i].step + f->piece[i].count;
}

/* ---- taking frames --------------------------------------------------------------------------- */

unsigned su_flow_fits(const struct su_flow *f, const struct su_wire_activation *a, struct su_err *e)
{
    if (a->dtype != f->dtype || a->rank != f->rank || memcmp(a->dims, f->dims, sizeof f->dims) != 0)
        (void)su_fail(e, SU_ETYPE, "frame", "another type or shape than this output has");
    else if (a->step_first < f->first || a->step_first + a->step_count > f->end)
        (void)su_fail(e, SU_ETYPE, "frame", "steps %u to %u of an output with %u to %u",
                      a->step_first, a->step_first + a->step_count - 1, f->first, f->end - 1);
    else
        return 0;
    return SU_WIRE_REFUSED_FORMAT;
}

static void report(struct su_flow *f, uint32_t step, bool wrong_leaf)
{
    struct su_exchange_evidence ev = {.task = f->task,
                                      .attempt = f->attempt,
                                      .output = f->output,
                                      .step = step,
                                      .wrong_leaf = wrong_leaf};

    (void)pthread_mutex_lock(&f->lock);
    bool first = !f->accused;
    f->accused = true;
    (void)pthread_mutex_unlock(&f->lock);
    memcpy(ev.execution, f->run->execution, 32);
    memcpy(ev.producer, f->producer, 32);
    if (first && f->x->o.evidence != NULL)
        f->x->o.evidence(f->x->o.ctx, &ev);
}

unsigned su_flow_check_leaves(struct su_flow *f, const struct su_wire_frame *frame,
                              struct su_err *e)
{
    const struct su_wire_activation *a = &frame->m.u.activation;
    uint8_t leaf[32];

    for (uint32_t i = 0; i < a->step_count; i++) {
        const struct su_bytes row = {frame->m.data + i * f->row_bytes, (size_t)f->row_bytes};
        su_leaf_digest(a->step_first + i, &row, 1, leaf);
        if (memcmp(leaf, a->leaves + 32 * (size_t)i, 32) != 0) {
            (void)su_fail(e, SU_EDIGEST, "frame", "the leaf of step %u is not that of its row",
                          a->step_first + i);
            report(f, a->step_first + i, true);
            return SU_WIRE_REFUSED_FORMAT;
        }
    }
    return 0;
}

bool su_flow_holds(struct su_flow *f, const uint8_t digest[32])
{
    bool holds = false;

    (void)pthread_mutex_lock(&f->lock);
    for (uint32_t i = f->n_held; i > 0 && !holds; i--)
        holds = memcmp(f->held[i - 1].digest, digest, 32) == 0;
    (void)pthread_mutex_unlock(&f->lock);
    return holds;
}

/* Keeps a frame that says something else than one before. Under the lock. */
static void keep_other(struct su_flow *f, const void *bytes, size_t n)
{
    char name[sizeof f->name + 8];
    struct su_err e = {0};
    enum su_code c = SU_OK;

    snprintf(name, sizeof name, "%s.other", f->name);
    if (f->other == NULL)
        c = su_journal_stream_open(f->x->o.journal, f->run->execution, name, &f->other, &e);
    if (c == SU_OK && su_journal_stream_count(f->other) < OTHERS_MAX)
        c = su_journal_stream_append(f->other, bytes, n, &e);
    if (c != SU_OK)
        su_log(SU_LOG_WARN, "exchange", "%s: evidence not kept: %s", name, e.msg);
}

/* How much a flow may take on the disk: frames may overlap, but not without end. */
static bool too_much(const struct su_flow *f, size_t n)
{
    uint64_t most;

    if (!su_mul_u64((uint64_t)(f->end - f->first) * 2, f->row_bytes + FRAME_OVERHEAD_BYTES,
                    &most) ||
        !su_add_u64(most, SLACK_BYTES, &most))
        return false;
    return su_journal_stream_bytes(f->stream) + n > most;
}

/* Under the lock. *differs as `compare`. */
static unsigned insert(struct su_flow *f, const struct su_wire_frame *frame, const void *bytes,
                       size_t n, const uint8_t digest[32], bool *added, uint32_t *differs,
                       struct su_err *e)
{
    const struct su_wire_activation *a = &frame->m.u.activation;
    struct su_held h = {.first = a->step_first,
                        .count = a->step_count,
                        .record = su_journal_stream_count(f->stream),
                        .bytes = n,
                        .rows_at = SU_WIRE_HEAD_BYTES + frame->body_bytes + frame->path_bytes};

    uint32_t known = compare(f, a->step_first, a->step_count, a->leaves, differs);
    if (*differs != UINT32_MAX) {
        keep_other(f, bytes, n);
        (void)su_fail(e, SU_EDIGEST, "frame", "the row of step %u was another before", *differs);
        return SU_WIRE_REFUSED_FORMAT;
    }
    if (known == a->step_count)
        return 0;
    if (too_much(f, n)) {
        (void)su_fail(e, SU_ELIMIT, "frame", "more overlapping frames than are kept");
        return SU_WIRE_REFUSED_BUSY;
    }
    memcpy(h.digest, digest, 32);
    h.leaves = index_room(f, a->step_count);
    if (h.leaves == NULL) {
        (void)su_fail(e, SU_ENOMEM, "frame", "no memory");
        return SU_WIRE_REFUSED_BUSY;
    }
    memcpy(h.leaves, a->leaves, 32 * (size_t)a->step_count);
    enum su_code c = su_journal_stream_append(f->stream, bytes, n, e);
    if (c != SU_OK) {
        free(h.leaves);
        return c == SU_ENOSPC ? SU_WIRE_REFUSED_BUSY : SU_WIRE_REFUSED_FAILED;
    }
    index_frame(f, &h);
    *added = true;
    return 0;
}

unsigned su_flow_insert(struct su_flow *f, const struct su_wire_frame *frame, const void *bytes,
                        size_t n, const uint8_t digest[32], bool *added, struct su_err *e)
{
    uint32_t differs = UINT32_MAX;

    *added = false;
    (void)pthread_mutex_lock(&f->lock);
    unsigned refusal = insert(f, frame, bytes, n, digest, added, &differs, e);
    if (*added && !f->own) {
        f->received++;
        f->received_bytes += n;
    }
    (void)pthread_mutex_unlock(&f->lock);
    if (differs != UINT32_MAX)
        report(f, differs, false);
    return refusal;
}

/* ---- opening --------------------------------------------------------------------------------- */

/* The frames of the journal, by their heads and bodies. */
static enum su_code load(struct su_flow *f, struct su_err *e)
{
    const struct su_wire_scope *scope = su_peer_self_scope(f->x->o.self);
    uint32_t n = su_journal_stream_count(f->stream);
    enum su_code c = SU_OK;
    struct su_buf b;

    su_buf_init(&b, 0);
    for (uint32_t i = 0; c == SU_OK && i < n; i++) {
        struct su_wire_frame frame;
        uint32_t differs;
        uint64_t all = 0;
        size_t parts = SU_WIRE_HEAD_BYTES;
        su_buf_clear(&b);
        if (!su_buf_reserve(&b, SU_WIRE_HEAD_BYTES + (65u << 10))) {
            c = su_fail(e, SU_ENOMEM, f->name, "no memory");
            break;
        }
        c = su_journal_stream_read(f->stream, i, 0, b.data, parts, e);
        if (c == SU_OK)
            c = su_wire_frame_bytes(b.data, &all, e);
        if (c == SU_OK) {
            parts = (size_t)(all - su_le32(b.data + 12));
            c = su_journal_stream_read(f->stream, i, 0, b.data, parts, e);
        }
        if (c == SU_OK)
            c = su_wire_parse_evidence(b.data, parts, &frame, e);
        if (c != SU_OK)
            break;
        const struct su_wire_activation *a = &frame.m.u.activation;
        if (frame.m.kind != SU_WIRE_ACTIVATION || memcmp(frame.sender, f->producer, 32) != 0 ||
            a->ref.task != f->task || a->ref.attempt != f->attempt || a->ref.port != f->output ||
            a->ref.request_slot != f->run->request_slot || su_flow_fits(f, a, e) != 0) {
            c = su_fail(e, SU_ETYPE, f->name,
                        "its frames are of another producer, type or request");
            break;
        }
        if (compare(f, a->step_first, a->step_count, a->leaves, &differs) == a->step_count ||
            differs != UINT32_MAX)
            continue;
        struct su_held h = {.first = a->step_first,
                            .count = a->step_count,
                            .record = i,
                            .bytes = all,
                            .rows_at = SU_WIRE_HEAD_BYTES + frame.body_bytes + frame.path_bytes,
                            .leaves = index_room(f, a->step_count)};
        if (h.leaves == NULL) {
            c = su_fail(e, SU_ENOMEM, f->name, "no memory");
            break;
        }
        memcpy(h.leaves, a->leaves, 32 * (size_t)a->step_count);
        su_wire_digest(&frame, scope, h.digest);
        index_frame(f, &h);
    }
    su_buf_fini(&b);
    return c;
}

void su_flow_free(struct su_flow *f)
{
    su_journal_stream_close(f->stream);
    su_journal_stream_close(f->other);
    for (uint32_t i = 0; i < f->n_held; i++)
        free(f->held[i].leaves);
    free(f->held);
    free(f->piece);
    (void)pthread_mutex_destroy(&f->lock);
    (void)pthread_mutex_destroy(&f->line_lock);
    free(f);
}

static enum su_code flow_new(struct su_exchange *x, struct su_exchange_run *run,
                             const struct su_flow_opts *o, uint64_t row_bytes, struct su_flow **out,
                             struct su_err *e)
{
    struct su_flow *f = su_alloc(sizeof *f);

    f->x = x;
    f->run = run;
    memcpy(f->producer, o->producer, 32);
    f->task = o->task;
    f->attempt = o->attempt;
    f->output = o->output;
    f->dtype = o->dtype;
    f->rank = o->rank;
    memcpy(f->dims, o->dims, sizeof f->dims);
    f->first = f->have = o->first;
    f->end = o->end;
    f->row_bytes = row_bytes;
    f->own = memcmp(o->producer, su_peer_self_key(x->o.self), 32) == 0;
    (void)pthread_mutex_init(&f->lock, NULL);
    (void)pthread_mutex_init(&f->line_lock, NULL);
    snprintf(f->name, sizeof f->name, "%u.%u.%u", o->task, o->attempt, o->output);
    enum su_code c = su_journal_stream_open(x->o.journal, run->execution, f->name, &f->stream, e);
    if (c == SU_OK)
        c = load(f, e);
    if (c != SU_OK) {
        su_flow_free(f);
        return c;
    }
    *out = f;
    return SU_OK;
}

struct su_flow *su_flow_find(struct su_exchange_run *run, uint16_t task, uint8_t attempt,
                             uint8_t output)
{
    struct su_flow *f = run->flows;

    while (f != NULL && (f->task != task || f->attempt != attempt || f->output != output))
        f = f->next;
    if (f != NULL) {
        f->refs++;
        run->refs++;
    }
    return f;
}

static bool same(const struct su_flow *f, const struct su_flow_opts *o)
{
    return memcmp(f->producer, o->producer, 32) == 0 && f->dtype == o->dtype &&
           f->rank == o->rank && memcmp(f->dims, o->dims, sizeof f->dims) == 0 &&
           f->first == o->first && f->end == o->end;
}

/* Under open_lock. */
static enum su_code flow_open(struct su_exchange *x, const struct su_flow_opts *o,
                              uint64_t row_bytes, struct su_flow **out, struct su_err *e)
{
    struct su_flow *f = NULL;
    enum su_code c = SU_OK;

    (void)pthread_mutex_lock(&x->lock);
    struct su_exchange_run *run = su_run_find(x, o->execution);
    if (run != NULL) {
        f = su_flow_find(run, o->task, o->attempt, o->output);
        run->refs += f == NULL;
    }
    (void)pthread_mutex_unlock(&x->lock);
    if (run == NULL)
        return su_fail(e, SU_ENOENT, "flow", "its execution is not open");
    if (f != NULL && !same(f, o)) {
        su_flow_close(f);
        return su_fail(e, SU_ETYPE, "flow", "output %u of task %u is open with other properties",
                       o->output, o->task);
    }
    if (f == NULL) {
        c = flow_new(x, run, o, row_bytes, &f, e);
        (void)pthread_mutex_lock(&x->lock);
        if (c == SU_OK && run->leaving)
            c = su_fail(e, SU_ECANCELLED, "flow", "its execution was left");
        else if (c == SU_OK) {
            f->refs = 1;
            f->next = run->flows;
            run->flows = f;
        }
        (void)pthread_mutex_unlock(&x->lock);
        if (c != SU_OK) {
            if (f != NULL)
                su_flow_free(f);
            su_run_release(x, run);
            return c;
        }
    }
    *out = f;
    return SU_OK;
}

enum su_code su_flow_open(struct su_exchange *x, const struct su_flow_opts *o, struct su_flow **out,
                          struct su_err *e)
{
    struct su_wire_activation a = {.dtype = o->dtype, .rank = o->rank};

    *out = NULL;
    memcpy(a.dims, o->dims, sizeof a.dims);
    uint64_t row_bytes = su_wire_row_bytes(&a);
    if (row_bytes == 0 || row_bytes > SU_FLOW_FRAME_BYTES || o->first >= o->end ||
        o->end > SU_STEPS_MAX || o->task >= SU_TASKS_MAX || o->output >= SU_PORTS_MAX)
        return su_fail(e, SU_EINVAL, "flow",
                       "a row of %llu bytes (1 to %u), steps %u to %u, task %u, output %u",
                       (unsigned long long)row_bytes, SU_FLOW_FRAME_BYTES, o->first, o->end,
                       o->task, o->output);
    (void)pthread_mutex_lock(&x->open_lock);
    enum su_code c = flow_open(x, o, row_bytes, out, e);
    (void)pthread_mutex_unlock(&x->open_lock);
    if (c == SU_OK)
        su_run_changed(x, o->execution);
    return c;
}

void su_flow_close(struct su_flow *f)
{
    if (f == NULL)
        return;
    struct su_exchange *x = f->x;
    struct su_exchange_run *run = f->run;
    (void)pthread_mutex_lock(&x->lock);
    f->refs--;
    (void)pthread_mutex_unlock(&x->lock);
    su_run_release(x, run);
}

/* ---- using ----------------------------------------------------------------------------------- */

uint32_t su_flow_have(struct su_flow *f)
{
    (void)pthread_mutex_lock(&f->lock);
    uint32_t have = f->have;
    (void)pthread_mutex_unlock(&f->lock);
    return have;
}

uint64_t su_flow_row_bytes(const struct su_flow *f)
{
    return f->row_bytes;
}

static bool met(const struct su_flow_need *need, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if ((need[i].offered ? su_flow_offered(need[i].flow) : su_flow_have(need[i].flow)) <
            need[i].have)
            return false;
    return true;
}

enum su_code su_flow_wait(struct su_exchange *x, const struct su_flow_need *need, uint32_t n,
                          uint32_t timeout_ms, bool (*cancelled)(void *ctx), void *ctx,
                          struct su_err *e)
{
    uint64_t now = su_clock_mono_ns(), deadline = now + timeout_ms * NS_PER_MS;
    enum su_code c = SU_ETIMEOUT;

    if (n == 0)
        return SU_OK;
    (void)pthread_mutex_lock(&x->lock);
    struct su_exchange_run *run = need[0].flow->run;
    for (;;) {
        uint64_t seen = run->changes;
        if (x->stopping || run->leaving || run->cancelled)
            c = SU_ECANCELLED;
        else if (met(need, n))
            c = SU_OK;
        if (c != SU_ETIMEOUT || now >= deadline)
            break;
        su_exchange_wait_change(x, run, seen,
                                cancelled != NULL ? SU_MIN(deadline, now + POLL_MS * NS_PER_MS)
                                                  : deadline);
        now = su_clock_mono_ns();
        if (cancelled != NULL) {
            (void)pthread_mutex_unlock(&x->lock);
            bool stop = cancelled(ctx);
            (void)pthread_mutex_lock(&x->lock);
            if (stop) {
                c = SU_ECANCELLED;
                break;
            }
        }
    }
    (void)pthread_mutex_unlock(&x->lock);
    if (c == SU_OK)
        return SU_OK;
    return c == SU_ETIMEOUT ? su_fail(e, c, "flow", "no rows came within %u ms", timeout_ms)
                            : su_fail(e, c, "flow", "cancelled");
}

/* Where steps from `step` on lie: how many, in which record, from which byte of it. */
static uint32_t locate(struct su_flow *f, uint32_t step, uint32_t *record, uint64_t *offset,
                       uint8_t *leaves, uint32_t most)
{
    uint32_t n = 0;

    (void)pthread_mutex_lock(&f->lock);
    uint32_t i = piece_at(f, step);
    if (i < f->n_piece && f->piece[i].step <= step) {
        const struct su_piece *p = &f->piece[i];
        const struct su_held *h = &f->held[p->held];
        n = SU_MIN(p->step + p->count - step, most);
        *record = h->record;
        *offset = h->rows_at + (step - h->first) * f->row_bytes;
        if (leaves != NULL)
            memcpy(leaves, leaf_of(f, p, step), 32 * (size_t)n);
    }
    (void)pthread_mutex_unlock(&f->lock);
    return n;
}

enum su_code su_flow_rows(struct su_flow *f, uint32_t step, uint32_t n, void *rows, uint8_t *leaves,
                          struct su_err *e)
{
    for (uint32_t done = 0; done < n;) {
        uint32_t record = 0;
        uint64_t offset = 0;
        uint32_t k = locate(f, step + done, &record, &offset,
                            leaves != NULL ? leaves + 32 * (size_t)done : NULL, n - done);
        if (k == 0)
            return su_fail(e, SU_ENOENT, f->name, "step %u is not here", step + done);
        if (rows != NULL) {
            enum su_code c = su_journal_stream_read(f->stream, record, offset,
                                                    (uint8_t *)rows + done * f->row_bytes,
                                                    (size_t)(k * f->row_bytes), e);
            if (c != SU_OK)
                return c;
        }
        done += k;
    }
    return SU_OK;
}

/* ---- giving ---------------------------------------------------------------------------------- */

/* Frames that are signed together, and which of what was given each is of. */
struct signing {
    struct su_wire_message m[SU_WIRE_JOINT_MAX];
    struct su_flow_given *of[SU_WIRE_JOINT_MAX];
    uint32_t n;
    uint64_t bytes;
};

static void keep_own(struct su_flow *f, const struct su_buf *b, struct su_flow_given *given)
{
    struct su_wire_frame frame;
    uint8_t digest[32];
    bool added;

    given->rc = su_wire_parse(b->data, b->len, &frame, &given->e);
    if (given->rc != SU_OK)
        return;
    su_wire_digest(&frame, su_peer_self_scope(f->x->o.self), digest);
    if (su_flow_insert(f, &frame, b->data, b->len, digest, &added, &given->e) != 0)
        given->rc = given->e.code;
}

/* Signs and keeps them. Of a flow of which one could not be kept, those behind it are not. */
static void sign(struct signing *s)
{
    struct su_buf b[SU_WIRE_JOINT_MAX];
    struct su_err e = {0};

    if (s->n == 0)
        return;
    for (uint32_t i = 0; i < s->n; i++)
        su_buf_init(&b[i], 0);
    enum su_code c = su_peer_frames(s->of[0]->flow->x->o.self, s->m, s->n, b, &e);
    for (uint32_t i = 0; i < s->n; i++) {
        struct su_flow_given *g = s->of[i];
        if (g->rc == SU_OK && c != SU_OK) {
            g->rc = c;
            g->e = e;
        }
        if (g->rc == SU_OK)
            keep_own(g->flow, &b[i], g);
        su_buf_fini(&b[i]);
    }
    s->n = 0;
    s->bytes = 0;
}

/* Adds the frame of n steps of what was given, from its step number `at` on. */
static void add_frame(struct signing *s, struct su_flow_given *g, uint32_t at, uint32_t n)
{
    struct su_flow *f = g->flow;
    struct su_wire_message *m = &s->m[s->n];

    *m = (struct su_wire_message){.kind = SU_WIRE_ACTIVATION,
                                  .data = (const uint8_t *)g->rows + at * f->row_bytes,
                                  .data_bytes = n * f->row_bytes,
                                  .u.activation = {.ref = {.execution = f->run->execution,
                                                           .request_slot = f->run->request_slot,
                                                           .task = f->task,
                                                           .attempt = f->attempt,
                                                           .port = f->output},
                                                   .step_first = g->step + at,
                                                   .step_count = n,
                                                   .dtype = f->dtype,
                                                   .rank = f->rank,
                                                   .leaves = g->leaves + 32 * (size_t)at}};
    memcpy(m->u.activation.dims, f->dims, sizeof f->dims);
    s->of[s->n++] = g;
    s->bytes += m->data_bytes;
    if (s->n == SU_WIRE_JOINT_MAX || s->bytes >= SU_FLOW_FRAME_BYTES)
        sign(s);
}

/* How many of the steps are here already, and the same. */
static enum su_code check_given(struct su_flow_given *g, uint32_t *known)
{
    struct su_flow *f = g->flow;
    uint32_t differs = UINT32_MAX, step = g->step;

    if (!f->own || step < f->first || step >= f->end || g->n > f->end - step)
        return su_fail(&g->e, SU_EINVAL, f->name, "steps %u to %llu are not ours to give", step,
                       (unsigned long long)step + g->n);
    (void)pthread_mutex_lock(&f->lock);
    uint32_t have = f->have;
    *known = step <= have ? compare(f, step, g->n, g->leaves, &differs) : 0;
    (void)pthread_mutex_unlock(&f->lock);
    if (step > have)
        return su_fail(&g->e, SU_EINVAL, f->name, "step %u follows on %u", step, have);
    if (differs != UINT32_MAX)
        return su_fail(&g->e, SU_EDIGEST, f->name, "step %u was another when it was given before",
                       differs);
    return SU_OK;
}

void su_flow_emit_all(struct su_flow_given *given, uint32_t n)
{
    struct signing s = {.n = 0};
    uint64_t bytes = 0;

    for (uint32_t i = 0; i < n; i++) {
        struct su_flow_given *g = &given[i];
        const uint64_t row = g->flow->row_bytes;
        uint32_t most = (uint32_t)SU_MIN(SU_MAX(SU_FLOW_FRAME_BYTES / row, UINT64_C(1)),
                                         (uint64_t)SU_WIRE_STEPS_MAX);
        uint32_t done = 0;
        g->rc = check_given(g, &done);
        bytes += g->n * row;
        for (uint32_t k; g->rc == SU_OK && done < g->n; done += k) {
            k = SU_MIN(most, g->n - done);
            add_frame(&s, g, done, k);
        }
    }
    sign(&s);
    for (uint32_t i = 0; i < n; i++)
        su_flow_ready_lines(given[i].flow);
    if (n > 0)
        su_sender_attend(given[0].flow->x->sender, bytes <= DIRECT_BYTES);
    for (uint32_t i = 0; i < n; i++)
        if (i == 0 || given[i].flow->run != given[i - 1].flow->run)
            su_run_changed(given[i].flow->x, given[i].flow->run->execution);
}

enum su_code su_flow_emit(struct su_flow *f, uint32_t step, uint32_t n, const void *rows,
                          const uint8_t *leaves, struct su_err *e)
{
    struct su_flow_given g = {.flow = f, .step = step, .n = n, .rows = rows, .leaves = leaves};

    su_flow_emit_all(&g, 1);
    if (g.rc != SU_OK && e != NULL)
        *e = g.e;
    return g.rc;
}

bool su_flow_next_frame(struct su_flow *f, uint64_t first, uint64_t end, uint32_t *at,
                        uint64_t *last_end, uint32_t *record, uint64_t *bytes)
{
    bool found = false;

    (void)pthread_mutex_lock(&f->lock);
    uint32_t i = SU_MAX(*at, piece_at(f, first));
    for (; !found && i < f->n_piece && f->piece[i].step < end; i++) {
        const struct su_held *h = &f->held[f->piece[i].held];
        uint64_t h_end = (uint64_t)h->first + h->count;
        if (h_end <= *last_end)
            continue;
        found = true;
        *last_end = h_end;
        *record = h->record;
        *bytes = h->bytes;
    }
    *at = i;
    (void)pthread_mutex_unlock(&f->lock);
    return found;
}
