// SPDX-License-Identifier: MIT
/* What is typed into the message row: a search, a filter, a command, a text, a cluster. */
#include "ui/app/command.h"
#include "ui/panes/panes.h"

void ui_prompt_open(struct ui_app *app, enum ui_prompt_kind kind)
{
    struct ui_table *t = ui_table_of(app);

    if ((kind == UI_PROMPT_SEARCH || kind == UI_PROMPT_FILTER) && !t)
        return;
    app->prompt.kind = kind;
    app->prompt.at_history = app->prompt.n_history;
    app->prompt.in.lines = kind == UI_PROMPT_TEXT;
    ui_input_set(&app->prompt.in, "");
    if (kind == UI_PROMPT_FILTER) {
        su_str_copy(app->prompt.before, sizeof app->prompt.before, t->filter);
        ui_input_set(&app->prompt.in, t->filter);
    }
    if (kind == UI_PROMPT_SEARCH)
        app->prompt.from = t->cursor;
    if (kind == UI_PROMPT_TEXT) {
        app->run.at_history = app->run.n_history;
        ui_input_set(&app->prompt.in, app->run.prompt.text);
    }
    app->mode = UI_PROMPT;
}

static void prompt_changed(struct ui_app *app)
{
    struct ui_table *t = ui_table_of(app);

    if (!t)
        return;
    if (app->prompt.kind == UI_PROMPT_FILTER)
        ui_table_filter(t, app->prompt.in.text);
    if (app->prompt.kind == UI_PROMPT_SEARCH)
        ui_table_find(t, app->prompt.in.text, 1, app->prompt.from);
}

static void remember(struct ui_prompt *p)
{
    if (p->in.len == 0 || p->in.len >= sizeof p->history[0])
        return;
    if (p->n_history == UI_HISTORY) {
        memmove(p->history[0], p->history[1], sizeof p->history - sizeof p->history[0]);
        p->n_history--;
    }
    su_str_copy(p->history[p->n_history++], sizeof p->history[0], p->in.text);
}

static void prompt_enter(struct ui_app *app)
{
    struct ui_prompt *p = &app->prompt;
    char line[SU_UI_TEXT];

    app->mode = ui_rest_mode(app);
    switch (p->kind) {
    case UI_PROMPT_SEARCH:
        su_str_copy(app->search, sizeof app->search, p->in.text);
        prompt_changed(app); /* so that it says what it did not find */
        break;
    case UI_PROMPT_COMMAND:
        remember(p);
        su_str_copy(line, sizeof line, p->in.text); /* a command may ask with the same prompt */
        ui_command(app, line);
        break;
    case UI_PROMPT_TEXT:
        ui_run_typed(app, p->in.text);
        break;
    case UI_PROMPT_CLUSTER:
        if (p->in.len == 0 || p->in.len >= sizeof app->cluster)
            break;
        su_str_copy(app->cluster, sizeof app->cluster, p->in.text);
        app->choice = SU_UI_WATCH_CLUSTER;
        ui_act(app, UI_ACT_QUIT);
        break;
    default:
        break;
    }
}

static void prompt_leave(struct ui_app *app)
{
    struct ui_table *t = ui_table_of(app);

    if (app->prompt.kind == UI_PROMPT_FILTER && t)
        ui_table_filter(t, app->prompt.before);
    if (app->prompt.kind == UI_PROMPT_SEARCH && t)
        ui_table_find(t, "", 1, 0);
    if (app->prompt.kind == UI_PROMPT_TEXT)
        app->run.prompt = app->prompt.in;
    app->mode = ui_rest_mode(app);
}

static void prompt_history(struct ui_prompt *p, int by)
{
    if (p->kind != UI_PROMPT_COMMAND)
        return;
    if (by < 0 && p->at_history > 0)
        p->at_history--;
    else if (by > 0 && p->at_history < p->n_history)
        p->at_history++;
    ui_input_set(&p->in, p->at_history < p->n_history ? p->history[p->at_history] : "");
}

