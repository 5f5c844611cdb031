// SPDX-License-Identifier: MIT
/* Instructions about executions: request to settlement. */
#include "make_priv.h"

#include <string.h>

/* The accounts most of these instructions name. */
struct scene {
    struct chain_roles r;
    uint8_t config[32], assignment[32], check[32], node[32], reserve[32];
};

/* Fills execution, its config, and the assignment and Check of at->task. */
static void scene_set(struct scene *s, struct su_chain_batch *b, const struct su_chain_at *at)
{
    memset(s, 0, sizeof *s);
    s->r = chain_roles_of(b);
    su_chain_addr_config(b->env, at->epoch, s->config);
    s->r.config = s->config;
    s->r.execution = at->execution;
}

static void scene_task(struct scene *s, struct su_chain_batch *b, const struct su_chain_at *at)
{
    scene_set(s, b, at);
    su_chain_addr_assignment(b->env, at->execution, at->task, s->assignment);
    s->r.assignment = s->assignment;
}

static void scene_check(struct scene *s, struct su_chain_batch *b, const struct su_chain_at *at)
{
    scene_task(s, b, at);
    su_chain_addr_check(b->env, s->assignment, at->check, s->check);
    s->r.check = s->check;
}

/* The node of an identity and its reserve in this execution. */
static void scene_node(struct scene *s, struct su_chain_batch *b, const uint8_t identity[32])
{
    su_chain_addr_node(b->env, identity, s->node);
    su_chain_addr_reserve(b->env, s->r.execution, identity, s->reserve);
    s->r.node = s->node;
    s->r.reserve = s->reserve;
}

/* ---- request --------------------------------------------------------------------------------- */

void su_chain_make_request_open(struct su_chain_batch *b, const uint8_t key[32],
                                const uint8_t model[32], const struct su_chain_request *q)
{
    struct chain_roles r = chain_roles_of(b);
    struct su_ix_request_open ix = {.nonce = q->nonce, .seed = q->seed, .max_steps = q->max_steps};
    uint8_t requestor[32], execution[32];

    memcpy(ix.input_digest, q->input_digest, 32);
    su_chain_addr_requestor(b->env, key, requestor);
    su_chain_addr_execution(b->env, key, q->nonce, execution);
    r.key = key;
    r.model = model;
    r.requestor = requestor;
    r.execution = execution;
    chain_emit(b, SU_IX_REQUEST_OPEN, &r, &ix, sizeof ix);
}

void su_chain_make_request_tasks(struct su_chain_batch *b, const uint8_t key[32],
                                 const struct su_chain_at *at, const uint8_t model[32],
                                 uint32_t count)
{
    enum { TASKS_MAX = 4 };
    struct su_ix_request_tasks ix = {.first = at->task, .count = count};
    uint8_t pairs[2 * TASKS_MAX][32];
    struct scene s;

    if (count < 1 || count > TASKS_MAX) {
        chain_batch_fail(b, SU_EINVAL, "request_tasks", "1 to 4 tasks at once");
        return;
    }
    scene_set(&s, b, at);
    for (uint32_t i = 0; i < count; i++) {
        uint16_t task = (uint16_t)(at->task + i);
        su_chain_addr_task(b->env, model, task, pairs[(size_t)2 * i]);
        su_chain_addr_assignment(b->env, at->execution, task, pairs[(size_t)2 * i + 1]);
    }
    s.r.key = key;
    s.r.model = model;
    s.r.rest = (const uint8_t(*)[32])pairs;
    s.r.n_rest = (size_t)2 * count;
    s.r.rest_every = 2; /* the assignments are made, the tasks only read */
    chain_emit(b, SU_IX_REQUEST_TASKS, &s.r, &ix, sizeof ix);
}

