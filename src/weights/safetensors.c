// SPDX-License-Identifier: MIT
#include "weights_priv.h"

#include <inttypes.h>
#include <string.h>

#define LENGTH_BYTES 8u

/* One walk over the header. The first counts, the second, over the same bytes, fills. */
struct walk {
    struct su_scan scan;
    uint64_t data_start, data_len; /* of the data section, in the file */
    const uint8_t *data;
    struct su_tensor *tensor; /* NULL: count only */
    char *names;
    uint32_t n_tensor;
    size_t name_bytes;
};

/* What one tensor's object says. */
struct entry {
    const char *name;
    char dtype[24];
    size_t dtype_len;
    struct su_shape shape;
    uint64_t begin, end;
    bool has_dtype, has_shape, has_offsets;
};

static bool text_is(const char *text, size_t len, const char *want)
{
    return len == strlen(want) && memcmp(text, want, len) == 0;
}

static enum su_code read_shape(struct su_scan *s, struct entry *t)
{
    bool more = true;
    enum su_code c = su_scan_take(s, '[');

    if (c)
        return c;
    if (su_scan_peek(s) == ']')
        return su_scan_take(s, ']');
    while (more) {
        uint64_t dim;
        if ((c = su_scan_u64(s, &dim)))
            return c;
        if (t->shape.rank == SU_GRAPH_RANK_MAX)
            return su_scan_fail(s, SU_ELIMIT, "tensor '%s': more than %d axes", t->name,
                                SU_GRAPH_RANK_MAX);
        if (dim > SU_GRAPH_DIM_MAX)
            return su_scan_fail(s, SU_ELIMIT, "tensor '%s': an axis of %" PRIu64 " exceeds %u",
                                t->name, dim, SU_GRAPH_DIM_MAX);
        t->shape.dim[t->shape.rank++] = (uint32_t)dim;
        if ((c = su_scan_more(s, ']', &more)))
            return c;
    }
    return SU_OK;
}

static enum su_code read_offsets(struct su_scan *s, struct entry *t)
{
    enum su_code c;

    if ((c = su_scan_take(s, '[')) || (c = su_scan_u64(s, &t->begin)) ||
        (c = su_scan_take(s, ',')) || (c = su_scan_u64(s, &t->end)))
        return c;
    return su_scan_take(s, ']');
}

static enum su_code read_field(struct su_scan *s, struct entry *t)
{
    char key[16];
    size_t len;
    enum su_code c = su_scan_string(s, key, sizeof key, &len);
    bool *seen = NULL;

    if (c)
        return c;
    if (text_is(key, len, "dtype"))
        seen = &t->has_dtype;
    else if (text_is(key, len, "shape"))
        seen = &t->has_shape;
    else if (text_is(key, len, "data_offsets"))
        seen = &t->has_offsets;
    if (!seen)
        return su_scan_fail(s, SU_EFORMAT,
                            "tensor '%s': unknown field '%s'; dtype, shape and data_offsets "
                            "are the known ones",
                            t->name, key);
    if (*seen)
        return su_scan_fail(s, SU_EFORMAT, "tensor '%s': field '%s' twice", t->name, key);
    *seen = true;
    if ((c = su_scan_take(s, ':')))
        return c;
    if (seen == &t->has_dtype)
        return su_scan_string(s, t->dtype, sizeof t->dtype, &t->dtype_len);
    return seen == &t->has_shape ? read_shape(s, t) : read_offsets(s, t);
}

/* Type, size and place of a tensor whose object has been read. */
static enum su_code check_entry(const struct walk *w, const struct entry *t, struct su_tensor *out)
{
    const struct su_scan *s = &w->scan;
    uint64_t n;
    char text[80];

    if (!t->has_dtype || !t->has_shape || !t->has_offsets)
        return su_scan_fail(s, SU_EFORMAT, "tensor '%s': no %s before its end", t->name,
                            !t->has_dtype   ? "dtype"
                            : !t->has_shape ? "shape"
                                            : "data_offsets");
    if (strlen(t->dtype) != t->dtype_len || !su_weights_dtype_find(t->dtype, &out->dtype))
        return su_scan_fail(s, SU_EUNSUPPORTED,
                            "tensor '%s' has type '%s'; convert it to F32, F16, BF16, I32 or "
                            "U32: its entry ends",
                            t->name, t->dtype);
    out->shape = t->shape;
    if (!su_weights_elements(&t->shape, &n))
        return su_scan_fail(s, SU_ELIMIT, "tensor '%s': shape %s has more than %llu elements",
                            t->name, su_shape_format(&t->shape, text, sizeof text),
                            SU_GRAPH_WEIGHT_ELEMENTS_MAX);
    out->bytes = n * su_weights_dtype_bytes(out->dtype);
    if (t->begin > t->end || t->end - t->begin != out->bytes)
        return su_scan_fail(s, SU_EFORMAT,
                            "tensor '%s': data_offsets [%" PRIu64 ",%" PRIu64
                            "] are not the %" PRIu64 " bytes of %s %s: its entry ends",
                            t->name, t->begin, t->end, out->bytes, t->dtype,
                            su_shape_format(&t->shape, text, sizeof text));
    if (t->end > w->data_len)
        return su_fail(s->e, SU_ETRUNC, s->at,
                       "tensor '%s': %" PRIu64 " bytes at offset %" PRIu64
                       " end beyond the file of %" PRIu64 " bytes; fetch it again",
                       t->name, out->bytes, w->data_start + t->begin, w->data_start + w->data_len);
    out->offset = w->data_start + t->begin;
    out->data = w->data + t->begin;
    return SU_OK;
}

