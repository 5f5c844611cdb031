// SPDX-License-Identifier: MIT
/* What goes between whoever follows an execution and its oracles and nodes: the input there, the
   results here, each step's row hashed and compared with what its node signed. */
#include "follow_priv.h"

#include "engine/engine.h"

#include <stdlib.h>
#include <string.h>

/* Between two questions for what a generation has drawn: each costs its nodes as much as a few frames do. */
#define PACE_MS 30u
enum { ROWS_BYTES_MAX = 1 << 30, LEAVES_BYTES_MAX = (SU_STEPS_MAX + 1u) * 32u };

/* Time for a call that carries so much: a megabyte a second is enough to be waited for. */
static uint32_t deadline_of(uint64_t bytes)
{
    return FOLLOW_CALL_MS + (uint32_t)SU_MIN(bytes / 1000, (uint64_t)600000);
}

/* ---- the list ------------------------------------------------------------------------------------ */

static void add_output(struct su_ops_follow *f, uint16_t task, uint8_t output,
                       const struct su_spec *spec)
{
    struct su_ops_output *o = &f->output[f->state.n_output];
    struct follow_output *g = &f->got[f->state.n_output++];

    *o = (struct su_ops_output){
        .task = task, .output = output, .dtype = spec->dtype, .rank = spec->rank, .row_bytes = 4};
    for (uint8_t i = 0; i < spec->rank; i++) {
        o->dims[i] = spec->dims[i];
        o->row_bytes *= spec->dims[i];
    }
    su_buf_init(&g->rows, ROWS_BYTES_MAX);
    su_buf_init(&g->leaves, LEAVES_BYTES_MAX);
}

void follow_outputs_init(struct su_ops_follow *f)
{
    const struct su_chain_model *m = &f->model;

    f->output = su_alloc((size_t)m->model->external_outputs * sizeof *f->output + 1);
    f->got = su_alloc((size_t)m->model->external_outputs * sizeof *f->got + 1);
    for (uint16_t t = 0; t < m->model->task_count; t++)
        for (uint8_t i = 0; i < m->tasks[t]->output_count; i++)
            if ((m->tasks[t]->outputs[i].flags & SU_SPEC_EXTERNAL) != 0 &&
                f->state.n_output < m->model->external_outputs)
                add_output(f, t, i, &m->tasks[t]->outputs[i]);
    f->state.output = f->output;
}

static void clear(struct su_ops_follow *f, uint16_t i)
{
    struct su_ops_output *o = &f->output[i];

    if (o->steps > 0)
        f->state.changes++;
    su_buf_clear(&f->got[i].rows);
    su_buf_clear(&f->got[i].leaves);
    o->n_row = o->steps = 0;
    o->rows = o->leaves = NULL;
    o->whole = o->proven = false;
    f->state.provisional = false;
}

void follow_outputs_clear(struct su_ops_follow *f)
{
    for (uint16_t i = 0; i < f->state.n_output; i++)
        clear(f, i);
}

void follow_outputs_free(struct su_ops_follow *f)
{
    for (uint16_t i = 0; i < f->state.n_output; i++) {
        su_buf_fini(&f->got[i].rows);
        su_buf_fini(&f->got[i].leaves);
    }
    free(f->got);
    free(f->output);
}

void follow_outputs_check(struct su_ops_follow *f)
{
    for (uint16_t i = 0; i < f->state.n_output; i++) {
        const struct su_ops_part *p = &f->part[f->output[i].task];
        if (f->got[i].attempt != p->attempt)
            clear(f, i);
        f->got[i].attempt = p->attempt;
    }
}

/* ---- proof --------------------------------------------------------------------------------------- */

/* An output is whole when the execution's number of steps is known and all of them are here. */
static void judge(struct su_ops_follow *f)
{
    bool all = f->state.n_output > 0;

    for (uint16_t i = 0; i < f->state.n_output; i++) {
        struct su_ops_output *o = &f->output[i];
        uint32_t steps = f->state.chain.steps;
        bool whole = steps > 0 && o->steps >= steps;
        f->state.changes += whole != o->whole;
        o->whole = whole;
        all = all && whole;
    }
    f->state.provisional = all;
    if (all && f->state.at_ms[SU_OPS_PROVISIONAL] == 0)
        f->state.at_ms[SU_OPS_PROVISIONAL] = su_clock_wall_ms();
}

