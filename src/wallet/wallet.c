// SPDX-License-Identifier: MIT
/* Wallets: a key that is in memory for a while, and one intent at a time. Two locks: `signing` is
   held by whoever signs, through the passphrase question; `lock` guards the fields, shortly, so
   that asking whether a wallet is unlocked never waits for a person. */
#include "wallet_priv.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { TRIES = 3 };

struct su_wallet {
    struct su_signer signer, wire_signer;
    struct su_wallet_options options;
    char *path;
    char address[SU_WALLET_TEXT];
    pthread_mutex_t signing, lock;
    /* Guarded by lock. */
    pthread_cond_t changed;
    struct su_secret *key;
    uint64_t wipe_at_ns; /* of key; 0 = never */
    struct wallet_intent intent;
    uint64_t intent_until_ns;
    bool closing;
    pthread_t wiper;
    bool has_wiper;
};

static uint64_t ms_to_ns(uint32_t ms)
{
    return (uint64_t)ms * 1000000u;
}

/* ---- the unlock window ----------------------------------------------------------------------- */

static void forget_key(struct su_wallet *w)
{
    su_secret_free(w->key); /* wipes */
    w->key = NULL;
}

/* Wipes the key when its time is over, whether or not anybody calls. */
static void *wiper(void *ctx)
{
    struct su_wallet *w = ctx;

    (void)pthread_mutex_lock(&w->lock);
    while (!w->closing) {
        if (!w->key) {
            (void)pthread_cond_wait(&w->changed, &w->lock);
            continue;
        }
        if (su_clock_mono_ns() >= w->wipe_at_ns) {
            forget_key(w);
            continue;
        }
        const struct timespec until = {(time_t)(w->wipe_at_ns / 1000000000u),
                                       (long)(w->wipe_at_ns % 1000000000u)};
        (void)pthread_cond_timedwait(&w->changed, &w->lock, &until);
    }
    (void)pthread_mutex_unlock(&w->lock);
    return NULL;
}

/* Takes key. */
static void keep_key(struct su_wallet *w, struct su_secret *key)
{
    (void)pthread_mutex_lock(&w->lock);
    forget_key(w);
    w->key = key;
    if (w->options.unlock_ms > 0)
        w->wipe_at_ns = su_clock_mono_ns() + ms_to_ns(w->options.unlock_ms);
    (void)pthread_cond_signal(&w->changed);
    (void)pthread_mutex_unlock(&w->lock);
}

/* ---- reading the key ------------------------------------------------------------------------- */

static enum su_code ask(const struct su_wallet *w, struct su_secret *text, struct su_secret **key,
                        struct su_err *e)
{
    struct su_secret *passphrase;
    enum su_code c = su_secret_new(SU_WALLET_PASSPHRASE_MAX, &passphrase, e);

    if (c)
        return c;
    for (unsigned i = 0; i < TRIES; i++) {
        size_t n = 0;
        char *room = (char *)su_secret_data(passphrase);
        c = w->options.passphrase(w->options.ctx, w->path, i > 0, room, SU_WALLET_PASSPHRASE_MAX,
                                  &n, e);
        if (!c && n > SU_WALLET_PASSPHRASE_MAX)
            c = su_fail(e, SU_EINVAL, "passphrase", "it has more than %u bytes",
                        SU_WALLET_PASSPHRASE_MAX);
        if (c)
            break;
        c = wallet_text_open(text, w->path, room, n, key, e);
        if (c != SU_EACCES)
            break;
    }
    su_secret_free(passphrase);
    return c;
}

static enum su_code read_key(const struct su_wallet *w, struct su_secret **key, struct su_err *e)
{
    struct su_secret *text;

    *key = NULL;
    enum su_code c = wallet_file_read(w->path, &text, e);
    if (c)
        return c;
    if (wallet_is_sealed(text) && w->options.passphrase)
        c = ask(w, text, key, e);
    else
        c = wallet_text_open(text, w->path, NULL, 0, key, e);
    su_secret_free(text);
    return c;
}

/* Makes sure the key is in memory. Assumes `signing` is held. */
static enum su_code unlock(struct su_wallet *w, struct su_err *e)
{
    struct su_secret *key;

