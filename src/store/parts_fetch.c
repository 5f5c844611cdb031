// SPDX-License-Identifier: MIT
#include "store_priv.h"

#include "http/http.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    RUN_CHUNKS_MIN = 1,
    RUN_CHUNKS_FIRST = 4,
    RUN_CHUNKS_MAX = 16,
    RUN_MS = 2000, /* what a request is to take */
    STALL_MS = 10000,
    HURRY_MS = 3000, /* then a peer must have given HURRY_BYTES_PER_S while there are others */
    HURRY_BYTES_PER_S = 256 << 10,
    RUN_DEADLINE_MS = 120000
};

struct parts {
    struct su_store *s;
    const struct su_store_parts *want;
    struct su_store_watch watch;
    struct su_store_part here;
    uint8_t *wanted; /* bits as in here */
    struct su_map leaves;
    int fd;
    uint64_t file_bytes;
    struct su_http_keep *keep;
    const char **peers; /* none twice */
    bool *useless; /* of peers: has nothing of the blob, or lied */
    size_t n_peer;
    /* The one being asked, and how it does. */
    const char *peer;
    uint8_t *theirs; /* chunks it has, NULL = all as far as we know */
    uint64_t run_chunks;
    uint64_t asked_ns, got_bytes;
    bool hurry, too_slow;
};

static bool wants(const struct parts *x, uint64_t chunk)
{
    return (x->wanted[chunk / 8] >> chunk % 8 & 1) != 0 && !su_store_part_has(&x->here, chunk);
}

static bool is_cancelled(void *ctx)
{
    struct parts *x = ctx;
    uint64_t past_ms = (su_clock_mono_ns() - x->asked_ns) / 1000000;

    x->too_slow = x->hurry && past_ms >= HURRY_MS &&
                  x->got_bytes / past_ms * 1000 < (uint64_t)HURRY_BYTES_PER_S;
    return x->too_slow || su_store_watch_tick(&x->watch, "parts", NULL) != SU_OK;
}

static void show_progress(void *ctx, const struct su_progress *p)
{
    struct parts *x = ctx;

    x->got_bytes = p->done;
}

/* A GET of blob/<hex><suffix>. The reply is of status 200 or 206 on success. */
static enum su_code get(struct parts *x, const char *suffix, const char *range, uint64_t max_bytes,
                        struct su_http_reply *reply, struct su_err *e)
{
    char url[SU_HTTP_URL_MAX], hex[SU_STORE_HEX];
    const struct su_http_header header = {"Range", range};
    struct su_http_opts o = {.stall_ms = STALL_MS,
                             .deadline_ms = RUN_DEADLINE_MS,
                             .retries = 1,
                             .max_bytes = max_bytes,
                             .keep = x->keep,
                             .cancelled = is_cancelled,
                             .progress = show_progress,
                             .ctx = x};
    int n = snprintf(url, sizeof url, "%s%sblob/%s%s", x->peer,
                     su_str_ends(x->peer, "/") ? "" : "/", su_store_hex(x->want->id, hex), suffix);

    if (n < 0 || (size_t)n >= sizeof url) {
        return su_fail(e, SU_EINVAL, x->peer, "is too long for a peer's address");
    }
    x->asked_ns = su_clock_mono_ns();
    x->got_bytes = 0;
    x->too_slow = false;
    enum su_code c = su_http_request("GET", url, &header, range ? 1 : 0, NULL, 0, &o, reply, e);
    if (c == SU_ECANCELLED) {
        bool slow = x->too_slow;
        c = su_store_watch_tick(&x->watch, "parts", e);
        if (c == SU_OK) {
            c = su_fail(e, SU_ETIMEOUT, x->peer, "is %s", slow ? "too slow" : "silent");
        }
        return c;
    }
    if (c == SU_OK && reply->status != 200 && reply->status != 206) {
        bool absent = reply->status == 404 || reply->status == 416;
        c = su_fail(e, absent ? SU_ENOENT : SU_ENET, url, "answers with status %d", reply->status);
        su_http_reply_fini(reply);
    }
    return c;
}

