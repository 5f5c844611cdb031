// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "frames.h"
#include "support/random.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static unsigned take(struct frames_three *x, const struct frames_node *by, uint8_t execution,
                     uint16_t task, uint32_t step, uint32_t count, uint32_t salt)
{
    struct su_buf b;

    frames_activation(&b, by, execution, task, step, count, salt);
    unsigned refusal = frames_take(&x->b, b.data, b.len);
    su_buf_fini(&b);
    return refusal;
}

/* An ACTIVATION of a whose fields the test chose. */
static unsigned take_message(struct frames_three *x, struct su_wire_activation *a, const void *rows,
                             uint64_t bytes)
{
    const struct su_wire_message m = {
        .kind = SU_WIRE_ACTIVATION, .data = rows, .data_bytes = bytes, .u.activation = *a};
    struct su_buf b;

    su_buf_init(&b, 0);
    assert_int_equal(su_peer_frame(x->a.self, &m, &b, NULL), SU_OK);
    unsigned refusal = frames_take(&x->b, b.data, b.len);
    su_buf_fini(&b);
    return refusal;
}

static void each_refusal_has_its_reason(void **state)
{
    struct frames_three *x = *state;
    float row[8] = {0};
    uint8_t leaf[64] = {0};
    struct su_buf b;

    assert_int_equal(take(x, &x->c, 1, 0, 0, 1, 0), SU_WIRE_REFUSED_SENDER);
    assert_int_equal(take(x, &x->a, 2, 0, 0, 1, 0), SU_WIRE_REFUSED_SCOPE); /* execution */
    assert_int_equal(take(x, &x->a, 2, 0, 0, 1, 0), SU_WIRE_REFUSED_SCOPE);
    assert_int_equal(atomic_load(&x->b.unknown), 1); /* told once */
    assert_int_equal(take(x, &x->a, 1, 1, 0, 1, 0), SU_WIRE_REFUSED_SCOPE); /* task */
    assert_int_equal(take(x, &x->a, 1, 0, 29, 2, 0), SU_WIRE_REFUSED_FORMAT); /* beyond the end */
    struct su_wire_activation a = {
        .ref = {.execution = frames_execution(1), .request_slot = FRAMES_SLOT},
        .step_count = 1,
        .rank = 1,
        .dims = {FRAMES_ROW},
        .leaves = leaf};
    a.ref.request_slot++;
    assert_int_equal(take_message(x, &a, row, 16), SU_WIRE_REFUSED_SCOPE);
    a.ref.request_slot--;
    a.ref.attempt = 1;
    assert_int_equal(take_message(x, &a, row, 16), SU_WIRE_REFUSED_SCOPE);
    a.ref.attempt = 0;
    a.ref.port = 1;
    assert_int_equal(take_message(x, &a, row, 16), SU_WIRE_REFUSED_SCOPE);
    a.ref.port = 0;
    a.dtype = 1;
    assert_int_equal(take_message(x, &a, row, 16), SU_WIRE_REFUSED_FORMAT);
    a.dtype = 0;
    a.dims[0] = 8;
    assert_int_equal(take_message(x, &a, row, 32), SU_WIRE_REFUSED_FORMAT);
    a.dims[0] = FRAMES_ROW;
    a.rank = 2;
    a.dims[1] = 1;
    assert_int_equal(take_message(x, &a, row, 16), SU_WIRE_REFUSED_FORMAT);
    a.rank = 1;
    a.dims[1] = 0;
    assert_int_equal(atomic_load(&x->b.evidence), 0);
    assert_int_equal(take_message(x, &a, row, 16), SU_WIRE_REFUSED_FORMAT); /* the leaf */
    assert_int_equal(atomic_load(&x->b.evidence), 1);
    assert_true(x->b.last.wrong_leaf);
    assert_int_equal(frames_take(&x->b, "SUWR", 4), SU_WIRE_REFUSED_FORMAT);
    frames_activation(&b, &x->a, 1, 0, 0, 2, 0);
    b.data[b.len - 1] ^= 1; /* data other than signed */
    assert_int_equal(frames_take(&x->b, b.data, b.len), SU_WIRE_REFUSED_FORMAT);
    b.data[b.len - 1] ^= 1;
    b.data[140] ^= 1;
    assert_int_equal(frames_take(&x->b, b.data, b.len), SU_WIRE_REFUSED_SIGNATURE);
    b.data[140] ^= 1;
    assert_int_equal(su_flow_have(x->in), 0);
    assert_int_equal(frames_take(&x->b, b.data, b.len), 0);
    assert_int_equal(frames_take(&x->b, b.data, b.len), 0);
    frames_expect(x->in, 2, 0);
    su_buf_clear(&b);
    assert_int_equal(su_peer_refuse(x->a.self, NULL, SU_WIRE_REFUSED_BUSY, "no", &b, NULL), SU_OK);
    assert_int_equal(frames_take(&x->b, b.data, b.len), SU_WIRE_REFUSED_FORMAT); /* no activation */
    su_buf_fini(&b);
    /* Nobody gives a producer what it made itself. */
    struct su_flow *own = frames_flow(&x->b, 1, 9, &x->b, 30);
    assert_int_equal(take(x, &x->b, 1, 9, 0, 1, 0), SU_WIRE_REFUSED_SENDER);
    su_flow_close(own);
}

