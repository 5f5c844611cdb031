// SPDX-License-Identifier: MIT
/* tokenizer.json: what is taken, what is refused and how. */
#include "support/alloc.h"
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#define SPACE_MARK "\xE2\x96\x81"

/* The parts of a document; NULL is the part of a small good one. */
struct parts {
    const char *normalizer, *pre, *post, *added, *model, *more;
};

#define GPT2 "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"use_regex\":true}"
#define NO_REGEX "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"use_regex\":false}"
#define SPLIT(regex)                                                                               \
    "{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Split\",\"pattern\":{\"Regex\":"        \
    "\"" regex "\"},\"behavior\":\"Isolated\",\"invert\":false}," NO_REGEX "]}"
#define VOCAB "\"vocab\":{\"t\":0,\"h\":1,\"e\":2,\"th\":3,\"the\":4,\"\\u0120\":5,\"1\":6,\"'\":7}"
#define MERGES "\"merges\":[\"t h\",\"th e\"]"
#define MODEL "{\"type\":\"BPE\"," VOCAB "," MERGES "}"

static const char *document(const struct parts *p)
{
    static char text[1 << 16];

    snprintf(
        text, sizeof text,
        "{\"version\":\"1.0\",\"added_tokens\":%s,\"normalizer\":%s,\"pre_tokenizer\":%s,"
        "\"post_processor\":%s,\"decoder\":{\"x\":[1,-2.5e3,true,null,\"\\n\"]},\"model\":%s%s}",
        p->added ? p->added : "[]", p->normalizer ? p->normalizer : "null", p->pre ? p->pre : GPT2,
        p->post ? p->post : "null", p->model ? p->model : MODEL, p->more ? p->more : "");
    return text;
}

static struct su_text *good_with(struct parts p, const char *config)
{
    const char *json = document(&p);
    struct su_text *t;
    struct su_err e = {0};

    if (su_text_from_hf(json, strlen(json), config, config ? strlen(config) : 0, "dir", &t, &e))
        fail_msg("%s: %s\n%s", e.at, e.msg, json);
    return t;
}

static struct su_text *good(struct parts p)
{
    return good_with(p, NULL);
}

static void refused_with(struct parts p, const char *config, enum su_code code, const char *word)
{
    const char *json = document(&p);
    struct su_text *t = (struct su_text *)-1;
    struct su_err e = {0};

    enum su_code rc =
        su_text_from_hf(json, strlen(json), config, config ? strlen(config) : 0, "dir", &t, &e);
    if (rc != code || !strstr(e.msg, word))
        fail_msg("%s: \"%s\" instead of %s \"%s\"\n%s", su_code_name(rc), e.msg, su_code_name(code),
                 word, json);
    assert_null(t);
}

static void refused(struct parts p, enum su_code code, const char *word)
{
    refused_with(p, NULL, code, word);
}

static void bytes_refused(const char *json, enum su_code code, const char *word)
{
    struct su_text *t = (struct su_text *)-1;
    struct su_err e = {0};

    enum su_code rc = su_text_from_hf(json, strlen(json), NULL, 0, "dir", &t, &e);
    if (rc != code || !strstr(e.msg, word))
        fail_msg("%s: \"%s\" instead of %s \"%s\"", su_code_name(rc), e.msg, su_code_name(code),
                 word);
    assert_null(t);
}

/* ---- what is taken --------------------------------------------------------------------------- */

static void reads_a_small_one(void **state)
{
    (void)state;
    struct su_text *t = good((struct parts){0});
    tokens_are(t, "the th", 0, "4 5 3");
    assert_int_equal(su_text_count(t), 8);
    assert_false(su_text_adds_bos(t) || su_text_adds_eos(t));
    assert_int_equal(su_text_bos(t), SU_TEXT_NONE);
    assert_null(su_text_template(t));
    su_text_free(t);
    /* merges as pairs, and a model that names no type */
    t = good((struct parts){
        .model = "{" VOCAB ",\"dropout\":null,\"merges\":[[\"t\",\"h\"] , [ \"th\",\"e\" ]]}"});
    tokens_are(t, "the th", 0, "4 5 3");
    su_text_free(t);
}

