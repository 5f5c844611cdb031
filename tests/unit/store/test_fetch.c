// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "crypto/crypto.h"
#include "fixture.h"
#include "http/http.h"
#include "support/rawhttp.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SIZE = 3 * 1024 * 1024 + 4321 };

/* A web server with one file, and a second store that serves its blobs. */
struct world {
    struct fixture *f;
    char other_dir[260], file[260], url[100], peer[100];
    uint8_t *data, id[32], *leaves;
    size_t nleaves;
    const char *etag;
    atomic_uint hits, sent_ok;
    struct su_store *other;
    struct su_http_server *server;
};

static void handle(void *ctx, const struct su_http_call *c, struct su_http_answer *a)
{
    struct world *w = ctx;

    atomic_fetch_add(&w->hits, 1);
    if (strcmp(c->path, "/file") == 0) {
        su_http_answer_file(a, c, w->file, w->etag, NULL);
    } else {
        (void)su_store_serve(w->other, c, a);
    }
}

static int world_setup(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    const struct su_http_server_opts o = {.handler = handle, .ctx = w};
    void *fixture;
    struct su_err e;

    if (fixture_setup(&fixture) != 0) {
        return 1;
    }
    w->f = fixture;
    *state = w;
    beside(w->f, "other", w->other_dir);
    beside(w->f, "file", w->file);
    w->data = make_bytes(SIZE, 42);
    w->etag = "one";
    write_file(w->file, w->data, SIZE);
    if (su_store_open(w->other_dir, NULL, &w->other, &e) != SU_OK ||
        su_store_put_bytes(w->other, w->data, SIZE, w->id, &e) != SU_OK ||
        su_store_leaves(w->other, w->id, &w->leaves, &w->nleaves, &e) != SU_OK ||
        su_http_server_start(&o, &w->server, &e) != SU_OK) {
        return 1;
    }
    snprintf(w->peer, sizeof w->peer, "http://127.0.0.1:%u", su_http_server_port(w->server));
    snprintf(w->url, sizeof w->url, "http://127.0.0.1:%u/file", su_http_server_port(w->server));
    return 0;
}

static int world_teardown(void **state)
{
    struct world *w = *state;
    void *fixture = w->f;

    su_http_server_stop(w->server);
    su_store_close(w->other);
    fixture_teardown(&fixture);
    free(w->leaves);
    free(w->data);
    free(w);
    return 0;
}

static void fetch_ok(struct world *w, const char *uri, const struct su_store_fetch *f)
{
    uint8_t id[32] = {0};
    struct su_err e = {0};

    if (su_store_fetch(w->f->s, uri, f, id, &e) != SU_OK) {
        fail_msg("%s: %s: %s", uri, e.at, e.msg);
    }
    assert_memory_equal(id, w->id, 32);
    assert_blob(w->f, w->id, w->data, SIZE);
    assert_int_equal(count_files(w->f, "tmp"), 0);
}

static void forget(struct world *w)
{
    struct su_err e = {0};

    assert_int_equal(su_store_gc(w->f->s, 0, NULL, &e), SU_OK);
    assert_int_equal(count_blobs(w->f), 0);
    atomic_store(&w->hits, 0);
}

static void sha_uri(const uint8_t id[32], char out[80])
{
    memcpy(out, "sha256:", 7);
    su_hex_encode(id, 32, out + 7, 73);
}

static void use_peers(struct world *w, const char *a, const char *b)
{
    const char *peers[2] = {a, b};
    const struct su_store_opts o = {.peers = peers, .npeers = b != NULL ? 2 : 1};

    fixture_reopen(w->f, &o);
}

/* Puts n bytes of the true data, with byte `wrong` spoilt (SIZE = none), where a download of the id
   continues. */
static void leave_part(struct world *w, size_t n, size_t wrong, char path[400])
{
    char hex[65];
    uint8_t *copy = malloc(SIZE);

    memcpy(copy, w->data, SIZE);
    if (wrong < SIZE) {
        copy[wrong] ^= 1;
    }
    su_hex_encode(w->id, 32, hex, sizeof hex);
    snprintf(path, 400, "%s/tmp/%s.part", w->f->dir, hex);
    write_file(path, copy, n);
    free(copy);
}

