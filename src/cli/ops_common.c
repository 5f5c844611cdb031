// SPDX-License-Identifier: MIT
#include "ops_common.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

/* ---- passphrases ------------------------------------------------------------------------------- */

static enum su_code passphrase_from_file(const char *path, char *out, size_t cap, size_t *n,
                                         struct su_err *e)
{
    struct su_map m;
    enum su_code rc = su_map_open(path, SU_WALLET_PASSPHRASE_MAX + 2, &m, e);

    if (rc)
        return rc;
    const uint8_t *end = memchr(m.data, '\n', m.len);
    *n = end ? (size_t)(end - m.data) : m.len;
    if (*n == 0 || *n >= cap)
        rc = su_fail(e, SU_EINVAL, path, "its first line must be a passphrase of 1 to %zu bytes",
                     cap - 1);
    else
        memcpy(out, m.data, *n);
    su_map_close(&m);
    return rc;
}

/* Reads a line from the terminal without showing it. */
static enum su_code ask_hidden(const char *prompt, char *out, size_t cap, size_t *n,
                               struct su_err *e)
{
    struct termios old, hidden;
    int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    ssize_t got = -1;

    if (fd < 0 || tcgetattr(fd, &old) != 0) {
        if (fd >= 0)
            (void)close(fd);
        return su_fail(e, SU_EUSAGE, "--passphrase-file",
                       "is needed where nobody can be asked for the passphrase");
    }
    hidden = old;
    hidden.c_lflag &= ~(tcflag_t)ECHO;
    (void)tcsetattr(fd, TCSAFLUSH, &hidden);
    if (write(fd, prompt, strlen(prompt)) >= 0)
        got = read(fd, out, cap);
    (void)tcsetattr(fd, TCSAFLUSH, &old);
    bool shown = write(fd, "\n", 1) == 1;
    (void)close(fd);
    if (!shown || got <= 0)
        return su_fail(e, SU_ECANCELLED, "passphrase", "none was given");
    *n = (size_t)got;
    if (out[*n - 1] == '\n')
        --*n;
    return *n > 0 ? SU_OK : su_fail(e, SU_ECANCELLED, "passphrase", "none was given");
}

static enum su_code on_passphrase(void *ctx, const char *path, bool again, char *out, size_t cap,
                                  size_t *n, struct su_err *e)
{
    const struct cli *c = ctx;
    const char *file = cli_get(c, "--passphrase-file");
    char prompt[400];

    if (file && again)
        return su_fail(e, SU_EACCES, path, "is sealed under another passphrase than that of %s",
                       file);
    if (file)
        return passphrase_from_file(file, out, cap, n, e);
    (void)snprintf(prompt, sizeof prompt, "%sPassphrase of %s: ", again ? "Wrong. " : "", path);
    return ask_hidden(prompt, out, cap, n, e);
}

enum su_code cli_new_passphrase(const struct cli *c, char *out, size_t cap, struct su_err *e)
{
    const char *file = cli_get(c, "--passphrase-file");
    char again[SU_WALLET_PASSPHRASE_MAX + 1];
    size_t n = 0, m = 0;
    enum su_code rc;

    if (file) {
        rc = passphrase_from_file(file, out, cap, &n, e);
        out[rc ? 0 : n] = 0;
        return rc;
    }
    rc = ask_hidden("New passphrase: ", out, cap - 1, &n, e);
    if (!rc)
        rc = ask_hidden("The same again: ", again, sizeof again - 1, &m, e);
    if (!rc && (n != m || memcmp(out, again, n) != 0))
        rc = su_fail(e, SU_EINVAL, "passphrase", "the two differ; nothing was written");
    out[rc ? 0 : n] = 0;
    su_wipe(again, sizeof again);
    return rc;
}

enum su_code cli_old_passphrase(const struct cli *c, const char *path, char *out, size_t cap,
                                struct su_err *e)
{
    size_t n = 0;
    enum su_code rc = on_passphrase((void *)(uintptr_t)c, path, false, out, cap - 1, &n, e);

    out[rc ? 0 : n] = 0;
    return rc;
}

/* ---- the context ------------------------------------------------------------------------------- */

static bool on_cancelled(void *ctx)
{
    (void)ctx;
    return cli_interrupted();
}

static enum su_code open_ops(const struct cli *c, const char *cluster, const char *identity,
                             struct su_ops **out, struct su_err *e)
{
    const struct su_ops_options o = {.url = cluster,
                                     .keypair = cli_get(c, "--keypair"),
                                     .identity = identity,
                                     .passphrase = on_passphrase,
                                     .cancelled = on_cancelled,
                                     .ctx = (void *)(uintptr_t)c};

