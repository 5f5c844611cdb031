// SPDX-License-Identifier: MIT
/* The tokenizer of a language model, from the metadata of its GGUF file. */
#include "llm.h"

#include <stdlib.h>
#include <string.h>

/* Arrays that a struct su_text_vocab borrows. */
struct vocab {
    struct su_text_vocab v;
    struct su_text_string *tokens, *merges;
    int32_t *types;
    float *scores;
    char pre[64];
    char *chat_template;
};

static void vocab_fini(struct vocab *v)
{
    free(v->tokens);
    free(v->merges);
    free(v->types);
    free(v->scores);
    free(v->chat_template);
}

static enum su_code read_strings(const struct su_weights *w, const char *key, size_t max,
                                 struct su_text_string **out, size_t *n, struct su_err *e)
{
    struct su_meta_value m;
    struct su_bytes s;
    size_t at = 0;
    enum su_code rc = su_meta_array(w, key, SU_META_STR, &m, e);
    if (rc != SU_OK)
        return rc;
    if (m.n > max)
        return su_fail(e, SU_ELIMIT, key, "%llu entries; at most %zu are read",
                       (unsigned long long)m.n, max);
    *n = (size_t)m.n;
    *out = su_try_alloc(SU_MAX(*n, 1u), sizeof **out);
    if (!*out)
        return su_fail(e, SU_ENOMEM, key, "no memory for %zu entries", *n);
    while (at < *n && su_meta_next_str(&m, &s))
        (*out)[at++] = (struct su_text_string){s.data, s.len};
    return SU_OK;
}

/* An optional array of one number per token. */
static enum su_code read_numbers(const struct su_weights *w, struct vocab *v, struct su_err *e)
{
    struct su_meta_value m;
    if (su_meta_find(w, "tokenizer.ggml.token_type", &m)) {
        enum su_code rc = su_meta_array(w, "tokenizer.ggml.token_type", SU_META_I32, &m, e);
        if (rc != SU_OK)
            return rc;
        v->types = m.n == v->v.token_count ? su_try_alloc((size_t)m.n + 1, sizeof *v->types) : NULL;
        for (uint64_t i = 0; v->types && i < m.n; i++)
            v->types[i] = (int32_t)su_meta_int_at(&m, i);
        if (!v->types)
            return su_fail(e, SU_EFORMAT, "tokenizer.ggml.token_type",
                           "%llu entries for %zu tokens", (unsigned long long)m.n,
                           v->v.token_count);
    }
    if (su_meta_find(w, "tokenizer.ggml.scores", &m)) {
        enum su_code rc = su_meta_array(w, "tokenizer.ggml.scores", SU_META_F32, &m, e);
        if (rc != SU_OK)
            return rc;
        v->scores =
            m.n == v->v.token_count ? su_try_alloc((size_t)m.n + 1, sizeof *v->scores) : NULL;
        for (uint64_t i = 0; v->scores && i < m.n; i++)
            v->scores[i] = su_meta_f32_at(&m, i);
        if (!v->scores)
            return su_fail(e, SU_EFORMAT, "tokenizer.ggml.scores", "%llu entries for %zu tokens",
                           (unsigned long long)m.n, v->v.token_count);
    }
    return SU_OK;
}

static uint32_t read_id(const struct su_weights *w, const char *key)
{
    uint32_t id = SU_TEXT_NONE;
    return su_meta_u32(w, key, &id, NULL) == SU_OK ? id : SU_TEXT_NONE;
}

static enum su_text_flag read_flag(const struct su_weights *w, const char *key)
{
    bool on = false;
    if (su_meta_bool(w, key, &on, NULL) != SU_OK)
        return SU_TEXT_DEFAULT;
    return on ? SU_TEXT_ON : SU_TEXT_OFF;
}

