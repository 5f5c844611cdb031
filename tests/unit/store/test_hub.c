// SPDX-License-Identifier: MIT
/* hf: URIs, against two servers that behave like huggingface.co: the hub, which knows the files and
   redirects, and the host that sends the large ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "crypto/crypto.h"
#include "fixture.h"
#include "http/http.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SIZE = 5 * 1024 * 1024 + 77 };

#define COMMIT "0123456789abcdef0123456789abcdef01234567"

struct world {
    struct fixture *f;
    uint8_t *data;
    char file[260], sha[70], cdn_url[120], endpoint[100];
    struct su_http_server *hub, *cdn;
    atomic_uint hub_hits, cdn_hits, hub_token, cdn_token, ranges, unmodified;
    bool tell_by_etag; /* the redirect bears the sha256 in ETag alone */
    bool small_changed;
};

static bool has_token(const struct su_http_call *c)
{
    const char *auth = su_http_call_header(c, "Authorization");

    return auth != NULL && strcmp(auth, "Bearer hf_secret") == 0;
}

static void on_hub(void *ctx, const struct su_http_call *c, struct su_http_answer *a)
{
    struct world *w = ctx;

    atomic_fetch_add(&w->hub_hits, 1);
    atomic_fetch_add(&w->hub_token, has_token(c));
    if (strstr(c->path, "/secret/") != NULL && !has_token(c)) {
        su_http_answer_text(a, 401, "no");
    } else if (su_str_ends(c->path, "/moved.gguf")) {
        su_http_answer_text(a, 307, "moved");
        su_http_answer_header(a, "Location", "/org/repo/resolve/main/big.gguf");
    } else if (su_str_ends(c->path, "/big.gguf")) {
        su_http_answer_text(a, 302, "there");
        su_http_answer_header(a, w->tell_by_etag ? "ETag" : "X-Linked-Etag", w->sha);
        su_http_answer_header(a, "Location", w->cdn_url);
    } else if (su_str_ends(c->path, "/small.json") ||
               strcmp(c->path, "/org/repo/resolve/main/a+dir/x#y?z.json") == 0) {
        su_http_answer_text(a, 200, w->small_changed ? "{\"b\":1}" : "{\"a\":1}");
    }
}

static void on_cdn(void *ctx, const struct su_http_call *c, struct su_http_answer *a)
{
    struct world *w = ctx;
    const char *match = su_http_call_header(c, "If-None-Match");

    atomic_fetch_add(&w->cdn_hits, 1);
    atomic_fetch_add(&w->cdn_token, su_http_call_header(c, "Authorization") != NULL);
    atomic_fetch_add(&w->ranges, su_http_call_header(c, "Range") != NULL);
    atomic_fetch_add(&w->unmodified, match != NULL && strcmp(match, "\"cdn\"") == 0);
    su_http_answer_file(a, c, w->file, "cdn", NULL);
}

static int world_setup(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    const struct su_http_server_opts hub = {.handler = on_hub, .ctx = w, .bind = "0.0.0.0"};
    const struct su_http_server_opts cdn = {.handler = on_cdn, .ctx = w};
    uint8_t digest[SU_SHA256_BYTES];
    void *fixture;
    struct su_err e;

    if (w == NULL || fixture_setup(&fixture) != 0) {
        return 1;
    }
    w->f = fixture;
    *state = w;
    beside(w->f, "big", w->file);
    w->data = make_bytes(SIZE, 42);
    write_file(w->file, w->data, SIZE);
    su_sha256(w->data, SIZE, digest);
    w->sha[0] = '"';
    su_hex_encode(digest, sizeof digest, w->sha + 1, sizeof w->sha - 1);
    strcat(w->sha, "\"");
    if (su_http_server_start(&hub, &w->hub, &e) != SU_OK ||
        su_http_server_start(&cdn, &w->cdn, &e) != SU_OK) {
        return 1;
    }
    snprintf(w->endpoint, sizeof w->endpoint, "http://127.0.0.1:%u/", su_http_server_port(w->hub));
    snprintf(w->cdn_url, sizeof w->cdn_url, "http://127.0.0.1:%u/blob?sig=1",
             su_http_server_port(w->cdn));
    setenv("SPLITUP_HF_ENDPOINT", w->endpoint, 1);
    setenv("HF_TOKEN", "hf_secret", 1);
    unsetenv("HF_HUB_OFFLINE");
    return 0;
}

static int world_teardown(void **state)
{
    struct world *w = *state;
    void *fixture = w->f;

    unsetenv("SPLITUP_HF_ENDPOINT");
    unsetenv("HF_ENDPOINT");
    unsetenv("HF_TOKEN");
    unsetenv("HF_HUB_OFFLINE");
    su_http_server_stop(w->hub);
    su_http_server_stop(w->cdn);
    free(w->data);
    free(w);
    return fixture_teardown(&fixture);
}

