// SPDX-License-Identifier: MIT
/* What keys, results and snapshots do to the app. */
#include "ui_kit.h"

#include "ui/widgets/format.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct ui_table *table(struct kit *k)
{
    return &k->app.table[k->app.pane];
}

static void panes_by_key_and_tab(void **state)
{
    struct kit k;

    (void)state;
    kit_open(&k, UI_FIXTURE_LIVE, 80, 24);
    for (int i = 0; i < UI_PANES; i++) {
        kit_key(&k, '1' + i);
        assert_int_equal(k.app.pane, i);
    }
    kit_keys(&k, "{Tab}");
    assert_int_equal(k.app.pane, UI_PANE_MODELS);
    kit_keys(&k, "{S-Tab}");
    assert_int_equal(k.app.pane, UI_PANE_LOG);
    kit_mouse(&k, UI_MOUSE_CLICK, 14, 1);
    assert_int_equal(k.app.pane, UI_PANE_TASKS);
    kit_keys(&k, ":beats{Enter}");
    assert_int_equal(k.app.pane, UI_PANE_BEATS);
    kit_keys(&k, ":pane samples{Enter}:pane nonsense{Enter}");
    assert_int_equal(k.app.pane, UI_PANE_SAMPLES);
    kit_close(&k);
}

static void moving_and_sorting(void **state)
{
    struct ui_row r;
    struct kit k;
    size_t page;

    (void)state;
    kit_open(&k, UI_FIXTURE_LIVE, 80, 24);
    kit_keys(&k, "5jjj");
    assert_int_equal(table(&k)->cursor, 3);
    kit_keys(&k, "G");
    assert_int_equal(table(&k)->cursor, 13);
    kit_keys(&k, "gk");
    assert_int_equal(table(&k)->cursor, 0);
    kit_keys(&k, "{PgDn}");
    page = table(&k)->cursor;
    kit_keys(&k, "g{C-d}");
    assert_true(page > 1);
    assert_int_equal(table(&k)->cursor, (page + 1) / 2);
    kit_keys(&k, "G{C-u}");
    assert_int_equal(table(&k)->cursor, 13 - (page + 1) / 2);
    kit_keys(&k, "g{PgDn}{C-d}{C-u}{PgUp}{Home}{End}{Up}");
    assert_int_equal(table(&k)->cursor, 12);
    kit_keys(&k, "I");
    assert_true(table(&k)->desc);
    assert_int_equal(table(&k)->cursor, 1); /* the row moved, the selection with it */
    kit_keys(&k, "II>>");
    assert_int_equal(table(&k)->sort, 1);
    assert_true(ui_selected(&k.app, &r));
    assert_int_equal(r.item, 12);
    for (size_t i = 1; i < table(&k)->n; i++)
        assert_true(k.snap->sample[table(&k)->row[i - 1].item].verdict >=
                    k.snap->sample[table(&k)->row[i].item].verdict);
    kit_keys(&k, "<<<");
    assert_int_equal(table(&k)->sort, (int)table(&k)->source->n_col - 1);
    kit_mouse(&k, UI_MOUSE_CLICK, 3, 6);
    assert_int_equal(table(&k)->sort, 0);
    kit_keys(&k, "g");
    kit_mouse(&k, UI_MOUSE_WHEEL_DOWN, 3, 9);
    kit_mouse(&k, UI_MOUSE_WHEEL_DOWN, 3, 9);
    assert_int_equal(table(&k)->cursor, 6);
    kit_mouse(&k, UI_MOUSE_WHEEL_UP, 3, 9);
    assert_int_equal(table(&k)->cursor, 3);
    kit_mouse(&k, UI_MOUSE_CLICK, 3, 9);
    assert_int_equal(table(&k)->cursor, table(&k)->top + 2);
    kit_mouse(&k, UI_MOUSE_DOUBLE, 3, 9);
    assert_int_equal(k.app.mode, UI_DETAIL);
    kit_keys(&k, "jjq");
    assert_int_equal(k.app.mode, UI_LIST);
    kit_keys(&k, ":sort fee desc{Enter}");
    assert_string_equal(table(&k)->source->col[table(&k)->sort].id, "fee");
    kit_keys(&k, ":sort nothing{Enter}");
    assert_true(kit_has(&k, "No column of that name"));
    kit_close(&k);
}

