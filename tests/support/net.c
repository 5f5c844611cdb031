// SPDX-License-Identifier: MIT
#include "support/net.h"
#include "support/port.h"
#include "support/toy_llm.h"

#include "crypto/crypto.h"
#include "exec/exec.h"
#include "ledger/ledger.h"
#include "model/model.h"
#include "node/node.h"
#include "ops/ops.h"
#include "oracle/oracle.h"
#include "peer/peer.h"
#include "plan/plan.h"
#include "wallet/wallet.h"
#include "json/json.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FAIL(...) (fprintf(stderr, "net: " __VA_ARGS__), fputc('\n', stderr), abort())

static void must(enum su_code rc, const struct su_err *e)
{
    if (rc != SU_OK)
        FAIL("%s: %s: %s", su_code_name(rc), e->at, e->msg);
}

/* ---- keys, files ---------------------------------------------------------------------- */

static void signer_of(struct su_signer *s, uint8_t secret[64], const char *kind, unsigned i)
{
    uint8_t seed[32], public_key[32];
    char name[40];
    struct su_err e = {0};

    (void)snprintf(name, sizeof name, "%s %u", kind, i);
    su_sha256(name, strlen(name), seed);
    su_ed25519_from_seed(seed, public_key, secret);
    must(su_signer_init_memory(s, secret, &e), &e);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *w)
{
    (void)st;
    (void)kind;
    (void)w;
    return remove(path);
}

static void home_of(const struct net *n, struct net_one *o, const char *kind, unsigned i)
{
    char name[40];
    struct su_err e = {0};

    (void)snprintf(name, sizeof name, "%s%u", kind, i);
    must(su_path_join(o->home, sizeof o->home, n->home, name, &e), &e);
}

/* ---- transactions ---------------------------------------------------------------------------- */

void net_transact(struct net *n, struct su_chain_batch *b)
{
    const struct su_signer *signers[2 + NET_ORACLES_MAX + 2 * NET_NODES_MAX] = {&n->payer,
                                                                                &n->admin};
    const struct su_chain_send_opts o = {.rebroadcast_ms = 1000, .poll_ms = 10};
    struct su_chain_result r;
    struct su_err e = {0};
    size_t count = 2;

    for (unsigned i = 0; i < n->n_oracle; i++)
        signers[count++] = &n->oracle[i].signer;
    for (unsigned i = 0; i < n->n_node; i++) {
        signers[count++] = &n->node[i].signer;
        signers[count++] = &n->node[i].owner;
    }
    must(su_chain_batch_check(b, &e), &e);
    must(su_chain_send(n->chain, n->payer.public_key, b->instrs, b->n, signers, count, &o, &r, &e),
         &e);
    su_chain_result_fini(&r);
    su_chain_batch_fini(b);
}

static void fund(struct net *n, const uint8_t key[32], uint64_t sol)
{
    uint8_t sig[64];
    struct su_err e = {0};

    must(su_chain_airdrop(n->chain, key, sol * SU_CHAIN_LAMPORTS_PER_SOL, sig, &e), &e);
}

/* ---- the committee --------------------------------------------------------------------------- */

static void *oracle_main(void *arg)
{
    struct net_one *o = arg;
    struct su_err e = {0};

    if (su_oracle_run(o->oracle, &e) != SU_OK)
        fprintf(stderr, "oracle: %s\n", e.msg);
    return NULL;
}

