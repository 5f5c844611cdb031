// SPDX-License-Identifier: MIT
#include "support/alloc.h"
#include "support/random.h"
#include "unit.h"

#include <stdlib.h>
#include <string.h>

static const char header[] = "{\"m\":{\"dtype\":\"F32\",\"shape\":[4,3],\"data_offsets\":[0,48]},"
                             "\"a.v\":{\"dtype\":\"BF16\",\"shape\":[16],"
                             "\"data_offsets\":[48,80]}}";

static const uint8_t blob[SU_SHA256_BYTES] = {1, 2, 3};

static struct su_manifest built(void)
{
    struct su_graph *g = su_graph_new();
    struct su_manifest m;
    struct su_err e = {0};
    struct su_weights *w;
    size_t len;
    uint8_t *bytes = st_bytes(header, 80, &len);

    assert_int_equal(su_weights_open_bytes(bytes, len, "mem", &w, NULL), SU_OK);
    (void)graph_weight(g, "m", SU_F32, (struct su_shape){2, {2, 3}}, 2);
    (void)graph_weight(g, "a.v", SU_BF16, (struct su_shape){3, {16, 1, 1}}, 0);
    (void)graph_weight(g, "m", SU_F32, (struct su_shape){2, {2, 3}}, 0);
    if (su_manifest_build(g, w, blob, &m, &e))
        fail_msg("%s: %s", e.at, e.msg);
    su_graph_free(g);
    su_weights_close(w);
    free(bytes);
    return m;
}

static void test_build(void **state)
{
    (void)state;
    struct su_manifest m = built();
    uint64_t data = 8 + strlen(header);

    assert_int_equal(m.n_entry, 3);
    assert_string_equal(m.entry[0].name, "a.v");
    assert_int_equal(m.entry[0].dtype, SU_BF16);
    assert_true(su_shape_equal(&m.entry[0].shape, &(struct su_shape){3, {16, 1, 1}}));
    assert_int_equal(m.entry[0].offset, data + 48);
    assert_int_equal(m.entry[0].bytes, 32);
    assert_memory_equal(m.entry[0].blob, blob, sizeof blob);
    assert_string_equal(m.entry[1].name, "m");
    assert_int_equal(m.entry[1].first_row, 0);
    assert_int_equal(m.entry[1].offset, data);
    assert_string_equal(m.entry[2].name, "m");
    assert_int_equal(m.entry[2].first_row, 2);
    assert_int_equal(m.entry[2].offset, data + 24);
    assert_int_equal(m.entry[2].bytes, 24);
    su_manifest_fini(&m);
    assert_null(m.entry);
    su_manifest_fini(&m);
}

static void test_build_refused(void **state)
{
    (void)state;
    struct su_graph *g = su_graph_new();
    struct su_manifest m = {.n_entry = 7};
    struct su_err e = {0};
    struct su_weights *w;
    size_t len;
    uint8_t *bytes = st_bytes(header, 80, &len);

    assert_int_equal(su_weights_open_bytes(bytes, len, "mem", &w, NULL), SU_OK);
    (void)graph_weight(g, "m", SU_F32, (struct su_shape){2, {4, 3}}, 0);
    if (su_alloc_watched()) {
        su_alloc_fail(sizeof *m.entry, sizeof *m.entry);
        assert_int_equal(su_manifest_build(g, w, blob, &m, &e), SU_ENOMEM);
        su_alloc_fail_none();
        err_matches(&e, SU_ENOMEM, "manifest|1 entries");
    }
    (void)graph_weight(g, "absent", SU_F32, (struct su_shape){2, {4, 3}}, 0);
    assert_int_equal(su_manifest_build(g, w, blob, &m, &e), SU_ENOENT);
    err_matches(&e, SU_ENOENT, "absent");
    assert_null(m.entry);
    assert_int_equal(m.n_entry, 0);
    su_graph_free(g);

    g = su_graph_new();
    for (uint32_t i = 0; i <= SU_WEIGHTS_TENSOR_MAX; i++)
        (void)graph_weight(g, "m", SU_F32, (struct su_shape){2, {1, 3}}, i);
    assert_int_equal(su_manifest_build(g, w, blob, &m, &e), SU_ELIMIT);
    err_matches(&e, SU_ELIMIT, "65537 weights exceed 65536");
    su_graph_free(g);
    su_weights_close(w);
    free(bytes);
}

