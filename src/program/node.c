// SPDX-License-Identifier: MIT
/* Nodes: registration and the tasks they declare. */
#include "program_priv.h"

/* What register and update demand alike; copies it into the node. */
static uint64_t node_describe(const struct su_ix_node_register *ix, const struct su_params *params,
                              struct su_acc_node *node)
{
    node->vram_bytes = ix->vram_bytes;
    node->numerics_version = ix->numerics_version;
    su_free_copy(node->conformance_root, ix->conformance_root, 32);
    node->endpoint_len = (uint8_t)ix->endpoint_len;
    su_free_copy(node->endpoint, ix->endpoint, SU_ENDPOINT_MAX);
    uint64_t stake = 0, needed;
    SU_DEMAND(su_econ_base_stake(params, ix->vram_bytes, &needed), Overflow);
    SU_DEMAND(su_free_add(node->stake_free, node->stake_reserved, &stake), Overflow);
    SU_DEMAND(node->declared_count == 0 || stake >= needed, StakeTooSmall);
    return 0;
}

static uint64_t description_check(const struct su_ix_node_register *ix,
                                  const struct su_params *params)
{
    SU_DEMAND(ix->numerics_version == params->numerics_version, WrongNumerics);
    SU_DEMAND(ix->endpoint_len <= SU_ENDPOINT_MAX, UriTooLong);
    SU_DEMAND(su_free_is_zero(ix->endpoint + ix->endpoint_len, SU_ENDPOINT_MAX - ix->endpoint_len),
              BadArgument);
    SU_DEMAND(!su_free_is_zero(ix->conformance_root, 32), BadArgument);
    return 0;
}

uint64_t su_prog_node_register(struct su_sys *s)
{
    enum { IDENTITY, OWNER, PAYER, STATE, CONFIG, NODE };
    const struct su_ix_node_register *ix = SU_PROG_ARGS(s, node_register);
    struct su_acc_state *state;
    struct su_acc_config *config;
    struct su_acc_node *node;
    SU_TRY(su_prog_load(s, STATE, SU_TAG_STATE, &state));
    SU_TRY(su_prog_config_now(s, state, CONFIG, &config));
    SU_TRY(description_check(ix, &config->params));
    struct su_seeds seeds;
    su_seeds_key(&seeds, "node", su_prog_key(s, IDENTITY));
    SU_TRY(su_prog_create(s, PAYER, NODE, SU_TAG_NODE, &seeds, &node));
    su_free_copy(node->identity, su_prog_key(s, IDENTITY), 32);
    su_free_copy(node->owner, su_prog_key(s, OWNER), 32);
    return node_describe(ix, &config->params, node);
}

static uint64_t node_of(struct su_sys *s, uint64_t identity, uint64_t at, struct su_acc_node **node)
{
    SU_TRY(su_prog_load(s, at, SU_TAG_NODE, node));
    SU_DEMAND(su_free_key_equal((*node)->identity, su_prog_key(s, identity)), NotAuthorised);
    return 0;
}

uint64_t su_prog_node_update(struct su_sys *s)
{
    enum { IDENTITY, STATE, CONFIG, NODE };
    const struct su_ix_node_register *ix = SU_PROG_ARGS(s, node_register);
    struct su_acc_state *state;
    struct su_acc_config *config;
    struct su_acc_node *node;
    SU_TRY(su_prog_load(s, STATE, SU_TAG_STATE, &state));
    SU_TRY(su_prog_config_now(s, state, CONFIG, &config));
    SU_TRY(node_of(s, IDENTITY, NODE, &node));
    SU_TRY(description_check(ix, &config->params));
    return node_describe(ix, &config->params, node);
}

/* Position of the task among the declared ones, declared_count when it is none of them. */
static unsigned declared_at(const struct su_acc_node *node, const uint8_t task[32])
{
    unsigned i = 0;
    while (i < node->declared_count && !su_free_key_equal(node->declared[i], task))
        i++;
    return i;
}

static uint64_t declaration_load(struct su_sys *s, uint64_t at, const uint8_t task[32],
                                 const uint8_t owner[32], struct su_acc_declaration **out)
{
    SU_TRY(su_prog_load(s, at, SU_TAG_DECLARATION, out));
    SU_DEMAND(su_free_key_equal((*out)->task, task) && su_free_key_equal((*out)->owner, owner),
              WrongRelation);
    return 0;
}

enum { DECLARE_IDENTITY, DECLARE_PAYER, DECLARE_STATE, DECLARE_CONFIG, DECLARE_NODE };
enum { DECLARE_MODEL = DECLARE_NODE + 1, DECLARE_TASK, DECLARE_DECLARATION };

