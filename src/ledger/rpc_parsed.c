// SPDX-License-Identifier: MIT
/* The parts of jsonParsed that Solana decodes and this ledger has programs for. Layouts: the
   documentation of the System, SPL Token and Associated Token Account programs. */
#include "rpc_priv.h"

/* ---- accounts of the token program ----------------------------------------------------------- */

#define MINT_BYTES 82
#define TOKEN_BYTES 165

static bool owned_by_token(const struct su_ledger_account *a, uint64_t bytes)
{
    return memcmp(a->owner, su_ledger_token_id, 32) == 0 && a->data_bytes == bytes;
}

/* COption of the token program: u32 tag, then the value. */
static const uint8_t *optional_key(const uint8_t *p)
{
    return su_le32(p) == 1 ? p + 4 : NULL;
}

bool rpc_mint_read(const struct su_ledger_account *a, struct rpc_mint *out)
{
    const uint8_t *d = a->data;

    if (!owned_by_token(a, MINT_BYTES) || d[45] != 1)
        return false;
    *out = (struct rpc_mint){.authority = optional_key(d),
                             .supply = su_le64(d + 36),
                             .decimals = d[44],
                             .freeze = optional_key(d + 46)};
    return true;
}

bool rpc_token_read(const struct su_ledger_account *a, struct rpc_token *out)
{
    const uint8_t *d = a->data;

    if (!owned_by_token(a, TOKEN_BYTES) || d[108] == 0 || d[108] > 2)
        return false;
    *out = (struct rpc_token){.mint = d,
                              .owner = d + 32,
                              .amount = su_le64(d + 64),
                              .delegate = optional_key(d + 72),
                              .state = d[108],
                              .native = su_le32(d + 109) == 1,
                              .native_reserve = su_le64(d + 113),
                              .delegated = su_le64(d + 121),
                              .close = optional_key(d + 129)};
    return true;
}

static void put_optional(struct su_json_writer *w, const char *name, const uint8_t *key)
{
    if (key != NULL)
        rpc_put_key(w, name, key);
    else
        su_json_put_null(w, name);
}

static void begin_parsed(struct su_json_writer *w, const char *name)
{
    su_json_put_object(w, name);
    su_json_put_object(w, "parsed");
    su_json_put_object(w, "info");
}

static void end_parsed(struct su_json_writer *w, const char *type, uint64_t space)
{
    su_json_end_object(w);
    su_json_put_str(w, "type", type);
    su_json_end_object(w);
    su_json_put_str(w, "program", "spl-token");
    su_json_put_u64(w, "space", space);
    su_json_end_object(w);
}

static void put_mint(struct su_json_writer *w, const char *name, const struct rpc_mint *m)
{
    char supply[24];

    (void)snprintf(supply, sizeof supply, "%llu", (unsigned long long)m->supply);
    begin_parsed(w, name);
    su_json_put_u64(w, "decimals", m->decimals);
    put_optional(w, "freezeAuthority", m->freeze);
    su_json_put_bool(w, "isInitialized", true);
    put_optional(w, "mintAuthority", m->authority);
    su_json_put_str(w, "supply", supply);
    end_parsed(w, "mint", MINT_BYTES);
}

static void put_token(struct su_json_writer *w, const char *name, const struct rpc_token *t,
                      uint8_t decimals)
{
    begin_parsed(w, name);
    if (t->close != NULL)
        rpc_put_key(w, "closeAuthority", t->close);
    if (t->delegate != NULL) {
        rpc_put_key(w, "delegate", t->delegate);
        rpc_put_amount(w, "delegatedAmount", t->delegated, decimals);
    }
    su_json_put_bool(w, "isNative", t->native);
    rpc_put_key(w, "mint", t->mint);
    rpc_put_key(w, "owner", t->owner);
    if (t->native)
        rpc_put_amount(w, "rentExemptReserve", t->native_reserve, decimals);
    su_json_put_str(w, "state", t->state == 2 ? "frozen" : "initialized");
    rpc_put_amount(w, "tokenAmount", t->amount, decimals);
    end_parsed(w, "account", TOKEN_BYTES);
}