/* Frames that come together: each is taken or refused as if it had come alone. */
static void each_of_several_is_judged(void **state)
{
    struct frames_three *x = *state;
    static const unsigned want[] = {0, SU_WIRE_REFUSED_SENDER, 0, SU_WIRE_REFUSED_SCOPE};
    const struct frames_node *by[] = {&x->a, &x->c, &x->a, &x->a};
    struct su_buf all, b, answer;
    struct su_wire_frame f;
    size_t at = 0;

    su_buf_init(&all, 0);
    su_buf_init(&answer, 0);
    for (uint32_t i = 0; i < 4; i++) {
        frames_activation(&b, by[i], i == 3 ? 2 : 1, 0, i == 2 ? 1 : 0, 1, 0);
        su_buf_put(&all, b.data, b.len);
        su_buf_fini(&b);
    }
    su_exchange_take(x->b.x, 0, all.data, all.len, &answer);
    for (uint32_t i = 0; i < 4; i++) {
        assert_true(su_peer_next(&answer, &at, &f));
        assert_int_equal(f.m.kind, want[i] == 0 ? SU_WIRE_ACK : SU_WIRE_REFUSAL);
        if (want[i] != 0)
            assert_int_equal(f.m.u.refusal.code, want[i]);
    }
    assert_int_equal(at, answer.len);
    frames_expect(x->in, 2, 0);

    /* What does not end with a frame is refused whole. */
    frames_activation(&b, &x->a, 1, 0, 2, 1, 0);
    su_buf_clear(&all);
    su_buf_put(&all, b.data, b.len);
    su_buf_put(&all, b.data, b.len / 2);
    assert_int_equal(frames_take(&x->b, all.data, all.len), SU_WIRE_REFUSED_FORMAT);
    frames_expect(x->in, 2, 0);
    su_buf_clear(&all);
    for (uint32_t i = 0; i <= SU_PEER_TOGETHER_MAX; i++)
        su_buf_put(&all, b.data, b.len);
    assert_int_equal(frames_take(&x->b, all.data, all.len), SU_WIRE_REFUSED_FORMAT);
    assert_int_equal(frames_take(&x->b, all.data, all.len - b.len), 0);
    frames_expect(x->in, 3, 0);
    su_buf_fini(&b);
    su_buf_fini(&all);
    su_buf_fini(&answer);
}

enum { JOINT = 4 };

/* Step 0 of executions 1 to JOINT, signed by a at once. */
static void sign_together(struct frames_three *x, struct su_buf b[JOINT])
{
    struct su_wire_message m[JOINT];
    float row[FRAMES_ROW];
    uint8_t leaf[32];

    frames_row(0, 0, row, leaf);
    for (uint8_t i = 0; i < JOINT; i++) {
        su_buf_init(&b[i], 0);
        m[i] =
            (struct su_wire_message){.kind = SU_WIRE_ACTIVATION,
                                     .data = (const uint8_t *)row,
                                     .data_bytes = sizeof row,
                                     .u.activation = {.ref = {.execution = frames_execution(1 + i),
                                                              .request_slot = FRAMES_SLOT},
                                                      .step_count = 1,
                                                      .rank = 1,
                                                      .dims = {FRAMES_ROW},
                                                      .leaves = leaf}};
    }
    assert_int_equal(su_peer_frames(x->a.self, m, JOINT, b, NULL), SU_OK);
}

