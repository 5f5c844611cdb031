// SPDX-License-Identifier: MIT
/* The scalar functions: errors against double, both sides of every domain bound, flushed denormals, fused multiply-adds,
   and golden digests, so that any change of a bit is noticed. */
#include "contracted.h"
#include "eval_help.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SWEEP (1u << 20)
#define ULP 0x1p-24

static double d_recip(double x)
{
    return 1.0 / x;
}

static double d_rsqrt(double x)
{
    return 1.0 / sqrt(x);
}

static double d_sigmoid(double x)
{
    return 1.0 / (1.0 + exp(-x));
}

static double d_silu(double x)
{
    return x / (1.0 + exp(-x));
}

static double d_gelu(double x)
{
    return 0.5 * x * (1.0 + tanh(0.79788456080286535588 * (x + 0.044715 * x * x * x)));
}

/* rel and abs bound the errors over [lo, hi] in units of 2^-24 (0 = not bounded). digest: sha256 over the sweep. */
static const struct {
    const char *name;
    float (*fn)(float), (*fused)(float);
    double (*truth)(double);
    float lo, hi;
    double rel, abs;
    const char *digest;
} table[] = {
    {"exp", su_num_exp, contracted_num_exp, exp, -32, 64, 1.4, 0,
     "6e8ee60a221e7582eeef8ff9e9ad148320bdba71a45707ee63c8cb5bd91dcc2e"},
    {"exp near 0", su_num_exp, contracted_num_exp, exp, -1, 1, 1.4, 0,
     "d1d2ecd715f1f8b4ced00c9ac486e947c41193d55f5982a031bd45f8e8377a36"},
    {"exp2", su_num_exp2, contracted_num_exp2, exp2, -46, 92, 1.4, 0,
     "d7a23b62f7943a23fe8088868b559ef13e64af6832f019aa9b59376f8ac9ae04"},
    {"recip", su_num_recip, contracted_num_recip, d_recip, 1, 2, 1.7, 0,
     "05bae569c11fbc15dffa3dd3bb8651e459fd454df26fcddeb6d928e86d230e3f"},
    {"recip large", su_num_recip, contracted_num_recip, d_recip, 0x1p40f, 0x1p50f, 1.7, 0,
     "6b6bfd4e2e787ebca65fdf2137cf30d3b88b040a7f0a96bdf730afd4809c4129"},
    {"rsqrt", su_num_rsqrt, contracted_num_rsqrt, d_rsqrt, 1, 4, 2.0, 0,
     "0384880476d1626c5141c3921112bc521b16563d0af9133df88a27333b796c2c"},
    {"rsqrt large", su_num_rsqrt, contracted_num_rsqrt, d_rsqrt, 0x1p90f, 0x1p120f, 2.0, 0,
     "d4adb4e5b62a8620c4800811fa885adf41312fbf38c40922b814e7703b141b75"},
    {"sqrt", su_num_sqrt, contracted_num_sqrt, sqrt, 0, 16, 1.5, 0,
     "af1202848aab385f7868e2849ebd2b9df0e3bdb1d50a1a487be2dfad139770b5"},
    {"log2", su_num_log2, contracted_num_log2, log2, 0x1p-10f, 64, 2.1, 0,
     "16bbe9cf9efca52d35eb294fb6f213c019181d9820103092862f590844d1262c"},
    {"log2 near 1", su_num_log2, contracted_num_log2, log2, 0.5f, 2, 2.1, 0,
     "ea00abb91c60111c7b03d6bb4f829655143666adcb2f71fcc1fbaf5486e1c673"},
    {"sin", su_num_sin, contracted_num_sin, sin, -8192, 8192, 0, 1.3,
     "aaf6ba663cf3e3e041c83d9912414e40b8d5c6289c3b07aa049480a4029d695e"},
    {"sin near 0", su_num_sin, contracted_num_sin, sin, -3.1f, 3.1f, 1.85, 1.3,
     "d1386768fc843c224091b66663331fd5a8697a4c02bc2e10afc31a26ecd1538d"},
    {"sigmoid", su_num_sigmoid, contracted_num_sigmoid, d_sigmoid, -32, 32, 3.8, 2.1,
     "e104a36f05b53c500facb4889d2790eb0f8c8be91f6cbf0b634a5555a14f337c"},
    {"tanh", su_num_tanh, contracted_num_tanh, tanh, -10, 10, 2.75, 1.6,
     "1adf2fa0252a9402770557c3661aba4a09578e23d1f56054569f60d44f3ff6a9"},
    {"silu", su_num_silu, contracted_num_silu, d_silu, -32, 32, 4.6, 0,
     "ea75c8344fb8ab77cdee9a85f2876d621d84fc6d18f8ed88faf1c664662904ce"},
    {"gelu", su_num_gelu, contracted_num_gelu, d_gelu, -4, 4, 0, 12,
     "925f02ffea866feac85b4a47aaed9990f5bedbcb566b3ff7798b10828f78b6b9"},
    {"gelu large", su_num_gelu, contracted_num_gelu, d_gelu, 4, 64, 3.0, 0,
     "83c0838f71ff26e267b6e9f6d606c88c4419deedfdb157992d8e28e2718cec56"},
};

