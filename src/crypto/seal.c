// SPDX-License-Identifier: MIT
#include "crypto/crypto.h"

#include "crypto_priv.h"

#include <sodium.h>
#include <string.h>

enum {
    AT_KDF = 8,
    AT_PASSES = 12,
    AT_MEMORY = 16,
    AT_SALT = 24,
    AT_NONCE = 40,
    HEADER_BYTES = 64,
    KDF_ARGON2ID13 = 1,
};

_Static_assert(HEADER_BYTES + crypto_secretbox_MACBYTES == SU_SEAL_OVERHEAD_BYTES, "layout");
_Static_assert(AT_SALT + crypto_pwhash_argon2id_SALTBYTES == AT_NONCE, "layout");
_Static_assert(AT_NONCE + crypto_secretbox_NONCEBYTES == HEADER_BYTES, "layout");

static const char magic[] = "SUSEAL1\n";

const struct su_seal_cost su_seal_cost_default = {.passes = 3, .memory_bytes = 256u << 20};

static bool cost_valid(const struct su_seal_cost *c)
{
    return c->passes >= 1 && c->passes <= SU_SEAL_PASSES_MAX &&
           c->memory_bytes >= SU_SEAL_MEMORY_MIN_BYTES &&
           c->memory_bytes <= SU_SEAL_MEMORY_MAX_BYTES && c->memory_bytes % 1024 == 0;
}

/* The cost in the header was checked. */
static enum su_code key_derive(const void *passphrase, size_t passphrase_n,
                               const uint8_t header[HEADER_BYTES],
                               uint8_t key[crypto_secretbox_KEYBYTES], struct su_err *e)
{
    uint8_t stretched[32];

    crypto_sodium_start();
    if (crypto_pwhash_argon2id(stretched, sizeof stretched, passphrase ? passphrase : "",
                               passphrase_n, header + AT_SALT, su_le32(header + AT_PASSES),
                               (size_t)su_le64(header + AT_MEMORY),
                               crypto_pwhash_argon2id_ALG_ARGON2ID13) != 0)
        return su_fail(e, SU_ENOMEM, "passphrase", "no memory for argon2id, which needs %llu KiB",
                       (unsigned long long)su_le64(header + AT_MEMORY) / 1024);
    su_hmac_sha256(stretched, sizeof stretched, header, HEADER_BYTES, key);
    sodium_memzero(stretched, sizeof stretched);
    return SU_OK;
}

enum su_code su_seal(const void *passphrase, size_t passphrase_n, const void *data, size_t n,
                     const struct su_seal_cost *cost, struct su_buf *out, struct su_err *e)
{
    uint8_t header[HEADER_BYTES], key[crypto_secretbox_KEYBYTES];

    if (n == 0 || n > SU_SECRET_MAX_BYTES)
        return su_fail(e, SU_EINVAL, "seal", "%zu bytes to seal, 1 to %u are possible", n,
                       SU_SECRET_MAX_BYTES);
    if (!cost_valid(cost))
        return su_fail(e, SU_EINVAL, "seal", "%u passes over %llu bytes are outside the limits",
                       cost->passes, (unsigned long long)cost->memory_bytes);
    memcpy(header, magic, AT_KDF);
    su_put_le32(header + AT_KDF, KDF_ARGON2ID13);
    su_put_le32(header + AT_PASSES, cost->passes);
    su_put_le64(header + AT_MEMORY, cost->memory_bytes);
    su_random(header + AT_SALT, HEADER_BYTES - AT_SALT);
    enum su_code c = key_derive(passphrase, passphrase_n, header, key, e);
    if (c)
        return c;
    su_buf_put(out, header, sizeof header);
    if (su_buf_reserve(out, crypto_secretbox_MACBYTES + n)) {
        (void)crypto_secretbox_easy(out->data + out->len, data, n, header + AT_NONCE, key);
        out->len += crypto_secretbox_MACBYTES + n;
        out->data[out->len] = 0;
    }
    sodium_memzero(key, sizeof key);
    return su_buf_check(out, "sealed text", e);
}

static enum su_code header_check(const uint8_t *p, size_t n, struct su_err *e)
{
    if (memcmp(p, magic, SU_MIN(sizeof magic - 1, n)) != 0)
        return su_fail(e, SU_EFORMAT, "sealed text", "does not begin with SUSEAL1");
    if (n <= SU_SEAL_OVERHEAD_BYTES)
        return su_fail(e, SU_ETRUNC, "sealed text", "%zu bytes, the least is %d", n,
                       SU_SEAL_OVERHEAD_BYTES + 1);
    if (n - SU_SEAL_OVERHEAD_BYTES > SU_SECRET_MAX_BYTES)
        return su_fail(e, SU_ELIMIT, "sealed text", "%zu bytes, the most is %u", n,
                       SU_SECRET_MAX_BYTES + SU_SEAL_OVERHEAD_BYTES);
    if (su_le32(p + AT_KDF) != KDF_ARGON2ID13)
        return su_fail(e, SU_EUNSUPPORTED, "sealed text", "key derivation %u is not known",
                       su_le32(p + AT_KDF));
    struct su_seal_cost cost = {su_le32(p + AT_PASSES), su_le64(p + AT_MEMORY)};
    if (!cost_valid(&cost))
        return su_fail(e, SU_ELIMIT, "sealed text",
                       "asks for %u passes over %llu bytes; allowed: 1 to %d, %u to %u by 1024",
                       cost.passes, (unsigned long long)cost.memory_bytes, SU_SEAL_PASSES_MAX,
                       SU_SEAL_MEMORY_MIN_BYTES, SU_SEAL_MEMORY_MAX_BYTES);
    return SU_OK;
}

enum su_code su_unseal(const void *passphrase, size_t passphrase_n, const void *sealed, size_t n,
                       struct su_secret **out, struct su_err *e)
{
    const uint8_t *p = sealed;
    uint8_t key[crypto_secretbox_KEYBYTES];
    struct su_secret *s = NULL;

    *out = NULL;
    enum su_code c = header_check(p, n, e);
    if (!c)
        c = su_secret_new(n - SU_SEAL_OVERHEAD_BYTES, &s, e);
    if (!c)
        c = key_derive(passphrase, passphrase_n, p, key, e);
    if (c) {
        su_secret_free(s);
        return c;
    }
    int bad = crypto_secretbox_open_easy(su_secret_data(s), p + HEADER_BYTES, n - HEADER_BYTES,
                                         p + AT_NONCE, key);
    sodium_memzero(key, sizeof key);
    if (bad) {
        su_secret_free(s);
        return su_fail(e, SU_EACCES, "sealed text", "wrong passphrase, or the text was altered");
    }
    *out = s;
    return SU_OK;
}
