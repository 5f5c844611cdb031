// SPDX-License-Identifier: MIT
/* store: content-addressed blobs on disk. The id of a blob is the root of crypto's Merkle tree over
   its 1 MiB chunks, so every chunk can be checked on its own. Layout of the store's folder (usually
   $SPLITUP_HOME/blobs):
     ab/<64 hex>          the bytes of the blob whose id starts with ab, read-only
     ab/<64 hex>.leaves   its leaf digests, 32 bytes each
     ab/<64 hex>.chunks   instead of the first: a sparse file with some of its chunks
     tmp/                 writes under way (put-*) and downloads (*.part) that may be resumed
     lock/                one lock file per blob or URI being fetched
     bad/                 what su_store_verify found damaged
     store.db             SQLite (WAL): size, pins, expiry, last use, which chunks are here of a blob
                          that is here in parts, where a URI's blob is
   A blob is visible once its row is committed, which happens after its files are complete and
   synced: a crash, kill -9 or full disk at any moment leaves it wholly there or not there at all.
   Any number of processes may use one folder at once; one struct su_store may be shared by threads.
   Functions that do I/O block. Any of them may also fail with SU_EBUSY (another process held
   store.db for 10 s) or SU_EFORMAT (store.db was damaged). */
#ifndef SU_STORE_H
#define SU_STORE_H

#include "base/base.h"

#define SU_STORE_ID_BYTES 32
#define SU_STORE_CHUNK_BYTES (1u << 20)
#define SU_STORE_BLOB_MAX (1ull << 42) /* 4 TiB */
#define SU_STORE_PATH_MAX 4096
#define SU_STORE_PEERS_MAX 64
#define SU_STORE_PART_DAYS 7 /* an unfinished download older than this is garbage */

struct su_store;

struct su_store_opts {
    uint64_t budget_bytes; /* the store never grows beyond it; 0 = no limit */
    /* "http://host:port" of others' stores, tried for sha256: URIs; copied. */
    const char *const *peers;
    size_t npeers;
};

/* Optional hooks of long calls, on the calling thread. deadline_ms bounds the whole call (0 =
   none). */
struct su_store_hooks {
    bool (*cancelled)(void *ctx);
    void (*progress)(void *ctx, const struct su_progress *p);
    void *ctx;
    uint32_t deadline_ms;
};

/* Opens or creates the store in dir. opts may be NULL. On failure *out is NULL: SU_EACCES,
   SU_ENOSPC, SU_EIO, SU_EFORMAT (store.db is damaged or of a newer version; the message says what
   to do), SU_EINVAL (a peer is no http(s) URL), SU_ELIMIT (too many). */
SU_CHECK enum su_code su_store_open(const char *dir, const struct su_store_opts *opts,
                                    struct su_store **out, struct su_err *e);
void su_store_close(struct su_store *s); /* NULL allowed; blobs opened from it stay valid */

/* ---- putting and getting --------------------------------------------------------------------- */

/* Stores bytes or a file's content and writes its id. Storing what is there already is cheap and
   succeeds. A file that changes while it is read is stored as read. A file is cloned where the file
   system can; else, when nobody has the right to write to it and it lies on the store's file system,
   it gets a second name there; else it is copied. hooks may be NULL. With a
   budget, unpinned blobs are evicted (as su_store_gc) to make room. On failure nothing becomes
   visible:
     SU_ELIMIT  larger than SU_STORE_BLOB_MAX, or does not fit the budget beside what is pinned
     SU_ENOSPC, SU_EIO, SU_ENOMEM, SU_ECANCELLED, SU_ETIMEOUT, and for a file SU_ENOENT, SU_EACCES,
     SU_EINVAL (not regular) */
SU_CHECK enum su_code su_store_put_bytes(struct su_store *s, const void *data, size_t n,
                                         uint8_t id[SU_STORE_ID_BYTES], struct su_err *e);
