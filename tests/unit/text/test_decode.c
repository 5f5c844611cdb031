// SPDX-License-Identifier: MIT
/* Tokens back to text. */
#include "support/random.h"
#include "unit.h"

#include <stdlib.h>
#include <string.h>

static struct su_text *bytes_only; /* byte-level: the id of a byte is the byte */

static int make_bytes(void **state)
{
    struct vocab b;

    (void)state;
    vocab_small(&b, "gpt-2");
    bytes_only = vocab_make(&b);
    vocab_fini(&b);
    return 0;
}

static int free_bytes(void **state)
{
    (void)state;
    su_text_free(bytes_only);
    return 0;
}

static void bytes_become(const char *bytes, size_t len, const char *want)
{
    struct su_text_decoder d;
    struct su_buf out;

    su_buf_init(&out, 0);
    su_text_decoder_init(&d, bytes_only, true, false);
    for (size_t i = 0; i < len; i++) {
        su_text_decode(&d, (uint8_t)bytes[i], &out);
        for (size_t k = 0; k < out.len;) { /* whole characters at any time */
            size_t step = su_utf8_step(out.data + k, out.len - k);
            assert_true(step > 0);
            k += step;
        }
    }
    su_text_decode_end(&d, &out);
    assert_int_equal(d.held_len, 0);
    assert_string_equal(out.data ? (const char *)out.data : "", want);
    su_buf_fini(&out);
}
#define BYTES_BECOME(bytes, want) bytes_become(bytes, sizeof(bytes) - 1, want)
#define R "\xEF\xBF\xBD"

static void holds_back_parts_of_characters(void **state)
{
    (void)state;
    BYTES_BECOME("", "");
    BYTES_BECOME("a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80z",
                 "a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80z");
    struct su_text_decoder d;
    struct su_buf out;
    su_buf_init(&out, 0);
    su_text_decoder_init(&d, bytes_only, false, false);
    su_text_decode(&d, 0xF0, &out);
    su_text_decode(&d, 0x9F, &out);
    su_text_decode(&d, 0x98, &out);
    assert_int_equal(out.len, 0);
    su_text_decode(&d, 0x80, &out);
    assert_int_equal(out.len, 4);
    su_buf_fini(&out);
}

static void replaces_what_is_no_utf8(void **state)
{
    (void)state;
    BYTES_BECOME("\x80", R);
    BYTES_BECOME("a\xFF z", "a" R " z");
    BYTES_BECOME("\xE2\x82", R R);
    BYTES_BECOME("\xE2\x82q", R R "q");
    BYTES_BECOME("\xF0\x9F\x98\xC3\xA9", R R R "\xC3\xA9");
    BYTES_BECOME("\xC3\xC3\xA9", R "\xC3\xA9");
    BYTES_BECOME("\xC0\xAF", R R); /* overlong */
    BYTES_BECOME("\xE0\x80\x80", R R R);
    BYTES_BECOME("\xED\xA0\x80", R R R); /* surrogate */
    BYTES_BECOME("\xF4\x90\x80\x80", R R R R); /* beyond U+10FFFF */
    BYTES_BECOME("\xF4\x8F\xBF\xBF", "\xF4\x8F\xBF\xBF");
    BYTES_BECOME("\xE0\xA0\x80\xED\x9F\xBF", "\xE0\xA0\x80\xED\x9F\xBF");
}

/* What cannot become a character must not wait for one. */
static void replaces_at_once(void **state)
{
    static const uint8_t never[][2] = {{0xC0, 0},    {0xFF, 0},    {0x80, 0},   {0xED, 0xA0},
                                       {0xE0, 0x9F}, {0xF4, 0x90}, {0xF0, 0x8F}};
    struct su_text_decoder d;
    struct su_buf out;

    (void)state;
    for (size_t i = 0; i < SU_ARRAY_LEN(never); i++) {
        su_buf_init(&out, 0);
        su_text_decoder_init(&d, bytes_only, false, false);
        su_text_decode(&d, never[i][0], &out);
        if (never[i][1])
            su_text_decode(&d, never[i][1], &out);
        assert_true(out.len >= 3);
        su_buf_fini(&out);
    }
}

/* The stream of any cut into tokens is that of the whole. */
static void any_bytes_in_any_pieces(void **state)
{
    struct su_random r = su_random_of(7, 0);
    static const char *const parts[] = {"a",    "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80",
                                        "\xE2", "\x82",     "\xF0\x9F",     "\xED\xA0\x80",
                                        "\xFF"};
    const unsigned rounds = getenv("SU_TEST_FULL") ? 20000 : 2000;

    (void)state;
    for (unsigned round = 0; round < rounds; round++) {
        struct vocab b;
        char text[64] = "";
        vocab_init(&b, SU_TEXT_SPM); /* tokens of this kind are bytes as they stand */
        b.v.scores = b.scores;
        while (strlen(text) < 24)
            strcat(text, parts[su_random_below(&r, SU_ARRAY_LEN(parts))]);
        size_t n = strlen(text);
        for (size_t i = 0; i < n;) {
            size_t len = SU_MIN(n - i, (size_t)su_random_range(&r, 1, 5));
            char token[8] = "";
            memcpy(token, text + i, len);
            vocab_token(&b, token, SU_TEXT_USER);
            i += len;
        }
        b.v.add_space_prefix = SU_TEXT_OFF;
        struct su_text *t = vocab_make(&b);
        struct su_text_decoder d;
        struct su_buf out, want;
        su_buf_init(&out, 0);
        su_buf_init(&want, 0);
        su_text_decoder_init(&d, t, true, false);
        for (uint32_t id = 0; id < su_text_count(t); id++)
            su_text_decode(&d, id, &out);
        su_text_decode_end(&d, &out);
        for (size_t i = 0; i < n;) {
            size_t step = su_utf8_step(text + i, n - i);
            su_buf_put(&want, step ? text + i : R, step ? step : 3);
            i += step ? step : 1;
        }
        assert_string_equal(out.data, want.data);
        su_buf_fini(&out);
        su_buf_fini(&want);
        su_text_free(t);
        vocab_fini(&b);
    }
}

