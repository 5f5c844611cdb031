// SPDX-License-Identifier: MIT
/* Runs a task's steps as their inputs come, and hands out what it gives. */
#include "part.h"
#include "spoil.h"

#include <stdlib.h>
#include <string.h>

/* ---- what is run ----------------------------------------------------------------------------- */

void part_rest(struct part *p)
{
    struct node_task *t = p->d->task;

    if (p->has_session) {
        node_turn_take(&t->turn);
        su_task_session_free(t->task, p->session);
        node_turn_give(&t->turn);
        node_batch_sessions(&t->batch, -1);
        p->has_session = false;
    }
    su_trace_free(p->trace);
    p->trace = NULL;
    for (uint32_t i = 0; i < SU_PORTS_MAX; i++) {
        free(p->rows[i]);
        p->rows[i] = NULL;
        p->external[i] = NULL;
    }
    su_buf_fini(&p->container);
    su_buf_init(&p->container, SU_INPUT_BYTES_MAX);
    memset(p->unproven, 0, sizeof p->unproven);
    memset(p->offer, 0, sizeof p->offer);
    p->fed_end = UINT32_MAX;
    p->ended = p->unsettled = false;
    p->done = 0;
}

void part_settle(struct part *p)
{
    if (p->unsettled)
        su_trace_settle(p->trace);
    p->unsettled = false;
}

static enum su_code open_container(struct part *p, struct su_err *e)
{
    bool any = false;
    enum su_code rc = SU_OK;

    for (uint32_t i = 0; i < p->n_in; i++)
        any |= p->v.source[i].external;
    if (any && p->container.len == 0)
        rc = node_input_get(p->d, &p->v, &p->container, &p->input, e);
    for (uint32_t i = 0; i < p->n_in && !rc; i++) {
        const struct su_input_tensor *t;
        if (!p->v.source[i].external || p->v.source[i].fed)
            continue;
        rc = su_input_find(&p->input, p->package, p->d->index, i, &t, e);
        if (!rc && t->steps < p->steps)
            rc = su_fail(e, SU_EFORMAT, "input", "has %u steps, the request is for %u", t->steps,
                         p->steps);
        if (!rc)
            p->external[i] = t->rows;
    }
    return rc;
}

/* Memory for the rows that come; those of a prompt are there. */
static enum su_code open_rows(struct part *p, uint32_t i, struct su_err *e)
{
    p->row_bytes[i] = su_value_row_bytes(part_port_value(p, false, i));
    if (p->external[i])
        return SU_OK;
    p->rows[i] = su_try_alloc(p->steps - part_first(p, false, i) + p->v.source[i].fed,
                              (size_t)p->row_bytes[i]);
    if (!p->rows[i])
        return su_fail(e, SU_ENOMEM, "input", "%u rows of %llu bytes", p->steps,
                       (unsigned long long)p->row_bytes[i]);
    if (p->v.source[i].fed)
        memcpy(p->rows[i], p->tokens, p->prompt.steps * sizeof *p->tokens);
    return SU_OK;
}

static enum su_code open_run(struct part *p, struct su_err *e)
{
    struct node_task *t = p->d->task;
    enum su_code rc = open_container(p, e);

    for (uint32_t i = 0; i < p->n_in && !rc; i++)
        rc = open_rows(p, i, e);
    if (!rc)
        rc = su_trace_new(p->n_in, p->n_out, &p->trace, e);
    if (rc)
        return rc;
    node_turn_take(&t->turn);
    rc = su_task_session_new(t->task, SU_MAX(p->steps, 1u), &p->session, e);
    p->has_session = rc == SU_OK;
    if (p->has_session)
        node_batch_sessions(&t->batch, 1);
    if (!rc && p->v.generates)
        rc = su_task_session_draw(t->task, p->session, &p->prompt.draw, e);
    node_turn_give(&t->turn);
    return rc;
}

/* ---- running --------------------------------------------------------------------------------- */

/* Our leaves of an input are those that its producer signed: else it has lied about one. Those of
   drawn tokens stand for another step and were compared when they came. */
