// SPDX-License-Identifier: MIT
/* Making tokenizers and encoding with small vocabularies. */
#include "support/alloc.h"
#include "unit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SPACE_MARK "\xE2\x96\x81"

static void refused(const struct su_text_vocab *v, enum su_code code, const char *word)
{
    struct su_text *t = (struct su_text *)-1;
    struct su_err e = {0};

    assert_int_equal(su_text_new(v, "file.gguf", &t, &e), code);
    assert_null(t);
    assert_int_equal(e.code, code);
    assert_string_equal(e.at, "file.gguf");
    if (!strstr(e.msg, word))
        fail_msg("\"%s\" does not say \"%s\"", e.msg, word);
}

static void merges_by_rank(void **state)
{
    struct vocab b;

    (void)state;
    vocab_small(&b, "gpt-2");
    struct su_text *t = vocab_make(&b);
    tokens_are(t, "", 0, "");
    tokens_are(t, "the the thing", 0, "257 260 259 262");
    tokens_are(t, "t h e", 0, "116 32 104 32 101");
    tokens_are(t, "in\n\ninin", 0, "261 10 10 261 261"); /* \\s+(?!\\S) */
    tokens_are(t, "in\n\n", 0, "261 265");
    tokens_are(t, "\n\n\nthe", 0, "265 10 257");
    assert_int_equal(su_text_count(t), 266);
    assert_int_equal(su_text_merges_ignored(t), 0);
    su_text_free(t);
    vocab_fini(&b);
}

static void knows_special_tokens(void **state)
{
    struct vocab b;
    const uint32_t *stops;

    (void)state;
    vocab_small(&b, "gpt-2");
    b.v.bos = 264;
    b.v.eos = 10;
    b.v.unk = 3;
    b.v.pad = 4;
    b.v.eot = 9;
    b.v.add_bos = b.v.add_eos = SU_TEXT_ON;
    b.v.chat_template = "{{ jinja }}";
    struct su_text *t = vocab_make(&b);
    tokens_are(t, "", SU_TEXT_ADD_SPECIAL, "264 10");
    tokens_are(t, "in", SU_TEXT_ADD_SPECIAL, "264 261 10");
    tokens_are(t, "in<|end|>in", SU_TEXT_PARSE_SPECIAL, "261 263 261");
    tokens_are(t, "in<|end|>in", 0, "261 60 124 101 110 100 124 62 261");
    tokens_are(t, "<|end|><|end|><|end", SU_TEXT_PARSE_SPECIAL, "263 263 60 124 101 110 100");
    tokens_are(t, "<user>in<user>", 0, "264 261 264");
    tokens_are(t, "<<user>>", SU_TEXT_PARSE_SPECIAL, "60 264 62");
    assert_int_equal(su_text_bos(t), 264);
    assert_int_equal(su_text_eos(t), 10);
    assert_int_equal(su_text_unk(t), 3);
    assert_int_equal(su_text_pad(t), 4);
    assert_true(su_text_adds_bos(t) && su_text_adds_eos(t));
    assert_string_equal(su_text_template(t), "{{ jinja }}");
    assert_int_equal(su_text_type(t, 263), SU_TEXT_CONTROL);
    assert_int_equal(su_text_special(t, "<|end|>"), 263);
    assert_int_equal(su_text_special(t, "<user>"), 264);
    assert_int_equal(su_text_special(t, "the"), SU_TEXT_NONE);
    assert_int_equal(su_text_stops(t, &stops), 3);
    assert_int_equal(stops[0], 9);
    assert_int_equal(stops[1], 10);
    assert_int_equal(stops[2], 263);
    assert_true(su_text_is_stop(t, 263) && !su_text_is_stop(t, 264));
    su_text_free(t);
    vocab_fini(&b);
}

static void longer_special_tokens_go_first(void **state)
{
    struct vocab b;

    (void)state;
    vocab_small(&b, "gpt-2");
    vocab_token(&b, "<us", SU_TEXT_USER); /* 266 */
    vocab_token(&b, "er><x", SU_TEXT_USER);
    vocab_token(&b, "\t\t", SU_TEXT_USER);
    vocab_token(&b, "\t\t\t", SU_TEXT_USER);
    struct su_text *t = vocab_make(&b);
    tokens_are(t, "<us <user>", 0, "266 32 264");
    tokens_are(t, "<user><x", 0, "264 60 120"); /* six bytes go before five */
    tokens_are(t, "\t\t\t\t\t", 0, "269 268");
    su_text_free(t);
    vocab_fini(&b);
}

