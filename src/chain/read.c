// SPDX-License-Identifier: MIT
/* Accounts of the on-chain program, checked and cast. */
#include "chain_priv.h"

#include <string.h>

/* What is wrong with account a as one of that kind, or SU_OK. */
static enum su_code check(const struct su_chain_account *a, const uint8_t program[32], uint8_t tag,
                          const char *name, struct su_err *e)
{
    char text[SU_CHAIN_TEXT];

    (void)su_chain_key_text(a->key, text);
    if (!a->exists)
        return su_fail(e, SU_ENOENT, text, "there is no %s here", name);
    if (memcmp(a->owner, program, 32) != 0)
        return su_fail(e, SU_EACCES, text, "the account belongs to another program: no %s", name);
    if (!a->data || !su_acc_valid(tag, a->data, a->data_bytes))
        return su_fail(e, SU_ETYPE, text, "the account holds something else than a valid %s", name);
    return SU_OK;
}

#define X(TAG, name)                                                                               \
    enum su_code su_chain_as_##name(const struct su_chain_account *a, const uint8_t program[32],   \
                                    const struct su_acc_##name **out, struct su_err *e)            \
    {                                                                                              \
        *out = NULL;                                                                               \
        enum su_code rc = check(a, program, SU_TAG_##TAG, #name, e);                               \
        if (!rc)                                                                                   \
            *out = (const struct su_acc_##name *)(const void *)a->data;                            \
        return rc;                                                                                 \
    }                                                                                              \
    enum su_code su_chain_##name##_get(struct su_chain *c, const uint8_t address[32],              \
                                       struct su_chain_accounts *list,                             \
                                       const struct su_acc_##name **out, struct su_err *e)         \
    {                                                                                              \
        *out = NULL;                                                                               \
        enum su_code rc =                                                                          \
            su_chain_accounts_get(c, (const uint8_t(*)[32])(const void *)address, 1, list, e);     \
        return rc ? rc : su_chain_as_##name(&list->items[0], c->program, out, e);                  \
    }
#include "accounts.def"
#undef X

enum su_code su_chain_list(struct su_chain *c, uint8_t tag, const struct su_chain_filter *match,
                           struct su_chain_accounts *list, struct su_err *e)
{
    struct su_chain_filter filters[2] = {{.offset = 0, .bytes = &tag, .n = 1}};
    uint64_t bytes = su_acc_bytes(tag);
    size_t kept = 0;

    memset(list, 0, sizeof *list);
    if (bytes == 0)
        return su_fail(e, SU_EINVAL, "kind", "%u is no kind of account", tag);
    if (match)
        filters[1] = *match;
    enum su_code rc =
        su_chain_program_accounts(c, c->program, bytes, filters, match ? 2 : 1, list, e);
    if (rc)
        return rc;
    for (size_t i = 0; i < list->n; i++)
        if (check(&list->items[i], c->program, tag, "account", NULL) == SU_OK)
            list->items[kept++] = list->items[i];
    list->n = kept;
    return SU_OK;
}

enum su_code su_chain_env_get(struct su_chain *c, struct su_chain_env *env, struct su_err *e)
{
    struct su_chain_accounts list;
    const struct su_acc_state *state;
    static const uint8_t none[32];

    su_chain_env_of(env, c->program, none, none, none, 0);
    enum su_code rc = su_chain_state_get(c, env->state, &list, &state, e);
    if (rc == SU_ENOENT)
        rc = su_fail(e, SU_ENOENT, "program", "SplitUp has not been set up on this cluster");
    if (!rc) {
        /* A next epoch is announced only while the latest runs: in force is one of the two. */
        bool pending = list.slot < state->latest_start_slot && state->latest_epoch > 0;
        su_chain_env_of(env, c->program, state->mint, state->vault, state->genesis,
                        state->latest_epoch - pending);
        env->slot = list.slot;
        if (memcmp(env->vault_authority, state->vault_authority, 32) != 0)
            rc = su_fail(e, SU_ETYPE, "state", "its vault belongs to an address it should not");
    }
    su_chain_accounts_fini(&list);
    return rc;
}

enum su_code su_chain_config_now(struct su_chain *c, const struct su_chain_env *env,
                                 struct su_chain_accounts *list, const struct su_acc_config **out,
                                 struct su_err *e)
{
    return su_chain_config_get(c, env->config, list, out, e);
}

enum su_code su_chain_node_of(struct su_chain *c, const struct su_chain_env *env,
                              const uint8_t identity[32], struct su_chain_accounts *list,
                              const struct su_acc_node **out, struct su_err *e)
{
    uint8_t address[32];

    su_chain_addr_node(env, identity, address);
    return su_chain_node_get(c, address, list, out, e);
}

void su_chain_model_fini(struct su_chain_model *m)
{
    su_chain_accounts_fini(&m->list);
    memset(m, 0, sizeof *m);
}

/* Two rounds: the model says how many tasks there are. The second one reads it again, so that all
   pointers lie in one list; what the chain changed in between is checked like all else. */
enum su_code su_chain_model_load(struct su_chain *c, const struct su_chain_env *env,
                                 const uint8_t model[32], struct su_chain_model *m,
                                 struct su_err *e)
{
    uint8_t keys[1 + SU_TASKS_MAX][32];

    memset(m, 0, sizeof *m);
    enum su_code rc = su_chain_model_get(c, model, &m->list, &m->model, e);
    size_t n = rc ? 0 : m->model->tasks_added;
    su_chain_accounts_fini(&m->list);
    memcpy(keys[0], model, 32);
    for (uint16_t i = 0; i < n; i++) {
        su_chain_addr_task(env, model, i, keys[1 + i]);
        memcpy(m->task_keys[i], keys[1 + i], 32);
    }
    if (!rc)
        rc = su_chain_accounts_get(c, (const uint8_t(*)[32])keys, 1 + n, &m->list, e);
    if (!rc)
        rc = su_chain_as_model(&m->list.items[0], c->program, &m->model, e);
    for (size_t i = 0; i < n && !rc; i++)
        rc = su_chain_as_task(&m->list.items[1 + i], c->program, &m->tasks[i], e);
    memcpy(m->key, model, 32);
    if (rc)
        su_chain_model_fini(m);
    return rc;
}

void su_chain_execution_fini(struct su_chain_execution *x)
{
    su_chain_accounts_fini(&x->list);
    memset(x, 0, sizeof *x);
}

static enum su_code read_assignments(struct su_chain *c, struct su_chain_execution *x, size_t n,
                                     struct su_err *e)
{
    enum su_code rc = su_chain_as_execution(&x->list.items[0], c->program, &x->execution, e);

    for (size_t i = 0; i < n && !rc; i++) {
        const struct su_chain_account *a = &x->list.items[1 + i];
        if (a->exists)
            rc = su_chain_as_assignment(a, c->program, &x->assignments[i], e);
    }
    return rc;
}

enum su_code su_chain_execution_load(struct su_chain *c, const struct su_chain_env *env,
                                     const uint8_t execution[32], struct su_chain_execution *x,
                                     struct su_err *e)
{
    uint8_t keys[1 + SU_TASKS_MAX][32];

    memset(x, 0, sizeof *x);
    enum su_code rc = su_chain_execution_get(c, execution, &x->list, &x->execution, e);
    size_t n = rc ? 0 : x->execution->task_count;
    su_chain_accounts_fini(&x->list);
    memcpy(keys[0], execution, 32);
    for (uint16_t i = 0; i < n; i++) {
        su_chain_addr_assignment(env, execution, i, keys[1 + i]);
        memcpy(x->assignment_keys[i], keys[1 + i], 32);
    }
    if (!rc)
        rc = su_chain_accounts_get(c, (const uint8_t(*)[32])keys, 1 + n, &x->list, e);
    if (!rc)
        rc = read_assignments(c, x, n, e);
    memcpy(x->key, execution, 32);
    if (rc)
        su_chain_execution_fini(x);
    return rc;
}
