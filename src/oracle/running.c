// SPDX-License-Identifier: MIT
/* While tasks run: who is told of its work, who has failed, who takes over. */
#include "oracle_priv.h"

#include "engine/engine.h"

#include <stdlib.h>
#include <string.h>

enum { STALL_LEAST_MS = 10000 };

bool ora_vote_task(struct su_oracle *o, struct ora_exec *x, uint8_t number, uint16_t task,
                   struct su_ix_vote_task *ix)
{
    const struct su_chain_case *c = &x->seen;
    const struct su_acc_assignment *a = c->assignments[task];
    const struct su_chain_at at = su_chain_case_at(c, task, 0);
    const struct su_msg_scope scope = su_chain_case_scope(c);
    const struct su_vote *mine = &a->votes[number];
    struct su_err e = {0};
    struct su_chain_batch b;
    uint8_t digest[32];

    ix->round = (uint32_t)((c->slot - c->execution->phase_slot) / c->config->params.round_slots);
    ix->attempt = a->attempt;
    uint64_t key = ((uint64_t)ix->round << 16 | (uint64_t)a->attempt << 8 | ix->question) + 1;
    if (x->task_round[task] == key || (mine->question == ix->question && mine->round == ix->round &&
                                       mine->attempt == ix->attempt))
        return false;
    x->task_round[task] = key;
    su_msg_vote_task(ora_hash, &scope, task, ix, digest);
    ora_tell_vote(o, &(struct su_wire_vote){.execution = x->key,
                                            .request_slot = c->execution->request_slot,
                                            .round = ix->round,
                                            .task = task,
                                            .question = ix->question,
                                            .attempt = ix->attempt,
                                            .digest = digest});
    su_chain_batch_init(&b, &o->env, o->key);
    su_chain_make_vote_task(&b, o->key, &at, ix);
    enum su_code rc = ora_send(o, &b, &e);
    su_chain_batch_fini(&b);
    if (rc)
        su_log(SU_LOG_DEBUG, "oracle", "%s task %u: vote: %s: %s", x->name, task, e.at, e.msg);
    return true;
}

/* ---- failures ----------------------------------------------------------------------------------------- */

/* Why a node is taken to have failed; NULL: it has not. */
static const char *lost(struct su_oracle *o, const uint8_t identity[32])
{
    const char *why = NULL;

    (void)pthread_mutex_lock(&o->lock);
    struct liveness_node *l = liveness_find(&o->live, identity);
    if (!l)
        why = ora_people_nobody(o, identity) ? "is registered no more" : NULL;
    else if (l->seen && l->status == SU_WIRE_UNFIT)
        why = "says that its device computes other bits";
    else
        why = liveness_lost(&o->live, l, o->born_ms, su_clock_wall_ms());
    (void)pthread_mutex_unlock(&o->lock);
    return why;
}

/* Steps of a generation's prompt, of its input; 1 when it cannot be read. */
static uint32_t prompt_steps(struct su_oracle *o, struct ora_exec *x)
{
    struct su_map m;
    struct su_input in;
    char path[4200];

    if (x->prompt_steps > 0 || ora_exec_path(o, x->key, "input", path, NULL) != SU_OK ||
        su_map_open(path, SU_PEER_INPUT_BYTES_MAX, &m, NULL) != SU_OK)
        return SU_MAX(x->prompt_steps, 1u);
    if (su_input_decode(m.data, m.len, &in, NULL) == SU_OK) {
        x->prompt_steps = in.tensor[0].steps;
        for (uint32_t i = 1; i < in.n_tensor; i++)
            x->prompt_steps = SU_MIN(x->prompt_steps, in.tensor[i].steps);
    }
    su_map_close(&m);
    return SU_MAX(x->prompt_steps, 1u);
}

