// SPDX-License-Identifier: MIT
/* splitup oracle: a member of the committee. */
#include "crypto/crypto.h"
#include "ops_common.h"
#include "oracle/oracle.h"
#include "peer/peer.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { AIRDROP_SOL = 10 };

static enum su_code key_path(char out[4096], struct su_err *e)
{
    char home[4000];
    enum su_code rc = su_home_dir(home, sizeof home, e);

    return rc ? rc : su_path_join(out, 4096, home, "oracle.json", e);
}

/* ---- init -------------------------------------------------------------------------------------------- */

/* On a test network: SOL for the oracle's fees, and for the wallet what it lacks. */
static enum su_code airdrop(struct su_ops *o, const struct su_ops_oracle *f, struct su_err *e)
{
    struct su_ops_airdrop gift = {.sol = "10"};
    char bond[SU_OPS_AMOUNT_TEXT];
    const struct su_chain_env *env;
    const struct su_params *params;
    struct su_wallet *wallet, *key;
    uint64_t lamports = 0;
    enum su_code rc = su_ops_wallet(o, &wallet, e);

    if (!rc)
        rc = su_ops_identity(o, true, &key, e);
    if (!rc)
        rc = su_ops_env(o, &env, &params, e);
    if (!rc)
        rc = su_chain_balance(su_ops_chain(o), su_wallet_public_key(wallet), &lamports, e);
    if (!rc)
        rc = su_ops_airdrop(o, &gift, su_wallet_public_key(key), e);
    if (rc)
        return rc;
    gift.sol = lamports < AIRDROP_SOL * (uint64_t)SU_CHAIN_LAMPORTS_PER_SOL ? "10" : NULL;
    gift.usdc = f->bond ? f->bond : su_ops_amount_number(params->oracle_bond, SU_OPS_USDC, bond);
    return su_ops_airdrop(o, &gift, su_wallet_public_key(wallet), e);
}

static enum su_code oracle_init(const struct cli *c, struct su_err *e)
{
    struct su_ops_oracle f = {.endpoint = cli_get(c, "--endpoint"), .bond = cli_get(c, "--bond")};
    struct su_ops_proposal p = {.n_tx = 0};
    struct su_ops *o = NULL;
    char path[4096], home[4000];
    uint8_t vrf_key[32];
    enum su_code rc = su_ops_oracle_check(&f, e);

    if (!rc)
        rc = cli_may_sign(c, e);
    if (!rc)
        rc = key_path(path, e);
    if (!rc)
        rc = su_home_dir(home, sizeof home, e);
    if (!rc)
        rc = su_oracle_vrf_key(home, true, vrf_key, e);
    f.vrf_key = vrf_key;
    if (!rc)
        rc = cli_ops_open_as(c, path, &o, e);
    if (!rc && cli_has(c, "--airdrop"))
        rc = airdrop(o, &f, e);
    if (!rc)
        rc = su_ops_oracle_prepare(o, &f, &p, e);
    if (!rc)
        rc = cli_propose(c, o, &p, e);
    su_ops_proposal_fini(&p);
    su_ops_close(o);
    return rc;
}

/* ---- admit ------------------------------------------------------------------------------------------- */

static enum su_code oracle_admit(const struct cli *c, struct su_err *e)
{
    uint8_t keys[CLI_ARG_MAX][32];
    struct su_ops_admit f = {
        .keys = (const uint8_t(*)[32])keys, .n = c->n_arg - 1, .alone = cli_has(c, "--alone")};
    struct su_ops_proposal p = {.n_tx = 0};
    struct su_ops *o = NULL;
    enum su_code rc = SU_OK;

    if (!cli_get(c, "--admin"))
        return su_fail(e, SU_EUSAGE, "--admin",
                       "is needed: the administrator's key file (of a private network: admin.json "
                       "beside its ledger)");
    for (size_t i = 0; i < f.n && !rc; i++)
        rc = su_chain_key_parse(c->arg[i + 1], "KEY", keys[i], e);
    if (!rc)
        rc = cli_may_sign(c, e);
    if (!rc)
        rc = cli_ops_open_as(c, cli_get(c, "--admin"), &o, e);
    if (!rc)
        rc = su_ops_admit_prepare(o, &f, &p, e);
    if (!rc)
        rc = cli_propose(c, o, &p, e);
    su_ops_proposal_fini(&p);
    su_ops_close(o);
    return rc;
}

