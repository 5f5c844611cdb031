// SPDX-License-Identifier: MIT
#include "http/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

enum { EXTRA_HEADERS_MAX = 16 };

struct su_http_server {
    struct MHD_Daemon *daemon;
    struct su_http_server_opts opts;
    uint16_t port;
    atomic_uintptr_t connections; /* so far */
};

struct su_http_answer {
    int status;
    struct MHD_Response *response;
    struct {
        char *name, *value;
    } extra[EXTRA_HEADERS_MAX];
    size_t nextra;
};

/* One request while its body arrives. */
struct exchange {
    struct su_buf body;
    bool too_long;
};

static void set_response(struct su_http_answer *a, int status, struct MHD_Response *r,
                         const char *content_type)
{
    if (a->response != NULL) {
        MHD_destroy_response(a->response);
    }
    a->status = status;
    a->response = r;
    if (r != NULL && content_type != NULL) {
        MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, content_type);
    }
}

void su_http_answer_bytes(struct su_http_answer *a, int status, const char *content_type,
                          const void *body, size_t n)
{
    struct MHD_Response *r =
        MHD_create_response_from_buffer(n, (void *)(uintptr_t)body, MHD_RESPMEM_MUST_COPY);

    set_response(a, status, r, content_type);
}

void su_http_answer_text(struct su_http_answer *a, int status, const char *text)
{
    su_http_answer_bytes(a, status, "text/plain; charset=utf-8", text, strlen(text));
}

void su_http_answer_header(struct su_http_answer *a, const char *name, const char *value)
{
    if (a->nextra < EXTRA_HEADERS_MAX) {
        a->extra[a->nextra].name = su_strdup(name);
        a->extra[a->nextra++].value = su_strdup(value);
    }
}

const char *su_http_call_header(const struct su_http_call *c, const char *name)
{
    return MHD_lookup_connection_value(c->transport, MHD_HEADER_KIND, name);
}

const char *su_http_call_query(const struct su_http_call *c, const char *name)
{
    return MHD_lookup_connection_value(c->transport, MHD_GET_ARGUMENT_KIND, name);
}

/* ---- files --------------------------------------------------------------------------------- */

static bool tag_listed(const char *list, const char *quoted)
{
    return list != NULL && (strcmp(list, "*") == 0 || strstr(list, quoted) != NULL);
}

static bool parse_number(const char **s, uint64_t *v)
{
    uint64_t n = 0;
    const char *p = *s;

    while (*p >= '0' && *p <= '9') {
        if (!su_mul_u64(n, 10, &n) || !su_add_u64(n, (uint64_t)(*p - '0'), &n)) {
            return false;
        }
        p++;
    }
    bool any = p != *s;
    *s = p;
    *v = n;
    return any;
}

enum range_kind { RANGE_WHOLE, RANGE_PART, RANGE_NONE };

/* RFC 9110 §14.1.2. Anything but one well-formed byte range is ignored, which the RFC allows. */
static enum range_kind parse_range(const char *s, uint64_t size, uint64_t *first, uint64_t *n)
{
    uint64_t a = 0, b = 0;

    if (s == NULL || strncasecmp(s, "bytes=", 6) != 0) {
        return RANGE_WHOLE;
    }
    s += 6;
    bool has_first = parse_number(&s, &a);
    if (*s++ != '-') {
        return RANGE_WHOLE;
    }
    bool has_last = parse_number(&s, &b);
    if (*s != 0 || (!has_first && !has_last) || (has_first && has_last && b < a)) {
        return RANGE_WHOLE;
    }
    if (!has_first) {
        *n = SU_MIN(b, size);
        *first = size - *n;
        return *n == 0 ? RANGE_NONE : RANGE_PART;
    }
    if (a >= size) {
        return RANGE_NONE;
    }
    *first = a;
    *n = (has_last ? SU_MIN(b, size - 1) : size - 1) - a + 1;
    return RANGE_PART;
}

/* Takes fd. */
static void answer_open_file(struct su_http_answer *a, const struct su_http_call *c, int fd,
                             uint64_t size, const char *quoted, const char *content_type)
{
    uint64_t first = 0, n = size;
    char text[96];
    bool head = strcmp(c->method, "HEAD") == 0;
    const char *if_range = su_http_call_header(c, "If-Range");
    const char *range = su_http_call_header(c, "Range");
    enum range_kind kind = RANGE_WHOLE;

    if (!head && (if_range == NULL || (quoted[0] != 0 && strcmp(if_range, quoted) == 0))) {
        kind = parse_range(range, size, &first, &n);
    }
    if (kind == RANGE_NONE) {
        close(fd);
        snprintf(text, sizeof text, "bytes */%" PRIu64, size);
        su_http_answer_text(a, 416, "range not satisfiable\n");
        su_http_answer_header(a, "Content-Range", text);
        return;
    }
    set_response(a, kind == RANGE_PART ? 206 : 200,
                 MHD_create_response_from_fd_at_offset64(n, fd, first), content_type);
    if (a->response == NULL) {
        close(fd);
        return;
    }
    su_http_answer_header(a, "Accept-Ranges", "bytes");
    if (quoted[0] != 0) {
        su_http_answer_header(a, "ETag", quoted);
    }
    if (kind == RANGE_PART) {
        snprintf(text, sizeof text, "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, first, first + n - 1,
                 size);
        su_http_answer_header(a, "Content-Range", text);
    }
}

