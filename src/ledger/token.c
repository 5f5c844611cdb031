// SPDX-License-Identifier: MIT
/* SPL Token: dispatch, mints and accounts, authorities. Refused by name: multisignatures, and
   wrapped SOL in every form (there is no native mint account to begin with). */
#include "token.h"

#include <string.h>

static const char *const error_texts[] = {"Lamport balance below rent-exempt threshold",
                                          "insufficient funds",
                                          "Invalid Mint",
                                          "Account not associated with this Mint",
                                          "owner does not match",
                                          "the total supply of this token is fixed",
                                          "account or token already in use",
                                          "Invalid number of provided signers",
                                          "Invalid number of required signers",
                                          "State is uninitialized",
                                          "Instruction does not support native tokens",
                                          "Non-native account can only be closed if its balance is "
                                          "zero",
                                          "Invalid instruction",
                                          "Invalid account state for operation",
                                          "Operation overflowed",
                                          "Account does not support specified authority type",
                                          "This token mint cannot freeze accounts",
                                          "Account is frozen",
                                          "The provided decimals value different from the Mint "
                                          "decimals",
                                          "Instruction does not support non-native tokens"};

/* ---- reading --------------------------------------------------------------------------------- */

static bool option_valid(const uint8_t *at)
{
    return su_le32(at) <= 1;
}

uint64_t token_account(const struct token_call *t, size_t i, const uint8_t **data)
{
    const struct su_ledger_work *w = su_ledger_frame_work(t->x, t->f, i);
    const uint8_t *d = w->data;

    if (w->data_bytes != SU_LEDGER_TOKEN_BYTES || !option_valid(d + TOKEN_DELEGATE) ||
        !option_valid(d + TOKEN_NATIVE) || !option_valid(d + TOKEN_CLOSE) ||
        d[TOKEN_STATE] > TOKEN_FROZEN) {
        return SU_IE(InvalidAccountData);
    }
    *data = d;
    return d[TOKEN_STATE] == TOKEN_UNINITIALIZED ? SU_IE(UninitializedAccount) : 0;
}

uint64_t token_mint(const struct token_call *t, size_t i, const uint8_t **data)
{
    const struct su_ledger_work *w = su_ledger_frame_work(t->x, t->f, i);
    const uint8_t *d = w->data;

    if (w->data_bytes != SU_LEDGER_MINT_BYTES || !option_valid(d + MINT_AUTHORITY) ||
        !option_valid(d + MINT_FREEZE) || d[MINT_READY] > 1) {
        return SU_IE(InvalidAccountData);
    }
    *data = d;
    return d[MINT_READY] == 0 ? SU_IE(UninitializedAccount) : 0;
}

const uint8_t *token_key(const struct token_call *t, size_t i)
{
    return su_ledger_frame_work(t->x, t->f, i)->key;
}

bool token_program_owns(const struct token_call *t, size_t i)
{
    return memcmp(su_ledger_frame_work(t->x, t->f, i)->owner, su_ledger_token_id, 32) == 0;
}

uint64_t token_authority(const struct token_call *t, const uint8_t *expected, size_t i)
{
    if (memcmp(token_key(t, i), expected, 32) != 0) {
        return SU_IE_CUSTOM(TOKEN_E_OWNER_MISMATCH);
    }
    return t->f->metas[i].signer ? 0 : SU_IE(MissingRequiredSignature);
}

bool token_frozen(const uint8_t *account)
{
    return account[TOKEN_STATE] == TOKEN_FROZEN;
}

const uint8_t *token_option(const uint8_t *at)
{
    return su_le32(at) != 0 ? at + 4 : NULL;
}

void token_set_option(uint8_t *at, const uint8_t *key)
{
    su_put_le32(at, key != NULL);
    if (key != NULL) { /* else the old key stays behind, as the real program leaves it */
        memcpy(at + 4, key, 32);
    }
}

uint64_t token_edit(struct token_call *t, size_t i, uint8_t **data)
{
    const struct su_ledger_work *w = su_ledger_frame_work(t->x, t->f, i);

    *data = su_arena_alloc(&t->x->mem, (size_t)w->data_bytes + 1);
    if (*data == NULL) {
        t->x->no_memory = true;
        return SU_IE(GenericError);
    }
    memcpy(*data, w->data, (size_t)w->data_bytes);
    SU_ASSERT(t->n_edits < SU_ARRAY_LEN(t->edits));
    t->edits[t->n_edits++] = (struct token_edit){i, *data};
    return 0;
}

