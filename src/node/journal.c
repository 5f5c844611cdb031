// SPDX-License-Identifier: MIT
#include "journal.h"

#include "crypto/crypto.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

enum { NAME_MAX_BYTES = 40, ADDRESS_MAX = 48, PIECE = 1 << 20 };
#define KEEP_FREE_BYTES (64u << 20)

static const char magic[4] = {'S', 'U', 'J', 'R'};
static const char gone[] = ".gone-"; /* a folder that is being deleted */

struct folder {
    uint8_t execution[32];
    char path[PATH_MAX];
    uint64_t used, reserved; /* bytes */
    bool entered, dirty; /* dirty: files were added since the folder was synced */
    struct su_journal_stream *streams;
    struct folder *next;
};
struct su_journal {
    char dir[PATH_MAX - 128];
    uint64_t budget, keep_free;
    int lock_fd;
    pthread_mutex_t lock; /* of folders, what they count and their lists of streams */
    struct folder *folders;
};
struct record {
    uint64_t offset; /* of its bytes */
    uint32_t bytes;
};
struct su_journal_stream {
    struct su_journal *journal;
    struct folder *folder;
    char name[NAME_MAX_BYTES + 3];
    int fd;
    pthread_mutex_t lock; /* of what follows */
    struct record *record;
    uint32_t n, cap;
    uint64_t end;
    bool dirty;
    struct su_journal_stream *next;
};

/* ---- small things ---------------------------------------------------------------------------- */

static enum su_code failed(struct su_err *e, const char *path, const char *what)
{
    int sys = errno == EDQUOT ? ENOSPC : errno;

    return su_fail_sys(e, sys, path, "%s", what);
}

