// SPDX-License-Identifier: MIT
/* Layouts and helpers of the SPL Token program, shared by its two halves: token.c (dispatch,
   making accounts, authorities) and token_move.c (amounts). */
#ifndef SU_LEDGER_TOKEN_H
#define SU_LEDGER_TOKEN_H

#include "exec.h"

enum { /* mint */
       MINT_AUTHORITY = 0, /* option: u32, key */
       MINT_SUPPLY = 36,
       MINT_DECIMALS = 44,
       MINT_READY = 45,
       MINT_FREEZE = 46 /* option */
};
enum { /* account */
       TOKEN_MINT = 0,
       TOKEN_OWNER = 32,
       TOKEN_AMOUNT = 64,
       TOKEN_DELEGATE = 72, /* option */
       TOKEN_STATE = 108,
       TOKEN_NATIVE = 109, /* option: u32, u64 */
       TOKEN_DELEGATED = 121,
       TOKEN_CLOSE = 129 /* option */
};
enum token_state { TOKEN_UNINITIALIZED, TOKEN_INITIALIZED, TOKEN_FROZEN };
enum token_error {
    TOKEN_E_NOT_RENT_EXEMPT,
    TOKEN_E_INSUFFICIENT_FUNDS,
    TOKEN_E_INVALID_MINT,
    TOKEN_E_MINT_MISMATCH,
    TOKEN_E_OWNER_MISMATCH,
    TOKEN_E_FIXED_SUPPLY,
    TOKEN_E_ALREADY_IN_USE,
    TOKEN_E_INVALID_INSTRUCTION = 12,
    TOKEN_E_INVALID_STATE,
    TOKEN_E_OVERFLOW,
    TOKEN_E_AUTHORITY_TYPE,
    TOKEN_E_CANNOT_FREEZE,
    TOKEN_E_FROZEN,
    TOKEN_E_DECIMALS,
    TOKEN_E_NOT_NATIVE,
    TOKEN_E_HAS_BALANCE = 11
};

struct token_call {
    struct su_ledger_exec *x;
    struct su_ledger_frame *f;
    const uint8_t *d; /* data after the tag */
    size_t n;
    struct token_edit {
        size_t i;
        uint8_t *data;
    } edits[2]; /* no instruction writes to more accounts */
    size_t n_edits;
};

uint64_t token_account(const struct token_call *t, size_t i, const uint8_t **data);
uint64_t token_mint(const struct token_call *t, size_t i, const uint8_t **data);
const uint8_t *token_key(const struct token_call *t, size_t i);
bool token_program_owns(const struct token_call *t, size_t i);
/* expected is the key that must be account i and sign. */
uint64_t token_authority(const struct token_call *t, const uint8_t *expected, size_t i);
bool token_frozen(const uint8_t *account);
/* The key of an option, or NULL. */
const uint8_t *token_option(const uint8_t *at);
void token_set_option(uint8_t *at, const uint8_t *key);

/* A copy of account i to write to. It is taken over when the instruction succeeds, and only then,
   and only if it differs, does the runtime ask whether it might be written. */
uint64_t token_edit(struct token_call *t, size_t i, uint8_t **data);

uint64_t token_transfer(struct token_call *t);
uint64_t token_transfer_checked(struct token_call *t);
uint64_t token_approve(struct token_call *t);
uint64_t token_approve_checked(struct token_call *t);
uint64_t token_revoke(struct token_call *t);
uint64_t token_mint_to(struct token_call *t);
uint64_t token_mint_to_checked(struct token_call *t);
uint64_t token_burn(struct token_call *t);
uint64_t token_burn_checked(struct token_call *t);
uint64_t token_close(struct token_call *t);
uint64_t token_freeze(struct token_call *t);
uint64_t token_thaw(struct token_call *t);

#endif
