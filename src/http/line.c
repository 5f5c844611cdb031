// SPDX-License-Identifier: MIT
/* Requests over one connection without libcurl, which takes longer to set a request up than a small one is
   on its way. */
#include "http/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define NS_PER_MS UINT64_C(1000000)
enum { POLL_MS = 50, HEAD_MAX = 8192, INTERIM_MAX = 8, AUTHORITY_MAX = 64 };

struct su_http_line {
    int fd; /* -1: none */
    char authority[AUTHORITY_MAX]; /* of the server at its other end */
    char foreign[AUTHORITY_MAX]; /* of one that answers in a way not understood here */
    struct su_buf head; /* of the request under way */
    size_t sent; /* bytes of it and its body */
    bool begun, heard; /* something of the answer came */
};

/* Where a URL leads. */
struct target {
    char authority[AUTHORITY_MAX];
    const char *path;
    struct sockaddr_storage addr;
    socklen_t addr_len;
};
/* One call. */
struct talk {
    struct su_http_line *l;
    const char *url;
    const struct target *t;
    const struct su_http_opts *o;
    const uint8_t *body;
    size_t body_len;
    uint64_t connect_ns, deadline_ns, last_ns; /* last: when a byte went or came */
    uint32_t stall_ms;
};
/* What the head of an answer says. */
struct answer {
    int status;
    bool close, sized;
    uint64_t bytes;
};

enum su_code su_http_line_new(struct su_http_line **out, struct su_err *e)
{
    struct su_http_line *l = su_try_alloc(1, sizeof *l);

    *out = l;
    if (l == NULL)
        return su_fail(e, SU_ENOMEM, "line", "no memory");
    l->fd = -1;
    su_buf_init(&l->head, 0);
    return SU_OK;
}

void su_http_line_close(struct su_http_line *l)
{
    if (l->fd >= 0)
        (void)close(l->fd);
    l->fd = -1;
    l->begun = false;
}

void su_http_line_free(struct su_http_line *l)
{
    if (l == NULL)
        return;
    su_http_line_close(l);
    su_buf_fini(&l->head);
    free(l);
}

int su_http_line_fd(const struct su_http_line *l)
{
    return l->fd;
}

/* ---- requests -------------------------------------------------------------------------------- */

static bool set(const char *name)
{
    const char *value = getenv(name);

    return value != NULL && value[0] != 0;
}

/* The address in the authority; names are looked up by others. */
static bool address_of(const char *authority, struct target *t, bool *loopback)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)(void *)&t->addr;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)(void *)&t->addr;
    char host[AUTHORITY_MAX];
    uint64_t port = 80;

    su_str_copy(host, sizeof host, authority);
    char *end = host[0] == '[' ? strchr(host, ']') : strchr(host, ':');
    char *colon = end != NULL && *end == ']' ? end + 1 : end;
    if (colon != NULL && *colon == ':' &&
        su_parse_u64(colon + 1, NULL, 1, UINT16_MAX, &port, NULL) != SU_OK)
        return false;
    if (colon != NULL && *colon != ':' && *colon != 0)
        return false;
    if (end != NULL)
        *end = 0;
    if (host[0] == '[') {
        t->addr_len = sizeof *v6;
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons((uint16_t)port);
        *loopback = strcmp(host + 1, "::1") == 0;
        return end != NULL && inet_pton(AF_INET6, host + 1, &v6->sin6_addr) == 1;
    }
    t->addr_len = sizeof *v4;
    v4->sin_family = AF_INET;
    v4->sin_port = htons((uint16_t)port);
    *loopback = strncmp(host, "127.", 4) == 0;
    return inet_pton(AF_INET, host, &v4->sin_addr) == 1;
}