static bool file_name(char kind, const char *name, char out[NAME_MAX_BYTES + 3])
{
    size_t n = strlen(name);

    if (n == 0 || n > NAME_MAX_BYTES || strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789.-") != n)
        return false;
    out[0] = kind;
    out[1] = '-';
    memcpy(out + 2, name, n + 1);
    return true;
}

static enum su_code bad_name(const char *name, struct su_err *e)
{
    return su_fail(e, SU_EINVAL, name, "is no name of 1 to %d of a-z, 0-9, '.' and '-'",
                   NAME_MAX_BYTES);
}

static bool read_all(int fd, void *out, size_t n, uint64_t offset)
{
    for (size_t at = 0; at < n;) {
        ssize_t k = pread(fd, (uint8_t *)out + at, n - at, (off_t)(offset + at));
        if (k == 0)
            errno = EIO; /* shorter than it was */
        if (k == 0 || (k < 0 && errno != EINTR))
            return false;
        at += k > 0 ? (size_t)k : 0;
    }
    return true;
}

static bool write_all(int fd, const void *head, size_t head_n, const void *data, size_t n,
                      uint64_t offset)
{
    for (size_t at = 0; at < head_n + n;) {
        struct iovec v[2];
        int parts = 0;
        if (at < head_n)
            v[parts++] = (struct iovec){(uint8_t *)(uintptr_t)head + at, head_n - at};
        size_t done = at > head_n ? at - head_n : 0;
        v[parts++] = (struct iovec){(uint8_t *)(uintptr_t)data + done, n - done};
        ssize_t k = pwritev(fd, v, parts, (off_t)(offset + at));
        if (k < 0 && errno != EINTR)
            return false;
        at += k > 0 ? (size_t)k : 0;
    }
    return true;
}

static void remove_folder(const char *path)
{
    DIR *d = opendir(path);

    for (struct dirent *f = NULL; d != NULL && (f = readdir(d)) != NULL;)
        (void)unlinkat(dirfd(d), f->d_name, 0);
    if (d != NULL)
        (void)closedir(d);
    (void)rmdir(path);
}

static uint64_t folder_bytes(const char *path)
{
    uint64_t all = 0;
    struct stat st;
    DIR *d = opendir(path);

    for (struct dirent *f = NULL; d != NULL && (f = readdir(d)) != NULL;)
        if (fstatat(dirfd(d), f->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode))
            all += (uint64_t)st.st_size;
    if (d != NULL)
        (void)closedir(d);
    return all;
}

static struct folder *find(struct su_journal *j, const uint8_t execution[32])
{
    struct folder *f = j->folders;

    while (f != NULL && memcmp(f->execution, execution, 32) != 0)
        f = f->next;
    return f;
}

static struct folder *folder_new(struct su_journal *j, const uint8_t execution[32])
{
    struct folder *f = su_alloc(sizeof *f);
    char address[ADDRESS_MAX];

    (void)su_base58_encode(execution, 32, address, sizeof address);
    snprintf(f->path, sizeof f->path, "%s/%s", j->dir, address);
    memcpy(f->execution, execution, 32);
    return f;
}

static struct folder *entered(struct su_journal *j, const uint8_t execution[32])
{
    struct folder *f = find(j, execution);

    return f != NULL && f->entered ? f : NULL;
}

static enum su_code not_entered(struct su_journal *j, struct su_err *e)
{
    return su_fail(e, SU_ENOENT, j->dir, "this execution was not entered");
}

/* Whether `f` may hold `used` bytes and set `reserved` aside, as far as budget and disk go. */
static enum su_code room(struct su_journal *j, const struct folder *f, uint64_t used,
                         uint64_t reserved, struct su_err *e)
{
    uint64_t all = SU_MAX(used, reserved), promised = all - used, others = 0;
    uint64_t grows = used - SU_MIN(used, f->used);
    char want[32], have[32];
    struct statvfs v;

    for (const struct folder *o = j->folders; o != NULL; o = o->next) {
        if (o != f) {
            others += SU_MAX(o->used, o->reserved);
            promised += SU_MAX(o->used, o->reserved) - o->used;
        }
    }
    if (j->budget != 0 && (others > j->budget || all > j->budget - others))
        return su_fail(e, SU_ENOSPC, j->dir,
                       "%s for an execution, %s are left of the budget: raise it, or wait until "
                       "others have ended",
                       su_format_size(all, want, sizeof want),
                       su_format_size(j->budget - SU_MIN(j->budget, others), have, sizeof have));
    if (statvfs(j->dir, &v) != 0)
        return failed(e, j->dir, "cannot ask for free space");
    uint64_t free_bytes = (uint64_t)v.f_bavail * v.f_frsize;
    if (free_bytes < j->keep_free || free_bytes - j->keep_free < promised + grows)
        return su_fail(e, SU_ENOSPC, j->dir,
                       "%s to be set aside, %s of the disk are free of which %s stay so: make room",
                       su_format_size(promised + grows, want, sizeof want),
                       su_format_size(free_bytes, have, sizeof have),
                       su_format_size(j->keep_free, (char[32]){0}, 32));
    return SU_OK;
}

/* ---- life ------------------------------------------------------------------------------------ */

/* Everything that is there already counts. */
static enum su_code scan(struct su_journal *j, struct su_err *e)
{
    DIR *d = opendir(j->dir);
    char path[PATH_MAX + 300];
    uint8_t execution[32];
    size_t n;

    if (d == NULL)
        return failed(e, j->dir, "cannot list it");
    for (struct dirent *f; (f = readdir(d)) != NULL;) {
        if (su_str_starts(f->d_name, gone)) {
            snprintf(path, sizeof path, "%s/%s", j->dir, f->d_name);
            remove_folder(path);
        } else if (su_base58_decode(f->d_name, execution, sizeof execution, &n) && n == 32) {
            struct folder *found = folder_new(j, execution);
            found->used = folder_bytes(found->path);
            found->next = j->folders;
            j->folders = found;
        }
    }
    (void)closedir(d);
    return SU_OK;
}

static enum su_code lock_dir(struct su_journal *j, struct su_err *e)
{
    char path[PATH_MAX];

    snprintf(path, sizeof path, "%s/.lock", j->dir);
    j->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (j->lock_fd < 0)
        return failed(e, path, "cannot open it");
    if (flock(j->lock_fd, LOCK_EX | LOCK_NB) != 0)
        return su_fail(e, SU_EBUSY, j->dir, "another node uses it: give this one another home");
    return SU_OK;
}

enum su_code su_journal_open(const struct su_journal_opts *o, struct su_journal **out,
                             struct su_err *e)
{
    struct su_journal *j = su_alloc(sizeof *j);
    enum su_code c = SU_OK;

    *out = NULL;
    j->lock_fd = -1;
    (void)pthread_mutex_init(&j->lock, NULL);
    j->budget = o->budget_bytes;
    j->keep_free = o->keep_free_bytes != 0 ? o->keep_free_bytes : KEEP_FREE_BYTES;
    if (!su_str_copy(j->dir, sizeof j->dir, o->dir))
        c = su_fail(e, SU_ELIMIT, o->dir, "path is longer than %zu bytes", sizeof j->dir - 1);
    if (c == SU_OK)
        c = su_dir_make(j->dir, 0700, e);
    if (c == SU_OK)
        c = lock_dir(j, e);
    if (c == SU_OK)
        c = scan(j, e);
    if (c != SU_OK) {
        su_journal_close(j);
        return c;
    }
    *out = j;
    return SU_OK;
}

void su_journal_close(struct su_journal *j)
{
    if (j == NULL)
        return;
    while (j->folders != NULL) {
        struct folder *f = j->folders;
        SU_ASSERT(f->streams == NULL);
        j->folders = f->next;
        free(f);
    }
    if (j->lock_fd >= 0)
        (void)close(j->lock_fd);
    (void)pthread_mutex_destroy(&j->lock);
    free(j);
}

uint64_t su_journal_used_bytes(struct su_journal *j)
{
    uint64_t all = 0;

    (void)pthread_mutex_lock(&j->lock);
    for (const struct folder *f = j->folders; f != NULL; f = f->next)
        all += f->used;
    (void)pthread_mutex_unlock(&j->lock);
    return all;
}

enum su_code su_journal_each(struct su_journal *j,
                             void (*fn)(void *ctx, const uint8_t execution[32]), void *ctx,
                             struct su_err *e)
{
    struct su_buf all;

    su_buf_init(&all, 0);
    (void)pthread_mutex_lock(&j->lock);
    for (const struct folder *f = j->folders; f != NULL; f = f->next)
        su_buf_put(&all, f->execution, 32);
    (void)pthread_mutex_unlock(&j->lock);
    enum su_code c = su_buf_check(&all, j->dir, e);
    for (size_t at = 0; c == SU_OK && at < all.len; at += 32)
        fn(ctx, all.data + at);
    su_buf_fini(&all);
    return c;
}

/* Under the lock. */
static enum su_code enter(struct su_journal *j, const uint8_t execution[32], uint64_t bytes,
                          struct su_err *e)
{
    struct folder *f = find(j, execution);
    bool fresh = f == NULL;

    if (fresh)
        f = folder_new(j, execution);
    enum su_code c = room(j, f, f->used, bytes, e);
    if (c == SU_OK && fresh && mkdir(f->path, 0700) != 0 && errno != EEXIST)
        c = failed(e, f->path, "cannot make it");
    if (c == SU_OK) {
        f->reserved = bytes;
        f->entered = true;
    }
    if (c == SU_OK && fresh) {
        f->next = j->folders;
        j->folders = f;
    } else if (fresh) {
        free(f);
    }
    return c;
}

enum su_code su_journal_enter(struct su_journal *j, const uint8_t execution[32], uint64_t bytes,
                              struct su_err *e)
{
    (void)pthread_mutex_lock(&j->lock);
    enum su_code c = enter(j, execution, bytes, e);
    (void)pthread_mutex_unlock(&j->lock);
    return c;
}

enum su_code su_journal_drop(struct su_journal *j, const uint8_t execution[32], struct su_err *e)
{
    char away[PATH_MAX], address[ADDRESS_MAX];
    enum su_code c = SU_OK;

    (void)su_base58_encode(execution, 32, address, sizeof address);
    snprintf(away, sizeof away, "%s/%s%s", j->dir, gone, address);
    (void)pthread_mutex_lock(&j->lock);
    struct folder *f = find(j, execution);
    if (f != NULL) {
        SU_ASSERT(f->streams == NULL);
        remove_folder(away);
        if (rename(f->path, away) != 0 && errno != ENOENT)
            c = failed(e, f->path, "cannot be deleted");
    }
    if (f != NULL && c == SU_OK) {
        struct folder **at = &j->folders;
        while (*at != f)
            at = &(*at)->next;
        *at = f->next;
        free(f);
    }
    (void)pthread_mutex_unlock(&j->lock);
    if (c == SU_OK)
        remove_folder(away);
    return c;
}

/* ---- syncing --------------------------------------------------------------------------------- */

static bool sync_file(const char *path, const char *name)
{
    char full[PATH_MAX + NAME_MAX_BYTES + 8];

    snprintf(full, sizeof full, "%s%s%s", path, name != NULL ? "/" : "", name != NULL ? name : "");
    int fd = open(full, O_RDONLY | O_CLOEXEC);
    bool ok = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0)
        (void)close(fd);
    return ok;
}