/* Half the sweep lies evenly in [lo, hi], half anywhere among the fixed values. */
static float *sweep_of(size_t t)
{
    uint64_t s = 0x9e3779b97f4a7c15ull * (t + 1);
    float *x = su_alloc(SWEEP * sizeof *x);
    for (uint32_t i = 0; i < SWEEP; i++) {
        s ^= s << 13;
        s ^= s >> 7;
        s ^= s << 17;
        if (i % 2)
            x[i] = su_num_fix(su_f32_from_bits((uint32_t)(s >> 16)));
        else
            x[i] = table[t].lo + (table[t].hi - table[t].lo) * ((float)(s >> 40) * 0x1p-24f);
    }
    return x;
}

static void digest_of(float (*fn)(float), const float *x, uint8_t out[SU_SHA256_BYTES])
{
    struct su_sha256 h;
    uint8_t raw[4096];
    su_sha256_init(&h);
    for (uint32_t i = 0; i < SWEEP; i++) {
        su_put_le32(raw + i * 4 % sizeof raw, su_f32_bits(fn(x[i])));
        if ((i + 1) * 4 % sizeof raw == 0)
            su_sha256_update(&h, raw, sizeof raw);
    }
    su_sha256_final(&h, out);
}

static void test_errors(void **state)
{
    (void)state;
    for (size_t t = 0; t < SU_ARRAY_LEN(table); t++) {
        double rel = 0, most = 0;
        float *x = sweep_of(t);
        for (uint32_t i = 0; i < SWEEP; i++) {
            if (!(x[i] >= table[t].lo && x[i] <= table[t].hi))
                continue;
            double want = table[t].truth((double)x[i]),
                   err = fabs((double)table[t].fn(x[i]) - want);
            most = fmax(most, err / ULP);
            if (want != 0)
                rel = fmax(rel, err / fabs(want) / ULP);
        }
        free(x);
        print_message("%-12s relative %.3f absolute %.3g x 2^-24\n", table[t].name, rel, most);
        if (table[t].rel > 0 && rel > table[t].rel)
            fail_msg("%s: relative error %.3f exceeds %.3f x 2^-24", table[t].name, rel,
                     table[t].rel);
        if (table[t].abs > 0 && most > table[t].abs)
            fail_msg("%s: absolute error %.3f exceeds %.3f x 2^-24", table[t].name, most,
                     table[t].abs);
    }
}

static bool is_flushing(void)
{
    volatile float tiny = 0x1p-120f, small = 0x1p-20f;
    volatile float product = tiny * small;
    return product == 0.0f;
}

/* Equal digests as recorded, with denormals flushed, and different ones when multiply-adds are fused. */
static void test_digests(void **state)
{
    (void)state;
    int wrong = 0;
    for (size_t t = 0; t < SU_ARRAY_LEN(table); t++) {
        uint8_t plain[SU_SHA256_BYTES], other[SU_SHA256_BYTES];
        char hex[2 * SU_SHA256_BYTES + 1];
        float *x = sweep_of(t);
        digest_of(table[t].fn, x, plain);
        su_hex_encode(plain, sizeof plain, hex, sizeof hex);
        if (strcmp(hex, table[t].digest) != 0) {
            print_error("%s: digest %s, recorded %s\n", table[t].name, hex, table[t].digest);
            wrong++;
        }
        if (h_flush(true)) {
            bool flushing = is_flushing();
            digest_of(table[t].fn, x, other);
            h_flush(false);
            assert_true(flushing);
            if (memcmp(plain, other, sizeof plain) != 0) {
                print_error("%s: flushing denormals changes a bit\n", table[t].name);
                wrong++;
            }
        }
        assert_false(is_flushing());
        if (contracted_works()) {
            digest_of(table[t].fused, x, other);
            if (memcmp(plain, other, sizeof plain) == 0) {
                print_error("%s: fused multiply-adds go unnoticed\n", table[t].name);
                wrong++;
            }
        }
        free(x);
    }
    assert_int_equal(wrong, 0);
}