static void plain_stop_names_become_control(void **state)
{
    struct vocab b;

    (void)state;
    vocab_small(&b, "gpt-2");
    uint32_t im_end = vocab_token(&b, "<|im_end|>", SU_TEXT_NORMAL);
    uint32_t html = vocab_token(&b, "</s>", SU_TEXT_NORMAL);
    struct su_text *t = vocab_make(&b);
    assert_int_equal(su_text_type(t, im_end), SU_TEXT_CONTROL);
    assert_true(su_text_is_stop(t, im_end));
    assert_int_equal(su_text_type(t, html), SU_TEXT_NORMAL);
    assert_false(su_text_is_stop(t, html));
    su_text_free(t);
    vocab_fini(&b);
}

static void takes_any_bytes(void **state)
{
    struct vocab b;
    uint8_t all[256];
    struct su_text_ids l = {0};

    (void)state;
    vocab_small(&b, "llama-bpe");
    struct su_text *t = vocab_make(&b);
    for (unsigned c = 0; c < 256; c++)
        all[c] = (uint8_t)(255 - c);
    assert_int_equal(su_text_encode(t, all, sizeof all, 0, &l, NULL), SU_OK);
    assert_int_equal(l.count, 256);
    for (unsigned c = 0; c < 256; c++)
        assert_int_equal(l.ids[c], 255 - c);
    su_text_ids_fini(&l);
    assert_null(l.ids);
    su_text_free(t);
    vocab_fini(&b);
}

static void every_family_has_a_name(void **state)
{
    static const char *const names[] = {"default",   "gpt-2",  "smollm",  "llama-bpe",
                                        "llama3",    "qwen2",  "tekken",  "gpt-4o",
                                        "starcoder", "llama4", "falcon3", "deepseek-r1-qwen"};
    struct vocab b;

    (void)state;
    vocab_small(&b, NULL);
    for (size_t i = 0; i < SU_ARRAY_LEN(names); i++) {
        b.v.pre = names[i];
        struct su_text *t = vocab_make(&b);
        tokens_are(t, "the thing", 0, "257 259 262");
        su_text_free(t);
    }
    b.v.pre = "";
    su_text_free(vocab_make(&b));
    b.v.pre = "klingon";
    refused(&b.v, SU_EUNSUPPORTED, "\"klingon\"");
    vocab_fini(&b);
}

static void whole_tokens_go_before_merges(void **state)
{
    struct vocab b;

    (void)state;
    vocab_small(&b, "gpt-2");
    uint32_t word = vocab_token(&b, "heir", SU_TEXT_NORMAL);
    char want[16];
    snprintf(want, sizeof want, "%u", word);
    struct su_text *t = vocab_make(&b);
    tokens_are(t, "heir", 0, "104 101 105 114");
    su_text_free(t);
    b.v.pre = "llama-bpe"; /* the family does so by itself */
    t = vocab_make(&b);
    tokens_are(t, "heir", 0, want);
    su_text_free(t);
    b.v.ignore_merges = SU_TEXT_OFF;
    t = vocab_make(&b);
    tokens_are(t, "heir", 0, "104 101 105 114");
    su_text_free(t);
    b.v.pre = "gpt-2";
    b.v.ignore_merges = SU_TEXT_ON;
    t = vocab_make(&b);
    tokens_are(t, "heir", 0, want);
    su_text_free(t);
    vocab_fini(&b);
}

static void bos_by_default(void **state)
{
    struct vocab b;

    (void)state;
    vocab_small(&b, "llama-bpe");
    struct su_text *t = vocab_make(&b);
    assert_false(su_text_adds_bos(t)); /* there is none */
    su_text_free(t);
    b.v.bos = 263;
    t = vocab_make(&b);
    assert_true(su_text_adds_bos(t) && !su_text_adds_eos(t));
    su_text_free(t);
    b.v.add_bos = SU_TEXT_OFF;
    t = vocab_make(&b);
    assert_false(su_text_adds_bos(t));
    su_text_free(t);
    b.v.pre = "qwen2";
    b.v.add_bos = SU_TEXT_DEFAULT;
    t = vocab_make(&b);
    assert_false(su_text_adds_bos(t));
    su_text_free(t);
    vocab_fini(&b);
}