static void bytes_are(const struct su_text *t, uint32_t id, bool names, const char *want)
{
    struct su_text_string s = su_text_bytes(t, id, names);

    assert_int_equal(s.len, strlen(want));
    assert_memory_equal(s.bytes, want, s.len);
}

static void tokens_have_bytes(void **state)
{
    struct vocab b;

    (void)state;
    vocab_small(&b, "gpt-2");
    vocab_token(&b, "", SU_TEXT_NORMAL); /* 266: a hole */
    vocab_token(&b, "[unused]", SU_TEXT_UNUSED);
    vocab_token(&b, "a b", SU_TEXT_NORMAL); /* no byte is spelled as a space */
    vocab_token(&b, "<0xZZ>", SU_TEXT_BYTE);
    struct su_text *t = vocab_make(&b);
    bytes_are(t, 260, false, " the");
    bytes_are(t, 0xE9, false, "\xE9");
    bytes_are(t, 0xAD, false, "\xAD");
    bytes_are(t, 263, false, "");
    bytes_are(t, 263, true, "<|end|>");
    bytes_are(t, 264, false, "<user>");
    bytes_are(t, 266, true, "");
    bytes_are(t, 267, false, "");
    bytes_are(t, 267, true, "[unused]");
    bytes_are(t, 268, false, "a b");
    bytes_are(t, 269, false, "<0xZZ>");
    bytes_are(t, 270, true, "");
    bytes_are(t, SU_TEXT_NONE, true, "");
    assert_int_equal(su_text_type(t, 266), SU_TEXT_UNUSED);
    su_text_free(t);
    vocab_fini(&b);
}

static void decoded_is(const struct su_text *t, bool begin, bool names, const uint32_t *ids,
                       const char *want)
{
    struct su_text_decoder d;
    struct su_buf out;

    su_buf_init(&out, 0);
    su_text_decoder_init(&d, t, begin, names);
    for (; *ids != SU_TEXT_NONE; ids++)
        su_text_decode(&d, *ids, &out);
    su_text_decode_end(&d, &out);
    assert_string_equal(out.data ? (const char *)out.data : "", want);
    su_buf_fini(&out);
}
#define IDS(...) ((const uint32_t[]){__VA_ARGS__, SU_TEXT_NONE})

static void drops_the_prefix_of_sentencepiece(void **state)
{
    struct vocab b;

    (void)state;
    vocab_init(&b, SU_TEXT_SPM);
    b.v.scores = b.scores;
    vocab_token(&b, "<s>", SU_TEXT_CONTROL);
    vocab_token(&b, "\xE2\x96\x81hi", SU_TEXT_NORMAL);
    vocab_token(&b, "hi", SU_TEXT_NORMAL);
    vocab_token(&b, "<0xC3>", SU_TEXT_BYTE);
    vocab_token(&b, "<0xA9>", SU_TEXT_BYTE);
    b.v.bos = 0;
    struct su_text *t = vocab_make(&b);
    decoded_is(t, true, false, IDS(0, 1, 1), "hi hi");
    decoded_is(t, true, true, IDS(0, 1, 1), "<s>hi hi");
    decoded_is(t, false, false, IDS(1, 1), " hi hi");
    decoded_is(t, true, false, IDS(2, 1), "hi hi");
    decoded_is(t, true, false, IDS(3, 4, 1), "\xC3\xA9 hi");
    su_text_free(t);
    b.v.add_space_prefix = SU_TEXT_OFF;
    t = vocab_make(&b);
    decoded_is(t, true, false, IDS(0, 1, 1), " hi hi");
    su_text_free(t);
    vocab_fini(&b);
}

/* Encoding and decoding gives the text again: bytes of a vocabulary that can spell them all. */
static void round_trips(void **state)
{
    struct su_random r = su_random_of(11, 0);
    struct su_text_ids l = {0};

    (void)state;
    for (unsigned round = 0; round < 2000; round++) {
        uint8_t text[64];
        size_t len = su_random_below(&r, sizeof text), at = 0;
        for (size_t i = 0; i < len; i++)
            text[i] = su_random_chance(&r, 70)
                          ? (uint8_t) "the in\n <user|>"[su_random_below(&r, 15)]
                          : (uint8_t)su_random_u64(&r);
        l.count = 0;
        assert_int_equal(su_text_encode(bytes_only, text, len, 0, &l, NULL), SU_OK);
        for (size_t i = 0; i < l.count; i++) {
            struct su_text_string s = su_text_bytes(bytes_only, l.ids[i], true);
            assert_true(s.len <= len - at);
            assert_memory_equal(s.bytes, text + at, s.len);
            at += s.len;
        }
        assert_int_equal(at, len);
    }
    su_text_ids_fini(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(holds_back_parts_of_characters),
        cmocka_unit_test(replaces_what_is_no_utf8),
        cmocka_unit_test(replaces_at_once),
        cmocka_unit_test(any_bytes_in_any_pieces),
        cmocka_unit_test(tokens_have_bytes),
        cmocka_unit_test(drops_the_prefix_of_sentencepiece),
        cmocka_unit_test(round_trips),
    };

    return cmocka_run_group_tests(tests, make_bytes, free_bytes);
}
