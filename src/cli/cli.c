// SPDX-License-Identifier: MIT
#include "cli_priv.h"
#include "ui_open.h"

#include <errno.h>
#include <fcntl.h>
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
static volatile sig_atomic_t wake_write = -1; /* the other end of wake_read */
static int wake_read = -1;

static void on_interrupt(int signal_number)
{
    (void)signal_number;
    if (interrupted) /* a second Ctrl-C does not wait for the safe point */
        _exit(130);
    interrupted = 1;
    if (wake_write >= 0) {
        int saved = errno;
        (void)!write(wake_write, "", 1);
        errno = saved;
    }
}

bool cli_interrupted(void)
{
    return interrupted != 0;
}

void cli_interrupt_clear(void)
{
    char byte;
    interrupted = 0;
    if (wake_read >= 0)
        while (read(wake_read, &byte, 1) == 1)
            continue;
}

int cli_interrupt_fd(void)
{
    int end[2];
    if (wake_read < 0 && pipe2(end, O_CLOEXEC | O_NONBLOCK) == 0) {
        wake_read = end[0];
        wake_write = end[1];
    }
    return wake_read;
}

const struct cli_verb *cli_verb_find(const char *name)
{
    for (unsigned i = 0; i < cli_n_verbs; i++)
        if (strcmp(cli_verbs[i]->name, name) == 0)
            return cli_verbs[i];
    return NULL;
}

void cli_look_at_terminal(struct cli *c)
{
    struct winsize size;
    const char *term = getenv("TERM");
    c->tty = isatty(STDERR_FILENO) && !getenv("CI") && term && strcmp(term, "dumb") != 0;
    c->utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    c->width = c->err_width = 80;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= 40)
        c->width = size.ws_col;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= 40)
        c->err_width = size.ws_col;
}

static int report(const char *verb, const struct su_err *e)
{
    char line[640];
    su_err_line(e, line, sizeof line);
    fprintf(stderr, "splitup%s%s: %s\n", verb ? " " : "", verb ? verb : "", line);
    return su_code_exit(e->code);
}

static enum su_code unknown_verb(const char *word, struct su_err *e)
{
    const char *near = NULL;
    unsigned best = CLI_NEAR;
    for (unsigned i = 0; i < cli_n_verbs; i++) {
        unsigned d = cli_distance(word, cli_verbs[i]->name);
        if (d < best && d < strlen(cli_verbs[i]->name)) {
            best = d;
            near = cli_verbs[i]->name;
        }
    }
    if (near)
        return su_fail(e, SU_EUSAGE, word, "no such command; did you mean %s?", near);
    return su_fail(e, SU_EUSAGE, word, "no such command; `splitup --help` lists them");
}

static bool is_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

/* Assumes at least one word. */
static enum su_code dispatch(struct cli *c, const struct cli_verb *verb, int argc, char **argv,
                             struct su_err *e)
{
    if (!verb && is_help(argv[1])) {
        cli_print_help(stdout);
        return SU_OK;
    }
    if (!verb && (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0)) {
        printf("splitup %s (%s)\n", SU_VERSION, SU_NUMERICS_VERSION);
        return SU_OK;
    }
    if (!verb)
        return unknown_verb(argv[1], e);
    for (int i = 2; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (is_help(argv[i])) {
            cli_print_verb_help(verb, stdout);
            return SU_OK;
        }
    enum su_code rc = cli_parse(c, verb, argc - 2, argv + 2, e);
    return rc == SU_OK ? verb->run(c, e) : rc;
}

/* "splitup-node ..." is "splitup node ...": the words with the verb put in, or NULL when the program
   was called by its own name. */
static char **as_verb(int argc, char **argv)
{
    const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;
    const char *name = slash ? slash + 1 : argc > 0 ? argv[0] : "";
    const char *dash = strchr(name, '-');
    const struct cli_verb *verb = dash ? cli_verb_find(dash + 1) : NULL;

    if (!verb || !su_str_starts(name, "splitup-") ||
        (argc > 1 && strcmp(argv[1], "--version") == 0))
        return NULL;
    char **words = su_alloc(((size_t)argc + 3) * sizeof *words);
    words[0] = argv[0];
    words[1] = (char *)(uintptr_t)verb->name;
    for (int i = 1; i < argc; i++)
        words[i + 1] = argv[i];
    if (argc == 1)
        words[2] = (char *)(uintptr_t) "--help";
    return words;
}

static int run_words(int argc, char **argv);

int su_cli_main(int argc, char **argv)
{
    char **words = as_verb(argc, argv);
    int status = words ? run_words(argc + 1 + (argc == 1), words) : run_words(argc, argv);

    free(words);
    return status;
}

static int run_words(int argc, char **argv)
{
    struct cli c = {0};
    struct su_err e = {0};
    setlocale(LC_CTYPE, "");
    char *alone[] = {argc > 0 ? argv[0] : NULL, (char *)(uintptr_t) "ui", NULL};
    if (argc < 2 && cli_ui_can()) {
        argc = 2;
        argv = alone;
    }
    if (argc < 2) {
        cli_print_help(stderr);
        return su_code_exit(SU_EUSAGE);
    }
    cli_look_at_terminal(&c);
    struct sigaction act = {.sa_handler = on_interrupt}, old_int, old_pipe,
                     ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGINT, &act, &old_int);
    sigaction(SIGPIPE, &ignore, &old_pipe);
    const struct cli_verb *verb = cli_verb_find(argv[1]);
    enum su_code rc = dispatch(&c, verb, argc, argv, &e);
    if (rc == SU_OK)
        rc = cli_flush(&e);
    else
        (void)fflush(stdout);
    sigaction(SIGINT, &old_int, NULL);
    sigaction(SIGPIPE, &old_pipe, NULL);
    cli_interrupt_clear();
    bool quiet = cli_reader_left() && rc == SU_ECANCELLED;
    return rc == SU_OK || quiet ? 0 : report(verb ? verb->name : NULL, &e);
}
