// SPDX-License-Identifier: MIT
#include "model_priv.h"

/* Records are repeated in their order, so value ids stay what they were. */
static enum su_code repeat(const struct su_graph *g, uint32_t record, struct su_graph *to,
                           struct su_err *e)
{
    uint32_t id;

    if (!(record & 0x80000000u)) {
        const struct su_node *n = &g->node[record];
        return su_graph_add_node(to, n->op, n->arg, n->n_arg, n->attr, n->n_attr, n->data,
                                 n->data_bytes, &id, e);
    }
    const struct su_value *v = &g->value[record & 0x7fffffffu];
    if (v->kind == SU_VALUE_INPUT)
        return su_graph_add_input(to, v->name, v->domain, v->dtype, &v->shape, &id, e);
    if (v->kind == SU_VALUE_WEIGHT)
        return su_graph_add_weight(to, v->name, v->dtype, &v->shape, v->first_row, &id, e);
    return su_graph_add_state(to, v->name, &v->shape, &id, e);
}

static bool gives_logits(const struct su_graph *g)
{
    const struct su_value *v = g->n_output == 1 ? &g->value[g->output[0].value] : NULL;

    return v && v->dtype == SU_F32 && v->domain == SU_EMIT && v->shape.rank == 1;
}

enum su_code su_model_generator(const struct su_graph *g, struct su_graph **out, struct su_err *e)
{
    enum su_code rc = SU_OK;
    uint32_t token;

    *out = NULL;
    if (!gives_logits(g))
        return su_fail(e, SU_ETYPE, "generator",
                       "the graph does not end in one row of logits for each emitted position");
    struct su_graph *to = su_graph_new();
    if (!to)
        return su_fail(e, SU_ENOMEM, "generator", "out of memory");
    for (uint32_t i = 0; rc == SU_OK && i < g->n_record; i++)
        rc = repeat(g, g->record[i], to, e);
    if (rc == SU_OK)
        rc = su_graph_add_node(to, SU_OP_SAMPLE, &g->output[0].value, 1, NULL, 0, NULL, 0, &token,
                               e);
    if (rc == SU_OK)
        rc = su_graph_add_output(to, "token", token, e);
    if (rc == SU_OK)
        rc = su_graph_check(to, e);
    if (rc) {
        su_graph_free(to);
        return rc;
    }
    *out = to;
    return SU_OK;
}
