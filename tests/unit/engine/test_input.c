// SPDX-License-Identifier: MIT
/* Input containers: what a requestor gives, written, read from hostile bytes, matched with a model. */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

static const uint32_t words[12] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};

static struct su_input two_tensors(void)
{
    struct su_input in = {.n_tensor = 2, .params = (const uint8_t *)"seed", .params_bytes = 4};
    in.tensor[0] = (struct su_input_tensor){
        .dtype = SU_F32, .rank = 2, .dims = {2, 3}, .steps = 2, .rows = (const uint8_t *)words};
    in.tensor[1] =
        (struct su_input_tensor){.dtype = SU_I32, .steps = 5, .rows = (const uint8_t *)words};
    return in;
}

static void encode(const struct su_input *in, struct su_buf *b)
{
    struct su_err e;
    su_buf_init(b, 0);
    must(su_input_encode(in, b, &e), &e);
}

static void test_round_trip(void **state)
{
    (void)state;
    struct su_input in = two_tensors(), back;
    struct su_buf b, again;
    struct su_err e;
    encode(&in, &b);
    assert_int_equal(b.len, 16 + (8 + 8 + 48) + (8 + 20) + 4);
    must(su_input_decode(b.data, b.len, &back, &e), &e);
    assert_int_equal(back.n_tensor, 2);
    assert_int_equal(back.tensor[0].dims[1], 3);
    assert_int_equal(back.tensor[0].dims[2], 0);
    assert_int_equal((back.tensor[0].rows - b.data) % 4, 0);
    assert_memory_equal(back.tensor[0].rows, words, 48);
    assert_int_equal(back.tensor[1].steps, 5);
    assert_int_equal(back.tensor[1].rank, 0);
    assert_memory_equal(back.tensor[1].rows, words, 20);
    assert_int_equal(back.params_bytes, 4);
    assert_memory_equal(back.params, "seed", 4);
    encode(&back, &again);
    assert_int_equal(b.len, again.len);
    assert_memory_equal(b.data, again.data, b.len);
    for (size_t n = 0; n < b.len; n++) {
        assert_int_equal(su_input_decode(b.data, n, &back, &e), SU_ETRUNC);
        assert_int_equal(back.n_tensor, 0);
    }
    su_buf_fini(&b);
    su_buf_fini(&again);
}

static void refuse_bytes(size_t at, uint32_t value, enum su_code code, const char *text)
{
    struct su_input in = two_tensors(), back;
    struct su_buf b;
    struct su_err e;
    encode(&in, &b);
    if (at >= b.len)
        su_buf_u8(&b, (uint8_t)value);
    else
        su_put_le32(b.data + at, value);
    assert_int_equal(su_input_decode(b.data, b.len, &back, &e), code);
    assert_int_equal(back.n_tensor, 0);
    err_matches(&e, code, text);
    su_buf_fini(&b);
}

static void test_hostile_bytes(void **state)
{
    (void)state;
    struct su_input in;
    struct su_err e;
    refuse_bytes(0, 1, SU_EFORMAT, "SUINPUT1");
    refuse_bytes(8, 0, SU_EFORMAT, "no tensor");
    refuse_bytes(8, 17, SU_ELIMIT, "17 tensors");
    refuse_bytes(8, 3, SU_ETRUNC, "tensor 2");
    refuse_bytes(12, 257, SU_ELIMIT, "257 bytes of parameters");
    refuse_bytes(12, 3, SU_EFORMAT, "1 bytes follow");
    refuse_bytes(16, SU_F16 | 2u << 8, SU_EFORMAT, "tensor 0|type 4");
    refuse_bytes(16, SU_F32 | 7u << 8, SU_ELIMIT, "rank 7");
    refuse_bytes(16, SU_F32 | 2u << 8 | 1u << 16, SU_EFORMAT, "zero");
    refuse_bytes(20, 0, SU_EFORMAT, "axis 0");
    refuse_bytes(20, 0xffffffffu, SU_ELIMIT, "elements");
    refuse_bytes(28, 0, SU_EFORMAT, "no step");
    refuse_bytes(28, (1u << 24) + 1, SU_ELIMIT, "16777217 steps");
    refuse_bytes(28, 1u << 24, SU_ELIMIT, "402653184 bytes");
    refuse_bytes(28, 3, SU_EFORMAT, "tensor 1");
    refuse_bytes(1000, 0, SU_EFORMAT, "1 bytes follow");
    uint8_t *large = calloc(1, SU_INPUT_BYTES_MAX + 1);
    assert_non_null(large);
    assert_int_equal(su_input_decode(large, SU_INPUT_BYTES_MAX + 1, &in, &e), SU_ELIMIT);
    free(large);
}

static void refuse(const struct su_input *in, enum su_code code, const char *text)
{
    struct su_buf b;
    struct su_err e;
    su_buf_init(&b, 0);
    assert_int_equal(su_input_encode(in, &b, &e), code);
    err_matches(&e, code, text);
    assert_int_equal(b.len, 0);
    su_buf_fini(&b);
}

