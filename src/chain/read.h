// SPDX-License-Identifier: MIT
/* Accounts of the on-chain program, read and checked. A pointer into an account is valid as long as
   the list it came from. Included through chain.h. */
#ifndef SU_CHAIN_READ_H
#define SU_CHAIN_READ_H

#include "make.h"

/* su_chain_as_<name>(account, program, &out, e): the account's bytes as struct su_acc_<name>, after
   its owner, size, tag, version and ranges were checked (su_acc_valid). SU_ENOENT: it does not
   exist; SU_EACCES: another program owns it; SU_ETYPE: it holds something else. */
#define X(TAG, name)                                                                               \
    SU_CHECK enum su_code su_chain_as_##name(const struct su_chain_account *a,                     \
                                             const uint8_t program[32],                            \
                                             const struct su_acc_##name **out, struct su_err *e);
#include "accounts.def"
#undef X
/* su_chain_<name>_get(c, address, list, &out, e): fetches one and reads it. Errors of both; fini
   *list whatever comes back. */
#define X(TAG, name)                                                                               \
    SU_CHECK enum su_code su_chain_##name##_get(                                                   \
        struct su_chain *c, const uint8_t address[32], struct su_chain_accounts *list,             \
        const struct su_acc_##name **out, struct su_err *e);
#include "accounts.def"
#undef X

/* All accounts of that kind (enum su_tag), and those of which `match` (NULL = none) holds. Those
   that are not valid are left out. Fini *list whatever comes back. */
SU_CHECK enum su_code su_chain_list(struct su_chain *c, uint8_t tag,
                                    const struct su_chain_filter *match,
                                    struct su_chain_accounts *list, struct su_err *e);

/* What is there of a cluster: reads state and works out which epoch is in force. SU_ENOENT: the
   program is not set up on this cluster. */
SU_CHECK enum su_code su_chain_env_get(struct su_chain *c, struct su_chain_env *env,
                                       struct su_err *e);
/* The configuration in force (env->epoch). Fini *list whatever comes back. */
SU_CHECK enum su_code su_chain_config_now(struct su_chain *c, const struct su_chain_env *env,
                                          struct su_chain_accounts *list,
                                          const struct su_acc_config **out, struct su_err *e);
/* The node of an identity; SU_ENOENT. Fini *list whatever comes back. */
SU_CHECK enum su_code su_chain_node_of(struct su_chain *c, const struct su_chain_env *env,
                                       const uint8_t identity[32], struct su_chain_accounts *list,
                                       const struct su_acc_node **out, struct su_err *e);

/* A model and its tasks as far as they are added: tasks[i] is task i, or NULL. */
struct su_chain_model {
    struct su_chain_accounts list;
    const struct su_acc_model *model;
    const struct su_acc_task *tasks[SU_TASKS_MAX];
    uint8_t key[32], task_keys[SU_TASKS_MAX][32];
};
void su_chain_model_fini(struct su_chain_model *m); /* a zeroed one is allowed */
/* On failure *m is zeroed. */
SU_CHECK enum su_code su_chain_model_load(struct su_chain *c, const struct su_chain_env *env,
                                          const uint8_t model[32], struct su_chain_model *m,
                                          struct su_err *e);

/* An execution and its assignments; NULL where none is open. */
struct su_chain_execution {
    struct su_chain_accounts list;
    const struct su_acc_execution *execution;
    const struct su_acc_assignment *assignments[SU_TASKS_MAX];
    uint8_t key[32], assignment_keys[SU_TASKS_MAX][32];
};
void su_chain_execution_fini(struct su_chain_execution *x); /* a zeroed one is allowed */
/* On failure *x is zeroed. */
SU_CHECK enum su_code su_chain_execution_load(struct su_chain *c, const struct su_chain_env *env,
                                              const uint8_t execution[32],
                                              struct su_chain_execution *x, struct su_err *e);

#endif
