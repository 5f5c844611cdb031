// SPDX-License-Identifier: MIT
/* tokenizer.json: first its structure, then the vocabulary into plain arrays, then su_text_new. */
#include "text_priv.h"
#include "json/json.h"

#include <stdlib.h>
#include <string.h>

#define HOLES_MAX 4096 /* ids without a token */

struct import {
    struct hf_scan s;
    struct hf_extent normalizer, pre_tokenizer, post_processor, added, vocab, merges;
    size_t vocab_count, added_count, merge_count;
    size_t merge_longest; /* bytes */
    uint32_t id_max;
    struct hf_settings h;
    uint8_t *texts; /* what the tokens point into */
    size_t used, cap;
    struct su_text_string *tokens;
    int32_t *types;
    uint8_t *merge; /* one, while merges are read */
    bool first_merge;
};

static enum su_code out_of_memory(struct import *m)
{
    return su_fail(m->s.e, SU_ENOMEM, m->s.at, "out of memory for a tokenizer.json of %zu bytes",
                   m->s.len);
}

static enum su_code unsupported(struct import *m, const char *what, const char *name)
{
    return su_fail(m->s.e, SU_EUNSUPPORTED, m->s.at,
                   "%s \"%.60s\" of tokenizer.json is not supported", what, name);
}

/* ---- structure ------------------------------------------------------------------------------- */

/* The value of a key as an extent; a key that stands twice is refused. */
static bool take_extent(struct hf_scan *s, struct hf_extent *x)
{
    if (x->end)
        return hf_fail(s, SU_EFORMAT, "a key stands twice");
    return hf_skip(s, x);
}

static bool extent_is(const struct hf_scan *s, struct hf_extent x, const char *text)
{
    return x.end - x.begin == strlen(text) && memcmp(s->p + x.begin, text, x.end - x.begin) == 0;
}

/* A string or null as a terminated text; longer than out: "?". */
static bool short_text(struct hf_scan *s, struct hf_extent x, char *out, size_t cap)
{
    size_t len = 0, back = s->pos;

    out[0] = '\0';
    if (x.end == 0 || s->p[x.begin] != '"')
        return true;
    hf_enter(s, x);
    if (!hf_string(s, out, cap - 1, &len))
        return false;
    out[len < cap ? len : 0] = '\0';
    if (len >= cap)
        (void)su_str_copy(out, cap, "?");
    s->pos = back;
    return true;
}

/* The settings of the model that change ids. */
static enum su_code check_model(struct import *m, struct hf_extent type, struct hf_extent unk,
                                struct hf_extent prefix, struct hf_extent suffix)
{
    char name[64];

    if (!short_text(&m->s, type, name, sizeof name))
        return m->s.rc;
    if (name[0] && strcmp(name, "BPE") != 0)
        return unsupported(m, "the model type", name);
    if (!short_text(&m->s, prefix, name, sizeof name))
        return m->s.rc;
    if (name[0])
        return unsupported(m, "continuing_subword_prefix", name);
    if (!short_text(&m->s, suffix, name, sizeof name))
        return m->s.rc;
    if (name[0])
        return unsupported(m, "end_of_word_suffix", name);
    (void)short_text(&m->s, unk, m->h.unk, sizeof m->h.unk);
    return m->s.rc;
}

static enum su_code scan_model(struct import *m)
{
    struct hf_scan *s = &m->s;
    struct hf_extent type = {0}, unk = {0}, prefix = {0}, suffix = {0}, other, x = {0}, y = {0};
    const struct {
        const char *key;
        struct hf_extent *x;
    } parts[] = {
        {"type", &type},        {"unk_token", &unk},
        {"vocab", &m->vocab},   {"continuing_subword_prefix", &prefix},
        {"merges", &m->merges}, {"end_of_word_suffix", &suffix},
        {"byte_fallback", &x},  {"ignore_merges", &y},
    };
    bool first = true;
    char key[32];

