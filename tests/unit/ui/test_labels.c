// SPDX-License-Identifier: MIT
/* Names of addresses: what may be one, what the file holds, and where they stand. */
#include "ui_kit.h"

#include "ui/widgets/format.h"
#include "ui/widgets/labels.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static const uint8_t a[32] = {1}, b[32] = {2}, c[32] = {0, 3};

static void names_are_letters_and_few(void **state)
{
    static const char *const bad[] = {
        "x y",   "-x", "1",   "12.5", "a..b", "own",           "Own",
        "a\x1b", "é",  "'a'", "a\n",  "_a",   "a\xe2\x80\xae", "a234567890123456789012345"};
    struct ui_labels l = {.n = 0};
    struct su_err e;
    uint8_t key[32];

    (void)state;
    for (size_t i = 0; i < SU_ARRAY_LEN(bad); i++) {
        assert_int_equal(ui_labels_set(&l, a, bad[i], &e), SU_EINVAL);
        assert_int_equal(l.n, 0);
    }
    assert_int_equal(ui_labels_set(&l, a, "cold", &e), SU_OK);
    assert_int_equal(ui_labels_set(&l, b, "COLD", &e), SU_EEXIST);
    assert_int_equal(ui_labels_set(&l, b, "a2345678901234567890", &e), SU_OK);
    assert_int_equal(ui_labels_set(&l, a, "cold-2", &e), SU_OK); /* in place of the old one */
    assert_null(ui_labels_named(&l, "cold"));
    assert_memory_equal(ui_labels_named(&l, "Cold-2")->key, a, 32);
    assert_true(ui_labels_resolve(&l, "cold-2", key));
    assert_memory_equal(key, a, 32);
    assert_true(ui_labels_resolve(&l, "11111111111111111111111111111111", key));
    assert_false(ui_labels_resolve(&l, "cold", key));
    assert_int_equal(ui_labels_set(&l, c, "", &e), SU_OK); /* it has none anyway */
    assert_int_equal(ui_labels_set(&l, a, "", &e), SU_OK);
    assert_int_equal(l.n, 1);
    assert_null(ui_labels_find(&l, a));
    assert_string_equal(ui_labels_find(&l, b), "a2345678901234567890");
    ui_labels_fini(&l);
}

static void many_stay_in_order(void **state)
{
    struct ui_labels l = {.n = 0};
    struct su_err e;
    char text[24];

    (void)state;
    for (uint32_t i = 0; i <= UI_LABELS_MAX; i++) {
        uint8_t key[32] = {0};
        uint32_t odd = i * 2654435761u;
        memcpy(key, &odd, 4);
        snprintf(text, sizeof text, "n%u", i);
        assert_int_equal(ui_labels_set(&l, key, text, &e), i < UI_LABELS_MAX ? SU_OK : SU_ELIMIT);
        if (i < UI_LABELS_MAX)
            assert_string_equal(ui_labels_find(&l, key), text);
    }
    for (size_t i = 1; i < l.n; i++)
        assert_true(memcmp(l.item[i - 1].key, l.item[i].key, 32) < 0);
    ui_labels_fini(&l);
}

static void the_file_is_whole_or_old(void **state)
{
    static const struct {
        const char *text, *at;
    } bad[] = {{"x cold\n", ":1"},
               {"# a\n\n4uQeVj5tqViQh7yWWGStvkEG1Zmhx6uasJtWCJziofM\n", ":3"},
               {"4uQeVj5tqViQh7yWWGStvkEG1Zmhx6uasJtWCJziofM a b\n", ":1"},
               {"4uQeVj5tqViQh7yWWGStvkEG1Zmhx6uasJtWCJziofM a\r\n", ":1"},
               {"4uQeVj5tqViQh7yWWGStvkEG1Zmhx6uasJtWCJziofM \x1b[2J\n", ":1"},
               {"4uQeVj5tqViQh7yWWGStvkEG1Zmhx6uasJtWCJziofM a\n"
                "4uQeVj5tqViQh7yWWGStvkEG1Zmhx6uasJtWCJziofM b\n",
                ":2"},
               {"4uQeVj5tqViQh7yWWGStvkEG1Zmhx6uasJtWCJziofM a\n"
                "11111111111111111111111111111111 A",
                ":2"}};
    char dir[] = "/tmp/su-test-labels-XXXXXX", path[64], none[64];
    struct ui_labels l = {.n = 0}, other = {.n = 0};
    struct su_err e;
    struct stat st;
    struct su_map m;

    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/labels", dir);
    snprintf(none, sizeof none, "%s/none/labels", dir);
    assert_int_equal(ui_labels_load(&l, path, &e), SU_OK);
    assert_int_equal(l.n, 0);
    assert_int_equal(ui_labels_change(&l, path, a, "cold", &e), SU_OK);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    /* Another app wrote meanwhile: both are kept. */
    assert_int_equal(ui_labels_change(&other, path, b, "exchange", &e), SU_OK);
    assert_int_equal(ui_labels_change(&l, path, c, "friend", &e), SU_OK);
    assert_int_equal(l.n, 3);
    assert_string_equal(ui_labels_find(&l, b), "exchange");
    assert_int_equal(ui_labels_change(&l, path, a, "exchange", &e), SU_EEXIST);
    assert_int_equal(ui_labels_change(&l, path, a, "", &e), SU_OK);
    assert_int_equal(ui_labels_load(&other, path, &e), SU_OK);
    assert_int_equal(other.n, 2);
    /* What cannot be written changes nothing. */
    assert_int_not_equal(ui_labels_change(&other, none, a, "x", &e), SU_OK);
    assert_int_equal(other.n, 2);
    for (size_t i = 0; i < SU_ARRAY_LEN(bad); i++) {
        assert_int_equal(su_file_write(path, bad[i].text, strlen(bad[i].text), 0600, &e), SU_OK);
        assert_int_equal(ui_labels_load(&other, path, &e), SU_EFORMAT);
        assert_non_null(strstr(e.at, bad[i].at));
        assert_int_equal(ui_labels_change(&other, path, a, "x", &e), SU_EFORMAT);
        assert_int_equal(other.n, 2);
        assert_int_equal(su_map_open(path, 0, &m, &e), SU_OK);
        assert_int_equal(m.len, strlen(bad[i].text)); /* it is left to whoever wrote it */
        su_map_close(&m);
    }
    ui_labels_fini(&l);
    ui_labels_fini(&other);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(dir), 0);
}

