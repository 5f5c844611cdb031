// SPDX-License-Identifier: MIT
/* What a part runs on: the rows of its inputs, and the waiting for them. */
#include "part.h"

#include <stdlib.h>
#include <string.h>

#define FETCH_FIRST_MS 2000u /* without news from a producer before it is asked */
#define FETCH_MAX_MS 16000u
#define FETCH_CALL_MS 10000u
#define SETTLE_MS 1u /* others need the processors when results were just given away */

/* How many steps input i is here for: what was drawn at one step is the input of the next. */
static uint32_t here(const struct part *p, uint32_t i)
{
    if (p->external[i])
        return p->steps;
    if (p->v.source[i].fed)
        return p->in[i] ? su_flow_have(p->in[i]) + 1 : p->prompt.steps;
    return p->in[i] ? su_flow_have(p->in[i]) : part_first(p, false, i);
}

/* Steps that all inputs are here for, be it while they are verified. */
static uint32_t ready(const struct part *p)
{
    uint32_t least = SU_MIN(p->steps, p->fed_end);

    for (uint32_t i = 0; i < p->n_in; i++) {
        uint32_t n = p->external[i] || !p->in[i] ? here(p, i)
                                                 : su_flow_offered(p->in[i]) + p->v.source[i].fed;
        least = SU_MIN(least, n);
    }
    return least;
}

/* What its flow must have for input i to be here for `steps` steps. */
static uint32_t flow_need(const struct part *p, uint32_t i, uint32_t steps)
{
    return p->v.source[i].fed ? steps - 1 : steps;
}

static bool proven(const struct part *p)
{
    bool all = true;

    for (uint32_t i = 0; i < p->n_in; i++)
        all = all && !p->unproven[i];
    return all;
}

static bool stop_wanted(const struct part *p)
{
    pthread_mutex_lock(&p->d->node->lock);
    bool stop = p->d->stop;
    pthread_mutex_unlock(&p->d->node->lock);
    return stop;
}

/* What was drawn last is fed to nobody, and committed to like what was. */
static bool last_here(const struct part *p)
{
    bool all = true;

    for (uint32_t i = 0; i < p->n_in; i++)
        if (p->v.source[i].fed)
            all = all && p->in[i] && su_flow_have(p->in[i]) >= p->steps;
    return all;
}

bool part_finished(struct part *p)
{
    if (p->v.generates && !p->ended) {
        p->ended = p->v.steps > 0 || (p->v.draws && p->done >= p->steps);
        if (p->v.steps > 0)
            p->steps = p->v.steps;
        else if (p->v.draws && p->done >= p->prompt.steps && stop_wanted(p)) {
            p->ended = true;
            p->steps = p->done;
        }
    }
    return (!p->v.generates || (p->ended && last_here(p))) && p->done >= p->steps && proven(p);
}

bool part_news(void *part)
{
    const struct part *p = part;
    struct node_duty *d = p->d;

    pthread_mutex_lock(&d->node->lock);
    bool news = d->over || d->node->ending || d->news != p->news;
    pthread_mutex_unlock(&d->node->lock);
    return news;
}

/* A producer that pushes nothing may not know of us, or have lost its line: it is asked. */
static void fetch(struct part *p)
{
    const struct su_peer_call call = {
        .deadline_ms = FETCH_CALL_MS, .cancelled = node_duty_over, .ctx = p->d};

    for (uint32_t i = 0; i < p->n_in; i++)
        if (p->in[i] && here(p, i) <= p->done && p->from[i].endpoint[0] &&
            memcmp(p->from[i].identity, p->d->node->identity, 32) != 0)
            while (su_flow_fetch(p->in[i], p->from[i].endpoint, 0, &call, NULL) == SU_OK &&
                   su_flow_have(p->in[i]) < p->v.max_steps && !node_duty_over(p->d))
                continue;
}

void part_fetch_kept(struct part *p)
{
    const struct su_peer_call call = {
        .deadline_ms = FETCH_CALL_MS, .cancelled = node_duty_over, .ctx = p->d};

    for (uint32_t i = 0; i < p->n_in; i++)
        if (p->in[i] && p->from[i].endpoint[0] &&
            memcmp(p->from[i].identity, p->d->node->identity, 32) != 0)
            while (su_flow_fetch(p->in[i], p->from[i].endpoint, 0, &call, NULL) == SU_OK &&
                   su_flow_have(p->in[i]) < p->v.max_steps && !node_duty_over(p->d))
                continue;
}

