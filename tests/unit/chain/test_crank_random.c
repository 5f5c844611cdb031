// SPDX-License-Identifier: MIT
/* Cranks from the states that random runs of the program reach: what the list says is possible
   succeeds; what succeeds when everything is tried is in the list; and the list alone, time passing
   from deadline to deadline, brings every execution to its end. SU_TEST_FULL=1 runs long. */
#include "abi/abi.h"
#include "chain/chain.h"
#include "support/bank.h"
#include "support/ending.h"
#include "support/execution.h"
#include "support/generator.h"
#include "support/scenario.h"
#include "support/seen.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { PASSES_MAX = 4000 };

static struct {
    uint64_t states, listed, tried, found, transactions, packed, jumps;
    uint64_t ok[256];
} total;

static bool full(void)
{
    const char *text = getenv("SU_TEST_FULL");
    return text != NULL && strcmp(text, "1") == 0;
}

static const char *name_of(uint8_t number)
{
    return su_ix_info(number)->name;
}

/* ---- what is listed succeeds ------------------------------------------------------------------ */

static void listed_succeeds(const struct play *p, const struct seen *s,
                            const struct su_chain_crank *k)
{
    struct world w = *p->w;
    w.bank = bank_copy(p->w->bank);
    const uint64_t rc = seen_crank(&w, s, k);
    bank_free(w.bank);
    if (rc != 0)
        fail_msg("%s of task %u is listed in state %u and fails: %llu", name_of(k->number), k->task,
                 s->c.execution->state, (unsigned long long)rc);
    assert_true(k->since_slot <= s->by.slot);
    total.listed++;
    total.ok[k->number]++;
}

/* ---- what succeeds is listed ------------------------------------------------------------------ */

struct trial {
    struct play *p;
    const struct seen *s;
    const struct su_chain_crank *list;
    size_t n;
    struct bank **spare; /* to try things in: a copy of the play's */
};

static bool same(const struct su_chain_crank *k, const struct su_chain_crank *wanted)
{
    if (k->number != wanted->number || k->task != wanted->task || k->check != wanted->check)
        return false;
    if (wanted->number == SU_IX_FREE_RESERVE && memcmp(k->identity, wanted->identity, 32) != 0)
        return false;
    return wanted->number == SU_IX_MATCH || k->part == wanted->part;
}

static void attempt(const struct trial *t, struct call *c, struct su_chain_crank wanted)
{
    struct world w = *t->p->w;
    wanted.number = c->info->number;
    w.bank = *t->spare;
    ending_rent(&w, c);
    total.tried++;
    if (call_run(&w, c) != 0)
        return; /* nothing has changed */
    bank_free(*t->spare);
    *t->spare = bank_copy(t->p->w->bank);
    total.found++;
    for (size_t i = 0; i < t->n; i++)
        if (same(&t->list[i], &wanted))
            return;
    fail_msg("%s of task %u (part %u) succeeds in state %u and is not listed",
             name_of(wanted.number), wanted.task, wanted.part, t->s->c.execution->state);
}

#define TRY(t, c, ...) attempt(t, c, (struct su_chain_crank){__VA_ARGS__})

static void try_checks(const struct trial *t, uint16_t task)
{
    struct call c;
    uint8_t state;
    const struct su_acc_execution *exec = play_exec(t->p);
    const struct su_acc_assignment *a = play_assignment(t->p, task);
    for (uint8_t n = 0; n < SU_VALIDATORS_MAX; n++) {
        if (!ending_check(t->p, task, n, &state))
            continue;
        if (a != NULL) {
            call_pay_check(t->p, &c, task, n);
            TRY(t, &c, .task = task, .check = n);
        }
        call_close_check(t->p, &c, task, n);
        TRY(t, &c, .task = task, .check = n);
    }
    if (a == NULL || exec->state != SU_EXEC_CHECKING)
        return;
    call_check_skip(t->p, &c, task, play_drawn_node(t->p, task));
    TRY(t, &c, .task = task);
    call_check_expire(t->p, &c, task);
    TRY(t, &c, .task = task, .check = (uint8_t)(a->checks - a->check_open));
}

