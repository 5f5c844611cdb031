// SPDX-License-Identifier: MIT
/* weights: named tensors inside files. Reads safetensors (mapped, hostile-input safe), writes them, and describes a task's weights
   as a manifest: which bytes of which blob are which tensor. */
#ifndef SU_WEIGHTS_H
#define SU_WEIGHTS_H

#include "base/base.h"
#include "crypto/crypto.h"
#include "graph/graph.h"

#define SU_WEIGHTS_TENSOR_MAX 65536u
#define SU_WEIGHTS_HEADER_BYTES_MAX (100u << 20) /* of a safetensors JSON header */

struct su_tensor {
    const char *name;
    enum su_dtype dtype;
    struct su_shape shape;
    const uint8_t *data; /* bytes long, in the mapping */
    uint64_t offset;     /* of data in the file */
    uint64_t bytes;
};

/* ---- safetensors -------------------------------------------------------------------------------------------- */

/* Format: u64 little-endian header length, JSON header {name: {dtype, shape, data_offsets: [begin, end]}, "__metadata__": {..}}, data.
   Offsets count from the end of the header; the tensors cover the data without gap or overlap. */
struct su_weights;
/* On failure *out is NULL. SU_ETRUNC, SU_EFORMAT, SU_ELIMIT, SU_EUNSUPPORTED (a dtype, named), SU_ENOENT …; the message names file,
   tensor, offset and limit. Memory stays below 4 x the header. Types read: F32, F16, BF16, I32, U32, BOOL (1 byte in the file: refused). */
SU_CHECK enum su_code su_weights_open(const char *path, struct su_weights **out, struct su_err *e);
/* As su_weights_open over bytes that the caller keeps until su_weights_close. `at` names them in errors. */
SU_CHECK enum su_code su_weights_open_bytes(const void *data, size_t len, const char *at, struct su_weights **out,
                                            struct su_err *e);
void su_weights_close(struct su_weights *w);
uint32_t su_weights_count(const struct su_weights *w);
const struct su_tensor *su_weights_at(const struct su_weights *w, uint32_t i);             /* by name, ascending */
const struct su_tensor *su_weights_find(const struct su_weights *w, const char *name);     /* NULL when absent */
const char *su_weights_path(const struct su_weights *w);                                   /* or `at` */

/* Writes tensors (name, dtype, shape, data, bytes set; any order, written sorted by name) to path, atomically and with equal bytes for
   equal contents. SU_EINVAL: repeated or empty name, bytes that differ from the shape's. */
SU_CHECK enum su_code su_weights_write(const char *path, const struct su_tensor *t, uint32_t n, struct su_err *e);

/* ---- reading the weights a graph names ----------------------------------------------------------------------- */

/* One weight of a graph resolved in a file: rows first_row .. of the tensor of that name. */
struct su_weight_span {
    const struct su_tensor *tensor;
    uint64_t offset; /* in tensor->data */
    uint64_t bytes;
};
/* Resolves value `id` (a weight of g). SU_ENOENT: no such tensor; SU_ETYPE: other dtype, other inner dims, rows beyond the tensor (a
   smaller rank-equal view along axis 0 is allowed; dims of 1 in front of or behind a rank-1 tensor too, e.g. [16] as [16,1,1]). */
SU_CHECK enum su_code su_weights_resolve(const struct su_weights *w, const struct su_graph *g, uint32_t id,
                                         struct su_weight_span *out, struct su_err *e);

/* ---- manifests ---------------------------------------------------------------------------------------------- */

struct su_manifest_entry {
    char name[SU_GRAPH_NAME_MAX + 1];
    enum su_dtype dtype;
    struct su_shape shape;
    uint64_t first_row;
    uint8_t blob[SU_SHA256_BYTES]; /* Merkle root of the file */
    uint64_t offset, bytes;        /* in the blob */
};
struct su_manifest {
    struct su_manifest_entry *entry; /* sorted by (name, first_row) */
    uint32_t n_entry;
};
/* The manifest of a graph's weights inside one file whose blob id is given. */
SU_CHECK enum su_code su_manifest_build(const struct su_graph *g, const struct su_weights *w,
                                        const uint8_t blob[SU_SHA256_BYTES], struct su_manifest *out, struct su_err *e);
void su_manifest_fini(struct su_manifest *m);
/* Canonical bytes (magic "SUMANIF1", little-endian, sorted, no padding) and back from hostile bytes: anything su_manifest_encode would
   not have written is refused with its offset. */
SU_CHECK enum su_code su_manifest_encode(const struct su_manifest *m, struct su_buf *out, struct su_err *e);
SU_CHECK enum su_code su_manifest_decode(const void *data, size_t len, struct su_manifest *out, struct su_err *e);
/* weights digest = sha256 of the canonical bytes */
SU_CHECK enum su_code su_manifest_digest(const struct su_manifest *m, uint8_t out[SU_SHA256_BYTES], struct su_err *e);

#endif