static void texts_sort_beyond_their_beginning(void **state)
{
    struct su_feed_model *m;
    struct kit k;

    (void)state;
    kit_open(&k, UI_FIXTURE_LIVE, 80, 24);
    m = (struct su_feed_model *)(uintptr_t)k.snap->model;
    strcpy(m[0].name, "llama-3.1-8b");
    strcpy(m[1].name, "Llama-3.1-70b");
    strcpy(m[2].name, "llama-3.1");
    strcpy(m[3].name, "a");
    strcpy(m[4].name, "llama-3.1-8a");
    kit_keys(&k, ":sort name{Enter}");
    static const uint32_t want[] = {3, 2, 1, 4, 0};
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(table(&k)->row[i].item, want[i]);
    kit_keys(&k, "I");
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(table(&k)->row[i].item, want[4 - i]);
    kit_close(&k);
}

static void filter_and_search(void **state)
{
    struct ui_row r;
    struct kit k;
    size_t seen[3];

    (void)state;
    kit_open(&k, UI_FIXTURE_LIVE, 80, 24);
    kit_keys(&k, "\\LLAMA");
    assert_int_equal(table(&k)->n, 2);
    kit_keys(&k, "{Esc}");
    assert_int_equal(table(&k)->n, 5);
    kit_keys(&k, "\\llama{Enter}");
    assert_int_equal(table(&k)->n, 2);
    assert_true(kit_has(&k, "filter llama"));
    kit_keys(&k, "{Esc}");
    assert_int_equal(table(&k)->n, 5);
    kit_keys(&k, "\\zzz{Enter}");
    assert_true(kit_has(&k, "0 of 5 match \\zzz; Esc clears the filter"));
    assert_false(ui_selected(&k.app, &r));
    kit_keys(&k, "{Esc}/mnist{Enter}");
    assert_true(ui_selected(&k.app, &r));
    assert_string_equal(k.snap->model[r.item].name, "mnist");
    kit_keys(&k, "/llama");
    assert_true(kit_has(&k, "] Enter, then n N\n"));
    kit_keys(&k, "{Enter}n");
    assert_true(ui_selected(&k.app, &r));
    assert_non_null(strstr(k.snap->model[r.item].name, "llama"));
    size_t at = table(&k)->cursor;
    kit_keys(&k, "n");
    assert_int_not_equal(table(&k)->cursor, at);
    kit_keys(&k, "N");
    assert_int_equal(table(&k)->cursor, at);
    kit_keys(&k, "5g/match{Enter}"); /* three and more: forwards is another way than backwards */
    for (int i = 0; i < 3; i++) {
        seen[i] = table(&k)->cursor;
        kit_keys(&k, "n");
    }
    assert_true(seen[0] < seen[1] && seen[1] < seen[2]);
    kit_keys(&k, "NN");
    assert_int_equal(table(&k)->cursor, seen[1]);
    kit_keys(&k, "1/nobody");
    assert_true(kit_has(&k, "/["));
    assert_true(kit_has(&k, "Not found: nobody"));
    kit_keys(&k, "{BS}{BS}{BS}{BS}{BS}{BS}{BS}");
    assert_int_equal(k.app.mode, UI_LIST);
    kit_keys(&k, "/x{Enter}n");
    kit_keys(&k, ":filter thin{Enter}");
    assert_int_equal(table(&k)->n, 1);
    kit_close(&k);
}

static void keys_are_found_by_their_text(void **state)
{
    uint8_t key[32] = {0}, max[32];
    char text[64], again[64];

    (void)state;
    for (unsigned i = 0; i < 2000; i++) {
        ui_fixture_key(key, i);
        if (i % 5 == 0)
            memset(key, 0, 1 + i % 31);
        ui_key_full(key, text);
        assert_true(su_base58_encode(key, 32, again, sizeof again) > 0);
        assert_string_equal(text, again);
        assert_true(ui_match_key(key, again + 3));
        assert_false(ui_match_key(key, "l0OI"));
    }
    memset(max, 0xff, 32);
    assert_true(ui_match_key(max, "JEKNVnkbo3jma5nREBBJCDoXFVeKkD56V3xKrvRmWxFG"));
}

