// SPDX-License-Identifier: MIT
/* crypto: digests, signatures, secrets. SHA-256 (FIPS 180-4) on the fastest unit of this
   processor, Merkle trees over fixed chunks (shape and domain separation of RFC 6962 §2.1),
   SHA-512, HMAC, ed25519 (RFC 8032) by Solana's rules, points of edwards25519, locked memory,
   sealing under a passphrase, signers. Third party: libsodium, which only vrf may include
   besides. All functions are thread-safe on distinct objects. */
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

/* ---- other digests --------------------------------------------------------------------------- */

#define SU_SHA512_BYTES 64

/* FIPS 180-4. data may be NULL when n is 0. */
void su_sha512(const void *data, size_t n, uint8_t out[SU_SHA512_BYTES]);
/* RFC 2104 over SHA-256; a key of any length. No copy of the key is left behind. */
void su_hmac_sha256(const void *key, size_t key_n, const void *data, size_t n,
                    uint8_t out[SU_SHA256_BYTES]);

/* ---- secrets --------------------------------------------------------------------------------- */

/* Bytes of the kernel's generator; waits while it is not seeded yet, early in a boot. */
void su_random(void *out, size_t n);
/* Time independent of the content, not of n. */
SU_CHECK bool su_equal(const void *a, const void *b, size_t n);
/* Zeroes memory in a way that no compiler leaves out. NULL is allowed when n is 0. */
void su_wipe(void *p, size_t n);

/* Secret bytes in pages of their own: unmapped pages on both sides, kept out of swap and of core
   dumps, wiped when freed. There is no function that prints one. The bytes are not aligned. */
struct su_secret;
#define SU_SECRET_MAX_BYTES (64u << 10)
/* n zero bytes, 1 to SU_SECRET_MAX_BYTES: else SU_EINVAL. SU_ENOMEM. On failure *out is NULL. */
SU_CHECK enum su_code su_secret_new(size_t n, struct su_secret **out, struct su_err *e);
uint8_t *su_secret_data(struct su_secret *s);
size_t su_secret_bytes(const struct su_secret *s);
/* False when the system refused to lock the pages (ulimit -l): the secret works, and may reach
   the swap. */
bool su_secret_locked(const struct su_secret *s);
void su_secret_free(struct su_secret *s); /* NULL allowed */

/* ---- ed25519 --------------------------------------------------------------------------------- */

#define SU_ED25519_SEED_BYTES 32
#define SU_ED25519_PUBLIC_BYTES 32
#define SU_ED25519_SECRET_BYTES 64 /* seed, then public key: as in Solana's key files */
#define SU_ED25519_SIG_BYTES 64

/* The key pair of a seed (RFC 8032 §5.1.5). */
void su_ed25519_from_seed(const uint8_t seed[SU_ED25519_SEED_BYTES],
                          uint8_t public_key[SU_ED25519_PUBLIC_BYTES],
                          uint8_t secret[SU_ED25519_SECRET_BYTES]);
/* True when the public half belongs to the seed. Ask it of every secret that was stored: two
   signatures under different public halves give the key away. */
SU_CHECK bool su_ed25519_secret_check(const uint8_t secret[SU_ED25519_SECRET_BYTES]);
/* Deterministic (RFC 8032 §5.1.6). Assumes that su_ed25519_secret_check holds. */
void su_ed25519_sign(const uint8_t secret[SU_ED25519_SECRET_BYTES], const void *message, size_t n,
                     uint8_t sig[SU_ED25519_SIG_BYTES]);
/* Verifies sig = R || S over `message` under A, as Solana's transactions and its ed25519
   precompile do (verify_strict of ed25519-dalek). True when
     S < L (the order of the base point), so that nobody can alter a signature;
     A and R are points, and neither is of small order (1, 2, 4 or 8, in any encoding);
     [S]B = R + [SHA-512(R || A || message) mod L]A, exactly, not only up to the cofactor.
   One difference, which cannot be observed: A and R whose y is written as y + p are refused here,
   while verify_strict goes on to the equation. They are a dozen points with nobody knowing a
   logarithm, so no signature of them exists that would satisfy it. */
SU_CHECK bool su_ed25519_verify(const uint8_t public_key[SU_ED25519_PUBLIC_BYTES],
                                const void *message, size_t n,
                                const uint8_t sig[SU_ED25519_SIG_BYTES]);

struct su_ed25519_item {
    const uint8_t *public_key, *message, *sig; /* borrowed */
    size_t n; /* bytes of message */
    bool ok; /* the answer */
};
/* Answers all items on the threads of `jobs` (NULL = on this one), each on its own and exactly as
   su_ed25519_verify. Returns how many are ok. */
size_t su_ed25519_verify_all(struct su_jobs *jobs, struct su_ed25519_item *items, size_t n);

/* ---- points of edwards25519 ------------------------------------------------------------------ */

/* As Solana's syscalls sol_curve_validate_point and sol_curve_group_op see them (decompress of
   curve25519-dalek). An encoding is a point if and only if its low 255 bits, modulo p, are the y
   of one: y + p is accepted, and so is a sign with x = 0, and any order. Results are canonical.
   True on success; else `out` is untouched. `out` may be an argument. Not for secrets. */
