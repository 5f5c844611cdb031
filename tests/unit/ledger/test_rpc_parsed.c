// SPDX-License-Identifier: MIT
/* What jsonParsed makes of instructions and of token accounts; names and fields as in the
   documentation of the programs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ledger/ledger.h"
#include "ledger/rpc_priv.h"

#include <string.h>

/* A legacy transaction of one instruction: key 0 signs, the program is key 7, keys 1 to 6 are
   filled with their number. The instruction names keys 0 .. n_accounts - 1. */
static void make_tx(struct su_ledger_tx *tx, const uint8_t program[32], const uint8_t *data,
                    size_t n, uint8_t n_accounts)
{
    uint8_t key[32], accounts[8] = {0, 1, 2, 3, 4, 5, 6};
    struct su_buf b;
    struct su_err e = {0};

    su_buf_init(&b, 0);
    su_buf_u8(&b, 1);
    for (unsigned i = 0; i < 64; i++)
        su_buf_u8(&b, 0);
    su_buf_put(&b, "\x01\x00\x01\x08", 4);
    for (unsigned i = 0; i < 7; i++) {
        memset(key, (int)i + 1, sizeof key);
        su_buf_put(&b, key, sizeof key);
    }
    su_buf_put(&b, program, 32);
    memset(key, 9, sizeof key);
    su_buf_put(&b, key, sizeof key); /* blockhash */
    su_buf_put(&b, "\x01\x07", 2);
    su_buf_u8(&b, n_accounts);
    su_buf_put(&b, accounts, n_accounts);
    su_buf_u8(&b, (uint8_t)n);
    su_buf_put(&b, data, n);
    if (su_ledger_tx_parse(b.data, b.len, tx, &e) != SU_OK)
        fail_msg("%s", e.msg);
    su_buf_fini(&b);
}

static void show(const struct su_ledger_tx *tx, struct su_buf *out)
{
    struct su_json_writer w;

    su_buf_init(out, 0);
    su_json_writer_init(&w, out, 0);
    rpc_put_transaction(&w, NULL, tx, RPC_ENC_PARSED);
    assert_true(su_json_writer_done(&w) && !out->failed);
}

/* Replaces 'name' by its quoted form and @n by the key number n. */
static void expand(const char *text, char *out, size_t cap)
{
    uint8_t key[32];
    size_t n = 0;

    for (; *text != '\0' && n + 64 < cap; text++) {
        if (*text == '@') {
            memset(key, *++text - '0' + 1, sizeof key);
            out[n++] = '"';
            n += su_base58_encode(key, sizeof key, out + n, cap - n);
            out[n++] = '"';
        } else {
            out[n++] = *text == '\'' ? '"' : *text;
        }
    }
    out[n] = '\0';
}

#define U64(a) a, 0, 0, 0, 0, 0, 0, 0
#define K8(k) k, k, k, k, k, k, k, k
#define KEY(k) K8(k), K8(k), K8(k), K8(k)

struct row {
    const uint8_t *program;
    uint8_t n_accounts, n;
    uint8_t data[120];
    const char *want; /* NULL: shown with accounts and data */
};

