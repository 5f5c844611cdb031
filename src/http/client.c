// SPDX-License-Identifier: MIT
#include "http_priv.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

enum { POLL_MS = 50, BACKOFF_MAX_MS = 8000, KEEP_MAX = 16 };

static pthread_once_t g_once = PTHREAD_ONCE_INIT;
static CURLcode g_init;

static void global_init(void)
{
    g_init = curl_global_init(CURL_GLOBAL_DEFAULT);
}

struct su_http_keep {
    CURLM *multi; /* holds the connections */
};

enum su_code su_http_keep_new(struct su_http_keep **out, struct su_err *e)
{
    struct su_http_keep *k = su_try_alloc(1, sizeof *k);

    *out = NULL;
    pthread_once(&g_once, global_init);
    if (k != NULL) {
        k->multi = curl_multi_init();
    }
    if (k == NULL || k->multi == NULL) {
        free(k);
        return su_fail(e, SU_ENOMEM, "libcurl", "no memory for connections");
    }
    curl_multi_setopt(k->multi, CURLMOPT_MAXCONNECTS, (long)KEEP_MAX);
    *out = k;
    return SU_OK;
}

void su_http_keep_free(struct su_http_keep *k)
{
    if (k != NULL) {
        curl_multi_cleanup(k->multi);
        free(k);
    }
}

static bool is_loopback(const char *host)
{
    return strcasecmp(host, "localhost") == 0 || strncmp(host, "127.", 4) == 0 ||
           strcmp(host, "[::1]") == 0;
}

/* Only absolute http and https URLs without credentials pass; *host is kept for messages. */
static enum su_code check_url(const char *url, char *host, size_t cap, struct su_err *e)
{
    char *scheme = NULL, *name = NULL;
    CURLU *u = curl_url();
    enum su_code c = SU_OK;

    if (u == NULL) {
        return su_fail(e, SU_ENOMEM, url, "no memory");
    }
    if (strlen(url) >= SU_HTTP_URL_MAX ||
        curl_url_set(u, CURLUPART_URL, url, CURLU_DISALLOW_USER | CURLU_NON_SUPPORT_SCHEME) !=
            CURLUE_OK ||
        curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
        curl_url_get(u, CURLUPART_HOST, &name, 0) != CURLUE_OK) {
        c = su_fail(e, SU_EINVAL, url,
                    "is not a valid URL (http or https, no user name, at most %d bytes)",
                    SU_HTTP_URL_MAX - 1);
    } else if (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0) {
        c = su_fail(e, SU_EINVAL, url, "scheme \"%s\" is neither http nor https", scheme);
    } else {
        su_str_copy(host, cap, name);
    }
    curl_free(scheme);
    curl_free(name);
    curl_url_cleanup(u);
    return c;
}

enum su_code su_http_job_init(struct su_http_job *j, const char *url,
                              const struct su_http_opts *opts, uint32_t default_deadline_ms,
                              struct su_err *e)
{
    static const struct su_http_opts none;
    const struct su_http_opts *o = opts != NULL ? opts : &none;
    uint64_t now = su_clock_mono_ns();
    uint32_t deadline_ms = o->deadline_ms != 0 ? o->deadline_ms : default_deadline_ms;

    *j = (struct su_http_job){.opts = o, .url = url};
    pthread_once(&g_once, global_init);
    if (g_init != CURLE_OK) {
        return su_fail(e, SU_EINTERNAL, "libcurl", "cannot start: %s", curl_easy_strerror(g_init));
    }
    j->deadline_ns = deadline_ms != 0 ? now + deadline_ms * UINT64_C(1000000) : 0;
    j->stall_ms = o->stall_ms != 0 ? o->stall_ms : 20000;
    j->tries_left = o->retries == UINT32_MAX ? 0 : o->retries != 0 ? o->retries : 4;
    j->backoff_ms = o->backoff_ms != 0 ? o->backoff_ms : 250;
    su_progress_init(&j->progress, 0, "B", now);
    return check_url(url, j->host, sizeof j->host, e);
}

static void attempt_fini(struct su_http_job *j)
{
    curl_easy_cleanup(j->easy);
    curl_slist_free_all(j->headers);
    j->easy = NULL;
    j->headers = NULL;
}

void su_http_job_fini(struct su_http_job *j)
{
    attempt_fini(j);
}

/* Copies the value of a header line "Name: value\r\n" when the name is `name`. */
static void take_header(const char *line, size_t n, const char *name, char *out, size_t cap)
{
    size_t k = strlen(name);

    if (n <= k || line[k] != ':' || strncasecmp(line, name, k) != 0) {
        return;
    }
    const char *v = line + k + 1, *end = line + n;
    while (v < end && (*v == ' ' || *v == '\t')) {
        v++;
    }
    while (end > v && (end[-1] == '\r' || end[-1] == '\n' || end[-1] == ' ')) {
        end--;
    }
    size_t len = (size_t)(end - v);
    if (len >= cap || memchr(v, 0, len) != NULL) {
        len = 0; /* a cut validator would be a wrong one */
    }
    memcpy(out, v, len);
    out[len] = 0;
}

