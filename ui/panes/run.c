// SPDX-License-Identifier: MIT
/* Run: a digit drawn with keys or mouse, or a prompt, sent to a model; the answer as it comes, and the
   stages that work on it, provisional until everything sampled has matched. */
#include "ui/panes/panes.h"

#define SIDE 28
#define TOKENS_MOST 4096u

static const struct su_feed_model *model_of(const struct ui_app *app)
{
    const struct su_feed_model *m = NULL;

    if (app->run.has_model)
        m = ui_model_find(app->snap, app->run.model);
    if (!m)
        for (size_t i = 0; i < app->snap->n_model; i++)
            if (!m || app->snap->model[i].state > m->state)
                m = &app->snap->model[i];
    return m;
}

static uint32_t two_pixels(bool upper, bool lower)
{
    return upper && lower ? 0x2588 : upper ? 0x2580 : lower ? 0x2584 : ' ';
}

/* Rows of the canvas that fit, and the first of them: the pen stays in sight. */
static int canvas_rows(const struct ui_app *app, int h, int *first)
{
    int rows = SU_MIN(h - 2, SIDE / 2);

    *first = SU_MIN(SU_MAX(app->run.pen_y / 2 - rows / 2, 0), SIDE / 2 - rows);
    return rows;
}

bool ui_run_canvas(const struct ui_app *app, int x, int y, int *px, int *py)
{
    const struct su_feed_model *m = app->snap ? model_of(app) : NULL;
    struct ui_layout l = ui_layout_of(app);
    int first, rows = canvas_rows(app, l.log.y - l.body.y, &first);

    *px = x - l.body.x - 1;
    *py = 2 * (y - l.body.y - 1 + first);
    return m && !m->generates && *px >= 0 && *px < SIDE && y > l.body.y && y <= l.body.y + rows;
}

static void canvas(const struct ui_app *app, struct ui_area a)
{
    int first, rows = canvas_rows(app, a.r.h, &first);
    struct ui_area in =
        ui_frame(ui_area_sub(a, 0, 0, SIDE + 2, rows + 2), "draw a digit", UI_ROLE_FRAME);
    const struct ui_run *r = &app->run;

    for (int k = 0; k < rows; k++)
        for (int x = 0, y = 2 * (first + k); x < SIDE; x++)
            ui_put(in, x, k,
                   two_pixels(r->pixel[y * SIDE + x] > 96, r->pixel[(y + 1) * SIDE + x] > 96),
                   UI_ROLE_TEXT);
    ui_paint(in, r->pen_x, r->pen_y / 2 - first, 1,
             r->pen_down ? UI_ROLE_SELECT : UI_ROLE_SELECT_OFF);
    if (app->mode == UI_LIST)
        ui_cursor(in, r->pen_x, r->pen_y / 2 - first);
}

/* ---- the prompt ------------------------------------------------------------------------------------ */

bool ui_run_typing(const struct ui_app *app)
{
    const struct su_feed_model *m = app->snap ? model_of(app) : NULL;

    return app->mode == UI_PROMPT && app->prompt.kind == UI_PROMPT_TEXT &&
           app->pane == UI_PANE_RUN && m && m->generates && !ui_layout_of(app).small;
}

/* The text broken at the width, its row `top` first; a.r.h 0 draws nothing. Says where byte `at` is. */
static void typed_text(struct ui_area a, const struct ui_input *in, size_t at, int top, int *cx,
                       int *cy)
{
    const char *s = in->text, *cursor = in->text + at;
    int x = 0, y = 0;

    *cx = *cy = 0;
    for (;;) {
        const char *from = s;
        char piece[64] = "";
        if (from == cursor) {
            *cx = x;
            *cy = y;
        }
        if (!*s)
            break;
        if (*s == '\n') {
            s++;
            x = 0;
            y++;
            continue;
        }
        int w = ui_text_next(&s).width;
        if (x + w > a.r.w && x > 0) {
            x = 0;
            y++;
            if (from == cursor) {
                *cx = x;
                *cy = y;
            }
        }
        if ((size_t)(s - from) < sizeof piece)
            memcpy(piece, from, (size_t)(s - from));
        if (y >= top)
            ui_text(a, x, y - top, UI_ROLE_TEXT, piece);
        x += w;
    }
    if (*cx >= a.r.w && a.r.w > 0) {
        *cx = 0;
        ++*cy;
    }
}

