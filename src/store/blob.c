// SPDX-License-Identifier: MIT
#include "store_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

uint64_t su_store_first_difference(const uint8_t *have, size_t nhave, const uint8_t *want,
                                   size_t nwant)
{
    size_t n = SU_MIN(nhave, nwant), i = 0;

    while (i < n &&
           memcmp(have + i * SU_SHA256_BYTES, want + i * SU_SHA256_BYTES, SU_SHA256_BYTES) == 0) {
        i++;
    }
    return (uint64_t)i * SU_STORE_CHUNK_BYTES;
}

enum su_code su_store_leaves_map(struct su_store *s, const uint8_t id[SU_STORE_ID_BYTES],
                                 uint64_t chunks, struct su_map *m, struct su_err *e)
{
    char path[SU_STORE_PATH_MAX];
    uint8_t root[SU_STORE_ID_BYTES];

    su_store_blob_path(s, id, ".leaves", path);
    enum su_code c = su_map_open(path, SU_STORE_LEAVES_MAX, m, e);
    if (c == SU_ENOENT) {
        return su_fail(e, SU_EDIGEST, path, "leaf list is gone: run verify to make it again");
    }
    if (c != SU_OK) {
        return c;
    }
    if (m->len == chunks * SU_SHA256_BYTES) {
        su_merkle_root(m->data, chunks, root);
        if (memcmp(root, id, sizeof root) == 0) {
            return SU_OK;
        }
    }
    su_map_close(m);
    return su_fail(e, SU_EDIGEST, path,
                   "leaf list does not match the blob's id: run verify to make it again");
}

static enum su_code load_leaves(struct su_store *s, const uint8_t *id, uint64_t bytes,
                                struct su_map *m, struct su_err *e)
{
    return su_store_leaves_map(s, id, su_merkle_leaf_count(bytes), m, e);
}

enum su_code su_store_leaves(struct su_store *s, const uint8_t id[SU_STORE_ID_BYTES],
                             uint8_t **leaves, size_t *nleaves, struct su_err *e)
{
    struct su_store_entry b;
    struct su_map m;

    *leaves = NULL;
    *nleaves = 0;
    enum su_code c = su_store_row(s, id, &b, e);
    if (c == SU_OK) {
        c = load_leaves(s, id, b.bytes, &m, e);
    }
    if (c != SU_OK) {
        return c;
    }
    *leaves = su_try_alloc(SU_MAX(m.len, (size_t)1), 1);
    if (*leaves == NULL) {
        c = su_fail(e, SU_ENOMEM, "leaf list", "no memory for %zu bytes", m.len);
    } else {
        memcpy(*leaves, m.data, m.len);
        *nleaves = m.len / SU_SHA256_BYTES;
    }
    su_map_close(&m);
    return c;
}

/* Opens the file and compares its size with the row. */
static enum su_code open_file(struct su_store *s, const uint8_t *id, uint64_t bytes, int *fd,
                              struct su_err *e)
{
    char path[SU_STORE_PATH_MAX];
    struct stat st;
    enum su_code c = SU_OK;

    su_store_blob_path(s, id, "", path);
    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (*fd < 0) {
        return su_fail_sys(e, errno, path, "blob's file cannot be opened: fetch it again");
    }
    if (fstat(*fd, &st) != 0) {
        c = su_fail_sys(e, errno, path, "cannot stat");
    } else if ((uint64_t)st.st_size < bytes) {
        c = su_fail(e, SU_ETRUNC, path, "has %" PRIu64 " bytes, %" PRIu64 " were stored",
                    (uint64_t)st.st_size, bytes);
    } else if ((uint64_t)st.st_size > bytes) {
        c = su_fail(e, SU_EDIGEST, path, "has bytes after byte %" PRIu64 ", its stored length",
                    bytes);
    }
    if (c != SU_OK) {
        close(*fd);
        *fd = -1;
    }
    return c;
}

static enum su_code read_at(int fd, uint8_t *out, size_t n, uint64_t at, const uint8_t *id,
                            struct su_err *e)
{
    char hex[SU_STORE_HEX];

