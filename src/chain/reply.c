// SPDX-License-Identifier: MIT
/* Replies of endpoints, taken apart. Everything in here reads hostile bytes. */
#include "chain_priv.h"

#include <string.h>

enum { /* Solana's rpc_custom_error, and JSON-RPC 2.0 */
       RPC_SIGNATURE = -32003,
       RPC_BLOCK_NOT_AVAILABLE = -32004,
       RPC_UNHEALTHY = -32005,
       RPC_SLOT_SKIPPED = -32007,
       RPC_LONG_TERM_SKIPPED = -32009,
       RPC_KEY_EXCLUDED = -32010,
       RPC_NO_HISTORY = -32011,
       RPC_STATUS_NOT_YET = -32014,
       RPC_VERSION = -32015,
       RPC_BEHIND_CONTEXT = -32016,
       RPC_METHOD = -32601,
       RPC_PARAMS = -32602,
};

static enum su_code code_of(int64_t rpc)
{
    switch (rpc) {
    case RPC_UNHEALTHY:
    case RPC_BEHIND_CONTEXT:
        return SU_EBUSY;
    case RPC_METHOD:
    case RPC_BLOCK_NOT_AVAILABLE:
    case RPC_KEY_EXCLUDED:
    case RPC_NO_HISTORY:
    case RPC_VERSION:
        return SU_EUNSUPPORTED;
    case RPC_PARAMS:
        return SU_EINVAL;
    case RPC_SIGNATURE:
        return SU_EACCES;
    case RPC_SLOT_SKIPPED:
    case RPC_LONG_TERM_SKIPPED:
    case RPC_STATUS_NOT_YET:
        return SU_ENOENT;
    default:
        return SU_EIO;
    }
}

static enum su_code rpc_error(const struct su_json_value *error, const char *method, bool *again,
                              struct su_err *e)
{
    const char *text;
    int64_t number;

    if (su_json_get_i64(error, "code", &number, NULL) != SU_OK ||
        su_json_get_str(error, "message", &text, NULL) != SU_OK) {
        *again = true;
        return su_fail(e, SU_EFORMAT, method, "the endpoint's error lacks a code or a message");
    }
    enum su_code c = code_of(number);
    *again = c == SU_EBUSY;
    return su_fail(e, c, method, "the endpoint says: %.300s (%lld)", text, (long long)number);
}

enum su_code chain_reply_parse(const void *text, size_t n, const char *method, uint64_t max_bytes,
                               struct su_json **doc, const struct su_json_value **result,
                               bool *again, struct su_err *e)
{
    const struct su_json_limits limits = {.bytes_max = (size_t)max_bytes};
    const struct su_json_value *error;

    *again = true;
    *result = NULL;
    enum su_code c = su_json_parse(text, n, method, &limits, doc, e);
    if (c == SU_ELIMIT || c == SU_ENOMEM)
        return c;
    if (c)
        return su_fail(e, SU_EFORMAT, method, "the endpoint's answer is no JSON");
    const struct su_json_value *root = su_json_root(*doc);
    if (su_json_kind(root) != SU_JSON_OBJECT)
        c = su_fail(e, SU_EFORMAT, method, "the endpoint's answer is no JSON-RPC");
    else if ((error = su_json_member(root, "error")) != NULL && su_json_kind(error) != SU_JSON_NULL)
        c = rpc_error(error, method, again, e);
    else if ((*result = su_json_member(root, "result")) == NULL)
        c = su_fail(e, SU_EFORMAT, method, "the endpoint's answer has neither result nor error");
    if (c) {
        su_json_free(*doc);
        *doc = NULL;
        *result = NULL;
    }
    return c;
}

enum su_code chain_finish_value(struct chain_call *call, struct su_json **doc,
                                const struct su_json_value **value, uint64_t *slot,
                                struct su_err *e)
{
    const struct su_json_value *result;
    uint64_t at_slot = 0;
    const char *method = call->method;
    enum su_code c = chain_finish(call, doc, &result, e);