static void trees(void **state)
{
    struct ui_row r;
    struct kit k;

    (void)state;
    kit_open(&k, UI_FIXTURE_LIVE, 80, 40);
    kit_keys(&k, "2t");
    assert_int_equal(table(&k)->n, 6 + 5);
    kit_keys(&k, "jjj-");
    assert_int_equal(table(&k)->n, 6);
    assert_int_equal(table(&k)->cursor, 0);
    kit_keys(&k, "l{Right}j+");
    assert_true(ui_selected(&k.app, &r));
    assert_int_equal(r.sub, 1);
    kit_keys(&k, "*");
    assert_int_equal(table(&k)->n, 6 * 6);
    kit_keys(&k, "h");
    assert_int_equal(table(&k)->n, 5 * 6 + 1);
    kit_keys(&k, "*");
    assert_int_equal(table(&k)->n, 6);
    kit_keys(&k, "3+");
    assert_int_equal(table(&k)->n, 2 + 2);
    assert_true(kit_has(&k, "ticket 0"));
    kit_keys(&k, "G+");
    assert_true(kit_has(&k, "reserved"));
    kit_close(&k);
}

static void selection_follows_its_row_across_snapshots(void **state)
{
    struct su_feed_snapshot *s;
    struct su_feed_model *m;
    struct ui_row r;
    struct kit k;
    uint8_t key[32];

    (void)state;
    kit_open(&k, UI_FIXTURE_LIVE, 80, 24);
    kit_keys(&k, "jj");
    assert_true(ui_selected(&k.app, &r));
    memcpy(key, k.snap->model[r.item].key, 32);
    s = ui_fixture_make(UI_FIXTURE_LIVE, 2);
    m = (struct su_feed_model *)(uintptr_t)s->model;
    m[0].state = SU_FEED_MODEL_DRAFT; /* what was first goes last */
    kit_swap(&k, s);
    assert_true(ui_selected(&k.app, &r));
    assert_memory_equal(k.snap->model[r.item].key, key, 32);
    assert_int_equal(table(&k)->cursor, 1);
    kit_swap(&k, ui_fixture_make(UI_FIXTURE_EMPTY, 3));
    assert_false(ui_selected(&k.app, &r));
    assert_true(kit_has(&k, "No models are registered on devnet"));
    kit_swap(&k, ui_fixture_make(UI_FIXTURE_LIVE, 4));
    assert_true(ui_selected(&k.app, &r));
    kit_close(&k);
}

static void tags_copy_write_and_others(void **state)
{
    struct kit k;

    (void)state;
    kit_open(&k, UI_FIXTURE_LIVE, 80, 24);
    kit_keys(&k, "  ");
    assert_int_equal(table(&k)->n_tag, 2);
    assert_true(kit_has(&k, "2 tag"));
    kit_keys(&k, "gg u");
    assert_int_equal(table(&k)->n_tag, 0);
    kit_keys(&k, "y");
    assert_int_equal(k.actions[UI_ACT_COPY], 1);
    assert_true(strlen(k.app.text) >= 32);
    kit_keys(&k, "w");
    assert_int_equal(k.actions[UI_ACT_WRITE], 1);
    assert_string_equal(k.app.text, "splitup-models.tsv");
    kit_keys(&k, ":write /tmp/x.json{Enter}");
    assert_string_equal(k.app.text, "/tmp/x.json");
    kit_keys(&k, "v~M{C-l}{C-z}r");
    assert_int_equal(k.actions[UI_ACT_PLAIN], 1);
    assert_int_equal(k.actions[UI_ACT_CONFIGURE], 2);
    assert_int_equal(k.actions[UI_ACT_REDRAW], 1);
    assert_int_equal(k.actions[UI_ACT_SUSPEND], 1);
    assert_int_equal(k.actions[UI_ACT_HURRY], 1);
    kit_keys(&k, "Z");
    assert_true(k.app.paused);
    assert_true(kit_has(&k, "PAUSED"));
    kit_keys(&k, ":pause{Enter}:lock{Enter}:save{Enter}:charset utf8{Enter}");
    assert_false(k.app.paused);
    assert_int_equal(k.actions[UI_ACT_LOCK], 1);
    assert_int_equal(k.actions[UI_ACT_SAVE], 1);
    assert_int_equal(k.app.charset, UI_CHARSET_UTF8);
    kit_keys(&k, "{C-c}");
    assert_int_equal(k.actions[UI_ACT_QUIT], 0);
    kit_keys(&k, "{C-c}");
    assert_int_equal(k.actions[UI_ACT_QUIT], 1);
    kit_keys(&k, "q");
    assert_int_equal(k.actions[UI_ACT_QUIT], 2);
    kit_close(&k);
}

