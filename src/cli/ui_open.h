// SPDX-License-Identifier: MIT
/* Opening the terminal app from a command. */
#ifndef SU_CLI_UI_OPEN_H
#define SU_CLI_UI_OPEN_H

#include "cli_priv.h"
#include "ui/ui.h"

struct cli_ui {
    const char *url, *keypair; /* as in struct su_ops_options */
    const char *pane; /* NULL = the last one */
    const char *charset; /* NULL = by locale */
    const char *node_url; /* of this machine's node; NULL = as on chain */
    bool no_color, no_mouse, readonly, no_spend_keys;
    bool welcome; /* begin with the offers of a first start */
    bool memory; /* keep no cache and no settings */
    uint32_t period_ms; /* 0 = as the feed has it */
    char *
        cluster; /* SU_UI_WATCH_CLUSTER: filled with which, of cluster_cap bytes; NULL = not offered */
    size_t cluster_cap;
};
/* Runs the app until the person leaves; choice may be NULL. Errors of su_ui_live_open, su_ui_run. */
SU_CHECK enum su_code cli_ui_run(const struct cli_ui *u, enum su_ui_choice *choice,
                                 struct su_err *e);
/* The table of verbs, for struct su_ui_options; subcommands are verbs of their own. */
const char *cli_ui_verb(size_t i, const char **args);
const char *cli_ui_option(size_t i, size_t k, const char **arg);
/* What dialogs do with this machine's device and files. */
const struct su_ui_helper *cli_ui_helper(void);
/* True when stdin and stdout are a terminal that the app can live on. */
bool cli_ui_can(void);
/* Whether nothing was ever set up here: no wallet, no settings of Solana's tools. */
bool cli_ui_first_start(void);

#endif
