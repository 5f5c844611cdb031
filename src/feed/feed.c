// SPDX-License-Identifier: MIT
#include "feed_priv.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define RETRY_MOST_MS 30000
#define LIVE_MS 250

struct shared { /* what su_feed_take hands out, its count in front */
    atomic_uint users;
    struct su_arena mem;
    struct su_feed_snapshot s;
};

bool feed_running(void *f)
{
    return !atomic_load(&((struct su_feed *)f)->stopping);
}

static bool cancelled(void *f)
{
    return !feed_running(f);
}

void feed_sha256(const struct su_part *parts, uint64_t n, uint8_t out[32])
{
    struct su_sha256 h;

    su_sha256_init(&h);
    for (uint64_t i = 0; i < n; i++)
        su_sha256_update(&h, parts[i].p, parts[i].n);
    su_sha256_final(&h, out);
}

void feed_text(char *dst, size_t cap, const void *src, size_t n)
{
    const char *p = src;
    size_t len = 0;

    while (len < n && p[len])
        len++;
    su_str_sanitize(dst, cap, p, len);
}

/* ---- snapshots -------------------------------------------------------------------------------- */

static void signal_new(struct su_feed *f)
{
    uint64_t one = 1;
    ssize_t n = write(f->fd, &one, sizeof one);
    (void)n; /* EAGAIN: it is readable already */
}

/* Under lock. Without memory the old one stays. */
static void publish(struct su_feed *f)
{
    struct su_feed_snapshot *s = feed_snapshot_make(f);

    if (!s)
        return;
    const struct su_feed_snapshot *old = f->newest;
    f->newest = s;
    su_feed_release(old);
    signal_new(f);
}

const struct su_feed_snapshot *su_feed_take(struct su_feed *f)
{
    uint64_t count;

    pthread_mutex_lock(&f->lock);
    ssize_t n = read(f->fd, &count, sizeof count);
    (void)n; /* EAGAIN: it was not readable */
    const struct su_feed_snapshot *s = f->newest;
    struct shared *h = (struct shared *)(uintptr_t)((const char *)s - offsetof(struct shared, s));
    atomic_fetch_add(&h->users, 1);
    pthread_mutex_unlock(&f->lock);
    return s;
}

void su_feed_release(const struct su_feed_snapshot *s)
{
    if (!s)
        return;
    struct shared *h = (struct shared *)(uintptr_t)((const char *)s - offsetof(struct shared, s));
    if (atomic_fetch_sub(&h->users, 1) != 1)
        return;
    su_arena_fini(&h->mem);
    free(h);
}

/* An empty snapshot with one user, and the arena its lists go into. */
struct su_feed_snapshot *feed_snapshot_new(struct su_arena **mem)
{
    struct shared *h = su_try_alloc(1, sizeof *h);

    if (!h)
        return NULL;
    atomic_init(&h->users, 1);
    su_arena_init(&h->mem, 0);
    *mem = &h->mem;
    return &h->s;
}

/* ---- log -------------------------------------------------------------------------------------- */

static void note_locked(struct su_feed *f, enum su_feed_log_level level, const char *topic,
                        const char *text)
{
    struct su_feed_log *l = &f->log[f->log_next % f->o.log_max];

    *l = (struct su_feed_log){.number = f->log_next++, .at_ms = su_clock_wall_ms(), .level = level};
    feed_text(l->topic, sizeof l->topic, topic, strlen(topic));
    feed_text(l->text, sizeof l->text, text, strlen(text));
}

void su_feed_note(struct su_feed *f, enum su_feed_log_level level, const char *topic,
                  const char *fmt, ...)
{
    char text[512];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    pthread_mutex_lock(&f->lock);
    note_locked(f, level, topic, text);
    publish(f);
    pthread_mutex_unlock(&f->lock);
}

/* ---- threads ---------------------------------------------------------------------------------- */

