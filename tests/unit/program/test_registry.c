// SPDX-License-Identifier: MIT
/* Models, tasks, nodes and declarations: every rule and its error. */
#include "support/scenario.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define EXPECT(w, c, outcome) assert_string_equal(call_try((w), (c)), (outcome))

static const struct su_acc_model *model_of(const struct world *w)
{
    return world_read(w, SU_TAG_MODEL, w->model);
}

static const struct su_acc_task *task_of(const struct world *w, uint16_t index)
{
    uint8_t key[32];
    at_task(w, index, key);
    return world_read(w, SU_TAG_TASK, key);
}

static void chain_of_three(void **unused)
{
    (void)unused;
    struct world *w = world_new();
    struct call c;
    world_model(w, "m", 3, true);
    const struct su_acc_model *m = model_of(w);
    assert_int_equal(m->state, SU_MODEL_FINAL);
    assert_int_equal(m->tasks_added, 3);
    assert_int_equal(m->inputs_total, 2);
    assert_int_equal(m->outputs_total, 2);
    assert_int_equal(m->external_inputs, 1);
    assert_int_equal(m->external_outputs, 1);
    assert_int_equal(m->weight_bytes, 3u << 20);
    assert_int_equal(task_of(w, 1)->inputs[0].from_task, 0);
    assert_int_equal(task_of(w, 0)->consumers[0], 1u << 1);
    assert_int_equal(task_of(w, 1)->consumers[0], 1u << 2);
    /* Immutable from here on. */
    call_model_finalise(w, &c);
    EXPECT(w, &c, "ModelFinalised");
    call_task_add(w, &c, 3, false, false);
    EXPECT(w, &c, "ModelFinalised");
    call_connect(w, &c, 0, 2);
    EXPECT(w, &c, "ModelFinalised");
    call_model_feedback(w, &c, 2, 0);
    EXPECT(w, &c, "ModelFinalised");
    call_model_discard(w, &c, 2);
    EXPECT(w, &c, "ModelFinalised");
    world_free(w);
}

static void create_refuses(void **unused)
{
    (void)unused;
    struct world *w = world_new();
    struct call c;
    call_model_create(w, &c, "m", 0, SU_NO_TASK);
    EXPECT(w, &c, "TooManyTasks");
    call_model_create(w, &c, "m", SU_TASKS_MAX + 1, SU_NO_TASK);
    EXPECT(w, &c, "TooManyTasks");
    call_model_create(w, &c, "m", 2, 2);
    EXPECT(w, &c, "BadArgument");
    call_model_create(w, &c, "m", 2, SU_NO_TASK);
    CALL_ARGS(&c, model_create)->uri_len = SU_URI_MAX + 1;
    EXPECT(w, &c, "UriTooLong");
    call_model_create(w, &c, "m", 2, SU_NO_TASK);
    CALL_ARGS(&c, model_create)->name_len = SU_NAME_MAX + 1;
    EXPECT(w, &c, "UriTooLong");
    call_model_create(w, &c, "m", 2, SU_NO_TASK);
    CALL_ARGS(&c, model_create)->uri[SU_URI_MAX - 1] = 'x';
    EXPECT(w, &c, "BadArgument");
    call_model_create(w, &c, "m", 2, SU_NO_TASK);
    CALL_ARGS(&c, model_create)->digest[0] ^= 1; /* not the address's */
    EXPECT(w, &c, "WrongAddress");
    call_model_create(w, &c, "m", 2, SU_NO_TASK);
    call_must(w, &c);
    EXPECT(w, &c, "AlreadyExists");
    world_free(w);
}

/* A call of task_add in the draft "m" of two tasks, spoilt by `spoil`. */
static void add_fails(void (*spoil)(struct su_ix_task_add *ix), const char *outcome)
{
    struct world *w = world_new();
    struct call c;
    call_model_create(w, &c, "m", 2, SU_NO_TASK);
    call_must(w, &c);
    call_task_add(w, &c, 0, true, false);
    spoil(CALL_ARGS(&c, task_add));
    EXPECT(w, &c, outcome);
    world_free(w);
}
#define SPOIL(name, statement)                                                                     \
    static void name(struct su_ix_task_add *ix)                                                    \
    {                                                                                              \
        statement;                                                                                 \
    }
