// SPDX-License-Identifier: MIT
/* Canonical bytes of a graph. All integers little-endian, nothing is padded or aligned, nothing
   is optional:

     file    := "SUGRAPH1"  version:name  records:u32  outputs:u32  record*  output*
     name    := length:u16 (1 to 127)  that many bytes of printable ASCII
     shape   := rank:u8 (0 to 6)  dim:u32 (each 1 to 2^31 - 1), rank times
     record  := 0:u8  domain:u8 (0 fixed, 1 rows, 2 emit)  dtype:u8  shape  name   an input
              | 1:u8  dtype:u8  shape  first_row:u64  name               a weight
              | 2:u8  shape  name                                        a state
              | 3:u8  op:u16  args:u8  attrs:u8  data_bytes:u32
                arg:u32*  attr:i32*  data                                  a node
     output  := value:u32  name

   version is the numerics version; dtype and op are row numbers of dtypes.def and ops.def. Each
   record defines the next value id, a node as many as its op has outputs; an arg names a lower
   id. Types, shapes and domains of nodes are inferred, never stored. data is present in const
   only: its elements, 4 bytes each, f32 already fixed (no NaN, no -0, magnitude 0 or 2^-48 to
   2^50), bool 0 or 1. The file ends with the last output. */
#include "graph_priv.h"

#include <inttypes.h>
#include <string.h>

enum { RECORD_INPUT, RECORD_WEIGHT, RECORD_STATE, RECORD_NODE, RECORD_KINDS };
#define RECORD_BYTES_MIN 5
#define OUTPUT_BYTES_MIN 7

/* ---- writing ---- */

static void put_name(struct su_buf *out, const char *name)
{
    su_buf_u16(out, (uint16_t)strlen(name));
    su_buf_str(out, name);
}

static void put_shape(struct su_buf *out, const struct su_shape *s)
{
    su_buf_u8(out, (uint8_t)s->rank);
    for (uint32_t i = 0; i < s->rank; i++)
        su_buf_u32(out, s->dim[i]);
}

static void put_source(struct su_buf *out, const struct su_value *v)
{
    if (v->kind == SU_VALUE_INPUT) {
        su_buf_u8(out, RECORD_INPUT);
        su_buf_u8(out, (uint8_t)v->domain);
        su_buf_u8(out, (uint8_t)v->dtype);
    } else if (v->kind == SU_VALUE_WEIGHT) {
        su_buf_u8(out, RECORD_WEIGHT);
        su_buf_u8(out, (uint8_t)v->dtype);
    } else {
        su_buf_u8(out, RECORD_STATE);
    }
    put_shape(out, &v->shape);
    if (v->kind == SU_VALUE_WEIGHT)
        su_buf_u64(out, v->first_row);
    put_name(out, v->name);
}

static void put_node(struct su_buf *out, const struct su_node *n)
{
    su_buf_u8(out, RECORD_NODE);
    su_buf_u16(out, (uint16_t)n->op);
    su_buf_u8(out, (uint8_t)n->n_arg);
    su_buf_u8(out, (uint8_t)n->n_attr);
    su_buf_u32(out, n->data_bytes);
    for (uint32_t i = 0; i < n->n_arg; i++)
        su_buf_u32(out, n->arg[i]);
    for (uint32_t i = 0; i < n->n_attr; i++)
        su_buf_u32(out, (uint32_t)n->attr[i]);
    if (n->data_bytes)
        su_buf_put(out, n->data, n->data_bytes);
}

enum su_code su_graph_encode(const struct su_graph *g, struct su_buf *out, struct su_err *e)
{
    if (!g->checked)
        return su_fail(e, SU_EINVAL, "graph", "the graph is not checked (su_graph_check)");
    su_buf_put(out, SU_GRAPH_MAGIC, strlen(SU_GRAPH_MAGIC));
    put_name(out, SU_NUMERICS_VERSION);
    su_buf_u32(out, g->n_record);
    su_buf_u32(out, g->n_output);
    for (uint32_t i = 0; i < g->n_record; i++) {
        uint32_t r = g->record[i];
        if (r & SU_RECORD_SOURCE)
            put_source(out, &g->value[r & ~SU_RECORD_SOURCE]);
        else
            put_node(out, &g->node[r]);
    }
    for (uint32_t i = 0; i < g->n_output; i++) {
        su_buf_u32(out, g->output[i].value);
        put_name(out, g->output[i].name);
    }
    return su_buf_check(out, "graph", e);
}

