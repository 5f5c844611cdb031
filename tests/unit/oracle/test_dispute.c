// SPDX-License-Identifier: MIT
/* What a member of the committee makes of a dispute: every verdict, and what hostile frames are
   worth. */
#include "dispute_world.h"

#include <stdlib.h>
#include <string.h>

#include "json/json.h"

/* Rows between the tasks with one element changed at a step, and what follows from them. */
static void change(struct world *w, uint32_t step, float mid[WORLD_STEPS][WORLD_MID],
                   struct su_trace_roots *r)
{
    memcpy(mid, w->mid, sizeof w->mid);
    mid[step][1] += 1.0f;
    world_run(w, mid, w->b, r, NULL);
}

static void show_mid(struct world *w, enum dispute_party whom, const void *rows)
{
    struct world_frames f = world_mid(rows);

    f.wrap = whom == DISPUTE_ASSERTER    ? WORLD_ASSERTER
             : whom == DISPUTE_VALIDATOR ? WORLD_VALIDATOR
                                         : WORLD_STRANGER;
    su_buf_clear(&w->inputs[whom].frames);
    world_show(w, &w->inputs[whom].frames, &f);
}

static void reveal_nothing(struct world *w)
{
    w->execution.tasks[0].flags = SU_TASKF_COMMITTED;
    memset(w->assignment[0].output_roots, 0, sizeof w->assignment[0].output_roots);
}

/* Outputs that the asserter commits to and sends, with one element changed at a step. */
static void lie(struct world *w, uint32_t step, struct su_trace_roots *r)
{
    float out[WORLD_STEPS][WORLD_OUT];
    uint8_t parts[3 + 64];

    memcpy(out, w->out, sizeof out);
    out[step][1] = 1234.5f;
    *r = w->right[1];
    world_root(out, 4 * WORLD_OUT, r->output[0]);
    memcpy(parts, "out", 3);
    memcpy(parts + 3, r->output[0], 32);
    memcpy(parts + 35, r->witness, 32);
    su_sha256(parts, sizeof parts, r->outputs);
    struct world_frames f = {.signer = WORLD_ASSERTER,
                             .wrap = WORLD_STRANGER,
                             .task = 1,
                             .steps = WORLD_STEPS,
                             .count = 3,
                             .rows = out,
                             .row_bytes = 4 * WORLD_OUT};
    su_buf_clear(&w->outputs[DISPUTE_ASSERTER].frames);
    world_show(w, &w->outputs[DISPUTE_ASSERTER].frames, &f);
}

/* ---- other inputs -------------------------------------------------------------------------------- */

static void validator_with_made_up_inputs(void **state)
{
    struct world *w = world_new(SU_DISPUTE_ROOTS);
    struct su_trace_roots r;
    float mid[WORLD_STEPS][WORLD_MID];

    (void)state;
    change(w, 2, mid, &r);
    world_validate(w, &r);
    w->inputs[DISPUTE_VALIDATOR].rc = SU_ENET;
    world_refuses(w, SU_EBUSY, "validator");
    w->inputs[DISPUTE_VALIDATOR].rc = SU_ENOENT;
    world_refuses(w, SU_EBUSY, "task 1");
    w->c.last_call = true;
    struct dispute_finding f = world_expect(w, SU_VERDICT_VALIDATOR, "validator's inputs");
    assert_false(f.executed || f.has_port);
    assert_int_equal(w->inputs[DISPUTE_ASSERTER].asked, 0); /* what it has is on chain */
    w->inputs[DISPUTE_VALIDATOR].rc = SU_OK; /* what it shows is not what it posted */
    w->c.last_call = false;
    (void)world_expect(w, SU_VERDICT_VALIDATOR, "validator's inputs");
    world_free(w);
}