static size_t on_header(char *line, size_t one, size_t n, void *ctx)
{
    struct su_http_job *j = ctx;
    struct su_http_meta *m = &j->meta;

    (void)one;
    j->last_byte_ns = su_clock_mono_ns();
    if (n >= 5 && memcmp(line, "HTTP/", 5) == 0) {
        const char *status = memchr(line, ' ', n);
        *m = (struct su_http_meta){0};
        m->redirects = status != NULL && line + n - status > 4 && status[1] == '3' &&
                       memcmp(status + 1, "304", 3) != 0;
    }
    if (j->linked_etag[0] == 0) {
        take_header(line, n, "X-Linked-Etag", j->linked_etag, sizeof j->linked_etag);
    }
    if (m->redirects && j->redirect_etag[0] == 0) {
        take_header(line, n, "ETag", j->redirect_etag, sizeof j->redirect_etag);
    }
    take_header(line, n, "ETag", m->etag, sizeof m->etag);
    take_header(line, n, "Last-Modified", m->modified, sizeof m->modified);
    take_header(line, n, "Content-Range", m->content_range, sizeof m->content_range);
    take_header(line, n, "Content-Type", m->content_type, sizeof m->content_type);
    return n;
}

static size_t on_write(char *data, size_t one, size_t n, void *ctx)
{
    struct su_http_job *j = ctx;

    (void)one;
    j->last_byte_ns = su_clock_mono_ns();
    if (j->body_code == SU_OK) {
        j->body_code = j->on_body(j->body_ctx, (const uint8_t *)data, n, &j->body_err);
    }
    return j->body_code == SU_OK ? n : CURL_WRITEFUNC_ERROR;
}

enum su_code su_http_attempt_new(struct su_http_job *j, struct su_err *e)
{
    uint32_t connect_ms = j->opts->connect_ms != 0 ? j->opts->connect_ms : 10000;

    attempt_fini(j);
    j->meta = (struct su_http_meta){0};
    j->linked_etag[0] = j->redirect_etag[0] = 0;
    j->body_code = SU_OK;
    j->curl_text[0] = 0;
    CURL *h = j->easy = curl_easy_init();
    if (h == NULL) {
        return su_fail(e, SU_ENOMEM, j->url, "no memory for a transfer");
    }
    bool ok = curl_easy_setopt(h, CURLOPT_URL, j->url) == CURLE_OK &&
              curl_easy_setopt(h, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
              curl_easy_setopt(h, CURLOPT_REDIR_PROTOCOLS_STR,
                               strncasecmp(j->url, "https:", 6) == 0 ? "https" : "http,https") ==
                  CURLE_OK &&
              curl_easy_setopt(h, CURLOPT_USERAGENT, "splitup/" SU_VERSION) == CURLE_OK;
    if (!ok) {
        return su_fail(e, SU_ENOMEM, j->url, "cannot set up a transfer");
    }
    curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(h, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L); /* a proxy's are not the answer's */
    curl_easy_setopt(h, CURLOPT_MAXREDIRS, (long)SU_HTTP_REDIRECTS_MAX);
    curl_easy_setopt(h, CURLOPT_CONNECTTIMEOUT_MS, (long)connect_ms);
    curl_easy_setopt(h, CURLOPT_ERRORBUFFER, j->curl_text);
    curl_easy_setopt(h, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(h, CURLOPT_HEADERDATA, j);
    curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, on_write);
    curl_easy_setopt(h, CURLOPT_WRITEDATA, j);
    if (is_loopback(j->host)) {
        curl_easy_setopt(h, CURLOPT_PROXY, "");
    }
    return SU_OK;
}

enum su_code su_http_attempt_header(struct su_http_job *j, const char *name, const char *value,
                                    struct su_err *e)
{
    struct su_buf line;

    /* A line break would smuggle in further headers. */
    if (strpbrk(name, "\r\n: ") != NULL || name[0] == 0 || strpbrk(value, "\r\n") != NULL) {
        return su_fail(e, SU_EINVAL, j->url, "malformed request header \"%s\"", name);
    }
    su_buf_init(&line, 0);
    su_buf_printf(&line, "%s: %s", name, value);
    struct curl_slist *next =
        line.failed ? NULL : curl_slist_append(j->headers, (const char *)line.data);
    su_buf_fini(&line);
    if (next == NULL) {
        return su_fail(e, SU_ENOMEM, j->url, "no memory for a header");
    }
    j->headers = next;
    return SU_OK;
}

enum su_code su_http_tick(struct su_http_job *j, struct su_err *e)
{
    const struct su_http_opts *o = j->opts;

    if (o->progress != NULL) {
        o->progress(o->ctx, &j->progress);
    }
    if (o->cancelled != NULL && o->cancelled(o->ctx)) {
        return su_fail(e, SU_ECANCELLED, j->url, "cancelled");
    }
    if (j->deadline_ns != 0 && su_clock_mono_ns() >= j->deadline_ns) {
        return su_fail(e, SU_ETIMEOUT, j->url, "no complete reply from %s within the deadline",
                       j->host);
    }
    return SU_OK;
}

static enum su_code map_result(struct su_http_job *j, CURLcode rc, bool *transient,
                               struct su_err *e)
{
    const char *why = j->curl_text[0] != 0 ? j->curl_text : curl_easy_strerror(rc);

