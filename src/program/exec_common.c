// SPDX-License-Identifier: MIT
/* What the handlers of executions share. FREESTANDING, compiled natively and to sBPF. */
#include "program_priv.h"

uint64_t su_prog_exec_pair(struct su_sys *s, uint64_t exec_at, uint64_t assignment_at,
                           struct su_acc_execution **exec, struct su_acc_assignment **assignment)
{
    SU_TRY(su_prog_load(s, exec_at, SU_TAG_EXECUTION, exec));
    SU_TRY(su_prog_load(s, assignment_at, SU_TAG_ASSIGNMENT, assignment));
    SU_DEMAND(su_free_key_equal((*assignment)->execution, su_prog_key(s, exec_at)), WrongRelation);
    SU_DEMAND((*assignment)->task < (*exec)->task_count, WrongRelation);
    return 0;
}

uint64_t su_prog_exec_in(const struct su_acc_execution *exec, uint32_t mask)
{
    SU_DEMAND((mask >> exec->state & 1u) != 0, WrongState);
    return 0;
}

void su_prog_exec_void(struct su_acc_execution *exec, uint8_t cause, uint64_t slot)
{
    exec->state = SU_EXEC_VOID;
    exec->void_cause = cause;
    exec->phase_slot = slot;
}

/* The reserve of that node in this execution, created when it is absent. */
static uint64_t reserve_open(struct su_sys *s, const struct su_prog_holding *h,
                             struct su_acc_reserve **out)
{
    const uint8_t *exec_key = su_prog_key(s, h->exec_at);
    if (!su_prog_absent(s, h->reserve_at)) {
        SU_TRY(su_prog_load(s, h->reserve_at, SU_TAG_RESERVE, out));
        SU_DEMAND(su_free_key_equal((*out)->execution, exec_key), WrongRelation);
        SU_DEMAND(su_free_key_equal((*out)->node, h->node->identity), WrongRelation);
        return 0;
    }
    struct su_seeds seeds;
    su_seeds_keys(&seeds, "reserve", exec_key, h->node->identity);
    SU_TRY(su_prog_create(s, h->payer, h->reserve_at, SU_TAG_RESERVE, &seeds, out));
    su_free_copy((*out)->execution, exec_key, 32);
    su_free_copy((*out)->node, h->node->identity, 32);
    su_free_copy((*out)->owner, h->node->owner, 32);
    h->exec->reserves_open++;
    h->node->reserves_open++;
    return 0;
}

uint64_t su_prog_reserve_take(struct su_sys *s, const struct su_prog_holding *h,
                              struct su_acc_reserve **out)
{
    struct su_acc_reserve *r;
    SU_TRY(reserve_open(s, h, &r));
    SU_TRY(su_prog_add(&r->stake_sum, h->stake));
    uint64_t floor = h->params->stake_floor;
    uint64_t amount = r->stake_sum > floor ? r->stake_sum : floor;
    uint64_t more = amount - r->amount; /* neither the sum nor the floor ever shrinks */
    SU_DEMAND(h->node->stake_free >= more, InsufficientStake);
    h->node->stake_free -= more;
    SU_TRY(su_prog_add(&h->node->stake_reserved, more));
    r->amount = amount;
    *out = r;
    return 0;
}

uint64_t su_prog_reserve_free(struct su_sys *s, struct su_acc_execution *exec,
                              struct su_acc_node *node, uint64_t reserve_at, uint64_t rent_payer_at)
{
    struct su_acc_reserve *reserve;
    SU_TRY(su_prog_load(s, reserve_at, SU_TAG_RESERVE, &reserve));
    SU_TRY(su_prog_sub(&node->stake_reserved, reserve->amount));
    SU_TRY(su_prog_add(&node->stake_free, reserve->amount));
    node->reserves_open--;
    exec->reserves_open--;
    return su_prog_close(s, reserve_at, rent_payer_at);
}

static bool same_question(const struct su_vote *a, const struct su_vote *b)
{
    return a->question == b->question && a->attempt == b->attempt && a->round == b->round;
}

uint64_t su_prog_vote(const struct su_acc_config *config, struct su_prog_ballot *b)
{
    SU_DEMAND(!same_question(&b->votes[b->number], &b->vote), AlreadyVoted);
    b->votes[b->number] = b->vote;
    uint8_t count = 0, mask = 0;
    for (uint8_t i = 0; i < config->oracle_count; i++) {
        const struct su_vote *v = &b->votes[i];
        if (!same_question(v, &b->vote))
            continue;
        if (!su_free_key_equal(v->digest, b->vote.digest))
            continue;
        count++;
        mask = (uint8_t)(mask | 1u << i);
    }
    b->passed = count >= config->quorum;
    b->voters = mask;
    return 0;
}

void su_prog_task_failed(struct su_acc_execution *exec, struct su_acc_assignment *a,
                         const struct su_params *params, uint64_t slot)
{
    struct su_exec_task *t = &exec->tasks[a->task];
    t->attempt++;
    a->attempt = t->attempt;
    su_free_zero(a->node, 32);
    su_free_zero(a->owner, 32);
    a->approved = 0;
    a->deadline_slot = slot + params->request_expiry_slots;
    exec->assigned--;
    if (t->attempt < params->attempts_max) {
        t->state = SU_TASK_UNASSIGNED;
        return;
    }
    t->state = SU_TASK_FAILED;
    su_prog_exec_void(exec, SU_VOID_ATTEMPTS, slot);
}