bool rpc_put_parsed_account(struct rpc_call *c, const char *name, const struct su_ledger_account *a)
{
    struct rpc_mint mint;
    struct rpc_token token;

    if (rpc_mint_read(a, &mint)) {
        put_mint(c->w, name, &mint);
        return true;
    }
    if (!rpc_token_read(a, &token))
        return false;
    const struct su_ledger_account *of = su_ledger_account_get(c->ledger, token.mint);
    bool known = of != NULL && rpc_mint_read(of, &mint);
    uint8_t decimals = known ? mint.decimals : 0;
    su_ledger_account_release(of);
    if (!known)
        return false;
    put_token(c->w, name, &token, decimals);
    return true;
}

/* ---- instructions ---------------------------------------------------------------------------- */

/* What follows the number of an instruction in its data, in writing order: names of fields, each
   with its form. */
enum form {
    F_END,
    F_U64,
    F_U8,
    F_KEY,
    F_OPTIONAL_KEY,
    F_NULLABLE_KEY,
    F_AMOUNT,
    F_AUTHORITY,
    F_TOKENS,
    F_SEED
};
struct field {
    const char *name;
    enum form form;
};
struct known_instr {
    uint32_t number;
    const char *type;
    const char *accounts[4]; /* names, in order; "" is not shown */
    struct field fields[6];
};

static const struct known_instr system_instrs[] = {
    {0,
     "createAccount",
     {"source", "newAccount"},
     {{"lamports", F_U64}, {"space", F_U64}, {"owner", F_KEY}}},
    {1, "assign", {"account"}, {{"owner", F_KEY}}},
    {2, "transfer", {"source", "destination"}, {{"lamports", F_U64}}},
    {3,
     "createAccountWithSeed",
     {"source", "newAccount"},
     {{"base", F_KEY}, {"seed", F_SEED}, {"lamports", F_U64}, {"space", F_U64}, {"owner", F_KEY}}},
    {8, "allocate", {"account"}, {{"space", F_U64}}},
};

static const struct known_instr token_instrs[] = {
    {0,
     "initializeMint",
     {"mint", "rentSysvar"},
     {{"decimals", F_U8}, {"mintAuthority", F_KEY}, {"freezeAuthority", F_OPTIONAL_KEY}}},
    {1, "initializeAccount", {"account", "mint", "owner", "rentSysvar"}, {{0}}},
    {3, "transfer", {"source", "destination", "authority"}, {{"amount", F_AMOUNT}}},
    {4, "approve", {"source", "delegate", "owner"}, {{"amount", F_AMOUNT}}},
    {5, "revoke", {"source", "owner"}, {{0}}},
    {6,
     "setAuthority",
     {"account", "authority"},
     {{"authorityType", F_AUTHORITY}, {"newAuthority", F_NULLABLE_KEY}}},
    {7, "mintTo", {"mint", "account", "mintAuthority"}, {{"amount", F_AMOUNT}}},
    {8, "burn", {"account", "mint", "authority"}, {{"amount", F_AMOUNT}}},
    {9, "closeAccount", {"account", "destination", "owner"}, {{0}}},
    {10, "freezeAccount", {"account", "mint", "freezeAuthority"}, {{0}}},
    {11, "thawAccount", {"account", "mint", "freezeAuthority"}, {{0}}},
    {12,
     "transferChecked",
     {"source", "mint", "destination", "authority"},
     {{"tokenAmount", F_TOKENS}}},
    {13, "approveChecked", {"source", "mint", "delegate", "owner"}, {{"tokenAmount", F_TOKENS}}},
    {14, "mintToChecked", {"mint", "account", "mintAuthority"}, {{"tokenAmount", F_TOKENS}}},
    {15, "burnChecked", {"account", "mint", "authority"}, {{"tokenAmount", F_TOKENS}}},
    {16, "initializeAccount2", {"account", "mint", "rentSysvar"}, {{"owner", F_KEY}}},
    {17, "syncNative", {"account"}, {{0}}},
    {18, "initializeAccount3", {"account", "mint"}, {{"owner", F_KEY}}},
    {20,
     "initializeMint2",
     {"mint"},
     {{"decimals", F_U8}, {"mintAuthority", F_KEY}, {"freezeAuthority", F_OPTIONAL_KEY}}},
};