/* Waits for the period, a hurry or the end; under lock. */
static void wait_locked(struct su_feed *f, unsigned who, uint32_t ms)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += ms / 1000;
    t.tv_nsec += (long)(ms % 1000) * 1000000;
    if (t.tv_nsec >= 1000000000) {
        t.tv_nsec -= 1000000000;
        t.tv_sec++;
    }
    while (!f->hurry[who] && feed_running(f) &&
           pthread_cond_timedwait(&f->wake, &f->lock, &t) != ETIMEDOUT)
        ;
    f->hurry[who] = false;
}

static uint32_t chain_settle(struct su_feed *f, enum su_code rc, const struct su_err *err,
                             uint64_t began_ns)
{
    struct su_feed_source *s = &f->w.source[SU_FEED_CHAIN];
    bool was = s->ok || s->loading;
    uint32_t wait_ms = f->o.period_ms;
    char line[512];

    f->answered[0] = true;
    if (rc == SU_OK) {
        if (!s->ok && !s->loading)
            note_locked(f, SU_FEED_INFO, "chain", "answers again");
        s->ok = true;
        s->failures = 0;
        s->good_ms = su_clock_wall_ms();
        s->rtt_ms = (uint32_t)((su_clock_mono_ns() - began_ns) / 1000000);
        s->error[0] = '\0';
    } else {
        su_err_line(err, line, sizeof line);
        feed_text(s->error, sizeof s->error, line, strlen(line));
        s->ok = false;
        for (uint32_t i = 0; i < s->failures && wait_ms < RETRY_MOST_MS; i++)
            wait_ms *= 2;
        wait_ms = SU_MIN(wait_ms, (uint32_t)RETRY_MOST_MS);
        s->failures++;
        s->retry_ms = su_clock_wall_ms() + wait_ms;
        f->chain_error = *err;
        if (was)
            note_locked(f, SU_FEED_ERROR, "chain", line);
    }
    s->loading = false;
    return wait_ms;
}

static void *chain_main(void *arg)
{
    struct su_feed *f = arg;
    uint64_t listed_ns = 0;
    bool list = true;

    while (feed_running(f)) {
        struct su_err err = {0};
        uint64_t began = su_clock_mono_ns();
        if (listed_ns && began - listed_ns >= (uint64_t)FEED_LIST_MS * 1000000)
            list = true;
        enum su_code rc = feed_chain_round(f, list, &err);
        if (rc == SU_OK)
            rc = feed_cases_round(f, &err);
        if (rc == SU_OK && list) {
            list = false;
            listed_ns = began ? began : 1;
        }
        pthread_mutex_lock(&f->lock);
        if (feed_running(f)) {
            uint32_t wait_ms = chain_settle(f, rc, &err, began);
            feed_history_earned(f);
            publish(f);
            pthread_cond_broadcast(&f->wake);
            list |= f->hurry[0];
            /* An execution may be over within seconds: look often while there is one. */
            if (rc == SU_OK && f->w.n_live)
                wait_ms = SU_MIN(wait_ms, (uint32_t)LIVE_MS);
            wait_locked(f, 0, wait_ms);
        }
        pthread_mutex_unlock(&f->lock);
    }
    return NULL;
}

static void *peer_main(void *arg)
{
    struct su_feed *f = arg;

    pthread_mutex_lock(&f->lock); /* the chain tells where the oracles are */
    while (!f->answered[0] && feed_running(f))
        pthread_cond_wait(&f->wake, &f->lock);
    pthread_mutex_unlock(&f->lock);
    while (feed_running(f)) {
        feed_peers_round(f);
        pthread_mutex_lock(&f->lock);
        f->answered[1] = true;
        if (feed_running(f)) {
            publish(f);
            pthread_cond_broadcast(&f->wake);
            wait_locked(f, 1, f->o.period_ms);
        }
        pthread_mutex_unlock(&f->lock);
    }
    return NULL;
}