/* The line up to the cursor anew; what is behind it stays. */
static void prompt_set(struct ui_input *in, const char *head)
{
    char line[2 * SU_UI_TEXT];
    size_t n = strlen(head);

    snprintf(line, sizeof line, "%s%s", head, in->text + in->cursor);
    ui_input_set(in, line);
    in->cursor = SU_MIN(n, in->len);
}

static void prompt_tab(struct ui_app *app)
{
    struct ui_prompt *p = &app->prompt;
    struct ui_completion c;
    char line[SU_UI_TEXT], text[2 * SU_UI_TEXT];
    size_t skip = strspn(p->in.text, " ");

    if (ui_label_next(app, p->in.text, line, sizeof line)) {
        ui_input_set(&p->in, line);
        return;
    }
    skip += su_str_starts(p->in.text + skip, "splitup ") ? 8 : 0;
    if (skip > p->in.cursor)
        return;
    snprintf(line, sizeof line, "%.*s", (int)(p->in.cursor - skip), p->in.text + skip);
    if (!ui_command_complete(app, line, &c)) {
        ui_say(app, UI_ROLE_WARN, "No command begins with %.60s", line);
        return;
    }
    if (c.say[0])
        ui_say(app, UI_ROLE_TEXT, "%s", c.say);
    if (c.path) {
        app->intent = (struct su_ui_intent){.kind = SU_UI_KINDS, .step = SU_UI_COMPLETE};
        su_str_copy(app->intent.field[0], SU_UI_TEXT, line + c.at + (line[c.at] == '"'));
        p->asked = true;
        p->asked_at = skip + c.at;
        ui_act(app, UI_ACT_SUBMIT);
    } else if (skip + strlen(c.text) < SU_UI_TEXT) {
        snprintf(text, sizeof text, "%.*s%s", (int)skip, p->in.text, c.text);
        prompt_set(&p->in, text);
    }
}

void ui_prompt_path(struct ui_app *app, const char *path, const char *names)
{
    struct ui_prompt *p = &app->prompt;
    char line[SU_UI_TEXT], before[SU_UI_TEXT];

    if (app->mode != UI_PROMPT || !p->asked)
        return;
    p->asked = false;
    su_str_copy(before, sizeof before, p->in.text);
    ui_command_path(before, p->asked_at, path, line);
    prompt_set(&p->in, line);
    if (names[0])
        ui_say(app, UI_ROLE_TEXT, "%s", names);
    else if (strcmp(p->in.text, before) == 0)
        ui_say(app, UI_ROLE_TEXT, "Nothing to add");
}

void ui_prompt_key(struct ui_app *app, int key)
{
    struct ui_prompt *p = &app->prompt;

    p->asked = false;
    if (key == UI_K_ENTER || key == '\r')
        prompt_enter(app);
    else if (key == UI_K_ESC || key == UI_K_CTRL('C') ||
             ((key == UI_K_BACKSPACE || key == '\b') && p->in.len == 0))
        prompt_leave(app);
    else if (p->kind == UI_PROMPT_TEXT && (key == UI_K_UP || key == UI_K_DOWN)) {
        if (!ui_input_line(&p->in, key == UI_K_UP ? -1 : 1))
            ui_run_history(app, key == UI_K_UP ? -1 : 1);
    } else if (key == UI_K_UP || key == UI_K_DOWN)
        prompt_history(p, key == UI_K_UP ? -1 : 1);
    else if (key == UI_K_TAB && p->kind == UI_PROMPT_COMMAND)
        prompt_tab(app);
    else if (ui_input_key(&p->in, key))
        prompt_changed(app);
}

void ui_prompt_paste(struct ui_app *app, const char *text)
{
    app->prompt.asked = false;
    if (!ui_input_paste(&app->prompt.in, text))
        ui_say(app, UI_ROLE_WARN, "Not all of that fits: the rest was left out");
    prompt_changed(app);
}
