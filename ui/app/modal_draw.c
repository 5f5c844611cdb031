// SPDX-License-Identifier: MIT
/* How dialogs look. Each keeps its way out in sight at every size that has dialogs. */
#include "ui/panes/panes.h"

static struct ui_area dialog(const struct ui_app *app, struct ui_area a, int w, int h,
                             const char *title, enum ui_role role)
{
    struct ui_rect r = ui_layout_dialog(app->w, app->h, w, h);
    struct ui_area in = ui_frame(ui_area_sub(a, r.x, r.y, r.w, r.h), title, role);

    return ui_area_sub(in, 1, 0, in.r.w - 2, in.r.h);
}

struct press { /* what a click on a button does */
    struct ui_app *app;
    enum ui_spot_kind kind;
    int value;
};

static int button(struct ui_area a, int x, int y, const char *label, bool focus, bool off,
                  struct press p)
{
    int start = x;

    x = ui_textf(a, x, y,
                 focus ? UI_ROLE_BUTTON
                 : off ? UI_ROLE_DIM
                       : UI_ROLE_TEXT,
                 "[ %s ]", label);
    if (focus)
        ui_cursor(a, start, y);
    ui_spot(p.app, a, start, y, x - start, p.kind, p.value);
    return x + 3;
}

/* Words that are the key they name. */
static int entry(struct ui_app *app, struct ui_area a, int x, int y, enum ui_role role,
                 const char *text, int key)
{
    int end = ui_text(a, x, y, role, text);

    ui_spot(app, a, x, y, end - x, UI_SPOT_KEY, key);
    return end + 3;
}

static void spendable(const struct ui_app *app, struct ui_area a, int y)
{
    const struct su_feed_snapshot *s = app->snap;
    char one[UI_FORMAT];
    int x;

    if (!s || !s->has_wallet)
        return;
    x = ui_pair(a, 0, y, "Wallet    ", UI_ROLE_TEXT, ui_key_short(s->wallet, one));
    x = ui_pair(a, x, y, "holds", UI_ROLE_MONEY, ui_money(s->wallet_usdc, 6, one));
    ui_text(a, x - 2, y, UI_ROLE_DIM, "USDC");
}

/* What is said of field i, whole, in rows below it; where rows are few, of one field above the
   buttons. Returns the rows beyond the one that there always is. */
static int draw_said(const struct ui_form *f, size_t i, struct ui_area in, int y, bool few)
{
    bool bad = i == f->err_field;
    char text[sizeof f->err.msg + 2];
    int x = bad && few ? 0 : bad ? 11 : 12, rows;

    if (bad)
        snprintf(text, sizeof text, "! %s", f->err.msg);
    else
        su_str_copy(text, sizeof text, f->def->field[i].hint);
    if (few && !bad && (i != f->focus || f->err_field < SU_UI_FIELDS))
        return 0;
    rows = ui_paragraph_rows(in.r.w - x, text);
    if (few)
        y = SU_MAX(in.r.h - 1 - rows, y);
    ui_paragraph(ui_area_sub(in, x, y, in.r.w - x, SU_MIN(rows, in.r.h - 1 - y)), 0,
                 bad ? UI_ROLE_FIELD_BAD : UI_ROLE_DIM, text);
    return few ? 0 : rows - 1;
}

static int said_more(const struct ui_form *f, int w)
{
    char text[sizeof f->err.msg + 2];

    if (f->err_field >= ui_intent_fields(f->def))
        return 0;
    snprintf(text, sizeof text, "! %s", f->err.msg);
    return ui_paragraph_rows(w - 11, text) - 1;
}

static void draw_form(struct ui_app *app, struct ui_area a)
{
    const struct ui_form *f = &app->form;
    size_t n = ui_intent_fields(f->def);
    int more = said_more(f, SU_MIN(72, app->w - 2) - 4);
    struct ui_area in = dialog(app, a, 72, (int)n * 2 + 6 + more, f->def->title,
                               f->def->tier >= 3 ? UI_ROLE_DANGER : UI_ROLE_FRAME);
    int y = 1, step = in.r.h >= (int)n * 2 + 4 + more ? 2 : 1, x;

    spendable(app, in, 0);
    for (size_t i = 0; i < n; i++, y += step) {
        int w = SU_MIN(in.r.w - 11, 50);
        ui_textf(in, 0, y, UI_ROLE_DIM, "%-10s", f->def->field[i].label);
        ui_input_draw(&f->in[i], in, 11, y, w, i == f->focus, i == f->err_field);
        ui_spot(app, in, 11, y, w, UI_SPOT_FIELD, (int)i);
        y += draw_said(f, i, in, step == 2 ? y + 1 : (int)n + 1, step == 1);
    }
    x = button(in, 11, in.r.h - 1, "Preview", f->focus == n, false,
               (struct press){app, UI_SPOT_BUTTON, (int)n});
    button(in, x, in.r.h - 1, "Cancel", f->focus == n + 1, false,
           (struct press){app, UI_SPOT_BUTTON, (int)n + 1});
}

