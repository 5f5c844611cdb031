// SPDX-License-Identifier: MIT
/* Language models in folders as published: in shards, in every float type, as quantised folders, and
   beside the same model in a GGUF file. */
#include "folders.h"

#include <dirent.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const enum su_llm_arch archs[] = {SU_LLM_LLAMA, SU_LLM_QWEN2, SU_LLM_QWEN3, SU_LLM_GEMMA3,
                                         SU_LLM_QWEN3MOE};
struct logits {
    float at[FOLDER_TOKENS][FOLDER_VOCAB];
};

static void make(struct folder f, const char *name, bool tokenizer)
{
    char dir[700];

    (void)snprintf(dir, sizeof dir, "%s", scratch_path(name));
    folder_make(&f, dir);
    if (tokenizer)
        folder_tokenizer(dir);
}

static void quantise(const char *from, enum su_llm_quant quant, const char *to,
                     struct su_model_quantised *r)
{
    char a[700], b[700];
    struct su_err e = {0};

    (void)snprintf(a, sizeof a, "%s", scratch_path(from));
    (void)snprintf(b, sizeof b, "%s", scratch_path(to));
    if (su_model_quantise(a, quant, b, NULL, r, &e))
        fail_msg("%s: %s", e.at, e.msg);
}

static void logits_of(const char *name, struct logits *out)
{
    struct su_model *m = folder_open(scratch_path(name));

    folder_logits(m, out->at);
    su_model_close(m);
}

static float farthest(const struct logits *a, const struct logits *b)
{
    float most = 0;

    for (size_t i = 0; i < FOLDER_TOKENS * FOLDER_VOCAB; i++)
        most = fmaxf(most, fabsf((&a->at[0][0])[i] - (&b->at[0][0])[i]));
    return most;
}

static void test_shards(void **state)
{
    (void)state;
    static struct logits one, three;

    for (size_t i = 0; i < 4; i++) {
        make((struct folder){archs[i], SU_BF16, 0, false}, "one", false);
        make((struct folder){archs[i], SU_BF16, 3, false}, "three", false);
        struct su_model *a = folder_open(scratch_path("one"));
        struct su_model *b = folder_open(scratch_path("three"));
        assert_int_equal(su_weights_files(b->weights), 3);
        assert_memory_equal(a->graph_digest, b->graph_digest, SU_SHA256_BYTES);
        folder_logits(a, one.at);
        folder_logits(b, three.at);
        assert_memory_equal(&one, &three, sizeof one);

        /* The manifest covers all files, each under its own id. */
        uint8_t id[3 * SU_SHA256_BYTES];
        struct su_manifest m;
        bool seen[3] = {false};
        for (unsigned k = 0; k < 3; k++)
            memset(id + k * SU_SHA256_BYTES, (int)k + 1, SU_SHA256_BYTES);
        assert_int_equal(su_manifest_build(b->graph, b->weights, id, &m, NULL), SU_OK);
        for (uint32_t k = 0; k < m.n_entry; k++) {
            const struct su_tensor *t = su_weights_find(b->weights, m.entry[k].name);
            assert_int_equal(m.entry[k].blob[0], t->file + 1);
            assert_int_equal(m.entry[k].offset, t->offset);
            seen[t->file] = true;
        }
        assert_true(seen[0] && seen[1] && seen[2]);
        su_manifest_fini(&m);
        su_model_close(a);
        su_model_close(b);
        assert_int_equal(unlink(scratch_path("one/model.safetensors")), 0);
    }
}

/* The f32 recipe changes nothing; from F32 not even the graph. */
static void test_f32(void **state)
{
    (void)state;
    static struct logits a, b;
    const enum su_dtype types[] = {SU_F32, SU_F16, SU_BF16};

    for (size_t i = 0; i < 4; i++) {
        for (size_t k = 0; k < 3; k++) {
            char from[32], to[32];
            (void)snprintf(from, sizeof from, "f32-%zu-%zu", i, k);
            (void)snprintf(to, sizeof to, "f32-%zu-%zu.out", i, k);
            make((struct folder){archs[i], types[k], (unsigned)(2 * k), false}, from, true);
            quantise(from, SU_LLM_F32, to, NULL);
            struct su_model *x = folder_open(scratch_path(from));
            struct su_model *y = folder_open(scratch_path(to));
            assert_int_equal(memcmp(x->graph_digest, y->graph_digest, SU_SHA256_BYTES) == 0,
                             types[k] == SU_F32);
            folder_logits(x, a.at);
            folder_logits(y, b.at);
            assert_memory_equal(&a, &b, sizeof a);
            su_model_close(x);
            su_model_close(y);
        }
    }
}

