// SPDX-License-Identifier: MIT
/* What random runs seldom or never reach: several inputs at once, tables and assignments of every
   size, ranks, packing, lists that do not fit, accounts that are missing. */
#include "abi/abi.h"
#include "chain/chain.h"
#include "support/bank.h"
#include "support/execution.h"
#include "support/scenario.h"
#include "support/seen.h"
#include "support/setting.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct su_chain_crank list[SU_CHAIN_CRANKS_MAX];

/* ---- tables and assignments ------------------------------------------------------------------- */

static void rows_of_every_size(void **unused)
{
    (void)unused;
    static const size_t sizes[] = {1, 2, 3, 4, 5, 8, 9, 100, 1023, 1024};
    struct su_ix_check_row *rows = calloc(1025, sizeof *rows);
    struct su_acc_execution *x = calloc(1, sizeof *x);
    struct su_err e;
    assert_true(rows != NULL && x != NULL);
    assert_int_equal(su_chain_rows_prove(rows, 0, x->table_root, &x->table_depth, &e), SU_EINVAL);
    assert_int_equal(su_chain_rows_prove(rows, 1025, x->table_root, &x->table_depth, &e),
                     SU_EINVAL);
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        const size_t n = sizes[k];
        const struct su_chain_voted v = {.rows = rows, .n_rows = n};
        for (size_t i = 0; i < n; i++) {
            memset(&rows[i], 0, sizeof rows[i]);
            rows[i].identity[0] = (uint8_t)i;
            rows[i].identity[1] = (uint8_t)(i >> 8);
            rows[i].low = 10 * i;
            rows[i].high = 10 * i + 10;
        }
        assert_int_equal(su_chain_rows_prove(rows, n, x->table_root, &x->table_depth, &e), SU_OK);
        assert_true(1u << x->table_depth >= n && (n == 1 || 1u << x->table_depth < 2 * n));
        x->table_total = 10 * n;
        for (size_t i = 0; i < n; i++) {
            uint8_t root[32];
            su_msg_row_leaf(play_hash, &rows[i], root);
            assert_true(su_msg_root_of(play_hash, root, i, 1ull << x->table_depth,
                                       (const uint8_t(*)[32])rows[i].path, rows[i].path_len, root));
            assert_memory_equal(root, x->table_root, 32);
        }
        assert_true(su_chain_voted_fits(&v, x));
        x->table_total++;
        assert_false(su_chain_voted_fits(&v, x));
        x->table_total--;
        rows[n - 1].owner[3] ^= 1;
        assert_false(su_chain_voted_fits(&v, x));
        rows[n - 1].owner[3] ^= 1;
        rows[0].low = 1; /* a gap; its leaf is wrong, too */
        assert_false(su_chain_voted_fits(&v, x));
    }
    free(rows);
    free(x);
}

static void nodes_of_some_sizes(void **unused)
{
    (void)unused;
    static uint8_t nodes[SU_TASKS_MAX][32];
    struct su_acc_execution *x = calloc(1, sizeof *x);
    struct su_chain_voted v = {.nodes = (const uint8_t(*)[32])nodes};
    uint8_t a[32], b[32], c[32], root[32];
    assert_non_null(x);
    for (unsigned i = 0; i < SU_TASKS_MAX; i++)
        nodes[i][0] = (uint8_t)(i + 1);
    su_msg_assign_leaf(play_hash, 0, v.nodes, 3, a);
    su_chain_nodes_root(v.nodes, 3, root);
    assert_memory_equal(root, a, 32);
    su_msg_assign_leaf(play_hash, 0, v.nodes, 4, a);
    su_msg_assign_leaf(play_hash, 1, v.nodes + 4, 4, b);
    su_msg_assign_leaf(play_hash, 2, v.nodes + 8, 1, c);
    su_msg_parent(play_hash, a, b, a);
    su_chain_nodes_root(v.nodes, 8, root);
    assert_memory_equal(root, a, 32);
    su_msg_parent(play_hash, a, c, a);
    su_chain_nodes_root(v.nodes, 9, root);
    assert_memory_equal(root, a, 32);
    x->task_count = 9;
    memcpy(x->assignment_root, root, 32);
    v.n_nodes = 9;
    assert_true(su_chain_voted_fits(&v, x));
    v.n_nodes = 8;
    assert_false(su_chain_voted_fits(&v, x));
    v.n_nodes = 9;
    nodes[8][1] ^= 1;
    assert_false(su_chain_voted_fits(&v, x));
    free(x);
}

