// SPDX-License-Identifier: MIT
/* golden.bin (make_golden.py): the tokens of 10 000 strings, against llama.cpp and others. */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

static struct su_map golden;

static int open_golden(void **state)
{
    (void)state;
    return su_map_open(SU_SOURCE_DIR "/tests/unit/text/golden.bin", 0, &golden, NULL) != SU_OK;
}

static int close_golden(void **state)
{
    (void)state;
    su_map_close(&golden);
    return 0;
}

static uint64_t digest_start(void)
{
    return UINT64_C(0xcbf29ce484222325);
}

static uint64_t digest_more(uint64_t h, uint32_t v)
{
    for (unsigned k = 0; k < 32; k += 8)
        h = (h ^ (v >> k & 255)) * UINT64_C(0x100000001b3);
    return h;
}

static uint32_t digest_end(uint64_t h)
{
    uint32_t d = (uint32_t)(h ^ h >> 32);

    return d ? d : 1;
}

static uint32_t digest_of(const struct su_text_ids *l)
{
    uint64_t h = digest_start();

    for (size_t i = 0; i < l->count; i++)
        h = digest_more(h, l->ids[i]);
    return digest_end(h);
}

static void tokens_stand_for_the_same(void **state)
{
    struct su_text *t = smollm2(NULL);
    uint64_t h = digest_start();

    (void)state;
    for (uint32_t id = 0; id < su_text_count(t); id++) {
        struct su_text_string s = su_text_bytes(t, id, true);
        h = digest_more(h, (uint32_t)s.len);
        for (size_t i = 0; i < s.len; i++)
            h = digest_more(h, ((const uint8_t *)s.bytes)[i]);
    }
    assert_int_equal(digest_end(h), su_le32(golden.data + golden.len - 4));
    assert_int_equal(su_text_merges_ignored(t), 0);
    su_text_free(t);
}

/* All strings of one column; their count is at least `least`. */
static void column(struct su_text *t, uint32_t which, unsigned flags, uint32_t least)
{
    struct su_reader r = su_reader_of(golden.data, golden.len);
    uint32_t strings = su_read_u32(&r), columns = su_read_u32(&r), wrong = 0, compared = 0;
    struct su_text_ids l = {0};

    assert_true(which < columns);
    for (uint32_t i = 0; i < strings; i++) {
        size_t len = su_read_u16(&r);
        const uint8_t *text = su_read_bytes(&r, len);
        const uint8_t *digests = su_read_bytes(&r, 4 * (size_t)columns);
        assert_false(r.failed);
        uint32_t want = su_le32(digests + 4 * (size_t)which);
        if (want == 0)
            continue;
        compared++;
        l.count = 0;
        assert_int_equal(su_text_encode(t, text, len, flags, &l, NULL), SU_OK);
        if (digest_of(&l) != want && wrong++ < 10)
            print_error("string %u: \"%.*s\"\n", i, (int)len, (const char *)text);
    }
    assert_int_equal(su_read_left(&r), 4);
    assert_true(strings >= 10000 && compared >= least);
    if (wrong)
        fail_msg("%u of %u strings have other tokens", wrong, compared);
    su_text_ids_fini(&l);
    su_text_free(t);
}

static void smollm_as_llama_cpp(void **state)
{
    (void)state;
    column(smollm2(NULL), 0, 0, 10000);
}

static void special_tokens_as_llama_cpp(void **state)
{
    (void)state;
    column(smollm2(NULL), 1, SU_TEXT_PARSE_SPECIAL, 10000);
}

static void the_same_from_json(void **state)
{
    (void)state;
    column(smollm2_as_json(), 1, SU_TEXT_PARSE_SPECIAL, 10000);
}

static void gpt2_as_llama_cpp(void **state)
{
    (void)state;
    column(smollm2("gpt-2"), 2, 0, 10000);
}

static void llama3_as_llama_cpp(void **state)
{
    (void)state;
    column(smollm2("llama-bpe"), 3, 0, 10000);
}

static void qwen2_as_llama_cpp(void **state)
{
    (void)state;
    column(smollm2("qwen2"), 4, 0, 10000);
}

static void default_as_llama_cpp(void **state)
{
    (void)state;
    column(smollm2("default"), 5, 0, 10000);
}

static void tekken_as_tokenizers(void **state)
{
    (void)state;
    column(smollm2("tekken"), 6, 0, 9500);
}

static void gpt4o_as_tokenizers(void **state)
{
    (void)state;
    column(smollm2("gpt-4o"), 7, 0, 9500);
}

static void sentencepiece_as_llama_cpp(void **state)
{
    (void)state;
    column(smollm2_as_spm(), 8, 0, 9000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_stand_for_the_same),   cmocka_unit_test(smollm_as_llama_cpp),
        cmocka_unit_test(special_tokens_as_llama_cpp), cmocka_unit_test(the_same_from_json),
        cmocka_unit_test(gpt2_as_llama_cpp),           cmocka_unit_test(llama3_as_llama_cpp),
        cmocka_unit_test(qwen2_as_llama_cpp),          cmocka_unit_test(default_as_llama_cpp),
        cmocka_unit_test(tekken_as_tokenizers),        cmocka_unit_test(gpt4o_as_tokenizers),
        cmocka_unit_test(sentencepiece_as_llama_cpp),
    };

    return cmocka_run_group_tests(tests, open_golden, close_golden);
}
