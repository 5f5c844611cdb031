// SPDX-License-Identifier: MIT
/* Who runs under a home: node/run, held open and locked by the one who does. */
#include "node_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static enum su_code run_path(const char *home, char out[4096], struct su_err *e)
{
    int n = snprintf(out, 4096, "%s/node/run", home);

    return n > 0 && n < 4096 ? SU_OK : su_fail(e, SU_ELIMIT, home, "the path is too long");
}

enum su_code node_here_take(const char *home, int *fd, struct su_err *e)
{
    char path[4096];
    enum su_code rc = run_path(home, path, e);

    *fd = -1;
    if (rc)
        return rc;
    *strrchr(path, '/') = 0;
    rc = su_dir_make(path, 0700, e);
    path[strlen(path)] = '/';
    if (rc)
        return rc;
    *fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (*fd < 0)
        return su_fail_sys(e, errno, path, "cannot be opened");
    if (flock(*fd, LOCK_EX | LOCK_NB) == 0)
        return SU_OK;
    rc = errno == EWOULDBLOCK
             ? su_fail(e, SU_EBUSY, home,
                       "a node runs here already; `splitup-node status` tells about it")
             : su_fail_sys(e, errno, path, "cannot be locked");
    (void)close(*fd);
    *fd = -1;
    return rc;
}

enum su_code node_here_tell(int fd, const char *url, struct su_err *e)
{
    char text[200];
    int n = snprintf(text, sizeof text, "%ld %s\n", (long)getpid(), url);

    if (ftruncate(fd, 0) != 0 || pwrite(fd, text, (size_t)n, 0) != n)
        return su_fail_sys(e, errno, "node/run", "cannot be written");
    return SU_OK;
}

void node_here_leave(int fd)
{
    if (fd < 0)
        return;
    (void)!ftruncate(fd, 0);
    (void)close(fd);
}

/* "pid url" by the holder of the lock; false while it has not written it. */
static bool read_run(int fd, struct su_node_here *out)
{
    char text[200];
    long pid = 0;
    ssize_t n = pread(fd, text, sizeof text - 1, 0);

    if (n <= 0)
        return false;
    text[n] = 0;
    if (sscanf(text, "%ld %127s", &pid, out->url) != 2 || pid <= 0 || pid > INT32_MAX)
        return false;
    out->pid = (int32_t)pid;
    return true;
}

enum su_code su_node_find(const char *home, struct su_node_here *out, struct su_err *e)
{
    char path[4096];
    enum su_code rc = run_path(home, path, e);

    *out = (struct su_node_here){.running = false};
    if (rc)
        return rc;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return errno == ENOENT ? SU_OK : su_fail_sys(e, errno, path, "cannot be opened");
    if (flock(fd, LOCK_SH | LOCK_NB) == 0)
        rc = SU_OK;
    else if (errno == EWOULDBLOCK)
        out->running = read_run(fd, out);
    else
        rc = su_fail_sys(e, errno, path, "cannot be locked");
    (void)close(fd);
    if (!out->running)
        *out = (struct su_node_here){.running = false};
    return rc;
}

enum su_code su_node_drain(const char *home, struct su_err *e)
{
    struct su_node_here here;
    enum su_code rc = su_node_find(home, &here, e);

    if (!rc && !here.running)
        return su_fail(e, SU_ENOENT, home, "no node runs here");
    if (!rc && kill((pid_t)here.pid, SIGUSR1) != 0)
        rc = su_fail_sys(e, errno, "node", "process %ld cannot be told", (long)here.pid);
    return rc;
}
