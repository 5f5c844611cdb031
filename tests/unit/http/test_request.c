// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http/http.h"
#include "support/alloc.h"
#include "support/rawhttp.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct su_http_opts quick = {
    .connect_ms = 10000, .stall_ms = 30000, .deadline_ms = 60000, .retries = 2, .backoff_ms = 10};

struct echo {
    atomic_uint hits;
    unsigned failures; /* answer 503 so many times first */
};

static void echo(void *ctx, const struct su_http_call *c, struct su_http_answer *a)
{
    struct echo *s = ctx;
    unsigned n = atomic_fetch_add(&s->hits, 1);
    const char *h = su_http_call_header(c, "x-test");
    const char *q = su_http_call_query(c, "q");
    char text[400];
    int to = 0;

    if (n < s->failures) {
        su_http_answer_text(a, 503, "later");
    } else if (strcmp(c->path, "/echo") == 0) {
        snprintf(text, sizeof text, "%s|%s|%s|%s|%.*s", c->method, c->peer, h != NULL ? h : "-",
                 q != NULL ? q : "-", (int)c->body_len, (const char *)c->body);
        su_http_answer_bytes(a, 201, "text/x-echo", text, strlen(text));
        su_http_answer_header(a, "ETag", "\"abc\"");
    } else if (sscanf(c->path, "/hop/%d", &to) == 1) {
        snprintf(text, sizeof text, to > 1 ? "/hop/%d" : "/echo", to - 1);
        su_http_answer_text(a, 302, "");
        su_http_answer_header(a, "Location", text);
    } else if (strcmp(c->path, "/to-file") == 0) {
        su_http_answer_text(a, 302, "");
        su_http_answer_header(a, "Location", "file:///etc/passwd");
    } else if (strcmp(c->path, "/big") == 0) {
        char *big = calloc(1, 100000);

        su_http_answer_bytes(a, 200, "application/octet-stream", big, 100000);
        free(big);
    }
}

static struct su_http_server *start(struct echo *s, char *base, size_t cap)
{
    struct su_http_server *server;
    struct su_err e = {0};
    const struct su_http_server_opts o = {
        .handler = echo, .ctx = s, .body_max_bytes = 1000, .threads = 2};

    if (su_http_server_start(&o, &server, &e) != SU_OK) {
        fail_msg("%s", e.msg);
    }
    snprintf(base, cap, "http://127.0.0.1:%u", su_http_server_port(server));
    return server;
}

static enum su_code call(const char *method, const char *base, const char *path, const char *body,
                         const struct su_http_opts *o, struct su_http_reply *r, struct su_err *e)
{
    char url[600];

    snprintf(url, sizeof url, "%s%s", base, path);
    return su_http_request(method, url, NULL, 0, body, body != NULL ? strlen(body) : 0, o, r, e);
}

static void test_round_trip(void **state)
{
    struct echo s = {0};
    char base[64], url[128];
    struct su_http_server *server = start(&s, base, sizeof base);
    struct su_http_reply r;
    struct su_err e = {0};
    const struct su_http_header headers[] = {{"X-Test", "seen"}};

    (void)state;
    snprintf(url, sizeof url, "%s/echo?q=a%%20b", base);
    assert_int_equal(su_http_request("POST", url, headers, 1, "hello", 5, &quick, &r, &e), SU_OK);
    assert_int_equal(r.status, 201);
    assert_string_equal((const char *)r.body.data, "POST|127.0.0.1|seen|a b|hello");
    assert_string_equal(r.content_type, "text/x-echo");
    assert_string_equal(r.etag, "\"abc\"");
    su_http_reply_fini(&r);
    assert_int_equal(r.body.len, 0);

    assert_int_equal(call("GET", base, "/echo", NULL, NULL, &r, &e), SU_OK);
    assert_string_equal((const char *)r.body.data, "GET|127.0.0.1|-|-|");
    su_http_reply_fini(&r);
    assert_int_equal(call("PUT", base, "/echo", "x", &quick, &r, &e), SU_OK);
    assert_string_equal((const char *)r.body.data, "PUT|127.0.0.1|-|-|x");
    su_http_reply_fini(&r);
    assert_int_equal(call("DELETE", base, "/echo", NULL, &quick, &r, &e), SU_OK);
    assert_int_equal(r.status, 201);
    su_http_reply_fini(&r);
    assert_int_equal(call("HEAD", base, "/big", NULL, &quick, &r, &e), SU_OK);
    assert_int_equal(r.status, 200);
    assert_int_equal(r.body.len, 0);
    su_http_reply_fini(&r);
    assert_int_equal(call("GET", base, "/nothing", NULL, &quick, &r, &e), SU_OK);
    assert_int_equal(r.status, 404);
    su_http_reply_fini(&r);
    su_http_server_stop(server);
}

