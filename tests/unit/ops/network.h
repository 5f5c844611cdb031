// SPDX-License-Identifier: MIT
/* A private network in this process, a fresh home, and a context of ops on both. */
#ifndef SU_TEST_OPS_NETWORK_H
#define SU_TEST_OPS_NETWORK_H

#include "ledger/ledger.h"
#include "ops/ops.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct network {
    char home[64], url[64];
    struct su_ledger *ledger;
    struct su_ledger_rpc *rpc;
    struct su_ops *ops;
};
enum {
    NETWORK_COOLDOWN = 150
}; /* slots of 20 ms, in which a slow machine also gets something done */
/* Group setup and teardown: *state is the network, its ledger set up with that cooldown, and a wallet
   with 10 SOL and 5000 USDC. */
int network_setup(void **state);
int network_teardown(void **state);
/* Waits until what unlocks now is due. */
void network_cool(const struct network *n);
/* Another context on the same network, with the wallet at that path (NULL: the usual one). */
struct su_ops *network_ops(const struct network *n, const char *keypair);
/* Path of a file in the home, in one of 4 buffers used in turn. */
const char *network_path(const struct network *n, const char *name);
/* Fails the test unless rc is SU_OK; says why. */
void ok(enum su_code rc, const struct su_err *e);
/* Fails the test unless rc is the code and the message holds `text`. */
void refused(enum su_code rc, enum su_code want, const struct su_err *e, const char *text);
/* The text of the line with that label; fails when there is none. */
const char *line_of(const struct su_ops_proposal *p, const char *label);
/* Commits, expects success, and frees the proposal. */
struct su_ops_receipt commit(struct su_ops *o, struct su_ops_proposal *p);

#endif
