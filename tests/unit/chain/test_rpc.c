// SPDX-License-Identifier: MIT
/* The client against a server that says whatever a test wants: replies of every kind, endpoints
   that fail, and what becomes of a transaction then. */
#include "chain/chain.h"
#include "http/http.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

enum { SAYS_MAX = 8, BODY_MAX = 70000 };

/* A server that answers with says[0], says[1], ...; the last one for ever. A method may have an
   answer of its own. */
struct fake {
    struct su_http_server *server;
    pthread_mutex_t lock;
    struct {
        int status;
        const char *body, *method;
    } says[SAYS_MAX];
    size_t n_says, asked;
    atomic_bool held; /* answers nothing while it is */
    uint64_t connection[4]; /* the first of them, as they came */
    char last[BODY_MAX]; /* the last request */
    char url[64];
};

static void answer(void *ctx, const struct su_http_call *call, struct su_http_answer *a)
{
    struct fake *f = ctx;
    size_t at;

    (void)pthread_mutex_lock(&f->lock);
    size_t n = SU_MIN(call->body_len, sizeof f->last - 1);
    memcpy(f->last, call->body, n);
    f->last[n] = '\0';
    for (size_t i = 0; i < SU_ARRAY_LEN(f->connection); i++)
        if (f->connection[i] == 0 || f->connection[i] == call->connection) {
            f->connection[i] = call->connection;
            break;
        }
    at = SU_MIN(f->asked, f->n_says - 1);
    f->asked++;
    for (size_t i = 0; i < f->n_says; i++)
        if (f->says[i].method && strstr(f->last, f->says[i].method))
            at = i;
    (void)pthread_mutex_unlock(&f->lock);
    const struct timespec t = {0, 5000000};
    while (atomic_load(&f->held))
        (void)nanosleep(&t, NULL);
    su_http_answer_bytes(a, f->says[at].status, "application/json", f->says[at].body,
                         strlen(f->says[at].body));
}

/* Connections that requests came over, at most four. */
static size_t connections(const struct fake *f)
{
    size_t n = 0;

    while (n < SU_ARRAY_LEN(f->connection) && f->connection[n] != 0)
        n++;
    return n;
}

static struct fake *fake_new(void)
{
    struct fake *f = su_alloc(sizeof *f);
    const struct su_http_server_opts o = {
        .handler = answer, .ctx = f, .threads = 1, .idle_ms = 3000};

    (void)pthread_mutex_init(&f->lock, NULL);
    assert_int_equal(su_http_server_start(&o, &f->server, NULL), SU_OK);
    (void)snprintf(f->url, sizeof f->url, "http://127.0.0.1:%u", su_http_server_port(f->server));
    return f;
}

static void fake_free(struct fake *f)
{
    su_http_server_stop(f->server);
    (void)pthread_mutex_destroy(&f->lock);
    free(f);
}

static void say(struct fake *f, int status, const char *body)
{
    f->says[0].status = status;
    f->says[0].body = body;
    f->n_says = 1;
    f->asked = 0;
}

static void say_next(struct fake *f, int status, const char *body)
{
    f->says[f->n_says].status = status;
    f->says[f->n_says++].body = body;
}

static void say_to(struct fake *f, const char *method, const char *body)
{
    f->says[f->n_says].method = method;
    say_next(f, 200, body);
}

static struct su_chain *client(const struct fake *a, const struct fake *b, uint32_t deadline_ms)
{
    const char *urls[2] = {a->url, b ? b->url : NULL};
    const struct su_chain_opts o = {
        .urls = urls, .n_urls = b ? 2 : 1, .deadline_ms = deadline_ms, .reply_max_bytes = 65536};
    struct su_chain *c;

    assert_int_equal(su_chain_open(&o, &c, NULL), SU_OK);
    return c;
}

#define RESULT(r) "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":" r "}"
#define VALUE(v) RESULT("{\"context\":{\"slot\":5},\"value\":" v "}")
#define ERROR(c, m)                                                                                \
    "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":" c ",\"message\":\"" m "\"}}"
#define KEY "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA"

/* ---- opening --------------------------------------------------------------------------------- */