/* What is going on meanwhile. */
static const char *waiting_for(enum su_ui_kind kind)
{
    switch (kind) {
    case SU_UI_WALLET_OPEN:
        return "Opening the key file";
    case SU_UI_WALLET_DELETE:
        return "Looking at what the key still owns";
    case SU_UI_WALLET_NEW:
    case SU_UI_WALLET_IMPORT:
    case SU_UI_WALLET_EXPORT:
        return "Looking at the files";
    case SU_UI_DEPLOY:
    case SU_UI_NODE:
        return "Preparing on this machine";
    case SU_UI_AIRDROP:
        return "Preparing the request";
    default:
        return "Trying it out against the chain";
    }
}

static void draw_wait(struct ui_app *app, struct ui_area a)
{
    enum su_ui_kind kind = app->pending_kind;
    const char *said = app->progress[0]            ? app->progress
                       : kind == SU_UI_WALLET_OPEN ? "The passphrase stays on this machine."
                       : ui_needs_chain(kind)
                           ? "Nothing is signed before you have seen what it does."
                           : "Nothing is done before you have seen what it is.";
    int rows = SU_MIN(ui_paragraph_rows(SU_MIN(72, app->w - 2) - 4, said), 4);
    struct ui_area in = dialog(app, a, 72, 4 + rows, ui_intent_def(kind)->title, UI_ROLE_FRAME);

    ui_textf(in, 0, 0, UI_ROLE_TEXT, "%s  (%.1f s)", waiting_for(kind),
             (double)(app->now_ms - app->pending_ms) / 1000);
    ui_paragraph(ui_area_sub(in, 0, 1, in.r.w, rows), 0, UI_ROLE_DIM, said);
    button(in, 0, in.r.h - 1, "Cancel", true, false, (struct press){app, UI_SPOT_KEY, UI_K_ESC});
}

/* Rows that a line takes: what does not fit beside its label goes below it, whole. */
static int line_rows(const char *text, int w, int left)
{
    int n = ui_text_width(text);

    return n <= w - left ? 1 : 1 + (n + w - 3) / (w - 2);
}

static void draw_line(const struct su_ops_line *l, struct ui_area a, int y, int left)
{
    char label[sizeof l->label + 1], text[sizeof l->text + 1];

    su_str_copy(label, sizeof l->label, l->label);
    su_str_copy(text, sizeof l->text, l->text);
    ui_text(a, 0, y, UI_ROLE_DIM, label);
    if (line_rows(text, a.r.w, left) == 1)
        ui_text(a, left, y, UI_ROLE_TEXT, text);
    else
        ui_paragraph(ui_area_sub(a, 2, y + 1, a.r.w - 2, a.r.h), 0, UI_ROLE_TEXT, text);
}

static void draw_lines(struct ui_preview *p, struct ui_area a)
{
    int left = SU_MIN(18, a.r.w / 3), y = 0, rest = 0;
    size_t i = p->p.n_line;

    /* Not further down than needed to see the end. */
    while (i > 0 && rest + line_rows(p->p.line[i - 1].text, a.r.w, left) <= a.r.h)
        rest += line_rows(p->p.line[--i].text, a.r.w, left);
    p->top = SU_MIN(p->top, i);
    for (i = p->top; i < p->p.n_line; i++) {
        int rows = line_rows(p->p.line[i].text, a.r.w, left);
        if (y + rows > a.r.h)
            break;
        draw_line(&p->p.line[i], a, y, left);
        y += rows;
    }
    /* What has been in sight in one piece from the top counts. */
    if (i > p->seen && p->top <= p->seen)
        p->seen = i;
}