static void commands_complete_and_are_remembered(void **state)
{
    struct kit k;

    (void)state;
    kit_open(&k, UI_FIXTURE_LIVE, 80, 24);
    kit_keys(&k, ":hel{Tab}{Enter}");
    assert_int_equal(k.app.mode, UI_HELP);
    kit_keys(&k, "tag");
    assert_true(kit_has(&k, "Keys with tag"));
    kit_keys(&k, "{BS}{PgDn}{Down}{Up}{PgUp}{Esc}:{Up}");
    assert_string_equal(k.app.prompt.in.text, "help ");
    kit_keys(&k, "{Down}{Esc}:nonsense{Enter}");
    assert_true(kit_has(&k, "No such command here: nonsense"));
    kit_keys(&k, ":splitup stake deposit 5{Enter}");
    assert_int_equal(k.app.mode, UI_WAIT);
    assert_int_equal(k.intent.kind, SU_UI_DEPOSIT);
    assert_string_equal(k.intent.field[1], "5");
    kit_close(&k);
}

static void log_follows_and_filters(void **state)
{
    struct kit k;

    (void)state;
    kit_open(&k, UI_FIXTURE_LIVE, 80, 24);
    kit_keys(&k, "7");
    assert_int_equal(table(&k)->items, 7); /* debug is left out */
    assert_int_equal(table(&k)->cursor, 6);
    kit_keys(&k, "L");
    assert_int_equal(table(&k)->items, 8);
    kit_keys(&k, "LL");
    assert_int_equal(table(&k)->items, 3); /* errors and warnings */
    kit_keys(&k, "Lcc");
    assert_true(kit_has(&k, "from chain"));
    assert_int_equal(table(&k)->items, 1);
    kit_keys(&k, "ccc");
    assert_int_equal(k.app.log_topic[0], 0);
    kit_keys(&k, "k");
    assert_false(table(&k)->follow);
    kit_keys(&k, "f");
    assert_true(table(&k)->follow);
    assert_int_equal(table(&k)->cursor, 6);
    kit_keys(&k, "y");
    assert_int_equal(k.actions[UI_ACT_COPY], 1);
    kit_close(&k);
}

static void own_and_oracles(void **state)
{
    struct kit k;

    (void)state;
    kit_open(&k, UI_FIXTURE_LIVE, 80, 24);
    kit_keys(&k, "2m");
    assert_int_equal(table(&k)->n, 2);
    kit_keys(&k, "5m");
    assert_int_equal(table(&k)->n, 3);
    kit_keys(&k, "4m");
    assert_int_equal(table(&k)->n, 2);
    kit_keys(&k, "mo");
    assert_true(kit_has(&k, "ORACLE"));
    kit_keys(&k, "{Enter}");
    assert_true(kit_has(&k, "earned"));
    kit_keys(&k, "{Esc}o");
    assert_int_equal(table(&k)->n, 6);
    kit_close(&k);
}

