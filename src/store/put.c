// SPDX-License-Identifier: MIT
#include "store_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { COPY_BYTES = 1 << 18 };

/* A blob being written. The file stays locked, by which garbage collection knows that its writer
   lives. */
struct writer {
    char path[SU_STORE_PATH_MAX];
    int fd;
    uint64_t bytes;
    struct su_merkle tree;
    struct su_buf leaves;
};

static enum su_code writer_open(struct su_store *s, struct writer *w, struct su_err *e)
{
    struct stat st;

    su_buf_init(&w->leaves, 0);
    su_merkle_init(&w->tree, &w->leaves);
    w->bytes = 0;
    /* A collection that comes between creating and locking takes the file for a dead one. */
    do {
        su_store_path(s, "tmp", "put-XXXXXX", "", w->path);
        w->fd = mkostemp(w->path, O_CLOEXEC);
        if (w->fd < 0) {
            return su_fail_sys(e, errno, w->path, "cannot create");
        }
        if (flock(w->fd, LOCK_EX) != 0 || fstat(w->fd, &st) != 0) {
            return su_fail_sys(e, errno, w->path, "cannot lock");
        }
        if (st.st_nlink == 0) {
            close(w->fd);
        }
    } while (st.st_nlink == 0);
    return SU_OK;
}

static enum su_code writer_hash(struct writer *w, const uint8_t *p, size_t n, struct su_err *e)
{
    if (n > SU_STORE_BLOB_MAX - w->bytes) {
        return su_fail(e, SU_ELIMIT, w->path, "blob exceeds %" PRIu64 " bytes",
                       (uint64_t)SU_STORE_BLOB_MAX);
    }
    su_merkle_update(&w->tree, p, n);
    w->bytes += n;
    return su_buf_check(&w->leaves, w->path, e);
}

static enum su_code writer_add(struct writer *w, const uint8_t *p, size_t n, struct su_err *e)
{
    uint64_t at = w->bytes;
    enum su_code c = writer_hash(w, p, n, e);

    while (c == SU_OK && n > 0) {
        ssize_t k = write(w->fd, p, n);

        if (k < 0 && errno == EINTR) {
            continue;
        }
        if (k < 0) {
            return su_fail_sys(e, errno, w->path, "cannot write at byte %" PRIu64, at);
        }
        p += k;
        n -= (size_t)k;
        at += (uint64_t)k;
    }
    return c;
}

static enum su_code writer_publish(struct su_store *s, struct writer *w, const uint8_t *expect,
                                   const char *at, uint8_t *id, struct su_err *e)
{
    char want[SU_STORE_HEX], got[SU_STORE_HEX];
    uint8_t root[SU_STORE_ID_BYTES];

    su_merkle_final(&w->tree, root);
    enum su_code c = su_buf_check(&w->leaves, w->path, e);
    if (c != SU_OK) {
        return c;
    }
    if (expect != NULL && memcmp(expect, root, sizeof root) != 0) {
        return su_fail(e, SU_EDIGEST, at, "content is sha256:%s, expected sha256:%s",
                       su_store_hex(root, got), su_store_hex(expect, want));
    }
    if (fsync(w->fd) != 0) {
        return su_fail_sys(e, errno, w->path, "cannot sync");
    }
    c = su_store_publish(s, w->path, root, w->bytes, &w->leaves, e);
    if (c == SU_OK) {
        memcpy(id, root, sizeof root);
    }
    return c;
}

static void writer_close(struct writer *w, enum su_code c)
{
    if (w->fd >= 0) {
        if (c != SU_OK) {
            unlink(w->path);
        }
        close(w->fd);
    }
    su_buf_fini(&w->leaves);
}

/* ---- making visible -------------------------------------------------------------------------- */

static enum su_code place_files(struct su_store *s, const char *file, const uint8_t *id,
                                const struct su_buf *leaves, struct su_err *e)
{
    char path[SU_STORE_PATH_MAX], leaf_path[SU_STORE_PATH_MAX], dir[SU_STORE_PATH_MAX];
    struct stat st;

    su_store_blob_path(s, id, "", path);
    su_store_blob_path(s, id, ".leaves", leaf_path);
    su_str_copy(dir, sizeof dir, path);
    *strrchr(dir, '/') = 0;
    if (mkdir(dir, 0700) == 0) {
        enum su_code c = su_store_sync_dir(s->dir, e);

        if (c != SU_OK) {
            return c;
        }
    } else if (errno != EEXIST) {
        return su_fail_sys(e, errno, dir, "cannot create");
    }
    enum su_code c = su_file_write(leaf_path, leaves->len != 0 ? leaves->data : (const uint8_t *)"",
                                   leaves->len, 0444, e);
    if (c != SU_OK) {
        return c;
    }
    if (rename(file, path) != 0) {
        return su_fail_sys(e, errno, file, "cannot move into the store");
    }
    /* A linked file has its owner's mode, without a bit to write by. */
    if (stat(path, &st) != 0 || ((st.st_mode & 0222) != 0 && chmod(path, 0444) != 0)) {
        return su_fail_sys(e, errno, path, "cannot make read-only");
    }
    return su_store_sync_dir(dir, e);
}

