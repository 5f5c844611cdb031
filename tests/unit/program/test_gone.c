// SPDX-License-Identifier: MIT
/* Nodes that leave as early as the rules let them: nothing they leave behind may hold up the rest.
   */
#include "support/execution.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { ORACLES = 3, NODES = 3, TASKS = 3 };

/* Takes out all a node has and closes it. */
static void leave(struct world *w, unsigned number)
{
    struct call c;
    char node[32], owner[32];
    snprintf(node, sizeof node, "node%u", number);
    snprintf(owner, sizeof owner, "owner%u", number);
    for (uint16_t t = 0; t < TASKS; t++) {
        call_node_undeclare(w, &c, node, owner, t);
        call_must(w, &c);
    }
    call_stake_unlock(w, &c, node, owner, world_node_read(w, node)->stake_free);
    call_must(w, &c);
    world_advance(w, w->params.cooldown_slots);
    call_stake_withdraw(w, &c, node, owner, 0);
    call_must(w, &c);
    call_node_close(w, &c, node, owner);
    call_must(w, &c);
}

/* Whoever is owed by an execution is held by its reserve; with their claims on the pool open they
   may go, and hold up nobody. */
static void nodes_leave(void **unused)
{
    (void)unused;
    struct play p;
    struct call c;
    struct world *w = world_full(ORACLES, TASKS);
    play_init(&p, w, ORACLES, NODES, TASKS);
    play_request(&p, 1);
    uint64_t escrow = play_exec(&p)->escrow;
    play_assign(&p);
    play_commit(&p);
    play_draw_all(&p);
    play_check(&p, -1);
    play_reveal(&p);
    call_conclude(&p, &c, true);
    call_must(w, &c);
    for (unsigned i = 0; i < NODES; i++) {
        call_free_reserve(&p, &c, i);
        assert_string_equal(call_try(w, &c), "NotAllPaid");
    }
    assert_true(play_clear(&p));
    uint64_t earned = 0;
    for (unsigned i = 0; i < NODES; i++) {
        char node[32], owner[32];
        snprintf(node, sizeof node, "node%u", i);
        snprintf(owner, sizeof owner, "owner%u", i);
        earned += world_node_read(w, node)->earned;
        call_earnings_claim(w, &c, node, owner);
        call_must(w, &c);
        leave(w, i);
    }
    uint8_t key[32];
    at_key(w, "requestor", w->requestor, key);
    const struct su_acc_requestor *r = world_read(w, SU_TAG_REQUESTOR, key);
    const struct su_acc_pool *pool = world_read(w, SU_TAG_POOL, w->pool);
    for (unsigned i = 0; i < ORACLES; i++) {
        char oracle[32];
        snprintf(oracle, sizeof oracle, "oracle%u", i);
        earned += world_oracle_read(w, oracle)->earned;
    }
    assert_int_equal(earned + r->refund + pool->balance, escrow); /* nothing is lost */
    assert_int_equal(pool->claims_next - pool->claims_head, TASKS);
    while (pool->claims_head != pool->claims_next) { /* lapse, from an empty pool or not */
        uint8_t claim_key[32];
        at_claim(w, pool->claims_head, claim_key);
        const struct su_acc_claim *claim = world_read(w, SU_TAG_CLAIM, claim_key);
        call_claim_pay(w, &c, pool->claims_head, "node0");
        call_set(&c, "node", claim->node);
        call_must(w, &c);
        pool = world_read(w, SU_TAG_POOL, w->pool);
    }
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(nodes_leave)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
