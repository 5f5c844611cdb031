// SPDX-License-Identifier: MIT
/* What the reading of an execution means for us: which tasks are ours to run and to check, and what the
   threads that do it must know. */
#include "node_priv.h"

#include <stdlib.h>
#include <string.h>

#define HANG_STEPS 12u /* that the fault "hang" lets it run */

static bool is_zero(const uint8_t key[32])
{
    return su_free_is_zero(key, 32);
}

static void endpoint_of(const struct su_chain_case *c, const uint8_t identity[32],
                        char out[SU_ENDPOINT_MAX + 1])
{
    const struct su_chain_part *p = is_zero(identity) ? NULL : su_chain_case_part(c, identity);

    out[0] = 0;
    if (p && p->node)
        su_str_sanitize(out, SU_ENDPOINT_MAX + 1, (const char *)p->node->endpoint,
                        p->node->endpoint_len);
}

/* ---- views ----------------------------------------------------------------------------------- */

static void view_sources(const struct su_chain_case *c, const struct su_acc_assignment *a,
                         struct node_view *v)
{
    v->n_source = a->input_count;
    v->n_output = a->output_count;
    for (size_t i = 0; i < a->input_count; i++) {
        struct node_source *s = &v->source[i];
        const struct su_source *from = &a->sources[i];
        s->external = from->external != 0;
        if (s->external)
            continue;
        const struct su_acc_assignment *p =
            from->task < SU_TASKS_MAX ? c->assignments[from->task] : NULL;
        s->task = from->task;
        s->output = from->output;
        if (p) {
            s->attempt = p->attempt;
            memcpy(s->identity, p->node, 32);
            endpoint_of(c, p->node, s->endpoint);
        }
    }
}

/* Who takes outputs of `task`. */
static void view_sinks(const struct su_chain_case *c, uint16_t task, struct node_view *v)
{
    for (uint16_t t = 0; t < SU_TASKS_MAX; t++) {
        const struct su_acc_assignment *a = c->assignments[t];
        for (size_t i = 0; a && !is_zero(a->node) && i < a->input_count; i++) {
            if (a->sources[i].external || a->sources[i].task != task || v->n_sink >= SU_TASKS_MAX)
                continue;
            struct node_sink *s = &v->sink[v->n_sink++];
            s->task = t;
            s->output = a->sources[i].output;
            memcpy(s->identity, a->node, 32);
            endpoint_of(c, a->node, s->endpoint);
        }
    }
}

/* Drawn tokens go on one step later: to the input that the prompt begins. */
static void view_feedback(const struct su_chain_case *c, const struct node_duty *d,
                          struct node_view *v)
{
    const struct su_acc_execution *x = c->execution;
    struct su_feedback f;

    v->generates = x->sample_task != SU_NO_TASK;
    if (!v->generates || !su_package_feedback(d->task->model->package, &f) ||
        f.from_task != x->sample_task || f.to_task >= SU_TASKS_MAX)
        return;
    const struct su_acc_assignment *from = c->assignments[f.from_task];
    const struct su_acc_assignment *to = c->assignments[f.to_task];
    v->draws = f.from_task == d->index;
    if (f.to_task == d->index && f.to_input < v->n_source && from) {
        struct node_source *s = &v->source[f.to_input];
        s->fed = true;
        s->task = (uint16_t)f.from_task;
        s->output = (uint8_t)f.from_output;
        s->attempt = from->attempt;
        memcpy(s->identity, from->node, 32);
        endpoint_of(c, from->node, s->endpoint);
    }
    if (v->draws && to && !is_zero(to->node) && v->n_sink < SU_TASKS_MAX) {
        struct node_sink *s = &v->sink[v->n_sink++];
        s->task = (uint16_t)f.to_task;
        s->output = (uint8_t)f.from_output;
        memcpy(s->identity, to->node, 32);
        endpoint_of(c, to->node, s->endpoint);
    }
}

