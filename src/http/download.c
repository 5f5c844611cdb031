// SPDX-License-Identifier: MIT
#include "http_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { COPY_BYTES = 1 << 16 };
#define PROGRESS_RENEWS_TRIES (1u << 20)

struct download {
    const struct su_http_file *f;
    struct su_http_job job;
    struct su_http_file_result *result;
    char tag_path[PATH_MAX];
    char tag[SU_HTTP_ETAG_MAX]; /* validator of the part, "" when unknown */
    int fd;
    uint64_t have; /* bytes in the part file */
    uint64_t total; /* of the finished file, UINT64_MAX = unknown */
    uint64_t farthest; /* the most that any attempt reached */
    bool decided; /* the status of this response has been looked at */
    bool finished; /* nothing more to transfer (416 at the end, 304) */
};

static enum su_code restart(struct download *d, struct su_err *e)
{
    if (ftruncate(d->fd, 0) != 0) {
        return su_fail_sys(e, errno, d->f->part_path, "cannot truncate");
    }
    d->have = 0;
    return SU_OK;
}

static enum su_code save_tag(struct download *d, struct su_err *e)
{
    const struct su_http_meta *m = &d->job.meta;
    const char *tag =
        m->etag[0] == '"' ? m->etag : m->modified; /* weak tags do not vouch for bytes */

    su_str_copy(d->tag, sizeof d->tag, tag);
    if (d->tag[0] == 0 || d->f->digest_known) {
        return unlink(d->tag_path) == 0 || errno == ENOENT
                   ? SU_OK
                   : su_fail_sys(e, errno, d->tag_path, "cannot remove");
    }
    return su_file_write(d->tag_path, d->tag, strlen(d->tag), 0600, e);
}

static void load_tag(struct download *d)
{
    struct su_map m;

    if (su_map_open(d->tag_path, sizeof d->tag - 1, &m, NULL) == SU_OK) {
        memcpy(d->tag, m.data, m.len);
        d->tag[m.len] = 0;
        su_map_close(&m);
    }
    if (strpbrk(d->tag, "\r\n") != NULL) {
        d->tag[0] = 0;
    }
}

/* Reads "bytes FIRST-LAST/TOTAL" or "bytes * /TOTAL" (first = UINT64_MAX); TOTAL may be '*'
   (UINT64_MAX). */
static bool parse_content_range(const char *s, uint64_t *first, uint64_t *last, uint64_t *total)
{
    char *end;

    *first = *last = *total = UINT64_MAX;
    if (!su_str_starts(s, "bytes ")) {
        return false;
    }
    s += 6;
    if (s[0] == '*') {
        s++;
    } else {
        if (s[0] < '0' || s[0] > '9') {
            return false;
        }
        *first = strtoull(s, &end, 10);
        if (*end != '-' || end[1] < '0' || end[1] > '9') {
            return false;
        }
        *last = strtoull(end + 1, &end, 10);
        s = end;
        if (*last < *first || *last == UINT64_MAX) {
            return false;
        }
    }
    if (*s++ != '/') {
        return false;
    }
    if (strcmp(s, "*") == 0) {
        return *first != UINT64_MAX;
    }
    if (*s < '0' || *s > '9') {
        return false;
    }
    *total = strtoull(s, &end, 10);
    return *end == 0 && (*first == UINT64_MAX || *total > *last);
}

static enum su_code check_limit(const struct download *d, uint64_t bytes, struct su_err *e)
{
    uint64_t cap = d->job.opts->max_bytes;

    if (cap != 0 && bytes != UINT64_MAX && bytes > cap) {
        return su_fail(e, SU_ELIMIT, d->f->url,
                       "file of at least %" PRIu64 " bytes exceeds the limit of %" PRIu64, bytes,
                       cap);
    }
    return SU_OK;
}

static enum su_code bad_status(const struct download *d, int status, struct su_err *e)
{
    enum su_code c = status == 404 || status == 410   ? SU_ENOENT
                     : status == 401 || status == 403 ? SU_EACCES
                                                      : SU_ENET;

    return su_fail(e, c, d->f->url, "%s answers with status %d", d->job.host, status);
}

/* Looks at status and headers once, before the first body byte is kept. */
static enum su_code decide(struct download *d, struct su_err *e)
{
    int status = su_http_status(&d->job);
    uint64_t first, last, total;
    enum su_code c;

