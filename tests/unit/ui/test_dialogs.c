// SPDX-License-Identifier: MIT
/* Money: nothing is committed but what was shown, read, confirmed and is still valid. */
#include "ui_kit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A form filled in and its proposal on the screen, for as long as keys are ignored. */
static void propose(struct kit *k, const char *keys, unsigned tier, const char *confirm)
{
    struct su_ui_result r;

    kit_open(k, UI_FIXTURE_LIVE, 80, 24);
    kit_keys(k, keys);
    assert_int_equal(k->app.mode, UI_WAIT);
    assert_int_equal(k->intent.step, SU_UI_PREPARE);
    r = kit_proposal(k, 77, tier, confirm);
    kit_result(k, &r);
    assert_int_equal(k->app.mode, UI_PREVIEW);
    kit_draw(k);
}

static void stake_is_signed_once(void **state)
{
    struct su_ui_result r = {.outcome = SU_UI_PROGRESS, .kind = SU_UI_DEPOSIT, .token = 77};
    struct kit k;

    (void)state;
    propose(&k, "3S100{Enter}", 2, "");
    assert_int_equal(k.intent.kind, SU_UI_DEPOSIT);
    assert_string_equal(k.intent.field[1], "100");
    kit_keys(&k, "{Tab}{Enter}"); /* too early */
    assert_int_equal(k.submits[SU_UI_COMMIT], 0);
    assert_int_equal(k.app.mode, UI_PREVIEW);
    kit_pass(&k, 301);
    kit_keys(&k, "{Tab}{Enter}{Enter}{Enter}");
    assert_int_equal(k.submits[SU_UI_COMMIT], 1);
    assert_true(k.intent.token == 77 || k.app.mode == UI_LIST);
    kit_close(&k);

    propose(&k, "3S100{Enter}", 2, "");
    kit_pass(&k, 301);
    kit_keys(&k, "{Tab}{Enter}");
    assert_int_equal(k.app.mode, UI_SENDING);
    strcpy(r.text, "transaction 1 of 1");
    kit_result(&k, &r);
    assert_true(kit_has(&k, "transaction 1 of 1"));
    kit_keys(&k, "q");
    assert_int_equal(k.app.mode, UI_LIST); /* hidden, goes on */
    assert_true(kit_has(&k, "1 tx"));
    kit_keys(&k, "S");
    assert_int_equal(k.app.mode, UI_LIST); /* one at a time */
    assert_true(kit_has(&k, "One transaction at a time"));
    kit_keys(&k, "q");
    assert_int_equal(k.app.mode, UI_ASK);
    kit_keys(&k, "{Enter}");
    assert_int_equal(k.actions[UI_ACT_QUIT], 0);
    r.outcome = SU_UI_DONE;
    strcpy(r.text, "Done: deposit stake");
    kit_result(&k, &r);
    assert_true(kit_has(&k, "Done: deposit stake"));
    assert_int_equal(k.app.pending, UI_PENDING_NONE);
    kit_close(&k);
}

static void enter_alone_cancels(void **state)
{
    struct kit k;

    (void)state;
    propose(&k, "3S100{Enter}", 2, "");
    kit_pass(&k, 301);
    kit_keys(&k, "{Enter}");
    assert_int_equal(k.submits[SU_UI_COMMIT], 0);
    assert_int_equal(k.submits[SU_UI_DISCARD], 1);
    assert_int_equal(k.app.mode, UI_LIST);
    kit_close(&k);
    propose(&k, "3S100{Enter}", 2, "");
    kit_pass(&k, 301);
    kit_mouse(&k, UI_MOUSE_CLICK, 40, 14);
    kit_mouse(&k, UI_MOUSE_DOUBLE, 40, 14);
    kit_keys(&k, "{Esc}");
    assert_int_equal(k.submits[SU_UI_COMMIT], 0);
    assert_int_equal(k.submits[SU_UI_DISCARD], 1);
    kit_close(&k);
}

