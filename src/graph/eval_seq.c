// SPDX-License-Identifier: MIT
/* Sequence models: rotary positions, states, attention (N8), routing among experts. */
#include "eval_priv.h"

#include "session.h"

/* ---- rope -------------------------------------------------------------------------------------------------- */

uint64_t su_eval_rope_scratch(const struct su_kernel *k)
{
    return (uint64_t)(uint32_t)k->node->attr[1] * sizeof(float);
}

void su_eval_rope(struct su_kernel *k)
{
    const struct su_shape *s = k->in[0].shape;
    uint32_t dims = (uint32_t)k->node->attr[1], last = s->dim[s->rank - 1];
    bool halves = k->node->attr[0] == 1;
    float *turn = k->scratch;
    const float *factors = k->node->n_arg > 1 ? (const float *)(const void *)k->in[1].w : NULL;
    su_rope_turns(k->node, factors, k->row->position, turn);
    uint64_t lines = su_eval_span(s, 0, s->rank - 1);
    for (uint64_t l = 0; l < lines; l++) {
        const uint32_t *x = k->in[0].w + l * last;
        uint32_t *y = k->out[0].w + l * last;
        memcpy(y, x, last * sizeof *y);
        for (uint32_t i = 0; i < dims / 2; i++) {
            uint32_t a = halves ? i : 2 * i, b = halves ? i + dims / 2 : 2 * i + 1;
            float c = turn[2 * i], t = turn[2 * i + 1], x0 = su_f(x[a]), x1 = su_f(x[b]);
            float p = x0 * c, q = x1 * t;
            y[a] = su_eval_fixed(k, p - q);
            p = x0 * t;
            q = x1 * c;
            y[b] = su_eval_fixed(k, p + q);
        }
    }
}

/* ---- state ------------------------------------------------------------------------------------------------- */

static uint16_t *state_at(const struct su_kernel *k, uint32_t arg, uint32_t position)
{
    uint64_t row = su_shape_elements(k->in[arg].shape);
    return k->session->state[k->in[arg].state] + position * row;
}

void su_eval_state_append(struct su_kernel *k)
{
    uint64_t n = su_shape_elements(k->in[0].shape);
    uint16_t *at = state_at(k, 1, k->row->position);
    for (uint64_t i = 0; i < n; i++)
        at[i] = su_num_to_f16(su_f(k->in[0].w[i]));
}

/* ---- attention --------------------------------------------------------------------------------------------- */

/* e rounded to 13 significant bits, to nearest even: its products with halves are exact. */
static float round13(float e)
{
    uint32_t u = su_f32_bits(e);
    u = u + 0x3ffu + (u >> 11 & 1u);
    return su_f(u & ~0x7ffu);
}

/* What has been seen of the positions so far. */
struct seen {
    float m, l;
    float *o;
};

static float score_of(struct su_kernel *k, const float *q, const uint16_t *key, uint32_t dim)
{
    float dot = 0.0f, cap = su_eval_attr_f(k, 5);
    for (uint32_t i = 0; i < dim; i++) {
        float p = q[i] * su_num_from_f16(key[i]);
        dot = dot + p;
    }
    dot = dot * su_eval_attr_f(k, 3);
    if (su_f32_bits(cap) != 0) {
        dot = su_num_tanh(su_num_fix(dot * su_num_recip(cap)));
        dot = cap * dot;
    }
    return su_num_fix(dot);
}

/* Positions [from, to) of one segment of 256, alone. score has room for them. */
static struct seen segment(struct su_kernel *k, const float *q, uint32_t kv_head, uint32_t from,
                           uint32_t to, float *score, float *o)
{
    uint32_t dim = (uint32_t)k->node->attr[2];
    uint32_t best = 0;
    for (uint32_t p = from; p < to; p++) {
        score[p - from] = score_of(k, q, state_at(k, 1, p) + (uint64_t)kv_head * dim, dim);
        uint32_t key = su_num_key(score[p - from]);
        best = key > best ? key : best;
    }
    struct seen s = {.m = su_f(best & 0x80000000u ? best ^ 0x80000000u : ~best), .o = o};
    float lane[SU_LANES] = {0};
    memset(o, 0, dim * sizeof *o);
    for (uint32_t p = from; p < to; p++) {
        float e = round13(su_num_exp(score[p - from] - s.m));
        const uint16_t *v = state_at(k, 2, p) + (uint64_t)kv_head * dim;
        lane[p % SU_LANES] = lane[p % SU_LANES] + e;
        for (uint32_t i = 0; i < dim; i++) {
            float x = e * su_num_from_f16(v[i]);
            o[i] = o[i] + x;
        }
    }
    s.l = su_num_tree(lane);
    return s;
}

