// SPDX-License-Identifier: MIT
#include "crypto/crypto.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LEAVES_MAX 1000

static void assert_digest(const uint8_t digest[SU_SHA256_BYTES], const char *hex)
{
    char text[2 * SU_SHA256_BYTES + 1];

    (void)su_hex_encode(digest, SU_SHA256_BYTES, text, sizeof text);
    assert_string_equal(text, hex);
}

/* Leaf i is the leaf hash of i as 32 bits, little-endian. */
static uint8_t *numbered_leaves(size_t n)
{
    uint8_t *leaves = su_alloc(n * SU_SHA256_BYTES);

    for (size_t i = 0; i < n; i++) {
        uint8_t raw[4];
        su_put_le32(raw, (uint32_t)i);
        su_merkle_leaf(raw, sizeof raw, leaves + i * SU_SHA256_BYTES);
    }
    return leaves;
}

/* The definition of RFC 6962 §2.1, recursive, as a second opinion. */
static void root_by_definition(const uint8_t *leaves, size_t n, uint8_t root[SU_SHA256_BYTES])
{
    uint8_t pair[1 + 2 * SU_SHA256_BYTES] = {1};
    size_t k = 1;

    if (n <= 1) {
        if (n == 0)
            su_sha256("", 0, root);
        else
            memcpy(root, leaves, SU_SHA256_BYTES);
        return;
    }
    while (2 * k < n)
        k *= 2;
    root_by_definition(leaves, k, pair + 1);
    root_by_definition(leaves + k * SU_SHA256_BYTES, n - k, pair + 1 + SU_SHA256_BYTES);
    su_sha256(pair, sizeof pair, root);
}

static void shared_vectors(void **state)
{
    /* The eight leaves that implementations of RFC 6962 commonly test with, as hex, and the roots
       of the first n of them, computed apart from this code. */
    static const char *const leaves_hex[] = {
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    };
    static const char *const roots[] = {
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    };
    uint8_t leaves[8 * SU_SHA256_BYTES], root[SU_SHA256_BYTES];

    (void)state;
    for (size_t i = 0; i < SU_ARRAY_LEN(leaves_hex); i++) {
        uint8_t raw[16];
        size_t n;
        assert_true(su_hex_decode(leaves_hex[i], raw, sizeof raw, &n));
        su_merkle_leaf(raw, n, leaves + i * SU_SHA256_BYTES);
    }
    for (size_t n = 0; n < SU_ARRAY_LEN(roots); n++) {
        su_merkle_root(leaves, n, root);
        assert_digest(root, roots[n]);
    }
    su_merkle_node(leaves, leaves + SU_SHA256_BYTES, root);
    assert_digest(root, roots[2]);
}

static void numbered_vectors(void **state)
{
    /* Computed apart from this code. */
    static const struct {
        size_t n;
        const char *root;
    } rows[] = {
        {9, "b5924769753aea10eea1bf64eae4c33487439ec614b89554db8e3b95eff73aa6"},
        {255, "025b083bd7021010a79107befbb5bc5c9c6c4c43dd33f487697939846a539ce4"},
        {256, "e2491d0f4b5701aafd0ebf1cb7605c57a0804b16393315b050496da7cc41c921"},
        {257, "bb490db9374cafc9c0ec32d4a11cd9b12098319a2d40c1785c7115d7399c5d8f"},
        {1000, "092174a4201b998bd263ae09fea0f0306b4d6434565b19350513ce5fae499dbe"},
    };
    uint8_t *leaves = numbered_leaves(LEAVES_MAX), root[SU_SHA256_BYTES];

    (void)state;
    for (size_t i = 0; i < SU_ARRAY_LEN(rows); i++) {
        su_merkle_root(leaves, rows[i].n, root);
        assert_digest(root, rows[i].root);
    }
    for (size_t n = 0; n < 200; n++) {
        uint8_t want[SU_SHA256_BYTES];
        root_by_definition(leaves, n, want);
        su_merkle_root(leaves, n, root);
        assert_memory_equal(root, want, sizeof want);
    }
    free(leaves);
}

static uint8_t *sample_blob(size_t n)
{
    uint8_t *p = su_alloc(n);

    for (size_t i = 0; i < n; i++)
        p[i] = (uint8_t)((uint64_t)i * 2654435761u >> 16);
    return p;
}