/* A new producer of rows that were run already says the same of them: what he sent is here. */
static enum su_code prove(struct part *p, uint32_t i, struct su_err *e)
{
    uint32_t first = p->v.source[i].fed ? p->prompt.steps : part_first(p, false, i);
    uint32_t end = SU_MIN(p->done, p->steps), n = end > first ? end - first : 0;
    uint8_t *leaves = su_try_alloc(SU_MAX(n, 1u), 32);
    enum su_code rc = leaves ? SU_OK : su_fail(e, SU_ENOMEM, NULL, "%u leaves", n);

    if (!rc && n > 0)
        rc = su_flow_rows(p->in[i], flow_need(p, i, first), n, NULL, leaves, e);
    for (uint32_t s = 0; s < n && !rc; s++) {
        uint8_t again[32];
        const uint8_t *mine = su_trace_leaf(p->trace, SU_PORT_INPUT, i, first + s);
        if (p->v.source[i].fed) { /* its leaf is that of the step at which it was drawn */
            const struct su_bytes row = {p->rows[i] + (first + s) * p->row_bytes[i],
                                         (size_t)p->row_bytes[i]};
            su_leaf_digest(first + s - 1, &row, 1, again);
            mine = again;
        }
        if (memcmp(leaves + 32 * (size_t)s, mine, 32) != 0)
            rc = su_fail(e, SU_EBUSY, "input", "its new producer gives another row of step %u",
                         first + s);
    }
    free(leaves);
    p->unproven[i] = rc != SU_OK;
    return rc;
}

/* What is here of new producers, as far as it is enough. */
static enum su_code prove_all(struct part *p, struct su_err *e)
{
    uint32_t end = SU_MIN(p->done, p->steps);
    enum su_code rc = SU_OK;

    for (uint32_t i = 0; i < p->n_in && !rc; i++)
        if (p->unproven[i] && p->in[i] && here(p, i) >= end)
            rc = prove(p, i, e);
    return rc;
}

/* The flows, and how much of them is waited for. */
static uint32_t needs(const struct part *p, struct su_flow_need need[SU_PORTS_MAX])
{
    uint32_t n = 0, next = p->done >= p->steps ? p->steps : p->done + 1;
    bool last = p->ended && p->done >= p->steps;

    for (uint32_t i = 0; i < p->n_in; i++)
        if (p->in[i])
            need[n++] = (struct su_flow_need){.flow = p->in[i],
                                              .have = last ? p->steps : flow_need(p, i, next),
                                              .offered = !last && proven(p)};
    return n;
}

/* Nobody has the task that the next rows come from. */
static bool lacking(const struct part *p)
{
    bool any = false;

    for (uint32_t i = 0; i < p->n_in; i++)
        any |= part_comes(p, i) && !p->in[i] && (p->unproven[i] || here(p, i) <= p->done);
    return any;
}

enum su_code part_catch_up(struct part *p, struct su_err *e)
{
    if (!part_sync(p))
        return SU_ECANCELLED;
    return part_resourced(p) ? part_reconnect(p, e) : SU_OK;
}

/* Until there is something to be looked at. */
static enum su_code wait_once(struct part *p, uint32_t *pause, struct su_err *e)
{
    struct su_flow_need need[SU_PORTS_MAX];
    uint32_t n = needs(p, need);

    /* Only the chain can tell who will have a task, or how many steps there are. */
    if (n == 0 || lacking(p) || (p->done >= p->steps && proven(p) && !p->ended)) {
        part_settle(p);
        node_duty_wait(p->d, p->news, *pause);
        return node_duty_over(p->d) ? SU_ECANCELLED : SU_OK;
    }
    uint32_t ms = p->unsettled ? SETTLE_MS : *pause;
    enum su_code rc = su_flow_wait(p->d->node->exchange, need, n, ms, part_news, p, e);
    if (rc == SU_ETIMEOUT && p->unsettled) {
        part_settle(p);
    } else if (rc == SU_ETIMEOUT) {
        fetch(p);
        *pause = SU_MIN(2 * *pause, FETCH_MAX_MS);
    }
    if (rc == SU_ETIMEOUT || rc == SU_ECANCELLED)
        rc = node_duty_over(p->d) ? SU_ECANCELLED : SU_OK;
    return rc;
}

bool part_can_run(const struct part *p)
{
    return ready(p) > p->done && proven(p);
}

