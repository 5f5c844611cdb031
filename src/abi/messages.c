// SPDX-License-Identifier: MIT
#include "abi.h"

/* One part, from a literal without its final zero. */
#define TEXT(t)                                                                                    \
    {                                                                                              \
        (t), sizeof(t) - 1                                                                         \
    }
/* The four parts of a scope. */
#define SCOPE(s)                                                                                   \
    {(s)->program_id, 32}, {(s)->genesis, 32}, {(s)->execution, 32},                               \
    {                                                                                              \
        &(s)->request_slot, sizeof(s)->request_slot                                                \
    }
#define HASH(h, parts, out) (h)((parts), sizeof(parts) / sizeof *(parts), (out))

void su_msg_commit_to(su_hash_fn *h, const struct su_msg_scope *s,
                      const struct su_msg_commitment *c, uint8_t out[32])
{
    const struct su_part parts[] = {
        TEXT("splitup/commit"), SCOPE(s),      {&c->task, 2},       {&c->attempt, 1},
        {c->node, 32},          {c->salt, 32}, {c->input_root, 32}, {c->output_root, 32}};
    HASH(h, parts, out);
}

void su_msg_input_root(su_hash_fn *h, const uint8_t (*roots)[32], uint64_t n, uint8_t out[32])
{
    const struct su_part parts[] = {TEXT("in"), {roots, 32 * n}};
    HASH(h, parts, out);
}

void su_msg_output_root(su_hash_fn *h, const uint8_t (*roots)[32], uint64_t n,
                        const uint8_t witness[32], uint8_t out[32])
{
    const struct su_part parts[] = {TEXT("out"), {roots, 32 * n}, {witness, 32}};
    HASH(h, parts, out);
}

void su_msg_chain(su_hash_fn *h, uint8_t chain[32], uint16_t task, uint8_t attempt,
                  const uint8_t commit[32])
{
    uint8_t next[32];
    const struct su_part parts[] = {
        TEXT("splitup/chain"), {chain, 32}, {&task, 2}, {&attempt, 1}, {commit, 32}};
    HASH(h, parts, next);
    su_free_copy(chain, next, 32);
}

void su_msg_alpha(su_hash_fn *h, const struct su_msg_scope *s, const uint8_t chain[32],
                  const uint8_t *slot_hash, uint8_t out[32])
{
    const struct su_part parts[] = {
        TEXT("splitup/draw"), SCOPE(s), {chain, 32}, {slot_hash, slot_hash != NULL ? 32 : 0}};
    HASH(h, parts, out);
}

static bool before(const uint8_t a[32], const uint8_t b[32])
{
    for (unsigned i = 0; i < 32; i++)
        if (a[i] != b[i])
            return a[i] < b[i];
    return false;
}

/* Not inlined: a frame of its own for the digests. */
__attribute__((noinline)) void su_msg_draw_order(su_hash_fn *h, const uint8_t alpha[32],
                                                 const struct su_config_oracle *o, uint8_t count,
                                                 uint8_t order[SU_ORACLES_MAX])
{
    uint8_t digests[SU_ORACLES_MAX][32];
    if (count > SU_ORACLES_MAX)
        count = SU_ORACLES_MAX;
    for (uint8_t i = 0; i < count; i++) {
        const struct su_part parts[] = {TEXT("splitup/turn"), {alpha, 32}, {o[i].vrf_key, 32}};
        HASH(h, parts, digests[i]);
        uint8_t at = i;
        for (; at > 0 && before(digests[i], digests[order[at - 1]]); at--)
            order[at] = order[at - 1];
        order[at] = i;
    }
}

uint32_t su_msg_sample_draw(su_hash_fn *h, const uint8_t beta[64], uint16_t task)
{
    uint8_t digest[32];
    const struct su_part parts[] = {TEXT("splitup/sample"), {beta, 64}, {&task, 2}};
    HASH(h, parts, digest);
    return su_free_load32(digest);
}

bool su_msg_sampled(su_hash_fn *h, const uint8_t beta[64], uint16_t task, uint32_t ppm)
{
    return (uint64_t)su_msg_sample_draw(h, beta, task) * SU_PPM < (uint64_t)ppm << 32;
}

uint64_t su_msg_check_point(su_hash_fn *h, const uint8_t beta[64], uint16_t task, uint32_t cursor,
                            uint64_t total)
{
    uint8_t digest[32];
    const struct su_part parts[] = {
        TEXT("splitup/validator"), {beta, 64}, {&task, 2}, {&cursor, 4}};
    HASH(h, parts, digest);
    return total != 0 ? su_free_load64(digest) % total : 0;
}

void su_msg_row_leaf(su_hash_fn *h, const struct su_ix_check_row *row, uint8_t out[32])
{
    const struct su_part parts[] = {TEXT("\0splitup/row"),
                                    {&row->row, 4},
                                    {row->identity, 32},
                                    {row->owner, 32},
                                    {&row->low, 8},
                                    {&row->high, 8},
                                    {row->tasks, sizeof row->tasks}};
    HASH(h, parts, out);
}

void su_msg_assign_leaf(su_hash_fn *h, uint8_t group, const uint8_t (*identities)[32],
                        uint64_t count, uint8_t out[32])
{
    const struct su_part parts[] = {
        TEXT("\0splitup/assign"), {&group, 1}, {identities, 32 * count}};
    HASH(h, parts, out);
}

void su_msg_parent(su_hash_fn *h, const uint8_t left[32], const uint8_t right[32], uint8_t out[32])
{
    const struct su_part parts[] = {TEXT("\1"), {left, 32}, {right, 32}};
    uint8_t parent[32];
    HASH(h, parts, parent);
    su_free_copy(out, parent, 32);
}

/* RFC 9162 §2.1.3.2. */
bool su_msg_root_by(su_hash_fn *h, const uint8_t leaf[32], const struct su_msg_path *path,
                    uint8_t out[32])
{
    if (path->index >= path->count)
        return false;
    uint64_t at = path->index, last = path->count - 1;
    uint8_t node[32];
    su_free_copy(node, leaf, 32);
    for (uint64_t i = 0; i < path->length; i++) {
        if (last == 0)
            return false;
        if ((at & 1) != 0 || at == last) {
            su_msg_parent(h, path->nodes[i], node, node);
            for (; (at & 1) == 0 && at != 0; at >>= 1)
                last >>= 1;
        } else {
            su_msg_parent(h, node, path->nodes[i], node);
        }
        at >>= 1;
        last >>= 1;
    }
    if (last != 0)
        return false;
    su_free_copy(out, node, 32);
    return true;
}

void su_msg_vote_assign(su_hash_fn *h, const struct su_msg_scope *s,
                        const struct su_ix_vote_assign *v, uint8_t out[32])
{
    const uint64_t from = offsetof(struct su_ix_vote_assign, owner_share_ppm);
    const struct su_part parts[] = {
        TEXT("splitup/vote-assign"), SCOPE(s), {(const uint8_t *)v + from, sizeof *v - from}};
    HASH(h, parts, out);
}

void su_msg_vote_task(su_hash_fn *h, const struct su_msg_scope *s, uint16_t task,
                      const struct su_ix_vote_task *v, uint8_t out[32])
{
    const uint64_t from = offsetof(struct su_ix_vote_task, question);
    const struct su_part parts[] = {TEXT("splitup/vote-task"),
                                    SCOPE(s),
                                    {&task, 2},
                                    {(const uint8_t *)v + from, sizeof *v - from}};
    HASH(h, parts, out);
}
