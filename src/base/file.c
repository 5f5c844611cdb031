// SPDX-License-Identifier: MIT
#include "base/base.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAP_STREAM_MAX ((uint64_t)1 << 30)
#define MAP_READ_BYTES ((size_t)1 << 16)

static const uint8_t map_nothing[1];

static enum su_code too_large(const char *path, uint64_t limit, struct su_err *e)
{
    return su_fail(e, SU_ELIMIT, path, "larger than the limit of %llu bytes",
                   (unsigned long long)limit);
}

/* For pipes, devices and files whose size the system does not tell (as in /proc). */
static enum su_code map_stream(int fd, const char *path, uint64_t limit, struct su_map *m,
                               struct su_err *e)
{
    struct su_buf b;
    enum su_code rc = SU_OK;

    if (limit == 0)
        limit = MAP_STREAM_MAX;
    su_buf_init(&b, 0);
    for (;;) {
        if (!su_buf_reserve(&b, MAP_READ_BYTES)) {
            rc = su_buf_check(&b, path, e);
            break;
        }
        ssize_t n = read(fd, b.data + b.len, MAP_READ_BYTES);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            rc = su_fail_sys(e, errno, path, "cannot read at offset %zu", b.len);
        if (n <= 0)
            break;
        b.len += (size_t)n;
        if (b.len > limit) {
            rc = too_large(path, limit, e);
            break;
        }
    }
    if (rc) {
        su_buf_fini(&b);
        return rc;
    }
    *m = (struct su_map){.data = b.data, .len = b.len};
    return SU_OK;
}

static enum su_code map_regular(int fd, const char *path, uint64_t size, uint64_t limit,
                                struct su_map *m, struct su_err *e)
{
    if (limit && size > limit)
        return su_fail(e, SU_ELIMIT, path, "%llu bytes are more than the limit of %llu",
                       (unsigned long long)size, (unsigned long long)limit);
    if (size > PTRDIFF_MAX)
        return too_large(path, PTRDIFF_MAX, e);
    void *p = mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (p == MAP_FAILED)
        return su_fail_sys(e, errno, path, "cannot map %llu bytes", (unsigned long long)size);
    *m = (struct su_map){.data = p, .len = (size_t)size, .mapped = true};
    return SU_OK;
}

enum su_code su_map_open(const char *path, uint64_t limit_bytes, struct su_map *m, struct su_err *e)
{
    struct stat st;
    enum su_code rc;

    *m = (struct su_map){.data = map_nothing};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return su_fail_sys(e, errno, path, "cannot open");
    if (fstat(fd, &st) != 0)
        rc = su_fail_sys(e, errno, path, "cannot stat");
    else if (S_ISDIR(st.st_mode))
        rc = su_fail(e, SU_EINVAL, path, "is a folder, not a file");
    else if (S_ISREG(st.st_mode) && st.st_size > 0)
        rc = map_regular(fd, path, (uint64_t)st.st_size, limit_bytes, m, e);
    else
        rc = map_stream(fd, path, limit_bytes, m, e);
    (void)close(fd);
    return rc;
}

void su_map_close(struct su_map *m)
{
    if (m->mapped)
        (void)munmap((void *)(uintptr_t)m->data, m->len);
    else if (m->data != map_nothing)
        free((void *)(uintptr_t)m->data);
    *m = (struct su_map){.data = map_nothing};
}

static int write_all(int fd, const void *data, size_t n)
{
    const uint8_t *p = data;

    while (n > 0) {
        ssize_t k = write(fd, p, SU_MIN(n, (size_t)SSIZE_MAX));
        if (k < 0 && errno == EINTR)
            continue;
        if (k < 0)
            return errno;
        p += k;
        n -= (size_t)k;
    }
    return 0;
}

/* Makes a rename in the folder durable. Some file systems cannot sync a folder (EINVAL): they
   have nothing to add. */
