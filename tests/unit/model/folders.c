// SPDX-License-Identifier: MIT
#include "folders.h"

#include "support/random.h"

#include <stdlib.h>
#include <string.h>

enum { LAYERS = 2, HIDDEN = 64, HEADS = 4, KV_HEADS = 2, HEAD_DIM = 16, FFN = 96, EXPERTS = 4 };
enum { EXPERT_FFN = 32, TENSORS_MAX = 128 };

struct maker {
    const struct folder *f;
    struct su_tensor t[TENSORS_MAX];
    char name[TENSORS_MAX][128];
    uint32_t n;
    struct su_random random;
};

static void put_number(enum su_dtype d, float x, uint8_t *out)
{
    uint32_t u = su_f32_bits(x);

    if (d == SU_F32)
        su_put_le32(out, u);
    else if (d == SU_BF16)
        su_put_le16(out, (uint16_t)(u >> 16));
    else
        su_put_le16(out, su_num_to_f16(x));
}

/* rows 0: a vector of `columns`. */
static void add(struct maker *k, const char *name, uint32_t rows, uint32_t columns, float base)
{
    struct su_tensor *t = &k->t[k->n];
    uint32_t size = k->f->dtype == SU_F32 ? 4 : 2, n = (rows ? rows : 1) * columns;
    uint8_t *data = malloc((size_t)n * size);

    assert_non_null(data);
    assert_true(k->n < TENSORS_MAX);
    (void)snprintf(k->name[k->n], sizeof k->name[0], "%s%s", k->f->images ? "language_model." : "",
                   name);
    for (uint32_t i = 0; i < n; i++) {
        float u = (float)((int32_t)(su_random_u64(&k->random) >> 40) - (1 << 23)) * 0x1p-23f;
        put_number(k->f->dtype, base + 0.25f * u, data + (size_t)i * size);
    }
    *t = (struct su_tensor){.name = k->name[k->n], .dtype = k->f->dtype, .data = data};
    t->shape = rows ? (struct su_shape){2, {rows, columns}} : (struct su_shape){1, {columns}};
    t->bytes = (uint64_t)n * size;
    k->n++;
}

static void add_in(struct maker *k, uint32_t layer, const char *name, uint32_t rows,
                   uint32_t columns, float base)
{
    char full[128];

    (void)snprintf(full, sizeof full, "model.layers.%u.%s", layer, name);
    add(k, full, rows, columns, base);
}

static void add_experts(struct maker *k, uint32_t layer)
{
    char name[64];

    add_in(k, layer, "mlp.gate.weight", EXPERTS, HIDDEN, 0);
    for (uint32_t i = 0; i < EXPERTS; i++) {
        (void)snprintf(name, sizeof name, "mlp.experts.%u.gate_proj.weight", i);
        add_in(k, layer, name, EXPERT_FFN, HIDDEN, 0);
        (void)snprintf(name, sizeof name, "mlp.experts.%u.up_proj.weight", i);
        add_in(k, layer, name, EXPERT_FFN, HIDDEN, 0);
        (void)snprintf(name, sizeof name, "mlp.experts.%u.down_proj.weight", i);
        add_in(k, layer, name, HIDDEN, EXPERT_FFN, 0);
    }
}

static void add_layer(struct maker *k, uint32_t i)
{
    enum su_llm_arch a = k->f->arch;
    float norm = a == SU_LLM_GEMMA3 ? 0.0f : 1.0f;

    add_in(k, i, "input_layernorm.weight", 0, HIDDEN, norm);
    add_in(k, i, "post_attention_layernorm.weight", 0, HIDDEN, norm);
    if (a == SU_LLM_GEMMA3) {
        add_in(k, i, "pre_feedforward_layernorm.weight", 0, HIDDEN, norm);
        add_in(k, i, "post_feedforward_layernorm.weight", 0, HIDDEN, norm);
    }
    add_in(k, i, "self_attn.q_proj.weight", HEADS * HEAD_DIM, HIDDEN, 0);
    add_in(k, i, "self_attn.k_proj.weight", KV_HEADS * HEAD_DIM, HIDDEN, 0);
    add_in(k, i, "self_attn.v_proj.weight", KV_HEADS * HEAD_DIM, HIDDEN, 0);
    add_in(k, i, "self_attn.o_proj.weight", HIDDEN, HEADS * HEAD_DIM, 0);
    if (a == SU_LLM_QWEN2) {
        add_in(k, i, "self_attn.q_proj.bias", 0, HEADS * HEAD_DIM, 0);
        add_in(k, i, "self_attn.k_proj.bias", 0, KV_HEADS * HEAD_DIM, 0);
        add_in(k, i, "self_attn.v_proj.bias", 0, KV_HEADS * HEAD_DIM, 0);
    } else if (a != SU_LLM_LLAMA) {
        add_in(k, i, "self_attn.q_norm.weight", 0, HEAD_DIM, norm);
        add_in(k, i, "self_attn.k_norm.weight", 0, HEAD_DIM, norm);
    }
    if (a == SU_LLM_QWEN3MOE) {
        add_experts(k, i);
        return;
    }
    add_in(k, i, "mlp.gate_proj.weight", FFN, HIDDEN, 0);
    add_in(k, i, "mlp.up_proj.weight", FFN, HIDDEN, 0);
    add_in(k, i, "mlp.down_proj.weight", HIDDEN, FFN, 0);
}

