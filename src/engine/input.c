// SPDX-License-Identifier: MIT
/* Bytes of an input container, little-endian: "SUINPUT1"; u32 tensors, u32 bytes of the parameters;
   for each tensor u8 type (f32 i32 u32 bool = 0 to 3), u8 rank, u16 zero, u32 dims[rank], u32 steps,
   the rows of those steps; then the parameters. Everything but these lies at a multiple of 4. */
#include "engine/engine.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "abi/abi.h"

static const char magic[8] = {'S', 'U', 'I', 'N', 'P', 'U', 'T', '1'};

/* Bytes of all rows of a tensor whose fields are within their limits. */
static enum su_code tensor_bytes(const struct su_input_tensor *t, const char *at,
                                 enum su_code wrong, uint64_t *bytes, struct su_err *e)
{
    uint64_t elements = 1;
    if (!su_dtype_is_value((enum su_dtype)t->dtype))
        return su_fail(e, wrong, at, "type %u is none that an input has", t->dtype);
    if (t->rank > SU_GRAPH_RANK_MAX)
        return su_fail(e, SU_ELIMIT, at, "rank %u exceeds %d", t->rank, SU_GRAPH_RANK_MAX);
    for (uint32_t i = 0; i < SU_GRAPH_RANK_MAX; i++) {
        if (i < t->rank ? t->dims[i] == 0 : t->dims[i] != 0)
            return su_fail(e, wrong, at, "axis %u has %u elements", i, t->dims[i]);
        if (i < t->rank &&
            (!su_mul_u64(elements, t->dims[i], &elements) || elements > SU_GRAPH_ROW_ELEMENTS_MAX))
            return su_fail(e, SU_ELIMIT, at, "a step has more than %u elements",
                           SU_GRAPH_ROW_ELEMENTS_MAX);
    }
    if (t->steps == 0)
        return su_fail(e, wrong, at, "the tensor has no step");
    if (t->steps > SU_STEPS_MAX)
        return su_fail(e, SU_ELIMIT, at, "%u steps; the most is %u", t->steps, SU_STEPS_MAX);
    *bytes = elements * 4 * t->steps; /* below 2^56 */
    if (*bytes > SU_INPUT_BYTES_MAX)
        return su_fail(e, SU_ELIMIT, at, "%" PRIu64 " bytes of rows; a container holds %u", *bytes,
                       SU_INPUT_BYTES_MAX);
    return SU_OK;
}

/* ---- writing --------------------------------------------------------------------------------- */

static enum su_code check(const struct su_input *in, struct su_err *e)
{
    char at[32];
    uint64_t total = sizeof magic + 8 + in->params_bytes;
    if (in->n_tensor == 0)
        return su_fail(e, SU_EINVAL, "input", "a model has at least one external input");
    if (in->n_tensor > SU_INPUT_TENSORS_MAX)
        return su_fail(e, SU_ELIMIT, "input", "%u tensors; the most is %u", in->n_tensor,
                       SU_INPUT_TENSORS_MAX);
    if (in->params_bytes > SU_INPUT_PARAMS_MAX)
        return su_fail(e, SU_ELIMIT, "input", "%u bytes of parameters; the most is %u",
                       in->params_bytes, SU_INPUT_PARAMS_MAX);
    for (uint32_t i = 0; i < in->n_tensor; i++) {
        uint64_t bytes;
        snprintf(at, sizeof at, "input tensor %u", i);
        enum su_code rc = tensor_bytes(&in->tensor[i], at, SU_EINVAL, &bytes, e);
        if (rc != SU_OK)
            return rc;
        total += 8 + 4 * (uint64_t)in->tensor[i].rank + bytes;
    }
    if (total > SU_INPUT_BYTES_MAX)
        return su_fail(e, SU_ELIMIT, "input", "%" PRIu64 " bytes; a container has at most %u",
                       total, SU_INPUT_BYTES_MAX);
    return SU_OK;
}

enum su_code su_input_encode(const struct su_input *in, struct su_buf *out, struct su_err *e)
{
    enum su_code rc = check(in, e);
    if (rc != SU_OK)
        return rc;
    su_buf_put(out, magic, sizeof magic);
    su_buf_u32(out, in->n_tensor);
    su_buf_u32(out, in->params_bytes);
    for (uint32_t i = 0; i < in->n_tensor; i++) {
        const struct su_input_tensor *t = &in->tensor[i];
        uint64_t bytes = 0;
        su_buf_u8(out, t->dtype);
        su_buf_u8(out, t->rank);
        su_buf_u16(out, 0);
        for (uint32_t k = 0; k < t->rank; k++)
            su_buf_u32(out, t->dims[k]);
        su_buf_u32(out, t->steps);
        rc = tensor_bytes(t, "input", SU_EINVAL, &bytes, e);
        SU_ASSERT(rc == SU_OK); /* as checked above */
        su_buf_put(out, t->rows, (size_t)bytes);
    }
    if (in->params_bytes > 0)
        su_buf_put(out, in->params, in->params_bytes);
    return su_buf_check(out, "input", e);
}

/* ---- reading --------------------------------------------------------------------------------- */