SPOIL(out_of_order, ix->index = 1)
SPOIL(no_inputs, ix->input_count = 0)
SPOIL(nine_outputs, ix->output_count = 9)
SPOIL(bad_dtype, ix->specs[0].dtype = SU_DTYPE_MAX)
SPOIL(bad_rank, ix->specs[0].rank = 7)
SPOIL(zero_extent, ix->specs[0].dims[1] = 0)
SPOIL(extent_past_rank, ix->specs[1].dims[2] = 1)
SPOIL(bad_flags, ix->specs[1].flags = SU_SPEC_CONNECTED)
SPOIL(spec_past_count, ix->specs[2].dtype = 1)
SPOIL(long_uri, ix->uri_len = SU_URI_MAX + 1)
SPOIL(dirty_uri, ix->uri[SU_URI_MAX - 1] = 1)
SPOIL(dirty_padding, ix->pad2 = 1)
SPOIL(seldom, ix->sampling_ppm--)
SPOIL(too_often, ix->sampling_ppm = SU_PPM + 1)
SPOIL(cheap, ix->fee_unit--)
SPOIL(dear, ix->fee_unit = UINT64_MAX)
SPOIL(huge, ix->macs_per_step = UINT64_MAX)
SPOIL(unsafe, ix->fee_unit = 100000ull * SU_USDC)

static void add_refuses(void **unused)
{
    (void)unused;
    add_fails(out_of_order, "TaskIndexOutOfOrder");
    add_fails(no_inputs, "BadSpec");
    add_fails(nine_outputs, "BadSpec");
    add_fails(bad_dtype, "BadSpec");
    add_fails(bad_rank, "BadSpec");
    add_fails(zero_extent, "BadSpec");
    add_fails(extent_past_rank, "BadSpec");
    add_fails(bad_flags, "BadSpec");
    add_fails(spec_past_count, "BadSpec");
    add_fails(long_uri, "UriTooLong");
    add_fails(dirty_uri, "BadArgument");
    add_fails(dirty_padding, "BadArgument");
    add_fails(seldom, "SamplingTooLow");
    add_fails(too_often, "SamplingTooLow");
    add_fails(cheap, "FeeTooLow");
    add_fails(dear, "Overflow");
    add_fails(huge, "EconomicsUnsafe");
    add_fails(unsafe, "EconomicsUnsafe");

    struct world *w = world_new();
    struct call c;
    call_model_create(w, &c, "m", 1, SU_NO_TASK);
    call_must(w, &c);
    call_task_add(w, &c, 0, true, true);
    call_set_name(&c, "creator", "payer");
    EXPECT(w, &c, "NotAuthorised");
    call_task_add(w, &c, 0, true, true);
    CALL_ARGS(&c, task_add)->weight_bytes = UINT64_MAX;
    call_must(w, &c);
    EXPECT(w, &c, "TooManyTasks");
    call_model_create(w, &c, "m2", 2, SU_NO_TASK);
    call_must(w, &c);
    call_task_add(w, &c, 0, true, true);
    CALL_ARGS(&c, task_add)->weight_bytes = UINT64_MAX;
    call_must(w, &c);
    call_task_add(w, &c, 1, true, true);
    EXPECT(w, &c, "Overflow");
    world_free(w);
}

/* Draft of tasks: 0 external in; 1 and 2 plain; 3 external out. */
static struct world *draft(void)
{
    struct world *w = world_new();
    struct call c;
    call_model_create(w, &c, "m", 4, SU_NO_TASK);
    call_must(w, &c);
    for (uint16_t i = 0; i < 4; i++) {
        call_task_add(w, &c, i, i == 0, i == 3);
        if (i == 2)
            CALL_ARGS(&c, task_add)->specs[1].dims[1] = 9; /* its output fits no input */
        call_must(w, &c);
    }
    return w;
}

