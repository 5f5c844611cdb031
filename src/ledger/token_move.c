// SPDX-License-Identifier: MIT
/* SPL Token: what moves, makes and destroys amounts, in the order of the real program's checks. */
#include "token.h"

#include <string.h>

/* 1nc1nerator11111111111111111111111111111111 */
static const uint8_t incinerator[32] = {
    0,    0x33, 0x90, 0x72, 0x8d, 0x34, 0x11, 0x60, 0x79, 0xbd, 0xc9, 0x11, 0xbf, 0xff, 0, 0xdb,
    0xd4, 0x4d, 0x2e, 0xcd, 0xcc, 0xf7, 0x9c, 0xa6, 0xe1, 0,    0x38, 0xe1, 0,    0,    0, 0};

static uint64_t check_mint(const struct token_call *t, size_t mint_at, const uint8_t *of,
                           int decimals, const uint8_t **mint)
{
    uint64_t c;

    if (memcmp(token_key(t, mint_at), of, 32) != 0) {
        return SU_IE_CUSTOM(TOKEN_E_MINT_MISMATCH);
    }
    if ((c = token_mint(t, mint_at, mint)) != 0) {
        return c;
    }
    return decimals >= 0 && (*mint)[MINT_DECIMALS] != decimals ? SU_IE_CUSTOM(TOKEN_E_DECIMALS) : 0;
}

static uint64_t both_ours(const struct token_call *t, size_t a, size_t b)
{
    return token_program_owns(t, a) && token_program_owns(t, b) ? 0 : SU_IE(IncorrectProgramId);
}

/* The delegate, up to its allowance, or the owner. *delegate says which. */
static uint64_t may_spend(const struct token_call *t, const uint8_t *from, uint64_t amount,
                          size_t authority, bool *delegate)
{
    const uint8_t *key = token_option(from + TOKEN_DELEGATE);
    uint64_t c;

    *delegate = key != NULL && memcmp(key, token_key(t, authority), 32) == 0;
    if (!*delegate) {
        return token_authority(t, from + TOKEN_OWNER, authority);
    }
    if ((c = token_authority(t, key, authority)) != 0) {
        return c;
    }
    return su_le64(from + TOKEN_DELEGATED) < amount ? SU_IE_CUSTOM(TOKEN_E_INSUFFICIENT_FUNDS) : 0;
}

static void use_allowance(uint8_t *from, uint64_t amount)
{
    uint64_t left = su_le64(from + TOKEN_DELEGATED) - amount;

    su_put_le64(from + TOKEN_DELEGATED, left);
    if (left == 0) {
        token_set_option(from + TOKEN_DELEGATE, NULL);
    }
}

static uint64_t move(struct token_call *t, size_t to, size_t authority, int mint_at)
{
    const uint8_t *from, *dest, *mint;
    uint64_t amount = su_le64(t->d), sum, c;
    uint8_t *d;
    bool delegate, self;

    if (t->f->n <= authority) {
        return SU_IE(NotEnoughAccountKeys);
    }
    if ((c = token_account(t, 0, &from)) != 0 || (c = token_account(t, to, &dest)) != 0) {
        return c;
    }
    if (token_frozen(from) || token_frozen(dest)) {
        return SU_IE_CUSTOM(TOKEN_E_FROZEN);
    }
    if (su_le64(from + TOKEN_AMOUNT) < amount) {
        return SU_IE_CUSTOM(TOKEN_E_INSUFFICIENT_FUNDS);
    }
    if (memcmp(from + TOKEN_MINT, dest + TOKEN_MINT, 32) != 0) {
        return SU_IE_CUSTOM(TOKEN_E_MINT_MISMATCH);
    }
    if (mint_at > 0 &&
        (c = check_mint(t, (size_t)mint_at, from + TOKEN_MINT, t->d[8], &mint)) != 0) {
        return c;
    }
    if ((c = may_spend(t, from, amount, authority, &delegate)) != 0) {
        return c;
    }
    self = memcmp(token_key(t, 0), token_key(t, to), 32) == 0;
    if ((self || amount == 0) && (c = both_ours(t, 0, to)) != 0) {
        return c;
    }
    if (self) {
        return 0;
    }
    if (!su_add_u64(su_le64(dest + TOKEN_AMOUNT), amount, &sum)) {
        return SU_IE_CUSTOM(TOKEN_E_OVERFLOW);
    }
    if ((c = token_edit(t, 0, &d)) != 0) {
        return c;
    }
    su_put_le64(d + TOKEN_AMOUNT, su_le64(d + TOKEN_AMOUNT) - amount);
    if (delegate) {
        use_allowance(d, amount);
    }
    if ((c = token_edit(t, to, &d)) == 0) {
        su_put_le64(d + TOKEN_AMOUNT, sum);
    }
    return c;
}

