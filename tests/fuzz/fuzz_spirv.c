// SPDX-License-Identifier: MIT
/* Any words through the SPIR-V gate: it must neither read out of bounds nor let its own output
   fail. */
#include "base/base.h"
#include "exec/spirv.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t n = size / 4;
    uint32_t *word = malloc(n * 4 + 1);
    uint32_t *out = NULL, *again = NULL;
    size_t n_out = 0, n_again = 0;
    struct su_spirv_info info;
    struct su_err e;
    if (!word)
        return 0;
    memcpy(word, data, n * 4);
    struct su_spirv_modes modes = {.rte32 = size & 1, .preserve32 = size & 2};
    if (su_spirv_patch("fuzz", word, n, &modes, &out, &n_out, &e) == SU_OK) {
        SU_ASSERT(su_spirv_inspect("fuzz", out, n_out, &info, &e) == SU_OK);
        SU_ASSERT(info.undecorated == 0);
        SU_ASSERT(info.rte32 >= modes.rte32 && info.preserve32 >= modes.preserve32);
        SU_ASSERT(su_spirv_patch("fuzz", out, n_out, &modes, &again, &n_again, &e) == SU_OK);
        SU_ASSERT(n_again == n_out);
    }
    free(word);
    free(out);
    free(again);
    return 0;
}