SU_CHECK enum su_code su_store_put_file(struct su_store *s, const char *path,
                                        const struct su_store_hooks *hooks,
                                        uint8_t id[SU_STORE_ID_BYTES], struct su_err *e);

/* True when the blob is visible; *bytes (NULL allowed) is then its length. Does not count as
   use. */
bool su_store_has(struct su_store *s, const uint8_t id[SU_STORE_ID_BYTES], uint64_t *bytes);

/* A blob mapped read-only. data is never NULL; it stays valid after su_store_close, gc and
   verify. */
struct su_store_blob {
    uint8_t id[SU_STORE_ID_BYTES];
    const uint8_t *data;
    uint64_t bytes;
    struct su_map map; /* private */
};
/* Maps a blob and marks it used. verify: hash it all first.
   On failure *b is empty: SU_ENOENT (message names the id and how to fetch it), SU_EDIGEST (names
   the first bad chunk's offset; run su_store_verify), SU_ETRUNC (file shorter than recorded),
   SU_EIO, SU_ENOMEM. */
SU_CHECK enum su_code su_store_blob_open(struct su_store *s, const uint8_t id[SU_STORE_ID_BYTES],
                                         bool verify, struct su_store_blob *b, struct su_err *e);
void su_store_blob_close(struct su_store_blob *b);

/* Path of the blob's file, to be read only. It is there while the blob is. SU_ENOENT. */
SU_CHECK enum su_code su_store_where(struct su_store *s, const uint8_t id[SU_STORE_ID_BYTES],
                                     char out[SU_STORE_PATH_MAX], struct su_err *e);

/* Copies bytes [offset, offset + n) into out, each chunk touched being verified first; of a blob of
   which parts are here, within these. SU_EINVAL when the range leaves the blob (message names its
   length), SU_ENOENT also when it leaves the parts, else as su_store_blob_open. */
SU_CHECK enum su_code su_store_read(struct su_store *s, const uint8_t id[SU_STORE_ID_BYTES],
                                    uint64_t offset, void *out, size_t n, struct su_err *e);

/* Leaf digests of a blob, one per chunk, in a malloc'ed array that the caller frees. Checked
   against the id. SU_ENOENT, SU_EDIGEST, SU_EIO, SU_ENOMEM; *leaves is then NULL. */
SU_CHECK enum su_code su_store_leaves(struct su_store *s, const uint8_t id[SU_STORE_ID_BYTES],
                                      uint8_t **leaves, size_t *nleaves, struct su_err *e);

/* ---- fetching -------------------------------------------------------------------------------- */

enum su_store_scheme { SU_STORE_FILE, SU_STORE_HTTP, SU_STORE_SHA256, SU_STORE_HF };

struct su_store_uri {
    enum su_store_scheme scheme;
    uint8_t id[SU_STORE_ID_BYTES]; /* SU_STORE_SHA256 only */
    /* Decoded path of file:, the whole URL of http(s):, the hex of sha256:; of hf: the path of its
       URL, ORG/REPO/resolve/REV/FILE. */
    char target[SU_STORE_PATH_MAX];
};
/* Parses `file:PATH`, `file:///PATH` (RFC 8089, percent-encoded), `http://`, `https://` (no user
   names, no control characters), `sha256:<64 hex>`, `hf://ORG/REPO/FILE[@REV]` (a file of
   huggingface.co); schemes without regard to case (RFC 3986). Pure.
     SU_EINVAL no scheme or malformed, SU_ELIMIT too long, SU_EUNSUPPORTED other scheme (ipfs, s3,
     ...), named */
SU_CHECK enum su_code su_store_uri_parse(const char *text, struct su_store_uri *out,
                                         struct su_err *e);

/* The parts of an hf: URI: `hf://ORG/REPO`, a folder of files, or `hf://ORG/REPO/FILE`, FILE
   possibly in folders, each with an optional `@REV`: a branch, a tag or a commit. Printable ASCII
   without spaces, no part empty, "." or "..". Pure. SU_EINVAL, SU_ELIMIT. */