uint64_t token_transfer(struct token_call *t)
{
    return move(t, 1, 2, -1);
}

uint64_t token_transfer_checked(struct token_call *t)
{
    return move(t, 2, 3, 1);
}

static uint64_t approve(struct token_call *t, size_t delegate, size_t owner, int mint_at)
{
    const uint8_t *from, *mint;
    uint8_t *d;
    uint64_t c;

    if (t->f->n <= owner) {
        return SU_IE(NotEnoughAccountKeys);
    }
    if ((c = token_account(t, 0, &from)) != 0) {
        return c;
    }
    if (token_frozen(from)) {
        return SU_IE_CUSTOM(TOKEN_E_FROZEN);
    }
    if (mint_at > 0 &&
        (c = check_mint(t, (size_t)mint_at, from + TOKEN_MINT, t->d[8], &mint)) != 0) {
        return c;
    }
    if ((c = token_authority(t, from + TOKEN_OWNER, owner)) != 0 ||
        (c = token_edit(t, 0, &d)) != 0) {
        return c;
    }
    token_set_option(d + TOKEN_DELEGATE, token_key(t, delegate));
    su_put_le64(d + TOKEN_DELEGATED, su_le64(t->d));
    return 0;
}

uint64_t token_approve(struct token_call *t)
{
    return approve(t, 1, 2, -1);
}

uint64_t token_approve_checked(struct token_call *t)
{
    return approve(t, 2, 3, 1);
}

uint64_t token_revoke(struct token_call *t)
{
    const uint8_t *from, *delegate;
    uint8_t *d;
    uint64_t c;

    if (t->f->n < 1) {
        return SU_IE(NotEnoughAccountKeys);
    }
    if ((c = token_account(t, 0, &from)) != 0) {
        return c;
    }
    if (token_frozen(from)) {
        return SU_IE_CUSTOM(TOKEN_E_FROZEN);
    }
    if (t->f->n < 2) {
        return SU_IE(NotEnoughAccountKeys);
    }
    delegate = token_option(from + TOKEN_DELEGATE); /* may give the right back itself */
    if (delegate == NULL || memcmp(delegate, token_key(t, 1), 32) != 0) {
        delegate = from + TOKEN_OWNER;
    }
    if ((c = token_authority(t, delegate, 1)) != 0 || (c = token_edit(t, 0, &d)) != 0) {
        return c;
    }
    token_set_option(d + TOKEN_DELEGATE, NULL);
    su_put_le64(d + TOKEN_DELEGATED, 0);
    return 0;
}

static uint64_t mint_to(struct token_call *t, int decimals)
{
    const uint8_t *dest, *mint, *authority;
    uint64_t amount = su_le64(t->d), sum, supply, c;
    uint8_t *d;

    if (t->f->n < 3) {
        return SU_IE(NotEnoughAccountKeys);
    }
    if ((c = token_account(t, 1, &dest)) != 0) {
        return c;
    }
    if (token_frozen(dest)) {
        return SU_IE_CUSTOM(TOKEN_E_FROZEN);
    }
    if ((c = check_mint(t, 0, dest + TOKEN_MINT, decimals, &mint)) != 0) {
        return c;
    }
    authority = token_option(mint + MINT_AUTHORITY);
    if (authority == NULL) {
        return SU_IE_CUSTOM(TOKEN_E_FIXED_SUPPLY);
    }
    if ((c = token_authority(t, authority, 2)) != 0 ||
        (amount == 0 && (c = both_ours(t, 0, 1)) != 0)) {
        return c;
    }
    if (!su_add_u64(su_le64(dest + TOKEN_AMOUNT), amount, &sum) ||
        !su_add_u64(su_le64(mint + MINT_SUPPLY), amount, &supply)) {
        return SU_IE_CUSTOM(TOKEN_E_OVERFLOW);
    }
    if ((c = token_edit(t, 1, &d)) != 0) {
        return c;
    }
    su_put_le64(d + TOKEN_AMOUNT, sum);
    if ((c = token_edit(t, 0, &d)) == 0) {
        su_put_le64(d + MINT_SUPPLY, supply);
    }
    return c;
}

uint64_t token_mint_to(struct token_call *t)
{
    return mint_to(t, -1);
}

uint64_t token_mint_to_checked(struct token_call *t)
{
    return mint_to(t, t->d[8]);
}

/* Accounts of the System program and of the incinerator may be emptied by anybody. */
static bool ownerless(const uint8_t *account)
{
    return memcmp(account + TOKEN_OWNER, su_ledger_system_id, 32) == 0 ||
           memcmp(account + TOKEN_OWNER, incinerator, 32) == 0;
}

