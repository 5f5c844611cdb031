// SPDX-License-Identifier: MIT
#include "store_priv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum su_code su_store_drop(struct su_store *s, const uint8_t id[SU_STORE_ID_BYTES],
                           struct su_err *e)
{
    char path[SU_STORE_PATH_MAX];
    /* Row first: a crash in between leaves files without a row, which the next collection
       removes. */
    enum su_code c = su_store_row_remove(s, id, e);

    if (c != SU_OK) {
        return c;
    }
    static const char *const suffix[] = {"", SU_STORE_CHUNKS, ".leaves"};
    for (size_t i = 0; i < SU_ARRAY_LEN(suffix); i++) {
        su_store_blob_path(s, id, suffix[i], path);
        if (unlink(path) != 0 && errno != ENOENT) {
            return su_fail_sys(e, errno, path, "cannot remove");
        }
    }
    return SU_OK;
}

/* Drops one that evict chose, unless it is being fetched right now. */
static enum su_code evict_one(struct su_store *s, const struct su_store_entry *row, bool *gone,
                              struct su_err *e)
{
    char hex[SU_STORE_HEX];
    int lock = -1;

    *gone = false;
    if (row->partial) {
        lock = su_store_lock_try(s, su_store_hex(row->id, hex));
        if (lock < 0) {
            return SU_OK;
        }
    }
    enum su_code c = su_store_drop(s, row->id, e);
    *gone = c == SU_OK;
    if (lock >= 0) {
        su_store_unlock(lock);
    }
    return c;
}

/* Of a blob of which parts were wanted, and none came for days. */
static bool is_begun_and_left(const struct su_store_entry *b, int64_t now_ms)
{
    return b->partial && b->bytes == 0 &&
           now_ms - b->used_ms > SU_STORE_PART_DAYS * INT64_C(86400000);
}

/* Expired blobs go first, then the least recently used until at most budget remain. The gate is
   held. */
static enum su_code evict(struct su_store *s, uint64_t budget, struct su_store_gc_report *r,
                          struct su_err *e)
{
    struct su_store_entry *rows;
    size_t n;
    int64_t now = su_clock_wall_ms();
    enum su_code c = su_store_rows(s, true, &rows, &n, e);

    for (size_t i = 0; c == SU_OK && i < n; i++) {
        r->kept_blobs++;
        r->kept_bytes += rows[i].bytes;
        r->pinned_bytes += rows[i].pins != 0 ? rows[i].bytes : 0;
    }
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; c == SU_OK && i < n; i++) {
            bool expired = (rows[i].expire_ms != 0 && rows[i].expire_ms <= now) ||
                           is_begun_and_left(&rows[i], now);

            if (rows[i].pins != 0 || expired != (pass == 0) ||
                (pass == 1 && r->kept_bytes <= budget && budget > 0)) {
                continue;
            }
            bool gone;
            c = evict_one(s, &rows[i], &gone, e);
            if (gone) {
                r->removed_blobs++;
                r->removed_bytes += rows[i].bytes;
                r->kept_blobs--;
                r->kept_bytes -= rows[i].bytes;
            }
        }
    }
    free(rows);
    return c;
}

enum su_code su_store_make_room(struct su_store *s, uint64_t bytes, struct su_err *e)
{
    struct su_store_gc_report r = {0};
    struct su_store_entry *rows;
    size_t n;
    uint64_t sum = 0, pinned = 0;

    if (s->budget_bytes == 0) {
        return SU_OK;
    }
    enum su_code c = su_store_rows(s, true, &rows, &n, e);
    for (size_t i = 0; c == SU_OK && i < n; i++) {
        sum += rows[i].bytes;
        pinned += rows[i].pins != 0 ? rows[i].bytes : 0;
    }
    free(rows);
    if (c != SU_OK || (bytes <= s->budget_bytes && sum <= s->budget_bytes - bytes)) {
        return c;
    }
    if (bytes > s->budget_bytes || pinned > s->budget_bytes - bytes) {
        return su_fail(e, SU_ELIMIT, s->dir,
                       "%" PRIu64 " bytes do not fit the disk budget of %" PRIu64 " beside %" PRIu64
                       " pinned bytes: unpin blobs or raise it",
                       bytes, s->budget_bytes, pinned);
    }
    c = evict(s, s->budget_bytes - bytes, &r, e);
    if (c == SU_OK && r.kept_bytes > s->budget_bytes - bytes) {
        c = su_fail(e, SU_ELIMIT, s->dir,
                    "%" PRIu64 " bytes do not fit the disk budget of %" PRIu64
                    " beside what is pinned or being fetched: raise it",
                    bytes, s->budget_bytes);
    }
    return c;
}

/* ---- stray files ----------------------------------------------------------------------------- */

struct sweep {
    struct su_store *s;
    struct su_store_gc_report *r;
    int64_t now_s;
};

/* Calls fn for every name in dir/sub but "." and "..". A folder that does not exist is empty. */
static enum su_code each_name(struct sweep *w, const char *sub,
                              enum su_code (*fn)(struct sweep *w, const char *sub, const char *name,
                                                 struct su_err *e),
                              struct su_err *e)
{
    char path[SU_STORE_PATH_MAX];
    enum su_code c = SU_OK;

    su_store_path(w->s, NULL, sub, "", path);
    DIR *d = opendir(path);
    if (d == NULL) {
        return errno == ENOENT ? SU_OK : su_fail_sys(e, errno, path, "cannot list");
    }
    for (struct dirent *f = readdir(d); c == SU_OK && f != NULL; f = readdir(d)) {
        if (strcmp(f->d_name, ".") != 0 && strcmp(f->d_name, "..") != 0 &&
            strlen(f->d_name) < 128) {
            c = fn(w, sub, f->d_name, e);
        }
    }
    closedir(d);
    return c;
}

