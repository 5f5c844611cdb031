// SPDX-License-Identifier: MIT
#include "vrf/vrf.h"

#include "abi/abi.h"
#include "crypto/crypto.h"

#include <sodium.h>
#include <string.h>

static const struct su_ecvrf_ops ops = {.add = su_point_add, .mul2 = su_point_mul2};

void su_vrf_public(const uint8_t seed[SU_VRF_SEED_BYTES], uint8_t public_key[SU_VRF_PUBLIC_BYTES])
{
    uint8_t secret[SU_ED25519_SECRET_BYTES];

    su_ed25519_from_seed(seed, public_key, secret);
    su_wipe(secret, sizeof secret);
}

/* What must not be left on the stack. */
struct work {
    uint8_t expanded[SU_SHA512_BYTES]; /* the secret scalar x, then the prefix of nonces */
    uint8_t nonce_text[64], nonce_hash[SU_SHA512_BYTES];
    uint8_t x[64], k[32], c[32], product[32];
};

/* x mod L, and k of §5.4.2.2 (as the nonce of RFC 8032 §5.1.6) from H. */
static void scalars_derive(struct work *w, const uint8_t seed[SU_VRF_SEED_BYTES],
                           const uint8_t h[32])
{
    su_sha512(seed, SU_VRF_SEED_BYTES, w->expanded);
    memcpy(w->nonce_text, w->expanded + 32, 32);
    memcpy(w->nonce_text + 32, h, 32);
    su_sha512(w->nonce_text, sizeof w->nonce_text, w->nonce_hash);
    crypto_core_ed25519_scalar_reduce(w->k, w->nonce_hash);
    memcpy(w->x, w->expanded, 32);
    w->x[0] &= 248;
    w->x[31] = (uint8_t)((w->x[31] & 127) | 64);
    memset(w->x + 32, 0, 32);
    crypto_core_ed25519_scalar_reduce(w->x, w->x);
}

enum su_code su_vrf_prove(const uint8_t seed[SU_VRF_SEED_BYTES], const void *alpha, size_t n,
                          uint8_t proof[SU_VRF_PROOF_BYTES], struct su_err *e)
{
    struct su_ecvrf v = {.ops = &ops, .alpha = alpha, .alpha_bytes = n};
    uint8_t key[SU_VRF_PUBLIC_BYTES];
    struct work w = {0};

    su_vrf_public(seed, key);
    v.key = key;
    if (!su_ecvrf_h(&v))
        return su_fail(e, SU_EINTERNAL, "vrf", "no hash of alpha is a point");
    scalars_derive(&w, seed, v.h);
    /* These fail for a zero scalar alone: x is none, k is one with probability 2^-252. */
    int bad = crypto_scalarmult_ed25519_noclamp(proof, w.x, v.h) |
              crypto_scalarmult_ed25519_base_noclamp(v.u, w.k) |
              crypto_scalarmult_ed25519_noclamp(v.v, w.k, v.h);
    su_ecvrf_challenge(&v, proof);
    memcpy(proof + 32, v.c, sizeof v.c);
    memcpy(w.c, v.c, sizeof v.c);
    crypto_core_ed25519_scalar_mul(w.product, w.c, w.x);
    crypto_core_ed25519_scalar_add(proof + 48, w.product, w.k);
    su_wipe(&w, sizeof w);
    return bad ? su_fail(e, SU_EINTERNAL, "vrf", "the nonce is zero") : SU_OK;
}

bool su_vrf_verify(const uint8_t public_key[SU_VRF_PUBLIC_BYTES], const void *alpha, size_t n,
                   const uint8_t proof[SU_VRF_PROOF_BYTES], uint8_t beta[SU_VRF_BETA_BYTES])
{
    struct su_ecvrf v = {
        .ops = &ops, .key = public_key, .alpha = alpha, .alpha_bytes = n, .proof = proof};
    bool good = su_ecvrf_verify(&v);

    memset(beta, 0, SU_VRF_BETA_BYTES);
    if (good)
        memcpy(beta, v.beta, SU_VRF_BETA_BYTES);
    return good;
}

bool su_vrf_proof_to_hash(const uint8_t proof[SU_VRF_PROOF_BYTES], uint8_t beta[SU_VRF_BETA_BYTES])
{
    struct su_ecvrf v = {.ops = &ops, .proof = proof};
    bool good = su_ecvrf_beta(&v);

    memset(beta, 0, SU_VRF_BETA_BYTES);
    if (good)
        memcpy(beta, v.beta, SU_VRF_BETA_BYTES);
    return good;
}

bool su_vrf_key_validate(const uint8_t public_key[SU_VRF_PUBLIC_BYTES])
{
    struct su_ecvrf v = {.ops = &ops, .key = public_key};

    return su_ecvrf_key_valid(&v);
}
