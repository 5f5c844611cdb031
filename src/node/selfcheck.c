// SPDX-License-Identifier: MIT
/* Before a node binds itself it computes one step again on another backend. The step is chosen by the
   secret salt, so that a fault of the device cannot keep out of its way. */
#include "node_priv.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { NICE = 10 }; /* of the thread that compares */
/* Multiply-adds that a comparison may take; of a task with states, all steps before it are run too. */
#define MACS_CPU 20000000000ull
#define MACS_REFERENCE 150000000ull

/* What a step gives depends on those before it. */
static bool remembers(const struct node_duty *d, const struct su_package_task *def)
{
    struct su_feedback f;

    return def->graph->n_state > 0 ||
           (su_package_feedback(d->task->model->package, &f) && f.from_task == d->index);
}

static uint32_t choose(const struct node_duty *d, uint32_t steps, const struct su_package_task *def)
{
    static const char domain[] = "splitup/compare";
    uint64_t most = su_exec_backend(d->node->other) == SU_BACKEND_CPU ? MACS_CPU : MACS_REFERENCE;
    uint64_t reach = remembers(d, def) ? most / SU_MAX(def->macs, 1u) : UINT32_MAX;
    uint8_t salt[32], digest[32];

    node_salt(d->node, d->execution->key, d->index, d->attempt, salt);
    su_hmac_sha256(salt, 32, domain, sizeof domain - 1, digest);
    return (uint32_t)(su_le64(digest) % SU_MIN(SU_MAX(reach, 1u), steps));
}

/* The task on the other backend, loaded when it is first needed. */
static enum su_code open_other(struct node_duty *d, const struct su_package *p, struct su_err *e)
{
    struct node_task *t = d->task;

    return t->other ? SU_OK
                    : su_task_open(d->node->other, p, d->index, d->node->store, &t->other, e);
}

/* Step `step` of a task that remembers nothing: nothing before it matters but its number. */
static enum su_code run_step(struct su_task *t, const void *const *input,
                             const struct su_prompt *prompt, uint32_t step, struct su_trace **out,
                             struct su_err *e)
{
    static const uint8_t nothing[32];
    const void *at[SU_TASK_PORTS_MAX] = {NULL};
    struct su_row row = {.position = step, .emit = !prompt || su_prompt_emits(prompt, step)};
    struct su_task_result r = {.ms = 0};
    enum su_code rc = su_trace_new(su_task_inputs(t), su_task_outputs(t), out, e);

    for (uint32_t i = 0; i < su_task_inputs(t); i++) {
        const struct su_value *v = su_task_value(t, SU_PORT_INPUT, i);
        uint32_t first = prompt ? su_prompt_first(prompt, v->domain) : 0;
        at[i] = (const uint8_t *)input[i] +
                (step - SU_MIN(step, first)) * su_task_row_bytes(t, SU_PORT_INPUT, i);
    }
    for (uint32_t s = 0; s < step && !rc; s++) {
        for (uint32_t i = 0; i < su_task_inputs(t) && !rc; i++)
            rc = su_trace_add(*out, SU_PORT_INPUT, i, nothing, e);
        for (uint32_t i = 0; i < su_task_outputs(t) && !rc; i++)
            rc = su_trace_add(*out, SU_PORT_OUTPUT, i, nothing, e);
        if (!rc && su_task_row_bytes(t, SU_PORT_WITNESS, 0))
            rc = su_trace_add(*out, SU_PORT_WITNESS, 0, nothing, e);
    }
    if (!rc)
        rc = su_task_session_new(t, step + 1, &row.session, e);
    if (rc)
        return rc;
    rc = su_task_run(t, &row, 1, at, *out, &r, e);
    su_task_result_fini(&r);
    su_task_session_free(t, row.session);
    return rc;
}