void su_chain_make_request_submit(struct su_chain_batch *b, const uint8_t key[32],
                                  const struct su_chain_at *at, uint64_t max_escrow)
{
    struct su_ix_request_submit ix = {.max_escrow = max_escrow};
    struct scene s;
    uint8_t from[32];

    scene_set(&s, b, at);
    su_chain_ata(key, b->env->mint, from);
    s.r.key = key;
    s.r.from = from;
    chain_emit(b, SU_IX_REQUEST_SUBMIT, &s.r, &ix, sizeof ix);
}

void su_chain_make_request_cancel(struct su_chain_batch *b, const uint8_t key[32],
                                  const struct su_chain_at *at)
{
    struct scene s;

    scene_set(&s, b, at);
    s.r.key = key;
    chain_emit_bare(b, SU_IX_REQUEST_CANCEL, &s.r);
}

void su_chain_make_request_expire(struct su_chain_batch *b, const struct su_chain_at *at)
{
    struct scene s;

    scene_set(&s, b, at);
    chain_emit_bare(b, SU_IX_REQUEST_EXPIRE, &s.r);
}

void su_chain_make_refund_claim(struct su_chain_batch *b, const uint8_t key[32])
{
    struct chain_roles r = chain_roles_of(b);
    uint8_t to[32], requestor[32];

    su_chain_ata(key, b->env->mint, to);
    su_chain_addr_requestor(b->env, key, requestor);
    r.key = key;
    r.to = to;
    r.requestor = requestor;
    chain_emit_bare(b, SU_IX_REFUND_CLAIM, &r);
}

/* ---- assignment ------------------------------------------------------------------------------ */

void su_chain_make_vote_assign(struct su_chain_batch *b, const uint8_t oracle[32],
                               const struct su_chain_at *at, const struct su_ix_vote_assign *ix)
{
    struct su_ix_vote_assign copy = *ix;
    struct scene s;

    memset(&copy.ix, 0, sizeof copy.ix);
    memset(copy.pad, 0, sizeof copy.pad);
    scene_set(&s, b, at);
    s.r.oracle = oracle;
    chain_emit(b, SU_IX_VOTE_ASSIGN, &s.r, &copy, sizeof copy);
}

/* Position of an identity among the distinct ones so far, appended when it is new. */
static uint8_t node_position(const uint8_t identity[32], const uint8_t **distinct, uint8_t *n)
{
    for (uint8_t i = 0; i < *n; i++)
        if (memcmp(distinct[i], identity, 32) == 0)
            return i;
    distinct[*n] = identity;
    return (*n)++;
}

void su_chain_make_assign(struct su_chain_batch *b, const struct su_chain_at *at,
                          const struct su_chain_assign_group *g)
{
    struct su_ix_assign ix = {.group = g->group, .count = g->count, .path_len = g->path_len};
    const uint8_t *distinct[SU_ASSIGN_GROUP];
    uint8_t keys[3 * SU_ASSIGN_GROUP][32];
    struct scene s;

    if (g->count < 1 || g->count > SU_ASSIGN_GROUP || g->path_len > SU_ASSIGN_PATH_MAX) {
        chain_batch_fail(b, SU_EINVAL, "assign", "1 to 4 tasks in a group, a path of at most 5");
        return;
    }
    scene_set(&s, b, at);
    for (uint8_t i = 0; i < g->count; i++) {
        uint16_t task = (uint16_t)(g->group * SU_ASSIGN_GROUP + i);
        ix.node_of[i] = node_position(g->identities[i], distinct, &ix.node_count);
        su_chain_addr_assignment(b->env, at->execution, task, keys[i]);
    }
    for (uint8_t i = 0; i < ix.node_count; i++) {
        uint8_t *node = keys[g->count + i], *reserve = keys[g->count + ix.node_count + i];
        su_chain_addr_node(b->env, distinct[i], node);
        su_chain_addr_reserve(b->env, at->execution, distinct[i], reserve);
    }
    for (uint8_t i = 0; i < g->path_len; i++)
        memcpy(ix.path[i], g->path[i], 32);
    s.r.rest = (const uint8_t(*)[32])keys;
    s.r.n_rest = (size_t)g->count + 2 * (size_t)ix.node_count;
    chain_emit(b, SU_IX_ASSIGN, &s.r, &ix, sizeof ix);
}

