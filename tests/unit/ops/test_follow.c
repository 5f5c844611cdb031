// SPDX-License-Identifier: MIT
/* Following an execution whose only node is played here: it delivers, withholds, or sends something
   else than it committed to; and what whoever follows does about each. */
#include "support/cluster.h"

#include "engine/engine.h"
#include "http/http.h"
#include "ops/ops.h"
#include "peer/peer.h"
#include "vrf/vrf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { POLLS = 600, CRANKS = 64, DRAWS = 12 };

enum manner { DELIVERS, WITHHOLDS, SENDS_ANOTHER };

struct scene {
    struct cluster *c;
    struct su_ops *ops;
    struct su_buf input;
    char home[64], url[64];
    struct su_http_server *server;
    struct su_peer_self *self; /* of the node that is assigned */
    _Atomic int manner;
    atomic_uint wanted, cancels;
    struct su_chain_case now;
};

static const uint32_t right[4] = {1, 2, 3, 4}, other[4] = {1, 2, 3, 5};

static void ok(enum su_code rc, const struct su_err *e)
{
    if (rc != SU_OK)
        fail_msg("%s: %s", e->at, e->msg);
}

static void leaf_of(const uint32_t row[4], uint8_t leaf[32])
{
    const struct su_bytes part = {row, 16};

    su_leaf_digest(0, &part, 1, leaf);
}

/* ---- the node ------------------------------------------------------------------------------------- */

static void answer_want(struct scene *s, const struct su_wire_frame *f, struct su_buf *out)
{
    const uint32_t *row = atomic_load(&s->manner) == SENDS_ANOTHER ? other : right;
    uint8_t leaf[32];
    struct su_wire_message m = {
        .kind = SU_WIRE_ACTIVATION, .data = (const uint8_t *)row, .data_bytes = 16};
    struct su_err e = {0};

    atomic_fetch_add(&s->wanted, 1);
    leaf_of(row, leaf);
    m.u.activation = (struct su_wire_activation){.ref = f->m.u.want.ref,
                                                 .step_count = 1,
                                                 .dtype = 1,
                                                 .rank = 1,
                                                 .dims = {4},
                                                 .leaves = leaf};
    enum su_code rc = atomic_load(&s->manner) == WITHHOLDS
                          ? su_peer_refuse(s->self, f, SU_WIRE_REFUSED_MISSING, "not here", out, &e)
                          : su_peer_frame(s->self, &m, out, &e);
    if (rc)
        fprintf(stderr, "node: %s: %s\n", e.at, e.msg);
}

static void on_call(void *ctx, const struct su_http_call *call, struct su_http_answer *a)
{
    struct scene *s = ctx;
    struct su_wire_frame f;
    struct su_buf out;

    su_buf_init(&out, 0);
    if (su_wire_parse(call->body, call->body_len, &f, NULL) == SU_OK) {
        const struct su_wire_expect x = {.scope = *su_peer_self_scope(s->self),
                                         .sender = s->c->payer.public_key};
        if (su_wire_verify(&f, &x, NULL) == SU_OK && f.m.kind == SU_WIRE_WANT)
            answer_want(s, &f, &out);
        else if (f.m.kind == SU_WIRE_CANCEL && su_peer_ack(s->self, &f, &out, NULL) == SU_OK)
            atomic_fetch_add(&s->cancels, 1);
    }
    su_http_answer_bytes(a, 200, SU_WIRE_CONTENT_TYPE, out.data, out.len);
    su_buf_fini(&out);
}

/* Node 0, which every assignment here names, is reached at our server. */
static void serve(struct scene *s)
{
    const struct su_http_server_opts o = {.handler = on_call, .ctx = s};
    const struct su_wire_scope scope = {s->c->env.program, s->c->env.genesis};
    char endpoint[32];
    struct su_chain_node_args args = {.vram_bytes = 1ull << 30,
                                      .numerics_version = s->c->params.numerics_version,
                                      .conformance_root = {1},
                                      .endpoint = endpoint};
    struct su_chain_batch b;
    struct su_err e = {0};

    ok(su_peer_self_new(&s->c->nodes[0], &scope, 0, &s->self, &e), &e);
    ok(su_http_server_start(&o, &s->server, &e), &e);
    (void)snprintf(endpoint, sizeof endpoint, "127.0.0.1:%u", su_http_server_port(s->server));
    su_chain_batch_init(&b, &s->c->env, s->c->payer.public_key);
    su_chain_make_node_update(&b, s->c->nodes[0].public_key, &args);
    cluster_send(s->c, &b);
}

/* ---- the scene ------------------------------------------------------------------------------------ */

