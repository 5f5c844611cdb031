// SPDX-License-Identifier: MIT
#include "graph_priv.h"

#include <inttypes.h>
#include <string.h>

const struct su_dtype_info su_dtype_table[SU_DTYPE_COUNT] = {
#define X(name, text, elements, bytes) [SU_##name] = {text, elements, bytes},
#include "graph/dtypes.def"
#undef X
};

const struct su_op_info su_op_table[SU_OP_COUNT] = {
#define X(name, text, in_min, in_max, outs, attrs)                                                 \
    [SU_OP_##name] = {text, attrs, in_min, in_max, outs},
#include "graph/ops.def"
#undef X
};

const char *su_dtype_name(enum su_dtype d)
{
    return (unsigned)d < SU_DTYPE_COUNT ? su_dtype_table[d].name : "?";
}

bool su_dtype_find(const char *name, enum su_dtype *out)
{
    for (unsigned i = 0; i < SU_DTYPE_COUNT; i++) {
        if (strcmp(name, su_dtype_table[i].name) == 0) {
            *out = (enum su_dtype)i;
            return true;
        }
    }
    return false;
}

bool su_dtype_is_block(enum su_dtype d)
{
    return su_dtype_table[d].block_elements > 1;
}

bool su_dtype_is_value(enum su_dtype d)
{
    return d == SU_F32 || d == SU_I32 || d == SU_U32 || d == SU_BOOL;
}

enum su_dtype su_dtype_seen(enum su_dtype d)
{
    return d == SU_F16 || d == SU_BF16 ? SU_F32 : d;
}

const char *su_op_name(enum su_op op)
{
    return (unsigned)op < SU_OP_COUNT ? su_op_table[op].name : "?";
}

bool su_op_find(const char *name, enum su_op *out)
{
    for (unsigned i = 0; i < SU_OP_COUNT; i++) {
        if (strcmp(name, su_op_table[i].name) == 0) {
            *out = (enum su_op)i;
            return true;
        }
    }
    return false;
}

char su_op_attr_letter(enum su_op op, uint32_t i)
{
    const char *sig = su_op_table[op].attrs;
    size_t n = strlen(sig);

    if (n > 0 && sig[n - 1] == '*')
        return i < n - 1 ? sig[i] : sig[n - 2];
    return i < n ? sig[i] : '\0';
}

bool su_shape_count(const struct su_shape *s, uint64_t max, uint64_t *elements)
{
    uint64_t n = 1;

    for (uint32_t i = 0; i < s->rank; i++) {
        if (!su_mul_u64(n, s->dim[i], &n) || n > max)
            return false;
    }
    *elements = n;
    return true;
}

uint64_t su_shape_elements(const struct su_shape *s)
{
    uint64_t n = 1;

    for (uint32_t i = 0; i < s->rank; i++)
        n *= s->dim[i];
    return n;
}

bool su_shape_equal(const struct su_shape *a, const struct su_shape *b)
{
    return a->rank == b->rank && memcmp(a->dim, b->dim, a->rank * sizeof a->dim[0]) == 0;
}

const char *su_shape_format(const struct su_shape *s, char *out, size_t cap)
{
    size_t len = 0;

    if (cap == 0)
        return out;
    out[0] = '\0';
    for (uint32_t i = 0; i <= s->rank && len < cap; i++) {
        int n = i == s->rank
                    ? snprintf(out + len, cap - len, i == 0 ? "[]" : "]")
                    : snprintf(out + len, cap - len, "%c%" PRIu32, i == 0 ? '[' : ',', s->dim[i]);
        len += (size_t)SU_MAX(n, 0);
    }
    return out;
}

enum su_code su_tensor_bytes(enum su_dtype d, const struct su_shape *s, uint64_t *bytes,
                             struct su_err *e)
{
    char text[80];
    const struct su_dtype_info *info = &su_dtype_table[d];
    uint64_t n;

    if (info->block_elements > 1) {
        uint32_t last = s->rank ? s->dim[s->rank - 1] : 1;
        if (last % info->block_elements != 0)
            return su_fail(e, SU_ETYPE, NULL,
                           "%s packs blocks of %" PRIu32
                           " along the last axis, which shape %s does not fill evenly",
                           info->name, info->block_elements, su_shape_format(s, text, sizeof text));
    }
    for (uint32_t i = 0; i < s->rank; i++)
        if (s->dim[i] == 0) { /* an empty tensor of a file, however long its other axes */
            *bytes = 0;
            return SU_OK;
        }
    if (!su_shape_count(s, UINT64_MAX, &n) ||
        !su_mul_u64(n / info->block_elements, info->block_bytes, bytes))
        return su_fail(e, SU_EOVERFLOW, NULL, "a tensor of %s and shape %s exceeds 2^64 bytes",
                       info->name, su_shape_format(s, text, sizeof text));
    return SU_OK;
}

uint64_t su_value_row_bytes(const struct su_value *v)
{
    return 4 * su_shape_elements(&v->shape);
}

bool su_value_is_state(const struct su_value *v)
{
    return v->kind == SU_VALUE_STATE || (v->kind == SU_VALUE_NODE && v->dtype == SU_F16);
}
