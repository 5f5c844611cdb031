// SPDX-License-Identifier: MIT
/* splitup ui: the terminal app, or one of its panes printed. */
#include "ui_open.h"

#include "ops_common.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { READY_MS = 20000 };

static enum su_code known_pane(const char *name, struct su_err *e)
{
    char all[200] = "";

    for (size_t i = 0; su_ui_pane_name(i); i++) {
        size_t n = strlen(all);
        if (strcmp(su_ui_pane_name(i), name) == 0)
            return SU_OK;
        (void)snprintf(all + n, sizeof all - n, "%s%s", n ? ", " : "", su_ui_pane_name(i));
    }
    return su_fail(e, SU_EUSAGE, name, "no such pane; there are %s", all);
}

/* ---- a pane on paper ----------------------------------------------------------------------------- */

static enum su_code print_once(struct su_feed *feed, const char *pane, enum su_ui_format format,
                               struct su_err *e)
{
    const struct su_feed_snapshot *s = su_feed_take(feed);
    struct su_buf b;
    enum su_code rc;

    su_buf_init(&b, 0);
    rc = su_ui_print(s, pane, format, su_clock_wall_ms(), &b, e);
    su_feed_release(s);
    if (!rc && fwrite(b.data, 1, b.len, stdout) != b.len && !ferror(stdout))
        rc = su_fail(e, SU_EIO, "stdout", "cannot be written");
    su_buf_fini(&b);
    return rc ? rc : cli_flush(e);
}

/* Until the next turn, or somebody has enough; the feed keeps itself up to date meanwhile. */
static void pause_for(uint64_t seconds)
{
    const uint64_t until = su_clock_mono_ns() + seconds * 1000000000u;
    struct pollfd p[2] = {{cli_interrupt_fd(), POLLIN, 0}, {STDOUT_FILENO, 0, 0}};

    for (uint64_t now; (now = su_clock_mono_ns()) < until && !cli_interrupted();) {
        int ms = (int)SU_MIN((until - now) / 1000000u + 1, 60000u);
        if (poll(p, 2, ms) > 0 && p[1].revents & POLLERR)
            return; /* the reader of a pipe has left: the next line says so */
    }
}

/* What the app remembers of executions whose accounts are gone, if it ever ran here. */
static const char *remembered(char path[4096])
{
    char home[2048];

    return su_home_dir(home, sizeof home, NULL) == SU_OK &&
                   su_path_join(path, 4096, home, "cache.db", NULL) == SU_OK &&
                   access(path, F_OK) == 0
               ? path
               : NULL;
}

/* A feed without the app: one look at everything, or one every few seconds. */
static enum su_code print_pane(const struct cli *c, const char *pane, struct su_err *e)
{
    const enum su_ui_format format = cli_has(c, "--json")    ? SU_UI_JSON
                                     : cli_has(c, "--tsv")   ? SU_UI_TSV
                                     : cli_has(c, "--plain") ? SU_UI_PLAIN
                                                             : SU_UI_TEXT_TABLE;
    struct su_feed_options options = {.url = NULL};
    uint8_t wallet[32], identity[32];
    char cache[4096];
    struct su_feed *feed = NULL;
    struct su_ops *o = NULL;
    struct su_wallet *w;
    uint64_t every = 0;
    enum su_code rc = SU_OK;

    if (cli_has(c, "--watch"))
        rc = su_parse_u64(cli_get(c, "--watch"), "--watch", 1, 86400, &every, e);
    if (!rc)
        rc = cli_ops_open(c, &o, e);
    if (rc)
        return rc;
    options.url = cli_get(c, "--url") ? cli_get(c, "--url") : su_ops_url(o);
    if (su_ops_wallet(o, &w, NULL) == SU_OK)
        options.wallet = memcpy(wallet, su_wallet_public_key(w), 32);
    if (su_ops_identity(o, false, &w, NULL) == SU_OK)
        options.identity = memcpy(identity, su_wallet_public_key(w), 32);
    options.cache_path = remembered(cache);
    rc = su_feed_open(&options, &feed, e);
    if (!rc)
        rc = su_feed_ready(feed, READY_MS, e);
    if (!rc)
        rc = print_once(feed, pane, format, e);
    while (!rc && every > 0) {
        pause_for(every);
        if (cli_interrupted())
            break;
        if (format != SU_UI_JSON)
            putchar('\n');
        rc = print_once(feed, pane, format, e);
    }
    su_feed_close(feed);
    su_ops_close(o);
    return rc;
}

