// SPDX-License-Identifier: MIT
/* JSON-RPC answers on a ledger whose slots pass by hand. Clients of Solana drive the rest in
   tests/clients. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ledger/ledger.h"
#include "ledger/rpc_priv.h"
#include "json/json.h"

#include <stdlib.h>
#include <string.h>

static struct su_ledger *ledger;
static char faucet[64], mint[64];

static int setup(void **state)
{
    static const uint8_t seed[32] = {42};
    const struct su_ledger_options o = {.manual_slots = true, .seed = seed};

    (void)state;
    if (su_ledger_open(&o, &ledger, NULL) != SU_OK)
        return 1;
    (void)su_base58_encode(su_ledger_faucet_key(ledger), 32, faucet, sizeof faucet);
    (void)su_base58_encode(su_ledger_usdc_mint(ledger), 32, mint, sizeof mint);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    su_ledger_close(ledger);
    return 0;
}

/* ---- helpers --------------------------------------------------------------------------------- */

static struct su_buf text; /* of the last answer */

/* The answer to a body in which ' stands for ". */
static struct su_json *ask(const char *body)
{
    char *quoted = su_strdup(body);
    struct su_json *doc = NULL;
    struct su_err e = {0};

    for (char *p = quoted; *p != '\0'; p++)
        if (*p == '\'')
            *p = '"';
    su_buf_fini(&text);
    su_buf_init(&text, 0);
    su_ledger_rpc_answer(ledger, quoted, strlen(quoted), &text);
    free(quoted);
    if (su_json_parse(text.data, text.len, "answer", NULL, &doc, &e) != SU_OK)
        fail_msg("%s: %.*s", e.msg, (int)text.len, (const char *)text.data);
    return doc;
}

/* Calls a method with params (without their brackets). */
static struct su_json *call(const char *method, const char *params)
{
    char body[4096];

    (void)snprintf(body, sizeof body, "{'jsonrpc':'2.0','id':1,'method':'%s','params':[%s]}",
                   method, params);
    return ask(body);
}

static int64_t code_of(const struct su_json_value *answer)
{
    int64_t code = 0;

    return su_json_get_i64(su_json_member(answer, "error"), "code", &code, NULL) == SU_OK ? code
                                                                                          : 0;
}

static void check_error(const char *method, const char *params, int code, const char *words)
{
    struct su_json *doc = call(method, params);
    const char *message = "";

    if (code_of(su_json_root(doc)) != code)
        fail_msg("%s(%s): %.*s", method, params, (int)text.len, (const char *)text.data);
    assert_int_equal(
        su_json_get_str(su_json_member(su_json_root(doc), "error"), "message", &message, NULL),
        SU_OK);
    if (strstr(message, words) == NULL)
        fail_msg("%s(%s): '%s' is not in: %s", method, params, words, message);
    su_json_free(doc);
}

/* The answer must contain the text, in which ' stands for ". */
static void check_text(const char *method, const char *params, const char *part)
{
    char want[512];
    struct su_json *doc = call(method, params);

    (void)snprintf(want, sizeof want, "%s", part);
    for (char *p = want; *p != '\0'; p++)
        if (*p == '\'')
            *p = '"';
    if (memmem(text.data, text.len, want, strlen(want)) == NULL)
        fail_msg("%s(%s): %s is not in: %.*s", method, params, want, (int)text.len,
                 (const char *)text.data);
    su_json_free(doc);
}

/* ---- envelopes ------------------------------------------------------------------------------- */

