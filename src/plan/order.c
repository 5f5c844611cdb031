// SPDX-License-Identifier: MIT
#include "plan_priv.h"

#include <stdlib.h>
#include <string.h>

/* ---- topological orders ---------------------------------------------------------------------- */

enum strategy { AS_GIVEN, DEPTH_FIRST, BREADTH_FIRST, FEWEST_BYTES };

/* Bytes per row by which the values alive across a cut grow when unit u is taken. left: uses of a
   value not yet taken. */
static int64_t growth_of(const struct su_plan_problem *p, uint32_t u, const uint32_t *left)
{
    int64_t grow = 0;
    for (uint32_t i = p->unit_start[u]; i < p->unit_start[u + 1]; i++) {
        const struct su_node *n = &p->g->node[p->unit_node[i]];
        for (uint32_t k = 0; k < n->n_out; k++) {
            grow += (int64_t)su_value_row_bytes(&p->g->value[n->first_out + k]);
        }
        for (uint32_t k = 0; k < n->n_arg; k++) {
            const struct su_value *v = &p->g->value[n->arg[k]];
            if (v->kind == SU_VALUE_NODE && !p->copied[v->node] && left[n->arg[k]] == 1) {
                grow -= (int64_t)su_value_row_bytes(v);
            }
        }
    }
    return grow;
}

/* Looking at every ready unit costs ready x units; only the first of a wide front are looked at. */
#define FRONT_MAX 64u

static uint32_t pick(const struct su_plan_problem *p, enum strategy how, const uint32_t *ready,
                     uint32_t n, const uint32_t *left)
{
    if (how == DEPTH_FIRST) {
        return n - 1;
    }
    if (how == BREADTH_FIRST) {
        return 0;
    }
    uint32_t best = 0;
    int64_t least = INT64_MAX;
    for (uint32_t i = 0; i < SU_MIN(n, FRONT_MAX); i++) {
        int64_t grow = growth_of(p, ready[i], left);
        if (grow < least) {
            least = grow;
            best = i;
        }
    }
    return best;
}

static void take_uses(const struct su_plan_problem *p, uint32_t u, uint32_t *left)
{
    for (uint32_t i = p->unit_start[u]; i < p->unit_start[u + 1]; i++) {
        const struct su_node *n = &p->g->node[p->unit_node[i]];
        for (uint32_t k = 0; k < n->n_arg; k++) {
            left[n->arg[k]]--;
        }
    }
}

static bool make_order(const struct su_plan_problem *p, enum strategy how, uint32_t *order)
{
    uint32_t *waits = su_try_alloc(p->n_unit + 1u, sizeof *waits);
    uint32_t *ready = su_try_alloc(p->n_unit + 1u, sizeof *ready);
    uint32_t *left = su_try_alloc(p->g->n_value, sizeof *left);
    bool ok = waits && ready && left;
    uint32_t n = 0, n_ready = 0;
    if (ok) {
        memcpy(left, p->uses, p->g->n_value * sizeof *left);
        for (uint32_t u = p->n_unit; u-- > 0;) { /* so that depth first starts with the lowest */
            waits[u] = p->prev_start[u + 1] - p->prev_start[u];
            if (waits[u] == 0) {
                ready[n_ready++] = u;
            }
        }
    }
    while (ok && n_ready > 0) {
        uint32_t at = pick(p, how, ready, n_ready, left), u = ready[at];
        memmove(ready + at, ready + at + 1, (n_ready - at - 1) * sizeof *ready);
        n_ready--;
        order[n++] = u;
        take_uses(p, u, left);
        for (uint32_t k = p->next_start[u + 1]; k-- > p->next_start[u];) {
            if (--waits[p->next[k]] == 0) {
                ready[n_ready++] = p->next[k];
            }
        }
    }
    free(waits);
    free(ready);
    free(left);
    return ok;
}

