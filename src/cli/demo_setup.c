// SPDX-License-Identifier: MIT
/* A network from nothing: ledger, money, oracles, nodes, stakes, a model; what can go at the same time
   does. */
#include "demo.h"

#include "node/node.h"
#include "peer/peer.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    SLOT_MS = 50,
    READY_MS = 60000, /* until everybody must be there */
    NAP_MS = 20,
    THREADS = 8,
    STEPS_MAX = DEMO_NODES_MAX + SU_ORACLES_MAX + 4,
    DECLARE_AT_ONCE = 4, /* tasks in a transaction */
    ARGS_MAX = 32,
};
#define STAKE (10000ull * SU_USDC)
#define POOL (100ull * SU_USDC)

void demo_say(const struct demo *d, const char *fmt, ...)
{
    va_list args;

    if (d->json)
        return;
    printf("%6.1f s  ", (double)(su_clock_mono_ns() - d->started_ns) * 1e-9);
    va_start(args, fmt);
    (void)vprintf(fmt, args);
    va_end(args);
    printf("\n");
    (void)fflush(stdout);
}

enum su_code demo_alive(struct demo *d, struct su_err *e)
{
    if (cli_interrupted())
        return su_fail(e, SU_ECANCELLED, "demo", "stopped");
    return su_super_check(d->super, e);
}

static void nap(unsigned ms)
{
    (void)usleep(ms * 1000);
}

/* ---- children ------------------------------------------------------------------------------------ */

/* Starts this program with these words (NULL at the end), at home in the folder called name. */
static enum su_code spawn(struct demo *d, const char *name, const char *folder,
                          const char *const *words, int stage, unsigned *id, struct su_err *e)
{
    const char *argv[ARGS_MAX] = {d->self}, *env[5];
    char home[DEMO_PATH_MAX], log[DEMO_PATH_MAX], set_home[DEMO_PATH_MAX + 16],
        set_user[DEMO_PATH_MAX + 16], file[64];
    size_t n = 1;

    while (words[n - 1]) {
        SU_ASSERT(n + 1 < ARGS_MAX);
        argv[n] = words[n - 1];
        n++;
    }
    (void)snprintf(file, sizeof file, "%s.log", name);
    (void)demo_path(d, "log", file, log);
    (void)snprintf(set_home, sizeof set_home, "SPLITUP_HOME=%s", demo_path(d, folder, NULL, home));
    (void)snprintf(set_user, sizeof set_user, "HOME=%s", home);
    env[0] = set_home;
    env[1] = set_user; /* nobody's config.yml */
    env[2] = "XDG_CONFIG_HOME=";
    env[3] = NULL;
    const struct su_super_spec spec = {
        .name = name, .argv = argv, .env = env, .dir = home, .log_path = log, .stage = stage};
    return su_super_spawn(d->super, &spec, id, e);
}

static enum su_code start_devnet(struct demo *d, struct su_err *e)
{
    char dir[DEMO_PATH_MAX], slot[16], line[SU_SUPER_LINE_MAX];
    const char *text;
    const char *const words[] = {"devnet",    "--port", "0",      "--ledger", dir,
                                 "--slot-ms", slot,     "--json", NULL};
    struct su_json *doc = NULL;

    (void)demo_path(d, "devnet", NULL, dir);
    (void)snprintf(slot, sizeof slot, "%d", SLOT_MS);
    enum su_code rc = spawn(d, "devnet", "devnet", words, 0, &d->devnet_child, e);
    if (!rc)
        rc = su_super_ready(d->super, d->devnet_child, READY_MS, line, sizeof line, e);
    if (!rc)
        rc = su_json_parse(line, strlen(line), "devnet", NULL, &doc, e);
    if (!rc)
        rc = su_json_get_str(su_json_root(doc), "url", &text, e);
    if (!rc)
        (void)su_str_copy(d->url, sizeof d->url, text);
    su_json_free(doc);
    return rc;
}

