// SPDX-License-Identifier: MIT
/* A real GGUF file, held to what the gguf package reads from it (see make_gguf_vectors.py).
   tests/data/fetch_smollm2.py brings it; without the file there is nothing to test, which fails. */
#include "gguf_vectors.h"
#include "support/alloc.h"
#include "unit.h"

#include <stdlib.h>
#include <string.h>

static struct su_weights *model;

static int open_model(void **state)
{
    char folder[512] = "", path[640];
    struct su_err e = {0};

    (void)state;
    FILE *p = popen("python3 '" SU_SOURCE_DIR "/tests/data/fetch_smollm2.py'", "r");
    if (!p)
        return -1;
    bool got = fgets(folder, sizeof folder, p) != NULL;
    if (pclose(p) != 0 || !got)
        return -1;
    folder[strcspn(folder, "\n")] = '\0';
    (void)snprintf(path, sizeof path, "%s/%s", folder, SMOLLM2_FILE);
    su_alloc_peak_start();
    if (su_weights_open(path, &model, &e)) {
        print_error("%s: %s\n", e.at, e.msg);
        return -1;
    }
    return 0;
}

static int close_model(void **state)
{
    (void)state;
    su_weights_close(model);
    return 0;
}

static void digest_is(struct su_sha256 *s, const char *want, const char *what)
{
    uint8_t digest[SU_SHA256_BYTES];
    char hex[2 * SU_SHA256_BYTES + 1];

    su_sha256_final(s, digest);
    assert_int_equal(su_hex_encode(digest, sizeof digest, hex, sizeof hex), sizeof hex - 1);
    if (strcmp(hex, want) != 0)
        fail_msg("%s: %s instead of %s", what, hex, want);
}

/* Decodes a tensor into the digest, row by row. */
static void decode_into(const struct su_tensor *t, struct su_sha256 *s)
{
    uint32_t n = t->shape.dim[t->shape.rank - 1];
    uint64_t rows = su_shape_elements(&t->shape) / n, row_bytes = t->bytes / rows;
    float *x = malloc(n * sizeof *x);

    assert_non_null(x);
    for (uint64_t r = 0; r < rows; r++) {
        su_tensor_decode(t->dtype, t->data + r * row_bytes, n, x);
        for (uint32_t i = 0; i < n; i++)
            su_put_le32((uint8_t *)&x[i], su_f32_bits(x[i]));
        su_sha256_update(s, x, n * sizeof *x);
    }
    free(x);
}

static void test_listing(void **state)
{
    (void)state;
    struct su_sha256 s;
    char shape[80], line[320];

    if (su_alloc_watched())
        assert_in_range(su_alloc_peak(), 1, 64 << 10);
    assert_int_equal(su_weights_count(model), SMOLLM2_TENSORS);
    assert_int_equal(su_meta_count(model), SMOLLM2_KEYS);
    su_sha256_init(&s);
    for (uint32_t i = 0; i < su_weights_count(model); i++) {
        const struct su_tensor *t = su_weights_at(model, i);
        int n = snprintf(line, sizeof line, "%s %s %s %llu %llu\n", t->name,
                         su_dtype_name(t->dtype), su_shape_format(&t->shape, shape, sizeof shape),
                         (unsigned long long)t->offset, (unsigned long long)t->bytes);
        assert_in_range(n, 1, sizeof line - 1);
        su_sha256_update(&s, line, (size_t)n);
    }
    digest_is(&s, SMOLLM2_LISTING, "listing");
}

static void test_decoded(void **state)
{
    (void)state;
    struct su_sha256 s;
    const char *full = getenv("SU_TEST_FULL");

    for (size_t i = 0; i < SU_ARRAY_LEN(smollm2_tensors); i++) {
        const struct su_tensor *t = su_weights_find(model, smollm2_tensors[i].name);
        assert_non_null(t);
        su_sha256_init(&s);
        decode_into(t, &s);
        digest_is(&s, smollm2_tensors[i].sha256, t->name);
    }
    if (!full || strcmp(full, "1") != 0)
        return;
    su_sha256_init(&s);
    for (uint32_t i = 0; i < su_weights_count(model); i++)
        decode_into(su_weights_at(model, i), &s);
    digest_is(&s, SMOLLM2_DECODED, "all tensors");
}

