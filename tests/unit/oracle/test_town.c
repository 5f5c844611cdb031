// SPDX-License-Identifier: MIT
/* Real oracles and scripted nodes on a ledger: executions from the request to their last account. */
#include "town.h"

#include "oracle/liveness.h"
#include "json/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void settles(void **state)
{
    struct town *t = town_new(&(struct town_setting){.nodes = 3, .oracles = 3});
    uint8_t x[32];

    (void)state;
    town_request(t, 0, x);
    assert_int_equal(town_wait_gone(t, x, 60000), SU_EXEC_SETTLED);
    town_free(t);
}

static void samples_everything(void **state)
{
    struct town *t =
        town_new(&(struct town_setting){.nodes = 3, .oracles = 3, .sampling_ppm = SU_PPM});
    uint8_t x[32];
    unsigned checks = 0;

    (void)state;
    town_request(t, 1, x);
    assert_int_equal(town_wait_gone(t, x, 60000), SU_EXEC_SETTLED);
    for (unsigned i = 0; i < 3; i++)
        checks += t->node[i].checks;
    assert_true(checks >= TOWN_TASKS);
    town_free(t);
}

static void one_oracle_down(void **state)
{
    struct town *t = town_new(&(struct town_setting){.nodes = 3, .oracles = 2});
    uint8_t x[4][32];

    (void)state;
    for (unsigned i = 0; i < 4; i++)
        town_request(t, i % 2, x[i]);
    town_wait_settled(t, (const uint8_t(*)[32])x, 4, 90000);
    town_free(t);
}

/* The number of the node that has task `task`, and the task's attempt. */
static unsigned asserter(struct town *t, const uint8_t execution[32], uint16_t task,
                         unsigned *attempt)
{
    struct su_chain_execution x;
    unsigned n = 0;

    assert_true(town_look(t, execution, &x));
    assert_non_null(x.assignments[task]);
    while (n < t->n_node && memcmp(t->node[n].key.public_key, x.assignments[task]->node, 32) != 0)
        n++;
    *attempt = x.assignments[task]->attempt;
    su_chain_execution_fini(&x);
    return n;
}

static void everybody_idle(struct town *t, bool idle)
{
    for (unsigned i = 0; i < t->n_node; i++)
        atomic_store(&t->node[i].idle, idle);
}

static int64_t time_of(const struct su_json_value *loss, const char *name)
{
    int64_t ms = 0;

    if (su_json_get_i64(loss, name, &ms, NULL) != SU_OK)
        ms = 0; /* null: it has not happened yet */
    return ms;
}

/* What an oracle tells of the loss of a task's first attempt; NULL: it has found none. *doc holds it. */
static const struct su_json_value *loss_of(struct town *t, unsigned oracle,
                                           const uint8_t execution[32], uint16_t task,
                                           struct su_json **doc)
{
    const struct su_json_value *l;
    char name[SU_CHAIN_TEXT];
    struct su_buf b;

    (void)su_chain_key_text(execution, name);
    su_buf_init(&b, 0);
    assert_int_equal(su_oracle_status(t->oracle[oracle].oracle, &b, NULL), SU_OK);
    assert_int_equal(su_json_parse(b.data, b.len, "status", NULL, doc, NULL), SU_OK);
    su_buf_fini(&b);
    l = su_json_first(su_json_member(su_json_root(*doc), "losses"));
    for (; l; l = su_json_next(l)) {
        const char *text = "";
        uint64_t of = 0, attempt = 0;
        assert_int_equal(su_json_get_str(l, "execution", &text, NULL), SU_OK);
        assert_int_equal(su_json_get_u64(l, "task", &of, NULL), SU_OK);
        assert_int_equal(su_json_get_u64(l, "attempt", &attempt, NULL), SU_OK);
        if (strcmp(text, name) == 0 && of == task && attempt == 0)
            break;
    }
    return l;
}

/* Of that node, for that reason, with times that follow one another, the oldest of them ms at least. */
static void check_loss(struct town *t, const struct su_json_value *l, unsigned lost,
                       const char *why, int64_t ms)
{
    char node[SU_CHAIN_TEXT];
    const char *text = "";

    (void)su_chain_key_text(t->node[lost].key.public_key, node);
    assert_int_equal(su_json_get_str(l, "node", &text, NULL), SU_OK);
    assert_string_equal(text, node);
    assert_int_equal(su_json_get_str(l, "why", &text, NULL), SU_OK);
    assert_non_null(strstr(text, why));
    assert_true(time_of(l, "heard_ms") > 0);
    assert_true(time_of(l, "detected_ms") >= time_of(l, "heard_ms") + ms);
    assert_true(time_of(l, "failed_ms") > 0);
    assert_true(time_of(l, "assigned_ms") >= time_of(l, "failed_ms"));
}

/* Task 1 is told as lost by that node once it is another's, by two of the oracles at least: the third may
   hear of it from the chain. */
static void tells_the_loss(struct town *t, const uint8_t execution[32], unsigned lost,
                           const char *why, int64_t ms)
{
    unsigned told = 0;

    for (unsigned waited = 0; told < 2; waited += 50) {
        told = 0;
        for (unsigned i = 0; i < TOWN_ORACLES; i++) {
            struct su_json *doc = NULL;
            const struct su_json_value *l = loss_of(t, i, execution, 1, &doc);
            if (l && time_of(l, "assigned_ms") != 0) {
                check_loss(t, l, lost, why, ms);
                told++;
            }
            su_json_free(doc);
        }
        assert_true(waited < 60000);
        town_sleep(50);
    }
}