static float down(float x)
{
    return nextafterf(x, -INFINITY);
}

static float up(float x)
{
    return nextafterf(x, INFINITY);
}

#define EXPECT(expr, want)                                                                         \
    do {                                                                                           \
        float got_ = (expr), want_ = (want);                                                       \
        if (su_f32_bits(got_) != su_f32_bits(want_))                                               \
            fail_msg(#expr ": %.9g (0x%08x), expected %.9g", (double)got_,                         \
                     (unsigned)su_f32_bits(got_), (double)want_);                                  \
    } while (0)

static void test_fix(void **state)
{
    (void)state;
    EXPECT(su_num_fz(0x1p-48f), 0x1p-48f);
    EXPECT(su_num_fz(down(0x1p-48f)), 0.0f);
    EXPECT(su_num_fz(-0x1p-48f), -0x1p-48f);
    EXPECT(su_num_fz(up(-0x1p-48f)), 0.0f);
    EXPECT(su_num_fz(-0.0f), 0.0f);
    EXPECT(su_num_fz(0x1p-149f), 0.0f);
    EXPECT(su_num_sat(0x1p50f), 0x1p50f);
    EXPECT(su_num_sat(up(0x1p50f)), 0x1p50f);
    EXPECT(su_num_sat(down(-0x1p50f)), -0x1p50f);
    EXPECT(su_num_sat(INFINITY), 0x1p50f);
    EXPECT(su_num_sat(-INFINITY), -0x1p50f);
    EXPECT(su_num_sat(su_f32_from_bits(0x7f800001u)), 0.0f);
    EXPECT(su_num_sat(su_f32_from_bits(0xffc00000u)), 0.0f);
    EXPECT(su_num_sat(-0.0f), -0.0f);
    EXPECT(su_num_fix(-0.0f), 0.0f);
    EXPECT(su_num_fix(su_f32_from_bits(0xff800001u)), 0.0f);
    EXPECT(su_num_fix(-1e30f), -0x1p50f);
    EXPECT(su_num_fix(1.5f), 1.5f);
}

static void test_key(void **state)
{
    (void)state;
    static const float order[] = {-INFINITY, -0x1p50f, -2.0f, -1.0f, -0x1p-149f, -0.0f,   0.0f,
                                  0x1p-149f, 0x1p-48f, 1.0f,  1.5f,  0x1p50f,    INFINITY};
    for (size_t i = 1; i < SU_ARRAY_LEN(order); i++)
        assert_true(su_num_key(order[i - 1]) < su_num_key(order[i]));
    assert_int_equal(su_num_key(0.0f), 0x80000000u);
}

