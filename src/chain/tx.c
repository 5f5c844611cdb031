// SPDX-License-Identifier: MIT
/* Methods about transactions. */
#include "chain_priv.h"

#include <stdlib.h>
#include <string.h>

enum {
    TEXT_MAX = (SU_TX_MAX_BYTES + 2) / 3 * 4 + 1,
    STATUSES_MAX = 256,
    SIGNATURES_MAX = 1000,
    PRICE_KEYS_MAX = 128,
};

void su_chain_outcome_fini(struct su_chain_outcome *o)
{
    su_arena_fini(&o->mem);
    memset(o, 0, sizeof *o);
}

static void put_base64(struct chain_call *call, const void *bytes, size_t n)
{
    char text[TEXT_MAX];

    (void)su_base64_encode(bytes, n, text, sizeof text);
    su_json_put_str(&call->w, NULL, text);
}

static void put_sig(struct chain_call *call, const char *name, const uint8_t sig[64])
{
    char text[SU_CHAIN_SIG_TEXT];

    su_json_put_str(&call->w, name, su_chain_sig_text(sig, text));
}

/* What these two methods do not keep for blocks that may still go. */
static void put_settled(struct chain_call *call)
{
    bool final = call->chain->commitment == SU_CHAIN_FINALIZED;

    su_json_put_str(&call->w, "commitment", final ? "finalized" : "confirmed");
}

enum su_code su_chain_fee(struct su_chain *c, const struct su_tx *t, uint64_t *lamports,
                          struct su_err *e)
{
    struct chain_call call;
    struct su_json *doc;
    const struct su_json_value *v;

    chain_begin(&call, c, "getFeeForMessage");
    put_base64(&call, su_tx_message(t), su_tx_message_bytes(t));
    chain_put_config(&call);
    enum su_code rc = chain_finish_value(&call, &doc, &v, NULL, e);
    if (rc)
        return rc;
    if (su_json_kind(v) == SU_JSON_NULL)
        rc = su_fail(e, SU_ETIMEOUT, "getFeeForMessage", "its blockhash has expired");
    else if (su_json_as_u64(v, "fee", lamports, NULL) != SU_OK)
        rc = su_fail(e, SU_EFORMAT, "getFeeForMessage", "the endpoint's answer is no number");
    su_json_free(doc);
    return rc;
}

static int by_value(const void *a, const void *b)
{
    uint64_t x, y;

    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return x < y ? -1 : x > y;
}

static enum su_code median(const struct su_json_value *v, uint64_t *price, struct su_err *e)
{
    enum su_code rc = SU_OK;
    size_t n = 0, count = su_json_count(v);

    *price = 0;
    if (su_json_kind(v) != SU_JSON_ARRAY)
        return su_fail(e, SU_EFORMAT, "getRecentPrioritizationFees", "no list");
    if (count == 0)
        return SU_OK;
    uint64_t *all = su_try_alloc(count, sizeof *all);
    if (!all)
        return su_fail(e, SU_ENOMEM, "getRecentPrioritizationFees", "no memory");
    for (const struct su_json_value *i = su_json_first(v); i && !rc; i = su_json_next(i))
        if (su_json_get_u64(i, "prioritizationFee", &all[n++], NULL) != SU_OK)
            rc = su_fail(e, SU_EFORMAT, "getRecentPrioritizationFees", "an entry without a fee");
    if (!rc) {
        qsort(all, n, sizeof *all, by_value);
        *price = all[n / 2];
    }
    free(all);
    return rc;
}

enum su_code su_chain_recent_price(struct su_chain *c, const uint8_t (*keys)[32], size_t n,
                                   uint64_t *price, struct su_err *e)
{
    struct chain_call call;
    struct su_json *doc;
    const struct su_json_value *v;

    if (n > PRICE_KEYS_MAX)
        return su_fail(e, SU_EINVAL, "getRecentPrioritizationFees", "%zu accounts: at most %d", n,
                       PRICE_KEYS_MAX);
    chain_begin(&call, c, "getRecentPrioritizationFees");
    su_json_put_array(&call.w, NULL);
    for (size_t i = 0; i < n; i++)
        chain_put_key(&call, keys[i]);
    su_json_end_array(&call.w);
    enum su_code rc = chain_finish(&call, &doc, &v, e);
    if (rc)
        return rc;
    rc = median(v, price, e);
    su_json_free(doc);
    return rc;
}

enum su_code su_chain_simulate(struct su_chain *c, const struct su_tx *t,
                               struct su_chain_outcome *out, struct su_err *e)
{
    struct chain_call call;
    struct su_json *doc;
    const struct su_json_value *v;
    uint64_t slot;

    memset(out, 0, sizeof *out);
    chain_begin(&call, c, "simulateTransaction");
    put_base64(&call, t->wire, t->wire_bytes);
    chain_open_config(&call);
    su_json_put_str(&call.w, "encoding", "base64");
    su_json_put_bool(&call.w, "sigVerify", false);
    su_json_put_bool(&call.w, "replaceRecentBlockhash", true);
    su_json_end_object(&call.w);
    enum su_code rc = chain_finish_value(&call, &doc, &v, &slot, e);
    if (rc)
        return rc;
    su_arena_init(&out->mem, 0);
    rc = chain_read_simulation(v, out, e);
    out->slot = slot;
    su_json_free(doc);
    if (rc)
        su_chain_outcome_fini(out);
    return rc;
}

