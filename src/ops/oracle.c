// SPDX-License-Identifier: MIT
/* Oracles: their entry, their bond, and the epoch that admits them. */
#include "ops_priv.h"

#include <string.h>

enum su_code su_ops_oracle_check(const struct su_ops_oracle *f, struct su_err *e)
{
    const struct su_ops_node endpoint = {.endpoint = f->endpoint, .vram_bytes = 1};
    uint64_t bond;
    enum su_code rc = su_ops_node_check(&endpoint, e); /* one rule for endpoints */

    if (!rc && f->bond)
        rc = su_ops_amount_parse(f->bond, "--bond", SU_OPS_USDC, &bond, e);
    return rc;
}

static enum su_code same_entry(const struct su_ops *o, const struct su_ops_oracle *f,
                               const struct su_acc_oracle *a, struct su_err *e)
{
    const char *address = su_wallet_address(o->identity);
    char text[SU_CHAIN_TEXT];
    size_t n = f->endpoint ? strlen(f->endpoint) : a->endpoint_len;

    if (memcmp(a->owner, su_wallet_public_key(o->wallet), 32) != 0)
        return su_fail(e, SU_EACCES, address,
                       "is registered already, by %s; use its wallet (--keypair)",
                       su_chain_key_text(a->owner, text));
    if (memcmp(a->vrf_key, f->vrf_key, 32) != 0)
        return su_fail(e, SU_EACCES, address, "is registered with another VRF key");
    if (f->endpoint && (n != a->endpoint_len || memcmp(a->endpoint, f->endpoint, n) != 0))
        return su_fail(e, SU_EACCES, address,
                       "is registered with another endpoint, which cannot be changed");
    return SU_OK;
}

static enum su_code bond(struct su_ops *o, struct su_ops_proposal *p, uint64_t has, uint64_t want,
                         struct su_err *e)
{
    char a[SU_OPS_AMOUNT_TEXT], b[SU_OPS_AMOUNT_TEXT];
    uint64_t held;
    bool exists;

    ops_line(p, "bond", "%s -> %s", su_ops_amount_text(has, SU_OPS_USDC, a),
             su_ops_amount_text(SU_MAX(has, want), SU_OPS_USDC, b));
    if (want <= has)
        return SU_OK;
    p->usdc_out = want - has;
    enum su_code rc = ops_usdc(o, &held, &exists, e);
    if (!rc && held < p->usdc_out)
        rc = su_fail(e, SU_ELIMIT, su_wallet_address(o->wallet),
                     "holds %s, less than the bond of %s; send USDC to it (on a private network: "
                     "`splitup wallet airdrop --usdc AMOUNT`)",
                     su_ops_amount_text(held, SU_OPS_USDC, a),
                     su_ops_amount_text(p->usdc_out, SU_OPS_USDC, b));
    if (!rc)
        su_chain_make_oracle_bond(ops_batch(o, p), su_wallet_public_key(o->wallet),
                                  su_wallet_public_key(o->identity), p->usdc_out);
    return rc;
}

static enum su_code propose(struct su_ops *o, const struct su_ops_oracle *f,
                            const struct su_acc_oracle *a, struct su_ops_proposal *p,
                            struct su_err *e)
{
    const uint8_t *owner = su_wallet_public_key(o->wallet),
                  *key = su_wallet_public_key(o->identity);
    uint64_t want = o->params.oracle_bond;
    enum su_code rc = a ? same_entry(o, f, a, e) : SU_OK;

    if (!rc && f->bond)
        rc = su_ops_amount_parse(f->bond, "--bond", SU_OPS_USDC, &want, e);
    if (rc)
        return rc;
    ops_line(p, "oracle", "%s%s", su_wallet_address(o->identity), a ? " (registered already)" : "");
    ops_line(p, "owner", "%s", su_wallet_address(o->wallet));
    if (!a) {
        ops_line(p, "endpoint", "%s",
                 f->endpoint && *f->endpoint ? f->endpoint : "none: nobody can reach it");
        su_chain_make_oracle_register(ops_batch(o, p), key, owner, f->vrf_key,
                                      f->endpoint ? f->endpoint : "");
        p->steps->identity_signs = true;
        rc = ops_rent(o, p, su_acc_bytes(SU_TAG_ORACLE), e);
    }
    if (!rc)
        rc = bond(o, p, a ? a->bond : 0, want, e);
    return rc ? rc : ops_finish(o, p, e);
}

enum su_code su_ops_oracle_prepare(struct su_ops *o, const struct su_ops_oracle *f,
                                   struct su_ops_proposal *p, struct su_err *e)
{
    struct su_chain_accounts list = {0};
    const struct su_acc_oracle *a = NULL;
    struct su_wallet *w;
    uint8_t address[32];

    memset(p, 0, sizeof *p);
    enum su_code rc = su_ops_oracle_check(f, e);
    if (!rc)
        rc = ops_begin(o, p, "register oracle", SU_OPS_TIER_PREVIEW, e);
    if (!rc)
        rc = su_ops_identity(o, true, &w, e);
    if (!rc) {
        su_chain_addr_oracle(&o->env, su_wallet_public_key(w), address);
        rc = su_chain_oracle_get(o->chain, address, &list, &a, e);
        rc = rc == SU_ENOENT ? SU_OK : rc;
    }
    if (!rc)
        rc = propose(o, f, a, p, e);
    su_chain_accounts_fini(&list);
    return rc;
}

