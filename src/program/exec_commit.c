// SPDX-License-Identifier: MIT
/* Commits and the draw: blinded commitments, alpha from SlotHashes, VRF turns with escalation.
   FREESTANDING, compiled natively and to sBPF. */
#include "program_priv.h"

/* The sampling task says how many positions were run; every other repeats it, and has time for it
   even when the first commit came at the last moment. */
static uint64_t steps_take(struct su_acc_execution *exec, uint16_t task, uint32_t steps,
                           const struct su_params *params, uint64_t slot)
{
    if (exec->sample_task == task && exec->steps == 0) {
        SU_DEMAND(steps >= 1 && steps <= exec->max_steps, WrongSteps);
        exec->steps = steps;
        uint64_t end = slot + su_econ_slots(params, params->commit_base_ms);
        if (end > exec->deadline_slot)
            exec->deadline_slot = end;
        return 0;
    }
    SU_DEMAND(exec->steps != 0, StepsUnknown);
    SU_DEMAND(steps == exec->steps, WrongSteps);
    return 0;
}

uint64_t su_prog_commit(struct su_sys *s)
{
    enum { IDENTITY, CONFIG, EXECUTION, ASSIGNMENT };
    const struct su_ix_commit *ix = SU_PROG_ARGS(s, commit);
    struct su_acc_execution *exec;
    struct su_acc_assignment *a;
    struct su_acc_config *config;
    uint64_t slot = su_sys_slot(s);
    SU_TRY(su_prog_exec_pair(s, EXECUTION, ASSIGNMENT, &exec, &a));
    SU_TRY(su_prog_config_of(s, exec, CONFIG, &config));
    SU_TRY(su_prog_exec_in(exec, 1u << SU_EXEC_RUNNING));
    struct su_exec_task *t = &exec->tasks[a->task];
    SU_DEMAND(su_free_is_zero(ix->pad, sizeof ix->pad), BadArgument);
    SU_DEMAND(t->state == SU_TASK_ASSIGNED, WrongState);
    SU_DEMAND(su_free_key_equal(a->node, su_prog_key(s, IDENTITY)), NotTheAsserter);
    SU_DEMAND(ix->attempt == a->attempt, WrongAttempt);
    SU_DEMAND(slot <= exec->deadline_slot, TooLate);
    SU_TRY(steps_take(exec, a->task, ix->steps, &config->params, slot));
    uint64_t fee;
    SU_DEMAND(su_econ_fee(&config->params, a->fee_unit, a->macs_per_step, exec->steps, &fee),
              Overflow);
    t->fee = fee;
    t->state = SU_TASK_COMPLETED;
    t->flags = (uint16_t)(t->flags | SU_TASKF_COMMITTED);
    su_free_copy(a->commit, ix->commit, 32);
    a->commit_slot = slot;
    a->deadline_slot = 0;
    su_msg_chain(su_prog_hash, exec->commit_chain, a->task, a->attempt, ix->commit);
    exec->committed++;
    exec->last_commit_slot = slot;
    return 0;
}

uint64_t su_prog_commit_expire(struct su_sys *s)
{
    enum { CONFIG, EXECUTION, ASSIGNMENT };
    struct su_acc_execution *exec;
    struct su_acc_assignment *a;
    struct su_acc_config *config;
    uint64_t slot = su_sys_slot(s);
    SU_TRY(su_prog_exec_pair(s, EXECUTION, ASSIGNMENT, &exec, &a));
    SU_TRY(su_prog_config_of(s, exec, CONFIG, &config));
    SU_TRY(su_prog_exec_in(exec, 1u << SU_EXEC_RUNNING));
    const struct su_exec_task *t = &exec->tasks[a->task];
    if (t->state == SU_TASK_ASSIGNED) {
        SU_DEMAND(slot > exec->deadline_slot, TooEarly);
        su_prog_task_failed(exec, a, &config->params, slot);
        return 0;
    }
    SU_DEMAND(t->state == SU_TASK_UNASSIGNED, WrongState);
    SU_DEMAND(slot > a->deadline_slot, TooEarly); /* nobody took the task over */
    su_prog_exec_void(exec, SU_VOID_ATTEMPTS, slot);
    return 0;
}

