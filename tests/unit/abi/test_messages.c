// SPDX-License-Identifier: MIT
/* What is hashed, against digests that make_abi_vectors.py made with hashlib. */
#include "abi/abi.h"
#include "abi_vectors.h"
#include "crypto/crypto.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void hash(const struct su_part *parts, uint64_t n, uint8_t out[32])
{
    struct su_sha256 h;
    assert_true(n <= 12);
    su_sha256_init(&h);
    for (uint64_t i = 0; i < n; i++)
        su_sha256_update(&h, parts[i].p, (size_t)parts[i].n);
    su_sha256_final(&h, out);
}

static void equals(const void *got, size_t n, const char *hex)
{
    char text[2 * 64 + 1];
    assert_true(n <= 64);
    for (size_t i = 0; i < n; i++)
        snprintf(text + 2 * i, 3, "%02x", ((const uint8_t *)got)[i]);
    assert_string_equal(text, hex);
}

static uint8_t bytes[128][64]; /* bytes[i]: 64 times i */
static struct su_msg_scope scope;

static int fill(void **unused)
{
    (void)unused;
    for (unsigned i = 0; i < 128; i++)
        memset(bytes[i], (int)i, 64);
    scope = (struct su_msg_scope){bytes[1], bytes[2], bytes[3], 0x1122334455667788};
    return 0;
}

static void commitments(void **unused)
{
    (void)unused;
    uint8_t out[32], roots[3][32];
    for (unsigned i = 0; i < 3; i++)
        memset(roots[i], 0x21 + (int)i, 32);
    su_msg_commit(hash, &scope, 258, 2, bytes[4], bytes[5], bytes[6], bytes[7], out);
    equals(out, 32, VECTOR_COMMIT);
    const struct su_msg_commitment same = {bytes[4], bytes[5], bytes[6], bytes[7], 258, 2};
    su_msg_commit_to(hash, &scope, &same, out);
    equals(out, 32, VECTOR_COMMIT);
    su_msg_input_root(hash, (const uint8_t(*)[32])roots, 3, out);
    equals(out, 32, VECTOR_INPUT_ROOT);
    su_msg_output_root(hash, (const uint8_t(*)[32])roots, 3, bytes[0x24], out);
    equals(out, 32, VECTOR_OUTPUT_ROOT);
    uint8_t chain[32] = {0};
    su_msg_chain(hash, chain, 258, 2, bytes[8]);
    equals(chain, 32, VECTOR_CHAIN);
}

static void draws(void **unused)
{
    (void)unused;
    uint8_t out[32], order[SU_ORACLES_MAX], bits[32] = {0};
    struct su_config_oracle oracles[SU_ORACLES_MAX];
    su_msg_alpha(hash, &scope, bytes[9], bytes[10], out);
    equals(out, 32, VECTOR_ALPHA);
    su_msg_alpha(hash, &scope, bytes[9], NULL, out);
    equals(out, 32, VECTOR_ALPHA_FALLBACK);
    for (unsigned i = 0; i < SU_ORACLES_MAX; i++) {
        memset(oracles[i].key, 0, 32);
        memset(oracles[i].vrf_key, 0x50 + (int)i, 32);
    }
    su_msg_draw_order(hash, bytes[0x61], oracles, SU_ORACLES_MAX, order);
    equals(order, sizeof order, VECTOR_ORDER);
    memcpy(oracles[1].vrf_key, oracles[0].vrf_key, 32); /* equal digests: by number */
    su_msg_draw_order(hash, bytes[0x61], oracles, 2, order);
    assert_int_equal(order[0], 0);
    assert_int_equal(order[1], 1);
    for (uint16_t i = 0; i < 256; i++) {
        if (su_msg_sampled(hash, bytes[0x31], i, 80000))
            bits[i / 8] = (uint8_t)(bits[i / 8] | 1u << (i % 8));
        assert_true(su_msg_sampled(hash, bytes[0x31], i, SU_PPM)); /* 100 % is everything */
        assert_false(su_msg_sampled(hash, bytes[0x31], i, 0));
    }
    equals(bits, 32, VECTOR_SAMPLED);
    uint8_t point[8];
    su_free_store64(point, su_msg_check_point(hash, bytes[0x31], 258, 3, 1000003));
    equals(point, 8, VECTOR_CHECK_POINT);
    assert_int_equal(su_msg_check_point(hash, bytes[0x31], 258, 3, 1), 0);
}

