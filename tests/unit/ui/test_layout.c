// SPDX-License-Identifier: MIT
/* Layout over every size: rectangles lie inside and apart, and dialogs keep their way out in sight. */
#include "ui_kit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static bool inside(struct ui_rect r, int w, int h)
{
    return r.w >= 0 && r.h >= 0 && r.x >= 0 && r.y >= 0 && r.x + r.w <= w && r.y + r.h <= h;
}

static bool apart(struct ui_rect a, struct ui_rect b)
{
    return a.h == 0 || b.h == 0 || a.y + a.h <= b.y || b.y + b.h <= a.y || a.x + a.w <= b.x ||
           b.x + b.w <= a.x;
}

static void check(int w, int h, int top, int detail, bool head)
{
    struct ui_layout l = ui_layout_make(w, h, top, detail, head);
    const struct ui_rect r[] = {l.header, l.tabs,   l.info, l.top,     l.head, l.body,
                                l.rule,   l.detail, l.log,  l.message, l.keys};
    int rows = 0;

    assert_int_equal(l.small, w < UI_MIN_W || h < UI_MIN_H);
    if (l.small)
        return;
    for (size_t i = 0; i < SU_ARRAY_LEN(r); i++) {
        assert_true(inside(r[i], w, h));
        rows += r[i].h;
        for (size_t k = 0; k < i; k++)
            assert_true(apart(r[i], r[k]));
    }
    assert_int_equal(rows, h);
    assert_int_equal(l.header.h + l.message.h + l.keys.h, 3);
    assert_true(l.body.h >= 5);
    assert_int_equal(l.head.h, head);
}

static void every_size(void **state)
{
    (void)state;
    for (int w = 1; w <= 240; w++)
        for (int h = 1; h <= 80; h++)
            for (int top = 0; top <= 3; top++)
                for (int detail = 0; detail <= 4; detail++)
                    check(w, h, top, detail, detail % 2 == 0);
}

static void every_dialog_is_inside(void **state)
{
    (void)state;
    for (int w = UI_MIN_W; w <= 240; w++)
        for (int h = UI_MIN_H; h <= 80; h++)
            for (int want = 3; want <= 40; want++) {
                struct ui_rect r = ui_layout_dialog(w, h, 2 * want + 10, want);
                assert_true(inside(r, w, h));
                assert_true(r.y >= 1 && r.y + r.h <= h - 2);
                assert_true(r.h == want || r.h == h - 3);
            }
}

/* All states that tests of looks use, each by its keys. */
static const char *const states[] = {
    "",
    "{Enter}",
    "2+",
    "2*{Enter}",
    "3+",
    "4",
    "4o",
    "5",
    "5{Enter}",
    "6",
    "6mmm",
    "7",
    "?",
    "W",
    "x",
    "/x",
    "\\live",
    "\\nobody{Enter}",
    ":stake",
    "3S",
    "3U",
    "3a",
    "1d",
    "Wn",
    "3S{Tab}5{Tab}{Enter}",
    "Z",
};

static void draw_all(int w, int h, enum ui_fixture_kind kind)
{
    for (size_t i = 0; i < SU_ARRAY_LEN(states); i++) {
        struct kit k;
        kit_open(&k, kind, w, h);
        kit_keys(&k, states[i]);
        kit_draw(&k);
        assert_null(ui_fixture_grid_fault(&k.grid));
        if (k.grid.cursor) {
            assert_true(k.grid.cursor_x >= 0 && k.grid.cursor_x < w);
            assert_true(k.grid.cursor_y >= 0 && k.grid.cursor_y < h);
        }
        kit_close(&k);
    }
}

static void every_state_draws_at_every_size(void **state)
{
    bool full = getenv("SU_TEST_FULL") != NULL;

    (void)state;
    for (int w = 1; w <= 240; w += full ? 1 : 13)
        for (int h = 1; h <= 80; h += full ? 1 : 7)
            draw_all(w, h, UI_FIXTURE_LIVE);
    for (int kind = 0; kind < UI_FIXTURE_KINDS; kind++) {
        draw_all(60, 16, (enum ui_fixture_kind)kind);
        draw_all(80, 24, (enum ui_fixture_kind)kind);
        draw_all(160, 48, (enum ui_fixture_kind)kind);
    }
}

static void previews_keep_cancel_in_sight(void **state)
{
    (void)state;
    for (int w = UI_MIN_W; w <= 240; w += 9)
        for (int h = UI_MIN_H; h <= 80; h += 3)
            for (unsigned tier = 2; tier <= 3; tier++) {
                struct su_ui_result r;
                struct kit k;
                kit_open(&k, UI_FIXTURE_LIVE, w, h);
                kit_keys(&k, "3S5{Enter}");
                assert_int_equal(k.app.mode, UI_WAIT);
                r = kit_proposal(&k, 7, tier, "5");
                r.n_line = SU_OPS_LINES_MAX;
                kit_result(&k, &r);
                assert_int_equal(k.app.mode, UI_PREVIEW);
                assert_true(kit_has(&k, "[ Cancel ]"));
                assert_true(kit_has(&k, "[ Sign and send ]"));
                kit_close(&k);
            }
}

static void resizing_keeps_the_selection(void **state)
{
    struct ui_row before, after;
    struct kit k;

    (void)state;
    kit_open(&k, UI_FIXTURE_LIVE, 160, 48);
    kit_keys(&k, "5jjjjjjjj");
    assert_true(ui_selected(&k.app, &before));
    for (int i = 1; i < 400; i++) {
        kit_size(&k, i * 37 % 240 + 1, i * 53 % 80 + 1);
        kit_draw(&k);
        assert_true(ui_selected(&k.app, &after));
        assert_int_equal(before.item, after.item);
        if (!ui_layout_of(&k.app).small) {
            const struct ui_table *t = &k.app.table[UI_PANE_SAMPLES];
            assert_true(t->cursor >= t->top);
            assert_true(t->cursor < t->top + (size_t)ui_layout_of(&k.app).body.h);
        }
    }
    kit_size(&k, 9999, 9999);
    kit_draw(&k);
    assert_int_equal(k.grid.w, UI_GRID_MAX_W);
    kit_close(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_size),
        cmocka_unit_test(every_dialog_is_inside),
        cmocka_unit_test(every_state_draws_at_every_size),
        cmocka_unit_test(previews_keep_cancel_in_sight),
        cmocka_unit_test(resizing_keeps_the_selection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