/* What ends the call, whichever peer it happened with. */
static bool ends_call(struct parts *x, enum su_code c)
{
    return c == SU_ENOSPC || c == SU_EIO || c == SU_ENOMEM || c == SU_EBUSY || c == SU_EACCES ||
           c == SU_ELIMIT || (c != SU_OK && su_store_watch_tick(&x->watch, "parts", NULL) != SU_OK);
}

/* ---- leaves ---------------------------------------------------------------------------------- */

static enum su_code take_leaves(struct parts *x, const struct su_buf *list, struct su_err *e)
{
    char path[SU_STORE_PATH_MAX], dir[SU_STORE_PATH_MAX];
    uint64_t n = list->len / SU_SHA256_BYTES;
    uint8_t root[SU_STORE_ID_BYTES];
    int gate = -1;

    su_merkle_root(list->data, n, root);
    if (list->len % SU_SHA256_BYTES != 0 || memcmp(root, x->want->id, sizeof root) != 0) {
        return su_fail(e, SU_EDIGEST, x->peer, "leaf list does not match the blob's id");
    }
    su_store_blob_path(x->s, x->want->id, ".leaves", path);
    su_str_copy(dir, sizeof dir, path);
    *strrchr(dir, '/') = 0;
    x->here.chunks = n;
    x->here.have = su_try_alloc(su_store_part_bytes(n) + 1, 1);
    if (x->here.have == NULL) {
        return su_fail(e, SU_ENOMEM, "parts", "no memory for %" PRIu64 " chunks", n);
    }
    /* Under the gate, so that nobody sweeps the file before there is a row. */
    enum su_code c = su_store_lock(x->s, SU_STORE_GATE, NULL, &gate, NULL, e);
    if (c == SU_OK) {
        c = su_dir_make(dir, 0700, e);
        if (c == SU_OK) {
            c = su_file_write(path, list->len != 0 ? list->data : (const uint8_t *)"", list->len,
                              0444, e);
        }
        if (c == SU_OK && n > 0) {
            c = su_store_part_set(x->s, x->want->id, &x->here, e);
        }
        su_store_unlock(gate);
    }
    return c == SU_OK ? su_store_leaves_map(x->s, x->want->id, n, &x->leaves, e) : c;
}

static enum su_code ask_leaves(struct parts *x, struct su_err *e)
{
    struct su_http_reply reply;
    enum su_code c = get(x, ".leaves", NULL, SU_STORE_LEAVES_MAX, &reply, e);

    if (c == SU_ELIMIT) {
        return su_fail(e, SU_ENET, x->peer, "sends a list that is too long");
    }
    if (c == SU_OK) {
        c = take_leaves(x, &reply.body, e);
        su_http_reply_fini(&reply);
    }
    return c;
}

/* ---- one peer -------------------------------------------------------------------------------- */

static bool they_have(const struct parts *x, uint64_t chunk)
{
    return x->theirs == NULL || (x->theirs[chunk / 8] >> chunk % 8 & 1) != 0;
}

/* The next run of chunks that are wanted and that the peer has; false when there is none. */
static bool next_run(const struct parts *x, uint64_t from, uint64_t *first, uint64_t *n)
{
    uint64_t i = from;

    while (i < x->here.chunks && !(wants(x, i) && they_have(x, i))) {
        i++;
    }
    *first = i;
    *n = 0;
    while (i < x->here.chunks && *n < x->run_chunks && wants(x, i) && they_have(x, i)) {
        i++;
        ++*n;
    }
    return *n > 0;
}

static enum su_code write_at(int fd, const uint8_t *data, size_t n, uint64_t at, struct su_err *e)
{
    while (n > 0) {
        ssize_t k = pwrite(fd, data, n, (off_t)at);

        if (k < 0 && errno == EINTR) {
            continue;
        }
        if (k < 0) {
            return su_fail_sys(e, errno, "parts", "cannot write at byte %" PRIu64, at);
        }
        data += k;
        n -= (size_t)k;
        at += (uint64_t)k;
    }
    return SU_OK;
}