/* Names of the streams that were written since the last sync, each with its NUL; under the lock. */
static void take_dirty(struct folder *f, struct su_buf *names)
{
    for (struct su_journal_stream *s = f->streams; s != NULL; s = s->next) {
        (void)pthread_mutex_lock(&s->lock);
        if (s->dirty)
            su_buf_put(names, s->name, strlen(s->name) + 1);
        s->dirty = false;
        (void)pthread_mutex_unlock(&s->lock);
    }
}

enum su_code su_journal_sync(struct su_journal *j, const uint8_t execution[32], struct su_err *e)
{
    char path[PATH_MAX] = "";
    struct su_buf names;
    bool ok = true, dir = false;

    su_buf_init(&names, 0);
    (void)pthread_mutex_lock(&j->lock);
    struct folder *f = entered(j, execution);
    if (f != NULL) {
        su_str_copy(path, sizeof path, f->path);
        dir = f->dirty;
        f->dirty = false;
        take_dirty(f, &names);
    }
    (void)pthread_mutex_unlock(&j->lock);
    enum su_code c = f == NULL ? not_entered(j, e) : su_buf_check(&names, path, e);
    for (size_t at = 0; c == SU_OK && ok && at < names.len;
         at += strlen((const char *)names.data + at) + 1)
        ok = sync_file(path, (const char *)names.data + at);
    if (c == SU_OK && ok && dir)
        ok = sync_file(path, NULL) && sync_file(j->dir, NULL);
    if (c == SU_OK && !ok)
        c = failed(e, path, "cannot be made durable");
    su_buf_fini(&names);
    return c;
}