static void asserter_with_made_up_inputs(void **state)
{
    struct world *w = world_new(SU_DISPUTE_ROOTS);
    struct su_trace_roots r;
    float mid[WORLD_STEPS][WORLD_MID];

    (void)state;
    change(w, 2, mid, &r);
    world_assert(w, &r);
    (void)world_expect(w, SU_VERDICT_ASSERTER, "asserter's inputs"); /* shows others */
    w->inputs[DISPUTE_ASSERTER].rc = SU_ETIMEOUT;
    world_refuses(w, SU_EBUSY, "asserter");
    w->c.last_call = true;
    (void)world_expect(w, SU_VERDICT_ASSERTER, "asserter's inputs");
    world_free(w);
}

static void both_with_made_up_inputs(void **state)
{
    struct world *w = world_new(SU_DISPUTE_ROOTS);
    struct su_trace_roots r;
    float mid[WORLD_STEPS][WORLD_MID];

    (void)state;
    change(w, 2, mid, &r);
    world_assert(w, &r);
    change(w, 3, mid, &r);
    world_validate(w, &r);
    (void)world_expect(w, SU_VERDICT_BOTH, "neither");
    w->inputs[DISPUTE_ASSERTER].rc = w->inputs[DISPUTE_VALIDATOR].rc = SU_ENET;
    world_refuses(w, SU_EBUSY, "ask again");
    w->c.last_call = true;
    world_refuses(w, SU_ENET, "neither");
    w->inputs[DISPUTE_VALIDATOR].rc = SU_ENOENT;
    (void)world_expect(w, SU_VERDICT_BOTH, "neither");
    world_free(w);
}

/* The producer sent one thing and committed to another. */
static void producer_with_two_outputs(void **state)
{
    struct su_trace_roots r;
    float mid[WORLD_STEPS][WORLD_MID];

    (void)state;
    for (unsigned revealed = 0; revealed < 2; revealed++)
        for (unsigned who = 0; who < 2; who++) {
            struct world *w = world_new(SU_DISPUTE_ROOTS);
            if (!revealed)
                reveal_nothing(w);
            change(w, 3, mid, &r);
            show_mid(w, who ? DISPUTE_VALIDATOR : DISPUTE_ASSERTER, mid);
            if (who)
                world_validate(w, &r);
            else
                world_assert(w, &r);
            struct dispute_finding f = world_expect(w, SU_VERDICT_PRODUCER, "task 0");
            assert_int_equal(f.verdict_task, 0);
            assert_false(f.executed);
            if (!revealed) {
                assert_true(f.has_port && f.has_step);
                assert_int_equal(f.port, SU_PORT_INPUT);
                assert_int_equal(f.number, 0);
                assert_int_equal(f.step, 3);
                assert_memory_not_equal(f.leaf, f.other_leaf, 32);
            }
            world_free(w);
        }
}

static void producer_caught_by_one_party(void **state)
{
    struct world *w = world_new(SU_DISPUTE_ROOTS);
    struct su_trace_roots r;
    float mid[WORLD_STEPS][WORLD_MID];
    struct world_frames f;

    (void)state;
    change(w, 3, mid, &r);
    world_assert(w, &r);
    r.inputs[0] ^= 1;
    world_validate(w, &r);
    f = world_mid(w->mid);
    f.wrap = WORLD_VALIDATOR;
    f.steps = 4; /* so that step 4 is never there, and all is read */
    su_buf_clear(&w->inputs[DISPUTE_VALIDATOR].frames);
    world_show(w, &w->inputs[DISPUTE_VALIDATOR].frames, &f);
    f.first = 3;
    f.steps = 1;
    f.rows = mid[3];
    world_show(w, &w->inputs[DISPUTE_VALIDATOR].frames, &f);
    struct dispute_finding found = world_expect(w, SU_VERDICT_PRODUCER, "task 0");
    assert_int_equal(found.step, 3);
    world_free(w);
}

