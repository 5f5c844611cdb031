// SPDX-License-Identifier: MIT
#include "plan_graphs.h"

#include "support/random_tensor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void need(enum su_code rc, const struct su_err *e)
{
    if (rc != SU_OK) {
        char line[512];
        su_err_line(e, line, sizeof line);
        fail_msg("%s: %s", su_code_name(rc), line);
    }
}

struct su_shape shape_of(uint32_t rank, const uint32_t *dim)
{
    struct su_shape s = {.rank = rank};
    memcpy(s.dim, dim, rank * sizeof *dim);
    return s;
}

uint32_t add_input(struct su_graph *g, const char *name, enum su_domain d, enum su_dtype t,
                   struct su_shape s)
{
    struct su_err e;
    uint32_t id;
    need(su_graph_add_input(g, name, d, t, &s, &id, &e), &e);
    return id;
}

uint32_t add_weight(struct su_graph *g, const char *name, enum su_dtype t, struct su_shape s)
{
    struct su_err e;
    uint32_t id;
    need(su_graph_add_weight(g, name, t, &s, 0, &id, &e), &e);
    return id;
}

uint32_t add_op(struct su_graph *g, enum su_op op, const uint32_t *arg, uint32_t n_arg,
                const int32_t *attr, uint32_t n_attr)
{
    struct su_err e;
    uint32_t id;
    need(su_graph_add_node(g, op, arg, n_arg, attr, n_attr, NULL, 0, &id, &e), &e);
    return id;
}

uint32_t add_unary(struct su_graph *g, enum su_op op, uint32_t a)
{
    return add_op(g, op, &a, 1, NULL, 0);
}

uint32_t add_binary(struct su_graph *g, enum su_op op, uint32_t a, uint32_t b)
{
    return add_op(g, op, (uint32_t[]){a, b}, 2, NULL, 0);
}

uint32_t add_conv(struct su_graph *g, const char *name, uint32_t x, uint32_t c_in, uint32_t c_out,
                  uint32_t kernel, uint32_t groups)
{
    char text[64];
    int32_t pad = (int32_t)kernel / 2;
    snprintf(text, sizeof text, "%s.weight", name);
    uint32_t w = add_weight(g, text, SU_F32, SHAPE(c_out, c_in / groups, kernel, kernel));
    snprintf(text, sizeof text, "%s.bias", name);
    uint32_t b = add_weight(g, text, SU_F32, SHAPE(c_out, 1, 1));
    int32_t attr[9] = {1, 1, pad, pad, pad, pad, 1, 1, (int32_t)groups};
    uint32_t y = add_op(g, SU_OP_CONV2D, (uint32_t[]){x, w}, 2, attr, 9);
    return add_unary(g, SU_OP_RELU, add_binary(g, SU_OP_ADD, y, b));
}

uint32_t add_pool(struct su_graph *g, uint32_t x)
{
    return add_op(g, SU_OP_MAXPOOL, &x, 1, (int32_t[]){2, 2, 2, 2, 0, 0, 0, 0}, 8);
}

uint32_t add_fc(struct su_graph *g, const char *name, uint32_t x, uint32_t n_in, uint32_t n_out)
{
    char text[64];
    snprintf(text, sizeof text, "%s.weight", name);
    uint32_t w = add_weight(g, text, SU_F32, SHAPE(n_out, n_in));
    snprintf(text, sizeof text, "%s.bias", name);
    uint32_t b = add_weight(g, text, SU_F32, SHAPE(n_out));
    return add_binary(g, SU_OP_ADD, add_binary(g, SU_OP_MATMUL, x, w), b);
}

void finish(struct su_graph *g, const char *output, uint32_t value)
{
    struct su_err e;
    need(su_graph_add_output(g, output, value, &e), &e);
    need(su_graph_check(g, &e), &e);
}

