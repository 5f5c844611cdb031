// SPDX-License-Identifier: MIT
/* A tokenizer out of a GGUF file's header alone. */
#include "unit.h"

#include "text/text.h"

#include <string.h>

enum { TYPE_FLOAT = 6, TYPE_STRING = 8, TYPE_ARRAY = 9 };

static void put_u32(struct su_buf *b, uint32_t v)
{
    uint8_t le[4];

    su_put_le32(le, v);
    su_buf_put(b, le, sizeof le);
}

static void put_u64(struct su_buf *b, uint64_t v)
{
    put_u32(b, (uint32_t)v);
    put_u32(b, (uint32_t)(v >> 32));
}

static void put_string(struct su_buf *b, const char *text)
{
    put_u64(b, strlen(text));
    su_buf_put(b, text, strlen(text));
}

static const char *const spelled[] = {"<unk>", "<s>", "</s>", "a", "b", "ab"};

static void put_vocabulary(struct su_buf *b)
{
    put_string(b, "tokenizer.ggml.model");
    put_u32(b, TYPE_STRING);
    put_string(b, "llama");
    put_string(b, "tokenizer.ggml.tokens");
    put_u32(b, TYPE_ARRAY);
    put_u32(b, TYPE_STRING);
    put_u64(b, SU_ARRAY_LEN(spelled));
    for (size_t i = 0; i < SU_ARRAY_LEN(spelled); i++)
        put_string(b, spelled[i]);
    put_string(b, "tokenizer.ggml.scores");
    put_u32(b, TYPE_ARRAY);
    put_u32(b, TYPE_FLOAT);
    put_u64(b, SU_ARRAY_LEN(spelled));
    for (size_t i = 0; i < SU_ARRAY_LEN(spelled); i++)
        put_u32(b, su_f32_bits(-(float)i));
}

static struct su_weights *open_header(struct su_buf *b, bool vocabulary)
{
    struct su_weights *w = NULL;
    struct su_err e = {0};

    su_buf_init(b, 0);
    su_buf_put(b, "GGUF", 4);
    put_u32(b, 3);
    put_u64(b, 0);
    put_u64(b, vocabulary ? 3 : 0);
    if (vocabulary)
        put_vocabulary(b);
    if (su_weights_open_bytes(b->data, b->len, "header", &w, &e) != SU_OK)
        fail_msg("%s", e.msg);
    return w;
}

static void reads_a_vocabulary(void **state)
{
    struct su_text_ids ids = {0};
    struct su_text *text = NULL;
    struct su_err e = {0};
    struct su_buf b;

    (void)state;
    struct su_weights *w = open_header(&b, true);
    if (su_model_text_of(w, "header", &text, &e) != SU_OK)
        fail_msg("%s", e.msg);
    su_weights_close(w);
    su_buf_fini(&b);
    assert_int_equal(su_text_count(text), SU_ARRAY_LEN(spelled));
    assert_int_equal(su_text_encode(text, "ab", 2, 0, &ids, &e), SU_OK);
    assert_true(ids.count > 0);
    assert_int_equal(ids.ids[ids.count - 1], 5);
    su_text_ids_fini(&ids);
    su_text_free(text);
}

static void refuses_a_file_without(void **state)
{
    struct su_text *text = (struct su_text *)8;
    struct su_err e = {0};
    struct su_buf b;

    (void)state;
    struct su_weights *w = open_header(&b, false);
    assert_int_equal(su_model_text_of(w, "header", &text, &e), SU_ENOENT);
    assert_null(text);
    su_weights_close(w);
    su_buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_vocabulary),
        cmocka_unit_test(refuses_a_file_without),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
