// SPDX-License-Identifier: MIT
/* The mouse in dialogs: buttons, fields, entries and the wheel; beside them nothing, and never money. */
#include "ui_kit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Where a text stands on the screen; the last place, as dialogs are drawn over what is below. */
static bool find(struct kit *k, const char *text, int *x, int *y)
{
    size_t n = strlen(text);

    kit_draw(k);
    for (*y = k->grid.h - 1; *y >= 0; --*y)
        for (*x = 0; *x + (int)n <= k->grid.w; ++*x) {
            size_t i = 0;
            while (i < n && ui_grid_at(&k->grid, *x + (int)i, *y)->cp == (uint8_t)text[i])
                i++;
            if (i == n)
                return true;
        }
    return false;
}

static void click(struct kit *k, const char *text)
{
    int x, y;

    if (!find(k, text, &x, &y))
        fail_msg("\"%s\" is not there:\n%s", text, kit_screen(k));
    kit_mouse(k, UI_MOUSE_CLICK, x + (int)strlen(text) / 2, y);
}

/* What is on the screen has been there for longer than clicks are left alone. */
static void ready(struct kit *k)
{
    kit_draw(k);
    kit_pass(k, 301);
}

/* A form filled in by mouse, and its proposal on the screen for longer than clicks are left alone. */
static void propose(struct kit *k, const char *keys, unsigned tier, const char *confirm)
{
    struct su_ui_result r;

    kit_open(k, UI_FIXTURE_LIVE, 80, 24);
    kit_keys(k, keys);
    assert_int_equal(k->app.mode, UI_FORM);
    ready(k);
    click(k, "[ Preview ]");
    assert_int_equal(k->app.mode, UI_WAIT);
    r = kit_proposal(k, 77, tier, confirm);
    kit_result(k, &r);
    assert_int_equal(k->app.mode, UI_PREVIEW);
    kit_draw(k);
}

static void forms_are_filled_in(void **state)
{
    struct kit k;
    int x, y;

    (void)state;
    kit_open(&k, UI_FIXTURE_LIVE, 80, 24);
    kit_keys(&k, "3S12345");
    assert_int_equal(k.app.form.focus, 1);
    click(&k, "Cancel"); /* at once: not meant for what opened there just now */
    assert_int_equal(k.app.mode, UI_FORM);
    ready(&k);
    assert_true(find(&k, "12345", &x, &y));
    kit_mouse(&k, UI_MOUSE_CLICK, x + 2, y);
    assert_int_equal(k.app.form.in[1].cursor, 2);
    kit_keys(&k, "9");
    assert_string_equal(k.app.form.in[1].text, "129345");
    kit_draw(&k);
    kit_mouse(&k, UI_MOUSE_CLICK, x + 12, y); /* behind the text */
    assert_int_equal(k.app.form.in[1].cursor, 6);
    kit_draw(&k);
    click(&k, "Node      ");
    assert_int_equal(k.app.form.focus, 1); /* a label is no field */
    kit_draw(&k);
    kit_mouse(&k, UI_MOUSE_CLICK, x, y - 2);
    assert_int_equal(k.app.form.focus, 0);
    kit_draw(&k);
    kit_mouse(&k, UI_MOUSE_CLICK, 0, 5); /* outside */
    kit_mouse(&k, UI_MOUSE_DOUBLE, 79, 12);
    kit_mouse(&k, UI_MOUSE_DRAG, x, y);
    kit_mouse(&k, UI_MOUSE_WHEEL_DOWN, x, y);
    assert_int_equal(k.app.mode, UI_FORM);
    assert_int_equal(k.app.form.focus, 0);
    kit_draw(&k);
    click(&k, "[ Cancel ]");
    assert_int_equal(k.app.mode, UI_LIST);
    kit_keys(&k, "S77");
    ready(&k);
    click(&k, "F10Back"); /* the bar is what it says */
    assert_int_equal(k.app.mode, UI_LIST);
    assert_int_equal(k.submits[SU_UI_PREPARE], 0);
    kit_close(&k);
}

