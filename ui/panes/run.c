// SPDX-License-Identifier: MIT
/* Run: a digit drawn with keys or mouse, or a prompt, sent to a model; below it the stages that work on
   it, provisional until everything sampled has matched. */
#include "ui/panes/panes.h"

#define SIDE 28

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

static void prompt_box(const struct ui_app *app, struct ui_area a)
{
    struct ui_area in = ui_frame(ui_area_sub(a, 0, 0, a.r.w, 6), "prompt (i types)", UI_ROLE_FRAME);

    ui_paragraph(in, 0, app->run.prompt.len ? UI_ROLE_TEXT : UI_ROLE_DIM,
                 app->run.prompt.len ? app->run.prompt.text : "nothing typed yet");
}

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

static void result(const struct ui_app *app, struct ui_area a)
{
    const struct su_feed_execution *e = NULL;
    enum ui_role role;
    int y = 0;

    if (app->run.has_execution)
        e = ui_execution_find(app->snap, app->run.execution);
    for (size_t i = 0; !e && i < app->snap->n_execution; i++)
        if (app->snap->execution[i].own)
            e = &app->snap->execution[i];
    if (app->run.output[0]) {
        bool final = app->run.final || (e && e->state == SU_EXEC_SETTLED);
        ui_text(a, 0, y++, final ? UI_ROLE_OK : UI_ROLE_WARN,
                final ? "final: everything sampled matched"
                      : "provisional until what is sampled has matched");
        y = ui_paragraph(ui_area_sub(a, 0, y, a.r.w, a.r.h - y - 3), 0, UI_ROLE_TEXT,
                         app->run.output) +
            y;
    }
    y = SU_MIN(y, a.r.h - 3);
    if (!e) {
        if (!app->run.has_execution)
            ui_text(a, 0, y, UI_ROLE_DIM, "nothing asked for yet");
        return;
    }
    const char *word = ui_exec_word(e, &role);
    char key[UI_FORMAT];
    int x = ui_textf(a, 0, y, UI_ROLE_TEXT, "%s %s ", ui_key_short(e->key, key), e->model_name);
    ui_text(a, x, y, role, word);
    stages(app, e, ui_area_sub(a, 0, y + 1, a.r.w, a.r.h - y - 1));
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
        prompt_box(app, ui_area_sub(a, 0, 0, a.r.w, 6));
        ui_textf(a, 1, 6, UI_ROLE_TEXT, "model %s  %s USDC a token  (m next, e run)", m->name,
                 ui_money(m->fee_per_step, 6, fee));
        result(app, ui_area_sub(a, 1, 8, a.r.w - 2, a.r.h - 8));
        return;
    }
    canvas(app, a);
    ui_textf(a, left + 2, 0, UI_ROLE_TEXT, "model %s", m->name);
    ui_textf(a, left + 2, 1, UI_ROLE_TEXT, "costs about %s USDC",
             ui_money(m->fee_per_step, 6, fee));
    ui_text(a, left + 2, 2, UI_ROLE_DIM, "arrows move, Space pen, c clear");
    ui_text(a, left + 2, 3, UI_ROLE_DIM, "mouse draws, m model, e run");
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

    if (!m)
        return;
    memcpy(app->run.model, m->key, 32);
    app->run.has_model = true;
    if (m->generates && app->run.prompt.len == 0)
        ui_say(app, UI_ROLE_WARN, "Type a prompt first (i)");
    else
        ui_open_form(app, SU_UI_RUN);
}

static bool request(struct ui_app *app, int req)
{
    const struct su_feed_model *m = model_of(app);
    struct ui_run *r = &app->run;
    bool drawing = m && !m->generates;

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
        memset(r->pixel, 0, sizeof r->pixel);
        r->pen_down = false;
        ui_input_wipe(&r->prompt);
        return true;
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