static void connections(void **unused)
{
    (void)unused;
    struct world *w = draft();
    struct call c;
    struct su_ix_connect *ix = CALL_ARGS(&c, connect);
    call_connect(w, &c, 0, 1);
    ix->count = 0;
    EXPECT(w, &c, "BadArgument");
    ix->count = 9;
    EXPECT(w, &c, "BadArgument");
    call_connect(w, &c, 0, 1);
    ix->edges[1].to = 1; /* past the count */
    EXPECT(w, &c, "BadArgument");
    call_connect(w, &c, 0, 1);
    ix->edges[0].output = 1;
    EXPECT(w, &c, "BadArgument");
    call_connect(w, &c, 0, 1);
    ix->edges[0].to = 2; /* no such account */
    EXPECT(w, &c, "NotEnoughAccounts");
    call_connect(w, &c, 0, 1);
    ix->edges[0].from = 1;
    ix->edges[0].to = 0;
    EXPECT(w, &c, "ConnectionNotForward");
    ix->edges[0].to = 1;
    EXPECT(w, &c, "ConnectionNotForward");
    call_connect(w, &c, 2, 1);
    EXPECT(w, &c, "SpecMismatch");
    call_connect(w, &c, 0, 1);
    call_must(w, &c);
    EXPECT(w, &c, "InputAlreadyConnected");
    call_connect(w, &c, 0, 3);
    call_set_name(&c, "creator", "payer");
    EXPECT(w, &c, "NotAuthorised");
    /* A task of another model. */
    uint8_t foreign[32];
    world_model(w, "other", 2, false);
    at_task(w, 1, foreign);
    uint8_t digest[32];
    world_key("m", digest);
    at_model(w, w->creator, digest, w->model);
    call_connect(w, &c, 1, 1);
    memcpy(c.metas[c.count - 1].key, foreign, 32);
    EXPECT(w, &c, "WrongRelation");
    call_connect(w, &c, 1, 1);
    call_more(&c, c.metas[c.count - 1].key);
    EXPECT(w, &c, "DuplicateAccount");
    world_free(w);
}

static void connections_of_externals(void **unused)
{
    (void)unused;
    struct world *w = world_new();
    struct call c;
    call_model_create(w, &c, "m", 3, SU_NO_TASK);
    call_must(w, &c);
    for (uint16_t i = 0; i < 3; i++) {
        call_task_add(w, &c, i, i != 2, i == 1);
        call_must(w, &c);
    }
    call_connect(w, &c, 0, 1);
    EXPECT(w, &c, "InputIsExternal");
    call_connect(w, &c, 1, 1);
    EXPECT(w, &c, "OutputIsExternal");
    world_free(w);
}

/* Two consumers of one output count it once. */
static void fan_out(void **unused)
{
    (void)unused;
    struct world *w = world_new();
    struct call c;
    call_model_create(w, &c, "m", 3, SU_NO_TASK);
    call_must(w, &c);
    for (uint16_t i = 0; i < 3; i++) {
        call_task_add(w, &c, i, i == 0, i != 0);
        call_must(w, &c);
    }
    call_connect(w, &c, 0, 2);
    CALL_ARGS(&c, connect)->edges[1].from = 0;
    call_must(w, &c);
    assert_int_equal(model_of(w)->outputs_used, 1);
    assert_int_equal(model_of(w)->inputs_satisfied, 2);
    assert_int_equal(task_of(w, 0)->consumers[0], 6);
    call_model_finalise(w, &c);
    call_must(w, &c);
    world_free(w);
}

static void finalise_refuses(void **unused)
{
    (void)unused;
    struct world *w = world_new();
    struct call c, finalise;
    call_model_create(w, &c, "m", 2, SU_NO_TASK);
    call_must(w, &c);
    call_model_finalise(w, &finalise);
    EXPECT(w, &finalise, "MissingTasks");
    call_task_add(w, &c, 0, true, false);
    call_must(w, &c);
    call_task_add(w, &c, 1, false, true);
    call_must(w, &c);
    EXPECT(w, &finalise, "InputNotConnected");
    call_set_name(&finalise, "creator", "payer");
    EXPECT(w, &finalise, "NotAuthorised");

    call_model_create(w, &c, "orphan", 1, SU_NO_TASK);
    call_must(w, &c);
    call_task_add(w, &c, 0, true, false);
    call_must(w, &c);
    call_model_finalise(w, &finalise);
    EXPECT(w, &finalise, "OrphanOutput");

    call_model_create(w, &c, "mute", 2, 1);
    call_must(w, &c);
    call_task_add(w, &c, 0, true, false);
    call_must(w, &c);
    call_task_add(w, &c, 1, false, false);
    call_must(w, &c);
    call_connect(w, &c, 0, 1);
    call_must(w, &c);
    call_model_feedback(w, &c, 1, 0); /* uses the last output */
    call_must(w, &c);
    call_model_finalise(w, &finalise);
    EXPECT(w, &finalise, "NoExternalOutput");

    call_model_create(w, &c, "deaf", 1, SU_NO_TASK);
    call_must(w, &c);
    call_task_add(w, &c, 0, true, true);
    call_must(w, &c);
    struct su_acc_model deaf = *model_of(w); /* a task has an input, and the first of all inputs can
                                                only be external: no draft gets here by itself */
    deaf.external_inputs = 0;
    world_write(w, w->model, &deaf, sizeof deaf);
    call_model_finalise(w, &finalise);
    EXPECT(w, &finalise, "NoExternalInput");
    world_free(w);
}

