// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http/http.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: a/b\r\n\r\nok"

enum { TEXT = 65536 };

/* Takes requests one after the other and answers each with the same bytes, `each` times per connection. */
struct server {
    int listener, each;
    const char *answer; /* NULL: none, the connection is closed */
    atomic_bool held; /* reads no further than into a head while it is */
    int bad_at; /* number of the request that gets `part` of an answer, and then a reset, or else an end */
    const char *part;
    const char *unasked; /* sent behind each answer once it is let go */
    atomic_bool go;
    uint16_t port;
    char url[64];
    atomic_int connections, requests;
    atomic_size_t body; /* bytes of the last */
    char *text; /* TEXT bytes */
    pthread_t thread;
};

static bool take_request(struct server *s, int fd)
{
    char *text = s->text;
    size_t n = 0, body = 0;
    const char *end = NULL;

    while (end == NULL && n < TEXT - 1) {
        ssize_t k = recv(fd, text + n, TEXT - 1 - n, 0);
        if (k <= 0)
            return false;
        while (atomic_load(&s->held))
            (void)usleep(5000);
        n += (size_t)k;
        text[n] = 0;
        end = strstr(text, "\r\n\r\n");
    }
    const char *length = end != NULL ? strstr(text, "Content-Length: ") : NULL;
    if (length == NULL || strncmp(text, "POST /p HTTP/1.1\r\nHost: ", 24) != 0)
        return false;
    size_t want = strtoul(length + 16, NULL, 10);
    for (body = n - (size_t)(end + 4 - text); body < want;) {
        ssize_t k = recv(fd, text, TEXT, 0);
        if (k <= 0)
            return false;
        body += (size_t)k;
    }
    atomic_store(&s->body, body);
    atomic_fetch_add(&s->requests, 1);
    return true;
}

static bool send_text(int fd, const char *text)
{
    return send(fd, text, strlen(text), MSG_NOSIGNAL) == (ssize_t)strlen(text);
}

/* False: that was the last on this connection. */
static bool answer(struct server *s, int fd)
{
    const struct linger reset = {.l_onoff = 1};

    if (atomic_load(&s->requests) == s->bad_at) {
        if (s->part != NULL && send_text(fd, s->part))
            (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        return false;
    }
    bool sent = send_text(fd, s->answer);
    while (s->unasked != NULL && !atomic_load(&s->go))
        (void)usleep(5000);
    return sent && (s->unasked == NULL || send_text(fd, s->unasked));
}

static void *serve(void *arg)
{
    struct server *s = arg;

    for (;;) {
        int fd = accept(s->listener, NULL, NULL);
        if (fd < 0)
            return NULL;
        atomic_fetch_add(&s->connections, 1);
        for (int i = 0; i < s->each && take_request(s, fd) && s->answer != NULL; i++)
            if (!answer(s, fd))
                break;
        close(fd);
    }
}

static void start(struct server *s, int each, const char *answer)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;

    s->text = su_alloc(TEXT);
    s->each = each;
    s->answer = answer;
    s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(s->listener, (struct sockaddr *)&a, n), 0);
    assert_int_equal(listen(s->listener, 8), 0);
    assert_int_equal(getsockname(s->listener, (struct sockaddr *)&a, &n), 0);
    s->port = ntohs(a.sin_port);
    snprintf(s->url, sizeof s->url, "http://127.0.0.1:%u/p", s->port);
    assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void stop(struct server *s)
{
    (void)shutdown(s->listener, SHUT_RDWR);
    assert_int_equal(pthread_join(s->thread, NULL), 0);
    close(s->listener);
    free(s->text);
}

static enum su_code post(struct su_http_line *l, const char *url, const struct su_http_opts *o,
                         int *status)
{
    const struct su_http_header h[] = {{"X-A", "1"}};
    struct su_http_reply reply;

    enum su_code c = su_http_line_post(l, url, h, 1, "body", 4, o, &reply, NULL);
    *status = reply.status;
    su_http_reply_fini(&reply);
    return c;
}

static int setup(void **state)
{
    struct su_http_line *l;

    assert_int_equal(su_http_line_new(&l, NULL), SU_OK);
    assert_int_equal(su_http_line_fd(l), -1);
    *state = l;
    return 0;
}

static int teardown(void **state)
{
    su_http_line_free(*state);
    su_http_line_free(NULL);
    return 0;
}

