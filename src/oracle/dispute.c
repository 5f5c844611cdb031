// SPDX-License-Identifier: MIT
#include "dispute_priv.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* ---- what an input is backed by ------------------------------------------------------------------ */

bool dispute_is_fed(const struct judge *j, uint32_t input)
{
    const struct su_feedback *f = &j->prompt.feedback;

    return j->generates && f->to_task == j->c->task && f->to_input == input;
}

bool dispute_is_external(const struct judge *j, uint32_t input)
{
    return j->a->sources[input].external && !dispute_is_fed(j, input);
}

static const struct su_acc_assignment *producer_of(const struct judge *j, uint32_t input)
{
    const struct su_source *s = &j->a->sources[input];

    if (dispute_is_fed(j, input))
        return j->c->assignments[j->prompt.feedback.from_task];
    return s->external ? NULL : j->c->assignments[s->task];
}

static bool has_revealed(const struct judge *j, const struct su_acc_assignment *p)
{
    return (j->x->tasks[p->task].flags & SU_TASKF_REVEALED) != 0;
}

/* The roots of input i that somebody answers for: into out[4], how many. */
static unsigned backed(const struct judge *j, uint32_t i, uint8_t out[4][32])
{
    const struct su_acc_assignment *p = producer_of(j, i);
    unsigned n = 0;

    if (!p) {
        memcpy(out[0], j->truth[i], 32);
        return 1;
    }
    if (has_revealed(j, p))
        memcpy(out[n++], p->output_roots[j->a->sources[i].output], 32);
    for (unsigned w = 0; w < DISPUTE_PARTIES; w++)
        if (dispute_flow_root(&j->shown[i][w], out[n]))
            n++;
    return n;
}

static bool is_backed(const struct judge *j, uint32_t i)
{
    uint8_t root[4][32];
    unsigned n = backed(j, i, root);

    for (unsigned k = 0; k < n; k++)
        if (memcmp(root[k], j->a->input_roots[i], 32) == 0)
            return true;
    return false;
}

/* The validator posted one digest over all its inputs: it is right when some choice of backed roots
   leads to it. differs: the first input where that choice is not the asserter's. */
static bool validator_is_backed(const struct judge *j, uint32_t *differs)
{
    uint8_t root[SU_PORTS_MAX][4][32], chosen[SU_PORTS_MAX][32], all[32];
    unsigned n[SU_PORTS_MAX], at[SU_PORTS_MAX] = {0}, i;

    for (i = 0; i < j->a->input_count; i++) {
        n[i] = backed(j, i, root[i]);
        if (n[i] == 0)
            return false;
    }
    do {
        *differs = UINT32_MAX;
        for (i = j->a->input_count; i-- > 0;) {
            memcpy(chosen[i], root[i][at[i]], 32);
            if (memcmp(chosen[i], j->a->input_roots[i], 32) != 0)
                *differs = i;
        }
        su_msg_input_root(dispute_hash, (const uint8_t(*)[32])chosen, j->a->input_count, all);
        if (memcmp(all, j->a->check_input_root, 32) == 0)
            return true;
        for (i = 0; i < j->a->input_count && ++at[i] == n[i]; i++)
            at[i] = 0;
    } while (i < j->a->input_count);
    return false;
}

/* ---- asking -------------------------------------------------------------------------------------- */

static const uint8_t *identity_of(const struct judge *j, uint32_t input, enum dispute_party whom)
{
    if (whom == DISPUTE_ASSERTER)
        return j->a->node;
    if (whom == DISPUTE_VALIDATOR)
        return j->a->checks > 0 ? j->a->validators[j->a->checks - 1] : NULL;
    return producer_of(j, input)->node;
}

enum su_code dispute_ask(struct judge *j, uint32_t input, enum dispute_party whom, struct su_err *e)
{
    struct dispute_flow *f = &j->shown[input][whom];
    const struct su_acc_assignment *p = producer_of(j, input);
    const uint8_t *identity = p ? identity_of(j, input, whom) : NULL;

