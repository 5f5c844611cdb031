// SPDX-License-Identifier: MIT
#include "http_priv.h"

#include <string.h>

struct reply_sink {
    struct su_http_job *job;
    struct su_http_reply *reply;
};

static enum su_code take_body(void *ctx, const uint8_t *data, size_t n, struct su_err *e)
{
    struct reply_sink *s = ctx;
    struct su_buf *b = &s->reply->body;

    if (n > b->limit - b->len) {
        return su_fail(e, SU_ELIMIT, s->job->url, "reply exceeds %zu bytes", b->limit);
    }
    su_buf_put(b, data, n);
    su_progress_set(&s->job->progress, b->len, su_clock_mono_ns());
    return su_buf_check(b, s->job->url, e);
}

struct request {
    const char *method;
    const struct su_http_header *headers;
    size_t nheaders;
    const void *body;
    size_t body_len;
};

static enum su_code attempt(struct su_http_job *j, const struct request *r, bool *transient,
                            struct su_err *e)
{
    enum su_code c = su_http_attempt_new(j, e);
    bool get = strcmp(r->method, "GET") == 0, head = strcmp(r->method, "HEAD") == 0;

    *transient = false;
    for (size_t i = 0; c == SU_OK && i < r->nheaders; i++) {
        c = su_http_attempt_header(j, r->headers[i].name, r->headers[i].value, e);
    }
    if (c != SU_OK) {
        return c;
    }
    if (get || head) {
        curl_easy_setopt(j->easy, CURLOPT_FOLLOWLOCATION, 1L);
        curl_easy_setopt(j->easy, CURLOPT_NOBODY, head ? 1L : 0L);
    } else {
        curl_easy_setopt(j->easy, CURLOPT_POST, 1L);
        curl_easy_setopt(j->easy, CURLOPT_CUSTOMREQUEST, r->method);
        curl_easy_setopt(j->easy, CURLOPT_POSTFIELDS, r->body_len != 0 ? r->body : "");
        curl_easy_setopt(j->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body_len);
    }
    c = su_http_attempt_run(j, transient, e);
    *transient = *transient && (get || head);
    return c;
}

static bool method_ok(const char *m)
{
    return m[0] != 0 && strspn(m, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == strlen(m) && strlen(m) < 16;
}

enum su_code su_http_request(const char *method, const char *url,
                             const struct su_http_header *headers, size_t nheaders,
                             const void *body, size_t body_len, const struct su_http_opts *opts,
                             struct su_http_reply *reply, struct su_err *e)
{
    const struct request r = {method, headers, nheaders, body, body_len};
    struct su_http_job j;
    struct reply_sink sink = {&j, reply};
    struct su_err local = {0};
    enum su_code c;

    *reply = (struct su_http_reply){0};
    if (!method_ok(method)) {
        return su_fail(e, SU_EINVAL, url, "bad request method");
    }
    c = su_http_job_init(&j, url, opts, 60000, e);
    if (c != SU_OK) {
        return c;
    }
    uint64_t cap = j.opts->max_bytes != 0 ? j.opts->max_bytes : SU_HTTP_BODY_MAX;
    su_buf_init(&reply->body, (size_t)SU_MIN(cap, (uint64_t)(SIZE_MAX / 2)));
    j.on_body = take_body;
    j.body_ctx = &sink;
    for (;;) {
        bool transient = false;

        su_buf_clear(&reply->body);
        c = attempt(&j, &r, &transient, &local);
        if (c == SU_OK) {
            reply->status = su_http_status(&j);
            bool idempotent = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
            if (!idempotent || !su_http_status_transient(reply->status) || j.tries_left == 0) {
                break; /* also a lasting 503 is a reply that the caller may want to read */
            }
        } else if (!transient) {
            break;
        }
        c = su_http_backoff(&j, &local);
        if (c != SU_OK) {
            break;
        }
    }
    if (c == SU_OK) {
        su_str_copy(reply->content_type, sizeof reply->content_type, j.meta.content_type);
        su_str_copy(reply->etag, sizeof reply->etag, j.meta.etag);
    } else {
        su_http_reply_fini(reply);
        if (e != NULL) {
            *e = local;
        }
    }
    su_http_job_fini(&j);
    return c;
}

void su_http_reply_fini(struct su_http_reply *reply)
{
    su_buf_fini(&reply->body);
    *reply = (struct su_http_reply){0};
}
