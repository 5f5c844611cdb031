// SPDX-License-Identifier: MIT
/* Signatures on the edge of the rules: su_ed25519_verify against Solana's own precompile. */
#include "crypto/crypto.h"
#include "support/svm.h"

#include "ed25519_edges.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { AT_SIG = 16, AT_KEY = AT_SIG + 64, AT_MESSAGE = AT_KEY + 32, DATA_MAX = AT_MESSAGE + 64 };

static uint8_t precompile[32];

/* One signature, all of it in the data of this instruction. */
static size_t instruction_make(const uint8_t sig[64], const uint8_t key[32], const uint8_t *message,
                               size_t n, uint8_t data[DATA_MAX])
{
    static const uint16_t this_one = 0xffff;
    const uint16_t offsets[] = {AT_SIG,     this_one,    AT_KEY,  this_one,
                                AT_MESSAGE, (uint16_t)n, this_one};

    assert_true(n <= DATA_MAX - AT_MESSAGE);
    data[0] = 1;
    data[1] = 0;
    for (size_t i = 0; i < SU_ARRAY_LEN(offsets); i++)
        su_put_le16(data + 2 + 2 * i, offsets[i]);
    memcpy(data + AT_SIG, sig, 64);
    memcpy(data + AT_KEY, key, 32);
    memcpy(data + AT_MESSAGE, message, n);
    return AT_MESSAGE + n;
}

static void same(struct svm *vm, const char *name, const uint8_t sig[64], const uint8_t key[32],
                 const uint8_t *message, size_t n)
{
    uint8_t data[DATA_MAX];
    struct svm_result r;
    bool here = su_ed25519_verify(key, message, n, sig);

    svm_ix(vm, precompile, data, instruction_make(sig, key, message, n, data), NULL, 0);
    svm_send(vm, &r);
    if (here != (r.outcome == SVM_OK))
        fail_msg("%s: here %s, there %s", name, here ? "valid" : "invalid", r.name);
}

static void edges(void **state)
{
    const char *why;
    struct svm *vm = svm_open(&why);
    uint8_t key[32], sig[64], message[64], seed[32] = {21}, secret[64];
    size_t n = 0, len = 0;

    (void)state;
    if (!vm) {
        print_message("%s\n", why);
        assert_null(getenv("SU_TEST_NEED_SVM"));
        skip();
    }
    assert_true(
        su_base58_decode("Ed25519SigVerify111111111111111111111111111", precompile, 32, &n));
    for (size_t i = 0; i < SU_ARRAY_LEN(ed25519_edges); i++) {
        assert_true(su_hex_decode(ed25519_edges[i].public_key, key, sizeof key, &len));
        assert_true(su_hex_decode(ed25519_edges[i].sig, sig, sizeof sig, &len));
        assert_true(su_hex_decode(ed25519_edges[i].message, message, sizeof message, &n));
        same(vm, ed25519_edges[i].name, sig, key, message, n);
    }
    su_ed25519_from_seed(seed, key, secret);
    su_ed25519_sign(secret, seed, sizeof seed, sig);
    same(vm, "signed here", sig, key, seed, sizeof seed);
    for (size_t bit = 0; bit < 8 * sizeof sig; bit += 3) {
        sig[bit / 8] ^= (uint8_t)(1u << bit % 8);
        same(vm, "a bit of the signature", sig, key, seed, sizeof seed);
        sig[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    svm_close(vm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(edges),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
