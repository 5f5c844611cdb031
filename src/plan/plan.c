// SPDX-License-Identifier: MIT
#include "plan_priv.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* One graph being planned for one target after another: what was learnt for the last sharding is
   kept. */
struct solver {
    struct su_plan_problem *whole; /* nothing sharded */
    struct su_plan_problem *sharded; /* NULL while nothing is */
    struct su_plan_search *search; /* of the sharded problem, or of the whole one */
    uint32_t *rows, *next_rows; /* per node of whole->g */
    uint32_t n_sharded;
    struct su_plan_opts opts;
};

static struct su_plan_problem *problem_of(const struct solver *s)
{
    return s->sharded ? s->sharded : s->whole;
}

static void solver_fini(struct solver *s)
{
    su_plan_search_free(s->search);
    su_plan_problem_free(s->sharded);
    su_plan_problem_free(s->whole);
    free(s->rows);
    free(s->next_rows);
}

static enum su_code check_opts(const struct su_graph *g, const struct su_plan_opts *o,
                               bool with_target, struct su_err *e)
{
    if (!g->checked) {
        return su_fail(e, SU_EINVAL, "graph", "was not checked before planning");
    }
    if (o->t_max > SU_ROWS_MAX) {
        return su_fail(e, SU_EINVAL, "rows", "%u rows are more than a dispatch holds (%u)",
                       o->t_max, SU_ROWS_MAX);
    }
    if (o->e_max > SU_MAX(o->t_max, 1u)) {
        return su_fail(e, SU_EINVAL, "rows", "%u of %u rows cannot emit", o->e_max,
                       SU_MAX(o->t_max, 1u));
    }
    if (!with_target) {
        return SU_OK;
    }
    if (o->n_target == 0 || !o->target) {
        return su_fail(e, SU_EINVAL, "target", "no VRAM target was given");
    }
    if (o->n_target > SU_PLAN_TASK_MAX) {
        return su_fail(e, SU_ELIMIT, "target", "%u devices; a plan uses at most %u", o->n_target,
                       SU_PLAN_TASK_MAX);
    }
    if (!o->per_device && o->n_target > 1) {
        return su_fail(e, SU_EINVAL, "target", "%u targets; give one, or a list of devices",
                       o->n_target);
    }
    for (uint32_t i = 0; i < o->n_target; i++) {
        if (o->target[i] == 0) {
            return su_fail(e, SU_EINVAL, "target", "a VRAM target of 0 bytes holds nothing");
        }
    }
    return SU_OK;
}

static enum su_code solver_init(struct solver *s, const struct su_graph *g,
                                const struct su_plan_opts *o, struct su_err *e)
{
    memset(s, 0, sizeof *s);
    s->opts = *o;
    s->opts.t_max = o->t_max == 0 ? 1 : o->t_max;
    s->opts.e_max = o->e_max == 0 ? SU_MIN(s->opts.t_max, SU_PLAN_EMIT_ROWS) : o->e_max;
    s->opts.sessions = o->sessions == 0 ? 1 : o->sessions;
    s->opts.ctx = o->ctx == 0 ? 8192 : o->ctx;
    enum su_code rc = su_plan_rewrite(g, NULL, NULL, &s->opts, &s->whole, e);
    if (rc != SU_OK) {
        return rc;
    }
    s->rows = su_try_alloc(s->whole->g->n_node + 1u, sizeof *s->rows);
    s->next_rows = su_try_alloc(s->whole->g->n_node + 1u, sizeof *s->next_rows);
    if (!s->rows || !s->next_rows) {
        return su_fail(e, SU_ENOMEM, NULL, "no memory to plan %u nodes", g->n_node);
    }
    return su_plan_search_new(s->whole, &s->search, e);
}

/* Makes the problem in which everything that exceeds the target alone is sharded, if it can be. */
static enum su_code shard_for(struct solver *s, uint64_t target, struct su_err *e)
{
    size_t bytes = s->whole->g->n_node * sizeof *s->rows;
    enum su_code rc = su_plan_shard_choose(s->whole, target, s->next_rows, &s->n_sharded, e);
    if (rc != SU_OK || memcmp(s->rows, s->next_rows, bytes) == 0) {
        return rc;
    }
    memcpy(s->rows, s->next_rows, bytes);
    su_plan_search_free(s->search);
    su_plan_problem_free(s->sharded);
    s->search = NULL;
    s->sharded = NULL;
    if (s->n_sharded > 0) {
        rc = su_plan_rewrite(s->whole->g, s->whole->whole_node, s->rows, &s->opts, &s->sharded, e);
        if (rc != SU_OK) {
            return rc;
        }
    }
    return su_plan_search_new(problem_of(s), &s->search, e);
}