static void test_envelope(void **state)
{
    static const struct {
        const char *body;
        int64_t code;
        const char *id;
    } rows[] = {
        {"", RPC_PARSE, "null"},
        {"{", RPC_PARSE, "null"},
        {"{'a':1,'a':2}", RPC_PARSE, "null"},
        {"\xff", RPC_PARSE, "null"},
        {"[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]", RPC_PARSE, "null"},
        {"{'jsonrpc':'2.0','id':1e999,'method':'getSlot'}", RPC_PARSE, "null"},
        {"7", RPC_INVALID_REQUEST, "null"},
        {"{}", RPC_INVALID_REQUEST, "null"},
        {"{'id':4,'method':'getSlot'}", RPC_INVALID_REQUEST, "4"},
        {"{'jsonrpc':'1.0','id':'x','method':'getSlot'}", RPC_INVALID_REQUEST, "\"x\""},
        {"{'jsonrpc':'2.0','id':1.5,'method':'getSlot'}", RPC_INVALID_REQUEST, "null"},
        {"{'jsonrpc':'2.0','id':{},'method':'getSlot'}", RPC_INVALID_REQUEST, "null"},
        {"{'jsonrpc':'2.0','id':1,'method':5}", RPC_INVALID_REQUEST, "1"},
        {"{'jsonrpc':'2.0','id':-3,'method':'nope'}", RPC_METHOD_NOT_FOUND, "-3"},
        {"{'jsonrpc':'2.0','id':null,'method':'getBlock'}", RPC_METHOD_NOT_FOUND, "null"},
        {"{'jsonrpc':'2.0','id':2,'method':'getSlot','params':{}}", RPC_INVALID_PARAMS, "2"},
        {"[]", RPC_INVALID_REQUEST, "null"},
    };
    char tail[64];

    (void)state;
    for (size_t i = 0; i < SU_ARRAY_LEN(rows); i++) {
        struct su_json *doc = ask(rows[i].body);
        assert_int_equal(code_of(su_json_root(doc)), rows[i].code);
        (void)snprintf(tail, sizeof tail, ",\"id\":%s}", rows[i].id);
        assert_true(text.len > strlen(tail));
        assert_memory_equal(text.data + text.len - strlen(tail), tail, strlen(tail));
        su_json_free(doc);
    }
    su_buf_clear(&text);
    su_ledger_rpc_answer(ledger, "{\"jsonrpc\":\"2.0\",\"method\":\"getSlot\"}", 36, &text);
    assert_int_equal(text.len, 0);
    su_ledger_rpc_answer(ledger, NULL, 0, &text);
    assert_true(text.len > 0);
}

static void test_batch(void **state)
{
    struct su_json *doc =
        ask("[{'jsonrpc':'2.0','id':1,'method':'getHealth'},{'jsonrpc':'2.0','method':'getSlot'},"
            "{'jsonrpc':'2.0','id':2,'method':'x'}]");

    (void)state;
    assert_int_equal(su_json_count(su_json_root(doc)), 2);
    su_json_free(doc);
    su_buf_clear(&text);
    su_ledger_rpc_answer(ledger, "[{\"jsonrpc\":\"2.0\",\"method\":\"getSlot\"}]", 38, &text);
    assert_int_equal(text.len, 0);

    struct su_buf many;
    su_buf_init(&many, 0);
    su_buf_str(&many, "[1");
    for (unsigned i = 0; i < RPC_BATCH_MAX; i++)
        su_buf_str(&many, ",1");
    su_buf_str(&many, "]");
    doc = ask((const char *)many.data);
    assert_int_equal(code_of(su_json_root(doc)), RPC_INVALID_REQUEST);
    su_json_free(doc);
    su_buf_fini(&many);

    char *long_body = malloc(RPC_BODY_MAX + 2);
    memset(long_body, ' ', RPC_BODY_MAX + 1);
    su_buf_clear(&text);
    su_ledger_rpc_answer(ledger, long_body, RPC_BODY_MAX + 1, &text);
    assert_non_null(memmem(text.data, text.len, "-32700", 6));
    free(long_body);
}

/* Every method that is served, called without parameters and with ones of wrong types: an answer
   must come and nothing must break. */
static void test_every_method(void **state)
{
    static const char *const names[] = {
#define X(name) #name,
#include "ledger/rpc_methods.def"
#undef X
    };
    static const char *const params[] = {"",
                                         "null",
                                         "1",
                                         "'x'",
                                         "{}",
                                         "[]",
                                         "[1]",
                                         "-1",
                                         "1e300",
                                         "true",
                                         "null,null,null",
                                         "'11111111111111111111111111111111','x'",
                                         "'11111111111111111111111111111111',{'commitment':3}",
                                         "'11111111111111111111111111111111',{'commitment':'x'}",
                                         "'11111111111111111111111111111111',{'encoding':'x'}",
                                         "'11111111111111111111111111111111',{'filters':3}",
                                         "'11111111111111111111111111111111',{'dataSlice':{}}",
                                         "'11111111111111111111111111111111',{'minContextSlot':-1}",
                                         "['11111111111111111111111111111111',2]",
                                         "[[]]",
                                         "0,{}",
                                         "0,{'minContextSlot':1e12}"};

    (void)state;
    for (size_t i = 0; i < SU_ARRAY_LEN(names); i++)
        for (size_t k = 0; k < SU_ARRAY_LEN(params); k++) {
            struct su_json *doc = call(names[i], params[k]);
            bool result = su_json_member(su_json_root(doc), "result") != NULL;
            int64_t code = code_of(su_json_root(doc));
            if (result == (code != 0) || code == RPC_INTERNAL || code == RPC_METHOD_NOT_FOUND)
                fail_msg("%s(%s): %.*s", names[i], params[k], (int)text.len,
                         (const char *)text.data);
            su_json_free(doc);
        }
}

