// SPDX-License-Identifier: MIT
/* Canonical bytes of a manifest. All integers little-endian, nothing is padded or optional:

     file  := "SUMANIF1"  entries:u32  entry*
     entry := length:u8 (1 to 127)  name  dtype:u8  rank:u8 (0 to 6)
              dim:u32 (each 1 to 2^31 - 1), rank times
              first_row:u64  blob (32 bytes)  offset:u64  bytes:u64

   dtype is a row number of dtypes.def. Entries ascend strictly by (name, first_row), names compared
   as bytes. Entries of one name agree in type and in all axes but the first. bytes is
   su_tensor_bytes of type and shape; offset + bytes < 2^64. */
#include "weights_priv.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char magic[8] = {'S', 'U', 'M', 'A', 'N', 'I', 'F', '1'};

/* Of one entry: a name of 1 byte, rank 0. */
#define ENTRY_BYTES_MIN (1 + 1 + 1 + 1 + 8 + SU_SHA256_BYTES + 8 + 8)

static int by_name_and_row(const void *a, const void *b)
{
    const struct su_manifest_entry *x = a, *y = b;
    int order = strcmp(x->name, y->name);

    if (order != 0 || x->first_row == y->first_row)
        return order;
    return x->first_row < y->first_row ? -1 : 1;
}

static const char *shape_error(const struct su_manifest_entry *n, enum su_code *code)
{
    uint64_t elements, bytes, end;

    *code = SU_ELIMIT;
    if (n->shape.rank > SU_GRAPH_RANK_MAX)
        return "the rank exceeds 6";
    for (uint32_t i = 0; i < n->shape.rank; i++) {
        if (n->shape.dim[i] > SU_GRAPH_DIM_MAX)
            return "an axis exceeds 2^31 - 1";
    }
    if (!su_weights_elements(&n->shape, &elements))
        return "the shape has more than 2^40 elements";
    uint64_t rows = n->shape.rank ? n->shape.dim[0] : 1;
    if (n->first_row > SU_GRAPH_DIM_MAX - rows)
        return "the rows exceed 2^31 - 1";
    *code = SU_EFORMAT;
    if (elements == 0)
        return "an axis is empty";
    if (n->shape.rank == 0 && n->first_row > 0)
        return "a tensor of rank 0 has one row";
    if ((unsigned)n->dtype >= SU_DTYPE_COUNT)
        return "the element type is unknown";
    if (su_tensor_bytes(n->dtype, &n->shape, &bytes, NULL) || bytes != n->bytes)
        return "the bytes are not those of type and shape";
    if (!su_add_u64(n->offset, n->bytes, &end))
        return "offset and bytes exceed 2^64";
    return NULL;
}

/* What is wrong with an entry after `before` (NULL for the first), or NULL; *code says how. */
static const char *entry_error(const struct su_manifest_entry *n,
                               const struct su_manifest_entry *before, enum su_code *code)
{
    const char *wrong = su_weights_name_error(n->name, strnlen(n->name, sizeof n->name));

    *code = SU_EFORMAT;
    if (wrong || (wrong = shape_error(n, code)))
        return wrong;
    if (!before)
        return NULL;
    if (by_name_and_row(before, n) >= 0)
        return "it does not ascend by name and first row";
    if (strcmp(before->name, n->name) != 0)
        return NULL;
    bool same = before->dtype == n->dtype && before->shape.rank == n->shape.rank;
    for (uint32_t i = 1; same && i < n->shape.rank; i++)
        same = before->shape.dim[i] == n->shape.dim[i];
    return same ? NULL : "rows of one tensor differ in type or axes";
}