static enum su_code solve(struct solver *s, const struct su_plan_targets *t, bool quick,
                          struct su_plan_parts *parts, bool *found, struct su_err *e)
{
    uint64_t most = 0, least = UINT64_MAX;
    for (uint32_t i = 0; i < t->n; i++) {
        most = SU_MAX(most, t->bytes[i]);
        least = SU_MIN(least, t->bytes[i]);
    }
    /* Of unequal devices the smallest may need finer shards than the largest. */
    uint64_t limit[2] = {most, least};
    *found = false;
    for (uint32_t i = 0; i < (least < most ? 2u : 1u) && !*found; i++) {
        enum su_code rc = shard_for(s, limit[i], e);
        if (rc == SU_OK) {
            rc = su_plan_search_run(s->search, t, quick, parts, found, e);
        }
        if (rc != SU_OK) {
            return rc;
        }
    }
    return SU_OK;
}

static enum su_code solve_single(struct solver *s, uint64_t target, bool *found, struct su_err *e)
{
    struct su_plan_targets t = {&target, 1, false};
    struct su_plan_parts parts;
    enum su_code rc = solve(s, &t, true, &parts, found, e);
    if (rc == SU_OK && *found) {
        free(parts.task_of);
    }
    return rc;
}

/* ---- the smallest target --------------------------------------------------------------------- */

/* The VRAM of the graph in one task; no target above it helps. */
static uint64_t vram_of_all(struct su_plan_problem *p, uint32_t *unit)
{
    struct su_plan_cost c;
    for (uint32_t u = 0; u < p->n_unit; u++) {
        unit[u] = u;
    }
    su_plan_eval(p, unit, p->n_unit, &c);
    return c.vram_bytes;
}

/* All sizes are multiples of SU_PLAN_ALIGN, so only such targets are tried. `below` is known not to
   do. */
static enum su_code find_smallest(struct solver *s, uint64_t below, uint64_t *bytes,
                                  struct su_err *e)
{
    bool found;
    uint64_t bad = below / SU_PLAN_ALIGN;
    uint64_t good = vram_of_all(s->whole, s->search->unit) / SU_PLAN_ALIGN;
    enum su_code rc = solve_single(s, good * SU_PLAN_ALIGN, &found, e);
    if (rc != SU_OK) {
        return rc;
    }
    if (!found) {
        return su_fail(e, SU_ELIMIT, "plan",
                       "no target is large enough: every cut needs more than %u tasks, or more "
                       "than %u inputs or outputs of a task",
                       SU_PLAN_TASK_MAX, SU_PLAN_PORT_MAX);
    }
    while (bad + 1 < good) {
        uint64_t mid = bad + (good - bad) / 2;
        rc = solve_single(s, mid * SU_PLAN_ALIGN, &found, e);
        if (rc != SU_OK) {
            return rc;
        }
        if (found) {
            good = mid;
        } else {
            bad = mid;
        }
    }
    *bytes = good * SU_PLAN_ALIGN;
    return SU_OK;
}

enum su_code su_plan_smallest(const struct su_graph *g, const struct su_plan_opts *opts,
                              uint64_t *bytes, struct su_err *e)
{
    struct solver s;
    enum su_code rc = check_opts(g, opts, false, e);
    *bytes = 0;
    if (rc != SU_OK) {
        return rc;
    }
    rc = solver_init(&s, g, opts, e);
    if (rc == SU_OK) {
        rc = find_smallest(&s, 0, bytes, e);
    }
    solver_fini(&s);
    return rc;
}

/* ---- refusal --------------------------------------------------------------------------------- */

/* The unit that needs the most VRAM alone. */
static uint32_t heaviest_unit(struct su_plan_problem *p, struct su_plan_cost *most)
{
    uint32_t heaviest = 0;
    memset(most, 0, sizeof *most);
    for (uint32_t u = 0; u < p->n_unit; u++) {
        struct su_plan_cost c;
        su_plan_eval(p, &u, 1, &c);
        if (c.vram_bytes > most->vram_bytes) {
            *most = c;
            heaviest = u;
        }
    }
    return heaviest;
}

static bool stands_for_shards(const struct solver *s, uint32_t node)
{
    uint32_t whole = problem_of(s)->whole_node[node];
    return s->sharded && whole < s->whole->g->n_node && s->rows[whole] != 0;
}