static void test_bad_arguments(void **state)
{
    static const char *const urls[] = {"",
                                       "nonsense",
                                       "/path",
                                       "ftp://127.0.0.1/x",
                                       "file:///etc/passwd",
                                       "http://",
                                       "http://user:secret@127.0.0.1/",
                                       "gopher://127.0.0.1/"};
    static const char *const methods[] = {"", "get", "GET /x", "G\r\nT", "ABCDEFGHIJKLMNOPQRST"};
    const struct su_http_header split[] = {{"X", "a\r\nEvil: 1"}}, name[] = {{"A B", "x"}};
    struct su_http_reply r;
    struct su_err e = {0};
    char *longest = malloc(5001);

    (void)state;
    for (size_t i = 0; i < SU_ARRAY_LEN(urls); i++) {
        assert_int_equal(call("GET", urls[i], "", NULL, &quick, &r, &e), SU_EINVAL);
        assert_null(strstr(e.msg, "secret"));
    }
    for (size_t i = 0; i < SU_ARRAY_LEN(methods); i++) {
        assert_int_equal(call(methods[i], "http://127.0.0.1:1", "/", NULL, &quick, &r, &e),
                         SU_EINVAL);
    }
    assert_int_equal(
        su_http_request("GET", "http://127.0.0.1:1/", split, 1, NULL, 0, &quick, &r, &e),
        SU_EINVAL);
    assert_int_equal(
        su_http_request("GET", "http://127.0.0.1:1/", name, 1, NULL, 0, &quick, &r, &e), SU_EINVAL);
    memset(longest, 'a', 5000);
    memcpy(longest, "http://h/", 9);
    longest[5000] = 0;
    assert_int_equal(su_http_request("GET", longest, NULL, 0, NULL, 0, &quick, &r, &e), SU_EINVAL);
    free(longest);
}

static void test_limits(void **state)
{
    struct echo s = {0};
    char base[64], body[2001];
    struct su_http_server *server = start(&s, base, sizeof base);
    struct su_http_opts o = quick;
    struct su_http_reply r;
    struct su_err e = {0};

    (void)state;
    o.max_bytes = 99999;
    assert_int_equal(call("GET", base, "/big", NULL, &o, &r, &e), SU_ELIMIT);
    assert_non_null(strstr(e.msg, "99999"));
    assert_null(r.body.data);
    o.max_bytes = 100000;
    assert_int_equal(call("GET", base, "/big", NULL, &o, &r, &e), SU_OK);
    assert_int_equal(r.body.len, 100000);
    su_http_reply_fini(&r);
    memset(body, 'x', 2000);
    body[2000] = 0;
    assert_int_equal(call("POST", base, "/echo", body, &quick, &r, &e), SU_OK);
    assert_int_equal(r.status, 413);
    su_http_reply_fini(&r);
    /* The same without an announced length. */
    char url[128];
    const struct su_http_header chunked[] = {{"Transfer-Encoding", "chunked"}};
    snprintf(url, sizeof url, "%s/echo", base);
    assert_int_equal(su_http_request("POST", url, chunked, 1, body, 2000, &quick, &r, &e), SU_OK);
    assert_int_equal(r.status, 413);
    su_http_reply_fini(&r);
    assert_int_equal(atomic_load(&s.hits), 2); /* the handler saw neither */
    su_http_server_stop(server);
}

static void test_retries(void **state)
{
    struct echo s = {.failures = 2};
    char base[64];
    struct su_http_server *server = start(&s, base, sizeof base);
    struct su_http_opts o = quick;
    struct su_http_reply r;
    struct su_err e = {0};

    (void)state;
    assert_int_equal(call("GET", base, "/echo", NULL, &o, &r, &e), SU_OK);
    assert_int_equal(r.status, 201);
    assert_int_equal(atomic_load(&s.hits), 3);
    su_http_reply_fini(&r);

    s.failures = 1000;
    atomic_store(&s.hits, 0);
    assert_int_equal(call("GET", base, "/echo", NULL, &o, &r, &e), SU_OK);
    assert_int_equal(r.status, 503); /* a lasting answer is an answer */
    assert_int_equal(atomic_load(&s.hits), 3);
    su_http_reply_fini(&r);

    atomic_store(&s.hits, 0);
    assert_int_equal(call("POST", base, "/echo", "once", &o, &r, &e), SU_OK);
    assert_int_equal(atomic_load(&s.hits), 1); /* a POST is never sent twice */
    su_http_reply_fini(&r);

    atomic_store(&s.hits, 0);
    o.retries = UINT32_MAX;
    assert_int_equal(call("GET", base, "/echo", NULL, &o, &r, &e), SU_OK);
    assert_int_equal(atomic_load(&s.hits), 1);
    su_http_reply_fini(&r);
    su_http_server_stop(server);

    /* Nobody listens there any more. */
    assert_int_equal(call("GET", base, "/echo", NULL, &quick, &r, &e), SU_ENET);
    assert_non_null(strstr(e.msg, "127.0.0.1"));
    assert_int_equal(call("GET", "http://no-such-host.invalid", "/", NULL, &o, &r, &e), SU_ENET);
}

