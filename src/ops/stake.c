// SPDX-License-Identifier: MIT
/* Stake: in, unlocked, out; and what was earned. */
#include "ops_priv.h"

#include <inttypes.h>
#include <string.h>

enum su_code su_ops_stake_node(struct su_ops *o, const struct su_ops_stake *f, uint8_t identity[32],
                               struct su_err *e)
{
    struct su_wallet *w;

    if (f->node && strcmp(f->node, "own") != 0)
        return su_chain_key_parse(f->node, "--node", identity, e);
    enum su_code rc = su_ops_identity(o, false, &w, e);
    if (!rc)
        memcpy(identity, su_wallet_public_key(w), 32);
    return rc;
}

static enum su_code check(const struct su_ops_stake *f, bool all, struct su_err *e)
{
    uint8_t key[32];
    uint64_t v;
    enum su_code rc = SU_OK;

    if (f->node && strcmp(f->node, "own") != 0)
        rc = su_chain_key_parse(f->node, "--node", key, e);
    if (!rc && !f->amount)
        rc = su_fail(e, SU_EINVAL, "amount", "is missing: give USDC%s", all ? ", or all" : "");
    if (!rc && !(all && strcmp(f->amount, "all") == 0))
        rc = su_ops_amount_parse(f->amount, "amount", SU_OPS_USDC, &v, e);
    return rc;
}

enum su_code su_ops_deposit_check(const struct su_ops_stake *f, struct su_err *e)
{
    return check(f, false, e);
}

enum su_code su_ops_unlock_check(const struct su_ops_stake *f, struct su_err *e)
{
    return check(f, true, e);
}

/* The node a proposal is about, as the chain has it. */
struct subject {
    uint8_t identity[32];
    struct su_chain_accounts list;
    const struct su_acc_node *node;
};

static enum su_code begin(struct su_ops *o, const struct su_ops_stake *f, struct su_ops_proposal *p,
                          const char *title, enum su_ops_tier tier, struct subject *s,
                          struct su_err *e)
{
    char text[SU_CHAIN_TEXT];

    memset(s, 0, sizeof *s);
    enum su_code rc = ops_begin(o, p, title, tier, e);
    if (!rc)
        rc = su_ops_stake_node(o, f, s->identity, e);
    if (!rc)
        rc = su_chain_node_of(o->chain, &o->env, s->identity, &s->list, &s->node, e);
    if (rc == SU_ENOENT && p->steps && !s->node && s->list.n > 0)
        rc = su_fail(e, SU_ENOENT, su_chain_key_text(s->identity, text),
                     "no node is registered under this identity; its machine runs "
                     "`splitup-node register` first");
    if (!rc)
        ops_line(p, "node", "%s", su_chain_key_text(s->identity, text));
    return rc;
}

/* Money leaves a node only to its owner. */
static enum su_code check_owner(const struct su_ops *o, const struct subject *s, struct su_err *e)
{
    char owner[SU_CHAIN_TEXT];

    if (memcmp(s->node->owner, su_wallet_public_key(o->wallet), 32) == 0)
        return SU_OK;
    return su_fail(e, SU_EACCES, su_wallet_address(o->wallet),
                   "does not own this node; only %s takes its money out (--keypair)",
                   su_chain_key_text(s->node->owner, owner));
}

/* The line about the wallet's USDC, and the account that receives it if it is missing. */
static enum su_code receive(struct su_ops *o, struct su_ops_proposal *p, struct su_chain_batch *b,
                            struct su_err *e)
{
    enum { TOKEN_ACCOUNT_BYTES = 165 };
    char had[SU_OPS_AMOUNT_TEXT], has[SU_OPS_AMOUNT_TEXT];
    uint64_t held;
    bool exists;
    enum su_code rc = ops_usdc(o, &held, &exists, e);

    if (!rc && !exists) {
        su_chain_make_usdc_account(b, su_wallet_public_key(o->wallet));
        rc = ops_rent(o, p, TOKEN_ACCOUNT_BYTES, e);
    }
    if (!rc)
        ops_line(p, "wallet", "%s -> %s", su_ops_amount_text(held, SU_OPS_USDC, had),
                 su_ops_amount_text(held + p->usdc_in, SU_OPS_USDC, has));
    return rc;
}

/* ---- deposit ------------------------------------------------------------------------------------ */