static void input_that_is_not_the_requestors(void **state)
{
    struct world *w = world_new(SU_DISPUTE_ROOTS);
    struct su_trace_roots r;
    float b[WORLD_STEPS][WORLD_MID];

    (void)state;
    memcpy(b, w->b, sizeof b);
    b[4][0] = -3.0f;
    world_run(w, w->mid, b, &r, NULL);
    world_assert(w, &r);
    w->inputs[DISPUTE_ASSERTER].rc = SU_ENET; /* nothing that it shows would help */
    (void)world_expect(w, SU_VERDICT_ASSERTER, "asserter's inputs");
    world_validate(w, &r);
    (void)world_expect(w, SU_VERDICT_BOTH, "requestor's");
    world_assert(w, &w->right[1]);
    w->c.last_call = true;
    (void)world_expect(w, SU_VERDICT_VALIDATOR, "validator's inputs");
    world_free(w);
}

/* ---- other outputs ------------------------------------------------------------------------------- */

static void asserter_with_another_output(void **state)
{
    struct world *w = world_new(SU_DISPUTE_ROOTS);
    struct su_trace_roots r;
    uint32_t want;

    (void)state;
    lie(w, 3, &r);
    world_assert(w, &r);
    struct dispute_finding f = world_expect(w, SU_VERDICT_ASSERTER, "does not give");
    assert_true(f.executed && f.has_port && f.has_step && f.has_op);
    assert_memory_equal(f.output_root, w->right[1].outputs, 32);
    assert_memory_equal(f.input_root, w->right[1].inputs, 32);
    assert_int_equal(f.port, SU_PORT_OUTPUT);
    assert_int_equal(f.step, 3);
    assert_int_equal(f.element, 1);
    assert_int_equal(f.node, 1);
    assert_string_equal(f.op, "matmul");
    assert_string_equal(f.value, "out");
    assert_int_equal(f.got_bits, su_f32_bits(1234.5f));
    memcpy(&want, &w->out[3][1], 4);
    assert_int_equal(f.want_bits, want);
    w->outputs[DISPUTE_ASSERTER].rc = SU_ENET; /* it does not help to hide it */
    f = world_expect(w, SU_VERDICT_ASSERTER, "does not give");
    assert_true(f.has_port && !f.has_step && !f.has_op);
    world_free(w);
}

static void validator_with_another_output(void **state)
{
    struct world *w = world_new(SU_DISPUTE_ROOTS);
    struct su_trace_roots r;

    (void)state;
    lie(w, 1, &r);
    world_validate(w, &r);
    struct dispute_finding f = world_expect(w, SU_VERDICT_VALIDATOR, "committed to");
    assert_true(f.executed);
    assert_false(f.has_port);
    lie(w, 2, &r);
    world_assert(w, &r);
    f = world_expect(w, SU_VERDICT_BOTH, "neither");
    assert_int_equal(f.step, 2);
    world_free(w);
}

/* Who knows the outputs alone guesses the witness. */
static void asserter_without_the_witness(void **state)
{
    struct world *w = world_new(SU_DISPUTE_ROOTS);
    struct su_trace_roots r = w->right[1];

    (void)state;
    r.witness[5] ^= 1;
    r.outputs[5] ^= 1;
    world_assert(w, &r);
    struct dispute_finding f = world_expect(w, SU_VERDICT_ASSERTER, "does not give");
    assert_true(f.has_port && !f.has_step);
    assert_int_equal(f.port, SU_PORT_WITNESS);
    world_free(w);
}

