// SPDX-License-Identifier: MIT
/* What comes to a node from outside: garbage, strangers, notices that are no truth; and the loading of
   tasks when their sources are gone, their room is too small, or they are taken back. */
#include "abi/abi.h"
#include "chain/chain.h"
#include "http/http.h"
#include "node/node.h"
#include "peer/peer.h"
#include "support/net.h"
#include "wire/wire.h"
#include "json/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static int setup(void **state)
{
    const struct net_options o = {.oracles = 1, .nodes = 3};
    *state = net_new(&o);
    return 0;
}

static int teardown(void **state)
{
    net_free(*state);
    return 0;
}

static const char *text_of(const struct su_json_value *v, const char *key)
{
    const char *s = "";

    assert_int_equal(su_json_get_str(v, key, &s, NULL), SU_OK);
    return s;
}

static unsigned count_state(const struct su_json *doc, const char *state)
{
    const struct su_json_value *list = su_json_member(su_json_root(doc), "tasks");
    unsigned count = 0;

    for (const struct su_json_value *t = su_json_first(list); t; t = su_json_next(t))
        count += strcmp(text_of(t, "state"), state) == 0;
    return count;
}

/* How many of node i's tasks are in that state. */
static unsigned in_state(struct net *n, unsigned i, const char *state)
{
    struct su_json *doc = net_status(n, i);
    unsigned count = count_state(doc, state);

    su_json_free(doc);
    return count;
}

static void wait_state(struct net *n, unsigned i, const char *state, unsigned tasks)
{
    for (int k = 0; k < 2400; k++) {
        if (in_state(n, i, state) == tasks)
            return;
        (void)usleep(50000);
    }
    fail_msg("%u tasks of node %u are %s, not %u", in_state(n, i, state), i, state, tasks);
}

/* It says that it is ready once all its tasks are, not with the first. */
static void wait_ready(struct net *n, unsigned i, unsigned tasks)
{
    for (int k = 0; k < 24000; k++) {
        struct su_json *doc = net_status(n, i);
        bool ready = strcmp(text_of(su_json_root(doc), "state"), "ready") == 0;
        unsigned count = count_state(doc, "ready");
        su_json_free(doc);
        if (ready) {
            assert_int_equal(count, tasks);
            return;
        }
        (void)usleep(5000);
    }
    fail_msg("node %u does not get ready", i);
}

/* ---- loading --------------------------------------------------------------------------------- */

static void takes_weights_from_other_nodes(void **state)
{
    struct net *n = *state;
    const unsigned tasks = n->package->n_task;

    net_node_start(n, 0);
    wait_ready(n, 0, tasks);
    su_http_server_stop(n->publisher); /* the model's URI leads nowhere from now on */
    n->publisher = NULL;
    net_node_start(n, 1);
    wait_ready(n, 1, tasks);
    net_node_stop(n, 1);
    net_node_start(n, 1); /* and now from its own store */
    wait_state(n, 1, "ready", tasks);
    net_node_stop(n, 0);
    net_node_stop(n, 1);
}

static void says_what_it_cannot_load(void **state)
{
    struct net *n = *state;
    struct net_one *o = &n->node[0];
    const char *urls[] = {n->url};
    const struct su_node_options no = {.home = o->home,
                                       .secret = o->secret,
                                       .urls = urls,
                                       .n_urls = 1,
                                       .exec = {.backend = SU_BACKEND_CPU, .threads = 1},
                                       .vram_bytes = 1024};
    struct su_err e = {0};

    assert_int_equal(su_node_open(&no, &o->node, &e), SU_OK);
    assert_int_equal(net_node_go(o), 0);
    wait_state(n, 0, "failed", n->package->n_task);
    struct su_json *doc = net_status(n, 0);
    const struct su_json_value *v = su_json_root(doc);
    const char *error = text_of(su_json_first(su_json_member(v, "tasks")), "error");
    assert_non_null(strstr(error, "digits"));
    assert_non_null(strstr(error, "1 KB"));
    assert_string_equal(text_of(v, "state"), "loading");
    su_json_free(doc);
    net_node_stop(n, 0);
}

