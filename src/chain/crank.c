// SPDX-License-Identifier: MIT
/* What anybody can do about an execution that has not ended: requests to reveals. */
#include "crank_priv.h"

#include <string.h>

enum { HASH_INDEX_MAX = 511, HASH_ENTRY_BYTES = 40, DRAW_TURNS = 2 };

/* Compute units each takes at most, found only by running it: Solana's virtual machine over all
   tests. */
static uint32_t units_of(uint8_t number)
{
    switch (number) {
    case SU_IX_ASSIGN:
        return 90000;
    case SU_IX_CHECK_SKIP:
        return 60000;
    case SU_IX_DRAW_DEFAULT:
    case SU_IX_FREEZE:
    case SU_IX_REASSIGN:
    case SU_IX_MATCH:
    case SU_IX_PAY_CHECK:
    case SU_IX_CONCLUDE:
        return 35000;
    default:
        return 20000;
    }
}

uint64_t chain_plus(uint64_t a, uint64_t b)
{
    uint64_t sum;

    return su_free_add(a, b, &sum) ? sum : UINT64_MAX;
}

bool chain_ended(const struct su_acc_execution *x)
{
    return x->state == SU_EXEC_SETTLED || x->state == SU_EXEC_VOID;
}

struct su_chain_crank *chain_crank_add(struct chain_cranks *l, uint8_t number, uint16_t task,
                                       uint64_t since)
{
    if (l->n == l->cap)
        return NULL;
    struct su_chain_crank *k = &l->out[l->n++];
    memset(k, 0, sizeof *k);
    k->number = number;
    k->task = task;
    k->since_slot = since < l->by->slot ? since : l->by->slot;
    k->units = units_of(number);
    k->voted = l->by->voted;
    return k;
}

/* Appends one that may make others of the list impossible. */
static void add_alone(struct chain_cranks *l, uint8_t number, uint16_t task, uint64_t since)
{
    struct su_chain_crank *k = chain_crank_add(l, number, task, since);

    if (k)
        k->alone = true;
}

/* True when slots beyond `last` have begun. */
static bool over(const struct chain_cranks *l, uint64_t last)
{
    return l->by->slot > last;
}

/* ---- stakes ---------------------------------------------------------------------------------- */

struct chain_purse chain_purse_of(const struct su_chain_part *p)
{
    struct chain_purse purse = {.free = p->node ? p->node->stake_free : 0};

    if (p->reserve) {
        purse.held = p->reserve->amount;
        purse.stake_sum = p->reserve->stake_sum;
    }
    return purse;
}

bool chain_purse_take(struct chain_purse *p, const struct su_params *params, uint64_t stake)
{
    uint64_t sum;

    if (!su_free_add(p->stake_sum, stake, &sum))
        return false;
    const uint64_t amount = sum > params->stake_floor ? sum : params->stake_floor;
    if (amount < p->held || p->free < amount - p->held)
        return false;
    p->free -= amount - p->held;
    p->held = amount;
    p->stake_sum = sum;
    return true;
}

bool chain_task_stake(const struct su_chain_case *c, uint16_t task, uint64_t *stake)
{
    const struct su_exec_task *t = &c->execution->tasks[task];

    return su_econ_stake(&c->config->params, t->sampling_ppm, c->execution->owner_share_ppm, t->fee,
                         stake);
}

static bool declares(const struct su_acc_node *node, const uint8_t task[32])
{
    for (uint8_t i = 0; i < node->declared_count; i++)
        if (memcmp(node->declared[i], task, 32) == 0)
            return true;
    return false;
}

bool chain_may_take(const struct su_chain_case *c, const struct su_chain_part *p, uint16_t task)
{
    const struct su_acc_assignment *a = c->assignments[task];

    return p && p->node && p->reserve_read && a &&
           p->node->numerics_version == c->config->params.numerics_version &&
           declares(p->node, a->task_account);
}

/* ---- before the run -------------------------------------------------------------------------- */

/* Every task of the group is free, and its nodes can hold what the tasks demand, one after the
   other. */
static bool group_possible(const struct chain_cranks *l, const struct su_chain_assign_group *g)
{
    const struct su_chain_case *c = l->c;
    struct chain_purse purses[SU_ASSIGN_GROUP];
    uint64_t stake;

    for (uint8_t i = 0; i < g->count; i++) {
        const uint16_t task = (uint16_t)(g->group * SU_ASSIGN_GROUP + i);
        const struct su_chain_part *p = su_chain_case_part(c, g->identities[i]);
        uint8_t first = 0;
        while (memcmp(g->identities[first], g->identities[i], 32) != 0)
            first++;
        if (c->execution->tasks[task].state != SU_TASK_UNASSIGNED || !chain_may_take(c, p, task))
            return false;
        if (first == i)
            purses[i] = chain_purse_of(p);
        if (!chain_task_stake(c, task, &stake) ||
            !chain_purse_take(&purses[first], &c->config->params, stake))
            return false;
    }
    return true;
}

