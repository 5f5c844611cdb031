// SPDX-License-Identifier: MIT
/* A toy language model on an engine: embedding, rope, states, attention, residual, logits of emitted
   rows. A step that fails stops the program with a message. */
#ifndef SU_SUPPORT_TOY_LLM_H
#define SU_SUPPORT_TOY_LLM_H

#include "engine/engine.h"

#define TOY_VOCABULARY 50u
#define TOY_CTX 64u

/* Zero means the default named. */
struct toy_opts {
    enum su_backend backend; /* default reference */
    uint64_t target; /* VRAM of a task; default 1 MiB: one task */
    bool smallest; /* the smallest target there is a plan for, instead */
    uint32_t t_max, e_max, sessions; /* of the plan; default 1, its own, 1 */
    uint32_t ctx; /* default TOY_CTX */
};
struct toy {
    struct su_graph *g;
    struct su_weights *weights;
    struct su_exec *exec;
    struct su_plan *plan;
    struct su_engine *en;
    char path[64];
};
void toy_new(struct toy *t, const struct toy_opts *o);
void toy_close(struct toy *t);

#endif