static void reads_added_tokens(void **state)
{
    (void)state;
    struct su_text *t = good((struct parts){
        .added =
            "[{\"id\":9,\"content\":\"<\\u00e9>\",\"special\":true,\"lstrip\":false},"
            "{\"id\":10,\"content\":\"<u>\"},{\"id\":4,\"content\":\"the\",\"special\":true}]"});
    assert_int_equal(su_text_count(t), 11);
    assert_int_equal(su_text_type(t, 8), SU_TEXT_UNUSED); /* a hole */
    assert_int_equal(su_text_type(t, 9), SU_TEXT_CONTROL);
    assert_int_equal(su_text_type(t, 10), SU_TEXT_USER);
    assert_int_equal(su_text_type(t, 4), SU_TEXT_CONTROL);
    tokens_are(t, "the", 0, "3 2"); /* text does not merge into a control token */
    tokens_are(t, "the", SU_TEXT_PARSE_SPECIAL, "4");
    assert_int_equal(su_text_special(t, "<\xC3\xA9>"), 9);
    tokens_are(t, "t<u>t<\xC3\xA9>", SU_TEXT_PARSE_SPECIAL, "0 10 0 9");
    su_text_free(t);
}

static void knows_patterns(void **state)
{
    static const char *const same[] = {
        GPT2,
        "{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Digits\",\"individual_digits\":true}"
        "," GPT2 "]}",
        SPLIT("'s|'t|'re|'ve|'m|'ll|'d| ?\\\\p{L}+| ?\\\\p{N}+| ?[^\\\\s\\\\p{L}\\\\p{N}]+"
              "|\\\\s+(?!\\\\S)|\\\\s+"),
        SPLIT(
            "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\\\r\\\\n\\\\p{L}\\\\p{N}]?\\\\p{L}+|\\\\p{N}{1,3}"
            "| ?[^\\\\s\\\\p{L}\\\\p{N}]+[\\\\r\\\\n]*|\\\\s*[\\\\r\\\\n]+|\\\\s+(?!\\\\S)|\\\\s+"),
        SPLIT(
            "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\\\r\\\\n\\\\p{L}\\\\p{N}]?\\\\p{L}+|\\\\p{N}"
            "| ?[^\\\\s\\\\p{L}\\\\p{N}]+[\\\\r\\\\n]*|\\\\s*[\\\\r\\\\n]+|\\\\s+(?!\\\\S)|\\\\s+"),
        SPLIT(
            "[^\\\\r\\\\n\\\\p{L}\\\\p{N}]?[\\\\p{Lu}\\\\p{Lt}\\\\p{Lm}\\\\p{Lo}\\\\p{M}]*"
            "[\\\\p{Ll}\\\\p{Lm}\\\\p{Lo}\\\\p{M}]+|[^\\\\r\\\\n\\\\p{L}\\\\p{N}]?"
            "[\\\\p{Lu}\\\\p{Lt}\\\\p{Lm}\\\\p{Lo}\\\\p{M}]+[\\\\p{Ll}\\\\p{Lm}\\\\p{Lo}\\\\p{M}]*"
            "|\\\\p{N}| ?[^\\\\s\\\\p{L}\\\\p{N}]+[\\\\r\\\\n/]*|\\\\s*[\\\\r\\\\n]+"
            "|\\\\s+(?!\\\\S)|\\\\s+"),
    };

    (void)state;
    for (size_t i = 0; i < SU_ARRAY_LEN(same); i++) {
        struct su_text *t = good((struct parts){.pre = same[i]});
        tokens_are(t, "the'the", 0,
                   i == 5 ? "4 7 4" : "4 7 0 1 2"); /* 't is cut off but by Tekken */
        su_text_free(t);
    }
    struct su_text *t = good(
        (struct parts){.normalizer = "{\"type\":\"NFC\"}",
                       .model = "{\"type\":\"BPE\"," VOCAB "," MERGES ",\"ignore_merges\":true}"});
    su_text_free(t);
}