static void test_file(void **state)
{
    struct world *w = *state;
    char uri[300];
    uint8_t id[32], other[32] = {1};
    struct su_store_fetch f = {.expect_id = other};
    struct su_err e = {0};

    snprintf(uri, sizeof uri, "file://%s", w->file);
    assert_int_equal(su_store_fetch(w->f->s, uri, &f, id, &e), SU_EDIGEST);
    assert_non_null(strstr(e.msg, "sha256:0100"));
    assert_int_equal(count_blobs(w->f), 0);
    assert_int_equal(count_files(w->f, "tmp"), 0);
    f = (struct su_store_fetch){.max_bytes = SIZE - 1};
    assert_int_equal(su_store_fetch(w->f->s, uri, &f, id, &e), SU_ELIMIT);
    f = (struct su_store_fetch){.expect_id = w->id, .max_bytes = SIZE};
    fetch_ok(w, uri, &f);
    fetch_ok(w, uri, NULL);
    snprintf(uri, sizeof uri, "file:%s.missing", w->file);
    assert_int_equal(su_store_fetch(w->f->s, uri, NULL, id, &e), SU_ENOENT);
    fetch_ok(w, uri, &f); /* here already, so nobody looks at the file */
    assert_int_equal(su_store_fetch(w->f->s, "ipfs://a/b", NULL, id, &e), SU_EUNSUPPORTED);
    assert_int_equal(su_store_fetch(w->f->s, "nonsense", NULL, id, &e), SU_EINVAL);
}

static void test_http(void **state)
{
    struct world *w = *state;
    const struct su_store_fetch known = {.expect_id = w->id};
    const struct su_store_fetch leaves = {
        .expect_id = w->id, .leaves = w->leaves, .nleaves = w->nleaves};

    fetch_ok(w, w->url, NULL);
    assert_int_equal(atomic_load(&w->hits), 1);
    fetch_ok(w, w->url, NULL); /* asked again, answered "not modified" */
    assert_int_equal(atomic_load(&w->hits), 2);
    fetch_ok(w, w->url, &known); /* not asked at all */
    assert_int_equal(atomic_load(&w->hits), 2);
    forget(w);
    fetch_ok(w, w->url, &known);
    forget(w);
    fetch_ok(w, w->url, &leaves);

    /* The file behind the URL changes. */
    uint8_t id[32];
    struct su_err e = {0};
    forget(w);
    fetch_ok(w, w->url, NULL);
    w->data[7] ^= 1;
    write_file(w->file, w->data, SIZE);
    w->etag = "two";
    assert_int_equal(su_store_fetch(w->f->s, w->url, NULL, id, &e), SU_OK);
    assert_memory_not_equal(id, w->id, 32);
    assert_blob(w->f, id, w->data, SIZE);
    assert_int_equal(count_blobs(w->f), 2);
    /* Without ETags it is transferred every time. */
    w->etag = NULL;
    assert_int_equal(su_store_fetch(w->f->s, w->url, NULL, id, &e), SU_OK);
    assert_int_equal(count_blobs(w->f), 2);
    w->data[7] ^= 1;
}

static void test_http_failures(void **state)
{
    struct world *w = *state;
    uint8_t id[32] = {5}, wrong[32] = {1};
    struct su_store_fetch f = {.expect_id = wrong};
    struct su_err e = {0};
    char url[140];

    assert_int_equal(su_store_fetch(w->f->s, w->url, &f, id, &e), SU_EDIGEST);
    assert_non_null(strstr(e.msg, "expected sha256:0100"));
    assert_int_equal(id[0], 5);
    assert_int_equal(atomic_load(&w->hits), 1); /* fresh bytes are not asked for twice */
    f = (struct su_store_fetch){.max_bytes = 1000};
    assert_int_equal(su_store_fetch(w->f->s, w->url, &f, id, &e), SU_ELIMIT);
    snprintf(url, sizeof url, "%s/none", w->peer);
    assert_int_equal(su_store_fetch(w->f->s, url, NULL, id, &e), SU_ENOENT);
    /* Leaves that do not belong to the id are not believed. */
    f = (struct su_store_fetch){.expect_id = w->id, .leaves = wrong, .nleaves = 1};
    fetch_ok(w, w->url, &f);
    forget(w);

    const struct su_store_opts o = {.budget_bytes = SIZE - 1};
    fixture_reopen(w->f, &o);
    assert_int_equal(su_store_fetch(w->f->s, w->url, NULL, id, &e), SU_ELIMIT);
    assert_int_equal(count_blobs(w->f), 0);
}

