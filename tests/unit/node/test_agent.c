// SPDX-License-Identifier: MIT
/* Nodes at work: a committee of oracles, nodes of different owners, requests from beginning to end,
   restarts and losses in between. Every task is sampled, so every execution is checked. */
#include "abi/abi.h"
#include "chain/chain.h"
#include "crypto/crypto.h"
#include "node/node.h"
#include "ops/ops.h"
#include "support/net.h"
#include "json/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { NODES = 4 };

static int setup(void **state)
{
    const struct net_options o = {.oracles = 3, .nodes = NODES, .sampling_ppm = SU_PPM};
    struct net *n = net_new(&o);

    for (unsigned i = 0; i < NODES; i++)
        net_node_start(n, i);
    net_wait_online(n, NODES, 90000);
    *state = n;
    return 0;
}

static int teardown(void **state)
{
    net_free(*state);
    return 0;
}

/* Everybody serves again, whatever the last test did. */
static int everybody(void **state)
{
    struct net *n = *state;

    for (unsigned i = 0; i < NODES; i++)
        if (!n->node[i].running)
            net_node_start(n, i);
    net_wait_online(n, NODES, 90000);
    return 0;
}

static bool running(const struct su_ops_follow_state *s)
{
    return s->known && s->chain.state >= SU_EXEC_RUNNING;
}

static bool committed(const struct su_ops_follow_state *s)
{
    return s->known && s->chain.state >= SU_EXEC_RUNNING && s->chain.committed > 0;
}

static bool checking(const struct su_ops_follow_state *s)
{
    return s->known && s->chain.state >= SU_EXEC_CHECKING;
}

/* Number of the node that asserts the task. */
static unsigned asserter(const struct net *n, const struct net_run *r, unsigned task)
{
    const struct su_ops_follow_state *s = su_ops_follow_state(r->follow);

    for (unsigned i = 0; i < n->n_node; i++)
        if (memcmp(n->node[i].signer.public_key, s->part[task].node, 32) == 0)
            return i;
    fail_msg("task %u is nobody's", task);
    return 0;
}

static void expect_settled(struct net *n, struct net_run *r)
{
    net_follow(n, r, 120000, NULL);
    const struct su_ops_follow_state *s = su_ops_follow_state(r->follow);
    assert_int_equal(s->chain.state, SU_EXEC_SETTLED);
    assert_true(s->final);
    assert_true(net_output_right(n, r));
    for (unsigned i = 0; i < s->n_part; i++) {
        assert_int_equal(s->part[i].state, SU_TASK_VERIFIED);
        assert_true(s->part[i].n_check > 0);
    }
    net_wait_gone(n, r->execution, 60000);
    net_run_end(r);
}

static void settles(void **state)
{
    struct net *n = *state;
    uint32_t before = 0, after = 0, checks_before = 0, checks_after = 0;
    struct net_run r;

    for (unsigned i = 0; i < NODES; i++) {
        before += net_entry(n, i).verified;
        checks_before += net_entry(n, i).checks;
    }
    net_ask(n, &r);
    expect_settled(n, &r);
    for (unsigned i = 0; i < NODES; i++) {
        struct su_acc_node a = net_entry(n, i);
        after += a.verified;
        checks_after += a.checks;
        assert_int_equal(a.reserves_open, 0);
        assert_int_equal(a.slashed, 0);
    }
    assert_int_equal(after - before, n->plan->n_task);
    assert_int_equal(checks_after - checks_before, n->plan->n_task);
}

static void several_at_once(void **state)
{
    enum { AT_ONCE = 4 };
    struct net *n = *state;
    struct net_run r[AT_ONCE];

    for (unsigned i = 0; i < AT_ONCE; i++)
        net_ask(n, &r[i]);
    for (unsigned left = AT_ONCE; left > 0;) {
        left = 0;
        for (unsigned i = 0; i < AT_ONCE; i++) {
            struct su_err e = {0};
            assert_int_equal(su_ops_follow_poll(r[i].follow, 0, &e), SU_OK);
            left += !su_ops_follow_state(r[i].follow)->ended;
        }
        (void)usleep(20000);
    }
    for (unsigned i = 0; i < AT_ONCE; i++)
        expect_settled(n, &r[i]);
}

/* Stops the asserter of task 1 when the execution is that far, and starts it again. */
static void restart_when(struct net *n, bool (*when)(const struct su_ops_follow_state *s))
{
    struct net_run r;

    net_ask(n, &r);
    net_follow(n, &r, 60000, when);
    unsigned i = asserter(n, &r, 1);
    net_node_stop(n, i);
    net_node_start(n, i);
    expect_settled(n, &r);
    assert_int_equal(net_entry(n, i).slashed, 0);
}

