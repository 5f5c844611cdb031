// SPDX-License-Identifier: MIT
/* splitup-node: this machine as a node. */
#include "ops_common.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- register ------------------------------------------------------------------------------------ */

static bool on_probe(void *ctx, uint32_t done, uint32_t total)
{
    static struct su_progress p;

    if (done == 0)
        su_progress_init(&p, total, "probes", su_clock_mono_ns());
    su_progress_set(&p, done, su_clock_mono_ns());
    cli_progress(ctx, "conformance", &p, false);
    return !cli_interrupted();
}

/* The device must compute the right bits before anybody may stake on it. */
static enum su_code conform(const struct cli *c, struct su_exec *x, uint8_t root[32],
                            struct su_err *e)
{
    struct su_conformance *suite = su_alloc(sizeof *suite);
    enum su_code rc = su_conformance_run(x, on_probe, (void *)(uintptr_t)c, suite, e);

    cli_progress_clear(c);
    if (!rc && (suite->n_fail > 0 || !suite->root_known_good))
        rc = su_fail(e, SU_ECONFORM, su_exec_device_name(x),
                     "%u of %u probes fail: it computes other bits and would be slashed; `splitup "
                     "doctor` tells more, another --device or --backend may pass",
                     suite->n_fail, suite->n_probe);
    memcpy(root, suite->root, 32);
    free(suite);
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

static enum su_code numerics_version(uint32_t *version, struct su_err *e)
{
    static const char name[] = "splitup-numerics-";
    uint64_t v = 0;
    enum su_code rc =
        su_parse_u64(&SU_NUMERICS_VERSION[sizeof name - 1], "numerics", 1, UINT32_MAX, &v, e);

    *version = (uint32_t)v;
    return rc;
}

static enum su_code node_register(const struct cli *c, struct su_ops *o, struct su_err *e)
{
    struct su_ops_node f = {.endpoint = cli_get(c, "--endpoint"), .vram_bytes = 1};
    struct su_ops_proposal p = {.n_tx = 0};
    struct su_exec *x = NULL;
    enum su_code rc = su_ops_node_check(&f, e);

    if (!rc)
        rc = cli_may_sign(c, e);
    if (!rc)
        rc = cli_exec_open(c, &x, e);
    if (rc)
        return rc;
    rc = memory_of(c, x, &f.vram_bytes, e);
    if (!rc)
        rc = numerics_version(&f.numerics_version, e);
    if (!rc)
        rc = conform(c, x, f.conformance_root, e);
    enum su_code closed = su_exec_close(x, rc ? NULL : e);
    rc = rc ? rc : closed;
    if (!rc)
        rc = su_ops_node_prepare(o, &f, &p, e);
    if (!rc)
        rc = cli_propose(c, o, &p, e);
    su_ops_proposal_fini(&p);
    return rc;
}

/* ---- declare, undeclare ------------------------------------------------------------------------- */

static enum su_code declare(const struct cli *c, struct su_ops *o, bool add, struct su_err *e)
{
    const struct su_ops_declare f = {.model = c->arg[1], .tasks = cli_get(c, "--tasks")};
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
    return declare(c, o, true, e);
}

static enum su_code node_undeclare(const struct cli *c, struct su_ops *o, struct su_err *e)
{
    return declare(c, o, false, e);
}

/* ---- info --------------------------------------------------------------------------------------- */

static enum su_code info_json(const struct su_acc_node *n, const char *endpoint, struct su_err *e)
{
    char key[SU_CHAIN_TEXT];
    struct su_json_writer w;
    struct su_buf b;