static void write_wallet(const struct scene *s)
{
    uint8_t seed[32], key[32], secret[64];
    struct su_buf b;
    char path[96];
    struct su_err e = {0};

    su_sha256("payer", 5, seed); /* as the cluster makes it */
    su_ed25519_from_seed(seed, key, secret);
    assert_memory_equal(key, s->c->payer.public_key, 32);
    su_buf_init(&b, 0);
    for (unsigned i = 0; i < 64; i++)
        su_buf_printf(&b, "%s%u", i == 0 ? "[" : ",", secret[i]);
    su_buf_printf(&b, "]");
    (void)snprintf(path, sizeof path, "%s/wallet.json", s->home);
    ok(su_file_write(path, b.data, b.len, 0600, &e), &e);
    su_buf_fini(&b);
}

static int set_up(void **state)
{
    struct scene *s = su_alloc(sizeof *s);
    static const uint8_t rows[16];
    const struct su_input in = {
        .tensor = {{.dtype = 1, .rank = 1, .dims = {4}, .steps = 1, .rows = rows}}, .n_tensor = 1};
    const struct su_ops_options o = {.url = s->url};
    struct su_err e = {0};

    (void)su_str_copy(s->home, sizeof s->home, "/tmp/su-test-follow-XXXXXX");
    assert_non_null(mkdtemp(s->home));
    assert_int_equal(setenv("HOME", s->home, 1), 0);
    assert_int_equal(setenv("SPLITUP_HOME", s->home, 1), 0);
    s->c = cluster_new(1);
    (void)snprintf(s->url, sizeof s->url, "http://127.0.0.1:%u", su_ledger_rpc_port(s->c->rpc));
    write_wallet(s);
    ok(su_ops_open(&o, &s->ops, &e), &e);
    su_buf_init(&s->input, 0);
    ok(su_input_encode(&in, &s->input, &e), &e);
    serve(s);
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    struct scene *s = *state;
    char path[96];

    su_http_server_stop(s->server);
    su_peer_self_free(s->self);
    su_ops_close(s->ops);
    su_buf_fini(&s->input);
    su_chain_case_fini(&s->now);
    cluster_free(s->c);
    (void)snprintf(path, sizeof path, "%s/wallet.json", s->home);
    (void)unlink(path);
    int rc = rmdir(s->home);
    free(s);
    return rc;
}

/* ---- playing committee and node ------------------------------------------------------------------- */

static void look(struct scene *s, const uint8_t execution[32])
{
    const struct su_chain_case_hints hints = {.voted = &s->c->voted};
    struct su_err e = {0};

    su_chain_case_fini(&s->now);
    ok(su_chain_case_load(s->c->chain, &s->c->env, execution, &hints, &s->now, &e), &e);
}

static void crank(struct scene *s)
{
    struct su_chain_crank k[CRANKS];
    const struct su_chain_crank_by by = {.slot = s->now.slot, .voted = &s->c->voted};
    const struct su_chain_send_opts o = {.poll_ms = 5};
    const struct su_chain_crank_send how = {.signer = &s->c->payer, .opts = &o};
    size_t n = su_chain_crank(&s->now, &by, k, CRANKS), sent;
    struct su_err e = {0};

    ok(su_chain_crank_run(s->c->chain, &s->now, k, n, &how, &sent, &e), &e);
}

static void hash(const struct su_part *parts, uint64_t n, uint8_t out[32])
{
    struct su_sha256 h;

    su_sha256_init(&h);
    for (uint64_t i = 0; i < n; i++)
        su_sha256_update(&h, parts[i].p, (size_t)parts[i].n);
    su_sha256_final(&h, out);
}

struct roots {
    uint8_t in[1][32], out[1][32], input[32], output[32];
};
static struct roots roots_of_right(void)
{
    static const uint8_t no_witness[32];
    struct roots r = {.in = {{7}}};
    uint8_t leaf[32];

    leaf_of(right, leaf);
    su_trace_leaves_root(leaf, 1, r.out[0]);
    su_msg_input_root(hash, (const uint8_t(*)[32])r.in, 1, r.input);
    su_msg_output_root(hash, (const uint8_t(*)[32])r.out, 1, no_witness, r.output);
    return r;
}

static const uint8_t salt[32] = {5};

static void commit(struct scene *s)
{
    const struct su_chain_at at = su_chain_case_at(&s->now, 0, 0);
    const struct su_msg_scope scope = su_chain_case_scope(&s->now);
    const struct roots r = roots_of_right();
    struct su_ix_commit ix = {.steps = 1};
    struct su_chain_batch b;

    assert_memory_equal(s->now.assignments[0]->node, s->c->nodes[0].public_key, 32);
    su_msg_commit(hash, &scope, 0, 0, s->c->nodes[0].public_key, salt, r.input, r.output,
                  ix.commit);
    su_chain_batch_init(&b, &s->c->env, s->c->payer.public_key);
    su_chain_make_commit(&b, s->c->nodes[0].public_key, &at, &ix);
    cluster_send(s->c, &b);
}

