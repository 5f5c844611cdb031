// SPDX-License-Identifier: MIT
/* A model's definition on chain, in as many transactions as it takes; what is there already is left
   out, so that an interrupted registration goes on where it stopped. */
#include "ops_priv.h"

#include <stdlib.h>
#include <string.h>

enum { EDGES_AT_ONCE = 8 };

static enum su_code check_task(const struct su_package_task *t, uint32_t number, struct su_err *e)
{
    char at[24];

    (void)snprintf(at, sizeof at, "task %u", number);
    if (t->graph->n_input > SU_PORTS_MAX || t->graph->n_output > SU_PORTS_MAX)
        return su_fail(e, SU_ELIMIT, at, "more than %u inputs or outputs", SU_PORTS_MAX);
    for (uint32_t i = 0; i < t->graph->n_input + t->graph->n_output; i++) {
        uint32_t id = i < t->graph->n_input ? t->graph->input[i]
                                            : t->graph->output[i - t->graph->n_input].value;
        if (t->graph->value[id].shape.rank > SU_RANK_MAX)
            return su_fail(e, SU_ELIMIT, at, "a value of more than %u axes", SU_RANK_MAX);
    }
    return SU_OK;
}

enum su_code su_ops_model_check(const struct su_ops_model *f, struct su_err *e)
{
    const struct su_package *k = f->package;
    enum su_code rc = SU_OK;

    if (k->n_task == 0 || k->n_task > SU_TASKS_MAX)
        return su_fail(e, SU_ELIMIT, "model",
                       "%u tasks: 1 to %u; a larger --target-vram makes fewer", k->n_task,
                       SU_TASKS_MAX);
    if (!k->name[0] || strlen(k->name) > SU_NAME_MAX)
        return su_fail(e, SU_EINVAL, "--name", "must be of 1 to %u bytes", SU_NAME_MAX);
    if (f->uri && strlen(f->uri) > SU_URI_MAX)
        return su_fail(e, SU_ELIMIT, "URI", "is longer than %u bytes", SU_URI_MAX);
    for (uint32_t i = 0; i < k->n_task && !rc; i++)
        rc = check_task(&k->task[i], i, e);
    return rc;
}

/* ---- tasks and edges ----------------------------------------------------------------------------- */

struct deploying {
    const struct su_ops_model *f;
    uint8_t creator[32], key[32];
    struct su_chain_model there; /* zeroed when nothing is */
    uint16_t sample_task;
    bool has_feedback;
    struct su_chain_edge feedback;
};

static uint16_t tasks_there(const struct deploying *d)
{
    return d->there.model ? d->there.model->tasks_added : 0;
}

static void put_spec(struct su_ix_task_add *ix, size_t at, const struct su_value *v, bool external)
{
    ix->specs[at].dtype = (uint8_t)v->dtype;
    ix->specs[at].rank = (uint8_t)v->shape.rank;
    ix->specs[at].flags = external ? SU_SPEC_EXTERNAL : 0;
    for (uint32_t i = 0; i < v->shape.rank; i++)
        ix->specs[at].dims[i] = v->shape.dim[i];
}

static enum su_code add_task(struct su_ops *o, struct su_ops_proposal *p, const struct deploying *d,
                             uint16_t number, struct su_err *e)
{
    const struct su_package_task *t = &d->f->package->task[number];
    const struct su_graph *g = t->graph;
    struct su_ix_task_add ix = {.index = number,
                                .input_count = (uint8_t)g->n_input,
                                .output_count = (uint8_t)g->n_output,
                                .vram_fixed_bytes = t->vram_fixed_bytes,
                                .vram_session_bytes = t->vram_session_bytes,
                                .macs_per_step = t->macs,
                                .weight_bytes = t->weight_bytes,
                                .fee_unit = SU_MAX(d->f->fee_unit, o->params.fee_unit),
                                .sampling_ppm =
                                    SU_MAX(d->f->sampling_ppm, o->params.sampling_min_ppm)};

    memcpy(ix.graph_digest, t->graph_digest, 32);
    memcpy(ix.weights_digest, t->weights_digest, 32);
    for (uint32_t i = 0; i < g->n_input; i++)
        put_spec(&ix, i, &g->value[g->input[i]], t->input[i].from_task == SU_PLAN_EXTERNAL);
    for (uint32_t i = 0; i < g->n_output; i++)
        put_spec(&ix, g->n_input + i, &g->value[g->output[i].value], t->external_output[i]);
    su_chain_make_task_add(ops_batch(o, p), d->creator, d->key, &ix, d->f->uri ? d->f->uri : "");
    return ops_rent(o, p, su_acc_bytes(SU_TAG_TASK), e);
}

static bool is_connected(const struct deploying *d, const struct su_chain_edge *edge)
{
    return edge->to_task < tasks_there(d) &&
           (d->there.tasks[edge->to_task]->inputs[edge->input].flags & SU_SPEC_CONNECTED) != 0;
}

