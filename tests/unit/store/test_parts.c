// SPDX-License-Identifier: MIT
/* Parts of blobs, fetched from peers that hold all, hold some, lie, die, or take their time. */
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
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CHUNKS = 24, LAST = 4321, SIZE = (CHUNKS - 1) * (int)MIB + LAST };

/* A peer: a store behind a server that may have a fault. */
enum fault { HONEST, WRONG_BYTES, WRONG_LEAVES, NO_RANGES, WRONG_LIST, SHORT_LIST, ALL_404 };
struct peer {
    char dir[260], url[100];
    struct su_store *s;
    struct su_http_server *server;
    enum fault fault;
    atomic_uint asked[CHUNKS]; /* how often each chunk went out */
    atomic_uint ranges, hits;
    const uint8_t *data;
};
struct world {
    struct fixture *f;
    uint8_t *data, id[32];
    struct peer peer[2];
};

static void count(struct peer *p, const struct su_http_call *c)
{
    const char *range = su_http_call_header(c, "Range");
    unsigned long first, last;

    atomic_fetch_add(&p->hits, 1);
    if (range != NULL && sscanf(range, "bytes=%lu-%lu", &first, &last) == 2) {
        atomic_fetch_add(&p->ranges, 1);
        for (unsigned long i = first / MIB; i <= last / MIB && i < CHUNKS; i++) {
            atomic_fetch_add(&p->asked[i], 1);
        }
    }
}

static bool misbehave(struct peer *p, const struct su_http_call *c, struct su_http_answer *a)
{
    bool leaves = su_str_ends(c->path, ".leaves"), have = su_str_ends(c->path, ".have");

    if (p->fault == WRONG_LEAVES && leaves) {
        su_http_answer_bytes(a, 200, NULL, p->data, 32 * CHUNKS);
    } else if (p->fault == WRONG_BYTES && !leaves && !have) {
        uint8_t *wrong = malloc(SIZE);
        memcpy(wrong, p->data, SIZE);
        wrong[2 * MIB + 7] ^= 1;
        unsigned long first = 0, last = 0;
        (void)sscanf(su_http_call_header(c, "Range"), "bytes=%lu-%lu", &first, &last);
        last = SU_MIN(last, (unsigned long)SIZE - 1);
        su_http_answer_bytes(a, 206, NULL, wrong + first, last - first + 1);
        free(wrong);
    } else if (p->fault == NO_RANGES && !leaves && !have) {
        su_http_answer_bytes(a, 200, NULL, p->data, 3 * MIB);
    } else if (p->fault == ALL_404 && !leaves && !have) {
        su_http_answer_text(a, 404, "none\n");
    } else if (p->fault == SHORT_LIST && !leaves) {
        su_http_answer_bytes(a, have ? 200 : 404, NULL, "x", 1);
    } else if (p->fault == WRONG_LIST && !leaves) {
        su_http_answer_bytes(a, have ? 200 : 404, NULL, p->data, (CHUNKS + 7) / 8 + have);
    } else {
        return false;
    }
    return true;
}

static void handle(void *ctx, const struct su_http_call *c, struct su_http_answer *a)
{
    struct peer *p = ctx;

    count(p, c);
    if (!misbehave(p, c, a)) {
        (void)su_store_serve(p->s, c, a);
    }
}

static int world_setup(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    void *fixture;
    struct su_err e;

    if (fixture_setup(&fixture) != 0) {
        return 1;
    }
    w->f = fixture;
    *state = w;
    w->data = make_bytes(SIZE, 7);
    su_merkle_blob(w->data, SIZE, w->id);
    for (int i = 0; i < 2; i++) {
        struct peer *p = &w->peer[i];
        const struct su_http_server_opts o = {.handler = handle, .ctx = p};
        beside(w->f, i == 0 ? "peer0" : "peer1", p->dir);
        p->data = w->data;
        if (su_store_open(p->dir, NULL, &p->s, &e) != SU_OK ||
            su_http_server_start(&o, &p->server, &e) != SU_OK) {
            return 1;
        }
        snprintf(p->url, sizeof p->url, "http://127.0.0.1:%u", su_http_server_port(p->server));
    }
    uint8_t id[32];
    return su_store_put_bytes(w->peer[0].s, w->data, SIZE, id, &e) != SU_OK;
}

