// SPDX-License-Identifier: MIT
/* Heartbeats: one frame goes to every oracle of the epoch at once, each over a connection and a
   thread of its own, so that a slow or silent oracle delays nobody. */
#ifndef SU_NODE_BEATS_H
#define SU_NODE_BEATS_H

#include "abi/abi.h"
#include "base/base.h"
#include "wire/wire.h"

struct node_beats;
struct node_beats_to {
    uint8_t key[32];
    char endpoint[SU_ENDPOINT_MAX + 1]; /* "" = none known: left out */
};
struct node_beats_counts {
    uint64_t sent, acknowledged; /* frames handed to an oracle; frames it acknowledged */
    int64_t last_ms; /* wall clock of the last acknowledgement; 0 = none */
};
/* Copies the scope. SU_EIO: threads could not be made; SU_ENOMEM. On failure *out is NULL. */
SU_CHECK enum su_code node_beats_new(const struct su_wire_scope *scope, struct node_beats **out,
                                     struct su_err *e);
/* Those who are told from now on; n <= SU_ORACLES_MAX. */
void node_beats_direct(struct node_beats *b, const struct node_beats_to *to, size_t n);
/* Takes over a frame (emptied) and hands it to every oracle; one that is still busy with an older
   frame gets the newest when it is done. deadline_ms: of each call. Never blocks. */
void node_beats_send(struct node_beats *b, struct su_buf *frame, uint32_t deadline_ms);
/* Waits until every oracle has had the newest frame, or that long. True: all have. */
bool node_beats_flush(struct node_beats *b, uint32_t wait_ms);
void node_beats_counts(struct node_beats *b, struct node_beats_counts *out);
void node_beats_free(struct node_beats *b); /* breaks calls off; NULL allowed */

#endif
