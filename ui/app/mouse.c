// SPDX-License-Identifier: MIT
/* The mouse in dialogs. Drawing notes what can be pressed where; a click is then the key that does the
   same, or moves the focus. It never signs, and does nothing beside those places or right after the
   dialog opened under it. */
#include "ui/panes/panes.h"

void ui_spots_begin(struct ui_app *app)
{
    struct ui_spots *s = &app->spots;

    s->n = 0;
    s->fresh = true;
    if (s->mode != app->mode)
        s->since_ms = app->now_ms;
    s->mode = app->mode;
}

void ui_spot(struct ui_app *app, struct ui_area a, int x, int y, int w, enum ui_spot_kind kind,
             int value)
{
    struct ui_spots *s = &app->spots;
    struct ui_area at = ui_area_sub(a, x, y, w, 1);

    if (s->n < UI_SPOTS && at.r.w > 0 && at.r.h > 0)
        s->spot[s->n++] = (struct ui_spot){at.r, kind, value};
}

static void press(struct ui_app *app, int key)
{
    (void)ui_modal_event(app, &(struct ui_event){.kind = UI_EVENT_KEY, .key = key});
}

static void field(struct ui_app *app, const struct ui_spot *s, int x)
{
    struct ui_input *in = NULL;

    if (app->mode == UI_FORM) {
        app->form.focus = (size_t)s->value;
        app->form.asked = false;
        in = &app->form.in[s->value];
    } else if (app->mode == UI_SECRET) {
        in = &app->secret;
    } else if (app->mode == UI_PREVIEW) {
        app->preview.focus = 0;
        in = &app->preview.typed;
    }
    if (in)
        ui_input_click(in, x - s->r.x - 1, s->r.w - 2);
}

static void click(struct ui_app *app, const struct ui_spot *s, int x)
{
    switch (s->kind) {
    case UI_SPOT_KEY:
        press(app, s->value);
        break;
    case UI_SPOT_FIELD:
        field(app, s, x);
        break;
    case UI_SPOT_BUTTON:
        if (app->mode == UI_FORM)
            app->form.focus = (size_t)s->value;
        else if (app->mode == UI_PREVIEW)
            app->preview.focus = (size_t)s->value;
        press(app, UI_K_ENTER);
        break;
    case UI_SPOT_FOCUS:
        app->preview.focus = (size_t)s->value;
        ui_say(app, UI_ROLE_TEXT, "Enter presses it: a click signs nothing");
        break;
    case UI_SPOT_ROW:
        app->menu = (size_t)s->value;
        press(app, UI_K_ENTER);
        break;
    }
}

static void wheel(struct ui_app *app, bool up)
{
    int times = app->mode == UI_HELP || app->mode == UI_RAW ? 3 : 1;

    if (app->mode == UI_HELP || app->mode == UI_RAW || app->mode == UI_PREVIEW ||
        app->mode == UI_MENU || app->mode == UI_NOTICE)
        while (times-- > 0)
            press(app, up ? UI_K_UP : UI_K_DOWN);
}

void ui_mouse_dialog(struct ui_app *app, const struct ui_event *ev)
{
    struct ui_spots *s = &app->spots;
    bool ready = s->fresh && s->mode == app->mode && app->now_ms - s->since_ms >= UI_GUARD_MS;
    struct ui_layout l = ui_layout_of(app);

    if (l.small)
        return;
    if (ev->mouse == UI_MOUSE_WHEEL_UP || ev->mouse == UI_MOUSE_WHEEL_DOWN) {
        wheel(app, ev->mouse == UI_MOUSE_WHEEL_UP);
        return;
    }
    if (ev->mouse == UI_MOUSE_DRAG || !ready)
        return;
    if (ev->y == l.keys.y) {
        int n = ui_key_bar_at(app, ev->x);
        if (n == 10 || (n == 1 && app->mode == UI_HELP))
            press(app, UI_K_F(n));
        return;
    }
    for (size_t i = s->n; i-- > 0;) {
        const struct ui_rect *r = &s->spot[i].r;
        if (ev->x >= r->x && ev->x < r->x + r->w && ev->y >= r->y && ev->y < r->y + r->h) {
            struct ui_spot hit = s->spot[i];
            s->fresh = false; /* once for each drawing */
            click(app, &hit, ev->x);
            return;
        }
    }
}
