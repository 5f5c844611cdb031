// SPDX-License-Identifier: MIT
/* The end: payments, claims that wait for the pool, refunds, and every rent back at its payer. */
#include "support/bank.h"
#include "support/setting.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void settled(struct play *p, uint64_t nonce)
{
    struct call c;
    setting_revealing(p, nonce, -1);
    play_reveal(p);
    call_conclude(p, &c, true);
    call_must(p->w, &c);
}

static void nothing_is_paid_before_the_end(void **unused)
{
    (void)unused;
    struct play p;
    struct call c;
    struct world *w = setting_world(&p, &(struct setting){0});
    setting_revealing(&p, 1, -1);
    play_reveal(&p);
    call_pay_task(&p, &c, 0, 0);
    setting_expect(&p, &c, "WrongState");
    call_pay_check(&p, &c, 0, 0);
    setting_expect(&p, &c, "WrongState");
    call_free_reserve(&p, &c, 0);
    setting_expect(&p, &c, "WrongState");
    call_pay_oracle(&p, &c, 0);
    setting_expect(&p, &c, "WrongState");
    call_finish(&p, &c);
    setting_expect(&p, &c, "WrongState");
    call_slash(&p, &c, 0, 0, 0);
    setting_expect(&p, &c, "WrongState");
    call_close_assignment(&p, &c, 0);
    setting_expect(&p, &c, "NotAllPaid");
    call_close_check(&p, &c, 0, 0);
    setting_expect(&p, &c, "NotAllPaid");
    call_close_execution(&p, &c);
    setting_expect(&p, &c, "NotAllPaid");
    call_conclude(&p, &c, false);
    setting_expect(&p, &c, "TooEarly");
    world_advance(w, w->params.missing_slots + 1);
    setting_expect(&p, &c, "ok");
    setting_expect(&p, &c, "WrongState");
    world_free(w);
}

static void all_is_paid_once(void **unused)
{
    (void)unused;
    struct play p;
    struct call c;
    struct world *w = setting_world(&p, &(struct setting){0});
    settled(&p, 1);
    const uint64_t escrow = play_exec(&p)->escrow, pool = setting_pool(&p), fee = setting_fee(&p);
    uint64_t surcharge = 0;
    assert_true(su_econ_surcharge(&w->params, w->params.sampling_min_ppm, fee, &surcharge));
    call_finish(&p, &c);
    setting_expect(&p, &c, "NotAllPaid");
    for (unsigned t = 0; t < 3; t++) {
        call_pay_task(&p, &c, t, (p.task[t].node + 1) % 3);
        setting_expect(&p, &c, "WrongRelation");
        call_pay_task(&p, &c, t, p.task[t].node);
        setting_expect(&p, &c, "ok");
        setting_expect(&p, &c, "AlreadyPaid");
        call_pay_check(&p, &c, t, 0);
        setting_expect(&p, &c, "ok");
        setting_expect(&p, &c, "AlreadyPaid");
        call_finish(&p, &c);
        setting_expect(&p, &c, "NotAllPaid"); /* checks are open */
        call_close_check(&p, &c, t, 0);
        setting_expect(&p, &c, "ok");
    }
    call_finish(&p, &c);
    setting_expect(&p, &c, "NotAllPaid"); /* the oracles */
    call_pay_oracle(&p, &c, 3);
    setting_expect(&p, &c, "BadArgument");
    CALL_ARGS(&c, pay_oracle)->number = UINT64_MAX;
    setting_expect(&p, &c, "BadArgument");
    call_pay_oracle(&p, &c, 2);
    setting_expect(&p, &c, "BadArgument"); /* did not vote */
    for (unsigned i = 0; i < 2; i++) {
        call_pay_oracle(&p, &c, i);
        CALL_ARGS(&c, pay_oracle)->number = !i;
        setting_expect(&p, &c, i == 0 ? "WrongAddress" : "AlreadyPaid");
        call_pay_oracle(&p, &c, i);
        setting_expect(&p, &c, "ok");
        setting_expect(&p, &c, "AlreadyPaid");
        assert_int_equal(world_oracle_read(w, i == 0 ? "oracle0" : "oracle1")->earned,
                         w->params.oracle_fee / 2);
    }
    call_close_execution(&p, &c);
    setting_expect(&p, &c, "NotAllPaid");
    call_finish(&p, &c);
    setting_expect(&p, &c, "ok");
    setting_expect(&p, &c, "AlreadyPaid");
    assert_int_equal(setting_pool(&p) - pool, 3 * surcharge);
    assert_int_equal(setting_refund(&p),
                     escrow - 3 * (fee + surcharge) - w->params.oracle_fee / 2 * 2);
    for (unsigned i = 0; i < 3; i++) {
        call_free_reserve(&p, &c, i);
        struct call other;
        call_free_reserve(&p, &other, (i + 1) % 3);
        other.metas[call_find(&other, "reserve")] = c.metas[call_find(&c, "reserve")];
        setting_expect(&p, &other, "WrongRelation");
        call_close_execution(&p, &other);
        setting_expect(&p, &other, "StillOpen");
        setting_expect(&p, &c, "ok");
    }
    for (unsigned t = 0; t < 3; t++) {
        call_close_execution(&p, &c);
        setting_expect(&p, &c, "StillOpen");
        call_close_assignment(&p, &c, t);
        call_set_name(&c, "rent_payer", "requestor");
        setting_expect(&p, &c, "WrongRelation"); /* paid none of it */
        call_close_assignment(&p, &c, t);
        setting_expect(&p, &c, "ok");
    }
    call_close_execution(&p, &c);
    setting_expect(&p, &c, "ok");
    setting_expect(&p, &c, "WrongOwner");
    world_free(w);
}

