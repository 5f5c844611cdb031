// SPDX-License-Identifier: MIT
/* Checks that fall on us: accept, get what the asserter was given, do it again, post the roots. */
#include "node_priv.h"

#include <stdlib.h>
#include <string.h>

#define PAUSE_FIRST_MS 250u
#define PAUSE_MAX_MS 4000u
#define LOOK_MS 1000u
#define WAIT_MS 5000u /* that the asserter may take to find the frames */
#define CALL_MS 20000u

struct check {
    struct node_duty *d;
    struct node_view v;
    uint64_t news;
    const struct su_package *package;
    const struct su_graph *graph;
    struct su_buf container;
    struct su_input input;
    struct su_prompt prompt; /* of a generation */
    uint8_t *rows[SU_PORTS_MAX]; /* of the steps that have one */
    bool replayed;
    struct su_trace_roots roots;
    uint64_t others_ns; /* of the replay: what went to those who run the task for its own sake */
};

/* ---- inputs ---------------------------------------------------------------------------------- */

/* The first step at which input i has a row. */
static uint32_t first_of(const struct check *k, uint32_t i)
{
    const struct su_value *v = &k->graph->value[k->graph->input[i]];

    return k->v.generates ? su_prompt_first(&k->prompt, v->domain) : 0;
}

static void wanted(const struct check *k, uint32_t i, bool from_asserter, uint32_t step,
                   struct su_peer_want *w)
{
    const struct node_source *s = &k->v.source[i];
    struct su_wire_want *m = &w->want;

    memset(w, 0, sizeof *w);
    m->ref.execution = k->d->execution->key;
    m->ref.request_slot = k->v.request_slot;
    m->ref.task = from_asserter ? k->d->index : s->task;
    m->ref.attempt = from_asserter ? k->d->attempt : s->attempt;
    m->ref.port = from_asserter ? (uint8_t)i : s->output;
    m->step_first = s->fed && !from_asserter ? step - 1 : step;
    m->step_count = k->v.steps + s->fed - step;
    m->purpose = from_asserter ? SU_WIRE_CHECK : SU_WIRE_RECOVERY;
    w->wait_ms = WAIT_MS;
    w->sender = from_asserter ? k->v.asserter : s->identity;
    w->producer = from_asserter ? s->identity : NULL;
}

/* Copies the rows of one frame that belong to input i; *have moves over what is there without gaps. */
static enum su_code take(struct check *k, uint32_t i, const struct su_wire_frame *frame,
                         uint32_t *have, struct su_err *e)
{
    const struct su_value *v = &k->graph->value[k->graph->input[i]];
    const uint64_t row = su_value_row_bytes(v);
    const uint32_t first = first_of(k, i), shift = k->v.source[i].fed;
    struct su_wire_frame inner = *frame;
    enum su_code rc = SU_OK;

    if (frame->m.kind == SU_WIRE_INPUT && frame->m.u.input.external)
        return SU_OK; /* the container, which is here */
    if (frame->m.kind == SU_WIRE_INPUT)
        rc = su_peer_inner(frame, &inner, e);
    if (rc)
        return rc;
    const struct su_wire_activation *a = &inner.m.u.activation;
    if (a->dtype != (uint8_t)v->dtype || a->rank != v->shape.rank ||
        memcmp(a->dims, v->shape.dim, v->shape.rank * sizeof a->dims[0]) != 0 ||
        su_wire_row_bytes(a) != row || inner.m.data_bytes != row * a->step_count)
        return su_fail(e, SU_ETYPE, "input", "%u: a frame of another shape", i);
    for (uint32_t s = 0; s < a->step_count; s++) {
        uint64_t step = (uint64_t)a->step_first + shift + s;
        if (step == *have && step < k->v.steps + shift) {
            memcpy(k->rows[i] + (step - first) * row, inner.m.data + s * row, (size_t)row);
            ++*have;
        }
    }
    return SU_OK;
}

/* All steps of input i from one who has them. */
static enum su_code ask(struct check *k, uint32_t i, bool from_asserter, struct su_err *e)
{
    const char *endpoint = from_asserter ? k->v.asserter_endpoint : k->v.source[i].endpoint;
    const struct su_peer_call call = {
        .deadline_ms = CALL_MS, .cancelled = node_duty_over, .ctx = k->d};
    uint32_t have = k->v.source[i].fed ? k->prompt.steps : first_of(k, i);
    const uint32_t end = k->v.steps + k->v.source[i].fed; /* with what was drawn last */
    enum su_code rc = SU_OK;

