// SPDX-License-Identifier: MIT
/* The end of an execution: outcome, slashes, payments, refunds, closing. Slashes come before any
   payment, payments before closing; every step is anyone's to call. FREESTANDING, compiled natively
   and to sBPF. */
#include "program_priv.h"

#define SU_EXEC_ENDED (1u << SU_EXEC_SETTLED | 1u << SU_EXEC_VOID)

static bool by_fault(const struct su_acc_execution *exec)
{
    return exec->state == SU_EXEC_VOID && exec->void_cause == SU_VOID_FAULT;
}

/* What task i's asserter is owed when the slashes pay. */
static uint64_t asserter_due(const struct su_exec_task *t)
{
    bool delivered = (t->flags & SU_TASKF_COMMITTED) != 0 && (t->flags & SU_TASKF_LATE) == 0 &&
                     t->state != SU_TASK_VERIFICATION_FAILED;
    return delivered ? t->fee : 0;
}

static bool validator_right(const struct su_exec_task *t)
{
    return (t->flags & SU_TASKF_VALIDATED) != 0 && (t->flags & SU_TASKF_VALIDATOR_WRONG) == 0;
}

/* Sum of what everybody who delivered is owed. */
static uint64_t pot_claims(const struct su_acc_execution *exec, const struct su_params *params,
                           uint64_t *out)
{
    uint64_t sum = 0;
    for (uint16_t i = 0; i < exec->task_count; i++) {
        const struct su_exec_task *t = &exec->tasks[i];
        uint64_t fee;
        SU_TRY(su_prog_add(&sum, asserter_due(t)));
        if (!validator_right(t))
            continue;
        SU_DEMAND(su_econ_check_fee(params, t->fee, &fee), Overflow);
        SU_TRY(su_prog_add(&sum, fee));
    }
    *out = sum;
    return 0;
}

static bool any_in(const struct su_acc_execution *exec, uint8_t state)
{
    for (uint16_t i = 0; i < exec->task_count; i++) {
        if (exec->tasks[i].state == state)
            return true;
    }
    return false;
}

uint64_t su_prog_conclude(struct su_sys *s)
{
    enum { SIGNER, CONFIG, EXECUTION };
    struct su_acc_execution *exec;
    struct su_acc_config *config;
    uint64_t slot = su_sys_slot(s);
    SU_TRY(su_prog_load(s, EXECUTION, SU_TAG_EXECUTION, &exec));
    SU_TRY(su_prog_config_of(s, exec, CONFIG, &config));
    SU_TRY(su_prog_exec_in(exec, 1u << SU_EXEC_REVEALING));
    SU_DEMAND(exec->done == exec->task_count, WrongState);
    if (any_in(exec, SU_TASK_VERIFICATION_FAILED)) {
        SU_TRY(pot_claims(exec, &config->params, &exec->pot_claims));
        su_prog_exec_void(exec, SU_VOID_FAULT, slot);
        return 0;
    }
    if (any_in(exec, SU_TASK_FAILED)) {
        su_prog_exec_void(exec, SU_VOID_UNDECIDED, slot);
        return 0;
    }
    bool accepted = su_free_key_equal(exec->requestor, su_prog_key(s, SIGNER));
    bool waited = slot > exec->last_reveal_slot + config->params.missing_slots;
    SU_DEMAND(accepted || waited, TooEarly);
    exec->state = SU_EXEC_SETTLED;
    exec->phase_slot = slot;
    return 0;
}

/* Charges the fault once: sets its flag and says whose it is. */
static uint64_t fault_take(struct su_acc_execution *exec, const struct su_acc_assignment *a,
                           uint64_t who, const uint8_t **identity)
{
    struct su_exec_task *t = &exec->tasks[a->task];
    if (who == 0) {
        SU_DEMAND(t->state == SU_TASK_VERIFICATION_FAILED, WrongState);
        SU_DEMAND((t->flags & SU_TASKF_SLASHED) == 0, AlreadyPaid);
        t->flags = (uint16_t)(t->flags | SU_TASKF_SLASHED);
        *identity = a->node;
        return 0;
    }
    SU_DEMAND(who == 1, BadArgument);
    SU_DEMAND((t->flags & SU_TASKF_VALIDATOR_WRONG) != 0 && a->checks > 0, WrongState);
    SU_DEMAND((t->flags & SU_TASKF_VALIDATOR_SLASHED) == 0, AlreadyPaid);
    t->flags = (uint16_t)(t->flags | SU_TASKF_VALIDATOR_SLASHED);
    *identity = a->validators[a->checks - 1];
    return 0;
}

