// SPDX-License-Identifier: MIT
#include "wire_priv.h"

#include <stdlib.h>
#include <string.h>

static void hash(const struct su_part *parts, uint64_t n, uint8_t out[32])
{
    struct su_sha256 s;

    su_sha256_init(&s);
    for (uint64_t i = 0; i < n; i++)
        su_sha256_update(&s, parts[i].p, (size_t)parts[i].n);
    su_sha256_final(&s, out);
}

void su_wire_table_row(const struct su_wire_message *m, uint32_t i, struct su_ix_check_row *row)
{
    const uint8_t *p = m->data + (size_t)i * SU_WIRE_ROW_BYTES;

    memset(row, 0, sizeof *row);
    memcpy(row->identity, p, 32);
    memcpy(row->owner, p + 32, 32);
    row->low = su_le64(p + 64);
    row->high = su_le64(p + 72);
    memcpy(row->tasks, p + 80, 16);
    row->row = i;
}

enum su_code su_wire_table_root(const struct su_wire_message *m, uint8_t root[32], uint8_t *depth,
                                struct su_err *e)
{
    struct su_ix_check_row row;

    *depth = 0;
    while (1u << *depth < m->u.table.row_count)
        ++*depth;
    uint8_t(*leaves)[32] = su_try_alloc((size_t)1 << *depth, 32);
    if (leaves == NULL)
        return su_fail(e, SU_ENOMEM, "table", "not enough memory for its leaves");
    for (uint32_t i = 0; i < m->u.table.row_count; i++) {
        su_wire_table_row(m, i, &row);
        su_msg_row_leaf(hash, &row, leaves[i]);
    }
    su_merkle_root(leaves[0], (uint64_t)1 << *depth, root);
    free(leaves);
    return SU_OK;
}

void su_wire_assignment_root(const struct su_wire_message *m, uint8_t root[32])
{
    uint8_t leaves[SU_TASKS_MAX / SU_ASSIGN_GROUP][32], identities[SU_ASSIGN_GROUP][32];
    uint8_t groups = 0;

    for (unsigned task = 0; task < m->u.table.task_count; groups++) {
        unsigned n = 0;
        for (; n < SU_ASSIGN_GROUP && task < m->u.table.task_count; n++, task++) {
            uint16_t row = su_le16(m->u.table.rows_of_tasks + 2 * (size_t)task);
            memcpy(identities[n], m->data + (size_t)row * SU_WIRE_ROW_BYTES, 32);
        }
        su_msg_assign_leaf(hash, groups, (const uint8_t(*)[32])identities, n, leaves[groups]);
    }
    su_merkle_root(leaves[0], groups, root);
}

enum su_code su_wire_table_check(const struct su_wire_message *m, struct su_err *e)
{
    uint8_t root[32], depth;
    enum su_code c = su_wire_table_root(m, root, &depth, e);

    if (c != SU_OK)
        return c;
    if (memcmp(root, m->u.table.table_root, 32) != 0)
        return su_fail(e, SU_EDIGEST, "table", "its root is not that of its rows");
    su_wire_assignment_root(m, root);
    return memcmp(root, m->u.table.assignment_root, 32) == 0
               ? SU_OK
               : su_fail(e, SU_EDIGEST, "table", "the root of its assignment is another");
}
