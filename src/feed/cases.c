// SPDX-License-Identifier: MIT
/* Executions: their accounts while they are there, and the rows that are shown of them. */
#include "feed_priv.h"

#include <stdlib.h>
#include <string.h>

void feed_live_fini(struct feed_live *l)
{
    free(l->assignment);
    free(l->check);
    l->assignment = NULL;
    l->check = NULL;
}

void feed_rows_fini(struct feed_rows *r)
{
    free(r->part);
    free(r->sample);
    *r = (struct feed_rows){0};
}

bool feed_live_add(struct feed_world *w, const uint8_t key[32], const struct su_acc_execution *x,
                   int64_t now_ms)
{
    for (size_t i = 0; i < w->n_live; i++)
        if (memcmp(w->live[i].key, key, 32) == 0)
            return true;
    if (w->n_live == w->cap_live) {
        size_t cap = w->cap_live ? 2 * w->cap_live : 16;
        struct feed_live *live = realloc(w->live, cap * sizeof *live);
        if (!live)
            return false;
        w->live = live;
        w->cap_live = cap;
    }
    struct feed_live *l = &w->live[w->n_live];
    *l = (struct feed_live){.seen_ms = now_ms, .final_ms = FEED_NEVER, .execution = *x};
    memcpy(l->key, key, 32);
    l->assignment = su_try_alloc(x->task_count, sizeof *l->assignment);
    l->check = su_try_alloc(x->task_count, sizeof *l->check);
    if (!l->assignment || !l->check) {
        feed_live_fini(l);
        return false;
    }
    w->n_live++;
    return true;
}

/* ---- reading ---------------------------------------------------------------------------------- */

static const uint8_t *hint_at(const struct feed_world *w, size_t i)
{
    return i < w->n_hint ? w->hint[i] : w->watch[i - w->n_hint];
}

/* Hints of oracles and of whoever uses the feed that are not known yet. */
static enum su_code read_hints(struct su_feed *f, struct su_err *e)
{
    struct feed_world *w = &f->w;
    struct su_chain_accounts got = {0};
    uint8_t(*keys)[32] = NULL;
    size_t n = 0;
    bool ok = true;

    pthread_mutex_lock(&f->lock);
    size_t hints = w->n_hint + SU_MIN(w->n_watch, SU_ARRAY_LEN(w->watch));
    if (hints)
        keys = su_try_alloc(hints, 32);
    for (size_t i = 0; keys && i < hints; i++) {
        bool known = false;
        for (size_t k = 0; !known && k < w->n_live; k++)
            known = memcmp(w->live[k].key, hint_at(w, i), 32) == 0;
        for (size_t k = 0; !known && k < w->n_closed; k++)
            known = memcmp(w->closed[k].execution.key, hint_at(w, i), 32) == 0;
        if (!known)
            memcpy(keys[n++], hint_at(w, i), 32);
    }
    pthread_mutex_unlock(&f->lock);
    enum su_code rc = SU_OK;
    if (n)
        rc = su_chain_accounts_get(f->chain, (const uint8_t(*)[32])keys, n, &got, e);
    free(keys);
    if (rc || !n)
        return rc;
    pthread_mutex_lock(&f->lock);
    for (size_t i = 0; ok && i < got.n; i++) {
        const struct su_acc_execution *x;
        if (su_chain_as_execution(&got.items[i], w->env.program, &x, NULL) == SU_OK)
            ok = feed_live_add(w, got.items[i].key, x, su_clock_wall_ms());
    }
    pthread_mutex_unlock(&f->lock);
    su_chain_accounts_fini(&got);
    return ok ? SU_OK : su_fail(e, SU_ENOMEM, "feed", "out of memory");
}

/* Execution, assignments, and the checks that the assignments last read had. */
static size_t keys_of(const struct su_feed *f, const struct feed_live *l, uint8_t (*out)[32])
{
    size_t n = 0;

    memcpy(out[n++], l->key, 32);
    for (uint16_t t = 0; t < l->execution.task_count; t++)
        su_chain_addr_assignment(&f->w.env, l->key, t, out[n++]);
    for (uint16_t t = 0; t < l->execution.task_count; t++) {
        uint8_t most = l->assignment[t].head.tag ? l->assignment[t].checks : 0;
        for (uint8_t k = 0; k < most && k < SU_VALIDATORS_MAX; k++)
            su_chain_addr_check(&f->w.env, out[1 + t], k, out[n++]);
    }
    return n;
}

