// SPDX-License-Identifier: MIT
/* Methods that read accounts. */
#include "rpc_priv.h"

#define X(name) rpc_method rpc_##name;
#include "ledger/rpc_methods.def"
#undef X

void rpc_getBalance(struct rpc_call *c)
{
    uint8_t key[32];
    struct rpc_config cfg;

    if (!rpc_param_key(c, 0, key) || !rpc_param_config(c, 1, &cfg))
        return;
    rpc_put_context(c);
    const struct su_ledger_account *a = su_ledger_account_get(c->ledger, key);
    su_json_put_u64(c->w, "value", a != NULL ? a->lamports : 0);
    su_ledger_account_release(a);
    su_json_end_object(c->w);
}

void rpc_getAccountInfo(struct rpc_call *c)
{
    uint8_t key[32];
    struct rpc_config cfg;

    if (!rpc_param_key(c, 0, key) || !rpc_param_config(c, 1, &cfg))
        return;
    rpc_put_context(c);
    const struct su_ledger_account *a = su_ledger_account_get(c->ledger, key);
    bool ok = rpc_put_account(c, "value", a, &cfg, RPC_ENC_BINARY);
    su_ledger_account_release(a);
    if (ok)
        su_json_end_object(c->w);
}

void rpc_getMultipleAccounts(struct rpc_call *c)
{
    struct rpc_config cfg;
    uint8_t key[32];
    const char *text = NULL;
    const struct su_json_value *list = rpc_param(c, 0);

    if (!rpc_params_want(c, 1) || !rpc_param_config(c, 1, &cfg))
        return;
    if (su_json_kind(list) != SU_JSON_ARRAY) {
        rpc_fail(c, RPC_INVALID_PARAMS, "Invalid params: addresses must be an array");
        return;
    }
    if (su_json_count(list) > RPC_ACCOUNTS_MAX) {
        rpc_fail(c, RPC_INVALID_PARAMS, "Too many inputs provided; max %u", RPC_ACCOUNTS_MAX);
        return;
    }
    rpc_put_context(c);
    su_json_put_array(c->w, "value");
    for (const struct su_json_value *i = su_json_first(list); i != NULL; i = su_json_next(i)) {
        if (su_json_as_str(i, NULL, &text, NULL) != SU_OK) {
            rpc_fail(c, RPC_INVALID_PARAMS, "Invalid params: an address must be a string");
            return;
        }
        if (!rpc_key(c, text, key))
            return;
        const struct su_ledger_account *a = su_ledger_account_get(c->ledger, key);
        bool ok = rpc_put_account(c, NULL, a, &cfg, RPC_ENC_BASE64);
        su_ledger_account_release(a);
        if (!ok)
            return;
    }
    su_json_end_array(c->w);
    su_json_end_object(c->w);
}

/* ---- programs -------------------------------------------------------------------------------- */

struct filters {
    uint64_t data_bytes;
    bool none_match; /* two sizes that differ */
    bool token_state; /* only initialised token accounts */
    size_t n;
    struct su_ledger_memcmp memcmp[RPC_FILTERS_MAX];
    uint8_t bytes[RPC_FILTERS_MAX][RPC_BASE58_DATA_MAX];
};

static bool too_large(struct rpc_call *c)
{
    return rpc_fail(c, RPC_INVALID_PARAMS,
                    "Invalid param: encoded binary data should be less than %u bytes",
                    RPC_BASE58_DATA_MAX + 1);
}

/* An array of byte values, the form old clients send. */
static bool bytes_of_array(struct rpc_call *c, const struct su_json_value *list, uint8_t *out,
                           size_t *n)
{
    uint64_t v = 0;

    for (const struct su_json_value *i = su_json_first(list); i != NULL; i = su_json_next(i)) {
        if (*n == RPC_BASE58_DATA_MAX)
            return too_large(c);
        if (su_json_as_u64(i, NULL, &v, NULL) != SU_OK || v > 255)
            return rpc_fail(c, RPC_INVALID_PARAMS, "Invalid params: a byte is 0 to 255");
        out[(*n)++] = (uint8_t)v;
    }
    return true;
}