static int world_teardown(void **state)
{
    struct world *w = *state;
    void *fixture = w->f;

    for (int i = 0; i < 2; i++) {
        su_http_server_stop(w->peer[i].server);
        su_store_close(w->peer[i].s);
    }
    fixture_teardown(&fixture);
    free(w->data);
    free(w);
    return 0;
}

static enum su_code fetch(struct su_store *s, const struct world *w, const struct su_store_range *r,
                          size_t n, const char *a, const char *b, struct su_err *e)
{
    const char *peers[2] = {a, b};
    const struct su_store_parts p = {.id = w->id,
                                     .range = r,
                                     .n_range = n,
                                     .peers = peers,
                                     .n_peers = (size_t)(a != NULL) + (b != NULL)};

    memset(e, 0, sizeof *e);
    return su_store_fetch_parts(s, &p, e);
}

static void fetch_ok(struct su_store *s, const struct world *w, uint64_t offset, uint64_t bytes,
                     const char *a, const char *b)
{
    const struct su_store_range r = {offset, bytes};
    struct su_err e;

    if (fetch(s, w, &r, 1, a, b, &e) != SU_OK) {
        fail_msg("%s: %s", e.at, e.msg);
    }
}

static void refuse(struct world *w, uint64_t offset, uint64_t bytes, const char *a, const char *b,
                   enum su_code code, const char *text)
{
    const struct su_store_range r = {offset, bytes};
    struct su_err e;

    assert_int_equal(fetch(w->f->s, w, &r, 1, a, b, &e), code);
    if (strstr(e.msg, text) == NULL) {
        fail_msg("no '%s' in: %s: %s", text, e.at, e.msg);
    }
}

static void reads(struct su_store *s, const struct world *w, uint64_t offset, size_t n)
{
    uint8_t *got = malloc(n);
    struct su_err e = {0};

    if (su_store_read(s, w->id, offset, got, n, &e) != SU_OK) {
        fail_msg("%s: %s", e.at, e.msg);
    }
    assert_memory_equal(got, w->data + offset, n);
    free(got);
}

static void cannot_read(struct su_store *s, const struct world *w, uint64_t offset, size_t n,
                        enum su_code code, const char *text)
{
    uint8_t *got = malloc(n);
    struct su_err e = {0};

    assert_int_equal(su_store_read(s, w->id, offset, got, n, &e), code);
    if (strstr(e.msg, text) == NULL) {
        fail_msg("no '%s' in: %s", text, e.msg);
    }
    free(got);
}

static void forget(struct world *w)
{
    struct su_err e = {0};

    assert_int_equal(su_store_gc(w->f->s, 0, NULL, &e), SU_OK);
    assert_int_equal(count_blobs(w->f), 0);
    for (int i = 0; i < 2; i++) {
        atomic_store(&w->peer[i].hits, 0);
        atomic_store(&w->peer[i].ranges, 0);
        for (int k = 0; k < CHUNKS; k++) {
            atomic_store(&w->peer[i].asked[k], 0);
        }
    }
}

/* ---- what comes and what does not ----------------------------------------------------------- */