static bool on_cancelled(void *ctx)
{
    (void)ctx;
    return cli_interrupted();
}

static enum su_code connect_chain(struct demo *d, struct su_err *e)
{
    const char *urls[] = {d->url};
    const struct su_chain_opts o = {.urls = urls, .n_urls = 1, .cancelled = on_cancelled};
    struct su_chain_accounts list = {0};
    const struct su_acc_config *config;
    enum su_code rc = su_chain_open(&o, &d->chain, e);

    if (!rc)
        rc = su_chain_env_get(d->chain, &d->env, e);
    if (!rc)
        rc = su_chain_config_now(d->chain, &d->env, &list, &config, e);
    if (!rc)
        d->params = config->params;
    su_chain_accounts_fini(&list);
    return rc;
}

/* ---- steps that go at the same time -------------------------------------------------------------- */

struct step {
    enum su_code (*fn)(struct demo *d, unsigned i, struct su_err *e);
    struct demo *d;
    unsigned i;
    enum su_code rc;
    struct su_err err;
};

static void do_step(void *ctx, size_t i)
{
    struct step *s = (struct step *)ctx + i;

    s->rc = s->fn(s->d, s->i, &s->err);
}

static enum su_code do_steps(struct demo *d, struct step *s, size_t n, struct su_err *e)
{
    su_jobs_run(d->jobs, n, do_step, s);
    for (size_t i = 0; i < n; i++)
        if (s[i].rc) {
            *e = s[i].err;
            return s[i].rc;
        }
    return SU_OK;
}

static size_t add_steps(struct demo *d, struct step *s, size_t at, unsigned n,
                        enum su_code (*fn)(struct demo *, unsigned, struct su_err *))
{
    for (unsigned i = 0; i < n; i++)
        s[at + i] = (struct step){.fn = fn, .d = d, .i = i};
    return at + n;
}

/* Sends a batch and frees it. The first signer pays. */
static enum su_code send(struct demo *d, struct su_chain_batch *b, const struct demo_key *const *by,
                         size_t n, struct su_err *e)
{
    const struct su_chain_send_opts opts = {.poll_ms = NAP_MS};
    const struct su_signer *signers[4];
    struct su_chain_result result = {.sent = false};
    enum su_code rc = su_chain_batch_check(b, e);

    for (size_t i = 0; i < n; i++)
        signers[i] = &by[i]->signer;
    if (!rc)
        rc = su_chain_send(d->chain, by[0]->key, b->instrs, b->n, signers, n, &opts, &result, e);
    su_chain_result_fini(&result);
    su_chain_batch_fini(b);
    return rc;
}

/* ---- money --------------------------------------------------------------------------------------- */

struct gift {
    const uint8_t *key;
    uint64_t usdc;
};

static size_t gifts(struct demo *d, struct gift *g)
{
    size_t n = 0;

    g[n++] = (struct gift){d->requestor.key, 100 * SU_USDC + d->executions * (uint64_t)SU_USDC};
    g[n++] = (struct gift){d->deployer.key, POOL};
    g[n++] = (struct gift){d->admin.key, 0};
    for (unsigned i = 0; i < DEMO_OWNERS; i++)
        g[n++] = (struct gift){d->owner[i].key,
                               STAKE * ((d->n_node + DEMO_OWNERS - 1 - i) / DEMO_OWNERS)};
    for (unsigned i = 0; i < d->n_oracle; i++)
        g[n++] = (struct gift){d->oracle[i].key.key, d->params.oracle_bond};
    for (unsigned i = 0; i < d->n_node; i++)
        g[n++] = (struct gift){d->node[i].identity.key, 0};
    return n;
}

/* Waits until all are known to the chain. */
static enum su_code wait_for(struct demo *d, const uint8_t (*sig)[64], size_t n, struct su_err *e)
{
    struct su_chain_status *s = su_alloc(n * sizeof *s);
    uint64_t until = su_clock_mono_ns() + (uint64_t)READY_MS * 1000000u;
    size_t known = 0;
    enum su_code rc = SU_OK;

