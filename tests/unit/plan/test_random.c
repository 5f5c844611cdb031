// SPDX-License-Identifier: MIT
/* Plans of random graphs: valid, within target, and equal to the uncut graph to the bit. */
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

struct tally {
    uint32_t plans, several, sharded;
};

static void look(const struct su_random_case *c, uint64_t target, struct tally *t)
{
    struct data d = {c->n_row, c->row, c->input, c->weight, false};
    struct su_plan *p = plan_of(c->graph, target, c->n_row);
    assert_valid(c->graph, p, target);
    assert_same_results(c->graph, p, &d);
    t->plans++;
    t->several += p->n_task > 1;
    t->sharded += p->n_sharded > 0;
    su_plan_free(p);
}

static void run_cases(uint32_t n, const struct su_random_opts *opts, uint64_t first,
                      struct tally *t)
{
    for (uint64_t seed = first; seed < first + n; seed++) {
        struct su_random_case *c = su_random_case_new(seed, opts);
        struct su_plan_opts o = {.t_max = c->n_row};
        struct su_err e;
        struct su_layout *l;
        uint64_t least;
        assert_int_equal(su_layout_build(c->graph, c->n_row, c->n_row, 1, &l, &e), SU_OK);
        uint64_t whole = l->fixed_bytes + l->arena_bytes + 4096;
        su_layout_free(l);
        assert_int_equal(su_plan_smallest(c->graph, &o, &least, &e), SU_OK);
        struct su_random r = su_random_of(seed, 5);
        look(c, least, t);
        look(c, whole, t);
        look(c, least + su_random_u64(&r) % (whole - least + 1), t);
        /* One byte below the smallest target nothing fits, and the refusal names the same size. */
        uint64_t below = least - 1;
        o.target = &below;
        o.n_target = 1;
        struct su_plan *p;
        char text[32];
        enum su_code rc = su_plan_build(c->graph, &o, &p, &e);
        assert_true(rc == SU_ENOFIT || rc == SU_ELIMIT);
        assert_null(p);
        snprintf(text, sizeof text, " %llu bytes", (unsigned long long)least);
        if (!strstr(e.msg, text)) {
            fail_msg("seed %llu: smallest is %llu, but: %s: %s", (unsigned long long)seed,
                     (unsigned long long)least, e.at, e.msg);
        }
        su_random_case_free(c);
    }
}

static void test_feed_forward(void **state)
{
    (void)state;
    struct tally t = {0};
    run_cases(su_test_count(220, 3000), &(struct su_random_opts){0}, 0, &t);
    assert_true(t.several > t.plans / 10);
    assert_true(t.sharded > 0);
}

static void test_emitted_rows(void **state)
{
    (void)state;
    struct tally t = {0};
    run_cases(su_test_count(50, 500), &(struct su_random_opts){.emit = true}, 100000, &t);
    assert_true(t.several > 0);
}

static void test_larger_graphs(void **state)
{
    (void)state;
    struct tally t = {0};
    run_cases(su_test_count(8, 40), &(struct su_random_opts){.nodes = 90, .rows = 2}, 200000, &t);
    assert_true(t.several > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_feed_forward),
        cmocka_unit_test(test_emitted_rows),
        cmocka_unit_test(test_larger_graphs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
