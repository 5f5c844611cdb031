// SPDX-License-Identifier: MIT
/* Access to GGUF's keys and values, and GGUF tensors as weights of graphs. */
#include "gguf_make.h"
#include "unit.h"

#include <stdlib.h>
#include <string.h>

static void put_f32(struct su_buf *b, float x)
{
    su_buf_u32(b, su_f32_bits(x));
}

static void put_f64(struct su_buf *b, double x)
{
    uint64_t bits;

    memcpy(&bits, &x, sizeof bits);
    su_buf_u64(b, bits);
}

/* A key of each type named by it, with its most negative or largest value; then oddities. */
static struct su_weights *opened(struct su_buf *b)
{
    gm_head(b, 3, 0, 20);
    gm_key(b, "u8", SU_META_U8);
    su_buf_u8(b, 255);
    gm_key(b, "i8", SU_META_I8);
    su_buf_u8(b, 0x80);
    gm_key(b, "u16", SU_META_U16);
    su_buf_u16(b, 65535);
    gm_key(b, "i16", SU_META_I16);
    su_buf_u16(b, 0x8000);
    gm_key(b, "u32", SU_META_U32);
    su_buf_u32(b, UINT32_MAX);
    gm_key(b, "i32", SU_META_I32);
    su_buf_u32(b, 0x80000000);
    gm_key(b, "f32", SU_META_F32);
    put_f32(b, -1.5f);
    gm_key(b, "bool", SU_META_BOOL);
    su_buf_u8(b, 1);
    gm_key(b, "str", SU_META_STR);
    su_buf_u64(b, 5);
    su_buf_put(b, "a\0\xff\nb", 5);
    gm_key(b, "u64", SU_META_U64);
    su_buf_u64(b, UINT64_MAX);
    gm_key(b, "i64", SU_META_I64);
    su_buf_u64(b, 1ull << 63);
    gm_key(b, "f64", SU_META_F64);
    put_f64(b, 0.1);
    gm_key(b, "big", SU_META_F64);
    put_f64(b, 1e300);
    gm_key(b, "nan", SU_META_F32);
    su_buf_u32(b, 0x7fc00000);
    gm_key(b, "seven", SU_META_I64);
    su_buf_u64(b, 7);
    gm_key(b, "texts", SU_META_ARRAY);
    gm_array(b, SU_META_STR, 3);
    gm_text(b, "one");
    gm_text(b, "");
    gm_text(b, "three");
    gm_key(b, "ints", SU_META_ARRAY);
    gm_array(b, SU_META_I32, 3);
    su_buf_u32(b, 1);
    su_buf_u32(b, UINT32_MAX);
    su_buf_u32(b, 0x7fffffff);
    gm_key(b, "floats", SU_META_ARRAY);
    gm_array(b, SU_META_F32, 2);
    put_f32(b, 0.25f);
    put_f32(b, -0.0f);
    gm_key(b, "u", SU_META_ARRAY);
    gm_array(b, SU_META_BOOL, 0);
    /* [[[1, 2], []], ["x", "yz"], [3]] */
    gm_key(b, "nested", SU_META_ARRAY);
    gm_array(b, SU_META_ARRAY, 3);
    gm_array(b, SU_META_ARRAY, 2);
    gm_array(b, SU_META_U16, 2);
    su_buf_u16(b, 1);
    su_buf_u16(b, 2);
    gm_array(b, SU_META_F64, 0);
    gm_array(b, SU_META_STR, 2);
    gm_text(b, "x");
    gm_text(b, "yz");
    gm_array(b, SU_META_U8, 1);
    su_buf_u8(b, 3);
    return gm_open(b);
}

