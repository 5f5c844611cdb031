// SPDX-License-Identifier: MIT
/* Prompts in the Run pane: typed, asked for, followed, ended. */
#include "ui_kit.h"

#include "ui/widgets/format.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void open_run(struct kit *k)
{
    kit_open(k, UI_FIXTURE_LIVE, 80, 24);
    kit_keys(k, "6");
}

static struct su_ui_news some(uint32_t tokens)
{
    struct su_ui_news n = {
        .tokens = tokens, .max_tokens = 64, .rate = 8.5, .cost = 12000, .held = 30000};

    strcpy(n.text, tokens ? "there was" : "");
    return n;
}

static void typing(void **state)
{
    struct kit k;

    (void)state;
    open_run(&k);
    assert_false(ui_run_typing(&k.app));
    assert_true(kit_has(&k, "nothing typed yet"));
    kit_keys(&k, "iOnce{A-Enter}upon a {BS}");
    assert_true(ui_run_typing(&k.app));
    assert_string_equal(k.app.prompt.in.text, "Once\nupon a");
    assert_true(kit_has(&k, "|upon a"));
    kit_draw(&k);
    assert_true(k.grid.cursor);
    assert_int_equal(k.grid.cursor_x, 7);
    assert_int_equal(k.grid.cursor_y, 5);
    kit_keys(&k, "{Home}");
    kit_draw(&k);
    assert_int_equal(k.grid.cursor_x, 1);
    assert_int_equal(k.grid.cursor_y, 4);
    kit_paste(&k, "\u4f60 ");
    kit_keys(&k, "{Esc}"); /* the draft stays */
    assert_false(ui_run_typing(&k.app));
    assert_string_equal(k.app.run.prompt.text, "\u4f60 Once\nupon a");
    assert_int_equal(k.submits[SU_UI_PREPARE], 0);
    kit_keys(&k, "i!{Enter}");
    assert_int_equal(k.app.mode, UI_WAIT);
    assert_int_equal(k.submits[SU_UI_PREPARE], 1);
    assert_string_equal(k.intent.field[1], "\u4f60 Once\nupon a!");
    assert_string_equal(k.intent.field[2], "64");
    assert_false(k.intent.drawn);
    kit_keys(&k, "{Esc}");
    kit_close(&k);
}

/* However long it is, the cursor is in the box. */
static void long_prompts_scroll(void **state)
{
    struct kit k;

    (void)state;
    open_run(&k);
    kit_keys(&k, "i");
    for (int i = 0; i < 600; i++) {
        kit_keys(&k, i % 50 == 49 ? "{A-Enter}" : i % 7 ? "x" : " ");
        kit_draw(&k);
        assert_true(k.grid.cursor && k.grid.cursor_y > 3 && k.grid.cursor_y < 8);
        assert_true(k.grid.cursor_x > 0 && k.grid.cursor_x < 79);
    }
    kit_close(&k);
}

/* Pages of text, pasted at once: every line of it is asked for; what does not fit is said. */
static void pages_are_pasted(void **state)
{
    static char text[SU_UI_PROMPT + 100];
    struct kit k;
    size_t n = 0;

    (void)state;
    open_run(&k);
    for (int i = 0; n < 6000; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "line %d of it, \u4f60\u597d\tand more\n",
                              i);
    kit_keys(&k, "i");
    kit_paste(&k, text);
    assert_int_equal(k.app.mode, UI_PROMPT);
    assert_non_null(strstr(k.app.prompt.in.text, "line 100 of it"));
    kit_draw(&k);
    assert_true(k.grid.cursor && k.grid.cursor_y > 3 && k.grid.cursor_y < 8);
    kit_keys(&k, "{Enter}");
    assert_int_equal(k.app.mode, UI_WAIT);
    assert_non_null(k.intent.prompt);
    assert_string_equal(k.intent.prompt, k.app.run.prompt.text);
    assert_true(strlen(k.intent.prompt) > 5800);
    assert_int_equal(strlen(k.intent.field[1]), SU_UI_TEXT - 1);
    kit_keys(&k, "{Esc}");
    kit_result(&k, &(struct su_ui_result){.outcome = SU_UI_FAILED, .kind = SU_UI_RUN});
    kit_keys(&k, "ci"); /* it comes back whole */
    kit_keys(&k, "{Up}");
    assert_true(k.app.prompt.in.len > 5800);
    kit_keys(&k, "{C-u}");
    memset(text, 'x', sizeof text - 1);
    kit_paste(&k, text);
    assert_int_equal(k.app.prompt.in.len, SU_UI_PROMPT - 1);
    assert_string_equal(k.app.message, "Not all of that fits: the rest was left out");
    for (int i = 0; i < 100; i++)
        kit_key(&k, 'y');
    assert_int_equal(k.app.prompt.in.len, SU_UI_PROMPT - 1);
    kit_draw(&k);
    kit_close(&k);
}

