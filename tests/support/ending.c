// SPDX-License-Identifier: MIT
#include "support/ending.h"

#include "abi/abi.h"
#include "support/bank.h"
#include "support/execution.h"
#include "support/scenario.h"

#include <stdio.h>
#include <string.h>

static void node_key(unsigned i, uint8_t key[32])
{
    static uint8_t known[PLAY_NODES_MAX][32]; /* a key takes its time to make */
    if (su_free_is_zero(known[i], 32)) {
        char name[32];
        snprintf(name, sizeof name, "node%u", i);
        world_key(name, known[i]);
    }
    memcpy(key, known[i], 32);
}

unsigned ending_node(const struct play *p, const uint8_t identity[32])
{
    for (unsigned i = 0; i < p->nodes; i++) {
        uint8_t key[32];
        node_key(i, key);
        if (memcmp(key, identity, 32) == 0)
            return i;
    }
    return 0;
}

void ending_rent(struct world *w, struct call *c)
{
    const char *role;
    switch (c->info->number) {
    case SU_IX_RELEASE:
    case SU_IX_FREE_RESERVE:
        role = "reserve";
        break;
    case SU_IX_CLOSE_ASSIGNMENT:
        role = "assignment";
        break;
    case SU_IX_CLOSE_CHECK:
        role = "check";
        break;
    case SU_IX_CLOSE_EXECUTION:
        role = "execution";
        break;
    case SU_IX_CLAIM_PAY:
        role = "claim";
        break;
    default:
        return;
    }
    struct svm_account a;
    bank_account_get(w->bank, c->metas[call_find(c, role)].key, &a);
    if (a.data_bytes >= sizeof(struct su_acc_head))
        call_set(c, "rent_payer", ((const struct su_acc_head *)(const void *)a.data)->rent_payer);
}

bool ending_check(const struct play *p, unsigned task, unsigned number, uint8_t *state)
{
    uint8_t key[32];
    at_check(p->w, (uint16_t)task, number, key);
    const struct su_acc_check *check = world_read(p->w, SU_TAG_CHECK, key);
    if (check != NULL)
        *state = check->state;
    return check != NULL;
}

bool ending_reserve(const struct play *p, unsigned node)
{
    uint8_t key[32];
    node_key(node, key);
    at_reserve(p->w, key, key);
    return world_read(p->w, SU_TAG_RESERVE, key) != NULL;
}

void ending_next(struct play *p, unsigned first, struct call *c)
{
    const struct su_acc_execution *exec = play_exec(p);
    uint8_t state;
    for (unsigned i = 0; i < p->tasks && exec->slashes < exec->faults; i++) {
        const unsigned t = (first + i) % p->tasks;
        const uint16_t flags = exec->tasks[t].flags;
        const struct su_acc_assignment *a = play_assignment(p, t);
        const bool wrong = (flags & SU_TASKF_VALIDATOR_WRONG) != 0;
        if (exec->tasks[t].state == SU_TASK_VERIFICATION_FAILED &&
            (flags & SU_TASKF_SLASHED) == 0) {
            call_slash(p, c, t, 0, ending_node(p, a->node));
            return;
        }
        if (wrong && (flags & SU_TASKF_VALIDATOR_SLASHED) == 0) {
            call_slash(p, c, t, 1, ending_node(p, a->validators[a->checks - 1]));
            return;
        }
    }
    for (unsigned i = 0; i < p->tasks; i++) {
        const unsigned t = (first + i) % p->tasks;
        if ((exec->tasks[t].flags & (SU_TASKF_PAID | SU_TASKF_OPEN)) == SU_TASKF_OPEN) {
            call_pay_task(p, c, t, ending_node(p, play_assignment(p, t)->node));
            return;
        }
        for (unsigned n = 0; n < SU_VALIDATORS_MAX && exec->checks_open != 0; n++) {
            if (!ending_check(p, t, n, &state))
                continue;
            if (state == SU_CHECK_PAID)
                call_close_check(p, c, t, n);
            else
                call_pay_check(p, c, t, n);
            return;
        }
    }
    const uint8_t due = exec->oracles_voted | exec->oracles_silent;
    for (unsigned i = 0; i < p->oracles && exec->state == SU_EXEC_SETTLED; i++) {
        if (((due & ~exec->oracles_paid) >> i & 1) != 0) {
            call_pay_oracle(p, c, i);
            return;
        }
    }
    if (!exec->finished) {
        call_finish(p, c);
        return;
    }
    for (unsigned i = 0; i < p->nodes && exec->reserves_open != 0; i++) {
        if (ending_reserve(p, i)) {
            call_free_reserve(p, c, i);
            return;
        }
    }
    for (unsigned t = 0; t < p->tasks; t++) {
        if (play_assignment(p, t) != NULL) {
            call_close_assignment(p, c, t);
            return;
        }
    }
    call_close_execution(p, c);
}

