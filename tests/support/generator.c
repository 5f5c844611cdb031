// SPDX-License-Identifier: MIT
#include "support/generator.h"

#include "abi/abi.h"
#include "support/bank.h"
#include "support/ending.h"
#include "support/execution.h"
#include "support/generator_money.h"
#include "support/random.h"
#include "support/scenario.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ORACLES = 3, NODES = 6, MODELS = 3, SLOTS = GENERATOR_SLOTS, KEPT = 64, PASSES_MAX = 80 };
#define STAKE (20000ull * SU_USDC)
#define LONG_JUMP 70000u /* more than any wait of an execution here */

/* One execution: its own view of the world, over the bank of all. */
struct slot {
    bool used, sampling;
    struct world w;
    struct play p;
};
struct model {
    uint8_t key[32];
    uint16_t tasks;
    bool sampling;
};
struct generator {
    struct world *w;
    struct su_random r;
    struct model models[MODELS];
    struct slot slots[SLOTS];
    struct call kept[KEPT]; /* calls that succeeded, to be replayed */
    size_t kept_count;
    uint64_t nonce;
    struct generator_counts counts;
    struct money money;
};

static uint32_t below(struct generator *g, uint32_t n)
{
    return su_random_below(&g->r, n);
}
static bool chance(struct generator *g, uint32_t percent)
{
    return su_random_chance(&g->r, percent);
}

/* ---- the world --------------------------------------------------------------------------------- */

static void model_make(struct generator *g, unsigned i, uint16_t tasks, bool sampling)
{
    static const char *const names[MODELS] = {"model0", "model1", "model2"};
    struct world *w = g->w;
    struct call c;
    if (!sampling) {
        world_model(w, names[i], tasks, true);
    } else {
        call_model_create(w, &c, names[i], tasks, (uint16_t)(tasks - 1));
        call_must(w, &c);
        for (uint16_t t = 0; t < tasks; t++) {
            call_task_add(w, &c, t, t == 0, t + 1 == tasks);
            call_must(w, &c);
        }
        call_connect(w, &c, 0, tasks - 1u);
        call_must(w, &c);
        call_model_feedback(w, &c, (uint16_t)(tasks - 1), 0);
        call_must(w, &c);
        call_model_finalise(w, &c);
        call_must(w, &c);
    }
    memcpy(g->models[i].key, w->model, 32);
    g->models[i].tasks = tasks;
    g->models[i].sampling = sampling;
}

static void node_names(unsigned i, char node[32], char owner[32])
{
    snprintf(node, 32, "node%u", i);
    snprintf(owner, 32, "owner%u", i);
}

struct generator *generator_new(uint64_t seed)
{
    struct generator *g = calloc(1, sizeof *g);
    if (g == NULL)
        abort();
    g->r = su_random_of(seed, 0x67656e);
    g->w = world_new();
    world_oracles(g->w, ORACLES);
    model_make(g, 0, 3, false);
    model_make(g, 1, 4, true);
    model_make(g, 2, 6, false);
    for (unsigned i = 0; i < NODES; i++) {
        char node[32], owner[32];
        node_names(i, node, owner);
        world_node(g->w, node, owner, STAKE);
        for (unsigned m = 0; m < MODELS; m++) {
            memcpy(g->w->model, g->models[m].key, 32);
            world_declare(g->w, node, owner, g->models[m].tasks);
        }
    }
    for (unsigned i = 0; i < SLOTS; i++) {
        char name[32];
        snprintf(name, sizeof name, "payer%u", i);
        world_person(g->w, name, 0);
    }
    world_person(g->w, "stranger", 1000000ull * SU_USDC);
    money_begin(&g->money, g->w);
    return g;
}

void generator_free(struct generator *g)
{
    world_free(g->w);
    free(g);
}

const struct generator_counts *generator_counts(const struct generator *g)
{
    return &g->counts;
}