static void money_is_not_clicked_away(void **state)
{
    struct kit k;
    int x, y;

    (void)state;
    propose(&k, "3S100", 2, "");
    click(&k, "Sign and send");
    assert_int_equal(k.app.preview.focus, 0); /* too early even to look at it */
    ready(&k);
    assert_true(find(&k, "Sign and send", &x, &y));
    for (int i = 0; i < 5; i++) {
        kit_mouse(&k, i & 1 ? UI_MOUSE_DOUBLE : UI_MOUSE_CLICK, x, y);
        kit_pass(&k, 400);
    }
    assert_int_equal(k.app.preview.focus, 1);
    assert_int_equal(k.submits[SU_UI_COMMIT], 0);
    assert_true(kit_has(&k, "a click signs nothing"));
    for (y = 0; y < 24; y++) /* nor anywhere else */
        for (x = 0; x < 80; x++)
            if (ui_grid_at(&k.grid, x, y)->role != UI_ROLE_BUTTON && k.app.mode == UI_PREVIEW)
                kit_mouse(&k, UI_MOUSE_CLICK, x, y);
    assert_int_equal(k.submits[SU_UI_COMMIT], 0);
    kit_close(&k);

    propose(&k, "3S100", 2, "");
    ready(&k);
    click(&k, "Sign and send");
    kit_keys(&k, "{Enter}"); /* that is who signs */
    assert_int_equal(k.submits[SU_UI_COMMIT], 1);
    ready(&k);
    click(&k, "[ Hide ]");
    assert_int_equal(k.app.mode, UI_LIST);
    kit_close(&k);

    propose(&k, "3S100", 2, "");
    ready(&k);
    click(&k, "[ Cancel ]");
    assert_int_equal(k.submits[SU_UI_DISCARD], 1);
    assert_int_equal(k.app.mode, UI_LIST);
    kit_close(&k);
}

static void what_is_typed_is_not_clicked_past(void **state)
{
    struct kit k;
    int x, y;

    (void)state;
    propose(&k, "3U100", 3, "100");
    ready(&k);
    click(&k, "Sign and send");
    kit_keys(&k, "{Enter}");
    assert_int_equal(k.submits[SU_UI_COMMIT], 0);
    assert_true(kit_has(&k, "Type 100 first"));
    kit_keys(&k, "10");
    kit_pass(&k, 1);
    click(&k, "Sign and send");
    kit_keys(&k, "{Enter}");
    assert_int_equal(k.submits[SU_UI_COMMIT], 0);
    kit_pass(&k, 1);
    assert_true(find(&k, "To go on, type 100: ", &x, &y));
    kit_mouse(&k, UI_MOUSE_CLICK, x + 20 + 10, y); /* the field; the cursor at its end */
    assert_int_equal(k.app.preview.focus, 0);
    kit_keys(&k, "0");
    assert_string_equal(k.app.preview.typed.text, "100");
    kit_draw(&k);
    click(&k, "Sign and send");
    assert_int_equal(k.submits[SU_UI_COMMIT], 0);
    kit_keys(&k, "{Enter}");
    assert_int_equal(k.submits[SU_UI_COMMIT], 1);
    kit_close(&k);
}

static void lines_are_read_with_the_wheel(void **state)
{
    struct su_ui_result r;
    struct kit k;

    (void)state;
    kit_open(&k, UI_FIXTURE_LIVE, 80, 24);
    kit_keys(&k, "3S100{Enter}");
    r = kit_proposal(&k, 77, 2, "");
    r.n_line = SU_OPS_LINES_MAX;
    for (size_t i = 0; i < r.n_line; i++) {
        snprintf(r.line[i].label, sizeof r.line[i].label, "line %zu", i);
        memset(r.line[i].text, 'x', sizeof r.line[i].text - 1);
    }
    kit_result(&k, &r);
    kit_draw(&k);
    kit_mouse(&k, UI_MOUSE_WHEEL_DOWN, 40, 10);
    assert_int_equal(k.app.preview.top, 0);
    ready(&k);
    for (int i = 0; i < 100 && k.app.preview.seen < r.n_line; i++) {
        kit_mouse(&k, UI_MOUSE_WHEEL_DOWN, 40, 10);
        kit_draw(&k);
    }
    assert_int_equal(k.app.preview.seen, r.n_line);
    kit_mouse(&k, UI_MOUSE_WHEEL_UP, 40, 10);
    assert_int_equal(k.app.mode, UI_PREVIEW);
    kit_close(&k);
}