static void opening(void **state)
{
    const char *urls[SU_CHAIN_ENDPOINTS_MAX + 1];
    struct su_chain_opts o = {.urls = urls};
    struct su_chain_endpoint ends[SU_CHAIN_ENDPOINTS_MAX];
    struct su_chain *c;
    struct su_err e;
    static char long_url[400];

    (void)state;
    for (size_t i = 0; i < SU_ARRAY_LEN(urls); i++)
        urls[i] = "l";
    assert_int_equal(su_chain_open(&o, &c, &e), SU_EINVAL);
    o.n_urls = SU_ARRAY_LEN(urls);
    assert_int_equal(su_chain_open(&o, &c, &e), SU_EINVAL);
    o.n_urls--;
    assert_int_equal(su_chain_open(&o, &c, &e), SU_OK);
    assert_int_equal(su_chain_endpoints(c, ends, SU_CHAIN_ENDPOINTS_MAX), SU_CHAIN_ENDPOINTS_MAX);
    assert_string_equal(ends[0].url, "http://127.0.0.1:8899");
    assert_memory_equal(su_chain_program(c), su_splitup_id, 32);
    su_chain_close(c);
    o.n_urls = 2;
    urls[1] = "ftp://x";
    assert_int_equal(su_chain_open(&o, &c, &e), SU_EINVAL);
    assert_null(c);
    memset(long_url, 'x', sizeof long_url - 1);
    memcpy(long_url, "http://", 7);
    urls[1] = long_url;
    assert_int_equal(su_chain_open(&o, &c, &e), SU_EINVAL);
    o.n_urls = 1;
    o.program = su_token_id;
    assert_int_equal(su_chain_open(&o, &c, &e), SU_OK);
    assert_memory_equal(su_chain_program(c), su_token_id, 32);
    su_chain_close(c);
    su_chain_close(NULL);
    assert_string_equal(su_chain_cluster_url("m"), su_chain_cluster_url("mainnet-beta"));
    assert_string_equal(su_chain_cluster_url("d"), "https://api.devnet.solana.com");
    assert_string_equal(su_chain_cluster_url("t"), "https://api.testnet.solana.com");
    assert_string_equal(su_chain_cluster_url("localhost"), "http://127.0.0.1:8899");
    assert_string_equal(su_chain_cluster_url("https://x"), "https://x");
    assert_null(su_chain_cluster_url("x"));
    assert_null(su_chain_cluster_url(""));
}

static void addresses(void **state)
{
    uint8_t key[32], sig[64], bump, big[33] = {0};
    char text[SU_CHAIN_TEXT], sig_text[SU_CHAIN_SIG_TEXT];
    struct su_seeds s;
    struct su_err e;

    (void)state;
    assert_int_equal(su_chain_key_parse(KEY, "mint", key, &e), SU_OK);
    assert_memory_equal(key, su_token_id, 32);
    assert_string_equal(su_chain_key_text(key, text), KEY);
    static const char *const bad[] = {"", "0", "Tokenkeg", KEY "1", KEY KEY, "O0Il"};
    for (size_t i = 0; i < SU_ARRAY_LEN(bad); i++) {
        assert_int_equal(su_chain_key_parse(bad[i], "mint", key, &e), SU_EINVAL);
        assert_string_equal(e.at, "mint");
        assert_int_equal(su_chain_sig_parse(bad[i], "sig", sig, &e), SU_EINVAL);
    }
    for (unsigned i = 0; i < 64; i++)
        sig[i] = (uint8_t)(255 - i);
    uint8_t again[64];
    assert_int_equal(su_chain_sig_parse(su_chain_sig_text(sig, sig_text), "s", again, &e), SU_OK);
    assert_memory_equal(sig, again, 64);
    su_seeds_single(&s, "state");
    assert_true(su_chain_find_address(&s, su_splitup_id, key, &bump));
    assert_false(su_point_valid(key));
    assert_true(bump > 200);
    s.part[0].p = big;
    s.part[0].n = sizeof big;
    assert_false(su_chain_find_address(&s, su_splitup_id, key, NULL));
}

/* ---- replies --------------------------------------------------------------------------------- */

