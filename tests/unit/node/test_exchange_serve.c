// SPDX-License-Identifier: MIT
/* Frames that are asked for: a made them, b needed them, c asks. */
#include "node/exchange_priv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "frames.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static struct su_peer_want want_of(uint8_t execution, uint16_t task, uint32_t first, uint32_t count,
                                   enum su_wire_purpose purpose, const struct frames_node *sender)
{
    return (struct su_peer_want){.want = {.ref = {.execution = frames_execution(execution),
                                                  .request_slot = FRAMES_SLOT,
                                                  .task = task},
                                          .step_first = first,
                                          .step_count = count,
                                          .purpose = (uint8_t)purpose},
                                 .sender = sender->signer.public_key};
}

/* Asks as c; how many frames came, with their first and last step. */
static enum su_code ask(struct frames_three *x, const struct frames_node *from,
                        const struct su_peer_want *w, unsigned *n, uint32_t *first, uint32_t *end)
{
    struct su_wire_frame f, inner;
    struct su_buf frames;
    size_t at = 0;
    struct su_err e;

    *n = 0;
    su_buf_init(&frames, 0);
    enum su_code c = su_peer_want(x->c.self, from->endpoint, w, NULL, &frames, NULL, &e);
    while (c == SU_OK && su_peer_next(&frames, &at, &f)) {
        if (f.m.kind == SU_WIRE_INPUT && !f.m.u.input.external) {
            assert_int_equal(su_peer_inner(&f, &inner, NULL), SU_OK);
            f = inner;
        }
        if (f.m.kind == SU_WIRE_ACTIVATION) {
            *first = *n == 0 ? f.m.u.activation.step_first : *first;
            *end = f.m.u.activation.step_first + f.m.u.activation.step_count;
        } else {
            assert_int_equal(f.m.u.input.external, 1);
            assert_int_equal(su_peer_inner(&f, &inner, NULL), SU_ETYPE);
            *first = *end = UINT32_MAX;
        }
        (*n)++;
    }
    su_buf_fini(&frames);
    return c;
}

static void outputs_are_served(void **state)
{
    struct frames_three *x = *state;
    struct su_flow *out = frames_flow(&x->a, 1, 4, &x->a, 100);
    uint32_t first = 0, end = 0;
    unsigned n;

    for (uint32_t s = 0; s < 50; s += 10)
        assert_int_equal(frames_emit(out, s, 10, 0), SU_OK);
    struct su_peer_want w = want_of(1, 4, 0, 100, SU_WIRE_RECOVERY, &x->a);
    assert_int_equal(ask(x, &x->a, &w, &n, &first, &end), SU_OK);
    assert_int_equal(n, 5);
    assert_int_equal(end, 50);
    w = want_of(1, 4, 15, 10, SU_WIRE_RECOVERY, &x->a);
    assert_int_equal(ask(x, &x->a, &w, &n, &first, &end), SU_OK);
    assert_int_equal(n, 2);
    assert_int_equal(first, 10);
    assert_int_equal(end, 30);
    w = want_of(1, 4, 50, 10, SU_WIRE_RECOVERY, &x->a);
    assert_int_equal(ask(x, &x->a, &w, &n, &first, &end), SU_ENOENT);
    w = want_of(1, 5, 0, 10, SU_WIRE_RECOVERY, &x->a); /* a task that is not here */
    assert_int_equal(ask(x, &x->a, &w, &n, &first, &end), SU_ENOENT);
    w = want_of(2, 4, 0, 10, SU_WIRE_RECOVERY, &x->a); /* an execution that is not */
    assert_int_equal(ask(x, &x->a, &w, &n, &first, &end), SU_ETYPE);
    assert_int_equal(atomic_load(&x->a.unknown), 1);
    atomic_store(&x->a.deny, true);
    w = want_of(1, 4, 0, 10, SU_WIRE_RECOVERY, &x->a);
    assert_int_equal(ask(x, &x->a, &w, &n, &first, &end), SU_EACCES);
    su_flow_close(out);
}