/* What of a wait was for the outputs to be taken, and what for inputs alone. */
static void count_wait(struct part *p, uint64_t from_ns, uint64_t to_ns)
{
    uint64_t taken_ns = from_ns;

    for (uint32_t i = 0; i < p->n_out; i++) {
        uint64_t ns = p->out[i] ? su_flow_taken_ns(p->out[i]) : 0;
        taken_ns = SU_MAX(taken_ns, SU_MIN(ns, to_ns));
    }
    pthread_mutex_lock(&p->d->node->lock);
    p->d->times.network_us += (taken_ns - from_ns) / 1000;
    p->d->times.wait_us += (to_ns - taken_ns) / 1000;
    pthread_mutex_unlock(&p->d->node->lock);
}

enum su_code part_wait(struct part *p, struct su_err *e)
{
    uint64_t since = su_clock_mono_ns();
    uint32_t pause = FETCH_FIRST_MS;
    enum su_code rc = SU_OK;

    while (!rc && !part_finished(p) && !part_can_run(p)) {
        if (part_news(p) || lacking(p))
            rc = part_catch_up(p, e);
        if (!rc)
            rc = prove_all(p, e);
        if (!rc && !part_finished(p) && !part_can_run(p))
            rc = wait_once(p, &pause, e);
    }
    count_wait(p, since, su_clock_mono_ns());
    return rc;
}

/* ---- rows --------------------------------------------------------------------------------- */

bool part_ends(const struct part *p, uint32_t token)
{
    for (uint32_t i = 0; i < p->package->n_stop; i++)
        if (p->package->stop[i] == token)
            return true;
    return false;
}

/* How many steps the next dispatch may have: as many rows, and as many that emit, as the task takes. */
static uint32_t most_rows(const struct part *p)
{
    uint32_t n = SU_MIN(SU_MIN(ready(p) - p->done, p->package->t_max), SU_WIRE_STEPS_MAX);
    uint32_t silent = 0;

    if (p->v.generates && p->done + 1 < p->prompt.steps)
        silent = p->prompt.steps - 1 - p->done;
    return SU_MIN(n, silent + p->package->e_max);
}

/* The rows of steps `from` .. `end` - 1 of an input that comes. A token that ends the generation is
   not run. */
static enum su_code gather_rows(struct part *p, uint32_t i, uint32_t from, uint32_t end,
                                struct su_err *e)
{
    uint32_t base = part_first(p, false, i);
    bool fed = p->v.source[i].fed;

    from = SU_MAX(from, fed ? p->prompt.steps : base);
    p->offer[i] = 0;
    if (from >= end)
        return SU_OK;
    uint8_t *rows = p->rows[i] + (from - base) * p->row_bytes[i];
    enum su_code rc =
        su_flow_rows_offered(p->in[i], flow_need(p, i, from), end - from, rows, &p->offer[i], e);
    for (uint32_t s = from; fed && s < end && !rc && p->fed_end == UINT32_MAX; s++)
        if (part_ends(p, su_le32(rows + (s - from) * p->row_bytes[i])))
            p->fed_end = s;
    return rc;
}

enum su_code part_gather(struct part *p, uint32_t *n, const void **input, struct su_err *e)
{
    enum su_code rc = SU_OK;

    *n = node_batch_rows(p->d->task, p->session, most_rows(p));
    for (uint32_t i = 0; i < p->n_in && !rc; i++) {
        uint32_t base = part_first(p, false, i), at = SU_MAX(p->done, base) - base;
        const uint8_t *rows = p->external[i] ? p->external[i] : p->rows[i];
        input[i] = rows + at * p->row_bytes[i];
        if (!p->external[i])
            rc = gather_rows(p, i, p->done, p->done + *n, e);
    }
    *n = SU_MIN(*n, p->fed_end - SU_MIN(p->fed_end, p->done));
    return rc;
}

enum su_code part_confirm(struct part *p, struct su_err *e)
{
    enum su_code rc = SU_OK;

    for (uint32_t i = 0; i < p->n_in; i++) {
        if (rc == SU_OK && p->in[i])
            rc = su_flow_confirm(p->in[i], p->offer[i], e);
        p->offer[i] = 0;
    }
    p->again |= rc != SU_OK;
    return rc;
}

enum su_code part_take_last(struct part *p, struct su_err *e)
{
    enum su_code rc = SU_OK;

    for (uint32_t i = 0; i < p->n_in && !rc; i++)
        if (p->v.source[i].fed && p->steps >= p->prompt.steps)
            rc = su_flow_rows(p->in[i], p->steps - 1, 1, p->rows[i] + p->steps * p->row_bytes[i],
                              NULL, e);
    return rc;
}