static bool same(const struct su_trace *a, const struct su_trace *b, enum su_port port,
                 uint32_t number, uint32_t step)
{
    if (su_trace_steps(a, port, number) <= step || su_trace_steps(b, port, number) <= step)
        return su_trace_steps(a, port, number) <= step && su_trace_steps(b, port, number) <= step;
    return memcmp(su_trace_leaf(a, port, number, step), su_trace_leaf(b, port, number, step), 32) ==
           0;
}

/* Steps 0 .. step of a task that remembers. */
static enum su_code run_steps(struct node_duty *d, const void *const *input,
                              const struct su_prompt *prompt, uint32_t step, struct su_trace **out,
                              struct su_err *e)
{
    struct su_replay r = {.steps = step + 1, .cancelled = node_duty_over, .ctx = d};
    bool *emits = prompt ? su_try_alloc(step + 1, sizeof *emits) : NULL;

    *out = NULL;
    if (prompt && !emits)
        return su_fail(e, SU_ENOMEM, NULL, "%u steps", step + 1);
    for (uint32_t s = 0; emits && s <= step; s++)
        emits[s] = su_prompt_emits(prompt, s);
    r.emits = emits;
    r.draw = prompt ? &prompt->draw : NULL;
    memcpy(r.input, input, SU_PORTS_MAX * sizeof r.input[0]);
    enum su_code rc = su_task_replay(d->task->other, &r, out, NULL, e);
    free(emits);
    return rc;
}

/* A comparison, by a thread of its own. */
struct comparison {
    struct node_duty *d;
    const void *const *input;
    const struct su_prompt *prompt;
    uint32_t step;
    struct su_trace *again;
    enum su_code rc;
    struct su_err e;
};

static void *compare(void *arg)
{
    struct comparison *c = arg;
    struct node_task *t = c->d->task;
    const struct su_package *p = t->model->package;

    /* Who decodes goes first; a thread that has stepped back may not step forward again. */
    (void)setpriority(PRIO_PROCESS, (id_t)gettid(), NICE);
    node_turn_take(&t->other_turn);
    c->rc = open_other(c->d, p, &c->e);
    uint64_t since = su_clock_mono_ns();
    if (!c->rc && remembers(c->d, &p->task[c->d->index]))
        c->rc = run_steps(c->d, c->input, c->prompt, c->step, &c->again, &c->e);
    else if (!c->rc)
        c->rc = run_step(t->other, c->input, c->prompt, c->step, &c->again, &c->e);
    uint64_t took_us = (su_clock_mono_ns() - since) / 1000;
    node_turn_give(&t->other_turn);
    pthread_mutex_lock(&c->d->node->lock);
    c->d->compare_us += took_us;
    pthread_mutex_unlock(&c->d->node->lock);
    return NULL;
}

enum su_code node_selfcheck(struct node_duty *d, const struct su_trace *trace,
                            const void *const *input, const struct su_prompt *prompt,
                            uint32_t steps, struct su_err *e)
{
    const struct su_package_task *def = &d->task->model->package->task[d->index];
    struct comparison c = {.d = d, .input = input, .prompt = prompt, .step = choose(d, steps, def)};
    pthread_t thread;
    bool equal = true;

    if (pthread_create(&thread, NULL, compare, &c) == 0)
        (void)pthread_join(thread, NULL);
    else
        compare(&c);
    for (uint32_t o = 0; o < def->graph->n_output && !c.rc; o++)
        equal = equal && same(trace, c.again, SU_PORT_OUTPUT, o, c.step);
    equal = equal && (c.rc || same(trace, c.again, SU_PORT_WITNESS, 0, c.step));
    su_trace_free(c.again);
    if (c.rc && e)
        *e = c.e;
    if (!c.rc && !equal)
        return su_fail(e, SU_ECONFORM, d->node->device,
                       "step %u of task %u differs from what the %s backend gives: `splitup "
                       "doctor` tells more",
                       c.step, d->index, su_backend_name(su_exec_backend(d->node->other)));
    return c.rc;
}
