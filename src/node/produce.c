// SPDX-License-Identifier: MIT
/* Runs a task's steps as their inputs come, and hands out what it gives. */
#include "part.h"

#include <stdlib.h>
#include <string.h>

#define FETCH_FIRST_MS 2000u /* without news from a producer before it is asked */
#define FETCH_MAX_MS 16000u
#define FETCH_CALL_MS 10000u

/* ---- connections ------------------------------------------------------------------------------------ */

static const struct su_value *port_value(const struct part *p, bool output, uint32_t i)
{
    const struct su_graph *g = p->def->graph;
    return &g->value[output ? g->output[i].value : g->input[i]];
}

static void shape_of(const struct su_value *v, struct su_flow_opts *o)
{
    o->dtype = (uint8_t)v->dtype;
    o->rank = (uint8_t)v->shape.rank;
    for (uint32_t i = 0; i < v->shape.rank; i++)
        o->dims[i] = v->shape.dim[i];
}

/* What the journal may come to hold for this execution, whichever of its tasks are ours. */
static uint64_t journal_bytes(const struct part *p)
{
    uint64_t sum = 1u << 20;

    for (uint32_t t = 0; t < p->package->n_task; t++) {
        const struct su_graph *g = p->package->task[t].graph;
        for (uint32_t i = 0; i < g->n_input + g->n_output; i++) {
            uint32_t id = i < g->n_input ? g->input[i] : g->output[i - g->n_input].value;
            uint64_t row = su_value_row_bytes(&g->value[id]) + 32, all;
            if (!su_mul_u64(row, p->steps, &all) || !su_add_u64(sum, all, &sum) ||
                !su_add_u64(sum, 4096, &sum))
                return UINT64_MAX / 2;
        }
    }
    return sum;
}

static enum su_code open_in(struct part *p, uint32_t i, struct su_err *e)
{
    const struct node_source *s = &p->v.source[i];
    struct su_flow_opts o = {.execution = p->d->execution->key,
                             .task = s->task,
                             .attempt = s->attempt,
                             .output = s->output,
                             .producer = s->identity,
                             .end = p->steps};

    if (s->external || p->in[i] || su_free_is_zero(s->identity, 32))
        return SU_OK;
    shape_of(port_value(p, false, i), &o);
    enum su_code rc = su_flow_open(p->d->node->exchange, &o, &p->in[i], e);
    if (!rc)
        p->from[i] = *s;
    return rc;
}

static enum su_code open_out(struct part *p, uint32_t i, struct su_err *e)
{
    struct su_flow_opts o = {.execution = p->d->execution->key,
                             .task = p->d->index,
                             .attempt = p->d->attempt,
                             .output = (uint8_t)i,
                             .producer = p->d->node->identity,
                             .end = p->steps};

    if (p->out[i])
        return SU_OK;
    shape_of(port_value(p, true, i), &o);
    return su_flow_open(p->d->node->exchange, &o, &p->out[i], e);
}

static enum su_code tell_ports(struct part *p, struct su_err *e)
{
    struct su_exchange_port port[SU_PORTS_MAX] = {{.external = false}};

    for (uint32_t i = 0; i < p->n_in; i++) {
        const struct node_source *s = &p->v.source[i];
        port[i].external = s->external;
        port[i].produced = !s->external;
        port[i].task = s->task;
        port[i].attempt = s->attempt;
        port[i].output = s->output;
    }
    return su_exchange_ports(p->d->node->exchange, p->d->execution->key, p->d->index, p->d->attempt,
                             port, p->n_in, e);
}

enum su_code part_connect(struct part *p, struct su_err *e)
{
    struct su_node_agent *n = p->d->node;
    enum su_code rc = su_exchange_enter(n->exchange, p->d->execution->key, p->v.request_slot,
                                        journal_bytes(p), e);

    for (uint32_t i = 0; i < p->n_in && !rc; i++)
        rc = open_in(p, i, e);
    for (uint32_t i = 0; i < p->n_out && !rc; i++)
        rc = open_out(p, i, e);
    return rc ? rc : tell_ports(p, e);
}