enum su_code su_plan_orders_make(struct su_plan_search *s, struct su_err *e)
{
    size_t bytes = s->p->n_unit * sizeof(uint32_t);
    for (enum strategy how = AS_GIVEN; how <= FEWEST_BYTES; how++) {
        uint32_t *order = su_try_alloc(s->p->n_unit + 1u, sizeof *order);
        bool ok = order != NULL;
        for (uint32_t u = 0; ok && how == AS_GIVEN && u < s->p->n_unit; u++) {
            order[u] = u;
        }
        ok = ok && (how == AS_GIVEN || make_order(s->p, how, order));
        if (!ok) {
            free(order);
            return su_fail(e, SU_ENOMEM, NULL, "no memory to plan %u units", s->p->n_unit);
        }
        bool known = false;
        for (uint32_t i = 0; i < s->n_order; i++) {
            known = known || memcmp(s->order[i], order, bytes) == 0;
        }
        if (known) {
            free(order);
        } else {
            s->order[s->n_order++] = order;
        }
    }
    return SU_OK;
}

/* ---- cutting a long order -------------------------------------------------------------------- */

/* Pairs of cuts times units between them that the last step looks at. */
#define WINDOW_WORK 4000000u
#define WINDOW_MIN 8u
#define WINDOW_MAX 256u

struct cutter {
    struct su_plan_problem *p;
    const uint32_t *order;
    const struct su_plan_targets *t;
    uint32_t n;
    uint64_t *sum; /* macs of the units before a position */
    uint64_t *cross; /* bytes per row that cross a position */
    uint64_t limit; /* work of a task */
    uint32_t hi[SU_PLAN_TASK_MAX + 1], lo[SU_PLAN_TASK_MAX + 1];
    uint32_t device[SU_PLAN_TASK_MAX];
    uint32_t n_task;
};

static bool fits(const struct cutter *w, uint32_t from, uint32_t to, uint64_t target,
                 bool with_ports, struct su_plan_cost *c)
{
    if (su_plan_work(w->p, w->sum[to] - w->sum[from]) > w->limit) {
        return false;
    }
    su_plan_eval_within(w->p, w->order + from, to - from, target, c);
    if (c->vram_bytes > target || su_plan_work(w->p, c->macs) > w->limit) {
        return false;
    }
    return !with_ports || su_plan_cost_fits(c, target);
}

/* The farthest position that a task from `from` can end at; `from` itself when no task fits. */
static uint32_t reach(const struct cutter *w, uint32_t from, uint64_t target)
{
    struct su_plan_cost c;
    uint32_t step = 1, good = from, bad = w->n + 1;
    while (good < w->n && bad == w->n + 1) {
        uint32_t to = SU_MIN(w->n, good + step);
        if (fits(w, from, to, target, false, &c)) {
            good = to;
            step *= 2;
        } else {
            bad = to;
        }
    }
    while (good + 1 < bad && good < w->n) {
        uint32_t mid = good + (bad - good) / 2;
        if (fits(w, from, mid, target, false, &c)) {
            good = mid;
        } else {
            bad = mid;
        }
    }
    while (good > from && !fits(w, from, good, target, true, &c)) {
        good--;
    }
    return good;
}

/* The lowest position from which a task can reach `to`. */
static uint32_t reach_back(const struct cutter *w, uint32_t to, uint32_t lowest, uint64_t target)
{
    struct su_plan_cost c;
    uint32_t lo = lowest, hi = to;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (mid < to && fits(w, mid, to, target, false, &c)) {
            hi = mid;
        } else {
            lo = mid + 1;
        }
    }
    return hi;
}

/* Fewest tasks from front to back, each as long as possible; fills hi. Returns the number, 0 = does
   not fit. */
static uint32_t greedy(struct cutter *w)
{
    uint32_t at = 0, n = 0;
    w->hi[0] = 0;
    while (at < w->n && n < SU_PLAN_TASK_MAX) {
        uint32_t to = reach(w, at, w->t->bytes[0]);
        if (to == at) {
            return 0;
        }
        w->device[n] = 0;
        w->hi[++n] = at = to;
    }
    return at == w->n ? n : 0;
}

/* The same for a list of devices of which some may be left out: far[t] is the farthest end of t
   tasks on the devices so far; the devices that led there are remembered as bits. */