static void reads_the_post_processor(void **state)
{
#define TOKEN(text) "{\"SpecialToken\":{\"id\":\"" text "\",\"type_id\":0}}"
#define SEQUENCE "{\"Sequence\":{\"id\":\"A\",\"type_id\":0}}"
    static const char both[] =
        "{\"type\":\"TemplateProcessing\",\"single\":[" TOKEN("t") "," SEQUENCE
                                                                   "," TOKEN("h") "],\"pair\":[]}";

    (void)state;
    struct su_text *t = good((struct parts){.post = both});
    tokens_are(t, "the", SU_TEXT_ADD_SPECIAL, "0 4 1");
    su_text_free(t);
    t = good((struct parts){
        .post = "{\"type\":\"Sequence\",\"processors\":[{\"type\":\"ByteLevel\"},"
                "{\"type\":\"TemplateProcessing\",\"single\":[" TOKEN("e") "," SEQUENCE "]}]}"});
    tokens_are(t, "the", SU_TEXT_ADD_SPECIAL, "2 4");
    su_text_free(t);
    refused((struct parts){.post = "{\"type\":\"BertProcessing\"}"}, SU_EUNSUPPORTED, "Bert");
    refused((struct parts){.post = "{\"type\":\"TemplateProcessing\"}"}, SU_ENOENT, "missing");
    refused((struct parts){.post = "{\"type\":\"TemplateProcessing\",\"single\":[" TOKEN(
                               "t") "," TOKEN("h") "," SEQUENCE "]}"},
            SU_EUNSUPPORTED, "several");
    refused((struct parts){.post = "{\"type\":\"TemplateProcessing\",\"single\":[" TOKEN("") "]}"},
            SU_EUNSUPPORTED, "special token");
    refused((struct parts){.post = "{\"type\":\"TemplateProcessing\",\"single\":[" TOKEN(
                               "zz") "," SEQUENCE "]}"},
            SU_EFORMAT, "\"zz\"");
}

static void reads_the_config(void **state)
{
    (void)state;
    struct su_text *t = good_with(
        (struct parts){0},
        "{\"bos_token\":\"t\",\"eos_token\":{\"content\":\"h\"},\"unk_token\":\"e\",\"pad_token\":"
        "\"th\",\"add_bos_token\":true,\"add_eos_token\":true,\"chat_template\":\"{{x}}\"}");
    tokens_are(t, "the", SU_TEXT_ADD_SPECIAL, "0 4 1");
    assert_int_equal(su_text_unk(t), 2);
    assert_int_equal(su_text_pad(t), 3);
    assert_string_equal(su_text_template(t), "{{x}}");
    su_text_free(t);
    t = good_with(
        (struct parts){0},
        "{\"bos_token\":null,\"add_bos_token\":false,\"chat_template\":[{\"name\":\"rag\","
        "\"template\":\"a\"},{\"name\":\"default\",\"template\":\"b\"}]}");
    assert_string_equal(su_text_template(t), "b");
    su_text_free(t);
    t = good_with((struct parts){0}, "{\"chat_template\":[]}");
    assert_null(su_text_template(t));
    su_text_free(t);
    refused_with((struct parts){0}, "[]", SU_EFORMAT, "'{'");
    refused_with((struct parts){0}, "{} 1", SU_EFORMAT, "follows");
    refused_with((struct parts){0}, "{\"pad_token\":01}", SU_EFORMAT, "tokenizer_config.json");
    refused_with((struct parts){0}, "{", SU_ETRUNC, "tokenizer_config.json");
    refused_with((struct parts){0}, "{\"eos_token\":\"gone\"}", SU_EFORMAT, "\"gone\"");
    refused_with((struct parts){0}, "{\"add_bos_token\":true}", SU_EINVAL, "add_bos");
}

/* ---- SentencePiece --------------------------------------------------------------------------- */

#define SPM_VOCAB                                                                                  \
    "\"vocab\":{\"<unk>\":0,\"<s>\":1,\"<0x41>\":2,\"" SPACE_MARK "\":3,\"a\":4,\"" SPACE_MARK     \
    "a\":5}"
#define SPM_MODEL                                                                                  \
    "{\"type\":\"BPE\",\"unk_token\":\"<unk>\",\"byte_fallback\":true," SPM_VOCAB                  \
    ",\"merges\":[\"" SPACE_MARK " a\"]}"