/* The same weights in a GGUF file give the same bits; of llama, whose q and k stand there in another
   order, the same up to the order of sums. */
static void test_like_gguf(void **state)
{
    (void)state;
    static struct logits a, b;

    for (size_t i = 0; i < SU_ARRAY_LEN(archs); i++) {
        bool experts = archs[i] == SU_LLM_QWEN3MOE;
        char from[32], to[32], file[32];
        (void)snprintf(from, sizeof from, "gguf-%zu", i);
        (void)snprintf(to, sizeof to, "gguf-%zu.out", i);
        (void)snprintf(file, sizeof file, "gguf-%zu.gguf", i);
        make((struct folder){archs[i], SU_F32, 2, false}, from, true);
        quantise(from, experts ? SU_LLM_Q8_0 : SU_LLM_F32, to, NULL);
        struct su_model *m = folder_open(scratch_path(to));
        folder_gguf(m, scratch_path(file));
        folder_logits(m, a.at);
        su_model_close(m);
        logits_of(file, &b);
        if (archs[i] == SU_LLM_LLAMA)
            assert_true(farthest(&a, &b) < 1e-4f);
        else
            assert_memory_equal(&a, &b, sizeof a);
    }
}

static void test_inner_names(void **state)
{
    (void)state;
    static struct logits a, b;

    make((struct folder){SU_LLM_GEMMA3, SU_BF16, 0, false}, "text", true);
    make((struct folder){SU_LLM_GEMMA3, SU_BF16, 2, true}, "images", true);
    logits_of("text", &a);
    logits_of("images", &b);
    assert_memory_equal(&a, &b, sizeof a);
    quantise("images", SU_LLM_Q8_0, "images.q8_0", NULL);
    struct su_model *m = folder_open(scratch_path("images.q8_0"));
    assert_int_equal(m->llm.names, SU_LLM_NAMES_HF_INNER);
    folder_logits(m, b.at);
    assert_true(farthest(&a, &b) < 1.0f && farthest(&a, &b) > 0.0f);
    su_model_close(m);
}

/* Blocks of the result are those that su_weights_pack makes of the source's rows. */
static void blocks_are(const struct su_model *m, const char *name, const struct su_tensor *from,
                       uint64_t offset, enum su_dtype d)
{
    const struct su_tensor *t = su_weights_find(m->weights, name);
    uint64_t n = su_shape_elements(&from->shape), bytes;
    float *x = malloc(n * sizeof *x);
    uint8_t *want = malloc(n * sizeof *x);

    assert_non_null(t);
    assert_non_null(x);
    assert_non_null(want);
    assert_int_equal(t->dtype, d);
    su_tensor_decode(from->dtype, from->data, n, x);
    assert_int_equal(su_weights_pack(d, x, n, want, NULL), SU_OK);
    assert_int_equal(su_tensor_bytes(d, &from->shape, &bytes, NULL), SU_OK);
    assert_true(offset + bytes <= t->bytes);
    assert_memory_equal(t->data + offset, want, bytes);
    free(x);
    free(want);
}

static void test_experts(void **state)
{
    (void)state;
    static struct logits a;
    struct su_model *m = NULL;
    struct su_weights *w = NULL;
    struct su_err e = {0};

    make((struct folder){SU_LLM_QWEN3MOE, SU_BF16, 2, false}, "moe", true);
    assert_int_equal(su_model_open(scratch_path("moe"), &m, &e), SU_EUNSUPPORTED);
    err_matches(&e, SU_EUNSUPPORTED, "moe|each expert|splitup quantize");
    assert_int_equal(su_model_open_shapes(scratch_path("moe"), SU_LLM_Q8_0, &m, &e), SU_OK);
    assert_true(m->weights == NULL && m->llm.experts == 4);
    su_model_close(m);
    quantise("moe", SU_LLM_Q4_1, "moe.q4_1", NULL);
    m = folder_open(scratch_path("moe.q4_1"));
    assert_int_equal(su_weights_open(scratch_path("moe/model.safetensors.index.json"), &w, &e),
                     SU_OK);
    uint64_t each = 32u * 64 / 32 * 20;
    for (uint64_t i = 0; i < 4; i++) {
        char name[80];
        (void)snprintf(name, sizeof name, "model.layers.1.mlp.experts.%u.down_proj.weight",
                       (unsigned)i);
        blocks_are(m, "model.layers.1.mlp.experts.down_proj.weight", su_weights_find(w, name),
                   i * each, SU_Q4_1);
    }
    static const struct {
        const char *name;
        enum su_dtype dtype;
    } others[] = {{"model.layers.0.mlp.gate.weight", SU_F32},
                  {"model.norm.weight", SU_F32},
                  {"model.embed_tokens.weight", SU_Q4_1},
                  {"lm_head.weight", SU_Q8_0}};
    for (size_t i = 0; i < SU_ARRAY_LEN(others); i++)
        blocks_are(m, others[i].name, su_weights_find(w, others[i].name), 0, others[i].dtype);
    folder_logits(m, a.at);
    for (size_t i = 0; i < FOLDER_TOKENS * FOLDER_VOCAB; i++)
        assert_true(isfinite((&a.at[0][0])[i]));
    su_model_close(m);
    su_weights_close(w);
}

