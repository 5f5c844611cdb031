// SPDX-License-Identifier: MIT
/* How a table looks: a mark, then the columns that the width allows, each after a blank. */
#include "ui/widgets/table.h"

#include <string.h>

#define COLUMNS_MAX 24

struct fit {
    int width[COLUMNS_MAX]; /* 0 = left out */
    size_t n;
};

static struct fit fit_columns(const struct ui_source *src, int w)
{
    struct fit f = {.n = SU_MIN(src->n_col, (size_t)COLUMNS_MAX)};
    int left = w;
    unsigned worst = 0;

    for (size_t i = 0; i < f.n; i++) {
        f.width[i] = src->col[i].width;
        left -= src->col[i].width + 1;
        worst = SU_MAX(worst, src->col[i].priority);
    }
    for (; left < 0 && worst > 0; worst--)
        for (size_t i = f.n; i-- > 0 && left < 0;)
            if (src->col[i].priority == worst && f.width[i] > 0) {
                left += f.width[i] + 1;
                f.width[i] = 0;
            }
    /* Flexible columns share what is left, but half of a row at most for one. */
    for (size_t i = 0, flex = 0; left > 0 && flex < 8; flex++)
        for (i = 0; i < f.n && left > 0; i++)
            if (src->col[i].flex && f.width[i] > 0 && (f.width[i] < w / 2 || i + 1 == f.n)) {
                int more = SU_MIN(left, 8);
                f.width[i] += more;
                left -= more;
            }
    return f;
}

int ui_table_column_at(const struct ui_table *t, int w, int x)
{
    struct fit f = fit_columns(t->source, w);
    int at = 1;

    for (size_t i = 0; i < f.n; i++) {
        if (f.width[i] == 0)
            continue;
        if (x >= at && x < at + f.width[i])
            return (int)i;
        at += f.width[i] + 1;
    }
    return -1;
}

void ui_table_draw_head(const struct ui_table *t, struct ui_area a)
{
    struct fit f = fit_columns(t->source, a.r.w);
    int x = 1;

    ui_fill(a, 0, 0, a.r.w, 1, ' ', UI_ROLE_COLHEAD);
    for (size_t i = 0; i < f.n; i++) {
        const struct ui_col *c = &t->source->col[i];
        enum ui_role role = (int)i == t->sort ? UI_ROLE_SORT : UI_ROLE_COLHEAD;
        char head[40];
        if (f.width[i] == 0)
            continue;
        snprintf(head, sizeof head, "%s%s", c->head, (int)i != t->sort ? "" : t->desc ? "v" : "^");
        ui_text_in(a, x, 0, f.width[i], role, c->right, head);
        x += f.width[i] + 1;
    }
}

static void draw_row(const struct ui_table *t, const struct ui_view *v, struct ui_area a, int y,
                     const struct fit *f, struct ui_row r)
{
    const struct ui_source *src = t->source;
    const struct su_feed_source *chain = &v->s->source[SU_FEED_CHAIN];
    bool tree = src->children != NULL, stale = chain->url[0] && !chain->ok && !chain->loading;
    int x = 1;

    for (size_t i = 0; i < f->n; i++) {
        const struct ui_col *c = &src->col[i];
        struct ui_value out = {.role = UI_ROLE_TEXT};
        int w = f->width[i], skip = 0;
        if (w == 0)
            continue;
        c->cell(v, r, false, &out);
        if (stale && c->kind == UI_COL_STATE &&
            out.text[0]) { /* an old state may be another by now */
            strncat(out.text, "?", sizeof out.text - strlen(out.text) - 1);
            out.role = UI_ROLE_DIM;
        }
        if (i == 0 && tree) {
            size_t kids = src->children(v, r.item);
            if (r.sub > 0) {
                ui_put(a, x + 1, y, r.sub == kids ? 0x2514 : 0x251c, UI_ROLE_RULE);
                ui_put(a, x + 2, y, 0x2500, UI_ROLE_RULE);
                skip = 4;
            } else {
                if (kids > 0)
                    ui_put(a, x, y, ui_table_is_open(t, v, r.item) ? '-' : '+', UI_ROLE_RULE);
                skip = 2;
            }
        }
        if (c->kind == UI_COL_BAR && out.whole > 0) {
            int bar = w - 5;
            ui_bar(a, x, y, bar, out.part, out.whole, out.role);
            ui_text_in(a, x + bar, y, 5, UI_ROLE_TEXT, true, out.text);
        } else {
            ui_text_in(a, x + skip, y, w - skip, out.role, c->right, out.text);
        }
        x += w + 1;
    }
    if (src->alert && src->alert(v, r))
        ui_put(a, 0, y, '!', UI_ROLE_BAD);
    if (ui_table_tagged(t, v, r))
        ui_put(a, 0, y, '*', UI_ROLE_TAG);
}

void ui_table_draw(const struct ui_table *t, const struct ui_view *v, struct ui_area a,
                   bool focused)
{
    struct fit f = fit_columns(t->source, a.r.w);

    for (int y = 0; y < a.r.h && t->top + (size_t)y < t->n; y++) {
        size_t i = t->top + (size_t)y;
        draw_row(t, v, a, y, &f, t->row[i]);
        if (i == t->cursor) {
            ui_put(a, 0, y, '>', UI_ROLE_SELECT);
            ui_paint(a, 0, y, a.r.w, focused ? UI_ROLE_SELECT : UI_ROLE_SELECT_OFF);
            if (focused)
                ui_cursor(a, 0, y);
        }
    }
}
