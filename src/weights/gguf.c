// SPDX-License-Identifier: MIT
/* GGUF, versions 2 and 3 (https://github.com/ggml-org/ggml, docs/gguf.md), all little-endian:

     file   := "GGUF" version:u32 tensors:u64 keys:u64 key* info* padding data
     key    := text type:u32 value            type: enum su_meta_type
     text   := bytes:u64 byte*
     value  := a number of the type, 1 to 8 bytes; bool: a byte, 0 or 1; text;
               array: type:u32 count:u64 value*
     info   := name:text axes:u32 dim:u64 (axes times, the fastest first) type:u32 offset:u64

   padding and offsets are to multiples of the u32 under "general.alignment", 32 without it; offsets
   count from the end of the padding. */
#include "weights_priv.h"

#include <inttypes.h>
#include <string.h>

#define MAGIC "GGUF"
#define HEAD_BYTES 24u
#define ALIGN_KEY "general.alignment"
#define ALIGN_DEFAULT 32u
#define ALIGN_MIN 8u
#define ALIGN_MAX 65536u
#define KEY_BYTES_MAX 65535u

/* Tensor types by number. Those without a dtype are known by name only; gaps were once types and
   are gone from the format. */
static const struct {
    const char *name;
    int dtype;
} types[] = {
    [0] = {"F32", SU_F32},    [1] = {"F16", SU_F16},    [2] = {"Q4_0", SU_Q4_0},
    [3] = {"Q4_1", SU_Q4_1},  [4] = {"Q4_2", -1},       [5] = {"Q4_3", -1},
    [6] = {"Q5_0", SU_Q5_0},  [7] = {"Q5_1", SU_Q5_1},  [8] = {"Q8_0", SU_Q8_0},
    [9] = {"Q8_1", -1},       [10] = {"Q2_K", -1},      [11] = {"Q3_K", -1},
    [12] = {"Q4_K", SU_Q4_K}, [13] = {"Q5_K", SU_Q5_K}, [14] = {"Q6_K", SU_Q6_K},
    [15] = {"Q8_K", -1},      [16] = {"IQ2_XXS", -1},   [17] = {"IQ2_XS", -1},
    [18] = {"IQ3_XXS", -1},   [19] = {"IQ1_S", -1},     [20] = {"IQ4_NL", -1},
    [21] = {"IQ3_S", -1},     [22] = {"IQ2_S", -1},     [23] = {"IQ4_XS", -1},
    [24] = {"I8", -1},        [25] = {"I16", -1},       [26] = {"I32", -1},
    [27] = {"I64", -1},       [28] = {"F64", -1},       [29] = {"IQ1_M", -1},
    [30] = {"BF16", SU_BF16}, [34] = {"TQ1_0", -1},     [35] = {"TQ2_0", -1},
    [39] = {"MXFP4", -1},     [40] = {"NVFP4", -1},     [41] = {"Q1_0", -1},
};

bool su_gguf_type_number(enum su_dtype d, uint32_t *out)
{
    for (uint32_t i = 0; i < SU_ARRAY_LEN(types); i++) {
        if (types[i].name && types[i].dtype == (int)d) {
            *out = i;
            return true;
        }
    }
    return false;
}

/* One walk over the header. The first counts and checks, the second, over the same bytes, fills. */
struct walk {
    struct su_weights *w;
    struct su_reader r; /* the header, or what may be header */
    struct su_err *e;
    bool fill;
    uint64_t n_tensor, n_meta, name_bytes, align;
    uint64_t data_start; /* of the data; known in the second walk */
};

bool su_gguf_sniff(const struct su_weights *w)
{
    return w->len >= 4 && memcmp(w->data, MAGIC, 4) == 0;
}

static enum su_code bad(const struct walk *k, enum su_code code, size_t at, const char *fmt, ...)
    SU_PRINTF(4, 5);
static enum su_code bad(const struct walk *k, enum su_code code, size_t at, const char *fmt, ...)
{
    char what[320];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    return su_fail(k->e, code, k->w->at, "%s at offset %zu", what, at);
}

/* What stands at `at` goes beyond what the file holds, or a header may hold. */
static enum su_code beyond(const struct walk *k, size_t at, const char *what)
{
    if (k->r.len < k->w->len)
        return su_fail(k->e, SU_ELIMIT, k->w->at,
                       "%s at offset %zu ends beyond the limit of %u bytes before the data", what,
                       at, SU_WEIGHTS_HEADER_BYTES_MAX);
    return su_fail(k->e, SU_ETRUNC, k->w->at,
                   "%s at offset %zu ends beyond the file of %" PRIu64 " bytes; fetch it again",
                   what, at, k->w->len);
}

