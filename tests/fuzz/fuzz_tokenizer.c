// SPDX-License-Identifier: MIT
/* Any text over small fixed vocabularies: the first byte picks the kind and family, the second the
   flags. What the tokens stand for must be the text again, at once and streamed. */
#include "text/text.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { KINDS = 8 }; /* seven families of byte-level BPE, and SentencePiece */

static struct su_text *texts[KINDS];
static char spelled[256][8];
static struct su_text_string tokens[320];
static int32_t types[320];
static float scores[320];
static size_t count;

static void put(const char *text, int32_t type)
{
    tokens[count] = (struct su_text_string){text, strlen(text)};
    types[count] = type;
    scores[count] = (float)(count * 7 % 31);
    count++;
}

static struct su_text *make(struct su_text_vocab v)
{
    struct su_text *t;

    v.tokens = tokens;
    v.types = types;
    v.token_count = count;
    v.bos = v.eos = v.eot = v.pad = SU_TEXT_NONE;
    v.unk = v.kind == SU_TEXT_SPM ? 0 : SU_TEXT_NONE;
    SU_ASSERT(su_text_new(&v, "fuzz", &t, NULL) == SU_OK);
    return t;
}

static void make_bpe(void)
{
    static const char *const families[] = {"default", "gpt-2",  "smollm", "llama-bpe",
                                           "qwen2",   "tekken", "gpt-4o"};
    static const char *const merges[] = {
        "\xC4\xA0 a",        "a a", "aa a", "aa aa", "b c", "a bc", "1 1", "\xC4\x8A \xC4\x8A",
        "\xC3\xA2 \xC4\xA2", "a <"};
    struct su_text_string merge[SU_ARRAY_LEN(merges)];
    unsigned other = 256;

    count = 0;
    for (unsigned c = 0; c < 256; c++) {
        unsigned point = (c >= 0x21 && c <= 0x7E) || (c >= 0xA1 && c != 0xAD) ? c : other++;
        spelled[c][0] = (char)(point < 0x80 ? point : 0xC0 | point >> 6);
        spelled[c][1] = (char)(point < 0x80 ? 0 : 0x80 | (point & 0x3F));
        put(spelled[c], SU_TEXT_NORMAL);
    }
    static const char *const more[] = {
        "\xC4\xA0\x61",    "aa", "aaa", "aaaa", "bc", "abc", "11", "\xC4\x8A\xC4\x8A",
        "\xC3\xA2\xC4\xA2"};
    for (size_t i = 0; i < SU_ARRAY_LEN(more); i++)
        put(more[i], SU_TEXT_NORMAL);
    put("<|a|>", SU_TEXT_CONTROL);
    put("<a>", SU_TEXT_USER);
    put("aa<", SU_TEXT_USER);
    put("\n\n\n", SU_TEXT_USER);
    for (size_t i = 0; i < SU_ARRAY_LEN(merges); i++)
        merge[i] = (struct su_text_string){merges[i], strlen(merges[i])};
    for (size_t i = 0; i < SU_ARRAY_LEN(families); i++)
        texts[i] = make((struct su_text_vocab){.kind = SU_TEXT_BPE,
                                               .pre = families[i],
                                               .merges = merge,
                                               .merge_count = SU_ARRAY_LEN(merge)});
}

static void make_spm(void)
{
    static const char *const more[] = {"\xE2\x96\x81",
                                       "a",
                                       "b",
                                       "ab",
                                       "ba",
                                       "aab",
                                       "\xC3\xA9",
                                       "\xE2\x96\x81\x61",
                                       "\xE2\x96\x81\xE2\x96\x81",
                                       "a\xC3\xA9"};
    static const char hex[] = "0123456789ABCDEF";

    count = 0;
    put("<unk>", SU_TEXT_UNKNOWN);
    for (unsigned c = 0; c < 256; c++) {
        static char names[256][8];
        memcpy(names[c], "<0x00>", 7);
        names[c][3] = hex[c >> 4];
        names[c][4] = hex[c & 15];
        put(names[c], SU_TEXT_BYTE);
    }
    for (size_t i = 0; i < SU_ARRAY_LEN(more); i++)
        put(more[i], SU_TEXT_NORMAL);
    put("<|a|>", SU_TEXT_CONTROL);
    put("<a>", SU_TEXT_USER);
    texts[KINDS - 1] = make((struct su_text_vocab){
        .kind = SU_TEXT_SPM, .scores = scores, .add_space_prefix = SU_TEXT_OFF});
}

/* SentencePiece knows one space: U+2581 in the text comes out as one. */
static void expected(bool spm, const uint8_t *p, size_t n, struct su_buf *out)
{
    for (size_t i = 0; i < n; i++) {
        if (spm && n - i >= 3 && memcmp(p + i, "\xE2\x96\x81", 3) == 0) {
            su_buf_u8(out, ' ');
            i += 2;
        } else {
            su_buf_u8(out, p[i]);
        }
    }
}

static void whole_characters(const struct su_buf *b)
{
    for (size_t i = 0; i < b->len;) {
        size_t step = su_utf8_step(b->data + i, b->len - i);
        SU_ASSERT(step > 0);
        i += step;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct su_text_ids l = {0};
    struct su_buf plain, stream, want;
    struct su_text_decoder d;

    if (size < 2)
        return 0;
    if (!texts[0]) {
        make_bpe();
        make_spm();
    }
    struct su_text *t = texts[data[0] % KINDS];
    unsigned flags = data[1] & 3u;
    bool spm = data[0] % KINDS == KINDS - 1;
    data += 2;
    size -= 2;
    SU_ASSERT(su_text_encode(t, data, size, flags, &l, NULL) == SU_OK && l.count <= size);
    su_buf_init(&plain, 0);
    su_buf_init(&stream, 0);
    su_buf_init(&want, 0);
    su_text_decoder_init(&d, t, false, true);
    for (size_t i = 0; i < l.count; i++) {
        struct su_text_string s = su_text_bytes(t, l.ids[i], true);
        SU_ASSERT(l.ids[i] < su_text_count(t));
        SU_ASSERT(flags & SU_TEXT_PARSE_SPECIAL || su_text_type(t, l.ids[i]) != SU_TEXT_CONTROL);
        su_buf_put(&plain, s.bytes, s.len);
        su_text_decode(&d, l.ids[i], &stream);
    }
    su_text_decode_end(&d, &stream);
    whole_characters(&stream);
    expected(spm, data, size, &want);
    SU_ASSERT(plain.len == want.len);
    SU_ASSERT(want.len == 0 || memcmp(plain.data, want.data, want.len) == 0);
    su_buf_fini(&plain);
    su_buf_fini(&stream);
    su_buf_fini(&want);
    su_text_ids_fini(&l);
    return 0;
}
