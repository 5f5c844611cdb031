// SPDX-License-Identifier: MIT
/* Instructions about configuration, oracles, models, nodes and stake. */
#include "make_priv.h"

#include <string.h>

/* ---- config, pool, oracles ------------------------------------------------------------------- */

void su_chain_make_init(struct su_chain_batch *b, const uint8_t admin[32],
                        const struct su_params *params)
{
    struct chain_roles r = chain_roles_of(b);
    struct su_ix_init ix = {.params = *params};

    memcpy(ix.genesis, b->env->genesis, 32);
    r.admin = admin;
    chain_emit(b, SU_IX_INIT, &r, &ix, sizeof ix);
}

void su_chain_make_config_next(struct su_chain_batch *b, const uint8_t admin[32],
                               const struct su_chain_oracle_set *set,
                               const struct su_params *params)
{
    struct chain_roles r = chain_roles_of(b);
    struct su_ix_config_next ix = {.oracle_count = set->n_members, .params = *params};
    uint8_t latest[32], next[32], oracles[2 * SU_ORACLES_MAX][32];

    if (set->n_members > SU_ORACLES_MAX || set->n_leaving > SU_ORACLES_MAX) {
        chain_batch_fail(b, SU_EINVAL, "oracles", "an epoch has at most 8 oracles");
        return;
    }
    su_chain_addr_config(b->env, set->latest, latest);
    su_chain_addr_config(b->env, set->latest + 1, next);
    for (size_t i = 0; i < set->n_members; i++)
        su_chain_addr_oracle(b->env, set->members[i], oracles[i]);
    for (size_t i = 0; i < set->n_leaving; i++)
        su_chain_addr_oracle(b->env, set->leaving[i], oracles[set->n_members + i]);
    r.admin = admin;
    r.latest = latest;
    r.next = next;
    r.rest = (const uint8_t(*)[32])oracles;
    r.n_rest = set->n_members + set->n_leaving;
    chain_emit(b, SU_IX_CONFIG_NEXT, &r, &ix, sizeof ix);
}

void su_chain_make_admin_set(struct su_chain_batch *b, const uint8_t admin[32],
                             const uint8_t new_admin[32])
{
    struct chain_roles r = chain_roles_of(b);

    r.admin = admin;
    r.new_admin = new_admin;
    chain_emit_bare(b, SU_IX_ADMIN_SET, &r);
}

/* Money in: the depositor's associated account pays. */
static void deposit(struct su_chain_batch *b, uint8_t number, const uint8_t depositor[32],
                    struct chain_roles *r, uint64_t amount)
{
    struct su_ix_amount ix = {.amount = amount};
    uint8_t from[32];

    su_chain_ata(depositor, b->env->mint, from);
    r->depositor = depositor;
    r->from = from;
    chain_emit(b, number, r, &ix, sizeof ix);
}

void su_chain_make_pool_deposit(struct su_chain_batch *b, const uint8_t depositor[32],
                                uint64_t amount)
{
    struct chain_roles r = chain_roles_of(b);

    deposit(b, SU_IX_POOL_DEPOSIT, depositor, &r, amount);
}

void su_chain_make_oracle_register(struct su_chain_batch *b, const uint8_t key[32],
                                   const uint8_t owner[32], const uint8_t vrf_key[32],
                                   const char *endpoint)
{
    struct chain_roles r = chain_roles_of(b);
    struct su_ix_oracle_register ix = {.endpoint_len = 0};
    uint8_t oracle[32];
    size_t n;

    if (!chain_put_text(b, "endpoint", endpoint, ix.endpoint, sizeof ix.endpoint, &n))
        return;
    ix.endpoint_len = n;
    memcpy(ix.vrf_key, vrf_key, 32);
    su_chain_addr_oracle(b->env, key, oracle);
    r.key = key;
    r.owner = owner;
    r.oracle = oracle;
    chain_emit(b, SU_IX_ORACLE_REGISTER, &r, &ix, sizeof ix);
}

