// SPDX-License-Identifier: MIT
#include "llm.h"

#include <inttypes.h>
#include <string.h>

static const struct su_llm_arch_row rows[SU_LLM_ARCH_COUNT] = {
    [SU_LLM_LLAMA] = {"llama", {"llama", "mistral"}},
    [SU_LLM_QWEN2] = {"qwen2", {"qwen2"}},
    [SU_LLM_QWEN3] = {"qwen3", {"qwen3"}},
    [SU_LLM_QWEN3MOE] = {"qwen3moe", {"qwen3_moe"}},
    [SU_LLM_GEMMA3] = {"gemma3", {"gemma3_text", "gemma3"}},
};

const char *su_llm_arch_name(enum su_llm_arch a)
{
    return (unsigned)a < SU_LLM_ARCH_COUNT ? rows[a].gguf : "?";
}

const struct su_llm_arch_row *su_llm_arch_row(enum su_llm_arch a)
{
    return &rows[a];
}

bool su_llm_quant_find(const char *name, enum su_llm_quant *out)
{
    static const char *const names[SU_LLM_QUANT_COUNT] = {"q4_k_m", "q8_0", "bf16",
                                                          "q4_1",   "q4_0", "f32"};
    for (unsigned i = 0; i < SU_LLM_QUANT_COUNT; i++) {
        if (strcmp(name, names[i]) == 0) {
            *out = (enum su_llm_quant)i;
            return true;
        }
    }
    return false;
}

struct range {
    const char *name;
    uint32_t value, lo, hi;
};

static enum su_code check_ranges(const struct range *r, size_t n, struct su_err *e)
{
    for (size_t i = 0; i < n; i++) {
        if (r[i].value < r[i].lo)
            return su_fail(e, SU_EINVAL, r[i].name, "is %" PRIu32 "; it must be at least %" PRIu32,
                           r[i].value, r[i].lo);
        if (r[i].value > r[i].hi)
            return su_fail(e, SU_ELIMIT, r[i].name, "is %" PRIu32 "; the limit is %" PRIu32,
                           r[i].value, r[i].hi);
    }
    return SU_OK;
}

struct span {
    const char *name;
    float value, lo, hi;
};

/* A NaN is in no range. */
static enum su_code check_spans(const struct span *s, size_t n, struct su_err *e)
{
    for (size_t i = 0; i < n; i++) {
        if (!(s[i].value >= s[i].lo && s[i].value <= s[i].hi))
            return su_fail(e, SU_EINVAL, s[i].name, "is %g; it must be from %g to %g",
                           (double)s[i].value, (double)s[i].lo, (double)s[i].hi);
    }
    return SU_OK;
}

static enum su_code check_rope(const struct su_llm_rope *r, const char *name, struct su_err *e)
{
    const struct range kind = {name, r->kind, 0, 2};
    const float lo = r->kind ? 0x1p-20f : 0.0f, hi = r->kind ? 0x1p30f : 0.0f;
    const struct span spans[] = {
        {"rope base", r->base, 1.0f, 0x1p40f}, {"rope scale", r->scale, 0x1p-20f, 0x1p20f},
        {"rope parameter 0", r->p[0], lo, hi}, {"rope parameter 1", r->p[1], lo, hi},
        {"rope parameter 2", r->p[2], lo, hi},
    };
    enum su_code c = check_ranges(&kind, 1, e);

    c = c ? c : check_spans(spans, SU_ARRAY_LEN(spans), e);
    if (!c && r->kind == 1 && r->p[0] == r->p[1])
        c = su_fail(e, SU_EINVAL, "rope", "low and high frequency factor are both %g",
                    (double)r->p[0]);
    return c;
}

static enum su_code check_shape(const struct su_llm_config *c, struct su_err *e)
{
    const uint32_t dim = SU_LLM_DIM_MAX;
    const struct range ranges[] = {
        {"arch", (uint32_t)c->arch, 0, SU_LLM_ARCH_COUNT - 1},
        {"names", (uint32_t)c->names, 0, SU_LLM_NAMES_COUNT - 1},
        {"layers", c->layers, 1, SU_LLM_LAYERS_MAX},
        {"hidden size", c->hidden, 1, dim},
        {"heads", c->heads, 1, 65536},
        {"kv heads", c->kv_heads, 1, c->heads},
        {"head dim", c->head_dim, 2, 65536},
        {"ffn size", c->ffn, c->experts ? 0 : 1, dim},
        {"vocabulary", c->vocab, 1, dim},
        {"context", c->ctx, 1, SU_LLM_CTX_MAX},
        {"rope dims", c->rope_dims, 2, c->head_dim},
        {"window", c->window, 0, SU_LLM_CTX_MAX},
        {"window pattern", c->window_pattern, 0, SU_LLM_LAYERS_MAX},
        {"experts", c->experts, 0, SU_LLM_EXPERTS_MAX},
        {"experts used", c->experts_used, c->experts ? 1 : 0, c->experts},
        {"expert ffn size", c->expert_ffn, c->experts ? 1 : 0, dim},
    };
    enum su_code code = check_ranges(ranges, SU_ARRAY_LEN(ranges), e);

    if (code)
        return code;
    if ((uint64_t)c->heads * c->head_dim > dim)
        return su_fail(e, SU_ELIMIT, "heads", "%" PRIu32 " of %" PRIu32 " elements exceed %" PRIu32,
                       c->heads, c->head_dim, dim);
    if (c->heads % c->kv_heads != 0)
        return su_fail(e, SU_EINVAL, "heads",
                       "%" PRIu32 " heads do not share %" PRIu32 " kv heads evenly", c->heads,
                       c->kv_heads);
    if (c->rope_dims % 2 != 0)
        return su_fail(e, SU_EINVAL, "rope dims", "%" PRIu32 " do not turn in pairs", c->rope_dims);
    return SU_OK;
}

enum su_code su_llm_config_check(const struct su_llm_config *c, struct su_err *e)
{
    const struct span spans[] = {
        {"norm eps", c->norm_eps, 0x1p-40f, 1.0f},
        {"embedding scale", c->embedding_scale, 0.0f, 0x1p20f},
        {"attention scale", c->attention_scale, 0x1p-40f, 0x1p20f},
        {"attention softcap", c->attention_softcap, 0.0f, 0x1p20f},
        {"logit softcap", c->logit_softcap, 0.0f, 0x1p20f},
    };
    enum su_code code = check_shape(c, e);

    code = code ? code : check_spans(spans, SU_ARRAY_LEN(spans), e);
    code = code ? code : check_rope(&c->rope, "rope", e);
    return code || !c->window ? code : check_rope(&c->rope_window, "rope of windowed layers", e);
}

enum su_code su_llm_arch_unknown(struct su_err *e, const char *at, const char *name)
{
    return su_fail(e, SU_EUNSUPPORTED, at,
                   "architecture '%s' is not supported; these are: llama (and mistral), qwen2, "
                   "qwen3, qwen3moe, gemma3",
                   name);
}
