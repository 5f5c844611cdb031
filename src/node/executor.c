// SPDX-License-Identifier: MIT
/* The life of a task that is ours: run, checked, promised, sent, opened. */
#include "part.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PAUSE_FIRST_MS 250u
#define PAUSE_MAX_MS 4000u
#define LOOK_MS 1000u
#define SHOWN_NS 5000000000ull

/* ---- until the promise ----------------------------------------------------------------------- */

static bool any_fault_of_results(void)
{
    return su_node_fault("wrong-output") || su_node_fault("wrong-weights") ||
           su_node_fault("double-sign") || su_node_fault("smaller-quant");
}

/* Compares one step with another backend before anything is promised. */
static enum su_code check_self(struct part *p, struct su_err *e)
{
    const void *input[SU_PORTS_MAX] = {NULL};

    if (any_fault_of_results())
        return SU_OK;
    for (uint32_t i = 0; i < p->n_in; i++)
        input[i] = p->external[i] ? p->external[i] : p->rows[i];
    node_duty_state(p->d, "comparing");
    return node_selfcheck(p->d, p->trace, input, p->v.generates ? &p->prompt : NULL, p->steps, e);
}

static enum su_code promise(struct part *p, struct su_err *e)
{
    const uint32_t *token = NULL;
    struct su_trace_roots roots;

    for (uint32_t i = 0; i < p->n_in; i++)
        if (p->v.source[i].fed)
            token = (const uint32_t *)(const void *)p->rows[i];
    enum su_code rc = su_prompt_roots(p->v.generates ? &p->prompt : NULL, p->d->index, p->trace,
                                      token, p->steps, &roots, e);
    if (rc)
        return rc;
    node_commitment_of(p->d, &p->v, &roots, p->steps, p->n_in, p->n_out, &p->promise);
    if ((p->v.flags & SU_TASKF_COMMITTED) && memcmp(p->v.commit, p->promise.commit, 32) != 0)
        return su_fail(e, SU_EDIGEST, "commitment",
                       "on chain is another than this run gives: it cannot be opened");
    rc = node_commitment_write(p->d, &p->promise, e);
    p->promised = rc == SU_OK;
    return rc;
}

static void become_unfit(struct su_node_agent *n, const struct su_err *why)
{
    pthread_mutex_lock(&n->lock);
    n->unfit = true;
    pthread_cond_broadcast(&n->wake);
    pthread_mutex_unlock(&n->lock);
    node_log_err(SU_LOG_ERROR, "this device is unfit and takes no more work", why);
}

/* Until there is a promise, or nothing more to do. */
static void work(struct part *p)
{
    uint32_t pause = PAUSE_FIRST_MS;

    while (!p->promised && part_sync(p)) {
        struct su_err e = {0};
        enum su_code rc = part_produce(p, &e);
        if (!rc)
            rc = check_self(p, &e);
        if (!rc)
            rc = promise(p, &e);
        if (rc == SU_ECONFORM)
            become_unfit(p->d->node, &e);
        if (rc && rc != SU_ECANCELLED) {
            node_duty_state(p->d, "failed");
            node_duty_error(p->d, &e);
            part_disconnect(p);
            node_duty_wait(p->d, p->news, rc == SU_ECONFORM ? 3600000 : pause);
            pause = SU_MIN(2 * pause, PAUSE_MAX_MS);
        }
    }
}

/* ---- after the promise ----------------------------------------------------------------------- */

static void wait_until_late(struct part *p)
{
    while (part_sync(p) && p->v.slot <= p->v.deadline_slot + 2)
        (void)usleep(100000);
}

static enum su_code commit(struct part *p, struct su_err *e)
{
    if (su_node_fault("late"))
        wait_until_late(p);
    if (su_node_fault("crash-before-commit"))
        (void)raise(SIGKILL);
    node_duty_state(p->d, "committing");
    enum su_code rc = node_send_commit(p->d, &p->v, &p->promise, e);
    if (!rc && su_node_fault("crash-after-commit"))
        (void)raise(SIGKILL);
    return rc;
}

enum step { REST, COMMIT, REVEAL };
static enum step next_step(struct part *p)
{
    const struct node_view *v = &p->v;