static enum su_code compare_leaves(struct part *p, uint32_t n, struct su_err *e)
{
    uint8_t *leaves = su_try_alloc(n, 32);
    enum su_code rc = leaves ? SU_OK : su_fail(e, SU_ENOMEM, NULL, "%u leaves", n);

    for (uint32_t i = 0; i < p->n_in && !rc; i++) {
        uint32_t from = SU_MAX(p->done, part_first(p, false, i)), end = p->done + n;
        if (!p->in[i] || p->v.source[i].fed || from >= end)
            continue;
        rc = su_flow_rows(p->in[i], from, end - from, NULL, leaves, e);
        for (uint32_t s = from; s < end && !rc; s++)
            if (memcmp(leaves + 32 * (size_t)(s - from),
                       su_trace_leaf(p->trace, SU_PORT_INPUT, i, s), 32) != 0)
                rc = su_fail(e, SU_EDIGEST, "input", "step %u: the leaf is not that of the row", s);
    }
    free(leaves);
    return rc;
}

/* What of n steps goes to others, and the leaves of it. */
static enum su_code given_of(struct part *p, uint32_t n, const struct su_task_result *r,
                             struct su_flow_given *out, uint32_t *n_out, struct su_err *e)
{
    uint8_t *at = p->leaves = su_try_alloc((size_t)n * SU_MAX(p->n_out, 1u), 32);

    if (!at)
        return su_fail(e, SU_ENOMEM, NULL, "%u leaves", n);
    for (uint32_t o = 0; o < p->n_out; o++) {
        uint32_t from = SU_MAX(p->done, part_first(p, true, o)), end = p->done + n;
        if (from >= end)
            continue;
        out[(*n_out)++] = (struct su_flow_given){
            .flow = p->out[o], .step = from, .n = end - from, .rows = r->output[o], .leaves = at};
        for (uint32_t s = from; s < end; s++, at += 32)
            memcpy(at, su_trace_leaf(p->trace, SU_PORT_OUTPUT, o, s), 32);
    }
    return SU_OK;
}

/* How many of n steps count: those up to the first token drawn that ends the generation. */
static uint32_t until_end(struct part *p, uint32_t n, const struct su_task_result *r)
{
    uint32_t from = SU_MAX(p->done, p->prompt.steps - 1);
    struct su_feedback f;

    if (!p->v.draws || !su_package_feedback(p->package, &f))
        return n;
    const uint8_t *tokens = r->output[f.from_output];
    for (uint32_t s = from; s < p->done + n; s++)
        if (part_ends(p, su_le32(tokens + 4 * (size_t)(s - from)))) {
            p->ended = true;
            p->steps = s + 1;
            return p->steps - p->done;
        }
    return n;
}

/* What a dispatch was asked to run, and how much of it counts. */
struct dispatched {
    struct part *p;
    uint32_t n, counts;
};

/* node_batch_item.give: nothing leaves before the inputs were found to be what they should. */
static enum su_code give(void *ctx, struct su_task_result *r, struct su_flow_given *out,
                         uint32_t *n_out, struct su_err *e)
{
    struct dispatched *d = ctx;
    struct part *p = d->p;
    enum su_code rc = part_confirm(p, e);

    if (!rc)
        rc = compare_leaves(p, d->n, e);
    if (rc)
        return rc;
    d->counts = until_end(p, d->n, r);
    part_spoil_results(p, d->n, r);
    part_spoil_frames(p, d->n, r);
    return given_of(p, d->counts, r, out, n_out, e);
}

static enum su_code run(struct dispatched *d, const void *const *input, struct node_batch_item *b,
                        struct su_err *e)
{
    struct part *p = d->p;
    struct su_row *row = su_try_alloc(d->n, sizeof *row);

