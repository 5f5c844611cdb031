// SPDX-License-Identifier: MIT
/* A language model's description from the config.json that is published with it. */
#include "llm.h"

#include "json/json.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* Reads members of an object; after a failure every call does nothing. A null counts as absent. */
struct reader {
    const struct su_json_value *o;
    const char *at;
    struct su_err *e;
    enum su_code code;
};

static const struct su_json_value *member(const struct reader *r, const char *key)
{
    const struct su_json_value *v = su_json_member(r->o, key);

    return v && su_json_kind(v) != SU_JSON_NULL ? v : NULL;
}

static uint32_t get_u32(struct reader *r, const char *key, uint32_t otherwise)
{
    const struct su_json_value *v = member(r, key);
    uint64_t n = otherwise;

    if (r->code || !v)
        return otherwise;
    r->code = su_json_as_u64(v, key, &n, r->e);
    if (!r->code && n > UINT32_MAX)
        r->code = su_fail(r->e, SU_EOVERFLOW, key, "is %" PRIu64 "; the limit is 2^32 - 1", n);
    return (uint32_t)n;
}

static uint32_t need_u32(struct reader *r, const char *key)
{
    if (!r->code && !member(r, key))
        r->code = su_fail(r->e, SU_ENOENT, r->at, "has no member %s", key);
    return get_u32(r, key, 0);
}

static float get_f32(struct reader *r, const char *key, float otherwise)
{
    const struct su_json_value *v = member(r, key);
    double x = 0;

    if (r->code || !v)
        return otherwise;
    r->code = su_json_as_double(v, key, &x, r->e);
    if (!r->code && !(fabs(x) <= 0x1p50))
        r->code = su_fail(r->e, SU_EOVERFLOW, key, "is %g; the limit is 2^50", x);
    return r->code ? otherwise : (float)x;
}

static bool get_bool(struct reader *r, const char *key, bool otherwise)
{
    const struct su_json_value *v = member(r, key);
    bool b = otherwise;

    if (!r->code && v)
        r->code = su_json_as_bool(v, key, &b, r->e);
    return b;
}

static const char *get_text(struct reader *r, const char *key, const char *otherwise)
{
    const struct su_json_value *v = member(r, key);
    const char *s = otherwise;

    if (!r->code && v)
        r->code = su_json_as_str(v, key, &s, r->e);
    return s;
}

static struct reader inside(const struct reader *r, const char *key)
{
    struct reader in = *r;

    in.o = member(r, key);
    in.at = key;
    if (!in.code && in.o && su_json_kind(in.o) != SU_JSON_OBJECT)
        in.code = su_fail(in.e, SU_ETYPE, key, "is %s, not an object",
                          su_json_kind_name(su_json_kind(in.o)));
    return in;
}

static void refuse(struct reader *r, const char *key, const char *what)
{
    if (!r->code)
        r->code = su_fail(r->e, SU_EUNSUPPORTED, key, "%s", what);
}

/* ---- parts ----------------------------------------------------------------------------------- */

static void read_arch(struct reader *r, struct su_llm_config *c)
{
    const char *type = get_text(r, "model_type", "");
    char shown[64];

    for (unsigned a = 0; a < SU_LLM_ARCH_COUNT && !r->code; a++) {
        const struct su_llm_arch_row *row = su_llm_arch_row((enum su_llm_arch)a);
        for (size_t i = 0; i < SU_ARRAY_LEN(row->hf) && row->hf[i]; i++) {
            if (strcmp(type, row->hf[i]) == 0) {
                c->arch = (enum su_llm_arch)a;
                return;
            }
        }
    }
    su_str_sanitize(shown, sizeof shown, type, strlen(type));
    if (!r->code)
        r->code = shown[0] ? su_llm_arch_unknown(r->e, r->at, shown)
                           : su_fail(r->e, SU_ENOENT, r->at,
                                     "has no model_type, so it is no model's config.json");
}

