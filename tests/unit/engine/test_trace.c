// SPDX-License-Identifier: MIT
/* Traces: leaves in, roots as the chain compares them, and their bytes. */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "support/alloc.h"

static void leaf_of(uint32_t port, uint32_t step, uint8_t out[32])
{
    uint8_t text[8];
    su_put_le32(text, port);
    su_put_le32(text + 4, step);
    su_sha256(text, sizeof text, out);
}

/* Two inputs, an output, the witness. */
static struct su_trace *trace_of(uint32_t steps, uint32_t witness_steps)
{
    struct su_trace *t;
    struct su_err e;
    uint8_t leaf[32];
    must(su_trace_new(2, 1, &t, &e), &e);
    for (uint32_t s = 0; s < steps; s++) {
        leaf_of(0, s, leaf);
        must(su_trace_add(t, SU_PORT_INPUT, 0, leaf, &e), &e);
        leaf_of(1, s, leaf);
        must(su_trace_add(t, SU_PORT_INPUT, 1, leaf, &e), &e);
        leaf_of(2, s, leaf);
        must(su_trace_add(t, SU_PORT_OUTPUT, 0, leaf, &e), &e);
        leaf_of(3, s, leaf);
        if (s < witness_steps)
            must(su_trace_add(t, SU_PORT_WITNESS, 0, leaf, &e), &e);
    }
    return t;
}

/* By the words of the header: leaves to chunks of 32, chunks to the root. */
static void root_by_hand(uint32_t port, uint32_t steps, uint8_t root[32])
{
    uint8_t leaf[32][32], chunk[40][32];
    uint32_t chunks = 0;
    for (uint32_t s = 0; s < steps; chunks++) {
        uint32_t n = 0;
        while (n < 32 && s < steps)
            leaf_of(port, s++, leaf[n++]);
        su_merkle_root(leaf[0], n, chunk[chunks]);
    }
    su_merkle_root(chunk[0], chunks, root);
}

static void test_roots(void **state)
{
    (void)state;
    static const uint32_t steps[] = {1, 2, 31, 32, 33, 64, 65, 1000};
    struct su_trace *t = trace_of(1000, 1000);
    for (size_t i = 0; i < SU_ARRAY_LEN(steps); i++) {
        struct su_trace_roots r;
        uint8_t want[32], in[2][32], all[2 + 64], out[3 + 64];
        su_trace_roots(t, steps[i], &r);
        root_by_hand(0, steps[i], in[0]);
        root_by_hand(1, steps[i], in[1]);
        assert_memory_equal(r.input[0], in[0], 32);
        assert_memory_equal(r.input[1], in[1], 32);
        root_by_hand(2, steps[i], want);
        assert_memory_equal(r.output[0], want, 32);
        memcpy(out, "out", 3);
        memcpy(out + 3, want, 32);
        root_by_hand(3, steps[i], want);
        assert_memory_equal(r.witness, want, 32);
        memcpy(out + 35, want, 32);
        su_trace_root(t, SU_PORT_WITNESS, 0, steps[i], in[0]);
        assert_memory_equal(in[0], want, 32);
        su_sha256(out, sizeof out, want);
        assert_memory_equal(r.outputs, want, 32);
        memcpy(all, "in", 2);
        memcpy(all + 2, r.input, 64);
        su_sha256(all, sizeof all, want);
        assert_memory_equal(r.inputs, want, 32);
    }
    uint8_t a[32], b[32];
    su_trace_leaves_root(su_trace_leaf(t, SU_PORT_OUTPUT, 0, 0), 65, a);
    root_by_hand(2, 65, b);
    assert_memory_equal(a, b, 32);
    su_trace_free(t);
}

static void test_no_witness(void **state)
{
    (void)state;
    struct su_trace *t = trace_of(40, 0);
    struct su_trace_roots r;
    const uint8_t zero[32] = {0};
    su_trace_roots(t, 40, &r);
    assert_memory_equal(r.witness, zero, 32);
    su_trace_free(t);
    su_trace_free(NULL);
}

static void test_differs_and_truncate(void **state)
{
    (void)state;
    struct su_trace *a = trace_of(50, 50), *b = trace_of(40, 40);
    struct su_err e;
    uint8_t leaf[32] = {1};
    assert_int_equal(su_trace_differs(a, b, SU_PORT_INPUT, 1), UINT32_MAX);
    su_trace_truncate(a, 33);
    assert_int_equal(su_trace_steps(a, SU_PORT_INPUT, 0), 33);
    assert_int_equal(su_trace_steps(a, SU_PORT_OUTPUT, 0), 33);
    assert_int_equal(su_trace_steps(a, SU_PORT_WITNESS, 0), 33);
    must(su_trace_add(a, SU_PORT_OUTPUT, 0, leaf, &e), &e);
    must(su_trace_add(a, SU_PORT_INPUT, 0, leaf, &e), &e);
    assert_memory_equal(su_trace_leaf(a, SU_PORT_OUTPUT, 0, 33), leaf, 32);
    assert_int_equal(su_trace_differs(a, b, SU_PORT_OUTPUT, 0), 33);
    assert_int_equal(su_trace_differs(b, a, SU_PORT_INPUT, 0), 33);
    assert_int_equal(su_trace_differs(b, a, SU_PORT_INPUT, 1), UINT32_MAX);
    su_trace_truncate(a, 100);
    assert_int_equal(su_trace_steps(a, SU_PORT_OUTPUT, 0), 34);
    su_trace_free(a);
    su_trace_free(b);
}