/* Divides a slash: a bounty to the validator whose roots showed the fault, the rest to those who
   delivered, or to the pool when the execution is paid from its escrow. */
static uint64_t slash_divide(struct su_acc_execution *exec, struct su_acc_assignment *a,
                             struct su_acc_pool *pool, uint64_t amount,
                             const struct su_params *params)
{
    uint64_t bounty = 0;
    bool found = a->dispute == SU_DISPUTE_ROOTS && a->verdict == SU_VERDICT_ASSERTER;
    if (found && a->bounty == 0) {
        SU_DEMAND(su_free_mul_div(amount, params->bounty_ppm, SU_PPM, &bounty), Overflow);
        a->bounty = bounty;
        SU_TRY(su_prog_add(&pool->balance, bounty));
    }
    return su_prog_add(by_fault(exec) ? &exec->pot : &pool->balance, amount - bounty);
}

uint64_t su_prog_slash(struct su_sys *s)
{
    enum { CONFIG, EXECUTION, ASSIGNMENT, RESERVE, NODE, POOL };
    const struct su_ix_slash *ix = SU_PROG_ARGS(s, slash);
    struct su_acc_execution *exec;
    struct su_acc_assignment *a;
    struct su_acc_config *config;
    struct su_acc_reserve *reserve;
    struct su_acc_node *node;
    struct su_acc_pool *pool;
    const uint8_t *identity;
    SU_TRY(su_prog_exec_pair(s, EXECUTION, ASSIGNMENT, &exec, &a));
    SU_TRY(su_prog_config_of(s, exec, CONFIG, &config));
    SU_TRY(su_prog_load(s, RESERVE, SU_TAG_RESERVE, &reserve));
    SU_TRY(su_prog_load(s, NODE, SU_TAG_NODE, &node));
    SU_TRY(su_prog_load(s, POOL, SU_TAG_POOL, &pool));
    SU_TRY(su_prog_exec_in(exec, SU_EXEC_ENDED));
    SU_TRY(fault_take(exec, a, ix->who, &identity));
    SU_DEMAND(su_free_key_equal(reserve->execution, a->execution) &&
                  su_free_key_equal(reserve->node, identity) &&
                  su_free_key_equal(node->identity, identity),
              WrongRelation);
    uint64_t amount = reserve->amount; /* 0 when another fault of this node took it */
    reserve->amount = 0;
    reserve->slashed = 1;
    SU_TRY(su_prog_sub(&node->stake_reserved, amount));
    node->slashed++;
    exec->slashes++;
    return slash_divide(exec, a, pool, amount, &config->params);
}

/* A part of the pot: pro rata when it does not cover everybody, never more than what is owed. */
static uint64_t pot_take(struct su_acc_execution *exec, uint64_t due, uint64_t *out)
{
    uint64_t part = due;
    if (exec->pot < exec->pot_claims) {
        SU_DEMAND(su_free_mul_div(due, exec->pot, exec->pot_claims, &part), Overflow);
    }
    SU_TRY(su_prog_add(&exec->pot_paid, part));
    SU_DEMAND(exec->pot_paid <= exec->pot, Overflow);
    *out = part;
    return 0;
}

static uint64_t payable(const struct su_acc_execution *exec)
{
    SU_TRY(su_prog_exec_in(exec, SU_EXEC_ENDED));
    SU_DEMAND(exec->slashes == exec->faults, NotAllPaid);
    return 0;
}

