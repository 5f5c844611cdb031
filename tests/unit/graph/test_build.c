// SPDX-License-Identifier: MIT
#include "graph/graph.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
// clang-format off
#include <cmocka.h>
// clang-format on

#define SHAPE(...)                                                                                 \
    (&(struct su_shape){.rank = SU_ARRAY_LEN(((uint32_t[]){__VA_ARGS__})), .dim = {__VA_ARGS__}})
static const struct su_shape scalar;

static struct su_err err;
static uint32_t id;

static void expect(enum su_code got, enum su_code want, const char *text)
{
    if (got != want || (text && !strstr(err.msg, text) && !strstr(err.at, text)))
        fail_msg("want %s \"%s\", got %s \"%s: %s\"", su_code_name(want), text ? text : "",
                 su_code_name(got), err.at, err.msg);
}

static uint32_t node(struct su_graph *g, enum su_op op, uint32_t a, uint32_t b)
{
    uint32_t n = b == UINT32_MAX ? 1 : 2;

    expect(su_graph_add_node(g, op, (uint32_t[]){a, b}, n, NULL, 0, NULL, 0, &id, &err), SU_OK,
           NULL);
    return id;
}

static void test_types(void **state)
{
    enum su_dtype d;
    struct su_value v = {.kind = SU_VALUE_NODE, .dtype = SU_F32, .shape = {2, {3, 5}}};
    char text[80];

    (void)state;
    for (unsigned i = 0; i < SU_DTYPE_COUNT; i++) {
        assert_true(su_dtype_find(su_dtype_name((enum su_dtype)i), &d));
        assert_int_equal(d, i);
        assert_int_equal(su_dtype_is_value(d), i <= SU_BOOL);
        assert_int_equal(su_dtype_is_block(d), i >= SU_Q4_0);
        assert_int_equal(su_dtype_seen(d), i == SU_F16 || i == SU_BF16 ? SU_F32 : i);
    }
    assert_false(su_dtype_find("f64", &d));
    assert_string_equal(su_dtype_name(SU_DTYPE_COUNT), "?");
    assert_string_equal(su_shape_format(&scalar, text, sizeof text), "[]");
    assert_string_equal(su_shape_format(SHAPE(16, 28, 2147483647), text, sizeof text),
                        "[16,28,2147483647]");
    assert_string_equal(su_shape_format(SHAPE(16, 28), text, 5), "[16,");
    text[0] = 'x';
    assert_int_equal(su_shape_format(SHAPE(16), text, 0)[0], 'x');
    assert_true(su_shape_elements(&scalar) == 1);
    assert_true(su_shape_elements(SHAPE(65536, 65536, 256)) == 1ull << 40);
    assert_true(su_shape_equal(SHAPE(2, 3), SHAPE(2, 3)));
    assert_false(su_shape_equal(SHAPE(2, 3), SHAPE(3, 2)));
    assert_false(su_shape_equal(SHAPE(2), SHAPE(2, 1)));
    assert_true(su_value_row_bytes(&v) == 60);
    assert_false(su_value_is_state(&v));
    v.dtype = SU_F16;
    assert_true(su_value_is_state(&v));
    v.kind = SU_VALUE_WEIGHT;
    assert_false(su_value_is_state(&v));
}

