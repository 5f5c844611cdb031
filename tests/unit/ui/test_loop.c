// SPDX-License-Identifier: MIT
/* The loop with a terminal and a backend in memory; printing, settings, and the backend over a real
   feed that nobody answers. */
#include "ui_kit.h"

#include "ui/app/config.h"
#include "ui/app/loop.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- a terminal that types a script ------------------------------------------------------------- */

struct fake {
    struct ui_app app;
    struct ui_term term;
    struct su_ui_backend backend;
    struct ui_loop loop;
    const char *script; /* keys; '@' waits until the screen has `until` */
    const char *until;
    bool sent_until;
    int pipe[2], feed, results;
    struct ui_grid last;
    unsigned shown, whole, left, entered, flushed, configured;
    unsigned hurried, locked, cancelled, taken, released, refused;
    struct su_ui_result queue[8];
    size_t n_queue;
    bool busy, hang_up, answer_passphrase;
    struct su_ui_intent intent;
    uint64_t number;
};

static void term_size(void *ctx, int *w, int *h)
{
    (void)ctx;
    *w = 80;
    *h = 24;
}

static bool term_next(void *ctx, struct ui_event *ev, bool *gone)
{
    struct fake *f = ctx;

    *gone = f->hang_up && !*f->script;
    if (*f->script == '@') {
        struct su_buf b;
        bool there;
        su_buf_init(&b, 0);
        if (f->last.w)
            ui_headless_text(&f->last, UI_CHARSET_ASCII, &b);
        there = b.data && strstr((char *)b.data, f->until);
        su_buf_fini(&b);
        if (!there)
            return false;
        f->script++;
    }
    if (!*f->script)
        return false;
    *ev = (struct ui_event){.kind = UI_EVENT_KEY, .key = (unsigned char)*f->script++};
    return true;
}

static void term_show(void *ctx, const struct ui_grid *g, bool whole)
{
    struct fake *f = ctx;

    assert_true(ui_grid_resize(&f->last, g->w, g->h));
    memcpy(f->last.cell, g->cell, (size_t)g->w * (size_t)g->h * sizeof *g->cell);
    f->shown++;
    f->whole += whole;
}

static void term_configure(void *ctx, enum ui_charset charset, bool mouse)
{
    struct fake *f = ctx;

    (void)mouse;
    f->term.charset = charset;
    f->configured++;
}

static void term_leave(void *ctx)
{
    ((struct fake *)ctx)->left++;
}

static void term_enter(void *ctx)
{
    ((struct fake *)ctx)->entered++;
}

static void term_flush(void *ctx)
{
    ((struct fake *)ctx)->flushed++;
}

/* ---- a backend that proposes whatever is asked --------------------------------------------------- */

static void push(struct fake *f, const struct su_ui_result *r)
{
    const uint64_t one = 1;

    assert_true(f->n_queue < SU_ARRAY_LEN(f->queue));
    f->queue[f->n_queue++] = *r;
    assert_int_equal(write(f->results, &one, 8), 8);
}

static int back_feed_fd(void *ctx)
{
    return ((struct fake *)ctx)->feed;
}

static const struct su_feed_snapshot *back_take(void *ctx)
{
    struct fake *f = ctx;
    uint64_t n;

    (void)!read(f->feed, &n, 8);
    f->taken++;
    return ui_fixture_make(UI_FIXTURE_LIVE, ++f->number);
}

static void back_release(void *ctx, const struct su_feed_snapshot *s)
{
    ((struct fake *)ctx)->released++;
    ui_fixture_free((struct su_feed_snapshot *)(uintptr_t)s);
}

static void back_hurry(void *ctx)
{
    const uint64_t one = 1;

    ((struct fake *)ctx)->hurried++;
    assert_int_equal(write(((struct fake *)ctx)->feed, &one, 8), 8);
}