    while (!rc && known < n) {
        nap(NAP_MS);
        rc = su_chain_statuses(d->chain, sig, n, false, s, e);
        known = 0;
        for (size_t i = 0; i < n; i++)
            known += s[i].known;
        if (!rc && su_clock_mono_ns() > until)
            rc = su_fail(e, SU_ETIMEOUT, "airdrop", "has not landed after %d s", READY_MS / 1000);
    }
    free(s);
    return rc;
}

static enum su_code fund(struct demo *d, struct su_err *e)
{
    struct gift g[8 + DEMO_OWNERS + SU_ORACLES_MAX + DEMO_NODES_MAX];
    uint8_t sig[2 * SU_ARRAY_LEN(g)][64];
    size_t n = gifts(d, g), sent = 0;
    enum su_code rc = SU_OK;

    for (size_t i = 0; i < n && !rc; i++) {
        rc = su_chain_airdrop(d->chain, g[i].key, 1000ull * SU_CHAIN_LAMPORTS_PER_SOL, sig[sent++],
                              e);
        if (!rc && g[i].usdc > 0)
            rc = su_chain_airdrop_usdc(d->chain, g[i].key, g[i].usdc, sig[sent++], e);
    }
    return rc ? rc : wait_for(d, (const uint8_t(*)[64])sig, sent, e);
}

/* ---- members, stakes, the model ------------------------------------------------------------------ */

static enum su_code register_oracle(struct demo *d, unsigned i, struct su_err *e)
{
    struct demo_oracle *o = &d->oracle[i];
    const struct demo_key *by[] = {&o->key};
    struct su_chain_batch b;

    su_chain_batch_init(&b, &d->env, o->key.key);
    su_chain_make_oracle_register(&b, o->key.key, o->key.key, o->vrf_key, o->endpoint);
    su_chain_make_oracle_bond(&b, o->key.key, o->key.key, d->params.oracle_bond);
    return send(d, &b, by, 1, e);
}

static enum su_code appoint(struct demo *d, struct su_err *e)
{
    uint8_t members[SU_ORACLES_MAX][32];
    const struct demo_key *by[] = {&d->admin};
    const struct su_chain_oracle_set set = {
        .members = (const uint8_t(*)[32])members, .n_members = d->n_oracle, .latest = d->env.epoch};
    struct su_chain_batch b;

    for (unsigned i = 0; i < d->n_oracle; i++)
        memcpy(members[i], d->oracle[i].key.key, 32);
    su_chain_batch_init(&b, &d->env, d->admin.key);
    su_chain_make_config_next(&b, d->admin.key, &set, &d->params);
    enum su_code rc = send(d, &b, by, 1, e);
    return rc ? rc : su_chain_env_get(d->chain, &d->env, e);
}

static enum su_code register_node(struct demo *d, unsigned i, struct su_err *e)
{
    struct demo_node *n = &d->node[i];
    const struct demo_key *owner = &d->owner[n->owner], *by[] = {owner, &n->identity};
    struct su_chain_node_args a = {.vram_bytes = d->vram_bytes,
                                   .numerics_version = su_node_numerics_version(),
                                   .endpoint = n->endpoint};
    struct su_chain_batch b;

    su_conformance_root(a.conformance_root); /* each node proves it of its device when it starts */
    su_chain_batch_init(&b, &d->env, owner->key);
    su_chain_make_node_register(&b, n->identity.key, owner->key, &a);
    su_chain_make_stake_deposit(&b, owner->key, n->identity.key, STAKE);
    return send(d, &b, by, 2, e);
}

static enum su_code declare(struct demo *d, unsigned i, struct su_err *e)
{
    const struct demo_node *n = &d->node[i];
    const struct demo_key *owner = &d->owner[n->owner], *by[] = {owner, &n->identity};
    enum su_code rc = SU_OK;

