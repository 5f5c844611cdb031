// SPDX-License-Identifier: MIT
/* crypto: digests. SHA-256 (FIPS 180-4) on the fastest unit of this processor, and Merkle trees
   over fixed chunks (shape and domain separation of RFC 6962 §2.1). Third party: libsodium,
   included nowhere outside this folder. All functions are thread-safe on distinct objects. */
#ifndef SU_CRYPTO_H
#define SU_CRYPTO_H

#include "base/base.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- SHA-256 --------------------------------------------------------------------------------- */

#define SU_SHA256_BYTES 32

/* A running hash, owned by the caller, no heap, may be copied to fork a prefix. */
struct su_sha256 {
    uint32_t h[8];
    uint64_t total_bytes;
    uint8_t block[64]; /* total_bytes % 64 bytes not yet compressed */
};

void su_sha256_init(struct su_sha256 *s);
/* Any split of the message into updates gives the same digest. data may be NULL when n is 0. */
void su_sha256_update(struct su_sha256 *s, const void *data, size_t n);
/* Ends the hash; s must be initialised again before the next use. */
void su_sha256_final(struct su_sha256 *s, uint8_t out[SU_SHA256_BYTES]);
void su_sha256(const void *data, size_t n, uint8_t out[SU_SHA256_BYTES]);

/* The implementation in use: "sha-ni" (x86), "armv8" or "portable" (libsodium). Chosen once, by
   asking the processor. */
const char *su_sha256_impl(void);
/* Forces an implementation by name, NULL = the best one again. Returns false, and changes
   nothing, when this processor or this build lacks it. For tests and benchmarks: digests are
   equal whichever runs. */
bool su_sha256_use(const char *impl);

/* ---- Merkle trees ---------------------------------------------------------------------------- */

/* A blob's id is the root of the tree over its chunks of 1 MiB (the last may be shorter):
     leaf = sha256(0x00 || chunk), node = sha256(0x01 || left || right);
   n leaves split at the largest power of two below n, so an odd node rises unhashed. No leaves:
   sha256 of nothing; one leaf: the leaf itself. A chunk is never empty: a blob of 0 bytes has
   no leaves. */
#define SU_MERKLE_CHUNK_BYTES (1u << 20)
#define SU_MERKLE_PATH_MAX 64 /* nodes of an inclusion proof: log2 of the most leaves */

void su_merkle_leaf(const void *chunk, size_t n, uint8_t out[SU_SHA256_BYTES]);
void su_merkle_node(const uint8_t left[SU_SHA256_BYTES], const uint8_t right[SU_SHA256_BYTES],
                    uint8_t out[SU_SHA256_BYTES]);
/* Leaves of a blob of that many bytes. */
uint64_t su_merkle_leaf_count(uint64_t blob_bytes);

/* Builder, in either of two ways and never both on one object: su_merkle_update streams the
   blob's bytes and cuts the chunks itself; su_merkle_add takes leaf digests. Constant memory,
   no heap. */
struct su_merkle {
    struct su_sha256 chunk; /* leaf being hashed */
    uint32_t chunk_bytes; /* bytes of it so far */
    uint64_t leaves; /* finished leaves */
    struct su_buf *leaf_list; /* borrowed, may be NULL */
    uint8_t stack[SU_MERKLE_PATH_MAX]
                 [SU_SHA256_BYTES]; /* roots of full subtrees, one per set bit of leaves */
};

/* leaf_list, when not NULL, is kept until su_merkle_final and receives each leaf (32 bytes) as
   it is finished; check it with su_buf_check afterwards. */
void su_merkle_init(struct su_merkle *m, struct su_buf *leaf_list);
void su_merkle_update(struct su_merkle *m, const void *data, size_t n);
void su_merkle_add(struct su_merkle *m, const uint8_t leaf[SU_SHA256_BYTES]);
/* Finishes the last chunk and writes the root. m must be initialised again before the next use. */
void su_merkle_final(struct su_merkle *m, uint8_t root[SU_SHA256_BYTES]);

/* Root of n leaves lying one after the other (32 bytes each), and of a whole blob in memory. */
void su_merkle_root(const uint8_t *leaves, uint64_t n, uint8_t root[SU_SHA256_BYTES]);
void su_merkle_blob(const void *data, size_t n, uint8_t root[SU_SHA256_BYTES]);

/* Inclusion proof of leaf `index` among n: the siblings from the leaf to the root, into
   path[SU_MERKLE_PATH_MAX]. Returns their number. Assumes index < n. Costs n - 1 hashes. */
size_t su_merkle_prove(const uint8_t *leaves, uint64_t n, uint64_t index,
                       uint8_t path[][SU_SHA256_BYTES]);
/* True when `leaf` is number `index` of the n leaves under root. All arguments may be hostile;
   a path longer or shorter than the tree demands is refused. Trust in n must come from
   elsewhere (a blob's length). */
SU_CHECK bool su_merkle_verify(const uint8_t root[SU_SHA256_BYTES],
                               const uint8_t leaf[SU_SHA256_BYTES], uint64_t index, uint64_t n,
                               const uint8_t (*path)[SU_SHA256_BYTES], size_t path_len);

#endif
