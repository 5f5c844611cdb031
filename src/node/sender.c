// SPDX-License-Identifier: MIT
#include "sender.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

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
    uint32_t n_line, n_worker;
    struct work *workers, *idle; /* all, and those without work */
    struct peer *next;
};
struct su_sender {
    struct su_sender_opts o;
    uint8_t program_id[32], genesis[32];
    struct su_wire_scope scope;
    pthread_mutex_t lock; /* of everything below and in peers and lines */
    pthread_cond_t ended; /* a worker or a call has, or the beginning of one */
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
    struct su_http_line *line; /* the same */
    int wake; /* an eventfd: there is work, or an end */
    struct work *next, *next_idle; /* of the peer */
    bool lent; /* to a thread that begins its call */
    uint32_t n_begun; /* frames of the call that was begun */
    uint64_t since_ns; /* when its call began */
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

static void wake(const struct work *w)
{
    const uint64_t one = 1;

    while (write(w->wake, &one, sizeof one) < 0 && errno == EINTR)
        ;
}

static void wake_all(const struct peer *p)
{
    for (const struct work *w = p->workers; w != NULL; w = w->next)
        wake(w);
}

void su_sender_free(struct su_sender *s)
{
    if (s == NULL)
        return;
    (void)pthread_mutex_lock(&s->lock);
    atomic_store(&s->closing, true);
    for (struct peer *p = s->peers; p != NULL; p = p->next) {
        SU_ASSERT(p->lines == NULL);
        wake_all(p);
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

    while (p != NULL && strcmp(p->endpoint, endpoint) != 0)
        p = p->next;
    if (p != NULL)
        return p;
    p = su_alloc(sizeof *p);
    su_str_copy(p->endpoint, sizeof p->endpoint, endpoint);
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

static void leave_idle(struct work *w)
{
    struct work **at = &w->p->idle;

    while (*at != NULL && *at != w)
        at = &(*at)->next_idle;
    if (*at == w)
        *at = w->next_idle;
}

/* Until it is woken, its connection has something, or the time has come. Whoever takes it off the list of
   idle ones meanwhile begins its call. */
static void wait_until(struct work *w, uint64_t now, uint64_t when_ns)
{
    struct su_sender *s = w->s;
    int fd = w->line != NULL ? su_http_line_fd(w->line) : -1;
    struct pollfd p[2] = {{.fd = w->wake, .events = POLLIN}, {.fd = fd, .events = POLLIN}};
    uint64_t ms = (when_ns - now + NS_PER_MS - 1) / NS_PER_MS, drained;

    w->next_idle = w->p->idle;
    w->p->idle = w;
    (void)pthread_mutex_unlock(&s->lock);
    bool any = poll(p, 2, (int)SU_MIN(ms, (uint64_t)IDLE_MS)) > 0;
    (void)pthread_mutex_lock(&s->lock);
    while (w->lent)
        (void)pthread_cond_wait(&s->ended, &s->lock);
    leave_idle(w);
    if (any && p[0].revents != 0 && read(w->wake, &drained, sizeof drained) < 0 && errno != EAGAIN)
        su_log(SU_LOG_WARN, "sender", "%s: cannot read an eventfd", w->p->endpoint);
    if (any && p[1].revents != 0 && w->n == 0) /* it was closed */
        su_http_line_close(w->line);
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

/* All lines that are ready for one node get their turn; false: there is none, and *when there may be. */
static bool take_turns(struct work *w, uint64_t now, uint64_t *when)
{
    struct su_sender_line *l = pick(w->p, now, when);

    if (l == NULL)
        return false;
    take_turn(w, l, now);
    for (struct su_sender_line *o = w->p->lines; o != NULL && w->n < SU_PEER_TOGETHER_MAX;
         o = o->next)
        if (o->ready && !o->busy && !atomic_load(&o->closing) && o->not_before_ns <= now &&
            memcmp(o->identity, l->identity, 32) == 0)
            take_turn(w, o, now);
    w->since_ns = now;
    return true;
}

/* The lines to serve next, marked busy. False when the worker is to end. */
static bool next_lines(struct work *w)
{
    struct su_sender *s = w->s;
    struct peer *p = w->p;
    uint64_t idle_since = su_clock_mono_ns();

    while (w->n > 0 || !atomic_load(&s->closing)) {
        uint64_t now = su_clock_mono_ns(), when = UINT64_MAX;
        if (w->n > 0) /* somebody else has begun */
            return true;
        if (take_turns(w, now, &when)) {
            attend(s, p); /* to what is left */
            return true;
        }
        if (when == UINT64_MAX) {
            when = idle_since + IDLE_MS * NS_PER_MS;
            if (now >= when)
                return false;
        }
        wait_until(w, now, when);
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

static struct su_peer_call call_of(struct work *w)
{
    return (struct su_peer_call){
        .deadline_ms = w->s->o.call_ms + (uint32_t)(w->frames.len / 1024),
        .keep = w->keep,
        .line = w->line,
        .since_ns = w->since_ns,
        .cancelled = is_closing,
        .ctx = w,
    };
}

/* Sends the next frames of the lines that have their turn, or what was begun of that. Without the lock;
   they are busy. */
static void send_all(struct work *w)
{
    uint32_t n = w->n_begun != 0 ? w->n_begun : gather(w), k = 0;
    const struct su_peer_call call = call_of(w);
    struct su_err e = {0};

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
    w->n = w->n_begun = 0;
    if (closing)
        (void)pthread_cond_broadcast(&w->s->ended);
}

static struct work *work_new(struct su_sender *s, struct peer *p)
{
    struct work *w = su_alloc(sizeof *w);

    w->s = s;
    w->p = p;
    su_buf_init(&w->frames, 0);
    w->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (su_http_keep_new(&w->keep, NULL) != SU_OK)
        w->keep = NULL;
    if (su_http_line_new(&w->line, NULL) != SU_OK)
        w->line = NULL;
    return w;
}

static void work_free(struct work *w)
{
    if (w->wake >= 0)
        (void)close(w->wake);
    su_http_keep_free(w->keep);
    su_http_line_free(w->line);
    su_buf_fini(&w->frames);
    free(w);
}

static void *worker(void *arg)
{
    struct work *w = arg;
    struct su_sender *s = w->s;

    (void)pthread_mutex_lock(&s->lock);
    while (next_lines(w))
        serve(w);
    struct work **at = &w->p->workers;
    while (*at != w)
        at = &(*at)->next;
    *at = w->next;
    w->p->n_worker--;
    peer_release(s, w->p);
    (void)pthread_mutex_unlock(&s->lock);
    work_free(w);
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
    if (any && p->idle != NULL)
        wake(p->idle);
    /* The first of an endpoint is always made, so that no endpoint waits for another. */
    if (!any || p->idle != NULL || p->n_worker >= SU_SENDER_CALLS ||
        (p->n_worker != 0 && s->n_worker >= SU_SENDER_CALLS_MAX))
        return;
    struct work *w = work_new(s, p);
    (void)pthread_attr_init(&detached);
    (void)pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    if (w->wake >= 0 && pthread_create(&thread, &detached, worker, w) == 0) {
        w->next = p->workers;
        p->workers = w;
        p->n_worker++;
        s->n_worker++;
    } else {
        su_log(SU_LOG_ERROR, "sender", "%s: cannot start a thread", p->endpoint);
        work_free(w);
    }
    (void)pthread_attr_destroy(&detached);
}

/* Under the lock, which it lets go of meanwhile: writes what is ready for p over the connection of an idle
   worker, which finds the answer there without having been woken for it. */
static void begin(struct su_sender *s, struct peer *p)
{
    uint64_t now = su_clock_mono_ns(), when = UINT64_MAX;
    struct work *w = p->idle;

    if (w == NULL || w->line == NULL || su_http_line_fd(w->line) < 0 || !take_turns(w, now, &when))
        return;
    p->idle = w->next_idle;
    w->lent = true;
    (void)pthread_mutex_unlock(&s->lock);
    w->n_begun = gather(w);
    const struct su_peer_call call = call_of(w);
    bool begun =
        w->n_begun != 0 && su_peer_post_begin(p->endpoint, w->frames.data, w->frames.len, &call);
    (void)pthread_mutex_lock(&s->lock);
    w->lent = false;
    (void)pthread_cond_broadcast(&s->ended); /* it may wait for that */
    if (!begun)
        wake(w);
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

static void attend_all(struct su_sender *s)
{
    for (struct peer *p = s->peers; p != NULL; p = p->next)
        attend(s, p);
}

void su_sender_attend(struct su_sender *s, bool now)
{
    (void)pthread_mutex_lock(&s->lock);
    /* The list may change while one begins; who is passed by is attended to below. */
    for (struct peer *p = now ? s->peers : NULL; p != NULL; p = p->next)
        begin(s, p);
    attend_all(s);
    (void)pthread_mutex_unlock(&s->lock);
}

void su_sender_line_wake(struct su_sender_line *l)
{
    su_sender_line_ready(l);
    su_sender_attend(l->sender, false);
}

void su_sender_line_close(struct su_sender_line *l)
{
    if (l == NULL)
        return;
    struct su_sender *s = l->sender;
    (void)pthread_mutex_lock(&s->lock);
    atomic_store(&l->closing, true);
    if (l->busy)
        wake_all(l->peer); /* its call may have been begun by another */
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