static uint64_t burn(struct token_call *t, int decimals)
{
    const uint8_t *from, *mint;
    uint64_t amount = su_le64(t->d), supply, c;
    uint8_t *d;
    bool delegate = false;

    if (t->f->n < 3) {
        return SU_IE(NotEnoughAccountKeys);
    }
    if ((c = token_account(t, 0, &from)) != 0 || (c = token_mint(t, 1, &mint)) != 0) {
        return c;
    }
    if (token_frozen(from)) {
        return SU_IE_CUSTOM(TOKEN_E_FROZEN);
    }
    if (su_le64(from + TOKEN_AMOUNT) < amount) {
        return SU_IE_CUSTOM(TOKEN_E_INSUFFICIENT_FUNDS);
    }
    if ((c = check_mint(t, 1, from + TOKEN_MINT, decimals, &mint)) != 0 ||
        (!ownerless(from) && (c = may_spend(t, from, amount, 2, &delegate)) != 0) ||
        (amount == 0 && (c = both_ours(t, 0, 1)) != 0)) {
        return c;
    }
    supply = su_le64(mint + MINT_SUPPLY);
    if (supply < amount) {
        return SU_IE_CUSTOM(TOKEN_E_OVERFLOW);
    }
    if ((c = token_edit(t, 0, &d)) != 0) {
        return c;
    }
    su_put_le64(d + TOKEN_AMOUNT, su_le64(d + TOKEN_AMOUNT) - amount);
    if (delegate) {
        use_allowance(d, amount);
    }
    if ((c = token_edit(t, 1, &d)) == 0) {
        su_put_le64(d + MINT_SUPPLY, supply - amount);
    }
    return c;
}

uint64_t token_burn(struct token_call *t)
{
    return burn(t, -1);
}

uint64_t token_burn_checked(struct token_call *t)
{
    return burn(t, t->d[8]);
}

uint64_t token_close(struct token_call *t)
{
    const uint8_t *from, *close;
    uint64_t lamports, sum, c;

    if (t->f->n < 3) {
        return SU_IE(NotEnoughAccountKeys);
    }
    if (memcmp(token_key(t, 0), token_key(t, 1), 32) == 0) {
        return SU_IE(InvalidAccountData);
    }
    if ((c = token_account(t, 0, &from)) != 0) {
        return c;
    }
    if (su_le64(from + TOKEN_AMOUNT) != 0) {
        return SU_IE_CUSTOM(TOKEN_E_HAS_BALANCE);
    }
    close = token_option(from + TOKEN_CLOSE);
    if (!ownerless(from)) {
        c = token_authority(t, close != NULL ? close : from + TOKEN_OWNER, 2);
    } else if (memcmp(token_key(t, 1), incinerator, 32) != 0) {
        c = SU_IE(InvalidAccountData);
    }
    if (c != 0) {
        return c;
    }
    lamports = su_ledger_frame_work(t->x, t->f, 0)->lamports;
    if (!su_add_u64(su_ledger_frame_work(t->x, t->f, 1)->lamports, lamports, &sum)) {
        return SU_IE_CUSTOM(TOKEN_E_OVERFLOW);
    }
    if ((c = su_ledger_set_lamports(t->x, t->f, 1, sum)) != 0 ||
        (c = su_ledger_set_lamports(t->x, t->f, 0, 0)) != 0 ||
        (c = su_ledger_set_size(t->x, t->f, 0, 0)) != 0) {
        return c;
    }
    return su_ledger_set_owner(t->x, t->f, 0, su_ledger_system_id);
}

static uint64_t set_frozen(struct token_call *t, bool frozen)
{
    const uint8_t *account, *mint, *authority;
    uint8_t *d;
    uint64_t c;

    if (t->f->n < 3) {
        return SU_IE(NotEnoughAccountKeys);
    }
    if ((c = token_account(t, 0, &account)) != 0) {
        return c;
    }
    if (token_frozen(account) == frozen) {
        return SU_IE_CUSTOM(TOKEN_E_INVALID_STATE);
    }
    if ((c = check_mint(t, 1, account + TOKEN_MINT, -1, &mint)) != 0) {
        return c;
    }
    authority = token_option(mint + MINT_FREEZE);
    if (authority == NULL) {
        return SU_IE_CUSTOM(TOKEN_E_CANNOT_FREEZE);
    }
    if ((c = token_authority(t, authority, 2)) != 0 || (c = token_edit(t, 0, &d)) != 0) {
        return c;
    }
    d[TOKEN_STATE] = frozen ? TOKEN_FROZEN : TOKEN_INITIALIZED;
    return 0;
}

uint64_t token_freeze(struct token_call *t)
{
    return set_frozen(t, true);
}

uint64_t token_thaw(struct token_call *t)
{
    return set_frozen(t, false);
}