static void test_redirects(void **state)
{
    struct echo s = {0};
    char base[64];
    struct su_http_server *server = start(&s, base, sizeof base);
    struct su_http_reply r;
    struct su_err e = {0};

    (void)state;
    assert_int_equal(call("GET", base, "/hop/5", NULL, &quick, &r, &e), SU_OK);
    assert_int_equal(r.status, 201);
    assert_int_equal(atomic_load(&s.hits), 6);
    su_http_reply_fini(&r);
    assert_int_equal(call("GET", base, "/hop/6", NULL, &quick, &r, &e), SU_ENET);
    assert_int_equal(call("GET", base, "/to-file", NULL, &quick, &r, &e), SU_ENET);
    assert_non_null(strstr(e.msg, "forbidden"));
    assert_int_equal(call("POST", base, "/hop/1", "x", &quick, &r, &e), SU_OK);
    assert_int_equal(r.status, 302); /* not followed */
    su_http_reply_fini(&r);
    su_http_server_stop(server);
}

static void silent(void *ctx, int fd, const char *request, unsigned n)
{
    (void)ctx;
    (void)request;
    (void)n;
    raw_pause(fd, 60000);
}

static void test_deadline_and_stall(void **state)
{
    struct raw_server *raw = raw_server_start(silent, NULL);
    char base[64];
    struct su_http_opts o = quick;
    struct su_http_reply r;
    struct su_err e = {0};
    uint64_t start = su_clock_mono_ns();

    (void)state;
    snprintf(base, sizeof base, "http://127.0.0.1:%u", raw_server_port(raw));
    o.deadline_ms = 250;
    assert_int_equal(call("GET", base, "/", NULL, &o, &r, &e), SU_ETIMEOUT);
    assert_non_null(strstr(e.msg, "deadline"));
    o = quick;
    o.stall_ms = 100;
    o.retries = 1;
    assert_int_equal(call("GET", base, "/", NULL, &o, &r, &e), SU_ETIMEOUT);
    assert_non_null(strstr(e.msg, "100 ms"));
    assert_true(su_clock_mono_ns() - start < 30000 * UINT64_C(1000000));
    for (unsigned i = 0; i < 6000 && raw_server_hits(raw) < 3; i++)
        (void)usleep(10000); /* it hears of the last one when it gets to it */
    assert_int_equal(raw_server_hits(raw), 3);
    raw_server_stop(raw);
}

struct count {
    unsigned calls, progress;
};

static bool cancel_at_third(void *ctx)
{
    return ++((struct count *)ctx)->calls >= 3;
}

static void on_progress(void *ctx, const struct su_progress *p)
{
    (void)p;
    ((struct count *)ctx)->progress++;
}

static void test_cancel(void **state)
{
    struct raw_server *raw = raw_server_start(silent, NULL);
    char base[64];
    struct count count = {0};
    struct su_http_opts o = quick;
    struct su_http_reply r;
    struct su_err e = {0};

    (void)state;
    o.cancelled = cancel_at_third;
    o.progress = on_progress;
    o.ctx = &count;
    snprintf(base, sizeof base, "http://127.0.0.1:%u", raw_server_port(raw));
    assert_int_equal(call("GET", base, "/", NULL, &o, &r, &e), SU_ECANCELLED);
    assert_int_equal(count.calls, 3);
    assert_int_equal(count.progress, 3);
    raw_server_stop(raw);
}

