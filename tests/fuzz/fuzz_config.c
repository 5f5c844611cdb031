// SPDX-License-Identifier: MIT
#include "base/base.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const keys[] = {"", "a", "b", "url", "target-vram"};
    struct su_config *c;
    struct su_err e = {0};

    if (su_config_parse((const char *)data, size, "input", &c, &e) != SU_OK) {
        SU_ASSERT(!c && e.msg[0]);
        return 0;
    }
    for (size_t i = 0; i < SU_ARRAY_LEN(keys); i++) {
        const char *value = su_config_get(c, keys[i], NULL);
        for (; value && *value; value++)
            SU_ASSERT(*value != '\n' && *value != '\x1b');
    }
    SU_ASSERT(!su_config_get(c, "", NULL));
    su_config_free(c);
    return 0;
}
