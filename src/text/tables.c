// SPDX-License-Identifier: MIT
#include "text_priv.h"

#include <string.h>

bool text_slots_init(struct text_slots *s, size_t count)
{
    size_t slots = 16;

    while (slots < count + count / 2 + 1)
        slots *= 2;
    s->slot = su_try_alloc(slots, sizeof *s->slot);
    s->mask = slots - 1;
    return s->slot != NULL;
}

/* Finalizer of SplitMix64 (Steele, Lea, Flood 2014): every input bit moves every output bit. */
static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

static uint64_t hash_of(const uint8_t *p, size_t len)
{
    uint64_t h = mix(len + UINT64_C(0x9e3779b97f4a7c15)), tail = 0;

    for (; len >= 8; p += 8, len -= 8)
        h = mix(h ^ su_le64(p));
    for (size_t i = 0; i < len; i++)
        tail |= (uint64_t)p[i] << (8 * i);
    return mix(h ^ tail);
}

enum text_find text_bytes_add(struct su_text *t, uint32_t id, uint32_t *other)
{
    size_t len;
    const uint8_t *p = text_token(t, id, &len);
    size_t at = (size_t)hash_of(p, len) & t->by_bytes.mask;

    for (size_t probes = 0; probes < TEXT_PROBES_MAX; probes++) {
        uint32_t *slot = &t->by_bytes.slot[at];
        size_t n;
        if (*slot == 0) {
            *slot = id + 1;
            t->longest = SU_MAX(t->longest, len);
            return TEXT_FIND_OK;
        }
        const uint8_t *q = text_token(t, *slot - 1, &n);
        if (n == len && memcmp(p, q, len) == 0) {
            *other = *slot - 1;
            return TEXT_FIND_TWICE;
        }
        at = (at + 1) & t->by_bytes.mask;
    }
    return TEXT_FIND_COLLIDES;
}

uint32_t text_bytes_find(const struct su_text *t, const uint8_t *p, size_t len)
{
    if (len == 0 || len > t->longest)
        return SU_TEXT_NONE;
    size_t at = (size_t)hash_of(p, len) & t->by_bytes.mask;
    for (size_t probes = 0; probes < TEXT_PROBES_MAX; probes++) {
        uint32_t slot = t->by_bytes.slot[at];
        size_t n;
        if (slot == 0)
            break;
        const uint8_t *q = text_token(t, slot - 1, &n);
        if (n == len && memcmp(p, q, len) == 0)
            return slot - 1;
        at = (at + 1) & t->by_bytes.mask;
    }
    return SU_TEXT_NONE;
}

static size_t pair_slot(const struct su_text *t, uint32_t left, uint32_t right)
{
    return (size_t)mix(((uint64_t)left << 32 | right) + UINT64_C(0x9e3779b97f4a7c15)) &
           t->by_pair.mask;
}

enum text_find text_pair_add(struct su_text *t, uint32_t index)
{
    const struct text_merge *m = &t->merge[index];
    size_t at = pair_slot(t, m->left, m->right);

    for (size_t probes = 0; probes < TEXT_PROBES_MAX; probes++) {
        uint32_t *slot = &t->by_pair.slot[at];
        if (*slot == 0) {
            *slot = index + 1;
            return TEXT_FIND_OK;
        }
        const struct text_merge *o = &t->merge[*slot - 1];
        if (o->left == m->left && o->right == m->right)
            return TEXT_FIND_TWICE;
        at = (at + 1) & t->by_pair.mask;
    }
    return TEXT_FIND_COLLIDES;
}

uint32_t text_pair_find(const struct su_text *t, uint32_t left, uint32_t right)
{
    size_t at = pair_slot(t, left, right);

    for (size_t probes = 0; probes < TEXT_PROBES_MAX; probes++) {
        uint32_t slot = t->by_pair.slot[at];
        if (slot == 0)
            break;
        const struct text_merge *m = &t->merge[slot - 1];
        if (m->left == left && m->right == right)
            return slot - 1;
        at = (at + 1) & t->by_pair.mask;
    }
    return SU_TEXT_NONE;
}