static void one_connection_serves_many(void **state)
{
    struct su_http_line *l = *state;
    struct server s = {0};
    struct su_http_reply r;

    start(&s, 100, OK);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(su_http_line_post(l, s.url, NULL, 0, "x", 1, NULL, &r, NULL), SU_OK);
        assert_int_equal(r.status, 200);
        assert_string_equal(r.content_type, "a/b");
        assert_int_equal(r.body.len, 2);
        assert_memory_equal(r.body.data, "ok", 2);
        su_http_reply_fini(&r);
    }
    assert_int_equal(atomic_load(&s.connections), 1);
    assert_true(su_http_line_fd(l) >= 0);
    su_http_line_close(l);
    assert_int_equal(su_http_line_fd(l), -1);
    stop(&s);
}

static void a_closed_one_is_replaced(void **state)
{
    struct server s = {0};
    int status;

    start(&s, 2, OK);
    for (int i = 0; i < 7; i++) {
        assert_int_equal(post(*state, s.url, NULL, &status), SU_OK);
        assert_int_equal(status, 200);
    }
    assert_int_equal(atomic_load(&s.requests), 7);
    assert_int_equal(atomic_load(&s.connections), 4);
    su_http_line_close(*state);
    stop(&s);
}

/* A connection that was kept and ends without a word: the request is said again over another. One that
   ends in the middle of an answer has taken it, and is not told twice. */
static void unheard_requests_are_repeated(void **state)
{
    struct server s = {.bad_at = 2};
    int status;

    start(&s, 100, OK);
    assert_int_equal(post(*state, s.url, NULL, &status), SU_OK);
    assert_int_equal(post(*state, s.url, NULL, &status), SU_OK);
    assert_int_equal(status, 200);
    assert_int_equal(atomic_load(&s.requests), 3);
    assert_int_equal(atomic_load(&s.connections), 2);
    su_http_line_close(*state);
    stop(&s);

    struct server t = {.bad_at = 2, .part = "HTTP/1.1 200 OK\r\nContent-"};
    start(&t, 100, OK);
    assert_int_equal(post(*state, t.url, NULL, &status), SU_OK);
    assert_int_equal(post(*state, t.url, NULL, &status), SU_ENET);
    assert_int_equal(su_http_line_fd(*state), -1);
    assert_int_equal(atomic_load(&t.requests), 2);
    stop(&t);
}

