// SPDX-License-Identifier: MIT
/* The tables of the app: keys, intents, columns, roles, and the pages made of them. */
#include "ui_kit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void keys_are_unique_in_a_scope(void **state)
{
    (void)state;
    for (size_t i = 0; i < ui_keys_count; i++)
        for (size_t k = 0; k < 3 && ui_keys[i].key[k]; k++)
            for (size_t j = 0; j <= i; j++)
                for (size_t m = 0; m < 3 && ui_keys[j].key[m]; m++)
                    if (ui_keys[i].scope == ui_keys[j].scope && (i != j || k != m))
                        assert_int_not_equal(ui_keys[i].key[k], ui_keys[j].key[m]);
}

static void every_request_has_key_and_help(void **state)
{
    bool seen[UI_REQUESTS] = {false};

    (void)state;
    for (size_t i = 0; i < ui_keys_count; i++) {
        const struct ui_key_row *r = &ui_keys[i];
        bool told = r->help[0] != 0;
        seen[r->request] = true;
        assert_true(r->key[0] != 0);
        assert_true(r->tier <= 3);
        assert_true(strlen(r->label) <= 6);
        assert_true(strlen(r->shown) >= 1 && strlen(r->shown) <= 7);
        for (size_t j = 0; !told && j < ui_keys_count; j++)
            told = ui_keys[j].scope == r->scope && ui_keys[j].help[0] &&
                   strcmp(ui_keys[j].shown, r->shown) == 0;
        assert_true(told);
    }
    for (int q = UI_REQ_NONE + 1; q < UI_REQUESTS; q++)
        assert_true(seen[q]);
}

static void function_keys_are_labelled(void **state)
{
    (void)state;
    for (int n = 1; n <= 10; n++) {
        const struct ui_key_row *r = ui_keys_find(UI_SCOPE_ALL, UI_K_F(n));
        assert_non_null(r);
        assert_true(r->label[0] != 0);
        assert_true(r->key[0] < 0x7f); /* terminals take F keys away: a letter does it, too */
    }
    assert_null(ui_keys_find(UI_SCOPE_ALL, UI_K_F(11)));
    assert_null(ui_keys_find(UI_SCOPE_ALL, 0));
    assert_int_equal(ui_keys_find(UI_SCOPE_LOG, 'c')->request, UI_REQ_TOPIC);
    assert_int_equal(ui_keys_find(UI_SCOPE_STAKE, 'c')->request, UI_REQ_CLAIM);
    assert_int_equal(ui_keys_find(UI_SCOPE_ALL, '\r')->request, UI_REQ_ENTER);
}

/* A terminal may split ESC O P into single keys: none of them may spend. */
static void parts_of_escape_sequences_spend_nothing(void **state)
{
    static const char part[] = "OPQR[~0123456789;ABCDFH";

    (void)state;
    for (int pane = 0; pane < UI_PANES; pane++)
        for (const char *p = part; *p; p++) {
            const struct ui_key_row *r = ui_keys_find((enum ui_scope)pane, *p);
            if (r && r->tier >= 2)
                assert_true(*p == 'D' && pane == UI_PANE_MODELS); /* opens a form only */
        }
}

static void columns_are_ordered(void **state)
{
    struct kit k;

    (void)state;
    kit_open(&k, UI_FIXTURE_LIVE, 80, 24);
    for (int pane = 0; pane < UI_PANES; pane++) {
        const struct ui_source *s;
        if (!ui_pane_list[pane]->source)
            continue;
        s = ui_pane_list[pane]->source(&k.app);
        assert_true(s->n_col >= 4 && s->n_col <= 24);
        assert_int_equal(s->col[0].priority, 0);
        for (size_t i = 0; i < s->n_col; i++) {
            assert_true(strlen(s->col[i].head) <= s->col[i].width);
            for (size_t j = 0; j < i; j++) {
                assert_int_not_equal(s->col[i].priority, s->col[j].priority);
                assert_string_not_equal(s->col[i].id, s->col[j].id);
            }
        }
    }
    kit_close(&k);
}

static void intents_have_fields(void **state)
{
    (void)state;
    for (int i = 0; i < SU_UI_KINDS; i++) {
        const struct ui_intent_def *d = ui_intent_def((enum su_ui_kind)i);
        assert_int_equal(d->kind, i);
        assert_true(d->tier >= 2 && d->tier <= 3);
        assert_true(ui_intent_fields(d) >= 1 || i == SU_UI_WALLET_OPEN || i == SU_UI_WITHDRAW ||
                    i == SU_UI_REFUND);
    }
}

