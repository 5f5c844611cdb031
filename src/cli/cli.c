// SPDX-License-Identifier: MIT
#include "cli_priv.h"

#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define X(v) extern const struct cli_verb v;
#include "cli/verbs.def"
#undef X
#define X(v) &v,
const struct cli_verb *const cli_verbs[] = {
#include "cli/verbs.def"
};
#undef X
const unsigned cli_n_verbs = SU_ARRAY_LEN(cli_verbs);

static volatile sig_atomic_t interrupted;

static void on_interrupt(int signal_number)
{
    (void)signal_number;
    if (interrupted) /* a second Ctrl-C does not wait for the safe point */
        _exit(130);
    interrupted = 1;
}

bool cli_interrupted(void)
{
    return interrupted != 0;
}

const struct cli_verb *cli_verb_find(const char *name)
{
    for (unsigned i = 0; i < cli_n_verbs; i++)
        if (strcmp(cli_verbs[i]->name, name) == 0)
            return cli_verbs[i];
    return NULL;
}

static void look_at_terminal(struct cli *c)
{
    struct winsize size;
    c->tty = isatty(STDERR_FILENO) && !getenv("CI");
    c->utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    c->width = 80;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= 40)
        c->width = size.ws_col;
}

static int report(const char *verb, const struct su_err *e)
{
    char line[640];
    su_err_line(e, line, sizeof line);
    fprintf(stderr, "splitup%s%s: %s\n", verb ? " " : "", verb ? verb : "", line);
    return su_code_exit(e->code);
}

/* The same words may stand in front of the verb or alone. */
static int before_verb(int argc, char **argv)
{
    const char *word = argc > 1 ? argv[1] : NULL;
    if (!word) {
        cli_print_help(stderr);
        return su_code_exit(SU_EUSAGE);
    }
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
        cli_print_help(stdout);
        return 0;
    }
    if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0) {
        printf("splitup %s (%s)\n", SU_VERSION, SU_NUMERICS_VERSION);
        return 0;
    }
    struct su_err e = {0};
    (void)su_fail(&e, SU_EUSAGE, word, "no such command; `splitup --help` lists them");
    return report(NULL, &e);
}

/* Buffered output that could not be written is an error too, except towards a closed pipe. */
static enum su_code flush_output(struct su_err *e)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return SU_OK;
    if (errno == EPIPE)
        return SU_OK;
    return su_fail_sys(e, errno, "standard output", "cannot be written");
}

int su_cli_main(int argc, char **argv)
{
    struct cli c = {0};
    struct su_err e = {0};
    setlocale(LC_CTYPE, "");
    const struct cli_verb *verb = argc > 1 ? cli_verb_find(argv[1]) : NULL;
    if (!verb)
        return before_verb(argc, argv);
    for (int i = 2; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            cli_print_verb_help(verb, stdout);
            return 0;
        }
    look_at_terminal(&c);
    struct sigaction act = {.sa_handler = on_interrupt}, old_int, old_pipe,
                     ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGINT, &act, &old_int);
    sigaction(SIGPIPE, &ignore, &old_pipe);
    enum su_code rc = cli_parse(&c, verb, argc - 2, argv + 2, &e);
    if (rc == SU_OK)
        rc = verb->run(&c, &e);
    if (rc == SU_OK)
        rc = flush_output(&e);
    else
        (void)fflush(stdout);
    sigaction(SIGINT, &old_int, NULL);
    sigaction(SIGPIPE, &old_pipe, NULL);
    interrupted = 0;
    return rc == SU_OK ? 0 : report(verb->name, &e);
}
