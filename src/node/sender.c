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

/* A line with its turn, and what comes of it. */
struct turn {
    struct su_sender_line *line;
    uint64_t wakes; /* of the line when it began */
    size_t bytes; /* of its frame; 0: there is none */
    enum su_code code; /* of the source without a frame, else of the call */
    struct su_err e;
};
/* What a worker goes about with. */
struct work {
    struct su_sender *s;
    struct peer *p;
    struct su_http_keep *keep; /* NULL when there was no memory for one */
    struct su_buf frames;
    struct turn turn[SU_PEER_TOGETHER_MAX];
    uint32_t n; /* turns of this call */
    struct su_peer_answer
        answer[SU_PEER_TOGETHER_MAX]; /* to those that have a frame, in their order */
    enum su_code each[SU_PEER_TOGETHER_MAX];
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

static void attend(struct su_sender *s, struct peer *p);

static void take_turn(struct work *w, struct su_sender_line *l, uint64_t now)
{
    l->busy = true;
    l->served = now;
    if (l->waiting_since_ns == 0)
        l->waiting_since_ns = now;
    w->turn[w->n++] = (struct turn){.line = l, .wakes = l->wakes};
}

/* The lines to serve next, marked busy: all that are ready for one node. False when the worker is to
   end. */
static bool next_lines(struct work *w)
{
    struct su_sender *s = w->s;
    struct peer *p = w->p;
    uint64_t idle_since = su_clock_mono_ns();

    while (!atomic_load(&s->closing)) {
        uint64_t now = su_clock_mono_ns(), when = UINT64_MAX;
        struct su_sender_line *l = pick(p, now, &when);
        w->n = 0;
        if (l != NULL) {
            take_turn(w, l, now);
            for (struct su_sender_line *o = p->lines; o != NULL && w->n < SU_PEER_TOGETHER_MAX;
                 o = o->next)
                if (o->ready && !o->busy && !atomic_load(&o->closing) && o->not_before_ns <= now &&
                    memcmp(o->identity, l->identity, 32) == 0)
                    take_turn(w, o, now);
            attend(s, p); /* to what is left */
            return true;
        }
        if (when == UINT64_MAX) {
            when = idle_since + IDLE_MS * NS_PER_MS;
            if (now >= when)
                return false;
        }
        wait_until(s, p, when);
    }
    return false;
}

/* ---- one call -------------------------------------------------------------------------------- */

/* A line that is closed ends the call of all that go with it: they go out again at once. */
static bool is_closing(void *ctx)
{
    const struct work *w = ctx;
    bool any = atomic_load(&w->s->closing);

    for (uint32_t i = 0; i < w->n && !any; i++)
        any = atomic_load(&w->turn[i].line->closing);
    return any;
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

/* The next frame of each line, as far as they go into one call; how many there are. */
static uint32_t gather(struct work *w)
{
    uint32_t n = 0;

    su_buf_clear(&w->frames);
    for (uint32_t i = 0; i < w->n; i++) {
        struct turn *t = &w->turn[i];
        struct su_sender_line *l = t->line;
        size_t before = w->frames.len;
        t->code = l->source.frame(l->source.ctx, l->next_frame, &w->frames, &t->e);
        if (t->code != SU_OK) {
            w->frames.len = before;
            continue;
        }
        t->bytes = w->frames.len - before;
        if (n > 0 && w->frames.len > SU_SENDER_CALL_BYTES) { /* another time */
            w->frames.len = before;
            t->bytes = 0;
            continue;
        }
        n++;
    }
    return n;
}

/* Sends the next frames of the lines that have their turn. Without the lock; they are busy. */
static void send_all(struct work *w)
{
    uint32_t n = gather(w), k = 0;
    struct su_err e = {0};
    const struct su_peer_call call = {
        .deadline_ms = w->s->o.call_ms + (uint32_t)(w->frames.len / 1024),
        .keep = w->keep,
        .cancelled = is_closing,
        .ctx = w,
    };

    if (n == 0)
        return;
    memset(w->answer, 0, n * sizeof *w->answer);
    enum su_code c =
        su_peer_post_all(&w->s->scope, w->p->endpoint, w->turn[0].line->identity, w->frames.data,
                         w->frames.len, n, &call, w->each, w->answer, &e);
    for (uint32_t i = 0; i < w->n; i++) {
        if (w->turn[i].bytes == 0)
            continue;
        w->turn[i].code = c != SU_OK ? c : w->each[k];
        w->turn[i].e = e;
        k++;
        if (w->turn[i].code == SU_OK && w->s->o.acknowledged != NULL)
            w->s->o.acknowledged(w->s->o.ctx);
    }
}

/* Under the lock: a line that had no frame. */
static void without(struct su_sender_line *l, const struct turn *t)
{
    if (t->code == SU_OK) /* it had one that did not go with the others */
        return;
    if (l->wakes == t->wakes) {
        l->ready = false;
        if (t->code == SU_ENOENT)
            l->waiting_since_ns = 0;
    }
    if (t->code != SU_ENOENT) {
        su_str_copy(l->stat.text, sizeof l->stat.text, t->e.msg);
        su_log(SU_LOG_WARN, "sender", "%s: frame %u cannot be had: %s", l->peer->endpoint,
               l->next_frame, t->e.msg);
    }
}

static void serve(struct work *w)
{
    bool closing = false;
    uint32_t k = 0;

    (void)pthread_mutex_unlock(&w->s->lock);
    send_all(w);
    (void)pthread_mutex_lock(&w->s->lock);
    for (uint32_t i = 0; i < w->n; i++) {
        struct turn *t = &w->turn[i];
        struct su_sender_line *l = t->line;
        bool mine = atomic_load(&l->closing);
        if (t->bytes == 0)
            without(l, t);
        else if (t->code != SU_ECANCELLED || mine)
            account(w->s, l, t->code, &w->answer[k], t->bytes, &t->e);
        k += t->bytes != 0;
        l->busy = false;
        closing |= mine;
    }
    if (closing)
        (void)pthread_cond_broadcast(&w->s->ended);
}

static void *worker(void *arg)
{
    struct work *w = arg;
    struct su_sender *s = w->s;

    (void)pthread_mutex_lock(&s->lock);
    while (next_lines(w))
        serve(w);
    w->p->n_worker--;
    peer_release(s, w->p);
    (void)pthread_mutex_unlock(&s->lock);
    su_http_keep_free(w->keep);
    su_buf_fini(&w->frames);
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
    bool any = false;
    pthread_attr_t detached;
    pthread_t thread;

    for (const struct su_sender_line *l = p->lines; l != NULL; l = l->next)
        any |= l->ready && !l->busy && !atomic_load(&l->closing);
    /* One takes all that it can, and passes on what is left. */
    if (any && p->n_waiting != 0)
        (void)pthread_cond_signal(&p->cond);
    /* The first of an endpoint is always made, so that no endpoint waits for another. */
    if (!any || p->n_waiting != 0 || p->n_worker >= SU_SENDER_CALLS ||
        (p->n_worker != 0 && s->n_worker >= SU_SENDER_CALLS_MAX))
        return;
    struct work *w = su_alloc(sizeof *w);
    w->s = s;
    w->p = p;
    su_buf_init(&w->frames, 0);
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

void su_sender_line_ready(struct su_sender_line *l)
{
    (void)pthread_mutex_lock(&l->sender->lock);
    l->wakes++;
    l->ready = true;
    (void)pthread_mutex_unlock(&l->sender->lock);
}

void su_sender_attend(struct su_sender *s)
{
    (void)pthread_mutex_lock(&s->lock);
    for (struct peer *p = s->peers; p != NULL; p = p->next)
        attend(s, p);
    (void)pthread_mutex_unlock(&s->lock);
}

void su_sender_line_wake(struct su_sender_line *l)
{
    su_sender_line_ready(l);
    su_sender_attend(l->sender);
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
