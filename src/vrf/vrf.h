// SPDX-License-Identifier: MIT
/* vrf: the verifiable random function ECVRF-EDWARDS25519-SHA512-TAI (RFC 9381 §5.5, suite 0x03).
   The holder of a key turns any alpha into the one beta that belongs to it, with a proof. The
   on-chain program verifies with the same source (abi), so both agree on every input. Keys are
   those of ed25519: 32 bytes of seed. Give a VRF a seed of its own, used for nothing else.
   Third party: libsodium. All functions are thread-safe. */
#ifndef SU_VRF_H
#define SU_VRF_H

#include "base/base.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SU_VRF_SEED_BYTES 32
#define SU_VRF_PUBLIC_BYTES 32
#define SU_VRF_PROOF_BYTES 80
#define SU_VRF_BETA_BYTES 64

void su_vrf_public(const uint8_t seed[SU_VRF_SEED_BYTES], uint8_t public_key[SU_VRF_PUBLIC_BYTES]);

/* The proof for alpha of n bytes (NULL when n is 0); one seed and alpha give one proof. Constant
   time in the seed, not in alpha. SU_EINTERNAL when no hash of alpha is a point, which has
   probability 2^-256. */
SU_CHECK enum su_code su_vrf_prove(const uint8_t seed[SU_VRF_SEED_BYTES], const void *alpha,
                                   size_t n, uint8_t proof[SU_VRF_PROOF_BYTES], struct su_err *e);

/* True when the proof shows that beta belongs to alpha under public_key, which is checked too (see
   su_vrf_key_validate). Every argument may be hostile. On failure beta is zeroed. Encodings are
   strict: a point has one, s is below the order, so nobody can write one proof in two ways. */
SU_CHECK bool su_vrf_verify(const uint8_t public_key[SU_VRF_PUBLIC_BYTES], const void *alpha,
                            size_t n, const uint8_t proof[SU_VRF_PROOF_BYTES],
                            uint8_t beta[SU_VRF_BETA_BYTES]);

/* The beta of a proof known to be good (just made, or verified before). False, and beta zeroed,
   when the proof cannot be decoded. */
SU_CHECK bool su_vrf_proof_to_hash(const uint8_t proof[SU_VRF_PROOF_BYTES],
                                   uint8_t beta[SU_VRF_BETA_BYTES]);

/* RFC 9381 §5.4.5: a point, canonically encoded, not of small order. With such a key no two betas
   can be proved for one alpha, even by whoever made the key up. */
SU_CHECK bool su_vrf_key_validate(const uint8_t public_key[SU_VRF_PUBLIC_BYTES]);

#endif
