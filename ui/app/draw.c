// SPDX-License-Identifier: MIT
/* From state to cells. */
#include "ui/panes/panes.h"

static struct ui_area rect(struct ui_area a, struct ui_rect r)
{
    return ui_area_sub(a, r.x, r.y, r.w, r.h);
}

static void draw_waiting(const struct ui_app *app, struct ui_area a)
{
    unsigned good = 0, all = 0;
    char text[400];
    int y;

    if (app->now_ms - app->started_ms < 250)
        return;
    if (app->snap)
        for (size_t i = 0; i < SU_FEED_ORIGINS; i++) {
            all += app->snap->source[i].url[0] != 0;
            good += app->snap->source[i].ok;
        }
    snprintf(text, sizeof text, "Loading from %s  (%.1f s, %u of %u sources answered)",
             app->snap ? app->snap->source[SU_FEED_CHAIN].url : "?",
             (double)(app->now_ms - app->started_ms) / 1000, good, all);
    y = ui_paragraph(ui_area_sub(a, 4, 0, a.r.w - 5, a.r.h), 2, UI_ROLE_TEXT, text);
    ui_hint_text(app, a, 4, y + 1, UI_ROLE_TEXT,
                 "{pane-7} log    {reload} ask again now    q quit");
}

/* At the bottom of the rows; of what is below them, too, where the error is long. */
static void draw_error(const struct ui_app *app, struct ui_area a, struct ui_area more)
{
    const struct su_feed_source *c = &app->snap->source[SU_FEED_CHAIN];
    struct ui_area in;
    char one[UI_FORMAT], two[UI_FORMAT], text[UI_HINT], error[sizeof c->error + sizeof c->url + 4];

    bool named = strstr(c->error, c->url) != NULL;
    int rows;

    snprintf(error, sizeof error, "%s%s%s", named ? "" : c->url, named ? "" : ": ", c->error);
    rows = ui_paragraph_rows(SU_MIN(a.r.w, 70) - 4, error);
    if (rows + 5 > a.r.h)
        a = more;
    rows = SU_MAX(SU_MIN(rows, a.r.h - 5), 1);
    a = ui_area_sub(a, (a.r.w - SU_MIN(a.r.w, 70)) / 2, SU_MAX(0, a.r.h - rows - 5),
                    SU_MIN(a.r.w, 70), rows + 5);
    in = ui_frame(a, "Chain unreachable", UI_ROLE_DANGER);
    ui_paragraph(ui_area_sub(in, 1, 0, in.r.w - 2, rows), 0, UI_ROLE_TEXT, error);
    in = ui_area_sub(in, 0, rows - 1, in.r.w, in.r.h - rows + 1);
    if (c->good_ms == INT64_MIN)
        ui_textf(in, 1, 1, UI_ROLE_TEXT, "It never answered (%u tries).", c->failures);
    else
        ui_textf(in, 1, 1, UI_ROLE_TEXT, "Last good answer %s ago, slot %s, %u failures since.",
                 ui_age(app->wall_ms, c->good_ms, one), ui_count(app->snap->slot, two),
                 c->failures);
    ui_hint_text(app, in, 1, 2, UI_ROLE_TEXT,
                 c->good_ms == INT64_MIN && app->can_switch
                     ? "{models.start-demo} in pane 1 starts a demo network on this machine."
                     : "What costs money is off until it answers.");
    snprintf(text, sizeof text, "{reload} ask again now (next in %s)   {wallet}, r another cluster",
             ui_age(c->retry_ms, app->wall_ms, one));
    ui_hint_text(app, in, 1, 3, UI_ROLE_TEXT, text);
}

static bool chain_never(const struct su_feed_snapshot *s)
{
    return s->source[SU_FEED_CHAIN].url[0] && s->source[SU_FEED_CHAIN].good_ms == INT64_MIN;
}

static void draw_table(const struct ui_app *app, struct ui_area all, const struct ui_layout *l)
{
    const struct ui_pane_ops *p = ui_pane_list[app->pane];
    const struct ui_table *t = &app->table[app->pane];
    struct ui_view v = ui_view_of(app);
    struct ui_area body = rect(all, l->body);

    ui_table_draw_head(t, rect(all, l->head));
    ui_table_draw(t, &v, body, !ui_modal_is_dialog(app->mode));
    if (t->n == 0 && t->build)
        ui_text(body, 4, 1, UI_ROLE_DIM, "Putting the rows in order ...");
    else if (t->n == 0 && t->filter[0])
        ui_textf(body, 4, 1, UI_ROLE_WARN, "0 of %zu match \\%s; Esc clears the filter", t->items,
                 t->filter);
    else if (t->n == 0 && chain_never(app->snap) && app->pane != UI_PANE_LOG)
        draw_waiting(app, body);
    else if (t->n == 0)
        p->empty(app, body);
    if (t->failed)
        ui_text(body, 4, 3, UI_ROLE_BAD, "! out of memory: not all rows are shown");
}

