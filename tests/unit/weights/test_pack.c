// SPDX-License-Identifier: MIT
/* Floats to blocks, against digests of what the gguf package makes of them (make_pack_vectors.py,
   whose generator floats_make repeats), and GGUF files written with them. */
#include "pack_vectors.h"
#include "support/random.h"
#include "unit.h"

#include <dirent.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BLOCKS 10000u
#define FLOATS (BLOCKS * 32u)

static float float_of(uint32_t block, uint32_t i, float u, float first)
{
    switch (block % 8) {
    case 1:
        return u * ldexpf(1.0f, (int)(block / 8 % 61) - 50) + 0.0f;
    case 2:
        return i == 5 ? u * 1000.0f : u;
    case 3:
        return truncf(u * 127.0f) + 0.0f;
    case 4:
        return (truncf(u * 127.0f) + 0.0f) * 0.5f + 300.0f;
    case 5:
        return first;
    case 6:
        return 0.0f;
    case 7:
        return i == 3 ? 1.5f : i == 9 ? -1.5f : u;
    default:
        return u;
    }
}

static float *floats_make(void)
{
    float *x = malloc(FLOATS * sizeof *x), first = 0.0f;
    struct su_random r = {1};

    assert_non_null(x);
    for (uint32_t i = 0; i < FLOATS; i++) {
        float u = (float)((int32_t)(su_random_u64(&r) >> 40) - (1 << 23)) * 0x1p-23f + 0.0f;
        first = i % 32 == 0 ? u : first;
        x[i] = float_of(i / 32, i % 32, u, first);
    }
    return x;
}

static void digest_is(const void *bytes, size_t len, const char *want)
{
    uint8_t digest[SU_SHA256_BYTES];
    char hex[2 * SU_SHA256_BYTES + 1];

    su_sha256(bytes, len, digest);
    assert_int_equal(su_hex_encode(digest, sizeof digest, hex, sizeof hex), sizeof hex - 1);
    assert_string_equal(hex, want);
}

static void test_same_as_gguf(void **state)
{
    (void)state;
    float *x = floats_make();
    uint8_t *out = malloc(FLOATS * sizeof *x);

    assert_non_null(out);
    for (size_t k = 0; k < SU_ARRAY_LEN(vectors); k++) {
        uint64_t bytes, bad = 7;
        const struct su_shape shape = {1, {FLOATS}};
        assert_int_equal(su_tensor_bytes(vectors[k].dtype, &shape, &bytes, NULL), SU_OK);
        assert_int_equal(su_weights_pack(vectors[k].dtype, x, FLOATS, out, &bad), SU_OK);
        digest_is(out, bytes, vectors[k].sha256);
    }
    assert_int_equal(su_weights_pack(SU_F16, x, FLOATS, out, NULL), SU_OK);
    digest_is(out, 2 * FLOATS, halves_sha256);
    free(out);
    free(x);
}

static void test_pack_refuses(void **state)
{
    (void)state;
    static const enum su_dtype types[] = {SU_Q8_0, SU_Q4_0, SU_Q4_1, SU_F16, SU_F32};
    float x[64] = {0};
    uint8_t out[256];
    uint64_t bad = 0;

    for (size_t k = 0; k < SU_ARRAY_LEN(types); k++) {
        uint32_t block = su_dtype_block_elements(types[k]);
        x[40] = NAN;
        assert_int_equal(su_weights_pack(types[k], x, 64, out, &bad), SU_EINVAL);
        assert_int_equal(bad, 40 / block * block);
        x[40] = -INFINITY;
        assert_int_equal(su_weights_pack(types[k], x, 64, out, &bad), SU_EINVAL);
        x[40] = 3e38f;
        assert_int_equal(su_weights_pack(types[k], x, 64, out, &bad),
                         types[k] == SU_F32 ? SU_OK : SU_EOVERFLOW);
        x[40] = 0.0f;
    }
    x[1] = 3e38f; /* the span of a block may be infinite where its ends are not */
    x[2] = -3e38f;
    assert_int_equal(su_weights_pack(SU_Q4_1, x, 32, out, NULL), SU_EOVERFLOW);
    assert_int_equal(su_weights_pack(SU_BF16, x, 32, out, NULL), SU_EUNSUPPORTED);
    assert_int_equal(su_weights_pack(SU_Q4_K, x, 0, out, NULL), SU_EUNSUPPORTED);
}

/* Where 1 / d overflows, the block is zeros. */
static void test_tiny(void **state)
{
    (void)state;
    float x[32] = {[3] = 0x1p-140f, [4] = -0x1p-140f};
    uint8_t out[34];
    float back[32];

    for (unsigned k = 0; k < 3; k++) {
        enum su_dtype d = (enum su_dtype[]){SU_Q8_0, SU_Q4_0, SU_Q4_1}[k];
        assert_int_equal(su_weights_pack(d, x, 32, out, NULL), SU_OK);
        su_tensor_decode(d, out, 32, back);
        for (unsigned i = 0; i < 32; i++)
            assert_true(back[i] == 0.0f);
    }
    /* Halves: ties to even, subnormals, the largest. */
    static const struct {
        float x;
        uint16_t h;
    } half[] = {{0x1p-24f, 1},         {0x1p-25f, 0},       {0x1.8p-25f, 1},
                {0x3p-25f, 2},         {-0x1p-24f, 0x8001}, {0x1p-14f, 0x0400},
                {0x1.ff8p-15f, 0x3ff}, {65519.0f, 0x7bff},  {0x1.ffep-15f, 0x400},
                {0x1.002p0f, 0x3c00},  {0x1.006p0f, 0x3c02}};
    for (size_t i = 0; i < SU_ARRAY_LEN(half); i++) {
        assert_int_equal(su_weights_pack(SU_F16, &half[i].x, 1, out, NULL), SU_OK);
        assert_int_equal(su_le16(out), half[i].h);
    }
    assert_int_equal(su_weights_pack(SU_F16, &(float){65520.0f}, 1, out, NULL), SU_EOVERFLOW);
}