const char *generator_check(struct generator *g)
{
    return money_check(&g->money, g->w);
}

static void set_bank(struct generator *g, struct bank *bank)
{
    g->w->bank = bank;
    for (unsigned i = 0; i < SLOTS; i++)
        g->slots[i].w.bank = bank;
}

static void jump(struct generator *g, uint64_t slots)
{
    world_advance(g->w, slots);
}

/* ---- running ----------------------------------------------------------------------------------- */

static bool run(struct generator *g, struct world *w, const struct call *c)
{
    const bool ok = call_run(w, c) == 0;
    if (!ok) {
        g->counts.failed++;
        return false;
    }
    g->counts.succeeded++;
    g->counts.ok[c->info->number]++;
    g->kept[g->kept_count++ % KEPT] = *c;
    if (c->info->number == SU_IX_REQUEST_OPEN)
        g->counts.opened++;
    return true;
}

/* What the people of an execution see on the chain. */
static void look(struct slot *s)
{
    const struct su_acc_execution *exec = play_exec(&s->p);
    if (exec == NULL) {
        s->used = false;
        return;
    }
    s->p.max_steps = exec->max_steps;
    if (exec->steps != 0)
        s->p.steps = exec->steps;
    if (exec->state < SU_EXEC_RUNNING)
        return;
    for (unsigned t = 0; t < s->p.tasks; t++) {
        const struct su_acc_assignment *a = play_assignment(&s->p, t);
        if (a != NULL && !su_free_is_zero(a->node, 32))
            s->p.task[t].node = ending_node(&s->p, a->node);
    }
}

/* ---- what makes sense -------------------------------------------------------------------------- */

static uint64_t epoch_now(const struct generator *g)
{
    const struct su_acc_state *state = world_read(g->w, SU_TAG_STATE, g->w->state);
    if (bank_slot(g->w->bank) < state->latest_start_slot && state->latest_epoch != 0)
        return state->latest_epoch - 1;
    return state->latest_epoch;
}

/* A new execution; some of its asserters will lie. */
static void open_slot(struct generator *g, struct slot *s, struct call *c)
{
    const struct model *m = &g->models[below(g, MODELS)];
    char payer[32];
    s->w = *g->w;
    memcpy(s->w.model, m->key, 32);
    s->w.epoch = epoch_now(g);
    snprintf(payer, sizeof payer, "payer%u", below(g, SLOTS));
    world_key(payer, s->w.payer);
    play_init(&s->p, &s->w, ORACLES, NODES, m->tasks);
    s->sampling = m->sampling;
    for (unsigned t = 0; t < m->tasks; t++)
        s->p.task[t].node = chance(g, 50) ? below(g, NODES) : t % NODES;
    play_plan(&s->p);
    s->p.max_steps = m->sampling ? 1 + below(g, 40) : 1 + below(g, 3);
    s->p.steps = m->sampling ? 1 + below(g, s->p.max_steps) : s->p.max_steps;
    call_request_open(&s->p, c, g->nonce + 1);
    if (chance(g, 30)) { /* a lie that the next task believes, or not */
        const unsigned t = below(g, m->tasks);
        s->p.task[t].output_roots[0][1] ^= 1;
        if ((t + 1u < m->tasks || m->sampling) && chance(g, 60))
            s->p.task[(t + 1) % m->tasks].input_roots[0][1] ^= 1;
    }
    if (chance(g, 10))
        s->p.task[below(g, m->tasks)].input_roots[0][2] ^= 1;
}

static void step_opening(struct generator *g, struct slot *s, struct call *c)
{
    const struct su_acc_execution *exec = play_exec(&s->p);
    if (chance(g, 1))
        call_request_cancel(&s->p, c);
    else if (exec->opened < s->p.tasks)
        call_request_tasks(&s->p, c, exec->opened,
                           s->p.tasks - exec->opened < 3 ? s->p.tasks - exec->opened : 3);
    else
        call_request_submit(&s->p, c);
}