    su_buf_init(&b, 0);
    su_json_writer_init(&w, &b, 0);
    su_json_put_object(&w, NULL);
    su_json_put_str(&w, "node", su_chain_key_text(n->identity, key));
    su_json_put_str(&w, "owner", su_chain_key_text(n->owner, key));
    su_json_put_str(&w, "endpoint", endpoint);
    su_json_put_u64(&w, "vram_bytes", n->vram_bytes);
    su_json_put_u64(&w, "numerics_version", n->numerics_version);
    su_json_put_hex(&w, "conformance_root", n->conformance_root, 32);
    cli_put_amount(&w, "stake_free", n->stake_free, SU_OPS_USDC);
    cli_put_amount(&w, "stake_reserved", n->stake_reserved, SU_OPS_USDC);
    cli_put_amount(&w, "earned", n->earned, SU_OPS_USDC);
    su_json_put_u64(&w, "completed", n->completed);
    su_json_put_u64(&w, "verified", n->verified);
    su_json_put_u64(&w, "failed", n->failed);
    su_json_put_u64(&w, "slashed", n->slashed);
    su_json_put_u64(&w, "checks", n->checks);
    su_json_put_array(&w, "declared");
    for (size_t i = 0; i < n->declared_count; i++)
        su_json_put_str(&w, NULL, su_chain_key_text(n->declared[i], key));
    su_json_end_array(&w);
    su_json_end_object(&w);
    return cli_print_json(&b, e);
}

static void info_text(const struct su_acc_node *n, const char *endpoint)
{
    char text[SU_OPS_AMOUNT_TEXT], key[SU_CHAIN_TEXT];

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

static enum su_code node_info(const struct cli *c, struct su_ops *o, struct su_err *e)
{
    const struct su_ops_stake f = {.node = c->n_arg > 1 ? c->arg[1] : NULL};
    struct su_chain_accounts list = {0};
    const struct su_acc_node *n;
    const struct su_chain_env *env;
    const struct su_params *params;
    char endpoint[SU_ENDPOINT_MAX + 1], key[SU_CHAIN_TEXT];
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
        su_str_sanitize(endpoint, sizeof endpoint, (const char *)n->endpoint, n->endpoint_len);
        if (cli_has(c, "--json"))
            rc = info_json(n, endpoint, e);
        else
            info_text(n, endpoint);
    }
    su_chain_accounts_fini(&list);
    return rc;
}

static enum su_code run(struct cli *c, struct su_err *e)
{
    static const char *const words[] = {"register", "info", "declare", "undeclare"};
    static enum su_code (*const act[])(const struct cli *, struct su_ops *, struct su_err *) = {
        node_register, node_info, node_declare, node_undeclare};
    static const unsigned least[] = {0, 0, 1, 1}, most[] = {0, 1, 1, 1};
    struct su_ops *o = NULL;
    size_t i;
    enum su_code rc = cli_subcommand(c, words, SU_ARRAY_LEN(words), &i, e);

    if (!rc)
        rc = cli_words(c, least[i], most[i], e);
    if (!rc && cli_has(c, "--tasks") && i < 2)
        rc = su_fail(e, SU_EUSAGE, "--tasks", "is for declare and undeclare");
    if (!rc)
        rc = cli_ops_open(c, &o, e);
    if (!rc)
        rc = act[i](c, o, e);
    su_ops_close(o);
    return rc;
}

const struct cli_verb cli_verb_node = {
    .name = "node",
    .args = "register|info [IDENTITY]|declare MODEL|undeclare MODEL",
    .summary = "Register this machine as a node, and the tasks it offers",
    .detail = "Also called as splitup-node. register runs the conformance suite on the device, "
              "refuses one that fails, and writes the node's entry on chain, owned by the wallet; "
              "its own key is node.json in $SPLITUP_HOME, made when there is none. Run again, it "
              "brings the entry up to date. info shows an entry. declare offers tasks of the "
              "model at that address, once enough is staked; undeclare takes them back.",
    .min_arg = 1,
    .max_arg = 2,
    .option = {{"--vram", "SIZE", "register: memory offered (default: all of the device's)"},
               {"--endpoint", "HOST:PORT", "register: where others reach this node"},
               {"--backend", "NAME",
                "register: vulkan, cpu or reference (default: a GPU, else cpu)"},
               {"--device", "N", "register: number or part of the name of a Vulkan device"},
               {"--threads", "N", "register: threads of the cpu backend (default: all)"},
               {"--tasks", "LIST", "declare, undeclare: such as 0,2-5 (default: all)"},
               CLI_OPTION_URL,
               CLI_OPTION_KEYPAIR,
               CLI_OPTION_PASSPHRASE,
               CLI_OPTION_YES,
               CLI_OPTION_DRY_RUN,
               CLI_OPTION_JSON},
    .run = run,
};