static void view_of(const struct su_node_agent *n, const struct node_duty *d,
                    const struct su_chain_case *c, const struct su_chain_voted *voted,
                    struct node_view *v)
{
    const struct su_acc_execution *x = c->execution;
    const struct su_acc_assignment *a = c->assignments[d->index];

    memset(v, 0, sizeof *v);
    v->state = x->state;
    v->attempt = x->tasks[d->index].attempt;
    v->flags = x->tasks[d->index].flags;
    v->steps = x->steps;
    v->max_steps = x->max_steps;
    v->seed = x->seed;
    v->request_slot = x->request_slot;
    v->epoch = x->epoch;
    v->deadline_slot = x->deadline_slot;
    memcpy(v->requestor, x->requestor, 32);
    memcpy(v->input_digest, x->input_digest, 32);
    memcpy(v->model, x->model, 32);
    v->n_oracle = n->n_oracle;
    memcpy(v->oracle, n->oracle, sizeof v->oracle);
    if (!a)
        return;
    v->macs_per_step = a->macs_per_step;
    memcpy(v->asserter, a->node, 32);
    memcpy(v->commit, a->commit, 32);
    endpoint_of(c, a->node, v->asserter_endpoint);
    v->assigned = a->attempt == d->attempt && memcmp(a->node, n->identity, 32) == 0;
    view_sources(c, a, v);
    view_sinks(c, d->index, v);
    view_feedback(c, d, v);
    if (d->kind == NODE_CHECK) {
        struct su_chain_check_due due = su_chain_check_due(c, d->index, voted);
        v->due = (uint8_t)due.due;
        v->mine =
            due.identity && memcmp(due.identity, n->identity, 32) == 0 && due.check == d->number;
        v->deadline_slot = due.until_slot;
    }
}

/* ---- threads --------------------------------------------------------------------------------- */

static void note_takeover(struct su_node_agent *n, const struct node_duty *d)
{
    struct node_takeover *t = &n->takeover[n->n_takeover++ % NODE_TAKEOVERS];

    *t = (struct node_takeover){
        .task = d->index, .attempt = d->attempt, .assigned_ms = su_clock_wall_ms()};
    memcpy(t->execution, d->execution->key, 32);
}

/* Its state is there again: nothing more can be run before somebody sends more. lock held. */
static void note_rebuilt(struct su_node_agent *n, const struct node_duty *d)
{
    for (size_t i = 0; i < SU_MIN(n->n_takeover, (uint64_t)NODE_TAKEOVERS); i++) {
        struct node_takeover *t = &n->takeover[i];
        if (t->rebuilt_ms != 0 || t->task != d->index || t->attempt != d->attempt ||
            memcmp(t->execution, d->execution->key, 32) != 0)
            continue;
        t->rebuilt_ms = su_clock_wall_ms();
        t->steps = d->steps_done;
    }
}

static void start(struct su_node_agent *n, struct node_execution *x, const struct node_duty *like)
{
    struct node_duty *d = su_alloc(sizeof *d);
    unsigned *count = like->kind == NODE_PART ? &n->n_part : &n->n_check;
    char text[SU_CHAIN_TEXT];

    *d = *like;
    d->node = n;
    d->execution = x;
    view_of(n, d, x->seen, &x->voted, &d->view);
    d->view.slot = x->seen->slot;
    int failed = pthread_create(&d->thread, NULL,
                                d->kind == NODE_PART ? node_part_main : node_check_main, d);
    if (failed) {
        su_log(SU_LOG_ERROR, "node", "no thread for execution %s: %s",
               su_chain_key_text(x->key, text), strerror(failed));
        free(d);
        return;
    }
    ++*count;
    d->task->uses++;
    d->next = x->duty;
    x->duty = d;
    if (d->kind == NODE_PART && d->attempt > 0)
        note_takeover(n, d);
    su_log(SU_LOG_INFO, "node", "%s task %u of execution %s, attempt %u",
           d->kind == NODE_PART ? "running" : "checking", d->index, su_chain_key_text(x->key, text),
           d->attempt);
}