/* Settled: the fee from the escrow, its surcharge to the pool. */
static uint64_t task_settle(struct su_acc_execution *exec, const struct su_exec_task *t,
                            struct su_acc_node *node, struct su_acc_pool *pool,
                            const struct su_params *params)
{
    uint64_t fee = t->flags & SU_TASKF_LATE ? 0 : t->fee, surcharge;
    SU_DEMAND(su_econ_surcharge(params, t->sampling_ppm, t->fee, &surcharge), Overflow);
    SU_TRY(su_prog_sub(&exec->escrow, fee));
    SU_TRY(su_prog_sub(&exec->escrow, surcharge));
    SU_TRY(su_prog_add(&node->earned, fee));
    SU_TRY(su_prog_add(&pool->balance, surcharge));
    node->completed++;
    if (t->flags & SU_TASKF_SAMPLED)
        node->verified++;
    return 0;
}

uint64_t su_prog_pay_task(struct su_sys *s)
{
    enum { CONFIG, EXECUTION, ASSIGNMENT, NODE, POOL };
    struct su_acc_execution *exec;
    struct su_acc_assignment *a;
    struct su_acc_config *config;
    struct su_acc_node *node;
    struct su_acc_pool *pool;
    SU_TRY(su_prog_exec_pair(s, EXECUTION, ASSIGNMENT, &exec, &a));
    SU_TRY(su_prog_config_of(s, exec, CONFIG, &config));
    SU_TRY(su_prog_load(s, POOL, SU_TAG_POOL, &pool));
    SU_TRY(payable(exec));
    struct su_exec_task *t = &exec->tasks[a->task];
    SU_DEMAND((t->flags & SU_TASKF_PAID) == 0, AlreadyPaid);
    t->flags = (uint16_t)(t->flags | SU_TASKF_PAID);
    exec->paid++;
    bool settled = exec->state == SU_EXEC_SETTLED;
    if (!settled && !by_fault(exec))
        return 0; /* nobody is paid; the node may be gone */
    SU_TRY(su_prog_load(s, NODE, SU_TAG_NODE, &node));
    SU_DEMAND(su_free_key_equal(node->identity, a->node), WrongRelation);
    if (settled)
        return task_settle(exec, t, node, pool, &config->params);
    uint64_t part;
    SU_TRY(pot_take(exec, asserter_due(t), &part));
    if (t->state == SU_TASK_VERIFICATION_FAILED)
        node->failed++;
    return su_prog_add(&node->earned, part);
}

/* A claim on the pool, number claims_next. */
static uint64_t claim_open(struct su_sys *s, struct su_acc_pool *pool, uint64_t amount)
{
    enum { PAYER = 0, NODE = 5, CLAIM = 7 };
    struct su_acc_claim *claim;
    struct su_seeds seeds;
    if (amount == 0)
        return 0;
    su_seeds_number(&seeds, "claim", pool->claims_next);
    SU_TRY(su_prog_create(s, PAYER, CLAIM, SU_TAG_CLAIM, &seeds, &claim));
    su_free_copy(claim->node, su_prog_key(s, NODE), 32);
    claim->seq = pool->claims_next;
    claim->amount = amount;
    pool->claims_next++;
    return 0;
}

