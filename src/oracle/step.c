// SPDX-License-Identifier: MIT
/* One look at an execution: what the chain says, and what this oracle does about it. */
#include "judge.h"

#include "vrf/vrf.h"

#include <stdlib.h>
#include <string.h>

enum {
    RIPE_MAX = 64, /* instructions that are looked at to see whether one is due */
    GONE = 3, /* times in a row that it was not there, before it is believed */
    ASK_MS = 3000,
};

#define TOPIC_CHECK (1u << 31)
#define TOPIC_REPLACED (1u << 30)

/* ---- the voted table ------------------------------------------------------------------------------------ */

static void voted_forget(struct ora_exec *x)
{
    free(x->rows);
    free(x->nodes);
    x->rows = NULL;
    x->nodes = NULL;
    x->voted = (struct su_chain_voted){0};
}

/* Takes rows and nodes out of a frame, if its roots are those of the execution. */
static bool voted_take(struct ora_exec *x, const struct ora_bytes *frame)
{
    const struct su_acc_execution *exec = x->seen.execution;
    struct su_wire_frame f;
    uint8_t depth;

    if (su_wire_parse(frame->data, frame->n, &f, NULL) != SU_OK || f.m.kind != SU_WIRE_TABLE ||
        memcmp(f.m.u.table.table_root, exec->table_root, 32) != 0 ||
        memcmp(f.m.u.table.assignment_root, exec->assignment_root, 32) != 0)
        return false;
    size_t n_rows = f.m.u.table.row_count, n_nodes = f.m.u.table.task_count;
    voted_forget(x);
    x->rows = su_try_alloc(n_rows, sizeof *x->rows);
    x->nodes = su_try_alloc(n_nodes, sizeof *x->nodes);
    if (!x->rows || !x->nodes) {
        voted_forget(x);
        return false;
    }
    for (uint32_t i = 0; i < n_rows; i++)
        su_wire_table_row(&f.m, i, &x->rows[i]);
    for (size_t i = 0; i < n_nodes; i++)
        memcpy(x->nodes[i], x->rows[su_le16(f.m.u.table.rows_of_tasks + 2 * i)].identity, 32);
    x->voted = (struct su_chain_voted){.rows = x->rows,
                                       .n_rows = n_rows,
                                       .nodes = (const uint8_t(*)[32])x->nodes,
                                       .n_nodes = n_nodes};
    if (su_chain_rows_prove(x->rows, n_rows, x->voted_table, &depth, NULL) != SU_OK ||
        !su_chain_voted_fits(&x->voted, exec)) {
        voted_forget(x);
        return false;
    }
    memcpy(x->voted_assignment, exec->assignment_root, 32);
    return true;
}

static bool voted_is_here(const struct ora_exec *x)
{
    const struct su_acc_execution *exec = x->seen.execution;

    return x->voted.rows && memcmp(x->voted_table, exec->table_root, 32) == 0 &&
           memcmp(x->voted_assignment, exec->assignment_root, 32) == 0;
}

/* Makes `frame` the voted one and keeps it on disk. */
static void voted_set(struct su_oracle *o, struct ora_exec *x, struct ora_bytes *frame, bool keep)
{
    struct su_err e = {0};

    (void)pthread_mutex_lock(&o->lock);
    if (x->table != frame) {
        ora_bytes_drop(x->table);
        x->table = ora_bytes_hold(frame);
    }
    (void)pthread_mutex_unlock(&o->lock);
    if (keep && ora_exec_keep(o, x->key, "table", frame->data, frame->n, &e) != SU_OK)
        su_log(SU_LOG_WARN, "oracle", "%s: table cannot be kept: %s", x->name, e.msg);
}

