// SPDX-License-Identifier: MIT
/* The input as a GGUF file: what opens must be consistent with itself and with the bytes, and every
   value and every tensor must be readable. */
#include "weights/weights.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Reads every element; returns the first byte behind them. */
static const uint8_t *walk(struct su_meta_value m, unsigned depth)
{
    struct su_bytes text = {NULL, 0};
    struct su_meta_value inner;
    int64_t sum = 0;

    SU_ASSERT(depth <= SU_WEIGHTS_META_DEPTH_MAX && m.type < SU_META_TYPES);
    if (m.array && m.type == SU_META_STR) {
        while (su_meta_next_str(&m, &text))
            for (size_t i = 0; i < text.len; i++)
                sum ^= ((const uint8_t *)text.data)[i];
        return m.data;
    }
    if (m.array && m.type == SU_META_ARRAY) {
        while (su_meta_next_array(&m, &inner))
            SU_ASSERT(walk(inner, depth + 1) == m.data);
        return m.data;
    }
    if (m.type == SU_META_STR)
        return m.data + 8 + su_le64(m.data);
    uint32_t bytes = m.type <= SU_META_I8 || m.type == SU_META_BOOL ? 1
                     : m.type <= SU_META_I16                        ? 2
                     : m.type >= SU_META_U64                        ? 8
                                                                    : 4;
    for (uint64_t i = 0; i < m.n; i++) {
        if (m.type == SU_META_F32)
            sum ^= su_f32_bits(su_meta_f32_at(&m, i));
        else if (m.type != SU_META_F64)
            sum ^= su_meta_int_at(&m, i);
    }
    SU_ASSERT(m.type != SU_META_BOOL || sum == 0 || sum == 1);
    return m.data + m.n * bytes;
}

static void check_meta(const struct su_weights *w, const uint8_t *end)
{
    for (uint32_t i = 0; i < su_meta_count(w); i++) {
        struct su_meta_value m = su_meta_at(w, i), found;
        char key[256];
        uint64_t u64;
        uint32_t u32;
        float f32;
        bool flag;
        struct su_bytes text;
        SU_ASSERT(walk(m, 1) <= end);
        if (m.key.len >= sizeof key)
            continue;
        memcpy(key, m.key.data, m.key.len);
        key[m.key.len] = '\0';
        SU_ASSERT(su_meta_find(w, key, &found) && found.data == m.data);
        unsigned ways = 0;
        ways += su_meta_u64(w, key, &u64, NULL) == SU_OK;
        ways += su_meta_f32(w, key, &f32, NULL) == SU_OK;
        ways += su_meta_bool(w, key, &flag, NULL) == SU_OK;
        ways += su_meta_str(w, key, &text, NULL) == SU_OK;
        ways += su_meta_array(w, key, m.type, &found, NULL) == SU_OK;
        SU_ASSERT(ways <= 1 && (!m.array || ways == 1));
        SU_ASSERT(su_meta_u32(w, key, &u32, NULL) != SU_OK || u32 == u64);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct su_weights *w = NULL;
    struct su_err e = {0};

    if (su_weights_open_bytes(data, size, "input", &w, &e)) {
        SU_ASSERT(!w && e.code != SU_OK && e.msg[0] != '\0' && !strchr(e.msg, '\n'));
        return 0;
    }
    check_meta(w, data + size);
    for (uint32_t i = 0; i < su_weights_count(w); i++) {
        const struct su_tensor *t = su_weights_at(w, i);
        uint32_t block = su_dtype_block_elements(t->dtype);
        uint64_t bytes = 0;
        float x[256];
        SU_ASSERT(t->offset <= size && t->bytes <= size - t->offset);
        SU_ASSERT(t->data == data + t->offset);
        SU_ASSERT(su_weights_find(w, t->name) == t);
        SU_ASSERT(i == 0 || strcmp(su_weights_at(w, i - 1)->name, t->name) < 0);
        SU_ASSERT(su_tensor_bytes(t->dtype, &t->shape, &bytes, NULL) == SU_OK);
        SU_ASSERT(bytes == t->bytes);
        if (t->bytes > 0 && t->dtype != SU_I32 && t->dtype != SU_U32)
            su_tensor_decode(t->dtype, t->data + t->bytes - su_dtype_block_bytes(t->dtype), block,
                             x);
    }
    su_weights_close(w);
    return 0;
}
