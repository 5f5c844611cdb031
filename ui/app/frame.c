// SPDX-License-Identifier: MIT
/* What is around the panes: header, tabs, information, messages, keys; and the screen of terminals
   that are too small for anything else. */
#include "ui/panes/panes.h"

static struct ui_area rect(struct ui_area a, struct ui_rect r)
{
    return ui_area_sub(a, r.x, r.y, r.w, r.h);
}

static const char *wallet_text(const struct ui_app *app)
{
    if (app->readonly)
        return "READ-ONLY";
    if (!app->snap)
        return "wallet ?";
    if (!app->snap->has_wallet)
        return app->sealed ? "wallet LOCKED" : "wallet NONE";
    return app->unlocked ? "wallet UNLOCKED" : app->sealed ? "wallet LOCKED" : "wallet OPEN";
}

static const char *node_word(const struct su_feed_snapshot *s)
{
    static const char *const word[] = {"?",        "DOWN",  "LATE",  "LOADING",
                                       "DRAINING", "UNFIT", "ACTIVE"};
    const struct su_feed_node *n = s->has_identity ? ui_node_find(s, s->identity) : NULL;

    return n && n->state < SU_ARRAY_LEN(word) ? word[n->state] : "unregistered";
}

static const char *chain_age(const struct ui_app *app, char out[UI_FORMAT])
{
    const struct su_feed_source *c = &app->snap->source[SU_FEED_CHAIN];
    char age[UI_FORMAT];

    if (c->good_ms == INT64_MIN)
        su_str_copy(out, UI_FORMAT, "...");
    else
        snprintf(out, UI_FORMAT, "+%s%s", ui_age(app->wall_ms, c->good_ms, age), c->ok ? "" : "!");
    return out;
}

static void header(const struct ui_app *app, struct ui_area a)
{
    const struct su_feed_snapshot *s = app->snap;
    char one[UI_FORMAT], two[UI_FORMAT];
    int x, end;

    ui_fill(a, 0, 0, a.r.w, 1, ' ', UI_ROLE_HEADER);
    end = ui_text_right(a, a.r.w, 0, UI_ROLE_HEADER, wallet_text(app));
    if (app->pending != UI_PENDING_NONE)
        end = ui_text_right(a, end - 2, 0, UI_ROLE_HEADER,
                            ui_needs_chain(app->pending_kind) ? "1 tx" : "busy");
    if (app->errors > 0) {
        snprintf(one, sizeof one, "%u error%s", app->errors, app->errors == 1 ? "" : "s");
        end = ui_text_right(a, end - 2, 0, UI_ROLE_HEADER, one);
    }
    a = ui_area_sub(a, 0, 0, end - 1, 1);
    x = ui_text(a, 1, 0, UI_ROLE_HEADER, "SplitUp");
    if (!s)
        return;
    x = ui_textf(a, x + 1, 0, UI_ROLE_HEADER, "%s", s->cluster);
    if (s->slot == SU_FEED_UNKNOWN)
        x = ui_text(a, x + 1, 0, UI_ROLE_HEADER, "---------");
    else
        x = ui_textf(a, x + 1, 0, UI_ROLE_HEADER, "%" PRIu64, s->slot);
    x = ui_textf(a, x + 1, 0, UI_ROLE_HEADER, "%s", chain_age(app, one));
    if (app->paused)
        x = ui_textf(a, x + 1, 0, UI_ROLE_HEADER, "PAUSED %s",
                     ui_age(app->wall_ms, s->made_ms, two));
    if (s->has_identity)
        ui_textf(a, x + 2, 0, UI_ROLE_HEADER, "%s %s", ui_key_short(s->identity, one),
                 node_word(s));
}