static void drawing_a_digit(void **state)
{
    int dark = 0, px, py;
    struct kit k;

    (void)state;
    kit_open(&k, UI_FIXTURE_LIVE, 80, 24);
    kit_keys(&k, "6mmm {Right}{Down}{Left}jjl ");
    for (size_t i = 0; i < SU_UI_PIXELS; i++)
        dark += k.app.run.pixel[i] != 0;
    assert_true(dark > 8);
    kit_keys(&k, "c");
    for (size_t i = 0; i < SU_UI_PIXELS; i++)
        assert_int_equal(k.app.run.pixel[i], 0);
    assert_true(ui_run_canvas(&k.app, 5, 6, &px, &py));
    kit_mouse(&k, UI_MOUSE_CLICK, 5, 6);
    kit_mouse(&k, UI_MOUSE_DRAG, 9, 6);
    assert_int_equal(k.app.run.pixel[(size_t)py * 28 + (size_t)px], 255);
    assert_int_equal(k.app.run.pixel[(size_t)py * 28 + (size_t)px + 4], 255);
    assert_false(ui_run_canvas(&k.app, 70, 6, &px, &py));
    kit_keys(&k, "e");
    assert_int_equal(k.app.mode, UI_FORM);
    kit_keys(&k, "{Esc}");
    assert_int_equal(k.app.mode, UI_LIST);
    kit_close(&k);
}

static void running_a_digit(void **state)
{
    static struct su_feed_execution list[16];
    struct su_ui_result r;
    struct kit k;

    (void)state;
    kit_open(&k, UI_FIXTURE_LIVE, 80, 24);
    kit_keys(&k, "6mmm {Right}{Right}e");
    assert_int_equal(k.app.mode, UI_FORM);
    while (k.app.mode == UI_FORM)
        kit_keys(&k, "{Enter}");
    assert_int_equal(k.intent.kind, SU_UI_RUN);
    assert_true(k.intent.drawn);
    assert_int_equal(k.intent.pixel[0], 255);
    r = kit_proposal(&k, 5, 2, "");
    kit_result(&k, &r);
    kit_pass(&k, 400);
    kit_pass(&k, 400);
    kit_keys(&k, "{Tab}{Enter}");
    assert_int_equal(k.submits[SU_UI_COMMIT], 1);
    r = (struct su_ui_result){.outcome = SU_UI_DONE, .kind = SU_UI_RUN, .token = 5};
    memcpy(r.execution, k.snap->execution[2].key, 32);
    strcpy(r.text, "Done");
    kit_result(&k, &r);
    kit_keys(&k, "{Enter}");
    r.outcome = SU_UI_PROGRESS;
    strcpy(r.news.text, "a 7 (99.10 %)");
    kit_result(&k, &r);
    assert_true(kit_has(&k, "a 7 (99.10 %)"));
    assert_true(kit_has(&k, "final: everything sampled matched"));
    /* Not before it is settled, nor of what nobody has looked at. */
    k.snap->execution = memcpy(list, k.snap->execution, k.snap->n_execution * sizeof *list);
    list[2].sampled = 0;
    assert_true(kit_has(&k, "final: nothing was sampled"));
    list[2].state = SU_EXEC_RUNNING;
    assert_true(kit_has(&k, "provisional until what is sampled has matched"));
    list[2].state = SU_EXEC_SETTLED;
    kit_keys(&k, "1gg");
    kit_keys(&k, "e");
    assert_int_equal(k.app.pane, UI_PANE_RUN);
    kit_keys(&k, "e");
    assert_true(kit_has(&k, "Type a prompt first"));
    kit_keys(&k, "iOnce upon{Enter}");
    assert_int_equal(k.app.mode, UI_WAIT);
    assert_string_equal(k.intent.field[1], "Once upon");
    kit_close(&k);
}

static void too_small_is_safe(void **state)
{
    struct kit k;

    (void)state;
    kit_open(&k, UI_FIXTURE_LIVE, 40, 10);
    assert_true(kit_has(&k, "SplitUp 40x10 (needs 60x16)"));
    assert_true(kit_has(&k, "ACTIVE"));
    kit_keys(&k, "S");
    assert_int_equal(k.app.mode, UI_LIST);
    kit_keys(&k, "q");
    assert_int_equal(k.actions[UI_ACT_QUIT], 1);
    kit_size(&k, 80, 24);
    assert_true(kit_has(&k, "llama"));
    kit_close(&k);
}