/* ---- streams --------------------------------------------------------------------------------- */

static enum su_code index_add(struct su_journal_stream *s, uint64_t offset, uint32_t bytes,
                              struct su_err *e)
{
    if (s->n == s->cap) {
        uint32_t cap = s->cap != 0 ? s->cap * 2 : 64;
        struct record *more = realloc(s->record, cap * sizeof *more);
        if (more == NULL)
            return su_fail(e, SU_ENOMEM, s->name, "no memory for its index");
        s->record = more;
        s->cap = cap;
    }
    s->record[s->n++] = (struct record){offset, bytes};
    return SU_OK;
}

static bool digest_holds(int fd, uint64_t offset, uint32_t bytes, const uint8_t want[32],
                         uint8_t *piece)
{
    struct su_sha256 h;
    uint8_t got[32];

    su_sha256_init(&h);
    for (uint32_t at = 0; at < bytes;) {
        uint32_t n = SU_MIN(bytes - at, (uint32_t)PIECE);
        if (!read_all(fd, piece, n, offset + at))
            return false;
        su_sha256_update(&h, piece, n);
        at += n;
    }
    su_sha256_final(&h, got);
    return memcmp(got, want, 32) == 0;
}

/* Finds the records and cuts off what is none. */
static enum su_code recover(struct su_journal_stream *s, struct su_err *e)
{
    uint8_t head[SU_JOURNAL_RECORD_HEAD], *piece = su_try_alloc(1, PIECE);
    enum su_code c = SU_OK;
    struct stat st;

