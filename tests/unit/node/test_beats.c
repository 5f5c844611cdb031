// SPDX-License-Identifier: MIT
/* Heartbeats to oracles of all sorts: good ones, one that takes its time, one that is dead, one that
   signs with another key. */
#include "http/http.h"
#include "node/beats.h"
#include "peer/peer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const uint8_t program[32] = {1}, genesis[32] = {2};
static const struct su_wire_scope scope = {program, genesis};

struct oracle {
    struct su_signer signer;
    struct su_peer_self *self;
    struct su_http_server *server;
    struct node_beats_to to;
    atomic_int heard;
    atomic_bool held; /* says nothing while it is */
};

static struct su_peer_self *voice(struct su_signer *s, uint8_t seed_byte)
{
    uint8_t seed[32] = {seed_byte}, public_key[32], secret[64];
    struct su_peer_self *self = NULL;
    struct su_err e = {0};

    su_ed25519_from_seed(seed, public_key, secret);
    assert_int_equal(su_signer_init_memory(s, secret, &e), SU_OK);
    assert_int_equal(su_peer_self_new(s, &scope, 0, &self, &e), SU_OK);
    return self;
}

static void hear(void *ctx, const struct su_http_call *c, struct su_http_answer *a)
{
    struct oracle *o = ctx;
    struct su_wire_frame f;
    struct su_buf out;

    su_buf_init(&out, 0);
    while (atomic_load(&o->held))
        (void)usleep(5000);
    assert_string_equal(c->path, "/api/heartbeat");
    assert_int_equal(su_wire_parse(c->body, c->body_len, &f, NULL), SU_OK);
    assert_int_equal(su_peer_ack(o->self, &f, &out, NULL), SU_OK);
    su_http_answer_bytes(a, 200, SU_WIRE_CONTENT_TYPE, out.data, out.len);
    su_buf_fini(&out);
    atomic_fetch_add(&o->heard, 1);
}

static void oracle_start(struct oracle *o, uint8_t seed)
{
    const struct su_http_server_opts so = {.handler = hear, .ctx = o, .blocking = true};
    struct su_err e = {0};

    memset(o, 0, sizeof *o);
    o->self = voice(&o->signer, seed);
    assert_int_equal(su_http_server_start(&so, &o->server, &e), SU_OK);
    memcpy(o->to.key, o->signer.public_key, 32);
    (void)snprintf(o->to.endpoint, sizeof o->to.endpoint, "127.0.0.1:%u",
                   su_http_server_port(o->server));
}

static void oracle_end(struct oracle *o)
{
    su_http_server_stop(o->server);
    su_peer_self_free(o->self);
    su_signer_fini(&o->signer);
}

static void say(struct node_beats *b, struct su_peer_self *self)
{
    static const uint8_t root[32] = {9}, task[32] = {8};
    const struct su_wire_message m = {.kind = SU_WIRE_HEARTBEAT,
                                      .u.heartbeat = {.numerics_version = 1,
                                                      .status = SU_WIRE_READY,
                                                      .has_capacity = 1,
                                                      .task_count = 1,
                                                      .conformance_root = root,
                                                      .tasks = task}};
    struct su_buf frame;
    struct su_err e = {0};

    su_buf_init(&frame, 0);
    assert_int_equal(su_peer_frame(self, &m, &frame, &e), SU_OK);
    node_beats_send(b, &frame, 60000);
    su_buf_fini(&frame);
}

