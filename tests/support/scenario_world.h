// SPDX-License-Identifier: MIT
/* The chain of a scene (support/scenario.h): keys, addresses, what accounts hold, time. */
#ifndef SU_TEST_SCENARIO_WORLD_H
#define SU_TEST_SCENARIO_WORLD_H

#include "abi/abi.h"
#include "support/bank.h"

struct call;

struct world {
    struct bank *bank;
    uint8_t program[32];
    /* Called with each call that was run and what came of it; NULL: none. */
    void (*watch)(void *ctx, const struct call *c, const struct svm_result *r);
    void *watch_ctx;
    uint8_t admin[32], payer[32], mint[32], vault[32], vault_authority[32], state[32], pool[32];
    uint8_t genesis[32];
    struct su_params params;
    uint64_t epoch; /* the config that calls name: the address of the role "config" */
    uint8_t creator[32], model[32]; /* the model that calls name */
    uint8_t requestor[32]; /* its key */
    uint64_t nonce; /* of the execution that calls name */
};

/* Keys have names: the ed25519 key whose seed is sha256("key" name). */
void world_key(const char *name, uint8_t key[32]);
void world_seed(const char *name, uint8_t seed[32]);
void world_key_of(const char *name, const char *part, uint8_t key[32]); /* "NAME.PART" */
void world_vrf_key(const char *name, uint8_t key[32]); /* seed: world_seed("NAME.vrf") */

/* Addresses. Those after the first four are of the model or execution that the world names. */
void at_single(const struct world *w, const char *name, uint8_t key[32]);
void at_config(const struct world *w, uint64_t epoch, uint8_t key[32]);
void at_key(const struct world *w, const char *kind, const uint8_t of[32], uint8_t key[32]);
void at_claim(const struct world *w, uint64_t seq, uint8_t key[32]);
void at_model(const struct world *w, const uint8_t creator[32], const uint8_t digest[32],
              uint8_t key[32]);
void at_task(const struct world *w, uint16_t index, uint8_t key[32]);
void at_declared(const struct world *w, uint16_t task, const uint8_t owner[32], uint8_t key[32]);
void at_execution(const struct world *w, uint8_t key[32]);
void at_assignment(const struct world *w, uint16_t task, uint8_t key[32]);
void at_check(const struct world *w, uint16_t task, uint64_t number, uint8_t key[32]);
void at_reserve(const struct world *w, const uint8_t identity[32], uint8_t key[32]);
/* Contents, NULL when there is no such account of ours; until the bank changes. */
const void *world_read(const struct world *w, uint8_t tag, const uint8_t key[32]);
/* Puts bytes in the place of an account's contents. */
void world_write(struct world *w, const uint8_t key[32], const void *data, size_t n);
/* A wallet with that many lamports more. */
void world_fund(struct world *w, const uint8_t key[32], uint64_t lamports);
/* Time passes: one new slot hash per slot, the sha256 of its number. */
void world_advance(struct world *w, uint64_t slots);
/* Oracle, node account of that name. */
const struct su_acc_node *world_node_read(const struct world *w, const char *node);
const struct su_acc_oracle *world_oracle_read(const struct world *w, const char *oracle);

#endif
