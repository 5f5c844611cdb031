// SPDX-License-Identifier: MIT
/* splitup-node init, start, status, drain. */
#include "crypto/crypto.h"
#include "node_verbs.h"
#include "peer/peer.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PEERS_MAX 16u

/* ---- init ------------------------------------------------------------------------------------ */

enum su_code cli_node_init(const struct cli *c, struct su_ops *o, struct su_err *e)
{
    struct su_wallet *w;
    struct su_json_writer j;
    struct su_buf b;
    enum su_code rc = su_ops_identity(o, true, &w, e);

    if (rc)
        return rc;
    if (!cli_has(c, "--json")) {
        printf("node       %s\n", su_wallet_address(w));
        printf("key        %s\n", su_ops_identity_path(o));
        printf("next       `splitup-node register` writes its entry on chain; it pays small fees "
               "itself, so send it some SOL\n");
        return cli_flush(e);
    }
    su_buf_init(&b, 0);
    su_json_writer_init(&j, &b, 0);
    su_json_put_object(&j, NULL);
    su_json_put_str(&j, "node", su_wallet_address(w));
    su_json_put_str(&j, "key", su_ops_identity_path(o));
    su_json_end_object(&j);
    return cli_print_json(&b, e);
}

/* ---- start ----------------------------------------------------------------------------------- */

static volatile sig_atomic_t drain_asked;

static void on_drain(int signal_number)
{
    (void)signal_number;
    drain_asked = 1;
}

/* As Ctrl-C: the second one does not wait. */
static void on_terminate(int signal_number)
{
    (void)signal_number;
    (void)raise(SIGINT);
}

static enum su_node_wish wish(void *ctx)
{
    (void)ctx;
    return cli_interrupted() ? SU_NODE_END : drain_asked ? SU_NODE_DRAIN : SU_NODE_GO_ON;
}

bool cli_node_probe(void *ctx, uint32_t done, uint32_t total)
{
    static struct su_progress p;

    if (done == 0)
        su_progress_init(&p, total, "probes", su_clock_mono_ns());
    su_progress_set(&p, done, su_clock_mono_ns());
    cli_progress(ctx, "conformance", &p, false);
    if (done == total)
        cli_progress_clear(ctx);
    return !cli_stopped(ctx);
}

/* The identity's secret key: a node signs without asking anybody. */
static enum su_code read_secret(const struct cli *c, struct su_ops *o, struct su_secret **out,
                                struct su_err *e)
{
    const char *path = su_ops_identity_path(o);
    char passphrase[SU_WALLET_PASSPHRASE_MAX + 1];
    enum su_wallet_kind kind;
    struct su_map m;
    enum su_code rc = su_wallet_file_kind(path, &kind, e);

    *out = NULL;
    if (rc == SU_ENOENT)
        return su_fail(e, rc, path,
                       "this machine has no node yet; `splitup-node register` makes one");
    if (!rc)
        rc = su_map_open(path, SU_WALLET_FILE_MAX_BYTES, &m, e);
    if (rc)
        return rc;
    if (kind == SU_WALLET_PLAIN) {
        rc = su_wallet_parse(m.data, m.len, path, out, e);
    } else {
        rc = cli_old_passphrase(c, path, passphrase, sizeof passphrase, e);
        if (!rc)
            rc = su_unseal(passphrase, strlen(passphrase), m.data, m.len, out, e);
        su_wipe(passphrase, sizeof passphrase);
        if (!rc && su_secret_bytes(*out) != SU_ED25519_SECRET_BYTES)
            rc = su_fail(e, SU_EFORMAT, path, "holds no key");
    }
    su_map_close(&m);
    return rc;
}

/* Words of a list with commas, in place. SU_EUSAGE: more than max. */
static enum su_code split(char *text, const char *option, const char **word, size_t max, size_t *n,
                          struct su_err *e)
{
    char *rest = NULL;

    *n = 0;
    for (char *w = strtok_r(text, ",", &rest); w; w = strtok_r(NULL, ",", &rest)) {
        if (*n == max)
            return su_fail(e, SU_EUSAGE, option, "names more than %zu", max);
        word[(*n)++] = w;
    }
    return SU_OK;
}

/* The words of the command line as the node's options; strings are borrowed from *store. */
struct start_words {
    char home[4000], urls[1024], peers[2048];
    const char *url[SU_CHAIN_ENDPOINTS_MAX], *peer[PEERS_MAX];
};
static enum su_code read_words(const struct cli *c, struct su_ops *o, struct start_words *s,
                               struct su_node_options *n, struct su_err *e)
{
    uint64_t port = 0;
    enum su_code rc = su_home_dir(s->home, sizeof s->home, e);

