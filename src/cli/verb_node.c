// SPDX-License-Identifier: MIT
/* splitup-node: this machine as a node. */
#include "node_verbs.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- the device ------------------------------------------------------------------------------ */

/* The device must compute the right bits before anybody may stake on it. */
static enum su_code conform(const struct cli *c, struct su_exec *x, uint8_t root[32],
                            struct su_err *e)
{
    char home[4000];
    enum su_code rc = su_home_dir(home, sizeof home, e);

    if (!rc)
        rc = su_node_conform(x, home, cli_has(c, "--conformance"), cli_node_probe,
                             (void *)(uintptr_t)c, root, e);
    cli_progress_clear(c);
    return rc;
}

/* Memory offered: --vram, else the device's. */
static enum su_code memory_of(const struct cli *c, struct su_exec *x, uint64_t *bytes,
                              struct su_err *e)
{
    struct su_device *list = NULL;
    size_t n = 0;

    *bytes = 0;
    if (cli_get(c, "--vram"))
        return su_parse_size(cli_get(c, "--vram"), "--vram", bytes, e);
    if (su_devices_list(&list, &n, NULL) == SU_OK)
        for (size_t i = 0; i < n; i++)
            if (list[i].usable && strcmp(list[i].name, su_exec_device_name(x)) == 0)
                *bytes = list[i].vram_bytes;
    free(list);
    if (*bytes == 0)
        return su_fail(e, SU_EUSAGE, "--vram",
                       "is needed: %s has no memory of its own; give what may be used, e.g. 4GB",
                       su_exec_device_name(x));
    return SU_OK;
}

/* ---- declare, undeclare ---------------------------------------------------------------------- */

static enum su_code declare(const struct cli *c, struct su_ops *o, const char *model, bool add,
                            struct su_err *e)
{
    const struct su_ops_declare f = {.model = model, .tasks = cli_get(c, "--tasks")};
    struct su_ops_proposal p = {.n_tx = 0};
    enum su_code rc = su_ops_declare_check(&f, e);

    if (!rc)
        rc = cli_may_sign(c, e);
    if (!rc)
        rc = add ? su_ops_declare_prepare(o, &f, &p, e) : su_ops_undeclare_prepare(o, &f, &p, e);
    if (!rc)
        rc = cli_propose(c, o, &p, e);
    su_ops_proposal_fini(&p);
    return rc;
}

static enum su_code node_declare(const struct cli *c, struct su_ops *o, struct su_err *e)
{
    return declare(c, o, c->arg[1], true, e);
}

static enum su_code node_undeclare(const struct cli *c, struct su_ops *o, struct su_err *e)
{
    return declare(c, o, c->arg[1], false, e);
}

/* ---- register -------------------------------------------------------------------------------- */

enum su_code cli_node_examine(const struct cli *c, struct su_ops_node *f, struct su_err *e)
{
    struct su_exec *x = NULL;
    enum su_code rc = cli_exec_open(c, &x, e);

    if (rc)
        return rc;
    rc = memory_of(c, x, &f->vram_bytes, e);
    f->numerics_version = su_node_numerics_version();
    if (!rc)
        rc = conform(c, x, f->conformance_root, e);
    enum su_code closed = su_exec_close(x, rc ? NULL : e);
    return rc ? rc : closed;
}

/* Tasks of --model-id follow in a proposal of their own: they need the entry, and stake. */
static enum su_code node_register(const struct cli *c, struct su_ops *o, struct su_err *e)
{
    struct su_ops_node f = {.endpoint = cli_get(c, "--endpoint"), .vram_bytes = 1};
    const struct su_ops_declare d = {.model = cli_get(c, "--model-id"),
                                     .tasks = cli_get(c, "--tasks")};
    struct su_ops_proposal p = {.n_tx = 0};
    enum su_code rc = su_ops_node_check(&f, e);

    if (!rc && !d.model && d.tasks)
        rc = su_fail(e, SU_EUSAGE, "--tasks", "is of a model: give --model-id, too");
    if (!rc && d.model)
        rc = su_ops_declare_check(&d, e);
    if (!rc)
        rc = cli_may_sign(c, e);
    if (!rc)
        rc = cli_node_examine(c, &f, e);
    if (!rc)
        rc = su_ops_node_prepare(o, &f, &p, e);
    if (!rc)
        rc = d.model ? cli_agree(c, o, &p, e) : cli_propose(c, o, &p, e);
    su_ops_proposal_fini(&p);
    if (!rc && d.model && !cli_has(c, "--dry-run"))
        rc = declare(c, o, d.model, true, e);
    return rc;
}