static void errors_of_endpoints(void **state)
{
    static const struct {
        int status;
        const char *body;
        enum su_code want;
    } cases[] = {
        {200, ERROR("-32601", "Method not found"), SU_EUNSUPPORTED},
        {200, ERROR("-32602", "Invalid params"), SU_EINVAL},
        {200, ERROR("-32003", "Signature failure"), SU_EACCES},
        {200, ERROR("-32004", "Block not available"), SU_EUNSUPPORTED},
        {200, ERROR("-32007", "Slot was skipped"), SU_ENOENT},
        {200, ERROR("-32009", "Slot was skipped"), SU_ENOENT},
        {200, ERROR("-32010", "excluded"), SU_EUNSUPPORTED},
        {200, ERROR("-32011", "no history"), SU_EUNSUPPORTED},
        {200, ERROR("-32014", "not yet"), SU_ENOENT},
        {200, ERROR("-32603", "Internal error"), SU_EIO},
        {400, ERROR("-32600", "Invalid request"), SU_EIO},
        {200, ERROR("1e99", "x"), SU_EFORMAT},
        {200, "{\"error\":{}}", SU_EFORMAT},
        {200, "{\"error\":5}", SU_EFORMAT},
        {200, "{}", SU_EFORMAT},
        {200, "[]", SU_EFORMAT},
        {200, "", SU_EFORMAT},
        {200, "<html>", SU_EFORMAT},
        {200, RESULT("1") RESULT("2"), SU_EFORMAT},
        {200, RESULT("null"), SU_EFORMAT},
        {200, RESULT("-1"), SU_EFORMAT},
        {200, RESULT("1.5"), SU_EFORMAT},
        {200, RESULT("\"5\""), SU_EFORMAT},
        {401, "", SU_EACCES},
        {403, "", SU_EACCES},
        {404, "", SU_EUNSUPPORTED},
        {405, "", SU_EUNSUPPORTED},
    };
    struct fake *f = fake_new();
    struct su_chain *c = client(f, NULL, 5000);
    struct su_err e;
    uint64_t v = 7;

    (void)state;
    for (size_t i = 0; i < SU_ARRAY_LEN(cases); i++) {
        say(f, cases[i].status, cases[i].body);
        enum su_code rc = su_chain_slot(c, &v, &e);
        if (rc != cases[i].want)
            fail_msg("case %zu: %s: %s", i, su_code_name(rc), e.msg);
        assert_int_equal(v, 7);
        assert_true(strlen(e.msg) > 0);
    }
    say(f, 200, RESULT("12"));
    assert_int_equal(su_chain_slot(c, &v, &e), SU_OK);
    assert_int_equal(v, 12);
    assert_non_null(strstr(f->last, "\"method\":\"getSlot\""));
    assert_non_null(strstr(f->last, "\"commitment\":\"confirmed\""));
    static char big[70000];
    memset(big, ' ', sizeof big - 1);
    say(f, 200, big);
    assert_int_equal(su_chain_slot(c, &v, &e), SU_ELIMIT);
    su_chain_close(c);
    fake_free(f);
}

