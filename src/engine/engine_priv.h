// SPDX-License-Identifier: MIT
#ifndef SU_ENGINE_PRIV_H
#define SU_ENGINE_PRIV_H

#include "engine/engine.h"

const struct su_graph *su_engine_graph(const struct su_engine *en);
const struct su_plan *su_engine_plan(const struct su_engine *en);
uint32_t su_engine_rows(const struct su_engine *en); /* t_max of its plan */
uint32_t su_engine_emit_rows(const struct su_engine *en); /* those of them that may emit */
/* That the graph takes a token per row to logits of emitted rows (SU_ETYPE), and n tokens, which `at`
   names, to its vocabulary (SU_EINVAL). */
SU_CHECK enum su_code su_engine_llm_check(const struct su_engine *en, const uint32_t *token,
                                          uint32_t n, const char *at, uint32_t *vocabulary,
                                          struct su_err *e);
/* SU_EINVAL: an option of `o` out of its range. */
SU_CHECK enum su_code su_sampling_check(const struct su_sampling *o, struct su_err *e);

/* ---- streams ------------------------------------------------------------------------------------ */

/* One generation on its way. Its tokens that the session does not hold yet wait to be rows of a
   dispatch: first those of the prompt, then each chosen one. */
struct su_stream {
    struct su_sampling sampling;
    bool (*on_token)(void *ctx, uint32_t token);
    bool (*cancelled)(void *ctx);
    void *ctx;
    uint32_t *stop, n_stop;
    uint32_t session;
    uint32_t *token; /* held, prompt, chosen: n_token of them */
    uint32_t n_held, n_prompt, n_token, max_tokens;
    uint32_t n_fed; /* of token: in the session, or held before */
    bool ended, stopped; /* nothing is left to do; by a stop token or on_token */
    uint64_t start_ns, prompt_ns,
        end_ns; /* of the first dispatch, the prompt's end, the last one */
};
/* Copies what g points to; the session is still to be set. Assumes that su_engine_llm_check took
   g->prompt. SU_EINVAL: an empty prompt, or a sampling option; SU_ENOMEM. On failure *s is empty. */
SU_CHECK enum su_code su_stream_init(struct su_stream *s, const struct su_generation *g,
                                     struct su_err *e);
void su_stream_fini(struct su_stream *s); /* an empty one is allowed */
uint32_t su_stream_waiting(
    const struct su_stream *s); /* rows that could run; 0 when it has ended */
bool su_stream_decodes(const struct su_stream *s); /* its prompt is in the session */
/* Asks whether it is to go on: SU_ECANCELLED. */
SU_CHECK enum su_code su_stream_proceed(const struct su_stream *s, struct su_err *e);
/* Hands the chosen tokens and times over; *s keeps the rest. */
void su_stream_result(struct su_stream *s, struct su_generated *out);

/* Rows for one dispatch. */
struct su_dispatch {
    struct su_row *row; /* room for as many as the plan takes */
    uint32_t *token;
    uint32_t n_row;
    struct su_dispatch_part {
        struct su_stream *stream;
        uint32_t n_row;
        bool emit; /* its last row */
        enum su_code code; /* of choosing its next token; after su_dispatch_run */
        struct su_err err;
    } * part; /* in order of the rows */
    uint32_t n_part;
};
SU_CHECK enum su_code su_dispatch_init(struct su_dispatch *d, uint32_t rows, uint32_t parts,
                                       struct su_err *e);
void su_dispatch_fini(struct su_dispatch *d);
/* Appends up to n waiting rows of a stream, which is not in d yet; into an empty d it is the first. */
void su_dispatch_add(struct su_dispatch *d, const struct su_engine *en, struct su_stream *s,
                     uint32_t n);
/* Runs the rows, then lets each part that emitted choose its next token. Afterwards d has no rows;
   its parts tell how that went until the next su_dispatch_add. On failure no stream has moved. */
SU_CHECK enum su_code su_dispatch_run(struct su_dispatch *d, struct su_engine *en,
                                      uint32_t vocabulary, struct su_err *e);

#endif