/* ---- epochs --------------------------------------------------------------------------------------- */

struct epoch {
    uint8_t members[SU_ORACLES_MAX][32], leaving[SU_ORACLES_MAX][32];
    size_t n_members, n_leaving, n_new;
};

static bool listed(const uint8_t (*keys)[32], size_t n, const uint8_t key[32])
{
    for (size_t i = 0; i < n; i++)
        if (memcmp(keys[i], key, 32) == 0)
            return true;
    return false;
}

static enum su_code next_epoch(const struct su_ops_admit *f, const struct su_acc_config *c,
                               struct epoch *x, struct su_err *e)
{
    for (uint8_t i = 0; i < c->oracle_count; i++) {
        if (!f->alone || listed(f->keys, f->n, c->oracles[i].key))
            memcpy(x->members[x->n_members++], c->oracles[i].key, 32);
        else
            memcpy(x->leaving[x->n_leaving++], c->oracles[i].key, 32);
    }
    for (size_t i = 0; i < f->n; i++) {
        if (listed((const uint8_t(*)[32])x->members, x->n_members, f->keys[i]))
            continue;
        if (x->n_members == SU_ORACLES_MAX)
            return su_fail(e, SU_ELIMIT, "oracles", "an epoch has at most %u", SU_ORACLES_MAX);
        memcpy(x->members[x->n_members++], f->keys[i], 32);
        x->n_new++;
    }
    return SU_OK;
}

static enum su_code check_members(struct su_ops *o, const struct epoch *x, struct su_err *e)
{
    enum su_code rc = SU_OK;

    for (size_t i = 0; i < x->n_members && !rc; i++) {
        struct su_chain_accounts list = {0};
        const struct su_acc_oracle *a;
        char text[SU_CHAIN_TEXT], amount[SU_OPS_AMOUNT_TEXT];
        uint8_t address[32];
        su_chain_addr_oracle(&o->env, x->members[i], address);
        rc = su_chain_oracle_get(o->chain, address, &list, &a, e);
        if (rc == SU_ENOENT)
            rc = su_fail(e, rc, su_chain_key_text(x->members[i], text),
                         "no oracle is registered under this key: `splitup oracle init` there");
        if (!rc && a->bond < o->params.oracle_bond)
            rc = su_fail(e, SU_ELIMIT, su_chain_key_text(x->members[i], text),
                         "has bonded less than %s",
                         su_ops_amount_text(o->params.oracle_bond, SU_OPS_USDC, amount));
        su_chain_accounts_fini(&list);
    }
    return rc;
}

static enum su_code admit(struct su_ops *o, const struct su_ops_admit *f,
                          const struct su_acc_state *s, struct su_ops_proposal *p, struct su_err *e)
{
    const uint8_t *admin = su_wallet_public_key(o->identity);
    struct su_chain_accounts list = {0};
    const struct su_acc_config *c;
    struct epoch x = {.n_members = 0};
    char text[SU_CHAIN_TEXT];
    uint8_t address[32];

    if (memcmp(s->admin, admin, 32) != 0)
        return su_fail(e, SU_EACCES, su_wallet_address(o->identity),
                       "is not the administrator; that is %s", su_chain_key_text(s->admin, text));
    su_chain_addr_config(&o->env, s->latest_epoch, address);
    enum su_code rc = su_chain_config_get(o->chain, address, &list, &c, e);
    if (!rc)
        rc = next_epoch(f, c, &x, e);
    if (!rc)
        rc = check_members(o, &x, e);
    if (!rc) {
        const struct su_chain_oracle_set set = {.members = (const uint8_t(*)[32])x.members,
                                                .n_members = x.n_members,
                                                .leaving = (const uint8_t(*)[32])x.leaving,
                                                .n_leaving = x.n_leaving,
                                                .latest = s->latest_epoch};
        bool change = x.n_new + x.n_leaving > 0;
        ops_line(p, "epoch", change ? "%llu, then the next" : "%llu, which has them already",
                 (unsigned long long)s->latest_epoch);
        for (size_t i = 0; i < x.n_members; i++)
            ops_line(p, "oracle", "%s", su_chain_key_text(x.members[i], text));
        for (size_t i = 0; i < x.n_leaving; i++)
            ops_line(p, "leaves", "%s", su_chain_key_text(x.leaving[i], text));
        if (change)
            su_chain_make_config_next(ops_batch(o, p), admin, &set, &c->params);
        p->steps->identity_signs = true;
        rc = ops_finish(o, p, e);
    }
    su_chain_accounts_fini(&list);
    return rc;
}

enum su_code su_ops_admit_prepare(struct su_ops *o, const struct su_ops_admit *f,
                                  struct su_ops_proposal *p, struct su_err *e)
{
    struct su_chain_accounts list = {0};
    const struct su_acc_state *s;
    struct su_wallet *w;

    memset(p, 0, sizeof *p);
    if (f->n == 0 || f->n > SU_ORACLES_MAX)
        return su_fail(e, SU_ELIMIT, "oracles", "give 1 to %u keys", SU_ORACLES_MAX);
    enum su_code rc = ops_begin(o, p, "admit oracles", SU_OPS_TIER_TYPED, e);
    if (!rc)
        rc = su_ops_identity(o, false, &w, e);
    if (!rc)
        rc = su_chain_state_get(o->chain, o->env.state, &list, &s, e);
    if (!rc)
        rc = admit(o, f, s, p, e);
    su_chain_accounts_fini(&list);
    return rc;
}
