// SPDX-License-Identifier: MIT
/* wire: what nodes, oracles and requestors say to each other off the chain. Nothing here decides
   anything: a frame is a signed statement, passed on as it is and kept as evidence.

   A frame is a head of 192 bytes, a body of a few fields, and for some kinds data:
       0   4  "SUWR"
       4   2  version, 1
       6   1  kind (kinds.def)
       7   1  0, or of an activation signed with others: depth d of their tree, 1 to 4, in the lower
              four bits, number of the frame among its leaves in the upper four
       8   4  bytes of the body
      12   4  bytes of the data
      16   8  sequence number of the sender
      24   8  time of the sender, Unix ms, below 2^53
      32  32  sender: identity key (ed25519)
      64  32  sha256(body)
      96  32  sha256(data), of nothing when there is none
     128  64  signature over "splitup/wire/1" || program id || genesis hash || bytes 0 to 127
     192      body, 32 * d bytes of path, data
   What a sender has to say at once he may sign once: then the signature is over "splitup/joint/1" || root
   of a full binary tree of depth d (nodes as su_merkle_node) whose leaves are sha256 of what each frame
   alone would have had signed, then zeros; the path are the siblings from the leaf up. Each frame still
   proves by itself what was said, and a receiver verifies the signature of all of them once.
   All little-endian, bodies laid out without gaps in the order of the structures below, keys and
   digests as 32 bytes, every gap and unused element zero. One statement has one encoding: parse
   refuses what encode would not produce. The signature does not cover the data itself but its
   digest, so head and body alone ("evidence") prove what a sender said about data of any size.

   Time: a receiver admits frames whose time lies within 30 s of its own clock, each (sender,
   sequence) once; su_wire_guard remembers for as long as that matters. A sender's numbers grow,
   across restarts too (su_wire_stamp). Evidence and kept frames are old by nature: no guard.

   HTTP: POST of one frame to the path of its kind, SU_WIRE_CONTENT_TYPE both ways; the answer is
   one frame (ACK, REFUSAL), or for WANT any number of frames one after the other.

   Pointers in a message are borrowed: from the frame's bytes after a parse, from the caller before
   an encode; they need no alignment. Functions are pure and thread-safe unless they say more. */
#ifndef SU_WIRE_H
#define SU_WIRE_H

#include "abi/abi.h"
#include "base/base.h"
#include "crypto/crypto.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SU_WIRE_CONTENT_TYPE "application/vnd.splitup.frame"
#define SU_WIRE_VERSION 1u
#define SU_WIRE_HEAD_BYTES 192u
#define SU_WIRE_JOINT_MAX 16u /* frames under one signature */
#define SU_WIRE_STEPS_MAX 1024u /* of one activation frame */
#define SU_WIRE_ROW_BYTES 96u /* of one row of a table */
#define SU_WIRE_ROWS_MAX (1u << SU_TABLE_DEPTH_MAX)
#define SU_WIRE_TEXT_MAX 200u
#define SU_WIRE_SKEW_MS 30000

enum su_wire_kind {
#define X(NAME, number, name, body, data, path) SU_WIRE_##NAME = number,
#include "wire/kinds.def"
#undef X
};
/* NULL for a number that is no kind. */
const char *su_wire_kind_name(unsigned kind);
const char *su_wire_kind_path(unsigned kind);

/* ---- messages -------------------------------------------------------------------------------- */

struct su_wire_ref { /* one port of a task in one attempt of an execution */
    const uint8_t *execution;
    uint64_t request_slot;
    uint16_t task;
    uint8_t attempt, port; /* port: number of the output, or of the input */
};

/* Rows of consecutive steps of one output, all of one shape; positions that emit nothing are left
   out: their leaves are empty by the request. data = the rows of step_first, then of the next, ...
   leaves[i] is what the sender commits to for step step_first + i: for an output of one part,
   sha256("splitup/leaf" || le64 step || le64 bytes of a row || row), su_leaf_digest of module
   graph. This module does not compute it: the receiver compares it while it hashes its own input
   leaves. */
struct su_wire_activation {
    struct su_wire_ref ref;
    uint32_t step_first, step_count; /* 1 to SU_WIRE_STEPS_MAX, within SU_STEPS_MAX */
    uint8_t dtype, rank; /* dtype: f32 i32 u32 bool = 0 to 3, four bytes an element */
    uint32_t dims[SU_RANK_MAX]; /* of one step; unused ones 0 */
    const uint8_t *leaves; /* step_count digests */
};
/* An input for a check, under the asserter's signature. data = the frame as its producer signed it,
   whole; or, for an external input, the requestor's bytes. */
