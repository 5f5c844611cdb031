// SPDX-License-Identifier: MIT
/* IDX, plain or gzipped, from memory: whatever opens can be read to its last byte. */
#include "media/media.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_all(const struct su_idx *x)
{
    size_t item = (size_t)su_idx_rows(x) * su_idx_cols(x);
    const uint8_t *labels = su_idx_labels(x);
    unsigned sum = 0;

    SU_ASSERT((labels != NULL) == (item == 0));
    if (labels != NULL) {
        for (uint32_t i = 0; i < su_idx_count(x); i++) {
            sum += labels[i];
        }
        SU_ASSERT(sum <= 255 * (uint64_t)su_idx_count(x));
        return;
    }
    uint8_t *out = malloc(item);
    uint32_t n = su_idx_count(x);
    if (out != NULL && n != 0) {
        SU_ASSERT(su_idx_image(x, 0, out, item, NULL) == SU_OK);
        SU_ASSERT(su_idx_image(x, n - 1, out, item, NULL) == SU_OK);
    }
    SU_ASSERT(su_idx_image(x, n, out, item, NULL) == SU_EINVAL);
    free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct su_idx *x;
    struct su_err e = {0};

    (void)su_media_kind_of(data, size, size);
    enum su_code c = su_idx_parse(data, size, "fuzz", &x, &e);
    SU_ASSERT((c == SU_OK) == (x != NULL));
    SU_ASSERT(c == SU_OK || (e.code == c && e.msg[0] != 0 && strchr(e.msg, '\n') == NULL));
    if (x != NULL) {
        read_all(x);
        su_idx_close(x);
    }
    return 0;
}