/* Asks the other oracles for it, now and then. */
static void voted_ask(struct su_oracle *o, struct ora_exec *x)
{
    const struct su_acc_execution *exec = x->seen.execution;
    const struct su_peer_call call = {.deadline_ms = ASK_MS};
    char endpoint[ORA_PEERS_MAX][SU_ENDPOINT_MAX + 1];
    uint64_t now = su_clock_mono_ns();
    struct su_buf frame;
    size_t n = 0;
    bool found = false;

    if (now - x->asked_ns < (uint64_t)o->round_ms * 500000u)
        return;
    x->asked_ns = now;
    (void)pthread_mutex_lock(&o->lock);
    for (; n < o->n_peer; n++)
        memcpy(endpoint[n], o->peer[n]->endpoint, sizeof endpoint[n]);
    (void)pthread_mutex_unlock(&o->lock);
    su_buf_init(&frame, 0);
    for (size_t i = 0; i < n && !found && !ora_stopping(o); i++) {
        if (!endpoint[i][0] ||
            su_peer_table_get(su_peer_self_scope(o->self), endpoint[i], x->key, exec->table_root,
                              exec->assignment_root, &call, &frame, NULL) != SU_OK)
            continue;
        struct ora_bytes *b = ora_bytes_of(frame.data, frame.len);
        found = b && voted_take(x, b);
        if (found)
            voted_set(o, x, b, true);
        ora_bytes_drop(b);
    }
    su_buf_fini(&frame);
}

/* Finds the table and assignment whose roots were voted. */
static void voted_find(struct su_oracle *o, struct ora_exec *x)
{
    struct ora_bytes *have[ORA_PROPOSALS + 1];
    size_t n = 0;
    bool found = false;

    if (x->seen.execution->state < SU_EXEC_ASSIGNING || voted_is_here(x))
        return;
    voted_forget(x);
    (void)pthread_mutex_lock(&o->lock);
    if (x->table)
        have[n++] = ora_bytes_hold(x->table);
    for (size_t i = 0; i < ORA_PROPOSALS; i++)
        if (x->proposal[i].frame)
            have[n++] = ora_bytes_hold(x->proposal[i].frame);
    (void)pthread_mutex_unlock(&o->lock);
    for (size_t i = 0; i < n; i++) {
        if (!found && voted_take(x, have[i])) {
            found = true;
            voted_set(o, x, have[i], have[i] != x->table);
        }
        ora_bytes_drop(have[i]);
    }
    if (!found && x->seen.execution->table_depth <= SU_TABLE_DEPTH_MAX &&
        x->seen.execution->table_total > 0)
        voted_ask(o, x);
}

/* ---- telling nodes ---------------------------------------------------------------------------------------- */

static void tell(struct su_oracle *o, struct ora_exec *x, const uint8_t identity[32],
                 uint32_t topic)
{
    char endpoint[SU_ENDPOINT_MAX + 1] = "";

    (void)pthread_mutex_lock(&o->lock);
    struct ora_bytes *frame = ora_bytes_hold(x->table);
    const struct ora_person *p = ora_person_of(o, identity);
    if (p)
        memcpy(endpoint, p->node.endpoint, p->node.endpoint_len);
    (void)pthread_mutex_unlock(&o->lock);
    if (frame)
        ora_notify(o, x, identity, endpoint, topic, frame);
    ora_bytes_drop(frame);
}

/* That a task has another asserter concerns all of them: it gets from some and gives to others. The
   notice is to make them look at once. */
static void tell_replaced(struct su_oracle *o, struct ora_exec *x, uint16_t task)
{
    const struct su_chain_case *c = &x->seen;
    const struct su_acc_assignment *a = c->assignments[task];

    for (uint16_t i = 0; i < c->execution->task_count; i++) {
        const struct su_acc_assignment *other = c->assignments[i];
        if (other && !su_free_is_zero(other->node, 32) && memcmp(other->node, a->node, 32) != 0)
            tell(o, x, other->node, TOPIC_REPLACED | (uint32_t)task << 8 | a->attempt);
    }
}

/* Asserters hear of their assignment, drawn nodes of their check; from the oracle whose turn it is, and
   later from the others too. */
static void tell_nodes(struct su_oracle *o, struct ora_exec *x, unsigned rank)
{
    const struct su_chain_case *c = &x->seen;
    uint64_t wait = rank * 2ull * c->config->params.round_slots;

    if (!x->voted.rows)
        return;
    for (uint16_t i = 0; i < c->execution->task_count; i++) {
        const struct su_acc_assignment *a = c->assignments[i];
        if (!a)
            continue;
        if (c->execution->state == SU_EXEC_RUNNING) {
            if (c->execution->tasks[i].state != SU_TASK_ASSIGNED || c->slot < a->assign_slot + wait)
                continue;
            tell(o, x, a->node, (uint32_t)i << 8 | a->attempt);
            if (a->attempt > 0)
                tell_replaced(o, x, i);
            continue;
        }
        const struct su_chain_check_due d = su_chain_check_due(c, i, &x->voted);
        if (d.due == SU_CHAIN_DUE_ACCEPT && c->slot >= c->execution->phase_slot + wait)
            tell(o, x, d.identity, TOPIC_CHECK | (uint32_t)i << 8 | (a->cursor & 0xffu));
    }
}

