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
    must(su_package_encode("two", plan, w->file.weights, w->id, &b, &e), &e);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_own_ranges, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
