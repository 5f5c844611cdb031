// SPDX-License-Identifier: MIT
/* Descriptions of language models: what is read from them, and what is refused. */
#include "toys.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char llama[] =
    "{\"model_type\": \"llama\", \"num_hidden_layers\": 2, \"hidden_size\": 64,"
    " \"num_attention_heads\": 4, \"num_key_value_heads\": 2, \"intermediate_size\": 96,"
    " \"vocab_size\": 40, \"max_position_embeddings\": 512, \"rms_norm_eps\": 1e-05,"
    " \"rope_theta\": 10000.0, \"hidden_act\": \"silu\", \"rope_scaling\": null}";

/* text with the first `from` replaced; for the caller to free. */
static char *with(const char *text, const char *from, const char *to)
{
    const char *at = strstr(text, from);
    char *out = malloc(strlen(text) + strlen(to) + 1);

    assert_non_null(at);
    assert_non_null(out);
    (void)sprintf(out, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
    return out;
}

static struct su_llm_config read_json(const char *text)
{
    struct su_llm_config c;
    struct su_err e = {0};

    if (su_llm_config_from_json(text, strlen(text), "config.json", &c, &e))
        fail_msg("%s: %s", e.at, e.msg);
    return c;
}

static struct su_llm_config read_changed(const char *text, const char *from, const char *to)
{
    char *changed = with(text, from, to);
    struct su_llm_config c = read_json(changed);

    free(changed);
    return c;
}

static bool near(float a, double b)
{
    return fabs((double)a - b) <= 1e-6 * fabs(b);
}

/* ---- config.json ---- */

static void test_json_llama(void **state)
{
    (void)state;
    struct su_llm_config c = read_json(llama);

    assert_int_equal(c.arch, SU_LLM_LLAMA);
    assert_int_equal(c.names, SU_LLM_NAMES_HF);
    assert_int_equal(c.layers, 2);
    assert_int_equal(c.head_dim, 16);
    assert_int_equal(c.kv_heads, 2);
    assert_int_equal(c.ffn, 96);
    assert_int_equal(c.vocab, 40);
    assert_int_equal(c.ctx, 512);
    assert_int_equal(c.rope_dims, 16);
    assert_true(near(c.norm_eps, 1e-5) && near(c.attention_scale, 0.25));
    assert_true(c.rope.kind == 0 && near(c.rope.base, 10000) && near(c.rope.scale, 1));
    assert_false(c.tied || c.qkv_bias || c.qk_norm || c.gelu || c.post_norms);
    assert_true(c.window == 0 && c.experts == 0);
    c = read_changed(llama, "\"num_key_value_heads\": 2, ", "");
    assert_int_equal(c.kv_heads, 4);
    c = read_changed(llama, "null",
                     "{\"rope_type\": \"llama3\", \"factor\": 8, \"low_freq_factor\": 1,"
                     " \"high_freq_factor\": 4, \"original_max_position_embeddings\": 128}");
    assert_true(c.rope.kind == 1 && near(c.rope.scale, 0.125) && near(c.rope.p[2], 128));
    c = read_changed(llama, "null", "{\"type\": \"linear\", \"factor\": 4.0}");
    assert_true(c.rope.kind == 0 && near(c.rope.scale, 0.25));
    c = read_changed(llama, "null", "{\"rope_type\": \"default\"}");
    assert_true(c.rope.kind == 0 && near(c.rope.scale, 1));
    c = read_changed(llama, "\"rope_theta\": 10000.0",
                     "\"rope_parameters\": {\"rope_theta\": 5e5, \"rope_type\": \"yarn\","
                     " \"factor\": 2.0, \"original_max_position_embeddings\": 256}");
    assert_true(c.rope.kind == 2 && near(c.rope.base, 5e5) && near(c.rope.p[0], 32) &&
                near(c.rope.p[1], 1) && near(c.rope.p[2], 256));
    c = read_changed(llama, "\"llama\"", "\"mistral\", \"sliding_window\": 4096");
    assert_int_equal(c.arch, SU_LLM_LLAMA);
    assert_true(c.window == 4096 && c.window_pattern == 0);
}

static void test_json_others(void **state)
{
    (void)state;
    struct su_llm_config c = read_changed(
        llama, "\"llama\"", "\"qwen2\", \"use_sliding_window\": false, \"sliding_window\": 4096");
    assert_true(c.arch == SU_LLM_QWEN2 && c.qkv_bias && !c.output_bias && c.window == 0);
    c = read_changed(llama, "\"llama\"", "\"qwen3\", \"head_dim\": 128");
    assert_true(c.arch == SU_LLM_QWEN3 && c.qk_norm && c.head_dim == 128);
    c = read_changed(llama, "\"llama\"",
                     "\"qwen3_moe\", \"num_experts\": 8, \"num_experts_per_tok\": 2,"
                     " \"moe_intermediate_size\": 32, \"norm_topk_prob\": true,"
                     " \"mlp_only_layers\": []");
    assert_true(c.arch == SU_LLM_QWEN3MOE && c.experts == 8 && c.experts_used == 2);
    assert_true(c.expert_ffn == 32 && c.experts_renormalise);

    /* What a file leaves out follows from the configuration class. */
    c = read_json("{\"model_type\": \"gemma3\", \"text_config\": {\"hidden_size\": 2560,"
                  " \"intermediate_size\": 10240, \"num_hidden_layers\": 34,"
                  " \"sliding_window\": 1024, \"layer_types\": [\"sliding_attention\","
                  " \"sliding_attention\", \"full_attention\", \"sliding_attention\"],"
                  " \"rope_parameters\": {\"full_attention\": {\"rope_theta\": 1e6,"
                  " \"rope_type\": \"linear\", \"factor\": 8.0}, \"sliding_attention\":"
                  " {\"rope_theta\": 20000.0, \"rope_type\": \"default\"}}}}");
    assert_true(c.arch == SU_LLM_GEMMA3 && c.heads == 8 && c.kv_heads == 4 && c.head_dim == 256);
    assert_true(c.vocab == 262208 && c.ctx == 131072 && c.tied && c.gelu && c.post_norms);
    assert_true(c.window == 1024 && c.window_pattern == 3 && c.qk_norm);
    assert_true(near(c.embedding_scale, sqrt(2560)) && near(c.attention_scale, 1.0 / 16));
    assert_true(near(c.rope.scale, 0.125) && near(c.rope.base, 1e6));
    assert_true(near(c.rope_window.scale, 1) && near(c.rope_window.base, 20000));
}

struct refusal {
    const char *from, *to;
    enum su_code code;
    const char *want;
};

static void test_json_refused(void **state)
{
    (void)state;
    static const struct refusal list[] = {
        {"\"llama\"", "\"phi3\"", SU_EUNSUPPORTED, "phi3|llama|qwen2|qwen3moe|gemma3"},
        {"\"model_type\": \"llama\", ", "", SU_ENOENT, "model_type"},
        {"\"llama\"", "7", SU_ETYPE, "model_type"},
        {"\"num_hidden_layers\": 2, ", "", SU_ENOENT, "num_hidden_layers"},
        {"\"num_hidden_layers\": 2", "\"num_hidden_layers\": 0", SU_EINVAL, "layers|at least 1"},
        {"\"num_hidden_layers\": 2", "\"num_hidden_layers\": 513", SU_ELIMIT, "layers|512"},
        {"\"num_hidden_layers\": 2", "\"num_hidden_layers\": -1", SU_EOVERFLOW, "num_hidden"},
        {"\"num_hidden_layers\": 2", "\"num_hidden_layers\": 2.5", SU_EOVERFLOW, "num_hidden"},
        {"\"num_hidden_layers\": 2", "\"num_hidden_layers\": \"2\"", SU_ETYPE, "num_hidden"},
        {"\"hidden_size\": 64", "\"hidden_size\": 4294967296", SU_EOVERFLOW, "hidden_size"},
        {"\"hidden_size\": 64", "\"hidden_size\": 1048577", SU_ELIMIT, "hidden size|1048576"},
        {"\"hidden_size\": 64", "\"hidden_size\": 3", SU_EINVAL, "head dim"},
        {"\"num_attention_heads\": 4", "\"num_attention_heads\": 0", SU_EINVAL, "heads"},
        {"\"num_attention_heads\": 4", "\"num_attention_heads\": 65536, \"head_dim\": 128",
         SU_ELIMIT, "heads|1048576"},
        {"\"num_key_value_heads\": 2", "\"num_key_value_heads\": 3", SU_EINVAL, "kv heads"},
        {"\"num_key_value_heads\": 2", "\"num_key_value_heads\": 8", SU_ELIMIT, "kv heads"},
        {"\"intermediate_size\": 96", "\"intermediate_size\": 0", SU_EINVAL, "ffn"},
        {"\"vocab_size\": 40", "\"vocab_size\": 4000000", SU_ELIMIT, "vocabulary"},
        {"\"max_position_embeddings\": 512", "\"max_position_embeddings\": 0", SU_EINVAL,
         "context"},
        {"1e-05", "1e-20", SU_EINVAL, "norm eps"},
        {"1e-05", "1e300", SU_EOVERFLOW, "rms_norm_eps"},
        {"10000.0", "0.5", SU_EINVAL, "rope base"},
        {"\"silu\"", "\"gelu\"", SU_EUNSUPPORTED, "hidden_act|silu"},
        {"null", "[]", SU_ETYPE, "rope_scaling|object"},
        {"null", "{\"rope_type\": \"longrope\", \"factor\": 2}", SU_EUNSUPPORTED, "yarn"},
        {"null", "{\"rope_type\": \"linear\", \"factor\": 0}", SU_EINVAL, "factor"},
        {"null", "{\"rope_type\": \"linear\", \"factor\": 1e9}", SU_EINVAL, "rope scale"},
        {"null", "{\"rope_type\": \"llama3\", \"factor\": 8, \"low_freq_factor\": 4}", SU_EINVAL,
         "low and high"},
        {"null", "{\"rope_type\": \"yarn\", \"factor\": 8, \"beta_fast\": 0}", SU_EINVAL,
         "rope parameter 0"},
        {"null}", "null, \"mlp_bias\": true}", SU_EUNSUPPORTED, "mlp_bias"},
        {"null}", "null, \"head_dim\": 15}", SU_EINVAL, "rope dims"},
        {"null}", "null, \"partial_rotary_factor\": 0.5}", SU_EUNSUPPORTED, "partial"},
        {"\"llama\"", "\"qwen2\", \"use_sliding_window\": true", SU_EUNSUPPORTED, "sliding"},
        {"\"llama\"", "\"qwen3_moe\"", SU_ENOENT, "num_experts"},
        {"\"llama\"",
         "\"qwen3_moe\", \"num_experts\": 4, \"num_experts_per_tok\": 5,"
         " \"moe_intermediate_size\": 32",
         SU_ELIMIT, "experts used|4"},
        {"\"llama\"",
         "\"qwen3_moe\", \"num_experts\": 4, \"num_experts_per_tok\": 2,"
         " \"moe_intermediate_size\": 32, \"mlp_only_layers\": [1]",
         SU_EUNSUPPORTED, "mlp_only_layers"},
        {"\"silu\"", "\"silu\", \"x\": ", SU_EFORMAT, "config.json"},
        {"null}", "null", SU_ETRUNC, "config.json"},
    };
    struct su_llm_config c;
    struct su_err e;

    for (size_t i = 0; i < SU_ARRAY_LEN(list); i++) {
        char *text = with(llama, list[i].from, list[i].to);
        memset(&e, 0, sizeof e);
        enum su_code code = su_llm_config_from_json(text, strlen(text), "config.json", &c, &e);
        if (code != list[i].code)
            fail_msg("%s -> %s: %s: %s", list[i].to, su_code_name(code), e.at, e.msg);
        err_matches(&e, list[i].code, list[i].want);
        free(text);
    }
}

static void test_gemma_refused(void **state)
{
    (void)state;
    static const char gemma[] =
        "{\"model_type\": \"gemma3_text\", \"hidden_size\": 64, \"intermediate_size\": 96,"
        " \"num_hidden_layers\": 3, \"vocab_size\": 40, \"head_dim\": 16}";
    static const struct refusal list[] = {
        {"16}", "16, \"query_pre_attn_scalar\": -1}", SU_EINVAL, "query_pre_attn_scalar"},
        {"16}", "16, \"layer_types\": [\"chunked_attention\"]}", SU_EUNSUPPORTED, "layer_types"},
        {"16}", "16, \"layer_types\": [7]}", SU_ETYPE, "layer_types"},
        {"16}",
         "16, \"layer_types\": [\"full_attention\", \"sliding_attention\", \"full_attention\"]}",
         SU_EUNSUPPORTED, "layer_types|pattern"},
        {"16}", "16, \"hidden_act\": \"silu\"}", SU_EUNSUPPORTED, "gelu_pytorch_tanh"},
        {"16}", "16, \"rope_local_base_freq\": 0}", SU_EINVAL, "rope base"},
        {"16}", "16, \"final_logit_softcapping\": -3}", SU_EINVAL, "logit softcap"},
        {"16}", "16, \"text_config\": 3}", SU_ETYPE, "text_config"},
    };
    struct su_llm_config c;
    struct su_err e;

    for (size_t i = 0; i < SU_ARRAY_LEN(list); i++) {
        char *text = with(gemma, list[i].from, list[i].to);
        memset(&e, 0, sizeof e);
        (void)!su_llm_config_from_json(text, strlen(text), "config.json", &c, &e);
        err_matches(&e, list[i].code, list[i].want);
        free(text);
    }
}

/* ---- GGUF ---- */

static enum su_code read_gguf(const struct su_buf *b, struct su_llm_config *c, struct su_err *e)
{
    struct su_weights *w;
    struct su_graph *g = NULL;

    if (su_weights_open_bytes(b->data, b->len, "toy.gguf", &w, e))
        fail_msg("%s: %s", e->at, e->msg);
    enum su_code code = su_llm_config_from_gguf(w, c, e);
    if (!code)
        code = su_llm_graph(c, w, SU_LLM_Q8_0, &g, e);
    assert_int_equal(code == SU_OK, g != NULL);
    su_graph_free(g);
    su_weights_close(w);
    return code;
}

static void test_gguf(void **state)
{
    (void)state;
    struct su_llm_config c;
    struct su_err e = {0};
    struct su_buf b;

    toy_gguf(toy_find("gemma3.gguf"), NULL, NULL, &b);
    assert_int_equal(read_gguf(&b, &c, &e), SU_OK);
    su_buf_fini(&b);
    assert_true(c.arch == SU_LLM_GEMMA3 && c.names == SU_LLM_NAMES_GGUF && c.tied);
    assert_true(c.window == 5 && c.window_pattern == 3 && near(c.rope_window.base, 100));
    assert_true(near(c.logit_softcap, 2) && near(c.rope.scale, 0.125) &&
                near(c.embedding_scale, 8));
    toy_gguf(toy_find("qwen3moe.gguf"), NULL, NULL, &b);
    assert_int_equal(read_gguf(&b, &c, &e), SU_OK);
    su_buf_fini(&b);
    assert_true(c.experts == 6 && c.experts_used == 3 && c.expert_ffn == 32 && !c.tied);
    assert_true(c.experts_renormalise && c.vocab == TOY_VOCAB && c.ctx == 512);
    toy_gguf(toy_find("qwen2.gguf"), NULL, NULL, &b);
    assert_int_equal(read_gguf(&b, &c, &e), SU_OK);
    su_buf_fini(&b);
    assert_true(c.qkv_bias && c.rope.kind == 2 && near(c.rope.scale, 0.25) &&
                near(c.rope.p[2], 64));
    /* Keys that may be absent. */
    toy_gguf(toy_find("qwen2.gguf"), NULL, "qwen2.attention.head_count_kv", &b);
    assert_int_equal(read_gguf(&b, &c, &e), SU_OK);
    assert_int_equal(c.kv_heads, 4);
    su_buf_fini(&b);
    toy_gguf(toy_find("llama.gguf"), "rope_freqs.weight", NULL, &b);
    assert_int_equal(read_gguf(&b, &c, &e), SU_OK);
    assert_false(c.rope_factors);
    su_buf_fini(&b);
}

static void test_gguf_lacks(void **state)
{
    (void)state;
    static const struct {
        const char *toy, *tensor, *key;
        enum su_code code;
        const char *want;
    } list[] = {
        {"llama.gguf", NULL, "general.architecture", SU_ENOENT, "general.architecture"},
        {"llama.gguf", NULL, "llama.block_count", SU_ENOENT, "llama.block_count"},
        {"llama.gguf", NULL, "llama.context_length", SU_ENOENT, "llama.context_length"},
        {"llama.gguf", NULL, "llama.embedding_length", SU_ENOENT, "llama.embedding_length"},
        {"llama.gguf", NULL, "llama.feed_forward_length", SU_ENOENT, "feed_forward_length"},
        {"llama.gguf", NULL, "llama.attention.head_count", SU_ENOENT, "head_count"},
        {"llama.gguf", NULL, "llama.attention.layer_norm_rms_epsilon", SU_EINVAL, "norm eps"},
        {"qwen3moe.gguf", NULL, "qwen3moe.expert_used_count", SU_ENOENT, "expert_used_count"},
        {"llama.gguf", "token_embd.weight", NULL, SU_ENOENT, "token_embd.weight"},
        {"llama.gguf", "blk.1.ffn_up.weight", NULL, SU_ENOENT, "blk.1.ffn_up.weight|llama"},
        {"qwen3moe.gguf", "blk.0.ffn_gate_inp.weight", NULL, SU_ENOENT, "ffn_gate_inp"},
        {"gemma3.gguf", "blk.3.post_ffw_norm.weight", NULL, SU_ENOENT, "blk.3.post_ffw_norm"},
    };
    struct su_llm_config c;
    struct su_err e;
    struct su_buf b;

    for (size_t i = 0; i < SU_ARRAY_LEN(list); i++) {
        memset(&e, 0, sizeof e);
        toy_gguf(toy_find(list[i].toy), list[i].tensor, list[i].key, &b);
        (void)!read_gguf(&b, &c, &e);
        err_matches(&e, list[i].code, list[i].want);
        su_buf_fini(&b);
    }
}

/* A toy with one key changed, or added when it has none of that name. */
static void changed(const char *name, const struct toy_meta *m, struct su_buf *out)
{
    struct toy t = *toy_find(name);
    struct toy_meta meta[40];
    size_t n = t.n_meta;

    assert_true(n < SU_ARRAY_LEN(meta));
    memcpy(meta, t.meta, n * sizeof *meta);
    meta[n] = *m;
    for (size_t i = 0; i < t.n_meta; i++) {
        if (strcmp(meta[i].key, m->key) == 0) {
            meta[i] = *m;
            n--;
            break;
        }
    }
    t.meta = meta;
    t.n_meta = n + 1;
    toy_gguf(&t, NULL, NULL, out);
}

static void test_gguf_pattern(void **state)
{
    (void)state;
    static const struct {
        const char *flags;
        uint32_t pattern; /* UINT32_MAX: refused */
    } list[] = {{"1101", 3}, {"1111", 0}, {"0000", 1}, {"1010", 2}, {"1001", UINT32_MAX}};
    struct su_llm_config c;
    struct su_err e;
    struct su_buf b;

    for (size_t i = 0; i < SU_ARRAY_LEN(list); i++) {
        const struct toy_meta m = {"gemma3.attention.sliding_window_pattern", SU_META_ARRAY, 0,
                                   list[i].flags};
        memset(&e, 0, sizeof e);
        changed("gemma3.gguf", &m, &b);
        if (read_gguf(&b, &c, &e))
            err_matches(&e, SU_EUNSUPPORTED, "sliding_window_pattern|one pattern");
        assert_true(e.code ? list[i].pattern == UINT32_MAX : c.window_pattern == list[i].pattern);
        su_buf_fini(&b);
    }
}

static void test_gguf_refused(void **state)
{
    (void)state;
    static const struct {
        const char *toy;
        struct toy_meta meta;
        enum su_code code;
        const char *want;
    } list[] = {
        {"llama.gguf",
         {"general.architecture", SU_META_STR, 0, "mamba"},
         SU_EUNSUPPORTED,
         "mamba|llama|qwen2|qwen3|qwen3moe|gemma3"},
        {"llama.gguf", {"general.architecture", SU_META_U32, 3, NULL}, SU_ETYPE, "architecture"},
        {"llama.gguf", {"llama.block_count", SU_META_U32, 100000, NULL}, SU_ELIMIT, "layers"},
        {"llama.gguf", {"llama.block_count", SU_META_U32, 3, NULL}, SU_ENOENT, "blk.2."},
        {"llama.gguf", {"llama.block_count", SU_META_F32, 2, NULL}, SU_ETYPE, "block_count"},
        {"llama.gguf",
         {"llama.embedding_length", SU_META_U32, 4294967295.0, NULL},
         SU_ELIMIT,
         "hidden"},
        {"llama.gguf", {"llama.attention.head_count", SU_META_U32, 0, NULL}, SU_EINVAL, "heads"},
        {"llama.gguf",
         {"llama.attention.value_length", SU_META_U32, 8, NULL},
         SU_EUNSUPPORTED,
         "values"},
        {"llama.gguf",
         {"llama.rope.dimension_count", SU_META_U32, 7, NULL},
         SU_EINVAL,
         "rope dims"},
        {"llama.gguf", {"llama.rope.freq_base", SU_META_F32, 0, NULL}, SU_EINVAL, "rope base"},
        {"llama.gguf",
         {"llama.rope.scaling.type", SU_META_STR, 0, "longrope"},
         SU_EUNSUPPORTED,
         "longrope"},
        {"llama.gguf",
         {"llama.rope.scaling.factor", SU_META_F32, -1, NULL},
         SU_EINVAL,
         "scaling|factor"},
        {"llama.gguf",
         {"llama.attention.scale", SU_META_F32, 0, NULL},
         SU_EINVAL,
         "attention scale"},
        {"llama.gguf",
         {"llama.attn_logit_softcapping", SU_META_F32, -1, NULL},
         SU_EINVAL,
         "attention softcap"},
        {"qwen3moe.gguf", {"qwen3moe.expert_count", SU_META_U32, 5000, NULL}, SU_ELIMIT, "experts"},
        {"qwen3moe.gguf",
         {"qwen3moe.expert_used_count", SU_META_U32, 0, NULL},
         SU_EINVAL,
         "experts used"},
        {"qwen3moe.gguf",
         {"qwen3moe.expert_shared_count", SU_META_U32, 1, NULL},
         SU_EUNSUPPORTED,
         "shared"},
    };
    struct su_llm_config c;
    struct su_err e;
    struct su_buf b;

    for (size_t i = 0; i < SU_ARRAY_LEN(list); i++) {
        memset(&e, 0, sizeof e);
        changed(list[i].toy, &list[i].meta, &b);
        (void)!read_gguf(&b, &c, &e);
        if (e.code != list[i].code)
            print_message("case %zu\n", i);
        err_matches(&e, list[i].code, list[i].want);
        su_buf_fini(&b);
    }
}

/* Tensors that the metadata does not expect. */
static void test_gguf_tensors(void **state)
{
    (void)state;
    struct toy t = *toy_find("qwen3moe.gguf");
    struct toy_tensor tensor[64];
    struct su_model *m;
    struct su_err e = {0};
    struct su_buf b;

    assert_true(t.n_tensor <= SU_ARRAY_LEN(tensor));
    for (int how = 0; how < 3; how++) {
        memcpy(tensor, t.tensor, t.n_tensor * sizeof *tensor);
        t.tensor = tensor;
        for (size_t i = 0; i < t.n_tensor; i++) {
            if (how == 0 && strcmp(tensor[i].name, "blk.0.ffn_up_exps.weight") == 0)
                tensor[i].dtype = SU_F32;
            if (how == 1 && strcmp(tensor[i].name, "blk.1.attn_q.weight") == 0)
                tensor[i].shape.dim[0] = 64;
            if (how == 2 && strcmp(tensor[i].name, "token_embd.weight") == 0)
                tensor[i].shape = (struct su_shape){1, {2560}};
        }
        toy_gguf(&t, NULL, NULL, &b);
        file_put(scratch_path("odd.gguf"), b.data, b.len);
        su_buf_fini(&b);
        (void)!su_model_open(scratch_path("odd.gguf"), &m, &e);
        assert_null(m);
        err_matches(&e, how == 0 ? SU_EUNSUPPORTED : SU_ETYPE,
                    how == 0   ? "model odd|ffn_up_exps|f32|q8_0"
                    : how == 1 ? "blk.1.attn_q.weight|[64,64]|[128,64]"
                               : "token_embd.weight");
        t = *toy_find("qwen3moe.gguf");
    }
}

/* ---- opening ---- */

static void test_open(void **state)
{
    (void)state;
    struct su_model *m;
    struct su_err e = {0};

    m = toy_open(toy_find("llama.gguf"));
    assert_string_equal(m->name, "llama");
    assert_true(m->is_llm && m->weights && su_str_ends(m->path, "/llama.gguf"));
    su_model_close(m);
    m = toy_open(toy_find("llama"));
    assert_string_equal(m->name, "llama");
    assert_true(m->is_llm && m->llm.names == SU_LLM_NAMES_HF);
    su_model_close(m);
    assert_int_equal(su_model_open_shapes(scratch_path("llama/config.json"), SU_LLM_BF16, &m, &e),
                     SU_OK);
    assert_string_equal(m->name, "llama");
    assert_true(m->is_llm && !m->weights && m->llm.names == SU_LLM_NAMES_GGUF);
    su_model_close(m);
    /* Other characters than a name has. */
    file_copy(scratch_path("llama.gguf"), scratch_path(".a b+c.gguf"));
    assert_int_equal(su_model_open_shapes(scratch_path(".a b+c.gguf"), SU_LLM_BF16, &m, &e), SU_OK);
    assert_string_equal(m->name, "-a-b-c");
    su_model_close(m);
    file_copy(scratch_path("llama.gguf"), scratch_path(".gguf"));
    assert_int_equal(su_model_open(scratch_path(".gguf"), &m, &e), SU_OK);
    assert_string_equal(m->name, "model");
    su_model_close(m);

    assert_int_equal(su_model_open(scratch_path("llama/config.json"), &m, &e), SU_EINVAL);
    err_matches(&e, SU_EINVAL, "config.json|without its weights|GGUF");
    assert_int_equal(su_model_open(source_path("llama-3.3-70b"), &m, &e), SU_EINVAL);
    err_matches(&e, SU_EINVAL, "model.safetensors|plan");
    assert_int_equal(su_model_open(scratch_path("none.gguf"), &m, &e), SU_ENOENT);
    assert_null(m);
    assert_int_equal(su_model_open_shapes(scratch_path("none.json"), SU_LLM_BF16, &m, &e),
                     SU_ENOENT);
    file_put(scratch_path("cut.gguf"), "GGUF\3\0\0\0", 8);
    assert_int_equal(su_model_open(scratch_path("cut.gguf"), &m, &e), SU_ETRUNC);
    assert_null(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json_llama),   cmocka_unit_test(test_json_others),
        cmocka_unit_test(test_json_refused), cmocka_unit_test(test_gemma_refused),
        cmocka_unit_test(test_gguf),         cmocka_unit_test(test_gguf_lacks),
        cmocka_unit_test(test_gguf_pattern), cmocka_unit_test(test_gguf_refused),
        cmocka_unit_test(test_gguf_tensors), cmocka_unit_test(test_open),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
