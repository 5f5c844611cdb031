// SPDX-License-Identifier: MIT
#include "cli_priv.h"

#include <stdlib.h>
#include <string.h>

/* What a token's attention is taken to look at, as su_node_macs takes it. */
#define POSITIONS 1024u

/* ---- links ----------------------------------------------------------------------------------- */

struct unit {
    const char *name;
    double factor;
};

/* A positive number and one of the units; true with *out set. */
static bool quantity(const char *word, size_t len, const struct unit *unit, size_t n, double *out)
{
    char text[32], *end;
    if (len == 0 || len >= sizeof text || !strchr("0123456789.", word[0]))
        return false;
    memcpy(text, word, len);
    text[len] = '\0';
    double v = strtod(text, &end);
    for (size_t i = 0; i < n; i++) {
        if (strcmp(end, unit[i].name) == 0 && v >= 0.0 && v <= 1e9) {
            *out = v * unit[i].factor;
            return true;
        }
    }
    return false;
}

enum su_code cli_link_parse(const char *text, struct cli_link *l, struct su_err *e)
{
    static const struct unit rate[] = {{"Kb", 1e3}, {"Mb", 1e6}, {"Gb", 1e9}};
    static const struct unit delay[] = {{"us", 1e-6}, {"ms", 1e-3}, {"s", 1.0}};
    bool seen[2] = {false, false};
    for (const char *at = text;; at++) {
        size_t len = strcspn(at, ",");
        double v;
        bool is_rate = quantity(at, len, rate, SU_ARRAY_LEN(rate), &v) && v > 0.0;
        if ((!is_rate && !quantity(at, len, delay, SU_ARRAY_LEN(delay), &v)) || seen[is_rate])
            return su_fail(e, SU_EINVAL, "--link",
                           "%s is no link; give a rate and a delay like "
                           "1Gb,20ms",
                           text);
        seen[is_rate] = true;
        *(is_rate ? &l->bits_per_second : &l->seconds) = v;
        at += len;
        if (*at == '\0')
            return SU_OK;
    }
}

/* ---- tokens per second ----------------------------------------------------------------------- */

/* Bytes of a weight on a device: halves stand there as floats. */
static double weight_bytes(const struct su_value *v)
{
    double n = (double)su_shape_elements(&v->shape);
    if (!su_dtype_is_block(v->dtype))
        return 4.0 * n;
    return n / su_dtype_block_elements(v->dtype) * su_dtype_block_bytes(v->dtype);
}

/* The share of an argument that one row makes a node read. */
static double share_read(const struct su_graph *g, const struct su_node *n, uint32_t arg)
{
    const struct su_value *v = &g->value[n->arg[arg]];
    if (n->op == SU_OP_EMBEDDING)
        return arg == 0 ? 1.0 / v->shape.dim[0] : 1.0;
    if (n->op == SU_OP_QMATMUL_ID && arg == 1)
        return (double)g->value[n->arg[2]].shape.dim[0] / v->shape.dim[0];
    return 1.0;
}

static double bytes_read(const struct su_plan *p, const struct su_graph *g)
{
    double sum = 0.0;
    for (uint32_t i = 0; i < g->n_node; i++) {
        const struct su_node *n = &g->node[i];
        for (uint32_t k = 0; k < n->n_arg; k++) {
            const struct su_value *v = &g->value[n->arg[k]];
            if (v->kind == SU_VALUE_WEIGHT) {
                sum += share_read(g, n, k) * weight_bytes(v);
            } else if (n->op == SU_OP_ATTENTION && su_value_is_state(v)) {
                uint32_t window = (uint32_t)n->attr[4], seen = SU_MIN(POSITIONS, p->ctx);
                if (window > 0)
                    seen = SU_MIN(seen, window);
                sum += 2.0 * seen * (double)su_shape_elements(&v->shape);
            }
        }
    }
    return sum;
}

struct cli_estimate cli_estimate_token(const struct su_plan *p, const struct cli_link *l)
{
    struct cli_estimate t = {0};
    double done[SU_PLAN_TASK_MAX];
    for (uint32_t i = 0; i < p->n_task; i++) {
        const struct su_plan_task *task = &p->task[i];
        double bytes = bytes_read(p, task->graph), own = bytes / l->bytes_per_second;
        double begin = 0.0, wire = 0.0;
        for (uint32_t k = 0; k < task->graph->n_input; k++) {
            uint32_t from = task->input[k].from_task;
            if (from == SU_PLAN_EXTERNAL)
                continue;
            wire += 8.0 * (double)su_value_row_bytes(&task->graph->value[task->graph->input[k]]) /
                    l->bits_per_second;
            begin = SU_MAX(begin, done[from] + l->seconds);
        }
        done[i] = begin + wire + own;
        t.bytes_read += (uint64_t)bytes;
        t.token_seconds = SU_MAX(t.token_seconds, done[i]);
        t.slowest_seconds = SU_MAX(t.slowest_seconds, SU_MAX(own, wire));
    }
    if (p->n_task > 1)
        t.token_seconds += l->seconds;
    t.token_seconds = SU_MAX(t.token_seconds, 1e-9);
    t.slowest_seconds = SU_MAX(t.slowest_seconds, 1e-9);
    return t;
}