static void drops_what_is_taken_back(void **state)
{
    struct net *n = *state;
    struct net_one *o = &n->node[2];
    const unsigned tasks = n->package->n_task;
    struct su_chain_accounts list = {0};
    const struct su_acc_declaration *d;
    uint8_t task[32], address[32], rent_payer[32];
    struct su_chain_batch b;
    struct su_err e = {0};

    net_node_start(n, 0); /* has the weights */
    net_node_start(n, 2);
    wait_state(n, 2, "ready", tasks);
    su_chain_addr_task(&n->env, n->model, 0, task);
    su_chain_addr_declaration(&n->env, task, o->owner.public_key, address);
    assert_int_equal(su_chain_declaration_get(n->chain, address, &list, &d, &e), SU_OK);
    memcpy(rent_payer, d->head.rent_payer, 32);
    su_chain_accounts_fini(&list);
    const struct su_chain_undeclaration u = {.signer = o->signer.public_key,
                                             .identity = o->signer.public_key,
                                             .owner = o->owner.public_key,
                                             .task_key = task,
                                             .rent_payer = rent_payer};
    su_chain_batch_init(&b, &n->env, n->payer.public_key);
    su_chain_make_node_undeclare(&b, &u);
    net_transact(n, &b);
    wait_state(n, 2, "ready", tasks - 1);
    su_chain_batch_init(&b, &n->env, n->payer.public_key);
    su_chain_make_node_declare(&b, o->signer.public_key, o->owner.public_key, n->model, 0);
    net_transact(n, &b);
    wait_state(n, 2, "ready", tasks);
    net_node_stop(n, 2);
    net_node_stop(n, 0);
}

/* ---- the entry ------------------------------------------------------------------------------- */

static void refuses_another_entry(void **state)
{
    struct net *n = *state;
    const char *urls[] = {n->url};
    const struct su_node_options no = {.home = n->node[0].home,
                                       .secret = n->node[0].secret,
                                       .urls = urls,
                                       .n_urls = 1,
                                       .exec = {.backend = SU_BACKEND_CPU, .threads = 1}};
    const uint8_t root[32] = {1};
    struct su_node_agent *a = NULL;
    struct su_err e = {0};

    net_node_update(n, 0, NULL, root);
    assert_int_equal(su_node_open(&no, &a, &e), SU_ECONFORM);
    assert_non_null(strstr(e.msg, "register"));
    net_node_update(n, 0, "", NULL);
    assert_int_equal(su_node_open(&no, &a, &e), SU_ENOENT);
    assert_non_null(strstr(e.msg, "--endpoint"));
    assert_null(a);
    net_node_update(n, 0, NULL, NULL);
}

/* ---- from outside ---------------------------------------------------------------------------- */

static int ask(struct net *n, const char *method, const char *path, const void *body, size_t len,
               struct su_http_reply *r)
{
    struct su_err e = {0};
    char url[200];

    (void)snprintf(url, sizeof url, "http://127.0.0.1:%u%s", n->node[0].port, path);
    enum su_code rc = su_http_request(method, url, NULL, 0, body, len, NULL, r, &e);
    if (rc != SU_OK)
        fail_msg("%s %s: %s", method, path, e.msg);
    return r->status;
}

/* The code of the refusal that comes back; 0: it was acknowledged. */
static unsigned refusal_of(const struct su_http_reply *r, const uint8_t node[32])
{
    struct su_wire_frame f;

    assert_int_equal(r->status, 200);
    assert_int_equal(su_wire_parse(r->body.data, r->body.len, &f, NULL), SU_OK);
    assert_memory_equal(f.sender, node, 32);
    if (f.m.kind == SU_WIRE_ACK)
        return 0;
    assert_int_equal(f.m.kind, SU_WIRE_REFUSAL);
    return f.m.u.refusal.code;
}

static unsigned post(struct net *n, const char *path, const void *body, size_t len)
{
    struct su_http_reply r;

    (void)ask(n, "POST", path, body, len, &r);
    unsigned code = refusal_of(&r, n->node[0].signer.public_key);
    su_http_reply_fini(&r);
    return code;
}