/* Each method refuses results that are not its own. */
static void malformed_results(void **state)
{
    static const char *const results[] = {
        RESULT("null"),
        RESULT("{}"),
        RESULT("[]"),
        RESULT("\"x\""),
        RESULT("true"),
        VALUE("{}"),
        VALUE("[{}]"),
        VALUE("\"x\""),
        VALUE("[5]"),
        RESULT("{\"value\":1}"),
        VALUE("[{\"pubkey\":\"" KEY "\",\"account\":null}]"),
        VALUE("[{\"pubkey\":\"" KEY "\",\"account\":{\"lamports\":1,\"owner\":\"x\",\"data\":[\"\","
              "\"base64\"],\"executable\":false}}]"),
        VALUE("[{\"lamports\":1,\"owner\":\"" KEY "\",\"data\":[\"A\",\"base64\"],\"executable\":"
              "false}]"),
        VALUE("[{\"lamports\":1,\"owner\":\"" KEY "\",\"data\":[\"AAAA\",\"base58\"],"
              "\"executable\":false}]"),
        VALUE("{\"err\":{\"InstructionError\":[1]},\"logs\":[]}"),
        VALUE("{\"err\":null,\"logs\":[5]}"),
    };
    struct fake *f = fake_new();
    struct su_chain *c = client(f, NULL, 5000);
    struct su_chain_accounts list;
    struct su_chain_outcome o;
    struct su_chain_token t[1];
    struct su_chain_blockhash h;
    struct su_chain_ledger_info info;
    struct su_chain_status st[2];
    struct su_chain_signature sigs[2];
    static struct su_tx tx;
    uint8_t key[2][32] = {{1}, {2}}, sig[2][64] = {{1}, {2}}, hash[32];
    char text[32];
    uint64_t v;
    size_t n;
    struct su_small_instr i;

    (void)state;
    su_instr_transfer(&i, key[0], key[1], 1);
    assert_int_equal(su_tx_compile(key[0], key[0], &i.instr, 1, &tx), SU_TX_OK);
    for (size_t r = 0; r < SU_ARRAY_LEN(results); r++) {
        const uint8_t(*keys)[32] = (const uint8_t(*)[32])key;
        bool list_like = r == 2; /* an empty list is a right answer to three of them */
        say(f, 200, results[r]);
#define BAD(call) assert_int_equal(call, SU_EFORMAT)
        BAD(su_chain_version(c, text, sizeof text, NULL));
        BAD(su_chain_genesis_hash(c, hash, NULL));
        BAD(su_chain_block_height(c, &v, NULL));
        BAD(su_chain_rent_minimum(c, 1, &v, NULL));
        BAD(su_chain_latest_blockhash(c, &h, NULL));
        BAD(su_chain_balance(c, key[0], &v, NULL));
        BAD(su_chain_accounts_get(c, keys, 2, &list, NULL));
        assert_null(list.items);
        BAD(su_chain_program_accounts(c, key[0], 0, NULL, 0, &list, NULL));
        BAD(su_chain_tokens_of(c, key[0], NULL, t, 1, &n, NULL));
        BAD(su_chain_fee(c, &tx, &v, NULL));
        BAD(su_chain_submit(c, &tx, sig[0], NULL));
        BAD(su_chain_statuses(c, (const uint8_t(*)[64])sig, 2, false, st, NULL));
        BAD(su_chain_airdrop(c, key[0], 1, sig[0], NULL));
        BAD(su_chain_airdrop_usdc(c, key[0], 1, sig[0], NULL));
        BAD(su_chain_ledger_info(c, &info, NULL));
        if (r != 0)
            BAD(su_chain_transaction(c, sig[0], &o, NULL));
        if (r != 5) /* err and logs may be missing */
            assert_int_equal(su_chain_simulate(c, &tx, &o, NULL), SU_EFORMAT);
        if (!list_like) {
            BAD(su_chain_recent_price(c, keys, 1, &v, NULL));
            BAD(su_chain_signatures_of(c, key[0], NULL, sigs, 2, &n, NULL));
        }
        assert_int_equal(su_chain_health(c, NULL), SU_EBUSY);
    }
    su_chain_close(c);
    fake_free(f);
}

