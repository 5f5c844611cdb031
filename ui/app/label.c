// SPDX-License-Identifier: MIT
/* Giving addresses names: a command line that is begun for the person, with the address in full. */
#include "ui/panes/panes.h"

/* Address i of the selected row; NULL: none. */
static const uint8_t *of_row(const struct ui_app *app, size_t i)
{
    const struct ui_pane_ops *p = ui_pane_list[app->pane];
    const uint8_t *key;
    struct ui_row r;

    if (!p->address || !ui_selected(app, &r))
        return NULL;
    key = p->address(app, r, i);
    return key && !ui_key_zero(key) ? key : NULL;
}

static void line_for(const struct ui_app *app, const uint8_t key[32], char *out, size_t cap)
{
    const char *name = ui_labels_find(&app->labels, key);
    char text[UI_FORMAT];

    snprintf(out, cap, "label %s %s", ui_key_full(key, text), name ? name : "");
}

void ui_label_open(struct ui_app *app)
{
    const uint8_t *key = of_row(app, 0);
    char line[128];

    if (!key) {
        ui_say(app, UI_ROLE_WARN, "No address here;  :label ADDRESS NAME  names any");
        return;
    }
    line_for(app, key, line, sizeof line);
    app->prompt.kind = UI_PROMPT_COMMAND;
    app->prompt.at_history = app->prompt.n_history;
    app->prompt.in.lines = false;
    ui_input_set(&app->prompt.in, line);
    app->mode = UI_PROMPT;
}

bool ui_label_next(const struct ui_app *app, const char *line, char *out, size_t cap)
{
    uint8_t now[32];
    char word[64];
    size_t n, at = 0;

    if (!su_str_starts(line, "label "))
        return false;
    line += 6;
    n = SU_MIN(strcspn(line, " "), sizeof word - 1);
    memcpy(word, line, n);
    word[n] = 0;
    if (n > 0) {
        if (!ui_labels_resolve(&app->labels, word, now))
            return false;
        while (of_row(app, at) && memcmp(of_row(app, at), now, 32) != 0)
            at++;
        if (!of_row(app, at))
            return false;
        at++;
    }
    if (!of_row(app, at))
        at = 0;
    if (!of_row(app, at))
        return false;
    line_for(app, of_row(app, at), out, cap);
    return true;
}

static void list(struct ui_app *app)
{
    size_t n = app->labels.n;
    char key[UI_FORMAT];

    if (n == 0)
        ui_say(app, UI_ROLE_TEXT, "No names yet: b in a row, or  :label ADDRESS NAME");
    else
        ui_say(app, UI_ROLE_TEXT, "%zu name%s, '%s' is %s%s", n, n == 1 ? "" : "s",
               app->labels.item[0].text, ui_key_cut(app->labels.item[0].key, key),
               n > 1 ? "; W shows more" : "");
}

void ui_label_command(struct ui_app *app, const char *rest)
{
    struct ui_label *l = &app->label;
    size_t n = strcspn(rest, " ");
    char word[64], key[UI_FORMAT];
    struct su_err e;

    if (n == 0) {
        list(app);
        return;
    }
    n = SU_MIN(n, sizeof word - 1);
    memcpy(word, rest, n);
    word[n] = 0;
    rest += n;
    while (*rest == ' ')
        rest++;
    n = strlen(rest);
    while (n > 0 && rest[n - 1] == ' ')
        n--;
    if (!ui_labels_resolve(&app->labels, word, l->key)) {
        ui_say(app, UI_ROLE_WARN, "Not an address, nor the name of one: %.45s", word);
        return;
    }
    if (n > UI_LABEL_MAX) {
        ui_say(app, UI_ROLE_WARN, "A name has at most %u characters", UI_LABEL_MAX);
        return;
    }
    memcpy(l->text, rest, n);
    l->text[n] = 0;
    if (ui_labels_set(&app->labels, l->key, l->text, &e)) {
        ui_say(app, UI_ROLE_WARN, "%s: %s", e.at, e.msg);
        return;
    }
    for (int i = 0; i < UI_PANES; i++)
        app->table[i].dirty = true;
    ui_say(app, UI_ROLE_OK, n ? "%s is '%s' now" : "%s has no name%s", ui_key_cut(l->key, key),
           l->text);
    ui_act(app, UI_ACT_LABEL);
}