static bool back_submit(void *ctx, const struct su_ui_intent *i)
{
    struct fake *f = ctx;
    struct kit k = {.intent = *i};
    struct su_ui_result r;

    if (f->busy) {
        f->refused++;
        return false;
    }
    f->intent = *i;
    r = kit_proposal(&k, 9, 2, "");
    if (i->step == SU_UI_COMMIT) {
        r.outcome = SU_UI_DONE;
        strcpy(r.text, "Done: landed");
    }
    if (i->step == SU_UI_PREPARE || i->step == SU_UI_COMMIT)
        push(f, &r);
    return true;
}

static void back_cancel(void *ctx)
{
    ((struct fake *)ctx)->cancelled++;
}

static int back_result_fd(void *ctx)
{
    return ((struct fake *)ctx)->results;
}

static bool back_result(void *ctx, struct su_ui_result *out)
{
    struct fake *f = ctx;
    uint64_t n;

    if (f->n_queue == 0) {
        (void)!read(f->results, &n, 8);
        return false;
    }
    *out = f->queue[0];
    memmove(f->queue, f->queue + 1, --f->n_queue * sizeof *f->queue);
    return true;
}

static void back_lock(void *ctx)
{
    ((struct fake *)ctx)->locked++;
}

static void back_note(void *ctx, const char *text)
{
    (void)ctx;
    (void)text;
}

static void fake_open(struct fake *f, const char *script, const char *until)
{
    *f = (struct fake){.script = script, .until = until};
    setenv("TZ", "UTC", 1);
    ui_app_init(&f->app);
    assert_int_equal(pipe(f->pipe), 0);
    f->feed = eventfd(0, EFD_NONBLOCK);
    f->results = eventfd(0, EFD_NONBLOCK);
    f->term = (struct ui_term){.ctx = f,
                               .fd = -1,
                               .charset = UI_CHARSET_ASCII,
                               .depth = UI_DEPTH_MONO,
                               .size = term_size,
                               .next = term_next,
                               .show = term_show,
                               .configure = term_configure,
                               .leave = term_leave,
                               .enter = term_enter,
                               .flush_input = term_flush};
    f->backend = (struct su_ui_backend){f,           back_feed_fd, back_take,   back_release,
                                        back_hurry,  back_submit,  back_cancel, back_result_fd,
                                        back_result, back_lock,    back_note};
    f->loop = (struct ui_loop){
        .app = &f->app, .term = &f->term, .backend = &f->backend, .signals = f->pipe[0]};
}

static void fake_close(struct fake *f)
{
    ui_app_fini(&f->app);
    ui_grid_fini(&f->last);
    close(f->pipe[0]);
    close(f->pipe[1]);
    close(f->feed);
    close(f->results);
}

/* ---- the loop ------------------------------------------------------------------------------------ */

static void runs_until_quit(void **state)
{
    struct fake *f = su_alloc(sizeof *f);

    (void)state;
    fake_open(f, "2r~@q", "Tasks]");
    assert_int_equal(ui_loop_run(&f->loop, NULL), SU_OK);
    assert_int_equal(f->hurried, 1);
    assert_int_equal(f->configured, 1);
    assert_true(f->shown >= 1 && f->whole >= 1);
    assert_int_equal(f->taken, f->released);
    assert_true(f->locked >= 1 && f->cancelled >= 1);
    fake_close(f);
    free(f);
}

static void stakes_from_key_to_receipt(void **state)
{
    struct fake *f = su_alloc(sizeof *f);

    (void)state;
    /* Tab and Enter count only from UI_GUARD_MS on; before, they do nothing. */
    fake_open(f, "3S5\n@", "Sign and send");
    f->hang_up = true;
    assert_int_equal(ui_loop_run(&f->loop, NULL), SU_ECANCELLED);
    assert_int_equal(f->intent.step, SU_UI_PREPARE);
    assert_int_equal(f->flushed, 1);
    assert_int_equal(f->app.mode, UI_PREVIEW);
    fake_close(f);

    fake_open(f, "3S5\n", "another transaction");
    f->busy = true;
    f->hang_up = true;
    assert_int_equal(ui_loop_run(&f->loop, NULL), SU_ECANCELLED);
    assert_int_equal(f->refused, 1);
    assert_int_equal(f->app.mode, UI_NOTICE);
    fake_close(f);
    free(f);
}

