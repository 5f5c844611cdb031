// SPDX-License-Identifier: MIT
/* Addresses without a private key: sha256 of seeds, program and a marker, off the curve. */
#include "bank.h"
#include "crypto/crypto.h"

#include <string.h>

enum { SEEDS_MAX = 16, SEED_MAX_BYTES = 32 };
static const char marker[] = "ProgramDerivedAddress";

static bool hash_seeds(const struct su_ledger_seed *seeds, size_t n, struct su_sha256 *h)
{
    su_sha256_init(h);
    for (size_t i = 0; i < n; i++) {
        if (seeds[i].n > SEED_MAX_BYTES) {
            return false;
        }
        su_sha256_update(h, seeds[i].p, seeds[i].n);
    }
    return true;
}

static bool finish(struct su_sha256 h, const uint8_t program[32], uint8_t key[32])
{
    su_sha256_update(&h, program, 32);
    su_sha256_update(&h, marker, sizeof marker - 1);
    su_sha256_final(&h, key);
    return !su_point_valid(key);
}

bool su_ledger_make_address(const struct su_ledger_seed *seeds, size_t n, const uint8_t program[32],
                            uint8_t key[32])
{
    struct su_sha256 h;

    return n <= SEEDS_MAX && hash_seeds(seeds, n, &h) && finish(h, program, key);
}

bool su_ledger_find_address(const struct su_ledger_seed *seeds, size_t n, const uint8_t program[32],
                            uint8_t key[32], uint8_t *bump)
{
    struct su_sha256 prefix;

    if (n >= SEEDS_MAX || !hash_seeds(seeds, n, &prefix)) {
        return false;
    }
    for (unsigned b = 255; b > 0; b--) {
        struct su_sha256 h = prefix;

        *bump = (uint8_t)b;
        su_sha256_update(&h, bump, 1);
        if (finish(h, program, key)) {
            return true;
        }
    }
    return false;
}

bool su_ledger_address_with_seed(const uint8_t base[32], const void *seed, size_t n,
                                 const uint8_t owner[32], uint8_t key[32])
{
    struct su_sha256 h;

    if (n > SEED_MAX_BYTES ||
        memcmp(owner + 32 - (sizeof marker - 1), marker, sizeof marker - 1) == 0) {
        return false;
    }
    su_sha256_init(&h);
    su_sha256_update(&h, base, 32);
    su_sha256_update(&h, seed, n);
    su_sha256_update(&h, owner, 32);
    su_sha256_final(&h, key);
    return true;
}

void su_ledger_ata(const uint8_t owner[32], const uint8_t mint[32], uint8_t key[32])
{
    const struct su_ledger_seed seeds[] = {{owner, 32}, {su_ledger_token_id, 32}, {mint, 32}};
    uint8_t bump;

    SU_ASSERT(su_ledger_find_address(seeds, SU_ARRAY_LEN(seeds), su_ledger_ata_id, key, &bump));
}

const char *su_ledger_key_text(const uint8_t key[32], char out[SU_LEDGER_TEXT])
{
    su_base58_encode(key, 32, out, SU_LEDGER_TEXT);
    return out;
}
