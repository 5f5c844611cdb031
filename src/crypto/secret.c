// SPDX-License-Identifier: MIT
#include "crypto/crypto.h"

#include "crypto_priv.h"

#include <errno.h>
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <sys/random.h>

struct su_secret {
    uint8_t *data;
    size_t n;
    bool locked;
};

static void start(void)
{
    SU_ASSERT(sodium_init() >= 0); /* fails only without a working random generator */
}

void crypto_sodium_start(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    (void)pthread_once(&once, start);
}

void su_random(void *out, size_t n)
{
    uint8_t *p = out;

    while (n > 0) {
        ssize_t got = getrandom(p, n, 0);
        SU_ASSERT(got > 0 || errno == EINTR); /* else the kernel is older than Linux 3.17 */
        if (got > 0) {
            p += got;
            n -= (size_t)got;
        }
    }
}

bool su_equal(const void *a, const void *b, size_t n)
{
    return sodium_memcmp(a, b, n) == 0;
}

void su_wipe(void *p, size_t n)
{
    if (n > 0)
        sodium_memzero(p, n);
}

enum su_code su_secret_new(size_t n, struct su_secret **out, struct su_err *e)
{
    *out = NULL;
    if (n == 0 || n > SU_SECRET_MAX_BYTES)
        return su_fail(e, SU_EINVAL, "secret", "%zu bytes asked for, 1 to %u are possible", n,
                       SU_SECRET_MAX_BYTES);
    crypto_sodium_start();
    struct su_secret *s = su_alloc(sizeof *s);
    s->data = sodium_malloc(n);
    if (!s->data) {
        free(s);
        return su_fail(e, SU_ENOMEM, "secret", "no guarded memory for %zu bytes", n);
    }
    s->n = n;
    /* sodium_malloc locks too, and keeps silent about a refusal; locking twice counts once. */
    s->locked = sodium_mlock(s->data, n) == 0;
    sodium_memzero(s->data, n);
    *out = s;
    return SU_OK;
}

uint8_t *su_secret_data(struct su_secret *s)
{
    return s->data;
}

size_t su_secret_bytes(const struct su_secret *s)
{
    return s->n;
}

bool su_secret_locked(const struct su_secret *s)
{
    return s->locked;
}

void su_secret_free(struct su_secret *s)
{
    if (!s)
        return;
    sodium_free(s->data);
    free(s);
}
