// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http/http.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Answers `each` requests of a connection, then closes it; counts connections. */
struct counter {
    int listener, each;
    uint16_t port;
    atomic_int connections, requests;
    pthread_t thread;
};

static bool answer_one(struct counter *s, int fd)
{
    static const char reply[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    char text[2048];
    size_t n = 0;

    while (n < sizeof text - 1) {
        ssize_t k = recv(fd, text + n, sizeof text - 1 - n, 0);
        if (k <= 0)
            return false;
        n += (size_t)k;
        text[n] = 0;
        const char *body = strstr(text, "\r\n\r\n");
        /* Every request of this test has a body that ends so. */
        if (body != NULL && strstr(body, "end") != NULL)
            break;
    }
    atomic_fetch_add(&s->requests, 1);
    return send(fd, reply, sizeof reply - 1, MSG_NOSIGNAL) == (ssize_t)sizeof reply - 1;
}

static void *count(void *arg)
{
    struct counter *s = arg;

    for (;;) {
        int fd = accept(s->listener, NULL, NULL);
        if (fd < 0)
            return NULL;
        atomic_fetch_add(&s->connections, 1);
        for (int i = 0; i < s->each && answer_one(s, fd); i++)
            ;
        close(fd);
    }
}

static void counter_start(struct counter *s, int each)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;

    s->each = each;
    s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(s->listener, (struct sockaddr *)&a, n), 0);
    assert_int_equal(listen(s->listener, 8), 0);
    assert_int_equal(getsockname(s->listener, (struct sockaddr *)&a, &n), 0);
    s->port = ntohs(a.sin_port);
    assert_int_equal(pthread_create(&s->thread, NULL, count, s), 0);
}

static void counter_stop(struct counter *s)
{
    (void)shutdown(s->listener, SHUT_RDWR);
    assert_int_equal(pthread_join(s->thread, NULL), 0);
    close(s->listener);
}

static void ask(const struct counter *s, struct su_http_keep *keep)
{
    const struct su_http_opts o = {.keep = keep};
    struct su_http_reply reply;
    struct su_err e;
    char url[64];

    snprintf(url, sizeof url, "http://127.0.0.1:%u/", s->port);
    if (su_http_request("POST", url, NULL, 0, "the end", 7, &o, &reply, &e) != SU_OK)
        fail_msg("%s", e.msg);
    assert_int_equal(reply.status, 200);
    assert_int_equal(reply.body.len, 2);
    su_http_reply_fini(&reply);
}

static void kept_connections_are_used_again(void **state)
{
    struct counter s = {0};
    struct su_http_keep *keep;

    (void)state;
    assert_int_equal(su_http_keep_new(&keep, NULL), SU_OK);
    counter_start(&s, 100);
    for (int i = 0; i < 5; i++)
        ask(&s, keep);
    assert_int_equal(atomic_load(&s.connections), 1);
    su_http_keep_free(keep);
    for (int i = 0; i < 3; i++)
        ask(&s, NULL);
    assert_int_equal(atomic_load(&s.connections), 4);
    counter_stop(&s);
}

/* One that the other side closed meanwhile is no failure. */
static void a_closed_one_is_replaced(void **state)
{
    struct counter s = {0};
    struct su_http_keep *keep;

    (void)state;
    assert_int_equal(su_http_keep_new(&keep, NULL), SU_OK);
    counter_start(&s, 2);
    for (int i = 0; i < 7; i++)
        ask(&s, keep);
    assert_int_equal(atomic_load(&s.requests), 7);
    assert_int_equal(atomic_load(&s.connections), 4);
    su_http_keep_free(keep);
    counter_stop(&s);
}

enum { AT_ONCE = 6 };
static pthread_barrier_t g_barrier;

static void meets(void *ctx, const struct su_http_call *c, struct su_http_answer *a)
{
    (void)ctx;
    (void)c;
    (void)pthread_barrier_wait(&g_barrier); /* for all of them, or for ever */
    su_http_answer_text(a, 200, "met");
}

static void *visits(void *arg)
{
    struct su_http_reply reply;

    if (su_http_request("GET", arg, NULL, 0, NULL, 0, NULL, &reply, NULL) != SU_OK)
        return NULL;
    bool met = reply.status == 200;
    su_http_reply_fini(&reply);
    return met ? arg : NULL;
}

static void handlers_of_a_blocking_server_may_wait(void **state)
{
    const struct su_http_server_opts o = {.handler = meets, .blocking = true};
    struct su_http_server *server;
    pthread_t thread[AT_ONCE];
    char url[64];

    (void)state;
    assert_int_equal(pthread_barrier_init(&g_barrier, NULL, AT_ONCE), 0);
    assert_int_equal(su_http_server_start(&o, &server, NULL), SU_OK);
    snprintf(url, sizeof url, "http://127.0.0.1:%u/", su_http_server_port(server));
    for (int i = 0; i < AT_ONCE; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, visits, url), 0);
    for (int i = 0; i < AT_ONCE; i++) {
        void *met = NULL;
        assert_int_equal(pthread_join(thread[i], &met), 0);
        assert_non_null(met);
    }
    su_http_server_stop(server);
    assert_int_equal(pthread_barrier_destroy(&g_barrier), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kept_connections_are_used_again),
        cmocka_unit_test(a_closed_one_is_replaced),
        cmocka_unit_test(handlers_of_a_blocking_server_may_wait),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
