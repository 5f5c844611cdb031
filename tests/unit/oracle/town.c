// SPDX-License-Identifier: MIT
#include "town.h"

#include "ledger/ledger.h"
#include "support/port.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { SLOT_MS = 20, ROUND_SLOTS = 20, BEAT_MS = 200, LOOK_MS = 60, STEPS = 2 };
static const char input_bytes[] = "an input that nobody computes with";

void town_must(enum su_code rc, const struct su_err *e)
{
    if (rc != SU_OK)
        fail_msg("%s: %s: %s", su_code_name(rc), e->at, e->msg);
}

void town_sleep(unsigned ms)
{
    const struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};

    (void)nanosleep(&t, NULL);
}

void town_signer(struct su_signer *s, const char *name, uint8_t secret[64])
{
    uint8_t seed[32], public_key[32], mine[64];

    su_sha256(name, strlen(name), seed);
    su_ed25519_from_seed(seed, public_key, mine);
    assert_int_equal(su_signer_init_memory(s, mine, NULL), SU_OK);
    if (secret)
        memcpy(secret, mine, 64);
}

static void fund(struct town *t, const uint8_t key[32], uint64_t usdc)
{
    struct su_err e = {0};
    uint8_t sig[64];

    town_must(su_chain_airdrop(t->chain, key, 100ull * SU_CHAIN_LAMPORTS_PER_SOL, sig, &e), &e);
    if (usdc > 0)
        town_must(su_chain_airdrop_usdc(t->chain, key, usdc * SU_USDC, sig, &e), &e);
}

/* ---- sending ---------------------------------------------------------------------------------------- */

static enum su_code send_batch(struct town *t, struct su_chain_batch *b,
                               const struct su_signer *payer, const struct su_signer *other,
                               struct su_err *e)
{
    const struct su_signer *signers[] = {payer, other};
    const struct su_chain_send_opts opts = {.poll_ms = 10};
    struct su_chain_result r = {.sent = false};
    enum su_code rc = su_chain_batch_check(b, e);

    if (!rc)
        rc = su_chain_send(t->chain, payer->public_key, b->instrs, b->n, signers, other ? 2 : 1,
                           &opts, &r, e);
    su_chain_result_fini(&r);
    su_chain_batch_fini(b);
    return rc;
}

static void must_send(struct town *t, struct su_chain_batch *b, const struct su_signer *other)
{
    struct su_err e = {0};

    town_must(send_batch(t, b, &t->boss, other, &e), &e);
}

static struct su_chain_batch batch(struct town *t, const struct su_signer *payer)
{
    struct su_chain_batch b;

    su_chain_batch_init(&b, &t->env, payer->public_key);
    return b;
}

/* ---- oracles ---------------------------------------------------------------------------------------- */

static void register_oracle(struct town *t, unsigned i)
{
    struct town_oracle *o = &t->oracle[i];
    struct su_chain_batch b = batch(t, &t->boss);
    struct su_signer key;
    struct su_err e = {0};
    char name[16];
    uint8_t vrf[32];

    o->town = t;
    (void)snprintf(name, sizeof name, "oracle%u", i);
    town_must(su_path_join(o->home, sizeof o->home, t->home, name, &e), &e);
    (void)snprintf(o->endpoint, sizeof o->endpoint, "127.0.0.1:%u", su_test_port());
    town_signer(&key, name, o->secret);
    memcpy(o->key, key.public_key, 32);
    town_must(su_oracle_vrf_key(o->home, true, vrf, &e), &e);
    fund(t, o->key, 0);
    su_chain_make_oracle_register(&b, o->key, t->boss.public_key, vrf, o->endpoint);
    su_chain_make_oracle_bond(&b, t->boss.public_key, o->key, t->params.oracle_bond);
    must_send(t, &b, &key);
    su_signer_fini(&key);
}

