// SPDX-License-Identifier: MIT
/* Checks: the order of validators, their roots in the clear, and the way to the committee when none
   answers. FREESTANDING, compiled natively and to sBPF. */
#include "program_priv.h"

uint64_t su_prog_check_deadline(const struct su_acc_execution *exec,
                                const struct su_acc_assignment *a, const struct su_params *params,
                                uint64_t slot)
{
    uint64_t slots = su_econ_commit_slots(params, exec->steps, 1, a->macs_per_step, 0);
    uint64_t end;
    return su_free_add(slot, slots, &end) ? end : UINT64_MAX;
}

/* The first draw's time runs from the draw itself; later ones are written when they begin. */
static uint64_t deadline_now(const struct su_acc_execution *exec, const struct su_acc_assignment *a,
                             const struct su_params *params)
{
    if (a->deadline_slot != 0)
        return a->deadline_slot;
    return su_prog_check_deadline(exec, a, params, exec->phase_slot);
}

static void counted(struct su_acc_execution *exec, uint64_t slot)
{
    exec->checked++;
    if (exec->checked < exec->sampled)
        return;
    exec->state = SU_EXEC_REVEALING;
    exec->phase_slot = slot;
}

void su_prog_check_committee(struct su_acc_execution *exec, struct su_acc_assignment *a,
                             const struct su_acc_config *config, uint64_t slot)
{
    struct su_exec_task *t = &exec->tasks[a->task];
    su_prog_dispute_open(exec, a, SU_DISPUTE_COMMITTEE, &config->params, slot);
    a->deadline_slot = 0; /* runs from the reveal: before it there is nothing to compare */
    t->flags = (uint16_t)(t->flags | SU_TASKF_CHECKED);
    counted(exec, slot);
}

/* The next draw of the order, or the committee when the draws are used up. */
static void next_draw(struct su_acc_execution *exec, struct su_acc_assignment *a,
                      const struct su_acc_config *config, uint64_t slot)
{
    a->cursor++;
    if (a->cursor >= SU_CHECK_DRAWS_MAX || a->checks >= config->params.validators_max) {
        su_prog_check_committee(exec, a, config, slot);
        return;
    }
    a->deadline_slot = su_prog_check_deadline(exec, a, &config->params, slot);
}

/* The task waits for roots, and nobody has accepted its present draw. */
static uint64_t draw_open(const struct su_acc_execution *exec, const struct su_acc_assignment *a)
{
    const struct su_exec_task *t = &exec->tasks[a->task];
    SU_TRY(su_prog_exec_in(exec, 1u << SU_EXEC_CHECKING));
    SU_DEMAND((t->flags & SU_TASKF_SAMPLED) != 0 && (t->flags & SU_TASKF_CHECKED) == 0, WrongState);
    SU_DEMAND(!a->check_open, WrongState);
    return 0;
}

/* The row belongs to the voted table, and the cursor's draw falls into it. */
static uint64_t row_check(const struct su_acc_execution *exec, const struct su_acc_assignment *a,
                          const struct su_ix_check_row *row)
{
    uint8_t digest[32];
    SU_DEMAND(row->path_len == exec->table_depth && row->path_len <= SU_TABLE_DEPTH_MAX, BadProof);
    su_msg_row_leaf(su_prog_hash, row, digest);
    SU_DEMAND(su_msg_root_of(su_prog_hash, digest, row->row, 1ull << exec->table_depth,
                             (const uint8_t(*)[32])row->path, row->path_len, digest),
              BadProof);
    SU_DEMAND(su_free_key_equal(digest, exec->table_root), BadProof);
    uint64_t point =
        su_msg_check_point(su_prog_hash, exec->beta, a->task, a->cursor, exec->table_total);
    SU_DEMAND(row->low <= point && point < row->high, NotTheValidator);
    return 0;
}

/* node and reserve are NULL when the accounts do not exist. */
struct candidate {
    const struct su_ix_check_row *row;
    const struct su_acc_node *node;
    const struct su_acc_reserve *reserve;
};

static bool is_consumer(const struct su_acc_assignment *a, const struct su_acc_reserve *reserve)
{
    uint8_t both = 0;
    for (unsigned i = 0; i < sizeof a->consumers; i++) {
        both = (uint8_t)(both | (a->consumers[i] & reserve->tasks[i]));
    }
    return both != 0;
}

