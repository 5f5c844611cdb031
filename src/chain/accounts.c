// SPDX-License-Identifier: MIT
/* Accounts as bytes. */
#include "chain_priv.h"

#include <string.h>

enum {
    FILTERS_MAX = 4,
    FILTER_BYTES_MAX = 128,
    TOKEN_BYTES = 165, /* SPL Token: layout of spl_token::state::Account */
    TOKEN_OWNER = 32,
    TOKEN_AMOUNT = 64,
    TOKEN_STATE = 108,
    TOKEN_INITIALIZED = 1,
    TOKEN_FROZEN = 2,
};

void su_chain_accounts_fini(struct su_chain_accounts *a)
{
    su_arena_fini(&a->mem);
    memset(a, 0, sizeof *a);
}

static enum su_code make_room(struct su_chain_accounts *a, size_t n, struct su_err *e)
{
    memset(a, 0, sizeof *a);
    su_arena_init(&a->mem, 0);
    if (n > SIZE_MAX / sizeof *a->items ||
        !(a->items = su_arena_alloc(&a->mem, SU_MAX(n, (size_t)1) * sizeof *a->items)))
        return su_fail(e, SU_ENOMEM, "accounts", "no memory for %zu", n);
    a->n = n;
    return SU_OK;
}

static void put_encoding(struct chain_call *call)
{
    su_json_put_str(&call->w, "encoding", "base64");
}

/* ---- by address ------------------------------------------------------------------------------ */

/* What of their bytes; all when there are none of it. */
struct part {
    uint64_t offset, bytes;
};

static void put_part(struct chain_call *call, const struct part *part)
{
    if (part->bytes == 0)
        return;
    su_json_put_object(&call->w, "dataSlice");
    su_json_put_u64(&call->w, "offset", part->offset);
    su_json_put_u64(&call->w, "length", part->bytes);
    su_json_end_object(&call->w);
}

static enum su_code get_batch(struct su_chain *c, const uint8_t (*keys)[32], size_t n,
                              const struct part *part, struct su_chain_accounts *out,
                              struct su_chain_account *items, struct su_err *e)
{
    struct chain_call call;
    struct su_json *doc;
    const struct su_json_value *v;
    size_t i = 0;

    chain_begin(&call, c, "getMultipleAccounts");
    su_json_put_array(&call.w, NULL);
    for (size_t k = 0; k < n; k++)
        chain_put_key(&call, keys[k]);
    su_json_end_array(&call.w);
    chain_open_config(&call);
    put_encoding(&call);
    put_part(&call, part);
    su_json_end_object(&call.w);
    enum su_code rc = chain_finish_value(&call, &doc, &v, &out->slot, e);
    if (rc)
        return rc;
    if (su_json_kind(v) != SU_JSON_ARRAY || su_json_count(v) != n)
        rc = su_fail(e, SU_EFORMAT, "getMultipleAccounts",
                     "the endpoint's answer has not the %zu accounts asked for", n);
    for (const struct su_json_value *a = su_json_first(v); a && !rc; a = su_json_next(a), i++) {
        memcpy(items[i].key, keys[i], 32);
        rc = chain_read_account(a, &out->mem, &items[i], e);
        if (!rc && part->bytes > 0 && items[i].data_bytes > part->bytes)
            rc = su_fail(e, SU_EFORMAT, "getMultipleAccounts",
                         "the endpoint's answer has more bytes of an account than asked for");
    }
    su_json_free(doc);
    return rc;
}

static enum su_code get_all(struct su_chain *c, const uint8_t (*keys)[32], size_t n,
                            const struct part *part, struct su_chain_accounts *out,
                            struct su_err *e)
{
    enum su_code rc = make_room(out, n, e);

    for (size_t at = 0; at < n && !rc; at += SU_CHAIN_BATCH)
        rc = get_batch(c, keys + at, SU_MIN(n - at, (size_t)SU_CHAIN_BATCH), part, out,
                       out->items + at, e);
    if (rc)
        su_chain_accounts_fini(out);
    return rc;
}

enum su_code su_chain_accounts_get(struct su_chain *c, const uint8_t (*keys)[32], size_t n,
                                   struct su_chain_accounts *out, struct su_err *e)
{
    const struct part all = {.bytes = 0};

    return get_all(c, keys, n, &all, out, e);
}

enum su_code su_chain_accounts_part(struct su_chain *c, const uint8_t (*keys)[32], size_t n,
                                    uint64_t offset, uint64_t bytes, struct su_chain_accounts *out,
                                    struct su_err *e)
{
    const struct part part = {offset, SU_MAX(bytes, (uint64_t)1)};

    return get_all(c, keys, n, &part, out, e);
}

/* ---- lists ----------------------------------------------------------------------------------- */

/* [{"pubkey": ..., "account": {...}}, ...] */
static enum su_code read_list(const struct su_json_value *v, struct su_chain_accounts *out,
                              struct su_err *e)
{
    size_t i = 0;

    if (su_json_kind(v) != SU_JSON_ARRAY)
        return su_fail(e, SU_EFORMAT, "accounts", "the endpoint's answer is no list");
    enum su_code rc = make_room(out, su_json_count(v), e);
    for (const struct su_json_value *a = su_json_first(v); a && !rc; a = su_json_next(a), i++) {
        rc = chain_read_key(a, "pubkey", out->items[i].key, e);
        if (!rc)
            rc = chain_read_account(su_json_member(a, "account"), &out->mem, &out->items[i], e);
        if (!rc && !out->items[i].exists)
            rc = su_fail(e, SU_EFORMAT, "accounts", "the endpoint lists an account that is none");
    }
    return rc;
}