/* ---- draws -------------------------------------------------------------------------------------------------- */

static void draw(struct su_oracle *o, struct ora_exec *x)
{
    const struct su_chain_at at = su_chain_case_at(&x->seen, 0, 0);
    uint8_t proof[SU_VRF_PROOF_BYTES];
    struct su_chain_turn turn;
    struct su_chain_batch b;
    struct su_err e = {0};

    if (!su_chain_turn(&x->seen, x->seen.slot, &turn) || memcmp(turn.key, o->key, 32) != 0 ||
        su_oracle_fault("withholds-draw"))
        return;
    enum su_code rc =
        su_vrf_prove(su_secret_data(o->vrf_seed), x->seen.execution->alpha, 32, proof, &e);
    if (!rc) {
        su_chain_batch_init(&b, &o->env, o->key);
        su_chain_make_draw(&b, o->key, &at, proof);
        rc = ora_send(o, &b, &e);
        su_chain_batch_fini(&b);
    }
    if (rc)
        su_log(SU_LOG_INFO, "oracle", "%s: draw: %s: %s", x->name, e.at, e.msg);
}

/* ---- what anybody may do ------------------------------------------------------------------------------------ */

/* What is possible for one round only cannot wait for two. */
static bool ripe(const struct su_chain_case *c, const struct su_chain_crank *k, unsigned rank)
{
    uint64_t part = c->config->params.round_slots / 4;

    if (k->number != SU_IX_ASSIGN && k->number != SU_IX_REASSIGN)
        return su_chain_crank_ripe(c, k, rank, c->slot);
    return c->slot >= k->since_slot + rank * SU_MAX(part, 1u);
}

/* True when something landed. */
static bool crank(struct su_oracle *o, struct ora_exec *x, unsigned rank)
{
    const struct su_chain_crank_by by = {.slot = x->seen.slot, .voted = &x->voted};
    const struct su_chain_send_opts opts = ora_send_opts(o);
    const struct su_chain_crank_send how = {.signer = &o->signer, .opts = &opts};
    struct su_chain_crank *k = su_try_alloc(SU_CHAIN_CRANKS_MAX, sizeof *k);
    struct su_err e = {0};
    size_t n, m = 0, sent = 0;

    if (!k || su_oracle_fault("silent")) {
        free(k);
        return false;
    }
    n = su_chain_crank(&x->seen, &by, k, SU_CHAIN_CRANKS_MAX);
    for (size_t i = 0; i < n; i++)
        if (ripe(&x->seen, &k[i], rank))
            k[m++] = k[i];
    if (m > 0 && su_chain_crank_run(o->chain, &x->seen, k, m, &how, &sent, &e) != SU_OK)
        su_log(SU_LOG_DEBUG, "oracle", "%s: %s: %s", x->name, e.at, e.msg);
    free(k);
    return sent > 0;
}

/* ---- a look --------------------------------------------------------------------------------------------------- */

static enum su_code look(struct su_oracle *o, struct ora_exec *x, struct su_err *e)
{
    const struct su_chain_case_hints hints = {.before = x->has_seen ? &x->seen : NULL,
                                              .voted = x->voted.rows ? &x->voted : NULL};
    struct su_chain_case now;
    enum su_code rc = su_chain_case_load(o->chain, &o->env, x->key, &hints, &now, e);

    if (rc)
        return rc;
    su_chain_case_fini(&x->seen);
    x->seen = now;
    x->has_seen = true;
    x->looked_ns = su_clock_mono_ns();
    (void)pthread_mutex_lock(&o->lock);
    x->glance_slot = now.slot;
    x->calm = (x->glance || (x->glance = su_try_alloc(1, sizeof *x->glance))) && ora_is_calm(&now);
    if (x->glance)
        su_chain_glance_of(x->glance, &now);
    (void)pthread_mutex_unlock(&o->lock);
    return SU_OK;
}

