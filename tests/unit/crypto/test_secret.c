// SPDX-License-Identifier: MIT
/* SHA-512, HMAC, randomness, locked memory, sealing. */
#include "crypto/crypto.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* Sanitizers turn mlock into nothing and catch a stray read in their own way. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif

static const struct su_seal_cost cheap = {.passes = 1, .memory_bytes = SU_SEAL_MEMORY_MIN_BYTES};

static void assert_hex(const uint8_t *data, size_t n, const char *hex)
{
    char text[2 * SU_SHA512_BYTES + 1];

    assert_true(su_hex_encode(data, n, text, sizeof text) > 0);
    assert_string_equal(text, hex);
}

static void sha512_vectors(void **state)
{
    uint8_t out[SU_SHA512_BYTES], many[1000];

    (void)state;
    memset(many, 'a', sizeof many);
    su_sha512(NULL, 0, out);
    assert_hex(out, sizeof out,
               "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce"
               "47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e");
    su_sha512("abc", 3, out);
    assert_hex(out, sizeof out,
               "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
               "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f");
    su_sha512(many, sizeof many, out);
    assert_hex(out, sizeof out,
               "67ba5535a46e3f86dbfbed8cbbaf0125c76ed549ff8b0b9e03e0c88cf90fa634"
               "fa7b12b47d77b694de488ace8d9a65967dc96df599727d3292a8d9d447709c97");
}

