// SPDX-License-Identifier: MIT
#include "store_priv.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { VERSION = 2, BUSY_MS = 10000, TOUCH_MS = 1000 };

/* Version 2 added parts: chunks is 0 for a whole blob, else the number of its chunks, of which those
   are here whose bits are set in have. */
static const char schema[] =
    "CREATE TABLE IF NOT EXISTS blob(id BLOB PRIMARY KEY CHECK(length(id)=32),"
    " bytes INTEGER NOT NULL CHECK(bytes>=0), pins INTEGER NOT NULL DEFAULT 0 CHECK(pins>=0),"
    " expire_ms INTEGER NOT NULL DEFAULT 0, used_ms INTEGER NOT NULL, added_ms INTEGER NOT NULL,"
    " chunks INTEGER NOT NULL DEFAULT 0, have BLOB) WITHOUT ROWID;"
    "CREATE INDEX IF NOT EXISTS blob_used ON blob(used_ms);"
    "CREATE TABLE IF NOT EXISTS source(uri TEXT PRIMARY KEY, id BLOB NOT NULL, etag TEXT NOT NULL,"
    " fetched_ms INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE INDEX IF NOT EXISTS source_id ON source(id);"
    "PRAGMA user_version=2;";
static const char from_version_1[] =
    "ALTER TABLE blob ADD COLUMN chunks INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE blob ADD COLUMN have BLOB;";

static enum su_code db_fail(struct su_store *s, struct su_err *e)
{
    char path[SU_STORE_PATH_MAX];
    enum su_code c = SU_EIO;

    su_store_path(s, NULL, "store.db", "", path);
    switch (sqlite3_errcode(s->db) & 0xff) {
    case SQLITE_FULL:
        c = SU_ENOSPC;
        break;
    case SQLITE_NOMEM:
        c = SU_ENOMEM;
        break;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        c = SU_EBUSY;
        break;
    case SQLITE_PERM:
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_AUTH:
        c = SU_EACCES;
        break;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return su_fail(e, SU_EFORMAT, path,
                       "damaged (%s): move the store's folder away; its blobs can be fetched again",
                       sqlite3_errmsg(s->db));
    default:
        break;
    }
    return su_fail(e, c, path, "%s", sqlite3_errmsg(s->db));
}

/* A prepared statement under the mutex; begun and ended in one function. */
struct query {
    struct su_store *s;
    sqlite3_stmt *stmt;
    int rc;
};

static struct query query_begin(struct su_store *s, const char *sql)
{
    struct query q = {.s = s};

    pthread_mutex_lock(&s->mutex);
    q.rc = sqlite3_prepare_v2(s->db, sql, -1, &q.stmt, NULL);
    return q;
}

static void bind_id(struct query *q, int at, const uint8_t *id)
{
    if (q->rc == SQLITE_OK) {
        q->rc = sqlite3_bind_blob(q->stmt, at, id, SU_STORE_ID_BYTES, SQLITE_TRANSIENT);
    }
}

static void bind_int(struct query *q, int at, int64_t v)
{
    if (q->rc == SQLITE_OK) {
        q->rc = sqlite3_bind_int64(q->stmt, at, v);
    }
}

static void bind_text(struct query *q, int at, const char *v)
{
    if (q->rc == SQLITE_OK) {
        q->rc = sqlite3_bind_text(q->stmt, at, v, -1, SQLITE_TRANSIENT);
    }
}

static bool query_step(struct query *q)
{
    if (q->rc == SQLITE_OK || q->rc == SQLITE_ROW) {
        q->rc = sqlite3_step(q->stmt);
    }
    return q->rc == SQLITE_ROW;
}

/* SU_OK when all steps went well. Changed rows are counted before the mutex is released. */
static enum su_code query_end(struct query *q, int *changed, struct su_err *e)
{
    enum su_code c = SU_OK;

    if (q->rc != SQLITE_OK && q->rc != SQLITE_ROW && q->rc != SQLITE_DONE) {
        c = db_fail(q->s, e);
    }
    if (changed != NULL) {
        *changed = sqlite3_changes(q->s->db);
    }
    sqlite3_finalize(q->stmt);
    pthread_mutex_unlock(&q->s->mutex);
    return c;
}