    (void)hf_take(s, '{');
    while (hf_more(s, '}', &first) && hf_key(s, key, sizeof key)) {
        struct hf_extent *to = NULL;
        for (size_t i = 0; i < SU_ARRAY_LEN(parts) && !to; i++) {
            if (strcmp(key, parts[i].key) == 0)
                to = parts[i].x;
        }
        other = (struct hf_extent){0};
        (void)take_extent(s, to ? to : &other);
    }
    m->h.byte_fallback = extent_is(s, x, "true");
    m->h.ignore_merges = extent_is(s, y, "true");
    return s->rc ? s->rc : check_model(m, type, unk, prefix, suffix);
}

static enum su_code scan_root(struct import *m)
{
    struct hf_scan *s = &m->s;
    struct hf_extent model = {0}, other;
    bool first = true;
    char key[32];

    (void)hf_take(s, '{');
    while (hf_more(s, '}', &first) && hf_key(s, key, sizeof key)) {
        other = (struct hf_extent){0};
        (void)take_extent(s, strcmp(key, "model") == 0            ? &model
                             : strcmp(key, "normalizer") == 0     ? &m->normalizer
                             : strcmp(key, "pre_tokenizer") == 0  ? &m->pre_tokenizer
                             : strcmp(key, "post_processor") == 0 ? &m->post_processor
                             : strcmp(key, "added_tokens") == 0   ? &m->added
                                                                  : &other);
    }
    if (!s->rc && hf_peek(s))
        (void)hf_fail(s, SU_EFORMAT, "something follows the document");
    if (s->rc)
        return s->rc;
    if (model.end == 0)
        return su_fail(s->e, SU_EFORMAT, s->at, "tokenizer.json has no \"model\"");
    hf_enter(s, model);
    return scan_model(m);
}

/* ---- added tokens ---------------------------------------------------------------------------- */

struct added {
    uint32_t id;
    const char *content;
    bool special;
};

static enum su_code read_added(struct import *m, const struct su_json_value *v, struct added *a)
{
    static const char *const strips[] = {"lstrip", "rstrip", "single_word"};
    uint64_t id = 0;
    bool on = false;
    enum su_code rc = su_json_get_u64(v, "id", &id, m->s.e);

    if (!rc)
        rc = su_json_get_str(v, "content", &a->content, m->s.e);
    if (!rc && id >= SU_TEXT_NONE)
        rc = su_fail(m->s.e, SU_EFORMAT, m->s.at, "is beyond all token ids");
    if (rc)
        return su_wrap(m->s.e, "added_tokens of tokenizer.json");
    for (size_t i = 0; i < SU_ARRAY_LEN(strips); i++) {
        if (su_json_get_bool(v, strips[i], &on, NULL) == SU_OK && on)
            return unsupported(m, "an added token with", strips[i]);
    }
    a->id = (uint32_t)id;
    a->special = su_json_get_bool(v, "special", &on, NULL) == SU_OK && on;
    return SU_OK;
}

static enum su_code put_added(struct import *m, const struct added *a)
{
    struct su_text_string *t = &m->tokens[a->id];
    size_t n = strlen(a->content);

    if (t->len && (t->len != n || memcmp(t->bytes, a->content, n) != 0))
        return su_fail(m->s.e, SU_EFORMAT, m->s.at,
                       "token %u of tokenizer.json is one text in the vocabulary and another among "
                       "added_tokens",
                       a->id);
    if (t->len == 0) {
        if (n > m->cap - m->used)
            return out_of_memory(m);
        *t = (struct su_text_string){m->texts + m->used, n};
        memcpy(m->texts + m->used, a->content, n);
        m->used += n;
    }
    m->types[a->id] = a->special ? SU_TEXT_CONTROL : SU_TEXT_USER;
    return SU_OK;
}

/* Walks over added_tokens: counts them, or with `fill` puts them into the arrays. */
static enum su_code walk_added(struct import *m, bool fill)
{
    static const struct su_json_limits limits = {.bytes_max = 1 << 17};
    struct hf_scan *s = &m->s;
    bool first = true;
    enum su_code rc = SU_OK;