enum su_code su_graph_digest(const struct su_graph *g, uint8_t out[SU_SHA256_BYTES],
                             struct su_err *e)
{
    struct su_buf bytes;

    su_buf_init(&bytes, 0);
    enum su_code c = su_graph_encode(g, &bytes, e);
    if (!c)
        su_sha256(bytes.data, bytes.len, out);
    su_buf_fini(&bytes);
    return c;
}

enum su_code su_graph_save(const struct su_graph *g, const char *path, struct su_err *e)
{
    struct su_buf bytes;

    su_buf_init(&bytes, 0);
    enum su_code c = su_graph_encode(g, &bytes, e);
    if (!c)
        c = su_file_write(path, bytes.data, bytes.len, 0644, e);
    su_buf_fini(&bytes);
    return c;
}

/* ---- reading ---- */

struct decoder {
    struct su_reader r;
    struct su_graph *g;
    char at[48]; /* "record 3 of 12" */
    struct su_err *e;
};

static enum su_code short_of(struct decoder *d, const char *what)
{
    return su_fail(d->e, SU_ETRUNC, d->at, "offset %zu: the data end at %zu bytes within %s",
                   d->r.pos, d->r.len, what);
}

/* Passes on an error of the builder for what began at `offset`. */
static enum su_code located(struct decoder *d, size_t offset, enum su_code c)
{
    if (c)
        su_wrap(d->e, "offset %zu", offset);
    return c;
}

static enum su_code read_name(struct decoder *d, char name[SU_GRAPH_NAME_MAX + 1])
{
    size_t offset = d->r.pos;
    uint16_t n = su_read_u16(&d->r);

    if (n > SU_GRAPH_NAME_MAX)
        return su_fail(d->e, SU_ELIMIT, d->at, "offset %zu: a name of %u bytes is longer than %u",
                       offset, (unsigned)n, SU_GRAPH_NAME_MAX);
    const uint8_t *p = su_read_bytes(&d->r, n);
    if (!p)
        return short_of(d, "a name");
    if (memchr(p, 0, n))
        return su_fail(d->e, SU_EFORMAT, d->at, "offset %zu: the name contains a zero byte",
                       offset);
    memcpy(name, p, n);
    name[n] = '\0';
    return SU_OK;
}

static enum su_code read_shape(struct decoder *d, struct su_shape *s)
{
    size_t offset = d->r.pos;

    *s = (struct su_shape){.rank = su_read_u8(&d->r)};
    if (s->rank > SU_GRAPH_RANK_MAX)
        return su_fail(d->e, SU_ELIMIT, d->at, "offset %zu: rank %" PRIu32 " exceeds %d", offset,
                       s->rank, SU_GRAPH_RANK_MAX);
    for (uint32_t i = 0; i < s->rank; i++)
        s->dim[i] = su_read_u32(&d->r);
    return d->r.failed ? short_of(d, "a shape") : SU_OK;
}

static enum su_code read_dtype(struct decoder *d, enum su_dtype *dtype)
{
    size_t offset = d->r.pos;
    uint8_t v = su_read_u8(&d->r);

    *dtype = (enum su_dtype)0;
    if (v >= SU_DTYPE_COUNT)
        return su_fail(d->e, SU_EUNSUPPORTED, d->at,
                       "offset %zu: element type %u is unknown to this version", offset,
                       (unsigned)v);
    *dtype = (enum su_dtype)v;
    return d->r.failed ? short_of(d, "an element type") : SU_OK;
}

static enum su_code read_input(struct decoder *d, size_t start)
{
    char name[SU_GRAPH_NAME_MAX + 1];
    struct su_shape s;
    enum su_dtype dtype;
    uint32_t id;
    size_t offset = d->r.pos;
    uint8_t domain = su_read_u8(&d->r);
    enum su_code c;

    if (domain > SU_EMIT)
        return su_fail(
            d->e, SU_EFORMAT, d->at,
            "offset %zu: domain %u of an input is none of 0 (fixed), 1 (rows) and 2 (emit)", offset,
            (unsigned)domain);
    if ((c = read_dtype(d, &dtype)) || (c = read_shape(d, &s)) || (c = read_name(d, name)))
        return c;
    return located(d, start,
                   su_graph_add_input(d->g, name, (enum su_domain)domain, dtype, &s, &id, d->e));
}

