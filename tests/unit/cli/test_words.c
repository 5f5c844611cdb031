// SPDX-License-Identifier: MIT
/* What the verbs' table says that their words are is what the app's ":" prompt completes: no word of a
   synopsis is of a type that nobody knows, and the values that are named are those that are taken. */
#include "cli/ui_open.h"
#include "exec/exec.h"
#include "support/ui_fixture.h"
#include "ui/app/command.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Words that are numbers, texts, or known to nobody before they are typed. */
static const char free_words[] = " N M K S A:B A,B X MS SOL AMOUNT SIZE PERCENT SECONDS LIST TEXT "
                                 "NAME WHICH PORT IP ID URI URL URLS "
                                 "URL,... RATE,DELAY SIGNATURE COMMAND ";

static bool is_free(const char *word)
{
    char text[64];

    snprintf(text, sizeof text, " %s ", word);
    return strstr(free_words, text) != NULL;
}

static bool completes(struct ui_app *app, const char *line)
{
    struct ui_completion c;

    return ui_command_complete(app, line, &c) && (c.path || c.say[0] || strcmp(c.text, line) != 0);
}

/* "[A] B..." as bare words. */
static void next_word(const char **args, char out[64])
{
    size_t n;

    *args += strspn(*args, " [");
    n = strcspn(*args, " ]");
    snprintf(out, 64, "%.*s", (int)n, *args);
    if (su_str_ends(out, "..."))
        out[strlen(out) - 3] = 0;
    *args += n + strspn(*args + n, "] .");
}

static void every_word_is_known(void **state)
{
    const struct su_ui_options o = {.verb = cli_ui_verb, .option = cli_ui_option};
    struct su_feed_snapshot *s = ui_fixture_make(UI_FIXTURE_LIVE, 1);
    struct ui_app *app = su_alloc(sizeof *app);
    const char *verb, *args, *name, *arg;
    size_t words = 0, values = 0;
    char line[256], word[64];

    (void)state;
    ui_app_init(app);
    app->snap = s;
    app->outside = &o;
    for (size_t i = 0; (verb = cli_ui_verb(i, &args)); i++) {
        size_t n = (size_t)snprintf(line, sizeof line, "%s ", verb);
        const char *rest;
        if (ui_command_find(verb, &rest)) /* a form of the app */
            continue;
        while (*args) {
            next_word(&args, word);
            if (!is_free(word) && !completes(app, line))
                fail_msg("nobody knows what %s is: %s", word, line);
            n += (size_t)snprintf(line + n, sizeof line - n, "x ");
            words++;
        }
        for (size_t k = 0; (name = cli_ui_option(i, k, &arg)); k++) {
            snprintf(line, sizeof line, "%s %s ", verb, name);
            values += arg != NULL;
            if (arg && !is_free(arg) && !completes(app, line))
                fail_msg("nobody knows what %s is: %s", arg, line);
        }
    }
    assert_null(cli_ui_verb(1000, NULL));
    assert_in_range(words, 15, 100);
    assert_in_range(values, 80, 1000);
    ui_app_fini(app);
    ui_fixture_free(s);
    free(app);
}

static void named_values_are_taken(void **state)
{
    const char *verb, *name, *arg;
    enum su_backend backend;
    size_t n = 0;

    (void)state;
    for (size_t i = 0; (verb = cli_ui_verb(i, NULL)); i++)
        for (size_t k = 0; (name = cli_ui_option(i, k, &arg)); k++) {
            char text[64], *at = text, *one;
            if (strcmp(name, "--backend") != 0)
                continue;
            (void)su_str_copy(text, sizeof text, arg);
            while ((one = strsep(&at, "|")))
                assert_true(su_backend_find(one, &backend));
            n++;
        }
    assert_true(n > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_word_is_known),
        cmocka_unit_test(named_values_are_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