static void write_config(const struct folder *f, const char *dir)
{
    static const char *const types[] = {"llama", "qwen2", "qwen3", "qwen3_moe", "gemma3_text"};
    char path[900], text[1500], inner[1200];

    (void)snprintf(inner, sizeof inner,
                   "{\"model_type\": \"%s\", \"num_hidden_layers\": %d, \"hidden_size\": %d, "
                   "\"num_attention_heads\": %d, \"num_key_value_heads\": %d, \"head_dim\": %d, "
                   "\"intermediate_size\": %d, \"vocab_size\": %d, \"max_position_embeddings\": 64,"
                   " \"rms_norm_eps\": 1e-5, \"rope_theta\": 10000.0, \"tie_word_embeddings\": %s, "
                   "\"num_experts\": %d, \"num_experts_per_tok\": 2, \"moe_intermediate_size\": %d,"
                   " \"norm_topk_prob\": true, \"query_pre_attn_scalar\": %d, \"eos_token_id\": 3}",
                   types[f->arch], LAYERS, HIDDEN, HEADS, KV_HEADS, HEAD_DIM, FFN, FOLDER_VOCAB,
                   f->arch == SU_LLM_GEMMA3 ? "true" : "false", EXPERTS, EXPERT_FFN, HEAD_DIM);
    (void)snprintf(text, sizeof text,
                   f->images ? "{\"model_type\": \"gemma3\", \"text_config\": %s}" : "%s", inner);
    (void)snprintf(path, sizeof path, "%s/config.json", dir);
    file_put(path, text, strlen(text));
}

static void write_shards(const struct maker *k, const char *dir)
{
    char path[900], leaf[64];
    struct su_buf index;

    su_buf_init(&index, 0);
    su_buf_str(&index, "{\"metadata\": {\"total_size\": 1}, \"weight_map\": {");
    for (unsigned s = 0; s < k->f->shards; s++) {
        struct su_tensor mine[TENSORS_MAX];
        uint32_t n = 0;
        (void)snprintf(leaf, sizeof leaf, "model-%05u-of-%05u.safetensors", s + 1, k->f->shards);
        for (uint32_t i = s; i < k->n; i += k->f->shards) {
            mine[n++] = k->t[i];
            su_buf_printf(&index, "%s\"%s\": \"%s\"", s + n > 1 ? ", " : "", k->t[i].name, leaf);
        }
        (void)snprintf(path, sizeof path, "%s/%s", dir, leaf);
        assert_int_equal(su_weights_write(path, mine, n, NULL), SU_OK);
    }
    su_buf_str(&index, "}}");
    (void)snprintf(path, sizeof path, "%s/model.safetensors.index.json", dir);
    file_put(path, index.data, index.len);
    su_buf_fini(&index);
}

void folder_make(const struct folder *f, const char *dir)
{
    struct maker *k = calloc(1, sizeof *k);
    char path[900];

    assert_non_null(k);
    k->f = f;
    k->random = (struct su_random){f->arch + 1u};
    add(k, "model.embed_tokens.weight", FOLDER_VOCAB, HIDDEN, 0);
    for (uint32_t i = 0; i < LAYERS; i++)
        add_layer(k, i);
    add(k, "model.norm.weight", 0, HIDDEN, f->arch == SU_LLM_GEMMA3 ? 0.0f : 1.0f);
    if (f->arch != SU_LLM_GEMMA3)
        add(k, "lm_head.weight", FOLDER_VOCAB, HIDDEN, 0);
    assert_int_equal(su_dir_make(dir, 0700, NULL), SU_OK);
    write_config(f, dir);
    (void)snprintf(path, sizeof path, "%s/model.safetensors", dir);
    if (f->shards)
        write_shards(k, dir);
    else
        assert_int_equal(su_weights_write(path, k->t, k->n, NULL), SU_OK);
    for (uint32_t i = 0; i < k->n; i++)
        free((void *)(uintptr_t)k->t[i].data);
    free(k);
}