static void right_results(void **state)
{
    struct fake *f = fake_new();
    struct su_chain *c = client(f, NULL, 5000);
    struct su_chain_accounts list;
    struct su_err e;
    uint8_t keys[250][32] = {{0}};
    uint64_t v;

    (void)state;
    say(f, 200,
        RESULT("[{\"slot\":1,\"prioritizationFee\":9},{\"slot\":2,\"prioritizationFee\":1},"
               "{\"slot\":3,\"prioritizationFee\":5}]"));
    assert_int_equal(su_chain_recent_price(c, NULL, 0, &v, &e), SU_OK);
    assert_int_equal(v, 5);
    say(f, 200, RESULT("[]"));
    assert_int_equal(su_chain_recent_price(c, NULL, 0, &v, &e), SU_OK);
    assert_int_equal(v, 0);
    say(f, 200, VALUE("9007199254740993"));
    assert_int_equal(su_chain_balance(c, keys[0], &v, &e), SU_EOVERFLOW);
    say(f, 200,
        VALUE("[null,{\"lamports\":5,\"owner\":\"" KEY "\",\"data\":[\"AQID\",\"base64\"],"
              "\"executable\":true,\"rentEpoch\":18446744073709551615}]"));
    keys[1][0] = 9;
    assert_int_equal(su_chain_accounts_get(c, (const uint8_t(*)[32])keys, 2, &list, &e), SU_OK);
    assert_int_equal(list.n, 2);
    assert_false(list.items[0].exists);
    assert_true(list.items[1].exists && list.items[1].executable);
    assert_int_equal(list.items[1].data_bytes, 3);
    assert_memory_equal(list.items[1].data, "\1\2\3", 3);
    assert_memory_equal(list.items[1].owner, su_token_id, 32);
    assert_int_equal(list.items[1].key[0], 9);
    assert_int_equal(list.slot, 5);
    su_chain_accounts_fini(&list);
    su_chain_accounts_fini(&list);
    say(f, 200,
        VALUE("[{\"lamports\":5,\"owner\":\"" KEY "\",\"data\":[\"AQID\",\"base64\"],"
              "\"executable\":true},null]"));
    assert_int_equal(su_chain_accounts_part(c, (const uint8_t(*)[32])keys, 2, 7, 3, &list, &e),
                     SU_OK);
    assert_non_null(strstr(f->last, "\"dataSlice\":{\"offset\":7,\"length\":3}"));
    assert_memory_equal(list.items[0].data, "\1\2\3", 3);
    assert_false(list.items[1].exists);
    su_chain_accounts_fini(&list);
    /* More than was asked for. */
    assert_int_equal(su_chain_accounts_part(c, (const uint8_t(*)[32])keys, 2, 7, 2, &list, &e),
                     SU_EFORMAT);
    /* 250 keys: three calls, the first answer for 100. */
    static char hundred[1000], fifty[1000];
    (void)strcpy(hundred, "{\"result\":{\"context\":{\"slot\":5},\"value\":[null");
    for (int i = 1; i < 100; i++)
        (void)strcat(hundred, ",null");
    (void)strcat(hundred, "]}}");
    (void)strcpy(fifty, "{\"result\":{\"context\":{\"slot\":6},\"value\":[null");
    for (int i = 1; i < 50; i++)
        (void)strcat(fifty, ",null");
    (void)strcat(fifty, "]}}");
    say(f, 200, hundred);
    say_next(f, 200, hundred);
    say_next(f, 200, fifty);
    assert_int_equal(su_chain_accounts_get(c, (const uint8_t(*)[32])keys, 250, &list, &e), SU_OK);
    assert_int_equal(f->asked, 3);
    assert_int_equal(list.slot, 6);
    su_chain_accounts_fini(&list);

    const struct su_chain_filter filters[5] = {{8, "\1", 1}, {0, "\2", 1}};
    say(f, 200, VALUE("[]"));
    assert_int_equal(su_chain_program_accounts(c, su_token_id, 165, filters, 2, &list, &e), SU_OK);
    assert_non_null(strstr(f->last, "{\"dataSize\":165},{\"memcmp\":{\"offset\":8,\"bytes\":\"2\"}"
                                    "},{\"memcmp\":{\"offset\":0,\"bytes\":\"3\"}}"));
    su_chain_accounts_fini(&list);
    assert_int_equal(su_chain_program_accounts(c, su_token_id, 0, filters, 5, &list, &e),
                     SU_EINVAL);
    assert_int_equal(su_chain_program_accounts(c, su_token_id, 0, filters + 2, 1, &list, &e),
                     SU_EINVAL);
    assert_int_equal(su_chain_list(c, 0, NULL, &list, &e), SU_EINVAL);
    assert_int_equal(su_chain_statuses(c, NULL, 0, false, NULL, &e), SU_EINVAL);
    assert_int_equal(su_chain_statuses(c, NULL, 257, false, NULL, &e), SU_EINVAL);
    su_chain_close(c);
    fake_free(f);
}

/* ---- endpoints ------------------------------------------------------------------------------- */

static void failover(void **state)
{
    struct fake *a = fake_new(), *b = fake_new();
    struct su_chain *c = client(a, b, 5000);
    struct su_chain_endpoint ends[2];
    bool passed_over = false;
    struct su_err e;
    uint64_t v;

    (void)state;
    say(a, 503, "");
    say(b, 200, RESULT("3"));
    assert_int_equal(su_chain_slot(c, &v, &e), SU_OK);
    assert_int_equal(su_chain_endpoints(c, ends, 2), 2);
    assert_int_equal(ends[0].failures, 1);
    assert_true(ends[0].resting_ms <= 1001);
    assert_int_equal(ends[1].failures, 0);
    /* Passed over while it rests; where the machine outsleeps that, it rests for longer the next time. */
    for (unsigned i = 0; i < 6 && !passed_over; i++) {
        size_t asked = a->asked;
        assert_int_equal(su_chain_slot(c, &v, &e), SU_OK);
        assert_int_equal(v, 3);
        (void)su_chain_endpoints(c, ends, 2);
        passed_over = a->asked == asked && ends[0].resting_ms > 0;
    }
    assert_true(passed_over);
    /* Both fail: the resting one is asked after all, and answers. */
    say(a, 200, RESULT("4"));
    say(b, 200, "no json");
    assert_int_equal(su_chain_slot(c, &v, &e), SU_OK);
    assert_int_equal(v, 4);
    su_chain_endpoints(c, ends, 2);
    assert_int_equal(ends[0].resting_ms, 0); /* well again */
    su_chain_close(c);
    fake_free(a);
    fake_free(b);
}