    if (!identity || f->leaf)
        return SU_OK;
    struct dispute_source s = {.producer = p->node,
                               .task = p->task,
                               .attempt = p->attempt,
                               .output = j->a->sources[input].output,
                               .value = &j->g->value[j->g->input[input]]};
    if (dispute_is_fed(j, input)) {
        s.prompt = j->prompt.draw.prompt;
        s.n_prompt = j->prompt.steps;
    }
    enum su_code rc = dispute_flow_init(f, &s, j->steps, e);
    if (rc == SU_OK)
        rc = dispute_flow_fetch(f, j->c, whom, identity, whom != DISPUTE_PRODUCER, (uint8_t)input,
                                e);
    return rc;
}

/* The party has been asked for this input, and not all of it came. */
static bool owes(const struct judge *j, uint32_t input, enum dispute_party whom)
{
    const struct dispute_flow *f = &j->shown[input][whom];

    return f->leaf && f->n_have < f->steps;
}

static bool answered(const struct judge *j, enum dispute_party whom)
{
    for (uint32_t i = 0; i < j->a->input_count; i++)
        if (j->shown[i][whom].leaf && j->shown[i][whom].answered)
            return true;
    return false;
}

static enum su_code later(const struct judge *j, const char *who, struct su_err *e)
{
    return su_fail(e, SU_EBUSY, j->at, "%s has not shown its inputs yet; ask again", who);
}

static enum su_code nobody(const struct judge *j, struct su_err *e)
{
    return su_fail(e, SU_ENET, j->at, "neither party was reached");
}

/* ---- verdicts ------------------------------------------------------------------------------------ */

void dispute_find(struct judge *j, uint8_t verdict, const char *fmt, ...)
{
    va_list args;

    j->out->verdict = verdict;
    va_start(args, fmt);
    (void)vsnprintf(j->out->why, sizeof j->out->why, fmt, args);
    va_end(args);
}

static void find_producer(struct judge *j, uint32_t input)
{
    j->out->verdict_task = j->a->sources[input].task;
    dispute_find(j, SU_VERDICT_PRODUCER, "task %u gave two different outputs for input %u",
                 j->out->verdict_task, input);
}

static void set_step(struct judge *j, uint32_t input, uint32_t step, const uint8_t *leaf,
                     const uint8_t *other)
{
    j->out->has_port = j->out->has_step = true;
    j->out->port = SU_PORT_INPUT;
    j->out->number = (uint8_t)input;
    j->out->step = step;
    memcpy(j->out->leaf, leaf, 32);
    memcpy(j->out->other_leaf, other, 32);
}

/* The first step at which two complete lists of an input differ. */
static void compare_shown(struct judge *j, uint32_t input)
{
    const struct dispute_flow *done[DISPUTE_PARTIES];
    unsigned n = 0;

    for (unsigned w = 0; w < DISPUTE_PARTIES; w++) {
        const struct dispute_flow *f = &j->shown[input][w];
        if (f->leaf && f->n_have == f->steps)
            done[n++] = f;
    }
    for (unsigned b = 1; b < n && !j->out->has_step; b++)
        for (uint32_t s = 0; s < j->steps && !j->out->has_step; s++)
            if (memcmp(done[0]->leaf + 32 * (size_t)s, done[b]->leaf + 32 * (size_t)s, 32) != 0)
                set_step(j, input, s, done[0]->leaf + 32 * (size_t)s,
                         done[b]->leaf + 32 * (size_t)s);
}

/* Somebody has shown two signed leaves of one step. */
static bool is_two_faced(struct judge *j)
{
    for (uint32_t i = 0; i < j->a->input_count; i++)
        for (unsigned w = 0; w < DISPUTE_PARTIES; w++) {
            const struct dispute_flow *f = &j->shown[i][w];
            if (!f->two_faced)
                continue;
            find_producer(j, i);
            set_step(j, i, f->two_faced_step, f->leaf + 32 * (size_t)f->two_faced_step,
                     f->two_faced_leaf);
            return true;
        }
    return false;
}

/* ---- inputs -------------------------------------------------------------------------------------- */

/* Asks the asserter for what backs its inputs where nothing does yet. */
static enum su_code ask_asserter(struct judge *j, bool *owed, struct su_err *e)
{
    enum su_code rc = SU_OK;