static void lists_are_clicked(void **state)
{
    struct kit k;
    int before;

    (void)state;
    kit_open(&k, UI_FIXTURE_LIVE, 80, 24);
    kit_keys(&k, "3x");
    ready(&k);
    kit_mouse(&k, UI_MOUSE_WHEEL_DOWN, 1, 1);
    assert_int_equal(k.app.menu, 1);
    click(&k, "claim earnings");
    assert_int_equal(k.app.mode, UI_FORM);
    assert_true(kit_has(&k, "Claim"));
    kit_keys(&k, "{Esc}W");
    ready(&k);
    click(&k, "i  import one");
    assert_int_equal(k.app.mode, UI_FORM);
    assert_int_equal(k.app.form.def->kind, SU_UI_WALLET_IMPORT);
    kit_keys(&k, "{Esc}W");
    ready(&k);
    click(&k, "Esc close");
    assert_int_equal(k.app.mode, UI_LIST);
    kit_keys(&k, "?");
    kit_size(&k, 60, 16);
    ready(&k);
    kit_mouse(&k, UI_MOUSE_WHEEL_DOWN, 5, 5);
    assert_int_equal(k.app.scroll, 3);
    kit_mouse(&k, UI_MOUSE_WHEEL_UP, 5, 5);
    assert_int_equal(k.app.scroll, 0);
    kit_mouse(&k, UI_MOUSE_CLICK, 5, 5);
    assert_int_equal(k.app.mode, UI_HELP);
    kit_draw(&k);
    click(&k, "F1");
    assert_int_equal(k.app.mode, UI_LIST);
    /* Details: the wheel moves them, tabs are where they were. */
    kit_size(&k, 80, 24);
    kit_keys(&k, "2{Enter}");
    assert_int_equal(k.app.mode, UI_DETAIL);
    before = k.app.scroll;
    kit_mouse(&k, UI_MOUSE_WHEEL_DOWN, 10, 10);
    assert_true(k.app.scroll == before + 3);
    kit_mouse(&k, UI_MOUSE_CLICK, 10, 10);
    assert_int_equal(k.app.mode, UI_DETAIL);
    kit_draw(&k);
    click(&k, "1 Models");
    assert_int_equal(k.app.pane, UI_PANE_MODELS);
    kit_close(&k);
}

static void questions_are_clicked(void **state)
{
    struct su_ui_result r = {.outcome = SU_UI_PASSPHRASE, .kind = SU_UI_WALLET_OPEN, .token = 1};
    struct kit k;
    int x, y;

    (void)state;
    kit_open(&k, UI_FIXTURE_NO_WALLET, 80, 24);
    k.app.mode = UI_WELCOME;
    ready(&k);
    click(&k, "Nothing is set up");
    assert_int_equal(k.app.mode, UI_WELCOME);
    kit_draw(&k);
    click(&k, "n  create a wallet");
    assert_int_equal(k.app.mode, UI_FORM);
    kit_close(&k);
    kit_open(&k, UI_FIXTURE_LIVE, 80, 24);
    kit_keys(&k, "Wu");
    assert_int_equal(k.app.mode, UI_WAIT);
    assert_true(kit_has(&k, "Opening the key file"));
    assert_false(kit_has(&k, "against the chain"));
    kit_result(&k, &r);
    kit_keys(&k, "secret");
    ready(&k);
    assert_true(find(&k, "******", &x, &y));
    kit_mouse(&k, UI_MOUSE_CLICK, x + 3, y);
    kit_keys(&k, "X");
    assert_string_equal(k.app.secret.text, "secXret");
    kit_draw(&k);
    click(&k, "Esc refuses");
    assert_int_equal(k.submits[SU_UI_ANSWER], 1);
    assert_string_equal(k.intent.field[0], "");
    kit_close(&k);
}

