// SPDX-License-Identifier: MIT
#include "super_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

extern char **environ;

/* argv[0] itself, or the first executable of that name in $PATH. */
static enum su_code program_find(const char *name, char *out, size_t cap, struct su_err *e)
{
    const char *at = getenv("PATH");

    if (strchr(name, '/') != NULL) {
        if (su_str_copy(out, cap, name))
            return SU_OK;
        return su_fail(e, SU_ELIMIT, name, "path longer than %zu bytes", cap - 1);
    }
    while (at != NULL && *at != 0) {
        size_t n = strcspn(at, ":");
        if (n > 0 && snprintf(out, cap, "%.*s/%s", (int)n, at, name) < (int)cap &&
            access(out, X_OK) == 0)
            return SU_OK;
        at += n + (at[n] == ':');
    }
    return su_fail(e, SU_ENOENT, name, "no such program in $PATH");
}

static bool overridden(const char *var, const char *const *env)
{
    for (size_t i = 0; env != NULL && env[i] != NULL; i++) {
        size_t n = strcspn(env[i], "=") + 1;
        if (strncmp(var, env[i], n) == 0)
            return true;
    }
    return false;
}

static void string_put(struct su_buf *b, const char *s)
{
    su_buf_put(b, s, strlen(s) + 1);
}

/* The strings of a spawn order, and its counts. */
static enum su_code strings_put(const struct su_super *s, const struct su_super_spec *spec,
                                struct super_order *o, struct su_buf *b, struct su_err *e)
{
    char path[PATH_MAX];

    if (spec->argv == NULL || spec->argv[0] == NULL || spec->argv[0][0] == 0)
        return su_fail(e, SU_EINVAL, spec->name, "no program to start");
    enum su_code c = program_find(spec->argv[0], path, sizeof path, e);
    if (c != SU_OK)
        return c;
    string_put(b, path);
    string_put(b, spec->dir != NULL ? spec->dir : s->home);
    for (; spec->argv[o->argc] != NULL; o->argc++)
        string_put(b, spec->argv[o->argc]);
    for (size_t i = 0; environ != NULL && environ[i] != NULL; i++) {
        if (!overridden(environ[i], spec->env)) {
            string_put(b, environ[i]);
            o->envc++;
        }
    }
    for (size_t i = 0; spec->env != NULL && spec->env[i] != NULL; i++, o->envc++) {
        const char *eq = strchr(spec->env[i], '=');
        if (eq == NULL || eq == spec->env[i])
            return su_fail(e, SU_EINVAL, spec->env[i], "a variable is NAME=value");
        string_put(b, spec->env[i]);
    }
    o->bytes = (uint32_t)b->len;
    return su_buf_check(b, spec->name, e);
}

static void child_free(struct super_child *c, const int theirs[2])
{
    for (unsigned i = 0; i < 2; i++) {
        if (theirs[i] >= 0)
            (void)close(theirs[i]);
        if (c->streams[i].fd >= 0)
            (void)close(c->streams[i].fd);
    }
    if (c->log_fd >= 0)
        (void)close(c->log_fd);
    free(c);
}