static void test_tensor_bytes(void **state)
{
    /* bytes of 512 elements, from the block layouts of the GGUF specification */
    static const struct {
        enum su_dtype d;
        uint64_t bytes;
    } known[] = {{SU_F32, 2048}, {SU_I32, 2048}, {SU_BOOL, 2048}, {SU_F16, 1024}, {SU_BF16, 1024},
                 {SU_Q4_0, 288}, {SU_Q4_1, 320}, {SU_Q5_0, 352},  {SU_Q5_1, 384}, {SU_Q8_0, 544},
                 {SU_Q4_K, 288}, {SU_Q5_K, 352}, {SU_Q6_K, 420}};
    uint64_t bytes;

    (void)state;
    for (size_t i = 0; i < SU_ARRAY_LEN(known); i++) {
        expect(su_tensor_bytes(known[i].d, SHAPE(2, 256), &bytes, &err), SU_OK, NULL);
        assert_true(bytes == known[i].bytes);
    }
    expect(su_tensor_bytes(SU_F32, &scalar, &bytes, &err), SU_OK, NULL);
    assert_true(bytes == 4);
    expect(su_tensor_bytes(SU_Q4_0, SHAPE(64, 33), &bytes, &err), SU_ETYPE, "blocks of 32");
    expect(su_tensor_bytes(SU_Q6_K, SHAPE(256, 32), &bytes, &err), SU_ETYPE, "shape [256,32]");
    expect(su_tensor_bytes(SU_Q6_K, &scalar, &bytes, &err), SU_ETYPE, "blocks of 256");
    expect(su_tensor_bytes(SU_F32, SHAPE(0x7fffffff, 0x7fffffff, 4), &bytes, &err), SU_EOVERFLOW,
           "[2147483647,");
    expect(su_tensor_bytes(SU_F32, SHAPE(0x7fffffff, 0x7fffffff), &bytes, &err), SU_OK, NULL);
    expect(su_tensor_bytes(SU_F32, SHAPE(0x7fffffff, 0x7fffffff, 1, 2), &bytes, &err), SU_EOVERFLOW,
           NULL);
}

static void test_values_and_records(void **state)
{
    struct su_graph *g = su_graph_new();
    uint32_t x, w, top, arg[2];

    (void)state;
    expect(su_graph_add_input(g, "x", SU_ROWS, SU_F32, SHAPE(4), &x, &err), SU_OK, NULL);
    expect(su_graph_add_weight(g, "w", SU_F16, SHAPE(3, 4), 7, &w, &err), SU_OK, NULL);
    arg[0] = x;
    arg[1] = w;
    expect(su_graph_add_node(g, SU_OP_MATMUL, arg, 2, NULL, 0, NULL, 0, &id, &err), SU_OK, NULL);
    expect(su_graph_add_node(g, SU_OP_TOPK, &id, 1, (int32_t[]){2}, 1, NULL, 0, &top, &err), SU_OK,
           NULL);
    expect(su_graph_add_output(g, "ids", top + 1, &err), SU_OK, NULL);
    assert_int_equal(g->n_value, 5);
    assert_int_equal(g->n_record, 4);
    assert_int_equal(g->record[0], 0x80000000u | x);
    assert_int_equal(g->record[1], 0x80000000u | w);
    assert_int_equal(g->record[2], 0);
    assert_int_equal(g->record[3], 1);
    assert_int_equal(g->n_input, 1);
    assert_int_equal(g->input[0], x);
    assert_int_equal(g->weight[0], w);
    assert_int_equal(g->value[w].kind, SU_VALUE_WEIGHT);
    assert_int_equal(g->value[w].dtype, SU_F16);
    assert_true(g->value[w].first_row == 7);
    assert_string_equal(g->value[w].name, "w");
    assert_int_equal(g->value[id].kind, SU_VALUE_NODE);
    assert_null(g->value[id].name);
    assert_int_equal(g->value[id].node, 0);
    assert_int_equal(g->value[top + 1].node, 1);
    assert_int_equal(g->value[top + 1].out, 1);
    assert_int_equal(g->node[1].first_out, top);
    assert_int_equal(g->node[1].n_out, 2);
    assert_int_equal(g->node[1].attr[0], 2);
    assert_false(g->checked);
    expect(su_graph_check(g, &err), SU_OK, NULL);
    assert_true(g->checked);
    assert_int_equal(g->value[x].uses, 1);
    assert_int_equal(g->value[top].uses, 0);
    assert_int_equal(g->value[top + 1].uses, 1);
    expect(su_graph_check(g, &err), SU_OK, NULL);
    assert_int_equal(g->value[x].uses, 1);
    expect(su_graph_add_output(g, "best", top, &err), SU_OK, NULL);
    assert_false(g->checked);
    su_graph_free(g);
    su_graph_free(NULL);
}

