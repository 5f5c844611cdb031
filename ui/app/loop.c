// SPDX-License-Identifier: MIT
#include "ui/app/loop.h"
#include "ui/app/config.h"

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FRAME_MS 16 /* between two drawings for keys */
#define DATA_MS 250 /* for data */
#define TICK_MS 1000
#define KEYS_AT_ONCE 4096 /* drained before a drawing */

struct run {
    struct ui_loop *l;
    struct ui_grid grid;
    const struct su_feed_snapshot *snap, *next; /* that the app may be using */
    int64_t now_ms, drawn_ms, tick_ms, last_feed_ms;
    bool dirty, hurried, whole, quit, gone, stop;
};

static int64_t mono(void)
{
    return (int64_t)(su_clock_mono_ns() / 1000000u);
}

static void perform(struct run *r);

static void step(struct run *r, const struct ui_event *ev, bool hurry)
{
    r->now_ms = mono();
    ui_step(r->l->app, ev, r->now_ms);
    r->dirty = true;
    r->hurried = r->hurried || hurry;
    perform(r);
}

static void tick(struct run *r)
{
    struct ui_event ev = {.kind = UI_EVENT_TICK, .wall_ms = su_clock_wall_ms()};

    r->tick_ms = mono();
    step(r, &ev, false);
}

static void resize(struct run *r)
{
    struct ui_event ev = {.kind = UI_EVENT_RESIZE};

    r->l->term->size(r->l->term->ctx, &ev.x, &ev.y);
    step(r, &ev, true);
}

/* Gives the old snapshot back once the app has gone on with the next one. */
static void give_back(struct run *r)
{
    const struct su_ui_backend *b = r->l->backend;

    if (!r->next || r->l->app->next == r->next)
        return;
    if (r->snap)
        b->release(b->ctx, r->snap);
    r->snap = r->next;
    r->next = NULL;
}

static void take(struct run *r)
{
    const struct su_ui_backend *b = r->l->backend;
    struct ui_event ev = {.kind = UI_EVENT_FEED, .snapshot = b->take(b->ctx)};

    r->next = ev.snapshot;
    r->last_feed_ms = mono();
    step(r, &ev, false);
}

static void work(struct run *r)
{
    struct ui_event ev = {.kind = UI_EVENT_WORK};

    r->now_ms = mono();
    ui_step(r->l->app, &ev, r->now_ms);
    r->dirty = r->dirty || !r->l->app->working;
    r->hurried = r->hurried || !r->l->app->working;
}

/* ---- what the state asks for ------------------------------------------------------------------- */

static void wait_enter(struct run *r)
{
    static const char hint[] = "\nEnter goes back to the app\n";
    struct ui_term *t = r->l->term;
    char c = 0;

    (void)!write(STDOUT_FILENO, hint, sizeof hint - 1);
    while (c != '\n' && !r->stop) {
        struct pollfd p[2] = {{t->fd, POLLIN, 0}, {r->l->signals, POLLIN, 0}};
        if (poll(p, 2, 1000) < 0 && errno != EINTR)
            break;
        if (p[1].revents)
            break; /* handled by the loop */
        if (p[0].revents && read(t->fd, &c, 1) != 1)
            break;
    }
}

static void plain_view(struct run *r)
{
    struct ui_term *t = r->l->term;
    struct su_buf b;

    if (!r->snap)
        return;
    su_buf_init(&b, 0);
    t->leave(t->ctx);
    if (su_ui_print(r->snap, ui_pane_list[r->l->app->pane]->name, SU_UI_TEXT_TABLE,
                    su_clock_wall_ms(), &b, NULL) == SU_OK)
        (void)!write(STDOUT_FILENO, b.data, b.len);
    wait_enter(r);
    su_buf_fini(&b);
    t->enter(t->ctx);
    r->whole = r->dirty = true;
}

static void write_file(struct run *r)
{
    struct ui_app *app = r->l->app;
    struct su_buf b;
    struct su_err e = {.code = SU_OK};
    bool json = su_str_ends(app->text, ".json");

    if (!r->snap)
        return;
    su_buf_init(&b, 0);
    if (su_ui_print(r->snap, ui_pane_list[app->pane]->name, json ? SU_UI_JSON : SU_UI_TSV,
                    su_clock_wall_ms(), &b, &e) == SU_OK &&
        su_file_write(app->text, b.data, b.len, 0644, &e) == SU_OK)
        ui_say(app, UI_ROLE_OK, "Written to %s", app->text);
    else
        ui_say(app, UI_ROLE_BAD, "%s: %s", e.at, e.msg);
    su_buf_fini(&b);
}

