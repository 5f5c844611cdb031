// SPDX-License-Identifier: MIT
/* From events to state, for everything but dialogs (modal.c). */
#include "ui/panes/panes.h"

void ui_app_init(struct ui_app *app)
{
    *app = (struct ui_app){
        .w = 80, .h = 24, .charset = UI_CHARSET_ASCII, .mouse = true, .slice = UI_TABLE_SLICE};
    for (int i = 0; i < UI_PANES; i++)
        if (ui_pane_list[i]->source)
            ui_table_init(&app->table[i], ui_pane_list[i]->source(app));
    su_buf_init(&app->raw.text, UI_RAW_TEXT);
    app->log_level = SU_FEED_INFO;
    app->variant[UI_PANE_LOG] = SU_FEED_INFO;
    app->table[UI_PANE_LOG].follow = true;
}

void ui_app_fini(struct ui_app *app)
{
    for (int i = 0; i < UI_PANES; i++)
        ui_table_fini(&app->table[i]);
    su_buf_fini(&app->raw.text);
    ui_labels_fini(&app->labels);
    ui_labels_use(NULL);
    explicit_bzero(app, sizeof *app);
}

void ui_act(struct ui_app *app, enum ui_action_kind kind)
{
    if (app->n_out < UI_ACTIONS)
        app->out[app->n_out++] = kind;
}

void ui_say(struct ui_app *app, enum ui_role role, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(app->message, sizeof app->message, fmt, ap);
    va_end(ap);
    app->message_role = role;
    if (role == UI_ROLE_BAD)
        app->errors++;
}

struct ui_view ui_view_of(const struct ui_app *app)
{
    return (struct ui_view){app->snap, app->wall_ms, app->variant[app->pane]};
}

struct ui_layout ui_layout_of(const struct ui_app *app)
{
    const struct ui_pane_ops *p = ui_pane_list[app->pane];

    return ui_layout_make(app->w, app->h, p->top_rows, p->detail_rows, p->source != NULL);
}

struct ui_table *ui_table_of(struct ui_app *app)
{
    return ui_pane_list[app->pane]->source ? &app->table[app->pane] : NULL;
}

bool ui_selected(const struct ui_app *app, struct ui_row *out)
{
    return app->snap && ui_pane_list[app->pane]->source &&
           ui_table_row(&app->table[app->pane], out);
}

bool ui_app_uses(const struct ui_app *app, const struct su_feed_snapshot *s)
{
    return s && (s == app->snap || s == app->next);
}

static void go_on_with_next(struct ui_app *app)
{
    app->snap = app->next;
    app->next = NULL;
}

/* A search stands on the rows that are there: the order or snapshot to come waits for its end. */
static bool search_on(struct ui_app *app)
{
    struct ui_table *t = ui_table_of(app);
    struct ui_view v = ui_view_of(app);

    if (!t || !t->find.on || !ui_table_is_of(t, app->snap))
        return false;
    switch (ui_table_find_work(t, &v, app->slice)) {
    case UI_FOUND_LATER:
        app->working = true;
        return true;
    case UI_FOUND_NOT:
        ui_say(app, UI_ROLE_WARN, "Not found: %s", t->find.text);
        return false;
    default:
        return false;
    }
}

/* Rows in their order, of the newest snapshot. What takes long leaves those of the one before. */
static void refresh(struct ui_app *app, bool slice)
{
    struct ui_layout l = ui_layout_of(app);
    struct ui_table *t = ui_table_of(app);
    const struct ui_source *source;
    struct ui_view v;

    app->working = false;
    if (!app->snap)
        return;
    source = t ? ui_pane_list[app->pane]->source(app) : NULL;
    if (t && t->source != source) {
        ui_table_fini(t);
        ui_table_init(t, source);
    }
    if (app->next && (!t || !ui_table_is_of(t, app->snap)))
        go_on_with_next(app);
    if (!t || search_on(app))
        return;
    v = ui_view_of(app);
    v.s = app->next ? app->next : app->snap;
    if (ui_table_update(t, &v, l.body.h, app->slice, slice)) {
        if (app->next)
            go_on_with_next(app);
        return;
    }
    if (!ui_table_is_of(t, app->snap))
        ui_table_clear(t);
    app->working = true;
}