static void assign(struct chain_cranks *l)
{
    const struct su_acc_execution *x = l->c->execution;
    const struct su_chain_voted *v = l->by->voted;
    uint8_t root[32], path[SU_ASSIGN_PATH_MAX][32];

    if (!v || !v->nodes || v->n_nodes != x->task_count)
        return;
    su_chain_nodes_root(v->nodes, v->n_nodes, root);
    if (memcmp(root, x->assignment_root, 32) != 0)
        return;
    for (uint8_t g = 0; g * SU_ASSIGN_GROUP < x->task_count; g++) {
        const struct su_chain_assign_group group = chain_group_of(v->nodes, v->n_nodes, g, path);
        if (!group_possible(l, &group))
            continue;
        struct su_chain_crank *k =
            chain_crank_add(l, SU_IX_ASSIGN, (uint16_t)(g * SU_ASSIGN_GROUP), x->phase_slot);
        if (k)
            k->part = g;
    }
}

static void release(struct chain_cranks *l, uint64_t since)
{
    const struct su_acc_execution *x = l->c->execution;

    for (uint16_t t = 0; t < x->task_count; t++) {
        const struct su_acc_assignment *a = l->c->assignments[t];
        if (x->tasks[t].state != SU_TASK_ASSIGNED || !a)
            continue;
        const struct su_chain_part *p = su_chain_case_part(l->c, a->node);
        if (!p || !p->node || !p->reserve)
            continue;
        struct su_chain_crank *k = chain_crank_add(l, SU_IX_RELEASE, t, since);
        if (k) {
            k->identity = a->node;
            k->rent_payer = p->reserve->head.rent_payer;
        }
    }
}

static void before_run(struct chain_cranks *l)
{
    const struct su_acc_execution *x = l->c->execution;
    const struct su_params *params = &l->c->config->params;
    const uint64_t expiry = chain_plus(x->request_slot, params->request_expiry_slots);
    const uint64_t taking = chain_plus(x->phase_slot, params->round_slots);

    if (x->state == SU_EXEC_ASSIGNING && over(l, taking))
        release(l, taking + 1);
    else if (x->state == SU_EXEC_ASSIGNING)
        assign(l);
    if (x->assigned == 0 && over(l, expiry))
        add_alone(l, SU_IX_REQUEST_EXPIRE, 0, expiry + 1);
}

/* ---- run ------------------------------------------------------------------------------------- */

static void reassign(struct chain_cranks *l, uint16_t task)
{
    const struct su_chain_case *c = l->c;
    const struct su_acc_execution *x = c->execution;
    const struct su_params *params = &c->config->params;
    const struct su_acc_assignment *a = c->assignments[task];
    const uint64_t end = chain_plus(
        x->phase_slot, su_econ_run_slots(params, x->max_steps, x->task_count, x->macs_per_step));
    uint64_t stake;

    if (!a->approved || over(l, chain_plus(a->assign_slot, params->round_slots)) || over(l, end))
        return;
    const struct su_chain_part *p = su_chain_case_part(c, a->node);
    if (!chain_may_take(c, p, task) || !chain_task_stake(c, task, &stake))
        return;
    struct chain_purse purse = chain_purse_of(p);
    if (!chain_purse_take(&purse, params, stake))
        return;
    struct su_chain_crank *k = chain_crank_add(l, SU_IX_REASSIGN, task, a->assign_slot);
    if (k) {
        k->identity = a->node;
        k->alone = true; /* it gives the others more time: they do not expire any more */
    }
}

static uint64_t hash_slot(const struct su_chain_case *c, size_t i)
{
    return su_free_load64(c->slot_hashes + HASH_ENTRY_BYTES * i);
}

/* Where the hash of the first slot after the last commit stands in `slot`: each slot that ends puts
   one in front. */
static bool hash_index(const struct su_chain_case *c, uint64_t slot, uint32_t *out)
{
    const uint64_t last = c->execution->last_commit_slot;
    size_t older = 0;

    while (older < c->n_slot_hashes && hash_slot(c, older) > last)
        older++;
    if (older == 0 || older == c->n_slot_hashes)
        return false;
    const uint64_t newest = hash_slot(c, 0), since = slot > newest + 1 ? slot - newest - 1 : 0;
    if (since >= HASH_INDEX_MAX || older - 1 + since >= HASH_INDEX_MAX)
        return false;
    *out = (uint32_t)(older - 1 + since);
    return true;
}

