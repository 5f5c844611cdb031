// SPDX-License-Identifier: MIT
#include "plan_priv.h"

#include <stdlib.h>

/* Nodes are first grouped by what no cut may part. Groups can then form cycles among each other;
   the strongly connected components (R. Tarjan, "Depth-first search and linear graph algorithms",
   1972) are the units. The search follows arguments, so it finishes units in topological order. */
struct grouping {
    uint32_t *parent; /* per node: union-find */
    uint32_t *start,
        *member; /* nodes of the group whose root is r: member[start[r]..start[r + 1]) */
    uint32_t *index, *low; /* per root; index 0 = not reached, UINT32_MAX = in a finished unit */
    uint32_t *at_member, *at_arg; /* per root: where its visit stands */
    uint32_t *open, *path; /* stacks */
    uint32_t n_open, n_path, clock;
};

static uint32_t find(uint32_t *parent, uint32_t i)
{
    while (parent[i] != i) {
        parent[i] = parent[parent[i]];
        i = parent[i];
    }
    return i;
}

/* The lowest node of a group is its root. */
static void join(uint32_t *parent, uint32_t a, uint32_t b)
{
    a = find(parent, a);
    b = find(parent, b);
    if (a < b) {
        parent[b] = a;
    } else {
        parent[a] = b;
    }
}

/* A state cannot be the input of a graph, so its users stay together. */
static bool group_nodes(const struct su_plan_problem *p, struct grouping *w)
{
    const struct su_graph *g = p->g;
    uint32_t *user = su_try_alloc(g->n_value, sizeof *user); /* of a state: a node, plus 1 */
    if (!user) {
        return false;
    }
    for (uint32_t i = 0; i < g->n_node; i++) {
        w->parent[i] = i;
        for (uint32_t k = 0; k < g->node[i].n_arg; k++) {
            uint32_t arg = g->node[i].arg[k];
            const struct su_value *v = &g->value[arg];
            if (v->kind == SU_VALUE_STATE) {
                if (user[arg] > 0) {
                    join(w->parent, user[arg] - 1, i);
                }
                user[arg] = i + 1;
            } else if (v->kind == SU_VALUE_NODE && g->node[v->node].op == SU_OP_STATE_APPEND) {
                join(w->parent, v->node, i);
            }
        }
    }
    free(user);
    for (uint32_t i = 0; i < g->n_node; i++) {
        w->start[find(w->parent, i) + 1]++;
    }
    for (uint32_t i = 0; i < g->n_node; i++) {
        w->start[i + 1] += w->start[i];
        w->at_member[i] = w->start[i];
    }
    for (uint32_t i = 0; i < g->n_node; i++) {
        w->member[w->at_member[find(w->parent, i)]++] = i;
    }
    for (uint32_t i = 0; i < g->n_node; i++) {
        w->at_member[i] = w->start[i];
    }
    return true;
}

/* The next group that root's arguments lead to, or UINT32_MAX when all have been followed. */
static uint32_t next_group(const struct su_plan_problem *p, struct grouping *w, uint32_t root)
{
    while (w->at_member[root] < w->start[root + 1]) {
        const struct su_node *n = &p->g->node[w->member[w->at_member[root]]];
        while (w->at_arg[root] < n->n_arg) {
            const struct su_value *v = &p->g->value[n->arg[w->at_arg[root]++]];
            if (v->kind == SU_VALUE_NODE && !p->copied[v->node]) {
                return find(w->parent, v->node);
            }
        }
        w->at_arg[root] = 0;
        w->at_member[root]++;
    }
    return UINT32_MAX;
}

static int compare_u32(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static void finish_unit(struct su_plan_problem *p, struct grouping *w, uint32_t root)
{
    uint32_t first = p->unit_start[p->n_unit], n = first, top;
    do {
        top = w->open[--w->n_open];
        w->index[top] = UINT32_MAX;
        for (uint32_t i = w->start[top]; i < w->start[top + 1]; i++) {
            p->unit_node[n++] = w->member[i];
            p->unit_of[w->member[i]] = p->n_unit;
        }
    } while (top != root);
    qsort(p->unit_node + first, n - first, sizeof *p->unit_node, compare_u32);
    p->unit_start[++p->n_unit] = n;
}

static void enter(struct grouping *w, uint32_t root)
{
    w->index[root] = w->low[root] = ++w->clock;
    w->open[w->n_open++] = root;
    w->path[w->n_path++] = root;
}

static void visit(struct su_plan_problem *p, struct grouping *w, uint32_t root)
{
    enter(w, root);
    while (w->n_path > 0) {
        uint32_t r = w->path[w->n_path - 1];
        uint32_t to = next_group(p, w, r);
        if (to != UINT32_MAX) {
            if (w->index[to] == 0) {
                enter(w, to);
            } else if (w->index[to] != UINT32_MAX) {
                w->low[r] = SU_MIN(w->low[r], w->index[to]);
            }
            continue;
        }
        w->n_path--;
        if (w->n_path > 0) {
            uint32_t above = w->path[w->n_path - 1];
            w->low[above] = SU_MIN(w->low[above], w->low[r]);
        }
        if (w->low[r] == w->index[r]) {
            finish_unit(p, w, r);
        }
    }
}

enum su_code su_plan_units_make(struct su_plan_problem *p, struct su_err *e)
{
    struct su_arena a;
    struct grouping w = {0};
    uint32_t **array[] = {&w.parent, &w.start,     &w.member, &w.index, &w.low,
                          &w.open,   &w.at_member, &w.at_arg, &w.path};
    bool ok = true;
    su_arena_init(&a, 0);
    for (size_t i = 0; i < SU_ARRAY_LEN(array) && ok; i++) {
        *array[i] = su_arena_alloc(&a, (p->g->n_node + 1u) * sizeof(uint32_t));
        ok = *array[i] != NULL;
    }
    ok = ok && group_nodes(p, &w);
    for (uint32_t i = 0; i < p->g->n_node; i++) {
        p->unit_of[i] = UINT32_MAX;
    }
    for (uint32_t i = 0; i < p->g->n_node && ok; i++) {
        if (!p->copied[i] && find(w.parent, i) == i && w.index[i] == 0) {
            visit(p, &w, i);
        }
    }
    su_arena_fini(&a);
    return ok ? SU_OK : su_fail(e, SU_ENOMEM, NULL, "no memory to plan %u nodes", p->g->n_node);
}