static void show_done(struct parts *x, uint64_t bytes)
{
    su_progress_set(&x->watch.progress, bytes, su_clock_mono_ns());
    if (x->want->hooks.progress != NULL) {
        x->want->hooks.progress(x->want->hooks.ctx, &x->watch.progress);
    }
}

/* Writes checked chunks, and then says that they are here. */
static enum su_code keep_chunks(struct parts *x, uint64_t first, uint64_t n, const uint8_t *data,
                                size_t bytes, struct su_err *e)
{
    int gate = -1;
    enum su_code c = su_store_lock(x->s, SU_STORE_GATE, NULL, &gate, NULL, e);

    if (c != SU_OK) {
        return c;
    }
    c = su_store_make_room(x->s, bytes, e);
    if (c == SU_OK) {
        c = write_at(x->fd, data, bytes, su_store_chunk_start(first), e);
    }
    if (c == SU_OK && fdatasync(x->fd) != 0) {
        c = su_fail_sys(e, errno, "parts", "cannot sync");
    }
    if (c == SU_OK) {
        for (uint64_t i = first; i < first + n; i++) {
            su_store_part_mark(&x->here, i, true);
        }
        x->here.bytes += bytes;
        x->file_bytes = SU_MAX(x->file_bytes, su_store_chunk_start(first) + bytes);
        c = su_store_part_set(x->s, x->want->id, &x->here, e);
        if (c != SU_OK) { /* as the row still says */
            for (uint64_t i = first; i < first + n; i++) {
                su_store_part_mark(&x->here, i, false);
            }
            x->here.bytes -= bytes;
        }
    }
    su_store_unlock(gate);
    if (c == SU_OK) {
        show_done(x, x->watch.progress.done + n * SU_STORE_CHUNK_BYTES);
    }
    return c;
}

/* Takes the good chunks at the front of what a peer sent for a run. */
static enum su_code take_run(struct parts *x, uint64_t first, uint64_t n, const struct su_buf *body,
                             struct su_err *e)
{
    uint64_t good = 0;
    size_t at = 0;
    uint8_t leaf[SU_SHA256_BYTES];

    while (good < n && at < body->len) {
        size_t len = SU_MIN(body->len - at, (size_t)SU_STORE_CHUNK_BYTES);

        su_merkle_leaf(body->data + at, len, leaf);
        if (memcmp(leaf, x->leaves.data + (first + good) * SU_SHA256_BYTES, sizeof leaf) != 0) {
            break;
        }
        at += len;
        good++;
    }
    enum su_code c = good > 0 ? keep_chunks(x, first, good, body->data, at, e) : SU_OK;
    if (c == SU_OK && (good < n || at < body->len)) {
        c = su_fail(e, SU_EDIGEST, x->peer, "sent wrong bytes for the chunk at byte %" PRIu64,
                    su_store_chunk_start(first + good));
    }
    return c;
}

static enum su_code ask_run(struct parts *x, uint64_t first, uint64_t n, struct su_err *e)
{
    char range[64];
    struct su_http_reply reply;

    snprintf(range, sizeof range, "bytes=%" PRIu64 "-%" PRIu64, su_store_chunk_start(first),
             su_store_chunk_start(first + n) - 1);
    enum su_code c = get(x, "", range, n * SU_STORE_CHUNK_BYTES, &reply, e);
    if (c == SU_ELIMIT) { /* ignores Range: of no use */
        return su_fail(e, SU_ENET, x->peer, "sends more than was asked for");
    }
    if (c != SU_OK) {
        return c;
    }
    if (reply.status == 200 && first > 0) {
        su_http_reply_fini(&reply);
        return su_fail(e, SU_ENET, x->peer, "does not answer ranges");
    }
    uint64_t past_ms = (su_clock_mono_ns() - x->asked_ns) / 1000000;
    x->run_chunks = past_ms < RUN_MS / 2 ? SU_MIN(2 * x->run_chunks, (uint64_t)RUN_CHUNKS_MAX)
                    : past_ms > RUN_MS   ? SU_MAX(x->run_chunks / 2, (uint64_t)RUN_CHUNKS_MIN)
                                         : x->run_chunks;
    c = take_run(x, first, n, &reply.body, e);
    su_http_reply_fini(&reply);
    return c;
}