uint64_t su_prog_pay_check(struct su_sys *s)
{
    enum { PAYER, CONFIG, EXECUTION, ASSIGNMENT, CHECK, NODE, POOL, CLAIM };
    struct su_acc_execution *exec;
    struct su_acc_assignment *a;
    struct su_acc_config *config;
    struct su_acc_check *check;
    struct su_acc_node *node;
    struct su_acc_pool *pool;
    SU_TRY(su_prog_exec_pair(s, EXECUTION, ASSIGNMENT, &exec, &a));
    SU_TRY(su_prog_config_of(s, exec, CONFIG, &config));
    SU_TRY(su_prog_load(s, CHECK, SU_TAG_CHECK, &check));
    SU_TRY(su_prog_load(s, NODE, SU_TAG_NODE, &node));
    SU_TRY(su_prog_load(s, POOL, SU_TAG_POOL, &pool));
    SU_TRY(payable(exec));
    SU_DEMAND(su_free_key_equal(check->assignment, su_prog_key(s, ASSIGNMENT)) &&
                  su_free_key_equal(node->identity, check->validator),
              WrongRelation);
    SU_DEMAND(check->state != SU_CHECK_PAID, AlreadyPaid);
    const struct su_exec_task *t = &exec->tasks[a->task];
    bool right = check->state == SU_CHECK_POSTED && validator_right(t);
    check->state = SU_CHECK_PAID;
    if (!right)
        return 0;
    node->checks++;
    uint64_t fee, part;
    SU_DEMAND(su_econ_check_fee(&config->params, t->fee, &fee), Overflow);
    if (exec->state == SU_EXEC_SETTLED)
        return claim_open(s, pool, fee);
    if (!by_fault(exec))
        return 0;
    SU_TRY(pot_take(exec, fee, &part));
    SU_TRY(su_prog_add(&node->earned, part));
    return claim_open(s, pool, a->bounty);
}

uint64_t su_prog_free_reserve(struct su_sys *s)
{
    enum { EXECUTION, RESERVE, NODE, RENT_PAYER };
    struct su_acc_execution *exec;
    struct su_acc_reserve *reserve;
    struct su_acc_node *node;
    SU_TRY(su_prog_load(s, EXECUTION, SU_TAG_EXECUTION, &exec));
    SU_TRY(su_prog_load(s, RESERVE, SU_TAG_RESERVE, &reserve));
    SU_TRY(su_prog_load(s, NODE, SU_TAG_NODE, &node));
    SU_TRY(payable(exec));
    /* A node that holds no reserve may close: until then whoever is owed must be there. */
    SU_DEMAND(exec->paid == exec->opened && exec->checks_open == 0, NotAllPaid);
    SU_DEMAND(su_free_key_equal(reserve->execution, su_prog_key(s, EXECUTION)) &&
                  su_free_key_equal(node->identity, reserve->node),
              WrongRelation);
    return su_prog_reserve_free(s, exec, node, RESERVE, RENT_PAYER);
}

static uint8_t count_bits(uint8_t mask)
{
    uint8_t n = 0;
    for (; mask != 0; mask = (uint8_t)(mask & (mask - 1u)))
        n++;
    return n;
}

/* The silent oracle's part of the checks its silence caused, as far as its bond goes. */
static uint64_t silence_charge(const struct su_acc_execution *exec, struct su_acc_oracle *oracle,
                               struct su_acc_pool *pool)
{
    uint64_t part = exec->silence_excess / count_bits(exec->oracles_silent);
    if (part > oracle->bond)
        part = oracle->bond;
    oracle->bond -= part;
    oracle->silent++;
    return su_prog_add(&pool->balance, part);
}

uint64_t su_prog_pay_oracle(struct su_sys *s)
{
    enum { CONFIG, EXECUTION, ORACLE, POOL };
    const struct su_ix_pay_oracle *ix = SU_PROG_ARGS(s, pay_oracle);
    struct su_acc_execution *exec;
    struct su_acc_config *config;
    struct su_acc_oracle *oracle;
    struct su_acc_pool *pool;
    struct su_seeds seeds;
    SU_TRY(su_prog_load(s, EXECUTION, SU_TAG_EXECUTION, &exec));
    SU_TRY(su_prog_config_of(s, exec, CONFIG, &config));
    SU_TRY(su_prog_load(s, POOL, SU_TAG_POOL, &pool));
    SU_TRY(su_prog_exec_in(exec, 1u << SU_EXEC_SETTLED));
    SU_DEMAND(ix->number < config->oracle_count, BadArgument);
    uint8_t bit = (uint8_t)(1u << ix->number);
    SU_DEMAND(((exec->oracles_voted | exec->oracles_silent) & bit) != 0, BadArgument);
    SU_DEMAND((exec->oracles_paid & bit) == 0, AlreadyPaid);
    su_seeds_key(&seeds, "oracle", config->oracles[ix->number].key);
    SU_TRY(su_prog_at(s, ORACLE, &seeds));
    exec->oracles_paid |= bit;
    if (su_prog_absent(s, ORACLE))
        return 0; /* closed since: its part returns to the requestor */
    SU_TRY(su_prog_load(s, ORACLE, SU_TAG_ORACLE, &oracle));
    if (exec->oracles_voted & bit) {
        uint64_t share = exec->oracle_fee / count_bits(exec->oracles_voted);
        SU_TRY(su_prog_sub(&exec->escrow, share));
        SU_TRY(su_prog_add(&oracle->earned, share));
        oracle->votes++;
    }
    if ((exec->oracles_silent & bit) == 0)
        return 0;
    return silence_charge(exec, oracle, pool);
}

