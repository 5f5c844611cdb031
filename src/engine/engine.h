// SPDX-License-Identifier: MIT
/* engine: the one runner. Loads the tasks of a plan as stages on one device and runs them in DAG
   order, independent branches at the same time; used by run, doctor, node, oracle, verify and the
   benchmarks. Distinct engines may be used from different threads; one engine by one at a time. */
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
/* Loads every task of `plan` (built from `graph`, whose weights lie in `weights`) on `x` for
   dispatches of up to plan->t_max rows, of which plan->e_max emit. Interfaces are checked first (su_plan_check). Keeps x,
   graph and plan until su_engine_close; weights are borrowed for the call. Blocks. On failure *out
   is NULL: errors of su_plan_check, and those of su_weights_resolve (SU_ENOENT, SU_ETYPE) and
   su_stage_load with the task's index in the message. */
SU_CHECK enum su_code su_engine_open(struct su_exec *x, const struct su_graph *graph,
                                     const struct su_plan *plan, const struct su_weights *weights,
                                     struct su_engine **out, struct su_err *e);
void su_engine_close(struct su_engine *en); /* NULL allowed */
/* Device bytes bound by task i. Assumes task < plan->n_task. */
uint64_t su_engine_task_bound_bytes(const struct su_engine *en, uint32_t task);

struct su_engine_result {
    void **output; /* outputs of the whole graph, rows first */
    size_t *output_bytes;
    uint32_t n_output;
    double *task_ms; /* per task, on the device */
    uint32_t n_task;
    uint8_t (*leaf)[SU_SHA256_BYTES]; /* per row: su_leaf_digest(row's position, its outputs) */
    uint32_t n_leaf;
    uint64_t saturations; /* of all tasks; diagnostics only */
};
/* Runs n_row rows through all tasks; input as in struct su_eval_args, in graph->input order. A
   task is submitted as soon as all it reads has been waited for, and every task that can be
   submitted is, before the next wait. A leaf covers the row's slice of each output in their
   order: of a FIXED output the whole, of an EMIT output nothing where the row does not emit.
   With leaves false leaf stays NULL. On success *r is owned by the caller
   (su_engine_result_fini). On failure *r is empty, nothing is left in flight, and the engine can
   run again: SU_EINVAL: n_row is 0 or beyond plan->t_max, or more rows emit than plan->e_max;
   SU_ENOMEM; errors of su_stage_submit
   and su_stage_wait with the task's index. Blocks. */
SU_CHECK enum su_code su_engine_run(struct su_engine *en, const struct su_row *row, uint32_t n_row,
                                    const void *const *input, bool leaves,
                                    struct su_engine_result *r, struct su_err *e);
void su_engine_result_fini(struct su_engine_result *r); /* an empty result is allowed */

/* ---- sessions and generation ------------------------------------------------------------------ */

/* A session in every stage of the plan, of ctx positions; the number goes into su_row.session of su_engine_run. Errors of
   su_stage_session_new; then no stage keeps one. When su_engine_run fails, the sessions of its rows are cut back to what they
   were. */
SU_CHECK enum su_code su_engine_session_new(struct su_engine *en, uint32_t ctx, uint32_t *session,
                                            struct su_err *e);
/* These assume an open session. */
void su_engine_session_free(struct su_engine *en, uint32_t session);
uint32_t su_engine_session_length(const struct su_engine *en, uint32_t session);
SU_CHECK enum su_code su_engine_session_truncate(struct su_engine *en, uint32_t session,
                                                 uint32_t length, struct su_err *e);

/* How a token is chosen from logits (rule N12 of splitup-numerics(7)). All zero: the likeliest token. */
struct su_sampling {
    float temperature; /* 0 = greedy */
    uint32_t top_k; /* 0 = all */
    float top_p; /* shortest prefix of at least this share; 0 or 1 = all */
    float min_p; /* no token less likely than this share of the likeliest; 0 = all */
    float repeat_penalty; /* of tokens among the last repeat_last; 0 or 1 = none */
    uint32_t repeat_last;
    uint64_t seed;
};
/* The token for `position` from n logits (n >= 1, < 2^24). history: tokens so far, oldest first. Equal arguments give equal tokens on
   every host. SU_EINVAL: an option out of its range, named; SU_ENOMEM. */