static void survives_garbage(void **state)
{
    struct net *n = *state;
    static const char *const paths[] = {"/api/frame", "/api/frames", "/api/liveness/propose",
                                        "/api/cancel"};
    struct su_http_reply r;
    uint8_t noise[600];

    net_node_start(n, 0);
    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (uint8_t)(i * 31 + 7);
    for (size_t i = 0; i < SU_ARRAY_LEN(paths); i++) {
        assert_int_equal(post(n, paths[i], NULL, 0), SU_WIRE_REFUSED_FORMAT);
        assert_int_equal(post(n, paths[i], noise, sizeof noise), SU_WIRE_REFUSED_FORMAT);
        memcpy(noise, "SUWR\1\0", 6);
        assert_int_equal(post(n, paths[i], noise, sizeof noise), SU_WIRE_REFUSED_FORMAT);
    }
    assert_int_equal(ask(n, "POST", "/api/nothing", noise, 10, &r), 404);
    su_http_reply_fini(&r);
    assert_int_equal(ask(n, "GET", "/api/nothing", NULL, 0, &r), 404);
    su_http_reply_fini(&r);
    assert_int_equal(ask(n, "DELETE", "/api/status", NULL, 0, &r), 405);
    su_http_reply_fini(&r);
    assert_int_equal(ask(n, "GET", "/blob/00", NULL, 0, &r), 404);
    su_http_reply_fini(&r);
    net_node_stop(n, 0);
}

/* A table of one row and one task for node 0, signed by that one. */
static void make_table(struct net *n, const struct su_signer *signer, bool wrong_root,
                       struct su_buf *out)
{
    static const uint8_t slot_hash[32] = {3}, none[32], rows_of_tasks[2];
    const struct su_wire_scope scope = {su_chain_program(n->chain), n->env.genesis};
    uint8_t row[SU_WIRE_ROW_BYTES] = {0}, table_root[32], assignment_root[32], depth,
            execution[32] = {5};
    struct su_wire_message m = {.kind = SU_WIRE_TABLE,
                                .data = row,
                                .data_bytes = sizeof row,
                                .u.table = {.execution = execution,
                                            .request_slot = 9,
                                            .total = 10,
                                            .slot_hash = slot_hash,
                                            .table_root = none,
                                            .assignment_root = none,
                                            .row_count = 1,
                                            .task_count = 1,
                                            .rows_of_tasks = rows_of_tasks}};
    struct su_peer_self *self = NULL;
    struct su_err e = {0};

    memcpy(row, n->node[0].signer.public_key, 32);
    memcpy(row + 32, n->node[0].owner.public_key, 32);
    su_put_le64(row + 72, 10);
    row[80] = 1;
    assert_int_equal(su_wire_table_root(&m, table_root, &depth, &e), SU_OK);
    su_wire_assignment_root(&m, assignment_root);
    table_root[0] ^= wrong_root;
    m.u.table.table_root = table_root;
    m.u.table.assignment_root = assignment_root;
    assert_int_equal(su_peer_self_new(signer, &scope, 0, &self, &e), SU_OK);
    assert_int_equal(su_peer_frame(self, &m, out, &e), SU_OK);
    su_peer_self_free(self);
}

static void hears_oracles_alone(void **state)
{
    struct net *n = *state;
    struct su_buf b;

    net_node_start(n, 0);
    su_buf_init(&b, 0);
    make_table(n, &n->payer, false, &b);
    assert_int_equal(post(n, "/api/liveness/propose", b.data, b.len), SU_WIRE_REFUSED_SENDER);
    su_buf_clear(&b);
    make_table(n, &n->oracle[0].signer, true, &b);
    assert_int_equal(post(n, "/api/liveness/propose", b.data, b.len), SU_WIRE_REFUSED_FORMAT);
    su_buf_clear(&b);
    make_table(n, &n->oracle[0].signer, false, &b);
    b.data[150] ^= 1; /* of the signature */
    assert_int_equal(post(n, "/api/liveness/propose", b.data, b.len), SU_WIRE_REFUSED_SIGNATURE);
    b.data[150] ^= 1;
    /* Taken note of; that there is no such execution shows at the next look at the chain. */
    assert_int_equal(post(n, "/api/liveness/propose", b.data, b.len), 0);
    su_buf_fini(&b);
    size_t watched = 1;
    for (int k = 0; k < 1200 && watched > 0; k++) {
        (void)usleep(k == 0 ? 300000 : 50000);
        struct su_json *doc = net_status(n, 0);
        watched = su_json_count(su_json_member(su_json_root(doc), "executions"));
        su_json_free(doc);
    }
    assert_int_equal(watched, 0);
    net_node_stop(n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_weights_from_other_nodes),
        cmocka_unit_test(says_what_it_cannot_load),
        cmocka_unit_test(drops_what_is_taken_back),
        cmocka_unit_test(refuses_another_entry),
        cmocka_unit_test(survives_garbage),
        cmocka_unit_test(hears_oracles_alone),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