static struct node_duty *find(struct node_execution *x, enum node_duty_kind kind, uint16_t index)
{
    for (struct node_duty *d = x->duty; d; d = d->next)
        if (d->kind == kind && d->index == index && !d->over)
            return d;
    return NULL;
}

static void end_duty(struct su_node_agent *n, struct node_duty *d)
{
    d->over = true;
    pthread_cond_broadcast(&n->changed);
}

static bool task_ready(struct su_node_agent *n, const struct su_acc_assignment *a,
                       struct node_duty *like)
{
    like->task = node_task_find(n, a->task_account);
    return like->task && like->task->state == NODE_TASK_READY;
}

/* A task that is ours, as the assignment stands. */
static void look_part(struct su_node_agent *n, struct node_execution *x, uint16_t task)
{
    const struct su_acc_assignment *a = x->seen->assignments[task];
    const uint8_t state = x->seen->execution->state;
    struct node_duty *d = find(x, NODE_PART, task);
    bool ours = a && memcmp(a->node, n->identity, 32) == 0 && !a->approved;

    if (d && (!ours || d->attempt != a->attempt)) {
        end_duty(n, d);
        d = NULL;
    }
    if (d || !ours || n->ending || n->n_part >= NODE_PARTS_MAX || state < SU_EXEC_RUNNING ||
        state >= SU_EXEC_SETTLED)
        return;
    struct node_duty like = {.kind = NODE_PART, .index = task, .attempt = a->attempt};
    if (task_ready(n, a, &like))
        start(n, x, &like);
}

/* A check that falls on us. */
static void look_check(struct su_node_agent *n, struct node_execution *x, uint16_t task)
{
    const struct su_acc_assignment *a = x->seen->assignments[task];
    const struct su_chain_check_due due =
        su_chain_check_due(x->seen, task, x->voted.rows ? &x->voted : NULL);
    struct node_duty *d = find(x, NODE_CHECK, task);
    bool ours = (due.due == SU_CHAIN_DUE_ACCEPT || due.due == SU_CHAIN_DUE_POST) && due.identity &&
                memcmp(due.identity, n->identity, 32) == 0;

    if (d && (!ours || d->number != due.check)) {
        end_duty(n, d);
        d = NULL;
    }
    bool fresh = due.due == SU_CHAIN_DUE_ACCEPT;
    /* One that drains stands in tables that were voted before: whoever draws it waits for it. */
    if (d || !ours || !a || n->ending || n->unfit || n->n_check >= NODE_CHECKS_MAX)
        return;
    struct node_duty like = {
        .kind = NODE_CHECK, .index = task, .attempt = a->attempt, .number = due.check};
    if (fresh && due.row)
        like.row = *due.row;
    if (task_ready(n, a, &like))
        start(n, x, &like);
}

/* ---- grants ---------------------------------------------------------------------------------- */

static void grant(struct node_execution *x, const uint8_t identity[32], uint16_t task,
                  enum su_wire_purpose purpose)
{
    struct node_grant g = {.task = task, .purpose = (uint8_t)purpose};

    if (is_zero(identity))
        return;
    memcpy(g.identity, identity, 32);
    su_buf_put(&x->grants, &g, sizeof g);
}

/* What a task with this part takes beside its inputs: the tokens that are drawn. */
static void grant_tokens(struct node_execution *x, uint16_t task)
{
    const struct su_chain_case *c = x->seen;
    uint16_t from = c->execution->sample_task;

    if (from == SU_NO_TASK)
        return;
    grant(x, c->assignments[task]->node, from, SU_WIRE_RECOVERY);
    for (size_t k = 0; k < SU_VALIDATORS_MAX; k++)
        if (c->checks[task][k])
            grant(x, c->checks[task][k]->validator, from, SU_WIRE_RECOVERY);
}