/* ---- start ------------------------------------------------------------------------------------------- */

/* As Ctrl-C: the second one does not wait. */
static void on_terminate(int signal_number)
{
    (void)signal_number;
    (void)raise(SIGINT);
}

static bool stop(void *ctx)
{
    (void)ctx;
    return cli_interrupted();
}

/* An oracle signs without asking anybody: its key file is not sealed. */
static enum su_code read_secret(const char *path, struct su_secret **out, struct su_err *e)
{
    enum su_wallet_kind kind;
    struct su_map m;
    enum su_code rc = su_wallet_file_kind(path, &kind, e);

    *out = NULL;
    if (rc == SU_ENOENT)
        return su_fail(e, rc, path,
                       "this machine has no oracle yet; `splitup oracle init` makes one");
    if (!rc && kind != SU_WALLET_PLAIN)
        rc = su_fail(e, SU_EUNSUPPORTED, path,
                     "is sealed; an oracle must be able to sign by itself");
    if (!rc)
        rc = su_map_open(path, SU_WALLET_FILE_MAX_BYTES, &m, e);
    if (rc)
        return rc;
    rc = su_wallet_parse(m.data, m.len, path, out, e);
    su_map_close(&m);
    return rc;
}

static enum su_code print_ready(const struct cli *c, const struct su_oracle *o, struct su_err *e)
{
    char text[SU_CHAIN_TEXT];
    struct su_json_writer w;
    struct su_buf b;

    (void)su_chain_key_text(su_oracle_key(o), text);
    if (!cli_has(c, "--json")) {
        printf("oracle %s serves at %s; Ctrl-C ends it\n", text, su_oracle_url(o));
        return cli_flush(e);
    }
    su_buf_init(&b, 0);
    su_json_writer_init(&w, &b, 0);
    su_json_put_object(&w, NULL);
    su_json_put_str(&w, "url", su_oracle_url(o));
    su_json_put_str(&w, "key", text);
    su_json_put_u64(&w, "pid", (uint64_t)getpid());
    su_json_end_object(&w);
    return cli_print_json(&b, e);
}

static enum su_code serve(const struct cli *c, const struct su_oracle_options *options,
                          struct su_err *e)
{
    struct sigaction end = {.sa_handler = on_terminate}, old;
    struct su_oracle *o = NULL;

    (void)sigaction(SIGTERM, &end, &old);
    enum su_code rc = su_oracle_open(options, &o, e);
    if (!rc)
        rc = print_ready(c, o, e);
    if (!rc)
        rc = su_oracle_run(o, e);
    su_oracle_close(o);
    (void)sigaction(SIGTERM, &old, NULL);
    return rc;
}

static enum su_code log_to(const char *home, struct su_err *e)
{
    char path[4200];
    enum su_code rc = su_path_join(path, sizeof path, home, "log", e);

    if (!rc)
        rc = su_dir_make(path, 0700, e);
    if (!rc)
        rc = su_path_join(path, sizeof path, home, "log/oracle.log", e);
    return rc ? rc : su_log_file(path, SU_LOG_INFO, e);
}

/* Clusters of a list with commas, in place. */
static enum su_code split_urls(char *text, const char **url, size_t *n, struct su_err *e)
{
    char *rest = NULL;

    *n = 0;
    for (char *w = strtok_r(text, ",", &rest); w; w = strtok_r(NULL, ",", &rest)) {
        if (*n == SU_CHAIN_ENDPOINTS_MAX)
            return su_fail(e, SU_EUSAGE, "--url", "names more than %u", SU_CHAIN_ENDPOINTS_MAX);
        url[(*n)++] = w;
    }
    return SU_OK;
}

