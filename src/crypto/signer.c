// SPDX-License-Identifier: MIT
#include "crypto/crypto.h"

#include <string.h>

enum su_code su_signer_sign(const struct su_signer *s, const void *message, size_t n,
                            uint8_t sig[SU_ED25519_SIG_BYTES], struct su_err *e)
{
    enum su_code c = s->sign(s->ctx, message, n, sig, e);

    if (!c && !su_ed25519_verify(s->public_key, message, n, sig))
        c = su_fail(e, SU_EINTERNAL, "signer", "the signature does not verify under its own key");
    return c;
}

static enum su_code memory_sign(void *ctx, const void *message, size_t n,
                                uint8_t sig[SU_ED25519_SIG_BYTES], struct su_err *e)
{
    (void)e;
    su_ed25519_sign(su_secret_data(ctx), message, n, sig);
    return SU_OK;
}

static void memory_fini(void *ctx)
{
    su_secret_free(ctx);
}

enum su_code su_signer_init_memory(struct su_signer *s,
                                   const uint8_t secret[SU_ED25519_SECRET_BYTES], struct su_err *e)
{
    struct su_secret *copy = NULL;

    memset(s, 0, sizeof *s);
    if (!su_ed25519_secret_check(secret))
        return su_fail(e, SU_EFORMAT, "key", "its public half does not belong to its secret half");
    enum su_code c = su_secret_new(SU_ED25519_SECRET_BYTES, &copy, e);
    if (c)
        return c;
    memcpy(su_secret_data(copy), secret, SU_ED25519_SECRET_BYTES);
    memcpy(s->public_key, secret + SU_ED25519_SEED_BYTES, sizeof s->public_key);
    s->sign = memory_sign;
    s->fini = memory_fini;
    s->ctx = copy;
    return SU_OK;
}

void su_signer_fini(struct su_signer *s)
{
    if (s->fini)
        s->fini(s->ctx);
    memset(s, 0, sizeof *s);
}