static void freeze(struct chain_cranks *l)
{
    const struct su_acc_execution *x = l->c->execution;
    const uint64_t wait = chain_plus(x->last_commit_slot, l->c->config->params.freeze_slots);
    uint32_t index = 0;
    const bool hashed = hash_index(l->c, l->by->slot, &index);

    if (hashed)
        add_alone(l, SU_IX_FREEZE, 0, chain_plus(x->last_commit_slot, 2));
    if (hashed && l->n > 0)
        l->out[l->n - 1].hash_index = index;
    if (!over(l, wait))
        return;
    struct su_chain_crank *k = chain_crank_add(l, SU_IX_FREEZE, 0, wait + 1);
    if (k) {
        k->alone = true;
        k->spare = hashed;
        k->part = 1;
    }
}

static void run(struct chain_cranks *l)
{
    const struct su_acc_execution *x = l->c->execution;

    for (uint16_t t = 0; t < x->task_count; t++) {
        const struct su_acc_assignment *a = l->c->assignments[t];
        const struct su_exec_task *task = &x->tasks[t];
        if (!a)
            continue;
        if (task->state == SU_TASK_UNASSIGNED) {
            reassign(l, t);
            if (over(l, a->deadline_slot))
                add_alone(l, SU_IX_COMMIT_EXPIRE, t, a->deadline_slot + 1);
        } else if (task->state == SU_TASK_ASSIGNED && over(l, x->deadline_slot)) {
            struct su_chain_crank *k =
                chain_crank_add(l, SU_IX_COMMIT_EXPIRE, t, x->deadline_slot + 1);
            if (k) /* the last attempt: the execution ends */
                k->alone = task->attempt + 1u >= l->c->config->params.attempts_max;
        }
    }
    if (x->committed == x->task_count)
        freeze(l);
}

/* ---- draw ------------------------------------------------------------------------------------ */

static uint8_t turns_of(const struct su_acc_config *config)
{
    return config->oracle_count < DRAW_TURNS ? config->oracle_count : DRAW_TURNS;
}

static void draw(struct chain_cranks *l)
{
    const struct su_acc_config *config = l->c->config;
    const uint64_t first =
        chain_plus(l->c->execution->phase_slot, turns_of(config) * config->params.turn_slots);

    if (l->by->slot >= first)
        add_alone(l, SU_IX_DRAW_DEFAULT, 0, first);
}

bool su_chain_turn(const struct su_chain_case *c, uint64_t slot, struct su_chain_turn *out)
{
    const struct su_acc_execution *x = c->execution;
    const uint64_t each = c->config->params.turn_slots;
    uint8_t order[SU_ORACLES_MAX];

    memset(out, 0, sizeof *out);
    if (x->state != SU_EXEC_FROZEN || slot < x->phase_slot || each == 0)
        return false;
    const uint64_t turn = (slot - x->phase_slot) / each;
    if (turn >= turns_of(c->config))
        return false;
    su_msg_draw_order(chain_hash, x->alpha, c->config->oracles, c->config->oracle_count, order);
    out->turn = (uint8_t)turn;
    out->oracle = order[turn];
    out->key = c->config->oracles[out->oracle].key;
    out->vrf_key = c->config->oracles[out->oracle].vrf_key;
    out->until_slot = x->phase_slot + (turn + 1) * each - 1;
    return true;
}

/* ---- reveals --------------------------------------------------------------------------------- */

/* The inputs that can be compared now. While a dispute is open, only equal ones: the next dispute
   waits for its end. */
static uint8_t matchable(const struct su_chain_case *c, uint16_t task)
{
    const struct su_acc_assignment *a = c->assignments[task];
    const bool disputed = (c->execution->tasks[task].flags & SU_TASKF_DISPUTED) != 0;
    uint8_t mask = 0;

    for (uint8_t i = 0; i < a->input_count; i++) {
        const struct su_source *source = &a->sources[i];
        if ((a->matched >> i & 1u) != 0 || source->task >= c->execution->task_count)
            continue;
        const struct su_acc_assignment *producer = c->assignments[source->task];
        const uint16_t flags = c->execution->tasks[source->task].flags;
        if (!producer || (flags & (SU_TASKF_REVEALED | SU_TASKF_DONE)) == 0)
            continue;
        const bool differs =
            (flags & SU_TASKF_REVEALED) != 0 &&
            memcmp(a->input_roots[i], producer->output_roots[source->output], 32) != 0;
        if (!differs || !disputed)
            mask = (uint8_t)(mask | 1u << i);
    }
    return mask;
}