static void feedback(void **unused)
{
    (void)unused;
    struct world *w = world_new();
    struct call c, finalise;
    call_model_create(w, &c, "m", 2, 1);
    call_must(w, &c);
    call_task_add(w, &c, 0, true, false);
    call_must(w, &c);
    call_task_add(w, &c, 1, false, true);
    call_must(w, &c);
    call_connect(w, &c, 0, 1);
    call_must(w, &c);
    call_model_finalise(w, &finalise);
    EXPECT(w, &finalise, "BadFeedback"); /* missing */
    call_model_feedback(w, &c, 0, 0); /* from the wrong task */
    EXPECT(w, &c, "BadFeedback");
    call_model_feedback(w, &c, 1, 1); /* into an input that a task feeds */
    EXPECT(w, &c, "BadFeedback");
    call_model_feedback(w, &c, 1, 0);
    CALL_ARGS(&c, model_feedback)->output = 1;
    EXPECT(w, &c, "BadFeedback");
    call_model_feedback(w, &c, 1, 0);
    CALL_ARGS(&c, model_feedback)->pad[0] = 1;
    EXPECT(w, &c, "BadArgument");
    call_model_feedback(w, &c, 1, 0);
    call_set_name(&c, "creator", "payer");
    EXPECT(w, &c, "NotAuthorised");
    call_model_feedback(w, &c, 1, 0);
    call_must(w, &c);
    EXPECT(w, &c, "BadFeedback"); /* repeated */
    call_must(w, &finalise);
    const struct su_acc_model *m = model_of(w);
    assert_int_equal(m->feedback_task, 0);
    assert_int_equal(m->sample_task, 1);

    call_model_create(w, &c, "mismatch", 1, 0);
    call_must(w, &c);
    call_task_add(w, &c, 0, true, true);
    CALL_ARGS(&c, task_add)->specs[1].dtype = 2;
    call_must(w, &c);
    call_model_feedback(w, &c, 0, 0);
    EXPECT(w, &c, "SpecMismatch");
    world_free(w);
}

static void discard(void **unused)
{
    (void)unused;
    struct world *w = world_new();
    struct call c;
    world_model(w, "m", 3, false);
    call_model_discard(w, &c, -1);
    EXPECT(w, &c, "WrongState"); /* it has tasks */
    call_model_discard(w, &c, 1);
    EXPECT(w, &c, "TaskIndexOutOfOrder");
    call_model_discard(w, &c, 2);
    call_set_name(&c, "creator", "payer");
    EXPECT(w, &c, "NotAuthorised");
    call_model_discard(w, &c, 2);
    call_set_name(&c, "rent_payer", "creator");
    EXPECT(w, &c, "WrongRelation");
    uint64_t before = bank_lamports(w->bank);
    call_model_discard(w, &c, 2);
    call_must(w, &c);
    EXPECT(w, &c, "WrongOwner"); /* gone */
    /* What is left can only go, too. */
    call_task_add(w, &c, 2, false, true);
    EXPECT(w, &c, "WrongState");
    call_connect(w, &c, 0, 1);
    EXPECT(w, &c, "WrongState");
    call_model_feedback(w, &c, 1, 0);
    EXPECT(w, &c, "WrongState");
    call_model_finalise(w, &c);
    EXPECT(w, &c, "WrongState");
    for (int i = 1; i >= -1; i--) {
        call_model_discard(w, &c, i);
        call_must(w, &c);
    }
    assert_null(model_of(w));
    assert_int_equal(bank_lamports(w->bank), before);
    world_model(w, "m", 3, true); /* the address is free again */
    world_free(w);
}