void follow_outputs_prove(struct su_ops_follow *f)
{
    judge(f);
    for (uint16_t i = 0; i < f->state.n_output; i++) {
        struct su_ops_output *o = &f->output[i];
        const struct su_acc_assignment *a = f->now->assignments[o->task];
        uint8_t root[32];
        if (!o->whole || o->proven || !a || (f->part[o->task].flags & SU_TASKF_REVEALED) == 0)
            continue;
        su_trace_leaves_root(o->leaves, f->state.chain.steps, root);
        o->proven = memcmp(root, a->output_roots[o->output], 32) == 0;
        f->state.changes++;
        if (!o->proven) { /* its node signed one thing and committed to another */
            struct su_err e = {0};
            (void)su_fail(&e, SU_EDIGEST, f->part[o->task].endpoint,
                          "what task %u sent is not what it committed to", o->task);
            follow_trouble(f, &e);
            f->lied = true;
            clear(f, i);
            follow_pause_longer(&f->got[i].pause);
        }
    }
}

bool follow_outputs_proven(const struct su_ops_follow *f)
{
    bool all = f->state.n_output > 0;

    for (uint16_t i = 0; i < f->state.n_output; i++)
        all = all && f->output[i].proven;
    return all;
}

/* ---- frames -------------------------------------------------------------------------------------- */

static bool fits(const struct su_ops_output *o, const struct su_wire_activation *a)
{
    bool same = a->dtype == o->dtype && a->rank == o->rank && su_wire_row_bytes(a) == o->row_bytes;

    for (uint8_t i = 0; i < o->rank && same; i++)
        same = a->dims[i] == o->dims[i];
    return same;
}

/* Adds the leaves of steps that emit nothing, up to `step`. */
static void skip_to(struct su_ops_output *o, struct follow_output *g, uint32_t step)
{
    uint8_t leaf[32];

    for (; o->steps < step; o->steps++) {
        su_leaf_digest(o->steps, NULL, 0, leaf);
        su_buf_put(&g->leaves, leaf, 32);
    }
}

static enum su_code take_frame(struct su_ops_follow *f, uint16_t i, const struct su_wire_frame *w,
                               struct su_err *e)
{
    const struct su_wire_activation *a = &w->m.u.activation;
    struct su_ops_output *o = &f->output[i];
    struct follow_output *g = &f->got[i];
    const char *at = f->part[o->task].endpoint;

    if (!fits(o, a))
        return su_fail(e, SU_ETYPE, at, "sent an output of task %u of another type or shape",
                       o->task);
    if (a->step_first + a->step_count > f->state.chain.max_steps)
        return su_fail(e, SU_ETYPE, at, "sent more steps of task %u than were asked for", o->task);
    if (a->step_first > o->steps)
        skip_to(o, g, a->step_first);
    for (uint32_t s = o->steps - a->step_first; s < a->step_count; s++) {
        const struct su_bytes row = {w->m.data + s * o->row_bytes, (size_t)o->row_bytes};
        uint8_t leaf[32];
        su_leaf_digest(o->steps, &row, 1, leaf);
        if (memcmp(leaf, a->leaves + (size_t)32 * s, 32) != 0)
            return su_fail(e, SU_EDIGEST, at, "signed another digest than that of step %u",
                           o->steps);
        su_buf_put(&g->rows, row.data, row.len);
        su_buf_put(&g->leaves, leaf, 32);
        o->steps++;
        o->n_row++;
        f->came_ns = su_clock_mono_ns();
        f->state.changes++;
    }
    enum su_code rc = su_buf_check(&g->rows, at, e);
    if (!rc)
        rc = su_buf_check(&g->leaves, at, e);
    o->rows = g->rows.data;
    o->leaves = g->leaves.data;
    return rc;
}

