// SPDX-License-Identifier: MIT
/* Runs a task's steps as their inputs come, and hands out what it gives. */
#include "part.h"
#include "spoil.h"

#include <stdlib.h>
#include <string.h>

#define FETCH_FIRST_MS 2000u /* without news from a producer before it is asked */
#define FETCH_MAX_MS 16000u
#define FETCH_CALL_MS 10000u

/* ---- connections ----------------------------------------------------------------------------- */

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
            if (!su_mul_u64(row, p->v.max_steps, &all) || !su_add_u64(sum, all, &sum) ||
                !su_add_u64(sum, 4096, &sum))
                return UINT64_MAX / 2;
        }
    }
    return sum;
}

/* Rows come from somebody's task, if not from the first step on. */
static bool comes(const struct part *p, uint32_t i)
{
    return !p->v.source[i].external || p->v.source[i].fed;
}

uint32_t part_first(const struct part *p, bool output, uint32_t i)
{
    return p->v.generates ? su_prompt_first(&p->prompt, port_value(p, output, i)->domain) : 0;
}

static enum su_code open_in(struct part *p, uint32_t i, struct su_err *e)
{
    const struct node_source *s = &p->v.source[i];
    struct su_flow_opts o = {.execution = p->d->execution->key,
                             .task = s->task,
                             .attempt = s->attempt,
                             .output = s->output,
                             .producer = s->identity,
                             .first = s->fed ? p->prompt.steps - 1 : part_first(p, false, i),
                             .end = p->v.max_steps};

    if (!comes(p, i) || p->in[i] || su_free_is_zero(s->identity, 32))
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
                             .first = part_first(p, true, i),
                             .end = p->v.max_steps};

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
        port[i].produced = comes(p, i);
        port[i].shift = s->fed;
        port[i].task = s->task;
        port[i].attempt = s->attempt;
        port[i].output = s->output;
    }
    return su_exchange_ports(p->d->node->exchange, p->d->execution->key, p->d->index, p->d->attempt,
                             port, p->n_in, e);
}

/* What the container says of a generation, kept for as long as the part. */
static enum su_code open_prompt(struct part *p, struct su_err *e)
{
    struct su_prompt prompt;

    if (!p->v.generates || p->prompt.steps > 0)
        return SU_OK;
    enum su_code rc =
        p->container.len > 0 ? SU_OK : node_input_get(p->d, &p->v, &p->container, &p->input, e);
    if (!rc)
        rc = su_prompt_of(p->package, &p->input, p->v.seed, &prompt, e);
    if (!rc && prompt.steps > p->v.max_steps)
        rc = su_fail(e, SU_EFORMAT, "input", "a prompt of %u tokens, the request is for %u steps",
                     prompt.steps, p->v.max_steps);
    if (rc)
        return rc;
    p->tokens = su_try_alloc(prompt.steps, sizeof *p->tokens);
    if (!p->tokens)
        return su_fail(e, SU_ENOMEM, "input", "a prompt of %u tokens", prompt.steps);
    memcpy(p->tokens, prompt.draw.prompt, prompt.steps * sizeof *p->tokens);
    p->prompt = prompt;
    p->prompt.draw.prompt = p->tokens;
    return SU_OK;
}

enum su_code part_connect(struct part *p, struct su_err *e)
{
    struct su_node_agent *n = p->d->node;
    enum su_code rc = su_exchange_enter(n->exchange, p->d->execution->key, p->v.request_slot,
                                        journal_bytes(p), e);

    if (!rc)
        rc = open_prompt(p, e);
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
    p->fed_end = UINT32_MAX;
    p->ended = false;
    p->done = 0;
}

