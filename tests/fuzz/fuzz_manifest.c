// SPDX-License-Identifier: MIT
/* The input as a manifest: what decodes must encode to the same bytes. */
#include "weights/weights.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct su_manifest m;
    struct su_err e = {0};
    struct su_buf b;
    uint8_t digest[SU_SHA256_BYTES], want[SU_SHA256_BYTES];

    if (su_manifest_decode(data, size, &m, &e)) {
        SU_ASSERT(!m.entry && e.code != SU_OK && e.msg[0] != '\0' && !strchr(e.msg, '\n'));
        return 0;
    }
    su_buf_init(&b, 0);
    SU_ASSERT(su_manifest_encode(&m, &b, &e) == SU_OK);
    SU_ASSERT(b.len == size && memcmp(b.data, data, size) == 0);
    SU_ASSERT(su_manifest_digest(&m, digest, &e) == SU_OK);
    su_sha256(data, size, want);
    SU_ASSERT(memcmp(digest, want, sizeof want) == 0);
    su_buf_fini(&b);
    su_manifest_fini(&m);
    return 0;
}