/* The execution is over although the pool is empty; claims are paid later, the oldest first. */
static void claims_wait_for_the_pool_in_order(void **unused)
{
    (void)unused;
    struct play p;
    struct call c;
    struct world *w = setting_world(&p, &(struct setting){.nodes = 4});
    settled(&p, 1);
    setting_end(&p, SU_EXEC_SETTLED, SU_VOID_NONE);
    uint64_t check = 0;
    assert_true(su_econ_check_fee(&w->params, setting_fee(&p), &check));
    const struct su_acc_pool *pool = world_read(w, SU_TAG_POOL, w->pool);
    assert_int_equal(pool->claims_next, 3);
    assert_true(pool->balance < check);
    struct {
        char name[32];
    } node[3];
    for (uint64_t seq = 0; seq < 3; seq++) {
        uint8_t key[32];
        at_claim(w, seq, key);
        const struct su_acc_claim *claim = world_read(w, SU_TAG_CLAIM, key);
        assert_int_equal(claim->amount, check);
        for (unsigned i = 0; i < 4; i++) {
            at_key(w, "node", setting_node(&p, i)->identity, key);
            if (memcmp(key, claim->node, 32) == 0)
                snprintf(node[seq].name, sizeof node[seq].name, "node%u", i);
        }
    }
    call_claim_pay(w, &c, 0, node[0].name);
    setting_expect(&p, &c, "PoolTooSmall");
    call_claim_pay(w, &c, 1, node[1].name);
    setting_expect(&p, &c, "WrongClaim");
    call_pool_deposit(w, &c, "requestor", 3 * check - setting_pool(&p) - 1);
    call_must(w, &c);
    for (uint64_t seq = 0; seq < 3; seq++) {
        const uint64_t earned = world_node_read(w, node[seq].name)->earned;
        call_claim_pay(w, &c, seq, node[seq].name);
        if (seq == 2) { /* one micro-USDC short */
            setting_expect(&p, &c, "PoolTooSmall");
            struct call deposit;
            call_pool_deposit(w, &deposit, "requestor", 1);
            call_must(w, &deposit);
        }
        setting_expect(&p, &c, "ok");
        setting_expect(&p, &c, "WrongOwner"); /* not twice */
        assert_int_equal(world_node_read(w, node[seq].name)->earned - earned, check);
    }
    assert_int_equal(setting_pool(&p), 0);
    world_free(w);
}

static uint64_t lamports(const struct play *p, const char *name)
{
    struct svm_account a;
    uint8_t key[32];
    world_key(name, key);
    bank_account_get(p->w->bank, key, &a);
    return a.lamports;
}

static void payer_set(struct world *w, const char *name)
{
    world_key(name, w->payer);
}

/* Each kind of account paid for by somebody else; closing returns each lamport to whom it came
   from, whoever calls. */