/* One signature stands for each of its frames, and for nothing that was put among them. */
static void one_signature_covers_no_more(void **state)
{
    static const unsigned want[JOINT] = {0, SU_WIRE_REFUSED_FORMAT, SU_WIRE_REFUSED_SIGNATURE, 0};
    struct frames_three *x = *state;
    struct su_flow *in[JOINT];
    struct su_buf b[JOINT], all, answer;
    struct su_wire_frame f;
    size_t at = 0;

    su_buf_init(&all, 0);
    su_buf_init(&answer, 0);
    for (uint8_t i = 1; i < JOINT; i++)
        in[i] = frames_flow(&x->b, 1 + i, 0, &x->a, FRAMES_STEPS);
    sign_together(x, b);
    b[1].data[b[1].len - 1] ^= 1; /* its data; then the path of one, of which the rest is true */
    b[2].data[b[2].len - FRAMES_ROW * sizeof(float) - 1] ^= 1;
    for (unsigned i = 0; i < JOINT; i++)
        su_buf_put(&all, b[i].data, b[i].len);
    su_exchange_take(x->b.x, 0, all.data, all.len, &answer);
    for (unsigned i = 0; i < JOINT; i++) {
        assert_true(su_peer_next(&answer, &at, &f));
        assert_int_equal(f.m.kind, want[i] == 0 ? SU_WIRE_ACK : SU_WIRE_REFUSAL);
        if (want[i] != 0)
            assert_int_equal(f.m.u.refusal.code, want[i]);
        assert_int_equal(su_flow_have(i == 0 ? x->in : in[i]), want[i] == 0);
    }
    b[1].data[b[1].len - 1] ^= 1; /* each of them counts by itself too */
    assert_int_equal(frames_take(&x->b, b[1].data, b[1].len), 0);
    frames_expect(in[1], 1, 0);
    for (unsigned i = 0; i < JOINT; i++) {
        su_buf_fini(&b[i]);
        su_flow_close(i == 0 ? NULL : in[i]);
    }
    su_buf_fini(&all);
    su_buf_fini(&answer);
}

/* Two rows of one step: the first stays, both are kept, over a restart too. */
static void two_tongues_are_told(void **state)
{
    struct frames_three *x = *state;
    struct su_journal_stream *other;
    struct su_buf b;
    struct su_wire_frame f;

    assert_int_equal(take(x, &x->a, 1, 0, 0, 5, 0), 0);
    assert_int_equal(take(x, &x->a, 1, 0, 3, 4, 1), SU_WIRE_REFUSED_FORMAT);
    assert_int_equal(take(x, &x->a, 1, 0, 4, 1, 2), SU_WIRE_REFUSED_FORMAT);
    assert_int_equal(atomic_load(&x->b.evidence), 1);
    assert_false(x->b.last.wrong_leaf);
    assert_int_equal(x->b.last.step, 3);
    assert_memory_equal(x->b.last.producer, x->a.signer.public_key, 32);
    assert_memory_equal(x->b.last.execution, frames_execution(1), 32);
    frames_expect(x->in, 5, 0);
    su_flow_close(x->in);
    frames_stop(&x->b);
    frames_again(&x->b);
    x->in = frames_flow(&x->b, 1, 0, &x->a, 30);
    frames_expect(x->in, 5, 0);
    assert_int_equal(
        su_journal_stream_open(x->b.journal, frames_execution(1), "0.0.0.other", &other, NULL),
        SU_OK);
    assert_int_equal(su_journal_stream_count(other), 2);
    su_buf_init(&b, 0);
    assert_int_equal(su_journal_stream_get(other, 0, &b, NULL), SU_OK);
    assert_int_equal(su_wire_parse(b.data, b.len, &f, NULL), SU_OK);
    const struct su_wire_expect e = {.scope = frames_scope(), .sender = x->a.signer.public_key};
    assert_int_equal(su_wire_verify(&f, &e, NULL), SU_OK);
    su_buf_fini(&b);
    su_journal_stream_close(other);
}

