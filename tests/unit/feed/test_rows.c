// SPDX-License-Identifier: MIT
/* Rows of a snapshot from accounts, without any network. */
#include "feed/feed_priv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void put(struct feed_accounts *a, uint8_t tag, const uint8_t key[32], void *account)
{
    struct su_acc_head *h = account;

    h->tag = tag;
    assert_true(feed_accounts_put(a, tag, key, account));
}

static void name_key(uint8_t key[32], uint8_t kind, uint8_t number)
{
    memset(key, 0, 32);
    key[0] = kind;
    key[1] = number;
}

static struct su_feed *fresh(void)
{
    struct su_feed *f = su_alloc(sizeof *f);

    f->o.log_max = 4;
    f->log = su_try_alloc(4, sizeof *f->log);
    f->log_next = 1;
    f->fd = -1;
    f->w.slot = f->w.wallet_lamports = f->w.wallet_usdc = f->w.refund = SU_FEED_UNKNOWN;
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->wake, NULL);
    return f;
}

static const struct su_feed_snapshot *look(struct su_feed *f)
{
    const struct su_feed_snapshot *s = feed_snapshot_make(f);
    assert_non_null(s);
    return s;
}

static void add_model(struct su_feed *f, uint8_t number, uint16_t tasks, uint32_t owners)
{
    struct su_acc_model m = {.task_count = tasks, .tasks_added = tasks, .state = SU_MODEL_FINAL};
    uint8_t key[32];

    m.sample_task = SU_NO_TASK;
    memcpy(m.name, "digits\x1b[2J", 10);
    m.name_len = 10;
    name_key(key, 'm', number);
    put(&f->w.model, SU_TAG_MODEL, key, &m);
    for (uint16_t t = tasks; t-- > 0;) {
        struct su_acc_task a = {.index = t, .owners = owners, .macs_per_step = 1000};
        uint8_t task[32];
        memcpy(a.model, key, 32);
        a.output_count = 1;
        a.outputs[0] = (struct su_spec){.rank = 2, .dims = {3, 5}};
        a.sampling_ppm = 80000;
        name_key(task, 't', (uint8_t)(16 * number + (t * 7) % 5)); /* not in order */
        put(&f->w.task, SU_TAG_TASK, task, &a);
    }
}

static void add_node(struct su_feed *f, uint8_t number, uint8_t owner, uint8_t model,
                     uint16_t tasks)
{
    struct su_acc_node n = {.stake_free = 100, .earned = number, .declared_count = (uint8_t)tasks};
    uint8_t key[32];

    name_key(n.identity, 'i', number);
    name_key(n.owner, 'o', owner);
    n.tickets[3] = (struct su_ticket){.amount = 7, .unlock_slot = 99};
    for (uint16_t t = 0; t < tasks; t++)
        name_key(n.declared[t], 't', (uint8_t)(16 * model + (t * 7) % 5));
    name_key(key, 'n', (uint8_t)(200 - number));
    put(&f->w.node, SU_TAG_NODE, key, &n);
}

static void beat(struct su_feed *f, uint8_t number, bool online, uint32_t missed,
                 const char *status)
{
    f->w.beat = realloc(f->w.beat, (f->w.n_beat + 1) * sizeof *f->w.beat);
    assert_non_null(f->w.beat);
    struct feed_beat *b = &f->w.beat[f->w.n_beat++];
    *b = (struct feed_beat){.online = online, .missed = missed, .heard_ms = 1000};
    name_key(b->identity, 'i', number);
    assert_true(su_str_copy(b->status, sizeof b->status, status));
    memset(b->beats, 1, sizeof b->beats);
}

static void knows_nothing_at_first(void **state)
{
    struct su_feed *f = fresh();
    const struct su_feed_snapshot *s = look(f);
    (void)state;

    assert_int_equal(s->slot, SU_FEED_UNKNOWN);
    assert_int_equal(s->pool_balance, SU_FEED_UNKNOWN);
    assert_false(s->set_up);
    assert_int_equal(s->n_model + s->n_node + s->n_execution + s->n_sample + s->n_log, 0);
    su_feed_release(s);
    f->newest = NULL;
    su_feed_close(f);
}

