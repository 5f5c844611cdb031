// SPDX-License-Identifier: MIT
/* Results as bytes, as the history keeps them. Little-endian, in the order of the structure. */
#include "bank.h"

#include <string.h>

enum { FORMAT = 1, MEM_LIMIT = 1 << 20 };

void su_ledger_result_fini(struct su_ledger_result *r)
{
    if (r->accounts != NULL) {
        for (size_t i = 0; i < r->n_keys; i++) {
            su_ledger_account_release(r->accounts[i]);
        }
    }
    su_arena_fini(&r->mem);
    *r = (struct su_ledger_result){0};
}

static void put_bytes(struct su_buf *b, const void *data, size_t n)
{
    su_buf_u16(b, (uint16_t)n);
    su_buf_put(b, data, n);
}

static void put_tokens(struct su_buf *b, const struct su_ledger_token_balance *t, uint32_t n)
{
    su_buf_u8(b, (uint8_t)n);
    for (uint32_t i = 0; i < n; i++) {
        su_buf_u8(b, t[i].account_index);
        su_buf_u8(b, t[i].decimals);
        su_buf_put(b, t[i].mint, 32);
        su_buf_put(b, t[i].owner, 32);
        su_buf_u64(b, t[i].amount);
    }
}

void su_ledger_result_encode(const struct su_ledger_result *r, struct su_buf *out)
{
    su_buf_u8(out, FORMAT);
    su_buf_u64(out, su_ledger_failure_pack(&r->failure));
    su_buf_u64(out, r->slot);
    su_buf_u64(out, (uint64_t)r->block_time);
    su_buf_u64(out, r->fee_lamports);
    su_buf_u64(out, r->units);
    su_buf_u64(out, r->loaded_bytes);
    su_buf_u8(out, (uint8_t)r->n_keys);
    for (uint32_t i = 0; i < r->n_keys; i++) {
        su_buf_u64(out, r->pre_lamports[i]);
        su_buf_u64(out, r->post_lamports[i]);
    }
    su_buf_u16(out, (uint16_t)r->n_logs);
    for (uint32_t i = 0; i < r->n_logs; i++) {
        put_bytes(out, r->logs[i], strlen(r->logs[i]));
    }
    su_buf_u8(out, (uint8_t)r->n_inner);
    for (uint32_t i = 0; i < r->n_inner; i++) {
        su_buf_u8(out, r->inner[i].outer);
        su_buf_u8(out, r->inner[i].height);
        su_buf_u8(out, r->inner[i].program);
        put_bytes(out, r->inner[i].accounts, r->inner[i].n_accounts);
        put_bytes(out, r->inner[i].data, r->inner[i].data_bytes);
    }
    put_tokens(out, r->pre_tokens, r->n_pre_tokens);
    put_tokens(out, r->post_tokens, r->n_post_tokens);
    su_buf_u8(out, r->has_return);
    if (r->has_return) {
        su_buf_put(out, r->return_program, 32);
        put_bytes(out, r->return_data, r->return_bytes);
    }
}

/* Room for n things of that size; sets failed when there is none. */
static void *room(struct su_reader *in, struct su_arena *a, size_t n, size_t size)
{
    void *p = su_arena_alloc(a, SU_MAX(n * size, (size_t)1));

    in->failed |= p == NULL;
    return p;
}

static const uint8_t *get_bytes(struct su_reader *in, struct su_arena *a, uint16_t *n)
{
    *n = su_read_u16(in);
    const uint8_t *from = su_read_bytes(in, *n);
    uint8_t *copy = from != NULL ? room(in, a, *n, 1) : NULL;

    if (copy == NULL) {
        in->failed = true;
        return NULL;
    }
    memcpy(copy, from, *n);
    return copy;
}

static void get_key(struct su_reader *in, uint8_t key[32])
{
    const uint8_t *p = su_read_bytes(in, 32);

    if (p != NULL) {
        memcpy(key, p, 32);
    }
}