static void leaves_out_merges_that_fit_nothing(void **state)
{
    struct vocab b;

    (void)state;
    vocab_small(&b, "gpt-2");
    vocab_merge(&b, "t h"); /* twice: counts where it stood first */
    vocab_merge(&b, "zz top");
    vocab_merge(&b, "t zz");
    vocab_merge(&b, "z z");
    vocab_merge(&b, "the t"); /* a cycle has no result that is a token */
    vocab_merge(&b, "\xE2\x82\xAC t"); /* no byte is spelled so */
    vocab_merge(&b, "t \xE2\x82\xAC");
    struct su_text *t = vocab_make(&b);
    assert_int_equal(su_text_merges_ignored(t), 7);
    tokens_are(t, "the zz", 0, "257 32 122 122");
    su_text_free(t);
    vocab_fini(&b);
}

static void refuses_bad_vocabularies(void **state)
{
    struct vocab b;

    (void)state;
    vocab_small(&b, "gpt-2");
    struct su_text_vocab good = b.v, v = good;
    v.token_count = 0;
    refused(&v, SU_EINVAL, "no tokens");
    v = good;
    v.merge_count = 0;
    refused(&v, SU_EINVAL, "merges");
    v.kind = SU_TEXT_SPM;
    v.scores = NULL;
    refused(&v, SU_EINVAL, "scores");
    v = good;
    v.token_count = SU_TEXT_TOKENS_MAX + 1;
    refused(&v, SU_ELIMIT, "limit");
    v = good;
    v.merge_count = SU_TEXT_TOKENS_MAX + 1;
    refused(&v, SU_ELIMIT, "limit");
    uint32_t *const ids[] = {&v.bos, &v.eos, &v.eot, &v.unk, &v.pad};
    for (size_t i = 0; i < SU_ARRAY_LEN(ids); i++) {
        v = good;
        *ids[i] = 266;
        refused(&v, SU_EINVAL, "266");
    }
    v = good;
    v.add_bos = SU_TEXT_ON;
    refused(&v, SU_EINVAL, "add_bos");
    v = good;
    v.add_eos = SU_TEXT_ON;
    refused(&v, SU_EINVAL, "add_eos");
    vocab_token(&b, "th", SU_TEXT_NORMAL);
    refused(&b.v, SU_EFORMAT, "256 and 266");
    b.tokens[266].len = SU_TEXT_TOKEN_BYTES_MAX + 1;
    refused(&b.v, SU_ELIMIT, "token 266");
    vocab_fini(&b);
}

static void refuses_bad_merges(void **state)
{
    static const char *const bad[] = {"", "t", "th", " t", "t ", "  "};
    struct vocab b;

    (void)state;
    for (size_t i = 0; i < SU_ARRAY_LEN(bad); i++) {
        vocab_small(&b, "gpt-2");
        vocab_merge(&b, bad[i]);
        refused(&b.v, SU_EFORMAT, "merge 8");
        vocab_fini(&b);
    }
    vocab_small(&b, "gpt-2");
    b.v.merge_count = 0;
    vocab_merge(&b, "x y");
    refused(&b.v, SU_EFORMAT, "another model");
    vocab_fini(&b);
}

static void four_gib_of_tokens(void **state)
{
    size_t count = ((size_t)4 << 30) / SU_TEXT_TOKEN_BYTES_MAX + 1;
    struct su_text_string *tokens = su_try_alloc(count, sizeof *tokens);
    struct su_text_string merge = {"a b", 3};
    static uint8_t token[SU_TEXT_TOKEN_BYTES_MAX];
    struct su_text_vocab v = {.kind = SU_TEXT_BPE,
                              .tokens = tokens,
                              .token_count = count,
                              .merges = &merge,
                              .merge_count = 1};

    (void)state;
    for (size_t i = 0; i < count; i++)
        tokens[i] = (struct su_text_string){token, sizeof token};
    refused(&v, SU_ELIMIT, "4 GiB");
    free(tokens);
}

/* The hash of tables.c, to make texts that share a slot. */
static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

static void refuses_tokens_made_to_collide(void **state)
{
    struct vocab b;
    char text[9] = "";
    unsigned found = 0;

    (void)state;
    vocab_small(&b, "gpt-2");
    for (uint64_t n = 0; found < 600; n++) {
        for (unsigned k = 0; k < 8; k++)
            text[k] = (char)('a' + (n >> 4 * k & 15));
        uint64_t h = mix(mix(mix(8 + UINT64_C(0x9e3779b97f4a7c15)) ^ su_le64(text)));
        if ((h & 2047) == 77) { /* slots of 866 tokens */
            vocab_token(&b, text, SU_TEXT_NORMAL);
            found++;
        }
    }
    refused(&b.v, SU_EFORMAT, "hash");
    vocab_fini(&b);
}

