// SPDX-License-Identifier: MIT
/* weights: named tensors inside files. Reads safetensors (mapped, hostile-input safe), writes them,
   and describes a task's weights as a manifest: which bytes of which blob are which tensor. All
   functions are thread-safe on distinct objects; an open file may be read by many threads. */
#ifndef SU_WEIGHTS_H
#define SU_WEIGHTS_H

#include "base/base.h"
#include "crypto/crypto.h"
#include "graph/graph.h"

#define SU_WEIGHTS_TENSOR_MAX 65536u /* tensors of one file, entries of one manifest */
#define SU_WEIGHTS_HEADER_BYTES_MAX (100u << 20) /* of a safetensors JSON header */

struct su_tensor {
    const char *name; /* as names of weights in a graph: printable ASCII without spaces */
    enum su_dtype dtype;
    struct su_shape shape; /* an axis may be empty, then bytes is 0 */
    const uint8_t *data; /* bytes long, in the mapping; not aligned unless its file took care */
    uint64_t offset; /* of data in the file */
    uint64_t bytes;
};

/* ---- safetensors ----------------------------------------------------------------------------- */

/* Format (https://github.com/huggingface/safetensors, "Format"): u64 little-endian header length,
   JSON header {name: {"dtype": "F32", "shape": [2,3], "data_offsets": [begin, end]}, ...,
   "__metadata__": {text: text}}, data. Offsets count from the end of the header; the tensors cover
   the data without gap or overlap. */
struct su_weights;

/* Maps the file and checks the whole header. Types read: F32, F16, BF16, I32, U32. Metadata is
   checked for grammar and forgotten. Memory, the mapping aside, stays below 4 x the header (+ 4 KiB).
   On success *out is owned by the caller (su_weights_close). On failure *out is NULL, e->at is the
   path's end and the message names the tensor where there is one, the offset in the file and the
   limit:
     SU_ETRUNC        the file ends inside the length, the header or a tensor
     SU_ELIMIT        header longer than SU_WEIGHTS_HEADER_BYTES_MAX, more tensors than
                      SU_WEIGHTS_TENSOR_MAX, a name, rank, axis or element count beyond the graph's
     SU_EFORMAT       not the grammar above, a name or a field twice, an unknown field, a size that
                      is not the shape's, a gap, an overlap, bytes after the last tensor
     SU_EOVERFLOW     a number of 2^64 or more
     SU_EUNSUPPORTED  another type, named
     SU_ENOMEM, and what su_map_open says of the file: SU_ENOENT, SU_EACCES, SU_EINVAL ... */
SU_CHECK enum su_code su_weights_open(const char *path, struct su_weights **out, struct su_err *e);
/* As su_weights_open over bytes that the caller keeps until su_weights_close. `at` names them in
   errors. */
SU_CHECK enum su_code su_weights_open_bytes(const void *data, size_t len, const char *at,
                                            struct su_weights **out, struct su_err *e);
void su_weights_close(struct su_weights *w); /* NULL allowed */
uint32_t su_weights_count(const struct su_weights *w);
/* By name, ascending as bytes. Assumes i < count. Borrowed from w. */
const struct su_tensor *su_weights_at(const struct su_weights *w, uint32_t i);
/* NULL when absent. Borrowed from w. */
const struct su_tensor *su_weights_find(const struct su_weights *w, const char *name);
const char *su_weights_path(const struct su_weights *w); /* or `at` */

/* Writes n tensors (name, dtype, shape, data, bytes set; any order) to path, atomically, with equal
   bytes for equal contents: wider element types first, then by name, data from a multiple of 8 on,
   so that every tensor is aligned to its element. Holds one copy of the file in memory.
     SU_EINVAL        a repeated or bad name, "__metadata__", an axis beyond the graph's limit,
                      bytes that differ from the shape's, data NULL
     SU_EUNSUPPORTED  a type that su_weights_open does not read
     SU_ELIMIT        rank, SU_WEIGHTS_TENSOR_MAX, SU_WEIGHTS_HEADER_BYTES_MAX
     SU_ENOMEM, and what su_file_write says */
SU_CHECK enum su_code su_weights_write(const char *path, const struct su_tensor *t, uint32_t n,
                                       struct su_err *e);

/* ---- reading the weights a graph names ------------------------------------------------------- */

/* One weight of a graph found in a file: the bytes that su_tensor_bytes of its type and shape
   counts, from offset of tensor->data on. */
struct su_weight_span {
    const struct su_tensor *tensor; /* borrowed from the file */
    uint64_t offset; /* in tensor->data */
    uint64_t bytes;
};
/* Finds value `id` (a weight of g; SU_EINVAL otherwise) in w. It may be rows first_row.. of a tensor
   of equal rank and equal inner axes. A rank-1 tensor also stands for a weight whose other axes are
   1, e.g. [16] for [16,1,1], [1,16,1] or, if it has one element, []; rows count along axis 0 of the
   weight.
     SU_ENOENT  no tensor of that name
     SU_ETYPE   another type, other axes, or rows beyond the tensor's; names both sides */
SU_CHECK enum su_code su_weights_resolve(const struct su_weights *w, const struct su_graph *g,
                                         uint32_t id, struct su_weight_span *out, struct su_err *e);

/* ---- manifests ------------------------------------------------------------------------------- */

struct su_manifest_entry {
    char name[SU_GRAPH_NAME_MAX + 1];
    enum su_dtype dtype;
    struct su_shape shape; /* as the graph declares it */
    uint64_t first_row; /* as the graph declares it */
    uint8_t blob[SU_SHA256_BYTES]; /* Merkle root of the file */
    uint64_t offset, bytes; /* in the blob */
};
struct su_manifest {
    struct su_manifest_entry *entry; /* owned; ascending by (name, first_row) */
    uint32_t n_entry;
};

/* The manifest of a checked graph's weights inside one file whose blob id is given. On failure *out
   is empty: errors of su_weights_resolve; SU_ELIMIT: more than SU_WEIGHTS_TENSOR_MAX; SU_ENOMEM. */
SU_CHECK enum su_code su_manifest_build(const struct su_graph *g, const struct su_weights *w,
                                        const uint8_t blob[SU_SHA256_BYTES],
                                        struct su_manifest *out, struct su_err *e);
void su_manifest_fini(struct su_manifest *m); /* an empty manifest is allowed */
/* Appends the canonical bytes (layout at the top of manifest.c). SU_EINVAL, and out unchanged: an
   entry that su_manifest_decode would refuse, named. SU_ELIMIT: too many entries. Else what
   su_buf_check says. */
SU_CHECK enum su_code su_manifest_encode(const struct su_manifest *m, struct su_buf *out,
                                         struct su_err *e);
/* Reads hostile bytes; anything su_manifest_encode would not have written is refused with its
   offset. Memory stays below 5 x len. On failure *out is empty: SU_ETRUNC, SU_ELIMIT (a count, rank,
   axis or size beyond its limit), SU_EFORMAT (anything else), SU_ENOMEM. */
SU_CHECK enum su_code su_manifest_decode(const void *data, size_t len, struct su_manifest *out,
                                         struct su_err *e);
/* Weights digest: sha256 of the canonical bytes. Fails as su_manifest_encode. */
SU_CHECK enum su_code su_manifest_digest(const struct su_manifest *m, uint8_t out[SU_SHA256_BYTES],
                                         struct su_err *e);

#endif
