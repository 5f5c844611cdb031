// SPDX-License-Identifier: MIT
/* The same bytes here and in the Solana VM (tests/data/sbf/curves.c): points, and whole proofs. */
#include "crypto/crypto.h"
#include "sbf/sbf.h"
#include "support/svm.h"
#include "vrf/vrf.h"

#include "vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { DATA_MAX = 400, UNITS_MAX = 60000, POINTS = 2 * 38 + 8 + 16 };

static const uint8_t program[32] = "vrf test";
static struct svm *vm;
static uint8_t point[POINTS][32], scalar[9][32];
static uint64_t rng = 88172645463325252u;

static uint64_t next(void)
{
    rng ^= rng << 13;
    rng ^= rng >> 7;
    return rng ^= rng << 17;
}

/* The image, beside nothing else, in a folder of its own. False without a compiler for the VM. */
static bool image_make(char *dir, char *image, size_t cap)
{
    char object[64], command[1024];
    struct su_map m;
    struct su_buf b;
    struct su_err e;

    assert_non_null(mkdtemp(dir));
    (void)snprintf(object, sizeof object, "%s/curves.o", dir);
    (void)snprintf(image, cap, "%s/curves.so", dir);
    (void)snprintf(command, sizeof command,
                   "clang -target bpf -mcpu=v2 -O2 -ffreestanding -fno-builtin -Wall -Werror "
                   "-I'%s/src' -I'%s/src/abi' -c '%s/tests/data/sbf/curves.c' -o '%s'",
                   SU_SOURCE_DIR, SU_SOURCE_DIR, SU_SOURCE_DIR, object);
    if (system("clang --version >/dev/null 2>&1") != 0)
        return false;
    assert_int_equal(system(command), 0);
    assert_int_equal(su_map_open(object, 1 << 20, &m, &e), SU_OK);
    su_buf_init(&b, 0);
    const struct su_sbf_options options = {.version = SU_SBF_V3};
    assert_int_equal(su_sbf_link(m.data, m.len, &options, &b, &e), SU_OK);
    assert_int_equal(su_file_write(image, b.data, b.len, 0600, &e), SU_OK);
    su_buf_fini(&b);
    su_map_close(&m);
    (void)unlink(object);
    return true;
}

static int start(void **state)
{
    char dir[] = "/tmp/su_vrf_XXXXXX", image[64];
    const char *why;

    (void)state;
    vm = svm_open(&why);
    if (vm && image_make(dir, image, sizeof image)) {
        svm_program(vm, program, image);
        (void)unlink(image);
        (void)rmdir(dir);
        return 0;
    }
    (void)fprintf(stderr, "%s\n", vm ? "no clang on this machine: ./dev deps installs it" : why);
    svm_close(vm);
    vm = NULL;
    return getenv("SU_TEST_NEED_SVM") ? -1 : 0;
}

static int stop(void **state)
{
    (void)state;
    svm_close(vm);
    return 0;
}

static size_t native(const uint8_t *data, size_t n, uint8_t out[1 + SU_VRF_BETA_BYTES])
{
    const uint8_t *p = data + 1;
    size_t bytes = 32;

    switch (data[0]) {
    case 'v':
        out[0] = su_vrf_verify(p, p + 112, n - 113, p + 32, out + 1);
        bytes = SU_VRF_BETA_BYTES;
        break;
    case '?':
        out[0] = su_point_valid(p);
        bytes = 0;
        break;
    case '+':
        out[0] = su_point_add(p, p + 32, out + 1);
        break;
    case '-':
        out[0] = su_point_sub(p, p + 32, out + 1);
        break;
    case '*':
        out[0] = su_point_mul(p, p + 32, out + 1);
        break;
    default:
        out[0] = su_point_mul2(p, p + 64, out + 1);
        break;
    }
    return 1 + (out[0] ? bytes : 0);
}

/* Both answers, which must be equal: 1 or 0. */
static bool same(char op, const uint8_t *a, size_t an, const uint8_t *b, size_t bn)
{
    uint8_t data[DATA_MAX] = {(uint8_t)op}, out[1 + SU_VRF_BETA_BYTES];
    struct svm_result r;

    assert_true(1 + an + bn <= sizeof data);
    memcpy(data + 1, a, an);
    if (bn > 0)
        memcpy(data + 1 + an, b, bn);
    size_t n = native(data, 1 + an + bn, out);
    svm_ix(vm, program, data, 1 + an + bn, NULL, 0);
    svm_send(vm, &r);
    if (r.outcome != SVM_OK || r.returned_bytes != n || memcmp(r.returned, out, n) != 0) {
        char text[2 * DATA_MAX + 1];
        (void)su_hex_encode(data, 1 + an + bn, text, sizeof text);
        fail_msg("here %d, there outcome %d, %zu bytes, first %d: %s", out[0], (int)r.outcome,
                 r.returned_bytes, r.returned_bytes ? r.returned[0] : -1, text);
    }
    return out[0];
}