static void oracles_register(struct net *n)
{
    uint8_t members[NET_ORACLES_MAX][32];
    struct su_chain_batch b;
    struct su_err e = {0};

    for (unsigned i = 0; i < n->n_oracle; i++) {
        struct net_one *o = &n->oracle[i];
        uint8_t vrf[32];
        char endpoint[40];
        signer_of(&o->signer, o->secret, "oracle", i);
        memcpy(members[i], o->signer.public_key, 32);
        home_of(n, o, "oracle", i);
        o->port = su_test_port();
        (void)snprintf(endpoint, sizeof endpoint, "127.0.0.1:%u", o->port);
        must(su_oracle_vrf_key(o->home, true, vrf, &e), &e);
        fund(n, o->signer.public_key, 10);
        su_chain_batch_init(&b, &n->env, n->payer.public_key);
        su_chain_make_oracle_register(&b, o->signer.public_key, n->payer.public_key, vrf, endpoint);
        su_chain_make_oracle_bond(&b, n->payer.public_key, o->signer.public_key,
                                  n->params.oracle_bond);
        net_transact(n, &b);
    }
    const struct su_chain_oracle_set set = {.members = (const uint8_t(*)[32])members,
                                            .n_members = n->n_oracle};
    su_chain_batch_init(&b, &n->env, n->payer.public_key);
    su_chain_make_config_next(&b, n->admin.public_key, &set, &n->params);
    su_chain_make_pool_deposit(&b, n->payer.public_key, 100 * SU_USDC);
    net_transact(n, &b);
    must(su_chain_env_get(n->chain, &n->env, &e), &e);
}

static void oracles_start(struct net *n)
{
    const char *urls[] = {n->url};
    struct su_err e = {0};

    for (unsigned i = 0; i < n->n_oracle; i++) {
        struct net_one *o = &n->oracle[i];
        const struct su_oracle_options oo = {
            .home = o->home, .secret = o->secret, .urls = urls, .n_urls = 1};
        must(su_oracle_open(&oo, &o->oracle, &e), &e);
        SU_ASSERT(pthread_create(&o->thread, NULL, oracle_main, o) == 0);
        o->running = true;
    }
}

/* ---- the model ------------------------------------------------------------------------------- */

static void serve(void *ctx, const struct su_http_call *c, struct su_http_answer *a)
{
    (void)su_store_serve(ctx, c, a);
}

static const struct su_graph *graph_of(const struct net *n)
{
    return n->digits ? n->digits->graph : n->generator;
}

/* The graph and its plan. */
static void plan(struct net *n, const struct net_options *o)
{
    uint64_t target = o->target_bytes ? o->target_bytes : 300u << 10;
    struct su_plan_opts po = {
        .target = &target, .n_target = 1, .t_max = 1, .sessions = SU_MAX(o->sessions, 1u)};
    struct su_err e = {0};

    if (!o->generates) {
        must(su_model_open("mnist", &n->digits, &e), &e);
    } else {
        po.t_max = po.e_max = 8;
        po.ctx = TOY_CTX;
        toy_new(&n->toy, &(struct toy_opts){.backend = SU_BACKEND_CPU, .t_max = 8});
        must(su_model_generator(n->toy.g, &n->generator, &e), &e);
        must(su_plan_smallest(n->generator, &po, &target, &e), &e);
    }
    must(su_plan_build(graph_of(n), &po, &n->plan, &e), &e);
}

static void publish(struct net *n, const struct net_options *o)
{
    const struct su_http_server_opts so = {.handler = serve};
    struct su_ops_proposal p = {.n_tx = 0};
    struct su_ops_receipt r;
    struct su_http_server_opts with = so;
    struct su_err e = {0};
    char dir[160], uri[200], hex[65];
    uint8_t id[32];

    plan(n, o);
    (void)snprintf(dir, sizeof dir, "%s/publisher", n->home);
    must(su_store_open(dir, NULL, &n->store, &e), &e);
    const struct su_package_of of = {.name = n->digits ? "digits" : "toy",
                                     .plan = n->plan,
                                     .weights = n->digits ? n->digits->weights : n->toy.weights,
                                     .stop = o->stop,
                                     .n_stop = o->n_stop};
    must(su_package_publish(&of, n->store, NULL, &n->package, id, &e), &e);
    with.ctx = n->store;
    must(su_http_server_start(&with, &n->publisher, &e), &e);
    (void)su_hex_encode(id, 32, hex, sizeof hex);
    (void)snprintf(uri, sizeof uri, "http://127.0.0.1:%u/blob/%s",
                   su_http_server_port(n->publisher), hex);
    const struct su_ops_model m = {
        .package = n->package, .uri = uri, .sampling_ppm = o->sampling_ppm};
    must(su_ops_model_prepare(n->ops, &m, &p, n->model, &e), &e);
    must(su_ops_commit(n->ops, &p, NULL, NULL, &r, &e), &e);
    su_ops_proposal_fini(&p);
}

