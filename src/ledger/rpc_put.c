// SPDX-License-Identifier: MIT
#include "rpc_priv.h"

#include <stdlib.h>

void rpc_put_context(struct rpc_call *c)
{
    struct su_ledger_now now;

    su_ledger_now(c->ledger, &now);
    su_json_put_object(c->w, NULL);
    su_json_put_object(c->w, "context");
    su_json_put_str(c->w, "apiVersion", RPC_API_VERSION);
    su_json_put_u64(c->w, "slot", now.slot);
    su_json_end_object(c->w);
}

/* ---- bytes ----------------------------------------------------------------------------------- */

void rpc_put_base58(struct su_json_writer *w, const char *name, const void *data, size_t n)
{
    char text[RPC_PACKET_MAX * 2];

    (void)su_base58_encode(data, n, text, sizeof text);
    su_json_put_str(w, name, text);
}

void rpc_put_key(struct su_json_writer *w, const char *name, const uint8_t key[32])
{
    rpc_put_base58(w, name, key, 32);
}

/* Length of the text is 4 bytes for each 3 begun. */
static void put_base64(struct su_json_writer *w, const char *name, const void *data, size_t n)
{
    size_t cap = n / 3 * 4 + 5;
    char *text = su_try_alloc(cap, 1);

    if (text != NULL && (n == 0 || su_base64_encode(data, n, text, cap) > 0))
        su_json_put_str(w, name, text);
    else {
        su_json_put_null(w, name);
        w->buf->failed = true;
    }
    free(text);
}

static void put_zstd(struct su_json_writer *w, const void *data, size_t n)
{
    struct su_buf frame;

    su_buf_init(&frame, 0);
    rpc_zstd(&frame, data, n);
    if (frame.failed)
        w->buf->failed = true;
    put_base64(w, NULL, frame.data, frame.failed ? 0 : frame.len);
    su_buf_fini(&frame);
}

void rpc_put_bytes(struct su_json_writer *w, const char *name, const void *data, size_t n,
                   enum rpc_encoding encoding)
{
    if (encoding == RPC_ENC_BINARY) {
        rpc_put_base58(w, name, data, n);
        return;
    }
    su_json_put_array(w, name);
    if (encoding == RPC_ENC_BASE58) {
        rpc_put_base58(w, NULL, data, n);
        su_json_put_str(w, NULL, "base58");
    } else if (encoding == RPC_ENC_ZSTD) {
        put_zstd(w, data, n);
        su_json_put_str(w, NULL, "base64+zstd");
    } else {
        put_base64(w, NULL, data, n);
        su_json_put_str(w, NULL, "base64");
    }
    su_json_end_array(w);
}

/* ---- accounts -------------------------------------------------------------------------------- */

bool rpc_put_account(struct rpc_call *c, const char *name, const struct su_ledger_account *a,
                     const struct rpc_config *cfg, enum rpc_encoding fallback)
{
    enum rpc_encoding encoding = cfg->encoding != RPC_ENC_NONE ? cfg->encoding : fallback;
    const uint8_t *data = a != NULL ? a->data : NULL;
    uint64_t n = a != NULL ? a->data_bytes : 0;

    if (a == NULL) {
        su_json_put_null(c->w, name);
        return true;
    }
    if (encoding == RPC_ENC_JSON) /* of transactions only; Solana shows account data as base64 */
        encoding = RPC_ENC_BASE64;
    if (cfg->has_slice) {
        uint64_t offset = SU_MIN(cfg->slice_offset, n);
        data += offset;
        n = SU_MIN(cfg->slice_length, n - offset);
    }
    if ((encoding == RPC_ENC_BINARY || encoding == RPC_ENC_BASE58) && n > RPC_BASE58_DATA_MAX)
        return rpc_fail(c, RPC_INVALID_REQUEST,
                        "Encoded binary (base 58) data should be less than %u bytes, please use "
                        "Base64 encoding.",
                        RPC_BASE58_DATA_MAX);
    su_json_put_object(c->w, name);
    if (encoding != RPC_ENC_PARSED || !rpc_put_parsed_account(c, "data", a))
        rpc_put_bytes(c->w, "data", data, (size_t)n, encoding);
    su_json_put_bool(c->w, "executable", a->executable);
    su_json_put_u64(c->w, "lamports", a->lamports);
    rpc_put_key(c->w, "owner", a->owner);
    su_json_put_u64(c->w, "rentEpoch", UINT64_MAX); /* exempt for good, as every account is */
    su_json_put_u64(c->w, "space", a->data_bytes);
    su_json_end_object(c->w);
    return true;
}