/* Steps that the task may have by now. */
static uint32_t steps_wanted(const struct su_ops_follow *f)
{
    return f->state.chain.steps > 0 ? f->state.chain.steps : f->state.chain.max_steps;
}

bool follow_outputs_wanted(const struct su_ops_follow *f)
{
    for (uint16_t i = 0; i < f->state.n_output; i++)
        if (f->output[i].steps < steps_wanted(f))
            return true;
    return false;
}

static bool can_ask(const struct su_ops_follow *f, uint16_t i)
{
    const struct su_ops_output *o = &f->output[i];
    const struct su_ops_part *p = &f->part[o->task];

    return o->steps < steps_wanted(f) && p->endpoint[0] && p->state != SU_TASK_UNASSIGNED &&
           p->state != SU_TASK_FAILED && follow_pause_over(&f->got[i].pause) &&
           (f->state.chain.state >= SU_EXEC_RUNNING && f->state.chain.state != SU_EXEC_VOID);
}

static enum su_code ask(struct su_ops_follow *f, uint16_t i, uint32_t wait_ms, struct su_err *e)
{
    const struct su_ops_output *o = &f->output[i];
    const struct su_ops_part *p = &f->part[o->task];
    const struct su_peer_want w = {.want = {.ref = {.execution = f->state.execution,
                                                    .request_slot = f->state.chain.request_slot,
                                                    .task = o->task,
                                                    .attempt = p->attempt,
                                                    .port = o->output},
                                            .step_first = o->steps,
                                            .step_count = steps_wanted(f) - o->steps,
                                            .purpose = SU_WIRE_RECOVERY},
                                   .wait_ms = SU_MIN(wait_ms, SU_PEER_WAIT_MS_MAX),
                                   .sender = p->node};
    const struct su_peer_call call = {.deadline_ms = deadline_of(w.want.step_count * o->row_bytes),
                                      .keep = f->o->keep,
                                      .line = f->line,
                                      .cancelled = f->o->options.cancelled,
                                      .ctx = f->o->options.ctx};
    struct su_peer_answer answer = {.refused = false};
    struct su_wire_frame frame;
    struct su_peer_self *self;
    struct su_buf frames;
    size_t at = 0;

    su_buf_init(&frames, SU_PEER_FRAMES_BYTES_MAX);
    enum su_code rc = ops_self(f->o, false, &self, e);
    if (!rc)
        rc = su_peer_want(self, p->endpoint, &w, &call, &frames, &answer, e);
    while (!rc && su_peer_next(&frames, &at, &frame))
        rc = take_frame(f, i, &frame, e);
    su_buf_fini(&frames);
    if (rc == SU_EEXIST && answer.refused)
        rc = ops_self(f->o, true, &self, e);
    else if (rc == SU_ENOENT && answer.refused)
        rc = SU_OK; /* not there yet */
    return rc;
}

enum su_code follow_outputs_fetch(struct su_ops_follow *f, uint32_t wait_ms, bool *asked,
                                  struct su_err *e)
{
    uint16_t last = UINT16_MAX;

    *asked = false;
    for (uint16_t i = 0; i < f->state.n_output; i++)
        last = can_ask(f, i) ? i : last;
    for (uint16_t i = 0; i < f->state.n_output && last != UINT16_MAX; i++) {
        if (!can_ask(f, i))
            continue;
        struct su_err why = {0};
        uint32_t before = f->output[i].steps;
        enum su_code rc = ask(f, i, i == last ? wait_ms : 0, &why);
        *asked = true;
        if (rc && follow_fatal(rc)) {
            if (e)
                *e = why;
            return rc;
        }
        if (rc) {
            follow_trouble(f, &why);
            follow_pause_longer(&f->got[i].pause);
        } else {
            bool goes_on = f->state.chain.steps == 0 && f->output[i].steps > before;
            f->got[i].pause = (struct follow_pause){
                .until_ns = goes_on ? su_clock_mono_ns() + PACE_MS * UINT64_C(1000000) : 0};
        }
    }
    follow_outputs_prove(f);
    return SU_OK;
}

