// SPDX-License-Identifier: MIT
/* Generations over a network: a toy language model cut into tasks on several nodes, the tokens those
   of one engine alone, every task checked by doing it again at once. */
#include "abi/abi.h"
#include "node/exchange_priv.h"
#include "node/node_priv.h"
#include "ops/ops.h"
#include "support/net.h"
#include "support/toy_llm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { NODES = 4, SEED = 42 };
static const uint32_t prompt[7] = {3, 1, 4, 1, 5, 9, 2};
static uint32_t stop_token, stop_at; /* drawn with SEED first as the token of that number */

static struct su_generation generation(uint32_t max_tokens, uint64_t seed)
{
    return (struct su_generation){.prompt = prompt,
                                  .n_prompt = SU_ARRAY_LEN(prompt),
                                  .max_tokens = max_tokens,
                                  .sampling = {.temperature = 4.0f, .top_k = 45, .seed = seed}};
}

/* A token that comes late with SEED and not before, to end generations with. */
static void find_stop(void)
{
    struct su_generation g = generation(40, SEED);
    struct su_generated out;
    struct toy toy;
    uint32_t session;

    toy_new(&toy, &(struct toy_opts){.backend = SU_BACKEND_CPU, .t_max = 8});
    assert_int_equal(su_engine_session_new(toy.en, TOY_CTX, &session, NULL), SU_OK);
    assert_int_equal(su_engine_generate(toy.en, session, &g, &out, NULL), SU_OK);
    for (uint32_t i = 9; i < out.n && stop_at == 0; i++) {
        bool seen = false;
        for (uint32_t k = 0; k < i; k++)
            seen |= out.token[k] == out.token[i];
        if (!seen) {
            stop_at = i;
            stop_token = out.token[i];
        }
    }
    assert_int_not_equal(stop_at, 0);
    free(out.token);
    su_engine_session_free(toy.en, session);
    toy_close(&toy);
}