/* False: for libcurl. */
static bool target_of(const struct su_http_line *l, const char *url, struct target *t)
{
    static const char scheme[] = "http://";
    bool loopback = false;

    *t = (struct target){.addr_len = 0};
    if (strncmp(url, scheme, sizeof scheme - 1) != 0)
        return false;
    const char *authority = url + sizeof scheme - 1;
    size_t n = strcspn(authority, "/?#");
    t->path = authority + n;
    if (n == 0 || n >= sizeof t->authority || *t->path != '/')
        return false;
    memcpy(t->authority, authority, n);
    for (const char *p = t->path; *p != 0; p++)
        if (*p <= ' ' || *p > '~' || *p == '#')
            return false;
    return strcmp(l->foreign, t->authority) != 0 && address_of(t->authority, t, &loopback) &&
           (loopback || !(set("http_proxy") || set("all_proxy") || set("ALL_PROXY")));
}

static enum su_code write_head(struct su_http_line *l, const struct target *t,
                               const struct su_http_header *headers, size_t n, size_t body_len,
                               struct su_err *e)
{
    struct su_buf *b = &l->head;

    su_buf_clear(b);
    su_buf_printf(b,
                  "POST %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: splitup/" SU_VERSION
                  "\r\nAccept: */*\r\nContent-Length: %zu\r\n",
                  t->path, t->authority, body_len);
    for (size_t i = 0; i < n; i++) {
        const char *name = headers[i].name, *value = headers[i].value;
        /* A line break would smuggle in further headers. */
        if (strpbrk(name, "\r\n: ") != NULL || name[0] == 0 || strpbrk(value, "\r\n") != NULL)
            return su_fail(e, SU_EINVAL, t->authority, "malformed request header \"%s\"", name);
        su_buf_printf(b, "%s: %s\r\n", name, value);
    }
    su_buf_put(b, "\r\n", 2);
    l->sent = 0;
    l->heard = false;
    return su_buf_check(b, t->authority, e);
}

/* Writes what goes without waiting; false with errno. */
static bool write_some(struct su_http_line *l, const uint8_t *body, size_t body_len)
{
    size_t head = l->head.len - SU_MIN(l->sent, l->head.len);
    size_t rest = l->sent - (l->head.len - head);
    struct iovec v[2] = {{.iov_base = l->head.data + (l->head.len - head), .iov_len = head},
                         {.iov_base = (void *)(uintptr_t)(body_len > rest ? body + rest : body),
                          .iov_len = body_len - rest}};
    const struct msghdr m = {.msg_iov = v, .msg_iovlen = body_len > rest ? 2 : 1};

    ssize_t n = sendmsg(l->fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0)
        return false;
    l->sent += (size_t)n;
    return true;
}

/* Nothing came or ended unasked for. */
static bool is_quiet(const struct su_http_line *l)
{
    char c;

    return recv(l->fd, &c, 1, MSG_PEEK | MSG_DONTWAIT) < 0 &&
           (errno == EAGAIN || errno == EWOULDBLOCK);
}

bool su_http_line_begin(struct su_http_line *l, const char *url,
                        const struct su_http_header *headers, size_t nheaders, const void *body,
                        size_t body_len)
{
    struct target t;

    if (l->fd < 0 || l->begun || !target_of(l, url, &t) || strcmp(l->authority, t.authority) != 0 ||
        !is_quiet(l) || write_head(l, &t, headers, nheaders, body_len, NULL) != SU_OK ||
        !write_some(l, body, body_len))
        return false;
    l->begun = true;
    return l->sent == l->head.len + body_len;
}

/* ---- waiting --------------------------------------------------------------------------------- */

static enum su_code lost(const struct talk *k, const char *what, struct su_err *e)
{
    return su_fail(e, SU_ENET, k->url, "%s: %s%s%s", k->t->authority, what, errno != 0 ? ": " : "",
                   errno != 0 ? strerror(errno) : "");
}

/* Waits a moment for the socket; SU_OK also when there is nothing yet. */
static enum su_code look(struct talk *k, short events, struct su_err *e)
{
    const struct su_http_opts *o = k->o;
    struct pollfd p = {.fd = k->l->fd, .events = events};