    if (c)
        return c;
    *value = su_json_member(result, "value");
    if (!*value)
        c = su_fail(e, SU_EFORMAT, method, "the endpoint's answer has no value");
    if (!c)
        c = su_json_get_u64(su_json_member(result, "context"), "slot", &at_slot, e) == SU_OK
                ? SU_OK
                : su_fail(e, SU_EFORMAT, method, "the endpoint's answer has no context");
    if (c) {
        su_json_free(*doc);
        *doc = NULL;
    } else if (slot) {
        *slot = at_slot;
    }
    return c;
}

/* ---- pieces ---------------------------------------------------------------------------------- */

const char *chain_commitment_name(enum su_chain_commitment commitment)
{
    return commitment == SU_CHAIN_PROCESSED   ? "processed"
           : commitment == SU_CHAIN_FINALIZED ? "finalized"
                                              : "confirmed";
}

void chain_put_key(struct chain_call *call, const uint8_t key[32])
{
    char text[SU_CHAIN_TEXT];

    su_json_put_str(&call->w, NULL, su_chain_key_text(key, text));
}

void chain_open_config(struct chain_call *call)
{
    su_json_put_object(&call->w, NULL);
    su_json_put_str(&call->w, "commitment", chain_commitment_name(call->chain->commitment));
}

void chain_put_config(struct chain_call *call)
{
    chain_open_config(call);
    su_json_end_object(&call->w);
}

static enum su_code bad(const char *what, struct su_err *e)
{
    return su_fail(e, SU_EFORMAT, what, "missing from the endpoint's answer, or malformed");
}

enum su_code chain_read_key(const struct su_json_value *object, const char *name, uint8_t key[32],
                            struct su_err *e)
{
    const char *text;

    if (su_json_get_str(object, name, &text, NULL) != SU_OK ||
        su_chain_key_parse(text, name, key, NULL) != SU_OK)
        return bad(name, e);
    return SU_OK;
}

enum su_code chain_read_sig(const struct su_json_value *v, const char *at, uint8_t sig[64],
                            struct su_err *e)
{
    const char *text;

    if (!v || su_json_as_str(v, at, &text, NULL) != SU_OK ||
        su_chain_sig_parse(text, at, sig, NULL) != SU_OK)
        return bad(at, e);
    return SU_OK;
}

static enum su_code read_data(const struct su_json_value *v, struct su_arena *mem,
                              struct su_chain_account *out, struct su_err *e)
{
    const struct su_json_value *first = su_json_first(v);
    const char *text, *encoding;

    if (su_json_kind(v) != SU_JSON_ARRAY || su_json_count(v) != 2 ||
        su_json_as_str(first, NULL, &text, NULL) != SU_OK ||
        su_json_as_str(su_json_next(first), NULL, &encoding, NULL) != SU_OK ||
        strcmp(encoding, "base64") != 0)
        return bad("data", e);
    size_t cap = strlen(text) / 4 * 3, n;
    if (cap == 0)
        return *text == '\0' ? SU_OK : bad("data", e);
    uint8_t *bytes = su_arena_alloc(mem, cap);
    if (!bytes)
        return su_fail(e, SU_ENOMEM, "account", "no memory for %zu bytes", cap);
    if (!su_base64_decode(text, bytes, cap, &n))
        return bad("data", e);
    out->data = bytes;
    out->data_bytes = n;
    return SU_OK;
}

enum su_code chain_read_account(const struct su_json_value *v, struct su_arena *mem,
                                struct su_chain_account *out, struct su_err *e)
{
    const struct su_json_value *data;

    if (!v || su_json_kind(v) == SU_JSON_NULL)
        return v ? SU_OK : bad("account", e);
    if (su_json_kind(v) != SU_JSON_OBJECT || !(data = su_json_member(v, "data")))
        return bad("account", e);
    enum su_code c = su_json_get_u64(v, "lamports", &out->lamports, e);
    if (c)
        return c == SU_EOVERFLOW ? c : bad("lamports", e);
    if (su_json_get_bool(v, "executable", &out->executable, NULL) != SU_OK)
        return bad("executable", e);
    c = chain_read_key(v, "owner", out->owner, e);
    if (!c)
        c = read_data(data, mem, out, e);
    out->exists = c == SU_OK;
    return c;
}