static void test_names(void **state)
{
    struct su_graph *g = su_graph_new();
    char longest[SU_GRAPH_NAME_MAX + 2];

    (void)state;
    memset(longest, 'n', sizeof longest);
    longest[SU_GRAPH_NAME_MAX + 1] = '\0';
    expect(su_graph_add_input(g, "", SU_ROWS, SU_F32, SHAPE(4), &id, &err), SU_EINVAL,
           "name is empty");
    expect(su_graph_add_input(g, NULL, SU_ROWS, SU_F32, SHAPE(4), &id, &err), SU_EINVAL,
           "name is empty");
    expect(su_graph_add_input(g, "a b", SU_ROWS, SU_F32, SHAPE(4), &id, &err), SU_EINVAL,
           "byte 1 of the name is 0x20");
    expect(su_graph_add_weight(g, "a\n", SU_F32, SHAPE(4), 0, &id, &err), SU_EINVAL, "0x0a");
    expect(su_graph_add_state(g, "\xc3\xa9", SHAPE(4), &id, &err), SU_EINVAL, "0xc3");
    expect(su_graph_add_state(g, "\x7f", SHAPE(4), &id, &err), SU_EINVAL, "0x7f");
    expect(su_graph_add_input(g, longest, SU_ROWS, SU_F32, SHAPE(4), &id, &err), SU_ELIMIT,
           "longer than 127");
    longest[SU_GRAPH_NAME_MAX] = '\0';
    expect(su_graph_add_input(g, longest, SU_ROWS, SU_F32, SHAPE(4), &id, &err), SU_OK, NULL);
    expect(su_graph_add_output(g, "", id, &err), SU_EINVAL, "the name is empty");
    /* kinds have names of their own */
    expect(su_graph_add_input(g, "a", SU_ROWS, SU_F32, SHAPE(4), &id, &err), SU_OK, NULL);
    expect(su_graph_add_weight(g, "a", SU_F32, SHAPE(4), 0, &id, &err), SU_OK, NULL);
    expect(su_graph_add_state(g, "a", SHAPE(4), &id, &err), SU_OK, NULL);
    expect(su_graph_add_output(g, "a", 0, &err), SU_OK, NULL);
    expect(su_graph_add_input(g, "a", SU_FIXED, SU_I32, SHAPE(5), &id, &err), SU_EINVAL,
           "two inputs have this name");
    expect(su_graph_add_state(g, "a", SHAPE(4), &id, &err), SU_EINVAL, "two states");
    expect(su_graph_add_output(g, "a", 1, &err), SU_EINVAL, "two outputs");
    expect(su_graph_add_weight(g, "a", SU_F32, SHAPE(4), 0, &id, &err), SU_EINVAL, "two weights");
    expect(su_graph_add_weight(g, "a", SU_F32, SHAPE(4), 4, &id, &err), SU_OK, NULL);
    expect(su_graph_add_weight(g, "a", SU_F32, SHAPE(9), 4, &id, &err), SU_EINVAL, "first row 4");
    expect(su_graph_add_weight(g, "a", SU_F16, SHAPE(4), 8, &id, &err), SU_EINVAL,
           "rows of one weight differ: f16 [4]");
    expect(su_graph_add_weight(g, "a", SU_F32, SHAPE(4, 1), 8, &id, &err), SU_EINVAL,
           "f32 [4,1] here, f32 [4]");
    expect(su_graph_add_weight(g, "m", SU_F32, SHAPE(2, 5), 0, &id, &err), SU_OK, NULL);
    expect(su_graph_add_weight(g, "m", SU_F32, SHAPE(7, 5), 2, &id, &err), SU_OK, NULL);
    expect(su_graph_add_weight(g, "m", SU_F32, SHAPE(7, 6), 9, &id, &err), SU_EINVAL,
           "rows of one weight differ");
    su_graph_free(g);
}

/* Thousands of names in falling, rising and mixed order: all found, none twice. */
static void test_many_names(void **state)
{
    struct su_graph *g = su_graph_new();
    char name[16];
    enum { N = 6000 };

    (void)state;
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < N; i++) {
            int k = i < N / 3       ? N - i
                    : i < 2 * N / 3 ? i - N / 3
                                    : N - N / 3 - (i * 7919) % (N / 3);
            snprintf(name, sizeof name, "n%d.%d", i % 3, k);
            enum su_code c = su_graph_add_input(g, name, SU_ROWS, SU_F32, SHAPE(1), &id, &err);
            if (round == 0 && c)
                assert_string_equal(err.msg, "two inputs have this name");
            if (round == 1)
                assert_int_equal(c, SU_EINVAL);
        }
    }
    assert_true(g->n_input > N / 2);
    su_graph_free(g);
}

