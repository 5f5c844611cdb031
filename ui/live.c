// SPDX-License-Identifier: MIT
#include "ui/live_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* ---- results ----------------------------------------------------------------------------------- */

void ui_live_push(struct su_ui_live *l, const struct su_ui_result *r)
{
    const uint64_t one = 1;

    pthread_mutex_lock(&l->mutex);
    /* News of a run replace each other; nothing else comes in such numbers. */
    if (r->outcome == SU_UI_PROGRESS && l->n_result > 0 &&
        l->result[l->n_result - 1].outcome == SU_UI_PROGRESS &&
        l->result[l->n_result - 1].kind == r->kind)
        l->n_result--;
    if (l->n_result == UI_LIVE_RESULTS) {
        memmove(l->result, l->result + 1, (UI_LIVE_RESULTS - 1) * sizeof *l->result);
        l->n_result--;
    }
    l->result[l->n_result++] = *r;
    (void)!write(l->event, &one, sizeof one);
    pthread_mutex_unlock(&l->mutex);
}

static bool on_result(void *ctx, struct su_ui_result *out)
{
    struct su_ui_live *l = ctx;
    uint64_t count;
    bool any;

    pthread_mutex_lock(&l->mutex);
    any = l->n_result > 0;
    if (any) {
        *out = l->result[0];
        memmove(l->result, l->result + 1, --l->n_result * sizeof *l->result);
    } else {
        (void)!read(l->event, &count, sizeof count);
    }
    pthread_mutex_unlock(&l->mutex);
    return any;
}

/* ---- what the app calls ------------------------------------------------------------------------ */

static int on_feed_fd(void *ctx)
{
    struct su_ui_live *l = ctx;
    int fd;

    pthread_mutex_lock(&l->mutex);
    fd = su_feed_fd(l->feed);
    pthread_mutex_unlock(&l->mutex);
    return fd;
}

static const struct su_feed_snapshot *on_take(void *ctx)
{
    struct su_ui_live *l = ctx;
    const struct su_feed_snapshot *s;

    pthread_mutex_lock(&l->mutex);
    s = su_feed_take(l->feed);
    pthread_mutex_unlock(&l->mutex);
    return s;
}

static void on_release(void *ctx, const struct su_feed_snapshot *s)
{
    (void)ctx;
    su_feed_release(s);
}

static void on_hurry(void *ctx)
{
    struct su_ui_live *l = ctx;

    pthread_mutex_lock(&l->mutex);
    su_feed_hurry(l->feed);
    pthread_mutex_unlock(&l->mutex);
}

/* Whoever only looks, or puts away, is in nobody's way. */
static bool is_aside(enum su_ui_step step)
{
    return step == SU_UI_DISCARD || step == SU_UI_SHOW;
}

static bool on_submit(void *ctx, const struct su_ui_intent *i)
{
    struct su_ui_live *l = ctx;
    bool taken = true;

    pthread_mutex_lock(&l->mutex);
    if (i->step == SU_UI_ANSWER) {
        su_str_copy(l->answer, sizeof l->answer, i->field[0]);
        l->answered = true;
    } else if (i->step == SU_UI_STOP) {
        l->stop = true;
    } else if (l->n_intent == UI_LIVE_INTENTS || (l->busy && !is_aside(i->step))) {
        taken = false;
    } else {
        l->intent[l->n_intent] = *i;
        if (i->prompt) { /* the worker is done with the one before: it is not busy */
            su_str_copy(l->prompt, sizeof l->prompt, i->prompt);
            l->intent[l->n_intent].prompt = l->prompt;
        }
        l->n_intent++;
        l->cancelled = false;
        if (!is_aside(i->step))
            l->busy = true;
    }
    pthread_cond_broadcast(&l->changed);
    pthread_mutex_unlock(&l->mutex);
    return taken;
}

static void on_cancel(void *ctx)
{
    struct su_ui_live *l = ctx;

    pthread_mutex_lock(&l->mutex);
    l->cancelled = l->busy;
    pthread_cond_broadcast(&l->changed);
    pthread_mutex_unlock(&l->mutex);
}

static int on_result_fd(void *ctx)
{
    struct su_ui_live *l = ctx;

    return l->event;
}

static void on_lock(void *ctx)
{
    struct su_ui_live *l = ctx;

    pthread_mutex_lock(&l->mutex);
    if (l->wallet)
        su_wallet_lock(l->wallet);
    explicit_bzero(l->answer, sizeof l->answer);
    pthread_mutex_unlock(&l->mutex);
}

static void on_note(void *ctx, const char *text)
{
    struct su_ui_live *l = ctx;

    pthread_mutex_lock(&l->mutex);
    su_feed_note(l->feed, SU_FEED_INFO, "ui", "%s", text);
    pthread_mutex_unlock(&l->mutex);
}

/* ---- what ops calls ---------------------------------------------------------------------------- */