void folder_tokenizer(const char *dir)
{
    char path[900];
    struct su_buf b;

    su_buf_init(&b, 0);
    su_buf_str(&b, "{\"added_tokens\": [{\"id\": 0, \"content\": \"<s>\", \"special\": true}, "
                   "{\"id\": 1, \"content\": \"</s>\", \"special\": true}], \"pre_tokenizer\": "
                   "{\"type\": \"ByteLevel\", \"add_prefix_space\": false}, \"model\": {\"type\": "
                   "\"BPE\", \"vocab\": {");
    for (int i = 0; i < 26; i++)
        su_buf_printf(&b, "\"%c\": %d, ", 'a' + i, i + 2);
    su_buf_str(&b, "\"ab\": 28, \"cd\": 29}, \"merges\": [\"a b\", \"c d\"]}}");
    (void)snprintf(path, sizeof path, "%s/tokenizer.json", dir);
    file_put(path, b.data, b.len);
    su_buf_fini(&b);
}

/* ---- the GGUF file --------------------------------------------------------------------------- */

static const char *const names[][2] = {
    {"model.embed_tokens.", "token_embd."},
    {"model.norm.", "output_norm."},
    {"lm_head.", "output."},
    {"input_layernorm.", "attn_norm."},
    {"pre_feedforward_layernorm.", "ffn_norm."},
    {"post_feedforward_layernorm.", "post_ffw_norm."},
    {"self_attn.q_proj.", "attn_q."},
    {"self_attn.k_proj.", "attn_k."},
    {"self_attn.v_proj.", "attn_v."},
    {"self_attn.o_proj.", "attn_output."},
    {"self_attn.q_norm.", "attn_q_norm."},
    {"self_attn.k_norm.", "attn_k_norm."},
    {"mlp.gate_proj.", "ffn_gate."},
    {"mlp.up_proj.", "ffn_up."},
    {"mlp.down_proj.", "ffn_down."},
    {"mlp.gate.", "ffn_gate_inp."},
    {"mlp.experts.gate_proj.", "ffn_gate_exps."},
    {"mlp.experts.up_proj.", "ffn_up_exps."},
    {"mlp.experts.down_proj.", "ffn_down_exps."},
};

static void gguf_name(const struct su_model *m, const char *hf, char out[128])
{
    const char *rest = hf;
    char front[32] = "";
    unsigned layer;
    int n = 0;

    if (sscanf(hf, "model.layers.%u.%n", &layer, &n) == 1 && n > 0) {
        (void)snprintf(front, sizeof front, "blk.%u.", layer);
        rest = hf + n;
    }
    if (su_str_starts(rest, "post_attention_layernorm.")) {
        const char *name = m->llm.arch == SU_LLM_GEMMA3 ? "post_attention_norm" : "ffn_norm";
        (void)snprintf(out, 128, "%s%s.weight", front, name);
        return;
    }
    for (size_t i = 0; i < SU_ARRAY_LEN(names); i++) {
        if (su_str_starts(rest, names[i][0])) {
            (void)snprintf(out, 128, "%s%s%s", front, names[i][1], rest + strlen(names[i][0]));
            return;
        }
    }
    fail_msg("no name for %s", hf);
}

static void put_text(struct su_buf *b, const char *text)
{
    su_buf_u64(b, strlen(text));
    su_buf_str(b, text);
}

static void put_u32(struct su_buf *b, const char *arch, const char *key, uint32_t type, uint32_t v)
{
    char full[96];

    (void)snprintf(full, sizeof full, "%s.%s", arch, key);
    put_text(b, full);
    su_buf_u32(b, type);
    su_buf_u32(b, v);
}

static void put_meta(struct su_buf *b, const struct su_llm_config *c)
{
    const char *a = su_llm_arch_name(c->arch);

    put_text(b, "general.architecture");
    su_buf_u32(b, SU_META_STR);
    put_text(b, a);
    put_u32(b, a, "block_count", SU_META_U32, c->layers);
    put_u32(b, a, "context_length", SU_META_U32, c->ctx);
    put_u32(b, a, "embedding_length", SU_META_U32, c->hidden);
    put_u32(b, a, "attention.head_count", SU_META_U32, c->heads);
    put_u32(b, a, "attention.head_count_kv", SU_META_U32, c->kv_heads);
    put_u32(b, a, "attention.key_length", SU_META_U32, c->head_dim);
    put_u32(b, a, "attention.value_length", SU_META_U32, c->head_dim);
    put_u32(b, a, "feed_forward_length", SU_META_U32, c->ffn);
    put_u32(b, a, "attention.layer_norm_rms_epsilon", SU_META_F32, su_f32_bits(c->norm_eps));
    put_u32(b, a, "rope.freq_base", SU_META_F32, su_f32_bits(c->rope.base));
    put_u32(b, a, "attention.sliding_window", SU_META_U32, c->window);
    put_u32(b, a, "expert_count", SU_META_U32, c->experts);
    put_u32(b, a, "expert_used_count", SU_META_U32, c->experts_used);
    put_u32(b, a, "expert_feed_forward_length", SU_META_U32, c->expert_ffn);
}

