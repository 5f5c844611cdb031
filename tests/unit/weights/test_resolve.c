// SPDX-License-Identifier: MIT
#include "unit.h"

#include <stdlib.h>
#include <string.h>

/* m: F32 [4,3] at 0; v: F32 [16] at 48; h: F16 [2,2] at 112; s: F32 [] at 120; i: F32 [1] at 124. */
static const char header[] = "{\"m\":{\"dtype\":\"F32\",\"shape\":[4,3],\"data_offsets\":[0,48]},"
                             "\"v\":{\"dtype\":\"F32\",\"shape\":[16],\"data_offsets\":[48,112]},"
                             "\"h\":{\"dtype\":\"F16\",\"shape\":[2,2],\"data_offsets\":[112,120]},"
                             "\"s\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[120,124]},"
                             "\"i\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[124,128]}}";

struct row {
    const char *name;
    enum su_dtype dtype;
    struct su_shape shape;
    uint64_t first_row;
    uint64_t offset, bytes; /* when code is SU_OK */
    enum su_code code;
    const char *want;
};

static const struct row rows[] = {
    {"m", SU_F32, {2, {4, 3}}, 0, 0, 48, SU_OK, NULL},
    {"m", SU_F32, {2, {1, 3}}, 0, 0, 12, SU_OK, NULL},
    {"m", SU_F32, {2, {2, 3}}, 2, 24, 24, SU_OK, NULL},
    {"m", SU_F32, {2, {1, 3}}, 3, 36, 12, SU_OK, NULL},
    {"m", SU_F32, {2, {2, 3}}, 3, 0, 0, SU_ETYPE, "m|rows beyond|f32 [2,3] at row 3|f32 [4,3]"},
    {"m", SU_F32, {2, {1, 3}}, 4, 0, 0, SU_ETYPE, "rows beyond"},
    {"m", SU_F32, {2, {1, 3}}, 2147483645, 0, 0, SU_ETYPE, "rows beyond"},
    {"m", SU_F32, {2, {5, 3}}, 0, 0, 0, SU_ETYPE, "rows beyond|f32 [5,3], mem holds"},
    {"m", SU_F32, {2, {4, 2}}, 0, 0, 0, SU_ETYPE, "other axes|[4,2]|[4,3]"},
    {"m", SU_F32, {1, {12}}, 0, 0, 0, SU_ETYPE, "another rank"},
    {"m", SU_F32, {3, {4, 3, 1}}, 0, 0, 0, SU_ETYPE, "another rank"},
    {"m", SU_I32, {2, {4, 3}}, 0, 0, 0, SU_ETYPE, "m|another type|i32|f32"},
    {"m", SU_Q8_0, {2, {4, 32}}, 0, 0, 0, SU_ETYPE, "another type|q8_0"},
    {"v", SU_F32, {1, {16}}, 0, 0, 64, SU_OK, NULL},
    {"v", SU_F32, {1, {4}}, 12, 48, 16, SU_OK, NULL},
    {"v", SU_F32, {3, {16, 1, 1}}, 0, 0, 64, SU_OK, NULL},
    {"v", SU_F32, {3, {8, 1, 1}}, 8, 32, 32, SU_OK, NULL},
    {"v", SU_F32, {3, {8, 1, 1}}, 9, 0, 0, SU_ETYPE, "rows beyond"},
    {"v", SU_F32, {2, {1, 16}}, 0, 0, 64, SU_OK, NULL},
    {"v", SU_F32, {3, {1, 16, 1}}, 0, 0, 64, SU_OK, NULL},
    {"v", SU_F32, {3, {1, 16, 1}}, 1, 0, 0, SU_ETYPE, "rows beyond"},
    {"v", SU_F32, {2, {1, 8}}, 0, 0, 0, SU_ETYPE, "other axes"},
    {"v", SU_F32, {2, {4, 4}}, 0, 0, 0, SU_ETYPE, "other axes"},
    {"v", SU_F32, {2, {16, 16}}, 0, 0, 0, SU_ETYPE, "rows beyond"},
    {"v", SU_F32, {0}, 0, 0, 0, SU_ETYPE, "another rank|f32 []|f32 [16]"},
    {"h", SU_F16, {2, {1, 2}}, 1, 4, 4, SU_OK, NULL},
    {"s", SU_F32, {0}, 0, 0, 4, SU_OK, NULL},
    {"s", SU_F32, {1, {1}}, 0, 0, 0, SU_ETYPE, "another rank"},
    {"i", SU_F32, {0}, 0, 0, 4, SU_OK, NULL},
    {"i", SU_F32, {3, {1, 1, 1}}, 0, 0, 4, SU_OK, NULL},
    {"none", SU_F32, {0}, 0, 0, 0, SU_ENOENT, "none|mem"},
};

static void test_rows(void **state)
{
    (void)state;
    size_t len;
    uint8_t *bytes = st_bytes(header, 128, &len);
    struct su_weights *w;
    assert_int_equal(su_weights_open_bytes(bytes, len, "mem", &w, NULL), SU_OK);

    for (size_t i = 0; i < SU_ARRAY_LEN(rows); i++) {
        const struct row *row = &rows[i];
        struct su_graph *g = su_graph_new();
        struct su_err e = {0};
        struct su_weight_span span = {.bytes = 99};
        uint32_t id = graph_weight(g, row->name, row->dtype, row->shape, row->first_row);
        enum su_code c = su_weights_resolve(w, g, id, &span, &e);
        if (c != row->code)
            fail_msg("row %zu: %s instead of %s: %s", i, su_code_name(c), su_code_name(row->code),
                     e.msg);
        if (c) {
            err_matches(&e, c, row->want);
            assert_null(span.tensor);
        } else {
            assert_ptr_equal(span.tensor, su_weights_find(w, row->name));
            assert_int_equal(span.offset, row->offset);
            assert_int_equal(span.bytes, row->bytes);
        }
        su_graph_free(g);
    }
    su_weights_close(w);
    free(bytes);
}

static void test_not_a_weight(void **state)
{
    (void)state;
    size_t len;
    uint8_t *bytes = st_bytes(header, 128, &len);
    struct su_weights *w;
    struct su_graph *g = su_graph_new();
    struct su_weight_span span;
    struct su_err e = {0};
    uint32_t id;

    assert_int_equal(su_weights_open_bytes(bytes, len, "mem", &w, NULL), SU_OK);
    assert_int_equal(
        su_graph_add_input(g, "m", SU_ROWS, SU_F32, &(struct su_shape){2, {4, 3}}, &id, &e), SU_OK);
    assert_int_equal(su_weights_resolve(w, g, id, &span, &e), SU_EINVAL);
    err_matches(&e, SU_EINVAL, "value 0 is not a weight");
    assert_int_equal(su_weights_resolve(w, g, 1, &span, &e), SU_EINVAL);
    su_graph_free(g);
    su_weights_close(w);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_not_a_weight),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
