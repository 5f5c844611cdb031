// SPDX-License-Identifier: MIT
#include "sender.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    IDLE_MS = 5000, /* a thread without work ends */
    HOPELESS_FACTOR = 10, /* longer pauses when what was sent can hardly ever be taken */
    ANSWERED_SHARE = 8 /* and shorter ones after a refusal that may pass */
};
#define NS_PER_MS UINT64_C(1000000)

/* All calls to one endpoint. */
struct peer {
    char endpoint[204];
    struct su_sender_line *lines;
    uint32_t n_line, n_worker, n_waiting; /* n_waiting: workers without work */
    pthread_cond_t cond; /* there is work, or an end */
    struct peer *next;
};
struct su_sender {
    struct su_sender_opts o;
    uint8_t program_id[32], genesis[32];
    struct su_wire_scope scope;
    pthread_mutex_t lock; /* of everything below and in peers and lines */
    pthread_cond_t ended; /* a worker or a call has */
    struct peer *peers;
    uint32_t n_worker;
    atomic_bool closing;
};
struct su_sender_line {
    struct su_sender *sender;
    struct peer *peer;
    uint8_t identity[32];
    struct su_sender_source source;
    uint32_t next_frame;
    bool ready; /* there may be a frame to be sent */
    bool busy; /* a worker has it */
    atomic_bool closing;
    uint64_t wakes, served; /* served: when it had its last turn, to share fairly */
    uint64_t not_before_ns, waiting_since_ns;
    struct su_sender_stat stat;
    struct su_sender_line *next;
};

/* What a worker goes about with. */
struct work {
    struct su_sender *s;
    struct peer *p;
    struct su_http_keep *keep; /* NULL when there was no memory for one */
    struct su_buf frame;
};

enum su_code su_sender_new(const struct su_sender_opts *o, struct su_sender **out, struct su_err *e)
{
    struct su_sender *s = su_try_alloc(1, sizeof *s);

    *out = s;
    if (s == NULL)
        return su_fail(e, SU_ENOMEM, "sender", "no memory");
    s->o = *o;
    s->o.call_ms = o->call_ms != 0 ? o->call_ms : 10000;
    s->o.pause_ms = o->pause_ms != 0 ? o->pause_ms : 20;
    s->o.pause_max_ms = o->pause_max_ms != 0 ? o->pause_max_ms : 2000;
    memcpy(s->program_id, o->scope.program_id, 32);
    memcpy(s->genesis, o->scope.genesis, 32);
    s->scope = (struct su_wire_scope){s->program_id, s->genesis};
    (void)pthread_mutex_init(&s->lock, NULL);
    (void)pthread_cond_init(&s->ended, NULL);
    return SU_OK;
}

void su_sender_free(struct su_sender *s)
{
    if (s == NULL)
        return;
    (void)pthread_mutex_lock(&s->lock);
    atomic_store(&s->closing, true);
    for (struct peer *p = s->peers; p != NULL; p = p->next) {
        SU_ASSERT(p->lines == NULL);
        (void)pthread_cond_broadcast(&p->cond);
    }
    while (s->n_worker != 0)
        (void)pthread_cond_wait(&s->ended, &s->lock);
    (void)pthread_mutex_unlock(&s->lock);
    SU_ASSERT(s->peers == NULL);
    (void)pthread_cond_destroy(&s->ended);
    (void)pthread_mutex_destroy(&s->lock);
    free(s);
}

/* ---- peers; all of this under the lock ------------------------------------------------------- */

static struct peer *peer_of(struct su_sender *s, const char *endpoint)
{
    struct peer *p = s->peers;
    pthread_condattr_t monotonic;

    while (p != NULL && strcmp(p->endpoint, endpoint) != 0)
        p = p->next;
    if (p != NULL)
        return p;
    p = su_alloc(sizeof *p);
    su_str_copy(p->endpoint, sizeof p->endpoint, endpoint);
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&p->cond, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    p->next = s->peers;
    s->peers = p;
    return p;
}

static void peer_release(struct su_sender *s, struct peer *p)
{
    if (p->n_line != 0 || p->n_worker != 0)
        return;
    struct peer **at = &s->peers;
    while (*at != p)
        at = &(*at)->next;
    *at = p->next;
    (void)pthread_cond_destroy(&p->cond);
    free(p);
}

/* The line whose turn it is; else NULL and when there may be one. */
static struct su_sender_line *pick(const struct peer *p, uint64_t now, uint64_t *when)
{
    struct su_sender_line *best = NULL;

    for (struct su_sender_line *l = p->lines; l != NULL; l = l->next) {
        if (!l->ready || l->busy || atomic_load(&l->closing))
            continue;
        if (l->not_before_ns > now)
            *when = SU_MIN(*when, l->not_before_ns);
        else if (best == NULL || l->served < best->served)
            best = l;
    }
    return best;
}