static void unstake_wants_the_amount_typed(void **state)
{
    struct su_ui_result none;
    struct kit k;

    (void)state;
    propose(&k, "3U100{Enter}", 2, "100"); /* the app's own floor makes it typed */
    kit_pass(&k, 301);
    kit_keys(&k, "{Tab}{Enter}");
    assert_int_equal(k.submits[SU_UI_COMMIT], 0);
    assert_true(kit_has(&k, "Type 100 first"));
    kit_keys(&k, "10{Enter}");
    assert_int_equal(k.submits[SU_UI_COMMIT], 0);
    kit_paste(&k, "0\n");
    assert_string_equal(k.app.preview.typed.text, "100");
    kit_keys(&k, "{Enter}{Enter}");
    assert_int_equal(k.submits[SU_UI_COMMIT], 1);
    assert_int_equal(k.intent.token, 77);
    assert_int_equal(k.intent.kind, SU_UI_UNLOCK);
    kit_close(&k);
    /* The way to the field is said; where nothing is to be signed, that one goes on. */
    propose(&k, "3U100{Enter}", 3, "100");
    assert_true(kit_has(&k, "Tab Tab, type it, Enter Enter"));
    kit_close(&k);
    kit_open(&k, UI_FIXTURE_LIVE, 80, 24);
    kit_keys(&k, "3S100{Enter}");
    none = kit_proposal(&k, 77, 2, "");
    none.n_tx = 0;
    kit_result(&k, &none);
    assert_true(kit_has(&k, "Tab and Enter go on"));
    kit_close(&k);
    /* Letters count as they are, and leave that was taken back meanwhile is not there. */
    propose(&k, "3U100{Enter}", 3, "WHbx");
    kit_pass(&k, 301);
    kit_keys(&k, "{Tab}{Tab}whbx{Enter}{Tab}{Tab}{Enter}");
    assert_int_equal(k.submits[SU_UI_COMMIT], 0);
    kit_keys(&k, "{C-u}WHbx{Enter}");
    k.app.readonly = true;
    kit_keys(&k, "{Enter}");
    assert_int_equal(k.submits[SU_UI_COMMIT], 0);
    k.app.readonly = false;
    kit_keys(&k, "{Enter}");
    assert_int_equal(k.submits[SU_UI_COMMIT], 1);
    kit_close(&k);
    /* Nothing to type is no way round it. */
    propose(&k, "3U100{Enter}", 3, "");
    kit_pass(&k, 301);
    kit_keys(&k, "{Tab}{Enter}{Enter}{Tab}{Tab}{Enter}");
    assert_int_equal(k.submits[SU_UI_COMMIT], 0);
    kit_close(&k);
}

static void all_lines_are_read_first(void **state)
{
    struct su_ui_result r;
    struct kit k;

    (void)state;
    kit_open(&k, UI_FIXTURE_LIVE, 60, 16);
    kit_keys(&k, "3S100{Enter}");
    r = kit_proposal(&k, 9, 2, "");
    r.n_line = SU_OPS_LINES_MAX;
    for (size_t i = 0; i < r.n_line; i++)
        snprintf(r.line[i].text, sizeof r.line[i].text, "line number %zu", i);
    kit_result(&k, &r);
    kit_draw(&k);
    kit_pass(&k, 301);
    kit_keys(&k, "{Tab}{Enter}");
    assert_int_equal(k.submits[SU_UI_COMMIT], 0);
    assert_true(kit_has(&k, "Read on first"));
    for (int i = 0; i < 8; i++) {
        kit_keys(&k, "{PgDn}");
        kit_draw(&k);
    }
    assert_true(kit_has(&k, "line number 19"));
    kit_keys(&k, "{PgUp}{Up}{Down}{Enter}");
    assert_int_equal(k.submits[SU_UI_COMMIT], 1);
    kit_close(&k);
}