static void draw(struct scene *s)
{
    const struct su_chain_at at = su_chain_case_at(&s->now, 0, 0);
    struct su_chain_turn turn;
    uint8_t seed[32], proof[80];
    char name[32];
    struct su_chain_batch b;
    struct su_err e = {0};

    assert_true(su_chain_turn(&s->now, s->now.slot, &turn));
    (void)snprintf(name, sizeof name, "oracle%u", turn.oracle); /* the key is the VRF's, too */
    su_sha256(name, strlen(name), seed);
    ok(su_vrf_prove(seed, s->now.execution->alpha, 32, proof, &e), &e);
    su_chain_batch_init(&b, &s->c->env, s->c->payer.public_key);
    su_chain_make_draw(&b, turn.key, &at, proof);
    cluster_send(s->c, &b);
}

static void reveal(struct scene *s)
{
    const struct su_chain_at at = su_chain_case_at(&s->now, 0, 0);
    const struct roots r = roots_of_right();
    struct su_ix_reveal ix = {.salt = {5}};
    struct su_chain_batch b;

    memcpy(ix.roots[0], r.in[0], 32);
    memcpy(ix.roots[1], r.out[0], 32);
    su_chain_batch_init(&b, &s->c->env, s->c->payer.public_key);
    su_chain_make_reveal(&b, s->c->nodes[0].public_key, &at, &ix);
    cluster_send(s->c, &b);
}

static void blame(struct scene *s)
{
    const struct su_chain_at at = su_chain_case_at(&s->now, 0, 0);
    struct su_ix_vote_task ix = {.question = SU_QUESTION_VERDICT, .verdict = SU_VERDICT_ASSERTER};

    ix.round = (uint32_t)((s->now.slot - s->now.execution->phase_slot) / s->c->params.round_slots);
    for (unsigned i = 0; i < 2; i++) {
        struct su_chain_batch b;
        su_chain_batch_init(&b, &s->c->env, s->c->payer.public_key);
        su_chain_make_vote_task(&b, s->c->oracles[i].public_key, &at, &ix);
        cluster_send(s->c, &b);
    }
}

static struct su_ops_follow *ask(struct scene *s, uint32_t repeats)
{
    const struct su_ops_request q = {.model = "toy",
                                     .input = s->input.data,
                                     .input_bytes = s->input.len,
                                     .max_steps = 1,
                                     .repeats = repeats};
    const struct su_ops_follow_options fo = {
        .input = s->input.data, .input_bytes = s->input.len, .repeats = repeats};
    struct su_ops_request_terms t;
    struct su_ops_proposal p;
    struct su_ops_receipt r;
    struct su_ops_follow *f;
    struct su_err e = {0};

    ok(su_ops_request_prepare(s->ops, &q, &p, &t, &e), &e);
    ok(su_ops_commit(s->ops, &p, NULL, NULL, &r, &e), &e);
    su_ops_proposal_fini(&p);
    ok(su_ops_follow_open(s->ops, t.execution, &fo, &f, &e), &e);
    return f;
}

static void poll_until(struct scene *s, struct su_ops_follow *f,
                       bool (*done)(const struct scene *, const struct su_ops_follow_state *),
                       uint64_t slots)
{
    const struct su_ops_follow_state *now = su_ops_follow_state(f);
    struct su_err e = {0};

    for (unsigned i = 0; i < POLLS && !done(s, now); i++) {
        cluster_advance(s->c, slots);
        ok(su_ops_follow_poll(f, 20, &e), &e);
    }
    if (!done(s, now))
        fail_msg("%s: %s", su_ops_execution_word(now->chain.state), now->trouble);
}

static bool is_provisional(const struct scene *s, const struct su_ops_follow_state *now)
{
    (void)s;
    return now->provisional;
}
static bool has_ended(const struct scene *s, const struct su_ops_follow_state *now)
{
    (void)s;
    return now->ended;
}
static bool has_complained(const struct scene *s, const struct su_ops_follow_state *now)
{
    (void)s;
    return now->complained;
}
static bool was_repeated(const struct scene *s, const struct su_ops_follow_state *now)
{
    (void)s;
    return now->repeated == 1 && now->known;
}
static bool was_asked(const struct scene *s, const struct su_ops_follow_state *now)
{
    return atomic_load(&s->wanted) > 1 && now->chain.state == SU_EXEC_RUNNING;
}

/* To the reveals, unless the draw samples the task: then it must be looked at otherwise. */
static bool run_to_reveal(struct scene *s, struct su_ops_follow *f)
{
    const uint8_t *execution = su_ops_follow_state(f)->execution;

    look(s, execution);
    commit(s);
    cluster_advance(s->c, 3);
    look(s, execution);
    crank(s); /* freeze */
    look(s, execution);
    draw(s);
    look(s, execution);
    if (s->now.execution->state != SU_EXEC_REVEALING)
        return false;
    reveal(s);
    return true;
}

