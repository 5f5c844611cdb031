// SPDX-License-Identifier: MIT
/* The interpreter's driver: memory, rows, and the table of kernels. */
#include "eval_priv.h"

#include <inttypes.h>
#include <stdlib.h>

#include "session.h"

#define DEFAULT_LIMIT (4ull << 30)

struct su_eval {
    uint32_t n_value, n_row, n_emit;
    uint32_t **data; /* per value, NULL when not held */
    uint64_t *bytes;
    const void **source; /* per value, the caller's data of inputs and weights */
    uint32_t *uses; /* still to come */
    uint32_t *emitted; /* rows of the dispatch marked emit */
    uint64_t used, limit, saturated;
};

static const struct su_eval_op ops[SU_OP_COUNT] = {
    [SU_OP_RESHAPE] = {.run = su_eval_same},
    [SU_OP_PERMUTE] = {.run = su_eval_permute},
    [SU_OP_EXPAND] = {.run = su_eval_expand},
    [SU_OP_PAD] = {.run = su_eval_pad},
    [SU_OP_SHRINK] = {.run = su_eval_shrink},
    [SU_OP_FLIP] = {.run = su_eval_flip},
    [SU_OP_CONCAT] = {.run = su_eval_concat},
    [SU_OP_SLICE] = {.run = su_eval_slice},
    [SU_OP_ADD] = {.run = su_eval_elementwise},
    [SU_OP_SUB] = {.run = su_eval_elementwise},
    [SU_OP_MUL] = {.run = su_eval_elementwise},
    [SU_OP_MAX] = {.run = su_eval_elementwise},
    [SU_OP_MIN] = {.run = su_eval_elementwise},
    [SU_OP_NEG] = {.run = su_eval_elementwise},
    [SU_OP_RECIP] = {.run = su_eval_elementwise},
    [SU_OP_SQRT] = {.run = su_eval_elementwise},
    [SU_OP_RSQRT] = {.run = su_eval_elementwise},
    [SU_OP_EXP] = {.run = su_eval_elementwise},
    [SU_OP_EXP2] = {.run = su_eval_elementwise},
    [SU_OP_LOG2] = {.run = su_eval_elementwise},
    [SU_OP_SIN] = {.run = su_eval_elementwise},
    [SU_OP_RELU] = {.run = su_eval_elementwise},
    [SU_OP_SILU] = {.run = su_eval_elementwise},
    [SU_OP_GELU] = {.run = su_eval_elementwise},
    [SU_OP_SIGMOID] = {.run = su_eval_elementwise},
    [SU_OP_TANH] = {.run = su_eval_elementwise},
    [SU_OP_TRUNC] = {.run = su_eval_elementwise},
    [SU_OP_CMP] = {.run = su_eval_elementwise},
    [SU_OP_WHERE] = {.run = su_eval_elementwise},
    [SU_OP_CAST] = {.run = su_eval_elementwise},
    [SU_OP_BITCAST] = {.run = su_eval_elementwise},
    [SU_OP_AND] = {.run = su_eval_elementwise},
    [SU_OP_OR] = {.run = su_eval_elementwise},
    [SU_OP_XOR] = {.run = su_eval_elementwise},
    [SU_OP_SHL] = {.run = su_eval_elementwise},
    [SU_OP_SHR] = {.run = su_eval_elementwise},
    [SU_OP_IDIV] = {.run = su_eval_elementwise},
    [SU_OP_MOD] = {.run = su_eval_elementwise},
    [SU_OP_REDUCE_SUM] = {.run = su_eval_reduce, .scratch = su_eval_reduce_scratch},
    [SU_OP_REDUCE_MAX] = {.run = su_eval_reduce, .scratch = su_eval_reduce_scratch},
    [SU_OP_REDUCE_PROD] = {.run = su_eval_reduce, .scratch = su_eval_reduce_scratch},
    [SU_OP_ARGMAX] = {.run = su_eval_argmax},
    [SU_OP_CUMSUM] = {.run = su_eval_cumsum},
    [SU_OP_TOPK] = {.run = su_eval_topk, .scratch = su_eval_topk_scratch},
    [SU_OP_GATHER] = {.run = su_eval_gather},
    [SU_OP_EMBEDDING] = {.run = su_eval_embedding},
    [SU_OP_CONST] = {.run = su_eval_const},
    [SU_OP_IOTA] = {.run = su_eval_iota},
    [SU_OP_MATMUL] = {.run = su_eval_matmul},
    [SU_OP_QMATMUL] = {.run = su_eval_qmatmul, .scratch = su_eval_qmatmul_scratch},
    [SU_OP_CONV2D] = {.run = su_eval_conv2d, .scratch = su_eval_conv2d_scratch},
    [SU_OP_MAXPOOL] = {.run = su_eval_pool},
    [SU_OP_AVGPOOL] = {.run = su_eval_pool},
    [SU_OP_LAYERNORM] = {.run = su_eval_layernorm},
    [SU_OP_RMSNORM] = {.run = su_eval_rmsnorm},
    [SU_OP_SOFTMAX] = {.run = su_eval_softmax},
    [SU_OP_ROPE] = {.run = su_eval_rope, .scratch = su_eval_rope_scratch},
    [SU_OP_STATE_APPEND] = {.run = su_eval_state_append},
    [SU_OP_ATTENTION] = {.run = su_eval_attention, .scratch = su_eval_attention_scratch},
    [SU_OP_SELECT_EMITTED] = {.run = su_eval_same},
    [SU_OP_MOE_ROUTE] = {.run = su_eval_moe_route, .scratch = su_eval_moe_route_scratch},
    [SU_OP_QMATMUL_ID] = {.run = su_eval_qmatmul_id, .scratch = su_eval_qmatmul_scratch},
    [SU_OP_SAMPLE] = {.lacks = "sampling is done by the host, not within a graph"},
};