SU_CHECK enum su_code su_sample(const struct su_sampling *o, const float *logits, uint32_t n,
                                const uint32_t *history, uint32_t n_history, uint32_t position,
                                uint32_t *token, struct su_err *e);

/* One generation: the prompt's tokens, then up to max_tokens chosen ones. */
struct su_generation {
    const uint32_t *prompt; /* appended behind what the session holds */
    uint32_t n_prompt; /* >= 1 */
    const uint32_t *held; /* what the session holds already, for repeat_penalty only; may be NULL */
    uint32_t n_held; /* 0 when held is NULL */
    uint32_t max_tokens;
    const uint32_t *stop; /* a chosen token among these ends it and is not counted */
    uint32_t n_stop;
    uint32_t chunk; /* prompt rows of one dispatch, 0 = plan->t_max */
    struct su_sampling sampling;
    /* Called for each chosen token, stop tokens left out; false ends the generation. May be NULL. */
    bool (*on_token)(void *ctx, uint32_t token);
    bool (*cancelled)(void *ctx); /* asked between dispatches; may be NULL */
    void *ctx;
};
struct su_generated {
    uint32_t *token; /* n of them, owned (free) */
    uint32_t n;
    bool stopped; /* by a stop token or by on_token */
    uint32_t n_reused; /* tokens of the prompt that a session of su_scheduler held already */
    double prefill_ms, decode_ms; /* wall time: to the first chosen token, and from there on */
    uint8_t output_sha256[SU_SHA256_BYTES]; /* of the tokens, little-endian u32 */
};
/* Runs a graph with one input, I32 [] per row (tokens), and one EMIT output F32 [vocabulary]. Afterwards the session holds every token but
   the last chosen one. On failure *out is empty and the session is as long as the last finished dispatch left it: SU_ETYPE: a graph of another
   form, SU_EINVAL: an empty prompt or a token beyond the vocabulary, SU_ELIMIT: the session is full, SU_ECANCELLED, and errors of su_engine_run. Blocks. */
SU_CHECK enum su_code su_engine_generate(struct su_engine *en, uint32_t session,
                                         const struct su_generation *g, struct su_generated *out,
                                         struct su_err *e);

/* ---- several generations at once --------------------------------------------------------------- */

/* Generations that share an engine. Each has a session of its own; one that finds none free waits
   for its turn in order of arrival. A dispatch carries the next row of every generation that is past
   its prompt and, behind those, up to `chunk` rows of prompts in order of arrival: a long prompt
   never holds up another one's next token by more than a chunk. What a generation gives depends on
   nothing that runs beside it: it is what su_engine_generate gives in a new session.

   A session keeps its tokens when its generation ends. A prompt that begins with the same blocks of
   SU_SCHEDULER_BLOCK tokens, told by their digest, goes on from there: so the next turn of a
   conversation runs what is new, though other conversations came between. */
struct su_scheduler;
#define SU_SCHEDULER_SESSIONS_MAX 64u
#define SU_SCHEDULER_BLOCK 16u
struct su_scheduler_opts {
    uint32_t sessions; /* generations at once, 1 .. SU_SCHEDULER_SESSIONS_MAX */
    uint32_t ctx; /* positions of each session */
    uint32_t chunk; /* prompt rows of one dispatch; 0 = what the plan's t_max leaves */
};
/* Opens the sessions; keeps en, which must have no other user, until su_scheduler_free. On failure
   *out is NULL: SU_ETYPE: a graph of another form than su_engine_generate takes; SU_EINVAL: sessions
   or ctx; SU_ELIMIT: the plan has less room: fewer sessions, a shorter ctx, or fewer than `sessions`
   rows in a dispatch or emitted rows in it; SU_ENOMEM; errors of su_engine_session_new. */
SU_CHECK enum su_code su_scheduler_new(struct su_engine *en, const struct su_scheduler_opts *o,
                                       struct su_scheduler **out, struct su_err *e);
/* Drops what has not ended, without a call to it. NULL allowed. */
void su_scheduler_free(struct su_scheduler *s);
/* Adds a generation whose prompt is all there is before its answer (held and chunk of *g are not
   looked at). Copies what g points to, but for ctx. SU_EINVAL: an empty prompt, a token beyond the
   vocabulary, or a sampling option; SU_ELIMIT: prompt and max_tokens exceed ctx; SU_ENOMEM. */
