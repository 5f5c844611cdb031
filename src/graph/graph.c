// SPDX-License-Identifier: MIT
#include "graph_priv.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static enum su_code no_memory(struct su_err *e)
{
    return su_fail(e, SU_ENOMEM, "graph", "out of memory");
}

/* Makes room for `more` entries beyond n in the array that *slot points to. Growth by half keeps
   the decoder's memory bound. */
static bool room(void *slot, uint32_t *cap, uint32_t n, uint32_t more, size_t size)
{
    void *p;

    if (n + more <= *cap)
        return true;
    uint32_t want = SU_MAX(SU_MAX(*cap + *cap / 2, n + more), 8u);
    memcpy(&p, slot, sizeof p);
    p = realloc(p, want * size);
    if (!p)
        return false;
    memcpy(slot, &p, sizeof p);
    *cap = want;
    return true;
}

#define ROOM(array, cap, n, more) room(&(array), &(cap), (n), (more), sizeof *(array))

struct su_graph *su_graph_new(void)
{
    struct su_graph *g = su_alloc(sizeof *g);

    su_arena_init(&g->arena, 0);
    g->own = su_alloc(sizeof *g->own);
    return g;
}

void su_graph_free(struct su_graph *g)
{
    if (!g)
        return;
    su_arena_fini(&g->arena);
    free(g->value);
    free(g->node);
    free(g->output);
    free(g->input);
    free(g->weight);
    free(g->state);
    free(g->record);
    free(g->own->name);
    free(g->own);
    free(g);
}

static enum su_code check_name(const char *what, const char *name, struct su_err *e)
{
    size_t n = name ? strnlen(name, SU_GRAPH_NAME_MAX + 1) : 0;

    if (n == 0)
        return su_fail(e, SU_EINVAL, what, "the name is empty");
    if (n > SU_GRAPH_NAME_MAX)
        return su_fail(e, SU_ELIMIT, what, "the name is longer than %u bytes", SU_GRAPH_NAME_MAX);
    for (size_t i = 0; i < n; i++) {
        if (name[i] <= ' ' || name[i] > '~')
            return su_fail(e, SU_EINVAL, what,
                           "byte %zu of the name is 0x%02x; names are printable ASCII without "
                           "spaces",
                           i, (unsigned)(unsigned char)name[i]);
    }
    return SU_OK;
}

/* Copies the used dims, so that equal shapes are equal bytes. */
static enum su_code check_shape(const char *at, const struct su_shape *s, uint64_t max,
                                struct su_shape *out, struct su_err *e)
{
    char text[80];
    uint64_t n;

    *out = (struct su_shape){.rank = s->rank};
    if (s->rank > SU_GRAPH_RANK_MAX)
        return su_fail(e, SU_ELIMIT, at, "rank %" PRIu32 " exceeds %d", s->rank, SU_GRAPH_RANK_MAX);
    for (uint32_t i = 0; i < s->rank; i++) {
        out->dim[i] = s->dim[i];
        if (s->dim[i] == 0)
            return su_fail(e, SU_EINVAL, at, "axis %" PRIu32 " of shape %s is empty", i,
                           su_shape_format(s, text, sizeof text));
        if (s->dim[i] > SU_GRAPH_DIM_MAX)
            return su_fail(e, SU_ELIMIT, at, "axis %" PRIu32 " of shape %s exceeds %u", i,
                           su_shape_format(s, text, sizeof text), SU_GRAPH_DIM_MAX);
    }
    if (!su_shape_count(s, max, &n))
        return su_fail(e, SU_ELIMIT, at, "shape %s has more than %" PRIu64 " elements",
                       su_shape_format(s, text, sizeof text), max);
    return SU_OK;
}

/* Adds the source whose fields v holds, to the list of its kind; its name is still the caller's. */
static enum su_code add_source(struct su_graph *g, struct su_value v, uint32_t **list, uint32_t *n,
                               uint32_t *cap, uint32_t *id, struct su_err *e)
{
    struct su_graph_own *own = g->own;

    if (g->n_value >= SU_GRAPH_VALUE_MAX)
        return su_fail(e, SU_ELIMIT, v.name, "the graph already has %u values, the most allowed",
                       SU_GRAPH_VALUE_MAX);
    v.name = su_arena_strndup(&g->arena, v.name, strlen(v.name));
    if (!v.name || !ROOM(g->value, own->cap_value, g->n_value, 1) ||
        !ROOM(g->record, own->cap_record, g->n_record, 1) || !ROOM(*list, *cap, *n, 1) ||
        !ROOM(own->name, own->cap_name, own->n_name, 2))
        return no_memory(e);
    *id = g->n_value;
    g->value[g->n_value++] = v;
    g->record[g->n_record++] = SU_RECORD_SOURCE | *id;
    (*list)[(*n)++] = *id;
    g->checked = false;
    return SU_OK;
}