static bool copy_name(const char *text, char out[48])
{
    su_str_sanitize(out, 48, text, strlen(text));
    return out[0] != '\0';
}

/* [index, "Name"] or [index, {"Name": value}] */
static bool instruction_error(const struct su_json_value *v, struct su_chain_failure *out)
{
    const struct su_json_value *index = su_json_first(v),
                               *what = index ? su_json_next(index) : NULL;
    uint64_t number, custom;
    const char *name;

    if (!what || su_json_as_u64(index, NULL, &number, NULL) != SU_OK || number > 255)
        return false;
    out->instruction = (int)number;
    if (su_json_as_str(what, NULL, &name, NULL) == SU_OK)
        return copy_name(name, out->detail);
    const struct su_json_value *member = su_json_first(what);
    if (su_json_kind(what) != SU_JSON_OBJECT || !member ||
        !copy_name(su_json_key(member), out->detail))
        return false;
    if (strcmp(out->detail, "Custom") != 0)
        return true;
    if (su_json_as_u64(member, NULL, &custom, NULL) != SU_OK || custom > UINT32_MAX)
        return false;
    out->has_custom = true;
    out->custom = (uint32_t)custom;
    return true;
}

enum su_code chain_read_failure(const struct su_json_value *v, struct su_chain_failure *out,
                                struct su_err *e)
{
    const char *name;

    memset(out, 0, sizeof *out);
    out->instruction = -1;
    if (!v || su_json_kind(v) == SU_JSON_NULL)
        return v ? SU_OK : bad("err", e);
    if (su_json_as_str(v, NULL, &name, NULL) == SU_OK)
        return copy_name(name, out->kind) ? SU_OK : bad("err", e);
    const struct su_json_value *member = su_json_first(v);
    if (su_json_kind(v) != SU_JSON_OBJECT || !member || !copy_name(su_json_key(member), out->kind))
        return bad("err", e);
    if (strcmp(out->kind, "InstructionError") == 0 && !instruction_error(member, out))
        return bad("err", e);
    return SU_OK;
}

enum su_code chain_read_logs(const struct su_json_value *v, struct su_chain_outcome *out,
                             struct su_err *e)
{
    if (!v || su_json_kind(v) == SU_JSON_NULL)
        return SU_OK;
    if (su_json_kind(v) != SU_JSON_ARRAY)
        return bad("logs", e);
    size_t n = su_json_count(v);
    if (n == 0)
        return SU_OK;
    out->logs = su_arena_alloc(&out->mem, n * sizeof *out->logs);
    if (!out->logs)
        return su_fail(e, SU_ENOMEM, "logs", "no memory for %zu lines", n);
    for (const struct su_json_value *i = su_json_first(v); i; i = su_json_next(i)) {
        const char *line;
        if (su_json_as_str(i, NULL, &line, NULL) != SU_OK)
            return bad("logs", e);
        char *copy = su_arena_strndup(&out->mem, line, strlen(line));
        if (!copy)
            return su_fail(e, SU_ENOMEM, "logs", "no memory");
        su_str_sanitize(copy, strlen(line) + 1, line, strlen(line));
        out->logs[out->n_logs++] = copy;
    }
    return SU_OK;
}

static bool optional_u64(const struct su_json_value *object, const char *name, uint64_t *out)
{
    const struct su_json_value *v = su_json_member(object, name);

    return !v || su_json_kind(v) == SU_JSON_NULL || su_json_as_u64(v, name, out, NULL) == SU_OK;
}

/* "transaction": [base64, "base64"]; left out by endpoints that keep no bytes. */
static enum su_code read_wire(const struct su_json_value *v, struct su_chain_outcome *out,
                              struct su_err *e)
{
    const char *text = NULL;
    size_t n = 0;