/* Closed between two looks: nothing is closed that has not ended, and how it ended follows from what
   was seen before. */
static void end_unseen(struct feed_live *l)
{
    struct su_acc_execution *x = &l->execution;

    l->gone = true;
    if (l->final_ms == FEED_NEVER)
        l->final_ms = su_clock_wall_ms();
    if (x->state >= SU_EXEC_SETTLED)
        return;
    if (x->state < SU_EXEC_RUNNING || x->committed < x->task_count) {
        x->void_cause = x->state < SU_EXEC_RUNNING ? SU_VOID_EXPIRED : SU_VOID_ATTEMPTS;
        x->state = SU_EXEC_VOID;
    } else if (x->faults || x->disputes_open) {
        x->void_cause = x->faults ? SU_VOID_FAULT : SU_VOID_UNDECIDED;
        x->state = SU_EXEC_VOID;
    } else {
        x->state = SU_EXEC_SETTLED;
        x->revealed = x->matched = x->done = x->task_count;
        x->checked = x->sampled;
    }
    for (uint16_t t = 0; x->state == SU_EXEC_SETTLED && t < x->task_count; t++)
        x->tasks[t].state = SU_TASK_VERIFIED;
}

static void take_case(struct su_feed *f, struct feed_live *l, const struct su_chain_accounts *got)
{
    const struct su_acc_execution *x;
    const struct su_acc_assignment *a;
    const struct su_acc_check *c;
    size_t n = 1;

    if (su_chain_as_execution(&got->items[0], f->w.env.program, &x, NULL) != SU_OK ||
        x->task_count != l->execution.task_count) {
        end_unseen(l);
        return;
    }
    l->execution = *x;
    if (x->state >= SU_EXEC_SETTLED && l->final_ms == FEED_NEVER)
        l->final_ms = su_clock_wall_ms();
    uint16_t asked[SU_TASKS_MAX];
    for (uint16_t t = 0; t < x->task_count; t++) {
        asked[t] = l->assignment[t].head.tag ? l->assignment[t].checks : 0;
        if (su_chain_as_assignment(&got->items[n++], f->w.env.program, &a, NULL) == SU_OK)
            l->assignment[t] = *a;
    }
    for (uint16_t t = 0; t < x->task_count; t++)
        for (uint16_t k = 0; k < asked[t] && k < SU_VALIDATORS_MAX; k++)
            if (su_chain_as_check(&got->items[n++], f->w.env.program, &c, NULL) == SU_OK)
                l->check[t][k] = *c;
}

/* Under lock: rows of what is gone, out of the live ones. */
static void close_gone(struct su_feed *f, struct feed_rows *fresh, size_t *n_fresh, size_t cap)
{
    struct feed_world *w = &f->w;

    for (size_t i = 0; i < w->n_live && *n_fresh < cap;) {
        if (!w->live[i].gone || !feed_rows_make(f, &w->live[i], &fresh[*n_fresh])) {
            i++;
            continue;
        }
        fresh[*n_fresh].execution.closed = true;
        (*n_fresh)++;
        feed_live_fini(&w->live[i]);
        w->live[i] = w->live[--w->n_live];
    }
}

static void keep_closed(struct feed_world *w, const struct feed_rows *r)
{
    if (w->n_closed == FEED_CLOSED_MAX) {
        feed_rows_fini(&w->closed[0]);
        memmove(w->closed, w->closed + 1, --w->n_closed * sizeof *w->closed);
    }
    if (w->n_closed == w->cap_closed) {
        size_t cap = w->cap_closed ? 2 * w->cap_closed : 16;
        struct feed_rows *closed = realloc(w->closed, cap * sizeof *closed);
        if (!closed)
            return;
        w->closed = closed;
        w->cap_closed = cap;
    }
    w->closed[w->n_closed++] = *r;
}

static void close_cases(struct su_feed *f)
{
    struct feed_rows fresh[16];
    size_t n = 0;

    pthread_mutex_lock(&f->lock);
    close_gone(f, fresh, &n, SU_ARRAY_LEN(fresh));
    pthread_mutex_unlock(&f->lock);
    for (size_t i = 0; i < n; i++)
        feed_history_keep(f, &fresh[i]);
    pthread_mutex_lock(&f->lock);
    for (size_t i = 0; i < n; i++)
        keep_closed(&f->w, &fresh[i]);
    pthread_mutex_unlock(&f->lock);
}