/* In ab/: <hex>, <hex>.chunks, <hex>.leaves, <hex>.leaves.<random> of a write that was killed.
   Nothing else is ours to remove. */
static enum su_code sweep_blob(struct sweep *w, const char *sub, const char *name, struct su_err *e)
{
    char hex[SU_STORE_HEX], path[SU_STORE_PATH_MAX];
    uint8_t id[SU_STORE_ID_BYTES];
    size_t n = 0, len = strlen(name);
    struct su_store_entry row;

    if (len < SU_STORE_HEX - 1) {
        return SU_OK;
    }
    memcpy(hex, name, SU_STORE_HEX - 1);
    hex[SU_STORE_HEX - 1] = 0;
    const char *rest = name + SU_STORE_HEX - 1;
    bool blob = rest[0] == 0, leaves = strcmp(rest, ".leaves") == 0;
    bool chunks = strcmp(rest, SU_STORE_CHUNKS) == 0;
    bool temporary = su_str_starts(rest, ".leaves.");
    if (!su_hex_decode(hex, id, sizeof id, &n) || n != sizeof id ||
        (!blob && !leaves && !chunks && !temporary)) {
        return SU_OK;
    }
    if (!temporary) {
        enum su_code c = su_store_row_any(w->s, id, &row, e);

        if (c != SU_ENOENT && (c != SU_OK || leaves || row.partial == chunks)) {
            return c;
        }
    }
    su_store_path(w->s, sub, name, "", path);
    if (unlink(path) != 0 && errno != ENOENT) {
        return su_fail_sys(e, errno, path, "cannot remove");
    }
    w->r->removed_orphans++;
    return SU_OK;
}

/* A write is garbage when its writer's lock is gone. */
static bool put_is_dead(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    bool dead = fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0;

    if (fd >= 0) {
        close(fd);
    }
    return dead;
}

static enum su_code sweep_tmp(struct sweep *w, const char *sub, const char *name, struct su_err *e)
{
    char path[SU_STORE_PATH_MAX], stem[128];
    struct stat st;

    su_store_path(w->s, sub, name, "", path);
    if (su_str_starts(name, "put-")) {
        if (put_is_dead(path) && unlink(path) == 0) {
            w->r->removed_orphans++;
        }
        return SU_OK;
    }
    if (lstat(path, &st) != 0 || w->now_s - st.st_mtime <= SU_STORE_PART_DAYS * 86400) {
        return SU_OK;
    }
    su_str_copy(stem, sizeof stem, name);
    char *dot = strchr(stem, '.');
    if (dot != NULL) {
        *dot = 0;
    }
    int lock = su_store_lock_try(w->s, stem);
    if (lock < 0) {
        return SU_OK; /* being fetched right now */
    }
    bool removed = unlink(path) == 0;
    int sys = errno;
    su_store_unlock(lock);
    if (!removed && sys != ENOENT) {
        return su_fail_sys(e, sys, path, "cannot remove");
    }
    w->r->removed_parts += removed && su_str_ends(name, ".part");
    return SU_OK;
}

static enum su_code sweep_lock(struct sweep *w, const char *sub, const char *name, struct su_err *e)
{
    char path[SU_STORE_PATH_MAX], stem[128];

    (void)e;
    if (strcmp(name, SU_STORE_GATE ".lock") == 0 || !su_str_ends(name, ".lock")) {
        return SU_OK;
    }
    su_str_copy(stem, sizeof stem, name);
    stem[strlen(stem) - strlen(".lock")] = 0;
    int lock = su_store_lock_try(w->s, stem);
    if (lock >= 0) {
        su_store_path(w->s, sub, name, "", path);
        unlink(path); /* while it is held, so that nobody mistakes it for the current one */
        su_store_unlock(lock);
    }
    return SU_OK;
}

static enum su_code sweep_all(struct sweep *w, struct su_err *e)
{
    enum su_code c = SU_OK;
    char sub[3];

    for (unsigned i = 0; c == SU_OK && i < 256; i++) {
        const uint8_t byte = (uint8_t)i;

        su_hex_encode(&byte, 1, sub, sizeof sub);
        c = each_name(w, sub, sweep_blob, e);
    }
    if (c == SU_OK) {
        c = each_name(w, "tmp", sweep_tmp, e);
    }
    return c == SU_OK ? each_name(w, "lock", sweep_lock, e) : c;
}

enum su_code su_store_gc(struct su_store *s, uint64_t budget_bytes, struct su_store_gc_report *r,
                         struct su_err *e)
{
    struct su_store_gc_report unused;
    int gate = -1;

    if (r == NULL) {
        r = &unused;
    }
    *r = (struct su_store_gc_report){0};
    struct sweep w = {.s = s, .r = r, .now_s = su_clock_wall_ms() / 1000};
    enum su_code c = su_store_lock(s, SU_STORE_GATE, NULL, &gate, NULL, e);
    if (c != SU_OK) {
        return c;
    }
    c = evict(s, budget_bytes, r, e);
    if (c == SU_OK) {
        c = sweep_all(&w, e);
    }
    su_store_unlock(gate);
    if (c == SU_OK && r->kept_bytes > budget_bytes) {
        c = su_fail(e, SU_ELIMIT, s->dir,
                    "%" PRIu64 " pinned bytes exceed the budget of %" PRIu64 ": unpin blobs",
                    r->pinned_bytes, budget_bytes);
    }
    return c;
}