#define REPLACE                                                                                    \
    "{\"type\":\"Replace\",\"pattern\":{\"String\":\" \"},\"content\":\"" SPACE_MARK "\"}"

static void reads_sentencepiece(void **state)
{
    static const char llama2[] = "{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"Prepend\","
                                 "\"prepend\":\"" SPACE_MARK "\"}," REPLACE "]}",
                      split[] = "{\"type\":\"Split\",\"pattern\":{\"String\":\" \"},\"behavior\":"
                                "\"MergedWithPrevious\",\"invert\":false}";
#define META(scheme)                                                                               \
    "{\"type\":\"Metaspace\",\"replacement\":\"" SPACE_MARK "\",\"split\":false," scheme "}"
    static const struct {
        struct parts p;
        const char *tokens;
    } ways[] = {
        {{.normalizer = llama2, .pre = "null"}, "5 5 1 5"},
        {{.normalizer = REPLACE, .pre = split}, "4 5 1 4"},
        {{.pre = META("\"prepend_scheme\":\"always\"")}, "5 5 1 5"},
        {{.pre = META("\"prepend_scheme\":\"first\"")}, "5 5 1 4"},
        {{.pre = META("\"prepend_scheme\":\"never\"")}, "4 5 1 4"},
        {{.pre = META("\"add_prefix_space\":true")}, "5 5 1 5"},
        {{.pre = META("\"add_prefix_space\":false")}, "4 5 1 4"},
    };

    (void)state;
    for (size_t i = 0; i < SU_ARRAY_LEN(ways); i++) {
        struct parts p = ways[i].p;
        p.model = SPM_MODEL;
        p.added = "[{\"id\":1,\"content\":\"<s>\",\"special\":true}]";
        struct su_text *t = good(p);
        tokens_are(t, "a a<s>a", SU_TEXT_PARSE_SPECIAL, ways[i].tokens);
        assert_int_equal(su_text_type(t, 2), SU_TEXT_BYTE);
        assert_int_equal(su_text_unk(t), 0);
        su_text_free(t);
    }
    refused((struct parts){.pre = "{\"type\":\"Metaspace\",\"replacement\":\"" SPACE_MARK "\"}"},
            SU_EUNSUPPORTED, "Metaspace that splits");
    refused((struct parts){.pre = "null"}, SU_EUNSUPPORTED, "neither");
    refused((struct parts){.normalizer = REPLACE}, SU_EUNSUPPORTED, "before ByteLevel");
}

/* ---- what is refused ------------------------------------------------------------------------- */

static void names_what_is_not_supported(void **state)
{
    static const struct {
        struct parts p;
        const char *word;
    } cases[] = {
        {{.model = "{\"type\":\"Unigram\"," VOCAB "}"}, "Unigram"},
        {{.model = "{\"type\":\"WordPiece\"," VOCAB "}"}, "WordPiece"},
        {{.model = "{\"continuing_subword_prefix\":\"##\"," VOCAB "," MERGES "}"}, "##"},
        {{.model = "{\"end_of_word_suffix\":\"</w>\"," VOCAB "," MERGES "}"}, "</w>"},
        {{.normalizer = "{\"type\":\"Lowercase\"}"}, "Lowercase"},
        {{.normalizer = "{\"type\":\"Prepend\",\"prepend\":\"x\"}"}, "Prepend"},
        {{.pre = "{\"type\":\"Whitespace\"}"}, "Whitespace"},
        {{.pre = SPLIT("[a-z]+")}, "[a-z]+"},
        {{.pre = NO_REGEX}, "without a pattern"},
        {{.pre = "{\"type\":\"ByteLevel\",\"add_prefix_space\":true}"}, "add_prefix_space"},
        {{.pre = "{\"type\":\"Digits\",\"individual_digits\":true}"}, "without ByteLevel"},
        {{.pre = "{\"type\":\"Digits\",\"individual_digits\":false}"}, "Digits"},
        {{.added = "[{\"id\":0,\"content\":\"t\",\"lstrip\":true}]"}, "lstrip"},
        {{.added = "[{\"id\":0,\"content\":\"t\",\"rstrip\":true}]"}, "rstrip"},
        {{.added = "[{\"id\":0,\"content\":\"t\",\"single_word\":true}]"}, "single_word"},
    };

    (void)state;
    for (size_t i = 0; i < SU_ARRAY_LEN(cases); i++)
        refused(cases[i].p, SU_EUNSUPPORTED, cases[i].word);
}