    *owed = false;
    for (uint32_t i = 0; i < j->a->input_count && rc == SU_OK; i++) {
        if (!is_backed(j, i))
            rc = dispute_ask(j, i, DISPUTE_ASSERTER, e);
        if (rc == SU_OK && !is_backed(j, i)) {
            *owed |= owes(j, i, DISPUTE_ASSERTER);
            if (dispute_is_external(j, i)) /* nothing that comes can back it */
                j->beyond = true;
        }
    }
    return rc;
}

static enum su_code ask_validator(struct judge *j, uint32_t *differs, bool *is_backed_now,
                                  bool *owed, struct su_err *e)
{
    enum su_code rc = SU_OK;

    *owed = false;
    *is_backed_now = validator_is_backed(j, differs);
    for (uint32_t i = 0; i < j->a->input_count && rc == SU_OK && !*is_backed_now; i++) {
        rc = dispute_ask(j, i, DISPUTE_VALIDATOR, e);
        if (rc == SU_OK) {
            *owed |= owes(j, i, DISPUTE_VALIDATOR);
            *is_backed_now = validator_is_backed(j, differs);
        }
    }
    return rc;
}

/* Asserter and validator took part with different inputs. */
static enum su_code judge_unequal_inputs(struct judge *j, struct su_err *e)
{
    bool asserter = true, validator = false, a_owes, v_owes = false;
    uint32_t differs = UINT32_MAX;
    enum su_code rc = ask_asserter(j, &a_owes, e);

    if (rc == SU_OK)
        rc = ask_validator(j, &differs, &validator, &v_owes, e);
    if (rc != SU_OK || is_two_faced(j))
        return rc;
    /* What the validator has shown counts for both. */
    for (uint32_t i = 0; i < j->a->input_count; i++)
        asserter = asserter && is_backed(j, i);
    if (!j->c->last_call && !asserter && a_owes && !j->beyond)
        return later(j, "the asserter", e);
    if (!j->c->last_call && !validator && v_owes)
        return later(j, "the validator", e);
    if (!asserter && !validator && a_owes && v_owes && !j->beyond &&
        !answered(j, DISPUTE_ASSERTER) && !answered(j, DISPUTE_VALIDATOR))
        return nobody(j, e);
    if (asserter && validator) {
        SU_ASSERT(differs != UINT32_MAX); /* equal choices would have equal digests */
        find_producer(j, differs);
        compare_shown(j, differs);
    } else if (asserter) {
        dispute_find(j, SU_VERDICT_VALIDATOR, "the validator's inputs are not what was sent");
    } else if (validator) {
        dispute_find(j, SU_VERDICT_ASSERTER, "the asserter's inputs are not what was sent");
    } else {
        dispute_find(j, SU_VERDICT_BOTH, "neither party's inputs are what was sent");
    }
    return SU_OK;
}

/* An input's root is not what its producer revealed. */
static enum su_code judge_connection(struct judge *j, struct su_err *e)
{
    uint32_t first = UINT32_MAX, settled = UINT32_MAX;
    bool owed = false, backed_all = true, reached = false;
    enum su_code rc = SU_OK;

    for (uint32_t i = 0; i < j->a->input_count && rc == SU_OK; i++) {
        const struct su_acc_assignment *p = producer_of(j, i);
        uint8_t root[32];

        if (!p || !has_revealed(j, p) ||
            memcmp(p->output_roots[j->a->sources[i].output], j->a->input_roots[i], 32) == 0)
            continue;
        if (j->x->tasks[p->task].state == SU_TASK_VERIFICATION_FAILED) {
            settled = i;
            continue;
        }
        first = first == UINT32_MAX ? i : first;
        rc = dispute_ask(j, i, DISPUTE_ASSERTER, e);
        if (rc != SU_OK)
            return rc;
        reached |= j->shown[i][DISPUTE_ASSERTER].answered;
        if (!dispute_flow_root(&j->shown[i][DISPUTE_ASSERTER], root) ||
            memcmp(root, j->a->input_roots[i], 32) != 0) {
            owed |= owes(j, i, DISPUTE_ASSERTER);
            backed_all = false;
        }
    }
    if (first == UINT32_MAX && settled != UINT32_MAX) {
        find_producer(j, settled); /* its fault was found before this was judged */
        return SU_OK;
    }
    if (first == UINT32_MAX)
        return su_fail(e, SU_EINVAL, j->at, "every input is what its producer revealed");
    if (is_two_faced(j))
        return SU_OK;
    if (!backed_all && owed && !j->c->last_call)
        return later(j, "the asserter", e);
    if (!backed_all) {
        dispute_find(j, SU_VERDICT_ASSERTER, "%s",
                     reached ? "the asserter's inputs are not what was sent"
                             : "the asserter does not show what it was sent");
        return SU_OK;
    }
    rc = dispute_ask(j, first, DISPUTE_PRODUCER, e);
    if (rc != SU_OK)
        return rc;
    find_producer(j, first);
    compare_shown(j, first);
    return SU_OK;
}