static void prompt_box(const struct ui_app *app, struct ui_area a)
{
    bool typing = ui_run_typing(app);
    char keys[UI_HINT];
    const struct ui_input *in = typing ? &app->prompt.in : &app->run.prompt;
    struct ui_area box = ui_frame(a,
                                  typing ? "prompt: Enter asks, Alt-Enter breaks the line"
                                         : ui_hint(app,
                                                   "prompt: {type} types, {run-now} asks, "
                                                   "{next-model} next model, {open} {fold} tokens",
                                                   keys),
                                  UI_ROLE_FRAME);
    int x, y, top;

    if (in->len == 0 && !typing) {
        ui_text(box, 0, 0, UI_ROLE_DIM, "nothing typed yet");
        return;
    }
    typed_text(ui_area_sub(box, 0, 0, box.r.w, 0), in, in->cursor, 0, &x, &y);
    top = typing ? SU_MAX(y - box.r.h + 1, 0) : 0;
    typed_text(box, in, in->cursor, top, &x, &y);
    if (typing)
        ui_cursor(box, x, y - top);
}

/* ---- what comes of it ------------------------------------------------------------------------------ */

static void stages(const struct ui_app *app, const struct su_feed_execution *e, struct ui_area a)
{
    for (uint32_t i = 0; i < e->task_count && (int)i < a.r.h; i++) {
        const struct su_feed_part *p = &app->snap->part[e->first_part + i];
        enum ui_role role;
        const char *word = ui_task_word(p->state, &role);
        char node[UI_FORMAT];
        uint32_t done = p->flags & SU_TASKF_COMMITTED ? e->max_steps
                        : p->steps_done == UINT32_MAX ? 0
                                                      : p->steps_done;
        ui_textf(a, 0, (int)i, UI_ROLE_TEXT, "%2u %-11s", p->task, ui_key_short(p->node, node));
        ui_text(a, 15, (int)i, role, word);
        ui_bar(a, 22, (int)i, SU_MAX(4, SU_MIN(20, a.r.w - 30)), done, e->max_steps, UI_ROLE_OK);
        if (p->flags & SU_TASKF_SAMPLED)
            ui_text_right(a, a.r.w, (int)i, UI_ROLE_WARN, "sampled");
    }
}

/* The execution that is shown: the one asked for here, else the wallet's newest. */
static const struct su_feed_execution *shown(const struct ui_app *app)
{
    const struct su_feed_execution *e = NULL;

    if (app->run.has_execution)
        e = ui_execution_find(app->snap, app->run.execution);
    for (size_t i = 0; !e && !app->run.has_execution && i < app->snap->n_execution; i++)
        if (app->snap->execution[i].own)
            e = &app->snap->execution[i];
    return e;
}

/* Asked for here, and nobody has it yet: all of it can be had back. */
static bool is_unassigned(const struct ui_app *app)
{
    const struct su_feed_execution *e = app->run.has_execution ? shown(app) : NULL;

    return e && (e->state == SU_EXEC_OPENING || e->state == SU_EXEC_REQUESTED);
}

static bool is_final(const struct ui_app *app, const struct su_feed_execution *e)
{
    return app->run.news.final || (e && e->state == SU_EXEC_SETTLED);
}

