// SPDX-License-Identifier: MIT
/* The linker's object file, in both versions; and that an object gives the same image twice. */
#include "sbf/sbf.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum su_sbf_version versions[] = {SU_SBF_V3, SU_SBF_V0};
    for (size_t i = 0; i < SU_ARRAY_LEN(versions); i++) {
        const struct su_sbf_options options = {.version = versions[i]};
        struct su_err e = {0};
        struct su_buf image, again;
        su_buf_init(&image, 0);
        su_buf_init(&again, 0);
        enum su_code c = su_sbf_link(data, size, &options, &image, &e);
        SU_ASSERT((c == SU_OK) == (image.len != 0));
        SU_ASSERT(c == SU_OK || (e.code == c && e.msg[0] != 0 && strchr(e.msg, '\n') == NULL));
        if (c == SU_OK) {
            SU_ASSERT(su_sbf_link(data, size, &options, &again, &e) == SU_OK);
            SU_ASSERT(again.len == image.len && memcmp(again.data, image.data, image.len) == 0);
        }
        su_buf_fini(&image);
        su_buf_fini(&again);
    }
    return 0;
}
