// SPDX-License-Identifier: MIT
/* Methods that run transactions. */
#include "rpc_priv.h"

#include <stdlib.h>

#define X(name) rpc_method rpc_##name;
#include "ledger/rpc_methods.def"
#undef X

/* Most characters that RPC_PACKET_MAX bytes have. */
#define BASE58_TEXT_MAX 1683u
#define BASE64_TEXT_MAX 1644u

/* Bytes of parameter 0. `encoding` is base58 when not given, as in the first clients. */
static bool wire_of(struct rpc_call *c, enum rpc_encoding encoding, uint8_t out[RPC_PACKET_MAX],
                    size_t *n)
{
    const char *text = NULL;
    bool base64 = encoding == RPC_ENC_BASE64;
    const char *name = base64 ? "base64" : "base58";
    size_t most = base64 ? BASE64_TEXT_MAX : BASE58_TEXT_MAX;

    if (!rpc_param_str(c, 0, &text))
        return false;
    if (!base64 && encoding != RPC_ENC_NONE && encoding != RPC_ENC_BASE58 &&
        encoding != RPC_ENC_BINARY)
        return rpc_fail(c, RPC_INVALID_PARAMS,
                        "unsupported encoding. Supported encodings: base58, base64");
    if (strlen(text) > most)
        return rpc_fail(c, RPC_INVALID_PARAMS,
                        "%s encoded too large: %zu bytes (max: encoded/raw %zu/%u)", name,
                        strlen(text), most, RPC_PACKET_MAX);
    bool ok = base64 ? su_base64_decode(text, out, RPC_PACKET_MAX, n)
                     : su_base58_decode(text, out, RPC_PACKET_MAX, n);
    return ok || rpc_fail(c, RPC_INVALID_PARAMS, "invalid %s encoding", name);
}

static bool read_tx(struct rpc_call *c, enum rpc_encoding encoding, struct su_ledger_tx *tx)
{
    uint8_t wire[RPC_PACKET_MAX];
    size_t n = 0;
    struct su_err e = {0};

    if (!wire_of(c, encoding, wire, &n))
        return false;
    enum su_code rc = su_ledger_tx_parse(wire, n, tx, &e);
    if (rc == SU_EINVAL)
        return rpc_fail(c, RPC_INVALID_PARAMS,
                        "invalid transaction: Transaction failed to sanitize accounts offsets "
                        "correctly");
    if (rc != SU_OK)
        return rpc_fail(c, RPC_INVALID_PARAMS,
                        "failed to deserialize "
                        "solana_transaction::versioned::VersionedTransaction: %s",
                        e.msg);
    if (tx->n_lookups > 0) {
        struct su_ledger_failure f = {.tx = SU_LEDGER_TX_AddressLookupTableNotFound};
        char text[160];
        return rpc_fail(c, RPC_INVALID_PARAMS, "invalid transaction: %s",
                        su_ledger_failure_text(&f, text, sizeof text));
    }
    return true;
}

/* ---- what a simulation found ----------------------------------------------------------------- */

struct wanted_accounts {
    bool any;
    size_t n;
    struct rpc_config cfg;
    uint8_t key[SU_LEDGER_KEYS_MAX][32];
};

/* State after the simulation where the transaction names the account, else now. */
static bool put_wanted_accounts(struct rpc_call *c, const struct su_ledger_tx *tx,
                                const struct su_ledger_result *r,
                                const struct wanted_accounts *wanted)
{
    su_json_put_array(c->w, "accounts");
    for (size_t i = 0; i < wanted->n; i++) {
        size_t at = 0;
        while (at < tx->n_keys && memcmp(su_ledger_tx_key(tx, at), wanted->key[i], 32) != 0)
            at++;
        const struct su_ledger_account *now = NULL, *a = NULL;
        if (at < tx->n_keys && r->accounts != NULL && at < r->n_keys)
            a = r->accounts[at];
        else
            a = now = su_ledger_account_get(c->ledger, wanted->key[i]);
        bool ok = rpc_put_account(c, NULL, a, &wanted->cfg, RPC_ENC_BASE64);
        su_ledger_account_release(now);
        if (!ok)
            return false;
    }
    su_json_end_array(c->w);
    return true;
}

/* Members that the answer of a simulation and the data of a failed preflight share. */
static void put_simulation(struct su_json_writer *w, const struct su_ledger_result *r)
{
    rpc_put_failure(w, "err", &r->failure);
    su_json_put_u64(w, "loadedAccountsDataSize", r->loaded_bytes);
    rpc_put_logs(w, "logs", r);
    rpc_put_return(w, "returnData", r);
    su_json_put_u64(w, "unitsConsumed", r->units);
}

/* ---- sendTransaction ------------------------------------------------------------------------- */