static void test_only_the_ranges(void **state)
{
    struct world *w = *state;
    const char *url = w->peer[0].url;
    const struct su_store_range r[3] = {{MIB + 5, 10}, {2 * MIB, 2 * MIB}, {20 * MIB - 1, 2}};
    struct su_store_blob b;
    struct su_err e;
    char path[SU_STORE_PATH_MAX];
    uint8_t *leaves;
    size_t n;

    if (fetch(w->f->s, w, r, 3, url, NULL, &e) != SU_OK) {
        fail_msg("%s: %s", e.at, e.msg);
    }
    for (int i = 0; i < CHUNKS; i++) {
        bool covered = (i >= 1 && i <= 3) || i == 19 || i == 20;
        assert_int_equal(atomic_load(&w->peer[0].asked[i]), covered);
    }
    assert_int_equal(atomic_load(&w->peer[0].ranges), 2); /* neighbours come together */
    assert_false(su_store_has(w->f->s, w->id, NULL));
    reads(w->f->s, w, MIB, 3 * MIB);
    reads(w->f->s, w, 20 * MIB - 1, 2);
    reads(w->f->s, w, 3 * MIB, 0);
    cannot_read(w->f->s, w, MIB - 1, 2, SU_ENOENT, "byte 0 ");
    cannot_read(w->f->s, w, 4 * MIB - 1, 2, SU_ENOENT, "byte 4194304 ");
    cannot_read(w->f->s, w, SIZE, MIB, SU_EINVAL, "24 chunks");
    cannot_read(w->f->s, w, SIZE - 1, 1, SU_ENOENT, "");
    assert_int_equal(su_store_blob_open(w->f->s, w->id, false, &b, &e), SU_ENOENT);
    assert_int_equal(su_store_where(w->f->s, w->id, path, &e), SU_ENOENT);
    assert_int_equal(su_store_leaves(w->f->s, w->id, &leaves, &n, &e), SU_ENOENT);
    assert_int_equal(su_store_verify(w->f->s, NULL, NULL, NULL, NULL, NULL, NULL, &e), SU_OK);

    /* Again, and from another process' point of view: nothing is asked. */
    atomic_store(&w->peer[0].hits, 0);
    fixture_reopen(w->f, NULL);
    if (fetch(w->f->s, w, r, 3, url, NULL, &e) != SU_OK) {
        fail_msg("%s: %s", e.at, e.msg);
    }
    assert_int_equal(atomic_load(&w->peer[0].hits), 0);
    assert_int_equal(fetch(w->f->s, w, NULL, 0, NULL, NULL, &e), SU_OK);

    /* The rest makes it whole. */
    fetch_ok(w->f->s, w, 0, SIZE, url, NULL);
    for (int i = 0; i < CHUNKS; i++) {
        assert_int_equal(atomic_load(&w->peer[0].asked[i]), 1);
    }
    assert_blob(w->f, w->id, w->data, SIZE);
    blob_path(w->f, w->id, ".chunks", path);
    assert_int_not_equal(access(path, F_OK), 0);
    assert_int_equal(count_blobs(w->f), 1);
    fetch_ok(w->f->s, w, SIZE - 1, 1, NULL, NULL);
    refuse(w, SIZE, 1, NULL, NULL, SU_EINVAL, "leaves the blob");
}

static void test_refused(void **state)
{
    struct world *w = *state;
    const char *url = w->peer[0].url;
    struct su_store_range r = {0, 1};
    static const char nobody[] = "http://127.0.0.1:1";
    char far[SU_STORE_PATH_MAX + 20];
    struct su_err e;

    refuse(w, 0, 1, NULL, NULL, SU_ENOENT, "0 peers");
    refuse(w, 0, 1, w->peer[1].url, NULL, SU_ENOENT, "1 peers");
    refuse(w, 0, 1, nobody, NULL, SU_ENET, "");
    refuse(w, 0, 1, nobody, w->peer[1].url, SU_ENET, "");
    memset(far, 'x', sizeof far - 1);
    far[sizeof far - 1] = 0;
    refuse(w, 0, 1, far, NULL, SU_EINVAL, "too long");
    refuse(w, (uint64_t)CHUNKS * MIB, 1, url, NULL, SU_EINVAL, "24 chunks");
    refuse(w, UINT64_MAX, UINT64_MAX, url, NULL, SU_EINVAL, "24 chunks");
    refuse(w, SIZE - 1, 2, url, NULL, SU_EINVAL, "leaves the blob of");
    reads(w->f->s, w, SIZE - 1, 1);
    cannot_read(w->f->s, w, SIZE - 1, 2, SU_EINVAL, "leaves the blob of");
    fetch_ok(w->f->s, w, 0, 1, nobody, url);

    /* A blob of no bytes is there as soon as its list is. */
    uint8_t none[32], got[32];
    su_merkle_blob("", 0, none);
    assert_int_equal(su_store_put_bytes(w->peer[0].s, "", 0, got, &e), SU_OK);
    assert_memory_equal(none, got, 32);
    const struct su_store_parts p = {
        .id = none, .range = &r, .n_range = 1, .peers = &url, .n_peers = 1};
    assert_int_equal(su_store_fetch_parts(w->f->s, &p, &e), SU_EINVAL);
    r.bytes = 0;
    assert_int_equal(su_store_fetch_parts(w->f->s, &p, &e), SU_OK);
    assert_true(su_store_has(w->f->s, none, NULL));
}