static enum su_code oracle_start(const struct cli *c, struct su_err *e)
{
    const char *url[SU_CHAIN_ENDPOINTS_MAX];
    struct su_oracle_options options = {.urls = url, .bind = cli_get(c, "--bind"), .stop = stop};
    char path[4096], home[4000], urls[1024];
    struct su_secret *secret = NULL;
    struct su_ops *o = NULL;
    uint64_t port = 0;
    enum su_code rc = key_path(path, e);

    if (!rc && cli_get(c, "--port"))
        rc = su_parse_u64(cli_get(c, "--port"), "--port", 1, 65535, &port, e);
    if (!rc)
        rc = su_home_dir(home, sizeof home, e);
    if (!rc)
        rc = read_secret(path, &secret, e);
    if (!rc)
        rc = cli_ops_open_as(c, path, &o, e);
    if (!rc &&
        !su_str_copy(urls, sizeof urls, cli_get(c, "--url") ? cli_get(c, "--url") : su_ops_url(o)))
        rc = su_fail(e, SU_ELIMIT, "--url", "is longer than %zu bytes", sizeof urls - 1);
    su_ops_close(o);
    if (!rc)
        rc = split_urls(urls, url, &options.n_urls, e);
    if (!rc)
        rc = log_to(home, e);
    if (!rc) {
        options.home = home;
        options.port = (uint16_t)port;
        options.secret = su_secret_data(secret);
        rc = serve(c, &options, e);
    }
    su_secret_free(secret);
    return rc;
}

/* ---- status ------------------------------------------------------------------------------------------ */

static const char *text_of(const struct su_json_value *v, const char *key)
{
    const char *s = "";

    (void)!su_json_get_str(v, key, &s, NULL);
    return s;
}

static uint64_t number_of(const struct su_json_value *v, const char *key)
{
    uint64_t n = 0;

    (void)!su_json_get_u64(v, key, &n, NULL);
    return n;
}

static enum su_code show_status(const struct su_buf *text, struct su_err *e)
{
    static const char *const title[] = {"node", "online", "state", ">missed", ">age ms", "beats"};
    struct su_json *doc;
    struct cli_table t;
    enum su_code rc = su_json_parse(text->data, text->len, "status", NULL, &doc, e);

    if (rc)
        return rc;
    const struct su_json_value *v = su_json_root(doc);
    printf("oracle     %s\n", text_of(v, "key"));
    printf("state      %s\n", text_of(v, "state"));
    printf("epoch      %llu, slot %llu\n", (unsigned long long)number_of(v, "epoch"),
           (unsigned long long)number_of(v, "slot"));
    printf("executions %llu\n", (unsigned long long)number_of(v, "executions"));
    const struct su_json_value *list = su_json_member(v, "nodes");
    cli_table_init(&t, title, SU_ARRAY_LEN(title));
    for (const struct su_json_value *i = list ? su_json_first(list) : NULL; i;
         i = su_json_next(i)) {
        bool online = false;
        (void)!su_json_get_bool(i, "online", &online, NULL);
        cli_table_cell(&t, "%s", text_of(i, "identity"));
        cli_table_cell(&t, "%s", online ? "yes" : "no");
        cli_table_cell(&t, "%s", text_of(i, "status"));
        cli_table_cell(&t, "%llu", (unsigned long long)number_of(i, "missed"));
        cli_table_cell(&t, "%llu", (unsigned long long)number_of(i, "age_ms"));
        cli_table_cell(&t, "%s", text_of(i, "beats"));
    }
    cli_table_print(&t);
    su_json_free(doc);
    return cli_flush(e);
}

/* The endpoint of the oracle that runs under this home, as it wrote it down. */
static enum su_code own_endpoint(char out[128], struct su_err *e)
{
    char home[4000], path[4200];
    struct su_map m;
    enum su_code rc = su_home_dir(home, sizeof home, e);