    if (su_wallet_unlocked(w))
        return SU_OK;
    enum su_code c = read_key(w, &key, e);
    if (c)
        return c;
    if (memcmp(su_secret_data(key) + SU_ED25519_SEED_BYTES, w->signer.public_key, 32) != 0) {
        su_secret_free(key);
        return su_fail(e, SU_EACCES, w->path,
                       "the file holds another key than %s, which was opened", w->address);
    }
    keep_key(w, key);
    return SU_OK;
}

/* ---- signing --------------------------------------------------------------------------------- */

/* Assumes lock is held. */
static enum su_code permit(struct su_wallet *w, const void *message, size_t n, struct su_err *e)
{
    struct su_tx_parsed *p;
    bool signs = false;

    if (w->intent.set && su_clock_mono_ns() >= w->intent_until_ns) {
        wallet_intent_clear(&w->intent);
        return su_fail(e, SU_EACCES, w->address, "what was agreed has expired: confirm it again");
    }
    if (!w->intent.set)
        return su_fail(e, SU_EACCES, w->address, "nothing was agreed that this wallet may sign");
    enum su_code c = su_wallet_message_matches(&w->intent.intent, message, n, e);
    if (c)
        return c;
    p = su_alloc(sizeof *p);
    if (su_tx_parse_message(message, n, p) == SU_TX_OK)
        for (unsigned i = 0; i < p->signers; i++)
            signs = signs || memcmp(p->keys + (size_t)32 * i, w->signer.public_key, 32) == 0;
    free(p);
    if (!signs)
        return su_fail(e, SU_EACCES, w->address,
                       "the transaction needs no signature of this wallet");
    return SU_OK;
}

static enum su_code permit_locked(struct su_wallet *w, const void *message, size_t n,
                                  struct su_err *e)
{
    (void)pthread_mutex_lock(&w->lock);
    enum su_code c = permit(w, message, n, e);
    (void)pthread_mutex_unlock(&w->lock);
    return c;
}

/* Signs if the key is still there and the intent is still the same; SU_EBUSY: the key went. */
static enum su_code sign_now(struct su_wallet *w, const void *message, size_t n,
                             uint8_t sig[SU_ED25519_SIG_BYTES], struct su_err *e)
{
    (void)pthread_mutex_lock(&w->lock);
    enum su_code c = permit(w, message, n, e);
    if (!c && !w->key)
        c = su_fail(e, SU_EBUSY, w->address, "the wallet was locked before it could sign");
    if (!c) {
        su_ed25519_sign(su_secret_data(w->key), message, n, sig);
        wallet_intent_clear(&w->intent);
    }
    (void)pthread_mutex_unlock(&w->lock);
    return c;
}

static enum su_code wallet_sign(void *ctx, const void *message, size_t n,
                                uint8_t sig[SU_ED25519_SIG_BYTES], struct su_err *e)
{
    struct su_wallet *w = ctx;

    (void)pthread_mutex_lock(&w->signing);
    enum su_code c = permit_locked(w, message, n, e);
    if (!c)
        c = unlock(w, e);
    if (!c)
        c = sign_now(w, message, n, sig, e);
    (void)pthread_mutex_unlock(&w->signing);
    return c;
}

static enum su_code wire_sign(void *ctx, const void *message, size_t n,
                              uint8_t sig[SU_ED25519_SIG_BYTES], struct su_err *e)
{
    struct su_wallet *w = ctx;

    if (n != SU_WALLET_WIRE_BYTES ||
        memcmp(message, SU_WALLET_WIRE_DOMAIN, sizeof SU_WALLET_WIRE_DOMAIN - 1) != 0)
        return su_fail(e, SU_EACCES, w->address,
                       "only heads of wire frames are signed without being agreed to");
    (void)pthread_mutex_lock(&w->signing);
    enum su_code c = SU_EBUSY;
    for (unsigned i = 0; i < TRIES && c == SU_EBUSY; i++) {
        c = unlock(w, e);
        (void)pthread_mutex_lock(&w->lock);
        if (!c && !w->key)
            c = su_fail(e, SU_EBUSY, w->address, "the wallet was locked before it could sign");
        if (!c)
            su_ed25519_sign(su_secret_data(w->key), message, n, sig);
        (void)pthread_mutex_unlock(&w->lock);
    }
    (void)pthread_mutex_unlock(&w->signing);
    return c;
}

