// SPDX-License-Identifier: MIT
/* What a server answers over a plain connection: any bytes, in two pieces and then the end. The call ends
   with a reply within its limit or with one of the errors it names. */
#include "http/http.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BODY_MAX = 4096 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Answers one connection at a time. Who connects has set the bytes, and reads until they end. */
static struct {
    int listener;
    const uint8_t *data;
    size_t size, cut;
    char url[64];
} server;

static void answer(int fd)
{
    char text[1024];
    size_t n = 0;

    while (n < sizeof text && (n < 4 || memcmp(text + n - 4, "\r\n\r\n", 4) != 0)) {
        ssize_t k = recv(fd, text + n, sizeof text - n, 0);
        if (k <= 0)
            return;
        n += (size_t)k;
    }
    (void)send(fd, server.data, server.cut, MSG_NOSIGNAL);
    (void)send(fd, server.data + server.cut, server.size - server.cut, MSG_NOSIGNAL);
    (void)shutdown(fd, SHUT_WR);
    while (recv(fd, text, sizeof text, 0) >
           0) /* the bytes are in use until the other side is done */
        continue;
}

static void *serve(void *unused)
{
    int on = 1;

    (void)unused;
    for (;;) {
        int fd = accept(server.listener, NULL, NULL);
        SU_ASSERT(fd >= 0);
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        answer(fd);
        (void)close(fd);
    }
    return NULL;
}

static void start(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t n = sizeof a;
    pthread_t thread;

    server.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    SU_ASSERT(server.listener >= 0 && bind(server.listener, (struct sockaddr *)&a, n) == 0 &&
              listen(server.listener, 8) == 0 &&
              getsockname(server.listener, (struct sockaddr *)&a, &n) == 0);
    (void)snprintf(server.url, sizeof server.url, "http://127.0.0.1:%u/p", ntohs(a.sin_port));
    SU_ASSERT(pthread_create(&thread, NULL, serve, NULL) == 0);
    (void)pthread_detach(thread);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct su_http_opts opts = {.max_bytes = BODY_MAX};
    struct su_http_line *line;
    struct su_http_reply reply;
    struct su_err e = {0};

    if (size == 0)
        return 0;
    if (server.url[0] == 0)
        start();
    server.data = data + 1;
    server.size = size - 1;
    server.cut = server.size * data[0] / 256;
    SU_ASSERT(su_http_line_new(&line, &e) == SU_OK);
    enum su_code c = su_http_line_post(line, server.url, NULL, 0, NULL, 0, &opts, &reply, &e);
    if (c == SU_OK) {
        SU_ASSERT(reply.status >= 200 && reply.status <= 999 && reply.body.len <= BODY_MAX);
        SU_ASSERT(strlen(reply.content_type) < sizeof reply.content_type);
        su_http_reply_fini(&reply);
    } else {
        SU_ASSERT(c == SU_ENET || c == SU_ETRUNC || c == SU_EFORMAT || c == SU_ELIMIT ||
                  c == SU_EUNSUPPORTED);
        SU_ASSERT(e.code == c && e.msg[0] != 0);
    }
    su_http_line_free(line);
    return 0;
}
