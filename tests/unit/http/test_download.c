// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http/http.h"
#include "support/rawhttp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SIZE = 3000000 };

static const struct su_http_opts quick = {
    .connect_ms = 2000, .stall_ms = 30000, .deadline_ms = 60000, .retries = 3, .backoff_ms = 5};

struct fixture {
    char dir[200], file[240], part[240], tag[260], url[80];
    uint8_t *data;
    const char *etag;
    struct su_http_server *server;
};

static void serve(void *ctx, const struct su_http_call *c, struct su_http_answer *a)
{
    struct fixture *f = ctx;

    if (strcmp(c->path, "/f") == 0) {
        su_http_answer_file(a, c, f->file, f->etag, NULL);
    } else if (strcmp(c->path, "/linked") == 0 || strcmp(c->path, "/tagged") == 0) {
        su_http_answer_text(a, 302, "there");
        su_http_answer_header(a, "Location", "/f");
        su_http_answer_header(a, "ETag", "\"of-the-redirect\"");
        if (c->path[1] == 'l') {
            su_http_answer_header(a, "X-Linked-Etag", "\"of-the-file\"");
        }
    } else if (strcmp(c->path, "/auth") == 0) {
        const char *auth = su_http_call_header(c, "Authorization");

        if (auth != NULL && strcmp(auth, "Bearer token") == 0) {
            su_http_answer_file(a, c, f->file, f->etag, NULL);
        } else {
            su_http_answer_text(a, 401, "no");
        }
    } else if (strcmp(c->path, "/403") == 0) {
        su_http_answer_text(a, 403, "no");
    } else if (strcmp(c->path, "/400") == 0) {
        su_http_answer_text(a, 400, "no");
    }
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    const char *base = getenv("TMPDIR");
    const struct su_http_server_opts o = {.handler = serve, .ctx = f};
    struct su_err e;

    snprintf(f->dir, sizeof f->dir, "%s/su-http-XXXXXX", base != NULL ? base : "/tmp");
    if (mkdtemp(f->dir) == NULL) {
        return 1;
    }
    snprintf(f->file, sizeof f->file, "%s/data", f->dir);
    snprintf(f->part, sizeof f->part, "%s/part", f->dir);
    snprintf(f->tag, sizeof f->tag, "%s.tag", f->part);
    f->data = malloc(SIZE);
    for (uint32_t i = 0; i < SIZE; i++) {
        f->data[i] = (uint8_t)(i * 2654435761u >> 24);
    }
    f->etag = "v1";
    *state = f;
    if (su_file_write(f->file, f->data, SIZE, 0600, &e) != SU_OK ||
        su_http_server_start(&o, &f->server, &e) != SU_OK) {
        return 1;
    }
    snprintf(f->url, sizeof f->url, "http://127.0.0.1:%u/f", su_http_server_port(f->server));
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    su_http_server_stop(f->server);
    unlink(f->file);
    unlink(f->part);
    unlink(f->tag);
    if (rmdir(f->dir) != 0) {
        return 1; /* something was left behind */
    }
    free(f->data);
    free(f);
    return 0;
}

static void put(const char *path, const void *data, size_t n)
{
    struct su_err e;

    assert_int_equal(su_file_write(path, data, n, 0600, &e), SU_OK);
}

static void check_part(struct fixture *f, size_t n)
{
    struct su_map m;
    struct su_err e;

    assert_int_equal(su_map_open(f->part, 0, &m, &e), SU_OK);
    assert_int_equal(m.len, n);
    assert_memory_equal(m.data, f->data, n);
    su_map_close(&m);
}

static enum su_code get(struct fixture *f, const char *url, bool known,
                        struct su_http_file_result *r, struct su_err *e)
{
    const struct su_http_file file = {.url = url, .part_path = f->part, .digest_known = known};

    return su_http_get_file(&file, &quick, r, e);
}