static bool exec(struct su_store *s, const char *sql)
{
    return sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK;
}

static enum su_code check_version(struct su_store *s, int *found, struct su_err *e)
{
    char path[SU_STORE_PATH_MAX];
    struct query q = query_begin(s, "PRAGMA user_version");
    int version = query_step(&q) ? sqlite3_column_int(q.stmt, 0) : 0;
    enum su_code c = query_end(&q, NULL, e);

    *found = version;
    if (c == SU_OK && version > VERSION) {
        su_store_path(s, NULL, "store.db", "", path);
        c = su_fail(e, SU_EFORMAT, path,
                    "has version %d, this program knows up to %d: update it or use another folder",
                    version, VERSION);
    }
    return c;
}

enum su_code su_store_db_open(struct su_store *s, struct su_err *e)
{
    char path[SU_STORE_PATH_MAX];
    int version;
    enum su_code c;

    su_store_path(s, NULL, "store.db", "", path);
    if (sqlite3_open_v2(path, &s->db,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX,
                        NULL) != SQLITE_OK) {
        return s->db != NULL ? db_fail(s, e) : su_fail(e, SU_ENOMEM, path, "no memory to open");
    }
    sqlite3_extended_result_codes(s->db, 1);
    sqlite3_busy_timeout(s->db, BUSY_MS);
    c = check_version(s, &version, e);
    if (c != SU_OK) {
        return c;
    }
    if (!exec(s, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; BEGIN IMMEDIATE;") ||
        (version == 1 && !exec(s, from_version_1)) || !exec(s, schema) || !exec(s, "COMMIT")) {
        return db_fail(s, e);
    }
    return SU_OK;
}

void su_store_db_close(struct su_store *s)
{
    sqlite3_close(s->db);
    s->db = NULL;
}

static void take_row(sqlite3_stmt *q, struct su_store_entry *b)
{
    memset(b, 0, sizeof *b);
    if (sqlite3_column_bytes(q, 0) == SU_STORE_ID_BYTES) {
        memcpy(b->id, sqlite3_column_blob(q, 0), SU_STORE_ID_BYTES);
    }
    b->bytes = (uint64_t)sqlite3_column_int64(q, 1);
    b->pins = (uint32_t)sqlite3_column_int64(q, 2);
    b->expire_ms = sqlite3_column_int64(q, 3);
    b->used_ms = sqlite3_column_int64(q, 4);
    b->added_ms = sqlite3_column_int64(q, 5);
    b->partial = sqlite3_column_int64(q, 6) != 0;
}

static enum su_code unknown_blob(const uint8_t *id, struct su_err *e)
{
    char hex[SU_STORE_HEX];

    return su_fail(e, SU_ENOENT, su_store_hex(id, hex),
                   "no such blob in the store: fetch it (sha256:<id> from a peer, or its URL)");
}

#define COLUMNS "id,bytes,pins,expire_ms,used_ms,added_ms,chunks"

enum su_code su_store_row_any(struct su_store *s, const uint8_t id[SU_STORE_ID_BYTES],
                              struct su_store_entry *b, struct su_err *e)
{
    struct query q = query_begin(s, "SELECT " COLUMNS " FROM blob WHERE id=?1");

    bind_id(&q, 1, id);
    bool found = query_step(&q);
    if (found) {
        take_row(q.stmt, b);
    }
    enum su_code c = query_end(&q, NULL, e);
    return c == SU_OK && !found ? unknown_blob(id, e) : c;
}

enum su_code su_store_row(struct su_store *s, const uint8_t id[SU_STORE_ID_BYTES],
                          struct su_store_entry *b, struct su_err *e)
{
    enum su_code c = su_store_row_any(s, id, b, e);

