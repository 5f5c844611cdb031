// SPDX-License-Identifier: MIT
/* Dialogs: what their keys do, and what results of the backend change. Nothing is committed but a
   preview that was on the screen, whole, for UI_GUARD_MS, with Cancel in focus at first. */
#include "ui/panes/panes.h"

bool ui_modal_is_dialog(enum ui_mode m)
{
    return m >= UI_MENU;
}

enum ui_mode ui_rest_mode(const struct ui_app *app)
{
    return app->offers ? UI_WELCOME : UI_LIST;
}

static void close_dialog(struct ui_app *app)
{
    app->mode = ui_rest_mode(app);
    for (size_t i = 0; i < SU_UI_FIELDS; i++)
        if (app->form.in[i].secret)
            ui_input_wipe(&app->form.in[i]);
}

static void submit_token(struct ui_app *app, enum su_ui_step step, uint64_t token)
{
    app->intent = (struct su_ui_intent){.kind = app->pending_kind, .step = step, .token = token};
    ui_act(app, UI_ACT_SUBMIT);
}

/* ---- form -------------------------------------------------------------------------------------- */

static void fill_most(struct ui_app *app)
{
    struct ui_form *f = &app->form;
    const struct su_feed_snapshot *s = app->snap;
    char text[SU_OPS_AMOUNT_TEXT];

    if (f->focus >= SU_UI_FIELDS || !f->def->field[f->focus].label)
        return;
    if (f->def->kind == SU_UI_UNLOCK && f->focus == 1)
        ui_input_set(&f->in[1], "all");
    else if (f->def->kind == SU_UI_DEPOSIT && f->focus == 1 && s &&
             s->wallet_usdc != SU_FEED_UNKNOWN)
        ui_input_set(&f->in[1], su_ops_amount_number(s->wallet_usdc, SU_OPS_USDC, text));
}

/* Tab in a path asks what it could be; where that is known, or was asked, it goes on. */
static bool ask_path(struct ui_app *app)
{
    struct ui_form *f = &app->form;

    if (f->focus >= ui_intent_fields(f->def) || f->def->field[f->focus].source != UI_FIELD_FILE ||
        f->in[f->focus].len == 0 || f->asked)
        return false;
    app->intent = (struct su_ui_intent){.kind = f->def->kind, .step = SU_UI_COMPLETE};
    su_str_copy(app->intent.field[0], SU_UI_TEXT, f->in[f->focus].text);
    f->asked = true;
    ui_act(app, UI_ACT_SUBMIT);
    return true;
}

static void completed(struct ui_app *app, const struct su_ui_result *r)
{
    struct ui_form *f = &app->form;
    struct ui_input *in;

    if (r->kind == SU_UI_KINDS) {
        ui_prompt_path(app, r->text, r->title);
        return;
    }
    if (app->mode != UI_FORM || !f->asked || r->kind != f->def->kind ||
        f->focus >= ui_intent_fields(f->def))
        return;
    in = &f->in[f->focus];
    if (f->def->field[f->focus].source != UI_FIELD_FILE)
        return;
    f->asked = strcmp(in->text, r->text) == 0;
    ui_input_set(in, r->text);
    if (r->title[0])
        ui_say(app, UI_ROLE_TEXT, "%s", r->title);
    else if (f->asked)
        ui_say(app, UI_ROLE_TEXT, "Nothing to add; Tab goes on");
}

static void form_key(struct ui_app *app, int key)
{
    struct ui_form *f = &app->form;
    size_t n = ui_intent_fields(f->def);
    const struct ui_key_row *r = ui_keys_bound(&app->binds, UI_SCOPE_FORM, key);

    f->leaving = f->leaving && key == UI_K_ESC;
    switch (r ? r->request : UI_REQ_NONE) {
    case UI_REQ_NEXT_FIELD:
        if (key != UI_K_TAB || !ask_path(app))
            f->focus = (f->focus + 1) % (n + 2);
        return;
    case UI_REQ_PREV_FIELD:
        f->focus = (f->focus + n + 1) % (n + 2);
        return;
    case UI_REQ_LEAVE:
        if (key == UI_K_ESC && f->changed && !f->leaving) {
            f->leaving = true;
            ui_say(app, UI_ROLE_WARN, "Esc again leaves; what was typed is lost");
        } else {
            close_dialog(app);
        }
        return;
    case UI_REQ_MOST:
        fill_most(app);
        return;
    case UI_REQ_SUBMIT:
        if (f->focus == n + 1)
            close_dialog(app);
        else if (f->focus + 1 < n)
            f->focus++;
        else
            ui_form_submit(app);
        return;
    default:
        break;
    }
    if (f->focus < n && ui_input_key(&f->in[f->focus], key)) {
        f->changed = true;
        f->asked = false;
        if (f->err_field == f->focus)
            f->err_field = SU_UI_FIELDS;
    }
}

