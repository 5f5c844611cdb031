// SPDX-License-Identifier: MIT
/* Assignment: the committee's votes, taking and giving back the nodes' reserves, and a task's way
   back when its node fails. FREESTANDING, compiled natively and to sBPF. */
#include "program_priv.h"

#define SU_OWNER_SHARE_MAX_PPM 900000u
#define SU_TABLE_TOTAL_MAX (1ull << 60)

static bool assigning_over(const struct su_acc_execution *exec, const struct su_params *params,
                           uint64_t slot)
{
    return slot > exec->phase_slot + params->round_slots;
}

static uint64_t may_vote_assign(struct su_acc_execution *exec, const struct su_params *params,
                                uint64_t slot)
{
    SU_TRY(su_prog_exec_in(exec, 1u << SU_EXEC_REQUESTED | 1u << SU_EXEC_ASSIGNING));
    if (exec->state == SU_EXEC_ASSIGNING) {
        SU_DEMAND(exec->assigned == 0 && assigning_over(exec, params, slot), WrongState);
    }
    SU_DEMAND(slot <= exec->request_slot + params->request_expiry_slots, TooLate);
    return 0;
}

static void assignment_voted(struct su_acc_execution *exec, const struct su_ix_vote_assign *ix,
                             uint64_t slot)
{
    exec->state = SU_EXEC_ASSIGNING;
    exec->phase_slot = slot;
    exec->owner_share_ppm = ix->owner_share_ppm;
    exec->table_total = ix->table_total;
    exec->table_depth = ix->table_depth;
    su_free_copy(exec->table_root, ix->table_root, 32);
    su_free_copy(exec->assignment_root, ix->assignment_root, 32);
}

uint64_t su_prog_vote_assign(struct su_sys *s)
{
    enum { ORACLE, CONFIG, EXECUTION };
    const struct su_ix_vote_assign *ix = SU_PROG_ARGS(s, vote_assign);
    struct su_acc_execution *exec;
    struct su_acc_config *config;
    uint8_t number;
    uint64_t slot = su_sys_slot(s);
    SU_TRY(su_prog_load(s, EXECUTION, SU_TAG_EXECUTION, &exec));
    SU_TRY(su_prog_config_of(s, exec, CONFIG, &config));
    SU_TRY(su_prog_oracle_number(config, su_prog_key(s, ORACLE), &number));
    SU_TRY(may_vote_assign(exec, &config->params, slot));
    SU_DEMAND(ix->round == (slot - exec->submit_slot) / config->params.round_slots, WrongRound);
    SU_DEMAND(ix->table_total > 0 && ix->table_total <= SU_TABLE_TOTAL_MAX, BadArgument);
    SU_DEMAND(ix->table_depth <= SU_TABLE_DEPTH_MAX && su_free_is_zero(ix->pad, sizeof ix->pad),
              BadArgument);
    SU_DEMAND(ix->owner_share_ppm <= SU_OWNER_SHARE_MAX_PPM, BadArgument);

    struct su_msg_scope scope = su_prog_scope(s, config, EXECUTION, exec);
    struct su_prog_ballot ballot = {.votes = exec->votes, .number = number};
    ballot.vote.round = ix->round;
    ballot.vote.question = SU_QUESTION_ASSIGN;
    su_msg_vote_assign(su_prog_hash, &scope, ix, ballot.vote.digest);
    SU_TRY(su_prog_vote(config, &ballot));
    if (!ballot.passed)
        return 0;
    exec->oracles_voted |= ballot.voters;
    assignment_voted(exec, ix, slot);
    return 0;
}

static bool node_declares(const struct su_acc_node *node, const uint8_t task[32])
{
    for (uint8_t i = 0; i < node->declared_count; i++) {
        if (su_free_key_equal(node->declared[i], task))
            return true;
    }
    return false;
}

/* Makes the node at node_at the asserter of the task, with its stake reserved. h: payer, positions,
   execution and parameters are filled. */
