// SPDX-License-Identifier: MIT
/* A language model's description from the metadata and tensors of its GGUF file. */
#include "llm.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* Reads keys "<architecture>.<name>"; after a failure every call does nothing. */
struct reader {
    const struct su_weights *w;
    const char *arch;
    struct su_err *e;
    enum su_code code;
};

static void key_of(const struct reader *r, const char *name, char out[96])
{
    (void)snprintf(out, 96, "%s.%s", r->arch, name);
}

static bool has_key(const struct reader *r, const char *name)
{
    struct su_meta_value m;
    char key[96];

    key_of(r, name, key);
    return su_meta_find(r->w, key, &m);
}

static uint32_t need_u32(struct reader *r, const char *name)
{
    char key[96];
    uint32_t v = 0;

    key_of(r, name, key);
    if (!r->code)
        r->code = su_meta_u32(r->w, key, &v, r->e);
    return v;
}

static uint32_t get_u32(struct reader *r, const char *name, uint32_t otherwise)
{
    return has_key(r, name) ? need_u32(r, name) : otherwise;
}

static float get_f32(struct reader *r, const char *name, float otherwise)
{
    char key[96];
    float v = otherwise;

    key_of(r, name, key);
    if (!r->code && has_key(r, name))
        r->code = su_meta_f32(r->w, key, &v, r->e);
    return v;
}

/* The text of a key, "" when absent; longer ones are cut. */
static void get_text(struct reader *r, const char *key, char *out, size_t cap)
{
    struct su_meta_value m;
    struct su_bytes text;

    out[0] = '\0';
    if (r->code || !su_meta_find(r->w, key, &m))
        return;
    r->code = su_meta_str(r->w, key, &text, r->e);
    if (!r->code)
        su_str_sanitize(out, cap, text.data, text.len);
}

static bool has_tensor(const struct su_llm_config *c, const struct reader *r, enum su_llm_role role,
                       bool bias)
{
    char name[SU_GRAPH_NAME_MAX + 1];

    su_llm_weight_name(c, role, 0, bias, name);
    return su_weights_find(r->w, name) != NULL;
}

static void read_arch(struct reader *r, struct su_llm_config *c)
{
    char name[64];
    bool known = false;

    get_text(r, "general.architecture", name, sizeof name);
    if (r->code)
        return;
    if (name[0] == '\0') {
        r->code = su_fail(r->e, SU_ENOENT, su_weights_path(r->w),
                          "has no key general.architecture, so it is no GGUF file of a model");
        return;
    }
    for (unsigned a = 0; a < SU_LLM_ARCH_COUNT && !known; a++) {
        known = strcmp(name, su_llm_arch_name((enum su_llm_arch)a)) == 0;
        if (known)
            c->arch = (enum su_llm_arch)a;
    }
    if (!known)
        r->code = su_llm_arch_unknown(r->e, su_weights_path(r->w), name);
    r->arch = su_llm_arch_name(c->arch);
}

static void read_sizes(struct reader *r, struct su_llm_config *c)
{
    c->layers = need_u32(r, "block_count");
    c->ctx = need_u32(r, "context_length");
    c->hidden = need_u32(r, "embedding_length");
    c->heads = need_u32(r, "attention.head_count");
    c->kv_heads = get_u32(r, "attention.head_count_kv", c->heads);
    c->head_dim = get_u32(r, "attention.key_length", c->heads ? c->hidden / c->heads : 0);
    c->norm_eps = get_f32(r, "attention.layer_norm_rms_epsilon", 0.0f);
    c->experts = get_u32(r, "expert_count", 0);
    if (c->experts) {
        c->ffn = get_u32(r, "feed_forward_length", 0);
        c->experts_used = need_u32(r, "expert_used_count");
        c->expert_ffn = get_u32(r, "expert_feed_forward_length", c->ffn);
        c->experts_renormalise = true;
    } else {
        c->ffn = need_u32(r, "feed_forward_length");
    }
    uint32_t value = get_u32(r, "attention.value_length", c->head_dim);
    if (!r->code && value != c->head_dim)
        r->code = su_fail(r->e, SU_EUNSUPPORTED, su_weights_path(r->w),
                          "keys of %" PRIu32 " elements with values of %" PRIu32
                          " are not supported; they must be equal",
                          c->head_dim, value);
    if (!r->code && get_u32(r, "expert_shared_count", 0) > 0)
        r->code = su_fail(r->e, SU_EUNSUPPORTED, su_weights_path(r->w),
                          "shared experts are not supported");
}