static void admit_oracles(struct town *t)
{
    struct su_chain_batch b = batch(t, &t->boss);
    uint8_t keys[TOWN_ORACLES][32], secret[64];
    struct su_signer admin;
    struct su_err e = {0};

    for (unsigned i = 0; i < TOWN_ORACLES; i++)
        memcpy(keys[i], t->oracle[i].key, 32);
    su_ledger_admin_secret(t->ledger, secret);
    town_must(su_signer_init_memory(&admin, secret, &e), &e);
    const struct su_chain_oracle_set set = {
        .members = (const uint8_t(*)[32])keys, .n_members = TOWN_ORACLES, .latest = 0};
    su_chain_make_config_next(&b, admin.public_key, &set, &t->params);
    must_send(t, &b, &admin);
    su_signer_fini(&admin);
    town_must(su_chain_env_get(t->chain, &t->env, &e), &e);
    assert_int_equal(t->env.epoch, 1);
}

static void *oracle_thread(void *oracle)
{
    struct su_err e = {0};

    if (su_oracle_run(oracle, &e) != SU_OK)
        fprintf(stderr, "oracle: %s\n", e.msg);
    return NULL;
}

void town_oracle_start(struct town *t, unsigned i)
{
    struct town_oracle *o = &t->oracle[i];
    const char *url = t->url;
    const struct su_oracle_options options = {
        .home = o->home, .secret = o->secret, .urls = &url, .n_urls = 1};
    struct su_err e = {0};

    town_must(su_oracle_open(&options, &o->oracle, &e), &e);
    assert_memory_equal(su_oracle_key(o->oracle), o->key, 32);
    assert_int_equal(pthread_create(&o->thread, NULL, oracle_thread, o->oracle), 0);
}

void town_oracle_stop(struct town *t, unsigned i)
{
    struct town_oracle *o = &t->oracle[i];

    if (!o->oracle)
        return;
    su_oracle_stop(o->oracle);
    (void)pthread_join(o->thread, NULL);
    su_oracle_close(o->oracle);
    o->oracle = NULL;
}

/* ---- the model -------------------------------------------------------------------------------------- */

static void add_task(struct town *t, uint16_t i, uint32_t ppm)
{
    struct su_chain_batch b = batch(t, &t->boss);
    struct su_ix_task_add ix = {.index = i,
                                .input_count = 1,
                                .output_count = 1,
                                .vram_fixed_bytes = 1u << 20,
                                .macs_per_step = SU_MACS_PER_UNIT / 2,
                                .weight_bytes = 1u << 20,
                                .fee_unit = t->params.fee_unit,
                                .sampling_ppm = ppm ? ppm : t->params.sampling_min_ppm};

    memset(ix.graph_digest, 0x11 + i, 32);
    memset(ix.weights_digest, 0x71 + i, 32);
    for (unsigned k = 0; k < 2; k++) {
        ix.specs[k].rank = 1;
        ix.specs[k].dims[0] = 8;
        if (k == 0 ? i == 0 : i == TOWN_TASKS - 1)
            ix.specs[k].flags = SU_SPEC_EXTERNAL;
    }
    su_chain_make_task_add(&b, t->boss.public_key, t->model, &ix, "");
    must_send(t, &b, NULL);
}

static void register_model(struct town *t, uint32_t ppm)
{
    struct su_chain_model_args a = {
        .task_count = TOWN_TASKS, .sample_task = SU_NO_TASK, .name = "toy", .uri = ""};
    struct su_chain_batch b = batch(t, &t->boss);
    const uint8_t *boss = t->boss.public_key;

    memset(a.digest, 0x42, 32);
    su_chain_addr_model(&t->env, boss, a.digest, t->model);
    su_chain_make_model_create(&b, boss, &a);
    must_send(t, &b, NULL);
    for (uint16_t i = 0; i < TOWN_TASKS; i++)
        add_task(t, i, ppm);
    b = batch(t, &t->boss);
    for (uint16_t i = 0; i + 1 < TOWN_TASKS; i++) {
        const struct su_chain_edge edge = {.from_task = i, .to_task = (uint16_t)(i + 1)};
        su_chain_make_connect(&b, boss, t->model, &edge, 1);
    }
    su_chain_make_model_finalise(&b, boss, t->model);
    must_send(t, &b, NULL);
}