void su_chain_make_release(struct su_chain_batch *b, const struct su_chain_at *at,
                           const uint8_t identity[32], const uint8_t rent_payer[32])
{
    struct scene s;

    scene_task(&s, b, at);
    scene_node(&s, b, identity);
    s.r.rent_payer = rent_payer;
    chain_emit_bare(b, SU_IX_RELEASE, &s.r);
}

void su_chain_make_vote_task(struct su_chain_batch *b, const uint8_t oracle[32],
                             const struct su_chain_at *at, const struct su_ix_vote_task *ix)
{
    struct su_ix_vote_task copy = *ix;
    struct scene s;

    memset(&copy.ix, 0, sizeof copy.ix);
    memset(copy.pad2, 0, sizeof copy.pad2);
    copy.pad = 0;
    scene_task(&s, b, at);
    s.r.oracle = oracle;
    chain_emit(b, SU_IX_VOTE_TASK, &s.r, &copy, sizeof copy);
}

void su_chain_make_reassign(struct su_chain_batch *b, const struct su_chain_at *at,
                            const uint8_t identity[32])
{
    struct scene s;

    scene_task(&s, b, at);
    scene_node(&s, b, identity);
    chain_emit_bare(b, SU_IX_REASSIGN, &s.r);
}

/* ---- commit and draw ------------------------------------------------------------------------- */

void su_chain_make_commit(struct su_chain_batch *b, const uint8_t identity[32],
                          const struct su_chain_at *at, const struct su_ix_commit *ix)
{
    struct su_ix_commit copy = *ix;
    struct scene s;

    memset(&copy.ix, 0, sizeof copy.ix);
    memset(copy.pad, 0, sizeof copy.pad);
    scene_task(&s, b, at);
    s.r.identity = identity;
    chain_emit(b, SU_IX_COMMIT, &s.r, &copy, sizeof copy);
}

void su_chain_make_freeze(struct su_chain_batch *b, const struct su_chain_at *at,
                          uint32_t hash_index, bool fallback)
{
    struct su_ix_freeze ix = {.hash_index = hash_index, .fallback = fallback};
    struct scene s;

    scene_set(&s, b, at);
    chain_emit(b, SU_IX_FREEZE, &s.r, &ix, sizeof ix);
}

void su_chain_make_draw(struct su_chain_batch *b, const uint8_t oracle[32],
                        const struct su_chain_at *at, const uint8_t proof[80])
{
    struct su_ix_draw ix = {.ix = {0}};
    struct scene s;

    memcpy(ix.proof, proof, sizeof ix.proof);
    scene_set(&s, b, at);
    s.r.oracle = oracle;
    chain_emit(b, SU_IX_DRAW, &s.r, &ix, sizeof ix);
}

void su_chain_make_draw_default(struct su_chain_batch *b, const struct su_chain_at *at)
{
    struct scene s;

    scene_set(&s, b, at);
    chain_emit_bare(b, SU_IX_DRAW_DEFAULT, &s.r);
}

/* ---- checks ---------------------------------------------------------------------------------- */

static struct su_ix_check_row row_copy(const struct su_ix_check_row *row)
{
    struct su_ix_check_row copy = *row;

    memset(&copy.ix, 0, sizeof copy.ix);
    memset(copy.pad, 0, sizeof copy.pad);
    return copy;
}

void su_chain_make_check_skip(struct su_chain_batch *b, const struct su_chain_at *at,
                              const struct su_ix_check_row *row)
{
    struct su_ix_check_row copy = row_copy(row);
    struct scene s;

    scene_task(&s, b, at);
    scene_node(&s, b, row->identity);
    chain_emit(b, SU_IX_CHECK_SKIP, &s.r, &copy, sizeof copy);
}

