// SPDX-License-Identifier: MIT
/* Amounts and times, against exact fractions of make_abi_vectors.py, and the edges where integers
   end. */
#include "abi/abi.h"
#include "abi_vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct su_params params(void)
{
    struct su_params p;
    su_params_default(&p);
    return p;
}

static void table(void **unused)
{
    (void)unused;
    const struct su_params p = params();
    uint64_t v;
#define STAKE(ppm, share, fee, stake)                                                              \
    if ((stake) <= p.stake_max) {                                                                  \
        assert_true(su_econ_stake(&p, ppm, share, fee, &v));                                       \
        assert_int_equal(v, stake);                                                                \
    } else {                                                                                       \
        assert_false(su_econ_stake(&p, ppm, share, fee, &v));                                      \
    }
#define FEE(macs, steps, unit, units, fee)                                                         \
    assert_true(su_econ_units(macs, steps, &v));                                                   \
    assert_int_equal(v, units);                                                                    \
    assert_true(su_econ_fee(&p, unit, macs, steps, &v));                                           \
    assert_int_equal(v, fee);
#define SURCHARGE(ppm, fee, check, into_pool)                                                      \
    assert_true(su_econ_check_fee(&p, fee, &v));                                                   \
    assert_int_equal(v, check);                                                                    \
    assert_true(su_econ_surcharge(&p, ppm, fee, &v));                                              \
    assert_int_equal(v, into_pool);
#define BASE(vram, stake)                                                                          \
    assert_true(su_econ_base_stake(&p, vram, &v));                                                 \
    assert_int_equal(v, stake);
#define COMMIT(steps, tasks, macs, attempt, slots)                                                 \
    assert_int_equal(su_econ_commit_slots(&p, steps, tasks, macs, attempt), slots);
#define DISPUTE(weights, macs, steps, slots)                                                       \
    assert_int_equal(su_econ_dispute_slots(&p, weights, macs, steps), slots);
    ECONOMICS
}

/* The numbers of the design: 27 C at r = 10 %, 37 C at 1/3, 49 C at 1/2. */
static void multiples(void **unused)
{
    (void)unused;
    const struct su_params p = params();
    const uint64_t c = 1000000;
    uint64_t v;
    assert_true(su_econ_stake(&p, 80000, 0, c, &v));
    assert_int_equal((v + c - 1) / c, 27);
    assert_true(su_econ_stake(&p, 80000, 333333, c, &v));
    assert_int_equal((v + c - 1) / c, 37);
    assert_true(su_econ_stake(&p, 80000, 500000, c, &v));
    assert_int_equal(v, 49 * c);
    assert_true(su_econ_stake(&p, SU_PPM, 0, c, &v)); /* everything sampled: the floor of 10 C */
    assert_int_equal(v, 10 * c);
    /* Cheating loses: p (1 - r) (C + S) >= margin x C. */
    for (uint32_t share = 100000; share < 900000; share += 1111) {
        assert_true(su_econ_stake(&p, 80000, share, c, &v));
        assert_true(80000.0 * (1e6 - share) * (double)(c + v) >= 2e12 * (double)c);
    }
}

