// SPDX-License-Identifier: MIT
#include "support/alloc.h"
#include "support/random.h"
#include "unit.h"

#include <stdlib.h>
#include <string.h>

static const enum su_dtype file_types[] = {SU_F32, SU_F16, SU_BF16, SU_I32, SU_U32};

enum { TENSORS_MAX = 12, BYTES_MAX = 4096 };

struct set {
    struct su_tensor tensor[TENSORS_MAX];
    char name[TENSORS_MAX][160];
    uint8_t data[TENSORS_MAX][BYTES_MAX];
    uint32_t n;
};

static void set_draw(struct set *s, struct su_random *r)
{
    static const char letters[] = "abz._/\"\\:{}[]<&-09~!";

    s->n = su_random_below(r, TENSORS_MAX + 1);
    for (uint32_t i = 0; i < s->n; i++) {
        struct su_tensor *t = &s->tensor[i];
        uint32_t len = su_random_range(r, 1, su_random_chance(r, 10) ? 124 : 6);
        for (uint32_t k = 0; k < len; k++)
            s->name[i][k] = letters[su_random_below(r, sizeof letters - 1)];
        (void)snprintf(s->name[i] + len, 8, "%u", i); /* unique by its end or its length */
        s->name[i][0] = (char)('A' + i);
        *t = (struct su_tensor){.name = s->name[i], .data = s->data[i]};
        t->dtype = file_types[su_random_below(r, SU_ARRAY_LEN(file_types))];
        t->shape.rank = su_random_below(r, SU_GRAPH_RANK_MAX + 1);
        uint64_t elements = 1;
        for (uint32_t k = 0; k < t->shape.rank; k++) {
            t->shape.dim[k] = su_random_chance(r, 3) ? 0 : su_random_range(r, 1, 3);
            elements *= t->shape.dim[k];
        }
        t->bytes = elements * (t->dtype == SU_F16 || t->dtype == SU_BF16 ? 2 : 4);
        for (uint64_t k = 0; k < t->bytes; k++)
            s->data[i][k] = (uint8_t)su_random_u64(r);
    }
}

static void set_shuffle(struct set *s, struct su_random *r)
{
    for (uint32_t i = s->n; i > 1; i--) {
        uint32_t k = su_random_below(r, i);
        struct su_tensor t = s->tensor[i - 1];
        s->tensor[i - 1] = s->tensor[k];
        s->tensor[k] = t;
    }
}

static struct su_map written(const char *path, const struct set *s)
{
    struct su_err e = {0};
    struct su_map m;

    if (su_weights_write(path, s->tensor, s->n, &e))
        fail_msg("%s: %s", e.at, e.msg);
    assert_int_equal(su_map_open(path, 0, &m, NULL), SU_OK);
    return m;
}

static void set_equals_file(const struct set *s, const char *path)
{
    struct su_err e = {0};
    struct su_weights *w;

    if (su_weights_open(path, &w, &e))
        fail_msg("%s: %s", e.at, e.msg);
    assert_int_equal(su_weights_count(w), s->n);
    for (uint32_t i = 0; i < s->n; i++) {
        const struct su_tensor *want = &s->tensor[i], *t = su_weights_find(w, want->name);
        assert_non_null(t);
        assert_int_equal(t->dtype, want->dtype);
        assert_true(su_shape_equal(&t->shape, &want->shape));
        assert_int_equal(t->bytes, want->bytes);
        assert_memory_equal(t->data, want->data, t->bytes);
        bool narrow = t->dtype == SU_F16 || t->dtype == SU_BF16;
        assert_int_equal(t->offset % (narrow ? 2 : 4), 0);
    }
    su_weights_close(w);
}

static void test_round_trip(void **state)
{
    (void)state;
    static struct set s;
    const char *full = getenv("SU_TEST_FULL");
    unsigned rounds = full && strcmp(full, "1") == 0 ? 2000 : 60;

    for (unsigned round = 0; round < rounds; round++) {
        struct su_random r = su_random_of(7, round);
        set_draw(&s, &r);
        const char *path = scratch_path("round");
        struct su_map first = written(path, &s);
        set_equals_file(&s, path);
        /* Equal contents in another order give equal bytes. */
        set_shuffle(&s, &r);
        const char *again = scratch_path("again");
        struct su_map second = written(again, &s);
        assert_int_equal(first.len, second.len);
        assert_memory_equal(first.data, second.data, first.len);
        su_map_close(&first);
        su_map_close(&second);
    }
}

