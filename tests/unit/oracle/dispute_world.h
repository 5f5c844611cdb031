// SPDX-License-Identifier: MIT
/* A model of two tasks, who ran it, and what they say and show of it. Task 1 takes the output of task
   0 and an external input. Everything here fails the running test on any error. */
#ifndef SU_TEST_ORACLE_DISPUTE_WORLD_H
#define SU_TEST_ORACLE_DISPUTE_WORLD_H

#include "oracle/dispute.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { WORLD_STEPS = 5, WORLD_PRODUCER = 0, WORLD_ASSERTER, WORLD_VALIDATOR, WORLD_STRANGER };
enum { WORLD_MID = 3, WORLD_OUT = 2 }; /* elements of a row between the tasks, and at the end */

/* What somebody answers when asked. */
struct world_reply {
    enum su_code rc; /* of the fetch */
    struct su_buf frames;
    uint32_t asked;
    bool piecemeal; /* one frame a call, from the first step wanted */
};
struct world {
    char dir[200];
    struct su_store *store;
    struct su_package package;
    struct su_package_task task[2];
    struct su_plan_input from0[1], from1[2];
    bool external0[1], external1[1];
    struct su_wire_scope scope;
    uint8_t program[32], genesis[32], key[32];
    struct su_signer signer[4];
    struct su_peer_self *self[4];
    struct su_buf container;
    float x[WORLD_STEPS][4], b[WORLD_STEPS][WORLD_MID]; /* external inputs of both */
    float mid[WORLD_STEPS][WORLD_MID], out[WORLD_STEPS][WORLD_OUT]; /* what is right */
    struct su_trace_roots right[2];
    struct su_acc_execution execution;
    struct su_acc_assignment assignment[2];
    const struct su_acc_assignment *assignments[2];
    struct world_reply inputs[3], outputs[3]; /* by enum dispute_party: input 0, output 0 of task 1;
                                                 of the producer output 0 of task 0 */
    bool cancelled;
    struct dispute_case c;
};
/* A world where everybody told the truth and shows everything; task 1 is in a dispute of that kind. */
struct world *world_new(uint8_t dispute);
void world_free(struct world *w);

/* ---- what they did otherwise ------------------------------------------------------------------- */

/* Roots of rows of one output, as somebody who has them commits to them. */
void world_root(const void *rows, uint32_t row_bytes, uint8_t root[32]);
/* Task 1 over other inputs: its roots, and its rows (may be NULL). */
void world_run(struct world *w, const void *mid, const void *b, struct su_trace_roots *roots,
               void *out);
/* The asserter's roots on chain, the validator's. */
void world_assert(struct world *w, const struct su_trace_roots *r);
void world_validate(struct world *w, const struct su_trace_roots *r);
/* Frames of `count` steps each of an output of a task. */
struct world_frames {
    unsigned signer, wrap; /* wrap: WORLD_STRANGER, or who puts each into an INPUT frame */
    uint16_t task;
    uint8_t attempt, port;
    bool flat; /* of another shape with as many elements */
    uint32_t first, steps, count;
    const void *rows; /* of step `first` */
    uint32_t row_bytes;
    bool wrong_leaf, other_execution;
};
void world_show(struct world *w, struct su_buf *to, const struct world_frames *f);
/* The frames of the producer's rows in INPUT frames of the asserter: the usual answer. */
struct world_frames world_mid(const void *rows);

enum su_code world_judge(struct world *w, struct dispute_finding *f, struct su_err *e);
/* That verdict, and a text in the reason. */
struct dispute_finding world_expect(struct world *w, uint8_t verdict, const char *why);
void world_refuses(struct world *w, enum su_code code, const char *text);

#endif