static void take(struct ui_app *app, const struct su_feed_snapshot *s)
{
    app->next = s;
    if (!app->snap)
        go_on_with_next(app);
}

void ui_pane_set(struct ui_app *app, int pane)
{
    struct ui_table *t = ui_table_of(app);

    if (t)
        ui_table_find(t, "", 1, 0);
    app->pane = (pane + UI_PANES) % UI_PANES;
    app->scroll = 0;
    if (app->mode == UI_DETAIL)
        app->mode = UI_LIST;
    if (app->pane == UI_PANE_LOG)
        app->errors = 0;
}

/* ---- requests ---------------------------------------------------------------------------------- */

static void move(struct ui_app *app, int64_t by)
{
    struct ui_table *t = ui_table_of(app);
    struct ui_view v = ui_view_of(app);

    if (app->mode == UI_DETAIL) {
        int64_t to = app->scroll + by;
        app->scroll = (int)(to < 0 ? 0 : to > 100000 ? 100000 : to);
    } else if (t && app->snap) {
        ui_table_move(t, &v, by);
    }
}

static void sort_by(struct ui_app *app, int step)
{
    struct ui_table *t = ui_table_of(app);
    int n;

    if (!t)
        return;
    n = (int)t->source->n_col;
    ui_table_sort(t, (t->sort + 1 + step + n + 1) % (n + 1) - 1, t->desc);
}

static void find(struct ui_app *app, int by)
{
    struct ui_table *t = ui_table_of(app);

    if (!t || !app->snap || t->n == 0)
        return;
    if (!app->search[0]) {
        ui_say(app, UI_ROLE_WARN, "Nothing to search for: / first");
        return;
    }
    ui_table_find(t, app->search, by,
                  by > 0 ? (t->cursor + 1) % t->n : (t->cursor + t->n - 1) % t->n);
}

static void back(struct ui_app *app)
{
    struct ui_table *t = ui_table_of(app);

    if (app->mode == UI_DETAIL)
        app->mode = UI_LIST;
    else if (t && t->filter[0])
        ui_table_filter(t, "");
    else if (t)
        t->n_tag = 0;
}

static void quit(struct ui_app *app)
{
    if (app->mode == UI_DETAIL) {
        app->mode = UI_LIST;
    } else if (app->pending == UI_PENDING_COMMIT) {
        app->ask = SU_UI_LEFT;
        app->mode = UI_ASK;
    } else {
        ui_act(app, UI_ACT_QUIT);
    }
}

static void cancel(struct ui_app *app)
{
    if (app->cancel_ms != 0 && app->now_ms - app->cancel_ms < 2000) {
        ui_act(app, UI_ACT_QUIT);
        return;
    }
    app->cancel_ms = app->now_ms;
    if (app->pending != UI_PENDING_NONE)
        ui_act(app, UI_ACT_CANCEL);
    else if (app->pane == UI_PANE_RUN && ui_run_stop(app))
        return;
    ui_say(app, UI_ROLE_TEXT, "Cancelled. ^C again leaves");
}

static void fold(struct ui_app *app, int want)
{
    struct ui_table *t = ui_table_of(app);
    struct ui_view v = ui_view_of(app);

    if (t && app->snap)
        (void)ui_table_fold(t, &v, want);
}

static void copy(struct ui_app *app)
{
    const struct ui_pane_ops *p = ui_pane_list[app->pane];
    struct ui_row r;

    if (p->key && ui_selected(app, &r) && p->key(app, r, app->text)) {
        ui_act(app, UI_ACT_COPY);
        ui_say(app, UI_ROLE_TEXT, "%s", app->text);
    }
}

static void write_pane(struct ui_app *app)
{
    if (!ui_pane_list[app->pane]->source)
        return;
    snprintf(app->text, sizeof app->text, "splitup-%s.tsv", ui_pane_list[app->pane]->name);
    ui_act(app, UI_ACT_WRITE);
}