/* What a peer has of the blob, after it had not what it was asked for. */
static enum su_code ask_have(struct parts *x, struct su_err *e)
{
    struct su_http_reply reply;
    size_t n = su_store_part_bytes(x->here.chunks);
    enum su_code c = get(x, ".have", NULL, n, &reply, e);

    if (c != SU_OK) {
        return c == SU_ELIMIT ? su_fail(e, SU_ENET, x->peer, "sends a list that is too long") : c;
    }
    if (reply.body.len != n) {
        c = su_fail(e, SU_ENET, x->peer, "sends a list of another length");
    } else {
        x->theirs = reply.body.data; /* takes it over */
        reply.body = (struct su_buf){0};
    }
    su_http_reply_fini(&reply);
    return c;
}

/* Everything wanted that this peer has. SU_ENOENT when that is not all. */
static enum su_code ask_peer(struct parts *x, struct su_err *e)
{
    uint64_t from = 0, first, n;
    enum su_code c = SU_OK;

    while (c == SU_OK && next_run(x, from, &first, &n)) {
        c = su_store_watch_tick(&x->watch, "parts", e);
        if (c == SU_OK) {
            c = ask_run(x, first, n, e);
        }
        from = first + n;
        if (c == SU_ENOENT && x->theirs == NULL) {
            c = ask_have(x, e);
            from = first;
        }
    }
    if (c == SU_OK) {
        for (uint64_t i = 0; i < x->here.chunks && c == SU_OK; i++) {
            c = wants(x, i) ? su_fail(e, SU_ENOENT, x->peer, "has not all that is wanted") : SU_OK;
        }
    }
    free(x->theirs);
    x->theirs = NULL;
    return c;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static enum su_code mark_wanted(struct parts *x, struct su_err *e)
{
    uint64_t all = x->here.chunks * SU_STORE_CHUNK_BYTES, done = 0, total = 0;
    char hex[SU_STORE_HEX];

    x->wanted = su_try_alloc(su_store_part_bytes(x->here.chunks) + 1, 1);
    if (x->wanted == NULL) {
        return su_fail(e, SU_ENOMEM, "parts", "no memory for %" PRIu64 " chunks", x->here.chunks);
    }
    for (size_t i = 0; i < x->want->n_range; i++) {
        const struct su_store_range *r = &x->want->range[i];

        if (r->offset > all || r->bytes > all - r->offset) {
            return su_fail(e, SU_EINVAL, su_store_hex(x->want->id, hex),
                           "range of %" PRIu64 " bytes at %" PRIu64 " leaves the blob of %" PRIu64
                           " chunks",
                           r->bytes, r->offset, x->here.chunks);
        }
        for (uint64_t k = r->offset / SU_STORE_CHUNK_BYTES;
             r->bytes > 0 && su_store_chunk_start(k) < r->offset + r->bytes; k++) {
            x->wanted[k / 8] |= (uint8_t)(1u << k % 8);
        }
    }
    for (uint64_t k = 0; k < x->here.chunks; k++) {
        bool wanted = (x->wanted[k / 8] >> k % 8 & 1) != 0;
        total += wanted ? SU_STORE_CHUNK_BYTES : 0;
        done += wanted && !wants(x, k) ? SU_STORE_CHUNK_BYTES : 0;
    }
    x->watch.progress.total = total;
    show_done(x, done);
    return SU_OK;
}

/* Takes up what an earlier call left. Bits of bytes that are gone, with the file or its end, are
   taken back. */
static enum su_code open_part(struct parts *x, struct su_err *e)
{
    enum su_code c = su_store_part_get(x->s, x->want->id, &x->here, e);