/* RFC 4231, test cases 1, 2 and 6. */
static void hmac_vectors(void **state)
{
    static const char long_text[] = "Test Using Larger Than Block-Size Key - Hash Key First";
    uint8_t key[131], out[SU_SHA256_BYTES], empty[SU_SHA256_BYTES];

    (void)state;
    memset(key, 0x0b, 20);
    su_hmac_sha256(key, 20, "Hi There", 8, out);
    assert_hex(out, sizeof out, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    su_hmac_sha256("Jefe", 4, "what do ya want for nothing?", 28, out);
    assert_hex(out, sizeof out, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    memset(key, 0xaa, sizeof key);
    su_hmac_sha256(key, sizeof key, long_text, sizeof long_text - 1, out);
    assert_hex(out, sizeof out, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    /* A key is padded with zeros, so none equals one of zeros. */
    su_hmac_sha256(NULL, 0, NULL, 0, out);
    su_hmac_sha256((const uint8_t[64]){0}, 64, "", 0, empty);
    assert_memory_equal(out, empty, sizeof out);
}

static void small_tools(void **state)
{
    uint8_t a[300] = {0}, b[300] = {0}, zero[300] = {0};

    (void)state;
    su_random(a, sizeof a);
    su_random(b, sizeof b);
    assert_false(su_equal(a, b, sizeof a));
    assert_false(su_equal(a, zero, 32));
    assert_false(su_equal(a + sizeof a - 32, zero, 32));
    memcpy(b, a, sizeof a);
    assert_true(su_equal(a, b, sizeof a));
    assert_true(su_equal(a, zero, 0));
    for (size_t i = 0; i < sizeof a; i++) {
        b[i] ^= 0x10;
        assert_false(su_equal(a, b, sizeof a));
        b[i] ^= 0x10;
    }
    su_wipe(a, sizeof a);
    assert_memory_equal(a, zero, sizeof a);
    su_wipe(NULL, 0);
}

static void secret_memory(void **state)
{
    struct su_secret *s;
    struct su_err e;

    (void)state;
    assert_int_equal(su_secret_new(0, &s, &e), SU_EINVAL);
    assert_null(s);
    assert_int_equal(su_secret_new(SU_SECRET_MAX_BYTES + 1, &s, &e), SU_EINVAL);
    assert_int_equal(su_secret_new(SU_SECRET_MAX_BYTES, &s, &e), SU_OK);
    assert_int_equal(su_secret_bytes(s), SU_SECRET_MAX_BYTES);
    for (size_t i = 0; i < SU_SECRET_MAX_BYTES; i++)
        assert_int_equal(su_secret_data(s)[i], 0);
    memset(su_secret_data(s), 1, SU_SECRET_MAX_BYTES);
    (void)su_secret_locked(s); /* either may be: the system decides */
    su_secret_free(s);
    su_secret_free(NULL);
}

/* In a child process: the status with which it ends. */
static int in_child(void (*fn)(void))
{
    int status = 0;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        (void)signal(SIGSEGV, SIG_DFL);
        fn();
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static volatile uint8_t seen;

static void read_beyond(void)
{
    struct su_secret *s;

    if (su_secret_new(33, &s, NULL) == SU_OK)
        seen = su_secret_data(s)[su_secret_bytes(s)];
}

/* As a user that may lock nothing. A process with CAP_IPC_LOCK is not limited, so that goes too. */
static void without_lock(void)
{
    const struct rlimit none = {0, 0};
    struct su_secret *s;

    if (setrlimit(RLIMIT_MEMLOCK, &none) != 0 || (geteuid() == 0 && setuid(65534) != 0))
        _exit(3);
    if (su_secret_new(32, &s, NULL) != SU_OK)
        _exit(4);
    su_secret_data(s)[31] = 1;
    _exit(su_secret_locked(s) ? 5 : 0);
}

static void guards_and_locks(void **state)
{
    (void)state;
#ifdef SANITIZED
    (void)read_beyond, (void)without_lock, (void)in_child;
    print_message("SKIPPED: sanitizers take mlock and faults away; the plain build runs this\n");
    skip();
#else
    int status = in_child(read_beyond);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(in_child(without_lock), 0);
#endif
}

static void seal_round_trips(void **state)
{
    static const size_t sizes[] = {1, 64, 1000, SU_SECRET_MAX_BYTES};
    uint8_t *data = su_alloc(SU_SECRET_MAX_BYTES + 1);
    struct su_secret *s;
    struct su_err e;

    (void)state;
    su_random(data, SU_SECRET_MAX_BYTES);
    for (size_t i = 0; i < SU_ARRAY_LEN(sizes); i++) {
        struct su_buf b, again;
        su_buf_init(&b, 0);
        su_buf_init(&again, 0);
        su_buf_u8(&b, 'x'); /* appended to what is there */
        assert_int_equal(su_seal("horse", 5, data, sizes[i], &cheap, &b, &e), SU_OK);
        assert_int_equal(b.len, 1 + sizes[i] + SU_SEAL_OVERHEAD_BYTES);
        assert_int_equal(su_unseal("horse", 5, b.data + 1, b.len - 1, &s, &e), SU_OK);
        assert_int_equal(su_secret_bytes(s), sizes[i]);
        assert_memory_equal(su_secret_data(s), data, sizes[i]);
        su_secret_free(s);
        assert_int_equal(su_unseal("hors", 4, b.data + 1, b.len - 1, &s, &e), SU_EACCES);
        assert_null(s);
        assert_int_equal(su_seal("horse", 5, data, sizes[i], &cheap, &again, &e), SU_OK);
        assert_memory_not_equal(again.data + 24, b.data + 25, 40); /* salt and nonce */
        su_buf_fini(&again);
        su_buf_fini(&b);
    }
    struct su_buf b;
    su_buf_init(&b, 0);
    assert_int_equal(su_seal(NULL, 0, data, 3, &su_seal_cost_default, &b, &e), SU_OK);
    assert_int_equal(su_unseal("", 0, b.data, b.len, &s, &e), SU_OK);
    su_secret_free(s);
    su_buf_fini(&b);
    free(data);
}

/* Opened once by an implementation from other parts as well: files of today stay readable. */
static void seal_of_the_past(void **state)
{
    static const char hex[] = "53555345414c310a01000000020000000000010000000000b9ac21f4c6bff6f6"
                              "4a3cf1f8b5b88fc21ea6696c9fcbbd52adeef5cd09a17423c07fd427727e6115"
                              "01a5b648508749e7798c9167b0393848e7a9e893a564bfa2d61a6d58759f";
    uint8_t sealed[200];
    struct su_secret *s;
    struct su_err e;
    size_t n = 0;

    (void)state;
    assert_true(su_hex_decode(hex, sealed, sizeof sealed, &n));
    assert_int_equal(su_unseal("correct horse", 13, sealed, n, &s, &e), SU_OK);
    assert_int_equal(su_secret_bytes(s), 14);
    assert_memory_equal(su_secret_data(s), "battery staple", 14);
    su_secret_free(s);
}

static void seal_limits(void **state)
{
    static const struct su_seal_cost bad[] = {
        {0, 1 << 20},
        {SU_SEAL_PASSES_MAX + 1, 1 << 20},
        {1, SU_SEAL_MEMORY_MIN_BYTES - 1024},
        {1, SU_SEAL_MEMORY_MAX_BYTES + 1024ull},
        {1, (1 << 20) + 1},
    };
    uint8_t data[8] = {0};
    struct su_buf b;
    struct su_err e;

    (void)state;
    su_buf_init(&b, 0);
    for (size_t i = 0; i < SU_ARRAY_LEN(bad); i++)
        assert_int_equal(su_seal("p", 1, data, 8, &bad[i], &b, &e), SU_EINVAL);
    assert_int_equal(su_seal("p", 1, data, 0, &cheap, &b, &e), SU_EINVAL);
    assert_int_equal(su_seal("p", 1, data, SU_SECRET_MAX_BYTES + 1, &cheap, &b, &e), SU_EINVAL);
    assert_int_equal(b.len, 0);
    b.limit = 70;
    assert_int_equal(su_seal("p", 1, data, 8, &cheap, &b, &e), SU_ELIMIT);
    su_buf_fini(&b);
}

static void seal_hostile(void **state)
{
    struct su_buf b;
    struct su_secret *s;
    struct su_err e;

    (void)state;
    su_buf_init(&b, 0);
    assert_int_equal(su_seal("p", 1, "secret", 6, &cheap, &b, &e), SU_OK);
    for (size_t bit = 0; bit < 8 * b.len; bit++) { /* whatever is altered, it does not open */
        b.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        enum su_code c = su_unseal("p", 1, b.data, b.len, &s, &e), want = SU_EACCES;
        uint64_t passes = su_le32(b.data + 12), memory = su_le64(b.data + 16);
        if (bit < 64)
            want = SU_EFORMAT;
        else if (bit < 96)
            want = SU_EUNSUPPORTED;
        else if (passes < 1 || passes > SU_SEAL_PASSES_MAX || memory < SU_SEAL_MEMORY_MIN_BYTES ||
                 memory > SU_SEAL_MEMORY_MAX_BYTES || memory % 1024)
            want = SU_ELIMIT;
        assert_int_equal(c, want);
        assert_null(s);
        b.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t n = 0; n < b.len; n++) {
        enum su_code c = su_unseal("p", 1, b.data, n, &s, &e);
        assert_int_equal(c, n <= SU_SEAL_OVERHEAD_BYTES ? SU_ETRUNC : SU_EACCES);
        assert_null(s);
    }
    assert_int_equal(su_unseal("p", 1, "hello", 5, &s, &e), SU_EFORMAT);
    uint8_t *large = su_alloc(SU_SECRET_MAX_BYTES + SU_SEAL_OVERHEAD_BYTES + 1);
    memcpy(large, b.data, b.len);
    assert_int_equal(
        su_unseal("p", 1, large, SU_SECRET_MAX_BYTES + SU_SEAL_OVERHEAD_BYTES + 1, &s, &e),
        SU_ELIMIT);
    free(large);
    assert_int_equal(su_unseal("p", 1, b.data, b.len, &s, &e), SU_OK);
    assert_memory_equal(su_secret_data(s), "secret", 6);
    su_secret_free(s);
    su_buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha512_vectors),   cmocka_unit_test(hmac_vectors),
        cmocka_unit_test(small_tools),      cmocka_unit_test(secret_memory),
        cmocka_unit_test(guards_and_locks), cmocka_unit_test(seal_round_trips),
        cmocka_unit_test(seal_of_the_past), cmocka_unit_test(seal_limits),
        cmocka_unit_test(seal_hostile),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
