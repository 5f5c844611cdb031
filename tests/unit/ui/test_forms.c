// SPDX-License-Identifier: MIT
/* Forms about this machine, its node, its models and its key files; and where their paths come from. */
#include "ui_kit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void node_begins_with_its_entry(void **state)
{
    struct kit k;

    (void)state;
    kit_open(&k, UI_FIXTURE_LIVE, 80, 24);
    kit_keys(&k, "4e");
    assert_int_equal(k.app.mode, UI_FORM);
    assert_true(kit_has(&k, "Register or update this machine's node"));
    assert_true(strlen(k.app.form.in[0].text) > 3); /* its endpoint */
    assert_true(strlen(k.app.form.in[1].text) > 2); /* its memory, in whole units */
    kit_keys(&k, "{C-u}24GB{Up}{C-u}198.51.100.7:7700{Enter}{Enter}");
    assert_int_equal(k.app.mode, UI_WAIT);
    assert_int_equal(k.intent.kind, SU_UI_NODE);
    assert_string_equal(k.intent.field[0], "198.51.100.7:7700");
    assert_string_equal(k.intent.field[1], "24GB");
    assert_true(kit_has(&k, "Preparing on this machine"));
    kit_close(&k);
    kit_open(&k, UI_FIXTURE_LIVE, 80, 24);
    kit_keys(&k, ":node register --endpoint a.example:1 --vram 4GB{Enter}");
    assert_int_equal(k.app.mode, UI_WAIT);
    assert_string_equal(k.intent.field[0], "a.example:1");
    assert_string_equal(k.intent.field[1], "4GB");
    kit_close(&k);
}

static void models_are_deployed(void **state)
{
    struct su_ui_result r = {.outcome = SU_UI_PROGRESS, .kind = SU_UI_DEPLOY, .token = 3};
    struct kit k;

    (void)state;
    kit_open(&k, UI_FIXTURE_LIVE, 80, 24);
    kit_keys(&k, "1amnist{Enter}300KB{Enter}4096{Enter}8{Enter}mine{Enter}sha256{Enter}");
    assert_int_equal(k.app.mode, UI_WAIT);
    static const char *const want[] = {"mnist", "300KB", "4096", "8", "mine", "sha256"};
    for (size_t i = 0; i < SU_ARRAY_LEN(want); i++)
        assert_string_equal(k.intent.field[i], want[i]);
    strcpy(r.text, "store: 12 MB of 1.2 GB, 3.4 MB/s, 5:12 left");
    kit_result(&k, &r);
    assert_true(kit_has(&k, "12 MB of 1.2 GB, 3.4 MB/s, 5:12 left"));
    kit_keys(&k, "{Esc}"); /* stops it */
    assert_int_equal(k.actions[UI_ACT_CANCEL], 1);
    r = (struct su_ui_result){.outcome = SU_UI_FAILED, .kind = SU_UI_DEPLOY, .token = 3};
    su_fail(&r.err, SU_ECANCELLED, "store", "stopped");
    kit_result(&k, &r);
    assert_int_equal(k.app.pending, UI_PENDING_NONE);
    kit_keys(&k, ":deploy register mnist --target-vram 1GB --name=short{Enter}");
    assert_int_equal(k.app.mode, UI_WAIT);
    assert_string_equal(k.intent.field[1], "1GB");
    assert_string_equal(k.intent.field[4], "short");
    kit_close(&k);
    kit_open(&k, UI_FIXTURE_LIVE, 80, 24);
    kit_keys(&k, ":deploy register mnist --sampling 20{Enter}");
    assert_int_equal(k.app.mode, UI_FORM);
    assert_true(kit_has(&k, "Left out, the form has no field for it: --sampling 20"));
    kit_close(&k);
}