/* Between lines first, then through the prompts before. */
static void lines_are_walked(void **state)
{
    struct ui_input *in;
    struct kit k;

    (void)state;
    open_run(&k);
    in = &k.app.prompt.in;
    kit_keys(&k, "iold{Enter}{Esc}");
    kit_result(&k, &(struct su_ui_result){.outcome = SU_UI_FAILED, .kind = SU_UI_RUN});
    kit_keys(&k, "ciabc{A-Enter}d{A-Enter}efgh");
    kit_keys(&k, "{Up}");
    assert_int_equal(in->cursor, 5); /* that line is shorter */
    kit_keys(&k, "{Up}");
    assert_int_equal(in->cursor, 1);
    kit_keys(&k, "{Down}{Down}");
    assert_int_equal(in->cursor, 7);
    assert_string_equal(in->text, "abc\nd\nefgh");
    kit_keys(&k, "{Up}{Up}{Up}");
    assert_string_equal(in->text, "old");
    kit_close(&k);
}

static void history(void **state)
{
    struct kit k;

    (void)state;
    open_run(&k);
    kit_keys(&k, "ione{Enter}{Esc}");
    assert_int_equal(k.app.mode, UI_LIST);
    kit_result(&k, &(struct su_ui_result){.outcome = SU_UI_FAILED, .kind = SU_UI_RUN});
    kit_keys(&k, "ci{Up}{C-u}two{Enter}{Esc}");
    kit_result(&k, &(struct su_ui_result){.outcome = SU_UI_FAILED, .kind = SU_UI_RUN});
    kit_keys(&k, "ci{Up}");
    assert_string_equal(k.app.prompt.in.text, "two");
    kit_keys(&k, "{Up}{Up}");
    assert_string_equal(k.app.prompt.in.text, "one");
    kit_keys(&k, "{Down}{Down}{Down}");
    assert_string_equal(k.app.prompt.in.text, "");
    kit_keys(&k, "{Esc}");
    for (int i = 0; i < 12; i++) {
        kit_keys(&k, "ci");
        kit_key(&k, 'a' + i);
        kit_keys(&k, "{Enter}{Esc}");
        kit_result(&k, &(struct su_ui_result){.outcome = SU_UI_FAILED, .kind = SU_UI_RUN});
    }
    assert_int_equal(k.app.run.n_history, UI_PROMPTS);
    assert_string_equal(k.app.run.history[UI_PROMPTS - 1], "l");
    kit_close(&k);
}

static void tokens(void **state)
{
    struct kit k;

    (void)state;
    open_run(&k);
    assert_true(kit_has(&k, "at most 64 tokens"));
    kit_keys(&k, "+");
    assert_true(kit_has(&k, "at most 128 tokens"));
    for (int i = 0; i < 20; i++)
        kit_keys(&k, "-");
    assert_true(kit_has(&k, "at most 1 tokens"));
    for (int i = 0; i < 20; i++)
        kit_keys(&k, "+");
    assert_true(kit_has(&k, "at most 4096 tokens"));
    kit_keys(&k, "ia{Enter}");
    assert_string_equal(k.intent.field[2], "4096");
    kit_close(&k);
}

static void from_provisional_to_final(void **state)
{
    struct su_ui_news n = some(0);
    struct kit k;

    (void)state;
    open_run(&k);
    kit_ask(&k, "iOnce upon{Enter}", k.snap->execution[0].key);
    assert_int_equal(k.submits[SU_UI_COMMIT], 1);
    kit_news(&k, &n);
    assert_true(kit_has(&k, "reading the prompt"));
    n = some(5);
    kit_news(&k, &n);
    assert_true(kit_has(&k, "provisional"));
    assert_true(kit_has(&k, "there was"));
    assert_true(kit_has(&k, "5 of 64 tokens  8.5/s"));
    assert_true(kit_has(&k, "cost so far 0.012000 of 0.030000 USDC"));
    assert_true(kit_has(&k, "c ends it here"));
    kit_keys(&k, "e");
    assert_true(kit_has(&k, "An answer is coming"));
    assert_int_equal(k.app.mode, UI_LIST);
    n.provisional = true;
    kit_news(&k, &n);
    assert_true(kit_has(&k, "provisional: being checked"));
    n.final = true;
    kit_news(&k, &n);
    assert_true(kit_has(&k, "final: everything sampled matched"));
    kit_keys(&k, "e"); /* and the next one */
    assert_int_equal(k.app.mode, UI_WAIT);
    kit_close(&k);
}