/* ---- peers ---------------------------------------------------------------------------------- */

static void test_liars(void **state)
{
    struct world *w = *state;
    static const struct {
        enum fault fault;
        enum su_code code;
        const char *text;
    } lies[] = {{WRONG_BYTES, SU_EDIGEST, "byte 2097152"},
                {WRONG_LEAVES, SU_EDIGEST, "leaf list"},
                {NO_RANGES, SU_ENET, ""},
                {WRONG_LIST, SU_ENET, "list"},
                {SHORT_LIST, SU_ENET, "length"},
                {ALL_404, SU_ENOENT, "1 peers"}};
    struct su_err e;
    uint8_t id[32];

    assert_int_equal(su_store_put_bytes(w->peer[1].s, w->data, SIZE, id, &e), SU_OK);
    for (size_t i = 0; i < SU_ARRAY_LEN(lies); i++) {
        w->peer[0].fault = lies[i].fault;
        refuse(w, MIB, 5 * MIB, w->peer[0].url, NULL, lies[i].code, lies[i].text);
        if (lies[i].fault == WRONG_BYTES) { /* what was good of it stays */
            reads(w->f->s, w, MIB, MIB);
            cannot_read(w->f->s, w, 2 * MIB, 1, SU_ENOENT, "");
        }
        forget(w);
        fetch_ok(w->f->s, w, MIB, 5 * MIB, w->peer[0].url, w->peer[1].url);
        reads(w->f->s, w, MIB, 5 * MIB);
        assert_true(atomic_load(&w->peer[0].ranges) <= (lies[i].fault == ALL_404 ? 2 : 1));
        forget(w);
    }
}

/* Peers of the store come after those of the call. */
static void test_own_peers(void **state)
{
    struct world *w = *state;
    const char *own[2] = {w->peer[1].url, w->peer[0].url};
    const struct su_store_opts o = {.peers = own, .npeers = 2};

    fixture_reopen(w->f, &o);
    fetch_ok(w->f->s, w, 0, 1, w->peer[1].url, NULL);
    assert_int_equal(atomic_load(&w->peer[1].hits), 1); /* for the list */
    assert_int_equal(atomic_load(&w->peer[0].ranges), 1);
}

/* Two that hold a part each make a third whole. */
static void test_parts_are_served(void **state)
{
    struct world *w = *state;
    char dir[260];
    struct su_store *other;
    struct su_http_reply reply;
    struct su_err e;
    char url[300], hex[65];
    const struct su_http_header past = {"Range", "bytes=13631488-13631489"},
                                odd = {"Range", "bytes=-5"}, one = {"Range", "bytes=5-9"};

    beside(w->f, "third", dir);
    assert_int_equal(su_store_open(dir, NULL, &other, &e), SU_OK);
    fetch_ok(w->peer[1].s, w, 0, 13 * MIB, w->peer[0].url, NULL);
    fetch_ok(other, w, 10 * MIB, SIZE - 10 * MIB, w->peer[0].url, NULL);
    su_store_close(w->peer[0].s);
    assert_int_equal(su_store_open(dir, NULL, &w->peer[0].s, &e), SU_OK);
    su_store_close(other);
    fetch_ok(w->f->s, w, 0, SIZE, w->peer[0].url, w->peer[1].url);
    assert_blob(w->f, w->id, w->data, SIZE);
    forget(w);
    refuse(w, 0, SIZE, w->peer[1].url, NULL, SU_ENOENT, "1 peers");
    reads(w->f->s, w, 0, 13 * MIB);
    fetch_ok(w->f->s, w, 0, SIZE, w->peer[1].url, w->peer[0].url);
    assert_blob(w->f, w->id, w->data, SIZE);

    su_hex_encode(w->id, 32, hex, sizeof hex);
    snprintf(url, sizeof url, "%s/blob/%s", w->peer[1].url, hex);
#define ASK(header, n, want)                                                                       \
    do {                                                                                           \
        assert_int_equal(su_http_request("GET", url, header, n, NULL, 0, NULL, &reply, &e),        \
                         SU_OK);                                                                   \
        assert_int_equal(reply.status, want);                                                      \
    } while (0)
    ASK(NULL, 0, 404);
    su_http_reply_fini(&reply);
    ASK(&past, 1, 404);
    su_http_reply_fini(&reply);
    ASK(&odd, 1, 404);
    su_http_reply_fini(&reply);
    ASK(&one, 1, 206);
    assert_int_equal(reply.body.len, 5);
    assert_memory_equal(reply.body.data, w->data + 5, 5);
    su_http_reply_fini(&reply);
    su_str_copy(url + strlen(url), 10, ".have");
    ASK(NULL, 0, 200);
    assert_int_equal(reply.body.len, 3);
    assert_memory_equal(reply.body.data, "\xff\x1f\x00", 3);
    su_http_reply_fini(&reply);
    fetch_ok(w->peer[1].s, w, 0, SIZE, w->peer[0].url, NULL); /* the chunks that one has */
    ASK(NULL, 0, 200);
    assert_memory_equal(reply.body.data, "\xff\xff\xff", 3);
    su_http_reply_fini(&reply);
}