SU_CHECK enum su_code su_scheduler_add(struct su_scheduler *s, const struct su_generation *g,
                                       uint64_t *id, struct su_err *e);
/* Ends a generation before its next dispatch; nothing when it has ended or is unknown. */
void su_scheduler_cancel(struct su_scheduler *s, uint64_t id);
/* Runs one dispatch, if there is anything to run; *left is how many generations have not ended after
   it. Calls the generations' `cancelled` before and `on_token` after it; those may call
   su_scheduler_add and su_scheduler_cancel. On failure (errors of su_engine_run) every generation
   stands where it stood, and a later call tries again. Blocks for a dispatch. */
SU_CHECK enum su_code su_scheduler_step(struct su_scheduler *s, uint32_t *left, struct su_err *e);
/* The result of a generation that has ended; the scheduler forgets it then. On failure *out is
   empty: SU_EBUSY: it has not ended; SU_ENOENT: no such id; SU_ECANCELLED, and what su_sample failed
   with. */
SU_CHECK enum su_code su_scheduler_take(struct su_scheduler *s, uint64_t id,
                                        struct su_generated *out, struct su_err *e);

/* ---- scoring ----------------------------------------------------------------------------------- */

/* How likely a model finds a text. */
struct su_scoring {
    const uint32_t *token; /* appended behind what the session holds */
    uint32_t n; /* >= 2 */
    uint32_t chunk; /* rows of one dispatch, at most plan->e_max; 0 = that many */
    /* Called after each dispatch with the scores so far; may be NULL. */
    void (*on_progress)(void *ctx, uint32_t n_scored);
    bool (*cancelled)(void *ctx); /* asked between dispatches; may be NULL */
    void *ctx;
};
/* nll[i], i < n - 1: -log of the probability of token[i + 1] after all before it, that is
   log(s) - (x[t] - m) with x the logits, m their maximum and s the sum of exp(x - m) by rules N6 and
   N7: all but the last logarithm is canonical. The graph is as for su_engine_generate; afterwards
   the session holds every token but the last. On failure the scores of finished dispatches are
   there, as many as on_progress was told, and the session holds their tokens. SU_ETYPE: a graph of
   another form; SU_EINVAL: fewer than 2 tokens, or one beyond the vocabulary; SU_ELIMIT: the session
   is full; SU_ECANCELLED; SU_ENOMEM; errors of su_engine_run. Blocks. */
SU_CHECK enum su_code su_engine_score(struct su_engine *en, uint32_t session,
                                      const struct su_scoring *s, double *nll, struct su_err *e);

/* ---- running a list of digits ---------------------------------------------------------------- */

/* Where the rows of a run come from: a picture, an IDX file or a safetensors file. Immutable once
   open, so any number of threads may read it. */
struct su_digits;
/* Sniffs the file: PNG, PGM (any size, prepared by su_image_to_digit); IDX images of 28 x 28,
   plain or gzipped; safetensors with one F32 tensor [N,1,28,28], [N,28,28] or [28,28]. A tensor
   of whole numbers from 0 to 255, some above 1, holds bytes and is scaled like the others; any
   other is taken as it is. Labels of an IDX file are found beside it (images-idx3 in its name ->
   labels-idx1); ones that are there but do not fit are logged as a warning and left out. On
   success *out is owned by the caller (su_digits_close). On failure *out is NULL: SU_EFORMAT: a
   file of no such kind; SU_ETYPE: labels in place of images, or another shape, type or number of
   tensors; and errors of su_media_kind, su_image_load, su_image_to_digit, su_idx_open and
   su_weights_open. Blocks. */
SU_CHECK enum su_code su_digits_open(const char *path, struct su_digits **out, struct su_err *e);
void su_digits_close(struct su_digits *d); /* NULL allowed */
uint64_t su_digits_count(const struct su_digits *d);
/* The 784 values of digit i: byte * (1/255), or as they stand in the tensor. SU_EINVAL beyond
   count. */
SU_CHECK enum su_code su_digits_get(const struct su_digits *d, uint64_t i, float out[784],
                                    struct su_err *e);
int su_digits_label(const struct su_digits *d, uint64_t i); /* -1 when unknown */

#include "package.h"
#include "task.h"

#endif
