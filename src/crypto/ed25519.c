// SPDX-License-Identifier: MIT
#include "crypto/crypto.h"

#include <sodium.h>
#include <stdatomic.h>

void su_ed25519_from_seed(const uint8_t seed[SU_ED25519_SEED_BYTES],
                          uint8_t public_key[SU_ED25519_PUBLIC_BYTES],
                          uint8_t secret[SU_ED25519_SECRET_BYTES])
{
    (void)crypto_sign_seed_keypair(public_key, secret, seed);
}

bool su_ed25519_secret_check(const uint8_t secret[SU_ED25519_SECRET_BYTES])
{
    uint8_t public_key[SU_ED25519_PUBLIC_BYTES], whole[SU_ED25519_SECRET_BYTES];

    su_ed25519_from_seed(secret, public_key, whole);
    bool same = su_equal(whole, secret, sizeof whole);
    sodium_memzero(whole, sizeof whole);
    return same;
}

void su_ed25519_sign(const uint8_t secret[SU_ED25519_SECRET_BYTES], const void *message, size_t n,
                     uint8_t sig[SU_ED25519_SIG_BYTES])
{
    (void)crypto_sign_detached(sig, NULL, message, n, secret);
}

/* libsodium compares the encoding of [S]B - [k]A with R, which also refuses an R that is not a
   canonical point; it tests S, and the order of A and R, first. */
bool su_ed25519_verify(const uint8_t public_key[SU_ED25519_PUBLIC_BYTES], const void *message,
                       size_t n, const uint8_t sig[SU_ED25519_SIG_BYTES])
{
    return crypto_sign_verify_detached(sig, message, n, public_key) == 0;
}

struct batch {
    struct su_ed25519_item *items;
    atomic_size_t good;
};

static void verify_one(void *ctx, size_t i)
{
    struct batch *b = ctx;
    struct su_ed25519_item *it = &b->items[i];

    it->ok = su_ed25519_verify(it->public_key, it->message, it->n, it->sig);
    if (it->ok)
        (void)atomic_fetch_add_explicit(&b->good, 1, memory_order_relaxed);
}

size_t su_ed25519_verify_all(struct su_jobs *jobs, struct su_ed25519_item *items, size_t n)
{
    struct batch b = {.items = items};

    if (jobs) {
        su_jobs_run(jobs, n, verify_one, &b);
    } else {
        for (size_t i = 0; i < n; i++)
            verify_one(&b, i);
    }
    return atomic_load(&b.good);
}
