// SPDX-License-Identifier: MIT
#include "crypto/crypto.h"

#include <string.h>

static const uint8_t leaf_tag = 0, node_tag = 1;

void su_merkle_leaf(const void *chunk, size_t n, uint8_t out[SU_SHA256_BYTES])
{
    struct su_sha256 s;

    su_sha256_init(&s);
    su_sha256_update(&s, &leaf_tag, 1);
    su_sha256_update(&s, chunk, n);
    su_sha256_final(&s, out);
}

void su_merkle_node(const uint8_t left[SU_SHA256_BYTES], const uint8_t right[SU_SHA256_BYTES],
                    uint8_t out[SU_SHA256_BYTES])
{
    struct su_sha256 s;

    su_sha256_init(&s);
    su_sha256_update(&s, &node_tag, 1);
    su_sha256_update(&s, left, SU_SHA256_BYTES);
    su_sha256_update(&s, right, SU_SHA256_BYTES);
    su_sha256_final(&s, out);
}

uint64_t su_merkle_leaf_count(uint64_t blob_bytes)
{
    return blob_bytes / SU_MERKLE_CHUNK_BYTES + (blob_bytes % SU_MERKLE_CHUNK_BYTES != 0);
}

static void start_chunk(struct su_merkle *m)
{
    su_sha256_init(&m->chunk);
    su_sha256_update(&m->chunk, &leaf_tag, 1);
    m->chunk_bytes = 0;
}

void su_merkle_init(struct su_merkle *m, struct su_buf *leaf_list)
{
    memset(m, 0, sizeof *m);
    m->leaf_list = leaf_list;
    start_chunk(m);
}

/* The stack holds the roots of full subtrees, largest lowest, one per set bit of `leaves`:
   adding a leaf carries like adding 1 to a binary number. */
void su_merkle_add(struct su_merkle *m, const uint8_t leaf[SU_SHA256_BYTES])
{
    uint8_t carry[SU_SHA256_BYTES];
    unsigned top = (unsigned)__builtin_popcountll(m->leaves);

    if (m->leaf_list)
        su_buf_put(m->leaf_list, leaf, SU_SHA256_BYTES);
    memcpy(carry, leaf, sizeof carry);
    for (uint64_t bits = m->leaves; bits & 1; bits >>= 1)
        su_merkle_node(m->stack[--top], carry, carry);
    SU_ASSERT(top < SU_MERKLE_PATH_MAX);
    memcpy(m->stack[top], carry, sizeof carry);
    m->leaves++;
}

static void finish_chunk(struct su_merkle *m)
{
    uint8_t leaf[SU_SHA256_BYTES];

    su_sha256_final(&m->chunk, leaf);
    su_merkle_add(m, leaf);
    start_chunk(m);
}

void su_merkle_update(struct su_merkle *m, const void *data, size_t n)
{
    const uint8_t *p = data;

    while (n > 0) {
        size_t k = SU_MIN(n, (size_t)(SU_MERKLE_CHUNK_BYTES - m->chunk_bytes));
        su_sha256_update(&m->chunk, p, k);
        m->chunk_bytes += (uint32_t)k;
        p += k;
        n -= k;
        if (m->chunk_bytes == SU_MERKLE_CHUNK_BYTES)
            finish_chunk(m);
    }
}

void su_merkle_final(struct su_merkle *m, uint8_t root[SU_SHA256_BYTES])
{
    if (m->chunk_bytes > 0)
        finish_chunk(m);
    unsigned top = (unsigned)__builtin_popcountll(m->leaves);
    if (top == 0) {
        su_sha256(NULL, 0, root);
        return;
    }
    /* The smaller subtrees lie to the right: folding from there splits at powers of two. */
    memcpy(root, m->stack[--top], SU_SHA256_BYTES);
    while (top > 0)
        su_merkle_node(m->stack[--top], root, root);
}

void su_merkle_root(const uint8_t *leaves, uint64_t n, uint8_t root[SU_SHA256_BYTES])
{
    struct su_merkle m;

    su_merkle_init(&m, NULL);
    for (uint64_t i = 0; i < n; i++)
        su_merkle_add(&m, leaves + i * SU_SHA256_BYTES);
    su_merkle_final(&m, root);
}

void su_merkle_blob(const void *data, size_t n, uint8_t root[SU_SHA256_BYTES])
{
    struct su_merkle m;

    su_merkle_init(&m, NULL);
    su_merkle_update(&m, data, n);
    su_merkle_final(&m, root);
}

/* Leaves left of the split of a tree of n >= 2 leaves. */
static uint64_t split(uint64_t n)
{
    return (uint64_t)1 << (63 - __builtin_clzll(n - 1));
}

size_t su_merkle_prove(const uint8_t *leaves, uint64_t n, uint64_t index,
                       uint8_t path[][SU_SHA256_BYTES])
{
    size_t depth = 0;

    SU_ASSERT(index < n);
    /* Down from the root, so the path comes out reversed. */
    while (n > 1) {
        uint64_t k = split(n);
        if (index < k) {
            su_merkle_root(leaves + k * SU_SHA256_BYTES, n - k, path[depth++]);
            n = k;
        } else {
            su_merkle_root(leaves, k, path[depth++]);
            leaves += k * SU_SHA256_BYTES;
            index -= k;
            n -= k;
        }
    }
    for (size_t i = 0; i < depth / 2; i++) {
        uint8_t swap[SU_SHA256_BYTES];
        memcpy(swap, path[i], sizeof swap);
        memcpy(path[i], path[depth - 1 - i], sizeof swap);
        memcpy(path[depth - 1 - i], swap, sizeof swap);
    }
    return depth;
}

bool su_merkle_verify(const uint8_t root[SU_SHA256_BYTES], const uint8_t leaf[SU_SHA256_BYTES],
                      uint64_t index, uint64_t n, const uint8_t (*path)[SU_SHA256_BYTES],
                      size_t path_len)
{
    uint8_t digest[SU_SHA256_BYTES];
    bool right[SU_MERKLE_PATH_MAX]; /* from the root down: the leaf lies in the right subtree */
    size_t depth = 0;

    if (index >= n)
        return false;
    while (n > 1) {
        uint64_t k = split(n);
        right[depth] = index >= k;
        index -= right[depth] ? k : 0;
        n = right[depth] ? n - k : k;
        depth++;
    }
    if (depth != path_len)
        return false;
    memcpy(digest, leaf, sizeof digest);
    for (size_t i = 0; i < depth; i++) {
        if (right[depth - 1 - i])
            su_merkle_node(path[i], digest, digest);
        else
            su_merkle_node(digest, path[i], digest);
    }
    return memcmp(digest, root, sizeof digest) == 0;
}