static uint64_t take_edits(struct token_call *t)
{
    uint64_t c = 0;

    for (size_t k = 0; k < t->n_edits && c == 0; k++) {
        const struct token_edit *e = &t->edits[k];
        const struct su_ledger_work *w = su_ledger_frame_work(t->x, t->f, e->i);

        if (memcmp(e->data, w->data, (size_t)w->data_bytes) != 0) {
            c = su_ledger_set_data(t->x, t->f, e->i, e->data, w->data_bytes);
        }
    }
    return c;
}

/* ---- making ---------------------------------------------------------------------------------- */

static bool rent_exempt(const struct su_ledger_work *w)
{
    return w->lamports >= su_ledger_rent_minimum(w->data_bytes);
}

/* The older forms name the Rent sysvar as account i. */
static uint64_t check_rent(const struct token_call *t, size_t i)
{
    if (t->f->n <= i) {
        return SU_IE(NotEnoughAccountKeys);
    }
    return memcmp(token_key(t, i), su_ledger_rent_id, 32) == 0 ? 0 : SU_IE(InvalidArgument);
}

static uint64_t initialize_mint2(struct token_call *t)
{
    const struct su_ledger_work *w;
    uint8_t *d;
    uint64_t c;

    if (t->f->n < 1) {
        return SU_IE(NotEnoughAccountKeys);
    }
    w = su_ledger_frame_work(t->x, t->f, 0);
    if (w->data_bytes != SU_LEDGER_MINT_BYTES) {
        return SU_IE(InvalidAccountData);
    }
    if (w->data[MINT_READY] != 0) {
        return SU_IE_CUSTOM(TOKEN_E_ALREADY_IN_USE);
    }
    if (!rent_exempt(w)) {
        return SU_IE_CUSTOM(TOKEN_E_NOT_RENT_EXEMPT);
    }
    if ((c = token_edit(t, 0, &d)) != 0) {
        return c;
    }
    token_set_option(d + MINT_AUTHORITY, t->d + 1);
    su_put_le64(d + MINT_SUPPLY, 0);
    d[MINT_DECIMALS] = t->d[0];
    d[MINT_READY] = 1;
    token_set_option(d + MINT_FREEZE, t->d[33] != 0 ? t->d + 34 : NULL);
    return 0;
}

static uint64_t initialize_mint(struct token_call *t)
{
    uint64_t c = check_rent(t, 1);

    return c != 0 ? c : initialize_mint2(t);
}

static uint64_t make_account(struct token_call *t, const uint8_t *owner)
{
    const struct su_ledger_work *w = su_ledger_frame_work(t->x, t->f, 0);
    const uint8_t *mint;
    uint8_t *d;
    uint64_t c;

    if (w->data_bytes != SU_LEDGER_TOKEN_BYTES) {
        return SU_IE(InvalidAccountData);
    }
    if (w->data[TOKEN_STATE] != TOKEN_UNINITIALIZED) {
        return SU_IE_CUSTOM(TOKEN_E_ALREADY_IN_USE);
    }
    if (!rent_exempt(w)) {
        return SU_IE_CUSTOM(TOKEN_E_NOT_RENT_EXEMPT);
    }
    if (!token_program_owns(t, 1) || token_mint(t, 1, &mint) != 0) {
        return SU_IE_CUSTOM(TOKEN_E_INVALID_MINT);
    }
    if ((c = token_edit(t, 0, &d)) != 0) {
        return c;
    }
    memset(d, 0, SU_LEDGER_TOKEN_BYTES);
    memcpy(d + TOKEN_MINT, token_key(t, 1), 32);
    memcpy(d + TOKEN_OWNER, owner, 32);
    d[TOKEN_STATE] = TOKEN_INITIALIZED;
    return 0;
}

static uint64_t initialize_account(struct token_call *t)
{
    uint64_t c = check_rent(t, 3);

    return c != 0 ? c : make_account(t, token_key(t, 2));
}

static uint64_t initialize_account2(struct token_call *t)
{
    uint64_t c = check_rent(t, 2);

    return c != 0 ? c : make_account(t, t->d);
}

static uint64_t initialize_account3(struct token_call *t)
{
    return t->f->n < 2 ? SU_IE(NotEnoughAccountKeys) : make_account(t, t->d);
}