static void refuses_what_makes_no_sense(void **state)
{
    static const struct {
        struct parts p;
        enum su_code code;
        const char *word;
    } cases[] = {
        {{.model = "{" MERGES "}"}, SU_EFORMAT, "vocab"},
        {{.model = "{" VOCAB "}"}, SU_EFORMAT, "merges"},
        {{.model = "{\"vocab\":{},\"merges\":[]}"}, SU_EFORMAT, "empty"},
        {{.model = "{" VOCAB ",\"merges\":[]}"}, SU_EINVAL, "merges"},
        {{.model = "{" VOCAB ",\"merges\":[\"th\"]}"}, SU_EFORMAT, "merge 0"},
        {{.model = "{" VOCAB ",\"merges\":[\"x y\"]}"}, SU_EFORMAT, "another model"},
        {{.model = "{" VOCAB ",\"merges\":[[\"t\"]]}"}, SU_EFORMAT, "','"},
        {{.model = "{" VOCAB ",\"merges\":[[\"t\",\"h\",\"e\"]]}"}, SU_EFORMAT, "']'"},
        {{.model = "{" VOCAB ",\"merges\":{}}"}, SU_EFORMAT, "'['"},
        {{.model = "{" VOCAB ",\"merges\":[1]}"}, SU_EFORMAT, "'['"},
        {{.model = "{\"vocab\":[]," MERGES "}"}, SU_EFORMAT, "'{'"},
        {{.model = "{\"vocab\":{\"a\":0,\"b\":0}," MERGES "}"}, SU_EFORMAT, "one id"},
        {{.model = "{\"vocab\":{\"a\":0,\"a\":1}," MERGES "}"}, SU_EFORMAT, "equal"},
        {{.model = "{\"vocab\":{\"a\":4294967295}," MERGES "}"}, SU_EFORMAT, "whole number"},
        {{.model = "{\"vocab\":{\"a\":99999999999}," MERGES "}"}, SU_EFORMAT, "whole number"},
        {{.model = "{\"vocab\":{\"a\":1.5}," MERGES "}"}, SU_EFORMAT, "whole number"},
        {{.model = "{\"vocab\":{\"a\":-1}," MERGES "}"}, SU_EFORMAT, "whole number"},
        {{.model = "{\"vocab\":{\"a\":\"1\"}," MERGES "}"}, SU_EFORMAT, "whole number"},
        {{.model = "{\"vocab\":{\"a\":5000}," MERGES "}"}, SU_EFORMAT, "4096"},
        {{.added = "[{\"id\":4294967294,\"content\":\"a\"}]"}, SU_EFORMAT, "4096"},
        {{.added = "[{\"id\":4294967295,\"content\":\"a\"}]"}, SU_EFORMAT, "beyond"},
        {{.added = "[{\"id\":0,\"content\":\"x\"}]"}, SU_EFORMAT, "token 0"},
        {{.added = "[{\"content\":\"x\"}]"}, SU_ENOENT, "missing"},
        {{.added = "[{\"id\":0}]"}, SU_ENOENT, "missing"},
        {{.added = "[7]"}, SU_ETYPE, "object"},
        {{.added = "{}"}, SU_EFORMAT, "'['"},
        {{.more = ",\"model\":{}"}, SU_EFORMAT, "twice"},
        {{.more = "} {"}, SU_EFORMAT, "follows"},
        {{.normalizer = "{\"type\":\"Sequence\"}"}, SU_ENOENT, "missing"},
        {{.normalizer = "{\"type\":01}"}, SU_EFORMAT, "number"},
    };

    (void)state;
    for (size_t i = 0; i < SU_ARRAY_LEN(cases); i++)
        refused(cases[i].p, cases[i].code, cases[i].word);
}