enum su_code su_manifest_build(const struct su_graph *g, const struct su_weights *w,
                               const uint8_t *blob, struct su_manifest *out, struct su_err *e)
{
    enum su_code c = SU_OK;

    *out = (struct su_manifest){0};
    if (g->n_weight > SU_WEIGHTS_TENSOR_MAX)
        return su_fail(e, SU_ELIMIT, "manifest", "%" PRIu32 " weights exceed %u", g->n_weight,
                       SU_WEIGHTS_TENSOR_MAX);
    out->entry = su_try_alloc(SU_MAX(g->n_weight, 1u), sizeof *out->entry);
    if (!out->entry)
        return su_fail(e, SU_ENOMEM, "manifest", "out of memory for %" PRIu32 " entries",
                       g->n_weight);
    for (uint32_t i = 0; i < g->n_weight && !c; i++) {
        const struct su_value *v = &g->value[g->weight[i]];
        struct su_manifest_entry *n = &out->entry[i];
        struct su_weight_span span;
        if ((c = su_weights_resolve(w, g, g->weight[i], &span, e)))
            continue;
        *n = (struct su_manifest_entry){.dtype = v->dtype,
                                        .shape = v->shape,
                                        .first_row = v->first_row,
                                        .offset = span.tensor->offset + span.offset,
                                        .bytes = span.bytes};
        (void)su_str_copy(n->name, sizeof n->name, v->name);
        memcpy(n->blob, blob + (size_t)span.tensor->file * SU_SHA256_BYTES, SU_SHA256_BYTES);
    }
    if (c) {
        su_manifest_fini(out);
        return c;
    }
    out->n_entry = g->n_weight;
    qsort(out->entry, out->n_entry, sizeof *out->entry, by_name_and_row);
    return SU_OK;
}

void su_manifest_fini(struct su_manifest *m)
{
    free(m->entry);
    *m = (struct su_manifest){0};
}

static void put_entry(struct su_buf *out, const struct su_manifest_entry *n)
{
    su_buf_u8(out, (uint8_t)strlen(n->name));
    su_buf_str(out, n->name);
    su_buf_u8(out, (uint8_t)n->dtype);
    su_buf_u8(out, (uint8_t)n->shape.rank);
    for (uint32_t i = 0; i < n->shape.rank; i++)
        su_buf_u32(out, n->shape.dim[i]);
    su_buf_u64(out, n->first_row);
    su_buf_put(out, n->blob, SU_SHA256_BYTES);
    su_buf_u64(out, n->offset);
    su_buf_u64(out, n->bytes);
}

enum su_code su_manifest_encode(const struct su_manifest *m, struct su_buf *out, struct su_err *e)
{
    enum su_code code;

    if (m->n_entry > SU_WEIGHTS_TENSOR_MAX)
        return su_fail(e, SU_ELIMIT, "manifest", "%" PRIu32 " entries exceed %u", m->n_entry,
                       SU_WEIGHTS_TENSOR_MAX);
    for (uint32_t i = 0; i < m->n_entry; i++) {
        const char *wrong = entry_error(&m->entry[i], i ? &m->entry[i - 1] : NULL, &code);
        if (wrong)
            return su_fail(e, SU_EINVAL, "manifest", "entry %" PRIu32 " ('%.*s'): %s", i,
                           SU_GRAPH_NAME_MAX, m->entry[i].name, wrong);
    }
    su_buf_put(out, magic, sizeof magic);
    su_buf_u32(out, m->n_entry);
    for (uint32_t i = 0; i < m->n_entry; i++)
        put_entry(out, &m->entry[i]);
    return su_buf_check(out, "manifest", e);
}

/* Reads one entry; SU_ETRUNC through r->failed. */
static void read_entry(struct su_reader *r, struct su_manifest_entry *n)
{
    size_t len = su_read_u8(r);
    const uint8_t *name = su_read_bytes(r, SU_MIN(len, sizeof n->name - 1));

    if (name)
        memcpy(n->name, name, SU_MIN(len, sizeof n->name - 1));
    n->dtype = (enum su_dtype)su_read_u8(r);
    n->shape.rank = su_read_u8(r);
    for (uint32_t i = 0; i < SU_MIN(n->shape.rank, (uint32_t)SU_GRAPH_RANK_MAX); i++)
        n->shape.dim[i] = su_read_u32(r);
    n->first_row = su_read_u64(r);
    const uint8_t *blob = su_read_bytes(r, SU_SHA256_BYTES);
    if (blob)
        memcpy(n->blob, blob, SU_SHA256_BYTES);
    n->offset = su_read_u64(r);
    n->bytes = su_read_u64(r);
}

