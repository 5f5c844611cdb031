// SPDX-License-Identifier: MIT
/* Methods that answer with a number, a text or a hash. */
#include "chain_priv.h"

#include <string.h>

static enum su_code malformed(const char *method, struct su_err *e)
{
    return su_fail(e, SU_EFORMAT, method, "the endpoint's answer is not what the method promises");
}

enum su_code su_chain_health(struct su_chain *c, struct su_err *e)
{
    struct chain_call call;
    struct su_json *doc;
    const struct su_json_value *v;
    const char *text;

    chain_begin(&call, c, "getHealth");
    enum su_code rc = chain_finish(&call, &doc, &v, e);
    if (rc)
        return rc;
    if (su_json_as_str(v, "result", &text, NULL) != SU_OK || strcmp(text, "ok") != 0)
        rc = su_fail(e, SU_EBUSY, "getHealth", "the endpoint does not say that it is well");
    su_json_free(doc);
    return rc;
}

enum su_code su_chain_version(struct su_chain *c, char *out, size_t cap, struct su_err *e)
{
    struct chain_call call;
    struct su_json *doc;
    const struct su_json_value *v;
    const char *text;

    chain_begin(&call, c, "getVersion");
    enum su_code rc = chain_finish(&call, &doc, &v, e);
    if (rc)
        return rc;
    if (su_json_get_str(v, "solana-core", &text, NULL) != SU_OK)
        rc = malformed("getVersion", e);
    else
        su_str_sanitize(out, cap, text, strlen(text));
    su_json_free(doc);
    return rc;
}

enum su_code su_chain_genesis_hash(struct su_chain *c, uint8_t hash[32], struct su_err *e)
{
    struct chain_call call;
    struct su_json *doc;
    const struct su_json_value *v;
    const char *text;

    chain_begin(&call, c, "getGenesisHash");
    enum su_code rc = chain_finish(&call, &doc, &v, e);
    if (rc)
        return rc;
    if (su_json_as_str(v, "result", &text, NULL) != SU_OK ||
        su_chain_key_parse(text, "hash", hash, NULL) != SU_OK)
        rc = malformed("getGenesisHash", e);
    su_json_free(doc);
    return rc;
}

/* Ends a call whose result is one whole number. */
static enum su_code finish_number(struct chain_call *call, uint64_t *out, struct su_err *e)
{
    struct su_json *doc;
    const struct su_json_value *v;
    const char *method = call->method;
    enum su_code rc = chain_finish(call, &doc, &v, e);

    if (rc)
        return rc;
    if (su_json_as_u64(v, "result", out, NULL) != SU_OK)
        rc = malformed(method, e);
    su_json_free(doc);
    return rc;
}

enum su_code su_chain_slot(struct su_chain *c, uint64_t *slot, struct su_err *e)
{
    struct chain_call call;

    chain_begin(&call, c, "getSlot");
    chain_put_config(&call);
    return finish_number(&call, slot, e);
}

enum su_code su_chain_block_height(struct su_chain *c, uint64_t *height, struct su_err *e)
{
    struct chain_call call;

    chain_begin(&call, c, "getBlockHeight");
    chain_put_config(&call);
    return finish_number(&call, height, e);
}

enum su_code su_chain_rent_minimum(struct su_chain *c, uint64_t data_bytes, uint64_t *lamports,
                                   struct su_err *e)
{
    struct chain_call call;

    chain_begin(&call, c, "getMinimumBalanceForRentExemption");
    su_json_put_u64(&call.w, NULL, data_bytes);
    return finish_number(&call, lamports, e);
}

enum su_code su_chain_latest_blockhash(struct su_chain *c, struct su_chain_blockhash *out,
                                       struct su_err *e)
{
    struct chain_call call;
    struct su_json *doc;
    const struct su_json_value *v;

