// SPDX-License-Identifier: MIT
/* Access to GGUF's keys and values where they stand in the file. The reader has checked them. */
#include "weights_priv.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    uint32_t bytes;
} types[SU_META_TYPES] = {
    [SU_META_U8] = {"u8", 1},       [SU_META_I8] = {"i8", 1},     [SU_META_U16] = {"u16", 2},
    [SU_META_I16] = {"i16", 2},     [SU_META_U32] = {"u32", 4},   [SU_META_I32] = {"i32", 4},
    [SU_META_F32] = {"f32", 4},     [SU_META_BOOL] = {"bool", 1}, [SU_META_STR] = {"str", 0},
    [SU_META_ARRAY] = {"array", 0}, [SU_META_U64] = {"u64", 8},   [SU_META_I64] = {"i64", 8},
    [SU_META_F64] = {"f64", 8},
};

const char *su_meta_type_name(enum su_meta_type t)
{
    return (unsigned)t < SU_META_TYPES ? types[t].name : "?";
}

uint32_t su_meta_type_bytes(enum su_meta_type t)
{
    return types[t].bytes;
}

static int key_order(const void *a, size_t a_len, const void *b, size_t b_len)
{
    int order = memcmp(a, b, SU_MIN(a_len, b_len));

    return order != 0 ? order : (a_len > b_len) - (a_len < b_len);
}

static int by_key(const void *a, const void *b)
{
    const struct su_meta_entry *x = a, *y = b;

    return key_order(x->key, x->key_bytes, y->key, y->key_bytes);
}

enum su_code su_meta_index(struct su_weights *w, struct su_err *e)
{
    qsort(w->meta, w->n_meta, sizeof *w->meta, by_key);
    for (uint32_t i = 1; i < w->n_meta; i++) {
        const struct su_meta_entry *a = &w->meta[i - 1], *b = &w->meta[i];
        if (by_key(a, b) == 0)
            return su_fail(e, SU_EFORMAT, w->at, "key '%.*s' twice, at offsets %td and %td",
                           (int)SU_MIN(a->key_bytes, 80u), (const char *)a->key,
                           SU_MIN(a->key, b->key) - w->data, SU_MAX(a->key, b->key) - w->data);
    }
    return SU_OK;
}

/* Type, count and elements of an array as it stands in the file. */
static void array_at(const uint8_t *p, struct su_meta_value *out)
{
    out->type = (enum su_meta_type)su_le32(p);
    out->array = true;
    out->n = su_le64(p + 4);
    out->data = p + 12;
}

static struct su_meta_value meta_of(const struct su_meta_entry *m)
{
    struct su_meta_value out = {.key = {m->key, m->key_bytes},
                                .type = (enum su_meta_type)m->type,
                                .n = 1,
                                .data = m->value};

    if (m->type == SU_META_ARRAY)
        array_at(m->value, &out);
    return out;
}

uint32_t su_meta_count(const struct su_weights *w)
{
    return w->n_meta;
}

struct su_meta_value su_meta_at(const struct su_weights *w, uint32_t i)
{
    SU_ASSERT(i < w->n_meta);
    return meta_of(&w->meta[i]);
}

bool su_meta_find(const struct su_weights *w, const char *key, struct su_meta_value *out)
{
    size_t len = strlen(key);
    uint32_t lo = 0, hi = w->n_meta;

    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        const struct su_meta_entry *m = &w->meta[mid];
        int order = key_order(key, len, m->key, m->key_bytes);
        if (order == 0) {
            *out = meta_of(m);
            return true;
        }
        if (order < 0)
            hi = mid;
        else
            lo = mid + 1;
    }
    *out = (struct su_meta_value){0};
    return false;
}

static enum su_code meta_get(const struct su_weights *w, const char *key, struct su_meta_value *out,
                             struct su_err *e)
{
    if (su_meta_find(w, key, out))
        return SU_OK;
    return su_fail(e, SU_ENOENT, w->at, "no key '%.80s'", key);
}

static enum su_code wrong_type(const struct su_weights *w, const struct su_meta_value *m,
                               const char *want, struct su_err *e)
{
    return su_fail(e, SU_ETYPE, w->at, "key '%.*s' at offset %td is %s%s, where %s is wanted",
                   (int)SU_MIN(m->key.len, 80u), (const char *)m->key.data,
                   (const uint8_t *)m->key.data - w->data, m->array ? "an array of " : "of type ",
                   su_meta_type_name(m->type), want);
}

static bool is_integer(enum su_meta_type t)
{
    return t <= SU_META_I32 || t == SU_META_U64 || t == SU_META_I64;
}

static enum su_code get_unsigned(const struct su_weights *w, const char *key, uint64_t max,
                                 const char *name, uint64_t *out, struct su_err *e)
{
    struct su_meta_value m;
    enum su_code c = meta_get(w, key, &m, e);

    if (c)
        return c;
    if (m.array || !is_integer(m.type))
        return wrong_type(w, &m, name, e);
    int64_t v = su_meta_int_at(&m, 0);
    if ((v < 0 && m.type != SU_META_U64) || (uint64_t)v > max)
        return su_fail(e, SU_ETYPE, w->at, "key '%.80s' is %s%" PRIu64 ", which does not fit %s",
                       key, v < 0 && m.type != SU_META_U64 ? "-" : "",
                       v < 0 && m.type != SU_META_U64 ? 0 - (uint64_t)v : (uint64_t)v, name);
    *out = (uint64_t)v;
    return SU_OK;
}