/* ---- preview ----------------------------------------------------------------------------------- */

/* Buttons come after the typed text, if there is one. */
static size_t first_button(const struct ui_preview *p)
{
    return p->p.tier >= SU_OPS_TIER_TYPED ? 1 : 0;
}

static bool typed_right(const struct ui_preview *p)
{
    return p->p.tier < SU_OPS_TIER_TYPED ||
           (p->p.confirm[0] && strcmp(p->typed.text, p->p.confirm) == 0);
}

static void discard(struct ui_app *app)
{
    submit_token(app, SU_UI_DISCARD, app->preview.p.token);
    app->pending = UI_PENDING_NONE;
    ui_input_wipe(&app->preview.typed);
    close_dialog(app);
    ui_say(app, UI_ROLE_TEXT,
           ui_needs_chain(app->preview.p.kind) ? "Not signed. Nothing was spent"
                                               : "Cancelled. No file was changed");
}

static void sign(struct ui_app *app)
{
    struct ui_preview *p = &app->preview;

    if (p->dead)
        ui_say(app, UI_ROLE_WARN, "This preview has expired: cancel and prepare it again");
    else if (p->seen < p->p.n_line)
        ui_say(app, UI_ROLE_WARN, "Read on first: PgDn shows the rest");
    else if (!typed_right(p)) {
        ui_say(app, UI_ROLE_WARN, "Type %s first", p->p.confirm);
        p->focus = 0;
    } else if (app->readonly || (ui_needs_chain(p->p.kind) &&
                                 (!app->snap || !app->snap->source[SU_FEED_CHAIN].ok))) {
        ui_say(app, UI_ROLE_WARN, "Off until the chain answers");
    } else {
        submit_token(app, SU_UI_COMMIT, p->p.token);
        app->pending = UI_PENDING_COMMIT;
        app->pending_token = p->p.token;
        app->pending_ms = app->now_ms;
        su_str_copy(app->progress, sizeof app->progress, p->p.n_tx ? "signing" : "asked for");
        app->mode = UI_SENDING;
        p->dead = true; /* once */
    }
}

static void preview_key(struct ui_app *app, int key)
{
    const struct ui_key_row *r = ui_keys_bound(&app->binds, UI_SCOPE_PREVIEW, key);
    struct ui_preview *p = &app->preview;
    size_t first = first_button(p), n = first + 2;

    /* Cancelling is always safe, also where the screen is too small to show it. */
    if ((!p->drawn || app->now_ms - p->shown_ms < UI_GUARD_MS) && key != UI_K_ESC)
        return;
    if (key == UI_K_ESC || key == UI_K_F(10) || key == UI_K_CTRL('C')) {
        discard(app);
    } else if (r && r->request == UI_REQ_RAW && p->focus >= first) {
        ui_raw_open(app);
    } else if (key == UI_K_TAB || key == UI_K_RIGHT) {
        p->focus = (p->focus + 1) % n;
    } else if (key == UI_K_BTAB || key == UI_K_LEFT) {
        p->focus = (p->focus + n - 1) % n;
    } else if (key == UI_K_PGDN || key == UI_K_DOWN) {
        p->top += key == UI_K_DOWN ? 1 : 4;
        if (p->top >= p->p.n_line)
            p->top = p->p.n_line ? p->p.n_line - 1 : 0;
    } else if (key == UI_K_PGUP || key == UI_K_UP) {
        p->top -= SU_MIN(p->top, key == UI_K_UP ? 1u : 4u);
    } else if (key == UI_K_ENTER || key == '\r') {
        if (p->focus == first)
            discard(app);
        else if (p->focus == first + 1)
            sign(app);
        else
            p->focus = typed_right(p) ? first + 1 : 0;
    } else if (p->focus == 0 && first == 1) {
        ui_input_key(&p->typed, key);
    }
}

