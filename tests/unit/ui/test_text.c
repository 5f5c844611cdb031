// SPDX-License-Identifier: MIT
/* Texts of any script and of any malice in cells: widths, accents, edges, editing. */
#include "ui_kit.h"

#include "ui/widgets/input.h"

#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include <cmocka.h>

/* What is drawn of a text, in UTF-8. */
static const char *drawn(const char *s)
{
    static char out[256];

    ui_text_clean(out, sizeof out, s);
    return out;
}

static void scripts_are_drawn(void **state)
{
    static const struct {
        const char *text;
        int width;
    } row[] = {
        {"plain", 5},
        {"\u041f\u0440\u0438\u0432\u0435\u0442", 6},
        {"\u0395\u03bb\u03bb\u03ac\u03c2", 5},
        {"\u4e2d\u6587", 4},
        {"\ud55c\uad6d\uc5b4", 6},
        {"\u3053\u3093\u306b\u3061\u306f", 10},
        {"e\u0301te\u0301", 3},
        {"\u0e17\u0e35\u0e48", 1},
        {"\U0001f600", 2},
        {"\u2192\u2264\u2588", 3},
        {"\U00020000", 2},
    };

    (void)state;
    for (size_t i = 0; i < SU_ARRAY_LEN(row); i++) {
        assert_int_equal(ui_text_width(row[i].text), row[i].width);
        assert_string_equal(drawn(row[i].text), row[i].text);
    }
}

static void malice_is_harmless(void **state)
{
    (void)state;
    assert_string_equal(drawn("\x1b[31m"), "?[31m");
    assert_string_equal(drawn("\xc2\x9b"
                              "2J"),
                        "?2J");
    assert_string_equal(drawn("\a\b\t\n\x7f"), "?????");
    assert_string_equal(drawn("\u202egnp.exe"), "?gnp.exe"); /* turns what follows */
    assert_string_equal(drawn("\u05d0\u0627"), "??"); /* a terminal may turn the row */
    assert_string_equal(drawn("mn\u200bist"), "mn?ist"); /* hidden: not to be mistaken */
    assert_string_equal(drawn("\ufeff\u00ad\u2060\u115f\u3164"), "?????");
    assert_string_equal(drawn("\u0301a"), "?a"); /* an accent on nothing */
    assert_string_equal(drawn("\xff\xc3(\xed\xa0\x80"), "?\?(?\?\?");
    assert_string_equal(drawn("\ue000\U000f0000\U0010ffff"), "???");
    /* A tower of accents keeps two, a picture of several parts is its parts. */
    assert_string_equal(drawn("a\u0301\u0302\u0303\u0304z"), "a\u0301\u0302z");
    assert_string_equal(drawn("\U0001f469\u200d\U0001f4bb"), "\U0001f469\U0001f4bb");
    assert_string_equal(drawn("a\u200db"), "a?b");
    assert_string_equal(drawn("\u2764\ufe0f\U0001f44d\U0001f3fd"), "\u2764\U0001f44d");
    assert_string_equal(drawn("\U0001f1e9\U0001f1ea"), "DE");
}

static void cut_at_characters(void **state)
{
    char out[8];

    (void)state;
    ui_text_clean(out, sizeof out, "\u4e2d\u6587\u5b57");
    assert_string_equal(out, "\u4e2d\u6587");
    ui_text_clean(out, 1, "abc");
    assert_string_equal(out, "");
    ui_text_clean(out, 3, "e\u0301");
    assert_string_equal(out, "");
}

/* The library that ncurses asks agrees, for all that it knows. */
static void widths_are_those_of_the_library(void **state)
{
    size_t asked = 0;

    (void)state;
    if (!setlocale(LC_CTYPE, "C.UTF-8")) {
        print_message("no UTF-8 locale is here to compare with\n");
        skip();
    }
    for (uint32_t cp = 0x20; cp < 0x110000; cp++) {
        int w = wcwidth((wchar_t)cp), own = ui_glyph_width(cp);
        if (w < 0 || (ui_glyph(cp) == '?' && own != 0))
            continue;
        if (w != own)
            fail_msg("U+%04X takes %d, not %d", (unsigned)cp, w, own);
        asked++;
    }
    assert_true(asked > 100000);
    setlocale(LC_CTYPE, "C");
}

static const char *row_of(struct ui_grid *g, enum ui_charset c)
{
    static struct su_buf b;

    assert_null(ui_fixture_grid_fault(g));
    su_buf_clear(&b);
    ui_headless_text(g, c, &b);
    b.data[strcspn((char *)b.data, "\n")] = 0;
    return (const char *)b.data;
}

