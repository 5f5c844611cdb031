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
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct fixture {
    char dir[200], file[240];
    const char *etag;
    struct su_http_server *server;
};

static void handle(void *ctx, const struct su_http_call *c, struct su_http_answer *a)
{
    struct fixture *f = ctx;

    if (strcmp(c->path, "/file") == 0) {
        su_http_answer_text(a, 500, "to be replaced");
        su_http_answer_file(a, c, f->file, f->etag, "text/x-file");
    } else if (strcmp(c->path, "/gone") == 0) {
        su_http_answer_file(a, c, "/nonexistent/file", NULL, NULL);
    } else if (strcmp(c->path, "/folder") == 0) {
        su_http_answer_file(a, c, f->dir, NULL, NULL);
    } else if (strcmp(c->path, "/path a%00b") == 0) {
        for (int i = 0; i < 20; i++) { /* more than fit are dropped */
            su_http_answer_header(a, "X-Many", "1");
        }
        su_http_answer_text(a, 200, "decoded");
    }
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    const char *base = getenv("TMPDIR");
    const struct su_http_server_opts o = {.handler = handle, .ctx = f};
    struct su_err e;

    snprintf(f->dir, sizeof f->dir, "%s/su-http-XXXXXX", base != NULL ? base : "/tmp");
    if (mkdtemp(f->dir) == NULL) {
        return 1;
    }
    snprintf(f->file, sizeof f->file, "%s/data", f->dir);
    f->etag = "v1";
    *state = f;
    return su_file_write(f->file, "0123456789", 10, 0600, &e) != SU_OK ||
           su_http_server_start(&o, &f->server, &e) != SU_OK;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    su_http_server_stop(f->server);
    su_http_server_stop(NULL);
    unlink(f->file);
    rmdir(f->dir);
    free(f);
    return 0;
}

/* Sends raw bytes and returns the whole answer, NUL-terminated, to be freed. */
static char *talk(uint16_t port, const char *request)
{
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    char *out = calloc(1, 65536);
    size_t n = 0;

    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL), (ssize_t)strlen(request));
    for (;;) {
        ssize_t k = recv(fd, out + n, 65535 - n, 0);

        if (k <= 0) {
            break;
        }
        n += (size_t)k;
    }
    close(fd);
    return out;
}

static void expect(struct fixture *f, const char *method, const char *path, const char *headers,
                   const char *status, const char *header, const char *body)
{
    char request[500], line[40];

    snprintf(request, sizeof request, "%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%s\r\n",
             method, path, headers);
    char *answer = talk(su_http_server_port(f->server), request);
    snprintf(line, sizeof line, "HTTP/1.1 %s ", status);
    char *split = strstr(answer, "\r\n\r\n");
    if (!su_str_starts(answer, line) || split == NULL || strcmp(split + 4, body) != 0 ||
        (header != NULL && strcasestr(answer, header) == NULL)) {
        fail_msg("%s %s %s gave:\n%s", method, path, headers, answer);
    }
    free(answer);
}

static void test_ranges(void **state)
{
    struct fixture *f = *state;

    expect(f, "GET", "/file", "", "200", "Accept-Ranges: bytes", "0123456789");
    expect(f, "GET", "/file", "", "200", "Content-Type: text/x-file", "0123456789");
    expect(f, "GET", "/file", "Range: bytes=2-4\r\n", "206", "Content-Range: bytes 2-4/10", "234");
    expect(f, "GET", "/file", "Range: bytes=7-\r\n", "206", "Content-Range: bytes 7-9/10", "789");
    expect(f, "GET", "/file", "Range: bytes=7-99\r\n", "206", "bytes 7-9/10", "789");
    expect(f, "GET", "/file", "Range: bytes=-3\r\n", "206", "bytes 7-9/10", "789");
    expect(f, "GET", "/file", "Range: bytes=-30\r\n", "206", "bytes 0-9/10", "0123456789");
    expect(f, "GET", "/file", "Range: bytes=0-0\r\n", "206", "bytes 0-0/10", "0");
    expect(f, "GET", "/file", "Range: bytes=10-\r\n", "416", "Content-Range: bytes */10",
           "range not satisfiable\n");
    expect(f, "GET", "/file", "Range: bytes=-0\r\n", "416", NULL, "range not satisfiable\n");
    static const char *const ignored[] = {
        "bytes=1-2,4-5", "bytes=5-2", "bytes=",     "bytes=-",
        "lines=1-2",     "bytes=x-2", "bytes=1-2x", "bytes=99999999999999999999-"};
    for (size_t i = 0; i < SU_ARRAY_LEN(ignored); i++) {
        char header[100];

        snprintf(header, sizeof header, "Range: %s\r\n", ignored[i]);
        expect(f, "GET", "/file", header, "200", NULL, "0123456789");
    }
}