static void test_source_limits(void **state)
{
    struct su_graph *g = su_graph_new();
    struct su_shape seven = {.rank = 7, .dim = {1, 1, 1, 1, 1, 1}};

    (void)state;
    expect(su_graph_add_input(g, "x", (enum su_domain)3, SU_F32, SHAPE(4), &id, &err), SU_EINVAL,
           "fixed, rows or emit, not 3");
    expect(su_graph_add_input(g, "x", SU_ROWS, SU_F16, SHAPE(4), &id, &err), SU_EINVAL,
           "cannot have type f16");
    expect(su_graph_add_input(g, "x", SU_ROWS, SU_DTYPE_COUNT, SHAPE(4), &id, &err), SU_EINVAL,
           "cannot have type ?");
    expect(su_graph_add_input(g, "x", SU_ROWS, SU_F32, &seven, &id, &err), SU_ELIMIT,
           "rank 7 exceeds 6");
    expect(su_graph_add_input(g, "x", SU_ROWS, SU_F32, SHAPE(4, 0), &id, &err), SU_EINVAL,
           "axis 1 of shape [4,0] is empty");
    expect(su_graph_add_input(g, "x", SU_ROWS, SU_F32, SHAPE(0x80000000), &id, &err), SU_ELIMIT,
           "exceeds 2147483647");
    expect(su_graph_add_input(g, "x", SU_ROWS, SU_F32, SHAPE(32768, 32769), &id, &err), SU_ELIMIT,
           "more than 1073741824");
    expect(su_graph_add_input(g, "x", SU_ROWS, SU_F32, SHAPE(32768, 32768), &id, &err), SU_OK,
           NULL);
    expect(su_graph_add_state(g, "s", SHAPE(32768, 32769), &id, &err), SU_ELIMIT,
           "more than 1073741824");
    expect(su_graph_add_weight(g, "w", SU_DTYPE_COUNT, SHAPE(4), 0, &id, &err), SU_EINVAL,
           "element type 14 is unknown");
    expect(su_graph_add_weight(g, "w", SU_F32, SHAPE(1 << 20, 1 << 20, 2), 0, &id, &err), SU_ELIMIT,
           "1099511627776");
    expect(su_graph_add_weight(g, "w", SU_F32, SHAPE(1 << 20, 1 << 20), 0, &id, &err), SU_OK, NULL);
    expect(su_graph_add_weight(g, "q", SU_Q8_0, SHAPE(32, 31), 0, &id, &err), SU_ETYPE, "weight q");
    expect(su_graph_add_weight(g, "q", SU_Q8_0, SHAPE(32, 31), 0, &id, NULL), SU_ETYPE, NULL);
    expect(su_graph_add_weight(g, "v", SU_F32, &scalar, 1, &id, &err), SU_EINVAL, "no row 1");
    expect(su_graph_add_weight(g, "v", SU_F32, SHAPE(2), 0x7ffffffe, &id, &err), SU_ELIMIT,
           "rows from 2147483646");
    expect(su_graph_add_weight(g, "v", SU_F32, SHAPE(2), UINT64_MAX, &id, &err), SU_ELIMIT,
           "rows from");
    expect(su_graph_add_weight(g, "v", SU_F32, SHAPE(2), 0x7ffffffd, &id, &err), SU_OK, NULL);
    assert_int_equal(g->n_value, 3);
    su_graph_free(g);
}