/* Every y below 19 and from p - 19 to p + 18 with both signs, points of every order, any bytes. */
static void points_make(void)
{
    static const char order[] = "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010";
    size_t n = 0, len = 0;
    uint8_t torsion[32];

    for (unsigned i = 0; i < 38; i++) {
        for (unsigned sign = 0; sign < 2; sign++, n++) {
            memset(point[n], i < 19 ? 0 : 0xff, 32);
            point[n][0] = (uint8_t)(i < 19 ? i : 0xed + i - 19);
            point[n][31] = (uint8_t)((i < 19 ? 0 : 0x7f) | sign << 7);
        }
    }
    assert_true(su_hex_decode(small_order[1], torsion, 32, &len));
    memcpy(point[n], su_point_base, 32);
    for (unsigned i = 1; i < 8; i++, n++)
        assert_true(su_point_add(point[n], torsion, point[n + 1]));
    for (n++; n < POINTS; n++) {
        for (size_t k = 0; k < 32; k++)
            point[n][k] = (uint8_t)next();
    }
    for (unsigned i = 0; i < 4; i++)
        assert_true(su_hex_decode(order, scalar[i], 32, &len));
    scalar[0][0]--;
    scalar[2][0]++;
    memset(scalar[3], 0xff, 32);
    memset(scalar[4], 0, 32);
    memset(scalar[5], 0, 32);
    scalar[5][0] = 1;
    memcpy(scalar[6], scalar[5], 32);
    scalar[6][0] = 8;
    memcpy(scalar[7], point[POINTS - 1], 32);
    scalar[7][31] &= 0x0f;
    memcpy(scalar[8], scalar[7], 32);
    scalar[8][0] ^= 3;
}

static void points(void **state)
{
    size_t points_seen = 0, products = 0;
    uint8_t two[64], factors[64];

    (void)state;
    if (!vm)
        skip();
    points_make();
    for (size_t i = 0; i < POINTS; i++) {
        const uint8_t *other = point[next() % POINTS], *near = point[76 + next() % 8];
        points_seen += same('?', point[i], 32, NULL, 0);
        (void)same('+', point[i], 32, other, 32);
        (void)same('+', near, 32, point[i], 32);
        (void)same('-', point[i], 32, near, 32);
        (void)same('-', other, 32, point[i], 32);
        for (size_t k = 0; k < SU_ARRAY_LEN(scalar); k += 1 + next() % 3)
            products += same('*', scalar[k], 32, point[i], 32);
        memcpy(factors, scalar[next() % SU_ARRAY_LEN(scalar)], 32);
        memcpy(factors + 32, scalar[next() % SU_ARRAY_LEN(scalar)], 32);
        memcpy(two, point[i], 32);
        memcpy(two + 32, near, 32);
        (void)same('2', factors, 64, two, 64);
    }
    assert_in_range(points_seen, 50, POINTS - 20);
    assert_in_range(products, 50, 500);
}

/* key, proof and alpha in one piece. */
static size_t proof_text(const char *key, const char *proof, const char *alpha, uint8_t *out)
{
    size_t k = 0, p = 0, a = 0;

    assert_true(su_hex_decode(key, out, 32, &k));
    assert_true(su_hex_decode(proof, out + 32, 80, &p));
    assert_true(su_hex_decode(alpha, out + 112, 8, &a));
    return k + p + a;
}

static void proofs(void **state)
{
    uint8_t text[DATA_MAX], good[DATA_MAX], seed[32] = {0};
    struct svm_result r;
    struct su_err e;

    (void)state;
    if (!vm)
        skip();
    for (size_t i = 0; i < SU_ARRAY_LEN(rfc); i++) {
        size_t n = proof_text(rfc[i].key, rfc[i].proof, rfc[i].alpha, text);
        assert_true(same('v', text, n, NULL, 0));
    }
    for (size_t i = 0; i < SU_ARRAY_LEN(crafted); i++) {
        size_t n = proof_text(crafted[i].key, crafted[i].proof, crafted[i].alpha, text);
        assert_int_equal(same('v', text, n, NULL, 0), crafted[i].ok);
    }
    for (unsigned i = 0; i < 20; i++) {
        size_t n = 3 + 11 * i;
        seed[0] = (uint8_t)i;
        for (size_t k = 0; k < n; k++)
            good[112 + k] = (uint8_t)next();
        su_vrf_public(seed, good);
        assert_int_equal(su_vrf_prove(seed, good + 112, n, good + 32, &e), SU_OK);
        assert_true(same('v', good, 112 + n, NULL, 0));
        good[next() % (112 + n)] ^= (uint8_t)(1u << next() % 8);
        assert_false(same('v', good, 112 + n, NULL, 0));
    }
    size_t n = proof_text(rfc[2].key, rfc[2].proof, rfc[2].alpha, good);
    for (size_t i = 0; i < POINTS; i++) { /* as key and as Gamma */
        memcpy(text, good, n);
        memcpy(text, point[i], 32);
        assert_false(same('v', text, n, NULL, 0));
        memcpy(text, good, 32);
        memcpy(text + 32, point[i], 32);
        assert_false(same('v', text, n, NULL, 0));
    }
    for (size_t i = 0; i < SU_ARRAY_LEN(scalar); i++) { /* as s */
        memcpy(text, good, n);
        memcpy(text + 80, scalar[i], 32);
        assert_false(same('v', text, n, NULL, 0));
    }
    uint8_t data[DATA_MAX] = {'v'}; /* where the first try gives a point */
    n = proof_text(rfc[0].key, rfc[0].proof, rfc[0].alpha, data + 1);
    svm_ix(vm, program, data, 1 + n, NULL, 0);
    svm_send(vm, &r);
    assert_int_equal(r.outcome, SVM_OK);
    assert_in_range(r.units, 1000, UNITS_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(points),
        cmocka_unit_test(proofs),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