const char *su_eval_lacks(enum su_op op)
{
    if ((unsigned)op >= SU_OP_COUNT)
        return "no such op";
    return ops[op].lacks;
}

static enum su_code check_supported(const struct su_graph *g, struct su_err *e)
{
    for (uint32_t i = 0; i < g->n_node; i++) {
        enum su_op op = g->node[i].op;
        if (ops[op].lacks)
            return su_fail(e, SU_EUNSUPPORTED, su_op_name(op),
                           "the reference interpreter lacks node %" PRIu32 ": %s", i,
                           ops[op].lacks);
    }
    return SU_OK;
}

/* Every row of a stateful graph must be the next position of its session. */
static enum su_code check_sessions(const struct su_graph *g, const struct su_eval_args *a,
                                   struct su_err *e)
{
    if (g->n_state == 0)
        return SU_OK;
    uint32_t *next = su_try_alloc(SU_MAX(a->n_session, 1u), sizeof *next);
    enum su_code c =
        next ? SU_OK : su_fail(e, SU_ENOMEM, "sessions", "no memory for their lengths");
    for (uint32_t i = 0; i < a->n_session && !c; i++) {
        if (!a->session[i] || a->session[i]->n_state != g->n_state)
            c = su_fail(e, SU_EINVAL, "sessions", "number %" PRIu32 " was not made for this graph",
                        i);
        else
            next[i] = a->session[i]->length;
    }
    for (uint32_t i = 0; i < a->n_row && !c; i++) {
        const struct su_row *r = &a->row[i];
        if (r->session >= a->n_session)
            c = su_fail(e, SU_EINVAL, "rows",
                        "row %" PRIu32 " names session %" PRIu32 " of %" PRIu32, i, r->session,
                        a->n_session);
        else if (r->position != next[r->session])
            c = su_fail(e, SU_EINVAL, "rows",
                        "row %" PRIu32 " is position %" PRIu32 " of session %" PRIu32
                        ", whose next is %" PRIu32,
                        i, r->position, r->session, next[r->session]);
        else if (r->position >= a->session[r->session]->ctx)
            c = su_fail(e, SU_ELIMIT, "rows",
                        "position %" PRIu32 " is beyond the %" PRIu32 " that session %" PRIu32
                        " holds",
                        r->position, a->session[r->session]->ctx, r->session);
        else
            next[r->session]++;
    }
    free(next);
    return c;
}