/* A store on a raw connection, so that it can stop in the middle of an answer. */
struct raw {
    const struct world *w;
    const uint8_t *leaves;
    bool slow; /* else dies */
};

static void serve_raw(void *ctx, int fd, const char *request, unsigned n)
{
    const struct raw *r = ctx;
    uint64_t first = raw_range_start(request);
    char head[200];

    (void)n;
    if (strstr(request, ".leaves ") != NULL) {
        snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", CHUNKS * 32);
        raw_send_text(fd, head);
        raw_send(fd, r->leaves, CHUNKS * 32);
        return;
    }
    snprintf(head, sizeof head,
             "HTTP/1.1 206 Partial Content\r\nContent-Length: %u\r\n"
             "Content-Range: bytes %llu-%llu/%d\r\n\r\n",
             4 * MIB, (unsigned long long)first, (unsigned long long)first + 4 * MIB - 1, SIZE);
    raw_send_text(fd, head);
    raw_send(fd, r->w->data + first, MIB / 3);
    for (int i = 0; r->slow && i < 2000; i++) {
        raw_send(fd, r->w->data + first + MIB / 3 + i, 1);
        raw_pause(fd, 50);
    }
}

static void test_dying_and_slow(void **state)
{
    struct world *w = *state;
    struct raw r = {.w = w};
    uint8_t *leaves;
    size_t n;
    char url[100];
    struct su_err e;

    assert_int_equal(su_store_leaves(w->peer[0].s, w->id, &leaves, &n, &e), SU_OK);
    r.leaves = leaves;
    for (int slow = 0; slow < 2; slow++) {
        r.slow = slow == 1;
        struct raw_server *raw = raw_server_start(serve_raw, &r);
        snprintf(url, sizeof url, "http://127.0.0.1:%u/", raw_server_port(raw));
        if (!r.slow) {
            refuse(w, 0, 4 * MIB, url, NULL, SU_ETRUNC, "");
            assert_int_equal(count_blobs(w->f), 1); /* the list came */
            cannot_read(w->f->s, w, 0, 1, SU_ENOENT, "");
        }
        uint64_t start = su_clock_mono_ns();
        fetch_ok(w->f->s, w, 0, 4 * MIB, url, w->peer[0].url);
        assert_true(su_clock_mono_ns() - start < UINT64_C(60000000000));
        reads(w->f->s, w, 0, 4 * MIB);
        assert_true(raw_server_hits(raw) >= 1);
        raw_server_stop(raw);
        forget(w);
    }
    free(leaves);
}

/* ---- ends of calls and of processes --------------------------------------------------------- */

static bool yes(void *ctx)
{
    (void)ctx;
    return true;
}

struct until {
    uint64_t bytes, last;
    bool kill;
};

static void die_at(void *ctx, const struct su_progress *p)
{
    struct until *u = ctx;

    if (p->total != 0 && p->total != (uint64_t)CHUNKS * MIB) {
        abort();
    }
    u->last = p->done;
    if (u->kill && p->done >= u->bytes) {
        kill(getpid(), SIGKILL);
    }
}

