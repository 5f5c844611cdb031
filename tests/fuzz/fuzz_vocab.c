// SPDX-License-Identifier: MIT
/* Hostile vocabularies. The first bytes are kind, family, flags and the special ids; then each
   record is a length (0 to 31, plus 128 for a merge), for a token its type and score, and its bytes. */
#include "text/text.h"

#include <math.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { RECORDS = 512, HEAD = 8 };

static void use(const struct su_text *t)
{
    static const char text[] =
        "ab abc\n\n \xC4\xA0 12 aaaa \xFF\xE2\x96\x81<s>\xF0\x9F\x98\x80 bca";
    struct su_text_ids l = {0};
    struct su_text_decoder d;
    const uint32_t *stops;
    struct su_buf out;

    for (unsigned flags = 0; flags < 4; flags++)
        SU_ASSERT(su_text_encode(t, text, sizeof text, flags, &l, NULL) == SU_OK);
    su_buf_init(&out, 0);
    su_text_decoder_init(&d, t, true, true);
    for (size_t i = 0; i < l.count; i++) {
        SU_ASSERT(l.ids[i] < su_text_count(t) || l.ids[i] == SU_TEXT_NONE);
        su_text_decode(&d, l.ids[i], &out);
    }
    su_text_decode_end(&d, &out);
    for (size_t i = 0; i < su_text_stops(t, &stops); i++)
        SU_ASSERT(su_text_is_stop(t, stops[i]));
    su_buf_fini(&out);
    su_text_ids_fini(&l);
}

static uint32_t id_of(uint8_t byte)
{
    return byte == 0xFF ? SU_TEXT_NONE : byte;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const families[] = {NULL,    "gpt-2",  "smollm", "llama-bpe",
                                           "qwen2", "tekken", "gpt-4o", "none"};
    static struct su_text_string tokens[RECORDS], merges[RECORDS];
    static int32_t types[RECORDS];
    static float scores[RECORDS];
    struct su_text *t;
    struct su_err e = {0};

    if (size < HEAD)
        return 0;
    struct su_text_vocab v = {
        .kind = data[0] & 1 ? SU_TEXT_SPM : SU_TEXT_BPE,
        .pre = families[data[1] % SU_ARRAY_LEN(families)],
        .tokens = tokens,
        .types = data[0] & 2 ? NULL : types,
        .scores = data[0] & 4 ? NULL : scores,
        .merges = merges,
        .bos = id_of(data[3]),
        .eos = id_of(data[4]),
        .eot = id_of(data[5]),
        .unk = id_of(data[6]),
        .pad = id_of(data[7]),
        .add_bos = (enum su_text_flag)(data[2] % 3),
        .add_eos = (enum su_text_flag)(data[2] / 4 % 3),
        .add_space_prefix = (enum su_text_flag)(data[2] / 16 % 3),
        .prefix_once = data[0] & 8,
        .ignore_merges = (enum su_text_flag)(data[0] / 16 % 3),
    };
    struct su_reader r = su_reader_of(data + HEAD, size - HEAD);
    while (su_read_left(&r) && v.token_count < RECORDS && v.merge_count < RECORDS) {
        uint8_t head = su_read_u8(&r);
        size_t len = head & 31;
        bool merge = head & 128;
        int32_t type = merge ? 0 : su_read_u8(&r);
        float score = merge ? 0 : (float)(int8_t)su_read_u8(&r);
        const uint8_t *p = su_read_bytes(&r, len);
        if (!p)
            break;
        if (merge) {
            merges[v.merge_count++] = (struct su_text_string){p, len};
        } else {
            types[v.token_count] = type;
            scores[v.token_count] = score == 127 ? (float)INFINITY : score == 126 ? NAN : score;
            tokens[v.token_count++] = (struct su_text_string){p, len};
        }
    }
    if (su_text_new(&v, "fuzz", &t, &e) != SU_OK) {
        SU_ASSERT(!t && e.msg[0] && e.code != SU_OK);
        return 0;
    }
    use(t);
    su_text_free(t);
    return 0;
}
