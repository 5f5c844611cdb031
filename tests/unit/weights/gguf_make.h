// SPDX-License-Identifier: MIT
/* GGUF files made by hand, piece by piece, so that any piece can be wrong. */
#ifndef SU_TEST_WEIGHTS_GGUF_MAKE_H
#define SU_TEST_WEIGHTS_GGUF_MAKE_H

#include "weights/weights.h"

void gm_head(struct su_buf *b, uint32_t version, uint64_t tensors, uint64_t keys);
void gm_text(struct su_buf *b, const char *s);
/* The key, then its type; the value is the caller's. */
void gm_key(struct su_buf *b, const char *key, uint32_t type);
/* Type and count of an array whose key has been written. */
void gm_array(struct su_buf *b, uint32_t type, uint64_t n);
/* `rank` dims, in the file's order: the fastest first. */
void gm_info(struct su_buf *b, const char *name, uint32_t rank, const uint64_t *dim, uint32_t type,
             uint64_t offset);
/* Zeros up to a multiple of align. */
void gm_pad(struct su_buf *b, size_t align);
/* n bytes counting up from 0. */
void gm_data(struct su_buf *b, size_t n);

/* Opens the bytes, which must succeed, and frees nothing. */
struct su_weights *gm_open(const struct su_buf *b);
/* Opens a copy of exactly these bytes, which must fail as bytes_refused says, and forgets them. */
void gm_refused(struct su_buf *b, enum su_code code, const char *want);

#endif
