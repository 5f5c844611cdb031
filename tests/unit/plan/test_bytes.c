// SPDX-License-Identifier: MIT
/* Equal arguments give equal bytes, whatever the memory looked like before. */
#include "plan_graphs.h"

#include "support/count.h"
#include "support/random_graph.h"

#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void bytes_of(const struct su_graph *g, uint64_t target, struct su_buf *out)
{
    struct su_err e;
    struct su_plan *p = plan_of(g, target, 2);
    uint8_t digest[SU_SHA256_BYTES], want[SU_SHA256_BYTES];
    su_buf_init(out, 0);
    assert_int_equal(su_plan_encode(p, out, &e), SU_OK);
    assert_int_equal(su_plan_digest(p, digest, &e), SU_OK);
    su_sha256(out->data, out->len, want);
    assert_memory_equal(digest, want, sizeof want);
    su_plan_free(p);
}

/* Leaves the heap full of holes and fresh memory full of garbage. */
static void stir(uint32_t seed)
{
    void *p[200];
    for (uint32_t i = 0; i < 200; i++) {
        size_t n = 16 + (i * 2654435761u + seed) % 5000;
        p[i] = malloc(n);
        assert_non_null(p[i]);
        memset(p[i], (int)(0x5a + i), n);
    }
    for (uint32_t i = 0; i < 200; i++) {
        free(p[(i * 7) % 200]);
    }
    mallopt(M_PERTURB, (int)(seed % 255) + 1);
}

static void assert_same_bytes(const struct su_graph *g, uint64_t target)
{
    struct su_buf a, b;
    bytes_of(g, target, &a);
    for (uint32_t i = 0; i < 3; i++) {
        stir(i * 77 + 1);
        bytes_of(g, target, &b);
        assert_int_equal(a.len, b.len);
        assert_memory_equal(a.data, b.data, a.len);
        su_buf_fini(&b);
    }
    su_buf_fini(&a);
}

static void test_deterministic(void **state)
{
    (void)state;
    struct su_graph *g = graph_digits(), *again = graph_digits();
    const uint64_t targets[] = {64 << 20, 1 << 20, 600 << 10, 400 << 10, 250 << 10};
    for (uint32_t i = 0; i < SU_ARRAY_LEN(targets); i++) {
        assert_same_bytes(g, targets[i]);
        struct su_buf a, b;
        bytes_of(g, targets[i], &a);
        bytes_of(again, targets[i], &b);
        assert_int_equal(a.len, b.len);
        assert_memory_equal(a.data, b.data, a.len);
        su_buf_fini(&a);
        su_buf_fini(&b);
    }
    su_graph_free(g);
    su_graph_free(again);
    g = graph_chain(200, 16);
    assert_same_bytes(g, 16 << 10);
    su_graph_free(g);
}

static void test_random(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < su_test_count(40, 400); seed++) {
        struct su_random_case *c = su_random_case_new(seed, &(struct su_random_opts){.rows = 2});
        struct su_plan_opts o = {.t_max = 2};
        struct su_err e;
        uint64_t least;
        assert_int_equal(su_plan_smallest(c->graph, &o, &least, &e), SU_OK);
        assert_same_bytes(c->graph, least);
        assert_same_bytes(c->graph, least + least / 2);
        su_random_case_free(c);
    }
}

/* The first bytes are the format's; every number that tells plans apart is in them. */
static void test_content(void **state)
{
    (void)state;
    struct su_graph *g = graph_chain(4, 32);
    struct su_buf a, b;
    bytes_of(g, 10 << 10, &a);
    bytes_of(g, 11 << 10, &b);
    assert_memory_equal(a.data, "SUPLAN1", 8);
    assert_int_equal(su_le32(a.data + 8), 2); /* t_max */
    assert_int_equal(su_le32(a.data + 12), 2); /* e_max */
    assert_int_equal(su_le64(a.data + 28), 10 << 10);
    assert_true(a.len != b.len || memcmp(a.data, b.data, a.len) != 0);
    su_buf_fini(&a);
    su_buf_fini(&b);
    struct su_err e;
    struct su_plan *p = plan_of(g, 10 << 10, 2);
    su_buf_init(&a, 100);
    assert_int_equal(su_plan_encode(p, &a, &e), SU_ELIMIT);
    su_buf_fini(&a);
    su_plan_free(p);
    su_graph_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_deterministic),
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_content),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