static const struct row rows[] = {
    {su_ledger_system_id,
     2,
     52,
     {0, 0, 0, 0, U64(5), U64(7), KEY(4)},
     "{'info':{'source':@0,'newAccount':@1,'lamports':5,'space':7,'owner':@3},"
     "'type':'createAccount'}"},
    {su_ledger_system_id,
     1,
     36,
     {1, 0, 0, 0, KEY(4)},
     "{'info':{'account':@0,'owner':@3},'type':'assign'}"},
    {su_ledger_system_id,
     2,
     12,
     {2, 0, 0, 0, U64(9)},
     "{'info':{'source':@0,'destination':@1,'lamports':9},'type':'transfer'}"},
    {su_ledger_system_id,
     2,
     94,
     {3, 0, 0, 0, KEY(2), U64(2), 'h', 'i', U64(1), U64(2), KEY(3)},
     "{'info':{'source':@0,'newAccount':@1,'base':@1,'seed':'hi','lamports':1,'space':2,"
     "'owner':@2},'type':'createAccountWithSeed'}"},
    {su_ledger_system_id,
     2,
     94,
     {3, 0, 0, 0, KEY(2), U64(99), 'h', 'i', U64(1), U64(2), KEY(3)},
     NULL}, /* the seed is longer than the data */
    {su_ledger_system_id,
     1,
     12,
     {8, 0, 0, 0, U64(3)},
     "{'info':{'account':@0,'space':3},'type':'allocate'}"},
    {su_ledger_system_id, 2, 11, {2, 0, 0, 0, U64(9)}, NULL}, /* short */
    {su_ledger_system_id, 1, 12, {2, 0, 0, 0, U64(9)}, NULL}, /* too few accounts */
    {su_ledger_system_id, 2, 12, {77, 0, 0, 0, U64(9)}, NULL},
    {su_ledger_system_id, 2, 3, {2, 0, 0}, NULL},
    {su_ledger_token_id,
     2,
     67,
     {0, 6, KEY(2), 1, KEY(3)},
     "{'info':{'mint':@0,'rentSysvar':@1,'decimals':6,'mintAuthority':@1,'freezeAuthority':@2},"
     "'type':'initializeMint'}"},
    {su_ledger_token_id,
     4,
     1,
     {1},
     "{'info':{'account':@0,'mint':@1,'owner':@2,'rentSysvar':@3},'type':'initializeAccount'}"},
    {su_ledger_token_id,
     3,
     9,
     {3, U64(8)},
     "{'info':{'source':@0,'destination':@1,'authority':@2,'amount':'8'},'type':'transfer'}"},
    {su_ledger_token_id,
     5,
     9,
     {3, U64(8)},
     "{'info':{'source':@0,'destination':@1,'multisigAuthority':@2,'signers':[@3,@4],'amount':'8'},"
     "'type':'transfer'}"},
    {su_ledger_token_id,
     3,
     9,
     {4, U64(8)},
     "{'info':{'source':@0,'delegate':@1,'owner':@2,'amount':'8'},'type':'approve'}"},
    {su_ledger_token_id, 2, 1, {5}, "{'info':{'source':@0,'owner':@1},'type':'revoke'}"},
    {su_ledger_token_id,
     2,
     35,
     {6, 2, 1, KEY(5)},
     "{'info':{'account':@0,'authority':@1,'authorityType':'accountOwner','newAuthority':@4},"
     "'type':'setAuthority'}"},
    {su_ledger_token_id,
     2,
     3,
     {6, 0, 0},
     "{'info':{'mint':@0,'authority':@1,'authorityType':'mintTokens','newAuthority':null},'type':'"
     "setAuthority'}"},
    {su_ledger_token_id, 2, 3, {6, 4, 0}, NULL}, /* no such authority */
    {su_ledger_token_id, 2, 3, {6, 0, 2}, NULL}, /* neither none nor some */
    {su_ledger_token_id,
     3,
     9,
     {7, U64(1)},
     "{'info':{'mint':@0,'account':@1,'mintAuthority':@2,'amount':'1'},'type':'mintTo'}"},
    {su_ledger_token_id,
     3,
     9,
     {8, U64(1)},
     "{'info':{'account':@0,'mint':@1,'authority':@2,'amount':'1'},'type':'burn'}"},
    {su_ledger_token_id,
     3,
     1,
     {9},
     "{'info':{'account':@0,'destination':@1,'owner':@2},'type':'closeAccount'}"},
    {su_ledger_token_id,
     3,
     1,
     {10},
     "{'info':{'account':@0,'mint':@1,'freezeAuthority':@2},'type':'freezeAccount'}"},
    {su_ledger_token_id,
     3,
     1,
     {11},
     "{'info':{'account':@0,'mint':@1,'freezeAuthority':@2},'type':'thawAccount'}"},
    {su_ledger_token_id,
     4,
     10,
     {12, U64(15), 1},
     "{'info':{'source':@0,'mint':@1,'destination':@2,'authority':@3,'tokenAmount':{'amount':'15',"
     "'decimals':1,'uiAmount':1.5,'uiAmountString':'1.5'}},'type':'transferChecked'}"},
    {su_ledger_token_id,
     4,
     10,
     {13, U64(15), 0},
     "{'info':{'source':@0,'mint':@1,'delegate':@2,'owner':@3,'tokenAmount':{'amount':'15',"
     "'decimals':0,'uiAmount':15,'uiAmountString':'15'}},'type':'approveChecked'}"},
    {su_ledger_token_id,
     3,
     10,
     {14, U64(1), 0},
     "{'info':{'mint':@0,'account':@1,'mintAuthority':@2,'tokenAmount':{'amount':'1',"
     "'decimals':0,'uiAmount':1,'uiAmountString':'1'}},'type':'mintToChecked'}"},
    {su_ledger_token_id,
     3,
     10,
     {15, U64(1), 0},
     "{'info':{'account':@0,'mint':@1,'authority':@2,'tokenAmount':{'amount':'1',"
     "'decimals':0,'uiAmount':1,'uiAmountString':'1'}},'type':'burnChecked'}"},
    {su_ledger_token_id,
     3,
     33,
     {16, KEY(6)},
     "{'info':{'account':@0,'mint':@1,'rentSysvar':@2,'owner':@5},'type':'initializeAccount2'}"},
    {su_ledger_token_id, 1, 1, {17}, "{'info':{'account':@0},'type':'syncNative'}"},
    {su_ledger_token_id,
     2,
     33,
     {18, KEY(6)},
     "{'info':{'account':@0,'mint':@1,'owner':@5},'type':'initializeAccount3'}"},
    {su_ledger_token_id,
     1,
     35,
     {20, 2, KEY(6), 0},
     "{'info':{'mint':@0,'decimals':2,'mintAuthority':@5},'type':'initializeMint2'}"},
    {su_ledger_token_id, 1, 1, {2}, NULL},
    {su_ledger_ata_id,
     6,
     1,
     {1},
     "{'info':{'source':@0,'account':@1,'wallet':@2,'mint':@3,'systemProgram':@4,"
     "'tokenProgram':@5},'type':'createIdempotent'}"},
    {su_ledger_ata_id,
     6,
     0,
     {0},
     "{'info':{'source':@0,'account':@1,'wallet':@2,'mint':@3,'systemProgram':@4,"
     "'tokenProgram':@5},'type':'create'}"},
    {su_ledger_ata_id, 5, 0, {0}, NULL},
    {su_ledger_ata_id, 6, 1, {2}, NULL},
    {su_ledger_memo_id, 0, 5, {'h', 'e', 'l', 'l', 'o'}, "'hello'"},
    {su_ledger_budget_id, 0, 5, {2, 1, 0, 0, 0}, NULL},
};