/* What is served ends with about SU_EXCHANGE_ANSWER_BYTES; who asks again gets the rest. */
static void large_answers_come_in_parts(void **state)
{
    struct frames_three *x = *state;
    const struct su_flow_opts o = {.execution = frames_execution(1),
                                   .producer = x->a.signer.public_key,
                                   .rank = 1,
                                   .dims = {3u << 20}, /* 12 MiB */
                                   .end = 6};
    struct su_flow *out;
    float *row = su_alloc((size_t)12 << 20);
    uint8_t leaf[32] = {0};
    uint32_t first = 0, end = 0;
    unsigned n;

    assert_int_equal(su_exchange_enter(x->a.x, o.execution, FRAMES_SLOT, 100 << 20, NULL), SU_OK);
    assert_int_equal(su_flow_open(x->a.x, &o, &out, NULL), SU_OK);
    for (uint32_t s = 0; s < 6; s++)
        assert_int_equal(su_flow_emit(out, s, 1, row, leaf, NULL), SU_OK);
    struct su_peer_want w = want_of(1, 0, 0, 6, SU_WIRE_RECOVERY, &x->a);
    assert_int_equal(ask(x, &x->a, &w, &n, &first, &end), SU_OK);
    assert_int_equal(n, 3);
    w = want_of(1, 0, 3, 3, SU_WIRE_RECOVERY, &x->a);
    assert_int_equal(ask(x, &x->a, &w, &n, &first, &end), SU_OK);
    assert_int_equal(n, 3);
    assert_int_equal(end, 6);
    su_flow_close(out);
    /* Less memory than one frame: later. */
    frames_stop(&x->a);
    x->a.opts.memory_bytes = 1 << 20;
    frames_again(&x->a);
    assert_int_equal(su_exchange_enter(x->a.x, o.execution, FRAMES_SLOT, 100 << 20, NULL), SU_OK);
    assert_int_equal(su_flow_open(x->a.x, &o, &out, NULL), SU_OK);
    assert_int_equal(ask(x, &x->a, &w, &n, &first, &end), SU_EBUSY);
    su_flow_close(out);
    free(row);
}

static void inputs_are_served_to_checkers(void **state)
{
    struct frames_three *x = *state;
    struct su_flow *out = frames_flow(&x->a, 1, 0, &x->a, 40);
    struct su_flow *in = frames_flow(&x->b, 1, 0, &x->a, 40);
    const struct su_exchange_port ports[3] = {{.produced = true, .task = 0},
                                              {.external = true},
                                              {.external = true, .produced = true, .shift = 1}};
    uint32_t first = 0, end = 0;
    struct su_buf container;
    unsigned n;

    assert_int_equal(su_flow_send(out, x->b.signer.public_key, x->b.endpoint, false, NULL), SU_OK);
    assert_int_equal(frames_emit(out, 0, 10, 0), SU_OK);
    assert_int_equal(frames_emit(out, 10, 10, 0), SU_OK);
    const struct su_flow_need need = {.flow = in, .have = 20};
    assert_int_equal(su_flow_wait(x->b.x, &need, 1, 5000, NULL, NULL, NULL), SU_OK);
    struct su_peer_want w = want_of(1, 1, 0, 20, SU_WIRE_CHECK, &x->b);
    w.producer = x->a.signer.public_key;
    assert_int_equal(ask(x, &x->b, &w, &n, &first, &end), SU_ENOENT); /* not told yet */
    assert_int_equal(su_exchange_ports(x->b.x, frames_execution(1), 1, 0, ports, 3, NULL), SU_OK);
    assert_int_equal(ask(x, &x->b, &w, &n, &first, &end), SU_OK);
    assert_int_equal(n, 2);
    assert_int_equal(first, 0);
    assert_int_equal(end, 20);
    w.producer = x->c.signer.public_key; /* signed by somebody else inside */
    assert_int_equal(ask(x, &x->b, &w, &n, &first, &end), SU_ETYPE);
    w.producer = NULL;
    w.want.ref.port = 1; /* from outside */
    assert_int_equal(ask(x, &x->b, &w, &n, &first, &end), SU_ENOENT);
    assert_int_equal(su_exchange_container_put(x->b.x, frames_execution(1), "container", 9, NULL),
                     SU_OK);
    assert_int_equal(ask(x, &x->b, &w, &n, &first, &end), SU_OK);
    assert_int_equal(n, 1);
    assert_int_equal(first, UINT32_MAX);
    w.want.ref.port = 2; /* both; its step 11 is the producer's step 10 */
    assert_int_equal(ask(x, &x->b, &w, &n, &first, &end), SU_OK);
    assert_int_equal(n, 3);
    w.want.step_first = 11;
    w.want.step_count = 1;
    assert_int_equal(ask(x, &x->b, &w, &n, &first, &end), SU_OK);
    assert_int_equal(n, 1);
    assert_int_equal(first, 10);
    w.want.step_first = 10;
    assert_int_equal(ask(x, &x->b, &w, &n, &first, &end), SU_OK);
    assert_int_equal(first, 0);
    w.want.ref.port = 3;
    assert_int_equal(ask(x, &x->b, &w, &n, &first, &end), SU_ENOENT);
    su_buf_init(&container, 0);
    assert_int_equal(su_exchange_container_get(x->b.x, frames_execution(1), &container, NULL),
                     SU_OK);
    assert_int_equal(container.len, 9);
    assert_int_equal(su_exchange_container_get(x->b.x, frames_execution(2), &container, NULL),
                     SU_ENOENT);
    assert_int_equal(su_exchange_container_put(x->b.x, frames_execution(2), "c", 1, NULL),
                     SU_ENOENT);
    su_buf_fini(&container);
    su_flow_close(out);
    su_flow_close(in);
}