#define SU_POINT_BYTES 32

/* Also the test that a program address must fail: "is on the curve". */
SU_CHECK bool su_point_valid(const uint8_t p[SU_POINT_BYTES]);
SU_CHECK bool su_point_add(const uint8_t p[SU_POINT_BYTES], const uint8_t q[SU_POINT_BYTES],
                           uint8_t out[SU_POINT_BYTES]);
SU_CHECK bool su_point_sub(const uint8_t p[SU_POINT_BYTES], const uint8_t q[SU_POINT_BYTES],
                           uint8_t out[SU_POINT_BYTES]);
/* scalar: little-endian, refused when >= L. */
SU_CHECK bool su_point_mul(const uint8_t scalar[32], const uint8_t p[SU_POINT_BYTES],
                           uint8_t out[SU_POINT_BYTES]);
/* out = scalars[0..31] * points[0..31] + scalars[32..63] * points[32..63]; scalars as above. Also
   sol_curve_multiscalar_mul of two points. */
SU_CHECK bool su_point_mul2(const uint8_t scalars[64], const uint8_t points[2 * SU_POINT_BYTES],
                            uint8_t out[SU_POINT_BYTES]);
/* The base point B of ed25519. */
extern const uint8_t su_point_base[SU_POINT_BYTES];

/* ---- sealing --------------------------------------------------------------------------------- */

/* A sealed text, integers little-endian:
      0   8  "SUSEAL1\n"
      8   4  kdf: 1 = argon2id version 1.3, one lane (RFC 9106)
     12   4  passes
     16   8  memory in bytes, a multiple of 1024
     24  16  salt
     40  24  nonce
     64      crypto_secretbox_xsalsa20poly1305 of libsodium: tag of 16 bytes, then the ciphertext
   Key = HMAC-SHA256(argon2id(passphrase, salt), bytes 0 to 63): a changed header is as wrong as a
   changed passphrase. */
#define SU_SEAL_OVERHEAD_BYTES 80
#define SU_SEAL_PASSES_MAX 8
#define SU_SEAL_MEMORY_MIN_BYTES (8u << 10)
#define SU_SEAL_MEMORY_MAX_BYTES (512u << 20)

/* What one guess at the passphrase costs. */
struct su_seal_cost {
    uint32_t passes; /* 1 to SU_SEAL_PASSES_MAX */
    uint64_t memory_bytes; /* multiple of 1024 within the limits above */
};
extern const struct su_seal_cost su_seal_cost_default; /* 3 passes over 256 MiB: under a second */

/* Appends the sealed text of n bytes (1 to SU_SECRET_MAX_BYTES) to out. SU_EINVAL: n or cost out
   of range; SU_ENOMEM; SU_ELIMIT as su_buf_check. */
SU_CHECK enum su_code su_seal(const void *passphrase, size_t passphrase_n, const void *data,
                              size_t n, const struct su_seal_cost *cost, struct su_buf *out,
                              struct su_err *e);
/* Opens a sealed text of any origin. SU_EFORMAT: no sealed text; SU_ETRUNC: too short;
   SU_EUNSUPPORTED: another kdf; SU_ELIMIT: it asks for more passes or memory than the limits, or
   is too long, refused before anything is allocated; SU_EACCES: wrong passphrase, or altered;
   SU_ENOMEM. On failure *out is NULL. */
SU_CHECK enum su_code su_unseal(const void *passphrase, size_t passphrase_n, const void *sealed,
                                size_t n, struct su_secret **out, struct su_err *e);

/* ---- signers --------------------------------------------------------------------------------- */

/* Whoever can sign for one key: a key in memory (below), a wallet that asks first. */
struct su_signer {
    uint8_t public_key[SU_ED25519_PUBLIC_BYTES];
    /* Signs n bytes. May take a person's time, may refuse: SU_EACCES, SU_ECANCELLED, or what
       else the owner of ctx documents. Thread-safe if its owner says so. */
    enum su_code (*sign)(void *ctx, const void *message, size_t n,
                         uint8_t sig[SU_ED25519_SIG_BYTES], struct su_err *e);
    void (*fini)(void *ctx); /* may be NULL */
    void *ctx;
};
/* Calls sign, and answers SU_EINTERNAL when what comes back does not verify under public_key. */
SU_CHECK enum su_code su_signer_sign(const struct su_signer *s, const void *message, size_t n,
                                     uint8_t sig[SU_ED25519_SIG_BYTES], struct su_err *e);
/* A signer over a copy of `secret` in locked memory: for node identities, faucets and tests. It
   signs whatever it is given, from any thread. SU_EFORMAT: the halves do not belong together;
   SU_ENOMEM. On failure *s is empty, which su_signer_fini accepts. */
SU_CHECK enum su_code su_signer_init_memory(struct su_signer *s,
                                            const uint8_t secret[SU_ED25519_SECRET_BYTES],
                                            struct su_err *e);
void su_signer_fini(struct su_signer *s);

#endif
