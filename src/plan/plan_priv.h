// SPDX-License-Identifier: MIT
/* Shared by the files of plan; never included from outside. */
#ifndef SU_PLAN_PRIV_H
#define SU_PLAN_PRIV_H

#include "plan/plan.h"

#define SU_PLAN_ALIGN 256u

/* ---- arena placement (layout.c) -------------------------------------------------------------- */

/* One piece of memory of the arena, alive at every time in from..to, both included. */
struct su_plan_item {
    uint64_t bytes; /* a multiple of SU_PLAN_ALIGN */
    uint64_t offset;
    uint32_t from, to;
};
/* Chooses the offsets of n items given by ascending `from`, and returns the bytes of the arena.
   Items that are alive at the same time do not overlap. *peak_bytes: what is alive at once, at
   most; no placement needs less. tmp holds 2·n numbers. Assumes that all bytes together fit in 63
   bits. */
uint64_t su_plan_arena_place(struct su_plan_item *item, uint32_t n, uint32_t *tmp,
                             uint64_t *peak_bytes);
/* Bytes of a weight or a const in the fixed region. SU_EOVERFLOW. */
SU_CHECK enum su_code su_plan_fixed_bytes(enum su_dtype d, const struct su_shape *s,
                                          uint64_t *bytes, struct su_err *e);
/* Bytes of one session's share of a state. SU_EOVERFLOW. */
SU_CHECK enum su_code su_plan_state_bytes(const struct su_shape *s, uint32_t ctx, uint64_t *bytes,
                                          struct su_err *e);
/* Bytes of a value in the arena; at most 2^49. */
uint64_t su_plan_value_bytes(const struct su_value *v, uint32_t t_max, uint32_t e_max);
/* Bytes of working memory that a node needs while it runs; at most 2^49. */
uint64_t su_plan_node_work(const struct su_graph *g, uint32_t node, uint32_t t_max, uint32_t e_max);
/* True for a value that has no place in the arena: weight, const, state, or a state after an
   append. */
bool su_plan_value_outside(const struct su_graph *g, uint32_t value);

/* ---- the problem (problem.c, eval.c) --------------------------------------------------------- */

/* What one task made of a set of units costs. */
struct su_plan_cost {
    uint64_t fixed_bytes, arena_bytes, session_bytes;
    uint64_t vram_bytes; /* fixed + arena + sessions x session, UINT64_MAX when that overflows */
    uint64_t floor_bytes; /* vram_bytes without gaps in the arena: grows with an interval */
    uint64_t macs;
    uint64_t cut_bytes; /* per row, that arrive from other tasks */
    uint32_t n_in, n_out;
};

/* The graph to cut, as units: a unit is a node, or several that no cut may part (users of one
   state, values that only exist for emitted rows). Nodes that only depend on weights and consts
   through movement and elementwise ops belong to no unit: every task that needs one computes it
   again. Unit numbers are topological. Single-threaded. */
struct su_plan_problem {
    struct su_graph *g; /* owned */
    uint32_t *whole_node; /* owned; per node: its number in the graph the user gave */
    uint32_t t_max, e_max, ctx, sessions;
    struct su_arena arena;
    bool *copied; /* per node: belongs to no unit */
    uint32_t *unit_of; /* per node, UINT32_MAX when copied */
    uint32_t n_unit;
    uint32_t *unit_start; /* nodes of unit u: unit_node[unit_start[u]..unit_start[u + 1]) */
    uint32_t *unit_node;
    uint32_t *next_start, *next; /* units that read from unit u, ascending, each once */
    uint32_t *prev_start, *prev;
    uint32_t *uses; /* per value: arguments and graph outputs that name it */
    uint64_t *value_bytes; /* in the arena, the fixed region or a session's state */
    uint64_t *node_macs;
    uint64_t work_step; /* macs that count as one step of work, see su_plan_work */
    struct su_plan_set { /* the set looked at last */
        uint32_t *node, *in, *out; /* node numbers, value ids; ascending */
        uint32_t *source; /* weights and states in order of use */
        uint32_t n_node, n_in, n_out, n_source;
    } set;
    uint32_t stamp;
    uint32_t *node_stamp, *value_stamp, *made_stamp, *used, *item_of, *tmp;
    struct su_plan_item *item;
};
/* Takes g and whole_node (also on failure). SU_ENOMEM, SU_EOVERFLOW. */
SU_CHECK enum su_code su_plan_problem_new(struct su_graph *g, uint32_t *whole_node,
                                          const struct su_plan_opts *o,
                                          struct su_plan_problem **out, struct su_err *e);
void su_plan_problem_free(struct su_plan_problem *p);
/* Fills p->set for the task that holds these units. */
void su_plan_set_fill(struct su_plan_problem *p, const uint32_t *unit, uint32_t n);
void su_plan_eval(struct su_plan_problem *p, const uint32_t *unit, uint32_t n,
                  struct su_plan_cost *c);
/* The same for who only asks whether vram_bytes exceeds target (> 0): the three sizes that hold the
   arena may be others on the same side of it. Placing an arena takes most of the time of a search,
   and few are near the target. */
void su_plan_eval_within(struct su_plan_problem *p, const uint32_t *unit, uint32_t n,
                         uint64_t target, struct su_plan_cost *c);
/* Macs in the steps in which stage times are compared: 1/128 of the whole graph, rounded up. Finer
   differences are below what macs say about time, and would pull cuts away from where few bytes
   cross. */
