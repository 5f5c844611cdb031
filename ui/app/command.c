// SPDX-License-Identifier: MIT
/* The ":" prompt: what the program takes on its command line, and a few words of the app. */
#include "ui/panes/panes.h"

#include <ctype.h>

struct command {
    const char *word; /* one or two words */
    enum su_ui_kind kind; /* SU_UI_KINDS: of the app, by word */
    size_t first_field; /* where arguments go */
};

static const struct command commands[] = {
    {"stake deposit", SU_UI_DEPOSIT, 1},
    {"stake withdraw", SU_UI_UNLOCK, 1},
    {"stake take-out", SU_UI_TAKE_OUT, 0},
    {"stake claim", SU_UI_CLAIM, 0},
    {"wallet airdrop", SU_UI_AIRDROP, 0},
    {"wallet new", SU_UI_WALLET_NEW, 0},
    {"wallet import", SU_UI_WALLET_IMPORT, 0},
    {"node declare", SU_UI_DECLARE, 0},
    {"node undeclare", SU_UI_UNDECLARE, 0},
    {"node register", SU_UI_NODE, 2},
    {"node withdraw", SU_UI_WITHDRAW, 0},
    {"deploy register", SU_UI_DEPLOY, 0},
    {"request cancel", SU_UI_DROP, 0},
    {"request refund", SU_UI_REFUND, 0},
    {"wallet export", SU_UI_WALLET_EXPORT, 0},
    {"wallet delete", SU_UI_WALLET_DELETE, 0},
    {"run", SU_UI_RUN, 0},
    {"demo", SU_UI_KINDS, 0},
    {"cluster", SU_UI_KINDS, 0},
    {"lock", SU_UI_KINDS, 0},
    {"quit", SU_UI_KINDS, 0},
    {"help", SU_UI_KINDS, 0},
    {"pause", SU_UI_KINDS, 0},
    {"filter", SU_UI_KINDS, 0},
    {"sort", SU_UI_KINDS, 0},
    {"charset", SU_UI_KINDS, 0},
    {"save", SU_UI_KINDS, 0},
    {"write", SU_UI_KINDS, 0},
    {"label", SU_UI_KINDS, 0},
    {"pane", SU_UI_KINDS, 0},
};

/* Options of the program's commands as fields of forms. */
static const struct {
    enum su_ui_kind kind;
    const char *option;
    size_t field;
} options[] = {
    {SU_UI_DEPOSIT, "--node", 0},       {SU_UI_UNLOCK, "--node", 0},
    {SU_UI_TAKE_OUT, "--node", 0},      {SU_UI_CLAIM, "--node", 0},
    {SU_UI_AIRDROP, "--usdc", 1},       {SU_UI_DECLARE, "--tasks", 1},
    {SU_UI_UNDECLARE, "--tasks", 1},    {SU_UI_NODE, "--endpoint", 0},
    {SU_UI_NODE, "--vram", 1},          {SU_UI_DEPLOY, "--model", 0},
    {SU_UI_DEPLOY, "--target-vram", 1}, {SU_UI_DEPLOY, "--ctx", 2},
    {SU_UI_DEPLOY, "--sessions", 3},    {SU_UI_DEPLOY, "--name", 4},
    {SU_UI_DEPLOY, "--serve-url", 5},   {SU_UI_RUN, "--prompt", 1},
    {SU_UI_RUN, "--max-tokens", 2},
};

static const struct command *find(const char *line, const char **rest)
{
    for (size_t i = 0; i < SU_ARRAY_LEN(commands); i++) {
        size_t n = strlen(commands[i].word);
        if (strncmp(line, commands[i].word, n) == 0 && (line[n] == 0 || line[n] == ' ')) {
            *rest = line + n;
            while (**rest == ' ')
                (*rest)++;
            return &commands[i];
        }
    }
    return NULL;
}

const char *ui_command_word(enum su_ui_kind kind)
{
    for (size_t i = 0; i < SU_ARRAY_LEN(commands); i++)
        if (commands[i].kind == kind)
            return commands[i].word;
    return "";
}