static void fetch_ok(struct world *w, const char *uri, uint8_t id[32])
{
    struct su_err e = {0};

    if (su_store_fetch(w->f->s, uri, NULL, id, &e) != SU_OK) {
        fail_msg("%s: %s %s", uri, e.at, e.msg);
    }
}

static void fetch_fails(struct world *w, const char *uri, enum su_code code, const char *word)
{
    struct su_err e = {0};
    uint8_t id[32];

    assert_int_equal(su_store_fetch(w->f->s, uri, NULL, id, &e), code);
    assert_int_equal(e.code, code);
    if (strstr(e.msg, word) == NULL && strstr(e.at, word) == NULL) {
        fail_msg("no \"%s\" in: %s: %s", word, e.at, e.msg);
    }
}

/* A large file: verified, with the token for the hub alone, and not sent twice. */
static void test_large(void **state)
{
    struct world *w = *state;
    uint8_t id[32], again[32];
    char path[SU_STORE_PATH_MAX], want[320];
    struct su_err e = {0};

    fetch_ok(w, "hf://org/repo/big.gguf", id);
    assert_blob(w->f, id, w->data, SIZE);
    assert_int_equal(w->hub_token, 1);
    assert_int_equal(w->cdn_token, 0);
    assert_int_equal(w->cdn_hits, 1);
    fetch_ok(w, "hf://org/repo/big.gguf@main", again);
    assert_memory_equal(id, again, 32);
    assert_int_equal(w->unmodified, 1); /* asked again, sent nothing */
    assert_int_equal(su_store_where(w->f->s, id, path, &e), SU_OK);
    blob_path(w->f, id, "", want);
    assert_string_equal(path, want);
    id[0] ^= 1;
    assert_int_equal(su_store_where(w->f->s, id, path, &e), SU_ENOENT);

    /* A redirect within the host keeps the token, and the digest is told behind it. */
    fetch_ok(w, "hf://org/repo/moved.gguf", again);
    assert_int_equal(w->hub_token, 4);
    assert_int_equal(w->cdn_token, 0);
    assert_int_equal(count_blobs(w->f), 1);
}

static void test_damaged(void **state)
{
    struct world *w = *state;

    for (unsigned by_etag = 0; by_etag < 2; by_etag++) {
        w->tell_by_etag = by_etag != 0;
        w->data[SIZE / 2] ^= 1;
        write_file(w->file, w->data, SIZE);
        fetch_fails(w, "hf://org/repo/big.gguf", SU_EDIGEST, "sha256");
        assert_int_equal(count_blobs(w->f), 0);
        assert_int_equal(count_files(w->f, "tmp"), 0);
        w->data[SIZE / 2] ^= 1;
        write_file(w->file, w->data, SIZE);
    }
    uint8_t id[32];
    fetch_ok(w, "hf://org/repo/big.gguf", id);
    assert_blob(w->f, id, w->data, SIZE);
}

struct stopper {
    uint64_t at;
    bool reached;
};

static void on_progress(void *ctx, const struct su_progress *p)
{
    struct stopper *s = ctx;

    s->reached |= p->done >= s->at;
}

static bool on_cancelled(void *ctx)
{
    struct stopper *s = ctx;

    return s->reached;
}

/* What an interrupted call left is continued, and held to the digest as a whole. */
static void test_resumed(void **state)
{
    struct world *w = *state;
    uint8_t id[32];
    struct su_err e = {0};
    char part[600], command[800];
    struct stopper stop = {1, false};
    const struct su_store_fetch f = {.hooks = {on_cancelled, on_progress, &stop, 0}};

    /* A part of the first MiB with its validator, as a killed process leaves it. */
    enum su_code c = su_store_fetch(w->f->s, "hf://org/repo/big.gguf", &f, id, &e);
    if (c == SU_OK) {
        skip(); /* all of it came at once */
    }
    assert_int_equal(c, SU_ECANCELLED);
    assert_int_equal(count_blobs(w->f), 0);
    assert_int_equal(count_files(w->f, "tmp"), 2);
    fetch_ok(w, "hf://org/repo/big.gguf", id);
    assert_true(w->ranges > 0);
    assert_blob(w->f, id, w->data, SIZE);

    /* A damaged part is found out, and fetched anew. */
    assert_int_equal(su_store_gc(w->f->s, 0, NULL, &e), SU_OK);
    stop.reached = false;
    c = su_store_fetch(w->f->s, "hf://org/repo/big.gguf", &f, id, &e);
    if (c == SU_ECANCELLED) {
        snprintf(part, sizeof part, "%s/tmp", w->f->dir);
        snprintf(command, sizeof command,
                 "for p in %s/*.part; do printf x | dd of=$p conv=notrunc status=none; done", part);
        assert_int_equal(system(command), 0);
        fetch_ok(w, "hf://org/repo/big.gguf", id);
        assert_blob(w->f, id, w->data, SIZE);
    }
    assert_int_equal(count_files(w->f, "tmp"), 0);
}