static enum su_code read_weight(struct decoder *d, size_t start)
{
    char name[SU_GRAPH_NAME_MAX + 1];
    struct su_shape s;
    enum su_dtype dtype;
    uint32_t id;
    enum su_code c;

    if ((c = read_dtype(d, &dtype)) || (c = read_shape(d, &s)))
        return c;
    uint64_t first_row = su_read_u64(&d->r);
    if ((c = read_name(d, name)))
        return c;
    return located(d, start, su_graph_add_weight(d->g, name, dtype, &s, first_row, &id, d->e));
}

static enum su_code read_state(struct decoder *d, size_t start)
{
    char name[SU_GRAPH_NAME_MAX + 1];
    struct su_shape s;
    uint32_t id;
    enum su_code c;

    if ((c = read_shape(d, &s)) || (c = read_name(d, name)))
        return c;
    return located(d, start, su_graph_add_state(d->g, name, &s, &id, d->e));
}

/* The builder would mend these values; a file must hold them as they are. */
static enum su_code check_const(struct decoder *d, const int32_t *attr, uint32_t n_attr,
                                const uint8_t *data, uint32_t data_bytes)
{
    size_t offset = d->r.pos - data_bytes;

    if (n_attr == 0 || data_bytes % 4 != 0)
        return SU_OK; /* refused by the builder */
    for (uint32_t i = 0; i < data_bytes; i += 4) {
        uint32_t bits = su_le32(data + i);
        if (attr[0] == SU_F32 && su_f32_bits(su_num_fix(su_f32_from_bits(bits))) != bits)
            return su_fail(d->e, SU_EFORMAT, d->at,
                           "offset %zu: the const holds the float bits 0x%08" PRIx32
                           ", which are not canonical (+0 or of magnitude 2^-48 to 2^50)",
                           offset + i, bits);
        if (attr[0] == SU_BOOL && bits > 1)
            return su_fail(d->e, SU_EFORMAT, d->at,
                           "offset %zu: the const holds the bool %" PRIu32 ", neither 0 nor 1",
                           offset + i, bits);
    }
    return SU_OK;
}

static enum su_code read_node(struct decoder *d, size_t start)
{
    uint32_t arg[SU_GRAPH_ARG_MAX], id;
    int32_t attr[SU_GRAPH_ATTR_MAX];
    uint16_t op = su_read_u16(&d->r);
    uint8_t n_arg = su_read_u8(&d->r), n_attr = su_read_u8(&d->r);
    uint32_t data_bytes = su_read_u32(&d->r);
    enum su_code c;

    if (d->r.failed)
        return short_of(d, "a node");
    if (op >= SU_OP_COUNT)
        return su_fail(d->e, SU_EUNSUPPORTED, d->at, "offset %zu: op %u is unknown to this version",
                       start, (unsigned)op);
    if (n_arg > SU_GRAPH_ARG_MAX || n_attr > SU_GRAPH_ATTR_MAX)
        return su_fail(d->e, SU_ELIMIT, d->at,
                       "offset %zu: %s has %u arguments and %u attributes; at most %d and %d fit",
                       start, su_op_name((enum su_op)op), (unsigned)n_arg, (unsigned)n_attr,
                       SU_GRAPH_ARG_MAX, SU_GRAPH_ATTR_MAX);
    for (uint32_t i = 0; i < n_arg; i++)
        arg[i] = su_read_u32(&d->r);
    for (uint32_t i = 0; i < n_attr; i++)
        attr[i] = (int32_t)su_read_u32(&d->r);
    const uint8_t *data = su_read_bytes(&d->r, data_bytes);
    if (!data)
        return short_of(d, "a node");
    if (op == SU_OP_CONST && (c = check_const(d, attr, n_attr, data, data_bytes)))
        return c;
    return located(d, start,
                   su_graph_add_node(d->g, (enum su_op)op, arg, n_arg, attr, n_attr, data,
                                     data_bytes, &id, d->e));
}

static enum su_code read_record(struct decoder *d)
{
    size_t start = d->r.pos;
    uint8_t kind = su_read_u8(&d->r);