/* ---- nodes ------------------------------------------------------------------------------------------ */

static void register_node(struct town *t, unsigned i)
{
    struct town_node *n = &t->node[i];
    const struct su_wire_scope scope = {t->env.program, t->env.genesis};
    char endpoint[32];
    struct su_chain_node_args a = {.vram_bytes = 1u << 30,
                                   .numerics_version = t->params.numerics_version,
                                   .endpoint = endpoint};
    struct su_signer owner;
    struct su_err e = {0};
    char name[16];

    n->town = t;
    n->port = su_test_port();
    (void)snprintf(endpoint, sizeof endpoint, "127.0.0.1:%u", n->port);
    (void)snprintf(name, sizeof name, "owner%u", i);
    town_signer(&owner, name, NULL);
    memcpy(n->owner, owner.public_key, 32);
    (void)snprintf(name, sizeof name, "node%u", i);
    town_signer(&n->key, name, NULL);
    fund(t, owner.public_key, 20000);
    fund(t, n->key.public_key, 0);
    memset(a.conformance_root, 7, 32);
    struct su_chain_batch b;
    su_chain_batch_init(&b, &t->env, owner.public_key);
    su_chain_make_node_register(&b, n->key.public_key, owner.public_key, &a);
    su_chain_make_stake_deposit(&b, owner.public_key, n->key.public_key, 10000ull * SU_USDC);
    town_must(send_batch(t, &b, &owner, &n->key, &e), &e);
    su_chain_batch_init(&b, &t->env, owner.public_key);
    for (uint16_t k = 0; k < TOWN_TASKS; k++)
        su_chain_make_node_declare(&b, n->key.public_key, owner.public_key, t->model, k);
    town_must(send_batch(t, &b, &owner, &n->key, &e), &e);
    su_signer_fini(&owner);
    town_must(su_peer_self_new(&n->key, &scope, 0, &n->self, &e), &e);
}

static int by_bytes(const void *a, const void *b)
{
    return memcmp(a, b, 32);
}

static void beat(struct town_node *n)
{
    struct town *t = n->town;
    uint8_t root[32], tasks[TOWN_TASKS][32];
    const struct su_wire_message m = {
        .kind = SU_WIRE_HEARTBEAT,
        .u.heartbeat = {.free_vram_bytes = 1u << 30,
                        .numerics_version = t->params.numerics_version,
                        .status = SU_WIRE_READY,
                        .has_capacity = 1,
                        .task_count = TOWN_TASKS,
                        .conformance_root = root,
                        .tasks = tasks[0]}};
    struct su_buf frame;

    memset(root, 7, 32);
    for (uint16_t k = 0; k < TOWN_TASKS; k++)
        su_chain_addr_task(&t->env, t->model, k, tasks[k]);
    qsort(tasks, TOWN_TASKS, 32, by_bytes);
    su_buf_init(&frame, 0);
    assert_int_equal(su_peer_frame(n->self, &m, &frame, NULL), SU_OK);
    for (unsigned i = 0; i < TOWN_ORACLES; i++) {
        const struct su_peer_call call = {.deadline_ms = 500};
        struct su_peer_answer answer;
        if (su_peer_post(su_peer_self_scope(n->self), t->oracle[i].endpoint, t->oracle[i].key,
                         frame.data, frame.len, &call, &answer, NULL) != SU_OK &&
            answer.refused && answer.refusal != SU_WIRE_REFUSED_REPLAY)
            atomic_fetch_add(&n->beats_refused, 1);
    }
    su_buf_fini(&frame);
}

