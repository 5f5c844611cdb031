// SPDX-License-Identifier: MIT
/* Requests: opening an execution, its tasks, the escrow, and what ends it before it runs.
   FREESTANDING, compiled natively and to sBPF. */
#include "program_priv.h"

static uint64_t requestor_open(struct su_sys *s, uint64_t payer, uint64_t at, const uint8_t *key,
                               struct su_acc_requestor **out)
{
    if (!su_prog_absent(s, at)) {
        SU_TRY(su_prog_load(s, at, SU_TAG_REQUESTOR, out));
        SU_DEMAND(su_free_key_equal((*out)->key, key), WrongRelation);
        return 0;
    }
    struct su_seeds seeds;
    su_seeds_key(&seeds, "requestor", key);
    SU_TRY(su_prog_create(s, payer, at, SU_TAG_REQUESTOR, &seeds, out));
    su_free_copy((*out)->key, key, 32);
    return 0;
}

uint64_t su_prog_request_open(struct su_sys *s)
{
    enum { KEY, PAYER, STATE, CONFIG, MODEL, REQUESTOR, EXECUTION };
    const struct su_ix_request_open *ix = SU_PROG_ARGS(s, request_open);
    struct su_acc_state *state;
    struct su_acc_config *config;
    struct su_acc_model *model;
    SU_TRY(su_prog_load(s, STATE, SU_TAG_STATE, &state));
    SU_TRY(su_prog_config_now(s, state, CONFIG, &config));
    SU_DEMAND(config->oracle_count > 0, WrongEpoch);
    SU_TRY(su_prog_load(s, MODEL, SU_TAG_MODEL, &model));
    SU_DEMAND(model->state == SU_MODEL_FINAL, ModelNotFinalised);
    SU_DEMAND(ix->max_steps >= 1 && ix->max_steps <= SU_STEPS_MAX && ix->pad == 0, BadArgument);

    const uint8_t *key = su_prog_key(s, KEY);
    struct su_acc_requestor *requestor;
    SU_TRY(requestor_open(s, PAYER, REQUESTOR, key, &requestor));
    SU_DEMAND(requestor->nonce < UINT64_MAX && ix->nonce == requestor->nonce + 1,
              NonceNotIncreasing);
    requestor->nonce = ix->nonce;

    struct su_seeds seeds;
    struct su_acc_execution *exec;
    su_seeds_key_u64(&seeds, "exec", key, ix->nonce);
    SU_TRY(su_prog_create(s, PAYER, EXECUTION, SU_TAG_EXECUTION, &seeds, &exec));
    su_free_copy(exec->requestor, key, 32);
    su_free_copy(exec->model, su_prog_key(s, MODEL), 32);
    su_free_copy(exec->input_digest, ix->input_digest, 32);
    exec->nonce = ix->nonce;
    exec->epoch = config->epoch;
    exec->seed = ix->seed;
    exec->max_steps = ix->max_steps;
    exec->steps = model->sample_task == SU_NO_TASK ? ix->max_steps : 0;
    exec->task_count = model->task_count;
    exec->sample_task = model->sample_task;
    exec->oracle_fee = config->params.oracle_fee;
    exec->request_slot = su_sys_slot(s);
    exec->phase_slot = exec->request_slot;
    exec->state = SU_EXEC_OPENING;
    return 0;
}

static void source_fill(struct su_acc_assignment *a, const struct su_acc_task *task,
                        const struct su_acc_model *model, uint8_t i)
{
    struct su_source *source = &a->sources[i];
    bool external = (task->inputs[i].flags & SU_SPEC_EXTERNAL) != 0;
    source->task = task->inputs[i].from_task;
    source->output = task->inputs[i].from_output;
    source->external = external ? SU_SOURCE_REQUEST : SU_SOURCE_TASK;
    if (external && model->feedback_set && model->feedback_task == task->index &&
        model->feedback_input == i) {
        source->task = model->sample_task;
        source->output = model->feedback_output;
        source->external = SU_SOURCE_FED;
    }
    /* Nothing on chain to compare, or within one reveal. */
    if (source->external == SU_SOURCE_REQUEST ||
        (source->external == SU_SOURCE_FED && source->task == task->index))
        a->matched = (uint8_t)(a->matched | 1u << i);
}

