// SPDX-License-Identifier: MIT
/* Delivers streams of frames to other nodes. A line is one stream to one node: its frames go out in
   order, the next one when the one before is acknowledged, and each again and again, with growing
   pauses, until it is: a node that is gone comes back or is replaced, and nothing waits for it but its
   own lines. What several lines to one node have ready goes out in one call. A frame is read from its
   source when it is its turn, so memory is one frame per call under way. Lines to one endpoint share
   SU_SENDER_CALLS connections. Thread-safe. */
#ifndef SU_NODE_SENDER_H
#define SU_NODE_SENDER_H

#include "peer/peer.h"

#define SU_SENDER_CALLS 4u /* under way at once to one endpoint */
#define SU_SENDER_CALLS_MAX 128u /* and to all */
#define SU_SENDER_CALL_BYTES (1u << 20) /* more frames than one are no more than that together */

/* Where the frames of a line come from. */
struct su_sender_source {
    /* Appends frame i. SU_ENOENT: there is none yet (su_sender_line_wake says when there may be);
       anything else ends the line's sending until it is woken. */
    enum su_code (*frame)(void *ctx, uint32_t i, struct su_buf *out, struct su_err *e);
    void *ctx;
};

struct su_sender;
struct su_sender_opts { /* zero means the defaults in brackets */
    struct su_wire_scope scope; /* copied */
    uint32_t call_ms; /* deadline of one call, on top of 1 ms per KiB [10 000] */
    uint32_t pause_ms; /* after a first failure, doubling [20] */
    uint32_t pause_max_ms; /* [2 000] */
    void (*acknowledged)(void *ctx); /* some line got further; on a thread of the sender */
    void *ctx;
};
SU_CHECK enum su_code su_sender_new(const struct su_sender_opts *o, struct su_sender **out,
                                    struct su_err *e); /* SU_ENOMEM */
/* Ends all calls under way, then the threads. After all its lines. NULL allowed. */
void su_sender_free(struct su_sender *s);

struct su_sender_line;
/* A line to `identity` (who must sign the acknowledgements) at endpoint, from frame `next` on; keeps
   source until it is closed. SU_EINVAL: endpoint; SU_ENOMEM. On failure *out is NULL. */
SU_CHECK enum su_code su_sender_line_open(struct su_sender *s, const char *endpoint,
                                          const uint8_t identity[32],
                                          const struct su_sender_source *source, uint32_t next,
                                          struct su_sender_line **out, struct su_err *e);
/* There may be more frames. */
void su_sender_line_wake(struct su_sender_line *l);
/* The same of several lines: each is told, then they are looked after together. now: by this thread, as far
   as goes without waiting over connections that are there: for little that is waited for. */
void su_sender_line_ready(struct su_sender_line *l);
void su_sender_attend(struct su_sender *s, bool now);
/* Ends its call, if one is under way, and the line. NULL allowed. */
void su_sender_line_close(struct su_sender_line *l);

struct su_sender_stat {
    uint32_t acknowledged; /* frames, with those before `next` */
    uint32_t failures; /* calls since the last acknowledgement that came to nothing */
    uint64_t bytes; /* acknowledged by this line */
    uint64_t network_us; /* of the calls that were acknowledged */
    uint64_t taken_ns; /* the last acknowledgement, monotonic; 0 = none */
    uint64_t waiting_ms; /* since the last success, while there is something to send; else 0 */
    uint16_t refusal; /* of the last failure, enum su_wire_refusal_code; 0 = no answer */
    bool idle; /* nothing left to send when it last asked */
    char text[200]; /* of the last failure */
};
void su_sender_line_stat(struct su_sender_line *l, struct su_sender_stat *out);

#endif