/* A child with its log and its pipes, of which theirs[] is the far side. */
static enum su_code child_make(const struct su_super_spec *spec, struct super_child **out,
                               int theirs[2], struct su_err *e)
{
    struct super_child *c = su_try_alloc(1, sizeof *c);
    int pair[2];

    if (c == NULL)
        return su_fail(e, SU_ENOMEM, spec->name, "not enough memory for one more child");
    (void)su_str_copy(c->name, sizeof c->name, spec->name != NULL ? spec->name : spec->argv[0]);
    c->stage = spec->stage;
    c->errand = spec->errand;
    c->on_line = spec->on_line;
    c->ctx = spec->ctx;
    c->log_fd = c->streams[0].fd = c->streams[1].fd = theirs[0] = theirs[1] = -1;
    if (spec->log_path != NULL) {
        c->log_fd = open(spec->log_path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
        if (c->log_fd < 0) {
            int sys = errno;
            child_free(c, theirs);
            return su_fail_sys(e, sys, spec->log_path, "cannot open the log of a child");
        }
    }
    for (unsigned i = 0; i < 2; i++) {
        if (pipe2(pair, O_CLOEXEC) != 0) {
            int sys = errno;
            child_free(c, theirs);
            return su_fail_sys(e, sys, spec->name, "cannot make a pipe for the output");
        }
        (void)fcntl(pair[0], F_SETFL, O_NONBLOCK);
        c->streams[i].fd = pair[0];
        theirs[i] = pair[1];
    }
    *out = c;
    return SU_OK;
}

/* The whole order, with the descriptors at its first byte. */
static bool order_send(int sock, const struct super_order *o, const struct su_buf *b,
                       const int theirs[2])
{
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(2 * sizeof(int))] = {0};
    struct super_order copy = *o;
    struct iovec io = {&copy, sizeof copy};
    struct msghdr m = {
        .msg_iov = &io, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);

    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(2 * sizeof(int));
    memcpy(CMSG_DATA(c), theirs, 2 * sizeof(int));
    ssize_t n = sendmsg(sock, &m, MSG_NOSIGNAL);
    for (size_t at = 0; n > 0 && at < b->len;) {
        n = send(sock, b->data + at, b->len - at, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            n = 1;
        else if (n > 0)
            at += (size_t)n;
    }
    return n > 0;
}

/* Gives the child its number, sends the order and waits for the answer. Owns c from here. */
static enum su_code child_order(struct su_super *s, struct super_child *c, struct super_order *o,
                                const struct su_buf *b, const int theirs[2], struct su_err *e)
{
    enum su_code code = SU_OK;

    (void)pthread_mutex_lock(&s->lock);
    if (s->lost || s->n_children == SU_SUPER_CHILDREN_MAX) {
        code = s->lost ? su_fail(e, SU_EIO, c->name, "the network's keeper is gone")
                       : su_fail(e, SU_ELIMIT, c->name, "a network has at most %u children",
                                 SU_SUPER_CHILDREN_MAX);
        (void)pthread_mutex_unlock(&s->lock);
        child_free(c, theirs);
        return code;
    }
    o->id = s->n_children;
    s->children[s->n_children++] = c;
    (void)pthread_mutex_unlock(&s->lock);
    (void)pthread_mutex_lock(&s->send);
    bool sent = order_send(s->sock, o, b, theirs);
    (void)pthread_mutex_unlock(&s->send);
    (void)close(theirs[0]);
    (void)close(theirs[1]);
    super_wake(s);
    (void)pthread_mutex_lock(&s->lock);
    while (sent && !c->answered)
        (void)pthread_cond_wait(&s->changed, &s->lock);
    if (!sent || (s->lost && c->pid == 0)) {
        c->ended = c->asked = true;
        code = su_fail(e, SU_EIO, c->name, "the network's keeper is gone");
    } else if (c->spawn_errno != 0) {
        code = su_fail_sys(e, c->spawn_errno, c->name, "cannot start %s", (const char *)b->data);
    }
    (void)pthread_mutex_unlock(&s->lock);
    return code;
}

enum su_code su_super_spawn(struct su_super *s, const struct su_super_spec *spec, unsigned *id,
                            struct su_err *e)
{
    struct super_order o = {.kind = ORDER_SPAWN};
    struct super_child *child = NULL;
    struct su_buf b;
    int theirs[2];

    su_buf_init(&b, SU_SUPER_ARGS_MAX_BYTES);
    enum su_code c = strings_put(s, spec, &o, &b, e);
    if (c == SU_OK)
        c = child_make(spec, &child, theirs, e);
    if (c == SU_OK)
        c = child_order(s, child, &o, &b, theirs, e);
    if (c == SU_OK)
        *id = o.id;
    su_buf_fini(&b);
    return c;
}
