// SPDX-License-Identifier: MIT
/* splitup wallet: the key that owns the money. */
#include "ops_common.h"

#include <string.h>

static enum su_code print_address(const struct cli *c, const struct su_ops *o,
                                  const uint8_t key[32], const char *did, struct su_err *e)
{
    char address[SU_CHAIN_TEXT];
    struct su_json_writer w;
    struct su_buf b;

    (void)su_chain_key_text(key, address);
    if (!cli_has(c, "--json")) {
        printf("%s\n", address);
        if (did)
            printf("%s %s\n", did, su_ops_wallet_path(o));
        return SU_OK;
    }
    su_buf_init(&b, 0);
    su_json_writer_init(&w, &b, 0);
    su_json_put_object(&w, NULL);
    su_json_put_str(&w, "address", address);
    su_json_put_str(&w, "file", su_ops_wallet_path(o));
    su_json_end_object(&w);
    return cli_print_json(&b, e);
}

/* new, import, export: one file becomes another. from NULL: a new key. What is sealed stays so,
   unless --plain. */
static enum su_code make(const struct cli *c, struct su_ops *o, const char *from, const char *to,
                         uint8_t key[32], struct su_err *e)
{
    char passphrase[SU_WALLET_PASSPHRASE_MAX + 1] = "";
    bool seal = cli_has(c, "--seal");
    enum su_wallet_kind kind = SU_WALLET_PLAIN;
    enum su_code rc = SU_OK;

    if (seal && cli_has(c, "--plain"))
        return su_fail(e, SU_EUSAGE, "--plain", "is the opposite of --seal; give one of them");
    if (from)
        rc = su_wallet_file_kind(from, &kind, e);
    bool sealed = kind == SU_WALLET_SEALED;
    if (!rc && sealed && cli_get(c, "--passphrase-file") == NULL)
        rc = cli_old_passphrase(c, from, passphrase, sizeof passphrase, e);
    else if (!rc && (seal || sealed))
        rc = cli_new_passphrase(c, passphrase, sizeof passphrase, e);
    if (!rc && !from)
        rc = su_wallet_create(to, seal ? passphrase : NULL, key, e);
    else if (!rc)
        rc = su_wallet_copy(from, sealed ? passphrase : NULL, to,
                            seal || (sealed && !cli_has(c, "--plain")) ? passphrase : NULL, key, e);
    su_wipe(passphrase, sizeof passphrase);
    if (rc == SU_EEXIST)
        rc = su_fail(e, rc, to, "exists already and is never overwritten; choose another file%s",
                     strcmp(to, su_ops_wallet_path(o)) == 0 ? " with --keypair" : "");
    return rc;
}

static enum su_code wallet_new(const struct cli *c, struct su_ops *o, struct su_err *e)
{
    uint8_t key[32];
    enum su_code rc = make(c, o, NULL, su_ops_wallet_path(o), key, e);

    return rc ? rc : print_address(c, o, key, "written to", e);
}

static enum su_code wallet_import(const struct cli *c, struct su_ops *o, struct su_err *e)
{
    uint8_t key[32];
    enum su_code rc = make(c, o, c->arg[1], su_ops_wallet_path(o), key, e);

    return rc ? rc : print_address(c, o, key, "written to", e);
}

/* Whoever has the file has the money: asked for twice. */
static enum su_code wallet_export(const struct cli *c, struct su_ops *o, struct su_err *e)
{
    uint8_t key[32];
    enum su_code rc = cli_has(c, "--yes") ? SU_OK
                                          : cli_ask("export the secret key: whoever reads the file "
                                                    "can spend what the wallet holds",
                                                    e);

    if (!rc)
        rc = make(c, o, su_ops_wallet_path(o), c->arg[1], key, e);
    return rc ? rc : print_address(c, o, key, NULL, e);
}

static enum su_code wallet_address(const struct cli *c, struct su_ops *o, struct su_err *e)
{
    struct su_wallet *w;
    enum su_code rc = su_ops_wallet(o, &w, e);

    return rc ? rc : print_address(c, o, su_wallet_public_key(w), NULL, e);
}

/* Of the mint that the cluster's program takes; 0 where there is no program. */
static enum su_code usdc_of(struct su_ops *o, const uint8_t owner[32], uint64_t *amount,
                            struct su_err *e)
{
    const struct su_chain_env *env;
    const struct su_params *params;
    struct su_chain_token t;
    uint8_t ata[32];

    *amount = 0;
    enum su_code rc = su_ops_env(o, &env, &params, e);
    if (rc)
        return rc == SU_ENOENT ? SU_OK : rc;
    su_chain_ata(owner, env->mint, ata);
    rc = su_chain_token_get(su_ops_chain(o), ata, &t, e);
    if (!rc)
        *amount = t.amount;
    return rc == SU_ENOENT ? SU_OK : rc;
}

static enum su_code print_balance(const struct cli *c, struct su_ops *o, const uint8_t key[32],
                                  struct su_err *e)
{
    char text[SU_OPS_AMOUNT_TEXT], address[SU_CHAIN_TEXT];
    uint64_t lamports = 0, usdc = 0;
    struct su_json_writer j;
    struct su_buf b;
    enum su_code rc = su_chain_balance(su_ops_chain(o), key, &lamports, e);

