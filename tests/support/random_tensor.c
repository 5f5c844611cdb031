// SPDX-License-Identifier: MIT
#include "support/random_tensor.h"

#include "graph/graph.h"
#include "support/random.h"

#include <stdlib.h>

/* Quants are any bits; d and dmin, the halves of a block, are normal and of either sign. */
static void fill_blocks(struct su_random *r, enum su_dtype d, uint64_t elements, uint8_t *p)
{
    struct su_shape one = {1, {d >= SU_Q4_K ? 256 : 32}};
    uint64_t block = 0;
    struct su_err e;

    if (su_tensor_bytes(d, &one, &block, &e))
        abort();
    for (uint64_t i = 0; i < elements / one.dim[0]; i++, p += block) {
        for (uint64_t b = 0; b < block; b++)
            p[b] = (uint8_t)(su_random_u64(r) >> 56);
        su_put_le16(d == SU_Q6_K ? p + block - 2 : p, su_random_f16(r, SU_RANDOM_MILD));
        if (d == SU_Q4_1 || d == SU_Q5_1 || d == SU_Q4_K || d == SU_Q5_K)
            su_put_le16(p + 2, su_random_f16(r, SU_RANDOM_MILD));
    }
}

void su_random_fill(uint64_t seed, uint64_t stream, enum su_dtype d, uint64_t elements, bool mild,
                    void *out)
{
    static const enum su_random_style styles[] = {SU_RANDOM_MILD, SU_RANDOM_MILD, SU_RANDOM_EDGY,
                                                  SU_RANDOM_EDGY, SU_RANDOM_EDGY, SU_RANDOM_EDGES,
                                                  SU_RANDOM_BITS};
    /* the style belongs to the tensor, the values to the row: streams of one tensor differ in
       their low half only */
    struct su_random pick_style = su_random_of(seed, stream >> 32),
                     r = su_random_of(seed, stream ^ 0x5bd1e995u);
    enum su_random_style style =
        mild ? SU_RANDOM_MILD : styles[su_random_below(&pick_style, SU_ARRAY_LEN(styles))];
    uint8_t *p = out;

    if (su_dtype_is_block(d)) {
        fill_blocks(&r, d, elements, p);
        return;
    }
    for (uint64_t i = 0; i < elements; i++) {
        if (d == SU_F32)
            su_put_le32(p + 4 * i, su_random_f32(&r, style));
        else if (d == SU_F16)
            su_put_le16(p + 2 * i, su_random_f16(&r, style));
        else if (d == SU_BF16)
            su_put_le16(p + 2 * i, su_random_bf16(&r, style));
        else if (d == SU_BOOL)
            su_put_le32(p + 4 * i, su_random_below(&r, 2));
        else if (style == SU_RANDOM_MILD) /* good as an index */
            su_put_le32(p + 4 * i, su_random_range(&r, 0, 12) - 1);
        else
            su_put_le32(p + 4 * i, su_random_i32(&r, style));
    }
}
