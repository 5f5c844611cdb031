// SPDX-License-Identifier: MIT
/* The input as a trace: what decodes must encode to the same bytes, and has roots. */
#include "engine/engine.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct su_trace *t;
    struct su_trace_roots roots;
    struct su_err e = {0};
    struct su_buf b;

    if (su_trace_decode(data, size, &t, &e)) {
        SU_ASSERT(!t && e.code != SU_OK && e.msg[0] != '\0' && !strchr(e.msg, '\n'));
        return 0;
    }
    su_buf_init(&b, 0);
    SU_ASSERT(su_trace_encode(t, &b, &e) == SU_OK);
    SU_ASSERT(b.len == size && memcmp(b.data, data, size) == 0);
    SU_ASSERT(su_trace_differs(t, t, SU_PORT_WITNESS, 0) == UINT32_MAX);
    su_trace_truncate(t, 3);
    su_trace_roots(t, 0, &roots);
    su_buf_fini(&b);
    su_trace_free(t);
    return 0;
}
