// SPDX-License-Identifier: MIT
#include "peer.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Waits for the connection. */
static enum su_peer_listens finish(int fd, uint32_t ms)
{
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    socklen_t n = sizeof(int);
    int error = 0;

    if (poll(&p, 1, (int)ms) != 1 || getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n) != 0)
        return SU_PEER_SILENT;
    return error == 0 ? SU_PEER_LISTENS : error == ECONNREFUSED ? SU_PEER_REFUSES : SU_PEER_SILENT;
}

static enum su_peer_listens connect_to(const struct addrinfo *a, uint32_t ms)
{
    int fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, a->ai_protocol);
    enum su_peer_listens what = SU_PEER_SILENT;

    if (fd < 0)
        return what;
    if (connect(fd, a->ai_addr, a->ai_addrlen) == 0)
        what = SU_PEER_LISTENS;
    else if (errno == EINPROGRESS)
        what = finish(fd, ms);
    else if (errno == ECONNREFUSED)
        what = SU_PEER_REFUSES;
    (void)close(fd);
    return what;
}

enum su_peer_listens su_peer_listens(const char *endpoint, uint32_t ms)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    enum su_peer_listens what = SU_PEER_SILENT;
    struct addrinfo *list = NULL;
    char url[SU_HTTP_URL_MAX], host[SU_HTTP_URL_MAX];
    char *from = host;

    if (su_peer_url(endpoint, "/", url, sizeof url, NULL) != SU_OK ||
        !su_str_copy(host, sizeof host, endpoint))
        return what;
    char *colon = strrchr(host, ':');
    *colon = 0;
    if (host[0] == '[') {
        colon[-1] = 0;
        from++;
    }
    if (getaddrinfo(from, colon + 1, &hints, &list) != 0)
        return what;
    what = SU_PEER_REFUSES;
    for (const struct addrinfo *a = list; a && what != SU_PEER_LISTENS; a = a->ai_next) {
        enum su_peer_listens one = connect_to(a, ms);
        if (one != SU_PEER_REFUSES)
            what = one;
    }
    freeaddrinfo(list);
    return what;
}