static void test_validators(void **state)
{
    struct fixture *f = *state;

    expect(f, "GET", "/file", "", "200", "ETag: \"v1\"", "0123456789");
    expect(f, "GET", "/file", "If-None-Match: \"v1\"\r\n", "304", "ETag: \"v1\"", "");
    expect(f, "GET", "/file", "If-None-Match: \"v0\", \"v1\"\r\n", "304", NULL, "");
    expect(f, "GET", "/file", "If-None-Match: *\r\n", "304", NULL, "");
    expect(f, "GET", "/file", "If-None-Match: \"v2\"\r\n", "200", NULL, "0123456789");
    expect(f, "GET", "/file", "Range: bytes=8-\r\nIf-Range: \"v1\"\r\n", "206", NULL, "89");
    expect(f, "GET", "/file", "Range: bytes=8-\r\nIf-Range: \"v2\"\r\n", "200", NULL, "0123456789");
    f->etag = NULL;
    expect(f, "GET", "/file", "Range: bytes=8-\r\nIf-Range: \"v1\"\r\n", "200", NULL, "0123456789");
}

static void test_methods_and_failures(void **state)
{
    struct fixture *f = *state;

    expect(f, "HEAD", "/file", "", "200", "Content-Length: 10", "");
    expect(f, "HEAD", "/file", "Range: bytes=2-4\r\n", "200", "Content-Length: 10", "");
    expect(f, "DELETE", "/file", "", "405", "Allow: GET, HEAD", "only GET and HEAD\n");
    expect(f, "GET", "/gone", "", "404", NULL, "not found\n");
    expect(f, "GET", "/folder", "", "500", NULL, "cannot read\n");
    expect(f, "GET", "/other", "", "404", NULL, "not found\n");
    expect(f, "GET", "/path%20a%00b", "", "200", "X-Many: 1", "decoded");
}

static void test_start_failures(void **state)
{
    struct fixture *f = *state;
    struct su_http_server *s;
    struct su_err e = {0};
    struct su_http_server_opts o = {.handler = handle, .ctx = f, .bind = "localhost"};

    assert_int_equal(su_http_server_start(&o, &s, &e), SU_EINVAL);
    assert_null(s);
    o.bind = NULL;
    o.port = su_http_server_port(f->server);
    assert_int_equal(su_http_server_start(&o, &s, &e), SU_EBUSY);
    assert_null(s);
    o.port = 0;
    o.bind = "192.0.2.1"; /* TEST-NET: no interface has it */
    assert_int_equal(su_http_server_start(&o, &s, &e), SU_ENET);
    o.bind = "127.0.0.1";
    o.handler = NULL;
    assert_int_equal(su_http_server_start(&o, &s, &e), SU_EINVAL);
    o.handler = handle;
    o.bind = "::1";
    if (su_http_server_start(&o, &s, &e) == SU_OK) { /* where there is IPv6 */
        assert_int_not_equal(su_http_server_port(s), 0);
        su_http_server_stop(s);
    }
}

static void *fetch_many(void *arg)
{
    const char *url = arg;

    for (int i = 0; i < 20; i++) {
        struct su_http_reply r;

        if (su_http_request("GET", url, NULL, 0, NULL, 0, NULL, &r, NULL) != SU_OK) {
            return (void *)1;
        }
        bool good =
            r.status == 200 && r.body.len == 10 && memcmp(r.body.data, "0123456789", 10) == 0;
        su_http_reply_fini(&r);
        if (!good) {
            return (void *)1;
        }
    }
    return NULL;
}

static void test_many_at_once(void **state)
{
    struct fixture *f = *state;
    pthread_t t[6];
    char url[64];

    snprintf(url, sizeof url, "http://127.0.0.1:%u/file", su_http_server_port(f->server));
    for (size_t i = 0; i < SU_ARRAY_LEN(t); i++) {
        assert_int_equal(pthread_create(&t[i], NULL, fetch_many, url), 0);
    }
    for (size_t i = 0; i < SU_ARRAY_LEN(t); i++) {
        void *bad;

        pthread_join(t[i], &bad);
        assert_null(bad);
    }
}

/* A client that says nothing is hung up on, and does not keep others from being served. */
static void test_idle_client(void **state)
{
    struct fixture *f = *state;
    struct su_http_server *s;
    struct su_err e = {0};
    const struct su_http_server_opts o = {
        .handler = handle, .ctx = f, .idle_ms = 1000, .threads = 1};

    assert_int_equal(su_http_server_start(&o, &s, &e), SU_OK);
    uint64_t start = su_clock_mono_ns();
    char *answer = talk(su_http_server_port(s), "GET /file HTT");
    uint64_t ms = (su_clock_mono_ns() - start) / 1000000;
    assert_in_range(ms, 300, 60000);
    free(answer);
    su_http_server_stop(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_ranges, setup, teardown),
        cmocka_unit_test_setup_teardown(test_validators, setup, teardown),
        cmocka_unit_test_setup_teardown(test_methods_and_failures, setup, teardown),
        cmocka_unit_test_setup_teardown(test_start_failures, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_idle_client, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
