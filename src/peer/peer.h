// SPDX-License-Identifier: MIT
/* peer: how nodes, oracles and requestors call each other: frames of module wire over HTTP, and the
   few other things they hand out. An answer is believed when the one who was asked has signed it, or
   when its digest is the one on chain. Serving is the business of node and oracle.

   An endpoint is HOST:PORT as it stands in a node's account: a name, an IPv4 address or [an IPv6
   address]. It comes from strangers: nothing but http, and paths of this protocol, is ever asked of
   it. All functions block until their deadline at most and may be called from any thread. */
#ifndef SU_PEER_H
#define SU_PEER_H

#include "base/base.h"
#include "http/http.h"
#include "wire/wire.h"

#define SU_PEER_INPUT_BYTES_MAX (64u << 20) /* of an input container */
#define SU_PEER_FRAMES_BYTES_MAX (128u << 20) /* of one answer to WANT */
#define SU_PEER_WAIT_MS_MAX 20000u
#define SU_PEER_STATUS_BYTES_MAX (1u << 20)
/* Header of a frame that an oracle passes on to the others: it is not passed on again. */
#define SU_PEER_FORWARDED_HEADER "x-splitup-forwarded"
/* Header of WANT: wait so many ms for frames that are not there yet. */
#define SU_PEER_WAIT_HEADER "x-splitup-wait-ms"

/* http://ENDPOINT/PATH into out (path begins with '/'). SU_EINVAL: no endpoint; SU_ELIMIT. */
SU_CHECK enum su_code su_peer_url(const char *endpoint, const char *path, char *out, size_t cap,
                                  struct su_err *e);

/* Whether somebody listens at an endpoint: tried once, for at most ms beside what its name takes to be
   looked up. Of several addresses one that listens is enough, and all must refuse. What is no endpoint
   is silent. */
enum su_peer_listens { SU_PEER_LISTENS, SU_PEER_REFUSES, SU_PEER_SILENT };
enum su_peer_listens su_peer_listens(const char *endpoint, uint32_t ms);

/* ---- speaking ---------------------------------------------------------------------------------- */

/* One's own voice: who signs, for which program and cluster, and the number of the last statement.
   A process has one per key. Thread-safe if the signer is. */
struct su_peer_self;
/* Copies scope, keeps signer. `after` is a sequence number that the key used before, 0 when none is
   known: numbers go on above it though the clock may have been set back (su_wire_stamp_next).
   SU_ENOMEM. */
SU_CHECK enum su_code su_peer_self_new(const struct su_signer *signer,
                                       const struct su_wire_scope *scope, uint64_t after,
                                       struct su_peer_self **out, struct su_err *e);
void su_peer_self_free(struct su_peer_self *self); /* NULL allowed */
const uint8_t *su_peer_self_key(const struct su_peer_self *self); /* 32 bytes */
const struct su_wire_scope *su_peer_self_scope(const struct su_peer_self *self);
uint64_t su_peer_self_sequence(struct su_peer_self *self); /* of the last statement */
/* Appends a whole signed frame: head, body and m->data. Errors of su_wire_encode, su_buf_check. */
SU_CHECK enum su_code su_peer_frame(struct su_peer_self *self, const struct su_wire_message *m,
                                    struct su_buf *out, struct su_err *e);
/* The same for n activations, 1 to SU_WIRE_JOINT_MAX, under one signature; m[i] goes to out[i]. */
SU_CHECK enum su_code su_peer_frames(struct su_peer_self *self, const struct su_wire_message *m,
                                     uint32_t n, struct su_buf *out, struct su_err *e);
/* The two answers to a frame; f may be NULL in a refusal of bytes that do not parse. Errors as
   above. */
SU_CHECK enum su_code su_peer_ack(struct su_peer_self *self, const struct su_wire_frame *f,
                                  struct su_buf *out, struct su_err *e);
/* One acknowledgement of several frames that came together: it names the digest of their digests. One
   frame: as su_peer_ack. */
SU_CHECK enum su_code su_peer_ack_all(struct su_peer_self *self, const struct su_wire_frame *f,
                                      uint32_t n, struct su_buf *out, struct su_err *e);
SU_CHECK enum su_code su_peer_refuse(struct su_peer_self *self, const struct su_wire_frame *f,
                                     enum su_wire_refusal_code code, const char *text,
                                     struct su_buf *out, struct su_err *e);

/* ---- asking ------------------------------------------------------------------------------------ */

/* All-zero means the defaults in brackets. */
struct su_peer_call {
    uint32_t deadline_ms; /* the whole call [10 000] */
    uint64_t max_bytes; /* of the answer [what the function says] */
    bool forwarded; /* say so (SU_PEER_FORWARDED_HEADER) */
    /* Connections that are kept from one call to the next [none]. */
    struct su_http_keep *keep;
    /* A connection for what may be said twice, where it can be used; else as without [none]. */
    struct su_http_line *line;
    uint64_t since_ns; /* when the call began (monotonic) [now] */
    bool (*cancelled)(void *ctx);
    void *ctx;
};

struct su_peer_answer { /* of su_peer_post and su_peer_want */
    bool refused;
    uint16_t refusal; /* enum su_wire_refusal_code, 0 when none was given */
    char text[SU_WIRE_TEXT_MAX + 1]; /* the reason, printable */
    uint64_t network_us; /* the call took so long */
};