static void inputs_come_from_whoever_has_them(void **state)
{
    struct world *w = world_new(SU_DISPUTE_ROOTS);
    struct su_trace_roots r;

    (void)state;
    lie(w, 0, &r);
    world_validate(w, &r);
    w->inputs[DISPUTE_ASSERTER].piecemeal = true;
    (void)world_expect(w, SU_VERDICT_VALIDATOR, "");
    assert_int_equal(w->inputs[DISPUTE_ASSERTER].asked, 3);
    assert_int_equal(w->inputs[DISPUTE_PRODUCER].asked, 0);
    w->inputs[DISPUTE_ASSERTER].rc = SU_ENET;
    (void)world_expect(w, SU_VERDICT_VALIDATOR, "");
    assert_int_equal(w->inputs[DISPUTE_PRODUCER].asked, 1);
    w->inputs[DISPUTE_PRODUCER].rc = SU_ENOENT;
    (void)world_expect(w, SU_VERDICT_VALIDATOR, "");
    assert_int_equal(w->inputs[DISPUTE_VALIDATOR].asked, 1);
    w->inputs[DISPUTE_VALIDATOR].rc = SU_ENET;
    world_refuses(w, SU_EBUSY, "asserter");
    w->c.last_call = true;
    (void)world_expect(w, SU_VERDICT_ASSERTER, "does not show");
    w->inputs[DISPUTE_PRODUCER].rc = SU_ENET;
    world_refuses(w, SU_ENET, "reached");
    world_free(w);
}

/* ---- the committee alone ------------------------------------------------------------------------- */

static void committee(void **state)
{
    struct world *w = world_new(SU_DISPUTE_COMMITTEE);
    struct su_trace_roots r;
    float b[WORLD_STEPS][WORLD_MID];

    (void)state;
    memset(w->assignment[1].check_output_root, 0, 32);
    memset(w->assignment[1].check_input_root, 0, 32);
    w->assignment[1].checks = 0;
    struct dispute_finding f = world_expect(w, SU_VERDICT_RIGHT, "committed to");
    assert_true(f.executed);
    assert_int_equal(w->inputs[DISPUTE_VALIDATOR].asked, 0);
    lie(w, 4, &r);
    world_assert(w, &r);
    f = world_expect(w, SU_VERDICT_ASSERTER, "does not give");
    assert_int_equal(f.step, 4);
    memcpy(b, w->b, sizeof b);
    b[0][0] = 9.0f;
    world_run(w, w->mid, b, &r, NULL);
    world_assert(w, &r);
    (void)world_expect(w, SU_VERDICT_ASSERTER, "requestor's");
    world_free(w);
}

/* Nobody can show what the asserter says it was given; but its producer has said two things. */
static void committee_finds_the_producer(void **state)
{
    struct world *w = world_new(SU_DISPUTE_COMMITTEE);
    struct su_trace_roots r;
    float mid[WORLD_STEPS][WORLD_MID];
    struct world_frames f;

    (void)state;
    change(w, 3, mid, &r);
    r.input[0][0] ^= 1;
    world_assert(w, &r);
    w->assignment[1].checks = 0;
    world_refuses(w, SU_EBUSY, "asserter");
    w->c.last_call = true;
    (void)world_expect(w, SU_VERDICT_ASSERTER, "does not show");
    f = world_mid(mid);
    f.first = 3;
    f.steps = 1;
    f.rows = mid[3];
    su_buf_clear(&w->inputs[DISPUTE_ASSERTER].frames);
    world_show(w, &w->inputs[DISPUTE_ASSERTER].frames, &f);
    f = world_mid(w->mid);
    world_show(w, &w->inputs[DISPUTE_ASSERTER].frames, &f);
    struct dispute_finding found = world_expect(w, SU_VERDICT_PRODUCER, "task 0");
    assert_int_equal(found.step, 3);
    world_free(w);
}

/* ---- connections --------------------------------------------------------------------------------- */

