// SPDX-License-Identifier: MIT
#include "toys.h"

#include <stdlib.h>
#include <string.h>

#include "toy_vectors.h"

const struct toy *const toy_list = toys;
const size_t toy_count = SU_ARRAY_LEN(toys);

const struct toy *toy_find(const char *name)
{
    for (size_t i = 0; i < toy_count; i++) {
        if (strcmp(toys[i].name, name) == 0)
            return &toys[i];
    }
    fail_msg("no toy %s", name);
    return NULL;
}

/* ---- weights, as make_toy_vectors.py makes them ---- */

static uint64_t word(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static uint64_t seed_of(const char *name)
{
    uint64_t h = 0xcbf29ce484222325u;

    for (; *name; name++)
        h = (h ^ (uint8_t)*name) * 0x100000001b3u;
    return h;
}

/* The halves of a block that are not left to chance. */
struct halves {
    enum su_dtype dtype;
    uint32_t at[2];
    uint16_t half[2];
    uint32_t n;
};
static const struct halves fixed[] = {
    {SU_Q8_0, {0}, {0x0c00}, 1},
    {SU_Q4_K, {0, 2}, {0x0800, 0x1400}, 2},
    {SU_Q6_K, {208}, {0x0100}, 1},
    {SU_Q4_1, {0, 2}, {0x2400, 0xaf80}, 2},
};

static void put_blocks(const struct toy_tensor *t, uint8_t *out, uint64_t bytes)
{
    uint64_t state = seed_of(t->name);
    uint32_t size = su_dtype_block_bytes(t->dtype);

    for (uint64_t i = 0; i < bytes; i++)
        out[i] = (uint8_t)(word(&state) >> 56);
    for (size_t k = 0; k < SU_ARRAY_LEN(fixed); k++) {
        for (uint64_t b = 0; b < bytes && fixed[k].dtype == t->dtype; b += size) {
            for (uint32_t i = 0; i < fixed[k].n; i++)
                su_put_le16(out + b + fixed[k].at[i], fixed[k].half[i]);
        }
    }
}

/* Owned by the caller. */
static uint8_t *bytes_of(const struct toy_tensor *t, uint64_t *bytes)
{
    assert_int_equal(su_tensor_bytes(t->dtype, &t->shape, bytes, NULL), SU_OK);
    uint8_t *out = malloc(*bytes);
    assert_non_null(out);
    if (su_dtype_is_block(t->dtype)) {
        put_blocks(t, out, *bytes);
        return out;
    }
    uint64_t state = seed_of(t->name), n = su_shape_elements(&t->shape);
    for (uint64_t i = 0; i < n; i++) {
        float u = (float)((int32_t)(word(&state) >> 40) - (1 << 23)) * 0x1p-23f;
        uint32_t x = su_f32_bits(t->base + t->amplitude * u);
        if (t->dtype == SU_BF16)
            su_put_le16(out + 2 * i, (uint16_t)(x >> 16));
        else
            su_put_le32(out + 4 * i, x);
    }
    return out;
}

/* ---- files ---- */

static void put_text(struct su_buf *b, const char *text)
{
    su_buf_u64(b, strlen(text));
    su_buf_str(b, text);
}

static void put_meta(struct su_buf *b, const struct toy_meta *m)
{
    put_text(b, m->key);
    su_buf_u32(b, (uint32_t)m->type);
    if (m->type == SU_META_STR) {
        put_text(b, m->text);
    } else if (m->type == SU_META_ARRAY) {
        su_buf_u32(b, SU_META_BOOL);
        su_buf_u64(b, strlen(m->text));
        for (const char *flag = m->text; *flag; flag++)
            su_buf_u8(b, *flag == '1');
    } else
        su_buf_u32(b, m->type == SU_META_F32 ? su_f32_bits((float)m->number) : (uint32_t)m->number);
}

static uint32_t gguf_type(enum su_dtype d)
{
    switch (d) {
    case SU_F32:
        return 0;
    case SU_Q4_1:
        return 3;
    case SU_Q8_0:
        return 8;
    case SU_Q4_K:
        return 12;
    case SU_Q6_K:
        return 14;
    default:
        assert_int_equal(d, SU_BF16);
        return 30;
    }
}

static bool is(const char *a, const char *b)
{
    return b && strcmp(a, b) == 0;
}

static void pad_to_32(struct su_buf *b)
{
    while (b->len % 32 != 0)
        su_buf_u8(b, 0);
}

void toy_gguf(const struct toy *t, const char *without, const char *but, struct su_buf *out)
{
    struct su_buf data;
    uint64_t bytes, n_tensor = 0, n_meta = 0;

    su_buf_init(out, 0);
    su_buf_init(&data, 0);
    for (size_t i = 0; i < t->n_tensor; i++)
        n_tensor += !is(t->tensor[i].name, without);
    for (size_t i = 0; i < t->n_meta; i++)
        n_meta += !is(t->meta[i].key, but);
    su_buf_str(out, "GGUF");
    su_buf_u32(out, 3);
    su_buf_u64(out, n_tensor);
    su_buf_u64(out, n_meta);
    for (size_t i = 0; i < t->n_meta; i++) {
        if (!is(t->meta[i].key, but))
            put_meta(out, &t->meta[i]);
    }
    for (size_t i = 0; i < t->n_tensor; i++) {
        const struct toy_tensor *x = &t->tensor[i];
        if (is(x->name, without))
            continue;
        put_text(out, x->name);
        su_buf_u32(out, x->shape.rank);
        for (uint32_t k = x->shape.rank; k-- > 0;)
            su_buf_u64(out, x->shape.dim[k]);
        su_buf_u32(out, gguf_type(x->dtype));
        su_buf_u64(out, data.len);
        uint8_t *raw = bytes_of(x, &bytes);
        su_buf_put(&data, raw, bytes);
        pad_to_32(&data);
        free(raw);
    }
    pad_to_32(out);
    su_buf_put(out, data.data, data.len);
    assert_int_equal(su_buf_check(&data, "toy", NULL), SU_OK);
    assert_int_equal(su_buf_check(out, "toy", NULL), SU_OK);
    su_buf_fini(&data);
}

static void write_folder(const struct toy *t, const char *dir)
{
    struct su_tensor x[64] = {0};
    uint8_t *raw[64];
    char file[700];
    struct su_err e = {0};

    assert_true(t->n_tensor <= SU_ARRAY_LEN(x));
    for (size_t i = 0; i < t->n_tensor; i++) {
        raw[i] = bytes_of(&t->tensor[i], &x[i].bytes);
        x[i].name = t->tensor[i].name;
        x[i].dtype = t->tensor[i].dtype;
        x[i].shape = t->tensor[i].shape;
        x[i].data = raw[i];
    }
    assert_int_equal(su_dir_make(dir, 0700, NULL), SU_OK);
    (void)snprintf(file, sizeof file, "%s/model.safetensors", dir);
    if (su_weights_write(file, x, (uint32_t)t->n_tensor, &e))
        fail_msg("%s: %s", e.at, e.msg);
    (void)snprintf(file, sizeof file, "%s/config.json", dir);
    file_put(file, t->config, strlen(t->config));
    for (size_t i = 0; i < t->n_tensor; i++)
        free(raw[i]);
}

struct su_model *toy_open(const struct toy *t)
{
    const char *path = scratch_path(t->name);
    struct su_model *m = NULL;
    struct su_err e = {0};
    struct su_buf b;

    if (t->config) {
        write_folder(t, path);
    } else {
        toy_gguf(t, NULL, NULL, &b);
        file_put(path, b.data, b.len);
        su_buf_fini(&b);
    }
    if (su_model_open(path, &m, &e))
        fail_msg("%s: %s: %s", t->name, e.at, e.msg);
    return m;
}