static void signals_end_or_resize(void **state)
{
    struct fake *f = su_alloc(sizeof *f);
    struct su_err e;
    const uint8_t winch = SIGWINCH, cont = SIGCONT, term = SIGTERM;

    (void)state;
    fake_open(f, "", "");
    assert_int_equal(write(f->pipe[1], &winch, 1), 1);
    assert_int_equal(write(f->pipe[1], &cont, 1), 1);
    assert_int_equal(write(f->pipe[1], &term, 1), 1);
    assert_int_equal(ui_loop_run(&f->loop, &e), SU_ECANCELLED);
    assert_non_null(strstr(e.msg, "signal"));
    fake_close(f);
    free(f);
}

static void *end_soon(void *ctx)
{
    const uint8_t term = SIGTERM;

    usleep(700000); /* more than snapshots wait for one another */
    assert_int_equal(write(((struct fake *)ctx)->pipe[1], &term, 1), 1);
    return NULL;
}

/* What comes while it is paused is not taken: not drawn, and not asked for. */
static void pause_keeps_the_snapshot(void **state)
{
    static const char *const script[] = {"r", "Zr", "ZrZ"};
    static const unsigned taken[] = {2, 1, 2};
    struct fake *f = su_alloc(sizeof *f);

    (void)state;
    for (size_t i = 0; i < SU_ARRAY_LEN(script); i++) {
        pthread_t ender;
        fake_open(f, script[i], "");
        assert_int_equal(pthread_create(&ender, NULL, end_soon, f), 0);
        assert_int_equal(ui_loop_run(&f->loop, NULL), SU_ECANCELLED);
        assert_int_equal(pthread_join(ender, NULL), 0);
        assert_int_equal(f->taken, taken[i]);
        assert_int_equal(f->hurried, 1);
        fake_close(f);
    }
    free(f);
}

static void writes_and_saves_files(void **state)
{
    char dir[] = "/tmp/su-test-ui-XXXXXX", path[64], script[200];
    struct fake *f = su_alloc(sizeof *f);
    struct su_map m;

    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/ui.conf", dir);
    static const char mine[] = "# mine\nother = 1\nbind.stake.claim = b\nui.pane = log\n";
    assert_int_equal(su_file_write(path, mine, strlen(mine), 0600, NULL), SU_OK);
    snprintf(script, sizeof script, "5I:write %s/p.tsv\n:write %s/p.json\n:save\nq", dir, dir);
    fake_open(f, script, "");
    f->loop.config = path;
    assert_int_equal(ui_loop_run(&f->loop, NULL), SU_OK);
    fake_close(f);
    assert_int_equal(su_map_open(path, 0, &m, NULL), SU_OK);
    assert_non_null(memmem(m.data, m.len, mine, strlen(mine) - 14));
    assert_non_null(memmem(m.data, m.len, "ui.pane = samples\n", 18));
    assert_null(memmem(m.data, m.len, "ui.pane = log", 13));
    su_map_close(&m);
    snprintf(path, sizeof path, "%s/p.tsv", dir);
    assert_int_equal(su_map_open(path, 0, &m, NULL), SU_OK);
    assert_non_null(memmem(m.data, m.len, "execution\tresult\ttask", 21));
    su_map_close(&m);
    unlink(path);
    snprintf(path, sizeof path, "%s/p.json", dir);
    assert_int_equal(su_map_open(path, 0, &m, NULL), SU_OK);
    assert_int_equal(m.data[0], '{');
    su_map_close(&m);
    unlink(path);
    snprintf(path, sizeof path, "%s/ui.conf", dir);
    unlink(path);
    rmdir(dir);
    free(f);
}

