// SPDX-License-Identifier: MIT
#include "rpc_priv.h"

static const struct {
    const char *name;
    enum rpc_encoding encoding;
} encodings[] = {
    {"binary", RPC_ENC_BINARY},    {"base58", RPC_ENC_BASE58}, {"base64", RPC_ENC_BASE64},
    {"base64+zstd", RPC_ENC_ZSTD}, {"json", RPC_ENC_JSON},     {"jsonParsed", RPC_ENC_PARSED},
};

static const struct {
    const char *name;
    enum rpc_commitment commitment;
} commitments[] = {
    {"processed", RPC_PROCESSED}, {"confirmed", RPC_CONFIRMED},    {"finalized", RPC_FINALIZED},
    {"recent", RPC_PROCESSED}, /* names of early versions, which old clients still send */
    {"single", RPC_CONFIRMED},    {"singleGossip", RPC_CONFIRMED}, {"root", RPC_FINALIZED},
    {"max", RPC_FINALIZED},
};

bool rpc_encoding_of(struct rpc_call *c, const char *text, enum rpc_encoding *out)
{
    for (size_t i = 0; i < SU_ARRAY_LEN(encodings); i++)
        if (strcmp(encodings[i].name, text) == 0) {
            *out = encodings[i].encoding;
            return true;
        }
    return rpc_fail(c, RPC_INVALID_PARAMS,
                    "Invalid params: unknown variant `%.32s`, expected one of `binary`, `base64`, "
                    "`base58`, `json`, `jsonParsed`, `base64+zstd`",
                    text);
}

bool rpc_commitment_of(struct rpc_call *c, const char *text, enum rpc_commitment *out)
{
    for (size_t i = 0; i < SU_ARRAY_LEN(commitments); i++)
        if (strcmp(commitments[i].name, text) == 0) {
            *out = commitments[i].commitment;
            return true;
        }
    return rpc_fail(c, RPC_INVALID_PARAMS,
                    "Invalid params: unknown variant `%.32s`, expected one of `processed`, "
                    "`confirmed`, `finalized`",
                    text);
}

const struct su_json_value *rpc_param(const struct rpc_call *c, size_t i)
{
    const struct su_json_value *v = c->params != NULL ? su_json_first(c->params) : NULL;

    while (v != NULL && i-- > 0)
        v = su_json_next(v);
    return v != NULL && su_json_kind(v) != SU_JSON_NULL ? v : NULL;
}

bool rpc_params_want(struct rpc_call *c, size_t n)
{
    size_t given = c->params != NULL ? su_json_count(c->params) : 0;

    if (given >= n && (n == 0 || rpc_param(c, n - 1) != NULL))
        return true;
    return rpc_fail(c, RPC_INVALID_PARAMS, "`params` should have at least %zu argument%s", n,
                    n == 1 ? "" : "s");
}

bool rpc_param_str(struct rpc_call *c, size_t i, const char **s)
{
    struct su_err e = {0};

    if (!rpc_params_want(c, i + 1))
        return false;
    if (su_json_as_str(rpc_param(c, i), "a parameter", s, &e) == SU_OK)
        return true;
    return rpc_fail(c, RPC_INVALID_PARAMS, "Invalid params: %s %s", e.at, e.msg);
}

bool rpc_param_u64(struct rpc_call *c, size_t i, uint64_t *v)
{
    struct su_err e = {0};

    if (!rpc_params_want(c, i + 1))
        return false;
    if (su_json_as_u64(rpc_param(c, i), "a parameter", v, &e) == SU_OK)
        return true;
    return rpc_fail(c, RPC_INVALID_PARAMS, "Invalid params: %s %s", e.at, e.msg);
}

static bool fixed_base58(struct rpc_call *c, const char *text, uint8_t *out, size_t want)
{
    size_t n = 0;

    /* 64 bytes are at most 88 characters; a longer text is not decoded. */
    if (strlen(text) > 88 || !su_base58_decode(text, out, want, &n))
        n = strspn(text, "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz");
    else if (n == want)
        return true;
    else
        n = strlen(text);
    return rpc_fail(c, RPC_INVALID_PARAMS, "Invalid param: %s",
                    n == strlen(text) ? "WrongSize" : "Invalid");
}

bool rpc_key(struct rpc_call *c, const char *text, uint8_t key[32])
{
    return fixed_base58(c, text, key, 32);
}

bool rpc_signature(struct rpc_call *c, const char *text, uint8_t signature[64])
{
    return fixed_base58(c, text, signature, 64);
}

