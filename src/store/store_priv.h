// SPDX-License-Identifier: MIT
/* Locks. Whatever makes files visible or removes them holds the gate, in all processes, so a file
   without a row seen under the gate is an orphan for certain. A fetch holds the lock of its blob or
   URI first and takes the gate only to publish; a holder of the gate only ever tries fetch locks.
   The mutex guards the database handle alone and is never held while waiting for a lock. */
#ifndef SU_STORE_PRIV_H
#define SU_STORE_PRIV_H

#include "crypto/crypto.h"
#include "store/store.h"

#include <pthread.h>
#include <sqlite3.h>

#define SU_STORE_HEX (2 * SU_STORE_ID_BYTES + 1)
#define SU_STORE_LEAVES_MAX ((SU_STORE_BLOB_MAX / SU_STORE_CHUNK_BYTES) * SU_SHA256_BYTES)

struct su_store {
    char dir[SU_STORE_PATH_MAX - 256];
    uint64_t budget_bytes;
    char **peers; /* owned, without a trailing slash */
    size_t npeers;
    pthread_mutex_t mutex;
    sqlite3 *db;
};

/* A deadline and the caller's hooks; passed down through one long call. */
struct su_store_watch {
    const struct su_store_hooks *hooks; /* never NULL */
    uint64_t deadline_ns; /* 0 = none */
    struct su_progress progress;
};
struct su_store_watch su_store_watch_of(const struct su_store_hooks *hooks);
/* SU_OK, SU_ECANCELLED, SU_ETIMEOUT. `at` names what is being done. */
enum su_code su_store_watch_tick(struct su_store_watch *w, const char *at, struct su_err *e);

/* ---- paths ---------------------------------------------------------------------------------- */

const char *su_store_hex(const uint8_t id[SU_STORE_ID_BYTES], char out[SU_STORE_HEX]);
/* dir/sub/name[suffix] */
void su_store_path(const struct su_store *s, const char *sub, const char *name, const char *suffix,
                   char out[SU_STORE_PATH_MAX]);
void su_store_blob_path(const struct su_store *s, const uint8_t id[SU_STORE_ID_BYTES],
                        const char *suffix, char out[SU_STORE_PATH_MAX]);
enum su_code su_store_sync_dir(const char *path, struct su_err *e);

/* ---- locks ---------------------------------------------------------------------------------- */

/* Takes lock/<name>.lock, waiting as w allows (NULL: as long as it takes). *waited (NULL allowed)
   tells whether another holder was met. The lock ends with su_store_unlock or with the process. */
enum su_code su_store_lock(struct su_store *s, const char *name, struct su_store_watch *w, int *fd,
                           bool *waited, struct su_err *e);
/* -1 when somebody holds it. */
int su_store_lock_try(struct su_store *s, const char *name);
void su_store_unlock(int fd);
#define SU_STORE_GATE "gate"

/* ---- database ------------------------------------------------------------------------------- */

enum su_code su_store_db_open(struct su_store *s, struct su_err *e);
void su_store_db_close(struct su_store *s);
/* Fills *b; SU_ENOENT when there is no row. */
enum su_code su_store_row_any(struct su_store *s, const uint8_t id[SU_STORE_ID_BYTES],
                              struct su_store_entry *b, struct su_err *e);
/* Of a whole blob; SU_ENOENT also when only parts of it are here. */
enum su_code su_store_row(struct su_store *s, const uint8_t id[SU_STORE_ID_BYTES],
                          struct su_store_entry *b, struct su_err *e);
/* Of a whole blob, also in place of a part. */
enum su_code su_store_row_add(struct su_store *s, const uint8_t id[SU_STORE_ID_BYTES],
                              uint64_t bytes, struct su_err *e);
enum su_code su_store_row_touch(struct su_store *s, const uint8_t id[SU_STORE_ID_BYTES],
                                struct su_err *e);
enum su_code su_store_row_remove(struct su_store *s, const uint8_t id[SU_STORE_ID_BYTES],
                                 struct su_err *e);
/* All rows in a malloc'ed array. by_use: least recently used first, else the other way round. */
enum su_code su_store_rows(struct su_store *s, bool by_use, struct su_store_entry **rows, size_t *n,
                           struct su_err *e);
/* What is here of a blob that is not here as a whole: chunk i when bit i % 8 of have[i / 8] is set.
   The row's bytes count these chunks. */
struct su_store_part {
    uint64_t chunks; /* of the whole blob */
    uint8_t *have; /* owned (free), su_store_part_bytes of them */
    uint64_t bytes;
};
size_t su_store_part_bytes(uint64_t chunks); /* of the bits */
bool su_store_part_has(const struct su_store_part *p, uint64_t chunk);
/* SU_ENOENT when there is no row, or one of a whole blob; *p is then empty. */
enum su_code su_store_part_get(struct su_store *s, const uint8_t id[SU_STORE_ID_BYTES],
                               struct su_store_part *p, struct su_err *e);
/* The blob's fetch lock must be held. */
enum su_code su_store_part_set(struct su_store *s, const uint8_t id[SU_STORE_ID_BYTES],
                               const struct su_store_part *p, struct su_err *e);
/* Where a URI's content was found last. etag may be "". SU_ENOENT when unknown. What begins with
   SU_STORE_FIXED is remembered when its blob is gone: it may never lead to another. */
