// SPDX-License-Identifier: MIT
/* Trees of voted tables and assignments, and what they prove. */
#include "crank_priv.h"

#include <stdlib.h>
#include <string.h>

enum { GROUPS_MAX = SU_TASKS_MAX / SU_ASSIGN_GROUP };

void chain_hash(const struct su_part *parts, uint64_t n, uint8_t out[32])
{
    struct su_sha256 h;

    su_sha256_init(&h);
    for (uint64_t i = 0; i < n; i++)
        su_sha256_update(&h, parts[i].p, parts[i].n);
    su_sha256_final(&h, out);
}

/* ---- tables ---------------------------------------------------------------------------------- */

/* Turns 2^depth leaves into the levels above them: leaves, then their parents, ..., the root. */
static void tree_raise(uint8_t (*nodes)[32], unsigned depth)
{
    uint8_t(*below)[32] = nodes;

    for (unsigned d = depth; d > 0; d--) {
        uint8_t(*above)[32] = below + ((size_t)1 << d);
        for (size_t i = 0; i < (size_t)1 << (d - 1); i++)
            su_msg_parent(chain_hash, below[2 * i], below[2 * i + 1], above[i]);
        below = above;
    }
}

enum su_code su_chain_rows_prove(struct su_ix_check_row *rows, size_t n, uint8_t root[32],
                                 uint8_t *depth, struct su_err *e)
{
    uint8_t d = 0;

    if (n == 0 || n > (size_t)1 << SU_TABLE_DEPTH_MAX)
        return su_fail(e, SU_EINVAL, "table", "%zu rows: 1 to %u fit", n, 1u << SU_TABLE_DEPTH_MAX);
    while ((size_t)1 << d < n)
        d++;
    const size_t leaves = (size_t)1 << d;
    uint8_t(*nodes)[32] = su_try_alloc(2 * leaves, sizeof *nodes);
    if (!nodes)
        return su_fail(e, SU_ENOMEM, "table", "no memory for %zu rows", n);
    for (size_t i = 0; i < n; i++) {
        rows[i].row = (uint32_t)i;
        su_msg_row_leaf(chain_hash, &rows[i], nodes[i]);
    }
    tree_raise(nodes, d);
    for (size_t i = 0; i < n; i++) {
        const uint8_t(*level)[32] = (const uint8_t(*)[32])nodes;
        rows[i].path_len = d;
        for (uint8_t k = 0; k < d; k++) {
            memcpy(rows[i].path[k], level[i >> k ^ 1u], 32);
            level += leaves >> k;
        }
    }
    memcpy(root, nodes[2 * leaves - 2], 32);
    *depth = d;
    free(nodes);
    return SU_OK;
}

bool chain_row_proved(const struct su_ix_check_row *row, const struct su_acc_execution *x)
{
    uint8_t digest[32];

    if (row->path_len != x->table_depth || row->path_len > SU_TABLE_DEPTH_MAX)
        return false;
    su_msg_row_leaf(chain_hash, row, digest);
    return su_msg_root_of(chain_hash, digest, row->row, 1ull << x->table_depth,
                          (const uint8_t(*)[32])row->path, row->path_len, digest) &&
           memcmp(digest, x->table_root, 32) == 0;
}

const struct su_ix_check_row *chain_row_at(const struct su_chain_voted *v, uint64_t point)
{
    for (size_t i = 0; v && v->rows && i < v->n_rows; i++)
        if (v->rows[i].low <= point && point < v->rows[i].high)
            return &v->rows[i];
    return NULL;
}

/* ---- assignments ----------------------------------------------------------------------------- */

static size_t groups_of(size_t tasks)
{
    return (tasks + SU_ASSIGN_GROUP - 1) / SU_ASSIGN_GROUP;
}

static uint8_t group_count(size_t tasks, size_t group)
{
    const size_t left = tasks - group * SU_ASSIGN_GROUP;

    return (uint8_t)(left < SU_ASSIGN_GROUP ? left : SU_ASSIGN_GROUP);
}

/* RFC 6962: root of n leaves; the path of number `index`, when path is not NULL. */
static uint8_t groups_tree(const uint8_t (*leaves)[32], size_t n, size_t index, uint8_t (*path)[32],
                           uint8_t root[32])
{
    uint8_t left[32], right[32], used;
    size_t k = 1;

    if (n == 1) {
        memcpy(root, leaves[0], 32);
        return 0;
    }
    while (2 * k < n)
        k *= 2;
    const bool in_left = index < k;
    if (in_left) {
        used = groups_tree(leaves, k, index, path, left);
        (void)groups_tree(leaves + k, n - k, 0, NULL, right);
    } else {
        (void)groups_tree(leaves, k, 0, NULL, left);
        used = groups_tree(leaves + k, n - k, index - k, path, right);
    }
    if (path)
        memcpy(path[used], in_left ? right : left, 32);
    su_msg_parent(chain_hash, left, right, root);
    return (uint8_t)(used + 1);
}

static void group_leaves(const uint8_t (*nodes)[32], size_t n, uint8_t (*leaves)[32])
{
    for (size_t g = 0; g < groups_of(n); g++)
        su_msg_assign_leaf(chain_hash, (uint8_t)g, nodes + g * SU_ASSIGN_GROUP, group_count(n, g),
                           leaves[g]);
}

void su_chain_nodes_root(const uint8_t (*nodes)[32], size_t n, uint8_t root[32])
{
    uint8_t leaves[GROUPS_MAX][32];

    SU_ASSERT(n >= 1 && n <= SU_TASKS_MAX);
    group_leaves(nodes, n, leaves);
    (void)groups_tree((const uint8_t(*)[32])leaves, groups_of(n), 0, NULL, root);
}

struct su_chain_assign_group chain_group_of(const uint8_t (*nodes)[32], size_t n, uint8_t group,
                                            uint8_t path[SU_ASSIGN_PATH_MAX][32])
{
    uint8_t leaves[GROUPS_MAX][32], root[32];
    struct su_chain_assign_group g = {.group = group,
                                      .count = group_count(n, group),
                                      .identities = nodes + (size_t)group * SU_ASSIGN_GROUP};

    group_leaves(nodes, n, leaves);
    g.path_len = groups_tree((const uint8_t(*)[32])leaves, groups_of(n), group, path, root);
    g.path = (const uint8_t(*)[32])path;
    return g;
}

bool su_chain_voted_fits(const struct su_chain_voted *v, const struct su_acc_execution *x)
{
    uint8_t root[32];
    uint64_t next = 0;

    if (v->nodes) {
        if (v->n_nodes != x->task_count || v->n_nodes == 0)
            return false;
        su_chain_nodes_root(v->nodes, v->n_nodes, root);
        if (memcmp(root, x->assignment_root, 32) != 0)
            return false;
    }
    for (size_t i = 0; v->rows && i < v->n_rows; i++) {
        const struct su_ix_check_row *row = &v->rows[i];
        if (row->row != i || row->low != next || row->high < row->low || !chain_row_proved(row, x))
            return false;
        next = row->high;
    }
    return !v->rows || next == x->table_total;
}