static void test_resume(void **state)
{
    struct world *w = *state;
    const struct su_store_fetch known = {.expect_id = w->id};
    const struct su_store_fetch leaves = {
        .expect_id = w->id, .leaves = w->leaves, .nleaves = w->nleaves};
    static const size_t wrong[] = {0, MIB - 1, MIB, 2 * MIB - 1};
    char part[400];

    leave_part(w, 2 * MIB, SIZE, part);
    fetch_ok(w, w->url, &known);
    assert_int_equal(atomic_load(&w->hits), 1);
    forget(w);
    leave_part(w, SIZE, SIZE, part); /* complete already */
    fetch_ok(w, w->url, &known);
    /* A spoilt part does not spoil the fetch: good chunks are kept where they are known. */
    for (size_t i = 0; i < SU_ARRAY_LEN(wrong); i++) {
        forget(w);
        leave_part(w, 2 * MIB + 100, wrong[i], part);
        fetch_ok(w, w->url, &leaves);
        forget(w);
        leave_part(w, 2 * MIB + 100, wrong[i], part);
        fetch_ok(w, w->url, &known);
    }
    forget(w);
    leave_part(w, 2 * MIB + 100, 2 * MIB + 50, part); /* in the chunk that is resumed */
    fetch_ok(w, w->url, &leaves);
    forget(w);
    leave_part(w, SIZE, SIZE - 1, part); /* in the last, short chunk */
    fetch_ok(w, w->url, &leaves);
}

static void test_peers(void **state)
{
    struct world *w = *state;
    uint8_t id[32], unknown[32] = {0xee}, empty[32];
    char uri[80], part[400];
    struct su_err e = {0};
    struct su_store_fetch f = {.expect_id = unknown};

    sha_uri(w->id, uri);
    assert_int_equal(su_store_fetch(w->f->s, uri, NULL, id, &e), SU_ENOENT); /* no peers */
    use_peers(w, "http://127.0.0.1:1", w->peer); /* the first one is dead */
    fetch_ok(w, uri, NULL);
    assert_int_equal(atomic_load(&w->hits), 2);
    fetch_ok(w, uri, NULL);
    assert_int_equal(atomic_load(&w->hits), 2);
    assert_int_equal(su_store_fetch(w->f->s, uri, &f, id, &e), SU_EINVAL); /* contradiction */
    forget(w);
    leave_part(w, 2 * MIB + 9, MIB + 5, part);
    fetch_ok(w, uri, NULL);
    forget(w);
    f = (struct su_store_fetch){.leaves = w->leaves, .nleaves = w->nleaves};
    fetch_ok(w, uri, &f); /* no need to ask for the list */
    assert_int_equal(atomic_load(&w->hits), 1);
    f = (struct su_store_fetch){.max_bytes = 1000};
    forget(w);
    assert_int_equal(su_store_fetch(w->f->s, uri, &f, id, &e), SU_ELIMIT);

    use_peers(w, w->peer, NULL);
    sha_uri(unknown, uri);
    assert_int_equal(su_store_fetch(w->f->s, uri, NULL, id, &e), SU_ENOENT);
    assert_int_equal(su_store_put_bytes(w->other, "", 0, empty, &e), SU_OK);
    sha_uri(empty, uri);
    assert_int_equal(su_store_fetch(w->f->s, uri, NULL, id, &e), SU_OK);
    assert_blob(w->f, empty, "", 0);
}

static void expect_status(struct world *w, const char *path, int status, size_t n)
{
    char url[400];
    struct su_http_reply r;
    struct su_err e = {0};

    snprintf(url, sizeof url, "%s%s", w->peer, path);
    assert_int_equal(su_http_request("GET", url, NULL, 0, NULL, 0, NULL, &r, &e), SU_OK);
    assert_int_equal(r.status, status);
    if (status == 200) {
        assert_int_equal(r.body.len, n);
    }
    su_http_reply_fini(&r);
}

static void test_serve(void **state)
{
    struct world *w = *state;
    char hex[65], path[200];

    su_hex_encode(w->id, 32, hex, sizeof hex);
    snprintf(path, sizeof path, "/blob/%s", hex);
    expect_status(w, path, 200, SIZE);
    snprintf(path, sizeof path, "/blob/%s.leaves", hex);
    expect_status(w, path, 200, 4 * 32);
    snprintf(path, sizeof path, "/blob/%s.txt", hex);
    expect_status(w, path, 404, 0);
    hex[0] = hex[0] == 'a' ? 'b' : 'a';
    snprintf(path, sizeof path, "/blob/%s", hex);
    expect_status(w, path, 404, 0);
    expect_status(w, "/blob/../store.db", 404, 0);
    expect_status(w, "/blob/", 404, 0);
    expect_status(w, "/blob/zz112233445566778899aabbccddeeff00112233445566778899aabbccddeeff", 404,
                  0);
}