bool rpc_param_key(struct rpc_call *c, size_t i, uint8_t key[32])
{
    const char *text = NULL;

    return rpc_param_str(c, i, &text) && rpc_key(c, text, key);
}

bool rpc_param_signature(struct rpc_call *c, size_t i, uint8_t signature[64])
{
    const char *text = NULL;

    return rpc_param_str(c, i, &text) && rpc_signature(c, text, signature);
}

static bool bad_member(struct rpc_call *c, const struct su_err *e)
{
    return rpc_fail(c, RPC_INVALID_PARAMS, "Invalid params: %s %s", e->at, e->msg);
}

/* The member, or NULL when absent or null. */
static const struct su_json_value *member(const struct su_json_value *object, const char *name)
{
    const struct su_json_value *v = object != NULL ? su_json_member(object, name) : NULL;

    return v != NULL && su_json_kind(v) != SU_JSON_NULL ? v : NULL;
}

bool rpc_opt_bool(struct rpc_call *c, const struct su_json_value *object, const char *name, bool *v)
{
    const struct su_json_value *m = member(object, name);
    struct su_err e = {0};

    return m == NULL || su_json_as_bool(m, name, v, &e) == SU_OK || bad_member(c, &e);
}

bool rpc_opt_u64(struct rpc_call *c, const struct su_json_value *object, const char *name,
                 uint64_t *v, bool *given)
{
    const struct su_json_value *m = member(object, name);
    struct su_err e = {0};

    if (given != NULL)
        *given = m != NULL;
    return m == NULL || su_json_as_u64(m, name, v, &e) == SU_OK || bad_member(c, &e);
}

bool rpc_opt_str(struct rpc_call *c, const struct su_json_value *object, const char *name,
                 const char **v)
{
    const struct su_json_value *m = member(object, name);
    struct su_err e = {0};

    return m == NULL || su_json_as_str(m, name, v, &e) == SU_OK || bad_member(c, &e);
}

static bool read_slice(struct rpc_call *c, struct rpc_config *cfg)
{
    const struct su_json_value *slice = member(cfg->object, "dataSlice");
    bool has_offset = false, has_length = false;

    if (slice == NULL)
        return true;
    cfg->has_slice = true;
    if (su_json_kind(slice) != SU_JSON_OBJECT ||
        !rpc_opt_u64(c, slice, "offset", &cfg->slice_offset, &has_offset) ||
        !rpc_opt_u64(c, slice, "length", &cfg->slice_length, &has_length) || !has_offset ||
        !has_length)
        return rpc_fail(c, RPC_INVALID_PARAMS,
                        "Invalid params: dataSlice must be {\"offset\":n,\"length\":n}");
    return true;
}

static bool check_min_slot(struct rpc_call *c, const struct rpc_config *cfg)
{
    struct su_ledger_now now;

    if (!cfg->has_min_slot)
        return true;
    su_ledger_now(c->ledger, &now);
    if (now.slot >= cfg->min_slot)
        return true;
    su_buf_printf(&c->data, "{\"contextSlot\":%llu}", (unsigned long long)now.slot);
    return rpc_fail(c, RPC_MIN_CONTEXT_SLOT, "Minimum context slot has not been reached");
}

bool rpc_param_config(struct rpc_call *c, size_t i, struct rpc_config *cfg)
{
    const char *commitment = NULL, *encoding = NULL;

    *cfg = (struct rpc_config){.object = rpc_param(c, i), .commitment = RPC_FINALIZED};
    if (cfg->object == NULL)
        return true;
    if (su_json_kind(cfg->object) != SU_JSON_OBJECT)
        return rpc_fail(c, RPC_INVALID_PARAMS,
                        "Invalid params: parameter %zu is of type %s, must be an object", i + 1,
                        su_json_kind_name(su_json_kind(cfg->object)));
    if (!rpc_opt_str(c, cfg->object, "commitment", &commitment) ||
        !rpc_opt_str(c, cfg->object, "encoding", &encoding) ||
        (commitment != NULL && !rpc_commitment_of(c, commitment, &cfg->commitment)) ||
        (encoding != NULL && !rpc_encoding_of(c, encoding, &cfg->encoding)) ||
        !rpc_opt_u64(c, cfg->object, "minContextSlot", &cfg->min_slot, &cfg->has_min_slot) ||
        !read_slice(c, cfg))
        return false;
    return check_min_slot(c, cfg);
}