static uint64_t initialize_immutable_owner(struct token_call *t)
{
    static const char text[] = "Please upgrade to SPL Token 2022 for immutable owner support";
    const struct su_ledger_work *w;

    if (t->f->n < 1) {
        return SU_IE(NotEnoughAccountKeys);
    }
    w = su_ledger_frame_work(t->x, t->f, 0);
    if (w->data_bytes != SU_LEDGER_TOKEN_BYTES) {
        return SU_IE(InvalidAccountData);
    }
    if (w->data[TOKEN_STATE] != TOKEN_UNINITIALIZED) {
        return SU_IE_CUSTOM(TOKEN_E_ALREADY_IN_USE);
    }
    su_ledger_log_text(t->x, text, sizeof text - 1);
    return 0;
}

static uint64_t get_account_data_size(struct token_call *t)
{
    const uint8_t *mint;

    if (t->f->n < 1) {
        return SU_IE(NotEnoughAccountKeys);
    }
    if (!token_program_owns(t, 0)) {
        return SU_IE(IncorrectProgramId);
    }
    if (token_mint(t, 0, &mint) != 0) {
        return SU_IE_CUSTOM(TOKEN_E_INVALID_MINT);
    }
    su_put_le64(t->x->return_data, SU_LEDGER_TOKEN_BYTES);
    t->x->return_bytes = 8;
    t->x->has_return = true;
    memcpy(t->x->return_program, su_ledger_token_id, 32);
    return 0;
}

static uint64_t sync_native(struct token_call *t)
{
    const uint8_t *account;
    uint64_t c;

    if (t->f->n < 1) {
        return SU_IE(NotEnoughAccountKeys);
    }
    if (!token_program_owns(t, 0)) {
        return SU_IE(IncorrectProgramId);
    }
    c = token_account(t, 0, &account);
    return c != 0 ? c : SU_IE_CUSTOM(TOKEN_E_NOT_NATIVE);
}

/* ---- authorities ----------------------------------------------------------------------------- */

enum authority { AUTHORITY_MINT, AUTHORITY_FREEZE, AUTHORITY_OWNER, AUTHORITY_CLOSE };

static uint64_t set_account_authority(struct token_call *t, const uint8_t *key)
{
    const uint8_t *account, *close;
    uint8_t *d;
    uint64_t c = token_account(t, 0, &account);

    if (c != 0) {
        return c;
    }
    if (token_frozen(account)) {
        return SU_IE_CUSTOM(TOKEN_E_FROZEN);
    }
    close = token_option(account + TOKEN_CLOSE);
    if (t->d[0] != AUTHORITY_OWNER && t->d[0] != AUTHORITY_CLOSE) {
        return SU_IE_CUSTOM(TOKEN_E_AUTHORITY_TYPE);
    }
    c = token_authority(
        t, t->d[0] == AUTHORITY_CLOSE && close != NULL ? close : account + TOKEN_OWNER, 1);
    if (c == 0 && t->d[0] == AUTHORITY_OWNER && key == NULL) {
        c = SU_IE_CUSTOM(TOKEN_E_INVALID_INSTRUCTION);
    }
    if (c != 0 || (c = token_edit(t, 0, &d)) != 0) {
        return c;
    }
    if (t->d[0] == AUTHORITY_CLOSE) {
        token_set_option(d + TOKEN_CLOSE, key);
        return 0;
    }
    memcpy(d + TOKEN_OWNER, key, 32);
    token_set_option(d + TOKEN_DELEGATE, NULL);
    su_put_le64(d + TOKEN_DELEGATED, 0);
    return 0;
}

static uint64_t set_mint_authority(struct token_call *t, const uint8_t *key)
{
    size_t at = t->d[0] == AUTHORITY_MINT ? MINT_AUTHORITY : MINT_FREEZE;
    const uint8_t *mint, *have;
    uint8_t *d;
    uint64_t c = token_mint(t, 0, &mint);

    if (c != 0) {
        return c;
    }
    if (t->d[0] != AUTHORITY_MINT && t->d[0] != AUTHORITY_FREEZE) {
        return SU_IE_CUSTOM(TOKEN_E_AUTHORITY_TYPE);
    }
    have = token_option(mint + at);
    if (have == NULL) {
        return SU_IE_CUSTOM(at == MINT_AUTHORITY ? TOKEN_E_FIXED_SUPPLY : TOKEN_E_CANNOT_FREEZE);
    }
    if ((c = token_authority(t, have, 1)) != 0 || (c = token_edit(t, 0, &d)) != 0) {
        return c;
    }
    token_set_option(d + at, key);
    return 0;
}

static uint64_t set_authority(struct token_call *t)
{
    const uint8_t *key = t->d[1] != 0 ? t->d + 2 : NULL;

    if (t->f->n < 2) {
        return SU_IE(NotEnoughAccountKeys);
    }
    switch (su_ledger_frame_work(t->x, t->f, 0)->data_bytes) {
    case SU_LEDGER_TOKEN_BYTES:
        return set_account_authority(t, key);
    case SU_LEDGER_MINT_BYTES:
        return set_mint_authority(t, key);
    default:
        return SU_IE(InvalidArgument);
    }
}

