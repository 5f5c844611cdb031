// SPDX-License-Identifier: MIT
/* Faults of results (fault.h): nothing of it is there unless SU_FAULTS is defined. */
#ifndef SU_NODE_SPOIL_H
#define SU_NODE_SPOIL_H

#include "part.h"

#ifdef SU_FAULTS
/* wrong-output, wrong-weights: changes what n steps from p->done on gave, and their leaves. */
void part_spoil_results(struct part *p, uint32_t n, struct su_task_result *r);
/* double-sign: changes the leaves alone, after the rows were signed for the consumers. */
void part_spoil_leaves(struct part *p, uint32_t n);
/* equivocate, two-tokens: signs other rows of the first of them for the last consumer, and sees that it has them
   before the true ones. */
void part_spoil_frames(struct part *p, uint32_t n, const struct su_task_result *r);
/* smaller-quant: the package with coarser weights of that task in the store, kept until the process ends;
   else p itself. */
const struct su_package *node_spoil_weights(struct su_node_agent *n, const struct su_package *p,
                                            uint32_t index);
#else
static inline const struct su_package *node_spoil_weights(struct su_node_agent *n,
                                                          const struct su_package *p,
                                                          uint32_t index)
{
    (void)n;
    (void)index;
    return p;
}
static inline void part_spoil_frames(struct part *p, uint32_t n, const struct su_task_result *r)
{
    (void)p;
    (void)n;
    (void)r;
}
static inline void part_spoil_results(struct part *p, uint32_t n, struct su_task_result *r)
{
    (void)p;
    (void)n;
    (void)r;
}
static inline void part_spoil_leaves(struct part *p, uint32_t n)
{
    (void)p;
    (void)n;
}
#endif

#endif
