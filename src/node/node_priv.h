// SPDX-License-Identifier: MIT
#ifndef SU_NODE_PRIV_H
#define SU_NODE_PRIV_H

#include "abi/abi.h"
#include "base/base.h"
#include "beats.h"
#include "chain/chain.h"
#include "crypto/crypto.h"
#include "engine/engine.h"
#include "exchange.h"
#include "exec/exec.h"
#include "fault.h"
#include "http/http.h"
#include "node/node.h"
#include "peer/peer.h"
#include "store/store.h"
#include "wire/wire.h"
#include "json/json.h"

#include <pthread.h>

#define NODE_EXECUTIONS_MAX 256u
#define NODE_PARTS_MAX 128u /* threads that run a task of an execution */
#define NODE_CHECKS_MAX 8u /* threads that do a check */
#define NODE_SETTLE_MS 60000 /* after its start; then it offers what is loaded */
#define NODE_TAKEOVERS 16u /* that are told in the status */
#define NODE_CHECKED_MAX 64u /* checks that were done, and are still told of */
#define NODE_STALE_MS 30000 /* an execution that still has no part for us is forgotten */

/* ---- who runs here (here.c) ------------------------------------------------------------------ */

/* Takes the lock of node/run under home; *fd is kept open until node_here_leave. SU_EBUSY. */
SU_CHECK enum su_code node_here_take(const char *home, int *fd, struct su_err *e);
SU_CHECK enum su_code node_here_tell(int fd, const char *url, struct su_err *e);
void node_here_leave(int fd); /* -1 allowed */

/* ---- taking turns (turn.c) ------------------------------------------------------------------- */

/* A lock that goes to those who wait in the order of their coming, so that a long replay that lets go
   between dispatches delays nobody by more than one of them. */
struct node_turn {
    pthread_mutex_t lock;
    pthread_cond_t moved;
    uint64_t next, serving;
};
void node_turn_init(struct node_turn *t);
void node_turn_fini(struct node_turn *t);
void node_turn_take(struct node_turn *t);
void node_turn_give(struct node_turn *t);
/* Lets those go first who wait now. */
void node_turn_yield(struct node_turn *t);
void node_cond_init(pthread_cond_t *c); /* one that waits by the monotonic clock */
/* Waits up to ms; the lock is held before and after. */
void node_cond_wait_ms(pthread_cond_t *c, pthread_mutex_t *lock, uint32_t ms);

/* ---- sharing dispatches (batch.c) ------------------------------------------------------------ */

/* Rows of one execution for one dispatch. The caller fills the first group, for as long as
   node_batch_run takes. */
struct node_batch_item {
    const struct su_row *row; /* of one session */
    uint32_t n_row;
    const void *const *input;
    struct su_trace *trace;
    bool later; /* as in struct su_task_group */
    /* What of the result goes to others, into out[SU_PORTS_MAX]: what a dispatch gave is given away together, by
       the thread that led it, which asks the one after the other. The caller waits meanwhile. NULL: nothing
       goes to anybody. */
    enum su_code (*give)(void *ctx, struct su_task_result *result, struct su_flow_given *out,
                         uint32_t *n, struct su_err *e);
    void *ctx;

