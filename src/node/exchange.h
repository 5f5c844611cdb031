// SPDX-License-Identifier: MIT
/* Everything about frames on a node, knowing neither chain nor devices: who is who comes from the
   caller. One exchange per node.

   A flow is what one output of one task gave in one attempt of an execution: rows of consecutive
   steps in frames that its producer signed. On the producer's node it is filled by su_flow_emit and
   sent to the consumers (su_flow_send); on a consumer's node by frames that come (su_exchange_take) or
   are fetched (su_flow_fetch). Both are the same flow when producer and consumer are on one node: rows
   then pass without a call. Frames live in the journal, so a restart finds them (su_flow_open) and
   memory holds 32 bytes a step and an index.

   A producer that signs two different rows of one step is caught: the first stays, both are kept, the
   caller is told. Thread-safe throughout; callbacks may come on any thread and must not call back. */
#ifndef SU_NODE_EXCHANGE_H
#define SU_NODE_EXCHANGE_H

#include "journal.h"
#include "peer/peer.h"
#include "sender.h"

#define SU_FLOW_FRAME_BYTES (32u << 20) /* of the rows of a frame made here, at least one row */
#define SU_EXCHANGE_PORTS_MAX 8u
#define SU_EXCHANGE_ANSWER_BYTES                                                                   \
    (32u << 20) /* an answer to WANT ends with the frame that reaches it */

struct su_exchange;

/* A producer said two different things, or something that is wrong by itself. */
struct su_exchange_evidence {
    uint8_t execution[32], producer[32];
    uint16_t task;
    uint8_t attempt, output;
    uint32_t step;
    bool wrong_leaf; /* its leaf is not that of its row; else: two leaves of one step */
};
struct su_exchange_opts { /* zero means the defaults in brackets */
    struct su_peer_self *self;
    struct su_journal *journal;
    uint64_t memory_bytes; /* frames being taken or served at once; more are BUSY [256 MiB] */
    uint32_t waiters_max; /* WANTs that wait at once; more are BUSY [64] */
    uint32_t executions_max; /* [256] */
    uint32_t call_ms, pause_max_ms; /* of the sender */
    /* May `asker` have the frames of w? Asked after its signature was verified. */
    bool (*may)(void *ctx, const struct su_wire_want *w, const uint8_t asker[32]);
    /* A frame came for an execution, or an attempt of a task in one, that is not open here: perhaps
       news; unverified, at most once a second. May be NULL. */
    void (*unknown)(void *ctx, const uint8_t execution[32]);
    /* May be NULL. */
    void (*evidence)(void *ctx, const struct su_exchange_evidence *ev);
    void *ctx;
};
SU_CHECK enum su_code su_exchange_new(const struct su_exchange_opts *o, struct su_exchange **out,
                                      struct su_err *e);
/* Every wait ends (SU_ECANCELLED), every WANT that waits is answered, from here on. */
void su_exchange_stop(struct su_exchange *x);
/* After the server has stopped and all flows are closed. What was not left stays in the journal. NULL
   allowed. */
void su_exchange_free(struct su_exchange *x);

/* ---- executions -------------------------------------------------------------------------------- */

/* Opens an execution, or finds it open, and sets bytes aside in the journal (su_journal_enter): do so
   before accepting a part in it. SU_EBUSY: executions_max, or it is being left; SU_ETYPE: open with
   another request_slot; errors of su_journal_enter. */
SU_CHECK enum su_code su_exchange_enter(struct su_exchange *x, const uint8_t execution[32],
                                        uint64_t request_slot, uint64_t bytes, struct su_err *e);
/* It is over: its waits end with SU_ECANCELLED, its lines close; when nobody uses its flows any more its
   journal is deleted. An unknown one is deleted from the journal only. */
void su_exchange_leave(struct su_exchange *x, const uint8_t execution[32]);
/* Its waits end with SU_ECANCELLED from now on, while on is true. */
void su_exchange_cancel(struct su_exchange *x, const uint8_t execution[32], bool on);

/* Where an input of a task of ours comes from, to answer WANT for a check. A port may have both: a
   token input takes the prompt from outside and then what was sampled one step before (shift 1). */