static bool has_come(void *ctx)
{
    struct until *u = ctx;

    return u->last >= u->bytes;
}

static enum su_code fetch_all(struct su_store *s, const struct world *w,
                              const struct su_store_hooks *h, struct su_err *e)
{
    const struct su_store_range all = {0, SIZE};
    const char *peer = w->peer[0].url;
    const struct su_store_parts p = {
        .id = w->id, .range = &all, .n_range = 1, .peers = &peer, .n_peers = 1, .hooks = *h};

    return su_store_fetch_parts(s, &p, e);
}

static void test_cancelled(void **state)
{
    struct world *w = *state;
    struct until u = {.bytes = 5 * MIB};
    struct su_store_hooks h = {.cancelled = yes};
    struct su_err e;

    assert_int_equal(fetch_all(w->f->s, w, &h, &e), SU_ECANCELLED);
    h = (struct su_store_hooks){.deadline_ms = 1};
    assert_int_equal(fetch_all(w->f->s, w, &h, &e), SU_ETIMEOUT);
    h = (struct su_store_hooks){.cancelled = has_come, .progress = die_at, .ctx = &u};
    forget(w);
    assert_int_equal(fetch_all(w->f->s, w, &h, &e), SU_ECANCELLED);
    h = (struct su_store_hooks){0};
    assert_int_equal(fetch_all(w->f->s, w, &h, &e), SU_OK);
    unsigned twice = 0;
    for (int i = 0; i < CHUNKS; i++) {
        assert_in_range(atomic_load(&w->peer[0].asked[i]), 1, 2);
        twice += atomic_load(&w->peer[0].asked[i]) == 2;
    }
    assert_true(twice <= 16); /* one request that was broken off */
    assert_blob(w->f, w->id, w->data, SIZE);
}

static int child(struct world *w, uint64_t kill_at)
{
    struct until u = {.bytes = kill_at, .kill = kill_at > 0};
    struct su_store_hooks h = {.progress = die_at, .ctx = &u};
    struct su_store *s;
    struct su_err e;

    if (su_store_open(w->f->dir, NULL, &s, &e) != SU_OK) {
        return 1;
    }
    return fetch_all(s, w, &h, &e) == SU_OK ? 0 : 2;
}

static pid_t spawn(struct world *w, uint64_t kill_at)
{
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        _exit(child(w, kill_at));
    }
    return pid;
}

static void test_killed(void **state)
{
    struct world *w = *state;
    int status = -1;
    struct su_store_hooks none = {0};
    struct su_err e;

    for (uint64_t at = 4; at <= 20; at += 8) {
        assert_int_equal(waitpid(spawn(w, at * MIB), &status, 0) > 0, 1);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        assert_false(su_store_has(w->f->s, w->id, NULL));
        reads(w->f->s, w, 0, (size_t)at * MIB);
        assert_int_equal(su_store_gc(w->f->s, UINT64_MAX, NULL, &e), SU_OK);
        assert_int_equal(su_store_verify(w->f->s, NULL, NULL, NULL, NULL, NULL, NULL, &e), SU_OK);
    }
    assert_int_equal(fetch_all(w->f->s, w, &none, &e), SU_OK);
    assert_blob(w->f, w->id, w->data, SIZE);
    for (int i = 0; i < CHUNKS; i++) {
        assert_int_equal(atomic_load(&w->peer[0].asked[i]), 1);
    }
}

static void test_two_at_once(void **state)
{
    struct world *w = *state;
    int status[2] = {-1, -1};
    pid_t pid[2] = {spawn(w, 0), spawn(w, 0)};

    for (int i = 0; i < 2; i++) {
        assert_int_equal(waitpid(pid[i], &status[i], 0), pid[i]);
        assert_true(WIFEXITED(status[i]));
        assert_int_equal(WEXITSTATUS(status[i]), 0);
    }
    for (int i = 0; i < CHUNKS; i++) {
        assert_int_equal(atomic_load(&w->peer[0].asked[i]), 1);
    }
    assert_blob(w->f, w->id, w->data, SIZE);
}

/* ---- keeping -------------------------------------------------------------------------------- */

