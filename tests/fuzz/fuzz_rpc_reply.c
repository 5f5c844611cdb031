// SPDX-License-Identifier: MIT
/* The input as what an endpoint answers: its first byte chooses the method that was asked. */
#include "chain/chain_priv.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LIMIT_BYTES = 65536 };

static void check_failure(const struct su_chain_failure *f)
{
    struct su_err e = {0};

    SU_ASSERT(strlen(f->kind) < sizeof f->kind && strlen(f->detail) < sizeof f->detail);
    SU_ASSERT(f->instruction >= -1 && f->instruction <= 255);
    enum su_code c = su_chain_failure_explain(f, su_splitup_id, NULL, 0, &e);
    SU_ASSERT((c == SU_OK) == (f->kind[0] == '\0'));
}

static void account(const struct su_json_value *v)
{
    struct su_chain_account a = {0};
    struct su_chain_token t;
    struct su_arena mem;

    su_arena_init(&mem, 0);
    if (chain_read_account(v, &mem, &a, NULL) == SU_OK && a.exists) {
        const struct su_acc_node *n;
        SU_ASSERT(a.data != NULL || a.data_bytes == 0);
        SU_ASSERT((uintptr_t)a.data % 8 == 0);
        if (su_chain_as_token(&a, &t, NULL) == SU_OK)
            SU_ASSERT(a.data_bytes == 165);
        if (su_chain_as_node(&a, a.owner, &n, NULL) == SU_OK)
            SU_ASSERT(n->endpoint_len <= SU_ENDPOINT_MAX);
    }
    su_arena_fini(&mem);
}

static void outcome(const struct su_json_value *v, bool transaction)
{
    struct su_chain_outcome o = {0};

    su_arena_init(&o.mem, 0);
    enum su_code c =
        transaction ? chain_read_transaction(v, &o, NULL) : chain_read_simulation(v, &o, NULL);
    if (c == SU_OK)
        check_failure(&o.failure);
    SU_ASSERT(o.wire_bytes <= SU_TX_MAX_BYTES && (o.wire != NULL || o.wire_bytes == 0));
    for (size_t i = 0; i < o.n_logs; i++)
        SU_ASSERT(strchr(o.logs[i], '\n') == NULL);
    su_chain_outcome_fini(&o);
}

static void statuses(const struct su_json_value *v)
{
    struct su_chain_status s[4];

    for (size_t n = 1; n <= SU_ARRAY_LEN(s); n++)
        if (chain_read_statuses(v, n, s, NULL) == SU_OK)
            for (size_t i = 0; i < n; i++)
                check_failure(&s[i].failure);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct su_json *doc;
    const struct su_json_value *result;
    struct su_chain_failure f;
    struct su_err e = {0};
    bool again;

    if (size == 0)
        return 0;
    enum su_code c =
        chain_reply_parse(data + 1, size - 1, "method", LIMIT_BYTES, &doc, &result, &again, &e);
    SU_ASSERT((c == SU_OK) == (result != NULL) && (c == SU_OK) == (doc != NULL));
    if (c) {
        SU_ASSERT(e.msg[0] != '\0');
        return 0;
    }
    switch (data[0]) {
    case 'a':
        account(result);
        break;
    case 's':
        outcome(result, false);
        break;
    case 't':
        outcome(result, true);
        break;
    case 'f':
        if (chain_read_failure(result, &f, NULL) == SU_OK)
            check_failure(&f);
        break;
    default:
        statuses(result);
        break;
    }
    su_json_free(doc);
    return 0;
}
