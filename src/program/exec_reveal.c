// SPDX-License-Identifier: MIT
/* Reveals, the comparison with the validator and along every connection, disputes and their end.
   FREESTANDING, compiled natively and to sBPF. */
#include "program_priv.h"

static bool unused_zero(const struct su_ix_reveal *ix, uint32_t used)
{
    for (uint32_t i = used; i < 2u * SU_PORTS_MAX; i++) {
        if (!su_free_is_zero(ix->roots[i], 32))
            return false;
    }
    return true;
}

/* What a task draws and takes again by itself is one thing. */
static bool fed_by_itself(const struct su_acc_assignment *a)
{
    for (uint8_t i = 0; i < a->input_count; i++) {
        const struct su_source *source = &a->sources[i];
        if (source->external == SU_SOURCE_FED && source->task == a->task &&
            !su_free_key_equal(a->input_roots[i], a->output_roots[source->output]))
            return false;
    }
    return true;
}

/* Recomputes both roots into the assignment and holds them to the commitment. */
static uint64_t commitment_open(struct su_acc_assignment *a, const struct su_msg_scope *scope,
                                const struct su_ix_reveal *ix)
{
    uint32_t inputs = a->input_count, outputs = a->output_count;
    uint8_t digest[32];
    SU_DEMAND(unused_zero(ix, inputs + outputs), BadArgument);
    for (uint32_t i = 0; i < inputs; i++)
        su_free_copy(a->input_roots[i], ix->roots[i], 32);
    for (uint32_t i = 0; i < outputs; i++) {
        su_free_copy(a->output_roots[i], ix->roots[inputs + i], 32);
    }
    su_free_copy(a->witness_root, ix->witness_root, 32);
    su_msg_input_root(su_prog_hash, (const uint8_t(*)[32])a->input_roots, inputs, a->input_root);
    su_msg_output_root(su_prog_hash, (const uint8_t(*)[32])a->output_roots, outputs,
                       a->witness_root, a->output_root);
    struct su_msg_commitment c = {a->node,        ix->salt, a->input_root,
                                  a->output_root, a->task,  a->attempt};
    su_msg_commit_to(su_prog_hash, scope, &c, digest);
    SU_DEMAND(su_free_key_equal(digest, a->commit), RevealMismatch);
    SU_DEMAND(fed_by_itself(a), RevealMismatch);
    return 0;
}

static bool roots_equal(const struct su_acc_assignment *a)
{
    return su_free_key_equal(a->input_root, a->check_input_root) &&
           su_free_key_equal(a->output_root, a->check_output_root);
}

uint64_t su_prog_reveal(struct su_sys *s)
{
    enum { IDENTITY, CONFIG, EXECUTION, ASSIGNMENT };
    struct su_acc_execution *exec;
    struct su_acc_assignment *a;
    struct su_acc_config *config;
    uint64_t slot = su_sys_slot(s);
    SU_TRY(su_prog_exec_pair(s, EXECUTION, ASSIGNMENT, &exec, &a));
    SU_TRY(su_prog_config_of(s, exec, CONFIG, &config));
    SU_TRY(su_prog_exec_in(exec, 1u << SU_EXEC_REVEALING));
    const struct su_params *params = &config->params;
    struct su_exec_task *t = &exec->tasks[a->task];
    SU_DEMAND(su_free_key_equal(a->node, su_prog_key(s, IDENTITY)), NotTheAsserter);
    SU_DEMAND((t->flags & (SU_TASKF_REVEALED | SU_TASKF_DONE)) == 0, WrongState);
    SU_DEMAND(slot <= exec->phase_slot + params->silence_slots, TooLate);
    struct su_msg_scope scope = su_prog_scope(s, config, EXECUTION, exec);
    SU_TRY(commitment_open(a, &scope, SU_PROG_ARGS(s, reveal)));

    bool late = slot > exec->phase_slot + params->reveal_slots;
    t->flags = (uint16_t)(t->flags | SU_TASKF_REVEALED | (late ? SU_TASKF_LATE : 0));
    exec->revealed++;
    exec->last_reveal_slot = slot;
    if (t->flags & SU_TASKF_DISPUTED) { /* the committee's own check can begin */
        a->deadline_slot =
            slot + su_econ_dispute_slots(params, a->weight_bytes, a->macs_per_step, exec->steps);
    } else if ((t->flags & SU_TASKF_VALIDATED) && !roots_equal(a)) {
        su_prog_dispute_open(exec, a, SU_DISPUTE_ROOTS, params, slot);
    } else if (t->state == SU_TASK_COMPLETED) {
        t->state = SU_TASK_PENDING_VERIFICATION;
    }
    su_prog_task_verify(exec, a);
    return 0;
}

/* Compares one input with the output it comes from. A producer that kept silent past its window is
   at fault already, and its consumers are not kept waiting for it. */
static uint64_t input_compare(const struct su_acc_execution *exec,
                              const struct su_acc_assignment *a,
                              const struct su_acc_assignment *producer, uint8_t input,
                              bool *differs)
{
    const struct su_source *source = &a->sources[input];
    const struct su_exec_task *t = &exec->tasks[producer->task];
    SU_DEMAND(producer->task == source->task, WrongRelation);
    if ((t->flags & SU_TASKF_REVEALED) == 0) {
        SU_DEMAND((t->flags & SU_TASKF_DONE) != 0, NotRevealed);
        return 0;
    }
    if (!su_free_key_equal(a->input_roots[input], producer->output_roots[source->output])) {
        *differs = true;
    }
    return 0;
}

