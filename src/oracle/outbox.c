// SPDX-License-Identifier: MIT
/* Posts to other oracles, a queue and a thread for each, and to nodes, a queue for all and some
   couriers. A full queue loses its oldest post: whatever matters is said again. */
#include "oracle_priv.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    POST_MS = 3000, /* deadline of one */
    INPUT_MS = 30000,
    AGAIN_MS = 1000, /* a notice that was not acknowledged */
};

struct ora_bytes *ora_bytes_of(const void *data, size_t n)
{
    struct ora_bytes *b = su_try_alloc(1, sizeof *b + n);

    if (!b)
        return NULL;
    atomic_init(&b->holders, 1);
    b->n = n;
    if (n > 0)
        memcpy(b->data, data, n);
    return b;
}

struct ora_bytes *ora_bytes_hold(struct ora_bytes *b)
{
    if (b)
        (void)atomic_fetch_add(&b->holders, 1);
    return b;
}

void ora_bytes_drop(struct ora_bytes *b)
{
    if (b && atomic_fetch_sub(&b->holders, 1) == 1)
        free(b);
}

/* ---- queues ---------------------------------------------------------------------------------------- */

void ora_queue_init(struct ora_queue *q)
{
    memset(q, 0, sizeof *q);
    (void)pthread_mutex_init(&q->lock, NULL);
    (void)pthread_cond_init(&q->more, NULL);
}

static struct ora_post *take_first(struct ora_queue *q)
{
    struct ora_post *p = q->first;

    if (p) {
        q->first = p->next;
        q->last = p->next ? q->last : NULL;
        q->n--;
    }
    return p;
}

static void post_free(struct ora_post *p)
{
    if (p)
        ora_bytes_drop(p->bytes);
    free(p);
}

void ora_queue_fini(struct ora_queue *q)
{
    while (q->first)
        post_free(take_first(q));
    (void)pthread_cond_destroy(&q->more);
    (void)pthread_mutex_destroy(&q->lock);
}

void ora_queue_wake(struct ora_queue *q)
{
    (void)pthread_mutex_lock(&q->lock);
    (void)pthread_cond_broadcast(&q->more);
    (void)pthread_mutex_unlock(&q->lock);
}

/* Takes over p. */
static void put(struct ora_queue *q, struct ora_post *p)
{
    struct ora_post *lost = NULL;

    p->next = NULL;
    (void)pthread_mutex_lock(&q->lock);
    if (q->n >= ORA_QUEUE_MAX)
        lost = take_first(q);
    if (q->last)
        q->last->next = p;
    else
        q->first = p;
    q->last = p;
    q->n++;
    (void)pthread_cond_signal(&q->more);
    (void)pthread_mutex_unlock(&q->lock);
    post_free(lost);
}

/* Waits for the next post; NULL at the end. */
static struct ora_post *wait_next(struct su_oracle *o, struct ora_queue *q)
{
    struct ora_post *p = NULL;

    (void)pthread_mutex_lock(&q->lock);
    while (!ora_stopping(o) && !(p = take_first(q)))
        (void)pthread_cond_wait(&q->more, &q->lock);
    (void)pthread_mutex_unlock(&q->lock);
    return p;
}

static bool cancelled(void *oracle)
{
    return ora_stopping(oracle);
}

static struct ora_post *post_new(struct ora_bytes *bytes)
{
    struct ora_post *p = su_try_alloc(1, sizeof *p);

    if (p)
        p->bytes = ora_bytes_hold(bytes);
    return p;
}

/* ---- other oracles ----------------------------------------------------------------------------------- */

static void *peer_thread(void *peer)
{
    struct ora_peer *p = peer;
    struct su_oracle *o = p->oracle;
    struct su_http_keep *keep = NULL;
    struct su_http_line *line = NULL;
    struct ora_post *post;

    if (su_http_keep_new(&keep, NULL) != SU_OK)
        keep = NULL;
    if (su_http_line_new(&line, NULL) != SU_OK)
        line = NULL;
    while ((post = wait_next(o, &p->queue))) {
        struct su_peer_call call = {.deadline_ms = post->input ? INPUT_MS : POST_MS,
                                    .forwarded = true,
                                    .keep = keep,
                                    .line = line,
                                    .cancelled = cancelled,
                                    .ctx = o};
        struct su_peer_answer answer = {.refused = false};
        struct su_err e = {0};
        char endpoint[SU_ENDPOINT_MAX + 1];
        (void)pthread_mutex_lock(&o->lock);
        memcpy(endpoint, p->endpoint, sizeof endpoint);
        (void)pthread_mutex_unlock(&o->lock);
        enum su_code rc = post->input
                              ? su_peer_input_post(endpoint, post->execution, post->bytes->data,
                                                   post->bytes->n, &call, &e)
                              : su_peer_post(su_peer_self_scope(o->self), endpoint, p->key,
                                             post->bytes->data, post->bytes->n, &call, &answer, &e);
        (void)pthread_mutex_lock(&o->lock);
        if (rc == SU_OK || answer.refused)
            p->heard_ms = su_clock_wall_ms();
        (void)pthread_mutex_unlock(&o->lock);
        if (rc != SU_OK && rc != SU_EEXIST && rc != SU_ECANCELLED)
            su_log(SU_LOG_DEBUG, "oracle", "%s: %s", endpoint, e.msg);
        post_free(post);
    }
    su_http_line_free(line);
    su_http_keep_free(keep);
    return NULL;
}

