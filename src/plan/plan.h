// SPDX-License-Identifier: MIT
/* plan: cuts a graph into tasks that each fit a VRAM target. Pure and deterministic: no I/O, no
   clock, no weights (shapes alone are enough), equal arguments give equal bytes. Every task is a
   graph of its own with typed inputs and outputs; running the tasks in index order gives the bits
   of the uncut graph. All functions may run on different threads for different plans. */
#ifndef SU_PLAN_H
#define SU_PLAN_H

#include "base/base.h"
#include "graph/graph.h"

/* ---- memory layout: what a stage binds on a device, shared by planner and backends ----------- */

#define SU_LAYOUT_NONE UINT64_MAX

/* Places the data of one graph. The fixed region holds weights and const nodes: row = everything
   after axis 0 (rank < 2: one row), rows padded to 32 elements (block types: whole blocks as they
   are), tensors to 256 bytes; F16 and BF16 count as F32. The arena holds every other value of the
   dispatch, sized by su_layout_rows, 256-byte slots, reused as soon as the last reader is past (a
   value and the results of the node that reads it never overlap, except a RESHAPE, which shares
   its argument's bytes unless that is a weight or const). Graph inputs live from the start, graph
   outputs to the end. At the arena's end lies working memory for one node at a time: the quants of
   a product with blocks take 5/4 bytes per element of its first argument, attention takes 8 bytes
   per row and head. A backend may use less, never more. */
struct su_layout {
    uint32_t n_value;
    uint64_t *offset; /* per value: in its region; SU_LAYOUT_NONE: a state, appended to or not */
    uint64_t *bytes; /* per value: bytes reserved */
    bool *fixed; /* per value: in the fixed region */
    uint64_t fixed_bytes, arena_bytes;
    uint64_t work_offset, work_bytes; /* in the arena */
    uint64_t session_bytes; /* all states at ctx positions: 2 B per element, 256 B per state */
};
/* For dispatches of up to t_max rows of which up to e_max emit. Assumes a checked graph, 1 <= e_max
   <= t_max <= SU_ROWS_MAX. On success *out is owned by the caller (su_layout_free). On failure it
   is NULL: SU_EOVERFLOW when a sum leaves 2^63; SU_ENOMEM. */
SU_CHECK enum su_code su_layout_build(const struct su_graph *g, uint32_t t_max, uint32_t e_max,
                                      uint32_t ctx, struct su_layout **out, struct su_err *e);
void su_layout_free(struct su_layout *l); /* NULL allowed */
/* Row slices that are reserved for a value: 1 when it is FIXED, e_max when it is of emitted rows,
   else t_max. */
uint32_t su_layout_rows(const struct su_value *v, uint32_t t_max, uint32_t e_max);

/* ---- plans ----------------------------------------------------------------------------------- */

#define SU_PLAN_TASK_MAX 128u
#define SU_PLAN_PORT_MAX 8u /* inputs and outputs of a task each */
#define SU_PLAN_EXTERNAL UINT32_MAX /* from_task of a graph input */
#define SU_PLAN_EMIT_ROWS 64u /* rows that may emit unless the options say otherwise */

struct su_plan_opts {
    const uint64_t *target; /* VRAM bytes: one for all tasks, or one per device */
    uint32_t n_target;
    /* target is a list of the devices of a private cluster, used in order, each at most once */
    bool per_device;
    uint32_t t_max; /* rows of the largest dispatch; 0 = 1 */
    /* those of them that may emit: what follows select_emitted is sized for so many; at most t_max;
       0 = the smaller of t_max and SU_PLAN_EMIT_ROWS */
    uint32_t e_max;
    uint32_t sessions; /* states held at once; 0 = 1 */
    uint32_t ctx; /* positions per state; 0 = 8192 */
};
struct su_plan_input {
    uint32_t from_task; /* lower index, or SU_PLAN_EXTERNAL */
    uint32_t from_output; /* output of that task, or input of the whole graph */
};
struct su_plan_output {
    bool consumed; /* by a later task */
    uint32_t graph_output; /* the first output of the whole graph that it is, or UINT32_MAX */
};
struct su_plan_task {
    struct su_graph *graph; /* owned; checked; names of values that cross a cut are unique */
    struct su_plan_input *input; /* graph->n_input entries, in graph->input order */
    struct su_plan_output *output; /* graph->n_output entries */
    uint64_t weight_bytes; /* fixed region of su_layout */
    uint64_t arena_bytes; /* at t_max and e_max */
    uint64_t vram_fixed, vram_session; /* vram_fixed + sessions * vram_session <= target */
    uint64_t macs; /* multiply-adds per step; a compute unit is 10^9 */
    uint64_t bytes_in, bytes_out; /* per row, over cuts and to and from the user */
    uint32_t device; /* index into target (0 for a single target) */
    uint32_t first_node, n_node; /* for display: lowest node of the whole graph, how many of them */
    char *why; /* one line: why the cut is where it is, bytes crossing, memory on both sides */
};
struct su_plan {
    struct su_plan_task *task;
    uint32_t n_task;
    struct su_plan_input *result; /* per output of the whole graph: task and output that hold it */
    uint32_t n_result;
    uint64_t cut_bytes; /* per row, over all cuts; once per task that reads a value */
    uint64_t peak_macs; /* of the largest task */
    uint32_t critical_macs_tasks; /* tasks on the critical path */
    uint32_t n_sharded; /* nodes that were split by rows */
    uint32_t t_max, e_max, sessions, ctx;
    uint64_t target_bytes; /* largest target */
};

