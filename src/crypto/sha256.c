// SPDX-License-Identifier: MIT
#include "crypto/crypto.h"

#include "crypto_priv.h"

#include <stdatomic.h>
#include <string.h>

_Alignas(64) const uint32_t crypto_sha256_k[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

/* Best first; the last one is always usable. */
static const struct crypto_sha256_impl *const impls[] = {
#if defined(__x86_64__)
    &crypto_sha256_shani,
#elif defined(__aarch64__)
    &crypto_sha256_armv8,
#endif
    &crypto_sha256_portable,
};

/* NULL until the first use; threads that race here choose the same one. */
static const struct crypto_sha256_impl *_Atomic current;

static const struct crypto_sha256_impl *choose(void)
{
    const struct crypto_sha256_impl *impl = atomic_load_explicit(&current, memory_order_relaxed);

    for (size_t i = 0; !impl; i++) {
        if (impls[i]->usable()) {
            impl = impls[i];
            atomic_store_explicit(&current, impl, memory_order_relaxed);
        }
    }
    return impl;
}

const char *su_sha256_impl(void)
{
    return choose()->name;
}

bool su_sha256_use(const char *impl)
{
    if (!impl) {
        atomic_store(&current, NULL);
        return true;
    }
    for (size_t i = 0; i < SU_ARRAY_LEN(impls); i++) {
        if (strcmp(impls[i]->name, impl) == 0 && impls[i]->usable()) {
            atomic_store(&current, impls[i]);
            return true;
        }
    }
    return false;
}

void su_sha256_init(struct su_sha256 *s)
{
    static const uint32_t start[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

    memcpy(s->h, start, sizeof start);
    s->total_bytes = 0;
}

void su_sha256_update(struct su_sha256 *s, const void *data, size_t n)
{
    const struct crypto_sha256_impl *impl = choose();
    const uint8_t *p = data;
    size_t held = s->total_bytes % sizeof s->block;

    if (n == 0)
        return;
    s->total_bytes += n;
    if (held > 0) {
        size_t k = SU_MIN(n, sizeof s->block - held);
        memcpy(s->block + held, p, k);
        p += k;
        n -= k;
        if (held + k < sizeof s->block)
            return;
        impl->blocks(s->h, s->block, 1);
    }
    size_t whole = n / sizeof s->block;
    if (whole > 0)
        impl->blocks(s->h, p, whole);
    n -= whole * sizeof s->block;
    if (n > 0)
        memcpy(s->block, p + whole * sizeof s->block, n);
}

static void put_be32(uint8_t *p, uint32_t v)
{
    for (unsigned i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> (24 - 8 * i));
}

void su_sha256_final(struct su_sha256 *s, uint8_t out[SU_SHA256_BYTES])
{
    uint64_t bits = s->total_bytes * 8;
    size_t held = s->total_bytes % sizeof s->block;
    uint8_t tail[2 * sizeof s->block] = {0};
    size_t blocks = held < 56 ? 1 : 2;

    memcpy(tail, s->block, held);
    tail[held] = 0x80;
    put_be32(tail + 64 * blocks - 8, (uint32_t)(bits >> 32));
    put_be32(tail + 64 * blocks - 4, (uint32_t)bits);
    choose()->blocks(s->h, tail, blocks);
    for (size_t i = 0; i < 8; i++)
        put_be32(out + 4 * i, s->h[i]);
}

void su_sha256(const void *data, size_t n, uint8_t out[SU_SHA256_BYTES])
{
    struct su_sha256 s;

    su_sha256_init(&s);
    su_sha256_update(&s, data, n);
    su_sha256_final(&s, out);
}