static void test_domains(void **state)
{
    (void)state;
    EXPECT(su_num_exp(down(-32.0f)), 0.0f);
    assert_true(su_num_exp(-32.0f) > 1.2e-14f);
    EXPECT(su_num_exp(-0x1p50f), 0.0f);
    EXPECT(su_num_exp(up(64.0f)), su_num_exp(64.0f));
    EXPECT(su_num_exp(0x1p50f), su_num_exp(64.0f));
    assert_true(su_num_exp(down(64.0f)) < su_num_exp(64.0f));
    EXPECT(su_num_exp(0.0f), 1.0f);
    EXPECT(su_num_exp2(-46.0f), 0x1p-46f);
    EXPECT(su_num_exp2(down(-46.0f)), 0.0f);
    EXPECT(su_num_exp2(92.0f), 0x1p92f);
    EXPECT(su_num_exp2(up(92.0f)), 0x1p92f);
    EXPECT(su_num_exp2(0x1p50f), 0x1p92f);
    EXPECT(su_num_recip(0.0f), 0x1p50f);
    EXPECT(su_num_recip(0x1p-51f), 0x1p50f);
    EXPECT(su_num_recip(-0x1p-51f), -0x1p50f);
    EXPECT(su_num_recip(0x1p-50f), 0x1p50f);
    assert_true(su_num_recip(up(0x1p-50f)) < 0x1p50f);
    EXPECT(su_num_recip(-0x1p96f), -0x1p-96f);
    EXPECT(su_num_rsqrt(0.0f), 0x1p48f);
    EXPECT(su_num_rsqrt(-1.0f), 0x1p48f);
    EXPECT(su_num_rsqrt(down(0x1p-96f)), 0x1p48f);
    EXPECT(su_num_rsqrt(0x1p-96f), 0x1p48f);
    assert_true(su_num_rsqrt(0x1.00001p-96f) < 0x1p48f);
    EXPECT(su_num_sqrt(0.0f), 0.0f);
    EXPECT(su_num_sqrt(-4.0f), 0.0f);
    EXPECT(su_num_sqrt(down(0x1p-96f)), 0.0f);
    EXPECT(su_num_sqrt(0x1p-96f), 0x1p-48f);
    EXPECT(su_num_sqrt(0x1p50f), 0x1p25f);
    EXPECT(su_num_log2(0x1p-48f), -48.0f);
    EXPECT(su_num_log2(down(0x1p-48f)), -48.0f);
    EXPECT(su_num_log2(0.0f), -48.0f);
    EXPECT(su_num_log2(-1.0f), -48.0f);
    assert_true(su_num_log2(0x1.0001p-48f) > -48.0f);
    EXPECT(su_num_log2(0x1p50f), 50.0f);
    EXPECT(su_num_sin(up(8192.0f)), su_num_sin(8192.0f));
    EXPECT(su_num_sin(-0x1p50f), su_num_sin(-8192.0f));
    assert_true(su_num_sin(down(8192.0f)) != su_num_sin(8192.0f));
    EXPECT(su_num_sin(0.0f), 0.0f);
    EXPECT(su_num_sin(0x1p-48f), 0x1p-48f);
    EXPECT(su_num_sigmoid(-100.0f), 0.0f);
    EXPECT(su_num_sigmoid(down(-32.0f)), 0.0f);
    assert_true(su_num_sigmoid(-32.0f) > 0.0f);
    EXPECT(su_num_sigmoid(100.0f), 1.0f);
    EXPECT(su_num_sigmoid(0.0f), 0.5f);
    EXPECT(su_num_tanh(0x1p50f), 1.0f);
    EXPECT(su_num_tanh(-0x1p50f), -1.0f);
    EXPECT(su_num_tanh(-0x1p-48f), -0x1p-48f);
    assert_true(fabsf(su_num_tanh(0.625f) - su_num_tanh(down(0.625f))) < 0x1p-22f);
    EXPECT(su_num_silu(-0x1p50f), -0.0f);
    EXPECT(su_num_silu(0x1p50f), 0x1p50f);
    EXPECT(su_num_gelu(0x1p50f), 0x1p50f);
    EXPECT(su_num_gelu(-0x1p50f), -0.0f);
    EXPECT(su_num_gelu(up(16.0f)), up(16.0f));
    EXPECT(su_num_gelu(down(-16.0f)), -0.0f);
}

static void test_exact(void **state)
{
    (void)state;
    for (int i = -50; i <= 96; i++)
        EXPECT(su_num_recip(ldexpf(1, i)), ldexpf(1, -i));
    for (int i = -46; i <= 92; i++)
        EXPECT(su_num_exp2((float)i), ldexpf(1, i));
    for (int i = -48; i <= 50; i++)
        EXPECT(su_num_log2(ldexpf(1, i)), (float)i);
    for (int i = -96; i <= 120; i += 2)
        EXPECT(su_num_rsqrt(ldexpf(1, i)), ldexpf(1, -i / 2));
    for (int i = 1; i < 4096; i++)
        EXPECT(su_num_sqrt((float)(i * i)), (float)i);
}

static void test_halves(void **state)
{
    (void)state;
    for (uint32_t h = 0; h < 65536; h++) {
        int e = (int)(h >> 10 & 31), m = (int)(h & 1023);
        uint32_t got = su_f32_bits(su_num_from_f16((uint16_t)h));
        if (e == 31) {
            assert_int_equal(got, (h & 0x8000u) << 16 | 0x7f800000u | (uint32_t)m << 13);
        } else {
            double want = e ? ldexp(1024 + m, e - 25) : ldexp(m, -24);
            assert_int_equal(got, su_f32_bits((float)(h & 0x8000u ? -want : want)));
        }
        assert_int_equal(su_f32_bits(su_num_from_bf16((uint16_t)h)), h << 16);
    }
}