static void expired_previews_are_dead(void **state)
{
    struct kit k;

    (void)state;
    propose(&k, "3S100{Enter}", 2, "");
    kit_pass(&k, 60001);
    assert_true(kit_has(&k, "expired"));
    kit_keys(&k, "{Tab}{Enter}");
    assert_int_equal(k.submits[SU_UI_COMMIT], 0);
    kit_close(&k);
    /* Also when nothing but the key tells that time has passed. */
    propose(&k, "3S100{Enter}", 2, "");
    kit_pass(&k, 400);
    kit_keys(&k, "{Tab}");
    k.now_ms += 60000;
    kit_keys(&k, "{Enter}");
    assert_int_equal(k.submits[SU_UI_COMMIT], 0);
    kit_close(&k);
    /* They hold from when they came, not from when there was room to show them. */
    kit_open(&k, UI_FIXTURE_LIVE, 80, 24);
    kit_keys(&k, "3S100{Enter}");
    kit_size(&k, 40, 10);
    struct su_ui_result r = kit_proposal(&k, 9, 2, "");
    kit_result(&k, &r);
    kit_pass(&k, 50000);
    kit_size(&k, 80, 24);
    kit_draw(&k);
    kit_pass(&k, 11000);
    kit_keys(&k, "{Tab}{Enter}");
    assert_int_equal(k.submits[SU_UI_COMMIT], 0);
    kit_close(&k);
    /* There is one proposal at a time: another one, wherever it comes from, ends the one shown. */
    propose(&k, "3S100{Enter}", 2, "");
    r = kit_proposal(&k, 78, 2, "");
    kit_result(&k, &r);
    kit_pass(&k, 400);
    kit_keys(&k, "{Tab}{Enter}");
    assert_int_equal(k.submits[SU_UI_DISCARD], 1);
    assert_int_equal(k.submits[SU_UI_COMMIT], 0);
    kit_close(&k);
    /* So are those on a chain that no longer answers. */
    propose(&k, "3S100{Enter}", 2, "");
    kit_swap(&k, ui_fixture_make(UI_FIXTURE_STALE, 2));
    kit_pass(&k, 400);
    kit_keys(&k, "{Tab}{Enter}");
    assert_int_equal(k.submits[SU_UI_COMMIT], 0);
    kit_close(&k);
}

static void nothing_is_typed_ahead(void **state)
{
    struct su_ui_result r;
    struct kit k;

    (void)state;
    kit_open(&k, UI_FIXTURE_LIVE, 80, 24);
    kit_keys(&k, "3S100{Enter}");
    kit_keys(&k, "{Tab}{Enter}{Tab}{Enter}"); /* while it is prepared */
    r = kit_proposal(&k, 5, 2, "");
    kit_result(&k, &r);
    assert_int_equal(k.actions[UI_ACT_FLUSH], 1);
    kit_keys(&k, "{Tab}{Enter}{Tab}{Enter}"); /* before it was drawn */
    k.now_ms += 10000;
    kit_keys(&k, "{Tab}{Enter}");
    assert_int_equal(k.submits[SU_UI_COMMIT], 0);
    kit_close(&k);
}

/* `d` shows the bytes in words; nothing in there agrees to anything, and what was pressed there is not
   for the buttons behind it. */