/* The bytes of a tensor as the file wants them: rows of q and k of llama from halves to neighbours,
   1 more in the norms of gemma3. */
static void put_data(struct su_buf *b, const struct su_model *m, const struct su_tensor *t)
{
    uint32_t heads = strstr(t->name, "q_proj")   ? m->llm.heads
                     : strstr(t->name, "k_proj") ? m->llm.kv_heads
                                                 : 0;

    if (m->llm.arch == SU_LLM_GEMMA3 && strstr(t->name, "norm")) {
        assert_int_equal(t->dtype, SU_F32);
        for (uint64_t i = 0; i < t->bytes; i += 4)
            su_buf_u32(b, su_f32_bits(su_f32_from_bits(su_le32(t->data + i)) + 1.0f));
        return;
    }
    if (m->llm.arch != SU_LLM_LLAMA || heads == 0) {
        su_buf_put(b, t->data, t->bytes);
        return;
    }
    uint32_t rows = t->shape.dim[0], half = rows / heads / 2;
    uint64_t row = t->bytes / rows;
    for (uint32_t r = 0; r < rows; r++) {
        uint32_t head = r / (2 * half), i = r % (2 * half);
        uint32_t from = head * 2 * half + i / 2 + i % 2 * half;
        su_buf_put(b, t->data + from * row, row);
    }
}

static void pad(struct su_buf *b)
{
    while (b->len % 32)
        su_buf_u8(b, 0);
}

void folder_gguf(const struct su_model *m, const char *path)
{
    struct su_buf head, data;
    char name[128];

    su_buf_init(&head, 0);
    su_buf_init(&data, 0);
    su_buf_str(&head, "GGUF");
    su_buf_u32(&head, 3);
    su_buf_u64(&head, su_weights_count(m->weights));
    su_buf_u64(&head, 15);
    put_meta(&head, &m->llm);
    for (uint32_t i = 0; i < su_weights_count(m->weights); i++) {
        const struct su_tensor *t = su_weights_at(m->weights, i);
        gguf_name(m, t->name, name);
        put_text(&head, name);
        su_buf_u32(&head, t->shape.rank);
        for (uint32_t k = t->shape.rank; k-- > 0;)
            su_buf_u64(&head, t->shape.dim[k]);
        assert_true(t->dtype == SU_F32 || t->dtype == SU_Q8_0);
        su_buf_u32(&head, t->dtype == SU_F32 ? 0 : 8);
        su_buf_u64(&head, data.len);
        put_data(&data, m, t);
        pad(&data);
    }
    pad(&head);
    su_buf_put(&head, data.data, data.len);
    assert_int_equal(su_buf_check(&head, "gguf", NULL), SU_OK);
    file_put(path, head.data, head.len);
    su_buf_fini(&head);
    su_buf_fini(&data);
}

/* ---- running --------------------------------------------------------------------------------- */

struct su_model *folder_open(const char *path)
{
    struct su_model *m = NULL;
    struct su_err e = {0};

    if (su_model_open(path, &m, &e))
        fail_msg("%s: %s: %s", path, e.at, e.msg);
    return m;
}

void folder_logits(const struct su_model *m, float out[FOLDER_TOKENS][FOLDER_VOCAB])
{
    static const uint32_t token[FOLDER_TOKENS] = {5, 17, 2, 40, 33, 9, 21, 2, 47};
    const struct su_graph *g = m->graph;
    const void **weight = calloc(g->n_weight + 1u, sizeof *weight), *input[] = {token};
    struct su_row row[FOLDER_TOKENS];
    struct su_session *session = NULL;
    struct su_eval *ev = NULL;
    struct su_err e = {0};
    size_t bytes = 0;

    assert_non_null(weight);
    for (uint32_t i = 0; i < FOLDER_TOKENS; i++)
        row[i] = (struct su_row){0, i, true};
    for (uint32_t i = 0; i < g->n_weight; i++) {
        struct su_weight_span span;
        assert_int_equal(su_weights_resolve(m->weights, g, g->weight[i], &span, &e), SU_OK);
        weight[i] = span.tensor->data + span.offset;
    }
    assert_int_equal(su_session_new(g, 16, &session, NULL), SU_OK);
    const struct su_eval_args args = {.row = row,
                                      .n_row = FOLDER_TOKENS,
                                      .input = input,
                                      .weight = weight,
                                      .session = &session,
                                      .n_session = 1};
    if (su_graph_eval(g, &args, &ev, &e))
        fail_msg("%s: %s", e.at, e.msg);
    const void *logits = su_eval_value(ev, g->output[0].value, &bytes);
    assert_int_equal(bytes, FOLDER_TOKENS * sizeof out[0]);
    memcpy(out, logits, bytes);
    su_eval_free(ev);
    su_session_free(session);
    free(weight);
}