static void reveal_task(struct chain_cranks *l, uint16_t t)
{
    const struct su_acc_execution *x = l->c->execution;
    const struct su_acc_assignment *a = l->c->assignments[t];
    const uint16_t flags = x->tasks[t].flags;
    const uint64_t silence = chain_plus(x->phase_slot, l->c->config->params.silence_slots);
    const uint64_t last = x->last_reveal_slot > x->phase_slot ? x->last_reveal_slot : x->phase_slot;

    if ((flags & (SU_TASKF_REVEALED | SU_TASKF_DONE)) == 0 && over(l, silence))
        (void)chain_crank_add(l, SU_IX_REVEAL_EXPIRE, t, silence + 1);
    if ((flags & SU_TASKF_REVEALED) == 0)
        return;
    if ((flags & SU_TASKF_DONE) == 0 && matchable(l->c, t) != 0) {
        struct su_chain_crank *k = chain_crank_add(l, SU_IX_MATCH, t, last);
        if (k)
            k->part = matchable(l->c, t);
    }
    if ((flags & SU_TASKF_DISPUTED) != 0 && over(l, a->deadline_slot))
        (void)chain_crank_add(l, SU_IX_DISPUTE_EXPIRE, t, a->deadline_slot + 1);
}

static bool any_in(const struct su_acc_execution *x, uint8_t state)
{
    for (uint16_t t = 0; t < x->task_count; t++)
        if (x->tasks[t].state == state)
            return true;
    return false;
}

static void reveal(struct chain_cranks *l)
{
    const struct su_acc_execution *x = l->c->execution;
    const uint64_t last = x->last_reveal_slot > x->phase_slot ? x->last_reveal_slot : x->phase_slot;
    const uint64_t complaint = chain_plus(x->last_reveal_slot, l->c->config->params.missing_slots);
    const bool bad = any_in(x, SU_TASK_VERIFICATION_FAILED) || any_in(x, SU_TASK_FAILED);
    const bool accepted = l->by->accepting && memcmp(l->by->accepting, x->requestor, 32) == 0;

    for (uint16_t t = 0; t < x->task_count; t++)
        if (l->c->assignments[t])
            reveal_task(l, t);
    if (x->done == x->task_count && (bad || accepted || over(l, complaint)))
        add_alone(l, SU_IX_CONCLUDE, 0, bad || accepted ? last : complaint + 1);
}

/* ---- all ------------------------------------------------------------------------------------- */

static void pay_claim(struct chain_cranks *l)
{
    const struct su_chain_case *c = l->c;

    if (!c->claim || !c->claim_node_read || (c->claim_node && c->pool->balance < c->claim->amount))
        return;
    struct su_chain_crank *k = chain_crank_add(l, SU_IX_CLAIM_PAY, 0, c->execution->phase_slot);
    if (k) {
        k->claim = c->claim->seq;
        k->rent_payer = c->claim->head.rent_payer;
    }
}

size_t su_chain_crank(const struct su_chain_case *c, const struct su_chain_crank_by *by,
                      struct su_chain_crank *out, size_t cap)
{
    struct chain_cranks l = {.c = c, .by = by, .out = out, .cap = cap};

    switch (c->execution->state) {
    case SU_EXEC_OPENING:
    case SU_EXEC_REQUESTED:
    case SU_EXEC_ASSIGNING:
        before_run(&l);
        break;
    case SU_EXEC_RUNNING:
        run(&l);
        break;
    case SU_EXEC_FROZEN:
        draw(&l);
        break;
    case SU_EXEC_CHECKING:
        chain_cranks_checking(&l);
        break;
    case SU_EXEC_REVEALING:
        reveal(&l);
        break;
    default:
        chain_cranks_ended(&l);
        break;
    }
    pay_claim(&l);
    return l.n;
}

/* First 32 bits of a hash over execution and epoch: where the ranks begin. */
unsigned su_chain_crank_rank(const struct su_chain_case *c, unsigned oracle_number)
{
    static const char domain[] = "splitup/rank";
    const unsigned n = c->config->oracle_count;
    uint8_t epoch[8], digest[32];
    const struct su_part parts[] = {{domain, sizeof domain - 1}, {c->key, 32}, {epoch, 8}};

    if (n == 0)
        return 0;
    su_free_store64(epoch, c->execution->epoch);
    chain_hash(parts, SU_ARRAY_LEN(parts), digest);
    return (oracle_number % n + n - su_free_load32(digest) % n) % n;
}

bool su_chain_crank_ripe(const struct su_chain_case *c, const struct su_chain_crank *k,
                         unsigned rank, uint64_t slot)
{
    return slot >= chain_plus(k->since_slot, rank * 2ull * c->config->params.round_slots);
}