enum su_code su_chain_submit(struct su_chain *c, const struct su_tx *t, uint8_t sig[64],
                             struct su_err *e)
{
    struct chain_call call;
    struct su_json *doc;
    const struct su_json_value *v;
    uint8_t echoed[64];

    memcpy(sig, t->wire + 1, 64);
    chain_begin(&call, c, "sendTransaction");
    put_base64(&call, t->wire, t->wire_bytes);
    su_json_put_object(&call.w, NULL);
    su_json_put_str(&call.w, "encoding", "base64");
    su_json_put_bool(&call.w, "skipPreflight", true);
    su_json_put_u64(&call.w, "maxRetries", 0);
    su_json_end_object(&call.w);
    enum su_code rc = chain_finish(&call, &doc, &v, e);
    if (rc)
        return rc;
    rc = chain_read_sig(v, "signature", echoed, e);
    if (!rc && memcmp(echoed, sig, 64) != 0)
        rc = su_fail(e, SU_EFORMAT, "sendTransaction",
                     "the endpoint answers with the signature of another transaction");
    su_json_free(doc);
    return rc;
}

enum su_code su_chain_transaction(struct su_chain *c, const uint8_t sig[64],
                                  struct su_chain_outcome *out, struct su_err *e)
{
    struct chain_call call;
    struct su_json *doc;
    const struct su_json_value *v;
    char text[SU_CHAIN_SIG_TEXT];

    memset(out, 0, sizeof *out);
    chain_begin(&call, c, "getTransaction");
    put_sig(&call, NULL, sig);
    su_json_put_object(&call.w, NULL);
    put_settled(&call);
    su_json_put_str(&call.w, "encoding", "base64");
    su_json_put_u64(&call.w, "maxSupportedTransactionVersion", 0);
    su_json_end_object(&call.w);
    enum su_code rc = chain_finish(&call, &doc, &v, e);
    if (rc)
        return rc;
    su_arena_init(&out->mem, 0);
    if (su_json_kind(v) == SU_JSON_NULL)
        rc = su_fail(e, SU_ENOENT, su_chain_sig_text(sig, text),
                     "no such transaction is known on this cluster");
    else
        rc = chain_read_transaction(v, out, e);
    su_json_free(doc);
    if (rc)
        su_chain_outcome_fini(out);
    return rc;
}

enum su_code su_chain_statuses(struct su_chain *c, const uint8_t (*sigs)[64], size_t n,
                               bool history, struct su_chain_status *out, struct su_err *e)
{
    struct chain_call call;
    struct su_json *doc;
    const struct su_json_value *v;

    if (n < 1 || n > STATUSES_MAX)
        return su_fail(e, SU_EINVAL, "getSignatureStatuses", "%zu signatures: 1 to %d", n,
                       STATUSES_MAX);
    chain_begin(&call, c, "getSignatureStatuses");
    su_json_put_array(&call.w, NULL);
    for (size_t i = 0; i < n; i++)
        put_sig(&call, NULL, sigs[i]);
    su_json_end_array(&call.w);
    su_json_put_object(&call.w, NULL);
    su_json_put_bool(&call.w, "searchTransactionHistory", history);
    su_json_end_object(&call.w);
    enum su_code rc = chain_finish_value(&call, &doc, &v, NULL, e);
    if (rc)
        return rc;
    rc = chain_read_statuses(v, n, out, e);
    su_json_free(doc);
    return rc;
}

static enum su_code read_signature(const struct su_json_value *v, struct su_chain_signature *out,
                                   struct su_err *e)
{
    const struct su_json_value *err = su_json_member(v, "err"), *t = su_json_member(v, "blockTime");

    memset(out, 0, sizeof *out);
    enum su_code rc = chain_read_sig(su_json_member(v, "signature"), "signature", out->sig, e);
    if (rc)
        return rc;
    if (su_json_get_u64(v, "slot", &out->slot, NULL) != SU_OK ||
        (t && su_json_kind(t) != SU_JSON_NULL &&
         su_json_as_i64(t, NULL, &out->block_time, NULL) != SU_OK))
        return su_fail(e, SU_EFORMAT, "getSignaturesForAddress", "an entry lacks its slot or time");
    out->failed = err && su_json_kind(err) != SU_JSON_NULL;
    return SU_OK;
}

enum su_code su_chain_signatures_of(struct su_chain *c, const uint8_t address[32],
                                    const uint8_t *before, struct su_chain_signature *out,
                                    size_t cap, size_t *n, struct su_err *e)
{
    struct chain_call call;
    struct su_json *doc;
    const struct su_json_value *v;

    *n = 0;
    cap = SU_MIN(cap, (size_t)SIGNATURES_MAX);
    if (cap == 0)
        return SU_OK;
    chain_begin(&call, c, "getSignaturesForAddress");
    chain_put_key(&call, address);
    su_json_put_object(&call.w, NULL);
    put_settled(&call);
    su_json_put_u64(&call.w, "limit", cap);
    if (before)
        put_sig(&call, "before", before);
    su_json_end_object(&call.w);
    enum su_code rc = chain_finish(&call, &doc, &v, e);
    if (rc)
        return rc;
    if (su_json_kind(v) != SU_JSON_ARRAY)
        rc = su_fail(e, SU_EFORMAT, "getSignaturesForAddress", "the answer is no list");
    for (const struct su_json_value *i = su_json_first(v); i && !rc && *n < cap;
         i = su_json_next(i))
        rc = read_signature(i, &out[(*n)++], e);
    su_json_free(doc);
    return rc;
}
