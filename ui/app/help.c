// SPDX-License-Identifier: MIT
/* The help screen and the manual page: both are the key table written out. */
#include "ui/panes/panes.h"

static bool wanted(const struct ui_app *app, const struct ui_key_row *r)
{
    char shown[24];

    return r->help[0] && (ui_match_text(r->help, app->help_filter) ||
                          ui_match_text(ui_keys_shown(&app->binds, r, shown), app->help_filter));
}

static size_t collect(const struct ui_app *app, enum ui_scope scope, const struct ui_key_row **out,
                      size_t n, size_t cap)
{
    for (size_t i = 0; i < ui_keys_count && n < cap; i++)
        if (ui_keys[i].scope == scope && wanted(app, &ui_keys[i]))
            out[n++] = &ui_keys[i];
    return n;
}

#define ENTRIES 128
static size_t entries(const struct ui_app *app, const struct ui_key_row *out[ENTRIES],
                      size_t first[4])
{
    size_t n = 0;

    first[0] = 0;
    n = collect(app, (enum ui_scope)app->pane, out, n, ENTRIES);
    first[1] = n;
    n = collect(app, UI_SCOPE_ALL, out, n, ENTRIES);
    first[2] = n;
    n = collect(app, UI_SCOPE_FORM, out, n, ENTRIES);
    n = collect(app, UI_SCOPE_PREVIEW, out, n, ENTRIES);
    first[3] = n;
    return n;
}

static const char *mark(const struct ui_key_row *r)
{
    return r->tier == 2 ? " $" : r->tier == 3 ? " !" : "";
}

enum { KEY_CELLS = 9 }; /* from the edge of a column to what its key does */

/* As many side by side as have room for the longest of them. */
static int columns(const struct ui_app *app, const struct ui_key_row *const *row, size_t n)
{
    int cols = app->w >= 120 ? 4 : app->w >= 78 ? 3 : 2, longest = 0;

    for (size_t i = 0; i < n; i++)
        longest = SU_MAX(longest, (int)(strlen(row[i]->help) + strlen(mark(row[i]))));
    while (cols > 1 && app->w / cols < KEY_CELLS + longest)
        cols--;
    return cols;
}

/* Rows of a section, its head left out. */
static int section_rows(const struct ui_app *app, const struct ui_key_row *const *row, size_t n)
{
    int cols = columns(app, row, n);

    return (int)((n + (size_t)cols - 1) / (size_t)cols);
}

int ui_help_lines(const struct ui_app *app)
{
    const struct ui_key_row *row[ENTRIES];
    size_t first[4];
    int lines = 1;

    entries(app, row, first);
    for (size_t s = 0; s < 3; s++)
        if (first[s + 1] > first[s])
            lines += 1 + section_rows(app, row + first[s], first[s + 1] - first[s]);
    return lines;
}

static void draw_section(const struct ui_app *app, struct ui_area in, int y,
                         const struct ui_key_row *const *row, size_t n)
{
    int per = section_rows(app, row, n), w = in.r.w / columns(app, row, n);

    for (size_t i = 0; i < n; i++) {
        struct ui_area c = ui_area_sub(in, w * ((int)i / per), 0, w, in.r.h);
        int line = y + (int)i % per;
        char shown[24];
        ui_text(c, 1, line, UI_ROLE_OK, ui_keys_shown(&app->binds, row[i], shown));
        ui_textf(c, KEY_CELLS, line, ui_key_is_off(app, row[i]) ? UI_ROLE_DIM : UI_ROLE_TEXT,
                 "%s%s", row[i]->help, mark(row[i]));
    }
}

void ui_draw_help(const struct ui_app *app, struct ui_area a)
{
    const struct ui_key_row *row[ENTRIES];
    size_t first[4];
    int y = -app->scroll;
    struct ui_area in = ui_area_sub(a, 0, 1, a.r.w, a.r.h - 1);

    entries(app, row, first);
    ui_textf(a, 1, 0, UI_ROLE_TEXT, "Keys%s%s   $ spends  ! also wants something typed",
             app->help_filter[0] ? " with " : "", app->help_filter);
    for (size_t s = 0; s < 3; s++) {
        size_t n = first[s + 1] - first[s];
        if (n == 0)
            continue;
        ui_text(in, 1, y++, UI_ROLE_TAG,
                ui_scope_name(s == 0   ? (enum ui_scope)app->pane
                              : s == 1 ? UI_SCOPE_ALL
                                       : UI_SCOPE_FORM));
        draw_section(app, in, y, row + first[s], n);
        y += section_rows(app, row + first[s], n);
    }
}

/* ---- splitup-keys(7) ------------------------------------------------------------------------------ */