/* ---- opening and closing ---------------------------------------------------------------------- */

static enum su_code copy_options(struct su_feed *f, const struct su_feed_options *o,
                                 struct su_err *e)
{
    f->o = *o;
    if (!o->url || !o->url[0])
        return su_fail(e, SU_EINVAL, "feed", "no cluster is named");
    if (!su_str_copy(f->url, sizeof f->url, o->url) ||
        (o->node_url && !su_str_copy(f->node_url, sizeof f->node_url, o->node_url)))
        return su_fail(e, SU_EINVAL, "feed", "an address is too long");
    if (o->wallet)
        memcpy(f->wallet, o->wallet, 32);
    if (o->identity)
        memcpy(f->identity, o->identity, 32);
    f->o.period_ms = o->period_ms ? o->period_ms : 1000;
    f->o.log_max = o->log_max ? o->log_max : 2000;
    if (f->o.period_ms < 50 || f->o.log_max > 1000000)
        return su_fail(e, SU_EINVAL, "feed", "a period of %u ms; at least 50", f->o.period_ms);
    return SU_OK;
}

static enum su_code open_chain(struct su_feed *f, struct su_err *e)
{
    const char *urls[SU_CHAIN_ENDPOINTS_MAX];
    char *save = NULL, copy[sizeof f->url];
    struct su_chain_opts co = {
        .urls = urls, .connect_ms = 3000, .deadline_ms = 10000, .cancelled = cancelled, .ctx = f};

    memcpy(copy, f->url, sizeof copy);
    for (char *p = strtok_r(copy, ",", &save); p; p = strtok_r(NULL, ",", &save)) {
        if (co.n_urls == SU_CHAIN_ENDPOINTS_MAX)
            return su_fail(e, SU_EINVAL, "feed", "more than %u addresses", SU_CHAIN_ENDPOINTS_MAX);
        urls[co.n_urls++] = p;
    }
    return su_chain_open(&co, &f->chain, e);
}

static void init_world(struct su_feed *f)
{
    struct feed_world *w = &f->w;
    const char *name = su_chain_cluster_url(f->url);

    w->earned_now = w->slot = w->wallet_lamports = w->wallet_usdc = w->refund = SU_FEED_UNKNOWN;
    for (unsigned i = 0; i < SU_FEED_ORIGINS; i++) {
        w->source[i].good_ms = w->source[i].retry_ms = FEED_NEVER;
        w->source[i].loading = true;
    }
    feed_text(w->source[SU_FEED_CHAIN].url, sizeof w->source[0].url, name ? name : f->url,
              strlen(name ? name : f->url));
    feed_text(w->source[SU_FEED_NODE].url, sizeof w->source[0].url, f->node_url,
              strlen(f->node_url));
}

static enum su_code start(struct su_feed *f, struct su_err *e)
{
    int rc = pthread_create(&f->chain_thread, NULL, chain_main, f);

    f->started[0] = rc == 0;
    if (rc == 0)
        rc = pthread_create(&f->peer_thread, NULL, peer_main, f);
    f->started[1] = rc == 0;
    return rc ? su_fail_sys(e, rc, "feed", "no thread") : SU_OK;
}

enum su_code su_feed_open(const struct su_feed_options *o, struct su_feed **out, struct su_err *e)
{
    pthread_condattr_t monotonic;
    bool aside = false;