static int setup(void **state)
{
    find_stop();
    const struct net_options o = {.oracles = 3,
                                  .nodes = NODES,
                                  .sampling_ppm = SU_PPM,
                                  .generates = true,
                                  .sessions = 4,
                                  .stop = &stop_token,
                                  .n_stop = 1};
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

static int everybody(void **state)
{
    struct net *n = *state;

    for (unsigned i = 0; i < NODES; i++)
        if (!n->node[i].running)
            net_node_start(n, i);
    net_wait_online(n, NODES, 90000);
    return 0;
}

/* Follows to the end, which is right. */
static void expect_tokens(struct net *n, struct net_run *r, const struct su_generation *g,
                          uint32_t least)
{
    net_follow(n, r, 120000, NULL);
    const struct su_ops_follow_state *s = su_ops_follow_state(r->follow);
    assert_int_equal(s->chain.state, SU_EXEC_SETTLED);
    assert_true(s->final);
    assert_true(net_tokens_right(n, r, g, least));
}

/* The same; gives the number of tokens, and waits until nothing is left of it. */
static uint32_t expect_settled(struct net *n, struct net_run *r, const struct su_generation *g,
                               uint32_t least)
{
    expect_tokens(n, r, g, least);
    const struct su_ops_follow_state *s = su_ops_follow_state(r->follow);
    uint32_t tokens = s->output[0].n_row;
    assert_int_equal(s->chain.steps, g->n_prompt + tokens - 1);
    for (unsigned i = 0; i < s->n_part; i++) {
        assert_int_equal(s->part[i].state, SU_TASK_VERIFIED);
        assert_true(s->part[i].n_check > 0);
    }
    net_wait_gone(n, r->execution, 60000);
    net_run_end(r);
    return tokens;
}

static void gives_the_tokens_of_one_engine(void **state)
{
    struct net *n = *state;
    struct su_generation g = generation(8, SEED); /* to the last step that was asked for */
    struct net_run r;

    assert_true(n->plan->n_task > 1);
    net_ask_tokens(n, &r, &g);
    assert_int_equal(expect_settled(n, &r, &g, 8), 8);
    g = generation(50, SEED); /* to the token that ends it */
    net_ask_tokens(n, &r, &g);
    assert_int_equal(expect_settled(n, &r, &g, 10), stop_at + 1);
    for (unsigned i = 0; i < NODES; i++)
        assert_int_equal(net_entry(n, i).slashed, 0);
}

static void one_token_after_one(void **state)
{
    struct net *n = *state;
    struct su_generation g = generation(1, 1);
    struct net_run r;

    g.n_prompt = 1;
    net_ask_tokens(n, &r, &g);
    assert_int_equal(expect_settled(n, &r, &g, 1), 1);
}

static void several_at_once(void **state)
{
    enum { AT_ONCE = 3 };
    struct net *n = *state;
    struct su_generation g[AT_ONCE];
    struct net_run r[AT_ONCE];

    for (unsigned i = 0; i < AT_ONCE; i++) {
        g[i] = generation(10 + i, 100 + i);
        net_ask_tokens(n, &r[i], &g[i]);
    }
    for (unsigned left = AT_ONCE; left > 0;) {
        left = 0;
        for (unsigned i = 0; i < AT_ONCE; i++) {
            assert_int_equal(su_ops_follow_poll(r[i].follow, 0, NULL), SU_OK);
            left += !su_ops_follow_state(r[i].follow)->ended;
        }
        (void)usleep(20000);
    }
    for (unsigned i = 0; i < AT_ONCE; i++)
        (void)expect_settled(n, &r[i], &g[i], 1);
}

static bool some_tokens(const struct su_ops_follow_state *s)
{
    return s->n_output == 1 && s->output[0].n_row >= 3;
}

static unsigned asserter(const struct net *n, const struct net_run *r, unsigned task)
{
    const struct su_ops_follow_state *s = su_ops_follow_state(r->follow);

    for (unsigned i = 0; i < n->n_node; i++)
        if (memcmp(n->node[i].signer.public_key, s->part[task].node, 32) == 0)
            return i;
    fail_msg("task %u is nobody's", task);
    return 0;
}

static bool running(const struct su_ops_follow_state *s)
{
    return s->known && s->chain.state >= SU_EXEC_RUNNING;
}

/* Each stage in turn goes while tokens come, and is back when it was replaced, or had promised what it
   must show: no token is lost or changed, and nobody pays for it. */
static void stages_may_go(void **state)
{
    struct net *n = *state;

    for (unsigned task = 0; task < n->plan->n_task; task++) {
        struct su_generation g = generation(50, 1000 + task);
        struct net_run r;
        net_ask_tokens(n, &r, &g);
        net_follow(n, &r, 60000, running);
        const struct su_ops_follow_state *s = su_ops_follow_state(r.follow);
        unsigned i = asserter(n, &r, task);
        net_node_stop(n, i);
        while (s->part[task].attempt == 0 && (s->part[task].flags & SU_TASKF_COMMITTED) == 0)
            assert_int_equal(su_ops_follow_poll(r.follow, 50, NULL), SU_OK);
        net_node_start(n, i);
        (void)expect_settled(n, &r, &g, 1);
        assert_int_equal(net_entry(n, i).slashed, 0);
    }
}

static void the_requestor_may_end_it(void **state)
{
    struct net *n = *state;
    struct su_generation g = generation(50, 7);
    struct net_run r;

    net_ask_tokens(n, &r, &g);
    net_follow(n, &r, 60000, some_tokens);
    su_ops_follow_stop(r.follow);
    (void)expect_settled(n, &r, &g, 3);
}

/* ---- rows that nobody signed ----------------------------------------------------------------- */

enum { HOLD_MS = 100 };

/* A flow of somebody else's of which a part has begun with rows before they were verified, with a
   reference; NULL. */
static struct su_flow *offered_flow(struct net *n, uint64_t least)
{
    struct su_flow *found = NULL;

    for (unsigned i = 0; i < n->n_node && found == NULL; i++) {
        struct su_exchange *x = n->node[i].node->exchange;
        (void)pthread_mutex_lock(&x->lock);
        for (struct su_exchange_run *run = x->runs; run != NULL && found == NULL; run = run->next)
            for (struct su_flow *f = run->flows; f != NULL && found == NULL; f = f->next) {
                (void)pthread_mutex_lock(&f->lock);
                if (!f->own && f->offers >= least && f->refused_offer == 0 && !run->leaving)
                    found = f;
                (void)pthread_mutex_unlock(&f->lock);
                if (found != NULL)
                    (void)su_flow_find(run, f->task, f->attempt, f->output);
            }
        (void)pthread_mutex_unlock(&x->lock);
    }
    return found;
}

/* Offers rows of zeros as the next of the flow, for a while; true when those who wait for it stood still,
   as they had begun with them. */
static bool offer_zeros(struct su_flow *f)
{
    uint8_t *zeros = su_alloc((size_t)f->row_bytes);
    struct su_wire_frame frame = {
        .m = {.kind = SU_WIRE_ACTIVATION,
              .data = zeros,
              .data_bytes = f->row_bytes,
              .u.activation = {.step_first = su_flow_have(f), .step_count = 1}}};
    uint64_t offer = 0;

    while (offer == 0 && su_flow_have(f) + 1 < f->end) {
        frame.m.u.activation.step_first = su_flow_have(f);
        offer = su_flow_offer(f, &frame);
    }
    su_run_changed(f->x, f->run->execution);
    (void)usleep(HOLD_MS * 1000);
    bool held = offer != 0 && su_flow_have(f) <= frame.m.u.activation.step_first + 1;
    if (offer != 0)
        su_flow_settle(f, offer, false);
    su_run_changed(f->x, f->run->execution);
    free(zeros);
    return held;
}

/* Stages begin with rows while they are verified, and drop what they computed when they turn out to be
   somebody else's: same tokens, and from then on they wait. */
static void rows_of_nobody(void **state)
{
    struct net *n = *state;
    bool held = false;

    for (unsigned tries = 0; tries < 20 && !held; tries++) {
        struct su_generation g = generation(50, 3000 + tries);
        struct su_flow *f = NULL;
        struct net_run r;
        net_ask_tokens(n, &r, &g);
        for (unsigned ms = 0; ms < 60000 && f == NULL && !su_ops_follow_state(r.follow)->ended;
             ms++) {
            assert_int_equal(su_ops_follow_poll(r.follow, 1, NULL), SU_OK);
            f = offered_flow(n, 2);
        }
        if (f != NULL) {
            held = offer_zeros(f);
            uint64_t offers = f->offers;
            expect_tokens(n, &r, &g, 1);
            assert_int_equal(f->offers, offers);
            su_flow_close(f);
        }
        (void)expect_settled(n, &r, &g, 1);
    }
    assert_true(held);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(gives_the_tokens_of_one_engine, everybody),
        cmocka_unit_test_setup(one_token_after_one, everybody),
        cmocka_unit_test_setup(several_at_once, everybody),
        cmocka_unit_test_setup(stages_may_go, everybody),
        cmocka_unit_test_setup(the_requestor_may_end_it, everybody),
        cmocka_unit_test_setup(rows_of_nobody, everybody),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
