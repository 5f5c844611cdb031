// SPDX-License-Identifier: MIT
#include "support/setting.h"

#include "abi/abi.h"
#include "support/bank.h"
#include "support/execution.h"
#include "support/scenario.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STAKE (10000ull * SU_USDC)

static void die(const char *what, const char *detail)
{
    fprintf(stderr, "setting: %s: %s\n", what, detail);
    abort();
}

/* world_model with a sampling task. */
static void model_sampling(struct world *w, uint16_t tasks)
{
    struct call c;
    call_model_create(w, &c, "generator", tasks, (uint16_t)(tasks - 1));
    call_must(w, &c);
    for (uint16_t i = 0; i < tasks; i++) {
        call_task_add(w, &c, i, i == 0, i + 1 == tasks);
        call_must(w, &c);
    }
    for (uint16_t i = 0; i + 1 < tasks; i++) {
        call_connect(w, &c, i, 1);
        call_must(w, &c);
    }
    call_model_feedback(w, &c, (uint16_t)(tasks - 1), 0);
    call_must(w, &c);
    call_model_finalise(w, &c);
    call_must(w, &c);
}

struct world *setting_world(struct play *p, const struct setting *s)
{
    unsigned oracles = s->oracles ? s->oracles : 3, nodes = s->nodes ? s->nodes : 3;
    uint16_t tasks = (uint16_t)(s->tasks ? s->tasks : 3);
    struct world *w = world_bare();
    struct call c;
    if (s->tune != NULL)
        s->tune(&w->params);
    call_init(w, &c);
    call_must(w, &c);
    world_oracles(w, oracles);
    if (s->sampling)
        model_sampling(w, tasks);
    else
        world_model(w, "model", tasks, true);
    for (unsigned i = 0; i < nodes; i++) {
        char node[32], owner[32];
        snprintf(node, sizeof node, "node%u", i);
        snprintf(owner, sizeof owner, "owner%u", i);
        world_node(w, node, owner, STAKE);
        world_declare(w, node, owner, tasks);
    }
    play_init(p, w, oracles, nodes, tasks);
    p->max_steps = p->steps = s->max_steps ? s->max_steps : 1;
    return w;
}

void setting_expect(struct play *p, const struct call *c, const char *outcome)
{
    const char *got = call_try(p->w, c);
    if (strcmp(got, outcome) != 0) {
        fprintf(stderr, "setting: %s gave %s, not %s\n", c->info->name, got, outcome);
        abort();
    }
}

bool setting_works(struct play *p, const struct call *c)
{
    struct bank *kept = p->w->bank;
    p->w->bank = bank_copy(kept);
    bool works = call_run(p->w, c) == 0;
    bank_free(p->w->bank);
    p->w->bank = kept;
    return works;
}

void setting_vote(struct play *p, unsigned task, uint8_t question, uint8_t verdict,
                  uint16_t verdict_task)
{
    struct call c;
    for (unsigned i = 0; i < (2 * p->oracles + 2) / 3; i++) {
        call_vote_task(p, &c, i, task, question, verdict, verdict_task);
        call_must(p->w, &c);
    }
}

void setting_requested(struct play *p, uint64_t nonce)
{
    play_request(p, nonce);
}
void setting_running(struct play *p, uint64_t nonce)
{
    play_request(p, nonce);
    play_assign(p);
}
void setting_committed(struct play *p, uint64_t nonce)
{
    setting_running(p, nonce);
    play_commit(p);
}
void setting_checking(struct play *p, uint64_t nonce)
{
    setting_committed(p, nonce);
    play_draw_all(p);
}
void setting_revealing(struct play *p, uint64_t nonce, int wrong_task)
{
    setting_checking(p, nonce);
    play_check(p, wrong_task);
    if (play_exec(p)->state != SU_EXEC_REVEALING)
        die("no way to", "REVEALING");
}

void setting_reveal(struct play *p, int silent)
{
    struct call c;
    for (unsigned t = 0; t < p->tasks; t++) {
        if ((int)t == silent)
            continue;
        call_reveal(p, &c, t);
        call_must(p->w, &c);
    }
    for (unsigned t = play_is_fed(p) ? 0 : 1; t < p->tasks; t++) {
        if ((int)t == silent || (int)(t == 0 ? p->tasks - 1 : t - 1) == silent)
            continue;
        call_match(p, &c, t);
        call_must(p->w, &c);
    }
}

unsigned setting_drawn(struct play *p, unsigned task)
{
    struct call c;
    for (unsigned i = 0; i < SU_CHECK_DRAWS_MAX; i++) {
        unsigned node = play_drawn_node(p, task);
        call_check_skip(p, &c, task, node);
        if (call_run(p->w, &c) != 0)
            return node;
    }
    die("nobody may check", "");
    return 0;
}

void setting_committee(struct play *p, unsigned task)
{
    struct call c;
    while ((play_exec(p)->tasks[task].flags & SU_TASKF_CHECKED) == 0) {
        const struct su_acc_assignment *a = play_assignment(p, task);
        uint64_t slot = bank_slot(p->w->bank);
        if (a->deadline_slot == 0)
            world_advance(p->w, 100000); /* from the draw: longer than any run here */
        else if (a->deadline_slot >= slot)
            world_advance(p->w, a->deadline_slot - slot + 1);
        call_check_expire(p, &c, task);
        call_must(p->w, &c);
    }
}

void setting_end(struct play *p, uint8_t state, uint8_t cause)
{
    struct call c;
    if (play_exec(p)->state == SU_EXEC_REVEALING) {
        call_conclude(p, &c, true);
        call_must(p->w, &c);
    }
    const struct su_acc_execution *exec = play_exec(p);
    if (exec->state != state || exec->void_cause != cause) {
        fprintf(stderr, "setting: ended in state %u, cause %u\n", exec->state, exec->void_cause);
        abort();
    }
    if (!play_clear(p))
        die("something is left", "");
    for (unsigned i = 0; i < p->nodes; i++)
        if (setting_node(p, i)->stake_reserved != 0 || setting_node(p, i)->reserves_open != 0)
            die("a reserve is left", "");
}

uint64_t setting_refund(const struct play *p)
{
    uint8_t key[32];
    at_key(p->w, "requestor", p->w->requestor, key);
    const struct su_acc_requestor *r = world_read(p->w, SU_TAG_REQUESTOR, key);
    return r->refund;
}

uint64_t setting_pool(const struct play *p)
{
    const struct su_acc_pool *pool = world_read(p->w, SU_TAG_POOL, p->w->pool);
    return pool->balance;
}

uint64_t setting_fee(const struct play *p)
{
    uint64_t fee;
    if (!su_econ_fee(&p->w->params, p->w->params.fee_unit, SU_MACS_PER_UNIT / 2, p->steps, &fee))
        die("no fee", "");
    return fee;
}

const struct su_acc_node *setting_node(const struct play *p, unsigned node)
{
    char name[32];
    snprintf(name, sizeof name, "node%u", node);
    return world_node_read(p->w, name);
}