/* Where a tab begins; all of them are in sight at the least width, sharing the blanks between them. */
static int tab_begin(int w, int pane)
{
    int whole = 0, x = 0, tight;

    for (int i = 0; i < UI_PANES; i++)
        whole += (int)strlen(ui_pane_list[i]->title) + 4;
    tight = whole > w;
    for (int i = 0; i < pane; i++)
        x += (int)strlen(ui_pane_list[i]->title) + 4 - tight;
    return x;
}

int ui_tab_at(const struct ui_app *app, int x)
{
    for (int i = UI_PANES; i-- > 0;)
        if (x >= tab_begin(app->w, i))
            return x < tab_begin(app->w, i) + (int)strlen(ui_pane_list[i]->title) + 4 ? i : -1;
    return -1;
}

static void tabs(const struct ui_app *app, struct ui_area a)
{
    char text[2 * UI_FORMAT], time[UI_FORMAT];
    unsigned alerts = app->snap ? ui_alerts(app->snap) : 0;
    int x = 0;

    ui_fill(a, 0, 0, a.r.w, 1, ' ', UI_ROLE_HEADER);
    for (int i = 0; i < UI_PANES; i++) {
        snprintf(text, sizeof text, " %d %s ", i + 1, ui_pane_list[i]->title);
        x = ui_text(a, tab_begin(a.r.w, i), 0, UI_ROLE_HEADER, text);
    }
    snprintf(text, sizeof text, "[%d %s]", app->pane + 1, ui_pane_list[app->pane]->title);
    ui_text(a, tab_begin(a.r.w, app->pane), 0, UI_ROLE_TAB, text);
    ui_clock(app->wall_ms, time);
    snprintf(text, sizeof text, "%u alert%s %s", alerts, alerts == 1 ? "" : "s", time);
    if (x + ui_text_width(text) < a.r.w)
        ui_text_right(a, a.r.w, 0, UI_ROLE_HEADER, text);
    else if (alerts > 0)
        ui_text_right(a, a.r.w, 0, UI_ROLE_HEADER, "!");
}

/* In whole seconds: tenths of three sources would be most of what an idle screen writes. */
static const char *seconds_since(int64_t now_ms, int64_t then_ms, char out[UI_FORMAT])
{
    int64_t s = now_ms > then_ms ? (now_ms - then_ms) / 1000 : 0;

    if (s >= 10)
        return ui_age(now_ms, then_ms, out);
    snprintf(out, UI_FORMAT, "%ds", (int)s);
    return out;
}

static int freshness(const struct ui_app *app, struct ui_area a)
{
    static const char *const name[] = {"chain", "oracles", "node"};
    int end = a.r.w;

    for (size_t i = SU_FEED_ORIGINS; i-- > 0;) {
        const struct su_feed_source *c = &app->snap->source[i];
        char text[2 * UI_FORMAT], age[UI_FORMAT];
        if (!c->url[0])
            continue;
        if (c->good_ms == INT64_MIN)
            snprintf(text, sizeof text, "%s %s", name[i], c->loading ? "..." : "down");
        else
            snprintf(text, sizeof text, "%s %s%s", name[i],
                     seconds_since(app->wall_ms, c->good_ms, age), c->ok ? "" : "!");
        end = ui_text_right(a, end, 0, c->ok || c->loading ? UI_ROLE_DIM : UI_ROLE_BAD, text) - 2;
    }
    return end;
}