    struct su_task_result result; /* of these rows alone */
    uint64_t queue_us; /* the device had rows of others */
    uint64_t ran_ns; /* private, as all below: the device was done */
    uint8_t *copy;
    enum su_code rc;
    struct su_err e;
    bool done;
    struct node_batch_item *next;
};
enum { NODE_BATCH_SEEN = 64 };
struct node_batch_seen { /* of a session whose rows came */
    uint32_t session;
    bool waits, steps; /* steps: one at a time */
    uint64_t group; /* the dispatch that it went with; 0: none yet */
};
struct node_batch {
    pthread_mutex_t lock;
    pthread_cond_t arrived; /* enough to begin */
    /* By number of a session: an item is done, or the first and the device free. Here, so that they can be told
       without the lock, which whoever is woken wants. */
    pthread_cond_t moved[NODE_BATCH_SEEN];
    struct node_batch_item *first, **last; /* who wait */
    bool busy, lingers; /* one of those who came leads a dispatch; it waits for others */
    struct node_batch_seen seen[NODE_BATCH_SEEN];
    uint64_t groups; /* how many were formed */
    uint32_t n_wait, sessions; /* how many those are; sessions that are open */
    uint64_t last_ns; /* the last dispatch took */
    uint64_t dispatches, rows; /* since the task was loaded */
};
struct node_task;
void node_batch_init(struct node_batch *b);
void node_batch_fini(struct node_batch *b);
/* A session of the task was opened, +1, or closed, -1: no more than there are are waited for. */
void node_batch_sessions(struct node_batch *b, int change);
/* How many of n rows of a session that are there its next dispatch should have: all, or half of what the task
   takes while others go step by step, who wait less then, and have room beside them. UINT32_MAX: of a session
   that takes no part, as in a check. */
uint32_t node_batch_rows(struct node_task *t, uint32_t session, uint32_t n);
/* Waits for its turn, runs the rows, perhaps with those of others, and gives away what comes of it. Errors of
   su_task_run, give, su_flow_emit_all; finish the item in any case. */
SU_CHECK enum su_code node_batch_run(struct node_task *t, struct node_batch_item *item,
                                     struct su_err *e);
void node_batch_item_fini(struct node_batch_item *item);

/* ---- tasks on the device (preload.c) --------------------------------------------------------- */

/* A model whose package was fetched and is what the chain says. Kept until the node closes. */
struct node_model {
    uint8_t key[32];
    struct su_package *package;
    struct node_model *next;
};
enum node_task_state { NODE_TASK_FETCHING, NODE_TASK_LOADING, NODE_TASK_READY, NODE_TASK_FAILED };
/* A declared task. Everything changes under su_node_agent.lock but what `turn` guards; freed when it is
   undeclared and unused. */
struct node_task {
    uint8_t key[32], model_key[32];
    const struct node_model *model; /* NULL until fetched */
    uint16_t index;
    enum node_task_state state;
    bool declared;
    unsigned uses; /* threads that run it */
    uint64_t done_bytes, total_bytes, vram_bytes;
    char error[240];
    uint64_t retry_ns; /* FAILED: when to try again, monotonic; 0 = not */
    struct su_task *task; /* READY */
    struct su_task *other; /* the same on the second backend, once it was needed */
    struct node_turn turn, other_turn;
    struct node_batch batch;
    struct node_task *next;
};

/* ---- duties (duty.c) ------------------------------------------------------------------------- */

struct node_source { /* of an input of a task of ours, as the chain has it */
    bool external;
    bool fed; /* external, and from the step after the prompt what the task below has drawn */
    uint16_t task;
    uint8_t output, attempt;
    uint8_t identity[32]; /* zero: nobody has the task at present */
    char endpoint[SU_ENDPOINT_MAX + 1];
};
struct node_sink { /* a consumer of an output of ours */
    uint16_t task;
    uint8_t output;
    uint8_t identity[32];
    char endpoint[SU_ENDPOINT_MAX + 1];
};
/* What a thread must know of the chain, put together anew from each reading of the execution. */
struct node_view {
    uint8_t state, attempt; /* of the execution; of the task */
    uint16_t flags; /* of the task */
    bool assigned; /* PART: to us, in the attempt of this part */
    uint8_t due; /* CHECK: enum su_chain_due */
    bool mine; /* CHECK: it is we who are waited for */
    uint32_t steps, max_steps;
    bool generates; /* the model does */
    bool draws; /* and this task draws its tokens */
    uint64_t request_slot, epoch, deadline_slot, slot, macs_per_step, seed;
    uint8_t requestor[32], input_digest[32], model[32];
    uint8_t asserter[32], commit[32]; /* of the task */
    char asserter_endpoint[SU_ENDPOINT_MAX + 1];
    uint8_t n_source, n_output;
    struct node_source source[SU_PORTS_MAX];
    uint32_t n_sink;
    struct node_sink sink[SU_TASKS_MAX];
    uint8_t n_oracle;
    struct node_beats_to oracle[SU_ORACLES_MAX]; /* of the execution's epoch */
};