static void hash(const struct su_part *parts, uint64_t n, uint8_t out[32])
{
    struct su_sha256 s;

    su_sha256_init(&s);
    for (uint64_t i = 0; i < n; i++)
        su_sha256_update(&s, parts[i].p, (size_t)parts[i].n);
    su_sha256_final(&s, out);
}

/* The one output root of a task, and the input root that goes with it. */
static void roots(const uint8_t execution[32], uint16_t task, uint8_t in[32], uint8_t out[32])
{
    uint8_t text[34];

    memcpy(text, execution, 32);
    su_put_le16(text + 32, task);
    su_sha256(text, sizeof text, out);
    su_put_le16(text + 32, (uint16_t)(task - 1));
    su_sha256(text, sizeof text, in);
}

struct asserted {
    uint8_t in[1][32], out[1][32], witness[32], salt[32], inputs[32], outputs[32];
};
static struct asserted assert_of(const uint8_t execution[32], uint16_t task)
{
    struct asserted a;

    roots(execution, task, a.in[0], a.out[0]);
    memset(a.witness, 9, 32);
    memset(a.salt, 8, 32);
    su_msg_input_root(hash, (const uint8_t(*)[32])a.in, 1, a.inputs);
    su_msg_output_root(hash, (const uint8_t(*)[32])a.out, 1, a.witness, a.outputs);
    return a;
}

static void send_own(struct town_node *n, struct su_chain_batch *b, const char *what)
{
    struct su_err e = {0};

    if (send_batch(n->town, b, &n->key, NULL, &e) != SU_OK && getenv("TOWN_VERBOSE"))
        fprintf(stderr, "node: %s: %s: %s\n", what, e.at, e.msg);
}

static void commit(struct town_node *n, const struct su_chain_case *c, uint16_t task)
{
    const struct asserted r = assert_of(c->key, task);
    const struct su_acc_assignment *a = c->assignments[task];
    const struct su_msg_scope scope = su_chain_case_scope(c);
    const struct su_chain_at at = su_chain_case_at(c, task, 0);
    struct su_chain_batch b = batch(n->town, &n->key);
    struct su_ix_commit ix = {.steps = c->execution->steps, .attempt = a->attempt};

    su_msg_commit(hash, &scope, task, a->attempt, n->key.public_key, r.salt, r.inputs, r.outputs,
                  ix.commit);
    su_chain_make_commit(&b, n->key.public_key, &at, &ix);
    send_own(n, &b, "commit");
    atomic_fetch_add(&n->commits, 1);
}

static void reveal(struct town_node *n, const struct su_chain_case *c, uint16_t task)
{
    const struct asserted r = assert_of(c->key, task);
    const struct su_chain_at at = su_chain_case_at(c, task, 0);
    struct su_chain_batch b = batch(n->town, &n->key);
    struct su_ix_reveal ix = {0};

    memcpy(ix.salt, r.salt, 32);
    memcpy(ix.witness_root, r.witness, 32);
    memcpy(ix.roots[0], r.in[0], 32);
    memcpy(ix.roots[1], r.out[0], 32);
    su_chain_make_reveal(&b, n->key.public_key, &at, &ix);
    send_own(n, &b, "reveal");
}

struct voted_table {
    struct su_ix_check_row rows[TOWN_NODES];
    struct su_chain_voted voted;
};
static bool get_table(struct town_node *n, const struct su_chain_case *c, struct voted_table *v)
{
    struct su_buf frame;
    struct su_wire_frame f;
    uint8_t root[32], depth;
    bool found = false;

    su_buf_init(&frame, 0);
    for (unsigned i = 0; i < TOWN_ORACLES && !found; i++)
        found = su_peer_table_get(su_peer_self_scope(n->self), n->town->oracle[i].endpoint, c->key,
                                  c->execution->table_root, c->execution->assignment_root, NULL,
                                  &frame, NULL) == SU_OK;
    if (found) {
        assert_int_equal(su_wire_parse(frame.data, frame.len, &f, NULL), SU_OK);
        memset(v, 0, sizeof *v);
        v->voted.rows = v->rows;
        v->voted.n_rows = f.m.u.table.row_count;
        for (uint32_t i = 0; i < v->voted.n_rows; i++)
            su_wire_table_row(&f.m, i, &v->rows[i]);
        assert_int_equal(su_chain_rows_prove(v->rows, v->voted.n_rows, root, &depth, NULL), SU_OK);
    }
    su_buf_fini(&frame);
    return found;
}