/* ---- info ------------------------------------------------------------------------------------ */

void cli_node_put_entry(struct su_json_writer *w, const struct su_acc_node *n)
{
    char key[SU_CHAIN_TEXT], endpoint[SU_ENDPOINT_MAX + 1];

    su_str_sanitize(endpoint, sizeof endpoint, (const char *)n->endpoint, n->endpoint_len);
    su_json_put_str(w, "node", su_chain_key_text(n->identity, key));
    su_json_put_str(w, "owner", su_chain_key_text(n->owner, key));
    su_json_put_str(w, "endpoint", endpoint);
    su_json_put_u64(w, "vram_bytes", n->vram_bytes);
    su_json_put_u64(w, "numerics_version", n->numerics_version);
    su_json_put_hex(w, "conformance_root", n->conformance_root, 32);
    cli_put_amount(w, "stake_free", n->stake_free, SU_OPS_USDC);
    cli_put_amount(w, "stake_reserved", n->stake_reserved, SU_OPS_USDC);
    cli_put_amount(w, "earned", n->earned, SU_OPS_USDC);
    su_json_put_u64(w, "completed", n->completed);
    su_json_put_u64(w, "verified", n->verified);
    su_json_put_u64(w, "failed", n->failed);
    su_json_put_u64(w, "slashed", n->slashed);
    su_json_put_u64(w, "checks", n->checks);
    su_json_put_array(w, "declared");
    for (size_t i = 0; i < n->declared_count; i++)
        su_json_put_str(w, NULL, su_chain_key_text(n->declared[i], key));
    su_json_end_array(w);
}

void cli_node_print_entry(const struct su_acc_node *n)
{
    char text[SU_OPS_AMOUNT_TEXT], key[SU_CHAIN_TEXT], endpoint[SU_ENDPOINT_MAX + 1];

    su_str_sanitize(endpoint, sizeof endpoint, (const char *)n->endpoint, n->endpoint_len);

    printf("node       %s\n", su_chain_key_text(n->identity, key));
    printf("owner      %s\n", su_chain_key_text(n->owner, key));
    printf("endpoint   %s\n", *endpoint ? endpoint : "none");
    printf("memory     %s\n", su_format_size(n->vram_bytes, text, sizeof text));
    printf("stake      %s free", su_ops_amount_text(n->stake_free, SU_OPS_USDC, text));
    printf(", %s reserved\n", su_ops_amount_text(n->stake_reserved, SU_OPS_USDC, text));
    printf("earned     %s\n", su_ops_amount_text(n->earned, SU_OPS_USDC, text));
    printf("work       %u completed, %u verified, %u failed, %u slashed, %u checks\n", n->completed,
           n->verified, n->failed, n->slashed, n->checks);
    for (size_t i = 0; i < n->declared_count; i++)
        printf("task       %s\n", su_chain_key_text(n->declared[i], key));
}

static enum su_code info_json(const struct su_acc_node *n, struct su_err *e)
{
    struct su_json_writer w;
    struct su_buf b;

    su_buf_init(&b, 0);
    su_json_writer_init(&w, &b, 0);
    su_json_put_object(&w, NULL);
    cli_node_put_entry(&w, n);
    su_json_end_object(&w);
    return cli_print_json(&b, e);
}

static enum su_code node_info(const struct cli *c, struct su_ops *o, struct su_err *e)
{
    const struct su_ops_stake f = {.node = c->n_arg > 1 ? c->arg[1] : NULL};
    struct su_chain_accounts list = {0};
    const struct su_acc_node *n;
    const struct su_chain_env *env;
    const struct su_params *params;
    char key[SU_CHAIN_TEXT];
    uint8_t identity[32];
    enum su_code rc = su_ops_stake_node(o, &f, identity, e);

    if (!rc)
        rc = su_ops_env(o, &env, &params, e);
    if (rc)
        return rc;
    rc = su_chain_node_of(su_ops_chain(o), env, identity, &list, &n, e);
    if (rc == SU_ENOENT)
        rc = su_fail(e, rc, su_chain_key_text(identity, key),
                     "no node is registered under this identity; its machine runs "
                     "`splitup-node register` first");
    if (!rc) {
        if (cli_has(c, "--json"))
            rc = info_json(n, e);
        else
            cli_node_print_entry(n);
    }
    su_chain_accounts_fini(&list);
    return rc;
}

/* ---- withdraw -------------------------------------------------------------------------------- */