struct su_exchange_port {
    bool external; /* from the input container */
    bool produced; /* from the flow below: its step s is this input's step s + shift */
    uint16_t task;
    uint8_t attempt, output;
    uint32_t shift;
};
/* Tells the inputs of a task of an open execution; again when a producer was replaced. SU_ENOENT: the
   execution is not open; SU_EINVAL: n. */
SU_CHECK enum su_code su_exchange_ports(struct su_exchange *x, const uint8_t execution[32],
                                        uint16_t task, uint8_t attempt,
                                        const struct su_exchange_port *ports, uint32_t n,
                                        struct su_err *e);
/* Keeps the input container of an open execution (a note of the journal), once, and hands it out
   again: appended to out; SU_ENOENT. The caller has checked its digest. */
SU_CHECK enum su_code su_exchange_container_put(struct su_exchange *x, const uint8_t execution[32],
                                                const void *data, size_t n, struct su_err *e);
SU_CHECK enum su_code su_exchange_container_get(struct su_exchange *x, const uint8_t execution[32],
                                                struct su_buf *out, struct su_err *e);

/* ---- flows ------------------------------------------------------------------------------------- */

struct su_flow;
struct su_flow_opts {
    const uint8_t *execution; /* open */
    uint16_t task;
    uint8_t attempt, output;
    const uint8_t *producer; /* identity; our own when the task runs here */
    uint8_t dtype, rank; /* of one step's row, as in struct su_wire_activation */
    uint32_t dims[SU_RANK_MAX];
    uint32_t first, end; /* steps that it will have: first .. end - 1; end <= SU_STEPS_MAX */
};
/* Opens a flow with what the journal holds of it, or finds it open with the same options (SU_ETYPE:
   with others, or the journal's frames are another producer's). SU_ENOENT: the execution is not open;
   SU_EINVAL: no shape a frame may have, first >= end; errors of su_journal_stream_open. The caller
   may use it until su_flow_close; the flow itself stays, is sent and served, until its execution is
   left. On failure *out is NULL. */
SU_CHECK enum su_code su_flow_open(struct su_exchange *x, const struct su_flow_opts *o,
                                   struct su_flow **out, struct su_err *e);
void su_flow_close(struct su_flow *f); /* NULL allowed */
/* Steps first .. have - 1 are here without a gap; first when there are none. */
uint32_t su_flow_have(struct su_flow *f);
uint64_t su_flow_row_bytes(const struct su_flow *f);

struct su_flow_need {
    struct su_flow *flow;
    uint32_t have; /* wanted of su_flow_have */
    bool offered; /* of su_flow_offered */
};
/* Waits until all needs are met. SU_ETIMEOUT after timeout_ms; SU_ECANCELLED: cancelled (may be NULL,
   asked every 50 ms), su_exchange_cancel, su_exchange_leave, su_exchange_stop. Flows of one
   execution. */
SU_CHECK enum su_code su_flow_wait(struct su_exchange *x, const struct su_flow_need *need,
                                   uint32_t n, uint32_t timeout_ms, bool (*cancelled)(void *ctx),
                                   void *ctx, struct su_err *e);
/* A frame over a connection that brought its producer's frames before is offered: its rows may be used
   while its signature is verified, by somebody who gives nothing of what comes of it to anybody before
   su_flow_confirm. Of a flow of which one offer was refused there is no other. */
uint32_t su_flow_offered(struct su_flow *f); /* as su_flow_have, with the steps of an offer */
/* As su_flow_rows, with those of an offer, whose number is then in *offer, else 0. */
SU_CHECK enum su_code su_flow_rows_offered(struct su_flow *f, uint32_t step, uint32_t n, void *rows,
                                           uint64_t *offer, struct su_err *e);
/* Waits until an offer is verified and kept: no longer than that takes. 0: at once. SU_EDIGEST: it was
   refused, and everything that was computed from it is void. */
SU_CHECK enum su_code su_flow_confirm(struct su_flow *f, uint64_t offer, struct su_err *e);
/* Copies the rows of steps step .. step + n - 1 into rows, and their leaves as the producer signed
   them into leaves (32 bytes each; either may be NULL). SU_ENOENT: not all are here; errors of
   su_journal_stream_read. */
SU_CHECK enum su_code su_flow_rows(struct su_flow *f, uint32_t step, uint32_t n, void *rows,
                                   uint8_t *leaves, struct su_err *e);