static void step_waiting(struct generator *g, struct slot *s, struct call *c)
{
    const struct su_acc_execution *exec = play_exec(&s->p);
    const uint32_t what = below(g, 100);
    const bool over = bank_slot(s->w.bank) > exec->phase_slot + s->w.params.round_slots;
    if (exec->state == SU_EXEC_ASSIGNING && over && exec->assigned > 0)
        call_release(&s->p, c, below(g, s->p.tasks));
    else if (exec->state == SU_EXEC_ASSIGNING && what < 85)
        call_assign(&s->p, c, below(g, (s->p.tasks + SU_ASSIGN_GROUP - 1) / SU_ASSIGN_GROUP));
    else if (what < 88)
        call_vote_assign(&s->p, c, below(g, ORACLES));
    else if (what < 89)
        call_request_cancel(&s->p, c);
    else
        call_request_expire(&s->p, c);
}

static void step_running(struct generator *g, struct slot *s, struct call *c)
{
    const struct su_acc_execution *exec = play_exec(&s->p);
    unsigned t = below(g, s->p.tasks);
    if (exec->committed == s->p.tasks) {
        if (bank_slot(s->w.bank) <= exec->last_commit_slot + 2)
            jump(g, 3);
        call_freeze(&s->p, c, chance(g, 15));
        return;
    }
    if (exec->steps == 0 && chance(g, 70))
        t = s->p.tasks - 1;
    for (unsigned i = 0; i < s->p.tasks && exec->tasks[t].state == SU_TASK_COMPLETED; i++)
        t = (t + 1) % s->p.tasks;
    const uint32_t what = below(g, 100);
    if (exec->tasks[t].state == SU_TASK_UNASSIGNED) {
        const unsigned node = (t + exec->tasks[t].attempt + 1u) % NODES;
        if (play_assignment(&s->p, t)->approved && what < 70)
            call_reassign(&s->p, c, t, node);
        else if (what < 90)
            call_vote_task(&s->p, c, below(g, ORACLES), t, SU_QUESTION_REASSIGN, (uint8_t)node, 0);
        else
            call_commit_expire(&s->p, c, t);
        return;
    }
    if (what < 70)
        call_commit(&s->p, c, t);
    else if (what < 94)
        call_vote_task(&s->p, c, below(g, ORACLES), (unsigned)(s->w.nonce % s->p.tasks),
                       SU_QUESTION_FAILED, 0, 0);
    else
        call_commit_expire(&s->p, c, t);
}

static void step_frozen(struct generator *g, struct slot *s, struct call *c)
{
    if (chance(g, 90))
        call_draw(&s->p, c, below(g, ORACLES));
    else
        call_draw_default(&s->p, c);
}

static void step_checking(struct generator *g, struct slot *s, struct call *c)
{
    const struct su_acc_execution *exec = play_exec(&s->p);
    unsigned t = below(g, s->p.tasks);
    for (unsigned i = 0; i < s->p.tasks; i++) {
        const uint16_t flags = exec->tasks[t].flags;
        if ((flags & SU_TASKF_SAMPLED) != 0 && (flags & SU_TASKF_CHECKED) == 0)
            break;
        t = (t + 1) % s->p.tasks;
    }
    const struct su_acc_assignment *a = play_assignment(&s->p, t);
    const uint32_t what = below(g, 100);
    if (what < 5) {
        call_check_expire(&s->p, c, t);
    } else if (a->check_open && a->checks > 0) {
        call_check_post(&s->p, c, t, ending_node(&s->p, a->validators[a->checks - 1]),
                        chance(g, 15));
    } else {
        const unsigned node = play_drawn_node(&s->p, t);
        call_check_skip(&s->p, c, t, node);
        struct bank *kept = s->w.bank;
        s->w.bank = bank_copy(kept);
        const bool skippable = call_run(&s->w, c) == 0;
        bank_free(s->w.bank);
        s->w.bank = kept;
        if (!skippable)
            call_check_accept(&s->p, c, t, node);
    }
}

