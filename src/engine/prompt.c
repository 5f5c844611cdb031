// SPDX-License-Identifier: MIT
/* What a model that generates asks of its tasks beyond running their steps. */
#include "engine_priv.h"

#include <stdlib.h>
#include <string.h>

#include "abi/abi.h"

/* The token that a task of the package draws; NULL: none does. */
static const struct su_value *drawn(const struct su_package *p, struct su_feedback *f)
{
    for (uint32_t t = 0; t < p->n_task; t++) {
        const struct su_graph *g = p->task[t].graph;
        for (uint32_t o = 0; o < g->n_output; o++) {
            const struct su_value *v = &g->value[g->output[o].value];
            if (v->kind != SU_VALUE_NODE || g->node[v->node].op != SU_OP_SAMPLE)
                continue;
            f->from_task = t;
            f->from_output = o;
            return v;
        }
    }
    return NULL;
}

bool su_package_feedback(const struct su_package *p, struct su_feedback *out)
{
    const struct su_value *token = drawn(p, out);

    for (uint32_t t = 0; token && t < p->n_task; t++) {
        const struct su_package_task *task = &p->task[t];
        for (uint32_t i = 0; i < task->graph->n_input; i++) {
            const struct su_value *v = &task->graph->value[task->graph->input[i]];
            if (task->input[i].from_task != SU_PLAN_EXTERNAL || v->dtype != token->dtype ||
                !su_shape_equal(&v->shape, &token->shape))
                continue;
            out->to_task = t;
            out->to_input = i;
            return true;
        }
    }
    *out = (struct su_feedback){0};
    return false;
}

enum su_code su_prompt_of(const struct su_package *p, const struct su_input *in, uint64_t seed,
                          struct su_prompt *out, struct su_err *e)
{
    const struct su_input_tensor *t = NULL;

    memset(out, 0, sizeof *out);
    if (!su_package_feedback(p, &out->feedback))
        return su_fail(e, SU_ENOENT, p->name, "the model does not generate");
    const struct su_graph *g = p->task[out->feedback.to_task].graph;
    const struct su_value *v = &g->value[g->input[out->feedback.to_input]];
    if (v->dtype != SU_I32 || su_value_row_bytes(v) != sizeof(uint32_t))
        return su_fail(e, SU_ETYPE, v->name, "its rows are no tokens");
    enum su_code rc = su_input_find(in, p, out->feedback.to_task, out->feedback.to_input, &t, e);
    if (rc == SU_OK)
        rc = su_draw_decode(in->params, in->params_bytes, seed, &out->draw.sampling, e);
    if (rc != SU_OK)
        return rc;
    out->steps = t->steps;
    out->draw.prompt = (const uint32_t *)(const void *)t->rows;
    out->draw.n_prompt = t->steps;
    return SU_OK;
}

bool su_prompt_emits(const struct su_prompt *p, uint32_t step)
{
    return step + 1 >= p->steps;
}

uint32_t su_prompt_first(const struct su_prompt *p, enum su_domain domain)
{
    return domain == SU_EMIT ? p->steps - 1 : 0;
}

static void hash(const struct su_part *parts, uint64_t n, uint8_t out[32])
{
    struct su_sha256 s;

    su_sha256_init(&s);
    for (uint64_t i = 0; i < n; i++)
        su_sha256_update(&s, parts[i].p, (size_t)parts[i].n);
    su_sha256_final(&s, out);
}

enum su_code su_prompt_roots(const struct su_prompt *p, uint32_t task, const struct su_trace *t,
                             const uint32_t *token, uint32_t steps, struct su_trace_roots *out,
                             struct su_err *e)
{
    uint32_t inputs, outputs;

    su_trace_roots(t, steps, out);
    if (!p || p->steps == 0 || task != p->feedback.to_task)
        return SU_OK;
    uint8_t *leaf = su_try_alloc(SU_MAX(steps, 1u), SU_SHA256_BYTES);
    if (!leaf)
        return su_fail(e, SU_ENOMEM, "roots", "the leaves of %u steps", steps);
    for (uint32_t s = 0; s < steps; s++) {
        const bool drawn_here = su_prompt_emits(p, s);
        const struct su_bytes part = {drawn_here ? &token[s + 1] : NULL, sizeof *token};
        su_leaf_digest(s, drawn_here ? &part : NULL, drawn_here,
                       leaf + (size_t)s * SU_SHA256_BYTES);
    }
    su_trace_leaves_root(leaf, steps, out->input[p->feedback.to_input]);
    free(leaf);
    su_trace_ports(t, &inputs, &outputs);
    su_msg_input_root(hash, (const uint8_t(*)[32])out->input, inputs, out->inputs);
    return SU_OK;
}