/* A task's outputs go to those who consume them, to whoever checks a consumer (its asserter may be
   away), to the requestor and the oracles; its inputs to its validator and the oracles. */
static void look_grants(const struct su_node_agent *n, struct node_execution *x)
{
    const struct su_chain_case *c = x->seen;

    su_buf_clear(&x->grants);
    for (uint16_t t = 0; t < SU_TASKS_MAX; t++) {
        const struct su_acc_assignment *a = c->assignments[t];
        if (!a)
            continue;
        grant(x, c->execution->requestor, t, SU_WIRE_RECOVERY);
        grant_tokens(x, t);
        for (size_t k = 0; k < n->n_oracle; k++) {
            grant(x, n->oracle[k].key, t, SU_WIRE_RECOVERY);
            grant(x, n->oracle[k].key, t, SU_WIRE_CHECK);
        }
        for (size_t k = 0; k < SU_VALIDATORS_MAX; k++)
            if (c->checks[t][k])
                grant(x, c->checks[t][k]->validator, t, SU_WIRE_CHECK);
        for (size_t i = 0; i < a->input_count; i++) {
            if (a->sources[i].external)
                continue;
            grant(x, a->node, a->sources[i].task, SU_WIRE_RECOVERY);
            for (size_t k = 0; k < SU_VALIDATORS_MAX; k++)
                if (c->checks[t][k])
                    grant(x, c->checks[t][k]->validator, a->sources[i].task, SU_WIRE_RECOVERY);
        }
    }
}

bool node_duty_may(void *ctx, const struct su_wire_want *w, const uint8_t asker[32])
{
    struct su_node_agent *n = ctx;
    bool yes = false;

    pthread_mutex_lock(&n->lock);
    for (struct node_execution *x = n->execution; x; x = x->next) {
        if (memcmp(x->key, w->ref.execution, 32) != 0 || x->request_slot != w->ref.request_slot)
            continue;
        const struct node_grant *g = (const void *)x->grants.data;
        for (size_t i = 0; i < x->grants.len / sizeof *g && !yes; i++)
            yes = g[i].task == w->ref.task && g[i].purpose == w->purpose &&
                  memcmp(g[i].identity, asker, 32) == 0;
    }
    pthread_mutex_unlock(&n->lock);
    return yes;
}

/* ---- a reading ------------------------------------------------------------------------------- */

/* Joins the threads that have ended and takes them off the list. lock held; they need it no more. */
static void reap(struct su_node_agent *n, struct node_execution *x)
{
    for (struct node_duty **at = &x->duty; *at;) {
        struct node_duty *d = *at;
        if (!d->ended) {
            at = &d->next;
            continue;
        }
        *at = d->next;
        (void)pthread_join(d->thread, NULL);
        --*(d->kind == NODE_PART ? &n->n_part : &n->n_check);
        node_task_drop(n, d->task);
        free(d);
    }
}

static void tell(struct su_node_agent *n, struct node_execution *x, struct node_duty *d)
{
    struct node_view *v = su_alloc(sizeof *v);

    view_of(n, d, x->seen, x->voted.rows ? &x->voted : NULL, v);
    v->slot = d->view.slot;
    if (memcmp(v, &d->view, sizeof *v) != 0) {
        d->view = *v;
        d->news++;
        pthread_cond_broadcast(&n->changed);
    }
    d->view.slot = x->seen->slot;
    free(v);
}

void node_duties_look(struct su_node_agent *n, struct node_execution *x)
{
    const struct su_acc_execution *a = x->seen->execution;

    pthread_mutex_lock(&n->lock);
    reap(n, x);
    look_grants(n, x);
    for (uint16_t t = 0; t < a->task_count && t < SU_TASKS_MAX; t++) {
        look_part(n, x, t);
        if (a->state == SU_EXEC_CHECKING || find(x, NODE_CHECK, t))
            look_check(n, x, t);
    }
    for (struct node_duty *d = x->duty; d; d = d->next)
        if (!d->over)
            tell(n, x, d);
    pthread_mutex_unlock(&n->lock);
}

