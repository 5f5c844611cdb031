// SPDX-License-Identifier: MIT
/* What the rules of the draw and of the pool lead to over many executions: how much an oracle gains
   by withholding the draws it does not like, and whether the pool lives. The VRF is stood in for by
   a hash of key and alpha, which the oracle of the turn knows and nobody else. */
#include "abi/abi.h"
#include "crypto/crypto.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ORACLES = 3, TASKS = 7, NODE_TASK = 3, PPM = 80000 };

static void hash(const struct su_part *parts, uint64_t n, uint8_t out[32])
{
    struct su_sha256 s;
    su_sha256_init(&s);
    for (uint64_t i = 0; i < n; i++)
        su_sha256_update(&s, parts[i].p, parts[i].n);
    su_sha256_final(&s, out);
}

static bool full(void)
{
    return getenv("SU_TEST_FULL") != NULL;
}

static void vrf(const uint8_t key[32], const uint8_t alpha[32], uint8_t beta[64])
{
    struct su_part parts[2] = {{key, 32}, {alpha, 32}};
    hash(parts, 2, beta);
    su_sha256(beta, 32, beta + 32);
}

static void config_init(struct su_config_oracle oracles[ORACLES])
{
    memset(oracles, 0, ORACLES * sizeof *oracles);
    for (uint8_t i = 0; i < ORACLES; i++) {
        su_sha256(&i, 1, oracles[i].key);
        su_sha256(oracles[i].key, 32, oracles[i].vrf_key);
    }
}

/* One draw in which oracle `liar` withholds its proof exactly when it would sample the node's task.
   False when the liar has not the first turn. */
static bool draw_against(const struct su_config_oracle *oracles, uint8_t liar, uint32_t number,
                         uint32_t escalated, bool *caught)
{
    uint8_t alpha[32], beta[64], order[SU_ORACLES_MAX];
    su_sha256(&number, sizeof number, alpha);
    su_msg_draw_order(hash, alpha, oracles, ORACLES, order);
    if (order[0] != liar)
        return false;
    vrf(oracles[liar].vrf_key, alpha, beta);
    *caught = false;
    if (!su_msg_sampled(hash, beta, NODE_TASK, PPM))
        return true; /* it likes this draw and posts it */
    vrf(oracles[order[1]].vrf_key, alpha, beta);
    *caught = su_msg_sampled(hash, beta, NODE_TASK, escalated);
    return true;
}

static double caught_share(uint32_t draws, uint32_t escalated)
{
    struct su_config_oracle oracles[ORACLES];
    uint32_t turns = 0, caught = 0;
    config_init(oracles);
    for (uint32_t i = 0; turns < draws; i++) {
        bool hit;
        if (!draw_against(oracles, 1, i, escalated, &hit))
            continue;
        turns++;
        caught += hit;
    }
    return (double)caught / draws;
}

static void withholding_halves_the_risk_at_most(void **state)
{
    (void)state;
    struct su_params p;
    su_params_default(&p);
    double share = caught_share(1000, p.escalated_ppm);
    assert_true(share >= 0.015 && share <= 0.065); /* 4 % +- 2.5 % */
    if (full()) {
        share = caught_share(50000, p.escalated_ppm);
        assert_true(share >= 0.036 && share <= 0.044);
    }
    /* Without escalation the liar would get away with a second draw at the plain rate. */
    assert_true(caught_share(1000, PPM) < 0.015);
}

static void every_oracle_gets_first_turns(void **state)
{
    (void)state;
    struct su_config_oracle oracles[ORACLES];
    uint32_t first[ORACLES] = {0};
    config_init(oracles);
    for (uint32_t i = 0; i < 3000; i++) {
        uint8_t alpha[32], order[SU_ORACLES_MAX];
        su_sha256(&i, sizeof i, alpha);
        su_msg_draw_order(hash, alpha, oracles, ORACLES, order);
        assert_true(order[0] != order[1] && order[1] != order[2] && order[0] != order[2]);
        first[order[0]]++;
    }
    for (unsigned i = 0; i < ORACLES; i++)
        assert_in_range(first[i], 850, 1150);
}

/* Sampling hits its rate, independently for each task. */
static void sampling_rate(void **state)
{
    (void)state;
    uint32_t draws = 4000, hits[TASKS] = {0}, both = 0;
    for (uint32_t i = 0; i < draws; i++) {
        uint8_t beta[64];
        su_sha256(&i, sizeof i, beta);
        su_sha256(beta, 32, beta + 32);
        for (uint16_t t = 0; t < TASKS; t++)
            hits[t] += su_msg_sampled(hash, beta, t, PPM);
        both += su_msg_sampled(hash, beta, 0, PPM) && su_msg_sampled(hash, beta, 1, PPM);
        assert_true(su_msg_sampled(hash, beta, 0, SU_PPM));
        assert_false(su_msg_sampled(hash, beta, 0, 0));
    }
    for (unsigned t = 0; t < TASKS; t++)
        assert_in_range(hits[t], 250, 390); /* 320 +- 4 standard deviations */
    assert_in_range(both, 8, 46); /* 25.6 expected */
}

/* The pool takes the surcharge of every task and pays the check of every sampled one. True when it
   could always pay at once. */
static bool pool_survives(const struct su_params *p, uint32_t run, uint32_t tasks,
                          uint64_t surcharge_ppm)
{
    uint64_t fee_max, balance;
    struct su_params q = *p;
    q.surcharge_ppm = (uint32_t)surcharge_ppm;
    assert_true(su_econ_fee(&q, q.fee_unit, 200 * (uint64_t)SU_MACS_PER_UNIT, 10, &fee_max));
    balance = 100 * fee_max;
    for (uint32_t i = 0; i < tasks; i++) {
        uint8_t beta[64];
        uint32_t seed[2] = {run, i};
        uint64_t fee, surcharge, check;
        su_sha256(seed, sizeof seed, beta);
        su_sha256(beta, 32, beta + 32);
        uint64_t units = 1 + su_free_load32(beta) % 2000;
        assert_true(su_econ_fee(&q, q.fee_unit, units * SU_MACS_PER_UNIT, 1, &fee));
        assert_true(fee <= fee_max);
        assert_true(su_econ_surcharge(&q, PPM, fee, &surcharge));
        assert_true(su_econ_check_fee(&q, fee, &check));
        balance += surcharge;
        if (!su_msg_sampled(hash, beta, 0, PPM))
            continue;
        if (balance < check)
            return false;
        balance -= check;
    }
    return true;
}

static void the_pool_lives(void **state)
{
    (void)state;
    struct su_params p;
    su_params_default(&p);
    uint32_t runs = full() ? 500 : 60, survived = 0;
    for (uint32_t i = 0; i < runs; i++)
        survived += pool_survives(&p, i, 4000, p.surcharge_ppm);
    assert_true(survived * 100 >= runs * 99);
    assert_false(pool_survives(&p, 0, 4000, 100000)); /* a tenth of the cost ruins it */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(withholding_halves_the_risk_at_most),
        cmocka_unit_test(every_oracle_gets_first_turns),
        cmocka_unit_test(sampling_rate),
        cmocka_unit_test(the_pool_lives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