static void busy_endpoints(void **state)
{
    struct fake *f = fake_new();
    struct su_chain *c = client(f, NULL, 20000);
    struct su_err e;
    uint64_t v, start = su_clock_mono_ns();

    (void)state;
    say(f, 429, "");
    say_next(f, 200, ERROR("-32005", "Node is behind by 42 slots"));
    say_next(f, 200, RESULT("3"));
    assert_int_equal(su_chain_slot(c, &v, &e), SU_OK);
    assert_int_equal(f->asked, 3);
    assert_true(su_clock_mono_ns() - start >= 750000000ull); /* 250 + 500 ms */
    su_chain_close(c);
    c = client(f, NULL, 3700); /* asked until it would be over */
    say(f, 429, "");
    assert_int_equal(su_chain_slot(c, &v, &e), SU_EBUSY);
    assert_non_null(strstr(e.msg, "429"));
    assert_true(f->asked >= 2);
    su_chain_close(c);
    fake_free(f);
}

static void a_server_that_hangs(void **state)
{
    struct fake *a = fake_new(), *b = fake_new();
    struct su_chain *c = client(a, b, 4000);
    struct su_err e;
    uint64_t v;

    (void)state;
    atomic_store(&a->held, true);
    say(a, 200, RESULT("1"));
    say(b, 200, RESULT("2"));
    assert_int_equal(su_chain_slot(c, &v, &e), SU_OK);
    assert_int_equal(v, 2);
    su_chain_close(c);
    c = client(a, NULL, 200);
    assert_int_equal(su_chain_slot(c, &v, &e), SU_ETIMEOUT);
    su_chain_close(c);
    atomic_store(&a->held, false);
    fake_free(a);
    fake_free(b);
}

static bool yes(void *ctx)
{
    ++*(unsigned *)ctx;
    return true;
}

static void nobody_there(void **state)
{
    const char *urls[] = {"http://127.0.0.1:9"};
    unsigned asked = 0;
    struct su_chain_opts o = {.urls = urls, .n_urls = 1};
    struct su_chain *c;
    struct su_err e;
    uint64_t v;

    (void)state;
    assert_int_equal(su_chain_open(&o, &c, &e), SU_OK);
    assert_int_equal(su_chain_slot(c, &v, &e), SU_ENET);
    su_chain_close(c);
    o.cancelled = yes;
    o.ctx = &asked;
    assert_int_equal(su_chain_open(&o, &c, &e), SU_OK);
    assert_int_equal(su_chain_slot(c, &v, &e), SU_ECANCELLED);
    assert_true(asked > 0);
    su_chain_close(c);
}

/* ---- sending --------------------------------------------------------------------------------- */

#define HASH VALUE("{\"blockhash\":\"" KEY "\",\"lastValidBlockHeight\":100}")

static void signer_init(struct su_signer *s)
{
    uint8_t seed[32] = {4}, key[32], secret[64];

    su_ed25519_from_seed(seed, key, secret);
    assert_int_equal(su_signer_init_memory(s, secret, NULL), SU_OK);
}

struct seen {
    unsigned waits, sends;
    uint64_t blocks_left;
};

static void watch(void *ctx, const struct su_chain_progress *p)
{
    struct seen *s = ctx;

    s->waits += p->stage == SU_CHAIN_WAITING;
    s->sends = p->sends;
    if (p->blocks_left > 0)
        s->blocks_left = p->blocks_left;
}

static enum su_code send(struct fake *f, struct su_chain_result *r, struct seen *seen,
                         struct su_err *e)
{
    struct su_chain *c = client(f, NULL, 1000);
    struct su_signer s;
    const struct su_signer *signers[] = {&s};
    const struct su_chain_send_opts o = {.no_simulation = true,
                                         .rebroadcast_ms = 30,
                                         .poll_ms = 10,
                                         .progress = watch,
                                         .ctx = seen,
                                         .commitment = SU_CHAIN_FINALIZED};
    struct su_small_instr i;
    uint8_t to[32] = {6};

    memset(seen, 0, sizeof *seen);
    signer_init(&s);
    su_instr_transfer(&i, s.public_key, to, 1);
    enum su_code rc = su_chain_send(c, s.public_key, &i.instr, 1, signers, 1, &o, r, e);
    su_signer_fini(&s);
    su_chain_close(c);
    return rc;
}