    if (!rc)
        rc = su_path_join(path, sizeof path, home, "oracle/run", e);
    if (!rc)
        rc = su_map_open(path, 4096, &m, e);
    if (rc)
        return su_fail(e, SU_ENOENT, "oracle", "none has run here; give HOST:PORT of one");
    const uint8_t *at = memchr(m.data, ' ', m.len), *end = memchr(m.data, '\n', m.len);
    size_t skip = strlen(" http://");
    if (at && end && (size_t)(end - at) > skip && (size_t)(end - at) - skip < 128)
        (void)snprintf(out, 128, "%.*s", (int)((size_t)(end - at) - skip), (const char *)at + skip);
    else
        rc = su_fail(e, SU_ENOENT, "oracle", "none runs here; give HOST:PORT of one");
    su_map_close(&m);
    return rc;
}

static enum su_code oracle_status(const struct cli *c, struct su_err *e)
{
    const struct su_peer_call call = {.deadline_ms = 5000};
    char endpoint[128];
    struct su_buf text;
    enum su_code rc = SU_OK;

    if (c->n_arg == 1)
        rc = own_endpoint(endpoint, e);
    else if (!su_str_copy(endpoint, sizeof endpoint,
                          c->arg[1] + (su_str_starts(c->arg[1], "http://") ? 7 : 0)))
        rc = su_fail(e, SU_ELIMIT, "HOST:PORT", "is too long");
    if (rc)
        return rc;
    su_buf_init(&text, 0);
    rc = su_peer_status_get(endpoint, &call, &text, e);
    if (!rc && cli_has(c, "--json")) {
        rc = cli_print_json(&text, e);
        return rc;
    }
    if (!rc)
        rc = show_status(&text, e);
    su_buf_fini(&text);
    return rc;
}

static enum su_code run(struct cli *c, struct su_err *e)
{
    static const char *const words[] = {"init", "start", "status", "admit"};
    static enum su_code (*const act[])(const struct cli *, struct su_err *) = {
        oracle_init, oracle_start, oracle_status, oracle_admit};
    static const unsigned least[] = {0, 0, 0, 1}, most[] = {0, 0, 1, SU_ORACLES_MAX};
    size_t i;
    enum su_code rc = cli_subcommand(c, words, SU_ARRAY_LEN(words), &i, e);

    if (!rc)
        rc = cli_words(c, least[i], most[i], e);
    return rc ? rc : act[i](c, e);
}

const struct cli_verb cli_verb_oracle = {
    .name = "oracle",
    .args = "init|start|status [HOST:PORT]|admit KEY...",
    .summary = "Run a member of the committee that assigns, draws and judges",
    .detail =
        "init makes an oracle's two keys in $SPLITUP_HOME (oracle.json signs votes and pays their "
        "fees, oracle.vrf draws), registers it on chain with the wallet as its owner, and bonds "
        "it. "
        "start runs it: it hears the nodes' heartbeats, votes on assignments, proves the draws "
        "that "
        "are its turn, keeps inputs, re-executes what is disputed, and calls the defaults that "
        "anybody may call; SIGTERM or Ctrl-C ends it, and it goes on where it was when started "
        "again. status shows what a running oracle sees of the nodes. admit announces the next "
        "epoch with these oracles beside the present ones; it needs the administrator's key.",
    .min_arg = 1,
    .max_arg = 1 + SU_ORACLES_MAX,
    .option = {{"--endpoint", "HOST:PORT", "init: where others reach it; cannot be changed later"},
               {"--bond", "AMOUNT", "init: USDC to be bonded (default: what the network demands)"},
               {"--airdrop", NULL, "init: on a test network, ask its faucet for what is needed"},
               {"--bind", "IP", "start: numeric address to listen on (default 127.0.0.1)"},
               {"--port", "PORT", "start: port to listen on (default: that of its endpoint)"},
               {"--admin", "FILE", "admit: the administrator's key file"},
               {"--alone", NULL, "admit: these replace the present ones"},
               CLI_OPTION_URL,
               CLI_OPTION_KEYPAIR,
               CLI_OPTION_PASSPHRASE,
               CLI_OPTION_YES,
               CLI_OPTION_DRY_RUN,
               CLI_OPTION_JSON},
    .run = run,
};