enum su_code su_graph_add_input(struct su_graph *g, const char *name, enum su_domain domain,
                                enum su_dtype dtype, const struct su_shape *shape, uint32_t *id,
                                struct su_err *e)
{
    struct su_value v = {.kind = SU_VALUE_INPUT, .domain = domain, .dtype = dtype, .name = name};
    enum su_code c = check_name("input", name, e);

    if (c)
        return c;
    if ((unsigned)domain > SU_EMIT)
        return su_fail(e, SU_EINVAL, name, "the domain of an input is fixed, rows or emit, not %u",
                       (unsigned)domain);
    if (!su_dtype_is_value(dtype))
        return su_fail(e, SU_EINVAL, name,
                       "an input cannot have type %s; it is one of f32, i32, u32, bool",
                       su_dtype_name(dtype));
    if ((c = check_shape(name, shape, SU_GRAPH_ROW_ELEMENTS_MAX, &v.shape, e)))
        return c;
    if (su_names_find(g, SU_NAME_INPUT, name, 0) != UINT32_MAX)
        return su_fail(e, SU_EINVAL, name, "two inputs have this name");
    c = add_source(g, v, &g->input, &g->n_input, &g->own->cap_input, id, e);
    if (!c)
        su_names_add(g, SU_NAME_INPUT, *id);
    return c;
}

/* Values that are rows of one stored tensor must agree on everything but the rows. */
static enum su_code check_same_tensor(const struct su_graph *g, const struct su_value *v,
                                      struct su_err *e)
{
    char text[80], other_text[80];
    uint32_t other_id = su_names_find(g, SU_NAME_TENSOR, v->name, 0);

    if (other_id == UINT32_MAX)
        return SU_OK;
    const struct su_value *other = &g->value[other_id];
    bool same = v->dtype == other->dtype && v->shape.rank == other->shape.rank;
    for (uint32_t i = 1; same && i < v->shape.rank; i++)
        same = v->shape.dim[i] == other->shape.dim[i];
    if (!same)
        return su_fail(e, SU_EINVAL, v->name,
                       "rows of one weight differ: %s %s here, %s %s in value %" PRIu32
                       "; type and all axes but the first must agree",
                       su_dtype_name(v->dtype), su_shape_format(&v->shape, text, sizeof text),
                       su_dtype_name(other->dtype),
                       su_shape_format(&other->shape, other_text, sizeof other_text), other_id);
    return SU_OK;
}

enum su_code su_graph_add_weight(struct su_graph *g, const char *name, enum su_dtype dtype,
                                 const struct su_shape *shape, uint64_t first_row, uint32_t *id,
                                 struct su_err *e)
{
    struct su_value v = {.kind = SU_VALUE_WEIGHT,
                         .domain = SU_FIXED,
                         .dtype = dtype,
                         .name = name,
                         .first_row = first_row};
    uint64_t bytes;
    enum su_code c = check_name("weight", name, e);

    if (c)
        return c;
    if ((unsigned)dtype >= SU_DTYPE_COUNT)
        return su_fail(e, SU_EINVAL, name, "element type %u is unknown", (unsigned)dtype);
    if ((c = check_shape(name, shape, SU_GRAPH_WEIGHT_ELEMENTS_MAX, &v.shape, e)))
        return c;
    if (first_row > 0 && shape->rank == 0)
        return su_fail(e, SU_EINVAL, name, "a weight of rank 0 has no row %" PRIu64, first_row);
    if (first_row > SU_GRAPH_DIM_MAX || first_row + v.shape.dim[0] > SU_GRAPH_DIM_MAX)
        return su_fail(e, SU_ELIMIT, name, "rows from %" PRIu64 " on exceed axis 0's limit of %u",
                       first_row, SU_GRAPH_DIM_MAX);
    if ((c = su_tensor_bytes(dtype, &v.shape, &bytes, e))) {
        su_wrap(e, "weight %s", name);
        return c;
    }
    if (su_names_find(g, SU_NAME_WEIGHT, name, first_row) != UINT32_MAX)
        return su_fail(e, SU_EINVAL, name, "two weights have this name and first row %" PRIu64,
                       first_row);
    if ((c = check_same_tensor(g, &v, e)))
        return c;
    bool is_new = su_names_find(g, SU_NAME_TENSOR, name, 0) == UINT32_MAX;
    if ((c = add_source(g, v, &g->weight, &g->n_weight, &g->own->cap_weight, id, e)))
        return c;
    su_names_add(g, SU_NAME_WEIGHT, *id);
    if (is_new)
        su_names_add(g, SU_NAME_TENSOR, *id);
    return SU_OK;
}

