// SPDX-License-Identifier: MIT
/* The transfer engine under su_http_request and su_http_get_file: one attempt at a time, driven by
   curl's multi interface so that cancelling, deadlines and stalls are noticed between bytes. */
#ifndef SU_HTTP_PRIV_H
#define SU_HTTP_PRIV_H

#include "http/http.h"

#include <curl/curl.h>

/* One call with all its attempts. */
struct su_http_job {
    const struct su_http_opts *opts;
    const char *url;
    char host[128]; /* for messages */
    uint64_t deadline_ns; /* 0 = none */
    uint32_t stall_ms, tries_left, backoff_ms;
    struct su_progress progress;

    CURL *easy;
    struct curl_slist *headers;
    char curl_text[CURL_ERROR_SIZE];
    uint64_t last_byte_ns;

    /* Of the response being read; cleared at every status line (redirects, 100 Continue). */
    struct su_http_meta {
        char etag[SU_HTTP_ETAG_MAX], modified[64], content_range[96], content_type[96];
        bool redirects; /* status 3xx other than 304 */
    } meta;
    char linked_etag[SU_HTTP_ETAG_MAX], redirect_etag[SU_HTTP_ETAG_MAX]; /* of the attempt */
    /* Gets the body of the final response. Anything but SU_OK ends the attempt with that code. */
    enum su_code (*on_body)(void *ctx, const uint8_t *data, size_t n, struct su_err *e);
    void *body_ctx;
    enum su_code body_code;
    struct su_err body_err;
};

enum su_code su_http_job_init(struct su_http_job *j, const char *url,
                              const struct su_http_opts *opts, uint32_t default_deadline_ms,
                              struct su_err *e);
void su_http_job_fini(struct su_http_job *j);
/* Makes a fresh easy handle for one attempt with everything common set. SU_ENOMEM. */
enum su_code su_http_attempt_new(struct su_http_job *j, struct su_err *e);
enum su_code su_http_attempt_header(struct su_http_job *j, const char *name, const char *value,
                                    struct su_err *e);
/* How the attempt ended: SU_OK is a whole response (ask su_http_status), otherwise *e is filled and
   *transient says whether another attempt makes sense. */
enum su_code su_http_attempt_run(struct su_http_job *j, bool *transient, struct su_err *e);
int su_http_status(const struct su_http_job *j);
bool su_http_status_transient(int status);
/* Waits before the next attempt. SU_OK: try again; otherwise the call ends: *e holds why the last
   attempt failed, unless cancelled or out of time. */
enum su_code su_http_backoff(struct su_http_job *j, struct su_err *e);
/* SU_OK, SU_ECANCELLED or SU_ETIMEOUT; also reports progress. */
enum su_code su_http_tick(struct su_http_job *j, struct su_err *e);

#endif