static uint64_t task_give(struct su_sys *s, struct su_prog_holding *h, uint64_t node_at,
                          struct su_acc_assignment *a)
{
    struct su_acc_execution *exec = h->exec;
    struct su_exec_task *t = &exec->tasks[a->task];
    struct su_acc_reserve *reserve;
    SU_TRY(su_prog_load(s, node_at, SU_TAG_NODE, &h->node));
    SU_DEMAND(t->state == SU_TASK_UNASSIGNED, WrongState);
    SU_DEMAND(h->node->numerics_version == h->params->numerics_version, WrongNumerics);
    SU_DEMAND(node_declares(h->node, a->task_account), NotDeclared);
    SU_DEMAND(su_econ_stake(h->params, t->sampling_ppm, exec->owner_share_ppm, t->fee, &h->stake),
              EconomicsUnsafe);
    SU_TRY(su_prog_reserve_take(s, h, &reserve));
    reserve->tasks[a->task / 8] |= (uint8_t)(1u << a->task % 8);
    su_free_copy(a->node, h->node->identity, 32);
    su_free_copy(a->owner, h->node->owner, 32);
    a->stake = h->stake;
    a->assign_slot = su_sys_slot(s);
    a->deadline_slot = 0;
    t->state = SU_TASK_ASSIGNED;
    exec->assigned++;
    return 0;
}

/* The group's leaf must lead to the root that was voted. identities come from the nodes passed. */
static uint64_t group_check(struct su_sys *s, const struct su_acc_execution *exec,
                            const struct su_ix_assign *ix, uint64_t nodes_at)
{
    uint8_t(*identities)[32] = (uint8_t(*)[32])(void *)s->scratch;
    uint8_t digest[32];
    for (uint8_t i = 0; i < ix->count; i++) {
        struct su_acc_node *node;
        SU_TRY(su_prog_load(s, nodes_at + ix->node_of[i], SU_TAG_NODE, &node));
        su_free_copy(identities[i], node->identity, 32);
    }
    su_msg_assign_leaf(su_prog_hash, ix->group, (const uint8_t(*)[32])identities, ix->count,
                       digest);
    uint64_t groups = (exec->task_count + SU_ASSIGN_GROUP - 1u) / SU_ASSIGN_GROUP;
    SU_DEMAND(su_msg_root_of(su_prog_hash, digest, ix->group, groups,
                             (const uint8_t(*)[32])ix->path, ix->path_len, digest),
              BadProof);
    SU_DEMAND(su_free_key_equal(digest, exec->assignment_root), BadProof);
    return 0;
}

static uint64_t assign_args(const struct su_sys *s, const struct su_acc_execution *exec,
                            const struct su_ix_assign *ix, uint64_t first_at)
{
    uint32_t first = (uint32_t)ix->group * SU_ASSIGN_GROUP;
    SU_DEMAND(first < exec->task_count, BadArgument);
    uint32_t left = exec->task_count - first;
    SU_DEMAND(ix->count == (left < SU_ASSIGN_GROUP ? left : SU_ASSIGN_GROUP), BadArgument);
    SU_DEMAND(ix->node_count >= 1 && ix->node_count <= ix->count, BadArgument);
    SU_DEMAND(ix->path_len <= SU_ASSIGN_PATH_MAX, BadProof);
    for (uint8_t i = 0; i < SU_ASSIGN_GROUP; i++) {
        bool used = i < ix->count;
        SU_DEMAND(used ? ix->node_of[i] < ix->node_count : ix->node_of[i] == 0, BadArgument);
    }
    SU_DEMAND(s->count >= first_at + ix->count + 2u * ix->node_count, NotEnoughAccounts);
    return 0;
}

uint64_t su_prog_assign(struct su_sys *s)
{
    enum { PAYER, CONFIG, EXECUTION, SYSTEM, ASSIGNMENTS };
    const struct su_ix_assign *ix = SU_PROG_ARGS(s, assign);
    struct su_acc_execution *exec;
    struct su_acc_config *config;
    uint64_t slot = su_sys_slot(s);
    SU_TRY(su_prog_load(s, EXECUTION, SU_TAG_EXECUTION, &exec));
    SU_TRY(su_prog_config_of(s, exec, CONFIG, &config));
    SU_TRY(su_prog_exec_in(exec, 1u << SU_EXEC_ASSIGNING));
    SU_DEMAND(!assigning_over(exec, &config->params, slot), TooLate);
    SU_TRY(assign_args(s, exec, ix, ASSIGNMENTS));
    uint64_t nodes_at = ASSIGNMENTS + (uint64_t)ix->count;
    uint64_t reserves_at = nodes_at + ix->node_count;
    SU_TRY(group_check(s, exec, ix, nodes_at));
    for (uint8_t i = 0; i < ix->count; i++) {
        struct su_acc_assignment *a;
        SU_TRY(su_prog_exec_pair(s, EXECUTION, ASSIGNMENTS + (uint64_t)i, &exec, &a));
        SU_DEMAND(a->task == ix->group * SU_ASSIGN_GROUP + i, WrongRelation);
        struct su_prog_holding h = {.payer = PAYER,
                                    .exec_at = EXECUTION,
                                    .reserve_at = reserves_at + ix->node_of[i],
                                    .exec = exec,
                                    .params = &config->params};
        SU_TRY(task_give(s, &h, nodes_at + ix->node_of[i], a));
    }
    if (exec->assigned < exec->task_count)
        return 0;
    exec->state = SU_EXEC_RUNNING;
    exec->phase_slot = slot;
    exec->deadline_slot = slot + su_econ_commit_slots(&config->params, exec->max_steps,
                                                      exec->task_count, exec->macs_per_step, 0);
    return 0;
}