    if (!row)
        return su_fail(e, SU_ENOMEM, NULL, "%u rows", d->n);
    for (uint32_t i = 0; i < d->n; i++)
        row[i] =
            (struct su_row){.session = p->session,
                            .position = p->done + i,
                            .emit = !p->v.generates || su_prompt_emits(&p->prompt, p->done + i)};
    *b = (struct node_batch_item){.row = row,
                                  .n_row = d->n,
                                  .input = input,
                                  .trace = p->trace,
                                  .later = !su_node_fault("wrong-output") &&
                                           !su_node_fault("wrong-weights") &&
                                           !su_node_fault("double-sign"),
                                  .give = give,
                                  .ctx = d};
    enum su_code rc = node_batch_run(p->d->task, b, e);
    free(row);
    free(p->leaves);
    p->leaves = NULL;
    return rc;
}

/* After a dispatch of whose steps so many count. */
static void count_dispatch(struct part *p, const struct node_batch_item *b, uint32_t counts)
{
    const uint64_t compute_us = (uint64_t)(b->result.ms * 1000);
    const bool decodes = p->v.generates && p->done >= p->prompt.steps;
    struct node_times *t = &p->d->times;

    pthread_mutex_lock(&p->d->node->lock);
    t->compute_us += compute_us;
    t->decode_us += decodes ? compute_us : 0;
    t->queue_us += b->queue_us;
    p->d->steps_done = p->done + counts;
    if (p->v.draws && p->done + counts >= p->prompt.steps) {
        t->last_token_us = (su_clock_mono_ns() - t->begun_ns) / 1000;
        if (t->first_token_us == 0)
            t->first_token_us = t->last_token_us;
    }
    pthread_mutex_unlock(&p->d->node->lock);
}

static enum su_code dispatch(struct part *p, struct su_err *e)
{
    const void *input[SU_PORTS_MAX] = {NULL};
    struct node_batch_item b = {.n_row = 0};
    struct dispatched d = {.p = p};
    enum su_code rc = part_gather(p, &d.n, input, e);

    if (rc || d.n == 0)
        return rc ? rc : part_confirm(p, e);
    rc = run(&d, input, &b, e);
    if (!rc)
        part_spoil_leaves(p, d.n);
    p->unsettled = true;
    count_dispatch(p, &b, rc ? 0 : d.counts);
    node_batch_item_fini(&b);
    if (!rc)
        p->done += d.counts;
    return rc;
}

/* The clock of the run: on and off. */
static void count_run(struct part *p, bool on)
{
    struct node_times *t = &p->d->times;
    uint64_t now = su_clock_mono_ns();

    pthread_mutex_lock(&p->d->node->lock);
    if (!on)
        t->wall_us += (now - t->run_ns) / 1000;
    t->run_ns = on ? now : 0;
    pthread_mutex_unlock(&p->d->node->lock);
}

static enum su_code produce(struct part *p, struct su_err *e)
{
    node_duty_state(p->d, "fetching");
    part_rest(p);
    p->steps = p->v.generates ? p->v.max_steps : p->v.steps;
    enum su_code rc = part_connect(p, e);
    if (!rc && !part_sync(p))
        rc = SU_ECANCELLED;
    if (!rc)
        rc = open_run(p, e);
    if (!rc && p->d->attempt > 0)
        part_fetch_kept(p);
    while (!rc && !part_finished(p)) {
        if (!part_can_run(p)) {
            node_duty_state(p->d, "waiting");
            rc = part_wait(p, e);
        }
        if (!rc && !part_finished(p) && part_can_run(p)) {
            part_settle(p);
            node_duty_state(p->d, "running");
            rc = dispatch(p, e);
        }
        if (!rc && part_news(p))
            rc = part_catch_up(p, e);
    }
    part_settle(p);
    if (!rc)
        rc = part_take_last(p, e);
    if (!rc && p->container.len > 0) /* for checks; not before, as it takes a disk's time */
        rc = su_exchange_container_put(p->d->node->exchange, p->d->execution->key,
                                       p->container.data, p->container.len, e);
    if (!rc)
        su_trace_truncate(p->trace, p->steps);
    return rc;
}

enum su_code part_produce(struct part *p, struct su_err *e)
{
    enum su_code rc;

    count_run(p, true);
    do {
        p->again = false;
        rc = produce(p, e);
    } while (rc && p->again); /* at most once per flow */
    count_run(p, false);
    return rc;
}