bool ora_stalled(const struct su_chain_case *c, const struct su_acc_assignment *a)
{
    const struct su_acc_execution *x = c->execution;
    const struct su_params *p = &c->config->params;
    uint64_t from = SU_MAX(x->phase_slot, a->assign_slot), units;

    if (x->sample_task != SU_NO_TASK && x->steps == 0)
        return false;
    for (uint8_t i = 0; i < a->input_count; i++) {
        const struct su_source *s = &a->sources[i];
        if (s->external || s->task >= a->task)
            continue;
        if ((x->tasks[s->task].flags & SU_TASKF_COMMITTED) == 0 || !c->assignments[s->task])
            return false;
        from = SU_MAX(from, c->assignments[s->task]->commit_slot);
    }
    uint32_t steps = x->steps ? x->steps : x->max_steps;
    if (!su_econ_units(a->macs_per_step, steps, &units))
        return false;
    uint64_t work_ms = steps * p->commit_step_ms + units * p->commit_unit_ms;
    uint64_t wait = SU_MAX(su_econ_slots(p, STALL_LEAST_MS), ORA_STALL_ROUNDS * p->round_slots);
    return c->slot > from + su_econ_slots(p, work_ms) + (wait << SU_MIN(a->attempt, 8u));
}

/* Accounts are read in several calls when they are many: those of another attempt than the execution's
   say nothing about this one. */
bool ora_agrees(const struct su_chain_case *c, uint16_t task)
{
    const struct su_acc_assignment *a = c->assignments[task];
    const struct su_exec_task *t = &c->execution->tasks[task];

    return a && a->attempt == t->attempt &&
           (t->state != SU_TASK_ASSIGNED || (!su_free_is_zero(a->node, 32) && !a->approved));
}

/* A generation whose end is not known. */
static bool generating(const struct su_acc_execution *x)
{
    return x->sample_task != SU_NO_TASK && x->steps == 0;
}

const char *ora_failing(struct su_oracle *o, struct ora_exec *x, uint16_t task)
{
    const struct su_acc_assignment *a = x->seen.assignments[task];
    const char *why = lost(o, a->node);

    if (!why && ora_stalled(&x->seen, a))
        why = "has its inputs and does not commit";
    if (!why && generating(x->seen.execution) && ora_hung(o, x, task, prompt_steps(o, x)))
        why = "has its inputs and sends nothing";
    return why;
}

/* True when it voted. */
static bool judge_asserter(struct su_oracle *o, struct ora_exec *x, uint8_t number, uint16_t task)
{
    const struct su_acc_assignment *a = x->seen.assignments[task];
    struct su_ix_vote_task ix = {.question = SU_QUESTION_FAILED};
    const char *why = ora_failing(o, x, task);
    char text[SU_CHAIN_TEXT];

    if (!why)
        return false;
    ora_loss_detected(o, x, task, why);
    if (!ora_vote_task(o, x, number, task, &ix))
        return false;
    su_log(SU_LOG_INFO, "oracle", "%s task %u: node %s %s", x->name, task,
           su_chain_key_text(a->node, text), why);
    return true;
}

/* ---- another node --------------------------------------------------------------------------------------- */

struct successor {
    const struct su_chain_case *c;
    const struct su_acc_assignment *a;
    const struct table *table;
    const struct table_view *view;
    size_t n_view;
    uint64_t stake;
    bool again; /* also those that had the task */
};

static bool may_take(void *ctx, uint32_t row)
{
    const struct successor *s = ctx;
    const uint8_t *identity = s->table->row[row].identity;
    const struct table_view *v = table_view_of(s->view, s->n_view, identity);
    const struct su_chain_part *p = su_chain_case_part(s->c, identity);
    const struct su_acc_reserve *r = p ? p->reserve : NULL;
    uint16_t task = s->a->task;
    uint8_t bit = (uint8_t)(1u << task % 8);

    if (!v || !v->fit || !v->online || (v->loaded[task / 8] & bit) == 0)
        return false;
    if (r && (r->tasks[task / 8] & bit) != 0 && !s->again)
        return false;
    uint64_t sum = s->stake + (r ? r->stake_sum : 0), held = r ? r->amount : 0;
    uint64_t amount = SU_MAX(sum, s->c->config->params.stake_floor);
    return amount - held <= v->stake_free;
}