/* ---- the requestor's complaint ------------------------------------------------------------------- */

static enum su_code judge_missing(struct judge *j, struct su_err *e)
{
    const struct su_package_task *pt = &j->c->package->task[j->a->task];

    for (uint32_t o = 0; o < j->a->output_count; o++) {
        struct dispute_flow f;
        uint8_t root[32];

        if (!pt->external_output[o])
            continue;
        enum su_code rc = dispute_output(j, o, &f, e);
        bool whole = rc == SU_OK && dispute_flow_root(&f, root) &&
                     memcmp(root, j->a->output_roots[o], 32) == 0;
        bool two_faced = rc == SU_OK && f.two_faced;
        dispute_flow_fini(&f);
        if (rc != SU_OK)
            return rc;
        if (whole)
            continue;
        if (!j->c->last_call && !two_faced)
            return su_fail(e, SU_EBUSY, j->at, "output %u has not come yet; ask again", o);
        dispute_find(j, SU_VERDICT_ASSERTER, "the asserter does not show output %u", o);
        return SU_OK;
    }
    dispute_find(j, SU_VERDICT_RIGHT, "the output is there");
    return SU_OK;
}

/* ---- doing it again ------------------------------------------------------------------------------ */

/* Rows of every input by the asserter's root: from whoever shows them. */
static enum su_code find_rows(struct judge *j, bool *found, struct su_err *e)
{
    static const enum dispute_party order[] = {DISPUTE_ASSERTER, DISPUTE_PRODUCER,
                                               DISPUTE_VALIDATOR};
    bool reached = false;
    enum su_code rc = SU_OK;

    *found = true;
    for (uint32_t i = 0; i < j->a->input_count && rc == SU_OK; i++) {
        bool here = dispute_is_external(j, i);
        if (here && memcmp(j->truth[i], j->a->input_roots[i], 32) != 0) {
            *found = false;
            j->beyond = true;
        }
        for (unsigned k = 0; k < SU_ARRAY_LEN(order) && !here && rc == SU_OK; k++) {
            struct dispute_flow *f = &j->shown[i][order[k]];
            uint8_t root[32];
            rc = dispute_ask(j, i, order[k], e);
            here = rc == SU_OK && dispute_flow_root(f, root) &&
                   memcmp(root, j->a->input_roots[i], 32) == 0;
            reached |= f->answered;
            if (here)
                rc = dispute_flow_rows(f, &j->rows[i], e);
        }
        *found = *found && here;
    }
    if (rc != SU_OK || *found || j->beyond)
        return rc;
    if (!j->c->last_call)
        return later(j, "the asserter", e);
    return reached ? SU_OK : nobody(j, e);
}

static void judge_roots(struct judge *j)
{
    const struct dispute_finding *f = j->out;
    bool asserter = memcmp(f->output_root, j->a->output_root, 32) == 0;
    bool validator = memcmp(f->output_root, j->a->check_output_root, 32) == 0;

    if (j->a->dispute == SU_DISPUTE_COMMITTEE && asserter)
        dispute_find(j, SU_VERDICT_RIGHT, "the task gives what the asserter committed to");
    else if (asserter)
        dispute_find(j, SU_VERDICT_VALIDATOR, "the task gives what the asserter committed to");
    else if (j->a->dispute == SU_DISPUTE_COMMITTEE || validator)
        dispute_find(j, SU_VERDICT_ASSERTER, "the task does not give what the asserter says");
    else
        dispute_find(j, SU_VERDICT_BOTH, "the task gives neither party's output");
}

static enum su_code judge_outputs(struct judge *j, struct su_err *e)
{
    bool found, with_validator = j->a->dispute == SU_DISPUTE_ROOTS;
    enum su_code rc = find_rows(j, &found, e);