    if (v->state == SU_EXEC_RUNNING && v->assigned && !(v->flags & SU_TASKF_COMMITTED) &&
        (v->steps == 0 || v->steps == p->promise.steps))
        return COMMIT;
    if (v->state == SU_EXEC_REVEALING && (v->flags & SU_TASKF_COMMITTED) &&
        !(v->flags & (SU_TASKF_REVEALED | SU_TASKF_DONE)) &&
        memcmp(v->commit, p->promise.commit, 32) == 0 && !su_node_fault("silent-after-commit"))
        return REVEAL;
    node_duty_state(p->d, v->flags & SU_TASKF_REVEALED    ? "revealed"
                          : v->flags & SU_TASKF_COMMITTED ? "committed"
                                                          : "promised");
    return REST;
}

/* Takes the frames of a producer that came in another's place: they are evidence in a dispute. */
static void reconnect(struct part *p)
{
    struct su_err e;

    if (part_reconnect(p, &e) != SU_OK)
        node_duty_error(p->d, &e);
}

static enum su_code take_step(struct part *p, enum step s, struct su_err *e)
{
    if (s == COMMIT)
        return commit(p, e);
    node_duty_state(p->d, "revealing");
    return node_send_reveal(p->d, &p->v, &p->promise, e);
}

/* Until the execution is closed. What was sent and landed is not sent again before the chain had time
   to show it. */
static void keep(struct part *p)
{
    uint32_t pause = PAUSE_FIRST_MS;
    uint64_t sent_ns = 0;
    enum step sent = REST;

    while (part_sync(p)) {
        struct su_err e = {0};
        if (part_resourced(p) || (p->n_out > 0 && !p->out[0])) {
            reconnect(p);
            if (!part_sync(p))
                return;
        }
        enum step s = next_step(p);
        if (s == REST || (s == sent && su_clock_mono_ns() - sent_ns < SHOWN_NS)) {
            node_duty_wait(p->d, p->news, LOOK_MS);
            continue;
        }
        enum su_code rc = take_step(p, s, &e);
        if (rc == SU_OK) {
            sent = s;
            sent_ns = su_clock_mono_ns();
            pause = PAUSE_FIRST_MS;
        } else if (rc != SU_ECANCELLED) {
            node_duty_error(p->d, &e);
            node_duty_wait(p->d, p->news, pause);
            pause = SU_MIN(2 * pause, PAUSE_MAX_MS);
        }
    }
}

/* ---- the thread ------------------------------------------------------------------------------ */

static bool prepare(struct part *p)
{
    struct su_node_agent *n = p->d->node;
    struct su_err e;

    (void)node_duty_view(p->d, &p->v, &p->news);
    pthread_mutex_lock(&n->lock);
    p->package = p->d->task->model->package;
    pthread_mutex_unlock(&n->lock);
    p->def = &p->package->task[p->d->index];
    p->n_in = p->def->graph->n_input;
    p->n_out = p->def->graph->n_output;
    if (p->n_in == p->v.n_source && p->n_out == p->v.n_output && p->v.max_steps > 0)
        return true;
    (void)su_fail(&e, SU_EUNSUPPORTED, "task",
                  "its inputs or outputs are not those of its package");
    node_duty_state(p->d, "failed");
    node_duty_error(p->d, &e);
    return false;
}

static void tell_promised(struct node_duty *d)
{
    pthread_mutex_lock(&d->node->lock);
    d->promised = true;
    pthread_cond_broadcast(&d->node->changed);
    pthread_mutex_unlock(&d->node->lock);
}

void *node_part_main(void *duty)
{
    struct node_duty *d = duty;
    struct part *p = su_alloc(sizeof *p);
    struct su_err e;

    p->d = d;
    d->times.begun_ns = su_clock_mono_ns();
    su_buf_init(&p->container, SU_INPUT_BYTES_MAX);
    if (prepare(p)) {
        enum su_code rc = node_commitment_read(d, &p->promise, &e);
        p->promised = rc == SU_OK;
        if (rc && rc != SU_ENOENT)
            node_duty_error(d, &e);
        work(p);
        part_rest(p);
        if (p->promised) {
            tell_promised(d);
            keep(p);
        }
    } else {
        while (!node_duty_over(d))
            node_duty_wait(d, p->news, LOOK_MS);
    }
    part_disconnect(p);
    su_buf_fini(&p->container);
    free(p->tokens);
    free(p);
    pthread_mutex_lock(&d->node->lock);
    d->ended = true;
    pthread_cond_broadcast(&d->node->wake);
    pthread_mutex_unlock(&d->node->lock);
    return NULL;
}