enum su_code su_graph_add_state(struct su_graph *g, const char *name, const struct su_shape *shape,
                                uint32_t *id, struct su_err *e)
{
    struct su_value v = {.kind = SU_VALUE_STATE, .domain = SU_ROWS, .dtype = SU_F16, .name = name};
    enum su_code c = check_name("state", name, e);

    if (c || (c = check_shape(name, shape, SU_GRAPH_ROW_ELEMENTS_MAX, &v.shape, e)))
        return c;
    if (su_names_find(g, SU_NAME_STATE, name, 0) != UINT32_MAX)
        return su_fail(e, SU_EINVAL, name, "two states have this name");
    c = add_source(g, v, &g->state, &g->n_state, &g->own->cap_state, id, e);
    if (!c)
        su_names_add(g, SU_NAME_STATE, *id);
    return c;
}

/* Counts, value ids and limits; what they mean together is inference. */
static enum su_code check_node(const struct su_graph *g, struct su_infer *in, const uint32_t *arg)
{
    const struct su_op_info *op = &su_op_table[in->op];

    if (g->n_node >= SU_GRAPH_NODE_MAX)
        return su_infer_fail(in, SU_ELIMIT, "the graph already has %u nodes, the most allowed",
                             SU_GRAPH_NODE_MAX);
    if (g->n_value + op->outs > SU_GRAPH_VALUE_MAX)
        return su_infer_fail(in, SU_ELIMIT,
                             "the graph already has %" PRIu32 " values; %u is the "
                             "most allowed",
                             g->n_value, SU_GRAPH_VALUE_MAX);
    if (in->n_arg < op->in_min || in->n_arg > op->in_max)
        return su_infer_fail(in, SU_EINVAL,
                             "%" PRIu32 " arguments; it takes %" PRIu32 " to %" PRIu32, in->n_arg,
                             op->in_min, op->in_max);
    if (in->n_attr > SU_GRAPH_ATTR_MAX)
        return su_infer_fail(in, SU_EINVAL, "%" PRIu32 " attributes; %d is the most allowed",
                             in->n_attr, SU_GRAPH_ATTR_MAX);
    if (in->data_bytes > 0 && in->op != SU_OP_CONST)
        return su_infer_fail(in, SU_EINVAL, "only const carries data");
    if (in->data_bytes > SU_GRAPH_CONST_BYTES_MAX - g->const_bytes)
        return su_infer_fail(in, SU_ELIMIT,
                             "%" PRIu32 " bytes of data make the consts of the graph "
                             "larger than %u bytes; use a weight instead",
                             in->data_bytes, SU_GRAPH_CONST_BYTES_MAX);
    for (uint32_t i = 0; i < in->n_arg; i++) {
        if (arg[i] >= g->n_value)
            return su_infer_fail(in, SU_EINVAL,
                                 "argument %" PRIu32 " names value %" PRIu32 ", but only %" PRIu32
                                 " values stand before this record; a node cannot use itself or a "
                                 "later value",
                                 i, arg[i], g->n_value);
        in->arg[i] = &g->value[arg[i]];
    }
    return SU_OK;
}

/* A private copy of const data, in canonical form: floats fixed, booleans 0 or 1. */
static enum su_code copy_data(struct su_graph *g, const struct su_infer *in, const uint8_t *data,
                              uint8_t **copy)
{
    *copy = NULL;
    if (in->op != SU_OP_CONST)
        return SU_OK;
    uint8_t *p = su_arena_alloc(&g->arena, in->data_bytes);
    if (!p)
        return su_infer_fail(in, SU_ENOMEM, "out of memory");
    for (uint32_t i = 0; i < in->data_bytes; i += 4) {
        uint32_t bits = su_le32(data + i);
        if (in->out[0].dtype == SU_F32)
            bits = su_f32_bits(su_num_fix(su_f32_from_bits(bits)));
        else if (in->out[0].dtype == SU_BOOL && bits > 1)
            return su_infer_fail(in, SU_EINVAL,
                                 "element %" PRIu32 " of the data is %" PRIu32 "; a bool is 0 or 1",
                                 i / 4, bits);
        su_put_le32(p + i, bits);
    }
    *copy = p;
    return SU_OK;
}

