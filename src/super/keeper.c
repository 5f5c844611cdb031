// SPDX-License-Identifier: MIT
#include "super_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* The process is a fork of one with threads: no allocation, no stdio, system calls only. */

#define DEPTH_MAX 64
#define KILL_ROUNDS 15000 /* of 2 ms */

struct entry { /* of getdents64 */
    uint64_t inode;
    int64_t next;
    uint16_t bytes;
    uint8_t type;
    char name[];
};

/* ---- removing a folder ----------------------------------------------------------------------- */

static bool is_dots(const char *name)
{
    return name[0] == '.' && (name[1] == 0 || (name[1] == '.' && name[2] == 0));
}

static bool folder_empty(int fd, int depth);

static bool entry_remove(int dir, const char *name, int depth)
{
    if (unlinkat(dir, name, 0) == 0 || errno == ENOENT)
        return true;
    if (errno != EISDIR && errno != EPERM && errno != EACCES)
        return false;
    int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == EACCES && fchmodat(dir, name, 0700, 0) == 0)
        fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return false;
    (void)fchmod(fd, 0700);
    bool ok = folder_empty(fd, depth + 1);
    (void)close(fd);
    return unlinkat(dir, name, AT_REMOVEDIR) == 0 && ok;
}

/* Entries may be skipped while others are removed, so it reads again until nothing is there. */
static bool folder_empty(int fd, int depth)
{
    bool ok = depth <= DEPTH_MAX, some = ok;

    while (some && ok) {
        _Alignas(8) char raw[2048];
        long n;

        some = false;
        if (lseek(fd, 0, SEEK_SET) != 0)
            return false;
        while ((n = syscall(SYS_getdents64, fd, raw, sizeof raw)) > 0) {
            for (long at = 0; at < n;) {
                const struct entry *d = (const struct entry *)(const void *)(raw + at);
                if (!is_dots(d->name)) {
                    some = true;
                    ok = entry_remove(fd, d->name, depth) && ok;
                }
                at += d->bytes;
            }
        }
        if (n < 0)
            return false;
    }
    return ok;
}

bool super_tree_remove(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0)
        return errno == ENOENT;
    bool ok = folder_empty(fd, 0);
    (void)close(fd);
    return rmdir(path) == 0 && ok;
}

/* ---- children -------------------------------------------------------------------------------- */

struct kept {
    uint32_t id;
    pid_t pid; /* 0 = free place */
};
static struct kept kept[SU_SUPER_CHILDREN_MAX];

static void note(int sock, uint32_t kind, uint32_t id, int value, pid_t pid)
{
    const struct super_note n = {kind, id, value, pid};

    (void)send(sock, &n, sizeof n, MSG_NOSIGNAL);
}