/* ---- waiting --------------------------------------------------------------------------------- */

struct asker {
    struct frames_three *x;
    struct su_peer_want w;
    enum su_code code;
    unsigned n;
    pthread_t thread;
};

static void *asks(void *arg)
{
    struct asker *a = arg;
    uint32_t first = 0, end = 0;

    a->code = ask(a->x, &a->x->a, &a->w, &a->n, &first, &end);
    return NULL;
}

static void asker_start(struct asker *a, struct frames_three *x, uint32_t wait_ms)
{
    a->x = x;
    a->w = want_of(1, 0, 0, 5, SU_WIRE_RECOVERY, &x->a);
    a->w.wait_ms = wait_ms;
    assert_int_equal(pthread_create(&a->thread, NULL, asks, a), 0);
}

static enum su_code asker_end(struct asker *a)
{
    assert_int_equal(pthread_join(a->thread, NULL), 0);
    return a->code;
}

/* That so many wait there. */
static bool all_wait(struct frames_three *x, uint32_t n)
{
    uint32_t now = 0;

    for (unsigned i = 0; i < 12000 && now != n; i++) {
        (void)pthread_mutex_lock(&x->a.x->lock);
        now = x->a.x->n_waiter;
        (void)pthread_mutex_unlock(&x->a.x->lock);
        frames_sleep_ms(5);
    }
    return now == n;
}

static void who_waits_is_answered_at_once(void **state)
{
    struct frames_three *x = *state;
    struct asker early, three[3], late;
    uint32_t first = 0, end = 0;
    unsigned n;

    frames_stop(&x->a);
    x->a.opts.waiters_max = 3;
    frames_again(&x->a);
    assert_int_equal(su_exchange_enter(x->a.x, frames_execution(1), FRAMES_SLOT, 1 << 20, NULL),
                     SU_OK);
    struct su_peer_want w = want_of(1, 0, 0, 5, SU_WIRE_RECOVERY, &x->a);
    uint64_t start = su_clock_mono_ns();
    w.wait_ms = 200;
    assert_int_equal(ask(x, &x->a, &w, &n, &first, &end), SU_ENOENT);
    assert_true(su_clock_mono_ns() - start >= UINT64_C(190000000));
    asker_start(&early, x, SU_PEER_WAIT_MS_MAX); /* also before the flow is there */
    for (unsigned i = 0; i < 2; i++)
        asker_start(&three[i], x, SU_PEER_WAIT_MS_MAX);
    assert_true(all_wait(x, 3));
    asker_start(&late, x, SU_PEER_WAIT_MS_MAX);
    assert_int_equal(asker_end(&late), SU_EBUSY); /* one too many */
    w.wait_ms = 0;
    assert_int_equal(ask(x, &x->a, &w, &n, &first, &end), SU_ENOENT); /* does not wait */
    start = su_clock_mono_ns();
    struct su_flow *out = frames_flow(&x->a, 1, 0, &x->a, 40);
    assert_int_equal(frames_emit(out, 0, 5, 0), SU_OK);
    assert_int_equal(asker_end(&early), SU_OK);
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(asker_end(&three[i]), SU_OK);
    assert_true(su_clock_mono_ns() - start < UINT64_C(15000000000));
    assert_int_equal(early.n, 1);
    su_flow_close(out);
}