/* ---- rest ----------------------------------------------------------------------------------------------------- */

/* By the last reading, in the present slot: something is due that wants it read anew. */
static bool is_due(struct su_oracle *o, struct ora_exec *x, unsigned rank)
{
    const struct su_acc_execution *exec = x->seen.execution;
    const struct su_chain_crank_by by = {.slot = x->seen.slot, .voted = &x->voted};
    struct su_chain_crank k[RIPE_MAX];
    bool due = !voted_is_here(x);

    for (uint16_t i = 0; i < exec->task_count && exec->state == SU_EXEC_RUNNING && !due; i++)
        due = exec->tasks[i].state == SU_TASK_ASSIGNED && ora_failing(o, x, i);
    size_t n = due ? 0 : su_chain_crank(&x->seen, &by, k, RIPE_MAX);
    for (size_t i = 0; i < n && !due; i++)
        due = ripe(&x->seen, &k[i], rank);
    return due;
}

/* True when all that is to be done now was done without reading anything. */
static bool rest(struct su_oracle *o, struct ora_exec *x)
{
    struct ora_pace p = {
        .acted = x->acted, .now_ns = su_clock_mono_ns(), .looked_ns = x->looked_ns};
    uint8_t number;

    (void)pthread_mutex_lock(&o->lock);
    p.tick_ms = o->tick_ms;
    p.round_ms = o->round_ms;
    p.calm = x->calm;
    p.news = x->news;
    p.glanced_ns = x->glanced_ns;
    x->news = false;
    uint64_t slot = x->glance_slot;
    (void)pthread_mutex_unlock(&o->lock);
    if (!x->has_seen || x->gone > 0 || !ora_may_rest(&p) || !ora_number(o, x->seen.config, &number))
        return false;
    x->seen.slot = SU_MAX(x->seen.slot, slot);
    unsigned rank = su_chain_crank_rank(&x->seen, number);
    if (x->seen.execution->state == SU_EXEC_RUNNING || x->seen.execution->state == SU_EXEC_CHECKING)
        tell_nodes(o, x, rank);
    return !is_due(o, x, rank);
}

static bool act(struct su_oracle *o, struct ora_exec *x, uint8_t number)
{
    unsigned rank = su_chain_crank_rank(&x->seen, number);
    bool voted = false;

    if (x->seen.execution->state > SU_EXEC_ASSIGNING && x->hungry_ns != 0) {
        (void)pthread_mutex_lock(&o->lock);
        x->hungry_ns = 0;
        (void)pthread_mutex_unlock(&o->lock);
    }
    switch (x->seen.execution->state) {
    case SU_EXEC_REQUESTED:
    case SU_EXEC_ASSIGNING:
        voted = ora_assign(o, x, number);
        break;
    case SU_EXEC_RUNNING:
        tell_nodes(o, x, rank);
        voted = ora_run_tasks(o, x, number);
        break;
    case SU_EXEC_FROZEN:
        draw(o, x);
        break;
    case SU_EXEC_CHECKING:
        tell_nodes(o, x, rank);
        break;
    case SU_EXEC_REVEALING:
        ora_judge(o, x, number);
        break;
    default:
        break;
    }
    return (!ora_stopping(o) && crank(o, x, rank)) || voted;
}

uint32_t ora_step(struct su_oracle *o, struct ora_exec *x)
{
    uint32_t tick = o->tick_ms;
    struct su_err e = {0};
    uint8_t number;

    if (rest(o, x))
        return tick;
    enum su_code rc = look(o, x, &e);
    if (rc == SU_ENOENT)
        return ++x->gone >= GONE ? 0 : tick;
    x->gone = 0;
    if (rc) {
        su_log(SU_LOG_DEBUG, "oracle", "%s: %s: %s", x->name, e.at, e.msg);
        return 4 * tick;
    }
    voted_find(o, x);
    if (!ora_number(o, x->seen.config, &number))
        return 8 * tick;
    x->acted = act(o, x, number);
    return x->acted ? tick / 4 + 1 : tick;
}
