// SPDX-License-Identifier: MIT
/* super: a private network of child processes under one temporary home, gone when it ends, however
   it ends.

   su_super_open forks a keeper, a small process in a session of its own that does nothing but make
   the home, start the children, pass signals on and report their ends. It is a subreaper: whatever
   a child starts, in a group or session of its own or not, ends up as the keeper's child. When this
   process closes the network or dies, by SIGKILL too, the keeper sees its socket close, kills
   everything below it until nothing is left, and removes the home. Each child leads its own process
   group, has no terminal and /dev/null as input, and is killed by the kernel should the keeper die
   first (PR_SET_PDEATHSIG, which follows the thread that forked: one more reason for a keeper of a
   single thread). What neither survives is SIGKILL to both at once: then grandchildren and the home
   remain. Nothing is ever restarted.

   One thread per network reads the children's output. All functions but su_super_close may be
   called from any thread. Linux only. */
#ifndef SU_SUPER_H
#define SU_SUPER_H

#include "base/base.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SU_SUPER_CHILDREN_MAX 256u
#define SU_SUPER_LINE_MAX 4096u /* bytes of a line; a longer one comes in pieces */
#define SU_SUPER_ARGS_MAX_BYTES (256u << 10) /* path, arguments and environment of one child */
#define SU_SUPER_PORTS_MAX 256u

struct su_super;

struct su_super_options {
    const char *name; /* the home is DIR/NAME-<random>; no '/' in it */
    const char *dir; /* NULL: $TMPDIR, else /tmp */
    uint32_t grace_ms; /* between SIGTERM and SIGKILL; 0 = 2000 */
    bool keep_home; /* leave the home when all is over */
};

/* Makes the home (0700) and the keeper. Assumes that nobody waits for any child (waitpid(-1)) nor
   ignores SIGCHLD in this process. SU_EINVAL: name; SU_ELIMIT: path too long; SU_ENOENT, SU_EACCES,
   SU_ENOSPC and the like: the home cannot be made; SU_ENOMEM, SU_EIO. On failure *out is NULL. */
SU_CHECK enum su_code su_super_open(const struct su_super_options *o, struct su_super **out,
                                    struct su_err *e);
/* The home's absolute path, valid until su_super_close. */
const char *su_super_home(const struct su_super *s);
/* A free port of 127.0.0.1, held until su_super_close by a socket that is bound and does not
   listen: the kernel gives it to nobody who asks for any port, and a child whose listener sets
   SO_REUSEADDR can bind it. A child that binds port 0 itself and tells the port in its first line
   needs none of this. SU_ELIMIT: SU_SUPER_PORTS_MAX held; SU_EIO. */
SU_CHECK enum su_code su_super_port(struct su_super *s, uint16_t *port, struct su_err *e);

enum su_super_stream { SU_SUPER_STDOUT = 1, SU_SUPER_STDERR = 2 };

struct su_super_spec { /* copied */
    const char *name; /* in messages: "oracle 2" */
    const char *const *argv; /* ends with NULL; argv[0] without '/' is looked up in $PATH */
    const char *const *env; /* "NAME=value" over this process's environment; NULL = none */
    const char *dir; /* working directory; NULL = the home */
    const char *log_path; /* both streams are appended to it (0600); NULL = none */
    /* Each line without its end, NULL = none. On the network's thread: be quick, and of this
       module's functions call none that waits. */
    void (*on_line)(void *ctx, unsigned id, enum su_super_stream stream, const char *line,
                    size_t n);
    void *ctx;
    int stage; /* stopped together; higher stages go first */
    bool errand; /* meant to end by itself: with status 0 that is nothing to su_super_check */
};

/* Starts a child: when this returns SU_OK its program runs. *id counts from 0. SU_EINVAL: no
   argv[0], or '=' missing in env; SU_ELIMIT: SU_SUPER_CHILDREN_MAX, failed starts counted, or
   SU_SUPER_ARGS_MAX_BYTES; SU_ENOENT, SU_EACCES and the like: not executable, or log or directory;
   SU_EIO: keeper lost. */
SU_CHECK enum su_code su_super_spawn(struct su_super *s, const struct su_super_spec *spec,
                                     unsigned *id, struct su_err *e);
/* Waits until the child has written its first line to stdout, which must look like a JSON object
   ('{' to '}'), and copies it into line[cap]. May be asked again. SU_ETIMEOUT; SU_EFORMAT: another
   kind of line; SU_ELIMIT: it is longer than SU_SUPER_LINE_MAX or cap; SU_EIO: the child ended
   before, the message tells its status and its last lines of stderr; SU_EINVAL: no such child. */
SU_CHECK enum su_code su_super_ready(struct su_super *s, unsigned id, uint32_t timeout_ms,
                                     char *line, size_t cap, struct su_err *e);

struct su_super_end {
    int status; /* exit status, or -signal */
    bool asked; /* it was told to stop, by su_super_stop, su_super_signal or su_super_close */
};
/* Waits until the child has ended. SU_ETIMEOUT (0 asks without waiting); SU_EINVAL. */
SU_CHECK enum su_code su_super_wait(struct su_super *s, unsigned id, uint32_t timeout_ms,
                                    struct su_super_end *end, struct su_err *e);
/* SU_EIO when any child ended without being asked to: its name, status and last lines of stderr
   are in the message. Does not wait. */
SU_CHECK enum su_code su_super_check(struct su_super *s, struct su_err *e);
/* Sends a signal to the child's process group. Of SIGTERM, SIGINT, SIGHUP, SIGQUIT and SIGKILL the
   end counts as asked for. A child that has ended is left alone: SU_OK. SU_EINVAL; SU_EIO. */
SU_CHECK enum su_code su_super_signal(struct su_super *s, unsigned id, int sig, struct su_err *e);
/* SIGTERM, up to grace_ms, SIGKILL; returns when it has ended. SU_EINVAL; SU_EIO. */
SU_CHECK enum su_code su_super_stop(struct su_super *s, unsigned id, struct su_err *e);
/* Process id, which must not be signalled after its end; 0 when there is no such child. */
int32_t su_super_pid(const struct su_super *s, unsigned id);

/* Stops all children as su_super_stop does, stage by stage, then everything they left behind, and
   removes the home. Frees s, whatever is returned. SU_EIO: something could not be killed or
   removed. NULL: SU_OK. */
enum su_code su_super_close(struct su_super *s, struct su_err *e);

#endif