/* ---- parameters ------------------------------------------------------------------------------ */

static void test_parameters(void **state)
{
    char params[512];

    (void)state;
    check_error("getBalance", "", RPC_INVALID_PARAMS, "at least 1 argument");
    check_error("getBalance", "5", RPC_INVALID_PARAMS, "number");
    check_error("getBalance", "'0OIl'", RPC_INVALID_PARAMS, "Invalid param: Invalid");
    check_error("getBalance", "'1111'", RPC_INVALID_PARAMS, "Invalid param: WrongSize");
    check_error("getBalance",
                "'zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz"
                "zzzzzzzzzzzzzzzzzzzzzzzzzzzzz'",
                RPC_INVALID_PARAMS, "WrongSize");
    check_error("getSlot", "{'minContextSlot':99999}", RPC_MIN_CONTEXT_SLOT,
                "Minimum context slot has not been reached");
    check_text("getSlot", "{'minContextSlot':99999}", "'data':{'contextSlot':");
    check_text("getSlot", "{'commitment':'processed'}", "'result':");
    check_error("getSlot", "{'commitment':'sometimes'}", RPC_INVALID_PARAMS, "sometimes");
    check_error("getTransaction", "'1111'", RPC_INVALID_PARAMS, "WrongSize");
    check_error("getBlockTime", "1e9", RPC_BLOCK_NOT_AVAILABLE, "Block not available for slot");
    check_error("getHighestSnapshotSlot", "", RPC_NO_SNAPSHOT, "No snapshot");
    check_error("getBlocks", "0,500001", RPC_INVALID_PARAMS, "500000");
    check_error("getBlocksWithLimit", "0,500001", RPC_INVALID_PARAMS, "500000");
    check_text("getBlocks", "5,1", "'result':[]");
    check_error("getSlotLeaders", "0,5001", RPC_INVALID_PARAMS, "5000");
    check_error("getMinimumBalanceForRentExemption", "99999999999", RPC_INVALID_PARAMS, "bytes");
    check_error("requestAirdrop", "'11111111111111111111111111111111',0", RPC_INVALID_PARAMS, "");
    check_error("getSignaturesForAddress", "'11111111111111111111111111111111',{'limit':1001}",
                RPC_INVALID_PARAMS, "max 1000");
    check_error("getSignaturesForAddress",
                "'11111111111111111111111111111111',{'commitment':'processed'}", RPC_INVALID_PARAMS,
                "below `confirmed`");
    (void)snprintf(params, sizeof params, "'%s',{'mint':'%s'}", faucet, faucet);
    check_error("getTokenAccountsByOwner", params, RPC_INVALID_PARAMS, "Token mint");
    (void)snprintf(params, sizeof params, "'%s',{'programId':'%s'}", faucet, faucet);
    check_error("getTokenAccountsByOwner", params, RPC_INVALID_PARAMS,
                "unrecognized Token program id");
    (void)snprintf(params, sizeof params, "'%s'", faucet);
    check_error("getTokenAccountBalance", params, RPC_INVALID_PARAMS, "not a Token account");
    check_error("getTokenSupply", params, RPC_INVALID_PARAMS, "not a Token mint");
    check_error("getTokenSupply", "'SysvarRewards111111111111111111111111111111'",
                RPC_INVALID_PARAMS, "could not find account");
}

