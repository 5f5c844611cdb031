// SPDX-License-Identifier: MIT
/* Tasks of a registered model as a network runs them: loaded one by one, run step by step, hashed
   port by port. Whoever computes a task with these functions - asserter, validator, committee,
   auditor - gets the same roots. Included through engine.h.

   A port is an input, an output, or the witness: one interior value (su_plan_witness) that is hashed
   like an output and never sent. A step's leaf is su_leaf_digest(step, one part: the port's row), of
   a step that emits nothing su_leaf_digest(step, NULL, 0). A port's root: su_merkle_root over chunk
   roots, one per SU_TASK_CHUNK steps; a chunk's root: su_merkle_root over its leaves. */
#ifndef SU_ENGINE_TASK_H
#define SU_ENGINE_TASK_H

#include "package.h"

#include "exec/exec.h"

#define SU_TASK_CHUNK 32u
#define SU_TASK_PORTS_MAX SU_PLAN_PORT_MAX

/* ---- traces: the digests of one task in one execution ----------------------------------------- */

enum su_port { SU_PORT_INPUT, SU_PORT_OUTPUT, SU_PORT_WITNESS };
struct su_trace;
/* SU_ENOMEM. inputs, outputs <= SU_TASK_PORTS_MAX. */
SU_CHECK enum su_code su_trace_new(uint32_t inputs, uint32_t outputs, struct su_trace **out,
                                   struct su_err *e);
void su_trace_free(struct su_trace *t); /* NULL allowed */
void su_trace_ports(const struct su_trace *t, uint32_t *inputs, uint32_t *outputs);
/* The leaf of the next step of a port. SU_ELIMIT: more than 2^24 steps; SU_ENOMEM. number: 0 for the
   witness. */
SU_CHECK enum su_code su_trace_add(struct su_trace *t, enum su_port port, uint32_t number,
                                   const uint8_t leaf[32], struct su_err *e);
/* The same of a row that is copied and hashed in su_trace_settle, or when another comes: for a large
   one that nobody waits for. Until then its leaf may not be asked for. */
SU_CHECK enum su_code su_trace_add_later(struct su_trace *t, enum su_port port, uint32_t number,
                                         const void *row, size_t n, struct su_err *e);
void su_trace_settle(struct su_trace *t);
uint32_t su_trace_steps(const struct su_trace *t, enum su_port port, uint32_t number);
const uint8_t *su_trace_leaf(const struct su_trace *t, enum su_port port, uint32_t number,
                             uint32_t step); /* 32 bytes; assumes step < steps */
void su_trace_truncate(struct su_trace *t, uint32_t steps); /* of every port */
/* Root of one port over its first `steps` leaves; of the witness of a task without one, zeroes.
   Assumes that it has them. */
void su_trace_root(const struct su_trace *t, enum su_port port, uint32_t number, uint32_t steps,
                   uint8_t root[32]);
/* The same over leaves that lie one after the other (32 bytes each), as a frame carries them. */
void su_trace_leaves_root(const uint8_t *leaves, uint32_t steps, uint8_t root[32]);
/* Every root over `steps` steps, as struct su_ix_reveal wants them, and what commits to them
   (su_msg_input_root, su_msg_output_root). */
struct su_trace_roots {
    uint8_t input[SU_TASK_PORTS_MAX][32], output[SU_TASK_PORTS_MAX][32], witness[32];
    uint8_t inputs[32], outputs[32];
};
void su_trace_roots(const struct su_trace *t, uint32_t steps, struct su_trace_roots *out);
/* First step whose leaves of that port differ, UINT32_MAX when none among the steps both have. */
uint32_t su_trace_differs(const struct su_trace *a, const struct su_trace *b, enum su_port port,
                          uint32_t number);
/* Bytes for a journal (layout at the top of trace.c), appended to out: su_buf_check. decode reads
   hostile ones, of which one trace has one form: SU_EFORMAT, SU_ETRUNC, SU_ELIMIT, SU_ENOMEM; *out
   is then NULL. */