    if (poll(&p, 1, POLL_MS) > 0)
        return SU_OK;
    uint64_t now = su_clock_mono_ns();
    if (o->cancelled != NULL && o->cancelled(o->ctx))
        return su_fail(e, SU_ECANCELLED, k->url, "cancelled");
    if (now >= k->deadline_ns)
        return su_fail(e, SU_ETIMEOUT, k->url, "no complete reply from %s within the deadline",
                       k->t->authority);
    if (now - k->last_ns >= k->stall_ms * NS_PER_MS)
        return su_fail(e, SU_ETIMEOUT, k->url, "%s sent nothing for %u ms", k->t->authority,
                       k->stall_ms);
    return SU_OK;
}

static enum su_code connect_line(struct talk *k, struct su_err *e)
{
    struct su_http_line *l = k->l;
    int on = 1, error = EINPROGRESS;
    socklen_t n = sizeof error;
    enum su_code c = SU_OK;

    l->fd = socket(k->t->addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (l->fd < 0)
        return lost(k, "no socket", e);
    (void)setsockopt(l->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    su_str_copy(l->authority, sizeof l->authority, k->t->authority);
    if (connect(l->fd, (const struct sockaddr *)&k->t->addr, k->t->addr_len) == 0)
        return SU_OK;
    if (errno != EINPROGRESS)
        return lost(k, "cannot connect", e);
    while (c == SU_OK && error == EINPROGRESS) {
        struct pollfd p = {.fd = l->fd, .events = POLLOUT};
        c = look(k, POLLOUT, e);
        if (c == SU_OK && poll(&p, 1, 0) > 0 &&
            getsockopt(l->fd, SOL_SOCKET, SO_ERROR, &error, &n) != 0)
            error = errno;
        if (c == SU_OK && error == EINPROGRESS && su_clock_mono_ns() >= k->connect_ns)
            c = su_fail(e, SU_ENET, k->url, "%s: cannot connect in time", k->t->authority);
    }
    errno = error;
    return c != SU_OK ? c : error == 0 ? SU_OK : lost(k, "cannot connect", e);
}

/* ---- answers --------------------------------------------------------------------------------- */

static enum su_code no_http(const struct talk *k, struct su_err *e)
{
    return su_fail(e, SU_EFORMAT, k->url, "%s does not speak HTTP", k->t->authority);
}

/* The value of the header line s .. end, when its name is this one; else NULL. */
static const char *value_of(const char *s, const char *end, const char *name, size_t *n)
{
    size_t k = strlen(name);

    if ((size_t)(end - s) <= k || s[k] != ':' || strncasecmp(s, name, k) != 0)
        return NULL;
    for (s += k + 1; s < end && (*s == ' ' || *s == '\t');)
        s++;
    while (end > s && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    *n = (size_t)(end - s);
    return s;
}

static bool take_length(struct answer *a, const char *s, size_t n)
{
    uint64_t bytes = 0;

    for (size_t i = 0; i < n; i++)
        if (s[i] < '0' || s[i] > '9' || !su_mul_u64(bytes, 10, &bytes) ||
            !su_add_u64(bytes, (uint64_t)(s[i] - '0'), &bytes))
            return false;
    if (n == 0 || (a->sized && a->bytes != bytes))
        return false;
    a->sized = true;
    a->bytes = bytes;
    return true;
}

static void take_text(char *out, size_t cap, const char *s, size_t n)
{
    n = n < cap && memchr(s, 0, n) == NULL ? n : 0;
    memcpy(out, s, n);
    out[n] = 0;
}

/* One header line. SU_EUNSUPPORTED: libcurl understands more. */
static enum su_code take_line(struct talk *k, struct answer *a, struct su_http_reply *r,
                              const char *s, const char *end, struct su_err *e)
{
    size_t n = 0;
    const char *v;

    if (s == end || *s == ' ' || *s == '\t' || memchr(s, ':', (size_t)(end - s)) == NULL)
        return no_http(k, e);
    if (value_of(s, end, "Transfer-Encoding", &n) != NULL)
        return su_fail(e, SU_EUNSUPPORTED, k->url, "%s answers in pieces", k->t->authority);
    if ((v = value_of(s, end, "Content-Length", &n)) != NULL && !take_length(a, v, n))
        return no_http(k, e);
    if ((v = value_of(s, end, "Connection", &n)) != NULL)
        a->close = a->close || n != 10 || strncasecmp(v, "keep-alive", n) != 0;
    if ((v = value_of(s, end, "Content-Type", &n)) != NULL)
        take_text(r->content_type, sizeof r->content_type, v, n);
    if ((v = value_of(s, end, "ETag", &n)) != NULL)
        take_text(r->etag, sizeof r->etag, v, n);
    return SU_OK;
}

/* The head of an answer, without the empty line at its end. */
static enum su_code take_head(struct talk *k, struct answer *a, struct su_http_reply *r,
                              const char *s, size_t n, struct su_err *e)
{
    const char *end = s + n, *next;
    enum su_code c = SU_OK;

    *a = (struct answer){.status = 0};
    r->content_type[0] = r->etag[0] = 0;
    if (n < 12 || strncmp(s, "HTTP/1.", 7) != 0 || (s[7] != '0' && s[7] != '1') || s[8] != ' ')
        return no_http(k, e);
    for (int i = 9; i < 12; i++) {
        if (s[i] < '0' || s[i] > '9')
            return no_http(k, e);
        a->status = a->status * 10 + (s[i] - '0');
    }
    a->close = s[7] == '0';
    for (next = memchr(s, '\n', n); c == SU_OK && next != NULL && next + 1 < end;) {
        s = next + 1;
        next = memchr(s, '\n', (size_t)(end - s));
        const char *stop = next != NULL ? next : end;
        c = take_line(k, a, r, s, stop > s && stop[-1] == '\r' ? stop - 1 : stop, e);
    }
    if (c == SU_OK && a->status >= 200 && a->status != 204 && a->status != 304 && !a->sized)
        c = su_fail(e, SU_EUNSUPPORTED, k->url, "%s answers without a length", k->t->authority);
    return c;
}

/* What there is to be read, into at[0 .. cap - 1], *n more bytes; 0: nothing yet. */
static enum su_code read_some(struct talk *k, void *at, size_t cap, size_t *n, struct su_err *e)
{
    *n = 0;
    ssize_t got = recv(k->l->fd, at, cap, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        return look(k, POLLIN, e);
    if (got > 0) {
        *n = (size_t)got;
        k->l->heard = true;
        k->last_ns = su_clock_mono_ns();
        return SU_OK;
    }
    if (got == 0)
        errno = 0;
    return k->l->heard && got == 0
               ? su_fail(e, SU_ETRUNC, k->url, "%s closed the connection early", k->t->authority)
               : lost(k, "the connection is lost", e);
}

static enum su_code send_all(struct talk *k, struct su_err *e)
{
    struct su_http_line *l = k->l;
    enum su_code c = SU_OK;

    while (c == SU_OK && l->sent < l->head.len + k->body_len) {
        if (write_some(l, k->body, k->body_len))
            k->last_ns = su_clock_mono_ns();
        else if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)
            c = look(k, POLLOUT, e);
        else /* an answer may say why */
            return errno == EPIPE || errno == ECONNRESET ? SU_OK : lost(k, "cannot send", e);
    }
    return c;
}

/* Behind a head, `more` bytes of its body came along with it. */
static enum su_code receive_body(struct talk *k, const struct answer *a, const uint8_t *begin,
                                 size_t more, struct su_http_reply *r, struct su_err *e)
{
    uint64_t cap = k->o->max_bytes != 0 ? k->o->max_bytes : SU_HTTP_BODY_MAX;
    uint64_t want = a->sized && a->status != 204 && a->status != 304 ? a->bytes : 0;
    enum su_code c = SU_OK;
    uint8_t piece[HEAD_MAX / 2];

    if (want > cap)
        return su_fail(e, SU_ELIMIT, k->url, "reply exceeds %llu bytes", (unsigned long long)cap);
    if (more > want)
        k->l->heard = false; /* what nobody asked for: the connection is of no more use */
    su_buf_put(&r->body, begin, (size_t)SU_MIN((uint64_t)more, want));
    while (c == SU_OK && !r->body.failed && r->body.len < want) {
        size_t n = 0;
        c = read_some(k, piece, (size_t)SU_MIN((uint64_t)sizeof piece, want - r->body.len), &n, e);
        su_buf_put(&r->body, piece, n);
    }
    return c != SU_OK ? c : su_buf_check(&r->body, k->url, e);
}

static enum su_code receive(struct talk *k, struct su_http_reply *r, struct su_err *e)
{
    uint8_t head[HEAD_MAX];
    size_t len = 0, n = 0;
    struct answer a = {.status = 0};
    enum su_code c = SU_OK;

    for (unsigned interim = 0; c == SU_OK;) {
        const uint8_t *end = memmem(head, len, "\r\n\r\n", 4);
        if (end == NULL && len == sizeof head)
            return no_http(k, e);
        if (end == NULL) {
            c = read_some(k, head + len, sizeof head - len, &n, e);
            len += n;
            continue;
        }
        size_t used = (size_t)(end + 4 - head);
        c = take_head(k, &a, r, (const char *)head, (size_t)(end - head), e);
        if (c == SU_OK && (a.status < 100 || a.status == 101 || interim == INTERIM_MAX))
            c = no_http(k, e);
        if (c == SU_OK && a.status >= 200) {
            r->status = a.status;
            c = receive_body(k, &a, head + used, len - used, r, e);
            if (a.close || !k->l->heard)
                su_http_line_close(k->l);
            return c;
        }
        interim++;
        memmove(head, head + used, len - used);
        len -= used;
    }
    return c;
}

/* ---- the call -------------------------------------------------------------------------------- */

static enum su_code talk(struct talk *k, struct su_http_reply *r, struct su_err *e)
{
    struct su_http_line *l = k->l;

    for (;;) {
        bool kept = l->fd >= 0;
        enum su_code c = kept ? SU_OK : connect_line(k, e);
        if (c == SU_OK)
            c = send_all(k, e);
        if (c == SU_OK)
            c = receive(k, r, e);
        if (c == SU_OK)
            return SU_OK;
        su_http_line_close(l);
        /* The server has closed a connection that was kept: nothing of the request was looked at. */
        if (!kept || l->heard || c != SU_ENET)
            return c;
        l->sent = 0;
    }
}

enum su_code su_http_line_post(struct su_http_line *l, const char *url,
                               const struct su_http_header *headers, size_t nheaders,
                               const void *body, size_t body_len, const struct su_http_opts *opts,
                               struct su_http_reply *reply, struct su_err *e)
{
    static const struct su_http_opts none;
    const struct su_http_opts *o = opts != NULL ? opts : &none;
    uint64_t now = su_clock_mono_ns();
    enum su_code c = SU_OK;
    struct target t;

    *reply = (struct su_http_reply){0};
    if (!target_of(l, url, &t))
        return su_fail(e, SU_EUNSUPPORTED, url, "is not an address that is spoken to directly");
    if (l->fd >= 0 && strcmp(l->authority, t.authority) != 0)
        su_http_line_close(l);
    if (l->fd >= 0 && !l->begun && !is_quiet(l))
        su_http_line_close(l);
    if (!l->begun)
        c = write_head(l, &t, headers, nheaders, body_len, e);
    l->begun = false;
    if (c != SU_OK)
        return c;
    struct talk k = {
        .l = l,
        .url = url,
        .t = &t,
        .o = o,
        .body = body,
        .body_len = body_len,
        .connect_ns = now + (o->connect_ms != 0 ? o->connect_ms : 10000) * NS_PER_MS,
        .deadline_ns = now + (o->deadline_ms != 0 ? o->deadline_ms : 60000) * NS_PER_MS,
        .last_ns = now,
        .stall_ms = o->stall_ms != 0 ? o->stall_ms : 20000,
    };
    su_buf_init(&reply->body, 0);
    c = talk(&k, reply, e);
    if (c == SU_EUNSUPPORTED)
        su_str_copy(l->foreign, sizeof l->foreign, t.authority);
    if (c != SU_OK)
        su_http_reply_fini(reply);
    return c;
}