static void result(const struct ui_app *app, struct ui_area a)
{
    const struct su_feed_execution *e = shown(app);
    const struct su_ui_news *n = &app->run.news;
    enum ui_role role;
    int y = 0;

    if (n->failed) {
        y = ui_paragraph(ui_area_sub(a, 0, y, a.r.w, a.r.h - 3), 0, UI_ROLE_BAD, n->text);
    } else if (n->text[0]) {
        bool final = is_final(app, e);
        y = ui_paragraph(ui_area_sub(a, 0, 0, a.r.w, a.r.h - 3), 0,
                         final ? UI_ROLE_OK : UI_ROLE_WARN,
                         !final             ? "provisional until what is sampled has matched"
                         : e && !e->sampled ? "final: nothing was sampled"
                                            : "final: everything sampled matched");
        y = ui_paragraph(ui_area_sub(a, 0, y, a.r.w, a.r.h - y - 3), 0, UI_ROLE_TEXT, n->text) + y;
    }
    y = SU_MIN(y, a.r.h - 3);
    if (!e) {
        if (!app->run.has_execution)
            ui_text(a, 0, y, UI_ROLE_DIM, "nothing asked for yet");
        return;
    }
    const char *word = ui_exec_word(e, &role);
    char key[UI_HINT];
    int x = ui_textf(a, 0, y, UI_ROLE_TEXT, "%s %s ", ui_key_short(e->key, key), e->model_name);
    ui_text(a, x, y, role, word);
    if (is_unassigned(app))
        ui_text_right(a, a.r.w, y, UI_ROLE_DIM, ui_hint(app, "{erase} takes it back", key));
    stages(app, e, ui_area_sub(a, 0, y + 1, a.r.w, a.r.h - y - 1));
}

/* ---- generations ----------------------------------------------------------------------------------- */

/* Tokens come, and more may. */
static bool is_coming(const struct ui_app *app)
{
    const struct ui_run *r = &app->run;
    const struct su_feed_execution *e = shown(app);

    return r->has_execution && r->news.max_tokens > 0 && !r->news.provisional && !r->news.final &&
           !r->news.failed && !(e && e->state >= SU_EXEC_SETTLED);
}

/* How far it is and what it has cost, with the word that says how much it is worth. */
static void mark(const struct ui_app *app, const struct su_feed_execution *e, struct ui_area a)
{
    const struct su_ui_news *n = &app->run.news;
    char cost[UI_FORMAT], held[UI_FORMAT], keys[UI_HINT];
    int x;

    if (n->failed)
        x = ui_text(a, 0, 0, UI_ROLE_BAD, "! failed");
    else if (is_final(app, e))
        x = ui_textf(a, 0, 0, UI_ROLE_OK, "final: %s",
                     e && e->sampled ? "everything sampled matched" : "nothing was sampled");
    else if (n->provisional)
        x = ui_text(a, 0, 0, UI_ROLE_WARN, "provisional: being checked");
    else if (n->tokens > 0)
        x = ui_textf(a, 0, 0, UI_ROLE_WARN, "provisional: %s",
                     app->run.stopping ? "ending" : "tokens come");
    else
        x = ui_textf(a, 0, 0, UI_ROLE_DIM, "%s%s",
                     e && e->state >= SU_EXEC_RUNNING ? "reading the prompt" : "waiting for nodes",
                     app->run.stopping ? ", ending" : "");
    if (n->failed)
        return;
    if (is_unassigned(app))
        ui_text_right(a, a.r.w, 0, UI_ROLE_DIM, ui_hint(app, "{erase} takes it back", keys));
    else if (is_coming(app) && !app->run.stopping)
        ui_text_right(a, a.r.w, 0, UI_ROLE_DIM, ui_hint(app, "{erase} ends it here", keys));
    x = 0;
    if (n->tokens > 0)
        x = ui_textf(a, x, 1, UI_ROLE_TEXT, "%u of %u tokens  %.1f/s  ", n->tokens, n->max_tokens,
                     n->rate);
    ui_textf(a, x, 1, UI_ROLE_MONEY, "cost so far %s of %s USDC", ui_money(n->cost, 6, cost),
             ui_money(n->held, 6, held));
}