static void open_preview(struct ui_app *app, const struct su_ui_result *r)
{
    struct ui_preview *p = &app->preview;
    unsigned floor = ui_intent_def(r->kind)->tier;
    char named[4 * sizeof p->p.line[0].text];

    *p = (struct ui_preview){.p = *r, .made_ms = app->now_ms, .shown_ms = app->now_ms};
    p->p.n_line = SU_MIN(p->p.n_line, (size_t)SU_OPS_LINES_MAX);
    p->p.confirm[sizeof p->p.confirm - 1] = 0;
    for (size_t i = 0; i < SU_OPS_LINES_MAX; i++) {
        p->p.line[i].label[sizeof p->p.line[i].label - 1] = 0;
        p->p.line[i].text[sizeof p->p.line[i].text - 1] = 0;
        ui_labels_beside(named, sizeof named, p->p.line[i].text);
        if (strlen(named) < sizeof p->p.line[i].text)
            strcpy(p->p.line[i].text, named);
    }
    p->p.tier = SU_MAX(p->p.tier, floor);
    p->focus = first_button(p); /* Cancel */
    app->pending_token = r->token;
    app->mode = UI_PREVIEW;
    ui_act(app, UI_ACT_FLUSH);
}

/* ---- passphrase -------------------------------------------------------------------------------- */

static void answer(struct ui_app *app, bool give)
{
    app->intent = (struct su_ui_intent){.kind = app->pending_kind, .step = SU_UI_ANSWER};
    if (give)
        su_str_copy(app->intent.field[0], SU_UI_TEXT, app->secret.text);
    ui_input_wipe(&app->secret);
    app->mode = app->under;
    /* What is asked for about key files opens nothing. */
    if (app->pending_kind < SU_UI_WALLET_EXPORT || app->pending_kind == SU_UI_WALLET_OPEN)
        app->unlocked = give;
    ui_act(app, UI_ACT_SUBMIT);
}

static void secret_key(struct ui_app *app, int key)
{
    if (key == UI_K_ESC || key == UI_K_F(10) || key == UI_K_CTRL('C'))
        answer(app, false);
    else if (key == UI_K_ENTER || key == '\r')
        answer(app, app->secret.len > 0);
    else
        ui_input_key(&app->secret, key);
}

static void ask_secret(struct ui_app *app, const struct su_ui_result *r)
{
    if (app->mode != UI_SECRET)
        app->under = app->mode;
    ui_input_wipe(&app->secret);
    app->secret.secret = true;
    su_str_copy(app->secret_path, sizeof app->secret_path, r->text);
    app->secret_again = r->again;
    app->mode = UI_SECRET;
    ui_act(app, UI_ACT_FLUSH);
}

/* ---- lists: actions, wallet, first start ------------------------------------------------------- */

const struct ui_key_row *ui_menu_at(const struct ui_app *app, size_t i)
{
    for (size_t k = 0; k < ui_keys_count; k++) {
        const struct ui_key_row *r = &ui_keys[k];
        bool own = r->scope == (enum ui_scope)app->pane;
        bool spends = r->scope == UI_SCOPE_ALL && r->tier >= 2;
        if ((own || spends) && i-- == 0)
            return r;
    }
    return NULL;
}

static void menu_key(struct ui_app *app, int key)
{
    const struct ui_key_row *r;

    if (key == UI_K_ESC || key == 'q' || key == UI_K_F(10) || key == UI_K_CTRL('C')) {
        close_dialog(app);
    } else if (key == UI_K_DOWN || key == 'j' || key == UI_K_TAB) {
        if (ui_menu_at(app, app->menu + 1))
            app->menu++;
    } else if (key == UI_K_UP || key == 'k' || key == UI_K_BTAB) {
        app->menu -= app->menu > 0;
    } else {
        r = key == UI_K_ENTER || key == '\r'
                ? ui_menu_at(app, app->menu)
                : ui_keys_bound(&app->binds, (enum ui_scope)app->pane, key);
        close_dialog(app);
        if (r)
            ui_request(app, r->request);
    }
}