enum su_code feed_cases_round(struct su_feed *f, struct su_err *e)
{
    struct feed_world *w = &f->w;
    static const size_t most = 1 + SU_TASKS_MAX * (1 + SU_VALIDATORS_MAX);

    if (!w->has_env)
        return SU_OK;
    enum su_code rc = read_hints(f, e);
    if (rc || !w->n_live)
        return rc;
    uint8_t(*keys)[32] = su_try_alloc(most, 32);
    if (!keys)
        return su_fail(e, SU_ENOMEM, "feed", "out of memory");
    for (size_t i = 0; rc == SU_OK && i < w->n_live && feed_running(f); i++) {
        struct su_chain_accounts got = {0};
        size_t n = keys_of(f, &w->live[i], keys); /* only this thread changes live ones */
        rc = su_chain_accounts_get(f->chain, (const uint8_t(*)[32])keys, n, &got, e);
        if (rc == SU_OK) {
            pthread_mutex_lock(&f->lock);
            take_case(f, &w->live[i], &got);
            w->slot = got.slot;
            pthread_mutex_unlock(&f->lock);
            su_chain_accounts_fini(&got);
        }
    }
    free(keys);
    if (rc == SU_OK)
        close_cases(f);
    return rc;
}

/* ---- rows ------------------------------------------------------------------------------------- */

static const uint8_t nothing[32];

static void part_row(const struct su_feed *f, const struct feed_live *l, uint16_t t,
                     struct su_feed_part *p)
{
    const struct su_exec_task *x = &l->execution.tasks[t];
    const struct su_acc_assignment *a = &l->assignment[t];

    *p = (struct su_feed_part){.task = t,
                               .state = x->state,
                               .attempt = x->attempt,
                               .flags = x->flags,
                               .fee = x->fee,
                               .sampling_ppm = x->sampling_ppm};
    p->steps_done = p->compute_ms = p->wait_ms = p->network_ms = UINT32_MAX;
    if (a->head.tag) {
        memcpy(p->node, a->node, 32);
        memcpy(p->owner, a->owner, 32);
        memcpy(p->commit, a->commit, 32);
        memcpy(p->check_output_root, a->check_output_root, 32);
        memcpy(p->output_root, a->output_root, 32);
        p->dispute = a->dispute;
        p->verdict = a->verdict;
    }
    for (size_t i = 0; i < f->w.n_work; i++) {
        const struct feed_work *k = &f->w.work[i];
        if (k->task != t || memcmp(k->execution, l->key, 32) != 0)
            continue;
        p->steps_done = k->steps;
        p->compute_ms = k->compute_ms;
        p->wait_ms = k->wait_ms;
        p->network_ms = k->network_ms;
        memcpy(p->backend, k->backend, sizeof p->backend);
    }
}

static enum su_feed_verdict verdict(const struct su_exec_task *t, const struct su_acc_assignment *a,
                                    const struct su_acc_check *c, const struct feed_live *l)
{
    if (a->dispute == SU_DISPUTE_ROOTS || t->state == SU_TASK_VERIFICATION_FAILED ||
        (c && c->state == SU_CHECK_WRONG))
        return SU_FEED_MISMATCH;
    if (c && c->state == SU_CHECK_SILENT)
        return SU_FEED_SILENT;
    if (!c && a->dispute == SU_DISPUTE_COMMITTEE)
        return SU_FEED_COMMITTEE;
    if (!c)
        return SU_FEED_PENDING;
    if (c->state == SU_CHECK_ACCEPTED)
        return SU_FEED_RUNNING;
    bool revealed = memcmp(a->output_root, nothing, 32) != 0;
    bool equal = revealed && memcmp(a->output_root, c->output_root, 32) == 0;
    if (equal || t->state == SU_TASK_VERIFIED || c->state == SU_CHECK_PAID || l->gone)
        return SU_FEED_MATCH;
    return SU_FEED_POSTED;
}

static void sample_row(const struct su_feed *f, const struct feed_live *l, uint16_t t, int number,
                       struct su_feed_sample *s)
{
    const struct su_acc_execution *x = &l->execution;
    const struct su_acc_assignment *a = &l->assignment[t];
    const struct su_acc_check *c = number < 0 ? NULL : &l->check[t][number];