static uint8_t verdict_of(const struct slot *s, unsigned task, uint8_t dispute)
{
    static const uint8_t roots[] = {SU_VERDICT_ASSERTER, SU_VERDICT_VALIDATOR, SU_VERDICT_BOTH,
                                    SU_VERDICT_PRODUCER};
    static const uint8_t inputs[] = {SU_VERDICT_ASSERTER, SU_VERDICT_PRODUCER};
    static const uint8_t committee[] = {SU_VERDICT_ASSERTER, SU_VERDICT_RIGHT, SU_VERDICT_RIGHT,
                                        SU_VERDICT_PRODUCER};
    static const uint8_t lost[] = {SU_VERDICT_ASSERTER, SU_VERDICT_RIGHT};
    const uint64_t n = s->w.nonce * 7 + task;
    switch (dispute) {
    case SU_DISPUTE_ROOTS:
        return roots[n % 4];
    case SU_DISPUTE_INPUTS:
        return inputs[n % 2];
    case SU_DISPUTE_COMMITTEE:
        return committee[n % 4];
    default:
        return lost[n % 2];
    }
}

static void step_dispute(struct generator *g, struct slot *s, struct call *c, unsigned t)
{
    const struct su_acc_assignment *a = play_assignment(&s->p, t);
    uint8_t verdict = verdict_of(s, t, a->dispute);
    if (chance(g, 10)) {
        const uint64_t slot = bank_slot(s->w.bank);
        if (chance(g, 30) && a->deadline_slot >= slot)
            jump(g, a->deadline_slot - slot + 1); /* the committee sleeps */
        call_dispute_expire(&s->p, c, t);
        return;
    }
    if (verdict == SU_VERDICT_PRODUCER && t == 0 && !s->sampling)
        verdict = SU_VERDICT_ASSERTER;
    const unsigned producer = t == 0 ? s->p.tasks - 1 : t - 1;
    call_vote_task(&s->p, c, below(g, ORACLES), t, SU_QUESTION_VERDICT, verdict,
                   verdict == SU_VERDICT_PRODUCER ? (uint16_t)producer : 0);
}

static void step_revealing(struct generator *g, struct slot *s, struct call *c)
{
    const struct su_acc_execution *exec = play_exec(&s->p);
    unsigned t = below(g, s->p.tasks);
    for (unsigned i = 0; i < s->p.tasks && (exec->tasks[t].flags & SU_TASKF_DONE) != 0; i++)
        t = (t + 1) % s->p.tasks;
    const uint16_t flags = exec->tasks[t].flags;
    if (exec->done == exec->task_count && chance(g, 25))
        call_declare_missing(&s->p, c);
    else if (exec->done == exec->task_count)
        call_conclude(&s->p, c, chance(g, 70));
    else if (chance(g, 4))
        call_reveal_expire(&s->p, c, t);
    else if ((flags & SU_TASKF_REVEALED) == 0)
        call_reveal(&s->p, c, t);
    else if ((flags & SU_TASKF_DISPUTED) != 0)
        step_dispute(g, s, c, t);
    else
        call_match(&s->p, c, t);
}