static void shows_models_and_nodes(void **state)
{
    struct su_feed *f = fresh();
    uint8_t own[32];
    (void)state;

    name_key(own, 'o', 1);
    memcpy(f->wallet, own, 32);
    f->o.wallet = f->wallet;
    f->w.has_params = true;
    su_params_default(&f->w.params);
    add_model(f, 1, 3, 3);
    add_model(f, 2, 5, 2);
    for (uint8_t i = 1; i <= 4; i++)
        add_node(f, i, i, 1, i == 4 ? 2 : 3);
    beat(f, 1, true, 0, "ready");
    beat(f, 2, true, 2, "ready");
    beat(f, 3, false, 9, "ready");
    beat(f, 4, true, 0, "loading");
    const struct su_feed_snapshot *s = look(f);

    assert_int_equal(s->n_model, 2);
    assert_string_equal(s->model[0].name, "digits?[2J");
    assert_int_equal(s->model[0].n_task, 3);
    assert_int_equal(s->model[0].nodes, 4);
    assert_int_equal(s->model[0].min_owners, 3);
    assert_int_equal(s->model[0].state, SU_FEED_MODEL_THIN);
    assert_int_equal(s->model[1].state, SU_FEED_MODEL_WAITING);
    assert_int_equal(s->model[1].first_task, 3);
    assert_int_equal(s->model[1].p50_ms, UINT32_MAX);
    for (uint16_t t = 0; t < 3; t++) {
        assert_int_equal(s->task[t].index, t);
        assert_int_equal(s->task[t].bytes_out, 4 * 15);
        assert_int_equal(s->task[t].nodes, 2); /* one down, one loading */
    }
    assert_true(s->task[0].fee >= f->w.params.fee_base);
    assert_int_equal(s->n_node, 4);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(s->node[i].identity[1], i + 1); /* by identity, not by account */
    assert_int_equal(s->node[0].state, SU_FEED_NODE_OK);
    assert_true(s->node[0].own_owner && !s->node[1].own_owner);
    assert_int_equal(s->node[1].state, SU_FEED_NODE_LATE);
    assert_int_equal(s->node[2].state, SU_FEED_NODE_DOWN);
    assert_int_equal(s->node[3].state, SU_FEED_NODE_LOADING);
    assert_int_equal(s->n_ticket, 1);
    assert_int_equal(s->ticket[0].number, 3);
    assert_int_equal(s->ticket[0].unlock_slot, 99);
    assert_int_equal(s->node[0].stake_unlocking, 7);
    su_feed_release(s);
    su_feed_close(f);
}

static void orders_oracles(void **state)
{
    struct su_feed *f = fresh();
    (void)state;

    for (uint8_t i = 1; i <= 4; i++) {
        struct su_acc_oracle o = {.bond = i};
        uint8_t key[32];
        name_key(o.key, 'k', i);
        name_key(key, 'a', (uint8_t)(9 - i));
        put(&f->w.oracle, SU_TAG_ORACLE, key, &o);
    }
    f->w.config.head.tag = SU_TAG_CONFIG;
    f->w.config.oracle_count = 2;
    name_key(f->w.config.oracles[0].key, 'k', 4);
    name_key(f->w.config.oracles[1].key, 'k', 2);
    f->w.n_member = 1;
    name_key(f->w.member[0].key, 'k', 2);
    f->w.member[0].answers = true;
    f->w.member[0].heard_ms = su_clock_wall_ms();
    const struct su_feed_snapshot *s = look(f);
    assert_int_equal(s->n_oracle, 4);
    assert_int_equal(s->oracle[0].key[1], 4);
    assert_int_equal(s->oracle[1].key[1], 2);
    assert_true(s->oracle[1].in_epoch && s->oracle[1].answers && !s->oracle[0].answers);
    assert_in_range(s->oracle[1].age_ms, 0, 60000);
    assert_false(s->oracle[2].in_epoch || s->oracle[3].in_epoch);
    assert_int_equal(s->oracle[2].key[1] + s->oracle[3].key[1], 4);
    su_feed_release(s);
    su_feed_close(f);
}

