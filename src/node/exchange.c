// SPDX-License-Identifier: MIT
#include "exchange_priv.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MEMORY_BYTES (UINT64_C(256) << 20)
#define NS_PER_MS UINT64_C(1000000)
#define HINT_NS (1000 * NS_PER_MS)
enum { WAITERS_MAX = 64, RUNS_MAX = 256, SENDERS_MAX = 4096 };
static const char container_note[] = "input";

/* ---- life ------------------------------------------------------------------------------------ */

void su_monotonic_cond_init(pthread_cond_t *c)
{
    pthread_condattr_t monotonic;

    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(c, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
}

enum su_code su_exchange_new(const struct su_exchange_opts *o, struct su_exchange **out,
                             struct su_err *e)
{
    struct su_exchange *x = su_alloc(sizeof *x);

    *out = NULL;
    x->o = *o;
    x->o.memory_bytes = o->memory_bytes != 0 ? o->memory_bytes : MEMORY_BYTES;
    x->o.waiters_max = o->waiters_max != 0 ? o->waiters_max : WAITERS_MAX;
    x->o.executions_max = o->executions_max != 0 ? o->executions_max : RUNS_MAX;
    (void)pthread_mutex_init(&x->lock, NULL);
    (void)pthread_mutex_init(&x->open_lock, NULL);
    su_monotonic_cond_init(&x->changed);
    const struct su_sender_opts so = {.scope = *su_peer_self_scope(o->self),
                                      .call_ms = o->call_ms,
                                      .pause_max_ms = o->pause_max_ms};
    enum su_code c = su_sender_new(&so, &x->sender, e);
    if (c == SU_OK)
        c = su_wire_guard_new(SENDERS_MAX, &x->guard, e);
    if (c != SU_OK) {
        su_exchange_free(x);
        return c;
    }
    *out = x;
    return SU_OK;
}

void su_exchange_stop(struct su_exchange *x)
{
    (void)pthread_mutex_lock(&x->lock);
    x->stopping = true;
    (void)pthread_mutex_unlock(&x->lock);
    su_exchange_changed(x);
}

static void run_free(struct su_exchange_run *run)
{
    while (run->flows != NULL) {
        struct su_flow *f = run->flows;
        run->flows = f->next;
        SU_ASSERT(f->refs == 0);
        su_flow_close_lines(f);
        su_flow_free(f);
    }
    while (run->parts != NULL) {
        struct su_parts *p = run->parts;
        run->parts = p->next;
        free(p);
    }
    (void)pthread_cond_destroy(&run->changed);
    free(run);
}

void su_exchange_free(struct su_exchange *x)
{
    if (x == NULL)
        return;
    while (x->runs != NULL) {
        struct su_exchange_run *run = x->runs;
        x->runs = run->next;
        SU_ASSERT(run->refs == 0);
        run_free(run);
    }
    su_sender_free(x->sender);
    su_wire_guard_free(x->guard);
    (void)pthread_cond_destroy(&x->changed);
    (void)pthread_mutex_destroy(&x->lock);
    (void)pthread_mutex_destroy(&x->open_lock);
    free(x);
}

/* ---- telling and waiting --------------------------------------------------------------------- */

void su_exchange_changed(struct su_exchange *x)
{
    (void)pthread_mutex_lock(&x->lock);
    x->changes++;
    (void)pthread_cond_broadcast(&x->changed);
    for (struct su_exchange_run *run = x->runs; run != NULL; run = run->next) {
        run->changes++;
        (void)pthread_cond_broadcast(&run->changed);
    }
    (void)pthread_mutex_unlock(&x->lock);
}

/* Whoever is woken wants the lock at once: it is free by then. */
void su_run_changed(struct su_exchange *x, const uint8_t execution[32])
{
    (void)pthread_mutex_lock(&x->lock);
    struct su_exchange_run *run = su_run_find(x, execution);
    if (run != NULL) {
        run->changes++;
        run->refs++;
    }
    x->changes++;
    bool any_waits = x->n_waiter > 0;
    (void)pthread_mutex_unlock(&x->lock);
    if (any_waits)
        (void)pthread_cond_broadcast(&x->changed);
    if (run == NULL)
        return;
    (void)pthread_cond_broadcast(&run->changed);
    su_run_release(x, run);
}

void su_exchange_wait_change(struct su_exchange *x, struct su_exchange_run *run, uint64_t seen,
                             uint64_t until_ns)
{
    const struct timespec t = {.tv_sec = (time_t)(until_ns / (1000 * NS_PER_MS)),
                               .tv_nsec = (long)(until_ns % (1000 * NS_PER_MS))};

    while ((run != NULL ? run->changes : x->changes) == seen && !x->stopping &&
           su_clock_mono_ns() < until_ns)
        (void)pthread_cond_timedwait(run != NULL ? &run->changed : &x->changed, &x->lock, &t);
}

bool su_exchange_memory_take(struct su_exchange *x, uint64_t n)
{
    (void)pthread_mutex_lock(&x->lock);
    bool ok = n <= x->o.memory_bytes - SU_MIN(x->in_use_bytes, x->o.memory_bytes);
    if (ok)
        x->in_use_bytes += n;
    (void)pthread_mutex_unlock(&x->lock);
    return ok;
}

void su_exchange_memory_give(struct su_exchange *x, uint64_t n)
{
    (void)pthread_mutex_lock(&x->lock);
    x->in_use_bytes -= n;
    (void)pthread_mutex_unlock(&x->lock);
}

/* Strangers may name any execution: each is passed on once a second, and few of them. */
void su_exchange_unknown(struct su_exchange *x, const uint8_t execution[32])
{
    uint64_t now = su_clock_mono_ns();
    unsigned oldest = 0;
    bool tell = x->o.unknown != NULL;

    (void)pthread_mutex_lock(&x->lock);
    for (unsigned i = 0; i < EXCHANGE_HINTS; i++) {
        bool recent = x->hint[i].at_ns != 0 && now - x->hint[i].at_ns < HINT_NS;
        if (recent && memcmp(x->hint[i].execution, execution, 32) == 0)
            tell = false;
        if (x->hint[i].at_ns < x->hint[oldest].at_ns)
            oldest = i;
    }
    if (x->hint[oldest].at_ns != 0 && now - x->hint[oldest].at_ns < HINT_NS)
        tell = false;
    if (tell) {
        x->hint[oldest].at_ns = now;
        memcpy(x->hint[oldest].execution, execution, 32);
    }
    (void)pthread_mutex_unlock(&x->lock);
    if (tell)
        x->o.unknown(x->o.ctx, execution);
}

/* ---- executions ------------------------------------------------------------------------------ */

static struct su_exchange_run *any_run(struct su_exchange *x, const uint8_t execution[32])
{
    struct su_exchange_run *run = x->runs;

    while (run != NULL && memcmp(run->execution, execution, 32) != 0)
        run = run->next;
    return run;
}

struct su_exchange_run *su_run_find(struct su_exchange *x, const uint8_t execution[32])
{
    struct su_exchange_run *run = any_run(x, execution);

    return run != NULL && !run->leaving ? run : NULL;
}

static enum su_code not_open(struct su_err *e)
{
    return su_fail(e, SU_ENOENT, "exchange", "this execution is not open");
}

enum su_code su_exchange_enter(struct su_exchange *x, const uint8_t execution[32],
                               uint64_t request_slot, uint64_t bytes, struct su_err *e)
{
    enum su_code c = SU_OK;

    (void)pthread_mutex_lock(&x->lock);
    struct su_exchange_run *run = any_run(x, execution);
    if (run != NULL && run->leaving)
        c = su_fail(e, SU_EBUSY, "exchange", "this execution is being left");
    else if (run != NULL && run->request_slot != request_slot)
        c = su_fail(e, SU_ETYPE, "exchange", "this execution is open for another request");
    else if (run == NULL && x->n_run >= x->o.executions_max)
        c = su_fail(e, SU_EBUSY, "exchange", "%u executions are open, which is all: wait",
                    x->n_run);
    if (c == SU_OK)
        c = su_journal_enter(x->o.journal, execution, bytes, e);
    if (c == SU_OK && run == NULL) {
        run = su_alloc(sizeof *run);
        su_monotonic_cond_init(&run->changed);
        memcpy(run->execution, execution, 32);
        run->request_slot = request_slot;
        run->next = x->runs;
        x->runs = run;
        x->n_run++;
    }
    (void)pthread_mutex_unlock(&x->lock);
    return c;
}

/* Deletes a run that was left and that nobody uses any more. */
static void run_end(struct su_exchange *x, struct su_exchange_run *run)
{
    struct su_err e;

    (void)pthread_mutex_lock(&x->lock);
    bool now = run->leaving && run->refs == 0;
    if (now) {
        struct su_exchange_run **at = &x->runs;
        while (*at != run)
            at = &(*at)->next;
        *at = run->next;
        x->n_run--;
    }
    (void)pthread_mutex_unlock(&x->lock);
    if (!now)
        return;
    uint8_t execution[32];
    memcpy(execution, run->execution, 32);
    run_free(run);
    if (su_journal_drop(x->o.journal, execution, &e) != SU_OK)
        su_log(SU_LOG_WARN, "exchange", "%s: %s", e.at, e.msg);
}

void su_run_release(struct su_exchange *x, struct su_exchange_run *run)
{
    (void)pthread_mutex_lock(&x->lock);
    bool last = --run->refs == 0 && run->leaving;
    (void)pthread_mutex_unlock(&x->lock);
    if (last)
        run_end(x, run);
}

void su_exchange_leave(struct su_exchange *x, const uint8_t execution[32])
{
    struct su_err e;

    (void)pthread_mutex_lock(&x->lock);
    struct su_exchange_run *run = any_run(x, execution);
    bool first = run != NULL && !run->leaving;
    if (first) {
        run->leaving = true;
        run->refs++;
    }
    (void)pthread_mutex_unlock(&x->lock);
    if (run == NULL) {
        if (su_journal_drop(x->o.journal, execution, &e) != SU_OK)
            su_log(SU_LOG_WARN, "exchange", "%s: %s", e.at, e.msg);
        return;
    }
    if (!first)
        return;
    su_exchange_changed(x);
    /* No flow is added to a run that is left, so its list stands still. */
    for (struct su_flow *f = run->flows; f != NULL; f = f->next)
        su_flow_close_lines(f);
    su_run_release(x, run);
}

void su_exchange_cancel(struct su_exchange *x, const uint8_t execution[32], bool on)
{
    (void)pthread_mutex_lock(&x->lock);
    struct su_exchange_run *run = su_run_find(x, execution);
    if (run != NULL)
        run->cancelled = on;
    (void)pthread_mutex_unlock(&x->lock);
    su_exchange_changed(x);
}

enum su_code su_exchange_ports(struct su_exchange *x, const uint8_t execution[32], uint16_t task,
                               uint8_t attempt, const struct su_exchange_port *ports, uint32_t n,
                               struct su_err *e)
{
    if (n > SU_EXCHANGE_PORTS_MAX)
        return su_fail(e, SU_EINVAL, "exchange", "%u inputs; at most %u", n, SU_EXCHANGE_PORTS_MAX);
    (void)pthread_mutex_lock(&x->lock);
    struct su_exchange_run *run = su_run_find(x, execution);
    struct su_parts *p = run != NULL ? run->parts : NULL;
    while (p != NULL && (p->task != task || p->attempt != attempt))
        p = p->next;
    if (run != NULL && p == NULL) {
        p = su_alloc(sizeof *p);
        p->task = task;
        p->attempt = attempt;
        p->next = run->parts;
        run->parts = p;
    }
    if (p != NULL) {
        p->n = n;
        memcpy(p->port, ports, n * sizeof *ports);
    }
    (void)pthread_mutex_unlock(&x->lock);
    su_exchange_changed(x);
    return run != NULL ? SU_OK : not_open(e);
}

/* The run with a reference, so that its journal stays. */
static struct su_exchange_run *hold(struct su_exchange *x, const uint8_t execution[32])
{
    (void)pthread_mutex_lock(&x->lock);
    struct su_exchange_run *run = su_run_find(x, execution);
    if (run != NULL)
        run->refs++;
    (void)pthread_mutex_unlock(&x->lock);
    return run;
}

enum su_code su_exchange_container_put(struct su_exchange *x, const uint8_t execution[32],
                                       const void *data, size_t n, struct su_err *e)
{
    struct su_exchange_run *run = hold(x, execution);

    if (run == NULL)
        return not_open(e);
    enum su_code c = su_journal_note_put(x->o.journal, execution, container_note, data, n, e);
    su_run_release(x, run);
    su_exchange_changed(x);
    return c;
}

enum su_code su_exchange_container_get(struct su_exchange *x, const uint8_t execution[32],
                                       struct su_buf *out, struct su_err *e)
{
    struct su_exchange_run *run = hold(x, execution);

    if (run == NULL)
        return not_open(e);
    enum su_code c = su_journal_note_get(x->o.journal, execution, container_note, out, e);
    su_run_release(x, run);
    return c;
}

enum su_code su_exchange_container_bytes(struct su_exchange *x, const uint8_t execution[32],
                                         uint64_t *bytes, struct su_err *e)
{
    struct su_exchange_run *run = hold(x, execution);

    if (run == NULL)
        return not_open(e);
    enum su_code c = su_journal_note_bytes(x->o.journal, execution, container_note, bytes, e);
    su_run_release(x, run);
    return c;
}

/* ---- looking --------------------------------------------------------------------------------- */

static void add_stat(struct su_exchange_stat *out, struct su_flow *f)
{
    out->flows++;
    (void)pthread_mutex_lock(&f->lock);
    out->received += f->received;
    out->received_bytes += f->received_bytes;
    (void)pthread_mutex_unlock(&f->lock);
    su_flow_stat_lines(f, out);
}

enum su_code su_exchange_stat(struct su_exchange *x, const uint8_t *execution,
                              struct su_exchange_stat *out, struct su_err *e)
{
    bool found = execution == NULL;

    *out = (struct su_exchange_stat){0};
    (void)pthread_mutex_lock(&x->lock);
    for (struct su_exchange_run *run = x->runs; run != NULL; run = run->next) {
        if (run->leaving || (execution != NULL && memcmp(run->execution, execution, 32) != 0))
            continue;
        found = true;
        for (struct su_flow *f = run->flows; f != NULL; f = f->next)
            add_stat(out, f);
    }
    (void)pthread_mutex_unlock(&x->lock);
    return found ? SU_OK : not_open(e);
}