static void check(struct town_node *n, const struct su_chain_case *before)
{
    struct voted_table v;
    struct su_chain_case whole, *c = &whole;
    bool mine[TOWN_TASKS] = {false};

    if (!get_table(n, before, &v))
        return;
    /* Once more, with the nodes that the draws fall on. */
    const struct su_chain_case_hints hints = {.before = before, .voted = &v.voted};
    if (su_chain_case_load(n->town->chain, &n->town->env, before->key, &hints, c, NULL) != SU_OK)
        return;
    for (uint16_t i = 0; i < TOWN_TASKS; i++) {
        const struct su_chain_check_due d = su_chain_check_due(c, i, &v.voted);
        mine[i] = d.identity && memcmp(d.identity, n->key.public_key, 32) == 0;
        const struct asserted r = assert_of(c->key, i);
        const struct su_chain_at at = su_chain_case_at(c, i, d.check);
        struct su_chain_batch b = batch(n->town, &n->key);
        if (mine[i] && d.due == SU_CHAIN_DUE_ACCEPT) {
            su_chain_make_check_accept(&b, &at, d.row);
            send_own(n, &b, "check_accept");
        } else if (mine[i] && d.due == SU_CHAIN_DUE_POST) {
            su_chain_make_check_post(&b, n->key.public_key, &at, r.inputs, r.outputs);
            send_own(n, &b, "check_post");
            atomic_fetch_add(&n->checks, 1);
        } else {
            su_chain_batch_fini(&b);
        }
    }
    su_chain_case_fini(c);
}

static void work(struct town_node *n, const uint8_t execution[32])
{
    struct su_chain_case c;

    if (su_chain_case_load(n->town->chain, &n->town->env, execution,
                           &(struct su_chain_case_hints){0}, &c, NULL) != SU_OK)
        return;
    const struct su_acc_execution *x = c.execution;
    for (uint16_t i = 0; i < x->task_count; i++) {
        const struct su_acc_assignment *a = c.assignments[i];
        if (!a || memcmp(a->node, n->key.public_key, 32) != 0 || atomic_load(&n->idle))
            continue;
        if (x->state == SU_EXEC_RUNNING && x->tasks[i].state == SU_TASK_ASSIGNED)
            commit(n, &c, i);
        if (x->state == SU_EXEC_REVEALING && (x->tasks[i].flags & SU_TASKF_REVEALED) == 0)
            reveal(n, &c, i);
    }
    if (x->state == SU_EXEC_CHECKING && !atomic_load(&n->idle))
        check(n, &c);
    su_chain_case_fini(&c);
}

static void *node_thread(void *node)
{
    struct town_node *n = node;
    struct town *t = n->town;
    uint64_t beat_ns = 0;

    while (!atomic_load(&n->stop)) {
        uint64_t now = su_clock_mono_ns();
        if (!atomic_load(&n->mute) && now - beat_ns >= BEAT_MS * 1000000ull) {
            beat_ns = now;
            beat(n);
        }
        (void)pthread_mutex_lock(&t->lock);
        size_t count = t->n_execution;
        (void)pthread_mutex_unlock(&t->lock);
        for (size_t i = 0; i < count; i++)
            work(n, t->execution[i]);
        town_sleep(LOOK_MS);
    }
    return NULL;
}

static void on_call(void *node, const struct su_http_call *c, struct su_http_answer *a)
{
    struct town_node *n = node;

    (void)c;
    while (atomic_load(&n->deaf) && !atomic_load(&n->stop))
        town_sleep(10);
    su_http_answer_text(a, 200, "{}");
}

