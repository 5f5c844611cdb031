// SPDX-License-Identifier: MIT
#include "network.h"

#include "ledger/ledger.h"
#include "ops/ops.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void ok(enum su_code rc, const struct su_err *e)
{
    if (rc != SU_OK)
        fail_msg("%s: %s", e->at, e->msg);
}

void refused(enum su_code rc, enum su_code want, const struct su_err *e, const char *text)
{
    char line[640];

    su_err_line(e, line, sizeof line);
    if (rc != want || e->code != want)
        fail_msg("%s, not %s: %s", su_code_name(rc), su_code_name(want), line);
    if (!strstr(line, text))
        fail_msg("\"%s\" is not in: %s", text, line);
}

const char *network_path(const struct network *n, const char *name)
{
    static char path[4][200];
    static unsigned turn;
    char *out = path[turn++ % 4];

    (void)snprintf(out, sizeof path[0], "%s/%s", n->home, name);
    return out;
}

struct su_ops *network_ops(const struct network *n, const char *keypair)
{
    const struct su_ops_options o = {.url = n->url, .keypair = keypair};
    struct su_err e = {0};
    struct su_ops *ops;

    ok(su_ops_open(&o, &ops, &e), &e);
    return ops;
}

static void fund(struct network *n)
{
    const struct su_ops_airdrop f = {.sol = "10", .usdc = "5000"};
    uint8_t key[32];
    struct su_err e = {0};

    ok(su_wallet_create(network_path(n, "wallet.json"), NULL, key, &e), &e);
    ok(su_ops_airdrop(n->ops, &f, key, &e), &e);
}

int network_setup(void **state)
{
    struct network *n = su_alloc(sizeof *n);
    const struct su_ledger_options lo = {.ms_per_slot = 20};
    const struct su_ledger_rpc_options ro = {.threads = 2};
    struct su_params params;
    struct su_err e = {0};

    (void)su_str_copy(n->home, sizeof n->home, "/tmp/su-test-ops-XXXXXX");
    assert_non_null(mkdtemp(n->home));
    assert_int_equal(setenv("HOME", n->home, 1), 0);
    assert_int_equal(setenv("SPLITUP_HOME", n->home, 1), 0);
    ok(su_ledger_open(&lo, &n->ledger, &e), &e);
    su_params_private(&params, lo.ms_per_slot);
    params.cooldown_slots = NETWORK_COOLDOWN;
    ok(su_ledger_setup(n->ledger, &params, &e), &e);
    ok(su_ledger_rpc_start(n->ledger, &ro, &n->rpc, &e), &e);
    (void)snprintf(n->url, sizeof n->url, "http://127.0.0.1:%u", su_ledger_rpc_port(n->rpc));
    n->ops = network_ops(n, NULL);
    fund(n);
    *state = n;
    return 0;
}

void network_cool(const struct network *n)
{
    struct su_ledger_now begun, now;

    su_ledger_now(n->ledger, &begun);
    do {
        (void)usleep(20000);
        su_ledger_now(n->ledger, &now);
    } while (now.slot <= begun.slot + NETWORK_COOLDOWN);
}

int network_teardown(void **state)
{
    static const char *const names[] = {"wallet.json", "node.json", "other.json"};
    struct network *n = *state;

    su_ops_close(n->ops);
    su_ledger_rpc_stop(n->rpc);
    su_ledger_close(n->ledger);
    for (size_t i = 0; i < SU_ARRAY_LEN(names); i++)
        (void)unlink(network_path(n, names[i]));
    int rc = rmdir(n->home);
    free(n);
    return rc;
}

const char *line_of(const struct su_ops_proposal *p, const char *label)
{
    for (size_t i = 0; i < p->n_line; i++)
        if (strcmp(p->line[i].label, label) == 0)
            return p->line[i].text;
    fail_msg("no line \"%s\"", label);
    return NULL;
}

struct su_ops_receipt commit(struct su_ops *o, struct su_ops_proposal *p)
{
    struct su_ops_receipt r;
    struct su_err e = {0};

    ok(su_ops_commit(o, p, NULL, NULL, &r, &e), &e);
    assert_int_equal(r.landed, p->n_tx);
    assert_int_equal(r.fee_lamports, p->fee_lamports);
    su_ops_proposal_fini(p);
    return r;
}
