// SPDX-License-Identifier: MIT
/* ecvrf: the core of ECVRF-EDWARDS25519-SHA512-TAI (RFC 9381 §5.5, suite 0x03), one source for the
   host (module vrf) and for the on-chain program, so that both give the same verdict on the same
   bytes. FREESTANDING: no libc, no heap, frames under 512 bytes; all work memory is in struct
   su_ecvrf, which the caller provides. Points are added and multiplied by the host's library or
   the VM's syscalls, behind struct su_ecvrf_ops; every choice that libraries differ in (encodings
   that are not canonical, scalars not reduced, small order) is made here.

   Nothing here is secret, so nothing runs in constant time. Thread-safe on distinct objects. */
#ifndef SU_ECVRF_H
#define SU_ECVRF_H

#include "base/free.h"

#define SU_ECVRF_KEY_BYTES 32
#define SU_ECVRF_PROOF_BYTES 80 /* Gamma of 32, c of 16, s of 32, little-endian */
#define SU_ECVRF_BETA_BYTES 64
#define SU_ECVRF_TRIES 256 /* ctr is one byte; a try fails with probability 1/2 */

/* Arithmetic on points of edwards25519 in their 32-byte encoding. Each returns true on success and
   false when an argument is no point, leaving `out` undefined; any order is accepted, results are
   canonical and exact (small-order parts included), `out` may be an argument.
   On the host: su_point_add and su_point_mul2 of crypto. In the VM: sol_curve_group_op (curve 0,
   operation 0) and sol_curve_multiscalar_mul (curve 0, two points). */
struct su_ecvrf_ops {
    bool (*add)(const uint8_t p[32], const uint8_t q[32], uint8_t out[32]);
    /* out = scalars[0..31] * points[0..31] + scalars[32..63] * points[32..63]; the scalars are
       below L here. */
    bool (*mul2)(const uint8_t scalars[64], const uint8_t points[64], uint8_t out[32]);
};

/* SHA-512 (FIPS 180-4) in few instructions. */
struct su_ecvrf_sha512 {
    uint64_t h[8];
    uint64_t block[16]; /* total % 128 bytes not yet compressed */
    uint64_t total;
    uint64_t w[80];
};
void su_ecvrf_sha512_init(struct su_ecvrf_sha512 *s);
void su_ecvrf_sha512_update(struct su_ecvrf_sha512 *s, const uint8_t *p, uint64_t n);
void su_ecvrf_sha512_final(struct su_ecvrf_sha512 *s, uint8_t out[64]);

/* One computation: less than 1.3 KiB, 8-byte aligned, no need to zero it. */
struct su_ecvrf {
    /* Given by the caller; each function says which ones it reads. */
    const struct su_ecvrf_ops *ops;
    const uint8_t *key; /* SU_ECVRF_KEY_BYTES */
    const uint8_t *alpha;
    uint64_t alpha_bytes;
    const uint8_t *proof; /* SU_ECVRF_PROOF_BYTES */
    /* Results. */
    uint8_t beta[SU_ECVRF_BETA_BYTES];
    uint8_t h[32], u[32], v[32]; /* names of RFC 9381 */
    uint8_t c[16];
    /* Work. */
    uint8_t scalars[64], points[64];
    struct su_ecvrf_sha512 sha;
};

/* RFC 9381 §5.3 with validate_key = TRUE. Reads ops, key, alpha, proof, all of them hostile. True
   when the proof is right: then beta holds the output (as su_ecvrf_beta gives it). In the VM about
   44 000 compute units for an alpha of up to 75 bytes, and 8 500 more for each further try at h:
   half of all proofs need one, one in a million twenty. */
bool su_ecvrf_verify(struct su_ecvrf *v);
/* §5.4.5: the key is a canonical point, and 8 times it is not the identity. Reads ops, key. */
bool su_ecvrf_key_valid(struct su_ecvrf *v);
/* §5.2: the output of a proof that is taken for verified. Reads ops, proof. False when Gamma or s
   cannot be decoded. */
bool su_ecvrf_beta(struct su_ecvrf *v);

/* Steps that prove and verify share. */
/* §5.4.1.1 (try and increment), with the key as salt: h from ops, key, alpha. False if none of
   SU_ECVRF_TRIES tries gives a point (probability 2^-256). */
bool su_ecvrf_h(struct su_ecvrf *v);
/* §5.4.3: c from key, h, gamma, u, v. */
void su_ecvrf_challenge(struct su_ecvrf *v, const uint8_t gamma[32]);

#endif
