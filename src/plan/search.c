// SPDX-License-Identifier: MIT
#include "plan_priv.h"

#include <stdlib.h>
#include <string.h>

/* The tasks of a plan in their order are a chain of ideals (sets of units that hold all they read
   from), each the one before it plus one task. So when there are few ideals, a dynamic program over
   all pairs of them is exact over every way to cut the graph. A chain of n units has n + 1 of them,
   two parallel chains of n have (n + 1)^2, ten units never more than IDEALS_MAX. Pairs times units
   are bounded too, which leaves 414 ideals of 64 units. */
#define IDEALS_MAX 1024u
#define IDEAL_UNITS_MAX 64u
#define IDEAL_WORK_MAX (10ull * IDEALS_MAX * IDEALS_MAX)
/* Of longer orders not every pair of cuts is looked at (order.c). */
#define PAIR_UNITS_MAX 128u

/* ---- what a set costs ------------------------------------------------------------------------ */

static uint64_t mix(uint64_t x) /* the finaliser of splitmix64 */
{
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static struct su_plan_brief *slot_of(struct su_plan_brief *table, uint32_t cap, uint64_t key)
{
    uint32_t at = (uint32_t)mix(key) & (cap - 1);
    while (table[at].key != 0 && table[at].key != key) {
        at = (at + 1) & (cap - 1);
    }
    return &table[at];
}

static bool grow_briefs(struct su_plan_search *s)
{
    uint32_t cap = s->cap_brief == 0 ? 1024 : s->cap_brief * 2;
    struct su_plan_brief *table = su_try_alloc(cap, sizeof *table);
    if (!table) {
        return false;
    }
    for (uint32_t i = 0; i < s->cap_brief; i++) {
        if (s->brief[i].key != 0) {
            *slot_of(table, cap, s->brief[i].key) = s->brief[i];
        }
    }
    free(s->brief);
    s->brief = table;
    s->cap_brief = cap;
    return true;
}

/* One dynamic program: over ideals, or over the cuts of an order. */
struct program {
    struct su_plan_search *s;
    const struct su_plan_targets *t;
    const uint32_t *order; /* NULL = over ideals */
    uint64_t key_base; /* tells the orders apart in the table */
    uint32_t n_pos, n_layer;
    struct cell *cell; /* [layer][position] */
    uint64_t work_limit;
    bool by_bytes; /* second pass: bytes are minimised, work is limited */
    bool out_of_memory;
};
struct cell {
    uint64_t a, b;
    uint32_t tasks; /* UINT32_MAX = not reached */
    uint32_t from; /* position before the last task; its layer is one less with devices */
    bool skipped; /* the device of the layer before was left out */
};

static uint32_t units_between(const struct program *d, uint32_t from, uint32_t to)
{
    uint32_t n = 0;
    if (d->order) {
        for (uint32_t i = from; i < to; i++) {
            d->s->unit[n++] = d->order[i];
        }
        return n;
    }
    for (uint64_t left = d->s->ideal[to] & ~d->s->ideal[from]; left != 0; left &= left - 1) {
        d->s->unit[n++] = (uint32_t)__builtin_ctzll(left);
    }
    return n;
}

/* NULL when out of memory, which d remembers. */
static const struct su_plan_brief *cost_between(struct program *d, uint32_t from, uint32_t to)
{
    struct su_plan_search *s = d->s;
    if (s->n_brief * 2 >= s->cap_brief && !grow_briefs(s)) {
        d->out_of_memory = true;
        return NULL;
    }
    uint64_t key =
        d->order ? d->key_base + (uint64_t)from * d->n_pos + to : s->ideal[to] & ~s->ideal[from];
    struct su_plan_brief *b = slot_of(s->brief, s->cap_brief, key);
    if (b->key == 0) {
        struct su_plan_cost c;
        su_plan_eval(s->p, s->unit, units_between(d, from, to), &c);
        b->key = key;
        b->vram_bytes = c.vram_bytes;
        b->floor_bytes = c.floor_bytes;
        b->work = su_plan_work(s->p, c.macs);
        b->cut_bytes = c.cut_bytes;
        b->ports = c.n_in <= SU_PLAN_PORT_MAX && c.n_out <= SU_PLAN_PORT_MAX;
        s->n_brief++;
    }
    return b;
}

/* ---- dynamic program ------------------------------------------------------------------------- */

static bool cell_less(const struct cell *x, const struct cell *y)
{
    if (x->tasks != y->tasks) {
        return x->tasks < y->tasks;
    }
    return x->a != y->a ? x->a < y->a : x->b < y->b;
}

/* At a tie the later cut wins: what costs nothing to move stays with its producer. */
static void offer(struct cell *to, const struct cell *x)
{
    if (!cell_less(to, x)) {
        *to = *x;
    }
}

/* False when no later `to` of the same order can do either. */
static bool relax(struct program *d, uint32_t layer, uint32_t from, uint32_t to, uint64_t target)
{
    const struct cell *f = &d->cell[(size_t)layer * d->n_pos + from];
    const struct su_plan_brief *b = cost_between(d, from, to);
    if (!b || b->floor_bytes > target || b->work > d->work_limit) {
        return false;
    }
    if (b->vram_bytes > target || !b->ports || f->tasks >= SU_PLAN_TASK_MAX) {
        return true;
    }
    struct cell x = {.tasks = f->tasks + 1, .from = from};
    if (d->by_bytes) {
        x.a = f->a + b->cut_bytes;
    } else {
        x.a = SU_MAX(f->a, b->work);
        x.b = f->b + b->cut_bytes;
    }
    uint32_t next = d->t->per_device ? layer + 1 : layer;
    offer(&d->cell[(size_t)next * d->n_pos + to], &x);
    return true;
}

static bool run_program(struct program *d)
{
    bool dev = d->t->per_device;
    size_t n_cell = (size_t)d->n_layer * d->n_pos;
    for (size_t i = 0; i < n_cell; i++) {
        d->cell[i] = (struct cell){.tasks = UINT32_MAX};
    }
    d->cell[0].tasks = 0;
    for (uint32_t layer = 0; layer < d->n_layer; layer++) {
        for (uint32_t from = 0; from < d->n_pos && !d->out_of_memory; from++) {
            struct cell *f = &d->cell[(size_t)layer * d->n_pos + from];
            if (f->tasks == UINT32_MAX || (dev && layer + 1 == d->n_layer)) {
                continue;
            }
            uint64_t target = d->t->bytes[dev ? layer : 0];
            for (uint32_t to = from + 1; to < d->n_pos; to++) {
                bool ahead = d->order || (d->s->ideal[from] & ~d->s->ideal[to]) == 0;
                if (ahead && !relax(d, layer, from, to, target) && d->order) {
                    break;
                }
            }
            if (dev) {
                struct cell x = *f;
                x.skipped = true;
                x.from = from;
                offer(&d->cell[(size_t)(layer + 1) * d->n_pos + from], &x);
            }
        }
    }
    return !d->out_of_memory && d->cell[n_cell - 1].tasks != UINT32_MAX;
}

static void read_back(const struct program *d, struct su_plan_parts *parts)
{
    uint32_t layer = d->n_layer - 1, at = d->n_pos - 1;
    parts->n_task = d->cell[(size_t)layer * d->n_pos + at].tasks;
    uint32_t task = parts->n_task;
    while (at > 0) {
        const struct cell *c = &d->cell[(size_t)layer * d->n_pos + at];
        if (d->t->per_device) {
            layer--;
        }
        if (c->skipped) {
            continue;
        }
        task--;
        parts->device[task] = d->t->per_device ? layer : 0;
        uint32_t n = units_between(d, c->from, at);
        for (uint32_t i = 0; i < n; i++) {
            parts->task_of[d->s->unit[i]] = task;
        }
        at = c->from;
    }
}

/* First the fewest tasks and the least maximum of work; then, with that maximum allowed everywhere,
   the fewest bytes. */
static enum su_code solve_pairs(struct su_plan_search *s, const struct su_plan_targets *t,
                                const uint32_t *order, uint32_t number, bool quick,
                                struct su_plan_parts *parts, bool *found, struct su_err *e)
{
    struct program d = {.s = s, .t = t, .order = order, .work_limit = UINT64_MAX};
    d.n_pos = order ? s->p->n_unit + 1 : s->n_ideal;
    d.key_base = (uint64_t)(number + 1) << 32;
    d.n_layer = t->per_device ? t->n + 1 : 1;
    d.cell = su_try_alloc((size_t)d.n_layer * d.n_pos, sizeof *d.cell);
    if (!d.cell) {
        return su_fail(e, SU_ENOMEM, NULL, "no memory to search %u cuts", d.n_pos);
    }
    *found = run_program(&d);
    if (*found && !quick) {
        d.work_limit = d.cell[(size_t)d.n_layer * d.n_pos - 1].a;
        d.by_bytes = true;
        *found = run_program(&d);
    }
    if (*found) {
        read_back(&d, parts);
    }
    free(d.cell);
    return d.out_of_memory ? su_fail(e, SU_ENOMEM, NULL, "no memory to search cuts") : SU_OK;
}

/* ---- ideals ---------------------------------------------------------------------------------- */

static int compare_ideals(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    int nx = __builtin_popcountll(x), ny = __builtin_popcountll(y);
    if (nx != ny) {
        return nx - ny;
    }
    return x < y ? -1 : x > y;
}

static bool ideal_known(const uint64_t *ideal, uint32_t from, uint32_t n, uint64_t x)
{
    for (uint32_t i = from; i < n; i++) {
        if (ideal[i] == x) {
            return true;
        }
    }
    return false;
}

/* Grows the ideals by one unit at a time; gives up (s->ideal stays NULL) beyond the limits. */
static bool make_ideals(struct su_plan_search *s)
{
    const struct su_plan_problem *p = s->p;
    uint64_t need[IDEAL_UNITS_MAX] = {0};
    if (p->n_unit > IDEAL_UNITS_MAX) {
        return true;
    }
    for (uint32_t u = 0; u < p->n_unit; u++) {
        for (uint32_t k = p->prev_start[u]; k < p->prev_start[u + 1]; k++) {
            need[u] |= 1ull << p->prev[k];
        }
    }
    uint64_t *ideal = su_try_alloc(IDEALS_MAX, sizeof *ideal);
    if (!ideal) {
        return false;
    }
    uint32_t n = 1, level = 0;
    for (uint32_t size = 0; size < p->n_unit; size++) {
        uint32_t end = n;
        for (uint32_t i = level; i < end; i++) {
            for (uint32_t u = 0; u < p->n_unit; u++) {
                uint64_t grown = ideal[i] | 1ull << u;
                if (grown == ideal[i] || (need[u] & ~ideal[i]) != 0 ||
                    ideal_known(ideal, end, n, grown)) {
                    continue;
                }
                if (n == IDEALS_MAX || (n + 1ull) * (n + 1) * p->n_unit > IDEAL_WORK_MAX) {
                    free(ideal);
                    return true;
                }
                ideal[n++] = grown;
            }
        }
        level = end;
    }
    qsort(ideal, n, sizeof *ideal, compare_ideals);
    s->ideal = ideal;
    s->n_ideal = n;
    return true;
}

/* ---- the search ------------------------------------------------------------------------------ */

enum su_code su_plan_search_new(struct su_plan_problem *p, struct su_plan_search **out,
                                struct su_err *e)
{
    *out = NULL;
    struct su_plan_search *s = su_alloc(sizeof *s);
    s->p = p;
    s->unit = su_try_alloc(p->n_unit + 1u, sizeof *s->unit);
    enum su_code rc = SU_OK;
    if (!s->unit || !make_ideals(s)) {
        rc = su_fail(e, SU_ENOMEM, NULL, "no memory to plan %u units", p->n_unit);
    } else if (!s->ideal) {
        rc = su_plan_orders_make(s, e);
    }
    if (rc != SU_OK) {
        su_plan_search_free(s);
        return rc;
    }
    *out = s;
    return SU_OK;
}

void su_plan_search_free(struct su_plan_search *s)
{
    if (s) {
        for (uint32_t i = 0; i < s->n_order; i++) {
            free(s->order[i]);
        }
        free(s->ideal);
        free(s->brief);
        free(s->unit);
        free(s);
    }
}

static enum su_code solve_order(struct su_plan_search *s, const struct su_plan_targets *t,
                                uint32_t number, bool quick, struct su_plan_parts *parts,
                                bool *found, struct su_err *e)
{
    const uint32_t *order = s->order[number];
    if (s->p->n_unit <= PAIR_UNITS_MAX) {
        return solve_pairs(s, t, order, number, quick, parts, found, e);
    }
    uint32_t start[SU_PLAN_TASK_MAX + 1];
    enum su_code rc =
        su_plan_order_cut(s, order, t, quick, start, parts->device, &parts->n_task, e);
    *found = rc == SU_OK && parts->n_task > 0;
    for (uint32_t k = 0; *found && k < parts->n_task; k++) {
        for (uint32_t i = start[k]; i < start[k + 1]; i++) {
            parts->task_of[order[i]] = k;
        }
    }
    return rc;
}

static enum su_code solve_orders(struct su_plan_search *s, const struct su_plan_targets *t,
                                 bool quick, struct su_plan_parts *best, bool *found,
                                 struct su_err *e)
{
    enum su_code rc = SU_OK;
    struct su_plan_parts x;
    x.task_of = su_try_alloc(s->p->n_unit + 1u, sizeof *x.task_of);
    if (!x.task_of) {
        return su_fail(e, SU_ENOMEM, NULL, "no memory to plan %u units", s->p->n_unit);
    }
    *found = false;
    for (uint32_t i = 0; i < s->n_order && rc == SU_OK && !(quick && *found); i++) {
        bool ok;
        rc = solve_order(s, t, i, quick, &x, &ok, e);
        if (rc != SU_OK || !ok) {
            continue;
        }
        rc = su_plan_parts_rate(s->p, &x, e);
        if (!*found || su_plan_parts_better(&x, best)) {
            struct su_plan_parts old = *best;
            *best = x;
            x.task_of = old.task_of;
            *found = true;
        }
    }
    free(x.task_of);
    return rc;
}

enum su_code su_plan_search_run(struct su_plan_search *s, const struct su_plan_targets *t,
                                bool quick, struct su_plan_parts *parts, bool *found,
                                struct su_err *e)
{
    enum su_code rc;
    memset(parts, 0, sizeof *parts);
    *found = false;
    parts->task_of = su_try_alloc(s->p->n_unit + 1u, sizeof *parts->task_of);
    if (!parts->task_of) {
        return su_fail(e, SU_ENOMEM, NULL, "no memory to plan %u units", s->p->n_unit);
    }
    rc = s->ideal ? solve_pairs(s, t, NULL, 0, quick, parts, found, e)
                  : solve_orders(s, t, quick, parts, found, e);
    if (rc == SU_OK && *found && !quick) {
        rc = su_plan_parts_rate(s->p, parts, e);
        if (rc == SU_OK) {
            rc = su_plan_parts_refine(s->p, t, parts, e);
        }
    }
    if (rc != SU_OK || !*found) {
        free(parts->task_of);
        parts->task_of = NULL;
        *found = false;
    }
    return rc;
}
