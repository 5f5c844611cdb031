// SPDX-License-Identifier: MIT
/* The reader of GGUF: what it makes of good files and how it refuses bad ones. */
#include "gguf_make.h"
#include "support/alloc.h"
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#define DIM(...) ((const uint64_t[]){__VA_ARGS__})

/* A file with a bit of everything; the data begins at a multiple of 64. */
static void put_good(struct su_buf *b, uint32_t version)
{
    gm_head(b, version, 4, 3);
    gm_key(b, "general.architecture", SU_META_STR);
    gm_text(b, "toy");
    gm_key(b, "general.alignment", SU_META_U32);
    su_buf_u32(b, 64);
    gm_key(b, "a.list", SU_META_ARRAY);
    gm_array(b, SU_META_STR, 2);
    gm_text(b, "x");
    gm_text(b, "");
    gm_info(b, "q", 2, DIM(64, 3), 2, 0); /* Q4_0: 2 blocks a row, 36 bytes */
    gm_info(b, "k", 3, DIM(256, 2, 1), 14, 128); /* Q6_K */
    gm_info(b, "empty", 2, DIM(5, 0), 0, 576);
    gm_info(b, "one", 0, NULL, 30, 576); /* BF16 */
    gm_pad(b, 64);
    gm_data(b, 578);
}

static void test_read(void **state)
{
    (void)state;
    for (uint32_t version = 2; version <= 3; version++) {
        struct su_buf b = {0};
        put_good(&b, version);
        struct su_weights *w = gm_open(&b);
        uint64_t start = b.len - 578;

        assert_string_equal(su_weights_path(w), "mem");
        assert_int_equal(su_weights_count(w), 4);
        static const char *const names[] = {"empty", "k", "one", "q"};
        for (uint32_t i = 0; i < 4; i++) {
            assert_string_equal(su_weights_at(w, i)->name, names[i]);
            assert_ptr_equal(su_weights_find(w, names[i]), su_weights_at(w, i));
            assert_ptr_equal(su_weights_at(w, i)->data, b.data + su_weights_at(w, i)->offset);
        }
        assert_null(su_weights_find(w, "general.alignment"));
        const struct su_tensor *t = su_weights_find(w, "q");
        assert_int_equal(t->dtype, SU_Q4_0);
        assert_true(su_shape_equal(&t->shape, &(struct su_shape){2, {3, 64}}));
        assert_int_equal(t->bytes, 3 * 36);
        assert_int_equal(t->offset, start);
        assert_int_equal(t->data[107], 107);
        t = su_weights_find(w, "k");
        assert_int_equal(t->dtype, SU_Q6_K);
        assert_true(su_shape_equal(&t->shape, &(struct su_shape){3, {1, 2, 256}}));
        assert_int_equal(t->bytes, 420);
        assert_int_equal(t->offset, start + 128);
        t = su_weights_find(w, "empty");
        assert_true(su_shape_equal(&t->shape, &(struct su_shape){2, {0, 5}}));
        assert_int_equal(t->bytes, 0);
        t = su_weights_find(w, "one");
        assert_int_equal(t->dtype, SU_BF16);
        assert_int_equal(t->shape.rank, 0);
        assert_int_equal(t->bytes, 2);
        assert_int_equal(t->offset, start + 576);
        assert_int_equal(su_meta_count(w), 3);
        su_weights_close(w);
        su_buf_fini(&b);
    }
}

