// SPDX-License-Identifier: MIT
/* Small language models of every architecture: GGUF files and folders made from the tables of
   toy_vectors.h, and the logits that an independent program computed from the same weights.
   Everything here fails the running test on any error. */
#ifndef SU_TEST_MODEL_TOYS_H
#define SU_TEST_MODEL_TOYS_H

#include "unit.h"

enum { TOY_TOKENS = 14, TOY_ROWS = 3, TOY_VOCAB = 40 };

struct toy_tensor {
    const char *name;
    enum su_dtype dtype;
    struct su_shape shape;
    float amplitude, base; /* element = base + amplitude * u, u in [-1, 1); not of block types */
};
struct toy_meta {
    const char *key;
    enum su_meta_type type;
    double number;
    const char *text; /* of an array: flags like "110" */
};
struct toy {
    const char *name; /* "llama.gguf", or "llama" for a folder */
    const char *config; /* config.json of a folder */
    const struct toy_meta *meta; /* of a GGUF file */
    size_t n_meta;
    const struct toy_tensor *tensor;
    size_t n_tensor;
    float logits[TOY_ROWS][TOY_VOCAB]; /* of toy_row */
};
extern const struct toy *const toy_list;
extern const size_t toy_count;
extern const uint32_t toy_token[TOY_TOKENS], toy_row[TOY_ROWS];

const struct toy *toy_find(const char *name);
/* Writes the model into the scratch folder and opens it; the caller closes. */
struct su_model *toy_open(const struct toy *t);
/* The GGUF file's bytes; tensor `without` and key `but` are left out (NULL: none is). The caller
   frees them by su_buf_fini. */
void toy_gguf(const struct toy *t, const char *without, const char *but, struct su_buf *out);

#endif