/* Any payment, due or not. */
static void any_payment(struct generator *g, struct slot *s, struct call *c)
{
    const unsigned t = below(g, s->p.tasks);
    const struct su_acc_assignment *a = play_assignment(&s->p, t);
    uint8_t state;
    switch (below(g, 9)) {
    case 0:
        if (a != NULL && a->checks > 0 && chance(g, 50))
            call_slash(&s->p, c, t, 1, ending_node(&s->p, a->validators[a->checks - 1]));
        else
            call_slash(&s->p, c, t, 0, s->p.task[t].node);
        return;
    case 1:
    case 2:
        call_pay_task(&s->p, c, t, s->p.task[t].node);
        return;
    case 3:
        for (unsigned n = 0; n < SU_VALIDATORS_MAX; n++) {
            if (!ending_check(&s->p, t, n, &state))
                continue;
            if (state == SU_CHECK_PAID)
                call_close_check(&s->p, c, t, n);
            else
                call_pay_check(&s->p, c, t, n);
            return;
        }
        call_pay_oracle(&s->p, c, below(g, ORACLES));
        return;
    case 4:
        call_pay_oracle(&s->p, c, below(g, ORACLES));
        return;
    case 5:
        call_free_reserve(&s->p, c, below(g, NODES));
        return;
    case 6:
        call_finish(&s->p, c);
        return;
    case 7:
        call_close_assignment(&s->p, c, t);
        return;
    default:
        call_close_execution(&s->p, c);
    }
}

static void step_sensible(struct generator *g, struct slot *s, struct call *c)
{
    switch (play_exec(&s->p)->state) {
    case SU_EXEC_OPENING:
        step_opening(g, s, c);
        break;
    case SU_EXEC_REQUESTED:
    case SU_EXEC_ASSIGNING:
        step_waiting(g, s, c);
        break;
    case SU_EXEC_RUNNING:
        step_running(g, s, c);
        break;
    case SU_EXEC_FROZEN:
        step_frozen(g, s, c);
        break;
    case SU_EXEC_CHECKING:
        step_checking(g, s, c);
        break;
    case SU_EXEC_REVEALING:
        step_revealing(g, s, c);
        break;
    default:
        ending_next(&s->p, below(g, s->p.tasks), c);
    }
}

/* ---- what makes none --------------------------------------------------------------------------- */

/* Some call on the execution, whatever its state. */
static void any_call(struct generator *g, struct slot *s, struct call *c)
{
    struct play *p = &s->p;
    const unsigned t = below(g, p->tasks), o = below(g, ORACLES), n = below(g, NODES);
    switch (below(g, 16)) {
    case 0:
        call_request_submit(p, c);
        break;
    case 1:
        call_request_tasks(p, c, t, 1);
        break;
    case 2:
        call_vote_assign(p, c, o);
        break;
    case 3:
        call_assign(p, c, 0);
        break;
    case 4:
        call_release(p, c, t);
        break;
    case 5:
        call_vote_task(p, c, o, t, (uint8_t)(1 + below(g, 5)), (uint8_t)below(g, 7), 0);
        break;
    case 6:
        call_reassign(p, c, t, n);
        break;
    case 7:
        call_commit(p, c, t);
        CALL_ARGS(c, commit)->steps = below(g, 50);
        break;
    case 8:
        call_draw(p, c, o);
        break;
    case 9:
        call_reveal(p, c, t);
        break;
    case 10:
        call_declare_missing(p, c);
        break;
    case 11:
        call_conclude(p, c, chance(g, 50));
        break;
    case 12:
        call_slash(p, c, t, below(g, 3), n);
        break;
    case 13:
        call_pay_task(p, c, t, n);
        break;
    case 14:
        call_free_reserve(p, c, n);
        break;
    default:
        any_payment(g, s, c);
    }
}

static void spoil(struct generator *g, struct call *c)
{
    struct svm_account other;
    size_t accounts = 0;
    const uint32_t at = c->count != 0 ? below(g, (uint32_t)c->count) : 0;
    switch (below(g, 6)) {
    case 0: /* some account of all */
    case 1:
        while (bank_account_at(g->w->bank, accounts, &other))
            accounts++;
        bank_account_at(g->w->bank, below(g, (uint32_t)accounts), &other);
        memcpy(c->metas[at].key, other.key, 32);
        break;
    case 2:
        c->metas[at].signer = false;
        c->metas[below(g, (uint32_t)c->count)].writable = false;
        break;
    case 3: /* never the number itself: that would be another call with other accounts */
        c->data.raw[1 + below(g, (uint32_t)c->bytes)] ^= (uint8_t)(1u << below(g, 8));
        break;
    case 4:
        if (chance(g, 50))
            c->bytes -= 1 + below(g, (uint32_t)c->bytes - 1);
        else
            c->count = at;
        break;
    default: { /* two accounts in each other's place */
        const uint32_t to = below(g, (uint32_t)c->count);
        const struct svm_meta meta = c->metas[at];
        c->metas[at] = c->metas[to];
        c->metas[to] = meta;
    }
    }
}

