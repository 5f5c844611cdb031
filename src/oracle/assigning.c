// SPDX-License-Identifier: MIT
/* Rounds: the proposer's table and assignment, the others' votes. */
#include "oracle_priv.h"

#include <stdlib.h>
#include <string.h>

enum {
    FRESH_MS = 200, /* age of node entries good enough to propose or vote by */
    ASK_MS = 3000, /* deadline of asking one peer for an input */
};

/* SysvarS1otHashes111111111111111111111111111 */
static const uint8_t slot_hashes_id[32] = {
    0x06, 0xa7, 0xd5, 0x17, 0x19, 0x2f, 0x0a, 0xaf, 0xc6, 0xf2, 0x65, 0xe3, 0xfb, 0x77, 0xcc, 0x7a,
    0xda, 0x82, 0xc5, 0x29, 0xd0, 0xbe, 0x3b, 0x13, 0x6e, 0x2d, 0x00, 0x55, 0x20, 0x00, 0x00, 0x00};

enum su_code ora_slot_hash(struct su_oracle *o, uint64_t slot, uint8_t hash[32], struct su_err *e)
{
    enum { HEAD = 8, ENTRY = 40 };
    struct su_chain_accounts list;
    enum su_code rc =
        su_chain_accounts_get(o->chain, (const uint8_t(*)[32]) & slot_hashes_id, 1, &list, e);

    if (rc)
        return rc;
    const struct su_chain_account *a = &list.items[0];
    uint64_t n = a->data_bytes >= HEAD ? su_le64(a->data) : 0;
    n = SU_MIN(n, a->data_bytes >= HEAD ? (a->data_bytes - HEAD) / ENTRY : 0);
    rc = su_fail(e, SU_ENOENT, "slot hashes", "none is below slot %llu any more",
                 (unsigned long long)slot);
    for (uint64_t i = 0; i < n; i++) {
        const uint8_t *entry = a->data + HEAD + i * ENTRY;
        if (su_le64(entry) >= slot)
            continue;
        memcpy(hash, entry + 8, 32);
        rc = SU_OK;
        break;
    }
    su_chain_accounts_fini(&list);
    return rc;
}

/* ---- what both sides compute from -------------------------------------------------------------------- */

struct round {
    struct su_oracle *o;
    struct ora_exec *x;
    const struct su_acc_execution *exec;
    const struct su_params *params;
    const struct su_chain_model *model;
    uint32_t number; /* of the round */
    uint8_t slot_hash[32];
    struct table_view *view;
    size_t n_view;
    struct table table;
    uint64_t *vram; /* per row */
    struct table_task task[SU_TASKS_MAX];
};

static void round_fini(struct round *r)
{
    free(r->view);
    free(r->vram);
    table_fini(&r->table);
}

/* Everything but the table. */
static enum su_code round_begin(struct round *r, struct su_err *e)
{
    uint64_t begins = r->exec->submit_slot + r->number * r->params->round_slots;
    enum su_code rc = ora_model_of(r->o, r->exec->model, &r->model, e);

    if (!rc)
        rc = ora_people_refresh(r->o, FRESH_MS, e);
    if (!rc)
        rc = ora_people_views(r->o, r->model, r->params, &r->view, &r->n_view, e);
    if (!rc)
        rc = ora_slot_hash(r->o, begins, r->slot_hash, e);
    for (uint16_t i = 0; i < r->exec->task_count && !rc; i++) {
        const struct su_acc_task *t = r->model->tasks[i];
        if (!t)
            return su_fail(e, SU_EFORMAT, r->x->name, "its model lacks task %u", i);
        r->task[i].fee = r->exec->tasks[i].fee;
        r->task[i].sampling_ppm = r->exec->tasks[i].sampling_ppm;
        r->task[i].vram_bytes = t->vram_fixed_bytes + t->vram_session_bytes;
        memcpy(r->task[i].consumers, t->consumers, sizeof t->consumers);
    }
    return rc;
}

