// SPDX-License-Identifier: MIT
#include "all_ops.h"
#include "graph/graph.h"

#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
// clang-format off
#include <cmocka.h>
// clang-format on

static const char expected[] =
    "graph splitup-numerics-1, 6 nodes, 9 multiply-adds per row\n"
    "%0 f32 [3] rows = input \"x\"\n"
    "%1 f16 [2,3] fixed = weight \"w\" from row 4\n"
    "%2 f32 [2] rows = matmul(%0, %1)\n"
    "%3 f32 [10] fixed = const() {f32, 10} = 0 0.1 -2.5 3.1415927 1e+10 1 1 1 ...\n"
    "%4 i32 [2] fixed = const() {i32, 2} = -1 7\n"
    "%5 u32 [] fixed = const() {u32} = 4294967295\n"
    "%6 f32 [2] rows, %7 i32 [2] rows = topk(%2) {2}\n"
    "%8 f32 [] fixed = reduce_sum(%3) {0x1, 0}\n"
    "%9 bool [] emit = input \"late\"\n"
    "output \"y4\" = %4\n"
    "output \"y5\" = %5\n"
    "output \"y6\" = %6\n"
    "output \"y7\" = %7\n"
    "output \"y8\" = %8\n"
    "output \"y9\" = %9\n";

static void test_small_graph(void **state)
{
    static const float values[] = {0.0f, 0.1f, -2.5f, 3.1415927f, 1e10f,
                                   1.0f, 1.0f, 1.0f,  1.0f,       1.0f};
    struct su_graph *g = su_graph_new();
    struct su_shape x = {1, {3}}, w = {2, {2, 3}};
    uint8_t data[40];
    uint8_t digest[SU_SHA256_BYTES];
    char hex[2 * SU_SHA256_BYTES + 1], want[2048];
    struct su_buf out;
    struct su_err e;
    uint32_t id;

    (void)state;
    assert_int_equal(su_graph_add_input(g, "x", SU_ROWS, SU_F32, &x, &id, &e), SU_OK);
    assert_int_equal(su_graph_add_weight(g, "w", SU_F16, &w, 4, &id, &e), SU_OK);
    assert_int_equal(
        su_graph_add_node(g, SU_OP_MATMUL, (uint32_t[]){0, 1}, 2, NULL, 0, NULL, 0, &id, &e),
        SU_OK);
    for (size_t i = 0; i < SU_ARRAY_LEN(values); i++)
        su_put_le32(data + 4 * i, su_f32_bits(values[i]));
    assert_int_equal(
        su_graph_add_node(g, SU_OP_CONST, NULL, 0, (int32_t[]){SU_F32, 10}, 2, data, 40, &id, &e),
        SU_OK);
    su_put_le32(data, UINT32_MAX);
    su_put_le32(data + 4, 7);
    assert_int_equal(
        su_graph_add_node(g, SU_OP_CONST, NULL, 0, (int32_t[]){SU_I32, 2}, 2, data, 8, &id, &e),
        SU_OK);
    assert_int_equal(
        su_graph_add_node(g, SU_OP_CONST, NULL, 0, (int32_t[]){SU_U32}, 1, data, 4, &id, &e),
        SU_OK);
    assert_int_equal(
        su_graph_add_node(g, SU_OP_TOPK, (uint32_t[]){2}, 1, (int32_t[]){2}, 1, NULL, 0, &id, &e),
        SU_OK);
    assert_int_equal(su_graph_add_node(g, SU_OP_REDUCE_SUM, (uint32_t[]){3}, 1, (int32_t[]){1, 0},
                                       2, NULL, 0, &id, &e),
                     SU_OK);
    assert_int_equal(
        su_graph_add_input(g, "late", SU_EMIT, SU_BOOL, &(struct su_shape){0}, &id, &e), SU_OK);
    for (uint32_t i = 4; i < 10; i++) {
        char name[8];
        snprintf(name, sizeof name, "y%u", (unsigned)i);
        assert_int_equal(su_graph_add_output(g, name, i, &e), SU_OK);
    }
    su_buf_init(&out, 0);
    assert_int_equal(su_graph_dump(g, &out, &e), SU_EINVAL);
    assert_int_equal(su_graph_check(g, &e), SU_OK);
    assert_int_equal(su_graph_dump(g, &out, &e), SU_OK);
    assert_int_equal(su_graph_digest(g, digest, &e), SU_OK);
    su_hex_encode(digest, sizeof digest, hex, sizeof hex);
    snprintf(want, sizeof want, "%ssha256 %s\n", expected, hex);
    assert_string_equal((const char *)out.data, want);
    su_buf_fini(&out);
    su_graph_free(g);
}

/* Each record is one line that begins with its ids; floats keep their point in every locale. */
static void test_all_ops(void **state)
{
    struct su_graph *g = su_test_all_ops();
    struct su_buf out;
    uint32_t lines = 0;

    (void)state;
    (void)setlocale(LC_ALL, "de_DE.UTF-8");
    su_buf_init(&out, 0);
    assert_int_equal(su_graph_dump(g, &out, NULL), SU_OK);
    (void)setlocale(LC_ALL, "C");
    for (size_t i = 0; i < out.len; i++)
        lines += out.data[i] == '\n';
    assert_int_equal(lines, 1 + g->n_record + g->n_output + 1);
    const char *text = (const char *)out.data;
    for (unsigned i = 0; i < SU_OP_COUNT; i++) {
        char call[40];
        snprintf(call, sizeof call, " = %s(", su_op_name((enum su_op)i));
        assert_non_null(strstr(text, call));
    }
    assert_non_null(strstr(text, " f16 [2,64] rows = state \"k\"\n"));
    assert_non_null(strstr(text, "= rope(%"));
    assert_non_null(strstr(text, " {1, 64, 10000, 1, 0, 0, 0, 0}\n"));
    assert_non_null(strstr(text, " {1e-05, 1}\n"));
    assert_non_null(strstr(text, " {i32}\n"));
    assert_non_null(strstr(text, " emit = sample("));
    su_buf_fini(&out);
    su_graph_free(g);
}

static void test_limit(void **state)
{
    struct su_graph *g = su_test_all_ops();
    struct su_buf out;
    struct su_err e;

    (void)state;
    su_buf_init(&out, 100);
    assert_int_equal(su_graph_dump(g, &out, &e), SU_ELIMIT);
    su_buf_fini(&out);
    su_graph_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_small_graph),
        cmocka_unit_test(test_all_ops),
        cmocka_unit_test(test_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