    return c == SU_OK && b->partial ? unknown_blob(id, e) : c;
}

enum su_code su_store_row_add(struct su_store *s, const uint8_t id[SU_STORE_ID_BYTES],
                              uint64_t bytes, struct su_err *e)
{
    /* A row may be left of a file that somebody removed; its pins still hold. */
    struct query q =
        query_begin(s, "INSERT INTO blob(id,bytes,used_ms,added_ms) VALUES(?1,?2,?3,?3)"
                       " ON CONFLICT(id) DO UPDATE SET bytes=?2,used_ms=?3,chunks=0,have=NULL");

    bind_id(&q, 1, id);
    bind_int(&q, 2, (int64_t)bytes);
    bind_int(&q, 3, su_clock_wall_ms());
    query_step(&q);
    return query_end(&q, NULL, e);
}

enum su_code su_store_row_touch(struct su_store *s, const uint8_t id[SU_STORE_ID_BYTES],
                                struct su_err *e)
{
    /* Not more often than once a second, so that reading does not become writing. */
    struct query q = query_begin(s, "UPDATE blob SET used_ms=?2 WHERE id=?1 AND used_ms<=?2-?3");

    bind_id(&q, 1, id);
    bind_int(&q, 2, su_clock_wall_ms());
    bind_int(&q, 3, TOUCH_MS);
    query_step(&q);
    return query_end(&q, NULL, e);
}

enum su_code su_store_row_remove(struct su_store *s, const uint8_t id[SU_STORE_ID_BYTES],
                                 struct su_err *e)
{
    struct query q =
        query_begin(s, "DELETE FROM source WHERE id=?1 AND uri NOT LIKE '" SU_STORE_FIXED "%'");

    bind_id(&q, 1, id);
    query_step(&q);
    enum su_code c = query_end(&q, NULL, e);
    if (c != SU_OK) {
        return c;
    }
    q = query_begin(s, "DELETE FROM blob WHERE id=?1");
    bind_id(&q, 1, id);
    query_step(&q);
    return query_end(&q, NULL, e);
}

enum su_code su_store_rows(struct su_store *s, bool by_use, struct su_store_entry **rows, size_t *n,
                           struct su_err *e)
{
    struct su_buf b;
    struct su_store_entry row;

    *rows = NULL;
    *n = 0;
    su_buf_init(&b, 0);
    struct query q =
        query_begin(s, by_use ? "SELECT " COLUMNS " FROM blob ORDER BY used_ms,added_ms,id"
                              : "SELECT " COLUMNS " FROM blob"
                                " ORDER BY used_ms DESC,added_ms DESC,id");
    while (query_step(&q)) {
        take_row(q.stmt, &row);
        su_buf_put(&b, &row, sizeof row);
    }
    enum su_code c = query_end(&q, NULL, e);
    if (c == SU_OK) {
        c = su_buf_check(&b, s->dir, e);
    }
    if (c != SU_OK) {
        su_buf_fini(&b);
        return c;
    }
    *n = b.len / sizeof row;
    *rows = (struct su_store_entry *)(void *)b.data;
    return SU_OK;
}

/* Runs an UPDATE of one blob; a row that it did not change is unknown. */
static enum su_code update_one(struct query *q, const uint8_t *id, struct su_err *e)
{
    int changed = 0;

    query_step(q);
    enum su_code c = query_end(q, &changed, e);
    return c == SU_OK && changed == 0 ? unknown_blob(id, e) : c;
}

enum su_code su_store_pin(struct su_store *s, const uint8_t id[SU_STORE_ID_BYTES], struct su_err *e)
{
    struct query q = query_begin(s, "UPDATE blob SET pins=pins+1 WHERE id=?1");

    bind_id(&q, 1, id);
    return update_one(&q, id, e);
}

enum su_code su_store_unpin(struct su_store *s, const uint8_t id[SU_STORE_ID_BYTES],
                            struct su_err *e)
{
    struct su_store_entry b;
    char hex[SU_STORE_HEX];
    struct query q = query_begin(s, "UPDATE blob SET pins=pins-1 WHERE id=?1 AND pins>0");