static void test_read_nothing(void **state)
{
    (void)state;
    struct su_buf b = {0};
    gm_head(&b, 3, 0, 0);
    struct su_weights *w = gm_open(&b);
    assert_int_equal(su_weights_count(w), 0);
    assert_int_equal(su_meta_count(w), 0);
    su_weights_close(w);
    gm_pad(&b, 32);
    w = gm_open(&b);
    su_weights_close(w);
    su_buf_u8(&b, 0);
    gm_refused(&b, SU_EFORMAT, "1 bytes at offset 32|after the last tensor");
    /* A tensor without elements needs no data, and so no padding. */
    gm_head(&b, 3, 1, 0);
    gm_info(&b, "e", 1, DIM(0), 0, 0);
    w = gm_open(&b);
    assert_int_equal(su_weights_find(w, "e")->bytes, 0);
    su_weights_close(w);
    /* Zeros after the last tensor up to the alignment belong to it; the data's own padding too. */
    gm_info(&b, "x", 0, NULL, 0, 0);
    su_buf_clear(&b);
    gm_head(&b, 2, 2, 0);
    gm_info(&b, "z", 0, NULL, 0, 32);
    gm_info(&b, "y", 0, NULL, 1, 0);
    gm_pad(&b, 32);
    gm_data(&b, 64);
    w = gm_open(&b);
    assert_int_equal(su_weights_find(w, "z")->data[0], 32);
    assert_int_equal(su_weights_find(w, "y")->data[1], 1);
    su_weights_close(w);
    su_buf_fini(&b);
}

static void test_types(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum su_dtype dtype;
    } known[] = {[0] = {"F32", SU_F32},    [1] = {"F16", SU_F16},    [2] = {"Q4_0", SU_Q4_0},
                 [3] = {"Q4_1", SU_Q4_1},  [6] = {"Q5_0", SU_Q5_0},  [7] = {"Q5_1", SU_Q5_1},
                 [8] = {"Q8_0", SU_Q8_0},  [12] = {"Q4_K", SU_Q4_K}, [13] = {"Q5_K", SU_Q5_K},
                 [14] = {"Q6_K", SU_Q6_K}, [30] = {"BF16", SU_BF16}};
    static const char *const refused[] = {
        [4] = "Q4_2",       [5] = "Q4_3",       [9] = "Q8_1",      [10] = "Q2_K",    [11] = "Q3_K",
        [15] = "Q8_K",      [16] = "IQ2_XXS",   [17] = "IQ2_XS",   [18] = "IQ3_XXS", [19] = "IQ1_S",
        [20] = "IQ4_NL",    [21] = "IQ3_S",     [22] = "IQ2_S",    [23] = "IQ4_XS",  [24] = "I8",
        [25] = "I16",       [26] = "I32",       [27] = "I64",      [28] = "F64",     [29] = "IQ1_M",
        [31] = "number 31", [34] = "TQ1_0",     [35] = "TQ2_0",    [39] = "MXFP4",   [40] = "NVFP4",
        [41] = "Q1_0",      [42] = "number 42", [43] = "number 43"};
    struct su_buf b = {0};

    for (uint32_t type = 0; type < SU_ARRAY_LEN(refused); type++) {
        gm_head(&b, 3, 1, 0);
        gm_info(&b, "t", 2, DIM(512, 2), type, 0);
        gm_pad(&b, 32);
        if (type >= SU_ARRAY_LEN(known) || !known[type].name) {
            char want[64];
            (void)snprintf(want, sizeof want, "'t'|has type %s|Q5_1|offset 24",
                           refused[type] ? refused[type] : "number");
            gm_refused(&b, SU_EUNSUPPORTED, want);
            continue;
        }
        struct su_shape shape = {2, {2, 512}};
        uint64_t bytes;
        assert_int_equal(su_tensor_bytes(known[type].dtype, &shape, &bytes, NULL), SU_OK);
        gm_data(&b, bytes);
        struct su_weights *w = gm_open(&b);
        assert_int_equal(su_weights_at(w, 0)->dtype, known[type].dtype);
        assert_true(su_shape_equal(&su_weights_at(w, 0)->shape, &shape));
        assert_int_equal(su_weights_at(w, 0)->bytes, bytes);
        su_weights_close(w);
        su_buf_clear(&b);
    }
    gm_head(&b, 3, 1, 0);
    gm_info(&b, "t", 0, NULL, UINT32_MAX, 0);
    gm_refused(&b, SU_EUNSUPPORTED, "'t'|number 4294967295;");
    su_buf_fini(&b);
}