/* A command of the program, on the plain screen. It asks for itself before it signs anything. */
static void outside(struct run *r)
{
    const struct su_ui_options *o = r->l->app->outside;
    struct ui_term *t = r->l->term;

    t->leave(t->ctx);
    o->outside(o->ctx, r->l->app->text);
    wait_enter(r);
    t->enter(t->ctx);
    r->whole = true;
    resize(r);
}

/* Asks the terminal to copy, where the person allowed that: not every terminal should be told. */
static void copy(struct run *r)
{
    struct ui_app *app = r->l->app;
    char bytes[UI_CLIPBOARD_BYTES];
    size_t n = ui_clipboard_bytes(app->text, ui_clipboard_between(getenv("TMUX"), getenv("STY")),
                                  bytes, sizeof bytes);

    if (!r->l->copy) {
        ui_say(app, UI_ROLE_TEXT, "%s   ui.osc52 = yes in ui.conf lets it be copied", app->text);
    } else if (n > 0 && write(STDOUT_FILENO, bytes, n) == (ssize_t)n) {
        ui_say(app, UI_ROLE_TEXT, "%s   copied", app->text);
    }
}

static void suspend(struct run *r)
{
    struct ui_term *t = r->l->term;

    t->leave(t->ctx);
    (void)raise(SIGTSTP);
    t->enter(t->ctx);
    r->whole = true;
    resize(r);
}

static void submit(struct run *r)
{
    const struct su_ui_backend *b = r->l->backend;
    struct ui_app *app = r->l->app;

    if (!b->submit(b->ctx, &app->intent) && app->intent.step != SU_UI_COMPLETE &&
        app->intent.step != SU_UI_SHOW) {
        struct su_ui_result busy = {.outcome = SU_UI_FAILED, .kind = app->intent.kind};
        su_fail(&busy.err, SU_EBUSY, NULL, "another transaction is under way");
        ui_modal_result(app, &busy);
    }
    explicit_bzero(&app->intent, sizeof app->intent);
}

static void save(struct run *r)
{
    struct su_err e = {.code = SU_OK};

    if (!r->l->config)
        return;
    if (ui_config_save(r->l->app, r->l->config, r->l->copy, &e))
        ui_say(r->l->app, UI_ROLE_BAD, "%s: %s", e.at, e.msg);
    else
        ui_say(r->l->app, UI_ROLE_OK, "Saved to %s", r->l->config);
}

/* In memory it has its name already. */
static void keep_label(struct run *r)
{
    struct ui_app *app = r->l->app;
    struct su_err e = {.code = SU_OK};

    if (r->l->labels &&
        ui_labels_change(&app->labels, r->l->labels, app->label.key, app->label.text, &e))
        ui_say(app, UI_ROLE_BAD, "Only until you leave: %s: %s", e.at, e.msg);
}

static void perform_one(struct run *r, enum ui_action_kind kind)
{
    const struct su_ui_backend *b = r->l->backend;
    struct ui_term *t = r->l->term;
    struct ui_app *app = r->l->app;

    switch (kind) {
    case UI_ACT_SUBMIT:
        submit(r);
        break;
    case UI_ACT_CANCEL:
        b->cancel(b->ctx);
        break;
    case UI_ACT_HURRY:
        b->hurry(b->ctx);
        break;
    case UI_ACT_QUIT:
        r->quit = true;
        break;
    case UI_ACT_SUSPEND:
        suspend(r);
        break;
    case UI_ACT_REDRAW:
        r->whole = true;
        break;
    case UI_ACT_PLAIN:
        plain_view(r);
        break;
    case UI_ACT_WRITE:
        write_file(r);
        break;
    case UI_ACT_COPY:
        copy(r);
        break;
    case UI_ACT_CONFIGURE:
        t->configure(t->ctx, app->charset, app->mouse);
        app->charset = t->charset;
        r->whole = true;
        break;
    case UI_ACT_LOCK:
        b->lock(b->ctx);
        break;
    case UI_ACT_SAVE:
        save(r);
        break;
    case UI_ACT_LABEL:
        keep_label(r);
        break;
    case UI_ACT_OUTSIDE:
        outside(r);
        break;
    case UI_ACT_FLUSH:
        t->flush_input(t->ctx);
        break;
    }
}

static void perform(struct run *r)
{
    struct ui_app *app = r->l->app;
    enum ui_action_kind out[UI_ACTIONS];
    size_t n = app->n_out;

    /* Coming back from a suspension is an event, too, and ends up here again. */
    memcpy(out, app->out, sizeof out);
    app->n_out = 0;
    for (size_t i = 0; i < n; i++)
        perform_one(r, out[i]);
}

/* ---- the loop ---------------------------------------------------------------------------------- */