static void test_integers(void **state)
{
    (void)state;
    uint32_t *w = h_words(21, SWEEP);
    static const uint32_t edges[] = {0,           1,           0xffffffffu, 0x7fffffffu,
                                     0x80000000u, 0x80000001u, 0x00ffffffu, 0x01000001u,
                                     0xffff0000u, 0x0000ffffu};
    memcpy(w, edges, sizeof edges);
    for (uint32_t i = 0; i < SWEEP; i++) {
        EXPECT(su_num_from_i32((int32_t)w[i]), (float)(int32_t)w[i]);
        EXPECT(su_num_from_u32(w[i]), (float)w[i]);
        float x = su_num_fix(su_f32_from_bits(w[i]));
        EXPECT(su_num_trunc(x), fabsf(x) < 1.0f ? 0.0f : truncf(x));
        int32_t want = (int32_t)fmaxf(fminf(x, 0x1p22f), -0x1p22f);
        assert_int_equal(su_num_to_i32(x), want);
    }
    free(w);
    assert_int_equal(su_num_to_i32(0x1p22f), 1 << 22);
    assert_int_equal(su_num_to_i32(down(0x1p22f)), (1 << 22) - 1);
    assert_int_equal(su_num_to_i32(up(0x1p22f)), 1 << 22);
    assert_int_equal(su_num_to_i32(-0x1p22f), -(1 << 22));
    assert_int_equal(su_num_to_i32(down(-0x1p22f)), -(1 << 22));
    assert_int_equal(su_num_to_i32(-0x1p50f), -(1 << 22));
    assert_int_equal(su_num_to_i32(down(1.0f)), 0);
    assert_int_equal(su_num_to_i32(up(-1.0f)), 0);
    assert_int_equal(su_num_to_i32(-1.0f), -1);
    assert_int_equal(su_num_to_i32(-2.75f), -2);
    EXPECT(su_num_trunc(0x1.fffffep22f), 0x1.fffffcp22f);
    EXPECT(su_num_trunc(0x1p23f), 0x1p23f);
    EXPECT(su_num_trunc(0x1.000002p23f), 0x1.000002p23f);
    EXPECT(su_num_trunc(-0.5f), 0.0f);
}

/* 2^24 swallows ones that are added to it singly: the results show which elements met first. */
static void test_sums(void **state)
{
    (void)state;
    float x[97] = {0}, y[600], one[600];
    EXPECT(su_num_sum(x, 0), 0.0f);
    x[0] = 0x1p24f;
    x[32] = 1.0f; /* same lane: swallowed */
    x[64] = 1.0f;
    EXPECT(su_num_sum(x, 97), 0x1p24f);
    x[64] = 0.0f;
    x[1] = 1.0f; /* lanes 1 and 17 meet before lane 0: 2 survives */
    x[17] = 1.0f;
    EXPECT(su_num_sum(x, 97), 0x1p24f + 2.0f);
    x[17] = 0.0f;
    x[16] = 1.0f; /* lane 16 meets lane 0 in the first step: swallowed; then lane 1: swallowed */
    EXPECT(su_num_sum(x, 97), 0x1p24f);

    for (int i = 0; i < 600; i++)
        y[i] = one[i] = 1.0f;
    EXPECT(su_num_dot(y, one, 0), 0.0f);
    y[0] = 0x1p24f; /* the rest of segment 0 is swallowed; 256 and then 88 are whole */
    EXPECT(su_num_dot(y, one, 256), 0x1p24f);
    EXPECT(su_num_dot(y, one, 257), 0x1p24f);
    EXPECT(su_num_dot(y, one, 258), 0x1p24f + 2.0f);
    EXPECT(su_num_dot(y, one, 600), 0x1p24f + 344.0f);
}

static void test_dot_fused(void **state)
{
    (void)state;
    float *a = h_uniform(22, 4096, 1.0f), *b = h_uniform(23, 4096, 1.0f);
    float plain = su_num_dot(a, b, 4096);
    EXPECT(plain, su_f32_from_bits(0xbf6693e0u));
    if (contracted_works())
        assert_true(contracted_num_dot(a, b, 4096) != plain);
    free(a);
    free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_errors),  cmocka_unit_test(test_digests),
        cmocka_unit_test(test_fix),     cmocka_unit_test(test_key),
        cmocka_unit_test(test_domains), cmocka_unit_test(test_exact),
        cmocka_unit_test(test_halves),  cmocka_unit_test(test_integers),
        cmocka_unit_test(test_sums),    cmocka_unit_test(test_dot_fused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