    if (!v || su_json_kind(v) == SU_JSON_NULL)
        return SU_OK;
    if (su_json_kind(v) != SU_JSON_ARRAY || !su_json_first(v) ||
        su_json_as_str(su_json_first(v), NULL, &text, NULL) != SU_OK)
        return bad("transaction", e);
    uint8_t *wire = su_arena_alloc(&out->mem, SU_TX_MAX_BYTES);
    if (!wire)
        return su_fail(e, SU_ENOMEM, "transaction", "out of memory");
    if (!su_base64_decode(text, wire, SU_TX_MAX_BYTES, &n))
        return bad("transaction", e);
    out->wire = wire;
    out->wire_bytes = n;
    return SU_OK;
}

enum su_code chain_read_transaction(const struct su_json_value *v, struct su_chain_outcome *out,
                                    struct su_err *e)
{
    const struct su_json_value *meta = su_json_member(v, "meta"), *t;

    if (!meta || su_json_kind(meta) != SU_JSON_OBJECT ||
        su_json_get_u64(v, "slot", &out->slot, NULL) != SU_OK ||
        su_json_get_u64(meta, "fee", &out->fee_lamports, NULL) != SU_OK ||
        !optional_u64(meta, "computeUnitsConsumed", &out->units))
        return bad("meta", e);
    t = su_json_member(v, "blockTime");
    if (t && su_json_kind(t) != SU_JSON_NULL &&
        su_json_as_i64(t, NULL, &out->block_time, NULL) != SU_OK)
        return bad("blockTime", e);
    enum su_code c = chain_read_failure(su_json_member(meta, "err"), &out->failure, e);
    if (!c)
        c = chain_read_logs(su_json_member(meta, "logMessages"), out, e);
    return c ? c : read_wire(su_json_member(v, "transaction"), out, e);
}

enum su_code chain_read_simulation(const struct su_json_value *v, struct su_chain_outcome *out,
                                   struct su_err *e)
{
    if (su_json_kind(v) != SU_JSON_OBJECT || !optional_u64(v, "unitsConsumed", &out->units))
        return bad("unitsConsumed", e);
    enum su_code c = chain_read_failure(su_json_member(v, "err"), &out->failure, e);
    return c ? c : chain_read_logs(su_json_member(v, "logs"), out, e);
}

static enum su_code read_status(const struct su_json_value *v, struct su_chain_status *out,
                                struct su_err *e)
{
    const struct su_json_value *level;
    const char *text;

    if (su_json_kind(v) == SU_JSON_NULL)
        return SU_OK;
    if (su_json_get_u64(v, "slot", &out->slot, NULL) != SU_OK)
        return bad("slot", e);
    enum su_code c = chain_read_failure(su_json_member(v, "err"), &out->failure, e);
    if (c)
        return c;
    out->known = true;
    out->reached = SU_CHAIN_PROCESSED;
    level = su_json_member(v, "confirmationStatus");
    if (!level || su_json_kind(level) == SU_JSON_NULL)
        return SU_OK;
    if (su_json_as_str(level, NULL, &text, NULL) != SU_OK)
        return bad("confirmationStatus", e);
    if (strcmp(text, "finalized") == 0)
        out->reached = SU_CHAIN_FINALIZED;
    else if (strcmp(text, "confirmed") == 0)
        out->reached = SU_CHAIN_CONFIRMED;
    return SU_OK;
}

enum su_code chain_read_statuses(const struct su_json_value *v, size_t n,
                                 struct su_chain_status *out, struct su_err *e)
{
    enum su_code c = SU_OK;
    size_t i = 0;

    memset(out, 0, n * sizeof *out);
    if (su_json_kind(v) != SU_JSON_ARRAY || su_json_count(v) != n)
        return bad("statuses", e);
    for (const struct su_json_value *s = su_json_first(v); s && !c; s = su_json_next(s))
        c = read_status(s, &out[i++], e);
    return c;
}