static void they_stand_beside_addresses(void **state)
{
    static const char address[] = "4uQeVj5tqViQh7yWWGStvkEG1Zmhx6uasJtWCJziofM";
    struct ui_labels l = {.n = 0};
    char text[300], want[300], out[UI_FORMAT], name[UI_LABEL_SHOWN];
    struct su_err e;

    (void)state;
    assert_int_equal(ui_labels_set(&l, a, "cold", &e), SU_OK);
    snprintf(text, sizeof text, "to %s, or %s  now", address, address);
    ui_labels_beside(want, sizeof want, text);
    assert_string_equal(want, text); /* nobody's names are in use */
    ui_labels_use(&l);
    snprintf(text, sizeof text, "to %s or %s  now", address, address);
    snprintf(out, sizeof out, "%s", ui_label_of(a, name));
    assert_string_equal(out, "'cold'");
    assert_null(ui_label_of(b, name));
    ui_labels_beside(want, sizeof want, text);
    snprintf(text, sizeof text, "to %s 'cold' or %s 'cold'  now", address, address);
    assert_string_equal(want, text);
    for (size_t cap = 1; cap < 150; cap++) {
        memset(want, 'x', sizeof want);
        ui_labels_beside(want, cap, text);
        assert_true(strlen(want) < cap);
    }
    assert_string_equal(ui_key_short(a, out), "'cold'");
    assert_true(ui_match_key(a, "old"));
    assert_true(ui_match_key(a, "4uqev")); /* and by its address, as ever */
    ui_labels_use(NULL);
    assert_true(strncmp(ui_key_short(a, out), "4uQe", 4) == 0);
    assert_false(ui_match_key(a, "cold"));
    ui_labels_fini(&l);
}

