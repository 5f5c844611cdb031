// SPDX-License-Identifier: MIT
#include "abi.h"

enum {
    MS_PER_S = 1000,
    SHARE_MAX_PPM = 10 * SU_PPM,
    ATTEMPTS_MAX = 8,
    GIB_SHIFT = 30,
};
/* No time exceeds this, so that a slot plus a time never wraps. */
#define TIME_MAX (1ull << 62)
#define PARAM_TIME_MAX (1ull << 40)

void su_params_default(struct su_params *p)
{
    su_free_zero(p, sizeof *p);
    p->oracle_bond = 1000ull * SU_USDC;
    p->stake_base = 1000ull * SU_USDC;
    p->stake_per_gib = 100ull * SU_USDC;
    p->stake_floor = 500ull * SU_USDC;
    p->stake_max = 100000ull * SU_USDC;
    p->fee_base = SU_USDC / 200;
    p->fee_unit = SU_USDC / 10000;
    p->oracle_fee = SU_USDC / 100;
    p->sampling_min_ppm = 80000;
    p->escalated_ppm = 500000;
    p->validator_share_ppm = 1200000;
    p->surcharge_ppm = 1250000;
    p->owner_share_min_ppm = 100000;
    p->margin_ppm = 2 * SU_PPM;
    p->bounty_ppm = 100000;
    p->min_owners = 3;
    p->ms_per_slot = 400;
    p->numerics_version = 1;
    p->attempts_max = 3;
    p->validators_max = SU_VALIDATORS_MAX;
    p->config_delay_slots = 216000; /* a day */
    p->cooldown_slots = 1512000; /* a week */
    p->round_slots = 13; /* 5 s */
    p->request_expiry_slots = 1500; /* 10 min */
    p->freeze_slots = 400;
    p->turn_slots = 150; /* 1 min */
    p->reveal_slots = 1500; /* 10 min */
    p->silence_slots = 54000; /* 6 h */
    p->missing_slots = 1500; /* 10 min */
    p->commit_base_ms = 30000;
    p->commit_step_ms = 200;
    p->commit_unit_ms = 50;
    p->dispute_base_ms = 600000;
    p->dispute_bytes_per_s = 10000000;
    p->dispute_units_per_s = 10;
}

void su_params_private(struct su_params *p, uint32_t ms_per_slot)
{
    su_params_default(p);
    p->ms_per_slot = ms_per_slot != 0 ? ms_per_slot : 1;
    p->config_delay_slots = su_econ_slots(p, 86400000); /* a day: what the longest run may take */
    p->cooldown_slots = su_econ_slots(p, 60000);
    p->round_slots = su_econ_slots(p, 1000);
    p->request_expiry_slots = su_econ_slots(p, 60000);
    p->turn_slots = su_econ_slots(p, 5000);
    p->reveal_slots = su_econ_slots(p, 20000);
    p->silence_slots = su_econ_slots(p, 60000) + p->reveal_slots;
    p->missing_slots = su_econ_slots(p, 5000);
    p->dispute_base_ms = 60000;
}

static bool in(uint64_t v, uint64_t low, uint64_t high)
{
    return v >= low && v <= high;
}

static bool amounts_check(const struct su_params *p)
{
    return p->oracle_bond <= SU_AMOUNT_MAX && p->stake_base <= SU_AMOUNT_MAX &&
           p->stake_per_gib <= SU_AMOUNT_MAX && p->stake_max <= SU_AMOUNT_MAX &&
           in(p->stake_floor, 1, p->stake_max) && in(p->fee_base, 1, SU_AMOUNT_MAX) &&
           p->fee_unit <= SU_AMOUNT_MAX && p->oracle_fee <= SU_AMOUNT_MAX;
}

static bool rates_check(const struct su_params *p)
{
    return in(p->sampling_min_ppm, 1, SU_PPM) && in(p->escalated_ppm, 1, SU_PPM) &&
           p->validator_share_ppm <= SHARE_MAX_PPM && p->surcharge_ppm <= SHARE_MAX_PPM &&
           p->owner_share_min_ppm < SU_PPM && p->margin_ppm >= SU_PPM && p->bounty_ppm <= SU_PPM &&
           p->min_owners >= 1 && in(p->attempts_max, 1, ATTEMPTS_MAX) &&
           in(p->validators_max, 1, SU_VALIDATORS_MAX);
}

