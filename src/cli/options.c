// SPDX-License-Identifier: MIT
#include "cli_priv.h"

#include <string.h>

/* Levenshtein (1966), one row at a time. */
unsigned cli_distance(const char *a, const char *b)
{
    unsigned row[64];
    size_t n = strlen(b);
    if (n >= SU_ARRAY_LEN(row) - 1)
        return 99;
    for (unsigned j = 0; j <= n; j++)
        row[j] = j;
    for (unsigned i = 1; a[i - 1]; i++) {
        unsigned diagonal = row[0];
        row[0] = i;
        for (unsigned j = 1; j <= n; j++) {
            unsigned cost = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            row[j] = SU_MIN(cost, SU_MIN(row[j], row[j - 1]) + 1);
        }
    }
    return row[n];
}

static enum su_code unknown_option(const struct cli_verb *v, const char *word, struct su_err *e)
{
    const char *near = NULL;
    unsigned best = CLI_NEAR;
    for (const struct cli_option *o = v->option; o->name; o++) {
        unsigned d = cli_distance(word, o->name);
        if (d < best) {
            best = d;
            near = o->name;
        }
    }
    if (near)
        return su_fail(e, SU_EUSAGE, word, "no such option; did you mean %s?", near);
    return su_fail(e, SU_EUSAGE, word, "no such option; `splitup %s --help` lists them", v->name);
}

/* Options that Solana's own tools also know by a letter, where the verb has them. */
static const char *long_name(const struct cli_verb *v, const char *word)
{
    static const char *const pair[][2] = {{"-u", "--url"}, {"-k", "--keypair"}, {"-y", "--yes"}};

    for (size_t i = 0; i < SU_ARRAY_LEN(pair); i++)
        for (const struct cli_option *o = v->option; o->name; o++)
            if (strcmp(word, pair[i][0]) == 0 && strcmp(o->name, pair[i][1]) == 0)
                return o->name;
    return NULL;
}

/* Takes one word that begins with "--"; *used is how many words it was. */
static enum su_code take_option(struct cli *c, int argc, char **argv, int *used, struct su_err *e)
{
    char name[64];
    const char *equals = strchr(argv[0], '=');
    size_t len = equals ? (size_t)(equals - argv[0]) : strlen(argv[0]);
    if (len >= sizeof name)
        return unknown_option(c->verb, argv[0], e);
    memcpy(name, argv[0], len);
    name[len] = 0;
    for (unsigned i = 0; i < CLI_OPTION_MAX && c->verb->option[i].name; i++) {
        const struct cli_option *o = &c->verb->option[i];
        if (strcmp(o->name, name) != 0)
            continue;
        if (c->value[i])
            return su_fail(e, SU_EUSAGE, name, "given twice; give it once");
        *used = 1;
        if (!o->arg && equals)
            return su_fail(e, SU_EUSAGE, name, "takes no value");
        if (o->arg && !equals && argc < 2)
            return su_fail(e, SU_EUSAGE, name, "needs a value: %s %s", name, o->arg);
        if (o->arg && !equals)
            *used = 2;
        c->value[i] = !o->arg ? "" : equals ? equals + 1 : argv[1];
        return SU_OK;
    }
    return unknown_option(c->verb, name, e);
}

enum su_code cli_parse(struct cli *c, const struct cli_verb *verb, int argc, char **argv,
                       struct su_err *e)
{
    bool options = true;
    c->verb = verb;
    for (int i = 0; i < argc;) {
        int used = 1;
        if (options && strcmp(argv[i], "--") == 0) {
            options = false;
        } else if (options && su_str_starts(argv[i], "--")) {
            enum su_code rc = take_option(c, argc - i, argv + i, &used, e);
            if (rc != SU_OK)
                return rc;
        } else if (options && long_name(verb, argv[i])) {
            char *words[2] = {(char *)(uintptr_t)long_name(verb, argv[i]),
                              i + 1 < argc ? argv[i + 1] : NULL};
            enum su_code rc = take_option(c, SU_MIN(argc - i, 2), words, &used, e);
            if (rc != SU_OK)
                return rc;
        } else if (options && argv[i][0] == '-' && argv[i][1]) {
            return unknown_option(verb, argv[i], e);
        } else if (c->n_arg == SU_MIN(verb->max_arg, (unsigned)CLI_ARG_MAX)) {
            return su_fail(e, SU_EUSAGE, argv[i], "one word too many; usage: splitup %s%s%s",
                           verb->name, *verb->args ? " " : "", verb->args);
        } else {
            c->arg[c->n_arg++] = argv[i];
        }
        i += used;
    }
    if (c->n_arg < verb->min_arg)
        return su_fail(e, SU_EUSAGE, NULL, "a word is missing; usage: splitup %s %s", verb->name,
                       verb->args);
    return SU_OK;
}

static unsigned option_index(const struct cli *c, const char *option)
{
    for (unsigned i = 0; i < CLI_OPTION_MAX && c->verb->option[i].name; i++)
        if (strcmp(c->verb->option[i].name, option) == 0)
            return i;
    SU_ASSERT(option == NULL); /* a verb asks only for options of its own table */
    return 0;
}

const char *cli_get(const struct cli *c, const char *option)
{
    return c->value[option_index(c, option)];
}

bool cli_has(const struct cli *c, const char *option)
{
    return cli_get(c, option) != NULL;
}
