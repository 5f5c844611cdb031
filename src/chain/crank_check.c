// SPDX-License-Identifier: MIT
/* Checks: whose turn a sampled task's draw is, and what anybody can do about it. */
#include "crank_priv.h"

#include <string.h>

static bool waits_for_roots(const struct su_chain_case *c, uint16_t task)
{
    const struct su_acc_execution *x = c->execution;

    return x->state == SU_EXEC_CHECKING && task < x->task_count && c->assignments[task] &&
           (x->tasks[task].flags & (SU_TASKF_SAMPLED | SU_TASKF_CHECKED)) == SU_TASKF_SAMPLED;
}

static uint64_t check_slots(const struct su_chain_case *c, uint16_t task)
{
    return su_econ_commit_slots(&c->config->params, c->execution->steps, 1,
                                c->assignments[task]->macs_per_step, 0);
}

uint64_t chain_check_until(const struct su_chain_case *c, uint16_t task)
{
    const struct su_acc_assignment *a = c->assignments[task];

    if (a->deadline_slot != 0)
        return a->deadline_slot;
    return chain_plus(c->execution->phase_slot, check_slots(c, task));
}

uint64_t chain_check_began(const struct su_chain_case *c, uint16_t task)
{
    const uint64_t until = chain_check_until(c, task), slots = check_slots(c, task);

    return until > slots ? until - slots : 0;
}

static bool is_consumer(const struct su_acc_assignment *a, const struct su_acc_reserve *reserve)
{
    uint8_t both = 0;

    for (size_t i = 0; i < sizeof a->consumers; i++)
        both = (uint8_t)(both | (a->consumers[i] & reserve->tasks[i]));
    return both != 0;
}

/* The row alone rules its node out. */
static bool row_excluded(const struct su_acc_assignment *a, const struct su_ix_check_row *row)
{
    if (memcmp(row->owner, a->owner, 32) == 0)
        return true;
    for (size_t i = 0; i < SU_VALIDATORS_MAX; i++)
        if (memcmp(a->validators[i], row->identity, 32) == 0)
            return true;
    return (row->tasks[a->task / 8] >> a->task % 8 & 1u) == 0;
}

static bool part_excluded(const struct su_chain_case *c, const struct su_acc_assignment *a,
                          const struct su_ix_check_row *row, const struct su_chain_part *p)
{
    struct chain_purse purse = chain_purse_of(p);

    if (!p->node || memcmp(p->node->owner, row->owner, 32) != 0 ||
        p->node->numerics_version != c->config->params.numerics_version)
        return true;
    if (p->reserve && a->cursor < SU_CHECK_CONSUMERS_FROM && is_consumer(a, p->reserve))
        return true;
    return !chain_purse_take(&purse, &c->config->params, a->stake);
}

struct su_chain_check_due su_chain_check_due(const struct su_chain_case *c, uint16_t task,
                                             const struct su_chain_voted *voted)
{
    struct su_chain_check_due d = {.due = SU_CHAIN_DUE_NONE};
    const struct su_acc_execution *x = c->execution;

    if (!waits_for_roots(c, task) || x->table_total == 0)
        return d;
    const struct su_acc_assignment *a = c->assignments[task];
    d.point = su_msg_check_point(chain_hash, x->beta, task, a->cursor, x->table_total);
    d.until_slot = chain_check_until(c, task);
    d.check = a->checks;
    if (a->check_open && a->checks > 0 && a->checks <= SU_VALIDATORS_MAX) {
        d.due = SU_CHAIN_DUE_POST;
        d.check = (uint8_t)(a->checks - 1);
        d.identity = a->validators[d.check];
        return d;
    }
    d.due = SU_CHAIN_DUE_UNKNOWN;
    const struct su_ix_check_row *row = chain_row_at(voted, d.point);
    if (!row || !chain_row_proved(row, x))
        return d;
    d.row = row;
    d.identity = row->identity;
    const struct su_chain_part *p = su_chain_case_part(c, row->identity);
    if (row_excluded(a, row))
        d.due = SU_CHAIN_DUE_SKIP;
    else if (p && p->node_read && p->reserve_read)
        d.due = part_excluded(c, a, row, p) ? SU_CHAIN_DUE_SKIP : SU_CHAIN_DUE_ACCEPT;
    return d;
}

void chain_cranks_checking(struct chain_cranks *l)
{
    const struct su_chain_case *c = l->c;

    for (uint16_t t = 0; t < c->execution->task_count; t++) {
        const struct su_chain_check_due d = su_chain_check_due(c, t, l->by->voted);
        struct su_chain_crank *k;
        if (d.due == SU_CHAIN_DUE_NONE)
            continue;
        if (d.due == SU_CHAIN_DUE_SKIP) {
            k = chain_crank_add(l, SU_IX_CHECK_SKIP, t, chain_check_began(c, t));
            if (k)
                k->row = d.row;
        }
        if (l->by->slot <= d.until_slot)
            continue;
        if (d.due == SU_CHAIN_DUE_POST && !c->checks[t][d.check])
            continue;
        k = chain_crank_add(l, SU_IX_CHECK_EXPIRE, t, d.until_slot + 1);
        if (k) {
            k->check = d.check;
            k->spare = d.due == SU_CHAIN_DUE_SKIP;
        }
    }
}
