// SPDX-License-Identifier: MIT
#ifndef SU_SUPPORT_RANDOM_TENSOR_H
#define SU_SUPPORT_RANDOM_TENSOR_H

#include "graph/graph.h"

/* Fills `elements` elements of type d as stored in files. Equal (seed, stream, d, mild) give
   equal values; streams that differ in the low 32 bits only, such as rows of one input, are
   filled in the same style. mild: finite and within +-2, integers good as indices (-1 to 11);
   else five tensors in seven hold edge values, or nothing else, or any bits. BOOL: 0 or 1. Block
   types: any quants, scales that are normal halves; elements must be whole blocks. */
void su_random_fill(uint64_t seed, uint64_t stream, enum su_dtype d, uint64_t elements, bool mild,
                    void *out);

#endif
