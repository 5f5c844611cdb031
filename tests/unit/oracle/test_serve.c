// SPDX-License-Identifier: MIT
/* What an oracle answers to good, stale, foreign and malformed words; and what it refuses to run
   with. */
#include "town.h"
#include "json/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int setup(void **state)
{
    *state = town_new(&(struct town_setting){.nodes = 1, .oracles = 1});
    town_node_stop(*state, 0);
    return 0;
}

static int teardown(void **state)
{
    town_free(*state);
    return 0;
}

static struct su_http_reply ask(struct town *t, const char *method, const char *path,
                                const void *body, size_t n, bool forwarded)
{
    const struct su_http_header header = {"x-splitup-forwarded", "1"};
    struct su_http_reply reply;
    struct su_err e = {0};
    char url[300];

    (void)snprintf(url, sizeof url, "%s%s", su_oracle_url(t->oracle[0].oracle), path);
    town_must(su_http_request(method, url, &header, forwarded, body, n, NULL, &reply, &e), &e);
    return reply;
}

/* Kind and refusal code of what comes back: 0 = acknowledged, -1 = no frame. */
static int said(struct town *t, const char *path, const void *body, size_t n, bool forwarded)
{
    struct su_http_reply reply = ask(t, "POST", path, body, n, forwarded);
    const struct su_wire_expect x = {.scope = {t->env.program, t->env.genesis},
                                     .sender = t->oracle[0].key};
    struct su_wire_frame f;
    int code = -1;

    if (su_wire_parse(reply.body.data, reply.body.len, &f, NULL) == SU_OK) {
        assert_int_equal(reply.status, 200);
        assert_int_equal(su_wire_verify(&f, &x, NULL), SU_OK);
        code = f.m.kind == SU_WIRE_ACK ? 0 : f.m.u.refusal.code;
    }
    su_http_reply_fini(&reply);
    return code;
}

static struct su_buf beat_of(struct su_peer_self *self)
{
    uint8_t root[32];
    const struct su_wire_message m = {.kind = SU_WIRE_HEARTBEAT,
                                      .u.heartbeat = {.status = SU_WIRE_READY,
                                                      .has_capacity = 1,
                                                      .numerics_version = 1,
                                                      .conformance_root = root}};
    struct su_buf b;

    memset(root, 7, 32);
    su_buf_init(&b, 0);
    assert_int_equal(su_peer_frame(self, &m, &b, NULL), SU_OK);
    return b;
}

static void heartbeats(void **state)
{
    struct town *t = *state;
    struct su_buf b = beat_of(t->node[0].self);
    struct su_signer stranger;
    struct su_peer_self *self;
    const char *path = "/api/heartbeat";
    int code = 0;

    assert_int_equal(said(t, path, b.data, b.len, false), 0);
    assert_int_equal(said(t, path, b.data, b.len, false), SU_WIRE_REFUSED_REPLAY);
    assert_int_equal(said(t, path, b.data, b.len, true), 0);
    b.data[140] ^= 1;
    assert_int_equal(said(t, path, b.data, b.len, false), SU_WIRE_REFUSED_SIGNATURE);
    b.data[140] ^= 1;
    assert_int_equal(said(t, "/api/liveness/vote", b.data, b.len, false), SU_WIRE_REFUSED_SCOPE);
    assert_int_equal(said(t, path, b.data, b.len - 1, false), SU_WIRE_REFUSED_FORMAT);
    assert_int_equal(said(t, path, "garbage", 7, false), SU_WIRE_REFUSED_FORMAT);
    assert_int_equal(said(t, path, NULL, 0, false), SU_WIRE_REFUSED_FORMAT);
    su_buf_fini(&b);

    const struct su_wire_scope scope = {t->env.program, t->env.genesis};
    town_signer(&stranger, "stranger", NULL);
    assert_int_equal(su_peer_self_new(&stranger, &scope, 0, &self, NULL), SU_OK);
    for (unsigned i = 0; i < 100 && code != SU_WIRE_REFUSED_SENDER; i++) {
        b = beat_of(self);
        code = said(t, path, b.data, b.len, false);
        assert_true(code == SU_WIRE_REFUSED_BUSY || code == SU_WIRE_REFUSED_SENDER);
        su_buf_fini(&b);
        town_sleep(50);
    }
    assert_int_equal(code, SU_WIRE_REFUSED_SENDER); /* looked up, and on no chain */
    su_peer_self_free(self);
    su_signer_fini(&stranger);
}

