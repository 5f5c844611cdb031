// SPDX-License-Identifier: MIT
/* What anybody can do about an execution that has ended: slashes, payments, closing. */
#include "crank_priv.h"

#include <string.h>

bool chain_validator_right(const struct su_exec_task *t)
{
    return (t->flags & SU_TASKF_VALIDATED) != 0 && (t->flags & SU_TASKF_VALIDATOR_WRONG) == 0;
}

static void slash(struct chain_cranks *l, uint16_t t, uint8_t who, const uint8_t *identity)
{
    const struct su_chain_part *p = su_chain_case_part(l->c, identity);

    if (!p || !p->node || !p->reserve)
        return;
    struct su_chain_crank *k = chain_crank_add(l, SU_IX_SLASH, t, l->c->execution->phase_slot);
    if (k) {
        k->part = who;
        k->identity = identity;
    }
}

static void slashes(struct chain_cranks *l)
{
    const struct su_acc_execution *x = l->c->execution;

    for (uint16_t t = 0; t < x->task_count; t++) {
        const struct su_acc_assignment *a = l->c->assignments[t];
        const uint16_t flags = x->tasks[t].flags;
        if (!a)
            continue;
        if (x->tasks[t].state == SU_TASK_VERIFICATION_FAILED && (flags & SU_TASKF_SLASHED) == 0)
            slash(l, t, 0, a->node);
        if ((flags & SU_TASKF_VALIDATOR_WRONG) != 0 && (flags & SU_TASKF_VALIDATOR_SLASHED) == 0 &&
            a->checks > 0 && a->checks <= SU_VALIDATORS_MAX)
            slash(l, t, 1, a->validators[a->checks - 1]);
    }
}

static bool by_fault(const struct su_acc_execution *x)
{
    return x->state == SU_EXEC_VOID && x->void_cause == SU_VOID_FAULT;
}

/* Paying the check opens a claim on the pool. */
static bool opens_claim(const struct su_chain_case *c, const struct su_acc_check *k)
{
    const struct su_acc_execution *x = c->execution;
    const struct su_exec_task *t = &x->tasks[k->task];
    uint64_t fee = 0;

    if (k->state != SU_CHECK_POSTED || !chain_validator_right(t))
        return false;
    if (x->state == SU_EXEC_SETTLED)
        return su_econ_check_fee(&c->config->params, t->fee, &fee) && fee != 0;
    return by_fault(x) && c->assignments[k->task] && c->assignments[k->task]->bounty != 0;
}

static void checks(struct chain_cranks *l, uint16_t t, bool payable)
{
    const uint64_t since = l->c->execution->phase_slot;

    for (uint8_t i = 0; i < SU_VALIDATORS_MAX; i++) {
        const struct su_acc_check *check = l->c->checks[t][i];
        struct su_chain_crank *k = NULL;
        if (!check)
            continue;
        if (check->state == SU_CHECK_PAID)
            k = chain_crank_add(l, SU_IX_CLOSE_CHECK, t, since);
        else if (payable && l->c->assignments[t])
            k = chain_crank_add(l, SU_IX_PAY_CHECK, t, since);
        if (!k)
            continue;
        k->check = i;
        k->identity = check->validator;
        k->rent_payer = check->head.rent_payer;
        k->claim = l->c->pool->claims_next;
        k->claims = k->number == SU_IX_PAY_CHECK && opens_claim(l->c, check);
    }
}

static void oracles(struct chain_cranks *l)
{
    const struct su_acc_execution *x = l->c->execution;
    const unsigned due = (x->oracles_voted | x->oracles_silent) & ~(unsigned)x->oracles_paid;

    for (uint8_t i = 0; i < l->c->config->oracle_count && x->state == SU_EXEC_SETTLED; i++) {
        if ((due >> i & 1u) == 0)
            continue;
        struct su_chain_crank *k = chain_crank_add(l, SU_IX_PAY_ORACLE, 0, x->phase_slot);
        if (k) {
            k->part = i;
            k->identity = l->c->config->oracles[i].key;
        }
    }
}

static void reserves(struct chain_cranks *l)
{
    for (size_t i = 0; i < l->c->n_parts; i++) {
        const struct su_chain_part *p = &l->c->parts[i];
        if (!p->node || !p->reserve)
            continue;
        struct su_chain_crank *k =
            chain_crank_add(l, SU_IX_FREE_RESERVE, 0, l->c->execution->phase_slot);
        if (k) {
            k->identity = p->identity;
            k->rent_payer = p->reserve->head.rent_payer;
        }
    }
}

static void closings(struct chain_cranks *l)
{
    const struct su_acc_execution *x = l->c->execution;
    struct su_chain_crank *k;

    for (uint16_t t = 0; t < x->task_count; t++) {
        const struct su_acc_assignment *a = l->c->assignments[t];
        k = a ? chain_crank_add(l, SU_IX_CLOSE_ASSIGNMENT, t, x->phase_slot) : NULL;
        if (k)
            k->rent_payer = a->head.rent_payer;
    }
    if (x->assignments_open != 0 || x->checks_open != 0 || x->reserves_open != 0)
        return;
    k = chain_crank_add(l, SU_IX_CLOSE_EXECUTION, 0, x->phase_slot);
    if (k) {
        k->rent_payer = x->head.rent_payer;
        k->alone = true;
    }
}

void chain_cranks_ended(struct chain_cranks *l)
{
    const struct su_acc_execution *x = l->c->execution;
    const bool payable = x->slashes == x->faults;
    const bool paid = payable && x->paid == x->opened && x->checks_open == 0;
    const unsigned due = x->oracles_voted | x->oracles_silent;
    const bool oracles_done = x->state != SU_EXEC_SETTLED || (x->oracles_paid & due) == due;

    slashes(l);
    for (uint16_t t = 0; t < x->task_count; t++) {
        const struct su_acc_assignment *a = l->c->assignments[t];
        const bool unpaid = (x->tasks[t].flags & (SU_TASKF_OPEN | SU_TASKF_PAID)) == SU_TASKF_OPEN;
        struct su_chain_crank *k =
            payable && unpaid && a ? chain_crank_add(l, SU_IX_PAY_TASK, t, x->phase_slot) : NULL;
        if (k)
            k->identity = a->node;
        checks(l, t, payable);
    }
    oracles(l);
    if (paid && oracles_done && !x->finished)
        (void)chain_crank_add(l, SU_IX_FINISH, 0, x->phase_slot);
    if (paid)
        reserves(l);
    if (x->finished)
        closings(l);
}
