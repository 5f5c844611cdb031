// SPDX-License-Identifier: MIT
#ifndef SU_CONFORMANCE_PRIV_H
#define SU_CONFORMANCE_PRIV_H

#include "exec_priv.h"

/* What numbers an input or weight is filled with; always the same for the same probe. */
enum conformance_fill {
    FILL_UNIT, /* about -2 .. 2, as activations and weights are */
    FILL_WIDE, /* any bit pattern: denormals, NaN, infinities, huge and tiny */
    FILL_SWEEP, /* evenly over all bit patterns, then both sides of every domain bound */
    FILL_INT, /* any 32 bits, with the extremes often */
    FILL_INDEX, /* small integers, some out of range */
    FILL_CLOSE, /* pairs whose products and sums round differently when contracted or truncated */
    FILL_COARSE, /* multiples of 1/4 up to 2: many are equal */
    FILL_CANCEL, /* results of add and sub around 2^-48 and below 2^-126 */
};
enum {
    /* rows of a first dispatch, the others follow in a second one; 0 = one for all */
    CONFORMANCE_FIRST = 12,
    CONFORMANCE_SESSIONS, /* rows take turns among so many; 0 = each row is a session of its own */
    CONFORMANCE_EMIT_STEP, /* one of so many rows emits; 0 = all do */
    CONFORMANCE_ARGS,
};
struct conformance_probe {
    const char *name;
    uint32_t rows;
    enum conformance_fill fill[3]; /* of inputs, then weights; the last one repeats */
    /* Adds the probe's nodes and outputs to g. */
    enum su_code (*build)(struct su_graph *g, const int32_t *arg, struct su_err *e);
    int32_t arg[CONFORMANCE_ARGS]; /* of build, then CONFORMANCE_FIRST and on */
};
/* Sequence models (conformance_seq.c); what arg holds stands there. */
enum su_code conformance_build_qmatmul(struct su_graph *g, const int32_t *arg, struct su_err *e);
enum su_code conformance_build_embedding(struct su_graph *g, const int32_t *arg, struct su_err *e);
enum su_code conformance_build_rope(struct su_graph *g, const int32_t *arg, struct su_err *e);
enum su_code conformance_build_attention(struct su_graph *g, const int32_t *arg, struct su_err *e);
enum su_code conformance_build_experts(struct su_graph *g, const int32_t *arg, struct su_err *e);
enum su_code conformance_build_emitted(struct su_graph *g, const int32_t *arg, struct su_err *e);
enum su_code conformance_build_decoder(struct su_graph *g, const int32_t *arg, struct su_err *e);
extern const struct conformance_probe conformance_probes[];
extern const uint32_t conformance_n_probes;
/* sha256 of every probe's outputs, as computed by the reference interpreter (tests recompute them). */
extern const uint8_t conformance_answers[SU_CONFORMANCE_PROBES_MAX][SU_SHA256_BYTES];

#endif
