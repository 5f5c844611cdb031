// SPDX-License-Identifier: MIT
#include "super_priv.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#define POINTERS_MAX 8192u
#define GRACE_MS 2000u
#define KILL_MS 10000u /* a killed process that has not ended by then hangs in the kernel */

/* ---- opening --------------------------------------------------------------------------------- */

static enum su_code home_name(const struct su_super_options *o, char *out, size_t cap,
                              struct su_err *e)
{
    const char *dir = o->dir != NULL ? o->dir : getenv("TMPDIR");
    char real[PATH_MAX], name[128], hex[17];
    uint8_t random[8];

    if (o->name == NULL || o->name[0] == 0 || o->name[0] == '.' || strchr(o->name, '/') != NULL ||
        strlen(o->name) > 64)
        return su_fail(e, SU_EINVAL, o->name,
                       "a network's name has 1 to 64 characters, no '/', no '.' in front");
    if (dir == NULL || dir[0] == 0)
        dir = "/tmp";
    if (realpath(dir, real) == NULL)
        return su_fail_sys(e, errno, dir, "cannot make a temporary home there");
    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
        return su_fail_sys(e, errno, "getrandom", "no random name for the temporary home");
    (void)su_hex_encode(random, sizeof random, hex, sizeof hex);
    (void)snprintf(name, sizeof name, "%s-%s", o->name, hex);
    return su_path_join(out, cap, real, name, e);
}

/* Forks the keeper and hears what became of the home. */
static enum su_code keeper_start(struct su_super *s, struct super_keeper *k, struct su_err *e)
{
    struct super_note note = {0};
    int pair[2];
    sigset_t all, before;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return su_fail_sys(e, errno, s->home, "cannot make a socket for the keeper");
    k->sock = pair[1];
    k->parent = getpid();
    k->home = s->home;
    k->keep_home = s->keep_home;
    k->pointers_max = POINTERS_MAX;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before); /* no handler of ours runs in the keeper */
    s->keeper = fork();
    if (s->keeper == 0)
        super_keeper_run(k);
    int sys = errno;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)close(pair[1]);
    s->sock = pair[0];
    if (s->keeper < 0)
        return su_fail_sys(e, sys, s->home, "cannot fork the keeper");
    ssize_t n;
    do
        n = recv(s->sock, &note, sizeof note, MSG_WAITALL);
    while (n < 0 && errno == EINTR);
    if (n == (ssize_t)sizeof note && note.value == 0)
        return SU_OK;
    (void)waitpid(s->keeper, NULL, 0);
    s->keeper = -1;
    return n == (ssize_t)sizeof note
               ? su_fail_sys(e, note.value, s->home, "cannot make the temporary home")
               : su_fail(e, SU_EIO, s->home, "the keeper died at its start");
}

static enum su_code thread_start(struct su_super *s, struct su_err *e)
{
    sigset_t all, before;

    s->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (s->wake < 0)
        return su_fail_sys(e, errno, s->home, "cannot make an eventfd");
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int sys = pthread_create(&s->thread, NULL, super_watch, s);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return sys == 0 ? SU_OK : su_fail_sys(e, sys, s->home, "cannot start the network's thread");
}

/* Releases everything but the thread; the keeper ends when it sees the socket closed. */
static bool network_free(struct su_super *s)
{
    int status = 0;
    bool clean = true;

    if (s->sock >= 0)
        (void)close(s->sock);
    if (s->keeper > 0) {
        pid_t got;
        do
            got = waitpid(s->keeper, &status, 0);
        while (got < 0 && errno == EINTR);
        clean = got == s->keeper && WIFEXITED(status) && WEXITSTATUS(status) == 0;
        if (!clean && !s->keep_home)
            (void)super_tree_remove(s->home);
    }
    if (s->wake >= 0)
        (void)close(s->wake);
    for (unsigned i = 0; i < s->n_ports; i++)
        (void)close(s->ports[i]);
    for (unsigned i = 0; i < s->n_children; i++) {
        for (unsigned which = 0; which < 2; which++)
            if (s->children[i]->streams[which].fd >= 0)
                (void)close(s->children[i]->streams[which].fd);
        if (s->children[i]->log_fd >= 0)
            (void)close(s->children[i]->log_fd);
        free(s->children[i]);
    }
    (void)pthread_cond_destroy(&s->changed);
    (void)pthread_mutex_destroy(&s->lock);
    (void)pthread_mutex_destroy(&s->send);
    free(s);
    return clean;
}

