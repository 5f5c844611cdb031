// SPDX-License-Identifier: MIT
/* The URI parser of the store: total on any text, and its results keep their promises. */
#include "store/store.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    struct su_store_uri *uri = malloc(sizeof *uri);
    struct su_err e = {0};

    if (text == NULL || uri == NULL) {
        free(text);
        free(uri);
        return 0;
    }
    if (size != 0) {
        memcpy(text, data, size);
    }
    text[size] = 0;
    enum su_code c = su_store_uri_parse(text, uri, &e);
    if (c == SU_OK) {
        size_t n = strnlen(uri->target, sizeof uri->target);

        SU_ASSERT(n > 0 && n < sizeof uri->target);
        SU_ASSERT(uri->scheme != SU_STORE_SHA256 || n == 64);
        SU_ASSERT(uri->scheme != SU_STORE_HF || (strstr(uri->target, "/resolve/") != NULL &&
                                                 strstr(uri->target, "/../") == NULL &&
                                                 strpbrk(uri->target, " \r\n\t?#\\") == NULL));
        SU_ASSERT(uri->scheme != SU_STORE_HTTP || strpbrk(uri->target, " \r\n\t") == NULL);
    } else {
        SU_ASSERT(c == SU_EINVAL || c == SU_ELIMIT || c == SU_EUNSUPPORTED);
        SU_ASSERT(e.code == c && e.msg[0] != 0);
    }
    free(text);
    free(uri);
    return 0;
}