static uint64_t part_ms(const struct su_feed_part *p)
{
    uint64_t n = 0;

    n += p->compute_ms == UINT32_MAX ? 0 : p->compute_ms;
    n += p->wait_ms == UINT32_MAX ? 0 : p->wait_ms;
    n += p->network_ms == UINT32_MAX ? 0 : p->network_ms;
    return n;
}

/* A row per stage: who has it, and where its time goes. */
static void stage_bars(const struct ui_app *app, const struct su_feed_execution *e,
                       struct ui_area a)
{
    const int tail = 40, head = 26, bar = SU_MAX(SU_MIN(a.r.w - head - tail, 60), 6);

    for (uint32_t i = 0; i < e->task_count && (int)i < a.r.h; i++) {
        const struct su_feed_part *p = &app->snap->part[e->first_part + i];
        char node[UI_FORMAT], b[3][UI_FORMAT];
        enum ui_role role;
        const char *word = ui_task_word(p->state, &role);
        int y = (int)i,
            x = ui_textf(a, 0, y, UI_ROLE_TEXT, "%2u %-11s", p->task, ui_key_short(p->node, node));
        ui_text_in(a, x, y, 6, role, false, word);
        if (p->steps_done != UINT32_MAX)
            ui_textf(a, x + 6, y, UI_ROLE_TEXT, "%5u", SU_MIN(p->steps_done, 99999u));
        ui_time_bar(a, head, y, bar, p, SU_MAX(part_ms(p), 1));
        x = ui_textf(a, head + bar + 1, y, UI_ROLE_TEXT, "run %s wait %s net %s",
                     ui_ms(p->compute_ms, b[0]), ui_ms(p->wait_ms, b[1]),
                     ui_ms(p->network_ms, b[2]));
        if (p->flags & SU_TASKF_SAMPLED && x + 9 <= a.r.w)
            ui_text_right(a, a.r.w, y, UI_ROLE_WARN, "sampled");
    }
}

/* The end of a text that is longer than the room. */
static void answer(struct ui_area a, enum ui_role role, const char *text)
{
    int rows = ui_paragraph(ui_area_sub(a, 0, 0, a.r.w, 0), 0, role, text);

    if (a.r.h > 0)
        (void)ui_paragraph(a, SU_MIN(0, a.r.h - rows), role, text);
}

static void generation(const struct ui_app *app, struct ui_area a)
{
    const struct su_feed_execution *e = shown(app);
    const struct su_ui_news *n = &app->run.news;
    int below = e ? SU_MIN((int)e->task_count, SU_MAX(a.r.h - 5, 1)) + 1 : 0, y = 0;
    enum ui_role role;
    char key[UI_FORMAT];

    if (app->run.has_execution) {
        mark(app, e, ui_area_sub(a, 0, 0, a.r.w, 2));
        y = n->failed ? 1 : 2;
        answer(ui_area_sub(a, 0, y, a.r.w, a.r.h - y - below),
               n->failed ? UI_ROLE_BAD : UI_ROLE_TEXT, n->text);
    } else if (!e) {
        ui_text(a, 0, 0, UI_ROLE_DIM, "nothing asked for yet");
    }
    if (!e)
        return;
    y = app->run.has_execution ? a.r.h - below : 0;
    const char *word = ui_exec_word(e, &role);
    int x = ui_textf(a, 0, y, UI_ROLE_TEXT, "%s %s ", ui_key_short(e->key, key), e->model_name);
    ui_text(a, x, y, role, word);
    stage_bars(app, e, ui_area_sub(a, 0, y + 1, a.r.w, below - 1));
}

static uint32_t tokens_of(const struct ui_run *r)
{
    return r->tokens ? r->tokens : UI_TOKENS;
}

/* The whole of it for who types; then no more than there is, as the answer needs the room. */
static int box_height(const struct ui_app *app, struct ui_area a)
{
    const struct ui_input *all = &app->run.prompt;
    int most = a.r.h >= 16 ? 6 : 4, x, y;

    typed_text(ui_area_sub(a, 0, 0, a.r.w - 2, 0), all, all->len, 0, &x, &y);
    return ui_run_typing(app) || !app->run.has_execution ? most : SU_MIN(y + 3, most);
}