static enum su_code read_kind(const struct su_weights *w, struct vocab *v, struct su_err *e)
{
    struct su_bytes s;
    enum su_code rc = su_meta_str(w, "tokenizer.ggml.model", &s, e);
    if (rc != SU_OK)
        return rc;
    if (s.len == 4 && memcmp(s.data, "gpt2", 4) == 0) {
        v->v.kind = SU_TEXT_BPE;
    } else if (s.len == 5 && memcmp(s.data, "llama", 5) == 0) {
        v->v.kind = SU_TEXT_SPM;
    } else {
        char name[64];
        su_str_sanitize(name, sizeof name, s.data, s.len);
        return su_fail(e, SU_EUNSUPPORTED, "tokenizer.ggml.model",
                       "%s; gpt2 (byte-level BPE) and llama (SentencePiece) are known", name);
    }
    if (su_meta_str(w, "tokenizer.ggml.pre", &s, NULL) == SU_OK) {
        su_str_sanitize(v->pre, sizeof v->pre, s.data, s.len);
        v->v.pre = v->pre;
    }
    return SU_OK;
}

static enum su_code read_vocab(const struct su_weights *w, struct vocab *v, struct su_err *e)
{
    struct su_bytes s;
    struct su_meta_value m;
    enum su_code rc = read_kind(w, v, e);
    if (rc == SU_OK)
        rc = read_strings(w, "tokenizer.ggml.tokens", SU_TEXT_TOKENS_MAX, &v->tokens,
                          &v->v.token_count, e);
    if (rc == SU_OK && su_meta_find(w, "tokenizer.ggml.merges", &m))
        rc = read_strings(w, "tokenizer.ggml.merges", SU_TEXT_TOKENS_MAX, &v->merges,
                          &v->v.merge_count, e);
    if (rc == SU_OK)
        rc = read_numbers(w, v, e);
    if (rc != SU_OK)
        return rc;
    if (su_meta_str(w, "tokenizer.chat_template", &s, NULL) == SU_OK) {
        v->chat_template = su_try_alloc(s.len + 1, 1);
        if (!v->chat_template)
            return su_fail(e, SU_ENOMEM, "tokenizer.chat_template", "no memory for %zu bytes",
                           s.len);
        memcpy(v->chat_template, s.data, s.len);
    }
    v->v.tokens = v->tokens;
    v->v.merges = v->merges;
    v->v.types = v->types;
    v->v.scores = v->scores;
    v->v.chat_template = v->chat_template;
    v->v.bos = read_id(w, "tokenizer.ggml.bos_token_id");
    v->v.eos = read_id(w, "tokenizer.ggml.eos_token_id");
    v->v.eot = read_id(w, "tokenizer.ggml.eot_token_id");
    v->v.unk = read_id(w, "tokenizer.ggml.unknown_token_id");
    v->v.pad = read_id(w, "tokenizer.ggml.padding_token_id");
    v->v.add_bos = read_flag(w, "tokenizer.ggml.add_bos_token");
    v->v.add_eos = read_flag(w, "tokenizer.ggml.add_eos_token");
    v->v.add_space_prefix = read_flag(w, "tokenizer.ggml.add_space_prefix");
    return SU_OK;
}

enum su_code su_model_text_of(const struct su_weights *w, const char *at, struct su_text **out,
                              struct su_err *e)
{
    struct vocab v = {0};
    enum su_code rc = read_vocab(w, &v, e);

    *out = NULL;
    if (rc == SU_OK)
        rc = su_text_new(&v.v, at, out, e);
    vocab_fini(&v);
    return rc;
}

enum su_code su_model_text(const struct su_model *m, struct su_text **out, struct su_err *e)
{
    enum su_code rc;

    *out = NULL;
    if (!m->is_llm)
        return su_fail(e, SU_ETYPE, m->name, "is no language model; it has no tokenizer");
    if (m->llm.names != SU_LLM_NAMES_GGUF || !m->weights)
        rc = su_llm_text_folder(m, out, e);
    else
        rc = su_model_text_of(m->weights, m->name, out, e);
    if (rc == SU_OK && su_text_count(*out) > m->llm.vocab) {
        rc = su_fail(e, SU_ETYPE, m->name, "the tokenizer has %zu tokens, the model %u",
                     su_text_count(*out), m->llm.vocab);
        su_text_free(*out);
        *out = NULL;
    }
    return rc;
}