static void no_role_is_invisible(void **state)
{
    (void)state;
    for (int r = 0; r < UI_ROLES; r++)
        for (int d = UI_DEPTH_256; d <= UI_DEPTH_MONO; d++) {
            struct ui_look l = ui_theme_look((enum ui_depth)d, (enum ui_role)r);
            assert_true(l.fg < 0 || l.bg < 0 || l.fg != l.bg);
            assert_true(d != UI_DEPTH_8 || (l.fg < 8 && l.bg < 8));
            assert_true(d != UI_DEPTH_MONO || (l.fg == -1 && l.bg == -1));
        }
    /* What matters is told apart without colours. */
    assert_true(ui_theme_look(UI_DEPTH_MONO, UI_ROLE_BAD).attr != 0);
    assert_true(ui_theme_look(UI_DEPTH_MONO, UI_ROLE_SELECT).attr != 0);
    assert_string_equal(ui_role_name(UI_ROLE_MONEY), "MONEY");
}

static void charsets_keep_cells(void **state)
{
    enum ui_charset c;
    bool acs;

    (void)state;
    for (uint32_t cp = 1; cp < 0x20000; cp++) {
        uint32_t g = ui_glyph(cp);
        assert_true(g == cp || g == '?');
        assert_true(ui_charset_map(UI_CHARSET_ASCII, g, &acs) < 0x7f && !acs);
        assert_true(ui_charset_map(UI_CHARSET_ACS, g, &acs) < 0x7f);
        assert_int_equal(ui_charset_map(UI_CHARSET_UTF8, g, &acs), g);
    }
    assert_int_equal(ui_charset_map(UI_CHARSET_ASCII, 0, &acs), '?');
    assert_int_equal(ui_charset_map(UI_CHARSET_UTF8, 0, &acs), 0);
    assert_int_equal(ui_charset_map(UI_CHARSET_ASCII, 0x2500, &acs), '-');
    assert_int_equal(ui_charset_map(UI_CHARSET_ACS, 0x2500, &acs), 'q');
    assert_true(acs);
    assert_true(ui_charset_parse("acs", &c) && c == UI_CHARSET_ACS);
    assert_false(ui_charset_parse("latin1", &c));
}

static void help_fits(void **state)
{
    char head[40];
    struct kit k;

    (void)state;
    for (int pane = 0; pane < UI_PANES; pane++) {
        kit_open(&k, UI_FIXTURE_LIVE, 80, 24);
        kit_key(&k, '1' + pane);
        kit_keys(&k, "?");
        snprintf(head, sizeof head, "\n %s\n", ui_scope_name((enum ui_scope)pane));
        assert_true(kit_has(&k, head));
        assert_true(ui_help_lines(&k.app) <= 20);
        for (size_t i = 0; i < ui_keys_count; i++)
            if ((ui_keys[i].scope == (enum ui_scope)pane || ui_keys[i].scope == UI_SCOPE_ALL) &&
                ui_keys[i].help[0]) {
                assert_true(kit_has(&k, ui_keys[i].shown));
                assert_true(kit_has(&k, ui_keys[i].help));
                assert_true(strlen(ui_keys[i].help) + (ui_keys[i].tier > 1 ? 2 : 0) <= 17);
            }
        kit_close(&k);
    }
}

static void manual_page_is_the_key_table(void **state)
{
    const char *path = SU_SOURCE_DIR "/man/splitup-keys.7";
    struct su_buf b;
    struct su_map m;

    (void)state;
    su_buf_init(&b, 0);
    su_ui_keys_page(&b);
    if (getenv("SU_GOLDEN_ACCEPT"))
        assert_int_equal(su_file_write(path, b.data, b.len, 0644, NULL), SU_OK);
    assert_int_equal(su_map_open(path, 0, &m, NULL), SU_OK);
    assert_int_equal(m.len, b.len);
    assert_memory_equal(m.data, b.data, b.len);
    su_map_close(&m);
    su_buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_unique_in_a_scope),
        cmocka_unit_test(every_request_has_key_and_help),
        cmocka_unit_test(function_keys_are_labelled),
        cmocka_unit_test(parts_of_escape_sequences_spend_nothing),
        cmocka_unit_test(columns_are_ordered),
        cmocka_unit_test(intents_have_fields),
        cmocka_unit_test(no_role_is_invisible),
        cmocka_unit_test(charsets_keep_cells),
        cmocka_unit_test(help_fits),
        cmocka_unit_test(manual_page_is_the_key_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