    if (have < end && endpoint[0] == 0)
        return su_fail(e, SU_ENOENT, "input", "%u: whoever has it has no endpoint", i);
    while (!rc && have < end) {
        struct su_peer_want w;
        struct su_buf frames;
        struct su_wire_frame f;
        size_t at = 0;
        uint32_t before = have;
        wanted(k, i, from_asserter, have, &w);
        su_buf_init(&frames, 0);
        rc = su_peer_want(k->d->node->self, endpoint, &w, &call, &frames, NULL, e);
        while (!rc && su_peer_next(&frames, &at, &f))
            rc = take(k, i, &f, &have, e);
        su_buf_fini(&frames);
        if (!rc && have == before)
            rc = su_fail(e, SU_ENOENT, "input", "%u: step %u does not come", i, have);
    }
    return rc;
}

static enum su_code get_external(struct check *k, uint32_t i, const void **rows, struct su_err *e)
{
    const struct su_input_tensor *t;
    enum su_code rc = SU_OK;

    if (k->container.len == 0)
        rc = node_input_get(k->d, &k->v, &k->container, &k->input, e);
    if (!rc)
        rc = su_input_find(&k->input, k->package, k->d->index, i, &t, e);
    if (!rc && t->steps < k->v.steps)
        rc = su_fail(e, SU_EFORMAT, "input", "has %u steps, the request is for %u", t->steps,
                     k->v.steps);
    if (!rc)
        *rows = t->rows;
    return rc;
}

static enum su_code get_prompt(struct check *k, struct su_err *e)
{
    enum su_code rc = SU_OK;

    if (!k->v.generates)
        return SU_OK;
    if (k->container.len == 0)
        rc = node_input_get(k->d, &k->v, &k->container, &k->input, e);
    return rc ? rc : su_prompt_of(k->package, &k->input, k->v.seed, &k->prompt, e);
}

static enum su_code get_inputs(struct check *k, const void **input, struct su_err *e)
{
    enum su_code rc = get_prompt(k, e);

    for (uint32_t i = 0; i < k->graph->n_input && !rc; i++) {
        uint64_t row = su_value_row_bytes(&k->graph->value[k->graph->input[i]]);
        if (k->v.source[i].external && !k->v.source[i].fed) {
            rc = get_external(k, i, &input[i], e);
            continue;
        }
        if (!k->rows[i])
            k->rows[i] = su_try_alloc(k->v.steps + 1, (size_t)row);
        if (!k->rows[i])
            return su_fail(e, SU_ENOMEM, "input", "%u rows of %llu bytes", k->v.steps,
                           (unsigned long long)row);
        if (k->v.source[i].fed)
            memcpy(k->rows[i], k->prompt.draw.prompt,
                   SU_MIN(k->prompt.steps, k->v.steps) * sizeof *k->prompt.draw.prompt);
        rc = ask(k, i, true, e);
        if (rc && rc != SU_ECANCELLED && rc != SU_EACCES)
            rc = ask(k, i, false, e);
        input[i] = k->rows[i];
    }
    return rc;
}

/* ---- doing it again -------------------------------------------------------------------------- */

/* Between two dispatches: those who run the same task for its own sake go first. */
static bool between(void *ctx)
{
    struct check *k = ctx;
    uint64_t since = su_clock_mono_ns();

    node_turn_yield(&k->d->task->turn);
    k->others_ns += su_clock_mono_ns() - since;
    return node_duty_over(k->d);
}

static void on_progress(void *ctx, uint32_t done, uint32_t total)
{
    struct node_duty *d = ((struct check *)ctx)->d;

    (void)total;
    pthread_mutex_lock(&d->node->lock);
    d->steps_done = done;
    pthread_mutex_unlock(&d->node->lock);
}

/* Which steps emit: a list the caller frees, or NULL when all do. */
static enum su_code list_emits(const struct check *k, bool **out, struct su_err *e)
{
    *out = k->v.generates ? su_try_alloc(k->v.steps, sizeof **out) : NULL;
    if (k->v.generates && !*out)
        return su_fail(e, SU_ENOMEM, NULL, "%u steps", k->v.steps);
    for (uint32_t s = 0; *out && s < k->v.steps; s++)
        (*out)[s] = su_prompt_emits(&k->prompt, s);
    return SU_OK;
}

static const uint32_t *fed_tokens(const struct check *k)
{
    for (uint32_t i = 0; i < k->graph->n_input; i++)
        if (k->v.source[i].fed)
            return (const uint32_t *)(const void *)k->rows[i];
    return NULL;
}

/* lock held */
static void note(const struct node_duty *d, uint32_t steps)
{
    struct node_checked *c = &d->node->checked[d->node->n_checked++ % NODE_CHECKED_MAX];

    memcpy(c->execution, d->execution->key, 32);
    c->task = d->index;
    c->steps = steps;
    c->compute_us = d->times.compute_us;
}