struct su_store_hf {
    char repo[200]; /* ORG/REPO */
    char file[1024]; /* "" = the folder */
    char rev[128]; /* "main" when none is given */
};
SU_CHECK enum su_code su_store_hf_parse(const char *text, struct su_store_hf *out,
                                        struct su_err *e);

/* Extra knowledge for a fetch; all-zero is fine. */
struct su_store_fetch {
    const uint8_t *expect_id; /* the blob must have this id, NULL = any */
    /* Its leaf digests: each chunk is then checked on arrival (used only if they hash to
       expect_id). */
    const uint8_t *leaves;
    size_t nleaves;
    uint64_t max_bytes; /* refuse more, 0 = SU_STORE_BLOB_MAX */
    struct su_store_hooks hooks;
};
/* Makes the blob behind a URI visible here and writes its id. If it is here already nothing is
   transferred: with an expected or sha256: id at once; for another http(s): URI when the server
   confirms the ETag of the earlier fetch. sha256: is asked from the peers in order (GET
   peer/blob/<hex>.leaves, then peer/blob/<hex>, see su_store_serve). Downloads resume, each chunk
   is verified against the leaf list where one is known, the whole before it becomes visible. When
   another process fetches the same blob, waits for it and takes its result. f may be NULL.
   hf: is asked from $SPLITUP_HF_ENDPOINT, else $HF_ENDPOINT, else https://huggingface.co, with the
   token $HF_TOKEN if there is one, which goes to that server alone, and only over https or to this
   machine. Where the server tells the sha256 of a file (it does of all large ones), the content is
   held to it; of others it is only recorded, and what a commit's full id names must have the same
   content ever after. Such a file is asked for once; any other anew each time, unless the server
   cannot be reached or $HF_HUB_OFFLINE is 1: then the copy here is taken, with a line in the log
   unless it was wished for. On failure nothing is visible: those of su_store_uri_parse,
   su_store_put_file and su_http_get_file; SU_EDIGEST (names the chunk's offset, or both ids),
   SU_ENOENT (sha256: and no peer has it), SU_ENET ($HF_HUB_OFFLINE and no copy), SU_EINVAL (a
   malformed endpoint or token), SU_ECANCELLED, SU_ETIMEOUT (also while waiting). */
SU_CHECK enum su_code su_store_fetch(struct su_store *s, const char *uri,
                                     const struct su_store_fetch *f, uint8_t id[SU_STORE_ID_BYTES],
                                     struct su_err *e);

/* Parts of a blob: makes the chunks that cover n ranges readable, from the peers given and then the
   store's own, in order. Chunks already here are not asked for again; the others are asked for in
   requests of several MiB, and each is verified against the leaf list, which comes first and must
   hash to the id. What was verified stays when the call ends early, or the process does, and a later
   call goes on from there; calls for one blob, of any process, take turns. A peer that lies is not
   asked again, one that is slow only when all others have failed. The rest of the blob stays absent:
   su_store_has is false, su_store_read works within the parts, su_store_serve answers ranges that
   are wholly here. When every chunk is here the blob is, as any other. Parts count against the
   budget, are pinned and collected like blobs; none is evicted while this call fetches it. The
   progress counts the bytes of all chunks that cover the ranges.
   SU_ENOENT: no peer has it; SU_EINVAL: a range leaves the blob; SU_EDIGEST: peers sent wrong
   bytes (names the chunk's offset); SU_ENET, SU_ETRUNC, SU_ETIMEOUT, SU_ECANCELLED, SU_ENOSPC,
   SU_EIO, SU_ELIMIT (the budget), SU_ENOMEM. */
struct su_store_range {
    uint64_t offset, bytes;
};
struct su_store_parts {
    const uint8_t *id;
    const struct su_store_range *range;
    size_t n_range;
    const char *const *peers; /* "http://HOST:PORT" */
    size_t n_peers;
    struct su_store_hooks hooks;
};
SU_CHECK enum su_code su_store_fetch_parts(struct su_store *s, const struct su_store_parts *p,
                                           struct su_err *e);