/* ---- nodes ----------------------------------------------------------------------------------- */

static void node_register(struct net *n, unsigned i)
{
    struct net_one *o = &n->node[i];
    struct su_chain_node_args a = {.vram_bytes = 1u << 30,
                                   .numerics_version = su_node_numerics_version()};
    struct su_chain_batch b;
    uint8_t secret[64];
    char endpoint[40];

    signer_of(&o->signer, o->secret, "node", i);
    signer_of(&o->owner, secret, "owner", i);
    home_of(n, o, "node", i);
    o->port = su_test_port();
    (void)snprintf(endpoint, sizeof endpoint, "127.0.0.1:%u", o->port);
    a.endpoint = endpoint;
    su_conformance_root(a.conformance_root);
    fund(n, o->signer.public_key, 10);
    su_chain_batch_init(&b, &n->env, n->payer.public_key);
    su_chain_make_node_register(&b, o->signer.public_key, o->owner.public_key, &a);
    su_chain_make_stake_deposit(&b, n->payer.public_key, o->signer.public_key, 10000ull * SU_USDC);
    net_transact(n, &b);
    for (uint32_t t = 0; t < n->plan->n_task; t++) {
        su_chain_batch_init(&b, &n->env, n->payer.public_key);
        su_chain_make_node_declare(&b, o->signer.public_key, o->owner.public_key, n->model,
                                   (uint16_t)t);
        net_transact(n, &b);
    }
}

void net_node_update(struct net *n, unsigned i, const char *endpoint, const uint8_t *root)
{
    struct su_chain_node_args a = {.vram_bytes = 1u << 30,
                                   .numerics_version = su_node_numerics_version()};
    struct su_chain_batch b;
    char own[40];

    (void)snprintf(own, sizeof own, "127.0.0.1:%u", n->node[i].port);
    a.endpoint = endpoint ? endpoint : own;
    su_conformance_root(a.conformance_root);
    if (root)
        memcpy(a.conformance_root, root, 32);
    su_chain_batch_init(&b, &n->env, n->payer.public_key);
    su_chain_make_node_update(&b, n->node[i].signer.public_key, &a);
    net_transact(n, &b);
}

static void *node_main(void *arg)
{
    struct net_one *o = arg;
    struct su_err e = {0};

    if (su_node_run(o->node, &e) != SU_OK)
        fprintf(stderr, "node: %s\n", e.msg);
    return NULL;
}

int net_node_go(struct net_one *o)
{
    int failed = pthread_create(&o->thread, NULL, node_main, o);

    o->running = failed == 0;
    return failed;
}

void net_node_start(struct net *n, unsigned i)
{
    struct net_one *o = &n->node[i];
    const char *urls[] = {n->url};
    const struct su_node_options no = {.home = o->home,
                                       .secret = o->secret,
                                       .urls = urls,
                                       .n_urls = 1,
                                       .exec = {.backend = o->backend, .threads = 1}};
    struct su_err e = {0};

    must(su_node_open(&no, &o->node, &e), &e);
    SU_ASSERT(net_node_go(o) == 0);
}

void net_node_stop(struct net *n, unsigned i)
{
    struct net_one *o = &n->node[i];

    if (!o->running)
        return;
    su_node_end(o->node, SU_NODE_END);
    pthread_join(o->thread, NULL);
    su_node_close(o->node);
    o->node = NULL;
    o->running = false;
}

/* Nodes that oracle i holds to be online. */
static unsigned online(struct net *n, unsigned i)
{
    struct su_json *doc = NULL;
    struct su_buf b;
    unsigned count = 0;

    su_buf_init(&b, 0);
    if (su_oracle_status(n->oracle[i].oracle, &b, NULL) == SU_OK &&
        su_json_parse(b.data, b.len, "status", NULL, &doc, NULL) == SU_OK) {
        const struct su_json_value *list = su_json_member(su_json_root(doc), "nodes");
        for (const struct su_json_value *v = su_json_first(list); v; v = su_json_next(v)) {
            bool yes = false;
            const char *status = "";
            (void)!su_json_get_bool(v, "online", &yes, NULL);
            (void)!su_json_get_str(v, "status", &status, NULL);
            count += yes && strcmp(status, "ready") == 0;
        }
    }
    su_json_free(doc);
    su_buf_fini(&b);
    return count;
}