static void one_slow_oracle_delays_nobody(void **state)
{
    struct oracle o[3];
    struct node_beats_to to[3];
    struct node_beats_counts counts;
    struct node_beats *b = NULL;
    struct su_signer signer;
    struct su_err e = {0};

    (void)state;
    for (uint8_t i = 0; i < 3; i++) {
        oracle_start(&o[i], (uint8_t)(10 + i));
        to[i] = o[i].to;
    }
    atomic_store(&o[1].held, true);
    struct su_peer_self *self = voice(&signer, 50);
    assert_int_equal(node_beats_new(&scope, &b, &e), SU_OK);
    assert_true(node_beats_flush(b, 0)); /* nobody to tell */
    node_beats_direct(b, to, 3);
    for (int i = 0; i < 5; i++) {
        say(b, self);
        for (int k = 0;
             k < 6000 && (atomic_load(&o[0].heard) <= i || atomic_load(&o[2].heard) <= i); k++)
            (void)usleep(10000);
    }
    assert_int_equal(atomic_load(&o[0].heard), 5);
    assert_int_equal(atomic_load(&o[2].heard), 5);
    assert_int_equal(atomic_load(&o[1].heard), 0);
    assert_false(node_beats_flush(b, 10));
    atomic_store(&o[1].held, false);
    assert_true(node_beats_flush(b, 60000));
    node_beats_counts(b, &counts);
    assert_int_equal(atomic_load(&o[1].heard), 2); /* the first one, and then the newest */
    assert_int_equal(counts.sent, 12);
    assert_int_equal(counts.acknowledged, 12);
    assert_true(counts.last_ms > 0);
    node_beats_free(b);
    su_peer_self_free(self);
    su_signer_fini(&signer);
    for (int i = 0; i < 3; i++)
        oracle_end(&o[i]);
}

static void counts_who_answers(void **state)
{
    struct oracle o[2];
    struct node_beats_to to[3];
    struct node_beats_counts counts;
    struct node_beats *b = NULL;
    struct su_signer signer;
    struct su_err e = {0};

    (void)state;
    oracle_start(&o[0], 20);
    oracle_start(&o[1], 21);
    to[0] = o[0].to;
    to[1] = o[1].to;
    to[1].key[0] ^= 1; /* signs with another key than the chain names */
    to[2] = o[0].to;
    (void)su_str_copy(to[2].endpoint, sizeof to[2].endpoint, "127.0.0.1:1"); /* nobody there */
    struct su_peer_self *self = voice(&signer, 51);
    assert_int_equal(node_beats_new(&scope, &b, &e), SU_OK);
    node_beats_direct(b, to, 3);
    say(b, self);
    assert_true(node_beats_flush(b, 60000));
    node_beats_counts(b, &counts);
    assert_int_equal(counts.sent, 3);
    assert_int_equal(counts.acknowledged, 1);
    to[1].endpoint[0] = 0; /* not known any more */
    node_beats_direct(b, to, 2);
    say(b, self);
    assert_true(node_beats_flush(b, 60000));
    node_beats_counts(b, &counts);
    assert_int_equal(counts.sent, 4);
    assert_int_equal(counts.acknowledged, 2);
    assert_int_equal(atomic_load(&o[1].heard), 1);
    node_beats_free(b);
    su_peer_self_free(self);
    su_signer_fini(&signer);
    oracle_end(&o[0]);
    oracle_end(&o[1]);
}

/* An oracle that never answers does not keep the node from ending. */
static void ends_at_once(void **state)
{
    struct oracle o;
    struct node_beats *b = NULL;
    struct su_signer signer;
    struct su_err e = {0};

    (void)state;
    oracle_start(&o, 30);
    atomic_store(&o.held, true);
    struct su_peer_self *self = voice(&signer, 52);
    assert_int_equal(node_beats_new(&scope, &b, &e), SU_OK);
    node_beats_direct(b, &o.to, 1);
    say(b, self);
    (void)usleep(100000);
    uint64_t since = su_clock_mono_ns();
    node_beats_free(b);
    assert_true(su_clock_mono_ns() - since < 30000000000ull);
    atomic_store(&o.held, false);
    su_peer_self_free(self);
    su_signer_fini(&signer);
    oracle_end(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_slow_oracle_delays_nobody),
        cmocka_unit_test(counts_who_answers),
        cmocka_unit_test(ends_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
