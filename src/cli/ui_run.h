// SPDX-License-Identifier: MIT
/* What the app's Run pane sends to models, and what it shows of it. */
#ifndef SU_CLI_UI_RUN_H
#define SU_CLI_UI_RUN_H

#include "cli_priv.h"
#include "ui/ui.h"

struct cli_ui_runner;
struct cli_ui_runner *cli_ui_runner_open(void);
const struct su_ui_runner *cli_ui_runner_get(const struct cli_ui_runner *r); /* valid until close */
void cli_ui_runner_close(struct cli_ui_runner *r); /* after the app; NULL allowed */

#endif
