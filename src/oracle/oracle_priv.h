// SPDX-License-Identifier: MIT
#ifndef SU_ORACLE_PRIV_H
#define SU_ORACLE_PRIV_H

#include "oracle.h"

#include "fault.h"
#include "liveness.h"
#include "table.h"

#include "crypto/crypto.h"
#include "http/http.h"
#include "peer/peer.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
    ORA_WORKERS = 12, /* executions in hand at once */
    ORA_COURIERS = 6, /* posts to nodes at once */
    ORA_JUDGES = 2, /* disputes at once */
    ORA_EXECUTIONS_MAX = 4096,
    ORA_QUEUE_MAX = 512, /* posts waiting for one peer, or for nodes */
    ORA_LOOKUPS_MAX = 64,
    ORA_PAST = 8, /* values of a node's free stake */
    ORA_PEERS_MAX = 2 * SU_ORACLES_MAX,
    ORA_PROPOSALS = ORA_PEERS_MAX + 1, /* kept per execution: the last of each oracle */
    ORA_STEADY_ROUNDS = 3,
    ORA_STALL_ROUNDS = 3,
    ORA_HUNGRY_ROUNDS = 10, /* younger requests let it pass so long */
    ORA_LOSSES = 16, /* that are told in the status */
};

/* ---- bytes that several hold ------------------------------------------------------------------- */

struct ora_bytes {
    atomic_uint holders;
    size_t n;
    uint8_t data[];
};
/* A copy, held once; NULL without memory. */
struct ora_bytes *ora_bytes_of(const void *data, size_t n);
struct ora_bytes *ora_bytes_hold(struct ora_bytes *b);
void ora_bytes_drop(struct ora_bytes *b); /* NULL allowed */

/* ---- nodes -------------------------------------------------------------------------------------- */

/* A node's entry on chain as last read, and what its free stake was lately. */
struct ora_person {
    struct su_acc_node node;
    struct {
        uint64_t stake;
        int64_t until_ms;
    } past[ORA_PAST];
    unsigned n_past; /* values so far; they wrap */
    int64_t rests_ms; /* until then, since it was slashed */
    uint32_t rtt_ms;
};
struct ora_people {
    struct ora_person *person; /* ascending by identity */
    size_t n, cap;
    int64_t read_ms; /* when all of them were read */
    uint8_t lookup[ORA_LOOKUPS_MAX][32]; /* senders nobody knows, to be looked up */
    size_t n_lookup;
    struct { /* looked up, and not there */
        uint8_t identity[32];
        int64_t ms;
    } nobody[ORA_LOOKUPS_MAX];
    size_t next_nobody;
};

/* ---- peers and posts ---------------------------------------------------------------------------- */

struct ora_post {
    struct ora_post *next;
    struct ora_bytes *bytes;
    char endpoint[SU_ENDPOINT_MAX + 1];
    uint8_t to[32]; /* who must answer */
    bool input; /* bytes are the container of `execution`, not a frame */
    bool notice; /* tell the execution when it was acknowledged */
    uint8_t execution[32];
    uint32_t topic; /* of the notice */
};
struct ora_queue {
    pthread_mutex_t lock;
    pthread_cond_t more;
    struct ora_post *first, *last;
    size_t n;
};
struct ora_peer { /* another oracle */
    struct su_oracle *oracle;
    uint8_t key[32];
    char endpoint[SU_ENDPOINT_MAX + 1];
    int64_t heard_ms; /* last signed word of it; 0 never */
    struct ora_queue queue;
    pthread_t thread;
    bool running;
};

/* ---- executions --------------------------------------------------------------------------------- */