/* A row that is hashed later has the leaf that it would have had at once; one that is cut off, none. */
static void test_later(void **state)
{
    (void)state;
    uint8_t row[3][40000], leaf[32];
    struct su_trace *t;
    struct su_err e;

    must(su_trace_new(0, 0, &t, &e), &e);
    su_trace_settle(t); /* nothing */
    for (uint32_t s = 0; s < 3; s++) {
        memset(row[s], (int)(s + 1), sizeof row[s]);
        must(su_trace_add_later(t, SU_PORT_WITNESS, 0, row[s], sizeof row[s] - 100 * s, &e), &e);
        assert_int_equal(su_trace_steps(t, SU_PORT_WITNESS, 0), s + 1);
    }
    memset(row[2], 0, sizeof row[2]);
    su_trace_settle(t);
    memset(row[2], 3, sizeof row[2]);
    for (uint32_t s = 0; s < 3; s++) {
        const struct su_bytes part = {row[s], sizeof row[s] - 100 * s};
        su_leaf_digest(s, &part, 1, leaf);
        assert_memory_equal(su_trace_leaf(t, SU_PORT_WITNESS, 0, s), leaf, 32);
    }
    must(su_trace_add_later(t, SU_PORT_WITNESS, 0, row[0], 8, &e), &e);
    su_trace_truncate(t, 3);
    must(su_trace_add(t, SU_PORT_WITNESS, 0, leaf, &e), &e);
    su_trace_settle(t);
    assert_memory_equal(su_trace_leaf(t, SU_PORT_WITNESS, 0, 3), leaf, 32);
    su_trace_free(t);
}

static void test_bytes(void **state)
{
    (void)state;
    for (uint32_t steps = 0; steps < 70; steps += 23) {
        struct su_trace *t = trace_of(steps, steps / 2), *back;
        struct su_buf b, again;
        struct su_err e;
        su_buf_init(&b, 0);
        su_buf_init(&again, 0);
        must(su_trace_encode(t, &b, &e), &e);
        must(su_trace_decode(b.data, b.len, &back, &e), &e);
        must(su_trace_encode(back, &again, &e), &e);
        assert_int_equal(b.len, again.len);
        assert_memory_equal(b.data, again.data, b.len);
        assert_int_equal(su_trace_steps(back, SU_PORT_WITNESS, 0), steps / 2);
        for (size_t n = 0; n < b.len; n++) {
            struct su_trace *cut;
            assert_int_equal(su_trace_decode(b.data, n, &cut, &e), SU_ETRUNC);
            assert_null(cut);
        }
        su_trace_free(t);
        su_trace_free(back);
        su_buf_fini(&b);
        su_buf_fini(&again);
    }
}

static void refuse(const struct su_buf *good, size_t at, uint32_t value, enum su_code code,
                   const char *text)
{
    struct su_trace *t;
    struct su_err e;
    uint8_t *bytes = su_alloc(good->len + 1);
    memcpy(bytes, good->data, good->len);
    if (at < good->len)
        su_put_le32(bytes + at, value);
    assert_int_equal(su_trace_decode(bytes, good->len + (at >= good->len), &t, &e), code);
    assert_null(t);
    err_matches(&e, code, text);
    free(bytes);
}

static void test_hostile_bytes(void **state)
{
    (void)state;
    struct su_trace *t = trace_of(3, 3);
    struct su_buf b;
    struct su_err e;
    su_buf_init(&b, 0);
    must(su_trace_encode(t, &b, &e), &e);
    refuse(&b, 4, 0, SU_EFORMAT, "SUTRACE1");
    refuse(&b, 8, 9, SU_ELIMIT, "9 inputs|8");
    refuse(&b, 12, 0x80000001u, SU_ELIMIT, "outputs");
    refuse(&b, 16, (1u << 24) + 1, SU_ELIMIT, "16777217 steps at byte 16");
    refuse(&b, 16, 1u << 24, SU_ETRUNC, "16777216 steps");
    refuse(&b, b.len, 0, SU_EFORMAT, "1 bytes follow");
    su_buf_fini(&b);
    su_buf_init(&b, 20);
    assert_int_equal(su_trace_encode(t, &b, &e), SU_ELIMIT);
    su_buf_fini(&b);
    su_trace_free(t);
}

static void test_limits(void **state)
{
    (void)state;
    struct su_trace *t;
    struct su_err e;
    uint8_t leaf[32] = {0};
    must(su_trace_new(0, 1, &t, &e), &e);
    for (uint32_t i = 0; i < 1u << 24; i++)
        if (su_trace_add(t, SU_PORT_OUTPUT, 0, leaf, &e) != SU_OK)
            must(e.code, &e);
    assert_int_equal(su_trace_add(t, SU_PORT_OUTPUT, 0, leaf, &e), SU_ELIMIT);
    err_matches(&e, SU_ELIMIT, "16777216");
    assert_int_equal(su_trace_steps(t, SU_PORT_OUTPUT, 0), 1u << 24);
    su_trace_free(t);
    if (!su_alloc_watched())
        return;
    must(su_trace_new(0, 1, &t, &e), &e);
    su_alloc_fail(1024, SIZE_MAX);
    enum su_code rc = su_trace_add(t, SU_PORT_OUTPUT, 0, leaf, &e);
    su_alloc_fail_none();
    assert_int_equal(rc, SU_ENOMEM);
    assert_int_equal(su_trace_steps(t, SU_PORT_OUTPUT, 0), 0);
    su_trace_free(t);
    su_alloc_fail(1, SIZE_MAX);
    rc = su_trace_new(0, 1, &t, &e);
    su_alloc_fail_none();
    assert_int_equal(rc, SU_ENOMEM);
    assert_null(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_roots),
        cmocka_unit_test(test_no_witness),
        cmocka_unit_test(test_differs_and_truncate),
        cmocka_unit_test(test_later),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_hostile_bytes),
        cmocka_unit_test(test_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