/* ---- SentencePiece --------------------------------------------------------------------------- */

static void small_spm(struct vocab *b)
{
    static const char *const texts[] = {SPACE_MARK,
                                        "a",
                                        "b",
                                        "ab",
                                        SPACE_MARK "a",
                                        SPACE_MARK "ab",
                                        "\xC3\xA9",
                                        SPACE_MARK SPACE_MARK,
                                        "bb"};

    vocab_init(b, SU_TEXT_SPM);
    b->v.scores = b->scores;
    vocab_token(b, "<unk>", SU_TEXT_UNKNOWN); /* 0 */
    vocab_token(b, "<s>", SU_TEXT_CONTROL);
    vocab_token(b, "</s>", SU_TEXT_CONTROL);
    vocab_token(b, "<0x0A>", SU_TEXT_BYTE); /* 3 */
    vocab_token(b, "<0xE2>", SU_TEXT_BYTE);
    vocab_token(b, "<0xff>", SU_TEXT_BYTE); /* 5 */
    for (size_t i = 0; i < SU_ARRAY_LEN(texts); i++)
        vocab_token(b, texts[i], SU_TEXT_NORMAL); /* from 6 */
    b->v.unk = 0;
    b->v.bos = 1;
    b->v.eos = 2;
}

static void merges_by_score(void **state)
{
    struct vocab b;

    (void)state;
    small_spm(&b);
    struct su_text *t = vocab_make(&b);
    assert_true(su_text_adds_bos(t));
    tokens_are(t, "", SU_TEXT_ADD_SPECIAL, "1");
    tokens_are(t, "ab", SU_TEXT_ADD_SPECIAL, "1 11");
    tokens_are(t, "abab ab", 0, "11 9 11");
    tokens_are(t, "ab" SPACE_MARK "ab", 0, "11 11"); /* two spellings of the space */
    tokens_are(t, "\n\xE2\x82z\xFF\xC3\xA9", 0, "6 3 4 0 0 5 12");
    tokens_are(t, "  a", 0, "13 10"); /* "_a" scores more than "__" */
    tokens_are(t, "a<s>a", 0, "10 0 0 0 7");
    tokens_are(t, "a<s>a", SU_TEXT_PARSE_SPECIAL, "10 1 10");
    tokens_are(t, "</s>", 0, "6 0 0 0 0");
    su_text_free(t);
    b.scores[13] = 5;
    b.scores[12] = -INFINITY;
    t = vocab_make(&b);
    tokens_are(t, "  a", 0, "13 10");
    tokens_are(t, "   a", 0, "13 13 7");
    su_text_free(t);
    b.v.add_space_prefix = SU_TEXT_OFF;
    b.v.add_eos = SU_TEXT_ON;
    b.v.add_bos = SU_TEXT_OFF;
    t = vocab_make(&b);
    tokens_are(t, "ab", SU_TEXT_ADD_SPECIAL, "9 2");
    su_text_free(t);
    b.v.add_space_prefix = SU_TEXT_ON;
    b.v.prefix_once = true;
    t = vocab_make(&b);
    tokens_are(t, "a<s>a", SU_TEXT_PARSE_SPECIAL, "10 1 7");
    tokens_are(t, "<s>a", SU_TEXT_PARSE_SPECIAL, "1 7");
    su_text_free(t);
    b.scores[7] = NAN;
    refused(&b.v, SU_EFORMAT, "token 7");
    vocab_fini(&b);
}

static void merges_by_rank_without_scores(void **state)
{
    struct vocab b;

    (void)state;
    small_spm(&b);
    b.v.scores = NULL;
    vocab_merge(&b, SPACE_MARK " a");
    vocab_merge(&b, "a b");
    vocab_merge(&b, "b b");
    struct su_text *t = vocab_make(&b);
    tokens_are(t, "abab", 0, "10 8 9"); /* "_ab" is a token, but no merge makes it */
    tokens_are(t, "xbbb", 0, "6 0 14 8");
    su_text_free(t);
    b.v.scores = b.scores; /* with both the scores count */
    t = vocab_make(&b);
    tokens_are(t, "abab", 0, "11 9");
    su_text_free(t);
    vocab_fini(&b);
}

/* ---- limits ---------------------------------------------------------------------------------- */

static double seconds_of(const struct su_text *t, const char *text, size_t len)
{
    struct su_text_ids l = {0};
    clock_t start = clock();

    assert_int_equal(su_text_encode(t, text, len, SU_TEXT_PARSE_SPECIAL, &l, NULL), SU_OK);
    assert_true(l.count > 0);
    su_text_ids_fini(&l);
    return (double)(clock() - start) / CLOCKS_PER_SEC;
}