static enum su_code check_args(const struct su_graph *g, const struct su_eval_args *a,
                               struct su_err *e)
{
    if (!g->checked)
        return su_fail(e, SU_EINVAL, "graph", "su_graph_check has not passed this graph");
    if (a->n_row == 0 || !a->row)
        return su_fail(e, SU_EINVAL, "rows", "a dispatch has at least one row");
    if (a->n_row > SU_ROWS_MAX)
        return su_fail(e, SU_ELIMIT, "rows", "%" PRIu32 " rows; a dispatch has at most %u",
                       a->n_row, SU_ROWS_MAX);
    for (uint32_t i = 0; i < g->n_input; i++)
        if (!a->input || !a->input[i])
            return su_fail(e, SU_EINVAL, g->value[g->input[i]].name, "no data for this input");
    for (uint32_t i = 0; i < g->n_weight; i++)
        if (!a->weight || !a->weight[i])
            return su_fail(e, SU_EINVAL, g->value[g->weight[i]].name, "no data for this weight");
    enum su_code c = check_supported(g, e);
    return c ? c : check_sessions(g, a, e);
}

static uint64_t rows_of(const struct su_eval *ev, enum su_domain d)
{
    return d == SU_FIXED ? 1 : d == SU_ROWS ? ev->n_row : ev->n_emit;
}

/* Zeroed memory within the limit; at least one byte, so that no rows are not NULL. */
static enum su_code take(struct su_eval *ev, uint64_t bytes, const char *what, void **out,
                         struct su_err *e)
{
    if (bytes > ev->limit - ev->used)
        return su_fail(e, SU_ELIMIT, what,
                       "needs %" PRIu64 " bytes, but %" PRIu64 " of the limit of %" PRIu64
                       " are in use; allow more memory or evaluate fewer rows",
                       bytes, ev->used, ev->limit);
    *out = su_try_alloc_aligned(bytes ? bytes : 1, 1);
    if (!*out)
        return su_fail(e, SU_ENOMEM, what, "cannot allocate %" PRIu64 " bytes", bytes);
    ev->used += bytes;
    return SU_OK;
}

static enum su_code hold(struct su_eval *ev, const struct su_graph *g, uint32_t id,
                         const char *what, struct su_err *e)
{
    const struct su_value *v = &g->value[id];
    uint64_t bytes = su_shape_elements(&v->shape) * 4 * rows_of(ev, v->domain);
    void *p = NULL;
    enum su_code c = take(ev, bytes, what, &p, e);
    ev->data[id] = p;
    ev->bytes[id] = c ? 0 : bytes;
    return c;
}

static void release(struct su_eval *ev, uint32_t id)
{
    free(ev->data[id]);
    ev->data[id] = NULL;
    ev->used -= ev->bytes[id];
    ev->bytes[id] = 0;
}

/* Stored bytes of a source as words: halves widened, floats fixed, booleans 0 or 1. */
static void convert(uint32_t *dst, const uint8_t *src, uint64_t n, enum su_dtype type)
{
    for (uint64_t i = 0; i < n; i++) {
        switch (type) {
        case SU_F16:
            dst[i] = su_f32_bits(su_num_fix(su_num_from_f16(su_le16(src + 2 * i))));
            break;
        case SU_BF16:
            dst[i] = su_f32_bits(su_num_fix(su_num_from_bf16(su_le16(src + 2 * i))));
            break;
        case SU_F32:
            dst[i] = su_f32_bits(su_num_fix(su_f(su_le32(src + 4 * i))));
            break;
        case SU_BOOL:
            dst[i] = su_le32(src + 4 * i) != 0;
            break;
        default:
            dst[i] = su_le32(src + 4 * i);
        }
    }
}