static void draw_generation(const struct ui_app *app, const struct su_feed_model *m,
                            struct ui_area a)
{
    int box = box_height(app, a);
    char fee[UI_FORMAT], line[96], name[SU_NAME_MAX + 8];

    prompt_box(app, ui_area_sub(a, 0, 0, a.r.w, box));
    (void)snprintf(line, sizeof line, "from %s USDC, at most %u tokens",
                   ui_money(m->fee_per_step, 6, fee), tokens_of(&app->run));
    (void)snprintf(name, sizeof name, "model %s", m->name);
    int x = ui_text_right(a, a.r.w - 1, box, UI_ROLE_TEXT, line);
    ui_text_in(a, 1, box, x - 3, UI_ROLE_TEXT, false, name);
    generation(app, ui_area_sub(a, 1, box + 2, a.r.w - 2, a.r.h - box - 2));
}

static void draw(const struct ui_app *app, struct ui_area a)
{
    const struct su_feed_model *m = model_of(app);
    char fee[UI_FORMAT];
    int left = SIDE + 2;

    if (!m) {
        ui_text(a, 4, 1, UI_ROLE_TEXT, "No model is registered, so there is nothing to run.");
        ui_text(a, 4, 3, UI_ROLE_TEXT, "From the shell:  splitup deploy register models/mnist");
        return;
    }
    if (m->generates) {
        draw_generation(app, m, a);
        return;
    }
    canvas(app, a);
    ui_textf(a, left + 2, 0, UI_ROLE_TEXT, "model %s", m->name);
    ui_textf(a, left + 2, 1, UI_ROLE_TEXT, "costs about %s USDC",
             ui_money(m->fee_per_step, 6, fee));
    ui_hint_text(app, a, left + 2, 2, UI_ROLE_DIM, "mouse, or arrows and {pen}");
    ui_hint_text(app, a, left + 2, 3, UI_ROLE_DIM,
                 "{erase} clear, {next-model} model, {run-now} run");
    result(app, ui_area_sub(a, left + 2, 5, a.r.w - left - 3, a.r.h - 5));
}

static void dab(struct ui_run *r)
{
    for (int dy = 0; dy < 2; dy++)
        for (int dx = 0; dx < 2; dx++)
            if (r->pen_x + dx < SIDE && r->pen_y + dy < SIDE)
                r->pixel[(r->pen_y + dy) * SIDE + r->pen_x + dx] = 255;
}

static void pen(struct ui_run *r, int dx, int dy)
{
    int x = r->pen_x + dx, y = r->pen_y + dy;

    if (x >= 0 && x < SIDE)
        r->pen_x = x;
    if (y >= 0 && y < SIDE)
        r->pen_y = y;
    if (r->pen_down)
        dab(r);
}

void ui_run_pen(struct ui_app *app, int x, int y)
{
    app->run.pen_x = x;
    app->run.pen_y = y;
    dab(&app->run);
}

static void next_model(struct ui_app *app)
{
    const struct su_feed_model *m = model_of(app);
    size_t i;

    if (!m)
        return;
    i = ((size_t)(m - app->snap->model) + 1) % app->snap->n_model;
    memcpy(app->run.model, app->snap->model[i].key, 32);
    app->run.has_model = true;
}

static void run_now(struct ui_app *app)
{
    const struct su_feed_model *m = model_of(app);
    char keys[UI_HINT];

    if (!m)
        return;
    memcpy(app->run.model, m->key, 32);
    app->run.has_model = true;
    if (!m->generates) {
        ui_input_wipe(&app->run.prompt);
        ui_open_form(app, SU_UI_RUN);
    } else if (app->run.prompt.len == 0) {
        ui_say(app, UI_ROLE_WARN, "%s", ui_hint(app, "Type a prompt first: {type}", keys));
    } else if (is_coming(app)) {
        ui_say(app, UI_ROLE_WARN, "%s",
               ui_hint(app, "An answer is coming: {erase} ends it there", keys));
    } else {
        ui_open_form(app, SU_UI_RUN);
        if (app->mode == UI_FORM) /* what it holds is on the screen already */
            ui_form_submit(app);
    }
}

