// SPDX-License-Identifier: MIT
/* The input as key, proof and alpha that somebody made up, then as seed, alpha and what is added to
   an honest proof. */
#include "vrf/vrf.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HEAD_BYTES = SU_VRF_SEED_BYTES + SU_VRF_PROOF_BYTES };

static bool is_zero(const uint8_t *p, size_t n)
{
    uint8_t any = 0;

    for (size_t i = 0; i < n; i++)
        any |= p[i];
    return any == 0;
}

static void made_up(const uint8_t head[HEAD_BYTES], const uint8_t *alpha, size_t n)
{
    uint8_t beta[SU_VRF_BETA_BYTES], hash[SU_VRF_BETA_BYTES], proof[SU_VRF_PROOF_BYTES];
    bool valid_key = su_vrf_key_validate(head);

    memcpy(proof, head + SU_VRF_PUBLIC_BYTES, sizeof proof);
    bool decodes = su_vrf_proof_to_hash(proof, hash);
    SU_ASSERT(decodes || is_zero(hash, sizeof hash));
    if (!su_vrf_verify(head, alpha, n, proof, beta)) {
        SU_ASSERT(is_zero(beta, sizeof beta));
        return;
    }
    /* Only the corpus holds a right one. */
    SU_ASSERT(valid_key && decodes && memcmp(beta, hash, sizeof beta) == 0);
    for (size_t i = 0; i < sizeof proof; i++) {
        proof[i] ^= 1;
        SU_ASSERT(!su_vrf_verify(head, alpha, n, proof, beta));
        proof[i] ^= 1;
    }
}

static void honest_and_altered(const uint8_t head[HEAD_BYTES], const uint8_t *alpha, size_t n)
{
    const uint8_t *change = head + SU_VRF_SEED_BYTES;
    uint8_t key[SU_VRF_PUBLIC_BYTES], beta[SU_VRF_BETA_BYTES], proof[SU_VRF_PROOF_BYTES];
    struct su_err e;

    su_vrf_public(head, key);
    SU_ASSERT(su_vrf_key_validate(key));
    SU_ASSERT(su_vrf_prove(head, alpha, n, proof, &e) == SU_OK);
    SU_ASSERT(su_vrf_verify(key, alpha, n, proof, beta));
    for (size_t i = 0; i < sizeof proof; i++)
        proof[i] ^= change[i];
    SU_ASSERT(su_vrf_verify(key, alpha, n, proof, beta) == is_zero(change, sizeof proof));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t head[HEAD_BYTES] = {0};
    size_t n = SU_MIN(size, sizeof head);

    if (n > 0)
        memcpy(head, data, n);
    made_up(head, data + n, size - n);
    honest_and_altered(head, data + n, size - n);
    return 0;
}