/* An execution of model 1, three tasks, of which 1 and 2 are sampled. */
static struct feed_live *add_execution(struct su_feed *f)
{
    struct su_acc_execution x = {.task_count = 3, .state = SU_EXEC_CHECKING, .steps = 1};
    uint8_t key[32];

    name_key(x.model, 'm', 1);
    x.sampled = 2;
    x.submit_slot = 50;
    x.tasks[1].flags = x.tasks[2].flags = SU_TASKF_SAMPLED;
    for (unsigned t = 0; t < 3; t++) {
        x.tasks[t].sampling_ppm = 80000;
        x.tasks[t].state = SU_TASK_PENDING_VERIFICATION;
    }
    x.threshold_ppm = 500000;
    name_key(key, 'x', 1);
    assert_true(feed_live_add(&f->w, key, &x, 1234));
    assert_true(feed_live_add(&f->w, key, &x, 9999)); /* known: nothing happens */
    assert_int_equal(f->w.n_live, 1);
    struct feed_live *l = &f->w.live[0];
    for (unsigned t = 0; t < 3; t++) {
        l->assignment[t].head.tag = SU_TAG_ASSIGNMENT;
        name_key(l->assignment[t].node, 'i', (uint8_t)(t + 1));
    }
    l->check[1][0].head.tag = SU_TAG_CHECK;
    l->check[1][0].state = SU_CHECK_ACCEPTED;
    name_key(l->check[1][0].validator, 'i', 3);
    return l;
}

static enum su_feed_verdict verdict_now(struct su_feed *f, unsigned task)
{
    const struct su_feed_snapshot *s = look(f);
    enum su_feed_verdict v = SU_FEED_PENDING;
    unsigned found = 0;

    for (size_t i = 0; i < s->n_sample; i++)
        if (s->sample[i].task == task) {
            v = s->sample[i].verdict;
            found++;
        }
    assert_int_equal(found, 1);
    su_feed_release(s);
    return v;
}

static void follows_a_check(void **state)
{
    struct su_feed *f = fresh();
    (void)state;

    add_model(f, 1, 3, 3);
    struct feed_live *l = add_execution(f);
    const struct su_feed_snapshot *s = look(f);
    assert_int_equal(s->n_execution, 1);
    assert_int_equal(s->n_part, 3);
    assert_int_equal(s->n_sample, 2);
    assert_string_equal(s->execution[0].model_name, "digits?[2J");
    assert_int_equal(s->part[s->execution[0].first_part + 2].task, 2);
    assert_int_equal(s->part[1].steps_done, UINT32_MAX);
    assert_int_equal(s->sample[0].threshold_ppm, 500000);
    assert_int_equal(s->sample[0].draw, su_msg_sample_draw(feed_sha256, l->execution.beta, 1));
    assert_int_equal(s->sample[1].number, 255);
    assert_int_equal(s->checked_tasks, 3);
    assert_int_equal(s->sampled_tasks, 2);
    assert_int_equal(s->check_macs, 1000);
    su_feed_release(s);

    assert_int_equal(verdict_now(f, 2), SU_FEED_PENDING);
    l->assignment[2].dispute = SU_DISPUTE_COMMITTEE;
    assert_int_equal(verdict_now(f, 2), SU_FEED_COMMITTEE);
    assert_int_equal(verdict_now(f, 1), SU_FEED_RUNNING);
    l->check[1][0].state = SU_CHECK_POSTED;
    l->check[1][0].output_root[0] = 1;
    assert_int_equal(verdict_now(f, 1), SU_FEED_POSTED);
    l->assignment[1].output_root[0] = 1;
    assert_int_equal(verdict_now(f, 1), SU_FEED_MATCH);
    l->assignment[1].output_root[0] = 2;
    l->assignment[1].dispute = SU_DISPUTE_ROOTS;
    assert_int_equal(verdict_now(f, 1), SU_FEED_MISMATCH);
    l->assignment[1].dispute = SU_DISPUTE_NONE;
    l->check[1][0].state = SU_CHECK_SILENT;
    assert_int_equal(verdict_now(f, 1), SU_FEED_SILENT);
    l->check[1][0].state = SU_CHECK_WRONG;
    assert_int_equal(verdict_now(f, 1), SU_FEED_MISMATCH);
    su_feed_close(f);
}