    d->decided = true;
    if (status == 200) {
        curl_off_t length = -1;

        if (d->have > 0 && (c = restart(d, e)) != SU_OK) {
            return c;
        }
        curl_easy_getinfo(d->job.easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
        d->total = length >= 0 ? (uint64_t)length : UINT64_MAX;
        c = save_tag(d, e);
    } else if (status == 206) {
        if (!parse_content_range(d->job.meta.content_range, &first, &last, &total) ||
            first != d->have) {
            return su_fail(e, SU_EFORMAT, d->f->url,
                           "asked for bytes from %" PRIu64 ", got Content-Range \"%s\"", d->have,
                           d->job.meta.content_range);
        }
        d->total = total;
        c = SU_OK;
    } else if (status == 304 && d->f->if_none_match != NULL) {
        d->finished = d->result->not_modified = true;
        return SU_OK;
    } else if (status == 416 && d->have > 0) {
        if (parse_content_range(d->job.meta.content_range, &first, &last, &total) &&
            first == UINT64_MAX && total == d->have) {
            d->finished = true;
            return SU_OK;
        }
        /* The part is longer than the file, so it is of another one. */
        return restart(d, e);
    } else {
        return bad_status(d, status, e);
    }
    if (c == SU_OK) {
        c = check_limit(d, d->total, e);
    }
    d->job.progress.total = d->total != UINT64_MAX ? d->total : 0;
    return c;
}

static enum su_code write_all(struct download *d, const uint8_t *p, size_t n, struct su_err *e)
{
    while (n > 0) {
        ssize_t k = pwrite(d->fd, p, n, (off_t)d->have);

        if (k < 0 && errno == EINTR) {
            continue;
        }
        if (k < 0) {
            return su_fail_sys(e, errno, d->f->part_path, "cannot write at byte %" PRIu64, d->have);
        }
        if (d->f->sink != NULL) {
            enum su_code c = d->f->sink(d->f->sink_ctx, d->have, p, (size_t)k, e);

            if (c != SU_OK) {
                return c;
            }
        }
        p += k;
        n -= (size_t)k;
        d->have += (uint64_t)k;
        d->result->received += (uint64_t)k;
    }
    return SU_OK;
}

static enum su_code take_body(void *ctx, const uint8_t *data, size_t n, struct su_err *e)
{
    struct download *d = ctx;
    int status = su_http_status(&d->job);
    enum su_code c = SU_OK;

    if (!d->decided) {
        if (status != 200 && status != 206) {
            /* The body of an error is of no use and may be endless. It ends here; the status
               decides. */
            return su_fail(e, SU_ENET, d->f->url, "status %d", status);
        }
        c = decide(d, e);
    }
    if (c == SU_OK) {
        c = check_limit(d, d->have + n, e);
    }
    if (c == SU_OK) {
        c = write_all(d, data, n, e);
    }
    su_progress_set(&d->job.progress, d->have, su_clock_mono_ns());
    return c;
}

/* Feeds what an earlier call left in the part file to the sink. */
static enum su_code replay(struct download *d, struct su_err *e)
{
    uint8_t *buf = d->f->sink != NULL && d->have > 0 ? su_alloc(COPY_BYTES) : NULL;
    enum su_code c = SU_OK;

    for (uint64_t at = 0; buf != NULL && c == SU_OK && at < d->have;) {
        ssize_t k = pread(d->fd, buf, COPY_BYTES, (off_t)at);

        if (k < 0 && errno == EINTR) {
            continue;
        }
        if (k <= 0) {
            c = su_fail_sys(e, k < 0 ? errno : EIO, d->f->part_path, "cannot read at byte %" PRIu64,
                            at);
            break;
        }
        c = d->f->sink(d->f->sink_ctx, at, buf, (size_t)k, e);
        at += (uint64_t)k;
    }
    free(buf);
    return c;
}

static enum su_code open_part(struct download *d, struct su_err *e)
{
    struct stat st;
    const char *path = d->f->part_path;

    if (snprintf(d->tag_path, sizeof d->tag_path, "%s.tag", path) >= (int)sizeof d->tag_path) {
        return su_fail(e, SU_ELIMIT, path, "path is too long");
    }
    d->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (d->fd < 0 || fstat(d->fd, &st) != 0) {
        return su_fail_sys(e, errno, path, "cannot open");
    }
    if (!S_ISREG(st.st_mode)) {
        return su_fail(e, SU_EINVAL, path, "is not a regular file");
    }
    d->have = (uint64_t)st.st_size;
    if (d->have == 0) {
        return SU_OK;
    }
    load_tag(d);
    if (!d->f->digest_known && d->tag[0] == 0) {
        return restart(d, e);
    }
    d->job.progress.done = d->job.progress.mark = d->have; /* not part of this call's rate */
    return replay(d, e);
}

static enum su_code attempt_headers(struct download *d, struct su_err *e)
{
    struct su_http_job *j = &d->job;
    char range[40];
    enum su_code c = SU_OK;