    if (rc != SU_OK)
        return rc;
    if (!found && is_two_faced(j))
        return SU_OK;
    if (!found) {
        bool both = j->beyond && with_validator; /* they agree on what the requestor never gave */
        dispute_find(j, both ? SU_VERDICT_BOTH : SU_VERDICT_ASSERTER, "%s",
                     j->beyond ? "an input is not the requestor's"
                               : "the asserter does not show what it was sent");
        return SU_OK;
    }
    rc = dispute_execute(j, e);
    if (rc != SU_OK)
        return rc;
    judge_roots(j);
    return j->out->verdict == SU_VERDICT_RIGHT ? SU_OK : dispute_evidence(j, e);
}

/* ---- a judgement --------------------------------------------------------------------------------- */

static enum su_code judge_init(struct judge *j, const struct dispute_case *c,
                               struct dispute_finding *out, struct su_err *e)
{
    const struct su_acc_execution *x = c->execution;

    *j = (struct judge){.c = c, .x = x, .out = out};
    (void)snprintf(j->at, sizeof j->at, "task %u", c->task);
    if (c->task >= x->task_count || c->task >= c->package->n_task || !c->assignments[c->task])
        return su_fail(e, SU_EINVAL, j->at, "the execution has no such task");
    j->a = c->assignments[c->task];
    j->g = c->package->task[c->task].graph;
    j->steps = x->steps;
    if ((x->tasks[c->task].flags & SU_TASKF_DISPUTED) == 0 || j->steps == 0)
        return su_fail(e, SU_EINVAL, j->at, "is not in dispute");
    if (j->a->input_count != j->g->n_input || j->a->output_count != j->g->n_output)
        return su_fail(e, SU_EINVAL, j->at, "the package is of another model");
    for (uint32_t i = 0; i < j->a->input_count; i++)
        if (!j->a->sources[i].external &&
            (j->a->sources[i].task >= x->task_count || !c->assignments[j->a->sources[i].task]))
            return su_fail(e, SU_EINVAL, j->at, "input %u has no producer", i);
    out->dispute = j->a->dispute;
    out->task = c->task;
    return SU_OK;
}

static void judge_fini(struct judge *j)
{
    for (uint32_t i = 0; i < SU_PORTS_MAX; i++) {
        for (unsigned w = 0; w < DISPUTE_PARTIES; w++)
            dispute_flow_fini(&j->shown[i][w]);
        free(j->rows[i]);
        free(j->output[i]);
    }
    free(j->emits);
    su_trace_free(j->trace);
    su_task_close(j->run);
    if (j->exec)
        (void)su_exec_close(j->exec, NULL);
}

static enum su_code judge(struct judge *j, struct su_err *e)
{
    enum su_code rc = SU_OK;

    if (j->a->dispute != SU_DISPUTE_MISSING && j->a->dispute != SU_DISPUTE_INPUTS)
        rc = dispute_truth(j, e);
    if (rc != SU_OK)
        return rc;
    switch (j->a->dispute) {
    case SU_DISPUTE_ROOTS:
        return memcmp(j->a->input_root, j->a->check_input_root, 32) != 0
                   ? judge_unequal_inputs(j, e)
                   : judge_outputs(j, e);
    case SU_DISPUTE_INPUTS:
        return judge_connection(j, e);
    case SU_DISPUTE_COMMITTEE:
        return judge_outputs(j, e);
    case SU_DISPUTE_MISSING:
        return judge_missing(j, e);
    default:
        return su_fail(e, SU_EINVAL, j->at, "is not in dispute");
    }
}

enum su_code dispute_judge(const struct dispute_case *c, struct dispute_finding *out,
                           struct su_err *e)
{
    struct dispute_case own = *c;
    struct judge j;

    memset(out, 0, sizeof *out);
    enum su_code rc = judge_init(&j, &own, out, e);
    if (rc == SU_OK)
        rc = dispute_prompt(&j, e);
    if (rc == SU_OK && j.emits)
        own.emits = j.emits;
    if (rc == SU_OK)
        rc = judge(&j, e);
    judge_fini(&j);
    if (rc != SU_OK)
        memset(out, 0, sizeof *out);
    return rc;
}