/* One connection serves calls that come one after the other, of several endpoints one each; what must
   not be done twice has one of its own. */
static void connections_are_kept(void **state)
{
    struct fake *f = fake_new(), *g = fake_new();
    struct su_chain *c = client(f, g, 5000);
    uint8_t key[32] = {1}, sig[64];
    uint64_t v;

    (void)state;
    say(f, 200, RESULT("5"));
    say(g, 200, RESULT("6"));
    for (int i = 0; i < 10; i++) {
        assert_int_equal(su_chain_slot(c, &v, NULL), SU_OK);
        assert_int_equal(v, 5);
    }
    assert_int_equal(connections(f), 1);
    assert_int_equal(connections(g), 0);
    assert_int_equal(su_chain_airdrop(c, key, 1, sig, NULL), SU_EFORMAT);
    assert_int_equal(connections(f), 2);
    su_chain_close(c);

    /* A name is not spoken to directly: libcurl's connections are kept as well. */
    char url[64];
    (void)snprintf(url, sizeof url, "http://localhost:%u/rpc", su_http_server_port(g->server));
    const char *urls[] = {url};
    const struct su_chain_opts o = {.urls = urls, .n_urls = 1};
    assert_int_equal(su_chain_open(&o, &c, NULL), SU_OK);
    for (int i = 0; i < 5; i++)
        assert_int_equal(su_chain_slot(c, &v, NULL), SU_OK);
    assert_int_equal(connections(g), 1);
    su_chain_close(c);

    /* The server has closed the one that was kept: another takes its place. */
    const struct timespec idle = {.tv_sec = 5};
    const size_t before = connections(f);
    c = client(f, NULL, 5000);
    assert_int_equal(su_chain_slot(c, &v, NULL), SU_OK);
    (void)nanosleep(&idle, NULL);
    assert_int_equal(su_chain_slot(c, &v, NULL), SU_OK);
    assert_int_equal(connections(f), before + 2);
    su_chain_close(c);
    fake_free(f);
    fake_free(g);
}

static void sending(void **state)
{
    struct fake *f = fake_new();
    struct su_chain_result r;
    struct seen seen;
    struct su_err e;

    (void)state;
    /* The endpoint's sendTransaction fails all the time, yet the transaction lands. */
    say(f, 200, RESULT("null"));
    say_to(f, "getLatestBlockhash", HASH);
    say_to(f, "sendTransaction", ERROR("-32603", "try later"));
    say_to(f, "getBlockHeight", RESULT("90"));
    say_to(f, "getSignatureStatuses",
           VALUE("[{\"slot\":50,\"err\":null,\"confirmationStatus\":\"finalized\"}]"));
    assert_int_equal(send(f, &r, &seen, &e), SU_OK);
    assert_true(r.sent && r.slot == 50);
    assert_int_equal(r.outcome.n_logs, 0);
    su_chain_result_fini(&r);

    /* Confirmed is not finalized; then time is over for what is not known. */
    say(f, 200, RESULT("null"));
    say_to(f, "getLatestBlockhash", HASH);
    say_to(f, "sendTransaction", RESULT("\"x\""));
    say_to(f, "getBlockHeight", RESULT("101"));
    say_to(f, "getSignatureStatuses", VALUE("[null]"));
    assert_int_equal(send(f, &r, &seen, &e), SU_ETIMEOUT);
    assert_true(r.sent);
    su_chain_result_fini(&r);

    /* What cannot be cured by trying again: never sent. */
    say(f, 200, RESULT("null"));
    say_to(f, "getLatestBlockhash", HASH);
    say_to(f, "sendTransaction", ERROR("-32602", "invalid transaction"));
    assert_int_equal(send(f, &r, &seen, &e), SU_EINVAL);
    assert_false(r.sent);
    su_chain_result_fini(&r);
    fake_free(f);
}

/* ---- failures -------------------------------------------------------------------------------- */

static void explain(const char *kind, const char *detail, int custom, const uint8_t program[32],
                    uint8_t data, enum su_code want, const char *at, const char *part)
{
    struct su_chain_failure f = {.instruction = -1};
    struct su_instr i = {.data = &data, .data_bytes = 1};
    struct su_err e = {0};

    memcpy(i.program, program, 32);
    (void)su_str_copy(f.kind, sizeof f.kind, kind);
    (void)su_str_copy(f.detail, sizeof f.detail, detail);
    f.has_custom = custom >= 0;
    f.custom = (uint32_t)custom;
    if (strcmp(kind, "InstructionError") == 0)
        f.instruction = 0;
    enum su_code rc = su_chain_failure_explain(&f, su_splitup_id, &i, 1, &e);
    if (rc != want || strcmp(e.at, at) != 0 || !strstr(e.msg, part))
        fail_msg("%s %s %d: %s: %s: %s", kind, detail, custom, su_code_name(rc), e.at, e.msg);
}