static void nodes(void **unused)
{
    (void)unused;
    struct world *w = world_new();
    struct call c;
    world_person(w, "n", 0);
    world_person(w, "o", 5000ull * SU_USDC);
    call_node_register(w, &c, "n", "o");
    CALL_ARGS(&c, node_register)->numerics_version++;
    EXPECT(w, &c, "WrongNumerics");
    call_node_register(w, &c, "n", "o");
    CALL_ARGS(&c, node_register)->endpoint_len = SU_ENDPOINT_MAX + 1;
    EXPECT(w, &c, "UriTooLong");
    call_node_register(w, &c, "n", "o");
    CALL_ARGS(&c, node_register)->endpoint[SU_ENDPOINT_MAX - 1] = 1;
    EXPECT(w, &c, "BadArgument");
    call_node_register(w, &c, "n", "o");
    memset(CALL_ARGS(&c, node_register)->conformance_root, 0, 32);
    EXPECT(w, &c, "BadArgument");
    call_node_register(w, &c, "n", "o");
    CALL_ARGS(&c, node_register)->vram_bytes = UINT64_MAX; /* its base stake is no amount */
    EXPECT(w, &c, "Overflow");
    call_node_register(w, &c, "n", "o");
    call_must(w, &c);
    EXPECT(w, &c, "AlreadyExists");
    call_node_update(w, &c, "n");
    CALL_ARGS(&c, node_register)->vram_bytes = 1;
    call_must(w, &c);
    call_must(w, &c); /* the same again changes nothing */
    assert_int_equal(world_node_read(w, "n")->vram_bytes, 1);
    call_set_name(&c, "identity", "o");
    EXPECT(w, &c, "NotAuthorised");
    world_free(w);
}

static void declarations(void **unused)
{
    (void)unused;
    struct world *w = world_new();
    struct call c;
    world_model(w, "m", 2, true);
    world_node(w, "n", "o", 1399ull * SU_USDC);
    call_node_declare(w, &c, "n", "o", 0);
    EXPECT(w, &c, "StakeTooSmall");
    call_stake_deposit(w, &c, "o", "n", 1ull * SU_USDC);
    call_must(w, &c);
    call_node_declare(w, &c, "n", "o", 0);
    call_must(w, &c);
    EXPECT(w, &c, "AlreadyDeclared");
    assert_int_equal(task_of(w, 0)->owners, 1);
    assert_int_equal(world_node_read(w, "n")->declared_count, 1);
    call_node_update(w, &c, "n");
    CALL_ARGS(&c, node_register)->vram_bytes++;
    EXPECT(w, &c, "StakeTooSmall");

    world_node(w, "n2", "o", 2000ull * SU_USDC); /* a second node of one owner counts once */
    call_node_declare(w, &c, "n2", "o", 0);
    call_set_name(&c, "identity", "n");
    EXPECT(w, &c, "NotAuthorised");
    call_node_declare(w, &c, "n2", "o", 0);
    call_must(w, &c);
    assert_int_equal(task_of(w, 0)->owners, 1);
    world_node(w, "n3", "o3", 2000ull * SU_USDC);
    call_node_declare(w, &c, "n3", "o", 0); /* another owner's declaration */
    EXPECT(w, &c, "WrongRelation");
    call_node_declare(w, &c, "n3", "o3", 0);
    call_must(w, &c);
    assert_int_equal(task_of(w, 0)->owners, 2);

    call_node_undeclare(w, &c, "n", "o", 1);
    EXPECT(w, &c, "NotDeclared");
    call_node_undeclare(w, &c, "n", "o", 0);
    call_set_name(&c, "signer", "o3");
    EXPECT(w, &c, "NotAuthorised");
    call_node_undeclare(w, &c, "n", "o3", 0);
    EXPECT(w, &c, "WrongRelation");
    call_node_undeclare(w, &c, "n", "o", 0);
    call_must(w, &c);
    EXPECT(w, &c, "NotDeclared");
    assert_int_equal(task_of(w, 0)->owners, 2);
    call_node_undeclare(w, &c, "n2", "o", 0);
    call_set_name(&c, "rent_payer", "o");
    EXPECT(w, &c, "WrongRelation");
    call_node_undeclare(w, &c, "n2", "o", 0);
    call_set_name(&c, "signer", "o"); /* the owner may, too */
    call_must(w, &c);
    assert_int_equal(task_of(w, 0)->owners, 1);
    world_free(w);
}

static void declarations_refuse(void **unused)
{
    (void)unused;
    struct world *w = world_new();
    struct call c;
    world_node(w, "n", "o", 10000ull * SU_USDC);
    world_model(w, "draft", 2, false);
    call_node_declare(w, &c, "n", "o", 0);
    EXPECT(w, &c, "ModelNotFinalised");
    world_model(w, "m", 33, true);
    uint8_t digest[32], draft_model[32];
    world_key("draft", digest);
    at_model(w, w->creator, digest, draft_model);
    call_node_declare(w, &c, "n", "o", 0);
    call_set(&c, "model", draft_model);
    EXPECT(w, &c, "WrongRelation");
    world_declare(w, "n", "o", SU_DECLARED_MAX);
    call_node_declare(w, &c, "n", "o", SU_DECLARED_MAX);
    EXPECT(w, &c, "TooManyDeclared");
    /* From the middle: the last takes its place. */
    uint8_t last[32];
    at_task(w, SU_DECLARED_MAX - 1, last);
    call_node_undeclare(w, &c, "n", "o", 3);
    call_must(w, &c);
    const struct su_acc_node *n = world_node_read(w, "n");
    assert_int_equal(n->declared_count, SU_DECLARED_MAX - 1);
    assert_memory_equal(n->declared[3], last, 32);
    assert_true(su_free_is_zero(n->declared[SU_DECLARED_MAX - 1], 32));
    world_free(w);
}