static uint64_t unsupported(struct token_call *t)
{
    static const char text[] = "not supported by this ledger";

    su_ledger_log_text(t->x, text, sizeof text - 1);
    return SU_IE_CUSTOM(TOKEN_E_INVALID_INSTRUCTION);
}

/* ---- dispatch -------------------------------------------------------------------------------- */

/* bytes: least length of the data after the tag. option: where a byte 0 or 1 stands, followed by a
   key when it is 1 (0 = nowhere). units: about what the program took on Solana. */
static const struct row {
    const char *name;
    uint64_t (*run)(struct token_call *t);
    uint16_t bytes, option, units;
} rows[] = {
    {"InitializeMint", initialize_mint, 34, 33, 2967},
    {"InitializeAccount", initialize_account, 0, 0, 4527},
    {"InitializeMultisig", unsupported, 1, 0, 1000},
    {"Transfer", token_transfer, 8, 0, 4645},
    {"Approve", token_approve, 8, 0, 2904},
    {"Revoke", token_revoke, 0, 0, 2677},
    {"SetAuthority", set_authority, 2, 1, 3167},
    {"MintTo", token_mint_to, 8, 0, 4538},
    {"Burn", token_burn, 8, 0, 4753},
    {"CloseAccount", token_close, 0, 0, 2916},
    {"FreezeAccount", token_freeze, 0, 0, 4265},
    {"ThawAccount", token_thaw, 0, 0, 4267},
    {"TransferChecked", token_transfer_checked, 9, 0, 6200},
    {"ApproveChecked", token_approve_checked, 9, 0, 4458},
    {"MintToChecked", token_mint_to_checked, 9, 0, 4545},
    {"BurnChecked", token_burn_checked, 9, 0, 4755},
    {"InitializeAccount2", initialize_account2, 32, 0, 4388},
    {"SyncNative", sync_native, 0, 0, 3045},
    {"InitializeAccount3", initialize_account3, 32, 0, 4240},
    {"InitializeMultisig2", unsupported, 1, 0, 1000},
    {"InitializeMint2", initialize_mint2, 34, 33, 2827},
    {"GetAccountDataSize", get_account_data_size, 0, 0, 1569},
    {"InitializeImmutableOwner", initialize_immutable_owner, 0, 0, 1405},
    {"AmountToUiAmount", unsupported, 8, 0, 1000},
    {"UiAmountToAmount", unsupported, 0, 0, 1000},
};

static const struct row *unpack(const struct su_ledger_frame *f)
{
    const struct row *row;

    if (f->data_bytes == 0 || f->data[0] >= SU_ARRAY_LEN(rows)) {
        return NULL;
    }
    row = &rows[f->data[0]];
    if (f->data_bytes - 1 < row->bytes) {
        return NULL;
    }
    if (row->option != 0) {
        uint8_t option = f->data[1 + row->option];

        if (option > 1 || (option == 1 && f->data_bytes - 1 < row->option + 33u)) {
            return NULL;
        }
    }
    return row->run == set_authority && f->data[1] > AUTHORITY_CLOSE ? NULL : row;
}

static void log_error(struct su_ledger_exec *x, uint64_t c)
{
    if (c >> 32 == SU_IE(Custom) >> 32 && (uint32_t)c < SU_ARRAY_LEN(error_texts)) {
        su_ledger_log(x, "Program log: Error: %s", error_texts[(uint32_t)c]);
    } else {
        su_ledger_log(x, "Program log: Error: %s",
                      su_ledger_instr_error_name((unsigned)(c >> 32) - 1));
    }
}

uint64_t su_ledger_token(struct su_ledger_exec *x, struct su_ledger_frame *f)
{
    struct token_call t = {.x = x, .f = f};
    const struct row *row = unpack(f);
    uint64_t c = SU_IE_CUSTOM(TOKEN_E_INVALID_INSTRUCTION);

    if (row != NULL) {
        su_ledger_log(x, "Program log: Instruction: %s", row->name);
        if (!su_ledger_charge(x, row->units)) {
            return SU_IE(ProgramFailedToComplete);
        }
        t.d = f->data + 1;
        t.n = f->data_bytes - 1;
        c = row->run(&t);
    }
    if (c != 0) {
        log_error(x, c);
        return c;
    }
    return take_edits(&t);
}