/* ---- peers and servers that misbehave ------------------------------------------------------ */

struct liar {
    struct world *w;
    int kind;
    atomic_uint blob_hits;
};

static void send_body(int fd, const void *data, size_t n)
{
    char head[100];

    snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", n);
    raw_send_text(fd, head);
    raw_send(fd, data, n);
}

static void lie(void *ctx, int fd, const char *request, unsigned n)
{
    struct liar *l = ctx;
    struct world *w = l->w;
    uint8_t *copy;

    (void)n;
    if (strstr(request, ".leaves ") != NULL) {
        if (l->kind == 0) {
            send_body(fd, "not a leaf list", 15);
        } else if (l->kind == 5) { /* as long as it should be */
            copy = malloc(w->nleaves * 32);
            memcpy(copy, w->leaves, w->nleaves * 32);
            copy[33] ^= 1;
            send_body(fd, copy, w->nleaves * 32);
            free(copy);
        } else {
            send_body(fd, w->leaves, w->nleaves * 32);
        }
        return;
    }
    atomic_fetch_add(&l->blob_hits, 1);
    switch (l->kind) {
    case 1: /* second chunk is wrong */
        copy = malloc(SIZE);
        memcpy(copy, w->data, SIZE);
        copy[MIB + 17] ^= 1;
        send_body(fd, copy, SIZE);
        free(copy);
        break;
    case 2: /* more than there is */
        copy = calloc(1, 2 * SIZE);
        memcpy(copy, w->data, SIZE);
        send_body(fd, copy, 2 * SIZE);
        free(copy);
        break;
    case 3: /* less than there is, honestly announced */
        send_body(fd, w->data, 2 * MIB);
        break;
    case 4:
        raw_send_text(fd, "garbage, garbage");
        break;
    default: /* silence */
        raw_pause(fd, 60000);
        break;
    }
}

static void test_lying_peers(void **state)
{
    static const enum su_code want[] = {SU_EDIGEST, SU_EDIGEST, SU_ELIMIT,
                                        SU_EDIGEST, SU_EFORMAT, SU_EDIGEST};
    struct world *w = *state;
    char uri[80], peer[64];
    uint8_t id[32];
    struct su_err e = {0};

    sha_uri(w->id, uri);
    for (int kind = 0; kind < (int)SU_ARRAY_LEN(want); kind++) {
        struct liar l = {.w = w, .kind = kind};
        struct raw_server *raw = raw_server_start(lie, &l);

        snprintf(peer, sizeof peer, "http://127.0.0.1:%u/", raw_server_port(raw));
        use_peers(w, peer, NULL);
        enum su_code c = su_store_fetch(w->f->s, uri, NULL, id, &e);
        if (c != want[kind]) {
            fail_msg("liar %d: %s: %s", kind, su_code_name(c), e.msg);
        }
        assert_int_equal(count_blobs(w->f), 0);
        assert_true(atomic_load(&l.blob_hits) <= 1); /* caught at once */
        if (kind == 0 || kind == 5) {
            assert_int_equal(atomic_load(&l.blob_hits), 0);
            assert_non_null(strstr(e.msg, "leaf list"));
        }
        if (kind == 1) {
            assert_non_null(strstr(e.msg, "1048576"));
        }
        /* With an honest peer behind it, the liar costs time and nothing else. */
        use_peers(w, peer, w->peer);
        fetch_ok(w, uri, NULL);
        forget(w);
        raw_server_stop(raw);
    }
}

static bool cancel_third(void *ctx)
{
    return --*(int *)ctx < 0;
}

static void test_slow_server(void **state)
{
    struct world *w = *state;
    struct liar l = {.w = w, .kind = 99};
    struct raw_server *raw = raw_server_start(lie, &l);
    char url[64], peer[64], uri[80];
    uint8_t id[32];
    int countdown = 3;
    struct su_store_fetch f = {.hooks.deadline_ms = 200};
    struct su_err e = {0};
    uint64_t start = su_clock_mono_ns();

    snprintf(peer, sizeof peer, "http://127.0.0.1:%u", raw_server_port(raw));
    snprintf(url, sizeof url, "http://127.0.0.1:%u/x", raw_server_port(raw));
    assert_int_equal(su_store_fetch(w->f->s, url, &f, id, &e), SU_ETIMEOUT);
    use_peers(w, peer, w->peer);
    sha_uri(w->id, uri);
    assert_int_equal(su_store_fetch(w->f->s, uri, &f, id, &e), SU_ETIMEOUT);
    f.hooks = (struct su_store_hooks){.cancelled = cancel_third, .ctx = &countdown};
    assert_int_equal(su_store_fetch(w->f->s, url, &f, id, &e), SU_ECANCELLED);
    assert_true(su_clock_mono_ns() - start < 30000 * UINT64_C(1000000));
    assert_int_equal(count_blobs(w->f), 0);
    raw_server_stop(raw);
}