static void connection(void **state)
{
    struct world *w = world_new(SU_DISPUTE_INPUTS);
    struct su_trace_roots r;
    float mid[WORLD_STEPS][WORLD_MID];

    (void)state;
    world_refuses(w, SU_EINVAL, "every input");
    change(w, 2, mid, &r);
    world_assert(w, &r);
    (void)world_expect(w, SU_VERDICT_ASSERTER, "not what was sent");
    w->inputs[DISPUTE_ASSERTER].rc = SU_ENET;
    world_refuses(w, SU_EBUSY, "asserter");
    w->c.last_call = true;
    (void)world_expect(w, SU_VERDICT_ASSERTER, "does not show");
    w->c.last_call = false;
    w->inputs[DISPUTE_ASSERTER].rc = SU_OK;
    show_mid(w, DISPUTE_ASSERTER, mid);
    struct dispute_finding f = world_expect(w, SU_VERDICT_PRODUCER, "task 0");
    assert_true(f.has_step);
    assert_int_equal(f.step, 2);
    w->inputs[DISPUTE_PRODUCER].rc = SU_ENET;
    f = world_expect(w, SU_VERDICT_PRODUCER, "task 0");
    assert_false(f.has_step);
    w->execution.tasks[0].state = SU_TASK_VERIFICATION_FAILED; /* judged before */
    w->inputs[DISPUTE_ASSERTER].rc = SU_ENET; /* nobody need be asked */
    f = world_expect(w, SU_VERDICT_PRODUCER, "task 0");
    assert_false(f.has_step);
    w->execution.tasks[0].state = SU_TASK_COMPLETED;
    reveal_nothing(w);
    world_refuses(w, SU_EINVAL, "every input");
    world_free(w);
}

/* ---- the output never came ----------------------------------------------------------------------- */

static void missing(void **state)
{
    struct world *w = world_new(SU_DISPUTE_MISSING);
    struct su_trace_roots r;

    (void)state;
    (void)world_expect(w, SU_VERDICT_RIGHT, "there");
    w->outputs[DISPUTE_ASSERTER].piecemeal = true;
    (void)world_expect(w, SU_VERDICT_RIGHT, "there");
    assert_int_equal(w->outputs[DISPUTE_ASSERTER].asked, 2);
    w->outputs[DISPUTE_ASSERTER].rc = SU_ENET;
    world_refuses(w, SU_EBUSY, "output 0");
    w->c.last_call = true;
    (void)world_expect(w, SU_VERDICT_ASSERTER, "output 0");
    w->outputs[DISPUTE_ASSERTER].rc = SU_OK;
    lie(w, 2, &r); /* signed, and not what it committed to */
    (void)world_expect(w, SU_VERDICT_ASSERTER, "output 0");
    w->external1[0] = false;
    (void)world_expect(w, SU_VERDICT_RIGHT, "there");
    world_free(w);
}

/* ---- hostile frames ------------------------------------------------------------------------------ */

/* The asserter shows these, and nobody else anything. */
static void shows(struct world *w, const struct world_frames *f, bool counts)
{
    struct su_buf *b = &w->inputs[DISPUTE_ASSERTER].frames;

    su_buf_clear(b);
    world_show(w, b, f);
    if (counts)
        (void)world_expect(w, SU_VERDICT_RIGHT, "");
    else
        world_refuses(w, SU_EBUSY, "asserter");
}

static void frames_that_count_for_nothing(void **state)
{
    struct world *w = world_new(SU_DISPUTE_COMMITTEE);
    struct world_frames good = world_mid(w->mid), f;
    float longer[WORLD_STEPS + 3][WORLD_MID] = {{0}};
    struct su_buf *b = &w->inputs[DISPUTE_ASSERTER].frames;

    (void)state;
    w->inputs[DISPUTE_PRODUCER].rc = w->inputs[DISPUTE_VALIDATOR].rc = SU_ENET;
    shows(w, &good, true);
    f = good;
    f.wrap = WORLD_STRANGER;
    shows(w, &f, true);
    f = good;
    f.signer = WORLD_STRANGER;
    shows(w, &f, false);
    f = good;
    f.signer = WORLD_ASSERTER;
    shows(w, &f, false);
    f = good;
    f.task = 1;
    shows(w, &f, false);
    f = good;
    f.attempt = 0;
    shows(w, &f, false);
    f = good;
    f.port = 1;
    shows(w, &f, false);
    f = good;
    f.flat = true;
    shows(w, &f, false);
    f = good;
    f.wrong_leaf = true;
    shows(w, &f, false);
    f = good;
    f.other_execution = true;
    shows(w, &f, false);
    f = good;
    f.first = 1;
    f.steps = 4;
    f.rows = w->mid[1];
    shows(w, &f, false);
    memcpy(longer, w->mid, sizeof w->mid);
    f = good;
    f.rows = longer;
    f.steps = WORLD_STEPS + 3;
    f.count = WORLD_STEPS + 3;
    shows(w, &f, true); /* what lies behind the end is not looked at */
    shows(w, &good, true);
    su_buf_str(b, "and something that is no frame");
    (void)world_expect(w, SU_VERDICT_RIGHT, "");
    su_buf_clear(b);
    su_buf_str(b, "nothing but something that is no frame");
    world_refuses(w, SU_EBUSY, "asserter");
    su_buf_clear(b);
    world_refuses(w, SU_EBUSY, "asserter");
    assert_int_equal(w->inputs[DISPUTE_ASSERTER].asked, 1);
    shows(w, &good, true);
    b->data[b->len - 1] ^= 1; /* a row that was changed on the way */
    world_refuses(w, SU_EBUSY, "asserter");
    assert_true(w->inputs[DISPUTE_ASSERTER].asked <= 2);
    world_free(w);
}