/* What the configuration class of gemma3 leaves out of its files, by its own defaults. */
static void read_sizes(struct reader *r, struct su_llm_config *c)
{
    bool gemma = c->arch == SU_LLM_GEMMA3;

    c->layers = need_u32(r, "num_hidden_layers");
    c->hidden = need_u32(r, "hidden_size");
    c->heads = gemma ? get_u32(r, "num_attention_heads", 8) : need_u32(r, "num_attention_heads");
    c->kv_heads = get_u32(r, "num_key_value_heads", gemma ? 4 : c->heads);
    c->head_dim = get_u32(r, "head_dim", gemma ? 256 : c->heads ? c->hidden / c->heads : 0);
    c->ffn = need_u32(r, "intermediate_size");
    c->vocab = gemma ? get_u32(r, "vocab_size", 262208) : need_u32(r, "vocab_size");
    c->ctx = get_u32(r, "max_position_embeddings", gemma ? 131072 : 2048);
    c->norm_eps = get_f32(r, "rms_norm_eps", 1e-6f);
    c->tied = get_bool(r, "tie_word_embeddings", gemma);
}

static void read_features(struct reader *r, struct su_llm_config *c)
{
    const char *wanted = c->gelu ? "gelu_pytorch_tanh" : "silu";
    const char *act = get_text(
        r, c->gelu && !member(r, "hidden_act") ? "hidden_activation" : "hidden_act", wanted);
    bool bias = get_bool(r, "attention_bias", false);

    if (!r->code && strcmp(act, wanted) != 0)
        refuse(r, "hidden_act",
               c->gelu ? "only gelu_pytorch_tanh is supported here"
                       : "only silu is supported here");
    c->qkv_bias = c->arch == SU_LLM_QWEN2 || bias;
    c->output_bias = c->arch != SU_LLM_QWEN2 && bias;
    if (get_bool(r, "mlp_bias", false))
        refuse(r, "mlp_bias", "biases of the ffn are not supported");
    if (c->arch != SU_LLM_GEMMA3)
        return;
    float scalar = get_f32(r, "query_pre_attn_scalar", 256.0f);
    if (!r->code && !(scalar > 0.0f))
        r->code = su_fail(r->e, SU_EINVAL, "query_pre_attn_scalar", "is %g; it must be above 0",
                          (double)scalar);
    c->attention_scale = scalar > 0.0f ? (float)(1.0 / sqrt((double)scalar)) : 0.0f;
    c->attention_softcap = get_f32(r, "attn_logit_softcapping", 0.0f);
    c->logit_softcap = get_f32(r, "final_logit_softcapping", 0.0f);
}

static void read_experts(struct reader *r, struct su_llm_config *c)
{
    if (c->arch != SU_LLM_QWEN3MOE)
        return;
    const struct su_json_value *dense = member(r, "mlp_only_layers");
    c->experts = need_u32(r, "num_experts");
    c->experts_used = need_u32(r, "num_experts_per_tok");
    c->expert_ffn = need_u32(r, "moe_intermediate_size");
    c->experts_renormalise = get_bool(r, "norm_topk_prob", false);
    if (get_u32(r, "decoder_sparse_step", 1) != 1 || (dense && su_json_first(dense)))
        refuse(r, "mlp_only_layers", "models that mix dense layers with experts are not supported");
}

/* Which layers see a window: gemma3 says it as a pattern, or layer by layer, which must be one. */
static void read_layer_types(struct reader *r, struct su_llm_config *c)
{
    const struct su_json_value *list = member(r, "layer_types");
    uint32_t n = 0, first = 0;

    if (r->code || !list)
        return;
    for (const struct su_json_value *v = su_json_first(list); v; v = su_json_next(v)) {
        const char *kind = "";
        if ((r->code = su_json_as_str(v, "layer_types", &kind, r->e)))
            return;
        n++;
        bool all = strcmp(kind, "full_attention") == 0;
        if (!all && strcmp(kind, "sliding_attention") != 0)
            refuse(r, "layer_types", "only full_attention and sliding_attention are supported");
        if (all && first == 0)
            first = n;
        if (first && all != (n % first == 0))
            refuse(r, "layer_types",
                   "the layers do not follow one pattern, which is not supported");
    }
    c->window_pattern = first;
}

static void read_window(struct reader *r, struct su_llm_config *c)
{
    bool gemma = c->arch == SU_LLM_GEMMA3;

    c->window = get_u32(r, "sliding_window", gemma ? 4096 : 0);
    if (gemma) {
        c->window_pattern = get_u32(r, "sliding_window_pattern",
                                    get_u32(r, "_sliding_window_pattern", c->window_pattern));
        read_layer_types(r, c);
        return;
    }
    if (get_bool(r, "use_sliding_window", false))
        refuse(r, "use_sliding_window",
               "windows in some layers of this architecture are not "
               "supported");
    /* The configuration classes of qwen write a window that use_sliding_window turns off; those of
       llama have none, but mistral, of the same architecture, uses it in every layer. */
    if (c->arch != SU_LLM_LLAMA || strcmp(get_text(r, "model_type", ""), "mistral") != 0)
        c->window = 0;
}

