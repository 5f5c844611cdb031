// SPDX-License-Identifier: MIT
#include "weights_priv.h"

#include <string.h>

static const struct {
    const char *text;
    enum su_dtype dtype;
} types[] = {
    {"F32", SU_F32}, {"F16", SU_F16}, {"BF16", SU_BF16}, {"I32", SU_I32}, {"U32", SU_U32},
};

bool su_weights_dtype_find(const char *text, enum su_dtype *out)
{
    for (size_t i = 0; i < SU_ARRAY_LEN(types); i++) {
        if (strcmp(types[i].text, text) == 0) {
            *out = types[i].dtype;
            return true;
        }
    }
    return false;
}

const char *su_weights_dtype_text(enum su_dtype d)
{
    for (size_t i = 0; i < SU_ARRAY_LEN(types); i++) {
        if (types[i].dtype == d)
            return types[i].text;
    }
    return NULL;
}

uint32_t su_weights_dtype_bytes(enum su_dtype d)
{
    return d == SU_F16 || d == SU_BF16 ? 2 : 4;
}

const char *su_weights_name_error(const char *name, size_t len)
{
    if (len == 0)
        return "the name is empty";
    if (len > SU_GRAPH_NAME_MAX)
        return "the name is longer than 127 bytes";
    for (size_t i = 0; i < len; i++) {
        if (name[i] <= ' ' || name[i] > '~')
            return "the name has a byte other than printable ASCII without spaces";
    }
    return NULL;
}

bool su_weights_elements(const struct su_shape *s, uint64_t *n)
{
    *n = 1;
    for (uint32_t i = 0; i < s->rank; i++) {
        if (s->dim[i] == 0) {
            *n = 0;
            return true;
        }
    }
    for (uint32_t i = 0; i < s->rank; i++) {
        if (!su_mul_u64(*n, s->dim[i], n) || *n > SU_GRAPH_WEIGHT_ELEMENTS_MAX)
            return false;
    }
    return true;
}