static void test_instructions(void **state)
{
    char want[1024], part[1200];
    struct su_ledger_tx tx;
    struct su_buf out;

    (void)state;
    for (size_t i = 0; i < SU_ARRAY_LEN(rows); i++) {
        make_tx(&tx, rows[i].program, rows[i].data, rows[i].n, rows[i].n_accounts);
        show(&tx, &out);
        if (rows[i].want != NULL) {
            expand(rows[i].want, want, sizeof want);
            (void)snprintf(part, sizeof part, "\"parsed\":%s", want);
        } else {
            (void)snprintf(part, sizeof part, "\"instructions\":[{\"accounts\":[");
        }
        if (memmem(out.data, out.len, part, strlen(part)) == NULL)
            fail_msg("row %zu: %s is not in: %.*s", i, part, (int)out.len, (const char *)out.data);
        su_buf_fini(&out);
    }
}

/* Layouts of the token program: a mint of 82 bytes, an account of 165. */
static struct su_ledger_account account_of(const uint8_t *data, uint64_t n)
{
    struct su_ledger_account a = {.data = data, .data_bytes = n};

    memcpy(a.owner, su_ledger_token_id, 32);
    return a;
}

static void test_mints(void **state)
{
    uint8_t data[88] = {0};
    struct rpc_mint m;

    (void)state;
    struct su_ledger_account a = account_of(data, 82);
    assert_false(rpc_mint_read(&a, &m)); /* not initialised */
    data[45] = 1;
    data[44] = 9;
    su_put_le64(data + 36, 1000);
    assert_true(rpc_mint_read(&a, &m));
    assert_true(m.decimals == 9 && m.supply == 1000 && m.authority == NULL && m.freeze == NULL);
    su_put_le32(data, 1);
    su_put_le32(data + 46, 1);
    assert_true(rpc_mint_read(&a, &m));
    assert_ptr_equal(m.authority, data + 4);
    assert_ptr_equal(m.freeze, data + 50);
    a.data_bytes = 81;
    assert_false(rpc_mint_read(&a, &m));
    a.data_bytes = 82;
    a.owner[0] ^= 1;
    assert_false(rpc_mint_read(&a, &m));
}

static void test_token_accounts(void **state)
{
    uint8_t data[168] = {0};
    struct rpc_token t;

    (void)state;
    struct su_ledger_account a = account_of(data, 165);
    assert_false(rpc_token_read(&a, &t));
    data[108] = 3;
    assert_false(rpc_token_read(&a, &t)); /* no such state */
    data[108] = 2;
    su_put_le64(data + 64, 77);
    su_put_le32(data + 72, 1);
    su_put_le32(data + 109, 1);
    su_put_le64(data + 113, 2039280);
    su_put_le64(data + 121, 5);
    su_put_le32(data + 129, 1);
    assert_true(rpc_token_read(&a, &t));
    assert_true(t.amount == 77 && t.delegated == 5 && t.native && t.native_reserve == 2039280);
    assert_ptr_equal(t.delegate, data + 76);
    assert_ptr_equal(t.close, data + 133);
    assert_int_equal(t.state, 2);
    a.data_bytes = 82;
    assert_false(rpc_token_read(&a, &t));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_instructions),
        cmocka_unit_test(test_mints),
        cmocka_unit_test(test_token_accounts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
