// SPDX-License-Identifier: MIT
/* Methods about transactions that have landed. */
#include "rpc_priv.h"

#include <stdlib.h>

#define X(name) rpc_method rpc_##name;
#include "ledger/rpc_methods.def"
#undef X

static void put_found(struct su_json_writer *w, const struct su_ledger_status *s)
{
    su_json_put_object(w, NULL);
    su_json_put_str(w, "confirmationStatus", "finalized");
    su_json_put_null(w, "confirmations"); /* null: rooted */
    rpc_put_failure(w, "err", &s->failure);
    su_json_put_u64(w, "slot", s->slot);
    rpc_put_status(w, "status", &s->failure);
    su_json_end_object(w);
}

void rpc_getSignatureStatuses(struct rpc_call *c)
{
    struct rpc_config cfg;
    struct su_ledger_status status;
    uint8_t signature[64];
    const char *text = NULL;
    bool history = false;
    const struct su_json_value *list = rpc_param(c, 0);

    if (!rpc_params_want(c, 1) || !rpc_param_config(c, 1, &cfg) ||
        !rpc_opt_bool(c, cfg.object, "searchTransactionHistory", &history))
        return;
    if (su_json_kind(list) != SU_JSON_ARRAY) {
        rpc_fail(c, RPC_INVALID_PARAMS, "Invalid params: signatures must be an array");
        return;
    }
    if (su_json_count(list) > RPC_STATUSES_MAX) {
        rpc_fail(c, RPC_INVALID_PARAMS, "Too many inputs provided; max %u", RPC_STATUSES_MAX);
        return;
    }
    rpc_put_context(c);
    su_json_put_array(c->w, "value");
    for (const struct su_json_value *i = su_json_first(list); i != NULL; i = su_json_next(i)) {
        if (su_json_as_str(i, NULL, &text, NULL) != SU_OK) {
            rpc_fail(c, RPC_INVALID_PARAMS, "Invalid params: a signature must be a string");
            return;
        }
        if (!rpc_signature(c, text, signature))
            return;
        if (su_ledger_status_get(c->ledger, signature, history, &status))
            put_found(c->w, &status);
        else
            su_json_put_null(c->w, NULL);
    }
    su_json_end_array(c->w);
    su_json_end_object(c->w);
}

static bool needs_confirmed(struct rpc_call *c, const struct rpc_config *cfg)
{
    return cfg->commitment != RPC_PROCESSED ||
           rpc_fail(c, RPC_INVALID_PARAMS, "Method does not support commitment below `confirmed`");
}

static bool opt_signature(struct rpc_call *c, const struct rpc_config *cfg, const char *name,
                          uint8_t signature[64], const uint8_t **out)
{
    const char *text = NULL;

    *out = NULL;
    if (!rpc_opt_str(c, cfg->object, name, &text))
        return false;
    if (text == NULL)
        return true;
    *out = signature;
    return rpc_signature(c, text, signature);
}