static bool see_one(void *ctx, const struct su_store_entry *b)
{
    *(struct su_store_entry *)ctx = *b;
    return true;
}

static void spoil(struct world *w, const char *suffix, off_t at)
{
    char path[320];

    blob_path(w->f, w->id, suffix, path);
    assert_int_equal(chmod(path, 0600), 0);
    int fd = open(path, O_WRONLY);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, "\x00\x01\x02", 3, at), 3);
    close(fd);
}

static void note_bad(void *ctx, const struct su_store_bad *b)
{
    *(struct su_store_bad *)ctx = *b;
}

static void test_damage(void **state)
{
    struct world *w = *state;
    const char *url = w->peer[0].url;
    struct su_store_bad bad;
    struct su_store_entry entry;
    uint64_t checked, damaged;
    char path[320];
    struct su_err e;

    fetch_ok(w->f->s, w, 0, 4 * MIB, url, NULL);
    spoil(w, ".chunks", 2 * MIB + 9);
    reads(w->f->s, w, 0, 2 * MIB);
    cannot_read(w->f->s, w, 2 * MIB, 1, SU_EDIGEST, "byte 2097152");
    assert_int_equal(su_store_verify(w->f->s, w->id, NULL, note_bad, &bad, &checked, &damaged, &e),
                     SU_EDIGEST);
    assert_int_equal(checked, 1);
    assert_int_equal(damaged, 1);
    assert_memory_equal(bad.id, w->id, 32);
    assert_non_null(strstr(bad.err.msg, "byte 2097152"));
    cannot_read(w->f->s, w, 2 * MIB, 1, SU_ENOENT, "");
    reads(w->f->s, w, 3 * MIB, MIB);
    assert_int_equal(su_store_ls(w->f->s, see_one, &entry, &e), SU_OK);
    assert_true(entry.partial);
    assert_int_equal(entry.bytes, 3 * MIB);
    atomic_store(&w->peer[0].ranges, 0);
    fetch_ok(w->f->s, w, 0, 4 * MIB, url, NULL);
    assert_int_equal(atomic_load(&w->peer[0].ranges), 1);
    assert_int_equal(atomic_load(&w->peer[0].asked[2]), 2);
    assert_int_equal(atomic_load(&w->peer[0].asked[3]), 1);

    /* The end of the file is gone, then all of it, then the list. */
    blob_path(w->f, w->id, ".chunks", path);
    assert_int_equal(truncate(path, MIB), 0);
    cannot_read(w->f->s, w, 2 * MIB, 1, SU_ETRUNC, "ends");
    assert_int_equal(su_store_verify(w->f->s, NULL, NULL, NULL, NULL, NULL, NULL, &e), SU_EDIGEST);
    cannot_read(w->f->s, w, 2 * MIB, 1, SU_ENOENT, "");
    fetch_ok(w->f->s, w, 0, 4 * MIB, url, NULL);
    assert_int_equal(truncate(path, MIB), 0);
    fetch_ok(w->f->s, w, 0, 4 * MIB, url, NULL);
    reads(w->f->s, w, 0, 4 * MIB);
    assert_int_equal(unlink(path), 0);
    cannot_read(w->f->s, w, 0, 1, SU_ENOENT, "parts");
    fetch_ok(w->f->s, w, 0, 4 * MIB, url, NULL);
    reads(w->f->s, w, 0, 4 * MIB);
    spoil(w, ".leaves", 40);
    cannot_read(w->f->s, w, 0, 1, SU_EDIGEST, "leaf list");
    fetch_ok(w->f->s, w, 0, 4 * MIB, url, NULL);
    reads(w->f->s, w, 0, 4 * MIB);
}