struct ora_proposal {
    uint8_t sender[32];
    uint32_t round;
    struct ora_bytes *frame; /* a verified TABLE */
};
struct ora_notice { /* what a node was told, or is to be told */
    uint8_t identity[32];
    uint32_t topic;
    uint64_t sent_ns;
    bool acknowledged;
};
enum { ORA_NOTICES = 256 };
struct ora_exec {
    uint8_t key[32];
    char name[SU_CHAIN_TEXT];
    /* Under the oracle's lock. */
    bool busy, poked;
    bool news; /* something has changed on chain, or will have: it must be read */
    bool calm; /* nothing is to be done but after a change or a deadline: a glance suffices */
    uint64_t next_ns, glanced_ns, glance_slot; /* the last glance at it, and its slot */
    atomic_bool has_input;
    struct ora_proposal proposal[ORA_PROPOSALS];
    struct ora_bytes *table; /* whose roots were voted; NULL: not known */
    struct ora_notice *notice;
    size_t n_notice;
    uint64_t submit_slot; /* once known */
    uint64_t hungry_ns; /* no stake was left for it then, first; 0: there was */
    /* Of the worker that has it. */
    struct su_chain_case seen;
    struct su_chain_glance *glance; /* of `seen`; set under the lock; NULL: not read yet */
    bool has_seen, acted; /* acted: something was done at the last look */
    uint64_t looked_ns; /* when `seen` was read */
    unsigned gone; /* times in a row that it was not there */
    struct su_ix_check_row *rows; /* of `table` */
    uint8_t (*nodes)[32];
    struct su_chain_voted voted;
    uint8_t voted_table[32], voted_assignment[32]; /* roots of rows and nodes */
    uint64_t asked_ns; /* peers for an input or a table */
    uint32_t proposed_round, tried_round; /* + 1; 0: never */
    uint64_t task_round[SU_TASKS_MAX]; /* + 1: of the last vote on the task */
    uint32_t prompt_steps; /* of its input; 0: not known */
};

/* ---- losses ------------------------------------------------------------------------------------- */

/* A node that was taken to have failed, and what came of it; by the wall clock, 0: not yet. */
struct ora_loss {
    uint8_t execution[32], node[32];
    uint16_t task;
    uint8_t attempt; /* that it had */
    const char *why;
    int64_t heard_ms, detected_ms; /* its last beat; when this oracle was sure */
    int64_t failed_ms, assigned_ms; /* on chain: it has failed; another has the task */
};

/* ---- the oracle --------------------------------------------------------------------------------- */

struct su_oracle {
    char home[4000], folder[4096], url[128], endpoint[SU_ENDPOINT_MAX + 1];
    struct su_oracle_options options;
    int run_fd;
    struct su_chain *chain;
    struct su_signer signer;
    struct su_secret *vrf_seed;
    uint8_t key[32];
    struct su_peer_self *self;
    struct su_http_server *server;
    atomic_bool stopping;
    int64_t born_ms;

    pthread_mutex_t lock; /* of all below */
    pthread_cond_t work; /* an execution is due, or the end */
    struct su_chain_env env;
    struct su_params params; /* in force */
    uint64_t slot, epoch;
    uint8_t committee[SU_ORACLES_MAX][32], n_committee; /* keys of the epoch's oracles */
    atomic_uint round_ms, tick_ms;
    bool in_epoch;
    struct liveness live;
    struct ora_people people;
    struct su_wire_guard *guard; /* of other oracles */
    struct ora_peer *peer[ORA_PEERS_MAX]; /* never removed */
    size_t n_peer;
    struct ora_exec *exec[ORA_EXECUTIONS_MAX];
    size_t n_exec;
    struct {
        uint8_t key[32];
        struct su_chain_model *model;
    } * model; /* never removed */
    size_t n_model;
    struct ora_job *job; /* disputes, as long as their executions */
    struct ora_progress *progress; /* tasks that are looked at, of probe.c */
    struct ora_loss loss[ORA_LOSSES]; /* the newest, in the order they came; they wrap */
    uint64_t n_loss;
    pthread_cond_t judging; /* there is a job, or the end */

    struct ora_queue nodes; /* posts to nodes */
};

