// SPDX-License-Identifier: MIT
/* Any bytes as a tokenizer.json; with a first byte of 1, what follows the first NUL as the
   tokenizer_config.json. What is taken must encode and decode. */
#include "text/text.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use(const struct su_text *t)
{
    static const char text[] = "the <s> \n\n 123 th\xC3\xA9 \xFF <|im_end|>";
    struct su_text_ids l = {0};
    struct su_text_decoder d;
    struct su_text_chat chat;
    struct su_buf out;
    struct su_err e = {0};

    SU_ASSERT(su_text_encode(t, text, sizeof text - 1, 3, &l, &e) == SU_OK);
    su_buf_init(&out, 0);
    su_text_decoder_init(&d, t, true, true);
    for (size_t i = 0; i < l.count; i++) {
        SU_ASSERT(l.ids[i] < su_text_count(t));
        su_text_decode(&d, l.ids[i], &out);
    }
    su_text_decode_end(&d, &out);
    for (size_t i = 0; i < out.len;) {
        size_t step = su_utf8_step(out.data + i, out.len - i);
        SU_ASSERT(step > 0);
        i += step;
    }
    if (su_text_chat_detect(su_text_template(t), &chat, &e) == SU_OK) {
        const struct su_text_turn turn = {SU_TEXT_USER_TURN, "a"};
        struct su_text_prompt p;
        su_text_prompt_init(&p);
        SU_ASSERT(su_text_chat_render(&chat, &turn, 1, true, &p, &e) == SU_OK);
        SU_ASSERT(su_text_encode_prompt(t, &p, &l, &e) == SU_OK);
        su_text_prompt_fini(&p);
    }
    su_buf_fini(&out);
    su_text_ids_fini(&l);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *config = NULL;
    size_t config_len = 0;
    struct su_text *t;
    struct su_err e = {0};

    if (size && data[0] == 1) {
        data++;
        size--;
        const uint8_t *nul = size ? memchr(data, 0, size) : NULL;
        if (nul) {
            config = nul + 1;
            config_len = size - (size_t)(config - data);
            size = (size_t)(nul - data);
        }
    }
    if (su_text_from_hf(data, size, config, config_len, "input", &t, &e) != SU_OK) {
        SU_ASSERT(!t && e.msg[0] && e.code != SU_OK);
        return 0;
    }
    use(t);
    su_text_free(t);
    return 0;
}
