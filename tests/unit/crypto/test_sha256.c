// SPDX-License-Identifier: MIT
#include "crypto/crypto.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

static const char *const impls[] = {"sha-ni", "armv8", "portable"};

static uint64_t rng = 88172645463325252u;

static uint64_t random_u64(void)
{
    rng ^= rng << 13;
    rng ^= rng >> 7;
    rng ^= rng << 17;
    return rng;
}

static void assert_digest(const uint8_t digest[SU_SHA256_BYTES], const char *hex)
{
    char text[2 * SU_SHA256_BYTES + 1];

    (void)su_hex_encode(digest, SU_SHA256_BYTES, text, sizeof text);
    assert_string_equal(text, hex);
}

static void standard_vectors(void **state)
{
    /* FIPS 180-2 appendix B and the byte-oriented vectors of the NIST CAVP. */
    static const struct {
        const char *message, *digest;
    } rows[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
        {"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqr"
         "lmnopqrsmnopqrstnopqrstu",
         "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"},
        {"\xbd", "68325720aabd7c82f30f554b313d0570c95accbb7dc4b5aae11204c08ffe732b"},
        {"\xc9\x8c\x8e\x55", "7abc22c0ae5af26ce93dbb94433a0e0b2e119d014f8e7f65bd56c61ccccd9504"},
    };
    unsigned tested = 0;

    (void)state;
    for (size_t k = 0; k < SU_ARRAY_LEN(impls); k++) {
        if (!su_sha256_use(impls[k]))
            continue;
        tested++;
        for (size_t i = 0; i < SU_ARRAY_LEN(rows); i++) {
            uint8_t digest[SU_SHA256_BYTES];
            su_sha256(rows[i].message, strlen(rows[i].message), digest);
            assert_digest(digest, rows[i].digest);
        }
    }
    assert_true(tested >= 1);
    assert_true(su_sha256_use(NULL));
}

static void a_million_letters(void **state)
{
    char letters[1000];

    (void)state;
    memset(letters, 'a', sizeof letters);
    for (size_t k = 0; k < SU_ARRAY_LEN(impls); k++) {
        struct su_sha256 s;
        uint8_t digest[SU_SHA256_BYTES];
        if (!su_sha256_use(impls[k]))
            continue;
        su_sha256_init(&s);
        for (int i = 0; i < 1000; i++)
            su_sha256_update(&s, letters, sizeof letters);
        su_sha256_final(&s, digest);
        assert_digest(digest, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    }
    assert_true(su_sha256_use(NULL));
}

static void implementations_are_chosen_by_name(void **state)
{
    (void)state;
    assert_true(su_sha256_use(NULL));
    const char *best = su_sha256_impl();
#if defined(__x86_64__)
    assert_false(su_sha256_use("armv8"));
#else
    assert_false(su_sha256_use("sha-ni"));
#endif
    assert_false(su_sha256_use("md5"));
    assert_ptr_equal(su_sha256_impl(), best);
    assert_true(su_sha256_use("portable"));
    assert_string_equal(su_sha256_impl(), "portable");
    assert_true(su_sha256_use(NULL));
    assert_string_equal(su_sha256_impl(), best);
}

/* Every length around the block borders, at every alignment, against libsodium. */
static void lengths_and_alignments_agree_with_libsodium(void **state)
{
    uint8_t data[512 + 16], want[SU_SHA256_BYTES], digest[SU_SHA256_BYTES];

    (void)state;
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)random_u64();
    for (size_t k = 0; k < SU_ARRAY_LEN(impls); k++) {
        if (!su_sha256_use(impls[k]))
            continue;
        for (size_t n = 0; n <= 512; n++) {
            const uint8_t *p = data + n % 17;
            size_t len = SU_MIN(n, sizeof data - n % 17);
            (void)crypto_hash_sha256(want, p, len);
            su_sha256(p, len, digest);
            assert_memory_equal(digest, want, sizeof want);
        }
    }
    assert_true(su_sha256_use(NULL));
}

/* Random messages in random pieces, the hash forked midway, against libsodium. */
static void random_pieces_agree_with_libsodium(void **state)
{
    size_t cap = 20000;
    uint8_t *data = su_alloc(cap), want[SU_SHA256_BYTES], digest[SU_SHA256_BYTES];
    const char *full = getenv("SU_TEST_FULL");
    int turns = full && full[0] == '1' ? 20000 : 500;

    (void)state;
    for (size_t k = 0; k < SU_ARRAY_LEN(impls); k++) {
        if (!su_sha256_use(impls[k]))
            continue;
        for (int t = 0; t < turns; t++) {
            size_t n = random_u64() % cap, at = 0;
            struct su_sha256 s, fork;
            for (size_t i = 0; i < 64; i++)
                data[random_u64() % cap] = (uint8_t)random_u64();
            su_sha256_init(&s);
            su_sha256_update(&s, NULL, 0);
            while (at < n) {
                size_t piece = random_u64() % 300;
                piece = SU_MIN(piece, n - at);
                su_sha256_update(&s, data + at, piece);
                at += piece;
                if (random_u64() % 8 == 0) {
                    fork = s;
                    su_sha256_final(&s, digest);
                    (void)crypto_hash_sha256(want, data, at);
                    assert_memory_equal(digest, want, sizeof want);
                    s = fork;
                }
            }
            su_sha256_final(&s, digest);
            (void)crypto_hash_sha256(want, data, n);
            assert_memory_equal(digest, want, sizeof want);
        }
    }
    assert_true(su_sha256_use(NULL));
    free(data);
}

static void *hash_in_a_thread(void *out)
{
    su_sha256("abc", 3, out);
    return NULL;
}

static void first_use_from_many_threads(void **state)
{
    pthread_t threads[4];
    uint8_t digests[4][SU_SHA256_BYTES];

    (void)state;
    assert_true(su_sha256_use(NULL));
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, hash_in_a_thread, digests[i]), 0);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    for (size_t i = 0; i < 4; i++)
        assert_digest(digests[i],
                      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_use_from_many_threads),
        cmocka_unit_test(standard_vectors),
        cmocka_unit_test(a_million_letters),
        cmocka_unit_test(implementations_are_chosen_by_name),
        cmocka_unit_test(lengths_and_alignments_agree_with_libsodium),
        cmocka_unit_test(random_pieces_agree_with_libsodium),
    };

    return cmocka_run_group_tests_name("crypto sha256", tests, NULL, NULL);
}