/* The job of the round's table. */
static enum su_code round_job(struct round *r, struct table_job *j, struct su_err *e)
{
    r->vram = su_try_alloc(r->table.n, sizeof *r->vram);
    if (!r->vram)
        return su_fail(e, SU_ENOMEM, "table", "not enough memory for %u rows", r->table.n);
    for (uint32_t i = 0; i < r->table.n; i++) {
        const struct table_view *v = table_view_of(r->view, r->n_view, r->table.row[i].identity);
        r->vram[i] = v ? v->vram_bytes : 0;
    }
    *j = (struct table_job){.params = r->params,
                            .table = &r->table,
                            .vram_bytes = r->vram,
                            .task = r->task,
                            .n_task = r->exec->task_count};
    memcpy(j->model, r->exec->model, sizeof j->model);
    table_seed(r->x->key, 0, r->number, r->slot_hash, j->seed);
    return SU_OK;
}

/* ---- proposing ---------------------------------------------------------------------------------------- */

static enum su_code frame_of(struct round *r, const uint16_t *row_of_task, struct su_buf *frame,
                             struct su_err *e)
{
    uint8_t table_root[32], assignment_root[32], depth, rows[2 * SU_TASKS_MAX];
    struct su_buf data;
    struct su_wire_message m = {.kind = SU_WIRE_TABLE,
                                .u.table = {.execution = r->x->key,
                                            .request_slot = r->exec->request_slot,
                                            .total = r->table.total,
                                            .round = r->number,
                                            .owner_share_ppm = r->table.owner_share_ppm,
                                            .slot_hash = r->slot_hash,
                                            .table_root = table_root,
                                            .assignment_root = assignment_root,
                                            .row_count = (uint16_t)r->table.n,
                                            .task_count = r->exec->task_count,
                                            .rows_of_tasks = rows}};

    for (uint16_t i = 0; i < r->exec->task_count; i++)
        su_put_le16(rows + 2 * (size_t)i, row_of_task[i]);
    su_buf_init(&data, 0);
    enum su_code rc = table_write(&r->table, &data, e);
    m.data = data.data;
    m.data_bytes = data.len;
    if (!rc)
        rc = su_wire_table_root(&m, table_root, &depth, e);
    if (!rc) {
        su_wire_assignment_root(&m, assignment_root);
        rc = su_peer_frame(r->o->self, &m, frame, e);
    }
    su_buf_fini(&data);
    return rc;
}

static enum su_code assign(struct round *r, uint16_t row_of_task[SU_TASKS_MAX], struct su_err *e)
{
    struct table_job j;
    enum su_code rc = table_make(r->view, r->n_view, &r->table, e);

    if (!rc)
        rc = round_job(r, &j, e);
    return rc ? rc : table_assign(&j, row_of_task, e);
}

/* Those who rest are called when the others do not suffice. */
static bool call_all(struct round *r)
{
    bool any = false;

    for (size_t i = 0; i < r->n_view; i++) {
        any = any || r->view[i].rests;
        r->view[i].rests = false;
    }
    free(r->vram);
    r->vram = NULL;
    table_fini(&r->table);
    return any;
}

/* Makes this round's proposal and tells the others. */
static enum su_code propose(struct round *r, struct ora_bytes **out, struct su_err *e)
{
    uint16_t row_of_task[SU_TASKS_MAX];
    struct su_buf frame;

    *out = NULL;
    su_buf_init(&frame, 0);
    enum su_code rc = assign(r, row_of_task, e);
    if (rc == SU_ENOENT && call_all(r))
        rc = assign(r, row_of_task, e);
    if (!rc)
        rc = frame_of(r, row_of_task, &frame, e);
    if (!rc && !(*out = ora_bytes_of(frame.data, frame.len)))
        rc = su_fail(e, SU_ENOMEM, "table", "not enough memory");
    su_buf_fini(&frame);
    if (!rc)
        ora_tell_peers(r->o, *out);
    return rc;
}

/* ---- voting ------------------------------------------------------------------------------------------- */

static enum su_code agree(struct round *r, const struct su_wire_message *m, struct su_err *e)
{
    struct table_job j;