static void old_heartbeats(void **state)
{
    struct town *t = *state;
    const struct su_wire_scope scope = {t->env.program, t->env.genesis};
    uint8_t root[32];
    const struct su_wire_message m = {
        .kind = SU_WIRE_HEARTBEAT,
        .u.heartbeat = {.status = SU_WIRE_READY, .numerics_version = 1, .conformance_root = root}};
    const int64_t off[] = {-SU_WIRE_SKEW_MS - 2000, SU_WIRE_SKEW_MS + 2000};

    memset(root, 7, 32);
    for (size_t i = 0; i < 2; i++) {
        const struct su_wire_stamp stamp = {.sequence = i + 1,
                                            .time_ms = (uint64_t)(su_clock_wall_ms() + off[i])};
        struct su_buf b;
        su_buf_init(&b, 0);
        assert_int_equal(su_wire_encode(&b, &t->node[0].key, &scope, stamp, &m, NULL), SU_OK);
        assert_int_equal(said(t, "/api/heartbeat", b.data, b.len, false), SU_WIRE_REFUSED_TIME);
        su_buf_fini(&b);
    }
}

static void proposals(void **state)
{
    struct town *t = *state;
    uint8_t zero[32] = {0}, table_root[32], assignment_root[32], depth, rows[2] = {0},
            data[SU_WIRE_ROW_BYTES] = {0};
    struct su_wire_message m = {.kind = SU_WIRE_TABLE,
                                .data = data,
                                .data_bytes = sizeof data,
                                .u.table = {.execution = zero,
                                            .total = 5,
                                            .owner_share_ppm = SU_PPM,
                                            .slot_hash = zero,
                                            .table_root = table_root,
                                            .assignment_root = assignment_root,
                                            .row_count = 1,
                                            .task_count = 1,
                                            .rows_of_tasks = rows}};
    struct su_buf b;

    su_put_le64(data + 72, 5);
    assert_int_equal(su_wire_table_root(&m, table_root, &depth, NULL), SU_OK);
    su_wire_assignment_root(&m, assignment_root);
    su_buf_init(&b, 0);
    assert_int_equal(su_peer_frame(t->node[0].self, &m, &b, NULL), SU_OK);
    /* Well-formed, and of nobody in the committee. */
    assert_int_equal(said(t, "/api/liveness/propose", b.data, b.len, false),
                     SU_WIRE_REFUSED_SENDER);
    su_buf_fini(&b);
    const struct su_wire_message v = {
        .kind = SU_WIRE_VOTE,
        .u.vote = {
            .execution = zero, .task = SU_NO_TASK, .question = SU_QUESTION_ASSIGN, .digest = zero}};
    su_buf_init(&b, 0);
    assert_int_equal(su_peer_frame(t->node[0].self, &v, &b, NULL), SU_OK);
    assert_int_equal(said(t, "/api/liveness/vote", b.data, b.len, false), SU_WIRE_REFUSED_SENDER);
    su_buf_fini(&b);
}

static void status_is(struct town *t, const char *method, const char *path, const char *body,
                      int want)
{
    struct su_http_reply reply = ask(t, method, path, body, body ? strlen(body) : 0, false);

    if (reply.status != want)
        fail_msg("%s %s: %d, not %d: %.*s", method, path, reply.status, want, (int)reply.body.len,
                 (const char *)reply.body.data);
    su_http_reply_fini(&reply);
}

static void inputs_and_paths(void **state)
{
    struct town *t = *state;
    char text[SU_CHAIN_TEXT], path[128];

    status_is(t, "POST", "/api/input", "x", 400);
    status_is(t, "POST", "/api/input?execution=no", "x", 400);
    (void)snprintf(path, sizeof path, "/api/input?execution=%s",
                   su_chain_key_text(t->model, text)); /* something else is there */
    status_is(t, "POST", path, "x", 409);
    (void)snprintf(path, sizeof path, "/api/input?execution=%s",
                   su_chain_key_text(t->boss.public_key, text));
    status_is(t, "POST", path, "x", 409);
    (void)snprintf(path, sizeof path, "/api/input/%s", text);
    status_is(t, "GET", path, NULL, 404);
    (void)snprintf(path, sizeof path, "/api/table/%s", text);
    status_is(t, "GET", path, NULL, 404);
    status_is(t, "GET", "/api/input/..%2f..%2foracle.vrf", NULL, 404);
    status_is(t, "GET", "/api/table/", NULL, 404);
    status_is(t, "GET", "/", NULL, 404);
    status_is(t, "GET", "/api/heartbeat", NULL, 404);
    status_is(t, "PUT", "/api/input", "x", 405);
}