static enum su_code node_withdraw(const struct cli *c, struct su_ops *o, struct su_err *e)
{
    struct su_ops_proposal p = {.n_tx = 0};
    enum su_code rc = cli_may_sign(c, e);

    if (!rc)
        rc = su_ops_withdraw_prepare(o, &p, e);
    if (!rc)
        rc = cli_propose(c, o, &p, e);
    su_ops_proposal_fini(&p);
    return rc;
}

static enum su_code run(struct cli *c, struct su_err *e)
{
    static const struct {
        const char *word;
        enum su_code (*act)(const struct cli *, struct su_ops *, struct su_err *);
        unsigned least, most; /* words after it */
        bool tasks; /* takes --tasks */
    } sub[] = {{"init", cli_node_init, 0, 0, false},     {"register", node_register, 0, 0, true},
               {"start", cli_node_start, 0, 0, false},   {"status", cli_node_status, 0, 0, false},
               {"drain", cli_node_drain, 0, 0, false},   {"withdraw", node_withdraw, 0, 0, false},
               {"info", node_info, 0, 1, false},         {"declare", node_declare, 1, 1, true},
               {"undeclare", node_undeclare, 1, 1, true}};
    const char *words[SU_ARRAY_LEN(sub)];
    struct su_ops *o = NULL;
    size_t i;

    for (i = 0; i < SU_ARRAY_LEN(sub); i++)
        words[i] = sub[i].word;
    enum su_code rc = cli_subcommand(c, words, SU_ARRAY_LEN(words), &i, e);
    if (!rc)
        rc = cli_words(c, sub[i].least, sub[i].most, e);
    if (!rc && cli_has(c, "--tasks") && !sub[i].tasks)
        rc = su_fail(e, SU_EUSAGE, "--tasks", "is for register, declare and undeclare");
    if (!rc && cli_get(c, "--home") && setenv("SPLITUP_HOME", cli_get(c, "--home"), 1) != 0)
        rc = su_fail(e, SU_ENOMEM, "--home", "cannot be set");
    if (!rc)
        rc = cli_ops_open(c, &o, e);
    if (!rc)
        rc = sub[i].act(c, o, e);
    su_ops_close(o);
    return rc;
}

const struct cli_verb cli_verb_node = {
    .name = "node",
    .args =
        "init|register|start|status|drain|withdraw|info [IDENTITY]|declare MODEL|undeclare MODEL",
    .summary = "Run this machine as a node; its entry, its tasks, its money",
    .detail =
        "Also called as splitup-node. init makes the node's own key, node.json in $SPLITUP_HOME. "
        "register runs the conformance suite on the device, refuses one that fails, and writes the "
        "node's entry on chain, owned by the wallet; with --model-id it declares tasks of that "
        "model, too. Run again, it brings the entry up to date. start works: it loads the "
        "weights of the declared tasks, tells the oracles, runs what it is assigned, checks what "
        "it is drawn to check, and can be killed and started again at any time. Its first line "
        "names its URL; SIGTERM ends it within two seconds. status tells what it does, drain lets "
        "it finish what it runs and end, withdraw takes back every task and unlocks the stake; "
        "run again, it takes out what is due. info shows an entry. declare offers tasks of the "
        "model at that address, once enough is staked; undeclare takes them back.",
    .min_arg = 1,
    .max_arg = 2,
    .option = {{"--vram", "SIZE",
                "register: memory offered (default: all of the device's); start: most to use "
                "(default: what is offered)"},
               {"--endpoint", "HOST:PORT", "register: where others reach this node"},
               {"--backend", "vulkan|cpu|reference", "register, start (default: a GPU, else cpu)"},
               {"--device", "N", "register, start: number or part of the name of a Vulkan device"},
               {"--threads", "N", "register, start: threads of the cpu backend (default: all)"},
               {"--conformance", NULL,
                "register, start: run the suite though this device passed it before"},
               {"--model-id", "MODEL", "register: address of a model whose tasks to declare"},
               {"--tasks", "LIST", "register, declare, undeclare: such as 0,2-5 (default: all)"},
               {"--bind", "IP", "start: numeric address to listen on (default 127.0.0.1)"},
               {"--port", "PORT", "start: port to listen on (default: that of the endpoint)"},
               {"--peer", "URLS", "start: stores to ask for weights first, with commas"},
               {"--home", "DIR", "in place of $SPLITUP_HOME"},
               CLI_OPTION_URL,
               CLI_OPTION_KEYPAIR,
               CLI_OPTION_PASSPHRASE,
               CLI_OPTION_YES,
               CLI_OPTION_DRY_RUN,
               CLI_OPTION_JSON},
    .run = run,
};