static enum su_code load(struct su_eval *ev, const struct su_graph *g, uint32_t id,
                         struct su_err *e)
{
    const struct su_value *v = &g->value[id];
    enum su_code c = hold(ev, g, id, v->name, e);
    if (!c)
        convert(ev->data[id], ev->source[id], ev->bytes[id] / 4, v->dtype);
    return c;
}

/* Points the kernel at row r of the output's domain; an input of domain ROWS beside an EMIT output is select_emitted's. */
static void place(const struct su_eval *ev, const struct su_graph *g, struct su_kernel *k,
                  uint64_t r)
{
    const struct su_node *n = k->node;
    enum su_domain domain = g->value[n->first_out].domain;
    for (uint32_t i = 0; i < n->n_arg; i++) {
        const struct su_value *v = &g->value[n->arg[i]];
        uint64_t at = r;
        if (v->domain == SU_FIXED)
            at = 0;
        else if (v->domain == SU_ROWS && domain == SU_EMIT)
            at = ev->emitted[r];
        if (ev->data[n->arg[i]])
            k->in[i].w = ev->data[n->arg[i]] + at * su_shape_elements(&v->shape);
    }
    for (uint32_t i = 0; i < n->n_out; i++) {
        uint32_t id = n->first_out + i;
        if (ev->data[id])
            k->out[i].w = ev->data[id] + r * su_shape_elements(&g->value[id].shape);
    }
}

/* Which state of the graph a value is: the source itself, or what an append made of it. */
static uint32_t state_of(const struct su_graph *g, uint32_t id)
{
    while (g->value[id].kind == SU_VALUE_NODE)
        id = g->node[g->value[id].node].arg[1];
    uint32_t i = 0;
    while (g->state[i] != id)
        i++;
    return i;
}

static enum su_code bind_arg(struct su_eval *ev, const struct su_graph *g, struct su_kernel *k,
                             uint32_t i, struct su_err *e)
{
    uint32_t id = k->node->arg[i];
    const struct su_value *v = &g->value[id];
    k->in[i] = (struct su_eval_in){
        .type = su_dtype_seen(v->dtype), .shape = &v->shape, .stored = v->dtype};
    if (su_value_is_state(v))
        k->in[i].state = state_of(g, id);
    else if (su_dtype_is_block(v->dtype))
        k->in[i].raw = ev->source[id];
    else if (!ev->data[id])
        return load(ev, g, id, e);
    return SU_OK;
}

static enum su_code run_node(struct su_eval *ev, const struct su_graph *g,
                             const struct su_eval_args *a, const struct su_node *n,
                             struct su_err *e)
{
    const struct su_eval_op *op = &ops[n->op];
    struct su_kernel k = {.node = n};
    uint64_t bytes = 0;
    enum su_code c;
    for (uint32_t i = 0; i < n->n_arg; i++)
        if ((c = bind_arg(ev, g, &k, i, e)))
            return c;
    for (uint32_t i = 0; i < n->n_out; i++) {
        bool state = su_value_is_state(&g->value[n->first_out + i]);
        if (!state && (c = hold(ev, g, n->first_out + i, su_op_name(n->op), e)))
            return c;
        k.out[i].type = g->value[n->first_out + i].dtype;
        k.out[i].shape = &g->value[n->first_out + i].shape;
    }
    if (op->scratch) {
        bytes = op->scratch(&k);
        if ((c = take(ev, bytes, su_op_name(n->op), &k.scratch, e)))
            return c;
    }
    uint64_t rows = rows_of(ev, g->value[n->first_out].domain);
    for (uint64_t r = 0; r < rows; r++) {
        place(ev, g, &k, r);
        k.row = &a->row[r]; /* ops that look at it are of domain ROWS */
        k.session = g->n_state ? a->session[k.row->session] : NULL;
        op->run(&k);
    }
    free(k.scratch);
    ev->used -= bytes;
    ev->saturated += k.saturated;
    return SU_OK;
}