static void try_task(const struct trial *t, uint16_t task)
{
    struct call c;
    const struct su_acc_assignment *a = play_assignment(t->p, task);
    try_checks(t, task);
    if (a == NULL)
        return;
    const unsigned node = ending_node(t->p, a->node);
    t->p->task[task].node = node;
    call_release(t->p, &c, task);
    TRY(t, &c, .task = task);
    call_reassign(t->p, &c, task, node);
    TRY(t, &c, .task = task);
    call_commit_expire(t->p, &c, task);
    TRY(t, &c, .task = task);
    call_reveal_expire(t->p, &c, task);
    TRY(t, &c, .task = task);
    call_dispute_expire(t->p, &c, task);
    TRY(t, &c, .task = task);
    if (task > 0) {
        call_match(t->p, &c, task);
        TRY(t, &c, .task = task);
    }
    call_slash(t->p, &c, task, 0, node);
    TRY(t, &c, .task = task);
    if (a->checks > 0) {
        call_slash(t->p, &c, task, 1, ending_node(t->p, a->validators[a->checks - 1]));
        TRY(t, &c, .task = task, .part = 1);
    }
    call_pay_task(t->p, &c, task, node);
    TRY(t, &c, .task = task);
    call_close_assignment(t->p, &c, task);
    TRY(t, &c, .task = task);
}

static void try_claim(const struct trial *t)
{
    struct call c;
    uint8_t key[32];
    const struct world *w = t->p->w;
    const struct su_acc_pool *pool = world_read(w, SU_TAG_POOL, w->pool);
    call_claim_pay(t->p->w, &c, pool->claims_head, "node0");
    at_claim(w, pool->claims_head, key);
    const struct su_acc_claim *claim = world_read(w, SU_TAG_CLAIM, key);
    if (claim == NULL)
        return;
    call_set(&c, "node", claim->node);
    TRY(t, &c, .task = 0);
}

static void try_all(const struct trial *t)
{
    struct call c;
    for (uint8_t g = 0; g * SU_ASSIGN_GROUP < t->p->tasks; g++) {
        call_assign(t->p, &c, g);
        TRY(t, &c, .task = (uint16_t)(g * SU_ASSIGN_GROUP), .part = g);
    }
    for (uint16_t task = 0; task < t->p->tasks; task++)
        try_task(t, task);
    call_request_expire(t->p, &c);
    TRY(t, &c, .task = 0);
    call_freeze(t->p, &c, false);
    TRY(t, &c, .task = 0);
    call_freeze(t->p, &c, true);
    TRY(t, &c, .part = 1);
    call_draw_default(t->p, &c);
    TRY(t, &c, .task = 0);
    call_conclude(t->p, &c, false);
    call_set_name(&c, "signer", "stranger");
    TRY(t, &c, .task = 0);
    for (unsigned i = 0; i < t->p->nodes; i++) {
        call_free_reserve(t->p, &c, i);
        if (ending_reserve(t->p, i))
            TRY(t, &c, .identity = t->s->identities[i]);
    }
    for (uint8_t i = 0; i < t->p->oracles; i++) {
        call_pay_oracle(t->p, &c, i);
        TRY(t, &c, .part = i);
    }
    call_finish(t->p, &c);
    TRY(t, &c, .task = 0);
    call_close_execution(t->p, &c);
    TRY(t, &c, .task = 0);
    try_claim(t);
}

/* ---- both, from one state --------------------------------------------------------------------- */

static void look(struct play *p)
{
    static struct su_chain_crank list[SU_CHAIN_CRANKS_MAX];
    struct seen *s = seen_new(p);
    const size_t n = su_chain_crank(&s->c, &s->by, list, SU_CHAIN_CRANKS_MAX);
    struct bank *spare = bank_copy(p->w->bank);
    const struct trial t = {.p = p, .s = s, .list = list, .n = n, .spare = &spare};
    for (size_t i = 0; i < n; i++)
        listed_succeeds(p, s, &list[i]);
    try_all(&t);
    bank_free(spare);
    total.states++;
    seen_free(s);
}

/* ---- to the end ------------------------------------------------------------------------------- */