static void test_recipes(void **state)
{
    (void)state;
    static struct logits exact, q;
    const enum su_llm_quant quants[] = {SU_LLM_Q8_0, SU_LLM_Q4_1, SU_LLM_Q4_0};
    const float most[] = {0.3f, 4.0f, 5.0f};
    float before = 0;

    make((struct folder){SU_LLM_LLAMA, SU_F16, 0, false}, "recipes", true);
    logits_of("recipes", &exact);
    for (size_t i = 0; i < 3; i++) {
        char to[32];
        (void)snprintf(to, sizeof to, "recipes.%zu", i);
        quantise("recipes", quants[i], to, NULL);
        logits_of(to, &q);
        float far = farthest(&exact, &q);
        if (!(far > before && far < most[i]))
            fail_msg("recipe %zu: logits differ by %g", i, (double)far);
        before = i == 0 ? far : before;
    }
}

static bool progress_ends;
static void on_progress(void *ctx, const struct su_progress *p)
{
    (void)ctx;
    assert_true(p->done <= p->total);
    progress_ends = p->done == p->total;
}

static bool on_cancel(void *ctx)
{
    return ++*(int *)ctx > 3;
}

static void same_file(const char *a, const char *b)
{
    struct su_map x, y;

    assert_int_equal(su_map_open(scratch_path(a), 0, &x, NULL), SU_OK);
    assert_int_equal(su_map_open(scratch_path(b), 0, &y, NULL), SU_OK);
    assert_int_equal(x.len, y.len);
    assert_memory_equal(x.data, y.data, x.len);
    su_map_close(&x);
    su_map_close(&y);
}