static uint64_t declare_check(struct su_sys *s, const struct su_params *params,
                              const struct su_acc_node *node, const struct su_acc_task *task)
{
    struct su_acc_model *model;
    SU_TRY(su_prog_load(s, DECLARE_MODEL, SU_TAG_MODEL, &model));
    SU_DEMAND(su_free_key_equal(task->model, su_prog_key(s, DECLARE_MODEL)), WrongRelation);
    SU_DEMAND(model->state == SU_MODEL_FINAL, ModelNotFinalised);
    SU_DEMAND(node->numerics_version == params->numerics_version, WrongNumerics);
    SU_DEMAND(declared_at(node, su_prog_key(s, DECLARE_TASK)) == node->declared_count,
              AlreadyDeclared);
    SU_DEMAND(node->declared_count < SU_DECLARED_MAX, TooManyDeclared);
    uint64_t stake, needed;
    SU_DEMAND(su_econ_base_stake(params, node->vram_bytes, &needed) &&
                  su_free_add(node->stake_free, node->stake_reserved, &stake),
              Overflow);
    SU_DEMAND(stake >= needed, StakeTooSmall);
    return 0;
}

uint64_t su_prog_node_declare(struct su_sys *s)
{
    struct su_acc_state *state;
    struct su_acc_config *config;
    struct su_acc_node *node;
    struct su_acc_task *task;
    struct su_acc_declaration *declaration;
    SU_TRY(su_prog_load(s, DECLARE_STATE, SU_TAG_STATE, &state));
    SU_TRY(su_prog_config_now(s, state, DECLARE_CONFIG, &config));
    SU_TRY(node_of(s, DECLARE_IDENTITY, DECLARE_NODE, &node));
    SU_TRY(su_prog_load(s, DECLARE_TASK, SU_TAG_TASK, &task));
    SU_TRY(declare_check(s, &config->params, node, task));

    const uint8_t *task_key = su_prog_key(s, DECLARE_TASK);
    if (su_prog_absent(s, DECLARE_DECLARATION)) {
        struct su_seeds seeds;
        su_seeds_keys(&seeds, "declared", task_key, node->owner);
        SU_TRY(su_prog_create(s, DECLARE_PAYER, DECLARE_DECLARATION, SU_TAG_DECLARATION, &seeds,
                              &declaration));
        su_free_copy(declaration->task, task_key, 32);
        su_free_copy(declaration->owner, node->owner, 32);
        SU_DEMAND(task->owners != UINT32_MAX, Overflow);
        task->owners++;
    } else {
        SU_TRY(declaration_load(s, DECLARE_DECLARATION, task_key, node->owner, &declaration));
    }
    SU_DEMAND(declaration->nodes != UINT32_MAX, Overflow);
    declaration->nodes++;
    su_free_copy(node->declared[node->declared_count++], task_key, 32);
    return 0;
}

uint64_t su_prog_node_undeclare(struct su_sys *s)
{
    enum { SIGNER, NODE, TASK, DECLARATION, RENT_PAYER };
    const uint8_t *signer = su_prog_key(s, SIGNER), *task_key = su_prog_key(s, TASK);
    struct su_acc_node *node;
    struct su_acc_task *task;
    struct su_acc_declaration *declaration;
    SU_TRY(su_prog_load(s, NODE, SU_TAG_NODE, &node));
    SU_DEMAND(su_free_key_equal(node->identity, signer) || su_free_key_equal(node->owner, signer),
              NotAuthorised);
    SU_TRY(su_prog_load(s, TASK, SU_TAG_TASK, &task));
    unsigned at = declared_at(node, task_key);
    SU_DEMAND(at < node->declared_count, NotDeclared);
    SU_TRY(declaration_load(s, DECLARATION, task_key, node->owner, &declaration));
    SU_DEMAND(declaration->nodes != 0 && task->owners != 0, Overflow);

    node->declared_count--;
    su_free_copy(node->declared[at], node->declared[node->declared_count], 32);
    su_free_zero(node->declared[node->declared_count], 32);
    declaration->nodes--;
    if (declaration->nodes != 0)
        return 0;
    task->owners--;
    return su_prog_close(s, DECLARATION, RENT_PAYER);
}

uint64_t su_prog_node_close(struct su_sys *s)
{
    enum { OWNER, NODE, RENT_PAYER };
    struct su_acc_node *node;
    SU_TRY(su_prog_load(s, NODE, SU_TAG_NODE, &node));
    SU_DEMAND(su_free_key_equal(node->owner, su_prog_key(s, OWNER)), NotAuthorised);
    SU_DEMAND(node->stake_free == 0 && node->stake_reserved == 0 && node->earned == 0 &&
                  node->declared_count == 0 && node->reserves_open == 0 &&
                  su_free_is_zero(node->tickets, sizeof node->tickets),
              NodeBusy);
    return su_prog_close(s, NODE, RENT_PAYER);
}