static void get_ok(struct fixture *f, const char *url, bool known, struct su_http_file_result *r)
{
    struct su_err e = {0};

    if (get(f, url, known, r, &e) != SU_OK) {
        fail_msg("%s", e.msg);
    }
    assert_int_equal(r->bytes, SIZE);
    check_part(f, SIZE);
    assert_int_not_equal(access(f->tag, F_OK), 0);
}

static void test_whole_and_resume(void **state)
{
    struct fixture *f = *state;
    struct su_http_file_result r;
    struct stat st;

    get_ok(f, f->url, false, &r);
    assert_int_equal(r.received, SIZE);
    assert_string_equal(r.etag, "\"v1\"");
    assert_int_equal(stat(f->part, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);

    put(f->part, f->data, 1000000); /* no validator: what is there is not trusted */
    get_ok(f, f->url, false, &r);
    assert_int_equal(r.received, SIZE);

    put(f->part, f->data, 1000000);
    put(f->tag, "\"v1\"", 4);
    get_ok(f, f->url, false, &r);
    assert_int_equal(r.received, SIZE - 1000000);

    memset(f->data, 7, 1000);
    put(f->part, f->data, 1000000); /* began under another version: starts over */
    put(f->file, f->data, SIZE);
    put(f->tag, "\"v0\"", 4);
    get_ok(f, f->url, false, &r);
    assert_int_equal(r.received, SIZE);

    put(f->part, f->data, 1000000); /* the caller knows the digest */
    get_ok(f, f->url, true, &r);
    assert_int_equal(r.received, SIZE - 1000000);

    put(f->part, f->data, SIZE); /* complete already: 416 says so */
    get_ok(f, f->url, true, &r);
    assert_int_equal(r.received, 0);

    uint8_t *longer = calloc(1, SIZE + 5);
    put(f->part, longer, SIZE + 5); /* longer than the file: of something else */
    get_ok(f, f->url, true, &r);
    assert_int_equal(r.received, SIZE);
    free(longer);
}

static void test_not_modified(void **state)
{
    struct fixture *f = *state;
    struct su_http_file_result r;
    struct su_err e = {0};
    struct su_http_file file = {.url = f->url, .part_path = f->part, .if_none_match = "\"v1\""};

    assert_int_equal(su_http_get_file(&file, &quick, &r, &e), SU_OK);
    assert_true(r.not_modified);
    assert_int_equal(r.bytes, 0);
    file.if_none_match = "\"v2\"";
    assert_int_equal(su_http_get_file(&file, &quick, &r, &e), SU_OK);
    assert_false(r.not_modified);
    check_part(f, SIZE);
}

/* What a redirect says of the file behind it, and a token. */
static void test_linked_and_bearer(void **state)
{
    struct fixture *f = *state;
    struct su_http_file_result r;
    struct su_http_file file = {.url = f->url, .part_path = f->part};
    char host[40], url[120], longest[SU_HTTP_BEARER_MAX + 2] = {0};
    struct su_err e = {0};
    static const char *const want[][2] = {
        {"linked", "\"of-the-file\""}, {"tagged", "\"of-the-redirect\""}, {"f", ""}};

    snprintf(host, sizeof host, "http://127.0.0.1:%u", su_http_server_port(f->server));
    file.url = url;
    for (size_t i = 0; i < SU_ARRAY_LEN(want); i++) {
        snprintf(url, sizeof url, "%s/%s", host, want[i][0]);
        assert_int_equal(su_http_get_file(&file, &quick, &r, &e), SU_OK);
        assert_string_equal(r.linked_etag, want[i][1]);
        assert_string_equal(r.etag, "\"v1\"");
        assert_int_equal(unlink(f->part), 0);
    }
    snprintf(url, sizeof url, "%s/auth", host);
    assert_int_equal(su_http_get_file(&file, &quick, &r, &e), SU_EACCES);
    file.bearer = "other";
    assert_int_equal(su_http_get_file(&file, &quick, &r, &e), SU_EACCES);
    file.bearer = "token";
    assert_int_equal(su_http_get_file(&file, &quick, &r, &e), SU_OK);
    file.bearer = "token\r\nX: y";
    assert_int_equal(su_http_get_file(&file, &quick, &r, &e), SU_EINVAL);
    memset(longest, 'a', sizeof longest - 1);
    file.bearer = longest;
    assert_int_equal(su_http_get_file(&file, &quick, &r, &e), SU_EINVAL);
}

static void test_empty_file(void **state)
{
    struct fixture *f = *state;
    struct su_http_file_result r;
    struct su_err e = {0};

    put(f->file, "", 0);
    assert_int_equal(get(f, f->url, false, &r, &e), SU_OK);
    assert_int_equal(r.bytes, 0);
    check_part(f, 0);
}

static void test_statuses(void **state)
{
    static const struct {
        const char *path;
        enum su_code code;
    } want[] = {{"/404", SU_ENOENT}, {"/403", SU_EACCES}, {"/400", SU_ENET}};
    struct fixture *f = *state;
    struct su_http_file_result r;
    struct su_err e = {0};
    char url[100];

    for (size_t i = 0; i < SU_ARRAY_LEN(want); i++) {
        snprintf(url, sizeof url, "http://127.0.0.1:%u%s", su_http_server_port(f->server),
                 want[i].path);
        assert_int_equal(get(f, url, false, &r, &e), want[i].code);
        assert_non_null(strstr(e.msg, want[i].path + 1));
        assert_int_not_equal(access(f->part, F_OK), 0); /* nothing to resume, nothing left */
    }
    assert_int_equal(get(f, "ftp://x/y", false, &r, &e), SU_EINVAL);
    struct su_http_file file = {.url = f->url, .part_path = f->dir};
    assert_int_not_equal(su_http_get_file(&file, &quick, &r, &e), SU_OK);
    file.part_path = "/nonexistent/part";
    assert_int_equal(su_http_get_file(&file, &quick, NULL, &e), SU_ENOENT);
}

static void test_limit(void **state)
{
    struct fixture *f = *state;
    struct su_http_opts o = quick;
    struct su_http_file_result r;
    struct su_err e = {0};
    const struct su_http_file file = {.url = f->url, .part_path = f->part};

    o.max_bytes = SIZE - 1;
    assert_int_equal(su_http_get_file(&file, &o, &r, &e), SU_ELIMIT);
    assert_int_equal(r.received, 0); /* refused by the announced length, before a byte was kept */
    o.max_bytes = SIZE;
    assert_int_equal(su_http_get_file(&file, &o, &r, &e), SU_OK);
}

struct sink {
    struct fixture *f;
    uint64_t next;
    unsigned starts;
    uint64_t fail_at;
};

static enum su_code take(void *ctx, uint64_t offset, const uint8_t *data, size_t n,
                         struct su_err *e)
{
    struct sink *s = ctx;

    if (offset == 0) {
        s->next = 0;
        s->starts++;
    }
    assert_int_equal(offset, s->next);
    assert_memory_equal(data, s->f->data + offset, n);
    s->next = offset + n;
    return s->fail_at != 0 && s->next > s->fail_at ? su_fail(e, SU_EDIGEST, "sink", "enough")
                                                   : SU_OK;
}

static void test_sink(void **state)
{
    struct fixture *f = *state;
    struct sink s = {.f = f, .fail_at = 1500000};
    struct su_http_file_result r;
    struct su_err e = {0};
    const struct su_http_file file = {
        .url = f->url, .part_path = f->part, .digest_known = true, .sink = take, .sink_ctx = &s};

    assert_int_equal(su_http_get_file(&file, &quick, &r, &e), SU_EDIGEST);
    assert_string_equal(e.msg, "enough");
    s.fail_at = 0;
    put(f->part, f->data, 1234567);
    assert_int_equal(su_http_get_file(&file, &quick, &r, &e), SU_OK);
    assert_int_equal(s.next, SIZE); /* the old part first, then the rest */
    assert_int_equal(s.starts, 2);
    assert_int_equal(r.received, SIZE - 1234567);
    s.fail_at = 1; /* also the old part can be refused */
    assert_int_equal(su_http_get_file(&file, &quick, &r, &e), SU_EDIGEST);
}

/* ---- servers that misbehave ---------------------------------------------------------------- */

struct bad {
    struct fixture *f;
    int kind;
};

static void send_ok(int fd, const struct fixture *f, uint64_t from, size_t n, bool partial)
{
    char head[300];

    if (partial) {
        snprintf(
            head, sizeof head,
            "HTTP/1.1 206 P\r\nContent-Length: %llu\r\nContent-Range: bytes %llu-%d/%d\r\n\r\n",
            (unsigned long long)(SIZE - from), (unsigned long long)from, SIZE - 1, SIZE);
    } else {
        snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nETag: \"x\"\r\nContent-Length: %d\r\n\r\n",
                 SIZE);
    }
    raw_send_text(fd, head);
    raw_send(fd, f->data + from, n);
}