static void wallet_key(struct ui_app *app, int key)
{
    switch (key) {
    case 'n':
        ui_open_form(app, SU_UI_WALLET_NEW);
        break;
    case 'i':
        ui_open_form(app, SU_UI_WALLET_IMPORT);
        break;
    case 'a':
        ui_open_form(app, SU_UI_AIRDROP);
        break;
    case 'e':
        ui_open_form(app, SU_UI_WALLET_EXPORT);
        break;
    case 'D':
        ui_open_form(app, SU_UI_WALLET_DELETE);
        break;
    case 'r':
        ui_ask_cluster(app);
        break;
    case 'u':
        ui_open_form(app, SU_UI_WALLET_OPEN);
        break;
    case 'l':
        ui_act(app, UI_ACT_LOCK);
        app->unlocked = false;
        ui_say(app, UI_ROLE_TEXT, "Wallet locked");
        break;
    case UI_K_ESC:
    case 'q':
    case UI_K_F(2):
    case UI_K_F(10):
    case UI_K_CTRL('C'):
    case UI_K_ENTER:
        close_dialog(app);
        break;
    default:
        break;
    }
}

bool ui_ask_cluster(struct ui_app *app)
{
    const char *url = app->snap ? app->snap->source[SU_FEED_CHAIN].url : "";

    if (!app->can_switch) {
        ui_say(app, UI_ROLE_WARN, "Not from here: leave, then  splitup ui --url CLUSTER");
        return false;
    }
    if (app->pending != UI_PENDING_NONE) {
        ui_say(app, UI_ROLE_WARN, "Not while a transaction is under way");
        return false;
    }
    app->prompt.kind = UI_PROMPT_CLUSTER;
    ui_input_set(&app->prompt.in, app->offers || !*url ? "devnet" : url);
    app->mode = UI_PROMPT;
    return true;
}

void ui_ask_demo(struct ui_app *app)
{
    if (!app->can_switch) {
        ui_say(app, UI_ROLE_WARN, "Not from here: leave, then  splitup demo");
        return;
    }
    app->ask = SU_UI_START_DEMO;
    app->mode = UI_ASK;
}

static void welcome_key(struct ui_app *app, int key)
{
    app->offers = true;
    if (key == 'd') {
        app->choice = SU_UI_START_DEMO;
        ui_act(app, UI_ACT_QUIT);
    } else if (key == 'w') {
        ui_ask_cluster(app);
    } else if (key == 'n' || key == 'i') {
        ui_open_form(app, key == 'n' ? SU_UI_WALLET_NEW : SU_UI_WALLET_IMPORT);
    } else if (key == UI_K_ESC || key == UI_K_ENTER) {
        app->offers = false;
        close_dialog(app);
    } else if (key == 'q' || key == UI_K_F(10) || key == UI_K_CTRL('C')) {
        ui_act(app, UI_ACT_QUIT);
    }
}

static void help_key(struct ui_app *app, int key)
{
    size_t n = strlen(app->help_filter);
    int most = SU_MAX(ui_help_lines(app) - (app->h - 5), 0);

    if (key == UI_K_ESC || key == UI_K_F(1) || key == UI_K_F(10) || key == UI_K_CTRL('C')) {
        app->mode = UI_LIST;
    } else if (key == UI_K_DOWN || key == UI_K_PGDN) {
        app->scroll += key == UI_K_DOWN ? 1 : 10;
    } else if (key == UI_K_UP || key == UI_K_PGUP) {
        app->scroll -= key == UI_K_UP ? 1 : 10;
    } else if ((key == UI_K_BACKSPACE || key == '\b') && n > 0) {
        app->help_filter[n - 1] = 0;
    } else if (key >= ' ' && key < 0x7f && n + 1 < sizeof app->help_filter) {
        app->help_filter[n] = (char)key;
        app->help_filter[n + 1] = 0;
    }
    app->scroll = SU_MAX(0, SU_MIN(app->scroll, most));
}

static void ask_key(struct ui_app *app, int key)
{
    if (key == 'y' || key == 'Y') {
        app->choice = app->ask;
        ui_act(app, UI_ACT_QUIT);
    } else {
        close_dialog(app);
    }
}

static void wait_key(struct ui_app *app, int key)
{
    if (key != UI_K_ESC && key != UI_K_F(10) && key != UI_K_CTRL('C'))
        return;
    ui_act(app, UI_ACT_CANCEL);
    close_dialog(app);
}