/* su_plan_build cuts g for the target or devices of opts. Assumes opts->target holds n_target
   numbers. On success *out is owned by the caller (su_plan_free) and independent of g.

   Objective, in order: feasible; fewest tasks; least maximum stage time (macs, in steps of 1/128
   of the whole graph's); least bytes over cuts; shortest critical path. The first four are exact
   over all ways to cut the graph when it has up to 10 nodes, or few enough cuts (chains of up to
   128 nodes, a few branches of some ten nodes). Larger graphs are cut as the best of several
   topological orders by dynamic programming, with local refinement.

   A node that only depends on weights and consts through movement and elementwise ops is copied
   into every task that needs it; the users of one state stay together. A matmul, qmatmul, conv2d or
   embedding whose task alone would exceed the target is sharded by rows (axis 0 of the weight) and
   joined by concat (embedding: by add), with unchanged bits; not when another op reads the weight
   too, or another weight is part of the same stored tensor.

   On failure *out is NULL: SU_ENOFIT: no plan within the target (names the node and the smallest
   feasible target in bytes, which works when given back), SU_ELIMIT: more than SU_PLAN_TASK_MAX
   tasks, devices, or SU_PLAN_PORT_MAX ports, SU_EINVAL: no target, target 0, too many rows, a graph
   that was not checked, SU_EOVERFLOW: sizes beyond 2^63, SU_ENOMEM. */
SU_CHECK enum su_code su_plan_build(const struct su_graph *g, const struct su_plan_opts *opts,
                                    struct su_plan **out, struct su_err *e);
/* Smallest single target for which su_plan_build succeeds (opts->target is not read). SU_ELIMIT
   when there is none, else as su_plan_build. */
SU_CHECK enum su_code su_plan_smallest(const struct su_graph *g, const struct su_plan_opts *opts,
                                       uint64_t *bytes, struct su_err *e);
void su_plan_free(struct su_plan *p); /* NULL allowed */
/* Every rule that a valid plan of g keeps: interfaces satisfied with equal types and names, indices
   topological, no orphan output, names unique, memory within target and as laid out, weights and
   results complete, states in one task each. For tests, deployers and nodes. SU_EFORMAT, SU_ETYPE,
   SU_ENOFIT; the message names the rule, e->at the task. */
SU_CHECK enum su_code su_plan_check(const struct su_plan *p, const struct su_graph *g,
                                    struct su_err *e);
/* Deterministic bytes of the whole plan (graphs included; layout at the top of encode.c), appended
   to out, and their sha256. SU_ENOMEM, SU_ELIMIT of out. */
SU_CHECK enum su_code su_plan_encode(const struct su_plan *p, struct su_buf *out, struct su_err *e);
SU_CHECK enum su_code su_plan_digest(const struct su_plan *p, uint8_t out[SU_SHA256_BYTES],
                                     struct su_err *e);
/* The task DAG as text, at most `width` columns (40 to 400, 0 = 80): boxes with index, main ops,
   VRAM and MACs, edges with bytes per row; a line per task where there are too many boxes. utf8
   false draws in ASCII. Appended to out, ends with a newline. SU_EINVAL: width; SU_ENOMEM,
   SU_ELIMIT of out. */
SU_CHECK enum su_code su_plan_draw(const struct su_plan *p, unsigned width, bool utf8,
                                   struct su_buf *out, struct su_err *e);

/* The witness of a task's graph: the value that is hashed beside the outputs and never sent, so that
   who has the outputs alone has not what a check compares. Of the values that rows have, that are
   results of nodes, and no graph input, state, weight, const or output, nor one of these in another
   shape: the one whose node comes last, of one node's the first; UINT32_MAX when there is none.
   Depends on the graph's canonical bytes alone. */
uint32_t su_plan_witness(const struct su_graph *g);
/* A checked copy of g whose last output is that value (an equal copy when there is none); owned by
   the caller (su_graph_free). On failure *out is NULL: SU_EINVAL: g was not checked; SU_ENOMEM. */
SU_CHECK enum su_code su_plan_with_witness(const struct su_graph *g, struct su_graph **out,
                                           struct su_err *e);

#endif
