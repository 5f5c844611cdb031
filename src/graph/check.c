// SPDX-License-Identifier: MIT
#include "graph_priv.h"

#include <inttypes.h>
#include <stdlib.h>

static const char *kind_name(enum su_value_kind kind)
{
    return kind == SU_VALUE_INPUT ? "input" : kind == SU_VALUE_WEIGHT ? "weight" : "state";
}

static void count_uses(struct su_graph *g)
{
    for (uint32_t i = 0; i < g->n_value; i++)
        g->value[i].uses = 0;
    for (uint32_t i = 0; i < g->n_node; i++) {
        for (uint32_t k = 0; k < g->node[i].n_arg; k++)
            g->value[g->node[i].arg[k]].uses++;
    }
    for (uint32_t i = 0; i < g->n_output; i++)
        g->value[g->output[i].value].uses++;
}

static enum su_code check_used(const struct su_graph *g, struct su_err *e)
{
    for (uint32_t i = 0; i < g->n_value; i++) {
        const struct su_value *v = &g->value[i];
        if (v->kind != SU_VALUE_NODE && v->uses == 0)
            return su_fail(e, SU_EINVAL, v->name, "%s %" PRIu32 " is never used",
                           kind_name(v->kind), i);
    }
    for (uint32_t i = 0; i < g->n_node; i++) {
        const struct su_node *n = &g->node[i];
        uint32_t uses = 0;
        for (uint32_t k = 0; k < n->n_out; k++)
            uses += g->value[n->first_out + k].uses;
        if (uses == 0)
            return su_fail(e, SU_EINVAL, NULL,
                           "node %" PRIu32 " (%s): its result, value %" PRIu32 ", is never used", i,
                           su_op_name(n->op), n->first_out);
    }
    return SU_OK;
}

/* An append changes the state in place, so what it was before has no reader from then on. */
static enum su_code check_states(const struct su_graph *g, struct su_err *e)
{
    uint32_t *appended_by = su_try_alloc(g->n_value, sizeof *appended_by); /* node + 1 */
    enum su_code c = SU_OK;

    if (!appended_by)
        return su_fail(e, SU_ENOMEM, "graph", "out of memory");
    for (uint32_t i = 0; i < g->n_node && !c; i++) {
        const struct su_node *n = &g->node[i];
        for (uint32_t k = 0; k < n->n_arg && !c; k++) {
            uint32_t by = appended_by[n->arg[k]];
            if (by)
                c = su_fail(e, SU_EINVAL, NULL,
                            "node %" PRIu32 " (%s): argument %" PRIu32
                            " is the state as it was before node %" PRIu32
                            " appended to it; use the result of that append",
                            i, su_op_name(n->op), k, by - 1);
        }
        if (n->op == SU_OP_STATE_APPEND)
            appended_by[n->arg[1]] = i + 1;
    }
    free(appended_by);
    return c;
}

enum su_code su_graph_check(struct su_graph *g, struct su_err *e)
{
    enum su_code c;

    g->checked = false;
    if (g->n_output == 0)
        return su_fail(e, SU_EINVAL, "graph", "there is no output");
    count_uses(g);
    if ((c = check_used(g, e)) || (c = check_states(g, e)))
        return c;
    g->checked = true;
    return SU_OK;
}