static void garbage(void *ctx, int fd, const char *request, unsigned n)
{
    static const char *const answer[] = {
        "\x01\x02\x03 what is this\r\n\r\n",
        "HTTP/1.1 abc def\r\n\r\n",
        "",
        "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    };

    (void)request;
    (void)ctx;
    raw_send_text(fd, answer[n % SU_ARRAY_LEN(answer)]);
}

static void test_garbage(void **state)
{
    struct raw_server *raw = raw_server_start(garbage, NULL);
    char base[64], url[64];
    struct su_http_opts o = quick;
    struct su_http_reply r;
    struct su_err e = {0};

    (void)state;
    o.retries = UINT32_MAX;
    snprintf(base, sizeof base, "http://127.0.0.1:%u", raw_server_port(raw));
    assert_int_equal(call("GET", base, "/0", NULL, &o, &r, &e), SU_EFORMAT);
    for (int i = 1; i < 6; i++) {
        enum su_code c;

        snprintf(url, sizeof url, "/%d", i);
        c = call("GET", base, url, NULL, &o, &r, &e);
        if (c != SU_EFORMAT && c != SU_ENET && c != SU_ETRUNC && c != SU_ELIMIT) {
            fail_msg("garbage %d: %s", i, su_code_name(c));
        }
        assert_null(r.body.data);
    }
    raw_server_stop(raw);
}

static void test_no_tls_there(void **state)
{
    struct echo s = {0};
    char base[64], url[64];
    struct su_http_server *server = start(&s, base, sizeof base);
    struct su_http_reply r;
    struct su_err e = {0};

    (void)state;
    snprintf(url, sizeof url, "https://127.0.0.1:%u/echo", su_http_server_port(server));
    assert_int_equal(call("GET", url, "", NULL, &quick, &r, &e), SU_ENET);
    assert_int_equal(atomic_load(&s.hits), 0);
    su_http_server_stop(server);
}

/* Loopback never goes through a proxy, whatever the environment says. */
static void test_no_proxy_for_loopback(void **state)
{
    struct echo s = {0};
    char base[64];
    struct su_http_server *server = start(&s, base, sizeof base);
    struct su_http_reply r;
    struct su_err e = {0};

    (void)state;
    setenv("http_proxy", "http://127.0.0.1:1", 1);
    assert_int_equal(call("GET", base, "/echo", NULL, &quick, &r, &e), SU_OK);
    su_http_reply_fini(&r);
    unsetenv("http_proxy");
    su_http_server_stop(server);
}

static void test_short_of_memory(void **state)
{
    struct echo s = {0};
    char base[64];
    struct su_http_server *server = start(&s, base, sizeof base);
    struct su_http_reply r;
    struct su_err e = {0};

    (void)state;
    su_alloc_fail(60000, 99999); /* on a growing buffer's way to the 100 000 bytes of the answer */
    enum su_code c = call("GET", base, "/big", NULL, &quick, &r, &e);
    su_alloc_fail_none();
    su_http_server_stop(server);
    if (!su_alloc_watched()) {
        su_http_reply_fini(&r);
        print_message("SKIPPED: sanitizers replace malloc; the plain build runs this\n");
        skip();
    }
    assert_int_equal(c, SU_ENOMEM);
    assert_null(r.body.data);
}

/* A server with a certificate that nobody vouches for, made and run in the folder by openssl where there
   is one. Its port, 0: there is none. */
static unsigned untrusted_server(const char *dir)
{
    char command[900];
    unsigned port = 0;

    snprintf(command, sizeof command,
             "cd %s && openssl req -x509 -newkey rsa:2048 -nodes -keyout k -out c -days 2 -subj "
             "/CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1 >/dev/null 2>&1 && "
             "{ timeout 120 openssl s_server -accept 127.0.0.1:0 -key k -cert c -www "
             "</dev/null >out 2>/dev/null & echo $! >pid; } && for i in $(seq 600); do "
             "sed -n 's/^ACCEPT .*://p' out >port; [ ! -s port ] || break; sleep 0.1; done",
             dir);
    int made = system(command);
    snprintf(command, sizeof command, "%s/port", dir);
    FILE *f = made == 0 ? fopen(command, "r") : NULL;
    if (f != NULL) {
        if (fscanf(f, "%u", &port) != 1)
            port = 0;
        fclose(f);
    }
    return port;
}

static void test_certificate_is_checked(void **state)
{
    char dir[200], command[900], url[64];
    const char *base = getenv("TMPDIR");
    struct su_http_reply r;
    struct su_err e = {0};

    (void)state;
    snprintf(dir, sizeof dir, "%s/su-tls-XXXXXX", base != NULL ? base : "/tmp");
    assert_non_null(mkdtemp(dir));
    unsigned port = untrusted_server(dir);
    snprintf(url, sizeof url, "https://127.0.0.1:%u/", port);
    enum su_code c = port != 0 ? call("GET", url, "", NULL, &quick, &r, &e) : SU_OK;
    snprintf(command, sizeof command, "cd %s && kill $(cat pid) 2>/dev/null; rm -rf %s", dir, dir);
    int cleaned = system(command);
    if (port == 0) {
        print_message("SKIPPED: no openssl program to be a server with a bad certificate\n");
        skip();
    }
    assert_int_equal(cleaned, 0);
    assert_int_equal(c, SU_ENET);
    assert_non_null(strcasestr(e.msg, "certificate"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),      cmocka_unit_test(test_bad_arguments),
        cmocka_unit_test(test_limits),          cmocka_unit_test(test_retries),
        cmocka_unit_test(test_redirects),       cmocka_unit_test(test_deadline_and_stall),
        cmocka_unit_test(test_cancel),          cmocka_unit_test(test_garbage),
        cmocka_unit_test(test_no_tls_there),    cmocka_unit_test(test_certificate_is_checked),
        cmocka_unit_test(test_short_of_memory), cmocka_unit_test(test_no_proxy_for_loopback),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
