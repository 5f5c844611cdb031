// SPDX-License-Identifier: MIT
/* The two servers of JSON-RPC: HTTP and WebSocket. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http/http.h"
#include "ledger/ledger.h"
#include "ledger/rpc_priv.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

static struct su_ledger *ledger;
static struct su_ledger_rpc *rpc;
static char url[64];

static int setup(void **state)
{
    const struct su_ledger_options o = {.manual_slots = true};
    const struct su_ledger_rpc_options ro = {.port = 0};

    (void)state;
    if (su_ledger_open(&o, &ledger, NULL) != SU_OK ||
        su_ledger_rpc_start(ledger, &ro, &rpc, NULL) != SU_OK)
        return 1;
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%u", su_ledger_rpc_port(rpc));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    su_ledger_rpc_stop(rpc);
    su_ledger_close(ledger);
    return 0;
}

/* ---- HTTP ------------------------------------------------------------------------------------ */

static int status_of(const char *method, const char *path, const char *type, const char *body,
                     size_t n, const char *want)
{
    char whole[128];
    const struct su_http_header header = {"Content-Type", type};
    struct su_http_reply reply;
    struct su_err e = {0};

    (void)snprintf(whole, sizeof whole, "%s%s", url, path);
    if (su_http_request(method, whole, &header, type != NULL, body, n, NULL, &reply, &e) != SU_OK)
        fail_msg("%s", e.msg);
    int status = reply.status;
    if (want != NULL)
        assert_non_null(memmem(reply.body.data, reply.body.len, want, strlen(want)));
    su_http_reply_fini(&reply);
    return status;
}

