// SPDX-License-Identifier: MIT
/* A feed against a ledger in this process and machines that answer what the test wants. */
#include "chain/chain.h"
#include "feed/feed.h"
#include "http/http.h"
#include "ledger/ledger.h"

#include "support/ledger_draft.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct world {
    struct su_ledger *ledger;
    struct su_ledger_rpc *rpc;
    char url[64];
};

static void ok(enum su_code rc, const struct su_err *e)
{
    if (rc != SU_OK)
        fail_msg("%s: %s", e->at, e->msg);
}

static void serve(struct world *w, bool set_up)
{
    const struct su_ledger_options lo = {.ms_per_slot = 20};
    const struct su_ledger_rpc_options ro = {.threads = 2};
    struct su_params params;
    struct su_err e;

    ok(su_ledger_open(&lo, &w->ledger, &e), &e);
    su_params_private(&params, lo.ms_per_slot);
    if (set_up)
        ok(su_ledger_setup(w->ledger, &params, &e), &e);
    ok(su_ledger_rpc_start(w->ledger, &ro, &w->rpc, &e), &e);
    (void)snprintf(w->url, sizeof w->url, "http://127.0.0.1:%u", su_ledger_rpc_port(w->rpc));
}

static void end(struct world *w)
{
    su_ledger_rpc_stop(w->rpc);
    su_ledger_close(w->ledger);
}

/* Sends what is in b, paid and signed by the actor, and others that must. */
static void send(struct world *w, struct su_chain_batch *b, const struct su_actor *a, size_t n)
{
    const char *url = w->url;
    const struct su_chain_opts o = {.urls = &url, .n_urls = 1};
    const struct su_chain_send_opts so = {.poll_ms = 20};
    struct su_signer signer[3];
    const struct su_signer *list[3];
    struct su_chain_result r = {0};
    struct su_chain *c;
    struct su_err e;

    ok(su_chain_open(&o, &c, &e), &e);
    ok(su_chain_batch_check(b, &e), &e);
    for (size_t i = 0; i < n; i++) {
        ok(su_signer_init_memory(&signer[i], a[i].secret, &e), &e);
        list[i] = &signer[i];
    }
    ok(su_chain_send(c, a[0].key, b->instrs, b->n, list, n, &so, &r, &e), &e);
    su_chain_result_fini(&r);
    for (size_t i = 0; i < n; i++)
        su_signer_fini(&signer[i]);
    su_chain_close(c);
}

static void fund(struct world *w, const uint8_t key[32])
{
    const char *url = w->url;
    const struct su_chain_opts o = {.urls = &url, .n_urls = 1};
    uint64_t lamports = 0;
    uint8_t sig[64];
    struct su_chain *c;
    struct su_err e;

    ok(su_chain_open(&o, &c, &e), &e);
    ok(su_chain_airdrop(c, key, 5 * (uint64_t)SU_CHAIN_LAMPORTS_PER_SOL, sig, &e), &e);
    for (int i = 0; i < 500 && !lamports; i++) {
        ok(su_chain_balance(c, key, &lamports, &e), &e);
        (void)poll(NULL, 0, 10);
    }
    assert_true(lamports > 0);
    su_chain_close(c);
}

/* Takes snapshots until `good` likes one; it is the caller's. */
static const struct su_feed_snapshot *await(struct su_feed *f,
                                            bool (*good)(const struct su_feed_snapshot *s,
                                                         const void *ctx),
                                            const void *ctx)
{
    for (int i = 0; i < 400; i++) {
        const struct su_feed_snapshot *s = su_feed_take(f);
        if (good(s, ctx))
            return s;
        su_feed_release(s);
        struct pollfd p = {.fd = su_feed_fd(f), .events = POLLIN};
        (void)poll(&p, 1, 100);
    }
    fail_msg("never seen");
    return NULL;
}

static bool chain_answers(const struct su_feed_snapshot *s, const void *ctx)
{
    (void)ctx;
    return s->source[SU_FEED_CHAIN].ok;
}

static bool chain_fails(const struct su_feed_snapshot *s, const void *ctx)
{
    (void)ctx;
    return s->source[SU_FEED_CHAIN].failures > 1;
}

static void register_node(struct world *w, const struct su_chain_env *env,
                          const struct su_actor *who, const char *endpoint)
{
    struct su_chain_node_args a = {.vram_bytes = 1u << 30, .endpoint = endpoint};
    struct su_chain_batch b;

    a.conformance_root[0] = 1;
    struct su_params p;
    su_params_private(&p, 20);
    a.numerics_version = p.numerics_version;
    su_chain_batch_init(&b, env, who[0].key);
    su_chain_make_node_register(&b, who[1].key, who[0].key, &a);
    send(w, &b, who, 2);
    su_chain_batch_fini(&b);
}

static void env_of(struct world *w, struct su_chain_env *env)
{
    const char *url = w->url;
    const struct su_chain_opts o = {.urls = &url, .n_urls = 1};
    struct su_chain *c;
    struct su_err e;

    ok(su_chain_open(&o, &c, &e), &e);
    ok(su_chain_env_get(c, env, &e), &e);
    su_chain_close(c);
}

/* A node's status, with a key that the test fills in. */
struct node_server {
    struct su_http_server *server;
    char text[2048];
};

static void answer(void *ctx, const struct su_http_call *c, struct su_http_answer *a)
{
    const struct node_server *n = ctx;

    if (strcmp(c->path, "/api/status") == 0)
        su_http_answer_bytes(a, 200, "application/json", n->text, strlen(n->text));
}

static bool node_known(const struct su_feed_snapshot *s, const void *ctx)
{
    (void)ctx;
    return s->n_node == 1 && s->own.known;
}