static void blob_vectors(void **state)
{
    /* Computed apart from this code. */
    static const struct {
        size_t bytes, leaves;
        const char *root;
    } rows[] = {
        {0, 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {1, 1, "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7"},
        {1048575, 1, "135037f1099a5d1df4e0e97cd1d97fbd70869a8cb05cd36beba0ee9972bb0c00"},
        {1048576, 1, "058ee9ac72ba53265eb2506fab7970d322b03a9ffeff48188eb62ec57097530d"},
        {1048577, 2, "78e9aaf34c13131882fda2c47dea72a5af41f046ee231ea7869499329481863e"},
        {2097152, 2, "c75d17b8ad8c056e53f5c21e79b21f6ce990cdda18e675a574a316da6f1cc430"},
        {3145733, 4, "622b930c59b2dc21aa1cce607cfeaec041704a400ca8d502a59a6bf5905d2625"},
    };
    uint8_t *blob = sample_blob(3145733);

    (void)state;
    for (size_t i = 0; i < SU_ARRAY_LEN(rows); i++) {
        static const size_t pieces[] = {7919, 65536, 1048576, 3000000};
        uint8_t root[SU_SHA256_BYTES];
        assert_true(su_merkle_leaf_count(rows[i].bytes) == rows[i].leaves);
        su_merkle_blob(blob, rows[i].bytes, root);
        assert_digest(root, rows[i].root);
        for (size_t k = 0; k < SU_ARRAY_LEN(pieces); k++) {
            struct su_merkle m;
            struct su_buf leaves;
            su_buf_init(&leaves, 0);
            su_merkle_init(&m, &leaves);
            for (size_t at = 0; at < rows[i].bytes; at += pieces[k])
                su_merkle_update(&m, blob + at, SU_MIN(pieces[k], rows[i].bytes - at));
            su_merkle_update(&m, NULL, 0);
            su_merkle_final(&m, root);
            assert_digest(root, rows[i].root);
            assert_int_equal(su_buf_check(&leaves, "leaves", NULL), SU_OK);
            assert_int_equal(leaves.len, rows[i].leaves * SU_SHA256_BYTES);
            su_merkle_root(leaves.data, rows[i].leaves, root);
            assert_digest(root, rows[i].root);
            su_buf_fini(&leaves);
        }
    }
    assert_true(su_merkle_leaf_count(UINT64_MAX) == (uint64_t)1 << 44);
    free(blob);
}

static void leaves_may_be_added_one_by_one(void **state)
{
    uint8_t *leaves = numbered_leaves(77), root[SU_SHA256_BYTES], want[SU_SHA256_BYTES];
    struct su_merkle m;

    (void)state;
    su_merkle_init(&m, NULL);
    for (size_t i = 0; i < 77; i++)
        su_merkle_add(&m, leaves + i * SU_SHA256_BYTES);
    su_merkle_final(&m, root);
    su_merkle_root(leaves, 77, want);
    assert_memory_equal(root, want, sizeof want);
    free(leaves);
}

static void proofs_hold_for_every_leaf(void **state)
{
    uint8_t *leaves = numbered_leaves(70);

    (void)state;
    for (size_t n = 1; n <= 70; n++) {
        uint8_t root[SU_SHA256_BYTES];
        su_merkle_root(leaves, n, root);
        for (size_t i = 0; i < n; i++) {
            uint8_t path[SU_MERKLE_PATH_MAX][SU_SHA256_BYTES];
            const uint8_t *leaf = leaves + i * SU_SHA256_BYTES;
            const uint8_t(*p)[SU_SHA256_BYTES] = (const uint8_t(*)[SU_SHA256_BYTES])path;
            size_t len = su_merkle_prove(leaves, n, i, path);
            assert_true(len <= 7);
            assert_true(su_merkle_verify(root, leaf, i, n, p, len));
            assert_false(su_merkle_verify(root, leaf, i + 1, n, p, len));
            assert_false(su_merkle_verify(root, leaf, i, n, p, len + 1));
            assert_false(su_merkle_verify(root, leaf, n, n, p, len));
            if (len == 0)
                continue;
            assert_false(su_merkle_verify(root, leaf, i, n, p, len - 1));
            assert_false(su_merkle_verify(root, path[0], i, n, p, len));
            path[len / 2][5] ^= 1;
            assert_false(su_merkle_verify(root, leaf, i, n, p, len));
        }
    }
    free(leaves);
}

static void verify_survives_hostile_numbers(void **state)
{
    uint8_t path[SU_MERKLE_PATH_MAX][SU_SHA256_BYTES] = {{0}};
    const uint8_t(*p)[SU_SHA256_BYTES] = (const uint8_t(*)[SU_SHA256_BYTES])path;
    uint8_t leaf[SU_SHA256_BYTES] = {1}, root[SU_SHA256_BYTES];

    (void)state;
    assert_false(su_merkle_verify(leaf, leaf, 0, 0, p, 0));
    assert_true(su_merkle_verify(leaf, leaf, 0, 1, p, 0));
    assert_false(su_merkle_verify(leaf, leaf, UINT64_MAX, UINT64_MAX, p, 64));
    /* The deepest tree there is: 64 levels on the left side. */
    memcpy(root, leaf, sizeof root);
    for (size_t i = 0; i < 64; i++)
        su_merkle_node(root, path[i], root);
    assert_true(su_merkle_verify(root, leaf, 0, UINT64_MAX, p, 64));
    assert_false(su_merkle_verify(root, leaf, 0, UINT64_MAX, p, 63));
    assert_false(su_merkle_verify(root, leaf, 0, UINT64_MAX, NULL, SIZE_MAX));
}

static void leaf_and_node_cannot_be_confused(void **state)
{
    uint8_t *leaves = numbered_leaves(2), root[SU_SHA256_BYTES], fake[SU_SHA256_BYTES];

    (void)state;
    su_merkle_root(leaves, 2, root);
    su_merkle_leaf(leaves, 2 * SU_SHA256_BYTES, fake);
    assert_memory_not_equal(root, fake, sizeof fake);
    free(leaves);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shared_vectors),
        cmocka_unit_test(numbered_vectors),
        cmocka_unit_test(blob_vectors),
        cmocka_unit_test(leaves_may_be_added_one_by_one),
        cmocka_unit_test(proofs_hold_for_every_leaf),
        cmocka_unit_test(verify_survives_hostile_numbers),
        cmocka_unit_test(leaf_and_node_cannot_be_confused),
    };

    return cmocka_run_group_tests_name("crypto merkle", tests, NULL, NULL);
}
