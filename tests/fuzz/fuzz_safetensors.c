// SPDX-License-Identifier: MIT
/* The input as a safetensors file: what opens must be consistent with itself and with the bytes. */
#include "weights/weights.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct su_weights *w = NULL;
    struct su_err e = {0};
    uint64_t covered = 0;

    if (size >= 4 && memcmp(data, "GGUF", 4) == 0) /* opens as the other format: fuzz_gguf's */
        return 0;
    if (su_weights_open_bytes(data, size, "input", &w, &e)) {
        SU_ASSERT(!w && e.code != SU_OK && e.msg[0] != '\0' && !strchr(e.msg, '\n'));
        return 0;
    }
    for (uint32_t i = 0; i < su_weights_count(w); i++) {
        const struct su_tensor *t = su_weights_at(w, i);
        uint64_t bytes = 0;
        SU_ASSERT(t->offset <= size && t->bytes <= size - t->offset);
        SU_ASSERT(t->data == data + t->offset);
        SU_ASSERT(su_weights_find(w, t->name) == t);
        SU_ASSERT(i == 0 || strcmp(su_weights_at(w, i - 1)->name, t->name) < 0);
        SU_ASSERT(su_tensor_bytes(t->dtype, &t->shape, &bytes, NULL) == SU_OK);
        SU_ASSERT(bytes == t->bytes);
        covered += t->bytes;
    }
    SU_ASSERT(covered == size - 8 - su_le64(data));
    su_weights_close(w);
    return 0;
}