uint64_t su_prog_match(struct su_sys *s)
{
    enum { CONFIG, EXECUTION, ASSIGNMENT, PRODUCERS };
    const struct su_ix_match *ix = SU_PROG_ARGS(s, match);
    struct su_acc_execution *exec;
    struct su_acc_assignment *a, *producer;
    struct su_acc_config *config;
    SU_TRY(su_prog_exec_pair(s, EXECUTION, ASSIGNMENT, &exec, &a));
    SU_TRY(su_prog_config_of(s, exec, CONFIG, &config));
    SU_TRY(su_prog_exec_in(exec, 1u << SU_EXEC_REVEALING));
    const struct su_exec_task *t = &exec->tasks[a->task];
    SU_DEMAND((t->flags & SU_TASKF_REVEALED) != 0, NotRevealed);
    SU_DEMAND((t->flags & SU_TASKF_DONE) == 0, WrongState);
    SU_DEMAND(ix->mask != 0 && ix->mask < 1ull << a->input_count, BadArgument);
    uint64_t next = PRODUCERS;
    bool differs = false;
    for (uint8_t i = 0; i < a->input_count; i++) {
        if ((ix->mask >> i & 1u) == 0)
            continue;
        SU_DEMAND((a->matched >> i & 1u) == 0, AlreadyMatched);
        SU_TRY(su_prog_exec_pair(s, EXECUTION, next, &exec, &producer));
        SU_TRY(input_compare(exec, a, producer, i, &differs));
        a->matched = (uint8_t)(a->matched | 1u << i);
        next++;
    }
    if (a->matched == (1u << a->input_count) - 1u)
        exec->matched++;
    if (differs) { /* one dispute at a time: the next waits for the end of the open one */
        SU_DEMAND((t->flags & SU_TASKF_DISPUTED) == 0, WrongState);
        su_prog_dispute_open(exec, a, SU_DISPUTE_INPUTS, &config->params, su_sys_slot(s));
    }
    su_prog_task_verify(exec, a);
    return 0;
}

uint64_t su_prog_reveal_expire(struct su_sys *s)
{
    enum { CONFIG, EXECUTION, ASSIGNMENT };
    struct su_acc_execution *exec;
    struct su_acc_assignment *a;
    struct su_acc_config *config;
    SU_TRY(su_prog_exec_pair(s, EXECUTION, ASSIGNMENT, &exec, &a));
    SU_TRY(su_prog_config_of(s, exec, CONFIG, &config));
    SU_TRY(su_prog_exec_in(exec, 1u << SU_EXEC_REVEALING));
    const struct su_exec_task *t = &exec->tasks[a->task];
    SU_DEMAND((t->flags & (SU_TASKF_REVEALED | SU_TASKF_DONE)) == 0, WrongState);
    SU_DEMAND(su_sys_slot(s) > exec->phase_slot + config->params.silence_slots, TooEarly);
    a->verdict = SU_VERDICT_ASSERTER;
    su_prog_task_fault(exec, a->task);
    return 0;
}

uint64_t su_prog_dispute_expire(struct su_sys *s)
{
    enum { CONFIG, EXECUTION, ASSIGNMENT };
    struct su_acc_execution *exec;
    struct su_acc_assignment *a;
    struct su_acc_config *config;
    SU_TRY(su_prog_exec_pair(s, EXECUTION, ASSIGNMENT, &exec, &a));
    SU_TRY(su_prog_config_of(s, exec, CONFIG, &config));
    SU_TRY(su_prog_exec_in(exec, 1u << SU_EXEC_REVEALING));
    const struct su_exec_task *t = &exec->tasks[a->task];
    SU_DEMAND((t->flags & SU_TASKF_DISPUTED) != 0, WrongState);
    SU_DEMAND((t->flags & SU_TASKF_REVEALED) != 0, NotRevealed); /* its own window runs */
    SU_DEMAND(su_sys_slot(s) > a->deadline_slot, TooEarly);
    su_prog_dispute_close(exec, a->task);
    a->verdict = SU_VERDICT_UNDECIDED;
    su_prog_task_done(exec, a->task, SU_TASK_FAILED);
    return 0;
}

uint64_t su_prog_declare_missing(struct su_sys *s)
{
    enum { KEY, CONFIG, EXECUTION, ASSIGNMENT };
    struct su_acc_execution *exec;
    struct su_acc_assignment *a;
    struct su_acc_config *config;
    uint64_t slot = su_sys_slot(s);
    SU_TRY(su_prog_exec_pair(s, EXECUTION, ASSIGNMENT, &exec, &a));
    SU_TRY(su_prog_config_of(s, exec, CONFIG, &config));
    SU_DEMAND(su_free_key_equal(exec->requestor, su_prog_key(s, KEY)), NotAuthorised);
    SU_TRY(su_prog_exec_in(exec, 1u << SU_EXEC_REVEALING));
    SU_DEMAND(!exec->missing_used, MissingAlreadyDeclared);
    SU_DEMAND(a->task == exec->final_task, WrongRelation);
    struct su_exec_task *t = &exec->tasks[a->task];
    SU_DEMAND((t->flags & SU_TASKF_REVEALED) != 0, NotRevealed); /* else its silence is judged */
    SU_DEMAND(t->state == SU_TASK_VERIFIED, WrongState);
    SU_DEMAND(slot <= exec->last_reveal_slot + config->params.missing_slots, TooLate);
    exec->missing_used = 1;
    t->flags = (uint16_t)(t->flags & ~SU_TASKF_DONE);
    exec->done--;
    su_prog_dispute_open(exec, a, SU_DISPUTE_MISSING, &config->params, slot);
    return 0;
}
