// SPDX-License-Identifier: MIT
/* The raw transactions of a preview, in words that come from their bytes alone. Nothing is agreed to
   here: Esc leads back to the preview, and there Cancel is in focus again. */
#include "ui/panes/panes.h"

static void ask(struct ui_app *app, size_t tx)
{
    struct ui_raw *w = &app->raw;

    w->tx = tx;
    w->top = 0;
    w->waiting = true;
    w->asked_ms = app->now_ms;
    w->err = (struct su_err){.code = SU_OK};
    su_buf_clear(&w->text);
    app->intent = (struct su_ui_intent){
        .kind = app->preview.p.kind, .step = SU_UI_SHOW, .token = app->preview.p.token};
    snprintf(app->intent.field[0], SU_UI_TEXT, "%zu", tx);
    ui_act(app, UI_ACT_SUBMIT);
}

void ui_raw_open(struct ui_app *app)
{
    if (app->preview.p.n_tx == 0) {
        ui_say(app, UI_ROLE_TEXT, "There is no transaction: nothing is signed");
        return;
    }
    app->mode = UI_RAW;
    ask(app, 0);
}

static void leave(struct ui_app *app)
{
    struct ui_preview *p = &app->preview;

    app->mode = UI_PREVIEW;
    su_buf_clear(&app->raw.text);
    p->focus = p->p.tier >= SU_OPS_TIER_TYPED ? 1 : 0; /* Cancel */
    p->drawn = false; /* keys typed ahead are not for its buttons */
    ui_act(app, UI_ACT_FLUSH);
}

static void other(struct ui_app *app, int by)
{
    size_t n = app->preview.p.n_tx, to = app->raw.tx + (size_t)by;

    if (to < n)
        ask(app, to);
    else
        ui_say(app, UI_ROLE_TEXT, by > 0 ? "It is the last one" : "It is the first one");
}

void ui_raw_key(struct ui_app *app, int key)
{
    const struct ui_key_row *own = ui_keys_bound(&app->binds, UI_SCOPE_PREVIEW, key);
    const struct ui_key_row *r = ui_keys_bound(&app->binds, UI_SCOPE_ALL, key);
    int page = SU_MAX(app->h - 8, 1);

    if (own && own->request == UI_REQ_RAW) {
        leave(app);
        return;
    }
    switch (r ? r->request : UI_REQ_NONE) {
    case UI_REQ_BACK:
    case UI_REQ_QUIT:
    case UI_REQ_CANCEL:
        leave(app);
        break;
    case UI_REQ_DOWN:
        app->raw.top++;
        break;
    case UI_REQ_UP:
        app->raw.top--;
        break;
    case UI_REQ_PAGE_DOWN:
    case UI_REQ_HALF_DOWN:
        app->raw.top += r->request == UI_REQ_PAGE_DOWN ? page : (page + 1) / 2;
        break;
    case UI_REQ_PAGE_UP:
    case UI_REQ_HALF_UP:
        app->raw.top -= r->request == UI_REQ_PAGE_UP ? page : (page + 1) / 2;
        break;
    case UI_REQ_FIRST:
        app->raw.top = 0;
        break;
    case UI_REQ_LAST:
        app->raw.top = (int)UI_RAW_TEXT;
        break;
    case UI_REQ_LEFT:
    case UI_REQ_RIGHT:
        other(app, r->request == UI_REQ_RIGHT ? 1 : -1);
        break;
    default:
        break;
    }
    app->raw.top = SU_MAX(app->raw.top, 0);
}

static const char *name_of(void *ctx, const uint8_t key[32])
{
    return ui_label_of(key, ctx);
}

void ui_raw_result(struct ui_app *app, const struct su_ui_result *r)
{
    struct ui_raw *w = &app->raw;
    char name[UI_LABEL_SHOWN];

    if (app->mode != UI_RAW || r->token != app->preview.p.token || r->tx != w->tx || !w->waiting)
        return;
    w->waiting = false;
    w->fresh = r->fresh;
    w->err = r->err;
    su_buf_clear(&w->text);
    if (w->err.code == SU_OK && su_ops_tx_describe(r->wire, SU_MIN(r->wire_bytes, sizeof r->wire),
                                                   r->program, name_of, name, &w->text, &w->err))
        su_buf_clear(&w->text);
    su_buf_u8(&w->text, 0);
    if (w->text.failed)
        su_fail(&w->err, SU_ENOMEM, "transaction", "too little memory to tell what is in it");
}

/* Bytes of a line that go on a row of w cells; the text is ASCII. */
static size_t row_bytes(const char *line, size_t n, size_t w)
{
    size_t cut = w;

    if (n <= w)
        return n;
    while (cut > w / 2 && line[cut] != ' ')
        cut--;
    return cut > w / 2 ? cut : w;
}

/* Draws the rows from top on; how many rows there are. */
static int draw_rows(const char *text, struct ui_area a, int top)
{
    size_t w = (size_t)SU_MAX(a.r.w, 8);
    int row = 0;

    for (const char *line = text; *line;) {
        size_t n = strcspn(line, "\n");
        bool head = n > 0 && *line != ' ';
        do {
            size_t take = row_bytes(line, n, w);
            if (row >= top && row - top < a.r.h)
                ui_textf(a, 0, row - top, head ? UI_ROLE_TEXT : UI_ROLE_DIM, "%.*s", (int)take,
                         line);
            row++;
            line += take;
            n -= take;
        } while (n > 0);
        line += *line == '\n';
    }
    return row;
}

void ui_draw_raw(struct ui_app *app, struct ui_area in, size_t n_tx)
{
    struct ui_raw *w = &app->raw;
    struct ui_area body = ui_area_sub(in, 0, 1, in.r.w, in.r.h - 2);
    char line[300];
    int rows, last;

    if (w->waiting) {
        ui_textf(in, 0, 0, UI_ROLE_TEXT, "Asking for the newest blockhash  (%.1f s)",
                 (double)(app->now_ms - w->asked_ms) / 1000);
    } else if (w->err.code != SU_OK) {
        su_err_line(&w->err, line, sizeof line);
        ui_paragraph(ui_area_sub(in, 0, 0, in.r.w, in.r.h - 1), 0, UI_ROLE_BAD, line);
    } else {
        ui_text(in, 0, 0, w->fresh ? UI_ROLE_DIM : UI_ROLE_WARN,
                w->fresh ? "As signed now; sending takes a newer blockhash"
                         : "The chain gave no blockhash; the rest is as signed");
        rows = draw_rows((const char *)w->text.data, ui_area_sub(in, 0, 0, in.r.w, 0), 0);
        w->top = SU_MAX(SU_MIN(w->top, rows - body.r.h), 0);
        draw_rows((const char *)w->text.data, body, w->top);
        last = SU_MIN(w->top + body.r.h, rows);
        snprintf(line, sizeof line, "rows %d to %d of %d", w->top + 1, last, rows);
        ui_text_right(in, in.r.w, in.r.h - 1, UI_ROLE_DIM, line);
    }
    ui_text(in, 0, in.r.h - 1, UI_ROLE_DIM,
            n_tx > 1 ? "Esc back   j k scroll   h l others" : "Esc back   j k scroll");
    ui_cursor(in, 0, in.r.h - 1);
}