    if (piece == NULL)
        return su_fail(e, SU_ENOMEM, s->name, "no memory to read it");
    if (fstat(s->fd, &st) != 0)
        c = failed(e, s->name, "cannot ask for its size");
    uint64_t size = c == SU_OK ? (uint64_t)st.st_size : 0;
    while (c == SU_OK && size - s->end > sizeof head &&
           read_all(s->fd, head, sizeof head, s->end)) {
        uint32_t bytes = su_le32(head + 4);
        if (memcmp(head, magic, sizeof magic) != 0 || bytes == 0 || bytes > SU_JOURNAL_RECORD_MAX ||
            bytes > size - s->end - sizeof head ||
            !digest_holds(s->fd, s->end + sizeof head, bytes, head + 8, piece))
            break;
        c = index_add(s, s->end + sizeof head, bytes, e);
        s->end += sizeof head + bytes;
    }
    free(piece);
    if (c == SU_OK && s->end < size) {
        su_log(SU_LOG_WARN, "journal", "%s/%s: %" PRIu64 " bytes at its end are no record: cut off",
               s->folder->path, s->name, size - s->end);
        if (ftruncate(s->fd, (off_t)s->end) != 0)
            return failed(e, s->name, "its torn end cannot be cut off");
        s->folder->used -= SU_MIN(s->folder->used, size - s->end);
        s->dirty = true;
    }
    return c;
}

/* Under the journal's lock. */
static enum su_code stream_open(struct su_journal *j, const uint8_t execution[32],
                                struct su_journal_stream *s, struct su_err *e)
{
    char path[PATH_MAX + NAME_MAX_BYTES + 8];
    struct folder *f = entered(j, execution);

    if (f == NULL)
        return not_entered(j, e);
    for (const struct su_journal_stream *o = f->streams; o != NULL; o = o->next)
        if (strcmp(o->name, s->name) == 0)
            return su_fail(e, SU_EBUSY, s->name, "is open already");
    snprintf(path, sizeof path, "%s/%s", f->path, s->name);
    s->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (s->fd < 0)
        return failed(e, path, "cannot open it");
    s->folder = f;
    enum su_code c = recover(s, e);
    if (c == SU_OK) {
        f->dirty = true;
        s->next = f->streams;
        f->streams = s;
    }
    return c;
}

static void stream_free(struct su_journal_stream *s)
{
    if (s->fd >= 0)
        (void)close(s->fd);
    (void)pthread_mutex_destroy(&s->lock);
    free(s->record);
    free(s);
}

enum su_code su_journal_stream_open(struct su_journal *j, const uint8_t execution[32],
                                    const char *name, struct su_journal_stream **out,
                                    struct su_err *e)
{
    char file[NAME_MAX_BYTES + 3];

    *out = NULL;
    if (!file_name('s', name, file))
        return bad_name(name, e);
    struct su_journal_stream *s = su_alloc(sizeof *s);
    memcpy(s->name, file, sizeof file);
    s->journal = j;
    s->fd = -1;
    (void)pthread_mutex_init(&s->lock, NULL);
    (void)pthread_mutex_lock(&j->lock);
    enum su_code c = stream_open(j, execution, s, e);
    (void)pthread_mutex_unlock(&j->lock);
    if (c == SU_OK)
        *out = s;
    else
        stream_free(s);
    return c;
}