static enum su_code deposit(struct su_ops *o, struct su_ops_proposal *p, const struct subject *s,
                            uint64_t amount, struct su_err *e)
{
    char a[SU_OPS_AMOUNT_TEXT], b[SU_OPS_AMOUNT_TEXT];
    const uint8_t *wallet = su_wallet_public_key(o->wallet);
    uint64_t held, least = 0;
    bool exists;
    enum su_code rc = ops_usdc(o, &held, &exists, e);

    if (rc)
        return rc;
    if (held < amount)
        return su_fail(e, SU_ELIMIT, su_wallet_address(o->wallet),
                       "holds %s, less than %s; send USDC to it (on a private network: `splitup "
                       "wallet airdrop --usdc AMOUNT`)",
                       su_ops_amount_text(held, SU_OPS_USDC, a),
                       su_ops_amount_text(amount, SU_OPS_USDC, b));
    p->usdc_out = amount;
    if (memcmp(s->node->owner, wallet, 32) != 0)
        ops_line(p, "owner", "%s: NOT this wallet; only it can take the stake out",
                 su_chain_key_text(s->node->owner, (char[SU_CHAIN_TEXT]){0}));
    ops_line(p, "stake", "%s -> %s", su_ops_amount_text(s->node->stake_free, SU_OPS_USDC, a),
             su_ops_amount_text(s->node->stake_free + amount, SU_OPS_USDC, b));
    ops_line(p, "wallet", "%s -> %s", su_ops_amount_text(held, SU_OPS_USDC, a),
             su_ops_amount_text(held - amount, SU_OPS_USDC, b));
    if (su_econ_base_stake(&o->params, s->node->vram_bytes, &least) &&
        s->node->stake_free + s->node->stake_reserved + amount < least)
        ops_line(p, "note", "tasks can be declared from %s on",
                 su_ops_amount_text(least, SU_OPS_USDC, a));
    su_chain_make_stake_deposit(ops_batch(o, p), wallet, s->identity, amount);
    return ops_finish(o, p, e);
}

enum su_code su_ops_deposit_prepare(struct su_ops *o, const struct su_ops_stake *f,
                                    struct su_ops_proposal *p, struct su_err *e)
{
    struct subject s = {.node = NULL};
    uint64_t amount = 0;

    memset(p, 0, sizeof *p);
    enum su_code rc = su_ops_deposit_check(f, e);
    if (!rc)
        rc = su_ops_amount_parse(f->amount, "amount", SU_OPS_USDC, &amount, e);
    if (!rc)
        rc = begin(o, f, p, "deposit stake", SU_OPS_TIER_PREVIEW, &s, e);
    if (!rc)
        rc = deposit(o, p, &s, amount, e);
    su_chain_accounts_fini(&s.list);
    return rc;
}

/* ---- unlock ------------------------------------------------------------------------------------- */

static enum su_code unlock(struct su_ops *o, struct su_ops_proposal *p, const struct subject *s,
                           uint64_t amount, struct su_err *e)
{
    const struct su_acc_node *n = s->node;
    char a[SU_OPS_AMOUNT_TEXT], b[SU_OPS_AMOUNT_TEXT];
    bool room = false;
    enum su_code rc = check_owner(o, s, e);

    if (rc)
        return rc;
    for (size_t i = 0; i < SU_TICKETS_MAX; i++)
        room = room || n->tickets[i].amount == 0;
    if (!room)
        return su_fail(e, SU_ELIMIT, "tickets",
                       "all %u are taken; take due ones out first with `splitup stake withdraw`",
                       SU_TICKETS_MAX);
    if (n->stake_free < amount || n->stake_free == 0)
        return su_fail(
            e, SU_ELIMIT, "amount", "%s are free of %s: %s are reserved",
            su_ops_amount_text(n->stake_free, SU_OPS_USDC, a),
            su_ops_amount_text(n->stake_free + n->stake_reserved, SU_OPS_USDC, b),
            su_ops_amount_text(n->stake_reserved, SU_OPS_USDC, (char[SU_OPS_AMOUNT_TEXT]){0}));
    if (amount == 0)
        amount = n->stake_free;
    ops_line(p, "free stake", "%s -> %s", su_ops_amount_text(n->stake_free, SU_OPS_USDC, a),
             su_ops_amount_text(n->stake_free - amount, SU_OPS_USDC, b));
    ops_line(p, "unlocking", "%s, to be taken out in %s",
             su_ops_amount_text(amount, SU_OPS_USDC, a),
             su_ops_slots_text(o->params.cooldown_slots, o->params.ms_per_slot, b));
    su_chain_make_stake_unlock(ops_batch(o, p), su_wallet_public_key(o->wallet), s->identity,
                               amount);
    return ops_finish(o, p, e);
}

enum su_code su_ops_unlock_prepare(struct su_ops *o, const struct su_ops_stake *f,
                                   struct su_ops_proposal *p, struct su_err *e)
{
    struct subject s = {.node = NULL};
    uint64_t amount = 0; /* 0: all */