/* Copies what the run needs to know of a task, so that later instructions need not pass it. */
static void assignment_fill(struct su_acc_assignment *a, const struct su_acc_task *task,
                            const struct su_acc_model *model, const uint8_t *exec_key,
                            const uint8_t *task_key)
{
    su_free_copy(a->execution, exec_key, 32);
    su_free_copy(a->task_account, task_key, 32);
    a->task = task->index;
    a->input_count = task->input_count;
    a->output_count = task->output_count;
    a->macs_per_step = task->macs_per_step;
    a->fee_unit = task->fee_unit;
    a->weight_bytes = task->weight_bytes;
    su_free_copy(a->consumers, task->consumers, sizeof a->consumers);
    for (uint8_t i = 0; i < task->input_count; i++)
        source_fill(a, task, model, i);
}

static bool gives_result(const struct su_acc_task *task)
{
    for (uint8_t i = 0; i < task->output_count; i++) {
        if (task->outputs[i].flags & SU_SPEC_EXTERNAL)
            return true;
    }
    return false;
}

/* Counts the task's fee and surcharge at max_steps into the execution. */
static uint64_t task_price(struct su_acc_execution *exec, const struct su_params *params,
                           const struct su_acc_task *task)
{
    struct su_exec_task *t = &exec->tasks[task->index];
    uint64_t surcharge, stake;
    t->sampling_ppm = task->sampling_ppm > params->sampling_min_ppm ? task->sampling_ppm
                                                                    : params->sampling_min_ppm;
    SU_DEMAND(su_econ_fee(params, task->fee_unit, task->macs_per_step, exec->max_steps, &t->fee) &&
                  su_econ_surcharge(params, t->sampling_ppm, t->fee, &surcharge),
              Overflow);
    SU_DEMAND(su_econ_stake(params, t->sampling_ppm, 0, t->fee, &stake), EconomicsUnsafe);
    /* Kept until the submission, which holds the whole execution to the config's delay. */
    uint64_t judge =
        su_econ_judge_slots(params, task->weight_bytes, task->macs_per_step, exec->max_steps);
    if (judge > exec->deadline_slot)
        exec->deadline_slot = judge;
    SU_TRY(su_prog_add(&exec->fees, t->fee));
    SU_TRY(su_prog_add(&exec->surcharge, surcharge));
    return su_prog_add(&exec->macs_per_step, task->macs_per_step);
}

SU_FREE_INLINE uint64_t task_open(struct su_sys *s, uint64_t payer, uint64_t exec_at,
                                  uint64_t task_at, struct su_acc_execution *exec,
                                  const struct su_acc_model *model, const struct su_params *params,
                                  uint32_t index)
{
    struct su_acc_task *task;
    SU_TRY(su_prog_load(s, task_at, SU_TAG_TASK, &task));
    SU_DEMAND(su_free_key_equal(task->model, exec->model) && task->index == index, WrongRelation);
    struct su_exec_task *t = &exec->tasks[index];
    SU_DEMAND((t->flags & SU_TASKF_OPEN) == 0, TaskAlreadyOpen);
    SU_DEMAND(task->owners >= params->min_owners, TooFewOwners);
    SU_TRY(task_price(exec, params, task));

    struct su_seeds seeds;
    struct su_acc_assignment *a;
    su_seeds_key_u16(&seeds, "assign", su_prog_key(s, exec_at), task->index);
    SU_TRY(su_prog_create(s, payer, task_at + 1, SU_TAG_ASSIGNMENT, &seeds, &a));
    assignment_fill(a, task, model, su_prog_key(s, exec_at), su_prog_key(s, task_at));
    t->state = SU_TASK_UNASSIGNED;
    t->flags = SU_TASKF_OPEN;
    if (gives_result(task) && task->index > exec->final_task)
        exec->final_task = task->index;
    exec->opened++;
    exec->assignments_open++;
    return 0;
}