void su_prog_task_done(struct su_acc_execution *exec, uint16_t task, uint8_t state)
{
    struct su_exec_task *t = &exec->tasks[task];
    t->state = state;
    if (t->flags & SU_TASKF_DONE)
        return;
    t->flags = (uint16_t)(t->flags | SU_TASKF_DONE);
    exec->done++;
}

void su_prog_dispute_open(struct su_acc_execution *exec, struct su_acc_assignment *a, uint8_t kind,
                          const struct su_params *params, uint64_t slot)
{
    struct su_exec_task *t = &exec->tasks[a->task];
    t->state = SU_TASK_PENDING_VERIFICATION;
    t->flags = (uint16_t)(t->flags | SU_TASKF_DISPUTED);
    a->dispute = kind;
    a->verdict = SU_VERDICT_NONE;
    su_free_zero(a->votes, sizeof a->votes); /* a vote on the last dispute is none on this one */
    a->deadline_slot =
        slot + su_econ_dispute_slots(params, a->weight_bytes, a->macs_per_step, exec->steps);
    exec->disputes_open++;
}

void su_prog_task_verify(struct su_acc_execution *exec, struct su_acc_assignment *a)
{
    const struct su_exec_task *t = &exec->tasks[a->task];
    uint32_t all = (1u << a->input_count) - 1u;
    bool open = (t->flags & (SU_TASKF_DISPUTED | SU_TASKF_DONE)) != 0;
    if ((t->flags & SU_TASKF_REVEALED) == 0 || a->matched != all || open)
        return;
    su_prog_task_done(exec, a->task, SU_TASK_VERIFIED);
}

void su_prog_dispute_close(struct su_acc_execution *exec, uint16_t task)
{
    struct su_exec_task *t = &exec->tasks[task];
    if ((t->flags & SU_TASKF_DISPUTED) == 0)
        return;
    t->flags = (uint16_t)(t->flags & ~SU_TASKF_DISPUTED);
    exec->disputes_open--;
}

void su_prog_task_fault(struct su_acc_execution *exec, uint16_t task)
{
    su_prog_dispute_close(exec, task);
    if (exec->tasks[task].state == SU_TASK_VERIFICATION_FAILED)
        return;
    su_prog_task_done(exec, task, SU_TASK_VERIFICATION_FAILED);
    exec->faults++;
}

static bool is_source(const struct su_acc_assignment *a, uint16_t task)
{
    for (uint8_t i = 0; i < a->input_count; i++) {
        if (a->sources[i].external != SU_SOURCE_REQUEST && a->sources[i].task == task)
            return true;
    }
    return false;
}

uint64_t su_prog_verdict_fits(const struct su_acc_assignment *a, uint8_t verdict,
                              uint16_t verdict_task)
{
    uint32_t allowed = 0;
    switch (a->dispute) {
    case SU_DISPUTE_ROOTS:
        allowed = 1u << SU_VERDICT_ASSERTER | 1u << SU_VERDICT_VALIDATOR | 1u << SU_VERDICT_BOTH |
                  1u << SU_VERDICT_PRODUCER;
        break;
    case SU_DISPUTE_INPUTS:
        allowed = 1u << SU_VERDICT_ASSERTER | 1u << SU_VERDICT_PRODUCER;
        break;
    case SU_DISPUTE_COMMITTEE:
        allowed = 1u << SU_VERDICT_ASSERTER | 1u << SU_VERDICT_PRODUCER | 1u << SU_VERDICT_RIGHT;
        break;
    case SU_DISPUTE_MISSING:
        allowed = 1u << SU_VERDICT_ASSERTER | 1u << SU_VERDICT_RIGHT;
        break;
    default:
        break;
    }
    SU_DEMAND(verdict < 32 && (allowed >> verdict & 1u) != 0, BadVerdict);
    if (verdict == SU_VERDICT_PRODUCER)
        SU_DEMAND(is_source(a, verdict_task), BadVerdict);
    if (verdict != SU_VERDICT_PRODUCER)
        SU_DEMAND(verdict_task == 0, BadVerdict);
    return 0;
}

/* What came from that producer needs no comparison; what came from others still does. */
static void inputs_excused(struct su_acc_assignment *a, uint16_t producer)
{
    for (uint8_t i = 0; i < a->input_count; i++) {
        if (a->sources[i].external != SU_SOURCE_REQUEST && a->sources[i].task == producer)
            a->matched = (uint8_t)(a->matched | 1u << i);
    }
}

uint64_t su_prog_verdict(struct su_acc_execution *exec, struct su_acc_assignment *a,
                         uint8_t verdict, uint16_t verdict_task)
{
    SU_TRY(su_prog_verdict_fits(a, verdict, verdict_task));
    struct su_exec_task *t = &exec->tasks[a->task];
    su_prog_dispute_close(exec, a->task);
    a->verdict = verdict;
    a->verdict_task = verdict_task;
    if (verdict == SU_VERDICT_VALIDATOR || verdict == SU_VERDICT_BOTH) {
        t->flags = (uint16_t)(t->flags | SU_TASKF_VALIDATOR_WRONG);
        exec->faults++;
    }
    switch (verdict) {
    case SU_VERDICT_ASSERTER:
    case SU_VERDICT_BOTH:
        su_prog_task_fault(exec, a->task);
        break;
    case SU_VERDICT_PRODUCER: /* the asserter worked on what that producer gave it */
        su_prog_task_fault(exec, verdict_task);
        inputs_excused(a, verdict_task);
        su_prog_task_verify(exec, a);
        break;
    default:
        su_prog_task_verify(exec, a);
        break;
    }
    return 0;
}