enum su_code su_super_open(const struct su_super_options *o, struct su_super **out,
                           struct su_err *e)
{
    struct su_super *s = su_try_alloc(1, sizeof *s);
    struct super_keeper k = {.strings = su_try_alloc(1, SU_SUPER_ARGS_MAX_BYTES),
                             .pointers = su_try_alloc(POINTERS_MAX + 2, sizeof(char *))};
    pthread_condattr_t attr;
    enum su_code c = SU_ENOMEM;

    *out = NULL;
    if (s == NULL || k.strings == NULL || k.pointers == NULL) {
        (void)su_fail(e, c, o->name, "not enough memory for a network of processes");
        free(s);
        s = NULL;
    } else {
        s->sock = s->wake = -1;
        s->keeper = -1;
        s->grace_ms = o->grace_ms != 0 ? o->grace_ms : GRACE_MS;
        s->keep_home = o->keep_home;
        (void)pthread_mutex_init(&s->send, NULL);
        (void)pthread_mutex_init(&s->lock, NULL);
        (void)pthread_condattr_init(&attr);
        (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
        (void)pthread_cond_init(&s->changed, &attr);
        (void)pthread_condattr_destroy(&attr);
        c = home_name(o, s->home, sizeof s->home, e);
        if (c == SU_OK)
            c = keeper_start(s, &k, e);
        if (c == SU_OK)
            c = thread_start(s, e);
    }
    free(k.strings);
    free(k.pointers);
    if (c == SU_OK)
        *out = s;
    else if (s != NULL)
        (void)network_free(s);
    return c;
}

const char *su_super_home(const struct su_super *s)
{
    return s->home;
}

enum su_code su_super_port(struct su_super *s, uint16_t *port, struct su_err *e)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;
    const int yes = 1;
    enum su_code c = SU_OK;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0 ||
        bind(fd, (struct sockaddr *)&a, n) != 0 || getsockname(fd, (struct sockaddr *)&a, &n) != 0)
        c = su_fail_sys(e, errno, "127.0.0.1", "cannot reserve a free port");
    (void)pthread_mutex_lock(&s->lock);
    if (c == SU_OK && s->n_ports == SU_SUPER_PORTS_MAX)
        c = su_fail(e, SU_ELIMIT, s->home, "a network reserves at most %u ports",
                    SU_SUPER_PORTS_MAX);
    else if (c == SU_OK)
        s->ports[s->n_ports++] = fd;
    (void)pthread_mutex_unlock(&s->lock);
    if (c != SU_OK && fd >= 0)
        (void)close(fd);
    if (c == SU_OK)
        *port = ntohs(a.sin_port);
    return c;
}

/* ---- waiting --------------------------------------------------------------------------------- */

static void until_ms(struct timespec *t, uint32_t ms)
{
    (void)clock_gettime(CLOCK_MONOTONIC, t);
    t->tv_sec += (time_t)(ms / 1000);
    t->tv_nsec += (long)(ms % 1000) * 1000000;
    if (t->tv_nsec >= 1000000000) {
        t->tv_nsec -= 1000000000;
        t->tv_sec++;
    }
}

/* The child, or NULL and *e. Under the lock. */
static struct super_child *child_of(const struct su_super *s, unsigned id, struct su_err *e)
{
    if (id < s->n_children)
        return s->children[id];
    (void)su_fail(e, SU_EINVAL, s->home, "no child %u: %u were started", id, s->n_children);
    return NULL;
}

static int end_status(const struct super_child *c)
{
    return WIFSIGNALED(c->status) ? -WTERMSIG(c->status) : WEXITSTATUS(c->status);
}