static void checks_the_grammar(void **state)
{
    char deep[200], big[512];

    (void)state;
    bytes_refused("", SU_ETRUNC, "'{'");
    bytes_refused("[]", SU_EFORMAT, "'{'");
    bytes_refused("{}", SU_EFORMAT, "no \"model\"");
    bytes_refused("{\"a\" 1}", SU_EFORMAT, "':'");
    bytes_refused("{\"a\":}", SU_EFORMAT, "missing");
    bytes_refused("{\"a\":1 \"b\":2}", SU_EFORMAT, "','");
    bytes_refused("{\"a\":\"\x01\"}", SU_EFORMAT, "control");
    bytes_refused("{\"a\":\"\xFF\"}", SU_EFORMAT, "UTF-8");
    bytes_refused("{\"a\":\"\\x\"}", SU_EFORMAT, "escape");
    bytes_refused("{\"a\":\"\\u12g4\"}", SU_EFORMAT, "hexadecimal");
    bytes_refused("{\"a\":\"\\ud800\"}", SU_EFORMAT, "surrogate");
    bytes_refused("{\"a\":\"\\udc00\"}", SU_EFORMAT, "surrogate");
    bytes_refused("{\"a\":\"\\ud800\\u0041\"}", SU_EFORMAT, "surrogate");
    bytes_refused("{\"a\":\"", SU_ETRUNC, "closing quote");
    bytes_refused("{\"a\":\"\\", SU_ETRUNC, "closing quote");
    memset(deep, '[', sizeof deep);
    memcpy(deep, "{\"a\":", 5);
    deep[sizeof deep - 1] = '\0';
    bytes_refused(deep, SU_ELIMIT, "64 deep");
    snprintf(big, sizeof big, "{\"%0200d\":1,\"model\":{\"type\":\"%0100d\"}}", 7, 7);
    bytes_refused(big, SU_EUNSUPPORTED, "\"?\"");
}

/* A setting of more than a megabyte is none. */
static void bounds_settings(void **state)
{
    size_t len = (1 << 20) + 100;
    char *json = malloc(len + 1000);

    (void)state;
    assert_non_null(json);
    memset(json, ' ', len);
    memcpy(json, "{\"normalizer\":{", 15);
    strcpy(json + len, "},\"model\":" MODEL "}");
    bytes_refused(json, SU_ELIMIT, "limit");
    free(json);
}

static void escapes_in_tokens(void **state)
{
    (void)state;
    struct su_text *t = good((struct parts){
        .model = "{\"vocab\":{\"\\\"\":0,\"\\\\\":1,\"\\/\":2,\"\\u0120\":3,\"\\ud83d\\ude00\":4,"
                 "\"\\b\\f\\n\\r\\t\":5,\"\\u00E9\":6,\"\\u0000\":7,\"\\u20ac\":8},"
                 "\"merges\":[\"\\u0120 \\\"\",\"\\/ \\/\",\"\\\" \\\\\"]}",
        .added = "[{\"id\":4,\"content\":\"\\ud83d\\ude00\"},{\"id\":9,\"content\":\"\\/\\/\"}]"});
    tokens_are(t, "\"\\/ \xF0\x9F\x98\x80//", 0, "0 1 2 3 4 9");
    struct su_text_string s = su_text_bytes(t, 5, true);
    assert_int_equal(s.len, 5);
    assert_memory_equal(s.bytes, "\b\f\n\r\t", 5);
    s = su_text_bytes(t, 6, true);
    assert_int_equal(s.len, 1); /* U+00E9 spells that byte */
    assert_int_equal(su_text_bytes(t, 7, true).len, 1);
    su_text_free(t);
}

static void ends_anywhere(void **state)
{
    struct parts p = {.added = "[{\"id\":9,\"content\":\"<a>\",\"special\":true}]"};
    char *json = su_strdup(document(&p));
    size_t n = strlen(json);

    (void)state;
    for (size_t len = 0; len < n; len++) {
        char *exact = malloc(len ? len : 1);
        struct su_text *t;
        struct su_err e = {0};
        memcpy(exact, json, len);
        enum su_code rc = su_text_from_hf(exact, len, NULL, 0, "cut", &t, &e);
        assert_true(rc == SU_ETRUNC || rc == SU_EFORMAT);
        assert_null(t);
        free(exact);
    }
    free(json);
}

/* ---- memory ---------------------------------------------------------------------------------- */