/* Rows of all lines in a dialog that wishes that width. */
static int all_rows(const struct ui_app *app, const struct su_ui_result *r, int w)
{
    int rows = 0, in = SU_MIN(w, app->w - 2) - 4;

    for (size_t i = 0; i < r->n_line; i++)
        rows += line_rows(r->line[i].text, in, SU_MIN(18, in / 3));
    return rows;
}

#define SOON_MS 30000 /* from here on the time that is left is shown */
static void draw_preview(struct ui_app *app, struct ui_area a)
{
    struct ui_preview *p = &app->preview;
    bool typed = p->p.tier >= SU_OPS_TIER_TYPED;
    int64_t left = p->p.valid_ms ? p->made_ms + (int64_t)p->p.valid_ms - app->now_ms : INT64_MAX;
    char title[100];
    struct ui_area in;
    int y, x;
    size_t first = typed ? 1 : 0;

    snprintf(title, sizeof title, "Confirm: %.60s%s",
             p->p.title[0] ? p->p.title : ui_intent_def(p->p.kind)->title,
             typed ? "   [cannot be undone]" : "");
    in = dialog(app, a, 76, all_rows(app, &p->p, 76) + 8, title,
                typed ? UI_ROLE_DANGER : UI_ROLE_FRAME);
    y = in.r.h - (typed ? 4 : 3);
    draw_lines(p, ui_area_sub(in, 0, 0, in.r.w, y));
    if (p->seen < p->p.n_line)
        ui_textf(in, 0, y, UI_ROLE_WARN, "%zu more lines: PgDn", p->p.n_line - p->seen);
    else if (p->dead)
        ui_text(in, 0, y, UI_ROLE_BAD, "! expired: cancel and prepare it again");
    else if (p->p.n_tx == 0)
        ui_text(in, 0, y, UI_ROLE_DIM, "nothing is signed, nothing is spent");
    else if (left < SOON_MS)
        ui_textf(in, 0, y, UI_ROLE_WARN, "%d s left to sign; then it is prepared again",
                 (int)(left / 1000));
    else
        ui_textf(in, 0, y, UI_ROLE_DIM, "tried out: ok   %zu transaction%s   signer %s", p->p.n_tx,
                 p->p.n_tx == 1 ? "" : "s", p->p.signer);
    if (typed) {
        x = ui_textf(in, 0, y + 1, UI_ROLE_TEXT, "To go on, type %s: ", p->p.confirm);
        int w = SU_MAX(SU_MIN(24, in.r.w - x), 8);
        ui_input_draw(&p->typed, in, x, y + 1, w, p->focus == 0,
                      p->typed.len > 0 && strcmp(p->typed.text, p->p.confirm) != 0);
        ui_spot(app, in, x, y + 1, w, UI_SPOT_FIELD, 0);
    }
    x = button(in, 4, in.r.h - 1, "Cancel", p->focus == first, false,
               (struct press){app, UI_SPOT_BUTTON, (int)first});
    button(in, x, in.r.h - 1, p->p.n_tx ? "Sign and send" : "Go on", p->focus == first + 1,
           p->dead || p->seen < p->p.n_line, (struct press){app, UI_SPOT_FOCUS, (int)first + 1});
    if (!p->drawn) {
        p->drawn = true;
        p->shown_ms = app->now_ms;
    }
}

static void draw_sending(struct ui_app *app, struct ui_area a)
{
    struct ui_area in =
        dialog(app, a, 64, 6, ui_intent_def(app->pending_kind)->title, UI_ROLE_FRAME);

    ui_textf(in, 0, 0, UI_ROLE_TEXT, "Under way for %.1f s",
             (double)(app->now_ms - app->pending_ms) / 1000);
    ui_paragraph(ui_area_sub(in, 0, 1, in.r.w, in.r.h - 2), 0, UI_ROLE_TEXT, app->progress);
    button(in, 0, in.r.h - 1, "Hide", true, false, (struct press){app, UI_SPOT_KEY, UI_K_ESC});
    ui_textf(in, 12, in.r.h - 1, UI_ROLE_DIM, "it goes on; the header says %s",
             ui_needs_chain(app->pending_kind) ? "1 tx" : "busy");
}

static void notice_text(const struct ui_app *app, char *out, size_t cap)
{
    if (app->notice.outcome == SU_UI_FAILED)
        su_err_line(&app->notice.err, out, cap);
    else
        su_str_copy(out, cap, app->notice.text);
}