SU_CHECK enum su_code su_trace_encode(const struct su_trace *t, struct su_buf *out,
                                      struct su_err *e);
SU_CHECK enum su_code su_trace_decode(const void *data, size_t n, struct su_trace **out,
                                      struct su_err *e);

/* ---- a task on a device ------------------------------------------------------------------------ */

struct su_task;
/* Loads task `index` for dispatches of up to package->t_max rows, of which package->e_max emit, its
   weights read from the store chunk by chunk, verified. Keeps x and p until su_task_close, the store
   for the call. On failure *out is NULL: SU_EINVAL: no such task; SU_ENOENT, SU_ETYPE: a weight that
   the manifest does not name, or has too few bytes for; errors of su_store_read and su_stage_load
   with the task's number in the message. Blocks. */
SU_CHECK enum su_code su_task_open(struct su_exec *x, const struct su_package *p, uint32_t index,
                                   struct su_store *store, struct su_task **out, struct su_err *e);
void su_task_close(struct su_task *t); /* NULL allowed */
/* On the device: what su_layout says of the graph with the witness as an output. */
uint64_t su_task_bound_bytes(const struct su_task *t);
uint32_t su_task_inputs(const struct su_task *t);
uint32_t su_task_outputs(const struct su_task *t);
/* Bytes of one step's row of a port, by the graph's shapes (0: no such port, no witness), and the
   value of the graph that it is (NULL). */
uint64_t su_task_row_bytes(const struct su_task *t, enum su_port port, uint32_t number);
const struct su_value *su_task_value(const struct su_task *t, enum su_port port, uint32_t number);

/* Sessions, one per execution; as su_stage_session_*. A task without states takes any length to be
   cut to. */
SU_CHECK enum su_code su_task_session_new(struct su_task *t, uint32_t ctx, uint32_t *session,
                                          struct su_err *e);
void su_task_session_free(struct su_task *t, uint32_t session);
SU_CHECK enum su_code su_task_session_truncate(struct su_task *t, uint32_t session, uint32_t length,
                                               struct su_err *e);

/* How a session of a task that draws tokens (its graph has the op sample) draws them, as su_sample
   does: step p draws token p + 1 of the sequence that begins with the prompt. Each session needs to be
   told before its first step that emits, and forgets with su_task_session_truncate; of other tasks this
   does nothing. The prompt is copied. SU_EINVAL: no prompt, or an option out of its range; SU_ENOMEM. */
struct su_draw {
    struct su_sampling sampling;
    const uint32_t *prompt;
    uint32_t n_prompt;
};
SU_CHECK enum su_code su_task_session_draw(struct su_task *t, uint32_t session,
                                           const struct su_draw *d, struct su_err *e);
/* Sampling options as the parameters of an input container; the seed is the execution's. Decoding
   reads hostile bytes: SU_EFORMAT, SU_EINVAL. */
#define SU_DRAW_PARAMS_BYTES 28u
void su_draw_encode(const struct su_sampling *s, uint8_t out[SU_DRAW_PARAMS_BYTES]);
SU_CHECK enum su_code su_draw_decode(const void *params, size_t n, uint64_t seed,
                                     struct su_sampling *out, struct su_err *e);

/* What a dispatch gave: the rows of each output, in the order of the dispatch. */
struct su_task_result {
    const void *output[SU_TASK_PORTS_MAX]; /* rows of steps that emit come without gaps */
    uint64_t row_bytes[SU_TASK_PORTS_MAX];
    uint32_t rows[SU_TASK_PORTS_MAX]; /* n_row, also of a FIXED one; or how many emit */
    double ms; /* of the device, and of drawing tokens */
    struct su_step_result held; /* private */
    void *logits; /* private */
};
/* Runs n_row rows (row[i].position is the step); input[k]: rows of input k without gaps, of an EMIT
   one those that emit, of a FIXED one as many as there are rows, all alike (SU_EINVAL); of any
   alignment. Adds the leaves of all inputs, outputs and the witness to `trace` (may be NULL); rows
   must then be of one session and follow on what the trace has (SU_EINVAL). On failure *r is empty,
   trace and sessions are as they were: SU_EINVAL: n_row, an input that is NULL; SU_ENOMEM; errors of
   su_stage_submit, su_stage_wait and su_trace_add. One thread at a time per task. Blocks. */