static void test_every_prefix_refused(void **state)
{
    (void)state;
    struct su_buf b = {0}, part = {0};

    put_good(&b, 3);
    for (size_t n = 0; n < b.len; n++) {
        su_buf_put(&part, b.data, n);
        su_buf_reserve(&part, 1);
        gm_refused(&part, SU_ETRUNC, n < 24 ? "bytes" : "offset|file of");
    }
    su_buf_fini(&part);
    su_buf_fini(&b);
}

static void test_head_refused(void **state)
{
    (void)state;
    static const struct {
        uint32_t version;
        uint64_t tensors, keys;
        enum su_code code;
        const char *want;
    } rows[] = {
        {0, 0, 0, SU_EUNSUPPORTED, "GGUF version 0|offset 4"},
        {1, 0, 0, SU_EUNSUPPORTED, "GGUF version 1|2 or 3|offset 4"},
        {4, 0, 0, SU_EUNSUPPORTED, "GGUF version 4"},
        {0x03000000, 0, 0, SU_EUNSUPPORTED, "big-endian|offset 4"},
        {3, 1, 0, SU_ETRUNC, "a tensor's name at offset 24|file of 24 bytes"},
        {3, 0, 1, SU_ETRUNC, "a key at offset 24|file of 24 bytes"},
        {3, 65536, 65536, SU_ETRUNC, "a key at offset 24"},
        {3, 65537, 0, SU_ELIMIT, "65537 tensors|65536|offset 8"},
        {3, UINT64_MAX, 0, SU_ELIMIT, "18446744073709551615 tensors"},
        {3, 0, 65537, SU_ELIMIT, "65537 keys|65536|offset 16"},
        {3, 0, 1ull << 63, SU_ELIMIT, "9223372036854775808 keys"},
    };
    struct su_buf b = {0};

    for (size_t i = 0; i < SU_ARRAY_LEN(rows); i++) {
        gm_head(&b, rows[i].version, rows[i].tensors, rows[i].keys);
        gm_refused(&b, rows[i].code, rows[i].want);
    }
    su_buf_fini(&b);
}

/* One key whose bytes are given whole; the file ends behind them. */
static void key_refused(const void *bytes, size_t n, enum su_code code, const char *want)
{
    struct su_buf b = {0};

    gm_head(&b, 3, 0, 1);
    su_buf_put(&b, bytes, n);
    gm_refused(&b, code, want);
    su_buf_fini(&b);
}