/* ---- life ------------------------------------------------------------------------------------ */

static void init_locks(struct su_wallet *w)
{
    pthread_condattr_t attr;

    (void)pthread_mutex_init(&w->signing, NULL);
    (void)pthread_mutex_init(&w->lock, NULL);
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&w->changed, &attr);
    (void)pthread_condattr_destroy(&attr);
}

static enum su_code first_read(struct su_wallet *w, struct su_err *e)
{
    struct su_secret *key;
    enum su_code c = read_key(w, &key, e);

    if (c)
        return c;
    memcpy(w->signer.public_key, su_secret_data(key) + SU_ED25519_SEED_BYTES, 32);
    memcpy(w->wire_signer.public_key, w->signer.public_key, 32);
    (void)su_base58_encode(w->signer.public_key, 32, w->address, sizeof w->address);
    keep_key(w, key);
    return SU_OK;
}

enum su_code su_wallet_open(const struct su_wallet_options *o, struct su_wallet **out,
                            struct su_err *e)
{
    *out = NULL;
    struct su_wallet *w = su_alloc(sizeof *w);
    w->options = *o;
    w->path = su_strdup(o->path);
    w->options.path = w->path;
    w->signer.sign = wallet_sign;
    w->signer.ctx = w;
    w->wire_signer.sign = wire_sign;
    w->wire_signer.ctx = w;
    init_locks(w);
    enum su_code c = first_read(w, e);
    if (!c && o->unlock_ms > 0) {
        int error = pthread_create(&w->wiper, NULL, wiper, w);
        w->has_wiper = error == 0;
        if (error)
            c = su_fail_sys(e, error, "wallet", "cannot start the thread that locks it");
    }
    if (c) {
        su_wallet_close(w);
        return c;
    }
    *out = w;
    return SU_OK;
}

void su_wallet_close(struct su_wallet *w)
{
    if (!w)
        return;
    (void)pthread_mutex_lock(&w->lock);
    w->closing = true;
    (void)pthread_cond_signal(&w->changed);
    (void)pthread_mutex_unlock(&w->lock);
    if (w->has_wiper)
        (void)pthread_join(w->wiper, NULL);
    forget_key(w);
    wallet_intent_clear(&w->intent);
    (void)pthread_cond_destroy(&w->changed);
    (void)pthread_mutex_destroy(&w->lock);
    (void)pthread_mutex_destroy(&w->signing);
    free(w->path);
    free(w);
}

const uint8_t *su_wallet_public_key(const struct su_wallet *w)
{
    return w->signer.public_key;
}

const char *su_wallet_address(const struct su_wallet *w)
{
    return w->address;
}

const char *su_wallet_path(const struct su_wallet *w)
{
    return w->path;
}

void su_wallet_lock(struct su_wallet *w)
{
    (void)pthread_mutex_lock(&w->lock);
    forget_key(w);
    (void)pthread_mutex_unlock(&w->lock);
}

bool su_wallet_unlocked(struct su_wallet *w)
{
    (void)pthread_mutex_lock(&w->lock);
    if (w->key && w->options.unlock_ms > 0 && su_clock_mono_ns() >= w->wipe_at_ns)
        forget_key(w);
    bool unlocked = w->key != NULL;
    (void)pthread_mutex_unlock(&w->lock);
    return unlocked;
}

enum su_code su_wallet_intend(struct su_wallet *w, const struct su_intent *i, struct su_err *e)
{
    uint32_t valid_ms = i->valid_ms ? i->valid_ms : SU_WALLET_INTENT_MS;

    (void)pthread_mutex_lock(&w->lock);
    enum su_code c = wallet_intent_copy(&w->intent, i, e);
    w->intent_until_ns = su_clock_mono_ns() + ms_to_ns(valid_ms);
    (void)pthread_mutex_unlock(&w->lock);
    return c;
}

void su_wallet_forget(struct su_wallet *w)
{
    (void)pthread_mutex_lock(&w->lock);
    wallet_intent_clear(&w->intent);
    (void)pthread_mutex_unlock(&w->lock);
}

const struct su_signer *su_wallet_signer(struct su_wallet *w)
{
    return &w->signer;
}

const struct su_signer *su_wallet_wire_signer(struct su_wallet *w)
{
    return &w->wire_signer;
}