struct su_wire_input {
    struct su_wire_ref ref; /* of the checked task; port = input */
    uint8_t external;
};
/* The sender holds the frame of that digest (su_wire_digest). */
struct su_wire_ack {
    struct su_wire_ref ref; /* of the frame acknowledged */
    const uint8_t *frame;
};
enum su_wire_purpose { SU_WIRE_RECOVERY = 1, SU_WIRE_CHECK };
struct su_wire_want { /* send me the kept frames of these steps */
    struct su_wire_ref ref;
    uint32_t step_first, step_count;
    uint8_t purpose;
};
enum su_wire_status { SU_WIRE_LOADING = 1, SU_WIRE_READY, SU_WIRE_DRAINING, SU_WIRE_UNFIT };
struct su_wire_heartbeat { /* its timestamp is the frame's time */
    uint64_t free_vram_bytes;
    uint32_t numerics_version;
    uint8_t status, has_capacity, task_count; /* tasks <= SU_DECLARED_MAX */
    const uint8_t *conformance_root;
    const uint8_t *tasks; /* addresses of the task accounts loaded, ascending */
};
/* A proposer's table and the assignment computed from it with the seed of (execution, attempt,
   round, slot_hash). data = rows: identity, owner, le64 low, le64 high, 16 bytes of tasks, as in
   su_ix_check_row, whose ranges follow one another from 0 to total without gaps. */
struct su_wire_table {
    const uint8_t *execution;
    uint64_t request_slot, total;
    uint32_t round, owner_share_ppm;
    const uint8_t *slot_hash, *table_root, *assignment_root;
    uint16_t row_count, task_count; /* 1 to SU_WIRE_ROWS_MAX, 1 to SU_TASKS_MAX */
    const uint8_t *rows_of_tasks; /* le16 each: the row of the node that gets the task */
};
/* A vote that its sender has put, or is putting, on the chain: which counts alone. */
struct su_wire_vote {
    const uint8_t *execution;
    uint64_t request_slot;
    uint32_t round;
    uint16_t task; /* SU_NO_TASK and attempt 0 in SU_QUESTION_ASSIGN */
    uint8_t question, attempt;
    const uint8_t *digest; /* su_msg_vote_assign, su_msg_vote_task */
};
enum su_wire_cancel_reason { SU_WIRE_CLIENT_STOP = 1, SU_WIRE_CLIENT_GONE };
struct su_wire_cancel { /* from the requestor to the task that samples */
    const uint8_t *execution;
    uint64_t request_slot;
    uint8_t reason;
};
enum su_wire_refusal_code {
    SU_WIRE_REFUSED_FORMAT = 1, /* the frame does not parse */
    SU_WIRE_REFUSED_SIGNATURE,
    SU_WIRE_REFUSED_SENDER, /* unknown, or without a part in this */
    SU_WIRE_REFUSED_SCOPE, /* another execution, task or attempt */
    SU_WIRE_REFUSED_TIME,
    SU_WIRE_REFUSED_REPLAY,
    SU_WIRE_REFUSED_BUSY, /* come back later */
    SU_WIRE_REFUSED_MISSING, /* the frames asked for are not here */
    SU_WIRE_REFUSED_FAILED /* trouble of the receiver's own */
};
struct su_wire_refusal {
    const uint8_t *frame; /* digest of the frame refused; zero when it had none */
    uint16_t code;
    uint8_t text_bytes; /* <= SU_WIRE_TEXT_MAX, UTF-8 without control characters */
    const char *text; /* not terminated */
};

struct su_wire_message {
    unsigned kind;
    const uint8_t *data; /* NULL in evidence */
    uint64_t data_bytes; /* also in evidence */
    union {
        struct su_wire_activation activation;
        struct su_wire_input input;
        struct su_wire_table table;
        struct su_wire_ack ack;
        struct su_wire_want want;
        struct su_wire_heartbeat heartbeat;
        struct su_wire_vote vote;
        struct su_wire_cancel cancel;
        struct su_wire_refusal refusal;
    } u;
};

/* Bytes of one step's row; 0 when type or shape are none that a frame may have. */
uint64_t su_wire_row_bytes(const struct su_wire_activation *a);

/* ---- frames ---------------------------------------------------------------------------------- */

struct su_wire_scope { /* whose program on which cluster: 32 bytes each */
    const uint8_t *program_id, *genesis;
};
struct su_wire_stamp {
    uint64_t sequence, time_ms;
};
/* The next stamp of a sender that keeps *last, first 0: numbers grow by one from now_ms * 2^20, so
   that those after a restart are above all before. One caller at a time. Assumes now_ms < 2^43. */
struct su_wire_stamp su_wire_stamp_next(uint64_t *last, int64_t now_ms);

/* Appends head and body to `out`; the data are not copied: send m->data after them. Hashes the data
   and signs. SU_EINVAL: a field that parse would refuse, out as it was; what the signer and
   su_buf_check answer. */
SU_CHECK enum su_code su_wire_encode(struct su_buf *out, const struct su_signer *signer,
                                     const struct su_wire_scope *scope, struct su_wire_stamp stamp,
                                     const struct su_wire_message *m, struct su_err *e);
/* The same for n activations, 1 to SU_WIRE_JOINT_MAX, under one signature: m[i] with stamp[i] goes to out[i],
   its head, body and path. SU_EINVAL: also, n, or another kind. On failure all of out is as it was. */