void town_node_start(struct town *t, unsigned i)
{
    const struct su_http_server_opts o = {.port = (uint16_t)t->node[i].port,
                                          .blocking = true,
                                          .handler = on_call,
                                          .ctx = &t->node[i]};
    struct su_err e = {0};

    atomic_store(&t->node[i].stop, false);
    town_must(su_http_server_start(&o, &t->node[i].server, &e), &e);
    assert_int_equal(pthread_create(&t->node[i].thread, NULL, node_thread, &t->node[i]), 0);
    t->node[i].running = true;
}

void town_node_stop(struct town *t, unsigned i)
{
    if (!t->node[i].running)
        return;
    atomic_store(&t->node[i].stop, true);
    (void)pthread_join(t->node[i].thread, NULL);
    su_http_server_stop(t->node[i].server);
    t->node[i].server = NULL;
    t->node[i].running = false;
}

/* ---- the town --------------------------------------------------------------------------------------- */

static void found(struct town *t, const struct town_setting *s)
{
    const struct su_ledger_options lo = {.ms_per_slot = SLOT_MS};
    const struct su_ledger_rpc_options ro = {.threads = 6};
    struct su_err e = {0};

    (void)su_str_copy(t->home, sizeof t->home, "/tmp/su-test-oracle-XXXXXX");
    assert_non_null(mkdtemp(t->home));
    su_params_private(&t->params, SLOT_MS);
    t->params.round_slots = ROUND_SLOTS;
    t->params.turn_slots = 50;
    t->params.missing_slots = 10;
    t->params.commit_base_ms = s->commit_ms ? s->commit_ms : 30000;
    town_must(su_ledger_open(&lo, &t->ledger, &e), &e);
    town_must(su_ledger_setup(t->ledger, &t->params, &e), &e);
    town_must(su_ledger_rpc_start(t->ledger, &ro, &t->rpc, &e), &e);
    (void)snprintf(t->url, sizeof t->url, "http://127.0.0.1:%u", su_ledger_rpc_port(t->rpc));
    const char *url = t->url;
    const struct su_chain_opts co = {.urls = &url, .n_urls = 1};
    town_must(su_chain_open(&co, &t->chain, &e), &e);
    town_must(su_chain_env_get(t->chain, &t->env, &e), &e);
    town_signer(&t->boss, "boss", NULL);
    fund(t, t->boss.public_key, 100000);
    struct su_chain_batch b = batch(t, &t->boss);
    su_chain_make_pool_deposit(&b, t->boss.public_key, 100ull * SU_USDC);
    must_send(t, &b, NULL);
}

struct town *town_new(const struct town_setting *s)
{
    struct town *t = su_alloc(sizeof *t);

    (void)pthread_mutex_init(&t->lock, NULL);
    found(t, s);
    for (unsigned i = 0; i < TOWN_ORACLES; i++)
        register_oracle(t, i);
    admit_oracles(t);
    register_model(t, s->sampling_ppm);
    t->n_node = s->nodes;
    for (unsigned i = 0; i < t->n_node; i++)
        register_node(t, i);
    for (unsigned i = 0; i < s->oracles; i++)
        town_oracle_start(t, i);
    for (unsigned i = 0; i < t->n_node; i++)
        town_node_start(t, i);
    return t;
}

static void remove_home(const char *home)
{
    char line[256];

    (void)snprintf(line, sizeof line, "rm -rf '%s'", home);
    assert_int_equal(system(line), 0);
}

void town_free(struct town *t)
{
    for (unsigned i = 0; i < t->n_node; i++)
        town_node_stop(t, i);
    for (unsigned i = 0; i < TOWN_ORACLES; i++)
        town_oracle_stop(t, i);
    for (unsigned i = 0; i < t->n_node; i++) {
        su_peer_self_free(t->node[i].self);
        su_signer_fini(&t->node[i].key);
    }
    su_signer_fini(&t->boss);
    su_chain_close(t->chain);
    su_ledger_rpc_stop(t->rpc);
    su_ledger_close(t->ledger);
    remove_home(t->home);
    (void)pthread_mutex_destroy(&t->lock);
    free(t);
}

