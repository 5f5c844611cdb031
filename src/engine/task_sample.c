// SPDX-License-Identifier: MIT
/* Tasks that end in the op sample: the device computes the logits, the host draws the token (rule N12
   of splitup-numerics(7)). */
#include "task_priv.h"

#include <stdlib.h>
#include <string.h>

/* How a session draws, and the tokens that count for its repeat penalty. */
struct su_task_voice {
    struct su_sampling sampling;
    uint32_t *token; /* those of the prompt, then the drawn ones */
    uint32_t n, cap, n_prompt;
};

/* ---- the graph of the device ------------------------------------------------------------------ */

static enum su_code copy_record(const struct su_graph *g, uint32_t record, uint32_t *id,
                                struct su_graph *to, struct su_err *e)
{
    if (record & 0x80000000u) {
        uint32_t i = record & 0x7fffffffu;
        const struct su_value *v = &g->value[i];
        if (v->kind == SU_VALUE_INPUT)
            return su_graph_add_input(to, v->name, v->domain, v->dtype, &v->shape, &id[i], e);
        if (v->kind == SU_VALUE_WEIGHT)
            return su_graph_add_weight(to, v->name, v->dtype, &v->shape, v->first_row, &id[i], e);
        return su_graph_add_state(to, v->name, &v->shape, &id[i], e);
    }
    const struct su_node *n = &g->node[record];
    uint32_t arg[SU_GRAPH_ARG_MAX], first;
    for (uint32_t a = 0; a < n->n_arg; a++) {
        arg[a] = id[n->arg[a]];
        if (arg[a] == UINT32_MAX)
            return su_fail(e, SU_EUNSUPPORTED, su_op_name(n->op),
                           "takes a drawn token; only the end of a task can draw one");
    }
    enum su_code rc = su_graph_add_node(to, n->op, arg, n->n_arg, n->attr, n->n_attr, n->data,
                                        n->data_bytes, &first, e);
    for (uint32_t o = 0; rc == SU_OK && o < n->n_out; o++)
        id[n->first_out + o] = first + o;
    return rc;
}

/* Outputs in their places, logits for the token; the witness behind them, unless it is there. */
static enum su_code copy_outputs(struct su_task *t, const uint32_t *id, struct su_err *e)
{
    const struct su_graph *g = t->graph;
    enum su_code rc = SU_OK;

    for (uint32_t o = 0; rc == SU_OK && o < g->n_output; o++) {
        uint32_t value = g->output[o].value;
        bool witness = t->has_witness && o + 1 == g->n_output;
        if (o == t->sample_at)
            value = g->node[g->value[value].node].arg[0];
        for (uint32_t k = 0; witness && k < t->device->n_output; k++)
            if (t->device->output[k].value == id[value]) {
                t->witness_at = k;
                return SU_OK;
            }
        rc = su_graph_add_output(t->device, g->output[o].name, id[value], e);
    }
    return rc;
}

enum su_code su_task_device_graph(struct su_task *t, struct su_err *e)
{
    const struct su_graph *g = t->graph;
    uint32_t n_sample = 0;

    t->sample_at = UINT32_MAX;
    t->witness_at = g->n_output - 1;
    t->device = t->graph;
    for (uint32_t i = 0; i < g->n_node; i++)
        n_sample += g->node[i].op == SU_OP_SAMPLE;
    if (n_sample == 0)
        return SU_OK;
    for (uint32_t o = 0; o < g->n_output - t->has_witness; o++) {
        const struct su_value *v = &g->value[g->output[o].value];
        if (v->kind == SU_VALUE_NODE && g->node[v->node].op == SU_OP_SAMPLE)
            t->sample_at = o;
    }
    if (n_sample > 1 || t->sample_at == UINT32_MAX)
        return su_fail(e, SU_EUNSUPPORTED, "sample", "a task may draw one token, as an output");
    uint32_t *id = su_try_alloc(g->n_value, sizeof *id);
    t->device = su_graph_new();
    enum su_code rc = id && t->device ? SU_OK : su_fail(e, SU_ENOMEM, "sample", "out of memory");
    for (uint32_t i = 0; rc == SU_OK && i < g->n_value; i++)
        id[i] = UINT32_MAX;
    for (uint32_t i = 0; rc == SU_OK && i < g->n_record; i++)
        if ((g->record[i] & 0x80000000u) || g->node[g->record[i]].op != SU_OP_SAMPLE)
            rc = copy_record(g, g->record[i], id, t->device, e);
    if (rc == SU_OK)
        rc = copy_outputs(t, id, e);
    if (rc == SU_OK)
        rc = su_graph_check(t->device, e);
    free(id);
    return rc;
}

/* ---- sessions --------------------------------------------------------------------------------- */

void su_task_voice_fini(struct su_task *t, uint32_t session)
{
    struct su_task_voice **v = &t->voice[session];

    if (!*v)
        return;
    free((*v)->token);
    free(*v);
    *v = NULL;
}

enum su_code su_task_session_draw(struct su_task *t, uint32_t session, const struct su_draw *d,
                                  struct su_err *e)
{
    float logit = 0.0f;
    uint32_t token;

