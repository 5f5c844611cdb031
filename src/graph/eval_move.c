// SPDX-License-Identifier: MIT
/* Movement: elements keep their bits. */
#include "eval_priv.h"

void su_eval_strides(const struct su_shape *s, int64_t stride[SU_GRAPH_RANK_MAX])
{
    int64_t step = 1;
    for (uint32_t i = s->rank; i-- > 0;) {
        stride[i] = step;
        step *= s->dim[i];
    }
}

uint64_t su_eval_span(const struct su_shape *s, uint32_t from, uint32_t to)
{
    uint64_t n = 1;
    for (uint32_t i = from; i < to; i++)
        n *= s->dim[i];
    return n;
}

static void copy_axis(uint32_t *dst, const int64_t *ds, const uint32_t *src, const int64_t *ss,
                      const struct su_shape *dims, uint32_t axis)
{
    if (axis == dims->rank) {
        *dst = *src;
        return;
    }
    int64_t n = dims->dim[axis];
    if (axis + 1 == dims->rank) {
        for (int64_t i = 0; i < n; i++)
            dst[i * ds[axis]] = src[i * ss[axis]];
        return;
    }
    for (int64_t i = 0; i < n; i++)
        copy_axis(dst + i * ds[axis], ds, src + i * ss[axis], ss, dims, axis + 1);
}

void su_eval_copy(uint32_t *dst, const int64_t *dst_stride, const uint32_t *src,
                  const int64_t *src_stride, const struct su_shape *dims)
{
    copy_axis(dst, dst_stride, src, src_stride, dims, 0);
}

/* The output is read from the input at `base`, stepping by ss. */
static void read_strided(struct su_kernel *k, int64_t base, const int64_t *ss)
{
    int64_t ds[SU_GRAPH_RANK_MAX];
    su_eval_strides(k->out[0].shape, ds);
    su_eval_copy(k->out[0].w, ds, k->in[0].w + base, ss, k->out[0].shape);
}

void su_eval_same(struct su_kernel *k)
{
    memcpy(k->out[0].w, k->in[0].w, su_shape_elements(k->out[0].shape) * sizeof(uint32_t));
}

void su_eval_permute(struct su_kernel *k)
{
    int64_t is[SU_GRAPH_RANK_MAX], ss[SU_GRAPH_RANK_MAX];
    su_eval_strides(k->in[0].shape, is);
    for (uint32_t j = 0; j < k->out[0].shape->rank; j++)
        ss[j] = is[k->node->attr[j]];
    read_strided(k, 0, ss);
}

void su_eval_expand(struct su_kernel *k)
{
    int64_t ss[SU_GRAPH_RANK_MAX];
    su_eval_strides(k->in[0].shape, ss);
    for (uint32_t i = 0; i < k->in[0].shape->rank; i++)
        if (k->in[0].shape->dim[i] == 1)
            ss[i] = 0;
    read_strided(k, 0, ss);
}

void su_eval_pad(struct su_kernel *k)
{
    const struct su_shape *in = k->in[0].shape, *out = k->out[0].shape;
    int64_t is[SU_GRAPH_RANK_MAX], os[SU_GRAPH_RANK_MAX], base = 0;
    su_eval_strides(in, is);
    su_eval_strides(out, os);
    for (uint32_t i = 0; i < in->rank; i++)
        base += os[i] * k->node->attr[2 * i];
    memset(k->out[0].w, 0, su_shape_elements(out) * sizeof(uint32_t));
    su_eval_copy(k->out[0].w + base, os, k->in[0].w, is, in);
}

void su_eval_shrink(struct su_kernel *k)
{
    int64_t ss[SU_GRAPH_RANK_MAX], base = 0;
    su_eval_strides(k->in[0].shape, ss);
    for (uint32_t i = 0; i < k->in[0].shape->rank; i++)
        base += ss[i] * k->node->attr[2 * i];
    read_strided(k, base, ss);
}

void su_eval_flip(struct su_kernel *k)
{
    int64_t ss[SU_GRAPH_RANK_MAX], base = 0;
    su_eval_strides(k->in[0].shape, ss);
    for (uint32_t i = 0; i < k->in[0].shape->rank; i++) {
        if ((uint32_t)k->node->attr[0] >> i & 1u) {
            base += ss[i] * ((int64_t)k->in[0].shape->dim[i] - 1);
            ss[i] = -ss[i];
        }
    }
    read_strided(k, base, ss);
}

void su_eval_concat(struct su_kernel *k)
{
    int64_t is[SU_GRAPH_RANK_MAX], os[SU_GRAPH_RANK_MAX], base = 0;
    uint32_t axis = (uint32_t)k->node->attr[0];
    su_eval_strides(k->out[0].shape, os);
    for (uint32_t a = 0; a < k->node->n_arg; a++) {
        su_eval_strides(k->in[a].shape, is);
        su_eval_copy(k->out[0].w + base, os, k->in[a].w, is, k->in[a].shape);
        base += os[axis] * k->in[a].shape->dim[axis];
    }
}

void su_eval_slice(struct su_kernel *k)
{
    const int32_t *attr = k->node->attr;
    int64_t ss[SU_GRAPH_RANK_MAX];
    su_eval_strides(k->in[0].shape, ss);
    int64_t base = ss[attr[0]] * attr[1];
    ss[attr[0]] *= attr[3];
    read_strided(k, base, ss);
}