/* The parts of what is now here as a whole; left over, they are swept as a stray file. */
static void drop_chunks(struct su_store *s, const uint8_t *id)
{
    char path[SU_STORE_PATH_MAX];

    su_store_blob_path(s, id, SU_STORE_CHUNKS, path);
    (void)unlink(path);
}

enum su_code su_store_publish(struct su_store *s, const char *file,
                              const uint8_t id[SU_STORE_ID_BYTES], uint64_t bytes,
                              const struct su_buf *leaves, struct su_err *e)
{
    int gate = -1;
    enum su_code c = su_store_lock(s, SU_STORE_GATE, NULL, &gate, NULL, e);

    if (c != SU_OK) {
        return c;
    }
    if (su_store_has(s, id, NULL)) {
        unlink(file);
        c = su_store_row_touch(s, id, e);
    } else {
        c = su_store_make_room(s, bytes, e);
        if (c == SU_OK) {
            c = place_files(s, file, id, leaves, e);
        }
        if (c == SU_OK) {
            c = su_store_row_add(s, id, bytes, e);
        }
        if (c == SU_OK) {
            drop_chunks(s, id);
        }
    }
    su_store_unlock(gate);
    return c;
}

/* ---- putting --------------------------------------------------------------------------------- */

enum su_code su_store_put_bytes(struct su_store *s, const void *data, size_t n,
                                uint8_t id[SU_STORE_ID_BYTES], struct su_err *e)
{
    struct writer *w;
    uint8_t root[SU_STORE_ID_BYTES];
    enum su_code c;

    su_merkle_blob(data, n, root);
    if (su_store_has(s, root, NULL)) {
        memcpy(id, root, sizeof root);
        return su_store_row_touch(s, root, e);
    }
    w = su_alloc(sizeof *w);
    c = writer_open(s, w, e);
    if (c == SU_OK) {
        c = writer_add(w, data, n, e);
    }
    if (c == SU_OK) {
        c = writer_publish(s, w, NULL, "bytes", id, e);
    }
    writer_close(w, c);
    free(w);
    return c;
}

/* Reads a file from where it stands into the hash, and unless it is in place already into w. */
static enum su_code take_file(int fd, const char *path, uint64_t max_bytes, bool in_place,
                              struct writer *w, struct su_store_watch *watch, struct su_err *e)
{
    uint8_t *buf = su_alloc(COPY_BYTES);
    enum su_code c = SU_OK;

    while (c == SU_OK) {
        ssize_t k = read(fd, buf, COPY_BYTES);

        if (k < 0 && errno == EINTR) {
            continue;
        }
        if (k < 0) {
            c = su_fail_sys(e, errno, path, "cannot read at byte %" PRIu64, w->bytes);
            break;
        }
        if (k == 0) {
            break;
        }
        c = in_place ? writer_hash(w, buf, (size_t)k, e) : writer_add(w, buf, (size_t)k, e);
        if (c == SU_OK && w->bytes > max_bytes) {
            c = su_fail(e, SU_ELIMIT, path, "is larger than %" PRIu64 " bytes", max_bytes);
        }
        if (c == SU_OK) {
            su_progress_set(&watch->progress, w->bytes, su_clock_mono_ns());
            c = su_store_watch_tick(watch, path, e);
        }
    }
    free(buf);
    return c;
}

/* Makes the writer's file one with the bytes of fd without a second copy of them: as a clone, where
   the file system can, which nobody changes afterwards; else, of a file that nobody may write to, as
   a second name. False, and the writer as it was, where neither goes. */