static void hostile_texts_stay_in_their_cells(void **state)
{
    struct kit k;

    (void)state;
    for (int pane = 0; pane < UI_PANES; pane++) {
        struct su_buf b;
        kit_open(&k, UI_FIXTURE_HOSTILE, 100, 30);
        kit_key(&k, '1' + pane);
        kit_draw(&k);
        su_buf_init(&b, 0);
        ui_headless_text(&k.grid, UI_CHARSET_UTF8, &b);
        for (size_t i = 0; i < b.len; i++)
            assert_true(b.data[i] == '\n' || (b.data[i] >= 0x20 && b.data[i] != 0x7f));
        assert_null(strstr((char *)b.data, "\xe2\x80\xae"));
        su_buf_fini(&b);
        kit_close(&k);
    }
}

static void whole(uint64_t v, char *out, size_t cap)
{
    snprintf(out, cap, "%" PRIu64, v);
}

/* What is long is cut where it tells least, and a scale does not repeat itself. */
static void numbers_and_paths_are_short(void **state)
{
    struct su_feed_point few[2] = {{.value = 5100}, {.value = 10200}};
    uint64_t rate[2] = {1, 2};
    struct ui_grid g = {.w = 0};
    struct su_buf b;
    struct kit k;

    (void)state;
    kit_open(&k, UI_FIXTURE_LIVE, 80, 24);
    snprintf(k.app.wallet_path, sizeof k.app.wallet_path, "/%0100d/owner/wallet.json", 0);
    kit_keys(&k, "W");
    assert_true(kit_has(&k, "000/owner/wallet.json"));
    assert_true(kit_has(&k, "Key file ...000"));
    k.app.wallet_path[0] = 0;
    assert_true(kit_has(&k, "Key file ?"));
    kit_keys(&k, "{Esc}3");
    k.snap->wallet_lamports = UINT64_C(999984166000);
    assert_true(kit_has(&k, "(1,902 years of fees)"));
    k.snap->wallet_lamports = UINT64_C(999) * 5000 * 24 * 12;
    assert_true(kit_has(&k, "(999 days of fees)"));
    k.snap->earned = few;
    k.snap->n_earned = 2;
    kit_keys(&k, "{Enter}");
    assert_true(kit_has(&k, " 0.010200  #"));
    few[1].value = 20000000;
    assert_true(kit_has(&k, "    20.00  #"));
    kit_close(&k);
    su_buf_init(&b, 0);
    assert_true(ui_grid_resize(&g, 20, 6));
    ui_columns(ui_area_all(&g), rate, 2, UI_ROLE_OK, whole);
    ui_headless_text(&g, UI_CHARSET_ASCII, &b);
    assert_string_equal((const char *)b.data, "        2  #\n           #\n           #\n"
                                              "        1 ##\n          ##\n        0 ##\n");
    su_buf_fini(&b);
    ui_grid_fini(&g);
}

static void errors_are_counted_until_the_log_was_seen(void **state)
{
    struct kit k;

    (void)state;
    kit_open(&k, UI_FIXTURE_LIVE, 80, 24);
    ui_say(&k.app, UI_ROLE_WARN, "not that bad");
    assert_null(strstr(kit_screen(&k), "error"));
    ui_say(&k.app, UI_ROLE_BAD, "the disk is full");
    assert_true(kit_has(&k, "1 error "));
    ui_say(&k.app, UI_ROLE_BAD, "the disk is full");
    kit_keys(&k, "2");
    assert_true(kit_has(&k, "2 errors "));
    kit_keys(&k, "71");
    assert_null(strstr(kit_screen(&k), "error"));
    kit_close(&k);
}