uint64_t su_prog_release(struct su_sys *s)
{
    enum { CONFIG, EXECUTION, ASSIGNMENT, NODE, RESERVE, RENT_PAYER };
    struct su_acc_execution *exec;
    struct su_acc_assignment *a;
    struct su_acc_config *config;
    struct su_acc_node *node;
    struct su_acc_reserve *reserve;
    uint64_t slot = su_sys_slot(s);
    SU_TRY(su_prog_exec_pair(s, EXECUTION, ASSIGNMENT, &exec, &a));
    SU_TRY(su_prog_config_of(s, exec, CONFIG, &config));
    SU_TRY(su_prog_load(s, NODE, SU_TAG_NODE, &node));
    SU_TRY(su_prog_load(s, RESERVE, SU_TAG_RESERVE, &reserve));
    SU_TRY(su_prog_exec_in(exec, 1u << SU_EXEC_ASSIGNING));
    SU_DEMAND(assigning_over(exec, &config->params, slot), TooEarly);
    struct su_exec_task *t = &exec->tasks[a->task];
    SU_DEMAND(t->state == SU_TASK_ASSIGNED, WrongState);
    SU_DEMAND(su_free_key_equal(reserve->execution, a->execution) &&
                  su_free_key_equal(reserve->node, a->node) &&
                  su_free_key_equal(node->identity, a->node),
              WrongRelation);

    t->state = SU_TASK_UNASSIGNED;
    su_free_zero(a->node, 32);
    su_free_zero(a->owner, 32);
    exec->assigned--;
    reserve->tasks[a->task / 8] &= (uint8_t) ~(1u << a->task % 8);
    if (exec->assigned == 0) {
        exec->state = SU_EXEC_REQUESTED;
        exec->phase_slot = slot;
    }
    if (!su_free_is_zero(reserve->tasks, sizeof reserve->tasks))
        return 0;
    return su_prog_reserve_free(s, exec, node, RESERVE, RENT_PAYER);
}

static uint64_t question_open(const struct su_acc_execution *exec,
                              const struct su_acc_assignment *a, const struct su_ix_vote_task *ix,
                              const struct su_params *params, uint64_t slot)
{
    const struct su_exec_task *t = &exec->tasks[a->task];
    bool running = exec->state == SU_EXEC_RUNNING;
    switch (ix->question) {
    case SU_QUESTION_FAILED:
        SU_DEMAND(running && t->state == SU_TASK_ASSIGNED, WrongState);
        SU_DEMAND(su_free_is_zero(ix->subject, 32), BadArgument);
        break;
    case SU_QUESTION_REASSIGN:
        SU_DEMAND(running && t->state == SU_TASK_UNASSIGNED, WrongState);
        SU_DEMAND(!a->approved || slot > a->assign_slot + params->round_slots, WrongState);
        SU_DEMAND(!su_free_is_zero(ix->subject, 32), BadArgument);
        break;
    case SU_QUESTION_VERDICT:
        SU_DEMAND(exec->state == SU_EXEC_REVEALING && (t->flags & SU_TASKF_DISPUTED) != 0,
                  WrongState);
        SU_DEMAND((t->flags & SU_TASKF_REVEALED) != 0, NotRevealed);
        SU_DEMAND(su_free_is_zero(ix->subject, 32), BadArgument);
        return su_prog_verdict_fits(a, ix->verdict, ix->verdict_task);
    default:
        return SU_PROG_BadArgument;
    }
    SU_DEMAND(ix->verdict == 0 && ix->verdict_task == 0, BadArgument);
    return 0;
}

