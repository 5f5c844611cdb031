// SPDX-License-Identifier: MIT
/* Blobs of which parts are here. The bytes of a chunk are written and synced before the row says that
   the chunk is here, so a process may end at any moment. Whoever changes a part holds the fetch lock
   of its blob. */
#include "store_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void su_store_part_mark(struct su_store_part *p, uint64_t chunk, bool here)
{
    uint8_t bit = (uint8_t)(1u << chunk % 8);

    p->have[chunk / 8] = (uint8_t)(here ? p->have[chunk / 8] | bit : p->have[chunk / 8] & ~bit);
}

void su_store_part_fini(struct su_store_part *p)
{
    free(p->have);
    *p = (struct su_store_part){0};
}

enum su_code su_store_part_open(struct su_store *s, const uint8_t id[SU_STORE_ID_BYTES], int flags,
                                int *fd, uint64_t *bytes, struct su_err *e)
{
    char path[SU_STORE_PATH_MAX];
    struct stat st;

    su_store_blob_path(s, id, SU_STORE_CHUNKS, path);
    *fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (*fd < 0) {
        return su_fail_sys(e, errno, path, "parts cannot be opened: fetch them again");
    }
    if (fstat(*fd, &st) != 0) {
        enum su_code c = su_fail_sys(e, errno, path, "cannot stat");

        close(*fd);
        *fd = -1;
        return c;
    }
    *bytes = (uint64_t)st.st_size;
    return SU_OK;
}

/* ---- reading --------------------------------------------------------------------------------- */

static enum su_code all_here(const struct su_store_part *p, const uint8_t *id, uint64_t offset,
                             size_t n, struct su_err *e)
{
    char hex[SU_STORE_HEX];
    uint64_t all = p->chunks * SU_STORE_CHUNK_BYTES;

    if (offset > all || n > all - offset) {
        return su_fail(e, SU_EINVAL, su_store_hex(id, hex),
                       "range of %zu bytes at %" PRIu64 " leaves the blob of %" PRIu64 " chunks", n,
                       offset, p->chunks);
    }
    for (uint64_t i = offset / SU_STORE_CHUNK_BYTES; n > 0 && su_store_chunk_start(i) < offset + n;
         i++) {
        if (!su_store_part_has(p, i)) {
            return su_fail(e, SU_ENOENT, su_store_hex(id, hex),
                           "of this blob, the chunk at byte %" PRIu64 " is not here: fetch it",
                           su_store_chunk_start(i));
        }
    }
    return SU_OK;
}

enum su_code su_store_part_read(struct su_store *s, const uint8_t id[SU_STORE_ID_BYTES],
                                uint64_t offset, uint8_t *out, size_t n, struct su_err *e)
{
    char hex[SU_STORE_HEX];
    struct su_store_part p;
    struct su_map leaves;
    uint64_t bytes = 0;
    int fd = -1;
    enum su_code c = su_store_part_get(s, id, &p, e);

    if (c == SU_OK) {
        c = all_here(&p, id, offset, n, e);
    }
    if (c == SU_OK) {
        c = su_store_part_open(s, id, O_RDONLY, &fd, &bytes, e);
    }
    /* The file ends with the last chunk that came, at the end of the blob when that is the last. */
    if (c == SU_OK && offset + n > bytes) {
        c = su_store_part_has(&p, p.chunks - 1)
                ? su_fail(e, SU_EINVAL, su_store_hex(id, hex),
                          "range of %zu bytes at %" PRIu64 " leaves the blob of %" PRIu64 " bytes",
                          n, offset, bytes)
                : su_fail(e, SU_ETRUNC, su_store_hex(id, hex), "ends at byte %" PRIu64, bytes);
    }
    if (c == SU_OK) {
        c = su_store_leaves_map(s, id, p.chunks, &leaves, e);
    }
    if (c == SU_OK) {
        c = su_store_read_chunks(fd, id, bytes, leaves.data, offset, out, n, e);
        su_map_close(&leaves);
    }
    if (fd >= 0) {
        close(fd);
    }
    su_store_part_fini(&p);
    return c == SU_OK ? su_store_row_touch(s, id, e) : c;
}

/* ---- checking -------------------------------------------------------------------------------- */

static enum su_code check_chunks(const struct su_store_part *p, int fd, const uint8_t *id,
                                 uint64_t bytes, const uint8_t *leaves, struct su_store_part *good,
                                 struct su_store_watch *w, struct su_err *e)
{
    uint8_t *buf = su_alloc(SU_STORE_CHUNK_BYTES);
    uint64_t base = w->progress.done;
    enum su_code worst = SU_OK, c = SU_OK;

    for (uint64_t i = 0; i < p->chunks && c == SU_OK; i++) {
        uint64_t at = su_store_chunk_start(i);
        size_t n = (size_t)SU_MIN(bytes > at ? bytes - at : 0, (uint64_t)SU_STORE_CHUNK_BYTES);
        if (!su_store_part_has(p, i)) {
            continue;
        }
        enum su_code one = n == 0 ? su_fail(worst == SU_OK ? e : NULL, SU_ETRUNC, NULL,
                                            "parts end at byte %" PRIu64, bytes)
                                  : su_store_read_chunks(fd, id, bytes, leaves, at, buf, n,
                                                         worst == SU_OK ? e : NULL);
        if (one == SU_OK) {
            su_store_part_mark(good, i, true);
            good->bytes += n;
        }
        worst = worst == SU_OK ? one : worst;
        su_progress_set(&w->progress, base + good->bytes, su_clock_mono_ns());
        c = su_store_watch_tick(w, "verify", worst == SU_OK ? e : NULL);
    }
    free(buf);
    return c != SU_OK ? c : worst;
}

static enum su_code check_locked(struct su_store *s, const uint8_t *id, struct su_store_watch *w,
                                 struct su_err *e)
{
    struct su_store_part p, good = {0};
    struct su_map leaves;
    uint64_t bytes = 0;
    int fd = -1;
    enum su_code c = su_store_part_get(s, id, &p, e);

    if (c != SU_OK) {
        return c;
    }
    good.chunks = p.chunks;
    good.have = su_alloc(su_store_part_bytes(p.chunks));
    c = su_store_part_open(s, id, O_RDONLY, &fd, &bytes, e);
    if (c == SU_OK) {
        c = su_store_leaves_map(s, id, p.chunks, &leaves, e);
    }
    if (c == SU_OK) {
        c = check_chunks(&p, fd, id, bytes, leaves.data, &good, w, e);
        su_map_close(&leaves);
    }
    if (c == SU_EDIGEST || c == SU_ETRUNC || c == SU_ENOENT) {
        enum su_code kept = su_store_part_set(s, id, &good, NULL);

        c = kept == SU_OK ? c : kept;
    }
    if (fd >= 0) {
        close(fd);
    }
    su_store_part_fini(&good);
    su_store_part_fini(&p);
    return c;
}

enum su_code su_store_part_check(struct su_store *s, const uint8_t id[SU_STORE_ID_BYTES],
                                 struct su_store_watch *w, struct su_err *e)
{
    char hex[SU_STORE_HEX];
    int lock = su_store_lock_try(s, su_store_hex(id, hex));

    if (lock < 0) {
        return SU_OK; /* being fetched right now, every chunk checked as it comes */
    }
    enum su_code c = check_locked(s, id, w, e);
    su_store_unlock(lock);
    return c;
}