static void misbehave(void *ctx, int fd, const char *request, unsigned n)
{
    struct bad *b = ctx;
    uint64_t from = raw_range_start(request);

    switch (b->kind) {
    case 0: /* hangs up after 1 MB each time */
        send_ok(fd, b->f, from, SU_MIN((size_t)1000000, (size_t)(SIZE - from)), from > 0);
        break;
    case 1: /* ignores Range, and hangs up in the middle the first two times */
        send_ok(fd, b->f, 0, n < 2 ? SIZE / 2 : SIZE, false);
        break;
    case 2: /* continues at the wrong place */
        if (n == 0) {
            send_ok(fd, b->f, 0, 1000000, false);
        } else {
            send_ok(fd, b->f, 999999, SIZE - 999999, true);
        }
        break;
    case 3: /* always a few bytes short */
        send_ok(fd, b->f, 0, SIZE / 2, false);
        break;
    case 4: /* goes silent */
        send_ok(fd, b->f, from, 1000, from > 0);
        raw_pause(fd, 60000);
        break;
    case 5: /* an error with an endless body */
        raw_send_text(fd, "HTTP/1.1 404 no\r\n\r\n");
        for (int i = 0; i < 200; i++) {
            raw_send(fd, b->f->data, SIZE / 100);
        }
        break;
    case 6: /* no length, and more than the limit */
        raw_send_text(fd, "HTTP/1.1 200 OK\r\n\r\n");
        raw_send(fd, b->f->data, SIZE);
        break;
    case 7: /* nonsense in Content-Range */
        raw_send_text(fd, "HTTP/1.1 206 P\r\nContent-Length: 3\r\nContent-Range: bytes "
                          "0-18446744073709551616/x\r\n\r\nabc");
        break;
    case 8: /* 416 for everything */
        raw_send_text(fd,
                      "HTTP/1.1 416 no\r\nContent-Range: bytes */5\r\nContent-Length: 0\r\n\r\n");
        break;
    case 9: /* busy at first */
        if (n < 2) {
            raw_send_text(fd, "HTTP/1.1 503 busy\r\nContent-Length: 4\r\n\r\nbusy");
        } else {
            send_ok(fd, b->f, from, SIZE - from, from > 0);
        }
        break;
    default: /* not HTTP at all */
        raw_send_text(fd, "220 mail ready\r\n");
        break;
    }
}