static void test_filters(void **state)
{
    static const char program[] = "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA";
    static const struct {
        const char *filters;
        int code;
    } rows[] = {
        {"[]", 0},
        {"[{'dataSize':82}]", 0},
        {"[{'dataSize':82},{'dataSize':83}]", 0},
        {"[{'memcmp':{'offset':0,'bytes':[1,2]}}]", 0},
        {"[{'memcmp':{'offset':0,'bytes':'AQ==','encoding':'base64'}}]", 0},
        {"['tokenAccountState']", 0},
        {"[1]", RPC_INVALID_PARAMS},
        {"[{}]", RPC_INVALID_PARAMS},
        {"[{'memcmp':5}]", RPC_INVALID_PARAMS},
        {"[{'memcmp':{'bytes':'1'}}]", RPC_INVALID_PARAMS},
        {"[{'memcmp':{'offset':0}}]", RPC_INVALID_PARAMS},
        {"[{'memcmp':{'offset':0,'bytes':7}}]", RPC_INVALID_PARAMS},
        {"[{'memcmp':{'offset':0,'bytes':[256]}}]", RPC_INVALID_PARAMS},
        {"[{'memcmp':{'offset':0,'bytes':'0'}}]", RPC_INVALID_PARAMS},
        {"[{'dataSize':1},{'dataSize':1},{'dataSize':1},{'dataSize':1},{'dataSize':1}]",
         RPC_INVALID_PARAMS},
    };
    char params[1024];

    (void)state;
    for (size_t i = 0; i < SU_ARRAY_LEN(rows); i++) {
        (void)snprintf(params, sizeof params, "'%s',{'encoding':'base64','filters':%s}", program,
                       rows[i].filters);
        struct su_json *doc = call("getProgramAccounts", params);
        if (code_of(su_json_root(doc)) != rows[i].code)
            fail_msg("%s: %.*s", rows[i].filters, (int)text.len, (const char *)text.data);
        su_json_free(doc);
    }
    (void)snprintf(params, sizeof params,
                   "'%s',{'encoding':'jsonParsed','filters':[{'dataSize':82}]}", program);
    check_text("getProgramAccounts", params, mint);
    check_text("getProgramAccounts", params, "'type':'mint'");
    (void)snprintf(params, sizeof params,
                   "'%s',{'encoding':'base64','filters':[{'dataSize':82},{'dataSize':83}]}",
                   program);
    check_text("getProgramAccounts", params, "'result':[]");
}

/* ---- bytes ----------------------------------------------------------------------------------- */

/* A decoder of the two kinds of blocks that the encoder writes (RFC 8878 §3.1.1). */
static bool unzstd(const struct su_buf *in, struct su_buf *out)
{
    struct su_reader r = su_reader_of(in->data, in->len);
    bool last = false;

    if (su_read_u32(&r) != 0xFD2FB528u || su_read_u8(&r) != 0xE0)
        return false;
    uint64_t size = su_read_u64(&r);
    while (!last && !r.failed) {
        uint32_t header = su_read_u16(&r);
        header |= (uint32_t)su_read_u8(&r) << 16;
        last = (header & 1) != 0;
        uint32_t type = header >> 1 & 3, n = header >> 3;
        if (type > 1 || n > 128u << 10 || n > size)
            return false;
        if (type == 0 && n > 0)
            su_buf_put(out, su_read_bytes(&r, n), n);
        uint8_t byte = type == 1 ? su_read_u8(&r) : 0;
        for (uint32_t i = 0; type == 1 && i < n; i++)
            su_buf_u8(out, byte);
    }
    return last && !r.failed && su_read_left(&r) == 0 && out->len == size;
}

static void test_zstd(void **state)
{
    static const size_t sizes[] = {0, 1, 15, 16, 17, 82, 165, 131071, 131072, 131073, 400000};
    uint8_t *data = malloc(400000);
    struct su_buf frame, back;

    (void)state;
    for (unsigned pattern = 0; pattern < 4; pattern++) {
        for (size_t i = 0; i < 400000; i++)
            data[i] = (uint8_t)(pattern == 0   ? 0
                                : pattern == 1 ? i * 2654435761u >> 13
                                : pattern == 2 ? i / 40
                                               : (i % 100 < 50 ? 0 : i));
        for (size_t k = 0; k < SU_ARRAY_LEN(sizes); k++) {
            su_buf_init(&frame, 0);
            su_buf_init(&back, 0);
            rpc_zstd(&frame, data, sizes[k]);
            assert_true(unzstd(&frame, &back));
            assert_int_equal(back.len, sizes[k]);
            if (back.len > 0)
                assert_memory_equal(back.data, data, back.len);
            if (pattern == 0 && sizes[k] == 400000)
                assert_true(frame.len < 50);
            su_buf_fini(&frame);
            su_buf_fini(&back);
        }
    }
    free(data);
}

