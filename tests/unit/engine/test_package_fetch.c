// SPDX-License-Identifier: MIT
/* The weights of one task, and nothing else, from a peer's store. */
#include "unit.h"

#include "http/http.h"
#include "store/store.h"

#include <ftw.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WIDTH 1024u /* a weight of each task fills 4 chunks */
#define MIB (1024u * 1024u)

struct world {
    char root[200], dir[2][220], url[64];
    struct su_store *peer, *own;
    struct su_http_server *server;
    struct su_package *p;
    uint8_t id[32];
    struct weight_file file;
    atomic_uint ranges;
    atomic_ullong first, last; /* of the ranges asked for */
};

static void handle(void *ctx, const struct su_http_call *c, struct su_http_answer *a)
{
    struct world *w = ctx;
    const char *range = su_http_call_header(c, "Range");
    unsigned long long first, last;

    if (range != NULL && sscanf(range, "bytes=%llu-%llu", &first, &last) == 2) {
        atomic_fetch_add(&w->ranges, 1);
        atomic_store(&w->first, SU_MIN(atomic_load(&w->first), first));
        atomic_store(&w->last, SU_MAX(atomic_load(&w->last), last));
    }
    (void)su_store_serve(w->peer, c, a);
}

/* Two products, each with 4 MiB of weights, cut in two. */
static struct su_package *make_package(struct world *w)
{
    struct su_plan_opts o = {.t_max = 1};
    struct su_graph *g = su_graph_new();
    uint32_t x = add_input(g, "x", SU_ROWS, (struct su_shape){1, {WIDTH}});
    float *data = calloc(WIDTH * WIDTH, 4);
    const void *weight[2] = {data, data};
    const uint64_t target = 6 * MIB;
    struct su_package *p;
    struct su_plan *plan;
    struct su_buf b;
    struct su_err e = {0};

    for (uint32_t i = 0; i < WIDTH * WIDTH; i++)
        data[i] = (float)(i % 1009);
    for (uint32_t i = 0; i < 2; i++) {
        uint32_t m = add_weight(g, i ? "b" : "a", SU_F32, (struct su_shape){2, {WIDTH, WIDTH}});
        x = add_op(g, SU_OP_MATMUL, (uint32_t[]){x, m}, 2, NULL, 0);
    }
    add_output(g, "y", x);
    finish(g);
    w->file = weight_file_new(g, weight);
    must(su_store_put_bytes(w->peer, w->file.bytes.data, w->file.bytes.len, w->id, &e), &e);
    o.target = &target;
    o.n_target = 1;
    must(su_plan_build(g, &o, &plan, &e), &e);
    assert_int_equal(plan->n_task, 2);
    su_buf_init(&b, 0);
    must(su_package_encode(&(struct su_package_of){"two", plan, w->file.weights, w->id, NULL, 0},
                           &b, &e),
         &e);
    must(su_package_decode(b.data, b.len, &p, &e), &e);
    su_buf_fini(&b);
    su_plan_free(plan);
    su_graph_free(g);
    free(data);
    return p;
}

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    const struct su_http_server_opts o = {.handler = handle, .ctx = w};
    const char *base = getenv("TMPDIR");
    struct su_err e = {0};

    snprintf(w->root, sizeof w->root, "%s/su-package-XXXXXX", base && *base ? base : "/tmp");
    assert_non_null(mkdtemp(w->root));
    snprintf(w->dir[0], sizeof w->dir[0], "%s/peer", w->root);
    snprintf(w->dir[1], sizeof w->dir[1], "%s/own", w->root);
    must(su_store_open(w->dir[0], NULL, &w->peer, &e), &e);
    must(su_store_open(w->dir[1], NULL, &w->own, &e), &e);
    must(su_http_server_start(&o, &w->server, &e), &e);
    snprintf(w->url, sizeof w->url, "http://127.0.0.1:%u", su_http_server_port(w->server));
    w->p = make_package(w);
    *state = w;
    return 0;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    (void)st;
    (void)kind;
    (void)ftw;
    return remove(path);
}

