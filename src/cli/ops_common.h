// SPDX-License-Identifier: MIT
/* What the verbs that talk to the chain share: options, asking, signing, results. */
#ifndef SU_CLI_OPS_COMMON_H
#define SU_CLI_OPS_COMMON_H

#include "cli_priv.h"
#include "ops/ops.h"

/* Rows of the option tables. */
#define CLI_OPTION_URL                                                                             \
    {                                                                                              \
        "--url", "CLUSTER",                                                                        \
            "also -u: mainnet-beta, devnet, testnet, localhost (m, d, t, l) or a URL; several "    \
            "with "                                                                                \
            "commas (default: Solana's config.yml, else localhost)"                                \
    }
#define CLI_OPTION_KEYPAIR                                                                         \
    {                                                                                              \
        "--keypair", "FILE",                                                                       \
            "also -k: the wallet (default: of Solana's config.yml, else wallet.json in "           \
            "$SPLITUP_HOME)"                                                                       \
    }
#define CLI_OPTION_PASSPHRASE                                                                      \
    {                                                                                              \
        "--passphrase-file", "FILE", "first line: passphrase of a sealed wallet (default: asks)"   \
    }
#define CLI_OPTION_YES                                                                             \
    {                                                                                              \
        "--yes", NULL, "also -y: sign without asking"                                              \
    }
#define CLI_OPTION_DRY_RUN                                                                         \
    {                                                                                              \
        "--dry-run", NULL, "show what would be signed, and sign nothing"                           \
    }
#define CLI_OPTION_JSON                                                                            \
    {                                                                                              \
        "--json", NULL, "print one JSON object"                                                    \
    }

/* The context of --url, --keypair and --passphrase-file, which the verb has. SU_EACCES, SU_ENOENT ...:
   the passphrase file; errors of su_ops_open. */
SU_CHECK enum su_code cli_ops_open(const struct cli *c, struct su_ops **out, struct su_err *e);
/* The same; the key file at `identity` signs beside the wallet, not that of this machine's node. */
SU_CHECK enum su_code cli_ops_open_as(const struct cli *c, const char *identity,
                                      struct su_ops **out, struct su_err *e);
/* The same for the cluster of another word than --url. */
SU_CHECK enum su_code cli_ops_open_at(const struct cli *c, const char *cluster, struct su_ops **out,
                                      struct su_err *e);
/* Asks for a new passphrase twice, or reads --passphrase-file; out is terminated. The caller wipes
   it. SU_EUSAGE where nobody can be asked. */
SU_CHECK enum su_code cli_new_passphrase(const struct cli *c, char *out, size_t cap,
                                         struct su_err *e);
/* Asks for the passphrase of the sealed file at path; otherwise the same. */
SU_CHECK enum su_code cli_old_passphrase(const struct cli *c, const char *path, char *out,
                                         size_t cap, struct su_err *e);
/* Says what is about to be done and waits for y. SU_ECANCELLED: no. SU_EUSAGE: nobody can be asked;
   --yes does without. */
SU_CHECK enum su_code cli_ask(const char *what, struct su_err *e);
/* SU_EUSAGE when nobody can be asked and neither --yes nor --dry-run was given. Call it before
   anything is asked of the chain. */
SU_CHECK enum su_code cli_may_sign(const struct cli *c, struct su_err *e);
/* Shows the proposal, asks, signs, sends, prints the result. SU_ECANCELLED: the answer was no. */
SU_CHECK enum su_code cli_propose(const struct cli *c, struct su_ops *o, struct su_ops_proposal *p,
                                  struct su_err *e);
/* The same without printing what came of it: for proposals that are the beginning of something. With
   --dry-run the preview is printed, as JSON where that is asked for. */
SU_CHECK enum su_code cli_agree(const struct cli *c, struct su_ops *o, struct su_ops_proposal *p,
                                struct su_err *e);
/* The same with the preview on `preview` where nobody is asked (--yes); NULL: it is not shown then. */
SU_CHECK enum su_code cli_agree_on(const struct cli *c, struct su_ops *o, struct su_ops_proposal *p,
                                   FILE *preview, struct su_err *e);
/* The word `which` of words[n], as the first argument. SU_EUSAGE lists them. *i is its place. */
SU_CHECK enum su_code cli_subcommand(const struct cli *c, const char *const *words, size_t n,
                                     size_t *i, struct su_err *e);
/* SU_EUSAGE unless there are exactly that many words after the subcommand. */
SU_CHECK enum su_code cli_words(const struct cli *c, unsigned least, unsigned most,
                                struct su_err *e);
/* A JSON member that is an amount in its smallest unit, and one with the amount as text. */
void cli_put_amount(struct su_json_writer *w, const char *key, uint64_t amount,
                    enum su_ops_unit unit);

#endif