static void drain_keys(struct run *r)
{
    struct ui_term *t = r->l->term;
    struct ui_event ev;

    for (int i = 0; i < KEYS_AT_ONCE && !r->quit && t->next(t->ctx, &ev, &r->gone); i++)
        step(r, &ev, true);
}

static void drain_results(struct run *r)
{
    const struct su_ui_backend *b = r->l->backend;
    struct su_ui_result result;
    struct ui_event ev = {.kind = UI_EVENT_RESULT, .result = &result};

    while (b->result(b->ctx, &result))
        step(r, &ev, true);
}

static void drain_signals(struct run *r)
{
    uint8_t sig[64];
    ssize_t n = read(r->l->signals, sig, sizeof sig);
    bool winch = false;

    for (ssize_t i = 0; i < n; i++) {
        if (sig[i] == SIGWINCH)
            winch = true;
        else if (sig[i] == SIGCONT)
            r->whole = winch = true;
        else
            r->stop = true;
    }
    if (winch)
        resize(r);
}

static int wait_ms(const struct run *r)
{
    int64_t now = mono(), due = r->tick_ms + (r->l->app->pending ? DATA_MS : TICK_MS);

    if (r->l->app->working)
        return 0;
    if (r->dirty)
        due = SU_MIN(due, r->drawn_ms + (r->hurried ? FRAME_MS : DATA_MS));
    if (now - r->last_feed_ms < DATA_MS) /* nobody waits for the next one before */
        due = SU_MIN(due, r->last_feed_ms + DATA_MS);
    return due <= now ? 0 : (int)(due - now);
}

static void draw(struct run *r)
{
    int64_t now = mono();

    if ((!r->dirty || now - r->drawn_ms < (r->hurried ? FRAME_MS : DATA_MS)) && !r->whole)
        return;
    if ((r->grid.w != r->l->app->w || r->grid.h != r->l->app->h) &&
        !ui_grid_resize(&r->grid, r->l->app->w, r->l->app->h))
        return;
    r->l->app->now_ms = now;
    ui_draw(r->l->app, &r->grid);
    r->l->term->show(r->l->term->ctx, &r->grid, r->whole);
    r->l->draws++;
    r->drawn_ms = mono();
    r->dirty = r->hurried = r->whole = false;
}

static void turn(struct run *r)
{
    const struct su_ui_backend *b = r->l->backend;
    /* What comes while it is paused, or twice within a moment, waits. */
    bool feed = !r->l->app->paused && !r->next && mono() - r->last_feed_ms >= DATA_MS;
    struct pollfd p[4] = {{r->l->term->fd, POLLIN, 0},
                          {r->l->signals, POLLIN, 0},
                          {b->result_fd(b->ctx), POLLIN, 0},
                          {feed ? b->feed_fd(b->ctx) : -1, POLLIN, 0}};

    if (poll(p, 4, wait_ms(r)) < 0)
        memset(p, 0, sizeof p);
    if (p[0].revents & (POLLHUP | POLLERR | POLLNVAL))
        r->gone = true;
    if (p[1].revents)
        drain_signals(r);
    drain_keys(r);
    if (p[2].revents)
        drain_results(r);
    if (p[3].revents)
        take(r);
    if (r->l->app->working)
        work(r);
    give_back(r);
    if (mono() - r->tick_ms >= (r->l->app->pending ? DATA_MS : TICK_MS))
        tick(r);
}

enum su_code ui_loop_run(struct ui_loop *l, struct su_err *e)
{
    struct run r = {.l = l, .whole = true};
    const struct su_ui_backend *b = l->backend;

    r.last_feed_ms = mono() - DATA_MS;
    tick(&r);
    resize(&r);
    take(&r);
    give_back(&r);
    while (!r.quit && !r.gone && !r.stop) {
        draw(&r);
        turn(&r);
    }
    b->cancel(b->ctx);
    b->lock(b->ctx);
    l->app->snap = l->app->next = NULL;
    if (r.snap)
        b->release(b->ctx, r.snap);
    if (r.next)
        b->release(b->ctx, r.next);
    ui_grid_fini(&r.grid);
    return r.quit ? SU_OK
                  : su_fail(e, SU_ECANCELLED, "terminal",
                            r.gone ? "it hung up" : "a signal asked to end");
}

/* ---- the real terminal -------------------------------------------------------------------------- */

static int signal_pipe[2] = {-1, -1};

static void on_signal(int sig)
{
    int saved = errno;
    uint8_t byte = (uint8_t)sig;

    (void)!write(signal_pipe[1], &byte, 1);
    errno = saved;
}

static void on_crash(int sig)
{
    ui_term_curses_restore();
    (void)raise(sig); /* its default, which SA_RESETHAND brought back */
}