static bool oracles_done(const struct su_acc_execution *exec)
{
    uint8_t due = exec->oracles_voted | exec->oracles_silent;
    return exec->state != SU_EXEC_SETTLED || (exec->oracles_paid & due) == due;
}

uint64_t su_prog_finish(struct su_sys *s)
{
    enum { CONFIG, EXECUTION, REQUESTOR, POOL };
    struct su_acc_execution *exec;
    struct su_acc_config *config;
    struct su_acc_requestor *requestor;
    struct su_acc_pool *pool;
    SU_TRY(su_prog_load(s, EXECUTION, SU_TAG_EXECUTION, &exec));
    SU_TRY(su_prog_config_of(s, exec, CONFIG, &config));
    SU_TRY(su_prog_load(s, REQUESTOR, SU_TAG_REQUESTOR, &requestor));
    SU_TRY(su_prog_load(s, POOL, SU_TAG_POOL, &pool));
    SU_TRY(payable(exec));
    SU_DEMAND(!exec->finished, AlreadyPaid);
    SU_DEMAND(su_free_key_equal(requestor->key, exec->requestor), WrongRelation);
    SU_DEMAND(exec->paid == exec->opened && exec->checks_open == 0 && oracles_done(exec),
              NotAllPaid);
    SU_TRY(su_prog_add(&requestor->refund, exec->escrow));
    SU_TRY(su_prog_add(&pool->balance, exec->pot - exec->pot_paid));
    exec->escrow = 0;
    exec->pot = 0;
    exec->pot_paid = 0;
    exec->finished = 1;
    return 0;
}

uint64_t su_prog_close_assignment(struct su_sys *s)
{
    enum { EXECUTION, ASSIGNMENT, RENT_PAYER };
    struct su_acc_execution *exec;
    struct su_acc_assignment *a;
    SU_TRY(su_prog_exec_pair(s, EXECUTION, ASSIGNMENT, &exec, &a));
    SU_DEMAND(exec->finished, NotAllPaid);
    exec->assignments_open--;
    return su_prog_close(s, ASSIGNMENT, RENT_PAYER);
}

uint64_t su_prog_close_check(struct su_sys *s)
{
    enum { EXECUTION, CHECK, RENT_PAYER };
    struct su_acc_execution *exec;
    struct su_acc_check *check;
    SU_TRY(su_prog_load(s, EXECUTION, SU_TAG_EXECUTION, &exec));
    SU_TRY(su_prog_load(s, CHECK, SU_TAG_CHECK, &check));
    SU_DEMAND(su_free_key_equal(check->execution, su_prog_key(s, EXECUTION)), WrongRelation);
    SU_DEMAND(check->state == SU_CHECK_PAID, NotAllPaid);
    exec->checks_open--;
    return su_prog_close(s, CHECK, RENT_PAYER);
}

uint64_t su_prog_close_execution(struct su_sys *s)
{
    enum { EXECUTION, RENT_PAYER };
    struct su_acc_execution *exec;
    SU_TRY(su_prog_load(s, EXECUTION, SU_TAG_EXECUTION, &exec));
    SU_DEMAND(exec->finished, NotAllPaid);
    SU_DEMAND(exec->assignments_open == 0 && exec->checks_open == 0 && exec->reserves_open == 0,
              StillOpen);
    return su_prog_close(s, EXECUTION, RENT_PAYER);
}