/* ---- the input ----------------------------------------------------------------------------------- */

/* Where the epoch's oracles are reached. */
static enum su_code find_oracles(struct su_ops_follow *f, struct su_err *e)
{
    const struct su_acc_config *c = f->now->config;
    struct su_chain_accounts list = {0};
    uint8_t key[SU_ORACLES_MAX][32];

    for (uint8_t i = 0; i < c->oracle_count; i++)
        su_chain_addr_oracle(&f->o->env, c->oracles[i].key, key[i]);
    enum su_code rc =
        su_chain_accounts_get(f->o->chain, (const uint8_t(*)[32])key, c->oracle_count, &list, e);
    for (uint8_t i = 0; i < c->oracle_count && !rc; i++) {
        const struct su_acc_oracle *a;
        if (su_chain_as_oracle(&list.items[i], f->o->env.program, &a, NULL) == SU_OK)
            su_str_sanitize(f->oracle[i].endpoint, sizeof f->oracle[i].endpoint,
                            (const char *)a->endpoint, a->endpoint_len);
    }
    su_chain_accounts_fini(&list);
    f->oracles_known = !rc;
    f->state.oracles = c->oracle_count;
    return rc;
}

static enum su_code post_to(struct su_ops_follow *f, struct follow_oracle *o, struct su_err *e)
{
    const struct su_peer_call call = {.deadline_ms = deadline_of(f->options.input_bytes),
                                      .keep = f->o->keep,
                                      .cancelled = f->o->options.cancelled,
                                      .ctx = f->o->options.ctx};
    enum su_code rc = su_peer_input_post(o->endpoint, f->state.execution, f->input,
                                         f->options.input_bytes, &call, e);

    o->has_input = !rc;
    f->state.oracles_with_input = (uint8_t)(f->state.oracles_with_input + o->has_input);
    f->state.changes += o->has_input;
    if (rc)
        follow_pause_longer(&o->pause);
    return rc;
}

enum su_code follow_input_post(struct su_ops_follow *f, struct su_err *e)
{
    uint8_t state = f->state.chain.state;
    struct su_err why = {0};
    enum su_code rc = SU_OK;

    if (!f->input || state > SU_EXEC_ASSIGNING)
        return SU_OK;
    if (!f->oracles_known)
        rc = find_oracles(f, &why);
    for (uint8_t i = 0; i < f->state.oracles && !(rc && follow_fatal(rc)); i++) {
        struct follow_oracle *o = &f->oracle[i];
        if (o->endpoint[0] && !o->has_input && follow_pause_over(&o->pause))
            rc = post_to(f, o, &why);
        if (rc)
            follow_trouble(f, &why);
    }
    if (rc && follow_fatal(rc) && e)
        *e = why;
    return rc && follow_fatal(rc) ? rc : SU_OK;
}

/* ---- the end of a generation --------------------------------------------------------------------- */

void follow_stop_send(struct su_ops_follow *f)
{
    uint16_t task = f->state.chain.sample_task;
    const struct su_wire_message m = {.kind = SU_WIRE_CANCEL,
                                      .u.cancel = {.execution = f->state.execution,
                                                   .request_slot = f->state.chain.request_slot,
                                                   .reason = SU_WIRE_CLIENT_STOP}};
    const struct su_peer_call call = {.deadline_ms = FOLLOW_CALL_MS, .keep = f->o->keep};
    struct su_peer_self *self;
    struct su_err why = {0};
    struct su_buf frame;

    if (task >= f->state.n_part || !f->part[task].endpoint[0])
        return;
    su_buf_init(&frame, 0);
    enum su_code rc = ops_self(f->o, false, &self, &why);
    if (!rc)
        rc = su_peer_frame(self, &m, &frame, &why);
    if (!rc)
        rc = su_peer_post(su_peer_self_scope(self), f->part[task].endpoint, f->part[task].node,
                          frame.data, frame.len, &call, NULL, &why);
    su_buf_fini(&frame);
    f->stop_wanted = false;
    if (rc)
        follow_trouble(f, &why);
}