static void raw_transactions_are_only_looked_at(void **state)
{
    struct su_ui_result r;
    struct kit k;

    (void)state;
    propose(&k, "3S100{Enter}", 2, "");
    kit_keys(&k, "d"); /* too early */
    assert_int_equal(k.app.mode, UI_PREVIEW);
    kit_pass(&k, 301);
    kit_keys(&k, "{Tab}d");
    assert_int_equal(k.app.mode, UI_RAW);
    assert_int_equal(k.intent.step, SU_UI_SHOW);
    assert_int_equal(k.intent.token, 77);
    assert_true(kit_has(&k, "Asking for the newest blockhash"));
    r = kit_shown(&k);
    r.token = 76; /* of another one */
    kit_result(&k, &r);
    assert_true(k.app.raw.waiting);
    r = kit_shown(&k);
    kit_result(&k, &r);
    assert_true(kit_has(&k, "of at most 1232 bytes"));
    assert_true(kit_has(&k, "SplitUp: stake_deposit"));
    kit_keys(&k, "G");
    assert_true(kit_has(&k, "all bytes"));
    kit_keys(&k, "gj{PgDn}{PgUp}k");
    assert_true(kit_has(&k, "of at most 1232 bytes"));
    kit_pass(&k, 1000);
    kit_keys(&k, "{Enter}{Enter}{Tab}{Enter}y ");
    assert_int_equal(k.submits[SU_UI_COMMIT], 0);
    assert_int_equal(k.app.mode, UI_RAW);
    kit_keys(&k, "l");
    assert_true(kit_has(&k, "It is the last one"));
    kit_keys(&k, "{Esc}");
    assert_int_equal(k.app.mode, UI_PREVIEW);
    kit_draw(&k);
    kit_keys(&k, "{Tab}{Enter}"); /* typed ahead */
    assert_int_equal(k.submits[SU_UI_COMMIT], 0);
    kit_pass(&k, 301);
    kit_keys(&k, "{Tab}{Enter}");
    assert_int_equal(k.submits[SU_UI_COMMIT], 1);
    assert_int_equal(k.intent.token, 77);
    kit_close(&k);
    /* What is typed is typed; and while looking time passes. */
    propose(&k, "3U100{Enter}", 3, "100d");
    kit_pass(&k, 301);
    kit_keys(&k, "{Tab}{Tab}d");
    assert_int_equal(k.app.mode, UI_PREVIEW);
    assert_string_equal(k.app.preview.typed.text, "d");
    kit_keys(&k, "{Tab}d");
    assert_int_equal(k.app.mode, UI_RAW);
    r = kit_shown(&k);
    su_fail(&r.err, SU_ENET, "chain", "does not answer");
    kit_result(&k, &r);
    assert_true(kit_has(&k, "does not answer"));
    kit_pass(&k, 60001);
    kit_keys(&k, "d");
    assert_true(kit_has(&k, "expired"));
    kit_keys(&k, "{Esc}");
    assert_int_equal(k.submits[SU_UI_COMMIT], 0);
    assert_int_equal(k.submits[SU_UI_DISCARD], 1);
    kit_close(&k);
    /* Several, and bytes that are none. */
    propose(&k, "3S100{Enter}", 2, "");
    k.app.preview.p.n_tx = 2;
    kit_pass(&k, 301);
    kit_keys(&k, "dl");
    assert_string_equal(k.intent.field[0], "1");
    r = kit_shown(&k);
    r.tx = 0; /* late */
    kit_result(&k, &r);
    assert_true(k.app.raw.waiting);
    r = kit_shown(&k);
    r.wire_bytes--;
    kit_result(&k, &r);
    assert_int_equal(k.app.raw.err.code, SU_EFORMAT);
    kit_keys(&k, "hh");
    assert_string_equal(k.intent.field[0], "0");
    kit_keys(&k, "{C-c}{Esc}");
    assert_int_equal(k.app.mode, UI_LIST);
    kit_close(&k);
    /* Where nothing is signed there is nothing to see. */
    propose(&k, "3S100{Enter}", 2, "");
    k.app.preview.p.n_tx = 0;
    kit_pass(&k, 301);
    kit_keys(&k, "d");
    assert_true(kit_has(&k, "There is no transaction"));
    kit_close(&k);
}

static void cancelled_proposals_are_discarded(void **state)
{
    struct su_ui_result r;
    struct kit k;

    (void)state;
    kit_open(&k, UI_FIXTURE_LIVE, 80, 24);
    kit_keys(&k, "3S100{Enter}{Esc}");
    assert_int_equal(k.actions[UI_ACT_CANCEL], 1);
    assert_int_equal(k.app.mode, UI_LIST);
    r = kit_proposal(&k, 5, 2, "");
    kit_result(&k, &r);
    assert_int_equal(k.app.mode, UI_LIST);
    assert_int_equal(k.submits[SU_UI_DISCARD], 1);
    r = (struct su_ui_result){.outcome = SU_UI_FAILED, .kind = SU_UI_DEPOSIT, .token = 5};
    su_fail(&r.err, SU_ECANCELLED, "x", "cancelled");
    kit_keys(&k, "S100{Enter}");
    kit_result(&k, &r);
    assert_true(kit_has(&k, "Nothing was spent"));
    kit_close(&k);
}

static void failures_say_what_was_spent(void **state)
{
    struct su_ui_result r;
    struct kit k;

    (void)state;
    kit_open(&k, UI_FIXTURE_LIVE, 80, 24);
    kit_keys(&k, "3S100{Enter}");
    r = (struct su_ui_result){.outcome = SU_UI_FAILED, .kind = SU_UI_DEPOSIT, .token = 5};
    su_fail(&r.err, SU_ELIMIT, "wallet", "holds 50 USDC, which is less");
    kit_result(&k, &r);
    assert_true(kit_has(&k, "holds 50 USDC, which is less"));
    assert_true(kit_has(&k, "Nothing was spent."));
    kit_keys(&k, "{Enter}"); /* back to what was typed */
    assert_int_equal(k.app.mode, UI_FORM);
    assert_string_equal(k.app.form.in[1].text, "100");
    assert_true(kit_has(&k, "1 error "));
    kit_keys(&k, "{Enter}");
    r.maybe = true;
    kit_result(&k, &r);
    assert_true(kit_has(&k, "may still land"));
    kit_keys(&k, "{Enter}7");
    assert_int_equal(k.app.errors, 0);
    kit_close(&k);
}

