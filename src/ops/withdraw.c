// SPDX-License-Identifier: MIT
/* Taking a node's money out: what can be done now, and what remains to be waited for. */
#include "ops_priv.h"

#include <inttypes.h>
#include <string.h>

struct leaving {
    struct su_chain_accounts list;
    const struct su_acc_node *node;
    uint64_t slot, due, waiting, next_slot; /* tickets: due now, not yet, the soonest of those */
    bool room; /* a ticket is free, or will be */
};

static enum su_code take_back_tasks(struct su_ops *o, struct su_ops_proposal *p,
                                    const struct leaving *l, struct su_err *e)
{
    const uint8_t *wallet = su_wallet_public_key(o->wallet);
    enum su_code rc = SU_OK;

    for (size_t i = 0; i < l->node->declared_count && !rc; i++) {
        const struct su_acc_declaration *a;
        struct su_chain_accounts list = {0};
        uint8_t address[32];
        su_chain_addr_declaration(&o->env, l->node->declared[i], l->node->owner, address);
        rc = su_chain_declaration_get(o->chain, address, &list, &a, e);
        if (!rc) {
            const struct su_chain_undeclaration u = {.signer = wallet,
                                                     .identity = l->node->identity,
                                                     .owner = l->node->owner,
                                                     .task_key = l->node->declared[i],
                                                     .rent_payer = a->head.rent_payer};
            su_chain_make_node_undeclare(ops_batch(o, p), &u);
        }
        su_chain_accounts_fini(&list);
    }
    if (l->node->declared_count > 0)
        ops_line(p, "tasks", "%u are taken back", l->node->declared_count);
    return rc;
}

static void count_tickets(struct leaving *l)
{
    for (size_t i = 0; i < SU_TICKETS_MAX; i++) {
        const struct su_ticket *t = &l->node->tickets[i];
        if (t->amount > 0 && t->unlock_slot <= l->slot)
            l->due += t->amount;
        else
            l->waiting += t->amount;
        if (t->amount > 0 && t->unlock_slot > l->slot &&
            (l->next_slot == 0 || t->unlock_slot < l->next_slot))
            l->next_slot = t->unlock_slot;
        l->room = l->room || t->amount == 0 || t->unlock_slot <= l->slot;
    }
}

/* Due tickets and earnings, to the owner. */
static enum su_code pay_out(struct su_ops *o, struct su_ops_proposal *p, const struct leaving *l,
                            struct su_err *e)
{
    enum { TOKEN_ACCOUNT_BYTES = 165 };
    const uint8_t *wallet = su_wallet_public_key(o->wallet);
    char text[SU_OPS_AMOUNT_TEXT];
    uint64_t held;
    bool exists;
    enum su_code rc = SU_OK;

    p->usdc_in = l->due + l->node->earned;
    if (p->usdc_in == 0)
        return SU_OK;
    rc = ops_usdc(o, &held, &exists, e);
    if (!rc && !exists) {
        su_chain_make_usdc_account(ops_batch(o, p), wallet);
        rc = ops_rent(o, p, TOKEN_ACCOUNT_BYTES, e);
    }
    for (size_t i = 0; i < SU_TICKETS_MAX && !rc; i++)
        if (l->node->tickets[i].amount > 0 && l->node->tickets[i].unlock_slot <= l->slot)
            su_chain_make_stake_withdraw(ops_batch(o, p), wallet, l->node->identity, i);
    if (!rc && l->node->earned > 0)
        su_chain_make_earnings_claim(ops_batch(o, p), wallet, l->node->identity);
    ops_line(p, "taken out", "%s", su_ops_amount_text(p->usdc_in, SU_OPS_USDC, text));
    return rc;
}