/* A frame that says it holds the container is none of a producer. */
static void external_frames(void **state)
{
    struct world *w = world_new(SU_DISPUTE_COMMITTEE);
    struct su_wire_message m = {
        .kind = SU_WIRE_INPUT, .data = w->container.data, .data_bytes = w->container.len};
    struct su_buf *b = &w->inputs[DISPUTE_ASSERTER].frames;
    struct su_err e;

    (void)state;
    w->inputs[DISPUTE_PRODUCER].rc = w->inputs[DISPUTE_VALIDATOR].rc = SU_ENET;
    su_buf_clear(b);
    m.u.input.ref = (struct su_wire_ref){.execution = w->key, .request_slot = 77, .task = 1};
    m.u.input.external = 1;
    assert_int_equal(su_peer_frame(w->self[WORLD_ASSERTER], &m, b, &e), SU_OK);
    world_refuses(w, SU_EBUSY, "asserter");
    world_free(w);
}

/* ---- what ends without a verdict ----------------------------------------------------------------- */

static void refusals(void **state)
{
    struct world *w = world_new(SU_DISPUTE_COMMITTEE);
    const struct su_acc_assignment *a = w->assignments[1];

    (void)state;
    w->cancelled = true;
    world_refuses(w, SU_ECANCELLED, "cancelled");
    w->cancelled = false;
    w->inputs[DISPUTE_ASSERTER].rc = SU_ENOMEM;
    world_refuses(w, SU_ENOMEM, "");
    w->inputs[DISPUTE_ASSERTER].rc = SU_OK;
    w->container.data[w->container.len - 1] ^= 1;
    world_refuses(w, SU_EDIGEST, "container");
    w->container.data[w->container.len - 1] ^= 1;
    w->c.container_bytes--;
    su_sha256(w->container.data, w->c.container_bytes, w->execution.input_digest);
    world_refuses(w, SU_ETRUNC, "");
    w->c.container_bytes++;
    su_sha256(w->container.data, w->c.container_bytes, w->execution.input_digest);
    w->execution.steps = WORLD_STEPS + 1;
    world_refuses(w, SU_EFORMAT, "5 steps of 6");
    w->execution.steps = WORLD_STEPS;
    w->assignment[1].input_root[0] ^= 1; /* which no chain would hold */
    world_refuses(w, SU_ECONFORM, "other roots");
    w->assignment[1].input_root[0] ^= 1;
    w->c.task = 2;
    world_refuses(w, SU_EINVAL, "no such task");
    w->c.task = 0;
    world_refuses(w, SU_EINVAL, "not in dispute");
    w->c.task = 1;
    w->assignment[1].dispute = SU_DISPUTE_NONE;
    world_refuses(w, SU_EINVAL, "not in dispute");
    w->assignment[1].dispute = SU_DISPUTE_COMMITTEE;
    w->assignment[1].input_count = 1;
    world_refuses(w, SU_EINVAL, "package");
    w->assignment[1].input_count = 2;
    w->assignments[0] = NULL;
    world_refuses(w, SU_EINVAL, "no producer");
    w->assignments[0] = &w->assignment[0];
    w->assignments[1] = NULL;
    world_refuses(w, SU_EINVAL, "no such task");
    w->assignments[1] = a;
    w->task[1].manifest.entry[0].blob[0] ^= 1; /* weights that nobody has */
    struct dispute_finding f;
    struct su_err e;
    assert_int_not_equal(world_judge(w, &f, &e), SU_OK);
    w->task[1].manifest.entry[0].blob[0] ^= 1;
    (void)world_expect(w, SU_VERDICT_RIGHT, "");
    world_free(w);
}