static void fail_preflight(struct rpc_call *c, const struct su_ledger_result *r)
{
    struct su_json_writer w;
    char text[300];

    if (r->failure.tx == SU_LEDGER_TX_SignatureFailure) {
        rpc_fail(c, RPC_SIGNATURE, "Transaction signature verification failure");
        return;
    }
    su_json_writer_init(&w, &c->data, 0);
    su_json_put_object(&w, NULL);
    su_json_put_null(&w, "accounts");
    put_simulation(&w, r);
    su_json_put_null(&w, "innerInstructions");
    su_json_put_null(&w, "replacementBlockhash");
    su_json_end_object(&w);
    rpc_fail(c, RPC_PREFLIGHT, "Transaction simulation failed: %s",
             su_ledger_failure_text(&r->failure, text, sizeof text));
}

void rpc_sendTransaction(struct rpc_call *c)
{
    struct rpc_config cfg;
    struct su_ledger_tx tx;
    struct su_ledger_result r = {0};
    struct su_err e = {0};
    bool skip = false;
    uint64_t retries = 0;
    const char *commitment = NULL;
    enum rpc_commitment unused;

    if (!rpc_params_want(c, 1) || !rpc_param_config(c, 1, &cfg) ||
        !rpc_opt_bool(c, cfg.object, "skipPreflight", &skip) ||
        !rpc_opt_u64(c, cfg.object, "maxRetries", &retries, NULL) ||
        !rpc_opt_str(c, cfg.object, "preflightCommitment", &commitment) ||
        (commitment != NULL && !rpc_commitment_of(c, commitment, &unused)) ||
        !read_tx(c, cfg.encoding, &tx))
        return;
    unsigned flags = skip ? SU_LEDGER_SKIP_PREFLIGHT : 0;
    enum su_code rc = su_ledger_submit(c->ledger, &tx, flags, &r, &e);
    if (rc == SU_EINVAL && !skip) {
        fail_preflight(c, &r);
    } else if (rc == SU_EBUSY) {
        su_buf_str(&c->data, "{\"numSlotsBehind\":null}");
        rpc_fail(c, RPC_UNHEALTHY, "Node is unhealthy: %s", e.msg);
    } else if (rc != SU_OK && rc != SU_EINVAL) {
        rpc_fail(c, RPC_INTERNAL, "Internal error: %s", e.msg);
    } else {
        /* Without preflight a cluster forwards what it was given: one that can never land has a
           signature as well. */
        rpc_put_base58(c->w, NULL, su_ledger_tx_sig(&tx, 0), SU_LEDGER_SIG_BYTES);
    }
    su_ledger_result_fini(&r);
}

/* ---- simulateTransaction --------------------------------------------------------------------- */

static bool read_wanted(struct rpc_call *c, const struct rpc_config *cfg,
                        struct wanted_accounts *wanted)
{
    const struct su_json_value *object =
        cfg->object != NULL ? su_json_member(cfg->object, "accounts") : NULL;
    const struct su_json_value *list = NULL;
    const char *text = NULL;

    wanted->n = 0;
    wanted->cfg = (struct rpc_config){0};
    wanted->any = object != NULL && su_json_kind(object) != SU_JSON_NULL;
    if (!wanted->any)
        return true;
    if (su_json_get_array(object, "addresses", &list, NULL) != SU_OK)
        return rpc_fail(c, RPC_INVALID_PARAMS, "Invalid params: missing field `addresses`");
    if (!rpc_opt_str(c, object, "encoding", &text) ||
        (text != NULL && !rpc_encoding_of(c, text, &wanted->cfg.encoding)))
        return false;
    if (wanted->cfg.encoding == RPC_ENC_BINARY || wanted->cfg.encoding == RPC_ENC_BASE58)
        return rpc_fail(c, RPC_INVALID_PARAMS, "base58 encoding not supported");
    if (su_json_count(list) > SU_LEDGER_KEYS_MAX)
        return rpc_fail(c, RPC_INVALID_PARAMS, "Too many accounts provided; max %u",
                        SU_LEDGER_KEYS_MAX);
    for (const struct su_json_value *i = su_json_first(list); i != NULL; i = su_json_next(i)) {
        if (su_json_as_str(i, NULL, &text, NULL) != SU_OK)
            return rpc_fail(c, RPC_INVALID_PARAMS, "Invalid params: an address must be a string");
        if (!rpc_key(c, text, wanted->key[wanted->n++]))
            return false;
    }
    return true;
}

static void put_balances(struct su_json_writer *w, const char *name, const uint64_t *lamports,
                         uint32_t n)
{
    su_json_put_array(w, name);
    for (uint32_t i = 0; i < n; i++)
        su_json_put_u64(w, NULL, lamports[i]);
    su_json_end_array(w);
}