struct su_graph *graph_digits(void)
{
    struct su_graph *g = su_graph_new();
    uint32_t x = add_input(g, "image", SU_ROWS, SU_F32, SHAPE(1, 28, 28));
    uint32_t stem = add_pool(g, add_conv(g, "stem", x, 1, 16, 5, 1));
    uint32_t a = add_pool(g, add_conv(g, "a.conv1", stem, 16, 48, 3, 1));
    a = add_pool(g, add_conv(g, "a.conv2", a, 48, 64, 3, 1));
    a = add_op(g, SU_OP_RESHAPE, &a, 1, (int32_t[]){576}, 1);
    a = add_unary(g, SU_OP_RELU, add_fc(g, "a.fc", a, 576, 64));
    uint32_t b = add_pool(g, add_conv(g, "b.conv1", stem, 16, 32, 5, 1));
    b = add_pool(g, add_conv(g, "b.conv2", b, 32, 64, 3, 1));
    b = add_op(g, SU_OP_RESHAPE, &b, 1, (int32_t[]){576}, 1);
    b = add_unary(g, SU_OP_RELU, add_fc(g, "b.fc", b, 576, 64));
    uint32_t both = add_op(g, SU_OP_CONCAT, (uint32_t[]){a, b}, 2, (int32_t[]){0}, 1);
    finish(g, "probabilities", add_unary(g, SU_OP_SOFTMAX, add_fc(g, "head", both, 128, 10)));
    return g;
}

struct su_graph *graph_chain(uint32_t n, uint32_t width)
{
    struct su_graph *g = su_graph_new();
    uint32_t x = add_input(g, "x", SU_ROWS, SU_F32, SHAPE(width));
    for (uint32_t i = 0; i < n; i++) {
        char name[32];
        snprintf(name, sizeof name, "w%u", i);
        uint32_t w = add_weight(g, name, SU_F32, SHAPE(width, width));
        x = add_unary(g, SU_OP_RELU, add_binary(g, SU_OP_MATMUL, x, w));
    }
    finish(g, "y", x);
    return g;
}

struct su_plan_opts opts_of(const uint64_t *target)
{
    return (struct su_plan_opts){.target = target, .n_target = 1};
}

struct su_plan *plan_of(const struct su_graph *g, uint64_t target, uint32_t t_max)
{
    struct su_err e;
    struct su_plan *p;
    struct su_plan_opts o = opts_of(&target);
    o.t_max = t_max;
    need(su_plan_build(g, &o, &p, &e), &e);
    return p;
}

void assert_valid(const struct su_graph *g, const struct su_plan *p, uint64_t target)
{
    struct su_err e;
    need(su_plan_check(p, g, &e), &e);
    for (uint32_t i = 0; i < p->n_task; i++) {
        assert_true(p->task[i].vram_fixed + p->sessions * p->task[i].vram_session <= target);
    }
}

/* ---- runs ------------------------------------------------------------------------------------ */

struct data *data_new(const struct su_graph *g, uint32_t n_row, uint64_t seed)
{
    struct data *d = su_alloc(sizeof *d);
    d->n_row = n_row;
    d->owned = true;
    d->row = su_alloc(n_row * sizeof *d->row);
    d->input = su_alloc((g->n_input + 1) * sizeof *d->input);
    d->weight = su_alloc((g->n_weight + 1) * sizeof *d->weight);
    for (uint32_t i = 0; i < n_row; i++) {
        d->row[i] = (struct su_row){.position = i, .emit = i % 4 != 2};
    }
    for (uint32_t i = 0; i < g->n_input; i++) {
        const struct su_value *v = &g->value[g->input[i]];
        uint64_t n = su_shape_elements(&v->shape) * (v->domain == SU_FIXED ? 1 : n_row);
        d->input[i] = su_alloc(n * 4);
        su_random_fill(seed, i, v->dtype, n, true, d->input[i]);
    }
    for (uint32_t i = 0; i < g->n_weight; i++) {
        const struct su_value *v = &g->value[g->weight[i]];
        struct su_err e;
        uint64_t bytes;
        need(su_tensor_bytes(v->dtype, &v->shape, &bytes, &e), &e);
        d->weight[i] = su_alloc(bytes);
        su_random_fill(seed, 1000 + i, v->dtype, su_shape_elements(&v->shape), true, d->weight[i]);
    }
    return d;
}

void data_free(const struct su_graph *g, struct data *d)
{
    for (uint32_t i = 0; i < g->n_input; i++) {
        free(d->input[i]);
    }
    for (uint32_t i = 0; i < g->n_weight; i++) {
        free(d->weight[i]);
    }
    free(d->input);
    free(d->weight);
    free(d->row);
    free(d);
}

static uint64_t rows_of(const struct su_value *v)
{
    return v->shape.rank == 0 ? 1 : v->shape.dim[0];
}