static void test_budget(void **state)
{
    struct world *w = *state;
    const struct su_store_opts o = {.budget_bytes = 6 * MIB};
    const char *url = w->peer[0].url;
    struct su_store_gc_report r;
    struct su_store_entry entry;
    uint8_t id[32];
    struct su_err e;

    fixture_reopen(w->f, &o);
    fetch_ok(w->f->s, w, 0, 4 * MIB, url, NULL);
    refuse(w, 4 * MIB, 4 * MIB, url, NULL, SU_ELIMIT, "budget");
    reads(w->f->s, w, 0, 4 * MIB);
    assert_int_equal(su_store_pin(w->f->s, w->id, &e), SU_OK);
    uint8_t *other = make_bytes(5 * MIB, 3);
    assert_int_equal(su_store_put_bytes(w->f->s, other, 5 * MIB, id, &e), SU_ELIMIT);
    assert_int_equal(su_store_unpin(w->f->s, w->id, &e), SU_OK);
    assert_int_equal(su_store_unpin(w->f->s, w->id, &e), SU_EINVAL);
    assert_int_equal(su_store_put_bytes(w->f->s, other, 5 * MIB, id, &e), SU_OK);
    cannot_read(w->f->s, w, 0, 1, SU_ENOENT, "no such blob");
    fetch_ok(w->f->s, w, 0, 4 * MIB, url, NULL);
    assert_int_equal(count_blobs(w->f), 1);
    assert_int_equal(su_store_gc(w->f->s, 0, &r, &e), SU_OK);
    assert_int_equal(r.removed_blobs, 1);
    assert_int_equal(r.removed_bytes, 4 * MIB);
    assert_int_equal(su_store_gc(w->f->s, 0, &r, &e), SU_OK);
    assert_int_equal(r.removed_orphans, 0);

    /* A blob that comes as a whole takes the place of its parts; what they left is swept. */
    fixture_reopen(w->f, NULL);
    fetch_ok(w->f->s, w, 0, 4 * MIB, url, NULL);
    put_bytes(w->f, w->data, SIZE, id);
    assert_blob(w->f, w->id, w->data, SIZE);
    assert_int_equal(su_store_ls(w->f->s, see_one, &entry, &e), SU_OK);
    assert_false(entry.partial);
    char path[320];
    blob_path(w->f, w->id, ".chunks", path);
    assert_int_not_equal(access(path, F_OK), 0);
    write_file(path, "stray", 5);
    assert_int_equal(su_store_gc(w->f->s, UINT64_MAX, &r, &e), SU_OK);
    assert_int_equal(r.removed_orphans, 1);
    assert_blob(w->f, w->id, w->data, SIZE);
    free(other);
}

/* A download that was begun and never brought a byte is garbage after some days. */
static void test_begun_and_left(void **state)
{
    struct world *w = *state;
    struct su_err e;
    char path[260];
    sqlite3 *db;

    w->peer[0].fault = ALL_404;
    refuse(w, 0, 1, w->peer[0].url, NULL, SU_ENOENT, "");
    assert_int_equal(su_store_gc(w->f->s, UINT64_MAX, NULL, &e), SU_OK);
    assert_int_equal(count_blobs(w->f), 1);
    snprintf(path, sizeof path, "%s/store.db", w->f->dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(
        sqlite3_exec(db, "UPDATE blob SET used_ms=used_ms-604900000", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    assert_int_equal(su_store_gc(w->f->s, UINT64_MAX, NULL, &e), SU_OK);
    assert_int_equal(count_blobs(w->f), 0);
}

/* A store of the version before parts. */
static void test_upgrade(void **state)
{
    struct world *w = *state;
    struct su_err e;
    char path[260];
    uint8_t id[32];
    sqlite3 *db;

    put_bytes(w->f, "old", 3, id);
    su_store_close(w->f->s);
    w->f->s = NULL;
    snprintf(path, sizeof path, "%s/store.db", w->f->dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db,
                                  "ALTER TABLE blob DROP COLUMN chunks;"
                                  "ALTER TABLE blob DROP COLUMN have; PRAGMA user_version=1",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    sqlite3_close(db);
    fixture_reopen(w->f, NULL);
    assert_blob(w->f, id, "old", 3);
    fetch_ok(w->f->s, w, 0, MIB, w->peer[0].url, NULL);
    reads(w->f->s, w, 0, MIB);
    fixture_reopen(w->f, NULL);
    reads(w->f->s, w, 0, MIB);
    (void)e;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
        T(test_only_the_ranges),  T(test_refused),        T(test_liars),     T(test_own_peers),
        T(test_parts_are_served), T(test_dying_and_slow), T(test_cancelled), T(test_killed),
        T(test_two_at_once),      T(test_damage),         T(test_budget),    T(test_begun_and_left),
        T(test_upgrade),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