void rpc_getSignaturesForAddress(struct rpc_call *c)
{
    uint8_t address[32], before_bytes[64], until_bytes[64];
    const uint8_t *before = NULL, *until = NULL;
    uint64_t limit = RPC_SIGNATURES_MAX;
    struct rpc_config cfg;
    struct su_err e = {0};
    size_t n = 0;

    if (!rpc_param_key(c, 0, address) || !rpc_param_config(c, 1, &cfg) ||
        !rpc_opt_u64(c, cfg.object, "limit", &limit, NULL) ||
        !opt_signature(c, &cfg, "before", before_bytes, &before) ||
        !opt_signature(c, &cfg, "until", until_bytes, &until) || !needs_confirmed(c, &cfg))
        return;
    if (limit == 0 || limit > RPC_SIGNATURES_MAX) {
        rpc_fail(c, RPC_INVALID_PARAMS, "Invalid limit; max %u", RPC_SIGNATURES_MAX);
        return;
    }
    struct su_ledger_signature *found = su_alloc((size_t)limit * sizeof *found);
    if (su_ledger_signatures_of(c->ledger, address, before, until, found, (size_t)limit, &n, &e) !=
        SU_OK) {
        rpc_fail(c, RPC_INTERNAL, "Internal error: %s", e.msg);
        free(found);
        return;
    }
    su_json_put_array(c->w, NULL);
    for (size_t i = 0; i < n; i++) {
        su_json_put_object(c->w, NULL);
        su_json_put_i64(c->w, "blockTime", found[i].block_time);
        su_json_put_str(c->w, "confirmationStatus", "finalized");
        rpc_put_failure(c->w, "err", &found[i].failure);
        su_json_put_null(c->w, "memo");
        rpc_put_base58(c->w, "signature", found[i].sig, SU_LEDGER_SIG_BYTES);
        su_json_put_u64(c->w, "slot", found[i].slot);
        su_json_end_object(c->w);
    }
    su_json_end_array(c->w);
    free(found);
}

/* The configuration, or in its place an encoding, as old clients send it. */
static bool transaction_config(struct rpc_call *c, struct rpc_config *cfg)
{
    const struct su_json_value *v = rpc_param(c, 1);
    const char *text = NULL;

    if (v == NULL || su_json_kind(v) != SU_JSON_STRING)
        return rpc_param_config(c, 1, cfg);
    *cfg = (struct rpc_config){.commitment = RPC_FINALIZED};
    return su_json_as_str(v, NULL, &text, NULL) == SU_OK &&
           rpc_encoding_of(c, text, &cfg->encoding);
}

static void put_landed(struct rpc_call *c, const struct su_ledger_tx *tx,
                       const struct su_ledger_result *r, enum rpc_encoding encoding,
                       bool with_version)
{
    su_json_put_object(c->w, NULL);
    su_json_put_i64(c->w, "blockTime", r->block_time);
    rpc_put_meta(c->w, "meta", tx, r, encoding);
    su_json_put_u64(c->w, "slot", r->slot);
    rpc_put_transaction(c->w, "transaction", tx, encoding);
    if (with_version && tx->version < 0)
        su_json_put_str(c->w, "version", "legacy");
    else if (with_version)
        su_json_put_i64(c->w, "version", tx->version);
    su_json_end_object(c->w);
}

void rpc_getTransaction(struct rpc_call *c)
{
    uint8_t signature[64];
    struct rpc_config cfg;
    struct su_ledger_tx tx;
    struct su_ledger_result r = {0};
    struct su_err e = {0};
    uint64_t version = 0;
    bool versions = false;

    if (!rpc_param_signature(c, 0, signature) || !transaction_config(c, &cfg) ||
        !rpc_opt_u64(c, cfg.object, "maxSupportedTransactionVersion", &version, &versions) ||
        !needs_confirmed(c, &cfg))
        return;
    enum rpc_encoding encoding = cfg.encoding == RPC_ENC_NONE ? RPC_ENC_JSON : cfg.encoding;
    enum su_code rc = su_ledger_transaction_get(c->ledger, signature, &tx, &r, &e);
    if (rc == SU_ENOENT)
        su_json_put_null(c->w, NULL);
    else if (rc != SU_OK)
        rpc_fail(c, RPC_INTERNAL, "Internal error: %s", e.msg);
    else if (tx.version >= 0 && !versions)
        rpc_fail(c, RPC_TX_VERSION,
                 "Transaction version (%d) is not supported by the requesting client. Please try "
                 "the request again with the following configuration parameter: "
                 "\"maxSupportedTransactionVersion\": %d",
                 tx.version, tx.version);
    else if (encoding == RPC_ENC_ZSTD)
        rpc_fail(c, RPC_INVALID_PARAMS, "Invalid params: base64+zstd is for accounts only");
    else
        put_landed(c, &tx, &r, encoding, versions);
    su_ledger_result_fini(&r);
}
