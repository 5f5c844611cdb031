// SPDX-License-Identifier: MIT
/* PNG from memory, as it comes and with its checksums repaired, because mutations that keep a CRC
   right are too rare to get past the first chunk. */
#include "media/media.h"

#include <stdlib.h>
#include <string.h>

enum { PIXELS_MAX = 1 << 20 }; /* larger ones are slow, not different */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint32_t be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void repair(uint8_t *png, size_t size)
{
    for (size_t at = 8; at + 12 <= size;) {
        uint64_t n = be32(png + at);

        if (n > size - at - 12) {
            break;
        }
        uint32_t c = 0xffffffff;
        for (size_t i = at + 4; i < at + 8 + n; i++) {
            c ^= png[i];
            for (int k = 0; k < 8; k++) {
                c = (c & 1) != 0 ? 0xedb88320 ^ (c >> 1) : c >> 1;
            }
        }
        c = ~c;
        for (size_t i = 0; i < 4; i++) {
            png[at + 8 + n + i] = (uint8_t)(c >> (24 - 8 * i));
        }
        at += 12 + n;
    }
}

static void parse(const uint8_t *data, size_t size)
{
    struct su_image im;
    struct su_err e = {0};
    uint8_t digit[SU_MEDIA_DIGIT_BYTES];
    enum su_code c = su_image_parse(data, size, "fuzz", &im, &e);

    SU_ASSERT((c == SU_OK) == (im.gray != NULL));
    SU_ASSERT(c == SU_OK || (e.code == c && e.msg[0] != 0 && strchr(e.msg, '\n') == NULL));
    if (c == SU_OK) {
        c = su_image_to_digit(&im, digit, &e);
        SU_ASSERT(c == SU_OK || c == SU_EFORMAT);
        su_image_fini(&im);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size >= 24 && su_media_kind_of(data, size, size) == SU_MEDIA_PNG &&
        (uint64_t)be32(data + 16) * be32(data + 20) > PIXELS_MAX) {
        struct su_image im; /* still worth its refusal when it is beyond the limits */

        if (be32(data + 16) > SU_MEDIA_SIDE_MAX || be32(data + 20) > SU_MEDIA_SIDE_MAX) {
            SU_ASSERT(su_image_parse(data, size, "fuzz", &im, NULL) != SU_OK);
        }
        return 0;
    }
    parse(data, size);
    if (size >= 8) {
        uint8_t *copy = malloc(size);

        if (copy != NULL) {
            memcpy(copy, data, size);
            repair(copy, size);
            parse(copy, size);
            free(copy);
        }
    }
    return 0;
}