static void votes(void **unused)
{
    (void)unused;
    uint8_t out[32];
    struct su_ix_vote_assign va = {.round = 99, /* not part of it: rounds are compared apart */
                                   .owner_share_ppm = 150000,
                                   .table_total = 77777,
                                   .table_depth = 9};
    memset(va.table_root, 0x71, 32);
    memset(va.assignment_root, 0x72, 32);
    su_msg_vote_assign(hash, &scope, &va, out);
    equals(out, 32, VECTOR_VOTE_ASSIGN);
    va.round++;
    su_msg_vote_assign(hash, &scope, &va, out);
    equals(out, 32, VECTOR_VOTE_ASSIGN);
    struct su_ix_vote_task vt = {.round = 99,
                                 .question = SU_QUESTION_VERDICT,
                                 .attempt = 1,
                                 .verdict = SU_VERDICT_PRODUCER,
                                 .verdict_task = 5};
    memset(vt.subject, 0x73, 32);
    su_msg_vote_task(hash, &scope, 258, &vt, out);
    equals(out, 32, VECTOR_VOTE_TASK);
}

static void leaves(void **unused)
{
    (void)unused;
    uint8_t out[32], roots[3][32];
    struct su_ix_check_row row = {.low = 1000, .high = 3000, .row = 7};
    memset(row.identity, 0x41, 32);
    memset(row.owner, 0x42, 32);
    memset(row.tasks, 0x43, 16);
    su_msg_row_leaf(hash, &row, out);
    equals(out, 32, VECTOR_ROW_LEAF);
    for (unsigned i = 0; i < 3; i++)
        memset(roots[i], 0x21 + (int)i, 32);
    su_msg_assign_leaf(hash, 3, (const uint8_t(*)[32])roots, 3, out);
    equals(out, 32, VECTOR_ASSIGN_LEAF);
    su_msg_parent(hash, bytes[1], bytes[2], out);
    equals(out, 32, VECTOR_PARENT);
}

/* Root of leaves [first, first + n) into out, and the path of leaf `index` among them. */
static unsigned tree(uint32_t first, uint32_t n, uint32_t index, uint8_t path[][32],
                     uint8_t out[32])
{
    if (n == 1) {
        su_sha256(&first, 4, out);
        return 0;
    }
    uint32_t k = 1;
    while (2 * k < n)
        k *= 2;
    uint8_t left[32], right[32], unused[8][32];
    bool in_left = index < k;
    unsigned a = tree(first, k, index, in_left ? path : unused, left);
    unsigned b = tree(first + k, n - k, in_left ? 0 : index - k, in_left ? unused : path, right);
    unsigned used = in_left ? a : b;
    memcpy(path[used], in_left ? right : left, 32);
    su_msg_parent(hash, left, right, out);
    return used + 1;
}

static void paths(void **unused)
{
    (void)unused;
    static const char *const roots[] = {VECTOR_ROOT_1, VECTOR_ROOT_2, VECTOR_ROOT_3,
                                        VECTOR_ROOT_4, VECTOR_ROOT_5, VECTOR_ROOT_6,
                                        VECTOR_ROOT_7, VECTOR_ROOT_8, VECTOR_ROOT_9};
    for (uint32_t n = 1; n <= 9; n++)
        for (uint32_t i = 0; i < n; i++) {
            uint8_t path[8][32], leaf[32], root[32], out[32];
            memset(path, 0, sizeof path);
            unsigned length = tree(0, n, i, path, root);
            equals(root, 32, roots[n - 1]);
            su_sha256(&i, 4, leaf);
            const uint8_t(*p)[32] = (const uint8_t(*)[32])path;
            assert_true(su_msg_root_of(hash, leaf, i, n, p, length, out));
            assert_memory_equal(out, root, 32);
            const struct su_msg_path by = {p, length, i, n};
            assert_true(su_msg_root_by(hash, leaf, &by, out));
            assert_false(su_msg_root_of(hash, leaf, i, n, p, length + 1, out));
            if (length > 0)
                assert_false(su_msg_root_of(hash, leaf, i, n, p, length - 1, out));
            assert_false(su_msg_root_of(hash, leaf, n, n, p, length, out));
            if (n > 1 && su_msg_root_of(hash, leaf, (i + 1) % n, n, p, length, out))
                assert_memory_not_equal(out, root, 32); /* a leaf proves one place only */
            leaf[0] ^= 1;
            assert_true(su_msg_root_of(hash, leaf, i, n, p, length, out));
            assert_memory_not_equal(out, root, 32);
        }
    assert_false(su_msg_root_of(hash, bytes[1], 0, 0, NULL, 0, bytes[127]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commitments), cmocka_unit_test(draws), cmocka_unit_test(votes),
        cmocka_unit_test(leaves),      cmocka_unit_test(paths),
    };
    return cmocka_run_group_tests(tests, fill, NULL);
}