void su_chain_make_oracle_bond(struct su_chain_batch *b, const uint8_t depositor[32],
                               const uint8_t oracle[32], uint64_t amount)
{
    struct chain_roles r = chain_roles_of(b);
    uint8_t account[32];

    su_chain_addr_oracle(b->env, oracle, account);
    r.oracle = account;
    deposit(b, SU_IX_ORACLE_BOND, depositor, &r, amount);
}

void su_chain_make_oracle_withdraw(struct su_chain_batch *b, const uint8_t owner[32],
                                   const uint8_t oracle[32], uint64_t earned, uint64_t bond)
{
    struct chain_roles r = chain_roles_of(b);
    struct su_ix_oracle_withdraw ix = {.earned = earned, .bond = bond};
    uint8_t account[32], to[32];

    su_chain_addr_oracle(b->env, oracle, account);
    su_chain_ata(owner, b->env->mint, to);
    r.owner = owner;
    r.oracle = account;
    r.to = to;
    chain_emit(b, SU_IX_ORACLE_WITHDRAW, &r, &ix, sizeof ix);
}

void su_chain_make_oracle_close(struct su_chain_batch *b, const uint8_t owner[32],
                                const uint8_t oracle[32], const uint8_t rent_payer[32])
{
    struct chain_roles r = chain_roles_of(b);
    uint8_t account[32];

    su_chain_addr_oracle(b->env, oracle, account);
    r.owner = owner;
    r.oracle = account;
    r.rent_payer = rent_payer;
    chain_emit_bare(b, SU_IX_ORACLE_CLOSE, &r);
}

/* ---- models ---------------------------------------------------------------------------------- */

void su_chain_make_model_create(struct su_chain_batch *b, const uint8_t creator[32],
                                const struct su_chain_model_args *a)
{
    struct chain_roles r = chain_roles_of(b);
    struct su_ix_model_create ix = {.task_count = a->task_count, .sample_task = a->sample_task};
    uint8_t model[32];
    size_t name_len, uri_len;

    if (!chain_put_text(b, "name", a->name, ix.name, sizeof ix.name, &name_len) ||
        !chain_put_text(b, "uri", a->uri, ix.uri, sizeof ix.uri, &uri_len))
        return;
    ix.name_len = (uint8_t)name_len;
    ix.uri_len = (uint8_t)uri_len;
    memcpy(ix.digest, a->digest, 32);
    su_chain_addr_model(b->env, creator, a->digest, model);
    r.creator = creator;
    r.model = model;
    chain_emit(b, SU_IX_MODEL_CREATE, &r, &ix, sizeof ix);
}

void su_chain_make_task_add(struct su_chain_batch *b, const uint8_t creator[32],
                            const uint8_t model[32], const struct su_ix_task_add *ix,
                            const char *uri)
{
    struct chain_roles r = chain_roles_of(b);
    struct su_ix_task_add copy = *ix;
    uint8_t task[32];
    size_t n;

    memset(copy.uri, 0, sizeof copy.uri);
    if (!chain_put_text(b, "uri", uri, copy.uri, sizeof copy.uri, &n))
        return;
    copy.uri_len = (uint8_t)n;
    su_chain_addr_task(b->env, model, ix->index, task);
    r.creator = creator;
    r.model = model;
    r.task = task;
    chain_emit(b, SU_IX_TASK_ADD, &r, &copy, sizeof copy);
}

/* Position of a task among the accounts of connect, appended when it is new. */
static uint8_t position_of(uint16_t task, uint16_t *tasks, size_t *n)
{
    for (size_t i = 0; i < *n; i++)
        if (tasks[i] == task)
            return (uint8_t)i;
    tasks[*n] = task;
    return (uint8_t)(*n)++;
}