static const char *const ata_accounts[] = {"source", "account",       "wallet",
                                           "mint",   "systemProgram", "tokenProgram"};
static const char *const authority_types[] = {"mintTokens", "freezeAccount", "accountOwner",
                                              "closeAccount"};

/* Seeds of the System program: a length of 8 bytes, then text. */
static bool read_seed(struct su_reader *r, const uint8_t **text, size_t *n)
{
    uint64_t bytes = su_read_u64(r);

    if (bytes > su_read_left(r))
        return false;
    *n = (size_t)bytes;
    *text = su_read_bytes(r, *n);
    return *text != NULL || *n == 0;
}

/* Reads one field and writes it when w is not NULL. */
static bool field(struct su_json_writer *w, const struct field *f, struct su_reader *r)
{
    char digits[24];
    const uint8_t *p = NULL;
    size_t n = 0;
    uint64_t v = 0;
    bool optional = f->form == F_OPTIONAL_KEY || f->form == F_NULLABLE_KEY;

    if (f->form == F_U64 || f->form == F_AMOUNT || f->form == F_TOKENS)
        v = su_read_u64(r);
    else if (f->form == F_U8 || f->form == F_AUTHORITY || optional)
        v = su_read_u8(r);
    uint8_t decimals = f->form == F_TOKENS ? su_read_u8(r) : 0;
    if (f->form == F_KEY || (optional && v == 1))
        p = su_read_bytes(r, 32);
    if (f->form == F_SEED && !read_seed(r, &p, &n))
        return false;
    if (r->failed || (optional && v > 1) ||
        (f->form == F_AUTHORITY && v >= SU_ARRAY_LEN(authority_types)))
        return false;
    if (w == NULL)
        return true;
    if (f->form == F_U64 || f->form == F_U8)
        su_json_put_u64(w, f->name, v);
    else if (f->form == F_AUTHORITY)
        su_json_put_str(w, f->name, authority_types[v]);
    else if (f->form == F_SEED)
        su_json_put_strn(w, f->name, p, n);
    else if (f->form == F_TOKENS)
        rpc_put_amount(w, f->name, v, decimals);
    else if (f->form == F_AMOUNT) {
        (void)snprintf(digits, sizeof digits, "%llu", (unsigned long long)v);
        su_json_put_str(w, f->name, digits);
    } else if (p != NULL)
        rpc_put_key(w, f->name, p);
    else if (f->form == F_NULLABLE_KEY)
        su_json_put_null(w, f->name);
    return true;
}

static bool fields(struct su_json_writer *w, const struct known_instr *k, struct su_reader r)
{
    for (size_t i = 0; i < SU_ARRAY_LEN(k->fields) && k->fields[i].form != F_END; i++)
        if (!field(w, &k->fields[i], &r))
            return false;
    return true;
}

static const uint8_t *account_key(const struct rpc_instr *i, size_t n)
{
    return su_ledger_tx_key(i->tx, i->accounts[n]);
}

static void begin_known(struct su_json_writer *w, const struct rpc_instr *i, const char *program)
{
    su_json_put_object(w, NULL);
    su_json_put_str(w, "program", program);
    rpc_put_key(w, "programId", su_ledger_tx_key(i->tx, i->program));
}

static void end_known(struct su_json_writer *w, const struct rpc_instr *i)
{
    if (i->height > 0)
        su_json_put_u64(w, "stackHeight", i->height);
    else
        su_json_put_null(w, "stackHeight");
    su_json_end_object(w);
}

/* An authority of several keys has another name, and its signers follow. */
static bool put_authority(struct su_json_writer *w, const struct rpc_instr *i, const char *name,
                          size_t at)
{
    char long_name[48];

    if (i->n_accounts <= at + 1 || !(su_str_ends(name, "wner") || su_str_ends(name, "uthority")))
        return false;
    (void)snprintf(long_name, sizeof long_name, "multisig%c%s", name[0] - 'a' + 'A', name + 1);
    rpc_put_key(w, long_name, account_key(i, at));
    su_json_put_array(w, "signers");
    for (size_t n = at + 1; n < i->n_accounts; n++)
        rpc_put_key(w, NULL, account_key(i, n));
    su_json_end_array(w);
    return true;
}