bool ui_live_cancelled(void *ctx)
{
    struct su_ui_live *l = ctx;
    bool is;

    pthread_mutex_lock(&l->mutex);
    is = l->cancelled || l->closing;
    pthread_mutex_unlock(&l->mutex);
    return is;
}

enum su_code ui_live_passphrase(void *ctx, const char *path, bool again, char *out, size_t cap,
                                size_t *n, struct su_err *e)
{
    struct su_ui_live *l = ctx;
    struct su_ui_result r = {.outcome = SU_UI_PASSPHRASE,
                             .kind = l->now.kind,
                             .token = l->token ? l->token : 1,
                             .again = again};
    bool given;

    su_str_copy(r.text, sizeof r.text, path);
    pthread_mutex_lock(&l->mutex);
    l->answered = false;
    pthread_mutex_unlock(&l->mutex);
    ui_live_push(l, &r);
    pthread_mutex_lock(&l->mutex);
    while (!l->answered && !l->cancelled && !l->closing)
        pthread_cond_wait(&l->changed, &l->mutex);
    given = l->answered && l->answer[0] && strlen(l->answer) <= cap;
    if (given) {
        *n = strlen(l->answer);
        memcpy(out, l->answer, *n);
    }
    explicit_bzero(l->answer, sizeof l->answer);
    l->answered = false;
    pthread_mutex_unlock(&l->mutex);
    return given ? SU_OK : su_fail(e, SU_ECANCELLED, path, "no passphrase was given");
}

/* Results are large: their functions keep frames of their own. */
#define OWN_FRAME __attribute__((noinline))

/* ---- the worker -------------------------------------------------------------------------------- */

void ui_live_keep(struct su_ui_live *l, struct su_wallet *w)
{
    pthread_mutex_lock(&l->mutex);
    l->wallet = w;
    pthread_mutex_unlock(&l->mutex);
}

void ui_live_discard(struct su_ui_live *l)
{
    su_ops_proposal_fini(&l->proposal);
    if (l->helped)
        l->options.helper->done(l->options.helper->ctx);
    l->helped = false;
    l->proposal = (struct su_ops_proposal){.n_tx = 0};
    l->token = 0;
}

static OWN_FRAME void open_wallet(struct su_ui_live *l)
{
    struct su_ui_result r = {.outcome = SU_UI_DONE, .kind = l->now.kind, .token = 1};
    struct su_wallet *w;
    enum su_code rc = su_ops_wallet(l->ops, &w, &r.err);

    if (!rc)
        ui_live_keep(l, w);
    if (!rc)
        rc = ui_live_renew_feed(l, su_wallet_public_key(w), NULL, &r.err);
    if (rc)
        r.outcome = SU_UI_FAILED;
    else
        snprintf(r.text, sizeof r.text, "Open: %s", su_wallet_address(w));
    ui_live_push(l, &r);
}

static OWN_FRAME void prepare(struct su_ui_live *l)
{
    struct su_ui_result r = {.outcome = SU_UI_PROPOSED, .kind = l->now.kind};
    struct su_err e = {.code = SU_OK};

    ui_live_discard(l);
    if (l->now.kind == SU_UI_WALLET_OPEN) {
        open_wallet(l);
        return;
    }
    l->token = r.token = ++l->tokens;
    if (ui_live_prepare(l, &r, &e)) {
        r.outcome = SU_UI_FAILED;
        r.err = e;
        ui_live_discard(l);
    }
    ui_live_push(l, &r);
}

static OWN_FRAME void commit(struct su_ui_live *l, const struct su_ui_intent *i)
{
    struct su_ui_result r = {.outcome = SU_UI_DONE, .kind = i->kind, .token = i->token};
    struct su_err e = {.code = SU_OK};

    if (l->token == 0 || i->token != l->token || i->kind != l->now.kind) {
        r.outcome = SU_UI_FAILED;
        su_fail(&r.err, SU_EACCES, "preview", "it is not the one that was prepared last");
    } else if (ui_live_commit(l, &r, &e)) {
        r.outcome = SU_UI_FAILED;
        r.err = e;
    }
    ui_live_discard(l);
    ui_live_push(l, &r);
}

static OWN_FRAME void complete(struct su_ui_live *l, const struct su_ui_intent *i)
{
    struct su_ui_result r = {.outcome = SU_UI_COMPLETED, .kind = i->kind, .token = 1};

    su_str_copy(r.text, sizeof r.text, i->field[0]);
    ui_live_complete(l, &r);
    ui_live_push(l, &r);
}