static void get_logs(struct su_reader *in, struct su_ledger_result *r)
{
    uint16_t n = su_read_u16(in);

    r->logs = room(in, &r->mem, n, sizeof *r->logs);
    for (uint16_t i = 0; i < n && !in->failed; i++) {
        uint16_t len = su_read_u16(in);
        const uint8_t *text = su_read_bytes(in, len);

        r->logs[i] = text != NULL ? su_arena_strndup(&r->mem, (const char *)text, len) : NULL;
        in->failed |= r->logs[i] == NULL;
    }
    r->n_logs = in->failed ? 0 : n;
}

static void get_inner(struct su_reader *in, struct su_ledger_result *r)
{
    uint8_t n = su_read_u8(in);

    r->inner = room(in, &r->mem, n, sizeof *r->inner);
    for (uint8_t i = 0; i < n && !in->failed; i++) {
        struct su_ledger_inner *x = &r->inner[i];
        uint16_t accounts;

        x->outer = su_read_u8(in);
        x->height = su_read_u8(in);
        x->program = su_read_u8(in);
        x->accounts = get_bytes(in, &r->mem, &accounts);
        x->n_accounts = (uint8_t)accounts;
        x->data = get_bytes(in, &r->mem, &x->data_bytes);
    }
    r->n_inner = in->failed ? 0 : n;
}

static struct su_ledger_token_balance *get_tokens(struct su_reader *in, struct su_ledger_result *r,
                                                  uint32_t *n)
{
    uint8_t count = su_read_u8(in);
    struct su_ledger_token_balance *t = room(in, &r->mem, count, sizeof *t);

    for (uint8_t i = 0; i < count && !in->failed; i++) {
        t[i].account_index = su_read_u8(in);
        t[i].decimals = su_read_u8(in);
        get_key(in, t[i].mint);
        get_key(in, t[i].owner);
        t[i].amount = su_read_u64(in);
    }
    *n = in->failed ? 0 : count;
    return t;
}

enum su_code su_ledger_result_decode(const uint8_t *data, size_t n, struct su_ledger_result *r,
                                     struct su_err *e)
{
    struct su_reader in = su_reader_of(data, n);
    uint16_t bytes = 0;

    *r = (struct su_ledger_result){0};
    su_arena_init(&r->mem, MEM_LIMIT);
    in.failed |= su_read_u8(&in) != FORMAT;
    r->failure = su_ledger_failure_unpack(su_read_u64(&in));
    r->slot = su_read_u64(&in);
    r->block_time = (int64_t)su_read_u64(&in);
    r->fee_lamports = su_read_u64(&in);
    r->units = su_read_u64(&in);
    r->loaded_bytes = su_read_u64(&in);
    r->n_keys = su_read_u8(&in);
    if (r->n_keys > SU_LEDGER_KEYS_MAX) {
        r->n_keys = 0;
        in.failed = true;
    }
    for (uint32_t i = 0; i < r->n_keys; i++) {
        r->pre_lamports[i] = su_read_u64(&in);
        r->post_lamports[i] = su_read_u64(&in);
    }
    get_logs(&in, r);
    get_inner(&in, r);
    r->pre_tokens = get_tokens(&in, r, &r->n_pre_tokens);
    r->post_tokens = get_tokens(&in, r, &r->n_post_tokens);
    r->has_return = su_read_u8(&in) != 0;
    if (r->has_return) {
        get_key(&in, r->return_program);
        r->return_data = get_bytes(&in, &r->mem, &bytes);
        r->return_bytes = bytes;
    }
    if (in.failed || su_read_left(&in) != 0) {
        return su_fail(e, SU_EFORMAT, "ledger.db",
                       "a transaction's result is damaged at byte %zu: the history of this ledger "
                       "cannot be trusted",
                       in.pos);
    }
    return SU_OK;
}