static void test_refuses_to_write(void **state)
{
    (void)state;
    struct su_input in = two_tensors();
    struct su_buf b;
    struct su_err e;
    su_buf_init(&b, 10);
    assert_int_equal(su_input_encode(&in, &b, &e), SU_ELIMIT);
    su_buf_fini(&b);
    in.n_tensor = 0;
    refuse(&in, SU_EINVAL, "at least one");
    in.n_tensor = 17;
    refuse(&in, SU_ELIMIT, "17 tensors");
    in = two_tensors();
    in.params_bytes = 257;
    refuse(&in, SU_ELIMIT, "257");
    in = two_tensors();
    in.tensor[1].dtype = SU_Q8_0;
    refuse(&in, SU_EINVAL, "tensor 1|type");
    in = two_tensors();
    in.tensor[1].dims[0] = 4;
    refuse(&in, SU_EINVAL, "axis 0 has 4");
    in = two_tensors();
    in.tensor[0].steps = 0;
    refuse(&in, SU_EINVAL, "no step");
    in = two_tensors();
    in.tensor[0].dims[0] = 65536;
    in.tensor[0].dims[1] = 256;
    in.tensor[0].steps = 1;
    refuse(&in, SU_ELIMIT, "at most 67108864");
}

/* ---- which tensor is whose --------------------------------------------------------------------- */

static struct su_graph *graph_of(enum su_dtype d, uint32_t width, bool second)
{
    struct su_graph *g = su_graph_new();
    struct su_err e;
    struct su_shape s = {.rank = 1, .dim = {width}};
    uint32_t x, y, id;
    must(su_graph_add_input(g, "x", SU_ROWS, d, &s, &x, &e), &e);
    y = x;
    if (second)
        must(su_graph_add_input(g, "y", SU_ROWS, d, &s, &y, &e), &e);
    must(su_graph_add_node(g, SU_OP_ADD, (uint32_t[]){x, y}, 2, NULL, 0, NULL, 0, &id, &e), &e);
    must(su_graph_add_output(g, "z", id, &e), &e);
    must(su_graph_check(g, &e), &e);
    return g;
}

/* Task 0 takes x; task 1 its result and y of its own. */
static void test_find(void **state)
{
    (void)state;
    struct su_plan_input first[1] = {{SU_PLAN_EXTERNAL, 0}};
    struct su_plan_input second[2] = {{0, 0}, {SU_PLAN_EXTERNAL, 1}};
    struct su_package_task task[2] = {{.graph = graph_of(SU_F32, 3, false), .input = first},
                                      {.graph = graph_of(SU_F32, 3, true), .input = second}};
    struct su_package p = {.task = task, .n_task = 2};
    struct su_input in = {.n_tensor = 2};
    const struct su_input_tensor *t;
    struct su_err e;
    in.tensor[0] = in.tensor[1] = (struct su_input_tensor){
        .dtype = SU_F32, .rank = 1, .dims = {3}, .steps = 1, .rows = (const uint8_t *)words};
    must(su_input_find(&in, &p, 0, 0, &t, &e), &e);
    assert_ptr_equal(t, &in.tensor[0]);
    must(su_input_find(&in, &p, 1, 1, &t, &e), &e);
    assert_ptr_equal(t, &in.tensor[1]);
    assert_int_equal(su_input_find(&in, &p, 1, 0, &t, &e), SU_ENOENT);
    err_matches(&e, SU_ENOENT, "input 0 of task 1|task 0");
    assert_null(t);
    assert_int_equal(su_input_find(&in, &p, 1, 2, &t, &e), SU_ENOENT);
    assert_int_equal(su_input_find(&in, &p, 2, 0, &t, &e), SU_ENOENT);
    in.n_tensor = 1;
    assert_int_equal(su_input_find(&in, &p, 1, 1, &t, &e), SU_ENOENT);
    err_matches(&e, SU_ENOENT, "1 tensors|2");
    in.n_tensor = 3;
    assert_int_equal(su_input_find(&in, &p, 1, 1, &t, &e), SU_ETYPE);
    in.n_tensor = 2;
    in.tensor[1].dims[0] = 4;
    assert_int_equal(su_input_find(&in, &p, 1, 1, &t, &e), SU_ETYPE);
    err_matches(&e, SU_ETYPE, "f32 [4]|f32 [3]");
    in.tensor[1].dims[0] = 3;
    in.tensor[1].dtype = SU_U32;
    assert_int_equal(su_input_find(&in, &p, 1, 1, &t, &e), SU_ETYPE);
    su_graph_free(task[0].graph);
    su_graph_free(task[1].graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_hostile_bytes),
        cmocka_unit_test(test_refuses_to_write),
        cmocka_unit_test(test_find),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