static void remembers_the_closed(void **state)
{
    static const char dir_form[] = "/tmp/su-feed-XXXXXX";
    char dir[sizeof dir_form], path[64];
    struct feed_rows rows;
    struct su_err e;
    (void)state;

    memcpy(dir, dir_form, sizeof dir);
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/cache.db", dir);
    struct su_feed *f = fresh();
    assert_int_equal(su_cache_open(path, NULL, &f->cache, &e), SU_OK);
    add_model(f, 1, 3, 3);
    struct feed_live *l = add_execution(f);
    l->execution.state = SU_EXEC_SETTLED;
    l->final_ms = 1634;
    assert_true(feed_rows_make(f, l, &rows));
    rows.execution.closed = true;
    feed_history_keep(f, &rows);
    feed_rows_fini(&rows);
    su_feed_close(f);

    f = fresh();
    assert_int_equal(su_cache_open(path, NULL, &f->cache, &e), SU_OK);
    add_model(f, 1, 3, 3);
    feed_history_load(f);
    const struct su_feed_snapshot *s = look(f);
    assert_int_equal(s->n_execution, 1);
    assert_true(s->execution[0].closed);
    assert_int_equal(s->n_part, 3);
    assert_int_equal(s->n_sample, 2);
    assert_int_equal(s->model[0].settled, 1);
    assert_int_equal(s->model[0].p50_ms, 400);
    assert_int_equal(s->model[0].p95_ms, 400);
    su_feed_release(s);
    su_feed_close(f);
    snprintf(path, sizeof path, "rm -rf '%s'", dir);
    assert_int_equal(system(path), 0);
}

static void cumulates_earnings(void **state)
{
    struct su_feed *f = fresh();
    struct su_err e;
    (void)state;

    assert_int_equal(su_cache_open(NULL, NULL, &f->cache, &e), SU_OK);
    name_key(f->wallet, 'o', 1);
    f->o.wallet = f->wallet;
    f->w.has_genesis = true;
    f->w.earned_now = SU_FEED_UNKNOWN;
    add_node(f, 5, 1, 1, 0);
    feed_history_earned(f);
    assert_int_equal(f->w.n_earned, 1);
    assert_int_equal(f->w.earned[0].value, 5);
    feed_history_earned(f); /* unchanged: no point */
    assert_int_equal(f->w.n_earned, 1);
    feed_accounts_fini(&f->w.node); /* claimed: nothing is left on chain */
    f->w.earned[0].at_ms -= 5000;
    feed_history_earned(f);
    assert_int_equal(f->w.n_earned, 1);
    add_node(f, 3, 1, 1, 0);
    feed_history_earned(f);
    assert_int_equal(f->w.n_earned, 2);
    assert_int_equal(f->w.earned[1].value, 8);
    su_feed_close(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_nothing_at_first), cmocka_unit_test(shows_models_and_nodes),
        cmocka_unit_test(orders_oracles),         cmocka_unit_test(follows_a_check),
        cmocka_unit_test(remembers_the_closed),   cmocka_unit_test(cumulates_earnings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
