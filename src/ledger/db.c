// SPDX-License-Identifier: MIT
/* The file. One connection writes, one reads (WAL: readers never wait for it). A transaction is
   told to anybody only after the COMMIT that holds it. */
#include "bank.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum { VERSION = 1, APPLICATION = 0x53554c31, BUSY_MS = 10000 };

static const char schema[] =
    "CREATE TABLE IF NOT EXISTS meta(key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS account(key BLOB PRIMARY KEY CHECK(length(key)=32),"
    " lamports INTEGER NOT NULL CHECK(lamports>0), owner BLOB NOT NULL CHECK(length(owner)=32),"
    " executable INTEGER NOT NULL, data BLOB NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS tx(seq INTEGER PRIMARY KEY, sig8 INTEGER NOT NULL,"
    " sig BLOB NOT NULL CHECK(length(sig)=64), slot INTEGER NOT NULL, time INTEGER NOT NULL,"
    " message BLOB NOT NULL CHECK(length(message)=32), failure INTEGER NOT NULL,"
    " wire BLOB NOT NULL, result BLOB NOT NULL);"
    "CREATE INDEX IF NOT EXISTS tx_sig ON tx(sig8);"
    "CREATE TABLE IF NOT EXISTS address(key BLOB NOT NULL, seq INTEGER NOT NULL,"
    " PRIMARY KEY(key, seq)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS ring(place INTEGER PRIMARY KEY, slot INTEGER NOT NULL,"
    " hash BLOB NOT NULL CHECK(length(hash)=32));"
    "CREATE TABLE IF NOT EXISTS block(slot INTEGER PRIMARY KEY,"
    " hash BLOB NOT NULL CHECK(length(hash)=32), time INTEGER NOT NULL, txs INTEGER NOT NULL);"
    "PRAGMA application_id=1398098993;"
    "PRAGMA user_version=1;";
_Static_assert(APPLICATION == 1398098993, "the schema's number is \"SUL1\"");

enum su_code su_ledger_db_fail(struct su_ledger_db *d, sqlite3 *h, struct su_err *e)
{
    enum su_code c = SU_EIO;

    switch (sqlite3_errcode(h) & 0xff) {
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
        return su_fail(e, SU_EFORMAT, d->path,
                       "damaged, or no ledger (%s): move the file away to begin a new one",
                       sqlite3_errmsg(h));
    default:
        break;
    }
    return su_fail(e, c, d->path, "%s", sqlite3_errmsg(h));
}

static bool exec(sqlite3 *h, const char *sql)
{
    return sqlite3_exec(h, sql, NULL, NULL, NULL) == SQLITE_OK;
}

static int64_t pragma(sqlite3 *h, const char *sql)
{
    sqlite3_stmt *s = NULL;
    int64_t v = -1;

    if (sqlite3_prepare_v2(h, sql, -1, &s, NULL) == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW) {
        v = sqlite3_column_int64(s, 0);
    }
    sqlite3_finalize(s);
    return v;
}

static enum su_code check_version(struct su_ledger_db *d, struct su_err *e)
{
    int64_t tables = pragma(d->w, "SELECT count(*) FROM sqlite_master");
    int64_t version = pragma(d->w, "PRAGMA user_version");

    if (tables < 0 || version < 0) {
        return su_ledger_db_fail(d, d->w, e);
    }
    if (tables != 0 && pragma(d->w, "PRAGMA application_id") != APPLICATION) {
        return su_fail(e, SU_EFORMAT, d->path, "is a database, but no ledger: use another folder");
    }
    if (version > VERSION) {
        return su_fail(e, SU_EFORMAT, d->path,
                       "has version %lld, this program knows up to %d: update it or use another "
                       "folder",
                       (long long)version, VERSION);
    }
    return SU_OK;
}

static enum su_code prepare(struct su_ledger_db *d, struct su_err *e)
{
    const struct {
        sqlite3_stmt **stmt;
        const char *sql;
    } list[] = {
        {&d->put_account,
         "INSERT INTO account VALUES(?1,?2,?3,?4,?5) ON CONFLICT(key) DO UPDATE SET"
         " lamports=?2, owner=?3, executable=?4, data=?5"},
        {&d->del_account, "DELETE FROM account WHERE key=?1"},
        {&d->put_tx, "INSERT INTO tx VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9)"},
        {&d->put_address, "INSERT INTO address VALUES(?1,?2)"},
        {&d->put_ring, "INSERT OR REPLACE INTO ring VALUES(?1,?2,?3)"},
        {&d->put_block, "INSERT OR REPLACE INTO block VALUES(?1,?2,?3,?4)"},
        {&d->put_meta, "INSERT OR REPLACE INTO meta VALUES(?1,?2)"},
    };

