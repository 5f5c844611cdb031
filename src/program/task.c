// SPDX-License-Identifier: MIT
/* Tasks of a draft model. */
#include "program_priv.h"

enum { CREATOR, PAYER, STATE, CONFIG, MODEL, TASK };

/* Spec number i of the instruction into *out. */
static uint64_t spec_read(const struct su_ix_task_add *ix, uint64_t i, struct su_spec *out)
{
    SU_DEMAND(ix->specs[i].dtype < SU_DTYPE_MAX && ix->specs[i].rank <= SU_RANK_MAX &&
                  (ix->specs[i].flags & ~SU_SPEC_EXTERNAL) == 0 && ix->specs[i].pad == 0,
              BadSpec);
    out->dtype = ix->specs[i].dtype;
    out->rank = ix->specs[i].rank;
    out->flags = ix->specs[i].flags;
    for (uint64_t k = 0; k < SU_RANK_MAX; k++) {
        uint32_t dim = ix->specs[i].dims[k];
        SU_DEMAND((dim != 0) == (k < out->rank), BadSpec);
        out->dims[k] = dim;
    }
    return 0;
}

static uint64_t specs_read(const struct su_ix_task_add *ix, struct su_acc_model *model,
                           struct su_acc_task *task)
{
    uint64_t inputs = ix->input_count, all = inputs + ix->output_count;
    for (uint64_t i = 0; i < all; i++) {
        struct su_spec *spec = i < inputs ? &task->inputs[i] : &task->outputs[i - inputs];
        SU_TRY(spec_read(ix, i, spec));
        bool external = (spec->flags & SU_SPEC_EXTERNAL) != 0;
        if (i < inputs && external)
            model->external_inputs++;
        else if (i < inputs)
            model->inputs_total++;
        else if (external)
            model->external_outputs++;
        else
            model->outputs_total++;
    }
    SU_DEMAND(
        su_free_is_zero(ix->specs + all, (size_t)((2 * SU_PORTS_MAX - all) * sizeof *ix->specs)),
        BadSpec);
    return 0;
}

static uint64_t fields_check(const struct su_ix_task_add *ix, const struct su_acc_model *model,
                             const struct su_params *params)
{
    SU_DEMAND(model->tasks_added < model->task_count, TooManyTasks);
    SU_DEMAND(ix->index == model->tasks_added, TaskIndexOutOfOrder);
    SU_DEMAND(ix->input_count >= 1 && ix->input_count <= SU_PORTS_MAX && ix->output_count >= 1 &&
                  ix->output_count <= SU_PORTS_MAX,
              BadSpec);
    SU_DEMAND(ix->uri_len <= SU_URI_MAX, UriTooLong);
    SU_DEMAND(su_free_is_zero(ix->uri + ix->uri_len, SU_URI_MAX - ix->uri_len) &&
                  su_free_is_zero(ix->pad, sizeof ix->pad) && ix->pad2 == 0,
              BadArgument);
    SU_DEMAND(ix->sampling_ppm >= params->sampling_min_ppm && ix->sampling_ppm <= SU_PPM,
              SamplingTooLow);
    SU_DEMAND(ix->fee_unit >= params->fee_unit, FeeTooLow);
    uint64_t fee, stake;
    SU_DEMAND(su_econ_fee(params, ix->fee_unit, ix->macs_per_step, 1, &fee), Overflow);
    SU_DEMAND(su_econ_stake(params, ix->sampling_ppm, 0, fee, &stake), EconomicsUnsafe);
    return 0;
}

uint64_t su_prog_task_add(struct su_sys *s)
{
    const struct su_ix_task_add *ix = SU_PROG_ARGS(s, task_add);
    struct su_acc_state *state;
    struct su_acc_config *config;
    struct su_acc_model *model;
    struct su_acc_task *task;
    SU_TRY(su_prog_load(s, STATE, SU_TAG_STATE, &state));
    SU_TRY(su_prog_config_now(s, state, CONFIG, &config));
    SU_TRY(su_prog_model_draft(s, CREATOR, MODEL, &model));
    SU_DEMAND(model->state == SU_MODEL_DRAFT, WrongState);
    SU_TRY(fields_check(ix, model, &config->params));

    struct su_seeds seeds;
    su_seeds_key_u16(&seeds, "task", su_prog_key(s, MODEL), ix->index);
    SU_TRY(su_prog_create(s, PAYER, TASK, SU_TAG_TASK, &seeds, &task));
    SU_TRY(specs_read(ix, model, task));
    SU_TRY(su_prog_add(&model->weight_bytes, ix->weight_bytes));
    SU_TRY(su_prog_add(&model->macs_per_step, ix->macs_per_step));
    model->tasks_added++;
    su_free_copy(task->model, su_prog_key(s, MODEL), 32);
    su_free_copy(task->graph_digest, ix->graph_digest, 32);
    su_free_copy(task->weights_digest, ix->weights_digest, 32);
    task->index = ix->index;
    task->input_count = ix->input_count;
    task->output_count = ix->output_count;
    task->uri_len = ix->uri_len;
    task->vram_fixed_bytes = ix->vram_fixed_bytes;
    task->vram_session_bytes = ix->vram_session_bytes;
    task->macs_per_step = ix->macs_per_step;
    task->weight_bytes = ix->weight_bytes;
    task->fee_unit = ix->fee_unit;
    task->sampling_ppm = ix->sampling_ppm;
    su_free_copy(task->uri, ix->uri, SU_URI_MAX);
    return 0;
}