/* The part that all words which begin with line have in common, so far. */
static void narrow(const char *word, const char *line, const char **found, size_t *common)
{
    size_t k = 0;

    if (strncmp(word, line, strlen(line)) != 0)
        return;
    if (!*found) {
        *found = word;
        *common = strlen(word);
    }
    while (k < *common && word[k] == (*found)[k])
        k++;
    *common = k;
}

static bool is_verb(const struct su_ui_options *o, const char *word)
{
    const char *verb;

    for (size_t i = 0; o && o->verb && (verb = o->verb(i)); i++)
        if (strcmp(verb, word) == 0)
            return true;
    return false;
}

bool ui_command_complete(const struct ui_app *app, const char *line, char *out, size_t cap)
{
    const struct su_ui_options *o = app->outside;
    const char *found = NULL, *verb;
    size_t n = strlen(line), common = 0;

    for (size_t i = 0; i < SU_ARRAY_LEN(commands); i++)
        narrow(commands[i].word, line, &found, &common);
    for (size_t i = 0; o && o->verb && (verb = o->verb(i)); i++)
        narrow(verb, line, &found, &common);
    if (!found || common < n || common + 2 > cap)
        return false;
    memcpy(out, found, common);
    out[common] = 0;
    if (found[common] == 0 || is_verb(o, out))
        strcat(out, " ");
    return true;
}

/* One word of a command line into a field; options take the word after them. SU_UI_FIELDS: none. */
static size_t field_of(const struct command *c, const char **rest, size_t *next)
{
    for (size_t i = 0; i < SU_ARRAY_LEN(options); i++) {
        size_t n = strlen(options[i].option);
        if (options[i].kind == c->kind && strncmp(*rest, options[i].option, n) == 0 &&
            ((*rest)[n] == ' ' || (*rest)[n] == '=')) {
            *rest += n + 1;
            *rest += strspn(*rest, " ");
            return options[i].field;
        }
    }
    return strncmp(*rest, "--", 2) == 0 ? SU_UI_FIELDS : (*next)++;
}

static void intent(struct ui_app *app, const struct command *c, const char *rest)
{
    const struct ui_intent_def *def = ui_intent_def(c->kind);
    size_t n = ui_intent_fields(def), next = c->first_field;
    bool whole = true, any = false;

    if (c->kind == SU_UI_UNLOCK && !*rest) {
        ui_open_form(app, SU_UI_TAKE_OUT);
        return;
    }
    ui_open_form(app, c->kind);
    if (app->mode != UI_FORM)
        return;
    while (*rest) {
        char word[SU_UI_TEXT];
        size_t field = field_of(c, &rest, &next), k;
        if (field >= n) {
            ui_say(app, UI_ROLE_WARN, "Left out, the form has no field for it: %.60s", rest);
            return;
        }
        k = def->field[field].source == UI_FIELD_PROMPT ? strlen(rest) : strcspn(rest, " ");
        k = SU_MIN(k, sizeof word - 1);
        memcpy(word, rest, k);
        word[k] = 0;
        if (def->field[field].source == UI_FIELD_SECRET) {
            ui_say(app, UI_ROLE_WARN, "Secrets are typed into the form, not here");
            return;
        }
        ui_input_set(&app->form.in[field], word);
        any = true;
        rest += k;
        while (*rest == ' ')
            rest++;
    }
    for (size_t i = 0; i < n; i++)
        whole = whole && def->field[i].source != UI_FIELD_SECRET;
    /* Complete on one line: no form in between; a mistake opens it at the field. */
    if (whole && (any || c->kind == SU_UI_CLAIM))
        ui_form_submit(app);
}

static void sort_command(struct ui_app *app, const char *rest)
{
    struct ui_table *t = ui_table_of(app);
    bool desc = su_str_ends(rest, " desc");
    size_t n = strcspn(rest, " ");

    for (size_t i = 0; t && i < t->source->n_col; i++)
        if (n > 0 && strlen(t->source->col[i].id) == n &&
            strncmp(t->source->col[i].id, rest, n) == 0) {
            ui_table_sort(t, (int)i, desc);
            return;
        }
    ui_say(app, UI_ROLE_WARN, "No column of that name here");
}