/* The layout at the top of manifest.c, written out by hand. */
static void test_bytes(void **state)
{
    (void)state;
    static struct su_manifest_entry entry = {.name = "w.x",
                                             .dtype = SU_F16,
                                             .shape = {2, {3, 258}},
                                             .first_row = 5,
                                             .blob = {0xaa},
                                             .offset = 0x0102030405060708,
                                             .bytes = 3 * 258 * 2};
    const struct su_manifest m = {&entry, 1};
    static const uint8_t head[] = {'S', 'U', 'M', 'A', 'N', 'I', 'F', '1', 1, 0, 0,   0,
                                   3,   'w', '.', 'x', 4,   2,   3,   0,   0, 0, 2,   1,
                                   0,   0,   5,   0,   0,   0,   0,   0,   0, 0, 0xaa};
    static const uint8_t tail[] = {8, 7, 6, 5, 4, 3, 2, 1, 0x0c, 6, 0, 0, 0, 0, 0, 0};
    uint8_t digest[SU_SHA256_BYTES], want[SU_SHA256_BYTES];
    struct su_buf b;

    su_buf_init(&b, 0);
    assert_int_equal(su_manifest_encode(&m, &b, NULL), SU_OK);
    assert_int_equal(b.len, sizeof head + 31 + sizeof tail);
    assert_memory_equal(b.data, head, sizeof head);
    assert_memory_equal(b.data + sizeof head + 31, tail, sizeof tail);
    assert_int_equal(su_manifest_digest(&m, digest, NULL), SU_OK);
    su_sha256(b.data, b.len, want);
    assert_memory_equal(digest, want, sizeof want);

    /* A buffer too small. */
    struct su_buf small;
    struct su_err e = {0};
    su_buf_init(&small, 40);
    assert_int_equal(su_manifest_encode(&m, &small, &e), SU_ELIMIT);
    su_buf_fini(&small);
    su_buf_fini(&b);
}

static void manifests_equal(const struct su_manifest *a, const struct su_manifest *b)
{
    assert_int_equal(a->n_entry, b->n_entry);
    for (uint32_t i = 0; i < a->n_entry; i++) {
        const struct su_manifest_entry *x = &a->entry[i], *y = &b->entry[i];
        assert_string_equal(x->name, y->name);
        assert_int_equal(x->dtype, y->dtype);
        assert_true(su_shape_equal(&x->shape, &y->shape));
        assert_int_equal(x->first_row, y->first_row);
        assert_memory_equal(x->blob, y->blob, sizeof x->blob);
        assert_int_equal(x->offset, y->offset);
        assert_int_equal(x->bytes, y->bytes);
    }
}

/* A valid manifest: few names, several row ranges of each. */
static void draw(struct su_manifest *m, struct su_random *r)
{
    uint32_t tensors = su_random_below(r, 6);

    m->n_entry = 0;
    for (uint32_t i = 0; i < tensors; i++) {
        struct su_manifest_entry base = {.dtype =
                                             (enum su_dtype)su_random_below(r, SU_DTYPE_COUNT)};
        uint64_t row = 0;
        uint32_t parts = su_random_range(r, 1, 3);
        base.shape.rank = su_random_range(r, 1, SU_GRAPH_RANK_MAX);
        for (uint32_t k = 0; k < base.shape.rank; k++)
            base.shape.dim[k] = su_random_range(r, 1, 5);
        base.shape.dim[base.shape.rank - 1] *= 256; /* whole blocks of every type */
        (void)snprintf(base.name, sizeof base.name, "%c%0*u", 'a' + (char)i,
                       (int)su_random_range(r, 1, 126), su_random_below(r, 10));
        for (uint32_t k = 0; k < parts; k++) {
            struct su_manifest_entry *n = &m->entry[m->n_entry++];
            *n = base;
            n->first_row = row;
            if (base.shape.rank > 1)
                n->shape.dim[0] = su_random_range(r, 1, 5);
            row += su_random_range(r, 1, 100);
            n->offset = su_random_u64(r) >> 1;
            for (size_t at = 0; at < sizeof n->blob; at++)
                n->blob[at] = (uint8_t)su_random_u64(r);
            assert_int_equal(su_tensor_bytes(n->dtype, &n->shape, &n->bytes, NULL), SU_OK);
        }
    }
}