    for (size_t i = 0; i < SU_ARRAY_LEN(list); i++) {
        if (sqlite3_prepare_v3(d->w, list[i].sql, -1, SQLITE_PREPARE_PERSISTENT, list[i].stmt,
                               NULL) != SQLITE_OK) {
            return su_ledger_db_fail(d, d->w, e);
        }
    }
    return SU_OK;
}

static enum su_code lock_folder(struct su_ledger_db *d, const char *dir, struct su_err *e)
{
    char path[sizeof d->path];
    enum su_code c = su_dir_make(dir, 0700, e);

    if (c != SU_OK || (c = su_path_join(path, sizeof path, dir, "ledger.lock", e)) != SU_OK ||
        (c = su_path_join(d->path, sizeof d->path, dir, "ledger.db", e)) != SU_OK) {
        return c;
    }
    d->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (d->lock_fd < 0) {
        return su_fail_sys(e, errno, path, "cannot open");
    }
    if (flock(d->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        return su_fail(e, SU_EBUSY, dir, "another process has this ledger open");
    }
    /* SQLite would make it readable by others, and the faucet's key is in it. */
    int fd = open(d->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    if (fd < 0) {
        return su_fail_sys(e, errno, d->path, "cannot open");
    }
    close(fd);
    return SU_OK;
}

static enum su_code connect(struct su_ledger_db *d, const char *name, int flags, sqlite3 **h,
                            struct su_err *e)
{
    if (sqlite3_open_v2(name, h, flags | SQLITE_OPEN_FULLMUTEX, NULL) != SQLITE_OK) {
        return *h != NULL ? su_ledger_db_fail(d, *h, e)
                          : su_fail(e, SU_ENOMEM, name, "no memory to open");
    }
    sqlite3_extended_result_codes(*h, 1);
    sqlite3_busy_timeout(*h, BUSY_MS);
    return SU_OK;
}

enum su_code su_ledger_db_open(struct su_ledger_db *d, const char *dir, bool fast, struct su_err *e)
{
    enum su_code c = SU_OK;
    const char *name = ":memory:";

    d->lock_fd = -1;
    pthread_mutex_init(&d->lock, NULL);
    su_str_copy(d->path, sizeof d->path, name);
    if (dir != NULL) {
        if ((c = lock_folder(d, dir, e)) != SU_OK) {
            return c;
        }
        name = d->path;
    }
    c = connect(d, name, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, &d->w, e);
    if (c != SU_OK || (c = check_version(d, e)) != SU_OK) {
        return c;
    }
    if (!exec(d->w, "PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=4000;"
                    "PRAGMA cache_size=-65536; PRAGMA temp_store=MEMORY;") ||
        !exec(d->w, fast ? "PRAGMA synchronous=NORMAL" : "PRAGMA synchronous=FULL") ||
        !exec(d->w, schema)) {
        return su_ledger_db_fail(d, d->w, e);
    }
    d->r = d->w;
    if (dir != NULL) {
        d->r = NULL;
        if ((c = connect(d, name, SQLITE_OPEN_READWRITE, &d->r, e)) != SU_OK) {
            return c;
        }
    }
    return prepare(d, e);
}

void su_ledger_db_close(struct su_ledger_db *d)
{
    sqlite3_stmt *all[] = {d->put_account, d->del_account, d->put_tx,  d->put_address,
                           d->put_ring,    d->put_block,   d->put_meta};

    for (size_t i = 0; i < SU_ARRAY_LEN(all); i++) {
        sqlite3_finalize(all[i]);
    }
    if (d->r != d->w) {
        sqlite3_close(d->r);
    }
    sqlite3_close(d->w);
    if (d->lock_fd >= 0) {
        close(d->lock_fd);
    }
    pthread_mutex_destroy(&d->lock);
}

/* ---- writing --------------------------------------------------------------------------------- */

enum su_code su_ledger_db_begin(struct su_ledger_db *d, struct su_err *e)
{
    if (d->r == d->w) {
        pthread_mutex_lock(&d->lock);
    }
    if (!exec(d->w, "BEGIN IMMEDIATE")) {
        enum su_code c = su_ledger_db_fail(d, d->w, e);

        if (d->r == d->w) {
            pthread_mutex_unlock(&d->lock);
        }
        return c;
    }
    return SU_OK;
}

enum su_code su_ledger_db_end(struct su_ledger_db *d, enum su_code c, struct su_err *e)
{
    if (c == SU_OK && !exec(d->w, "COMMIT")) {
        c = su_ledger_db_fail(d, d->w, e);
    }
    if (c != SU_OK) {
        (void)exec(d->w, "ROLLBACK");
    }
    if (d->r == d->w) {
        pthread_mutex_unlock(&d->lock);
    }
    return c;
}

/* Runs a bound statement; `bound` collects the results of binding, 0 = all well. */
static enum su_code run(struct su_ledger_db *d, sqlite3_stmt *s, int bound, struct su_err *e)
{
    enum su_code c = SU_OK;

    if (bound != SQLITE_OK || sqlite3_step(s) != SQLITE_DONE) {
        c = su_ledger_db_fail(d, d->w, e);
    }
    sqlite3_reset(s);
    sqlite3_clear_bindings(s);
    return c;
}

static int bind(sqlite3_stmt *s, int at, const void *data, size_t n)
{
    return n == 0 ? sqlite3_bind_zeroblob(s, at, 0)
                  : sqlite3_bind_blob(s, at, data, (int)n, SQLITE_STATIC);
}

enum su_code su_ledger_db_put_account(struct su_ledger_db *d, const struct su_ledger_account *a,
                                      struct su_err *e)
{
    sqlite3_stmt *s = a->lamports == 0 ? d->del_account : d->put_account;
    int rc = bind(s, 1, a->key, 32);

    if (a->lamports != 0) {
        rc |= sqlite3_bind_int64(s, 2, (int64_t)a->lamports);
        rc |= bind(s, 3, a->owner, 32);
        rc |= sqlite3_bind_int(s, 4, a->executable);
        rc |= bind(s, 5, a->data, (size_t)a->data_bytes);
    }
    return run(d, s, rc, e);
}

enum su_code su_ledger_db_put_landed(struct su_ledger_db *d, const struct su_ledger_landed *t,
                                     struct su_err *e)
{
    const uint8_t *sig = su_ledger_tx_sig(t->tx, 0);
    sqlite3_stmt *s = d->put_tx;
    struct su_buf b;
    enum su_code c;

    su_buf_init(&b, 0);
    su_ledger_result_encode(&t->result, &b);
    if ((c = su_buf_check(&b, d->path, e)) == SU_OK) {
        int rc = sqlite3_bind_int64(s, 1, (int64_t)t->seq) |
                 sqlite3_bind_int64(s, 2, (int64_t)su_le64(sig)) | bind(s, 3, sig, 64) |
                 sqlite3_bind_int64(s, 4, (int64_t)t->result.slot) |
                 sqlite3_bind_int64(s, 5, t->result.block_time) |
                 bind(s, 6, t->tx->message_hash, 32) |
                 sqlite3_bind_int64(s, 7, (int64_t)su_ledger_failure_pack(&t->result.failure)) |
                 bind(s, 8, t->tx->wire, t->tx->wire_bytes) | bind(s, 9, b.data, b.len);

        c = run(d, s, rc, e);
    }
    su_buf_fini(&b);
    for (size_t i = 0; i < t->tx->n_keys && c == SU_OK; i++) {
        int rc = bind(d->put_address, 1, su_ledger_tx_key(t->tx, i), 32) |
                 sqlite3_bind_int64(d->put_address, 2, (int64_t)t->seq);

        c = run(d, d->put_address, rc, e);
    }
    return c;
}

enum su_code su_ledger_db_put_slot(struct su_ledger_db *d, const struct su_ledger_slot *s,
                                   struct su_err *e)
{
    int rc = sqlite3_bind_int64(d->put_block, 1, (int64_t)s->slot) |
             bind(d->put_block, 2, s->hash, 32) |
             sqlite3_bind_int64(d->put_block, 3, s->unix_time) |
             sqlite3_bind_int64(d->put_block, 4, (int64_t)s->transactions);

    return run(d, d->put_block, rc, e);
}

enum su_code su_ledger_db_put_ring(struct su_ledger_db *d, const struct su_ledger_ring_entry *s,
                                   uint64_t place, struct su_err *e)
{
    int rc = sqlite3_bind_int64(d->put_ring, 1, (int64_t)place) |
             sqlite3_bind_int64(d->put_ring, 2, (int64_t)s->slot) |
             bind(d->put_ring, 3, s->hash, 32);

    return run(d, d->put_ring, rc, e);
}

enum su_code su_ledger_db_put_meta(struct su_ledger_db *d, const char *key, const void *value,
                                   size_t n, struct su_err *e)
{
    int rc =
        sqlite3_bind_text(d->put_meta, 1, key, -1, SQLITE_STATIC) | bind(d->put_meta, 2, value, n);

    return run(d, d->put_meta, rc, e);
}

enum su_code su_ledger_db_put_number(struct su_ledger_db *d, const char *key, uint64_t v,
                                     struct su_err *e)
{
    uint8_t b[8];

    su_put_le64(b, v);
    return su_ledger_db_put_meta(d, key, b, sizeof b, e);
}

/* ---- loading, before the threads run --------------------------------------------------------- */

enum su_code su_ledger_db_get_meta(struct su_ledger_db *d, const char *key, void *value, size_t n,
                                   bool *found, struct su_err *e)
{
    sqlite3_stmt *s = NULL;
    enum su_code c = SU_OK;
    int rc = sqlite3_prepare_v2(d->w, "SELECT value FROM meta WHERE key=?1", -1, &s, NULL);

    *found = false;
    if (rc == SQLITE_OK) {
        rc = sqlite3_bind_text(s, 1, key, -1, SQLITE_STATIC);
    }
    if (rc == SQLITE_OK) {
        rc = sqlite3_step(s);
    }
    if (rc == SQLITE_ROW && (size_t)sqlite3_column_bytes(s, 0) == n) {
        memcpy(value, sqlite3_column_blob(s, 0), n);
        *found = true;
    } else if (rc != SQLITE_ROW && rc != SQLITE_DONE) {
        c = su_ledger_db_fail(d, d->w, e);
    }
    sqlite3_finalize(s);
    return c;
}

enum su_code su_ledger_db_get_number(struct su_ledger_db *d, const char *key, uint64_t *v,
                                     struct su_err *e)
{
    uint8_t b[8] = {0};
    bool found;
    enum su_code c = su_ledger_db_get_meta(d, key, b, sizeof b, &found, e);

    *v = su_le64(b);
    return c;
}

static enum su_code damaged(struct su_ledger_db *d, const char *what, struct su_err *e)
{
    return su_fail(e, SU_EFORMAT, d->path, "%s: move the file away to begin a new ledger", what);
}

enum su_code su_ledger_db_load_accounts(struct su_ledger_db *d, struct su_ledger_state *st,
                                        struct su_err *e)
{
    static const char sql[] = "SELECT key, lamports, owner, executable, data FROM account";
    sqlite3_stmt *s = NULL;
    enum su_code c = SU_OK;
    int rc = sqlite3_prepare_v2(d->w, sql, -1, &s, NULL);

    while (rc == SQLITE_OK && c == SU_OK && (rc = sqlite3_step(s)) == SQLITE_ROW) {
        int64_t lamports = sqlite3_column_int64(s, 1);
        int n = sqlite3_column_bytes(s, 4);

        rc = SQLITE_OK;
        if (sqlite3_column_bytes(s, 0) != 32 || sqlite3_column_bytes(s, 2) != 32 || lamports <= 0 ||
            (unsigned)n > SU_LEDGER_DATA_MAX_BYTES) {
            c = damaged(d, "an account is damaged", e);
            break;
        }
        const struct su_ledger_account *a = su_ledger_account_new(
            sqlite3_column_blob(s, 0), sqlite3_column_blob(s, 2), (uint64_t)lamports,
            sqlite3_column_int(s, 3) != 0, sqlite3_column_blob(s, 4), (uint64_t)n);

        if (a == NULL || !su_ledger_state_put(st, a)) {
            su_ledger_account_release(a);
            c = su_fail(e, SU_ENOMEM, d->path, "no memory for all accounts");
        }
    }
    if (c == SU_OK && rc != SQLITE_DONE) {
        c = su_ledger_db_fail(d, d->w, e);
    }
    sqlite3_finalize(s);
    return c;
}

enum su_code su_ledger_db_load_ring(struct su_ledger_db *d, struct su_ledger_ring *ring,
                                    struct su_err *e)
{
    sqlite3_stmt *s = NULL;
    enum su_code c = SU_OK;
    int rc = sqlite3_prepare_v2(d->w, "SELECT slot, hash FROM ring ORDER BY slot", -1, &s, NULL);

    ring->n = 0;
    while (rc == SQLITE_OK && (rc = sqlite3_step(s)) == SQLITE_ROW) {
        rc = SQLITE_OK;
        if (sqlite3_column_bytes(s, 1) != 32 || ring->n == SU_LEDGER_SLOT_HASHES) {
            c = damaged(d, "the list of slots is damaged", e);
            break;
        }
        ring->entries[ring->n].slot = (uint64_t)sqlite3_column_int64(s, 0);
        memcpy(ring->entries[ring->n++].hash, sqlite3_column_blob(s, 1), 32);
    }
    if (c == SU_OK && rc != SQLITE_DONE) {
        c = su_ledger_db_fail(d, d->w, e);
    }
    sqlite3_finalize(s);
    return c;
}

static bool read_recent(sqlite3_stmt *s, struct su_ledger_recent *t)
{
    if (sqlite3_column_bytes(s, 0) != 32 || sqlite3_column_bytes(s, 1) != 64) {
        return false;
    }
    memcpy(t->message_hash, sqlite3_column_blob(s, 0), 32);
    memcpy(t->sig, sqlite3_column_blob(s, 1), 64);
    t->slot = (uint64_t)sqlite3_column_int64(s, 2);
    t->failure = su_ledger_failure_unpack((uint64_t)sqlite3_column_int64(s, 3));
    return true;
}

enum su_code su_ledger_db_load_recent(struct su_ledger_db *d, uint64_t slot,
                                      bool (*fn)(void *ctx, const struct su_ledger_recent *t),
                                      void *ctx, struct su_err *e)
{
    /* Slots rise with the sequence, so the first row that is too old gives where to begin. */
    static const char sql[] =
        "SELECT message, sig, slot, failure FROM tx WHERE seq > coalesce((SELECT seq FROM tx"
        " WHERE slot < ?1 ORDER BY seq DESC LIMIT 1), 0) ORDER BY seq";
    sqlite3_stmt *s = NULL;
    enum su_code c = SU_OK;
    int rc = sqlite3_prepare_v2(d->w, sql, -1, &s, NULL);

    if (rc == SQLITE_OK) {
        rc = sqlite3_bind_int64(s, 1, (int64_t)slot);
    }
    while (rc == SQLITE_OK && c == SU_OK && (rc = sqlite3_step(s)) == SQLITE_ROW) {
        struct su_ledger_recent t;

        rc = SQLITE_OK;
        if (!read_recent(s, &t)) {
            c = damaged(d, "a transaction is damaged", e);
        } else if (!fn(ctx, &t)) {
            c = su_fail(e, SU_ENOMEM, d->path, "no memory for recent transactions");
        }
    }
    if (c == SU_OK && rc != SQLITE_DONE) {
        c = su_ledger_db_fail(d, d->w, e);
    }
    sqlite3_finalize(s);
    return c;
}

enum su_code su_ledger_db_last(struct su_ledger_db *d, uint64_t *seq, uint64_t *slot,
                               struct su_err *e)
{
    static const char sql[] = "SELECT seq, slot FROM tx ORDER BY seq DESC LIMIT 1";
    sqlite3_stmt *s = NULL;
    enum su_code c = SU_OK;
    int rc = sqlite3_prepare_v2(d->w, sql, -1, &s, NULL);

    *seq = *slot = 0;
    if (rc == SQLITE_OK && (rc = sqlite3_step(s)) == SQLITE_ROW) {
        *seq = (uint64_t)sqlite3_column_int64(s, 0);
        *slot = (uint64_t)sqlite3_column_int64(s, 1);
    } else if (rc != SQLITE_DONE) {
        c = su_ledger_db_fail(d, d->w, e);
    }
    sqlite3_finalize(s);
    return c;
}

/* A kill between a slot's transactions and its end leaves the slot without a block. */
enum su_code su_ledger_db_close_blocks(struct su_ledger_db *d, struct su_err *e)
{
    static const char sql[] =
        "INSERT INTO block SELECT slot, substr(max(sig), 1, 32), max(time), count(*) FROM tx"
        " WHERE slot > coalesce((SELECT max(slot) FROM block), -1) AND seq >"
        " coalesce((SELECT max(seq) FROM tx), 0) - 100000 GROUP BY slot";

    return exec(d->w, sql) ? SU_OK : su_ledger_db_fail(d, d->w, e);
}