static int sync_folder_of(const char *path)
{
    char dir[PATH_MAX];

    if (!su_str_copy(dir, sizeof dir, path))
        return ENAMETOOLONG;
    char *slash = strrchr(dir, '/');
    if (!slash)
        (void)su_str_copy(dir, sizeof dir, ".");
    else
        slash[slash == dir ? 1 : 0] = '\0';
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return errno;
    int sys = fsync(fd) == 0 || errno == EINVAL ? 0 : errno;
    (void)close(fd);
    return sys;
}

enum su_code su_file_write(const char *path, const void *data, size_t n, unsigned mode,
                           struct su_err *e)
{
    char tmp[PATH_MAX];
    int len = snprintf(tmp, sizeof tmp, "%s.XXXXXX", path);

    if (len < 0 || (size_t)len >= sizeof tmp)
        return su_fail(e, SU_ELIMIT, path, "path is longer than %d bytes", PATH_MAX - 8);
    int fd = mkostemp(tmp, O_CLOEXEC);
    if (fd < 0)
        return su_fail_sys(e, errno, path, "cannot create a temporary file beside it");
    int sys = write_all(fd, data, n);
    if (!sys && fchmod(fd, (mode_t)mode) != 0)
        sys = errno;
    if (!sys && fsync(fd) != 0)
        sys = errno;
    if (close(fd) != 0 && !sys)
        sys = errno;
    if (!sys && rename(tmp, path) != 0)
        sys = errno;
    if (sys) {
        (void)unlink(tmp);
        return su_fail_sys(e, sys, path, "cannot write %zu bytes", n);
    }
    sys = sync_folder_of(path);
    return sys ? su_fail_sys(e, sys, path, "cannot sync its folder") : SU_OK;
}

static enum su_code make_one(const char *path, unsigned mode, struct su_err *e)
{
    struct stat st;

    if (mkdir(path, (mode_t)mode) == 0)
        return SU_OK;
    int sys = errno;
    if (stat(path, &st) ==
        0) { /* an existing folder is often reported as EROFS or EACCES, so look */
        if (S_ISDIR(st.st_mode))
            return SU_OK;
        return su_fail(e, SU_EEXIST, path, "is a file where a folder is needed");
    }
    return su_fail_sys(e, sys, path, "cannot make the folder");
}

enum su_code su_dir_make(const char *path, unsigned mode, struct su_err *e)
{
    char part[PATH_MAX];

    if (!path[0])
        return su_fail(e, SU_EINVAL, NULL, "the folder's path is empty");
    if (!su_str_copy(part, sizeof part, path))
        return su_fail(e, SU_ELIMIT, path, "path is longer than %d bytes", PATH_MAX - 1);
    for (char *p = part + 1; *p; p++) {
        if (*p != '/' || p[-1] == '/')
            continue;
        *p = '\0';
        enum su_code rc = make_one(part, mode, e);
        if (rc)
            return rc;
        *p = '/';
    }
    return make_one(part, mode, e);
}

enum su_code su_path_join(char *out, size_t cap, const char *dir, const char *name,
                          struct su_err *e)
{
    size_t n = strlen(dir);
    bool bare = n == 0 || dir[n - 1] == '/';
    int len = snprintf(out, cap, "%s%s%s", dir, bare ? "" : "/", name);

    if (len < 0 || (size_t)len >= cap)
        return su_fail(e, SU_ELIMIT, name, "path is longer than %zu bytes", cap ? cap - 1 : 0);
    return SU_OK;
}

enum su_code su_home_dir(char *out, size_t cap, struct su_err *e)
{
    const char *home = getenv("SPLITUP_HOME"), *data = getenv("XDG_DATA_HOME");

    if (home && home[0])
        return su_path_join(out, cap, "", home, e);
    if (data && data[0] == '/') /* the XDG specification has relative paths ignored */
        return su_path_join(out, cap, data, "splitup", e);
    home = getenv("HOME");
    if (home && home[0])
        return su_path_join(out, cap, home, ".local/share/splitup", e);
    return su_fail(e, SU_ENOENT, "HOME", "no home folder is known; set SPLITUP_HOME");
}