static void sending_key(struct ui_app *app, int key)
{
    if (key == UI_K_CTRL('C'))
        ui_act(app, UI_ACT_CANCEL);
    else if (key == UI_K_ESC || key == 'q' || key == UI_K_F(10) || key == UI_K_ENTER)
        close_dialog(app);
}

/* What was typed is not lost with a failure: Enter leads back to it. */
bool ui_notice_again(const struct ui_app *app)
{
    const struct su_ui_result *r = &app->notice;
    const struct ui_form *f = &app->form;

    return r->outcome == SU_UI_FAILED && !r->maybe && f->def && f->def->kind == r->kind &&
           ui_intent_fields(f->def) > 0;
}

static void notice_key(struct ui_app *app, int key)
{
    bool again = key == UI_K_ENTER && ui_notice_again(app);
    bool up = key == UI_K_UP || key == UI_K_PGUP;

    if (up || key == UI_K_DOWN || key == UI_K_PGDN) {
        app->scroll += up ? -1 : 1;
        app->scroll = SU_MAX(0, SU_MIN(app->scroll, ui_notice_more(app)));
        return;
    }
    close_dialog(app);
    if (again)
        app->mode = UI_FORM;
}

static struct ui_input *field_in_focus(struct ui_app *app)
{
    if (app->mode == UI_SECRET)
        return &app->secret;
    if (app->mode == UI_FORM && app->form.focus < ui_intent_fields(app->form.def))
        return &app->form.in[app->form.focus];
    if (app->mode == UI_PREVIEW && first_button(&app->preview) == 1 && app->preview.focus == 0)
        return &app->preview.typed;
    return NULL;
}

static void (*const key_of[])(struct ui_app *, int) = {
    [UI_HELP] = help_key,       [UI_MENU] = menu_key,       [UI_FORM] = form_key,
    [UI_WAIT] = wait_key,       [UI_PREVIEW] = preview_key, [UI_SENDING] = sending_key,
    [UI_NOTICE] = notice_key,   [UI_SECRET] = secret_key,   [UI_WALLET] = wallet_key,
    [UI_WELCOME] = welcome_key, [UI_ASK] = ask_key,         [UI_RAW] = ui_raw_key,
};

bool ui_modal_event(struct ui_app *app, const struct ui_event *ev)
{
    struct ui_input *in;

    if (app->mode != UI_HELP && !ui_modal_is_dialog(app->mode))
        return false;
    if (ev->kind == UI_EVENT_KEY) {
        int key = ev->key == '\r' ? UI_K_ENTER : ev->key;
        app->message[0] = 0;
        if (key == UI_K_CTRL('Z'))
            ui_act(app, UI_ACT_SUSPEND);
        else if (key == UI_K_CTRL('L'))
            ui_act(app, UI_ACT_REDRAW);
        else
            key_of[app->mode](app, key);
    } else if (ev->kind == UI_EVENT_MOUSE) {
        ui_mouse_dialog(app, ev);
    } else if (ev->kind == UI_EVENT_PASTE) {
        in = field_in_focus(app);
        if (in && !ui_input_paste(in, ev->text))
            ui_say(app, UI_ROLE_WARN, "Not all of that fits: the rest was left out");
        app->form.asked = false;
        app->form.changed = true;
    }
    return true;
}

/* ---- results ----------------------------------------------------------------------------------- */

/* Its raw transactions belong to the preview. */
static bool preview_is_open(const struct ui_app *app)
{
    return app->mode == UI_PREVIEW || app->mode == UI_RAW;
}

static void run_progress(struct ui_app *app, const struct su_ui_result *r)
{
    static const uint8_t none[32];

    if (r->kind != SU_UI_RUN)
        return;
    if (memcmp(r->execution, none, 32) == 0)
        return;
    if (!app->run.has_execution || memcmp(r->execution, app->run.execution, 32) != 0)
        app->run.news = (struct su_ui_news){.text = ""};
    app->run.has_execution = true;
    memcpy(app->run.execution, r->execution, 32);
    if (r->outcome == SU_UI_PROGRESS)
        app->run.news = r->news;
    else
        app->run.stopping = false;
}

