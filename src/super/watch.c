// SPDX-License-Identifier: MIT
#include "super_priv.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void log_write(const struct super_child *c, const char *p, size_t n)
{
    while (c->log_fd >= 0 && n > 0) {
        ssize_t put = write(c->log_fd, p, n);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0) /* a full disk must not stop the network */
            return;
        p += put;
        n -= (size_t)put;
    }
}

/* One line, or a piece of one that is too long. */
static void line_end(struct su_super *s, unsigned id, unsigned which, bool cut)
{
    struct super_child *c = s->children[id];
    struct super_stream *t = &c->streams[which];

    t->line[t->len] = 0;
    (void)pthread_mutex_lock(&s->lock);
    if (which == 0 && !c->first_done) {
        memcpy(c->first, t->line, t->len + 1);
        c->first_len = t->len;
        c->first_cut = cut;
        c->first_done = true;
    } else if (which == 1 && t->len > 0) {
        char *place = c->tail[c->tail_count++ % SUPER_TAIL_LINES];
        su_str_sanitize(place, SUPER_TAIL_BYTES, t->line, t->len);
    }
    (void)pthread_cond_broadcast(&s->changed);
    (void)pthread_mutex_unlock(&s->lock);
    if (c->on_line != NULL)
        c->on_line(c->ctx, id, which == 0 ? SU_SUPER_STDOUT : SU_SUPER_STDERR, t->line, t->len);
    t->len = 0;
}

static void stream_close(struct su_super *s, unsigned id, unsigned which)
{
    struct super_stream *t = &s->children[id]->streams[which];

    if (t->fd < 0)
        return;
    if (t->len > 0)
        line_end(s, id, which, false);
    (void)close(t->fd);
    t->fd = -1;
}

/* Reads once. False when nothing was there, or nothing will be any more. */
static bool stream_read(struct su_super *s, unsigned id, unsigned which)
{
    struct super_child *c = s->children[id];
    struct super_stream *t = &c->streams[which];
    char raw[4096];

    if (t->fd < 0)
        return false;
    ssize_t n = read(t->fd, raw, sizeof raw);
    if (n < 0 && errno == EINTR)
        return true;
    if (n < 0 && errno == EAGAIN)
        return false;
    if (n <= 0) {
        stream_close(s, id, which);
        return false;
    }
    log_write(c, raw, (size_t)n);
    for (ssize_t i = 0; i < n; i++) {
        if (t->len == SU_SUPER_LINE_MAX && raw[i] != '\n')
            line_end(s, id, which, true);
        if (raw[i] == '\n')
            line_end(s, id, which, false);
        else
            t->line[t->len++] = raw[i];
    }
    return true;
}

/* What the child wrote before its end is in the pipes, or they are closed; a process that it left
   behind may hold them open and write for ever, so the rest is bounded. */
static void child_ended(struct su_super *s, unsigned id, int status)
{
    struct super_child *c = s->children[id];

    for (unsigned which = 0; which < 2; which++) {
        for (unsigned i = 0; i < 1024 && stream_read(s, id, which); i++)
            ;
        stream_close(s, id, which);
    }
    (void)pthread_mutex_lock(&s->lock);
    c->ended = true;
    c->status = status;
    (void)pthread_cond_broadcast(&s->changed);
    (void)pthread_mutex_unlock(&s->lock);
}

static void keeper_lost(struct su_super *s, unsigned n)
{
    (void)pthread_mutex_lock(&s->lock);
    s->lost = true;
    for (unsigned i = 0; i < n; i++)
        s->children[i]->answered = true;
    (void)pthread_cond_broadcast(&s->changed);
    (void)pthread_mutex_unlock(&s->lock);
    for (unsigned i = 0; i < n; i++)
        if (!s->children[i]->ended)
            child_ended(s, i, 9); /* the kernel kills it when its parent dies */
}

/* One note of the keeper. False at its end. */
static bool note_take(struct su_super *s)
{
    struct super_note note;
    ssize_t n;

    do
        n = recv(s->sock, &note, sizeof note, MSG_WAITALL);
    while (n < 0 && errno == EINTR);
    if (n != (ssize_t)sizeof note)
        return false;
    (void)pthread_mutex_lock(&s->lock);
    bool known = note.id < s->n_children;
    if (known && note.kind == NOTE_SPAWNED) {
        struct super_child *c = s->children[note.id];
        c->pid = note.pid;
        c->spawn_errno = note.value;
        c->answered = true;
        (void)pthread_cond_broadcast(&s->changed);
    }
    (void)pthread_mutex_unlock(&s->lock);
    if (known && (note.kind == NOTE_ENDED || note.value != 0))
        child_ended(s, note.id, note.kind == NOTE_ENDED ? note.value : 127 << 8);
    return true;
}

/* Fills p with the streams that are open and whose they are. */
static unsigned streams_poll(struct su_super *s, unsigned n, struct pollfd *p, uint16_t *whose)
{
    unsigned count = 0;

    for (unsigned i = 0; i < 2 * n; i++) {
        int fd = s->children[i / 2]->streams[i % 2].fd;
        if (fd >= 0) {
            p[count] = (struct pollfd){fd, POLLIN, 0};
            whose[count++] = (uint16_t)i;
        }
    }
    return count;
}

void super_wake(struct su_super *s)
{
    const uint64_t one = 1;
    ssize_t n = write(s->wake, &one, sizeof one);

    (void)n; /* full: it is awake */
}

void *super_watch(void *network)
{
    struct su_super *s = network;
    struct pollfd p[2 + 2 * SU_SUPER_CHILDREN_MAX];
    uint16_t whose[2 * SU_SUPER_CHILDREN_MAX];
    uint64_t wakes;

    for (;;) {
        (void)pthread_mutex_lock(&s->lock);
        unsigned n = s->n_children;
        bool ending = s->ending, lost = s->lost;
        (void)pthread_mutex_unlock(&s->lock);
        if (ending)
            return NULL;
        p[0] = (struct pollfd){s->wake, POLLIN, 0};
        p[1] = (struct pollfd){lost ? -1 : s->sock, POLLIN, 0};
        unsigned count = streams_poll(s, n, p + 2, whose);
        if (poll(p, 2 + count, -1) < 0)
            continue;
        if (p[0].revents != 0 && read(s->wake, &wakes, sizeof wakes) < 0)
            continue;
        for (unsigned i = 0; i < count; i++)
            if (p[2 + i].revents != 0)
                (void)stream_read(s, whose[i] / 2u, whose[i] % 2u);
        if (p[1].revents != 0 && !note_take(s)) {
            (void)pthread_mutex_lock(&s->lock);
            n = s->n_children;
            (void)pthread_mutex_unlock(&s->lock);
            keeper_lost(s, n);
        }
    }
}
