// SPDX-License-Identifier: MIT
/* The ":" prompt: what the program takes on its command line, and a few words of the app. */
#include "ui/app/command.h"
#include "ui/panes/panes.h"

const struct ui_command ui_commands[] = {
    {"stake deposit", SU_UI_DEPOSIT, 1, NULL},
    {"stake withdraw", SU_UI_UNLOCK, 1, NULL},
    {"stake take-out", SU_UI_TAKE_OUT, 0, NULL},
    {"stake claim", SU_UI_CLAIM, 0, NULL},
    {"wallet airdrop", SU_UI_AIRDROP, 0, NULL},
    {"wallet new", SU_UI_WALLET_NEW, 0, NULL},
    {"wallet import", SU_UI_WALLET_IMPORT, 0, NULL},
    {"node declare", SU_UI_DECLARE, 0, NULL},
    {"node undeclare", SU_UI_UNDECLARE, 0, NULL},
    {"node register", SU_UI_NODE, 2, NULL},
    {"node withdraw", SU_UI_WITHDRAW, 0, NULL},
    {"deploy register", SU_UI_DEPLOY, 0, NULL},
    {"request cancel", SU_UI_DROP, 0, NULL},
    {"request refund", SU_UI_REFUND, 0, NULL},
    {"wallet export", SU_UI_WALLET_EXPORT, 0, NULL},
    {"wallet delete", SU_UI_WALLET_DELETE, 0, NULL},
    {"run", SU_UI_RUN, 0, NULL},
    {"demo", SU_UI_KINDS, 0, ""},
    {"cluster", SU_UI_KINDS, 0, "CLUSTER"},
    {"lock", SU_UI_KINDS, 0, ""},
    {"quit", SU_UI_KINDS, 0, ""},
    {"help", SU_UI_KINDS, 0, ""},
    {"pause", SU_UI_KINDS, 0, ""},
    {"filter", SU_UI_KINDS, 0, "TEXT"},
    {"sort", SU_UI_KINDS, 0, "COLUMN [desc]"},
    {"charset", SU_UI_KINDS, 0, "utf8|acs|ascii"},
    {"save", SU_UI_KINDS, 0, ""},
    {"write", SU_UI_KINDS, 0, "FILE"},
    {"label", SU_UI_KINDS, 0, "ADDRESS [NAME]"},
    {"pane", SU_UI_KINDS, 0, "PANE"},
};

const size_t ui_commands_count = SU_ARRAY_LEN(ui_commands);

const struct ui_command_option ui_command_options[] = {
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
const size_t ui_command_options_count = SU_ARRAY_LEN(ui_command_options);

const struct ui_command *ui_command_find(const char *line, const char **rest)
{
    for (size_t i = 0; i < SU_ARRAY_LEN(ui_commands); i++) {
        size_t n = strlen(ui_commands[i].word);
        if (strncmp(line, ui_commands[i].word, n) == 0 && (line[n] == 0 || line[n] == ' ')) {
            *rest = line + n;
            while (**rest == ' ')
                (*rest)++;
            return &ui_commands[i];
        }
    }
    return NULL;
}

const char *ui_command_word(enum su_ui_kind kind)
{
    for (size_t i = 0; i < SU_ARRAY_LEN(ui_commands); i++)
        if (ui_commands[i].kind == kind)
            return ui_commands[i].word;
    return "";
}

/* One word of a command line into a field; options take the word after them. SU_UI_FIELDS: none. */
static size_t field_of(const struct ui_command *c, const char **rest, size_t *next)
{
    for (size_t i = 0; i < SU_ARRAY_LEN(ui_command_options); i++) {
        size_t n = strlen(ui_command_options[i].option);
        if (ui_command_options[i].kind == c->kind &&
            strncmp(*rest, ui_command_options[i].option, n) == 0 &&
            ((*rest)[n] == ' ' || (*rest)[n] == '=')) {
            *rest += n + 1;
            *rest += strspn(*rest, " ");
            return ui_command_options[i].field;
        }
    }
    return strncmp(*rest, "--", 2) == 0 ? SU_UI_FIELDS : (*next)++;
}

static void intent(struct ui_app *app, const struct ui_command *c, const char *rest)
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
        bool quoted = *rest == '"' && def->field[field].source != UI_FIELD_PROMPT;
        rest += quoted;
        k = def->field[field].source == UI_FIELD_PROMPT ? strlen(rest)
                                                        : strcspn(rest, quoted ? "\"" : " ");
        k = SU_MIN(k, sizeof word - 1);
        memcpy(word, rest, k);
        word[k] = 0;
        if (def->field[field].source == UI_FIELD_SECRET) {
            ui_say(app, UI_ROLE_WARN, "Secrets are typed into the form, not here");
            return;
        }
        ui_input_set(&app->form.in[field], word);
        any = true;
        rest += k + (quoted && rest[k] == '"');
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

static void write_to(struct ui_app *app, const char *rest)
{
    bool quoted = *rest == '"';
    size_t n = strcspn(rest + quoted, quoted ? "\"" : "");

    n = SU_MIN(n, sizeof app->text - 1);
    memcpy(app->text, rest + quoted, n);
    app->text[n] = 0;
    ui_act(app, UI_ACT_WRITE);
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
            write_to(app, rest);
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

    for (size_t i = 0; o && o->verb && (verb = o->verb(i, NULL)); i++) {
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
    const struct ui_command *c;

    while (*line == ' ')
        line++;
    if (!*line)
        return;
    if (su_str_starts(line, "splitup "))
        line += 8;
    c = ui_command_find(line, &rest);
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
