// SPDX-License-Identifier: MIT
#include "gguf_make.h"

#include "unit.h"

#include <stdlib.h>
#include <string.h>

void gm_head(struct su_buf *b, uint32_t version, uint64_t tensors, uint64_t keys)
{
    su_buf_put(b, "GGUF", 4);
    su_buf_u32(b, version);
    su_buf_u64(b, tensors);
    su_buf_u64(b, keys);
}

void gm_text(struct su_buf *b, const char *s)
{
    su_buf_u64(b, strlen(s));
    su_buf_put(b, s, strlen(s));
}

void gm_key(struct su_buf *b, const char *key, uint32_t type)
{
    gm_text(b, key);
    su_buf_u32(b, type);
}

void gm_array(struct su_buf *b, uint32_t type, uint64_t n)
{
    su_buf_u32(b, type);
    su_buf_u64(b, n);
}

void gm_info(struct su_buf *b, const char *name, uint32_t rank, const uint64_t *dim, uint32_t type,
             uint64_t offset)
{
    gm_text(b, name);
    su_buf_u32(b, rank);
    for (uint32_t i = 0; i < rank; i++)
        su_buf_u64(b, dim[i]);
    su_buf_u32(b, type);
    su_buf_u64(b, offset);
}

void gm_pad(struct su_buf *b, size_t align)
{
    while (b->len % align != 0)
        su_buf_u8(b, 0);
}

void gm_data(struct su_buf *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        su_buf_u8(b, (uint8_t)i);
}

struct su_weights *gm_open(const struct su_buf *b)
{
    struct su_weights *w = NULL;
    struct su_err e = {0};

    assert_false(b->failed);
    if (su_weights_open_bytes(b->data, b->len, "mem", &w, &e))
        fail_msg("%s: %s", e.at, e.msg);
    return w;
}

void gm_refused(struct su_buf *b, enum su_code code, const char *want)
{
    assert_false(b->failed);
    uint8_t *exact = malloc(b->len);
    assert_non_null(exact);
    memcpy(exact, b->data, b->len);
    bytes_refused(exact, b->len, code, want);
    free(exact);
    su_buf_clear(b);
}
