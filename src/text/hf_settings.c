// SPDX-License-Identifier: MIT
/* The small parts of tokenizer.json, and tokenizer_config.json: what they ask for is either done
   here or refused by name. */
#include "text_priv.h"
#include "json/json.h"

#include <stdlib.h>
#include <string.h>

/* A tree costs some 150 bytes per value: few values keep it small whatever the document. */
static const struct su_json_limits limits = {.bytes_max = (size_t)1 << 20, .values_max = 4096};

#define SPACE_MARK "\xE2\x96\x81"

struct reading {
    struct hf_settings *h;
    const char *at;
    struct su_err *e;
    bool byte_level, use_regex, digits, replace, metaspace, split_spaces;
    const struct text_pre_row *split;
};

typedef enum su_code (*step_fn)(struct reading *r, const struct su_json_value *v, const char *type);

static enum su_code unknown(const struct reading *r, const char *what, const char *name)
{
    return su_fail(r->e, SU_EUNSUPPORTED, r->at, "%s \"%.120s\" of tokenizer.json is not supported",
                   what, name);
}

static const char *text_of(const struct su_json_value *v, const char *key)
{
    const char *s = "";

    return su_json_get_str(v, key, &s, NULL) == SU_OK ? s : "";
}

static bool is_on(const struct su_json_value *v, const char *key, bool usual)
{
    bool on = usual;

    return su_json_get_bool(v, key, &on, NULL) == SU_OK ? on : usual;
}

/* Calls fn for a step, or for each one of a Sequence. */
static enum su_code each_step(struct reading *r, const struct su_json_value *v, const char *list,
                              step_fn fn)
{
    enum su_code rc = SU_OK;
    const struct su_json_value *steps;

    if (su_json_kind(v) == SU_JSON_NULL)
        return SU_OK;
    if (strcmp(text_of(v, "type"), "Sequence") != 0)
        return fn(r, v, text_of(v, "type"));
    rc = su_json_get_array(v, list, &steps, r->e);
    if (rc)
        return su_wrap(r->e, "%s", r->at);
    for (v = su_json_first(steps); v && !rc; v = su_json_next(v))
        rc = fn(r, v, text_of(v, "type"));
    return rc;
}

/* ---- normalizer ------------------------------------------------------------------------------ */

static enum su_code normalizer_step(struct reading *r, const struct su_json_value *v,
                                    const char *type)
{
    const struct su_json_value *pattern = su_json_member(v, "pattern");

    if (strcmp(type, "NFC") == 0)
        return SU_OK;
    if (strcmp(type, "Prepend") == 0 && strcmp(text_of(v, "prepend"), SPACE_MARK) == 0) {
        r->h->prepend = true;
        return SU_OK;
    }
    if (strcmp(type, "Replace") == 0 && strcmp(text_of(pattern, "String"), " ") == 0 &&
        strcmp(text_of(v, "content"), SPACE_MARK) == 0) {
        r->replace = true;
        return SU_OK;
    }
    return unknown(r, "the normalizer", type);
}

/* ---- pre-tokenizer --------------------------------------------------------------------------- */

static enum su_code split_step(struct reading *r, const struct su_json_value *v)
{
    const struct su_json_value *pattern = su_json_member(v, "pattern");
    const char *regex = text_of(pattern, "Regex");
    bool isolated = strcmp(text_of(v, "behavior"), "Isolated") == 0;

    if (strcmp(text_of(pattern, "String"), " ") == 0 &&
        strcmp(text_of(v, "behavior"), "MergedWithPrevious") == 0) {
        r->split_spaces = true;
        return SU_OK;
    }
    r->split = text_pre_of_pattern(regex);
    if (!r->split || is_on(v, "invert", false))
        return unknown(r, "the pattern", regex);
    return isolated ? SU_OK : unknown(r, "the behaviour of a split", text_of(v, "behavior"));
}

static enum su_code metaspace_step(struct reading *r, const struct su_json_value *v)
{
    const char *scheme = text_of(v, "prepend_scheme");

