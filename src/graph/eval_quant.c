// SPDX-License-Identifier: MIT
/* Block-quantised products (N4, N5). Activations become int8 quants per 32, products are summed as integers. */
#include "eval_priv.h"

#define RUN 32u /* elements that share an activation scale */

uint64_t su_eval_qmatmul_scratch(const struct su_kernel *k)
{
    const struct su_shape *a = k->in[0].shape;
    uint64_t depth = a->dim[a->rank - 1];
    return depth / RUN * (RUN + sizeof(float)); /* quants, then scales, of one row */
}

static void quantise(const uint32_t *x, uint64_t depth, int8_t *q, float *d)
{
    for (uint64_t r = 0; r < depth / RUN; r++) {
        float run[RUN];
        memcpy(run, x + r * RUN, sizeof run);
        d[r] = su_num_quantise(run, q + r * RUN);
    }
}

/* acc gains run r of block b times 32 quants of scale d. */
static float add_run(float acc, const struct su_block *b, uint32_t r, const int8_t *q, float d)
{
    int32_t dot = 0, sum = 0;
    for (uint32_t i = 0; i < RUN; i++) {
        dot += b->scale[(r * RUN + i) / 16] * b->q[r * RUN + i] * q[i];
        sum += q[i];
    }
    float p = (float)dot * (b->d * d);
    acc = acc + p;
    if (b->offset) {
        p = (float)(b->min[r] * sum) * (b->e * d);
        acc = acc + p;
    }
    return acc;
}

static float dot_row(enum su_dtype type, const uint8_t *w, uint64_t depth, const int8_t *q,
                     const float *d)
{
    uint32_t elements = su_dtype_block_elements(type), bytes = su_dtype_block_bytes(type);
    float total = 0.0f, acc = 0.0f;
    for (uint64_t at = 0; at < depth; at += elements, w += bytes) {
        struct su_block b;
        su_block_unpack(type, w, &b);
        for (uint32_t r = 0; r < elements / RUN; r++) {
            uint64_t i = at + r * RUN;
            acc = add_run(acc, &b, r, q + i, d[i / RUN]);
            if ((i + RUN) % SU_SEGMENT == 0 || i + RUN == depth) {
                total = total + acc;
                acc = 0.0f;
            }
        }
    }
    return total;
}

/* One row of activations against `columns` rows of weights. */
static void qmatmul_row(struct su_kernel *k, const uint32_t *x, const uint8_t *w, uint64_t columns,
                        uint64_t depth, uint32_t *y)
{
    enum su_dtype type = k->in[1].stored;
    uint64_t row_bytes = depth / su_dtype_block_elements(type) * su_dtype_block_bytes(type);
    int8_t *q = k->scratch;
    float *d = (float *)(void *)((uint8_t *)k->scratch + depth); /* depth is a multiple of 32 */
    quantise(x, depth, q, d);
    for (uint64_t n = 0; n < columns; n++)
        y[n] = su_eval_fixed(k, dot_row(type, w + n * row_bytes, depth, q, d));
}

void su_eval_qmatmul(struct su_kernel *k)
{
    const struct su_shape *a = k->in[0].shape;
    uint64_t depth = a->dim[a->rank - 1], columns = k->in[1].shape->dim[0];
    uint64_t rows = su_eval_span(a, 0, a->rank - 1);
    for (uint64_t m = 0; m < rows; m++)
        qmatmul_row(k, k->in[0].w + m * depth, k->in[1].raw, columns, depth,
                    k->out[0].w + m * columns);
}

/* Row i of the result uses expert ids[i]; an id out of range gives zeros. */
void su_eval_qmatmul_id(struct su_kernel *k)
{
    const struct su_shape *a = k->in[0].shape, *w = k->in[1].shape;
    uint64_t experts = w->dim[0], columns = w->dim[1], depth = w->dim[2];
    enum su_dtype type = k->in[1].stored;
    uint64_t expert_bytes =
        columns * (depth / su_dtype_block_elements(type)) * su_dtype_block_bytes(type);
    for (uint32_t i = 0; i < k->in[2].shape->dim[0]; i++) {
        uint32_t id = k->in[2].w[i], *y = k->out[0].w + i * columns;
        const uint32_t *x = k->in[0].w + (a->rank == 2 ? i * depth : 0);
        if (id < experts)
            qmatmul_row(k, x, k->in[1].raw + id * expert_bytes, columns, depth, y);
        else
            memset(y, 0, columns * sizeof *y);
    }
}