/* The whole file, byte for byte. */
static void test_bytes(void **state)
{
    (void)state;
    static const uint8_t f32[] = {1, 2, 3, 4}, f16[] = {5, 6};
    const struct su_tensor t[] = {
        {.name = "a", .dtype = SU_F16, .shape = {1, {1}}, .data = f16, .bytes = 2},
        {.name = "b", .dtype = SU_F32, .shape = {0}, .data = f32, .bytes = 4},
    };
    const char *header = "{\"b\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]},"
                         "\"a\":{\"dtype\":\"F16\",\"shape\":[1],\"data_offsets\":[4,6]}}";
    const char *path = scratch_path("bytes");
    struct su_map m;
    size_t n = strlen(header), padded = (n + 7) / 8 * 8;

    assert_int_equal(su_weights_write(path, t, 2, NULL), SU_OK);
    assert_int_equal(su_map_open(path, 0, &m, NULL), SU_OK);
    assert_int_equal(m.len, 8 + padded + 6);
    assert_int_equal(su_le64(m.data), padded);
    assert_memory_equal(m.data + 8, header, n);
    for (size_t i = n; i < padded; i++)
        assert_int_equal(m.data[8 + i], ' ');
    assert_memory_equal(m.data + 8 + padded, "\1\2\3\4\5\6", 6);
    su_map_close(&m);
}

static void refused(const struct su_tensor *t, uint32_t n, enum su_code code, const char *want)
{
    struct su_err e = {0};
    const char *path = scratch_path("refused");
    struct su_map m;

    assert_int_equal(su_weights_write(path, t, n, &e), code);
    err_matches(&e, code, want);
    assert_int_equal(su_map_open(path, 0, &m, NULL), SU_ENOENT);
}

static void test_refused(void **state)
{
    (void)state;
    static const uint8_t data[8];
    static char name[200];
    const struct su_tensor good = {
        .name = "a", .dtype = SU_F32, .shape = {1, {2}}, .data = data, .bytes = 8};
    struct su_tensor t[2] = {good, good};

    refused(t, 2, SU_EINVAL, "a|two tensors");
    t[0].name = NULL;
    refused(t, 1, SU_EINVAL, "empty");
    t[0].name = "";
    refused(t, 1, SU_EINVAL, "empty");
    t[0].name = "a b";
    refused(t, 1, SU_EINVAL, "a b|printable");
    t[0].name = "__metadata__";
    refused(t, 1, SU_EINVAL, "__metadata__");
    memset(name, 'n', 128);
    t[0].name = name;
    refused(t, 1, SU_EINVAL, "longer than 127");
    t[0] = good;
    t[0].bytes = 4;
    refused(t, 1, SU_EINVAL, "a|4 bytes|f32 [2]");
    t[0] = good;
    t[0].data = NULL;
    refused(t, 1, SU_EINVAL, "a|no data");
    t[0] = good;
    t[0].dtype = SU_BOOL;
    refused(t, 1, SU_EUNSUPPORTED, "a|bool");
    t[0].dtype = SU_Q8_0;
    refused(t, 1, SU_EUNSUPPORTED, "a|q8_0");
    t[0].dtype = (enum su_dtype)99;
    refused(t, 1, SU_EUNSUPPORTED, "a|type ?");
    t[0] = good;
    t[0].shape.rank = 7;
    refused(t, 1, SU_ELIMIT, "a|rank 7 exceeds 6");
    t[0].shape = (struct su_shape){2, {1u << 31, 0}};
    refused(t, 1, SU_EINVAL, "a|2147483648 exceeds 2147483647");
    t[0].shape = (struct su_shape){3, {1u << 30, 1u << 30, 1u << 30}};
    refused(t, 1, SU_EINVAL, "a|8 bytes are not");
    refused(t, SU_WEIGHTS_TENSOR_MAX + 1, SU_ELIMIT, "65537 tensors exceed 65536");
    t[0] = good;
    if (su_alloc_watched()) {
        su_alloc_fail(sizeof t[0].name, sizeof t[0].name); /* the array of one pointer */
        refused(t, 1, SU_ENOMEM, "out of memory");
        su_alloc_fail_none();
        su_alloc_fail(64, SIZE_MAX);
        refused(t, 1, SU_ENOMEM, "out of memory");
        su_alloc_fail_none();
    }
    struct su_err e = {0};
    assert_int_equal(su_weights_write(scratch_path("no/such"), t, 1, &e), SU_ENOENT);
    err_matches(&e, SU_ENOENT, "no/such");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