uint64_t su_prog_request_tasks(struct su_sys *s)
{
    enum { KEY, PAYER, CONFIG, MODEL, EXECUTION, SYSTEM, PAIRS };
    const struct su_ix_request_tasks *ix = SU_PROG_ARGS(s, request_tasks);
    struct su_acc_execution *exec;
    struct su_acc_config *config;
    struct su_acc_model *model;
    SU_TRY(su_prog_load(s, EXECUTION, SU_TAG_EXECUTION, &exec));
    SU_TRY(su_prog_config_of(s, exec, CONFIG, &config));
    SU_DEMAND(su_free_key_equal(exec->requestor, su_prog_key(s, KEY)), NotAuthorised);
    SU_DEMAND(su_free_key_equal(exec->model, su_prog_key(s, MODEL)), WrongRelation);
    SU_TRY(su_prog_load(s, MODEL, SU_TAG_MODEL, &model));
    SU_TRY(su_prog_exec_in(exec, 1u << SU_EXEC_OPENING));
    SU_DEMAND(ix->count >= 1 && ix->count <= 4, BadArgument);
    SU_DEMAND(ix->first < exec->task_count && ix->count <= exec->task_count - ix->first,
              BadArgument);
    SU_DEMAND(s->count >= PAIRS + 2u * ix->count, NotEnoughAccounts);
    for (uint32_t i = 0; i < ix->count; i++) {
        SU_TRY(task_open(s, PAYER, EXECUTION, PAIRS + 2u * i, exec, model, &config->params,
                         ix->first + i));
    }
    return 0;
}

uint64_t su_prog_request_submit(struct su_sys *s)
{
    enum { KEY, FROM, MINT, VAULT, STATE, CONFIG, EXECUTION };
    const struct su_ix_request_submit *ix = SU_PROG_ARGS(s, request_submit);
    struct su_acc_state *state;
    struct su_acc_config *config;
    struct su_acc_execution *exec;
    SU_TRY(su_prog_load(s, STATE, SU_TAG_STATE, &state));
    SU_TRY(su_prog_load(s, EXECUTION, SU_TAG_EXECUTION, &exec));
    SU_TRY(su_prog_config_now(s, state, CONFIG, &config));
    SU_DEMAND(config->epoch == exec->epoch, WrongEpoch);
    SU_DEMAND(su_free_key_equal(exec->requestor, su_prog_key(s, KEY)), NotAuthorised);
    SU_TRY(su_prog_exec_in(exec, 1u << SU_EXEC_OPENING));
    SU_DEMAND(exec->opened == exec->task_count, TasksMissing);
    SU_DEMAND(su_econ_longest_slots(&config->params, exec->max_steps, exec->task_count,
                                    exec->macs_per_step,
                                    exec->deadline_slot) <= config->params.config_delay_slots,
              BadArgument);
    uint64_t escrow = exec->oracle_fee;
    SU_TRY(su_prog_add(&escrow, exec->fees));
    SU_TRY(su_prog_add(&escrow, exec->surcharge));
    SU_DEMAND(escrow <= ix->max_escrow, BadArgument);
    SU_TRY(su_prog_vault_in(s, state, KEY, FROM, MINT, VAULT, escrow));
    exec->escrow = escrow;
    exec->deadline_slot = 0;
    exec->state = SU_EXEC_REQUESTED;
    exec->submit_slot = su_sys_slot(s);
    exec->phase_slot = exec->submit_slot;
    return 0;
}

uint64_t su_prog_request_cancel(struct su_sys *s)
{
    enum { KEY, EXECUTION };
    struct su_acc_execution *exec;
    SU_TRY(su_prog_load(s, EXECUTION, SU_TAG_EXECUTION, &exec));
    SU_DEMAND(su_free_key_equal(exec->requestor, su_prog_key(s, KEY)), NotAuthorised);
    SU_TRY(su_prog_exec_in(exec, 1u << SU_EXEC_OPENING | 1u << SU_EXEC_REQUESTED));
    su_prog_exec_void(exec, SU_VOID_CANCELLED, su_sys_slot(s));
    return 0;
}

uint64_t su_prog_request_expire(struct su_sys *s)
{
    enum { CONFIG, EXECUTION };
    struct su_acc_execution *exec;
    struct su_acc_config *config;
    SU_TRY(su_prog_load(s, EXECUTION, SU_TAG_EXECUTION, &exec));
    SU_TRY(su_prog_config_of(s, exec, CONFIG, &config));
    SU_TRY(su_prog_exec_in(exec, 1u << SU_EXEC_OPENING | 1u << SU_EXEC_REQUESTED |
                                     1u << SU_EXEC_ASSIGNING));
    SU_DEMAND(exec->assigned == 0, WrongState); /* what is taken is released first */
    uint64_t slot = su_sys_slot(s);
    SU_DEMAND(slot > exec->request_slot + config->params.request_expiry_slots, TooEarly);
    su_prog_exec_void(exec, SU_VOID_EXPIRED, slot);
    return 0;
}