    *out = NULL;
    struct su_feed *f = su_try_alloc(1, sizeof *f);
    if (!f)
        return su_fail(e, SU_ENOMEM, "feed", "out of memory");
    pthread_mutex_init(&f->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&f->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    f->log_next = 1;
    f->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    enum su_code rc = f->fd < 0 ? su_fail_sys(e, errno, "feed", "no eventfd") : SU_OK;
    if (rc == SU_OK)
        rc = copy_options(f, o, e);
    if (rc == SU_OK && !(f->log = su_try_alloc(f->o.log_max, sizeof *f->log)))
        rc = su_fail(e, SU_ENOMEM, "feed", "out of memory");
    if (rc == SU_OK)
        rc = open_chain(f, e);
    if (rc == SU_OK)
        rc = su_cache_open(o->cache_path, &aside, &f->cache, e);
    if (rc == SU_OK) {
        init_world(f);
        if (aside)
            note_locked(f, SU_FEED_WARN, "cache", "was damaged and is set aside as cache.db.bad");
        f->newest = feed_snapshot_make(f);
        rc = f->newest ? start(f, e) : su_fail(e, SU_ENOMEM, "feed", "out of memory");
    }
    if (rc) {
        su_feed_close(f);
        return rc;
    }
    *out = f;
    return SU_OK;
}

static void world_fini(struct feed_world *w)
{
    feed_accounts_fini(&w->model);
    feed_accounts_fini(&w->task);
    feed_accounts_fini(&w->node);
    feed_accounts_fini(&w->oracle);
    for (size_t i = 0; i < w->n_live; i++)
        feed_live_fini(&w->live[i]);
    for (size_t i = 0; i < w->n_closed; i++)
        feed_rows_fini(&w->closed[i]);
    free(w->live);
    free(w->closed);
    free(w->beat);
    free(w->work);
    free(w->hint);
}

void su_feed_close(struct su_feed *f)
{
    if (!f)
        return;
    pthread_mutex_lock(&f->lock);
    atomic_store(&f->stopping, true);
    pthread_cond_broadcast(&f->wake);
    pthread_mutex_unlock(&f->lock);
    if (f->started[0])
        pthread_join(f->chain_thread, NULL);
    if (f->started[1])
        pthread_join(f->peer_thread, NULL);
    su_chain_close(f->chain);
    su_cache_close(f->cache);
    su_feed_release(f->newest);
    world_fini(&f->w);
    free(f->log);
    if (f->fd >= 0)
        close(f->fd);
    pthread_cond_destroy(&f->wake);
    pthread_mutex_destroy(&f->lock);
    free(f);
}

int su_feed_fd(const struct su_feed *f)
{
    return f->fd;
}

void su_feed_hurry(struct su_feed *f)
{
    pthread_mutex_lock(&f->lock);
    f->hurry[0] = f->hurry[1] = true;
    pthread_cond_broadcast(&f->wake);
    pthread_mutex_unlock(&f->lock);
}

void su_feed_watch(struct su_feed *f, const uint8_t execution[32])
{
    pthread_mutex_lock(&f->lock);
    memcpy(f->w.watch[f->w.n_watch++ % SU_ARRAY_LEN(f->w.watch)], execution, 32);
    f->hurry[0] = true;
    pthread_cond_broadcast(&f->wake);
    pthread_mutex_unlock(&f->lock);
}

enum su_code su_feed_ready(struct su_feed *f, uint32_t timeout_ms, struct su_err *e)
{
    uint64_t end = su_clock_mono_ns() + (uint64_t)timeout_ms * 1000000;
    enum su_code rc = SU_OK;

    pthread_mutex_lock(&f->lock);
    while (!f->answered[0] || !f->answered[1]) {
        struct timespec t = {.tv_sec = (time_t)(end / 1000000000),
                             .tv_nsec = (long)(end % 1000000000)};
        if (pthread_cond_timedwait(&f->wake, &f->lock, &t) == ETIMEDOUT) {
            rc = su_fail(e, SU_ETIMEOUT, f->w.source[SU_FEED_CHAIN].url, "no answer within %u ms",
                         timeout_ms);
            break;
        }
    }
    if (rc == SU_OK && !f->w.source[SU_FEED_CHAIN].ok) {
        rc = f->chain_error.code;
        if (e)
            *e = f->chain_error;
    }
    pthread_mutex_unlock(&f->lock);
    return rc;
}
