// SPDX-License-Identifier: MIT
#include "vk_case.h"

#include "support/random_graph.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static char message[512];

static const char *say(const char *fmt, ...) SU_PRINTF(1, 2);
static const char *say(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(message, sizeof message, fmt, ap);
    va_end(ap);
    return message;
}

struct su_exec *vk_case_open(const struct su_exec_opts *opts)
{
    struct su_exec_opts o = opts ? *opts : (struct su_exec_opts){0};
    struct su_exec *x = NULL;
    struct su_err e = {0};
    o.backend = SU_BACKEND_VULKAN;
    if (su_exec_open(&o, &x, &e) != SU_OK)
        fprintf(stderr, "no Vulkan here: %s: %s\n", e.at, e.msg);
    return x;
}

static enum su_code read_weight(void *ctx, uint32_t weight, uint64_t offset, void *dst, size_t n,
                                struct su_err *e)
{
    const struct su_random_case *c = ctx;
    if (offset > c->weight_bytes[weight] || n > c->weight_bytes[weight] - offset)
        return su_fail(e, SU_EINTERNAL, "weight", "read beyond its end");
    memcpy(dst, (const uint8_t *)c->weight[weight] + offset, n);
    return SU_OK;
}

struct su_random_case *vk_case_of(struct su_graph *g, uint32_t n_row, uint64_t seed, bool mild)
{
    struct su_random_case *c = su_alloc(sizeof *c);
    c->graph = g;
    c->n_row = n_row;
    c->row = su_alloc(n_row * sizeof *c->row);
    for (uint32_t i = 0; i < n_row; i++)
        c->row[i] = (struct su_row){.session = i, .emit = i % 3 != 1};
    c->input = su_alloc((g->n_input + 1) * sizeof *c->input);
    c->input_bytes = su_alloc((g->n_input + 1) * sizeof *c->input_bytes);
    c->weight = su_alloc((g->n_weight + 1) * sizeof *c->weight);
    c->weight_bytes = su_alloc((g->n_weight + 1) * sizeof *c->weight_bytes);
    for (uint32_t i = 0; i < g->n_input; i++) {
        const struct su_value *v = &g->value[g->input[i]];
        uint64_t n = su_shape_elements(&v->shape) * (v->domain == SU_FIXED ? 1 : n_row);
        c->input_bytes[i] = (size_t)n * 4;
        c->input[i] = su_alloc((size_t)n * 4);
        su_random_fill(seed, i, v->dtype, n, mild, c->input[i]);
    }
    for (uint32_t i = 0; i < g->n_weight; i++) {
        const struct su_value *v = &g->value[g->weight[i]];
        uint64_t bytes = 0;
        SU_ASSERT(su_tensor_bytes(v->dtype, &v->shape, &bytes, NULL) == SU_OK);
        c->weight_bytes[i] = (size_t)bytes;
        c->weight[i] = su_alloc((size_t)bytes);
        su_random_fill(seed, 1000 + i, v->dtype, su_shape_elements(&v->shape), mild, c->weight[i]);
    }
    return c;
}

/* Compares rows [first, first + n) of every output. */
static const char *compare(const struct su_random_case *c, const struct su_eval *want,
                           const struct su_step_result *got, uint32_t first, uint32_t n)
{
    const struct su_graph *g = c->graph;
    uint32_t emitted_before = 0, emitted = 0;
    for (uint32_t i = 0; i < first + n; i++)
        *(i < first ? &emitted_before : &emitted) += c->row[i].emit;
    for (uint32_t o = 0; o < g->n_output; o++) {
        const struct su_value *v = &g->value[g->output[o].value];
        size_t bytes, row = (size_t)su_value_row_bytes(v);
        const uint8_t *w = su_eval_value(want, g->output[o].value, &bytes);
        uint32_t at = v->domain == SU_FIXED ? 0 : v->domain == SU_ROWS ? first : emitted_before;
        uint32_t rows = v->domain == SU_FIXED ? 1 : v->domain == SU_ROWS ? n : emitted;
        if (got->output_bytes[o] != rows * row)
            return say("output %u: %zu bytes, want %zu", o, got->output_bytes[o], rows * row);
        w += at * row;
        if (memcmp(w, got->output[o], rows * row) == 0)
            continue;
        for (size_t i = 0; i < rows * row / 4; i++) {
            uint32_t a = su_le32(w + 4 * i), b = su_le32((const uint8_t *)got->output[o] + 4 * i);
            if (a != b)
                return say("output %u (value %u, %s): row %zu element %zu is %08x, want %08x", o,
                           g->output[o].value,
                           v->kind == SU_VALUE_NODE ? su_op_name(g->node[v->node].op) : "source",
                           first + i / (row / 4), i % (row / 4), b, a);
        }
    }
    return NULL;
}