void su_chain_make_check_accept(struct su_chain_batch *b, const struct su_chain_at *at,
                                const struct su_ix_check_row *row)
{
    struct su_ix_check_row copy = row_copy(row);
    struct scene s;

    scene_check(&s, b, at);
    scene_node(&s, b, row->identity);
    s.r.identity = row->identity;
    chain_emit(b, SU_IX_CHECK_ACCEPT, &s.r, &copy, sizeof copy);
}

void su_chain_make_check_post(struct su_chain_batch *b, const uint8_t identity[32],
                              const struct su_chain_at *at, const uint8_t input_root[32],
                              const uint8_t output_root[32])
{
    struct su_ix_check_post ix = {.ix = {0}};
    struct scene s;

    memcpy(ix.input_root, input_root, 32);
    memcpy(ix.output_root, output_root, 32);
    scene_check(&s, b, at);
    s.r.identity = identity;
    chain_emit(b, SU_IX_CHECK_POST, &s.r, &ix, sizeof ix);
}

void su_chain_make_reveal(struct su_chain_batch *b, const uint8_t identity[32],
                          const struct su_chain_at *at, const struct su_ix_reveal *ix)
{
    struct su_ix_reveal copy = *ix;
    struct scene s;

    memset(&copy.ix, 0, sizeof copy.ix);
    scene_task(&s, b, at);
    s.r.identity = identity;
    chain_emit(b, SU_IX_REVEAL, &s.r, &copy, sizeof copy);
}

void su_chain_make_match(struct su_chain_batch *b, const struct su_chain_at *at, uint8_t mask,
                         const uint16_t *producers)
{
    struct su_ix_match ix = {.mask = mask};
    uint8_t keys[SU_PORTS_MAX][32];
    struct scene s;

    scene_task(&s, b, at);
    for (unsigned bit = 0; bit < SU_PORTS_MAX; bit++)
        if (mask >> bit & 1u) {
            su_chain_addr_assignment(b->env, at->execution, producers[s.r.n_rest],
                                     keys[s.r.n_rest]);
            s.r.n_rest++;
        }
    s.r.rest = (const uint8_t(*)[32])keys;
    chain_emit(b, SU_IX_MATCH, &s.r, &ix, sizeof ix);
}

/* What says of a task that its time is over. */
static void expire(struct su_chain_batch *b, uint8_t number, const struct su_chain_at *at)
{
    struct scene s;

    scene_check(&s, b, at);
    chain_emit_bare(b, number, &s.r);
}

void su_chain_make_commit_expire(struct su_chain_batch *b, const struct su_chain_at *at)
{
    expire(b, SU_IX_COMMIT_EXPIRE, at);
}

void su_chain_make_check_expire(struct su_chain_batch *b, const struct su_chain_at *at)
{
    expire(b, SU_IX_CHECK_EXPIRE, at);
}

void su_chain_make_reveal_expire(struct su_chain_batch *b, const struct su_chain_at *at)
{
    expire(b, SU_IX_REVEAL_EXPIRE, at);
}

void su_chain_make_dispute_expire(struct su_chain_batch *b, const struct su_chain_at *at)
{
    expire(b, SU_IX_DISPUTE_EXPIRE, at);
}

void su_chain_make_declare_missing(struct su_chain_batch *b, const uint8_t key[32],
                                   const struct su_chain_at *at)
{
    struct scene s;

    scene_task(&s, b, at);
    s.r.key = key;
    chain_emit_bare(b, SU_IX_DECLARE_MISSING, &s.r);
}

/* ---- settlement ------------------------------------------------------------------------------ */

void su_chain_make_conclude(struct su_chain_batch *b, const uint8_t signer[32],
                            const struct su_chain_at *at)
{
    struct scene s;

    scene_set(&s, b, at);
    s.r.signer = signer;
    chain_emit_bare(b, SU_IX_CONCLUDE, &s.r);
}