static void test_at_and_find(void **state)
{
    (void)state;
    static const char *const keys[] = {"big",   "bool", "f32",  "f64", "floats", "i16",   "i32",
                                       "i64",   "i8",   "ints", "nan", "nested", "seven", "str",
                                       "texts", "u",    "u16",  "u32", "u64",    "u8"};
    struct su_buf b = {0};
    struct su_weights *w = opened(&b);
    struct su_meta_value m;

    assert_int_equal(su_meta_count(w), SU_ARRAY_LEN(keys));
    for (uint32_t i = 0; i < su_meta_count(w); i++) {
        m = su_meta_at(w, i);
        assert_int_equal(m.key.len, strlen(keys[i]));
        assert_memory_equal(m.key.data, keys[i], m.key.len);
        struct su_meta_value found;
        assert_true(su_meta_find(w, keys[i], &found));
        assert_ptr_equal(found.data, m.data);
        assert_int_equal(found.n, m.n);
        /* Keys named by their type. */
        if (!m.array && strcmp(keys[i], su_meta_type_name(m.type)) != 0)
            assert_non_null(strstr("big nan seven", keys[i]));
    }
    static const char *const absent[] = {"", "a", "u9", "u1", "u166", "zzz", "nest", "nestedd"};
    for (size_t i = 0; i < SU_ARRAY_LEN(absent); i++) {
        assert_false(su_meta_find(w, absent[i], &m));
        assert_int_equal(m.n, 0);
        assert_null(m.data);
    }
    assert_string_equal(su_meta_type_name(SU_META_ARRAY), "array");
    assert_string_equal(su_meta_type_name(SU_META_TYPES), "?");
    su_weights_close(w);
    su_buf_fini(&b);
}

static void test_integers(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        int64_t value;
        bool u32, u64;
    } rows[] = {
        {"u8", 255, true, true},         {"i8", -128, false, false},
        {"u16", 65535, true, true},      {"i16", -32768, false, false},
        {"u32", UINT32_MAX, true, true}, {"i32", INT32_MIN, false, false},
        {"u64", -1, false, true},        {"i64", INT64_MIN, false, false},
        {"seven", 7, true, true},
    };
    struct su_buf b = {0};
    struct su_weights *w = opened(&b);
    struct su_meta_value m;
    struct su_err e;

    for (size_t i = 0; i < SU_ARRAY_LEN(rows); i++) {
        uint32_t small = 99;
        uint64_t large = 99;
        assert_true(su_meta_find(w, rows[i].key, &m));
        assert_true(su_meta_int_at(&m, 0) == rows[i].value);
        assert_int_equal(su_meta_u32(w, rows[i].key, &small, &e), rows[i].u32 ? SU_OK : SU_ETYPE);
        assert_int_equal(small, rows[i].u32 ? (uint32_t)rows[i].value : 99);
        assert_int_equal(su_meta_u64(w, rows[i].key, &large, &e), rows[i].u64 ? SU_OK : SU_ETYPE);
        assert_true(large == (rows[i].u64 ? (uint64_t)rows[i].value : 99));
    }
    uint32_t v = 99;
    uint64_t v64 = 99;
    assert_int_equal(su_meta_u32(w, "u64", &v, &e), SU_ETYPE);
    err_matches(&e, SU_ETYPE, "mem|'u64' is 18446744073709551615|does not fit u32");
    assert_int_equal(su_meta_u64(w, "i64", &v64, &e), SU_ETYPE);
    err_matches(&e, SU_ETYPE, "'i64' is -9223372036854775808|does not fit u64");
    assert_int_equal(su_meta_u32(w, "f32", &v, &e), SU_ETYPE);
    err_matches(&e, SU_ETYPE, "'f32' at offset|of type f32, where u32 is wanted");
    assert_int_equal(su_meta_u32(w, "bool", &v, NULL), SU_ETYPE);
    assert_int_equal(su_meta_u64(w, "ints", &v64, &e), SU_ETYPE);
    err_matches(&e, SU_ETYPE, "'ints'|an array of i32, where u64 is wanted");
    assert_int_equal(su_meta_u32(w, "none", &v, &e), SU_ENOENT);
    err_matches(&e, SU_ENOENT, "mem|no key 'none'");
    assert_int_equal(v, 99);
    assert_int_equal(v64, 99);
    su_weights_close(w);
    su_buf_fini(&b);
}

