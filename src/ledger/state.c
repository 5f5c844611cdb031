// SPDX-License-Identifier: MIT
/* All accounts, with two indices: by owning program, and token accounts by their owner. */
#include "bank.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct box {
    struct su_ledger_account pub; /* first: what callers point to */
    _Atomic uint32_t refs;
};
enum { BOX_BYTES = (sizeof(struct box) + 15) / 16 * 16 };

struct bucket;
struct link {
    struct su_ledger_node *prev, *next;
    struct bucket *bucket; /* NULL = not in the index */
};
struct su_ledger_node {
    uint8_t key[32];
    const struct su_ledger_account *account;
    struct link links[2]; /* by owner, by token owner */
};
struct bucket {
    uint8_t key[32];
    struct su_ledger_node *head;
};

struct su_ledger_account *su_ledger_account_new(const uint8_t key[32], const uint8_t owner[32],
                                                uint64_t lamports, bool executable,
                                                const void *data, uint64_t n)
{
    uint8_t *raw = n <= SU_LEDGER_DATA_MAX_BYTES ? malloc((size_t)BOX_BYTES + n) : NULL;

    if (raw == NULL) {
        return NULL;
    }
    struct box *b = (struct box *)(void *)raw;
    uint8_t *copy = raw + BOX_BYTES;

    memset(b, 0, BOX_BYTES);
    memcpy(b->pub.key, key, 32);
    memcpy(b->pub.owner, owner, 32);
    b->pub.lamports = lamports;
    b->pub.executable = executable;
    b->pub.data_bytes = n;
    b->pub.data = copy;
    if (data != NULL && n != 0) {
        memcpy(copy, data, n);
    } else if (n != 0) {
        memset(copy, 0, n);
    }
    atomic_init(&b->refs, 1);
    return &b->pub;
}

static struct box *box_of(const struct su_ledger_account *a)
{
    return (struct box *)(uintptr_t)a;
}

const struct su_ledger_account *su_ledger_account_keep(const struct su_ledger_account *a)
{
    if (a != NULL) {
        atomic_fetch_add_explicit(&box_of(a)->refs, 1, memory_order_relaxed);
    }
    return a;
}

void su_ledger_account_release(const struct su_ledger_account *a)
{
    if (a != NULL && atomic_fetch_sub_explicit(&box_of(a)->refs, 1, memory_order_acq_rel) == 1) {
        free(box_of(a));
    }
}

void su_ledger_state_init(struct su_ledger_state *s)
{
    *s = (struct su_ledger_state){0};
    su_ledger_map_init(&s->nodes, 32);
    su_ledger_map_init(&s->owners, 32);
    su_ledger_map_init(&s->token_owners, 32);
}

void su_ledger_state_fini(struct su_ledger_state *s)
{
    for (size_t i = 0; i < s->nodes.cap; i++) {
        struct su_ledger_node *n = s->nodes.slots[i];

        if (n != NULL) {
            su_ledger_account_release(n->account);
            free(n);
        }
    }
    for (size_t i = 0; i < s->owners.cap; i++) {
        free(s->owners.slots[i]);
    }
    for (size_t i = 0; i < s->token_owners.cap; i++) {
        free(s->token_owners.slots[i]);
    }
    su_ledger_map_fini(&s->nodes);
    su_ledger_map_fini(&s->owners);
    su_ledger_map_fini(&s->token_owners);
}

const struct su_ledger_account *su_ledger_state_get(const struct su_ledger_state *s,
                                                    const uint8_t key[32])
{
    const struct su_ledger_node *n = su_ledger_map_get(&s->nodes, key);

    return n != NULL ? n->account : NULL;
}

static struct su_ledger_map *index_of(struct su_ledger_state *s, unsigned which)
{
    return which == 0 ? &s->owners : &s->token_owners;
}

static void unlink_node(struct su_ledger_state *s, struct su_ledger_node *n, unsigned which)
{
    struct link *l = &n->links[which];
    struct bucket *b = l->bucket;

    if (b == NULL) {
        return;
    }
    if (l->next != NULL) {
        l->next->links[which].prev = l->prev;
    }
    if (l->prev != NULL) {
        l->prev->links[which].next = l->next;
    } else {
        b->head = l->next;
    }
    *l = (struct link){0};
    if (b->head == NULL) {
        free(su_ledger_map_remove(index_of(s, which), b->key));
    }
}

/* The bucket of a key, made when missing; NULL when out of memory. */
static struct bucket *bucket_of(struct su_ledger_map *m, const uint8_t key[32])
{
    struct bucket *b = su_ledger_map_get(m, key);

    if (b == NULL && su_ledger_map_reserve(m, 1)) {
        b = su_alloc(sizeof *b);
        memcpy(b->key, key, 32);
        SU_ASSERT(su_ledger_map_put(m, b, NULL));
    }
    return b;
}

static void link_node(struct su_ledger_node *n, struct bucket *b, unsigned which)
{
    struct link *l = &n->links[which];

    *l = (struct link){.next = b->head, .bucket = b};
    if (b->head != NULL) {
        b->head->links[which].prev = n;
    }
    b->head = n;
}

static bool remove_account(struct su_ledger_state *s, const struct su_ledger_account *a)
{
    struct su_ledger_node *n = su_ledger_map_remove(&s->nodes, a->key);

    if (n != NULL) {
        unlink_node(s, n, 0);
        unlink_node(s, n, 1);
        s->lamports -= n->account->lamports;
        su_ledger_account_release(n->account);
        free(n);
    }
    su_ledger_account_release(a);
    return true;
}

bool su_ledger_state_reserve(struct su_ledger_state *s, size_t n)
{
    return su_ledger_map_reserve(&s->nodes, n) && su_ledger_map_reserve(&s->owners, n) &&
           su_ledger_map_reserve(&s->token_owners, n);
}

bool su_ledger_state_put(struct su_ledger_state *s, const struct su_ledger_account *a)
{
    if (a->lamports == 0) {
        return remove_account(s, a);
    }
    if (!su_ledger_state_reserve(s, 1)) {
        return false;
    }
    struct su_ledger_node *n = su_ledger_map_get(&s->nodes, a->key);
    bool token = su_ledger_is_token(a->owner, a->data, a->data_bytes), made = n == NULL;
    struct bucket *owner = bucket_of(&s->owners, a->owner);
    struct bucket *token_owner = token ? bucket_of(&s->token_owners, a->data + 32) : NULL;

    if (made) {
        n = su_alloc(sizeof *n);
        memcpy(n->key, a->key, 32);
        SU_ASSERT(su_ledger_map_put(&s->nodes, n, NULL));
    }
    if (n->links[0].bucket != owner) {
        unlink_node(s, n, 0);
        link_node(n, owner, 0);
    }
    if (n->links[1].bucket != token_owner) {
        unlink_node(s, n, 1);
        if (token_owner != NULL) {
            link_node(n, token_owner, 1);
        }
    }
    s->lamports = s->lamports - (made ? 0 : n->account->lamports) + a->lamports;
    su_ledger_account_release(n->account);
    n->account = a;
    return true;
}

bool su_ledger_state_each(const struct su_ledger_state *s, const uint8_t owner[32], bool token,
                          bool (*fn)(void *ctx, const struct su_ledger_account *a), void *ctx)
{
    const struct bucket *b = su_ledger_map_get(token ? &s->token_owners : &s->owners, owner);

    for (const struct su_ledger_node *n = b != NULL ? b->head : NULL; n != NULL;
         n = n->links[token].next) {
        if (!fn(ctx, n->account)) {
            return false;
        }
    }
    return true;
}