    n->home = s->home;
    if (!su_str_copy(s->urls, sizeof s->urls,
                     cli_get(c, "--url") ? cli_get(c, "--url") : su_ops_url(o)) ||
        !su_str_copy(s->peers, sizeof s->peers, cli_get(c, "--peer") ? cli_get(c, "--peer") : ""))
        return su_fail(e, SU_ELIMIT, "--url, --peer", "are too long");
    if (!rc)
        rc = split(s->urls, "--url", s->url, SU_CHAIN_ENDPOINTS_MAX, &n->n_urls, e);
    if (!rc)
        rc = split(s->peers, "--peer", s->peer, PEERS_MAX, &n->n_peers, e);
    n->urls = s->url;
    n->peers = s->peer;
    n->bind = cli_get(c, "--bind");
    if (!rc && cli_get(c, "--port"))
        rc = su_parse_u64(cli_get(c, "--port"), "--port", 1, 65535, &port, e);
    n->port = (uint16_t)port;
    if (!rc && cli_get(c, "--vram"))
        rc = su_parse_size(cli_get(c, "--vram"), "--vram", &n->vram_bytes, e);
    n->conformance = cli_has(c, "--conformance");
    n->progress = cli_node_probe;
    n->wish = wish;
    n->ctx = (void *)(uintptr_t)c;
    return rc ? rc : cli_exec_options(c, &n->exec, e);
}

static enum su_code print_ready(const struct cli *c, const struct su_node_agent *n,
                                struct su_err *e)
{
    char text[SU_CHAIN_TEXT];
    struct su_json_writer w;
    struct su_buf b;

    (void)su_chain_key_text(su_node_identity(n), text);
    if (!cli_has(c, "--json")) {
        printf("node %s serves at %s; Ctrl-C ends it, `splitup-node drain` lets it finish first\n",
               text, su_node_url(n));
        return cli_flush(e);
    }
    su_buf_init(&b, 0);
    su_json_writer_init(&w, &b, 0);
    su_json_put_object(&w, NULL);
    su_json_put_str(&w, "url", su_node_url(n));
    su_json_put_str(&w, "identity", text);
    su_json_put_u64(&w, "pid", (uint64_t)getpid());
    su_json_end_object(&w);
    return cli_print_json(&b, e);
}

static enum su_code serve(const struct cli *c, const struct su_node_options *n, struct su_err *e)
{
    struct su_node_agent *agent = NULL;
    enum su_code rc = su_node_open(n, &agent, e);

    cli_progress_clear(c);
    if (!rc)
        rc = print_ready(c, agent, e);
    if (!rc)
        rc = su_node_run(agent, e);
    su_node_close(agent);
    return rc;
}

enum su_code cli_node_start(const struct cli *c, struct su_ops *o, struct su_err *e)
{
    struct sigaction drain = {.sa_handler = on_drain}, end = {.sa_handler = on_terminate};
    struct sigaction old_drain, old_end;
    struct su_node_options n = {.home = NULL};
    struct start_words *s = su_alloc(sizeof *s);
    struct su_secret *secret = NULL;
    char log[4096];
    enum su_code rc = read_words(c, o, s, &n, e);

    if (!rc)
        rc = read_secret(c, o, &secret, e);
    if (!rc)
        rc = su_path_join(log, sizeof log, s->home, "log", e);
    if (!rc)
        rc = su_dir_make(log, 0700, e);
    if (!rc && strlen(log) + 10 < sizeof log) {
        strcat(log, "/node.log");
        rc = su_log_file(log, SU_LOG_INFO, e);
    }
    if (!rc) {
        n.secret = su_secret_data(secret);
        (void)sigaction(SIGUSR1, &drain, &old_drain);
        (void)sigaction(SIGTERM, &end, &old_end);
        rc = serve(c, &n, e);
        (void)sigaction(SIGTERM, &old_end, NULL);
        (void)sigaction(SIGUSR1, &old_drain, NULL);
    }
    su_secret_free(secret);
    free(s);
    return rc;
}

/* ---- status ---------------------------------------------------------------------------------- */

/* /api/status of the node that runs here, into text; empty when none does. */
static enum su_code ask_node(struct su_node_here *here, struct su_buf *text, struct su_err *e)
{
    const struct su_peer_call call = {.deadline_ms = 5000};
    char home[4000];
    enum su_code rc = su_home_dir(home, sizeof home, e);

    if (!rc)
        rc = su_node_find(home, here, e);
    if (rc || !here->running)
        return rc;
    return su_peer_status_get(here->url + strlen("http://"), &call, text, e);
}

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

static void print_tasks(const struct su_json_value *list)
{
    char a[32], b[32], error[200];

    for (const struct su_json_value *t = su_json_first(list); t; t = su_json_next(t)) {
        printf("task       %s, task %llu of its model: %s", text_of(t, "task"),
               (unsigned long long)number_of(t, "index"), text_of(t, "state"));
        if (strcmp(text_of(t, "state"), "fetching") == 0 && number_of(t, "total_bytes") > 0)
            printf(", %s of %s", su_format_size(number_of(t, "done_bytes"), a, sizeof a),
                   su_format_size(number_of(t, "total_bytes"), b, sizeof b));
        su_str_sanitize(error, sizeof error, text_of(t, "error"), strlen(text_of(t, "error")));
        printf("%s%s\n", *error ? ": " : "", error);
    }
}

