// SPDX-License-Identifier: MIT
#include "rpc_priv.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECTIONS_MAX 128u
#define REQUEST_MAX 8192u /* bytes of the request for an upgrade */
#define OUT_MAX (8u << 20) /* a client that does not read is dropped */
#define TICK_MS 20
#define SHAKE_MS 10000

struct connection {
    int fd;
    bool open; /* upgraded */
    bool closing; /* once everything is sent */
    uint64_t since_ns;
    struct rpc_frames frames;
    struct su_buf out;
    struct rpc_subscriber subscriber;
};

struct rpc_ws {
    struct su_ledger *ledger;
    int listener, wake[2];
    uint16_t port;
    pthread_t thread;
    size_t n;
    struct connection *connection[CONNECTIONS_MAX];
};

/* ---- connections ----------------------------------------------------------------------------- */

static void drop(struct rpc_ws *s, size_t i)
{
    struct connection *c = s->connection[i];

    close(c->fd);
    rpc_subscriber_fini(&c->subscriber);
    rpc_frames_fini(&c->frames);
    su_buf_fini(&c->out);
    free(c);
    s->connection[i] = s->connection[--s->n];
}

static void take_new(struct rpc_ws *s)
{
    int fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    if (fd < 0)
        return;
    struct connection *c = s->n < CONNECTIONS_MAX ? su_try_alloc(1, sizeof *c) : NULL;
    if (c == NULL) {
        close(fd);
        return;
    }
    c->fd = fd;
    c->since_ns = su_clock_mono_ns();
    rpc_frames_init(&c->frames);
    su_buf_init(&c->out, OUT_MAX);
    s->connection[s->n++] = c;
}

static bool shake(struct connection *c)
{
    struct su_buf *in = &c->frames.in;
    char text[REQUEST_MAX + 1];
    size_t n = SU_MIN(in->len, (size_t)REQUEST_MAX);

    if (n == 0)
        return true;
    memcpy(text, in->data, n);
    text[n] = '\0';
    const char *end = strstr(text, "\r\n\r\n");
    if (end == NULL)
        return in->len < REQUEST_MAX && strlen(text) == n;
    size_t head = (size_t)(end - text) + 4;
    text[head] = '\0';
    c->open = rpc_ws_shake(text, &c->out);
    c->closing = !c->open;
    in->len -= head;
    memmove(in->data, in->data + head, in->len);
    return true;
}

static void answer(struct rpc_ws *s, struct connection *c)
{
    const struct rpc_service service = {
        .ledger = s->ledger, .find = rpc_subscribe_find, .ctx = &c->subscriber};
    struct su_buf text;

    su_buf_init(&text, OUT_MAX);
    rpc_answer(&service, c->frames.message.data, c->frames.message.len, &text);
    if (text.len > 0)
        rpc_frame_put(&c->out, 1, text.data, text.len);
    su_buf_fini(&text);
}

/* False: the connection is to be dropped. */
static bool receive(struct rpc_ws *s, struct connection *c)
{
    uint8_t bytes[4096];
    ssize_t n = recv(c->fd, bytes, sizeof bytes, 0);

    if (n < 0)
        return errno == EAGAIN || errno == EINTR;
    if (n == 0)
        return false;
    su_buf_put(&c->frames.in, bytes, (size_t)n);
    if (c->frames.in.failed || (!c->open && !c->closing && !shake(c)))
        return false;
    while (c->open && !c->closing) {
        enum rpc_frame got = rpc_frames_next(&c->frames, &c->out);
        if (got == RPC_FRAME_MORE)
            return true;
        if (got == RPC_FRAME_BAD)
            return false;
        if (got == RPC_FRAME_CLOSE)
            c->closing = true;
        else
            answer(s, c);
    }
    return true;
}

static bool flush(struct connection *c)
{
    while (c->out.len > 0) {
        ssize_t n = send(c->fd, c->out.data, c->out.len, MSG_NOSIGNAL);
        if (n <= 0)
            return n < 0 && (errno == EAGAIN || errno == EINTR);
        c->out.len -= (size_t)n;
        memmove(c->out.data, c->out.data + n, c->out.len);
    }
    return !c->closing;
}

/* ---- the loop -------------------------------------------------------------------------------- */

static void tick(struct rpc_ws *s)
{
    uint64_t now = su_clock_mono_ns();

    for (size_t i = s->n; i-- > 0;) {
        struct connection *c = s->connection[i];
        if (c->open && !c->closing)
            rpc_subscriber_poll(s->ledger, &c->subscriber, &c->out);
        bool late = !c->open && now - c->since_ns > (uint64_t)SHAKE_MS * 1000000;
        if (late || c->out.failed || !flush(c))
            drop(s, i);
    }
}