static enum su_code submit(struct su_stage *s, const struct su_random_case *c, uint32_t first,
                           uint32_t n, uint64_t *ticket, struct su_err *e)
{
    const void *in[SU_GRAPH_ARG_MAX * 4];
    uint32_t first_emit = 0;
    for (uint32_t i = 0; i < first; i++)
        first_emit += c->row[i].emit;
    for (uint32_t i = 0; i < c->graph->n_input; i++) {
        const struct su_value *v = &c->graph->value[c->graph->input[i]];
        size_t at = v->domain == SU_FIXED ? 0 : v->domain == SU_ROWS ? first : first_emit;
        in[i] = (const uint8_t *)c->input[i] + at * (size_t)su_value_row_bytes(v);
    }
    struct su_step step = {.row = c->row + first, .n_row = n, .input = in};
    return su_stage_submit(s, &step, ticket, e);
}

static const char *run_all(struct su_stage *s, const struct su_random_case *c,
                           const struct su_eval *want, uint32_t batch)
{
    struct su_err e = {0};
    uint32_t sent = 0, done = 0;
    uint64_t ticket[SU_STAGE_IN_FLIGHT];
    unsigned head = 0, tail = 0;
    uint64_t saturations = 0;
    while (done < c->n_row) {
        while (sent < c->n_row && head - tail < SU_STAGE_IN_FLIGHT) {
            uint32_t n = SU_MIN(batch, c->n_row - sent);
            if (submit(s, c, sent, n, &ticket[head % SU_STAGE_IN_FLIGHT], &e) != SU_OK)
                return say("submit: %s: %s", e.at, e.msg);
            head++;
            sent += n;
        }
        struct su_step_result r;
        if (su_stage_wait(s, ticket[tail++ % SU_STAGE_IN_FLIGHT], true, &r, &e) != SU_OK)
            return say("wait: %s: %s", e.at, e.msg);
        uint32_t n = SU_MIN(batch, c->n_row - done);
        const char *bad = compare(c, want, &r, done, n);
        saturations += r.saturations;
        su_step_result_fini(&r);
        if (bad)
            return bad;
        done += n;
    }
    if (batch >= c->n_row && saturations != su_eval_saturations(want))
        return say("%" PRIu64 " saturations, want %" PRIu64, saturations,
                   su_eval_saturations(want));
    return NULL;
}

/* Most rows that emit in one of the dispatches of t_max rows, at least 1. */
static uint32_t emitted(const struct su_random_case *c, uint32_t t_max)
{
    uint32_t most = 1, n = 0;
    for (uint32_t i = 0; i < c->n_row; i++) {
        n = (i % t_max ? n : 0) + c->row[i].emit;
        most = SU_MAX(most, n);
    }
    return most;
}

const char *vk_case_check(struct su_exec *x, const struct su_random_case *c, uint32_t batch)
{
    struct su_err e = {0};
    struct su_eval *want = NULL;
    struct su_eval_args args = {.row = c->row,
                                .n_row = c->n_row,
                                .input = (const void *const *)c->input,
                                .weight = (const void *const *)c->weight};
    if (su_graph_eval(c->graph, &args, &want, &e) != SU_OK)
        return say("interpreter: %s: %s", e.at, e.msg);
    struct su_weight_source src = {(void *)(uintptr_t)c, read_weight};
    struct su_stage *s = NULL;
    const char *bad = NULL;
    uint32_t t_max = SU_MIN(batch, c->n_row), e_max = emitted(c, t_max);
    if (su_stage_load(x, c->graph, t_max, e_max, &src, &s, &e) != SU_OK) {
        bad = say("load: %s: %s", e.at, e.msg);
    } else {
        struct su_layout *l = NULL;
        if (su_layout_build(c->graph, t_max, e_max, 1, &l, &e) != SU_OK)
            bad = say("layout: %s", e.msg);
        else if (su_stage_bound_bytes(s) > l->fixed_bytes / 64 * 65 + l->arena_bytes)
            bad = say("%" PRIu64 " bytes bound; the plan has %" PRIu64 " + %" PRIu64,
                      su_stage_bound_bytes(s), l->fixed_bytes, l->arena_bytes);
        else
            bad = run_all(s, c, want, batch);
        su_layout_free(l);
        su_stage_free(s);
    }
    su_eval_free(want);
    return bad;
}