/* ---- cases ------------------------------------------------------------------------------------ */

static size_t listed(const struct seen *s)
{
    return su_chain_crank(&s->c, &s->by, list, SU_CHAIN_CRANKS_MAX);
}

/* Of the task: its one crank of that number; NULL when none is listed. */
static const struct su_chain_crank *find(size_t n, uint8_t number, uint16_t task)
{
    const struct su_chain_crank *found = NULL;
    for (size_t i = 0; i < n; i++)
        if (list[i].number == number && list[i].task == task) {
            assert_null(found);
            found = &list[i];
        }
    return found;
}

/* Without the account of that tag. */
static enum su_code without(const struct seen *s, uint8_t tag, const uint8_t execution[32])
{
    struct su_chain_account *accounts = calloc(s->n, sizeof *accounts);
    struct su_chain_case c;
    struct su_err e;
    assert_non_null(accounts);
    for (size_t i = 0; i < s->n; i++) {
        accounts[i] = s->accounts[i];
        if (su_acc_valid(tag, accounts[i].data, accounts[i].data_bytes))
            accounts[i].exists = false;
    }
    const struct su_chain_case_from from = {
        .env = &s->env, .execution = execution, .accounts = accounts, .n = s->n, .slot = 1};
    const enum su_code rc = su_chain_case_of(&from, &c, &e);
    assert_null(c.execution);
    free(accounts);
    return rc;
}

static void accounts_that_are_missing(void **unused)
{
    (void)unused;
    struct play p;
    struct world *w = setting_world(&p, &(struct setting){.nodes = 4});
    setting_running(&p, 1);
    struct seen *s = seen_new(&p);
    const uint8_t none[32] = {1};
    assert_int_equal(without(s, SU_TAG_EXECUTION, s->c.key), SU_ENOENT);
    assert_int_equal(without(s, SU_TAG_POOL, s->c.key), SU_ETYPE);
    assert_int_equal(without(s, SU_TAG_CONFIG, s->c.key), SU_ETYPE);
    assert_int_equal(without(s, 0, none), SU_ENOENT);
    assert_null(su_chain_case_part(&s->c, none));
    assert_non_null(su_chain_case_part(&s->c, s->identities[0]));
    seen_free(s);
    world_free(w);
}

