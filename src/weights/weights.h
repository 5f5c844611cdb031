// SPDX-License-Identifier: MIT
/* weights: named tensors inside files. Reads safetensors and GGUF (mapped, hostile-input safe)
   through one interface, writes both, turns floats into blocks, and describes a task's weights as a
   manifest: which bytes of which blob are which tensor. All functions are thread-safe on distinct
   objects; an open file may be read by many threads. */
#ifndef SU_WEIGHTS_H
#define SU_WEIGHTS_H

#include "base/base.h"
#include "crypto/crypto.h"
#include "graph/graph.h"

#define SU_WEIGHTS_TENSOR_MAX 65536u /* tensors of one file, entries of one manifest */
#define SU_WEIGHTS_HEADER_BYTES_MAX (100u << 20) /* what stands before the tensors' data */
#define SU_WEIGHTS_META_MAX 65536u /* keys of one file */
#define SU_WEIGHTS_META_DEPTH_MAX 4 /* arrays within arrays */
#define SU_WEIGHTS_FILES_MAX 1024u /* that hold one model together */

struct su_tensor {
    const char *name; /* as names of weights in a graph: printable ASCII without spaces */
    enum su_dtype dtype;
    struct su_shape shape; /* an axis may be empty, then bytes is 0 */
    const uint8_t *data; /* bytes long, in the mapping; not aligned unless its file took care */
    uint64_t offset; /* of data in the file */
    uint64_t bytes;
    uint32_t file; /* which of su_weights_files it lies in */
};

/* ---- files ----------------------------------------------------------------------------------- */

/* Two formats, told apart by the first four bytes.

   safetensors (https://github.com/huggingface/safetensors, "Format"): u64 little-endian header
   length, JSON header {name: {"dtype": "F32", "shape": [2,3], "data_offsets": [begin, end]}, ...,
   "__metadata__": {text: text}}, data. Offsets count from the end of the header; the tensors cover
   the data without gap or overlap. Types read: F32, F16, BF16, I32, U32. Metadata is checked for
   grammar and forgotten.

   GGUF versions 2 and 3 (https://github.com/ggml-org/ggml, docs/gguf.md), little-endian: layout at
   the top of gguf.c. Types read: F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q4_K, Q5_K, Q6_K.
   The file lists axes from the fastest on; here they stand reversed, the axis of blocks and of K
   last, so that any rows along axis 0 are contiguous bytes.

   A model may lie in several files, in one folder. Of safetensors, an index says which tensor is in
   which: a JSON file whose name ends in ".safetensors.index.json", {"metadata": anything,
   "weight_map": {tensor: name of a file}}. GGUF files call themselves NAME-00001-of-0000N.gguf to
   NAME-0000N-of-0000N.gguf and say in split.no, split.count and split.tensors.count what they are;
   the metadata is the first's. */
struct su_weights;

/* Maps the file, or the files when it is an index or the first of a split GGUF, and checks all
   claims before the data: GGUF's metadata too. Memory, the mapping
   aside, stays below 4 x what stands before the data (+ 4 KiB, of an index 512 KiB); what a file claims to hold is never
   allocated before it is known to be there. On success *out is owned by the caller
   (su_weights_close). On failure *out is NULL, e->at is the path's end and the message names the
   tensor or key where there is one, the offset in the file and the limit:
     SU_ETRUNC        the file ends inside the header or a tensor
     SU_ELIMIT        header longer than SU_WEIGHTS_HEADER_BYTES_MAX, more tensors than
                      SU_WEIGHTS_TENSOR_MAX, a name, rank, axis or element count beyond the graph's,
                      more keys than SU_WEIGHTS_META_MAX, deeper arrays than
                      SU_WEIGHTS_META_DEPTH_MAX
     SU_EFORMAT       not the grammar of the format, a name, field or key twice, an unknown field, a
                      size that is not the shape's, blocks that do not fill the last axis, a tensor
                      off its alignment, an overlap, bytes (padding aside) that belong to no tensor
     SU_EOVERFLOW     a number of 2^64 or more
     SU_EUNSUPPORTED  another type, named; another version of GGUF; big-endian GGUF; a part of a
                      split GGUF alone
     of several files also
     SU_ENOENT        one is missing
     SU_EFORMAT       a tensor twice, or not in the file that the index names; a file's name that
                      leads out of the folder; parts that are not of one model
     SU_ELIMIT        more files than SU_WEIGHTS_FILES_MAX
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
const char *su_weights_path(const struct su_weights *w); /* as opened, or `at` */
uint32_t su_weights_files(const struct su_weights *w); /* 1 unless there are several */
/* Of file i < su_weights_files. Borrowed from w. */
const char *su_weights_file_path(const struct su_weights *w, uint32_t i);
/* Appends the names of the files that belong to the one at path and lie in its folder, path's own
   aside, ascending, each with a zero byte behind: what an index names, the other parts of a split
   GGUF (by its name alone, it need not be there), nothing for other files. SU_ENOENT, SU_EFORMAT,
   SU_ELIMIT: the index; SU_ENOMEM. */
