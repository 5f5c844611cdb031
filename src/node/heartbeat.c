// SPDX-License-Identifier: MIT
#include "beats.h"
#include "fault.h"
#include "peer/peer.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct line { /* to one oracle */
    struct node_beats *beats;
    pthread_t thread;
    struct node_beats_to to;
    uint64_t told; /* number of the last frame it was told, or is being told */
    bool in_use, busy, complained;
};
struct node_beats {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    uint8_t program[32], genesis[32];
    struct line line[SU_ORACLES_MAX];
    size_t n_thread;
    struct su_buf frame;
    uint64_t number; /* of the frame; 0 = none yet */
    uint32_t deadline_ms;
    struct node_beats_counts counts;
    bool ending;
};

static bool on_cancelled(void *ctx)
{
    struct line *l = ctx;

    pthread_mutex_lock(&l->beats->lock);
    bool ending = l->beats->ending;
    pthread_mutex_unlock(&l->beats->lock);
    return ending;
}

/* A refusal or a dead oracle is worth one line in the log until it is well again. */
static void judge(struct line *l, const struct node_beats_to *to, enum su_code rc,
                  const struct su_err *why)
{
    struct node_beats *b = l->beats;
    char text[600];

    if (rc == SU_OK || rc == SU_EEXIST) {
        b->counts.acknowledged++;
        b->counts.last_ms = su_clock_wall_ms();
        if (l->complained)
            su_log(SU_LOG_INFO, "node", "oracle %s hears us again", to->endpoint);
        l->complained = false;
    } else if (!l->complained && !b->ending) {
        su_err_line(why, text, sizeof text);
        su_log(SU_LOG_WARN, "node", "heartbeat to oracle %s: %s", to->endpoint, text);
        l->complained = true;
    }
}

#define SLOW_MS 3000u /* of the fault slow-link */

/* As if the beat were on its way for so long. */
static void dawdle(struct line *l)
{
    const struct timespec nap = {.tv_nsec = 50000000};

    for (uint32_t ms = 0; ms < SLOW_MS && su_node_fault_slow() && !on_cancelled(l); ms += 50)
        (void)nanosleep(&nap, NULL);
}

/* Called and returns with the lock held. */
static void tell(struct line *l, struct su_http_keep *keep, struct su_http_line *line)
{
    struct node_beats *b = l->beats;
    const struct node_beats_to to = l->to;
    const struct su_wire_scope scope = {b->program, b->genesis};
    const struct su_peer_call call = {.deadline_ms = b->deadline_ms,
                                      .keep = keep,
                                      .line = line,
                                      .cancelled = on_cancelled,
                                      .ctx = l};
    struct su_err why = {0};
    struct su_buf copy;

    su_buf_init(&copy, 0);
    su_buf_put(&copy, b->frame.data, b->frame.len);
    l->told = b->number;
    l->busy = true;
    b->counts.sent++;
    pthread_mutex_unlock(&b->lock);
    dawdle(l);
    enum su_code rc = copy.failed ? su_fail(&why, SU_ENOMEM, NULL, "no memory")
                                  : su_peer_post(&scope, to.endpoint, to.key, copy.data, copy.len,
                                                 &call, NULL, &why);
    su_buf_fini(&copy);
    pthread_mutex_lock(&b->lock);
    l->busy = false;
    judge(l, &to, rc, &why);
    pthread_cond_broadcast(&b->wake);
}

static void *run(void *arg)
{
    struct line *l = arg;
    struct node_beats *b = l->beats;
    struct su_http_keep *keep = NULL;
    struct su_http_line *line = NULL;

    if (su_http_keep_new(&keep, NULL) != SU_OK)
        keep = NULL; /* a connection each time, then */
    if (su_http_line_new(&line, NULL) != SU_OK)
        line = NULL;
    pthread_mutex_lock(&b->lock);
    while (!b->ending) {
        if (l->in_use && l->told != b->number)
            tell(l, keep, line);
        else
            pthread_cond_wait(&b->wake, &b->lock);
    }
    pthread_mutex_unlock(&b->lock);
    su_http_line_free(line);
    su_http_keep_free(keep);
    return NULL;
}

enum su_code node_beats_new(const struct su_wire_scope *scope, struct node_beats **out,
                            struct su_err *e)
{
    struct node_beats *b = su_alloc(sizeof *b);
    pthread_condattr_t monotonic;

    *out = NULL;
    memcpy(b->program, scope->program_id, 32);
    memcpy(b->genesis, scope->genesis, 32);
    su_buf_init(&b->frame, 0);
    pthread_mutex_init(&b->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&b->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    for (; b->n_thread < SU_ORACLES_MAX; b->n_thread++) {
        struct line *l = &b->line[b->n_thread];
        l->beats = b;
        int failed = pthread_create(&l->thread, NULL, run, l);
        if (failed) {
            node_beats_free(b);
            return su_fail_sys(e, failed, "heartbeat", "its threads cannot be made");
        }
    }
    *out = b;
    return SU_OK;
}

void node_beats_direct(struct node_beats *b, const struct node_beats_to *to, size_t n)
{
    pthread_mutex_lock(&b->lock);
    for (size_t i = 0; i < SU_ORACLES_MAX; i++) {
        struct line *l = &b->line[i];
        l->in_use = i < n && to[i].endpoint[0];
        if (l->in_use)
            l->to = to[i];
        l->told = b->number; /* a new one waits for the next beat, which is fresh */
    }
    pthread_mutex_unlock(&b->lock);
}

void node_beats_send(struct node_beats *b, struct su_buf *frame, uint32_t deadline_ms)
{
    pthread_mutex_lock(&b->lock);
    struct su_buf old = b->frame;
    b->frame = *frame;
    *frame = old;
    su_buf_clear(frame);
    b->number++;
    b->deadline_ms = deadline_ms;
    pthread_cond_broadcast(&b->wake);
    pthread_mutex_unlock(&b->lock);
}

static bool all_told(const struct node_beats *b)
{
    for (size_t i = 0; i < SU_ORACLES_MAX; i++)
        if (b->line[i].in_use && (b->line[i].busy || b->line[i].told != b->number))
            return false;
    return true;
}

bool node_beats_flush(struct node_beats *b, uint32_t wait_ms)
{
    struct timespec until;
    bool all;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += wait_ms / 1000;
    until.tv_nsec += (long)(wait_ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&b->lock);
    while (!(all = all_told(b)))
        if (pthread_cond_timedwait(&b->wake, &b->lock, &until) != 0)
            break;
    pthread_mutex_unlock(&b->lock);
    return all;
}

void node_beats_counts(struct node_beats *b, struct node_beats_counts *out)
{
    pthread_mutex_lock(&b->lock);
    *out = b->counts;
    pthread_mutex_unlock(&b->lock);
}

void node_beats_free(struct node_beats *b)
{
    if (!b)
        return;
    pthread_mutex_lock(&b->lock);
    b->ending = true;
    pthread_cond_broadcast(&b->wake);
    pthread_mutex_unlock(&b->lock);
    for (size_t i = 0; i < b->n_thread; i++)
        pthread_join(b->line[i].thread, NULL);
    su_buf_fini(&b->frame);
    pthread_cond_destroy(&b->wake);
    pthread_mutex_destroy(&b->lock);
    free(b);
}