static void test_keys_refused(void **state)
{
    (void)state;
    static const struct {
        const char *value; /* type and value */
        size_t n;
        enum su_code code;
        const char *want;
    } rows[] = {
        {"\x0d\0\0\0", 4, SU_EFORMAT, "'k'|type number 13|12|offset 33"},
        {"\xff\xff\xff\xff", 4, SU_EFORMAT, "type number 4294967295"},
        {"\0\0\0", 3, SU_ETRUNC, "'k'"},
        {"\0\0\0\0", 4, SU_ETRUNC, "'k'|offset 37|37 bytes"},
        {"\x0c\0\0\0\0\0\0\0\0\0\0", 11, SU_ETRUNC, "'k'"},
        {"\x07\0\0\0\x02", 5, SU_EFORMAT, "'k'|a bool of 2|offset 37"},
        {"\x08\0\0\0\x01\0\0\0\0\0\0\0", 12, SU_ETRUNC, "'k' at offset 37"},
        {"\x08\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff", 12, SU_ETRUNC, "'k'"},
        {"\x09\0\0\0\0\0\0\0\x01\0\0\0\0\0\0", 15, SU_ETRUNC, "'k' at offset 37"},
        {"\x09\0\0\0\x0d\0\0\0\0\0\0\0\0\0\0\0", 16, SU_EFORMAT,
         "'k'|elements of type number 13|offset 37"},
        {"\x09\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\x01", 17, SU_ETRUNC, "'k' at offset 49"},
        /* 2^61 elements of 8 bytes: 2^64 wraps to 0. */
        {"\x09\0\0\0\x0a\0\0\0\0\0\0\0\0\0\0\x20", 16, SU_ETRUNC, "'k'"},
        {"\x09\0\0\0\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff", 16, SU_ETRUNC, "'k'"},
        {"\x09\0\0\0\x08\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff", 16, SU_ETRUNC, "'k'"},
        {"\x09\0\0\0\x09\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff", 16, SU_ETRUNC, "'k'"},
        {"\x09\0\0\0\x07\0\0\0\x03\0\0\0\0\0\0\0\x01\0\xff", 19, SU_EFORMAT,
         "'k'|a bool of 255|offset 51"},
        {"\x09\0\0\0\x09\0\0\0\x01\0\0\0\0\0\0\0\x0d\0\0\0\0\0\0\0\0\0\0\0", 28, SU_EFORMAT,
         "'k'|elements of type number 13|offset 49"},
    };
    char bytes[64] = "\x01\0\0\0\0\0\0\0k";

    for (size_t i = 0; i < SU_ARRAY_LEN(rows); i++) {
        memcpy(bytes + 9, rows[i].value, rows[i].n);
        key_refused(bytes, 9 + rows[i].n, rows[i].code, rows[i].want);
    }
    key_refused("\0\0\0\0\0\0\0\0\0\0\0\0\x01", 13, SU_EFORMAT, "an empty key|offset 24");
    key_refused("\x01\0\0\0\0\0\0\0\n\0\0\0\0\x01", 14, SU_EFORMAT, "byte 0x0a|offset 24");
    key_refused("\x02\0\0\0\0\0\0\0a\0\0\0\0\0\x01", 15, SU_EFORMAT, "byte 0x00");
    key_refused("\x02\0\0\0\0\0\0\0\xc3\xa9\0\0\0\0\x01", 15, SU_EFORMAT, "byte 0xc3");
}

static void test_key_limits(void **state)
{
    (void)state;
    struct su_buf b = {0};
    char *key = malloc(65537);

    assert_non_null(key);
    memset(key, 'k', 65536);
    key[65536] = '\0';
    for (size_t n = 65535; n <= 65536; n++) {
        gm_head(&b, 3, 0, 1);
        gm_key(&b, key + 65536 - n, SU_META_U8);
        su_buf_u8(&b, 7);
        if (n > 65535) {
            gm_refused(&b, SU_ELIMIT, "65536 bytes long|65535|offset 24");
            continue;
        }
        struct su_weights *w = gm_open(&b);
        struct su_meta_value m;
        assert_true(su_meta_find(w, key + 65536 - n, &m));
        su_weights_close(w);
        su_buf_clear(&b);
    }
    free(key);
    for (uint32_t depth = 4; depth <= 5; depth++) {
        gm_head(&b, 3, 0, 1);
        gm_key(&b, "deep", SU_META_ARRAY);
        for (uint32_t i = 1; i < depth; i++)
            gm_array(&b, SU_META_ARRAY, 1);
        gm_array(&b, SU_META_U8, 1);
        su_buf_u8(&b, 9);
        if (depth > 4) {
            gm_refused(&b, SU_ELIMIT, "'deep'|deeper than 4|offset");
            continue;
        }
        su_weights_close(gm_open(&b));
        su_buf_clear(&b);
    }
    gm_head(&b, 3, 0, 3);
    gm_key(&b, "twin", SU_META_U8);
    su_buf_u8(&b, 1);
    gm_key(&b, "between", SU_META_U8);
    su_buf_u8(&b, 1);
    gm_key(&b, "twin", SU_META_STR);
    gm_text(&b, "");
    gm_refused(&b, SU_EFORMAT, "'twin' twice, at offsets 32 and 69");
    /* A value longer than what may stand before the data. */
    size_t len = SU_WEIGHTS_HEADER_BYTES_MAX + 64u;
    uint8_t *long_text = calloc(len, 1);
    assert_non_null(long_text);
    gm_head(&b, 3, 0, 1);
    gm_key(&b, "long", SU_META_STR);
    memcpy(long_text, b.data, b.len);
    su_put_le64(long_text + b.len, len - b.len - 8);
    bytes_refused(long_text, len, SU_ELIMIT, "'long' at offset 40|limit of 104857600 bytes");
    free(long_text);
    su_buf_fini(&b);
}