static void put_accounts(struct su_json_writer *w, const struct rpc_instr *i,
                         const struct known_instr *k, size_t named)
{
    /* setAuthority (6) is of a mint for its first two kinds of authority */
    bool of_mint = strcmp(k->type, "setAuthority") == 0 && i->data[1] <= 1;

    for (size_t n = 0; n < named; n++) {
        const char *name = n == 0 && of_mint ? "mint" : k->accounts[n];
        if (n + 1 < named || !put_authority(w, i, name, n))
            rpc_put_key(w, name, account_key(i, n));
    }
}

static bool put_known(struct su_json_writer *w, const struct rpc_instr *i, const char *program,
                      const struct known_instr *table, size_t rows, uint32_t number, size_t head)
{
    const struct known_instr *k = NULL;

    for (size_t n = 0; n < rows; n++)
        if (table[n].number == number)
            k = &table[n];
    size_t named = 0;
    while (k != NULL && named < 4 && k->accounts[named] != NULL)
        named++;
    struct su_reader r = su_reader_of(i->data + head, i->data_bytes - head);
    if (k == NULL || i->n_accounts < named || !fields(NULL, k, r))
        return false;
    begin_known(w, i, program);
    su_json_put_object(w, "parsed");
    su_json_put_object(w, "info");
    put_accounts(w, i, k, named);
    (void)fields(w, k, r);
    su_json_end_object(w);
    su_json_put_str(w, "type", k->type);
    su_json_end_object(w);
    end_known(w, i);
    return true;
}

static bool put_ata(struct su_json_writer *w, const struct rpc_instr *i)
{
    uint8_t number = i->data_bytes > 0 ? i->data[0] : 0;

    if (number > 1 || i->n_accounts < SU_ARRAY_LEN(ata_accounts))
        return false;
    begin_known(w, i, "spl-associated-token-account");
    su_json_put_object(w, "parsed");
    su_json_put_object(w, "info");
    for (size_t n = 0; n < SU_ARRAY_LEN(ata_accounts); n++)
        rpc_put_key(w, ata_accounts[n], account_key(i, n));
    su_json_end_object(w);
    su_json_put_str(w, "type", number == 0 ? "create" : "createIdempotent");
    su_json_end_object(w);
    end_known(w, i);
    return true;
}

static bool put_memo(struct su_json_writer *w, const struct rpc_instr *i)
{
    begin_known(w, i, "spl-memo");
    su_json_put_strn(w, "parsed", i->data, i->data_bytes);
    end_known(w, i);
    return true;
}

static bool put_decoded(struct su_json_writer *w, const struct rpc_instr *i)
{
    const uint8_t *program = su_ledger_tx_key(i->tx, i->program);

    if (memcmp(program, su_ledger_system_id, 32) == 0 && i->data_bytes >= 4)
        return put_known(w, i, "system", system_instrs, SU_ARRAY_LEN(system_instrs),
                         su_le32(i->data), 4);
    if (memcmp(program, su_ledger_token_id, 32) == 0 && i->data_bytes >= 1)
        return put_known(w, i, "spl-token", token_instrs, SU_ARRAY_LEN(token_instrs), i->data[0],
                         1);
    if (memcmp(program, su_ledger_ata_id, 32) == 0)
        return put_ata(w, i);
    return memcmp(program, su_ledger_memo_id, 32) == 0 && put_memo(w, i);
}

void rpc_put_parsed_instr(struct su_json_writer *w, const struct rpc_instr *i)
{
    if (put_decoded(w, i))
        return;
    su_json_put_object(w, NULL);
    su_json_put_array(w, "accounts");
    for (size_t n = 0; n < i->n_accounts; n++)
        rpc_put_key(w, NULL, account_key(i, n));
    su_json_end_array(w);
    rpc_put_base58(w, "data", i->data, i->data_bytes);
    rpc_put_key(w, "programId", su_ledger_tx_key(i->tx, i->program));
    end_known(w, i);
}