void net_wait_online(struct net *n, unsigned nodes, uint32_t ms)
{
    for (uint64_t end = su_clock_mono_ns() + 1000000ull * ms;;) {
        unsigned least = UINT32_MAX;
        for (unsigned i = 0; i < n->n_oracle; i++)
            least = SU_MIN(least, online(n, i));
        if (least >= nodes)
            return;
        if (su_clock_mono_ns() > end)
            FAIL("%u of %u nodes are online", least, nodes);
        (void)usleep(50000);
    }
}

/* ---- all of it ------------------------------------------------------------------------------- */

static void wallet_make(struct net *n)
{
    char path[160];
    uint8_t key[32], sig[64];
    struct su_err e = {0};
    const struct su_ops_options o = {.url = n->url, .keypair = path};

    (void)snprintf(path, sizeof path, "%s/wallet.json", n->home);
    must(su_wallet_create(path, NULL, key, &e), &e);
    fund(n, key, 100);
    must(su_chain_airdrop_usdc(n->chain, key, 10000ull * SU_USDC, sig, &e), &e);
    must(su_ops_open(&o, &n->ops, &e), &e);
}

struct net *net_new(const struct net_options *o)
{
    struct net *n = su_alloc(sizeof *n);
    const struct su_ledger_options lo = {.ms_per_slot = o->ms_per_slot ? o->ms_per_slot : 20};
    const struct su_ledger_rpc_options ro = {.threads = 4};
    const char *urls[] = {n->url};
    const struct su_chain_opts co = {.urls = urls, .n_urls = 1};
    uint8_t secret[64], sig[64];
    struct su_err e = {0};

    (void)su_str_copy(n->home, sizeof n->home, "/tmp/su-test-node-XXXXXX");
    SU_ASSERT(mkdtemp(n->home));
    SU_ASSERT(setenv("HOME", n->home, 1) == 0);
    SU_ASSERT(setenv("SPLITUP_HOME", n->home, 1) == 0);
    n->n_oracle = o->oracles;
    n->n_node = o->nodes;
    su_params_private(&n->params, lo.ms_per_slot);
    must(su_ledger_open(&lo, &n->ledger, &e), &e);
    must(su_ledger_setup(n->ledger, &n->params, &e), &e);
    must(su_ledger_rpc_start(n->ledger, &ro, &n->rpc, &e), &e);
    (void)snprintf(n->url, sizeof n->url, "http://127.0.0.1:%u", su_ledger_rpc_port(n->rpc));
    must(su_chain_open(&co, &n->chain, &e), &e);
    must(su_chain_env_get(n->chain, &n->env, &e), &e);
    signer_of(&n->payer, secret, "payer", 0);
    su_ledger_admin_secret(n->ledger, secret);
    must(su_signer_init_memory(&n->admin, secret, &e), &e);
    fund(n, n->payer.public_key, 100);
    must(su_chain_airdrop_usdc(n->chain, n->payer.public_key, 200000ull * SU_USDC, sig, &e), &e);
    wallet_make(n);
    oracles_register(n);
    publish(n, o);
    for (unsigned i = 0; i < n->n_node; i++) {
        n->node[i].backend = SU_BACKEND_CPU;
        node_register(n, i);
    }
    oracles_start(n);
    for (size_t i = 0; i < SU_ARRAY_LEN(n->pixel); i++)
        n->pixel[i] = (float)((i * 37) % 256) / 255.0f;
    return n;
}