static OWN_FRAME void show(struct su_ui_live *l, const struct su_ui_intent *i)
{
    struct su_ui_result r = {.outcome = SU_UI_SHOWN, .kind = i->kind, .token = i->token};
    enum su_code rc = SU_OK;
    uint64_t number = 0;
    struct su_tx t;

    if (l->token == 0 || i->token != l->token || !l->proposal.title)
        rc = su_fail(&r.err, SU_EACCES, "preview", "it has no transaction any more");
    if (!rc)
        rc = su_parse_u64(i->field[0], "transaction", 0, UINT32_MAX, &number, &r.err);
    r.tx = (size_t)number;
    if (!rc)
        rc = su_ops_proposal_tx(l->ops, &l->proposal, r.tx, &t, &r.fresh, &r.err);
    if (!rc) {
        memcpy(r.wire, t.wire, t.wire_bytes);
        r.wire_bytes = t.wire_bytes;
        memcpy(r.program, su_chain_program(su_ops_chain(l->ops)), 32);
    }
    ui_live_push(l, &r);
}

static void work(struct su_ui_live *l, struct su_ui_intent *i)
{
    if (i->step == SU_UI_COMPLETE) {
        complete(l, i);
    } else if (i->step == SU_UI_SHOW) {
        show(l, i);
    } else if (i->step == SU_UI_PREPARE) {
        l->now = *i;
        prepare(l);
    } else if (i->step == SU_UI_COMMIT) {
        commit(l, i);
        explicit_bzero(&l->now, sizeof l->now);
    } else if (i->token == l->token) {
        ui_live_discard(l);
        explicit_bzero(&l->now, sizeof l->now);
    }
    pthread_mutex_lock(&l->mutex);
    if (!is_aside(i->step))
        l->busy = l->cancelled = false;
    pthread_mutex_unlock(&l->mutex);
    explicit_bzero(i, sizeof *i);
}

static void *worker(void *ctx)
{
    struct su_ui_live *l = ctx;
    struct su_ui_intent i;
    bool closing = false;

    while (!closing) {
        bool any;
        pthread_mutex_lock(&l->mutex);
        while (l->n_intent == 0 && !l->closing && !l->follow)
            pthread_cond_wait(&l->changed, &l->mutex);
        any = l->n_intent > 0;
        if (any) {
            i = l->intent[0];
            memmove(l->intent, l->intent + 1, --l->n_intent * sizeof *l->intent);
            explicit_bzero(&l->intent[l->n_intent], sizeof i);
        }
        closing = l->closing;
        pthread_mutex_unlock(&l->mutex);
        if (any && !closing)
            work(l, &i);
        else if (!closing)
            ui_live_follow(l, 100);
    }
    return NULL;
}

/* ---- opening and closing ----------------------------------------------------------------------- */

void su_ui_live_close(struct su_ui_live *l)
{
    if (!l)
        return;
    pthread_mutex_lock(&l->mutex);
    l->closing = true;
    pthread_cond_broadcast(&l->changed);
    pthread_mutex_unlock(&l->mutex);
    (void)pthread_join(l->thread, NULL);
    su_ops_follow_close(l->follow);
    ui_live_discard(l);
    su_buf_fini(&l->input);
    su_ops_close(l->ops);
    su_feed_close(l->feed);
    (void)close(l->event);
    pthread_cond_destroy(&l->changed);
    pthread_mutex_destroy(&l->mutex);
    explicit_bzero(l, sizeof *l);
    free(l);
}

const struct su_ui_backend *su_ui_live_backend(struct su_ui_live *l)
{
    return &l->backend;
}

static enum su_code start(struct su_ui_live *l, struct su_err *e)
{
    const struct su_ops_options o = {.url = l->options.url,
                                     .keypair = l->options.keypair,
                                     .passphrase = ui_live_passphrase,
                                     .cancelled = ui_live_cancelled,
                                     .ctx = l};
    enum su_code rc = su_ops_open(&o, &l->ops, e);

    if (!rc)
        rc = su_feed_open(&l->options.feed, &l->feed, e);
    if (!rc && (l->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) < 0)
        rc = su_fail_sys(e, errno, "eventfd", "cannot be made");
    if (!rc && pthread_create(&l->thread, NULL, worker, l) != 0) {
        rc = su_fail(e, SU_ENOMEM, "thread", "cannot be started");
        (void)close(l->event);
    }
    if (rc) {
        su_feed_close(l->feed);
        su_ops_close(l->ops);
    }
    return rc;
}

enum su_code su_ui_live_open(const struct su_ui_live_options *o, struct su_ui_live **out,
                             struct su_err *e)
{
    struct su_ui_live *l = su_try_alloc(1, sizeof *l);
    enum su_code rc;

    *out = NULL;
    if (!l)
        return su_fail(e, SU_ENOMEM, "app", "out of memory");
    l->options = *o;
    l->backend =
        (struct su_ui_backend){l,         on_feed_fd,   on_take,   on_release, on_hurry, on_submit,
                               on_cancel, on_result_fd, on_result, on_lock,    on_note};
    su_buf_init(&l->input, 0);
    pthread_mutex_init(&l->mutex, NULL);
    pthread_cond_init(&l->changed, NULL);
    rc = start(l, e);
    if (rc) {
        pthread_cond_destroy(&l->changed);
        pthread_mutex_destroy(&l->mutex);
        free(l);
        return rc;
    }
    *out = l;
    return SU_OK;
}