static void test_alignment(void **state)
{
    (void)state;
    static const uint32_t good[] = {8, 16, 4096, 65536}, wrong[] = {0, 1, 4, 7, 12, 33, 131072};
    struct su_buf b = {0};

    for (size_t i = 0; i < SU_ARRAY_LEN(good); i++) {
        gm_head(&b, 3, 2, 1);
        gm_key(&b, "general.alignment", SU_META_U32);
        su_buf_u32(&b, good[i]);
        gm_info(&b, "a", 1, DIM(1), 0, 0);
        gm_info(&b, "b", 1, DIM(1), 0, good[i]);
        gm_pad(&b, good[i]);
        gm_data(&b, good[i] + 4);
        struct su_weights *w = gm_open(&b);
        assert_int_equal(su_weights_find(w, "b")->offset % good[i], 0);
        su_weights_close(w);
        su_buf_clear(&b);
    }
    for (size_t i = 0; i < SU_ARRAY_LEN(wrong); i++) {
        char want[64];
        gm_head(&b, 3, 0, 1);
        gm_key(&b, "general.alignment", SU_META_U32);
        su_buf_u32(&b, wrong[i]);
        (void)snprintf(want, sizeof want, "is %u;|8 to 65536|offset 53", wrong[i]);
        gm_refused(&b, SU_EFORMAT, want);
    }
    gm_head(&b, 3, 0, 1);
    gm_key(&b, "general.alignment", SU_META_U64);
    su_buf_u64(&b, 32);
    gm_refused(&b, SU_EFORMAT, "'general.alignment' has type u64|u32|offset 53");
    su_buf_fini(&b);
}

