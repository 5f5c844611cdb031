// SPDX-License-Identifier: MIT
#include "cache.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define VERSION 1
#define BUSY_MS 5000
#define NAP_MS 5

struct su_cache {
    sqlite3 *db;
    char path[4096];
};

static const char schema[] =
    "CREATE TABLE record(cluster BLOB NOT NULL, kind INTEGER NOT NULL, key BLOB NOT NULL, at "
    "INTEGER"
    " NOT NULL, version INTEGER NOT NULL, data BLOB NOT NULL, PRIMARY KEY(cluster, kind, key))"
    " WITHOUT ROWID;"
    "CREATE INDEX record_at ON record(cluster, kind, at);"
    "PRAGMA user_version = 1;";

static enum su_code failed(const struct su_cache *c, struct su_err *e)
{
    enum su_code code = SU_EIO;

    switch (sqlite3_errcode(c->db) & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        code = SU_EBUSY;
        break;
    case SQLITE_FULL:
        code = SU_ENOSPC;
        break;
    case SQLITE_NOMEM:
        code = SU_ENOMEM;
        break;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        code = SU_EFORMAT;
        break;
    case SQLITE_PERM:
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
        code = SU_EACCES;
        break;
    default:
        break;
    }
    return su_fail(e, code, c->path, "%s", sqlite3_errmsg(c->db));
}

/* -1: it cannot be read. */
static int number(struct su_cache *c, const char *sql)
{
    sqlite3_stmt *q = NULL;
    int n = -1;

    if (sqlite3_prepare_v2(c->db, sql, -1, &q, NULL) == SQLITE_OK && sqlite3_step(q) == SQLITE_ROW)
        n = sqlite3_column_int(q, 0);
    sqlite3_finalize(q);
    return n;
}

static const char version_of[] = "PRAGMA user_version";

/* Another process may be making the same one. */
static enum su_code make(struct su_cache *c, struct su_err *e)
{
    if (sqlite3_exec(c->db, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK)
        return failed(c, e);
    if (number(c, version_of) == 0 && sqlite3_exec(c->db, schema, NULL, NULL, NULL) != SQLITE_OK)
        return failed(c, e);
    return sqlite3_exec(c->db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK ? SU_OK : failed(c, e);
}

/* SU_EFORMAT: no cache, or one that this program cannot read. SU_EBUSY: in a moment, perhaps. */
static enum su_code look_over(struct su_cache *c, struct su_err *e)
{
    sqlite3_stmt *q = NULL;
    int version, tables;

    if (sqlite3_exec(c->db, "BEGIN", NULL, NULL, NULL) != SQLITE_OK) /* both of the same moment */
        return failed(c, e);
    version = number(c, version_of);
    tables = version < 0 ? -1 : number(c, "SELECT count(*) FROM sqlite_schema");
    if (tables < 0)
        return failed(c, e);
    if (sqlite3_exec(c->db, "COMMIT", NULL, NULL, NULL) != SQLITE_OK)
        return failed(c, e);
    if (version > VERSION)
        return su_fail(e, SU_EFORMAT, c->path, "a cache of version %d, this program reads %d",
                       version, VERSION);
    if (version == 0 && tables > 0)
        return su_fail(e, SU_EFORMAT, c->path, "a database, but no cache of this program");
    if (sqlite3_exec(c->db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL", NULL, NULL,
                     NULL) != SQLITE_OK)
        return failed(c, e);
    if (version == 0)
        return make(c, e);
    /* Reading every page is cheap for what a cache holds, and finds damage before it is believed. */
    enum su_code rc = SU_EFORMAT;
    if (sqlite3_prepare_v2(c->db, "PRAGMA quick_check(1)", -1, &q, NULL) == SQLITE_OK &&
        sqlite3_step(q) == SQLITE_ROW && strcmp((const char *)sqlite3_column_text(q, 0), "ok") == 0)
        rc = SU_OK;
    else if ((sqlite3_errcode(c->db) & 0xff) == SQLITE_BUSY)
        rc = failed(c, e);
    sqlite3_finalize(q);
    return rc == SU_EFORMAT ? su_fail(e, rc, c->path, "damaged") : rc;
}

/* SQLite waits for another process that holds a lock, but not where both would wait for each other, as two
   do that change the journal's kind at once: so all of it is tried again. */
static enum su_code set_up(struct su_cache *c, struct su_err *e)
{
    const struct timespec nap = {.tv_nsec = NAP_MS * 1000000};
    const uint64_t until = su_clock_mono_ns() + BUSY_MS * UINT64_C(1000000);
    enum su_code rc;

    while ((rc = look_over(c, e)) == SU_EBUSY && su_clock_mono_ns() < until) {
        (void)sqlite3_exec(c->db, "ROLLBACK", NULL, NULL, NULL); /* of what was begun, if it was */
        (void)nanosleep(&nap, NULL);
    }
    return rc;
}

static enum su_code open_file(const char *path, struct su_cache *c, struct su_err *e)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    int rc;

    if (path) { /* SQLite would make it with the umask's rights, and the WAL takes the file's */
        int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd < 0 && errno != EEXIST)
            return su_fail_sys(e, errno, path, "cannot be made");
        if (fd >= 0) /* of one that is there, to close it would give up this process's locks */
            close(fd);
    }
    rc = sqlite3_open_v2(path ? path : ":memory:", &c->db, flags, NULL);
    if (!c->db)
        return su_fail(e, SU_ENOMEM, c->path, "out of memory");
    if (rc != SQLITE_OK)
        return failed(c, e);
    sqlite3_busy_timeout(c->db, BUSY_MS);
    return set_up(c, e);
}

