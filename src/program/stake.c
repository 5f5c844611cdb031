// SPDX-License-Identifier: MIT
/* Money of nodes and requestors: stake in, tickets, stake out, earnings, refunds, claims. */
#include "program_priv.h"

uint64_t su_prog_stake_deposit(struct su_sys *s)
{
    enum { DEPOSITOR, FROM, MINT, VAULT, STATE, NODE };
    const struct su_ix_amount *ix = SU_PROG_ARGS(s, amount);
    struct su_acc_state *state;
    struct su_acc_node *node;
    SU_TRY(su_prog_load(s, STATE, SU_TAG_STATE, &state));
    SU_TRY(su_prog_load(s, NODE, SU_TAG_NODE, &node));
    SU_TRY(su_prog_add(&node->stake_free, ix->amount));
    return su_prog_vault_in(s, state, DEPOSITOR, FROM, MINT, VAULT, ix->amount);
}

static uint64_t node_of_owner(struct su_sys *s, uint64_t owner, uint64_t at,
                              struct su_acc_node **node)
{
    SU_TRY(su_prog_load(s, at, SU_TAG_NODE, node));
    SU_DEMAND(su_free_key_equal((*node)->owner, su_prog_key(s, owner)), NotAuthorised);
    return 0;
}

uint64_t su_prog_stake_unlock(struct su_sys *s)
{
    enum { OWNER, STATE, CONFIG, NODE };
    const struct su_ix_amount *ix = SU_PROG_ARGS(s, amount);
    struct su_acc_state *state;
    struct su_acc_config *config;
    struct su_acc_node *node;
    SU_TRY(su_prog_load(s, STATE, SU_TAG_STATE, &state));
    SU_TRY(su_prog_config_now(s, state, CONFIG, &config));
    SU_TRY(node_of_owner(s, OWNER, NODE, &node));
    SU_DEMAND(ix->amount != 0, ZeroAmount);
    SU_DEMAND(ix->amount <= node->stake_free, InsufficientStake);
    node->stake_free -= ix->amount;
    uint64_t stake, needed;
    SU_DEMAND(su_econ_base_stake(&config->params, node->vram_bytes, &needed) &&
                  su_free_add(node->stake_free, node->stake_reserved, &stake),
              Overflow);
    SU_DEMAND(node->declared_count == 0 || stake >= needed, StakeTooSmall);
    unsigned at = 0;
    while (at < SU_TICKETS_MAX && node->tickets[at].amount != 0)
        at++;
    SU_DEMAND(at < SU_TICKETS_MAX, TooManyTickets);
    node->tickets[at].amount = ix->amount;
    node->tickets[at].unlock_slot = su_sys_slot(s);
    return su_prog_add(&node->tickets[at].unlock_slot, config->params.cooldown_slots);
}

enum { OUT_OWNER, OUT_TO, OUT_MINT, OUT_VAULT, OUT_AUTHORITY, OUT_STATE, OUT_OBJECT };

static uint64_t pay_out(struct su_sys *s, uint64_t amount)
{
    struct su_acc_state *state;
    SU_TRY(su_prog_load(s, OUT_STATE, SU_TAG_STATE, &state));
    return su_prog_vault_out(s, state, OUT_TO, OUT_MINT, OUT_VAULT, OUT_AUTHORITY, amount);
}

/* All of a balance, or as much as one transfer takes. */
static uint64_t pay_out_all(struct su_sys *s, uint64_t *balance)
{
    uint64_t amount = *balance < SU_AMOUNT_MAX ? *balance : SU_AMOUNT_MAX;
    *balance -= amount;
    return pay_out(s, amount);
}

uint64_t su_prog_stake_withdraw(struct su_sys *s)
{
    const struct su_ix_stake_withdraw *ix = SU_PROG_ARGS(s, stake_withdraw);
    struct su_acc_node *node;
    SU_TRY(node_of_owner(s, OUT_OWNER, OUT_OBJECT, &node));
    SU_DEMAND(ix->ticket < SU_TICKETS_MAX && node->tickets[ix->ticket].amount != 0, NoSuchTicket);
    struct su_ticket *ticket = &node->tickets[ix->ticket];
    SU_DEMAND(su_sys_slot(s) >= ticket->unlock_slot, TooEarly);
    SU_TRY(pay_out_all(s, &ticket->amount));
    if (ticket->amount == 0)
        ticket->unlock_slot = 0;
    return 0;
}

uint64_t su_prog_earnings_claim(struct su_sys *s)
{
    struct su_acc_node *node;
    SU_TRY(node_of_owner(s, OUT_OWNER, OUT_OBJECT, &node));
    return pay_out_all(s, &node->earned);
}

uint64_t su_prog_refund_claim(struct su_sys *s)
{
    struct su_acc_requestor *requestor;
    SU_TRY(su_prog_load(s, OUT_OBJECT, SU_TAG_REQUESTOR, &requestor));
    SU_DEMAND(su_free_key_equal(requestor->key, su_prog_key(s, OUT_OWNER)), NotAuthorised);
    return pay_out_all(s, &requestor->refund);
}

uint64_t su_prog_claim_pay(struct su_sys *s)
{
    enum { POOL, CLAIM, NODE, RENT_PAYER };
    struct su_acc_pool *pool;
    struct su_acc_claim *claim;
    SU_TRY(su_prog_load(s, POOL, SU_TAG_POOL, &pool));
    SU_TRY(su_prog_load(s, CLAIM, SU_TAG_CLAIM, &claim));
    SU_DEMAND(claim->seq == pool->claims_head, WrongClaim);
    SU_DEMAND(su_free_key_equal(claim->node, su_prog_key(s, NODE)), WrongRelation);
    if (!su_prog_absent(
            s, NODE)) { /* who has closed its node forgoes the claim, and holds up nobody */
        struct su_acc_node *node;
        SU_TRY(su_prog_load(s, NODE, SU_TAG_NODE, &node));
        SU_DEMAND(pool->balance >= claim->amount, PoolTooSmall);
        pool->balance -= claim->amount;
        SU_TRY(su_prog_add(&node->earned, claim->amount));
    }
    pool->claims_head++;
    return su_prog_close(s, CLAIM, RENT_PAYER);
}