bool ora_stopping(const struct su_oracle *o);
/* Number of this oracle in a config; false: it is none of it. */
bool ora_number(const struct su_oracle *o, const struct su_acc_config *c, uint8_t *number);

/* watcher.c */
void ora_nap(uint32_t ms);
/* Reads the epoch in force, and the entries of its oracles. */
SU_CHECK enum su_code ora_committee_read(struct su_oracle *o, struct su_err *e);
/* What a glance at an execution gave. Under the lock. */
void ora_glanced(struct su_oracle *o, const struct su_chain_glance *g, uint64_t slot);
void *ora_ticker(void *oracle);
void *ora_watcher(void *oracle);

/* people.c: all but the pure ones take the lock themselves. */
SU_CHECK enum su_code ora_people_list(struct su_oracle *o, struct su_err *e);
SU_CHECK enum su_code ora_people_refresh(struct su_oracle *o, int64_t older_ms, struct su_err *e);
void ora_people_lookup(struct su_oracle *o);
/* Under the lock. True: known not to be there; false: it will be looked up. */
bool ora_people_nobody(struct su_oracle *o, const uint8_t identity[32]);
struct ora_person *ora_person_of(struct su_oracle *o, const uint8_t identity[32]);
void ora_people_fini(struct ora_people *p);
/* The views for a model, ascending by identity: *view is malloc'ed. SU_ENOMEM. */
SU_CHECK enum su_code ora_people_views(struct su_oracle *o, const struct su_chain_model *model,
                                       const struct su_params *params, struct table_view **view,
                                       size_t *n, struct su_err *e);
/* A model and its tasks, loaded once. Lives as long as the oracle. */
SU_CHECK enum su_code ora_model_of(struct su_oracle *o, const uint8_t key[32],
                                   const struct su_chain_model **out, struct su_err *e);

/* outbox.c */
void ora_queue_init(struct ora_queue *q);
void ora_queue_fini(struct ora_queue *q);
void ora_queue_wake(struct ora_queue *q);
/* Under the lock. A peer by key, NULL: none. */
struct ora_peer *ora_peer_of(struct su_oracle *o, const uint8_t key[32]);
/* Makes it known, or its endpoint new; starts its thread. Under the lock. */
void ora_peer_know(struct su_oracle *o, const uint8_t key[32], const char *endpoint);
/* To every other oracle; frame NULL of no memory is nothing. */
void ora_tell_peers(struct su_oracle *o, struct ora_bytes *frame);
void ora_tell_peers_input(struct su_oracle *o, const uint8_t execution[32], struct ora_bytes *b);
/* Posts a frame to a node, once for each (execution, identity, topic) and again every second until
   it was acknowledged. */
void ora_notify(struct su_oracle *o, struct ora_exec *x, const uint8_t identity[32],
                const char *endpoint, uint32_t topic, struct ora_bytes *frame);
void *ora_courier(void *oracle);

/* execs.c */
/* Under the lock: finds or makes; NULL when there are too many. It is due at once. */
struct ora_exec *ora_exec_hear(struct su_oracle *o, const uint8_t key[32]);
struct ora_exec *ora_exec_find(struct su_oracle *o, const uint8_t key[32]);
void ora_exec_poke(struct su_oracle *o, struct ora_exec *x);
void ora_exec_news(struct su_oracle *o, struct ora_exec *x); /* poked, and to be read anew */
/* Under the lock: the newest proposal of its sender; held. */
void ora_exec_propose(struct ora_exec *x, const uint8_t sender[32], uint32_t round,
                      struct ora_bytes *frame);
void ora_exec_free(struct ora_exec *x);
/* Removes it and its folder. The caller has it; takes the lock. */
void ora_exec_end(struct su_oracle *o, struct ora_exec *x);
SU_CHECK enum su_code ora_exec_path(const struct su_oracle *o, const uint8_t key[32],
                                    const char *name, char out[4200], struct su_err *e);