static void test_refused(void **state)
{
    struct world *w = *state;
    uint8_t id[32];

    fetch_fails(w, "hf://org/repo/none.gguf", SU_ENOENT, "repository, revision or file");
    fetch_ok(w, "hf://org/secret/small.json", id);
    setenv("HF_TOKEN", "hf_wrong", 1);
    fetch_fails(w, "hf://org/secret/small.json", SU_EACCES, "HF_TOKEN");
    unsetenv("HF_TOKEN");
    fetch_fails(w, "hf://org/secret/small.json", SU_EACCES, "HF_TOKEN");
    setenv("HF_TOKEN", "hf\nX: y", 1);
    fetch_fails(w, "hf://org/repo/small.json", SU_EINVAL, "HF_TOKEN");
    char *longest = calloc(1, 2000);
    memset(longest, 'a', 1999);
    setenv("HF_TOKEN", longest, 1);
    fetch_fails(w, "hf://org/repo/small.json", SU_EINVAL, "longer");
    free(longest);
    unsetenv("HF_TOKEN");
    setenv("SPLITUP_HF_ENDPOINT", "ftp://x", 1);
    fetch_fails(w, "hf://org/repo/small.json", SU_EINVAL, "SPLITUP_HF_ENDPOINT");
    fetch_fails(w, "hf://org/repo", SU_EINVAL, "names no file");
    char *far = calloc(1, 4200);
    memset(far, 'a', 4100);
    memcpy(far, "http://", 7);
    setenv("SPLITUP_HF_ENDPOINT", far, 1);
    fetch_fails(w, "hf://org/repo/small.json", SU_ELIMIT, "longer");
    free(far);
}

/* The token goes over https or to this machine by its usual names only. */
static void test_token_stays(void **state)
{
    struct world *w = *state;
    uint8_t id[32];
    char url[100];

    unsetenv("SPLITUP_HF_ENDPOINT");
    snprintf(url, sizeof url, "http://127.0.0.2:%u", su_http_server_port(w->hub));
    setenv("HF_ENDPOINT", url, 1);
    fetch_ok(w, "hf://org/repo/small.json", id);
    assert_int_equal(w->hub_hits, 1);
    assert_int_equal(w->hub_token, 0);
    snprintf(url, sizeof url, "http://localhost:%u", su_http_server_port(w->hub));
    setenv("HF_ENDPOINT", url, 1);
    fetch_ok(w, "hf://org/repo/small.json", id);
    assert_int_equal(w->hub_token, 1);
}

static void test_commit(void **state)
{
    struct world *w = *state;
    uint8_t id[32], again[32];
    struct su_err e = {0};

    /* What a commit names is asked for once ... */
    fetch_ok(w, "hf://org/repo/small.json@" COMMIT, id);
    assert_blob(w->f, id, "{\"a\":1}", 7);
    fetch_ok(w, "hf://org/repo/small.json@" COMMIT, again);
    assert_int_equal(w->hub_hits, 1);
    /* ... and, once gone, must come back the same. */
    assert_int_equal(su_store_gc(w->f->s, 0, NULL, &e), SU_OK);
    w->small_changed = true;
    fetch_fails(w, "hf://org/repo/small.json@" COMMIT, SU_EDIGEST, "earlier");
    assert_int_equal(count_blobs(w->f), 0);
    w->small_changed = false;
    fetch_ok(w, "hf://org/repo/small.json@" COMMIT, again);
    assert_memory_equal(id, again, 32);
    /* A branch may change. */
    fetch_ok(w, "hf://org/repo/small.json", id);
    w->small_changed = true;
    fetch_ok(w, "hf://org/repo/small.json", again);
    assert_blob(w->f, again, "{\"b\":1}", 7);
    fetch_ok(w, "hf://org/repo/small.json@refs/pr/1", id);
    fetch_ok(w, "hf://org/repo/a+dir/x#y?z.json", id); /* reaches the server as it is written */
}

static void test_out_of_reach(void **state)
{
    struct world *w = *state;
    uint8_t id[32], again[32];

    fetch_ok(w, "hf://org/repo/small.json", id);
    setenv("HF_HUB_OFFLINE", "1", 1);
    fetch_ok(w, "hf://org/repo/small.json", again);
    assert_memory_equal(id, again, 32);
    assert_int_equal(w->hub_hits, 1);
    fetch_fails(w, "hf://org/repo/big.gguf", SU_ENET, "HF_HUB_OFFLINE");
    setenv("HF_HUB_OFFLINE", "0", 1);
    su_http_server_stop(w->hub);
    w->hub = NULL;
    su_log_stderr(-1);
    fetch_ok(w, "hf://org/repo/small.json", again);
    su_log_stderr(SU_LOG_WARN);
    assert_memory_equal(id, again, 32);
    fetch_fails(w, "hf://org/repo/big.gguf", SU_ENET, "127.0.0.1");
}

#define HUB_TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        HUB_TEST(test_large),        HUB_TEST(test_damaged),     HUB_TEST(test_resumed),
        HUB_TEST(test_refused),      HUB_TEST(test_token_stays), HUB_TEST(test_commit),
        HUB_TEST(test_out_of_reach),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