void net_free(struct net *n)
{
    for (unsigned i = 0; i < n->n_node; i++) {
        net_node_stop(n, i);
        su_signer_fini(&n->node[i].signer);
        su_signer_fini(&n->node[i].owner);
    }
    for (unsigned i = 0; i < n->n_oracle; i++) {
        su_oracle_stop(n->oracle[i].oracle);
        pthread_join(n->oracle[i].thread, NULL);
        su_oracle_close(n->oracle[i].oracle);
        su_signer_fini(&n->oracle[i].signer);
    }
    su_http_server_stop(n->publisher);
    su_package_free(n->package);
    su_plan_free(n->plan);
    if (n->digits)
        su_model_close(n->digits);
    else
        toy_close(&n->toy);
    su_graph_free(n->generator);
    su_store_close(n->store);
    su_ops_close(n->ops);
    su_chain_close(n->chain);
    su_ledger_rpc_stop(n->rpc);
    su_ledger_close(n->ledger);
    su_signer_fini(&n->payer);
    su_signer_fini(&n->admin);
    SU_ASSERT(nftw(n->home, remove_one, 16, FTW_DEPTH | FTW_PHYS) == 0);
    free(n);
}

/* ---- requests -------------------------------------------------------------------------------- */

static void ask(struct net *n, struct net_run *r, const struct su_input *in, uint32_t steps,
                uint64_t seed)
{
    struct su_ops_proposal p = {.n_tx = 0};
    struct su_ops_request_terms terms;
    struct su_ops_receipt receipt;
    struct su_err e = {0};
    char model[SU_CHAIN_TEXT];

    memset(r, 0, sizeof *r);
    su_buf_init(&r->input, 0);
    must(su_input_encode(in, &r->input, &e), &e);
    const struct su_ops_request q = {.model = su_chain_key_text(n->model, model),
                                     .input = r->input.data,
                                     .input_bytes = r->input.len,
                                     .max_steps = steps,
                                     .seed = seed};
    must(su_ops_request_prepare(n->ops, &q, &p, &terms, &e), &e);
    must(su_ops_commit(n->ops, &p, NULL, NULL, &receipt, &e), &e);
    su_ops_proposal_fini(&p);
    memcpy(r->execution, terms.execution, 32);
    const struct su_ops_follow_options fo = {.input = r->input.data, .input_bytes = r->input.len};
    must(su_ops_follow_open(n->ops, r->execution, &fo, &r->follow, &e), &e);
}

void net_ask(struct net *n, struct net_run *r)
{
    struct su_input in = {.n_tensor = 1};
    const struct su_graph *g = graph_of(n);
    const struct su_value *v = &g->value[g->input[0]];

    in.tensor[0] = (struct su_input_tensor){.dtype = (uint8_t)v->dtype,
                                            .rank = (uint8_t)v->shape.rank,
                                            .steps = 1,
                                            .rows = (const uint8_t *)n->pixel};
    memcpy(in.tensor[0].dims, v->shape.dim, sizeof v->shape.dim[0] * v->shape.rank);
    ask(n, r, &in, 1, 0);
}

void net_ask_tokens(struct net *n, struct net_run *r, const struct su_generation *g)
{
    uint8_t params[SU_DRAW_PARAMS_BYTES];
    const struct su_input in = {
        .tensor = {{.dtype = SU_I32, .steps = g->n_prompt, .rows = (const uint8_t *)g->prompt}},
        .n_tensor = 1,
        .params = params,
        .params_bytes = sizeof params};

    su_draw_encode(&g->sampling, params);
    ask(n, r, &in, g->n_prompt + g->max_tokens - 1, g->sampling.seed);
}

void net_follow(struct net *n, struct net_run *r, uint32_t ms,
                bool (*until)(const struct su_ops_follow_state *s))
{
    struct su_err e = {0};

    (void)n;
    for (uint64_t end = su_clock_mono_ns() + 1000000ull * ms;;) {
        must(su_ops_follow_poll(r->follow, 100, &e), &e);
        const struct su_ops_follow_state *s = su_ops_follow_state(r->follow);
        if (until ? until(s) : s->ended)
            return;
        if (su_clock_mono_ns() > end)
            FAIL("state %u after %u ms: %s", s->chain.state, ms, s->trouble);
    }
}