static void merge(struct seen *a, const struct seen *b, uint32_t dim)
{
    float m = su_num_key(b->m) > su_num_key(a->m) ? b->m : a->m;
    float ea = su_num_exp(a->m - m), eb = su_num_exp(b->m - m);
    float x = a->l * ea, y = b->l * eb;
    a->l = x + y;
    for (uint32_t i = 0; i < dim; i++) {
        x = a->o[i] * ea;
        y = b->o[i] * eb;
        a->o[i] = x + y;
    }
    a->m = m;
}

uint64_t su_eval_attention_scratch(const struct su_kernel *k)
{
    return ((uint64_t)(uint32_t)k->node->attr[2] * 3 + SU_SEGMENT) * sizeof(float);
}

void su_eval_attention(struct su_kernel *k)
{
    uint32_t heads = (uint32_t)k->node->attr[0], group = heads / (uint32_t)k->node->attr[1];
    uint32_t dim = (uint32_t)k->node->attr[2], window = (uint32_t)k->node->attr[4];
    uint32_t end = k->row->position + 1, begin = window && end > window ? end - window : 0;
    float *q = k->scratch, *o = q + dim, *part = o + dim, *score = part + dim;
    for (uint32_t h = 0; h < heads; h++) {
        struct seen all = {.o = o};
        bool first = true;
        for (uint32_t i = 0; i < dim; i++)
            q[i] = su_num_from_f16(su_num_to_f16(su_f(k->in[0].w[(uint64_t)h * dim + i])));
        for (uint32_t p = begin; p < end;) {
            uint32_t to = SU_MIN(end, (p / SU_SEGMENT + 1) * SU_SEGMENT);
            struct seen s = segment(k, q, h / group, p, to, score, first ? o : part);
            if (first)
                all = s;
            else
                merge(&all, &s, dim);
            first = false;
            p = to;
        }
        float r = su_num_recip(all.l);
        for (uint32_t i = 0; i < dim; i++)
            k->out[0].w[(uint64_t)h * dim + i] = su_eval_fixed(k, o[i] * r);
    }
}

/* ---- experts ----------------------------------------------------------------------------------------------- */

uint64_t su_eval_moe_route_scratch(const struct su_kernel *k)
{
    return (uint64_t)(uint32_t)k->node->attr[0] * sizeof(float);
}

/* p = softmax of the logits; the `used` first by (logit descending, id ascending); renormalised by the N6 sum of theirs. */
void su_eval_moe_route(struct su_kernel *k)
{
    uint32_t n = (uint32_t)k->node->attr[0], used = (uint32_t)k->node->attr[1];
    const uint32_t *x = k->in[0].w;
    float *p = k->scratch, lane[SU_LANES] = {0}, chosen[SU_LANES] = {0};
    uint32_t best = x[0];
    for (uint32_t i = 1; i < n; i++)
        if (su_eval_order(SU_F32, x[i]) > su_eval_order(SU_F32, best))
            best = x[i];
    for (uint32_t i = 0; i < n; i++) {
        p[i] = su_num_exp(su_num_fix(su_f(x[i]) - su_f(best)));
        lane[i % SU_LANES] = lane[i % SU_LANES] + p[i];
    }
    float r = su_num_recip(su_num_tree(lane));
    for (uint32_t j = 0; j < used; j++) {
        uint32_t pick = UINT32_MAX;
        for (uint32_t i = 0; i < n; i++) {
            bool taken = false;
            for (uint32_t t = 0; t < j && !taken; t++)
                taken = k->out[1].w[t] == i;
            if (!taken && (pick == UINT32_MAX ||
                           su_eval_order(SU_F32, x[i]) > su_eval_order(SU_F32, x[pick])))
                pick = i;
        }
        k->out[1].w[j] = pick;
        k->out[0].w[j] = su_eval_fixed(k, p[pick] * r);
        chosen[j % SU_LANES] = chosen[j % SU_LANES] + su_f(k->out[0].w[j]);
    }
    if (!k->node->attr[2])
        return;
    r = su_num_recip(su_num_tree(chosen));
    for (uint32_t j = 0; j < used; j++)
        k->out[0].w[j] = su_eval_fixed(k, su_f(k->out[0].w[j]) * r);
}
