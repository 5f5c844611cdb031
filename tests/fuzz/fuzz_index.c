// SPDX-License-Identifier: MIT
/* Indexes of safetensors files: any bytes give names that stay in their folder, or an error. */
#include "weights/weights.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct su_err e = {0};
    struct su_buf names;
    size_t n = 0;

    su_buf_init(&names, 0);
    enum su_code c = su_weights_index_names(data, len, "fuzz", &names, &e);
    if (c ? e.code != c || names.len > 0 || e.msg[0] == '\0' : names.len == 0)
        abort();
    const char *before = NULL;
    for (size_t at = 0; at < names.len; n++) {
        const char *name = (const char *)names.data + at;
        if (name[0] == '.' || strchr(name, '/') || !su_str_ends(name, ".safetensors") ||
            (before && strcmp(before, name) >= 0))
            abort();
        before = name;
        at += strlen(name) + 1;
    }
    if (n > SU_WEIGHTS_FILES_MAX)
        abort();
    su_buf_fini(&names);
    return 0;
}