static bool times_check(const struct su_params *p)
{
    return p->ms_per_slot != 0 && in(p->config_delay_slots, 1, PARAM_TIME_MAX) &&
           in(p->cooldown_slots, 1, PARAM_TIME_MAX) && in(p->round_slots, 1, PARAM_TIME_MAX) &&
           in(p->request_expiry_slots, 1, PARAM_TIME_MAX) &&
           in(p->freeze_slots, 1, PARAM_TIME_MAX) && in(p->turn_slots, 1, PARAM_TIME_MAX) &&
           in(p->reveal_slots, 1, PARAM_TIME_MAX) &&
           in(p->silence_slots, p->reveal_slots + 1, PARAM_TIME_MAX) &&
           in(p->missing_slots, 1, PARAM_TIME_MAX) && in(p->commit_base_ms, 1, PARAM_TIME_MAX) &&
           in(p->commit_step_ms, 1, PARAM_TIME_MAX) && in(p->commit_unit_ms, 1, PARAM_TIME_MAX) &&
           in(p->dispute_base_ms, 1, PARAM_TIME_MAX) && p->dispute_bytes_per_s != 0 &&
           p->dispute_units_per_s != 0;
}

bool su_params_check(const struct su_params *p)
{
    return amounts_check(p) && rates_check(p) && times_check(p);
}

/* ceil(a * b / c) */
static bool mul_div_up(uint64_t a, uint64_t b, uint64_t c, uint64_t *out)
{
    uint64_t q;
    if (!su_free_mul_div(a, b, c, &q))
        return false;
    bool exact = a * b == q * c; /* the remainder is below c: its low 64 bits are all of it */
    return su_free_add(q, exact ? 0 : 1, out);
}

static bool amount(uint64_t v, uint64_t *out)
{
    if (v > SU_AMOUNT_MAX)
        return false;
    *out = v;
    return true;
}

bool su_econ_units(uint64_t macs_per_step, uint32_t steps, uint64_t *out)
{
    uint64_t units;
    if (steps == 0 || steps > SU_STEPS_MAX ||
        !mul_div_up(macs_per_step, steps, SU_MACS_PER_UNIT, &units))
        return false;
    return amount(units != 0 ? units : 1, out);
}

bool su_econ_fee(const struct su_params *p, uint64_t fee_unit, uint64_t macs_per_step,
                 uint32_t steps, uint64_t *out)
{
    uint64_t units, fee;
    return fee_unit <= SU_AMOUNT_MAX && su_econ_units(macs_per_step, steps, &units) &&
           su_free_mul(fee_unit, units, &fee) && su_free_add(fee, p->fee_base, &fee) &&
           amount(fee, out);
}

bool su_econ_check_fee(const struct su_params *p, uint64_t fee, uint64_t *out)
{
    uint64_t v;
    return fee <= SU_AMOUNT_MAX && mul_div_up(fee, p->validator_share_ppm, SU_PPM, &v) &&
           amount(v, out);
}

bool su_econ_surcharge(const struct su_params *p, uint32_t sampling_ppm, uint64_t fee,
                       uint64_t *out)
{
    uint64_t v;
    if (sampling_ppm > SU_PPM || !su_econ_check_fee(p, fee, &v))
        return false;
    uint64_t rate = (uint64_t)p->surcharge_ppm * sampling_ppm;
    return mul_div_up(v, rate, (uint64_t)SU_PPM * SU_PPM, &v) && amount(v, out);
}

bool su_econ_stake(const struct su_params *p, uint32_t sampling_ppm, uint32_t owner_share_ppm,
                   uint64_t fee, uint64_t *out)
{
    uint32_t share = p->owner_share_min_ppm;
    if (owner_share_ppm > share)
        share = owner_share_ppm;
    if (fee > SU_AMOUNT_MAX || sampling_ppm == 0 || sampling_ppm > SU_PPM || share >= SU_PPM)
        return false;
    uint64_t rate = (uint64_t)sampling_ppm * (SU_PPM - share), stake;
    if (!mul_div_up(fee, (uint64_t)p->margin_ppm * SU_PPM, rate, &stake))
        return false;
    stake -= fee; /* margin >= 1 and rate <= 1: stake >= fee before */
    if (stake < 10 * fee)
        stake = 10 * fee;
    return stake <= p->stake_max && amount(stake, out);
}

