// SPDX-License-Identifier: MIT
/* Indexing and constants. An index out of range, negative ones included, yields zeros. */
#include "eval_priv.h"

/* Copies entry `index` of a table of n entries of `words` each. A negative I32 is a huge unsigned number. */
static void pick(uint32_t *dst, const uint32_t *table, uint64_t n, uint64_t words, uint32_t index)
{
    if (index < n)
        memcpy(dst, table + index * words, words * sizeof *dst);
    else
        memset(dst, 0, words * sizeof *dst);
}

void su_eval_gather(struct su_kernel *k)
{
    const struct su_shape *x = k->in[0].shape;
    uint32_t axis = (uint32_t)k->node->attr[0], n = x->dim[axis];
    uint64_t outer = su_eval_span(x, 0, axis), inner = su_eval_span(x, axis + 1, x->rank);
    uint64_t count = su_shape_elements(k->in[1].shape);
    uint32_t *dst = k->out[0].w;
    for (uint64_t o = 0; o < outer; o++)
        for (uint64_t i = 0; i < count; i++, dst += inner)
            pick(dst, k->in[0].w + o * n * inner, n, inner, k->in[1].w[i]);
}

/* Row `index` of a block-quantised table. */
static void pick_blocks(struct su_kernel *k, uint32_t *dst, uint64_t n, uint64_t words,
                        uint32_t index)
{
    enum su_dtype type = k->in[0].stored;
    uint64_t bytes = words / su_dtype_block_elements(type) * su_dtype_block_bytes(type);
    if (index >= n) {
        memset(dst, 0, words * sizeof *dst);
        return;
    }
    su_tensor_decode(type, k->in[0].raw + index * bytes, words, (float *)(void *)dst);
    for (uint64_t i = 0; i < words; i++)
        dst[i] = su_eval_fixed(k, su_f(dst[i]));
}

void su_eval_embedding(struct su_kernel *k)
{
    const struct su_shape *table = k->in[0].shape;
    uint64_t count = su_shape_elements(k->in[1].shape), words = table->dim[1];
    for (uint64_t i = 0; i < count; i++) {
        if (k->in[0].raw)
            pick_blocks(k, k->out[0].w + i * words, table->dim[0], words, k->in[1].w[i]);
        else
            pick(k->out[0].w + i * words, k->in[0].w, table->dim[0], words, k->in[1].w[i]);
    }
}

void su_eval_const(struct su_kernel *k)
{
    uint64_t n = su_shape_elements(k->out[0].shape);
    for (uint64_t i = 0; i < n; i++) {
        uint32_t w = su_le32(k->node->data + 4 * i);
        if (k->out[0].type == SU_F32)
            w = su_eval_fixed(k, su_f(w));
        else if (k->out[0].type == SU_BOOL)
            w = w != 0;
        k->out[0].w[i] = w;
    }
}

void su_eval_iota(struct su_kernel *k)
{
    const struct su_shape *out = k->out[0].shape;
    uint32_t axis = (uint32_t)k->node->attr[1], n = out->dim[axis];
    uint64_t outer = su_eval_span(out, 0, axis), inner = su_eval_span(out, axis + 1, out->rank);
    uint32_t *dst = k->out[0].w;
    for (uint64_t o = 0; o < outer; o++) {
        for (uint32_t j = 0; j < n; j++) {
            uint32_t w = k->out[0].type == SU_F32 ? su_f32_bits(su_num_from_u32(j)) : j;
            for (uint64_t i = 0; i < inner; i++)
                *dst++ = w;
        }
    }
}