static void test_others(void **state)
{
    (void)state;
    struct su_buf b = {0};
    struct su_weights *w = opened(&b);
    struct su_err e;
    float f = 9.0f;
    bool flag = false;
    struct su_bytes text = {NULL, 0};

    assert_int_equal(su_meta_f32(w, "f32", &f, &e), SU_OK);
    assert_true(f == -1.5f);
    assert_int_equal(su_meta_f32(w, "f64", &f, &e), SU_OK);
    assert_true(f == 0.1f);
    assert_int_equal(su_meta_f32(w, "big", &f, &e), SU_ETYPE);
    err_matches(&e, SU_ETYPE, "'big' is no finite f32");
    assert_int_equal(su_meta_f32(w, "nan", &f, NULL), SU_ETYPE);
    assert_int_equal(su_meta_f32(w, "u32", &f, &e), SU_ETYPE);
    err_matches(&e, SU_ETYPE, "of type u32, where f32 is wanted");
    assert_int_equal(su_meta_f32(w, "floats", &f, &e), SU_ETYPE);
    assert_int_equal(su_meta_f32(w, "none", &f, &e), SU_ENOENT);
    assert_true(f == 0.1f);
    assert_int_equal(su_meta_bool(w, "bool", &flag, &e), SU_OK);
    assert_true(flag);
    assert_int_equal(su_meta_bool(w, "u", &flag, &e), SU_ETYPE);
    err_matches(&e, SU_ETYPE, "an array of bool, where bool is wanted");
    assert_int_equal(su_meta_bool(w, "u8", &flag, &e), SU_ETYPE);
    assert_int_equal(su_meta_bool(w, "none", &flag, &e), SU_ENOENT);
    assert_true(flag);
    assert_int_equal(su_meta_str(w, "str", &text, &e), SU_OK);
    assert_int_equal(text.len, 5);
    assert_memory_equal(text.data, "a\0\xff\nb", 5);
    assert_int_equal(su_meta_str(w, "texts", &text, &e), SU_ETYPE);
    err_matches(&e, SU_ETYPE, "an array of str, where str is wanted");
    assert_int_equal(su_meta_str(w, "u8", &text, &e), SU_ETYPE);
    assert_int_equal(su_meta_str(w, "none", &text, &e), SU_ENOENT);
    assert_int_equal(text.len, 5);
    su_weights_close(w);
    su_buf_fini(&b);
}

static void text_is(struct su_bytes t, const char *want)
{
    assert_int_equal(t.len, strlen(want));
    assert_memory_equal(t.data, want, t.len);
}

static void test_arrays(void **state)
{
    (void)state;
    struct su_buf b = {0};
    struct su_weights *w = opened(&b);
    struct su_err e;
    struct su_meta_value m = {.n = 99}, inner, leaf;
    struct su_bytes text;

    assert_int_equal(su_meta_array(w, "none", SU_META_STR, &m, &e), SU_ENOENT);
    assert_int_equal(su_meta_array(w, "ints", SU_META_U32, &m, &e), SU_ETYPE);
    err_matches(&e, SU_ETYPE, "'ints'|an array of i32, where an array of u32 is wanted");
    assert_int_equal(su_meta_array(w, "str", SU_META_STR, &m, &e), SU_ETYPE);
    err_matches(&e, SU_ETYPE, "of type str, where an array of str is wanted");
    assert_int_equal(m.n, 99);
    assert_int_equal(su_meta_array(w, "ints", SU_META_I32, &m, &e), SU_OK);
    assert_int_equal(m.n, 3);
    assert_true(su_meta_int_at(&m, 0) == 1);
    assert_true(su_meta_int_at(&m, 1) == -1);
    assert_true(su_meta_int_at(&m, 2) == INT32_MAX);
    assert_int_equal(su_meta_array(w, "floats", SU_META_F32, &m, &e), SU_OK);
    assert_true(su_meta_f32_at(&m, 0) == 0.25f);
    assert_int_equal(su_f32_bits(su_meta_f32_at(&m, 1)), 0x80000000);
    assert_int_equal(su_meta_array(w, "u", SU_META_BOOL, &m, &e), SU_OK);
    assert_int_equal(m.n, 0);
    assert_true(su_meta_find(w, "bool", &m));
    assert_int_equal(su_meta_int_at(&m, 0), 1);

    assert_int_equal(su_meta_array(w, "texts", SU_META_STR, &m, &e), SU_OK);
    static const char *const texts[] = {"one", "", "three"};
    for (size_t i = 0; i < 3; i++) {
        assert_true(su_meta_next_str(&m, &text));
        text_is(text, texts[i]);
    }
    assert_int_equal(m.n, 0);
    assert_false(su_meta_next_str(&m, &text));

    assert_int_equal(su_meta_array(w, "nested", SU_META_ARRAY, &m, &e), SU_OK);
    assert_int_equal(m.n, 3);
    assert_true(su_meta_next_array(&m, &inner));
    assert_int_equal(inner.type, SU_META_ARRAY);
    assert_true(su_meta_next_array(&inner, &leaf));
    assert_int_equal(leaf.type, SU_META_U16);
    assert_int_equal(leaf.n, 2);
    assert_int_equal(su_meta_int_at(&leaf, 1), 2);
    assert_true(su_meta_next_array(&inner, &leaf));
    assert_int_equal(leaf.type, SU_META_F64);
    assert_int_equal(leaf.n, 0);
    assert_false(su_meta_next_array(&inner, &leaf));
    assert_true(su_meta_next_array(&m, &inner));
    assert_true(su_meta_next_str(&inner, &text) && su_meta_next_str(&inner, &text));
    text_is(text, "yz");
    assert_true(su_meta_next_array(&m, &inner));
    assert_int_equal(su_meta_int_at(&inner, 0), 3);
    assert_false(su_meta_next_array(&m, &inner));
    su_weights_close(w);
    su_buf_fini(&b);
}