bool su_econ_base_stake(const struct su_params *p, uint64_t vram_bytes, uint64_t *out)
{
    uint64_t gib = (vram_bytes >> GIB_SHIFT) + ((vram_bytes & ((1u << GIB_SHIFT) - 1)) != 0);
    uint64_t stake;
    return su_free_mul(p->stake_per_gib, gib, &stake) &&
           su_free_add(stake, p->stake_base, &stake) && amount(stake, out);
}

uint64_t su_econ_slots(const struct su_params *p, uint64_t ms)
{
    uint64_t slots = ms / p->ms_per_slot + (ms % p->ms_per_slot != 0);
    if (slots > TIME_MAX)
        return TIME_MAX;
    return slots != 0 ? slots : 1;
}

uint64_t su_econ_commit_slots(const struct su_params *p, uint32_t steps, uint32_t tasks,
                              uint64_t macs_per_step, uint8_t attempt)
{
    uint64_t step, unit, ms;
    if (!su_free_mul(p->commit_step_ms, tasks, &step) ||
        !mul_div_up(p->commit_unit_ms, macs_per_step, SU_MACS_PER_UNIT, &unit) ||
        !su_free_add(step, unit, &step) || !su_free_mul(step, steps, &ms) ||
        !su_free_add(ms, p->commit_base_ms, &ms) || attempt >= 62 || ms > TIME_MAX >> attempt)
        return TIME_MAX;
    return su_econ_slots(p, ms << attempt);
}

uint64_t su_econ_dispute_slots(const struct su_params *p, uint64_t weight_bytes,
                               uint64_t macs_per_step, uint32_t steps)
{
    uint64_t load, units, compute, ms;
    if (!mul_div_up(weight_bytes, MS_PER_S, p->dispute_bytes_per_s, &load) ||
        !su_econ_units(macs_per_step, steps, &units) ||
        !mul_div_up(units, MS_PER_S, p->dispute_units_per_s, &compute) ||
        !su_free_add(load, compute, &ms) || !su_free_add(ms, p->dispute_base_ms, &ms))
        return TIME_MAX;
    return su_econ_slots(p, ms);
}

/* *sum += n * times, at most TIME_MAX. */
static void lasts(uint64_t *sum, uint64_t n, uint64_t times)
{
    uint64_t all;
    if (!su_free_mul(n, times, &all) || !su_free_add(*sum, all, sum) || *sum > TIME_MAX)
        *sum = TIME_MAX;
}

uint64_t su_econ_run_slots(const struct su_params *p, uint32_t steps, uint32_t tasks,
                           uint64_t macs_per_step)
{
    uint64_t slots = 0;
    for (uint32_t i = 0; i < p->attempts_max; i++)
        lasts(&slots, su_econ_commit_slots(p, steps, tasks, macs_per_step, (uint8_t)i), 1);
    lasts(&slots, p->request_expiry_slots, p->attempts_max - 1u);
    return slots;
}

uint64_t su_econ_judge_slots(const struct su_params *p, uint64_t weight_bytes,
                             uint64_t macs_per_step, uint32_t steps)
{
    enum { DISPUTES = 3 };
    uint64_t slots = 0;
    lasts(&slots, su_econ_commit_slots(p, steps, 1, macs_per_step, 0), p->validators_max);
    lasts(&slots, su_econ_dispute_slots(p, weight_bytes, macs_per_step, steps), DISPUTES);
    return slots;
}

uint64_t su_econ_longest_slots(const struct su_params *p, uint32_t steps, uint32_t tasks,
                               uint64_t macs_per_step, uint64_t judge_slots)
{
    uint64_t slots = su_econ_run_slots(p, steps, tasks, macs_per_step);
    lasts(&slots, p->request_expiry_slots, 2); /* for an assignment; for the last node of a task */
    lasts(&slots, p->round_slots, 1);
    lasts(&slots, su_econ_slots(p, p->commit_base_ms), 1); /* after the sampling task's commit */
    lasts(&slots, p->freeze_slots, 1);
    lasts(&slots, p->turn_slots, 2);
    lasts(&slots, p->silence_slots, 1);
    lasts(&slots, p->missing_slots, 1);
    lasts(&slots, judge_slots, 1);
    return slots;
}