/* The error of a chain that never answered shows a way on, and is not drawn through dialogs. */
static void nothing_answers(void **state)
{
    struct su_feed_source *c;
    struct kit k;

    (void)state;
    kit_open(&k, UI_FIXTURE_LOADING, 80, 24);
    c = &k.snap->source[SU_FEED_CHAIN];
    c->loading = false;
    c->failures = 3;
    su_str_copy(c->error, sizeof c->error, "refused");
    assert_true(kit_has(&k, "It never answered (3 tries)."));
    assert_true(kit_has(&k, "What costs money is off"));
    k.app.can_switch = true;
    assert_true(kit_has(&k, "L in pane 1 starts a demo network"));
    kit_keys(&k, "W");
    assert_null(strstr(kit_screen(&k), "It never answered"));
    assert_null(strstr(kit_screen(&k), "Chain unreachable"));
    kit_close(&k);
}

static void first_start_offers(void **state)
{
    struct kit k;

    (void)state;
    kit_open(&k, UI_FIXTURE_EMPTY, 80, 24);
    k.app.mode = UI_WELCOME;
    k.app.sealed = false;
    k.app.can_switch = true;
    assert_true(kit_has(&k, "start the private demo network"));
    kit_keys(&k, "n");
    assert_int_equal(k.app.mode, UI_FORM);
    kit_keys(&k, "{Esc}i{Esc}"); /* each leads back to the offers */
    assert_int_equal(k.app.mode, UI_WELCOME);
    kit_keys(&k, "w");
    assert_string_equal(k.app.prompt.in.text, "devnet");
    kit_keys(&k, "{Esc}");
    assert_int_equal(k.app.mode, UI_WELCOME);
    assert_int_equal(k.actions[UI_ACT_QUIT], 0);
    kit_keys(&k, "w{C-u}http://10.0.0.7:8899{Enter}");
    assert_int_equal(k.app.choice, SU_UI_WATCH_CLUSTER);
    assert_string_equal(k.app.cluster, "http://10.0.0.7:8899");
    assert_int_equal(k.actions[UI_ACT_QUIT], 1);
    kit_keys(&k, "d");
    assert_int_equal(k.app.choice, SU_UI_START_DEMO);
    assert_int_equal(k.actions[UI_ACT_QUIT], 2);
    kit_keys(&k, "{Esc}");
    assert_int_equal(k.app.mode, UI_LIST);
    k.app.choice = SU_UI_LEFT;
    kit_keys(&k, "L{Enter}");
    assert_int_equal(k.app.choice, SU_UI_LEFT);
    kit_keys(&k, "L");
    assert_true(kit_has(&k, "All of it is gone when you leave it."));
    kit_keys(&k, "y");
    assert_int_equal(k.app.choice, SU_UI_START_DEMO);
    kit_keys(&k, "n:cluster testnet{Enter}");
    assert_string_equal(k.app.prompt.in.text, "testnet");
    kit_keys(&k, "{Esc}");
    k.app.can_switch = false;
    kit_keys(&k, "L");
    assert_true(kit_has(&k, "Not from here"));
    kit_keys(&k, "Wr");
    assert_true(kit_has(&k, "Not from here"));
    kit_close(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(panes_by_key_and_tab),
        cmocka_unit_test(moving_and_sorting),
        cmocka_unit_test(texts_sort_beyond_their_beginning),
        cmocka_unit_test(filter_and_search),
        cmocka_unit_test(keys_are_found_by_their_text),
        cmocka_unit_test(trees),
        cmocka_unit_test(selection_follows_its_row_across_snapshots),
        cmocka_unit_test(tags_copy_write_and_others),
        cmocka_unit_test(commands_complete_and_are_remembered),
        cmocka_unit_test(log_follows_and_filters),
        cmocka_unit_test(own_and_oracles),
        cmocka_unit_test(drawing_a_digit),
        cmocka_unit_test(running_a_digit),
        cmocka_unit_test(too_small_is_safe),
        cmocka_unit_test(hostile_texts_stay_in_their_cells),
        cmocka_unit_test(numbers_and_paths_are_short),
        cmocka_unit_test(errors_are_counted_until_the_log_was_seen),
        cmocka_unit_test(nothing_answers),
        cmocka_unit_test(first_start_offers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