SU_CHECK enum su_code su_weights_siblings(const char *path, struct su_buf *names, struct su_err *e);
/* The same from the bytes of an index. */
SU_CHECK enum su_code su_weights_index_names(const void *text, size_t len, const char *at,
                                             struct su_buf *names, struct su_err *e);

/* Writes n tensors as safetensors (name, dtype, shape, data, bytes set; any order) to path,
   atomically, with equal bytes for equal contents: wider element types first, then by name,
   data from a multiple of 8 on, so that every tensor is aligned to its element. Holds one copy of
   the file in memory.
     SU_EINVAL        a repeated or bad name, "__metadata__", an axis beyond the graph's limit,
                      bytes that differ from the shape's, data NULL
     SU_EUNSUPPORTED  a type that safetensors files do not hold
     SU_ELIMIT        rank, SU_WEIGHTS_TENSOR_MAX, SU_WEIGHTS_HEADER_BYTES_MAX
     SU_ENOMEM, and what su_file_write says */
SU_CHECK enum su_code su_weights_write(const char *path, const struct su_tensor *t, uint32_t n,
                                       struct su_err *e);

/* Writes n tensors as a GGUF file of version 3 without metadata to path, atomically: in the order
   given, each from a multiple of 32 on. Only name, dtype and shape of t are read; `fill` gives the
   bytes: rows first_row .. first_row + rows - 1 of tensor i, a row being its last axis, some MiB at
   a time. After each call `done` (NULL allowed) learns how many bytes are written. Whatever fill
   fails with ends the writing. SU_EINVAL: a repeated or bad name, blocks that do not fill the last
   axis; SU_EUNSUPPORTED: a type that GGUF files do not hold; SU_ELIMIT; SU_ENOMEM; what the system
   says of the file. On failure path is as it was. */
struct su_gguf_source {
    enum su_code (*fill)(void *ctx, uint32_t i, uint64_t first_row, uint64_t rows, uint8_t *out,
                         struct su_err *e);
    void (*done)(void *ctx, uint64_t bytes, uint64_t total);
    void *ctx;
};
SU_CHECK enum su_code su_weights_write_gguf(const char *path, const struct su_tensor *t, uint32_t n,
                                            const struct su_gguf_source *s, struct su_err *e);

/* ---- floats to blocks ------------------------------------------------------------------------ */

/* Writes n floats as Q8_0, Q4_0, Q4_1, F16 or F32 (SU_EUNSUPPORTED otherwise). Assumes n to be
   whole blocks and out to hold them. The bytes are those of gguf 0.19 from PyPI
   (gguf.quants.quantize), on every machine: each operation below is one of IEEE 754's single
   precision, rounded to nearest even, without fusing, with subnormals.
   Per block of 32 floats x, with d and m rounded to halves only where they are stored:
     Q8_0  d = max|x| / 127;   id = 1 / d;  q = round(x · id), halves away from zero
     Q4_0  d = X / -8, X the first x of the largest |x|;  id = 1 / d;
           q = min(15, trunc(x · id + 8.5))
     Q4_1  m = min x;  d = (max x - m) / 15;  id = 1 / d;  q = min(15, trunc((x - m) · id + 0.5))
   id is 0 when d is 0; when 1 / d is no finite number (only for |d| < 2^-128), d and id count as 0.
   SU_EINVAL: a NaN or an infinity; SU_EOVERFLOW: a d, m or F16 beyond the largest half; *bad (NULL
   allowed) is then the place of the first float of its block, and out partly written. */
SU_CHECK enum su_code su_weights_pack(enum su_dtype d, const float *x, uint64_t n, uint8_t *out,
                                      uint64_t *bad);

/* ---- metadata -------------------------------------------------------------------------------- */

/* What a file says of its model beside the tensors: keys and values of GGUF. A safetensors file has
   none here. All pointers are borrowed from the file. */
enum su_meta_type { /* the numbers of GGUF */
                    SU_META_U8,
                    SU_META_I8,
                    SU_META_U16,
                    SU_META_I16,
                    SU_META_U32,
                    SU_META_I32,
                    SU_META_F32,
                    SU_META_BOOL,
                    SU_META_STR,
                    SU_META_ARRAY,
                    SU_META_U64,
                    SU_META_I64,
                    SU_META_F64,
                    SU_META_TYPES
};
struct su_meta_value {
    struct su_bytes key; /* not terminated; any bytes but 0 */
    enum su_meta_type type; /* of the value, of an array: of its elements */
    bool array;
    uint64_t n; /* elements left of an array, 1 of a scalar */
    const uint8_t *data; /* the elements as stored, unaligned */
};
const char *su_meta_type_name(enum su_meta_type t); /* "u8", "str", ...; "?" when out of range */
uint32_t su_meta_count(const struct su_weights *w);
/* Ascending by key, compared as bytes. Assumes i < count. */
struct su_meta_value su_meta_at(const struct su_weights *w, uint32_t i);
/* False, and *out empty, when there is no such key. */
bool su_meta_find(const struct su_weights *w, const char *key, struct su_meta_value *out);