static bool read_all(int fd, void *out, size_t n)
{
    for (size_t at = 0; at < n;) {
        ssize_t got = read(fd, (char *)out + at, n - at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        at += (size_t)got;
    }
    return true;
}

/* Points k->pointers at the order's strings; false when they do not add up. */
static bool strings_point(struct super_keeper *k, const struct super_order *o, const char **path,
                          const char **dir)
{
    size_t at = 0, count = (size_t)o->argc + o->envc + 2, next = 0;

    for (size_t i = 0; i < count; i++) {
        if (at >= o->bytes)
            return false;
        char *s = k->strings + at;
        at += strnlen(s, o->bytes - at) + 1;
        if (i == 0)
            *path = s;
        else if (i == 1)
            *dir = s;
        else
            k->pointers[next++] = s;
        if (i == 1 + (size_t)o->argc)
            k->pointers[next++] = NULL;
    }
    k->pointers[next] = NULL;
    return at == o->bytes;
}

struct start {
    const char *path, *dir;
    char **argv, **env;
    const int *fds;
    pid_t keeper;
    int report;
};

_Noreturn static void child_start(const struct start *s)
{
    sigset_t none;
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

    for (int sig = 1; sig < NSIG; sig++)
        (void)signal(sig, SIG_DFL);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    bool ok = setpgid(0, 0) == 0 && prctl(PR_SET_PDEATHSIG, SIGKILL) == 0;
    if (ok && getppid() != s->keeper) /* it died before prctl */
        _exit(127);
    ok = ok && null >= 0 && chdir(s->dir) == 0 && dup2(null, 0) == 0 && dup2(s->fds[0], 1) == 1 &&
         dup2(s->fds[1], 2) == 2;
    if (ok)
        (void)execve(s->path, s->argv, s->env);
    int sys = errno;
    _exit(write(s->report, &sys, sizeof sys) == (ssize_t)sizeof sys ? 127 : 126);
}

/* Returns the child's pid, or -errno. All other descriptors are closed by the exec. */
static pid_t child_fork(struct start *s)
{
    int report[2], sys = 0;

    if (pipe2(report, O_CLOEXEC) != 0)
        return -errno;
    s->report = report[1];
    pid_t pid = fork();
    if (pid == 0)
        child_start(s);
    sys = pid < 0 ? errno : 0;
    (void)close(report[1]);
    if (pid > 0 && read_all(report[0], &sys, sizeof sys))
        (void)waitpid(pid, NULL, 0);
    else if (pid > 0)
        sys = 0;
    (void)close(report[0]);
    return sys != 0 ? -sys : pid;
}

static void order_spawn(struct super_keeper *k, const struct super_order *o, const int fds[2])
{
    struct start s = {.argv = k->pointers, .env = k->pointers + o->argc + 1, .fds = fds};
    unsigned at = 0;
    pid_t pid = -EINVAL;

    while (at < SU_SUPER_CHILDREN_MAX && kept[at].pid != 0)
        at++;
    s.keeper = getpid();
    if (at < SU_SUPER_CHILDREN_MAX && strings_point(k, o, &s.path, &s.dir))
        pid = child_fork(&s);
    if (pid > 0)
        kept[at] = (struct kept){o->id, pid};
    note(k->sock, NOTE_SPAWNED, o->id, pid < 0 ? -pid : 0, pid < 0 ? 0 : pid);
}

/* One order with its descriptors. False at the end of the socket. */
static bool order_take(struct super_keeper *k)
{
    struct super_order o;
    int fds[2] = {-1, -1};
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof fds)];
    struct iovec io = {&o, sizeof o};
    struct msghdr m = {
        .msg_iov = &io, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    ssize_t got;

    do
        got = recvmsg(k->sock, &m, MSG_WAITALL | MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    if (got != (ssize_t)sizeof o)
        return false;
    const struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    if (c != NULL && c->cmsg_type == SCM_RIGHTS && c->cmsg_len == CMSG_LEN(sizeof fds))
        memcpy(fds, CMSG_DATA(c), sizeof fds);
    if (o.kind == ORDER_SPAWN) {
        bool fits = o.bytes <= SU_SUPER_ARGS_MAX_BYTES && o.argc < k->pointers_max &&
                    o.envc < k->pointers_max && o.argc + o.envc + 2 <= k->pointers_max;
        if (!fits || !read_all(k->sock, k->strings, o.bytes))
            return false;
        order_spawn(k, &o, fds);
        (void)close(fds[0]);
        (void)close(fds[1]);
        return true;
    }
    for (unsigned i = 0; i < SU_SUPER_CHILDREN_MAX; i++)
        if (kept[i].pid != 0 && kept[i].id == o.id)
            (void)kill(-kept[i].pid, o.sig);
    return true;
}

/* While the leader is a zombie nobody else can get its number, so its group is killed first. */
static bool reap(int sock)
{
    for (;;) {
        siginfo_t info = {0};
        int status = 0;
        unsigned at = 0;

        if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0)
            return errno != ECHILD;
        if (info.si_pid == 0)
            return true;
        while (at < SU_SUPER_CHILDREN_MAX && kept[at].pid != info.si_pid)
            at++;
        if (at < SU_SUPER_CHILDREN_MAX)
            (void)kill(-info.si_pid, SIGKILL);
        (void)waitpid(info.si_pid, &status, 0);
        if (at < SU_SUPER_CHILDREN_MAX) {
            note(sock, NOTE_ENDED, kept[at].id, status, info.si_pid);
            kept[at].pid = 0;
        }
    }
}

/* ---- the end --------------------------------------------------------------------------------- */

static pid_t number_of(const char *s)
{
    pid_t v = 0;

    for (; *s >= '0' && *s <= '9' && v < 100000000; s++)
        v = v * 10 + (*s - '0');
    return *s == 0 || *s == ' ' ? v : 0;
}

