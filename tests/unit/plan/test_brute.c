// SPDX-License-Identifier: MIT
/* Small random graphs: the plan must be as good as the best of all ways to cut the graph. */
#include "plan_graphs.h"

#include "support/count.h"
#include "support/random.h"
#include "support/random_graph.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define UNITS_MAX 7

struct brute {
    const struct su_graph *g;
    uint32_t node[UNITS_MAX], n, t_max;
    uint32_t reads[UNITS_MAX]; /* bits of the units that a unit reads from */
    struct subset_cost cost[1u << UNITS_MAX];
    bool known[1u << UNITS_MAX];
    uint64_t target;
    uint32_t part[UNITS_MAX];
    bool found;
    uint32_t tasks;
    uint64_t peak, bytes;
};

static const struct subset_cost *cost_of(struct brute *b, uint32_t set)
{
    if (!b->known[set]) {
        bool *in = su_alloc(b->g->n_node * sizeof *in);
        for (uint32_t i = 0; i < b->n; i++) {
            in[b->node[i]] = set >> i & 1;
        }
        b->cost[set] = subset_cost(b->g, in, b->t_max);
        b->known[set] = true;
        free(in);
    }
    return &b->cost[set];
}

/* Removes tasks nothing left reads from, until none is left. */
static bool is_acyclic(const struct brute *b, const uint32_t *set, uint32_t n)
{
    uint32_t left = (1u << n) - 1, done = 0;
    while (left != 0) {
        uint32_t before = left;
        for (uint32_t i = 0; i < n; i++) {
            uint32_t need = 0;
            for (uint32_t u = 0; u < b->n; u++) {
                need |= set[i] >> u & 1 ? b->reads[u] : 0;
            }
            if ((left >> i & 1) && (need & ~set[i] & ~done) == 0) {
                left &= ~(1u << i);
                done |= set[i];
            }
        }
        if (left == before) {
            return false;
        }
    }
    return true;
}

/* Stage times are compared in steps of 1/128 of the whole graph. */
static uint64_t work(const struct su_graph *g, uint64_t macs)
{
    uint64_t step = SU_MAX(su_graph_macs(g) / 128, 1);
    return (macs + step - 1) / step;
}

static void try_partition(struct brute *b, uint32_t n_part)
{
    uint32_t set[UNITS_MAX] = {0};
    uint64_t peak = 0, bytes = 0;
    for (uint32_t i = 0; i < b->n; i++) {
        set[b->part[i]] |= 1u << i;
    }
    if (!is_acyclic(b, set, n_part)) {
        return;
    }
    for (uint32_t i = 0; i < n_part; i++) {
        const struct subset_cost *c = cost_of(b, set[i]);
        if (c->vram > b->target || c->n_in > SU_PLAN_PORT_MAX || c->n_out > SU_PLAN_PORT_MAX) {
            return;
        }
        peak = SU_MAX(peak, work(b->g, c->macs));
        bytes += c->cut_bytes;
    }
    bool better = !b->found || n_part < b->tasks || (n_part == b->tasks && peak < b->peak) ||
                  (n_part == b->tasks && peak == b->peak && bytes < b->bytes);
    if (better) {
        b->found = true;
        b->tasks = n_part;
        b->peak = peak;
        b->bytes = bytes;
    }
}

static void partitions(struct brute *b, uint32_t i, uint32_t n_part)
{
    if (i == b->n) {
        try_partition(b, n_part);
        return;
    }
    for (uint32_t k = 0; k <= n_part; k++) {
        b->part[i] = k;
        partitions(b, i + 1, k == n_part ? n_part + 1 : n_part);
    }
}

static bool brute_init(struct brute *b, const struct su_graph *g, uint32_t t_max)
{
    uint32_t unit_of[512];
    bool copied[512];
    memset(b, 0, sizeof *b);
    b->g = g;
    b->t_max = t_max;
    if (g->n_node > 512) {
        return false;
    }
    for (uint32_t i = 0; i < g->n_output; i++) {
        if (g->value[g->output[i].value].kind != SU_VALUE_NODE) {
            return false;
        }
    }
    copied_nodes(g, copied);
    for (uint32_t i = 0; i < g->n_node; i++) {
        if (copied[i]) {
            continue;
        }
        if (b->n == UNITS_MAX) {
            return false;
        }
        for (uint32_t k = 0; k < g->node[i].n_arg; k++) {
            const struct su_value *v = &g->value[g->node[i].arg[k]];
            if (v->kind == SU_VALUE_NODE && !copied[v->node]) {
                b->reads[b->n] |= 1u << unit_of[v->node];
            }
        }
        unit_of[i] = b->n;
        b->node[b->n++] = i;
    }
    return b->n >= 2;
}

static uint64_t largest_unit(struct brute *b)
{
    uint64_t most = 0;
    for (uint32_t i = 0; i < b->n; i++) {
        most = SU_MAX(most, cost_of(b, 1u << i)->vram);
    }
    return most;
}

static void compare(struct brute *b, uint64_t target)
{
    struct su_err e;
    struct su_plan *p;
    struct su_plan_opts o = opts_of(&target);
    o.t_max = b->t_max;
    b->target = target;
    b->found = false;
    partitions(b, 0, 0);
    enum su_code rc = su_plan_build(b->g, &o, &p, &e);
    if (!b->found) {
        assert_true(rc == SU_ELIMIT || rc == SU_ENOFIT);
        return;
    }
    assert_int_equal(rc, SU_OK);
    assert_valid(b->g, p, target);
    assert_int_equal(p->n_sharded, 0);
    assert_int_equal(p->n_task, b->tasks);
    assert_int_equal(work(b->g, p->peak_macs), b->peak);
    assert_int_equal(p->cut_bytes, b->bytes);
    su_plan_free(p);
}

static void test_small_graphs(void **state)
{
    (void)state;
    uint32_t looked = 0, several = 0, want = su_test_count(300, 5000);
    struct brute *b = su_alloc(sizeof *b);
    for (uint64_t seed = 0; looked < want; seed++) {
        struct su_random_opts o = {.nodes = 4 + seed % 4};
        struct su_random_case *c = su_random_case_new(seed, &o);
        uint32_t t_max = seed % 2 == 0 ? 1 : (uint32_t)(seed % 9 + 1);
        if (brute_init(b, c->graph, t_max)) {
            uint64_t low = largest_unit(b), high = cost_of(b, (1u << b->n) - 1)->vram;
            struct su_random r = su_random_of(seed, 77);
            looked++;
            compare(b, SU_MAX(low, high));
            compare(b, low);
            several += b->tasks > 1;
            if (high > low) {
                compare(b, low + su_random_u64(&r) % (high - low));
                compare(b, low + su_random_u64(&r) % (high - low));
            }
        }
        su_random_case_free(c);
    }
    assert_true(several > looked / 4);
    free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_small_graphs)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
