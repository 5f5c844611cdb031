// SPDX-License-Identifier: MIT
#include "ui_open.h"

#include "ops_common.h"
#include "ui_run.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- opening ------------------------------------------------------------------------------------ */

struct places {
    char wallet[1024], cache[4096], config[4096], labels[4096], url[1024];
    uint8_t wallet_key[32], identity[32];
    bool has_wallet, has_identity, sealed;
};

/* ---- other commands ----------------------------------------------------------------------------- */

#define VERBS_MAX 160
static struct {
    char word[VERBS_MAX][40], args[VERBS_MAX][40];
    const struct cli_verb *of[VERBS_MAX];
    size_t n;
} verbs;

static void add_verb(const struct cli_verb *v, const char *sub, size_t n, const char *args,
                     size_t n_args)
{
    if (verbs.n == VERBS_MAX || n >= 20)
        return;
    (void)snprintf(verbs.word[verbs.n], sizeof verbs.word[0], "%.16s%s%.*s", v->name, n ? " " : "",
                   (int)n, sub);
    (void)snprintf(verbs.args[verbs.n], sizeof verbs.args[0], "%.*s", (int)n_args, args);
    verbs.of[verbs.n++] = v;
}

/* "deposit AMOUNT|withdraw [AMOUNT]|show": what begins with a small letter is a subcommand. */
static void add_all(const struct cli_verb *v)
{
    const bool many = strchr(v->args, '|') != NULL;
    size_t n;

    add_verb(v, "", 0, v->args, many ? 0 : strlen(v->args));
    for (const char *at = v->args; many; at += n + 1) {
        size_t k = strspn(at, "abcdefghijklmnopqrstuvwxyz-");
        n = strcspn(at, "|");
        if (k > 0 && (k == n || at[k] == ' '))
            add_verb(v, at, k, at + k + (k < n), n - k - (k < n));
        if (!at[n])
            break;
    }
}

const char *cli_ui_verb(size_t i, const char **args)
{
    const bool first = verbs.n == 0;

    for (size_t k = 0; first && k < cli_n_verbs; k++)
        if (strcmp(cli_verbs[k]->name, "ui") != 0) /* the app does not open itself */
            add_all(cli_verbs[k]);
    if (i >= verbs.n)
        return NULL;
    if (args)
        *args = verbs.args[i];
    return verbs.word[i];
}

const char *cli_ui_option(size_t i, size_t k, const char **arg)
{
    const struct cli_option *o = verbs.of[i]->option;

    if (k >= CLI_OPTION_MAX || !o[k].name)
        return NULL;
    *arg = o[k].arg;
    return o[k].name;
}

/* The app's own cluster and wallet, where the command takes them and they were not given. */
static int add_own(char **words, int n, const struct cli_verb *v, const char *option,
                   const char *value)
{
    for (int i = 2; i < n; i++)
        if (strncmp(words[i], option, strlen(option)) == 0)
            return n;
    for (const struct cli_option *o = v->option; o->name; o++)
        if (strcmp(o->name, option) == 0) {
            words[n++] = (char *)(uintptr_t)option;
            words[n++] = (char *)(uintptr_t)value;
        }
    return n;
}

/* Cuts a line into words, in place; "..." keeps blanks. */
static int cut(char *line, char **words, int n, int cap)
{
    char *at = line;

    while (n < cap) {
        bool quoted;
        at += strspn(at, " ");
        quoted = *at == '"';
        at += quoted;
        if (!*at)
            break;
        words[n++] = at;
        at += strcspn(at, quoted ? "\"" : " ");
        if (*at)
            *at++ = 0;
    }
    return n;
}

static void cli_ui_outside(void *ctx, const char *line)
{
    const struct places *p = ctx;
    struct sigaction ignore = {.sa_flags = 0}, old[2];
    posix_spawnattr_t attr;
    sigset_t all;
    char copy[512], *words[CLI_ARG_MAX + 8] = {(char *)(uintptr_t) "splitup"};
    const struct cli_verb *v;
    int n, status;
    pid_t pid;

    (void)su_str_copy(copy, sizeof copy, line);
    n = cut(copy, words, 1, CLI_ARG_MAX);
    v = n > 1 ? cli_verb_find(words[1]) : NULL;
    if (!v)
        return;
    n = add_own(words, n, v, "--url", p->url);
    n = add_own(words, n, v, "--keypair", p->wallet);
    words[n] = NULL;
    printf("$ splitup %s\n", line);
    (void)fflush(stdout);
    /* What is typed to stop the command is not meant for the app. */
    ignore.sa_handler = SIG_IGN;
    (void)sigaction(SIGINT, &ignore, &old[0]);
    (void)sigaction(SIGQUIT, &ignore, &old[1]);
    (void)sigfillset(&all);
    (void)posix_spawnattr_init(&attr);
    (void)posix_spawnattr_setsigdefault(&attr, &all);
    (void)posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGDEF);
    if (posix_spawn(&pid, "/proc/self/exe", NULL, &attr, words, environ) != 0)
        printf("cannot be started\n");
    else
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
            ;
    (void)posix_spawnattr_destroy(&attr);
    (void)sigaction(SIGINT, &old[0], NULL);
    (void)sigaction(SIGQUIT, &old[1], NULL);
    (void)fflush(stdout);
}