static void test_amounts(void **state)
{
    static const struct {
        uint64_t amount;
        uint8_t decimals;
        const char *ui;
    } rows[] = {
        {0, 0, "\"0\""},
        {0, 6, "\"0\""},
        {1, 6, "\"0.000001\""},
        {1500000, 6, "\"1.5\""},
        {10, 0, "\"10\""},
        {1000, 3, "\"1\""},
        {UINT64_MAX, 9, "\"18446744073.709551615\""},
        {7, 255, "0000007\""},
        {100, 0, "\"100\""},
    };

    (void)state;
    for (size_t i = 0; i < SU_ARRAY_LEN(rows); i++) {
        struct su_buf out;
        struct su_json_writer w;
        char want[64];
        su_buf_init(&out, 0);
        su_json_writer_init(&w, &out, 0);
        rpc_put_amount(&w, NULL, rows[i].amount, rows[i].decimals);
        (void)snprintf(want, sizeof want, "%s}", rows[i].ui);
        assert_non_null(memmem(out.data, out.len, want, strlen(want)));
        (void)snprintf(want, sizeof want, "\"amount\":\"%llu\"",
                       (unsigned long long)rows[i].amount);
        assert_non_null(memmem(out.data, out.len, want, strlen(want)));
        su_buf_fini(&out);
    }
}

static void test_accounts(void **state)
{
    char params[256];

    (void)state;
    (void)snprintf(params, sizeof params, "'%s'", mint);
    check_text("getAccountInfo", params, "'owner':'TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA'");
    check_text("getAccountInfo", params, "'rentEpoch':18446744073709551615");
    (void)snprintf(params, sizeof params, "'%s',{'encoding':'base64'}", mint);
    check_text("getAccountInfo", params, "'base64']");
    (void)snprintf(params, sizeof params,
                   "'%s',{'encoding':'base58','dataSlice':{'offset':44,'length':1}}", mint);
    check_text("getAccountInfo", params, "'data':['7','base58']"); /* 6 decimals */
    (void)snprintf(params, sizeof params,
                   "'%s',{'encoding':'base64','dataSlice':{'offset':9999,'length':9999}}", mint);
    check_text("getAccountInfo", params, "'data':['','base64']");
    (void)snprintf(params, sizeof params, "'%s',{'encoding':'jsonParsed'}", faucet);
    check_text("getAccountInfo", params, "'data':['','base64']"); /* not decoded: bytes */
    check_text("getAccountInfo", "'SysvarRewards111111111111111111111111111111'", "'value':null");
    check_error("getAccountInfo", "'SysvarS1otHashes111111111111111111111111111'",
                RPC_INVALID_REQUEST, "please use Base64 encoding");
    check_text("getMultipleAccounts", "['SysvarRewards111111111111111111111111111111']",
               "'value':[null]");
}

/* ---- failures -------------------------------------------------------------------------------- */

static void test_failures(void **state)
{
    static const struct {
        struct su_ledger_failure failure;
        const char *want;
    } rows[] = {
        {{0}, "null"},
        {{.tx = SU_LEDGER_TX_BlockhashNotFound}, "\"BlockhashNotFound\""},
        {{.tx = SU_LEDGER_TX_InstructionError,
          .index = 2,
          .instr = SU_LEDGER_IE_InvalidAccountData},
         "{\"InstructionError\":[2,\"InvalidAccountData\"]}"},
        {{.tx = SU_LEDGER_TX_InstructionError,
          .index = 0,
          .instr = SU_LEDGER_IE_Custom,
          .custom = 4294967295u},
         "{\"InstructionError\":[0,{\"Custom\":4294967295}]}"},
        {{.tx = SU_LEDGER_TX_InsufficientFundsForRent, .index = 1},
         "{\"InsufficientFundsForRent\":{\"account_index\":1}}"},
        {{.tx = SU_LEDGER_TX_DuplicateInstruction, .index = 3}, "{\"DuplicateInstruction\":3}"},
    };

    (void)state;
    for (size_t i = 0; i < SU_ARRAY_LEN(rows); i++) {
        struct su_buf out;
        struct su_json_writer w;
        su_buf_init(&out, 0);
        su_json_writer_init(&w, &out, 0);
        rpc_put_failure(&w, NULL, &rows[i].failure);
        assert_int_equal(out.len, strlen(rows[i].want));
        assert_memory_equal(out.data, rows[i].want, out.len);
        su_buf_fini(&out);
    }
}