static void test_node_arguments(void **state)
{
    struct su_graph *g = su_graph_new();
    uint32_t arg[SU_GRAPH_ARG_MAX + 1] = {0}, value = 0;

    (void)state;
    expect(su_graph_add_input(g, "x", SU_ROWS, SU_F32, SHAPE(4), &id, &err), SU_OK, NULL);
    expect(su_graph_add_node(g, SU_OP_COUNT, arg, 1, NULL, 0, NULL, 0, &id, &err), SU_EINVAL,
           "is unknown");
    arg[1] = 1;
    expect(su_graph_add_node(g, SU_OP_ADD, arg, 2, NULL, 0, NULL, 0, &id, &err), SU_EINVAL,
           "argument 1 names value 1, but only 1 values stand before");
    expect(su_graph_add_node(g, SU_OP_CONCAT, arg, 17, (int32_t[]){0}, 1, NULL, 0, &id, &err),
           SU_EINVAL, "17 arguments; it takes 1 to 16");
    arg[1] = 0;
    expect(su_graph_add_node(g, SU_OP_CONCAT, arg, 16, (int32_t[]){0}, 1, NULL, 0, &id, &err),
           SU_OK, NULL);
    assert_int_equal(g->value[id].shape.dim[0], 64);
    expect(su_graph_add_node(g, SU_OP_EXP, &(uint32_t){7}, 1, NULL, 0, NULL, 0, &id, &err),
           SU_EINVAL, "record 2, node 1 (exp)");
    expect(su_graph_add_output(g, "y", 2, &err), SU_EINVAL, "names value 2 of 2");
    expect(su_graph_add_weight(g, "w", SU_F32, SHAPE(4), 0, &value, &err), SU_OK, NULL);
    expect(su_graph_add_output(g, "y", value, &err), SU_ETYPE, "is a weight");
    expect(su_graph_add_state(g, "s", SHAPE(4), &value, &err), SU_OK, NULL);
    expect(su_graph_add_output(g, "y", value, &err), SU_ETYPE, "is a state");
    value = node(g, SU_OP_STATE_APPEND, 0, value);
    expect(su_graph_add_output(g, "y", value, &err), SU_ETYPE, "is a state");
    expect(su_graph_add_output(g, "y", 0, &err), SU_OK, NULL);
    su_graph_free(g);
}

static void test_const_data(void **state)
{
    struct su_graph *g = su_graph_new();
    static const uint32_t floats[] = {0x80000000u, 1u,          0x7f800000u,
                                      0xff800000u, 0x7fc00000u, 0x3f800000u,
                                      0x277fffffu, 0x27800000u, 0x58800001u};
    static const uint32_t fixed[] = {0,           0, 0x58800000u, 0xd8800000u, 0,
                                     0x3f800000u, 0, 0x27800000u, 0x58800000u};
    uint32_t bools[] = {0, 1, 2};
    static uint8_t big[SU_GRAPH_CONST_BYTES_MAX];
    uint8_t raw[sizeof floats];

    (void)state;
    for (size_t i = 0; i < SU_ARRAY_LEN(floats); i++)
        su_put_le32(raw + 4 * i, floats[i]);
    expect(
        su_graph_add_node(g, SU_OP_CONST, NULL, 0, (int32_t[]){SU_F32, 9}, 2, raw, 36, &id, &err),
        SU_OK, NULL);
    assert_ptr_not_equal(g->node[0].data, raw);
    for (size_t i = 0; i < SU_ARRAY_LEN(floats); i++)
        assert_int_equal(su_le32(g->node[0].data + 4 * i), fixed[i]);
    expect(
        su_graph_add_node(g, SU_OP_CONST, NULL, 0, (int32_t[]){SU_I32, 9}, 2, raw, 36, &id, &err),
        SU_OK, NULL);
    assert_memory_equal(g->node[1].data, raw, 36);
    expect(su_graph_add_node(g, SU_OP_CONST, NULL, 0, (int32_t[]){SU_BOOL, 3}, 2, bools, 12, &id,
                             &err),
           SU_EINVAL, "element 2 of the data is 2; a bool is 0 or 1");
    bools[2] = 0;
    expect(su_graph_add_node(g, SU_OP_CONST, NULL, 0, (int32_t[]){SU_BOOL, 3}, 2, bools, 12, &id,
                             &err),
           SU_OK, NULL);
    assert_int_equal(g->const_bytes, 84);
    expect(su_graph_add_node(g, SU_OP_CONST, NULL, 0, (int32_t[]){SU_U32, 262144 - 20}, 2, big,
                             sizeof big - 80, &id, &err),
           SU_ELIMIT, "use a weight instead");
    expect(su_graph_add_node(g, SU_OP_CONST, NULL, 0, (int32_t[]){SU_U32, 262144 - 21}, 2, big,
                             sizeof big - 84, &id, &err),
           SU_OK, NULL);
    expect(su_graph_add_node(g, SU_OP_CONST, NULL, 0, (int32_t[]){SU_U32}, 1, big, 4, &id, &err),
           SU_ELIMIT, NULL);
    su_graph_free(g);
}

