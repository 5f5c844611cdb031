// SPDX-License-Identifier: MIT
/* PGM from memory. The input starts after "P": the target adds it, so no time goes into
   guessing. */
#include "media/media.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct su_image im;
    struct su_err e = {0};
    uint8_t digit[SU_MEDIA_DIGIT_BYTES];
    uint8_t *file = malloc(size + 1);

    if (file == NULL) {
        return 0;
    }
    file[0] = 'P';
    if (size != 0) {
        memcpy(file + 1, data, size);
    }
    enum su_code c = su_image_parse(file, size + 1, "fuzz", &im, &e);
    SU_ASSERT((c == SU_OK) == (im.gray != NULL));
    SU_ASSERT(c == SU_OK || (e.code == c && e.msg[0] != 0 && strchr(e.msg, '\n') == NULL));
    if (c == SU_OK) {
        c = su_image_to_digit(&im, digit, &e);
        SU_ASSERT(c == SU_OK || c == SU_EFORMAT);
        su_image_fini(&im);
    }
    free(file);
    return 0;
}