static enum su_code read_tensor(struct su_reader *r, uint32_t index, struct su_input_tensor *t,
                                struct su_err *e)
{
    char at[32];
    uint64_t bytes = 0;
    snprintf(at, sizeof at, "input tensor %u", index);
    t->dtype = su_read_u8(r);
    t->rank = su_read_u8(r);
    uint16_t zero = su_read_u16(r);
    for (uint32_t k = 0; k < SU_MIN(t->rank, SU_GRAPH_RANK_MAX); k++)
        t->dims[k] = su_read_u32(r);
    t->steps = su_read_u32(r);
    if (r->failed)
        return su_fail(e, SU_ETRUNC, at, "the container ends at byte %zu within its head", r->len);
    if (zero != 0)
        return su_fail(e, SU_EFORMAT, at, "bytes that must be zero are not, before byte %zu",
                       r->pos);
    enum su_code rc = tensor_bytes(t, at, SU_EFORMAT, &bytes, e);
    if (rc != SU_OK)
        return rc;
    t->rows = su_read_bytes(r, (size_t)bytes);
    if (r->failed)
        return su_fail(e, SU_ETRUNC, at, "the container ends at byte %zu within its rows", r->len);
    return SU_OK;
}

static enum su_code read_all(struct su_reader *r, struct su_input *out, struct su_err *e)
{
    const uint8_t *head = su_read_bytes(r, sizeof magic);
    uint32_t n = su_read_u32(r), params = su_read_u32(r);
    if (r->failed)
        return su_fail(e, SU_ETRUNC, "input", "%zu bytes are no head of a container", r->len);
    if (memcmp(head, magic, sizeof magic) != 0)
        return su_fail(e, SU_EFORMAT, "input", "does not begin with SUINPUT1");
    if (n == 0)
        return su_fail(e, SU_EFORMAT, "input", "the container has no tensor");
    if (n > SU_INPUT_TENSORS_MAX || params > SU_INPUT_PARAMS_MAX)
        return su_fail(e, SU_ELIMIT, "input",
                       "%u tensors and %u bytes of parameters; the most is %u and %u", n, params,
                       SU_INPUT_TENSORS_MAX, SU_INPUT_PARAMS_MAX);
    for (; out->n_tensor < n; out->n_tensor++) {
        enum su_code rc = read_tensor(r, out->n_tensor, &out->tensor[out->n_tensor], e);
        if (rc != SU_OK)
            return rc;
    }
    out->params = su_read_bytes(r, params);
    out->params_bytes = params;
    if (r->failed)
        return su_fail(e, SU_ETRUNC, "input", "ends at byte %zu within the parameters", r->len);
    if (su_read_left(r) > 0)
        return su_fail(e, SU_EFORMAT, "input", "%zu bytes follow its end", su_read_left(r));
    return SU_OK;
}

enum su_code su_input_decode(const void *data, size_t n, struct su_input *out, struct su_err *e)
{
    struct su_reader r = su_reader_of(data, n);
    memset(out, 0, sizeof *out);
    if (n > SU_INPUT_BYTES_MAX)
        return su_fail(e, SU_ELIMIT, "input", "%zu bytes; a container has at most %u", n,
                       SU_INPUT_BYTES_MAX);
    enum su_code rc = read_all(&r, out, e);
    if (rc != SU_OK)
        memset(out, 0, sizeof *out);
    return rc;
}

/* ---- finding --------------------------------------------------------------------------------- */

/* External inputs before input `input` of task `task`, and of all tasks. */
static void count_external(const struct su_package *p, uint32_t task, uint32_t input,
                           uint32_t *before, uint32_t *all)
{
    *before = *all = 0;
    for (uint32_t t = 0; t < p->n_task; t++)
        for (uint32_t i = 0; i < p->task[t].graph->n_input; i++) {
            if (p->task[t].input[i].from_task != SU_PLAN_EXTERNAL)
                continue;
            *before += t < task || (t == task && i < input);
            (*all)++;
        }
}

enum su_code su_input_find(const struct su_input *in, const struct su_package *p, uint32_t task,
                           uint32_t input, const struct su_input_tensor **out, struct su_err *e)
{
    char at[48];
    uint32_t index, all;
    *out = NULL;
    snprintf(at, sizeof at, "input %u of task %u", input, task);
    if (task >= p->n_task || input >= p->task[task].graph->n_input)
        return su_fail(e, SU_ENOENT, at, "the model has no such input");
    if (p->task[task].input[input].from_task != SU_PLAN_EXTERNAL)
        return su_fail(e, SU_ENOENT, at, "comes from task %u, not from the requestor",
                       p->task[task].input[input].from_task);
    count_external(p, task, input, &index, &all);
    if (index >= in->n_tensor)
        return su_fail(e, SU_ENOENT, at, "the container has %u tensors; the model asks for %u",
                       in->n_tensor, all);
    if (in->n_tensor > all)
        return su_fail(e, SU_ETYPE, at, "the container has %u tensors; the model asks for %u",
                       in->n_tensor, all);
    const struct su_graph *g = p->task[task].graph;
    const struct su_value *v = &g->value[g->input[input]];
    const struct su_input_tensor *t = &in->tensor[index];
    bool same = t->dtype == v->dtype && t->rank == v->shape.rank;
    for (uint32_t i = 0; same && i < t->rank; i++)
        same = t->dims[i] == v->shape.dim[i];
    if (!same) {
        struct su_shape s = {.rank = t->rank};
        char got[80], want[80];
        memcpy(s.dim, t->dims, sizeof s.dim);
        return su_fail(e, SU_ETYPE, at, "the container has %s %s; the model asks for %s %s",
                       su_dtype_name((enum su_dtype)t->dtype), su_shape_format(&s, got, sizeof got),
                       su_dtype_name(v->dtype), su_shape_format(&v->shape, want, sizeof want));
    }
    *out = t;
    return SU_OK;
}