static void halves_never_stay(void **state)
{
    struct ui_grid g = {0};
    struct ui_area a;

    (void)state;
    assert_true(ui_grid_resize(&g, 8, 1));
    a = ui_area_all(&g);
    assert_int_equal(ui_text(a, 0, 0, UI_ROLE_TEXT, "\u4e2d\u6587"), 4);
    assert_string_equal(row_of(&g, UI_CHARSET_UTF8), "\u4e2d\u6587");
    assert_string_equal(row_of(&g, UI_CHARSET_ASCII), "????");
    ui_put(a, 1, 0, 'x', UI_ROLE_TEXT); /* over a right half */
    assert_string_equal(row_of(&g, UI_CHARSET_UTF8), " x\u6587");
    ui_put(a, 2, 0, 'y', UI_ROLE_TEXT); /* over a left half */
    assert_string_equal(row_of(&g, UI_CHARSET_UTF8), " xy");
    ui_text(a, 0, 0, UI_ROLE_TEXT, "\u4e2d\u6587");
    ui_text(a, 1, 0, UI_ROLE_TEXT, "\u5b57"); /* over two halves */
    assert_string_equal(row_of(&g, UI_CHARSET_UTF8), " \u5b57");
    ui_grid_clear(&g);
    assert_int_equal(ui_text(a, 5, 0, UI_ROLE_TEXT, "\u4e2d\u6587"), 8); /* cut by the edge */
    assert_string_equal(row_of(&g, UI_CHARSET_UTF8), "     \u4e2d");
    ui_grid_clear(&g);
    ui_text(a, -1, 0, UI_ROLE_TEXT, "\u4e2d\u6587");
    assert_string_equal(row_of(&g, UI_CHARSET_UTF8), " \u6587");
    ui_text(ui_area_sub(a, 2, 0, 3, 1), 0, 0, UI_ROLE_TEXT, "ab"); /* a window's edge cuts, too */
    assert_string_equal(row_of(&g, UI_CHARSET_UTF8), "  ab");
    ui_grid_clear(&g);
    ui_text(a, 0, 0, UI_ROLE_TEXT, "e\u0301\u4e2d\u0301");
    assert_string_equal(row_of(&g, UI_CHARSET_UTF8), "e\u0301\u4e2d\u0301");
    assert_string_equal(row_of(&g, UI_CHARSET_ACS), "e??");
    ui_grid_fini(&g);
}

static void columns_hold_wide_texts(void **state)
{
    static const char text[] = "a\u4e2d\u6587\u5b57";
    static const char *const want[] = {"|~|",
                                       "|a~|",
                                       "|a~ |",
                                       "|a\u4e2d~|",
                                       "|a\u4e2d~ |",
                                       "|a\u4e2d\u6587~|",
                                       "|a\u4e2d\u6587\u5b57|",
                                       "|a\u4e2d\u6587\u5b57 |"};
    struct ui_grid g = {0};
    struct ui_area a;

    (void)state;
    assert_true(ui_grid_resize(&g, 20, 2));
    a = ui_area_all(&g);
    for (int w = 1; w <= 8; w++) {
        ui_grid_clear(&g);
        ui_put(a, 0, 0, '|', UI_ROLE_TEXT);
        ui_put(a, w + 1, 0, '|', UI_ROLE_TEXT);
        ui_text_in(a, 1, 0, w, UI_ROLE_TEXT, false, text);
        assert_string_equal(row_of(&g, UI_CHARSET_UTF8), want[w - 1]);
    }
    ui_grid_clear(&g);
    ui_text_in(a, 0, 0, 9, UI_ROLE_TEXT, true, text);
    assert_string_equal(row_of(&g, UI_CHARSET_UTF8), "  a\u4e2d\u6587\u5b57");
    assert_int_equal(ui_text_right(a, 20, 0, UI_ROLE_TEXT, text), 13);
    ui_grid_clear(&g);
    assert_int_equal(
        ui_paragraph(ui_area_sub(a, 0, 0, 5, 2), 0, UI_ROLE_TEXT, "\u4e2d\u6587\u5b57"), 2);
    assert_string_equal(row_of(&g, UI_CHARSET_UTF8), "\u4e2d\u6587");
    ui_grid_fini(&g);
}

