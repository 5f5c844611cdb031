// SPDX-License-Identifier: MIT
#include "rpc_priv.h"

static void put_header(struct su_json_writer *w, const struct su_ledger_tx *tx)
{
    su_json_put_object(w, "header");
    su_json_put_u64(w, "numReadonlySignedAccounts", tx->n_readonly_signed);
    su_json_put_u64(w, "numReadonlyUnsignedAccounts", tx->n_readonly_unsigned);
    su_json_put_u64(w, "numRequiredSignatures", tx->n_sigs);
    su_json_end_object(w);
}

static void put_keys(struct su_json_writer *w, const struct su_ledger_tx *tx, bool parsed)
{
    su_json_put_array(w, "accountKeys");
    for (size_t i = 0; i < tx->n_keys; i++) {
        const uint8_t *key = su_ledger_tx_key(tx, i);
        if (!parsed) {
            rpc_put_key(w, NULL, key);
            continue;
        }
        su_json_put_object(w, NULL);
        rpc_put_key(w, "pubkey", key);
        su_json_put_bool(w, "signer", su_ledger_tx_signer(tx, i));
        su_json_put_str(w, "source", "transaction");
        su_json_put_bool(w, "writable", su_ledger_tx_writable(tx, i));
        su_json_end_object(w);
    }
    su_json_end_array(w);
}

static void put_instr(struct su_json_writer *w, const struct rpc_instr *i, bool parsed)
{
    if (parsed) {
        rpc_put_parsed_instr(w, i);
        return;
    }
    su_json_put_object(w, NULL);
    su_json_put_array(w, "accounts");
    for (size_t n = 0; n < i->n_accounts; n++)
        su_json_put_u64(w, NULL, i->accounts[n]);
    su_json_end_array(w);
    rpc_put_base58(w, "data", i->data, i->data_bytes);
    su_json_put_u64(w, "programIdIndex", i->program);
    if (i->height > 0)
        su_json_put_u64(w, "stackHeight", i->height);
    else
        su_json_put_null(w, "stackHeight");
    su_json_end_object(w);
}

static void put_instrs(struct su_json_writer *w, const struct su_ledger_tx *tx, bool parsed)
{
    su_json_put_array(w, "instructions");
    for (size_t n = 0; n < tx->n_instrs; n++) {
        const struct su_ledger_instr *of = &tx->instrs[n];
        const struct rpc_instr i = {.tx = tx,
                                    .accounts = tx->wire + of->accounts_at,
                                    .data = tx->wire + of->data_at,
                                    .n_accounts = of->n_accounts,
                                    .data_bytes = of->data_bytes,
                                    .program = of->program};
        put_instr(w, &i, parsed);
    }
    su_json_end_array(w);
}

void rpc_put_transaction(struct su_json_writer *w, const char *name, const struct su_ledger_tx *tx,
                         enum rpc_encoding encoding)
{
    bool parsed = encoding == RPC_ENC_PARSED;

    if (encoding != RPC_ENC_JSON && !parsed) {
        rpc_put_bytes(w, name, tx->wire, tx->wire_bytes, encoding);
        return;
    }
    su_json_put_object(w, name);
    su_json_put_object(w, "message");
    put_keys(w, tx, parsed);
    if (tx->version == 0) {
        su_json_put_array(w, "addressTableLookups"); /* none is ever executed */
        su_json_end_array(w);
    }
    if (!parsed)
        put_header(w, tx);
    put_instrs(w, tx, parsed);
    rpc_put_base58(w, "recentBlockhash", su_ledger_tx_blockhash(tx), 32);
    su_json_end_object(w);
    su_json_put_array(w, "signatures");
    for (size_t i = 0; i < tx->n_sigs; i++)
        rpc_put_base58(w, NULL, su_ledger_tx_sig(tx, i), 64);
    su_json_end_array(w);
    su_json_end_object(w);
}

void rpc_put_inner(struct su_json_writer *w, const char *name, const struct su_ledger_tx *tx,
                   const struct su_ledger_result *r, bool parsed)
{
    su_json_put_array(w, name);
    for (uint32_t n = 0; n < r->n_inner;) {
        uint8_t outer = r->inner[n].outer;
        su_json_put_object(w, NULL);
        su_json_put_u64(w, "index", outer);
        su_json_put_array(w, "instructions");
        for (; n < r->n_inner && r->inner[n].outer == outer; n++) {
            const struct su_ledger_inner *of = &r->inner[n];
            const struct rpc_instr i = {.tx = tx,
                                        .accounts = of->accounts,
                                        .data = of->data,
                                        .n_accounts = of->n_accounts,
                                        .data_bytes = of->data_bytes,
                                        .program = of->program,
                                        .height = of->height};
            put_instr(w, &i, parsed);
        }
        su_json_end_array(w);
        su_json_end_object(w);
    }
    su_json_end_array(w);
}

static void put_balances(struct su_json_writer *w, const char *name, const uint64_t *lamports,
                         uint32_t n)
{
    su_json_put_array(w, name);
    for (uint32_t i = 0; i < n; i++)
        su_json_put_u64(w, NULL, lamports[i]);
    su_json_end_array(w);
}

static void put_tokens(struct su_json_writer *w, const char *name,
                       const struct su_ledger_token_balance *b, uint32_t n)
{
    su_json_put_array(w, name);
    for (uint32_t i = 0; i < n; i++) {
        su_json_put_object(w, NULL);
        su_json_put_u64(w, "accountIndex", b[i].account_index);
        rpc_put_key(w, "mint", b[i].mint);
        rpc_put_key(w, "owner", b[i].owner);
        rpc_put_key(w, "programId", su_ledger_token_id);
        rpc_put_amount(w, "uiTokenAmount", b[i].amount, b[i].decimals);
        su_json_end_object(w);
    }
    su_json_end_array(w);
}

void rpc_put_meta(struct su_json_writer *w, const char *name, const struct su_ledger_tx *tx,
                  const struct su_ledger_result *r, enum rpc_encoding encoding)
{
    su_json_put_object(w, name);
    su_json_put_u64(w, "computeUnitsConsumed", r->units);
    rpc_put_failure(w, "err", &r->failure);
    su_json_put_u64(w, "fee", r->fee_lamports);
    rpc_put_inner(w, "innerInstructions", tx, r, encoding == RPC_ENC_PARSED);
    if (encoding != RPC_ENC_PARSED) {
        su_json_put_object(w, "loadedAddresses");
        su_json_put_array(w, "readonly");
        su_json_end_array(w);
        su_json_put_array(w, "writable");
        su_json_end_array(w);
        su_json_end_object(w);
    }
    rpc_put_logs(w, "logMessages", r);
    put_balances(w, "postBalances", r->post_lamports, r->n_keys);
    put_tokens(w, "postTokenBalances", r->post_tokens, r->n_post_tokens);
    put_balances(w, "preBalances", r->pre_lamports, r->n_keys);
    put_tokens(w, "preTokenBalances", r->pre_tokens, r->n_pre_tokens);
    if (r->has_return)
        rpc_put_return(w, "returnData", r);
    su_json_put_array(w, "rewards");
    su_json_end_array(w);
    rpc_put_status(w, "status", &r->failure);
    su_json_end_object(w);
}