static void test_result(void **state)
{
    (void)state;
    struct su_model_quantised r, again;
    const struct su_model_hooks hooks = {NULL, on_progress, NULL};
    struct su_manifest m;
    struct su_map map;
    struct stat st;
    struct su_err e = {0};
    uint8_t id[SU_SHA256_BYTES];
    char a[700], b[700];

    make((struct folder){SU_LLM_QWEN2, SU_BF16, 2, false}, "result", true);
    file_put(scratch_path("result/generation_config.json"), "{}", 2);
    quantise("result", SU_LLM_Q8_0, "result.1", &r);
    (void)snprintf(a, sizeof a, "%s", scratch_path("result/"));
    (void)snprintf(b, sizeof b, "%s", scratch_path("result.2/"));
    assert_int_equal(mkdir(b, 0700), 0); /* an empty folder may be filled */
    assert_int_equal(su_model_quantise(a, SU_LLM_Q8_0, b, &hooks, &again, &e), SU_OK);
    assert_true(progress_ends);
    assert_memory_equal(&r, &again, sizeof r);
    same_file("result.1/model.gguf", "result.2/model.gguf");
    same_file("result.1/model.manifest", "result.2/model.manifest");
    same_file("result.1/generation_config.json", "result/generation_config.json");
    same_file("result.1/tokenizer.json", "result/tokenizer.json");
    assert_int_equal(stat(b, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0755);

    assert_int_equal(su_map_open(scratch_path("result.1/model.gguf"), 0, &map, NULL), SU_OK);
    su_merkle_blob(map.data, map.len, id);
    assert_memory_equal(id, r.blob, sizeof id);
    assert_int_equal(r.bytes, map.len);
    su_map_close(&map);
    assert_int_equal(su_map_open(scratch_path("result.1/model.manifest"), 0, &map, NULL), SU_OK);
    assert_int_equal(su_manifest_decode(map.data, map.len, &m, &e), SU_OK);
    assert_int_equal(m.n_entry, r.tensors);
    assert_memory_equal(m.entry[0].blob, r.blob, sizeof id);
    su_sha256(map.data, map.len, id);
    assert_memory_equal(id, r.manifest_digest, sizeof id);
    su_manifest_fini(&m);
    su_map_close(&map);
}

static unsigned entries(void)
{
    DIR *d = opendir(scratch_path("."));
    unsigned n = 0;

    assert_non_null(d);
    while (readdir(d))
        n++;
    (void)closedir(d);
    return n;
}

static void refused(const char *from, enum su_llm_quant quant, const char *to, enum su_code code,
                    const char *want)
{
    char a[700], b[700];
    struct su_err e = {0};
    unsigned before = entries();

    (void)snprintf(a, sizeof a, "%s", scratch_path(from));
    (void)snprintf(b, sizeof b, "%s", scratch_path(to));
    assert_int_equal(su_model_quantise(a, quant, b, NULL, NULL, &e), code);
    err_matches(&e, code, want);
    assert_int_equal(entries(), before); /* nothing is left */
}

static void poke(const char *file, const char *tensor, float x)
{
    struct su_weights *w = NULL;

    assert_int_equal(su_weights_open(scratch_path(file), &w, NULL), SU_OK);
    const struct su_tensor *t = su_weights_find(w, tensor);
    FILE *f = fopen(scratch_path(file), "r+b");
    uint8_t raw[4];
    su_put_le32(raw, su_f32_bits(x));
    assert_non_null(f);
    assert_non_null(t);
    assert_int_equal(fseek(f, (long)t->offset + 4 * 70, SEEK_SET), 0);
    assert_int_equal(fwrite(raw, 4, 1, f), 1);
    assert_int_equal(fclose(f), 0);
    su_weights_close(w);
}

static void test_refused(void **state)
{
    (void)state;
    const char *up = "model.layers.0.mlp.up_proj.weight";
    int calls = 0;
    const struct su_model_hooks hooks = {on_cancel, NULL, &calls};
    char a[700], b[700];
    struct su_err e = {0};

    make((struct folder){SU_LLM_LLAMA, SU_F32, 0, false}, "bad", false);
    refused("bad", SU_LLM_Q8_0, "bad.out", SU_ENOENT, "tokenizer.json");
    folder_tokenizer(scratch_path("bad"));
    refused("bad", SU_LLM_BF16, "bad.out", SU_EUNSUPPORTED, "q8_0, q4_1, q4_0 or f32");
    refused("bad", SU_LLM_Q8_0, "bad", SU_EEXIST, "already");
    refused("bad", SU_LLM_Q8_0, "bad/config.json", SU_EEXIST, "no folder");
    refused("bad/config.json", SU_LLM_Q8_0, "bad.out", SU_EINVAL, "no folder|GGUF");
    refused("nowhere", SU_LLM_Q8_0, "bad.out", SU_ENOENT, "config.json");
    refused("bad", SU_LLM_Q8_0, "nowhere/bad.out", SU_ENOENT, "bad.out");
    quantise("bad", SU_LLM_Q8_0, "bad.q8_0", NULL);
    refused("bad.q8_0", SU_LLM_Q4_1, "bad.out", SU_EUNSUPPORTED, "q8_0 already|as published");

    (void)snprintf(a, sizeof a, "%s", scratch_path("bad"));
    (void)snprintf(b, sizeof b, "%s", scratch_path("bad.out"));
    unsigned before = entries();
    assert_int_equal(su_model_quantise(a, SU_LLM_Q8_0, b, &hooks, NULL, &e), SU_ECANCELLED);
    assert_int_equal(entries(), before);

    poke("bad/model.safetensors", up, NAN);
    refused("bad", SU_LLM_Q8_0, "bad.out", SU_EINVAL,
            "layers.0.mlp.up_proj.weight|row 1,|column 0");
    poke("bad/model.safetensors", up, 3e38f);
    refused("bad", SU_LLM_Q4_0, "bad.out", SU_EOVERFLOW, "layers.0.mlp.up_proj|row 1,|q4_0|f32");
    assert_int_equal(unlink(scratch_path("bad/model.safetensors")), 0);
    refused("bad", SU_LLM_Q8_0, "bad.out", SU_ENOENT, "neither");

    /* Tensors that are not those of config.json. */
    make((struct folder){SU_LLM_QWEN2, SU_F32, 0, false}, "other", true);
    file_copy(scratch_path("other/model.safetensors"), scratch_path("bad/model.safetensors"));
    static const char wide[] =
        "{\"model_type\": \"llama\", \"num_hidden_layers\": 2, \"hidden_size\": 64, "
        "\"num_attention_heads\": 4, \"num_key_value_heads\": 2, \"head_dim\": 16, "
        "\"intermediate_size\": 128, \"vocab_size\": 48}";
    file_put(scratch_path("bad/config.json"), wide, strlen(wide));
    refused("bad", SU_LLM_Q8_0, "bad.out", SU_ETYPE, "gate_proj|[96,64]|[128,64]");
    static const char more[] =
        "{\"model_type\": \"qwen3\", \"num_hidden_layers\": 2, \"hidden_size\": 64, "
        "\"num_attention_heads\": 4, \"num_key_value_heads\": 2, \"head_dim\": 16, "
        "\"intermediate_size\": 96, \"vocab_size\": 48}";
    file_put(scratch_path("bad/config.json"), more, strlen(more));
    refused("bad", SU_LLM_Q8_0, "bad.out", SU_ENOENT, "lacks|q_norm");
}

/* ---- tokenizers of folders ------------------------------------------------------------------- */

static struct su_text *text_of(const char *name, struct su_err *e)
{
    struct su_model *m = folder_open(scratch_path(name));
    struct su_text *t = NULL;

    assert_int_equal(su_model_text(m, &t, e), e->code);
    assert_true((t == NULL) == (e->code != SU_OK));
    su_model_close(m);
    return t;
}

static void test_text(void **state)
{
    (void)state;
    struct su_err e = {0};

    make((struct folder){SU_LLM_LLAMA, SU_BF16, 0, false}, "text-1", true);
    struct su_text *t = text_of("text-1", &e);
    assert_true(t && su_text_is_stop(t, 3)); /* eos_token_id of config.json */
    assert_true(!su_text_is_stop(t, 4) && su_text_template(t) == NULL);
    su_text_free(t);

    static const char generation[] = "{\"eos_token_id\": [1, 28, null, 1]}";
    static const char config[] = "{\"eos_token\": \"</s>\", \"chat_template\": \"old\"}";
    file_put(scratch_path("text-1/generation_config.json"), generation, strlen(generation));
    file_put(scratch_path("text-1/tokenizer_config.json"), config, strlen(config));
    file_put(scratch_path("text-1/chat_template.jinja"), "new", 3);
    t = text_of("text-1", &e);
    const uint32_t *stop;
    assert_int_equal(su_text_stops(t, &stop), 2);
    assert_int_equal(stop[0], 1);
    assert_int_equal(stop[1], 28);
    assert_string_equal(su_text_template(t), "new");
    su_text_free(t);

    /* The result of quantising has the same tokenizer, all of it. */
    quantise("text-1", SU_LLM_Q8_0, "text-1.q8_0", NULL);
    t = text_of("text-1.q8_0", &e);
    assert_true(su_text_is_stop(t, 28));
    assert_string_equal(su_text_template(t), "new");
    su_text_free(t);

    static const struct {
        const char *text;
        enum su_code code;
    } bad[] = {{"{\"eos_token_id\": 30}", SU_EINVAL},
               {"{\"eos_token_id\": 4294967296}", SU_EINVAL},
               {"{\"eos_token_id\": \"x\"}", SU_ETYPE},
               {"{", SU_ETRUNC}};
    for (size_t i = 0; i < SU_ARRAY_LEN(bad); i++) {
        file_put(scratch_path("text-1/generation_config.json"), bad[i].text, strlen(bad[i].text));
        e = (struct su_err){.code = bad[i].code};
        assert_null(text_of("text-1", &e));
    }
    char many[400] = "{\"eos_token_id\": [1";
    for (int i = 0; i < 64; i++)
        (void)strcat(many, ", 1");
    (void)strcat(many, "]}");
    file_put(scratch_path("text-1/generation_config.json"), many, strlen(many));
    e = (struct su_err){.code = SU_ELIMIT};
    assert_null(text_of("text-1", &e));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shards),    cmocka_unit_test(test_f32),
        cmocka_unit_test(test_like_gguf), cmocka_unit_test(test_inner_names),
        cmocka_unit_test(test_experts),   cmocka_unit_test(test_recipes),
        cmocka_unit_test(test_result),    cmocka_unit_test(test_refused),
        cmocka_unit_test(test_text),
    };

    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
