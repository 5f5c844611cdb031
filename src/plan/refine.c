// SPDX-License-Identifier: MIT
#include "plan_priv.h"

#include <stdlib.h>
#include <string.h>

/* Trials of a refinement, so that a large graph does not wait for the last percent. */
#define TRIALS_MAX 1000u

uint32_t su_plan_parts_units(const struct su_plan_problem *p, const struct su_plan_parts *parts,
                             uint32_t task, uint32_t *unit)
{
    uint32_t n = 0;
    for (uint32_t u = 0; u < p->n_unit; u++) {
        if (parts->task_of[u] == task) {
            unit[n++] = u;
        }
    }
    return n;
}

bool su_plan_parts_better(const struct su_plan_parts *a, const struct su_plan_parts *b)
{
    if (a->n_task != b->n_task) {
        return a->n_task < b->n_task;
    }
    if (a->peak_work != b->peak_work) {
        return a->peak_work < b->peak_work;
    }
    if (a->cut_bytes != b->cut_bytes) {
        return a->cut_bytes < b->cut_bytes;
    }
    return a->critical_macs < b->critical_macs;
}

/* Macs of the heaviest path through the tasks. */
static uint64_t critical_path(const struct su_plan_problem *p, const struct su_plan_parts *parts,
                              const uint64_t *macs)
{
    uint64_t edge[SU_PLAN_TASK_MAX][SU_PLAN_TASK_MAX / 64] = {{0}}; /* [reader][bit of producer] */
    uint64_t before[SU_PLAN_TASK_MAX], most = 0;
    for (uint32_t u = 0; u < p->n_unit; u++) {
        for (uint32_t k = p->prev_start[u]; k < p->prev_start[u + 1]; k++) {
            uint32_t from = parts->task_of[p->prev[k]];
            edge[parts->task_of[u]][from / 64] |= 1ull << from % 64;
        }
    }
    for (uint32_t j = 0; j < parts->n_task; j++) {
        before[j] = 0;
        for (uint32_t i = 0; i < j; i++) {
            if (edge[j][i / 64] >> i % 64 & 1) {
                before[j] = SU_MAX(before[j], before[i]);
            }
        }
        before[j] += macs[j];
        most = SU_MAX(most, before[j]);
    }
    return most;
}

struct refine {
    struct su_plan_problem *p;
    const struct su_plan_targets *t;
    struct su_plan_parts *parts;
    struct su_plan_cost cost[SU_PLAN_TASK_MAX];
    uint32_t *unit;
    uint32_t trials;
};

/* Without targets every task fits. */
static uint64_t target_of(const struct refine *r, uint32_t task)
{
    return r->t ? r->t->bytes[r->t->per_device ? r->parts->device[task] : 0] : UINT64_MAX;
}

/* Returns how many units the task has. */
static uint32_t cost_of_task(struct refine *r, uint32_t task, struct su_plan_cost *c)
{
    uint32_t n = su_plan_parts_units(r->p, r->parts, task, r->unit);
    su_plan_eval_within(r->p, r->unit, n, target_of(r, task), c);
    return n;
}

static void rate(struct refine *r, const struct su_plan_cost *cost, bool with_path)
{
    uint64_t macs[SU_PLAN_TASK_MAX];
    struct su_plan_parts *parts = r->parts;
    parts->peak_work = parts->cut_bytes = 0;
    for (uint32_t i = 0; i < parts->n_task; i++) {
        macs[i] = cost[i].macs;
        parts->peak_work = SU_MAX(parts->peak_work, su_plan_work(r->p, macs[i]));
        parts->cut_bytes += cost[i].cut_bytes;
    }
    parts->critical_macs = with_path ? critical_path(r->p, parts, macs) : 0;
}

enum su_code su_plan_parts_rate(struct su_plan_problem *p, struct su_plan_parts *parts,
                                struct su_err *e)
{
    struct refine r = {.p = p, .parts = parts};
    r.unit = su_try_alloc(p->n_unit + 1u, sizeof *r.unit);
    if (!r.unit) {
        return su_fail(e, SU_ENOMEM, NULL, "no memory to plan %u units", p->n_unit);
    }
    for (uint32_t i = 0; i < parts->n_task; i++) {
        cost_of_task(&r, i, &r.cost[i]);
    }
    rate(&r, r.cost, true);
    free(r.unit);
    return SU_OK;
}