/* One scalar by key. SU_ENOENT: no such key; SU_ETYPE: the value is of another kind or does not fit
   the result (u32, u64: any integer type; f32: F32, or F64 rounded to nearest; infinities and NaN
   do not fit). A text is not terminated, may hold any bytes and be empty. The message names key and
   file. *out is unchanged on failure. */
SU_CHECK enum su_code su_meta_u32(const struct su_weights *w, const char *key, uint32_t *out,
                                  struct su_err *e);
SU_CHECK enum su_code su_meta_u64(const struct su_weights *w, const char *key, uint64_t *out,
                                  struct su_err *e);
SU_CHECK enum su_code su_meta_f32(const struct su_weights *w, const char *key, float *out,
                                  struct su_err *e);
SU_CHECK enum su_code su_meta_bool(const struct su_weights *w, const char *key, bool *out,
                                   struct su_err *e);
SU_CHECK enum su_code su_meta_str(const struct su_weights *w, const char *key, struct su_bytes *out,
                                  struct su_err *e);
/* An array of elements of that type exactly. SU_ENOENT, SU_ETYPE. */
SU_CHECK enum su_code su_meta_array(const struct su_weights *w, const char *key,
                                    enum su_meta_type element, struct su_meta_value *out,
                                    struct su_err *e);
/* Element i of an array, or a scalar with i = 0. Assumes i < n and a type that fits: integers and
   BOOL (as 0 or 1; U64 from 2^63 on comes out negative), F32. */
int64_t su_meta_int_at(const struct su_meta_value *m, uint64_t i);
float su_meta_f32_at(const struct su_meta_value *m, uint64_t i);
/* Takes the first element off an array of texts, or of arrays; false when none is left. Texts and
   inner arrays stand one behind the other, so they can only be walked. */
bool su_meta_next_str(struct su_meta_value *m, struct su_bytes *out);
bool su_meta_next_array(struct su_meta_value *m, struct su_meta_value *out);

/* ---- reading the weights a graph names ------------------------------------------------------- */

/* One weight of a graph found in a file: the bytes that su_tensor_bytes of its type and shape
   counts, from offset of tensor->data on. */
struct su_weight_span {
    const struct su_tensor *tensor; /* borrowed from the file */
    uint64_t offset; /* in tensor->data */
    uint64_t bytes;
};
/* Finds value `id` (a weight of g; SU_EINVAL otherwise) in w. It may be rows first_row.. of a
   tensor of equal rank and equal inner axes. A rank-1 tensor also stands for a weight whose
   other axes are 1, e.g. [16] for [16,1,1], [1,16,1] or, if it has one element, []; rows count
   along axis 0 of the weight, and begin where a block begins.
     SU_ENOENT  no tensor of that name
     SU_ETYPE   another type, other axes, or rows beyond the tensor's; names both sides; or rows
                that begin inside a block */
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

/* The manifest of a checked graph's weights inside the files of w, whose blob ids are given one
   behind the other (su_weights_files of them). On failure *out
   is empty: errors of su_weights_resolve; SU_ELIMIT: more than SU_WEIGHTS_TENSOR_MAX; SU_ENOMEM. */
SU_CHECK enum su_code su_manifest_build(const struct su_graph *g, const struct su_weights *w,
                                        const uint8_t *blob, struct su_manifest *out,
                                        struct su_err *e);
void su_manifest_fini(struct su_manifest *m); /* an empty manifest is allowed */
/* Appends the canonical bytes (layout at the top of manifest.c). SU_EINVAL, and out unchanged: an
   entry that su_manifest_decode would refuse, named. SU_ELIMIT: too many entries. Else what
   su_buf_check says. */
SU_CHECK enum su_code su_manifest_encode(const struct su_manifest *m, struct su_buf *out,
                                         struct su_err *e);
/* Reads hostile bytes; anything su_manifest_encode would not have written is refused with its
   offset. Memory stays below 5 x len. On failure *out is empty: SU_ETRUNC, SU_ELIMIT (a count,
   rank, axis or size beyond its limit), SU_EFORMAT (anything else), SU_ENOMEM. */
SU_CHECK enum su_code su_manifest_decode(const void *data, size_t len, struct su_manifest *out,
                                         struct su_err *e);
/* Weights digest: sha256 of the canonical bytes. Fails as su_manifest_encode. */
SU_CHECK enum su_code su_manifest_digest(const struct su_manifest *m, uint8_t out[SU_SHA256_BYTES],
                                         struct su_err *e);

#endif