struct ora_peer *ora_peer_of(struct su_oracle *o, const uint8_t key[32])
{
    for (size_t i = 0; i < o->n_peer; i++)
        if (memcmp(o->peer[i]->key, key, 32) == 0)
            return o->peer[i];
    return NULL;
}

void ora_peer_know(struct su_oracle *o, const uint8_t key[32], const char *endpoint)
{
    struct ora_peer *p = ora_peer_of(o, key);

    if (!p) {
        if (o->n_peer == ORA_PEERS_MAX)
            return;
        p = su_alloc(sizeof *p);
        p->oracle = o;
        memcpy(p->key, key, 32);
        ora_queue_init(&p->queue);
        o->peer[o->n_peer++] = p;
    }
    (void)su_str_copy(p->endpoint, sizeof p->endpoint, endpoint);
    if (!p->running && p->endpoint[0] && !ora_stopping(o))
        p->running = pthread_create(&p->thread, NULL, peer_thread, p) == 0;
}

static void tell_all(struct su_oracle *o, struct ora_bytes *bytes, const uint8_t *input_of)
{
    (void)pthread_mutex_lock(&o->lock);
    for (size_t i = 0; i < o->n_peer && bytes; i++) {
        struct ora_post *p = o->peer[i]->running ? post_new(bytes) : NULL;
        if (!p)
            continue;
        p->input = input_of != NULL;
        if (input_of)
            memcpy(p->execution, input_of, 32);
        put(&o->peer[i]->queue, p);
    }
    (void)pthread_mutex_unlock(&o->lock);
}

void ora_tell_peers(struct su_oracle *o, struct ora_bytes *frame)
{
    tell_all(o, frame, NULL);
}

void ora_tell_peers_input(struct su_oracle *o, const uint8_t execution[32], struct ora_bytes *b)
{
    tell_all(o, b, execution);
}

/* ---- nodes ------------------------------------------------------------------------------------------- */

static void acknowledged(struct su_oracle *o, const struct ora_post *post, uint32_t ms)
{
    (void)pthread_mutex_lock(&o->lock);
    struct ora_exec *x = ora_exec_find(o, post->execution);
    struct ora_person *p = ora_person_of(o, post->to);
    for (size_t i = 0; x && i < x->n_notice; i++)
        if (x->notice[i].topic == post->topic && memcmp(x->notice[i].identity, post->to, 32) == 0)
            x->notice[i].acknowledged = true;
    if (p)
        p->rtt_ms = ms;
    (void)pthread_mutex_unlock(&o->lock);
}

void *ora_courier(void *oracle)
{
    struct su_oracle *o = oracle;
    struct su_http_keep *keep = NULL;
    struct ora_post *post;

    if (su_http_keep_new(&keep, NULL) != SU_OK)
        keep = NULL;
    while ((post = wait_next(o, &o->nodes))) {
        const struct su_peer_call call = {
            .deadline_ms = POST_MS, .keep = keep, .cancelled = cancelled, .ctx = o};
        struct su_peer_answer answer;
        struct su_err e = {0};
        enum su_code rc = su_peer_post(su_peer_self_scope(o->self), post->endpoint, post->to,
                                       post->bytes->data, post->bytes->n, &call, &answer, &e);
        if (rc == SU_OK || rc == SU_EEXIST)
            acknowledged(o, post, (uint32_t)(answer.network_us / 1000));
        else if (rc != SU_ECANCELLED)
            su_log(SU_LOG_DEBUG, "oracle", "node %s: %s", post->endpoint, e.msg);
        post_free(post);
    }
    su_http_keep_free(keep);
    return NULL;
}

/* True when it is to be said now. Under the lock. */
static bool due(struct ora_exec *x, const uint8_t identity[32], uint32_t topic)
{
    uint64_t now = su_clock_mono_ns();
    size_t i = 0;

    while (i < x->n_notice &&
           (x->notice[i].topic != topic || memcmp(x->notice[i].identity, identity, 32) != 0))
        i++;
    if (i == x->n_notice) {
        if (!x->notice)
            x->notice = su_alloc(ORA_NOTICES * sizeof *x->notice);
        if (i == ORA_NOTICES) { /* the oldest are settled long ago */
            memmove(x->notice, x->notice + 1, (ORA_NOTICES - 1) * sizeof *x->notice);
            x->n_notice = --i;
        }
        memset(&x->notice[i], 0, sizeof *x->notice);
        memcpy(x->notice[i].identity, identity, 32);
        x->notice[i].topic = topic;
        x->n_notice++;
    } else if (x->notice[i].acknowledged ||
               now - x->notice[i].sent_ns < (uint64_t)AGAIN_MS * 1000000u) {
        return false;
    }
    x->notice[i].sent_ns = now;
    return true;
}

void ora_notify(struct su_oracle *o, struct ora_exec *x, const uint8_t identity[32],
                const char *endpoint, uint32_t topic, struct ora_bytes *frame)
{
    (void)pthread_mutex_lock(&o->lock);
    bool now = frame && *endpoint && due(x, identity, topic);
    (void)pthread_mutex_unlock(&o->lock);
    struct ora_post *p = now ? post_new(frame) : NULL;
    if (!p)
        return;
    (void)su_str_copy(p->endpoint, sizeof p->endpoint, endpoint);
    memcpy(p->to, identity, 32);
    memcpy(p->execution, x->key, 32);
    p->topic = topic;
    put(&o->nodes, p);
}