static void release_dead(struct su_eval *ev, const struct su_node *n)
{
    for (uint32_t i = 0; i < n->n_arg; i++)
        if (--ev->uses[n->arg[i]] == 0)
            release(ev, n->arg[i]);
    for (uint32_t i = 0; i < n->n_out; i++)
        if (ev->uses[n->first_out + i] == 0)
            release(ev, n->first_out + i);
}

static enum su_code run(struct su_eval *ev, const struct su_graph *g, const struct su_eval_args *a,
                        struct su_err *e)
{
    enum su_code c;
    for (uint32_t i = 0; i < g->n_node; i++) {
        if ((c = run_node(ev, g, a, &g->node[i], e)))
            return c;
        if (!a->keep_all)
            release_dead(ev, &g->node[i]);
    }
    for (uint32_t i = 0; i < g->n_output; i++)
        if (!ev->data[g->output[i].value] && (c = load(ev, g, g->output[i].value, e)))
            return c;
    return SU_OK;
}

static struct su_eval *start(const struct su_graph *g, const struct su_eval_args *a)
{
    struct su_eval *ev = su_try_alloc(1, sizeof *ev);
    if (!ev)
        return NULL;
    ev->n_value = g->n_value;
    ev->n_row = a->n_row;
    ev->limit = a->limit_bytes ? a->limit_bytes : DEFAULT_LIMIT;
    ev->data = su_try_alloc(g->n_value, sizeof *ev->data);
    ev->bytes = su_try_alloc(g->n_value, sizeof *ev->bytes);
    ev->uses = su_try_alloc(g->n_value, sizeof *ev->uses);
    ev->source = su_try_alloc(g->n_value, sizeof *ev->source);
    ev->emitted = su_try_alloc(a->n_row, sizeof *ev->emitted);
    if (!ev->data || !ev->bytes || !ev->uses || !ev->source || !ev->emitted) {
        su_eval_free(ev);
        return NULL;
    }
    for (uint32_t i = 0; i < g->n_value; i++)
        ev->uses[i] = g->value[i].uses;
    for (uint32_t i = 0; i < g->n_input; i++)
        ev->source[g->input[i]] = a->input[i];
    for (uint32_t i = 0; i < g->n_weight; i++)
        ev->source[g->weight[i]] = a->weight[i];
    for (uint32_t i = 0; i < a->n_row; i++)
        if (a->row[i].emit)
            ev->emitted[ev->n_emit++] = i;
    return ev;
}

enum su_code su_graph_eval(const struct su_graph *g, const struct su_eval_args *args,
                           struct su_eval **out, struct su_err *e)
{
    *out = NULL;
    enum su_code c = check_args(g, args, e);
    if (c)
        return c;
    struct su_eval *ev = start(g, args);
    if (!ev)
        return su_fail(e, SU_ENOMEM, "graph", "no memory to evaluate it");
    c = run(ev, g, args, e);
    if (c) {
        su_eval_free(ev);
        return c;
    }
    for (uint32_t i = 0; i < args->n_row && g->n_state; i++)
        args->session[args->row[i].session]->length++;
    *out = ev;
    return SU_OK;
}

const void *su_eval_value(const struct su_eval *ev, uint32_t value, size_t *bytes)
{
    if (value >= ev->n_value || !ev->data[value]) {
        *bytes = 0;
        return NULL;
    }
    *bytes = (size_t)ev->bytes[value];
    return ev->data[value];
}

uint64_t su_eval_saturations(const struct su_eval *ev)
{
    return ev->saturated;
}

void su_eval_free(struct su_eval *ev)
{
    if (!ev)
        return;
    for (uint32_t i = 0; ev->data && i < ev->n_value; i++)
        free(ev->data[i]);
    free(ev->data);
    free(ev->bytes);
    free(ev->uses);
    free(ev->source);
    free(ev->emitted);
    free(ev);
}