static void drop_run(struct part *p)
{
    struct node_task *t = p->d->task;

    if (p->has_session) {
        node_turn_take(&t->turn);
        su_task_session_free(t->task, p->session);
        node_turn_give(&t->turn);
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
    p->done = 0;
}

void part_disconnect(struct part *p)
{
    drop_run(p);
    for (uint32_t i = 0; i < SU_PORTS_MAX; i++) {
        su_flow_close(p->in[i]);
        su_flow_close(p->out[i]);
        p->in[i] = p->out[i] = NULL;
    }
    p->n_sent = 0;
}

bool part_resourced(const struct part *p)
{
    for (uint32_t i = 0; i < p->n_in; i++)
        if (p->in[i] && (memcmp(p->from[i].identity, p->v.source[i].identity, 32) != 0 ||
                         p->from[i].attempt != p->v.source[i].attempt))
            return true;
    return false;
}

static bool same_sink(const struct node_sink *a, const struct node_sink *b)
{
    return a->output == b->output && memcmp(a->identity, b->identity, 32) == 0;
}

static bool among(const struct node_sink *s, const struct node_sink *list, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (same_sink(s, &list[i]))
            return true;
    return false;
}

bool part_sync(struct part *p)
{
    struct su_err e;

    if (!node_duty_view(p->d, &p->v, &p->news))
        return false;
    for (uint32_t i = 0; i < p->n_sent; i++)
        if (p->out[p->sent[i].output] && !among(&p->sent[i], p->v.sink, p->v.n_sink))
            su_flow_unsend(p->out[p->sent[i].output], p->sent[i].identity);
    p->n_sent = 0;
    for (uint32_t i = 0; i < p->v.n_sink; i++) {
        const struct node_sink *s = &p->v.sink[i];
        if (s->output >= p->n_out || !p->out[s->output] || s->endpoint[0] == 0)
            continue;
        if (su_flow_send(p->out[s->output], s->identity, s->endpoint, false, &e) == SU_OK)
            p->sent[p->n_sent++] = *s;
        else
            node_duty_error(p->d, &e);
    }
    return true;
}

/* ---- inputs ----------------------------------------------------------------------------------------- */

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
        if (!p->v.source[i].external)
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

static enum su_code open_run(struct part *p, struct su_err *e)
{
    struct node_task *t = p->d->task;
    enum su_code rc = open_container(p, e);

    for (uint32_t i = 0; i < p->n_in && !rc; i++) {
        p->row_bytes[i] = su_value_row_bytes(port_value(p, false, i));
        if (p->external[i])
            continue;
        p->rows[i] = su_try_alloc(p->steps, (size_t)p->row_bytes[i]);
        if (!p->rows[i])
            rc = su_fail(e, SU_ENOMEM, "input", "%u rows of %llu bytes", p->steps,
                         (unsigned long long)p->row_bytes[i]);
    }
    if (!rc)
        rc = su_trace_new(p->n_in, p->n_out, &p->trace, e);
    if (rc)
        return rc;
    node_turn_take(&t->turn);
    rc = su_task_session_new(t->task, SU_MAX(p->steps, 1u), &p->session, e);
    node_turn_give(&t->turn);
    p->has_session = rc == SU_OK;
    return rc;
}

/* Steps that all inputs are here for. */
static uint32_t ready(const struct part *p)
{
    uint32_t least = p->steps;

    for (uint32_t i = 0; i < p->n_in; i++) {
        if (p->external[i])
            continue;
        uint32_t have = p->in[i] ? su_flow_have(p->in[i]) : 0;
        least = SU_MIN(least, have);
    }
    return least;
}

struct waiting {
    const struct part *p;
};
static bool on_news(void *ctx)
{
    const struct waiting *w = ctx;
    struct node_duty *d = w->p->d;

    pthread_mutex_lock(&d->node->lock);
    bool news = d->over || d->node->ending || d->news != w->p->news;
    pthread_mutex_unlock(&d->node->lock);
    return news;
}

/* A producer that pushes nothing may not know of us, or have lost its line: it is asked. */
static void fetch(struct part *p)
{
    const struct su_peer_call call = {
        .deadline_ms = FETCH_CALL_MS, .cancelled = node_duty_over, .ctx = p->d};

    for (uint32_t i = 0; i < p->n_in; i++)
        if (p->in[i] && su_flow_have(p->in[i]) <= p->done && p->from[i].endpoint[0] &&
            memcmp(p->from[i].identity, p->d->node->identity, 32) != 0)
            while (su_flow_fetch(p->in[i], p->from[i].endpoint, 0, &call, NULL) == SU_OK &&
                   su_flow_have(p->in[i]) < p->steps && !node_duty_over(p->d))
                continue;
}

/* Until a step more can be run. SU_EBUSY, SU_ECANCELLED as part_produce. */
static enum su_code wait_inputs(struct part *p, struct su_err *e)
{
    struct waiting w = {.p = p};
    uint64_t since = su_clock_mono_ns();
    uint32_t pause = FETCH_FIRST_MS;
    enum su_code rc = SU_OK;

    while (!rc && ready(p) <= p->done) {
        struct su_flow_need need[SU_PORTS_MAX];
        uint32_t n = 0;
        if (!part_sync(p))
            rc = SU_ECANCELLED;
        else if (part_resourced(p))
            rc = su_fail(e, SU_EBUSY, "input", "its producer was replaced");
        else
            rc = part_connect(p, e);
        for (uint32_t i = 0; i < p->n_in; i++)
            if (p->in[i])
                need[n++] = (struct su_flow_need){.flow = p->in[i], .have = p->done + 1};
        if (rc)
            break;
        rc = su_flow_wait(p->d->node->exchange, need, n, pause, on_news, &w, e);
        if (rc == SU_ETIMEOUT) {
            fetch(p);
            pause = SU_MIN(2 * pause, FETCH_MAX_MS);
        }
        if (rc == SU_ETIMEOUT || rc == SU_ECANCELLED)
            rc = node_duty_over(p->d) ? SU_ECANCELLED : SU_OK;
    }
    pthread_mutex_lock(&p->d->node->lock);
    p->d->wait_us += (su_clock_mono_ns() - since) / 1000;
    pthread_mutex_unlock(&p->d->node->lock);
    return rc;
}

/* ---- running ---------------------------------------------------------------------------------------- */

/* Steps of the next dispatch, their rows brought to memory. */
static enum su_code gather(struct part *p, uint32_t *n, const void **input, struct su_err *e)
{
    uint32_t most = SU_MIN(p->package->t_max, p->package->e_max);
    enum su_code rc = SU_OK;

    *n = SU_MIN(SU_MIN(ready(p) - p->done, most), SU_WIRE_STEPS_MAX);
    for (uint32_t i = 0; i < p->n_in && !rc; i++) {
        uint64_t at = p->done * p->row_bytes[i];
        if (p->external[i]) {
            input[i] = p->external[i] + at;
            continue;
        }
        input[i] = p->rows[i] + at;
        rc = su_flow_rows(p->in[i], p->done, *n, p->rows[i] + at, NULL, e);
    }
    return rc;
}

/* Our leaves of an input are those that its producer signed: else it has lied about one. */
static enum su_code compare_leaves(struct part *p, uint32_t n, struct su_err *e)
{
    uint8_t *leaves = su_try_alloc(n, 32);
    enum su_code rc = leaves ? SU_OK : su_fail(e, SU_ENOMEM, NULL, "%u leaves", n);

    for (uint32_t i = 0; i < p->n_in && !rc; i++) {
        if (!p->in[i])
            continue;
        rc = su_flow_rows(p->in[i], p->done, n, NULL, leaves, e);
        for (uint32_t s = 0; s < n && !rc; s++)
            if (memcmp(leaves + 32 * (size_t)s,
                       su_trace_leaf(p->trace, SU_PORT_INPUT, i, p->done + s), 32) != 0)
                rc = su_fail(e, SU_EDIGEST, "input", "step %u: the leaf is not that of the row",
                             p->done + s);
    }
    free(leaves);
    return rc;
}

static enum su_code emit(struct part *p, uint32_t n, const struct su_task_result *r,
                         struct su_err *e)
{
    uint8_t *leaves = su_try_alloc(n, 32);
    enum su_code rc = leaves ? SU_OK : su_fail(e, SU_ENOMEM, NULL, "%u leaves", n);

    for (uint32_t o = 0; o < p->n_out && !rc; o++) {
        for (uint32_t s = 0; s < n; s++)
            memcpy(leaves + 32 * (size_t)s, su_trace_leaf(p->trace, SU_PORT_OUTPUT, o, p->done + s),
                   32);
        rc = su_flow_emit(p->out[o], p->done, n, r->output[o], leaves, e);
    }
    free(leaves);
    return rc;
}

static enum su_code dispatch(struct part *p, struct su_err *e)
{
    struct node_task *t = p->d->task;
    const void *input[SU_PORTS_MAX] = {NULL};
    struct su_task_result r = {.ms = 0};
    uint32_t n;
    enum su_code rc = gather(p, &n, input, e);
    struct su_row *row = rc ? NULL : su_try_alloc(n, sizeof *row);

    if (!rc && !row)
        rc = su_fail(e, SU_ENOMEM, NULL, "%u rows", n);
    for (uint32_t i = 0; i < n && !rc; i++)
        row[i] = (struct su_row){.session = p->session, .position = p->done + i, .emit = true};
    if (!rc) {
        node_turn_take(&t->turn);
        rc = su_task_run(t->task, row, n, input, p->trace, &r, e);
        node_turn_give(&t->turn);
    }
    if (!rc)
        rc = compare_leaves(p, n, e);
    if (!rc)
        rc = emit(p, n, &r, e);
    pthread_mutex_lock(&p->d->node->lock);
    p->d->compute_us += (uint64_t)(r.ms * 1000);
    p->d->steps_done = rc ? p->done : p->done + n;
    pthread_mutex_unlock(&p->d->node->lock);
    su_task_result_fini(&r);
    free(row);
    if (!rc)
        p->done += n;
    return rc;
}

enum su_code part_produce(struct part *p, struct su_err *e)
{
    enum su_code rc = part_connect(p, e);

    node_duty_state(p->d, "fetching");
    drop_run(p);
    if (!rc && !part_sync(p))
        rc = SU_ECANCELLED;
    if (!rc)
        rc = open_run(p, e);
    while (!rc && p->done < p->steps) {
        if (ready(p) <= p->done) {
            node_duty_state(p->d, "waiting");
            rc = wait_inputs(p, e);
        }
        if (!rc) {
            node_duty_state(p->d, "running");
            rc = dispatch(p, e);
        }
        if (!rc && on_news(&(struct waiting){.p = p}))
            rc = !part_sync(p)       ? SU_ECANCELLED
                 : part_resourced(p) ? su_fail(e, SU_EBUSY, "input", "its producer was replaced")
                                     : SU_OK;
    }
    return rc;
}