    if (strcmp(text_of(v, "replacement"), SPACE_MARK) != 0 || is_on(v, "split", true))
        return unknown(r, "the pre-tokenizer", "Metaspace that splits");
    r->metaspace = true;
    r->h->prefix_once = strcmp(scheme, "first") == 0;
    r->h->prepend = scheme[0] ? strcmp(scheme, "never") != 0 : is_on(v, "add_prefix_space", true);
    return SU_OK;
}

static enum su_code pre_step(struct reading *r, const struct su_json_value *v, const char *type)
{
    if (strcmp(type, "ByteLevel") == 0) {
        if (is_on(v, "add_prefix_space", true))
            return unknown(r, "the pre-tokenizer", "ByteLevel with add_prefix_space");
        r->byte_level = true;
        r->use_regex = is_on(v, "use_regex", true);
        return SU_OK;
    }
    if (strcmp(type, "Digits") == 0 && is_on(v, "individual_digits", false)) {
        r->digits = true;
        return SU_OK;
    }
    if (strcmp(type, "Split") == 0)
        return split_step(r, v);
    if (strcmp(type, "Metaspace") == 0)
        return metaspace_step(r, v);
    return unknown(r, "the pre-tokenizer", type);
}

static enum su_code settle_kind(struct reading *r)
{
    struct hf_settings *h = r->h;

    if (!r->byte_level) {
        if (r->split || r->digits)
            return unknown(r, "the pre-tokenizer", "Split or Digits without ByteLevel");
        if (!r->replace && !r->metaspace)
            return unknown(r, "the vocabulary", "neither byte-level nor with U+2581 for spaces");
        h->kind = SU_TEXT_SPM;
        return SU_OK;
    }
    h->kind = SU_TEXT_BPE;
    if (h->prepend || r->replace || r->metaspace || r->split_spaces)
        return unknown(r, "the normalizer", "of SentencePiece before ByteLevel");
    if (r->split && (r->digits || r->use_regex))
        return unknown(r, "the pre-tokenizer", "Split together with another pattern");
    if (!r->split && !r->use_regex)
        return unknown(r, "the pre-tokenizer", "ByteLevel without a pattern");
    h->pre = r->split ? r->split->name : r->digits ? "smollm" : "gpt-2";
    return SU_OK;
}

/* ---- post-processor -------------------------------------------------------------------------- */

/* The pieces of the template for one text: special tokens before the text are bos, after it eos. */
static enum su_code template_pieces(struct reading *r, const struct su_json_value *single)
{
    bool behind = false;

    for (const struct su_json_value *i = su_json_first(single); i; i = su_json_next(i)) {
        const struct su_json_value *special = su_json_member(i, "SpecialToken");
        char *name = behind ? r->h->eos : r->h->bos;
        if (!special) {
            behind = true;
            continue;
        }
        if (name[0])
            return unknown(r, "the post-processor", "TemplateProcessing with several tokens");
        if (!su_str_copy(name, sizeof r->h->bos, text_of(special, "id")) || !name[0])
            return unknown(r, "the special token", text_of(special, "id"));
        *(behind ? &r->h->add_eos : &r->h->add_bos) = SU_TEXT_ON;
    }
    return SU_OK;
}

static enum su_code post_step(struct reading *r, const struct su_json_value *v, const char *type)
{
    const struct su_json_value *single = NULL;
    enum su_code rc;

    if (strcmp(type, "ByteLevel") == 0)
        return SU_OK;
    if (strcmp(type, "TemplateProcessing") != 0)
        return unknown(r, "the post-processor", type);
    rc = su_json_get_array(v, "single", &single, r->e);
    return rc ? su_wrap(r->e, "%s", r->at) : template_pieces(r, single);
}

/* ---- documents ------------------------------------------------------------------------------- */

static enum su_code read_part(struct reading *r, const struct hf_scan *s, struct hf_extent x,
                              const char *list, step_fn fn)
{
    struct su_json *doc;

    if (x.end == 0)
        return SU_OK;
    enum su_code rc = su_json_parse(s->p + x.begin, x.end - x.begin, r->at, &limits, &doc, r->e);
    if (rc)
        return rc;
    rc = each_step(r, su_json_root(doc), list, fn);
    su_json_free(doc);
    return rc;
}

