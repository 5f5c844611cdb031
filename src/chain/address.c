// SPDX-License-Identifier: MIT
#include "chain_priv.h"

#include <string.h>

enum { SEED_MAX_BYTES = 32 };
static const char marker[] = "ProgramDerivedAddress";

static enum su_code parse(const char *text, const char *at, uint8_t *out, size_t want,
                          const char *what, struct su_err *e)
{
    uint8_t bytes[64];
    size_t n;

    if (!su_base58_decode(text, bytes, want, &n) || n != want)
        return su_fail(e, SU_EINVAL, at, "'%.100s' is no %s (base58 of %zu bytes)", text, what,
                       want);
    memcpy(out, bytes, want);
    return SU_OK;
}

enum su_code su_chain_key_parse(const char *text, const char *at, uint8_t key[32], struct su_err *e)
{
    return parse(text, at, key, 32, "address", e);
}

const char *su_chain_key_text(const uint8_t key[32], char out[SU_CHAIN_TEXT])
{
    (void)su_base58_encode(key, 32, out, SU_CHAIN_TEXT);
    return out;
}

enum su_code su_chain_sig_parse(const char *text, const char *at, uint8_t sig[64], struct su_err *e)
{
    return parse(text, at, sig, 64, "signature", e);
}

const char *su_chain_sig_text(const uint8_t sig[64], char out[SU_CHAIN_SIG_TEXT])
{
    (void)su_base58_encode(sig, 64, out, SU_CHAIN_SIG_TEXT);
    return out;
}

bool su_chain_find_address(const struct su_seeds *seeds, const uint8_t program[32], uint8_t key[32],
                           uint8_t *bump)
{
    struct su_sha256 prefix;

    su_sha256_init(&prefix);
    for (uint64_t i = 0; i < seeds->count; i++) {
        if (seeds->part[i].n > SEED_MAX_BYTES)
            return false;
        su_sha256_update(&prefix, seeds->part[i].p, seeds->part[i].n);
    }
    for (unsigned b = 255; b > 0; b--) {
        struct su_sha256 h = prefix;
        uint8_t byte = (uint8_t)b, address[32];

        su_sha256_update(&h, &byte, 1);
        su_sha256_update(&h, program, 32);
        su_sha256_update(&h, marker, sizeof marker - 1);
        su_sha256_final(&h, address);
        if (su_point_valid(address))
            continue;
        memcpy(key, address, 32);
        if (bump)
            *bump = byte;
        return true;
    }
    return false;
}

void su_chain_ata(const uint8_t owner[32], const uint8_t mint[32], uint8_t key[32])
{
    const struct su_seeds seeds = {.part = {{owner, 32}, {su_token_id, 32}, {mint, 32}},
                                   .count = 3};

    SU_ASSERT(su_chain_find_address(&seeds, su_ata_id, key, NULL));
}

const char *su_chain_cluster_url(const char *cluster)
{
    static const struct {
        const char *name, *url;
    } clusters[] = {
        {"m", "https://api.mainnet-beta.solana.com"},
        {"mainnet-beta", "https://api.mainnet-beta.solana.com"},
        {"d", "https://api.devnet.solana.com"},
        {"devnet", "https://api.devnet.solana.com"},
        {"t", "https://api.testnet.solana.com"},
        {"testnet", "https://api.testnet.solana.com"},
        {"l", "http://127.0.0.1:8899"},
        {"localhost", "http://127.0.0.1:8899"},
    };

    if (su_str_starts(cluster, "http://") || su_str_starts(cluster, "https://"))
        return cluster;
    for (size_t i = 0; i < SU_ARRAY_LEN(clusters); i++)
        if (strcmp(clusters[i].name, cluster) == 0)
            return clusters[i].url;
    return NULL;
}
