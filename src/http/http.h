// SPDX-License-Identifier: MIT
/* http: a client (libcurl's multi interface inside) and a small server (libmicrohttpd). Everything
   is capped and has a deadline; nothing here believes a length it was told. HTTP semantics as in
   RFC 9110 (ranges §14, validators §8.8). The client follows at most 5 redirects of GET and HEAD,
   only to http and https and never from https to http, verifies TLS certificates, and obeys the
   usual proxy variables of the environment except for loopback. */
#ifndef SU_HTTP_H
#define SU_HTTP_H

#include "base/base.h"

#define SU_HTTP_URL_MAX 4096
#define SU_HTTP_ETAG_MAX 128
#define SU_HTTP_REDIRECTS_MAX 5
#define SU_HTTP_BEARER_MAX 1024 /* bytes of a token */
/* Default cap of a small reply, and of a request to a server. */
#define SU_HTTP_BODY_MAX (16u * 1024u * 1024u)

/* ---- client ---------------------------------------------------------------------------------- */

/* Connections that outlive a request, so that the next one to the same server saves setting one up.
   One request at a time. */
struct su_http_keep;
SU_CHECK enum su_code su_http_keep_new(struct su_http_keep **out, struct su_err *e); /* SU_ENOMEM */
void su_http_keep_free(struct su_http_keep *k); /* closes them; NULL allowed */

/* All-zero means the defaults in brackets. Callbacks run on the calling thread, at least every 100
   ms. */
struct su_http_opts {
    uint32_t connect_ms; /* per attempt [10 000] */
    uint32_t stall_ms; /* an attempt without a byte for so long is a transient failure [20 000] */
    uint32_t deadline_ms; /* the whole call, retries included [request: 60 000; file: none] */
    uint32_t retries; /* further attempts after a transient failure, 0xffffffff = none [4] */
    uint32_t backoff_ms; /* before the first retry, doubling up to 8 s [250] */
    uint64_t max_bytes; /* of the body [request: SU_HTTP_BODY_MAX; file: none] */
    struct su_http_keep *keep; /* borrowed [none] */
    bool (*cancelled)(void *ctx);
    void (*progress)(void *ctx, const struct su_progress *p);
    void *ctx;
};

struct su_http_header {
    const char *name, *value;
};

/* Reply of su_http_request. Owns body (su_http_reply_fini). */
struct su_http_reply {
    int status;
    char content_type[96];
    char etag[SU_HTTP_ETAG_MAX]; /* "" when none or too long */
    struct su_buf body;
};

/* su_http_request sends one request and reads the whole reply. Any status is a success of the call:
   the caller looks at reply->status. Transient failures (connection refused or lost, 408, 429, 500,
   502, 503, 504) are retried when method is GET or HEAD; other methods are sent once. Blocks;
   callable from any thread. opts may be NULL. body/body_len may be NULL/0; headers are borrowed. On
   failure *reply is empty:
     SU_EINVAL (URL is not http or https, or malformed), SU_ENET (the message names host and cause;
     also TLS and too many redirects), SU_ETIMEOUT (deadline, or every attempt stalled), SU_ELIMIT
     (max_bytes), SU_ECANCELLED, SU_ENOMEM */
SU_CHECK enum su_code su_http_request(const char *method, const char *url,
                                      const struct su_http_header *headers, size_t nheaders,
                                      const void *body, size_t body_len,
                                      const struct su_http_opts *opts, struct su_http_reply *reply,
                                      struct su_err *e);
void su_http_reply_fini(struct su_http_reply *reply);

/* A connection to a server that is asked again and again for little, by its address: without libcurl, whose
   share of a small request is larger than the network's. One request at a time. */
struct su_http_line;
SU_CHECK enum su_code su_http_line_new(struct su_http_line **out, struct su_err *e); /* SU_ENOMEM */
void su_http_line_free(struct su_http_line *l); /* closes it; NULL allowed */
void su_http_line_close(struct su_http_line *l); /* the next request opens another */
/* Of the connection, to be polled: readable with the answer, or an end. -1: there is none. */
int su_http_line_fd(const struct su_http_line *l);
/* Writes a POST to the server the connection is to, as far as it goes without waiting, and opens none:
   su_http_line_post with the same arguments is to follow, and goes on with it. False: not all of it was
   written, or nothing. */
SU_CHECK bool su_http_line_begin(struct su_http_line *l, const char *url,
                                 const struct su_http_header *headers, size_t nheaders,
                                 const void *body, size_t body_len);
/* A POST as su_http_request sends it, for one that may come twice: it is sent again when a kept connection
   turns out to be closed, and the caller may have to say it once more: SU_EUNSUPPORTED: a name, a proxy,
   https, or an answer without a length: ask with su_http_request; this server will always be answered so.
   Beside it the errors of su_http_request; SU_ETRUNC, SU_EFORMAT (no HTTP). opts: connect_ms, stall_ms,
   deadline_ms, max_bytes, cancelled, ctx. */
SU_CHECK enum su_code su_http_line_post(struct su_http_line *l, const char *url,
                                        const struct su_http_header *headers, size_t nheaders,
                                        const void *body, size_t body_len,
                                        const struct su_http_opts *opts,
                                        struct su_http_reply *reply, struct su_err *e);