static enum su_code read_text(struct walk *k, const char *what, struct su_bytes *out)
{
    size_t at = k->r.pos;
    uint64_t n = su_read_u64(&k->r);

    if (k->r.failed || n > su_read_left(&k->r))
        return beyond(k, at, what);
    out->len = (size_t)n;
    out->data = su_read_bytes(&k->r, out->len);
    return SU_OK;
}

/* ---- metadata ---- */

static enum su_code check_bools(const struct walk *k, size_t at, uint64_t n, const char *what)
{
    for (uint64_t i = 0; i < n; i++) {
        if (k->r.data[at + i] > 1)
            return bad(k, SU_EFORMAT, at + i, "%s: a bool of %u", what, k->r.data[at + i]);
    }
    return SU_OK;
}

/* Takes n values of one type, arrays that stand in `depth` others. */
static enum su_code skip_values(struct walk *k, uint32_t type, uint64_t n, unsigned depth,
                                const char *what)
{
    size_t at = k->r.pos;

    if (type >= SU_META_TYPES)
        return bad(k, SU_EFORMAT, at - 4, "%s: type number %" PRIu32 "; the last known is %d", what,
                   type, SU_META_TYPES - 1);
    uint32_t size = su_meta_type_bytes((enum su_meta_type)type);
    if (size > 0) {
        if (n > su_read_left(&k->r) / size)
            return beyond(k, at, what);
        (void)su_read_bytes(&k->r, (size_t)(n * size));
        return type == SU_META_BOOL ? check_bools(k, at, n, what) : SU_OK;
    }
    if (type == SU_META_ARRAY && depth == SU_WEIGHTS_META_DEPTH_MAX)
        return bad(k, SU_ELIMIT, at, "%s: arrays within arrays deeper than %d", what,
                   SU_WEIGHTS_META_DEPTH_MAX);
    /* Each text or array takes bytes, so the file's length bounds the loop, whatever n says. */
    for (uint64_t i = 0; i < n; i++) {
        struct su_bytes text;
        enum su_code c;
        if (type == SU_META_STR) {
            c = read_text(k, what, &text);
        } else {
            at = k->r.pos;
            uint32_t inner = su_read_u32(&k->r);
            uint64_t count = su_read_u64(&k->r);
            if (k->r.failed)
                return beyond(k, at, what);
            if (inner >= SU_META_TYPES)
                return bad(k, SU_EFORMAT, at,
                           "%s: elements of type number %" PRIu32 "; the last known is %d", what,
                           inner, SU_META_TYPES - 1);
            c = skip_values(k, inner, count, depth + 1, what);
        }
        if (c)
            return c;
    }
    return SU_OK;
}

static enum su_code read_alignment(struct walk *k, const struct su_meta_entry *m)
{
    size_t at = (size_t)(m->value - k->r.data);

    if (m->type != SU_META_U32)
        return bad(k, SU_EFORMAT, at, "key '" ALIGN_KEY "' has type %s instead of u32",
                   su_meta_type_name((enum su_meta_type)m->type));
    k->align = su_le32(m->value);
    if (k->align < ALIGN_MIN || k->align > ALIGN_MAX || (k->align & (k->align - 1)) != 0)
        return bad(k, SU_EFORMAT, at,
                   "key '" ALIGN_KEY "' is %" PRIu64 "; a power of two from %u to %u is allowed",
                   k->align, ALIGN_MIN, ALIGN_MAX);
    return SU_OK;
}

static enum su_code read_key(struct walk *k)
{
    size_t at = k->r.pos;
    struct su_bytes key;
    char what[80];
    enum su_code c = read_text(k, "a key", &key);