static bool can_pay(const struct candidate *c, const struct su_params *params, uint64_t stake)
{
    uint64_t held = c->reserve ? c->reserve->amount : 0,
             sum = c->reserve ? c->reserve->stake_sum : 0;
    if (!su_free_add(sum, stake, &sum))
        return false;
    uint64_t amount = sum > params->stake_floor ? sum : params->stake_floor;
    return c->node->stake_free >= amount - held;
}

static bool eligible(const struct su_acc_assignment *a, const struct su_params *params,
                     const struct candidate *c)
{
    const struct su_ix_check_row *row = c->row;
    if (su_free_key_equal(row->owner, a->owner))
        return false;
    for (uint8_t i = 0; i < SU_VALIDATORS_MAX; i++) {
        if (su_free_key_equal(a->validators[i], row->identity))
            return false;
    }
    if ((row->tasks[a->task / 8] >> a->task % 8 & 1u) == 0)
        return false;
    if (!c->node || !su_free_key_equal(c->node->owner, row->owner))
        return false;
    if (c->node->numerics_version != params->numerics_version)
        return false;
    if (c->reserve && a->cursor < SU_CHECK_CONSUMERS_FROM && is_consumer(a, c->reserve)) {
        return false;
    }
    return can_pay(c, params, a->stake);
}

/* Loads what stands at the row's node and reserve addresses. */
static uint64_t candidate_load(struct su_sys *s, uint64_t exec_at, uint64_t node_at,
                               uint64_t reserve_at, struct candidate *c)
{
    struct su_seeds seeds;
    su_seeds_key(&seeds, "node", c->row->identity);
    SU_TRY(su_prog_at(s, node_at, &seeds));
    if (!su_prog_absent(s, node_at))
        SU_TRY(su_prog_load(s, node_at, SU_TAG_NODE, &c->node));
    su_seeds_keys(&seeds, "reserve", su_prog_key(s, exec_at), c->row->identity);
    SU_TRY(su_prog_at(s, reserve_at, &seeds));
    if (su_prog_absent(s, reserve_at))
        return 0;
    return su_prog_load(s, reserve_at, SU_TAG_RESERVE, &c->reserve);
}

uint64_t su_prog_check_skip(struct su_sys *s)
{
    enum { CONFIG, EXECUTION, ASSIGNMENT, NODE, RESERVE };
    struct su_acc_execution *exec;
    struct su_acc_assignment *a;
    struct su_acc_config *config;
    struct candidate c = {.row = SU_PROG_ARGS(s, check_row)};
    SU_TRY(su_prog_exec_pair(s, EXECUTION, ASSIGNMENT, &exec, &a));
    SU_TRY(su_prog_config_of(s, exec, CONFIG, &config));
    SU_TRY(draw_open(exec, a));
    SU_TRY(row_check(exec, a, c.row));
    SU_TRY(candidate_load(s, EXECUTION, NODE, RESERVE, &c));
    SU_DEMAND(!eligible(a, &config->params, &c), StillEligible);
    next_draw(exec, a, config, su_sys_slot(s));
    return 0;
}

static uint64_t check_create(struct su_sys *s, struct su_acc_execution *exec,
                             struct su_acc_assignment *a, const struct su_acc_node *node)
{
    enum { PAYER = 1, EXECUTION = 3, ASSIGNMENT = 4, CHECK = 5 };
    struct su_acc_check *check;
    struct su_seeds seeds;
    su_seeds_key_u64(&seeds, "check", su_prog_key(s, ASSIGNMENT), a->checks);
    SU_TRY(su_prog_create(s, PAYER, CHECK, SU_TAG_CHECK, &seeds, &check));
    su_free_copy(check->execution, su_prog_key(s, EXECUTION), 32);
    su_free_copy(check->assignment, su_prog_key(s, ASSIGNMENT), 32);
    su_free_copy(check->validator, node->identity, 32);
    su_free_copy(check->owner, node->owner, 32);
    check->task = a->task;
    check->number = a->checks;
    check->state = SU_CHECK_ACCEPTED;
    check->deadline_slot = a->deadline_slot;
    su_free_copy(a->validators[a->checks], node->identity, 32);
    a->checks++;
    a->check_open = 1;
    exec->checks_open++;
    return 0;
}

