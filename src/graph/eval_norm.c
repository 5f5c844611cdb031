// SPDX-License-Identifier: MIT
/* Pools, norms and softmax (N11). */
#include "eval_priv.h"

/* The in-bounds elements of one window, in the lanes of their kernel positions. */
struct window {
    float lane[SU_LANES];
    uint32_t count, largest; /* largest: 0 when count is 0 */
};

static struct window window_of(const struct su_kernel *k, const uint32_t *x, int64_t oh, int64_t ow)
{
    const struct su_shape *s = k->in[0].shape;
    const int32_t *attr = k->node->attr;
    int64_t height = s->dim[s->rank - 2], width = s->dim[s->rank - 1];
    struct window win = {.count = 0};
    for (int64_t kh = 0; kh < attr[0]; kh++) {
        int64_t ih = oh * attr[2] + kh - attr[4];
        if (ih < 0 || ih >= height)
            continue;
        for (int64_t kw = 0; kw < attr[1]; kw++) {
            int64_t iw = ow * attr[3] + kw - attr[5];
            if (iw < 0 || iw >= width)
                continue;
            uint32_t w = x[ih * width + iw];
            win.lane[(kh * attr[1] + kw) % SU_LANES] += su_f(w);
            if (win.count++ == 0 || su_eval_order(SU_F32, w) > su_eval_order(SU_F32, win.largest))
                win.largest = w;
        }
    }
    return win;
}

void su_eval_pool(struct su_kernel *k)
{
    const struct su_shape *in = k->in[0].shape, *out = k->out[0].shape;
    const int32_t *attr = k->node->attr;
    int64_t out_h = out->dim[out->rank - 2], out_w = out->dim[out->rank - 1];
    uint64_t planes = su_eval_span(in, 0, in->rank - 2);
    uint64_t image = su_eval_span(in, in->rank - 2, in->rank);
    const uint32_t *x = k->in[0].w;
    uint32_t *y = k->out[0].w;
    for (uint64_t p = 0; p < planes; p++, x += image) {
        for (int64_t oh = 0; oh < out_h; oh++) {
            for (int64_t ow = 0; ow < out_w; ow++) {
                struct window win = window_of(k, x, oh, ow);
                if (k->node->op == SU_OP_MAXPOOL) {
                    *y++ = win.largest;
                    continue;
                }
                if (attr[8])
                    win.count = (uint32_t)attr[0] * (uint32_t)attr[1];
                float r = su_num_recip(su_num_from_u32(win.count));
                *y++ = su_eval_fixed(k, su_num_tree(win.lane) * r);
            }
        }
    }
}

/* Calls fn for each run of the last axis. */
static void each_line(struct su_kernel *k,
                      void (*fn)(struct su_kernel *k, const uint32_t *x, uint32_t *y, uint32_t n))
{
    const struct su_shape *s = k->in[0].shape;
    uint32_t n = s->dim[s->rank - 1];
    uint64_t lines = su_eval_span(s, 0, s->rank - 1);
    for (uint64_t i = 0; i < lines; i++)
        fn(k, k->in[0].w + i * n, k->out[0].w + i * n, n);
}

/* N6 of fz(d * d), d = fz(x - mean); then 1 / sqrt of the average plus eps. */
static float inverse_deviation(const struct su_kernel *k, const uint32_t *x, uint32_t n, float mean)
{
    float lane[SU_LANES] = {0};
    for (uint32_t i = 0; i < n; i++) {
        float d = su_num_fz(su_f(x[i]) - mean);
        float sq = su_num_fz(d * d);
        lane[i % SU_LANES] = lane[i % SU_LANES] + sq;
    }
    float v = su_num_tree(lane) * su_num_recip(su_num_from_u32(n));
    return su_num_rsqrt(v + su_eval_attr_f(k, 0));
}

static void layernorm(struct su_kernel *k, const uint32_t *x, uint32_t *y, uint32_t n)
{
    float lane[SU_LANES] = {0};
    for (uint32_t i = 0; i < n; i++)
        lane[i % SU_LANES] = lane[i % SU_LANES] + su_f(x[i]);
    float mean = su_num_tree(lane) * su_num_recip(su_num_from_u32(n));
    float r = inverse_deviation(k, x, n, mean);
    for (uint32_t i = 0; i < n; i++) {
        float d = su_num_fz(su_f(x[i]) - mean);
        float v = d * r;
        if (k->node->n_arg > 1)
            v = v * su_f(k->in[1].w[i]);
        if (k->node->n_arg > 2)
            v = v + su_f(k->in[2].w[i]);
        y[i] = su_eval_fixed(k, v);
    }
}

static void rmsnorm(struct su_kernel *k, const uint32_t *x, uint32_t *y, uint32_t n)
{
    float r = inverse_deviation(k, x, n, 0.0f), offset = su_eval_attr_f(k, 1);
    for (uint32_t i = 0; i < n; i++) {
        float v = su_f(x[i]) * r;
        if (k->node->n_arg > 1)
            v = v * (su_f(k->in[1].w[i]) + offset);
        y[i] = su_eval_fixed(k, v);
    }
}

static void softmax(struct su_kernel *k, const uint32_t *x, uint32_t *y, uint32_t n)
{
    uint32_t m = x[0];
    for (uint32_t i = 1; i < n; i++)
        if (su_eval_order(SU_F32, x[i]) > su_eval_order(SU_F32, m))
            m = x[i];
    float lane[SU_LANES] = {0};
    for (uint32_t i = 0; i < n; i++) {
        float e = su_num_exp(su_num_fix(su_f(x[i]) - su_f(m)));
        lane[i % SU_LANES] = lane[i % SU_LANES] + e;
        y[i] = su_f32_bits(e);
    }
    float r = su_num_recip(su_num_tree(lane));
    for (uint32_t i = 0; i < n; i++)
        y[i] = su_eval_fixed(k, su_f(y[i]) * r);
}

void su_eval_layernorm(struct su_kernel *k)
{
    each_line(k, layernorm);
}

void su_eval_rmsnorm(struct su_kernel *k)
{
    each_line(k, rmsnorm);
}

void su_eval_softmax(struct su_kernel *k)
{
    each_line(k, softmax);
}
