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
/* Chooses the offsets of n items given by ascending `from`, and returns the bytes of the arena. Items that are alive at the
   same time do not overlap. tmp holds 2·n numbers. Assumes that all bytes together fit in 63 bits. */
uint64_t su_plan_arena_place(struct su_plan_item *item, uint32_t n, uint32_t *tmp);
/* Bytes of a weight or a const in the fixed region. SU_EOVERFLOW. */
SU_CHECK enum su_code su_plan_fixed_bytes(enum su_dtype d, const struct su_shape *s,
                                          uint64_t *bytes, struct su_err *e);
/* Bytes of one session's share of a state. SU_EOVERFLOW. */
SU_CHECK enum su_code su_plan_state_bytes(const struct su_shape *s, uint32_t ctx, uint64_t *bytes,
                                          struct su_err *e);
/* Bytes of a value in the arena for t_max rows; at most 2^49. */
uint64_t su_plan_value_bytes(const struct su_value *v, uint32_t t_max);
/* True for a value that has no place in the arena: weight, const, state, or a state after an append. */
bool su_plan_value_outside(const struct su_graph *g, uint32_t value);

#endif