uint64_t su_prog_check_accept(struct su_sys *s)
{
    enum { IDENTITY, PAYER, CONFIG, EXECUTION, ASSIGNMENT, CHECK, NODE, RESERVE };
    struct su_acc_execution *exec;
    struct su_acc_assignment *a;
    struct su_acc_config *config;
    struct su_acc_node *node;
    struct su_acc_reserve *reserve;
    struct candidate c = {.row = SU_PROG_ARGS(s, check_row)};
    SU_TRY(su_prog_exec_pair(s, EXECUTION, ASSIGNMENT, &exec, &a));
    SU_TRY(su_prog_config_of(s, exec, CONFIG, &config));
    SU_TRY(draw_open(exec, a));
    SU_DEMAND(su_free_key_equal(c.row->identity, su_prog_key(s, IDENTITY)), NotTheValidator);
    a->deadline_slot = deadline_now(exec, a, &config->params);
    SU_DEMAND(su_sys_slot(s) <= a->deadline_slot, TooLate);
    SU_TRY(row_check(exec, a, c.row));
    SU_TRY(su_prog_load(s, NODE, SU_TAG_NODE, &node));
    SU_TRY(candidate_load(s, EXECUTION, NODE, RESERVE, &c));
    SU_DEMAND(eligible(a, &config->params, &c), NotEligible);
    struct su_prog_holding h = {.payer = PAYER,
                                .exec_at = EXECUTION,
                                .reserve_at = RESERVE,
                                .exec = exec,
                                .node = node,
                                .params = &config->params,
                                .stake = a->stake};
    SU_TRY(su_prog_reserve_take(s, &h, &reserve));
    return check_create(s, exec, a, node);
}

uint64_t su_prog_check_post(struct su_sys *s)
{
    enum { IDENTITY, CONFIG, EXECUTION, ASSIGNMENT, CHECK };
    const struct su_ix_check_post *ix = SU_PROG_ARGS(s, check_post);
    struct su_acc_execution *exec;
    struct su_acc_assignment *a;
    struct su_acc_config *config;
    struct su_acc_check *check;
    uint64_t slot = su_sys_slot(s);
    SU_TRY(su_prog_exec_pair(s, EXECUTION, ASSIGNMENT, &exec, &a));
    SU_TRY(su_prog_config_of(s, exec, CONFIG, &config));
    SU_TRY(su_prog_load(s, CHECK, SU_TAG_CHECK, &check));
    SU_TRY(su_prog_exec_in(exec, 1u << SU_EXEC_CHECKING));
    SU_DEMAND(su_free_key_equal(check->assignment, su_prog_key(s, ASSIGNMENT)), WrongRelation);
    SU_DEMAND(su_free_key_equal(check->validator, su_prog_key(s, IDENTITY)), NotTheValidator);
    SU_DEMAND(a->check_open && check->state == SU_CHECK_ACCEPTED, WrongState);
    SU_DEMAND(slot <= check->deadline_slot, TooLate);
    struct su_exec_task *t = &exec->tasks[a->task];
    check->state = SU_CHECK_POSTED;
    su_free_copy(check->input_root, ix->input_root, 32);
    su_free_copy(check->output_root, ix->output_root, 32);
    su_free_copy(a->check_input_root, ix->input_root, 32);
    su_free_copy(a->check_output_root, ix->output_root, 32);
    a->check_open = 0;
    t->flags = (uint16_t)(t->flags | SU_TASKF_CHECKED | SU_TASKF_VALIDATED);
    counted(exec, slot);
    return 0;
}

uint64_t su_prog_check_expire(struct su_sys *s)
{
    enum { CONFIG, EXECUTION, ASSIGNMENT, CHECK };
    struct su_acc_execution *exec;
    struct su_acc_assignment *a;
    struct su_acc_config *config;
    uint64_t slot = su_sys_slot(s);
    SU_TRY(su_prog_exec_pair(s, EXECUTION, ASSIGNMENT, &exec, &a));
    SU_TRY(su_prog_config_of(s, exec, CONFIG, &config));
    SU_TRY(su_prog_exec_in(exec, 1u << SU_EXEC_CHECKING));
    const struct su_exec_task *t = &exec->tasks[a->task];
    SU_DEMAND((t->flags & SU_TASKF_SAMPLED) != 0 && (t->flags & SU_TASKF_CHECKED) == 0, WrongState);
    SU_DEMAND(slot > deadline_now(exec, a, &config->params), TooEarly);
    if (a->check_open) {
        struct su_acc_check *check;
        SU_TRY(su_prog_load(s, CHECK, SU_TAG_CHECK, &check));
        SU_DEMAND(su_free_key_equal(check->assignment, su_prog_key(s, ASSIGNMENT)) &&
                      check->number + 1u == a->checks,
                  WrongRelation);
        check->state = SU_CHECK_SILENT;
        a->check_open = 0;
    } else {
        a->checks++; /* drawn, and never answered */
    }
    next_draw(exec, a, config, slot);
    return 0;
}