SU_CHECK enum su_code su_wire_encode_joint(struct su_buf *out, const struct su_signer *signer,
                                           const struct su_wire_scope *scope,
                                           const struct su_wire_stamp *stamp,
                                           const struct su_wire_message *m, uint32_t n,
                                           struct su_err *e);

struct su_wire_frame {
    const uint8_t *head; /* the frame's bytes, borrowed; the body follows */
    const uint8_t *sender;
    struct su_wire_stamp stamp;
    uint32_t body_bytes, path_bytes; /* the path lies behind the body, the data behind the path */
    bool whole; /* the data are there */
    struct su_wire_message m;
};
/* From the first SU_WIRE_HEAD_BYTES of a stream: how long the frame is, within the caps of its
   kind, so that memory can be had. SU_EFORMAT, SU_EUNSUPPORTED (version, kind), SU_ELIMIT. */
SU_CHECK enum su_code su_wire_frame_bytes(const uint8_t head[SU_WIRE_HEAD_BYTES], uint64_t *bytes,
                                          struct su_err *e);
/* Reads n hostile bytes, which must be one frame: form only, nothing is hashed and nobody believed
   (su_wire_verify). As su_wire_frame_bytes, and SU_ETRUNC: shorter than it says. */
SU_CHECK enum su_code su_wire_parse(const void *bytes, size_t n, struct su_wire_frame *f,
                                    struct su_err *e);
/* The same for head and body alone. */
SU_CHECK enum su_code su_wire_parse_evidence(const void *bytes, size_t n, struct su_wire_frame *f,
                                             struct su_err *e);

/* What the receiver is ready to hear. */
struct su_wire_expect {
    struct su_wire_scope scope;
    const uint8_t *sender; /* NULL = any */
    const uint8_t *execution; /* NULL = any; then the next three are not looked at */
    uint64_t request_slot;
    int32_t task, attempt; /* -1 = any */
    unsigned kind; /* 0 = any */
};
/* Cheap tests first: the expectation, the body's digest, the signature, and the data's digest when
   the frame is whole. SU_ETYPE: not what is expected, the message names the field; SU_EACCES: the
   signature is not the sender's for this program and cluster; SU_EDIGEST. */
SU_CHECK enum su_code su_wire_verify(const struct su_wire_frame *f, const struct su_wire_expect *x,
                                     struct su_err *e);
/* The signature over several frames that was verified last; begins as zero. */
struct su_wire_believed {
    bool any;
    uint8_t sender[32], root[32], signature[64];
};
/* The same for frames one after the other: a signature that is that of the frame before is not verified
   again. */
SU_CHECK enum su_code su_wire_verify_next(const struct su_wire_frame *f,
                                          const struct su_wire_expect *x,
                                          struct su_wire_believed *b, struct su_err *e);
/* sha256 of what the signature covers: the frame's name in ACK and REFUSAL. */
void su_wire_digest(const struct su_wire_frame *f, const struct su_wire_scope *scope,
                    uint8_t out[32]);

/* ---- tables ---------------------------------------------------------------------------------- */

/* Row i of a table's data, as the leaf's fields; path and padding are zero. Assumes that the
   message is a whole TABLE and i < row_count. */
void su_wire_table_row(const struct su_wire_message *m, uint32_t i, struct su_ix_check_row *row);
/* Root over the leaves of the rows, in a full tree of the least depth filled up with zero leaves;
   gives that depth. Assumes a whole TABLE. SU_ENOMEM. */
SU_CHECK enum su_code su_wire_table_root(const struct su_wire_message *m, uint8_t root[32],
                                         uint8_t *depth, struct su_err *e);
/* Root over the assignment: groups of SU_ASSIGN_GROUP tasks, RFC 6962 shape. As above. */
void su_wire_assignment_root(const struct su_wire_message *m, uint8_t root[32]);
/* Both roots stand in the message as they are computed: else SU_EDIGEST. SU_ENOMEM. */
SU_CHECK enum su_code su_wire_table_check(const struct su_wire_message *m, struct su_err *e);

/* ---- replays --------------------------------------------------------------------------------- */

/* What was heard lately: of each sender the highest sequence and which of the 256 below it. Memory
   is bounded by senders_max. Ask after su_wire_verify and after the sender is known to have a part,
   else strangers fill it. One caller at a time. */
struct su_wire_guard;
SU_CHECK enum su_code su_wire_guard_new(uint32_t senders_max, struct su_wire_guard **out,
                                        struct su_err *e); /* SU_EINVAL: 0; SU_ENOMEM */
/* Admits a frame once. SU_ETIMEOUT: its time is more than SU_WIRE_SKEW_MS from now_ms; SU_EEXIST:
   heard before, or more than 255 numbers behind; SU_EBUSY: senders_max are active, later. */
SU_CHECK enum su_code su_wire_guard_admit(struct su_wire_guard *g, const uint8_t sender[32],
                                          struct su_wire_stamp stamp, int64_t now_ms,
                                          struct su_err *e);
void su_wire_guard_free(struct su_wire_guard *g); /* NULL allowed */

#endif
