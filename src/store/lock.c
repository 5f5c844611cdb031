// SPDX-License-Identifier: MIT
#include "store_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { WAIT_MS = 20 };

struct su_store_watch su_store_watch_of(const struct su_store_hooks *hooks)
{
    static const struct su_store_hooks none;
    struct su_store_watch w = {.hooks = hooks != NULL ? hooks : &none};
    uint64_t now = su_clock_mono_ns();

    w.deadline_ns = w.hooks->deadline_ms != 0 ? now + w.hooks->deadline_ms * UINT64_C(1000000) : 0;
    su_progress_init(&w.progress, 0, "B", now);
    return w;
}

enum su_code su_store_watch_tick(struct su_store_watch *w, const char *at, struct su_err *e)
{
    const struct su_store_hooks *h = w->hooks;

    if (h->progress != NULL) {
        h->progress(h->ctx, &w->progress);
    }
    if (h->cancelled != NULL && h->cancelled(h->ctx)) {
        return su_fail(e, SU_ECANCELLED, at, "cancelled");
    }
    if (w->deadline_ns != 0 && su_clock_mono_ns() >= w->deadline_ns) {
        return su_fail(e, SU_ETIMEOUT, at, "not done within %u ms", h->deadline_ms);
    }
    return SU_OK;
}

/* Garbage collection removes free lock files, so a lock counts only while its name still leads to
   it. */
static bool still_named(int fd, const char *path)
{
    struct stat mine, named;

    return fstat(fd, &mine) == 0 && stat(path, &named) == 0 && mine.st_ino == named.st_ino &&
           mine.st_dev == named.st_dev;
}

/* *fd = -1 when somebody else holds the lock and `how` has LOCK_NB. Returns errno, 0 when all is
   well. */
static int lock_file(const char *path, int how, int *fd)
{
    for (;;) {
        *fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (*fd < 0) {
            return errno;
        }
        int sys = flock(*fd, how) != 0 ? errno : 0;
        if (sys == 0 && still_named(*fd, path)) {
            return 0;
        }
        close(*fd);
        *fd = -1;
        if (sys != 0 && sys != EINTR) {
            return sys == EWOULDBLOCK ? 0 : sys;
        }
    }
}

enum su_code su_store_lock(struct su_store *s, const char *name, struct su_store_watch *w, int *fd,
                           bool *waited, struct su_err *e)
{
    char path[SU_STORE_PATH_MAX];
    const struct timespec pause = {.tv_nsec = WAIT_MS * 1000000};

    su_store_path(s, "lock", name, ".lock", path);
    if (waited != NULL) {
        *waited = false;
    }
    for (;;) {
        int sys = lock_file(path, w != NULL ? LOCK_EX | LOCK_NB : LOCK_EX, fd);

        if (sys != 0) {
            return su_fail_sys(e, sys, path, "cannot lock");
        }
        if (*fd >= 0) {
            return SU_OK;
        }
        if (waited != NULL) {
            *waited = true;
        }
        enum su_code c = su_store_watch_tick(w, "waiting for another fetch of the same blob", e);
        if (c != SU_OK) {
            return c;
        }
        nanosleep(&pause, NULL);
    }
}

int su_store_lock_try(struct su_store *s, const char *name)
{
    char path[SU_STORE_PATH_MAX];
    int fd = -1;

    su_store_path(s, "lock", name, ".lock", path);
    return lock_file(path, LOCK_EX | LOCK_NB, &fd) == 0 ? fd : -1;
}

void su_store_unlock(int fd)
{
    close(fd);
}