/* The hash of the first slot after the last commit: nobody could know it when committing. */
static uint64_t slot_hash_after(struct su_sys *s, uint64_t last_commit, uint32_t index,
                                uint8_t hash[32])
{
    uint64_t slot, older;
    uint8_t unused[32];
    SU_DEMAND(index < 511 && su_sys_slot_hash(s, index, &slot, hash), NoSuchSlotHash);
    SU_DEMAND(su_sys_slot_hash(s, index + 1, &older, unused), NoSuchSlotHash);
    SU_DEMAND(slot > last_commit && older <= last_commit, NoSuchSlotHash);
    return 0;
}

static void beta_from_alpha(struct su_acc_execution *exec)
{
    su_free_copy(exec->beta, exec->alpha, 32);
    su_free_copy(exec->beta + 32, exec->alpha, 32);
}

/* What the sampled checks cost beyond the configured rates: escalation is the silent oracles'
   doing. */
static uint64_t excess(const struct su_acc_execution *exec, const struct su_params *params)
{
    uint64_t sampled = 0, expected = 0;
    for (uint16_t i = 0; i < exec->task_count; i++) {
        const struct su_exec_task *t = &exec->tasks[i];
        uint64_t fee, part;
        if (!su_econ_check_fee(params, t->fee, &fee))
            continue;
        if (t->flags & SU_TASKF_SAMPLED)
            sampled += fee;
        if (su_free_mul_div(fee, t->sampling_ppm, SU_PPM, &part))
            expected += part;
    }
    return sampled > expected ? sampled - expected : 0;
}

void su_prog_drawn(struct su_acc_execution *exec, const struct su_acc_config *config, uint64_t slot)
{
    for (uint16_t i = 0; i < exec->task_count; i++) {
        struct su_exec_task *t = &exec->tasks[i];
        uint32_t ppm =
            t->sampling_ppm > exec->threshold_ppm ? t->sampling_ppm : exec->threshold_ppm;
        if (ppm < SU_PPM && !su_msg_sampled(su_prog_hash, exec->beta, i, ppm))
            continue;
        t->flags = (uint16_t)(t->flags | SU_TASKF_SAMPLED);
        t->state = SU_TASK_PENDING_VERIFICATION;
        exec->sampled++;
    }
    if (exec->oracles_silent)
        exec->silence_excess = excess(exec, &config->params);
    exec->state = exec->sampled > 0 ? SU_EXEC_CHECKING : SU_EXEC_REVEALING;
    exec->phase_slot = slot;
}

uint64_t su_prog_freeze(struct su_sys *s)
{
    enum { CONFIG, EXECUTION };
    const struct su_ix_freeze *ix = SU_PROG_ARGS(s, freeze);
    struct su_acc_execution *exec;
    struct su_acc_config *config;
    uint64_t slot = su_sys_slot(s);
    uint8_t hash[32];
    SU_TRY(su_prog_load(s, EXECUTION, SU_TAG_EXECUTION, &exec));
    SU_TRY(su_prog_config_of(s, exec, CONFIG, &config));
    SU_TRY(su_prog_exec_in(exec, 1u << SU_EXEC_RUNNING));
    SU_DEMAND(exec->committed == exec->task_count, WrongState);
    SU_DEMAND(ix->fallback <= 1, BadArgument);
    struct su_msg_scope scope = su_prog_scope(s, config, EXECUTION, exec);
    if (ix->fallback) {
        SU_DEMAND(slot > exec->last_commit_slot + config->params.freeze_slots, TooEarly);
        su_msg_alpha(su_prog_hash, &scope, exec->commit_chain, NULL, exec->alpha);
        beta_from_alpha(exec);
        exec->threshold_ppm = SU_PPM;
        su_prog_drawn(exec, config, slot);
        return 0;
    }
    SU_TRY(slot_hash_after(s, exec->last_commit_slot, ix->hash_index, hash));
    su_msg_alpha(su_prog_hash, &scope, exec->commit_chain, hash, exec->alpha);
    exec->state = SU_EXEC_FROZEN;
    exec->phase_slot = slot;
    return 0;
}