    for (uint16_t t = 0; t < d->chain_model.model->task_count && !rc;) {
        struct su_chain_batch b;
        su_chain_batch_init(&b, &d->env, owner->key);
        for (unsigned k = 0; k < DECLARE_AT_ONCE && t < d->chain_model.model->task_count; k++)
            su_chain_make_node_declare(&b, n->identity.key, owner->key, d->model, t++);
        rc = send(d, &b, by, 2, e);
    }
    return rc;
}

static enum su_code fill_pool(struct demo *d, unsigned i, struct su_err *e)
{
    const struct demo_key *by[] = {&d->deployer};
    struct su_chain_batch b;

    (void)i;
    su_chain_batch_init(&b, &d->env, d->deployer.key);
    su_chain_make_pool_deposit(&b, d->deployer.key, POOL);
    return send(d, &b, by, 1, e);
}

/* The command that everybody uses, whose JSON tells the model's address. */
static enum su_code deploy(struct demo *d, unsigned i, struct su_err *e)
{
    char wallet[DEMO_PATH_MAX], home[DEMO_PATH_MAX], set_home[DEMO_PATH_MAX + 16],
        set_user[DEMO_PATH_MAX + 16], ctx[16], sessions[16], sampling[16];
    const char *const argv[] = {d->self,
                                "deploy",
                                "register",
                                d->model_path,
                                "--name",
                                d->model_name,
                                "--serve-url",
                                d->store,
                                "--url",
                                d->url,
                                "--keypair",
                                wallet,
                                "--yes",
                                "--json",
                                "--target-vram",
                                d->target,
                                "--sampling",
                                sampling,
                                d->text ? "--ctx" : NULL,
                                ctx,
                                "--sessions",
                                sessions,
                                NULL};
    const char *const env[] = {set_home, set_user, "XDG_CONFIG_HOME=", NULL};
    const struct su_super_spec spec = {.name = "deploy", .argv = argv, .env = env, .errand = true};
    char line[SU_SUPER_LINE_MAX];
    struct su_json *doc = NULL;
    const struct su_json_value *preview;
    const char *text;
    unsigned id;

    (void)i;
    (void)snprintf(ctx, sizeof ctx, "%u", d->ctx);
    (void)snprintf(sessions, sizeof sessions, "%u", d->sessions);
    (void)snprintf(sampling, sizeof sampling, "%u", SU_MAX(d->checked, 1u));
    (void)demo_path(d, "deployer", "wallet.json", wallet);
    (void)snprintf(set_home, sizeof set_home, "SPLITUP_HOME=%s",
                   demo_path(d, "deployer", NULL, home));
    (void)snprintf(set_user, sizeof set_user, "HOME=%s", home);
    enum su_code rc = su_super_spawn(d->super, &spec, &id, e);
    if (!rc)
        rc = su_super_ready(d->super, id, READY_MS, line, sizeof line, e);
    if (!rc)
        rc = su_json_parse(line, strlen(line), "deploy", NULL, &doc, e);
    if (!rc)
        rc = su_json_get_object(su_json_root(doc), "preview", &preview, e);
    if (!rc)
        rc = su_json_get_str(preview, "address", &text, e);
    if (!rc)
        rc = su_chain_key_parse(text, "deploy", d->model, e);
    su_json_free(doc);
    return rc;
}

/* ---- processes that stay ------------------------------------------------------------------------- */

static enum su_code hold_ports(struct demo *d, struct su_err *e)
{
    uint16_t port = 0;
    enum su_code rc = su_super_port(d->super, &port, e);

    (void)snprintf(d->store, sizeof d->store, "http://127.0.0.1:%u", port);
    for (unsigned i = 0; i < d->n_oracle && !rc; i++) {
        struct demo_oracle *o = &d->oracle[i];
        rc = su_super_port(d->super, &o->port, e);
        (void)snprintf(o->endpoint, sizeof o->endpoint, "127.0.0.1:%u", o->port);
    }
    for (unsigned i = 0; i < d->n_node && !rc; i++) {
        struct demo_node *n = &d->node[i];
        rc = su_super_port(d->super, &n->port, e);
        (void)snprintf(n->endpoint, sizeof n->endpoint, "127.0.0.1:%u", n->port);
    }
    return rc;
}