    if (m->u.table.task_count != r->exec->task_count)
        return su_fail(e, SU_EINVAL, "table", "is for another number of tasks");
    if (memcmp(m->u.table.slot_hash, r->slot_hash, 32) != 0)
        return su_fail(e, SU_EINVAL, "table", "names another slot hash than the round's");
    enum su_code rc = table_read(m, &r->table, e);
    if (!rc)
        rc = table_check(&r->table, r->view, r->n_view, e);
    if (!rc)
        rc = round_job(r, &j, e);
    return rc ? rc : table_agree(&j, m->u.table.rows_of_tasks, r->view, r->n_view, e);
}

static enum su_code vote(struct round *r, const struct su_wire_message *m, struct su_err *e)
{
    struct su_ix_vote_assign ix = {.round = r->number,
                                   .owner_share_ppm = m->u.table.owner_share_ppm,
                                   .table_total = m->u.table.total};
    const struct su_chain_at at = su_chain_case_at(&r->x->seen, 0, 0);
    const struct su_msg_scope scope = su_chain_case_scope(&r->x->seen);
    struct su_chain_batch b;
    uint8_t root[32], digest[32];

    memcpy(ix.table_root, m->u.table.table_root, 32);
    memcpy(ix.assignment_root, m->u.table.assignment_root, 32);
    if (su_oracle_fault("votes-wrongly"))
        ix.assignment_root[0] ^= 1;
    enum su_code rc = su_wire_table_root(m, root, &ix.table_depth, e);
    if (rc)
        return rc;
    su_msg_vote_assign(ora_hash, &scope, &ix, digest);
    ora_tell_vote(r->o, &(struct su_wire_vote){.execution = r->x->key,
                                               .request_slot = r->exec->request_slot,
                                               .round = r->number,
                                               .task = SU_NO_TASK,
                                               .question = SU_QUESTION_ASSIGN,
                                               .digest = digest});
    su_chain_batch_init(&b, &r->o->env, r->o->key);
    su_chain_make_vote_assign(&b, r->o->key, &at, &ix);
    rc = ora_send(r->o, &b, e);
    su_chain_batch_fini(&b);
    return rc;
}

/* ---- the round ---------------------------------------------------------------------------------------- */

/* The proposal of a round by that oracle, held; NULL: it is not here. */
static struct ora_bytes *proposal_of(struct su_oracle *o, struct ora_exec *x, uint32_t round,
                                     const uint8_t sender[32])
{
    struct ora_bytes *frame = NULL;

    (void)pthread_mutex_lock(&o->lock);
    for (size_t i = 0; i < ORA_PROPOSALS && !frame; i++)
        if (x->proposal[i].frame && x->proposal[i].round == round &&
            memcmp(x->proposal[i].sender, sender, 32) == 0)
            frame = ora_bytes_hold(x->proposal[i].frame);
    (void)pthread_mutex_unlock(&o->lock);
    return frame;
}

/* Gets the input from another oracle. */
static void fetch_input(struct su_oracle *o, struct ora_exec *x)
{
    char endpoint[ORA_PEERS_MAX][SU_ENDPOINT_MAX + 1];
    const struct su_peer_call call = {.deadline_ms = ASK_MS};
    uint64_t now = su_clock_mono_ns();
    struct su_buf input;
    size_t n = 0;

    if (now - x->asked_ns < (uint64_t)o->round_ms * 2000000u)
        return;
    x->asked_ns = now;
    (void)pthread_mutex_lock(&o->lock);
    for (; n < o->n_peer; n++)
        memcpy(endpoint[n], o->peer[n]->endpoint, sizeof endpoint[n]);
    (void)pthread_mutex_unlock(&o->lock);
    su_buf_init(&input, 0);
    for (size_t i = 0; i < n && !x->has_input && !ora_stopping(o); i++) {
        struct su_err e = {0};
        if (!endpoint[i][0] ||
            su_peer_input_get(endpoint[i], x->key, x->seen.execution->input_digest, &call, &input,
                              &e) != SU_OK)
            continue;
        if (ora_exec_keep(o, x->key, "input", input.data, input.len, &e) != SU_OK) {
            su_log(SU_LOG_WARN, "oracle", "%s: input cannot be kept: %s", x->name, e.msg);
            break;
        }
        (void)pthread_mutex_lock(&o->lock);
        x->has_input = true;
        (void)pthread_mutex_unlock(&o->lock);
    }
    su_buf_fini(&input);
}