static void editing_moves_by_characters(void **state)
{
    struct ui_input in = {.len = 0};
    struct ui_grid g = {0};

    (void)state;
    ui_input_set(&in, "\u4e2de\u0301");
    assert_true(ui_input_key(&in, 0x302)); /* another accent on the last letter */
    assert_string_equal(in.text, "\u4e2de\u0301\u0302");
    assert_true(ui_input_key(&in, UI_K_LEFT));
    assert_int_equal(in.cursor, 3);
    assert_true(ui_input_key(&in, 0x1f600));
    assert_string_equal(in.text, "\u4e2d\U0001f600e\u0301\u0302");
    assert_true(ui_input_key(&in, UI_K_DEL));
    assert_string_equal(in.text, "\u4e2d\U0001f600");
    assert_true(ui_grid_resize(&g, 8, 1));
    ui_input_draw(&in, ui_area_all(&g), 0, 0, 8, true, false);
    assert_string_equal(row_of(&g, UI_CHARSET_UTF8), "[\u4e2d\U0001f600  ]");
    assert_int_equal(g.cursor_x, 5);
    assert_true(ui_input_key(&in, UI_K_BACKSPACE));
    assert_true(ui_input_key(&in, UI_K_BACKSPACE));
    assert_int_equal(in.len, 0);
    assert_true(ui_input_key(&in, UI_K_BACKSPACE));
    assert_true(ui_input_key(&in, UI_K_DEL));
    assert_true(ui_input_key(&in, UI_K_RIGHT));
    assert_int_equal(in.cursor, 0);
    /* Longer than the field: the cursor stays in it. */
    ui_input_set(&in, "\u4e2d\u6587\u5b57\u4e2d\u6587\u5b57");
    ui_input_draw(&in, ui_area_all(&g), 0, 0, 8, true, false);
    assert_null(ui_fixture_grid_fault(&g));
    assert_true(g.cursor_x >= 1 && g.cursor_x <= 6);
    ui_grid_fini(&g);
}

static void panes_show_other_scripts(void **state)
{
    struct kit k;

    (void)state;
    for (int pane = 0; pane < UI_PANES; pane++)
        for (int w = 60; w < 90; w++) {
            kit_open(&k, UI_FIXTURE_FOREIGN, w, 24);
            kit_key(&k, '1' + pane);
            kit_draw(&k);
            assert_null(ui_fixture_grid_fault(&k.grid));
            kit_keys(&k, "{Enter}?");
            kit_draw(&k);
            assert_null(ui_fixture_grid_fault(&k.grid));
            kit_close(&k);
        }
}

/* The bytes that ask a terminal to copy: told as they are, through tmux, through screen. */
static void clipboards_are_asked(void **state)
{
    char out[UI_CLIPBOARD_BYTES], text[UI_CLIPBOARD_TEXT + 2];

    (void)state;
    assert_int_equal(ui_clipboard_between(NULL, NULL), UI_BETWEEN_NOTHING);
    assert_int_equal(ui_clipboard_between("", ""), UI_BETWEEN_NOTHING);
    assert_int_equal(ui_clipboard_between("/tmp/tmux-0/default,1,0", "1.pts"), UI_BETWEEN_TMUX);
    assert_int_equal(ui_clipboard_between(NULL, "1.pts"), UI_BETWEEN_SCREEN);
    assert_int_equal(ui_clipboard_bytes("hello", UI_BETWEEN_NOTHING, out, sizeof out), 16);
    assert_string_equal(out, "\033]52;c;aGVsbG8=\a");
    assert_true(ui_clipboard_bytes("hello", UI_BETWEEN_SCREEN, out, sizeof out) > 0);
    assert_string_equal(out, "\033P\033]52;c;aGVsbG8=\a\033\\");
    assert_true(ui_clipboard_bytes("hello", UI_BETWEEN_TMUX, out, sizeof out) > 0);
    assert_string_equal(out, "\033]52;c;aGVsbG8=\a"
                             "\033Ptmux;\033\033]52;c;aGVsbG8=\a\033\\");
    assert_int_equal(ui_clipboard_bytes("", UI_BETWEEN_NOTHING, out, sizeof out), 0);
    assert_int_equal(ui_clipboard_bytes("hello", UI_BETWEEN_NOTHING, out, 8), 0);
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = 0;
    assert_int_equal(ui_clipboard_bytes(text, UI_BETWEEN_TMUX, out, sizeof out), 0);
    text[UI_CLIPBOARD_TEXT] = 0;
    assert_true(ui_clipboard_bytes(text, UI_BETWEEN_TMUX, out, sizeof out) > 2 * UI_CLIPBOARD_TEXT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scripts_are_drawn),
        cmocka_unit_test(malice_is_harmless),
        cmocka_unit_test(cut_at_characters),
        cmocka_unit_test(widths_are_those_of_the_library),
        cmocka_unit_test(halves_never_stay),
        cmocka_unit_test(columns_hold_wide_texts),
        cmocka_unit_test(editing_moves_by_characters),
        cmocka_unit_test(panes_show_other_scripts),
        cmocka_unit_test(clipboards_are_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