    if (c == SU_OK) {
        c = su_store_leaves_map(x->s, x->want->id, x->here.chunks, &x->leaves, e);
    }
    if (c == SU_ENOENT || c == SU_EDIGEST) { /* nothing is here, or nothing that can be checked */
        su_store_part_fini(&x->here);
        x->leaves = (struct su_map){0};
        c = SU_OK;
    }
    return c;
}

static enum su_code open_file(struct parts *x, struct su_err *e)
{
    enum su_code c =
        su_store_part_open(x->s, x->want->id, O_RDWR | O_CREAT, &x->fd, &x->file_bytes, e);

    for (uint64_t i = 0; i < x->here.chunks && c == SU_OK; i++) {
        if (su_store_part_has(&x->here, i) && su_store_chunk_start(i) >= x->file_bytes) {
            su_store_part_mark(&x->here, i, false);
            x->here.bytes -= SU_MIN(x->here.bytes, (uint64_t)SU_STORE_CHUNK_BYTES);
        }
    }
    return c;
}

static bool is_complete(const struct parts *x)
{
    uint64_t i = 0;

    while (i < x->here.chunks && su_store_part_has(&x->here, i)) {
        i++;
    }
    return i == x->here.chunks;
}

/* Every chunk is here, so the blob is: the row changes from part to whole in one step, while both
   names lead to the file. */
static enum su_code complete(struct parts *x, struct su_err *e)
{
    char from[SU_STORE_PATH_MAX], to[SU_STORE_PATH_MAX];
    int gate = -1;
    enum su_code c = su_store_lock(x->s, SU_STORE_GATE, NULL, &gate, NULL, e);

    if (c != SU_OK) {
        return c;
    }
    su_store_blob_path(x->s, x->want->id, SU_STORE_CHUNKS, from);
    su_store_blob_path(x->s, x->want->id, "", to);
    (void)unlink(to); /* of an earlier try */
    if (fsync(x->fd) != 0) {
        c = su_fail_sys(e, errno, from, "cannot sync");
    } else if (link(from, to) != 0 && rename(from, to) != 0) {
        c = su_fail_sys(e, errno, from, "cannot move into the store");
    }
    if (c == SU_OK) {
        *strrchr(to, '/') = 0;
        c = su_store_sync_dir(to, e);
    }
    if (c == SU_OK) {
        c = su_store_row_add(x->s, x->want->id, x->file_bytes, e);
    }
    if (c == SU_OK) {
        (void)unlink(from);
        (void)fchmod(x->fd, 0444); /* only now: until here another try had to open it for writing */
    }
    su_store_unlock(gate);
    return c;
}

/* Asks everybody in turn, in a hurry as long as there are others; then those once more that were
   slow. */
static enum su_code ask_all(struct parts *x, enum su_code (*ask)(struct parts *x, struct su_err *e),
                            struct su_err *e)
{
    struct su_err why = {0}, last = {0};
    bool *slow = su_alloc(x->n_peer + 1);
    char hex[SU_STORE_HEX];
    enum su_code c = SU_ENOENT;

    for (size_t i = 0; i < 2 * x->n_peer; i++) {
        if (x->useless[i % x->n_peer] || (i >= x->n_peer && !slow[i - x->n_peer])) {
            continue;
        }
        x->peer = x->peers[i % x->n_peer];
        x->hurry = i < x->n_peer && x->n_peer > 1;
        x->run_chunks = i < x->n_peer ? RUN_CHUNKS_FIRST : RUN_CHUNKS_MIN;
        c = ask(x, &why);
        slow[i % x->n_peer] = c == SU_ETIMEOUT;
        x->useless[i % x->n_peer] = c == SU_EDIGEST || c == SU_ENOENT;
        if (c != SU_OK && (c != SU_ENOENT || last.code == SU_OK)) {
            last = why; /* anything is more telling than "not found" */
        }
        if (c == SU_OK || ends_call(x, c)) {
            break;
        }
    }
    free(slow);
    if (c == SU_OK) {
        return SU_OK;
    }
    c = su_store_watch_tick(&x->watch, "parts", e);
    if (c != SU_OK) {
        return c;
    }
    if (last.code == SU_OK || last.code == SU_ENOENT) {
        return su_fail(e, SU_ENOENT, su_store_hex(x->want->id, hex),
                       "none of %zu peers has what is wanted of this blob", x->n_peer);
    }
    if (e != NULL) {
        *e = last;
    }
    return last.code;
}

/* The peers of the call, then those of the store, none twice. */
static size_t list_peers(const struct parts *x, const char **out)
{
    size_t n = 0;

    for (size_t i = 0; i < x->want->n_peers + x->s->npeers; i++) {
        const char *p =
            i < x->want->n_peers ? x->want->peers[i] : x->s->peers[i - x->want->n_peers];
        size_t k = 0;

        while (k < n && strcmp(out[k], p) != 0) {
            k++;
        }
        if (k == n) {
            out[n++] = p;
        }
    }
    return n;
}

static bool is_all_here(const struct parts *x)
{
    uint64_t i = 0;

    while (i < x->here.chunks && !wants(x, i)) {
        i++;
    }
    return i == x->here.chunks;
}

/* Ends of ranges in a last chunk that is shorter than others. */
static enum su_code check_ends(const struct su_store_parts *want, uint64_t bytes, struct su_err *e)
{
    char hex[SU_STORE_HEX];