/* The stored bytes of a task's weight inside those of the whole graph. */
static const void *find_weight(const struct su_graph *g, const struct data *d,
                               const struct su_value *v)
{
    for (uint32_t pass = 0; pass < 2; pass++) {
        for (uint32_t i = 0; i < g->n_weight; i++) {
            const struct su_value *x = &g->value[g->weight[i]];
            bool same = x->first_row == v->first_row && rows_of(x) == rows_of(v);
            bool inside = x->first_row <= v->first_row &&
                          v->first_row + rows_of(v) <= x->first_row + rows_of(x);
            if (strcmp(x->name, v->name) != 0 || !(pass == 0 ? same : inside)) {
                continue;
            }
            struct su_err e;
            uint64_t bytes;
            need(su_tensor_bytes(x->dtype, &x->shape, &bytes, &e), &e);
            return (const uint8_t *)d->weight[i] +
                   bytes / rows_of(x) * (v->first_row - x->first_row);
        }
    }
    fail_msg("weight %s of a task is not in the graph", v->name);
    return NULL;
}

/* Evaluates a graph; one with states for one new session that the rows fill. */
static struct su_eval *evaluate(const struct su_graph *g, const struct data *d,
                                const void *const *input, const void *const *weight)
{
    struct su_session *session = NULL;
    struct su_err e;
    struct su_eval *ev;
    if (g->n_state > 0) {
        need(su_session_new(g, d->n_row, &session, &e), &e);
    }
    struct su_eval_args a = {.row = d->row,
                             .n_row = d->n_row,
                             .input = input,
                             .weight = weight,
                             .session = &session,
                             .n_session = session ? 1 : 0};
    need(su_graph_eval(g, &a, &ev, &e), &e);
    su_session_free(session);
    return ev;
}

static struct su_eval *run_task(const struct su_graph *g, const struct su_plan *p, uint32_t task,
                                const struct data *d, struct su_eval **done)
{
    const struct su_plan_task *t = &p->task[task];
    const void *input[SU_PLAN_PORT_MAX] = {NULL};
    const void **weight = su_alloc((t->graph->n_weight + 1) * sizeof *weight);
    for (uint32_t i = 0; i < t->graph->n_input; i++) {
        const struct su_plan_input *in = &t->input[i];
        if (in->from_task == SU_PLAN_EXTERNAL) {
            input[i] = d->input[in->from_output];
        } else {
            size_t bytes;
            uint32_t v = p->task[in->from_task].graph->output[in->from_output].value;
            input[i] = su_eval_value(done[in->from_task], v, &bytes);
        }
    }
    for (uint32_t i = 0; i < t->graph->n_weight; i++) {
        weight[i] = find_weight(g, d, &t->graph->value[t->graph->weight[i]]);
    }
    struct su_eval *ev = evaluate(t->graph, d, input, weight);
    free(weight);
    return ev;
}

void assert_same_results(const struct su_graph *g, const struct su_plan *p, const struct data *d)
{
    struct su_eval *done[SU_PLAN_TASK_MAX];
    struct su_eval *whole =
        evaluate(g, d, (const void *const *)d->input, (const void *const *)d->weight);
    for (uint32_t i = 0; i < p->n_task; i++) {
        done[i] = run_task(g, p, i, d, done);
    }
    for (uint32_t i = 0; i < g->n_output; i++) {
        const struct su_plan_input *r = &p->result[i];
        size_t want_bytes, got_bytes;
        uint32_t v = p->task[r->from_task].graph->output[r->from_output].value;
        const void *want = su_eval_value(whole, g->output[i].value, &want_bytes);
        const void *got = su_eval_value(done[r->from_task], v, &got_bytes);
        assert_int_equal(want_bytes, got_bytes);
        assert_memory_equal(want, got, want_bytes);
    }
    for (uint32_t i = 0; i < p->n_task; i++) {
        su_eval_free(done[i]);
    }
    su_eval_free(whole);
}

/* ---- subsets --------------------------------------------------------------------------------- */

static bool is_output(const struct su_graph *g, uint32_t node)
{
    for (uint32_t i = 0; i < g->n_output; i++) {
        const struct su_value *v = &g->value[g->output[i].value];
        if (v->kind == SU_VALUE_NODE && v->node == node) {
            return true;
        }
    }
    return false;
}