static void draw_detail(const struct ui_app *app, struct ui_area all, const struct ui_layout *l)
{
    const struct ui_pane_ops *p = ui_pane_list[app->pane];
    struct ui_row row;
    bool has = ui_selected(app, &row);
    char title[128] = "";

    if (l->detail.h == 0 || !p->detail)
        return;
    ui_rule(rect(all, l->rule), 0, p->detail_title(app, has ? &row : NULL, title));
    p->detail(app, has ? &row : NULL, rect(all, l->detail));
}

static void draw_log_strip(const struct ui_app *app, struct ui_area a)
{
    static const enum ui_role role[] = {UI_ROLE_BAD, UI_ROLE_WARN, UI_ROLE_TEXT, UI_ROLE_DIM};
    const struct su_feed_snapshot *s = app->snap;
    size_t n = SU_MIN(s->n_log, (size_t)SU_MAX(a.r.h - 2, 0));
    char keys[UI_HINT];

    if (a.r.h == 0)
        return;
    ui_rule(a, 0, ui_hint(app, "log ({pane-7})", keys));
    for (size_t i = 0; i < n; i++) {
        const struct su_feed_log *l = &s->log[s->n_log - n + i];
        char time[UI_FORMAT];
        int x = ui_textf(a, 1, (int)i + 1, UI_ROLE_DIM, "%s ", ui_clock(l->at_ms, time));
        x = ui_textf(a, x, (int)i + 1, role[l->level & 3], "%-7s ", l->topic);
        ui_text(a, x, (int)i + 1, role[l->level & 3], l->text);
    }
}

static void draw_full_detail(const struct ui_app *app, struct ui_area all,
                             const struct ui_layout *l)
{
    const struct ui_pane_ops *p = ui_pane_list[app->pane];
    struct ui_rect r = {0, 3, app->w, l->message.y - 3};
    struct ui_row row;
    bool has = ui_selected(app, &row);
    char title[128] = "";

    ui_rule(ui_area_sub(all, 0, 2, app->w, 1), 0, p->detail_title(app, has ? &row : NULL, title));
    p->detail(app, has ? &row : NULL, rect(all, r));
    ui_cursor(rect(all, r), 0, 0);
}

static void draw_pane(const struct ui_app *app, struct ui_area all, const struct ui_layout *l)
{
    const struct su_feed_source *c = &app->snap->source[SU_FEED_CHAIN];
    const struct ui_pane_ops *p = ui_pane_list[app->pane];

    if (app->mode == UI_HELP) {
        ui_draw_help(app, ui_area_sub(all, 0, 2, app->w, app->h - 4));
        return;
    }
    if (app->mode == UI_DETAIL && p->detail) {
        draw_full_detail(app, all, l);
        return;
    }
    if (p->draw) {
        p->draw(app, ui_area_sub(all, l->body.x, l->body.y, l->body.w, l->log.y - l->body.y));
    } else {
        if (p->top && l->top.h > 0)
            p->top(app, rect(all, l->top));
        draw_table(app, all, l);
        draw_detail(app, all, l);
        if (c->url[0] && !c->ok && !c->loading && app->pane != UI_PANE_LOG &&
            !ui_modal_is_dialog(app->mode))
            draw_error(app, rect(all, l->body),
                       ui_area_sub(all, 0, l->body.y, all.r.w, l->log.y - l->body.y));
    }
    draw_log_strip(app, rect(all, l->log));
}

void ui_draw(struct ui_app *app, struct ui_grid *g)
{
    struct ui_area all = ui_area_all(g);
    struct ui_layout l;

    ui_labels_use(&app->labels);
    ui_grid_clear(g);
    ui_spots_begin(app);
    if (g->w != app->w || g->h != app->h)
        return;
    l = ui_layout_of(app);
    if (l.small) {
        ui_draw_small(app, all);
        return;
    }
    ui_draw_frame(app, all, &l);
    if (!app->snap)
        draw_waiting(app, rect(all, l.body));
    else
        draw_pane(app, all, &l);
    ui_draw_message(app, all, &l);
    if (ui_modal_is_dialog(app->mode))
        ui_draw_modal(app, all);
    if (app->mode == UI_PROMPT && !ui_run_typing(app)) {
        static const char *const mark[] = {"/", "\\", ":", "prompt ", "cluster or URL "};
        static const char *const next[] = {"Enter, then {next-match} {prev-match}",
                                           "Enter keeps it", "Tab completes", "", "Enter opens it"};
        struct ui_area m = rect(all, l.message);
        ui_fill(m, 0, 0, m.r.w, 1, ' ', UI_ROLE_TEXT);
        char hint[UI_HINT];
        int end =
            ui_text_right(m, m.r.w, 0, UI_ROLE_DIM, ui_hint(app, next[app->prompt.kind], hint));
        int x = ui_text(m, 0, 0, UI_ROLE_TEXT, mark[app->prompt.kind]);
        ui_input_draw(&app->prompt.in, m, x, 0, end - 1 - x, true, false);
    }
}