    while (n > 0) {
        ssize_t k = pread(fd, out, n, (off_t)at);

        if (k < 0 && errno == EINTR) {
            continue;
        }
        if (k < 0) {
            return su_fail_sys(e, errno, su_store_hex(id, hex), "cannot read at byte %" PRIu64, at);
        }
        if (k == 0) {
            return su_fail(e, SU_ETRUNC, su_store_hex(id, hex), "ends at byte %" PRIu64, at);
        }
        out += k;
        n -= (size_t)k;
        at += (uint64_t)k;
    }
    return SU_OK;
}

static enum su_code bad_chunk(const uint8_t *id, uint64_t at, struct su_err *e)
{
    char hex[SU_STORE_HEX];

    return su_fail(e, SU_EDIGEST, su_store_hex(id, hex),
                   "chunk at byte %" PRIu64 " is damaged: run verify, then fetch the blob again",
                   at);
}

/* Says where the damage is, as far as the leaf list still knows. */
static enum su_code locate_damage(struct su_store *s, const uint8_t *id, uint64_t bytes,
                                  const struct su_buf *have, struct su_err *e)
{
    struct su_map m;
    uint64_t at = 0;

    if (load_leaves(s, id, bytes, &m, NULL) == SU_OK) {
        at = su_store_first_difference(have->data, have->len / SU_SHA256_BYTES, m.data,
                                       m.len / SU_SHA256_BYTES);
        su_map_close(&m);
    }
    return bad_chunk(id, at, e);
}

enum su_code su_store_check_blob(struct su_store *s, const uint8_t id[SU_STORE_ID_BYTES],
                                 uint64_t bytes, struct su_store_watch *w, struct su_err *e)
{
    struct su_merkle tree;
    struct su_buf leaves;
    struct su_map m;
    uint8_t root[SU_STORE_ID_BYTES], *buf = NULL;
    int fd = -1;
    uint64_t base = w->progress.done;
    enum su_code c = open_file(s, id, bytes, &fd, e);

    if (c != SU_OK) {
        return c;
    }
    buf = su_alloc(SU_STORE_CHUNK_BYTES);
    su_buf_init(&leaves, 0);
    su_merkle_init(&tree, &leaves);
    for (uint64_t at = 0; c == SU_OK && at < bytes; at += SU_STORE_CHUNK_BYTES) {
        size_t n = (size_t)SU_MIN(bytes - at, (uint64_t)SU_STORE_CHUNK_BYTES);

        c = read_at(fd, buf, n, at, id, e);
        if (c == SU_OK) {
            su_merkle_update(&tree, buf, n);
            su_progress_set(&w->progress, base + at + n, su_clock_mono_ns());
            c = su_store_watch_tick(w, "verify", e);
        }
    }
    if (c == SU_OK) {
        su_merkle_final(&tree, root);
        c = su_buf_check(&leaves, "leaf list", e);
    }
    if (c == SU_OK && memcmp(root, id, sizeof root) != 0) {
        c = locate_damage(s, id, bytes, &leaves, e);
    } else if (c == SU_OK && load_leaves(s, id, bytes, &m, NULL) != SU_OK) {
        char path[SU_STORE_PATH_MAX];

        su_store_blob_path(s, id, ".leaves", path);
        c = su_file_write(path, leaves.len != 0 ? leaves.data : (const uint8_t *)"", leaves.len,
                          0444, e);
    } else if (c == SU_OK) {
        su_map_close(&m);
    }
    su_buf_fini(&leaves);
    free(buf);
    close(fd);
    return c;
}