/* Who owns what: the keys that can be read without a passphrase. */
static enum su_code find_keys(const struct cli_ui *u, struct places *p, struct su_err *e)
{
    const struct su_ops_options options = {.url = u->url, .keypair = u->keypair};
    enum su_wallet_kind kind = SU_WALLET_PLAIN;
    struct su_ops *o = NULL;
    struct su_wallet *w;
    enum su_code rc = su_ops_open(&options, &o, e);

    if (rc)
        return rc;
    (void)su_str_copy(p->wallet, sizeof p->wallet, su_ops_wallet_path(o));
    (void)su_str_copy(p->url, sizeof p->url, u->url ? u->url : su_ops_url(o));
    p->sealed = su_wallet_file_kind(p->wallet, &kind, NULL) == SU_OK && kind == SU_WALLET_SEALED;
    if (!p->sealed && su_ops_wallet(o, &w, NULL) == SU_OK) {
        memcpy(p->wallet_key, su_wallet_public_key(w), 32);
        p->has_wallet = true;
    }
    if (su_ops_identity(o, false, &w, NULL) == SU_OK) {
        memcpy(p->identity, su_wallet_public_key(w), 32);
        p->has_identity = true;
    }
    su_ops_close(o);
    return SU_OK;
}

static enum su_code find_files(struct places *p, struct su_err *e)
{
    char home[2048];
    enum su_code rc = su_home_dir(home, sizeof home, e);

    if (!rc)
        rc = su_dir_make(home, 0700, e);
    if (!rc)
        rc = su_path_join(p->cache, sizeof p->cache, home, "cache.db", e);
    if (!rc)
        rc = su_path_join(p->config, sizeof p->config, home, "ui.conf", e);
    if (!rc)
        rc = su_path_join(p->labels, sizeof p->labels, home, "labels", e);
    return rc;
}

static struct su_feed_options feed_options(const struct cli_ui *u, const struct places *p)
{
    return (struct su_feed_options){.url = p->url,
                                    .cache_path = u->memory ? NULL : p->cache,
                                    .wallet = p->has_wallet ? p->wallet_key : NULL,
                                    .identity = p->has_identity ? p->identity : NULL,
                                    .node_url = u->node_url,
                                    .period_ms = u->period_ms};
}

enum su_code cli_ui_run(const struct cli_ui *u, enum su_ui_choice *choice, struct su_err *e)
{
    struct places *p = su_alloc(sizeof *p);
    struct cli_ui_runner *runner = cli_ui_runner_open();
    struct su_ui_live *live = NULL;
    enum su_code rc = find_keys(u, p, e);

    if (!rc && !u->memory)
        rc = find_files(p, e);
    if (!rc) {
        const struct su_ui_live_options o = {.feed = feed_options(u, p),
                                             .url = p->url,
                                             .keypair = p->wallet,
                                             .runner = cli_ui_runner_get(runner),
                                             .helper = cli_ui_helper()};
        rc = su_ui_live_open(&o, &live, e);
    }
    if (!rc) {
        const struct su_ui_options o = {.pane = u->pane,
                                        .charset = u->charset,
                                        .config = u->memory ? NULL : p->config,
                                        .labels = u->memory ? NULL : p->labels,
                                        .wallet_path = p->wallet,
                                        .no_color = u->no_color,
                                        .no_mouse = u->no_mouse,
                                        .readonly = u->readonly,
                                        .no_spend_keys = u->no_spend_keys,
                                        .sealed = p->sealed,
                                        .welcome = u->welcome,
                                        .verb = cli_ui_verb,
                                        .option = cli_ui_option,
                                        .outside = cli_ui_outside,
                                        .ctx = p,
                                        .cluster = u->cluster,
                                        .cluster_cap = u->cluster_cap};
        rc = su_ui_run(su_ui_live_backend(live), &o, choice, e);
    }
    su_ui_live_close(live);
    cli_ui_runner_close(runner);
    free(p);
    return rc;
}

bool cli_ui_can(void)
{
    const char *term = getenv("TERM");

    return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && term && *term &&
           strcmp(term, "dumb") != 0;
}

bool cli_ui_first_start(void)
{
    struct su_wallet_settings s;
    char home[2048], path[4096];

    if (su_wallet_settings_read(NULL, &s, NULL) == SU_OK &&
        (s.found || access(s.keypair_path, F_OK) == 0))
        return false;
    return su_home_dir(home, sizeof home, NULL) == SU_OK &&
           su_path_join(path, sizeof path, home, "wallet.json", NULL) == SU_OK &&
           access(path, F_OK) != 0;
}
