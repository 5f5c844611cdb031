// SPDX-License-Identifier: MIT
#include "support/rawhttp.h"

#include "base/base.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct raw_server {
    void (*serve)(void *ctx, int fd, const char *request, unsigned n);
    void *ctx;
    int fd;
    uint16_t port;
    atomic_uint hits;
    atomic_bool stop;
    pthread_t thread;
};

static void read_request(int fd, char *out, size_t cap)
{
    size_t n = 0;

    out[0] = 0;
    while (n + 1 < cap && strstr(out, "\r\n\r\n") == NULL) {
        ssize_t k = recv(fd, out + n, cap - 1 - n, 0);

        if (k <= 0) {
            return;
        }
        n += (size_t)k;
        out[n] = 0;
    }
}

static void *serve_all(void *arg)
{
    struct raw_server *s = arg;
    char request[8192];

    while (!atomic_load(&s->stop)) {
        struct pollfd p = {.fd = s->fd, .events = POLLIN};

        if (poll(&p, 1, 20) <= 0) {
            continue;
        }
        int fd = accept(s->fd, NULL, NULL);
        if (fd < 0) {
            continue;
        }
        struct timeval limit = {.tv_sec = 5};
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
        read_request(fd, request, sizeof request);
        unsigned n = atomic_fetch_add(&s->hits, 1);
        s->serve(s->ctx, fd, request, n);
        shutdown(fd, SHUT_WR);
        close(fd);
    }
    return NULL;
}

struct raw_server *raw_server_start(void (*serve)(void *ctx, int fd, const char *request,
                                                  unsigned n),
                                    void *ctx)
{
    struct raw_server *s = su_alloc(sizeof *s);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;

    s->serve = serve;
    s->ctx = ctx;
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    SU_ASSERT(s->fd >= 0);
    SU_ASSERT(bind(s->fd, (struct sockaddr *)&a, sizeof a) == 0);
    SU_ASSERT(listen(s->fd, 16) == 0);
    SU_ASSERT(getsockname(s->fd, (struct sockaddr *)&a, &len) == 0);
    s->port = ntohs(a.sin_port);
    SU_ASSERT(pthread_create(&s->thread, NULL, serve_all, s) == 0);
    return s;
}

uint16_t raw_server_port(const struct raw_server *s)
{
    return s->port;
}

unsigned raw_server_hits(struct raw_server *s)
{
    return atomic_load(&s->hits);
}

void raw_server_stop(struct raw_server *s)
{
    atomic_store(&s->stop, true);
    pthread_join(s->thread, NULL);
    close(s->fd);
    free(s);
}

void raw_send(int fd, const void *data, size_t n)
{
    const char *p = data;

    while (n > 0) {
        ssize_t k = send(fd, p, n, MSG_NOSIGNAL);

        if (k <= 0) {
            return;
        }
        p += k;
        n -= (size_t)k;
    }
}

void raw_send_text(int fd, const char *text)
{
    raw_send(fd, text, strlen(text));
}

uint64_t raw_range_start(const char *request)
{
    const char *p = strcasestr(request, "range: bytes=");

    return p != NULL ? strtoull(p + strlen("range: bytes="), NULL, 10) : 0;
}

void raw_pause(int fd, unsigned ms)
{
    struct pollfd p = {.fd = fd, .events = POLLIN | POLLRDHUP};

    (void)poll(&p, 1, (int)ms);
}