static uint32_t greedy_devices(struct cutter *w)
{
    struct {
        uint32_t end;
        bool reached;
        uint64_t used[SU_PLAN_TASK_MAX / 64];
    } far[SU_PLAN_TASK_MAX + 1];
    memset(far, 0, sizeof far);
    far[0].reached = true;
    uint32_t n_dev = SU_MIN(w->t->n, SU_PLAN_TASK_MAX);
    for (uint32_t d = 0; d < n_dev; d++) {
        for (uint32_t t = d + 1; t-- > 0;) {
            if (!far[t].reached || far[t].end == w->n) {
                continue;
            }
            uint32_t end = reach(w, far[t].end, w->t->bytes[d]);
            if (end > far[t].end && (!far[t + 1].reached || end > far[t + 1].end)) {
                far[t + 1] = far[t];
                far[t + 1].end = end;
                far[t + 1].used[d / 64] |= 1ull << d % 64;
            }
        }
    }
    for (uint32_t t = 1; t <= n_dev; t++) {
        if (!far[t].reached || far[t].end != w->n) {
            continue;
        }
        uint32_t n = 0, at = 0;
        w->hi[0] = 0;
        for (uint32_t d = 0; d < n_dev; d++) {
            if (far[t].used[d / 64] >> d % 64 & 1) {
                at = reach(w, at, w->t->bytes[d]);
                w->device[n] = d;
                w->hi[++n] = at;
            }
        }
        return n;
    }
    return 0;
}

static uint32_t fewest(struct cutter *w)
{
    return w->t->per_device ? greedy_devices(w) : greedy(w);
}

/* Lowers the limit of work as far as the number of tasks allows, and leaves hi for that limit. */
static void lower_limit(struct cutter *w)
{
    uint64_t good = 0, bad;
    for (uint32_t k = 0; k < w->n_task; k++) {
        struct su_plan_cost c;
        su_plan_eval_within(w->p, w->order + w->hi[k], w->hi[k + 1] - w->hi[k], UINT64_MAX, &c);
        good = SU_MAX(good, su_plan_work(w->p, c.macs));
    }
    bad = su_plan_work(w->p, w->sum[w->n]) / w->n_task;
    bad = bad > 0 ? bad - 1 : 0;
    while (bad + 1 < good) {
        w->limit = bad + (good - bad) / 2;
        if (fewest(w) == w->n_task) {
            good = w->limit;
        } else {
            bad = w->limit;
        }
    }
    w->limit = good;
    w->n_task = fewest(w);
}

static uint64_t task_target(const struct cutter *w, uint32_t task)
{
    return w->t->bytes[w->t->per_device ? w->device[task] : 0];
}

/* The positions in lo..hi with the fewest bytes across, at most cap, and hi itself; ascending. */
static uint32_t window(const struct cutter *w, uint32_t k, uint32_t cap, uint32_t *pos)
{
    uint32_t n = 0, lo = SU_MIN(w->lo[k], w->hi[k]);
    uint64_t below = UINT64_MAX;
    if (w->hi[k] - lo >= cap) {
        /* Bisection for the largest number of bytes that leaves at most cap - 1 positions. */
        uint64_t bad = UINT64_MAX;
        below = 0;
        while (below + 1 < bad) {
            uint64_t mid = below + (bad - below) / 2;
            uint32_t count = 0;
            for (uint32_t i = lo; i < w->hi[k]; i++) {
                count += w->cross[i] < mid;
            }
            if (count < cap) {
                below = mid;
            } else {
                bad = mid;
            }
        }
    }
    for (uint32_t i = lo; i <= w->hi[k]; i++) {
        if (i == w->hi[k] || w->cross[i] < below) {
            pos[n++] = i;
        }
    }
    return n;
}

struct choice {
    uint32_t pos, from; /* from: index into the window before */
    uint64_t bytes; /* UINT64_MAX = cannot be reached */
};

