// SPDX-License-Identifier: MIT
/* Inside of the exchange. Order of locks: exchange, flow, journal or sender; line_lock of a flow is
   taken before all of them. */
#ifndef SU_NODE_EXCHANGE_PRIV_H
#define SU_NODE_EXCHANGE_PRIV_H

#include "exchange.h"

#include <pthread.h>

enum { EXCHANGE_HINTS = 16, EXCHANGE_KNOWN = 64 };

/* A frame in the journal. */
struct su_held {
    uint32_t first, count; /* steps */
    uint32_t record; /* of the stream */
    uint64_t bytes, rows_at; /* of the frame; where its rows begin in it */
    uint8_t digest[32];
    uint8_t *leaves; /* count digests */
};
/* Steps that were new with a frame. */
struct su_piece {
    uint32_t step, count, held;
};
struct su_destination {
    uint8_t identity[32];
    char endpoint[204];
    struct su_sender_line *line;
    struct su_destination *next;
};
struct su_flow {
    struct su_exchange *x;
    struct su_exchange_run *run;
    uint8_t producer[32];
    uint16_t task;
    uint8_t attempt, output, dtype, rank;
    uint32_t dims[SU_RANK_MAX], first, end;
    uint64_t row_bytes;
    bool own;
    uint32_t refs; /* under the exchange's lock */

    pthread_mutex_t line_lock; /* one change of destinations at a time */
    pthread_mutex_t lock; /* of what follows */
    struct su_journal_stream *stream,
        *other; /* other: frames that contradict, opened when needed */
    char name[24]; /* of the stream */
    struct su_held *held;
    struct su_piece *piece; /* by step, without overlaps */
    uint32_t n_held, cap_held, n_piece, cap_piece;
    uint32_t have;
    /* The frame that is being verified: its rows, NULL when there is none; its number and that of the last
       which was refused, after which there is none any more. */
    const uint8_t *offered_rows;
    uint32_t offered_first, offered_count;
    uint64_t offers, refused_offer;
    bool accused; /* evidence was reported */
    struct su_destination *destinations;
    uint64_t received, received_bytes;
    struct su_flow *next;
};
struct su_parts { /* inputs of a task of ours */
    uint16_t task;
    uint8_t attempt;
    uint32_t n;
    struct su_exchange_port port[SU_EXCHANGE_PORTS_MAX];
    struct su_parts *next;
};
struct su_exchange_run { /* an execution */
    uint8_t execution[32];
    uint64_t request_slot;
    bool leaving, cancelled;
    uint32_t refs; /* of flows and calls under way, under the exchange's lock */
    pthread_cond_t changed; /* frames of it came, or it ended */
    uint64_t changes;
    struct su_flow *flows;
    struct su_parts *parts;
    struct su_exchange_run *next;
};
/* A connection that brought a frame of a producer which was his. */
struct su_exchange_known {
    uint64_t connection; /* 0: none */
    uint8_t producer[32];
};
struct su_exchange {
    struct su_exchange_opts o;
    struct su_sender *sender;
    pthread_mutex_t open_lock; /* one flow is opened at a time; before all others */
    pthread_mutex_t lock;
    pthread_cond_t changed; /* for WANTs that wait: frames came, or something ended */
    struct su_exchange_run *runs;
    uint32_t n_run, n_waiter;
    uint64_t in_use_bytes;
    uint64_t changes; /* grows with every change */
    bool stopping;
    struct su_wire_guard *guard;
    struct {
        uint8_t execution[32];
        uint64_t at_ns;
    } hint[EXCHANGE_HINTS];
    struct su_exchange_known known[EXCHANGE_KNOWN]; /* a ring */
    uint32_t n_known;
};

/* ---- exchange.c ------------------------------------------------------------------------------ */

