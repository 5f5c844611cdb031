// SPDX-License-Identifier: MIT
#include "plan_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME "witness"

/* Marks, among the values that are no result of a reshape, those whose bytes come in or go out. */
static void mark_ports(const struct su_graph *g, uint32_t *behind, bool *sent)
{
    for (uint32_t i = 0; i < g->n_value; i++) {
        const struct su_value *v = &g->value[i];
        bool shared = v->kind == SU_VALUE_NODE && g->node[v->node].op == SU_OP_RESHAPE;
        behind[i] = shared ? behind[g->node[v->node].arg[0]] : i;
        sent[i] = v->kind != SU_VALUE_NODE;
    }
    for (uint32_t i = 0; i < g->n_output; i++)
        sent[behind[g->output[i].value]] = true;
}

uint32_t su_plan_witness(const struct su_graph *g)
{
    uint32_t *behind = su_alloc(SU_MAX(g->n_value, 1u) * sizeof *behind);
    bool *sent = su_alloc(SU_MAX(g->n_value, 1u) * sizeof *sent);
    uint32_t found = UINT32_MAX;
    mark_ports(g, behind, sent);
    for (uint32_t i = g->n_node; i-- > 0 && found == UINT32_MAX;) {
        const struct su_node *n = &g->node[i];
        for (uint32_t o = n->n_out; o-- > 0;) {
            uint32_t id = n->first_out + o;
            const struct su_value *v = &g->value[id];
            if (v->domain != SU_FIXED && su_dtype_is_value(v->dtype) && !sent[behind[id]])
                found = id;
        }
    }
    free(behind);
    free(sent);
    return found;
}

/* A name that no output has. */
static void free_name(const struct su_graph *g, char *out, size_t cap)
{
    uint32_t turn = 0;
    bool taken = true;
    while (taken) {
        if (turn == 0)
            su_str_copy(out, cap, NAME);
        else
            snprintf(out, cap, NAME ".%u", (unsigned)turn);
        taken = false;
        for (uint32_t i = 0; i < g->n_output; i++)
            taken |= strcmp(g->output[i].name, out) == 0;
        turn++;
    }
}

enum su_code su_plan_with_witness(const struct su_graph *g, struct su_graph **out, struct su_err *e)
{
    struct su_buf bytes;
    uint32_t witness = su_plan_witness(g);
    char name[32];
    *out = NULL;
    su_buf_init(&bytes, 0);
    enum su_code rc = su_graph_encode(g, &bytes, e);
    if (rc == SU_OK)
        rc = su_buf_check(&bytes, "witness", e);
    if (rc == SU_OK)
        rc = su_graph_decode(bytes.data, bytes.len, out, e);
    su_buf_fini(&bytes);
    if (rc == SU_OK && witness != UINT32_MAX) {
        free_name(g, name, sizeof name);
        rc = su_graph_add_output(*out, name, witness, e);
        if (rc == SU_OK)
            rc = su_graph_check(*out, e);
    }
    if (rc != SU_OK) {
        su_graph_free(*out);
        *out = NULL;
    }
    return rc;
}