static void answer_simulation(struct rpc_call *c, const struct su_ledger_tx *tx,
                              const struct su_ledger_result *r,
                              const struct wanted_accounts *wanted, bool inner, bool replaced)
{
    struct su_ledger_now now;

    su_ledger_now(c->ledger, &now);
    rpc_put_context(c);
    su_json_put_object(c->w, "value");
    if (!wanted->any)
        su_json_put_null(c->w, "accounts");
    else if (!put_wanted_accounts(c, tx, r, wanted))
        return;
    put_simulation(c->w, r);
    su_json_put_u64(c->w, "fee", r->fee_lamports);
    if (inner)
        rpc_put_inner(c->w, "innerInstructions", tx, r, true);
    else
        su_json_put_null(c->w, "innerInstructions");
    put_balances(c->w, "preBalances", r->pre_lamports, r->n_keys);
    put_balances(c->w, "postBalances", r->post_lamports, r->n_keys);
    if (replaced) {
        su_json_put_object(c->w, "replacementBlockhash");
        rpc_put_key(c->w, "blockhash", now.blockhash);
        su_json_put_u64(c->w, "lastValidBlockHeight", now.last_valid_block_height);
        su_json_end_object(c->w);
    } else {
        su_json_put_null(c->w, "replacementBlockhash");
    }
    su_json_end_object(c->w);
    su_json_end_object(c->w);
}

void rpc_simulateTransaction(struct rpc_call *c)
{
    struct rpc_config cfg;
    struct su_ledger_tx tx;
    struct su_ledger_result r = {0};
    struct su_ledger_simulation how = {0};
    struct wanted_accounts wanted;
    struct su_err e = {0};
    bool inner = false;

    if (!rpc_params_want(c, 1) || !rpc_param_config(c, 1, &cfg) ||
        !rpc_opt_bool(c, cfg.object, "sigVerify", &how.verify) ||
        !rpc_opt_bool(c, cfg.object, "replaceRecentBlockhash", &how.replace_blockhash) ||
        !rpc_opt_bool(c, cfg.object, "innerInstructions", &inner) || !read_wanted(c, &cfg, &wanted))
        return;
    if (how.verify && how.replace_blockhash) {
        rpc_fail(c, RPC_INVALID_PARAMS, "sigVerify may not be used with replaceRecentBlockhash");
        return;
    }
    if (!read_tx(c, cfg.encoding, &tx))
        return;
    if (su_ledger_simulate(c->ledger, &tx, &how, &r, &e) != SU_OK)
        rpc_fail(c, RPC_INTERNAL, "Internal error: %s", e.msg);
    else if (how.verify && r.failure.tx == SU_LEDGER_TX_SignatureFailure)
        rpc_fail(c, RPC_SIGNATURE, "Transaction signature verification failure");
    else
        answer_simulation(c, &tx, &r, &wanted, inner, how.replace_blockhash);
    su_ledger_result_fini(&r);
}

void rpc_getFeeForMessage(struct rpc_call *c)
{
    struct rpc_config cfg;
    uint8_t message[RPC_PACKET_MAX];
    struct su_ledger_tx tx;
    struct su_err e = {0};
    size_t n = 0;
    uint64_t lamports = 0;

    if (!rpc_params_want(c, 1) || !rpc_param_config(c, 1, &cfg) ||
        !wire_of(c, RPC_ENC_BASE64, message, &n))
        return;
    if (su_ledger_message_parse(message, n, &tx, &e) != SU_OK) {
        rpc_fail(c, RPC_INVALID_PARAMS,
                 "failed to deserialize solana_message::versions::VersionedMessage: %s", e.msg);
        return;
    }
    rpc_put_context(c);
    if (su_ledger_fee(c->ledger, &tx, &lamports))
        su_json_put_u64(c->w, "value", lamports);
    else
        su_json_put_null(c->w, "value");
    su_json_end_object(c->w);
}

/* ---- faucet ---------------------------------------------------------------------------------- */

static void answer_airdrop(struct rpc_call *c, enum su_code rc, const struct su_err *e,
                           const uint8_t signature[64])
{
    if (rc == SU_OK)
        rpc_put_base58(c->w, NULL, signature, SU_LEDGER_SIG_BYTES);
    else if (rc == SU_EINVAL)
        rpc_fail(c, RPC_INVALID_PARAMS, "Invalid params: %s", e->msg);
    else
        rpc_fail(c, RPC_INTERNAL, "Internal error: %s", e->msg);
}

void rpc_requestAirdrop(struct rpc_call *c)
{
    uint8_t to[32], signature[64] = {0};
    uint64_t lamports = 0;
    struct rpc_config cfg;
    struct su_err e = {0};

    if (!rpc_param_key(c, 0, to) || !rpc_param_u64(c, 1, &lamports) ||
        !rpc_param_config(c, 2, &cfg))
        return;
    answer_airdrop(c, su_ledger_airdrop(c->ledger, to, lamports, signature, &e), &e, signature);
}

void rpc_splitup_requestUsdc(struct rpc_call *c)
{
    uint8_t owner[32], signature[64] = {0};
    uint64_t amount = 0;
    struct su_err e = {0};

    if (!rpc_param_key(c, 0, owner) || !rpc_param_u64(c, 1, &amount))
        return;
    answer_airdrop(c, su_ledger_airdrop_usdc(c->ledger, owner, amount, signature, &e), &e,
                   signature);
}