static void read_scaling(struct reader *r, const struct su_llm_config *c, struct su_llm_rope *rope)
{
    struct reader s = *r;
    if (!s.o || s.code)
        return;
    const char *kind = get_text(&s, "rope_type", get_text(&s, "type", "default"));
    float factor = get_f32(&s, "factor", 1.0f);

    if (!s.code && !(factor > 0.0f))
        s.code = su_fail(s.e, SU_EINVAL, "factor", "is %g; it must be above 0", (double)factor);
    if (s.code || strcmp(kind, "default") == 0) {
        r->code = s.code;
        return;
    }
    rope->scale = 1.0f / factor;
    if (strcmp(kind, "llama3") == 0) {
        rope->kind = 1;
        rope->p[0] = get_f32(&s, "low_freq_factor", 1.0f);
        rope->p[1] = get_f32(&s, "high_freq_factor", 4.0f);
    } else if (strcmp(kind, "yarn") == 0) {
        rope->kind = 2;
        rope->p[0] = get_f32(&s, "beta_fast", 32.0f);
        rope->p[1] = get_f32(&s, "beta_slow", 1.0f);
    } else if (strcmp(kind, "linear") != 0) {
        refuse(&s, "rope_scaling", "only the types default, linear, llama3 and yarn are supported");
    }
    if (rope->kind != 0)
        rope->p[2] = (float)get_u32(&s, "original_max_position_embeddings", c->ctx);
    r->code = s.code;
}

/* Older files spell rope_theta and rope_scaling, newer ones hold both in rope_parameters. */
static void read_rope(struct reader *r, struct su_llm_config *c)
{
    struct reader now = inside(r, "rope_parameters"), old = inside(r, "rope_scaling");
    struct reader all = now.o ? inside(&now, "full_attention") : now;
    struct reader part = now.o ? inside(&now, "sliding_attention") : now;
    struct reader scaling = all.o ? all : now.o ? now : old;

    c->rope_dims = c->head_dim;
    c->rope = (struct su_llm_rope){.scale = 1.0f};
    c->rope.base = get_f32(r, "rope_theta", c->arch == SU_LLM_GEMMA3 ? 1e6f : 10000.0f);
    r->code = r->code ? r->code : now.code ? now.code : old.code ? old.code : scaling.code;
    scaling.code = r->code;
    if (now.o)
        c->rope.base = get_f32(&scaling, "rope_theta", c->rope.base);
    read_scaling(&scaling, c, &c->rope);
    r->code = scaling.code;
    float partial = get_f32(r, "partial_rotary_factor", 1.0f);
    if (partial != 1.0f)
        refuse(r, "partial_rotary_factor", "heads that turn in part are not supported");
    if (c->arch != SU_LLM_GEMMA3) {
        c->rope_window = c->rope;
        return;
    }
    c->rope_window.base = get_f32(r, "rope_local_base_freq", c->rope_window.base);
    if (part.o && !r->code) {
        c->rope_window.base = get_f32(&part, "rope_theta", c->rope_window.base);
        r->code = part.code;
    }
}

enum su_code su_llm_config_from_json(const void *text, size_t len, const char *at,
                                     struct su_llm_config *out, struct su_err *e)
{
    struct su_json *doc = NULL;
    struct su_llm_config c = {.names = SU_LLM_NAMES_HF};
    struct reader r = {.at = at, .e = e};

    r.code = su_json_parse(text, len, at, NULL, &doc, e);
    if (r.code)
        return r.code;
    r.o = su_json_root(doc);
    read_arch(&r, &c);
    /* A model that also sees images describes its language part inside. */
    if (!r.code && c.arch == SU_LLM_GEMMA3 && member(&r, "text_config"))
        r = inside(&r, "text_config");
    read_sizes(&r, &c);
    su_llm_config_derive(&c);
    read_features(&r, &c);
    read_experts(&r, &c);
    read_window(&r, &c);
    read_rope(&r, &c);
    if (!r.code && (r.code = su_llm_config_check(&c, e)))
        (void)su_wrap(e, "%s", at);
    su_json_free(doc);
    if (!r.code)
        *out = c;
    return r.code;
}