bool node_duties_end(struct su_node_agent *n, struct node_execution *x)
{
    for (struct node_duty *d = x->duty; d; d = d->next)
        if (!d->over)
            end_duty(n, d);
    reap(n, x);
    return x->duty == NULL;
}

/* ---- for the threads ------------------------------------------------------------------------- */

bool node_duty_view(struct node_duty *d, struct node_view *out, uint64_t *news)
{
    pthread_mutex_lock(&d->node->lock);
    *out = d->view;
    *news = d->news;
    bool over = d->over || d->node->ending;
    pthread_mutex_unlock(&d->node->lock);
    return !over;
}

void node_duty_wait(struct node_duty *d, uint64_t news, uint32_t ms)
{
    uint64_t until = su_clock_mono_ns() + 1000000ull * ms;

    pthread_mutex_lock(&d->node->lock);
    while (!d->over && !d->node->ending && d->news == news && su_clock_mono_ns() < until)
        node_cond_wait_ms(&d->node->changed, &d->node->lock, ms);
    pthread_mutex_unlock(&d->node->lock);
}

bool node_duty_over(void *ctx)
{
    struct node_duty *d = ctx;

    pthread_mutex_lock(&d->node->lock);
    bool over = d->over || d->node->ending;
    pthread_mutex_unlock(&d->node->lock);
    return over;
}

enum su_code node_duty_stop(struct su_node_agent *n, const struct su_wire_cancel *c,
                            const uint8_t sender[32], struct su_err *e)
{
    enum su_code rc = su_fail(e, SU_ENOENT, "cancel", "this node draws nothing of this execution");

    pthread_mutex_lock(&n->lock);
    for (struct node_execution *x = n->execution; x; x = x->next)
        for (struct node_duty *d = x->duty; d; d = d->next) {
            if (memcmp(x->key, c->execution, 32) != 0 || x->request_slot != c->request_slot ||
                d->kind != NODE_PART || d->over || !d->view.draws)
                continue;
            if (memcmp(d->view.requestor, sender, 32) != 0) {
                rc = su_fail(e, SU_EACCES, "cancel", "only the requestor may end a generation");
                continue;
            }
            rc = SU_OK;
            d->stop = true;
            d->news++;
            pthread_cond_broadcast(&n->changed);
        }
    pthread_mutex_unlock(&n->lock);
    return rc;
}

/* It goes on to beat and to answer, and computes nothing more. */
static void hang(struct node_duty *d)
{
    while (d->kind == NODE_PART && d->steps_done >= HANG_STEPS && !node_duty_over(d))
        node_duty_wait(d, d->news, 1000);
}

void node_duty_state(struct node_duty *d, const char *state)
{
    if (su_node_fault("hang") && strcmp(state, "running") == 0)
        hang(d);
    pthread_mutex_lock(&d->node->lock);
    (void)su_str_copy(d->state, sizeof d->state, state);
    if (d->kind == NODE_PART && d->attempt > 0 && d->steps_done > 0 &&
        (strcmp(state, "waiting") == 0 || strcmp(state, "comparing") == 0))
        note_rebuilt(d->node, d);
    pthread_mutex_unlock(&d->node->lock);
}

void node_duty_error(struct node_duty *d, const struct su_err *e)
{
    char line[sizeof d->error], text[SU_CHAIN_TEXT];

    su_err_line(e, line, sizeof line);
    pthread_mutex_lock(&d->node->lock);
    bool another = strcmp(line, d->error) != 0;
    (void)su_str_copy(d->error, sizeof d->error, line);
    pthread_mutex_unlock(&d->node->lock);
    if (another)
        su_log(SU_LOG_WARN, "node", "%s task %u of execution %s: %s",
               d->kind == NODE_PART ? "running" : "checking", d->index,
               su_chain_key_text(d->execution->key, text), line);
}
