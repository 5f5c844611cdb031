// SPDX-License-Identifier: MIT
/* Whom a part gets its inputs from, and to whom it sends what it gives. */
#include "part.h"

#include <stdlib.h>
#include <string.h>

const struct su_value *part_port_value(const struct part *p, bool output, uint32_t i)
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

bool part_comes(const struct part *p, uint32_t i)
{
    return !p->v.source[i].external || p->v.source[i].fed;
}

uint32_t part_first(const struct part *p, bool output, uint32_t i)
{
    return p->v.generates ? su_prompt_first(&p->prompt, part_port_value(p, output, i)->domain) : 0;
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

    if (!part_comes(p, i) || p->in[i] || su_free_is_zero(s->identity, 32))
        return SU_OK;
    shape_of(part_port_value(p, false, i), &o);
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
    shape_of(part_port_value(p, true, i), &o);
    return su_flow_open(p->d->node->exchange, &o, &p->out[i], e);
}

static enum su_code tell_ports(struct part *p, struct su_err *e)
{
    struct su_exchange_port port[SU_PORTS_MAX] = {{.external = false}};

    for (uint32_t i = 0; i < p->n_in; i++) {
        const struct node_source *s = &p->v.source[i];
        port[i].external = s->external;
        port[i].produced = part_comes(p, i);
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

void part_disconnect(struct part *p)
{
    part_rest(p);
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
        return part_comes(p, i) && !su_free_is_zero(now->identity, 32);
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