static void node_lost(void **state)
{
    struct town *t = town_new(&(struct town_setting){.nodes = 4, .oracles = 3, .commit_ms = 15000});
    unsigned lost, now, attempt;
    uint8_t x[32];

    (void)state;
    everybody_idle(t, true);
    town_request(t, 2, x);
    town_wait_state(t, x, SU_EXEC_RUNNING, 90000);
    lost = asserter(t, x, 1, &attempt);
    assert_true(lost < t->n_node && attempt == 0);
    town_node_stop(t, lost);
    for (unsigned waited = 0;; waited += 50) { /* the committee finds another */
        now = asserter(t, x, 1, &attempt);
        if (now < t->n_node && now != lost)
            break;
        assert_true(waited < 60000);
        town_sleep(50);
    }
    assert_int_equal(attempt, 1);
    tells_the_loss(t, x, lost, "has ended", 0);
    town_node_start(t, lost); /* a check may fall on it, for which all would wait */
    everybody_idle(t, false);
    assert_int_equal(town_wait_gone(t, x, 90000), SU_EXEC_SETTLED);
    town_free(t);
}

static void everybody_mute(struct town *t, bool mute)
{
    for (unsigned i = 0; i < t->n_node; i++)
        atomic_store(&t->node[i].mute, mute);
}

/* Task 0 is its node's, unless this took so long that its idleness was seen. */
static void expect_work_left(struct town *t, const uint8_t execution[32])
{
    unsigned attempt;

    if (asserter(t, execution, 0, &attempt) < t->n_node && attempt == 0)
        return;
    for (unsigned i = 0; i < TOWN_ORACLES; i++) {
        struct su_json *doc = NULL;
        const struct su_json_value *l = loss_of(t, i, execution, 0, &doc);
        const char *text = "";
        if (l) {
            assert_int_equal(su_json_get_str(l, "why", &text, NULL), SU_OK);
            assert_string_equal(text, "has its inputs and does not commit");
        }
        su_json_free(doc);
    }
}

/* Beats that come late, because of the link or of a machine that has much to do, take no work away
   from anybody who is there: else all tasks would change hands until the attempts are used up. */
static void late_beats(void **state)
{
    struct town *t = town_new(&(struct town_setting){.nodes = 4, .oracles = 3});
    unsigned attempt;
    uint8_t x[32];

    (void)state;
    everybody_idle(t, true);
    town_request(t, 0, x);
    town_wait_state(t, x, SU_EXEC_RUNNING, 90000);
    everybody_mute(t, true);
    town_sleep(6 * TOWN_BEAT_MS);
    for (uint16_t i = 1; i < TOWN_TASKS; i++) {
        assert_true(asserter(t, x, i, &attempt) < t->n_node);
        assert_int_equal(attempt, 0);
    }
    expect_work_left(t, x);
    everybody_mute(t, false);
    everybody_idle(t, false);
    assert_int_equal(town_wait_gone(t, x, 60000), SU_EXEC_SETTLED);
    town_free(t);
}

/* A node that listens and says nothing has its grace, and loses its task after it. */
static void paused(void **state)
{
    struct town *t = town_new(&(struct town_setting){.nodes = 4, .oracles = 3});
    unsigned lost, attempt;
    uint8_t x[32];

    (void)state;
    everybody_idle(t, true);
    town_request(t, 1, x);
    town_wait_state(t, x, SU_EXEC_RUNNING, 90000);
    lost = asserter(t, x, 1, &attempt);
    assert_true(lost < t->n_node && attempt == 0);
    atomic_store(&t->node[lost].mute, true);
    atomic_store(&t->node[lost].deaf, true);
    for (unsigned waited = 0; asserter(t, x, 1, &attempt) == lost || attempt == 0; waited += 50) {
        assert_true(waited < 60000);
        town_sleep(50);
    }
    assert_int_equal(attempt, 1);
    tells_the_loss(t, x, lost, "its grace is over", (int64_t)LIVENESS_GRACE * TOWN_BEAT_MS);
    atomic_store(&t->node[lost].deaf, false);
    atomic_store(&t->node[lost].mute, false);
    everybody_idle(t, false);
    assert_int_equal(town_wait_gone(t, x, 60000), SU_EXEC_SETTLED);
    town_free(t);
}

static void oracles_restart(void **state)
{
    struct town *t =
        town_new(&(struct town_setting){.nodes = 3, .oracles = 3, .sampling_ppm = SU_PPM});
    uint8_t x[2][32];

    (void)state;
    everybody_idle(t, true);
    town_request(t, 0, x[0]);
    town_wait_state(t, x[0], SU_EXEC_RUNNING, 90000);
    for (unsigned i = 0; i < TOWN_ORACLES; i++)
        town_oracle_stop(t, i);
    town_sleep(300);
    for (unsigned i = 0; i < TOWN_ORACLES; i++)
        town_oracle_start(t, i);
    everybody_idle(t, false);
    town_request(t, 1, x[1]);
    town_wait_settled(t, (const uint8_t(*)[32])x, 2, 90000);
    town_free(t);
}

static void ten_at_once(void **state)
{
    struct town *t = town_new(&(struct town_setting){.nodes = 4, .oracles = 3});
    uint8_t x[10][32];

    (void)state;
    for (unsigned i = 0; i < 10; i++)
        town_request(t, i % 3, x[i]);
    town_wait_settled(t, (const uint8_t(*)[32])x, 10, 120000);
    town_free(t);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settles),         cmocka_unit_test(samples_everything),
        cmocka_unit_test(one_oracle_down), cmocka_unit_test(node_lost),
        cmocka_unit_test(late_beats),      cmocka_unit_test(paused),
        cmocka_unit_test(oracles_restart), cmocka_unit_test(ten_at_once),
    };

    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    if (getenv("TOWN_VERBOSE"))
        su_log_stderr(SU_LOG_DEBUG);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