    memset(p, 0, sizeof *p);
    enum su_code rc = su_ops_unlock_check(f, e);
    if (!rc && strcmp(f->amount, "all") != 0)
        rc = su_ops_amount_parse(f->amount, "amount", SU_OPS_USDC, &amount, e);
    if (!rc)
        rc = begin(o, f, p, "unlock stake", SU_OPS_TIER_TYPED, &s, e);
    if (!rc)
        rc = unlock(o, p, &s, amount, e);
    su_chain_accounts_fini(&s.list);
    return rc;
}

/* ---- out ---------------------------------------------------------------------------------------- */

static enum su_code none_due(const struct su_ops *o, const struct su_acc_node *n, uint64_t slot,
                             struct su_err *e)
{
    char amount[SU_OPS_AMOUNT_TEXT], time[SU_OPS_AMOUNT_TEXT];
    const struct su_ticket *next = NULL;

    for (size_t i = 0; i < SU_TICKETS_MAX; i++) {
        const struct su_ticket *t = &n->tickets[i];
        if (t->amount > 0 && (!next || t->unlock_slot < next->unlock_slot))
            next = t;
    }
    if (!next)
        return su_fail(e, SU_ENOENT, "stake",
                       "nothing is unlocking; `splitup stake withdraw AMOUNT` begins it");
    return su_fail(e, SU_EBUSY, "stake", "%s unlock at slot %" PRIu64 ", in %s: try again then",
                   su_ops_amount_text(next->amount, SU_OPS_USDC, amount), next->unlock_slot,
                   su_ops_slots_text(next->unlock_slot - slot, o->params.ms_per_slot, time));
}

static enum su_code take_out(struct su_ops *o, struct su_ops_proposal *p, const struct subject *s,
                             struct su_err *e)
{
    struct su_chain_batch *b = ops_batch(o, p);
    char text[SU_OPS_AMOUNT_TEXT];
    uint64_t slot;
    enum su_code rc = check_owner(o, s, e);

    if (!rc)
        rc = su_chain_slot(o->chain, &slot, e);
    if (rc)
        return rc;
    for (size_t i = 0; i < SU_TICKETS_MAX; i++) {
        const struct su_ticket *t = &s->node->tickets[i];
        if (t->amount > 0 && t->unlock_slot <= slot)
            p->usdc_in += t->amount;
    }
    if (p->usdc_in == 0)
        return none_due(o, s->node, slot, e);
    ops_line(p, "taken out", "%s", su_ops_amount_text(p->usdc_in, SU_OPS_USDC, text));
    rc = receive(o, p, b, e);
    for (size_t i = 0; i < SU_TICKETS_MAX && !rc; i++) {
        const struct su_ticket *t = &s->node->tickets[i];
        if (t->amount > 0 && t->unlock_slot <= slot)
            su_chain_make_stake_withdraw(b, su_wallet_public_key(o->wallet), s->identity, i);
    }
    return rc ? rc : ops_finish(o, p, e);
}

enum su_code su_ops_take_out_prepare(struct su_ops *o, const struct su_ops_stake *f,
                                     struct su_ops_proposal *p, struct su_err *e)
{
    struct subject s;
    enum su_code rc = begin(o, f, p, "take stake out", SU_OPS_TIER_PREVIEW, &s, e);

    if (!rc)
        rc = take_out(o, p, &s, e);
    su_chain_accounts_fini(&s.list);
    return rc;
}

static enum su_code claim(struct su_ops *o, struct su_ops_proposal *p, const struct subject *s,
                          struct su_err *e)
{
    struct su_chain_batch *b = ops_batch(o, p);
    char text[SU_OPS_AMOUNT_TEXT];
    enum su_code rc = check_owner(o, s, e);

    if (rc)
        return rc;
    if (s->node->earned == 0)
        return su_fail(e, SU_ENOENT, "earnings", "there are none to be claimed yet");
    p->usdc_in = s->node->earned;
    ops_line(p, "earned", "%s", su_ops_amount_text(p->usdc_in, SU_OPS_USDC, text));
    rc = receive(o, p, b, e);
    if (rc)
        return rc;
    su_chain_make_earnings_claim(b, su_wallet_public_key(o->wallet), s->identity);
    return ops_finish(o, p, e);
}

enum su_code su_ops_claim_prepare(struct su_ops *o, const struct su_ops_stake *f,
                                  struct su_ops_proposal *p, struct su_err *e)
{
    struct subject s;
    enum su_code rc = begin(o, f, p, "claim earnings", SU_OPS_TIER_PREVIEW, &s, e);

    if (!rc)
        rc = claim(o, p, &s, e);
    su_chain_accounts_fini(&s.list);
    return rc;
}
