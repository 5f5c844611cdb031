// SPDX-License-Identifier: MIT
#include "bank.h"
#include "crypto/crypto.h"

#include <stdlib.h>
#include <string.h>

enum { CAP_MIN = 64 };

void su_ledger_map_init(struct su_ledger_map *m, size_t key_bytes)
{
    *m = (struct su_ledger_map){.key_bytes = key_bytes};
    su_random(m->salt, sizeof m->salt);
}

void su_ledger_map_fini(struct su_ledger_map *m)
{
    free(m->slots);
    m->slots = NULL;
    m->cap = m->n = 0;
}

void su_ledger_map_clear(struct su_ledger_map *m)
{
    if (m->n != 0) {
        memset(m->slots, 0, m->cap * sizeof *m->slots);
        m->n = 0;
    }
}

static size_t home(const struct su_ledger_map *m, const void *key)
{
    uint64_t h = 0;

    for (size_t i = 0; i < m->key_bytes / 8; i++) {
        uint64_t w = su_le64((const uint8_t *)key + 8 * i) ^ m->salt[i];

        h = (h ^ w) * 0x9e3779b97f4a7c15u;
        h ^= h >> 29;
    }
    return (size_t)(h ^ h >> 32) & (m->cap - 1);
}

/* The slot of the key, or the empty one where it belongs. Assumes cap != 0. */
static size_t find(const struct su_ledger_map *m, const void *key)
{
    size_t i = home(m, key);

    while (m->slots[i] != NULL && memcmp(m->slots[i], key, m->key_bytes) != 0) {
        i = (i + 1) & (m->cap - 1);
    }
    return i;
}

void *su_ledger_map_get(const struct su_ledger_map *m, const void *key)
{
    return m->cap == 0 ? NULL : m->slots[find(m, key)];
}

bool su_ledger_map_reserve(struct su_ledger_map *m, size_t n)
{
    struct su_ledger_map old = *m;
    size_t cap = old.cap != 0 ? old.cap : CAP_MIN;

    while ((m->n + n) * 3 > cap * 2) {
        cap *= 2;
    }
    if (cap == old.cap) {
        return true;
    }
    void **slots = su_try_alloc(cap, sizeof *slots);

    if (slots == NULL) {
        return false;
    }
    m->slots = slots;
    m->cap = cap;
    for (size_t i = 0; i < old.cap; i++) {
        if (old.slots[i] != NULL) {
            m->slots[find(m, old.slots[i])] = old.slots[i];
        }
    }
    free(old.slots);
    return true;
}

bool su_ledger_map_put(struct su_ledger_map *m, void *item, void **old)
{
    if (!su_ledger_map_reserve(m, 1)) {
        return false;
    }
    size_t i = find(m, item);

    if (old != NULL) {
        *old = m->slots[i];
    }
    m->n += m->slots[i] == NULL;
    m->slots[i] = item;
    return true;
}

void *su_ledger_map_remove(struct su_ledger_map *m, const void *key)
{
    if (m->cap == 0) {
        return NULL;
    }
    size_t hole = find(m, key), mask = m->cap - 1;
    void *item = m->slots[hole];

    if (item == NULL) {
        return NULL;
    }
    m->slots[hole] = NULL;
    m->n--;
    /* Items after the hole that were pushed past it move back. */
    for (size_t i = (hole + 1) & mask; m->slots[i] != NULL; i = (i + 1) & mask) {
        size_t want = home(m, m->slots[i]);

        if (((i - want) & mask) >= ((i - hole) & mask)) {
            m->slots[hole] = m->slots[i];
            m->slots[i] = NULL;
            hole = i;
        }
    }
    return item;
}