static void each_rent_returns_to_its_payer(void **unused)
{
    (void)unused;
    static const char *const payers[] = {"payA", "payB", "payC", "payD", "payE"};
    struct play p;
    struct call c;
    struct world *w = setting_world(&p, &(struct setting){0});
    uint64_t before[5];
    for (unsigned i = 0; i < 5; i++)
        world_person(w, payers[i], 0);
    payer_set(w, "payA"); /* the requestor's account stays for good: let it be there */
    call_request_open(&p, &c, 1);
    call_must(w, &c);
    call_request_cancel(&p, &c);
    call_must(w, &c);
    call_finish(&p, &c);
    call_must(w, &c);
    call_close_execution(&p, &c);
    call_must(w, &c);
    for (unsigned i = 0; i < 5; i++)
        before[i] = lamports(&p, payers[i]);
    call_request_open(&p, &c, 2);
    call_must(w, &c);
    payer_set(w, "payB");
    call_request_tasks(&p, &c, 0, 3);
    call_must(w, &c);
    call_request_submit(&p, &c);
    call_must(w, &c);
    payer_set(w, "payC");
    play_assign(&p);
    play_commit(&p);
    play_draw_all(&p);
    payer_set(w, "payD");
    play_check(&p, -1);
    play_reveal(&p);
    call_conclude(&p, &c, true);
    call_must(w, &c);
    payer_set(w, "payE");
    for (unsigned t = 0; t < 3; t++) {
        call_pay_task(&p, &c, t, p.task[t].node);
        call_must(w, &c);
        call_pay_check(&p, &c, t, 0);
        call_must(w, &c);
        call_close_check(&p, &c, t, 0);
        call_set_name(&c, "rent_payer", "payE");
        setting_expect(&p, &c, "WrongRelation");
        call_set_name(&c, "rent_payer", "payD");
        setting_expect(&p, &c, "ok");
    }
    for (unsigned i = 0; i < 2; i++) {
        call_pay_oracle(&p, &c, i);
        call_must(w, &c);
    }
    call_finish(&p, &c);
    call_must(w, &c);
    for (unsigned i = 0; i < 3; i++) { /* some were the asserter's, some the validator's first */
        uint8_t key[32];
        at_reserve(w, setting_node(&p, i)->identity, key);
        const struct su_acc_reserve *r = world_read(w, SU_TAG_RESERVE, key);
        uint8_t payer[32];
        memcpy(payer, r->head.rent_payer, 32);
        call_free_reserve(&p, &c, i);
        call_set(&c, "rent_payer", payer);
        call_must(w, &c);
    }
    for (unsigned t = 0; t < 3; t++) {
        call_close_assignment(&p, &c, t);
        call_set_name(&c, "rent_payer", "payB");
        call_must(w, &c);
    }
    call_close_execution(&p, &c);
    call_set_name(&c, "rent_payer", "payA");
    call_must(w, &c);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(lamports(&p, payers[i]), before[i]);
    assert_true(lamports(&p, "payE") < before[4]); /* claims still wait */
    call_pool_deposit(w, &c, "requestor", SU_USDC);
    call_must(w, &c);
    for (uint64_t seq = 0; seq < 3; seq++) {
        for (unsigned i = 0; i < 3; i++) {
            char name[32];
            snprintf(name, sizeof name, "node%u", i);
            call_claim_pay(w, &c, seq, name);
            call_set_name(&c, "rent_payer", "payE");
            if (call_run(w, &c) == 0)
                break;
        }
    }
    assert_int_equal(lamports(&p, "payE"), before[4]);
    world_free(w);
}

/* Two executions of one requestor, the same nodes: neither touches what belongs to the other. */
static void executions_do_not_mix(void **unused)
{
    (void)unused;
    struct play first, second;
    struct call c;
    struct world *w = setting_world(&first, &(struct setting){0});
    setting_running(&first, 1);
    second = first;
    setting_running(&second, 2);
    play_commit(&second);
    assert_int_equal(setting_node(&first, 0)->stake_reserved, 2 * w->params.stake_floor);
    assert_int_equal(setting_node(&first, 0)->reserves_open, 2);
    uint8_t key[32];
    at_assignment(w, 0, key); /* of the second, in the first */
    w->nonce = 1;
    call_commit(&first, &c, 0);
    call_set(&c, "assignment", key);
    setting_expect(&first, &c, "WrongRelation");
    play_commit(&first);
    play_draw_all(&first);
    play_check(&first, -1);
    play_reveal(&first);
    call_conclude(&first, &c, true);
    call_must(w, &c);
    assert_true(play_clear(&first));
    for (unsigned i = 0; i < 3; i++) /* the second's */
        assert_int_equal(setting_node(&first, i)->stake_reserved, w->params.stake_floor);
    w->nonce = 2;
    assert_int_equal(play_exec(&second)->state, SU_EXEC_RUNNING);
    play_draw_all(&second);
    play_check(&second, -1);
    play_reveal(&second);
    setting_end(&second, SU_EXEC_SETTLED, SU_VOID_NONE);
    world_free(w);
}

/* Somebody sent lamports to an address before the account was made there. */
static void gifts_to_addresses_do_no_harm(void **unused)
{
    (void)unused;
    struct play p;
    struct world *w = setting_world(&p, &(struct setting){0});
    uint8_t key[32];
    w->nonce = 1;
    at_execution(w, key);
    world_fund(w, key, 1);
    for (uint16_t t = 0; t < 3; t++) {
        at_assignment(w, t, key);
        world_fund(w, key, 10000000000ull); /* more than its rent */
        at_check(w, t, 0, key);
        world_fund(w, key, 7);
    }
    for (unsigned i = 0; i < 3; i++) {
        at_reserve(w, setting_node(&p, i)->identity, key);
        world_fund(w, key, 5);
    }
    settled(&p, 1);
    setting_end(&p, SU_EXEC_SETTLED, SU_VOID_NONE);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_paid_before_the_end),
        cmocka_unit_test(all_is_paid_once),
        cmocka_unit_test(claims_wait_for_the_pool_in_order),
        cmocka_unit_test(each_rent_returns_to_its_payer),
        cmocka_unit_test(executions_do_not_mix),
        cmocka_unit_test(gifts_to_addresses_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