void net_run_end(struct net_run *r)
{
    su_ops_follow_close(r->follow);
    su_buf_fini(&r->input);
}

bool net_output_right(struct net *n, const struct net_run *r)
{
    const struct su_ops_follow_state *s = su_ops_follow_state(r->follow);
    const struct su_exec_opts o = {.backend = SU_BACKEND_REFERENCE};
    const struct su_row row = {.emit = true};
    const void *input[] = {n->pixel};
    struct su_engine_result result = {.output = NULL};
    struct su_engine *en = NULL;
    struct su_exec *x = NULL;
    struct su_err e = {0};

    if (s->n_output != 1 || !s->output[0].whole)
        return false;
    must(su_exec_open(&o, &x, &e), &e);
    must(su_engine_open(x, n->digits->graph, n->plan, n->digits->weights, &en, &e), &e);
    must(su_engine_run(en, &row, 1, input, false, &result, &e), &e);
    bool same = result.output_bytes[0] == s->output[0].row_bytes &&
                memcmp(result.output[0], s->output[0].rows, result.output_bytes[0]) == 0;
    su_engine_result_fini(&result);
    su_engine_close(en);
    must(su_exec_close(x, &e), &e);
    return same;
}

bool net_tokens_right(struct net *n, const struct net_run *r, const struct su_generation *g,
                      uint32_t least)
{
    const struct su_ops_follow_state *s = su_ops_follow_state(r->follow);
    struct su_generation alone = *g;
    struct su_generated out;
    uint32_t session;
    struct su_err e = {0};

    if (s->n_output != 1 || !s->output[0].whole || s->output[0].n_row < least ||
        s->output[0].n_row > g->max_tokens)
        return false;
    alone.max_tokens = s->output[0].n_row;
    alone.n_stop = 0;
    must(su_engine_session_new(n->toy.en, TOY_CTX, &session, &e), &e);
    must(su_engine_generate(n->toy.en, session, &alone, &out, &e), &e);
    bool same = memcmp(out.token, s->output[0].rows, s->output[0].n_row * sizeof *out.token) == 0;
    free(out.token);
    su_engine_session_free(n->toy.en, session);
    return same;
}

struct su_acc_node net_entry(struct net *n, unsigned i)
{
    struct su_chain_accounts list = {0};
    const struct su_acc_node *a;
    struct su_err e = {0};

    must(su_chain_node_of(n->chain, &n->env, n->node[i].signer.public_key, &list, &a, &e), &e);
    struct su_acc_node copy = *a;
    su_chain_accounts_fini(&list);
    return copy;
}

struct su_json *net_status(struct net *n, unsigned i)
{
    const struct su_peer_call call = {.deadline_ms = 30000};
    struct su_json *doc = NULL;
    struct su_err e = {0};
    struct su_buf b;
    char endpoint[40];

    su_buf_init(&b, 0);
    (void)snprintf(endpoint, sizeof endpoint, "127.0.0.1:%u", n->node[i].port);
    must(su_peer_status_get(endpoint, &call, &b, &e), &e);
    must(su_json_parse(b.data, b.len, "status", NULL, &doc, &e), &e);
    su_buf_fini(&b);
    return doc;
}

void net_wait_gone(struct net *n, const uint8_t execution[32], uint32_t ms)
{
    for (uint64_t end = su_clock_mono_ns() + 1000000ull * ms;;) {
        struct su_chain_accounts list = {0};
        const struct su_acc_execution *x;
        enum su_code rc = su_chain_execution_get(n->chain, execution, &list, &x, NULL);
        su_chain_accounts_fini(&list);
        size_t working = 0;
        for (unsigned i = 0; i < n->n_node; i++)
            if (n->node[i].running) {
                struct su_json *doc = net_status(n, i);
                working += su_json_count(su_json_member(su_json_root(doc), "executions"));
                su_json_free(doc);
            }
        if (rc == SU_ENOENT && working == 0)
            return;
        if (su_clock_mono_ns() > end)
            FAIL("the execution is there after %u ms, %zu at work", ms, working);
        (void)usleep(100000);
    }
}