/* The voted table, from its rows. */
static enum su_code table_voted(const struct ora_exec *x, struct table *t, struct su_err *e)
{
    t->row = su_try_alloc(x->voted.n_rows, sizeof *t->row);
    if (!t->row)
        return su_fail(e, SU_ENOMEM, "table", "not enough memory");
    t->n = (uint32_t)x->voted.n_rows;
    for (uint32_t i = 0; i < t->n; i++) {
        memcpy(t->row[i].identity, x->rows[i].identity, 32);
        memcpy(t->row[i].owner, x->rows[i].owner, 32);
        memcpy(t->row[i].tasks, x->rows[i].tasks, sizeof t->row[i].tasks);
        t->row[i].weight = x->rows[i].high - x->rows[i].low;
    }
    return SU_OK;
}

static enum su_code find_successor(struct su_oracle *o, struct ora_exec *x, uint16_t task,
                                   struct su_ix_vote_task *ix, struct su_err *e)
{
    const struct su_chain_case *c = &x->seen;
    const struct su_acc_execution *exec = c->execution;
    const struct su_params *p = &c->config->params;
    const struct su_chain_model *model;
    struct successor s = {.c = c, .a = c->assignments[task]};
    struct table_view *view = NULL;
    struct table t = {0};
    uint8_t hash[32], seed[32];
    uint32_t row;
    uint64_t round = (c->slot - exec->phase_slot) / p->round_slots;
    enum su_code rc = ora_model_of(o, exec->model, &model, e);

    if (!rc)
        rc = ora_people_refresh(o, (int64_t)o->round_ms / 2, e);
    if (!rc)
        rc = ora_people_views(o, model, p, &view, &s.n_view, e);
    if (!rc)
        rc = ora_slot_hash(o, exec->phase_slot + round * p->round_slots, hash, e);
    if (!rc)
        rc = table_voted(x, &t, e);
    if (!rc && !su_econ_stake(p, exec->tasks[task].sampling_ppm, exec->owner_share_ppm,
                              exec->tasks[task].fee, &s.stake))
        rc = su_fail(e, SU_EINVAL, "assignment", "no allowed stake secures task %u", task);
    if (!rc) {
        s.view = view;
        s.table = &t;
        table_seed(x->key, s.a->attempt, (uint32_t)round, hash, seed);
        rc = table_reassign(&t, task, seed, may_take, &s, &row, e);
        s.again = true;
        if (rc == SU_ENOENT)
            rc = table_reassign(&t, task, seed, may_take, &s, &row, e);
    }
    if (!rc)
        memcpy(ix->subject, t.row[row].identity, 32);
    table_fini(&t);
    free(view);
    return rc;
}

/* True when it voted. */
static bool reassign(struct su_oracle *o, struct ora_exec *x, uint8_t number, uint16_t task)
{
    const struct su_chain_case *c = &x->seen;
    const struct su_acc_assignment *a = c->assignments[task];
    struct su_ix_vote_task ix = {.question = SU_QUESTION_REASSIGN};
    char text[SU_CHAIN_TEXT];
    struct su_err e = {0};

    if (!x->voted.rows ||
        (a->approved && c->slot <= a->assign_slot + c->config->params.round_slots))
        return false;
    if (find_successor(o, x, task, &ix, &e) != SU_OK) {
        su_log(SU_LOG_DEBUG, "oracle", "%s task %u: %s", x->name, task, e.msg);
        return false;
    }
    if (!ora_vote_task(o, x, number, task, &ix))
        return false;
    su_log(SU_LOG_INFO, "oracle", "%s task %u: to node %s", x->name, task,
           su_chain_key_text(ix.subject, text));
    return true;
}

bool ora_run_tasks(struct su_oracle *o, struct ora_exec *x, uint8_t number)
{
    bool voted = false;
    const struct su_acc_execution *exec = x->seen.execution;

    ora_losses_follow(o, x);
    for (uint16_t i = 0; i < exec->task_count; i++) {
        if (!ora_agrees(&x->seen, i) || ora_stopping(o))
            continue;
        if (exec->tasks[i].state == SU_TASK_ASSIGNED)
            voted |= judge_asserter(o, x, number, i);
        else if (exec->tasks[i].state == SU_TASK_UNASSIGNED)
            voted |= reassign(o, x, number, i);
    }
    return voted;
}