/* SU_EIO with how the child ended and what it said last. Under the lock. */
static enum su_code end_report(const struct super_child *c, const char *when, struct su_err *e)
{
    char text[SUPER_TAIL_LINES * (SUPER_TAIL_BYTES + 3) + 1];
    unsigned n = SU_MIN(c->tail_count, SUPER_TAIL_LINES);
    size_t at = 0;
    int status = end_status(c);

    text[0] = 0;
    for (unsigned i = 0; i < n; i++) {
        const char *line = c->tail[(c->tail_count - n + i) % SUPER_TAIL_LINES];
        at += (size_t)snprintf(text + at, sizeof text - at, "%s%s", i > 0 ? " | " : "", line);
    }
    const char *last = at > 300 ? text + at - 300 : text; /* the end says most */
    return su_fail(e, SU_EIO, c->name, "ended %swith %s %d; stderr: %s", when,
                   status < 0 ? "signal" : "status", status < 0 ? -status : status,
                   n > 0 ? last : "nothing");
}

enum su_code su_super_ready(struct su_super *s, unsigned id, uint32_t timeout_ms, char *line,
                            size_t cap, struct su_err *e)
{
    struct timespec until;
    enum su_code code = SU_OK;
    int sys = 0;

    until_ms(&until, timeout_ms);
    (void)pthread_mutex_lock(&s->lock);
    struct super_child *c = child_of(s, id, e);
    while (c != NULL && !c->first_done && !c->ended && sys == 0)
        sys = pthread_cond_timedwait(&s->changed, &s->lock, &until);
    if (c == NULL)
        code = SU_EINVAL;
    else if (!c->first_done && c->ended)
        code = end_report(c, "before it was ready, ", e);
    else if (!c->first_done)
        code = su_fail(e, SU_ETIMEOUT, c->name, "not ready after %u ms: it wrote no line to stdout",
                       timeout_ms);
    else if (c->first_cut || c->first_len >= cap)
        code = su_fail(e, SU_ELIMIT, c->name, "first line of stdout is longer than %zu bytes",
                       c->first_cut ? (size_t)SU_SUPER_LINE_MAX : cap - 1);
    else if (c->first_len < 2 || c->first[0] != '{' || c->first[c->first_len - 1] != '}' ||
             strlen(c->first) != c->first_len)
        code = su_fail(e, SU_EFORMAT, c->name, "first line of stdout is no JSON object: \"%.60s\"",
                       c->first);
    else
        memcpy(line, c->first, c->first_len + 1);
    (void)pthread_mutex_unlock(&s->lock);
    return code;
}

enum su_code su_super_wait(struct su_super *s, unsigned id, uint32_t timeout_ms,
                           struct su_super_end *end, struct su_err *e)
{
    struct timespec until;
    enum su_code code = SU_OK;
    int sys = 0;

    until_ms(&until, timeout_ms);
    (void)pthread_mutex_lock(&s->lock);
    struct super_child *c = child_of(s, id, e);
    while (c != NULL && !c->ended && sys == 0)
        sys = pthread_cond_timedwait(&s->changed, &s->lock, &until);
    if (c == NULL)
        code = SU_EINVAL;
    else if (!c->ended)
        code = su_fail(e, SU_ETIMEOUT, c->name, "still runs after %u ms", timeout_ms);
    else
        *end = (struct su_super_end){end_status(c), c->asked};
    (void)pthread_mutex_unlock(&s->lock);
    return code;
}

enum su_code su_super_check(struct su_super *s, struct su_err *e)
{
    enum su_code code = SU_OK;

    (void)pthread_mutex_lock(&s->lock);
    for (unsigned i = 0; i < s->n_children && code == SU_OK; i++) {
        const struct super_child *c = s->children[i];
        bool done = c->errand && c->ended && end_status(c) == 0;
        if (c->ended && !c->asked && !done && c->spawn_errno == 0)
            code = end_report(c, "", e);
    }
    (void)pthread_mutex_unlock(&s->lock);
    return code;
}