    chain_begin(&call, c, "getLatestBlockhash");
    chain_put_config(&call);
    enum su_code rc = chain_finish_value(&call, &doc, &v, &out->slot, e);
    if (rc)
        return rc;
    rc = chain_read_key(v, "blockhash", out->hash, e);
    if (!rc &&
        su_json_get_u64(v, "lastValidBlockHeight", &out->last_valid_block_height, NULL) != SU_OK)
        rc = malformed("getLatestBlockhash", e);
    su_json_free(doc);
    return rc;
}

enum su_code su_chain_balance(struct su_chain *c, const uint8_t key[32], uint64_t *lamports,
                              struct su_err *e)
{
    struct chain_call call;
    struct su_json *doc;
    const struct su_json_value *v;

    chain_begin(&call, c, "getBalance");
    chain_put_key(&call, key);
    chain_put_config(&call);
    enum su_code rc = chain_finish_value(&call, &doc, &v, NULL, e);
    if (rc)
        return rc;
    rc = su_json_as_u64(v, "balance", lamports, e);
    if (rc && rc != SU_EOVERFLOW)
        rc = malformed("getBalance", e);
    su_json_free(doc);
    return rc;
}

/* ---- test money ------------------------------------------------------------------------------ */

static enum su_code finish_signature(struct chain_call *call, uint8_t sig[64], struct su_err *e)
{
    struct su_json *doc;
    const struct su_json_value *v;
    enum su_code rc = chain_finish(call, &doc, &v, e);

    if (rc)
        return rc;
    rc = chain_read_sig(v, "signature", sig, e);
    su_json_free(doc);
    return rc;
}

enum su_code su_chain_airdrop(struct su_chain *c, const uint8_t to[32], uint64_t lamports,
                              uint8_t sig[64], struct su_err *e)
{
    struct chain_call call;

    chain_begin(&call, c, "requestAirdrop");
    call.once = true;
    chain_put_key(&call, to);
    su_json_put_u64(&call.w, NULL, lamports);
    return finish_signature(&call, sig, e);
}

enum su_code su_chain_airdrop_usdc(struct su_chain *c, const uint8_t owner[32], uint64_t amount,
                                   uint8_t sig[64], struct su_err *e)
{
    struct chain_call call;

    chain_begin(&call, c, "splitup_requestUsdc");
    call.once = true;
    chain_put_key(&call, owner);
    su_json_put_u64(&call.w, NULL, amount);
    return finish_signature(&call, sig, e);
}

static bool read_info(const struct su_json_value *v, struct su_chain_ledger_info *out)
{
    const char *version;
    uint64_t decimals, ms;

    if (su_json_get_str(v, "version", &version, NULL) != SU_OK ||
        su_json_get_u64(v, "usdcDecimals", &decimals, NULL) != SU_OK ||
        su_json_get_u64(v, "msPerSlot", &ms, NULL) != SU_OK ||
        su_json_get_u64(v, "slot", &out->slot, NULL) != SU_OK || decimals > 18 || ms > 1000000)
        return false;
    su_str_sanitize(out->version, sizeof out->version, version, strlen(version));
    out->usdc_decimals = (uint32_t)decimals;
    out->ms_per_slot = (uint32_t)ms;
    return chain_read_key(v, "genesisHash", out->genesis, NULL) == SU_OK &&
           chain_read_key(v, "programId", out->program, NULL) == SU_OK &&
           chain_read_key(v, "usdcMint", out->usdc_mint, NULL) == SU_OK &&
           chain_read_key(v, "faucet", out->faucet, NULL) == SU_OK;
}

enum su_code su_chain_ledger_info(struct su_chain *c, struct su_chain_ledger_info *out,
                                  struct su_err *e)
{
    struct chain_call call;
    struct su_json *doc;
    const struct su_json_value *v;

    memset(out, 0, sizeof *out);
    chain_begin(&call, c, "splitup_info");
    enum su_code rc = chain_finish(&call, &doc, &v, e);
    if (rc)
        return rc;
    if (!read_info(v, out))
        rc = malformed("splitup_info", e);
    su_json_free(doc);
    return rc;
}
