// SPDX-License-Identifier: MIT
/* Chains, where the best plan can be found by trying every set of cuts. */
#include "plan_graphs.h"

#include "support/count.h"
#include "support/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Matmuls of random widths. */
static struct su_graph *random_chain(struct su_random *r, uint32_t n)
{
    struct su_graph *g = su_graph_new();
    uint32_t width = su_random_range(r, 8, 200);
    uint32_t x = add_input(g, "x", SU_ROWS, SU_F32, SHAPE(width));
    for (uint32_t i = 0; i < n; i++) {
        char name[16];
        if (su_random_chance(r, 30)) {
            x = add_unary(g, SU_OP_RELU, x);
            continue;
        }
        uint32_t next = su_random_range(r, 8, 200);
        snprintf(name, sizeof name, "w%u", i);
        x = add_binary(g, SU_OP_MATMUL, x, add_weight(g, name, SU_F32, SHAPE(next, width)));
        width = next;
    }
    finish(g, "y", x);
    return g;
}

struct best {
    uint32_t tasks;
    uint64_t work, bytes;
};

static bool cut_at(struct subset_cost (*cost)[16], uint32_t n, uint32_t cuts, uint64_t target,
                   uint64_t step, struct best *b)
{
    uint32_t start = 0;
    *b = (struct best){0};
    for (uint32_t i = 0; i < n; i++) {
        if (i + 1 < n && !(cuts >> i & 1)) {
            continue;
        }
        const struct subset_cost *c = &cost[start][i];
        if (c->vram > target) {
            return false;
        }
        b->tasks++;
        b->work = SU_MAX(b->work, (c->macs + step - 1) / step);
        b->bytes += c->cut_bytes;
        start = i + 1;
    }
    return true;
}

static bool better(const struct best *a, const struct best *b)
{
    if (a->tasks != b->tasks) {
        return a->tasks < b->tasks;
    }
    return a->work != b->work ? a->work < b->work : a->bytes < b->bytes;
}

static void compare(const struct su_graph *g, struct subset_cost (*cost)[16], uint64_t target)
{
    uint64_t step = SU_MAX(su_graph_macs(g) / 128, 1);
    struct best best = {UINT32_MAX, 0, 0}, b;
    for (uint32_t cuts = 0; cuts < 1u << (g->n_node - 1); cuts++) {
        if (cut_at(cost, g->n_node, cuts, target, step, &b) && better(&b, &best)) {
            best = b;
        }
    }
    struct su_plan *p = plan_of(g, target, 3);
    assert_valid(g, p, target);
    assert_int_equal(p->n_task, best.tasks);
    assert_int_equal((p->peak_macs + step - 1) / step, best.work);
    assert_int_equal(p->cut_bytes, best.bytes);
    for (uint32_t i = 1; i < p->n_task; i++) {
        assert_int_equal(p->task[i].graph->n_input, 1);
        assert_int_equal(p->task[i].input[0].from_task, i - 1);
    }
    su_plan_free(p);
}

static void test_exact(void **state)
{
    (void)state;
    for (uint32_t seed = 0; seed < su_test_count(40, 600); seed++) {
        struct su_random r = su_random_of(seed, 3);
        struct su_graph *g = random_chain(&r, su_random_range(&r, 2, 12));
        struct subset_cost cost[16][16];
        uint64_t least = 0;
        for (uint32_t i = 0; i < g->n_node; i++) {
            bool in[16] = {false};
            for (uint32_t k = i; k < g->n_node; k++) {
                in[k] = true;
                cost[i][k] = subset_cost(g, in, 3);
            }
            least = SU_MAX(least, cost[i][i].vram);
        }
        uint64_t whole = cost[0][g->n_node - 1].vram;
        compare(g, cost, least);
        compare(g, cost, SU_MAX(whole, least));
        for (uint32_t k = 0; k < 3 && whole > least; k++) {
            compare(g, cost, least + su_random_u64(&r) % (whole - least));
        }
        su_graph_free(g);
    }
}

/* 100 equal layers for 10 devices that hold 10 each: the cuts are known. Then beyond the orders of
   which all pairs of cuts are looked at. */
static void test_long(void **state)
{
    (void)state;
    const uint32_t lengths[] = {50, 100, 300};
    for (uint32_t i = 0; i < SU_ARRAY_LEN(lengths); i++) {
        struct su_graph *g = graph_chain(lengths[i], 32);
        uint64_t layer = 32 * 32 * 4, target = lengths[i] / 10 * layer + 512;
        struct su_plan *p = plan_of(g, target, 1);
        assert_valid(g, p, target);
        assert_int_equal(p->n_task, 10);
        assert_int_equal(p->cut_bytes, 9 * 128);
        for (uint32_t t = 0; t < 10; t++) {
            assert_int_equal(p->task[t].weight_bytes, lengths[i] / 10 * layer);
        }
        assert_int_equal(p->critical_macs_tasks, 10);
        su_plan_free(p);
        su_graph_free(g);
    }
}

static void test_devices(void **state)
{
    (void)state;
    const uint32_t lengths[] = {20, 60, 240};
    for (uint32_t i = 0; i < SU_ARRAY_LEN(lengths); i++) {
        struct su_graph *g = graph_chain(lengths[i], 32);
        struct su_err e;
        struct su_plan *p;
        uint64_t all = lengths[i] * 4096ull;
        /* The first two are too small to help: one task on the third. */
        uint64_t skip[3] = {600, all / 2, all + 512};
        struct su_plan_opts o = {.target = skip, .n_target = 3, .per_device = true};
        assert_int_equal(su_plan_build(g, &o, &p, &e), SU_OK);
        assert_int_equal(p->n_task, 1);
        assert_int_equal(p->task[0].device, 2);
        su_plan_free(p);
        /* A small and a large one, both needed, in this order. */
        uint64_t both[2] = {all / 4 + 512, all * 3 / 4 + 512};
        o.target = both;
        o.n_target = 2;
        assert_int_equal(su_plan_build(g, &o, &p, &e), SU_OK);
        assert_int_equal(p->n_task, 2);
        for (uint32_t t = 0; t < 2; t++) {
            assert_int_equal(p->task[t].device, t);
            assert_true(p->task[t].vram_fixed <= both[t]);
        }
        su_plan_free(p);
        /* One more byte of weights than they have together. */
        uint64_t less[2] = {all / 4 + 512, all * 3 / 4 + 511};
        o.target = less;
        assert_int_equal(su_plan_build(g, &o, &p, &e), SU_ENOFIT);
        assert_non_null(strstr(e.msg, "2 devices"));
        su_graph_free(g);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exact),
        cmocka_unit_test(test_long),
        cmocka_unit_test(test_devices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
