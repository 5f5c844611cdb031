// SPDX-License-Identifier: MIT
/* The backend and this machine: helpers, paths, key files. No chain answers here. */
#include "ui_kit.h"

#include "ui/live_priv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct helped {
    unsigned nodes, models, done, stops;
    bool wait; /* until it is told to stop */
};

static enum su_code wait_for_stop(struct helped *h, const struct su_ui_hooks *k, struct su_err *e)
{
    k->say(k->ctx, "half of it");
    for (int i = 0; h->wait && i < 6000 && !k->stop(k->ctx); i++)
        usleep(10000);
    h->stops += k->stop(k->ctx);
    return k->stop(k->ctx) ? su_fail(e, SU_ECANCELLED, "helper", "stopped") : SU_OK;
}

static enum su_code help_node(void *ctx, const struct su_ui_intent *i, const struct su_ui_hooks *k,
                              struct su_ops_node *out, struct su_err *e)
{
    struct helped *h = ctx;

    (void)i;
    h->nodes++;
    out->vram_bytes = 1;
    return wait_for_stop(h, k, e);
}

static enum su_code help_model(void *ctx, const struct su_ui_intent *i, const struct su_ui_hooks *k,
                               struct su_ops_model *out, struct su_err *e)
{
    struct helped *h = ctx;
    static struct su_package package;

    (void)i;
    h->models++;
    out->package = &package; /* without tasks: ops refuses it */
    return wait_for_stop(h, k, e);
}

static void help_done(void *ctx)
{
    ((struct helped *)ctx)->done++;
}

struct world {
    char dir[32], key[64], home[64];
    struct helped helped;
    struct su_ui_helper helper;
    struct su_ui_live_options options;
    struct su_ui_live *live;
    const struct su_ui_backend *b;
};

static void world_open(struct world *w, bool helper)
{
    uint8_t key[32];

    *w = (struct world){.dir = "/tmp/su-test-live-XXXXXX"};
    assert_non_null(mkdtemp(w->dir));
    snprintf(w->key, sizeof w->key, "%s/wallet.json", w->dir);
    snprintf(w->home, sizeof w->home, "%s/home", w->dir);
    setenv("SPLITUP_HOME", w->home, 1);
    setenv("HOME", w->dir, 1);
    assert_int_equal(su_wallet_create(w->key, NULL, key, NULL), SU_OK);
    w->helper = (struct su_ui_helper){&w->helped, help_node, help_model, help_done};
    w->options =
        (struct su_ui_live_options){.feed = {.url = "http://127.0.0.1:1", .period_ms = 500},
                                    .url = "http://127.0.0.1:1",
                                    .keypair = w->key,
                                    .helper = helper ? &w->helper : NULL};
    assert_int_equal(su_ui_live_open(&w->options, &w->live, NULL), SU_OK);
    w->b = su_ui_live_backend(w->live);
}

static void world_close(struct world *w)
{
    char command[80];

    su_ui_live_close(w->live);
    snprintf(command, sizeof command, "rm -r %s", w->dir);
    assert_int_equal(system(command), 0);
}

static void submit(struct world *w, enum su_ui_kind kind, enum su_ui_step step, uint64_t token,
                   const char *const field[3])
{
    struct su_ui_intent i = {.kind = kind, .step = step, .token = token};

    for (size_t k = 0; field && k < 3; k++)
        su_str_copy(i.field[k], SU_UI_TEXT, field[k]);
    for (int n = 0; n < 6000 && !w->b->submit(w->b->ctx, &i); n++)
        usleep(10000);
}

/* The next result that is not only progress. */
static struct su_ui_result result(struct world *w)
{
    struct su_ui_result r = {.outcome = SU_UI_PROGRESS};

    for (int i = 0; i < 6000 && r.outcome == SU_UI_PROGRESS; i++)
        if (!w->b->result(w->b->ctx, &r))
            usleep(10000);
    return r;
}