/* One download into a file. All pointers are borrowed for the call. */
struct su_http_file {
    const char *url;
    const char *part_path; /* created 0600; kept on failure so that the next call resumes */
    /* The caller checks the bytes by digest, so a part may be continued without a validator.
       Otherwise a part is continued only when `part_path`.tag holds the ETag or date under which it
       began and the server confirms it (If-Range). */
    bool digest_known;
    const char *if_none_match; /* ETag of a copy the caller has, or NULL */
    /* Sent as "Authorization: Bearer ..." to the scheme, host and port of url, and to none that a
       redirect leads to; NULL = none. */
    const char *bearer;
    /* Sees every byte in order right after it is written, NULL = not wanted. Offset 0 again means a
       fresh start. Called first with the bytes already in the part file, when there are any.
       Anything but SU_OK ends the download with that code. */
    enum su_code (*sink)(void *ctx, uint64_t offset, const uint8_t *data, size_t n,
                         struct su_err *e);
    void *sink_ctx;
};

struct su_http_file_result {
    uint64_t bytes; /* length of the finished file */
    uint64_t received; /* of those, over the network in this call */
    bool not_modified; /* 304: nothing was written */
    char etag[SU_HTTP_ETAG_MAX];
    /* What the server that redirected said of the file: the first X-Linked-Etag, else the ETag of
       the first redirect; "" when there was neither. */
    char linked_etag[SU_HTTP_ETAG_MAX];
};

/* su_http_get_file downloads f->url into f->part_path, continuing what is there with Range,
   retrying transient failures from where they broke off. A server that ignores Range makes it start
   over. Blocks; any thread. On success the part file is complete and fsynced; the caller renames
   it. On failure it holds a prefix, or is removed when that is empty:
     SU_EINVAL, SU_ENET, SU_ETIMEOUT, SU_ELIMIT, SU_ECANCELLED as above; SU_ENOENT (404, 410),
     SU_EACCES (401, 403), SU_EFORMAT (a reply that contradicts itself, e.g. a wrong Content-Range),
     SU_ETRUNC (ends early after all retries), SU_ENOSPC, SU_EIO, and whatever the sink returned */
SU_CHECK enum su_code su_http_get_file(const struct su_http_file *f,
                                       const struct su_http_opts *opts,
                                       struct su_http_file_result *result, struct su_err *e);

/* ---- server ---------------------------------------------------------------------------------- */

struct su_http_server;

/* What the handler sees; valid during the call. path is the percent-decoded path without the query,
   free of NUL. */
struct su_http_call {
    const char *method, *path;
    const uint8_t *body;
    size_t body_len;
    char peer[64]; /* address of the other side, without port */
    uint64_t
        connection; /* that it came over: a number of this server's, no other ever has, never 0 */
    void *transport; /* private */
};
/* Header or query argument by name (headers without regard to case), NULL when absent. */
const char *su_http_call_header(const struct su_http_call *c, const char *name);
const char *su_http_call_query(const struct su_http_call *c, const char *name);

/* What the handler fills through the functions below; it starts as 404. Private inside. */
struct su_http_answer;
/* Copies the body. */
void su_http_answer_bytes(struct su_http_answer *a, int status, const char *content_type,
                          const void *body, size_t n);
void su_http_answer_text(struct su_http_answer *a, int status, const char *text); /* text/plain */
/* At most 16; further ones are dropped. */
void su_http_answer_header(struct su_http_answer *a, const char *name, const char *value);
/* Serves a file: GET and HEAD, one byte range (206, 416), ETag (strong, given without quotes, may
   be NULL), If-None-Match (304), If-Range. A missing file is 404, other failures 500. The file is
   opened at once, so it may be unlinked later. */
void su_http_answer_file(struct su_http_answer *a, const struct su_http_call *c, const char *path,
                         const char *etag, const char *content_type);

struct su_http_server_opts {
    const char *bind; /* numeric address ["127.0.0.1"] */
    uint16_t port; /* [0 = any free one] */
    uint32_t idle_ms; /* a connection silent for so long is closed, whole seconds [10 000] */
    uint32_t threads; /* [2] */
    bool blocking; /* a thread for each connection instead, so that handlers may block */
    uint32_t connections; /* at once [256] */
    uint64_t body_max_bytes; /* a longer request gets 413 [SU_HTTP_BODY_MAX] */
    /* Runs on a server thread for each complete request, several at once; unless `blocking`, it must
       not block for long. */
    void (*handler)(void *ctx, const struct su_http_call *c, struct su_http_answer *a);
    void *ctx;
};
/* Starts serving. On failure *out is NULL: SU_EINVAL (address), SU_EBUSY (port in use), SU_ENET.
   The listening socket is closed on exec. */
SU_CHECK enum su_code su_http_server_start(const struct su_http_server_opts *o,
                                           struct su_http_server **out, struct su_err *e);
uint16_t su_http_server_port(const struct su_http_server *s);
void su_http_server_stop(struct su_http_server *s); /* waits for handlers under way; NULL allowed */

#endif