static void fields_say_what_is_wrong(void **state)
{
    static const struct {
        const char *keys, *text;
    } row[] = {
        {"1a{Down}1GB{Down}{Down}{Down}{Down}{Enter}", "a name, a file or a folder is needed"},
        {"1am{Down}{Down}{Down}{Down}{Down}{Enter}", "! "},
        {"1am{Down}0{Down}{Down}{Down}{Down}{Enter}", "0 bytes"},
        {"1am{Down}1GB{Down}x{Down}{Down}{Down}{Enter}", "! "},
        {"1am{Down}1GB{Down}{Down}0{Down}{Down}{Enter}", "! "},
        {"1am{Down}1GB{Down}{Down}{Down}123456789012345678901234567890123{Down}{Enter}",
         "longer than 32 bytes"},
        {"1am{Down}1GB{Down}{Down}{Down}{Down}ftp://x{Enter}", "give http://HOST:PORT"},
        {"4e{C-u}{Up}{C-u}nowhere{Down}{Enter}", "is no HOST:PORT"},
        {"4e{C-u}much{Enter}", "! "},
        {"4e{C-u}0{Enter}", "0 bytes"},
        {"We{Down}{Down}{Enter}", "a path is needed"},
        {"Wex{Enter}a{Enter}b{Enter}", "the two passphrases differ"},
    };

    (void)state;
    for (int h = 16; h <= 24; h += 8)
        for (size_t i = 0; i < SU_ARRAY_LEN(row); i++) {
            struct kit k;
            kit_open(&k, UI_FIXTURE_LIVE, h == 16 ? 60 : 80, h);
            kit_keys(&k, row[i].keys);
            assert_true(kit_has(&k, row[i].text));
            assert_true(kit_has(&k, "[ Cancel ]"));
            assert_int_equal(k.app.mode, UI_FORM);
            assert_int_equal(k.submits[SU_UI_PREPARE], 0);
            kit_close(&k);
        }
}

static void paths_are_completed(void **state)
{
    struct su_ui_result r = {.outcome = SU_UI_COMPLETED, .kind = SU_UI_DEPLOY, .token = 1};
    struct kit k;

    (void)state;
    kit_open(&k, UI_FIXTURE_LIVE, 80, 24);
    kit_keys(&k, "1a{Tab}"); /* nothing typed: nothing to ask */
    assert_int_equal(k.app.form.focus, 1);
    kit_keys(&k, "{S-Tab}mod{Tab}");
    assert_int_equal(k.submits[SU_UI_COMPLETE], 1);
    assert_string_equal(k.intent.field[0], "mod");
    assert_int_equal(k.app.form.focus, 0);
    strcpy(r.text, "models/");
    kit_result(&k, &r);
    assert_string_equal(k.app.form.in[0].text, "models/");
    kit_keys(&k, "{Tab}");
    strcpy(r.title, "mnist llama");
    kit_result(&k, &r);
    assert_true(kit_has(&k, "mnist llama"));
    kit_keys(&k, "{Tab}"); /* asked at this text before: on to the next field */
    assert_int_equal(k.app.form.focus, 1);
    assert_int_equal(k.submits[SU_UI_COMPLETE], 2);
    /* What comes late, or for another form, changes nothing. */
    kit_result(&k, &r);
    assert_string_equal(k.app.form.in[1].text, "");
    kit_keys(&k, "{Esc}{Esc}3S");
    kit_result(&k, &r);
    assert_string_equal(k.app.form.in[1].text, "");
    kit_keys(&k, "{Esc}");
    kit_result(&k, &r);
    assert_int_equal(k.app.mode, UI_LIST);
    kit_close(&k);
}

static void withdrawing_is_typed(void **state)
{
    struct su_ui_result r;
    struct kit k;

    (void)state;
    kit_open(&k, UI_FIXTURE_LIVE, 80, 24);
    kit_keys(&k, "3X");
    assert_int_equal(k.app.mode, UI_WAIT); /* it has no fields */
    assert_int_equal(k.intent.kind, SU_UI_WITHDRAW);
    r = kit_proposal(&k, 8, 2, "oTTq"); /* the app's own floor makes it typed */
    kit_result(&k, &r);
    kit_pass(&k, 400);
    kit_pass(&k, 400);
    kit_keys(&k, "{Tab}{Enter}");
    assert_int_equal(k.submits[SU_UI_COMMIT], 0);
    kit_keys(&k, "oTTq{Enter}{Enter}");
    assert_int_equal(k.submits[SU_UI_COMMIT], 1);
    r.outcome = SU_UI_FAILED;
    su_fail(&r.err, SU_EBUSY, "node", "waits for its tickets");
    kit_result(&k, &r);
    assert_true(kit_has(&k, "closes this")); /* no form to go back to */
    kit_keys(&k, "{Enter}");
    assert_int_equal(k.app.mode, UI_LIST);
    kit_close(&k);
}