static void without_helper_nothing_is_made(void **state)
{
    static const enum su_ui_kind kind[] = {SU_UI_NODE, SU_UI_DEPLOY};
    struct world w;

    (void)state;
    world_open(&w, false);
    for (size_t i = 0; i < 2; i++) {
        struct su_ui_result r;
        submit(&w, kind[i], SU_UI_PREPARE, 0, NULL);
        r = result(&w);
        assert_int_equal(r.outcome, SU_UI_FAILED);
        assert_int_equal(r.err.code, SU_EUNSUPPORTED);
    }
    world_close(&w);
}

static void what_helps_is_given_back(void **state)
{
    static const enum su_ui_kind kind[] = {SU_UI_NODE, SU_UI_DEPLOY};
    struct su_ui_result r;
    struct world w;

    (void)state;
    world_open(&w, true);
    for (size_t i = 0; i < 2; i++) {
        submit(&w, kind[i], SU_UI_PREPARE, 0, NULL);
        r = result(&w);
        assert_int_equal(r.outcome, SU_UI_FAILED); /* nobody answers, or no tasks */
        assert_int_equal(r.kind, kind[i]);
        assert_int_equal(w.helped.done, i + 1);
    }
    assert_int_equal(w.helped.nodes, 1);
    assert_int_equal(w.helped.models, 1);
    /* Long work says how far it is, and stops when it is told to. */
    w.helped.wait = true;
    submit(&w, SU_UI_DEPLOY, SU_UI_PREPARE, 0, NULL);
    r = (struct su_ui_result){.outcome = SU_UI_DONE};
    for (int i = 0; i < 6000 && !w.b->result(w.b->ctx, &r); i++)
        usleep(10000);
    assert_int_equal(r.outcome, SU_UI_PROGRESS);
    assert_string_equal(r.text, "half of it");
    w.b->cancel(w.b->ctx);
    r = result(&w);
    assert_int_equal(r.outcome, SU_UI_FAILED);
    assert_int_equal(r.err.code, SU_ECANCELLED);
    assert_int_equal(w.helped.stops, 1);
    assert_int_equal(w.helped.done, 2); /* who failed has cleaned up */
    world_close(&w);
}

static void folders_tell_what_a_path_can_be(void **state)
{
    static const struct {
        const char *typed, *become, *choice; /* below the folder; "~" is the folder, too */
    } row[] = {
        {"model", "model-", "model-a model-b"},
        {"model-a", "model-a/", ""},
        {"wal", "wallet.json", ""},
        {"nothing", "nothing", ""},
        {"none/such", "none/such", ""},
        {".h", ".hidden", ""},
    };
    char path[128], want[128], folder[64];
    struct world w;

    (void)state;
    world_open(&w, false);
    for (const char *const *n = (const char *const[]){"model-a", "model-b", ".hidden", NULL}; *n;
         n++) {
        snprintf(path, sizeof path, "%s/%s", w.dir, *n);
        assert_int_equal(**n == '.' ? su_file_write(path, "", 0, 0600, NULL) == SU_OK ? 0 : 1
                                    : mkdir(path, 0700),
                         0);
    }
    snprintf(path, sizeof path, "%s/model-\x1b[31m", w.dir); /* nobody's to type */
    assert_int_equal(su_file_write(path, "", 0, 0600, NULL), SU_OK);
    for (size_t i = 0; i < SU_ARRAY_LEN(row); i++)
        for (int home = 0; home < 2; home++) {
            struct su_ui_result r;
            snprintf(folder, sizeof folder, "%s", home ? "~" : w.dir);
            snprintf(path, sizeof path, "%s/%s", folder, row[i].typed);
            submit(&w, SU_UI_DEPLOY, SU_UI_COMPLETE, 0, (const char *const[]){path, "", ""});
            r = result(&w);
            assert_int_equal(r.outcome, SU_UI_COMPLETED);
            snprintf(want, sizeof want, "%s/%s",
                     strcmp(row[i].typed, row[i].become) == 0 ? folder : w.dir, row[i].become);
            assert_string_equal(r.text, want);
            if (*row[i].choice)
                assert_true(strstr(r.title, "model-a") && strstr(r.title, "model-b"));
            else
                assert_string_equal(r.title, "");
        }
    world_close(&w);
}