static void connect_all(struct su_ops *o, struct su_ops_proposal *p, const struct deploying *d)
{
    struct su_chain_edge edges[EDGES_AT_ONCE];
    size_t n = 0;

    for (uint32_t t = 0; t < d->f->package->n_task; t++) {
        const struct su_package_task *task = &d->f->package->task[t];
        for (uint32_t i = 0; i < task->graph->n_input; i++) {
            const struct su_plan_input *in = &task->input[i];
            if (in->from_task == SU_PLAN_EXTERNAL)
                continue;
            edges[n] = (struct su_chain_edge){.from_task = (uint16_t)in->from_task,
                                              .to_task = (uint16_t)t,
                                              .output = (uint8_t)in->from_output,
                                              .input = (uint8_t)i};
            n += !is_connected(d, &edges[n]);
            if (n == EDGES_AT_ONCE) {
                su_chain_make_connect(ops_batch(o, p), d->creator, d->key, edges, n);
                n = 0;
            }
        }
    }
    if (n > 0)
        su_chain_make_connect(ops_batch(o, p), d->creator, d->key, edges, n);
}

static bool spec_equal(const struct su_value *a, const struct su_value *b)
{
    return a->dtype == b->dtype && su_shape_equal(&a->shape, &b->shape);
}

/* A task with a sample op makes the model a generator: its token goes to the first external input of
   the same kind. */
static void find_feedback(struct deploying *d)
{
    const struct su_package *package = d->f->package;
    const struct su_value *token = NULL;

    d->sample_task = SU_NO_TASK;
    for (uint32_t t = 0; t < package->n_task; t++) {
        const struct su_graph *g = package->task[t].graph;
        for (uint32_t i = 0; i < g->n_output; i++) {
            const struct su_value *v = &g->value[g->output[i].value];
            if (v->kind != SU_VALUE_NODE || g->node[v->node].op != SU_OP_SAMPLE)
                continue;
            d->sample_task = d->feedback.from_task = (uint16_t)t;
            d->feedback.output = (uint8_t)i;
            token = v;
        }
    }
    for (uint32_t t = 0; t < package->n_task && token; t++) {
        const struct su_package_task *task = &package->task[t];
        for (uint32_t i = 0; i < task->graph->n_input; i++)
            if (task->input[i].from_task == SU_PLAN_EXTERNAL && !d->has_feedback &&
                spec_equal(&task->graph->value[task->graph->input[i]], token)) {
                d->feedback.to_task = (uint16_t)t;
                d->feedback.input = (uint8_t)i;
                d->has_feedback = true;
            }
    }
}

/* ---- the proposal -------------------------------------------------------------------------------- */

static enum su_code load(struct su_ops *o, struct deploying *d, struct su_err *e)
{
    char text[SU_CHAIN_TEXT];

    memcpy(d->creator, su_wallet_public_key(o->wallet), 32);
    find_feedback(d);
    su_chain_addr_model(&o->env, d->creator, d->f->package->digest, d->key);
    enum su_code rc = su_chain_model_load(o->chain, &o->env, d->key, &d->there, e);
    if (rc == SU_ENOENT)
        return SU_OK;
    if (!rc && d->there.model->state == SU_MODEL_DISCARDING)
        rc = su_fail(e, SU_EBUSY, su_chain_key_text(d->key, text),
                     "this draft is being discarded; finish that first");
    return rc;
}

static enum su_code steps(struct su_ops *o, struct su_ops_proposal *p, const struct deploying *d,
                          struct su_err *e)
{
    const struct su_package *package = d->f->package;
    enum su_code rc = SU_OK;

    if (d->there.model && d->there.model->state == SU_MODEL_FINAL)
        return SU_OK;
    if (!d->there.model) {
        struct su_chain_model_args a = {.task_count = (uint16_t)package->n_task,
                                        .sample_task = d->sample_task,
                                        .name = package->name,
                                        .uri = d->f->uri ? d->f->uri : ""};
        memcpy(a.digest, package->digest, 32);
        su_chain_make_model_create(ops_batch(o, p), d->creator, &a);
        rc = ops_rent(o, p, su_acc_bytes(SU_TAG_MODEL), e);
    }
    for (uint16_t i = tasks_there(d); i < package->n_task && !rc; i++)
        rc = add_task(o, p, d, i, e);
    if (rc)
        return rc;
    connect_all(o, p, d);
    if (d->has_feedback && !(d->there.model && d->there.model->feedback_set))
        su_chain_make_model_feedback(ops_batch(o, p), d->creator, d->key, &d->feedback);
    su_chain_make_model_finalise(ops_batch(o, p), d->creator, d->key);
    return SU_OK;
}

enum su_code su_ops_model_prepare(struct su_ops *o, const struct su_ops_model *f,
                                  struct su_ops_proposal *p, uint8_t key[32], struct su_err *e)
{
    struct deploying *d = su_alloc(sizeof *d);
    char text[SU_CHAIN_TEXT];

    d->f = f;
    memset(p, 0, sizeof *p);
    enum su_code rc = su_ops_model_check(f, e);
    if (!rc)
        rc = ops_begin(o, p, "register model", SU_OPS_TIER_PREVIEW, e);
    if (!rc)
        rc = load(o, d, e);
    if (!rc) {
        memcpy(key, d->key, 32);
        ops_line(p, "model", "%s, %u task%s", f->package->name, f->package->n_task,
                 f->package->n_task == 1 ? "" : "s");
        ops_line(p, "address", "%s", su_chain_key_text(d->key, text));
        if (d->there.model)
            ops_line(p, "there already", "%u of %u tasks%s", tasks_there(d), f->package->n_task,
                     d->there.model->state == SU_MODEL_FINAL ? ", finished"
                                                             : "; goes on from there");
        rc = steps(o, p, d, e);
    }
    if (!rc)
        rc = ops_finish(o, p, e);
    su_chain_model_fini(&d->there);
    free(d);
    return rc;
}