static void info(const struct ui_app *app, struct ui_area a)
{
    const struct ui_pane_ops *p = ui_pane_list[app->pane];
    const struct ui_table *t = &app->table[app->pane];
    const struct su_feed_source *c;
    char age[UI_FORMAT];
    int x = 1;

    if (!app->snap)
        return;
    a = ui_area_sub(a, 0, 0, freshness(app, a), 1);
    if (!p->source)
        return;
    c = &app->snap->source[SU_FEED_CHAIN];
    if (c->url[0] && !c->ok && !c->loading && c->good_ms != INT64_MIN)
        x = ui_textf(a, x, 0, UI_ROLE_BAD, "STALE %s", ui_age(app->wall_ms, c->good_ms, age)) + 2;
    if (t->sort >= 0)
        x = ui_textf(a, x, 0, UI_ROLE_DIM, "sort %s %c", t->source->col[t->sort].head,
                     t->desc ? 'v' : '^');
    else
        x = ui_textf(a, x, 0, UI_ROLE_DIM, "sort %s",
                     t->desc ? "as it came, turned" : "as it came");
    x = ui_textf(a, x + 3, 0, UI_ROLE_DIM, "filter ");
    x = ui_text(a, x, 0, t->filter[0] ? UI_ROLE_WARN : UI_ROLE_DIM,
                t->filter[0] ? t->filter : "none");
    if (app->variant[app->pane] & UI_VARIANT_OWN && app->pane != UI_PANE_LOG)
        x = ui_text(a, x + 2, 0, UI_ROLE_WARN, "mine");
    x = ui_textf(a, x + 3, 0, UI_ROLE_DIM, "%zu of %zu", t->matching, t->items);
    if (t->n_tag)
        ui_textf(a, x + 2, 0, UI_ROLE_TAG, "%zu tagged", t->n_tag);
}

/* Keys of one's own may have brought something to an F key that has no short label. */
static const char *bar_label(const struct ui_key_row *r)
{
    return r->label[0] ? r->label : r->help;
}

int ui_key_bar_at(const struct ui_app *app, int x)
{
    return SU_MIN(x / SU_MAX(app->w / 10, 1), 9) + 1;
}

static void key_bar(const struct ui_app *app, struct ui_area a)
{
    bool list = app->mode == UI_LIST || app->mode == UI_DETAIL;
    int w = a.r.w / 10;

    for (int n = 1; n <= 10; n++) {
        const struct ui_key_row *r = ui_keys_bound(&app->binds, UI_SCOPE_ALL, UI_K_F(n));
        const char *label = r ? bar_label(r) : "";
        bool off = r && (ui_key_is_off(app, r) ||
                         (r->tier >= 2 && (!app->snap || !app->snap->has_wallet)));
        int x = (n - 1) * w;
        char key[8];
        if (!list)
            label = n == 1 && app->mode == UI_HELP ? "Leave" : n == 10 ? "Back" : "";
        if (n == 5 && list &&
            !(ui_pane_list[app->pane]->source && app->table[app->pane].source->children))
            label = "";
        snprintf(key, sizeof key, "F%d", n);
        x = ui_text(a, x, 0, UI_ROLE_TEXT, key);
        ui_text_in(a, x, 0, n * w - x, off ? UI_ROLE_DIM : UI_ROLE_KEY, false, label);
    }
}

/* The pane's own keys as they are bound, as many as fit; the list of actions has all of them. */
static void list_hint(const struct ui_app *app, struct ui_area a)
{
    const struct ui_key_row *all = NULL;
    char key[24], more[40], text[80];
    int x = 1, left;

    for (size_t i = 0; i < ui_keys_count; i++)
        if (ui_keys[i].request == UI_REQ_ACTIONS)
            all = &ui_keys[i];
    snprintf(more, sizeof more, "%s more", ui_keys_shown(&app->binds, all, key));
    left = a.r.w - ui_text_width(more) - 1;
    for (size_t i = 0; i < ui_keys_count; i++) {
        const struct ui_key_row *r = &ui_keys[i];
        if (r->scope != (enum ui_scope)app->pane || !r->help[0] || ui_key_is_off(app, r))
            continue;
        snprintf(text, sizeof text, "%s %s", ui_keys_shown(&app->binds, r, key), r->help);
        if (x + ui_text_width(text) + 3 > left)
            break;
        x = ui_text(a, x, 0, UI_ROLE_DIM, text) + 3;
    }
    ui_text(a, x, 0, UI_ROLE_DIM, more);
}