static void test_count_limits(void **state)
{
    struct su_graph *g = su_graph_new();
    uint32_t x;
    char name[16];

    (void)state;
    expect(su_graph_add_input(g, "x", SU_ROWS, SU_F32, SHAPE(2), &x, &err), SU_OK, NULL);
    for (uint32_t i = 0; i < SU_GRAPH_NODE_MAX; i++)
        assert_int_equal(
            su_graph_add_node(g, SU_OP_TOPK, &x, 1, (int32_t[]){1}, 1, NULL, 0, &id, &err),
            i < 65535 ? SU_OK : SU_ELIMIT);
    expect(SU_ELIMIT, SU_ELIMIT, "131071 values; 131072 is the most allowed");
    expect(su_graph_add_input(g, "y", SU_ROWS, SU_F32, SHAPE(2), &id, &err), SU_OK, NULL);
    expect(su_graph_add_input(g, "z", SU_ROWS, SU_F32, SHAPE(2), &id, &err), SU_ELIMIT,
           "already has 131072 values");
    su_graph_free(g);

    g = su_graph_new();
    expect(su_graph_add_input(g, "x", SU_ROWS, SU_F32, SHAPE(2), &x, &err), SU_OK, NULL);
    for (uint32_t i = 0; i < SU_GRAPH_NODE_MAX; i++)
        assert_int_equal(su_graph_add_node(g, SU_OP_NEG, &x, 1, NULL, 0, NULL, 0, &id, &err),
                         SU_OK);
    expect(su_graph_add_node(g, SU_OP_NEG, &x, 1, NULL, 0, NULL, 0, &id, &err), SU_ELIMIT,
           "already has 65536 nodes");
    for (uint32_t i = 0; i < SU_GRAPH_VALUE_MAX; i++) {
        snprintf(name, sizeof name, "o%u", (unsigned)i);
        assert_int_equal(su_graph_add_output(g, name, x, &err), SU_OK);
    }
    expect(su_graph_add_output(g, "more", x, &err), SU_ELIMIT, "already has 131072 outputs");
    su_graph_free(g);
}

static void test_check(void **state)
{
    struct su_graph *g = su_graph_new();
    uint32_t x, y, w, s, after;

    (void)state;
    expect(su_graph_check(g, &err), SU_EINVAL, "no output");
    expect(su_graph_add_input(g, "x", SU_ROWS, SU_F32, SHAPE(4), &x, &err), SU_OK, NULL);
    expect(su_graph_add_input(g, "y", SU_ROWS, SU_F32, SHAPE(4), &y, &err), SU_OK, NULL);
    uint32_t a = node(g, SU_OP_NEG, x, UINT32_MAX);
    expect(su_graph_add_output(g, "out", a, &err), SU_OK, NULL);
    expect(su_graph_check(g, &err), SU_EINVAL, "input 1 is never used");
    assert_string_equal(err.at, "y");
    uint32_t b = node(g, SU_OP_ADD, y, y);
    expect(su_graph_check(g, &err), SU_EINVAL, "node 1 (add): its result, value 3, is never used");
    expect(su_graph_add_output(g, "b", b, &err), SU_OK, NULL);
    expect(su_graph_check(g, &err), SU_OK, NULL);
    assert_int_equal(g->value[y].uses, 2);
    expect(su_graph_add_weight(g, "w", SU_F32, SHAPE(4), 0, &w, &err), SU_OK, NULL);
    expect(su_graph_check(g, &err), SU_EINVAL, "weight 4 is never used");
    expect(su_graph_add_output(g, "c", node(g, SU_OP_ADD, w, x), &err), SU_OK, NULL);
    expect(su_graph_add_state(g, "s", SHAPE(1, 4), &s, &err), SU_OK, NULL);
    expect(su_graph_check(g, &err), SU_EINVAL, "state 6 is never used");
    /* a state lives on under the name that the append gave it */
    int32_t attn[] = {1, 1, 4, (int32_t)su_f32_bits(0.5f), 0, 0, 0};
    expect(su_graph_add_node(g, SU_OP_RESHAPE, &x, 1, (int32_t[]){1, 4}, 2, NULL, 0, &id, &err),
           SU_OK, NULL);
    uint32_t q = id;
    expect(su_graph_add_node(g, SU_OP_ATTENTION, (uint32_t[]){q, s, s}, 3, attn, 7, NULL, 0, &id,
                             &err),
           SU_OK, NULL);
    expect(su_graph_add_output(g, "before", id, &err), SU_OK, NULL);
    after = node(g, SU_OP_STATE_APPEND, q, s);
    expect(su_graph_add_node(g, SU_OP_ATTENTION, (uint32_t[]){q, after, after}, 3, attn, 7, NULL, 0,
                             &id, &err),
           SU_OK, NULL);
    expect(su_graph_add_output(g, "after", id, &err), SU_OK, NULL);
    expect(su_graph_check(g, &err), SU_OK, NULL);
    expect(su_graph_add_node(g, SU_OP_ATTENTION, (uint32_t[]){q, after, s}, 3, attn, 7, NULL, 0,
                             &id, &err),
           SU_OK, NULL);
    expect(su_graph_add_output(g, "stale", id, &err), SU_OK, NULL);
    expect(su_graph_check(g, &err), SU_EINVAL,
           "argument 2 is the state as it was before node 5 appended to it");
    assert_false(g->checked);
    su_graph_free(g);
}