static void requests_come_back(void **state)
{
    struct kit k;

    (void)state;
    kit_open(&k, UI_FIXTURE_LIVE, 80, 24);
    kit_keys(&k, "2X");
    assert_int_equal(k.app.form.def->kind, SU_UI_DROP);
    assert_true(strlen(k.app.form.in[0].text) > 30); /* the one selected */
    kit_keys(&k, "x{Enter}");
    assert_true(kit_has(&k, "not an address"));
    kit_keys(&k, "{BS}{Enter}");
    assert_int_equal(k.app.mode, UI_WAIT);
    assert_int_equal(k.intent.kind, SU_UI_DROP);
    kit_close(&k);
    kit_open(&k, UI_FIXTURE_LIVE, 80, 24);
    kit_keys(&k, "3f");
    assert_int_equal(k.app.mode, UI_WAIT);
    assert_int_equal(k.intent.kind, SU_UI_REFUND);
    kit_close(&k);
    kit_open(&k, UI_FIXTURE_LIVE, 80, 24);
    kit_keys(&k, ":request refund{Enter}");
    assert_int_equal(k.intent.kind, SU_UI_REFUND);
    kit_close(&k);
}

static void what_was_typed_is_not_lost(void **state)
{
    struct su_ui_result r;
    struct kit k;

    (void)state;
    kit_open(&k, UI_FIXTURE_LIVE, 80, 24);
    kit_keys(&k, "3S{Esc}"); /* nothing was */
    assert_int_equal(k.app.mode, UI_LIST);
    kit_keys(&k, "S12{Esc}");
    assert_int_equal(k.app.mode, UI_FORM);
    assert_true(kit_has(&k, "Esc again leaves"));
    kit_keys(&k, "3{Esc}");
    assert_int_equal(k.app.mode, UI_FORM);
    assert_string_equal(k.app.form.in[1].text, "123");
    kit_keys(&k, "{Enter}");
    r = kit_proposal(&k, 3, 2, "");
    kit_result(&k, &r);
    kit_pass(&k, 400);
    assert_true(kit_has(&k, "tried out: ok"));
    kit_pass(&k, 45000);
    assert_true(kit_has(&k, " s left to sign"));
    kit_pass(&k, 30000);
    assert_true(kit_has(&k, "expired"));
    kit_keys(&k, "{Esc}S1{Esc}{Esc}");
    assert_int_equal(k.app.mode, UI_LIST);
    kit_keys(&k, "S");
    kit_paste(&k, "7");
    kit_keys(&k, "{Esc}");
    assert_int_equal(k.app.mode, UI_FORM);
    kit_close(&k);
}

static void key_files_need_no_chain(void **state)
{
    struct su_ui_result r;
    struct kit k;

    (void)state;
    kit_open(&k, UI_FIXTURE_LOADING, 80, 24);
    k.app.sealed = false;
    kit_keys(&k, "Wn{Enter}{Enter}{Enter}");
    while (k.app.mode == UI_FORM)
        kit_keys(&k, "{Enter}");
    assert_int_equal(k.intent.kind, SU_UI_WALLET_NEW);
    r = kit_proposal(&k, 4, 2, "");
    r.n_tx = 0;
    kit_result(&k, &r);
    kit_pass(&k, 400);
    assert_true(kit_has(&k, "nothing is signed, nothing is spent"));
    kit_pass(&k, 400);
    kit_keys(&k, "{Tab}{Enter}");
    assert_int_equal(k.submits[SU_UI_COMMIT], 1);
    r.outcome = SU_UI_DONE;
    r.sealed = true;
    strcpy(r.text, "Written.");
    kit_result(&k, &r);
    assert_true(k.app.sealed);
    kit_keys(&k, "{Enter}We/tmp/out.json{Enter}{Enter}{Enter}");
    assert_int_equal(k.intent.kind, SU_UI_WALLET_EXPORT);
    r = kit_proposal(&k, 5, 2, "4HXq");
    r.n_tx = 0;
    kit_result(&k, &r);
    kit_pass(&k, 400);
    kit_pass(&k, 400);
    kit_keys(&k, "{Tab}{Enter}");
    assert_int_equal(k.submits[SU_UI_COMMIT], 1); /* whose key it is has to be typed */
    kit_keys(&k, "4HXq{Enter}{Enter}");
    assert_int_equal(k.submits[SU_UI_COMMIT], 2);
    /* The passphrase it asks for opens nothing. */
    k.app.unlocked = false;
    r = (struct su_ui_result){.outcome = SU_UI_PASSPHRASE, .kind = SU_UI_WALLET_EXPORT, .token = 5};
    kit_result(&k, &r);
    kit_keys(&k, "sesame{Enter}");
    assert_int_equal(k.intent.step, SU_UI_ANSWER);
    assert_false(k.app.unlocked);
    kit_close(&k);
}