/* What failed and what that cost: no row, if there is nothing to say. */
static const char *notice_cost(const struct su_ui_result *r)
{
    if (r->outcome != SU_UI_FAILED)
        return "";
    if (r->maybe)
        return "It was sent and may still land: look before trying again.";
    if (r->kind == SU_UI_WALLET_OPEN)
        return "The wallet stays locked.";
    return ui_needs_chain(r->kind) ? "Nothing was spent." : "";
}

#define NOTICE_W 72
#define NOTICE_TEXT 600
/* Rows of the text, and of those the ones that fit. */
static int notice_rows(const struct ui_app *app, int *fit)
{
    int w = SU_MIN(NOTICE_W, app->w - 2) - 4,
        cost = ui_paragraph_rows(w, notice_cost(&app->notice)), rows;
    char text[NOTICE_TEXT];

    notice_text(app, text, sizeof text);
    rows = ui_paragraph_rows(w, text);
    if (!notice_cost(&app->notice)[0])
        cost = 0;
    *fit = SU_MAX(SU_MIN(rows, app->h - 3 - 2 - 2 - cost), 1);
    return rows;
}

int ui_notice_more(const struct ui_app *app)
{
    int fit, rows = notice_rows(app, &fit);

    return rows - fit;
}

static void draw_notice(struct ui_app *app, struct ui_area a)
{
    const struct su_ui_result *r = &app->notice;
    bool bad = r->outcome == SU_UI_FAILED;
    int fit, rows = notice_rows(app, &fit), x;
    const char *cost = notice_cost(r);
    int below = cost[0] ? ui_paragraph_rows(SU_MIN(NOTICE_W, app->w - 2) - 4, cost) : 0;
    struct ui_area in = dialog(app, a, NOTICE_W, SU_MAX(fit + below + 4, bad ? 10 : 7),
                               bad ? "Not done" : ui_intent_def(r->kind)->title,
                               bad ? UI_ROLE_DANGER : UI_ROLE_FRAME);
    int top = SU_MAX(SU_MIN(app->scroll, rows - fit), 0);
    char text[NOTICE_TEXT];

    notice_text(app, text, sizeof text);
    ui_paragraph(ui_area_sub(in, 0, 0, in.r.w, fit), -top, UI_ROLE_TEXT, text);
    ui_paragraph(ui_area_sub(in, 0, fit, in.r.w, below), 0, UI_ROLE_DIM, cost);
    if (rows > fit)
        ui_textf(in, 0, in.r.h - 2, UI_ROLE_WARN,
                 top < rows - fit ? "%d more rows: Down" : "Up: more", rows - fit - top);
    x = button(in, 0, in.r.h - 1, "Enter", true, false,
               (struct press){app, UI_SPOT_KEY, UI_K_ENTER});
    ui_text(in, x, in.r.h - 1, UI_ROLE_DIM,
            ui_notice_again(app) ? "back to what was typed   Esc closes" : "closes this");
}

static void draw_secret(struct ui_app *app, struct ui_area a)
{
    struct ui_area in = dialog(app, a, 64, 8, "Unlock wallet", UI_ROLE_FRAME);

    ui_pair(in, 0, 0, "File      ", UI_ROLE_TEXT, app->secret_path);
    ui_text(in, 0, 2, UI_ROLE_DIM, "Passphrase");
    ui_input_draw(&app->secret, in, 11, 2, SU_MIN(40, in.r.w - 11), true, app->secret_again);
    ui_spot(app, in, 11, 2, SU_MIN(40, in.r.w - 11), UI_SPOT_FIELD, 0);
    if (app->secret_again)
        ui_text(in, 11, 3, UI_ROLE_FIELD_BAD, "! wrong passphrase");
    int x = entry(app, in, 0, in.r.h - 1, UI_ROLE_DIM, "Enter unlocks", UI_K_ENTER);
    x = entry(app, in, x, in.r.h - 1, UI_ROLE_DIM, "Esc refuses", UI_K_ESC);
    ui_text(in, x, in.r.h - 1, UI_ROLE_DIM, "never echoed or kept");
}