enum su_code su_graph_add_node(struct su_graph *g, enum su_op op, const uint32_t *arg,
                               uint32_t n_arg, const int32_t *attr, uint32_t n_attr,
                               const void *data, uint32_t data_bytes, uint32_t *id,
                               struct su_err *e)
{
    struct su_graph_own *own = g->own;
    struct su_infer in = {
        .op = op, .n_arg = n_arg, .n_attr = n_attr, .attr = attr, .data_bytes = data_bytes, .e = e};
    enum su_code c;
    uint8_t *copy;

    snprintf(in.at, sizeof in.at, "record %" PRIu32 ", node %" PRIu32 " (%s)", g->n_record,
             g->n_node, su_op_name(op));
    if ((unsigned)op >= SU_OP_COUNT)
        return su_infer_fail(&in, SU_EINVAL, "op %u is unknown", (unsigned)op);
    if ((c = check_node(g, &in, arg)) || (c = su_infer_node(&in)) ||
        (c = copy_data(g, &in, data, &copy)))
        return c;
    uint32_t outs = su_op_table[op].outs;
    if (!ROOM(g->value, own->cap_value, g->n_value, outs) ||
        !ROOM(g->record, own->cap_record, g->n_record, 1) ||
        !ROOM(g->node, own->cap_node, g->n_node, 1))
        return no_memory(e);
    struct su_node *n = &g->node[g->n_node];
    *n = (struct su_node){.op = op,
                          .n_arg = n_arg,
                          .n_attr = n_attr,
                          .first_out = g->n_value,
                          .n_out = outs,
                          .data = copy,
                          .data_bytes = data_bytes};
    for (uint32_t i = 0; i < n_arg; i++)
        n->arg[i] = arg[i];
    for (uint32_t i = 0; i < n_attr; i++)
        n->attr[i] = attr[i];
    for (uint32_t i = 0; i < outs; i++) {
        struct su_value *v = &g->value[g->n_value++];
        *v = in.out[i];
        v->kind = SU_VALUE_NODE;
        v->node = g->n_node;
        v->out = i;
    }
    g->record[g->n_record++] = g->n_node++;
    g->const_bytes += data_bytes;
    g->checked = false;
    *id = n->first_out;
    return SU_OK;
}

enum su_code su_graph_add_output(struct su_graph *g, const char *name, uint32_t value,
                                 struct su_err *e)
{
    struct su_graph_own *own = g->own;
    enum su_code c = check_name("output", name, e);

    if (c)
        return c;
    if (value >= g->n_value)
        return su_fail(e, SU_EINVAL, name, "the output names value %" PRIu32 " of %" PRIu32, value,
                       g->n_value);
    const struct su_value *v = &g->value[value];
    if (v->kind == SU_VALUE_WEIGHT || su_value_is_state(v))
        return su_fail(e, SU_ETYPE, name,
                       "value %" PRIu32 " is a %s; an output is an input or the result of a node",
                       value, v->kind == SU_VALUE_WEIGHT ? "weight" : "state");
    if (su_names_find(g, SU_NAME_OUTPUT, name, 0) != UINT32_MAX)
        return su_fail(e, SU_EINVAL, name, "two outputs have this name");
    if (g->n_output >= SU_GRAPH_VALUE_MAX)
        return su_fail(e, SU_ELIMIT, name, "the graph already has %u outputs, the most allowed",
                       SU_GRAPH_VALUE_MAX);
    char *copy = su_arena_strndup(&g->arena, name, strlen(name));
    if (!copy || !ROOM(g->output, own->cap_output, g->n_output, 1) ||
        !ROOM(own->name, own->cap_name, own->n_name, 1))
        return no_memory(e);
    g->output[g->n_output] = (struct su_graph_output){.name = copy, .value = value};
    su_names_add(g, SU_NAME_OUTPUT, g->n_output++);
    g->checked = false;
    return SU_OK;
}
