// SPDX-License-Identifier: MIT
#ifndef SU_CRYPTO_PRIV_H
#define SU_CRYPTO_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One way of running the compression function over n consecutive blocks of 64 bytes. `usable` asks
   the processor. The files of other architectures are left out of the build. */
struct crypto_sha256_impl {
    const char *name;
    bool (*usable)(void);
    void (*blocks)(uint32_t h[8], const uint8_t *p, size_t n);
};

extern const struct crypto_sha256_impl crypto_sha256_shani;
extern const struct crypto_sha256_impl crypto_sha256_armv8;
extern const struct crypto_sha256_impl crypto_sha256_portable;

extern const uint32_t crypto_sha256_k[64]; /* FIPS 180-4 §4.2.2 */

/* libsodium's own start (page size, canary, the best code for this processor), once. */
void crypto_sodium_start(void);

#endif
