// SPDX-License-Identifier: MIT
/* The input as an input container: what decodes must encode to the same bytes. */
#include "engine/engine.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct su_input in;
    struct su_err e = {0};
    struct su_buf b;

    if (su_input_decode(data, size, &in, &e)) {
        SU_ASSERT(in.n_tensor == 0 && e.code != SU_OK && e.msg[0] != '\0' && !strchr(e.msg, '\n'));
        return 0;
    }
    su_buf_init(&b, 0);
    SU_ASSERT(su_input_encode(&in, &b, &e) == SU_OK);
    SU_ASSERT(b.len == size && memcmp(b.data, data, size) == 0);
    su_buf_fini(&b);
    return 0;
}