void su_chain_make_slash(struct su_chain_batch *b, const struct su_chain_at *at, uint64_t who,
                         const uint8_t identity[32])
{
    struct su_ix_slash ix = {.who = who};
    struct scene s;

    scene_task(&s, b, at);
    scene_node(&s, b, identity);
    chain_emit(b, SU_IX_SLASH, &s.r, &ix, sizeof ix);
}

void su_chain_make_pay_task(struct su_chain_batch *b, const struct su_chain_at *at,
                            const uint8_t identity[32])
{
    struct scene s;

    scene_task(&s, b, at);
    scene_node(&s, b, identity);
    chain_emit_bare(b, SU_IX_PAY_TASK, &s.r);
}

void su_chain_make_pay_check(struct su_chain_batch *b, const struct su_chain_at *at,
                             const uint8_t validator[32], uint64_t claim)
{
    struct scene s;
    uint8_t key[32];

    scene_check(&s, b, at);
    scene_node(&s, b, validator);
    su_chain_addr_claim(b->env, claim, key);
    s.r.claim = key;
    chain_emit_bare(b, SU_IX_PAY_CHECK, &s.r);
}

void su_chain_make_free_reserve(struct su_chain_batch *b, const struct su_chain_at *at,
                                const uint8_t identity[32], const uint8_t rent_payer[32])
{
    struct scene s;

    scene_set(&s, b, at);
    scene_node(&s, b, identity);
    s.r.rent_payer = rent_payer;
    chain_emit_bare(b, SU_IX_FREE_RESERVE, &s.r);
}

void su_chain_make_pay_oracle(struct su_chain_batch *b, const struct su_chain_at *at,
                              const uint8_t oracle[32], uint64_t number)
{
    struct su_ix_pay_oracle ix = {.number = number};
    struct scene s;
    uint8_t account[32];

    scene_set(&s, b, at);
    su_chain_addr_oracle(b->env, oracle, account);
    s.r.oracle = account;
    chain_emit(b, SU_IX_PAY_ORACLE, &s.r, &ix, sizeof ix);
}

void su_chain_make_finish(struct su_chain_batch *b, const struct su_chain_at *at,
                          const uint8_t requestor[32])
{
    struct scene s;
    uint8_t account[32];

    scene_set(&s, b, at);
    su_chain_addr_requestor(b->env, requestor, account);
    s.r.requestor = account;
    chain_emit_bare(b, SU_IX_FINISH, &s.r);
}

static void close_one(struct su_chain_batch *b, uint8_t number, const struct su_chain_at *at,
                      const uint8_t rent_payer[32])
{
    struct scene s;

    scene_check(&s, b, at);
    s.r.rent_payer = rent_payer;
    chain_emit_bare(b, number, &s.r);
}

void su_chain_make_close_assignment(struct su_chain_batch *b, const struct su_chain_at *at,
                                    const uint8_t rent_payer[32])
{
    close_one(b, SU_IX_CLOSE_ASSIGNMENT, at, rent_payer);
}

void su_chain_make_close_check(struct su_chain_batch *b, const struct su_chain_at *at,
                               const uint8_t rent_payer[32])
{
    close_one(b, SU_IX_CLOSE_CHECK, at, rent_payer);
}

void su_chain_make_close_execution(struct su_chain_batch *b, const struct su_chain_at *at,
                                   const uint8_t rent_payer[32])
{
    close_one(b, SU_IX_CLOSE_EXECUTION, at, rent_payer);
}

void su_chain_make_claim_pay(struct su_chain_batch *b, uint64_t seq, const uint8_t identity[32],
                             const uint8_t rent_payer[32])
{
    struct chain_roles r = chain_roles_of(b);
    uint8_t claim[32], node[32];

    su_chain_addr_claim(b->env, seq, claim);
    su_chain_addr_node(b->env, identity, node);
    r.claim = claim;
    r.node = node;
    r.rent_payer = rent_payer;
    chain_emit_bare(b, SU_IX_CLAIM_PAY, &r);
}