static void test_round_trip(void **state)
{
    (void)state;
    static struct su_manifest_entry entry[32];
    const char *full = getenv("SU_TEST_FULL");
    unsigned rounds = full && strcmp(full, "1") == 0 ? 20000 : 400;

    for (unsigned round = 0; round < rounds; round++) {
        struct su_random r = su_random_of(11, round);
        struct su_manifest m = {entry, 0}, back;
        struct su_err e = {0};
        struct su_buf b, again;
        draw(&m, &r);
        su_buf_init(&b, 0);
        su_buf_init(&again, 0);
        if (su_manifest_encode(&m, &b, &e) || su_manifest_decode(b.data, b.len, &back, &e))
            fail_msg("round %u: %s", round, e.msg);
        manifests_equal(&m, &back);
        assert_int_equal(su_manifest_encode(&back, &again, NULL), SU_OK);
        assert_int_equal(b.len, again.len);
        assert_memory_equal(b.data, again.data, b.len);
        su_manifest_fini(&back);
        su_buf_fini(&again);
        su_buf_fini(&b);
    }
}

static void decode_refused(const void *bytes, size_t len, enum su_code code, const char *want)
{
    struct su_manifest m = {.n_entry = 7};
    struct su_err e = {0};
    void *exact = malloc(len ? len : 1);

    assert_non_null(exact);
    memcpy(exact, bytes, len);
    assert_int_equal(su_manifest_decode(exact, len, &m, &e), code);
    err_matches(&e, code, want);
    assert_null(m.entry);
    assert_int_equal(m.n_entry, 0);
    free(exact);
}

static void test_decode_refused(void **state)
{
    (void)state;
    struct su_manifest m = built();
    struct su_buf b;
    su_buf_init(&b, 0);
    assert_int_equal(su_manifest_encode(&m, &b, NULL), SU_OK);
    su_buf_u8(&b, 0);
    decode_refused(b.data, b.len, SU_EFORMAT, "1 bytes at offset|after the last entry");
    b.len--;

    for (size_t n = 0; n < b.len; n++)
        decode_refused(b.data, n, SU_ETRUNC, n < 12 ? "at least 12" : "manifest|offset");

    b.data[0] = 's';
    decode_refused(b.data, b.len, SU_EFORMAT, "SUMANIF1|offset 0");
    b.data[0] = 'S';
    su_put_le32(b.data + 8, SU_WEIGHTS_TENSOR_MAX + 1);
    decode_refused(b.data, b.len, SU_ELIMIT, "65537 entries at offset 8|65536");
    su_put_le32(b.data + 8, UINT32_MAX);
    decode_refused(b.data, b.len, SU_ELIMIT, "4294967295 entries");
    su_put_le32(b.data + 8, SU_WEIGHTS_TENSOR_MAX);
    decode_refused(b.data, b.len, SU_ETRUNC, "65536 entries|3932160 bytes");
    su_put_le32(b.data + 8, 2);
    decode_refused(b.data, b.len, SU_EFORMAT, "after the last entry");
    su_put_le32(b.data + 8, 3);
    b.data[12] = 0;
    decode_refused(b.data, b.len, SU_EFORMAT, "entry 0|offset 12|empty");
    b.data[12] = 128;
    decode_refused(b.data, b.len, SU_ELIMIT, "entry 0|offset 12|127 bytes");
    b.data[12] = 3;
    b.data[14] = 0;
    decode_refused(b.data, b.len, SU_EFORMAT, "entry 0 ('a')|zero byte");
    su_buf_fini(&b);
    su_manifest_fini(&m);
}

/* A valid entry: f32 [2,3] at 0. */
static struct su_manifest_entry good_entry(const char *name)
{
    struct su_manifest_entry n = {.dtype = SU_F32, .shape = {2, {2, 3}}, .bytes = 24};

    assert_true(su_str_copy(n.name, sizeof n.name, name));
    return n;
}