    if (t->sample_at == UINT32_MAX)
        return SU_OK;
    enum su_code rc = su_sample(&d->sampling, &logit, 1, NULL, 0, 0, &token, e);
    if (rc == SU_OK && d->n_prompt == 0)
        rc = su_fail(e, SU_EINVAL, "draw", "the prompt has no token");
    if (rc)
        return su_task_fail(t, rc, e);
    struct su_task_voice *v = su_try_alloc(1, sizeof *v);
    uint32_t *prompt = su_try_alloc(d->n_prompt, sizeof *prompt);
    if (!v || !prompt) {
        free(v);
        free(prompt);
        return su_task_fail(t, su_fail(e, SU_ENOMEM, "draw", "%u tokens of a prompt", d->n_prompt),
                            e);
    }
    v->token = prompt;
    v->sampling = d->sampling;
    v->n = v->cap = v->n_prompt = d->n_prompt;
    memcpy(v->token, d->prompt, d->n_prompt * sizeof *v->token);
    su_task_voice_fini(t, session);
    t->voice[session] = v;
    return SU_OK;
}

/* Behind step `length - 1` one more token is known than there are steps. */
void su_task_voice_truncate(struct su_task *t, uint32_t session, uint32_t length)
{
    struct su_task_voice *v = t->voice[session];

    if (v)
        v->n = SU_MIN(v->n, SU_MAX(v->n_prompt, length + 1));
}

static enum su_code keep(struct su_task_voice *v, uint32_t token, struct su_err *e)
{
    if (v->n == v->cap) {
        uint32_t cap = 2 * v->cap;
        uint32_t *grown = realloc(v->token, cap * sizeof *grown);
        if (!grown)
            return su_fail(e, SU_ENOMEM, "draw", "%u tokens", cap);
        v->token = grown;
        v->cap = cap;
    }
    v->token[v->n++] = token;
    return SU_OK;
}

static enum su_code draw_row(struct su_task *t, const struct su_row *row, const float *logits,
                             uint32_t vocabulary, int32_t *out, struct su_err *e)
{
    struct su_task_voice *v = t->voice[row->session];
    uint32_t token;

    if (!v)
        return su_fail(e, SU_EINVAL, "draw", "session %u was not told how", row->session);
    if (row->position + 1 != v->n)
        return su_fail(e, SU_EINVAL, "draw", "step %u draws token %u, and %u are known",
                       row->position, row->position + 1, v->n);
    enum su_code rc =
        su_sample(&v->sampling, logits, vocabulary, v->token, v->n, row->position + 1, &token, e);
    *out = (int32_t)token;
    return rc ? rc : keep(v, token, e);
}

enum su_code su_task_draw(struct su_task *t, const struct su_row *row, uint32_t n_row,
                          uint32_t n_emit, struct su_task_result *r, struct su_err *e)
{
    if (t->sample_at == UINT32_MAX)
        return SU_OK;
    const struct su_graph *g = t->device;
    uint32_t vocabulary = g->value[g->output[t->sample_at].value].shape.dim[0];
    const float *logits = r->held.output[t->sample_at];
    int32_t *token = su_try_alloc(SU_MAX(n_emit, 1u), sizeof *token);
    enum su_code rc = token ? SU_OK : su_fail(e, SU_ENOMEM, "draw", "%u tokens", n_emit);
    uint32_t at = 0;

    for (uint32_t i = 0; rc == SU_OK && i < n_row; i++) {
        if (!row[i].emit)
            continue;
        rc = draw_row(t, &row[i], logits + (size_t)at * vocabulary, vocabulary, &token[at], e);
        at++;
    }
    if (rc) {
        free(token);
        return rc;
    }
    r->logits = r->held.output[t->sample_at];
    r->held.output[t->sample_at] = token;
    r->held.output_bytes[t->sample_at] = n_emit * sizeof *token;
    return SU_OK;
}

const void *su_task_witness_rows(const struct su_task *t, const struct su_task_result *r)
{
    return t->witness_at == t->sample_at ? r->logits : r->held.output[t->witness_at];
}

/* ---- parameters ------------------------------------------------------------------------------- */

static const char magic[4] = {'S', 'U', 'G', '1'};
enum { PARAMS_BYTES = 28 };

static uint32_t bits_of(float x)
{
    return su_f32_bits(x);
}

void su_draw_encode(const struct su_sampling *s, uint8_t out[SU_DRAW_PARAMS_BYTES])
{
    _Static_assert(PARAMS_BYTES == SU_DRAW_PARAMS_BYTES, "as the header says");
    memcpy(out, magic, sizeof magic);
    su_put_le32(out + 4, bits_of(s->temperature));
    su_put_le32(out + 8, s->top_k);
    su_put_le32(out + 12, bits_of(s->top_p));
    su_put_le32(out + 16, bits_of(s->min_p));
    su_put_le32(out + 20, bits_of(s->repeat_penalty));
    su_put_le32(out + 24, s->repeat_last);
}

enum su_code su_draw_decode(const void *params, size_t n, uint64_t seed, struct su_sampling *out,
                            struct su_err *e)
{
    const uint8_t *p = params;
    float logit = 0.0f;
    uint32_t token;

    if (n != PARAMS_BYTES || memcmp(p, magic, sizeof magic) != 0)
        return su_fail(e, SU_EFORMAT, "parameters",
                       "%zu bytes that are no sampling options; those are %d", n, PARAMS_BYTES);
    *out = (struct su_sampling){.temperature = su_f32_from_bits(su_le32(p + 4)),
                                .top_k = su_le32(p + 8),
                                .top_p = su_f32_from_bits(su_le32(p + 12)),
                                .min_p = su_f32_from_bits(su_le32(p + 16)),
                                .repeat_penalty = su_f32_from_bits(su_le32(p + 20)),
                                .repeat_last = su_le32(p + 24),
                                .seed = seed};
    return su_sample(out, &logit, 1, NULL, 0, 0, &token, e);
}