#define SU_STORE_FIXED "fixed:"
struct su_store_source {
    uint8_t id[SU_STORE_ID_BYTES];
    char etag[128];
    int64_t fetched_ms;
};
enum su_code su_store_source_get(struct su_store *s, const char *uri, struct su_store_source *src,
                                 struct su_err *e);
enum su_code su_store_source_set(struct su_store *s, const char *uri,
                                 const struct su_store_source *src, struct su_err *e);

/* ---- hf: (hub.c) ---------------------------------------------------------------------------- */

struct su_store_hub {
    bool used; /* the URI is hf: */
    bool commit; /* its revision is a full commit id: the content never changes */
    bool offline; /* by $HF_HUB_OFFLINE */
    const char *bearer; /* from the environment, or NULL */
    bool had; /* what the URI led to earlier; the blob itself may be gone */
    uint8_t had_id[SU_STORE_ID_BYTES];
};
/* Puts the server in front of uri->target, which becomes a URL, and reads the environment. */
enum su_code su_store_hub_open(struct su_store_uri *uri, struct su_store_hub *h, struct su_err *e);
/* Before the server is asked; src is what is known of the URI, or NULL. SU_ENET when offline. */
enum su_code su_store_hub_before(struct su_store_hub *h, const char *url,
                                 const struct su_store_source *src, struct su_err *e);
/* Holds complete content to what the server said of it, and to what a commit had earlier. */
struct su_http_file_result;
enum su_code su_store_hub_check(const struct su_store_hub *h, const struct su_sha256 *sha,
                                const uint8_t id[SU_STORE_ID_BYTES],
                                const struct su_http_file_result *r, struct su_err *e);
/* After a failure c told in *why: SU_OK when the server is out of reach and a copy is here, else c,
   with the remedy in *why. */
enum su_code su_store_hub_failed(const char *url, bool have_copy, enum su_code c,
                                 struct su_err *why);

/* ---- blobs ---------------------------------------------------------------------------------- */

/* Moves a complete, synced file into its place and makes it visible. On success the file is gone;
   on failure it may be. */
enum su_code su_store_publish(struct su_store *s, const char *file,
                              const uint8_t id[SU_STORE_ID_BYTES], uint64_t bytes,
                              const struct su_buf *leaves, struct su_err *e);
/* As su_store_put_file, but nothing becomes visible unless the id is the expected one (NULL = any)
   and the size within max_bytes. */
enum su_code su_store_put_checked(struct su_store *s, const char *path, uint64_t max_bytes,
                                  const uint8_t *expect, struct su_store_watch *w,
                                  uint8_t id[SU_STORE_ID_BYTES], struct su_err *e);
/* Hashes a visible blob's file against its id. SU_EDIGEST, SU_ETRUNC, SU_ENOENT name what is wrong.
   Adds to w's progress. */
enum su_code su_store_check_blob(struct su_store *s, const uint8_t id[SU_STORE_ID_BYTES],
                                 uint64_t bytes, struct su_store_watch *w, struct su_err *e);
/* The leaf list of `chunks` leaves as stored, verified against the id. SU_EDIGEST. */
enum su_code su_store_leaves_map(struct su_store *s, const uint8_t id[SU_STORE_ID_BYTES],
                                 uint64_t chunks, struct su_map *m, struct su_err *e);
/* Reads n bytes, checking each chunk touched; `bytes` is the length of the blob, or of what is here
   of it. */
enum su_code su_store_read_chunks(int fd, const uint8_t id[SU_STORE_ID_BYTES], uint64_t bytes,
                                  const uint8_t *leaves, uint64_t offset, uint8_t *out, size_t n,
                                  struct su_err *e);

/* ---- parts (parts.c; parts_fetch.c) --------------------------------------------------------- */

#define SU_STORE_CHUNKS ".chunks" /* suffix of the sparse file */
static inline uint64_t su_store_chunk_start(uint64_t chunk)
{
    return chunk * SU_STORE_CHUNK_BYTES;
}
void su_store_part_mark(struct su_store_part *p, uint64_t chunk, bool here);
void su_store_part_fini(struct su_store_part *p); /* an empty one is allowed */
/* Opens the sparse file; *bytes is its length: where the last chunk ends that ever came. */
enum su_code su_store_part_open(struct su_store *s, const uint8_t id[SU_STORE_ID_BYTES], int flags,
                                int *fd, uint64_t *bytes, struct su_err *e);
/* As su_store_read of a blob of which parts are here. */
enum su_code su_store_part_read(struct su_store *s, const uint8_t id[SU_STORE_ID_BYTES],
                                uint64_t offset, uint8_t *out, size_t n, struct su_err *e);
/* Hashes what is here of a blob and forgets the chunks that are bad: SU_EDIGEST names the first. */
enum su_code su_store_part_check(struct su_store *s, const uint8_t id[SU_STORE_ID_BYTES],
                                 struct su_store_watch *w, struct su_err *e);

/* Removes a blob's row and files; the gate must be held exclusively. */
enum su_code su_store_drop(struct su_store *s, const uint8_t id[SU_STORE_ID_BYTES],
                           struct su_err *e);
/* Evicts unpinned blobs, least recently used first, until `bytes` more fit the budget. The gate
   must be held. SU_ELIMIT when they cannot. */
enum su_code su_store_make_room(struct su_store *s, uint64_t bytes, struct su_err *e);
/* "chunk at byte N" of the first leaf that differs between have and want (32 bytes each). */
uint64_t su_store_first_difference(const uint8_t *have, size_t nhave, const uint8_t *want,
                                   size_t nwant);

#endif