/* The parent of a process: the second field after the name, which may hold anything. */
static pid_t parent_of(int proc, const char *name)
{
    char raw[512], path[32];
    size_t n = strnlen(name, 16);

    memcpy(path, name, n);
    memcpy(path + n, "/stat", 6);
    int fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t got = read(fd, raw, sizeof raw - 1);
    (void)close(fd);
    if (got <= 0)
        return 0;
    raw[got] = 0;
    const char *p = strrchr(raw, ')');
    return p != NULL && strnlen(p, 5) == 5 ? number_of(p + 4) : 0;
}

/* Kills whoever has this process as parent: orphans of killed ones arrive for the next round. */
static void kill_children(void)
{
    int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _Alignas(8) char raw[4096];
    pid_t self = getpid();
    long n;

    for (unsigned i = 0; i < SU_SUPER_CHILDREN_MAX; i++)
        if (kept[i].pid != 0)
            (void)kill(-kept[i].pid, SIGKILL);
    if (proc < 0)
        return;
    while ((n = syscall(SYS_getdents64, proc, raw, sizeof raw)) > 0) {
        for (long at = 0; at < n;) {
            const struct entry *d = (const struct entry *)(const void *)(raw + at);
            pid_t pid = number_of(d->name);
            if (pid > 0 && parent_of(proc, d->name) == self)
                (void)kill(pid, SIGKILL);
            at += d->bytes;
        }
    }
    (void)close(proc);
}

_Noreturn static void end(const struct super_keeper *k)
{
    const struct timespec pause = {0, 2000000};
    bool left = true;

    for (unsigned i = 0; i < KILL_ROUNDS && (left = reap(k->sock)); i++) {
        kill_children();
        (void)nanosleep(&pause, NULL);
    }
    bool removed = k->keep_home || super_tree_remove(k->home);
    _exit(left ? 2 : removed ? 0 : 1);
}

/* ---- its life -------------------------------------------------------------------------------- */

static void settle(struct super_keeper *k)
{
    static const int ignored[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGPIPE, SIGTSTP};
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    for (int sig = 1; sig < NSIG; sig++)
        (void)signal(sig, SIG_DFL);
    for (unsigned i = 0; i < SU_ARRAY_LEN(ignored); i++)
        (void)signal(ignored[i], SIG_IGN);
    (void)setsid();
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1);
    (void)prctl(PR_SET_NAME, "splitup-keeper");
    bool away = chdir("/") == 0; /* else the folder cannot be unmounted meanwhile, no more */
    (void)away;
    /* Out of the way first: whoever called may have had 0 to 3 closed. */
    null = fcntl(null, F_DUPFD_CLOEXEC, 10);
    k->sock = fcntl(k->sock, F_DUPFD_CLOEXEC, 10);
    for (int fd = 0; fd < 3; fd++)
        (void)dup2(null, fd);
    (void)dup2(k->sock, 3);
    k->sock = 3;
    (void)fcntl(3, F_SETFD, FD_CLOEXEC);
    if (syscall(SYS_close_range, 4u, ~0u, 0u) != 0)
        for (int fd = 4; fd < 4096; fd++)
            (void)close(fd);
}

_Noreturn void super_keeper_run(struct super_keeper *k)
{
    sigset_t chld;

    settle(k);
    (void)sigemptyset(&chld);
    (void)sigaddset(&chld, SIGCHLD);
    (void)sigprocmask(SIG_SETMASK, &chld, NULL);
    struct pollfd p[3] = {{k->sock, POLLIN, 0},
                          {signalfd(-1, &chld, SFD_CLOEXEC | SFD_NONBLOCK), POLLIN, 0},
                          {(int)syscall(SYS_pidfd_open, k->parent, 0), POLLIN, 0}};
    if (getppid() != k->parent)
        _exit(0);
    int sys = mkdir(k->home, 0700) == 0 ? 0 : errno;
    note(k->sock, NOTE_HOME, 0, sys, 0);
    if (sys != 0)
        _exit(1);
    for (;;) {
        struct signalfd_siginfo info;

        /* Where there are no pidfds, the socket's end tells the same unless a fork holds it. */
        (void)poll(p, 3, 1000);
        while (p[1].fd >= 0 && read(p[1].fd, &info, sizeof info) > 0)
            ;
        (void)reap(k->sock);
        bool gone = (p[2].revents & POLLIN) != 0 || getppid() != k->parent;
        if (gone || (p[0].revents != 0 && !order_take(k)))
            end(k);
    }
}