/* Everything listed, in the transactions it is packed into: none may fail. */
static size_t send_all(struct play *p, struct seen *s)
{
    static struct su_chain_crank list[SU_CHAIN_CRANKS_MAX];
    static size_t ends[SU_CHAIN_CRANKS_MAX];
    size_t n = su_chain_crank(&s->c, &s->by, list, SU_CHAIN_CRANKS_MAX), count = 0, at = 0;
    struct su_err e;
    assert_int_equal(
        su_chain_crank_pack(&s->c, p->w->payer, list, n, ends, SU_CHAIN_CRANKS_MAX, &count, &e),
        SU_OK);
    for (size_t i = 0; i < count; at = ends[i++]) {
        /* an instruction that ends the state leaves the rest of the list to the next look */
        if (i > 0 && list[at].alone)
            break;
        total.transactions++;
        for (size_t k = at; k < ends[i]; k++) {
            const uint64_t rc = seen_crank(p->w, s, &list[k]);
            if (rc != 0)
                fail_msg("%s of task %u, %zu of %zu in a transaction, fails: %llu",
                         name_of(list[k].number), list[k].task, k - at, ends[i] - at,
                         (unsigned long long)rc);
            total.packed++;
        }
        if (list[at].alone)
            break;
    }
    return count;
}

/* To the first deadline that lies ahead. */
static bool wait(struct play *p, const struct seen *s)
{
    struct su_chain_wait waits[2 * SU_TASKS_MAX];
    const size_t n = su_chain_waits(&s->c, &s->by, waits, 2 * SU_TASKS_MAX);
    assert_true(n <= 2 * SU_TASKS_MAX);
    for (size_t i = 0; i < n; i++) {
        assert_string_not_equal(su_chain_wait_text(waits[i].what), "?");
        assert_true(i == 0 || waits[i - 1].until_slot <= waits[i].until_slot);
        if (waits[i].until_slot < s->by.slot)
            continue;
        world_advance(p->w, waits[i].until_slot - s->by.slot + 1);
        total.jumps++;
        return true;
    }
    return false;
}

static void end(void *ctx, struct play *p)
{
    (void)ctx;
    for (unsigned pass = 0; pass < PASSES_MAX && play_exec(p) != NULL; pass++) {
        struct seen *s = seen_new(p);
        const bool moved = send_all(p, s) > 0;
        if (!moved && play_exec(p) != NULL && !wait(p, s))
            fail_msg("nothing can be done and nobody is waited for in state %u",
                     s->c.execution->state);
        seen_free(s);
    }
}

/* ---- runs ------------------------------------------------------------------------------------- */

static void run_seed(uint64_t seed, unsigned steps, unsigned look_every, unsigned drain_every)
{
    struct generator *g = generator_new(seed);
    for (unsigned i = 0; i < steps; i++) {
        generator_step(g);
        struct world w;
        struct play p;
        for (unsigned k = 0; k < GENERATOR_SLOTS && i % look_every == 0; k++)
            if (generator_play(g, k, &w, &p))
                look(&p);
        if (i % drain_every != 0)
            continue;
        const char *wrong = generator_drain_with(g, end, NULL);
        if (wrong != NULL)
            fail_msg("seed %llu, step %u: %s", (unsigned long long)seed, i, wrong);
    }
    generator_free(g);
}

static void lists_are_right_and_lead_to_the_end(void **unused)
{
    (void)unused;
    const uint64_t seeds = full() ? 5 : 1;
    const char *only = getenv("SU_TEST_SEED");
    if (only != NULL)
        run_seed(strtoull(only, NULL, 10), 2500, 3, 25);
    for (uint64_t seed = 1; seed <= seeds && only == NULL; seed++)
        run_seed(seed, full() ? 2000 : 700, full() ? 3 : 4, full() ? 25 : 50);
    printf("%llu states: %llu listed, %llu tried, of which %llu succeeded; %llu transactions of "
           "%llu instructions, %llu waits; listed:",
           (unsigned long long)total.states, (unsigned long long)total.listed,
           (unsigned long long)total.tried, (unsigned long long)total.found,
           (unsigned long long)total.transactions, (unsigned long long)total.packed,
           (unsigned long long)total.jumps);
    for (unsigned i = 0; i < 256; i++)
        if (total.ok[i] != 0)
            printf(" %s %llu", name_of((uint8_t)i), (unsigned long long)total.ok[i]);
    printf("\n");
    assert_true(total.states > 100 && total.found > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(lists_are_right_and_lead_to_the_end)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