/* A request up to its reveal, of which the draw samples nothing. */
static struct su_ops_follow *revealed(struct scene *s, uint32_t repeats,
                                      bool (*before)(const struct scene *,
                                                     const struct su_ops_follow_state *))
{
    for (unsigned i = 0; i < DRAWS; i++) {
        struct su_ops_follow *f = ask(s, repeats);
        cluster_vote(s->c, su_ops_follow_state(f)->execution);
        look(s, su_ops_follow_state(f)->execution);
        crank(s);
        atomic_store(&s->wanted, 0);
        poll_until(s, f, before, 0);
        if (run_to_reveal(s, f))
            return f;
        su_ops_follow_close(f);
    }
    fail_msg("%d draws sampled the task: 8 %% each", DRAWS);
    return NULL;
}

/* ---- tests ---------------------------------------------------------------------------------------- */

static void delivered(void **state)
{
    struct scene *s = *state;

    atomic_store(&s->manner, DELIVERS);
    struct su_ops_follow *f = revealed(s, 0, is_provisional);
    const struct su_ops_follow_state *now = su_ops_follow_state(f);
    assert_false(now->final);
    poll_until(s, f, has_ended, 0); /* it accepts: nobody waits for a complaint */
    assert_true(now->final && now->provisional && !now->complained);
    assert_int_equal(now->chain.state, SU_EXEC_SETTLED);
    assert_int_equal(now->output[0].n_row, 1);
    assert_memory_equal(now->output[0].rows, right, 16);
    assert_true(now->output[0].proven);
    assert_true(now->cranks >= 1);
    for (int i = 0; i < SU_OPS_EVENTS; i++)
        assert_true(now->at_ms[i] > 0);
    assert_int_equal(now->part[0].threshold_ppm, 80000);
    assert_true((uint64_t)now->part[0].draw * SU_PPM >= (uint64_t)80000 << 32);
    su_ops_follow_close(f);
}

static void withheld(void **state)
{
    struct scene *s = *state;

    atomic_store(&s->manner, WITHHOLDS);
    struct su_ops_follow *f = revealed(s, 0, was_asked);
    const struct su_ops_follow_state *now = su_ops_follow_state(f);
    cluster_advance(s->c, s->c->params.missing_slots / 2 + 1);
    poll_until(s, f, has_complained, 0);
    assert_false(now->provisional || now->ended);
    look(s, now->execution);
    assert_int_equal(s->now.assignments[0]->dispute, SU_DISPUTE_MISSING);
    blame(s);
    poll_until(s, f, has_ended,
               10); /* somebody has to conclude: whoever follows, when nobody does */
    assert_false(now->final);
    assert_int_equal(now->void_cause, SU_VOID_FAULT);
    su_ops_follow_close(f);
}

static void sent_another(void **state)
{
    struct scene *s = *state;

    atomic_store(&s->manner, SENDS_ANOTHER);
    struct su_ops_follow *f = revealed(s, 0, is_provisional);
    const struct su_ops_follow_state *now = su_ops_follow_state(f);
    poll_until(s, f, has_complained, 0); /* at once */
    assert_false(now->output[0].proven);
    su_ops_follow_close(f);
}

static void asked_anew(void **state)
{
    struct scene *s = *state;
    uint8_t first[32];

    atomic_store(&s->manner, WITHHOLDS);
    struct su_ops_follow *f = revealed(s, 1, was_asked);
    const struct su_ops_follow_state *now = su_ops_follow_state(f);
    memcpy(first, now->execution, 32);
    uint64_t escrow = now->chain.escrow;
    cluster_advance(s->c, s->c->params.missing_slots / 2 + 1);
    poll_until(s, f, has_complained, 0);
    look(s, now->execution);
    blame(s);
    poll_until(s, f, was_repeated, 10);
    assert_memory_not_equal(first, now->execution, 32);
    assert_false(now->ended || now->provisional);
    assert_int_equal(now->chain.state, SU_EXEC_REQUESTED);
    assert_int_equal(now->chain.escrow, escrow);
    assert_int_equal(now->chain.max_steps, 1);
    su_ops_follow_stop(f); /* no task samples here: nobody is told */
    ok(su_ops_follow_poll(f, 0, &(struct su_err){0}), &(struct su_err){0});
    assert_int_equal(atomic_load(&s->cancels), 0);
    su_ops_follow_close(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(delivered),
        cmocka_unit_test(sent_another),
        cmocka_unit_test(withheld),
        cmocka_unit_test(asked_anew),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