    *transient = false;
    switch (rc) {
    case CURLE_OK:
        return SU_OK;
    case CURLE_WRITE_ERROR:
        if (j->body_code != SU_OK) {
            if (e != NULL) {
                *e = j->body_err;
            }
            return j->body_code;
        }
        return su_fail(e, SU_ENET, j->url, "%s: %s", j->host, why);
    case CURLE_PARTIAL_FILE:
        *transient = true;
        return su_fail(e, SU_ETRUNC, j->url, "%s closed the connection early: %s", j->host, why);
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
    case CURLE_AGAIN:
        *transient = true;
        return su_fail(e, SU_ENET, j->url, "%s: %s", j->host, why);
    case CURLE_WEIRD_SERVER_REPLY:
        return su_fail(e, SU_EFORMAT, j->url, "%s does not speak HTTP: %s", j->host, why);
    case CURLE_UNSUPPORTED_PROTOCOL:
        if (strstr(why, "HTTP/") != NULL) {
            return su_fail(e, SU_EFORMAT, j->url, "%s does not speak HTTP: %s", j->host, why);
        }
        return su_fail(e, SU_ENET, j->url, "%s redirects to a forbidden scheme: %s", j->host, why);
    case CURLE_OUT_OF_MEMORY:
        return su_fail(e, SU_ENOMEM, j->url, "no memory for the transfer");
    default:
        return su_fail(e, SU_ENET, j->url, "%s: %s", j->host, why);
    }
}

static enum su_code drive(struct su_http_job *j, CURLM *m, bool *transient, struct su_err *e)
{
    j->last_byte_ns = su_clock_mono_ns();
    for (;;) {
        int running = 0, left = 0;
        CURLMcode mc = curl_multi_perform(m, &running);

        if (mc == CURLM_OK && running != 0) {
            mc = curl_multi_poll(m, NULL, 0, POLL_MS, NULL);
        }
        if (mc != CURLM_OK) {
            return su_fail(e, mc == CURLM_OUT_OF_MEMORY ? SU_ENOMEM : SU_EINTERNAL, j->url,
                           "libcurl: %s", curl_multi_strerror(mc));
        }
        CURLMsg *msg = curl_multi_info_read(m, &left);
        if (msg != NULL && msg->msg == CURLMSG_DONE) {
            return map_result(j, msg->data.result, transient, e);
        }
        enum su_code c = su_http_tick(j, e);
        if (c != SU_OK) {
            return c;
        }
        if (su_clock_mono_ns() - j->last_byte_ns >= j->stall_ms * UINT64_C(1000000)) {
            *transient = true;
            return su_fail(e, SU_ETIMEOUT, j->url, "%s sent nothing for %u ms", j->host,
                           j->stall_ms);
        }
    }
}

enum su_code su_http_attempt_run(struct su_http_job *j, bool *transient, struct su_err *e)
{
    enum su_code c;

    *transient = false;
    CURLM *m = j->opts->keep != NULL ? j->opts->keep->multi : curl_multi_init();
    if (m == NULL) {
        return su_fail(e, SU_ENOMEM, j->url, "no memory for a transfer");
    }
    curl_easy_setopt(j->easy, CURLOPT_HTTPHEADER, j->headers);
    if (curl_multi_add_handle(m, j->easy) != CURLM_OK) {
        c = su_fail(e, SU_ENOMEM, j->url, "cannot start the transfer");
    } else {
        c = drive(j, m, transient, e);
        curl_multi_remove_handle(m, j->easy);
    }
    if (j->opts->keep == NULL) {
        curl_multi_cleanup(m);
    }
    return c;
}

int su_http_status(const struct su_http_job *j)
{
    long status = 0;

    curl_easy_getinfo(j->easy, CURLINFO_RESPONSE_CODE, &status);
    return (int)status;
}

bool su_http_status_transient(int status)
{
    return status == 408 || status == 429 || status == 500 || (status >= 502 && status <= 504);
}

enum su_code su_http_backoff(struct su_http_job *j, struct su_err *e)
{
    if (j->tries_left == 0) {
        return e != NULL && e->code != SU_OK ? e->code : SU_ENET;
    }
    j->tries_left--;
    uint64_t until = su_clock_mono_ns() + j->backoff_ms * UINT64_C(1000000);
    j->backoff_ms = SU_MIN(j->backoff_ms * 2, (uint32_t)BACKOFF_MAX_MS);
    do {
        struct timespec ts = {.tv_nsec = 10 * 1000000};
        enum su_code c = su_http_tick(j, e);

        if (c != SU_OK) {
            return c;
        }
        nanosleep(&ts, NULL);
    } while (su_clock_mono_ns() < until);
    return SU_OK;
}
