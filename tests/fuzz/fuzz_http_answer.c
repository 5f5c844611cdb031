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

/* Answers one connection at a time. */
static struct {
    int listener;
    char url[64];
    pthread_mutex_t lock; /* of what is answered */
    struct su_buf bytes;
    size_t cut;
} server = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* Who asked may have left by now, and have set the bytes anew: they are copied. */
static void send_bytes(int fd)
{
    struct su_buf b;

    su_buf_init(&b, 0);
    (void)pthread_mutex_lock(&server.lock);
    su_buf_put(&b, server.bytes.data, server.bytes.len);
    size_t cut = server.cut;
    (void)pthread_mutex_unlock(&server.lock);
    SU_ASSERT(!b.failed && cut <= b.len);
    (void)send(fd, b.data, cut, MSG_NOSIGNAL);
    (void)send(fd, b.data + cut, b.len - cut, MSG_NOSIGNAL);
    su_buf_fini(&b);
}

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
    send_bytes(fd);
    (void)shutdown(fd, SHUT_WR);
    while (recv(fd, text, sizeof text, 0) > 0)
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

    su_buf_init(&server.bytes, 0);
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
    (void)pthread_mutex_lock(&server.lock);
    su_buf_clear(&server.bytes);
    su_buf_put(&server.bytes, data + 1, size - 1);
    server.cut = (size - 1) * data[0] / 256;
    SU_ASSERT(!server.bytes.failed);
    (void)pthread_mutex_unlock(&server.lock);
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
