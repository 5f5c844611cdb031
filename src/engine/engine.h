// SPDX-License-Identifier: MIT
/* engine: the one runner. Loads the tasks of a plan as stages on one device and runs them in DAG order, independent branches at the same
   time, interfaces checked; used by run, doctor, node, oracle, verify and the benchmarks. */
#ifndef SU_ENGINE_H
#define SU_ENGINE_H

#include "base/base.h"
#include "exec/exec.h"
#include "graph/graph.h"
#include "media/media.h"
#include "model/model.h"
#include "plan/plan.h"
#include "weights/weights.h"

struct su_engine;
/* Loads every task of `plan` (built from `graph`, whose weights lie in `weights`) on `x` for dispatches of up to plan->t_max rows. Keeps x, graph,
   plan and weights until su_engine_close. On failure *out is NULL; errors of su_plan_check and su_stage_load, with the task's index. */
SU_CHECK enum su_code su_engine_open(struct su_exec *x, const struct su_graph *graph, const struct su_plan *plan,
                                     const struct su_weights *weights, struct su_engine **out, struct su_err *e);
void su_engine_close(struct su_engine *en);
/* Device bytes bound by task i. */
uint64_t su_engine_task_bound_bytes(const struct su_engine *en, uint32_t task);

struct su_engine_result {
    void **output;        /* outputs of the whole graph, rows first */
    size_t *output_bytes;
    uint32_t n_output;
    double *task_ms;      /* per task, on the device */
    uint32_t n_task;
    uint8_t (*leaf)[SU_SHA256_BYTES]; /* per row: su_leaf_digest(row's position, that row's outputs) */
    uint32_t n_leaf;
    uint64_t saturations;
};
/* Runs n_row rows (1..plan->t_max) through all tasks; input in graph->input order. With leaves false leaf stays NULL.
   *r is owned by the caller (su_engine_result_fini). Blocks. */
SU_CHECK enum su_code su_engine_run(struct su_engine *en, const struct su_row *row, uint32_t n_row, const void *const *input,
                                    bool leaves, struct su_engine_result *r, struct su_err *e);
void su_engine_result_fini(struct su_engine_result *r);

/* ---- running a list of digits ------------------------------------------------------------------------------- */

/* Where the rows of a run come from: a picture, an IDX file or a safetensors file, opened by su_digits_open. */
struct su_digits;
/* Sniffs the file: PNG, PGM (any size, prepared by su_image_to_digit), IDX images plain or gzipped, safetensors with one tensor [N,1,28,28],
   [N,28,28], [1,28,28] or [28,28] (F32 in 0..1 or U8-valued F32). Labels of an IDX file are found beside it (images-idx3 -> labels-idx1). */
SU_CHECK enum su_code su_digits_open(const char *path, struct su_digits **out, struct su_err *e);
void su_digits_close(struct su_digits *d);
uint64_t su_digits_count(const struct su_digits *d);
/* 784 values byte·(1/255) of digit i into out. SU_EINVAL beyond count. */
SU_CHECK enum su_code su_digits_get(const struct su_digits *d, uint64_t i, float out[784], struct su_err *e);
int su_digits_label(const struct su_digits *d, uint64_t i); /* -1 when unknown */

#endif