void copied_nodes(const struct su_graph *g, bool *copied)
{
    for (uint32_t i = 0; i < g->n_node; i++) {
        const struct su_node *n = &g->node[i];
        copied[i] =
            (n->op <= SU_OP_MOD || n->op == SU_OP_CONST || n->op == SU_OP_IOTA) && !is_output(g, i);
        for (uint32_t k = 0; k < n->n_arg; k++) {
            const struct su_value *v = &g->value[n->arg[k]];
            copied[i] = copied[i] && (v->kind == SU_VALUE_WEIGHT ||
                                      (v->kind == SU_VALUE_NODE && copied[v->node]));
        }
    }
}

static bool needed_outside(const struct su_graph *g, const bool *in, uint32_t value)
{
    for (uint32_t i = 0; i < g->n_output; i++) {
        if (g->output[i].value == value) {
            return true;
        }
    }
    for (uint32_t i = 0; i < g->n_node; i++) {
        for (uint32_t k = 0; k < g->node[i].n_arg && !in[i]; k++) {
            if (g->node[i].arg[k] == value) {
                return true;
            }
        }
    }
    return false;
}

/* Adds, in order of value ids, what the chosen nodes read from outside. */
static void add_sources(const struct su_graph *g, const bool *in, struct su_graph *t, uint32_t *id,
                        struct subset_cost *c)
{
    struct su_err e;
    bool *read = su_alloc(g->n_value * sizeof *read);
    for (uint32_t i = 0; i < g->n_node; i++) {
        for (uint32_t k = 0; k < g->node[i].n_arg && in[i]; k++) {
            read[g->node[i].arg[k]] = true;
        }
    }
    for (uint32_t v = 0; v < g->n_value; v++) {
        const struct su_value *x = &g->value[v];
        bool made = x->kind == SU_VALUE_NODE && in[x->node];
        if (!read[v] || made) {
            continue;
        }
        if (x->kind == SU_VALUE_WEIGHT) {
            need(su_graph_add_weight(t, x->name, x->dtype, &x->shape, x->first_row, &id[v], &e),
                 &e);
            continue;
        }
        char name[32];
        snprintf(name, sizeof name, "value.%u", v);
        need(su_graph_add_input(t, name, x->domain, x->dtype, &x->shape, &id[v], &e), &e);
        c->n_in++;
        c->cut_bytes += x->kind == SU_VALUE_NODE ? su_value_row_bytes(x) : 0;
    }
    free(read);
}

struct subset_cost subset_cost(const struct su_graph *g, const bool *marked, uint32_t t_max)
{
    struct subset_cost c = {0};
    struct su_err e;
    struct su_graph *t = su_graph_new();
    bool *in = su_alloc(g->n_node * sizeof *in), *copied = su_alloc(g->n_node * sizeof *copied);
    uint32_t *id = su_alloc(g->n_value * sizeof *id);
    copied_nodes(g, copied);
    for (uint32_t i = g->n_node; i-- > 0;) {
        in[i] = in[i] || (marked[i] && !copied[i]);
        for (uint32_t k = 0; k < g->node[i].n_arg && in[i]; k++) {
            const struct su_value *v = &g->value[g->node[i].arg[k]];
            if (v->kind == SU_VALUE_NODE && copied[v->node]) {
                in[v->node] = true;
            }
        }
    }
    add_sources(g, in, t, id, &c);
    for (uint32_t i = 0; i < g->n_node; i++) {
        const struct su_node *n = &g->node[i];
        uint32_t arg[SU_GRAPH_ARG_MAX], out;
        for (uint32_t k = 0; k < n->n_arg && in[i]; k++) {
            arg[k] = id[n->arg[k]];
        }
        if (in[i]) {
            need(su_graph_add_node(t, n->op, arg, n->n_arg, n->attr, n->n_attr, n->data,
                                   n->data_bytes, &out, &e),
                 &e);
        }
        for (uint32_t k = 0; k < n->n_out && in[i]; k++) {
            id[n->first_out + k] = out + k;
            if (!copied[i] && needed_outside(g, in, n->first_out + k)) {
                char name[32];
                snprintf(name, sizeof name, "value.%u", n->first_out + k);
                need(su_graph_add_output(t, name, out + k, &e), &e);
                c.n_out++;
            }
        }
    }
    need(su_graph_check(t, &e), &e);
    struct su_layout *l;
    need(su_layout_build(t, t_max, t_max, 8192, &l, &e), &e);
    c.vram = l->fixed_bytes + l->arena_bytes;
    c.macs = su_graph_macs(t);
    su_layout_free(l);
    su_graph_free(t);
    free(in);
    free(copied);
    free(id);
    return c;
}