/* Any byte of a frame changed: never taken as something else than what was signed. */
static void no_changed_byte_is_taken(void **state)
{
    struct frames_three *x = *state;
    struct su_random r = su_random_of(3, 3);
    unsigned rounds = getenv("SU_TEST_FULL") != NULL ? 5000 : 400;
    struct su_buf b;

    frames_activation(&b, &x->a, 1, 0, 0, 3, 0);
    for (unsigned i = 0; i < rounds; i++) {
        size_t at = su_random_below(&r, (uint32_t)b.len);
        uint8_t bit = (uint8_t)(1u << su_random_below(&r, 8));
        b.data[at] ^= bit;
        assert_int_not_equal(frames_take(&x->b, b.data, b.len), 0);
        b.data[at] ^= bit;
        assert_int_not_equal(frames_take(&x->b, b.data, su_random_below(&r, (uint32_t)b.len)), 0);
    }
    assert_int_equal(su_flow_have(x->in), 0);
    assert_int_equal(frames_take(&x->b, b.data, b.len), 0);
    frames_expect(x->in, 3, 0);
    su_buf_fini(&b);
}

/* A full disk refuses work before it is accepted, and what goes beyond it comes again later. */
static void a_full_disk_is_busy(void **state)
{
    struct frames_three *x = *state;

    su_flow_close(x->in);
    x->in = NULL;
    frames_stop(&x->b);
    frames_again(&x->b);
    const struct su_journal_opts jo = {
        .dir = x->c.home, .budget_bytes = 3000, .keep_free_bytes = 1};
    frames_stop(&x->c);
    assert_int_equal(
        su_peer_self_new(&x->c.signer,
                         &(struct su_wire_scope){frames_scope().program_id, frames_scope().genesis},
                         0, &x->c.self, NULL),
        SU_OK);
    assert_int_equal(su_journal_open(&jo, &x->c.journal, NULL), SU_OK);
    x->c.opts.self = x->c.self;
    x->c.opts.journal = x->c.journal;
    assert_int_equal(su_exchange_new(&x->c.opts, &x->c.x, NULL), SU_OK);
    struct su_err e;
    assert_int_equal(su_exchange_enter(x->c.x, frames_execution(1), FRAMES_SLOT, 5000, &e),
                     SU_ENOSPC);
    assert_int_equal(su_exchange_enter(x->c.x, frames_execution(1), FRAMES_SLOT, 1000, &e), SU_OK);
    const struct su_flow_opts o = {.execution = frames_execution(1),
                                   .producer = x->a.signer.public_key,
                                   .rank = 1,
                                   .dims = {FRAMES_ROW},
                                   .end = 30};
    struct su_flow *in;
    assert_int_equal(su_flow_open(x->c.x, &o, &in, &e), SU_OK);
    uint32_t step = 0;
    unsigned refusal = 0;
    while (step < 30 && refusal == 0) {
        struct su_buf b;
        frames_activation(&b, &x->a, 1, 0, step, 1, 0);
        refusal = frames_take(&x->c, b.data, b.len);
        step += refusal == 0;
        su_buf_fini(&b);
    }
    assert_int_equal(refusal, SU_WIRE_REFUSED_BUSY);
    assert_in_range(step, 3, 12);
    frames_expect(in, step, 0);
    su_flow_close(in);
    su_exchange_free(x->c.x);
    su_journal_close(x->c.journal);
    su_peer_self_free(x->c.self);
    x->c.x = NULL;
}

/* Memory is set aside for what is being taken, and no longer, whatever becomes of it. */
static void memory_comes_back(void **state)
{
    struct frames_three *x = *state;

    su_flow_close(x->in);
    frames_stop(&x->b);
    x->b.opts.memory_bytes = 1200;
    frames_again(&x->b);
    x->in = frames_flow(&x->b, 1, 0, &x->a, FRAMES_STEPS);
    for (uint32_t i = 0; i < FRAMES_STEPS; i++) {
        assert_int_equal(take(x, &x->a, 1, 0, i, 1, 0), 0);
        assert_int_equal(take(x, &x->a, 1, 0, FRAMES_STEPS - 1, 2, 0), SU_WIRE_REFUSED_FORMAT);
    }
    frames_expect(x->in, FRAMES_STEPS, 0);
    assert_int_equal(take(x, &x->a, 1, 0, 0, FRAMES_STEPS, 0), SU_WIRE_REFUSED_BUSY);
}

