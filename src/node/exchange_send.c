// SPDX-License-Identifier: MIT
#include "exchange_priv.h"

#include <stdlib.h>
#include <string.h>

static enum su_code frame_of(void *ctx, uint32_t i, struct su_buf *out, struct su_err *e)
{
    struct su_flow *f = ctx;

    return su_journal_stream_get(f->stream, i, out, e);
}

void su_flow_ready_lines(struct su_flow *f)
{
    (void)pthread_mutex_lock(&f->lock);
    for (struct su_destination *d = f->destinations; d != NULL; d = d->next)
        su_sender_line_ready(d->line);
    (void)pthread_mutex_unlock(&f->lock);
}

/* Takes the destination of an identity (NULL = any) out of the list. */
static struct su_destination *take(struct su_flow *f, const uint8_t *identity)
{
    (void)pthread_mutex_lock(&f->lock);
    struct su_destination **at = &f->destinations, *d;
    while ((d = *at) != NULL && identity != NULL && memcmp(d->identity, identity, 32) != 0)
        at = &d->next;
    if (d != NULL)
        *at = d->next;
    (void)pthread_mutex_unlock(&f->lock);
    return d;
}

static void destination_free(struct su_destination *d)
{
    if (d == NULL)
        return;
    su_sender_line_close(d->line);
    free(d);
}

void su_flow_close_lines(struct su_flow *f)
{
    struct su_destination *d;

    (void)pthread_mutex_lock(&f->line_lock);
    while ((d = take(f, NULL)) != NULL)
        destination_free(d);
    (void)pthread_mutex_unlock(&f->line_lock);
}

static bool is_left(struct su_flow *f)
{
    (void)pthread_mutex_lock(&f->x->lock);
    bool left = f->run->leaving;
    (void)pthread_mutex_unlock(&f->x->lock);
    return left;
}

static bool sends_there(struct su_flow *f, const uint8_t identity[32], const char *endpoint)
{
    bool there = false;

    (void)pthread_mutex_lock(&f->lock);
    for (const struct su_destination *d = f->destinations; d != NULL; d = d->next)
        there |= memcmp(d->identity, identity, 32) == 0 && strcmp(d->endpoint, endpoint) == 0;
    (void)pthread_mutex_unlock(&f->lock);
    return there;
}

/* Under line_lock. */
static enum su_code send(struct su_flow *f, const uint8_t identity[32], const char *endpoint,
                         struct su_err *e)
{
    const struct su_sender_source source = {frame_of, f};
    struct su_destination *d = su_alloc(sizeof *d);

    memcpy(d->identity, identity, 32);
    enum su_code c = su_str_copy(d->endpoint, sizeof d->endpoint, endpoint)
                         ? SU_OK
                         : su_fail(e, SU_EINVAL, endpoint, "is longer than an endpoint");
    if (c == SU_OK && is_left(f))
        c = su_fail(e, SU_ECANCELLED, f->name, "its execution was left");
    destination_free(c == SU_OK ? take(f, identity) : NULL);
    if (c == SU_OK)
        c = su_sender_line_open(f->x->sender, endpoint, identity, &source, 0, &d->line, e);
    if (c != SU_OK) {
        free(d);
        return c;
    }
    (void)pthread_mutex_lock(&f->lock);
    d->next = f->destinations;
    f->destinations = d;
    su_sender_line_wake(d->line); /* for a frame that came before it was in the list */
    (void)pthread_mutex_unlock(&f->lock);
    return SU_OK;
}

enum su_code su_flow_send(struct su_flow *f, const uint8_t identity[32], const char *endpoint,
                          bool again, struct su_err *e)
{
    enum su_code c = SU_OK;

    if (!f->own)
        return su_fail(e, SU_EINVAL, f->name, "is not ours to be sent");
    if (memcmp(identity, su_peer_self_key(f->x->o.self), 32) == 0)
        return SU_OK;
    (void)pthread_mutex_lock(&f->line_lock);
    if (again || !sends_there(f, identity, endpoint))
        c = send(f, identity, endpoint, e);
    (void)pthread_mutex_unlock(&f->line_lock);
    return c;
}

void su_flow_unsend(struct su_flow *f, const uint8_t identity[32])
{
    (void)pthread_mutex_lock(&f->line_lock);
    destination_free(take(f, identity));
    (void)pthread_mutex_unlock(&f->line_lock);
}

uint64_t su_flow_taken_ns(struct su_flow *f)
{
    uint64_t last = 0;

    (void)pthread_mutex_lock(&f->lock);
    uint32_t frames = su_journal_stream_count(f->stream);
    for (struct su_destination *d = f->destinations; d != NULL && frames > 0; d = d->next) {
        struct su_sender_stat stat;
        su_sender_line_stat(d->line, &stat);
        last = SU_MAX(last, stat.acknowledged < frames ? UINT64_MAX : stat.taken_ns);
    }
    (void)pthread_mutex_unlock(&f->lock);
    return last;
}

void su_flow_stat_lines(struct su_flow *f, struct su_exchange_stat *out)
{
    (void)pthread_mutex_lock(&f->lock);
    for (struct su_destination *d = f->destinations; d != NULL; d = d->next) {
        uint32_t frames = su_journal_stream_count(f->stream);
        struct su_sender_stat stat;
        su_sender_line_stat(d->line, &stat);
        out->lines++;
        out->unacknowledged += frames - SU_MIN(frames, stat.acknowledged);
        out->sent += stat.acknowledged;
        out->sent_bytes += stat.bytes;
        out->network_us += stat.network_us;
        out->waiting_ms = SU_MAX(out->waiting_ms, stat.waiting_ms);
    }
    (void)pthread_mutex_unlock(&f->lock);
}