/* The shortest tokens and merges there are: the worst ratio of memory to text. */
static char *dense_document(size_t *len)
{
    struct su_buf b;
    static const char plain[] = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    unsigned n = sizeof plain - 1, id = 0;

    su_buf_init(&b, 0);
    su_buf_printf(&b, "{\"pre_tokenizer\":%s,\"model\":{\"vocab\":{", GPT2);
    for (unsigned i = 0; i < n; i++)
        su_buf_printf(&b, "%s\"%c\":%u", i ? "," : "", plain[i], id++);
    for (unsigned i = 0; i < n; i++) {
        for (unsigned k = 0; k < n; k++)
            su_buf_printf(&b, ",\"%c%c\":%u", plain[i], plain[k], id++);
    }
    su_buf_str(&b, "},\"merges\":[");
    for (unsigned i = 0; i < n; i++) {
        for (unsigned k = 0; k < n; k++)
            su_buf_printf(&b, "%s\"%c %c\"", i + k ? "," : "", plain[i], plain[k]);
    }
    su_buf_str(&b, "]}}");
    assert_false(b.failed);
    *len = b.len;
    return (char *)b.data;
}

static void memory_is_bounded(void **state)
{
    size_t len;
    char *json = dense_document(&len);
    struct su_text *t;
    struct su_err e;

    (void)state;
    su_alloc_peak_start();
    assert_int_equal(su_text_from_hf(json, len, NULL, 0, "dense", &t, &e), SU_OK);
    if (su_alloc_watched()) {
        size_t peak = su_alloc_peak();
        if (peak > 4 * len + 65536)
            fail_msg("%zu bytes for a text of %zu", peak, len);
        su_text_free(t);
        for (size_t least = 64; least < len; least *= 2) {
            su_alloc_fail(least, SIZE_MAX);
            enum su_code rc = su_text_from_hf(json, len, NULL, 0, "dense", &t, &e);
            su_alloc_fail_none();
            if (rc == SU_OK)
                break;
            assert_int_equal(rc, SU_ENOMEM);
            assert_null(t);
        }
    }
    su_text_free(t);
    free(json);
}

static void takes_more_from_other_files(void **state)
{
    (void)state;
    struct su_text *t = good((struct parts){0});
    const uint32_t *stop;
    struct su_err e = {0};
    size_t before = su_text_stops(t, &stop);

    assert_int_equal(before, 0);
    assert_int_equal(su_text_stop_add(t, 5, "file", &e), SU_OK);
    assert_int_equal(su_text_stop_add(t, 2, "file", &e), SU_OK);
    assert_int_equal(su_text_stop_add(t, 7, "file", &e), SU_OK);
    assert_int_equal(su_text_stop_add(t, 5, "file", &e), SU_OK);
    assert_int_equal(su_text_stop_add(t, 8, "file", &e), SU_EINVAL);
    assert_string_equal(e.at, "file");
    assert_int_equal(su_text_stops(t, &stop), 3);
    assert_true(stop[0] == 2 && stop[1] == 5 && stop[2] == 7);
    assert_true(su_text_is_stop(t, 7) && !su_text_is_stop(t, 3));
    assert_null(su_text_template(t));
    assert_int_equal(su_text_template_set(t, "one", 2, &e), SU_OK);
    assert_string_equal(su_text_template(t), "on");
    assert_int_equal(su_text_template_set(t, NULL, 0, &e), SU_OK);
    assert_string_equal(su_text_template(t), "");
    su_text_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_small_one),
        cmocka_unit_test(reads_added_tokens),
        cmocka_unit_test(knows_patterns),
        cmocka_unit_test(reads_the_post_processor),
        cmocka_unit_test(reads_the_config),
        cmocka_unit_test(reads_sentencepiece),
        cmocka_unit_test(names_what_is_not_supported),
        cmocka_unit_test(refuses_what_makes_no_sense),
        cmocka_unit_test(checks_the_grammar),
        cmocka_unit_test(bounds_settings),
        cmocka_unit_test(escapes_in_tokens),
        cmocka_unit_test(ends_anywhere),
        cmocka_unit_test(memory_is_bounded),
        cmocka_unit_test(takes_more_from_other_files),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