static void raw_entry(struct su_buf *b, const struct su_manifest_entry *n)
{
    su_buf_u8(b, (uint8_t)strlen(n->name));
    su_buf_str(b, n->name);
    su_buf_u8(b, (uint8_t)n->dtype);
    su_buf_u8(b, (uint8_t)n->shape.rank);
    for (uint32_t i = 0; i < n->shape.rank; i++)
        su_buf_u32(b, i < SU_GRAPH_RANK_MAX ? n->shape.dim[i] : 1);
    su_buf_u64(b, n->first_row);
    su_buf_put(b, n->blob, sizeof n->blob);
    su_buf_u64(b, n->offset);
    su_buf_u64(b, n->bytes);
}

/* first (may be NULL) is a good entry; n after it is not. */
static void entry_refused(struct su_manifest_entry *first, const struct su_manifest_entry *n,
                          enum su_code code, const char *want)
{
    struct su_manifest_entry both[2] = {*n, *n};
    struct su_manifest m = {both, first ? 2 : 1};
    struct su_err e = {0};
    struct su_buf b;
    uint8_t digest[SU_SHA256_BYTES];

    if (first)
        both[0] = *first;
    su_buf_init(&b, 0);
    assert_int_equal(su_manifest_encode(&m, &b, &e), SU_EINVAL);
    err_matches(&e, SU_EINVAL, want);
    assert_int_equal(b.len, 0);
    assert_int_equal(su_manifest_digest(&m, digest, &e), SU_EINVAL);

    su_buf_str(&b, "SUMANIF1");
    su_buf_u32(&b, m.n_entry);
    for (uint32_t i = 0; i < m.n_entry; i++)
        raw_entry(&b, &both[i]);
    decode_refused(b.data, b.len, code, want);
    su_buf_fini(&b);
}

struct spoilt {
    const char *name;
    unsigned dtype;
    struct su_shape shape;
    uint64_t first_row, offset, bytes;
    enum su_code code;
    const char *want;
};

static const struct spoilt spoilt[] = {
    {"", SU_F32, {2, {2, 3}}, 0, 0, 24, SU_EFORMAT, "empty"},
    {"a b", SU_F32, {2, {2, 3}}, 0, 0, 24, SU_EFORMAT, "printable"},
    {"a\x7f", SU_F32, {2, {2, 3}}, 0, 0, 24, SU_EFORMAT, "printable"},
    {"n", SU_DTYPE_COUNT, {2, {2, 3}}, 0, 0, 24, SU_EFORMAT, "type is unknown"},
    {"n", 255, {2, {2, 3}}, 0, 0, 24, SU_EFORMAT, "type is unknown"},
    {"n", SU_Q4_0, {2, {2, 3}}, 0, 0, 24, SU_EFORMAT, "bytes are not those"},
    {"n", SU_F32, {7, {2, 3, 1, 1, 1, 1}}, 0, 0, 24, SU_ELIMIT, "rank exceeds 6"},
    {"n", SU_F32, {255, {2, 3, 1, 1, 1, 1}}, 0, 0, 24, SU_ELIMIT, "rank exceeds 6"},
    {"n", SU_F32, {2, {2, 0}}, 0, 0, 0, SU_EFORMAT, "an axis is empty"},
    {"n", SU_F32, {2, {2, 1u << 31}}, 0, 0, 24, SU_ELIMIT, "an axis exceeds"},
    {"n", SU_F32, {3, {1u << 30, 1u << 30, 4}}, 0, 0, 24, SU_ELIMIT, "2^40 elements"},
    {"n", SU_F32, {2, {2, 3}}, 0, 0, 23, SU_EFORMAT, "bytes are not those"},
    {"n", SU_F32, {2, {2, 3}}, 0, 0, UINT64_MAX, SU_EFORMAT, "bytes are not those"},
    {"n", SU_F32, {2, {2, 3}}, 0, UINT64_MAX - 23, 24, SU_EFORMAT, "exceed 2^64"},
    {"n", SU_F32, {2, {2, 3}}, 0x7ffffffe, 0, 24, SU_ELIMIT, "rows exceed"},
    {"n", SU_F32, {2, {2, 3}}, UINT64_MAX, 0, 24, SU_ELIMIT, "rows exceed"},
    {"n", SU_F32, {0}, 1, 0, 4, SU_EFORMAT, "rank 0 has one row"},
};