static void pane_command(struct ui_app *app, const char *rest)
{
    for (int i = 0; i < UI_PANES; i++)
        if (strcmp(rest, ui_pane_list[i]->name) == 0) {
            ui_pane_set(app, i);
            return;
        }
    ui_say(app, UI_ROLE_WARN, "No pane of that name");
}

static void word_command(struct ui_app *app, const char *word, const char *rest)
{
    struct ui_table *t = ui_table_of(app);

    if (strcmp(word, "lock") == 0) {
        ui_act(app, UI_ACT_LOCK);
        app->unlocked = false;
        ui_say(app, UI_ROLE_TEXT, "Wallet locked");
    } else if (strcmp(word, "quit") == 0) {
        ui_request(app, UI_REQ_QUIT);
    } else if (strcmp(word, "help") == 0) {
        ui_request(app, UI_REQ_HELP);
    } else if (strcmp(word, "pause") == 0) {
        ui_request(app, UI_REQ_PAUSE);
    } else if (strcmp(word, "filter") == 0) {
        if (t)
            ui_table_filter(t, rest);
    } else if (strcmp(word, "sort") == 0) {
        sort_command(app, rest);
    } else if (strcmp(word, "pane") == 0) {
        pane_command(app, rest);
    } else if (strcmp(word, "save") == 0) {
        ui_act(app, UI_ACT_SAVE);
    } else if (strcmp(word, "label") == 0) {
        ui_label_command(app, rest);
    } else if (strcmp(word, "demo") == 0) {
        ui_ask_demo(app);
    } else if (strcmp(word, "cluster") == 0) {
        if (ui_ask_cluster(app) && *rest)
            ui_input_set(&app->prompt.in, rest);
    } else if (strcmp(word, "write") == 0) {
        if (*rest) {
            su_str_copy(app->text, sizeof app->text, rest);
            ui_act(app, UI_ACT_WRITE);
        } else {
            ui_request(app, UI_REQ_WRITE);
        }
    } else if (ui_charset_parse(rest, &app->charset) && app->charset != UI_CHARSET_AUTO) {
        ui_act(app, UI_ACT_CONFIGURE);
    } else {
        app->charset = UI_CHARSET_ASCII;
        ui_say(app, UI_ROLE_WARN, "charset utf8, acs or ascii");
    }
}

/* Commands that only look, or have their own way of asking, run on the plain screen. */
static bool outside(struct ui_app *app, const char *line)
{
    const struct su_ui_options *o = app->outside;
    size_t n = strcspn(line, " ");
    const char *verb;

    for (size_t i = 0; o && o->verb && (verb = o->verb(i)); i++) {
        if (strlen(verb) != n || strncmp(verb, line, n) != 0)
            continue;
        if (app->readonly) {
            ui_say(app, UI_ROLE_WARN, "Read-only: started with --readonly");
        } else if (strlen(line) >= sizeof app->text) {
            ui_say(app, UI_ROLE_WARN, "Too long for here: use the shell");
        } else {
            su_str_copy(app->text, sizeof app->text, line);
            ui_act(app, UI_ACT_OUTSIDE);
        }
        return true;
    }
    return false;
}

void ui_command(struct ui_app *app, const char *line)
{
    const char *rest;
    const struct command *c;

    while (*line == ' ')
        line++;
    if (!*line)
        return;
    if (su_str_starts(line, "splitup "))
        line += 8;
    c = find(line, &rest);
    if (!c) {
        for (int i = 0; i < UI_PANES; i++)
            if (strcmp(line, ui_pane_list[i]->name) == 0) {
                ui_pane_set(app, i);
                return;
            }
        if (outside(app, line))
            return;
        ui_say(app, UI_ROLE_WARN, "No such command here: %.60s (Tab completes)", line);
    } else if (c->kind < SU_UI_KINDS) {
        app->by_command = true;
        intent(app, c, rest);
        app->by_command = false;
    } else {
        word_command(app, c->word, rest);
    }
}
