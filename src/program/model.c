// SPDX-License-Identifier: MIT
/* Models: creation, connections between their tasks, the end of the draft. */
#include "program_priv.h"

uint64_t su_prog_model_create(struct su_sys *s)
{
    enum { CREATOR, PAYER, MODEL };
    const struct su_ix_model_create *ix = SU_PROG_ARGS(s, model_create);
    SU_DEMAND(ix->task_count >= 1 && ix->task_count <= SU_TASKS_MAX, TooManyTasks);
    SU_DEMAND(ix->sample_task == SU_NO_TASK || ix->sample_task < ix->task_count, BadArgument);
    SU_DEMAND(ix->name_len <= SU_NAME_MAX && ix->uri_len <= SU_URI_MAX, UriTooLong);
    SU_DEMAND(su_free_is_zero(ix->pad, sizeof ix->pad) &&
                  su_free_is_zero(ix->name + ix->name_len, SU_NAME_MAX - ix->name_len) &&
                  su_free_is_zero(ix->uri + ix->uri_len, SU_URI_MAX - ix->uri_len),
              BadArgument);
    struct su_seeds seeds;
    struct su_acc_model *model;
    su_seeds_keys(&seeds, "model", su_prog_key(s, CREATOR), ix->digest);
    SU_TRY(su_prog_create(s, PAYER, MODEL, SU_TAG_MODEL, &seeds, &model));
    su_free_copy(model->creator, su_prog_key(s, CREATOR), 32);
    su_free_copy(model->digest, ix->digest, 32);
    model->task_count = ix->task_count;
    model->sample_task = ix->sample_task;
    model->feedback_task = SU_NO_TASK;
    model->state = SU_MODEL_DRAFT;
    model->name_len = ix->name_len;
    model->uri_len = ix->uri_len;
    su_free_copy(model->name, ix->name, SU_NAME_MAX);
    su_free_copy(model->uri, ix->uri, SU_URI_MAX);
    return 0;
}

uint64_t su_prog_model_draft(struct su_sys *s, uint64_t creator, uint64_t at,
                             struct su_acc_model **model)
{
    SU_TRY(su_prog_load(s, at, SU_TAG_MODEL, model));
    SU_DEMAND(su_free_key_equal((*model)->creator, su_prog_key(s, creator)), NotAuthorised);
    SU_DEMAND((*model)->state != SU_MODEL_FINAL, ModelFinalised);
    return 0;
}

/* A task of the model at position `model_at`. */
static uint64_t task_of(struct su_sys *s, uint64_t i, uint64_t model_at, struct su_acc_task **task)
{
    SU_TRY(su_prog_load(s, i, SU_TAG_TASK, task));
    SU_DEMAND(su_free_key_equal((*task)->model, su_prog_key(s, model_at)), WrongRelation);
    return 0;
}

static bool spec_equal(const struct su_spec *a, const struct su_spec *b)
{
    return a->dtype == b->dtype && a->rank == b->rank &&
           su_free_equal(a->dims, b->dims, sizeof a->dims);
}

static void output_use(struct su_acc_model *model, struct su_spec *output)
{
    if ((output->flags & (SU_SPEC_EXTERNAL | SU_SPEC_CONNECTED)) != 0)
        return;
    output->flags |= SU_SPEC_CONNECTED;
    model->outputs_used++;
}

static uint64_t connect(struct su_acc_model *model, struct su_acc_task *from, uint8_t output,
                        struct su_acc_task *to, uint8_t input)
{
    SU_DEMAND(output < from->output_count && input < to->input_count, BadArgument);
    SU_DEMAND(from->index < to->index, ConnectionNotForward);
    struct su_spec *in = &to->inputs[input], *out = &from->outputs[output];
    SU_DEMAND((in->flags & SU_SPEC_EXTERNAL) == 0, InputIsExternal);
    SU_DEMAND((in->flags & SU_SPEC_CONNECTED) == 0, InputAlreadyConnected);
    SU_DEMAND((out->flags & SU_SPEC_EXTERNAL) == 0, OutputIsExternal);
    SU_DEMAND(spec_equal(in, out), SpecMismatch);
    in->flags |= SU_SPEC_CONNECTED;
    in->from_task = from->index;
    in->from_output = output;
    model->inputs_satisfied++;
    output_use(model, out);
    from->consumers[to->index / 8] =
        (uint8_t)(from->consumers[to->index / 8] | 1u << (to->index % 8));
    return 0;
}