static void edges(void **unused)
{
    (void)unused;
    struct su_params p = params();
    uint64_t v = 42;
    assert_false(su_econ_units(1, 0, &v));
    assert_false(su_econ_units(1, SU_STEPS_MAX + 1, &v));
    assert_false(su_econ_units(UINT64_MAX, SU_STEPS_MAX, &v));
    assert_false(su_econ_fee(&p, SU_AMOUNT_MAX + 1, 1, 1, &v));
    assert_false(su_econ_fee(&p, SU_AMOUNT_MAX, 1, 1, &v)); /* plus the base */
    assert_true(su_econ_fee(&p, SU_AMOUNT_MAX - p.fee_base, 1, 1, &v));
    assert_int_equal(v, SU_AMOUNT_MAX);
    v = 42;
    assert_false(su_econ_fee(&p, 1ull << 40, 1ull << 60, 1000, &v));
    assert_false(su_econ_check_fee(&p, SU_AMOUNT_MAX, &v)); /* x 1.2 */
    assert_false(su_econ_check_fee(&p, UINT64_MAX, &v));
    assert_false(su_econ_surcharge(&p, SU_PPM + 1, 1, &v));
    assert_false(su_econ_surcharge(&p, SU_PPM, SU_AMOUNT_MAX, &v));
    assert_false(su_econ_stake(&p, 0, 0, 1, &v));
    assert_false(su_econ_stake(&p, SU_PPM + 1, 0, 1, &v));
    assert_false(su_econ_stake(&p, 80000, SU_PPM, 1, &v));
    assert_false(su_econ_stake(&p, 80000, UINT32_MAX, 1, &v));
    assert_false(su_econ_stake(&p, 1, 999999, SU_AMOUNT_MAX, &v));
    assert_false(su_econ_stake(&p, 80000, 0, UINT64_MAX, &v));
    p.stake_max = 10;
    assert_false(su_econ_stake(&p, SU_PPM, 0, 2, &v));
    assert_true(su_econ_stake(&p, SU_PPM, 0, 1, &v));
    assert_int_equal(v, 10);
    v = 42;
    assert_false(su_econ_base_stake(&p, UINT64_MAX, &v));
    p.stake_per_gib = SU_AMOUNT_MAX;
    assert_false(su_econ_base_stake(&p, 1, &v));
    assert_int_equal(v, 42); /* untouched by failures */
}

static void times(void **unused)
{
    (void)unused;
    const struct su_params p = params();
    assert_int_equal(su_econ_slots(&p, 0), 1);
    assert_int_equal(su_econ_slots(&p, 400), 1);
    assert_int_equal(su_econ_slots(&p, 401), 2);
    struct su_params fast = p;
    fast.ms_per_slot = 1;
    /* Never so long that a slot plus it wraps. */
    assert_true(su_econ_slots(&fast, UINT64_MAX) <= 1ull << 62);
    assert_true(su_econ_commit_slots(&p, UINT32_MAX, UINT32_MAX, UINT64_MAX, 255) <= 1ull << 62);
    assert_true(su_econ_commit_slots(&fast, SU_STEPS_MAX, 128, UINT64_MAX, 2) <= 1ull << 62);
    assert_true(su_econ_dispute_slots(&fast, UINT64_MAX, UINT64_MAX, 0) <= 1ull << 62);
    for (uint8_t i = 0; i < 8; i++) /* doubled per attempt */
        assert_int_equal(su_econ_commit_slots(&fast, 10, 3, 1000, (uint8_t)(i + 1)),
                         2 * su_econ_commit_slots(&fast, 10, 3, 1000, i));
}

static void longest_executions(void **unused)
{
    (void)unused;
    struct su_params p = params();
    /* Three attempts of 80 slots, doubled each time, and two waits for another node. */
    p.commit_step_ms = p.commit_unit_ms = 1000;
    p.commit_base_ms = 30000;
    assert_int_equal(su_econ_commit_slots(&p, 1, 1, SU_MACS_PER_UNIT, 0), 80);
    assert_int_equal(su_econ_run_slots(&p, 1, 1, SU_MACS_PER_UNIT),
                     80 + 160 + 320 + 2 * p.request_expiry_slots);
    /* Three silent validators, then 600 s, a second for the weights and a tenth for the unit,
       three times. */
    assert_int_equal(su_econ_dispute_slots(&p, 10000000, SU_MACS_PER_UNIT, 1), 1503);
    assert_int_equal(su_econ_judge_slots(&p, 10000000, SU_MACS_PER_UNIT, 1), 3 * 80 + 3 * 1503);
    const uint64_t waits = 2 * p.request_expiry_slots + p.round_slots + 75 + p.freeze_slots +
                           2 * p.turn_slots + p.silence_slots + p.missing_slots;
    assert_int_equal(su_econ_longest_slots(&p, 1, 1, SU_MACS_PER_UNIT, 1000),
                     su_econ_run_slots(&p, 1, 1, SU_MACS_PER_UNIT) + waits + 1000);
    /* Saturating. */
    assert_int_equal(su_econ_run_slots(&p, SU_STEPS_MAX, 128, UINT64_MAX), 1ull << 62);
    assert_int_equal(su_econ_judge_slots(&p, UINT64_MAX, UINT64_MAX, SU_STEPS_MAX), 1ull << 62);
    assert_int_equal(su_econ_longest_slots(&p, 1, 1, 1, UINT64_MAX), 1ull << 62);
    /* Generations of a thousand steps through seven tasks of a small model fit everywhere. */
    for (unsigned i = 0; i < 3; i++) {
        static const uint32_t ms_per_slot[] = {0, 50, 400};
        if (i == 0)
            su_params_default(&p);
        else
            su_params_private(&p, ms_per_slot[i]);
        const uint64_t macs = SU_MACS_PER_UNIT / 4, weights = 1ull << 30;
        const uint64_t judge = su_econ_judge_slots(&p, weights, macs, 1000);
        assert_true(su_econ_longest_slots(&p, 1000, 7, 7 * macs, judge) <= p.config_delay_slots);
    }
}