void su_chain_make_connect(struct su_chain_batch *b, const uint8_t creator[32],
                           const uint8_t model[32], const struct su_chain_edge *edges, size_t n)
{
    enum { EDGES_MAX = SU_ARRAY_LEN(((struct su_ix_connect *)NULL)->edges) };
    struct chain_roles r = chain_roles_of(b);
    struct su_ix_connect ix = {.count = n};
    uint16_t tasks[2 * EDGES_MAX];
    uint8_t keys[2 * EDGES_MAX][32];
    size_t n_tasks = 0;

    if (n < 1 || n > EDGES_MAX) {
        chain_batch_fail(b, SU_EINVAL, "connect", "1 to 8 edges at once");
        return;
    }
    for (size_t i = 0; i < n; i++) {
        ix.edges[i].from = position_of(edges[i].from_task, tasks, &n_tasks);
        ix.edges[i].output = edges[i].output;
        ix.edges[i].to = position_of(edges[i].to_task, tasks, &n_tasks);
        ix.edges[i].input = edges[i].input;
    }
    for (size_t i = 0; i < n_tasks; i++)
        su_chain_addr_task(b->env, model, tasks[i], keys[i]);
    r.creator = creator;
    r.model = model;
    r.rest = (const uint8_t(*)[32])keys;
    r.n_rest = n_tasks;
    chain_emit(b, SU_IX_CONNECT, &r, &ix, sizeof ix);
}

void su_chain_make_model_feedback(struct su_chain_batch *b, const uint8_t creator[32],
                                  const uint8_t model[32], const struct su_chain_edge *edge)
{
    struct chain_roles r = chain_roles_of(b);
    struct su_ix_model_feedback ix = {.output = edge->output, .input = edge->input};
    uint8_t from[32], to[32];

    su_chain_addr_task(b->env, model, edge->from_task, from);
    su_chain_addr_task(b->env, model, edge->to_task, to);
    r.creator = creator;
    r.model = model;
    r.from = from;
    r.to = to;
    chain_emit(b, SU_IX_MODEL_FEEDBACK, &r, &ix, sizeof ix);
}

void su_chain_make_model_finalise(struct su_chain_batch *b, const uint8_t creator[32],
                                  const uint8_t model[32])
{
    struct chain_roles r = chain_roles_of(b);

    r.creator = creator;
    r.model = model;
    chain_emit_bare(b, SU_IX_MODEL_FINALISE, &r);
}

void su_chain_make_model_discard(struct su_chain_batch *b, const uint8_t creator[32],
                                 const uint8_t model[32], uint16_t task,
                                 const uint8_t rent_payer[32])
{
    struct chain_roles r = chain_roles_of(b);
    uint8_t key[32];

    memcpy(key, model, 32);
    if (task != SU_NO_TASK)
        su_chain_addr_task(b->env, model, task, key);
    r.creator = creator;
    r.model = model;
    r.object = key;
    r.rent_payer = rent_payer;
    chain_emit_bare(b, SU_IX_MODEL_DISCARD, &r);
}

/* ---- nodes and stake ------------------------------------------------------------------------- */

static bool node_args(struct su_chain_batch *b, const struct su_chain_node_args *a,
                      struct su_ix_node_register *ix)
{
    size_t n;

    memset(ix, 0, sizeof *ix);
    if (!chain_put_text(b, "endpoint", a->endpoint, ix->endpoint, sizeof ix->endpoint, &n))
        return false;
    ix->endpoint_len = (uint32_t)n;
    ix->vram_bytes = a->vram_bytes;
    ix->numerics_version = a->numerics_version;
    memcpy(ix->conformance_root, a->conformance_root, 32);
    return true;
}

void su_chain_make_node_register(struct su_chain_batch *b, const uint8_t identity[32],
                                 const uint8_t owner[32], const struct su_chain_node_args *a)
{
    struct chain_roles r = chain_roles_of(b);
    struct su_ix_node_register ix;
    uint8_t node[32];

    if (!node_args(b, a, &ix))
        return;
    su_chain_addr_node(b->env, identity, node);
    r.identity = identity;
    r.owner = owner;
    r.node = node;
    chain_emit(b, SU_IX_NODE_REGISTER, &r, &ix, sizeof ix);
}

void su_chain_make_node_update(struct su_chain_batch *b, const uint8_t identity[32],
                               const struct su_chain_node_args *a)
{
    struct chain_roles r = chain_roles_of(b);
    struct su_ix_node_register ix;
    uint8_t node[32];

    if (!node_args(b, a, &ix))
        return;
    su_chain_addr_node(b->env, identity, node);
    r.identity = identity;
    r.node = node;
    chain_emit(b, SU_IX_NODE_UPDATE, &r, &ix, sizeof ix);
}

