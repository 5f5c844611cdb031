// SPDX-License-Identifier: MIT
#include "weights_priv.h"
#include "json/json.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define DATA_ALIGN 8u

static enum su_code check_tensor(const struct su_tensor *t, struct su_err *e)
{
    uint64_t n;
    const char *name = t->name ? t->name : "";
    const char *wrong = su_weights_name_error(name, strlen(name));

    if (wrong || strcmp(name, "__metadata__") == 0)
        return su_fail(e, SU_EINVAL, name, "%s", wrong ? wrong : "the name is the metadata's");
    if (!su_weights_dtype_text(t->dtype))
        return su_fail(e, SU_EUNSUPPORTED, name,
                       "type %s cannot be written; f32, f16, bf16, i32 and u32 can",
                       (unsigned)t->dtype < SU_DTYPE_COUNT ? su_dtype_name(t->dtype) : "?");
    if (t->shape.rank > SU_GRAPH_RANK_MAX)
        return su_fail(e, SU_ELIMIT, name, "rank %" PRIu32 " exceeds %d", t->shape.rank,
                       SU_GRAPH_RANK_MAX);
    for (uint32_t i = 0; i < t->shape.rank; i++) {
        if (t->shape.dim[i] > SU_GRAPH_DIM_MAX)
            return su_fail(e, SU_EINVAL, name, "axis %" PRIu32 " of %" PRIu32 " exceeds %u", i,
                           t->shape.dim[i], SU_GRAPH_DIM_MAX);
    }
    char text[80];
    if (!su_weights_elements(&t->shape, &n) || n * su_weights_dtype_bytes(t->dtype) != t->bytes)
        return su_fail(e, SU_EINVAL, name, "%" PRIu64 " bytes are not those of %s %s", t->bytes,
                       su_dtype_name(t->dtype), su_shape_format(&t->shape, text, sizeof text));
    if (t->bytes > 0 && !t->data)
        return su_fail(e, SU_EINVAL, name, "no data for %" PRIu64 " bytes", t->bytes);
    return SU_OK;
}

static int by_name(const void *a, const void *b)
{
    const struct su_tensor *const *x = a, *const *y = b;

    return strcmp((*x)->name, (*y)->name);
}

static int by_width_and_name(const void *a, const void *b)
{
    const struct su_tensor *const *x = a, *const *y = b;
    uint32_t wide_x = su_weights_dtype_bytes((*x)->dtype);
    uint32_t wide_y = su_weights_dtype_bytes((*y)->dtype);

    return wide_x != wide_y ? (wide_x > wide_y ? -1 : 1) : by_name(a, b);
}

/* Header with its length in front; *total is the size of the whole file. */
static enum su_code put_header(struct su_buf *b, const struct su_tensor *const *order, uint32_t n,
                               const char *path, uint64_t *total, struct su_err *e)
{
    struct su_json_writer w;
    uint64_t at = 0;

    su_buf_u64(b, 0);
    su_json_writer_init(&w, b, 0);
    su_json_put_object(&w, NULL);
    for (uint32_t i = 0; i < n; i++) {
        const struct su_tensor *t = order[i];
        su_json_put_object(&w, t->name);
        su_json_put_str(&w, "dtype", su_weights_dtype_text(t->dtype));
        su_json_put_array(&w, "shape");
        for (uint32_t k = 0; k < t->shape.rank; k++)
            su_json_put_u64(&w, NULL, t->shape.dim[k]);
        su_json_end_array(&w);
        su_json_put_array(&w, "data_offsets");
        su_json_put_u64(&w, NULL, at);
        at += t->bytes; /* no overflow: a tensor has at most 2^42 bytes, a file 2^16 tensors */
        su_json_put_u64(&w, NULL, at);
        su_json_end_array(&w);
        su_json_end_object(&w);
    }
    su_json_end_object(&w);
    while (!b->failed && b->len % DATA_ALIGN != 0)
        su_buf_u8(b, ' ');
    enum su_code c = su_buf_check(b, path, e);
    if (c)
        return c;
    su_put_le64(b->data, b->len - sizeof(uint64_t));
    *total = at + b->len;
    return SU_OK;
}

static enum su_code write_all(const char *path, const struct su_tensor *const *order, uint32_t n,
                              struct su_err *e)
{
    struct su_buf b;
    uint64_t total;

    su_buf_init(&b, SU_WEIGHTS_HEADER_BYTES_MAX + sizeof(uint64_t));
    enum su_code c = put_header(&b, order, n, path, &total, e);
    if (!c) {
        b.limit = 0;
        (void)su_buf_reserve(&b, (size_t)total - b.len);
        for (uint32_t i = 0; i < n; i++)
            su_buf_put(&b, order[i]->data, (size_t)order[i]->bytes);
        c = su_buf_check(&b, path, e);
    }
    if (!c)
        c = su_file_write(path, b.data, b.len, 0644, e);
    su_buf_fini(&b);
    return c;
}

enum su_code su_weights_write(const char *path, const struct su_tensor *t, uint32_t n,
                              struct su_err *e)
{
    const struct su_tensor **order;
    enum su_code c = SU_OK;

    if (n > SU_WEIGHTS_TENSOR_MAX)
        return su_fail(e, SU_ELIMIT, path, "%" PRIu32 " tensors exceed %u", n,
                       SU_WEIGHTS_TENSOR_MAX);
    order = su_try_alloc(SU_MAX(n, 1u), sizeof *order);
    if (!order)
        return su_fail(e, SU_ENOMEM, path, "out of memory for %" PRIu32 " tensors", n);
    for (uint32_t i = 0; i < n && !c; i++) {
        order[i] = &t[i];
        c = check_tensor(&t[i], e);
    }
    if (!c)
        qsort(order, n, sizeof *order, by_name);
    for (uint32_t i = 1; i < n && !c; i++) {
        if (by_name(&order[i - 1], &order[i]) == 0)
            c = su_fail(e, SU_EINVAL, order[i]->name, "two tensors have this name");
    }
    if (!c) {
        qsort(order, n, sizeof *order, by_width_and_name);
        c = write_all(path, order, n, e);
    }
    free(order);
    return c;
}
