// SPDX-License-Identifier: MIT
/* Everything that is said about the verbs comes from their table: help, the man page's section,
   shell completion. */
#include "cli_priv.h"

#include <string.h>

void cli_print_help(FILE *to)
{
    fprintf(to,
            "splitup %s: run AI models split into tasks whose results\n"
            "any device reproduces bit for bit\n\n"
            "usage: splitup COMMAND [WORDS] [--OPTION ...]\n\ncommands:\n",
            SU_VERSION);
    for (unsigned i = 0; i < cli_n_verbs; i++)
        fprintf(to, "  %-11s %s\n", cli_verbs[i]->name, cli_verbs[i]->summary);
    fprintf(to, "\n`splitup COMMAND --help` explains one; `splitup --version` prints the version.\n"
                "Manual: man splitup\n");
}

#define HELP_WIDTH 78u

void cli_print_wrapped(FILE *to, const char *text, unsigned width, int indent, int column)
{
    bool start = true;
    for (const char *at = text; *at;) {
        int n = (int)strcspn(at, " ");
        if (!start && column + 1 + n > (int)width) {
            fprintf(to, "\n%*s", indent, "");
            column = indent;
            start = true;
        }
        column += fprintf(to, "%s%.*s", start ? "" : " ", n, at);
        start = false;
        at += n;
        at += *at == ' ';
    }
    fprintf(to, "\n");
}

void cli_print_verb_help(const struct cli_verb *v, FILE *to)
{
    bool options = v->option[0].name != NULL;
    char usage[256];
    snprintf(usage, sizeof usage, "usage: splitup %s%s%s%s", v->name, *v->args ? " " : "", v->args,
             options ? " [--OPTION ...]" : "");
    cli_print_wrapped(to, usage, HELP_WIDTH, 15, 0);
    fprintf(to, "\n%s.\n\n", v->summary);
    cli_print_wrapped(to, v->detail, HELP_WIDTH, 0, 0);
    if (options)
        fprintf(to, "\noptions:\n");
    for (const struct cli_option *o = v->option; o->name; o++) {
        char left[64];
        snprintf(left, sizeof left, "%s%s%s", o->name, o->arg ? " " : "", o->arg ? o->arg : "");
        int column = fprintf(to, "  %-20s ", left);
        if (column > 23)
            column = fprintf(to, "\n%23s", "") - 1;
        cli_print_wrapped(to, o->help, HELP_WIDTH, 23, column);
    }
}

/* mdoc(7): a line may not begin with a control character, a sentence begins a line, quotes come in
   pairs, and the hyphens of an option stay hyphens. */
static void mdoc_text(FILE *to, const char *text)
{
    bool start = true, quoted = false;
    for (const char *at = text; *at; at++) {
        if (start && (*at == '.' || *at == '\''))
            fputs("\\&", to);
        start = *at == ' ' && at[-1] == '.' && at[1] >= 'A' && at[1] <= 'Z';
        if (start) {
            fputc('\n', to);
        } else if (*at == '\\') {
            fputs("\\e", to);
        } else if (*at == '`') {
            fputs(quoted ? "\\(cq" : "\\(oq", to);
            quoted = !quoted;
        } else if (*at == '-' && at[1] == '-') {
            fputs("\\-\\-", to);
            at++;
        } else {
            fputc(*at, to);
        }
    }
    fputc('\n', to);
}

void cli_print_mdoc(FILE *to)
{
    fprintf(to, ".Bl -tag -width Ds\n");
    for (unsigned i = 0; i < cli_n_verbs; i++) {
        const struct cli_verb *v = cli_verbs[i];
        fprintf(to, ".It Ic %s%s%s\n", v->name, *v->args ? " " : "", v->args);
        fprintf(to, "%s.\n", v->summary);
        mdoc_text(to, v->detail);
        if (!v->option[0].name)
            continue;
        fprintf(to, ".Bl -tag -width Ds\n");
        for (const struct cli_option *o = v->option; o->name; o++) {
            fprintf(to, ".It Fl \\-%s", o->name + 2);
            fprintf(to, o->arg ? " Ar %s\n" : "\n", o->arg);
            mdoc_text(to, o->help);
        }
        fprintf(to, ".El\n");
    }
    fprintf(to, ".El\n");
}

void cli_print_completion(FILE *to)
{
    fprintf(to,
            "# bash completion for splitup; load with: source <(splitup completion)\n"
            "_splitup() {\n    local word=${COMP_WORDS[COMP_CWORD]} verb=${COMP_WORDS[1]} words=\n"
            "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n        words='");
    for (unsigned i = 0; i < cli_n_verbs; i++)
        fprintf(to, "%s ", cli_verbs[i]->name);
    fprintf(to, "--help --version'\n    else\n        case $verb in\n");
    for (unsigned i = 0; i < cli_n_verbs; i++) {
        fprintf(to, "        %s) words='", cli_verbs[i]->name);
        for (const struct cli_option *o = cli_verbs[i]->option; o->name; o++)
            fprintf(to, "%s ", o->name);
        fprintf(to, "--help' ;;\n");
    }
    fprintf(to, "        esac\n    fi\n"
                "    case $word in\n"
                "    -*) mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\") ;;\n"
                "    *)\n        [ \"$COMP_CWORD\" -eq 1 ] || words=$(compgen -f -- \"$word\")\n"
                "        mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\") ;;\n"
                "    esac\n}\ncomplete -o filenames -F _splitup splitup\n");
}

static enum su_code run_help(struct cli *c, struct su_err *e)
{
    if (cli_has(c, "--mdoc")) {
        cli_print_mdoc(stdout);
        return SU_OK;
    }
    if (c->n_arg == 0) {
        cli_print_help(stdout);
        return SU_OK;
    }
    const struct cli_verb *v = cli_verb_find(c->arg[0]);
    if (!v)
        return su_fail(e, SU_EUSAGE, c->arg[0], "no such command; `splitup --help` lists them");
    cli_print_verb_help(v, stdout);
    return SU_OK;
}

static enum su_code run_completion(struct cli *c, struct su_err *e)
{
    (void)c;
    (void)e;
    cli_print_completion(stdout);
    return SU_OK;
}

const struct cli_verb cli_verb_help = {
    .name = "help",
    .args = "[COMMAND]",
    .summary = "Explain a command",
    .detail = "Without a command, lists them all.",
    .max_arg = 1,
    .option = {{"--mdoc", NULL, "print the commands as the manual page has them"}},
    .run = run_help,
};
const struct cli_verb cli_verb_completion = {
    .name = "completion",
    .args = "",
    .summary = "Print completion for bash",
    .detail = "Load it with: source <(splitup completion)",
    .run = run_completion,
};