/* A new numerics version in force: nodes must say that they have it before they declare more. */
static void numerics_change(void **unused)
{
    (void)unused;
    struct world *w = world_full(1, 2);
    struct call c;
    world_node(w, "late", "late.owner", 5000ull * SU_USDC);
    w->params.numerics_version = 2;
    call_config_next(w, &c, 1, NULL);
    call_must(w, &c);
    world_declare(w, "late", "late.owner", 1); /* the old epoch runs still */
    world_advance(w, w->params.config_delay_slots);
    call_node_declare(w, &c, "late", "late.owner", 1);
    EXPECT(w, &c, "WrongEpoch");
    w->epoch = 2;
    call_node_declare(w, &c, "late", "late.owner", 1);
    EXPECT(w, &c, "WrongNumerics");
    call_node_update(w, &c, "late");
    call_must(w, &c);
    call_node_declare(w, &c, "late", "late.owner", 1);
    call_must(w, &c);
    world_free(w);
}

/* Counts that no run of the program leads to: planted, they still end in an error. */
static void impossible_counts(void **unused)
{
    (void)unused;
    struct world *w = world_new();
    struct call c, update, second;
    world_model(w, "m", 2, true);
    world_node(w, "n", "o", 10000ull * SU_USDC);
    world_node(w, "n2", "o", 10000ull * SU_USDC);
    uint8_t node_key[32], task_key[32], declared_key[32], owner[32];
    world_key("n", node_key);
    at_key(w, "node", node_key, node_key);
    at_task(w, 0, task_key);
    world_key("o", owner);
    at_declared(w, 0, owner, declared_key);

    const struct su_acc_node node = *world_node_read(w, "n");
    struct su_acc_node rich = node;
    rich.stake_free = UINT64_MAX;
    rich.stake_reserved = 1;
    call_node_declare(w, &c, "n", "o", 0);
    call_node_update(w, &update, "n");
    world_write(w, node_key, &rich, sizeof rich);
    EXPECT(w, &c, "Overflow");
    EXPECT(w, &update, "Overflow");
    rich.stake_free--;
    rich.stake_reserved = 3;
    struct call unlock;
    call_stake_unlock(w, &unlock, "n", "o", 1);
    world_write(w, node_key, &rich, sizeof rich);
    EXPECT(w, &unlock, "Overflow");
    world_write(w, node_key, &node, sizeof node);

    const struct su_acc_task task = *task_of(w, 0);
    struct su_acc_task crowded = task;
    crowded.owners = UINT32_MAX;
    world_write(w, task_key, &crowded, sizeof crowded);
    EXPECT(w, &c, "Overflow");
    world_write(w, task_key, &task, sizeof task);
    call_must(w, &c);
    struct su_acc_declaration d =
        *(const struct su_acc_declaration *)world_read(w, SU_TAG_DECLARATION, declared_key);
    d.nodes = UINT32_MAX;
    world_write(w, declared_key, &d, sizeof d);
    call_node_declare(w, &second, "n2", "o", 0);
    EXPECT(w, &second, "Overflow");
    d.nodes = 0;
    world_write(w, declared_key, &d, sizeof d);
    call_node_undeclare(w, &c, "n", "o", 0);
    EXPECT(w, &c, "Overflow");
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chain_of_three),
        cmocka_unit_test(create_refuses),
        cmocka_unit_test(add_refuses),
        cmocka_unit_test(connections),
        cmocka_unit_test(connections_of_externals),
        cmocka_unit_test(fan_out),
        cmocka_unit_test(finalise_refuses),
        cmocka_unit_test(feedback),
        cmocka_unit_test(discard),
        cmocka_unit_test(nodes),
        cmocka_unit_test(declarations),
        cmocka_unit_test(declarations_refuse),
        cmocka_unit_test(numerics_change),
        cmocka_unit_test(impossible_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