static enum su_code start_store(struct demo *d, struct su_err *e)
{
    const char *const words[] = {"store",  "serve", "--port", strrchr(d->store, ':') + 1,
                                 "--json", NULL};

    return spawn(d, "store", "deployer", words, 1, &d->store_child, e);
}

static enum su_code start_oracles(struct demo *d, struct su_err *e)
{
    enum su_code rc = SU_OK;

    for (unsigned i = 0; i < d->n_oracle && !rc; i++) {
        struct demo_oracle *o = &d->oracle[i];
        const char *const words[] = {"oracle", "start", "--url", d->url, "--json", NULL};
        rc = spawn(d, o->name, o->name, words, 1, &o->child, e);
    }
    return rc;
}

static enum su_code start_nodes(struct demo *d, struct su_err *e)
{
    enum su_code rc = SU_OK;

    for (unsigned i = 0; i < d->n_node && !rc; i++) {
        struct demo_node *n = &d->node[i];
        const char *const words[] = {"node",     "start",  "--url",  d->url,   "--backend",
                                     n->backend, "--peer", d->store, "--json", NULL};
        rc = spawn(d, n->name, n->name, words, 2, &n->child, e);
    }
    return rc;
}

/* The first node computes on a Vulkan device where there is one, so that checks cross backends. */
static void choose_backends(struct demo *d)
{
    const char *given = cli_get(d->c, "--backend");
    struct su_device *list = NULL;
    size_t n = 0;
    bool vulkan = false;

    if (su_devices_list(&list, &n, NULL) == SU_OK)
        for (size_t i = 0; i < n; i++)
            vulkan = vulkan || list[i].usable;
    free(list);
    for (unsigned i = 0; i < d->n_node; i++)
        (void)su_str_copy(d->node[i].backend, sizeof d->node[i].backend,
                          given              ? given
                          : i == 0 && vulkan ? "vulkan"
                                             : "cpu");
}

/* How many nodes an oracle has heard to be ready with every task: what is loading goes to nobody. */
static unsigned ready_at(const struct demo *d, const struct demo_oracle *o)
{
    const struct su_peer_call call = {.deadline_ms = 2000};
    struct su_json *doc = cli_peer_status(o->endpoint, &call);
    const struct su_json_value *list;
    const char *status;
    uint64_t tasks;
    unsigned n = 0;

    if (doc && su_json_get_array(su_json_root(doc), "nodes", &list, NULL) == SU_OK)
        for (const struct su_json_value *i = su_json_first(list); i; i = su_json_next(i))
            n += su_json_get_str(i, "status", &status, NULL) == SU_OK &&
                 strcmp(status, "ready") == 0 &&
                 su_json_get_u64(i, "tasks", &tasks, NULL) == SU_OK &&
                 tasks >= d->chain_model.model->task_count;
    su_json_free(doc);
    return n;
}

static bool node_is_ready(const struct demo_node *n)
{
    const struct su_peer_call call = {.deadline_ms = 2000};
    struct su_json *doc = cli_peer_status(n->endpoint, &call);
    const char *state;
    bool ready = doc && su_json_get_str(su_json_root(doc), "state", &state, NULL) == SU_OK &&
                 strcmp(state, "ready") == 0;

    su_json_free(doc);
    return ready;
}

/* Until every node has loaded its tasks and every oracle has heard so. */
static enum su_code wait_ready(struct demo *d, struct su_err *e)
{
    uint64_t until = su_clock_mono_ns() + (uint64_t)READY_MS * 1000000u;
    unsigned nodes = 0, oracles = 0;
    enum su_code rc = SU_OK;