static enum su_code get_bad(struct fixture *f, int kind, const struct su_http_opts *o,
                            struct su_http_file_result *r, unsigned *hits, struct su_err *e)
{
    struct bad b = {f, kind};
    struct raw_server *raw = raw_server_start(misbehave, &b);
    char url[64];
    const struct su_http_file file = {.url = url, .part_path = f->part};

    snprintf(url, sizeof url, "http://127.0.0.1:%u/", raw_server_port(raw));
    enum su_code c = su_http_get_file(&file, o, r, e);
    *hits = raw_server_hits(raw);
    raw_server_stop(raw);
    return c;
}

static void test_bad_servers_survived(void **state)
{
    struct fixture *f = *state;
    struct su_http_file_result r;
    struct su_err e = {0};
    unsigned hits;
    static const struct {
        int kind;
        unsigned hits;
        uint64_t received;
    } want[] = {{0, 3, SIZE}, {1, 3, SIZE * 2}, {9, 3, SIZE}};

    for (size_t i = 0; i < SU_ARRAY_LEN(want); i++) {
        unlink(f->part);
        if (get_bad(f, want[i].kind, &quick, &r, &hits, &e) != SU_OK) {
            fail_msg("server %d: %s", want[i].kind, e.msg);
        }
        assert_int_equal(hits, want[i].hits);
        assert_int_equal(r.received, want[i].received);
        check_part(f, SIZE);
    }
}