void part_rest(struct part *p)
{
    drop_run(p);
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

/* Nobody's rows are taken at present, or another's than they should be. */
static bool resourced(const struct part *p, uint32_t i)
{
    const struct node_source *now = &p->v.source[i];

    if (!p->in[i])
        return comes(p, i) && !su_free_is_zero(now->identity, 32);
    return memcmp(p->from[i].identity, now->identity, 32) != 0 ||
           p->from[i].attempt != now->attempt;
}

bool part_resourced(const struct part *p)
{
    bool any = false;

    for (uint32_t i = 0; i < p->n_in; i++)
        any |= resourced(p, i);
    return any;
}

enum su_code part_reconnect(struct part *p, struct su_err *e)
{
    for (uint32_t i = 0; i < p->n_in; i++)
        if (resourced(p, i)) {
            su_flow_close(p->in[i]);
            p->in[i] = NULL;
            p->unproven[i] = p->done > 0;
        }
    return part_connect(p, e);
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

/* ---- inputs ---------------------------------------------------------------------------------- */

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
    p->row_bytes[i] = su_value_row_bytes(port_value(p, false, i));
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

/* How many steps input i is here for: what was drawn at one step is the input of the next. */
static uint32_t here(const struct part *p, uint32_t i)
{
    if (p->external[i])
        return p->steps;
    if (p->v.source[i].fed)
        return p->in[i] ? su_flow_have(p->in[i]) + 1 : p->prompt.steps;
    return p->in[i] ? su_flow_have(p->in[i]) : part_first(p, false, i);
}

/* Steps that all inputs are here for. */
static uint32_t ready(const struct part *p)
{
    uint32_t least = SU_MIN(p->steps, p->fed_end);

    for (uint32_t i = 0; i < p->n_in; i++) {
        uint32_t n = here(p, i);
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

/* All steps of it were run. A task of a generation that draws nothing learns from the chain how many
   they are; it may have run more of them by then. */
static bool finished(struct part *p)
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
        if (p->in[i] && here(p, i) <= p->done && p->from[i].endpoint[0] &&
            memcmp(p->from[i].identity, p->d->node->identity, 32) != 0)
            while (su_flow_fetch(p->in[i], p->from[i].endpoint, 0, &call, NULL) == SU_OK &&
                   su_flow_have(p->in[i]) < p->v.max_steps && !node_duty_over(p->d))
                continue;
}

/* Who takes a task over gets what was kept for it in a few large answers, rather than frame by frame. */
static void fetch_kept(struct part *p)
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
                                              .have = last ? p->steps : flow_need(p, i, next)};
    return n;
}

/* Nobody has the task that the next rows come from. */
static bool lacking(const struct part *p)
{
    bool any = false;

    for (uint32_t i = 0; i < p->n_in; i++)
        any |= comes(p, i) && !p->in[i] && (p->unproven[i] || here(p, i) <= p->done);
    return any;
}

/* Looks at the news; SU_EBUSY, SU_ECANCELLED as part_produce. */
static enum su_code catch_up(struct part *p, struct su_err *e)
{
    if (!part_sync(p))
        return SU_ECANCELLED;
    return part_resourced(p) ? part_reconnect(p, e) : SU_OK;
}

/* Until there is something to be looked at. */
static enum su_code wait_once(struct part *p, uint32_t *pause, struct su_err *e)
{
    struct waiting w = {.p = p};
    struct su_flow_need need[SU_PORTS_MAX];
    uint32_t n = needs(p, need);

    /* Only the chain can tell who will have a task, or how many steps there are. */
    if (n == 0 || lacking(p) || (p->done >= p->steps && proven(p) && !p->ended)) {
        node_duty_wait(p->d, p->news, *pause);
        return node_duty_over(p->d) ? SU_ECANCELLED : SU_OK;
    }
    enum su_code rc = su_flow_wait(p->d->node->exchange, need, n, *pause, on_news, &w, e);
    if (rc == SU_ETIMEOUT) {
        fetch(p);
        *pause = SU_MIN(2 * *pause, FETCH_MAX_MS);
    }
    if (rc == SU_ETIMEOUT || rc == SU_ECANCELLED)
        rc = node_duty_over(p->d) ? SU_ECANCELLED : SU_OK;
    return rc;
}

static bool can_run(const struct part *p)
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

/* Until a step more can be run, or all are. SU_EBUSY, SU_ECANCELLED as part_produce. */
static enum su_code wait_inputs(struct part *p, struct su_err *e)
{
    struct waiting w = {.p = p};
    uint64_t since = su_clock_mono_ns();
    uint32_t pause = FETCH_FIRST_MS;
    enum su_code rc = SU_OK;

    while (!rc && !finished(p) && !can_run(p)) {
        if (on_news(&w) || lacking(p))
            rc = catch_up(p, e);
        if (!rc)
            rc = prove_all(p, e);
        if (!rc && !finished(p) && !can_run(p))
            rc = wait_once(p, &pause, e);
    }
    count_wait(p, since, su_clock_mono_ns());
    return rc;
}

/* ---- running --------------------------------------------------------------------------------- */

static bool ends(const struct part *p, uint32_t token)
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
    if (from >= end)
        return SU_OK;
    uint8_t *rows = p->rows[i] + (from - base) * p->row_bytes[i];
    enum su_code rc = su_flow_rows(p->in[i], flow_need(p, i, from), end - from, rows, NULL, e);
    for (uint32_t s = from; fed && s < end && !rc && p->fed_end == UINT32_MAX; s++)
        if (ends(p, su_le32(rows + (s - from) * p->row_bytes[i])))
            p->fed_end = s;
    return rc;
}

/* Steps of the next dispatch, their rows brought to memory; 0: there is none after all. */
static enum su_code gather(struct part *p, uint32_t *n, const void **input, struct su_err *e)
{
    enum su_code rc = SU_OK;