static const int soft_signals[] = {SIGWINCH, SIGCONT, SIGHUP, SIGTERM, SIGINT, SIGQUIT};
static const int hard_signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
#define N_SIGNALS (SU_ARRAY_LEN(soft_signals) + SU_ARRAY_LEN(hard_signals) + 1)

static void signals_take(struct sigaction old[N_SIGNALS])
{
    struct sigaction soft = {.sa_flags = SA_RESTART}, hard = {.sa_flags = (int)SA_RESETHAND};
    struct sigaction plain = {.sa_flags = 0};
    size_t k = 0;

    soft.sa_handler = on_signal;
    hard.sa_handler = on_crash;
    for (size_t i = 0; i < SU_ARRAY_LEN(soft_signals); i++)
        (void)sigaction(soft_signals[i], &soft, &old[k++]);
    for (size_t i = 0; i < SU_ARRAY_LEN(hard_signals); i++)
        (void)sigaction(hard_signals[i], &hard, &old[k++]);
    plain.sa_handler = SIG_DFL; /* suspend() does what curses' handler would do, too */
    (void)sigaction(SIGTSTP, &plain, &old[k]);
}

static void signals_give_back(const struct sigaction old[N_SIGNALS])
{
    size_t k = 0;

    for (size_t i = 0; i < SU_ARRAY_LEN(soft_signals); i++)
        (void)sigaction(soft_signals[i], &old[k++], NULL);
    for (size_t i = 0; i < SU_ARRAY_LEN(hard_signals); i++)
        (void)sigaction(hard_signals[i], &old[k++], NULL);
    (void)sigaction(SIGTSTP, &old[k], NULL);
}

static enum su_code settle(struct ui_app *app, const struct su_ui_options *o,
                           struct ui_term_options *t, struct ui_loop *l, struct su_err *e)
{
    const char *no_color = getenv("NO_COLOR");
    enum su_code rc = SU_OK;

    app->charset = UI_CHARSET_AUTO;
    if (o->config)
        rc = ui_config_load(app, o->config, &l->copy, e);
    if (!rc && o->labels)
        rc = ui_labels_load(&app->labels, o->labels, e);
    if (!rc && o->charset && !ui_charset_parse(o->charset, &app->charset))
        rc = su_fail(e, SU_EINVAL, "--charset", "utf8, acs or ascii, not \"%s\"", o->charset);
    for (int i = 0; !rc && o->pane; i++) {
        if (i == UI_PANES)
            rc = su_fail(e, SU_EINVAL, o->pane, "no pane of that name");
        else if (strcmp(ui_pane_list[i]->name, o->pane) == 0) {
            ui_pane_set(app, i);
            break;
        }
    }
    if (o->no_mouse)
        app->mouse = false;
    app->readonly = o->readonly;
    app->no_spend_keys = o->no_spend_keys;
    app->sealed = o->sealed;
    if (o->wallet_path)
        su_str_copy(app->wallet_path, sizeof app->wallet_path, o->wallet_path);
    if (o->welcome)
        app->mode = UI_WELCOME;
    app->outside = o;
    app->can_switch = o->cluster != NULL;
    l->config = o->config;
    l->labels = o->labels;
    *t = (struct ui_term_options){.charset = app->charset, .mouse = app->mouse};
    if (o->no_color || (no_color && *no_color))
        t->depth = UI_DEPTH_MONO;
    return rc;
}

enum su_code su_ui_run(const struct su_ui_backend *b, const struct su_ui_options *o,
                       enum su_ui_choice *choice, struct su_err *e)
{
    struct sigaction old[N_SIGNALS];
    struct ui_term_options options;
    struct ui_term term;
    struct ui_app *app = su_alloc(sizeof *app);
    struct ui_loop l = {.app = app, .term = &term, .backend = b, .signals = -1};
    enum su_code rc;

    setlocale(LC_CTYPE, "");
    ui_app_init(app);
    rc = settle(app, o, &options, &l, e);
    if (!rc && pipe2(signal_pipe, O_CLOEXEC | O_NONBLOCK) != 0)
        rc = su_fail_sys(e, errno, "pipe", "cannot watch signals");
    if (!rc) {
        rc = ui_term_curses_open(&options, &term, e);
        if (!rc) {
            app->charset = term.charset;
            l.signals = signal_pipe[0];
            su_assert_handler(ui_term_curses_restore);
            signals_take(old);
            rc = ui_loop_run(&l, e);
            signals_give_back(old);
            su_assert_handler(NULL);
            term.close(term.ctx);
        }
        close(signal_pipe[0]);
        close(signal_pipe[1]);
        signal_pipe[0] = signal_pipe[1] = -1;
    }
    if (choice)
        *choice = app->choice;
    if (o->cluster)
        su_str_copy(o->cluster, o->cluster_cap, app->cluster);
    ui_app_fini(app);
    free(app);
    return rc;
}