uint64_t su_prog_connect(struct su_sys *s)
{
    enum { CREATOR, MODEL, TASKS };
    const struct su_ix_connect *ix = SU_PROG_ARGS(s, connect);
    const uint64_t edges_max = sizeof ix->edges / sizeof *ix->edges;
    struct su_acc_model *model;
    SU_TRY(su_prog_model_draft(s, CREATOR, MODEL, &model));
    SU_DEMAND(model->state == SU_MODEL_DRAFT, WrongState);
    SU_DEMAND(ix->count >= 1 && ix->count <= edges_max, BadArgument);
    SU_DEMAND(su_free_is_zero(ix->edges + ix->count,
                              (size_t)((edges_max - ix->count) * sizeof *ix->edges)),
              BadArgument);
    for (uint64_t i = 0; i < ix->count; i++) {
        struct su_acc_task *from, *to;
        SU_TRY(task_of(s, TASKS + (uint64_t)ix->edges[i].from, MODEL, &from));
        SU_TRY(task_of(s, TASKS + (uint64_t)ix->edges[i].to, MODEL, &to));
        SU_TRY(connect(model, from, ix->edges[i].output, to, ix->edges[i].input));
    }
    return 0;
}

uint64_t su_prog_model_feedback(struct su_sys *s)
{
    enum { CREATOR, MODEL, FROM, TO };
    const struct su_ix_model_feedback *ix = SU_PROG_ARGS(s, model_feedback);
    struct su_acc_model *model;
    struct su_acc_task *from, *to;
    SU_TRY(su_prog_model_draft(s, CREATOR, MODEL, &model));
    SU_DEMAND(model->state == SU_MODEL_DRAFT, WrongState);
    SU_DEMAND(su_free_is_zero(ix->pad, sizeof ix->pad), BadArgument);
    SU_TRY(task_of(s, FROM, MODEL, &from));
    SU_TRY(task_of(s, TO, MODEL, &to));
    SU_DEMAND(model->feedback_set == 0 && from->index == model->sample_task &&
                  ix->output < from->output_count && ix->input < to->input_count &&
                  (to->inputs[ix->input].flags & SU_SPEC_EXTERNAL) != 0,
              BadFeedback);
    SU_DEMAND(spec_equal(&from->outputs[ix->output], &to->inputs[ix->input]), SpecMismatch);
    output_use(model, &from->outputs[ix->output]);
    model->feedback_task = to->index;
    model->feedback_output = ix->output;
    model->feedback_input = ix->input;
    model->feedback_set = 1;
    return 0;
}

uint64_t su_prog_model_finalise(struct su_sys *s)
{
    enum { CREATOR, MODEL };
    struct su_acc_model *model;
    SU_TRY(su_prog_model_draft(s, CREATOR, MODEL, &model));
    SU_DEMAND(model->state == SU_MODEL_DRAFT, WrongState);
    SU_DEMAND(model->tasks_added == model->task_count, MissingTasks);
    SU_DEMAND(model->inputs_satisfied == model->inputs_total, InputNotConnected);
    SU_DEMAND(model->outputs_used == model->outputs_total, OrphanOutput);
    SU_DEMAND(model->external_inputs != 0, NoExternalInput);
    SU_DEMAND(model->external_outputs != 0, NoExternalOutput);
    SU_DEMAND((model->sample_task != SU_NO_TASK) == (model->feedback_set != 0), BadFeedback);
    model->state = SU_MODEL_FINAL;
    return 0;
}

uint64_t su_prog_model_discard(struct su_sys *s)
{
    enum { CREATOR, MODEL, OBJECT, RENT_PAYER };
    struct su_acc_model *model;
    struct su_acc_task *task;
    SU_TRY(su_prog_model_draft(s, CREATOR, MODEL, &model));
    if (s->accounts[OBJECT].index == s->accounts[MODEL].index) {
        SU_DEMAND(model->tasks_added == 0, WrongState);
        return su_prog_close(s, MODEL, RENT_PAYER);
    }
    SU_TRY(task_of(s, OBJECT, MODEL, &task));
    SU_DEMAND(task->index + 1u == model->tasks_added, TaskIndexOutOfOrder);
    /* The marks of the lost connections stay on the other tasks: the draft cannot be taken up
       again. */
    model->tasks_added--;
    model->state = SU_MODEL_DISCARDING;
    return su_prog_close(s, OBJECT, RENT_PAYER);
}