/* Posts one frame (of self's or of anybody's: n bytes as they were made) to the path of its kind and
   reads the acknowledgement, which must be signed by `to` (NULL = by anybody) and name this frame.
   SU_OK: it has it. Of a refusal, which is signed like an acknowledgement, *answer (may be NULL)
   keeps code and reason, and the call returns SU_EBUSY (BUSY: again later), SU_ENOENT (MISSING),
   SU_EEXIST (REPLAY: it has it already), SU_ETIMEOUT (TIME: the clocks differ), SU_EACCES (SIGNATURE,
   SENDER), SU_ETYPE (SCOPE), SU_EFORMAT (FORMAT), SU_EINTERNAL (FAILED). Without a valid answer
   answer->refused is false: SU_EINVAL (endpoint, frame), errors of su_http_request, SU_ENET (an HTTP
   status), SU_EFORMAT, SU_EACCES (not signed by `to`), SU_EDIGEST (an answer to something else). */
SU_CHECK enum su_code su_peer_post(const struct su_wire_scope *scope, const char *endpoint,
                                   const uint8_t *to, const void *frame, size_t n,
                                   const struct su_peer_call *call, struct su_peer_answer *answer,
                                   struct su_err *e);

/* The same for n_frame frames of one kind that lie one after the other, in one call. SU_OK: an answer to each
   came, and each[i] is what su_peer_post would have returned for frame i, answer[i] what it would have
   filled but for network_us, which is that of the call (answer: n_frame of them, or NULL). Else none is
   known to have come through. SU_EINVAL: also, n_frame is not 1 to SU_PEER_TOGETHER_MAX. */
#define SU_PEER_TOGETHER_MAX 32u
SU_CHECK enum su_code su_peer_post_all(const struct su_wire_scope *scope, const char *endpoint,
                                       const uint8_t *to, const void *frames, size_t n,
                                       uint32_t n_frame, const struct su_peer_call *call,
                                       enum su_code *each, struct su_peer_answer *answer,
                                       struct su_err *e);
/* Writes the frames over call->line, as far as they go without waiting: su_peer_post_all with the same
   arguments is to follow. False: not all was written, or nothing. */
SU_CHECK bool su_peer_post_begin(const char *endpoint, const void *frames, size_t n,
                                 const struct su_peer_call *call);

/* What is asked for with WANT. Purpose SU_WIRE_RECOVERY: ref names an output of a task; the answer
   is its producer's ACTIVATION frames. SU_WIRE_CHECK: ref names an input; the answer is INPUT frames
   of the task's asserter, each around the producer's ACTIVATION frame, or one around the requestor's
   container. Frames come in order of their steps; they may begin before step_first and end before or
   after the last one wanted, whatever they were cut into when they were made. Ask again for what is
   missing. */
struct su_peer_want {
    struct su_wire_want want;
    uint32_t wait_ms; /* if nothing of it is there yet, up to SU_PEER_WAIT_MS_MAX */
    const uint8_t *sender; /* who must have signed the frames: the one who is asked */
    const uint8_t *producer; /* CHECK: who must have signed the frames inside; NULL = anybody */
};
/* Appends to `frames` (initialised; its limit holds) whole frames one after the other: each parsed
   and verified, of the execution, task, attempt, port and purpose asked for, in order of steps, at
   least one. Refusals as su_peer_post: SU_ENOENT = not there (yet), SU_EACCES = no part in it. Else
   as there; SU_ELIMIT (more than call->max_bytes [SU_PEER_FRAMES_BYTES_MAX]). On failure frames is
   as it was. The deadline runs on top of wait_ms. */
SU_CHECK enum su_code su_peer_want(struct su_peer_self *self, const char *endpoint,
                                   const struct su_peer_want *w, const struct su_peer_call *call,
                                   struct su_buf *frames, struct su_peer_answer *answer,
                                   struct su_err *e);
/* Walks such bytes: the frame at *at, and *at moves behind it. False at the end, or where no frame
   is. */
bool su_peer_next(const struct su_buf *frames, size_t *at, struct su_wire_frame *f);
/* The ACTIVATION within an INPUT frame that was verified so; SU_ETYPE: it is external. Else as
   su_wire_parse. */
SU_CHECK enum su_code su_peer_inner(const struct su_wire_frame *input, struct su_wire_frame *inner,
                                    struct su_err *e);

/* ---- things of oracles ------------------------------------------------------------------------- */

/* Hands an oracle the input container of an execution. SU_EACCES: it refuses it, with its reason;
   SU_ENOENT: it knows no such execution (yet); SU_EBUSY: later; else errors of su_http_request,
   SU_ENET (a status). */
SU_CHECK enum su_code su_peer_input_post(const char *endpoint, const uint8_t execution[32],
                                         const void *container, size_t n,
                                         const struct su_peer_call *call, struct su_err *e);
/* Appends the container whose sha256 is `digest`. SU_ENOENT: it has none; SU_EDIGEST: another one;
   SU_ELIMIT (SU_PEER_INPUT_BYTES_MAX); else as above. On failure out is as it was. */
SU_CHECK enum su_code su_peer_input_get(const char *endpoint, const uint8_t execution[32],
                                        const uint8_t digest[32], const struct su_peer_call *call,
                                        struct su_buf *out, struct su_err *e);
/* Appends the TABLE frame of an execution, signed by anybody, whose two roots are these and are
   right (su_wire_table_check). SU_ENOENT, SU_EDIGEST, else as above and su_wire_verify. */
SU_CHECK enum su_code su_peer_table_get(const struct su_wire_scope *scope, const char *endpoint,
                                        const uint8_t execution[32], const uint8_t table_root[32],
                                        const uint8_t assignment_root[32],
                                        const struct su_peer_call *call, struct su_buf *out,
                                        struct su_err *e);
/* Appends the text of /api/status (JSON, not looked at). */
SU_CHECK enum su_code su_peer_status_get(const char *endpoint, const struct su_peer_call *call,
                                         struct su_buf *out, struct su_err *e);

#endif