    *n = most_rows(p);
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

static enum su_code emit(struct part *p, uint32_t n, const struct su_task_result *r,
                         struct su_err *e)
{
    struct su_flow_given given[SU_PORTS_MAX];
    uint8_t *leaves = su_try_alloc((size_t)n * SU_MAX(p->n_out, 1u), 32), *at = leaves;
    enum su_code rc = leaves ? SU_OK : su_fail(e, SU_ENOMEM, NULL, "%u leaves", n);
    uint32_t k = 0;

    for (uint32_t o = 0; o < p->n_out && !rc; o++) {
        uint32_t from = SU_MAX(p->done, part_first(p, true, o)), end = p->done + n;
        if (from >= end)
            continue;
        given[k++] = (struct su_flow_given){p->out[o], from, end - from, r->output[o], at};
        for (uint32_t s = from; s < end; s++, at += 32)
            memcpy(at, su_trace_leaf(p->trace, SU_PORT_OUTPUT, o, s), 32);
    }
    if (!rc)
        rc = su_flow_emit_all(given, k, e);
    free(leaves);
    return rc;
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
        if (ends(p, su_le32(tokens + 4 * (size_t)(s - from)))) {
            p->ended = true;
            p->steps = s + 1;
            return p->steps - p->done;
        }
    return n;
}

static enum su_code run(struct part *p, uint32_t n, const void *const *input,
                        struct node_batch_item *b, struct su_err *e)
{
    struct su_row *row = su_try_alloc(n, sizeof *row);

    if (!row)
        return su_fail(e, SU_ENOMEM, NULL, "%u rows", n);
    for (uint32_t i = 0; i < n; i++)
        row[i] =
            (struct su_row){.session = p->session,
                            .position = p->done + i,
                            .emit = !p->v.generates || su_prompt_emits(&p->prompt, p->done + i)};
    *b = (struct node_batch_item){.row = row,
                                  .n_row = n,
                                  .input = input,
                                  .trace = p->trace,
                                  .later = !su_node_fault("wrong-output") &&
                                           !su_node_fault("wrong-weights") &&
                                           !su_node_fault("double-sign")};
    enum su_code rc = node_batch_run(p->d->task, b, e);
    free(row);
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
    struct su_task_result *r = &b.result;
    uint32_t n = 0, counts = 0;
    enum su_code rc = gather(p, &n, input, e);

    if (rc || n == 0)
        return rc;
    rc = run(p, n, input, &b, e);
    if (!rc)
        rc = compare_leaves(p, n, e);
    if (!rc) {
        counts = until_end(p, n, r);
        part_spoil_results(p, n, r);
        part_spoil_frames(p, n, r);
        rc = emit(p, counts, r, e);
        part_spoil_leaves(p, n);
    }
    su_trace_settle(p->trace); /* the results are on their way */
    count_dispatch(p, &b, rc ? 0 : counts);
    node_batch_item_fini(&b);
    if (!rc)
        p->done += counts;
    return rc;
}

/* The token behind those that were run. */
static enum su_code take_last(struct part *p, struct su_err *e)
{
    enum su_code rc = SU_OK;

    for (uint32_t i = 0; i < p->n_in && !rc; i++)
        if (p->v.source[i].fed && p->steps >= p->prompt.steps)
            rc = su_flow_rows(p->in[i], p->steps - 1, 1, p->rows[i] + p->steps * p->row_bytes[i],
                              NULL, e);
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
    drop_run(p);
    p->steps = p->v.generates ? p->v.max_steps : p->v.steps;
    enum su_code rc = part_connect(p, e);
    if (!rc && !part_sync(p))
        rc = SU_ECANCELLED;
    if (!rc)
        rc = open_run(p, e);
    if (!rc && p->d->attempt > 0)
        fetch_kept(p);
    while (!rc && !finished(p)) {
        if (!can_run(p)) {
            node_duty_state(p->d, "waiting");
            rc = wait_inputs(p, e);
        }
        if (!rc && !finished(p) && can_run(p)) {
            node_duty_state(p->d, "running");
            rc = dispatch(p, e);
        }
        if (!rc && on_news(&(struct waiting){.p = p}))
            rc = catch_up(p, e);
    }
    if (!rc)
        rc = take_last(p, e);
    if (!rc && p->container.len > 0) /* for checks; not before, as it takes a disk's time */
        rc = su_exchange_container_put(p->d->node->exchange, p->d->execution->key,
                                       p->container.data, p->container.len, e);
    if (!rc)
        su_trace_truncate(p->trace, p->steps);
    return rc;
}

enum su_code part_produce(struct part *p, struct su_err *e)
{
    count_run(p, true);
    enum su_code rc = produce(p, e);
    count_run(p, false);
    return rc;
}