static int teardown(void **state)
{
    struct world *w = *state;

    su_http_server_stop(w->server);
    su_package_free(w->p);
    su_store_close(w->peer);
    su_store_close(w->own);
    weight_file_fini(&w->file);
    nftw(w->root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(w);
    return 0;
}

static void see(void *ctx, const struct su_progress *p)
{
    *(struct su_progress *)ctx = *p;
}

/* Fetches a task and looks at which bytes went out for it. */
static void fetch(struct world *w, uint32_t task)
{
    const struct su_manifest *m = &w->p->task[task].manifest;
    const char *peers[] = {w->url};
    struct su_progress seen = {0};
    const struct su_store_hooks hooks = {.progress = see, .ctx = &seen, .deadline_ms = 60000};
    uint64_t first = UINT64_MAX, last = 0;
    struct su_err e = {0};

    atomic_store(&w->ranges, 0);
    atomic_store(&w->first, UINT64_MAX);
    atomic_store(&w->last, 0);
    must(su_package_fetch(w->p, task, w->own, peers, 1, &hooks, &e), &e);
    for (uint32_t i = 0; i < m->n_entry; i++) {
        uint8_t *got = malloc(m->entry[i].bytes);
        assert_non_null(got);
        must(
            su_store_read(w->own, m->entry[i].blob, m->entry[i].offset, got, m->entry[i].bytes, &e),
            &e);
        assert_memory_equal(got, w->file.bytes.data + m->entry[i].offset, m->entry[i].bytes);
        free(got);
        first = SU_MIN(first, m->entry[i].offset);
        last = SU_MAX(last, m->entry[i].offset + m->entry[i].bytes);
    }
    assert_true(atomic_load(&w->ranges) >= 1);
    assert_true(atomic_load(&w->first) >= first / MIB * MIB);
    assert_true(atomic_load(&w->last) < (last + MIB - 1) / MIB * MIB);
    assert_true(seen.total >= last - first && seen.done == seen.total);
}

static void test_own_ranges(void **state)
{
    struct world *w = *state;
    const struct su_manifest_entry *other = &w->p->task[1].manifest.entry[0];
    uint8_t byte;
    struct su_err e = {0};

    fetch(w, 0);
    assert_false(su_store_has(w->own, w->id, NULL));
    assert_int_equal(
        su_store_read(w->own, other->blob, other->offset + other->bytes - 1, &byte, 1, &e),
        SU_ENOENT);
    unsigned asked = atomic_load(&w->ranges);
    const char *peers[] = {w->url};
    must(su_package_fetch(w->p, 0, w->own, peers, 1, NULL, &e), &e);
    assert_int_equal(atomic_load(&w->ranges), asked); /* all is here */
    fetch(w, 1);
    assert_true(su_store_has(w->own, w->id, NULL));
}

static bool always(void *ctx)
{
    (void)ctx;
    return true;
}

static void test_refused(void **state)
{
    struct world *w = *state;
    const char *peers[] = {w->url};
    struct su_store_hooks hooks = {.cancelled = always};
    struct su_err e = {0};

    assert_int_equal(su_package_fetch(w->p, 2, w->own, peers, 1, NULL, &e), SU_EINVAL);
    err_matches(&e, SU_EINVAL, "no task 2");
    assert_int_equal(su_package_fetch(w->p, 0, w->own, NULL, 0, NULL, &e), SU_ENOENT);
    assert_int_equal(su_package_fetch(w->p, 0, w->own, peers, 1, &hooks, &e), SU_ECANCELLED);
    hooks = (struct su_store_hooks){.deadline_ms = 1};
    assert_int_equal(su_package_fetch(w->p, 0, w->own, peers, 1, &hooks, &e), SU_ETIMEOUT);
}

/* ---- publishing ----------------------------------------------------------------------------- */

static void test_uri(void **state)
{
    static const char *const odd[] = {"",
                                      "sha256:",
                                      "sha256:00",
                                      "file:///blob/",
                                      "http://h:1/blob/",
                                      "ftp://h/blob/%s",
                                      "http://h:1/%s",
                                      "sha256:%s0",
                                      "http://h:1/blob/%s.leaves"};
    char hex[65], text[300], peer[SU_PACKAGE_PEER_MAX], far[SU_PACKAGE_PEER_MAX];
    uint8_t id[32] = {1, 2, 3}, got[32];
    struct su_err e = {0};

    (void)state;
    (void)su_hex_encode(id, 32, hex, sizeof hex);
    snprintf(text, sizeof text, "sha256:%s", hex);
    must(su_package_uri_parse(text, got, peer, &e), &e);
    assert_memory_equal(got, id, 32);
    assert_string_equal(peer, "");
    snprintf(text, sizeof text, "https://host.example:8898/blob/%s", hex);
    must(su_package_uri_parse(text, got, peer, &e), &e);
    assert_memory_equal(got, id, 32);
    assert_string_equal(peer, "https://host.example:8898");
    for (size_t i = 0; i < SU_ARRAY_LEN(odd); i++) {
        const char *mark = strstr(odd[i], "%s");
        snprintf(text, sizeof text, "%.*s%s%s", (int)(mark ? mark - odd[i] : 300), odd[i],
                 mark ? hex : "", mark ? mark + 2 : "");
        assert_int_equal(su_package_uri_parse(text, got, peer, &e), SU_EUNSUPPORTED);
    }
    memset(far, 'x', sizeof far - 1);
    far[sizeof far - 1] = 0;
    snprintf(text, sizeof text, "http://%s/blob/%s", far, hex);
    assert_int_equal(su_package_uri_parse(text, got, peer, &e), SU_EUNSUPPORTED);
    err_matches(&e, SU_EUNSUPPORTED, "names no package");
}

/* From a file on disk into a store, from there to somebody who has the URI alone. */
static void test_publish(void **state)
{
    struct world *w = *state;
    const uint64_t target = 6 * MIB;
    const struct su_plan_opts o = {.target = &target, .n_target = 1, .t_max = 1};
    struct su_package *made, *dry, *got;
    struct su_weights *weights;
    struct su_plan *plan;
    struct su_graph *g = su_graph_new();
    char path[240], uri[200], hex[65];
    uint8_t id[32], dry_id[32];
    struct su_store_hooks hooks = {.cancelled = always};
    struct su_err e = {0};
    uint32_t x = add_input(g, "x", SU_ROWS, (struct su_shape){1, {WIDTH}});

    for (uint32_t i = 0; i < 2; i++) {
        uint32_t m = add_weight(g, i ? "b" : "a", SU_F32, (struct su_shape){2, {WIDTH, WIDTH}});
        x = add_op(g, SU_OP_MATMUL, (uint32_t[]){x, m}, 2, NULL, 0);
    }
    add_output(g, "y", x);
    finish(g);
    must(su_plan_build(g, &o, &plan, &e), &e);
    snprintf(path, sizeof path, "%s/model.safetensors", w->root);
    must(su_file_write(path, w->file.bytes.data, w->file.bytes.len, 0600, &e), &e);
    must(su_weights_open(path, &weights, &e), &e);

    must(su_package_publish(&(struct su_package_of){"two", plan, weights, NULL, NULL, 0}, NULL,
                            NULL, &dry, dry_id, &e),
         &e);
    assert_int_equal(
        su_package_publish(&(struct su_package_of){"two", plan, weights, NULL, NULL, 0}, NULL,
                           &hooks, &made, id, &e),
        SU_ECANCELLED);
    assert_null(made);
    assert_int_equal(
        su_package_publish(&(struct su_package_of){"two", plan, weights, NULL, NULL, 0}, w->peer,
                           &hooks, &made, id, &e),
        SU_ECANCELLED);
    assert_int_equal(su_package_publish(&(struct su_package_of){"", plan, weights, NULL, NULL, 0},
                                        w->peer, NULL, &made, id, &e),
                     SU_EINVAL);
    must(su_package_publish(&(struct su_package_of){"two", plan, weights, NULL, NULL, 0}, w->peer,
                            NULL, &made, id, &e),
         &e);
    assert_memory_equal(id, dry_id, 32);
    assert_memory_equal(made->digest, dry->digest, 32);
    assert_memory_equal(made->digest, w->p->digest, 32);
    assert_true(su_store_has(w->peer, id, NULL));
    assert_true(su_store_has(w->peer, w->id, NULL));

    (void)su_hex_encode(id, 32, hex, sizeof hex);
    snprintf(uri, sizeof uri, "sha256:%s", hex);
    assert_int_equal(su_package_open(uri, w->own, NULL, 0, NULL, &got, &e), SU_ENOENT);
    assert_null(got);
    assert_int_equal(su_package_open("nowhere", w->own, NULL, 0, NULL, &got, &e), SU_EUNSUPPORTED);
    snprintf(uri, sizeof uri, "http://127.0.0.1:1/blob/%s", hex);
    const struct su_store_hooks soon = {.deadline_ms = 2000}, late = {.deadline_ms = 60000};
    enum su_code rc = su_package_open(uri, w->own, NULL, 0, &soon, &got, &e);
    assert_true(rc == SU_ENET || rc == SU_ETIMEOUT);
    const char *peers[] = {"http://127.0.0.1:1", w->url};
    assert_int_equal(su_package_open(uri, w->own, peers, 2, &hooks, &got, &e), SU_ECANCELLED);
    must(su_package_open(uri, w->own, peers, 2, &late, &got, &e), &e);
    assert_memory_equal(got->digest, made->digest, 32);
    su_package_free(got);
    must(su_package_open(uri, w->own, NULL, 0, NULL, &got, &e), &e); /* it is here now */
    su_package_free(got);

    /* A blob that is no package. */
    must(su_store_put_bytes(w->own, "hello", 5, id, &e), &e);
    (void)su_hex_encode(id, 32, hex, sizeof hex);
    snprintf(uri, sizeof uri, "sha256:%s", hex);
    assert_int_equal(su_package_open(uri, w->own, NULL, 0, NULL, &got, &e), SU_ETRUNC);
    su_package_free(dry);
    su_package_free(made);
    su_weights_close(weights);
    su_plan_free(plan);
    su_graph_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_own_ranges, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
        cmocka_unit_test(test_uri),
        cmocka_unit_test_setup_teardown(test_publish, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