static void fields_are_checked_at_once(void **state)
{
    static const struct {
        const char *keys, *text;
    } row[] = {
        {"3S", "is missing"},
        {"3S0{Enter}", "! "},
        {"3S1.1234567{Enter}", "! "},
        {"3S99999999{Enter}", "more than the wallet holds"},
        {"3S41203.880001{Enter}", "more than the wallet holds"}, /* by a millionth */
        {"3S{S-Tab}xyz{Tab}1{Enter}", "not an identity"},
        {"3U-5{Enter}", "! "},
        {"3a{Tab}{Tab}{S-Tab}{Enter}", "! "},
        {"1d{S-Tab}zz{Tab}{Enter}", "! "},
        {"1d9-1{Enter}", "! "},
        {"Wn{S-Tab}{C-u}{Enter}{Enter}{Enter}", "a path is needed"},
        {"Wna{Enter}b{Enter}", "the two passphrases differ"},
        {"Wi{Enter}{Enter}{Enter}", "a path is needed"},
    };

    (void)state;
    for (size_t i = 0; i < SU_ARRAY_LEN(row); i++) {
        struct kit k;
        kit_open(&k, UI_FIXTURE_LIVE, 80, 24);
        kit_keys(&k, row[i].keys);
        if (i == 0)
            kit_keys(&k, "{Enter}");
        assert_true(kit_has(&k, row[i].text));
        assert_int_equal(k.app.mode, UI_FORM);
        assert_int_equal(k.submits[SU_UI_PREPARE], 0);
        kit_keys(&k, "{F10}");
        assert_int_equal(k.app.mode, UI_LIST);
        kit_close(&k);
    }
}

static void forms_begin_with_what_is_known(void **state)
{
    struct kit k;

    (void)state;
    kit_open(&k, UI_FIXTURE_LIVE, 80, 24);
    kit_keys(&k, "3jS{C-a}");
    assert_string_equal(k.app.form.in[1].text, "41203.88");
    assert_true(strlen(k.app.form.in[0].text) > 30);
    kit_keys(&k, "{Esc}U{C-a}");
    assert_string_equal(k.app.form.in[1].text, "all");
    kit_keys(&k, "{Enter}");
    assert_string_equal(k.intent.field[1], "all");
    kit_keys(&k, "{Esc}");
    assert_int_equal(k.app.pending, UI_PENDING_PREPARE);
    kit_close(&k);
    kit_open(&k, UI_FIXTURE_LIVE, 80, 24);
    kit_keys(&k, "1d");
    assert_true(strlen(k.app.form.in[0].text) > 30);
    kit_keys(&k, "0,2-5{Enter}");
    assert_string_equal(k.intent.field[1], "0,2-5");
    kit_close(&k);
    kit_open(&k, UI_FIXTURE_LIVE, 80, 24);
    kit_keys(&k, "D{Esc}3c{Esc}T{Esc}a{Esc}xjjk{Enter}");
    assert_int_equal(k.app.mode, UI_FORM);
    kit_keys(&k, "{Esc}xq");
    assert_int_equal(k.app.mode, UI_LIST);
    kit_close(&k);
}

static void without_leave_nothing_opens(void **state)
{
    struct kit k;

    (void)state;
    kit_open(&k, UI_FIXTURE_LIVE, 80, 24);
    k.app.readonly = true;
    kit_keys(&k, "SUd3cTaWni{Esc}:stake deposit 5{Enter}");
    assert_int_equal(k.submits[SU_UI_PREPARE], 0);
    assert_true(kit_has(&k, "Read-only"));
    assert_true(kit_has(&k, "READ-ONLY"));
    kit_close(&k);
    kit_open(&k, UI_FIXTURE_STALE, 80, 24);
    kit_keys(&k, "S");
    assert_true(kit_has(&k, "Off until the chain answers"));
    kit_close(&k);
    kit_open(&k, UI_FIXTURE_NO_WALLET, 80, 24);
    kit_keys(&k, "S");
    assert_true(kit_has(&k, "Wallet is locked: F2, then u"));
    k.app.sealed = false;
    kit_keys(&k, "S");
    assert_true(kit_has(&k, "There is no wallet yet"));
    kit_close(&k);
}

