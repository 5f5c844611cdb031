// SPDX-License-Identifier: MIT
/* Methods that know the SPL Token program's accounts. */
#include "rpc_priv.h"

#include <stdlib.h>

#define X(name) rpc_method rpc_##name;
#include "ledger/rpc_methods.def"
#undef X

#define LARGEST_MAX 20u

/* Reads the mint at key. */
static bool mint_of(struct rpc_call *c, const uint8_t key[32], struct rpc_mint *mint,
                    const char *missing, const char *wrong)
{
    const struct su_ledger_account *a = su_ledger_account_get(c->ledger, key);
    bool ok = a != NULL && rpc_mint_read(a, mint);

    if (!ok)
        rpc_fail(c, RPC_INVALID_PARAMS, "Invalid param: %s", a == NULL ? missing : wrong);
    mint->authority = mint->freeze = NULL; /* they point into the account */
    su_ledger_account_release(a);
    return ok;
}

void rpc_getTokenAccountBalance(struct rpc_call *c)
{
    uint8_t key[32], of[32];
    struct rpc_config cfg;
    struct rpc_token token = {0};
    struct rpc_mint mint;

    if (!rpc_param_key(c, 0, key) || !rpc_param_config(c, 1, &cfg))
        return;
    const struct su_ledger_account *a = su_ledger_account_get(c->ledger, key);
    if (a == NULL) {
        rpc_fail(c, RPC_INVALID_PARAMS, "Invalid param: could not find account");
        return;
    }
    bool ok = rpc_token_read(a, &token);
    if (ok)
        memcpy(of, token.mint, 32);
    su_ledger_account_release(a);
    if (!ok) {
        rpc_fail(c, RPC_INVALID_PARAMS, "Invalid param: not a Token account");
        return;
    }
    if (!mint_of(c, of, &mint, "could not find mint", "could not find mint"))
        return;
    rpc_put_context(c);
    rpc_put_amount(c->w, "value", token.amount, mint.decimals);
    su_json_end_object(c->w);
}

void rpc_getTokenSupply(struct rpc_call *c)
{
    uint8_t key[32];
    struct rpc_config cfg;
    struct rpc_mint mint;

    if (!rpc_param_key(c, 0, key) || !rpc_param_config(c, 1, &cfg) ||
        !mint_of(c, key, &mint, "could not find account", "not a Token mint"))
        return;
    rpc_put_context(c);
    rpc_put_amount(c->w, "value", mint.supply, mint.decimals);
    su_json_end_object(c->w);
}

/* Parameter 1 of the methods below: {"mint":...} or {"programId":...}. *mint is NULL for the
   latter. */
static bool token_filter(struct rpc_call *c, uint8_t key[32], const uint8_t **mint)
{
    const struct su_json_value *v = rpc_param(c, 1);
    const char *of_mint = NULL, *program = NULL;
    struct rpc_mint unused;

    if (!rpc_params_want(c, 2))
        return false;
    if (su_json_kind(v) != SU_JSON_OBJECT || !rpc_opt_str(c, v, "mint", &of_mint) ||
        !rpc_opt_str(c, v, "programId", &program) || (of_mint == NULL) == (program == NULL))
        return rpc_fail(c, RPC_INVALID_PARAMS,
                        "Invalid params: expected one of `mint` or `programId`");
    if (!rpc_key(c, of_mint != NULL ? of_mint : program, key))
        return false;
    *mint = of_mint != NULL ? key : NULL;
    if (of_mint != NULL)
        return mint_of(c, key, &unused, "could not find mint", "not a Token mint");
    return memcmp(key, su_ledger_token_id, 32) == 0 ||
           rpc_fail(c, RPC_INVALID_PARAMS, "Invalid param: unrecognized Token program id");
}

static void put_list(struct rpc_call *c, struct su_ledger_accounts *list,
                     const struct rpc_config *cfg)
{
    rpc_put_context(c);
    if (rpc_put_keyed_accounts(c, "value", list, cfg, RPC_ENC_BINARY))
        su_json_end_object(c->w);
    su_ledger_accounts_fini(list);
}

void rpc_getTokenAccountsByOwner(struct rpc_call *c)
{
    uint8_t owner[32], key[32];
    const uint8_t *mint = NULL;
    struct rpc_config cfg;
    struct su_ledger_accounts list = {0};
    struct su_err e = {0};

    if (!rpc_param_key(c, 0, owner) || !token_filter(c, key, &mint) ||
        !rpc_param_config(c, 2, &cfg))
        return;
    if (su_ledger_tokens_of(c->ledger, owner, mint, &list, &e) != SU_OK)
        rpc_fail(c, RPC_INTERNAL, "Internal error: %s", e.msg);
    else
        put_list(c, &list, &cfg);
}

/* Token accounts of 165 bytes whose bytes from the filters' offsets on are equal. */
static bool tokens_where(struct rpc_call *c, const struct su_ledger_memcmp *m, size_t n,
                         struct su_ledger_accounts *list)
{
    struct su_err e = {0};

    return su_ledger_accounts_of(c->ledger, su_ledger_token_id, 165, m, n, list, &e) == SU_OK ||
           rpc_fail(c, RPC_INTERNAL, "Internal error: %s", e.msg);
}

void rpc_getTokenAccountsByDelegate(struct rpc_call *c)
{
    uint8_t delegate[36] = {1}, key[32]; /* the tag "there is one", then the key */
    const uint8_t *mint = NULL;
    struct rpc_config cfg;
    struct su_ledger_accounts list = {0};

    if (!rpc_param_key(c, 0, delegate + 4) || !token_filter(c, key, &mint) ||
        !rpc_param_config(c, 2, &cfg))
        return;
    const struct su_ledger_memcmp m[] = {{72, delegate, sizeof delegate}, {0, key, 32}};
    if (tokens_where(c, m, mint != NULL ? 2 : 1, &list))
        put_list(c, &list, &cfg);
}

static int by_amount(const void *a, const void *b)
{
    struct rpc_token x = {0}, y = {0};

    (void)rpc_token_read(*(const struct su_ledger_account *const *)a, &x);
    (void)rpc_token_read(*(const struct su_ledger_account *const *)b, &y);
    return (x.amount < y.amount) - (x.amount > y.amount);
}

void rpc_getTokenLargestAccounts(struct rpc_call *c)
{
    uint8_t key[32];
    struct rpc_config cfg;
    struct rpc_mint mint;
    struct rpc_token token;
    struct su_ledger_accounts list = {0};

    if (!rpc_param_key(c, 0, key) || !rpc_param_config(c, 1, &cfg) ||
        !mint_of(c, key, &mint, "could not find mint", "not a Token mint"))
        return;
    const struct su_ledger_memcmp m = {0, key, 32};
    if (!tokens_where(c, &m, 1, &list))
        return;
    if (list.n > 1)
        qsort(list.items, list.n, sizeof *list.items, by_amount);
    rpc_put_context(c);
    su_json_put_array(c->w, "value");
    for (size_t i = 0; i < SU_MIN(list.n, LARGEST_MAX); i++) {
        if (!rpc_token_read(list.items[i], &token))
            continue;
        su_json_put_object(c->w, NULL);
        rpc_put_key(c->w, "address", list.items[i]->key);
        rpc_put_amount_fields(c->w, token.amount, mint.decimals);
        su_json_end_object(c->w);
    }
    su_json_end_array(c->w);
    su_json_end_object(c->w);
    su_ledger_accounts_fini(&list);
}
