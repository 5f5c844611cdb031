// SPDX-License-Identifier: MIT
/* Several activations under one signature: against the independent generator's, each by itself and one
   after the other; nothing that was not signed is believed, whatever was believed before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "samples.h"

#include <stdlib.h>
#include <string.h>

static struct su_wire_expect expectation(void)
{
    return (struct su_wire_expect){.scope = sample_scope(), .task = -1, .attempt = -1};
}

static void some(uint32_t n, struct su_wire_message *m, struct su_wire_stamp *stamp,
                 struct su_buf *out)
{
    for (uint32_t i = 0; i < n; i++) {
        m[i] = *sample_message(SU_WIRE_ACTIVATION);
        stamp[i] = (struct su_wire_stamp){sample_stamp.sequence + i, sample_stamp.time_ms};
        su_buf_init(&out[i], 0);
        su_buf_str(&out[i], "before");
    }
}

static void free_all(struct su_buf *out, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        su_buf_fini(&out[i]);
}

static void vectors(void **state)
{
    const struct su_wire_scope scope = sample_scope();
    struct su_wire_message m[SAMPLE_JOINT];
    struct su_wire_stamp stamp[SAMPLE_JOINT];
    struct su_buf out[SAMPLE_JOINT];
    struct su_wire_expect x = expectation();
    struct su_wire_believed b = {.any = false};

    (void)state;
    some(SAMPLE_JOINT, m, stamp, out);
    assert_int_equal(
        su_wire_encode_joint(out, sample_signer(), &scope, stamp, m, SAMPLE_JOINT, NULL), SU_OK);
    for (unsigned i = 0; i < SAMPLE_JOINT; i++) {
        struct su_wire_frame f;
        uint64_t bytes;
        size_t n;
        const uint8_t *want = sample_joint(i, &n);
        su_buf_put(&out[i], m[i].data, (size_t)m[i].data_bytes);
        assert_int_equal(out[i].len, n + 6);
        assert_memory_equal(out[i].data + 6, want, n);
        assert_int_equal(su_wire_frame_bytes(want, &bytes, NULL), SU_OK);
        assert_int_equal(bytes, n);
        assert_int_equal(su_wire_parse(want, n, &f, NULL), SU_OK);
        assert_int_equal(f.path_bytes, 64);
        assert_ptr_equal(f.m.data, want + n - 72);
        assert_int_equal(su_wire_verify(&f, &x, NULL), SU_OK);
        assert_int_equal(su_wire_verify_next(&f, &x, &b, NULL), SU_OK);
        assert_true(b.any);
        /* What is kept of it proves as much without the data. */
        assert_int_equal(su_wire_parse_evidence(want, n - 72, &f, NULL), SU_OK);
        assert_int_equal(su_wire_verify(&f, &x, NULL), SU_OK);
        assert_int_equal(su_wire_parse_evidence(want, n - 73, &f, NULL), SU_ETRUNC);
    }
    free_all(out, SAMPLE_JOINT);
}

/* From 1 to as many as there may be, each verifies alone and has a name of its own. */
static void all_sizes(void **state)
{
    const struct su_wire_scope scope = sample_scope();
    struct su_wire_message m[SU_WIRE_JOINT_MAX];
    struct su_wire_stamp stamp[SU_WIRE_JOINT_MAX];
    struct su_buf out[SU_WIRE_JOINT_MAX];
    struct su_wire_expect x = expectation();

    (void)state;
    for (uint32_t n = 1; n <= SU_WIRE_JOINT_MAX; n++) {
        uint8_t digest[SU_WIRE_JOINT_MAX][32];
        some(n, m, stamp, out);
        assert_int_equal(su_wire_encode_joint(out, sample_signer(), &scope, stamp, m, n, NULL),
                         SU_OK);
        for (uint32_t i = 0; i < n; i++) {
            struct su_wire_frame f;
            su_buf_put(&out[i], m[i].data, (size_t)m[i].data_bytes);
            assert_int_equal(su_wire_parse(out[i].data + 6, out[i].len - 6, &f, NULL), SU_OK);
            assert_int_equal(su_wire_verify(&f, &x, NULL), SU_OK);
            assert_int_equal(f.path_bytes == 0, n == 1);
            su_wire_digest(&f, &scope, digest[i]);
            for (uint32_t k = 0; k < i; k++)
                assert_memory_not_equal(digest[i], digest[k], 32);
        }
        free_all(out, n);
    }
    /* One alone is signed as ever. */
    size_t bytes;
    const uint8_t *want = sample_vector(SU_WIRE_ACTIVATION, &bytes);
    some(1, m, stamp, out);
    assert_int_equal(su_wire_encode_joint(out, sample_signer(), &scope, stamp, m, 1, NULL), SU_OK);
    assert_memory_equal(out[0].data + 6, want, out[0].len - 6);
    free_all(out, 1);
}