/* What one would do then, by the key that does it. */
static void add_next_step(struct ui_app *app)
{
    static const char *const next[SU_UI_KINDS] = {
        [SU_UI_RUN] = ". Watch it in pane 6",
        [SU_UI_NODE] =
            ". Next: {everywhere.stake} puts stake on it, then {models.declare} in Models "
            "declares tasks",
        [SU_UI_DEPOSIT] = ". Next: {models.declare} in Models declares tasks",
        [SU_UI_DECLARE] = ". Next: `splitup node start` works; pane 4 shows its beats",
        [SU_UI_UNLOCK] = ". Next: {stake.take-out} takes it out once its ticket is due",
        [SU_UI_DEPLOY] = ". Next: `splitup store serve` hands its weights to nodes",
    };
    struct su_ui_result *r = &app->notice;
    size_t n = strlen(r->text);
    char text[UI_HINT];

    if (next[r->kind])
        su_str_copy(r->text + n, sizeof r->text - n, ui_hint(app, next[r->kind], text));
}

static void done(struct ui_app *app, const struct su_ui_result *r)
{
    bool hidden = app->mode != UI_WAIT && app->mode != UI_SENDING && app->mode != UI_SECRET &&
                  !preview_is_open(app);

    run_progress(app, r);
    if (app->mode == UI_SECRET)
        ui_input_wipe(&app->secret);
    if (preview_is_open(app))
        app->preview.dead = true;
    app->pending = UI_PENDING_NONE;
    if (r->outcome == SU_UI_FAILED && r->err.code == SU_ECANCELLED) {
        if (!hidden)
            close_dialog(app);
        ui_say(app, UI_ROLE_WARN,
               r->maybe                  ? "Cancelled; it was sent and may still land"
               : ui_needs_chain(r->kind) ? "Cancelled. Nothing was spent"
                                         : "Cancelled");
        return;
    }
    if (r->outcome == SU_UI_FAILED)
        app->errors++;
    if (r->outcome == SU_UI_DONE && r->sealed)
        app->sealed = true;
    if (r->outcome == SU_UI_DONE && r->gone)
        app->sealed = app->unlocked = false;
    app->notice = *r;
    app->scroll = 0;
    if (r->outcome == SU_UI_DONE)
        add_next_step(app);
    if (hidden) {
        char line[200];
        su_err_line(&r->err, line, sizeof line);
        app->message_role = r->outcome == SU_UI_FAILED ? UI_ROLE_BAD : UI_ROLE_OK;
        su_str_copy(app->message, sizeof app->message,
                    r->outcome == SU_UI_FAILED ? line : app->notice.text);
    } else {
        app->mode = UI_NOTICE;
    }
    ui_act(app, UI_ACT_HURRY);
}

void ui_modal_result(struct ui_app *app, const struct su_ui_result *r)
{
    if (r->kind > SU_UI_KINDS || (r->kind == SU_UI_KINDS && r->outcome != SU_UI_COMPLETED))
        return;
    switch (r->outcome) {
    case SU_UI_PROPOSED:
        if (app->pending == UI_PENDING_PREPARE && app->pending_kind == r->kind &&
            (app->mode == UI_WAIT || app->mode == UI_SECRET)) {
            if (app->mode == UI_SECRET)
                ui_input_wipe(&app->secret);
            open_preview(app, r);
        } else {
            app->pending_kind = r->kind;
            if (app->pending == UI_PENDING_PREPARE)
                app->pending = UI_PENDING_NONE;
            if (preview_is_open(app))
                app->preview.dead = true; /* there is one proposal at a time: that was it */
            submit_token(app, SU_UI_DISCARD, r->token);
        }
        break;
    case SU_UI_PROGRESS:
        if (app->pending != UI_PENDING_NONE && app->pending_kind == r->kind)
            su_str_copy(app->progress, sizeof app->progress, r->text);
        run_progress(app, r);
        break;
    case SU_UI_PASSPHRASE:
        ask_secret(app, r);
        break;
    case SU_UI_COMPLETED:
        completed(app, r);
        break;
    case SU_UI_SHOWN:
        ui_raw_result(app, r);
        break;
    default:
        if (app->pending != UI_PENDING_NONE)
            done(app, r);
        break;
    }
}

void ui_modal_tick(struct ui_app *app)
{
    struct ui_preview *p = &app->preview;

    if (preview_is_open(app) && p->p.valid_ms > 0 &&
        app->now_ms - p->made_ms > (int64_t)p->p.valid_ms)
        p->dead = true;
}