    if (m->added.end == 0 || extent_is(s, m->added, "null"))
        return SU_OK;
    hf_enter(s, m->added);
    (void)hf_take(s, '[');
    while (!rc && hf_more(s, ']', &first)) {
        struct hf_extent x;
        struct su_json *doc;
        struct added a = {0};
        if (!hf_skip(s, &x))
            break;
        rc = su_json_parse(s->p + x.begin, x.end - x.begin, s->at, &limits, &doc, s->e);
        if (rc)
            break;
        rc = read_added(m, su_json_root(doc), &a);
        if (!rc && fill) {
            rc = put_added(m, &a);
        } else if (!rc) {
            m->added_count++;
            m->cap += strlen(a.content);
            m->id_max = SU_MAX(m->id_max, a.id);
        }
        su_json_free(doc);
    }
    return rc ? rc : s->rc;
}

/* ---- vocabulary ------------------------------------------------------------------------------ */

static enum su_code count_vocab(struct import *m)
{
    struct hf_scan *s = &m->s;
    bool first = true;
    size_t len;
    uint32_t id;

    if (m->vocab.end == 0)
        return su_fail(s->e, SU_EFORMAT, s->at, "the model of tokenizer.json has no \"vocab\"");
    hf_enter(s, m->vocab);
    (void)hf_take(s, '{');
    while (hf_more(s, '}', &first)) {
        if (!hf_string(s, NULL, 0, &len) || !hf_take(s, ':') || !hf_id(s, &id))
            break;
        m->vocab_count++;
        m->cap += len;
        m->id_max = SU_MAX(m->id_max, id);
    }
    return s->rc;
}

static enum su_code fill_vocab(struct import *m)
{
    struct hf_scan *s = &m->s;
    bool first = true;
    size_t len;
    uint32_t id;

    hf_enter(s, m->vocab);
    (void)hf_take(s, '{');
    while (hf_more(s, '}', &first)) {
        uint8_t *p = m->texts + m->used;
        if (!hf_string(s, p, m->cap - m->used, &len) || !hf_take(s, ':') || !hf_id(s, &id))
            break;
        if (m->tokens[id].len) {
            (void)hf_fail(s, SU_EFORMAT, "two tokens of one id");
            break;
        }
        m->tokens[id] = (struct su_text_string){p, len};
        m->types[id] = SU_TEXT_NORMAL;
        if (m->h.byte_fallback && len == 6 && memcmp(p, "<0x", 3) == 0 && p[5] == '>')
            m->types[id] = SU_TEXT_BYTE;
        m->used += len;
    }
    return s->rc;
}

/* One merge: "left right" or ["left", "right"]. Written at p when there is room. */
static bool read_merge(struct hf_scan *s, uint8_t *p, size_t cap, size_t *len)
{
    size_t left, right;

    if (hf_peek(s) == '"')
        return hf_string(s, p, cap, len);
    if (!hf_take(s, '[') || !hf_string(s, p, cap, &left) || !hf_take(s, ','))
        return false;
    if (cap > left)
        p[left] = ' ';
    bool fits = cap > left + 1;
    if (!hf_string(s, fits ? p + left + 1 : NULL, fits ? cap - left - 1 : 0, &right) ||
        !hf_take(s, ']'))
        return false;
    *len = left + 1 + right;
    return true;
}

static enum su_code count_merges(struct import *m)
{
    struct hf_scan *s = &m->s;
    bool first = true;
    size_t len;

    if (m->merges.end == 0)
        return su_fail(s->e, SU_EFORMAT, s->at, "the model of tokenizer.json has no \"merges\"");
    hf_enter(s, m->merges);
    (void)hf_take(s, '[');
    while (hf_more(s, ']', &first) && read_merge(s, NULL, 0, &len)) {
        m->merge_longest = SU_MAX(m->merge_longest, len);
        m->merge_count++;
    }
    return s->rc;
}

/* The next of the merges that were counted. */
static bool next_merge(void *context, struct su_text_string *out)
{
    struct import *m = context;

    if (m->first_merge) {
        hf_enter(&m->s, m->merges);
        (void)hf_take(&m->s, '[');
    }
    out->bytes = m->merge;
    return hf_more(&m->s, ']', &m->first_merge) &&
           read_merge(&m->s, m->merge, m->merge_longest, &out->len);
}