static void step_senseless(struct generator *g, struct slot *s, struct call *c)
{
    const uint32_t what = below(g, 100);
    if (what < 25 && g->kept_count > 0) {
        const size_t n = g->kept_count < KEPT ? g->kept_count : KEPT;
        *c = g->kept[below(g, (uint32_t)n)];
        return;
    }
    if (what < 60) {
        any_call(g, s, c);
        return;
    }
    step_sensible(g, s, c);
    spoil(g, c);
}

/* ---- people beside the executions -------------------------------------------------------------- */

static void claim_set(struct generator *g, struct call *c)
{
    const struct su_acc_pool *pool = world_read(g->w, SU_TAG_POOL, g->w->pool);
    uint8_t key[32];
    call_claim_pay(g->w, c, pool->claims_head, "node0");
    at_claim(g->w, pool->claims_head, key);
    const struct su_acc_claim *claim = world_read(g->w, SU_TAG_CLAIM, key);
    if (claim != NULL)
        call_set(c, "node", claim->node);
}

static void step_people(struct generator *g, struct call *c)
{
    const unsigned n = below(g, NODES);
    const struct model *m = &g->models[below(g, MODELS)];
    const uint16_t task = (uint16_t)below(g, m->tasks);
    char node[32], owner[32];
    node_names(n, node, owner);
    memcpy(g->w->model, m->key, 32);
    g->w->epoch = epoch_now(g);
    switch (below(g, 12)) {
    case 0:
        call_stake_deposit(g->w, c, owner, node, 1 + below(g, 500) * 1000000ull);
        break;
    case 1:
        call_stake_unlock(g->w, c, node, owner, 1 + below(g, 1000) * 1000000ull);
        break;
    case 2:
        call_stake_withdraw(g->w, c, node, owner, below(g, SU_TICKETS_MAX));
        break;
    case 3:
        call_earnings_claim(g->w, c, node, owner);
        break;
    case 4:
        call_refund_claim(g->w, c, "requestor");
        break;
    case 5:
        call_pool_deposit(g->w, c, "stranger", 1 + below(g, 20000));
        break;
    case 6:
        if (chance(g, 20))
            call_node_undeclare(g->w, c, node, owner, task);
        else
            call_node_declare(g->w, c, node, owner, task);
        break;
    case 7:
        call_node_declare(g->w, c, node, owner, task);
        break;
    case 8:
        call_oracle_withdraw(g->w, c, "oracle1", below(g, 10000), chance(g, 10) ? 5 : 0);
        break;
    case 9:
        if (chance(g, 20))
            call_config_next(g->w, c, ORACLES, NULL);
        else
            call_node_update(g->w, c, node);
        break;
    default:
        claim_set(g, c);
    }
}

static void step_time(struct generator *g)
{
    static const uint32_t spans[] = {1, 1, 2, 2, 5, 5, 14, 14, 30, 50, 80, 160, 450, 1600};
    g->counts.jumps++;
    if (chance(g, 5))
        jump(g, chance(g, 10) ? 230000 : LONG_JUMP);
    else
        jump(g, spans[below(g, sizeof spans / sizeof *spans)]);
    if (chance(g, 5)) /* somebody sends money to the vault for nothing */
        money_gift(&g->money, g->w, 1 + below(g, 1000));
}