/* Every key of tier 2 and more, in every pane, wherever it is pressed: nothing opens, and it is said why. */
static void spending_keys_can_be_off(void **state)
{
    (void)state;
    for (int readonly = 0; readonly < 2; readonly++)
        for (size_t i = 0; i < ui_keys_count; i++) {
            const struct ui_key_row *r = &ui_keys[i];
            struct kit k;
            if (r->tier < 2)
                continue;
            kit_open(&k, UI_FIXTURE_LIVE, 80, 24);
            k.app.readonly = readonly;
            k.app.no_spend_keys = !readonly;
            ui_input_set(&k.app.run.prompt, "Once");
            ui_pane_set(&k.app, r->scope < UI_SCOPE_ALL ? (int)r->scope : UI_PANE_STAKE);
            kit_key(&k, r->key[0]);
            assert_int_equal(k.app.mode, UI_LIST);
            assert_true(kit_has(&k, readonly ? "Read-only: started with --readonly"
                                             : "Keys that spend are off (--no-spend-keys): type"));
            assert_true(ui_key_is_off(&k.app, r));
            assert_int_equal(k.submits[SU_UI_PREPARE], 0);
            kit_close(&k);
        }
}

static void what_is_typed_still_spends(void **state)
{
    struct kit k;

    (void)state;
    kit_open(&k, UI_FIXTURE_LIVE, 80, 24);
    k.app.no_spend_keys = true;
    kit_keys(&k, "3{F7}");
    assert_true(kit_has(&k, "type  :stake deposit"));
    kit_keys(&k, "xjj{Enter}");
    assert_int_equal(k.app.mode, UI_LIST);
    kit_keys(&k, "We");
    assert_true(kit_has(&k, ":wallet export"));
    kit_keys(&k, "D");
    assert_true(kit_has(&k, ":wallet delete"));
    kit_keys(&k, "a");
    assert_true(kit_has(&k, ":wallet airdrop"));
    kit_keys(&k, "n"); /* a new key spends nothing */
    assert_int_equal(k.app.mode, UI_FORM);
    kit_keys(&k, "{Esc}{Esc}6iOnce{Enter}");
    assert_true(kit_has(&k, "type  :run"));
    assert_int_equal(k.submits[SU_UI_PREPARE], 0);
    kit_keys(&k, "3:stake deposit 5{Enter}");
    assert_int_equal(k.submits[SU_UI_PREPARE], 1);
    assert_int_equal(k.intent.kind, SU_UI_DEPOSIT);
    kit_keys(&k, "{Esc}");
    assert_false(k.app.by_command);
    kit_close(&k);
}

static void deleting_a_key_is_typed(void **state)
{
    struct su_ui_result r;
    struct kit k;

    (void)state;
    kit_open(&k, UI_FIXTURE_LIVE, 80, 24);
    su_str_copy(k.app.wallet_path, sizeof k.app.wallet_path, "/home/me/wallet.json");
    k.app.unlocked = true;
    kit_keys(&k, "WD");
    assert_int_equal(k.app.mode, UI_FORM);
    assert_string_equal(k.app.form.in[0].text, "/home/me/wallet.json");
    kit_keys(&k, "{S-Tab}{C-u}{Enter}{Enter}");
    assert_true(kit_has(&k, "a path is needed"));
    kit_keys(&k, "~/old.json{Enter}{Enter}");
    assert_int_equal(k.intent.kind, SU_UI_WALLET_DELETE);
    assert_string_equal(k.intent.field[0], "~/old.json");
    r = kit_proposal(&k, 5, 2, "Fd3k");
    r.n_tx = 0;
    kit_result(&k, &r);
    kit_draw(&k);
    kit_pass(&k, 301);
    kit_keys(&k, "{Tab}{Enter}");
    assert_int_equal(k.submits[SU_UI_COMMIT], 0);
    kit_keys(&k, "Fd3k{Enter}{Enter}");
    assert_int_equal(k.submits[SU_UI_COMMIT], 1);
    r = (struct su_ui_result){
        .outcome = SU_UI_DONE, .kind = SU_UI_WALLET_DELETE, .token = 5, .gone = true};
    kit_result(&k, &r);
    assert_false(k.app.sealed || k.app.unlocked);
    kit_close(&k);
}