static enum su_code read_tensor(struct walk *w, const char *name, size_t name_len)
{
    struct su_scan *s = &w->scan;
    struct entry t = {.name = name};
    struct su_tensor out = {0};
    bool more = true;
    enum su_code c;

    if ((c = su_scan_take(s, '{')))
        return c;
    if (su_scan_peek(s) == '}') {
        more = false;
        if ((c = su_scan_take(s, '}')))
            return c;
    }
    while (more) {
        if ((c = read_field(s, &t)) || (c = su_scan_more(s, '}', &more)))
            return c;
    }
    if ((c = check_entry(w, &t, &out)))
        return c;
    if (w->n_tensor == SU_WEIGHTS_TENSOR_MAX)
        return su_scan_fail(s, SU_ELIMIT, "more than %u tensors", SU_WEIGHTS_TENSOR_MAX);
    if (w->tensor) {
        out.name = memcpy(w->names + w->name_bytes, name, name_len + 1);
        w->tensor[w->n_tensor] = out;
    }
    w->n_tensor++;
    w->name_bytes += name_len + 1;
    return SU_OK;
}

static enum su_code read_metadata(struct su_scan *s)
{
    bool more = true;
    size_t len;
    enum su_code c = su_scan_take(s, '{');

    if (c)
        return c;
    if (su_scan_peek(s) == '}')
        return su_scan_take(s, '}');
    while (more) {
        if ((c = su_scan_string(s, NULL, 0, &len)) || (c = su_scan_take(s, ':')) ||
            (c = su_scan_string(s, NULL, 0, &len)) || (c = su_scan_more(s, '}', &more)))
            return c;
    }
    return SU_OK;
}

static enum su_code read_member(struct walk *w, bool *has_metadata)
{
    struct su_scan *s = &w->scan;
    char name[SU_GRAPH_NAME_MAX + 1];
    size_t len;
    enum su_code c = su_scan_string(s, name, sizeof name, &len);

    if (c)
        return c;
    if (text_is(name, SU_MIN(len, sizeof name), "__metadata__")) {
        if (*has_metadata)
            return su_scan_fail(s, SU_EFORMAT, "'__metadata__' twice");
        *has_metadata = true;
        c = su_scan_take(s, ':');
        return c ? c : read_metadata(s);
    }
    const char *wrong = su_weights_name_error(name, len);
    if (wrong)
        return su_scan_fail(s, len > SU_GRAPH_NAME_MAX ? SU_ELIMIT : SU_EFORMAT,
                            "tensor '%s': %s: it ends", name, wrong);
    c = su_scan_take(s, ':');
    return c ? c : read_tensor(w, name, len);
}

static enum su_code read_header(struct walk *w)
{
    struct su_scan *s = &w->scan;
    bool more = true, has_metadata = false;
    enum su_code c;

    if ((c = su_scan_take(s, '{')))
        return c;
    if (su_scan_peek(s) == '}') {
        more = false;
        if ((c = su_scan_take(s, '}')))
            return c;
    }
    while (more) {
        if ((c = read_member(w, &has_metadata)) || (c = su_scan_more(s, '}', &more)))
            return c;
    }
    if (su_scan_peek(s) >= 0)
        return su_scan_fail(s, SU_EFORMAT, "bytes after the JSON header's closing '}'");
    return SU_OK;
}

/* Length of the header, checked against the file. */
static enum su_code read_length(const struct su_weights *w, uint64_t *header, struct su_err *e)
{
    if (w->len < LENGTH_BYTES)
        return su_fail(e, SU_ETRUNC, w->at,
                       "%" PRIu64 " bytes; a safetensors file begins with a header length of %u "
                       "bytes at offset 0, a GGUF file is longer",
                       w->len, LENGTH_BYTES);
    *header = su_le64(w->data);
    if (*header > SU_WEIGHTS_HEADER_BYTES_MAX)
        return su_fail(e, SU_ELIMIT, w->at,
                       "header length %" PRIu64 " at offset 0 exceeds the limit of %u bytes; is "
                       "this a safetensors or GGUF file?",
                       *header, SU_WEIGHTS_HEADER_BYTES_MAX);
    if (*header > w->len - LENGTH_BYTES)
        return su_fail(e, SU_ETRUNC, w->at,
                       "header of %" PRIu64 " bytes at offset %u ends beyond the file of %" PRIu64
                       " bytes; fetch it again",
                       *header, LENGTH_BYTES, w->len);
    return SU_OK;
}

enum su_code su_safetensors_parse(struct su_weights *w, struct su_err *e)
{
    uint64_t header = 0;
    enum su_code c = read_length(w, &header, e);

    if (c)
        return c;
    uint64_t start = LENGTH_BYTES + header;
    struct walk walk = {.scan = {.text = w->data + LENGTH_BYTES,
                                 .len = (size_t)header,
                                 .base = LENGTH_BYTES,
                                 .at = w->at,
                                 .e = e},
                        .data_start = start,
                        .data_len = w->len - start,
                        .data = w->data + start};
    if ((c = read_header(&walk)))
        return c;
    if ((c = su_weights_reserve(w, walk.n_tensor, walk.name_bytes, e)))
        return c;
    walk.tensor = w->tensor;
    walk.names = w->names;
    walk.n_tensor = 0;
    walk.name_bytes = 0;
    walk.scan.pos = 0;
    if ((c = read_header(&walk)))
        return c;
    w->n_tensor = walk.n_tensor;
    return su_weights_index(w, start, 1, e);
}
