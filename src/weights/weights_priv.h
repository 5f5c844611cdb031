// SPDX-License-Identifier: MIT
#ifndef SU_WEIGHTS_PRIV_H
#define SU_WEIGHTS_PRIV_H

#include "weights.h"

/* A key of GGUF. Small, because a hostile file may have one per 14 bytes. */
struct su_meta_entry {
    const uint8_t *key; /* in the file */
    uint32_t key_bytes;
    uint32_t type; /* enum su_meta_type */
    const uint8_t *value; /* in the file; of an array its element type */
};

struct su_weights {
    struct su_map map; /* empty when the caller keeps the bytes */
    const uint8_t *data; /* the whole file */
    uint64_t len;
    char *path; /* owned, whole */
    const char *at; /* the end of path that fits an error */
    struct su_tensor *tensor; /* owned, ascending by name */
    uint32_t n_tensor;
    char *names; /* owned, what tensor[].name point into */
    struct su_meta_entry *meta; /* owned, ascending by key */
    uint32_t n_meta;
    /* Of several files: each one open, owned; tensor[].name point into them, meta is the first's. */
    struct su_weights **part;
    uint32_t n_part;
};

#define SU_WEIGHTS_LEAF_MAX 200u /* bytes of the name of one of several files */
#define SU_WEIGHTS_INDEX_END ".safetensors.index.json"

/* ---- file.c: what the formats share ---- */

/* Allocates w->tensor and w->names; the walk that fills them sets n_tensor. SU_ENOMEM. */
SU_CHECK enum su_code su_weights_reserve(struct su_weights *w, uint64_t n_tensor,
                                         uint64_t name_bytes, struct su_err *e);
/* Sorts w->tensor by name and holds it to the rules: from `start` to the file's end the tensors
   cover everything, but for less than `align` (a power of two) bytes before each and at the end,
   none overlaps another, no name comes twice. */
SU_CHECK enum su_code su_weights_index(struct su_weights *w, uint64_t start, uint64_t align,
                                       struct su_err *e);

/* su_weights_open of one file, whatever else belongs to it. */
SU_CHECK enum su_code su_weights_open_one(const char *path, struct su_weights **out,
                                          struct su_err *e);
const char *su_weights_leaf(const char *path); /* what stands behind the last '/' */

/* ---- parts.c: fill a new w whose path and at are set. After a failure the caller closes w. ---- */

SU_CHECK enum su_code su_weights_open_index(struct su_weights *w, struct su_err *e);
/* Takes the first part. */
SU_CHECK enum su_code su_weights_open_split(struct su_weights *first, struct su_weights *w,
                                            struct su_err *e);
uint32_t su_weights_split_count(const struct su_weights *w); /* 1 of a file that is whole */

/* ---- safetensors.c, gguf.c: fill a new w whose data, len, path and at are set. After a
   failure the caller closes w. ---- */

SU_CHECK enum su_code su_safetensors_parse(struct su_weights *w, struct su_err *e);
bool su_gguf_sniff(const struct su_weights *w);
bool su_gguf_type_number(enum su_dtype d, uint32_t *out); /* false: no GGUF type */
SU_CHECK enum su_code su_gguf_parse(struct su_weights *w, struct su_err *e);

/* ---- meta.c ---- */

/* Bytes of a value of this type, 0 for texts and arrays. */
uint32_t su_meta_type_bytes(enum su_meta_type t);
/* Sorts w->meta and refuses a key that comes twice. */
SU_CHECK enum su_code su_meta_index(struct su_weights *w, struct su_err *e);

/* ---- types.c: what files and manifests agree on ---- */

/* NULL when name is one that a graph may use, else what is wrong with it. */
const char *su_weights_name_error(const char *name, size_t len);
/* Elements of a shape; false when there are more than SU_GRAPH_WEIGHT_ELEMENTS_MAX. An empty axis
   makes it 0. */
bool su_weights_elements(const struct su_shape *s, uint64_t *n);
/* Element types of safetensors: by its text, and the text of one (NULL when it has none). */
bool su_weights_dtype_find(const char *text, enum su_dtype *out);
const char *su_weights_dtype_text(enum su_dtype d);
uint32_t su_weights_dtype_bytes(enum su_dtype d); /* of a type that has a text */

/* ---- scan.c: the header's JSON, read in place without a tree ---- */

struct su_scan {
    const uint8_t *text;
    size_t len, pos;
    uint64_t base; /* offset of text in the file, for messages */
    const char *at;
    struct su_err *e;
};

/* Fails with `code` and "<what> at offset N", N the place in the file. */
enum su_code su_scan_fail(const struct su_scan *s, enum su_code code, const char *fmt, ...)
    SU_PRINTF(3, 4);
/* The next byte that is not white space, without taking it; -1 at the end. */
int su_scan_peek(struct su_scan *s);
/* Takes byte c, which must be the next one. */
SU_CHECK enum su_code su_scan_take(struct su_scan *s, char c);
/* After an item of a list that ends with `close`: takes ',' (*more) or close (not *more). */
SU_CHECK enum su_code su_scan_more(struct su_scan *s, char close, bool *more);
/* A string, escapes resolved, terminated, cut to cap - 1 bytes; *len is its full length. out may be
   NULL with cap 0. */
SU_CHECK enum su_code su_scan_string(struct su_scan *s, char *out, size_t cap, size_t *len);
/* A whole number: digits only, no leading zero. */
SU_CHECK enum su_code su_scan_u64(struct su_scan *s, uint64_t *out);

#endif