static void restarts_while_running(void **state)
{
    restart_when(*state, running);
}

static void restarts_after_a_commitment(void **state)
{
    restart_when(*state, committed);
}

static void restarts_while_checked(void **state)
{
    restart_when(*state, checking);
}

static bool replaced(const struct su_ops_follow_state *s)
{
    return s->known && (s->ended || s->part[1].attempt > 0);
}

/* The asserter of task 1 is gone before it could commit: another one takes its place, and gets what
   the first one was sent. Back then, it may be drawn to check: nobody waits for its silence. */
static void is_replaced(void **state)
{
    struct net *n = *state;
    struct net_run r;
    unsigned gone = NODES;

    for (unsigned tries = 0; tries < 10 && gone == NODES; tries++) {
        net_ask(n, &r);
        net_follow(n, &r, 60000, running);
        unsigned i = asserter(n, &r, 1);
        net_node_stop(n, i);
        struct su_err e = {0};
        assert_int_equal(su_ops_follow_poll(r.follow, 100, &e), SU_OK);
        if (!(su_ops_follow_state(r.follow)->part[1].flags & SU_TASKF_COMMITTED)) {
            gone = i;
            break;
        }
        net_node_start(n, i); /* it was too quick */
        expect_settled(n, &r);
    }
    if (gone == NODES)
        skip();
    net_follow(n, &r, 120000, replaced);
    net_node_start(n, gone);
    net_follow(n, &r, 120000, NULL);
    const struct su_ops_follow_state *s = su_ops_follow_state(r.follow);
    assert_int_equal(s->chain.state, SU_EXEC_SETTLED);
    assert_true(s->part[1].attempt > 0);
    assert_int_not_equal(asserter(n, &r, 1), gone);
    assert_true(net_output_right(n, &r));
    net_wait_gone(n, r.execution, 60000);
    net_run_end(&r);
}

static const char *text_of(const struct su_json_value *v, const char *key)
{
    const char *s = "";

    assert_int_equal(su_json_get_str(v, key, &s, NULL), SU_OK);
    return s;
}

/* What it says to whoever runs it in the same process. */
static void own_status(struct su_node_agent *node)
{
    struct su_json *doc = NULL;
    struct su_err e = {0};
    struct su_buf b;
    char key[SU_CHAIN_TEXT];

    su_buf_init(&b, 0);
    assert_int_equal(su_node_status(node, &b, &e), SU_OK);
    assert_int_equal(su_json_parse(b.data, b.len, "status", NULL, &doc, &e), SU_OK);
    assert_string_equal(text_of(su_json_root(doc), "identity"),
                        su_chain_key_text(su_node_identity(node), key));
    su_json_free(doc);
    su_buf_fini(&b);
}

static void tells_its_status(void **state)
{
    struct net *n = *state;
    struct su_json *doc = net_status(n, 0);
    const struct su_json_value *v = su_json_root(doc), *beats = su_json_member(v, "beats");
    char key[SU_CHAIN_TEXT];
    uint64_t sent = 0, acknowledged = 0, used = 0;
    size_t tasks = 0;

    assert_string_equal(text_of(v, "identity"),
                        su_chain_key_text(n->node[0].signer.public_key, key));
    assert_string_equal(text_of(v, "owner"), su_chain_key_text(n->node[0].owner.public_key, key));
    assert_string_equal(text_of(v, "state"), "ready");
    assert_string_equal(text_of(v, "backend"), "cpu");
    for (const struct su_json_value *t = su_json_first(su_json_member(v, "tasks")); t;
         t = su_json_next(t), tasks++) {
        assert_string_equal(text_of(t, "state"), "ready");
        assert_string_equal(text_of(t, "model"), su_chain_key_text(n->model, key));
        assert_string_equal(text_of(t, "error"), "");
    }
    assert_int_equal(tasks, n->plan->n_task);
    assert_int_equal(su_json_get_u64(v, "vram_used_bytes", &used, NULL), SU_OK);
    assert_true(used > 0);
    assert_int_equal(su_json_get_u64(beats, "sent", &sent, NULL), SU_OK);
    assert_int_equal(su_json_get_u64(beats, "acknowledged", &acknowledged, NULL), SU_OK);
    assert_true(acknowledged >= 3 && sent >= acknowledged);
    su_json_free(doc);
    assert_memory_equal(su_node_identity(n->node[0].node), n->node[0].signer.public_key, 32);
    own_status(n->node[0].node);
}