/* What is drawn once is clicked once, and what has changed since not at all. */
static void clicks_hit_what_was_drawn(void **state)
{
    struct kit k;
    int x, y;

    (void)state;
    kit_open(&k, UI_FIXTURE_LIVE, 80, 24);
    kit_keys(&k, "3S100");
    ready(&k);
    assert_true(find(&k, "Cancel", &x, &y));
    kit_keys(&k, "0"); /* a key in between */
    kit_mouse(&k, UI_MOUSE_CLICK, x, y);
    assert_int_equal(k.app.mode, UI_FORM);
    kit_draw(&k);
    kit_size(&k, 100, 30);
    kit_mouse(&k, UI_MOUSE_CLICK, x, y);
    assert_int_equal(k.app.mode, UI_FORM);
    kit_draw(&k);
    kit_mouse(&k, UI_MOUSE_CLICK, -1, -1);
    kit_mouse(&k, UI_MOUSE_CLICK, 30000, 30000);
    assert_int_equal(k.app.mode, UI_FORM);
    kit_size(&k, 40, 10); /* nothing of it is to be seen */
    ready(&k);
    for (y = 0; y < 10; y++)
        for (x = 0; x < 40; x++)
            kit_mouse(&k, UI_MOUSE_CLICK, x, y);
    assert_int_equal(k.app.mode, UI_FORM);
    kit_close(&k);
}

/* ---- texts ------------------------------------------------------------------------------------- */

static void bind(struct kit *k, const char *text)
{
    struct su_config *c = NULL;
    struct su_err e;

    assert_int_equal(su_config_parse(text, strlen(text), "ui.conf", &c, &e), SU_OK);
    assert_int_equal(ui_binds_read(&k->app.binds, c, text, strlen(text), "ui.conf", &e), SU_OK);
    su_config_free(c);
}

static void hints_name_the_keys_that_are_bound(void **state)
{
    static const struct {
        const char *bound, *keys, *before, *after;
        enum ui_fixture_kind kind;
    } row[] = {
        {"bind.models.deploy = F11\n", "1", "a   deploy one", "F11 deploy one", UI_FIXTURE_EMPTY},
        {"bind.models.start-demo = ^T\n", "1", "L   start the", "^T  start the", UI_FIXTURE_EMPTY},
        {"bind.models.run-model = E\n", "1", "(e runs it", "(E runs it", UI_FIXTURE_LIVE},
        {"bind.everywhere.stake = H\n", "3", "F7 add", "H add", UI_FIXTURE_LIVE},
        {"bind.stake.claim = none\n", "3", "c claim", "(no key) claim", UI_FIXTURE_LIVE},
        {"bind.run.type = I\n", "6", "prompt: i types", "prompt: I types", UI_FIXTURE_LIVE},
        {"bind.everywhere.pause = P\n", "Z", "Paused: Z goes on", "", UI_FIXTURE_LIVE},
        {"bind.everywhere.pause = P\n", "P", "", "Paused: P goes on", UI_FIXTURE_LIVE},
        {"bind.forms.most = ^G\n", "3S", "^A all there is", "^G all there is", UI_FIXTURE_LIVE},
        {"bind.everywhere.plain = V\n", "2{Enter}", "v plain text", "V plain text",
         UI_FIXTURE_LIVE},
    };
    struct kit k;
    char out[UI_HINT];

    (void)state;
    for (size_t i = 0; i < SU_ARRAY_LEN(row); i++)
        for (int bound = 0; bound < 2; bound++) {
            const char *want = bound ? row[i].after : row[i].before;
            kit_open(&k, row[i].kind, 80, 24);
            if (bound)
                bind(&k, row[i].bound);
            kit_keys(&k, row[i].keys);
            if (want[0] && !kit_has(&k, want))
                fail_msg("no \"%s\":\n%s", want, kit_screen(&k));
            if (want[0] && bound && row[i].before[0])
                assert_false(kit_has(&k, row[i].before));
            kit_close(&k);
        }
    kit_open(&k, UI_FIXTURE_LIVE, 80, 24);
    assert_string_equal(ui_hint(&k.app, "{wallet:4}|{nothing}|{models.deploy:x}|{", out),
                        "F2  |{nothing}|{models.deploy:x}|{");
    char longer[2 * UI_HINT];
    memset(longer, 'x', sizeof longer);
    longer[sizeof longer - 1] = 0;
    memcpy(longer + UI_HINT - 4, "{wallet:40}", 11);
    assert_int_equal(strlen(ui_hint(&k.app, longer, out)), UI_HINT - 1);
    kit_close(&k);
}