/* Answers GET and HEAD of /blob/<hex> (with Range), /blob/<hex>.leaves and /blob/<hex>.have from this
   store; returns false, leaving the answer alone, for any other path. Of a blob of which parts are
   here, ranges that are not are 404; .have tells which chunks are: bit i % 8 of byte i / 8 for chunk
   i. For use inside a su_http server's handler. */
struct su_http_call;
struct su_http_answer;
bool su_store_serve(struct su_store *s, const struct su_http_call *c, struct su_http_answer *a);

/* ---- keeping --------------------------------------------------------------------------------- */

/* Pins count: a blob with pins > 0 is never evicted. SU_ENOENT; unpin of an unpinned blob is
   SU_EINVAL; SU_EIO. */
SU_CHECK enum su_code su_store_pin(struct su_store *s, const uint8_t id[SU_STORE_ID_BYTES],
                                   struct su_err *e);
SU_CHECK enum su_code su_store_unpin(struct su_store *s, const uint8_t id[SU_STORE_ID_BYTES],
                                     struct su_err *e);
/* Unix ms after which an unpinned blob is garbage; 0 = keep while the budget allows. SU_ENOENT,
   SU_EIO. */
SU_CHECK enum su_code su_store_expire(struct su_store *s, const uint8_t id[SU_STORE_ID_BYTES],
                                      int64_t expire_ms, struct su_err *e);

struct su_store_entry {
    uint8_t id[SU_STORE_ID_BYTES];
    uint64_t bytes;
    uint32_t pins;
    int64_t expire_ms, used_ms, added_ms; /* Unix ms; expire_ms 0 = never */
    bool partial; /* only parts of it are here; bytes counts those */
};
/* Calls fn for every blob, most recently used first, until it returns false. fn may call the store.
   SU_EIO, SU_ENOMEM. */
SU_CHECK enum su_code su_store_ls(struct su_store *s,
                                  bool (*fn)(void *ctx, const struct su_store_entry *b), void *ctx,
                                  struct su_err *e);

struct su_store_gc_report {
    uint64_t removed_blobs, removed_bytes; /* expired or evicted */
    uint64_t removed_parts, removed_orphans;
    uint64_t kept_blobs, kept_bytes, pinned_bytes;
};
/* Removes expired blobs, then the least recently used until at most budget_bytes remain (UINT64_MAX
   = no limit), never a pinned one; downloads untouched for SU_STORE_PART_DAYS, writes whose process
   is gone, files without a row. *r (NULL allowed) is filled also when more than the budget is
   pinned, which is SU_ELIMIT. SU_EIO. */
SU_CHECK enum su_code su_store_gc(struct su_store *s, uint64_t budget_bytes,
                                  struct su_store_gc_report *r, struct su_err *e);

/* One damaged blob: what is wrong is in e (SU_EDIGEST with the chunk's offset, SU_ETRUNC, SU_ENOENT
   when its file is gone). */
struct su_store_bad {
    uint8_t id[SU_STORE_ID_BYTES];
    struct su_err err;
};
/* Re-hashes one blob (id) or all (id NULL). A bad one is moved to bad/ and is no longer visible;
   its pins are reported lost by bad() being called. Of a blob of which parts are here, bad chunks are
   forgotten. *checked and *damaged count blobs (NULL
   allowed). hooks and bad may be NULL. On success SU_OK when all were good, SU_EDIGEST when any was
   bad. Else SU_ENOENT (id unknown), SU_ECANCELLED, SU_ETIMEOUT, SU_EIO. */
SU_CHECK enum su_code su_store_verify(struct su_store *s, const uint8_t *id,
                                      const struct su_store_hooks *hooks,
                                      void (*bad)(void *ctx, const struct su_store_bad *b),
                                      void *bad_ctx, uint64_t *checked, uint64_t *damaged,
                                      struct su_err *e);

#endif