static uint64_t question_passed(struct su_acc_execution *exec, struct su_acc_assignment *a,
                                const struct su_ix_vote_task *ix, const struct su_params *params,
                                uint64_t slot)
{
    switch (ix->question) {
    case SU_QUESTION_FAILED:
        su_prog_task_failed(exec, a, params, slot);
        return 0;
    case SU_QUESTION_REASSIGN:
        su_free_copy(a->node, ix->subject, 32);
        a->approved = 1;
        a->assign_slot = slot;
        return 0;
    default:
        return su_prog_verdict(exec, a, ix->verdict, ix->verdict_task);
    }
}

uint64_t su_prog_vote_task(struct su_sys *s)
{
    enum { ORACLE, CONFIG, EXECUTION, ASSIGNMENT };
    const struct su_ix_vote_task *ix = SU_PROG_ARGS(s, vote_task);
    struct su_acc_execution *exec;
    struct su_acc_assignment *a;
    struct su_acc_config *config;
    uint8_t number;
    uint64_t slot = su_sys_slot(s);
    SU_TRY(su_prog_exec_pair(s, EXECUTION, ASSIGNMENT, &exec, &a));
    SU_TRY(su_prog_config_of(s, exec, CONFIG, &config));
    SU_TRY(su_prog_oracle_number(config, su_prog_key(s, ORACLE), &number));
    SU_DEMAND(ix->pad == 0 && su_free_is_zero(ix->pad2, sizeof ix->pad2), BadArgument);
    SU_TRY(question_open(exec, a, ix, &config->params, slot));
    SU_DEMAND(ix->attempt == a->attempt, WrongAttempt);
    SU_DEMAND(ix->round == (slot - exec->phase_slot) / config->params.round_slots, WrongRound);

    struct su_msg_scope scope = su_prog_scope(s, config, EXECUTION, exec);
    struct su_prog_ballot ballot = {.votes = a->votes, .number = number};
    ballot.vote.round = ix->round;
    ballot.vote.question = ix->question;
    ballot.vote.attempt = ix->attempt;
    su_msg_vote_task(su_prog_hash, &scope, a->task, ix, ballot.vote.digest);
    SU_TRY(su_prog_vote(config, &ballot));
    if (!ballot.passed)
        return 0;
    exec->oracles_voted |= ballot.voters;
    if (ix->question == SU_QUESTION_VERDICT && !exec->missing_used)
        exec->last_reveal_slot = slot; /* the requestor could not complain while it was open */
    return question_passed(exec, a, ix, &config->params, slot);
}

uint64_t su_prog_reassign(struct su_sys *s)
{
    enum { PAYER, CONFIG, EXECUTION, ASSIGNMENT, NODE, RESERVE };
    struct su_acc_execution *exec;
    struct su_acc_assignment *a;
    struct su_acc_config *config;
    struct su_acc_node *node;
    uint64_t slot = su_sys_slot(s);
    SU_TRY(su_prog_exec_pair(s, EXECUTION, ASSIGNMENT, &exec, &a));
    SU_TRY(su_prog_config_of(s, exec, CONFIG, &config));
    SU_TRY(su_prog_exec_in(exec, 1u << SU_EXEC_RUNNING));
    SU_DEMAND(a->approved, NotApproved);
    SU_DEMAND(slot <= a->assign_slot + config->params.round_slots, TooLate);
    /* Tasks that fail one after another must not carry the run on for ever. */
    uint64_t end = exec->phase_slot + su_econ_run_slots(&config->params, exec->max_steps,
                                                        exec->task_count, exec->macs_per_step);
    SU_DEMAND(slot <= end, TooLate);
    SU_TRY(su_prog_load(s, NODE, SU_TAG_NODE, &node));
    SU_DEMAND(su_free_key_equal(node->identity, a->node), WrongRelation);
    struct su_prog_holding h = {.payer = PAYER,
                                .exec_at = EXECUTION,
                                .reserve_at = RESERVE,
                                .exec = exec,
                                .params = &config->params};
    SU_TRY(task_give(s, &h, NODE, a));
    a->approved = 0;
    uint64_t deadline =
        slot + su_econ_commit_slots(&config->params, exec->max_steps, exec->task_count,
                                    exec->macs_per_step, a->attempt);
    if (deadline > end)
        deadline = end;
    if (deadline > exec->deadline_slot)
        exec->deadline_slot = deadline; /* the others wait */
    return 0;
}