static void secrets_are_stars_and_gone(void **state)
{
    struct su_ui_result r = {.outcome = SU_UI_PASSPHRASE, .kind = SU_UI_DEPOSIT, .token = 1};
    struct kit k;
    const char *all;

    (void)state;
    kit_open(&k, UI_FIXTURE_LIVE, 80, 24);
    kit_keys(&k, "3S100{Enter}");
    strcpy(r.text, "/home/me/wallet.json");
    kit_result(&k, &r);
    assert_int_equal(k.app.mode, UI_SECRET);
    kit_keys(&k, "hunter2q");
    assert_true(kit_has(&k, "********"));
    assert_null(strstr(kit_screen(&k), "hunter"));
    kit_keys(&k, "{Enter}");
    assert_int_equal(k.intent.step, SU_UI_ANSWER);
    assert_string_equal(k.intent.field[0], "hunter2q");
    assert_int_equal(k.app.mode, UI_WAIT);
    assert_true(k.app.unlocked);
    explicit_bzero(&k.app.intent, sizeof k.app.intent);
    all = (const char *)&k.app;
    assert_null(memmem(all, sizeof k.app, "hunter2q", 8));
    r.again = true;
    kit_result(&k, &r);
    assert_true(kit_has(&k, "wrong passphrase"));
    kit_keys(&k, "{Esc}");
    assert_string_equal(k.intent.field[0], "");
    assert_false(k.app.unlocked);
    assert_null(strstr(kit_screen(&k), "UNLOCKED"));
    kit_close(&k);
    kit_open(&k, UI_FIXTURE_LIVE, 80, 24);
    kit_keys(&k, "Wnsesame{Enter}sesame");
    assert_null(strstr(kit_screen(&k), "sesame"));
    kit_keys(&k, "{Esc}{Esc}");
    assert_null(memmem(all, sizeof k.app, "sesame", 6));
    kit_keys(&k, ":wallet new /tmp/x open{Enter}");
    assert_true(kit_has(&k, "Secrets are typed into the form"));
    kit_keys(&k, "{Esc}Wul");
    assert_int_equal(k.actions[UI_ACT_LOCK], 0);
    assert_int_equal(k.intent.kind, SU_UI_WALLET_OPEN);
    kit_keys(&k, "{Esc}Wl");
    assert_int_equal(k.actions[UI_ACT_LOCK], 1);
    kit_close(&k);
}

static void paste_goes_into_fields_only(void **state)
{
    struct kit k;

    (void)state;
    kit_open(&k, UI_FIXTURE_LIVE, 80, 24);
    kit_paste(&k, "SU\n\nq");
    assert_int_equal(k.app.mode, UI_LIST);
    assert_int_equal(k.actions[UI_ACT_QUIT], 0);
    kit_keys(&k, "3S");
    kit_paste(&k, "1\x1b[A2\n3\xff");
    assert_string_equal(k.app.form.in[1].text, "1[A2 3");
    kit_keys(&k, "{Home}{Del}{End}{BS}{Left}{Right}{C-w}");
    assert_string_equal(k.app.form.in[1].text, "");
    for (int i = 0; i < 100; i++)
        kit_paste(&k, "0123456789");
    assert_true(k.app.form.in[1].len < SU_UI_TEXT);
    kit_close(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stake_is_signed_once),
        cmocka_unit_test(enter_alone_cancels),
        cmocka_unit_test(unstake_wants_the_amount_typed),
        cmocka_unit_test(all_lines_are_read_first),
        cmocka_unit_test(expired_previews_are_dead),
        cmocka_unit_test(nothing_is_typed_ahead),
        cmocka_unit_test(raw_transactions_are_only_looked_at),
        cmocka_unit_test(cancelled_proposals_are_discarded),
        cmocka_unit_test(failures_say_what_was_spent),
        cmocka_unit_test(fields_are_checked_at_once),
        cmocka_unit_test(forms_begin_with_what_is_known),
        cmocka_unit_test(without_leave_nothing_opens),
        cmocka_unit_test(spending_keys_can_be_off),
        cmocka_unit_test(what_is_typed_still_spends),
        cmocka_unit_test(deleting_a_key_is_typed),
        cmocka_unit_test(secrets_are_stars_and_gone),
        cmocka_unit_test(paste_goes_into_fields_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
