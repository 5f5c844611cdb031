// SPDX-License-Identifier: MIT
#include "base/base.h"

#include <stdlib.h>
#include <string.h>

#define MEM_ALIGN 64
#define ARENA_ALIGN 16
#define ARENA_BLOCK_MIN 4096
#define ARENA_BLOCK_MAX ((size_t)1 << 20)

struct su_arena_block {
    struct su_arena_block *next;
    size_t cap, used;
    _Alignas(ARENA_ALIGN) unsigned char data[];
};

static void *must(void *p, int line)
{
    if (!p)
        su_assert_fail("out of memory", __FILE__, line);
    return p;
}

void *su_alloc(size_t bytes)
{
    return must(calloc(1, bytes ? bytes : 1), __LINE__);
}

void *su_realloc(void *p, size_t bytes)
{
    return must(realloc(p, bytes ? bytes : 1), __LINE__);
}

char *su_strdup(const char *s)
{
    return must(strdup(s), __LINE__);
}

/* The product when it is a size an object may have, else 0. */
static size_t product(size_t n, size_t size)
{
    uint64_t bytes = 0;

    if (!su_mul_u64(n, size, &bytes) || bytes > (uint64_t)PTRDIFF_MAX - MEM_ALIGN)
        return 0;
    return bytes ? (size_t)bytes : 1;
}

void *su_try_alloc(size_t n, size_t size)
{
    size_t bytes = product(n, size);

    return bytes ? calloc(1, bytes) : NULL;
}

void *su_try_alloc_aligned(size_t n, size_t size)
{
    size_t bytes = product(n, size);

    if (!bytes)
        return NULL;
    bytes = (size_t)su_align_up(bytes, MEM_ALIGN);
    void *p = aligned_alloc(MEM_ALIGN, bytes);
    if (p)
        memset(p, 0, bytes);
    return p;
}

bool su_add_u64(uint64_t a, uint64_t b, uint64_t *out)
{
    return !__builtin_add_overflow(a, b, out);
}

bool su_mul_u64(uint64_t a, uint64_t b, uint64_t *out)
{
    return !__builtin_mul_overflow(a, b, out);
}

uint64_t su_align_up(uint64_t v, uint64_t align)
{
    SU_ASSERT(align && (align & (align - 1)) == 0);
    return (v + align - 1) & ~(align - 1);
}

void su_arena_init(struct su_arena *a, size_t limit_bytes)
{
    *a = (struct su_arena){.limit = limit_bytes};
}

static struct su_arena_block *arena_grow(struct su_arena *a, size_t bytes)
{
    size_t cap = a->head ? SU_MIN(2 * a->head->cap, ARENA_BLOCK_MAX) : ARENA_BLOCK_MIN;

    cap = SU_MAX(cap, bytes);
    struct su_arena_block *b = calloc(1, sizeof *b + cap);
    if (!b)
        return NULL;
    b->cap = cap;
    b->next = a->head;
    a->head = b;
    return b;
}

void *su_arena_alloc(struct su_arena *a, size_t bytes)
{
    if (bytes > (size_t)PTRDIFF_MAX - ARENA_BLOCK_MAX)
        return NULL;
    bytes = (size_t)su_align_up(bytes ? bytes : 1, ARENA_ALIGN);
    if (a->limit && (a->used > a->limit || bytes > a->limit - a->used))
        return NULL;
    struct su_arena_block *b = a->head;
    if (!b || b->cap - b->used < bytes) {
        b = arena_grow(a, bytes);
        if (!b)
            return NULL;
    }
    void *p = b->data + b->used;
    b->used += bytes;
    a->used += bytes;
    return p;
}

char *su_arena_strndup(struct su_arena *a, const char *s, size_t n)
{
    n = strnlen(s, n);
    char *p = su_arena_alloc(a, n + 1);
    if (p)
        memcpy(p, s, n);
    return p;
}

void su_arena_fini(struct su_arena *a)
{
    struct su_arena_block *b = a->head;

    while (b) {
        struct su_arena_block *next = b->next;
        free(b);
        b = next;
    }
    su_arena_init(a, a->limit);
}