enum su_code su_meta_u32(const struct su_weights *w, const char *key, uint32_t *out,
                         struct su_err *e)
{
    uint64_t v = 0;
    enum su_code c = get_unsigned(w, key, UINT32_MAX, "u32", &v, e);

    if (!c)
        *out = (uint32_t)v;
    return c;
}

enum su_code su_meta_u64(const struct su_weights *w, const char *key, uint64_t *out,
                         struct su_err *e)
{
    return get_unsigned(w, key, UINT64_MAX, "u64", out, e);
}

enum su_code su_meta_f32(const struct su_weights *w, const char *key, float *out, struct su_err *e)
{
    struct su_meta_value m;
    enum su_code c = meta_get(w, key, &m, e);
    float v;

    if (c)
        return c;
    if (m.array || (m.type != SU_META_F32 && m.type != SU_META_F64))
        return wrong_type(w, &m, "f32", e);
    if (m.type == SU_META_F32) {
        v = su_meta_f32_at(&m, 0);
    } else {
        uint64_t bits = su_le64(m.data);
        double wide;
        memcpy(&wide, &bits, sizeof wide);
        v = (float)wide;
    }
    if (!isfinite(v))
        return su_fail(e, SU_ETYPE, w->at, "key '%.80s' is no finite f32", key);
    *out = v;
    return SU_OK;
}

enum su_code su_meta_bool(const struct su_weights *w, const char *key, bool *out, struct su_err *e)
{
    struct su_meta_value m;
    enum su_code c = meta_get(w, key, &m, e);

    if (c)
        return c;
    if (m.array || m.type != SU_META_BOOL)
        return wrong_type(w, &m, "bool", e);
    *out = m.data[0] != 0;
    return SU_OK;
}

static void text_at(const uint8_t *p, struct su_bytes *out)
{
    out->len = (size_t)su_le64(p);
    out->data = p + 8;
}

enum su_code su_meta_str(const struct su_weights *w, const char *key, struct su_bytes *out,
                         struct su_err *e)
{
    struct su_meta_value m;
    enum su_code c = meta_get(w, key, &m, e);

    if (c)
        return c;
    if (m.array || m.type != SU_META_STR)
        return wrong_type(w, &m, "str", e);
    text_at(m.data, out);
    return SU_OK;
}

enum su_code su_meta_array(const struct su_weights *w, const char *key, enum su_meta_type element,
                           struct su_meta_value *out, struct su_err *e)
{
    struct su_meta_value m;
    char want[32];
    enum su_code c = meta_get(w, key, &m, e);

    if (c)
        return c;
    if (!m.array || m.type != element) {
        (void)snprintf(want, sizeof want, "an array of %s", su_meta_type_name(element));
        return wrong_type(w, &m, want, e);
    }
    *out = m;
    return SU_OK;
}

int64_t su_meta_int_at(const struct su_meta_value *m, uint64_t i)
{
    const uint8_t *p = m->data + i * types[m->type].bytes;

    SU_ASSERT(i < m->n && (is_integer(m->type) || m->type == SU_META_BOOL));
    switch (m->type) {
    case SU_META_I8:
        return (int8_t)*p;
    case SU_META_U16:
        return su_le16(p);
    case SU_META_I16:
        return (int16_t)su_le16(p);
    case SU_META_U32:
        return su_le32(p);
    case SU_META_I32:
        return (int32_t)su_le32(p);
    case SU_META_U64:
    case SU_META_I64:
        return (int64_t)su_le64(p);
    default:
        return *p;
    }
}

float su_meta_f32_at(const struct su_meta_value *m, uint64_t i)
{
    SU_ASSERT(i < m->n && m->type == SU_META_F32);
    return su_f32_from_bits(su_le32(m->data + 4 * i));
}

bool su_meta_next_str(struct su_meta_value *m, struct su_bytes *out)
{
    SU_ASSERT(m->array && m->type == SU_META_STR);
    if (m->n == 0)
        return false;
    text_at(m->data, out);
    m->data += 8 + out->len;
    m->n--;
    return true;
}

/* First byte after n values that begin at p. */
static const uint8_t *values_end(enum su_meta_type type, uint64_t n, const uint8_t *p)
{
    if (types[type].bytes > 0)
        return p + n * types[type].bytes;
    for (; n > 0; n--) {
        struct su_meta_value inner;
        if (type == SU_META_STR) {
            p += 8 + su_le64(p);
        } else {
            array_at(p, &inner);
            p = values_end(inner.type, inner.n, inner.data);
        }
    }
    return p;
}

bool su_meta_next_array(struct su_meta_value *m, struct su_meta_value *out)
{
    SU_ASSERT(m->array && m->type == SU_META_ARRAY);
    if (m->n == 0)
        return false;
    *out = (struct su_meta_value){.key = m->key};
    array_at(m->data, out);
    m->data = values_end(out->type, out->n, out->data);
    m->n--;
    return true;
}