static void *run(void *ctx)
{
    struct rpc_ws *s = ctx;
    struct pollfd fds[CONNECTIONS_MAX + 2];

    for (;;) {
        fds[0] = (struct pollfd){.fd = s->wake[0], .events = POLLIN};
        fds[1] = (struct pollfd){.fd = s->listener, .events = POLLIN};
        size_t n = s->n;
        for (size_t i = 0; i < n; i++)
            fds[i + 2] = (struct pollfd){
                .fd = s->connection[i]->fd,
                .events = (short)(POLLIN | (s->connection[i]->out.len > 0 ? POLLOUT : 0))};
        (void)poll(fds, (nfds_t)(n + 2), n > 0 ? TICK_MS : -1);
        if (fds[0].revents != 0)
            break;
        for (size_t i = n; i-- > 0;)
            if (fds[i + 2].revents != 0 && !receive(s, s->connection[i]))
                drop(s, i);
        if (fds[1].revents != 0)
            take_new(s);
        tick(s);
    }
    while (s->n > 0)
        drop(s, s->n - 1);
    return NULL;
}

/* ---- start and stop -------------------------------------------------------------------------- */

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static bool address_of(const char *bind_to, uint16_t port, union address *a, socklen_t *n)
{
    *a = (union address){0};
    if (inet_pton(AF_INET, bind_to, &a->v4.sin_addr) == 1) {
        a->v4.sin_family = AF_INET;
        a->v4.sin_port = htons(port);
        *n = sizeof a->v4;
        return true;
    }
    a->v6.sin6_family = AF_INET6;
    a->v6.sin6_port = htons(port);
    *n = sizeof a->v6;
    return inet_pton(AF_INET6, bind_to, &a->v6.sin6_addr) == 1;
}

static enum su_code listen_on(struct rpc_ws *s, const char *bind_to, uint16_t port,
                              struct su_err *e)
{
    union address a;
    socklen_t n = 0;
    int one = 1;

    if (!address_of(bind_to, port, &a, &n))
        return su_fail(e, SU_EINVAL, bind_to, "is not a numeric address to listen on");
    s->listener = socket(a.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (s->listener >= 0)
        (void)setsockopt(s->listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (s->listener < 0 || bind(s->listener, &a.any, n) != 0 || listen(s->listener, 64) != 0 ||
        getsockname(s->listener, &a.any, &n) != 0) {
        if (errno == EADDRINUSE)
            return su_fail(e, SU_EBUSY, bind_to,
                           "port %u, for subscriptions, is in use: choose another port for the "
                           "server or 0",
                           port);
        return su_fail(e, SU_ENET, bind_to, "cannot listen on port %u: %s", port, strerror(errno));
    }
    s->port = ntohs(a.any.sa_family == AF_INET ? a.v4.sin_port : a.v6.sin6_port);
    return SU_OK;
}

enum su_code rpc_ws_start(struct su_ledger *l, const char *bind_to, uint16_t port,
                          struct rpc_ws **out, struct su_err *e)
{
    struct rpc_ws *s = su_alloc(sizeof *s);

    *out = NULL;
    s->ledger = l;
    s->listener = s->wake[0] = s->wake[1] = -1;
    enum su_code rc = listen_on(s, bind_to != NULL ? bind_to : "127.0.0.1", port, e);
    if (rc == SU_OK &&
        (pipe2(s->wake, O_CLOEXEC) != 0 || pthread_create(&s->thread, NULL, run, s) != 0))
        rc = su_fail(e, SU_ENET, "subscriptions", "no thread or pipe left for the server");
    if (rc == SU_OK) {
        *out = s;
        return SU_OK;
    }
    for (int i = 0; i < 2; i++)
        if (s->wake[i] >= 0)
            close(s->wake[i]);
    if (s->listener >= 0)
        close(s->listener);
    free(s);
    return rc;
}

uint16_t rpc_ws_port(const struct rpc_ws *s)
{
    return s != NULL ? s->port : 0;
}

void rpc_ws_stop(struct rpc_ws *s)
{
    if (s == NULL)
        return;
    (void)!write(s->wake[1], "", 1);
    (void)pthread_join(s->thread, NULL);
    close(s->wake[0]);
    close(s->wake[1]);
    close(s->listener);
    free(s);
}