void su_chain_make_node_declare(struct su_chain_batch *b, const uint8_t identity[32],
                                const uint8_t owner[32], const uint8_t model[32], uint16_t task)
{
    struct chain_roles r = chain_roles_of(b);
    uint8_t node[32], task_key[32], declaration[32];

    su_chain_addr_node(b->env, identity, node);
    su_chain_addr_task(b->env, model, task, task_key);
    su_chain_addr_declaration(b->env, task_key, owner, declaration);
    r.identity = identity;
    r.node = node;
    r.model = model;
    r.task = task_key;
    r.declaration = declaration;
    chain_emit_bare(b, SU_IX_NODE_DECLARE, &r);
}

void su_chain_make_node_undeclare(struct su_chain_batch *b, const struct su_chain_undeclaration *u)
{
    struct chain_roles r = chain_roles_of(b);
    uint8_t node[32], declaration[32];

    su_chain_addr_node(b->env, u->identity, node);
    su_chain_addr_declaration(b->env, u->task_key, u->owner, declaration);
    r.signer = u->signer;
    r.node = node;
    r.task = u->task_key;
    r.declaration = declaration;
    r.rent_payer = u->rent_payer;
    chain_emit_bare(b, SU_IX_NODE_UNDECLARE, &r);
}

void su_chain_make_stake_deposit(struct su_chain_batch *b, const uint8_t depositor[32],
                                 const uint8_t identity[32], uint64_t amount)
{
    struct chain_roles r = chain_roles_of(b);
    uint8_t node[32];

    su_chain_addr_node(b->env, identity, node);
    r.node = node;
    deposit(b, SU_IX_STAKE_DEPOSIT, depositor, &r, amount);
}

void su_chain_make_stake_unlock(struct su_chain_batch *b, const uint8_t owner[32],
                                const uint8_t identity[32], uint64_t amount)
{
    struct chain_roles r = chain_roles_of(b);
    struct su_ix_amount ix = {.amount = amount};
    uint8_t node[32];

    su_chain_addr_node(b->env, identity, node);
    r.owner = owner;
    r.node = node;
    chain_emit(b, SU_IX_STAKE_UNLOCK, &r, &ix, sizeof ix);
}

/* Money out of a node, to its owner's associated account. */
static void node_pays(struct su_chain_batch *b, uint8_t number, const uint8_t owner[32],
                      const uint8_t identity[32], void *ix, size_t bytes)
{
    struct chain_roles r = chain_roles_of(b);
    uint8_t node[32], to[32];

    su_chain_addr_node(b->env, identity, node);
    su_chain_ata(owner, b->env->mint, to);
    r.owner = owner;
    r.node = node;
    r.to = to;
    chain_emit(b, number, &r, ix, bytes);
}

void su_chain_make_stake_withdraw(struct su_chain_batch *b, const uint8_t owner[32],
                                  const uint8_t identity[32], uint64_t ticket)
{
    struct su_ix_stake_withdraw ix = {.ticket = ticket};

    node_pays(b, SU_IX_STAKE_WITHDRAW, owner, identity, &ix, sizeof ix);
}

void su_chain_make_earnings_claim(struct su_chain_batch *b, const uint8_t owner[32],
                                  const uint8_t identity[32])
{
    struct su_ix ix = {0};

    node_pays(b, SU_IX_EARNINGS_CLAIM, owner, identity, &ix, sizeof ix);
}

void su_chain_make_node_close(struct su_chain_batch *b, const uint8_t owner[32],
                              const uint8_t identity[32], const uint8_t rent_payer[32])
{
    struct chain_roles r = chain_roles_of(b);
    uint8_t node[32];

    su_chain_addr_node(b->env, identity, node);
    r.owner = owner;
    r.node = node;
    r.rent_payer = rent_payer;
    chain_emit_bare(b, SU_IX_NODE_CLOSE, &r);
}