void su_http_answer_file(struct su_http_answer *a, const struct su_http_call *c, const char *path,
                         const char *etag, const char *content_type)
{
    struct stat st;
    char quoted[SU_HTTP_ETAG_MAX] = "";

    if (strcmp(c->method, "GET") != 0 && strcmp(c->method, "HEAD") != 0) {
        su_http_answer_text(a, 405, "only GET and HEAD\n");
        su_http_answer_header(a, "Allow", "GET, HEAD");
        return;
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        bool missing = fd < 0 && (errno == ENOENT || errno == ENOTDIR);

        if (fd >= 0) {
            close(fd);
        }
        su_http_answer_text(a, missing ? 404 : 500, missing ? "not found\n" : "cannot read\n");
        return;
    }
    if (etag != NULL) {
        snprintf(quoted, sizeof quoted, "\"%s\"", etag);
        if (tag_listed(su_http_call_header(c, "If-None-Match"), quoted)) {
            close(fd);
            su_http_answer_bytes(a, 304, NULL, "", 0);
            su_http_answer_header(a, "ETag", quoted);
            return;
        }
    }
    answer_open_file(a, c, fd, (uint64_t)st.st_size, quoted, content_type);
}

/* ---- requests ------------------------------------------------------------------------------ */

/* As MHD's own, but leaves %00 alone: a NUL would cut the path short behind the handler's back. */
static size_t unescape(void *cls, struct MHD_Connection *conn, char *s)
{
    char *out = s;

    (void)cls;
    (void)conn;
    for (const char *p = s; *p != 0;) {
        uint8_t byte[1];
        size_t n = 0;
        char hex[3] = {p[0] == '%' ? p[1] : (char)0, 0, 0};

        hex[1] = hex[0] != 0 ? p[2] : (char)0;
        if (hex[1] != 0 && su_hex_decode(hex, byte, sizeof byte, &n) && n == 1 && byte[0] != 0) {
            *out++ = (char)byte[0];
            p += 3;
        } else {
            *out++ = *p++;
        }
    }
    *out = 0;
    return (size_t)(out - s);
}

static void peer_name(struct MHD_Connection *conn, char *out, size_t cap)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(conn, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    const struct sockaddr *sa = info != NULL ? info->client_addr : NULL;

    out[0] = 0;
    if (sa != NULL && sa->sa_family == AF_INET) {
        inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)sa)->sin_addr, out,
                  (socklen_t)cap);
    } else if (sa != NULL && sa->sa_family == AF_INET6) {
        inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr, out,
                  (socklen_t)cap);
    }
}

/* Numbers connections. */
static void on_connection(void *cls, struct MHD_Connection *conn, void **own,
                          enum MHD_ConnectionNotificationCode what)
{
    struct su_http_server *s = cls;

    (void)conn;
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        uintptr_t number = atomic_fetch_add(&s->connections, 1) + 1;
        *own = (void *)number; /* NOLINT(performance-no-int-to-ptr): it is no address */
    }
}

static uint64_t connection_number(struct MHD_Connection *conn)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(conn, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

    return info != NULL ? (uintptr_t)info->socket_context : 0;
}

static enum MHD_Result send_answer(struct MHD_Connection *conn, struct su_http_answer *a)
{
    enum MHD_Result rc = MHD_NO;

    for (size_t i = 0; i < a->nextra; i++) {
        if (a->response != NULL) {
            MHD_add_response_header(a->response, a->extra[i].name, a->extra[i].value);
        }
        free(a->extra[i].name);
        free(a->extra[i].value);
    }
    if (a->response != NULL) {
        rc = MHD_queue_response(conn, (unsigned)a->status, a->response);
        MHD_destroy_response(a->response);
    }
    return rc; /* MHD_NO closes the connection: nothing better is left without memory */
}

static enum MHD_Result refuse_long(struct MHD_Connection *conn)
{
    struct su_http_answer a = {0};

    su_http_answer_text(&a, 413, "request body too long\n");
    su_http_answer_header(&a, "Connection", "close");
    return send_answer(conn, &a);
}