static void read_rope(struct reader *r, struct su_llm_config *c)
{
    char kind[32], key[96];
    float factor = get_f32(r, "rope.scaling.factor", get_f32(r, "rope.scale_linear", 1.0f));

    c->rope_dims = get_u32(r, "rope.dimension_count", c->head_dim);
    c->rope = (struct su_llm_rope){.base = get_f32(r, "rope.freq_base", 10000.0f), .scale = 1.0f};
    key_of(r, "rope.scaling.type", key);
    get_text(r, key, kind, sizeof kind);
    if (r->code || strcmp(kind, "none") == 0)
        return;
    if (!(factor > 0.0f)) {
        r->code =
            su_fail(r->e, SU_EINVAL, key, "a factor of %g; it must be above 0", (double)factor);
        return;
    }
    if (strcmp(kind, "yarn") == 0) {
        c->rope.kind = 2;
        c->rope.p[0] = get_f32(r, "rope.scaling.yarn_beta_fast", 32.0f);
        c->rope.p[1] = get_f32(r, "rope.scaling.yarn_beta_slow", 1.0f);
        c->rope.p[2] = (float)get_u32(r, "rope.scaling.original_context_length", c->ctx);
    } else if (kind[0] != '\0' && strcmp(kind, "linear") != 0) {
        r->code = su_fail(r->e, SU_EUNSUPPORTED, key,
                          "'%s' is not supported; these are: none, linear, yarn", kind);
    }
    c->rope.scale = 1.0f / factor;
}

/* Every how many layers one sees all: a number, or flags of the layers that see a window, which
   must follow such a pattern. */
static void read_pattern(struct reader *r, struct su_llm_config *c)
{
    struct su_meta_value list;
    uint32_t first = 0;
    char key[96];

    key_of(r, "attention.sliding_window_pattern", key);
    if (r->code || !su_meta_find(r->w, key, &list) || !list.array) {
        c->window_pattern = get_u32(r, "attention.sliding_window_pattern", c->window_pattern);
        return;
    }
    if ((r->code = su_meta_array(r->w, key, SU_META_BOOL, &list, r->e)))
        return;
    for (uint32_t i = 1; i <= list.n; i++) {
        bool all = su_meta_int_at(&list, i - 1) == 0;
        if (all && first == 0)
            first = i;
        if (first && all != (i % first == 0)) {
            r->code = su_fail(r->e, SU_EUNSUPPORTED, key,
                              "the layers do not follow one pattern, which is not supported");
            return;
        }
    }
    c->window_pattern = first;
}

static void read_window(struct reader *r, struct su_llm_config *c)
{
    if (c->arch != SU_LLM_GEMMA3)
        return;
    c->window = get_u32(r, "attention.sliding_window", 0);
    read_pattern(r, c);
    c->rope_window.base = get_f32(r, "rope.freq_base_swa", c->rope_window.base);
}

static void read_tensors(struct reader *r, struct su_llm_config *c)
{
    const struct su_tensor *t = su_weights_find(r->w, "token_embd.weight");

    if (r->code)
        return;
    if (!t || t->shape.rank != 2) {
        r->code = su_fail(r->e, t ? SU_ETYPE : SU_ENOENT, su_weights_path(r->w),
                          "has no matrix token_embd.weight, which every language model has");
        return;
    }
    c->vocab = t->shape.dim[0];
    c->tied = !has_tensor(c, r, SU_LLM_HEAD, false);
    c->qkv_bias = has_tensor(c, r, SU_LLM_Q, true);
    c->output_bias = has_tensor(c, r, SU_LLM_OUT, true);
    c->rope_factors = has_tensor(c, r, SU_LLM_ROPE_FACTORS, false);
}

void su_llm_config_derive(struct su_llm_config *c)
{
    bool gemma = c->arch == SU_LLM_GEMMA3;

    c->qk_norm = gemma || c->arch == SU_LLM_QWEN3 || c->arch == SU_LLM_QWEN3MOE;
    c->post_norms = c->gelu = gemma;
    c->attention_scale = c->head_dim ? (float)(1.0 / sqrt((double)c->head_dim)) : 0.0f;
    if (!gemma)
        return;
    c->embedding_scale = (float)sqrt((double)c->hidden);
    c->window_pattern = 6;
    c->rope_window = (struct su_llm_rope){.base = 10000.0f, .scale = 1.0f};
}

enum su_code su_llm_config_from_gguf(const struct su_weights *w, struct su_llm_config *out,
                                     struct su_err *e)
{
    struct reader r = {.w = w, .e = e};
    struct su_llm_config c = {.names = SU_LLM_NAMES_GGUF};

    read_arch(&r, &c);
    if (r.code)
        return r.code;
    read_sizes(&r, &c);
    su_llm_config_derive(&c);
    /* The 27B model of gemma3, which alone has this many layers, scales by what its heads would be
       without key_length; no key says so. */
    if (c.arch == SU_LLM_GEMMA3 && c.layers == 62 && c.heads > 0 && c.hidden >= c.heads)
        c.attention_scale = (float)(1.0 / sqrt((double)c.hidden / (double)c.heads));
    c.attention_scale = get_f32(&r, "attention.scale", c.attention_scale);
    c.attention_softcap = get_f32(&r, "attn_logit_softcapping", 0.0f);
    c.logit_softcap = get_f32(&r, "final_logit_softcapping", 0.0f);
    read_rope(&r, &c);
    read_window(&r, &c);
    read_tensors(&r, &c);
    if (!r.code && (r.code = su_llm_config_check(&c, e)))
        (void)su_wrap(e, "metadata of %s", su_weights_path(w));
    if (!r.code)
        *out = c;
    return r.code;
}