/* Task 2 of a REVEALING execution, given three inputs: of task 0, of task 1, and one external. */
static void inputs_compared_together(void **unused)
{
    (void)unused;
    struct play p;
    struct world *w = setting_world(&p, &(struct setting){.nodes = 4});
    setting_revealing(&p, 1, -1);
    struct call call;
    for (unsigned t = 0; t < 3; t++) {
        call_reveal(&p, &call, t);
        call_must(w, &call);
    }
    struct seen *s = seen_new(&p);
    struct su_acc_assignment a = *s->c.assignments[2];
    struct su_acc_execution x = *s->c.execution;
    a.input_count = 3;
    a.sources[0] = (struct su_source){.task = 0};
    a.sources[1] = (struct su_source){.task = 1};
    a.sources[2] = (struct su_source){.external = 1};
    a.matched = 4;
    memcpy(a.input_roots[0], s->c.assignments[0]->output_roots[0], 32);
    memcpy(a.input_roots[1], s->c.assignments[1]->output_roots[0], 32);
    s->c.assignments[2] = &a;
    s->c.execution = &x;
    assert_int_equal(find(listed(s), SU_IX_MATCH, 2)->part, 3);
    a.matched = 5;
    assert_int_equal(find(listed(s), SU_IX_MATCH, 2)->part, 2);
    a.matched = 4;
    a.input_roots[1][0] ^= 1; /* compared even so: it opens a dispute */
    assert_int_equal(find(listed(s), SU_IX_MATCH, 2)->part, 3);
    x.tasks[2].flags |= SU_TASKF_DISPUTED; /* but not a second one */
    a.deadline_slot = UINT64_MAX;
    assert_int_equal(find(listed(s), SU_IX_MATCH, 2)->part, 1);
    x.tasks[0].flags = (uint16_t)(x.tasks[0].flags & ~(SU_TASKF_REVEALED | SU_TASKF_DONE));
    assert_null(find(listed(s), SU_IX_MATCH, 2));
    x.tasks[0].flags |= SU_TASKF_DONE; /* silent past its window: counts as compared */
    assert_int_equal(find(listed(s), SU_IX_MATCH, 2)->part, 1);
    /* The instruction names the producers in order of the inputs. */
    x.tasks[0].flags |= SU_TASKF_REVEALED;
    a.input_roots[1][0] ^= 1;
    struct su_chain_batch b;
    uint8_t key[32];
    const struct su_chain_crank both = *find(listed(s), SU_IX_MATCH, 2);
    su_chain_batch_init(&b, &s->env, w->payer);
    su_chain_crank_append(&b, &s->c, &both);
    assert_int_equal(su_chain_batch_check(&b, NULL), SU_OK);
    assert_int_equal(b.instrs[0].n_metas, 5);
    at_assignment(w, 0, key);
    assert_memory_equal(b.instrs[0].metas[3].key, key, 32);
    at_assignment(w, 1, key);
    assert_memory_equal(b.instrs[0].metas[4].key, key, 32);
    su_chain_batch_fini(&b);
    seen_free(s);
    world_free(w);
}

static void ranks(void **unused)
{
    (void)unused;
    struct play p;
    struct world *w = setting_world(&p, &(struct setting){.oracles = 4});
    unsigned first[4] = {0};
    for (uint64_t nonce = 1; nonce <= 40; nonce++) {
        setting_requested(&p, nonce);
        struct seen *s = seen_new(&p);
        unsigned mask = 0;
        for (unsigned o = 0; o < 4; o++) {
            const unsigned rank = su_chain_crank_rank(&s->c, o);
            assert_true(rank < 4);
            mask |= 1u << rank;
            first[o] += rank == 0;
        }
        assert_int_equal(mask, 15);
        const struct su_chain_crank k = {.since_slot = 100};
        const uint64_t round = s->c.config->params.round_slots;
        assert_true(su_chain_crank_ripe(&s->c, &k, 0, 100));
        assert_false(su_chain_crank_ripe(&s->c, &k, 0, 99));
        assert_false(su_chain_crank_ripe(&s->c, &k, 1, 100 + 2 * round - 1));
        assert_true(su_chain_crank_ripe(&s->c, &k, 1, 100 + 2 * round));
        assert_true(su_chain_crank_ripe(&s->c, &k, SU_CHAIN_RANK_REQUESTOR, 100 + 6 * round));
        seen_free(s);
    }
    for (unsigned o = 0; o < 4; o++)
        assert_true(first[o] > 0); /* everybody's turn comes */
    world_free(w);
}

/* ---- lists ------------------------------------------------------------------------------------ */