static bool announces_too_much(struct MHD_Connection *conn, uint64_t cap)
{
    const char *s = MHD_lookup_connection_value(conn, MHD_HEADER_KIND, "Content-Length");
    uint64_t n = 0;

    return s != NULL && (!parse_number(&s, &n) || n > cap);
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *conn, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *data_len, void **state)
{
    struct su_http_server *s = cls;
    struct exchange *x = *state;
    uint64_t cap = s->opts.body_max_bytes;

    (void)version;
    if (x == NULL) {
        if (announces_too_much(conn, cap)) {
            return refuse_long(conn);
        }
        x = su_alloc(sizeof *x);
        su_buf_init(&x->body, (size_t)SU_MIN(cap, (uint64_t)(SIZE_MAX / 2)));
        *state = x;
        return MHD_YES;
    }
    if (*data_len > 0) {
        su_buf_put(&x->body, data, *data_len);
        x->too_long = x->body.failed;
        *data_len = 0;
        return MHD_YES;
    }
    if (x->too_long) {
        return refuse_long(conn);
    }
    struct su_http_answer a = {0};
    struct su_http_call c = {.method = method,
                             .path = url,
                             .body = x->body.data,
                             .body_len = x->body.len,
                             .connection = connection_number(conn),
                             .transport = conn};
    peer_name(conn, c.peer, sizeof c.peer);
    su_http_answer_text(&a, 404, "not found\n");
    s->opts.handler(s->opts.ctx, &c, &a);
    return send_answer(conn, &a);
}

static void on_completed(void *cls, struct MHD_Connection *conn, void **state,
                         enum MHD_RequestTerminationCode why)
{
    struct exchange *x = *state;

    (void)cls;
    (void)conn;
    (void)why;
    if (x != NULL) {
        su_buf_fini(&x->body);
        free(x);
        *state = NULL;
    }
}

union any_addr {
    struct sockaddr sa;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static bool parse_address(const char *text, uint16_t port, union any_addr *a)
{
    *a = (union any_addr){0};
    if (inet_pton(AF_INET, text, &a->v4.sin_addr) == 1) {
        a->v4.sin_family = AF_INET;
        a->v4.sin_port = htons(port);
        return true;
    }
    if (inet_pton(AF_INET6, text, &a->v6.sin6_addr) == 1) {
        a->v6.sin6_family = AF_INET6;
        a->v6.sin6_port = htons(port);
        return true;
    }
    return false;
}

static struct MHD_Daemon *start_daemon(struct su_http_server *s, const union any_addr *addr)
{
    const struct su_http_server_opts *o = &s->opts;
    unsigned flags = MHD_USE_AUTO | MHD_USE_INTERNAL_POLLING_THREAD;

    if (addr->sa.sa_family == AF_INET6) {
        flags |= MHD_USE_IPv6;
    }
    if (o->blocking) {
        flags |= MHD_USE_THREAD_PER_CONNECTION;
    }
    return MHD_start_daemon(
        flags, o->port, NULL, NULL, on_request, s, MHD_OPTION_SOCK_ADDR, &addr->sa,
        MHD_OPTION_CONNECTION_TIMEOUT, (o->idle_ms + 999) / 1000, MHD_OPTION_CONNECTION_LIMIT,
        o->connections, MHD_OPTION_THREAD_POOL_SIZE, o->blocking ? 0 : o->threads,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL, MHD_OPTION_NOTIFY_CONNECTION,
        on_connection, s, MHD_OPTION_UNESCAPE_CALLBACK, unescape, NULL,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)65536, MHD_OPTION_END);
}

enum su_code su_http_server_start(const struct su_http_server_opts *o, struct su_http_server **out,
                                  struct su_err *e)
{
    union any_addr addr;
    const char *bind = o->bind != NULL ? o->bind : "127.0.0.1";

    *out = NULL;
    if (o->handler == NULL || !parse_address(bind, o->port, &addr)) {
        return su_fail(e, SU_EINVAL, bind, "is not a numeric IPv4 or IPv6 address to listen on");
    }
    struct su_http_server *s = su_alloc(sizeof *s);
    s->opts = *o;
    s->opts.idle_ms = o->idle_ms != 0 ? o->idle_ms : 10000;
    s->opts.threads = o->threads != 0 ? o->threads : 2;
    s->opts.connections = o->connections != 0 ? o->connections : 256;
    s->opts.body_max_bytes = o->body_max_bytes != 0 ? o->body_max_bytes : SU_HTTP_BODY_MAX;
    errno = 0;
    s->daemon = start_daemon(s, &addr);
    if (s->daemon == NULL) {
        int sys = errno;

        free(s);
        if (sys == EADDRINUSE) {
            return su_fail(e, SU_EBUSY, bind, "port %u is in use: choose another or 0", o->port);
        }
        return su_fail(e, SU_ENET, bind, "cannot listen on port %u: %s", o->port,
                       sys != 0 ? strerror(sys) : "no resources");
    }
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_BIND_PORT);
    s->port = info != NULL ? info->port : o->port;
    *out = s;
    return SU_OK;
}

uint16_t su_http_server_port(const struct su_http_server *s)
{
    return s->port;
}

void su_http_server_stop(struct su_http_server *s)
{
    if (s != NULL) {
        MHD_stop_daemon(s->daemon);
        free(s);
    }
}