static void test_safetensors_has_none(void **state)
{
    (void)state;
    size_t len;
    uint8_t *bytes = st_bytes("{\"__metadata__\":{\"k\":\"v\"}}", 0, &len);
    struct su_weights *w;
    struct su_meta_value m;

    assert_int_equal(su_weights_open_bytes(bytes, len, "mem", &w, NULL), SU_OK);
    assert_int_equal(su_meta_count(w), 0);
    assert_false(su_meta_find(w, "k", &m));
    su_weights_close(w);
    free(bytes);
}

/* Rows of blocks in a graph: where they lie, what a manifest says of them, what they decode to. */
static void test_weights_of_graph(void **state)
{
    (void)state;
    static const uint8_t blob[SU_SHA256_BYTES] = {7};
    struct su_buf b = {0};
    struct su_err e = {0};
    struct su_manifest m;
    struct su_weight_span span;

    gm_head(&b, 3, 2, 0);
    gm_info(&b, "m", 2, (const uint64_t[]){64, 4}, 8, 0); /* Q8_0: 68 bytes a row */
    gm_info(&b, "v", 1, (const uint64_t[]){96}, 8, 288);
    gm_pad(&b, 32);
    uint64_t start = b.len;
    gm_data(&b, 288 + 102);
    struct su_weights *w = gm_open(&b);
    struct su_graph *g = su_graph_new();
    uint32_t rows = graph_weight(g, "m", SU_Q8_0, (struct su_shape){2, {2, 64}}, 1);
    uint32_t part = graph_weight(g, "v", SU_Q8_0, (struct su_shape){1, {64}}, 32);
    assert_int_equal(su_weights_resolve(w, g, rows, &span, &e), SU_OK);
    assert_int_equal(span.offset, 68);
    assert_int_equal(span.bytes, 136);
    assert_int_equal(su_weights_resolve(w, g, part, &span, &e), SU_OK);
    assert_int_equal(span.offset, 34);
    assert_int_equal(span.bytes, 68);
    assert_int_equal(su_manifest_build(g, w, blob, &m, &e), SU_OK);
    assert_int_equal(m.n_entry, 2);
    assert_int_equal(m.entry[0].dtype, SU_Q8_0);
    assert_int_equal(m.entry[0].first_row, 1);
    assert_int_equal(m.entry[0].offset, start + 68);
    assert_int_equal(m.entry[1].offset, start + 288 + 34);
    struct su_buf bytes = {0};
    struct su_manifest again;
    assert_int_equal(su_manifest_encode(&m, &bytes, &e), SU_OK);
    assert_int_equal(su_manifest_decode(bytes.data, bytes.len, &again, &e), SU_OK);
    assert_int_equal(again.entry[1].bytes, 68);
    su_manifest_fini(&again);
    su_manifest_fini(&m);
    su_buf_fini(&bytes);

    float x[64];
    const struct su_tensor *t = su_weights_find(w, "m");
    su_tensor_decode(t->dtype, t->data + 68, 64, x);
    /* Row 1 begins with byte 68: the half 0x4544, then the quants 70, 71, ... */
    assert_true(x[0] == su_num_from_f16(0x4544) * 70.0f);
    assert_true(x[31] == su_num_from_f16(0x4544) * 101.0f);

    /* Elements that begin inside a block have no place of their own. */
    uint32_t torn = graph_weight(g, "v", SU_Q8_0, (struct su_shape){1, {32}}, 16);
    assert_int_equal(su_weights_resolve(w, g, torn, &span, &e), SU_ETYPE);
    err_matches(&e, SU_ETYPE, "weight v|blocks of 32|[16]");
    assert_null(span.tensor);
    assert_int_equal(span.bytes, 0);
    su_graph_free(g);
    su_weights_close(w);
    su_buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_at_and_find),
        cmocka_unit_test(test_integers),
        cmocka_unit_test(test_others),
        cmocka_unit_test(test_arrays),
        cmocka_unit_test(test_safetensors_has_none),
        cmocka_unit_test(test_weights_of_graph),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
