// SPDX-License-Identifier: MIT
#include "unit.h"

#include "weights/weights.h"
#include "json/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void vocab_init(struct vocab *b, enum su_text_kind kind)
{
    memset(b, 0, sizeof *b);
    su_arena_init(&b->arena, 0);
    b->v = (struct su_text_vocab){
        .kind = kind,
        .tokens = b->tokens,
        .types = b->types,
        .merges = b->merges,
        .bos = SU_TEXT_NONE,
        .eos = SU_TEXT_NONE,
        .eot = SU_TEXT_NONE,
        .unk = SU_TEXT_NONE,
        .pad = SU_TEXT_NONE,
    };
}

void vocab_fini(struct vocab *b)
{
    su_arena_fini(&b->arena);
}

uint32_t vocab_token(struct vocab *b, const char *text, int32_t type)
{
    size_t i = b->v.token_count++, n = strlen(text);

    assert_true(i < SU_ARRAY_LEN(b->tokens));
    b->tokens[i] = (struct su_text_string){su_arena_strndup(&b->arena, text, n), n};
    b->types[i] = type;
    b->scores[i] = -(float)i;
    return (uint32_t)i;
}

void vocab_merge(struct vocab *b, const char *text)
{
    size_t i = b->v.merge_count++, n = strlen(text);

    assert_true(i < SU_ARRAY_LEN(b->merges));
    b->merges[i] = (struct su_text_string){su_arena_strndup(&b->arena, text, n), n};
}

void vocab_bytes(struct vocab *b)
{
    unsigned other = 256;

    for (unsigned c = 0; c < 256; c++) {
        bool plain = (c >= 0x21 && c <= 0x7E) || (c >= 0xA1 && c != 0xAD);
        unsigned point = plain ? c : other++;
        char text[3] = {(char)point, 0, 0};
        if (point >= 0x80) {
            text[0] = (char)(0xC0 | point >> 6);
            text[1] = (char)(0x80 | (point & 0x3F));
        }
        vocab_token(b, text, SU_TEXT_NORMAL);
    }
}

void vocab_small(struct vocab *b, const char *pre)
{
    vocab_init(b, SU_TEXT_BPE);
    b->v.pre = pre;
    vocab_bytes(b);
    static const char *const more[] = {"th",          "the", "\xC4\xA0t", "\xC4\xA0th",
                                       "\xC4\xA0the", "in",  "ing"};
    for (size_t i = 0; i < SU_ARRAY_LEN(more); i++)
        vocab_token(b, more[i], SU_TEXT_NORMAL);
    vocab_token(b, "<|end|>", SU_TEXT_CONTROL);
    vocab_token(b, "<user>", SU_TEXT_USER);
    vocab_token(b, "\xC4\x8A\xC4\x8A", SU_TEXT_NORMAL);
    static const char *const merges[] = {"\xC4\xA0 t",   "t h",  "\xC4\xA0t h",      "th e", "i n",
                                         "\xC4\xA0th e", "in g", "\xC4\x8A \xC4\x8A"};
    for (size_t i = 0; i < SU_ARRAY_LEN(merges); i++)
        vocab_merge(b, merges[i]);
}

struct su_text *vocab_make(const struct vocab *b)
{
    struct su_text *t;
    struct su_err e = {0};

    if (su_text_new(&b->v, "test", &t, &e) != SU_OK)
        fail_msg("%s", e.msg);
    return t;
}

/* Where the model lies: asked once, for the answer takes reading all of it. */
static const char *path_of_smollm2(void)
{
    static char path[4096];

    if (path[0])
        return path;
    FILE *p = popen("python3 '" SU_SOURCE_DIR "/tests/data/fetch_smollm2.py'", "r");
    assert_non_null(p);
    bool got = fgets(path, sizeof path - 64, p) != NULL;
    assert_int_equal(pclose(p), 0);
    assert_true(got);
    path[strcspn(path, "\n")] = '\0';
    strcat(path, "/SmolLM2-135M-Instruct.Q4_1.gguf");
    return path;
}

static struct su_weights *open_smollm2(void)
{
    struct su_weights *w;
    struct su_err e = {0};

    if (su_weights_open(path_of_smollm2(), &w, &e) != SU_OK)
        fail_msg("%s", e.msg);
    return w;
}

static struct su_text_string *strings_of(const struct su_weights *w, const char *key, size_t *count)
{
    struct su_meta_value m;
    struct su_bytes s;