#define REFUSED(field, value)                                                                      \
    do {                                                                                           \
        struct su_params bad = params();                                                           \
        bad.field = (value);                                                                       \
        assert_false(su_params_check(&bad));                                                       \
    } while (0)

static void parameters(void **unused)
{
    (void)unused;
    const struct su_params p = params();
    assert_true(su_params_check(&p));
    REFUSED(oracle_bond, SU_AMOUNT_MAX + 1);
    REFUSED(stake_base, SU_AMOUNT_MAX + 1);
    REFUSED(stake_per_gib, SU_AMOUNT_MAX + 1);
    REFUSED(stake_floor, 0);
    REFUSED(stake_floor, p.stake_max + 1);
    REFUSED(stake_max, SU_AMOUNT_MAX + 1);
    REFUSED(fee_base, 0);
    REFUSED(fee_base, SU_AMOUNT_MAX + 1);
    REFUSED(fee_unit, SU_AMOUNT_MAX + 1);
    REFUSED(oracle_fee, SU_AMOUNT_MAX + 1);
    REFUSED(sampling_min_ppm, 0);
    REFUSED(sampling_min_ppm, SU_PPM + 1);
    REFUSED(escalated_ppm, 0);
    REFUSED(escalated_ppm, SU_PPM + 1);
    REFUSED(validator_share_ppm, 10 * SU_PPM + 1);
    REFUSED(surcharge_ppm, 10 * SU_PPM + 1);
    REFUSED(owner_share_min_ppm, SU_PPM);
    REFUSED(margin_ppm, SU_PPM - 1);
    REFUSED(bounty_ppm, SU_PPM + 1);
    REFUSED(min_owners, 0);
    REFUSED(attempts_max, 0);
    REFUSED(attempts_max, 9);
    REFUSED(validators_max, 0);
    REFUSED(validators_max, SU_VALIDATORS_MAX + 1);
    REFUSED(ms_per_slot, 0);
    REFUSED(config_delay_slots, 0);
    REFUSED(cooldown_slots, 0);
    REFUSED(cooldown_slots, UINT64_MAX);
    REFUSED(round_slots, 0);
    REFUSED(request_expiry_slots, 0);
    REFUSED(freeze_slots, 0);
    REFUSED(turn_slots, 0);
    REFUSED(reveal_slots, 0);
    REFUSED(reveal_slots, UINT64_MAX);
    REFUSED(silence_slots, p.reveal_slots);
    REFUSED(missing_slots, 0);
    REFUSED(commit_base_ms, 0);
    REFUSED(commit_step_ms, 0);
    REFUSED(commit_unit_ms, 0);
    REFUSED(dispute_base_ms, 0);
    REFUSED(dispute_bytes_per_s, 0);
    REFUSED(dispute_units_per_s, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table), cmocka_unit_test(multiples),          cmocka_unit_test(edges),
        cmocka_unit_test(times), cmocka_unit_test(longest_executions), cmocka_unit_test(parameters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