/* ---- GGUF files ---- */

struct source {
    uint64_t calls, done, total;
    enum su_code fail;
};

/* Byte j of a row is a count of rows of all tensors so far. */
static enum su_code fill(void *ctx, uint32_t i, uint64_t first_row, uint64_t rows, uint8_t *out,
                         struct su_err *e)
{
    struct source *s = ctx;

    s->calls++;
    if (s->fail)
        return su_fail(e, s->fail, "fill", "as told");
    memset(out, (int)(i + first_row + 1), (size_t)(rows * (i == 0 ? 68 : 12)));
    return SU_OK;
}

static void done(void *ctx, uint64_t bytes, uint64_t total)
{
    struct source *s = ctx;

    assert_true(bytes >= s->done && bytes <= total);
    s->done = bytes;
    s->total = total;
}

static unsigned files_in(const char *dir)
{
    DIR *d = opendir(dir);
    unsigned n = 0;

    assert_non_null(d);
    for (struct dirent *x; (x = readdir(d));)
        n += x->d_name[0] != '.';
    (void)closedir(d);
    return n;
}

static void test_write_gguf(void **state)
{
    (void)state;
    const struct su_tensor t[] = {
        {.name = "z.experts", .dtype = SU_Q8_0, .shape = {3, {2, 3, 64}}},
        {.name = "a.norm", .dtype = SU_F32, .shape = {1, {3}}},
    };
    struct source s = {0};
    const struct su_gguf_source from = {fill, done, &s};
    struct su_weights *w = NULL;
    struct su_err e = {0};
    char path[300];

    assert_int_equal(su_dir_make(scratch_path("gguf"), 0700, NULL), SU_OK);
    (void)snprintf(path, sizeof path, "%s", scratch_path("gguf/x.gguf"));
    if (su_weights_write_gguf(path, t, 2, &from, &e))
        fail_msg("%s: %s", e.at, e.msg);
    assert_int_equal(s.calls, 2);
    assert_true(s.done == s.total && s.total % 32 == 0);
    assert_int_equal(files_in(scratch_path("gguf")), 1);
    assert_int_equal(su_weights_open(path, &w, &e), SU_OK);
    assert_int_equal(su_weights_count(w), 2);
    assert_int_equal(su_weights_files(w), 1);
    assert_string_equal(su_weights_file_path(w, 0), path);
    const struct su_tensor *x = su_weights_find(w, "z.experts");
    assert_int_equal(x->bytes, 6 * 68);
    assert_int_equal(x->shape.dim[0], 2);
    assert_int_equal(x->shape.dim[2], 64);
    assert_int_equal(x->data[407], 1);
    x = su_weights_find(w, "a.norm");
    assert_int_equal(x->bytes, 12);
    assert_int_equal(x->data[0], 2);
    su_weights_close(w);

    /* A failure leaves the old file and nothing else. */
    s = (struct source){.fail = SU_ECANCELLED};
    assert_int_equal(su_weights_write_gguf(path, t, 2, &from, &e), SU_ECANCELLED);
    assert_int_equal(files_in(scratch_path("gguf")), 1);
    assert_int_equal(su_weights_open(path, &w, &e), SU_OK);
    su_weights_close(w);
}

static void test_write_gguf_refuses(void **state)
{
    (void)state;
    struct su_tensor t[2] = {{.name = "a", .dtype = SU_F32, .shape = {1, {3}}},
                             {.name = "a", .dtype = SU_F32, .shape = {1, {3}}}};
    struct source s = {0};
    const struct su_gguf_source from = {fill, NULL, &s};
    char path[300];
    struct su_err e = {0};

    (void)snprintf(path, sizeof path, "%s", scratch_path("no.gguf"));
    assert_int_equal(su_weights_write_gguf(path, t, 2, &from, &e), SU_EINVAL);
    err_matches(&e, SU_EINVAL, "a|twice");
    t[1].name = "two words";
    assert_int_equal(su_weights_write_gguf(path, t, 2, &from, &e), SU_EINVAL);
    t[1] = (struct su_tensor){.name = "b", .dtype = SU_Q8_0, .shape = {1, {33}}};
    assert_int_equal(su_weights_write_gguf(path, t, 2, &from, &e), SU_EINVAL);
    err_matches(&e, SU_EINVAL, "b|32|33");
    t[1].dtype = SU_U32;
    assert_int_equal(su_weights_write_gguf(path, t, 2, &from, &e), SU_EUNSUPPORTED);
    t[1] = (struct su_tensor){.name = "b", .dtype = SU_F32, .shape = {0, {0}}};
    assert_int_equal(su_weights_write_gguf(path, t, 2, &from, &e), SU_ELIMIT);
    t[1].shape = (struct su_shape){2, {0, 3}};
    assert_int_equal(su_weights_write_gguf(path, t, 2, &from, &e), SU_ELIMIT);
    assert_int_equal(su_weights_write_gguf(path, t, SU_WEIGHTS_TENSOR_MAX + 1, &from, &e),
                     SU_ELIMIT);
    assert_int_equal(su_weights_write_gguf(scratch_path("none/x.gguf"), t, 1, &from, &e),
                     SU_ENOENT);
    assert_int_equal(s.calls, 0);
    assert_int_not_equal(access(path, F_OK), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_as_gguf),
        cmocka_unit_test(test_pack_refuses),
        cmocka_unit_test(test_tiny),
        cmocka_unit_test(test_write_gguf),
        cmocka_unit_test(test_write_gguf_refuses),
    };

    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
