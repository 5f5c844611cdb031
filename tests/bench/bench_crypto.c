// SPDX-License-Identifier: MIT
/* Microseconds per call of signatures, VRF and points, and signatures verified per second on all
   processors. Exit status 1 when anything refuses what it should accept. */
#include "crypto/crypto.h"
#include "vrf/vrf.h"

#include <stdio.h>
#include <stdlib.h>

enum { MESSAGE_BYTES = 200, ITEMS = 8192 };

static uint8_t seed[SU_VRF_SEED_BYTES] = {1}, key[SU_ED25519_PUBLIC_BYTES],
               secret[SU_ED25519_SECRET_BYTES], sig[SU_ED25519_SIG_BYTES], message[MESSAGE_BYTES],
               proof[SU_VRF_PROOF_BYTES], beta[SU_VRF_BETA_BYTES];

static bool sign(void)
{
    su_ed25519_sign(secret, message, sizeof message, sig);
    return true;
}

static bool verify(void)
{
    return su_ed25519_verify(key, message, sizeof message, sig);
}

static bool vrf_prove(void)
{
    return su_vrf_prove(seed, message, 32, proof, NULL) == SU_OK;
}

static bool vrf_verify(void)
{
    return su_vrf_verify(key, message, 32, proof, beta);
}

static bool point_valid(void)
{
    return su_point_valid(key);
}

static bool point_mul(void)
{
    uint8_t out[SU_POINT_BYTES];

    return su_point_mul(seed, key, out);
}

static const struct {
    const char *name;
    bool (*call)(void);
    unsigned calls;
} rows[] = {
    {"ed25519 sign, 200 bytes", sign, 10000}, {"ed25519 verify, 200 bytes", verify, 10000},
    {"vrf prove, 32 bytes", vrf_prove, 2000}, {"vrf verify, 32 bytes", vrf_verify, 2000},
    {"point valid", point_valid, 20000},      {"point times scalar", point_mul, 5000},
};

int main(void)
{
    bool good = true;

    su_ed25519_from_seed(seed, key, secret);
    for (size_t i = 0; i < SU_ARRAY_LEN(rows); i++) {
        uint64_t start = su_clock_mono_ns();
        for (unsigned k = 0; k < rows[i].calls; k++)
            good &= rows[i].call();
        double us = (double)(su_clock_mono_ns() - start) / 1e3 / rows[i].calls;
        printf("%-28s %8.1f us %8.0f per second\n", rows[i].name, us, 1e6 / us);
    }
    struct su_jobs *jobs = su_jobs_new(0);
    struct su_ed25519_item *items = su_alloc(ITEMS * sizeof *items);
    for (size_t i = 0; i < ITEMS; i++)
        items[i] = (struct su_ed25519_item){key, message, sig, sizeof message, false};
    uint64_t start = su_clock_mono_ns();
    good &= su_ed25519_verify_all(jobs, items, ITEMS) == ITEMS;
    double seconds = (double)(su_clock_mono_ns() - start) / 1e9;
    printf("ed25519 verify on %u threads: %.0f per second\n", su_jobs_threads(jobs),
           ITEMS / seconds);
    free(items);
    su_jobs_free(jobs);
    return good ? 0 : 1;
}