    if (d->have > 0) {
        snprintf(range, sizeof range, "%" PRIu64 "-", d->have);
        if (curl_easy_setopt(j->easy, CURLOPT_RANGE, range) != CURLE_OK) {
            return su_fail(e, SU_ENOMEM, d->f->url, "no memory");
        }
        if (!d->f->digest_known && d->tag[0] != 0) {
            c = su_http_attempt_header(j, "If-Range", d->tag, e);
        }
    } else if (d->f->if_none_match != NULL) {
        c = su_http_attempt_header(j, "If-None-Match", d->f->if_none_match, e);
    }
    if (c == SU_OK && d->f->bearer != NULL) {
        char value[SU_HTTP_BEARER_MAX + 8];

        if (strlen(d->f->bearer) > SU_HTTP_BEARER_MAX) {
            return su_fail(e, SU_EINVAL, d->f->url, "the token is longer than %d bytes",
                           SU_HTTP_BEARER_MAX);
        }
        snprintf(value, sizeof value, "Bearer %s", d->f->bearer);
        /* libcurl drops this header when a redirect leaves scheme, host or port. */
        c = su_http_attempt_header(j, "Authorization", value, e);
    }
    return c;
}

/* One attempt. SU_OK with d->finished unset means: try again at once (the part was of another
   file). */
static enum su_code attempt(struct download *d, bool *transient, struct su_err *e)
{
    struct su_http_job *j = &d->job;
    enum su_code c = su_http_attempt_new(j, e);

    *transient = false;
    if (c == SU_OK) {
        c = attempt_headers(d, e);
    }
    if (c != SU_OK) {
        return c;
    }
    curl_easy_setopt(j->easy, CURLOPT_FOLLOWLOCATION, 1L);
    d->decided = false;
    d->total = UINT64_MAX;
    c = su_http_attempt_run(j, transient, e);
    if (!d->decided && (c == SU_OK || j->body_code != SU_OK)) {
        int status = su_http_status(j);

        *transient = su_http_status_transient(status);
        c = decide(d, e);
        if (c != SU_OK || d->finished || (status != 200 && status != 206)) {
            return c;
        }
    }
    if (c == SU_OK && d->total != UINT64_MAX && d->have != d->total) {
        *transient = true;
        c = su_fail(e, SU_ETRUNC, d->f->url, "%s sent %" PRIu64 " of %" PRIu64 " bytes", j->host,
                    d->have, d->total);
    }
    d->finished = c == SU_OK;
    return c;
}

static enum su_code transfer(struct download *d, struct su_err *e)
{
    unsigned fresh_starts = 0;
    uint32_t tries = d->job.tries_left, backoff_ms = d->job.backoff_ms;

    d->farthest = d->have;
    while (!d->finished) {
        bool transient = false;
        enum su_code c = attempt(d, &transient, e);

        if (c == SU_OK) {
            if (!d->finished && ++fresh_starts > 2) {
                return su_fail(e, SU_EFORMAT, d->f->url, "%s keeps refusing ranges of its own file",
                               d->job.host);
            }
            continue;
        }
        if (!transient) {
            return c;
        }
        /* Real headway earns the full number of retries again; a dribble does not. */
        if (d->have >= d->farthest + PROGRESS_RENEWS_TRIES) {
            d->farthest = d->have;
            d->job.tries_left = tries;
            d->job.backoff_ms = backoff_ms;
        }
        c = su_http_backoff(&d->job, e);
        if (c != SU_OK) {
            return c;
        }
    }
    return SU_OK;
}

enum su_code su_http_get_file(const struct su_http_file *f, const struct su_http_opts *opts,
                              struct su_http_file_result *result, struct su_err *e)
{
    struct download *d = su_alloc(sizeof *d);
    struct su_http_file_result unused;
    struct su_err local = {0};
    enum su_code c;

    d->f = f;
    d->fd = -1;
    d->result = result != NULL ? result : &unused;
    *d->result = (struct su_http_file_result){0};
    c = su_http_job_init(&d->job, f->url, opts, 0, &local);
    if (c == SU_OK) {
        d->job.on_body = take_body;
        d->job.body_ctx = d;
        c = open_part(d, &local);
    }
    if (c == SU_OK) {
        c = transfer(d, &local);
    }
    if (c == SU_OK && !d->result->not_modified && fsync(d->fd) != 0) {
        c = su_fail_sys(&local, errno, f->part_path, "cannot sync");
    }
    if (c == SU_OK) {
        unlink(d->tag_path);
        d->result->bytes = d->have;
        su_str_copy(d->result->etag, sizeof d->result->etag, d->job.meta.etag);
        su_str_copy(d->result->linked_etag, sizeof d->result->linked_etag,
                    d->job.linked_etag[0] != 0 ? d->job.linked_etag : d->job.redirect_etag);
    } else {
        if (d->fd >= 0 && d->have == 0) { /* nothing to resume */
            unlink(f->part_path);
            unlink(d->tag_path);
        }
        if (e != NULL) {
            *e = local;
        }
    }
    if (d->fd >= 0 && close(d->fd) != 0 && c == SU_OK) {
        c = su_fail_sys(e, errno, f->part_path, "cannot close");
    }
    su_http_job_fini(&d->job);
    free(d);
    return c;
}