SU_CHECK enum su_code su_task_run(struct su_task *t, const struct su_row *row, uint32_t n_row,
                                  const void *const *input, struct su_trace *trace,
                                  struct su_task_result *r, struct su_err *e);
void su_task_result_fini(struct su_task_result *r); /* an empty one is allowed */
/* The same for rows of several sessions in one dispatch, each with a trace of its own: first those of
   group[0], then of group[1], ... A session is in one group only (SU_EINVAL). What a session gives does
   not depend on the others. On failure all traces and sessions are as they were. */
struct su_task_group {
    uint32_t n_row; /* >= 1 */
    struct su_trace *trace; /* may be NULL */
    bool later; /* its witness may be left to su_trace_settle, when it is large and n_row is 1 */
};
SU_CHECK enum su_code su_task_run_groups(struct su_task *t, const struct su_row *row,
                                         const struct su_task_group *group, uint32_t n_group,
                                         const void *const *input, struct su_task_result *r,
                                         struct su_err *e);

/* ---- doing it again ---------------------------------------------------------------------------- */

/* All inputs of one execution of a task: input[k] holds the rows of `steps` steps, of an EMIT input
   of those that emit; emits[s] (NULL: all do) tells whether step s emits. */
struct su_replay {
    const void *input[SU_TASK_PORTS_MAX];
    uint32_t steps;
    const bool *emits;
    const struct su_draw *draw; /* of a task that draws tokens; else NULL */
    bool (*cancelled)(void *ctx); /* asked between dispatches; may be NULL */
    /* How many rows the next dispatch should have, 1 to `most`, which the task takes. NULL: so many. */
    uint32_t (*rows)(void *ctx, uint32_t most);
    void (*progress)(void *ctx, uint32_t done, uint32_t total);
    void *ctx;
};
/* Runs all steps in dispatches as large as the task takes and `rows` says, in a session of its own, and fills a new
   trace. output, when not NULL: receives the rows of each output, malloc'ed, owned by the caller.
   On failure *trace and every output are NULL: SU_EINVAL: no step; SU_ELIMIT: too many;
   SU_ECANCELLED; else as su_task_session_new and su_task_run. */
SU_CHECK enum su_code su_task_replay(struct su_task *t, const struct su_replay *r,
                                     struct su_trace **trace, void **output, struct su_err *e);
/* Finds, for the evidence of a dispute, the first op of step `step` that the task's backend computes
   otherwise than the reference interpreter does from the same inputs. Runs steps 0 .. step twice on
   that backend, the second time with all interior values kept (all states are rebuilt), and each op
   of the step once on the interpreter. An op that is right on its own and wrong in the task as it is
   loaded is named by the output at which that shows. */
struct su_task_difference {
    bool found; /* false: the backend is right */
    uint32_t node; /* of the task's graph; UINT32_MAX: an input that is an output */
    char op[32], value[SU_GRAPH_NAME_MAX + 1]; /* an output's name, or "%id" as su_graph_dump's */
    uint64_t element; /* of the first element that differs */
    uint32_t got_bits, want_bits; /* of the backend, of the interpreter */
};
/* SU_EINVAL: no such step; SU_ECANCELLED; SU_ENOMEM; errors of su_stage_load, su_task_session_new
   and su_task_run. *out is empty then. Blocks. */
SU_CHECK enum su_code su_task_locate(struct su_task *a, const struct su_replay *r, uint32_t step,
                                     struct su_store *store, struct su_task_difference *out,
                                     struct su_err *e);

/* ---- inputs of an execution -------------------------------------------------------------------- */