/* Under the lock: the execution, not being left; NULL. */
struct su_exchange_run *su_run_find(struct su_exchange *x, const uint8_t execution[32]);
void su_run_release(struct su_exchange *x, struct su_exchange_run *run); /* a reference; no lock */
/* Tells everybody who waits; no lock of the exchange may be held. */
void su_exchange_changed(struct su_exchange *x);
/* Tells those who wait for this execution: with many under way, all others are left alone. */
void su_run_changed(struct su_exchange *x, const uint8_t execution[32]);
/* Waits for a change of the run, NULL = of any, after `seen`, until a time at most; under the lock. */
void su_exchange_wait_change(struct su_exchange *x, struct su_exchange_run *run, uint64_t seen,
                             uint64_t until_ns);
/* Sets n bytes of memory aside; false: too much is under way. */
bool su_exchange_memory_take(struct su_exchange *x, uint64_t n);
void su_exchange_memory_give(struct su_exchange *x, uint64_t n);
/* SU_ENOENT: there is none. */
SU_CHECK enum su_code su_exchange_container_bytes(struct su_exchange *x,
                                                  const uint8_t execution[32], uint64_t *bytes,
                                                  struct su_err *e);
void su_monotonic_cond_init(pthread_cond_t *c);
void su_exchange_unknown(struct su_exchange *x, const uint8_t execution[32]);

/* ---- exchange_flow.c ------------------------------------------------------------------------- */

/* Under the exchange's lock: the flow, with a reference, or NULL. */
struct su_flow *su_flow_find(struct su_exchange_run *run, uint16_t task, uint8_t attempt,
                             uint8_t output);
void su_flow_free(struct su_flow *f); /* its destinations are closed; no lock */
/* Why a frame (parsed, not verified) does not belong into the flow: a refusal code, 0 when it does. */
unsigned su_flow_fits(const struct su_flow *f, const struct su_wire_activation *a,
                      struct su_err *e);
/* Adds a verified frame that fits: 0, or why not. Wakes nobody. *added: something was new. */
unsigned su_flow_insert(struct su_flow *f, const struct su_wire_frame *frame, const void *bytes,
                        size_t n, const uint8_t digest[32], bool *added, struct su_err *e);
/* Compares the leaves with the rows; 0, or the refusal. Reports evidence. */
unsigned su_flow_check_leaves(struct su_flow *f, const struct su_wire_frame *frame,
                              struct su_err *e);
bool su_flow_holds(struct su_flow *f, const uint8_t digest[32]);
/* Walks the frames that hold steps first .. end - 1 in order, from *at = 0 and *last_end = 0 on: the
   next one's record and size. One with nothing beyond *last_end, the end of those before, is left
   out. False when there is no more. */
bool su_flow_next_frame(struct su_flow *f, uint64_t first, uint64_t end, uint32_t *at,
                        uint64_t *last_end, uint32_t *record, uint64_t *bytes);

/* ---- exchange_offer.c ------------------------------------------------------------------------ */

/* Offers the rows of a frame that fits until su_flow_settle, which must follow, when they are those of the
   next step and there is no other offer: its number, or 0. The caller keeps the frame. Wakes nobody. */
uint64_t su_flow_offer(struct su_flow *f, const struct su_wire_frame *frame);
/* Ends an offer. kept: it was verified, and its rows are in the flow. Wakes nobody. */
void su_flow_settle(struct su_flow *f, uint64_t offer, bool kept);

/* ---- exchange_take.c ------------------------------------------------------------------------- */

/* The refusal that an error of su_wire_verify means. */
unsigned su_exchange_refusal_of(enum su_code c);
void su_exchange_refuse(struct su_exchange *x, const struct su_wire_frame *f, unsigned code,
                        const struct su_err *why, struct su_buf *answer);
/* The open flow of a task's output, with a reference, or NULL. */
struct su_flow *su_exchange_flow_of(struct su_exchange *x, const struct su_wire_ref *r);

/* ---- exchange_send.c ------------------------------------------------------------------------- */

/* Its lines may have more to send: su_sender_attend is to follow. */
void su_flow_ready_lines(struct su_flow *f);
void su_flow_close_lines(struct su_flow *f);
/* Adds what its lines say; no lock. */
void su_flow_stat_lines(struct su_flow *f, struct su_exchange_stat *out);

#endif