/* The tasks that unit u may belong to without an edge that leads back. */
static void range_of(const struct refine *r, uint32_t u, uint32_t *lo, uint32_t *hi)
{
    const struct su_plan_problem *p = r->p;
    *lo = 0;
    *hi = r->parts->n_task - 1;
    for (uint32_t k = p->prev_start[u]; k < p->prev_start[u + 1]; k++) {
        *lo = SU_MAX(*lo, r->parts->task_of[p->prev[k]]);
    }
    for (uint32_t k = p->next_start[u]; k < p->next_start[u + 1]; k++) {
        *hi = SU_MIN(*hi, r->parts->task_of[p->next[k]]);
    }
}

static void remove_task(struct refine *r, uint32_t task)
{
    struct su_plan_parts *parts = r->parts;
    uint32_t after = parts->n_task - task - 1;
    memmove(&r->cost[task], &r->cost[task + 1], after * sizeof r->cost[0]);
    memmove(&parts->device[task], &parts->device[task + 1], after * sizeof parts->device[0]);
    parts->n_task--;
    for (uint32_t u = 0; u < r->p->n_unit; u++) {
        parts->task_of[u] -= parts->task_of[u] > task;
    }
}

/* Moves u to task `to` if that is allowed and better; else leaves everything as it was. */
static bool try_move(struct refine *r, uint32_t u, uint32_t to)
{
    struct su_plan_parts *parts = r->parts, old = *parts;
    uint32_t from = parts->task_of[u];
    struct su_plan_cost c_from = r->cost[from], c_to = r->cost[to];
    r->trials++;
    parts->task_of[u] = to;
    uint32_t left = cost_of_task(r, from, &r->cost[from]);
    cost_of_task(r, to, &r->cost[to]);
    bool fits = su_plan_cost_fits(&r->cost[to], target_of(r, to)) &&
                su_plan_cost_fits(&r->cost[from], target_of(r, from));
    if (fits && left == 0) {
        remove_task(r, from);
        rate(r, r->cost, true);
        return true;
    }
    if (fits) {
        rate(r, r->cost, false);
        if (parts->peak_work == old.peak_work && parts->cut_bytes == old.cut_bytes) {
            rate(r, r->cost, true);
        }
        if (su_plan_parts_better(parts, &old)) {
            rate(r, r->cost, true);
            return true;
        }
    }
    *parts = old;
    parts->task_of[u] = from;
    r->cost[from] = c_from;
    r->cost[to] = c_to;
    return false;
}

enum su_code su_plan_parts_refine(struct su_plan_problem *p, const struct su_plan_targets *t,
                                  struct su_plan_parts *parts, struct su_err *e)
{
    if (parts->n_task < 2) {
        return SU_OK;
    }
    struct refine *r = su_alloc(sizeof *r);
    *r = (struct refine){.p = p, .t = t, .parts = parts};
    r->unit = su_try_alloc(p->n_unit + 1u, sizeof *r->unit);
    if (!r->unit) {
        free(r);
        return su_fail(e, SU_ENOMEM, NULL, "no memory to plan %u units", p->n_unit);
    }
    for (uint32_t i = 0; i < parts->n_task; i++) {
        cost_of_task(r, i, &r->cost[i]);
    }
    bool moved = true;
    while (moved && r->trials < TRIALS_MAX) {
        moved = false;
        for (uint32_t u = 0; u < p->n_unit && r->trials < TRIALS_MAX; u++) {
            uint32_t lo, hi;
            range_of(r, u, &lo, &hi);
            for (uint32_t to = lo; to <= hi && r->trials < TRIALS_MAX; to++) {
                if (to != parts->task_of[u] && try_move(r, u, to)) {
                    moved = true;
                    break;
                }
            }
        }
    }
    free(r->unit);
    free(r);
    return SU_OK;
}