static void mdoc_text(struct su_buf *b, const char *s)
{
    for (; *s; s++) {
        if (*s == '\\')
            su_buf_str(b, "\\e");
        else if (*s == '-' || *s == '~' || *s == '^')
            su_buf_printf(b, "\\%s", *s == '-' ? "-" : *s == '~' ? "(ti" : "(ha");
        else
            su_buf_u8(b, (uint8_t)*s);
    }
}

/* Which keys can be changed, and how. */
static void bind_page(struct su_buf *out)
{
    char word[24];

    su_buf_str(out, ".Sh KEYS OF ONE'S OWN\n"
                    "Lines of\n.Pa ui.conf\nin\n.Ev SPLITUP_HOME\nreplace the keys of a request:\n"
                    ".Bd -literal -offset indent\n"
                    "bind.everywhere.search = / ^S\n"
                    "bind.models.deploy = F11\n"
                    "bind.log.topic = none\n"
                    ".Ed\n.Pp\n"
                    "A key is a character, ^A to ^Z, F1 to F12, Enter, Tab, S\\-Tab, Space,\n"
                    "Up, Down, Left, Right, Home, End, PgUp, PgDn, Del or BS;\n"
                    "a request has at most three, or none.\n"
                    "A pane's keys go before those of everywhere.\n"
                    "The app does not start, and names file and line, when two requests of a\n"
                    "pane have the same key, when a line would take q, Esc, Enter, ^C, ^Z or\n"
                    "F10 away, when what spends would get a key that slow lines can take for a\n"
                    "part of another, or when a character would be taken from fields.\n"
                    "Help and the bar of F keys show what is bound.\n.Pp\nThe requests:\n"
                    ".Bl -tag -width \"everywhere\" -compact\n");
    for (int s = 0; s <= UI_SCOPE_PREVIEW; s++) {
        const char *sep = "";
        su_buf_printf(out, ".It %s\n", ui_scope_word((enum ui_scope)s));
        for (size_t i = 0; i < ui_keys_count; i++) {
            if (ui_keys[i].scope != (enum ui_scope)s)
                continue;
            su_buf_str(out, sep);
            mdoc_text(out, ui_request_word(&ui_keys[i], word));
            sep = ",\n";
        }
        su_buf_str(out, "\n");
    }
    su_buf_str(out, ".El\n");
}

void su_ui_keys_page(struct su_buf *out)
{
    static const enum ui_scope order[] = {
        UI_SCOPE_ALL,     UI_SCOPE_MODELS, UI_SCOPE_TASKS, UI_SCOPE_STAKE, UI_SCOPE_BEATS,
        UI_SCOPE_SAMPLES, UI_SCOPE_RUN,    UI_SCOPE_LOG,   UI_SCOPE_FORM,  UI_SCOPE_PREVIEW};

    su_buf_str(
        out, ".\\\" SPDX-License-Identifier: MIT\n"
             ".\\\" Written by the key table of the app: tests/unit/ui/test_tables.c renews it.\n"
             ".Dd November 22, 2026\n.Dt SPLITUP-KEYS 7\n.Os\n.Sh NAME\n.Nm splitup-keys\n"
             ".Nd keys of the terminal app\n.Sh DESCRIPTION\n"
             "The keys of\n.Xr splitup 1\nwithout a command.\nA key that spends opens a form; "
             "what is signed is shown first and the\nfirst button is Cancel.\nThose marked "
             "\\(lqtyped\\(rq also ask for the amount in letters of one's own.\n.Pp\n"
             "Behind : everything of\n.Xr splitup 1\ncan be typed, and words of the app: cluster, "
             "lock, filter, sort, charset,\nsave, write, label, pane.\nTab completes commands, "
             "their options, and what those take: models,\nnodes, oracles and executions by "
             "address, by name and by names of one's\nown, files, and whatever has a few values; "
             "it says what there is to choose from,\nor what comes next.\n");
    for (size_t s = 0; s < SU_ARRAY_LEN(order); s++) {
        su_buf_printf(out, ".Ss %s\n.Bl -tag -width \"F10 and more\" -compact\n",
                      ui_scope_name(order[s]));
        for (size_t i = 0; i < ui_keys_count; i++) {
            const struct ui_key_row *r = &ui_keys[i];
            if (r->scope != order[s] || !r->help[0])
                continue;
            su_buf_str(out, ".It ");
            mdoc_text(out, r->shown);
            su_buf_str(out, "\n");
            mdoc_text(out, r->help);
            su_buf_str(out, r->tier == 2 ? " (spends)" : r->tier == 3 ? " (spends, typed)" : "");
            su_buf_str(out, "\n");
        }
        su_buf_str(out, ".El\n");
    }
    bind_page(out);
    su_buf_str(out, ".Sh SEE ALSO\n.Xr splitup 1\n");
}