/* What comes before it was asked for is no answer to what is asked next. */
static void unasked_answers_are_none(void **state)
{
    struct server s = {.unasked = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"};
    struct su_http_line *l = *state;
    struct su_http_reply r;
    int status;

    start(&s, 100, OK);
    assert_int_equal(post(l, s.url, NULL, &status), SU_OK);
    struct pollfd p = {.fd = su_http_line_fd(l), .events = POLLIN};
    atomic_store(&s.go, true);
    assert_int_equal(poll(&p, 1, 60000), 1);
    assert_int_equal(su_http_line_post(l, s.url, NULL, 0, "x", 1, NULL, &r, NULL), SU_OK);
    assert_int_equal(r.body.len, 2);
    assert_memory_equal(r.body.data, "ok", 2);
    su_http_reply_fini(&r);
    assert_int_equal(atomic_load(&s.connections), 2);
    su_http_line_close(l);
    stop(&s);
}

/* What was begun is gone on with, and said once. */
static void begun_requests_go_on(void **state)
{
    const size_t large = 24u << 20;
    struct su_http_line *l = *state;
    uint8_t *data = su_alloc(large);
    struct server s = {0}, other = {0};
    struct su_http_reply r;
    int status;

    start(&s, 100, OK);
    start(&other, 1, OK);
    assert_false(su_http_line_begin(l, s.url, NULL, 0, "x", 1)); /* opens nothing */
    assert_int_equal(post(l, s.url, NULL, &status), SU_OK);
    assert_false(su_http_line_begin(l, other.url, NULL, 0, "x", 1));
    assert_true(su_http_line_begin(l, s.url, NULL, 0, "xyz", 3));
    assert_false(su_http_line_begin(l, s.url, NULL, 0, "xyz", 3)); /* one at a time */
    assert_int_equal(su_http_line_post(l, s.url, NULL, 0, "xyz", 3, NULL, &r, NULL), SU_OK);
    su_http_reply_fini(&r);
    assert_int_equal(atomic_load(&s.body), 3);
    assert_int_equal(atomic_load(&s.requests), 2);
    atomic_store(&s.held, true);
    assert_false(su_http_line_begin(l, s.url, NULL, 0, data, large)); /* more than goes at once */
    atomic_store(&s.held, false);
    assert_int_equal(su_http_line_post(l, s.url, NULL, 0, data, large, NULL, &r, NULL), SU_OK);
    su_http_reply_fini(&r);
    assert_int_equal(atomic_load(&s.body), large);
    assert_int_equal(atomic_load(&s.requests), 3);
    assert_int_equal(atomic_load(&s.connections), 1);
    assert_int_equal(post(l, other.url, NULL, &status),
                     SU_OK); /* another server: another connection */
    while (recv(su_http_line_fd(l), &status, 1, MSG_PEEK) != 0)
        ;
    assert_false(su_http_line_begin(l, other.url, NULL, 0, "x", 1)); /* it was closed meanwhile */
    assert_int_equal(post(l, other.url, NULL, &status), SU_OK);
    su_http_line_close(l);
    stop(&other);
    stop(&s);
    free(data);
}

static void answers_of_all_kinds(void **state)
{
    static const struct {
        const char *answer;
        enum su_code code;
        int status;
        bool kept;
    } kinds[] = {
        {OK, SU_OK, 200, true},
        {"HTTP/1.1 100 Continue\r\n\r\n" OK, SU_OK, 200, true},
        {"HTTP/1.1 204 No Content\r\n\r\n", SU_OK, 204, true},
        {"HTTP/1.1 503 No\r\ncontent-length:0\r\nConnection: Keep-Alive\r\n\r\n", SU_OK, 503, true},
        {"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na", SU_OK, 200, false},
        {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\na", SU_OK, 200, false},
        {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nab", SU_OK, 200, false}, /* a surplus */
        {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", SU_EFORMAT, 0, 0},
        {"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n", SU_EFORMAT, 0, 0},
        {"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", SU_EFORMAT, 0, 0},
        {"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n", SU_ELIMIT, 0, 0},
        {"HTTP/1.1 200 OK\r\n folded\r\n\r\n", SU_EFORMAT, 0, 0},
        {"HTTP/1.1 200 OK\r\nnothing\r\n\r\n", SU_EFORMAT, 0, 0},
        {"HTTP/1.1 101 Switching\r\n\r\n", SU_EFORMAT, 0, 0},
        {"HTTP/1.1 099 Low\r\n\r\n", SU_EFORMAT, 0, 0},
        {"HTTP/2.0 200 OK\r\n\r\n", SU_EFORMAT, 0, 0},
        {"HTTP/1.1 2x0 OK\r\n\r\n", SU_EFORMAT, 0, 0},
        {"220 mail.example ESMTP\r\n\r\n", SU_EFORMAT, 0, 0},
        {"\r\n\r\n", SU_EFORMAT, 0, 0},
        {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort", SU_ETRUNC, 0, 0},
        {"HTTP/1.1 200 OK\r\nContent-Le", SU_ETRUNC, 0, 0},
        {NULL, SU_ENET, 0, 0},
        {"HTTP/1.1 200 OK\r\n\r\n", SU_EUNSUPPORTED, 0, 0},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", SU_EUNSUPPORTED, 0, 0},
    };
    const struct su_http_opts o = {.max_bytes = 10};

    for (size_t i = 0; i < SU_ARRAY_LEN(kinds); i++) {
        struct server s = {0};
        int status;
        start(&s, 1, kinds[i].answer);
        enum su_code c = post(*state, s.url, &o, &status);
        if (c != kinds[i].code || status != kinds[i].status)
            fail_msg("answer %zu: %s, %d", i, su_code_name(c), status);
        assert_int_equal(su_http_line_fd(*state) >= 0, kinds[i].kept);
        assert_int_equal(atomic_load(&s.requests), 1);
        if (c == SU_EUNSUPPORTED) { /* not asked again */
            assert_int_equal(post(*state, s.url, &o, &status), SU_EUNSUPPORTED);
            assert_int_equal(atomic_load(&s.requests), 1);
        }
        su_http_line_close(*state);
        stop(&s);
    }
}

static void heads_have_an_end(void **state)
{
    static char many[65536], long_one[65536];
    struct server s = {0};
    int status;

    memset(long_one, 'a', sizeof long_one - 1);
    memcpy(long_one, "HTTP/1.1 200 OK\r\nX: ", 20);
    start(&s, 1, long_one);
    assert_int_equal(post(*state, s.url, NULL, &status), SU_EFORMAT);
    stop(&s);
    for (size_t i = 0; i < 100; i++)
        memcpy(many + 21 * i, "HTTP/1.1 102 More\r\n\r\n", 21);
    start(&s, 1, many);
    assert_int_equal(post(*state, s.url, NULL, &status), SU_EFORMAT);
    stop(&s);
}

static bool always(void *ctx)
{
    (void)ctx;
    return true;
}

static void waiting_ends(void **state)
{
    const struct su_http_opts kinds[] = {
        {.deadline_ms = 100, .stall_ms = 60000}, {.stall_ms = 100}, {.cancelled = always}};
    static const enum su_code codes[] = {SU_ETIMEOUT, SU_ETIMEOUT, SU_ECANCELLED};
    struct server s = {0};
    int status;

    atomic_store(&s.held, true);
    start(&s, 1, OK);
    for (size_t i = 0; i < SU_ARRAY_LEN(kinds); i++) {
        uint64_t since = su_clock_mono_ns();
        assert_int_equal(post(*state, s.url, &kinds[i], &status), codes[i]);
        assert_true(su_clock_mono_ns() - since < UINT64_C(30000000000));
        assert_int_equal(su_http_line_fd(*state), -1);
    }
    atomic_store(&s.held, false);
    stop(&s);
    assert_int_equal(post(*state, s.url, NULL, &status), SU_ENET); /* nobody listens */
}

static void others_are_for_libcurl(void **state)
{
    static const char *const urls[] = {
        "https://127.0.0.1/p",    "http://localhost/p",   "http://127.0.0.1",
        "http://127.0.0.1:0/p",   "http://127.0.0.1:1x/", "http://127.0.0.1:65536/p",
        "http://[::1/p",          "http://[::1]8/p",      "http://a@127.0.0.1/p",
        "http://127.0.0.1/a b",   "http://127.0.0.1/a#b", "http:///p",
        "http://127.0.0.1/a\r\nb"};
    const struct su_http_header bad[] = {{"X", "a\r\nY: b"}};
    struct su_http_reply r;
    int status;

    for (size_t i = 0; i < SU_ARRAY_LEN(urls); i++)
        assert_int_equal(post(*state, urls[i], NULL, &status), SU_EUNSUPPORTED);
    assert_int_equal(setenv("http_proxy", "http://127.0.0.1:1", 1), 0);
    assert_int_equal(post(*state, "http://192.0.2.1/p", NULL, &status), SU_EUNSUPPORTED);
    assert_int_equal(unsetenv("http_proxy"), 0);
    assert_int_equal(
        su_http_line_post(*state, "http://127.0.0.1:9/p", bad, 1, NULL, 0, NULL, &r, NULL),
        SU_EINVAL);
}

struct seen {
    atomic_ullong last, changes;
};

static void see(void *ctx, const struct su_http_call *c, struct su_http_answer *a)
{
    struct seen *s = ctx;

    if (atomic_exchange(&s->last, c->connection) != c->connection)
        atomic_fetch_add(&s->changes, 1);
    su_http_answer_text(a, c->connection != 0 ? 200 : 500, "seen");
}

/* The server tells its connections apart. */
static void connections_have_numbers(void **state)
{
    struct seen seen = {0};
    const struct su_http_server_opts o = {.handler = see, .blocking = true, .ctx = &seen};
    struct su_http_server *server;
    char url[64];
    int status;

    assert_int_equal(su_http_server_start(&o, &server, NULL), SU_OK);
    snprintf(url, sizeof url, "http://127.0.0.1:%u/p", su_http_server_port(server));
    for (int i = 0; i < 6; i++) {
        if (i % 3 == 0)
            su_http_line_close(*state);
        assert_int_equal(post(*state, url, NULL, &status), SU_OK);
        assert_int_equal(status, 200);
    }
    assert_int_equal(atomic_load(&seen.changes), 2);
    su_http_server_stop(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_connection_serves_many, setup, teardown),
        cmocka_unit_test_setup_teardown(a_closed_one_is_replaced, setup, teardown),
        cmocka_unit_test_setup_teardown(unheard_requests_are_repeated, setup, teardown),
        cmocka_unit_test_setup_teardown(unasked_answers_are_none, setup, teardown),
        cmocka_unit_test_setup_teardown(begun_requests_go_on, setup, teardown),
        cmocka_unit_test_setup_teardown(answers_of_all_kinds, setup, teardown),
        cmocka_unit_test_setup_teardown(heads_have_an_end, setup, teardown),
        cmocka_unit_test_setup_teardown(waiting_ends, setup, teardown),
        cmocka_unit_test_setup_teardown(others_are_for_libcurl, setup, teardown),
        cmocka_unit_test_setup_teardown(connections_have_numbers, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