static const char *hint_of(const struct ui_app *app)
{
    switch (app->mode) {
    case UI_FORM:
        return "{forms.next-field} next   Enter goes on   Esc cancel   {forms.most} all there is";
    case UI_PREVIEW:
        if (app->preview.p.n_tx == 0)
            return "Tab and Enter go on   Esc cancel   early keys are dropped";
        if (app->preview.p.tier >= SU_OPS_TIER_TYPED)
            return "Tab Tab, type it, Enter Enter   Esc cancel   {previews.raw} raw bytes";
        return "Tab to Sign   Esc cancel   {previews.raw} raw transaction   early keys are dropped";
    case UI_WAIT:
        return "Esc cancels";
    case UI_SENDING:
        return "Esc hides this; it goes on";
    case UI_DETAIL:
        return "Esc back   {down} {up} scroll   {plain} plain text";
    case UI_HELP:
        return "type to filter   F1 or Esc to leave";
    default:
        return "";
    }
}

/* Whole: over the rows above, where nothing is that one has to see; a prompt has the last row. */
static void message(const struct ui_app *app, struct ui_area a, const struct ui_layout *l)
{
    int rows = ui_paragraph_rows(l->message.w - 2, app->message);
    int below = app->mode == UI_PROMPT && !ui_run_typing(app);

    if ((rows > 1 || below) && !ui_modal_is_dialog(app->mode) && app->mode != UI_HELP) {
        struct ui_area box = ui_area_sub(a, 0, l->message.y - below - rows + 1, l->message.w, rows);
        ui_fill(box, 0, 0, box.r.w, box.r.h, ' ', UI_ROLE_TEXT);
        ui_paragraph(ui_area_sub(box, 1, 0, box.r.w - 2, rows), 0, app->message_role, app->message);
    } else {
        ui_text(rect(a, l->message), 1, 0, app->message_role, app->message);
    }
}

void ui_draw_message(const struct ui_app *app, struct ui_area a, const struct ui_layout *l)
{
    if (app->message[0])
        message(app, a, l);
    else if (app->mode == UI_LIST && ui_pane_list[app->pane]->source)
        list_hint(app, rect(a, l->message));
    else
        ui_hint_text(app, rect(a, l->message), 1, 0, UI_ROLE_DIM, hint_of(app));
}

void ui_draw_frame(const struct ui_app *app, struct ui_area a, const struct ui_layout *l)
{
    header(app, rect(a, l->header));
    tabs(app, rect(a, l->tabs));
    if (app->mode != UI_HELP && app->mode != UI_DETAIL)
        info(app, rect(a, l->info));
    key_bar(app, rect(a, l->keys));
}

void ui_draw_small(const struct ui_app *app, struct ui_area a)
{
    const struct su_feed_snapshot *s = app->snap;
    char one[UI_FORMAT], two[UI_FORMAT];
    unsigned alerts;

    ui_textf(a, 1, 0, UI_ROLE_HEADER, "SplitUp %dx%d (needs %dx%d)", app->w, app->h, UI_MIN_W,
             UI_MIN_H);
    if (s) {
        ui_textf(a, 1, 2, UI_ROLE_TEXT, "%s  slot %s %s", node_word(s), ui_count(s->slot, one),
                 chain_age(app, two));
        ui_textf(a, 1, 3, UI_ROLE_TEXT, "models %zu  tasks %zu", s->n_model, s->n_execution);
        alerts = ui_alerts(s);
        if (alerts)
            ui_textf(a, 1, 4, UI_ROLE_BAD, "! %u alerts", alerts);
    }
    if (ui_modal_is_dialog(app->mode))
        ui_text(a, 1, 5, UI_ROLE_WARN, "a dialog is open; Esc cancels it");
    ui_text(a, 1, 6, UI_ROLE_TEXT, "Resize, or: splitup ui --once");
    ui_text(a, 1, 8, UI_ROLE_TEXT, "q quit");
}