/* Where the time of a duty went. Of a PART the four from compute_us on add up to the time that its runs
   took, but for what hashing, signing and keeping took. */
struct node_times {
    uint64_t begun_ns; /* the assignment was seen, monotonic */
    uint64_t run_ns, wall_us; /* the run that goes on began, 0: none; those before it took */
    uint64_t compute_us; /* on the device, and drawing tokens */
    uint64_t queue_us; /* rows were there and the device had others */
    uint64_t wait_us; /* for inputs, while nothing was on its way */
    uint64_t network_us; /* for inputs, until the last output was acknowledged */
    uint64_t decode_us; /* of compute_us, of steps behind the prompt */
    uint64_t first_token_us, last_token_us; /* since begun_ns: tokens were drawn; 0: none */
};

struct su_node_agent;
struct node_execution;
enum node_duty_kind { NODE_PART, NODE_CHECK };
/* One thread's work in one execution: asserting a task (in one attempt), or checking one. Fields but
   the first group change under su_node_agent.lock. */
struct node_duty {
    struct su_node_agent *node;
    struct node_execution *execution;
    struct node_task *task;
    enum node_duty_kind kind;
    uint16_t index; /* of the task */
    uint8_t attempt; /* PART; CHECK: of the asserter */
    uint8_t number; /* CHECK: of the Check */
    struct su_ix_check_row row; /* CHECK: ours in the voted table */
    pthread_t thread;

    struct node_view view;
    uint64_t news; /* counts changes of the view */
    bool over; /* nothing more to do here: gone, replaced, or the node ends */
    bool stop; /* PART: the requestor wants its generation to end */
    bool promised; /* PART: everything is run, and holds nothing of the device any more */
    bool ended; /* the thread is done; it is to be joined */
    char state[16], error[160];
    uint32_t steps_done;
    struct node_times times;
    uint64_t compare_us; /* PART: to compute a step again before the promise */
    struct node_duty *next;
};

/* A task that another one had before; by the wall clock, 0: not yet. */
struct node_takeover {
    uint8_t execution[32];
    uint16_t task;
    uint8_t attempt;
    int64_t assigned_ms, rebuilt_ms; /* seen; everything was run that was there to be run */
    uint32_t steps; /* that were run by then */
};

/* A check that was done here, for those who ask what it cost. */
struct node_checked {
    uint8_t execution[32];
    uint16_t task;
    uint32_t steps;
    uint64_t compute_us;
};

/* Who may have what: the frames of a task's outputs, or of its inputs for a check. */
struct node_grant {
    uint8_t identity[32];
    uint16_t task;
    uint8_t purpose; /* enum su_wire_purpose */
};

/* An execution that is watched. Watch's thread adds and removes; lists change under su_node_agent.lock. */
struct node_execution {
    uint8_t key[32];
    uint64_t request_slot; /* 0 until it was read */
    struct su_buf grants; /* struct node_grant, one after the other */
    struct su_chain_case *seen; /* the last reading; watch's own */
    struct su_buf
        table; /* a TABLE frame whose roots are not known to be the voted ones, or empty */
    struct su_chain_voted voted; /* once it was found to fit; watch's own, as the next two */
    struct su_ix_check_row *rows;
    uint8_t (*nodes)[32];
    uint64_t since_ns, asked_ns; /* found; the table was asked for */
    uint64_t read_ns; /* when it was; 0: not, or somebody told of news since */
    bool entered, gone, involved;
    struct node_duty *duty;
    struct node_execution *next;
};