static void runs_once_per_home(void **state)
{
    struct net *n = *state;
    const char *urls[] = {n->url};
    struct su_node_options o = {.home = n->node[0].home,
                                .secret = n->node[0].secret,
                                .urls = urls,
                                .n_urls = 1,
                                .exec = {.backend = SU_BACKEND_CPU, .threads = 1}};
    struct su_node_agent *second = NULL;
    struct su_node_here here;
    struct su_err e = {0};

    assert_int_equal(su_node_open(&o, &second, &e), SU_EBUSY);
    assert_null(second);
    assert_int_equal(su_node_find(n->node[0].home, &here, &e), SU_OK);
    assert_true(here.running);
    assert_int_equal(here.pid, getpid());
    assert_string_equal(here.url, su_node_url(n->node[0].node));
    net_node_stop(n, 0);
    assert_int_equal(su_node_find(n->node[0].home, &here, &e), SU_OK);
    assert_false(here.running);
    assert_int_equal(su_node_drain(n->node[0].home, &e), SU_ENOENT);
}

/* Two of four drain in the middle of an execution whose validators may be drawn from them: they do
   what they are drawn for, nobody is waited for in vain, and then they end by themselves. */
static void drains(void **state)
{
    struct net *n = *state;
    struct net_run r;
    unsigned leaving[2] = {0, 1};

    net_ask(n, &r);
    net_follow(n, &r, 60000, running);
    leaving[0] = asserter(n, &r, 0);
    leaving[1] = (leaving[0] + 1) % NODES;
    for (unsigned i = 0; i < 2; i++) {
        su_node_end(n->node[leaving[i]].node, SU_NODE_DRAIN);
        struct su_json *doc = net_status(n, leaving[i]);
        assert_string_equal(text_of(su_json_root(doc), "state"), "draining");
        su_json_free(doc);
    }
    net_follow(n, &r, 120000, NULL);
    const struct su_ops_follow_state *s = su_ops_follow_state(r.follow);
    assert_int_equal(s->chain.state, SU_EXEC_SETTLED);
    for (unsigned i = 0; i < s->n_part; i++)
        assert_int_equal(s->part[i].n_check, 1); /* the first that was drawn has answered */
    net_wait_gone(n, r.execution, 60000);
    net_run_end(&r);
    for (unsigned i = 0; i < 2; i++) {
        pthread_join(n->node[leaving[i]].thread, NULL); /* ends by itself */
        su_node_close(n->node[leaving[i]].node);
        n->node[leaving[i]].running = false;
    }
}

static void refuses_to_start(void **state)
{
    struct net *n = *state;
    const char *urls[] = {n->url}, *nowhere[] = {"http://127.0.0.1:1"};
    uint8_t seed[32] = {7}, public_key[32], secret[64];
    char home[160];
    struct su_node_options o = {.home = home,
                                .secret = secret,
                                .urls = urls,
                                .n_urls = 1,
                                .exec = {.backend = SU_BACKEND_CPU, .threads = 1}};
    struct su_node_agent *a = NULL;
    struct su_err e = {0};

    (void)snprintf(home, sizeof home, "%s/stranger", n->home);
    su_ed25519_from_seed(seed, public_key, secret);
    assert_int_equal(su_node_open(&o, &a, &e), SU_ENOENT);
    assert_non_null(strstr(e.msg, "register"));
    o.urls = nowhere;
    assert_int_equal(su_node_open(&o, &a, &e), SU_ENET);
    o.urls = urls;
    o.bind = "nowhere";
    memcpy(secret, n->node[0].secret, 64);
    assert_int_equal(su_node_open(&o, &a, &e), SU_EINVAL);
    o.bind = NULL;
    secret[63] ^= 1;
    assert_int_equal(su_node_open(&o, &a, &e), SU_EFORMAT);
    assert_null(a);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(settles, everybody),
        cmocka_unit_test_setup(tells_its_status, everybody),
        cmocka_unit_test_setup(several_at_once, everybody),
        cmocka_unit_test_setup(restarts_while_running, everybody),
        cmocka_unit_test_setup(restarts_after_a_commitment, everybody),
        cmocka_unit_test_setup(restarts_while_checked, everybody),
        cmocka_unit_test_setup(is_replaced, everybody),
        cmocka_unit_test_setup(runs_once_per_home, everybody),
        cmocka_unit_test_setup(drains, everybody),
        cmocka_unit_test_setup(refuses_to_start, everybody),
    };
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, setup, teardown);
}