    if (c)
        return c;
    (void)snprintf(what, sizeof what, "key '%.*s'", (int)SU_MIN(key.len, 60u),
                   (const char *)key.data);
    if (key.len > KEY_BYTES_MAX)
        return bad(k, SU_ELIMIT, at, "%s...: %zu bytes long, the limit is %u", what, key.len,
                   KEY_BYTES_MAX);
    for (size_t i = 0; i < key.len; i++) {
        uint8_t byte = ((const uint8_t *)key.data)[i];
        if (byte < ' ' || byte > '~')
            return bad(k, SU_EFORMAT, at, "%s: byte 0x%02x; keys are printable ASCII", what, byte);
    }
    if (key.len == 0)
        return bad(k, SU_EFORMAT, at, "an empty key");
    struct su_meta_entry m = {.key = key.data, .key_bytes = (uint32_t)key.len};
    m.type = su_read_u32(&k->r);
    if (k->r.failed)
        return beyond(k, at, what);
    m.value = k->r.data + k->r.pos;
    if ((c = skip_values(k, m.type, 1, 0, what)))
        return c;
    if (key.len == strlen(ALIGN_KEY) && memcmp(key.data, ALIGN_KEY, key.len) == 0 &&
        (c = read_alignment(k, &m)))
        return c;
    if (k->fill)
        k->w->meta[k->n_meta] = m;
    k->n_meta++;
    return SU_OK;
}

/* ---- tensors ---- */

static enum su_code read_shape(struct walk *k, const char *name, size_t at, struct su_shape *s)
{
    s->rank = su_read_u32(&k->r);
    if (k->r.failed)
        return beyond(k, at, "a tensor's entry");
    if (s->rank > SU_GRAPH_RANK_MAX)
        return bad(k, SU_ELIMIT, at, "tensor '%s': %" PRIu32 " axes exceed %d", name, s->rank,
                   SU_GRAPH_RANK_MAX);
    for (uint32_t i = s->rank; i-- > 0;) {
        uint64_t dim = su_read_u64(&k->r);
        if (dim > SU_GRAPH_DIM_MAX)
            return bad(k, SU_ELIMIT, at, "tensor '%s': an axis of %" PRIu64 " exceeds %u", name,
                       dim, SU_GRAPH_DIM_MAX);
        s->dim[i] = (uint32_t)dim;
    }
    return SU_OK;
}

static enum su_code find_type(const struct walk *k, const char *name, size_t at, uint32_t type,
                              enum su_dtype *out)
{
    bool named = type < SU_ARRAY_LEN(types) && types[type].name;
    char number[32];

    if (named && types[type].dtype >= 0) {
        *out = (enum su_dtype)types[type].dtype;
        return SU_OK;
    }
    (void)snprintf(number, sizeof number, "number %" PRIu32, type);
    return bad(k, SU_EUNSUPPORTED, at,
               "tensor '%s' has type %s; use a file of F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, "
               "Q8_0, Q4_K, Q5_K, Q6_K: its entry stands",
               name, named ? types[type].name : number);
}

/* Size of a tensor from its type and shape. */
static enum su_code measure(const struct walk *k, size_t at, struct su_tensor *t)
{
    uint32_t block = su_dtype_block_elements(t->dtype);
    uint32_t last = t->shape.rank ? t->shape.dim[t->shape.rank - 1] : 1;
    char text[80];
    uint64_t n;

    (void)su_shape_format(&t->shape, text, sizeof text);
    if (!su_weights_elements(&t->shape, &n))
        return bad(k, SU_ELIMIT, at, "tensor '%s': shape %s has more than %llu elements", t->name,
                   text, SU_GRAPH_WEIGHT_ELEMENTS_MAX);
    if (last % block != 0)
        return bad(k, SU_EFORMAT, at,
                   "tensor '%s': blocks of %" PRIu32 " do not fill the last axis of %s %s", t->name,
                   block, su_dtype_name(t->dtype), text);
    t->bytes = n / block * su_dtype_block_bytes(t->dtype);
    return SU_OK;
}

/* Place of a tensor in the file; the offset counts from the start of the data. */
static enum su_code place(const struct walk *k, size_t at, uint64_t offset, struct su_tensor *t)
{
    uint64_t room = k->w->len - k->data_start;

    if (offset % k->align != 0)
        return bad(k, SU_EFORMAT, at,
                   "tensor '%s': offset %" PRIu64 " is no multiple of %" PRIu64
                   ": its entry stands",
                   t->name, offset, k->align);
    if (offset > room || t->bytes > room - offset)
        return su_fail(k->e, SU_ETRUNC, k->w->at,
                       "tensor '%s': %" PRIu64 " bytes at offset %" PRIu64 " + %" PRIu64
                       " end beyond the file of %" PRIu64 " bytes; fetch it again",
                       t->name, t->bytes, k->data_start, offset, k->w->len);
    t->offset = k->data_start + offset;
    t->data = k->w->data + t->offset;
    return SU_OK;
}