static void unlock(struct su_ops *o, struct su_ops_proposal *p, const struct leaving *l)
{
    char amount[SU_OPS_AMOUNT_TEXT], time[SU_OPS_AMOUNT_TEXT];

    if (l->node->stake_free == 0 || !l->room)
        return;
    su_chain_make_stake_unlock(ops_batch(o, p), su_wallet_public_key(o->wallet), l->node->identity,
                               l->node->stake_free);
    ops_line(p, "unlocking", "%s, to be taken out in %s by the same command",
             su_ops_amount_text(l->node->stake_free, SU_OPS_USDC, amount),
             su_ops_slots_text(o->params.cooldown_slots, o->params.ms_per_slot, time));
}

static void what_remains(const struct su_ops *o, struct su_ops_proposal *p, const struct leaving *l)
{
    char amount[SU_OPS_AMOUNT_TEXT], time[SU_OPS_AMOUNT_TEXT];

    if (l->waiting > 0)
        ops_line(p, "remains", "%s unlock already, the first of it is due in %s",
                 su_ops_amount_text(l->waiting, SU_OPS_USDC, amount),
                 su_ops_slots_text(l->next_slot - l->slot, o->params.ms_per_slot, time));
    if (l->node->stake_reserved > 0)
        ops_line(p, "remains", "%s are reserved for %u executions until these end",
                 su_ops_amount_text(l->node->stake_reserved, SU_OPS_USDC, amount),
                 l->node->reserves_open);
    if (l->node->stake_free > 0 && !l->room)
        ops_line(p, "remains", "%s: all %u tickets are taken",
                 su_ops_amount_text(l->node->stake_free, SU_OPS_USDC, amount), SU_TICKETS_MAX);
}

static enum su_code propose(struct su_ops *o, struct su_ops_proposal *p, struct leaving *l,
                            struct su_err *e)
{
    char owner[SU_CHAIN_TEXT], time[SU_OPS_AMOUNT_TEXT];
    enum su_code rc = SU_OK;

    if (memcmp(l->node->owner, su_wallet_public_key(o->wallet), 32) != 0)
        return su_fail(e, SU_EACCES, su_wallet_address(o->wallet),
                       "does not own this node; only %s takes its money out (--keypair)",
                       su_chain_key_text(l->node->owner, owner));
    count_tickets(l);
    if (l->node->declared_count == 0 && l->due + l->node->earned == 0 &&
        (l->node->stake_free == 0 || !l->room)) {
        if (l->waiting > 0)
            return su_fail(e, SU_EBUSY, "stake", "is unlocking; the first of it is due in %s",
                           su_ops_slots_text(l->next_slot - l->slot, o->params.ms_per_slot, time));
        return l->node->stake_reserved > 0
                   ? su_fail(e, SU_EBUSY, "stake", "is reserved for executions that have not ended")
                   : su_fail(e, SU_ENOENT, "stake", "nothing is left to be taken out");
    }
    rc = take_back_tasks(o, p, l, e);
    if (!rc)
        rc = pay_out(o, p, l, e);
    if (rc)
        return rc;
    unlock(o, p, l);
    what_remains(o, p, l);
    return ops_finish(o, p, e);
}

enum su_code su_ops_withdraw_prepare(struct su_ops *o, struct su_ops_proposal *p, struct su_err *e)
{
    const struct su_ops_stake own = {.node = NULL};
    struct leaving l = {.node = NULL};
    char text[SU_CHAIN_TEXT];
    uint8_t identity[32];
    enum su_code rc = ops_begin(o, p, "withdraw the node", SU_OPS_TIER_TYPED, e);

    if (!rc)
        rc = su_ops_stake_node(o, &own, identity, e);
    if (!rc) {
        rc = su_chain_node_of(o->chain, &o->env, identity, &l.list, &l.node, e);
        if (rc == SU_ENOENT)
            rc = su_fail(e, rc, su_chain_key_text(identity, text), "is not registered");
    }
    if (!rc)
        rc = su_chain_slot(o->chain, &l.slot, e);
    if (!rc) {
        ops_line(p, "node", "%s", su_chain_key_text(identity, text));
        rc = propose(o, p, &l, e);
    }
    su_chain_accounts_fini(&l.list);
    return rc;
}
