// SPDX-License-Identifier: MIT
/* Decoding of stored weights: blocks against digests of what the gguf package decodes (see
   make_gguf_vectors.py, whose generator blocks_make repeats), and what no vector holds. */
#include "gguf_vectors.h"
#include "support/random.h"
#include "unit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BLOCKS 10000u

static uint32_t halves_of(enum su_dtype d, uint32_t at[2])
{
    at[0] = d == SU_Q6_K ? 208 : 0;
    at[1] = 2;
    return d == SU_Q4_1 || d == SU_Q5_1 || d == SU_Q4_K || d == SU_Q5_K ? 2 : 1;
}

static uint16_t half_of_kind(uint16_t half, uint32_t kind)
{
    static const uint16_t extreme[] = {0x0000, 0x8000, 0x7bff, 0xfbff, 0x0001, 0x83ff, 0x0400};

    if ((half & 0x7c00) == 0x7c00)
        half &= 0xbfff;
    if (kind < 8)
        return half;
    return kind == 8 ? half & 0x83ff : extreme[kind - 9];
}

static uint8_t *blocks_make(enum su_dtype d, uint32_t stream)
{
    size_t size = su_dtype_block_bytes(d), words = (BLOCKS * size + 7) / 8;
    uint8_t *out = malloc(words * 8);
    struct su_random r = {stream};
    uint32_t at[2], n = halves_of(d, at);

    assert_non_null(out);
    for (size_t i = 0; i < words; i++)
        su_put_le64(out + 8 * i, su_random_u64(&r));
    for (uint32_t i = 0; i < BLOCKS; i++) {
        uint8_t *block = out + i * size;
        uint16_t half[2] = {su_le16(block + at[0]), su_le16(block + at[1])};
        uint32_t fill = i / 16 % 4;
        if (fill == 1 || fill == 2)
            memset(block, fill == 1 ? 0x00 : 0xff, size);
        for (uint32_t k = 0; k < n; k++)
            su_put_le16(block + at[k], half_of_kind(half[k], (i + k * (i / 16)) % 16));
    }
    return out;
}

static void digest_is(const void *bytes, size_t len, const char *want, const char *what)
{
    uint8_t digest[SU_SHA256_BYTES];
    char hex[2 * SU_SHA256_BYTES + 1];

    su_sha256(bytes, len, digest);
    assert_int_equal(su_hex_encode(digest, sizeof digest, hex, sizeof hex), sizeof hex - 1);
    if (strcmp(hex, want) != 0)
        fail_msg("%s: %s instead of %s", what, hex, want);
}

/* Floats as little-endian words, in place. */
static void words_of(float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        su_put_le32((uint8_t *)x + 4 * i, su_f32_bits(x[i]));
}

static void test_blocks_as_gguf(void **state)
{
    (void)state;
    uint32_t seen = 0;

    for (uint32_t i = 0; i < SU_ARRAY_LEN(block_vectors); i++) {
        enum su_dtype d;
        assert_true(su_dtype_find(block_vectors[i].type, &d));
        if (!su_dtype_is_block(d))
            continue;
        seen++;
        assert_int_equal(block_vectors[i].n, BLOCKS);
        uint8_t *in = blocks_make(d, i + 1);
        size_t n = BLOCKS * (size_t)su_dtype_block_elements(d);
        float *out = malloc(n * sizeof *out);
        assert_non_null(out);
        digest_is(in, BLOCKS * (size_t)su_dtype_block_bytes(d), block_vectors[i].input,
                  "blocks made");
        su_tensor_decode(d, in, n, out);
        words_of(out, n);
        digest_is(out, n * sizeof *out, block_vectors[i].output, block_vectors[i].type);
        free(out);
        free(in);
    }
    for (unsigned d = 0; d < SU_DTYPE_COUNT; d++)
        seen -= su_dtype_is_block((enum su_dtype)d);
    assert_int_equal(seen, 0);
}

static void test_halves_as_gguf(void **state)
{
    (void)state;
    uint8_t *in = malloc(2 * 65536);
    float *out = malloc(65536 * sizeof *out);

    assert_non_null(in);
    assert_non_null(out);
    for (size_t i = SU_ARRAY_LEN(block_vectors) - 2; i < SU_ARRAY_LEN(block_vectors); i++) {
        enum su_dtype d;
        assert_true(su_dtype_find(block_vectors[i].type, &d));
        for (uint32_t h = 0; h < 65536; h++) {
            bool nan = (h & 0x7c00) == 0x7c00 && (h & 0x3ff) != 0;
            su_put_le16(in + 2 * h, (uint16_t)(d == SU_F16 && nan ? 0 : h));
        }
        digest_is(in, 2 * 65536, block_vectors[i].input, "halves made");
        su_tensor_decode(d, in, 65536, out);
        words_of(out, 65536);
        digest_is(out, 65536 * sizeof *out, block_vectors[i].output, block_vectors[i].type);
    }
    su_put_le16(in, 0x7e00);
    su_tensor_decode(SU_F16, in, 1, out);
    assert_true(isnan(out[0]));
    static const uint32_t bits[] = {0x00000001, 0x80000000, 0x7fc00001, 0xff800000, 0x3f800000};
    for (size_t i = 0; i < SU_ARRAY_LEN(bits); i++)
        su_put_le32(in + 1 + 4 * i, bits[i]);
    su_tensor_decode(SU_F32, in + 1, SU_ARRAY_LEN(bits), out);
    for (size_t i = 0; i < SU_ARRAY_LEN(bits); i++)
        assert_int_equal(su_f32_bits(out[i]), bits[i]);
    free(out);
    free(in);
}