/* Adds rows of steps step .. step + n - 1 of our own task, signed in frames of at most
   SU_WIRE_STEPS_MAX steps, to the journal, and wakes who waits for them. Steps that are there already
   are left out if they are the same; SU_EDIGEST: they are not, nothing is signed. SU_EINVAL: not our
   own, beyond `end`, or a gap before step; errors of su_peer_frames and su_journal_stream_append: what
   was added before stays. */
SU_CHECK enum su_code su_flow_emit(struct su_flow *f, uint32_t step, uint32_t n, const void *rows,
                                   const uint8_t *leaves, struct su_err *e);
/* The same for several flows of one exchange, be they of several executions, as what one dispatch gave: they
   are signed together, whoever waits for them is woken once, and a node that takes them gets them together.
   One that fails does not hold up the others. */
struct su_flow_given {
    struct su_flow *flow;
    uint32_t step, n;
    const void *rows;
    const uint8_t *leaves;
    enum su_code rc; /* set: what came of it, as su_flow_emit */
    struct su_err e;
};
void su_flow_emit_all(struct su_flow_given *given, uint32_t n);
/* Sends all frames of our own flow, those to come too, to a consumer: one line per identity. Another
   endpoint for an identity, or `again`: all frames once more. Our own identity: nothing to do.
   SU_EINVAL: endpoint, or another's flow; SU_ECANCELLED: the execution was left; SU_ENOMEM. */
SU_CHECK enum su_code su_flow_send(struct su_flow *f, const uint8_t identity[32],
                                   const char *endpoint, bool again, struct su_err *e);
/* Sends no more to this one (it was replaced). */
void su_flow_unsend(struct su_flow *f, const uint8_t identity[32]);
/* When the last frame of our own flow was acknowledged, by all it goes to (monotonic): 0 when it goes to
   nobody or has no frame, UINT64_MAX while one is on its way. */
uint64_t su_flow_taken_ns(struct su_flow *f);
/* Asks `from` (the producer) at endpoint with WANT for what is missing below `end`, once; takes what
   comes. SU_OK when there is more than before. SU_ENOENT: nothing there; errors of su_peer_want and of
   frames that would have been refused. Blocks. */
SU_CHECK enum su_code su_flow_fetch(struct su_flow *f, const char *endpoint, uint32_t wait_ms,
                                    const struct su_peer_call *call, struct su_err *e);

/* ---- serving ----------------------------------------------------------------------------------- */

/* The answer to the bytes of a POST to /api/frame, one frame or several (SU_PEER_TOGETHER_MAX) one after
   the other: one ACK of all, or the answer to each in their order. An answer is ACK, or REFUSAL with FORMAT (also: shape,
   type, steps or a leaf that are not those of the flow), SIGNATURE, SENDER (not the producer), SCOPE (no
   such flow here), BUSY (memory, or the journal's room), FAILED (the journal). Appended to answer, which
   is empty only when memory is gone or the signer refuses. connection: which one it came over
   (su_http_call), 0: nothing is offered. */
void su_exchange_take(struct su_exchange *x, uint64_t connection, const void *body, size_t n,
                      struct su_buf *answer);
/* The same for a POST to /api/frames (WANT): frames, or one REFUSAL: MISSING, SENDER (may says no), SCOPE
   (the execution is not open here), TIME, REPLAY, BUSY. Blocks up to wait_ms (cut to
   SU_PEER_WAIT_MS_MAX) while nothing of what is wanted is there. */
void su_exchange_serve(struct su_exchange *x, const void *want, size_t n, uint32_t wait_ms,
                       struct su_buf *answer);

/* ---- looking ----------------------------------------------------------------------------------- */

struct su_exchange_stat { /* of an execution, or of all */
    uint32_t flows, lines;
    uint32_t unacknowledged; /* frames on their way */
    uint64_t received, sent; /* frames */
    uint64_t received_bytes, sent_bytes;
    uint64_t network_us; /* of the calls that were acknowledged */
    uint64_t waiting_ms; /* of the line that waits longest */
};
/* execution NULL: all together. SU_ENOENT. */
SU_CHECK enum su_code su_exchange_stat(struct su_exchange *x, const uint8_t *execution,
                                       struct su_exchange_stat *out, struct su_err *e);

#endif