static void ended_by_hand(void **state)
{
    struct su_ui_news n = some(5);
    struct kit k;

    (void)state;
    open_run(&k);
    assert_false(ui_run_stop(&k.app));
    kit_ask(&k, "iOnce upon{Enter}", k.snap->execution[0].key);
    kit_news(&k, &n);
    kit_keys(&k, "c");
    assert_int_equal(k.submits[SU_UI_STOP], 1);
    assert_int_equal(k.intent.kind, SU_UI_RUN);
    assert_true(kit_has(&k, "what is not run is not paid"));
    assert_int_equal(k.app.run.prompt.len, 9);
    n = some(6);
    kit_news(&k, &n);
    kit_keys(&k, "n");
    assert_true(kit_has(&k, "provisional: ending"));
    kit_keys(&k, "c"); /* once is enough; now it clears */
    assert_int_equal(k.submits[SU_UI_STOP], 1);
    assert_int_equal(k.app.run.prompt.len, 0);
    n.provisional = n.final = true;
    kit_news(&k, &n);
    kit_ask(&k, "iagain{Enter}", k.snap->execution[0].key);
    n = some(7);
    kit_news(&k, &n);
    kit_keys(&k, "{C-c}");
    assert_int_equal(k.submits[SU_UI_STOP], 2);
    assert_int_equal(k.actions[UI_ACT_QUIT], 0);
    kit_close(&k);
}

/* Nobody has it yet: it is taken back, for a signature; once somebody has, it is ended. */
static void taken_back(void **state)
{
    struct su_feed_execution *e;
    struct su_ui_news n = some(0);
    struct su_ui_result r;
    char key[64];
    struct kit k;

    (void)state;
    open_run(&k);
    e = (struct su_feed_execution *)(uintptr_t)&k.snap->execution[0];
    kit_ask(&k, "iOnce upon{Enter}", e->key);
    kit_news(&k, &n);
    for (uint8_t state_now = SU_EXEC_OPENING; state_now <= SU_EXEC_REQUESTED; state_now++) {
        e->state = state_now;
        kit_keys(&k, "n");
        assert_true(kit_has(&k, "c takes it back"));
        kit_keys(&k, "c");
        assert_int_equal(k.app.mode, UI_WAIT);
        assert_int_equal(k.intent.kind, SU_UI_DROP);
        ui_key_full(e->key, key);
        assert_string_equal(k.intent.field[0], key);
        r = kit_proposal(&k, 40u + state_now, 2, "");
        kit_result(&k, &r);
        assert_int_equal(k.app.mode, UI_PREVIEW);
        kit_keys(&k, "{Esc}");
        assert_int_equal(k.submits[SU_UI_COMMIT], 1); /* the request's own */
    }
    assert_int_equal(k.submits[SU_UI_STOP], 0);
    assert_int_equal(k.app.run.prompt.len, 9);
    e->state = SU_EXEC_ASSIGNING;
    kit_keys(&k, "n");
    assert_true(kit_has(&k, "c ends it here"));
    assert_true(kit_has(&k, "waiting for nodes"));
    kit_keys(&k, "c");
    assert_int_equal(k.submits[SU_UI_STOP], 1);
    assert_true(kit_has(&k, "ending"));
    kit_close(&k);
}

static void failure(void **state)
{
    struct su_ui_news n = {.failed = true, .text = "No result: nobody came"};
    struct kit k;

    (void)state;
    open_run(&k);
    kit_ask(&k, "iOnce upon{Enter}", k.snap->execution[0].key);
    kit_news(&k, &n);
    assert_true(kit_has(&k, "! failed"));
    assert_true(kit_has(&k, "No result: nobody came"));
    kit_keys(&k, "e");
    assert_int_equal(k.app.mode, UI_WAIT);
    kit_close(&k);
}

/* Of an answer without end its last lines are there, at any size, and nothing else is drawn over. */
static void long_answers(void **state)
{
    struct su_ui_news n = some(60);

    (void)state;
    memset(n.text, 'x', sizeof n.text - 1);
    for (size_t i = 0; i < sizeof n.text - 1; i += 9)
        n.text[i] = i % 54 == 0 ? '\n' : ' ';
    strcpy(n.text + sizeof n.text - 5, "END!");
    for (int w = 60; w <= 160; w += 25)
        for (int h = 16; h <= 48; h += 8) {
            struct kit k;
            kit_open(&k, UI_FIXTURE_LIVE, w, h);
            kit_ask(&k, "6iOnce upon{Enter}", k.snap->execution[0].key);
            kit_news(&k, &n);
            if (h >= 24)
                assert_true(kit_has(&k, "END!"));
            assert_true(kit_has(&k, "60 of 64 tokens"));
            assert_true(kit_has(&k, "at most 64 tokens"));
            kit_close(&k);
        }
}

static void digits_take_no_prompt(void **state)
{
    struct kit k;

    (void)state;
    open_run(&k);
    kit_keys(&k, "mmmi");
    assert_int_equal(k.app.mode, UI_LIST);
    assert_true(kit_has(&k, "takes a drawn digit"));
    kit_close(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(typing),
        cmocka_unit_test(long_prompts_scroll),
        cmocka_unit_test(pages_are_pasted),
        cmocka_unit_test(lines_are_walked),
        cmocka_unit_test(history),
        cmocka_unit_test(tokens),
        cmocka_unit_test(from_provisional_to_final),
        cmocka_unit_test(ended_by_hand),
        cmocka_unit_test(taken_back),
        cmocka_unit_test(failure),
        cmocka_unit_test(long_answers),
        cmocka_unit_test(digits_take_no_prompt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
