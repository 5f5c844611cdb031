// SPDX-License-Identifier: MIT
/* Random runs: money and counters after every step, and from where they lead a way to the end that
   needs nobody. Run against the VM, each step is compared with it too. SU_TEST_FULL=1 runs long;
   SU_TEST_SEED=n runs that seed alone. */
#include "abi/abi.h"
#include "support/bank.h"
#include "support/generator.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct plan {
    uint64_t seeds, steps, drain_every;
};

static struct plan plan_now(void)
{
    const char *full = getenv("SU_TEST_FULL");
    const bool vm = bank_watcher != NULL;
    if (full == NULL || strcmp(full, "1") != 0)
        return vm ? (struct plan){1, 300, 100} : (struct plan){3, 500, 10};
    return vm ? (struct plan){4, 1500, 100} : (struct plan){10, 2500, 10};
}

static void total(struct generator_counts *sum, const struct generator_counts *one)
{
    sum->steps += one->steps;
    sum->jumps += one->jumps;
    sum->succeeded += one->succeeded;
    sum->failed += one->failed;
    sum->opened += one->opened;
    sum->drained += one->drained;
    sum->cranks += one->cranks;
    for (unsigned i = 0; i < 256; i++)
        sum->ok[i] += one->ok[i];
    for (unsigned i = 0; i < 16; i++)
        sum->state[i] += one->state[i];
    for (unsigned i = 0; i < 8; i++)
        sum->cause[i] += one->cause[i];
}

static void must_hold(const char *what, uint64_t seed, const struct generator *g)
{
    if (what != NULL)
        fail_msg("seed %llu, step %llu: %s", (unsigned long long)seed,
                 (unsigned long long)generator_counts(g)->steps, what);
}

static void run_seed(uint64_t seed, const struct plan *plan, struct generator_counts *sum)
{
    struct generator *g = generator_new(seed);
    must_hold(generator_check(g), seed, g);
    for (uint64_t i = 0; i < plan->steps; i++) {
        generator_step(g);
        must_hold(generator_check(g), seed, g);
        if (i % plan->drain_every == 0)
            must_hold(generator_drain(g), seed, g);
    }
    must_hold(generator_drain(g), seed, g);
    total(sum, generator_counts(g));
    generator_free(g);
}

static void print(const struct generator_counts *n)
{
    printf("%llu steps: %llu calls succeeded, %llu failed, %llu jumps; %llu executions, %llu "
           "brought to their end by %llu cranks\n",
           (unsigned long long)n->steps, (unsigned long long)n->succeeded,
           (unsigned long long)n->failed, (unsigned long long)n->jumps,
           (unsigned long long)n->opened, (unsigned long long)n->drained,
           (unsigned long long)n->cranks);
    printf("states:");
    for (unsigned i = SU_EXEC_OPENING; i <= SU_EXEC_VOID; i++)
        printf(" %llu", (unsigned long long)n->state[i]);
    printf("; ends:");
    for (unsigned i = 0; i <= SU_VOID_UNDECIDED; i++)
        printf(" %llu", (unsigned long long)n->cause[i]);
    printf("\nnever succeeded:");
    for (unsigned i = SU_IX_REQUEST_OPEN; i < 256; i++)
        if (su_ix_info((uint8_t)i) != NULL && n->ok[i] == 0)
            printf(" %s", su_ix_info((uint8_t)i)->name);
    printf("\n");
}

static void money_and_a_way_out_from_everywhere(void **unused)
{
    (void)unused;
    struct plan plan = plan_now();
    struct generator_counts sum;
    memset(&sum, 0, sizeof sum);
    const char *only = getenv("SU_TEST_SEED");
    if (only != NULL) {
        run_seed(strtoull(only, NULL, 10), &plan, &sum);
        plan.seeds = 0;
    }
    for (uint64_t seed = 1; seed <= plan.seeds; seed++)
        run_seed(seed, &plan, &sum);
    print(&sum);
    assert_true(sum.succeeded * 5 > sum.steps); /* the run gets somewhere */
    for (unsigned i = SU_EXEC_OPENING; i <= SU_EXEC_VOID && only == NULL; i++)
        if (bank_watcher == NULL || plan.steps > 300)
            assert_int_not_equal(sum.state[i], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(money_and_a_way_out_from_everywhere)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