static void test_entries_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < SU_ARRAY_LEN(spoilt); i++) {
        const struct spoilt *row = &spoilt[i];
        struct su_manifest_entry n = good_entry(row->name);
        n.dtype = (enum su_dtype)row->dtype;
        n.shape = row->shape;
        n.first_row = row->first_row;
        n.offset = row->offset;
        n.bytes = row->bytes;
        entry_refused(NULL, &n, row->code, row->want);
    }
    struct su_manifest_entry good = good_entry("n"), next;

    entry_refused(&good, &good, SU_EFORMAT, "entry 1|ascend");
    next = good;
    (void)su_str_copy(next.name, sizeof next.name, "m");
    entry_refused(&good, &next, SU_EFORMAT, "entry 1 ('m')|ascend");
    good.first_row = 3;
    next = good;
    next.first_row = 2;
    entry_refused(&good, &next, SU_EFORMAT, "ascend");
    next.first_row = 4;
    next.dtype = SU_I32;
    entry_refused(&good, &next, SU_EFORMAT, "differ in type or axes");
    next.dtype = SU_F32;
    next.shape = (struct su_shape){2, {3, 2}};
    entry_refused(&good, &next, SU_EFORMAT, "differ in type or axes");
    next.shape = (struct su_shape){1, {6}};
    entry_refused(&good, &next, SU_EFORMAT, "differ in type or axes");

    struct su_manifest_entry unterminated = good_entry("n");
    memset(unterminated.name, 'n', sizeof unterminated.name);
    const struct su_manifest m = {&unterminated, 1}, many = {&good, SU_WEIGHTS_TENSOR_MAX + 1};
    struct su_err e = {0};
    struct su_buf b;
    su_buf_init(&b, 0);
    assert_int_equal(su_manifest_encode(&m, &b, &e), SU_EINVAL);
    err_matches(&e, SU_EINVAL, "longer than 127");
    assert_int_equal(su_manifest_encode(&many, &b, &e), SU_ELIMIT);
    err_matches(&e, SU_ELIMIT, "65537 entries");
    su_buf_fini(&b);
}

static void test_many(void **state)
{
    (void)state;
    struct su_manifest_entry n = {.dtype = SU_F32, .bytes = 4};
    struct su_manifest m;
    struct su_err e = {0};
    struct su_buf b;

    su_buf_init(&b, 0);
    su_buf_str(&b, "SUMANIF1");
    su_buf_u32(&b, SU_WEIGHTS_TENSOR_MAX);
    for (uint32_t i = 0; i < SU_WEIGHTS_TENSOR_MAX; i++) {
        (void)snprintf(n.name, sizeof n.name, "%05u", i);
        raw_entry(&b, &n);
    }
    su_alloc_peak_start();
    if (su_manifest_decode(b.data, b.len, &m, &e))
        fail_msg("%s", e.msg);
    if (su_alloc_watched())
        assert_in_range(su_alloc_peak(), SU_WEIGHTS_TENSOR_MAX, 5 * b.len);
    assert_int_equal(m.n_entry, SU_WEIGHTS_TENSOR_MAX);
    assert_string_equal(m.entry[65535].name, "65535");
    su_manifest_fini(&m);
    if (su_alloc_watched()) {
        su_alloc_fail(SU_WEIGHTS_TENSOR_MAX, SIZE_MAX);
        assert_int_equal(su_manifest_decode(b.data, b.len, &m, &e), SU_ENOMEM);
        su_alloc_fail_none();
        err_matches(&e, SU_ENOMEM, "65536 entries");
        assert_null(m.entry);
    }
    su_buf_fini(&b);

    const struct su_manifest empty = {NULL, 0};
    uint8_t digest[SU_SHA256_BYTES], want[SU_SHA256_BYTES];
    assert_int_equal(su_manifest_digest(&empty, digest, NULL), SU_OK);
    su_sha256("SUMANIF1\0\0\0", 12, want);
    assert_memory_equal(digest, want, sizeof want);
    assert_int_equal(su_manifest_decode("SUMANIF1\0\0\0", 12, &m, NULL), SU_OK);
    assert_int_equal(m.n_entry, 0);
    su_manifest_fini(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_build),          cmocka_unit_test(test_build_refused),
        cmocka_unit_test(test_bytes),          cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_decode_refused), cmocka_unit_test(test_entries_refused),
        cmocka_unit_test(test_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
