// SPDX-License-Identifier: MIT
/* Whether accounts have changed, asked of many at once and of few of their bytes. */
#include "chain_priv.h"

#include <stdlib.h>
#include <string.h>

void su_chain_glance_at(struct su_chain_glance *g, const uint8_t key[32], const void *data,
                        uint64_t end)
{
    const uint64_t most = SU_CHAIN_GLANCE_AT + sizeof g->bytes;

    memcpy(g->key, key, 32);
    g->changed = false;
    g->n = end > SU_CHAIN_GLANCE_AT ? (size_t)(SU_MIN(end, most) - SU_CHAIN_GLANCE_AT) : 0;
    memcpy(g->bytes, (const uint8_t *)data + SU_CHAIN_GLANCE_AT, g->n);
}

void su_chain_glance_of(struct su_chain_glance *g, const struct su_chain_case *c)
{
    const struct su_acc_execution *x = c->execution;
    const size_t tasks = SU_MIN(x->task_count, (uint16_t)SU_TASKS_MAX);

    su_chain_glance_at(g, c->key, x,
                       offsetof(struct su_acc_execution, tasks) + tasks * sizeof x->tasks[0]);
}

static bool differs(const struct su_chain_glance *g, const struct su_chain_account *a,
                    const uint8_t program[32])
{
    return !a->exists || memcmp(a->owner, program, 32) != 0 || g->n == 0 || a->data_bytes < g->n ||
           memcmp(a->data, g->bytes, g->n) != 0;
}

enum su_code su_chain_glance(struct su_chain *c, struct su_chain_glance *const *g, size_t n,
                             uint64_t *slot, struct su_err *e)
{
    struct su_chain_accounts got = {.items = NULL};
    uint8_t(*keys)[32] = su_try_alloc(n + 1, sizeof *keys);
    size_t most = 0;

    if (!keys)
        return su_fail(e, SU_ENOMEM, "accounts", "no memory for %zu", n);
    for (size_t i = 0; i < n; i++) {
        memcpy(keys[i], g[i]->key, 32);
        most = SU_MAX(most, g[i]->n);
    }
    enum su_code rc =
        su_chain_accounts_part(c, (const uint8_t(*)[32])keys, n, SU_CHAIN_GLANCE_AT, most, &got, e);
    free(keys);
    if (rc)
        return rc;
    for (size_t i = 0; i < n; i++)
        g[i]->changed = differs(g[i], &got.items[i], c->program);
    *slot = got.slot;
    su_chain_accounts_fini(&got);
    return SU_OK;
}