    assert_int_equal(su_meta_array(w, key, SU_META_STR, &m, NULL), SU_OK);
    *count = (size_t)m.n;
    struct su_text_string *list = su_try_alloc(*count, sizeof *list);
    assert_non_null(list);
    for (size_t i = 0; su_meta_next_str(&m, &s); i++)
        list[i] = (struct su_text_string){s.data, s.len};
    return list;
}

struct su_text *smollm2(const char *pre)
{
    struct su_weights *w = open_smollm2();
    struct su_text_vocab v = {.kind = SU_TEXT_BPE, .eot = SU_TEXT_NONE};
    struct su_bytes s;
    struct su_meta_value m;
    char name[64], chat[4096];

    assert_int_equal(su_meta_str(w, "tokenizer.ggml.pre", &s, NULL), SU_OK);
    snprintf(name, sizeof name, "%.*s", (int)s.len, (const char *)s.data);
    v.pre = pre ? pre : name;
    assert_int_equal(su_meta_str(w, "tokenizer.chat_template", &s, NULL), SU_OK);
    snprintf(chat, sizeof chat, "%.*s", (int)s.len, (const char *)s.data);
    v.chat_template = chat;
    struct su_text_string *tokens = strings_of(w, "tokenizer.ggml.tokens", &v.token_count);
    struct su_text_string *merges = strings_of(w, "tokenizer.ggml.merges", &v.merge_count);
    assert_int_equal(su_meta_array(w, "tokenizer.ggml.token_type", SU_META_I32, &m, NULL), SU_OK);
    int32_t *types = su_try_alloc(v.token_count, sizeof *types);
    for (size_t i = 0; i < v.token_count; i++)
        types[i] = (int32_t)su_meta_int_at(&m, i);
    v.tokens = tokens;
    v.merges = merges;
    v.types = types;
    assert_int_equal(su_meta_u32(w, "tokenizer.ggml.bos_token_id", &v.bos, NULL), SU_OK);
    assert_int_equal(su_meta_u32(w, "tokenizer.ggml.eos_token_id", &v.eos, NULL), SU_OK);
    assert_int_equal(su_meta_u32(w, "tokenizer.ggml.unknown_token_id", &v.unk, NULL), SU_OK);
    assert_int_equal(su_meta_u32(w, "tokenizer.ggml.padding_token_id", &v.pad, NULL), SU_OK);
    struct su_text *t;
    struct su_err e = {0};
    if (su_text_new(&v, "SmolLM2", &t, &e) != SU_OK)
        fail_msg("%s", e.msg);
    free(tokens);
    free(merges);
    free(types);
    su_weights_close(w);
    return t;
}

/* The document that Hugging Face ships has these parts, in this order. */
static void put_json(struct su_buf *out, const struct su_text_string *tokens, size_t token_count,
                     const struct su_text_string *merges, size_t merge_count,
                     const struct su_meta_value *m)
{
    struct su_json_writer w;
    char token[1024];

    su_json_writer_init(&w, out, 2);
    su_json_put_object(&w, NULL);
    su_json_put_str(&w, "version", "1.0");
    su_json_put_null(&w, "truncation");
    su_json_put_array(&w, "added_tokens");
    for (uint32_t i = 0; i < token_count; i++) {
        if (su_meta_int_at(m, i) != SU_TEXT_CONTROL)
            continue;
        su_json_put_object(&w, NULL);
        su_json_put_u64(&w, "id", i);
        su_json_put_strn(&w, "content", tokens[i].bytes, tokens[i].len);
        su_json_put_bool(&w, "lstrip", false);
        su_json_put_bool(&w, "special", true);
        su_json_end_object(&w);
    }
    su_json_end_array(&w);
    su_json_put_null(&w, "normalizer");
    su_json_put_object(&w, "pre_tokenizer");
    su_json_put_str(&w, "type", "Sequence");
    su_json_put_array(&w, "pretokenizers");
    su_json_put_object(&w, NULL);
    su_json_put_str(&w, "type", "Digits");
    su_json_put_bool(&w, "individual_digits", true);
    su_json_end_object(&w);
    su_json_put_object(&w, NULL);
    su_json_put_str(&w, "type", "ByteLevel");
    su_json_put_bool(&w, "add_prefix_space", false);
    su_json_end_object(&w);
    su_json_end_array(&w);
    su_json_end_object(&w);
    su_json_put_object(&w, "model");
    su_json_put_str(&w, "type", "BPE");
    su_json_put_object(&w, "vocab");
    for (uint32_t i = 0; i < token_count; i++) {
        (void)snprintf(token, sizeof token, "%.*s", (int)tokens[i].len,
                       (const char *)tokens[i].bytes);
        su_json_put_u64(&w, token, i);
    }
    su_json_end_object(&w);
    su_json_put_array(&w, "merges");
    for (size_t i = 0; i < merge_count; i++)
        su_json_put_strn(&w, NULL, merges[i].bytes, merges[i].len);
    su_json_end_array(&w);
    su_json_end_object(&w);
    su_json_end_object(&w);
}