/* Whoever goes step by step waits for no larger a dispatch of a check than of a prompt. */
static uint32_t rows_now(void *check, uint32_t most)
{
    struct check *k = check;

    return node_batch_rows(k->d->task, UINT32_MAX, most);
}

static enum su_code replay(struct check *k, struct su_err *e)
{
    struct node_duty *d = k->d;
    struct su_replay r = {.steps = k->v.steps,
                          .cancelled = between,
                          .rows = rows_now,
                          .progress = on_progress,
                          .ctx = k};
    struct su_trace *trace = NULL;
    bool *emits = NULL;
    uint64_t since;

    node_duty_state(d, "fetching");
    enum su_code rc = get_inputs(k, r.input, e);
    if (!rc)
        rc = list_emits(k, &emits, e);
    if (rc)
        return rc;
    r.emits = emits;
    r.draw = k->v.generates ? &k->prompt.draw : NULL;
    node_duty_state(d, "running");
    node_turn_take(&d->task->turn);
    since = su_clock_mono_ns();
    k->others_ns = 0;
    rc = su_task_replay(d->task->task, &r, &trace, NULL, e);
    uint64_t took_us = (su_clock_mono_ns() - since - k->others_ns) / 1000;
    node_turn_give(&d->task->turn);
    pthread_mutex_lock(&d->node->lock);
    d->times.compute_us += took_us;
    if (!rc)
        note(d, k->v.steps);
    pthread_mutex_unlock(&d->node->lock);
    if (!rc)
        rc = su_prompt_roots(k->v.generates ? &k->prompt : NULL, d->index, trace, fed_tokens(k),
                             k->v.steps, &k->roots, e);
    k->replayed = rc == SU_OK;
    su_trace_free(trace);
    free(emits);
    return rc;
}

/* ---- the thread ------------------------------------------------------------------------------ */

static bool prepare(struct check *k)
{
    struct su_node_agent *n = k->d->node;

    (void)node_duty_view(k->d, &k->v, &k->news);
    pthread_mutex_lock(&n->lock);
    k->package = k->d->task->model->package;
    pthread_mutex_unlock(&n->lock);
    k->graph = k->package->task[k->d->index].graph;
    return k->graph->n_input == k->v.n_source && k->v.steps > 0;
}

/* What is waited for now, once. *acted: something was sent. */
static enum su_code act(struct check *k, bool *acted, struct su_err *e)
{
    const bool may_accept = k->d->row.path_len > 0 || k->d->row.high > 0;
    enum su_code rc = SU_OK;

    *acted = true;
    if (k->v.mine && k->v.due == SU_CHAIN_DUE_ACCEPT && may_accept) {
        node_duty_state(k->d, "accepting");
        return node_send_accept(k->d, &k->v, e);
    }
    if (k->v.mine && k->v.due == SU_CHAIN_DUE_POST) {
        if (!k->replayed)
            rc = replay(k, e);
        if (!rc)
            node_duty_state(k->d, "posting");
        return rc ? rc : node_send_post(k->d, &k->v, k->roots.inputs, k->roots.outputs, e);
    }
    *acted = false;
    return SU_OK;
}

/* The asserter learns of our Check a moment after we do. */
static bool is_early(enum su_code rc, uint32_t pause)
{
    return rc == SU_EACCES && pause < PAUSE_MAX_MS;
}

static void work(struct check *k)
{
    uint32_t pause = PAUSE_FIRST_MS;

    while (node_duty_view(k->d, &k->v, &k->news)) {
        struct su_err e = {0};
        bool acted;
        enum su_code rc = act(k, &acted, &e);
        if (rc == SU_OK) {
            node_duty_wait(k->d, k->news, acted ? 4 * LOOK_MS : LOOK_MS);
            pause = PAUSE_FIRST_MS;
        } else if (rc != SU_ECANCELLED) {
            if (!is_early(rc, pause))
                node_duty_error(k->d, &e);
            node_duty_wait(k->d, k->news, pause);
            pause = SU_MIN(2 * pause, PAUSE_MAX_MS);
        }
    }
}

void *node_check_main(void *duty)
{
    struct node_duty *d = duty;
    struct check *k = su_alloc(sizeof *k);

    k->d = d;
    su_buf_init(&k->container, SU_INPUT_BYTES_MAX);
    if (prepare(k))
        work(k);
    else
        node_duty_state(d, "failed");
    while (!node_duty_over(d))
        node_duty_wait(d, k->news, LOOK_MS);
    for (uint32_t i = 0; i < SU_PORTS_MAX; i++)
        free(k->rows[i]);
    su_buf_fini(&k->container);
    free(k);
    pthread_mutex_lock(&d->node->lock);
    d->ended = true;
    pthread_cond_broadcast(&d->node->wake);
    pthread_mutex_unlock(&d->node->lock);
    return NULL;
}