bool rpc_put_keyed_accounts(struct rpc_call *c, const char *name,
                            const struct su_ledger_accounts *list, const struct rpc_config *cfg,
                            enum rpc_encoding fallback)
{
    su_json_put_array(c->w, name);
    for (size_t i = 0; i < list->n && !c->w->buf->failed; i++) {
        su_json_put_object(c->w, NULL);
        rpc_put_key(c->w, "pubkey", list->items[i]->key);
        if (!rpc_put_account(c, "account", list->items[i], cfg, fallback))
            return false;
        su_json_end_object(c->w);
    }
    su_json_end_array(c->w);
    return true;
}

void rpc_put_amount_fields(struct su_json_writer *w, uint64_t amount, uint8_t decimals)
{
    char digits[300], text[304];
    double ui = (double)amount;

    (void)snprintf(digits, sizeof digits, "%0*llu", decimals + 1, (unsigned long long)amount);
    size_t n = strlen(digits), whole = n - decimals;
    (void)snprintf(text, sizeof text, "%.*s.%s", (int)whole, digits, digits + whole);
    size_t end = strlen(text);
    while (end > 0 && text[end - 1] == '0')
        text[--end] = '\0';
    if (end > 0 && text[end - 1] == '.')
        text[--end] = '\0';
    for (unsigned i = 0; i < decimals; i++)
        ui /= 10;
    (void)snprintf(digits, sizeof digits, "%llu", (unsigned long long)amount);
    su_json_put_str(w, "amount", digits);
    su_json_put_u64(w, "decimals", decimals);
    su_json_put_double(w, "uiAmount", ui);
    su_json_put_str(w, "uiAmountString", text);
}

void rpc_put_amount(struct su_json_writer *w, const char *name, uint64_t amount, uint8_t decimals)
{
    su_json_put_object(w, name);
    rpc_put_amount_fields(w, amount, decimals);
    su_json_end_object(w);
}

/* ---- failures, results ----------------------------------------------------------------------- */

static void put_instr_failure(struct su_json_writer *w, const struct su_ledger_failure *f)
{
    if (f->instr == SU_LEDGER_IE_Custom) {
        su_json_put_object(w, NULL);
        su_json_put_u64(w, "Custom", f->custom);
        su_json_end_object(w);
    } else {
        su_json_put_str(w, NULL, su_ledger_instr_error_name(f->instr));
    }
}

void rpc_put_failure(struct su_json_writer *w, const char *name, const struct su_ledger_failure *f)
{
    const char *variant = su_ledger_tx_error_name(f->tx);

    if (f->tx == SU_LEDGER_TX_OK) {
        su_json_put_null(w, name);
    } else if (f->tx == SU_LEDGER_TX_InstructionError) {
        su_json_put_object(w, name);
        su_json_put_array(w, variant);
        su_json_put_u64(w, NULL, f->index);
        put_instr_failure(w, f);
        su_json_end_array(w);
        su_json_end_object(w);
    } else if (su_ledger_tx_error_has_account(f->tx)) {
        su_json_put_object(w, name);
        su_json_put_object(w, variant);
        su_json_put_u64(w, "account_index", f->index);
        su_json_end_object(w);
        su_json_end_object(w);
    } else if (f->tx == SU_LEDGER_TX_DuplicateInstruction) {
        su_json_put_object(w, name);
        su_json_put_u64(w, variant, f->index);
        su_json_end_object(w);
    } else {
        su_json_put_str(w, name, variant);
    }
}

void rpc_put_status(struct su_json_writer *w, const char *name, const struct su_ledger_failure *f)
{
    su_json_put_object(w, name);
    rpc_put_failure(w, f->tx == SU_LEDGER_TX_OK ? "Ok" : "Err", f);
    su_json_end_object(w);
}

void rpc_put_logs(struct su_json_writer *w, const char *name, const struct su_ledger_result *r)
{
    su_json_put_array(w, name);
    for (uint32_t i = 0; i < r->n_logs; i++)
        su_json_put_str(w, NULL, r->logs[i]);
    su_json_end_array(w);
}

void rpc_put_return(struct su_json_writer *w, const char *name, const struct su_ledger_result *r)
{
    if (!r->has_return) {
        su_json_put_null(w, name);
        return;
    }
    su_json_put_object(w, name);
    rpc_put_key(w, "programId", r->return_program);
    rpc_put_bytes(w, "data", r->return_data, r->return_bytes, RPC_ENC_BASE64);
    su_json_end_object(w);
}