static enum su_code read_info(struct walk *k)
{
    size_t at = k->r.pos;
    struct su_tensor t = {0};
    char name[SU_GRAPH_NAME_MAX + 1] = "";
    struct su_bytes text;
    enum su_code c = read_text(k, "a tensor's name", &text);

    if (c)
        return c;
    if (text.len > 0)
        memcpy(name, text.data, SU_MIN(text.len, sizeof name - 1));
    t.name = name;
    const char *wrong = su_weights_name_error(text.data, text.len);
    if (wrong)
        return bad(k, text.len > SU_GRAPH_NAME_MAX ? SU_ELIMIT : SU_EFORMAT, at,
                   "tensor '%s': %s: its entry stands", name, wrong);
    if ((c = read_shape(k, name, at, &t.shape)))
        return c;
    uint32_t type = su_read_u32(&k->r);
    uint64_t offset = su_read_u64(&k->r);
    if (k->r.failed)
        return beyond(k, at, "a tensor's entry");
    if ((c = find_type(k, name, at, type, &t.dtype)) || (c = measure(k, at, &t)))
        return c;
    if (k->fill) {
        if ((c = place(k, at, offset, &t)))
            return c;
        t.name = memcpy(k->w->names + k->name_bytes, name, text.len + 1);
        k->w->tensor[k->n_tensor] = t;
    }
    k->n_tensor++;
    k->name_bytes += text.len + 1;
    return SU_OK;
}

/* ---- the whole ---- */

static enum su_code read_head(struct walk *k, uint64_t *tensors, uint64_t *keys)
{
    (void)su_read_u32(&k->r);
    uint32_t version = su_read_u32(&k->r);
    *tensors = su_read_u64(&k->r);
    *keys = su_read_u64(&k->r);
    if (k->r.failed)
        return su_fail(k->e, SU_ETRUNC, k->w->at,
                       "%" PRIu64 " bytes; a GGUF file begins with %u; fetch it again", k->w->len,
                       HEAD_BYTES);
    if (version != 0 && (version & 0xffffu) == 0)
        return bad(k, SU_EUNSUPPORTED, 4,
                   "a big-endian GGUF file, to be converted to little-endian: its version stands");
    if (version != 2 && version != 3)
        return bad(k, SU_EUNSUPPORTED, 4,
                   "GGUF version %" PRIu32
                   ", where 2 or 3 is wanted (convert the model again), stands",
                   version);
    if (*tensors > SU_WEIGHTS_TENSOR_MAX)
        return bad(k, SU_ELIMIT, 8, "%" PRIu64 " tensors exceed the limit of %u", *tensors,
                   SU_WEIGHTS_TENSOR_MAX);
    if (*keys > SU_WEIGHTS_META_MAX)
        return bad(k, SU_ELIMIT, 16, "%" PRIu64 " keys exceed the limit of %u", *keys,
                   SU_WEIGHTS_META_MAX);
    return SU_OK;
}

static enum su_code read_header(struct walk *k)
{
    uint64_t tensors, keys;
    enum su_code c = read_head(k, &tensors, &keys);

    k->align = ALIGN_DEFAULT;
    k->n_tensor = k->n_meta = k->name_bytes = 0;
    while (!c && k->n_meta < keys)
        c = read_key(k);
    while (!c && k->n_tensor < tensors)
        c = read_info(k);
    return c;
}

enum su_code su_gguf_parse(struct su_weights *w, struct su_err *e)
{
    size_t limit = (size_t)SU_MIN(w->len, (uint64_t)SU_WEIGHTS_HEADER_BYTES_MAX);
    struct walk k = {.w = w, .e = e, .r = su_reader_of(w->data, limit)};
    enum su_code c = read_header(&k);

    if (c)
        return c;
    k.data_start = SU_MIN(su_align_up(k.r.pos, k.align), w->len);
    if ((c = su_weights_reserve(w, k.n_tensor, k.name_bytes, e)))
        return c;
    w->meta = su_try_alloc(SU_MAX(k.n_meta, 1u), sizeof *w->meta);
    if (!w->meta)
        return su_fail(e, SU_ENOMEM, w->at, "out of memory for %" PRIu64 " keys", k.n_meta);
    k.fill = true;
    k.r.pos = 0;
    if ((c = read_header(&k)))
        return c;
    w->n_tensor = (uint32_t)k.n_tensor;
    w->n_meta = (uint32_t)k.n_meta;
    if ((c = su_meta_index(w, e)))
        return c;
    return su_weights_index(w, k.data_start, k.align, e);
}