static void wait_until(struct su_sender *s, struct peer *p, uint64_t when_ns)
{
    const struct timespec t = {.tv_sec = (time_t)(when_ns / (1000 * NS_PER_MS)),
                               .tv_nsec = (long)(when_ns % (1000 * NS_PER_MS))};

    p->n_waiting++;
    (void)pthread_cond_timedwait(&p->cond, &s->lock, &t);
    p->n_waiting--;
}

/* The next line to serve, marked busy; NULL when the worker is to end. */
static struct su_sender_line *next_line(struct su_sender *s, struct peer *p)
{
    uint64_t idle_since = su_clock_mono_ns();

    while (!atomic_load(&s->closing)) {
        uint64_t now = su_clock_mono_ns(), when = UINT64_MAX;
        struct su_sender_line *l = pick(p, now, &when);
        if (l != NULL) {
            l->busy = true;
            l->served = now;
            return l;
        }
        if (when == UINT64_MAX) {
            when = idle_since + IDLE_MS * NS_PER_MS;
            if (now >= when)
                return NULL;
        }
        wait_until(s, p, when);
    }
    return NULL;
}

/* ---- one call -------------------------------------------------------------------------------- */

static bool is_closing(void *ctx)
{
    struct su_sender_line *l = ctx;

    return atomic_load(&l->closing) || atomic_load(&l->sender->closing);
}

/* Who answered is there and may be ready soon; who did not costs a connection each time. */
static uint64_t pause_ns(const struct su_sender *s, const struct su_sender_stat *stat)
{
    bool hopeless =
        stat->refusal == SU_WIRE_REFUSED_FORMAT || stat->refusal == SU_WIRE_REFUSED_SIGNATURE;
    uint64_t most = s->o.pause_max_ms, ms;
    uint32_t random;

    if (hopeless)
        most *= HOPELESS_FACTOR;
    else if (stat->refusal != 0)
        most = SU_MAX(most / ANSWERED_SHARE, (uint64_t)s->o.pause_ms);
    ms = hopeless ? most : SU_MIN((uint64_t)s->o.pause_ms << SU_MIN(stat->failures - 1, 20u), most);
    su_random(&random, sizeof random);
    return ms * NS_PER_MS / 2 + ms * NS_PER_MS / 2 * (random % 1024) / 1024;
}

/* Under the lock: what came of a call. */
static void account(struct su_sender *s, struct su_sender_line *l, enum su_code c,
                    const struct su_peer_answer *answer, size_t bytes, const struct su_err *e)
{
    if (c == SU_OK) {
        l->next_frame++;
        l->stat.bytes += bytes;
        l->stat.network_us += answer->network_us;
        l->stat.failures = 0;
        l->not_before_ns = 0;
        l->stat.taken_ns = l->waiting_since_ns = su_clock_mono_ns();
        return;
    }
    l->stat.failures++;
    l->stat.refusal = answer->refused ? answer->refusal : 0;
    su_str_copy(l->stat.text, sizeof l->stat.text, answer->refused ? answer->text : e->msg);
    l->not_before_ns = su_clock_mono_ns() + pause_ns(s, &l->stat);
    if (l->stat.failures == 1 || l->stat.failures % 64 == 0)
        su_log(SU_LOG_INFO, "sender", "%s: frame %u not taken (%u times): %s", l->peer->endpoint,
               l->next_frame, l->stat.failures, l->stat.text);
}

/* Sends the next frame of a line. Without the lock; the line is busy. */
static enum su_code send_one(struct work *w, struct su_sender_line *l,
                             struct su_peer_answer *answer, bool *none, struct su_err *e)
{
    *answer = (struct su_peer_answer){0};
    su_buf_clear(&w->frame);
    enum su_code c = l->source.frame(l->source.ctx, l->next_frame, &w->frame, e);
    *none = c != SU_OK;
    if (c != SU_OK)
        return c;
    const struct su_peer_call call = {
        .deadline_ms = w->s->o.call_ms + (uint32_t)(w->frame.len / 1024),
        .keep = w->keep,
        .cancelled = is_closing,
        .ctx = l,
    };
    return su_peer_post(&w->s->scope, w->p->endpoint, l->identity, w->frame.data, w->frame.len,
                        &call, answer, e);
}

static void serve(struct work *w, struct su_sender_line *l)
{
    struct su_peer_answer answer;
    struct su_err e = {0};
    uint64_t wakes = l->wakes;
    bool none;

    if (l->waiting_since_ns == 0)
        l->waiting_since_ns = su_clock_mono_ns();
    (void)pthread_mutex_unlock(&w->s->lock);
    enum su_code c = send_one(w, l, &answer, &none, &e);
    if (c == SU_OK && w->s->o.acknowledged != NULL)
        w->s->o.acknowledged(w->s->o.ctx);
    (void)pthread_mutex_lock(&w->s->lock);
    if (!none) {
        account(w->s, l, c, &answer, w->frame.len, &e);
    } else if (l->wakes == wakes) {
        l->ready = false;
        if (c == SU_ENOENT)
            l->waiting_since_ns = 0;
    }
    if (none && c != SU_ENOENT) {
        su_str_copy(l->stat.text, sizeof l->stat.text, e.msg);
        su_log(SU_LOG_WARN, "sender", "%s: frame %u cannot be had: %s", l->peer->endpoint,
               l->next_frame, e.msg);
    }
    l->busy = false;
    if (atomic_load(&l->closing))
        (void)pthread_cond_broadcast(&w->s->ended);
}