static bool movement(struct ui_app *app, int request)
{
    int64_t page = SU_MAX(ui_layout_of(app).body.h - 1, 1);

    switch (request) {
    case UI_REQ_UP:
        move(app, -1);
        return true;
    case UI_REQ_DOWN:
        move(app, 1);
        return true;
    case UI_REQ_PAGE_UP:
        move(app, -page);
        return true;
    case UI_REQ_PAGE_DOWN:
        move(app, page);
        return true;
    case UI_REQ_HALF_UP:
        move(app, -(page + 1) / 2);
        return true;
    case UI_REQ_HALF_DOWN:
        move(app, (page + 1) / 2);
        return true;
    case UI_REQ_FIRST:
        move(app, -(int64_t)UINT32_MAX);
        return true;
    case UI_REQ_LAST:
        move(app, UINT32_MAX);
        return true;
    case UI_REQ_LEFT:
    case UI_REQ_FOLD:
        fold(app, 0);
        return true;
    case UI_REQ_RIGHT:
    case UI_REQ_OPEN:
        fold(app, 1);
        return true;
    case UI_REQ_TREE:
        fold(app, -1);
        return true;
    case UI_REQ_NEXT_MATCH:
        find(app, 1);
        return true;
    case UI_REQ_PREV_MATCH:
        find(app, -1);
        return true;
    case UI_REQ_BACK:
        back(app);
        return true;
    default:
        return false;
    }
}

static bool table_request(struct ui_app *app, int request)
{
    struct ui_table *t = ui_table_of(app);
    struct ui_view v = ui_view_of(app);

    switch (request) {
    case UI_REQ_SORT:
        sort_by(app, 1);
        return true;
    case UI_REQ_SORT_BACK:
        sort_by(app, -1);
        return true;
    case UI_REQ_INVERT:
        if (t)
            ui_table_sort(t, t->sort, !t->desc);
        return true;
    case UI_REQ_OPEN_ALL:
        if (t) {
            t->all_open = !t->all_open;
            t->n_open = 0;
            t->dirty = true;
        }
        return true;
    case UI_REQ_TAG:
        if (t && app->snap) {
            ui_table_tag(t, &v);
            move(app, 1);
        }
        return true;
    case UI_REQ_UNTAG:
        if (t)
            t->n_tag = 0;
        return true;
    case UI_REQ_ENTER:
        if (app->mode == UI_LIST && ui_pane_list[app->pane]->detail && t && t->n > 0) {
            app->mode = UI_DETAIL;
            app->scroll = 0;
        }
        return true;
    default:
        return false;
    }
}

static void next_charset(struct ui_app *app)
{
    app->charset = app->charset == UI_CHARSET_UTF8  ? UI_CHARSET_ACS
                   : app->charset == UI_CHARSET_ACS ? UI_CHARSET_ASCII
                                                    : UI_CHARSET_UTF8;
    ui_act(app, UI_ACT_CONFIGURE);
    ui_say(app, UI_ROLE_TEXT, "Charset %s", ui_charset_name(app->charset));
}

static bool outside_request(struct ui_app *app, int request)
{
    char keys[UI_HINT];

    switch (request) {
    case UI_REQ_QUIT:
        quit(app);
        return true;
    case UI_REQ_CANCEL:
        cancel(app);
        return true;
    case UI_REQ_PAUSE:
        app->paused = !app->paused;
        ui_say(app, UI_ROLE_TEXT, "%s",
               app->paused ? ui_hint(app, "Paused: {pause} goes on", keys) : "Going on");
        return true;
    case UI_REQ_RELOAD:
        ui_act(app, UI_ACT_HURRY);
        ui_say(app, UI_ROLE_TEXT, "Asking again");
        return true;
    case UI_REQ_REDRAW:
        ui_act(app, UI_ACT_REDRAW);
        return true;
    case UI_REQ_SUSPEND:
        ui_act(app, UI_ACT_SUSPEND);
        return true;
    case UI_REQ_PLAIN:
        ui_act(app, UI_ACT_PLAIN);
        return true;
    case UI_REQ_COPY:
        copy(app);
        return true;
    case UI_REQ_WRITE:
        write_pane(app);
        return true;
    case UI_REQ_CHARSET:
        next_charset(app);
        return true;
    case UI_REQ_MOUSE:
        app->mouse = !app->mouse;
        ui_act(app, UI_ACT_CONFIGURE);
        ui_say(app, UI_ROLE_TEXT, app->mouse ? "Mouse on" : "Mouse off: the terminal selects");
        return true;
    default:
        return false;
    }
}