/* ---- the node -------------------------------------------------------------------------------- */

enum node_state { NODE_LOADING, NODE_READY, NODE_DRAINING, NODE_UNFIT };
struct su_node_agent {
    char home[3000], bind[64], url[128];
    char (*peers)[128];
    size_t n_peers;
    uint64_t vram_most, started_ns;
    enum su_node_wish (*wish)(void *ctx);
    void *wish_ctx;
    int here_fd;

    struct su_secret *secret; /* seed, public half */
    struct su_signer signer;
    uint8_t identity[32], owner[32];
    uint8_t conformance_root[32];
    struct su_exec *exec, *other; /* the device; the backend that answers are compared with */
    char device[256];
    struct su_store *store;
    struct su_chain *chain;
    struct su_peer_self *self;
    struct su_journal *journal;
    struct su_exchange *exchange;
    struct su_http_server *server;
    struct node_beats *beats;

    pthread_mutex_t lock; /* of everything below */
    pthread_cond_t wake; /* of watch and preload: there is something new */
    pthread_cond_t changed; /* of duties: news, over */
    struct su_chain_env env;
    struct su_params params; /* in force */
    uint8_t n_oracle;
    struct node_beats_to oracle[SU_ORACLES_MAX];
    struct su_acc_node account; /* the last reading of our own */
    uint64_t slot;
    bool unfit, draining, ending;
    uint64_t end_ns, drain_ns; /* ending, draining: since when */
    bool settled; /* every declared task was loaded or has failed, once */
    bool surveyed; /* draining: all executions that oracles know were looked at */
    unsigned surveys; /* tries of that; watch's own */
    bool relook; /* a notice came: read executions now */
    bool relist; /* the number of our reserves changed; watch's own */
    bool reload; /* declarations changed: preload must look */
    struct node_task *task;
    struct node_model *model; /* only preload adds */
    struct node_execution *execution;
    unsigned n_execution, n_part, n_check;
    struct node_checked checked[NODE_CHECKED_MAX]; /* the last ones, in turn */
    uint64_t n_checked; /* all of them */
    struct node_takeover takeover[NODE_TAKEOVERS]; /* the newest, in their order; they wrap */
    uint64_t n_takeover;
    uint64_t vram_used;
    pthread_t watch_thread, preload_thread;
    bool watching, preloading;
};

/* LOADING until a task is ready and the node has settled; lock held. */
enum node_state node_state_now(const struct su_node_agent *n);
uint32_t node_round_ms(const struct su_node_agent *n); /* of the config in force; lock held */
/* Whether what is under way should be broken off: asked by chain, http and store. ctx: the node. */
bool node_cancelled(void *ctx);
void node_log_err(enum su_log_level level, const char *what, const struct su_err *e);

/* preload.c: thread body, and what heartbeats and status need. */
void *node_preload_main(void *node);
/* The declared task of that address; lock held. NULL: none. */
struct node_task *node_task_find(struct su_node_agent *n, const uint8_t key[32]);
void node_tasks_free(struct su_node_agent *n);
/* Package and task for work, counted in uses; NULL unless READY. node_task_drop counts it down. */
struct node_task *node_task_use(struct su_node_agent *n, const uint8_t key[32]);
void node_task_drop(struct su_node_agent *n, struct node_task *t);

/* watch.c */
/* Before threads run: the cluster and our entry, then the executions that we have a part in. */
SU_CHECK enum su_code node_watch_cluster(struct su_node_agent *n, struct su_err *e);
SU_CHECK enum su_code node_watch_first(struct su_node_agent *n, struct su_err *e);
void *node_watch_main(void *node);
/* Somebody says that there is work for us in this execution; table: a TABLE frame, or NULL. Verified
   by watch before it is believed. SU_EBUSY: too many. */
SU_CHECK enum su_code node_watch_hint(struct su_node_agent *n, const uint8_t execution[32],
                                      const void *table, size_t table_bytes, struct su_err *e);