static bool writer_share(struct writer *w, int fd, const struct stat *st)
{
    char source[64], name[sizeof w->path + 8];

    if (ioctl(w->fd, FICLONE, fd) == 0) {
        return true;
    }
    int own = (st->st_mode & 0222) == 0 ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;
    if (own < 0) {
        return false;
    }
    (void)snprintf(source, sizeof source, "/proc/self/fd/%d", fd);
    (void)snprintf(name, sizeof name, "%s.link", w->path);
    /* Locked like any file of a writer before its new name is seen. */
    if (strlen(name) >= sizeof w->path || flock(own, LOCK_EX | LOCK_NB) != 0 ||
        linkat(AT_FDCWD, source, AT_FDCWD, name, AT_SYMLINK_FOLLOW) != 0) {
        close(own);
        return false;
    }
    (void)unlink(w->path);
    close(w->fd);
    w->fd = own;
    (void)su_str_copy(w->path, sizeof w->path, name);
    return true;
}

/* True when the file is one of the store's own blobs, by whatever name. */
static bool is_own(struct su_store *s, const char *path, const struct stat *st,
                   uint8_t id[SU_STORE_ID_BYTES])
{
    char real[PATH_MAX], own[SU_STORE_PATH_MAX];
    struct stat there;
    size_t n = 0;

    if (realpath(path, real) == NULL) {
        return false;
    }
    const char *name = strrchr(real, '/') + 1;
    if (strlen(name) != SU_STORE_HEX - 1 || !su_hex_decode(name, id, SU_STORE_ID_BYTES, &n)) {
        return false;
    }
    su_store_blob_path(s, id, "", own);
    return su_store_has(s, id, NULL) && stat(own, &there) == 0 && there.st_ino == st->st_ino &&
           there.st_dev == st->st_dev;
}

static enum su_code put_open_file(struct su_store *s, int fd, const char *path,
                                  const struct stat *st, uint64_t max_bytes, const uint8_t *expect,
                                  struct su_store_watch *watch, uint8_t *id, struct su_err *e)
{
    struct writer *w = su_alloc(sizeof *w);
    uint8_t own[SU_STORE_ID_BYTES];
    enum su_code c;

    if (is_own(s, path, st, own) && (expect == NULL || memcmp(expect, own, sizeof own) == 0)) {
        memcpy(id, own, sizeof own);
        free(w);
        return su_store_row_touch(s, own, e);
    }
    watch->progress.total = (uint64_t)st->st_size;
    c = writer_open(s, w, e);
    if (c == SU_OK) {
        bool shared = writer_share(w, fd, st);
        c = take_file(shared ? w->fd : fd, path, max_bytes, shared, w, watch, e);
    }
    if (c == SU_OK) {
        c = writer_publish(s, w, expect, path, id, e);
    }
    writer_close(w, c);
    free(w);
    return c;
}

enum su_code su_store_put_checked(struct su_store *s, const char *path, uint64_t max_bytes,
                                  const uint8_t *expect, struct su_store_watch *watch,
                                  uint8_t id[SU_STORE_ID_BYTES], struct su_err *e)
{
    struct stat st;
    enum su_code c = SU_OK;

    /* O_NONBLOCK: opening a pipe must not wait for its writer. It changes nothing for regular
       files. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        return su_fail_sys(e, errno, path, "cannot open");
    }
    if (fstat(fd, &st) != 0) {
        c = su_fail_sys(e, errno, path, "cannot stat");
    } else if (!S_ISREG(st.st_mode)) {
        c = su_fail(e, SU_EINVAL, path, "is not a regular file");
    } else if ((uint64_t)st.st_size > max_bytes) {
        c = su_fail(e, SU_ELIMIT, path, "%" PRIu64 " bytes are more than the limit of %" PRIu64,
                    (uint64_t)st.st_size, max_bytes);
    } else if (s->budget_bytes != 0 && (uint64_t)st.st_size > s->budget_bytes) {
        c = su_fail(e, SU_ELIMIT, path,
                    "%" PRIu64 " bytes exceed the store's disk budget of %" PRIu64 ": raise it",
                    (uint64_t)st.st_size, s->budget_bytes);
    }
    if (c == SU_OK) {
        c = put_open_file(s, fd, path, &st, max_bytes, expect, watch, id, e);
    }
    close(fd);
    return c;
}

enum su_code su_store_put_file(struct su_store *s, const char *path,
                               const struct su_store_hooks *hooks, uint8_t id[SU_STORE_ID_BYTES],
                               struct su_err *e)
{
    struct su_store_watch w = su_store_watch_of(hooks);

    return su_store_put_checked(s, path, SU_STORE_BLOB_MAX, NULL, &w, id, e);
}