#define SU_INPUT_BYTES_MAX (64u << 20)
#define SU_INPUT_PARAMS_MAX 256u
#define SU_INPUT_TENSORS_MAX 16u
/* What a requestor gives: the rows of every external input of the model in order of (task, input),
   and parameters whose meaning belongs to the model's kind. Layout at the top of input.c. Its sha256
   is su_acc_execution.input_digest. */
struct su_input_tensor {
    uint8_t dtype, rank; /* as in struct su_wire_activation */
    uint32_t dims[SU_GRAPH_RANK_MAX]; /* of one step; unused ones 0 */
    uint32_t steps; /* >= 1 */
    const uint8_t *rows; /* of steps, 4 bytes an element; borrowed */
};
struct su_input {
    struct su_input_tensor tensor[SU_INPUT_TENSORS_MAX];
    uint32_t n_tensor;
    const uint8_t *params;
    uint32_t params_bytes;
};
/* SU_EINVAL: no tensor, a type or shape that no input has, no step, what fills unused dims; SU_ELIMIT:
   beyond the limits; out unchanged then; su_buf_check. */
SU_CHECK enum su_code su_input_encode(const struct su_input *in, struct su_buf *out,
                                      struct su_err *e);
/* Hostile bytes; pointers into data, in which rows lie at multiples of 4. On failure *out is empty:
   SU_EFORMAT, SU_ETRUNC, SU_ELIMIT. */
SU_CHECK enum su_code su_input_decode(const void *data, size_t n, struct su_input *out,
                                      struct su_err *e);
/* The tensor that belongs to input `input` of task `task`, after its type was compared with the
   graph's. SU_ETYPE, also when the container has more tensors than the model external inputs;
   SU_ENOENT: no such input, not an external one, or the container has fewer. */
SU_CHECK enum su_code su_input_find(const struct su_input *in, const struct su_package *p,
                                    uint32_t task, uint32_t input,
                                    const struct su_input_tensor **out, struct su_err *e);

/* ---- generations of a registered model --------------------------------------------------------- */

/* Where drawn tokens go: output of the one task with the op sample -> the first external input of the
   same type and shape, one step later. False: the model does not generate. */
struct su_feedback {
    uint32_t from_task, from_output, to_task, to_input;
};
bool su_package_feedback(const struct su_package *p, struct su_feedback *out);
/* What everybody who runs or checks a task of a generation must know of its input container. Steps
   from `steps` - 1 on emit, whatever they were cut into: the first draws the first token behind the
   prompt. Input `to_input` of `to_task` has the prompt's rows, then what was drawn a step before. */
struct su_prompt {
    struct su_feedback feedback;
    uint32_t steps; /* of the prompt, >= 1 */
    struct su_draw draw; /* its prompt points into the container */
};
/* seed: the execution's. Tokens of the prompt are not compared with the vocabulary. SU_ENOENT: the
   model does not generate; SU_ETYPE: its fed input is no token; errors of su_input_find and
   su_draw_decode. */
SU_CHECK enum su_code su_prompt_of(const struct su_package *p, const struct su_input *in,
                                   uint64_t seed, struct su_prompt *out, struct su_err *e);
/* Every root over `steps` steps of task `task`, as it commits to them. The root of the fed input is that of
   the output that feeds it: its leaf of a step is what was drawn there, so that the two can be compared.
   token: what that input had at each step, and behind them what was drawn last (steps + 1 of them), of
   the task that has it; else NULL. p: of a generation, else NULL: then as su_trace_roots. SU_ENOMEM. */
SU_CHECK enum su_code su_prompt_roots(const struct su_prompt *p, uint32_t task,
                                      const struct su_trace *t, const uint32_t *token,
                                      uint32_t steps, struct su_trace_roots *out,
                                      struct su_err *e);
/* Whether a step emits, and the first step at which a value of that domain has a row. */
bool su_prompt_emits(const struct su_prompt *p, uint32_t step);
uint32_t su_prompt_first(const struct su_prompt *p, enum su_domain domain);

#endif
