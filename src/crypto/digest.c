// SPDX-License-Identifier: MIT
#include "crypto/crypto.h"

#include <sodium.h>
#include <string.h>

void su_sha512(const void *data, size_t n, uint8_t out[SU_SHA512_BYTES])
{
    (void)crypto_hash_sha512(out, data, n);
}

void su_hmac_sha256(const void *key, size_t key_n, const void *data, size_t n,
                    uint8_t out[SU_SHA256_BYTES])
{
    struct su_sha256 s;
    uint8_t pad[sizeof s.block] = {0};

    if (key_n > sizeof pad)
        su_sha256(key, key_n, pad);
    else if (key_n > 0)
        memcpy(pad, key, key_n);
    for (size_t i = 0; i < sizeof pad; i++)
        pad[i] ^= 0x36;
    su_sha256_init(&s);
    su_sha256_update(&s, pad, sizeof pad);
    su_sha256_update(&s, data, n);
    su_sha256_final(&s, out);
    for (size_t i = 0; i < sizeof pad; i++)
        pad[i] ^= 0x36 ^ 0x5c;
    su_sha256_init(&s);
    su_sha256_update(&s, pad, sizeof pad);
    su_sha256_update(&s, out, SU_SHA256_BYTES);
    su_sha256_final(&s, out);
    sodium_memzero(pad, sizeof pad);
    sodium_memzero(&s, sizeof s);
}