static void long_errors_are_whole(void **state)
{
    static const int size[][2] = {{80, 24}, {60, 16}, {160, 48}};
    struct su_ui_result r = {.outcome = SU_UI_FAILED, .kind = SU_UI_DEPOSIT, .token = 77};
    struct kit k;

    (void)state;
    for (size_t i = 0; i < SU_ARRAY_LEN(size); i++) {
        struct su_feed_source *c;
        kit_open(&k, UI_FIXTURE_LIVE, size[i][0], size[i][1]);
        c = &k.snap->source[SU_FEED_CHAIN];
        c->ok = c->loading = false;
        memset(c->error, 'e', sizeof c->error - 1);
        memcpy(c->error, "the beginning ", 14);
        memcpy(c->error + sizeof c->error - 9, " the-end", 9);
        kit_keys(&k, "1");
        assert_true(kit_has(&k, "the beginning"));
        assert_true(kit_has(&k, "the-end"));
        assert_true(kit_has(&k, "What costs money is off until it answers."));
        assert_true(kit_has(&k, "r ask again now"));
        kit_close(&k);

        kit_open(&k, UI_FIXTURE_LIVE, size[i][0], size[i][1]);
        kit_keys(&k, "3S100{Enter}");
        r.err.code = SU_EIO;
        snprintf(r.err.at, sizeof r.err.at, "http://127.0.0.1:8899");
        memset(r.err.msg, 'm', sizeof r.err.msg - 1);
        for (size_t n = 20; n < sizeof r.err.msg; n += 20)
            r.err.msg[n] = ' ';
        memcpy(r.err.msg + sizeof r.err.msg - 9, " the-end", 9);
        kit_result(&k, &r);
        assert_true(kit_has(&k, "Nothing was spent"));
        assert_true(kit_has(&k, "[ Enter ]"));
        for (int n = 0; n < 40 && !kit_has(&k, "the-end"); n++)
            n & 1 ? kit_keys(&k, "{Down}") : kit_mouse(&k, UI_MOUSE_WHEEL_DOWN, 5, 5);
        assert_true(kit_has(&k, "the-end"));
        kit_keys(&k, "{Up}{PgUp}{PgDn}");
        assert_int_equal(k.app.mode, UI_NOTICE);
        kit_keys(&k, "{Esc}");
        assert_int_equal(k.app.mode, UI_LIST);
        /* In the row of messages: over the rows above. */
        ui_say(&k.app, UI_ROLE_BAD, "%s",
               "splitup-a-long-name-of-a-file.tsv: cannot be written: the "
               "folder that it lies in belongs to somebody else and does not let you: the-end");
        assert_true(kit_has(&k, "the-end"));
        kit_close(&k);

        kit_open(&k, UI_FIXTURE_LIVE, size[i][0], size[i][1]);
        kit_keys(&k, "1a");
        su_fail(
            &k.app.form.err, SU_EINVAL, "Model", "%s",
            "is none of the names that are known, and "
            "neither a file nor a folder that a model could be read from: give mnist or a path, at "
            "the-end");
        k.app.form.err_field = 0;
        assert_true(kit_has(&k, "! is none"));
        assert_true(kit_has(&k, "the-end"));
        assert_true(kit_has(&k, "[ Cancel ]"));
        kit_close(&k);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forms_are_filled_in),
        cmocka_unit_test(money_is_not_clicked_away),
        cmocka_unit_test(what_is_typed_is_not_clicked_past),
        cmocka_unit_test(lines_are_read_with_the_wheel),
        cmocka_unit_test(lists_are_clicked),
        cmocka_unit_test(questions_are_clicked),
        cmocka_unit_test(clicks_hit_what_was_drawn),
        cmocka_unit_test(hints_name_the_keys_that_are_bound),
        cmocka_unit_test(long_errors_are_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