    for (size_t i = 0; i < want->n_range; i++) {
        const struct su_store_range *r = &want->range[i];

        if (r->offset > bytes || r->bytes > bytes - r->offset) {
            return su_fail(e, SU_EINVAL, su_store_hex(want->id, hex),
                           "range of %" PRIu64 " bytes at %" PRIu64 " leaves the blob of %" PRIu64
                           " bytes",
                           r->bytes, r->offset, bytes);
        }
    }
    return SU_OK;
}

static enum su_code fetch_locked(struct parts *x, struct su_err *e)
{
    uint64_t bytes;

    if (su_store_has(x->s, x->want->id, &bytes)) {
        enum su_code c = check_ends(x->want, bytes, e);

        return c == SU_OK ? su_store_row_touch(x->s, x->want->id, e) : c;
    }
    enum su_code c = open_part(x, e);
    if (c == SU_OK && x->leaves.data == NULL) {
        c = ask_all(x, ask_leaves, e);
    }
    if (c == SU_OK) {
        c = open_file(x, e);
    }
    if (c == SU_OK) {
        c = mark_wanted(x, e);
    }
    if (c == SU_OK && !is_all_here(x)) {
        c = ask_all(x, ask_peer, e);
    }
    bool last = c == SU_OK && x->here.chunks > 0 && su_store_part_has(&x->here, x->here.chunks - 1);
    if (c == SU_OK && is_complete(x)) {
        c = complete(x, e);
    } else if (c == SU_OK) {
        c = su_store_row_touch(x->s, x->want->id, e);
    }
    return last && c == SU_OK ? check_ends(x->want, x->file_bytes, e) : c;
}

enum su_code su_store_fetch_parts(struct su_store *s, const struct su_store_parts *p,
                                  struct su_err *e)
{
    struct parts *x = su_alloc(sizeof *x);
    char hex[SU_STORE_HEX];
    int lock = -1;

    x->s = s;
    x->want = p;
    x->fd = -1;
    x->watch = su_store_watch_of(&p->hooks);
    x->peers = su_alloc((p->n_peers + s->npeers + 1) * sizeof *x->peers);
    x->n_peer = list_peers(x, x->peers);
    x->useless = su_alloc(x->n_peer + 1);
    enum su_code c = su_http_keep_new(&x->keep, e);
    if (c == SU_OK) {
        c = su_store_lock(s, su_store_hex(p->id, hex), &x->watch, &lock, NULL, e);
    }
    if (c == SU_OK) {
        c = fetch_locked(x, e);
        su_store_unlock(lock);
    }
    if (x->fd >= 0) {
        close(x->fd);
    }
    if (x->leaves.data != NULL) {
        su_map_close(&x->leaves);
    }
    su_http_keep_free(x->keep);
    su_store_part_fini(&x->here);
    free(x->wanted);
    free(x->useless);
    free(x->peers);
    free(x);
    return c;
}