static void set_mode(struct ui_app *app, enum ui_mode mode)
{
    app->mode = mode;
    app->scroll = 0;
    app->menu = 0;
    app->help_filter[0] = 0;
}

void ui_request(struct ui_app *app, int request)
{
    if (app->snap && ui_pane_list[app->pane]->request &&
        ui_pane_list[app->pane]->request(app, request))
        return;
    if (request >= UI_REQ_PANE_1 && request <= UI_REQ_PANE_7) {
        ui_pane_set(app, request - UI_REQ_PANE_1);
        return;
    }
    if (movement(app, request) || table_request(app, request) || outside_request(app, request))
        return;
    switch (request) {
    case UI_REQ_NEXT_PANE:
        ui_pane_set(app, app->pane + 1);
        break;
    case UI_REQ_PREV_PANE:
        ui_pane_set(app, app->pane - 1);
        break;
    case UI_REQ_HELP:
        set_mode(app, UI_HELP);
        break;
    case UI_REQ_WALLET:
        set_mode(app, UI_WALLET);
        break;
    case UI_REQ_ACTIONS:
        set_mode(app, UI_MENU);
        break;
    case UI_REQ_SEARCH:
        ui_prompt_open(app, UI_PROMPT_SEARCH);
        break;
    case UI_REQ_FILTER:
        ui_prompt_open(app, UI_PROMPT_FILTER);
        break;
    case UI_REQ_COMMAND:
        ui_prompt_open(app, UI_PROMPT_COMMAND);
        break;
    case UI_REQ_LABEL:
        ui_label_open(app);
        break;
    case UI_REQ_TYPE:
        ui_prompt_open(app, UI_PROMPT_TEXT);
        break;
    case UI_REQ_STAKE:
        ui_open_form(app, SU_UI_DEPOSIT);
        break;
    case UI_REQ_UNSTAKE:
        ui_open_form(app, SU_UI_UNLOCK);
        break;
    case UI_REQ_DEPLOY:
        ui_open_form(app, SU_UI_DEPLOY);
        break;
    case UI_REQ_NODE:
        ui_open_form(app, SU_UI_NODE);
        break;
    case UI_REQ_WITHDRAW:
        ui_open_form(app, SU_UI_WITHDRAW);
        break;
    case UI_REQ_DROP:
        ui_open_form(app, SU_UI_DROP);
        break;
    case UI_REQ_REFUND:
        ui_open_form(app, SU_UI_REFUND);
        break;
    case UI_REQ_START_DEMO:
        ui_ask_demo(app);
        break;
    default:
        break;
    }
}

/* ---- events ------------------------------------------------------------------------------------ */

static void key_event(struct ui_app *app, int key)
{
    const struct ui_key_row *r;

    app->message[0] = 0;
    if (app->mode == UI_PROMPT) {
        ui_prompt_key(app, key);
        return;
    }
    r = ui_keys_bound(&app->binds, (enum ui_scope)app->pane, key);
    if (r && ui_layout_of(app).small && r->request != UI_REQ_QUIT && r->request != UI_REQ_CANCEL &&
        r->request != UI_REQ_SUSPEND && r->request != UI_REQ_BACK)
        return;
    if (r)
        ui_request(app, r->request);
}

static void click_body(struct ui_app *app, const struct ui_event *ev, const struct ui_layout *l)
{
    struct ui_table *t = ui_table_of(app);
    struct ui_view v = ui_view_of(app);
    size_t to;

    if (!t || !app->snap)
        return;
    to = t->top + (size_t)(ev->y - l->body.y);
    if (to >= t->n)
        return;
    ui_table_go(t, &v, to);
    t->follow = false;
    if (ev->mouse == UI_MOUSE_DOUBLE)
        ui_request(app, UI_REQ_ENTER);
}