static void names_are_kept(void **state)
{
    char dir[] = "/tmp/su-test-ui-XXXXXX", path[64];
    struct fake *f = su_alloc(sizeof *f);
    struct su_map m;

    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/labels", dir);
    fake_open(f, "4bgpu-1\n@q", "is 'gpu-1' now");
    f->loop.labels = path;
    assert_int_equal(ui_loop_run(&f->loop, NULL), SU_OK);
    fake_close(f);
    assert_int_equal(su_map_open(path, 0, &m, NULL), SU_OK);
    assert_non_null(memmem(m.data, m.len, " gpu-1\n", 7));
    su_map_close(&m);
    /* Where the file cannot be written, the name lasts as long as the app. */
    fake_open(f, "4bgpu-1\n@q", "Only until you leave");
    f->loop.labels = "/proc/none/labels";
    assert_int_equal(ui_loop_run(&f->loop, NULL), SU_OK);
    assert_int_equal(f->app.labels.n, 1);
    fake_close(f);
    unlink(path);
    rmdir(dir);
    free(f);
}

/* ---- settings, printing -------------------------------------------------------------------------- */

static void settings_come_back(void **state)
{
    char dir[] = "/tmp/su-test-ui-XXXXXX", path[64];
    struct su_err e;
    struct kit k;
    bool copy;

    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/ui.conf", dir);
    kit_open(&k, UI_FIXTURE_LIVE, 80, 24);
    assert_int_equal(ui_config_load(&k.app, path, &copy, NULL), SU_OK);
    kit_keys(&k, "4:sort missed desc\n:charset ascii\nM");
    assert_int_equal(ui_config_save(&k.app, path, true, NULL), SU_OK);
    kit_close(&k);
    kit_open(&k, UI_FIXTURE_LIVE, 80, 24);
    assert_int_equal(ui_config_load(&k.app, path, &copy, NULL), SU_OK);
    assert_true(copy);
    assert_int_equal(k.app.pane, UI_PANE_BEATS);
    assert_false(k.app.mouse);
    assert_int_equal(k.app.charset, UI_CHARSET_ASCII);
    assert_string_equal(k.app.table[UI_PANE_BEATS].source->col[k.app.table[UI_PANE_BEATS].sort].id,
                        "missed");
    assert_true(k.app.table[UI_PANE_BEATS].desc);
    assert_int_equal(su_file_write(path, "ui.pane\n", 8, 0600, NULL), SU_OK);
    assert_int_equal(ui_config_load(&k.app, path, &copy, &e), SU_EFORMAT);
    assert_int_equal(su_file_write(path, "bind.stake.claim = b\n", 21, 0600, NULL), SU_OK);
    assert_int_equal(ui_config_load(&k.app, path, &copy, &e), SU_OK);
    assert_int_equal(ui_keys_bound(&k.app.binds, UI_SCOPE_STAKE, 'b')->request, UI_REQ_CLAIM);
    assert_int_equal(su_file_write(path, "\nbind.stake.claim = q\n", 22, 0600, NULL), SU_OK);
    assert_int_equal(ui_config_load(&k.app, path, &copy, &e), SU_EFORMAT);
    assert_true(su_str_ends(e.at, "/ui.conf:2"));
    assert_int_not_equal(ui_config_save(&k.app, "/proc/none/ui.conf", false, NULL), SU_OK);
    kit_close(&k);
    unlink(path);
    rmdir(dir);
}

