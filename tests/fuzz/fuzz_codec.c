// SPDX-License-Identifier: MIT
/* The input as text for every decoder and number parser, and as bytes for every encoder. */
#include "base/base.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef size_t encode_fn(const void *data, size_t n, char *out, size_t cap);
typedef bool decode_fn(const char *s, void *out, size_t cap, size_t *len);

static const struct codec {
    encode_fn *encode;
    decode_fn *decode;
    size_t bytes_max;
    bool one_form;
} codecs[] = {
    {su_hex_encode, su_hex_decode, SIZE_MAX, false},
    {su_base58_encode, su_base58_decode, 1232, true},
    {su_base64_encode, su_base64_decode, SIZE_MAX, true},
};

/* Text that decodes must be what its bytes encode to. */
static void decode_text(const struct codec *c, const char *text)
{
    size_t cap = strlen(text) + 1, len = 0;
    uint8_t *raw = malloc(cap);
    char *back = malloc(4 * cap + 8);

    SU_ASSERT(raw && back);
    if (c->decode(text, raw, cap, &len)) {
        size_t n = c->encode(raw, len, back, 4 * cap + 8);
        SU_ASSERT(n == strlen(text));
        SU_ASSERT((c->one_form ? strcmp : strcasecmp)(back, text) == 0);
        SU_ASSERT(len == 0 || !c->decode(text, raw, len - 1, &n));
    }
    free(raw);
    free(back);
}

static void encode_bytes(const struct codec *c, const uint8_t *data, size_t size)
{
    size_t n = SU_MIN(size, c->bytes_max), len = SIZE_MAX, cap = 2 * n + 8;
    char *text = malloc(cap);
    uint8_t *back = malloc(n + 1);

    SU_ASSERT(text && back);
    size_t chars = c->encode(data, n, text, cap);
    SU_ASSERT((chars > 0) == (n > 0) && strlen(text) == chars);
    SU_ASSERT(c->decode(text, back, n, &len) && len == n && memcmp(back, data, n) == 0);
    free(back);
    free(text);
}

static void parse_numbers(const char *text)
{
    struct su_err e;
    uint64_t v = 0;
    char shown[32];

    if (su_parse_size(text, "input", &v, &e) == SU_OK) {
        SU_ASSERT(v < (uint64_t)1 << 63);
        SU_ASSERT(su_format_size(v, shown, sizeof shown)[0]);
    }
    if (su_parse_u64(text, "input", 10, 99, &v, &e) == SU_OK)
        SU_ASSERT(v >= 10 && v <= 99);
}

static void sanitize(const uint8_t *data, size_t size)
{
    char small[8], *large = malloc(size + 1);

    SU_ASSERT(large);
    su_str_sanitize(small, sizeof small, (const char *)data, size);
    su_str_sanitize(large, size + 1, (const char *)data, size);
    SU_ASSERT(strlen(small) < sizeof small && strlen(large) == size);
    for (size_t i = 0; i < size;) {
        size_t step = su_utf8_step(large + i, size - i);
        SU_ASSERT(step > 0 && (uint8_t)large[i] >= 0x20 && large[i] != 0x7F);
        i += step;
    }
    free(large);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);

    SU_ASSERT(text);
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    for (size_t i = 0; i < SU_ARRAY_LEN(codecs); i++) {
        decode_text(&codecs[i], text);
        encode_bytes(&codecs[i], data, size);
    }
    parse_numbers(text);
    sanitize(data, size);
    free(text);
    return 0;
}