struct su_text *smollm2_as_json(void)
{
    struct su_weights *w = open_smollm2();
    struct su_buf json;
    struct su_meta_value types;
    struct su_text *t;
    struct su_err e = {0};
    size_t tokens, merges;
    struct su_text_string *token = strings_of(w, "tokenizer.ggml.tokens", &tokens);
    struct su_text_string *merge = strings_of(w, "tokenizer.ggml.merges", &merges);

    assert_int_equal(su_meta_array(w, "tokenizer.ggml.token_type", SU_META_I32, &types, NULL),
                     SU_OK);
    su_buf_init(&json, 0);
    put_json(&json, token, tokens, merge, merges, &types);
    if (su_text_from_hf(json.data, json.len, NULL, 0, "tokenizer.json", &t, &e) != SU_OK)
        fail_msg("%s", e.msg);
    su_buf_fini(&json);
    free(token);
    free(merge);
    su_weights_close(w);
    return t;
}

/* Whole UTF-8 without NUL. */
static bool is_utf8(const uint8_t *p, size_t len)
{
    for (size_t i = 0; i < len;) {
        size_t n = su_utf8_step(p + i, len - i);
        if (n == 0 || p[i] == 0)
            return false;
        i += n;
    }
    return len > 0;
}

struct su_text *smollm2_as_spm(void)
{
    struct su_text *from = smollm2(NULL), *t;
    size_t most = su_text_count(from) + 259, count = 0;
    struct su_text_string *tokens = su_try_alloc(most, sizeof *tokens);
    int32_t *types = su_try_alloc(most, sizeof *types);
    float *scores = su_try_alloc(most, sizeof *scores);
    static char bytes[256][8];
    static const char *const first[] = {"<unk>", "<s>", "</s>"};
    struct su_err e = {0};

    for (; count < 3; count++) {
        tokens[count] = (struct su_text_string){first[count], strlen(first[count])};
        types[count] = count ? SU_TEXT_CONTROL : SU_TEXT_UNKNOWN;
    }
    for (unsigned c = 0; c < 256; c++, count++) {
        tokens[count] = (struct su_text_string){bytes[c], 6};
        snprintf(bytes[c], sizeof bytes[c], "<0x%02X>", c);
        types[count] = SU_TEXT_BYTE;
    }
    for (uint32_t id = 0; id < su_text_count(from); id++) {
        struct su_text_string s = su_text_bytes(from, id, true);
        if (su_text_type(from, id) != SU_TEXT_NORMAL || !is_utf8(s.bytes, s.len))
            continue;
        tokens[count] = s;
        types[count++] = SU_TEXT_NORMAL;
    }
    for (size_t i = 0; i < count; i++)
        scores[i] = -(float)i;
    struct su_text_vocab v = {.kind = SU_TEXT_SPM,
                              .tokens = tokens,
                              .types = types,
                              .scores = scores,
                              .token_count = count,
                              .bos = 1,
                              .eos = 2,
                              .eot = SU_TEXT_NONE,
                              .unk = 0,
                              .pad = SU_TEXT_NONE};
    if (su_text_new(&v, "as SentencePiece", &t, &e) != SU_OK)
        fail_msg("%s", e.msg);
    free(tokens);
    free(types);
    free(scores);
    su_text_free(from);
    return t;
}

void tokens_are(const struct su_text *t, const char *text, unsigned flags, const char *want)
{
    struct su_text_ids l = {0};
    struct su_buf b;

    su_buf_init(&b, 0);
    assert_int_equal(su_text_encode(t, text, strlen(text), flags, &l, NULL), SU_OK);
    for (size_t i = 0; i < l.count; i++)
        su_buf_printf(&b, "%s%u", i ? " " : "", l.ids[i]);
    assert_string_equal(b.data ? (const char *)b.data : "", want);
    su_buf_fini(&b);
    su_text_ids_fini(&l);
}