static void failures(void **state)
{
    const char *ie = "InstructionError";
    uint8_t other[32];
    char text[SU_CHAIN_TEXT];
    struct su_chain_failure f = {.kind = "InstructionError", .detail = "X", .instruction = 3};
    struct su_err e;

    (void)state;
    memset(other, 9, 32);
    explain("BlockhashNotFound", "", -1, other, 0, SU_ETIMEOUT, "transaction", "safe to try");
    explain("AlreadyProcessed", "", -1, other, 0, SU_EEXIST, "transaction", "landed already");
    explain("SomethingNew", "", -1, other, 0, SU_EINVAL, "transaction", "SomethingNew");
    explain(ie, "MissingRequiredSignature", -1, su_system_id, 0, SU_EACCES, "System program",
            "signature");
    explain(ie, "ComputationalBudgetExceeded", -1, su_splitup_id, SU_IX_REVEAL, SU_ELIMIT, "reveal",
            "compute units");
    explain(ie, "SomethingNew", -1, su_ata_id, 0, SU_EINVAL, "Associated Token Account program",
            "SomethingNew");
    explain(ie, "Custom", 1, su_system_id, 0, SU_ELIMIT, "System program", "too little SOL");
    explain(ie, "Custom", 0, su_system_id, 0, SU_EEXIST, "System program", "exists");
    explain(ie, "Custom", 1, su_token_id, 0, SU_ELIMIT, "Token program", "holds too little");
    explain(ie, "Custom", 4, su_token_id, 0, SU_EACCES, "Token program", "own");
    explain(ie, "Custom", 4711, other, 0, SU_EINVAL, su_chain_key_text(other, text), "4711");
    explain(ie, "Custom", 6074, su_splitup_id, SU_IX_ASSIGN, SU_ELIMIT, "assign",
            "InsufficientStake (6074): the node's free stake");
    explain(ie, "Custom", 6014, su_splitup_id, SU_IX_CONCLUDE, SU_EBUSY, "conclude", "TooEarly");
    explain(ie, "Custom", 6015, su_splitup_id, SU_IX_COMMIT, SU_ETIMEOUT, "commit", "TooLate");
    explain(ie, "Custom", 6011, su_splitup_id, SU_IX_COMMIT, SU_EOVERFLOW, "commit", "Overflow");
    explain(ie, "Custom", 6076, su_splitup_id, SU_IX_STAKE_WITHDRAW, SU_ENOENT, "stake_withdraw",
            "NoSuchTicket");
    explain(ie, "Custom", 6000, su_splitup_id, 255, SU_EINVAL,
            "SpLitUp111111111111111111111111111111111111", "BadInstruction");
    assert_int_equal(su_chain_failure_explain(&f, NULL, NULL, 0, &e), SU_EINVAL);
    assert_string_equal(e.at, "instruction 4");
    f.kind[0] = '\0';
    assert_int_equal(su_chain_failure_explain(&f, NULL, NULL, 0, &e), SU_OK);
    /* Every error of the program has a code, and keeps its name. */
    for (uint32_t n = 6000; n < 6200; n++) {
        if (!su_prog_error_name(n))
            continue;
        const struct su_chain_failure p = {
            .kind = "InstructionError", .detail = "Custom", .has_custom = true, .custom = n};
        assert_true(su_chain_failure_explain(&p, NULL, NULL, 0, &e) != SU_OK);
        assert_true(su_str_starts(e.msg, su_prog_error_name(n)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opening),
        cmocka_unit_test(addresses),
        cmocka_unit_test(errors_of_endpoints),
        cmocka_unit_test(malformed_results),
        cmocka_unit_test(right_results),
        cmocka_unit_test(failover),
        cmocka_unit_test(busy_endpoints),
        cmocka_unit_test(a_server_that_hangs),
        cmocka_unit_test(nobody_there),
        cmocka_unit_test(connections_are_kept),
        cmocka_unit_test(sending),
        cmocka_unit_test(failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