/* ---- the app ------------------------------------------------------------------------------------- */

/* What a first start chose is another command of this program. */
static enum su_code start_demo(struct su_err *e)
{
    const struct cli_verb *demo = cli_verb_find("demo");
    struct cli c = {0};
    char *none[] = {NULL};
    enum su_code rc;

    if (!demo)
        return su_fail(e, SU_EUNSUPPORTED, "demo", "is not in this build");
    cli_look_at_terminal(&c);
    rc = cli_parse(&c, demo, 0, none, e);
    return rc ? rc : demo->run(&c, e);
}

static enum su_code run(struct cli *c, struct su_err *e)
{
    const char *pane = c->n_arg ? c->arg[0] : NULL;
    bool print = cli_has(c, "--once") || cli_has(c, "--json") || cli_has(c, "--tsv") ||
                 cli_has(c, "--plain") || cli_has(c, "--watch");
    char cluster[256] = "";
    struct cli_ui u = {.url = cli_get(c, "--url"),
                       .keypair = cli_get(c, "--keypair"),
                       .pane = pane,
                       .charset = cli_get(c, "--charset"),
                       .no_color = cli_has(c, "--no-color"),
                       .no_mouse = cli_has(c, "--no-mouse"),
                       .readonly = cli_has(c, "--readonly"),
                       .no_spend_keys = cli_has(c, "--no-spend-keys"),
                       .cluster = cluster,
                       .cluster_cap = sizeof cluster};
    enum su_ui_choice choice = SU_UI_LEFT;
    enum su_code rc = pane ? known_pane(pane, e) : SU_OK;

    if (rc)
        return rc;
    if (print)
        return print_pane(c, pane ? pane : "models", e);
    u.welcome = !u.url && !u.keypair && cli_ui_first_start();
    rc = cli_ui_run(&u, &choice, e);
    while (!rc && choice == SU_UI_WATCH_CLUSTER) {
        char url[sizeof cluster];
        (void)su_str_copy(url, sizeof url, cluster);
        u.url = url;
        u.welcome = false;
        choice = SU_UI_LEFT;
        rc = cli_ui_run(&u, &choice, e);
    }
    return !rc && choice == SU_UI_START_DEMO ? start_demo(e) : rc;
}

const struct cli_verb cli_verb_ui = {
    .name = "ui",
    .args = "[models|tasks|stake|beats|samples|run|log]",
    .summary = "The terminal app; also 'splitup' alone",
    .detail = "Shows what is on a cluster and what this machine does there, and does what the "
              "commands do: stake, take out, claim, register, declare, deploy, run. F1 in it lists "
              "its keys (splitup-keys(7)). With --once, --plain, --json or --tsv it prints one "
              "pane and ends, with --watch again and again until Ctrl-C or until nobody reads. "
              "What it remembers, and keys of one's own, are in ui.conf in $SPLITUP_HOME; names "
              "that were given to addresses (b there) are in labels beside it.",
    .max_arg = 1,
    .option = {{"--once", NULL, "print the pane as text and end"},
               {"--plain", NULL, "print it line by line, for screen readers, and end"},
               {"--watch", "SECONDS", "print it again every so many seconds"},
               CLI_OPTION_JSON,
               {"--tsv", NULL, "print the pane as lines of values between tabs, all columns"},
               {"--charset", "utf8|acs|ascii", "(default: by the locale)"},
               {"--no-color", NULL, "no colours; $NO_COLOR does the same"},
               {"--no-mouse", NULL, "leave the mouse to the terminal"},
               {"--readonly", NULL, "sign nothing, and write no key file"},
               {"--no-spend-keys", NULL, "no key opens what spends; commands typed behind : do"},
               {"--passphrase-file", "FILE",
                "with --once: first line: passphrase of a sealed wallet"},
               CLI_OPTION_URL,
               CLI_OPTION_KEYPAIR},
    .run = run,
};