static void panes_print(void **state)
{
    static const enum su_ui_format format[] = {SU_UI_TEXT_TABLE, SU_UI_TSV, SU_UI_JSON,
                                               SU_UI_PLAIN};
    struct su_feed_snapshot *s = ui_fixture_make(UI_FIXTURE_HOSTILE, 1);
    struct su_err e;
    struct su_buf b;

    (void)state;
    su_buf_init(&b, 0);
    for (size_t i = 0; su_ui_pane_name(i); i++)
        for (size_t k = 0; k < SU_ARRAY_LEN(format); k++) {
            enum su_code rc;
            su_buf_clear(&b);
            rc = su_ui_print(s, su_ui_pane_name(i), format[k], UI_FIXTURE_WALL_MS, &b, &e);
            if (strcmp(su_ui_pane_name(i), "run") == 0) {
                assert_int_equal(rc, SU_EINVAL);
                continue;
            }
            assert_int_equal(rc, SU_OK);
            for (size_t c = 0; c < b.len; c++)
                assert_true(b.data[c] >= 0x20 || b.data[c] == '\n' || b.data[c] == '\t');
            assert_int_equal(b.data[0] == '{', format[k] == SU_UI_JSON);
        }
    assert_int_equal(su_ui_print(s, "nothing", SU_UI_TSV, 0, &b, &e), SU_EINVAL);
    ui_fixture_free(s);
    s = ui_fixture_make(UI_FIXTURE_LIVE, 1);
    su_buf_clear(&b);
    assert_int_equal(su_ui_print(s, "models", SU_UI_PLAIN, UI_FIXTURE_WALL_MS, &b, &e), SU_OK);
    assert_non_null(strstr((char *)b.data, "models on devnet. "));
    assert_non_null(strstr((char *)b.data, "\nRow 1 of "));
    assert_non_null(strstr((char *)b.data, ", part of the row above\n"));
    assert_non_null(strstr((char *)b.data, ", needs attention\n"));
    assert_non_null(strstr((char *)b.data, "\nname: mnist\nstate: "));
    ui_fixture_free(s);
    s = ui_fixture_make(UI_FIXTURE_LOADING, 1);
    su_buf_clear(&b);
    assert_int_equal(su_ui_print(s, "tasks", SU_UI_PLAIN, UI_FIXTURE_WALL_MS, &b, &e), SU_OK);
    assert_non_null(strstr((char *)b.data, "The chain has not answered."));
    su_buf_fini(&b);
    ui_fixture_free(s);
}

/* ---- the real backend, nobody there -------------------------------------------------------------- */

static void wait_result(const struct su_ui_backend *b, struct su_ui_result *r)
{
    for (int i = 0; i < 3000 && !b->result(b->ctx, r); i++)
        usleep(10000);
}