static void test_scalars(void **state)
{
    (void)state;
    uint32_t u = 0;
    uint64_t u64 = 0;
    float f = 0;
    bool flag = true;
    struct su_bytes text = {NULL, 0};

    assert_int_equal(su_meta_u32(model, "llama.block_count", &u, NULL), SU_OK);
    assert_int_equal(u, 30);
    assert_int_equal(su_meta_u64(model, "llama.context_length", &u64, NULL), SU_OK);
    assert_int_equal(u64, 8192);
    assert_int_equal(su_meta_f32(model, "llama.rope.freq_base", &f, NULL), SU_OK);
    assert_true(f == 100000.0f);
    assert_int_equal(su_meta_f32(model, "llama.attention.layer_norm_rms_epsilon", &f, NULL), SU_OK);
    assert_true(f == 1e-5f);
    assert_int_equal(su_meta_bool(model, "tokenizer.ggml.add_bos_token", &flag, NULL), SU_OK);
    assert_false(flag);
    assert_int_equal(su_meta_str(model, "general.architecture", &text, NULL), SU_OK);
    assert_int_equal(text.len, 5);
    assert_memory_equal(text.data, "llama", 5);
    assert_int_equal(su_meta_str(model, "tokenizer.chat_template", &text, NULL), SU_OK);
    assert_memory_equal(text.data, "{% for message in messages %}", 29);
}

static void is_text(struct su_bytes text, const char *want)
{
    assert_int_equal(text.len, strlen(want));
    assert_memory_equal(text.data, want, text.len);
}

static void test_lists(void **state)
{
    (void)state;
    struct su_meta_value m;
    struct su_bytes text = {NULL, 0};
    uint8_t length[8];
    struct su_sha256 s;

    for (size_t i = 0; i < SU_ARRAY_LEN(smollm2_texts); i++) {
        assert_int_equal(su_meta_array(model, smollm2_texts[i].key, SU_META_STR, &m, NULL), SU_OK);
        assert_int_equal(m.n, smollm2_texts[i].n);
        su_sha256_init(&s);
        for (uint64_t k = 0; su_meta_next_str(&m, &text); k++) {
            if (k == 0)
                is_text(text, smollm2_texts[i].first);
            su_put_le64(length, text.len);
            su_sha256_update(&s, length, sizeof length);
            su_sha256_update(&s, text.data, text.len);
        }
        is_text(text, smollm2_texts[i].last);
        digest_is(&s, smollm2_texts[i].sha256, smollm2_texts[i].key);
    }
    uint64_t sum = 0;
    assert_int_equal(su_meta_array(model, "tokenizer.ggml.token_type", SU_META_I32, &m, NULL),
                     SU_OK);
    for (uint64_t i = 0; i < m.n; i++)
        sum += (i + 1) * (uint64_t)su_meta_int_at(&m, i);
    assert_int_equal(sum, SMOLLM2_TYPE_SUM);
}

/* A layer's weights as a graph names them, halves of rows among them. */
static void test_rows_of_graph(void **state)
{
    (void)state;
    struct su_graph *g = su_graph_new();
    struct su_err e = {0};
    struct su_weight_span whole, half;

    uint32_t all =
        graph_weight(g, "token_embd.weight", SU_Q8_0, (struct su_shape){2, {49152, 576}}, 0);
    uint32_t tail =
        graph_weight(g, "blk.0.ffn_down.weight", SU_Q4_1, (struct su_shape){2, {288, 1536}}, 288);
    assert_int_equal(su_weights_resolve(model, g, all, &whole, &e), SU_OK);
    assert_int_equal(whole.bytes, 30081024);
    assert_int_equal(su_weights_resolve(model, g, tail, &half, &e), SU_OK);
    assert_int_equal(half.offset, 552960 / 2);
    assert_int_equal(half.bytes, 552960 / 2);
    uint32_t other =
        graph_weight(g, "blk.0.ffn_up.weight", SU_Q4_K, (struct su_shape){2, {1536, 768}}, 0);
    assert_int_equal(su_weights_resolve(model, g, other, &half, &e), SU_ETYPE);
    err_matches(&e, SU_ETYPE, "blk.0.ffn_up.weight|another type|q4_k|q4_1 [1536,576]");
    su_graph_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_listing),       cmocka_unit_test(test_decoded),
        cmocka_unit_test(test_scalars),       cmocka_unit_test(test_lists),
        cmocka_unit_test(test_rows_of_graph),
    };
    return cmocka_run_group_tests(tests, open_model, close_model);
}