/* As many names as a row holds. */
static void draw_names(const struct ui_app *app, struct ui_area a, int y)
{
    char key[UI_FORMAT], text[UI_FORMAT + UI_LABEL_SHOWN];
    int x = 9;

    ui_text(a, 0, y, UI_ROLE_DIM, "Names");
    for (size_t i = 0; i < app->labels.n; i++) {
        snprintf(text, sizeof text, "'%s' %s", app->labels.item[i].text,
                 ui_key_cut(app->labels.item[i].key, key));
        if (x + ui_text_width(text) + 10 > a.r.w && i > 0) {
            ui_textf(a, x, y, UI_ROLE_DIM, "+%zu", app->labels.n - i);
            return;
        }
        x = ui_text(a, x, y, UI_ROLE_TEXT, text) + 2;
    }
}

/* Of a path its end tells more. */
static const char *file_end(const char *path, int w, char *out)
{
    const char *s = path;

    while (ui_text_width(s) + (s > path ? 3 : 0) > w && *s)
        (void)ui_text_next(&s);
    sprintf(out, "%s%s", s > path ? "..." : "", *path ? s : "?");
    return out;
}

static void draw_wallet(struct ui_app *app, struct ui_area a)
{
    struct ui_area in = dialog(app, a, 70, 15, "Wallet and setup", UI_ROLE_FRAME);
    const struct su_feed_snapshot *s = app->snap;
    char one[UI_FORMAT], path[sizeof app->wallet_path + 3];
    int y = 0, x;

    ui_pair(in, 0, y++, "Key file", UI_ROLE_TEXT, file_end(app->wallet_path, in.r.w - 9, path));
    if (s && s->has_wallet) {
        ui_pair(in, 0, y++, "Full key", UI_ROLE_TEXT, ui_key_named(s->wallet, one));
        ui_pair(in, 0, y++, "USDC    ", UI_ROLE_MONEY, ui_money(s->wallet_usdc, 6, one));
        ui_pair(in, 0, y++, "SOL     ", UI_ROLE_MONEY, ui_sol(s->wallet_lamports, one));
    } else {
        ui_text(in, 0, y++, UI_ROLE_WARN,
                app->sealed ? "It is locked: its key is known once it was opened."
                            : "There is no wallet yet.");
    }
    if (s && s->has_identity)
        ui_pair(in, 0, y++, "Node key", UI_ROLE_TEXT, ui_key_named(s->identity, one));
    if (s)
        ui_pair(in, 0, y++, "Chain   ", UI_ROLE_TEXT, s->source[SU_FEED_CHAIN].url);
    if (app->labels.n > 0)
        draw_names(app, in, y++);
    y += in.r.h > (app->labels.n > 0 ? 11 : 10);
    x = entry(app, in, 1, y, UI_ROLE_TEXT, "n  new key file", 'n');
    x = entry(app, in, x, y, UI_ROLE_TEXT, "i  import one", 'i');
    entry(app, in, x, y++, UI_ROLE_TEXT, "e  export the key !", 'e');
    x = entry(app, in, 1, y, UI_ROLE_TEXT, "u  unlock      ", 'u');
    x = entry(app, in, x, y, UI_ROLE_TEXT, "l  lock now  ", 'l');
    entry(app, in, x, y++, UI_ROLE_TEXT, "D  delete a file !", 'D');
    x = entry(app, in, 1, y, UI_ROLE_TEXT, "a  test money  ", 'a');
    entry(app, in, x, y++, UI_ROLE_TEXT, "r  another cluster or URL", 'r');
    x = ui_text(in, 0, in.r.h - 1, UI_ROLE_DIM, "Nothing on this page spends.") + 3;
    entry(app, in, x, in.r.h - 1, UI_ROLE_DIM, "Esc close", UI_K_ESC);
    ui_cursor(in, 0, in.r.h - 1);
}