/* By key, on any row; shown wherever the address is, found by it, typed for it. */
static void rows_get_names(void **state)
{
    struct su_ui_result r;
    char line[128], address[UI_FORMAT], owner[UI_FORMAT];
    struct kit k;

    (void)state;
    kit_open(&k, UI_FIXTURE_LIVE, 100, 30);
    ui_key_full(k.snap->node[0].identity, address);
    kit_keys(&k, "4g");
    kit_keys(&k, "b");
    assert_int_equal(k.app.mode, UI_PROMPT);
    snprintf(line, sizeof line, "label %.44s ", k.app.prompt.in.text + 6);
    assert_memory_equal(k.app.prompt.in.text, "label ", 6);
    assert_string_equal(k.app.prompt.in.text + strlen(k.app.prompt.in.text) - 1, " ");
    /* Tab goes round the addresses of the row. */
    su_str_copy(line, sizeof line, k.app.prompt.in.text);
    kit_keys(&k, "{Tab}");
    assert_string_not_equal(k.app.prompt.in.text, line);
    su_str_copy(owner, sizeof owner, k.app.prompt.in.text + 6);
    kit_keys(&k, "{Tab}");
    assert_string_equal(k.app.prompt.in.text, line);
    kit_keys(&k, "gpu-1{Enter}");
    assert_int_equal(k.app.labels.n, 1);
    assert_int_equal(k.actions[UI_ACT_LABEL], 1);
    assert_string_equal(k.app.label.text, "gpu-1");
    assert_true(kit_has(&k, "is 'gpu-1' now"));
    kit_keys(&k, "3");
    assert_true(kit_has(&k, "'gpu-1'"));
    kit_keys(&k, "\\gpu-{Enter}");
    assert_int_equal(k.app.table[UI_PANE_STAKE].n, 1);
    /* With it in the prompt: it is edited; with nothing behind it: it goes. */
    kit_keys(&k, "b");
    assert_true(su_str_ends(k.app.prompt.in.text, " gpu-1"));
    kit_keys(&k, "{BS}2{Enter}");
    assert_true(kit_has(&k, "'gpu-2'"));
    /* In forms and commands for the address, and beside it where it stands in full. */
    kit_keys(&k, "{Esc}S{S-Tab}{C-u}GPU-2{Enter}5{Enter}");
    assert_int_equal(k.submits[SU_UI_PREPARE], 1);
    assert_true(memcmp(line + 6, k.intent.field[0], strlen(k.intent.field[0])) == 0);
    r = kit_proposal(&k, 5, 2, "");
    su_str_copy(r.line[1].text, sizeof r.line[1].text, k.intent.field[0]);
    kit_result(&k, &r);
    snprintf(line, sizeof line, "%s 'gpu-2'", k.intent.field[0]);
    assert_true(kit_has(&k, line));
    assert_string_equal(k.app.preview.p.line[1].text, line); /* there, not behind it alone */
    kit_pass(&k, 301);
    kit_keys(&k, "d");
    r = kit_shown(&k);
    kit_result(&k, &r);
    kit_keys(&k, "{Esc}{Esc}:stake deposit 7 --node gpu-2{Enter}");
    assert_int_equal(k.submits[SU_UI_PREPARE], 2);
    assert_true(strlen(k.intent.field[0]) > 30);
    kit_keys(&k, "{Esc}W");
    assert_true(kit_has(&k, "Names"));
    assert_true(kit_has(&k, "'gpu-2' "));
    kit_keys(&k, "{Esc}:label gpu-2{Enter}");
    assert_true(kit_has(&k, "has no name"));
    assert_int_equal(k.app.labels.n, 0);
    kit_keys(&k, ":label{Enter}");
    assert_true(kit_has(&k, "No names yet"));
    kit_close(&k);
}

static void what_is_no_name_is_refused(void **state)
{
    static const struct {
        const char *typed, *says;
    } row[] = {{":label nobody x", "Not an address"},
               {":label 4uQeVj5tqViQh7yWWGStvkEG1Zmhx6uasJtWCJziofM two words", "letters, digits"},
               {":label 4uQeVj5tqViQh7yWWGStvkEG1Zmhx6uasJtWCJziofM own", "this machine's node"},
               {":label 4uQeVj5tqViQh7yWWGStvkEG1Zmhx6uasJtWCJziofM aaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                "at most 20"},
               {"7b", "No address here"},
               {"6b", "No address here"}};
    char name[UI_LABEL_SHOWN];
    struct su_err e;
    struct kit k;

    (void)state;
    for (size_t i = 0; i < SU_ARRAY_LEN(row); i++) {
        kit_open(&k, UI_FIXTURE_LIVE, 100, 30);
        kit_keys(&k, row[i].typed);
        if (i < 4)
            kit_keys(&k, "{Enter}");
        assert_true(kit_has(&k, row[i].says));
        assert_int_equal(k.app.labels.n, 0);
        assert_int_equal(k.actions[UI_ACT_LABEL], 0);
        kit_close(&k);
    }
    /* What is printed for programs stays as it is on chain, and so does a stranger's quote. */
    kit_open(&k, UI_FIXTURE_LIVE, 100, 30);
    assert_int_equal(ui_labels_set(&k.app.labels, k.snap->model[0].key, "mine", &e), SU_OK);
    assert_true(kit_has(&k, "'mine' llama-3.1-8b"));
    struct su_buf out;
    su_buf_init(&out, 0);
    for (int f = SU_UI_TSV; f <= SU_UI_JSON; f++)
        assert_int_equal(
            su_ui_print(k.snap, "models", (enum su_ui_format)f, UI_FIXTURE_WALL_MS, &out, &e),
            SU_OK);
    su_buf_u8(&out, 0);
    assert_null(strstr((const char *)out.data, "mine"));
    su_buf_fini(&out);
    assert_non_null(ui_label_of(k.snap->model[0].key, name));
    kit_close(&k);
    assert_null(ui_label_of(a, name)); /* nobody's after the app */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_letters_and_few),
        cmocka_unit_test(many_stay_in_order),
        cmocka_unit_test(the_file_is_whole_or_old),
        cmocka_unit_test(they_stand_beside_addresses),
        cmocka_unit_test(rows_get_names),
        cmocka_unit_test(what_is_no_name_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