static void test_tensors_refused(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint32_t rank;
        uint64_t dim[7];
        uint32_t type;
        uint64_t offset;
        enum su_code code;
        const char *want;
    } rows[] = {
        {"", 1, {1}, 0, 0, SU_EFORMAT, "the name is empty|offset 24"},
        {"a b", 1, {1}, 0, 0, SU_EFORMAT, "'a b'|printable ASCII"},
        {"a\x80", 1, {1}, 0, 0, SU_EFORMAT, "printable ASCII"},
        {"t", 7, {1, 1, 1, 1, 1, 1, 1}, 0, 0, SU_ELIMIT, "'t'|7 axes exceed 6|offset 24"},
        {"t", 1, {0x80000000}, 0, 0, SU_ELIMIT, "'t'|2147483648 exceeds 2147483647"},
        {"t", 1, {UINT64_MAX}, 0, 0, SU_ELIMIT, "18446744073709551615"},
        {"t",
         2,
         {0x7fffffff, 0x7fffffff},
         0,
         0,
         SU_ELIMIT,
         "'t'|[2147483647,2147483647]|1099511627776 elements"},
        {"t", 1, {33}, 8, 0, SU_EFORMAT, "'t'|blocks of 32|q8_0 [33]|offset 24"},
        {"t", 2, {16, 16}, 2, 0, SU_EFORMAT, "blocks of 32|q4_0 [16,16]"},
        {"t", 2, {32, 256}, 12, 0, SU_EFORMAT, "blocks of 256|q4_k [256,32]"},
        {"t", 0, {0}, 2, 0, SU_EFORMAT, "blocks of 32|q4_0 []"},
        {"t", 1, {8}, 0, 1, SU_EFORMAT, "'t'|offset 1 is no multiple of 32"},
        {"t", 1, {8}, 0, 16, SU_EFORMAT, "offset 16 is no multiple of 32"},
        {"t", 1, {8}, 0, UINT64_MAX, SU_EFORMAT, "no multiple of 32"},
        {"t",
         1,
         {8},
         0,
         UINT64_MAX - 31,
         SU_ETRUNC,
         "'t'|32 bytes at offset 64 + 18446744073709551584"},
        {"t", 1, {8}, 0, 64, SU_ETRUNC, "'t'|file of 96 bytes"},
        {"t", 1, {9}, 0, 0, SU_ETRUNC, "'t'|36 bytes at offset 64 + 0|file of 96 bytes"},
        {"t", 1, {1ull << 30}, 0, 0, SU_ETRUNC, "4294967296 bytes"},
        {"t", 1, {4}, 0, 32, SU_ETRUNC, "16 bytes at offset 64 + 32"},
        {"t", 1, {0}, 0, 0, SU_EFORMAT, "32 bytes at offset 64, after the last tensor"},
    };
    struct su_buf b = {0};

    for (size_t i = 0; i < SU_ARRAY_LEN(rows); i++) {
        gm_head(&b, 3, 1, 0);
        gm_info(&b, rows[i].name, rows[i].rank, rows[i].dim, rows[i].type, rows[i].offset);
        gm_pad(&b, 32);
        gm_data(&b, 32);
        gm_refused(&b, rows[i].code, rows[i].want);
    }
    char name[140];
    for (size_t n = 126; n <= 129; n++) {
        memset(name, 'n', n);
        name[n] = '\0';
        gm_head(&b, 3, 1, 0);
        gm_info(&b, name, 1, DIM(8), 0, 0);
        gm_pad(&b, 32);
        gm_data(&b, 32);
        if (n > SU_GRAPH_NAME_MAX) {
            gm_refused(&b, SU_ELIMIT, "longer than 127 bytes|offset 24");
            continue;
        }
        struct su_weights *w = gm_open(&b);
        assert_non_null(su_weights_find(w, name));
        su_weights_close(w);
        su_buf_clear(&b);
    }
    su_buf_fini(&b);
}

/* Two tensors of 40 bytes, and the bytes of data behind them. */
static void test_cover_refused(void **state)
{
    (void)state;
    static const struct {
        const char *second;
        uint64_t offset[2];
        size_t data;
        enum su_code code;
        const char *want;
    } rows[] = {
        {"b", {0, 64}, 104, SU_OK, NULL},
        {"b", {64, 0}, 104, SU_OK, NULL},
        {"b", {0, 64}, 128, SU_OK, NULL},
        {"b", {0, 64}, 103, SU_ETRUNC, "'b'|40 bytes"},
        {"b", {0, 0}, 104, SU_EFORMAT, "'a' and 'b' overlap|'b' and 'a' overlap"},
        {"b", {0, 32}, 104, SU_EFORMAT, "'a' and 'b' overlap at offset 160"},
        {"b", {32, 0}, 104, SU_EFORMAT, "'b' and 'a' overlap at offset 160"},
        {"b", {32, 96}, 136, SU_EFORMAT, "32 bytes at offset 128, before tensor 'a'"},
        {"b", {0, 96}, 136, SU_EFORMAT, "56 bytes at offset 168, before tensor 'b'"},
        {"b", {0, 64}, 129, SU_EFORMAT, "25 bytes at offset 232, after the last tensor"},
        {"a", {0, 64}, 104, SU_EFORMAT, "tensor 'a' twice, at offsets 128 and 192"},
    };
    struct su_buf b = {0};

    for (size_t i = 0; i < SU_ARRAY_LEN(rows); i++) {
        gm_head(&b, 3, 2, 0);
        gm_info(&b, "a", 1, DIM(10), 0, rows[i].offset[0]);
        gm_info(&b, rows[i].second, 2, DIM(5, 2), 0, rows[i].offset[1]);
        gm_pad(&b, 32);
        assert_int_equal(b.len, 128);
        gm_data(&b, rows[i].data);
        if (rows[i].code == SU_OK) {
            su_weights_close(gm_open(&b));
            su_buf_clear(&b);
        } else if (i == 4) { /* either order is right */
            gm_refused(&b, SU_EFORMAT, "overlap at offset 128");
        } else {
            gm_refused(&b, rows[i].code, rows[i].want);
        }
    }
    su_buf_fini(&b);
}