void node_executions_free(struct su_node_agent *n);

/* duty.c: what a reading of an execution means for us. */
void node_duties_look(struct su_node_agent *n, struct node_execution *x);
/* Ends all threads of it, and joins those that have ended; true when none is left. lock held. */
bool node_duties_end(struct su_node_agent *n, struct node_execution *x);
/* exchange's question. */
bool node_duty_may(void *node, const struct su_wire_want *w, const uint8_t asker[32]);
/* For the threads. Copies the view and its number of news; false: the duty is over. */
bool node_duty_view(struct node_duty *d, struct node_view *out, uint64_t *news);
/* Waits up to ms for news after that number. */
void node_duty_wait(struct node_duty *d, uint64_t news, uint32_t ms);
bool node_duty_over(void *duty);
/* The requestor's word that a generation is to end. SU_ENOENT: nothing of it is drawn here; SU_EACCES:
   he is not the requestor. */
SU_CHECK enum su_code node_duty_stop(struct su_node_agent *n, const struct su_wire_cancel *c,
                                     const uint8_t sender[32], struct su_err *e);
void node_duty_state(struct node_duty *d, const char *state);
void node_duty_error(struct node_duty *d, const struct su_err *e); /* logged when it is another */

/* executor.c, checks.c: bodies of their threads. */
void *node_part_main(void *duty);
void *node_check_main(void *duty);

/* input.c: the input container, from the exchange's journal or an oracle; decoded into *in, which
   points into buf. Errors of su_peer_input_get, su_input_decode. */
SU_CHECK enum su_code node_input_get(struct node_duty *d, const struct node_view *v,
                                     struct su_buf *buf, struct su_input *in, struct su_err *e);

/* commit.c */
struct node_commitment {
    uint32_t steps;
    uint8_t commit[32];
    struct su_ix_reveal reveal;
};
void node_salt(const struct su_node_agent *n, const uint8_t execution[32], uint16_t task,
               uint8_t attempt, uint8_t salt[32]);
void node_commitment_of(const struct node_duty *d, const struct node_view *v,
                        const struct su_trace_roots *roots, uint32_t steps, uint32_t inputs,
                        uint32_t outputs, struct node_commitment *out);
/* What was promised in this attempt; SU_ENOENT: nothing yet. */
SU_CHECK enum su_code node_commitment_read(const struct node_duty *d, struct node_commitment *out,
                                           struct su_err *e);
/* Writes it, and everything it depends on is on the disk when it returns. */
SU_CHECK enum su_code node_commitment_write(const struct node_duty *d,
                                            const struct node_commitment *c, struct su_err *e);
/* Sends what the chain waits for, once; errors of su_chain_send. */
SU_CHECK enum su_code node_send_commit(const struct node_duty *d, const struct node_view *v,
                                       const struct node_commitment *c, struct su_err *e);
SU_CHECK enum su_code node_send_reveal(const struct node_duty *d, const struct node_view *v,
                                       const struct node_commitment *c, struct su_err *e);
SU_CHECK enum su_code node_send_accept(const struct node_duty *d, const struct node_view *v,
                                       struct su_err *e);
SU_CHECK enum su_code node_send_post(const struct node_duty *d, const struct node_view *v,
                                     const uint8_t inputs[32], const uint8_t outputs[32],
                                     struct su_err *e);

/* selfcheck.c: recomputes one step of what was run, chosen by the salt, on the other backend.
   SU_ECONFORM: the two differ. input[k]: rows of all steps that have one; prompt: of a generation, else
   NULL. */
SU_CHECK enum su_code node_selfcheck(struct node_duty *d, const struct su_trace *trace,
                                     const void *const *input, const struct su_prompt *prompt,
                                     uint32_t steps, struct su_err *e);

/* server.c */
SU_CHECK enum su_code node_server_start(struct su_node_agent *n, uint16_t port, struct su_err *e);

#endif