/* ---- commands of the program --------------------------------------------------------------------- */

static const char *verb(size_t i, const char **args)
{
    static const char *const word[] = {"doctor", "stake", "stake show", "models", "demo"};

    if (args)
        *args = "";
    return i < SU_ARRAY_LEN(word) ? word[i] : NULL;
}

static void commands_of_the_program(void **state)
{
    static const struct su_ui_options o = {.verb = verb};
    struct kit k;

    (void)state;
    kit_open(&k, UI_FIXTURE_LIVE, 80, 24);
    kit_keys(&k, ":doctor{Enter}");
    assert_true(kit_has(&k, "No such command here: doctor"));
    k.app.outside = &o;
    kit_keys(&k, ":splitup doctor --json{Enter}");
    assert_int_equal(k.actions[UI_ACT_OUTSIDE], 1);
    assert_string_equal(k.app.text, "doctor --json");
    kit_keys(&k, "2:models{Enter}"); /* a pane of that name goes first */
    assert_int_equal(k.app.pane, UI_PANE_MODELS);
    assert_int_equal(k.actions[UI_ACT_OUTSIDE], 1);
    k.app.readonly = true;
    kit_keys(&k, ":stake show{Enter}");
    assert_true(kit_has(&k, "Read-only"));
    assert_int_equal(k.actions[UI_ACT_OUTSIDE], 1);
    kit_close(&k);
}

/* ---- keys of one's own --------------------------------------------------------------------------- */

static enum su_code bind(struct kit *k, const char *text, struct su_err *e)
{
    struct su_config *c = NULL;
    enum su_code rc = su_config_parse(text, strlen(text), "ui.conf", &c, e);

    if (!rc)
        rc = ui_binds_read(&k->app.binds, c, text, strlen(text), "ui.conf", e);
    su_config_free(c);
    return rc;
}

static void keys_are_bound(void **state)
{
    const struct ui_key_row *r;
    struct su_err e;
    char text[24];
    struct kit k;

    (void)state;
    kit_open(&k, UI_FIXTURE_LIVE, 80, 24);
    assert_int_equal(bind(&k,
                          "# mine\nui.pane = log\n"
                          "bind.everywhere.stake = F11 B\n"
                          "bind.everywhere.help = F7 ?\n"
                          "bind.everywhere.down = J Down\n"
                          "bind.models.deploy = ^G # not a\n"
                          "bind.log.topic = none\n"
                          "bind.forms.most = ^T\n",
                          &e),
                     SU_OK);
    kit_keys(&k, "S");
    assert_int_equal(k.app.mode, UI_LIST);
    kit_keys(&k, "B");
    assert_int_equal(k.app.form.def->kind, SU_UI_DEPOSIT);
    kit_keys(&k, "{C-t}");
    assert_true(k.app.form.in[1].len > 0);
    kit_keys(&k, "{Esc}a");
    assert_int_equal(k.app.mode, UI_LIST);
    kit_keys(&k, "{C-g}");
    assert_int_equal(k.app.form.def->kind, SU_UI_DEPLOY);
    kit_keys(&k, "{Esc}");
    assert_true(kit_has(&k, "F7Help"));
    assert_true(kit_has(&k, "F1 "));
    kit_keys(&k, "x");
    assert_true(kit_has(&k, "F11 B"));
    kit_keys(&k, "{Esc}{F7}");
    assert_int_equal(k.app.mode, UI_HELP);
    assert_true(kit_has(&k, "F7 ?"));
    r = ui_keys_find(UI_SCOPE_ALL, 'j');
    assert_string_equal(ui_keys_shown(&k.app.binds, r, text), "k J Up");
    r = ui_keys_find(UI_SCOPE_LOG, 'c');
    assert_string_equal(ui_keys_shown(&k.app.binds, r, text), "-");
    assert_string_equal(ui_keys_shown(NULL, r, text), "c");
    assert_string_equal(ui_request_word(r, text), "topic");
    assert_string_equal(ui_scope_word(UI_SCOPE_FORM), "forms");
    assert_ptr_equal(ui_keys_bound(NULL, UI_SCOPE_LOG, 'c'), r);
    assert_null(ui_keys_bound(&k.app.binds, UI_SCOPE_LOG, 'c'));
    kit_close(&k);
}

