// SPDX-License-Identifier: MIT
/* Who is waited for, and until when. */
#include "crank_priv.h"

#include <string.h>

struct waits {
    const struct su_chain_case *c;
    struct su_chain_wait *out;
    size_t n, cap;
};

/* Inserts it by its deadline; the latest falls off when there is no room. */
static void add(struct waits *w, struct su_chain_wait one)
{
    size_t i = w->n < w->cap ? w->n : w->cap;

    w->n++;
    while (i > 0 && w->out[i - 1].until_slot > one.until_slot) {
        if (i < w->cap)
            w->out[i] = w->out[i - 1];
        i--;
    }
    if (i < w->cap)
        w->out[i] = one;
}

static void before_run(struct waits *w, uint64_t slot)
{
    const struct su_acc_execution *x = w->c->execution;
    const struct su_params *params = &w->c->config->params;
    const uint64_t taking = chain_plus(x->phase_slot, params->round_slots);
    struct su_chain_wait one = {.what = SU_CHAIN_WAIT_ASSIGNMENT,
                                .task = SU_NO_TASK,
                                .until_slot =
                                    chain_plus(x->request_slot, params->request_expiry_slots),
                                .default_ix = SU_IX_REQUEST_EXPIRE};

    if (x->state == SU_EXEC_OPENING) {
        one.what = SU_CHAIN_WAIT_TASKS;
        one.who = x->requestor;
    } else if (x->state == SU_EXEC_ASSIGNING && (x->assigned > 0 || slot <= taking)) {
        one.what = SU_CHAIN_WAIT_RESERVES;
        one.until_slot = taking;
        one.default_ix = SU_IX_RELEASE;
    }
    add(w, one);
}

static void run(struct waits *w)
{
    const struct su_acc_execution *x = w->c->execution;

    for (uint16_t t = 0; t < x->task_count; t++) {
        const struct su_acc_assignment *a = w->c->assignments[t];
        struct su_chain_wait one = {.task = t, .default_ix = SU_IX_COMMIT_EXPIRE};
        if (!a)
            continue;
        if (x->tasks[t].state == SU_TASK_ASSIGNED) {
            one.what = SU_CHAIN_WAIT_COMMIT;
            one.who = a->node;
            one.until_slot = x->deadline_slot;
            add(w, one);
        } else if (x->tasks[t].state == SU_TASK_UNASSIGNED) {
            one.what = SU_CHAIN_WAIT_REASSIGNMENT;
            one.until_slot = a->deadline_slot;
            add(w, one);
        }
    }
    if (x->committed == x->task_count)
        add(w, (struct su_chain_wait){
                   .what = SU_CHAIN_WAIT_FREEZE,
                   .task = SU_NO_TASK,
                   .until_slot = chain_plus(x->last_commit_slot, w->c->config->params.freeze_slots),
                   .default_ix = SU_IX_FREEZE});
}

static void draw(struct waits *w, uint64_t slot)
{
    const struct su_acc_execution *x = w->c->execution;
    struct su_chain_wait one = {.what = SU_CHAIN_WAIT_DRAW,
                                .task = SU_NO_TASK,
                                .until_slot = x->phase_slot,
                                .default_ix = SU_IX_DRAW_DEFAULT};
    struct su_chain_turn turn;

    if (su_chain_turn(w->c, slot, &turn)) {
        one.who = turn.key;
        one.until_slot = turn.until_slot;
    }
    add(w, one);
}

static void checks(struct waits *w, const struct su_chain_voted *voted)
{
    for (uint16_t t = 0; t < w->c->execution->task_count; t++) {
        const struct su_chain_check_due d = su_chain_check_due(w->c, t, voted);
        if (d.due == SU_CHAIN_DUE_NONE)
            continue;
        add(w, (struct su_chain_wait){.what = SU_CHAIN_WAIT_CHECK,
                                      .task = t,
                                      .who = d.due == SU_CHAIN_DUE_SKIP ? NULL : d.identity,
                                      .until_slot = d.until_slot,
                                      .default_ix = SU_IX_CHECK_EXPIRE});
    }
}

static void reveal(struct waits *w)
{
    const struct su_acc_execution *x = w->c->execution;
    const struct su_params *params = &w->c->config->params;
    bool bad = false;

    for (uint16_t t = 0; t < x->task_count; t++) {
        const struct su_acc_assignment *a = w->c->assignments[t];
        const uint16_t flags = x->tasks[t].flags;
        struct su_chain_wait one = {.what = SU_CHAIN_WAIT_REVEAL, .task = t};
        bad |=
            x->tasks[t].state == SU_TASK_VERIFICATION_FAILED || x->tasks[t].state == SU_TASK_FAILED;
        if (!a || (flags & SU_TASKF_DONE) != 0)
            continue;
        if ((flags & SU_TASKF_REVEALED) == 0) {
            one.who = a->node;
            one.until_slot = chain_plus(x->phase_slot, params->silence_slots);
            one.default_ix = SU_IX_REVEAL_EXPIRE;
            add(w, one);
        } else if ((flags & SU_TASKF_DISPUTED) != 0) {
            one.what = SU_CHAIN_WAIT_VERDICT;
            one.until_slot = a->deadline_slot;
            one.default_ix = SU_IX_DISPUTE_EXPIRE;
            add(w, one);
        }
    }
    if (x->done == x->task_count && !bad)
        add(w, (struct su_chain_wait){.what = SU_CHAIN_WAIT_COMPLAINT,
                                      .task = SU_NO_TASK,
                                      .who = x->requestor,
                                      .until_slot =
                                          chain_plus(x->last_reveal_slot, params->missing_slots),
                                      .default_ix = SU_IX_CONCLUDE});
}

size_t su_chain_waits(const struct su_chain_case *c, const struct su_chain_crank_by *by,
                      struct su_chain_wait *out, size_t cap)
{
    struct waits w = {.c = c, .out = out, .cap = cap};

    switch (c->execution->state) {
    case SU_EXEC_OPENING:
    case SU_EXEC_REQUESTED:
    case SU_EXEC_ASSIGNING:
        before_run(&w, by->slot);
        break;
    case SU_EXEC_RUNNING:
        run(&w);
        break;
    case SU_EXEC_FROZEN:
        draw(&w, by->slot);
        break;
    case SU_EXEC_CHECKING:
        checks(&w, by->voted);
        break;
    case SU_EXEC_REVEALING:
        reveal(&w);
        break;
    default:
        break;
    }
    return w.n;
}

const char *su_chain_wait_text(enum su_chain_wait_for what)
{
    static const char *const texts[] = {
        [SU_CHAIN_WAIT_TASKS] = "the request's tasks and escrow",
        [SU_CHAIN_WAIT_ASSIGNMENT] = "the committee's assignment",
        [SU_CHAIN_WAIT_RESERVES] = "the nodes' reserves",
        [SU_CHAIN_WAIT_COMMIT] = "commit",
        [SU_CHAIN_WAIT_REASSIGNMENT] = "another node from the committee",
        [SU_CHAIN_WAIT_FREEZE] = "freeze",
        [SU_CHAIN_WAIT_DRAW] = "draw",
        [SU_CHAIN_WAIT_CHECK] = "check",
        [SU_CHAIN_WAIT_REVEAL] = "reveal",
        [SU_CHAIN_WAIT_VERDICT] = "the committee's verdict",
        [SU_CHAIN_WAIT_COMPLAINT] = "the requestor's word",
    };

    return (size_t)what < SU_ARRAY_LEN(texts) ? texts[what] : "?";
}