static void an_end_ends_the_wait(void **state)
{
    struct frames_three *x = *state;
    struct asker left, stopped;

    assert_int_equal(su_exchange_enter(x->a.x, frames_execution(1), FRAMES_SLOT, 1 << 20, NULL),
                     SU_OK);
    asker_start(&left, x, SU_PEER_WAIT_MS_MAX);
    assert_true(all_wait(x, 1));
    uint64_t start = su_clock_mono_ns();
    su_exchange_leave(x->a.x, frames_execution(1));
    assert_int_equal(asker_end(&left), SU_ENOENT);
    assert_int_equal(su_exchange_enter(x->a.x, frames_execution(1), FRAMES_SLOT, 1 << 20, NULL),
                     SU_OK);
    asker_start(&stopped, x, SU_PEER_WAIT_MS_MAX);
    assert_true(all_wait(x, 1));
    su_exchange_stop(x->a.x);
    assert_int_equal(asker_end(&stopped), SU_ENOENT);
    assert_true(su_clock_mono_ns() - start < UINT64_C(15000000000));
}

/* ---- hostile requests ------------------------------------------------------------------------ */

static unsigned serve_raw(struct frames_node *n, const void *bytes, size_t len)
{
    struct su_wire_frame f;
    struct su_buf answer;
    size_t at = 0;

    su_buf_init(&answer, 0);
    su_exchange_serve(n->x, bytes, len, 0, &answer);
    assert_true(su_peer_next(&answer, &at, &f));
    unsigned refusal = f.m.kind == SU_WIRE_REFUSAL ? f.m.u.refusal.code : 0;
    su_buf_fini(&answer);
    return refusal;
}

static void requests_are_believed_once(void **state)
{
    struct frames_three *x = *state;
    struct su_flow *out = frames_flow(&x->a, 1, 0, &x->a, 40);
    const struct su_peer_want w = want_of(1, 0, 0, 5, SU_WIRE_RECOVERY, &x->a);
    const struct su_wire_message m = {.kind = SU_WIRE_WANT, .u.want = w.want};
    const struct su_wire_scope scope = frames_scope();
    struct su_buf b;

    assert_int_equal(frames_emit(out, 0, 5, 0), SU_OK);
    su_buf_init(&b, 0);
    assert_int_equal(su_peer_frame(x->c.self, &m, &b, NULL), SU_OK);
    assert_int_equal(serve_raw(&x->a, b.data, b.len - 1), SU_WIRE_REFUSED_FORMAT);
    b.data[b.len - 5] ^= 1; /* of the body */
    assert_int_equal(serve_raw(&x->a, b.data, b.len), SU_WIRE_REFUSED_FORMAT);
    b.data[b.len - 5] ^= 1;
    b.data[130] ^= 1; /* of the signature */
    assert_int_equal(serve_raw(&x->a, b.data, b.len), SU_WIRE_REFUSED_SIGNATURE);
    b.data[130] ^= 1;
    assert_int_equal(serve_raw(&x->a, b.data, b.len), 0);
    assert_int_equal(serve_raw(&x->a, b.data, b.len), SU_WIRE_REFUSED_REPLAY);
    su_buf_clear(&b);
    assert_int_equal(
        su_wire_encode(&b, &x->c.signer, &scope, (struct su_wire_stamp){1, 1}, &m, NULL), SU_OK);
    assert_int_equal(serve_raw(&x->a, b.data, b.len), SU_WIRE_REFUSED_TIME);
    su_buf_fini(&b);
    frames_activation(&b, &x->c, 1, 0, 0, 1, 0);
    assert_int_equal(serve_raw(&x->a, b.data, b.len), SU_WIRE_REFUSED_FORMAT);
    su_buf_fini(&b);
    su_flow_close(out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(outputs_are_served, frames_three_setup,
                                        frames_three_teardown),
        cmocka_unit_test_setup_teardown(large_answers_come_in_parts, frames_three_setup,
                                        frames_three_teardown),
        cmocka_unit_test_setup_teardown(inputs_are_served_to_checkers, frames_three_setup,
                                        frames_three_teardown),
        cmocka_unit_test_setup_teardown(who_waits_is_answered_at_once, frames_three_setup,
                                        frames_three_teardown),
        cmocka_unit_test_setup_teardown(an_end_ends_the_wait, frames_three_setup,
                                        frames_three_teardown),
        cmocka_unit_test_setup_teardown(requests_are_believed_once, frames_three_setup,
                                        frames_three_teardown),
    };

    su_log_stderr(-1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
