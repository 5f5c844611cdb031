// SPDX-License-Identifier: MIT
/* The pool's oldest claims. */
#include "crank_priv.h"
#include "make_priv.h"

#include <string.h>

void chain_claim_append(struct su_chain_batch *b, uint64_t seq, const uint8_t node[32],
                        const uint8_t rent_payer[32])
{
    struct chain_roles r = chain_roles_of(b);
    uint8_t claim[32];

    su_chain_addr_claim(b->env, seq, claim);
    r.claim = claim;
    r.node = node;
    r.rent_payer = rent_payer;
    chain_emit_bare(b, SU_IX_CLAIM_PAY, &r);
}

/* The claims from the oldest on, as they were read; n of them are valid. */
struct claims {
    struct su_chain_accounts list, nodes;
    const struct su_acc_claim *claim[SU_CHAIN_CLAIMS_MAX];
    size_t n;
    uint64_t balance;
};

static enum su_code read_claims(struct su_chain *chain, const struct su_chain_env *env,
                                struct claims *c, struct su_err *e)
{
    uint8_t keys[SU_CHAIN_CLAIMS_MAX][32];
    struct su_chain_accounts one;
    const struct su_acc_pool *pool;
    uint64_t open = 0;

    enum su_code rc = su_chain_pool_get(chain, env->pool, &one, &pool, e);
    if (!rc) {
        c->balance = pool->balance;
        open = pool->claims_next - pool->claims_head;
        open = open < SU_CHAIN_CLAIMS_MAX ? open : SU_CHAIN_CLAIMS_MAX;
        for (uint64_t i = 0; i < open; i++)
            su_chain_addr_claim(env, pool->claims_head + i, keys[i]);
    }
    su_chain_accounts_fini(&one);
    if (!rc && open > 0)
        rc = su_chain_accounts_get(chain, (const uint8_t(*)[32])keys, (size_t)open, &c->list, e);
    while (!rc && c->n < c->list.n &&
           su_chain_as_claim(&c->list.items[c->n], env->program, &c->claim[c->n], NULL) == SU_OK)
        c->n++;
    for (size_t i = 0; i < c->n; i++)
        memcpy(keys[i], c->claim[i]->node, 32);
    if (!rc && c->n > 0)
        rc = su_chain_accounts_get(chain, (const uint8_t(*)[32])keys, c->n, &c->nodes, e);
    return rc;
}

/* As many as the balance covers and a transaction holds. */
static void append_claims(struct su_chain_batch *b, const struct claims *c)
{
    uint64_t balance = c->balance;

    for (size_t i = 0; i < c->n; i++) {
        const struct su_acc_claim *claim = c->claim[i];
        const uint64_t amount = c->nodes.items[i].exists ? claim->amount : 0;
        if (amount > balance)
            return;
        balance -= amount;
        chain_claim_append(b, claim->seq, claim->node, claim->head.rent_payer);
        if (b->n > 1 && !chain_batch_fits(b)) {
            b->n--;
            return;
        }
    }
}

enum su_code su_chain_claims_pay(struct su_chain *chain, const struct su_chain_env *env,
                                 const struct su_signer *signer,
                                 const struct su_chain_send_opts *opts, size_t *paid,
                                 struct su_err *e)
{
    struct su_chain_result result = {.sent = false};
    struct claims c = {.n = 0};
    struct su_chain_batch b;

    *paid = 0;
    su_chain_batch_init(&b, env, signer->public_key);
    enum su_code rc = read_claims(chain, env, &c, e);
    if (!rc)
        append_claims(&b, &c);
    if (!rc)
        rc = su_chain_batch_check(&b, e);
    if (!rc && b.n > 0) {
        rc = su_chain_send(chain, signer->public_key, b.instrs, b.n, &signer, 1, opts, &result, e);
        if (!rc)
            *paid = b.n;
        else if (chain_explained(&result.outcome.failure))
            rc = SU_OK;
        su_chain_result_fini(&result);
    }
    su_chain_batch_fini(&b);
    su_chain_accounts_fini(&c.list);
    su_chain_accounts_fini(&c.nodes);
    return rc;
}