    if (!rc)
        rc = usdc_of(o, key, &usdc, e);
    if (rc)
        return rc;
    if (!cli_has(c, "--json")) {
        printf("%s\n", su_ops_amount_text(lamports, SU_OPS_SOL, text));
        printf("%s\n", su_ops_amount_text(usdc, SU_OPS_USDC, text));
        return SU_OK;
    }
    su_buf_init(&b, 0);
    su_json_writer_init(&j, &b, 0);
    su_json_put_object(&j, NULL);
    su_json_put_str(&j, "address", su_chain_key_text(key, address));
    su_json_put_u64(&j, "lamports", lamports);
    su_json_put_u64(&j, "micro_usdc", usdc);
    cli_put_amount(&j, "sol", lamports, SU_OPS_SOL);
    cli_put_amount(&j, "usdc", usdc, SU_OPS_USDC);
    su_json_end_object(&j);
    return cli_print_json(&b, e);
}

static enum su_code wallet_balance(const struct cli *c, struct su_ops *o, struct su_err *e)
{
    uint8_t key[32];
    struct su_wallet *w;
    enum su_code rc;

    if (c->n_arg > 1) {
        rc = su_chain_key_parse(c->arg[1], "ADDRESS", key, e);
    } else {
        rc = su_ops_wallet(o, &w, e);
        if (!rc)
            memcpy(key, su_wallet_public_key(w), 32);
    }
    return rc ? rc : print_balance(c, o, key, e);
}

static enum su_code wallet_airdrop(const struct cli *c, struct su_ops *o, struct su_err *e)
{
    const struct su_ops_airdrop f = {.sol = c->n_arg > 1 ? c->arg[1] : NULL,
                                     .usdc = cli_get(c, "--usdc")};
    struct su_wallet *w;
    enum su_code rc = su_ops_airdrop_check(&f, e);

    if (!rc)
        rc = su_ops_wallet(o, &w, e);
    if (!rc)
        rc = su_ops_airdrop(o, &f, su_wallet_public_key(w), e);
    return rc ? rc : print_balance(c, o, su_wallet_public_key(w), e);
}

static enum su_code wallet_delete(const struct cli *c, struct su_ops *o, struct su_err *e)
{
    const struct su_ops_delete f = {c->arg[1], cli_get(c, "--copy")};
    struct su_ops_delete_plan p;
    struct su_buf b;
    enum su_code rc = su_ops_delete_prepare(o, &f, &p, e);

    su_buf_init(&b, 0);
    for (size_t i = 0; !rc && i < p.n_line; i++)
        su_buf_printf(&b, "%-12s %s\n", p.line[i].label, p.line[i].text);
    su_buf_u8(&b, 0);
    if (!rc)
        rc = su_buf_check(&b, f.path, e);
    if (!rc && !cli_has(c, "--yes"))
        rc = cli_ask((const char *)b.data, e);
    if (!rc)
        rc = su_ops_delete_commit(o, &f, &p, e);
    su_buf_fini(&b);
    return rc;
}

static const char *const words[] = {"new",    "address", "balance", "airdrop",
                                    "import", "export",  "delete"};
enum { AIRDROP = 3, DELETE = 6 };

static enum su_code run(struct cli *c, struct su_err *e)
{
    static enum su_code (*const act[])(const struct cli *, struct su_ops *, struct su_err *) = {
        wallet_new,    wallet_address, wallet_balance, wallet_airdrop,
        wallet_import, wallet_export,  wallet_delete};
    static const unsigned least[] = {0, 0, 0, 0, 1, 1, 1}, most[] = {0, 0, 1, 1, 1, 1, 1};
    struct su_ops *o = NULL;
    size_t i;
    enum su_code rc = cli_subcommand(c, words, SU_ARRAY_LEN(words), &i, e);

    if (!rc)
        rc = cli_words(c, least[i], most[i], e);
    if (!rc && cli_has(c, "--usdc") && i != AIRDROP)
        rc = su_fail(e, SU_EUSAGE, "--usdc", "is for wallet airdrop");
    if (!rc && cli_has(c, "--copy") && i != DELETE)
        rc = su_fail(e, SU_EUSAGE, "--copy", "is for wallet delete");
    if (!rc && (cli_has(c, "--seal") || cli_has(c, "--plain")) &&
        ((i >= 1 && i <= AIRDROP) || i == DELETE))
        rc = su_fail(e, SU_EUSAGE, cli_has(c, "--seal") ? "--seal" : "--plain",
                     "is for wallet new, import and export");
    if (!rc)
        rc = cli_ops_open(c, &o, e);
    if (!rc)
        rc = act[i](c, o, e);
    su_ops_close(o);
    return rc;
}

const struct cli_verb cli_verb_wallet = {
    .name = "wallet",
    .args = "new|address|balance [ADDRESS]|airdrop [SOL]|import FILE|export FILE|delete FILE",
    .summary = "Make and look after the key that owns your money",
    .detail =
        "A wallet is a key file as Solana's own tools write it: readable by its owner only, "
        "never overwritten, its secret never printed. new makes one; address prints its "
        "public half; balance shows SOL, which pays fees, and USDC, which is staked and "
        "paid; airdrop asks a test network's faucet for SOL, and a private one's for USDC; "
        "import copies an existing key file to the wallet's place; export copies the wallet "
        "to a new file; delete removes a key file for good, but only once its key owns nothing or "
        "with a copy of it named. With --seal the file written is sealed under a passphrase; what "
        "is sealed "
        "stays so without --plain.",
    .min_arg = 1,
    .max_arg = 2,
    .option = {CLI_OPTION_URL,
               CLI_OPTION_KEYPAIR,
               {"--usdc", "AMOUNT", "airdrop: test USDC"},
               {"--seal", NULL, "new, import, export: seal the file under a passphrase"},
               {"--plain", NULL, "import, export: write the key of a sealed file unsealed"},
               {"--copy", "FILE", "delete: another file with the same key"},
               CLI_OPTION_PASSPHRASE,
               CLI_OPTION_YES,
               CLI_OPTION_JSON},
    .run = run,
};