/* Bytes that somebody changed, after frames of the same signature were believed. */
static void bit_flips(void **state)
{
    struct su_wire_expect x = expectation();
    size_t n;
    const uint8_t *p = sample_joint(1, &n);
    uint8_t *copy = malloc(n);
    struct su_wire_believed b = {.any = false};
    struct su_wire_frame f;

    (void)state;
    assert_non_null(copy);
    assert_int_equal(su_wire_parse(p, n, &f, NULL), SU_OK);
    assert_int_equal(su_wire_verify_next(&f, &x, &b, NULL), SU_OK);
    for (size_t bit = 0; bit < 8 * n; bit++) {
        struct su_wire_believed before = b;
        memcpy(copy, p, n);
        copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
        if (su_wire_parse(copy, n, &f, NULL) != SU_OK)
            continue;
        enum su_code c = su_wire_verify_next(&f, &x, &before, NULL);
        assert_true(c == SU_EACCES || c == SU_EDIGEST);
        assert_memory_equal(&before, &b, sizeof b);
    }
    free(copy);
}

/* The path of one frame under another; a place that is none; a kind that is signed alone. */
static void places(void **state)
{
    struct su_wire_expect x = expectation();
    struct su_wire_frame f;
    size_t n;
    uint8_t head[SU_WIRE_HEAD_BYTES], *copy;
    uint64_t bytes;

    (void)state;
    const uint8_t *first = sample_joint(0, &n), *second = sample_joint(1, &n);
    copy = malloc(n);
    assert_non_null(copy);
    memcpy(copy, first, n);
    memcpy(copy + n - 72 - 64, second + n - 72 - 64, 64);
    assert_int_equal(su_wire_parse(copy, n, &f, NULL), SU_OK);
    assert_int_equal(su_wire_verify(&f, &x, NULL), SU_EACCES);
    free(copy);
    memcpy(head, first, sizeof head);
    for (unsigned place = 0; place < 256; place++) {
        unsigned depth = place & 15u, index = place >> 4;
        bool good = depth <= 4 && index < 1u << depth;
        head[6] = SU_WIRE_ACTIVATION;
        head[7] = (uint8_t)place;
        assert_int_equal(su_wire_frame_bytes(head, &bytes, NULL), good ? SU_OK : SU_EFORMAT);
        assert_true(!good || bytes == n - 64 + 32 * depth);
        head[6] = SU_WIRE_INPUT;
        assert_int_equal(su_wire_frame_bytes(head, &bytes, NULL), place == 0 ? SU_OK : SU_EFORMAT);
    }
}

static void truncations(void **state)
{
    size_t n;
    const uint8_t *p = sample_joint(2, &n);
    struct su_wire_frame f;

    (void)state;
    for (size_t cut = 0; cut < n; cut++) {
        uint8_t *copy = malloc(cut + 1); /* so that a sanitizer sees any overrun */
        assert_non_null(copy);
        memcpy(copy, p, cut);
        assert_int_equal(su_wire_parse(copy, cut, &f, NULL), SU_ETRUNC);
        free(copy);
    }
}

static enum su_code no_signature(void *ctx, const void *message, size_t n, uint8_t out[64],
                                 struct su_err *e)
{
    (void)ctx;
    (void)message;
    (void)n;
    (void)out;
    return su_fail(e, SU_EACCES, "key", "is locked");
}

static void refusals(void **state)
{
    const struct su_wire_scope scope = sample_scope();
    const struct su_signer locked = {.sign = no_signature};
    struct su_wire_message m[SU_WIRE_JOINT_MAX + 1];
    struct su_wire_stamp stamp[SU_WIRE_JOINT_MAX + 1];
    struct su_buf out[SU_WIRE_JOINT_MAX + 1];
    struct su_err e = {0};

    (void)state;
    some(SU_WIRE_JOINT_MAX + 1, m, stamp, out);
    assert_int_equal(su_wire_encode_joint(out, sample_signer(), &scope, stamp, m, 0, &e),
                     SU_EINVAL);
    assert_int_equal(
        su_wire_encode_joint(out, sample_signer(), &scope, stamp, m, SU_WIRE_JOINT_MAX + 1, &e),
        SU_EINVAL);
    m[2].u.activation.rank = 7; /* the third is wrong: nothing is left of the two before it */
    assert_int_equal(su_wire_encode_joint(out, sample_signer(), &scope, stamp, m, 4, &e),
                     SU_EINVAL);
    assert_non_null(strstr(e.msg, "type"));
    m[2] = *sample_message(SU_WIRE_ACK);
    assert_int_equal(su_wire_encode_joint(out, sample_signer(), &scope, stamp, m, 4, &e),
                     SU_EINVAL);
    m[2] = m[1];
    assert_int_equal(su_wire_encode_joint(out, &locked, &scope, stamp, m, 4, &e), SU_EACCES);
    assert_non_null(strstr(e.msg, "locked"));
    for (uint32_t i = 0; i <= SU_WIRE_JOINT_MAX; i++)
        assert_int_equal(out[i].len, 6);
    free_all(out, SU_WIRE_JOINT_MAX + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors), cmocka_unit_test(all_sizes),   cmocka_unit_test(bit_flips),
        cmocka_unit_test(places),  cmocka_unit_test(truncations), cmocka_unit_test(refusals),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