    return su_ops_open(&o, out, e);
}

enum su_code cli_ops_open(const struct cli *c, struct su_ops **out, struct su_err *e)
{
    return open_ops(c, cli_get(c, "--url"), NULL, out, e);
}

enum su_code cli_ops_open_at(const struct cli *c, const char *cluster, struct su_ops **out,
                             struct su_err *e)
{
    return open_ops(c, cluster, NULL, out, e);
}

enum su_code cli_ops_open_as(const struct cli *c, const char *identity, struct su_ops **out,
                             struct su_err *e)
{
    return open_ops(c, cli_get(c, "--url"), identity, out, e);
}

enum su_code cli_subcommand(const struct cli *c, const char *const *words, size_t n, size_t *i,
                            struct su_err *e)
{
    char list[200] = "";
    size_t len = 0;

    for (*i = 0; *i < n; ++*i)
        if (strcmp(c->arg[0], words[*i]) == 0)
            return SU_OK;
    for (size_t k = 0; k < n && len < sizeof list; k++)
        len += (size_t)snprintf(list + len, sizeof list - len, "%s%s",
                                k == 0       ? ""
                                : k == n - 1 ? " or "
                                             : ", ",
                                words[k]);
    return su_fail(e, SU_EUSAGE, c->arg[0], "is no %s command; give %s", c->verb->name, list);
}

enum su_code cli_words(const struct cli *c, unsigned least, unsigned most, struct su_err *e)
{
    if (c->n_arg - 1 < least)
        return su_fail(e, SU_EUSAGE, c->arg[0], "a word is missing; `splitup %s --help` explains",
                       c->verb->name);
    if (c->n_arg - 1 > most)
        return su_fail(e, SU_EUSAGE, c->arg[most + 1], "one word too many after %s %s",
                       c->verb->name, c->arg[0]);
    return SU_OK;
}

void cli_put_amount(struct su_json_writer *w, const char *key, uint64_t amount,
                    enum su_ops_unit unit)
{
    char text[SU_OPS_AMOUNT_TEXT];

    su_json_put_str(w, key, su_ops_amount_number(amount, unit, text));
}

/* ---- asking ------------------------------------------------------------------------------------ */

static bool can_ask(void)
{
    return isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
}

enum su_code cli_may_sign(const struct cli *c, struct su_err *e)
{
    if (cli_has(c, "--yes") || cli_has(c, "--dry-run") || can_ask())
        return SU_OK;
    return su_fail(e, SU_EUSAGE, "--yes",
                   "is needed where nobody can be asked: add it to sign, or --dry-run to look");
}

static void show(const struct su_ops_proposal *p, FILE *to)
{
    fprintf(to, "%s\n", p->title);
    for (size_t i = 0; i < p->n_line; i++)
        fprintf(to, "  %-14s %s\n", p->line[i].label, p->line[i].text);
}

enum su_code cli_ask(const char *what, struct su_err *e)
{
    char answer[16];

    if (!can_ask())
        return su_fail(e, SU_EUSAGE, "--yes", "is needed where nobody can be asked");
    (void)tcflush(STDIN_FILENO, TCIFLUSH); /* nothing typed before it was shown counts */
    fprintf(stderr, "%s%sproceed? [y/N] ", what, *what ? "\n" : "");
    (void)fflush(stderr);
    if (fgets(answer, sizeof answer, stdin)) {
        answer[strcspn(answer, "\r\n")] = 0;
        if (strcasecmp(answer, "y") == 0 || strcasecmp(answer, "yes") == 0)
            return SU_OK;
    }
    return su_fail(e, SU_ECANCELLED, "not agreed", "nothing was done");
}

/* ---- signing ----------------------------------------------------------------------------------- */

static void on_progress(void *ctx, const struct su_ops_progress *p)
{
    static const char *const stage[] = {"trying out", "signing", "sending", "waiting", "done"};
    const struct cli *c = ctx;

    if (!c->tty)
        return;
    fprintf(stderr, "\r\033[K");
    if (p->n_tx > 1)
        fprintf(stderr, "transaction %zu of %zu: ", p->tx + 1, p->n_tx);
    fprintf(stderr, "%s", stage[p->chain->stage]);
    if (p->chain->stage == SU_CHAIN_WAITING && p->chain->blocks_left > 0)
        fprintf(stderr, " (%llu blocks left)", (unsigned long long)p->chain->blocks_left);
    (void)fflush(stderr);
}

