// SPDX-License-Identifier: MIT
/* The parts of splitup-deploy, and what `splitup verify` shares with it. */
#ifndef SU_CLI_DEPLOY_H
#define SU_CLI_DEPLOY_H

#include "ops_common.h"

#define CLI_STORE_PORT 8898u /* of `splitup store serve` */

/* Rows of the option tables. */
#define CLI_OPTION_PEER                                                                            \
    {                                                                                              \
        "--peer", "URL,...", "http://HOST:PORT of stores to ask before others"                     \
    }

/* The store in $SPLITUP_HOME, or in `dir` when that is given. */
SU_CHECK enum su_code cli_store_open(const char *dir, struct su_store **out, struct su_err *e);
/* Progress on stderr and SIGINT for the store's long calls. c is borrowed. */
struct su_store_hooks cli_store_hooks(struct cli *c);
/* The words of --peer; the pointers lead into text. */
struct cli_peers {
    char text[2048];
    const char *url[SU_STORE_PEERS_MAX];
    size_t n;
};
SU_CHECK enum su_code cli_peers_parse(const struct cli *c, struct cli_peers *out, struct su_err *e);

/* A model on this disk as networks run it: cut as the options --target-vram, --batch, --ctx and
   --sessions say, which the verb has. */
struct cli_deployed {
    struct cli_model m;
    struct su_graph *generator; /* of a language model: owned */
    const struct su_graph *graph;
    struct su_plan *plan;
    struct su_package *package;
    uint8_t id[32]; /* of the package's blob */
};
/* word: a name, a path or hf://...; name: the package's, NULL = the model's; store: where it is
   published to, NULL = nowhere. Whatever it returns, close d. */
SU_CHECK enum su_code cli_deployed_open(struct cli *c, const char *word, const char *name,
                                        struct su_store *store, struct cli_deployed *d,
                                        struct su_err *e);
void cli_deployed_close(struct cli_deployed *d);

/* Where the package will be found: below --serve-url, or with any peer. SU_EINVAL: no URL; SU_ELIMIT. */
SU_CHECK enum su_code cli_package_uri(const struct cli *c, const uint8_t id[32],
                                      char out[SU_URI_MAX + 1], struct su_err *e);

/* The package that a model on chain leads to, held against the chain: SU_EDIGEST when it is another
   one. Errors of su_package_open, and SU_ENOENT: the model names no URI. */
SU_CHECK enum su_code cli_package_of(const struct su_chain_model *m, struct su_store *store,
                                     const struct cli_peers *peers,
                                     const struct su_store_hooks *hooks, struct su_package **out,
                                     struct su_err *e);
/* The weights of every task, from the peer in front of its URI and the others. */
SU_CHECK enum su_code cli_package_weights(const struct su_chain_model *m,
                                          const struct su_package *p, struct su_store *store,
                                          const struct cli_peers *peers,
                                          const struct su_store_hooks *hooks, struct su_err *e);
/* SU_EDIGEST: digest of the whole or of a task, or the number of tasks. */
SU_CHECK enum su_code cli_package_check(const struct su_chain_model *m, const struct su_package *p,
                                        struct su_err *e);

/* The subcommands. */
SU_CHECK enum su_code cli_deploy_info(struct cli *c, struct su_ops *o, struct su_err *e);
SU_CHECK enum su_code cli_deploy_list(struct cli *c, struct su_ops *o, struct su_err *e);
SU_CHECK enum su_code cli_deploy_test(struct cli *c, struct su_ops *o, struct su_err *e);

#endif