/* ---- several processes --------------------------------------------------------------------- */

struct child {
    pid_t pid;
    int pipe; /* the child reads the URI from it */
};

/* Forked before any thread exists; fetches what it is told and exits with the code. */
static struct child start_child(const char *dir)
{
    int fd[2];
    struct child c;

    assert_int_equal(pipe2(fd, O_CLOEXEC), 0);
    c.pid = fork();
    if (c.pid == 0) {
        struct su_store *s;
        uint8_t id[32];
        char uri[200] = "";
        size_t n = 0;

        close(fd[1]);
        while (n < sizeof uri - 1 && read(fd[0], uri + n, 1) == 1 && uri[n] != '\n') {
            /* other children hold the writing end too, so there is no end of file to wait for */
            n++;
        }
        uri[n] = 0;
        if (su_store_open(dir, NULL, &s, NULL) != SU_OK) {
            _exit(99);
        }
        enum su_code code = su_store_fetch(s, uri, NULL, id, NULL);
        bool there = code != SU_OK || su_store_has(s, id, NULL);
        su_store_close(s);
        _exit(there ? (int)code : 98);
    }
    close(fd[0]);
    c.pipe = fd[1];
    return c;
}

static void slow_file(void *ctx, int fd, const char *request, unsigned n)
{
    struct world *w = ctx;

    (void)request;
    (void)n;
    char head[100];
    snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nETag: \"s\"\r\nContent-Length: %d\r\n\r\n",
             SIZE);
    raw_send_text(fd, head);
    raw_send(fd, w->data, SIZE / 2);
    usleep(300 * 1000);
    raw_send(fd, w->data + SIZE / 2, SIZE - SIZE / 2);
}

static void test_fetched_once(void **state)
{
    void *fixture;
    struct world w = {0};
    struct child c[3];
    char url[64];

    (void)state;
    assert_int_equal(fixture_setup(&fixture), 0);
    w.f = fixture;
    w.data = make_bytes(SIZE, 42);
    for (int i = 0; i < 3; i++) {
        c[i] = start_child(w.f->dir);
    }
    struct raw_server *raw = raw_server_start(slow_file, &w);
    snprintf(url, sizeof url, "http://127.0.0.1:%u/f\n", raw_server_port(raw));
    for (int i = 0; i < 3; i++) {
        assert_int_equal(write(c[i].pipe, url, strlen(url)), (ssize_t)strlen(url));
        close(c[i].pipe);
    }
    for (int i = 0; i < 3; i++) {
        int status = -1;

        waitpid(c[i].pid, &status, 0);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), SU_OK);
    }
    assert_int_equal(raw_server_hits(raw), 1);
    assert_int_equal(count_blobs(w.f), 1);
    raw_server_stop(raw);
    fixture_teardown(&fixture);
    free(w.data);
}

static void test_waiting_has_limits(void **state)
{
    struct world *w = *state;
    char path[400], hex[65];
    uint8_t id[32];
    int countdown = 2;
    struct su_store_fetch f = {.expect_id = w->id, .hooks.deadline_ms = 100};
    struct su_err e = {0};

    su_hex_encode(w->id, 32, hex, sizeof hex);
    snprintf(path, sizeof path, "%s/lock/%s.lock", w->f->dir, hex);
    write_file(path, "", 0);
    int fd = open(path, O_RDONLY);
    assert_int_equal(flock(fd, LOCK_EX), 0); /* as another process would */
    assert_int_equal(su_store_fetch(w->f->s, w->url, &f, id, &e), SU_ETIMEOUT);
    f.hooks = (struct su_store_hooks){.cancelled = cancel_third, .ctx = &countdown};
    assert_int_equal(su_store_fetch(w->f->s, w->url, &f, id, &e), SU_ECANCELLED);
    assert_int_equal(atomic_load(&w->hits), 0);
    close(fd);
    fetch_ok(w, w->url, &(struct su_store_fetch){.expect_id = w->id});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
        cmocka_unit_test(test_fetched_once),
        T(test_file),
        T(test_http),
        T(test_http_failures),
        T(test_resume),
        T(test_peers),
        T(test_serve),
        T(test_lying_peers),
        T(test_slow_server),
        T(test_waiting_has_limits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