static enum su_code print_json(const struct su_ops_proposal *p, const struct su_ops_receipt *r,
                               bool signed_it, struct su_err *e)
{
    char sig[SU_CHAIN_SIG_TEXT];
    struct su_json_writer w;
    struct su_buf b;

    su_buf_init(&b, 0);
    su_json_writer_init(&w, &b, 0);
    su_json_put_object(&w, NULL);
    su_json_put_str(&w, "action", p->title);
    su_json_put_bool(&w, "signed", signed_it);
    su_json_put_object(&w, "preview");
    for (size_t i = 0; i < p->n_line; i++)
        su_json_put_str(&w, p->line[i].label, p->line[i].text);
    su_json_end_object(&w);
    cli_put_amount(&w, "usdc_out", p->usdc_out, SU_OPS_USDC);
    cli_put_amount(&w, "usdc_in", p->usdc_in, SU_OPS_USDC);
    su_json_put_u64(&w, "transactions", p->n_tx);
    su_json_put_u64(&w, "rent_lamports", p->rent_lamports);
    su_json_put_u64(&w, "fee_lamports", signed_it ? r->fee_lamports : p->fee_lamports);
    if (r->sent) {
        su_json_put_str(&w, "signature", su_chain_sig_text(r->sig, sig));
        su_json_put_u64(&w, "slot", r->slot);
        su_json_put_u64(&w, "compute_units", r->units);
    }
    su_json_end_object(&w);
    return cli_print_json(&b, e);
}

static void print_text(const struct su_ops_proposal *p, const struct su_ops_receipt *r)
{
    char sig[SU_CHAIN_SIG_TEXT], fee[SU_OPS_AMOUNT_TEXT];

    if (!r->sent) {
        printf("nothing to do\n");
        return;
    }
    printf("done in slot %llu, fee %s, %llu compute units%s\n", (unsigned long long)r->slot,
           su_ops_amount_text(r->fee_lamports, SU_OPS_SOL, fee), (unsigned long long)r->units,
           p->n_tx > 1 ? " in all" : "");
    printf("signature %s\n", su_chain_sig_text(r->sig, sig));
}

/* A failure after sending must tell which transaction to look at. */
static enum su_code explain(const struct su_ops_proposal *p, const struct su_ops_receipt *r,
                            enum su_code rc, struct su_err *e)
{
    char sig[SU_CHAIN_SIG_TEXT];

    if (p->n_tx > 1 && r->landed > 0)
        return su_wrap(e,
                       "%zu of %zu transactions have landed, the same command goes on from "
                       "there",
                       r->landed, p->n_tx);
    if (r->sent && (rc == SU_ECANCELLED || rc == SU_ENET))
        return su_wrap(e, "%s was sent and may still land, see `splitup tx`",
                       su_chain_sig_text(r->sig, sig));
    return rc;
}

static bool will_sign(const struct cli *c, const struct su_ops_proposal *p)
{
    return !cli_has(c, "--dry-run") && p->n_tx > 0;
}

/* Where nobody is asked the proposal is shown on `preview`, if that is anything. */
static enum su_code agree(const struct cli *c, struct su_ops *o, struct su_ops_proposal *p,
                          FILE *preview, struct su_ops_receipt *r, struct su_err *e)
{
    bool yes = cli_has(c, "--yes"), sign = will_sign(c, p);
    enum su_code rc = SU_OK;

    if (!yes && sign)
        show(p, stderr);
    else if (!cli_has(c, "--json") && (preview || !sign))
        show(p, sign ? preview : stdout);
    if (sign && !yes)
        rc = cli_ask("", e);
    if (!rc && sign) {
        rc = su_ops_commit(o, p, on_progress, (void *)(uintptr_t)c, r, e);
        cli_progress_clear(c);
        if (rc)
            rc = explain(p, r, rc, e);
    }
    return rc;
}

enum su_code cli_agree_on(const struct cli *c, struct su_ops *o, struct su_ops_proposal *p,
                          FILE *preview, struct su_err *e)
{
    struct su_ops_receipt r = {.sent = false};
    enum su_code rc = agree(c, o, p, preview, &r, e);

    return !rc && cli_has(c, "--json") && !will_sign(c, p) ? print_json(p, &r, false, e) : rc;
}

enum su_code cli_agree(const struct cli *c, struct su_ops *o, struct su_ops_proposal *p,
                       struct su_err *e)
{
    return cli_agree_on(c, o, p, stdout, e);
}

enum su_code cli_propose(const struct cli *c, struct su_ops *o, struct su_ops_proposal *p,
                         struct su_err *e)
{
    struct su_ops_receipt r = {.sent = false};
    enum su_code rc = agree(c, o, p, stdout, &r, e);

    if (rc)
        return rc;
    if (cli_has(c, "--json"))
        return print_json(p, &r, will_sign(c, p), e);
    if (will_sign(c, p) || p->n_tx == 0)
        print_text(p, &r);
    return SU_OK;
}