/* A graph that runs out of memory stays as it was. */
static void test_out_of_memory(void **state)
{
    static const uint8_t data[4096];
    struct su_graph *g = su_graph_new();

    (void)state;
    expect(su_graph_add_input(g, "x", SU_ROWS, SU_F32, SHAPE(4), &id, &err), SU_OK, NULL);
    g->arena.limit = 1;
    expect(su_graph_add_input(g, "y", SU_ROWS, SU_F32, SHAPE(4), &id, &err), SU_ENOMEM,
           "out of memory");
    expect(su_graph_add_weight(g, "y", SU_F32, SHAPE(4), 0, &id, &err), SU_ENOMEM, "out of memory");
    expect(su_graph_add_state(g, "y", SHAPE(4), &id, &err), SU_ENOMEM, "out of memory");
    expect(su_graph_add_output(g, "y", 0, &err), SU_ENOMEM, "out of memory");
    expect(su_graph_add_node(g, SU_OP_CONST, NULL, 0, (int32_t[]){SU_I32, 1024}, 2, data, 4096, &id,
                             &err),
           SU_ENOMEM, "record 1, node 0 (const)");
    assert_int_equal(g->n_value, 1);
    assert_int_equal(g->n_record, 1);
    assert_int_equal(g->n_output, 0);
    g->arena.limit = 0;
    expect(su_graph_add_output(g, "y", 0, &err), SU_OK, NULL);
    expect(su_graph_check(g, &err), SU_OK, NULL);
    su_graph_free(g);
}

/* sha256("splitup/leaf" || 5 as u64 || lengths and parts), worked out with a second
   implementation (Python hashlib). */
static void test_leaf_digest(void **state)
{
    struct su_bytes parts[] = {{"abc", 3}, {"", 0}, {"de", 2}};
    uint8_t out[SU_SHA256_BYTES], other[SU_SHA256_BYTES];
    char hex[2 * SU_SHA256_BYTES + 1];

    (void)state;
    su_leaf_digest(5, parts, 3, out);
    su_hex_encode(out, sizeof out, hex, sizeof hex);
    assert_string_equal(hex, "89882f11c80af57ca0a43ee7e5d6a30fb4db5f535b62b0f9c2b888b03cbb6651");
    parts[0].len = 2;
    su_leaf_digest(5, parts, 3, other);
    assert_memory_not_equal(out, other, sizeof out);
    parts[0] = (struct su_bytes){NULL, 0};
    su_leaf_digest(5, parts, 0, out);
    su_leaf_digest(5, parts, 1, other);
    assert_memory_not_equal(out, other, sizeof out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_tensor_bytes),
        cmocka_unit_test(test_values_and_records),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_many_names),
        cmocka_unit_test(test_source_limits),
        cmocka_unit_test(test_node_arguments),
        cmocka_unit_test(test_const_data),
        cmocka_unit_test(test_count_limits),
        cmocka_unit_test(test_check),
        cmocka_unit_test(test_leaf_digest),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
