// SPDX-License-Identifier: MIT
/* plan: cuts a graph into tasks that each fit a VRAM target. Pure and deterministic: no I/O, no clock, no weights (shapes
   alone are enough), equal arguments give equal bytes. Every task is a graph of its own with typed inputs and outputs; running the
   tasks in index order gives the bits of the uncut graph. */
#ifndef SU_PLAN_H
#define SU_PLAN_H

#include "base/base.h"
#include "graph/graph.h"

/* ---- memory layout: what a stage binds on a device, shared by planner and backends ---------------------------- */

#define SU_LAYOUT_NONE UINT64_MAX

/* Places the data of one graph. The fixed region holds weights and const nodes: row = everything after axis 0 (rank < 2: one
   row), rows padded to 32 elements (block types: whole blocks as they are), tensors to 256 bytes; F16 and BF16 count as F32.
   The arena holds every other value of the dispatch, sized for t_max rows, 256-byte slots, reused as soon as the last reader is
   past (a value and the results of the node that reads it never overlap, except a RESHAPE, which shares its argument's bytes
   unless that is a weight or const). Graph inputs live from the start, graph outputs to the end. A backend may use less, never more. */
struct su_layout {
    uint32_t n_value;
    uint64_t *offset; /* per value: offset in its region, SU_LAYOUT_NONE for states */
    uint64_t *bytes; /* per value: bytes reserved */
    bool *fixed; /* per value: in the fixed region */
    uint64_t fixed_bytes, arena_bytes,
        session_bytes; /* session_bytes: states of one session at ctx positions, 2 B per element, each a multiple of 256 */
};
/* Assumes a checked graph, 1 <= t_max <= SU_ROWS_MAX. SU_EOVERFLOW when a sum leaves 2^63; SU_ENOMEM. */
SU_CHECK enum su_code su_layout_build(const struct su_graph *g, uint32_t t_max, uint32_t ctx,
                                      struct su_layout **out, struct su_err *e);
void su_layout_free(struct su_layout *l);

/* ---- plans -------------------------------------------------------------------------------------------------- */

#define SU_PLAN_TASK_MAX 128u
#define SU_PLAN_PORT_MAX 8u /* inputs and outputs of a task each */
#define SU_PLAN_EXTERNAL UINT32_MAX /* from_task of a graph input */

struct su_plan_opts {
    const uint64_t
        *target; /* VRAM bytes: one target for all tasks, or one per device of a private cluster */
    uint32_t n_target;
    bool
        per_device; /* target is a list of devices, used in order, each at most once; tasks <= n_target */
    uint32_t t_max; /* rows of the largest dispatch; 0 = 1 */
    uint32_t sessions; /* states held at once; 0 = 1 */
    uint32_t ctx; /* positions per state; 0 = 8192 */
};
struct su_plan_input {
    uint32_t from_task; /* lower index, or SU_PLAN_EXTERNAL */
    uint32_t from_output; /* output of that task, or input of the whole graph */
};
struct su_plan_output {
    bool consumed; /* by a later task */
    uint32_t graph_output; /* index of the whole graph's output it is, or UINT32_MAX */
};
struct su_plan_task {
    struct su_graph
        *graph; /* owned; checked; names of values crossing a cut are unique in the plan */
    struct su_plan_input *input; /* graph->n_input entries, in graph->input order */
    struct su_plan_output *output; /* graph->n_output entries */
    uint64_t weight_bytes; /* fixed region of su_layout */
    uint64_t arena_bytes; /* at t_max */
    uint64_t vram_fixed, vram_session; /* vram_fixed + sessions·vram_session <= target */
    uint64_t macs; /* multiply-adds per step; a compute unit is 10^9 */
    uint64_t bytes_in, bytes_out; /* per row, over cuts and to and from the user */
    uint32_t device; /* index into target (0 for a single target) */
    uint32_t first_node,
        n_node; /* for display: how many nodes of the whole graph, and the lowest */
    char *
        why; /* one line: why the cut before this task is where it is, with bytes crossing and memory either side */
};
struct su_plan {
    struct su_plan_task *task;
    uint32_t n_task;
    struct su_plan_input
        *result; /* per output of the whole graph: the task and output that hold it */
    uint32_t n_result;
    uint64_t cut_bytes; /* per row, over all cuts */
    uint64_t peak_macs; /* of the largest task */
    uint32_t critical_macs_tasks; /* tasks on the critical path */
    uint32_t n_sharded; /* nodes that were split by rows */
    uint32_t t_max, sessions, ctx;
    uint64_t target_bytes; /* largest target */
};

/* Objective, in order: feasible; fewest tasks; least maximum stage time (macs, in steps of 1/128 of the whole graph's); least
   bytes over cuts (a value counts once per task that reads it); shortest critical path. Exact over all ways to cut the graph
   when it has up to 10 nodes, or few enough cuts (chains, a few branches of some ten nodes); larger graphs are cut as the best
   of several topological orders by dynamic programming, with local refinement. Nodes that only depend on weights and consts
   through movement and elementwise ops are copied into every task that needs them; users of one state, and all that follows
   select_emitted, stay in one task. A matmul, qmatmul, conv2d or embedding whose task alone would exceed the target is
   sharded by rows (axis 0 of the weight) and joined by concat (embedding: by add), with unchanged bits.
   On failure *out is NULL: SU_ENOFIT: no plan within the target (names the node and the smallest feasible target, as a size that
   works when given back), SU_ELIMIT: more than SU_PLAN_TASK_MAX tasks or SU_PLAN_PORT_MAX ports, SU_EINVAL: target 0. */
SU_CHECK enum su_code su_plan_build(const struct su_graph *g, const struct su_plan_opts *opts,
                                    struct su_plan **out, struct su_err *e);
/* Smallest single target for which su_plan_build succeeds. */
SU_CHECK enum su_code su_plan_smallest(const struct su_graph *g, const struct su_plan_opts *opts,
                                       uint64_t *bytes, struct su_err *e);
void su_plan_free(struct su_plan *p);
/* Every rule a valid plan keeps: interfaces satisfied with equal types, indices topological, no orphan output, memory within
   target, results complete. For tests, deployers and nodes. SU_EFORMAT / SU_ETYPE / SU_ENOFIT name the rule. */
SU_CHECK enum su_code su_plan_check(const struct su_plan *p, const struct su_graph *g,
                                    struct su_err *e);
/* Deterministic bytes of the whole plan (graphs included) and their sha256. */
SU_CHECK enum su_code su_plan_encode(const struct su_plan *p, struct su_buf *out, struct su_err *e);
SU_CHECK enum su_code su_plan_digest(const struct su_plan *p, uint8_t out[SU_SHA256_BYTES],
                                     struct su_err *e);
/* The task DAG as text, at most `width` columns, boxes with index, name of the main ops, VRAM and MACs, edges with bytes per row;
   utf8 false draws in ASCII. Ends with a newline. */
SU_CHECK enum su_code su_plan_draw(const struct su_plan *p, unsigned width, bool utf8,
                                   struct su_buf *out, struct su_err *e);

#endif