static bool read_memcmp(struct rpc_call *c, const struct su_json_value *v, struct filters *f)
{
    const struct su_json_value *bytes = su_json_member(v, "bytes");
    struct su_ledger_memcmp *m = &f->memcmp[f->n];
    uint8_t *out = f->bytes[f->n];
    enum rpc_encoding encoding = RPC_ENC_BASE58;
    const char *text = NULL, *name = NULL;
    bool given = false;

    *m = (struct su_ledger_memcmp){.bytes = out};
    if (su_json_kind(v) != SU_JSON_OBJECT || bytes == NULL)
        return rpc_fail(c, RPC_INVALID_PARAMS, "Invalid params: missing field `bytes`");
    if (!rpc_opt_u64(c, v, "offset", &m->offset, &given) || !rpc_opt_str(c, v, "encoding", &name) ||
        (name != NULL && !rpc_encoding_of(c, name, &encoding)))
        return false;
    if (!given)
        return rpc_fail(c, RPC_INVALID_PARAMS, "Invalid params: missing field `offset`");
    f->n++;
    if (su_json_kind(bytes) == SU_JSON_ARRAY)
        return bytes_of_array(c, bytes, out, &m->n);
    if (su_json_as_str(bytes, NULL, &text, NULL) != SU_OK)
        return rpc_fail(c, RPC_INVALID_PARAMS, "Invalid params: `bytes` must be a string");
    if (strlen(text) > 2 * (size_t)RPC_BASE58_DATA_MAX)
        return too_large(c);
    bool ok = encoding == RPC_ENC_BASE64 ? su_base64_decode(text, out, RPC_BASE58_DATA_MAX, &m->n)
                                         : su_base58_decode(text, out, RPC_BASE58_DATA_MAX, &m->n);
    return ok ||
           rpc_fail(c, RPC_INVALID_PARAMS, "Invalid param: `bytes` is no %s of at most %u bytes",
                    encoding == RPC_ENC_BASE64 ? "base64" : "base58", RPC_BASE58_DATA_MAX);
}

static bool read_filter(struct rpc_call *c, const struct su_json_value *v, struct filters *f)
{
    const struct su_json_value *compare = su_json_member(v, "memcmp");
    const char *text = NULL;
    uint64_t size = 0;
    bool given = false;

    if (su_json_kind(v) == SU_JSON_STRING && su_json_as_str(v, NULL, &text, NULL) == SU_OK &&
        strcmp(text, "tokenAccountState") == 0) {
        f->token_state = true;
        return true;
    }
    if (su_json_member(v, "tokenAccountState") != NULL) {
        f->token_state = true;
        return true;
    }
    if (compare != NULL)
        return read_memcmp(c, compare, f);
    if (su_json_kind(v) != SU_JSON_OBJECT || !rpc_opt_u64(c, v, "dataSize", &size, &given) ||
        !given)
        return rpc_fail(c, RPC_INVALID_PARAMS,
                        "Invalid params: a filter is `dataSize`, `memcmp` or `tokenAccountState`");
    if (f->data_bytes != SU_LEDGER_ANY_SIZE && f->data_bytes != size)
        f->none_match = true;
    f->data_bytes = size;
    return true;
}

static bool read_filters(struct rpc_call *c, const struct rpc_config *cfg, struct filters *f)
{
    const struct su_json_value *list =
        cfg->object != NULL ? su_json_member(cfg->object, "filters") : NULL;

    f->data_bytes = SU_LEDGER_ANY_SIZE;
    f->n = 0;
    f->none_match = f->token_state = false;
    if (list == NULL || su_json_kind(list) == SU_JSON_NULL)
        return true;
    if (su_json_kind(list) != SU_JSON_ARRAY)
        return rpc_fail(c, RPC_INVALID_PARAMS, "Invalid params: filters must be an array");
    if (su_json_count(list) > RPC_FILTERS_MAX)
        return rpc_fail(c, RPC_INVALID_PARAMS, "Too many filters provided; max %u",
                        RPC_FILTERS_MAX);
    for (const struct su_json_value *i = su_json_first(list); i != NULL; i = su_json_next(i))
        if (!read_filter(c, i, f))
            return false;
    return true;
}

/* Leaves what all filters accept. */
static void keep_matching(struct su_ledger_accounts *list, const struct filters *f)
{
    struct rpc_token token;
    size_t kept = 0;

    for (size_t i = 0; i < list->n; i++) {
        const struct su_ledger_account *a = list->items[i];
        if (f->none_match || (f->token_state && !rpc_token_read(a, &token)))
            su_ledger_account_release(a);
        else
            list->items[kept++] = a;
    }
    list->n = kept;
}

void rpc_getProgramAccounts(struct rpc_call *c)
{
    uint8_t program[32];
    struct rpc_config cfg;
    struct filters f;
    struct su_ledger_accounts list = {0};
    struct su_err e = {0};
    bool context = false, ok = true;

    if (!rpc_param_key(c, 0, program) || !rpc_param_config(c, 1, &cfg) ||
        !rpc_opt_bool(c, cfg.object, "withContext", &context) || !read_filters(c, &cfg, &f))
        return;
    if (su_ledger_accounts_of(c->ledger, program, f.data_bytes, f.memcmp, f.n, &list, &e) !=
        SU_OK) {
        rpc_fail(c, RPC_INTERNAL, "Internal error: %s", e.msg);
        return;
    }
    keep_matching(&list, &f);
    if (context)
        rpc_put_context(c);
    ok = rpc_put_keyed_accounts(c, context ? "value" : NULL, &list, &cfg, RPC_ENC_BINARY);
    if (ok && context)
        su_json_end_object(c->w);
    su_ledger_accounts_fini(&list);
}