uint64_t su_plan_work(const struct su_plan_problem *p, uint64_t macs);
/* Within the ports of a task and within target bytes. */
bool su_plan_cost_fits(const struct su_plan_cost *c, uint64_t target);

/* Fills p->unit_of for all nodes that are not copied, n_unit and unit_start/unit_node (units.c).
   SU_ENOMEM. */
SU_CHECK enum su_code su_plan_units_make(struct su_plan_problem *p, struct su_err *e);

/* ---- sharding (shard.c) ---------------------------------------------------------------------- */

/* rows[i], for every node of p->g: 0, or the rows of a piece, for nodes that exceed the target
   alone and can be sharded. */
SU_CHECK enum su_code su_plan_shard_choose(struct su_plan_problem *p, uint64_t target,
                                           uint32_t *rows, uint32_t *n_sharded, struct su_err *e);
/* The problem of a copy of g in which nodes with rows are sharded, and outputs that name an input
   or a weight are made by a node. whole: what the nodes of g are in the user's graph, NULL =
   themselves. rows NULL = nothing is sharded. */
SU_CHECK enum su_code su_plan_rewrite(const struct su_graph *g, const uint32_t *whole,
                                      const uint32_t *rows, const struct su_plan_opts *o,
                                      struct su_plan_problem **out, struct su_err *e);

/* ---- search (search.c, order.c, refine.c) ---------------------------------------------------- */

/* Which unit is in which task. Every unit reads from tasks with the same or a lower number. */
struct su_plan_parts {
    uint32_t *task_of; /* per unit, owned */
    uint32_t n_task;
    uint32_t device[SU_PLAN_TASK_MAX]; /* index into the targets */
    /* What is minimised, in this order. */
    uint64_t peak_work, cut_bytes, critical_macs;
};
struct su_plan_targets {
    const uint64_t *bytes;
    uint32_t n;
    bool per_device; /* else bytes[0] holds for every task */
};

/* What the search remembers of a set of units; targets may change from one search to the next. */
struct su_plan_brief {
    uint64_t key; /* 0 = empty slot */
    uint64_t vram_bytes, floor_bytes, work, cut_bytes;
    bool ports;
};
struct su_plan_search {
    struct su_plan_problem *p; /* borrowed */
    uint64_t *ideal; /* sets closed under "reads from", ascending by size; NULL = too many */
    uint32_t n_ideal;
    uint32_t *order[4]; /* topological orders of the units, distinct */
    uint32_t n_order;
    struct su_plan_brief *brief; /* hash table */
    uint32_t n_brief, cap_brief;
    uint32_t *unit; /* scratch for n_unit units */
};
SU_CHECK enum su_code su_plan_search_new(struct su_plan_problem *p, struct su_plan_search **out,
                                         struct su_err *e);
void su_plan_search_free(struct su_plan_search *s);
/* Finds the parts; *found is false when nothing fits. quick: any parts will do, feasibility alone
   is asked. On SU_OK with *found, parts->task_of is owned by the caller. SU_ENOMEM. */
SU_CHECK enum su_code su_plan_search_run(struct su_plan_search *s, const struct su_plan_targets *t,
                                         bool quick, struct su_plan_parts *parts, bool *found,
                                         struct su_err *e);
/* Fills s->order. */
SU_CHECK enum su_code su_plan_orders_make(struct su_plan_search *s, struct su_err *e);
/* The best cut of a long order into intervals: start[k]..start[k + 1] is task k on device[k].
   Returns the number of tasks, 0 when nothing was found. Assumes that a part of an interval that
   fits also fits. */
SU_CHECK enum su_code su_plan_order_cut(struct su_plan_search *s, const uint32_t *order,
                                        const struct su_plan_targets *t, bool quick,
                                        uint32_t start[SU_PLAN_TASK_MAX + 1],
                                        uint32_t device[SU_PLAN_TASK_MAX], uint32_t *n_task,
                                        struct su_err *e);
/* Fills the objective of parts. */
SU_CHECK enum su_code su_plan_parts_rate(struct su_plan_problem *p, struct su_plan_parts *parts,
                                         struct su_err *e);
/* Moves units between tasks while that improves the objective. */
SU_CHECK enum su_code su_plan_parts_refine(struct su_plan_problem *p,
                                           const struct su_plan_targets *t,
                                           struct su_plan_parts *parts, struct su_err *e);
/* Units of a task, ascending, into unit[]; returns how many. */
uint32_t su_plan_parts_units(const struct su_plan_problem *p, const struct su_plan_parts *parts,
                             uint32_t task, uint32_t *unit);
/* True when a is better than b. */
bool su_plan_parts_better(const struct su_plan_parts *a, const struct su_plan_parts *b);

/* ---- from parts to a plan (emit.c, why.c) ---------------------------------------------------- */

/* Builds the tasks. SU_EINTERNAL when a task's real layout exceeds its target. */
SU_CHECK enum su_code su_plan_emit(struct su_plan_problem *p, const struct su_plan_parts *parts,
                                   const struct su_plan_targets *t, struct su_plan *plan,
                                   struct su_err *e);
/* "conv2d #12 (a.conv2)" for a node of p->g, with its number in the user's graph. */
void su_plan_node_label(const struct su_plan_problem *p, uint32_t node, char *out, size_t cap);
/* Fills task[].why of all tasks. */
SU_CHECK enum su_code su_plan_explain(struct su_plan_problem *p, const struct su_plan_parts *parts,
                                      const struct su_plan_targets *t, struct su_plan *plan,
                                      struct su_err *e);

#endif