static void remember(struct ui_run *r)
{
    if (r->n_history > 0 && strcmp(r->history[r->n_history - 1], r->prompt.text) == 0)
        return;
    if (r->n_history == UI_PROMPTS) {
        memmove(r->history[0], r->history[1], sizeof r->history - sizeof r->history[0]);
        r->n_history--;
    }
    su_str_copy(r->history[r->n_history++], sizeof r->history[0], r->prompt.text);
}

void ui_run_typed(struct ui_app *app, const char *text)
{
    struct ui_run *r = &app->run;

    r->prompt.lines = true;
    ui_input_set(&r->prompt, text);
    if (r->prompt.len == 0 || !app->snap)
        return;
    remember(r);
    run_now(app);
}

void ui_run_history(struct ui_app *app, int by)
{
    struct ui_run *r = &app->run;

    if (by < 0 && r->at_history > 0)
        r->at_history--;
    else if (by > 0 && r->at_history < r->n_history)
        r->at_history++;
    else
        return;
    ui_input_set(&app->prompt.in, r->at_history < r->n_history ? r->history[r->at_history] : "");
}

bool ui_run_stop(struct ui_app *app)
{
    if (!app->snap || !is_coming(app) || app->run.stopping)
        return false;
    app->run.stopping = true;
    app->intent = (struct su_ui_intent){.kind = SU_UI_RUN, .step = SU_UI_STOP};
    ui_act(app, UI_ACT_SUBMIT);
    ui_say(app, UI_ROLE_TEXT, "Ending it here: what is not run is not paid");
    return true;
}

static void erase(struct ui_app *app)
{
    struct ui_run *r = &app->run;

    if (is_unassigned(app)) {
        ui_open_form(app, SU_UI_DROP);
        if (app->mode == UI_FORM) /* which one is known */
            ui_form_submit(app);
        return;
    }
    if (ui_run_stop(app))
        return;
    memset(r->pixel, 0, sizeof r->pixel);
    r->pen_down = false;
    ui_input_wipe(&r->prompt);
}

static void more_tokens(struct ui_run *r, bool more)
{
    uint32_t n = tokens_of(r);

    r->tokens = more ? SU_MIN(2 * n, TOKENS_MOST) : SU_MAX(n / 2, 1u);
}

static bool request(struct ui_app *app, int req)
{
    const struct su_feed_model *m = model_of(app);
    struct ui_run *r = &app->run;
    bool drawing = m && !m->generates;
    char keys[UI_HINT];

    switch (req) {
    case UI_REQ_UP:
    case UI_REQ_DOWN:
    case UI_REQ_LEFT:
    case UI_REQ_RIGHT:
        if (drawing)
            pen(r, (req == UI_REQ_RIGHT) - (req == UI_REQ_LEFT),
                (req == UI_REQ_DOWN) - (req == UI_REQ_UP));
        return true;
    case UI_REQ_PEN:
        r->pen_down = drawing && !r->pen_down;
        pen(r, 0, 0);
        return true;
    case UI_REQ_ERASE:
        erase(app);
        return true;
    case UI_REQ_OPEN:
    case UI_REQ_FOLD:
        if (!drawing)
            more_tokens(r, req == UI_REQ_OPEN);
        return true;
    case UI_REQ_TYPE:
        if (drawing)
            ui_say(app, UI_ROLE_WARN, "%s",
                   ui_hint(app, "This model takes a drawn digit; {next-model} is the next model",
                           keys));
        return drawing;
    case UI_REQ_NEXT_MODEL:
        next_model(app);
        return true;
    case UI_REQ_RUN_NOW:
        run_now(app);
        return true;
    default:
        return false;
    }
}

const struct ui_pane_ops ui_pane_run = {
    .name = "run",
    .title = "Run",
    .draw = draw,
    .request = request,
};