/* Fewest bytes over the cuts, position k anywhere in window k. */
static bool choose_cuts(struct cutter *w, uint32_t cap, uint32_t *start)
{
    uint32_t *pos = su_try_alloc(cap + 1u, sizeof *pos);
    struct choice *all = su_try_alloc((w->n_task + 1u) * (cap + 1u), sizeof *all);
    uint32_t n[SU_PLAN_TASK_MAX + 1];
    if (!pos || !all) {
        free(pos);
        free(all);
        return false;
    }
    for (uint32_t k = 0; k <= w->n_task; k++) {
        struct choice *row = all + (size_t)k * (cap + 1u), *before = row - (cap + 1u);
        n[k] = window(w, k, cap, pos);
        for (uint32_t i = 0; i < n[k]; i++) {
            row[i] = (struct choice){.pos = pos[i], .bytes = k == 0 ? 0 : UINT64_MAX};
            for (uint32_t j = 0; k > 0 && j < n[k - 1]; j++) {
                struct su_plan_cost c;
                if (before[j].bytes != UINT64_MAX && before[j].pos < pos[i] &&
                    fits(w, before[j].pos, pos[i], task_target(w, k - 1), true, &c) &&
                    before[j].bytes + c.cut_bytes <= row[i].bytes) {
                    row[i].bytes = before[j].bytes + c.cut_bytes;
                    row[i].from = j;
                }
            }
        }
    }
    uint32_t i = n[w->n_task] - 1;
    for (uint32_t k = w->n_task + 1; k-- > 0;) {
        const struct choice *c = &all[(size_t)k * (cap + 1u) + i];
        start[k] = c->pos;
        i = c->from;
    }
    free(pos);
    free(all);
    return true;
}

static void sum_positions(struct cutter *w)
{
    const struct su_plan_problem *p = w->p;
    memcpy(p->used, p->uses, p->g->n_value * sizeof *p->used);
    int64_t alive = 0;
    for (uint32_t i = 0; i < w->n; i++) {
        uint32_t u = w->order[i];
        alive += growth_of(p, u, p->used);
        take_uses(p, u, p->used);
        w->cross[i + 1] = alive > 0 ? (uint64_t)alive : 0;
        w->sum[i + 1] = w->sum[i];
        for (uint32_t k = p->unit_start[u]; k < p->unit_start[u + 1]; k++) {
            w->sum[i + 1] += p->node_macs[p->unit_node[k]];
        }
    }
}

enum su_code su_plan_order_cut(struct su_plan_search *s, const uint32_t *order,
                               const struct su_plan_targets *t, bool quick,
                               uint32_t start[SU_PLAN_TASK_MAX + 1],
                               uint32_t device[SU_PLAN_TASK_MAX], uint32_t *n_task,
                               struct su_err *e)
{
    struct cutter w = {.p = s->p, .order = order, .t = t, .n = s->p->n_unit};
    enum su_code rc = SU_OK;
    w.sum = su_try_alloc(w.n + 1u, sizeof *w.sum);
    w.cross = su_try_alloc(w.n + 1u, sizeof *w.cross);
    if (!w.sum || !w.cross) {
        rc = su_fail(e, SU_ENOMEM, NULL, "no memory to plan %u units", w.n);
        goto out;
    }
    sum_positions(&w);
    w.limit = UINT64_MAX;
    w.n_task = fewest(&w);
    if (w.n_task > 0 && !quick) {
        lower_limit(&w);
        w.lo[0] = 0;
        w.lo[w.n_task] = w.n;
        for (uint32_t k = w.n_task - 1; k > 0; k--) {
            w.lo[k] = reach_back(&w, w.lo[k + 1], k, task_target(&w, k));
        }
        uint32_t cap = WINDOW_MAX;
        while (cap > WINDOW_MIN && (uint64_t)cap * cap * w.n > WINDOW_WORK) {
            cap--;
        }
        if (!choose_cuts(&w, cap, start)) {
            rc = su_fail(e, SU_ENOMEM, NULL, "no memory to plan %u units", w.n);
        }
    } else {
        memcpy(start, w.hi, (w.n_task + 1) * sizeof *start);
    }
    memcpy(device, w.device, sizeof w.device);
    *n_task = w.n_task;
out:
    free(w.sum);
    free(w.cross);
    return rc;
}