static void test_http(void **state)
{
    static const char health[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"getHealth\"}";
    static const char json[] = "application/json";
    size_t n = sizeof health - 1;
    char *big = calloc(1, RPC_BODY_MAX + 1);

    (void)state;
    assert_int_equal(status_of("POST", "/", json, health, n, "\"result\":\"ok\""), 200);
    assert_int_equal(status_of("POST", "/", "application/json; charset=utf-8", health, n, "ok"),
                     200);
    assert_int_equal(status_of("POST", "/", "text/plain", health, n, NULL), 415);
    assert_int_equal(status_of("GET", "/", NULL, NULL, 0, NULL), 405);
    assert_int_equal(status_of("GET", "/health", NULL, NULL, 0, "ok"), 200);
    assert_int_equal(status_of("OPTIONS", "/", NULL, NULL, 0, NULL), 204);
    assert_int_equal(status_of("POST", "/", json, "nonsense", 8, "-32700"), 200);
    assert_int_equal(status_of("POST", "/", json, big, RPC_BODY_MAX + 1, NULL), 413);
    free(big);
}

static void test_start_errors(void **state)
{
    struct su_ledger_rpc_options o = {.bind = "somewhere"};
    struct su_ledger_rpc *second = NULL;
    struct su_err e;

    (void)state;
    assert_int_equal(su_ledger_rpc_start(ledger, &o, &second, &e), SU_EINVAL);
    assert_null(second);
    o = (struct su_ledger_rpc_options){.port = su_ledger_rpc_port(rpc)};
    assert_int_equal(su_ledger_rpc_start(ledger, &o, &second, &e), SU_EBUSY);
    o = (struct su_ledger_rpc_options){.port = (uint16_t)(su_ledger_rpc_sockets_port(rpc) - 1)};
    enum su_code rc = su_ledger_rpc_start(ledger, &o, &second, &e);
    assert_true(rc == SU_EBUSY || rc == SU_ENET);
    o = (struct su_ledger_rpc_options){.port = UINT16_MAX};
    assert_int_equal(su_ledger_rpc_start(ledger, &o, &second, &e), SU_EINVAL);
    su_ledger_rpc_stop(NULL);
}

/* ---- WebSocket ------------------------------------------------------------------------------- */

static int dial(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(su_ledger_rpc_sockets_port(rpc)),
                             .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct timeval limit = {.tv_sec = 20};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    assert_int_equal(connect(fd, (struct sockaddr *)(void *)&to, sizeof to), 0);
    return fd;
}

static void put(int fd, const void *data, size_t n)
{
    assert_int_equal(send(fd, data, n, MSG_NOSIGNAL), (ssize_t)n);
}

static void get(int fd, void *out, size_t n)
{
    assert_int_equal(recv(fd, out, n, MSG_WAITALL), (ssize_t)n);
}

/* The key and its answer are the example of RFC 6455 §1.3. */
static void shake(int fd)
{
    static const char request[] = "GET /chat HTTP/1.1\r\nHost: x\r\nUpgrade: WebSocket\r\n"
                                  "Connection: Upgrade\r\nsec-websocket-key: "
                                  "dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    static const char want[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                               "Connection: Upgrade\r\n"
                               "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    char got[sizeof want] = "";

    put(fd, request, sizeof request - 1);
    get(fd, got, sizeof want - 1);
    assert_string_equal(got, want);
}

static void put_frame(int fd, uint8_t head, const char *payload)
{
    uint8_t out[512];
    size_t n = strlen(payload), at = 2;

    out[0] = head;
    if (n < 126) {
        out[1] = (uint8_t)(0x80 | n);
    } else {
        out[1] = 0x80 | 126;
        out[2] = (uint8_t)(n >> 8);
        out[3] = (uint8_t)n;
        at = 4;
    }
    memcpy(out + at, "\x01\x02\x03\x04", 4);
    for (size_t i = 0; i < n; i++)
        out[at + 4 + i] = (uint8_t)((uint8_t)payload[i] ^ (i % 4 + 1));
    put(fd, out, at + 4 + n);
}

static uint8_t get_frame(int fd, char *out, size_t cap)
{
    uint8_t head[2], more[2];

    get(fd, head, 2);
    assert_true((head[1] & 0x80) == 0); /* a server does not mask */
    size_t n = head[1];
    if (n == 126) {
        get(fd, more, 2);
        n = (size_t)more[0] << 8 | more[1];
    }
    assert_true(n < cap);
    get(fd, out, n);
    out[n] = '\0';
    return head[0];
}

static bool closed(int fd)
{
    char byte[256];
    ssize_t n;

    while ((n = recv(fd, byte, sizeof byte, 0)) > 0)
        continue;
    return n == 0 || (n < 0 && errno == ECONNRESET);
}

static void test_frames(void **state)
{
    int fd = dial();
    char got[1024];

    (void)state;
    shake(fd);
    put_frame(fd, 0x89, "hi");
    assert_int_equal(get_frame(fd, got, sizeof got), 0x8A);
    assert_string_equal(got, "hi");
    put_frame(fd, 0x8A, "unasked"); /* a pong is ignored */
    put_frame(fd, 0x01, "{\"jsonrpc\":\"2.0\",\"id\":1,");
    put_frame(fd, 0x89, "between");
    put_frame(fd, 0x00, "\"method\":");
    put_frame(fd, 0x80, "\"slotSubscribe\"}");
    assert_int_equal(get_frame(fd, got, sizeof got), 0x8A);
    assert_int_equal(get_frame(fd, got, sizeof got), 0x81);
    assert_string_equal(got, "{\"jsonrpc\":\"2.0\",\"result\":0,\"id\":1}");
    su_ledger_advance(ledger, 1);
    get_frame(fd, got, sizeof got);
    assert_non_null(strstr(got, "\"method\":\"slotNotification\""));
    assert_non_null(strstr(got, "\"subscription\":0"));
    put_frame(fd, 0x81,
              "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"slotUnsubscribe\",\"params\":[0]}");
    get_frame(fd, got, sizeof got);
    assert_non_null(strstr(got, "\"result\":true"));
    put_frame(fd, 0x81,
              "{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"slotUnsubscribe\",\"params\":[0]}");
    get_frame(fd, got, sizeof got);
    assert_non_null(strstr(got, "Invalid subscription id"));
    put_frame(fd, 0x81, "{\"jsonrpc\":\"2.0\",\"id\":4,\"method\":\"rootSubscribe\"}");
    get_frame(fd, got, sizeof got);
    su_ledger_advance(ledger, 1);
    get_frame(fd, got, sizeof got);
    assert_non_null(strstr(got, "\"method\":\"rootNotification\""));
    put_frame(fd, 0x81, "{\"jsonrpc\":\"2.0\",\"method\":\"ping\"}"); /* kit's; not answered */
    put_frame(fd, 0x81, "{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"logsSubscribe\"}");
    get_frame(fd, got, sizeof got);
    assert_non_null(strstr(got, "-32601"));
    put_frame(fd, 0x88, "\x03\xe8");
    assert_int_equal(get_frame(fd, got, sizeof got), 0x88);
    assert_true(closed(fd));
    close(fd);
}

static void test_notices(void **state)
{
    int fd = dial();
    char got[2048], ask[512], name[128];
    uint8_t key[32] = {9, 9, 9}, sig[64];
    struct su_err e;

    (void)state;
    shake(fd);
    (void)su_base58_encode(key, 32, name, sizeof name);
    (void)snprintf(ask, sizeof ask,
                   "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"accountSubscribe\",\"params\":"
                   "[\"%s\",{\"encoding\":\"base64\"}]}",
                   name);
    put_frame(fd, 0x81, ask);
    get_frame(fd, got, sizeof got);
    assert_int_equal(su_ledger_airdrop(ledger, key, 1000000, sig, &e), SU_OK);
    get_frame(fd, got, sizeof got);
    assert_non_null(strstr(got, "\"method\":\"accountNotification\""));
    assert_non_null(strstr(got, "\"lamports\":1000000"));
    (void)su_base58_encode(sig, 64, name, sizeof name);
    (void)snprintf(ask, sizeof ask,
                   "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"signatureSubscribe\",\"params\":"
                   "[\"%s\"]}",
                   name);
    put_frame(fd, 0x81, ask);
    get_frame(fd, got, sizeof got);
    get_frame(fd, got, sizeof got); /* it has landed: at once */
    assert_non_null(strstr(got, "\"method\":\"signatureNotification\""));
    assert_non_null(strstr(got, "\"value\":{\"err\":null}"));
    for (unsigned i = 0; i < RPC_SUBSCRIPTIONS_MAX; i++) {
        put_frame(fd, 0x81, "{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"slotSubscribe\"}");
        get_frame(fd, got, sizeof got);
    }
    assert_non_null(strstr(got, "at most 64 subscriptions"));
    close(fd);
}

static void test_hostile_frames(void **state)
{
    static const struct {
        const char *bytes;
        size_t n;
    } rows[] = {
        {"\x81\x02hi", 4}, /* not masked */
        {"\xC1\x82\0\0\0\0hi", 8}, /* reserved bit */
        {"\x83\x82\0\0\0\0hi", 8}, /* unknown opcode */
        {"\x82\x82\0\0\0\0hi", 8}, /* binary */
        {"\x80\x82\0\0\0\0hi", 8}, /* continues nothing */
        {"\x09\x80\0\0\0\0", 6}, /* control frame in pieces */
        {"\x89\xFE\x00\x7E", 4}, /* control frame of 126 bytes... */
        {"\x81\xFF\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF\0\0\0\0", 14}, /* 2^63 bytes */
        {"\x01\x81\0\0\0\0a\x81\x81\0\0\0\0b", 14}, /* a message within a message */
    };

    (void)state;
    for (size_t i = 0; i < SU_ARRAY_LEN(rows); i++) {
        int fd = dial();
        shake(fd);
        put(fd, rows[i].bytes, rows[i].n);
        if (rows[i].n == 4 && rows[i].bytes[0] == '\x89') { /* ...with its mask and bytes */
            char rest[130] = {0};
            put(fd, rest, sizeof rest);
        }
        assert_true(closed(fd));
        close(fd);
    }
}

static void test_hostile_handshakes(void **state)
{
    static const char *const rows[] = {
        "GET / HTTP/1.1\r\n\r\n",
        "POST / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n",
        "GET / HTTP/1.1\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 8\r\nSec-WebSocket-Key: "
        "dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        "GET / HTTP/1.1\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "
        "short\r\n\r\n",
    };
    char got[64] = "";

    (void)state;
    for (size_t i = 0; i < SU_ARRAY_LEN(rows); i++) {
        int fd = dial();
        put(fd, rows[i], strlen(rows[i]));
        get(fd, got, 12);
        assert_memory_equal(got, "HTTP/1.1 400", 12);
        assert_true(closed(fd));
        close(fd);
    }
    int fd = dial();
    for (unsigned i = 0; i < 300; i++)
        if (send(fd, "GET / HTTP/1.1 and no end of the line", 37, MSG_NOSIGNAL) < 0)
            break;
    assert_true(closed(fd));
    close(fd);
}

/* ---- several threads ------------------------------------------------------------------------- */

static atomic_bool writing;

/* A transfer of no lamports whose payer does not exist; each simulation looks into the tables of
   what has landed. */
static void *read_on(void *ctx)
{
    static const char body[] =
        "[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"simulateTransaction\",\"params\":[\""
        "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
        "AAABAAECAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
        "AAAAAAAAAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gAQEBAAA=\",{\"encoding\":\"base64\","
        "\"replaceRecentBlockhash\":true}]},"
        "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"getProgramAccounts\",\"params\":"
        "[\"11111111111111111111111111111111\",{\"encoding\":\"base64\"}]}]";
    struct su_buf out;
    size_t *rounds = ctx;

    su_buf_init(&out, 0);
    for (; writing || *rounds == 0; ++*rounds) {
        su_buf_clear(&out);
        su_ledger_rpc_answer(ledger, body, sizeof body - 1, &out);
        SU_ASSERT(memmem(out.data, out.len, "unitsConsumed", 13) != NULL);
    }
    su_buf_fini(&out);
    return NULL;
}

static void test_readers(void **state)
{
    size_t rounds[2] = {0};
    pthread_t reader[2];
    uint8_t key[32] = {3};
    struct su_err e = {0};

    (void)state;
    writing = true;
    for (size_t i = 0; i < SU_ARRAY_LEN(reader); i++)
        assert_int_equal(pthread_create(&reader[i], NULL, read_on, &rounds[i]), 0);
    enum su_code rc = SU_OK;
    for (uint32_t i = 0; i < 800 && rc == SU_OK; i++) {
        su_put_le32(key + 1, i);
        rc = su_ledger_airdrop(ledger, key, 1000000, NULL, &e);
    }
    writing = false;
    for (size_t i = 0; i < SU_ARRAY_LEN(reader); i++)
        (void)pthread_join(reader[i], NULL);
    if (rc != SU_OK)
        fail_msg("%s", e.msg);
    assert_true(rounds[0] > 0 && rounds[1] > 0);
}

static void test_sha1(void **state)
{
    static const struct {
        const char *text;
        const char *hex;
    } rows[] = {
        /* RFC 3174 §7.3, and the empty string */
        {"abc", "a9993e364706816aba3e25717850c26c9cd0d89d"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "84983e441c3bd26ebaae4aa1f95129e5e54670f1"},
        {"0123456701234567012345670123456701234567012345670123456701234567"
         "0123456701234567012345670123456701234567012345670123456701234567",
         NULL},
        {"", "da39a3ee5e6b4b0d3255bfef95601890afd80709"},
    };
    uint8_t digest[20];
    char hex[48], a[640];

    (void)state;
    for (size_t i = 0; i < SU_ARRAY_LEN(rows); i++) {
        rpc_sha1(rows[i].text, strlen(rows[i].text), digest);
        (void)su_hex_encode(digest, sizeof digest, hex, sizeof hex);
        if (rows[i].hex != NULL)
            assert_string_equal(hex, rows[i].hex);
    }
    for (size_t i = 0; i < sizeof a; i++) /* RFC 3174: ten times those 64 digits */
        a[i] = (char)('0' + i % 8);
    rpc_sha1(a, sizeof a, digest);
    (void)su_hex_encode(digest, sizeof digest, hex, sizeof hex);
    assert_string_equal(hex, "dea356a2cddd90c7a7ecedc5ebb563934f460452");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_http),           cmocka_unit_test(test_start_errors),
        cmocka_unit_test(test_frames),         cmocka_unit_test(test_notices),
        cmocka_unit_test(test_hostile_frames), cmocka_unit_test(test_hostile_handshakes),
        cmocka_unit_test(test_readers),        cmocka_unit_test(test_sha1),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