/* Nobody answers the checks, and the drawn nodes are not eligible: both ways on are listed. */
static void spare_ones(void **unused)
{
    (void)unused;
    struct play p;
    struct world *w = setting_world(&p, &(struct setting){.nodes = 4});
    setting_checking(&p, 1);
    struct seen *s = seen_new(&p);
    const struct su_chain_check_due d = su_chain_check_due(&s->c, 0, &s->voted);
    assert_true(d.due == SU_CHAIN_DUE_ACCEPT || d.due == SU_CHAIN_DUE_SKIP);
    const struct su_chain_check_due blind = su_chain_check_due(&s->c, 0, NULL);
    assert_int_equal(blind.due, SU_CHAIN_DUE_UNKNOWN);
    assert_true(blind.row == NULL && blind.until_slot == d.until_slot && blind.point == d.point);
    assert_int_equal(su_chain_check_due(&s->c, 3, &s->voted).due, SU_CHAIN_DUE_NONE);
    s->rows[d.row->row].path[0][0] ^= 1; /* a table that is not the voted one */
    assert_int_equal(su_chain_check_due(&s->c, 0, &s->voted).due, SU_CHAIN_DUE_UNKNOWN);
    s->rows[d.row->row].path[0][0] ^= 1;
    /* Somebody of the table whose account is not known. */
    const size_t parts = s->c.n_parts;
    s->c.n_parts = 0;
    const enum su_chain_due due = su_chain_check_due(&s->c, 0, &s->voted).due;
    assert_true(due == SU_CHAIN_DUE_UNKNOWN || due == SU_CHAIN_DUE_SKIP);
    s->c.n_parts = parts;

    s->by.slot = d.until_slot + 1;
    for (size_t i = 0; i < parts; i++)
        s->c.parts[i].node = NULL; /* every node closed: nobody may check anything */
    const size_t n = listed(s);
    for (uint16_t t = 0; t < 3; t++) {
        assert_false(find(n, SU_IX_CHECK_SKIP, t)->spare);
        assert_true(find(n, SU_IX_CHECK_EXPIRE, t)->spare);
    }
    size_t ends[8], count;
    struct su_err e;
    assert_int_equal(su_chain_crank_pack(&s->c, w->payer, list, n, ends, 8, &count, &e), SU_OK);
    assert_int_equal(ends[count - 1], 3);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(list[i].spare, i >= 3);
    /* A list and a plan that do not fit are cut. */
    assert_int_equal(su_chain_crank(&s->c, &s->by, list, 2), 2);
    assert_int_equal(su_chain_crank(&s->c, &s->by, list, 0), 0);
    assert_int_equal(su_chain_crank_pack(&s->c, w->payer, list, n, ends, 0, &count, &e), SU_OK);
    assert_int_equal(count, 0);
    assert_int_equal(su_chain_crank_pack(&s->c, w->payer, list, 0, ends, 8, &count, &e), SU_OK);
    assert_int_equal(count, 0);
    seen_free(s);
    world_free(w);
}

/* SETTLED with every check posted: many instructions, of which those that open claims are numbered,
   in transactions of which each fits. */
static void packing(void **unused)
{
    (void)unused;
    struct play p;
    struct world *w = setting_world(&p, &(struct setting){.nodes = 5, .tasks = 12});
    setting_revealing(&p, 1, -1);
    setting_reveal(&p, -1);
    struct call call;
    call_conclude(&p, &call, true);
    call_must(w, &call);
    struct seen *s = seen_new(&p);
    size_t ends[64], count, at = 0;
    struct su_err e;
    const size_t n = listed(s);
    assert_int_equal(n, 12 + 12 + 2); /* tasks, checks, the oracles that voted */
    assert_int_equal(su_chain_crank_pack(&s->c, w->payer, list, n, ends, 64, &count, &e), SU_OK);
    assert_true(count >= 3 && count <= 12 && ends[count - 1] == n);
    uint64_t claim = s->c.pool->claims_next;
    for (size_t i = 0; i < count; at = ends[i++]) {
        struct su_chain_batch b;
        struct su_tx tx;
        const uint8_t hash[32] = {0};
        assert_true(ends[i] > at);
        su_chain_batch_init(&b, &s->env, w->payer);
        for (size_t k = at; k < ends[i]; k++) {
            if (list[k].claims)
                assert_int_equal(list[k].claim, claim++);
            su_chain_crank_append(&b, &s->c, &list[k]);
        }
        assert_int_equal(su_chain_batch_check(&b, &e), SU_OK);
        assert_int_equal(su_tx_compile(w->payer, hash, b.instrs, b.n, &tx), SU_TX_OK);
        su_chain_batch_fini(&b);
    }
    assert_int_equal(claim, s->c.pool->claims_next + 12);
    struct su_chain_crank bad = {.number = SU_IX_DRAW}; /* nobody may call it */
    struct su_chain_batch b;
    su_chain_batch_init(&b, &s->env, w->payer);
    su_chain_crank_append(&b, &s->c, &bad);
    assert_int_equal(su_chain_batch_check(&b, &e), SU_EINVAL);
    su_chain_batch_fini(&b);
    seen_free(s);
    world_free(w);
}