static void draw_menu(struct ui_app *app, struct ui_area a)
{
    size_t n = 0;
    struct ui_area in;

    while (ui_menu_at(app, n))
        n++;
    in = dialog(app, a, 50, (int)n + 3, "Actions here", UI_ROLE_FRAME);
    for (size_t i = 0; i < n; i++) {
        const struct ui_key_row *r = ui_menu_at(app, i);
        bool off = ui_key_is_off(app, r);
        char shown[24];
        ui_textf(in, 0, (int)i, off ? UI_ROLE_DIM : UI_ROLE_TEXT, " %-9s %s%s",
                 ui_keys_shown(&app->binds, r, shown), r->help,
                 r->tier == 3   ? " !"
                 : r->tier == 2 ? " $"
                                : "");
        ui_spot(app, in, 0, (int)i, in.r.w, UI_SPOT_ROW, (int)i);
        if (i == app->menu) {
            ui_paint(in, 0, (int)i, in.r.w, UI_ROLE_SELECT);
            ui_cursor(in, 0, (int)i);
        }
    }
    int x = ui_text(in, 0, in.r.h - 1, UI_ROLE_DIM, "Enter does it") + 3;
    entry(app, in, x, in.r.h - 1, UI_ROLE_DIM, "Esc closes", UI_K_ESC);
}

static void draw_welcome(struct ui_app *app, struct ui_area a)
{
    struct ui_area in = dialog(app, a, 70, 13, "Welcome to SplitUp", UI_ROLE_FRAME);
    bool wallet = app->snap && app->snap->has_wallet;
    char one[UI_FORMAT];

    if (wallet)
        ui_textf(in, 0, 0, UI_ROLE_TEXT, "The wallet is %s", ui_key_full(app->snap->wallet, one));
    else
        ui_text(in, 0, 0, UI_ROLE_TEXT, "Nothing is set up on this machine yet. What first?");
    entry(app, in, 1, 2, UI_ROLE_TEXT, "d  start the private demo network on this machine", 'd');
    entry(app, in, 1, 3, UI_ROLE_TEXT, "w  watch a cluster: devnet, or a URL you type", 'w');
    entry(app, in, 1, 5, wallet ? UI_ROLE_DIM : UI_ROLE_TEXT, "n  create a wallet", 'n');
    entry(app, in, 1, 6, wallet ? UI_ROLE_DIM : UI_ROLE_TEXT, "i  import a wallet", 'i');
    ui_hint_text(app, in, 0, in.r.h - 1, UI_ROLE_DIM,
                 "Enter or Esc looks around   q quits   {help} helps later");
    ui_cursor(in, 1, 2);
}

static void draw_ask(struct ui_app *app, struct ui_area a)
{
    bool demo = app->ask == SU_UI_START_DEMO;
    struct ui_area in = dialog(app, a, 66, 5, demo ? "Private demo network" : "Leave?",
                               demo ? UI_ROLE_FRAME : UI_ROLE_DANGER);

    ui_text(in, 0, 0, demo ? UI_ROLE_TEXT : UI_ROLE_WARN,
            demo ? "A chain, oracles, nodes and a model start on this machine; the app"
                 : "1 transaction is still unconfirmed.");
    ui_text(in, 0, 1, UI_ROLE_TEXT,
            demo ? "opens again over them. All of it is gone when you leave it."
                 : "It may land after you have left.");
    int x = entry(app, in, 0, 2, UI_ROLE_TEXT, demo ? "y starts it" : "y leaves", 'y');
    entry(app, in, x, 2, UI_ROLE_TEXT, "Enter or Esc stays", UI_K_ESC);
    ui_cursor(in, 0, 2);
}

static void draw_raw(struct ui_app *app, struct ui_area a)
{
    size_t n = SU_MAX(app->preview.p.n_tx, (size_t)1);
    char title[64];

    snprintf(title, sizeof title, "Raw transaction %zu of %zu, not signed", app->raw.tx + 1, n);
    ui_draw_raw(app, dialog(app, a, 100, app->h, title, UI_ROLE_FRAME), n);
}

void ui_draw_modal(struct ui_app *app, struct ui_area a)
{
    a.g->cursor = false;
    switch (app->mode) {
    case UI_FORM:
        draw_form(app, a);
        break;
    case UI_WAIT:
        draw_wait(app, a);
        break;
    case UI_PREVIEW:
        draw_preview(app, a);
        break;
    case UI_SENDING:
        draw_sending(app, a);
        break;
    case UI_NOTICE:
        draw_notice(app, a);
        break;
    case UI_SECRET:
        draw_secret(app, a);
        break;
    case UI_WALLET:
        draw_wallet(app, a);
        break;
    case UI_MENU:
        draw_menu(app, a);
        break;
    case UI_WELCOME:
        draw_welcome(app, a);
        break;
    case UI_ASK:
        draw_ask(app, a);
        break;
    case UI_RAW:
        draw_raw(app, a);
        break;
    default:
        break;
    }
}