int32_t su_super_pid(const struct su_super *s, unsigned id)
{
    struct su_super *locked = (struct su_super *)(uintptr_t)s;
    int32_t pid = 0;

    (void)pthread_mutex_lock(&locked->lock);
    if (id < s->n_children)
        pid = s->children[id]->pid;
    (void)pthread_mutex_unlock(&locked->lock);
    return pid;
}

/* ---- stopping -------------------------------------------------------------------------------- */

enum su_code su_super_signal(struct su_super *s, unsigned id, int sig, struct su_err *e)
{
    struct super_order o = {.kind = ORDER_SIGNAL, .id = id, .sig = sig};

    if (sig <= 0 || sig >= NSIG)
        return su_fail(e, SU_EINVAL, s->home, "%d is no signal", sig);
    (void)pthread_mutex_lock(&s->lock);
    struct super_child *c = child_of(s, id, e);
    bool ended = c != NULL && c->ended, lost = s->lost;
    if (c != NULL && !ended &&
        (sig == SIGTERM || sig == SIGINT || sig == SIGHUP || sig == SIGQUIT || sig == SIGKILL))
        c->asked = true;
    (void)pthread_mutex_unlock(&s->lock);
    if (c == NULL)
        return SU_EINVAL;
    if (ended)
        return SU_OK;
    (void)pthread_mutex_lock(&s->send);
    bool sent = !lost && send(s->sock, &o, sizeof o, MSG_NOSIGNAL) == (ssize_t)sizeof o;
    (void)pthread_mutex_unlock(&s->send);
    return sent ? SU_OK : su_fail(e, SU_EIO, c->name, "the network's keeper is gone");
}

enum su_code su_super_stop(struct su_super *s, unsigned id, struct su_err *e)
{
    struct su_super_end end;
    enum su_code c = su_super_signal(s, id, SIGTERM, e);

    if (c == SU_OK && su_super_wait(s, id, s->grace_ms, &end, NULL) != SU_OK) {
        c = su_super_signal(s, id, SIGKILL, e);
        if (c == SU_OK && su_super_wait(s, id, KILL_MS, &end, e) != SU_OK)
            c = su_fail(e, SU_EIO, s->children[id]->name, "killed, and has not ended");
    }
    return c;
}

/* Signals every child of the stage that runs, then waits for all of them. */
static bool stage_signal(struct su_super *s, int stage, int sig, uint32_t wait_ms)
{
    uint64_t start = su_clock_mono_ns();
    struct su_super_end end;
    bool all = true;

    for (unsigned i = 0; i < s->n_children; i++)
        if (s->children[i]->stage == stage && su_super_signal(s, i, sig, NULL) != SU_OK)
            all = false;
    for (unsigned i = 0; i < s->n_children; i++) {
        uint64_t gone = (su_clock_mono_ns() - start) / 1000000;
        uint32_t left = gone >= wait_ms ? 0 : wait_ms - (uint32_t)gone;
        if (s->children[i]->stage == stage)
            all = su_super_wait(s, i, left, &end, NULL) == SU_OK && all;
    }
    return all;
}

enum su_code su_super_close(struct su_super *s, struct su_err *e)
{
    char home[128];
    int64_t below = INT64_MAX;

    if (s == NULL)
        return SU_OK;
    for (;;) {
        int64_t stage = INT64_MIN;
        for (unsigned i = 0; i < s->n_children; i++)
            if (s->children[i]->stage < below && s->children[i]->stage > stage)
                stage = s->children[i]->stage;
        if (stage == INT64_MIN)
            break;
        if (!stage_signal(s, (int)stage, SIGTERM, s->grace_ms))
            (void)stage_signal(s, (int)stage, SIGKILL, KILL_MS);
        below = stage;
    }
    (void)pthread_mutex_lock(&s->lock);
    s->ending = true;
    (void)pthread_mutex_unlock(&s->lock);
    super_wake(s);
    (void)pthread_join(s->thread, NULL);
    (void)su_str_copy(home, sizeof home, s->home);
    if (network_free(s))
        return SU_OK;
    return su_fail(e, SU_EIO, home,
                   "not everything could be stopped and removed: look for processes of this home");
}