static void put_filters(struct chain_call *call, uint64_t data_bytes,
                        const struct su_chain_filter *filters, size_t n)
{
    char text[SU_MAX(SU_CHAIN_SIG_TEXT, 2 * FILTER_BYTES_MAX)];

    su_json_put_array(&call->w, "filters");
    if (data_bytes > 0) {
        su_json_put_object(&call->w, NULL);
        su_json_put_u64(&call->w, "dataSize", data_bytes);
        su_json_end_object(&call->w);
    }
    for (size_t i = 0; i < n; i++) {
        (void)su_base58_encode(filters[i].bytes, filters[i].n, text, sizeof text);
        su_json_put_object(&call->w, NULL);
        su_json_put_object(&call->w, "memcmp");
        su_json_put_u64(&call->w, "offset", filters[i].offset);
        su_json_put_str(&call->w, "bytes", text);
        su_json_end_object(&call->w);
        su_json_end_object(&call->w);
    }
    su_json_end_array(&call->w);
}

enum su_code su_chain_program_accounts(struct su_chain *c, const uint8_t program[32],
                                       uint64_t data_bytes, const struct su_chain_filter *filters,
                                       size_t n, struct su_chain_accounts *out, struct su_err *e)
{
    struct chain_call call;
    struct su_json *doc;
    const struct su_json_value *v;
    uint64_t slot;

    memset(out, 0, sizeof *out);
    if (n > FILTERS_MAX)
        return su_fail(e, SU_EINVAL, "filters", "%zu are more than %d", n, FILTERS_MAX);
    for (size_t i = 0; i < n; i++)
        if (filters[i].n == 0 || filters[i].n > FILTER_BYTES_MAX)
            return su_fail(e, SU_EINVAL, "filters", "%zu bytes: 1 to %d are possible", filters[i].n,
                           FILTER_BYTES_MAX);
    chain_begin(&call, c, "getProgramAccounts");
    chain_put_key(&call, program);
    chain_open_config(&call);
    put_encoding(&call);
    su_json_put_bool(&call.w, "withContext", true);
    put_filters(&call, data_bytes, filters, n);
    su_json_end_object(&call.w);
    enum su_code rc = chain_finish_value(&call, &doc, &v, &slot, e);
    if (rc)
        return rc;
    rc = read_list(v, out, e);
    su_json_free(doc);
    if (rc)
        su_chain_accounts_fini(out);
    else
        out->slot = slot;
    return rc;
}

/* ---- token accounts -------------------------------------------------------------------------- */

enum su_code su_chain_as_token(const struct su_chain_account *a, struct su_chain_token *out,
                               struct su_err *e)
{
    char text[SU_CHAIN_TEXT];

    memset(out, 0, sizeof *out);
    memcpy(out->key, a->key, 32);
    if (!a->exists || memcmp(a->owner, su_token_id, 32) != 0 || a->data_bytes != TOKEN_BYTES ||
        (a->data[TOKEN_STATE] != TOKEN_INITIALIZED && a->data[TOKEN_STATE] != TOKEN_FROZEN))
        return su_fail(e, SU_ETYPE, su_chain_key_text(a->key, text),
                       "not a token account of SPL Token");
    memcpy(out->mint, a->data, 32);
    memcpy(out->owner, a->data + TOKEN_OWNER, 32);
    out->amount = su_le64(a->data + TOKEN_AMOUNT);
    out->frozen = a->data[TOKEN_STATE] == TOKEN_FROZEN;
    return SU_OK;
}

enum su_code su_chain_token_get(struct su_chain *c, const uint8_t key[32],
                                struct su_chain_token *out, struct su_err *e)
{
    struct su_chain_accounts list;
    char text[SU_CHAIN_TEXT];
    enum su_code rc =
        su_chain_accounts_get(c, (const uint8_t(*)[32])(const void *)key, 1, &list, e);

    if (rc)
        return rc;
    if (!list.items[0].exists)
        rc = su_fail(e, SU_ENOENT, su_chain_key_text(key, text), "there is no token account here");
    else
        rc = su_chain_as_token(&list.items[0], out, e);
    su_chain_accounts_fini(&list);
    return rc;
}

enum su_code su_chain_tokens_of(struct su_chain *c, const uint8_t owner[32], const uint8_t *mint,
                                struct su_chain_token *out, size_t cap, size_t *n, struct su_err *e)
{
    struct chain_call call;
    struct su_json *doc;
    const struct su_json_value *v;
    struct su_chain_accounts list = {0};
    char text[SU_CHAIN_TEXT];

    chain_begin(&call, c, "getTokenAccountsByOwner");
    chain_put_key(&call, owner);
    su_json_put_object(&call.w, NULL);
    su_json_put_str(&call.w, mint ? "mint" : "programId",
                    su_chain_key_text(mint ? mint : su_token_id, text));
    su_json_end_object(&call.w);
    chain_open_config(&call);
    put_encoding(&call);
    su_json_end_object(&call.w);
    enum su_code rc = chain_finish_value(&call, &doc, &v, NULL, e);
    if (rc)
        return rc;
    rc = read_list(v, &list, e);
    su_json_free(doc);
    for (size_t i = 0; i < list.n && i < cap && !rc; i++)
        rc = su_chain_as_token(&list.items[i], &out[i], e);
    *n = list.n;
    su_chain_accounts_fini(&list);
    return rc;
}