static enum su_code take_part(struct round *r, const uint8_t proposer[32], struct su_err *e)
{
    bool mine = memcmp(proposer, r->o->key, 32) == 0;
    struct ora_bytes *frame = mine ? NULL : proposal_of(r->o, r->x, r->number, proposer);
    struct su_wire_frame f;

    if (!mine && !frame)
        return SU_OK; /* not here yet; or the next round */
    r->x->tried_round = r->number + 1;
    enum su_code rc = round_begin(r, e);
    if (!rc && mine)
        rc = propose(r, &frame, e);
    if (!rc && mine) {
        (void)pthread_mutex_lock(&r->o->lock);
        ora_exec_propose(r->x, proposer, r->number, frame);
        (void)pthread_mutex_unlock(&r->o->lock);
    }
    if (!rc)
        rc = su_wire_parse(frame->data, frame->n, &f, e);
    if (!rc && !mine)
        rc = agree(r, &f.m, e);
    if (!rc)
        rc = vote(r, &f.m, e);
    ora_bytes_drop(frame);
    return rc;
}

/* The oldest request first: while one waits for stake, younger ones leave it alone, for some rounds. */
static bool let_pass(struct su_oracle *o, const struct ora_exec *x)
{
    uint64_t now = su_clock_mono_ns();
    uint64_t most = (uint64_t)ORA_HUNGRY_ROUNDS * o->round_ms * 1000000u;
    bool wait = false;

    (void)pthread_mutex_lock(&o->lock);
    for (size_t i = 0; i < o->n_exec && !wait; i++) {
        const struct ora_exec *y = o->exec[i];
        wait = y != x && y->hungry_ns != 0 && y->submit_slot < x->submit_slot &&
               now - y->hungry_ns < most;
    }
    (void)pthread_mutex_unlock(&o->lock);
    return wait;
}

static void note_hunger(struct su_oracle *o, struct ora_exec *x, bool hungry)
{
    (void)pthread_mutex_lock(&o->lock);
    x->submit_slot = x->seen.execution->submit_slot;
    if (hungry && x->hungry_ns == 0)
        x->hungry_ns = su_clock_mono_ns();
    (void)pthread_mutex_unlock(&o->lock);
}

bool ora_assign(struct su_oracle *o, struct ora_exec *x, uint8_t number)
{
    const struct su_chain_case *c = &x->seen;
    struct round r = {.o = o, .x = x, .exec = c->execution, .params = &c->config->params};
    const struct su_vote *mine = &c->execution->votes[number];
    struct su_err e = {0};

    if (r.exec->state == SU_EXEC_ASSIGNING &&
        (r.exec->assigned > 0 || c->slot <= r.exec->phase_slot + r.params->round_slots))
        return false;
    if (c->slot > r.exec->request_slot + r.params->request_expiry_slots)
        return false;
    r.number = (uint32_t)((c->slot - r.exec->submit_slot) / r.params->round_slots);
    if (x->tried_round == r.number + 1 ||
        (mine->question == SU_QUESTION_ASSIGN && mine->round == r.number))
        return false;
    /* Taken up again after a release: what was voted did not go through. */
    note_hunger(o, x, r.exec->table_total > 0);
    if (let_pass(o, x))
        return false;
    if (!x->has_input)
        fetch_input(o, x);
    if (!x->has_input)
        return false;
    unsigned proposer = table_proposer(x->key, r.number, c->config->oracle_count);
    enum su_code rc = take_part(&r, c->config->oracles[proposer].key, &e);
    if (rc == SU_ENOENT && r.table.n >= r.params->min_owners)
        note_hunger(o, x, true);
    if (rc)
        su_log(SU_LOG_DEBUG, "oracle", "%s round %u: %s: %s", x->name, r.number, e.at, e.msg);
    else if (x->tried_round == r.number + 1)
        su_log(SU_LOG_DEBUG, "oracle", "%s round %u: voted", x->name, r.number);
    round_fini(&r);
    return rc == SU_OK && x->tried_round == r.number + 1;
}