SU_CHECK enum su_code ora_exec_keep(struct su_oracle *o, const uint8_t key[32], const char *name,
                                    const void *data, size_t n, struct su_err *e);
/* Takes up the folders of an earlier run and the executions on chain. */
SU_CHECK enum su_code ora_execs_resume(struct su_oracle *o, struct su_err *e);
void *ora_worker(void *oracle);

/* calm.c: when an execution need not be read. */
/* Nothing of it is to be done but after somebody's transaction that shows at a glance, or a deadline:
   both are noticed without reading it. */
bool ora_is_calm(const struct su_chain_case *c);
/* Whether the last reading will do: times of now, the reading, and the last glance that found
   nothing. */
struct ora_pace {
    bool calm, news, acted;
    uint64_t now_ns, looked_ns, glanced_ns;
    uint32_t tick_ms, round_ms;
};
bool ora_may_rest(const struct ora_pace *p);

/* step.c: looks at one execution and does what is to be done. Returns in how many ms again; the
   worker has x. */
uint32_t ora_step(struct su_oracle *o, struct ora_exec *x);
/* assigning.c: true when it voted. */
bool ora_assign(struct su_oracle *o, struct ora_exec *x, uint8_t number);
/* Slot and hash of the newest entry below `slot`. SU_ENOENT: there is none any more. */
SU_CHECK enum su_code ora_slot_hash(struct su_oracle *o, uint64_t slot, uint8_t hash[32],
                                    struct su_err *e);
/* running.c: true when it voted. */
bool ora_run_tasks(struct su_oracle *o, struct ora_exec *x, uint8_t number);
/* Whether what was read of an assignment belongs to what was read of its execution. */
bool ora_agrees(const struct su_chain_case *c, uint16_t task);
/* Whether its inputs are committed to and it has had its time, twice as long in each attempt. Of a
   generation: its end is known. */
bool ora_stalled(const struct su_chain_case *c, const struct su_acc_assignment *a);
/* Why the asserter of an assigned task is taken to have failed; NULL: it has not. */
const char *ora_failing(struct su_oracle *o, struct ora_exec *x, uint16_t task);
/* Once per round; false: it was said in this one already. */
bool ora_vote_task(struct su_oracle *o, struct ora_exec *x, uint8_t number, uint16_t task,
                   struct su_ix_vote_task *ix);
/* losses.c: what is told of nodes that were taken to have failed. All take the lock. */
void ora_loss_detected(struct su_oracle *o, const struct ora_exec *x, uint16_t task,
                       const char *why);
/* As the last reading of the execution has it. */
void ora_losses_follow(struct su_oracle *o, const struct ora_exec *x);

/* probe.c: bodies of threads that try endpoints, and that look at tasks. */
void *ora_prober(void *oracle);
void *ora_looker(void *oracle);
/* Whether an assigned task of a running generation has its inputs and gives nothing; from the first
   question on it is looked at. prompt: steps of the prompt, at least 1. Takes the lock. */
bool ora_hung(struct su_oracle *o, struct ora_exec *x, uint16_t task, uint32_t prompt);
void ora_progress_forget(struct su_oracle *o, const uint8_t execution[32]); /* under the lock */
void ora_progress_free(struct su_oracle *o); /* no thread runs any more */

/* send.c */
SU_CHECK enum su_code ora_send(struct su_oracle *o, struct su_chain_batch *b, struct su_err *e);
/* Tells the other oracles of a vote. */
void ora_tell_vote(struct su_oracle *o, const struct su_wire_vote *v);
struct su_chain_send_opts ora_send_opts(struct su_oracle *o);
void ora_hash(const struct su_part *parts, uint64_t n, uint8_t out[32]);

/* serve.c */
void ora_handle(void *oracle, const struct su_http_call *c, struct su_http_answer *a);

/* keys.c */
SU_CHECK enum su_code ora_vrf_seed(const char *home, struct su_secret **seed, struct su_err *e);

#endif