static void *worker(void *arg)
{
    struct work *w = arg;
    struct su_sender *s = w->s;
    struct su_sender_line *l;

    (void)pthread_mutex_lock(&s->lock);
    while ((l = next_line(s, w->p)) != NULL)
        serve(w, l);
    w->p->n_worker--;
    peer_release(s, w->p);
    (void)pthread_mutex_unlock(&s->lock);
    su_http_keep_free(w->keep);
    su_buf_fini(&w->frame);
    free(w);
    (void)pthread_mutex_lock(&s->lock);
    s->n_worker--;
    (void)pthread_cond_broadcast(&s->ended);
    (void)pthread_mutex_unlock(&s->lock);
    return NULL;
}

/* Under the lock: somebody looks after the ready lines of p. */
static void attend(struct su_sender *s, struct peer *p)
{
    uint32_t ready = 0;
    pthread_attr_t detached;
    pthread_t thread;

    for (const struct su_sender_line *l = p->lines; l != NULL; l = l->next)
        ready += l->ready && !l->busy;
    if (p->n_waiting != 0)
        (void)pthread_cond_broadcast(&p->cond);
    /* The first of an endpoint is always made, so that no endpoint waits for another. */
    if (ready <= p->n_waiting || p->n_worker >= SU_SENDER_CALLS ||
        (p->n_worker != 0 && s->n_worker >= SU_SENDER_CALLS_MAX))
        return;
    struct work *w = su_alloc(sizeof *w);
    w->s = s;
    w->p = p;
    su_buf_init(&w->frame, 0);
    if (su_http_keep_new(&w->keep, NULL) != SU_OK)
        w->keep = NULL;
    (void)pthread_attr_init(&detached);
    (void)pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    if (pthread_create(&thread, &detached, worker, w) == 0) {
        p->n_worker++;
        s->n_worker++;
    } else {
        su_log(SU_LOG_ERROR, "sender", "%s: cannot start a thread", p->endpoint);
        su_http_keep_free(w->keep);
        free(w);
    }
    (void)pthread_attr_destroy(&detached);
}

/* ---- lines ----------------------------------------------------------------------------------- */

enum su_code su_sender_line_open(struct su_sender *s, const char *endpoint,
                                 const uint8_t identity[32], const struct su_sender_source *source,
                                 uint32_t next, struct su_sender_line **out, struct su_err *e)
{
    char url[SU_HTTP_URL_MAX];

    *out = NULL;
    enum su_code c = su_peer_url(endpoint, "/", url, sizeof url, e);
    if (c != SU_OK)
        return c;
    struct su_sender_line *l = su_try_alloc(1, sizeof *l);
    if (l == NULL)
        return su_fail(e, SU_ENOMEM, endpoint, "no memory");
    l->sender = s;
    l->source = *source;
    l->next_frame = next;
    memcpy(l->identity, identity, 32);
    (void)pthread_mutex_lock(&s->lock);
    l->peer = peer_of(s, endpoint);
    l->next = l->peer->lines;
    l->peer->lines = l;
    l->peer->n_line++;
    l->ready = true;
    attend(s, l->peer);
    (void)pthread_mutex_unlock(&s->lock);
    *out = l;
    return SU_OK;
}

void su_sender_line_wake(struct su_sender_line *l)
{
    (void)pthread_mutex_lock(&l->sender->lock);
    l->wakes++;
    l->ready = true;
    attend(l->sender, l->peer);
    (void)pthread_mutex_unlock(&l->sender->lock);
}

void su_sender_line_close(struct su_sender_line *l)
{
    if (l == NULL)
        return;
    struct su_sender *s = l->sender;
    (void)pthread_mutex_lock(&s->lock);
    atomic_store(&l->closing, true);
    while (l->busy)
        (void)pthread_cond_wait(&s->ended, &s->lock);
    struct su_sender_line **at = &l->peer->lines;
    while (*at != l)
        at = &(*at)->next;
    *at = l->next;
    l->peer->n_line--;
    peer_release(s, l->peer);
    (void)pthread_mutex_unlock(&s->lock);
    free(l);
}

void su_sender_line_stat(struct su_sender_line *l, struct su_sender_stat *out)
{
    (void)pthread_mutex_lock(&l->sender->lock);
    *out = l->stat;
    out->acknowledged = l->next_frame;
    out->idle = !l->ready && !l->busy;
    if (l->waiting_since_ns != 0)
        out->waiting_ms = (su_clock_mono_ns() - l->waiting_since_ns) / NS_PER_MS;
    (void)pthread_mutex_unlock(&l->sender->lock);
}