static enum su_code make_folder(const char *path, struct su_err *e)
{
    char dir[4096];
    const char *slash = strrchr(path, '/');

    if (!slash || slash == path)
        return SU_OK;
    if (!su_str_copy(dir, sizeof dir, path))
        return su_fail(e, SU_ELIMIT, path, "a path of more than %zu bytes", sizeof dir - 1);
    dir[slash - path] = '\0';
    return su_dir_make(dir, 0700, e);
}

static enum su_code put_aside(const char *path, struct su_err *e)
{
    static const char *const suffix[] = {"", "-wal", "-shm"};
    char from[4200], to[4200];

    for (size_t i = 0; i < SU_ARRAY_LEN(suffix); i++) {
        (void)snprintf(from, sizeof from, "%s%s", path, suffix[i]);
        (void)snprintf(to, sizeof to, "%s.bad%s", path, suffix[i]);
        if (rename(from, to) && errno != ENOENT)
            return su_fail_sys(e, errno, from, "cannot be set aside");
    }
    return SU_OK;
}

enum su_code su_cache_open(const char *path, bool *set_aside, struct su_cache **out,
                           struct su_err *e)
{
    struct su_err first;
    enum su_code rc = SU_OK;

    *out = NULL;
    if (set_aside)
        *set_aside = false;
    if (path)
        rc = make_folder(path, e);
    if (rc)
        return rc;
    struct su_cache *c = su_try_alloc(1, sizeof *c);
    if (!c)
        return su_fail(e, SU_ENOMEM, "cache", "out of memory");
    if (!su_str_copy(c->path, sizeof c->path, path ? path : "cache in memory")) {
        free(c);
        return su_fail(e, SU_ELIMIT, path, "a path of more than %zu bytes", sizeof c->path - 1);
    }
    rc = open_file(path, c, &first);
    if (rc == SU_EFORMAT && path) {
        sqlite3_close(c->db);
        c->db = NULL;
        rc = put_aside(path, &first);
        if (rc == SU_OK && set_aside)
            *set_aside = true;
        if (rc == SU_OK)
            rc = open_file(path, c, &first);
    }
    if (rc) {
        su_cache_close(c);
        if (e)
            *e = first;
        return rc;
    }
    *out = c;
    return SU_OK;
}

void su_cache_close(struct su_cache *c)
{
    if (!c)
        return;
    sqlite3_close(c->db);
    free(c);
}

static enum su_code put_all(struct su_cache *c, sqlite3_stmt *q, const uint8_t cluster[32],
                            enum su_cache_kind kind, const struct su_cache_record *r, size_t n,
                            struct su_err *e)
{
    for (size_t i = 0; i < n; i++) {
        sqlite3_reset(q);
        sqlite3_bind_blob(q, 1, cluster, 32, SQLITE_STATIC);
        sqlite3_bind_int(q, 2, (int)kind);
        sqlite3_bind_blob(q, 3, r[i].key, (int)r[i].key_bytes, SQLITE_STATIC);
        sqlite3_bind_int64(q, 4, r[i].at_ms);
        sqlite3_bind_int64(q, 5, r[i].version);
        sqlite3_bind_blob(q, 6, r[i].data_bytes ? r[i].data : (const uint8_t *)"",
                          (int)r[i].data_bytes, SQLITE_STATIC);
        if (sqlite3_step(q) != SQLITE_DONE)
            return failed(c, e);
    }
    return SU_OK;
}