enum su_code hf_settings_read(struct hf_settings *h, const struct hf_scan *s,
                              struct hf_extent normalizer, struct hf_extent pre_tokenizer,
                              struct hf_extent post_processor)
{
    struct reading r = {.h = h, .at = s->at, .e = s->e};
    enum su_code rc = read_part(&r, s, normalizer, "normalizers", normalizer_step);

    h->add_bos = SU_TEXT_OFF;
    h->add_eos = SU_TEXT_OFF;
    if (!rc)
        rc = read_part(&r, s, pre_tokenizer, "pretokenizers", pre_step);
    if (!rc)
        rc = read_part(&r, s, post_processor, "processors", post_step);
    return rc ? rc : settle_kind(&r);
}

/* A token in tokenizer_config.json is its text, or an object with it. */
static void take_name(const struct su_json_value *v, char *out, size_t cap)
{
    const char *s = "";

    if (su_json_as_str(v, NULL, &s, NULL) != SU_OK)
        s = text_of(v, "content");
    if (s[0] && !su_str_copy(out, cap, s))
        out[0] = '\0';
}

static void take_flag(const struct su_json_value *v, enum su_text_flag *out)
{
    bool on;

    if (su_json_as_bool(v, NULL, &on, NULL) == SU_OK)
        *out = on ? SU_TEXT_ON : SU_TEXT_OFF;
}

/* A text, or a list of {name, template} of which "default" counts. */
static void take_template(const struct su_json_value *v, struct hf_settings *h)
{
    const char *s = "";

    if (su_json_as_str(v, NULL, &s, NULL) != SU_OK) {
        for (v = su_json_first(v); v; v = su_json_next(v)) {
            if (strcmp(text_of(v, "name"), "default") == 0)
                s = text_of(v, "template");
        }
    }
    if (s[0] && !h->chat_template)
        h->chat_template = su_strdup(s);
}

static void take_setting(struct hf_settings *h, const char *key, const struct su_json_value *v)
{
    if (strcmp(key, "bos_token") == 0)
        take_name(v, h->bos, sizeof h->bos);
    else if (strcmp(key, "eos_token") == 0)
        take_name(v, h->eos, sizeof h->eos);
    else if (strcmp(key, "unk_token") == 0)
        take_name(v, h->unk, sizeof h->unk);
    else if (strcmp(key, "pad_token") == 0)
        take_name(v, h->pad, sizeof h->pad);
    else if (strcmp(key, "add_bos_token") == 0)
        take_flag(v, &h->add_bos);
    else if (strcmp(key, "add_eos_token") == 0)
        take_flag(v, &h->add_eos);
    else
        take_template(v, h);
}

enum su_code hf_config_read(struct hf_settings *h, const void *config, size_t len, const char *at,
                            struct su_err *e)
{
    static const char wanted[] =
        "|bos_token|eos_token|unk_token|pad_token|add_bos_token|add_eos_token|chat_template|";
    struct hf_scan s = hf_scan_of(config, len, at, e);
    enum su_code rc = SU_OK;
    bool first = true;
    char key[32], framed[34];

    (void)hf_take(&s, '{');
    while (!rc && hf_more(&s, '}', &first) && hf_key(&s, key, sizeof key)) {
        struct hf_extent x;
        struct su_json *doc;
        if (!hf_skip(&s, &x))
            break;
        (void)snprintf(framed, sizeof framed, "|%s|", key);
        if (!key[0] || !strstr(wanted, framed))
            continue;
        rc = su_json_parse(s.p + x.begin, x.end - x.begin, at, &limits, &doc, e);
        if (rc)
            break;
        take_setting(h, key, su_json_root(doc));
        su_json_free(doc);
    }
    if (!rc && !s.rc && hf_peek(&s))
        (void)hf_fail(&s, SU_EFORMAT, "something follows the document");
    rc = rc ? rc : s.rc;
    return rc ? su_wrap(e, "tokenizer_config.json") : SU_OK;
}