static void sees_a_cluster(void **state)
{
    struct su_actor who[2] = {su_actor_of(1), su_actor_of(2)};
    struct node_server n = {0};
    struct world w;
    struct su_feed *f;
    struct su_err e;
    (void)state;

    serve(&w, true);
    fund(&w, who[0].key);
    struct su_feed_options o = {
        .url = w.url, .wallet = who[0].key, .identity = who[1].key, .period_ms = 50, .log_max = 3};
    ok(su_feed_open(&o, &f, &e), &e);
    const struct su_feed_snapshot *s = su_feed_take(f);
    assert_true(s->source[SU_FEED_CHAIN].loading || s->source[SU_FEED_CHAIN].ok);
    su_feed_release(s);
    ok(su_feed_ready(f, 60000, &e), &e);
    s = await(f, chain_answers, NULL);
    assert_true(s->set_up);
    assert_int_equal(s->ms_per_slot, 20);
    assert_int_equal(s->epoch, 0);
    assert_true(s->slot != SU_FEED_UNKNOWN && s->has_wallet && s->has_identity);
    assert_int_equal(s->wallet_lamports, 5 * (uint64_t)SU_CHAIN_LAMPORTS_PER_SOL);
    assert_int_equal(s->wallet_usdc, 0);
    assert_int_equal(s->refund, 0);
    assert_int_equal(s->pool_balance, 0);
    assert_int_equal(s->n_node + s->n_model, 0);
    assert_string_equal(s->cluster, w.url + strlen("http://"));
    su_feed_release(s);

    const struct su_http_server_opts so = {.handler = answer, .ctx = &n};
    char key[SU_CHAIN_TEXT], endpoint[64];
    (void)snprintf(n.text, sizeof n.text,
                   "{\"state\":\"ready\",\"backend\":\"cpu\",\"device\":\"d\\u001b[31m\","
                   "\"vram_bytes\":12,\"tasks\":[{\"task\":\"%s\",\"model\":\"%s\",\"index\":4,"
                   "\"state\":\"loading\",\"done_bytes\":5,\"total_bytes\":9,\"error\":\"\"},{}],"
                   "\"executions\":17,\"beats\":{\"sent\":3,\"acknowledged\":2,\"last_ms\":77}}",
                   su_chain_key_text(who[0].key, key), key);
    ok(su_http_server_start(&so, &n.server, &e), &e);
    (void)snprintf(endpoint, sizeof endpoint, "127.0.0.1:%u", su_http_server_port(n.server));
    struct su_chain_env env;
    env_of(&w, &env);
    register_node(&w, &env, who, endpoint);
    s = await(f, node_known, NULL);
    assert_true(s->node[0].own_identity && s->node[0].own_owner);
    assert_string_equal(s->node[0].endpoint, endpoint);
    assert_int_equal(s->node[0].state, SU_FEED_NODE_UNKNOWN);
    assert_string_equal(s->own.state, "ready");
    assert_string_equal(s->own.device, "d?[31m");
    assert_int_equal(s->own.n_task, 1);
    assert_int_equal(s->own.task[0].index, 4);
    assert_int_equal(s->own.task[0].done_bytes, 5);
    assert_int_equal(s->own.vram_used_bytes, SU_FEED_UNKNOWN);
    assert_int_equal(s->own.beats_acknowledged, 2);
    assert_int_equal(s->own.beat_ms, 77);
    su_feed_release(s);
    su_http_server_stop(n.server);

    /* A line of the user interface's own; the oldest goes. */
    for (int i = 0; i < 5; i++)
        su_feed_note(f, SU_FEED_INFO, "test", "line %d\n", i);
    s = su_feed_take(f);
    assert_int_equal(s->n_log, 3);
    assert_string_equal(s->log[2].text, "line 4?");
    assert_true(s->log[1].number + 1 == s->log[2].number);
    su_feed_release(s);

    /* The ledger goes away: the data stay, and it says so. */
    end(&w);
    su_feed_hurry(f);
    s = await(f, chain_fails, NULL);
    assert_int_equal(s->n_node, 1);
    assert_true(s->source[SU_FEED_CHAIN].error[0]);
    assert_true(s->source[SU_FEED_CHAIN].retry_ms > s->made_ms - 1000);
    su_feed_close(f);
    assert_int_equal(s->n_node, 1); /* outlives its feed */
    su_feed_release(s);
}

static void sees_a_cluster_without_the_program(void **state)
{
    struct su_feed_options o = {.period_ms = 50};
    struct world w;
    struct su_feed *f;
    struct su_err e;
    (void)state;

    serve(&w, false);
    o.url = w.url;
    ok(su_feed_open(&o, &f, &e), &e);
    ok(su_feed_ready(f, 60000, &e), &e);
    const struct su_feed_snapshot *s = await(f, chain_answers, NULL);
    assert_false(s->set_up);
    assert_true(s->slot != SU_FEED_UNKNOWN);
    su_feed_release(s);
    su_feed_close(f);
    end(&w);
}

static void refuses_nonsense(void **state)
{
    struct su_feed_options o = {.url = NULL};
    struct su_feed *f;
    struct su_err e;
    (void)state;

    assert_int_equal(su_feed_open(&o, &f, &e), SU_EINVAL);
    assert_null(f);
    o.url = "http://127.0.0.1:1";
    o.period_ms = 10;
    assert_int_equal(su_feed_open(&o, &f, &e), SU_EINVAL);
    o.period_ms = 100;
    ok(su_feed_open(&o, &f, &e), &e);
    assert_int_equal(su_feed_ready(f, 60000, &e), SU_ENET);
    su_feed_close(f);
    su_feed_close(NULL);
    su_feed_release(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sees_a_cluster),
        cmocka_unit_test(sees_a_cluster_without_the_program),
        cmocka_unit_test(refuses_nonsense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