/* As many of the smallest entries as there may be: the most memory per byte of the file. */
static void test_many(void **state)
{
    (void)state;
    struct su_buf b = {0};
    char name[16];

    for (uint32_t tensors = 0; tensors <= SU_WEIGHTS_TENSOR_MAX; tensors += SU_WEIGHTS_TENSOR_MAX) {
        uint32_t keys = tensors ? 0 : SU_WEIGHTS_META_MAX;
        gm_head(&b, 3, tensors, keys);
        for (uint32_t i = 0; i < keys; i++) {
            (void)snprintf(name, sizeof name, "%x", keys - 1 - i);
            gm_key(&b, name, SU_META_U8);
            su_buf_u8(&b, (uint8_t)i);
        }
        for (uint32_t i = 0; i < tensors; i++) {
            (void)snprintf(name, sizeof name, "%x", i);
            gm_info(&b, name, 0, NULL, 1, 32 * (uint64_t)(tensors - 1 - i));
        }
        size_t header = b.len;
        gm_pad(&b, 32);
        gm_data(&b, 32 * (size_t)tensors);
        su_alloc_peak_start();
        struct su_weights *w = gm_open(&b);
        if (su_alloc_watched())
            assert_in_range(su_alloc_peak(), 24 * SU_WEIGHTS_META_MAX, 4 * header + 4096);
        assert_int_equal(su_weights_count(w), tensors);
        assert_int_equal(su_meta_count(w), keys);
        for (uint32_t i = 1; i < tensors; i++)
            assert_true(strcmp(su_weights_at(w, i - 1)->name, su_weights_at(w, i)->name) < 0);
        for (uint32_t i = 0; i < keys; i += 61) {
            struct su_meta_value m;
            (void)snprintf(name, sizeof name, "%x", keys - 1 - i);
            assert_true(su_meta_find(w, name, &m));
            assert_int_equal(su_meta_int_at(&m, 0), i & 255);
        }
        su_weights_close(w);
        if (su_alloc_watched()) {
            su_alloc_fail(SU_WEIGHTS_META_MAX, SIZE_MAX);
            bytes_refused(b.data, b.len, SU_ENOMEM, tensors ? "65536 tensors" : "65536 keys");
            su_alloc_fail_none();
        }
        su_buf_clear(&b);
    }
    su_buf_fini(&b);
}

static void test_files(void **state)
{
    (void)state;
    struct su_buf b = {0};
    struct su_weights *w;
    struct su_err e = {0};
    const char *path = scratch_path("model.gguf");

    put_good(&b, 3);
    assert_int_equal(su_file_write(path, b.data, b.len, 0600, NULL), SU_OK);
    assert_int_equal(su_weights_open(path, &w, &e), SU_OK);
    assert_string_equal(su_weights_path(w), path);
    assert_int_equal(su_weights_find(w, "q")->data[1], 1);
    su_weights_close(w);
    assert_int_equal(su_file_write(path, b.data, b.len - 1, 0600, NULL), SU_OK);
    assert_int_equal(su_weights_open(path, &w, &e), SU_ETRUNC);
    assert_null(w);
    err_matches(&e, SU_ETRUNC, "model.gguf|'one'|2 bytes");
    su_buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_read_nothing),
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_every_prefix_refused),
        cmocka_unit_test(test_head_refused),
        cmocka_unit_test(test_keys_refused),
        cmocka_unit_test(test_key_limits),
        cmocka_unit_test(test_alignment),
        cmocka_unit_test(test_tensors_refused),
        cmocka_unit_test(test_cover_refused),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_files),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