static void note(struct generator *g, const struct slot *s, uint8_t before)
{
    const struct su_acc_execution *exec = play_exec(&s->p);
    if (exec == NULL)
        return;
    g->counts.state[exec->state]++;
    if (exec->state != before && exec->state >= SU_EXEC_SETTLED)
        g->counts.cause[exec->void_cause]++;
}

void generator_step(struct generator *g)
{
    struct call c;
    struct slot *s = &g->slots[below(g, SLOTS)];
    g->counts.steps++;
    if (chance(g, 3)) {
        step_time(g);
        return;
    }
    if (chance(g, 10)) {
        step_people(g, &c);
        if (chance(g, 20))
            spoil(g, &c);
        else
            ending_rent(g->w, &c);
        (void)run(g, g->w, &c);
        return;
    }
    if (s->used)
        look(s);
    if (!s->used) {
        open_slot(g, s, &c);
        if (run(g, &s->w, &c)) {
            s->used = true;
            g->nonce++;
        }
        return;
    }
    const uint8_t before = play_exec(&s->p)->state;
    if (chance(g, 70)) {
        step_sensible(g, s, &c);
        ending_rent(&s->w, &c);
    } else {
        step_senseless(g, s, &c);
    }
    (void)run(g, &s->w, &c);
    note(g, s, before);
}

/* ---- the end without anybody's help ------------------------------------------------------------ */

static void crank_claims(struct generator *g)
{
    struct call c;
    call_pool_deposit(g->w, &c, "stranger", 10000ull * SU_USDC);
    call_must(g->w, &c);
    for (;;) {
        const struct su_acc_pool *pool = world_read(g->w, SU_TAG_POOL, g->w->pool);
        if (pool->claims_head == pool->claims_next)
            return;
        claim_set(g, &c);
        ending_rent(g->w, &c);
        g->counts.cranks++;
        if (call_run(g->w, &c) != 0)
            return;
    }
}

static void end_by_trying(void *ctx, struct play *p)
{
    struct generator *g = ctx;
    for (unsigned pass = 0; pass < PASSES_MAX && play_exec(p) != NULL; pass++) {
        g->counts.cranks += ending_crank(p);
        jump(g, LONG_JUMP);
    }
}

const char *generator_drain(struct generator *g)
{
    return generator_drain_with(g, end_by_trying, g);
}

bool generator_play(const struct generator *g, unsigned i, struct world *w, struct play *p)
{
    struct slot s = g->slots[i];
    s.p.w = &s.w;
    if (!s.used || play_exec(&s.p) == NULL)
        return false;
    look(&s);
    *w = s.w;
    *p = s.p;
    p->w = w;
    return true;
}

const char *generator_drain_with(struct generator *g, void (*end)(void *ctx, struct play *p),
                                 void *ctx)
{
    static char why[256];
    struct bank *kept = g->w->bank;
    const char *wrong = NULL;
    set_bank(g, bank_copy(kept));
    for (unsigned i = 0; i < SLOTS && wrong == NULL; i++) {
        struct slot s = g->slots[i];
        s.p.w = &s.w;
        if (!s.used || play_exec(&s.p) == NULL)
            continue;
        world_key("stranger", s.w.payer);
        const uint8_t begun = play_exec(&s.p)->state;
        end(ctx, &s.p);
        const struct su_acc_execution *exec = play_exec(&s.p);
        if (exec == NULL) {
            g->counts.drained++;
            continue;
        }
        snprintf(why, sizeof why, "an execution in state %u can be brought to state %u only", begun,
                 exec->state);
        wrong = why;
    }
    if (wrong == NULL) {
        crank_claims(g);
        wrong = money_check(&g->money, g->w);
    }
    if (wrong == NULL)
        wrong = money_left(g->w);
    bank_free(g->w->bank);
    set_bank(g, kept);
    return wrong;
}