/* ---- executions ------------------------------------------------------------------------------------- */

void town_request(struct town *t, unsigned to, uint8_t execution[32])
{
    struct su_chain_request r = {.nonce = ++t->nonce, .seed = 1, .max_steps = STEPS};
    struct su_chain_batch b = batch(t, &t->boss);
    const uint8_t *key = t->boss.public_key;
    struct su_chain_at at = {.epoch = t->env.epoch};
    struct su_err e = {0};

    su_sha256(input_bytes, sizeof input_bytes, r.input_digest);
    su_chain_addr_execution(&t->env, key, r.nonce, execution);
    memcpy(at.execution, execution, 32);
    su_chain_make_request_open(&b, key, t->model, &r);
    su_chain_make_request_tasks(&b, key, &at, t->model, TOWN_TASKS);
    su_chain_make_request_submit(&b, key, &at, 10ull * SU_USDC);
    must_send(t, &b, NULL);
    town_must(su_peer_input_post(t->oracle[to].endpoint, execution, input_bytes, sizeof input_bytes,
                                 NULL, &e),
              &e);
    (void)pthread_mutex_lock(&t->lock);
    assert_true(t->n_execution < TOWN_EXECUTIONS);
    memcpy(t->execution[t->n_execution++], execution, 32);
    (void)pthread_mutex_unlock(&t->lock);
}

bool town_look(struct town *t, const uint8_t execution[32], struct su_chain_execution *x)
{
    struct su_err e = {0};
    enum su_code rc = su_chain_execution_load(t->chain, &t->env, execution, x, &e);

    if (rc != SU_ENOENT)
        town_must(rc, &e);
    return rc == SU_OK;
}

uint8_t town_wait_gone(struct town *t, const uint8_t execution[32], unsigned ms)
{
    uint64_t end = su_clock_mono_ns() + ms * 1000000ull;
    struct su_chain_execution x;
    uint8_t state = 0;

    while (town_look(t, execution, &x)) {
        state = x.execution->state;
        su_chain_execution_fini(&x);
        if (su_clock_mono_ns() > end)
            fail_msg("still in state %u after %u ms", state, ms);
        town_sleep(50);
    }
    return state;
}

void town_wait_settled(struct town *t, const uint8_t (*execution)[32], size_t n, unsigned ms)
{
    uint64_t end = su_clock_mono_ns() + ms * 1000000ull;
    uint8_t state[TOWN_EXECUTIONS] = {0}, cause[TOWN_EXECUTIONS] = {0};
    size_t left;

    do {
        left = 0;
        for (size_t i = 0; i < n; i++) {
            struct su_chain_execution x;
            if (!town_look(t, execution[i], &x))
                continue;
            state[i] = x.execution->state;
            cause[i] = x.execution->void_cause;
            left++;
            su_chain_execution_fini(&x);
        }
        if (su_clock_mono_ns() > end)
            fail_msg("%zu are not gone after %u ms", left, ms);
        town_sleep(20);
    } while (left > 0);
    for (size_t i = 0; i < n; i++)
        if (state[i] != SU_EXEC_SETTLED)
            fail_msg("execution %zu: state %u, void for cause %u", i, state[i], cause[i]);
}

void town_wait_state(struct town *t, const uint8_t execution[32], uint8_t state, unsigned ms)
{
    uint64_t end = su_clock_mono_ns() + ms * 1000000ull;
    struct su_chain_execution x;
    uint8_t now;

    do {
        assert_true(town_look(t, execution, &x));
        now = x.execution->state;
        su_chain_execution_fini(&x);
        if (su_clock_mono_ns() > end)
            fail_msg("in state %u, not %u, after %u ms", now, state, ms);
        town_sleep(20);
    } while (now < state);
}