    while (!rc && (nodes < d->n_node || oracles < d->n_oracle)) {
        if (nodes < d->n_node && node_is_ready(&d->node[nodes]))
            nodes++;
        else if (nodes == d->n_node && ready_at(d, &d->oracle[oracles]) == d->n_node)
            oracles++;
        else
            nap(5 * NAP_MS);
        rc = demo_alive(d, e);
        if (!rc && su_clock_mono_ns() > until)
            rc = su_fail(e, SU_ETIMEOUT, "demo",
                         "%u of %u nodes are ready, %u of %u oracles have heard so after %d s",
                         nodes, d->n_node, oracles, d->n_oracle, READY_MS / 1000);
    }
    return rc;
}

/* ---- the whole ----------------------------------------------------------------------------------- */

static enum su_code open_ops(struct demo *d, struct su_err *e)
{
    char wallet[DEMO_PATH_MAX], home[DEMO_PATH_MAX];
    const struct su_ops_options o = {
        .url = d->url, .keypair = wallet, .cancelled = on_cancelled, .ctx = d};

    (void)demo_path(d, "requestor", "wallet.json", wallet);
    (void)setenv("SPLITUP_HOME", demo_path(d, "requestor", NULL, home), 1);
    return su_ops_open(&o, &d->ops, e);
}

static enum su_code populate(struct demo *d, struct su_err *e)
{
    struct step *s = su_alloc(STEPS_MAX * sizeof *s);
    size_t n = add_steps(d, s, 0, 1, deploy);

    n = add_steps(d, s, n, d->n_oracle, register_oracle);
    n = add_steps(d, s, n, d->n_node, register_node);
    n = add_steps(d, s, n, 1, fill_pool);
    enum su_code rc = do_steps(d, s, n, e);
    if (!rc)
        rc = appoint(d, e);
    if (!rc)
        rc = start_oracles(d, e);
    if (!rc)
        rc = su_chain_model_load(d->chain, &d->env, d->model, &d->chain_model, e);
    if (!rc)
        demo_say(d, "model    %s in %u tasks, oracles appointed, stakes deposited", d->model_name,
                 d->chain_model.model->task_count);
    if (!rc)
        rc = do_steps(d, s, add_steps(d, s, 0, d->n_node, declare), e);
    free(s);
    return rc;
}

enum su_code demo_setup(struct demo *d, struct su_err *e)
{
    const struct su_super_options so = {.name = "splitup-demo",
                                        .keep_home = cli_has(d->c, "--keep")};
    ssize_t n = readlink("/proc/self/exe", d->self, sizeof d->self - 1);
    enum su_code rc = n > 0 ? su_super_open(&so, &d->super, e)
                            : su_fail(e, SU_EIO, "/proc/self/exe", "cannot be read");

    if (rc)
        return rc;
    if (!su_str_copy(d->home, sizeof d->home, su_super_home(d->super)))
        return su_fail(e, SU_ELIMIT, su_super_home(d->super),
                       "is longer than %d bytes; set TMPDIR to a shorter one", DEMO_HOME_MAX - 1);
    d->jobs = su_jobs_new(THREADS);
    choose_backends(d);
    rc = start_devnet(d, e);
    if (!rc)
        rc = hold_ports(d, e);
    if (!rc)
        rc = demo_keys(d, e);
    if (!rc)
        rc = demo_admin(d, e);
    if (!rc)
        rc = connect_chain(d, e);
    if (!rc)
        rc = start_store(d, e);
    if (!rc)
        demo_say(d, "ledger   %s, a slot each %d ms; home %s", d->url, SLOT_MS, d->home);
    if (!rc)
        rc = fund(d, e);
    if (!rc)
        rc = populate(d, e);
    if (!rc)
        rc = start_nodes(d, e);
    if (!rc)
        rc = wait_ready(d, e);
    if (!rc)
        rc = open_ops(d, e);
    d->setup_s = (double)(su_clock_mono_ns() - d->started_ns) * 1e-9;
    if (!rc)
        demo_say(d, "ready    %u oracles, %u nodes of %u owners, each offers every task",
                 d->n_oracle, d->n_node, DEMO_OWNERS);
    return rc;
}