    if (d->r.failed)
        return short_of(d, "the records");
    switch (kind) {
    case RECORD_INPUT:
        return read_input(d, start);
    case RECORD_WEIGHT:
        return read_weight(d, start);
    case RECORD_STATE:
        return read_state(d, start);
    case RECORD_NODE:
        return read_node(d, start);
    default:
        return su_fail(d->e, SU_EFORMAT, d->at, "offset %zu: record kind %u is not 0 to %d", start,
                       (unsigned)kind, RECORD_KINDS - 1);
    }
}

static enum su_code read_output(struct decoder *d)
{
    char name[SU_GRAPH_NAME_MAX + 1];
    size_t start = d->r.pos;
    uint32_t value = su_read_u32(&d->r);
    enum su_code c = read_name(d, name);

    return c ? c : located(d, start, su_graph_add_output(d->g, name, value, d->e));
}

static enum su_code read_header(struct decoder *d, uint32_t *records, uint32_t *outputs)
{
    size_t n = strlen(SU_GRAPH_MAGIC);
    char version[SU_GRAPH_NAME_MAX + 1];
    enum su_code c;

    su_str_copy(d->at, sizeof d->at, "graph header");
    const uint8_t *magic = su_read_bytes(&d->r, n);
    if (!magic)
        return short_of(d, "the magic \"" SU_GRAPH_MAGIC "\"");
    if (memcmp(magic, SU_GRAPH_MAGIC, n) != 0)
        return su_fail(d->e, SU_EFORMAT, d->at,
                       "offset 0: these are no graph bytes, which begin with \"" SU_GRAPH_MAGIC
                       "\"");
    if ((c = read_name(d, version)))
        return c;
    if (strcmp(version, SU_NUMERICS_VERSION) != 0)
        return su_fail(d->e, SU_EUNSUPPORTED, d->at,
                       "offset %zu: the graph is written for numerics \"%s\"; this program "
                       "computes \"" SU_NUMERICS_VERSION "\"",
                       n, version);
    *records = su_read_u32(&d->r);
    *outputs = su_read_u32(&d->r);
    if (d->r.failed)
        return short_of(d, "the counts");
    size_t left = su_read_left(&d->r);
    if (*records > left / RECORD_BYTES_MIN || *outputs > left / OUTPUT_BYTES_MIN)
        return su_fail(d->e, SU_ETRUNC, d->at,
                       "offset %zu: %" PRIu32 " records and %" PRIu32
                       " outputs do not fit into the %zu bytes that follow",
                       d->r.pos - 8, *records, *outputs, left);
    return SU_OK;
}

static enum su_code read_all(struct decoder *d)
{
    uint32_t records = 0, outputs = 0;
    enum su_code c = read_header(d, &records, &outputs);

    for (uint32_t i = 0; i < records && !c; i++) {
        snprintf(d->at, sizeof d->at, "record %" PRIu32 " of %" PRIu32, i, records);
        c = read_record(d);
    }
    for (uint32_t i = 0; i < outputs && !c; i++) {
        snprintf(d->at, sizeof d->at, "output %" PRIu32 " of %" PRIu32, i, outputs);
        c = read_output(d);
    }
    if (c)
        return c;
    if (su_read_left(&d->r) > 0)
        return su_fail(d->e, SU_EFORMAT, "graph",
                       "offset %zu: %zu bytes follow the end of the graph", d->r.pos,
                       su_read_left(&d->r));
    return located(d, d->r.pos, su_graph_check(d->g, d->e));
}

enum su_code su_graph_decode(const void *data, size_t len, struct su_graph **out, struct su_err *e)
{
    struct decoder d = {.r = su_reader_of(data, len), .e = e};

    *out = NULL;
    if (len > SU_GRAPH_FILE_BYTES_MAX)
        return su_fail(e, SU_ELIMIT, "graph",
                       "%zu bytes are more than the %u of the largest graph; offset 0 not read",
                       len, SU_GRAPH_FILE_BYTES_MAX);
    d.g = su_graph_new();
    enum su_code c = read_all(&d);
    if (c)
        su_graph_free(d.g);
    else
        *out = d.g;
    return c;
}

enum su_code su_graph_load(const char *path, struct su_graph **out, struct su_err *e)
{
    struct su_map m;

    *out = NULL;
    enum su_code c = su_map_open(path, SU_GRAPH_FILE_BYTES_MAX, &m, e);
    if (c)
        return c;
    c = su_graph_decode(m.data, m.len, out, e);
    su_map_close(&m);
    if (c)
        su_wrap(e, "%s", path);
    return c;
}