enum su_code su_cache_put(struct su_cache *c, const uint8_t cluster[32], enum su_cache_kind kind,
                          const struct su_cache_record *r, size_t n, struct su_err *e)
{
    sqlite3_stmt *q = NULL;

    for (size_t i = 0; i < n; i++)
        if (r[i].key_bytes == 0 || r[i].key_bytes > SU_CACHE_KEY_MAX ||
            r[i].data_bytes > SU_CACHE_DATA_MAX)
            return su_fail(e, SU_ELIMIT, c->path,
                           "a record with %zu bytes of key and %zu of data; at most %u and %u",
                           r[i].key_bytes, r[i].data_bytes, SU_CACHE_KEY_MAX, SU_CACHE_DATA_MAX);
    if (n == 0)
        return SU_OK;
    if (sqlite3_exec(c->db, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK)
        return failed(c, e);
    enum su_code rc = SU_OK;
    if (sqlite3_prepare_v2(c->db, "INSERT OR REPLACE INTO record VALUES(?,?,?,?,?,?)", -1, &q,
                           NULL) != SQLITE_OK)
        rc = failed(c, e);
    if (rc == SU_OK)
        rc = put_all(c, q, cluster, kind, r, n, e);
    sqlite3_finalize(q);
    if (rc == SU_OK && sqlite3_exec(c->db, "COMMIT", NULL, NULL, NULL) != SQLITE_OK)
        rc = failed(c, e);
    if (rc)
        sqlite3_exec(c->db, "ROLLBACK", NULL, NULL, NULL);
    return rc;
}

enum su_code su_cache_each(struct su_cache *c, const uint8_t cluster[32], enum su_cache_kind kind,
                           uint32_t version, uint64_t most,
                           bool (*fn)(void *ctx, const struct su_cache_record *r), void *ctx,
                           struct su_err *e)
{
    sqlite3_stmt *q = NULL;
    int rc;

    if (sqlite3_prepare_v2(c->db,
                           "SELECT key, data, at FROM record WHERE cluster = ? AND kind = ? AND"
                           " version = ? ORDER BY at DESC, key LIMIT ?",
                           -1, &q, NULL) != SQLITE_OK)
        return failed(c, e);
    sqlite3_bind_blob(q, 1, cluster, 32, SQLITE_STATIC);
    sqlite3_bind_int(q, 2, (int)kind);
    sqlite3_bind_int64(q, 3, version);
    sqlite3_bind_int64(q, 4, most > INT64_MAX ? INT64_MAX : (int64_t)most);
    while ((rc = sqlite3_step(q)) == SQLITE_ROW) {
        struct su_cache_record r = {.version = version, .at_ms = sqlite3_column_int64(q, 2)};
        r.key = sqlite3_column_blob(q, 0);
        r.key_bytes = (size_t)sqlite3_column_bytes(q, 0);
        r.data = sqlite3_column_blob(q, 1);
        r.data_bytes = (size_t)sqlite3_column_bytes(q, 1);
        if (!fn(ctx, &r)) {
            rc = SQLITE_DONE;
            break;
        }
    }
    enum su_code code = rc == SQLITE_DONE ? SU_OK : failed(c, e);
    sqlite3_finalize(q);
    return code;
}

enum su_code su_cache_prune(struct su_cache *c, const uint8_t cluster[32], enum su_cache_kind kind,
                            uint64_t keep, struct su_err *e)
{
    sqlite3_stmt *q = NULL;

    if (sqlite3_prepare_v2(c->db,
                           "DELETE FROM record WHERE cluster = ?1 AND kind = ?2 AND key IN (SELECT"
                           " key FROM record WHERE cluster = ?1 AND kind = ?2 ORDER BY at DESC, key"
                           " LIMIT -1 OFFSET ?3)",
                           -1, &q, NULL) != SQLITE_OK)
        return failed(c, e);
    sqlite3_bind_blob(q, 1, cluster, 32, SQLITE_STATIC);
    sqlite3_bind_int(q, 2, (int)kind);
    sqlite3_bind_int64(q, 3, keep > INT64_MAX ? INT64_MAX : (int64_t)keep);
    enum su_code rc = sqlite3_step(q) == SQLITE_DONE ? SU_OK : failed(c, e);
    sqlite3_finalize(q);
    return rc;
}