#define SU_DRAW_TURNS 2u

static uint64_t turn_now(const struct su_acc_execution *exec, const struct su_params *params,
                         uint64_t slot)
{
    return (slot - exec->phase_slot) / params->turn_slots;
}

/* The oracles whose turns have passed. */
static uint8_t silent_mask(const uint8_t *order, uint64_t turns)
{
    uint8_t mask = 0;
    for (uint64_t i = 0; i < turns; i++)
        mask = (uint8_t)(mask | 1u << order[i]);
    return mask;
}

static uint64_t proof_check(struct su_sys *s, struct su_acc_execution *exec,
                            const uint8_t vrf_key[32], const uint8_t proof[80])
{
    struct su_ecvrf *v = (struct su_ecvrf *)(void *)s->scratch;
    v->ops = &su_prog_curve;
    v->key = vrf_key;
    v->alpha = exec->alpha;
    v->alpha_bytes = 32;
    v->proof = proof;
    SU_DEMAND(su_ecvrf_verify(v), BadVrfProof);
    su_free_copy(exec->beta, v->beta, sizeof exec->beta);
    return 0;
}

uint64_t su_prog_draw(struct su_sys *s)
{
    enum { ORACLE, CONFIG, EXECUTION };
    const struct su_ix_draw *ix = SU_PROG_ARGS(s, draw);
    struct su_acc_execution *exec;
    struct su_acc_config *config;
    uint8_t number, order[SU_ORACLES_MAX];
    uint64_t slot = su_sys_slot(s);
    SU_TRY(su_prog_load(s, EXECUTION, SU_TAG_EXECUTION, &exec));
    SU_TRY(su_prog_config_of(s, exec, CONFIG, &config));
    SU_TRY(su_prog_oracle_number(config, su_prog_key(s, ORACLE), &number));
    SU_TRY(su_prog_exec_in(exec, 1u << SU_EXEC_FROZEN));
    uint64_t turn = turn_now(exec, &config->params, slot);
    SU_DEMAND(turn < SU_DRAW_TURNS && turn < config->oracle_count, TooLate);
    su_msg_draw_order(su_prog_hash, exec->alpha, config->oracles, config->oracle_count, order);
    SU_DEMAND(order[turn] == number, NotYourTurn);
    SU_TRY(proof_check(s, exec, config->oracles[number].vrf_key, ix->proof));
    exec->turn = (uint8_t)turn;
    exec->threshold_ppm = turn == 0 ? 0 : config->params.escalated_ppm;
    exec->oracles_silent = silent_mask(order, turn);
    exec->oracles_voted = (uint8_t)(exec->oracles_voted | 1u << number);
    su_prog_drawn(exec, config, slot);
    return 0;
}

uint64_t su_prog_draw_default(struct su_sys *s)
{
    enum { CONFIG, EXECUTION };
    struct su_acc_execution *exec;
    struct su_acc_config *config;
    uint8_t order[SU_ORACLES_MAX];
    uint64_t slot = su_sys_slot(s);
    SU_TRY(su_prog_load(s, EXECUTION, SU_TAG_EXECUTION, &exec));
    SU_TRY(su_prog_config_of(s, exec, CONFIG, &config));
    SU_TRY(su_prog_exec_in(exec, 1u << SU_EXEC_FROZEN));
    uint64_t turns = config->oracle_count < SU_DRAW_TURNS ? config->oracle_count : SU_DRAW_TURNS;
    SU_DEMAND(turn_now(exec, &config->params, slot) >= turns, TooEarly);
    su_msg_draw_order(su_prog_hash, exec->alpha, config->oracles, config->oracle_count, order);
    beta_from_alpha(exec);
    exec->turn = (uint8_t)turns;
    exec->threshold_ppm = SU_PPM;
    exec->oracles_silent = silent_mask(order, turns);
    su_prog_drawn(exec, config, slot);
    return 0;
}