static void test_geometry(void **state)
{
    (void)state;
    for (unsigned i = 0; i < SU_DTYPE_COUNT; i++) {
        enum su_dtype d = (enum su_dtype)i;
        uint32_t n = su_dtype_block_elements(d);
        struct su_shape s = {2, {3, n * 2}};
        uint64_t bytes;
        assert_int_equal(n, !su_dtype_is_block(d) ? 1 : d >= SU_Q4_K ? 256 : 32);
        assert_int_equal(su_tensor_bytes(d, &s, &bytes, NULL), SU_OK);
        assert_int_equal(bytes, 6 * su_dtype_block_bytes(d));
    }
}

/* The integers of N5: whatever a block holds, its sums over 32 elements with activations of -127 to
   127 are exact floats, and its parts give what decoding gives. */
static void test_parts(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < SU_ARRAY_LEN(block_vectors); i++) {
        enum su_dtype d;
        assert_true(su_dtype_find(block_vectors[i].type, &d));
        if (!su_dtype_is_block(d))
            continue;
        uint8_t *in = blocks_make(d, i + 1);
        uint32_t n = su_dtype_block_elements(d);
        bool offset = d == SU_Q4_1 || d == SU_Q5_1 || d == SU_Q4_K || d == SU_Q5_K;
        for (uint32_t k = 0; k < BLOCKS; k++) {
            struct su_block b;
            float x[256];
            su_block_unpack(d, in + k * (size_t)su_dtype_block_bytes(d), &b);
            su_tensor_decode(d, in + k * (size_t)su_dtype_block_bytes(d), n, x);
            assert_int_equal(b.offset, offset);
            for (uint32_t j = 0; j < n; j += 32) {
                int32_t sum = 0;
                for (uint32_t l = j; l < j + 32; l++)
                    sum += abs(b.scale[l / 16] * b.q[l]) * 127;
                assert_true(sum < 1 << 24);
                assert_true(b.min[j / 32] * 32 * 127 < 1 << 24);
                assert_true(offset || b.min[j / 32] == 0);
            }
            for (uint32_t j = 0; j < n; j++) {
                double want = (double)b.d * b.scale[j / 16] * b.q[j];
                want += (double)b.e * b.min[j / 32];
                if (x[j] != (float)want)
                    fail_msg("%s block %u element %u: %a, parts give %a", su_dtype_name(d), k, j,
                             (double)x[j], want);
                /* Fixing a decoded weight changes at most the sign of a zero. */
                assert_true(su_num_fix(x[j]) == x[j]);
            }
        }
        free(in);
    }
}

static void test_scales_not_finite(void **state)
{
    (void)state;
    static const struct {
        uint16_t half;
        float want;
    } rows[] = {
        {0x7c00, 65504.0f}, {0xfc00, -65504.0f}, {0x7c01, 0.0f},     {0x7e00, 0.0f},
        {0xffff, 0.0f},     {0x7bff, 65504.0f},  {0x0001, 0x1p-24f}, {0x83ff, -0x3ffp-24f},
    };
    for (unsigned i = 0; i < SU_DTYPE_COUNT; i++) {
        enum su_dtype d = (enum su_dtype)i;
        if (!su_dtype_is_block(d))
            continue;
        uint32_t at[2], n = halves_of(d, at);
        for (size_t k = 0; k < SU_ARRAY_LEN(rows); k++) {
            uint8_t block[210];
            struct su_block b;
            float x[256];
            memset(block, 0xff, sizeof block);
            for (uint32_t h = 0; h < n; h++)
                su_put_le16(block + at[h], rows[k].half);
            su_block_unpack(d, block, &b);
            assert_true(b.d == rows[k].want);
            float e = d == SU_Q4_K || d == SU_Q5_K ? -rows[k].want : rows[k].want;
            assert_true(b.e == (n == 2 ? e : 0.0f));
            su_tensor_decode(d, block, su_dtype_block_elements(d), x);
            for (uint32_t j = 0; j < su_dtype_block_elements(d); j++)
                assert_true(su_num_fix(x[j]) == x[j]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blocks_as_gguf),    cmocka_unit_test(test_halves_as_gguf),
        cmocka_unit_test(test_geometry),          cmocka_unit_test(test_parts),
        cmocka_unit_test(test_scales_not_finite),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