static void mouse_event(struct ui_app *app, const struct ui_event *ev)
{
    struct ui_layout l = ui_layout_of(app);
    struct ui_table *t = ui_table_of(app);
    int px, py;

    if (l.small || app->mode == UI_PROMPT)
        return;
    if (app->mode == UI_DETAIL) {
        if (ev->mouse == UI_MOUSE_WHEEL_UP || ev->mouse == UI_MOUSE_WHEEL_DOWN)
            move(app, ev->mouse == UI_MOUSE_WHEEL_UP ? -3 : 3);
        if (ev->y != l.tabs.y && ev->y != l.keys.y)
            return;
    }
    if (app->pane == UI_PANE_RUN && ui_run_canvas(app, ev->x, ev->y, &px, &py) &&
        (ev->mouse == UI_MOUSE_CLICK || ev->mouse == UI_MOUSE_DRAG)) {
        ui_run_pen(app, px, py);
        return;
    }
    if (ev->mouse == UI_MOUSE_WHEEL_UP || ev->mouse == UI_MOUSE_WHEEL_DOWN) {
        move(app, ev->mouse == UI_MOUSE_WHEEL_UP ? -3 : 3);
    } else if (ev->mouse == UI_MOUSE_DRAG) {
        return;
    } else if (ev->y == l.tabs.y) {
        int pane = ui_tab_at(app, ev->x);
        if (pane >= 0)
            ui_pane_set(app, pane);
    } else if (ev->y == l.keys.y) {
        const struct ui_key_row *r =
            ui_keys_bound(&app->binds, UI_SCOPE_ALL, UI_K_F(ui_key_bar_at(app, ev->x)));
        if (r)
            ui_request(app, r->request);
    } else if (t && l.head.h > 0 && ev->y == l.head.y) {
        int c = ui_table_column_at(t, app->w, ev->x);
        if (c >= 0)
            ui_table_sort(t, c, t->sort == c ? !t->desc : t->desc);
    } else if (ev->y >= l.body.y && ev->y < l.body.y + l.body.h) {
        click_body(app, ev, &l);
    }
}

static void plain_event(struct ui_app *app, const struct ui_event *ev)
{
    switch (ev->kind) {
    case UI_EVENT_KEY:
        key_event(app, ev->key);
        break;
    case UI_EVENT_PASTE:
        if (app->mode == UI_PROMPT) {
            ui_prompt_paste(app, ev->text);
        } else {
            ui_say(app, UI_ROLE_WARN, "Pasted text goes into fields only");
        }
        break;
    case UI_EVENT_MOUSE:
        mouse_event(app, ev);
        break;
    default:
        break;
    }
}

void ui_step(struct ui_app *app, const struct ui_event *ev, int64_t now_ms)
{
    app->now_ms = now_ms;
    ui_labels_use(&app->labels);
    ui_modal_tick(app); /* what has expired by now is not for this key any more */
    if (ev->kind == UI_EVENT_KEY || ev->kind == UI_EVENT_PASTE || ev->kind == UI_EVENT_RESULT ||
        ev->kind == UI_EVENT_RESIZE)
        app->spots.fresh = false;
    switch (ev->kind) {
    case UI_EVENT_RESIZE:
        app->w = SU_MIN(SU_MAX(ev->x, 1), UI_GRID_MAX_W);
        app->h = SU_MIN(SU_MAX(ev->y, 1), UI_GRID_MAX_H);
        break;
    case UI_EVENT_TICK:
        if (app->started_ms == 0)
            app->started_ms = now_ms;
        app->wall_ms = ev->wall_ms;
        break;
    case UI_EVENT_FEED:
        take(app, ev->snapshot);
        break;
    case UI_EVENT_WORK:
        break;
    case UI_EVENT_RESULT:
        ui_modal_result(app, ev->result);
        break;
    default:
        if (!ui_modal_event(app, ev))
            plain_event(app, ev);
        break;
    }
    refresh(app, ev->kind == UI_EVENT_WORK);
}
