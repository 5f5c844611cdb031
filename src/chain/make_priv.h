// SPDX-License-Identifier: MIT
/* Private to chain: how instructions are made from the rows of abi/instructions.def. */
#ifndef SU_CHAIN_MAKE_PRIV_H
#define SU_CHAIN_MAKE_PRIV_H

#include "chain/chain.h"

/* The key of each role an instruction names; NULL where it names none. Borrowed. */
struct chain_roles {
#define X(name) const uint8_t *name;
#include "chain/roles.def"
#undef X
    const uint8_t (*rest)[32]; /* of the role that repeats */
    size_t n_rest,
        rest_every; /* of these every rest_every-th is written whatever the row says; 0: none */
};
/* The roles with one fixed meaning: payer, programs, vault, state, pool, config in force. */
struct chain_roles chain_roles_of(const struct su_chain_batch *b);
/* Appends instruction `number` with the rights of its row; data is copied, its first byte set. */
void chain_emit(struct su_chain_batch *b, uint8_t number, const struct chain_roles *r, void *data,
                size_t bytes);
/* An instruction without fields. */
void chain_emit_bare(struct su_chain_batch *b, uint8_t number, const struct chain_roles *r);
/* Notes the batch's first failure. */
void chain_batch_fail(struct su_chain_batch *b, enum su_code c, const char *at, const char *why);
bool chain_batch_ok(const struct su_chain_batch *b);
/* Copies a text into a zeroed field; false, and a failure noted, when it is longer than cap. */
bool chain_put_text(struct su_chain_batch *b, const char *at, const char *text, uint8_t *field,
                    size_t cap, size_t *n);

#endif