static enum su_code read_entries(struct su_reader *r, struct su_manifest *m, uint32_t n_entry,
                                 struct su_err *e)
{
    for (; m->n_entry < n_entry; m->n_entry++) {
        struct su_manifest_entry *n = &m->entry[m->n_entry];
        size_t start = r->pos;
        uint8_t name_len = start < r->len ? r->data[start] : 0;
        enum su_code code = SU_ELIMIT;
        const char *wrong = name_len > SU_GRAPH_NAME_MAX ? "the name exceeds 127 bytes" : NULL;

        if (!wrong) {
            read_entry(r, n);
            if (r->failed && n->shape.rank <= SU_GRAPH_RANK_MAX)
                return su_fail(e, SU_ETRUNC, "manifest",
                               "the %zu bytes end inside entry %" PRIu32 " of %" PRIu32
                               " at offset %zu",
                               r->len, m->n_entry, n_entry, start);
            if (strnlen(n->name, sizeof n->name) != name_len) {
                code = SU_EFORMAT;
                wrong = "the name holds a zero byte";
            }
        }
        if (!wrong)
            wrong = entry_error(n, m->n_entry ? n - 1 : NULL, &code);
        if (wrong)
            return su_fail(e, code, "manifest", "entry %" PRIu32 " ('%s') at offset %zu: %s",
                           m->n_entry, n->name, start, wrong);
    }
    if (su_read_left(r) > 0)
        return su_fail(e, SU_EFORMAT, "manifest", "%zu bytes at offset %zu, after the last entry",
                       su_read_left(r), r->pos);
    return SU_OK;
}

enum su_code su_manifest_decode(const void *data, size_t len, struct su_manifest *out,
                                struct su_err *e)
{
    struct su_reader r = su_reader_of(data, len);
    const uint8_t *head = su_read_bytes(&r, sizeof magic);
    uint32_t n = su_read_u32(&r);

    *out = (struct su_manifest){0};
    if (head && memcmp(head, magic, sizeof magic) != 0)
        return su_fail(e, SU_EFORMAT, "manifest", "no magic 'SUMANIF1' at offset 0");
    if (r.failed)
        return su_fail(e, SU_ETRUNC, "manifest", "%zu bytes; a manifest has at least 12", len);
    if (n > SU_WEIGHTS_TENSOR_MAX)
        return su_fail(e, SU_ELIMIT, "manifest",
                       "%" PRIu32 " entries at offset 8 exceed the limit of %u", n,
                       SU_WEIGHTS_TENSOR_MAX);
    if (n > su_read_left(&r) / ENTRY_BYTES_MIN)
        return su_fail(e, SU_ETRUNC, "manifest",
                       "%" PRIu32 " entries at offset 8 need at least %" PRIu64
                       " bytes, %zu follow",
                       n, (uint64_t)n * ENTRY_BYTES_MIN, su_read_left(&r));
    out->entry = su_try_alloc(SU_MAX(n, 1u), sizeof *out->entry);
    if (!out->entry)
        return su_fail(e, SU_ENOMEM, "manifest", "out of memory for %" PRIu32 " entries", n);
    enum su_code c = read_entries(&r, out, n, e);
    if (c)
        su_manifest_fini(out);
    return c;
}

enum su_code su_manifest_digest(const struct su_manifest *m, uint8_t out[SU_SHA256_BYTES],
                                struct su_err *e)
{
    struct su_buf b;

    su_buf_init(&b, 0);
    enum su_code c = su_manifest_encode(m, &b, e);
    if (!c)
        su_sha256(b.data, b.len, out);
    su_buf_fini(&b);
    return c;
}