enum su_code su_store_blob_open(struct su_store *s, const uint8_t id[SU_STORE_ID_BYTES],
                                bool verify, struct su_store_blob *b, struct su_err *e)
{
    struct su_store_entry row;
    char path[SU_STORE_PATH_MAX];
    int fd = -1;

    memset(b, 0, sizeof *b);
    enum su_code c = su_store_row(s, id, &row, e);
    if (c == SU_OK && verify) {
        struct su_store_watch w = su_store_watch_of(NULL);

        c = su_store_check_blob(s, id, row.bytes, &w, e);
    } else if (c == SU_OK) {
        c = open_file(s, id, row.bytes, &fd, e);
        if (c == SU_OK) {
            close(fd);
        }
    }
    if (c != SU_OK) {
        return c;
    }
    su_store_blob_path(s, id, "", path);
    c = su_map_open(path, SU_STORE_BLOB_MAX, &b->map, e);
    if (c == SU_OK && b->map.len != row.bytes) {
        su_map_close(&b->map);
        c = su_fail(e, SU_ETRUNC, path, "changed its length while it was opened");
    }
    if (c == SU_OK) {
        c = su_store_row_touch(s, id, e);
        if (c != SU_OK) {
            su_map_close(&b->map);
        }
    }
    if (c != SU_OK) {
        memset(b, 0, sizeof *b);
        return c;
    }
    memcpy(b->id, id, SU_STORE_ID_BYTES);
    b->data = b->map.data;
    b->bytes = b->map.len;
    return SU_OK;
}

void su_store_blob_close(struct su_store_blob *b)
{
    if (b->data != NULL) {
        su_map_close(&b->map);
    }
    memset(b, 0, sizeof *b);
}

enum su_code su_store_read_chunks(int fd, const uint8_t id[SU_STORE_ID_BYTES], uint64_t bytes,
                                  const uint8_t *leaves, uint64_t offset, uint8_t *out, size_t n,
                                  struct su_err *e)
{
    uint8_t *chunk = su_alloc(SU_STORE_CHUNK_BYTES), leaf[SU_SHA256_BYTES];
    enum su_code c = SU_OK;

    while (c == SU_OK && n > 0) {
        uint64_t index = offset / SU_STORE_CHUNK_BYTES, start = index * SU_STORE_CHUNK_BYTES;
        size_t len = (size_t)SU_MIN(bytes - start, (uint64_t)SU_STORE_CHUNK_BYTES);
        size_t skip = (size_t)(offset - start), take = SU_MIN(len - skip, n);

        c = read_at(fd, chunk, len, start, id, e);
        if (c == SU_OK) {
            su_merkle_leaf(chunk, len, leaf);
            if (memcmp(leaf, leaves + index * SU_SHA256_BYTES, sizeof leaf) != 0) {
                c = bad_chunk(id, start, e);
            } else {
                memcpy(out, chunk + skip, take);
                out += take;
                n -= take;
                offset += take;
            }
        }
    }
    free(chunk);
    return c;
}

enum su_code su_store_read(struct su_store *s, const uint8_t id[SU_STORE_ID_BYTES], uint64_t offset,
                           void *out, size_t n, struct su_err *e)
{
    struct su_store_entry row;
    struct su_map m;
    char hex[SU_STORE_HEX];
    int fd = -1;
    enum su_code c = su_store_row_any(s, id, &row, e);

    if (c != SU_OK) {
        return c;
    }
    if (row.partial) {
        return su_store_part_read(s, id, offset, out, n, e);
    }
    if (offset > row.bytes || n > row.bytes - offset) {
        return su_fail(e, SU_EINVAL, su_store_hex(id, hex),
                       "range of %zu bytes at %" PRIu64 " leaves the blob of %" PRIu64 " bytes", n,
                       offset, row.bytes);
    }
    c = open_file(s, id, row.bytes, &fd, e);
    if (c != SU_OK) {
        return c;
    }
    c = load_leaves(s, id, row.bytes, &m, e);
    if (c == SU_OK) {
        c = su_store_read_chunks(fd, id, row.bytes, m.data, offset, out, n, e);
        su_map_close(&m);
    }
    close(fd);
    return c == SU_OK ? su_store_row_touch(s, id, e) : c;
}

enum su_code su_store_where(struct su_store *s, const uint8_t id[SU_STORE_ID_BYTES],
                            char out[SU_STORE_PATH_MAX], struct su_err *e)
{
    struct su_store_entry row;
    enum su_code c = su_store_row(s, id, &row, e);

    if (c == SU_OK) {
        su_store_blob_path(s, id, "", out);
    }
    return c;
}