static void test_send_refusals(void **state)
{
    char params[4096], long_text[2000];

    (void)state;
    check_error("sendTransaction", "", RPC_INVALID_PARAMS, "at least 1 argument");
    check_error("sendTransaction", "'!!'", RPC_INVALID_PARAMS, "invalid base58 encoding");
    check_error("sendTransaction", "'!!',{'encoding':'base64'}", RPC_INVALID_PARAMS,
                "invalid base64 encoding");
    check_error("sendTransaction", "'1',{'encoding':'jsonParsed'}", RPC_INVALID_PARAMS,
                "unsupported encoding");
    check_error("sendTransaction", "'AAAA',{'encoding':'base64'}", RPC_INVALID_PARAMS,
                "failed to deserialize");
    check_error("sendTransaction", "'AAAA',{'encoding':'base64','skipPreflight':1}",
                RPC_INVALID_PARAMS, "skipPreflight");
    memset(long_text, 'A', 1648);
    long_text[1648] = '\0';
    (void)snprintf(params, sizeof params, "'%s',{'encoding':'base64'}", long_text);
    check_error("sendTransaction", params, RPC_INVALID_PARAMS, "(max: encoded/raw 1644/1232)");
    check_error("simulateTransaction",
                "'AAAA',{'encoding':'base64','sigVerify':true,'replaceRecentBlockhash':true}",
                RPC_INVALID_PARAMS, "sigVerify may not be used with replaceRecentBlockhash");
    check_error("simulateTransaction",
                "'AAAA',{'encoding':'base64','accounts':{'encoding':'base58','addresses':[]}}",
                RPC_INVALID_PARAMS, "base58 encoding not supported");
    check_error("simulateTransaction", "'AAAA',{'encoding':'base64','accounts':{}}",
                RPC_INVALID_PARAMS, "addresses");
    check_error("getFeeForMessage", "'AAAA'", RPC_INVALID_PARAMS, "failed to deserialize");
}

static void test_faucets(void **state)
{
    struct su_json *doc =
        call("requestAirdrop", "'SysvarRewards111111111111111111111111111111',1000000");
    const char *signature = NULL;
    char params[256];

    (void)state;
    assert_int_equal(su_json_get_str(su_json_root(doc), "result", &signature, NULL), SU_OK);
    (void)snprintf(params, sizeof params, "['%s'],{'searchTransactionHistory':true}", signature);
    su_json_free(doc);
    check_text("getSignatureStatuses", params, "'confirmationStatus':'finalized'");
    check_text("getBalance", "'SysvarRewards111111111111111111111111111111'", "'value':1000000}");
}

static void test_faucet_usdc(void **state)
{
    static const char someone[] = "SysvarRewards111111111111111111111111111111";
    char params[256];

    (void)state;
    (void)snprintf(params, sizeof params, "'%s',1250000", someone);
    check_text("splitup_requestUsdc", params, "'result':'");
    (void)snprintf(params, sizeof params, "'%s',{'mint':'%s'},{'encoding':'jsonParsed'}", someone,
                   mint);
    check_text("getTokenAccountsByOwner", params, "'uiAmountString':'1.25'");
    (void)snprintf(params, sizeof params, "'%s'", mint);
    check_text("getTokenLargestAccounts", params, "'uiAmountString':'1.25'");
    check_error("splitup_requestUsdc", "'11111111111111111111111111111111',0", RPC_INVALID_PARAMS,
                "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_envelope),      cmocka_unit_test(test_batch),
        cmocka_unit_test(test_parameters),    cmocka_unit_test(test_filters),
        cmocka_unit_test(test_zstd),          cmocka_unit_test(test_amounts),
        cmocka_unit_test(test_accounts),      cmocka_unit_test(test_failures),
        cmocka_unit_test(test_send_refusals), cmocka_unit_test(test_faucets),
        cmocka_unit_test(test_faucet_usdc),   cmocka_unit_test(test_every_method),
    };
    int rc = cmocka_run_group_tests(tests, setup, teardown);

    su_buf_fini(&text);
    return rc;
}