static enum su_code fill(struct import *m)
{
    size_t known = m->vocab_count + m->added_count, count = (size_t)m->id_max + 1;
    enum su_code rc;

    if (m->vocab_count == 0)
        return su_fail(m->s.e, SU_EFORMAT, m->s.at, "the vocabulary of tokenizer.json is empty");
    if (count > known + HOLES_MAX)
        return su_fail(m->s.e, SU_EFORMAT, m->s.at,
                       "tokenizer.json has %zu tokens, but ids up to %u: more than %d have none",
                       known, m->id_max, HOLES_MAX);
    m->texts = su_try_alloc(m->cap + 1, 1);
    m->tokens = su_try_alloc(count, sizeof *m->tokens);
    m->types = su_try_alloc(count, sizeof *m->types);
    m->merge = su_try_alloc(m->merge_longest + 1, 1);
    if (!m->texts || !m->tokens || !m->types || !m->merge)
        return out_of_memory(m);
    rc = fill_vocab(m);
    return rc ? rc : walk_added(m, true);
}

/* ---- the tokenizer --------------------------------------------------------------------------- */

/* The id of a token by its text, as it stands in the arrays. */
static enum su_code id_of(struct import *m, const char *what, const char *name, uint32_t *id)
{
    size_t n = strlen(name);

    *id = SU_TEXT_NONE;
    if (n == 0)
        return SU_OK;
    for (uint32_t i = 0; i <= m->id_max; i++) {
        if (m->tokens[i].len == n && memcmp(m->tokens[i].bytes, name, n) == 0) {
            *id = i;
            return SU_OK;
        }
    }
    return su_fail(m->s.e, SU_EFORMAT, m->s.at, "the %s token \"%s\" is not in tokenizer.json",
                   what, name);
}

static enum su_code make(struct import *m, struct su_text **out)
{
    struct su_text_vocab v = {
        .kind = m->h.kind,
        .pre = m->h.pre,
        .tokens = m->tokens,
        .types = m->types,
        .token_count = (size_t)m->id_max + 1,
        .merge_count = m->merge_count,
        .eot = SU_TEXT_NONE,
        .add_bos = m->h.add_bos,
        .add_eos = m->h.add_eos,
        .add_space_prefix = m->h.prepend ? SU_TEXT_ON : SU_TEXT_OFF,
        .prefix_once = m->h.prefix_once,
        .ignore_merges = m->h.ignore_merges ? SU_TEXT_ON : SU_TEXT_OFF,
        .chat_template = m->h.chat_template,
    };
    enum su_code rc = id_of(m, "bos", m->h.bos, &v.bos);

    if (!rc)
        rc = id_of(m, "eos", m->h.eos, &v.eos);
    if (!rc)
        rc = id_of(m, "unk", m->h.unk, &v.unk);
    if (!rc)
        rc = id_of(m, "pad", m->h.pad, &v.pad);
    const struct text_merge_source merges = {next_merge, m};
    return rc ? rc : text_make(&v, &merges, m->s.at, out, m->s.e);
}

enum su_code su_text_from_hf(const void *json, size_t len, const void *config, size_t config_len,
                             const char *at, struct su_text **out, struct su_err *e)
{
    struct import m = {.s = hf_scan_of(json, len, at, e), .first_merge = true};
    enum su_code rc = scan_root(&m);

    *out = NULL;
    if (!rc)
        rc = hf_settings_read(&m.h, &m.s, m.normalizer, m.pre_tokenizer, m.post_processor);
    if (!rc && config)
        rc = hf_config_read(&m.h, config, config_len, at, e);
    if (!rc)
        rc = count_vocab(&m);
    if (!rc)
        rc = walk_added(&m, false);
    if (!rc)
        rc = count_merges(&m);
    if (!rc)
        rc = fill(&m);
    if (!rc)
        rc = make(&m, out);
    free(m.texts);
    free(m.tokens);
    free(m.types);
    free(m.merge);
    free(m.h.chat_template);
    return rc;
}