    *s =
        (struct su_feed_sample){.task = t,
                                .number = number < 0 ? 255 : (uint8_t)number,
                                .threshold_ppm = SU_MAX(x->tasks[t].sampling_ppm, x->threshold_ppm),
                                .slot = x->phase_slot,
                                .seen_ms = l->seen_ms,
                                .done_ms = l->final_ms,
                                .fee = x->tasks[t].fee,
                                .dispute = a->dispute,
                                .chain_verdict = a->verdict,
                                .dispute_step = UINT32_MAX};
    memcpy(s->execution, l->key, 32);
    s->draw = su_msg_sample_draw(feed_sha256, x->beta, t);
    s->verdict = verdict(&x->tasks[t], a, c, l);
    memcpy(s->asserter, a->node, 32);
    memcpy(s->asserter_owner, a->owner, 32);
    memcpy(s->asserter_root, a->output_root, 32);
    s->own_asserter = f->o.identity && memcmp(a->node, f->identity, 32) == 0;
    if (!c)
        return;
    memcpy(s->validator, c->validator, 32);
    memcpy(s->validator_owner, c->owner, 32);
    memcpy(s->validator_root, c->output_root, 32);
    s->own_validator = f->o.identity && memcmp(c->validator, f->identity, 32) == 0;
}

static void sample_rows(const struct su_feed *f, const struct feed_live *l, struct feed_rows *out)
{
    const struct su_acc_execution *x = &l->execution;

    for (uint16_t t = 0; x->state >= SU_EXEC_CHECKING && t < x->task_count; t++) {
        bool any = false;
        if (!(x->tasks[t].flags & SU_TASKF_SAMPLED))
            continue;
        for (int k = 0; k < (int)SU_VALIDATORS_MAX; k++)
            if (l->check[t][k].head.tag) {
                sample_row(f, l, t, k, &out->sample[out->n_sample++]);
                any = true;
            }
        if (!any)
            sample_row(f, l, t, -1, &out->sample[out->n_sample++]);
    }
}

static void execution_row(const struct su_feed *f, const struct feed_live *l,
                          struct su_feed_execution *r)
{
    const struct su_acc_execution *x = &l->execution;
    const struct su_acc_model *m = feed_accounts_find(&f->w.model, x->model);

    *r = (struct su_feed_execution){.state = x->state,
                                    .void_cause = x->void_cause,
                                    .nonce = x->nonce,
                                    .seed = x->seed,
                                    .epoch = x->epoch,
                                    .max_steps = x->max_steps,
                                    .steps = x->steps,
                                    .request_slot = x->request_slot,
                                    .submit_slot = x->submit_slot,
                                    .deadline_slot = x->deadline_slot,
                                    .phase_slot = x->phase_slot,
                                    .seen_ms = l->seen_ms,
                                    .final_ms = l->final_ms,
                                    .escrow = x->escrow,
                                    .fees = x->fees,
                                    .surcharge = x->surcharge,
                                    .oracle_fee = x->oracle_fee,
                                    .task_count = x->task_count,
                                    .assigned = x->assigned,
                                    .committed = x->committed,
                                    .sampled = x->sampled,
                                    .checked = x->checked,
                                    .revealed = x->revealed,
                                    .faults = x->faults};
    for (uint16_t t = 0; t < x->task_count; t++) /* x->matched leaves out tasks without producers */
        r->matched = (uint16_t)(r->matched + (x->tasks[t].state == SU_TASK_VERIFIED));
    memcpy(r->key, l->key, 32);
    memcpy(r->requestor, x->requestor, 32);
    memcpy(r->model, x->model, 32);
    r->own = f->o.wallet && memcmp(x->requestor, f->wallet, 32) == 0;
    if (m)
        feed_text(r->model_name, sizeof r->model_name, m->name, m->name_len);
}

bool feed_rows_make(const struct su_feed *f, const struct feed_live *l, struct feed_rows *out)
{
    uint32_t n = l->execution.task_count;

    *out = (struct feed_rows){0};
    out->part = su_try_alloc(n, sizeof *out->part);
    out->sample = su_try_alloc((size_t)n * SU_VALIDATORS_MAX, sizeof *out->sample);
    if (!out->part || !out->sample) {
        feed_rows_fini(out);
        return false;
    }
    execution_row(f, l, &out->execution);
    for (uint16_t t = 0; t < n; t++)
        part_row(f, l, t, &out->part[out->n_part++]);
    sample_rows(f, l, out);
    for (uint32_t i = 0; i < out->n_sample; i++)
        memcpy(out->sample[i].model_name, out->execution.model_name,
               sizeof out->execution.model_name);
    return true;
}
