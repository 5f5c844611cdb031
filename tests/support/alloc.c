// SPDX-License-Identifier: MIT
#include "support/alloc.h"

#include <errno.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||                         \
    __has_feature(memory_sanitizer)
#define SANITIZED 1
#endif
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#endif

#if defined(__GLIBC__) && !defined(SANITIZED)

extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t n);
extern void __libc_free(void *p);

static atomic_size_t fail_lo = 1, fail_hi = 0;
static atomic_llong held, start, peak;

static bool refused(size_t n)
{
    if (n < atomic_load(&fail_lo) || n > atomic_load(&fail_hi))
        return false;
    errno = ENOMEM;
    return true;
}

static void *taken(void *p)
{
    if (p) {
        long long bytes = (long long)malloc_usable_size(p);
        long long now = atomic_fetch_add(&held, bytes) + bytes;
        if (now > atomic_load(&peak))
            atomic_store(&peak, now);
    }
    return p;
}

static void given_back(void *p)
{
    if (p)
        atomic_fetch_sub(&held, (long long)malloc_usable_size(p));
}

void *malloc(size_t n)
{
    return refused(n) ? NULL : taken(__libc_malloc(n));
}

void *calloc(size_t n, size_t size)
{
    return size && n <= SIZE_MAX / size && refused(n * size) ? NULL : taken(__libc_calloc(n, size));
}

void *realloc(void *p, size_t n)
{
    if (refused(n))
        return NULL;
    long long before = p ? (long long)malloc_usable_size(p) : 0;
    void *q = __libc_realloc(p, n);
    if (q || n == 0)
        atomic_fetch_sub(&held, before);
    return taken(q);
}

void free(void *p)
{
    given_back(p);
    __libc_free(p);
}

bool su_alloc_watched(void)
{
    return true;
}

void su_alloc_fail(size_t lo, size_t hi)
{
    atomic_store(&fail_lo, lo);
    atomic_store(&fail_hi, hi);
}

void su_alloc_peak_start(void)
{
    atomic_store(&start, atomic_load(&held));
    atomic_store(&peak, atomic_load(&held));
}

size_t su_alloc_peak(void)
{
    return (size_t)(atomic_load(&peak) - atomic_load(&start));
}

#else

bool su_alloc_watched(void)
{
    return false;
}

void su_alloc_fail(size_t lo, size_t hi)
{
    (void)lo;
    (void)hi;
}

void su_alloc_peak_start(void)
{
}

size_t su_alloc_peak(void)
{
    return 0;
}

#endif

void su_alloc_fail_none(void)
{
    su_alloc_fail(1, 0);
}