/* ---- JSON ---------------------------------------------------------------------------------------- */

static void json(void **state)
{
    struct world *w = world_new(SU_DISPUTE_ROOTS);
    struct su_trace_roots r;
    struct su_buf b;
    struct su_err e;

    (void)state;
    lie(w, 3, &r);
    world_assert(w, &r);
    struct dispute_finding f = world_expect(w, SU_VERDICT_ASSERTER, "");
    f.got_bits = 0x3f800001u;
    su_buf_init(&b, 0);
    assert_int_equal(dispute_json(&f, &b, &e), SU_OK);
    static const char *const want[] = {"\"dispute\":\"roots\"",
                                       "\"verdict\":\"asserter\"",
                                       "\"task\":1",
                                       "\"port\":\"output\"",
                                       "\"step\":3",
                                       "\"op\":\"matmul\"",
                                       "\"element\":1",
                                       "\"value\":\"out\"",
                                       "\"got_bits\":\"3f800001\"",
                                       "\"output_root\":\"",
                                       "\"leaf\":\"",
                                       "\"node\":1"};
    for (size_t i = 0; i < SU_ARRAY_LEN(want); i++)
        if (!strstr((const char *)b.data, want[i]))
            fail_msg("no %s in %s", want[i], (const char *)b.data);
    f = (struct dispute_finding){.verdict = SU_VERDICT_PRODUCER,
                                 .dispute = SU_DISPUTE_INPUTS,
                                 .verdict_task = 4,
                                 .why = "a \"reason\""};
    su_buf_clear(&b);
    assert_int_equal(dispute_json(&f, &b, &e), SU_OK);
    assert_non_null(strstr((const char *)b.data, "\"producer\":4,\"why\":\"a \\\"reason\\\"\"}"));
    f.verdict = f.dispute = 99;
    su_buf_clear(&b);
    assert_int_equal(dispute_json(&f, &b, &e), SU_OK);
    assert_non_null(strstr((const char *)b.data, "\"dispute\":\"?\",\"verdict\":\"?\""));
    su_buf_fini(&b);
    su_buf_init(&b, 8);
    assert_int_equal(dispute_json(&f, &b, &e), SU_ELIMIT);
    su_buf_fini(&b);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(validator_with_made_up_inputs),
        cmocka_unit_test(asserter_with_made_up_inputs),
        cmocka_unit_test(both_with_made_up_inputs),
        cmocka_unit_test(producer_with_two_outputs),
        cmocka_unit_test(producer_caught_by_one_party),
        cmocka_unit_test(input_that_is_not_the_requestors),
        cmocka_unit_test(asserter_with_another_output),
        cmocka_unit_test(validator_with_another_output),
        cmocka_unit_test(asserter_without_the_witness),
        cmocka_unit_test(inputs_come_from_whoever_has_them),
        cmocka_unit_test(committee),
        cmocka_unit_test(committee_finds_the_producer),
        cmocka_unit_test(connection),
        cmocka_unit_test(missing),
        cmocka_unit_test(frames_that_count_for_nothing),
        cmocka_unit_test(external_frames),
        cmocka_unit_test(refusals),
        cmocka_unit_test(json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