static enum su_code refuse(struct solver *s, struct su_err *e)
{
    const struct su_plan_opts *o = &s->opts;
    uint64_t limit = 0, smallest = 0;
    for (uint32_t i = 0; i < o->n_target; i++) {
        limit = SU_MAX(limit, o->target[i]);
    }
    enum su_code rc = find_smallest(s, o->per_device ? 0 : limit, &smallest, e);
    if (rc == SU_OK) {
        /* What keeps the target from being any smaller, however finely the rest is sharded. */
        rc = shard_for(s, smallest - 1, e);
    }
    if (rc != SU_OK) {
        return rc;
    }
    struct su_plan_cost c;
    struct su_plan_problem *p = problem_of(s);
    uint32_t u = heaviest_unit(p, &c), node = p->unit_node[p->unit_start[u]];
    char label[128], fixed[32], arena[32], size[32], given[32];
    su_plan_node_label(p, node, label, sizeof label);
    su_format_size(limit, given, sizeof given);
    su_format_size(smallest, size, sizeof size);
    if (c.vram_bytes > limit) {
        return su_fail(
            e, SU_ENOFIT, label,
            "needs %" PRIu64 " bytes alone%s (%s of weights, %s of values for %u row%s%s)%s; the "
            "target is %" PRIu64 " bytes, the smallest feasible target is %" PRIu64 " bytes (%s)",
            c.vram_bytes, stands_for_shards(s, node) ? ", though sharded by rows" : "",
            su_format_size(c.fixed_bytes, fixed, sizeof fixed),
            su_format_size(c.arena_bytes, arena, sizeof arena), o->t_max, o->t_max == 1 ? "" : "s",
            c.session_bytes > 0 ? " and its state" : "",
            c.arena_bytes > limit ? ", and values cannot be sharded" : "", limit, smallest, size);
    }
    if (o->per_device) {
        return su_fail(e, SU_ENOFIT, "plan",
                       "the %u devices in this order do not hold the graph; the smallest feasible "
                       "target for equal devices is %" PRIu64 " bytes (%s)",
                       o->n_target, smallest, size);
    }
    return su_fail(e, SU_ELIMIT, "plan",
                   "with %s per task there would be more than %u tasks, or more than %u inputs or "
                   "outputs of a task; the smallest feasible target is %" PRIu64 " bytes (%s)",
                   given, SU_PLAN_TASK_MAX, SU_PLAN_PORT_MAX, smallest, size);
}

/* ---- plans ----------------------------------------------------------------------------------- */

static enum su_code make_plan(struct solver *s, const struct su_plan_targets *t,
                              const struct su_plan_parts *parts, struct su_plan **out,
                              struct su_err *e)
{
    struct su_plan *plan = su_alloc(sizeof *plan);
    plan->t_max = s->opts.t_max;
    plan->e_max = s->opts.e_max;
    plan->sessions = s->opts.sessions;
    plan->ctx = s->opts.ctx;
    plan->n_sharded = s->n_sharded;
    for (uint32_t i = 0; i < t->n; i++) {
        plan->target_bytes = SU_MAX(plan->target_bytes, t->bytes[i]);
    }
    enum su_code rc = su_plan_emit(problem_of(s), parts, t, plan, e);
    if (rc == SU_OK) {
        rc = su_plan_explain(problem_of(s), parts, t, plan, e);
    }
    if (rc != SU_OK) {
        su_plan_free(plan);
        return rc;
    }
    *out = plan;
    return SU_OK;
}

enum su_code su_plan_build(const struct su_graph *g, const struct su_plan_opts *opts,
                           struct su_plan **out, struct su_err *e)
{
    struct solver s;
    struct su_plan_parts parts = {0};
    bool found;
    *out = NULL;
    enum su_code rc = check_opts(g, opts, true, e);
    if (rc != SU_OK) {
        return rc;
    }
    struct su_plan_targets t = {opts->target, opts->n_target, opts->per_device};
    rc = solver_init(&s, g, opts, e);
    if (rc == SU_OK) {
        rc = solve(&s, &t, false, &parts, &found, e);
    }
    if (rc == SU_OK) {
        rc = found ? make_plan(&s, &t, &parts, out, e) : refuse(&s, e);
    }
    free(parts.task_of);
    solver_fini(&s);
    return rc;
}

void su_plan_free(struct su_plan *p)
{
    if (!p) {
        return;
    }
    for (uint32_t i = 0; i < p->n_task; i++) {
        su_graph_free(p->task[i].graph);
        free(p->task[i].input);
        free(p->task[i].output);
        free(p->task[i].why);
    }
    free(p->task);
    free(p->result);
    free(p);
}