static struct su_ui_result agree(struct world *w, enum su_ui_kind kind, const char *const field[3],
                                 const char *passphrase)
{
    struct su_ui_result r;

    submit(w, kind, SU_UI_PREPARE, 0, field);
    r = result(w);
    assert_int_equal(r.outcome, SU_UI_PROPOSED);
    submit(w, kind, SU_UI_COMMIT, r.token, NULL);
    r = result(w);
    if (r.outcome == SU_UI_PASSPHRASE) {
        assert_non_null(passphrase);
        submit(w, kind, SU_UI_ANSWER, 0, (const char *const[]){passphrase, "", ""});
        r = result(w);
    }
    return r;
}

static void keys_go_out_and_come_in(void **state)
{
    char sealed[64], plain[64], folder[64];
    struct su_ui_result r;
    struct world w;
    struct stat st;

    (void)state;
    world_open(&w, false);
    snprintf(sealed, sizeof sealed, "%s/sealed.json", w.dir);
    snprintf(plain, sizeof plain, "%s/plain.json", w.dir);
    snprintf(folder, sizeof folder, "%s/none/such", w.dir);
    submit(&w, SU_UI_WALLET_EXPORT, SU_UI_PREPARE, 0,
           (const char *const[]){"~/sealed.json", "sesame", "sesame"});
    r = result(&w);
    assert_int_equal(r.outcome, SU_UI_PROPOSED);
    assert_int_equal(strlen(r.confirm), 4); /* the end of whose key it is */
    assert_int_equal(r.n_tx, 0);
    r = agree(&w, SU_UI_WALLET_EXPORT, (const char *const[]){"~/sealed.json", "sesame", "sesame"},
              NULL);
    assert_int_equal(r.outcome, SU_UI_DONE);
    assert_int_equal(stat(sealed, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    r = agree(&w, SU_UI_WALLET_IMPORT, (const char *const[]){sealed, plain, ""}, "wrong");
    assert_int_equal(r.outcome, SU_UI_FAILED);
    assert_int_not_equal(stat(plain, &st), 0);
    r = agree(&w, SU_UI_WALLET_IMPORT, (const char *const[]){sealed, plain, ""}, "sesame");
    assert_int_equal(r.outcome, SU_UI_DONE);
    assert_non_null(strstr(r.text, "--keypair")); /* it is not the wallet in use */
    assert_false(r.sealed);
    submit(&w, SU_UI_WALLET_IMPORT, SU_UI_PREPARE, 0, (const char *const[]){sealed, plain, ""});
    r = result(&w);
    assert_int_equal(r.err.code, SU_EEXIST);
    submit(&w, SU_UI_WALLET_IMPORT, SU_UI_PREPARE, 0, (const char *const[]){folder, plain, ""});
    r = result(&w);
    assert_int_equal(r.outcome, SU_UI_FAILED);
    world_close(&w);
}

/* The last file of a key stays as long as nobody can say that it owns nothing; with a copy it goes, and
   the app has no wallet then. */
static void keys_are_deleted(void **state)
{
    char copy[64];
    struct su_ui_result r;
    struct su_ui_intent i = {.kind = SU_UI_DEPOSIT, .step = SU_UI_SHOW, .token = 99};
    struct world w;

    (void)state;
    world_open(&w, false);
    snprintf(copy, sizeof copy, "%s/copy.json", w.dir);
    submit(&w, SU_UI_WALLET_DELETE, SU_UI_PREPARE, 0, (const char *const[]){w.key, "", ""});
    r = result(&w);
    assert_int_equal(r.outcome, SU_UI_FAILED);
    assert_int_equal(r.err.code, SU_EBUSY);
    r = agree(&w, SU_UI_WALLET_EXPORT, (const char *const[]){copy, "sesame", "sesame"}, NULL);
    assert_int_equal(r.outcome, SU_UI_DONE);
    submit(&w, SU_UI_WALLET_DELETE, SU_UI_PREPARE, 0,
           (const char *const[]){"~/wallet.json", "~/copy.json", ""});
    r = result(&w);
    assert_int_equal(r.outcome, SU_UI_PASSPHRASE);
    submit(&w, SU_UI_WALLET_DELETE, SU_UI_ANSWER, 0, (const char *const[]){"sesame", "", ""});
    r = result(&w);
    assert_int_equal(r.outcome, SU_UI_PROPOSED);
    assert_int_equal(strlen(r.confirm), 4);
    assert_int_equal(r.n_tx, 0);
    /* It is no transaction, and there is nothing to be seen of one. */
    i.token = r.token;
    i.kind = SU_UI_WALLET_DELETE;
    assert_true(w.b->submit(w.b->ctx, &i));
    submit(&w, SU_UI_WALLET_DELETE, SU_UI_COMMIT, r.token, NULL);
    r = result(&w);
    assert_int_equal(r.outcome, SU_UI_SHOWN);
    assert_int_equal(r.err.code, SU_EACCES);
    r = result(&w);
    assert_int_equal(r.outcome, SU_UI_DONE);
    assert_true(r.gone);
    assert_int_not_equal(access(w.key, F_OK), 0);
    assert_int_equal(access(copy, F_OK), 0);
    submit(&w, SU_UI_WALLET_OPEN, SU_UI_PREPARE, 0, NULL);
    r = result(&w);
    assert_int_equal(r.outcome, SU_UI_FAILED);
    assert_int_equal(r.err.code, SU_ENOENT);
    world_close(&w);
}

/* Who refuses the passphrase is not asked again. */
static void a_refusal_is_final(void **state)
{
    struct su_ui_result r;
    uint8_t key[32];
    struct world w;

    (void)state;
    world_open(&w, false);
    assert_int_equal(unlink(w.key), 0);
    assert_int_equal(su_wallet_create(w.key, "sesame", key, NULL), SU_OK);
    submit(&w, SU_UI_WALLET_OPEN, SU_UI_PREPARE, 0, NULL);
    r = result(&w);
    assert_int_equal(r.outcome, SU_UI_PASSPHRASE);
    submit(&w, SU_UI_WALLET_OPEN, SU_UI_ANSWER, 0, NULL);
    r = result(&w);
    assert_int_equal(r.outcome, SU_UI_FAILED);
    assert_int_equal(r.err.code, SU_ECANCELLED);
    usleep(300000);
    assert_false(w.b->result(w.b->ctx, &r));
    world_close(&w);
}

static void long_paths_stay_as_they_are(void **state)
{
    char path[SU_UI_TEXT];

    (void)state;
    setenv("HOME", "/home/me", 1);
    strcpy(path, "~/x");
    ui_live_expand(path);
    assert_string_equal(path, "/home/me/x");
    strcpy(path, "~x");
    ui_live_expand(path);
    assert_string_equal(path, "~x");
    memset(path, 'a', sizeof path - 1);
    path[0] = '~';
    path[1] = '/';
    path[sizeof path - 1] = 0;
    ui_live_expand(path);
    assert_int_equal(path[0], '~');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_helper_nothing_is_made),
        cmocka_unit_test(what_helps_is_given_back),
        cmocka_unit_test(folders_tell_what_a_path_can_be),
        cmocka_unit_test(keys_go_out_and_come_in),
        cmocka_unit_test(keys_are_deleted),
        cmocka_unit_test(a_refusal_is_final),
        cmocka_unit_test(long_paths_stay_as_they_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