void su_journal_stream_close(struct su_journal_stream *s)
{
    if (s == NULL)
        return;
    (void)pthread_mutex_lock(&s->journal->lock);
    struct su_journal_stream **at = &s->folder->streams;
    while (*at != s)
        at = &(*at)->next;
    *at = s->next;
    (void)pthread_mutex_unlock(&s->journal->lock);
    stream_free(s);
}

uint32_t su_journal_stream_count(struct su_journal_stream *s)
{
    (void)pthread_mutex_lock(&s->lock);
    uint32_t n = s->n;
    (void)pthread_mutex_unlock(&s->lock);
    return n;
}

uint64_t su_journal_stream_bytes(struct su_journal_stream *s)
{
    (void)pthread_mutex_lock(&s->lock);
    uint64_t end = s->end;
    (void)pthread_mutex_unlock(&s->lock);
    return end;
}

/* Counts n bytes more, if there is room. */
static enum su_code take_room(struct su_journal *j, struct folder *f, uint64_t n, struct su_err *e)
{
    enum su_code c = SU_OK;

    (void)pthread_mutex_lock(&j->lock);
    if (f->used + n > f->reserved)
        c = room(j, f, f->used + n, f->reserved, e);
    if (c == SU_OK)
        f->used += n;
    (void)pthread_mutex_unlock(&j->lock);
    return c;
}

static void give_room(struct su_journal *j, struct folder *f, uint64_t n)
{
    (void)pthread_mutex_lock(&j->lock);
    f->used -= SU_MIN(f->used, n);
    (void)pthread_mutex_unlock(&j->lock);
}

/* Under the stream's lock. */
static enum su_code append(struct su_journal_stream *s, const void *data, size_t n,
                           struct su_err *e)
{
    uint8_t head[SU_JOURNAL_RECORD_HEAD];

    memcpy(head, magic, sizeof magic);
    su_put_le32(head + 4, (uint32_t)n);
    su_sha256(data, n, head + 8);
    enum su_code c = index_add(s, s->end + sizeof head, (uint32_t)n, e);
    if (c != SU_OK)
        return c;
    s->dirty = true;
    if (!write_all(s->fd, head, sizeof head, data, n, s->end)) {
        c = failed(e, s->name, "cannot be written");
        s->n--;
        if (ftruncate(s->fd, (off_t)s->end) != 0)
            su_log(SU_LOG_WARN, "journal",
                   "%s: half a record stays at its end until it is opened "
                   "again",
                   s->name);
        return c;
    }
    s->end += sizeof head + n;
    return SU_OK;
}

enum su_code su_journal_stream_append(struct su_journal_stream *s, const void *data, size_t n,
                                      struct su_err *e)
{
    if (n == 0 || n > SU_JOURNAL_RECORD_MAX)
        return su_fail(e, SU_EINVAL, s->name, "a record of %zu bytes; 1 to %u", n,
                       SU_JOURNAL_RECORD_MAX);
    enum su_code c = take_room(s->journal, s->folder, SU_JOURNAL_RECORD_HEAD + n, e);
    if (c != SU_OK)
        return c;
    (void)pthread_mutex_lock(&s->lock);
    c = append(s, data, n, e);
    (void)pthread_mutex_unlock(&s->lock);
    if (c != SU_OK)
        give_room(s->journal, s->folder, SU_JOURNAL_RECORD_HEAD + n);
    return c;
}

static enum su_code locate(struct su_journal_stream *s, uint32_t i, struct record *r,
                           struct su_err *e)
{
    (void)pthread_mutex_lock(&s->lock);
    bool there = i < s->n;
    if (there)
        *r = s->record[i];
    (void)pthread_mutex_unlock(&s->lock);
    return there ? SU_OK : su_fail(e, SU_ENOENT, s->name, "has no record %u", i);
}

enum su_code su_journal_stream_get(struct su_journal_stream *s, uint32_t i, struct su_buf *out,
                                   struct su_err *e)
{
    uint8_t digest[32], want[32];
    size_t before = out->len;
    struct record r = {0};