static void bad_binds_are_named(void **state)
{
    static const struct {
        const char *text, *at, *why;
    } row[] = {
        {"\nbind.everywhere.search = q\n", "ui.conf:2", "q stays `quit`"},
        {"bind.models.deploy = Esc", "ui.conf:1", "Esc stays `back`"},
        {"bind.run.run-now = ^C", "ui.conf:1", "^C stays `cancel`"},
        {"bind.everywhere.quit = Q", "ui.conf:1", "`quit` keeps its keys"},
        {"bind.forms.leave = ^X", "ui.conf:1", "`leave` keeps its keys"},
        {"bind.everywhere.search = \\", "ui.conf:1", "\\ is also the key of `filter`"},
        {"bind.stake.claim = b\nbind.stake.airdrop = b\n", "ui.conf:1",
         "b is also the key of `airdrop` (stake)"},
        {"bind.stake.claim = b b", "ui.conf:1", "b is also the key"},
        {"bind.everywhere.stake = 8", "ui.conf:1", "part of another key"},
        {"bind.models.deploy = [", "ui.conf:1", "part of another key"},
        {"bind.forms.most = m", "ui.conf:1", "m is typed into fields"},
        {"bind.everywhere.tag = F99", "ui.conf:1", "no key `F99`"},
        {"bind.everywhere.tag = ab", "ui.conf:1", "no key `ab`"},
        {"bind.everywhere.tag =", "ui.conf:1", "no key"},
        {"bind.everywhere.tag = a b d e", "ui.conf:1", "more than 3 keys"},
        {"  bind.everywhere.nothing = a", "ui.conf:1", "no `bind.everywhere.nothing`"},
        {"bind.nowhere.tag = a", "ui.conf:1", "no `bind.nowhere.tag`"},
    };

    (void)state;
    for (size_t i = 0; i < SU_ARRAY_LEN(row); i++) {
        struct su_err e = {.code = SU_OK};
        struct kit k;
        kit_open(&k, UI_FIXTURE_LIVE, 80, 24);
        assert_int_equal(bind(&k, row[i].text, &e), SU_EFORMAT);
        assert_string_equal(e.at, row[i].at);
        if (!strstr(e.msg, row[i].why))
            fail_msg("%s, not %s", e.msg, row[i].why);
        kit_keys(&k, "S"); /* all or nothing */
        assert_int_equal(k.app.mode, UI_FORM);
        kit_close(&k);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(node_begins_with_its_entry), cmocka_unit_test(models_are_deployed),
        cmocka_unit_test(fields_say_what_is_wrong),   cmocka_unit_test(paths_are_completed),
        cmocka_unit_test(withdrawing_is_typed),       cmocka_unit_test(requests_come_back),
        cmocka_unit_test(what_was_typed_is_not_lost), cmocka_unit_test(key_files_need_no_chain),
        cmocka_unit_test(commands_of_the_program),    cmocka_unit_test(keys_are_bound),
        cmocka_unit_test(bad_binds_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
