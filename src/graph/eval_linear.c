// SPDX-License-Identifier: MIT
/* Products and convolutions (N5): segments of 256 along K. */
#include "eval_priv.h"

static float dot(const uint32_t *a, const uint32_t *b, uint64_t n)
{
    float total = 0.0f;
    for (uint64_t i = 0; i < n;) {
        uint64_t end = SU_MIN(n, i + SU_SEGMENT);
        float acc = 0.0f;
        for (; i < end; i++) {
            float p = su_f(a[i]) * su_f(b[i]);
            acc = acc + p;
        }
        total = total + acc;
    }
    return total;
}

void su_eval_matmul(struct su_kernel *k)
{
    const struct su_shape *a = k->in[0].shape, *b = k->in[1].shape;
    uint64_t depth = a->dim[a->rank - 1], rows = a->rank > 1 ? a->dim[a->rank - 2] : 1;
    uint64_t columns = b->dim[b->rank - 2];
    uint64_t batch = a->rank > 2 ? su_eval_span(a, 0, a->rank - 2) : 1;
    uint64_t b_step = b->rank > 2 ? columns * depth : 0;
    const uint32_t *x = k->in[0].w, *w = k->in[1].w;
    uint32_t *y = k->out[0].w;
    for (uint64_t i = 0; i < batch; i++, w += b_step)
        for (uint64_t m = 0; m < rows; m++, x += depth)
            for (uint64_t n = 0; n < columns; n++)
                *y++ = su_eval_fixed(k, dot(w + n * depth, x, depth));
}

/* Output positions o in [from, to) read in-bounds inputs o * stride + offset of [0, n). */
struct range {
    int64_t from, to;
};

static struct range in_bounds(int64_t n, int64_t stride, int64_t offset, int64_t out)
{
    struct range r = {offset < 0 ? (-offset + stride - 1) / stride : 0, 0};
    if (offset < n)
        r.to = SU_MIN(out, (n - 1 - offset) / stride + 1);
    return r;
}

uint64_t su_eval_conv2d_scratch(const struct su_kernel *k)
{
    const struct su_shape *out = k->out[0].shape;
    return (uint64_t)out->dim[out->rank - 1] * 2 * sizeof(float);
}

/* One row of output positions of one channel, side by side. A position in the padding contributes w * 0, and adding a zero
   changes no accumulator, because none is ever -0: it is skipped, but counts in the segments. */
static void conv_line(struct su_kernel *k, const uint32_t *x, const uint32_t *w, int64_t oh,
                      uint32_t *y)
{
    const struct su_shape *xs = k->in[0].shape, *ws = k->in[1].shape, *ys = k->out[0].shape;
    const int32_t *attr = k->node->attr;
    int64_t height = xs->dim[xs->rank - 2], width = xs->dim[xs->rank - 1];
    int64_t out_w = ys->dim[ys->rank - 1], step = attr[1];
    float *acc = k->scratch, *total = acc + out_w;
    memset(acc, 0, (size_t)out_w * 2 * sizeof *acc);
    uint64_t i = 0, depth = su_eval_span(ws, 1, 4);
    for (uint32_t c = 0; c < ws->dim[1]; c++) {
        for (int64_t kh = 0; kh < ws->dim[2]; kh++) {
            int64_t ih = oh * attr[0] + kh * attr[6] - attr[2];
            for (int64_t kw = 0; kw < ws->dim[3]; kw++) {
                if (ih >= 0 && ih < height) {
                    int64_t offset = kw * attr[7] - attr[3];
                    struct range r = in_bounds(width, step, offset, out_w);
                    const uint32_t *line = x + (c * height + ih) * width;
                    float weight = su_f(w[i]);
                    for (int64_t o = r.from; o < r.to; o++) {
                        float p = weight * su_f(line[o * step + offset]);
                        acc[o] = acc[o] + p;
                    }
                }
                if (++i % SU_SEGMENT == 0 || i == depth) {
                    for (int64_t o = 0; o < out_w; o++) {
                        total[o] = total[o] + acc[o];
                        acc[o] = 0.0f;
                    }
                }
            }
        }
    }
    for (int64_t o = 0; o < out_w; o++)
        y[o] = su_eval_fixed(k, total[o]);
}

void su_eval_conv2d(struct su_kernel *k)
{
    const struct su_shape *xs = k->in[0].shape, *ws = k->in[1].shape, *ys = k->out[0].shape;
    uint64_t image = su_eval_span(xs, xs->rank - 2, xs->rank);
    uint64_t batch = su_eval_span(xs, 0, xs->rank - 3);
    uint64_t out_h = ys->dim[ys->rank - 2], out_w = ys->dim[ys->rank - 1];
    uint64_t channels = ws->dim[0], groups = (uint64_t)k->node->attr[8];
    uint64_t depth = su_eval_span(ws, 1, 4);
    const uint32_t *x = k->in[0].w;
    uint32_t *y = k->out[0].w;
    for (uint64_t b = 0; b < batch; b++, x += xs->dim[xs->rank - 3] * image) {
        for (uint64_t n = 0; n < channels; n++) {
            const uint32_t *from = x + n / (channels / groups) * ws->dim[1] * image;
            for (uint64_t oh = 0; oh < out_h; oh++, y += out_w)
                conv_line(k, from, k->in[1].w + n * depth, (int64_t)oh, y);
        }
    }
}