static void long_texts_take_little_time(void **state)
{
    const size_t len = 1 << 20;
    char *text = malloc(len);
    struct vocab b;
    static const char *const repeated[] = {"in", "the ", "\t",       "<user>",       "t",
                                           "\n", "1",    "\xCC\x81", "<|end|><user", "A\xC2\xAA"};

    (void)state;
    assert_non_null(text);
    vocab_small(&b, "gpt-4o");
    for (unsigned n = 2; n < 60; n++) { /* \t\t ... */
        char tabs[64] = "";
        memset(tabs, '\t', n);
        vocab_token(&b, tabs, SU_TEXT_USER);
    }
    struct su_text *bpe = vocab_make(&b);
    struct vocab c;
    small_spm(&c);
    struct su_text *spm = vocab_make(&c);
    for (size_t i = 0; i < SU_ARRAY_LEN(repeated); i++) {
        size_t n = strlen(repeated[i]);
        for (size_t k = 0; k < len; k++)
            text[k] = repeated[i][k % n];
        /* What is quadratic takes hours. */
        assert_true(seconds_of(bpe, text, len) < 20);
        assert_true(seconds_of(spm, text, len) < 20);
    }
    su_text_free(bpe);
    su_text_free(spm);
    vocab_fini(&b);
    vocab_fini(&c);
    free(text);
}

static void refuses_longer_texts(void **state)
{
    struct vocab b;
    struct su_text_ids l = {0};
    struct su_err e;
    char *text = su_try_alloc(SU_TEXT_BYTES_MAX + 1, 1);

    (void)state;
    vocab_small(&b, "gpt-2");
    struct su_text *t = vocab_make(&b);
    assert_int_equal(su_text_encode(t, text, SU_TEXT_BYTES_MAX + 1, 0, &l, &e), SU_ELIMIT);
    assert_int_equal(l.count, 0);
    su_text_free(t);
    vocab_fini(&b);
    free(text);
}

static void survives_a_lack_of_memory(void **state)
{
    struct vocab b;
    struct su_err e;
    struct su_text_ids l = {0};
    struct su_text *t;

    (void)state;
    if (!su_alloc_watched())
        return;
    vocab_small(&b, "gpt-2");
    static const size_t sizes[] = {266, 1068, 2048, 64, 96, 32, 4 * 267};
    unsigned failures = 0;
    for (size_t i = 0; i < SU_ARRAY_LEN(sizes); i++) {
        su_alloc_fail(sizes[i], sizes[i] + 64);
        enum su_code rc = su_text_new(&b.v, "test", &t, &e);
        su_alloc_fail_none();
        if (rc == SU_OK)
            su_text_free(t);
        else
            failures += rc == SU_ENOMEM;
    }
    assert_true(failures >= 2);
    t = vocab_make(&b);
    assert_int_equal(su_text_encode(t, "in", 2, 0, &l, NULL), SU_OK);
    char text[1000];
    memset(text, 'z', sizeof text);
    for (size_t least = 1; least < 1 << 16; least *= 4) {
        su_alloc_fail(least, SIZE_MAX);
        assert_int_equal(su_text_encode(t, text, sizeof text, 0, &l, &e), SU_ENOMEM);
        su_alloc_fail_none();
        assert_int_equal(l.count, 1);
        if (least >= 4096)
            break;
    }
    su_text_ids_fini(&l);
    su_text_free(t);
    vocab_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(merges_by_rank),
        cmocka_unit_test(knows_special_tokens),
        cmocka_unit_test(longer_special_tokens_go_first),
        cmocka_unit_test(plain_stop_names_become_control),
        cmocka_unit_test(takes_any_bytes),
        cmocka_unit_test(every_family_has_a_name),
        cmocka_unit_test(whole_tokens_go_before_merges),
        cmocka_unit_test(bos_by_default),
        cmocka_unit_test(leaves_out_merges_that_fit_nothing),
        cmocka_unit_test(refuses_bad_vocabularies),
        cmocka_unit_test(refuses_bad_merges),
        cmocka_unit_test(four_gib_of_tokens),
        cmocka_unit_test(refuses_tokens_made_to_collide),
        cmocka_unit_test(merges_by_score),
        cmocka_unit_test(merges_by_rank_without_scores),
        cmocka_unit_test(long_texts_take_little_time),
        cmocka_unit_test(refuses_longer_texts),
        cmocka_unit_test(survives_a_lack_of_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