static void test_bad_servers_refused(void **state)
{
    static const struct {
        int kind;
        enum su_code code;
    } want[] = {{2, SU_EFORMAT}, {3, SU_ETRUNC},  {4, SU_ETIMEOUT}, {5, SU_ENOENT},
                {6, SU_ELIMIT},  {7, SU_EFORMAT}, {8, SU_ENET},     {10, SU_EFORMAT}};
    struct fixture *f = *state;
    struct su_http_opts o = quick;
    struct su_http_file_result r;
    struct su_err e = {0};
    unsigned hits;

    o.retries = 1;
    for (size_t i = 0; i < SU_ARRAY_LEN(want); i++) {
        unlink(f->part);
        o.max_bytes = want[i].kind == 6 ? SIZE - 10 : SIZE;
        o.stall_ms = want[i].kind == 4 ? 100 : 30000;
        enum su_code c = get_bad(f, want[i].kind, &o, &r, &hits, &e);
        if (c != want[i].code) {
            fail_msg("server %d: %s (%s)", want[i].kind, su_code_name(c), e.msg);
        }
        assert_int_equal(e.code, c);
    }
    put(f->part, f->data, 1000); /* 416 with another length: starts over, and 416 again */
    put(f->tag, "\"x\"", 3);
    assert_int_equal(get_bad(f, 8, &o, &r, &hits, &e), SU_ENET);
    assert_int_equal(hits, 2);
    o.deadline_ms = 2500; /* in which what it sends at once has come */
    o.stall_ms = 60000;
    unlink(f->part);
    unlink(f->tag);
    assert_int_equal(get_bad(f, 4, &o, &r, &hits, &e), SU_ETIMEOUT);
    check_part(f, 1000); /* what came stays for the next call */
}

static bool cancel_now(void *ctx)
{
    (void)ctx;
    return true;
}

static void test_cancel(void **state)
{
    struct fixture *f = *state;
    struct su_http_opts o = quick;
    struct su_http_file_result r;
    struct su_err e = {0};
    unsigned hits;

    o.cancelled = cancel_now;
    assert_int_equal(get_bad(f, 4, &o, &r, &hits, &e), SU_ECANCELLED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_whole_and_resume, setup, teardown),
        cmocka_unit_test_setup_teardown(test_not_modified, setup, teardown),
        cmocka_unit_test_setup_teardown(test_linked_and_bearer, setup, teardown),
        cmocka_unit_test_setup_teardown(test_empty_file, setup, teardown),
        cmocka_unit_test_setup_teardown(test_statuses, setup, teardown),
        cmocka_unit_test_setup_teardown(test_limit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sink, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bad_servers_survived, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bad_servers_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cancel, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
