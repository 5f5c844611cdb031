// SPDX-License-Identifier: MIT
/* What the two sides of a network share: the protocol of the keeper's socket, and the state of the
   side that asked. */
#ifndef SU_SUPER_PRIV_H
#define SU_SUPER_PRIV_H

#include "super.h"

#include <limits.h>
#include <pthread.h>
#include <sys/types.h>

/* ---- the keeper ------------------------------------------------------------------------------ */

enum super_order_kind { ORDER_SPAWN = 1, ORDER_SIGNAL };
/* A spawn is followed by `bytes` of NUL-terminated strings: path, folder, argc arguments, envc
   variables; it carries the descriptors of stdout and stderr. */
struct super_order {
    uint32_t kind, id, argc, envc, bytes;
    int32_t sig;
};
enum super_note_kind { NOTE_HOME = 1, NOTE_SPAWNED, NOTE_ENDED };
struct super_note {
    uint32_t kind, id;
    int32_t value; /* errno of the home or the spawn, 0 = none; status as of waitpid */
    int32_t pid;
};

struct super_keeper {
    int sock; /* the keeper's end */
    pid_t parent;
    const char *home;
    bool keep_home;
    char *strings; /* SU_SUPER_ARGS_MAX_BYTES */
    char **pointers; /* one per argument and variable, and two NULL */
    size_t pointers_max;
};
/* The keeper's life; calls only what is safe in a fork of a process with threads. */
_Noreturn void super_keeper_run(struct super_keeper *k);
/* Removes a folder and all below it, following no link. False when something is left. */
bool super_tree_remove(const char *path);

/* ---- the network ----------------------------------------------------------------------------- */

#define SUPER_TAIL_LINES 5u
#define SUPER_TAIL_BYTES 200u

struct super_stream { /* of the network's thread */
    int fd; /* -1 once closed */
    size_t len;
    char line[SU_SUPER_LINE_MAX + 1];
};
struct super_child {
    char name[64];
    int stage;
    bool errand;
    void (*on_line)(void *ctx, unsigned id, enum su_super_stream stream, const char *line,
                    size_t n);
    void *ctx;
    int log_fd; /* -1 = none */
    struct super_stream streams[2];
    /* below: under the lock */
    pid_t pid;
    bool answered, ended, asked, first_done, first_cut;
    int spawn_errno, status;
    size_t first_len;
    char first[SU_SUPER_LINE_MAX + 1];
    unsigned tail_count;
    char tail[SUPER_TAIL_LINES][SUPER_TAIL_BYTES];
};
struct su_super {
    char home[PATH_MAX];
    uint32_t grace_ms;
    bool keep_home;
    pid_t keeper;
    int sock, wake;
    pthread_t thread;
    pthread_mutex_t send; /* one order at a time */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool lost, ending;
    unsigned n_children, n_ports;
    struct super_child *children[SU_SUPER_CHILDREN_MAX];
    int ports[SU_SUPER_PORTS_MAX];
};

/* Makes the network's thread look up from its poll. */
void super_wake(struct su_super *s);
/* The network's thread: notes of the keeper, lines of the children. */
void *super_watch(void *network);

#endif