/* A producer that says the same over and over in ever other frames fills no disk. */
static void repetition_is_bounded(void **state)
{
    struct frames_three *x = *state;
    uint64_t used = 0;

    for (uint32_t first = 1; first < 30; first += 2) /* one new step at a time, overlapping all */
        assert_int_equal(take(x, &x->a, 1, 0, first, 1, 0), 0);
    for (unsigned i = 0; i < 200; i++)
        assert_int_equal(take(x, &x->a, 1, 0, 1, 1, 0), 0); /* other frames, nothing new */
    used = su_journal_used_bytes(x->b.journal);
    assert_true(used < 15 * 1024);
    assert_int_equal(take(x, &x->a, 1, 0, 0, 30, 0), 0);
    frames_expect(x->in, 30, 0);
}

/* ---- a flood --------------------------------------------------------------------------------- */

struct flood {
    struct frames_three *x;
    atomic_bool over;
    atomic_uint answered;
    pthread_t thread[4];
};

static void *floods(void *arg)
{
    struct flood *f = arg;
    struct su_buf b;

    frames_activation(&b, &f->x->c, 1, 0, 0, 20, 0);
    for (uint8_t i = 0; !atomic_load(&f->over); i++) {
        b.data[192 + i % 32] ^= i; /* other executions too */
        if (su_peer_post(&(struct su_wire_scope){frames_scope().program_id, frames_scope().genesis},
                         f->x->b.endpoint, NULL, b.data, b.len, NULL, NULL, NULL) != SU_ENET)
            atomic_fetch_add(&f->answered, 1);
    }
    su_buf_fini(&b);
    return NULL;
}

static void a_flood_does_not_stop_a_flow(void **state)
{
    struct frames_three *x = *state;
    struct flood f = {.x = x};
    struct su_flow *out = frames_flow(&x->a, 1, 0, &x->a, 30);
    const struct su_flow_need need = {.flow = x->in, .have = 30};

    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&f.thread[i], NULL, floods, &f), 0);
    assert_int_equal(su_flow_send(out, x->b.signer.public_key, x->b.endpoint, false, NULL), SU_OK);
    for (uint32_t s = 0; s < 30; s++)
        assert_int_equal(frames_emit(out, s, 1, 0), SU_OK);
    assert_int_equal(su_flow_wait(x->b.x, &need, 1, 30000, NULL, NULL, NULL), SU_OK);
    frames_expect(x->in, 30, 0);
    atomic_store(&f.over, true);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(pthread_join(f.thread[i], NULL), 0);
    assert_true(atomic_load(&f.answered) > 0);
    assert_in_range(atomic_load(&x->b.unknown), 1, 40 * 16);
    su_flow_close(out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_refusal_has_its_reason, frames_flow_setup,
                                        frames_three_teardown),
        cmocka_unit_test_setup_teardown(one_signature_covers_no_more, frames_flow_setup,
                                        frames_three_teardown),
        cmocka_unit_test_setup_teardown(each_of_several_is_judged, frames_flow_setup,
                                        frames_three_teardown),
        cmocka_unit_test_setup_teardown(two_tongues_are_told, frames_flow_setup,
                                        frames_three_teardown),
        cmocka_unit_test_setup_teardown(no_changed_byte_is_taken, frames_flow_setup,
                                        frames_three_teardown),
        cmocka_unit_test_setup_teardown(a_full_disk_is_busy, frames_flow_setup,
                                        frames_three_teardown),
        cmocka_unit_test_setup_teardown(memory_comes_back, frames_flow_setup,
                                        frames_three_teardown),
        cmocka_unit_test_setup_teardown(repetition_is_bounded, frames_flow_setup,
                                        frames_three_teardown),
        cmocka_unit_test_setup_teardown(a_flood_does_not_stop_a_flow, frames_flow_setup,
                                        frames_three_teardown),
    };

    su_log_stderr(-1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