static void live_without_a_chain(void **state)
{
    char dir[] = "/tmp/su-test-ui-XXXXXX", key[64], other[64];
    struct su_ui_live_options o = {.feed = {.url = "http://127.0.0.1:1", .period_ms = 200},
                                   .url = "http://127.0.0.1:1"};
    struct su_ui_intent i = {.kind = SU_UI_WALLET_NEW, .step = SU_UI_PREPARE};
    struct su_ui_result r = {.token = 0};
    const struct su_ui_backend *b;
    struct su_ui_live *l;
    struct stat st;

    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(key, sizeof key, "%s/w.json", dir);
    snprintf(other, sizeof other, "%s/x.json", dir);
    o.keypair = key;
    assert_int_equal(su_ui_live_open(&o, &l, NULL), SU_OK);
    b = su_ui_live_backend(l);
    b->release(b->ctx, b->take(b->ctx));
    assert_true(b->feed_fd(b->ctx) >= 0 && b->result_fd(b->ctx) >= 0);
    b->hurry(b->ctx);
    b->note(b->ctx, "hello");
    strcpy(i.field[0], key);
    strcpy(i.field[1], "sesame");
    assert_true(b->submit(b->ctx, &i));
    wait_result(b, &r);
    assert_int_equal(r.outcome, SU_UI_PROPOSED);
    assert_true(r.token != 0 && r.n_line >= 3);
    assert_int_not_equal(stat(key, &st), 0); /* nothing before it is agreed to */
    i.step = SU_UI_COMMIT;
    i.token = r.token + 1;
    assert_true(b->submit(b->ctx, &i));
    wait_result(b, &r);
    assert_int_equal(r.outcome, SU_UI_FAILED); /* another preview's token */
    i.step = SU_UI_PREPARE;
    assert_true(b->submit(b->ctx, &i));
    wait_result(b, &r);
    i.step = SU_UI_COMMIT;
    i.token = r.token;
    assert_true(b->submit(b->ctx, &i));
    wait_result(b, &r);
    assert_int_equal(r.outcome, SU_UI_DONE);
    assert_int_equal(stat(key, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    /* It is sealed: opening it asks. */
    i = (struct su_ui_intent){.kind = SU_UI_WALLET_OPEN, .step = SU_UI_PREPARE};
    assert_true(b->submit(b->ctx, &i));
    assert_false(b->submit(b->ctx, &i));
    wait_result(b, &r);
    assert_int_equal(r.outcome, SU_UI_PASSPHRASE);
    i.step = SU_UI_ANSWER;
    strcpy(i.field[0], "sesame");
    assert_true(b->submit(b->ctx, &i));
    wait_result(b, &r);
    assert_int_equal(r.outcome, SU_UI_DONE);
    b->lock(b->ctx);
    /* The chain is not there: what needs it fails and says so. */
    for (int kind = 0; kind < SU_UI_WALLET_NEW; kind++) {
        i = (struct su_ui_intent){.kind = (enum su_ui_kind)kind, .step = SU_UI_PREPARE};
        strcpy(i.field[0], kind < SU_UI_AIRDROP ? "own" : "11111111111111111111111111111112");
        strcpy(i.field[1], "1");
        assert_true(b->submit(b->ctx, &i));
        do {
            wait_result(b, &r);
            if (r.outcome == SU_UI_PASSPHRASE)
                b->cancel(b->ctx);
        } while (r.outcome == SU_UI_PASSPHRASE);
        assert_true(r.outcome == SU_UI_FAILED || kind == SU_UI_AIRDROP ||
                    kind == SU_UI_WALLET_EXPORT);
        i.step = SU_UI_DISCARD;
        i.token = r.token;
        assert_true(b->submit(b->ctx, &i));
    }
    i = (struct su_ui_intent){.kind = SU_UI_WALLET_IMPORT, .step = SU_UI_PREPARE};
    strcpy(i.field[0], other);
    strcpy(i.field[1], key);
    while (!b->submit(b->ctx, &i))
        usleep(10000);
    wait_result(b, &r);
    assert_int_equal(r.outcome, SU_UI_FAILED); /* never over an existing file */
    su_ui_live_close(l);
    su_ui_live_close(NULL);
    unlink(key);
    rmdir(dir);
    o.feed.url = "no such thing://";
    assert_int_not_equal(su_ui_live_open(&o, &l, NULL), SU_OK);
    assert_null(l);
}

static void a_feed_is_told_what_to_look_at(void **state)
{
    const struct su_feed_options o = {.url = "http://127.0.0.1:1", .period_ms = 100};
    const uint8_t execution[32] = {7};
    struct su_feed *f;

    (void)state;
    assert_int_equal(su_feed_open(&o, &f, NULL), SU_OK);
    for (int i = 0; i < 20; i++)
        su_feed_watch(f, execution);
    assert_int_not_equal(su_feed_ready(f, 5000, NULL), SU_OK);
    su_feed_close(f);
}

static void needs_a_terminal(void **state)
{
    struct fake *f = su_alloc(sizeof *f);
    struct su_ui_options o = {.pane = "models"};
    struct su_err e;
    int saved = dup(STDIN_FILENO);

    (void)state;
    fake_open(f, "q", "");
    assert_non_null(freopen("/dev/null", "r", stdin));
    assert_int_equal(su_ui_run(&f->backend, &o, NULL, &e), SU_EINVAL);
    o.pane = "nothing";
    assert_int_equal(su_ui_run(&f->backend, &o, NULL, &e), SU_EINVAL);
    o.pane = NULL;
    o.charset = "latin1";
    assert_int_equal(su_ui_run(&f->backend, &o, NULL, &e), SU_EINVAL);
    ui_term_curses_restore(); /* nothing to give back */
    dup2(saved, STDIN_FILENO);
    close(saved);
    fake_close(f);
    free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_until_quit),        cmocka_unit_test(stakes_from_key_to_receipt),
        cmocka_unit_test(signals_end_or_resize),  cmocka_unit_test(pause_keeps_the_snapshot),
        cmocka_unit_test(writes_and_saves_files), cmocka_unit_test(names_are_kept),
        cmocka_unit_test(settings_come_back),     cmocka_unit_test(panes_print),
        cmocka_unit_test(live_without_a_chain),   cmocka_unit_test(a_feed_is_told_what_to_look_at),
        cmocka_unit_test(needs_a_terminal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