static void claims_of_others(void **unused)
{
    (void)unused;
    struct play p;
    struct world *w = setting_world(&p, &(struct setting){.nodes = 4});
    setting_running(&p, 1);
    struct seen *s = seen_new(&p);
    struct su_acc_claim claim = {.amount = s->c.pool->balance + 1};
    struct su_acc_node node = {.identity = {1}};
    assert_null(find(listed(s), SU_IX_CLAIM_PAY, 0));
    s->c.claim = &claim;
    assert_null(find(listed(s), SU_IX_CLAIM_PAY, 0)); /* whom it pays was not read */
    s->c.claim_node_read = true;
    assert_non_null(find(listed(s), SU_IX_CLAIM_PAY, 0)); /* has closed: nothing is paid */
    s->c.claim_node = &node;
    assert_null(find(listed(s), SU_IX_CLAIM_PAY, 0)); /* the pool cannot */
    claim.amount--;
    assert_non_null(find(listed(s), SU_IX_CLAIM_PAY, 0));
    seen_free(s);
    world_free(w);
}

/* ---- waits ------------------------------------------------------------------------------------ */

static void waits_of_a_run(void **unused)
{
    (void)unused;
    struct play p;
    struct world *w = setting_world(&p, &(struct setting){.nodes = 4});
    struct su_chain_wait waits[4];
    setting_requested(&p, 1);
    struct seen *s = seen_new(&p);
    assert_int_equal(su_chain_waits(&s->c, &s->by, waits, 4), 1);
    assert_int_equal(waits[0].what, SU_CHAIN_WAIT_ASSIGNMENT);
    assert_true(waits[0].who == NULL && waits[0].task == SU_NO_TASK);
    assert_int_equal(waits[0].until_slot,
                     s->c.execution->request_slot + s->c.config->params.request_expiry_slots);
    seen_free(s);
    play_assign(&p);
    s = seen_new(&p);
    assert_int_equal(su_chain_waits(&s->c, &s->by, waits, 2), 3); /* one more than fits */
    for (unsigned t = 0; t < 2; t++) {
        assert_int_equal(waits[t].what, SU_CHAIN_WAIT_COMMIT);
        assert_memory_equal(waits[t].who, s->c.assignments[waits[t].task]->node, 32);
        assert_int_equal(waits[t].until_slot, s->c.execution->deadline_slot);
        assert_int_equal(waits[t].default_ix, SU_IX_COMMIT_EXPIRE);
    }
    seen_free(s);
    play_commit(&p);
    s = seen_new(&p);
    assert_int_equal(su_chain_waits(&s->c, &s->by, waits, 4), 1);
    assert_int_equal(waits[0].what, SU_CHAIN_WAIT_FREEZE);
    seen_free(s);
    play_draw_all(&p);
    s = seen_new(&p);
    assert_int_equal(su_chain_waits(&s->c, &s->by, waits, 4), 3);
    for (unsigned t = 0; t < 3; t++)
        assert_int_equal(waits[t].what, SU_CHAIN_WAIT_CHECK);
    seen_free(s);
    play_check(&p, -1);
    setting_reveal(&p, 1);
    s = seen_new(&p);
    assert_int_equal(su_chain_waits(&s->c, &s->by, waits, 4), 1);
    assert_int_equal(waits[0].what, SU_CHAIN_WAIT_REVEAL);
    assert_int_equal(waits[0].task, 1);
    seen_free(s);
    assert_string_equal(su_chain_wait_text(SU_CHAIN_WAIT_COMMIT), "commit");
    assert_string_equal(su_chain_wait_text((enum su_chain_wait_for)99), "?");
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(rows_of_every_size),
                                       cmocka_unit_test(nodes_of_some_sizes),
                                       cmocka_unit_test(accounts_that_are_missing),
                                       cmocka_unit_test(inputs_compared_together),
                                       cmocka_unit_test(ranks),
                                       cmocka_unit_test(spare_ones),
                                       cmocka_unit_test(packing),
                                       cmocka_unit_test(claims_of_others),
                                       cmocka_unit_test(waits_of_a_run)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