static void print_work(const char *label, const struct su_json_value *list)
{
    for (const struct su_json_value *x = su_json_first(list); x; x = su_json_next(x))
        printf("%-10s %s task %llu: %s, %llu of %llu steps\n", label, text_of(x, "execution"),
               (unsigned long long)number_of(x, "task"), text_of(x, "state"),
               (unsigned long long)number_of(x, "steps"),
               (unsigned long long)number_of(x, "max_steps"));
}

static void print_running(const struct su_node_here *here, const struct su_json_value *v)
{
    char a[32], b[32];

    printf("running    %s at %s, process %ld, %llu s\n", text_of(v, "state"), here->url,
           (long)here->pid, (unsigned long long)number_of(v, "uptime_ms") / 1000);
    printf("device     %s (%s), %s of %s in use\n", text_of(v, "device"), text_of(v, "backend"),
           su_format_size(number_of(v, "vram_used_bytes"), a, sizeof a),
           su_format_size(number_of(v, "vram_bytes"), b, sizeof b));
    printf("heartbeats %llu sent, %llu acknowledged\n",
           (unsigned long long)number_of(su_json_member(v, "beats"), "sent"),
           (unsigned long long)number_of(su_json_member(v, "beats"), "acknowledged"));
    print_tasks(su_json_member(v, "tasks"));
    print_work("execution", su_json_member(v, "executions"));
    print_work("check", su_json_member(v, "checks"));
}

static enum su_code print_status_json(const struct su_node_here *here, const struct su_buf *running,
                                      const struct su_acc_node *n, struct su_err *e)
{
    struct su_json_writer w;
    struct su_buf b;

    su_buf_init(&b, 0);
    su_json_writer_init(&w, &b, 0);
    su_json_put_object(&w, NULL);
    su_json_put_bool(&w, "running", here->running);
    if (here->running) {
        su_json_put_u64(&w, "pid", (uint64_t)here->pid);
        su_json_put_str(&w, "url", here->url);
    }
    if (n) {
        su_json_put_object(&w, "entry");
        cli_node_put_entry(&w, n);
        su_json_end_object(&w);
    }
    su_json_end_object(&w);
    if (here->running && running->len > 0 && !b.failed) { /* the node's own object as a member */
        b.len--;
        su_buf_str(&b, ",\"node\":");
        su_buf_put(&b, running->data, running->len);
        su_buf_str(&b, "}");
    }
    return cli_print_json(&b, e);
}

enum su_code cli_node_status(const struct cli *c, struct su_ops *o, struct su_err *e)
{
    const struct su_ops_stake own = {.node = NULL};
    struct su_chain_accounts list = {0};
    const struct su_acc_node *n = NULL;
    const struct su_chain_env *env;
    const struct su_params *params;
    struct su_node_here here;
    struct su_json *doc = NULL;
    struct su_buf text;
    uint8_t identity[32];
    struct su_err why = {0};

    su_buf_init(&text, SU_PEER_STATUS_BYTES_MAX);
    enum su_code rc = ask_node(&here, &text, e);
    if (!rc && here.running)
        rc = su_json_parse(text.data, text.len, here.url, NULL, &doc, e);
    /* The chain's side is worth less than the node's: without it there is still something to say. */
    if (!rc && (su_ops_stake_node(o, &own, identity, &why) != SU_OK ||
                su_ops_env(o, &env, &params, &why) != SU_OK ||
                su_chain_node_of(su_ops_chain(o), env, identity, &list, &n, &why) != SU_OK))
        n = NULL;
    if (!rc && cli_has(c, "--json")) {
        rc = print_status_json(&here, &text, n, e);
    } else if (!rc) {
        char line[600];
        if (here.running)
            print_running(&here, su_json_root(doc));
        else
            printf("running    no; `splitup-node start` starts it\n");
        su_err_line(&why, line, sizeof line);
        if (n)
            cli_node_print_entry(n);
        else
            printf("entry      unknown: %s\n", line);
        rc = cli_flush(e);
    }
    su_json_free(doc);
    su_chain_accounts_fini(&list);
    su_buf_fini(&text);
    return rc;
}

/* ---- drain ----------------------------------------------------------------------------------- */

enum su_code cli_node_drain(const struct cli *c, struct su_ops *o, struct su_err *e)
{
    char home[4000];
    enum su_code rc = su_home_dir(home, sizeof home, e);

    (void)o;
    if (!rc)
        rc = su_node_drain(home, e);
    if (!rc && !cli_has(c, "--json"))
        printf("the node takes nothing new, finishes what it runs, and ends\n");
    return rc ? rc : cli_flush(e);
}
