// SPDX-License-Identifier: MIT
/* Subcommands of `splitup node` that need no wallet (node_run.c). */
#ifndef SU_CLI_NODE_VERBS_H
#define SU_CLI_NODE_VERBS_H

#include "node/node.h"
#include "ops_common.h"

SU_CHECK enum su_code cli_node_init(const struct cli *c, struct su_ops *o, struct su_err *e);
SU_CHECK enum su_code cli_node_start(const struct cli *c, struct su_ops *o, struct su_err *e);
SU_CHECK enum su_code cli_node_status(const struct cli *c, struct su_ops *o, struct su_err *e);
SU_CHECK enum su_code cli_node_drain(const struct cli *c, struct su_ops *o, struct su_err *e);

/* What goes into a node's entry: the memory of --vram or of the device, and the root of a suite that
   passed on the device. Errors of cli_exec_open and su_node_conform; SU_EUSAGE: no memory is known. */
SU_CHECK enum su_code cli_node_examine(const struct cli *c, struct su_ops_node *f,
                                       struct su_err *e);
/* Shows the suite's progress; ctx: the command line. */
bool cli_node_probe(void *ctx, uint32_t done, uint32_t total);
/* The node's entry as members of the object begun in w (verb_node.c). */
void cli_node_put_entry(struct su_json_writer *w, const struct su_acc_node *n);
void cli_node_print_entry(const struct su_acc_node *n);

#endif