    enum su_code c = locate(s, i, &r, e);
    if (c != SU_OK)
        return c;
    if (!su_buf_reserve(out, r.bytes))
        return su_buf_check(out, s->name, e);
    if (!read_all(s->fd, out->data + before, r.bytes, r.offset) ||
        !read_all(s->fd, want, sizeof want, r.offset - sizeof want))
        return failed(e, s->name, "cannot be read");
    su_sha256(out->data + before, r.bytes, digest);
    if (memcmp(digest, want, sizeof want) != 0)
        return su_fail(e, SU_EDIGEST, s->name, "record %u was damaged on the disk", i);
    out->len = before + r.bytes;
    return SU_OK;
}

enum su_code su_journal_stream_read(struct su_journal_stream *s, uint32_t i, uint64_t offset,
                                    void *out, size_t n, struct su_err *e)
{
    struct record r = {0};

    enum su_code c = locate(s, i, &r, e);
    if (c != SU_OK)
        return c;
    if (offset > r.bytes || n > r.bytes - offset)
        return su_fail(e, SU_EINVAL, s->name, "beyond the %u bytes of record %u", r.bytes, i);
    return read_all(s->fd, out, n, r.offset + offset) ? SU_OK
                                                      : failed(e, s->name, "cannot be read");
}

/* ---- notes ----------------------------------------------------------------------------------- */

static enum su_code note_path(struct su_journal *j, const uint8_t execution[32], const char *name,
                              struct folder **f, char path[PATH_MAX + NAME_MAX_BYTES + 8],
                              struct su_err *e)
{
    char file[NAME_MAX_BYTES + 3];

    if (!file_name('n', name, file))
        return bad_name(name, e);
    (void)pthread_mutex_lock(&j->lock);
    *f = entered(j, execution);
    if (*f != NULL)
        snprintf(path, PATH_MAX + NAME_MAX_BYTES + 8, "%s/%s", (*f)->path, file);
    (void)pthread_mutex_unlock(&j->lock);
    return *f != NULL ? SU_OK : not_entered(j, e);
}

enum su_code su_journal_note_put(struct su_journal *j, const uint8_t execution[32],
                                 const char *name, const void *data, size_t n, struct su_err *e)
{
    char path[PATH_MAX + NAME_MAX_BYTES + 8];
    struct folder *f;
    struct stat st;

    enum su_code c = note_path(j, execution, name, &f, path, e);
    if (c != SU_OK)
        return c;
    uint64_t before = stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
    c = take_room(j, f, n, e);
    if (c != SU_OK)
        return c;
    c = su_file_write(path, data, n, 0600, e);
    give_room(j, f, c == SU_OK ? before : n);
    return c;
}

enum su_code su_journal_note_bytes(struct su_journal *j, const uint8_t execution[32],
                                   const char *name, uint64_t *bytes, struct su_err *e)
{
    char path[PATH_MAX + NAME_MAX_BYTES + 8];
    struct folder *f;
    struct stat st;

    enum su_code c = note_path(j, execution, name, &f, path, e);
    if (c != SU_OK)
        return c;
    if (stat(path, &st) != 0)
        return failed(e, path, "cannot be found");
    *bytes = (uint64_t)st.st_size;
    return SU_OK;
}

enum su_code su_journal_note_get(struct su_journal *j, const uint8_t execution[32],
                                 const char *name, struct su_buf *out, struct su_err *e)
{
    char path[PATH_MAX + NAME_MAX_BYTES + 8];
    struct folder *f;
    struct su_map m;

    enum su_code c = note_path(j, execution, name, &f, path, e);
    if (c == SU_OK)
        c = su_map_open(path, SU_JOURNAL_RECORD_MAX, &m, e);
    if (c != SU_OK)
        return c;
    su_buf_put(out, m.data, m.len);
    su_map_close(&m);
    return su_buf_check(out, name, e);
}