static bool crank(struct play *p, struct call *c)
{
    ending_rent(p->w, c);
    return call_run(p->w, c) == 0;
}

static unsigned crank_before(struct play *p)
{
    struct call c;
    unsigned n = 0;
    for (unsigned t = 0; t < p->tasks; t++) {
        const struct su_acc_assignment *a = play_assignment(p, t);
        if (a == NULL || su_free_is_zero(a->node, 32))
            continue;
        p->task[t].node = ending_node(p, a->node);
        call_release(p, &c, t);
        n += crank(p, &c);
    }
    call_request_expire(p, &c);
    n += crank(p, &c);
    return n;
}

static unsigned crank_running(struct play *p)
{
    struct call c;
    unsigned n = 0;
    for (unsigned t = 0; t < p->tasks; t++) {
        const uint8_t state = play_exec(p)->tasks[t].state;
        if (state == SU_TASK_COMPLETED)
            continue;
        call_commit_expire(p, &c, t);
        n += crank(p, &c);
    }
    call_freeze(p, &c, true);
    n += crank(p, &c);
    return n;
}

static unsigned crank_checking(struct play *p)
{
    struct call c;
    unsigned n = 0;
    for (unsigned t = 0; t < p->tasks; t++) {
        call_check_expire(p, &c, t);
        n += crank(p, &c);
    }
    return n;
}

static unsigned crank_revealing(struct play *p)
{
    struct call c;
    unsigned n = 0;
    for (unsigned t = 0; t < p->tasks; t++) {
        const uint16_t flags = play_exec(p)->tasks[t].flags;
        if ((flags & SU_TASKF_DONE) != 0)
            continue;
        call_reveal_expire(p, &c, t);
        if ((flags & SU_TASKF_DISPUTED) != 0 && (flags & SU_TASKF_REVEALED) != 0)
            call_dispute_expire(p, &c, t);
        else if ((flags & SU_TASKF_REVEALED) != 0)
            call_match(p, &c, t);
        n += crank(p, &c);
    }
    call_conclude(p, &c, false);
    call_set_name(&c, "signer", "stranger");
    n += crank(p, &c);
    return n;
}

static unsigned crank_ended(struct play *p)
{
    struct call c;
    for (unsigned n = 0;; n++) {
        if (play_exec(p) == NULL)
            return n;
        ending_next(p, 0, &c);
        if (!crank(p, &c))
            return n;
    }
}

unsigned ending_crank(struct play *p)
{
    struct call c;
    switch (play_exec(p)->state) {
    case SU_EXEC_OPENING:
    case SU_EXEC_REQUESTED:
    case SU_EXEC_ASSIGNING:
        return crank_before(p);
    case SU_EXEC_RUNNING:
        return crank_running(p);
    case SU_EXEC_FROZEN:
        call_draw_default(p, &c);
        return crank(p, &c);
    case SU_EXEC_CHECKING:
        return crank_checking(p);
    case SU_EXEC_REVEALING:
        return crank_revealing(p);
    default:
        return crank_ended(p);
    }
}