    bind_id(&q, 1, id);
    enum su_code c = update_one(&q, id, e);
    if (c == SU_ENOENT && su_store_row_any(s, id, &b, NULL) == SU_OK) {
        return su_fail(e, SU_EINVAL, su_store_hex(id, hex), "is not pinned");
    }
    return c;
}

enum su_code su_store_expire(struct su_store *s, const uint8_t id[SU_STORE_ID_BYTES],
                             int64_t expire_ms, struct su_err *e)
{
    struct query q = query_begin(s, "UPDATE blob SET expire_ms=?2 WHERE id=?1");

    bind_id(&q, 1, id);
    bind_int(&q, 2, SU_MAX(expire_ms, (int64_t)0));
    return update_one(&q, id, e);
}

/* ---- parts ---------------------------------------------------------------------------------- */

size_t su_store_part_bytes(uint64_t chunks)
{
    return (size_t)((chunks + 7) / 8);
}

bool su_store_part_has(const struct su_store_part *p, uint64_t chunk)
{
    return chunk < p->chunks && (p->have[chunk / 8] >> chunk % 8 & 1) != 0;
}

enum su_code su_store_part_get(struct su_store *s, const uint8_t id[SU_STORE_ID_BYTES],
                               struct su_store_part *p, struct su_err *e)
{
    struct query q = query_begin(s, "SELECT chunks,have,bytes FROM blob WHERE id=?1 AND chunks>0");

    *p = (struct su_store_part){0};
    bind_id(&q, 1, id);
    bool found = query_step(&q);
    if (found) {
        p->chunks = (uint64_t)sqlite3_column_int64(q.stmt, 0);
        p->bytes = (uint64_t)sqlite3_column_int64(q.stmt, 2);
        size_t n = su_store_part_bytes(p->chunks);
        found = p->chunks <= SU_STORE_BLOB_MAX / SU_STORE_CHUNK_BYTES &&
                sqlite3_column_bytes(q.stmt, 1) == (int)n;
        if (found) {
            p->have = su_alloc(n);
            memcpy(p->have, sqlite3_column_blob(q.stmt, 1), n);
        }
    }
    enum su_code c = query_end(&q, NULL, e);
    return c == SU_OK && !found ? unknown_blob(id, e) : c;
}

enum su_code su_store_part_set(struct su_store *s, const uint8_t id[SU_STORE_ID_BYTES],
                               const struct su_store_part *p, struct su_err *e)
{
    struct query q = query_begin(
        s, "INSERT INTO blob(id,bytes,used_ms,added_ms,chunks,have) VALUES(?1,?2,?3,?3,?4,?5)"
           " ON CONFLICT(id) DO UPDATE SET bytes=?2,used_ms=?3,chunks=?4,have=?5");

    bind_id(&q, 1, id);
    bind_int(&q, 2, (int64_t)p->bytes);
    bind_int(&q, 3, su_clock_wall_ms());
    bind_int(&q, 4, (int64_t)p->chunks);
    if (q.rc == SQLITE_OK) {
        q.rc = sqlite3_bind_blob(q.stmt, 5, p->have, (int)su_store_part_bytes(p->chunks),
                                 SQLITE_TRANSIENT);
    }
    query_step(&q);
    return query_end(&q, NULL, e);
}

/* ---- sources -------------------------------------------------------------------------------- */

enum su_code su_store_source_get(struct su_store *s, const char *uri, struct su_store_source *src,
                                 struct su_err *e)
{
    struct query q = query_begin(s, "SELECT id,etag,fetched_ms FROM source WHERE uri=?1");

    memset(src, 0, sizeof *src);
    bind_text(&q, 1, uri);
    bool found = query_step(&q) && sqlite3_column_bytes(q.stmt, 0) == SU_STORE_ID_BYTES;
    if (found) {
        const unsigned char *etag = sqlite3_column_text(q.stmt, 1);

        memcpy(src->id, sqlite3_column_blob(q.stmt, 0), SU_STORE_ID_BYTES);
        su_str_copy(src->etag, sizeof src->etag, etag != NULL ? (const char *)etag : "");
        src->fetched_ms = sqlite3_column_int64(q.stmt, 2);
    }
    enum su_code c = query_end(&q, NULL, e);
    return c == SU_OK && !found ? su_fail(e, SU_ENOENT, uri, "was never fetched") : c;
}

enum su_code su_store_source_set(struct su_store *s, const char *uri,
                                 const struct su_store_source *src, struct su_err *e)
{
    struct query q =
        query_begin(s, "INSERT OR REPLACE INTO source(uri,id,etag,fetched_ms) VALUES(?1,?2,?3,?4)");

    bind_text(&q, 1, uri);
    bind_id(&q, 2, src->id);
    bind_text(&q, 3, src->etag);
    bind_int(&q, 4, src->fetched_ms);
    query_step(&q);
    return query_end(&q, NULL, e);
}