static void status(void **state)
{
    struct town *t = *state;
    struct su_http_reply reply = ask(t, "GET", "/api/status", NULL, 0, false);
    const struct su_json_value *v, *list, *n;
    struct su_json *doc;
    const char *s;
    bool online;
    uint64_t epoch;

    assert_int_equal(reply.status, 200);
    assert_int_equal(su_json_parse(reply.body.data, reply.body.len, "status", NULL, &doc, NULL),
                     SU_OK);
    v = su_json_root(doc);
    assert_int_equal(su_json_get_str(v, "state", &s, NULL), SU_OK);
    assert_string_equal(s, "serving");
    assert_int_equal(su_json_get_u64(v, "epoch", &epoch, NULL), SU_OK);
    assert_int_equal(epoch, 1);
    list = su_json_member(v, "oracles");
    assert_int_equal(su_json_count(list), TOWN_ORACLES - 1);
    list = su_json_member(v, "nodes");
    assert_int_equal(su_json_count(list), 1);
    n = su_json_first(list);
    assert_int_equal(su_json_get_bool(n, "online", &online, NULL), SU_OK);
    assert_int_equal(su_json_get_str(n, "beats", &s, NULL), SU_OK);
    assert_true(strlen(s) <= 60);
    su_json_free(doc);
    su_http_reply_fini(&reply);
}

/* ---- what it does not run with ------------------------------------------------------------------------ */

static void refused(struct town *t, const char *home, const uint8_t *secret, enum su_code want)
{
    const char *url = t->url;
    const struct su_oracle_options o = {.home = home, .secret = secret, .urls = &url, .n_urls = 1};
    struct su_oracle *out = (struct su_oracle *)(void *)t;
    struct su_err e = {0};

    enum su_code rc = su_oracle_open(&o, &out, &e);
    if (rc != want)
        fail_msg("%s, not %s: %s", su_code_name(rc), su_code_name(want), e.msg);
    assert_null(out);
}

static void write_seed(const char *home, const char *text, mode_t mode)
{
    char path[256];

    (void)snprintf(path, sizeof path, "%s/oracle.vrf", home);
    (void)unlink(path);
    assert_int_equal(su_file_write(path, text, strlen(text), mode, NULL), SU_OK);
}

static void opening(void **state)
{
    struct town *t = *state;
    char home[200];
    uint8_t secret[64], key[32], again[32], bad[64] = {1};
    struct su_signer s;
    struct su_err e = {0};

    refused(t, t->oracle[0].home, t->oracle[0].secret, SU_EBUSY); /* it runs */
    (void)snprintf(home, sizeof home, "%s/other", t->home);
    assert_int_equal(su_oracle_vrf_key(home, false, key, &e), SU_ENOENT);
    refused(t, home, t->oracle[1].secret, SU_ENOENT); /* no seed */
    town_must(su_oracle_vrf_key(home, true, key, &e), &e);
    town_must(su_oracle_vrf_key(home, true, again, &e), &e);
    assert_memory_equal(key, again, 32); /* the file that is there stays */
    refused(t, home, t->oracle[1].secret, SU_EACCES); /* another seed than registered */
    town_signer(&s, "nobody", secret);
    su_signer_fini(&s);
    refused(t, home, secret, SU_ENOENT); /* not registered */
    refused(t, home, bad, SU_EFORMAT);
    write_seed(home, "0011", 0600);
    assert_int_equal(su_oracle_vrf_key(home, false, key, &e), SU_EFORMAT);
    write_seed(home, "zz", 0600);
    assert_int_equal(su_oracle_vrf_key(home, false, key, &e), SU_EFORMAT);
    write_seed(home, "0011", 0644);
    assert_int_equal(su_oracle_vrf_key(home, false, key, &e), SU_EACCES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heartbeats), cmocka_unit_test(old_heartbeats),
        cmocka_unit_test(proposals),  cmocka_unit_test(inputs_and_paths),
        cmocka_unit_test(status),     cmocka_unit_test(opening),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
